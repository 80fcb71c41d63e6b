//go:build unix

package stdio

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/spec/trace"
)

// play returns a client of the test binary in a mode. At the end of the test the client is closed, and nothing of it may
// be left: no goroutine, no descriptor, no process.
func play(t testing.TB, mode string, o Options) *Client {
	t.Helper()
	if o.Deadline == 0 {
		o.Deadline = 20 * time.Second
	}
	if o.ShutdownDeadline == 0 {
		o.ShutdownDeadline = 20 * time.Second
	}
	o.Env = append(os.Environ(), fakeMode+"="+mode, "GORACE=atexit_sleep_ms=0")
	fds := descriptors(t)
	goroutines := goleak.IgnoreCurrent()
	c := New([]string{os.Args[0]}, o)
	t.Cleanup(func() {
		_ = c.Close()
		goleak.VerifyNone(t, goroutines)
		if now := descriptors(t); now > fds {
			t.Errorf("%d descriptors are open, %d were before the client was made", now, fds)
		}
		if pids := childProcesses(t); len(pids) > 0 {
			t.Errorf("processes are left: %v", pids)
		}
	})
	return c
}

func descriptors(t testing.TB) int {
	if runtime.GOOS != "linux" {
		return 0
	}
	r, w, err := os.Pipe() // what the runtime opens once, it has opened now
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// childProcesses lists the children of this process, the dead and unreaped included.
func childProcesses(t testing.TB) (pids []string) {
	files, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, _ := os.ReadFile(f) // a thread may have ended
		pids = append(pids, strings.Fields(string(b))...)
	}
	return pids
}

func lives(pid string) bool {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(b), ") Z ")
}

func begin(t testing.TB, c *Client) adapter.Session {
	t.Helper()
	s, err := c.NewSession(context.Background())
	if err != nil {
		t.Fatalf("NewSession: %v", err)
	}
	return s
}

func wantFailure(t *testing.T, err error, kind adapter.FailureKind, texts ...string) *adapter.Failure {
	t.Helper()
	var f *adapter.Failure
	if !errors.As(err, &f) {
		t.Fatalf("the error is %T: %v; a failure of kind %s was due", err, err, kind)
	}
	if f.Kind != kind {
		t.Errorf("the kind is %s, due was %s; text: %s", f.Kind, kind, f.Text)
	}
	for _, text := range texts {
		if !strings.Contains(f.Text, text) {
			t.Errorf("the text is\n\t%s\nand does not contain\n\t%s", f.Text, text)
		}
	}
	if len(f.Text) > mostText+len("…") || strings.Contains(f.Text, "\n") {
		t.Errorf("the text is %d bytes, or has more than one line: %s", len(f.Text), f.Text)
	}
	return f
}

// wantWorks checks that a fresh session works.
func wantWorks(t *testing.T, c *Client) {
	t.Helper()
	s := begin(t, c)
	replies, err := s.Do(context.Background(), []trace.Command{{Op: trace.ReaderMake, As: "r"}})
	if err != nil || len(replies) != 1 || replies[0].Returned == nil {
		t.Fatalf("a fresh session gives %v, %v", replies, err)
	}
	if _, err := s.Close(context.Background()); err != nil {
		t.Fatalf("closing a fresh session: %v", err)
	}
}

