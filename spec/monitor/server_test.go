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

	// who has connected
	{"start_server.callback-per-connection", "the callback is not called", started(connects("w"))},
	{"start_server.callback-per-connection", "it is not called for the second", served(connects("v"))},
	{"start_server.callback-per-connection", "it is called twice for one", served(settle().with(callFor(2, "w")))},
	{"start_server.callback-per-connection", "it is not called when the server serves at last", steps(address("a"), serves().laterServing(), connects("w"), startsServing("c1").none())},
	{"start_server.callback-per-connection", "a client is left hanging by the close", started(connects("w").soon(), closesServer(), recvAll("k1"))},
	{"start_server.callback-per-connection", "or one that waits already", started(connects("w").soon(), recv("k1", 1).soon(), closesServer())},
	{"start_server.deferred-serving", "the callback is called before the server was asked to serve", steps(address("a"), serves().laterServing(), connects("w").with(callFor(1, "w")))},
	{"start_server.deferred-serving", "in a context that does not serve", steps(address("a"), serves().laterServing(), inContext("c1"), connects("w").with(callFor(1, "w")))},
	{"start_server.deferred-serving", "it says that it serves before it was asked to", steps(address("a"), serves().laterServing(), isServing(true))},
	{"start_server.deferred-serving", "it says that it does not when it was", steps(address("a"), serves().laterServing(), startsServing("c1").none(), isServing(false))},
	{"start_server.deferred-serving", "nobody can connect when it was", steps(address("a"), serves().laterServing(), startsServing("c1").none(), connects("w").isRefused())},
	{"start_server.deferred-serving", "start_serving fails the second time", steps(address("a"), serves(), startsServing("c1").raises(badState))},
	{"start_server.deferred-serving", "start_serving waits", steps(address("a"), serves(), startsServing("c1"))},
	{"start_server.listens", "nobody can connect", started(connects("w").isRefused())},
	{"start_server.listens", "it says that it does not serve", started(isServing(false))},
	{"start_server.sockets", "there are none", started(socketsAre())},
	{"start_server.sockets", "one is missing", steps(address("a"), address("b"), serves().at("a", "b"), socketsAre(path("/x")))},
	{"start_server.sockets", "one that tells nothing", started(socketsAre(trace.None))},
	{"start_server.sockets", "one without a port", steps(overTCP(address("a")), overTCP(serves()), socketsAre(hostAndPort(0)))},
	{"start_server.sockets", "none of a server that is told of a host", steps(withHost(serves()), socketsAre())},
	{"start_server.sockets", "no list", started(onServer(trace.ServerSockets))},

	// closing
	{"start_server.close-is-idempotent", "a second close fails", started(closesServer(), closesServer().raises(badState))},
	{"start_server.close-is-idempotent", "it serves", started(closesServer(), isServing(true))},
	{"start_server.close-is-idempotent", "closed by its callback, it serves", served(settle().with(didInCall(closesServer())...), isServing(true))},
	{"start_server.close-is-idempotent", "its sockets are there", started(closesServer(), socketsAre(path("/x")))},
	{"start_server.close-keeps-clients", "a new one can connect", started(closesServer(), connects("w"))},
	{"invariants.server-close-keeps-connections", "a connection that was made afterwards is given to the callback", started(closesServer().soon(), connects("w").with(callFor(1, "w")))},
	{"invariants.server-close-keeps-connections", "a client sees the end of the stream", served(closesServer(), recvAll("k1").gives(""))},
	{"invariants.server-close-keeps-connections", "the callback sees it", served(inHandler(ofReader(read("k1", 1))), closesServer().with(done("k1", "")))},
	{"invariants.server-close-keeps-connections", "its writer is closing", served(closesServer(), inHandler(viaWriter(closing())).is(true))},
	{"start_server.wait-closed-before-close", "it returns before the close", started(waitsForServer("c1").none())},
	{"start_server.wait-closed-before-close", "when the client has gone", served(waitsForServer("c1"), inHandler(viaWriter(closes())).with(doneNone("c1")))},
	{"start_server.wait-closed-before-close", "it fails", started(waitsForServer("c1").raises(badState))},
	{"start_server.wait-closed-before-close", "it waits after the close", started(closesServer(), waitsForServer("c1"))},
	{"start_server.wait-closed-waits-for-clients", "it returns while a client is there", served(closesServer(), waitsForServer("c1").none())},
	{"start_server.wait-closed-waits-for-clients", "it does not return when the client has gone", served(closesServer(), waitsForServer("c1"), inHandler(viaWriter(closes())))},
	{"start_server.close-clients", "a client's connection is left open", served(recvAll("k1"), onServer(trace.ServerCloseClients))},
	{"start_server.close-clients", "an aborted one", served(inHandler(viaWriter(writes("ab"))), inHandler(ofReader(read("k1", 1))), onServer(trace.ServerAbortClients))},
	{"start_server.close-clients", "it fails", served(onServer(trace.ServerAbortClients).raises(badState))},

	// serving forever
	{"start_server.one-serve-forever", "two serve", started(servesForever("c1"), servesForever("c2"))},
	{"start_server.one-serve-forever", "the second returns", started(servesForever("c1"), servesForever("c2").none())},
	{"start_server.one-serve-forever", "a closed server serves", started(closesServer(), servesForever("c1"))},
	{"start_server.one-serve-forever", "it is refused for another reason", started(closesServer(), servesForever("c1").raises(invalid))},
	{"start_server.one-serve-forever", "the only one is refused", started(servesForever("c1").raises(badState))},
	{"start_server.close-ends-serve-forever", "it returns", started(servesForever("c1"), closesServer().with(doneNone("c1")))},
	{"start_server.close-ends-serve-forever", "it fails in another way", started(servesForever("c1"), closesServer().with(failed("c1", badState)))},
	{"start_server.close-ends-serve-forever", "it waits on", started(servesForever("c1"), closesServer())},
	{"start_server.close-ends-serve-forever", "in a context", started(inServingContext("c1"), closesServer())},
	{"start_server.context-manager", "it ends by itself", started(servesForever("c1"), settle().with(doneNone("c1")))},
	{"start_server.context-manager", "a cancelled one waits on", started(servesForever("c1"), cancel("c1"))},
	{"start_server.context-manager", "the context is left by itself", started(inContext("c1").none())},
	{"start_server.context-manager", "or not at all", started(inContext("c1"), release("c1"))},
	{"start_server.context-manager", "the server serves after that", started(inContext("c1"), release("c1").with(doneNone("c1")), isServing(true))},
	{"start_server.context-manager", "its sockets are there", started(inContext("c1"), release("c1").with(doneNone("c1")), socketsAre(path("/x")))},
	{"start_server.context-manager", "the exception of the body is another outside", started(inContext("c1"), releaseRaising("c1", "boom").with(failed("c1", cancelled)))},
	{"start_server.context-manager", "or is lost", started(inContext("c1"), releaseRaising("c1", "boom").with(doneNone("c1")))},
	{"start_server.context-manager", "leaving fails", started(inContext("c1"), release("c1").with(failed("c1", badState)))},

	// arguments
	{"parameters.socket-or-address", "a server is told of neither", steps(serves().at())},
	{"parameters.socket-or-address", "and one of both", steps(address("a"), with(serves(), "k"))},
	{"parameters.socket-or-address", "a stream is told of both", steps(rawEnd(trace.Unix), address("a"), socketTo("w"), with(dials(), "k"))},
	{"parameters.socket-or-address", "and one of neither", steps(dials().at(""))},
	{"start_server.limit", "a line over the limit", steps(address("a"), serves().limited(4), connects("w").with(callFor(1, "w")), sends("abcde\n"), inHandler(ofReader(line("k1"))).gives("abcde\n"))},
	{"start_server.limit", "a line within the limit is too long", steps(address("a"), serves().limited(4), connects("w").with(callFor(1, "w")), sends("abcd\n"), inHandler(ofReader(line("k1"))).raises(invalid))},
	{"start_server.limit", "the limit is not the default", served(sends("abcd;"), inHandler(ofReader(until("k1", ";"))).raises(overrun(4)))},
	{"start_server.limit", "more than the limit is waited for", steps(address("a"), serves().limited(4), connects("w").with(callFor(1, "w")), inHandler(ofReader(line("k1"))), sends("abcde"))},
	{"open_connection.limit", "a line over the limit", steps(rawEnd(trace.Unix), does(trace.Command{Op: trace.StreamOpen, As: "s", Raw: "w"}).limited(4), sends("abcde\n"), ofReader(iterate("k1")).with(item("k1", "abcde\n")))},
	{"reader.feed.opener-sets-limit", "a line over the limit, of a pipe", steps(rawEnd(trace.ReadPipe), does(trace.Command{Op: trace.StreamOpen, As: "s", Raw: "w"}).limited(4), sends("abcde\n"), ofReader(line("k1")).gives("abcde\n"))},
	{"reader_protocol.feeds-reader", "a line that came does not come", streamed(trace.Unix, sends("ab\n"), ofReader(line("k1")))},
	{"reader_protocol.feeds-reader", "nor do exactly so many bytes", streamed(trace.Unix, sends("ab"), ofReader(exactly("k1", 2)))},
}

