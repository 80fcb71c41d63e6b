package python

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/streamspec/streamspec/spec/trace"
)

// wireConversation is what any version answers, word for word.
var wireConversation = []struct {
	command trace.Command
	reply   string
}{
	// A program: what it does is told between what calls it and what comes of it.
	{trace.Command{Op: trace.RawMake, As: "w", Kind: trace.Unix, Buffer: 8 << 10}, `{"returned":{}}`},
	{trace.Command{Op: trace.ProtocolMake, As: "p", Program: []trace.Reaction{
		{In: trace.DataReceived, Nth: 2, Do: []trace.Command{{Op: trace.TransportPauseReading, On: "c.transport"}}},
		{In: trace.EOFReceived, Return: &trace.Value{Bool: trace.Bool(true)}},
	}}, `{"returned":{}}`},
	{trace.Command{Op: trace.ConnectionOpen, As: "c", Raw: "w", Protocol: "p"}, `{"returned":{},"events":[{"ev":"connection_made","on":"p"}]}`},
	{trace.Command{Op: trace.RawSend, On: "w", Data: trace.D("a\xff")},
		"{\"returned\":{\"int\":2},\"events\":[{\"ev\":\"data_received\",\"on\":\"p\",\"value\":{\"bytes\":\"a\u00ff\"}}]}"},
	{trace.Command{Op: trace.RawSend, On: "w", Data: trace.D("b")},
		`{"returned":{"int":1},"events":[{"ev":"data_received","on":"p","value":{"bytes":"b"}},
		{"ev":"doing","on":"p","command":{"op":"transport.pause_reading","on":"c.transport"}},{"ev":"did","on":"p","returned":{}}]}`},
	{trace.Command{Op: trace.RawSend, On: "w", Data: trace.D("c")}, `{"returned":{"int":1}}`},
	{trace.Command{Op: trace.TransportResumeReading, On: "c.transport"},
		`{"returned":{},"events":[{"ev":"data_received","on":"p","value":{"bytes":"c"}}]}`},
	{trace.Command{Op: trace.Run, Until: &trace.Until{Event: trace.DataReceived, On: "p", Bytes: 4}, Ms: 60000}, `{"returned":{"bool":true}}`},
	{trace.Command{Op: trace.Run, Until: &trace.Until{Event: trace.ConnectionLost}, Ms: 1}, `{"returned":{"bool":false}}`},

	// Marks, and half a connection.
	{trace.Command{Op: trace.TransportSetWriteBufferLimits, On: "c.transport", High: trace.Int(10), Low: trace.Int(3)}, `{"returned":{}}`},
	{trace.Command{Op: trace.TransportGetProtocol, On: "c.transport"}, `{"returned":{"object":"p"}}`},
	{trace.Command{Op: trace.RawShutdown, On: "w"}, `{"returned":{},"events":[{"ev":"eof_received","on":"p"}]}`},
	{trace.Command{Op: trace.TransportWriteLines, On: "c.transport", Chunks: []trace.Data{*trace.D("d"), *trace.D("ef")}, Container: trace.Tuple}, `{"returned":{}}`},
	{trace.Command{Op: trace.RawRecv, On: "w", As: "r1", N: trace.Int(2)}, `{"returned":{"bytes":"de"}}`},
	{trace.Command{Op: trace.RawRecv, On: "w", As: "r2"}, `{"pending":"r2"}`},
	{trace.Command{Op: trace.RawFarOpen, On: "w"}, `{"returned":{"bool":true}}`},
	{trace.Command{Op: trace.TransportClose, On: "c.transport"},
		`{"returned":{},"events":[{"ev":"connection_lost","on":"p"},{"ev":"finished","on":"r2","returned":{"bytes":"f"}}]}`},
	{trace.Command{Op: trace.RawFarOpen, On: "w"}, `{"returned":{"bool":false}}`},
	{trace.Command{Op: trace.Forget}, `{"returned":{}}`},

	// Streams.
	{trace.Command{Op: trace.RawMake, As: "w", Kind: trace.Unix}, `{"returned":{}}`},
	{trace.Command{Op: trace.StreamOpen, As: "s", Raw: "w", Limit: trace.Int(10)}, `{"returned":{}}`},
	{trace.Command{Op: trace.RawSend, On: "w", Data: trace.D("a\nb")}, `{"returned":{"int":3}}`},
	{trace.Command{Op: trace.ReaderReadLine, On: "s.reader", As: "r1"}, `{"returned":{"bytes":"a\n"}}`},
	{trace.Command{Op: trace.WriterWrite, On: "s.writer", Data: &trace.Data{Bytes: trace.Bytes("xy"), Form: trace.ByteArray}}, `{"returned":{}}`},
	{trace.Command{Op: trace.WriterDrain, On: "s.writer", As: "d1"}, `{"returned":{}}`},
	{trace.Command{Op: trace.RawRecv, On: "w", As: "r2", N: trace.Int(2)}, `{"returned":{"bytes":"xy"}}`},
	{trace.Command{Op: trace.WriterTransport, On: "s.writer"}, `{"returned":{"object":"s.transport"}}`},
	{trace.Command{Op: trace.WriterGetExtraInfo, On: "s.writer", Name: "nothing", Default: trace.Text("d")}, `{"returned":{"text":"d"}}`},
	{trace.Command{Op: trace.ObjectHas, On: "s.transport", Name: "write_eof"}, `{"returned":{"bool":true}}`},
	{trace.Command{Op: trace.Forget, Names: []string{"s.reader", "s.writer", "s.transport", "s.protocol", "s", "w"}}, `{"returned":{}}`},

	// A pipe whose reader goes away, and one by itself.
	{trace.Command{Op: trace.RawMake, As: "w", Kind: trace.ReadPipe}, `{"returned":{}}`},
	{trace.Command{Op: trace.StreamOpen, As: "s", Raw: "w"}, `{"returned":{}}`},
	{trace.Command{Op: trace.TransportClose, On: "s.transport"}, `{"returned":{}}`},
	{trace.Command{Op: trace.RawSend, On: "w", Data: trace.D("x")},
		`{"raised":{"kind":"broken-pipe","native":"BrokenPipeError","message":"[Errno 32] Broken pipe"}}`},
	{trace.Command{Op: trace.RawMake, As: "f", Kind: trace.WriteFile}, `{"returned":{}}`},
	{trace.Command{Op: trace.ProtocolMake, As: "p"}, `{"returned":{}}`},
	{trace.Command{Op: trace.ConnectionOpen, As: "c", Raw: "f", Protocol: "p"}, `{"raised":{"kind":"invalid-argument","native":"ValueError"}}`},

	// A server, whose callback holds; what it does, and how it ends.
	{trace.Command{Op: trace.Forget}, `{"returned":{}}`},
	{trace.Command{Op: trace.AddressMake, As: "a", Kind: trace.Unix, State: trace.Stale}, `{"returned":{}}`},
	{trace.Command{Op: trace.AddressState, On: "a"}, `{"returned":{"text":"socket"}}`},
	{trace.Command{Op: trace.StreamServe, As: "srv", Kind: trace.Unix, Callback: trace.Coroutine, Addresses: []string{"a"}, Program: []trace.Reaction{
		{In: trace.ClientConnected, Nth: 1, Do: []trace.Command{{Op: trace.WriterWrite, On: "srv#1.writer", Data: trace.D("hi")}}, Hold: true},
		{In: trace.ClientConnected, Nth: 2, Return: &trace.Value{Int: trace.Int(7)}},
	}}, `{"returned":{}}`},
	{trace.Command{Op: trace.RawConnect, As: "w", Kind: trace.Unix, Address: "a"},
		`{"returned":{},"events":[{"ev":"client_connected","on":"srv#1","value":{"object":"w"}},
		{"ev":"doing","on":"srv#1","command":{"op":"writer.write","on":"srv#1.writer","data":"hi"}},{"ev":"did","on":"srv#1","returned":{}}]}`},
	{trace.Command{Op: trace.RawConnect, As: "v", Kind: trace.Unix, Address: "a", Buffer: 8 << 10},
		`{"returned":{},"events":[{"ev":"client_connected","on":"srv#2","value":{"object":"v"}},{"ev":"finished","on":"srv#2","returned":{"int":7}}]}`},
	{trace.Command{Op: trace.RawRecv, On: "w", As: "r1", N: trace.Int(2)}, `{"returned":{"bytes":"hi"}}`},
	{trace.Command{Op: trace.Run, Until: &trace.Until{Done: "srv#1"}, Ms: 1}, `{"returned":{"bool":false}}`},
	{trace.Command{Op: trace.Release, On: "srv#1"}, `{"returned":{},"events":[{"ev":"finished","on":"srv#1","returned":{}}]}`},
	{trace.Command{Op: trace.ServerClose, On: "srv.server"}, `{"returned":{}}`},
	{trace.Command{Op: trace.Forget, Names: []string{"srv", "srv.server", "a"}}, `{"returned":{}}`},
	{trace.Command{Op: trace.RawFarOpen, On: "w"}, `{"returned":{"bool":true}}`},

	// Connecting, to where somebody listens and to where nobody does.
	{trace.Command{Op: trace.AddressMake, As: "a", Kind: trace.Unix, State: trace.Live}, `{"returned":{}}`},
	{trace.Command{Op: trace.StreamOpen, As: "s", Kind: trace.Unix, Address: "a", Limit: trace.Int(10)}, `{"returned":{}}`},
	{trace.Command{Op: trace.RawAccept, As: "x", Kind: trace.Unix, Address: "a"}, `{"returned":{"object":"s"}}`},
	{trace.Command{Op: trace.RawAccept, As: "y", Kind: trace.Unix, Address: "a"}, `{"raised":{"kind":"os-error","native":"BlockingIOError"}}`},
	{trace.Command{Op: trace.AddressPut, On: "a", State: trace.RegularFile}, `{"returned":{}}`},
	{trace.Command{Op: trace.StreamOpen, As: "t", Kind: trace.Unix, Address: "a"}, `{"raised":{"kind":"os-error","native":"ConnectionRefusedError"}}`},

	// A name that is asked for, and time that is stopped.
	{trace.Command{Op: trace.StreamOpen, As: "n", Kind: trace.TCP, Host: trace.Text("x.test"), Family: trace.IPv6},
		`{"pending":"n","events":[{"ev":"resolving","on":"x.test","value":{"list":[{"text":"ipv6"},{"int":0},{"int":0}]}}]}`},
	{trace.Command{Op: trace.ClockFreeze}, `{"returned":{}}`},
	{trace.Command{Op: trace.ClockAdvance, Ms: 3_600_000}, `{"returned":{}}`},
	{trace.Command{Op: trace.ResolverAnswer, Name: "x.test", Exception: trace.Text("nobody")},
		`{"returned":{},"events":[{"ev":"finished","on":"n","raised":{"kind":"os-error","native":"socket.gaierror","message":"nobody"}}]}`},
	{trace.Command{Op: trace.Turn, N: trace.Int(3)}, `{"returned":{}}`},

	// A program that raises.
	{trace.Command{Op: trace.Forget}, `{"returned":{}}`},
	{trace.Command{Op: trace.RawMake, As: "w", Kind: trace.Unix}, `{"returned":{}}`},
	{trace.Command{Op: trace.ProtocolMake, As: "p"}, `{"returned":{}}`},
	{trace.Command{Op: trace.ConnectionOpen, As: "c", Raw: "w", Protocol: "p", Exception: trace.Text("boom")},
		`{"raised":{"kind":"scripted","native":"ScriptedError"}}`},
	{trace.Command{Op: trace.TransportIsClosing, On: "c.transport"}, `{"fault":"transport.is_closing: there is no transport named 'c.transport'"}`},
}

