package monitor

import (
	"testing"

	"github.com/streamspec/streamspec/spec/trace"
)

// The functions below make steps about calls that connect to addresses of TCP, or to a host that has some, while time stands.

// places makes addresses a, b, c and so on, of TCP.
func places(states ...trace.State) []step {
	var all []step
	for i, state := range states {
		all = append(all, addressIn(string(rune('a'+i)), trace.TCP, state))
	}
	return all
}

// atHost makes an address of a numeric host.
func atHost(name, host string, state trace.State) step {
	s := addressIn(name, trace.TCP, state)
	s.c.Host = &host
	return s
}

const hostName = "host.test"

// answers says which addresses the host has.
func answers(names ...string) step {
	return does(trace.Command{Op: trace.ResolverAnswer, Name: hostName, Addresses: names})
}

func answersNothing() step {
	s := answers()
	s.c.Exception = trace.Text("no such host")
	return s
}

func freezes() step         { return does(trace.Command{Op: trace.ClockFreeze}) }
func advances(ms int) step  { return does(trace.Command{Op: trace.ClockAdvance, Ms: ms}) }
func doneIn(s step) step    { return s.with(doneNone("s")) }
func failsIn(s step) step   { return s.with(failed("s", refusedBy("a"))) }
func inVain(ms int) step    { return waitsFor("s", ms).is(false) }
func acceptsNobody() step   { return overTCP(accepts("")).raises(of(trace.OSError)) }
func cancelsIn(s step) step { return s.with(failed("s", cancelled)) }

func waitsFor(call string, ms int) step {
	return does(trace.Command{Op: trace.Run, Until: &trace.Until{Done: call}, Ms: ms})
}

// refusedBy is the error of an address where nobody listens.
func refusedBy(name string) trace.Error {
	return trace.Error{Kind: trace.OSError, Message: "connecting to " + name + " is refused"}
}

// looks is a stream that is opened to the host, and waits.
func looks() step {
	return does(trace.Command{Op: trace.StreamOpen, As: "s", Kind: trace.TCP, Host: trace.Text(hostName)}).pends()
}

// dialsTo is one that is opened to an address.
func dialsTo(name string) step { return overTCP(dials().at(name)) }

// delayed gives connecting a delay, milliseconds.
func (s step) delayed(ms int) step { s.c.Delay = &ms; return s }

func (s step) mixing(n int) step { s.c.Interleave = &n; return s }

// from binds the local end.
func (s step) from(name string) step { s.c.Local = name; return s }

// edits changes a command.
func (s step) edits(f func(*trace.Command)) step { f(&s.c); return s }

// standing begins a session in which time stands, with addresses that the host has.
func standing3(states ...trace.State) []step {
	var names []string
	all := append(steps(freezes()), places(states...)...)
	for i := range states {
		names = append(names, string(rune('a'+i)))
	}
	return append(all, answers(names...))
}

// then continues a session.
func then(session []step, s ...step) []step { return append(session, s...) }

// acceptsAt accepts what a call has connected to an address.
func acceptsAt(name, call string) step { return overTCP(accepts(call)).at(name) }

// asked is what the resolver is asked.
func asked(family trace.Family, proto, flags int) trace.Event {
	return trace.Event{Ev: trace.Resolving, On: hostName, Value: &trace.Value{List: []trace.Value{{Text: trace.Text(string(family))}, {Int: &proto}, {Int: &flags}}}}
}

func named(op trace.Op, host string, port int) step {
	return onRaw(op).value(trace.Value{List: []trace.Value{{Text: &host}, {Int: &port}}})
}

func asks(name string, v trace.Value) step {
	return does(trace.Command{Op: trace.AddressAsk, On: "a", Name: name}).value(v)
}

func stateIs(s string) step {
	return does(trace.Command{Op: trace.AddressState, On: "a"}).value(trace.Value{Text: &s})
}

func puts(state trace.State) step {
	return does(trace.Command{Op: trace.AddressPut, On: "a", State: state})
}

func keyword(name string) func(*trace.Command) {
	return func(c *trace.Command) { c.Keywords = []trace.Keyword{{Name: name, Value: trace.None}} }
}