// with passes a socket as well.
func with(s step, socket string) step { s.c.Socket = socket; return s }

func scripted() *trace.Error { e := boom(); return &e }

func socketTo(raw string) step {
	return does(trace.Command{Op: trace.SocketMake, As: "k", Kind: trace.Unix, Raw: raw})
}

// of has a stream be opened of a socket, or a server be given one.
func (s step) of(socket string) step {
	s.c.Address, s.c.Addresses, s.c.Socket = "", nil, socket
	return s
}

// conformingServers are sessions of servers as a conforming implementation has them, and rules whose premise occurs in them.
var conformingServers = []conformingSession{
	// streams that were accepted or connected
	{"a client", served(sends("ab\n"), inHandler(ofReader(line("k1"))).gives("ab\n"), recv("k2", 2).with(whatCallDid(viaWriter(writes("xy")))...).gives("xy"), shutdown(), inHandler(ofReader(readAll("k3"))).gives(""),
		inHandler(viaWriter(closes())).with(endsCall(nil)), recvAll("k4").gives(""), inHandler(waits("k5")).none(), farOpen(false)),
		[]string{"reader_protocol.feeds-reader", "writer.write.order-preserved", "writer.close.closes-socket"}},
	{"a client that has sent and waits before it is accepted", started(connects("w").soon(), sends("ab").soon(), recv("k1", 1).soon(), settle().with(callFor(1, "w")), inHandler(ofReader(read("k2", 9))).gives("ab"), inHandler(viaWriter(writes("x"))).with(done("k1", "x"))), nil},
	{"a stream that connects", dialled(sends("ab"), ofReader(read("k1", 9)).gives("ab"), viaWriter(writes("xy")), viaWriter(closes()), recvAll("k2").gives("xy")), []string{"writer.close.flushes-first"}},
	{"one of a socket", steps(rawEnd(trace.Unix), socketTo("w"), dials().of("k"), sends("ab"), ofReader(read("k1", 9)).gives("ab")), nil},
	{"questions before it is accepted", steps(live("a"), dials(), viaWriter(closing()).is(false), accepts("s"), viaWriter(closes()), recvAll("k1").gives("")), []string{"writer.close.flushes-first"}},

	// how a callback ends
	{"a callback that fails", served(recvAll("k1"), releaseRaising("srv#1", "boom").with(endsCall(scripted()), noise(), done("k1", "")), inHandler(viaWriter(closing())).is(true)), []string{"start_server.failing-coroutine-closes"}},
	{"a callback that is cancelled", served(inHandler(ofReader(exactly("k1", 2))), cancel("srv#1").with(endsCall(&cancelled), failed("k1", incompleteOf("", 2))), recvAll("k2").gives("")), []string{"start_server.cancelled-coroutine-closes"}},

	// who has connected
	{"several clients", served(isServing(true), socketsAre(path("/x")), connects("u").soon(), connects("v").soon(), settle().with(callFor(2, "v"), callFor(3, "u")), startsServing("c1").none()),
		[]string{"start_server.callback-per-connection", "start_server.listens", "start_server.sockets", "start_server.deferred-serving"}},
	{"two servers at one place", steps(overTCP(address("a")), sharing(overTCP(serves())), sharing(overTCP(serves().makes("other"))), overTCP(connects("v")), overTCP(connects("w")).with(callFor(1, "w"))), nil},
	{"over TCP", steps(overTCP(address("a")), overTCP(serves()), socketsAre(hostAndPort(4711)), overTCP(connects("w")).with(callFor(1, "w")), closesServer()), []string{"start_server.sockets"}},
	{"told of a host", steps(withHost(serves()), socketsAre(hostAndPort(1), hostAndPort(1)), closesServer(), waitsForServer("c1")), []string{"start_server.sockets"}},
	{"several addresses", steps(address("a"), address("b"), serves().at("a", "b"), socketsAre(path("/x"), path("/y")), connects("w").at("b").with(callFor(1, "w"))), []string{"start_server.listens"}},
	{"one that serves later", steps(address("a"), serves().laterServing(), isServing(false), connects("v").isRefused(), startsServing("c1").none(), isServing(true), connects("w").with(callFor(1, "w"))), []string{"start_server.deferred-serving"}},
	{"or forever later", steps(address("a"), serves().laterServing(), servesForever("c1"), isServing(true), connects("w").with(callFor(1, "w"))), []string{"start_server.deferred-serving"}},
	{"or accepts later who has connected before", steps(address("a"), serves().laterServing(), connects("w"), startsServing("c1").none().with(callFor(1, "w"))), nil},

	// closing
	{"closed", served(closesServer(), isServing(false), socketsAre(), closesServer(), connects("v").isRefused(), sends("ab"), inHandler(ofReader(read("k1", 9))).gives("ab"), inHandler(viaWriter(writes("xy"))), recv("k2", 2).gives("xy"), inHandler(viaWriter(closing())).is(false)),
		[]string{"start_server.close-is-idempotent", "start_server.close-keeps-clients", "invariants.server-close-keeps-connections"}},
	{"waiting until it is closed", served(waitsForServer("c1"), closesServer(), waitsForServer("c2"), inHandler(viaWriter(closes())).with(doneNone("c1"), doneNone("c2")), waitsForServer("c3").none()),
		[]string{"start_server.wait-closed-before-close", "start_server.wait-closed-waits-for-clients"}},
	{"without clients", started(waitsForServer("c1"), closesServer().with(doneNone("c1"))), []string{"start_server.wait-closed-before-close"}},
	{"closed while one connects, which is given to the callback", started(connects("w").soon(), recv("k1", 1).soon(), closesServer().with(callFor(1, "w"))), nil},
	{"or sees the end of the stream", started(connects("w").soon(), recvAll("k1").soon(), closesServer().with(done("k1", ""))), nil},
	{"or a reset", started(connects("w").soon(), closesServer(), recvAll("k1").raises(resetAfter(""))), nil},
	{"closing the clients", served(recvAll("k1"), inHandler(ofReader(read("k2", 1))), onServer(trace.ServerCloseClients).with(done("k1", ""), done("k2", "")), inHandler(viaWriter(closing())).is(true), closesServer(), waitsForServer("c1").none()), []string{"start_server.close-clients"}},
	{"aborting the clients", served(inHandler(viaWriter(writes(a(300)))), inHandler(waits("k1")), onServer(trace.ServerAbortClients).with(doneNone("k1")), recvAll("k2").raises(resetAfter("aa"))), []string{"start_server.close-clients"}},

	// serving forever
	{"served forever until it is closed", started(servesForever("c1"), servesForever("c2").raises(badState), closesServer().with(failed("c1", cancelled)), servesForever("c3").raises(badState)),
		[]string{"start_server.one-serve-forever", "start_server.close-ends-serve-forever"}},
	{"until it is cancelled", started(servesForever("c1"), cancel("c1").with(failed("c1", cancelled))), []string{"start_server.context-manager"}},
	{"a client delays the end", served(servesForever("c1"), closesServer(), inHandler(viaWriter(closes())).with(failed("c1", cancelled))), []string{"start_server.close-ends-serve-forever"}},
	{"a context", served(inContext("c1"), release("c1"), inHandler(viaWriter(closes())).with(doneNone("c1")), isServing(false), socketsAre()), []string{"start_server.context-manager"}},
	{"a context whose body fails", started(inContext("c1"), releaseRaising("c1", "boom").with(failed("c1", boom())), isServing(false)), []string{"start_server.context-manager"}},
	{"a context that serves", started(inServingContext("c1"), cancel("c1").with(failed("c1", cancelled)), isServing(false)), []string{"start_server.context-manager"}},
	{"two contexts", started(inServingContext("c1"), inServingContext("c2").raises(badState).with(failed("c1", cancelled)), isServing(false)), []string{"start_server.one-serve-forever"}},

	// arguments
	{"told of neither a socket nor a place, or of both", steps(serves().at().raises(invalid), rawEnd(trace.Unix), address("a"), socketTo("w"), with(dials(), "k").raises(invalid)), []string{"parameters.socket-or-address"}},
	{"limits", steps(address("a"), serves().limited(4), connects("w").with(callFor(1, "w")), sends("abcd\nabcde;"), inHandler(ofReader(line("k1"))).gives("abcd\n"), inHandler(ofReader(until("k2", ";"))).raises(overrun(5)),
		inHandler(ofReader(exactly("k3", 6))).gives("abcde;"), inHandler(ofReader(line("k4"))), sends("abcde").with(failed("k4", invalid))), []string{"start_server.limit", "reader.feed.opener-sets-limit"}},
	{"limits of a stream", steps(rawEnd(trace.Unix), does(trace.Command{Op: trace.StreamOpen, As: "s", Raw: "w"}).limited(4), sends("abcd\n"), ofReader(iterate("k1")).with(item("k1", "abcd\n"))), []string{"open_connection.limit"}},
}

