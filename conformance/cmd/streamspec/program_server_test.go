package main

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/streamspec/streamspec/spec/trace"
)

// TestServersInPython writes transcripts about addresses, servers and connecting as programs, and runs them.
func TestServersInPython(t *testing.T) {
	recv := func(on, as string, n int) trace.Command {
		return trace.Command{Op: trace.RawRecv, On: on, As: as, N: trace.Int(n)}
	}
	done := func(call string) trace.Command {
		return trace.Command{Op: trace.Run, Until: &trace.Until{Done: call}, Ms: 5000}
	}
	came := func(event trace.EventName, on string) trace.Command {
		return trace.Command{Op: trace.Run, Until: &trace.Until{Event: event, On: on}, Ms: 5000}
	}
	address := func(as string, kind trace.EndKind, state trace.State) trace.Command {
		return trace.Command{Op: trace.AddressMake, As: as, Kind: kind, State: state}
	}
	connect := func(as string, kind trace.EndKind) trace.Command {
		return trace.Command{Op: trace.RawConnect, As: as, Kind: kind, Address: "a"}
	}
	greet := func(call, text string) []trace.Command {
		return []trace.Command{{Op: trace.WriterWrite, On: call + ".writer", Data: trace.D(text)}}
	}
	serve := func(kind trace.EndKind, form trace.Callback, program ...trace.Reaction) trace.Command {
		for i := range program {
			program[i].In = trace.ClientConnected
		}
		return trace.Command{Op: trace.StreamServe, As: "srv", Kind: kind, Callback: form, Program: program, Addresses: []string{"a"}}
	}
	closing := trace.Command{Op: trace.ServerClose, On: "srv.server"}

	for name, test := range map[string]struct {
		commands []trace.Command
		says     []string
		replies  map[int]trace.Reply // other than none
	}{
		"a server over TCP whose callback is a coroutine": {[]trace.Command{
			address("a", trace.TCP, ""),
			serve(trace.TCP, trace.Coroutine,
				trace.Reaction{Nth: 1, Do: greet("srv#1", "hi"), Hold: true, Return: &trace.Value{Int: trace.Int(5)}},
				trace.Reaction{Nth: 2, Hold: true},
				trace.Reaction{Nth: 3, Raise: trace.Text("refused")},
			),
			done("srv"),
			connect("w", trace.TCP), came(trace.ClientConnected, "srv#1"), recv("w", "c1", 2), done("c1"),
			connect("w2", trace.TCP), came(trace.ClientConnected, "srv#2"),
			connect("w3", trace.TCP), done("srv#3"),
			{Op: trace.Release, On: "srv#1"}, done("srv#1"),
			{Op: trace.Cancel, On: "srv#2"}, came(trace.Finished, "srv#2"),
			{Op: trace.ServerSockets, On: "srv.server"},
			{Op: trace.AddressAsk, On: "a", Name: "backlog"},
			closing,
			{Op: trace.ServerWaitClosed, On: "srv.server", As: "c2"},
			connect("late", trace.TCP),
		}, []string{
			"srv returned None", "srv#1: a client has connected from ('127.0.0.1'", "c1 returned b'hi'", "srv#3 raises ScriptedError('refused'", "srv#1 returns",
			"srv#2 raises CancelledError(", "[('127.77.", "raised ConnectionRefusedError(",
		}, nil},
		"a server over Unix sockets whose callback is a function": {[]trace.Command{
			address("a", trace.Unix, trace.Stale), {Op: trace.AddressState, On: "a"},
			func() trace.Command {
				c := serve(trace.Unix, trace.Function, trace.Reaction{Do: greet("srv#1", "ab")}, trace.Reaction{Nth: 2, Raise: trace.Text("boom")})
				c.PathLike, c.Limit, c.Backlog = trace.Bool(true), trace.Int(5), trace.Int(3)
				return c
			}(),
			connect("w", trace.Unix), recv("w", "c1", 2), done("c1"), done("srv#1"),
			{Op: trace.Cancel, On: "srv#1"},
			closing,
			{Op: trace.AddressPut, On: "a", State: trace.RegularFile}, {Op: trace.AddressState, On: "a"},
			address("n", trace.Unix, trace.NoDirectory), {Op: trace.AddressState, On: "n"},
			{Op: trace.ServerAbortClients, On: "srv.server"},
		}, []string{"a.state() returned 'socket'", "srv#1: a client has connected from b'", "c1 returned b'ab'", "returned 'file'", "returned 'free'"},
			map[int]trace.Reply{13: {Unsupported: "Server has no abort_clients"}}},
		"callbacks of other forms": {[]trace.Command{
			address("a", trace.Unix, ""), serve(trace.Unix, trace.Object, trace.Reaction{Do: greet("srv#1", "ab")}),
			connect("w", trace.Unix), recv("w", "c1", 2), done("c1"),
			address("b", trace.Unix, ""),
			{Op: trace.StreamServe, As: "srv2", Kind: trace.Unix, Callback: trace.Future, Addresses: []string{"b"}},
			{Op: trace.RawConnect, As: "w2", Kind: trace.Unix, Address: "b", Buffer: 8192}, came(trace.ClientConnected, "srv2#1"),
			{Op: trace.ObjectIs, On: "srv2#1.reader", Name: "StreamReader"},
			{Op: trace.Turn, N: trace.Int(3)},
		}, []string{"c1 returned b'ab'", "srv2#1: a client has connected", "True"}, nil},
		"connecting": {[]trace.Command{
			address("a", trace.TCP, trace.Live), address("local", trace.TCP, ""),
			{Op: trace.StreamOpen, As: "s", Kind: trace.TCP, Address: "a", Local: "local", Limit: trace.Int(9), Family: trace.IPv4}, done("s"),
			{Op: trace.RawAccept, As: "w", Kind: trace.TCP, Address: "a"},
			{Op: trace.RawPeerName, On: "w"},
			{Op: trace.WriterWrite, On: "s.writer", Data: trace.D("ab")}, recv("w", "c1", 2), done("c1"),
			{Op: trace.AddressPut, On: "a", State: trace.Free},
			{Op: trace.StreamOpen, As: "refused", Kind: trace.TCP, Address: "a", Keywords: []trace.Keyword{{Name: "ssl", Value: trace.None}}}, done("refused"),
			{Op: trace.StreamOpen, As: "neither", Kind: trace.TCP}, done("neither"),
			{Op: trace.RawMake, As: "pair", Kind: trace.Unix},
			{Op: trace.SocketMake, As: "k", Kind: trace.Unix, Raw: "pair"},
			{Op: trace.StreamOpen, As: "t", Kind: trace.Unix, Socket: "k"}, done("t"),
			{Op: trace.TransportAbort, On: "t.transport"}, {Op: trace.SocketIsOpen, On: "k"},
			{Op: trace.SocketMake, As: "d", Kind: trace.TCP, Datagram: trace.Bool(true), Address: "local"},
			{Op: trace.StreamOpen, As: "datagram", Kind: trace.TCP, Socket: "d"}, done("datagram"),
			{Op: trace.StreamOpen, As: "three", Kind: trace.TCP, Host: trace.Text("::1"), Port: trace.Int(1), Keywords: []trace.Keyword{{Value: trace.Value{Int: trace.Int(5)}}}},
			done("three"),
		}, []string{
			"s returned None", "returned ('127.77.", "c1 returned b'ab'", "refused raised ConnectionRefusedError(", "neither raised ValueError(", "False",
			"datagram raised ValueError(", "three raised TypeError(",
		}, nil},
		"a host that is resolved": {[]trace.Command{
			address("a", trace.TCP, trace.Live),
			{Op: trace.StreamOpen, As: "s", Kind: trace.TCP, Host: trace.Text("x.test")}, came(trace.Resolving, "x.test"),
			{Op: trace.ResolverAnswer, Name: "x.test", Addresses: []string{"a"}}, done("s"),
			{Op: trace.ResolverAnswer, Name: "x.test", Exception: trace.Text("gone")},
			{Op: trace.StreamOpen, As: "f", Kind: trace.TCP, Host: trace.Text("x.test")}, done("f"),
		}, []string{"resolving x.test", "s returned None", "f raised gaierror('gone'"}, nil},
		"time that is stopped": {[]trace.Command{
			{Op: trace.ClockFreeze},
			address("a", trace.TCP, trace.Silent), address("b", trace.TCP, trace.Live),
			{Op: trace.ResolverAnswer, Name: "x.test", Addresses: []string{"a", "b"}},
			{Op: trace.StreamOpen, As: "s", Kind: trace.TCP, Host: trace.Text("x.test"), Delay: trace.Int(250)},
			{Op: trace.ClockAdvance, Ms: 249},
			{Op: trace.ClockAdvance, Ms: 1}, done("s"),
		}, []string{"resolving x.test", "s "}, nil},
		"a context": {[]trace.Command{
			address("a", trace.Unix, ""), serve(trace.Unix, trace.Function),
			{Op: trace.ServerContext, On: "srv.server", As: "c1"},
			{Op: trace.Release, On: "c1", Exception: trace.Text("inside")}, done("c1"),
			{Op: trace.ServerIsServing, On: "srv.server"},
		}, []string{"c1 raised ScriptedError('inside'", "is_serving() returned False"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			tr := trace.Transcript{}
			for i, c := range test.commands {
				g.Expect(c.Validate()).To(Succeed())
				reply, other := test.replies[i]
				if !other {
					reply = trace.Reply{Returned: &trace.None}
				}
				tr.Steps = append(tr.Steps, trace.Step{Command: c, Reply: &reply})
			}
			out := runPython(t, pythonProgram(&tr))
			for _, text := range test.says {
				before, after, found := strings.Cut(out, text)
				g.Expect(found).To(BeTrue(), "after\n%s\nthere is no %q in\n%s", before, text, after)
			}
		})
	}
}
