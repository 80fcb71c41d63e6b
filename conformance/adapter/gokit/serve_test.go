package gokit_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/adapter/gokit"
	"github.com/streamspec/streamspec/conformance/adapter/reference"
	"github.com/streamspec/streamspec/spec/trace"
)

var sockets = []trace.EndKind{trace.TCP, trace.Unix}

func makeAddress(as string, kind trace.EndKind, state trace.State) trace.Command {
	return trace.Command{Op: trace.AddressMake, As: as, Kind: kind, State: state}
}

func serve(kind trace.EndKind, form trace.Callback, program ...trace.Reaction) trace.Command {
	return trace.Command{Op: trace.StreamServe, As: "srv", Kind: kind, Callback: form, Addresses: []string{"a"}, Program: program}
}

func dial(as string, kind trace.EndKind, to string) trace.Command {
	return trace.Command{Op: trace.StreamOpen, As: as, Kind: kind, Address: to}
}

func dialHost(as, host string) trace.Command {
	return trace.Command{Op: trace.StreamOpen, As: as, Kind: trace.TCP, Host: &host}
}

func knock(as string, kind trace.EndKind, at string) trace.Command {
	return trace.Command{Op: trace.RawConnect, As: as, Kind: kind, Address: at}
}

func accept(as string, kind trace.EndKind, at string) trace.Command {
	return trace.Command{Op: trace.RawAccept, As: as, Kind: kind, Address: at}
}

func start(as string, op trace.Op) trace.Command {
	return trace.Command{Op: op, On: "srv.server", As: as}
}

func toWriter(name, text string) trace.Command {
	return trace.Command{Op: trace.WriterWrite, On: name + ".writer", Data: trace.D(text)}
}

func release(name string, exception *string) trace.Command {
	return trace.Command{Op: trace.Release, On: name, Exception: exception}
}

func ask(name string) trace.Command {
	return trace.Command{Op: trace.AddressAsk, On: "a", Name: name}
}

func put(name string, state trace.State) trace.Command {
	return trace.Command{Op: trace.AddressPut, On: name, State: state}
}

func inCall(do ...trace.Command) trace.Reaction { return onEvent(trace.ClientConnected, do...) }

var (
	holding     = trace.Reaction{In: trace.ClientConnected, Hold: true}
	failing     = trace.Reaction{In: trace.ClientConnected, Raise: trace.Text("ouch")}
	closeServer = on(trace.ServerClose, "srv.server")
	isServing   = on(trace.ServerIsServing, "srv.server")
	called      = sure(trace.ClientConnected, "srv#1")
)