func isOf(part, class string) step {
	return does(trace.Command{Op: trace.ObjectIs, On: "s." + part, Name: class})
}

func datagrams() step {
	return does(trace.Command{Op: trace.SocketMake, As: "k", Kind: trace.TCP, Datagram: trace.Bool(true)})
}

func sharing(s step) step { s.c.ReusePort = trace.Bool(true); return s }

func likePath(c *trace.Command) { c.PathLike = trace.Bool(true) }

var (
	errInUse    = trace.Error{Kind: trace.OSError, Message: "Address already in use"}
	errNotFound = trace.Error{Kind: trace.OSError, Message: "No such file or directory"}
)

// wrongPlaces are sessions of calls that connect or listen, with a single wrong observation.
var wrongPlaces = []wrongSession{
	// what a call comes to
	{"open_connection.returns-pair", "it waits though somebody listens", then(places(trace.Live), dialsTo("a").pends())},
	{"open_connection.returns-pair", "it fails though somebody listens", then(places(trace.Live), dialsTo("a").raises(refusedBy("a")))},
	{"open_connection.returns-pair", "it connects before the host has an address", steps(looks().none())},
	{"open_connection.returns-pair", "it is another that has connected", then(places(trace.Silent), dialsTo("a").none())},
	{"open_connection.failure-raises", "it connects where nobody listens", then(places(trace.Free), dialsTo("a").none())},
	{"open_connection.failure-raises", "it waits where nobody listens", then(places(trace.Free), dialsTo("a").pends())},
	{"open_connection.failure-raises", "it fails in another way", then(places(trace.Free), dialsTo("a").raises(badState))},
	{"open_connection.failure-raises", "it waits for a host that is not known", steps(answersNothing(), looks())},
	{"open_connection.failure-raises", "a cancelled one waits on", then(places(trace.Silent), dialsTo("a").pends(), cancel("s"))},
	{"open_connection.failure-raises", "while it looks a host up", steps(looks(), cancel("s"))},
	{"unix.open-returns-pair", "it waits for a path", steps(address("a"), dials().pends())},
	{"unix.open-returns-pair", "it fails in another way", steps(address("a"), dials().raises(errInUse))},
	{"unix.path-like", "it takes text only", steps(live("a"), dials().edits(likePath).raises(of(trace.InvalidType)))},
	{"unix.path-like", "and so does a server", steps(address("a"), serves().edits(likePath).raises(of(trace.InvalidType)))},
	{"parameters.limit-not-positive", "a limit of nothing is taken", then(places(trace.Live), dialsTo("a").limited(0).none())},
	{"parameters.limit-not-positive", "it is looked at afterwards", then(places(trace.Live), dialsTo("a").limited(0).raises(invalid), acceptsAt("a", ""))},
	{"parameters.limit-not-positive", "or waited for", then(places(trace.Live), dialsTo("a").limited(0).pends())},
	{"parameters.limit-none-refused", "a limit of none is taken", then(places(trace.Live), dialsTo("a").edits(keyword("limit")))},
	{"open_connection.passes-arguments-on", "an unknown argument is taken", then(places(trace.Live), dialsTo("a").edits(keyword("colour")))},
	{"open_connection.loop-refused", "a loop is taken", then(places(trace.Live), dialsTo("a").edits(keyword("loop")))},
	{"start_server.loop-refused", "or by a server", then(places(trace.Free), overTCP(serves()).edits(keyword("loop")))},
	{"start_server.passes-arguments-on", "or an unknown argument", then(places(trace.Free), overTCP(serves()).edits(keyword("colour")))},
	{"open_connection.positional-arguments", "a further argument is taken by position", then(places(trace.Live), dialsTo("a").edits(keyword("")))},
	{"open_connection.returned-types", "the writer is of another class", then(places(trace.Live), dialsTo("a"), isOf("writer", "StreamWriter").is(false))},
	{"parameters.socket-kind", "a socket for datagrams is taken", steps(datagrams(), overTCP(dials()).of("k"))},
	{"parameters.socket-kind", "by a server too", steps(datagrams(), overTCP(serves()).of("k"))},

	// several addresses
	{"open_connection.addresses-in-order", "the second is tried first", then(standing3(trace.Live, trace.Live), doneIn(looks()), acceptsAt("b", "s"))},
	{"open_connection.addresses-in-order", "the second is tried besides", then(standing3(trace.Silent, trace.Live), looks(), acceptsAt("b", ""))},
	{"open_connection.addresses-in-order", "the next is not tried", then(standing3(trace.Free, trace.Free, trace.Live), looks())},
	{"open_connection.addresses-in-order", "it fails with the first", then(standing3(trace.Free, trace.Live), failsIn(looks()))},
	{"open_connection.error-of-all-addresses", "the error of one is another", then(standing3(trace.Free), dialsTo("a").makes("t").raises(refusedBy("a")), looks().raises(refusedBy("b")))},
	{"open_connection.error-of-all-addresses", "an error is missing", then(standing3(trace.Free, trace.Free), dialsTo("b").makes("t").raises(refusedBy("b")), looks().raises(refusedBy("a")))},
	{"open_connection.happy-eyeballs", "the next is tried too early", then(standing3(trace.Silent, trace.Live), looks().delayed(250), advances(249).with(doneNone("s")))},
	{"open_connection.happy-eyeballs", "or too late", then(standing3(trace.Silent, trace.Live), looks().delayed(250), advances(250))},
	{"open_connection.happy-eyeballs", "the delay counts once", then(standing3(trace.Silent, trace.Silent, trace.Live), looks().delayed(250), advances(250), advances(250))},
	{"open_connection.happy-eyeballs", "one that fails is waited for", then(standing3(trace.Free, trace.Live), looks().delayed(250))},
	{"open_connection.happy-eyeballs", "a delay of nothing is waited for", then(standing3(trace.Silent, trace.Live), looks().delayed(0))},
	{"open_connection.happy-eyeballs", "further addresses are tried", then(standing3(trace.Live, trace.Live), doneIn(looks().delayed(250)), advances(1000), acceptsAt("a", "s"), acceptsAt("b", "").edits(func(c *trace.Command) { c.As = "v" }))},
	{"open_connection.happy-eyeballs", "and after it was cancelled", then(standing3(trace.Silent, trace.Live), looks().delayed(250), cancelsIn(cancel("s")), advances(1000), acceptsAt("b", ""))},
	{"open_connection.happy-eyeballs", "families are not mixed", then(places(trace.Free, trace.Live), atHost("c", "::1", trace.Live), answers("a", "b", "c"), doneIn(looks().mixing(1)), acceptsAt("b", "s"))},

	// arguments
	{"open_connection.local-address", "the local end is not bound", then(places(trace.Live), atHost("l", "127.6.7.8", trace.Free), dialsTo("a").from("l"), acceptsAt("a", "s"), named(trace.RawSockName, "127.0.0.2", 4711), named(trace.RawPeerName, "127.0.0.1", 4711))},
	{"open_connection.local-address", "or to another port", then(places(trace.Live, trace.Free), dialsTo("a").from("b"), acceptsAt("a", "s"), named(trace.RawSockName, "127.0.0.2", 4711), named(trace.RawPeerName, "127.0.0.3", 1))},
	{"open_connection.local-address", "or to the same host", then(places(trace.Live, trace.Free), dialsTo("a").from("b"), acceptsAt("a", "s"), named(trace.RawSockName, "127.0.0.2", 4711), named(trace.RawPeerName, "127.0.0.2", 4711))},
	{"open_connection.local-address", "it connects though it cannot be bound", then(places(trace.Live, trace.Live), dialsTo("a").from("b"))},
	{"parameters.resolution", "a family is not passed on", steps(looks().edits(func(c *trace.Command) { c.Family = trace.IPv4 }).with(asked(trace.Unspecified, 0, 0)))},
	{"parameters.resolution", "a server is given other flags", steps(overTCP(serves().at()).edits(func(c *trace.Command) { c.Host, c.Flags = trace.Text(hostName), trace.Int(32) }).pends().with(asked(trace.Unspecified, 0, 33)))},
	{"open_connection.passes-arguments-on", "a protocol is not passed on", steps(looks().edits(func(c *trace.Command) { c.Proto = trace.Int(6) }).with(asked(trace.Unspecified, 0, 0)))},

	// listening
	{"start_server.address-in-use", "it listens where somebody does", then(places(trace.Live), overTCP(serves()))},
	{"start_server.address-in-use", "it is not said why it cannot", then(places(trace.Live), overTCP(serves()).raises(of(trace.OSError)))},
	{"start_server.listens", "a server cannot be started", then(places(trace.Free), overTCP(serves()).raises(errInUse))},
	{"unix.server", "nor at a path", steps(address("a"), serves().raises(errInUse))},
	{"unix.server", "or is awaited", steps(address("a"), serves().pends())},
	{"unix.server", "there is no socket", started(stateIs("free"))},
	{"unix.occupied-path", "a stale file is in the way", steps(addressIn("a", trace.Unix, trace.Stale), serves().raises(errInUse))},
	{"unix.occupied-path", "a regular file makes way", steps(addressIn("a", trace.Unix, trace.RegularFile), serves())},
	{"unix.occupied-path", "a directory is made", steps(addressIn("a", trace.Unix, trace.NoDirectory), serves())},
	{"unix.removes-socket-file", "the file is left", started(closesServer(), stateIs("socket"))},
	{"unix.removes-socket-file", "another file is removed", started(puts(trace.RegularFile), closesServer(), stateIs("free"))},
	{"parameters.backlog", "the default is another", then(places(trace.Free), overTCP(serves()), asks("backlog", trace.Value{Int: trace.Int(128)}))},
	{"parameters.backlog", "one more waits", then(places(trace.Free), overTCP(serves()).edits(func(c *trace.Command) { c.Backlog = trace.Int(5) }), asks("backlog", trace.Value{Int: trace.Int(6)}))},
	{"parameters.reuse", "a port is not shared", then(places(trace.Free), sharing(overTCP(serves())), asks("reuse_port", trace.BoolValue(false)))},
	{"parameters.reuse", "an address is reused", then(places(trace.Free), overTCP(serves()).edits(func(c *trace.Command) { c.ReuseAddress = trace.Bool(false) }), asks("reuse_address", trace.BoolValue(true)))},
	{"parameters.host-omitted", "a server is at this machine only", steps(overTCP(serves().at()).edits(func(c *trace.Command) { c.Port = trace.Int(0) }), socketsAre(hostAndPort(1)))},
	{"start_server.close-keeps-clients", "a socket that was given listens on", steps(address("a"), boundSocket(), serves().of("k"), closesServer(), connects("w"))},
}

