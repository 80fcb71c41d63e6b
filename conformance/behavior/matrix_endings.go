package behavior

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

const (
	doesClose      = "close"
	doesAbort      = "abort"
	doesWriteEOF   = "write_eof"
	peerEnds       = "the peer ends"
	peerResets     = "the peer resets"
	doesCloseAbort = "close, then abort"

	queueEmpty = "nothing queued"
	queueBelow = "queued below the mark"
	queueAbove = "paused above the mark"

	nobodyWaits = "nobody waits"
	readWaits   = "a read waits"
	drainWaits  = "a drain waits"
	closedWaits = "wait_closed waits"
	drainsWait  = "two drains wait"
)

// endings crosses what is written, who ends the connection then, and what is queued at that moment.
var endings = Matrix{
	Dimensions: []Dimension{
		connectionKinds,
		{Name: "written", Values: []string{doesNothing, doesWrite, doesWriteLines, doesWriteEmptyFirst, doesWriteEmptyMid, doesWriteEmptyLast}},
		{Name: "end", Values: []string{doesClose, doesAbort, doesWriteEOF, peerEnds, peerResets, doesCloseAbort}},
		{Name: "queue", Values: []string{queueEmpty, queueBelow, queueAbove}},
		{Name: "waiting", Values: []string{nobodyWaits, readWaits, drainWaits, closedWaits, drainsWait}},
	},
	Impossible: []Impossible{
		impossibleWhere("a Unix socket is not reset", among{"kind": {onUnix}, "end": {peerResets}}),
		impossibleWhere("a pipe is not reset", among{"kind": {onReadPipe, onWritePipe}, "end": {peerResets}}),
		impossibleWhere("a read pipe cannot be written",
			among{"kind": {onReadPipe}, "written": {doesWrite, doesWriteLines, doesWriteEmptyFirst, doesWriteEmptyMid, doesWriteEmptyLast}}),
		impossibleWhere("a read pipe has no write_eof", among{"kind": {onReadPipe}, "end": {doesWriteEOF}}),
		impossibleWhere("a read pipe has no abort, which only transports that write have", among{"kind": {onReadPipe}, "end": {doesAbort, doesCloseAbort}}),
		impossibleWhere("a read pipe has no writer to wait on", among{"kind": {onReadPipe}, "waiting": {drainWaits, closedWaits, drainsWait}}),
		impossibleWhere("a write pipe has no reader to wait on", among{"kind": {onWritePipe}, "waiting": {readWaits}}),
		impossibleWhere("where nothing is written nothing is queued", among{"written": {doesNothing}, "queue": {queueBelow, queueAbove}}),
	},
}

// endingBlocks are the parts of a matrix of endings that are cases: each kind of connection with each way to write, and a read
// pipe as a whole.
func endingBlocks(m *Matrix, each func(name string, part *Matrix)) {
	for _, kind := range m.Dimensions[0].Values {
		of := m.Where("kind", kind)
		if kind == onReadPipe {
			each(kind, of)
			continue
		}
		for _, written := range m.Dimensions[1].Values {
			each(kind+", "+written, of.Where("written", written))
		}
	}
}

func streamMatrix() Matrix {
	m := endings
	m.Scenario = streamEnding
	return m
}

// streamEndings ends streams in every way while their reader and writer are waited on.
func streamEndings(t *Testee) {
	m := streamMatrix()
	endingBlocks(&m, func(name string, part *Matrix) {
		It("a stream ends: "+name, Rule("writer.close.closes-socket", "writer.close.flushes-first"), func() {
			t.Needs(trace.CapWriter)
			t.Matrix(part)
		})
	})
}

// streamEnding is a stream to which the peer has sent something, which is written, waited on, and ended; and what may still
// be asked of it when it is over.
func streamEnding(at Cell) Scenario {
	b := newWire(at["kind"])
	b.openStream()
	b.begin(at)
	var waiting []string
	switch wait := at["waiting"]; wait {
	case readWaits:
		b.start("read", trace.ReaderRead, "s.reader")
	case drainWaits, drainsWait:
		b.start("drain", trace.WriterDrain, "s.writer")
		waiting = append(waiting, "drain")
		if wait == drainsWait {
			b.start("drain2", trace.WriterDrain, "s.writer")
			waiting = append(waiting, "drain2")
		}
	case closedWaits:
		b.start("closed", trace.WriterWaitClosed, "s.writer")
	}
	received := b.end(at)
	switch at["end"] {
	case doesWriteEOF:
		b.untilDone(waiting...)
		b.untilDone(received...)
		b.write(at["written"], "late")
		if b.isSocket() {
			b.send("pong")
			b.raw(trace.RawShutdown)
			b.untilRead(at)
			b.close()
		}
	case peerEnds:
		b.untilDone(waiting...)
		if b.isSocket() {
			b.untilRead(at)
			b.write(at["written"], "more")
			b.close()
			b.untilDone(received...)
		} else {
			b.untilRead(at)
		}
	default:
		b.untilDone(received...)
		b.untilDone(waiting...)
		b.untilRead(at)
	}
	if at["waiting"] == closedWaits {
		b.close()
		b.untilDone("closed")
	}
	b.after(at)
	if b.isWritable() && strings.Contains(at["waiting"], "drain") {
		b.start("drain3", trace.WriterDrain, "s.writer")
		b.untilDone("drain3")
	}
	return b.scenario
}