// latitudeServers are sessions of servers where several outcomes are permitted.
var latitudeServers = []permittedSession{
	{"a function that fails leaves the connection open", servedBy(trace.Function, failsInCall(), settle().with(noise()), sends("ab"), inHandler(ofReader(read("k1", 9))).gives("ab"), recvAll("k2"))},
	{"or closes it", servedBy(trace.Function, failsInCall(), settle().with(noise()), inHandler(ofReader(read("k1", 9))).gives(""), recvAll("k2").gives(""), inHandler(viaWriter(closing())).is(true))},
	{"what a callback has written may be lost when it fails", served(inHandler(viaWriter(writes("abc"))), releaseRaising("srv#1", "boom").with(endsCall(scripted()), noise()), recvAll("k1").gives("ab"))},
	{"or not", served(inHandler(viaWriter(writes("abc"))), releaseRaising("srv#1", "boom").with(endsCall(scripted()), noise()), recvAll("k1").gives("abc"))},
	{"whose call it is cannot be told", started(connects("w").with(callFor(1, "")), sends("ab"), inHandler(ofReader(read("k1", 9))), recvAll("k2").gives("xyz"))},
	{"a stream that was used before it was accepted", steps(live("a"), dials(), viaWriter(writes("ab")), accepts("s"), recvAll("k1").gives("xyz"))},
	{"one that was read", steps(live("a"), dials(), ofReader(read("k1", 9)), accepts("s"), sends("ab"))},
	{"one that was let go of before", steps(live("a"), dials(), does(trace.Command{Op: trace.Collect, Names: []string{"s.writer"}}), accepts("s"), recvAll("k1").gives(""))},
	{"one that the adapter lost track of", steps(live("a"), dials(), settle().fault(), accepts("s"), viaWriter(writes("ab")), recvAll("k1").gives("xyz"))},
	{"one that was never accepted", steps(live("a"), dials(), viaWriter(writes("ab")), viaWriter(closes()), waits("k1"), drains("k2"))},
	{"one that could not connect", steps(address("a"), dials().raises(trace.Error{Kind: trace.OSError, Message: "No such file"}))},
	{"one that is accepted and then fails", steps(live("a"), dials().soon().pends(), accepts("s").soon(), cancel("s").with(failed("s", cancelled)), recvAll("k1").gives(""))},
	{"forgotten calls", served(sends("ab"), forget("srv#1"), settle().with(endsCall(&cancelled)), recvAll("k1").gives("xyz"))},
	{"forgotten servers", started(forget("srv"), connects("w").with(callFor(1, "w")), recvAll("k1").gives("xyz"))},
	{"a connection of the clients that are closed may be given to the callback later", started(connects("w").soon(), onServer(trace.ServerCloseClients).soon(), settle().with(callFor(1, "w")), inHandler(ofReader(read("k1", 1))).gives(""), recvAll("k2").gives(""))},
	{"or never", started(connects("w").soon(), onServer(trace.ServerCloseClients), settle())},
	{"there is no way to close them", served(recvAll("k1"), settle().with(didInCall(onServer(trace.ServerCloseClients).raises(of(trace.NotSupported)))...))},
	{"one that has gone before it is accepted", started(connects("w").soon(), closesRaw(), settle())},
	{"a server with a limit of nothing serves nobody", steps(address("a"), serves().limited(0), connects("w"), recvAll("k1").gives(""))},
	{"a server elsewhere may take who connects", steps(address("a"), serves(), with(serves().makes("other").at(), "k"), connects("w"), settle())},
	{"and be there after a close", steps(address("a"), serves(), with(serves().makes("other").at(), "k"), closesServer(), connects("w"))},
	{"a second one takes the place", steps(address("a"), serves(), serves().makes("other"), connects("w").isRefused(), closesServer(), settle())},
	{"something else is put there", steps(address("a"), serves(), does(trace.Command{Op: trace.AddressPut, On: "a", State: trace.Stale}), connects("w").isRefused())},
	{"or is there from the beginning", steps(does(trace.Command{Op: trace.AddressMake, As: "a", Kind: trace.Unix, State: trace.Live}), serves().raises(of(trace.OSError)), connects("w"))},
	{"too many wait perhaps", started(connects("w").soon(), connects("v").soon().isRefused(), settle().with(callFor(1, "w")))},
	{"two servers at one place, of which the other is called", steps(address("a"), serves(), serves().makes("other"), connects("w"), closesServer(), settle().with(callFor(1, "w")))},
	{"a connection of one server that another has", steps(address("a"), address("b"), serves(), serves().makes("other").at("b"), connects("w").at("b").soon(), settle().with(callFor(1, "w")), settle())},
	{"a call that is told after the judgement has ended", started(does(trace.Command{Op: trace.Settle}).fault(), connects("w"), settle().with(callFor(1, "w"), callFor(2, "w")), closesServer().raises(badState), waitsForServer("c1").none())},
	{"a callback that ends in an unexpected way", served(recvAll("k1"), settle().with(endsCall(&badState)), inHandler(viaWriter(closing())).is(true))},
	{"a callback of which it is not known how it ends", servedBy(trace.Function, append(failsInCall(), trace.Reaction{In: trace.ClientConnected, Return: &trace.None}), recvAll("k1").gives("xyz"))},
	{"a context that is cancelled, with what becomes of it", started(inContext("c1"), cancel("c1").with(failed("c1", cancelled)), isServing(false))},
	{"a context that is cancelled before it is entered", started(inContext("c1").soon(), cancel("c1").with(failed("c1", cancelled)), isServing(true))},
	{"a client that was forgotten by the system", steps(overTCP(address("a")), overTCP(serves()), overTCP(connects("w")).soon(), closesServer(), recvAll("k1"), settle())},
	{"the clients of a forgotten server", served(forget("srv.server"), recvAll("k1").gives("xyz"), connects("v"))},
	{"too many wait", started(connects("w").raises(trace.Error{Kind: trace.OSError, Message: "[Errno 11] Resource temporarily unavailable"}))},
	{"a server that could not be started", steps(live("a"), serves().raises(of(trace.OSError)), connects("w"), isServing(false))},
	{"a closed server that is asked to serve", started(closesServer(), startsServing("c1").raises(of(trace.InvalidType)), isServing(false))},
	{"or does", started(closesServer(), startsServing("c1").none(), isServing(true))},
	{"a cancelled serve_forever may close", started(servesForever("c1"), cancel("c1").with(failed("c1", cancelled)), isServing(false), connects("w").isRefused(), waitsForServer("c2").none())},
	{"or not", started(servesForever("c1"), cancel("c1").with(failed("c1", cancelled)), isServing(true), waitsForServer("c2"), connects("w").with(callFor(1, "w")))},
	{"serving forever on a server that is closed before that runs", started(servesForever("c1").soon(), closesServer().with(failed("c1", badState)))},
	{"a cancelled wait", started(waitsForServer("c1"), cancel("c1").with(failed("c1", cancelled)))},
	{"two contexts with a client, which both wait for it", served(inServingContext("c1"), inServingContext("c2"), settle())},
	{"further arguments may say where", steps(does(trace.Command{Op: trace.StreamServe, As: "srv", Kind: trace.TCP, Callback: trace.Function, Keywords: []trace.Keyword{{Name: "host"}}}))},
	{"what is waited for does not come while the transport is paused", streamed(trace.Unix, ofStream(stops()), sends("ab\n"), ofReader(line("k1")))},
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
		{"a call of the callback may be late", started(connects("w"), settle(), settle().with(callFor(1, "w"))), nil},
		{"but not be waited for in vain", started(connects("w"), runFor(trace.ClientConnected, false).about("srv#1")), []string{"start_server.callback-per-connection"}},
		{"unless it is another server's", started(connects("w"), runFor(trace.ClientConnected, false).about("other#1")), nil},
		{"the close of a client's connection may be late", started(connects("w"), closesServer(), recvAll("k1"), settle().with(done("k1", ""))), nil},
		{"but not be waited for in vain", started(connects("w"), closesServer(), recvAll("k1"), run("k1", false)), []string{"start_server.callback-per-connection"}},
		{"a wait_closed in vain", served(closesServer(), waitsForServer("c1"), inHandler(viaWriter(closes())), run("c1", false)), []string{"start_server.wait-closed-waits-for-clients"}},
		{"one of two that serve forever is refused late", started(servesForever("c1"), servesForever("c2"), settle().with(failed("c1", badState))), nil},
		{"but not never", started(servesForever("c1"), servesForever("c2"), run("c2", false)), []string{"start_server.one-serve-forever"}},
		{"a connection may get through while the server closes", started(closesServer(), connects("w")), nil},
		{"but not when that was waited for", started(closesServer(), waitsForServer("c1").none(), connects("w")), []string{"start_server.close-keeps-clients"}},
		{"a callback closes the server beside the driver", served(isServing(true).with(didInCall(closesServer())...), isServing(false)), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			accused(t, play(bySystem, test.session...), test.rules...)
			accused(t, play(Options{Settling: trace.BestEffort}, test.session...), test.rules...)
		})
	}
}