func TestWireConversation(t *testing.T) {
	var commands []trace.Command
	for _, step := range wireConversation {
		commands = append(commands, step.command)
	}
	each(t, func(t *testing.T, python string) {
		c := start(t, python)
		d := c.describe()
		for _, capability := range []trace.Capability{
			trace.CapWriter, trace.CapReaderProtocol, trace.CapTransport, trace.CapTCP, trace.CapUnix, trace.CapPipe,
			trace.CapConnect, trace.CapServer, trace.CapResolver, trace.CapVirtualTime, trace.CapTurns,
		} {
			if !d.Has(capability) {
				t.Errorf("%s is not declared", capability)
			}
		}
		if !reflect.DeepEqual(d.BestEffort, []trace.Capability{trace.CapTCP}) {
			t.Errorf("best effort are %v", d.BestEffort)
		}
		recording := trace.Transcript{Case: "a test", Implementation: &d}
		check := func(how string, replies []trace.Reply) {
			t.Helper()
			for i, step := range wireConversation {
				var want trace.Reply
				if err := json.Unmarshal([]byte(step.reply), &want); err != nil {
					t.Fatalf("%v in %s", err, step.reply)
				}
				got := replies[i]
				if err := got.Validate(); err != nil {
					t.Errorf("%s, step %d, %s: %v", how, i+1, step.command, err)
				}
				if want.Raised != nil && want.Raised.Message == "" && got.Raised != nil { // not the same in all versions
					raised := *got.Raised
					raised.Message = ""
					got.Raised = &raised
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s, step %d, %s\ncame back with %s\nand not with  %s", how, i+1, step.command, asJSON(t, got), step.reply)
				}
			}
			if events := c.closeSession(); len(events) > 0 {
				t.Errorf("%s, on closing: %v", how, events)
			}
		}
		check("in one message", c.run(commands...))
		var replies []trace.Reply
		for _, command := range commands {
			reply := c.run(command)
			replies = append(replies, reply...)
			recording.Steps = append(recording.Steps, trace.Step{Command: command, Reply: &reply[0]})
		}
		check("in messages of their own", replies)
		c.shutdown()
		if c.stderr.Len() > 0 {
			t.Errorf("standard error:\n%s", &c.stderr)
		}
		replay(t, python, &recording, 0, "all as recorded")
	})
}

