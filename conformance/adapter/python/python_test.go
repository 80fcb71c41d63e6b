package python

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/streamspec/streamspec/spec/trace"
)

// deadline is how long a child may take for everything that a test asks of it.
const deadline = 2 * time.Minute

// each runs a test with every interpreter there is; where pyenv has none, with the one of PATH.
func each(t *testing.T, test func(t *testing.T, python string)) {
	t.Helper()
	all := Interpreters()
	if len(all) == 0 {
		path, err := Find()
		if err != nil {
			t.Skip(err)
		}
		all = []Interpreter{{Name: "python3", Path: path}}
	}
	var names []string
	for _, py := range all {
		names = append(names, py.Name)
		t.Run(py.Name, func(t *testing.T) { test(t, py.Path) })
	}
	t.Logf("interpreters: %s", strings.Join(names, ", "))
}

// command returns the adapter's command with further arguments.
func command(t *testing.T, python string, more ...string) *exec.Cmd {
	t.Helper()
	args, remove, err := Command(python, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := remove(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, args[0], append(args[1:], more...)...)
}

// A child is a running adapter.
type child struct {
	t      *testing.T
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
	id     int
}

func start(t *testing.T, python string, env ...string) *child {
	t.Helper()
	c := &child{t: t, cmd: command(t, python)}
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stderr = &c.stderr
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// line sends a line and returns the line that comes back.
func (c *child) line(request string) string {
	c.t.Helper()
	if _, err := io.WriteString(c.in, request+"\n"); err != nil {
		c.t.Fatalf("sending %.200s: %v\n%s", request, err, &c.stderr)
	}
	response, err := c.out.ReadString('\n')
	if err != nil {
		c.t.Fatalf("waiting for the response to %.200s: %v\n%s", request, err, &c.stderr)
	}
	return response
}

// ask sends a request and decodes its result.
func (c *child) ask(method string, params, result any) {
	c.t.Helper()
	c.id++
	request, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.id, "method": method, "params": params})
	if err != nil {
		c.t.Fatal(err)
	}
	var response struct {
		JSONRPC string
		ID      int
		Result  json.RawMessage
		Error   json.RawMessage
	}
	line := c.line(string(request))
	if err := json.Unmarshal([]byte(line), &response); err != nil {
		c.t.Fatalf("%v in the response to %s: %s", err, request, line)
	}
	if response.JSONRPC != "2.0" || response.ID != c.id || response.Error != nil {
		c.t.Fatalf("%s\nwas answered by\n%s", request, line)
	}
	dec := json.NewDecoder(bytes.NewReader(response.Result))
	dec.DisallowUnknownFields()
	if err := dec.Decode(result); err != nil {
		c.t.Fatalf("%v in the result of %s: %s", err, request, line)
	}
}

func (c *child) run(commands ...trace.Command) []trace.Reply {
	c.t.Helper()
	for _, command := range commands {
		if err := command.Validate(); err != nil {
			c.t.Fatal(err)
		}
	}
	var result struct{ Replies []trace.Reply }
	c.ask("session.run", map[string]any{"session": 1, "commands": commands}, &result)
	if len(result.Replies) != len(commands) {
		c.t.Fatalf("%d replies to %d commands", len(result.Replies), len(commands))
	}
	for i, reply := range result.Replies {
		if err := reply.Validate(); err != nil {
			c.t.Errorf("the reply to %s: %v", commands[i], err)
		}
	}
	return result.Replies
}

func (c *child) closeSession() []trace.Event {
	c.t.Helper()
	var result struct{ Events []trace.Event }
	c.ask("session.close", map[string]any{"session": 1}, &result)
	return result.Events
}

// wait waits for the child to end by itself with status 0.
func (c *child) wait() {
	c.t.Helper()
	if rest, err := io.ReadAll(c.out); err != nil || len(rest) > 0 {
		c.t.Errorf("after the last response: %q, %v", rest, err)
	}
	if err := c.cmd.Wait(); err != nil {
		c.t.Errorf("the adapter ended with %v\n%s", err, &c.stderr)
	}
}

func (c *child) shutdown() {
	c.t.Helper()
	c.ask("shutdown", map[string]any{}, &struct{}{})
	c.wait()
}

