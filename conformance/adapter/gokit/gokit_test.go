package gokit_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
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

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, theLeak) }

// neverReturns is what one test leaves behind, for nothing outside of a bubble can wake what waits in it.
func neverReturns(context.Context) ([]byte, error) { <-make(chan int); return nil, nil }

var theLeak = goleak.IgnoreAnyFunction("github.com/streamspec/streamspec/conformance/adapter/gokit_test.neverReturns")

func TestSelfTest(t *testing.T) {
	if err := gokit.SelfTest(); err != nil {
		t.Error(err)
	}
}

// A broken reader does what its functions say, and nothing else: whatever is not overridden panics.
type broken struct {
	gokit.Reader
	feed func() error
	read func(context.Context) ([]byte, error)
}

func (b broken) FeedData([]byte) error { return b.feed() }

func (b broken) Read(ctx context.Context, _ int) ([]byte, error) { return b.read(ctx) }

func (b broken) Lines(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for {
			if line, err := b.read(ctx); !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// implementation is one whose readers are all b.
func implementation(b broken) adapter.Adapter {
	return gokit.New(gokit.Implementation{
		Name: "broken", Version: "0", Target: "3.13", DefaultLimit: 16,
		NewReader: func(limit int) (gokit.Reader, error) {
			if limit < 0 {
				return nil, errNegative
			}
			return b, nil
		},
		Classify: func(err error) trace.Error {
			if errors.Is(err, errNegative) {
				return trace.Error{Kind: trace.InvalidArgument}
			}
			return trace.Error{}
		},
	})
}

var errNegative = errors.New("negative")

// begin starts a session, which the test closes itself.
func begin(t testing.TB, a adapter.Adapter) adapter.Session {
	t.Helper()
	s, err := a.NewSession(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// do carries out commands, which must not end the session.
func do(t testing.TB, s adapter.Session, commands ...trace.Command) []trace.Reply {
	t.Helper()
	for _, c := range commands {
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
	}
	replies, err := s.Do(context.Background(), commands)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range replies {
		if err := r.Validate(); err != nil {
			t.Error(err)
		}
	}
	return replies
}

// end closes a session in which nothing went wrong.
func end(t testing.TB, s adapter.Session) {
	t.Helper()
	if events, err := s.Close(context.Background()); err != nil || len(events) > 0 {
		t.Errorf("closing the session gave %v and %v", events, err)
	}
}

// says shows replies with their events, one a line, native errors left out.
func says(replies []trace.Reply) []string {
	var out []string
	for _, r := range replies {
		line := plain(r).String()
		for _, e := range r.Events {
			if e.Raised != nil {
				e.Raised = bare(e.Raised)
			}
			line += "; " + e.String()
		}
		out = append(out, line)
	}
	return out
}

func plain(r trace.Reply) trace.Reply {
	if r.Raised != nil {
		r.Raised = bare(r.Raised)
	}
	if r.Returned != nil && r.Returned.Error != nil {
		r.Returned = &trace.Value{Error: bare(r.Returned.Error)}
	}
	return r
}

func bare(e *trace.Error) *trace.Error {
	out := *e
	out.Native, out.Message = "", ""
	return &out
}

func makeReader(limit int) trace.Command {
	return trace.Command{Op: trace.ReaderMake, As: "r", Limit: &limit}
}

func feed(s string) trace.Command {
	return trace.Command{Op: trace.ReaderFeedData, On: "r", Data: trace.D(s)}
}

func feedAs(s string, form trace.Form) trace.Command {
	return trace.Command{Op: trace.ReaderFeedData, On: "r", Data: &trace.Data{Bytes: trace.Bytes(s), Form: form}}
}

func read(as string, n int) trace.Command {
	return trace.Command{Op: trace.ReaderRead, On: "r", As: as, N: &n}
}

func exactly(as string, n int) trace.Command {
	return trace.Command{Op: trace.ReaderReadExactly, On: "r", As: as, N: &n}
}

func until(as string, separators ...trace.Data) trace.Command {
	return trace.Command{Op: trace.ReaderReadUntil, On: "r", As: as, Separators: separators}
}

func run(as string) trace.Command {
	return trace.Command{Op: trace.Run, Until: &trace.Until{Done: as}, Ms: 60_000}
}

func runUntil(event trace.EventName, on string, count int) trace.Command {
	return trace.Command{Op: trace.Run, Until: &trace.Until{Event: event, On: on, Count: count}, Ms: 1000}
}

func on(op trace.Op, name string) trace.Command { return trace.Command{Op: op, On: name} }

func soon(c trace.Command) trace.Command { c.NoSettle = true; return c }

// TestSessions plays healthy sessions on the reference.
func TestSessions(t *testing.T) {
	mock := trace.Command{Op: trace.MockMake, As: "t"}
	attach := trace.Command{Op: trace.ReaderSetTransport, On: "r", Transport: "t"}
	iterate := trace.Command{Op: trace.ReaderIterate, On: "r", As: "c1"}
	settle := trace.Command{Op: trace.Settle}
	for name, test := range map[string]struct {
		commands []trace.Command
		want     []string
	}{
		"everything a reader does": {
			[]trace.Command{makeReader(4), feed("ab\ncd"), {Op: trace.ReaderReadLine, On: "r", As: "c1"}, on(trace.ReaderAtEOF, "r"), on(trace.ReaderFeedEOF, "r"), exactly("c2", 3), on(trace.ReaderAtEOF, "r"), on(trace.ReaderException, "r"),
				{Op: trace.ReaderSetException, On: "r", Exception: trace.Text("boom")}, on(trace.ReaderException, "r"), read("c3", 1), on(trace.ReaderSetException, "r"), {Op: trace.ReaderRead, On: "r", As: "c4"}},
			[]string{"returned none", "returned none", `returned "ab\n"`, "returned false", "returned none", `raised incomplete-read{partial "cd", expected 3}`, "returned true", "returned none",
				"returned none", "returned scripted", "raised scripted", "returned none", `returned ""`},
		},
		"separators: the default, one, several, none": {
			[]trace.Command{makeReader(9), feed("a\nb;c,d"), until("c1"), {Op: trace.ReaderReadUntil, On: "r", As: "c2", Separator: trace.D(";")}, until("c3", *trace.D(";"), *trace.D(",")), {Op: trace.ReaderReadUntil, On: "r", As: "c4", Separators: []trace.Data{}}},
			[]string{"returned none", "returned none", `returned "a\n"`, `returned "b;"`, `returned "c,"`, "raised invalid-argument"},
		},
		"the default limit": {
			[]trace.Command{{Op: trace.ReaderMake, As: "r"}, feed(strings.Repeat("a", 65537)), until("c1")},
			[]string{"returned none", "returned none", "raised limit-overrun{consumed 65537}"},
		},
		"a limit that is refused makes nothing": {
			[]trace.Command{makeReader(0), feed("a"), makeReader(1), feed("a")},
			[]string{"raised invalid-argument", `adapter fault: there is no reader "r"`, "returned none", "returned none"},
		},
		"an event comes with the command that caused it": {
			[]trace.Command{makeReader(4), exactly("c1", 3), feed("ab"), settle, feed("cd"), read("c2", 9)},
			[]string{"returned none", "pending", "returned none", "returned none", `returned none; finished c1 returned "abc"`, `returned "d"`},
		},
		"events are in the order in which they happened": {
			[]trace.Command{makeReader(1), mock, attach, feed("abc"), exactly("c1", 5), feed("d"), feed("ef"), exactly("c2", 9), feed("ghijklmno")},
			[]string{"returned none", "returned none", "returned none", "returned none; pause_reading t", "pending; resume_reading t", "returned none; pause_reading t; resume_reading t",
				`returned none; pause_reading t; resume_reading t; finished c1 returned "abcde"`, "pending", `returned none; pause_reading t; resume_reading t; finished c2 returned "fghijklmn"`},
		},
		"a transport that cannot pause": {
			[]trace.Command{makeReader(1), {Op: trace.MockMake, As: "t", CanPause: trace.Bool(false)}, attach, feed("abc"), feed("def")},
			[]string{"returned none", "returned none", "returned none", "returned none; pause_reading t", "returned none"},
		},
		"items are events, before the end of the call": {
			[]trace.Command{makeReader(4), feed("a\nb"), iterate, feed("\n\nc"), on(trace.ReaderFeedEOF, "r")},
			[]string{"returned none", "returned none", `pending; item c1 "a\n"`, `returned none; item c1 "b\n"; item c1 "\n"`, `returned none; item c1 "c"; finished c1 returned none`},
		},
		"an iteration of one item, and one that fails": {
			[]trace.Command{makeReader(1), feed("a\nb\nccc\n"), {Op: trace.ReaderIterate, On: "r", As: "c0", N: trace.Int(1)}, iterate},
			[]string{"returned none", "returned none", `returned none; item c0 "a\n"`, `raised invalid-argument; item c1 "b\n"`},
		},
		"without settling a call is pending, even one that need not wait": {
			[]trace.Command{makeReader(4), feed("ab"), soon(read("c1", 9)), settle, soon(read("c2", 9)), soon(feed("c")), run("c2")},
			nil, // compared below: when the end is seen is open
		},
		"cancelled": {
			[]trace.Command{makeReader(4), exactly("c1", 3), feed("ab"), on(trace.Cancel, "c1"), on(trace.Cancel, "c1"), read("c2", 9), on(trace.Cancel, "c2")},
			[]string{"returned none", "pending", "returned none", "returned none; finished c1 raised cancelled", "returned none", `returned "ab"`, "returned none"},
		},
		"run until a call is done, or in vain": {
			[]trace.Command{makeReader(4), read("c1", 1), run("c1"), feed("a"), run("c1")},
			[]string{"returned none", "pending", "returned false", `returned none; finished c1 returned "a"`, "returned true"},
		},
		"run until an event, counted from the beginning": {
			[]trace.Command{makeReader(1), mock, attach, feed("abc"), runUntil(trace.PauseReading, "t", 1), runUntil(trace.PauseReading, "", 2), runUntil(trace.PauseReading, "r", 1), runUntil(trace.ResumeReading, "t", 0),
				read("c1", 9), runUntil(trace.ResumeReading, "t", 0)},
			[]string{"returned none", "returned none", "returned none", "returned none; pause_reading t", "returned true", "returned false", "returned false", "returned false", `returned "abc"; resume_reading t`, "returned true"},
		},
		"forget all": {
			[]trace.Command{makeReader(4), mock, read("c1", 1), {Op: trace.Forget}, feed("a"), on(trace.Cancel, "c1"), makeReader(4), attach, mock, attach, read("c1", 1)},
			[]string{"returned none", "returned none", "pending", "returned none", `adapter fault: there is no reader "r"`, `adapter fault: there is no call "c1"`, "returned none",
				`adapter fault: there is no transport "t"`, "returned none", "returned none", "pending"},
		},
		"forget some": {
			[]trace.Command{makeReader(4), read("c1", 1), {Op: trace.Forget, Names: []string{"c1", "nobody"}}, feed("a"), read("c1", 1), {Op: trace.Forget, Names: []string{}}, on(trace.ReaderAtEOF, "r"), {Op: trace.Forget, Names: []string{"r"}}, on(trace.ReaderAtEOF, "r")},
			[]string{"returned none", "pending", "returned none", "returned none", `returned "a"`, "returned none", "returned false", "returned none", `adapter fault: there is no reader "r"`},
		},
		"unknown names": {
			[]trace.Command{feed("a"), read("c1", 1), attach, on(trace.Cancel, "c1"), run("c1"), makeReader(4), attach},
			[]string{`adapter fault: there is no reader "r"`, `adapter fault: there is no reader "r"`, `adapter fault: there is no reader "r"`, `adapter fault: there is no call "c1"`, `adapter fault: there is no call "c1"`,
				"returned none", `adapter fault: there is no transport "t"`},
		},
		"names that are taken": {
			[]trace.Command{makeReader(4), makeReader(4), read("c1", 1), read("c1", 1), read("r", 1), feed("a"), read("c1", 1)},
			[]string{"returned none", `adapter fault: the name "r" is taken`, "pending", `adapter fault: the name "c1" is taken`, `adapter fault: the name "r" is taken`, `returned none; finished c1 returned "a"`,
				`adapter fault: the name "c1" is taken`},
		},
		"data in forms that are a slice in Go, and in others": {
			[]trace.Command{makeReader(9), feedAs("ab", trace.ByteArray), feedAs("cd", trace.View), feedAs("efgh", trace.Wide), feedAs("ij", trace.Mutated), read("c0", 99),
				feedAs("no", trace.AsText), {Op: trace.ReaderReadUntil, On: "r", As: "c1", Separator: &trace.Data{Form: trace.AsNone}}, until("c2", *trace.D("a"), trace.Data{Form: trace.AsInt})},
			[]string{"returned none", "returned none", "returned none", "returned none", "returned none", `returned "abcdefghij"`,
				"unsupported: a Go implementation takes bytes as a slice only", "unsupported: a Go implementation takes bytes as a slice only", "unsupported: a Go implementation takes bytes as a slice only"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			s := begin(t, reference.New())
			got := says(do(t, s, test.commands...))
			if test.want != nil {
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			} else if all := strings.Join(got, "\n"); got[2] != "pending" || !strings.Contains(all, `finished c1 returned "ab"`) || !strings.Contains(all, `finished c2 returned "c"`) ||
				strings.Count(all, "finished") != 2 || !strings.HasPrefix(got[6], "returned true") {
				t.Errorf("want c1 and c2 pending first, each finished later, once, and the run not in vain; got:\n%s", all)
			}
			end(t, s) // with calls still pending, which are cancelled
		})
	}
}

func TestWhatIsFedIsTheReadersOwn(t *testing.T) {
	kept := make(chan []byte, 1)
	s := begin(t, gokit.New(gokit.Implementation{NewReader: func(int) (gokit.Reader, error) { return keeper{kept: kept}, nil }}))
	data := feed("ab")
	do(t, s, makeReader(1), data)
	copy(<-kept, "xy")
	if string(data.Data.Bytes) != "ab" {
		t.Errorf("the implementation changed what was fed, and with it the command, which is %s now", data)
	}
	end(t, s)
}

type keeper struct {
	gokit.Reader
	kept chan []byte
}

func (k keeper) FeedData(b []byte) error { k.kept <- b; return nil }

func TestErrorsHaveKindTypeAndMessage(t *testing.T) {
	var err error
	s := begin(t, implementation(broken{feed: func() error { return err }}))
	do(t, s, makeReader(1))
	for _, test := range []struct {
		err  error
		want trace.Error
	}{
		{fmt.Errorf("no: %w", errors.ErrUnsupported), trace.Error{Kind: trace.NotSupported, Native: "fmt.wrapError", Message: "no: unsupported operation"}},
		{context.Canceled, trace.Error{Kind: trace.Cancelled, Native: "errors.errorString", Message: "context canceled"}},
		{errNegative, trace.Error{Kind: trace.InvalidArgument, Native: "errors.errorString", Message: "negative"}},
		{errors.New("odd"), trace.Error{Kind: trace.OtherError, Native: "errors.errorString", Message: "odd"}}, // not classified
	} {
		err = test.err
		if diff := cmp.Diff(&test.want, do(t, s, feed("a"))[0].Raised); diff != "" {
			t.Errorf("%v (-want +got):\n%s", test.err, diff)
		}
	}
	end(t, s)
	s = begin(t, implementation(broken{}))
	if got, want := says(do(t, s, makeReader(-1))), []string{"raised invalid-argument"}; !cmp.Equal(want, got) {
		t.Errorf("a reader that cannot be made: got %q, want %q", got, want)
	}
	end(t, s)
}

// fails carries out commands, the last of which must end the session with a failure that says so.
func fails(t *testing.T, s adapter.Session, ctx context.Context, kind adapter.FailureKind, says string, commands ...trace.Command) []trace.Reply {
	t.Helper()
	replies, err := s.Do(ctx, commands)
	var f *adapter.Failure
	if !errors.As(err, &f) || f.Kind != kind || !strings.Contains(f.Text, says) {
		t.Fatalf("got %v, want an %s that says %q", err, kind, says)
	}
	if _, again := s.Do(context.Background(), commands[:1]); again != err {
		t.Errorf("the session is over, and yet the next command gives %v", again)
	}
	if events, err := s.Close(context.Background()); err != nil || events != nil {
		t.Errorf("the failure was told, and closing gives %v and %v beside", events, err)
	}
	return replies
}

func TestPanics(t *testing.T) {
	panics := func() { panic("ouch") }
	waits := func(ctx context.Context) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() }
	for name, test := range map[string]struct {
		broken   broken
		says     string
		commands []trace.Command
		replies  int
	}{
		"in a synchronous method": {broken{feed: func() error { panics(); return nil }}, `r.feed_data("a"): the implementation panicked: ouch`, []trace.Command{makeReader(1), feed("a")}, 1},
		"in a synchronous method, while a call waits": {broken{feed: func() error { panics(); return nil }, read: waits}, `r.feed_data("a"): the implementation panicked: ouch`,
			[]trace.Command{makeReader(1), read("c1", 1), feed("a")}, 2},
		"in a call":       {broken{read: func(context.Context) ([]byte, error) { panics(); return nil, nil }}, "c1 = r.read(1): the implementation panicked: ouch", []trace.Command{makeReader(1), read("c1", 1)}, 1},
		"in an iteration": {broken{read: func(context.Context) ([]byte, error) { panics(); return nil, nil }}, "c1 = r.iterate(): the implementation panicked: ouch", []trace.Command{makeReader(1), {Op: trace.ReaderIterate, On: "r", As: "c1"}}, 1},
		"when a call is cancelled": {broken{read: func(ctx context.Context) ([]byte, error) { <-ctx.Done(); panics(); return nil, nil }}, "cancel c1(): the implementation panicked: ouch",
			[]trace.Command{makeReader(1), read("c1", 1), on(trace.Cancel, "c1")}, 2},
		"in a method that the implementation lacks": {broken{}, "r.at_eof(): the implementation panicked: ", []trace.Command{makeReader(1), on(trace.ReaderAtEOF, "r"), feed("never done")}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			replies := fails(t, begin(t, implementation(test.broken)), context.Background(), adapter.Crash, test.says, test.commands...)
			if len(replies) != test.replies {
				t.Errorf("%d replies came before the panic, want %d: %v", len(replies), test.replies, replies)
			}
		})
	}
	t.Run("the stack is told", func(t *testing.T) {
		s := begin(t, implementation(broken{feed: func() error { panics(); return nil }}))
		_, err := s.Do(context.Background(), []trace.Command{makeReader(1), feed("a")})
		if err == nil || !strings.Contains(err.Error(), "broken.FeedData") {
			t.Errorf("the error does not tell where it was: %v", err)
		}
	})
}

func TestACallThatIgnoresItsContextIsALeak(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), theLeak)
	s := begin(t, implementation(broken{read: neverReturns}))
	if got, want := says(do(t, s, makeReader(1), read("c1", 1), on(trace.Cancel, "c1"), run("c1"))), []string{"returned none", "pending", "returned none", "returned false"}; !cmp.Equal(want, got) {
		t.Errorf("got %q, want %q", got, want)
	}
	_, err := s.Close(context.Background())
	var f *adapter.Failure
	if !errors.As(err, &f) || f.Kind != adapter.Crash || !strings.Contains(f.Text, "when its calls were cancelled") {
		t.Errorf("closing gives %v, want a failure that says what was left over", err)
	}
}

