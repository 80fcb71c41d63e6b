package monitor

import (
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// A step is a command and what came back from it. The functions below make steps about one reader, r, and one transport, t;
// a step's methods say what came back. What is not said: none at once from a command, pending from a call.
type step struct {
	c trace.Command
	r trace.Reply
}

// play shows a session to a new monitor.
func play(o Options, session ...step) *Monitor {
	m := New(o)
	show(m, session...)
	return m
}

// exact are the options for an implementation that settles exactly, judged by every rule.
var exact = Options{Settling: trace.Exact}

// show shows the steps of a session to a monitor.
func show(m *Monitor, session ...step) {
	for i := range session {
		m.Before(&session[i].c)
		m.After(&session[i].c, &session[i].r)
	}
}

func does(c trace.Command) step { return step{c, trace.Reply{Returned: &trace.None}} }

func starts(c trace.Command, name string) step {
	c.On, c.As = "r", name
	return step{c, trace.Reply{Pending: name}}
}

func newReader(limit int) step {
	return does(trace.Command{Op: trace.ReaderMake, As: "r", Limit: &limit})
}

func transportThat(canPause bool) step {
	return does(trace.Command{Op: trace.MockMake, As: "t", CanPause: &canPause})
}

func attach() step { return does(trace.Command{Op: trace.ReaderSetTransport, On: "r", Transport: "t"}) }

func feed(s string) step {
	return does(trace.Command{Op: trace.ReaderFeedData, On: "r", Data: trace.D(s)})
}

// through makes a reader protocol that feeds a new reader, and calls it.
func through(limit int, s ...step) []step {
	made := does(trace.Command{Op: trace.ReaderProtocolMake, As: "p", Reader: "r"})
	return append(steps(newReader(limit), made), s...)
}

func received(s string) step {
	return does(trace.Command{Op: trace.ProtocolDataReceived, On: "p", Data: trace.D(s)})
}

func endReceived() step {
	return does(trace.Command{Op: trace.ProtocolEOFReceived, On: "p"}).value(trace.BoolValue(true))
}

func loses(exception *string) step {
	return does(trace.Command{Op: trace.ProtocolConnectionLost, On: "p", Exception: exception})
}

func eof() step { return does(trace.Command{Op: trace.ReaderFeedEOF, On: "r"}) }

func setException(text string) step {
	return does(trace.Command{Op: trace.ReaderSetException, On: "r", Exception: &text})
}

func clearException() step { return does(trace.Command{Op: trace.ReaderSetException, On: "r"}) }

func exception() step { return does(trace.Command{Op: trace.ReaderException, On: "r"}) }

func atEOF(is bool) step {
	s := does(trace.Command{Op: trace.ReaderAtEOF, On: "r"})
	v := trace.BoolValue(is)
	s.r.Returned = &v
	return s
}

func read(name string, n int) step { return starts(trace.Command{Op: trace.ReaderRead, N: &n}, name) }

func readAll(name string) step { return starts(trace.Command{Op: trace.ReaderRead}, name) }

func line(name string) step { return starts(trace.Command{Op: trace.ReaderReadLine}, name) }

func exactly(name string, n int) step {
	return starts(trace.Command{Op: trace.ReaderReadExactly, N: &n}, name)
}

func until(name, separator string) step {
	return starts(trace.Command{Op: trace.ReaderReadUntil, Separator: trace.D(separator)}, name)
}

func untilLF(name string) step { return starts(trace.Command{Op: trace.ReaderReadUntil}, name) }

func untilAny(name string, separators ...string) step {
	c := trace.Command{Op: trace.ReaderReadUntil, Separators: []trace.Data{}}
	for _, s := range separators {
		c.Separators = append(c.Separators, *trace.D(s))
	}
	return starts(c, name)
}

func iterate(name string) step { return starts(trace.Command{Op: trace.ReaderIterate}, name) }

func iterateItems(name string, n int) step {
	return starts(trace.Command{Op: trace.ReaderIterate, N: &n}, name)
}

func cancel(name string) step { return does(trace.Command{Op: trace.Cancel, On: name}) }

func settle() step { return does(trace.Command{Op: trace.Settle}) }

// run is a run command that waited for a call, and what came of that.
func run(name string, done bool) step {
	s := does(trace.Command{Op: trace.Run, Until: &trace.Until{Done: name}, Ms: 1000})
	v := trace.BoolValue(done)
	s.r.Returned = &v
	return s
}

func forget(names ...string) step { return does(trace.Command{Op: trace.Forget, Names: names}) }

// soon asks for the reply before the implementation has run.
func (s step) soon() step { s.c.NoSettle = true; return s }

// none says that a call came back with nothing.
func (s step) none() step { s.r.Pending, s.r.Returned = "", &trace.None; return s }

// gives says that a call came back with bytes.
func (s step) gives(b string) step {
	v := trace.BytesValue([]byte(b))
	s.r = trace.Reply{Returned: &v, Events: s.r.Events}
	return s
}

// raises says that a command failed.
func (s step) raises(e trace.Error) step {
	s.r = trace.Reply{Raised: &e, Events: s.r.Events}
	return s
}

// with adds events.
func (s step) with(events ...trace.Event) step {
	s.r.Events = append(s.r.Events[:len(s.r.Events):len(s.r.Events)], events...)
	return s
}

func of(kind trace.Kind) trace.Error { return trace.Error{Kind: kind} }

var (
	invalid    = of(trace.InvalidArgument)
	badState   = of(trace.InvalidState)
	cancelled  = of(trace.Cancelled)
	concurrent = of(trace.ConcurrentRead)
)

func boom() trace.Error { return trace.Error{Kind: trace.Scripted, Message: "boom"} }

func overrun(consumed int) trace.Error {
	return trace.Error{Kind: trace.LimitOverrun, Consumed: &consumed}
}

// incomplete is the error of readuntil, which expects no particular number.
func incomplete(partial string) trace.Error {
	b := trace.Bytes(partial)
	return trace.Error{Kind: trace.IncompleteRead, Partial: &b}
}

// incompleteOf is the error of readexactly.
func incompleteOf(partial string, expected int) trace.Error {
	e := incomplete(partial)
	e.Expected = &expected
	return e
}

func event(name trace.EventName, on string) trace.Event { return trace.Event{Ev: name, On: on} }

func done(name, b string) trace.Event {
	v := trace.BytesValue([]byte(b))
	return trace.Event{Ev: trace.Finished, On: name, Returned: &v}
}

func doneNone(name string) trace.Event {
	return trace.Event{Ev: trace.Finished, On: name, Returned: &trace.None}
}

func failed(name string, e trace.Error) trace.Event {
	return trace.Event{Ev: trace.Finished, On: name, Raised: &e}
}

func item(name, b string) trace.Event {
	v := trace.BytesValue([]byte(b))
	return trace.Event{Ev: trace.Item, On: name, Value: &v}
}

var (
	pause  = event(trace.PauseReading, "t")
	resume = event(trace.ResumeReading, "t")
)

// steps makes a session.
func steps(s ...step) []step { return s }

// flows begins a session with a reader that has a transport, which is able to pause.
func flows(limit int, s ...step) []step {
	return append(steps(newReader(limit), transportThat(true), attach()), s...)
}

// a returns n bytes that are no line.
func a(n int) string { return strings.Repeat("a", n) }