// boundSocket is a socket, k, that is bound to an address.
func boundSocket() step {
	return does(trace.Command{Op: trace.SocketMake, As: "k", Kind: trace.Unix, Address: "a"})
}

// conformingPlaces are such sessions as a conforming implementation has them.
var conformingPlaces = []conformingSession{
	{"the next is tried when the delay has passed", then(standing3(trace.Silent, trace.Silent, trace.Live), looks().delayed(250), advances(249), acceptsAt("c", "").raises(of(trace.OSError)), advances(1), doneIn(advances(250)), acceptsAt("c", "s")), []string{"open_connection.happy-eyeballs"}},
	{"one that fails has the next tried", then(standing3(trace.Free, trace.Live), doneIn(looks()), acceptsAt("b", "s")), []string{"open_connection.addresses-in-order"}},
	{"families are mixed", then(places(trace.Free, trace.Live), atHost("c", "::1", trace.Live), answers("a", "b", "c"), doneIn(looks().mixing(1)), acceptsAt("c", "s")), nil},
	{"two of the first family", then(places(trace.Free, trace.Live), atHost("c", "::1", trace.Live), answers("a", "b", "c"), doneIn(looks().mixing(2)), acceptsAt("b", "s")), nil},
	{"no order is changed", then(places(trace.Free, trace.Live), atHost("c", "::1", trace.Live), answers("a", "b", "c"), doneIn(looks().mixing(0)), acceptsAt("b", "s")), nil},
	{"a family is asked for", then(places(trace.Free), atHost("c", "::1", trace.Live), answers("a", "c"), doneIn(looks().edits(func(c *trace.Command) { c.Family = trace.IPv6 }).with(asked(trace.IPv6, 0, 0))), acceptsAt("c", "s")), []string{"parameters.resolution"}},
	{"the host is answered for later", then(places(trace.Live), looks().with(asked(trace.Unspecified, 0, 0)), doneIn(answers("a")), acceptsAt("a", "s")), []string{"open_connection.returns-pair"}},
	{"all addresses fail", then(standing3(trace.Free, trace.Free), dialsTo("a").makes("t").raises(refusedBy("a")), dialsTo("b").makes("u").raises(refusedBy("b")), looks().raises(trace.Error{Kind: trace.OSError, Message: refusedBy("a").Message + ", " + refusedBy("b").Message})), []string{"open_connection.error-of-all-addresses", "open_connection.failure-raises"}},
	{"the one address fails", then(standing3(trace.Free), dialsTo("a").makes("t").raises(refusedBy("a")), looks().raises(refusedBy("a"))), nil},
	{"it is cancelled", then(places(trace.Silent), dialsTo("a").pends(), cancelsIn(cancel("s")), acceptsNobody()), []string{"open_connection.failure-raises"}},
	{"the local end is bound", then(places(trace.Live), atHost("l", "127.6.7.8", trace.Free), dialsTo("a").from("l"), acceptsAt("a", "s"), named(trace.RawSockName, "127.0.0.2", 4711), named(trace.RawPeerName, "127.6.7.8", 4711)), []string{"open_connection.local-address"}},
	{"it cannot be bound", then(places(trace.Live, trace.Live), dialsTo("a").from("b").raises(errInUse), acceptsNobody()), nil},
	{"arguments are refused", then(places(trace.Live), steps(dialsTo("a").limited(-1).raises(invalid), dialsTo("a").makes("t").edits(keyword("colour")).raises(of(trace.InvalidType)), dialsTo("a").makes("u").edits(keyword("limit")).raises(of(trace.InvalidType)),
		dialsTo("a").makes("v").edits(keyword("loop")).raises(of(trace.InvalidType)), overTCP(serves()).edits(keyword("loop")).raises(of(trace.InvalidType)), overTCP(serves()).makes("x").edits(keyword("colour")).raises(of(trace.InvalidType)), datagrams(), overTCP(serves()).makes("y").of("k").raises(invalid))...),
		[]string{"parameters.limit-not-positive", "parameters.limit-none-refused", "open_connection.passes-arguments-on", "open_connection.loop-refused", "start_server.loop-refused", "start_server.passes-arguments-on", "parameters.socket-kind"}},
	{"a reader and a writer", then(places(trace.Live), dialsTo("a"), isOf("reader", "StreamReader").is(true), dialsTo("a").makes("t").edits(keyword("")).raises(of(trace.InvalidType))), []string{"open_connection.positional-arguments", "open_connection.returned-types"}},
	{"objects that stand for paths", steps(live("a"), address("b"), dials().edits(likePath), serves().at("b").edits(likePath)), []string{"unix.path-like"}},
	{"somebody is there", then(places(trace.Live), overTCP(serves()).raises(errInUse)), []string{"start_server.address-in-use"}},
	{"files at paths", steps(addressIn("a", trace.Unix, trace.Stale), serves(), stateIs("socket"), closesServer(), stateIs("free"), addressIn("b", trace.Unix, trace.RegularFile), serves().makes("x").at("b").raises(errInUse), addressIn("c", trace.Unix, trace.NoDirectory), serves().makes("y").at("c").raises(errNotFound)), []string{"unix.occupied-path", "unix.removes-socket-file", "unix.server"}},
	{"a file of another", started(puts(trace.RegularFile), closesServer(), stateIs("file")), []string{"unix.removes-socket-file"}},
	{"what is asked of a server's socket", then(places(trace.Free), sharing(overTCP(serves())).edits(func(c *trace.Command) { c.ReuseAddress = trace.Bool(false) }), asks("backlog", trace.Value{Int: trace.Int(100)}), asks("reuse_port", trace.BoolValue(true)), asks("reuse_address", trace.BoolValue(false))), []string{"parameters.backlog", "parameters.reuse"}},
	{"all interfaces", steps(overTCP(serves().at()).edits(func(c *trace.Command) { c.Port = trace.Int(0) }), socketsAre(trace.Value{List: []trace.Value{{Text: trace.Text("0.0.0.0")}, {Int: trace.Int(4711)}}})), []string{"parameters.host-omitted"}},
	{"a socket that was given", steps(address("a"), boundSocket(), serves().of("k"), connects("w").with(callFor(1, "w")), socketsAre(path("/x")), closesServer(), connects("v").isRefused()), []string{"start_server.listens"}},
}