// untilRead waits until the reader is read to the end of the stream, if there is one.
func (b *wire) untilRead(at Cell) {
	if !b.isReadable() {
		return
	}
	if at["waiting"] != readWaits {
		b.start("read", trace.ReaderRead, "s.reader")
	}
	b.untilDone("read")
}

// begin has the peer send something, sets the marks and writes.
func (b *wire) begin(at Cell) {
	data := "hello, peer"
	if at["queue"] != queueEmpty {
		data = wireOverflows[b.kind]
		b.marks(map[string][2]int{queueBelow: marksAbove, queueAbove: marksBelow}[at["queue"]])
	}
	if b.isReadable() {
		b.send("ping")
	}
	b.write(at["written"], data)
	b.query()
}

// end ends the connection as the cell says and has the peer receive everything, if it still can. It returns the name of that
// call.
func (b *wire) end(at Cell) []string {
	canReceive := b.isWritable()
	switch at["end"] {
	case doesClose:
		b.close()
	case doesAbort:
		b.tr(trace.TransportAbort)
	case doesWriteEOF:
		b.wr(trace.Command{Op: trace.TransportWriteEOF})
	case peerEnds:
		if b.isSocket() {
			b.raw(trace.RawShutdown)
		} else {
			b.raw(trace.RawClose)
			canReceive = false
		}
	case peerResets:
		b.raw(trace.RawReset)
		canReceive = false
	case doesCloseAbort:
		b.close()
		b.scenario[len(b.scenario)-1].NoSettle = true
		b.tr(trace.TransportAbort)
	}
	b.query()
	if !canReceive {
		return nil
	}
	b.start("received", trace.RawRecv, "w")
	return []string{"received"}
}

// after asks what may be asked of a connection that is over, and does what does nothing then.
func (b *wire) after(at Cell) {
	b.query()
	b.raw(trace.RawFarOpen)
	b.write(at["written"], "too late")
	b.close()
	if b.isWritable() {
		b.tr(trace.TransportAbort)
	}
	if b.isReadable() {
		b.tr(trace.TransportPauseReading)
		b.tr(trace.TransportResumeReading)
	}
	b.do(trace.Command{Op: trace.Settle})
	b.query()
}

// transportMatrix is without the dimension of who waits, since on a transport nobody can.
func transportMatrix() Matrix {
	m := endings
	m.Dimensions = m.Dimensions[:4]
	m.Impossible = nil
	for _, i := range endings.Impossible {
		if _, about := i.Where["waiting"]; !about {
			m.Impossible = append(m.Impossible, i)
		}
	}
	m.Scenario = transportEnding
	return m
}

// transportEndings ends transports in every way.
func transportEndings(t *Testee) {
	m := transportMatrix()
	endingBlocks(&m, func(name string, part *Matrix) {
		It("a transport ends: "+name, Rule(
			"transport.base.close-ends-with-loss", "transport.base.loss-is-asynchronous", "transport.base.is-closing", "protocol.base.lost-once",
			"protocol.base.others-between",
		), func() {
			t.Needs(trace.CapTransport)
			t.Matrix(part)
		})
	})
}

// transportEnding is a transport with a protocol to which the peer has sent something, which is written and ended; and what
// may still be asked of it when it is over.
func transportEnding(at Cell) Scenario {
	b := newWire(at["kind"])
	b.open()
	b.begin(at)
	received := b.end(at)
	if at["end"] == doesWriteEOF && b.isSocket() {
		b.untilDone(received...)
		b.write(at["written"], "late")
		b.send("pong")
		b.raw(trace.RawShutdown)
	}
	b.untilEvent(trace.ConnectionLost)
	b.untilDone(received...)
	b.after(at)
	return b.scenario
}
