package gokit_test

import (
	"context"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/adapter/gokit"
	"github.com/streamspec/streamspec/conformance/adapter/reference"
	"github.com/streamspec/streamspec/spec/trace"
)

func makeRaw(kind trace.EndKind) trace.Command {
	return trace.Command{Op: trace.RawMake, As: "w", Kind: kind}
}

func smallRaw(kind trace.EndKind) trace.Command {
	return trace.Command{Op: trace.RawMake, As: "w", Kind: kind, Buffer: 4096}
}

func makeProtocol(program ...trace.Reaction) trace.Command {
	return trace.Command{Op: trace.ProtocolMake, As: "p", Program: program}
}

func onEvent(in trace.EventName, do ...trace.Command) trace.Reaction {
	return trace.Reaction{In: in, Do: do}
}

var (
	connect = trace.Command{Op: trace.ConnectionOpen, As: "c", Raw: "w", Protocol: "p"}
	stream  = trace.Command{Op: trace.StreamOpen, As: "s", Raw: "w"}
	forget  = trace.Command{Op: trace.Forget}
	settle  = trace.Command{Op: trace.Settle}
)

func send(s string) trace.Command {
	return trace.Command{Op: trace.RawSend, On: "w", Data: trace.D(s)}
}

func recv(as string, n int) trace.Command {
	return trace.Command{Op: trace.RawRecv, On: "w", As: as, N: &n}
}

func write(s string) trace.Command {
	return trace.Command{Op: trace.TransportWrite, On: "c.transport", Data: trace.D(s)}
}

func sure(event trace.EventName, on string) trace.Command {
	return trace.Command{Op: trace.Run, Until: &trace.Until{Event: event, On: on}, Ms: 10_000}
}

func delivered(n int) trace.Command {
	return trace.Command{Op: trace.Run, Until: &trace.Until{Event: trace.DataReceived, On: "p", Bytes: n}, Ms: 10_000}
}

// story shows what happened on the whole: the replies without events, and all the events, since between them the order is
// up to the scheduler.
func story(replies []trace.Reply) (outcomes, events []string) {
	for _, r := range replies {
		all := r.Events
		r.Events = nil
		outcomes = append(outcomes, plain(r).String())
		for _, e := range all {
			if e.Raised != nil {
				e.Raised = bare(e.Raised)
			}
			if e.Ev == trace.Unhandled {
				e.Text = ""
			}
			events = append(events, e.String())
		}
	}
	return outcomes, events
}

