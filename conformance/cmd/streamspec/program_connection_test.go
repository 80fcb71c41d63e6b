package main

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/streamspec/streamspec/spec/trace"
)

// TestConnectionsInPython writes transcripts about connections as programs, and runs them.
func TestConnectionsInPython(t *testing.T) {
	on := func(op trace.Op, on string, change ...func(*trace.Command)) trace.Command {
		c := trace.Command{Op: op, On: on}
		for _, f := range change {
			f(&c)
		}
		return c
	}
	data := func(text string) func(*trace.Command) {
		return func(c *trace.Command) { c.Data = trace.D(text) }
	}
	as := func(name string) func(*trace.Command) { return func(c *trace.Command) { c.As = name } }
	n := func(n int) func(*trace.Command) { return func(c *trace.Command) { c.N = &n } }
	lost := trace.Command{Op: trace.Run, Until: &trace.Until{Event: trace.ConnectionLost, On: "p"}, Ms: 5000}

	for name, test := range map[string]struct {
		commands []trace.Command
		says     []string
	}{
		"a transport over TCP": {[]trace.Command{
			{Op: trace.RawMake, As: "w", Kind: trace.TCP, Buffer: 65536},
			{Op: trace.ProtocolMake, As: "p", Program: []trace.Reaction{
				{In: trace.DataReceived, Nth: 1, Do: []trace.Command{on(trace.TransportWrite, "c.transport", data("pong"))}},
				{In: trace.EOFReceived, Return: &trace.Value{Bool: trace.Bool(true)}},
			}},
			{Op: trace.ConnectionOpen, As: "c", Raw: "w", Protocol: "p"},
			on(trace.RawSend, "w", data("ping")),
			{Op: trace.Run, Until: &trace.Until{Event: trace.DataReceived, On: "p", Bytes: 4}, Ms: 5000},
			on(trace.RawRecv, "w", as("c1"), n(4)),
			{Op: trace.Run, Until: &trace.Until{Done: "c1"}, Ms: 5000},
			on(trace.TransportSetWriteBufferLimits, "c.transport", func(c *trace.Command) { c.High, c.Low = trace.Int(8), trace.Int(2) }),
			on(trace.TransportGetWriteBufferLimits, "c.transport"),
			on(trace.TransportGetExtraInfo, "c.transport", func(c *trace.Command) { c.Name, c.Default = "nothing", trace.Text("none") }),
			on(trace.ObjectHas, "c.transport", func(c *trace.Command) { c.Name = "write" }),
			on(trace.RawSockName, "w"),
			on(trace.RawShutdown, "w"),
			{Op: trace.Run, Until: &trace.Until{Event: trace.EOFReceived, On: "p"}, Ms: 5000},
			on(trace.TransportWriteLines, "c.transport", func(c *trace.Command) {
				c.Chunks, c.Container = []trace.Data{*trace.D("ab"), {Bytes: trace.Bytes("cd"), Form: trace.View}}, trace.Generator
			}),
			on(trace.RawRecv, "w", as("c2"), n(4), func(c *trace.Command) { c.NoSettle, c.Ms = true, 5000 }),
			on(trace.TransportClose, "c.transport"), lost,
		}, []string{
			"p.connection_made()", "p.data_received(b'ping')", "c1 returned b'pong'", "returned (2, 8)", "returned 'none'", "True", "127.0.0.1",
			"p.eof_received()", "returned b'abcd'", "p.connection_lost(None)",
		}},
		"a stream over Unix sockets": {[]trace.Command{
			{Op: trace.RawMake, As: "w", Kind: trace.Unix},
			{Op: trace.StreamOpen, As: "s", Raw: "w", Limit: trace.Int(64)},
			on(trace.RawSend, "w", data("line\n")),
			on(trace.ReaderReadLine, "s.reader", as("c1")),
			{Op: trace.Run, Until: &trace.Until{Done: "c1"}, Ms: 5000},
			on(trace.WriterWrite, "s.writer", func(c *trace.Command) { c.Data = &trace.Data{Bytes: trace.Bytes("x"), Form: trace.Mutated} }),
			on(trace.WriterDrain, "s.writer", as("c2")),
			on(trace.WriterTransport, "s.writer"),
			on(trace.WriterClose, "s.writer"),
			on(trace.RawRecv, "w", as("c3")),
			on(trace.WriterIsClosing, "s.writer"),
			{Op: trace.Collect, Names: []string{"s.reader"}},
		}, []string{"c1 returned b'line\\n'", "c2 returned None", "c3 returned b'x'", "returned True"}},
		"pipes, and a factory that fails": {[]trace.Command{
			{Op: trace.RawMake, As: "w", Kind: trace.WritePipe, Buffer: 4096},
			{Op: trace.StreamOpen, As: "s", Raw: "w"},
			on(trace.WriterWrite, "s.writer", data("x")),
			on(trace.WriterClose, "s.writer"),
			on(trace.RawRecv, "w", as("c1")),
			{Op: trace.RawMake, As: "w2", Kind: trace.ReadPipe},
			{Op: trace.ProtocolMake, As: "p2"},
			{Op: trace.ConnectionOpen, As: "c2", Raw: "w2", Protocol: "p2", Exception: trace.Text("no protocol")},
			{Op: trace.RawMake, As: "w3", Kind: trace.WriteFile},
			{Op: trace.ProtocolMake, As: "p3", Plain: trace.Bool(true)},
		}, []string{"c1 returned b'x'", "c2 raised ScriptedError("}},
		"a base class": {[]trace.Command{
			{Op: trace.BareMake, As: "b.transport", Name: "Transport"},
			on(trace.TransportGetExtraInfo, "b.transport", func(c *trace.Command) { c.Name = "known" }),
			on(trace.TransportWriteLines, "b.transport", func(c *trace.Command) { c.Chunks = []trace.Data{*trace.D("a"), *trace.D("b")} }),
			{Op: trace.BareMake, As: "c.transport", Name: "Transport", Plain: trace.Bool(true)},
			on(trace.TransportClose, "c.transport"),
		}, []string{"returned 'here'", "written: b'ab'", "raised NotImplementedError"}},
		"a reader protocol by hand": {[]trace.Command{
			{Op: trace.ReaderMake, As: "r"}, {Op: trace.MockMake, As: "t"},
			{Op: trace.ReaderProtocolMake, As: "p", Reader: "r"},
			{Op: trace.WriterMake, As: "wr", Transport: "t", Protocol: "p", Reader: "r"},
			on(trace.ProtocolDataReceived, "p", data("ab")),
			on(trace.ProtocolPauseWriting, "p"), on(trace.ProtocolResumeWriting, "p"), on(trace.ProtocolEOFReceived, "p"),
			on(trace.ProtocolConnectionLost, "p"),
			on(trace.ReaderRead, "r", as("c1")),
		}, []string{"p.eof_received() returned True", "c1 returned b'ab'"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			tr := trace.Transcript{}
			for _, c := range test.commands {
				g.Expect(c.Validate()).To(Succeed())
				tr.Steps = append(tr.Steps, trace.Step{Command: c, Reply: &trace.Reply{Returned: &trace.None}})
			}
			out := runPython(t, pythonProgram(&tr))
			for _, text := range test.says {
				before, after, found := strings.Cut(out, text)
				g.Expect(found).To(BeTrue(), "after\n%s\nthere is no %q in\n%s", before, text, after)
			}
		})
	}
}