// TestHangs has implementations that wait where it cannot be seen that they do. What they wait for is granted in the end,
// so that nothing of them is left over.
func TestHangs(t *testing.T) {
	soonOver := func(t *testing.T) context.Context {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	const says = "did not come to rest before the deadline during a batch of 2 commands that begins with r = reader.make(limit: 1)"
	t.Run("a mutex", func(t *testing.T) {
		defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
		var mu sync.Mutex
		mu.Lock()
		defer mu.Unlock()
		s := begin(t, implementation(broken{read: func(context.Context) ([]byte, error) { mu.Lock(); defer mu.Unlock(); return nil, nil }}))
		fails(t, s, soonOver(t), adapter.Hang, says, makeReader(1), read("c1", 1))
	})
	t.Run("a mutex, in a synchronous method", func(t *testing.T) {
		defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
		var mu sync.Mutex
		mu.Lock()
		defer mu.Unlock()
		s := begin(t, implementation(broken{feed: func() error { mu.Lock(); defer mu.Unlock(); return nil }}))
		fails(t, s, soonOver(t), adapter.Hang, says, makeReader(1), feed("a"))
	})
	t.Run("a goroutine that spins", func(t *testing.T) {
		defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
		var enough atomic.Bool
		defer enough.Store(true)
		s := begin(t, implementation(broken{feed: func() error {
			go func() {
				for !enough.Load() {
					runtime.Gosched() // it never waits
				}
			}()
			return nil
		}}))
		fails(t, s, soonOver(t), adapter.Hang, says, makeReader(1), feed("a"))
	})
	t.Run("only when the session is closed", func(t *testing.T) {
		defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
		var mu sync.Mutex
		mu.Lock()
		defer mu.Unlock()
		s := begin(t, implementation(broken{read: func(ctx context.Context) ([]byte, error) { <-ctx.Done(); mu.Lock(); defer mu.Unlock(); return nil, nil }}))
		do(t, s, makeReader(1), read("c1", 1))
		_, err := s.Close(soonOver(t))
		var f *adapter.Failure
		if !errors.As(err, &f) || f.Kind != adapter.Hang || !strings.Contains(f.Text, "when its calls were cancelled") {
			t.Errorf("closing gives %v, want an %s", err, adapter.Hang)
		}
	})
}

func TestAfterClose(t *testing.T) {
	s := begin(t, reference.New())
	do(t, s, makeReader(1))
	end(t, s)
	if _, err := s.Do(context.Background(), []trace.Command{feed("a")}); err == nil || !strings.Contains(err.Error(), "the session is closed") {
		t.Errorf("a command after the end gives %v", err)
	}
	end(t, s) // once more
}

// TestTimeInABubblePassesAtOnce holds that a run command which waits in vain costs no time.
func TestTimeInABubblePassesAtOnce(t *testing.T) {
	s := begin(t, reference.New())
	hour := run("c1")
	hour.Ms = int(time.Hour / time.Millisecond)
	begun := time.Now()
	if got := says(do(t, s, makeReader(1), read("c1", 1), hour)); got[2] != "returned false" {
		t.Errorf("got %q", got)
	}
	if waited := time.Since(begun); waited > time.Minute {
		t.Errorf("an hour in the bubble took %v", waited)
	}
	end(t, s)
}

// TestSleepersAreWaitedFor has an implementation that finishes on a timer: that is no rest until a run command lets time pass.
func TestSleepersAreWaitedFor(t *testing.T) {
	s := begin(t, implementation(broken{read: func(context.Context) ([]byte, error) { time.Sleep(time.Second); return []byte("late"), nil }}))
	want := []string{"returned none", "pending", "returned none", `returned true; finished c1 returned "late"`}
	if diff := cmp.Diff(want, says(do(t, s, makeReader(1), read("c1", 1), trace.Command{Op: trace.Settle}, run("c1")))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	end(t, s)
}

func TestSessionsInParallel(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	a := reference.New()
	if p, ok := a.(adapter.Parallel); !ok || p.Parallel() < 1 {
		t.Errorf("the adapter does not say how many sessions make progress at the same time")
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			s := begin(t, a)
			for j := range 50 {
				text := fmt.Sprintf("%d.%d", i, j)
				got := says(do(t, s, makeReader(9), exactly("c1", len(text)), feed(text), trace.Command{Op: trace.Forget}))
				if want := fmt.Sprintf("returned none; finished c1 returned %q", text); got[2] != want {
					t.Errorf("got %s, want %s", got[2], want)
				}
			}
			end(t, s)
		})
	}
	wg.Wait()
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

func TestDescribe(t *testing.T) {
	d, err := implementation(broken{}).Describe(context.Background())
	if err != nil || d.Validate() != nil {
		t.Errorf("%v, %v", err, d.Validate())
	}
	want := trace.Description{
		Protocol: trace.ProtocolVersion, Name: "broken", Version: "0", Language: "go", Target: "3.13", Settling: trace.Exact,
		Capabilities: []trace.Capability{trace.CapReader, trace.CapReaderTransport, trace.CapTupleSeparators, trace.CapTypedBuffers},
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