// TestWireSessions plays sessions with connections on the reference. What is expected of a call that waits for something is
// asked for after a run: only that is certain.
func TestWireSessions(t *testing.T) {
	sockets := []trace.EndKind{trace.TCP, trace.Unix}
	closeIt, abort := on(trace.TransportClose, "c.transport"), on(trace.TransportAbort, "c.transport")
	keepOpen := trace.Reaction{In: trace.EOFReceived, Return: &trace.Value{Bool: trace.Bool(true)}}
	much := strings.Repeat("x", 1<<20)
	for name, test := range map[string]struct {
		kinds    []trace.EndKind
		commands []trace.Command // after raw.make
		outcomes []string
		events   []string // nil: not compared
	}{
		"echo": {
			sockets,
			[]trace.Command{makeProtocol(onEvent(trace.DataReceived, write("pong"))), connect, run("c"), send("ping"), recv("c1", 4), run("c1"), sure(trace.Did, "p"), closeIt, sure(trace.ConnectionLost, "p"), on(trace.RawFarOpen, "w"), recv("c2", 1), run("c2")},
			nil,
			[]string{"connection_made p", `data_received p "ping"`, `doing p c.transport.write("pong")`, "did p returned none", "connection_lost p"},
		},
		"what the peer sends before": {
			sockets,
			[]trace.Command{send("early"), makeProtocol(), connect, delivered(5), on(trace.RawShutdown, "w"), sure(trace.ConnectionLost, "p"), on(trace.TransportIsClosing, "c.transport"), on(trace.TransportGetProtocol, "c.transport"), on(trace.RawFarOpen, "w")},
			[]string{"returned 5", "returned none", "returned none", "returned true", "returned none", "returned true", "returned true", "returned none", "returned false"},
			[]string{"connection_made p", `data_received p "early"`, "eof_received p", "connection_lost p"},
		},
		"closed before": {
			[]trace.EndKind{trace.TCP, trace.Unix, trace.ReadPipe},
			[]trace.Command{send("bye"), on(trace.RawClose, "w"), on(trace.RawFarOpen, "w"), makeProtocol(), connect, delivered(3), sure(trace.ConnectionLost, "p")},
			[]string{"returned 3", "returned none", "returned true", "returned none", "returned none", "returned true", "returned true"},
			[]string{"connection_made p", `data_received p "bye"`, "eof_received p", "connection_lost p"},
		},
		"half open": {
			sockets,
			[]trace.Command{makeProtocol(keepOpen), connect, on(trace.RawShutdown, "w"), sure(trace.EOFReceived, "p"), write("still"), recv("c1", 5), run("c1"), on(trace.TransportWriteEOF, "c.transport"), write("late"), on(trace.TransportCanWriteEOF, "c.transport"), on(trace.TransportGetProtocol, "c.transport"), on(trace.RawFarOpen, "w")},
			[]string{"returned none", "returned none", "returned none", "returned true", "returned none", `returned "still"`, "returned true", "returned none", "raised invalid-state", "returned true", "returned the object p", "returned true"},
			[]string{"connection_made p", "eof_received p"},
		},
		"flow control": {
			sockets,
			[]trace.Command{makeProtocol(), connect, write(much), sure(trace.PauseWriting, "p"), recv("c1", 1<<20), run("c1"), sure(trace.ResumeWriting, "p"), on(trace.TransportGetWriteBufferSize, "c.transport"), on(trace.TransportGetWriteBufferLimits, "c.transport")},
			nil,
			[]string{"connection_made p", "pause_writing p", "resume_writing p"},
		},
		"marks": {
			sockets,
			[]trace.Command{makeProtocol(), connect, {Op: trace.TransportSetWriteBufferLimits, On: "c.transport", High: trace.Int(40)}, on(trace.TransportGetWriteBufferLimits, "c.transport"), {Op: trace.TransportSetWriteBufferLimits, On: "c.transport", High: trace.Int(1), Low: trace.Int(2)}},
			[]string{"returned none", "returned none", "returned none", "returned [10, 40]", "raised invalid-argument"},
			[]string{"connection_made p"},
		},
		"reset": {
			[]trace.EndKind{trace.TCP},
			[]trace.Command{makeProtocol(), connect, on(trace.RawReset, "w"), sure(trace.ConnectionLost, "p"), send("x")},
			[]string{"returned none", "returned none", "returned none", "returned true", "raised os-error"},
			[]string{"connection_made p", "connection_lost p raised connection-reset"},
		},
		"aborted with much to send": {
			sockets,
			[]trace.Command{makeProtocol(), connect, write(much), abort, sure(trace.ConnectionLost, "p"), on(trace.RawFarOpen, "w")},
			[]string{"returned none", "returned none", "returned none", "returned none", "returned true", "returned false"},
			nil,
		},
		"a callback that fails": {
			sockets,
			[]trace.Command{makeProtocol(trace.Reaction{In: trace.DataReceived, Nth: 2, Raise: trace.Text("ouch")}), connect, send("a"), delivered(1), send("b"), sure(trace.ConnectionLost, "p")},
			[]string{"returned none", "returned none", "returned 1", "returned true", "returned 1", "returned true"},
			[]string{"connection_made p", `data_received p "a"`, `data_received p "b"`, "unhandled raised scripted", "connection_lost p raised scripted"},
		},
		"closed in connection_made": {
			sockets,
			[]trace.Command{makeProtocol(onEvent(trace.ConnectionMade, write("bye"), closeIt)), connect, sure(trace.ConnectionLost, "p"), recv("c1", 9), run("c1")},
			nil,
			[]string{"connection_made p", `doing p c.transport.write("bye")`, "did p returned none", "doing p c.transport.close()", "did p returned none", "connection_lost p"},
		},
		"a plain protocol": {
			sockets,
			[]trace.Command{{Op: trace.ProtocolMake, As: "p", Plain: trace.Bool(true)}, connect, on(trace.TransportGetProtocol, "c.transport"), send("x"), on(trace.RawShutdown, "w"), recv("c1", 1), run("c1"), on(trace.TransportIsClosing, "c.transport")},
			nil,
			[]string{},
		},
		"another protocol": {
			sockets,
			[]trace.Command{makeProtocol(), connect, {Op: trace.ProtocolMake, As: "q"}, {Op: trace.TransportSetProtocol, On: "c.transport", Protocol: "q"}, on(trace.TransportGetProtocol, "c.transport"), send("x"), sure(trace.DataReceived, "q")},
			[]string{"returned none", "returned none", "returned none", "returned none", "returned the object q", "returned 1", "returned true"},
			[]string{"connection_made p", `data_received q "x"`},
		},
		"paused": {
			sockets,
			[]trace.Command{makeProtocol(onEvent(trace.ConnectionMade, on(trace.TransportPauseReading, "c.transport"))), connect, send("x"), on(trace.TransportIsReading, "c.transport"), on(trace.TransportResumeReading, "c.transport"), delivered(1), on(trace.TransportIsReading, "c.transport")},
			[]string{"returned none", "returned none", "returned 1", "returned false", "returned none", "returned true", "returned true"},
			[]string{"connection_made p", "doing p c.transport.pause_reading()", "did p returned none", `data_received p "x"`},
		},
		"chunks, mutated": {
			sockets,
			[]trace.Command{makeProtocol(), connect, write(much), {Op: trace.TransportWriteLines, On: "c.transport", Chunks: []trace.Data{{Bytes: trace.Bytes("ab"), Form: trace.Mutated}, *trace.D(""), {Bytes: trace.Bytes("cd"), Form: trace.View}}},
				{Op: trace.TransportWriteLines, On: "c.transport", Chunks: []trace.Data{*trace.D("x")}, Container: trace.Generator},
				{Op: trace.TransportWrite, On: "c.transport", Data: &trace.Data{Bytes: trace.Bytes("ef"), Form: trace.Mutated}}, recv("c1", 1<<20), run("c1"), recv("c2", 6), run("c2"), sure(trace.ResumeWriting, "p"), on(trace.TransportIsClosing, "c.transport")},
			nil,
			[]string{"connection_made p", "pause_writing p", "resume_writing p"},
		},
		"operations": {
			sockets,
			[]trace.Command{makeProtocol(), connect, {Op: trace.ObjectHas, On: "c.transport", Name: "write_eof"}, {Op: trace.ObjectHas, On: "c.transport", Name: "sendto"}, {Op: trace.ObjectHas, On: "p", Name: "eof_received"}, {Op: trace.TransportGetExtraInfo, On: "c.transport", Name: "color"}, {Op: trace.TransportGetExtraInfo, On: "c.transport", Name: "color", Default: trace.Text("red")}},
			[]string{"returned none", "returned none", "returned true", "returned false", "returned true", "returned none", `returned the text "red"`},
			nil,
		},
		"a stream": {
			sockets,
			[]trace.Command{stream, send("hello\nworld"), {Op: trace.ReaderReadLine, On: "s.reader", As: "c1"}, run("c1"), {Op: trace.WriterWrite, On: "s.writer", Data: trace.D("abc")}, {Op: trace.WriterDrain, On: "s.writer", As: "c2"}, run("c2"), recv("c3", 3), run("c3"),
				on(trace.WriterTransport, "s.writer"), on(trace.TransportGetProtocol, "s.transport"), on(trace.WriterClose, "s.writer"), {Op: trace.WriterWaitClosed, On: "s.writer", As: "c4"}, run("c4"), on(trace.WriterIsClosing, "s.writer"), {Op: trace.WriterDrain, On: "s.writer", As: "c5"}, run("c5")},
			nil, nil,
		},
		"drains wait for the peer": {
			sockets,
			[]trace.Command{stream, {Op: trace.WriterWrite, On: "s.writer", Data: trace.D(much)}, {Op: trace.WriterDrain, On: "s.writer", As: "d1"}, {Op: trace.WriterDrain, On: "s.writer", As: "d2"}, on(trace.Cancel, "d2"), run("d2"), recv("c1", 1<<20), run("c1"), run("d1")},
			nil, nil,
		},
		"a read pipe": {
			[]trace.EndKind{trace.ReadPipe},
			[]trace.Command{makeProtocol(keepOpen), connect, send("abc"), delivered(3), write("x"), {Op: trace.ObjectHas, On: "c.transport", Name: "write"}, on(trace.RawClose, "w"), sure(trace.ConnectionLost, "p"), on(trace.RawFarOpen, "w")},
			[]string{"returned none", "returned none", "returned 3", "returned true", "unsupported: a reference.reads has no transport.write", "returned false", "returned none", "returned true", "returned false"},
			[]string{"connection_made p", `data_received p "abc"`, "eof_received p", "connection_lost p"},
		},
		"a write pipe": {
			[]trace.EndKind{trace.WritePipe},
			[]trace.Command{makeProtocol(), connect, write("abc"), recv("c1", 3), run("c1"), on(trace.TransportIsReading, "c.transport"), on(trace.RawFarOpen, "w"), on(trace.TransportWriteEOF, "c.transport"), sure(trace.ConnectionLost, "p"), on(trace.RawFarOpen, "w")},
			[]string{"returned none", "returned none", "returned none", `returned "abc"`, "returned true", "unsupported: a reference.writes has no transport.is_reading", "returned true", "returned none", "returned true", "returned false"},
			[]string{"connection_made p", "connection_lost p"},
		},
		"a write pipe without a reader": {
			[]trace.EndKind{trace.WritePipe},
			[]trace.Command{makeProtocol(), connect, write(much), on(trace.RawClose, "w"), sure(trace.ConnectionLost, "p")},
			[]string{"returned none", "returned none", "returned none", "returned none", "returned true"},
			[]string{"connection_made p", "pause_writing p", "connection_lost p raised broken-pipe"},
		},
		"regular files": {
			[]trace.EndKind{trace.ReadFile, trace.WriteFile},
			[]trace.Command{makeProtocol(), connect, run("c"), send("x"), on(trace.RawFarOpen, "w")},
			[]string{"returned none", "raised invalid-argument", "returned true", "adapter fault: w has no raw end for raw.send", "returned false"},
			[]string{},
		},
		"streams over pipes": {
			[]trace.EndKind{trace.ReadPipe},
			[]trace.Command{stream, send("ab"), on(trace.RawClose, "w"), {Op: trace.ReaderRead, On: "s.reader", As: "c1"}, run("c1"), makeAs("w2", trace.WritePipe), {Op: trace.StreamOpen, As: "s2", Raw: "w2"}, {Op: trace.WriterWrite, On: "s2.writer", Data: trace.D("cd")}, {Op: trace.WriterDrain, On: "s2.writer", As: "c3"}, run("c3"), on(trace.WriterClose, "s.writer"), on(trace.ReaderAtEOF, "s2.reader")},
			nil, nil,
		},
		"names and faults": {
			sockets,
			[]trace.Command{makeProtocol(), connect, {Op: trace.ConnectionOpen, As: "c2", Raw: "w", Protocol: "p"}, {Op: trace.ConnectionOpen, As: "c3", Raw: "w9", Protocol: "p"}, {Op: trace.ConnectionOpen, As: "c4", Raw: "w", Protocol: "w"}, makeReader(1), makeAs("w2", trace.Unix), write("x")},
			[]string{"returned none", "returned none", "adapter fault: the far end has been opened already", `adapter fault: there is no raw end "w9"`, `adapter fault: there is no programmable protocol "w"`, "returned none", "returned none", "returned none"},
			nil,
		},
		"a command in a callback that is at fault": {
			sockets,
			[]trace.Command{makeProtocol(onEvent(trace.ConnectionMade, on(trace.TransportClose, "nobody"))), connect},
			[]string{"returned none", `adapter fault: nobody.close(), in a callback: there is no transport "nobody"`},
			nil,
		},
	} {
		for _, kind := range test.kinds {
			t.Run(name+"/"+string(kind), func(t *testing.T) {
				defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
				s := begin(t, reference.New())
				for range 2 { // as one batch, and after that has been forgotten once more
					replies := do(t, s, append([]trace.Command{smallRaw(kind)}, test.commands...)...)
					outcomes, events := story(replies[1:])
					for i, c := range test.commands {
						switch {
						case c.Op == trace.Run && outcomes[i] != "returned true":
							t.Errorf("%s in vain: %s", c, outcomes[i])
						case i > 0 && c.Op == trace.Run && c.Until.Done != "" && outcomes[i-1] == "pending":
							outcomes[i-1] = finish(replies[i+1].Events, c.Until.Done)
						}
					}
					if test.outcomes != nil {
						if diff := cmp.Diff(test.outcomes, outcomes); diff != "" {
							t.Errorf("outcomes (-want +got):\n%s", diff)
						}
					} else {
						t.Log(strings.Join(outcomes, "; "))
					}
					if test.events != nil {
						var got []string
						for _, e := range events {
							if !strings.HasPrefix(e, "finished ") {
								got = append(got, e)
							}
						}
						if diff := cmp.Diff(test.events, got, cmp.Transformer("", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
							t.Errorf("events (-want +got):\n%s", diff)
						}
					}
					for i, r := range do(t, s, forget, makeReader(1), feed("a"), read("c1", 1), forget) {
						if want := []string{"returned none", "returned none", "returned none", `returned "a"`, "returned none"}[i]; r.String() != want || r.Events != nil {
							t.Errorf("when all was forgotten, got %s and %v", r, r.Events)
						}
					}
				}
				end(t, s)
			})
		}
	}
}

func makeAs(name string, kind trace.EndKind) trace.Command {
	return trace.Command{Op: trace.RawMake, As: name, Kind: kind}
}

// finish shows how a call ended.
func finish(events []trace.Event, call string) string {
	for _, e := range events {
		if e.Ev == trace.Finished && e.On == call {
			return plain(trace.Reply{Returned: e.Returned, Raised: e.Raised}).String()
		}
	}
	return "never"
}

// BenchmarkWire plays a small scenario with a connection over and over in one session, and counts how often a command that
// brought something about was answered too early.
func BenchmarkWire(b *testing.B) {
	for _, kind := range []trace.EndKind{trace.TCP, trace.Unix} {
		b.Run(string(kind), func(b *testing.B) {
			s := begin(b, reference.New())
			commands := []trace.Command{makeRaw(kind), makeProtocol(), connect, send("abc"), write("def"), recv("c1", 3), on(trace.TransportPauseReading, "c.transport"), send("ghi"), settle,
				on(trace.TransportResumeReading, "c.transport"), on(trace.TransportClose, "c.transport"), forget}
			want := []string{"returned none", "returned none", "returned none; connection_made p", `returned 3; data_received p "abc"`, "returned none", `returned "def"`, "returned none", "returned 3", "returned none",
				`returned none; data_received p "ghi"`, "returned none; connection_lost p", "returned none"}
			early := 0
			for b.Loop() {
				replies, err := s.Do(context.Background(), commands)
				if err != nil {
					b.Fatal(err)
				}
				if !cmp.Equal(want, says(replies)) {
					early++
				}
			}
			b.ReportMetric(float64(early)/float64(b.N), "early/op")
			end(b, s)
		})
	}
}

// TestByHand has a reader protocol and a writer on a mock transport, in a bubble, where what is pending is certain.
func TestByHand(t *testing.T) {
	protocol := func(callback trace.Callback) []trace.Command {
		return []trace.Command{makeReader(4), {Op: trace.MockMake, As: "t"}, {Op: trace.ReaderProtocolMake, As: "p", Reader: "r", Callback: callback},
			{Op: trace.ProtocolConnectionMade, On: "p", Transport: "t"}}
	}
	received := trace.Command{Op: trace.ProtocolDataReceived, On: "p", Data: trace.D("abcdefghi")}
	lost := func(text *string) trace.Command {
		return trace.Command{Op: trace.ProtocolConnectionLost, On: "p", Exception: text}
	}
	writer := trace.Command{Op: trace.WriterMake, As: "o", Transport: "t", Protocol: "p", Reader: "r"}
	drain := func(as string) trace.Command { return trace.Command{Op: trace.WriterDrain, On: "o", As: as} }
	for name, test := range map[string]struct {
		commands []trace.Command
		want     []string
	}{
		"feeding": {
			append(protocol(""), received, read("c1", 99), on(trace.ProtocolEOFReceived, "p"), on(trace.ReaderAtEOF, "r"), lost(trace.Text("gone")), read("c2", 1)),
			[]string{"returned none; pause_reading t", `returned "abcdefghi"; resume_reading t`, "returned true", "returned true", "returned none", "raised scripted"},
		},
		"drains": {
			append(protocol(""), writer, drain("c1"), on(trace.ProtocolPauseWriting, "p"), drain("c2"), on(trace.ProtocolPauseWriting, "p"), on(trace.ProtocolResumeWriting, "p"), on(trace.ProtocolResumeWriting, "p"),
				trace.Command{Op: trace.WriterWaitClosed, On: "o", As: "c3"}, lost(nil), drain("c4"), on(trace.WriterTransport, "o"), trace.Command{Op: trace.WriterGetExtraInfo, On: "o", Name: "peername"}),
			[]string{"returned none", "returned none", "returned none", "pending", "raised invalid-state", "returned none; finished c2 returned none", "raised invalid-state", "pending", "returned none; finished c3 returned none",
				"raised connection-reset", "returned the object t", "returned none"},
		},
		"a client-connected callback": {
			append(protocol("function"), on(trace.WriterTransport, "p.writer"), received, trace.Command{Op: trace.ReaderRead, On: "p.reader", As: "c1"}, on(trace.ProtocolEOFReceived, "p"), on(trace.WriterIsClosing, "p.writer"), on(trace.WriterClose, "p.writer"), on(trace.WriterIsClosing, "p.writer")),
			[]string{"returned the object t", "returned none; pause_reading t", "pending; resume_reading t", `returned true; finished c1 returned "abcdefghi"`, "returned false", "returned none", "returned true"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			s := begin(t, reference.New())
			if diff := cmp.Diff(test.want, says(do(t, s, test.commands...))[4:]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			end(t, s)
		})
	}
}

// TestWhereSessionsRun has the kinds of session, which show in what becomes of a raw end.
func TestWhereSessionsRun(t *testing.T) {
	const late = "adapter fault: a session that has made something by hand forgets it before raw.make"
	warm := begin(t, reference.New()) // the runtime opens some descriptors of its own when the first is waited for
	do(t, warm, makeRaw(trace.Unix))
	end(t, warm)
	mock, hour := trace.Command{Op: trace.MockMake, As: "t"}, sure(trace.PauseWriting, "p")
	hour.Ms = 3600_000 // passes at once in a bubble
	for name, test := range map[string]struct {
		batches [][]trace.Command
		want    []string // of the last batch
	}{
		"a raw end after a reader":           {[][]trace.Command{{makeReader(1)}, {makeRaw(trace.Unix)}}, []string{late}},
		"a raw end after a call":             {[][]trace.Command{{makeReader(1), read("c1", 1), {Op: trace.Forget, Names: []string{"r"}}}, {makeRaw(trace.Unix)}}, []string{late}},
		"a reader, a raw end in the batch":   {[][]trace.Command{{makeReader(1), makeRaw(trace.Unix), feed("a"), read("c1", 1)}}, []string{"returned none", "returned none", "returned none", `returned "a"`}},
		"a raw end after all is forgotten":   {[][]trace.Command{{makeReader(1)}, {forget, makeRaw(trace.Unix)}}, []string{"returned none", "returned none"}},
		"a raw end after what has no place":  {[][]trace.Command{{makeProtocol(), mock}, {makeRaw(trace.Unix), connect, run("c")}}, []string{"returned none", "returned none; connection_made p", "returned true"}},
		"a bubble after connections":         {[][]trace.Command{{makeRaw(trace.Unix), makeProtocol(), connect, run("c"), forget}, {makeReader(1), hour}}, []string{"returned none", "returned false"}},
		"a bubble between connections":       {[][]trace.Command{{makeRaw(trace.Unix), forget, makeReader(1), hour, forget, makeRaw(trace.Unix), send("a")}}, []string{"returned none", "returned none", "returned none", "returned false", "returned none", "returned none", "returned 1"}},
		"a far end that nobody opens":        {[][]trace.Command{{makeRaw(trace.TCP), on(trace.RawFarOpen, "w"), {Op: trace.Forget, Names: []string{"w"}}, on(trace.RawFarOpen, "w")}}, []string{"returned none", "returned true", "returned none", `adapter fault: there is no raw end "w"`}},
		"events are counted from the making": {[][]trace.Command{{makeRaw(trace.Unix), makeProtocol(), connect, run("c"), forget}, {makeRaw(trace.Unix), makeProtocol(), brief(trace.ConnectionMade, "p"), connect, run("c"), sure(trace.ConnectionMade, "p")}}, []string{"returned none", "returned none", "returned false", "returned none; connection_made p", "returned true", "returned true"}},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			before := descriptors(t)
			s := begin(t, reference.New())
			var got []string
			for _, commands := range test.batches {
				got = says(do(t, s, commands...))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			end(t, s)
			if after := descriptors(t); after > before {
				t.Errorf("%d descriptors before, %d after", before, after)
			}
		})
	}
}

// brief is a run in vain, which is not waited for.
func brief(event trace.EventName, on string) trace.Command {
	return trace.Command{Op: trace.Run, Until: &trace.Until{Event: event, On: on}, Ms: 1}
}

// descriptors counts what the process has open, when what is being closed has been closed.
func descriptors(t *testing.T) int {
	t.Helper()
	n := 1 << 30
	for range 100 {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		if len(entries) >= n {
			break
		}
		n = len(entries)
		runtime.Gosched()
	}
	return n
}

// TestFailuresOnTheWire has implementations that panic, or do not give up, outside of a bubble.
func TestFailuresOnTheWire(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), theLeak)
	panics := func(context.Context) ([]byte, error) { panic("ouch") }
	for name, b := range map[string]broken{"at once": {feed: func() error { panic("ouch") }}, "in a call": {read: panics}} {
		c := feed("a")
		if b.read != nil {
			c = read("c1", 1)
		}
		t.Run(name, func(t *testing.T) {
			fails(t, begin(t, implementation(b)), context.Background(), adapter.Crash, ": the implementation panicked: ouch", makeRaw(trace.Unix), makeReader(1), c)
		})
	}
	t.Run("nothing to connect with", func(t *testing.T) {
		s := begin(t, implementation(broken{}))
		want := []string{"returned none", "unsupported: the implementation has nothing for protocol.make", "unsupported: the implementation has nothing for stream.open"}
		if diff := cmp.Diff(want, says(do(t, s, makeRaw(trace.Unix), makeProtocol(), stream))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		end(t, s)
	})
}

