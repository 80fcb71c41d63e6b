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

// limited gives what opens or serves a limit.
func (s step) limited(limit int) step { s.c.Limit = &limit; return s }

// laterServing has a server not serve from the beginning.
func (s step) laterServing() step { s.c.StartServing = trace.Bool(false); return s }

// form gives the callback another form.
func (s step) form(f trace.Callback) step { s.c.Callback = f; return s }

// at gives a server, or one who connects, other addresses.
func (s step) at(names ...string) step {
	if s.c.Op == trace.StreamServe {
		s.c.Addresses = names
	} else {
		s.c.Address = names[0]
	}
	return s
}

// onServer is a command about the server.
func onServer(op trace.Op) step { return does(trace.Command{Op: op, On: "srv.server"}) }

func closesServer() step     { return onServer(trace.ServerClose) }
func isServing(is bool) step { return onServer(trace.ServerIsServing).is(is) }

// socketsAre is the answer to where the sockets of the server are bound.
func socketsAre(addresses ...trace.Value) step {
	return onServer(trace.ServerSockets).value(trace.Value{List: append([]trace.Value{}, addresses...)})
}

func path(s string) trace.Value { return trace.Value{Text: &s} }

// ofServer is a call of the server that may wait.
func ofServer(op trace.Op, name string) step {
	return starts(trace.Command{Op: op}, name).on("srv.server")
}

func waitsForServer(name string) step { return ofServer(trace.ServerWaitClosed, name) }
func servesForever(name string) step  { return ofServer(trace.ServerServeForever, name) }
func inContext(name string) step      { return ofServer(trace.ServerContext, name) }
func startsServing(name string) step  { return ofServer(trace.ServerStartServing, name) }

// inServingContext is a context in which the server serves forever.
func inServingContext(name string) step {
	s := inContext(name)
	s.c.Serve = trace.Bool(true)
	return s
}

// isRefused is how the system refuses a connection.
func (s step) isRefused() step {
	return s.raises(trace.Error{Kind: trace.OSError, Native: "ConnectionRefusedError", Message: "[Errno 111] Connection refused"})
}

// didInCall are the events of what the callback does.
func didInCall(s step) []trace.Event {
	return []trace.Event{{Ev: trace.Doing, On: "srv#1", Command: &s.c}, {Ev: trace.Did, On: "srv#1", Returned: s.r.Returned, Raised: s.r.Raised}}
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

// whatCallDid are the events of what the callback does to what it is called with.
func whatCallDid(s step) []trace.Event { return didInCall(inHandler(s)) }

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

// addressIn makes an address with something there.
func addressIn(name string, kind trace.EndKind, state trace.State) step {
	return does(trace.Command{Op: trace.AddressMake, As: name, Kind: kind, State: state})
}

func live(name string) step { return addressIn(name, trace.Unix, trace.Live) }

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
	return append(steps(live("a"), dials(), accepts("s")), s...)
}

// about has a run wait for an event of another object.
func (s step) about(name string) step { s.c.Until.On = name; return s }