func TestBrokenAdapter(t *testing.T) {
	const patient = 0
	for _, test := range []struct {
		mode     string
		deadline time.Duration
		kind     adapter.FailureKind
		texts    []string
	}{
		{"garbage", patient, adapter.Error, []string{"session.run with 2 commands", "is not JSON", "Traceback: something went wrong", "in all)"}},
		{"not an object", patient, adapter.Error, []string{"is not a JSON object: `[1,2]`"}},
		{"empty line", patient, adapter.Error, []string{"is an empty line"}},
		{"not UTF-8", patient, adapter.Error, []string{"is not UTF-8", `\xff`}},
		{"two in a line", patient, adapter.Error, []string{"goes on after its end with `{"}},
		{"flood", patient, adapter.Error, []string{"a line of more than the permitted 1000000 bytes", "xxxx"}},
		{"hang", 100 * time.Millisecond, adapter.Hang, []string{"did not answer session.run with 2 commands within 100ms", "nothing of the answer had been read"}},
		{"partial", time.Second, adapter.Hang, []string{"within 1s; 17 bytes of the answer had been read: `{\"jsonrpc\":\"2.0\",`"}},
		{"trickle", 800 * time.Millisecond, adapter.Hang, []string{"within 800ms", "of the answer had been read: `{\"js"}},
		{"deaf", 100 * time.Millisecond, adapter.Hang, []string{"did not answer"}},
		{"exit", patient, adapter.Crash, []string{"exited with status 3 before it answered session.run with 2 commands", "nothing of the answer"}},
		{"exit in the middle", patient, adapter.Crash, []string{"exited with status 0 before it answered", "17 bytes of the answer had been read: `{\"jsonrpc\":\"2.0\",`"}},
		{"signal", patient, adapter.Crash, []string{"was killed by signal 9 (killed) before it answered"}},
		{"wrong id", patient, adapter.Error, []string{"has the id 9, which has to be 2: there was no request 9"}},
		{"old id", patient, adapter.Error, []string{"has the id 1, which has to be 2: request 1 had been answered already"}},
		{"text id", patient, adapter.Error, []string{"has the id `\"2\"`, which has to be the integer 2"}},
		{"no id", patient, adapter.Error, []string{"has no id, which has to be 2"}},
		{"null id", patient, adapter.Error, []string{"has the id null, which has to be 2, and is error -32700: `what?`"}},
		{"jsonrpc", patient, adapter.Error, []string{"has jsonrpc `\"1.0\"`, which has to be \"2.0\""}},
		{"no jsonrpc", patient, adapter.Error, []string{"has no jsonrpc"}},
		{"both", patient, adapter.Error, []string{"has both a result and an error"}},
		{"neither", patient, adapter.Error, []string{"has neither a result nor an error"}},
		{"error", patient, adapter.Error, []string{"is error -32603: `KeyError: 'break'`"}},
		{"long error", patient, adapter.Error, []string{"is error -1: \"line\\nline\\n"}},
		{"long field", patient, adapter.Error, []string{`has the field "ffff`, "…"}},
		{"unknown field", patient, adapter.Error, []string{`has the field "mood", which does not exist here`}},
		{"unknown field of a reply", patient, adapter.Error, []string{`has the field "mood", which does not exist here`}},
		{"wrong type", patient, adapter.Error, []string{"has a string in the field replies.turns, which does not take one"}},
		{"field twice", patient, adapter.Error, []string{"has the field `returned` twice in one object"}},
		{"capital field", patient, adapter.Error, []string{"has the field `Returned`, which does not exist here"}},
		{"wide character", patient, adapter.Error, []string{"each code point is one byte"}},
		{"too few", patient, adapter.Error, []string{"session.run with 2 commands has 0 replies, one for each command is required"}},
		{"too many", patient, adapter.Error, []string{"session.run with 2 commands has 3 replies"}},
		{"invalid reply", patient, adapter.Error, []string{"reply 2 of 2, to c = break.readline(), breaks its contract", "exactly one of", "`{\"returned\":{},\"fault\":\"both\"}`"}},
		{"invalid event", patient, adapter.Error, []string{"reply 1 of 2", "a finished event has exactly one of"}},
		{"pending name", patient, adapter.Error, []string{"reply 2 of 2", `pending has the name "other", the call was started under the name "c"`}},
		{"pending make", patient, adapter.Error, []string{"reply 1 of 2", "reader.make does not start anything, so it cannot be pending"}},
		{"closed output", patient, adapter.Crash, []string{"closed its standard output and went on running before it answered"}},
		{"grandchild in the group", patient, adapter.Crash, []string{"exited with status 8 before it answered"}},
		{"grandchild outside", patient, adapter.Crash, []string{"exited with status 8 before it answered"}},
	} {
		t.Run(test.mode, func(t *testing.T) {
			c := play(t, test.mode, Options{MaxLine: 1_000_000})
			s := begin(t, c)
			if test.deadline != 0 {
				s.(*session).child.o.Deadline = test.deadline
			}
			began := time.Now()
			replies, err := s.Do(context.Background(), breaking)
			f := wantFailure(t, err, test.kind, test.texts...)
			t.Log(f.Text)
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("it took %v to notice", took)
			}
			switch test.mode {
			case "exit":
				if f.Stderr != "giving up\n" {
					t.Errorf("the standard error is %q", f.Stderr)
				}
			case "pending name", "invalid reply":
				if len(replies) != 1 {
					t.Errorf("%d replies came back, the one before the broken one was due", len(replies))
				}
			case "grandchild in the group":
				pid := regexp.MustCompile(`\d+`).FindString(f.Stderr)
				for deadline := time.Now().Add(3 * time.Second); lives(pid); time.Sleep(time.Millisecond) {
					if time.Now().After(deadline) {
						t.Errorf("the grandchild %s lives", pid)
						break
					}
				}
			}
			if _, again := s.Do(context.Background(), breaking); again != err {
				t.Errorf("Do after the failure gives %v, the failure was due again", again)
			}
			if events, err := s.Close(context.Background()); err != nil || events != nil {
				t.Errorf("Close after a failure gives %v, %v", events, err)
			}
			wantWorks(t, c)
		})
	}
}