// TestRawEnds has what a raw end does by itself.
func TestRawEnds(t *testing.T) {
	s := begin(t, reference.New())
	soonRecv := soon(recv("c2", 5))
	soonRecv.Ms = 60_000
	replies := do(t, s, makeRaw(trace.TCP), makeProtocol(), connect, run("c"), write("hello"), soonRecv,
		on(trace.RawSockName, "w"), on(trace.RawPeerName, "w"), trace.Command{Op: trace.TransportGetExtraInfo, On: "c.transport", Name: "peername"}, trace.Command{Op: trace.TransportGetExtraInfo, On: "c.transport", Name: "sockname"},
		trace.Command{Op: trace.TransportGetExtraInfo, On: "c.transport", Name: "socket"}, recv("c3", 9), recv("c4", 9), on(trace.Cancel, "c3"), run("c3"), recv("c5", 1), write("x"), run("c5"))
	got := says(replies)
	if got[5] != `returned "hello"` {
		t.Errorf("the receive that may take its time: %s", got[5])
	}
	if got[6] != got[8] || got[7] != got[9] || got[6] == got[7] || !strings.HasPrefix(got[6], `returned [the text "127.0.0.1", `) {
		t.Errorf("addresses: %q", got[6:10])
	}
	if want := `returned the text "net.TCPConn"`; got[10] != want {
		t.Errorf("the socket: %s, want %s", got[10], want)
	}
	if all := strings.Join(got[11:], "; "); got[12] != "adapter fault: w receives already" || !strings.Contains(all, "finished c3 raised cancelled") || finish(append(replies[16].Events, replies[17].Events...), "c5") != `returned "x"` {
		t.Errorf("receives: %q", got[11:])
	}
	end(t, s)
	s = begin(t, reference.New())
	got = says(do(t, s, makeRaw(trace.Unix), on(trace.RawSockName, "w"), makeProtocol(), connect, run("c"), trace.Command{Op: trace.TransportGetExtraInfo, On: "c.transport", Name: "peername"}, on(trace.RawClose, "w"), send("x"), recv("c1", 1)))
	if want := []string{`returned the text ""`, `returned the text ""`}; !cmp.Equal(want, []string{got[1], got[5]}) || got[7] != "raised os-error" {
		t.Errorf("a Unix socket: %q", got)
	}
	end(t, s)
}