// TestServing plays sessions with servers, addresses and sockets on the reference. As elsewhere, only what is asked for after a
// run is certain.
func TestServing(t *testing.T) {
	later := func(c trace.Command) trace.Command { c.StartServing = trace.Bool(false); return c }
	for name, test := range map[string]struct {
		kinds    []trace.EndKind
		commands func(kind trace.EndKind) []trace.Command
		outcomes []string // an empty one is not compared
		events   []string // without the ends of calls; nil: not compared
	}{
		"a client": {
			sockets,
			func(kind trace.EndKind) []trace.Command {
				return []trace.Command{
					makeAddress("a", kind, ""), serve(kind, trace.Coroutine, holding), run("srv"), isServing, knock("w", kind, "a"), called,
					send("hello"), {Op: trace.ReaderReadExactly, On: "srv#1.reader", As: "c1", N: trace.Int(5)}, run("c1"), toWriter("srv#1", "abc"), recv("c2", 3), run("c2"),
					on(trace.RawFarOpen, "w"), {Op: trace.ObjectHas, On: "srv.server", Name: "serve_forever"}, {Op: trace.ObjectHas, On: "srv.server", Name: "write"}, on(trace.WriterTransport, "srv#1.writer"), on(trace.TransportGetProtocol, "srv#1.transport"),
					release("srv#1", nil), run("srv#1"), on(trace.WriterIsClosing, "srv#1.writer"),
					start("c3", trace.ServerWaitClosed), closeServer, closeServer, isServing, on(trace.ServerSockets, "srv.server"), knock("late", kind, "a"), brief(trace.Finished, "c3"),
					on(trace.WriterClose, "srv#1.writer"), run("c3"), recv("c4", 1), run("c4"), on(trace.RawFarOpen, "w"), release("srv#1", nil), on(trace.Cancel, "srv#1"),
				}
			},
			[]string{
				"returned none", "returned none", "returned true", "returned true", "returned none", "returned true",
				"returned 5", `returned "hello"`, "returned true", "returned none", `returned "abc"`, "returned true",
				"returned true", "returned true", "returned false", "returned the object srv#1.transport", "returned the object srv#1.protocol",
				"returned none", "returned true", "returned false",
				"", "returned none", "returned none", "returned false", "returned []", "raised os-error", "returned false",
				"returned none", "returned true", `returned ""`, "returned true", "returned false", "returned none", "returned none",
			},
			[]string{"client_connected srv#1 the object w"},
		},
		"what the callback does": {
			sockets,
			func(kind trace.EndKind) []trace.Command {
				first := inCall(toWriter("srv#1", "bye"), closeServer, on(trace.WriterClose, "srv#1.writer"))
				first.Nth, first.Return = 1, &trace.Value{Int: trace.Int(7)}
				return []trace.Command{
					makeAddress("a", kind, ""), serve(kind, trace.Coroutine, first), run("srv"), knock("w", kind, "a"), recv("c1", 9), run("c1"), run("srv#1"), isServing,
				}
			},
			[]string{"returned none", "returned none", "returned true", "returned none", `returned "bye"`, "returned true", "returned true", "returned false"},
			[]string{"client_connected srv#1 the object w", `doing srv#1 srv#1.writer.write("bye")`, "did srv#1 returned none", "doing srv#1 srv.server.close()", "did srv#1 returned none", "doing srv#1 srv#1.writer.close()", "did srv#1 returned none"},
		},
		"a function": {
			sockets,
			func(kind trace.EndKind) []trace.Command {
				return []trace.Command{
					makeAddress("a", kind, ""), serve(kind, trace.Function, holding), run("srv"), knock("w", kind, "a"), called, on(trace.Cancel, "srv#1"), release("srv#1", nil), run("srv#1"), run("c9"),
				}
			},
			[]string{
				"returned none", "returned none", "returned true", "returned none", "returned true", `adapter fault: there is no call "srv#1"`,
				`adapter fault: there is no call "srv#1" that could be released`, `adapter fault: there is no call "srv#1"`, `adapter fault: there is no call "c9"`,
			},
			[]string{"client_connected srv#1 the object w"},
		},
		"a callback that fails": {
			sockets,
			func(kind trace.EndKind) []trace.Command {
				return []trace.Command{makeAddress("a", kind, ""), serve(kind, trace.Coroutine, failing), run("srv"), knock("w", kind, "a"), run("srv#1"), recv("c1", 1), run("c1")}
			},
			[]string{"returned none", "returned none", "returned true", "returned none", "returned true", `returned ""`, "returned true"},
			[]string{"client_connected srv#1 the object w", "unhandled raised scripted"},
		},
		"callbacks that are ended": {
			sockets,
			func(kind trace.EndKind) []trace.Command {
				return []trace.Command{
					makeAddress("a", kind, ""), serve(kind, trace.Coroutine, holding), run("srv"), knock("w", kind, "a"), called, on(trace.Cancel, "srv#1"), run("srv#1"), recv("c1", 1), run("c1"),
					knock("w2", kind, "a"), sure(trace.ClientConnected, "srv#2"), release("srv#2", trace.Text("ouch")), run("srv#2"), {Op: trace.RawRecv, On: "w2", As: "c2"}, run("c2"),
				}
			},
			[]string{"returned none", "returned none", "returned true", "returned none", "returned true", "returned none", "returned true", `returned ""`, "returned true",
				"returned none", "returned true", "returned none", "returned true", `returned ""`, "returned true"},
			[]string{"client_connected srv#1 the object w", "client_connected srv#2 the object w2", "unhandled raised scripted"},
		},
		"clients that are closed": {
			sockets,
			func(kind trace.EndKind) []trace.Command {
				return []trace.Command{
					makeAddress("a", kind, ""), serve(kind, trace.Function), run("srv"), knock("w", kind, "a"), called, on(trace.ServerCloseClients, "srv.server"), recv("c1", 1), run("c1"),
					knock("w2", kind, "a"), sure(trace.ClientConnected, "srv#2"), on(trace.ServerAbortClients, "srv.server"), {Op: trace.RawRecv, On: "w2", As: "c2"}, run("c2"),
				}
			},
			[]string{"returned none", "returned none", "returned true", "returned none", "returned true", "returned none", `returned ""`, "returned true", "returned none", "returned true", "returned none", "", "returned true"},
			nil,
		},
		"a client that resets": {
			[]trace.EndKind{trace.TCP},
			func(kind trace.EndKind) []trace.Command {
				return []trace.Command{
					makeAddress("a", kind, ""), serve(kind, trace.Function), run("srv"), knock("w", kind, "a"), called, on(trace.TransportPauseReading, "srv#1.transport"), on(trace.RawReset, "w"), on(trace.RawFarOpen, "w"),
					on(trace.TransportAbort, "srv#1.transport"), {Op: trace.WriterWaitClosed, On: "srv#1.writer", As: "c1"}, run("c1"), on(trace.RawFarOpen, "w"),
				}
			},
			[]string{"returned none", "returned none", "returned true", "returned none", "returned true", "returned none", "returned none", "returned true", "returned none", "returned none", "returned true", "returned false"},
			[]string{"client_connected srv#1 the object w"},
		},
		"serving later": {
			sockets,
			func(kind trace.EndKind) []trace.Command {
				forever := start("c3", trace.ServerContext)
				forever.Serve = trace.Bool(true)
				return []trace.Command{
					makeAddress("a", kind, ""), later(serve(kind, trace.Function)), run("srv"), isServing, knock("early", kind, "a"), start("c1", trace.ServerContext), start("c2", trace.ServerStartServing), run("c2"),
					knock("w", kind, "a"), called, release("c1", trace.Text("ouch")), on(trace.WriterClose, "srv#1.writer"), run("c1"), isServing, start("c2b", trace.ServerServeForever), run("c2b"), forever, run("c3"),
				}
			},
			[]string{"returned none", "returned none", "returned true", "returned false", "raised os-error", "pending", "returned none", "returned true",
				"returned none", "returned true", "returned none", "returned none", "returned true", "returned false", "raised invalid-state", "returned true", "raised invalid-state", "returned true"},
			nil,
		},
		"serving until that is cancelled": {
			sockets,
			func(kind trace.EndKind) []trace.Command {
				forever := start("c2", trace.ServerContext)
				forever.Serve = trace.Bool(true)
				return []trace.Command{
					makeAddress("a", kind, ""), later(serve(kind, trace.Function)), run("srv"), start("c1", trace.ServerServeForever), on(trace.Cancel, "c1"), run("c1"), isServing,
					{Op: trace.Forget, Names: []string{"srv"}}, serve(kind, trace.Function), run("srv"), forever, knock("w", kind, "a"), called, on(trace.Cancel, "c2"), on(trace.WriterClose, "srv#1.writer"), run("c2"),
				}
			},
			[]string{"returned none", "returned none", "returned true", "pending", "returned none", "returned true", "returned false",
				"returned none", "returned none", "returned true", "pending", "returned none", "returned true", "returned none", "returned none", "returned true"},
			nil,
		},
		"states": {
			sockets,
			func(kind trace.EndKind) []trace.Command {
				return []trace.Command{
					makeAddress("a", kind, trace.Live), knock("w", kind, "a"), accept("w2", kind, "a"), send("x"), {Op: trace.RawRecv, On: "w2", As: "c1", N: trace.Int(1)}, run("c1"),
					accept("w3", kind, "a"), put("a", trace.Free), knock("w4", kind, "a"), accept("w5", kind, "a"), serve(kind, trace.Function), run("srv"), put("a", trace.Free),
				}
			},
			[]string{"returned none", "returned none", "returned none", "returned 1", `returned "x"`, "returned true",
				"raised os-error", "returned none", "raised os-error", "adapter fault: a is not live", "returned none", "returned true", "returned none"},
			[]string{},
		},
		"states of paths": {
			[]trace.EndKind{trace.Unix},
			func(kind trace.EndKind) []trace.Command {
				state := on(trace.AddressState, "a")
				return []trace.Command{
					makeAddress("a", kind, trace.Stale), state, knock("w", kind, "a"), put("a", trace.RegularFile), state, knock("w", kind, "a"), put("a", trace.Live), state, knock("w", kind, "a"), put("a", trace.Free), state,
					makeAddress("b", kind, trace.NoDirectory), knock("w2", kind, "b"), {Op: trace.StreamServe, As: "nowhere", Kind: kind, Addresses: []string{"b"}, Callback: trace.Function}, run("nowhere"),
					serve(kind, trace.Function), run("srv"), state, knock("w3", kind, "a"), closeServer, state,
				}
			},
			[]string{"returned none", `returned the text "socket"`, "raised os-error", "returned none", `returned the text "file"`, "raised os-error", "returned none", `returned the text "socket"`, "returned none", "returned none", `returned the text "free"`,
				"returned none", "raised os-error", "raised os-error", "returned true",
				"returned none", "returned true", `returned the text "socket"`, "returned none", "returned none", `returned the text "free"`},
			nil,
		},
		"one that is silent": {
			[]trace.EndKind{trace.TCP},
			func(kind trace.EndKind) []trace.Command {
				return []trace.Command{makeAddress("a", kind, trace.Silent), dial("s", kind, "a"), brief(trace.Finished, "s"), on(trace.Cancel, "s"), run("s")}
			},
			[]string{"returned none", "pending", "returned false", "returned none", "returned true"},
			[]string{},
		},
		"connecting": {
			sockets,
			func(kind trace.EndKind) []trace.Command {
				return []trace.Command{
					makeAddress("a", kind, trace.Live), dial("s", kind, "a"), run("s"), dial("s2", kind, "a"), run("s2"), accept("w", kind, "a"), accept("w2", kind, "a"),
					toWriter("s", "abc"), recv("c1", 3), run("c1"), send("x\n"), {Op: trace.ReaderReadLine, On: "s.reader", As: "c2"}, run("c2"), on(trace.TransportGetProtocol, "s.transport"),
					on(trace.RawFarOpen, "w2"), on(trace.RawFarOpen, "w"), on(trace.WriterClose, "s.writer"), recv("c3", 1), run("c3"), {Op: trace.WriterWaitClosed, On: "s.writer", As: "c4"}, run("c4"), on(trace.RawFarOpen, "w"), on(trace.RawFarOpen, "w2"),
					put("a", trace.Free), dial("s3", kind, "a"), run("s3"),
				}
			},
			[]string{"returned none", "returned none", "returned true", "returned none", "returned true", "returned the object s", "returned the object s2",
				"returned none", `returned "abc"`, "returned true", "returned 2", `returned "x\n"`, "returned true", "returned the object s.protocol",
				"returned true", "returned true", "returned none", `returned ""`, "returned true", "returned none", "returned true", "returned false", "returned true",
				"returned none", "raised os-error", "returned true"},
			[]string{},
		},
		"who has connected": {
			[]trace.EndKind{trace.TCP},
			func(kind trace.EndKind) []trace.Command {
				from := dial("s3", kind, "a")
				from.Local = "b"
				return []trace.Command{
					makeAddress("a", kind, trace.Live), makeAddress("b", kind, ""), dial("s", kind, "a"), run("s"), accept("w", kind, "a"), dial("s2", kind, "a"), run("s2"), accept("w2", kind, "a"),
					from, run("s3"), accept("w3", kind, "a"), on(trace.RawReset, "w"), on(trace.WriterClose, "s.writer"), {Op: trace.WriterWaitClosed, On: "s.writer", As: "c1"}, run("c1"), on(trace.RawFarOpen, "w"),
				}
			},
			[]string{"returned none", "returned none", "returned none", "returned true", "returned the object s", "returned none", "returned true", "returned the object s2",
				"returned none", "returned true", "returned the object s3", "returned none", "returned none", "", "returned true", "returned false"},
			[]string{},
		},
		"sockets of connections": {
			sockets,
			func(kind trace.EndKind) []trace.Command {
				of := trace.Command{Op: trace.StreamOpen, As: "s", Kind: kind, Socket: "k"}
				both := dial("s0", kind, "a")
				both.Socket = "k"
				isOpen := on(trace.SocketIsOpen, "k")
				return []trace.Command{
					makeAddress("a", kind, ""), makeRaw(kind), {Op: trace.SocketMake, As: "k", Kind: kind, Raw: "w"}, isOpen, both, run("s0"), isOpen, of, run("s"), send("x"), {Op: trace.ReaderRead, On: "s.reader", As: "c1", N: trace.Int(9)}, run("c1"),
					on(trace.RawFarOpen, "w"), on(trace.WriterClose, "s.writer"), {Op: trace.WriterWaitClosed, On: "s.writer", As: "c2"}, run("c2"), isOpen, {Op: trace.StreamOpen, As: "s2", Raw: "w"},
				}
			},
			[]string{"returned none", "returned none", "returned none", "returned true", "raised invalid-argument", "returned true", "returned true", "returned none", "returned true", "returned 1", `returned "x"`, "returned true",
				"returned true", "returned none", "returned none", "returned true", "returned false", "adapter fault: the far end has been opened already"},
			[]string{},
		},
		"sockets of servers": {
			sockets,
			func(kind trace.EndKind) []trace.Command {
				at := serve(kind, trace.Function)
				at.Addresses, at.Socket = nil, "k"
				isOpen := on(trace.SocketIsOpen, "k")
				return []trace.Command{
					makeAddress("a", kind, ""), {Op: trace.SocketMake, As: "k", Kind: kind, Address: "a"}, knock("w0", kind, "a"), ask("reuse_port"), at, run("srv"), knock("w", kind, "a"), called, ask("reuse_port"), isOpen, closeServer, isOpen,
				}
			},
			[]string{"returned none", "returned none", "raised os-error", "returned none", "returned none", "returned true", "returned none", "returned true", "returned false", "returned true", "returned none", "returned false"},
			nil,
		},
		"sockets that will not do": {
			sockets,
			func(kind trace.EndKind) []trace.Command {
				of := trace.Command{Op: trace.StreamOpen, As: "s", Kind: kind, Socket: "k"}
				at := serve(kind, trace.Function)
				at.Socket = "k2"
				return []trace.Command{
					makeAddress("a", kind, ""), {Op: trace.SocketMake, As: "k", Kind: kind, Datagram: trace.Bool(true)}, of, run("s"), on(trace.SocketIsOpen, "k"),
					{Op: trace.SocketMake, As: "k2", Kind: kind}, at, run("srv"), {Op: trace.StreamOpen, As: "s2", Kind: kind, Address: "a", Socket: "k2"}, run("s2"), on(trace.SocketIsOpen, "k2"),
				}
			},
			[]string{"returned none", "returned none", "raised invalid-argument", "returned true", "returned true", "returned none", "raised invalid-argument", "returned true", "raised invalid-argument", "returned true", "returned true"},
			[]string{},
		},
		"what the system knows": {
			[]trace.EndKind{trace.TCP},
			func(kind trace.EndKind) []trace.Command {
				c := serve(kind, trace.Function)
				c.Backlog, c.ReuseAddress, c.ReusePort = trace.Int(7), trace.Bool(false), trace.Bool(true)
				return []trace.Command{
					makeAddress("a", kind, trace.Live), ask("backlog"), put("a", trace.Free), later(c), run("srv"), ask("backlog"), ask("reuse_address"), ask("reuse_port"),
					start("c1", trace.ServerStartServing), run("c1"), knock("w", kind, "a"), called, ask("backlog"), ask("color"),
				}
			},
			[]string{"returned none", "returned none", "returned none", "returned none", "returned true", "returned none", "returned false", "returned true",
				"returned none", "returned true", "returned none", "returned true", "returned 7", `adapter fault: a.ask("color"): the system knows nothing of "color"`},
			nil,
		},
		"several addresses": {
			[]trace.EndKind{trace.TCP},
			func(kind trace.EndKind) []trace.Command {
				c := serve(kind, trace.Function)
				c.Addresses = []string{"a", "b"}
				return []trace.Command{makeAddress("a", kind, ""), makeAddress("b", kind, ""), c, run("srv"), knock("w", kind, "b"), called, knock("w2", kind, "a"), sure(trace.ClientConnected, "srv#2")}
			},
			[]string{"returned none", "returned none", "returned none", "returned true", "returned none", "returned true", "returned none", "returned true"},
			[]string{"client_connected srv#1 the object w", "client_connected srv#2 the object w2"},
		},
		"names": {
			[]trace.EndKind{trace.TCP},
			func(kind trace.EndKind) []trace.Command {
				answer := func(name string, addresses ...string) trace.Command {
					return trace.Command{Op: trace.ResolverAnswer, Name: name, Addresses: addresses}
				}
				ipv6 := dialHost("s3", "one.test")
				ipv6.Family, ipv6.Flags, ipv6.Proto = trace.IPv6, trace.Int(32), trace.Int(6)
				return []trace.Command{
					makeAddress("a", kind, trace.Live), dialHost("s", "one.test"), sure(trace.Resolving, "one.test"), answer("two.test", "a"), answer("one.test", "a"), run("s"), accept("w", kind, "a"),
					{Op: trace.ResolverAnswer, Name: "two.test", Exception: trace.Text("nowhere")}, dialHost("s2", "two.test"), run("s2"), ipv6, run("s3"), dialHost("s4", "four.test"), on(trace.Cancel, "s4"), run("s4"),
					{Op: trace.StreamServe, As: "srv", Kind: kind, Callback: trace.Function, Host: trace.Text("one.test"), Port: trace.Int(0)}, run("srv"),
				}
			},
			[]string{"returned none", "pending", "returned true", "returned none", "returned none", "returned true", "returned the object s",
				"returned none", "raised os-error", "returned true", "raised os-error", "returned true", "pending", "returned none", "returned true", "returned none", "returned true"},
			[]string{`resolving one.test [the text "unspecified", 0, 0]`, `resolving two.test [the text "unspecified", 0, 0]`, `resolving one.test [the text "ipv6", 6, 32]`,
				`resolving four.test [the text "unspecified", 0, 0]`, `resolving one.test [the text "unspecified", 0, 1]`},
		},
		"time": {
			[]trace.EndKind{trace.TCP},
			func(kind trace.EndKind) []trace.Command {
				c := dialHost("s", "two.test")
				c.Delay = trace.Int(3600_000)
				return []trace.Command{
					{Op: trace.ClockFreeze}, makeAddress("a", kind, trace.Silent), makeAddress("b", kind, trace.Live), {Op: trace.ResolverAnswer, Name: "two.test", Addresses: []string{"a", "b"}}, c, sure(trace.Resolving, "two.test"), settle, settle,
					{Op: trace.ClockAdvance, Ms: 3599_999}, brief(trace.Finished, "s"), {Op: trace.ClockAdvance, Ms: 1}, run("s"), accept("w", kind, "b"),
				}
			},
			[]string{"returned none", "returned none", "returned none", "returned none", "pending", "returned true", "returned none", "returned none", "returned none", "returned false", "returned none", "returned true", "returned the object s"},
			[]string{`resolving two.test [the text "unspecified", 0, 0]`},
		},
		"what is not there": {
			sockets,
			func(kind trace.EndKind) []trace.Command {
				like, wide := dial("s2", kind, "a"), dial("s3", kind, "a")
				like.PathLike = trace.Bool(true)
				wide.Keywords = []trace.Keyword{{Name: "ssl", Value: trace.None}}
				other := map[trace.EndKind]trace.EndKind{trace.TCP: trace.Unix, trace.Unix: trace.TCP}[kind]
				return []trace.Command{
					makeAddress("a", kind, ""), dial("s", kind, "b"), dial("s", other, "a"), knock("w", kind, "b"), accept("w", other, "a"), start("c1", trace.ServerWaitClosed), closeServer, like, wide, serve(kind, trace.Future),
					{Op: trace.StreamOpen, As: "s", Kind: kind, Socket: "k"}, {Op: trace.ClockAdvance, Ms: 1}, {Op: trace.ResolverAnswer, Name: "x.test", Addresses: []string{"b"}}, on(trace.SocketIsOpen, "k"), put("k", trace.Free),
				}
			},
			[]string{
				"returned none", `adapter fault: there is no address "b"`, "adapter fault: the kind of a is another", "", "", `adapter fault: there is no server "srv.server"`, `adapter fault: there is no server "srv.server"`,
				"unsupported: an implementation in Go takes arguments of its types only", "unsupported: an implementation in Go takes arguments of its types only", "unsupported: an implementation in Go takes arguments of its types only",
				`adapter fault: there is no socket "k"`, "adapter fault: time has not been stopped", `adapter fault: there is no address "b"`, `adapter fault: there is no socket "k"`, `adapter fault: there is no address "k"`,
			},
			[]string{},
		},
		"all that can be left open": {
			sockets,
			func(kind trace.EndKind) []trace.Command {
				return []trace.Command{
					makeAddress("a", kind, ""), makeAddress("b", kind, trace.Live), serve(kind, trace.Coroutine, holding), run("srv"), start("c1", trace.ServerContext), start("c2", trace.ServerWaitClosed), start("c3", trace.ServerServeForever),
					knock("w", kind, "a"), called, {Op: trace.ReaderRead, On: "srv#1.reader", As: "c4"}, dial("s", kind, "b"), dial("s2", kind, "b"), run("s"), accept("w2", kind, "b"), soon(knock("w3", kind, "a")), soon(dial("s3", kind, "a")),
					makeAs("w4", kind), {Op: trace.SocketMake, As: "k", Kind: kind, Raw: "w4"}, {Op: trace.SocketMake, As: "k2", Kind: kind, Datagram: trace.Bool(true)}, soon(dialHost("s4", "no.test")),
				}
			},
			[]string{19: ""},
			nil,
		},
	} {
		for _, kind := range test.kinds {
			t.Run(name+"/"+string(kind), func(t *testing.T) {
				warmUp(t)
				t.Setenv("TMPDIR", t.TempDir())
				defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
				before := descriptors(t)
				s := begin(t, reference.New())
				for range 2 { // as one batch, and after that has been forgotten once more
					commands := test.commands(kind)
					replies := do(t, s, commands...)
					outcomes, events := story(replies)
					for i, c := range commands {
						switch {
						case c.Op == trace.Run && c.Ms > 1 && outcomes[i] != "returned true" && test.outcomes[i] == "returned true":
							t.Errorf("%s in vain: %s", c, outcomes[i])
						case trace.Spec(c.Op).Style == trace.Start && outcomes[i] == "pending" && test.outcomes[i] != "pending" && test.outcomes[i] != "":
							outcomes[i] = finish(allEvents(replies), c.As)
						}
						if test.outcomes[i] == "" {
							outcomes[i] = ""
						}
					}
					if diff := cmp.Diff(test.outcomes, outcomes); diff != "" && name != "all that can be left open" {
						t.Errorf("outcomes (-want +got):\n%s", diff)
					}
					if test.events != nil {
						got := []string{}
						for _, e := range events {
							if !strings.HasPrefix(e, "finished ") {
								got = append(got, e)
							}
						}
						if diff := cmp.Diff(test.events, got); diff != "" {
							t.Errorf("events (-want +got):\n%s", diff)
						}
					}
					if r := do(t, s, forget)[0]; r.String() != "returned none" || r.Events != nil {
						t.Errorf("forgetting %s and %v", r, r.Events)
					}
					expectEmpty(t)
				}
				end(t, s)
				if after := descriptors(t); after > before {
					t.Errorf("%d descriptors before, %d after", before, after)
				}
			})
		}
	}
}