func TestUnsolicitedOutput(t *testing.T) {
	for _, test := range []struct {
		mode  string
		kind  adapter.FailureKind
		texts []string
	}{
		{"twice", adapter.Error, []string{"before session.close was sent", "a message with the id 2, though request 2 had been answered already"}},
		{"unsolicited", adapter.Error, []string{"before session.close was sent", "output that nobody had asked for: \"let me tell you something\\n\""}},
		{"unsolicited later", adapter.Error, []string{"before session.close was sent", "output that nobody had asked for", "log"}},
		{"request of its own", adapter.Error, []string{"with the id 99, though there was no request 99"}},
		{"exit later", adapter.Crash, []string{"before session.close was sent, the adapter exited with status 7"}},
	} {
		t.Run(test.mode, func(t *testing.T) {
			c := play(t, test.mode, Options{})
			s := begin(t, c)
			if _, err := s.Do(context.Background(), breaking); err != nil {
				t.Fatalf("Do: %v", err)
			}
			switch test.mode {
			case "unsolicited later":
				time.Sleep(500 * time.Millisecond)
			case "exit later":
				<-s.(*session).child.exited
			}
			_, err := s.Close(context.Background())
			t.Log(err)
			wantFailure(t, err, test.kind, test.texts...)
			wantWorks(t, c)
		})
	}
}

// TestStalledRequest has adapters that do not read a request that is larger than a pipe.
func TestStalledRequest(t *testing.T) {
	large := []trace.Command{{Op: trace.ReaderFeedData, On: "r", Data: trace.D(strings.Repeat("ab", 1_000_000))}}
	for _, test := range []struct {
		mode string
		kind adapter.FailureKind
		text string
	}{
		{"deaf from now on", adapter.Hang, "bytes of session.run with 1 command within 1s"},
		{"talkative from now on", adapter.Error, "output that nobody had asked for"},
		{"closed input", adapter.Hang, "of the request when it closed its standard input"},
	} {
		t.Run(test.mode, func(t *testing.T) {
			c := play(t, test.mode, Options{})
			s := begin(t, c)
			if _, err := s.Do(context.Background(), breaking); err != nil {
				t.Fatal(err)
			}
			s.(*session).child.o.Deadline = time.Second
			_, err := s.Do(context.Background(), large)
			t.Log(err)
			wantFailure(t, err, test.kind, test.text)
			wantWorks(t, c)
		})
	}
}