// Connections of one session leave nothing behind for the next, whatever state they are in.
func TestNothingIsLeftBehind(t *testing.T) {
	each(t, func(t *testing.T, python string) {
		c := start(t, python)
		many := strings.Repeat("x", 100_000)
		for range 20 {
			replies := c.run(
				trace.Command{Op: trace.RawMake, As: "w", Kind: trace.Unix, Buffer: 8 << 10},
				trace.Command{Op: trace.StreamOpen, As: "s", Raw: "w"},
				trace.Command{Op: trace.WriterWrite, On: "s.writer", Data: trace.D(many)},
				trace.Command{Op: trace.WriterDrain, On: "s.writer", As: "d"},
				trace.Command{Op: trace.ReaderRead, On: "s.reader", As: "r"},
				trace.Command{Op: trace.RawMake, As: "u", Kind: trace.WritePipe},
			)
			if replies[3].Pending != "d" || replies[4].Pending != "r" {
				t.Fatalf("came back with %s and %s", replies[3], replies[4])
			}
			if events := c.closeSession(); len(events) > 0 {
				t.Errorf("on closing: %v", events)
			}
		}
		c.shutdown()
		if c.stderr.Len() > 0 {
			t.Errorf("standard error:\n%s", &c.stderr)
		}
	})
}
