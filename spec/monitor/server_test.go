package monitor

import (
	"testing"

	"github.com/streamspec/streamspec/spec/trace"
)

// wrongServers are sessions of servers, and of streams that connect, with a single wrong observation, the last one, and the rule
// that it breaks.
var wrongServers = []wrongSession{
	// streams that were accepted or connected
	{"reader_protocol.feeds-reader", "what the client has sent does not come", served(sends("ab"), inHandler(ofReader(read("k1", 2))))},
	{"reader_protocol.feeds-reader", "what it had sent before it was accepted does not come", started(connects("w").soon(), sends("ab").soon(), settle().with(callFor(1, "w")), inHandler(ofReader(read("k1", 2))).gives("ba"))},
	{"writer.write.order-preserved", "what the callback writes does not come", served(recv("k1", 3).with(whatCallDid(viaWriter(writes("abc")))...))},
	{"writer.write.order-preserved", "other bytes than the callback writes", served(recv("k1", 3).gives("abd").with(whatCallDid(viaWriter(writes("abc")))...))},
	{"writer.write.order-preserved", "what was waited for before it was accepted does not come", started(connects("w").soon(), recv("k1", 3).soon().pends(), settle().with(callFor(1, "w")), inHandler(viaWriter(writes("abc"))))},
	{"writer.close.closes-socket", "the client does not see that the callback has closed", served(recvAll("k1").with(whatCallDid(viaWriter(closes()))...))},
	{"writer.write.order-preserved", "what a stream that has connected writes does not come", dialled(viaWriter(writes("abc")), recv("k1", 3))},
	{"writer.close.closes-socket", "what is of a socket is not closed", steps(rawEnd(trace.Unix), socketTo("w"), dials().of("k"), viaWriter(closes()), recvAll("k1"))},

	// how a callback ends
	{"start_server.failing-coroutine-closes", "a callback fails and the connection is left open", served(recvAll("k1"), releaseRaising("srv#1", "boom").with(endsCall(scripted()), noise()))},
	{"start_server.failing-coroutine-closes", "is_closing does not tell", served(releaseRaising("srv#1", "boom").with(endsCall(scripted()), noise()), inHandler(viaWriter(closing())).is(false))},
	{"start_server.failing-coroutine-closes", "a read waits on", served(inHandler(ofReader(read("k1", 1))), releaseRaising("srv#1", "boom").with(endsCall(scripted()), noise()))},
	{"start_server.cancelled-coroutine-closes", "a callback is cancelled and the connection is left open", served(cancel("srv#1").with(endsCall(&cancelled)), recv("k1", 1))},
}

func scripted() *trace.Error { e := boom(); return &e }

func socketTo(raw string) step {
	return does(trace.Command{Op: trace.SocketMake, As: "k", Kind: trace.Unix, Raw: raw})
}

// of has a stream be opened of a socket.
func (s step) of(socket string) step { s.c.Address, s.c.Socket = "", socket; return s }

// conformingServers are sessions of servers as a conforming implementation has them, and rules whose premise occurs in them.
var conformingServers = []conformingSession{
	// streams that were accepted or connected
	{"a client", served(sends("ab\n"), inHandler(ofReader(line("k1"))).gives("ab\n"), recv("k2", 2).with(whatCallDid(viaWriter(writes("xy")))...).gives("xy"), shutdown(), inHandler(ofReader(readAll("k3"))).gives(""),
		inHandler(viaWriter(closes())).with(endsCall(nil)), recvAll("k4").gives(""), inHandler(waits("k5")).none(), farOpen(false)),
		[]string{"reader_protocol.feeds-reader", "writer.write.order-preserved", "writer.close.closes-socket"}},
	{"a client that has sent and waits before it is accepted", started(connects("w").soon(), sends("ab").soon(), recv("k1", 1).soon(), settle().with(callFor(1, "w")), inHandler(ofReader(read("k2", 9))).gives("ab"), inHandler(viaWriter(writes("x"))).with(done("k1", "x"))), nil},
	{"a stream that connects", dialled(sends("ab"), ofReader(read("k1", 9)).gives("ab"), viaWriter(writes("xy")), viaWriter(closes()), recvAll("k2").gives("xy")), []string{"writer.close.flushes-first"}},
	{"one of a socket", steps(rawEnd(trace.Unix), socketTo("w"), dials().of("k"), sends("ab"), ofReader(read("k1", 9)).gives("ab")), nil},
	{"questions before it is accepted", steps(address("a"), dials(), viaWriter(closing()).is(false), accepts("s"), viaWriter(closes()), recvAll("k1").gives("")), []string{"writer.close.flushes-first"}},

	// how a callback ends
	{"a callback that fails", served(recvAll("k1"), releaseRaising("srv#1", "boom").with(endsCall(scripted()), noise(), done("k1", "")), inHandler(viaWriter(closing())).is(true)), []string{"start_server.failing-coroutine-closes"}},
	{"a callback that is cancelled", served(inHandler(ofReader(exactly("k1", 2))), cancel("srv#1").with(endsCall(&cancelled), failed("k1", incompleteOf("", 2))), recvAll("k2").gives("")), []string{"start_server.cancelled-coroutine-closes"}},
}