// warmUp has the runtime open its own descriptors.
func warmUp(t *testing.T) {
	s := begin(t, reference.New())
	do(t, s, makeRaw(trace.Unix))
	end(t, s)
}

// expectEmpty expects that nothing is left in the folder for temporary files.
func expectEmpty(t *testing.T) {
	t.Helper()
	if entries, err := os.ReadDir(os.TempDir()); err != nil || len(entries) > 0 {
		t.Errorf("what is left in the folder for temporary files: %v, %v", entries, err)
	}
}

func allEvents(replies []trace.Reply) (all []trace.Event) {
	for _, r := range replies {
		all = append(all, r.Events...)
	}
	return all
}

// TestAddressesAreOnesOwn sees that sessions at the same time do not get in each other's way, nor those after each other.
func TestAddressesAreOnesOwn(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	a := reference.New()
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			s := begin(t, a)
			kind := sockets[i%2]
			for range 20 {
				c := serve(kind, trace.Coroutine, inCall(on(trace.WriterClose, "srv#1.writer")))
				if kind == trace.TCP {
					c.ReuseAddress = trace.Bool(false) // what is left of a connection would be in the way
				}
				replies := do(t, s, makeAddress("a", kind, ""), c, run("srv"), knock("w", kind, "a"), run("srv#1"), recv("c1", 1), run("c1"), on(trace.ServerSockets, "srv.server"), forget)
				got := says(replies)
				if replies[2].String() != "returned true" || replies[4].String() != "returned true" || replies[6].String() != "returned true" {
					t.Errorf("got %q", got)
				}
				for _, e := range allEvents(replies) {
					if e.Ev == trace.ClientConnected && e.Value.Object != "w" {
						t.Errorf("the callback was called for %v", e.Value)
					}
				}
			}
			end(t, s)
		})
	}
	wg.Wait()
}