// TestAClosedRawEndTouchesNoOther closes a raw end that receives, and sees that the next one, whose descriptor has the same
// number, keeps what is its own.
func TestAClosedRawEndTouchesNoOther(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for _, kind := range []trace.EndKind{trace.TCP, trace.Unix} {
		s := begin(t, reference.New())
		for range 50 {
			next := on(trace.RawSend, "w2")
			next.Data = trace.D("theirs")
			of2 := trace.Command{Op: trace.RawRecv, On: "w2", As: "c2", N: trace.Int(5)}
			replies := do(t, s, makeRaw(kind), soon(recv("c1", 9)), soon(on(trace.RawClose, "w")), makeAs("w2", kind), makeProtocol(onEvent(trace.ConnectionMade, write("yours"))),
				trace.Command{Op: trace.ConnectionOpen, As: "c", Raw: "w2", Protocol: "p"}, send("x"), next, delivered(6), of2, run("c2"), run("c1"), forget)
			got := says(replies)
			if got[6] != "raised os-error" || !strings.HasPrefix(got[8], "returned true") || !strings.HasPrefix(got[11], "returned true") || !strings.Contains(strings.Join(got, "; "), `returned "yours"`) {
				t.Fatalf("got %q", got)
			}
		}
		end(t, s)
	}
}