// latitudePlaces are such sessions in which it is open what has to come.
var latitudePlaces = []permittedSession{
	{"time that does not stand", then(places(trace.Silent, trace.Live), answers("a", "b"), looks().delayed(250), doneIn(settle()), acceptsAt("b", "s"))},
	{"what is put there meanwhile", then(places(trace.Free), addressIn("b", trace.TCP, trace.Silent), answers("a", "b"), looks(), puts(trace.Live), doneIn(settle()))},
	{"what is put there afterwards", then(standing3(trace.Free, trace.Live), doneIn(looks()), puts(trace.Live), acceptsAt("b", "s"))},
	{"two answers for a host", then(places(trace.Live, trace.Silent), looks(), answers("b"), doneIn(answers("a")))},
	{"a local end that was used", then(places(trace.Live, trace.Free), dialsTo("a").from("b"), dialsTo("a").makes("t").from("b").raises(errInUse))},
	{"a local end that several attempts want", then(standing3(trace.Live, trace.Free), addressIn("l", trace.TCP, trace.Free), looks().from("l").delayed(0).raises(errInUse))},
	{"families without an order", then(places(trace.Live), atHost("b", "::1", trace.Live), answers("a", "b"), doneIn(looks().delayed(250)), acceptsAt("b", "s"))},
	{"a path that was taken from a server", started(puts(trace.Live), connects("w"))},
	{"a path that is looked at before the server is there", steps(address("a"), serves().soon().pends(), stateIs("free").with(doneNone("srv")))},
	{"and a socket", then(places(trace.Free), overTCP(serves()).soon().pends(), asks("backlog", trace.None).with(doneNone("srv")))},
	{"a path where somebody listens", steps(live("a"), serves())},
	{"or is refused", steps(live("a"), serves().raises(errInUse))},
	{"an address whose server is closed", then(places(trace.Free), overTCP(serves()), closesServer(), overTCP(serves()).makes("x").raises(errInUse))},
	{"arguments of many kinds", then(places(trace.Live), dialsTo("a").edits(func(c *trace.Command) { c.Keywords = []trace.Keyword{} }).raises(badState))},
	{"nobody in particular", steps(does(trace.Command{Op: trace.StreamOpen, As: "s", Kind: trace.TCP, Port: trace.Int(7)}).raises(badState))},
}