// TestForgettingByName forgets a server alone, whose name can be given to another then, and calls of its callback.
func TestForgettingByName(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, kind := range sockets {
		s := begin(t, reference.New())
		server := serve(kind, trace.Coroutine, holding)
		replies := do(t, s, makeAddress("a", kind, ""), server, run("srv"), knock("w", kind, "a"), called, knock("w2", kind, "a"), sure(trace.ClientConnected, "srv#2"),
			trace.Command{Op: trace.Forget, Names: []string{"srv#1"}}, recv("c1", 1), run("c1"), on(trace.TransportIsClosing, "srv#2.transport"), on(trace.TransportIsClosing, "srv#1.transport"),
			trace.Command{Op: trace.Forget, Names: []string{"srv"}}, on(trace.TransportIsClosing, "srv#2.transport"), trace.Command{Op: trace.Forget, Names: []string{"w"}},
			server, run("srv"), knock("w", kind, "a"), called, soon(release("srv#1", nil)), run("srv#1"))
		got := says(replies)
		want := map[int]string{
			9: "returned true", 10: "returned false", 17: "returned none", 18: "returned true", 20: "returned true", 11: `adapter fault: there is no transport "srv#1.transport"`, 13: `adapter fault: there is no transport "srv#2.transport"`,
		}
		for i, text := range want {
			if !strings.HasPrefix(got[i], text) {
				t.Errorf("reply %d is %s, want %s", i, got[i], text)
			}
		}
		for i := range 15 {
			for _, e := range replies[i].Events {
				if e.Ev == trace.Finished && strings.HasPrefix(e.On, "srv#") {
					t.Errorf("what was forgotten was told: %v", e)
				}
			}
		}
		end(t, s)
	}
}

