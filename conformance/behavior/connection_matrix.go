package behavior

import (
	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// connectionMatrix is every way to write, to end and to wait, crossed; and everything that a protocol does in its callbacks.
func connectionMatrix(t *Testee) {
	Describe("connections.matrix", func() {
		streamEndings(t)
		transportEndings(t)
		doingsInCallbacks(t)
	})
}

// The values of dimensions that several matrices have.
const (
	doesNothing = "nothing"

	doesWrite           = "write"
	doesWriteLines      = "writelines"
	doesWriteEmptyFirst = "writelines with an empty chunk first"
	doesWriteEmptyMid   = "writelines with an empty chunk in the middle"
	doesWriteEmptyLast  = "writelines with an empty chunk last"
)

var (
	onTCP, onUnix           = string(trace.TCP), string(trace.Unix)
	onReadPipe, onWritePipe = string(trace.ReadPipe), string(trace.WritePipe)

	connectionKinds = Dimension{Name: "kind", Values: []string{onTCP, onUnix, onReadPipe, onWritePipe}}
)

// among are values by the dimension.
type among = map[string][]string

// impossibleWhere says why the cells with these values are impossible.
func impossibleWhere(why string, where among) Impossible { return Impossible{Where: where, Why: why} }

// A wireVolume says how little the kernel is made to take, and how much is then certainly more than it takes, bytes.
type wireVolume struct{ buffer, overflow int }

// wireVolumes are small, and on TCP not so small that the kernel makes segments wait for each other.
var wireVolumes = map[string]wireVolume{
	onTCP: {64 << 10, 512 << 10}, onUnix: {8 << 10, 64 << 10}, onReadPipe: {4 << 10, 64 << 10}, onWritePipe: {4 << 10, 64 << 10},
}

// wireOverflows are data that the kernel does not take as a whole, by kind of connection.
var wireOverflows = func() map[string]string {
	m := map[string]string{}
	for kind, v := range wireVolumes {
		m[kind] = Pattern(v.overflow)
	}
	return m
}()

// The marks of the write queue, bytes: below the low one whatever overflows, and above the high one whatever is queued.
var (
	marksAbove = [2]int{0, 1 << 24}
	marksBelow = [2]int{256, 1024}
)

// A wire is the scenario of one connection being written down. The raw end is w. The connection is a stream s, or it is a
// transport c with a programmable protocol p.
type wire struct {
	scenario Scenario
	kind     string
	stream   bool
}

func newWire(kind string) *wire {
	b := &wire{kind: kind}
	b.do(trace.Command{Op: trace.RawMake, As: "w", Kind: trace.EndKind(kind), Buffer: wireVolumes[kind].buffer})
	return b
}

func (b *wire) isSocket() bool   { return b.kind == onTCP || b.kind == onUnix }
func (b *wire) isReadable() bool { return b.kind != onWritePipe }
func (b *wire) isWritable() bool { return b.kind != onReadPipe }

// openStream opens the connection as a stream.
func (b *wire) openStream() {
	b.stream = true
	b.do(trace.Command{Op: trace.StreamOpen, As: "s", Raw: "w"})
	b.untilDone("s")
}

// open opens the connection as a transport, with a protocol of this program.
func (b *wire) open(program ...trace.Reaction) {
	b.do(trace.Command{Op: trace.ProtocolMake, As: "p", Program: program})
	b.do(trace.Command{Op: trace.ConnectionOpen, As: "c", Raw: "w", Protocol: "p"})
	b.untilDone("c")
}

func (b *wire) do(c trace.Command) { b.scenario = append(b.scenario, c) }

func (b *wire) raw(op trace.Op) { b.do(trace.Command{Op: op, On: "w"}) }

func (b *wire) send(data string) {
	b.do(trace.Command{Op: trace.RawSend, On: "w", Data: trace.D(data)})
}

// start starts a call under a name.
func (b *wire) start(as string, op trace.Op, on string) {
	b.do(trace.Command{Op: op, On: on, As: as})
}

func (b *wire) untilDone(calls ...string) {
	for _, call := range calls {
		b.until(trace.Until{Done: call})
	}
}

func (b *wire) untilEvent(ev trace.EventName) { b.until(trace.Until{Event: ev}) }

func (b *wire) until(u trace.Until) { b.do(trace.Command{Op: trace.Run, Until: &u, Ms: 5000}) }

// tr does something to the transport.
func (b *wire) tr(op trace.Op) { b.do(trace.Command{Op: op, On: b.transport()}) }

func (b *wire) transport() string {
	if b.stream {
		return "s.transport"
	}
	return "c.transport"
}

// wr does something to the writer where there is one, else to the transport.
func (b *wire) wr(c trace.Command) {
	if b.stream && b.isWritable() {
		c.On = "s.writer"
		c.Op = map[trace.Op]trace.Op{
			trace.TransportWrite: trace.WriterWrite, trace.TransportWriteLines: trace.WriterWriteLines, trace.TransportClose: trace.WriterClose,
			trace.TransportWriteEOF: trace.WriterWriteEOF, trace.TransportIsClosing: trace.WriterIsClosing,
		}[c.Op]
	} else {
		c.On = b.transport()
	}
	b.do(c)
}

func (b *wire) close() { b.wr(trace.Command{Op: trace.TransportClose}) }

// write writes data in the given way.
func (b *wire) write(how, data string) {
	half := len(data) / 2
	first, second := data[:half], data[half:]
	var chunks []trace.Data
	switch how {
	case doesNothing:
		return
	case doesWrite:
		b.wr(trace.Command{Op: trace.TransportWrite, Data: trace.D(data)})
		return
	case doesWriteLines:
		chunks = Chunks(first, second)
	case doesWriteEmptyFirst:
		chunks = Chunks("", first, second)
	case doesWriteEmptyMid:
		chunks = Chunks(first, "", second)
	case doesWriteEmptyLast:
		chunks = Chunks(first, second, "")
	}
	b.wr(trace.Command{Op: trace.TransportWriteLines, Chunks: chunks})
}

// marks sets the marks of the write queue.
func (b *wire) marks(lowHigh [2]int) {
	b.do(trace.Command{Op: trace.TransportSetWriteBufferLimits, On: b.transport(), Low: &lowHigh[0], High: &lowHigh[1]})
}

// query asks the transport everything that changes nothing. The size of the queue is told when everything has come to rest, so
// that what follows from it must have happened by then; for the rest nothing has to run.
func (b *wire) query() {
	if b.isWritable() {
		b.tr(trace.TransportGetWriteBufferSize)
		b.do(trace.Command{Op: trace.TransportGetWriteBufferLimits, On: b.transport(), NoSettle: true})
	}
	b.do(trace.Command{Op: trace.TransportIsClosing, On: b.transport(), NoSettle: true})
}
