package monitor

import (
	"strconv"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// The functions below make steps about one server, srv, at one address, a, the raw end, w, that connects to it, and the call
// of its callback for that, srv#1.

func address(name string) step {
	return does(trace.Command{Op: trace.AddressMake, As: name, Kind: trace.Unix})
}

// serves starts a server whose callback is a coroutine.
func serves(program ...trace.Reaction) step {
	return does(trace.Command{Op: trace.StreamServe, As: "srv", Kind: trace.Unix, Callback: trace.Coroutine, Addresses: []string{"a"}, Program: program})
}

// form gives the callback another form.
func (s step) form(f trace.Callback) step { s.c.Callback = f; return s }

// at gives a server, or one who connects, another address.
func (s step) at(name string) step {
	if s.c.Op == trace.StreamServe {
		s.c.Addresses = []string{name}
	} else {
		s.c.Address = name
	}
	return s
}

// connects is a raw end that connects.
func connects(name string) step {
	return does(trace.Command{Op: trace.RawConnect, As: name, Kind: trace.Unix, Address: "a"})
}

// callFor is the nth call of the callback, for a raw end.
func callFor(n int, who string) trace.Event {
	return trace.Event{Ev: trace.ClientConnected, On: "srv#" + strconv.Itoa(n), Value: &trace.Value{Object: who}}
}

// started begins a session with a server.
func started(s ...step) []step { return append(steps(address("a"), serves()), s...) }

// served begins a session with a server and a client of it.
func served(s ...step) []step {
	return started(append(steps(connects("w").with(callFor(1, "w"))), s...)...)
}

// servedBy is served by a callback of another form, with a program.
func servedBy(form trace.Callback, program []trace.Reaction, s ...step) []step {
	return append(steps(address("a"), serves(program...).form(form), connects("w").with(callFor(1, "w"))), s...)
}

// inHandler has a step that is about a stream be about what the callback is called with.
func inHandler(s step) step {
	_, part, _ := strings.Cut(s.c.On, ".")
	s.c.On = "srv#1." + part
	return s
}

// whatCallDid are the events of what the callback does, as the step says.
func whatCallDid(s step) []trace.Event {
	s = inHandler(s)
	return []trace.Event{{Ev: trace.Doing, On: "srv#1", Command: &s.c}, {Ev: trace.Did, On: "srv#1", Returned: s.r.Returned, Raised: s.r.Raised}}
}

// endsCall is the end of the callback; nil: it returns.
func endsCall(raised *trace.Error) trace.Event {
	if raised == nil {
		return doneNone("srv#1")
	}
	return failed("srv#1", *raised)
}

// failsInCall is a program of a callback that raises.
func failsInCall() []trace.Reaction { return raises(trace.ClientConnected) }

func release(name string) step { return does(trace.Command{Op: trace.Release, On: name}) }

// releaseRaising has what is released raise an exception.
func releaseRaising(name, text string) step {
	s := release(name)
	s.c.Exception = &text
	return s
}

// The functions below make steps about one stream, s, that is opened to an address, a, where the driver listens.

func dials() step {
	return does(trace.Command{Op: trace.StreamOpen, As: "s", Kind: trace.Unix, Address: "a"})
}

// accepts is a raw end, w, that takes what a call has connected.
func accepts(call string) step {
	s := does(trace.Command{Op: trace.RawAccept, As: "w", Kind: trace.Unix, Address: "a"})
	return s.value(trace.Value{Object: call})
}

// dialled begins a session with such a stream.
func dialled(s ...step) []step {
	return append(steps(address("a"), dials(), accepts("s")), s...)
}
