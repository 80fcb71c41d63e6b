package behavior

import (
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

const (
	inMade    = "in connection_made"
	inPause   = "in pause_writing"
	inData    = "in data_received"
	inResume  = "in resume_writing"
	inEOF     = "in eof_received, returning false"
	inEOFTrue = "in eof_received, returning true"
	inLost    = "in connection_lost"

	doesPause       = "pause_reading"
	doesResume      = "resume_reading"
	doesSetProtocol = "set_protocol"
	doesRaise       = "raise"
)

var doings = []string{doesClose, doesAbort, doesWrite, doesWriteLines, doesWriteEOF, doesPause, doesResume, doesSetProtocol, doesRaise}

// tellingPairs are the pairs of doings that every depth has: the second undoes the first, or must not.
var tellingPairs = [][2]string{
	{doesWrite, doesClose}, {doesWrite, doesAbort}, {doesWrite, doesWriteEOF}, {doesWriteLines, doesClose}, {doesWriteEOF, doesWrite},
	{doesClose, doesWrite}, {doesClose, doesAbort}, {doesClose, doesRaise}, {doesPause, doesResume},
}

// reentrances cross the callbacks with everything that a protocol may do in them: one thing, and one after another. The
// callbacks are in the order in which they come.
var reentrances = Matrix{
	Dimensions: []Dimension{
		connectionKinds,
		{Name: "in", Values: []string{inMade, inPause, inData, inResume, inEOF, inEOFTrue, inLost}},
		{Name: "do", Values: doings},
		{Name: "then", Values: append([]string{doesNothing}, doings...)},
	},
	Impossible: []Impossible{
		impossibleWhere("nothing is received on a write pipe", among{"kind": {onWritePipe}, "in": {inData, inEOF, inEOFTrue}}),
		impossibleWhere("nothing is queued on a read pipe", among{"kind": {onReadPipe}, "in": {inPause, inResume}}),
		impossibleWhere("what has raised does nothing more", among{"do": {doesRaise}, "then": doings}),
		impossibleWhere("what raises returns nothing", among{"in": {inEOFTrue}, "do": {doesRaise}}),
		impossibleWhere("what raises returns nothing", among{"in": {inEOFTrue}, "then": {doesRaise}}),
		impossibleWhere("a transport that only reads cannot do that", among{"kind": {onReadPipe}, "do": {doesAbort, doesWrite, doesWriteLines, doesWriteEOF}}),
		impossibleWhere("a transport that only reads cannot do that", among{"kind": {onReadPipe}, "then": {doesAbort, doesWrite, doesWriteLines, doesWriteEOF}}),
		impossibleWhere("a transport that only writes cannot do that", among{"kind": {onWritePipe}, "do": {doesPause, doesResume}}),
		impossibleWhere("a transport that only writes cannot do that", among{"kind": {onWritePipe}, "then": {doesPause, doesResume}}),
	},
	Deep: func(c Cell) bool {
		return c["then"] != doesNothing && !slices.Contains(tellingPairs, [2]string{c["do"], c["then"]})
	},
	Scenario: reentrance,
}

// andLater is between two callbacks in the order in which they come.
const andLater = " and later "

// inTwo has the protocol do one thing in one callback and one in a later one. TCP is left to what it does in one.
var inTwo = func() Matrix {
	callbacks := reentrances.Dimensions[1].Values
	var pairs []string
	for i, first := range callbacks {
		for _, second := range callbacks[i+1:] {
			if first != inEOF || second != inEOFTrue { // which are the same
				pairs = append(pairs, first+andLater+second)
			}
		}
	}
	with := func(place func(first, second string) string, callbacks ...string) []string {
		return slices.DeleteFunc(slices.Clone(pairs), func(pair string) bool {
			first, second, _ := strings.Cut(pair, andLater)
			return !slices.Contains(callbacks, place(first, second))
		})
	}
	first := func(a, _ string) string { return a }
	second := func(_, b string) string { return b }
	never := func(why, kind string, callbacks []string, actions []string) []Impossible {
		return []Impossible{
			impossibleWhere(why, among{"kind": {kind}, "in": with(first, callbacks...), "do": actions}),
			impossibleWhere(why, among{"kind": {kind}, "in": with(second, callbacks...), "do later": actions}),
		}
	}
	return Matrix{
		Dimensions: []Dimension{
			{Name: "kind", Values: []string{onUnix, onReadPipe, onWritePipe}},
			{Name: "in", Values: pairs},
			{Name: "do", Values: doings},
			{Name: "do later", Values: doings},
		},
		Impossible: slices.Concat(
			never("nothing is received on a write pipe", onWritePipe, []string{inData, inEOF, inEOFTrue}, doings),
			never("nothing is queued on a read pipe", onReadPipe, []string{inPause, inResume}, doings),
			never("a transport that only reads cannot do that", onReadPipe, callbacks, []string{doesAbort, doesWrite, doesWriteLines, doesWriteEOF}),
			never("a transport that only writes cannot do that", onWritePipe, callbacks, []string{doesPause, doesResume}),
			never("what raises returns nothing", onUnix, []string{inEOFTrue}, []string{doesRaise}),
			never("what raises returns nothing", onReadPipe, []string{inEOFTrue}, []string{doesRaise}),
		),
		Deep: func(c Cell) bool {
			often := []string{doesClose, doesAbort, doesWrite}
			return !slices.Contains(often, c["do"]) || !slices.Contains(often, c["do later"])
		},
		Scenario: reentrance,
	}
}()

// doingsInCallbacks has protocols do everything from inside their callbacks.
func doingsInCallbacks(t *Testee) {
	rules := Rule(
		"transport.base.close-ends-with-loss", "transport.base.loss-is-asynchronous", "protocol.base.made-once", "protocol.base.lost-once",
		"protocol.base.others-between",
	)
	for _, kind := range connectionKinds.Values {
		of := reentrances.Where("kind", kind)
		var ins []string // those that never happen are counted with the next one that does
		for _, in := range reentrances.Dimensions[1].Values {
			ins = append(ins, in)
			part := of.Where("in", ins...)
			if !part.IsPossible() {
				continue
			}
			ins = nil
			It("a protocol does something "+in+": "+kind, rules, func() {
				t.Needs(trace.CapTransport)
				t.Matrix(part)
			})
		}
	}
	for _, kind := range inTwo.Dimensions[0].Values {
		It("a protocol does something in two callbacks: "+kind, rules, func() {
			t.Needs(trace.CapTransport)
			t.Matrix(inTwo.Where("kind", kind))
		})
	}
}

// A reentry is what a protocol does in a callback.
type reentry struct {
	in      string
	actions []string
}

// doingsOf are what the protocol of a cell does, in the order of the callbacks.
func doingsOf(at Cell) []reentry {
	if first, second, two := strings.Cut(at["in"], andLater); two {
		return []reentry{{first, []string{at["do"]}}, {second, []string{at["do later"]}}}
	}
	return []reentry{{at["in"], slices.DeleteFunc([]string{at["do"], at["then"]}, func(a string) bool { return a == doesNothing })}}
}

// does tells whether an action is among them.
func (d reentry) does(action string) bool { return slices.Contains(d.actions, action) }

// reentrance is a connection that goes through every callback: it is written above the high mark, the peer sends, receives
// everything and ends, and at last the connection is closed. In its callbacks the protocol does what the cell says.
func reentrance(at Cell) Scenario {
	b := newWire(at["kind"])
	doings := doingsOf(at)
	does := func(action string) bool {
		return slices.ContainsFunc(doings, func(d reentry) bool { return d.does(action) })
	}
	var program []trace.Reaction
	for _, d := range doings {
		program = append(program, d.reaction())
	}
	b.do(trace.Command{Op: trace.ProtocolMake, As: "p2"})
	b.open(program...)
	if b.isWritable() {
		b.marks(marksBelow)
		b.write(doesWrite, wireOverflows[b.kind])
		b.query()
	}
	if b.isReadable() {
		b.send("ping")
		if b.certainlyComes(inData, doings) {
			b.untilEvent(trace.DataReceived)
		}
		b.send("pong")
		if does(doesPause) || does(doesResume) {
			b.tr(trace.TransportIsReading)
		}
	}
	if b.isWritable() {
		b.start("received", trace.RawRecv, "w")
		if b.certainlyComes(inResume, doings) {
			b.untilEvent(trace.ResumeWriting)
		}
	}
	if b.isSocket() {
		b.raw(trace.RawShutdown)
	} else if b.isReadable() {
		b.raw(trace.RawClose)
	}
	if b.isReadable() {
		if does(doesPause) {
			b.tr(trace.TransportResumeReading)
		}
		if b.certainlyComes(inEOF, doings) {
			b.untilEvent(trace.EOFReceived)
		}
	}
	b.query()
	b.close()
	if failsToOpen := doings[0].in == inMade && doings[0].does(doesRaise); !failsToOpen {
		b.untilEvent(trace.ConnectionLost)
		if b.isWritable() {
			b.untilDone("received")
		}
	}
	b.after(Cell{"written": doesNothing})
	for _, how := range []string{doesWrite, doesWriteLines} {
		if does(how) {
			b.write(how, "too late")
		}
	}
	return b.scenario
}

// reaction is what the program of the protocol says.
func (d reentry) reaction() trace.Reaction {
	r := trace.Reaction{In: map[string]trace.EventName{
		inMade: trace.ConnectionMade, inPause: trace.PauseWriting, inData: trace.DataReceived, inResume: trace.ResumeWriting,
		inEOF: trace.EOFReceived, inEOFTrue: trace.EOFReceived, inLost: trace.ConnectionLost,
	}[d.in], Nth: 1}
	if d.in == inEOF || d.in == inEOFTrue {
		v := trace.BoolValue(d.in == inEOFTrue)
		r.Return = &v
	}
	for _, action := range d.actions {
		c := trace.Command{On: "c.transport"}
		switch action {
		case doesRaise:
			r.Return, r.Raise = nil, trace.Text("raised "+d.in)
			continue
		case doesClose:
			c.Op = trace.TransportClose
		case doesAbort:
			c.Op = trace.TransportAbort
		case doesWrite:
			c.Op, c.Data = trace.TransportWrite, trace.D("written inside")
		case doesWriteLines:
			c.Op, c.Chunks = trace.TransportWriteLines, Chunks("written ", "inside")
		case doesWriteEOF:
			c.Op = trace.TransportWriteEOF
		case doesPause:
			c.Op = trace.TransportPauseReading
		case doesResume:
			c.Op = trace.TransportResumeReading
		case doesSetProtocol:
			c.Op, c.Protocol = trace.TransportSetProtocol, "p2"
		}
		r.Do = append(r.Do, c)
	}
	return r
}

// certainlyComes tells whether a callback certainly comes, whatever the protocol does in an earlier one.
func (b *wire) certainlyComes(callback string, doings []reentry) bool {
	order := []string{inMade, inPause, inData, inResume, inEOF}
	for _, d := range doings {
		if place := slices.Index(order, d.in); place < 0 || place >= slices.Index(order, callback) {
			continue
		}
		switch {
		case d.does(doesClose), d.does(doesAbort), d.does(doesRaise):
			return false
		case d.does(doesWriteEOF) && (callback == inResume || b.kind == onWritePipe):
			return false // what could not be written did not pause
		case d.does(doesPause) && (callback == inData || callback == inEOF && !b.certainlyComes(d.in, doings)):
			return false // that it paused too late to be resumed cannot be excluded
		}
	}
	return true
}