func TestStderrTail(t *testing.T) {
	c := play(t, "stderr", Options{StderrTail: 1000})
	s := begin(t, c)
	_, err := s.Do(context.Background(), breaking)
	f := wantFailure(t, err, adapter.Crash, "exited with status 1")
	if len(f.Stderr) != 1000+len("…") || !strings.HasPrefix(f.Stderr, "…") || !strings.HasSuffix(f.Stderr, "noise\nlast words\n") {
		t.Errorf("the tail of the standard error is %d bytes: %q", len(f.Stderr), f.Stderr)
	}

	c = play(t, "stderr and good", Options{})
	s = begin(t, c)
	if _, err := s.Do(context.Background(), breaking); err != nil {
		t.Errorf("an adapter that only writes to its standard error fails: %v", err)
	}
	if _, err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestStart(t *testing.T) {
	dir := t.TempDir()
	plain, binary := filepath.Join(dir, "plain"), filepath.Join(dir, "binary")
	for name, mode := range map[string]os.FileMode{plain: 0o644, binary: 0o755} {
		if err := os.WriteFile(name, []byte{0, 1, 2}, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		argv []string
		is   error
		text string
	}{
		{nil, nil, "the adapter's command is empty"},
		{[]string{"streamspec-no-such-program"}, exec.ErrNotFound, `"streamspec-no-such-program" cannot be started: there is no such program`},
		{[]string{filepath.Join(dir, "absent")}, fs.ErrNotExist, "there is no such program"},
		{[]string{plain}, fs.ErrPermission, "it is not executable"},
		{[]string{dir}, fs.ErrPermission, "it is not executable"},
		{[]string{binary}, nil, "exec format error"},
	} {
		c := New(test.argv, Options{})
		_, err := c.Describe(context.Background())
		var command *CommandError
		if !errors.As(err, &command) || !strings.Contains(err.Error(), test.text) || test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%q: Describe gives %T: %v; a CommandError that contains %q was due", test.argv, err, err, test.text)
		}
		if _, err := c.NewSession(context.Background()); !errors.As(err, &command) {
			t.Errorf("%q: NewSession gives %T: %v", test.argv, err, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}

	for _, test := range []struct {
		mode  string
		kind  adapter.FailureKind
		texts []string
	}{
		{"start: exit", adapter.Crash, []string{"exited with status 3"}},
		{"start: banner", adapter.Error, []string{"Welcome to the fake adapter"}},
		{"start: sleep", adapter.Hang, []string{"did not answer initialize within 500ms"}},
		{"initialize: version", adapter.Error, []string{"speaks version 2 of the protocol, version 1 was asked for"}},
		{"initialize: description", adapter.Error, []string{`settling is "sometimes"`}},
	} {
		t.Run(test.mode, func(t *testing.T) {
			o := Options{}
			if test.kind == adapter.Hang {
				o.Deadline = 500 * time.Millisecond
			}
			c := play(t, test.mode, o)
			_, err := c.Describe(context.Background())
			t.Log(err)
			wantFailure(t, err, test.kind, test.texts...)
			_, err = c.NewSession(context.Background())
			f := wantFailure(t, err, test.kind, test.texts...)
			if test.mode == "start: exit" && f.Stderr != "no module named fake\n" {
				t.Errorf("the standard error is %q", f.Stderr)
			}
		})
	}
}

func TestDescriptionThatChanges(t *testing.T) {
	c := play(t, "initialize: changing", Options{})
	first, second := begin(t, c), error(nil)
	_, second = c.NewSession(context.Background())
	wantFailure(t, second, adapter.Error, "described itself differently when it was started again", `"name":"fake `)
	if _, err := first.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestSessionClose(t *testing.T) {
	for mode, text := range map[string]string{
		"session.close: no events":     "the result of session.close has no events",
		"session.close: unknown event": `there is no event "sneezed"`,
	} {
		c := play(t, mode, Options{})
		s := begin(t, c)
		if _, err := s.Do(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
		_, err := s.Close(context.Background())
		wantFailure(t, err, adapter.Error, text)
	}

	c := play(t, "session.close: then exit", Options{})
	s := begin(t, c)
	if _, err := s.Do(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	exited := s.(*session).child.exited
	if _, err := s.Close(context.Background()); err != nil { // the end may be noticed at once
		wantFailure(t, err, adapter.Crash, "after session.close had been answered, the adapter exited with status 5")
		return
	}
	<-exited
	_, err := c.NewSession(context.Background())
	wantFailure(t, err, adapter.Crash, "while no session was open, the adapter exited with status 5")
	begin(t, c)
}

func TestShutdown(t *testing.T) {
	for _, test := range []struct {
		mode  string
		kind  adapter.FailureKind
		texts []string
	}{
		{"shutdown: ignored", adapter.Hang, []string{"did not answer shutdown within 300ms"}},
		{"shutdown: stays", adapter.Hang, []string{"answered shutdown but did not exit within 300ms"}},
		{"shutdown: status", adapter.Crash, []string{"exited with status 6 after shutdown, status 0 is required"}},
		{"good", "", nil},
	} {
		t.Run(test.mode, func(t *testing.T) {
			o := Options{}
			if test.kind == adapter.Hang {
				o.ShutdownDeadline = 300 * time.Millisecond
			}
			c := play(t, test.mode, o)
			if _, err := c.Describe(context.Background()); err != nil {
				t.Fatal(err)
			}
			err := c.Close()
			t.Log(err)
			if test.kind != "" {
				wantFailure(t, err, test.kind, test.texts...)
			} else if err != nil {
				t.Errorf("Close: %v", err)
			}
			if _, err := c.Describe(context.Background()); !errors.Is(err, ErrClosed) {
				t.Errorf("Describe after Close: %v", err)
			}
			if _, err := c.NewSession(context.Background()); !errors.Is(err, ErrClosed) {
				t.Errorf("NewSession after Close: %v", err)
			}
		})
	}
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	c := play(t, "hang", Options{})
	resting, busy := begin(t, c), begin(t, c)
	result := make(chan error)
	go func() {
		_, err := busy.Do(context.Background(), breaking)
		result <- err
	}()
	for p := busy.(*session).child; p.use.TryLock(); time.Sleep(time.Millisecond) {
		p.use.Unlock()
	}
	if err := c.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := <-result; !errors.Is(err, ErrClosed) {
		t.Errorf("Do that Close ended gives %v", err)
	}
	if _, err := resting.Do(context.Background(), breaking); !errors.Is(err, ErrClosed) {
		t.Errorf("Do after Close gives %v", err)
	}
}

func TestContext(t *testing.T) {
	c := play(t, "hang", Options{})
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := begin(t, c).Do(ctx, breaking)
	t.Log(err)
	wantFailure(t, err, adapter.Hang, "within the time that its caller had")

	s := begin(t, c)
	_, err = s.Do(ctx, breaking)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "was not sent") {
		t.Errorf("Do with a context that had expired gives %v", err)
	}
	if _, err := c.NewSession(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("NewSession with a context that had expired gives %v", err)
	}

	ctx, cancel = context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err = begin(t, c).Do(ctx, breaking)
	var f *adapter.Failure
	if !errors.Is(err, context.Canceled) || errors.As(err, &f) {
		t.Errorf("Do with a context that is cancelled gives %v", err)
	}
	wantWorks(t, c)
}

// TestRunExtendsDeadline has a batch whose run command may take longer than the deadline of a request.
func TestRunExtendsDeadline(t *testing.T) {
	c := play(t, "hang", Options{})
	s := begin(t, c)
	s.(*session).child.o.Deadline = 50 * time.Millisecond
	_, err := s.Do(context.Background(), append(breaking, trace.Command{Op: trace.Run, Until: &trace.Until{Done: "c"}, Ms: 200}))
	wantFailure(t, err, adapter.Hang, "session.run with 3 commands within 250ms")
}

func TestPool(t *testing.T) {
	c := play(t, "good", Options{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				s, err := c.NewSession(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := s.Do(context.Background(), nil); err != nil {
					t.Error(err)
				}
				if _, err := s.Close(context.Background()); err != nil {
					t.Error(err)
				}
				if _, err := s.Do(context.Background(), nil); err == nil {
					t.Error("Do on a closed session works")
				}
			}
		})
	}
	wg.Wait()
	c.mu.Lock()
	children, idle := len(c.children), len(c.idle)
	c.mu.Unlock()
	if children < 1 || children > 4 || idle != children {
		t.Errorf("after 20 sessions, 4 at a time, %d programs live and %d are idle", children, idle)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestRoundTrip(t *testing.T) {
	c := play(t, "serve", Options{})
	d, err := c.Describe(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(echoDescription, d); diff != "" {
		t.Error(diff)
	}
	s := begin(t, c)
	replies, err := s.Do(context.Background(), everyCommand)
	if err != nil {
		t.Fatal(err)
	}
	for i, command := range everyCommand {
		want := echoReply(command)
		if diff := cmp.Diff(want, replies[i]); diff != "" {
			t.Errorf("%s: %s", command, diff)
		}
	}
	batch := make([]trace.Command, len(everyReply))
	for i := range batch {
		batch[i] = trace.Command{Op: trace.ReaderReadLine, On: "reply", As: fmt.Sprint(i)}
	}
	replies, err = s.Do(context.Background(), batch)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(everyReply, replies); diff != "" {
		t.Error(diff)
	}
	events, err := s.Close(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(echoClosing, events); diff != "" {
		t.Error(diff)
	}

	s = begin(t, c)
	replies, err = s.Do(context.Background(), []trace.Command{
		{Op: trace.Settle}, {Op: "reader.juggle"}, {Op: trace.Settle, On: "r"}, {Op: trace.ReaderMake, As: "r"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, fault := range []string{"", `there is no command "reader.juggle"`, "settle is about no object", ""} {
		if !strings.Contains(replies[i].Fault, fault) || (fault == "") != (replies[i].Fault == "") {
			t.Errorf("reply %d is %v, the fault %q was due", i, replies[i], fault)
		}
	}
	if _, err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestLargeBatch sends and receives lines of many megabytes.
func TestLargeBatch(t *testing.T) {
	c := play(t, "serve", Options{})
	s := begin(t, c)
	text := strings.Repeat("abcdefgh\x00\xff", 300_000)
	replies, err := s.Do(context.Background(), []trace.Command{{Op: trace.ReaderFeedData, On: "r", Data: &trace.Data{Bytes: trace.Bytes(text)}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(*replies[0].Returned.Bytes); got != text {
		t.Errorf("of %d bytes came back %d, or others", len(text), len(got))
	}
}

func benchmarkSession(b *testing.B) adapter.Session {
	c := play(b, "serve", Options{})
	return begin(b, c)
}

// BenchmarkBatch measures commands in batches of 1000: a reader is made, fed, read and forgotten.
func BenchmarkBatch(b *testing.B) {
	var batch []trace.Command
	for range 200 {
		batch = append(batch,
			trace.Command{Op: trace.ReaderMake, As: "r", Limit: trace.Int(64)},
			trace.Command{Op: trace.ReaderFeedData, On: "r", Data: trace.D("hello\nworld")},
			trace.Command{Op: trace.ReaderReadUntil, On: "r", As: "c1", Separator: trace.D("\n")},
			trace.Command{Op: trace.ReaderAtEOF, On: "r"},
			trace.Command{Op: trace.Forget},
		)
	}
	s := benchmarkSession(b)
	for b.Loop() {
		if _, err := s.Do(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(batch))/b.Elapsed().Seconds(), "commands/s")
}

// BenchmarkRoundTrip measures batches of no commands.
func BenchmarkRoundTrip(b *testing.B) {
	s := benchmarkSession(b)
	for b.Loop() {
		if _, err := s.Do(context.Background(), nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}