// TestWhatServingNeeds has an implementation that neither connects nor serves, and the capabilities of one that does.
func TestWhatServingNeeds(t *testing.T) {
	s := begin(t, implementation(broken{}))
	got := says(do(t, s, makeAddress("a", trace.TCP, ""), dial("s", trace.TCP, "a"), serve(trace.TCP, trace.Function), trace.Command{Op: trace.ResolverAnswer, Name: "x"}, trace.Command{Op: trace.ClockFreeze}))
	want := []string{"returned none"}
	for _, op := range []trace.Op{trace.StreamOpen, trace.StreamServe, trace.ResolverAnswer, trace.ClockFreeze} {
		want = append(want, fmt.Sprintf("unsupported: the implementation has nothing for %s", op))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	end(t, s)
	all := []trace.Capability{trace.CapConnect, trace.CapServer, trace.CapResolver, trace.CapVirtualTime}
	for a, has := range map[adapter.Adapter]bool{implementation(broken{}): false, reference.New(): true} {
		d, err := a.Describe(context.Background())
		for _, c := range all {
			if err != nil || d.Has(c) != has {
				t.Errorf("%s: %s is %v, %v", d.Name, c, d.Has(c), err)
			}
		}
	}
}

// asking is an implementation that connects nowhere: what it does with its arguments is told by a test.
func asking(open func(context.Context, gokit.Opening) error) adapter.Adapter {
	return gokit.New(gokit.Implementation{
		Ends: []trace.EndKind{trace.TCP}, TakesResolver: true, TakesClock: true,
		Classify: func(error) trace.Error { return trace.Error{} },
		Open: func(ctx context.Context, args gokit.Opening, _ gokit.Report) (gokit.Stream, error) {
			return gokit.Stream{}, open(ctx, args)
		},
	})
}

var errDone = errors.New("done")

// TestArgumentsThatAreNotGiven sees that what a command does not say is nil.
func TestArgumentsThatAreNotGiven(t *testing.T) {
	var got gokit.Opening
	s := begin(t, asking(func(_ context.Context, args gokit.Opening) error { got = args; return errDone }))
	do(t, s, trace.Command{Op: trace.StreamOpen, As: "s", Kind: trace.TCP}, run("s"))
	if got.Resolver == nil || got.Clock == nil {
		t.Error("there is no resolver, or no clock")
	}
	got.Resolver, got.Clock = nil, nil
	if diff := cmp.Diff(gokit.Opening{Kind: trace.TCP}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	do(t, s, trace.Command{Op: trace.StreamOpen, As: "s2", Kind: trace.TCP, Port: trace.Int(7), Host: trace.Text(""), Delay: trace.Int(250), Interleave: trace.Int(0), Limit: trace.Int(9)}, run("s2"))
	delay := 250 * time.Millisecond
	got.Resolver, got.Clock = nil, nil
	if diff := cmp.Diff(gokit.Opening{Kind: trace.TCP, Host: trace.Text(""), Port: trace.Int(7), HappyEyeballsDelay: &delay, Interleave: trace.Int(0), Limit: trace.Int(9)}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	end(t, s)
}

// TestTheClock has timers before and after time has been stopped, which expire in their order.
func TestTheClock(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	var log []string
	s := begin(t, asking(func(ctx context.Context, args gokit.Opening) error {
		c := args.Clock
		real, _ := c.NewTimer(time.Millisecond)
		<-real
		at, _ := c.NewTimer(0)
		<-at
		log = append(log, "began")
		begun := c.Now()
		hour, stopHour := c.NewTimer(time.Hour)
		never, stopNever := c.NewTimer(time.Minute)
		if !stopNever() || stopNever() {
			log = append(log, "stopping does not tell")
		}
		for range 2 {
			select {
			case <-hour:
				log = append(log, fmt.Sprint("after ", c.Now().Sub(begun).Round(time.Minute)))
				hour, _ = c.NewTimer(30 * time.Minute) // made while time is advanced
			case <-never:
				log = append(log, "one that was stopped")
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if stopHour() {
			log = append(log, "it had expired")
		}
		return errDone
	}))
	do(t, s, trace.Command{Op: trace.StreamOpen, As: "s", Kind: trace.TCP}, brief(trace.Finished, "s"), brief(trace.Finished, "s"), settle, trace.Command{Op: trace.ClockFreeze}, trace.Command{Op: trace.ClockFreeze},
		trace.Command{Op: trace.ClockAdvance, Ms: 50 * 60_000}, trace.Command{Op: trace.ClockAdvance, Ms: 60 * 60_000}, run("s"))
	if diff := cmp.Diff([]string{"began", "after 1h0m0s", "after 1h30m0s"}, log); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	end(t, s)
}

// TestTheResolver asks for hosts that nobody answers for.
func TestTheResolver(t *testing.T) {
	var found []netip.AddrPort
	s := begin(t, asking(func(ctx context.Context, args gokit.Opening) (err error) {
		found, err = args.Resolver.Resolve(ctx, gokit.Query{Host: *args.Host, Port: 80, Family: trace.IPv4})
		return err
	}))
	replies := do(t, s, dialHost("s", "localhost"), run("s"), trace.Command{Op: trace.ResolverAnswer, Name: "localhost"}, dialHost("s2", "localhost"), run("s2"))
	if len(found) > 0 || replies[1].String() != "returned true" || finish(allEvents(replies), "s2") != "raised os-error" && plain(replies[3]).String() != "raised os-error" {
		t.Errorf("got %v, %q", found, says(replies))
	}
	for i, r := range replies {
		for _, e := range r.Events {
			if e.Ev == trace.Resolving && i < 2 {
				t.Error("the driver was asked about what it has not answered for")
			}
		}
	}
	end(t, s)
}