// latitudeServers are sessions of servers where several outcomes are permitted.
var latitudeServers = []permittedSession{
	{"a function that fails leaves the connection open", servedBy(trace.Function, failsInCall(), settle().with(noise()), sends("ab"), inHandler(ofReader(read("k1", 9))).gives("ab"), recvAll("k2"))},
	{"or closes it", servedBy(trace.Function, failsInCall(), settle().with(noise()), inHandler(ofReader(read("k1", 9))).gives(""), recvAll("k2").gives(""), inHandler(viaWriter(closing())).is(true))},
	{"what a callback has written may be lost when it fails", served(inHandler(viaWriter(writes("abc"))), releaseRaising("srv#1", "boom").with(endsCall(scripted()), noise()), recvAll("k1").gives("ab"))},
	{"or not", served(inHandler(viaWriter(writes("abc"))), releaseRaising("srv#1", "boom").with(endsCall(scripted()), noise()), recvAll("k1").gives("abc"))},
	{"whose call it is cannot be told", started(connects("w").with(callFor(1, "")), sends("ab"), inHandler(ofReader(read("k1", 9))), recvAll("k2").gives("xyz"))},
	{"a stream that was used before it was accepted", steps(address("a"), dials(), viaWriter(writes("ab")), accepts("s"), recvAll("k1").gives("xyz"))},
	{"one that was read", steps(address("a"), dials(), ofReader(read("k1", 9)), accepts("s"), sends("ab"))},
	{"one that was never accepted", steps(address("a"), dials(), viaWriter(writes("ab")), viaWriter(closes()), waits("k1"), drains("k2"))},
	{"one that could not connect", steps(address("a"), dials().raises(of(trace.OSError)), accepts("s"), recvAll("k1"))},
	{"one that is accepted and then fails", steps(address("a"), dials().soon().pends(), accepts("s"), cancel("s").with(failed("s", cancelled)), recvAll("k1").gives(""))},
	{"forgotten calls", served(sends("ab"), forget("srv#1"), settle().with(endsCall(&cancelled)), recvAll("k1").gives("xyz"))},
	{"forgotten servers", started(forget("srv"), connects("w").with(callFor(1, "w")), recvAll("k1").gives("xyz"))},
	{"what is not followed", served(does(trace.Command{Op: trace.ClockFreeze}), does(trace.Command{Op: trace.ClockAdvance, Ms: 5}).with(trace.Event{Ev: trace.Resolving, On: "x", Value: &trace.None}), does(trace.Command{Op: trace.AddressPut, On: "a", State: trace.Live}), release("srv#7"), settle().with(endsCall(nil), event(trace.ClientConnected, "p")))},
}

// TestHowCallbacksEndByVersion holds that what only some versions say of the end of a callback is not asked of the others.
func TestHowCallbacksEndByVersion(t *testing.T) {
	before := exact
	before.InForce = func(rule string) bool { return rule != failingCloses && rule != cancelledCloses }
	fails := releaseRaising("srv#1", "boom").with(endsCall(scripted()))
	quiet(t, play(before, served(recvAll("k1"), fails, inHandler(viaWriter(writes("ab"))), recv("k2", 2))...))
	quiet(t, play(before, served(recvAll("k1"), fails.with(done("k1", "")), inHandler(ofReader(read("k2", 9))).gives(""))...))
	report := event(trace.Unhandled, "")
	report.Raised = &cancelled
	interrupted := served(cancel("srv#1").with(endsCall(&cancelled), report), recvAll("k1"))
	quiet(t, play(before, interrupted...))
	accused(t, play(exact, interrupted...), "", cancelledCloses)
	accused(t, play(before, served(settle().with(report))...), "")
}

// TestServersBesideTheDriver plays sessions as they are where callbacks run beside commands, and events are late.
func TestServersBesideTheDriver(t *testing.T) {
	for _, test := range []struct {
		name    string
		session []step
		rules   []string
	}{
		{"a failed callback may close late", served(releaseRaising("srv#1", "boom").with(endsCall(scripted()), noise()), inHandler(viaWriter(closing())).is(false), recvAll("k1"), settle().with(done("k1", ""))), nil},
		{"but not never", served(releaseRaising("srv#1", "boom").with(endsCall(scripted()), noise()), recvAll("k1"), run("k1", false)), []string{"start_server.failing-coroutine-closes"}},
		{"what a callback writes beside the driver", served(inHandler(viaWriter(writes("ab"))).with(whatCallDid(viaWriter(writes("cd")))...), recv("k1", 4).gives("cdab")), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			accused(t, play(bySystem, test.session...), test.rules...)
			accused(t, play(Options{Settling: trace.BestEffort}, test.session...), test.rules...)
		})
	}
}

// TestTurnsAreNoRest holds that nothing is due after some turns of an event loop, neither of readers nor of connections.
func TestTurnsAreNoRest(t *testing.T) {
	turn := does(trace.Command{Op: trace.Turn, N: trace.Int(1)})
	quiet(t, play(exact, newReader(4), read("c1", 1), feed("a").soon(), turn, turn.with(done("c1", "a")), read("c2", 1), feed("b").with(done("c2", "b"))))
	quiet(t, play(exact, unix(sends("a").soon(), turn, turn.with(got("a")))...))
	accused(t, play(exact, unix(sends("a").soon(), turn, settle())...), "invariants.transport-and-protocol")
}
