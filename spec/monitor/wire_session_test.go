package monitor

import "github.com/streamspec/streamspec/spec/trace"

// The functions below make steps about one raw end, w, one programmable protocol, p, and one connection, c, or stream, s.

func rawEnd(kind trace.EndKind) step {
	return does(trace.Command{Op: trace.RawMake, As: "w", Kind: kind})
}

// narrow makes a raw end of which the kernel holds little.
func narrow(kind trace.EndKind) step {
	return does(trace.Command{Op: trace.RawMake, As: "w", Kind: kind, Buffer: 4096})
}

func programmed(program ...trace.Reaction) step {
	return does(trace.Command{Op: trace.ProtocolMake, As: "p", Program: program})
}

func opened() step {
	return does(trace.Command{Op: trace.ConnectionOpen, As: "c", Raw: "w", Protocol: "p"})
}

// wired begins a session with a connection, whose protocol has a program.
func wired(kind trace.EndKind, program []trace.Reaction, s ...step) []step {
	return append(steps(rawEnd(kind), programmed(program...), opened().with(made)), s...)
}

// unix begins a session with a connection whose protocol has no program.
func unix(s ...step) []step { return wired(trace.Unix, nil, s...) }

// streamed begins a session with a stream.
func streamed(kind trace.EndKind, s ...step) []step {
	return append(steps(rawEnd(kind), does(trace.Command{Op: trace.StreamOpen, As: "s", Raw: "w"})), s...)
}

// keepsOpen is a program that answers end-of-stream with true.
var keepsOpen = []trace.Reaction{{In: trace.EOFReceived, Return: &trace.Value{Bool: trace.Bool(true)}}}

func raises(in trace.EventName) []trace.Reaction {
	return []trace.Reaction{{In: in, Raise: trace.Text("boom")}}
}

func plain() step {
	return does(trace.Command{Op: trace.ProtocolMake, As: "p", Plain: trace.Bool(true)})
}

func onRaw(op trace.Op) step { return does(trace.Command{Op: op, On: "w"}) }

func shutdown() step  { return onRaw(trace.RawShutdown) }
func closesRaw() step { return onRaw(trace.RawClose) }
func resets() step    { return onRaw(trace.RawReset) }

func sends(b string) step {
	s := does(trace.Command{Op: trace.RawSend, On: "w", Data: trace.D(b)})
	return s.value(trace.Value{Int: trace.Int(len(b))})
}

func recv(name string, n int) step {
	return starts(trace.Command{Op: trace.RawRecv, N: &n}, name).on("w")
}

func recvAll(name string) step { return starts(trace.Command{Op: trace.RawRecv}, name).on("w") }

func farOpen(is bool) step { return onRaw(trace.RawFarOpen).value(trace.BoolValue(is)) }

// value says that a command came back with a value.
func (s step) value(v trace.Value) step {
	s.r = trace.Reply{Returned: &v, Events: s.r.Events}
	return s
}

func (s step) is(v bool) step { return s.value(trace.BoolValue(v)) }

// by is a command about the transport of the connection.
func by(op trace.Op) step { return does(trace.Command{Op: op, On: "c.transport"}) }

// via is a command about the writer of the stream.
func via(op trace.Op) step { return does(trace.Command{Op: op, On: "s.writer"}) }

func ofStream(s step) step { return s.on("s.transport") }

func writes(b string) step {
	s := by(trace.TransportWrite)
	s.c.Data = trace.D(b)
	return s
}

func writesLines(chunks ...string) step {
	s := by(trace.TransportWriteLines)
	for _, b := range chunks {
		s.c.Chunks = append(s.c.Chunks, *trace.D(b))
	}
	return s
}

func viaWriter(s step) step {
	s.c.On = "s.writer"
	s.c.Op = map[trace.Op]trace.Op{
		trace.TransportWrite: trace.WriterWrite, trace.TransportWriteLines: trace.WriterWriteLines, trace.TransportClose: trace.WriterClose,
		trace.TransportWriteEOF: trace.WriterWriteEOF, trace.TransportIsClosing: trace.WriterIsClosing,
	}[s.c.Op]
	return s
}

func closes() step    { return by(trace.TransportClose) }
func aborts() step    { return by(trace.TransportAbort) }
func endsOut() step   { return by(trace.TransportWriteEOF) }
func stops() step     { return by(trace.TransportPauseReading) }
func goesOn() step    { return by(trace.TransportResumeReading) }
func closing() step   { return by(trace.TransportIsClosing) }
func reading() step   { return by(trace.TransportIsReading) }
func size(n int) step { return by(trace.TransportGetWriteBufferSize).value(trace.Value{Int: &n}) }

func marksAre(low, high int) step {
	return by(trace.TransportGetWriteBufferLimits).value(pair(low, high))
}

func pair(a, b int) trace.Value { return trace.Value{List: []trace.Value{{Int: &a}, {Int: &b}}} }

func setMarks(high, low *int) step {
	s := by(trace.TransportSetWriteBufferLimits)
	s.c.High, s.c.Low = high, low
	return s
}

// marks100 sets a high mark of 100 and a low one of 20.
func marks100() step { return setMarks(trace.Int(100), trace.Int(20)) }

func drains(name string) step {
	return starts(trace.Command{Op: trace.WriterDrain}, name).on("s.writer")
}

func waits(name string) step {
	return starts(trace.Command{Op: trace.WriterWaitClosed}, name).on("s.writer")
}

func ofReader(s step) step { return s.on("s.reader") }

var (
	made      = event(trace.ConnectionMade, "p")
	atEnd     = event(trace.EOFReceived, "p")
	lost      = event(trace.ConnectionLost, "p")
	pausesOut = event(trace.PauseWriting, "p")
	goesOut   = event(trace.ResumeWriting, "p")
)

func got(b string) trace.Event {
	v := trace.BytesValue([]byte(b))
	return trace.Event{Ev: trace.DataReceived, On: "p", Value: &v}
}

func lostBy(kind trace.Kind) trace.Event {
	e := of(kind)
	if kind == trace.Scripted {
		e = boom()
	}
	return trace.Event{Ev: trace.ConnectionLost, On: "p", Raised: &e}
}

// noise is the report of a scripted exception.
func noise() trace.Event {
	e := boom()
	return trace.Event{Ev: trace.Unhandled, Raised: &e}
}

// inside are the events of a command in a callback: it begins, and ends as the step says, with the step's events in between.
func inside(s step) []trace.Event {
	events := append([]trace.Event{{Ev: trace.Doing, On: "p", Command: &s.c}}, s.r.Events...)
	return append(events, trace.Event{Ev: trace.Did, On: "p", Returned: s.r.Returned, Raised: s.r.Raised})
}

// reacts adds a callback, and what is done in it.
func (s step) reacts(callback trace.Event, do ...step) step {
	s = s.with(callback)
	for _, d := range do {
		s = s.with(inside(d)...)
	}
	return s
}

// runFor is a run command that waited for an event of the protocol, and whether it came.
func runFor(event trace.EventName, came bool) step {
	s := does(trace.Command{Op: trace.Run, Until: &trace.Until{Event: event, On: "p"}, Ms: 1000})
	return s.is(came)
}