// TestTheDelayWithWeakerSettling has an implementation not know the clock until it has begun to wait by it.
func TestTheDelayWithWeakerSettling(t *testing.T) {
	opened := then(standing3(trace.Silent, trace.Silent, trace.Live), looks().delayed(250))
	weak := Options{Settling: trace.BestEffort}
	for _, test := range []struct {
		name  string
		rest  []step
		owes  bool
		rules []string
	}{
		{"it may have begun late", steps(advances(250), advances(250)), false, nil},
		{"it has certainly begun", steps(inVain(patient), advances(250), inVain(patient), advances(250)), true, nil},
		{"for the first only", steps(inVain(patient), advances(250), advances(250)), false, nil},
		{"a short wait proves nothing", steps(inVain(10), advances(250), inVain(10), advances(250)), false, nil},
		{"it is waited for in vain", steps(inVain(patient), advances(250), inVain(patient), advances(250), inVain(10)), false, []string{"open_connection.happy-eyeballs"}},
	} {
		m := play(weak, then(opened[:len(opened):len(opened)], test.rest...)...)
		accused(t, m, test.rules...)
		if until, owes := m.Owes(); owes != test.owes || owes && until.Done != "s" {
			t.Errorf("%s: owes %t: %v", test.name, owes, until)
		}
	}
	m := play(weak, then(places(trace.Live), dialsTo("a").pends())...)
	if until, owes := m.Owes(); !owes || until.Done != "s" {
		t.Errorf("a call that connects at once: owes %t: %v", owes, until)
	}
}