// TestWhatSpinsIsNotAtRest holds that nothing more is held against what does not come to rest.
func TestWhatSpinsIsNotAtRest(t *testing.T) {
	spins := event(trace.Unsettled, "")
	accused(t, play(exact, started(connects("w").with(spins), settle().with(spins))...), "", "")
}

// TestTurnsAreNoRest holds that nothing is due after some turns of an event loop, neither of readers nor of connections.
func TestTurnsAreNoRest(t *testing.T) {
	turn := does(trace.Command{Op: trace.Turn, N: trace.Int(1)})
	quiet(t, play(exact, newReader(4), read("c1", 1), feed("a").soon(), turn, turn.with(done("c1", "a")), read("c2", 1), feed("b").with(done("c2", "b"))))
	quiet(t, play(exact, unix(sends("a").soon(), turn, turn.with(got("a")))...))
	accused(t, play(exact, unix(sends("a").soon(), turn, settle())...), "invariants.transport-and-protocol")
}

// overTCP has a step be about TCP.
func overTCP(s step) step { s.c.Kind = trace.TCP; return s }

// withHost has a server listen at a host, over TCP.
func withHost(s step) step {
	s = overTCP(s.at())
	s.c.Host = trace.Text("localhost")
	return s
}

func hostAndPort(port int) trace.Value {
	return trace.Value{List: []trace.Value{{Text: trace.Text("127.0.0.1")}, {Int: &port}}}
}

// fault says that the adapter has failed.
func (s step) fault() step { s.r = trace.Reply{Fault: "KeyError"}; return s }