func (c *child) describe() trace.Description {
	c.t.Helper()
	var d trace.Description
	c.ask("initialize", map[string]any{"protocol": trace.ProtocolVersion}, &d)
	return d
}

func TestCommand(t *testing.T) {
	if _, _, err := Command("no-such-python", ""); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("a Python that does not exist: %v", err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args, remove, err := Command(self, "")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(args[1]); err != nil || string(got) != Source {
		t.Errorf("the file does not hold the adapter: %v", err)
	}
	for range 2 {
		if err := remove(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Dir(args[1])); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is left behind: %v", err)
	}
}

func TestSelfCheck(t *testing.T) {
	each(t, func(t *testing.T, python string) {
		for _, loop := range [][]string{nil, {"--loop", "asyncio:new_event_loop"}} { // driven by stopping it, and by keeping it running
			out, err := command(t, python, append(loop, "--self-check")...).CombinedOutput()
			if err != nil {
				t.Errorf("%v %v\n%s", loop, err, out)
			}
			for line := range strings.Lines(string(out)) {
				if !strings.HasPrefix(line, "ok   ") {
					t.Errorf("%v: unexpected line: %s", loop, line)
				}
			}
		}
	})
}

func TestDescription(t *testing.T) {
	each(t, func(t *testing.T, python string) {
		c := start(t, python)
		d := c.describe()
		c.shutdown()
		if err := d.Validate(); err != nil {
			t.Error(err)
		}
		if !strings.HasSuffix(d.Name, " asyncio") || d.Language != "python" || d.Settling != trace.Exact || !strings.HasPrefix(d.Version, d.Target+".") {
			t.Errorf("described as %+v", d)
		}
		for _, want := range []trace.Capability{trace.CapReader, trace.CapReaderTransport, trace.CapTypedBuffers, trace.CapPythonSurface} {
			if !d.Has(want) {
				t.Errorf("the capability %s is not declared", want)
			}
		}
		if has, want := d.Has(trace.CapTupleSeparators), minor(t, d) >= 13; has != want {
			t.Errorf("tuple separators declared: %v", has)
		}
		if !strings.Contains(d.Detail, string(filepath.Separator)) {
			t.Errorf("the detail %q does not say which Python it is", d.Detail)
		}
		if c.stderr.Len() > 0 {
			t.Errorf("standard error:\n%s", &c.stderr)
		}
	})
}

func minor(t *testing.T, d trace.Description) int {
	t.Helper()
	var major, minor int
	if _, err := fmt.Sscanf(d.Target, "%d.%d", &major, &minor); err != nil || major != 3 {
		t.Fatalf("the target is %q", d.Target)
	}
	return minor
}

// conversation is a session with its expected replies. Texts that differ between versions are left out by normal.
var conversation = []struct {
	command trace.Command
	reply   string
}{
	{trace.Command{Op: trace.ReaderMake, As: "r", Limit: trace.Int(3)}, `{"returned":{}}`},
	{trace.Command{Op: trace.ReaderMake, As: "none", Limit: trace.Int(0)},
		`{"raised":{"kind":"invalid-argument","native":"ValueError","message":"Limit cannot be <= 0"}}`},
	{trace.Command{Op: trace.MockMake, As: "t"}, `{"returned":{}}`},
	{trace.Command{Op: trace.ReaderSetTransport, On: "r", Transport: "t"}, `{"returned":{}}`},

	// A pending call, and its end.
	{trace.Command{Op: trace.ReaderReadUntil, On: "r", As: "c1", Separator: trace.D("SEP")}, `{"pending":"c1"}`},
	{trace.Command{Op: trace.ReaderFeedData, On: "r", Data: trace.D("aS")}, `{"returned":{}}`},
	{trace.Command{Op: trace.ReaderRead, On: "r", As: "c2", N: trace.Int(0)}, `{"returned":{"bytes":""}}`},
	{trace.Command{Op: trace.ReaderFeedData, On: "r", Data: trace.D("EP\x00\xff")},
		`{"returned":{},"events":[{"ev":"finished","on":"c1","returned":{"bytes":"aSEP"}}]}`},
	{trace.Command{Op: trace.Cancel, On: "c1"}, `{"returned":{}}`},
	{trace.Command{Op: trace.ReaderReadExactly, On: "r", As: "c3", N: trace.Int(2)}, "{\"returned\":{\"bytes\":\"\\u0000\u00ff\"}}"},

	// Pausing and resuming, an overrun.
	{trace.Command{Op: trace.ReaderFeedData, On: "r", Data: trace.D("abcdefg")}, `{"returned":{},"events":[{"ev":"pause_reading","on":"t"}]}`},
	{trace.Command{Op: trace.ReaderReadUntil, On: "r", As: "c4"},
		`{"raised":{"kind":"limit-overrun","native":"asyncio.LimitOverrunError","message":"Separator is not found, and chunk exceed the limit","consumed":7}}`},
	{trace.Command{Op: trace.ReaderRead, On: "r", As: "c5", N: trace.Int(5)}, `{"returned":{"bytes":"abcde"},"events":[{"ev":"resume_reading","on":"t"}]}`},

	// Two calls at once, cancelling one that has not even begun, forgetting the other.
	{trace.Command{Op: trace.ReaderReadExactly, On: "r", As: "c6", N: trace.Int(3)}, `{"pending":"c6"}`},
	{trace.Command{Op: trace.ReaderReadExactly, On: "r", As: "c7", N: trace.Int(3)},
		`{"raised":{"kind":"concurrent-read","native":"RuntimeError","message":"readexactly() called while another coroutine is already waiting for incoming data"}}`},
	{trace.Command{Op: trace.ReaderRead, On: "r", As: "c8", N: trace.Int(1), NoSettle: true}, `{"pending":"c8"}`},
	{trace.Command{Op: trace.Cancel, On: "c8"},
		`{"returned":{},"events":[{"ev":"finished","on":"c8","raised":{"kind":"cancelled","native":"asyncio.CancelledError"}}]}`},
	{trace.Command{Op: trace.Run, Until: &trace.Until{Done: "c6"}, Ms: 60000}, `{"returned":{"bool":false}}`},
	{trace.Command{Op: trace.Forget, Names: []string{"c6", "t"}}, `{"returned":{}}`},
	{trace.Command{Op: trace.ReaderAtEOF, On: "r"}, `{"returned":{"bool":false}}`},

	// Types, a buffer that changes after it was fed, the wrong order.
	{trace.Command{Op: trace.ReaderFeedData, On: "r", Data: &trace.Data{Bytes: trace.Bytes("h"), Form: trace.Mutated}}, `{"returned":{}}`},
	{trace.Command{Op: trace.ReaderFeedData, On: "r", Data: &trace.Data{Bytes: trace.Bytes("i"), Form: trace.AsText}},
		`{"raised":{"kind":"invalid-type","native":"TypeError"}}`},
	{trace.Command{Op: trace.ReaderFeedEOF, On: "r"}, `{"returned":{}}`},
	{trace.Command{Op: trace.ReaderFeedData, On: "r", Data: trace.D("x")},
		`{"raised":{"kind":"invalid-state","native":"AssertionError","message":"feed_data after feed_eof"}}`},
	{trace.Command{Op: trace.ReaderReadExactly, On: "r", As: "c9", N: trace.Int(4)},
		`{"raised":{"kind":"incomplete-read","native":"asyncio.IncompleteReadError","message":"3 bytes read on a total of 4 expected bytes","partial":"fgh","expected":4}}`},
	{trace.Command{Op: trace.ReaderReadUntil, On: "r", As: "c10"},
		`{"raised":{"kind":"incomplete-read","native":"asyncio.IncompleteReadError","partial":""}}`},
	{trace.Command{Op: trace.Run, Until: &trace.Until{Done: "c10"}, Ms: 60000}, `{"returned":{"bool":true}}`},
	{trace.Command{Op: trace.ReaderAtEOF, On: "r"}, `{"returned":{"bool":true}}`},

	// Stored exceptions.
	{trace.Command{Op: trace.ReaderSetException, On: "r", Exception: trace.Text("boom")}, `{"returned":{}}`},
	{trace.Command{Op: trace.ReaderException, On: "r"},
		`{"returned":{"error":{"kind":"scripted","native":"ScriptedError","message":"boom"}}}`},
	{trace.Command{Op: trace.ReaderRead, On: "r", As: "c11"}, `{"raised":{"kind":"scripted","native":"ScriptedError","message":"boom"}}`},

	// Iteration; names are free again after forgetting everything.
	{trace.Command{Op: trace.Forget}, `{"returned":{}}`},
	{trace.Command{Op: trace.ReaderMake, As: "r"}, `{"returned":{}}`},
	{trace.Command{Op: trace.ReaderFeedData, On: "r", Data: trace.D("a\nb")}, `{"returned":{}}`},
	{trace.Command{Op: trace.ReaderIterate, On: "r", As: "c1"}, `{"pending":"c1","events":[{"ev":"item","on":"c1","value":{"bytes":"a\n"}}]}`},
	{trace.Command{Op: trace.ReaderFeedEOF, On: "r"},
		`{"returned":{},"events":[{"ev":"item","on":"c1","value":{"bytes":"b"}},{"ev":"finished","on":"c1","returned":{}}]}`},

	// The driver's mistakes.
	{trace.Command{Op: trace.ReaderAtEOF, On: "nobody"}, `{"fault":"reader.at_eof: there is no reader named 'nobody'"}`},
	{trace.Command{Op: trace.ReaderMake, As: "c1"}, `{"fault":"reader.make: the name 'c1' is taken"}`},
}

func TestConversation(t *testing.T) {
	var commands []trace.Command
	for _, step := range conversation {
		commands = append(commands, step.command)
	}
	each(t, func(t *testing.T, python string) {
		c := start(t, python)
		check := func(how string, replies []trace.Reply) {
			t.Helper()
			for i, step := range conversation {
				var want trace.Reply
				if err := json.Unmarshal([]byte(step.reply), &want); err != nil {
					t.Fatalf("%v in %s", err, step.reply)
				}
				got := replies[i]
				if want.Raised != nil && want.Raised.Message == "" && got.Raised != nil { // not the same in all versions
					got.Raised.Message = ""
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
			replies = append(replies, c.run(command)...)
		}
		check("in messages of their own", replies)
		c.shutdown()
		if c.stderr.Len() > 0 {
			t.Errorf("standard error:\n%s", &c.stderr)
		}
	})
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A tuple reaches the implementation whatever its version; that it is not sent to those without the capability is the
// driver's business.
func TestTupleSeparators(t *testing.T) {
	each(t, func(t *testing.T, python string) {
		c := start(t, python)
		d := c.describe()
		replies := c.run(
			trace.Command{Op: trace.ReaderMake, As: "r"},
			trace.Command{Op: trace.ReaderFeedData, On: "r", Data: trace.D("xABCDy")},
			trace.Command{Op: trace.ReaderReadUntil, On: "r", As: "c1", Separators: []trace.Data{*trace.D("ABCD"), *trace.D("BC")}},
		)
		got := replies[2]
		switch {
		case minor(t, d) >= 13:
			if got.Returned == nil || got.Returned.Bytes == nil || string(*got.Returned.Bytes) != "xABC" {
				t.Errorf("came back with %s", got)
			}
		case got.Raised == nil || got.Raised.Kind != trace.InvalidType:
			t.Errorf("came back with %s", got)
		}
		c.shutdown()
	})
}

func TestManyBytes(t *testing.T) {
	each(t, func(t *testing.T, python string) {
		every := make([]byte, 256)
		for i := range every {
			every[i] = byte(i)
		}
		data := slices.Concat(bytes.Repeat([]byte("x"), 200_000), every, bytes.Repeat(every, 100))
		c := start(t, python)
		replies := c.run(
			trace.Command{Op: trace.ReaderMake, As: "r"},
			trace.Command{Op: trace.ReaderFeedData, On: "r", Data: &trace.Data{Bytes: data}},
			trace.Command{Op: trace.ReaderReadExactly, On: "r", As: "c1", N: trace.Int(len(data))},
		)
		if got := replies[2].Returned; got == nil || got.Bytes == nil || !bytes.Equal(*got.Bytes, data) {
			t.Errorf("came back with %s", replies[2])
		}
		c.shutdown()
	})
}

func TestMalformed(t *testing.T) {
	each(t, func(t *testing.T, python string) {
		c := start(t, python)
		for _, test := range []struct{ line, want string }{
			{`nonsense`, `null -32700`},
			{``, `null -32700`},
			{strings.Repeat("[", 100_000), `null -32700`},
			{"\xff", `null -32700`},
			{`[]`, `null -32600`},
			{`{"jsonrpc":"2.0","method":"shutdown","params":{}}`, `null -32600`},
			{`{"jsonrpc":"1.0","id":1,"method":"shutdown"}`, `null -32600`},
			{`{"jsonrpc":"2.0","id":"1","method":"shutdown"}`, `null -32600`},
			{`{"jsonrpc":"2.0","id":5,"method":"no.such"}`, `5 -32601`},
			{`{"jsonrpc":"2.0","id":6}`, `6 -32601`},
			{`{"jsonrpc":"2.0","id":7,"method":"session.run","params":[]}`, `7 -32602`},
			{`{"jsonrpc":"2.0","id":8,"method":"session.run","params":{"session":1}}`, `8 -32602`},
			{`{"jsonrpc":"2.0","id":9,"method":"session.run","params":{"session":"1","commands":[]}}`, `9 -32602`},
			{`{"jsonrpc":"2.0","id":10,"method":"session.run","params":{"session":1,"commands":[5]}}`, `10 -32602`},
			{`{"jsonrpc":"2.0","id":11,"method":"initialize","params":{}}`, `11 -32602`},
		} {
			var response struct {
				ID    *int
				Error struct{ Code int }
			}
			got := c.line(test.line)
			if err := json.Unmarshal([]byte(got), &response); err != nil {
				t.Errorf("%.80s was answered by %s", test.line, got)
				continue
			}
			id := "null"
			if response.ID != nil {
				id = fmt.Sprint(*response.ID)
			}
			if got := fmt.Sprint(id, " ", response.Error.Code); got != test.want {
				t.Errorf("%.80s: got %s, not %s", test.line, got, test.want)
			}
		}

		// Only one session is live at a time, and all of this has done it no harm.
		c.run(trace.Command{Op: trace.ReaderMake, As: "r"})
		for _, method := range []string{"session.run", "session.close"} {
			got := c.line(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":{"session":2,"commands":[]}}`, method))
			if !strings.Contains(got, "-32602") {
				t.Errorf("%s of another session was answered by %s", method, got)
			}
		}
		if got := c.run(trace.Command{Op: trace.ReaderAtEOF, On: "r"})[0]; got.Returned == nil {
			t.Errorf("came back with %s", got)
		}
		c.shutdown()
	})
}

// What the implementation prints, and what it tries to read, is kept away from the protocol.
func TestStandardStreams(t *testing.T) {
	const noisy = `
import asyncio, os, sys
feed_eof = asyncio.StreamReader.feed_eof
def noisy(self):
    print("printed", repr(sys.stdin.read()), repr(os.read(0, 10)))
    os.write(1, b"written\n")
    feed_eof(self)
asyncio.StreamReader.feed_eof = noisy
`
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "sitecustomize.py"), []byte(noisy), 0o644); err != nil {
		t.Fatal(err)
	}
	each(t, func(t *testing.T, python string) {
		c := start(t, python, "PYTHONPATH="+dir, "PYTHONDONTWRITEBYTECODE=1")
		c.run(trace.Command{Op: trace.ReaderMake, As: "r"}, trace.Command{Op: trace.ReaderFeedEOF, On: "r"})
		c.shutdown()
		if got := c.stderr.String(); !strings.Contains(got, "printed '' b''\n") || !strings.Contains(got, "written\n") {
			t.Errorf("standard error: %q", got)
		}
	})
}

func TestEnd(t *testing.T) {
	each(t, func(t *testing.T, python string) {
		c := start(t, python)
		c.run(trace.Command{Op: trace.ReaderMake, As: "r"}, trace.Command{Op: trace.ReaderRead, On: "r", As: "c1"})
		// An interrupt at the keyboard reaches the whole process group; when to end is for the parent to say.
		if err := c.cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		c.run(trace.Command{Op: trace.ReaderAtEOF, On: "r"})
		if err := c.in.Close(); err != nil {
			t.Fatal(err)
		}
		c.wait()
		if c.stderr.Len() > 0 {
			t.Errorf("standard error:\n%s", &c.stderr)
		}
	})
}

func TestReplay(t *testing.T) {
	each(t, func(t *testing.T, python string) {
		c := start(t, python)
		d := c.describe()
		recording := trace.Transcript{Case: "a test", Implementation: &d}
		var commands []trace.Command
		for _, step := range conversation {
			commands = append(commands, step.command)
		}
		commands = append(commands,
			trace.Command{Op: trace.ReaderMake, As: "long"},
			trace.Command{Op: trace.ReaderFeedData, On: "long", Data: trace.D(strings.Repeat("x", 1000))},
			trace.Command{Op: trace.ReaderRead, On: "long", As: "c20", N: trace.Int(1000)},
		)
		for i, reply := range c.run(commands...) {
			recording.Steps = append(recording.Steps, trace.Step{Command: commands[i], Reply: &reply})
		}
		recording.Closing = c.closeSession()
		c.shutdown()

		replay(t, python, &recording, 0, "all as recorded")

		read := *recording.Steps[len(commands)-1].Reply.Returned.Bytes
		read[500] = 'y'
		replay(t, python, &recording, 1, "1 of ")
		read[500] = 'x'

		// Texts are compared with those of the same implementation alone.
		for i := range recording.Steps {
			if reply := recording.Steps[i].Reply; reply.Raised != nil {
				reply.Raised.Message += " or so"
			}
		}
		replay(t, python, &recording, 1, "differ")
		d.Target = "3.5"
		replay(t, python, &recording, 0, "all as recorded")

		recording.Steps[len(recording.Steps)-1].Reply = nil
		replay(t, python, &recording, 1, "no reply")
	})
}

func replay(t *testing.T, python string, recording *trace.Transcript, status int, say string) {
	t.Helper()
	var b bytes.Buffer
	if err := recording.Write(&b); err != nil {
		t.Fatal(err)
	}
	replayFile(t, python, b.String(), status, say)
}

func replayFile(t *testing.T, python, transcript string, status int, say string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "transcript.json")
	if err := os.WriteFile(file, []byte(transcript), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := command(t, python, "--replay", file)
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != status || !strings.Contains(string(out), say) {
		t.Errorf("status %d (%v), not %d, or nothing of %q in\n%s", got, err, status, say, out)
	}
}

func TestReplayByHand(t *testing.T) {
	each(t, func(t *testing.T, python string) {
		replayFile(t, python, `{"schema": 1, "steps": [
			{"command": {"op": "reader.make", "as": "r", "limit": 3}, "reply": {"returned": {}, "turns": 5}},
			{"command": {"op": "reader.readline", "on": "r", "as": "c1"}, "reply": {"pending": "c1"}},
			{"command": {"op": "reader.feed_data", "on": "r", "data": [{"repeat": "a", "times": 3}, "\n"]},
			 "reply": {"returned": {}, "events": [{"ev": "finished", "on": "c1", "turn": 2, "returned": {"bytes": ["aaa", "\n"]}}]}},
			{"command": {"op": "reader.readexactly", "on": "r", "as": "c2", "n": -1}, "reply": {"raised": {"kind": "invalid-argument"}}}
		]}`, 0, "all as recorded")
		for _, bad := range []string{"", "[]", `{"schema": 2, "steps": []}`, `{"schema": 1}`, `{"schema": 1, "steps": [5]}`, `{"schema": 1, "steps": [{"command": 5}]}`,
			`{"schema": 1, "steps": [{"command": {"op": "settle"}, "reply": {"returned": {"bytes": 5}}}]}`} {
			replayFile(t, python, bad, 2, "is not a transcript")
		}
		out, err := command(t, python, "--no-such-option").CombinedOutput()
		if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), "--replay FILE") {
			t.Errorf("an unknown option: %v\n%s", err, out)
		}
	})
}