// lingering is a transport whose first write comes back only when it has been aborted, and then not at once.
type lingering struct {
	gokit.Transport
	abort   sync.Once
	aborted chan struct{}
	written atomic.Int32
}

func (l *lingering) Abort() error {
	l.abort.Do(func() { close(l.aborted) })
	return nil
}

func (l *lingering) Write([]byte) error {
	<-l.aborted
	time.Sleep(20 * time.Millisecond)
	l.written.Add(1)
	return nil
}

// TestForgettingWaitsForCallbacks sees that no command of a callback is carried out when its session has forgotten it: it would
// be done to what has the same name in the next scenario.
func TestForgettingWaitsForCallbacks(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	var l *lingering
	impl := gokit.Implementation{Ends: []trace.EndKind{trace.Unix}, Connect: func(end gokit.End, p gokit.Protocol, _ gokit.Report) (gokit.BaseTransport, error) {
		l = &lingering{aborted: make(chan struct{})}
		defer end.Unix.Close()
		return l, p.ConnectionMade(l)
	}}
	s := begin(t, gokit.New(impl))
	for range 3 {
		replies := do(t, s, makeRaw(trace.Unix), makeProtocol(onEvent(trace.ConnectionMade, write("a"), write("b"))), connect, sure(trace.Doing, "p"), forget)
		if got := says(replies)[4]; got != "returned none" {
			t.Errorf("forgetting %s", got)
		}
		if n := l.written.Load(); n != 1 {
			t.Errorf("%d commands had been carried out when all was forgotten, want 1", n)
		}
	}
	end(t, s)
}

func TestWiresInParallel(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	a := reference.New()
	kinds := []trace.EndKind{trace.TCP, trace.Unix}
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			s := begin(t, a)
			for range 20 {
				replies := do(t, s, makeRaw(kinds[i%2]), makeProtocol(onEvent(trace.DataReceived, write("pong"))), connect, run("c"), send("ping"), delivered(4), recv("c1", 4), run("c1"),
					on(trace.TransportClose, "c.transport"), sure(trace.ConnectionLost, "p"), on(trace.RawFarOpen, "w"), forget)
				if got := says(replies); replies[7].String() != "returned true" || replies[9].String() != "returned true" || replies[10].String() != "returned false" {
					t.Errorf("got %q", got)
				}
			}
			end(t, s)
		})
	}
	wg.Wait()
}
