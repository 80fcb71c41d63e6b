package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if a, b, err := os.Pipe(); err == nil { // has the runtime open its own descriptors, before we count any
		_, _ = a.Close(), b.Close()
	}
	goleak.VerifyTestMain(m)
}

func fed(t *testing.T, limit int, chunks ...string) *Reader {
	t.Helper()
	r := newTestReader(t, limit, nil)
	for _, c := range chunks {
		if err := r.FeedData([]byte(c)); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func expect(t *testing.T, want string, data []byte, err error) {
	t.Helper()
	if err != nil || string(data) != want {
		t.Fatalf("got %q, %v; want %q", data, err, want)
	}
	if data == nil {
		t.Fatal("nil and not empty")
	}
}

func TestLimitMustBePositive(t *testing.T) {
	for _, limit := range []int{0, -1} {
		var e *ArgumentError
		if _, err := NewReader(limit); !errors.As(err, &e) || e.Name != "limit" || e.Value != limit {
			t.Fatal(err)
		}
	}
	if _, err := NewReader(1); err != nil {
		t.Fatal(err)
	}
}

func TestArgumentsComeBeforeTheException(t *testing.T) {
	r := fed(t, 4, "abc")
	r.SetException(io.ErrClosedPipe)
	ctx := t.Context()
	_, exactly := r.ReadExactly(ctx, -1)
	_, empty := r.ReadUntil(ctx, []byte{})
	_, none := r.ReadUntil(ctx, [][]byte{}...)
	_, borrowed := r.BorrowUntil(ctx, []byte("a"), nil)
	for _, err := range []error{exactly, empty, none, borrowed} {
		var e *ArgumentError
		if !errors.As(err, &e) || !errors.Is(err, ErrInvalidArgument) {
			t.Fatal(err)
		}
	}
}

func TestStoredExceptionHidesDataUntilCleared(t *testing.T) {
	r := fed(t, 4, "a\nb\nc\n")
	ctx := t.Context()
	data, err := r.BorrowUntil(ctx, []byte("\n"))
	expect(t, "a\n", data, err)
	r.SetException(io.ErrClosedPipe)
	for name, read := range map[string]func() ([]byte, error){
		"read":    func() ([]byte, error) { return r.Read(ctx, 1) },
		"zero":    func() ([]byte, error) { return r.Read(ctx, 0) },
		"to EOF":  func() ([]byte, error) { return r.Read(ctx, -1) },
		"exactly": func() ([]byte, error) { return r.ReadExactly(ctx, 0) },
		"line":    func() ([]byte, error) { return r.ReadLine(ctx) },
		"until":   func() ([]byte, error) { return r.ReadUntil(ctx, []byte("\n")) },
		"any":     func() ([]byte, error) { return r.ReadUntilAny(ctx, nil) },
		"borrow":  func() ([]byte, error) { return r.BorrowUntil(ctx, []byte("\n")) },
	} {
		if _, err := read(); err != io.ErrClosedPipe {
			t.Fatal(name, err)
		}
	}
	if r.Exception() != io.ErrClosedPipe || r.AtEOF() {
		t.Fatal(r.Exception())
	}
	r.SetException(nil)
	data, err = r.ReadLine(ctx)
	expect(t, "b\n", data, err)
}

func TestStoredExceptionClosesTheWindow(t *testing.T) {
	r := fed(t, 4, "a\nb\nc\n")
	data, err := r.BorrowUntil(t.Context(), []byte("\n"))
	expect(t, "a\n", data, err)
	r.SetException(io.ErrClosedPipe)
	if _, err := r.BorrowUntil(t.Context(), []byte("\n")); err != io.ErrClosedPipe {
		t.Fatal(err)
	}
	if _, err := r.BorrowUntilAny(t.Context(), nil); err != io.ErrClosedPipe {
		t.Fatal(err)
	}
}

func TestBorrowingToTheEnd(t *testing.T) {
	r := fed(t, 4, "a\nb\n")
	r.FeedEOF()
	for _, want := range []string{"a\n", "b\n"} {
		if r.AtEOF() {
			t.Fatal("at EOF before", want)
		}
		data, err := r.BorrowUntilAny(t.Context(), newline)
		expect(t, want, data, err)
	}
	if !r.AtEOF() {
		t.Fatal("not at EOF")
	}
}

// TestWakeAndCancelTogether wakes and cancels a read before it can run: it may see either first.
func TestWakeAndCancelTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestReader(t, 16, nil)
		for range 100 {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { _, err := r.ReadExactly(ctx, 2); done <- err }()
			synctest.Wait()
			r.mu.Lock()
			r.store([]byte("x"))
			r.wakeReader()
			cancel()
			r.mu.Unlock()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			data, err := r.Read(t.Context(), 9)
			expect(t, "x", data, err)
		}
	})
}

// A stored exception of our own types is an exception like any other.
func TestStoredIncompleteReadErrorIsRaised(t *testing.T) {
	r := fed(t, 4, "ab")
	r.SetException(&IncompleteReadError{Partial: []byte("x")})
	if line, err := r.ReadLine(t.Context()); err == nil {
		t.Fatalf("%q", line)
	}
}

func TestEOF(t *testing.T) {
	r := fed(t, 4, "ab")
	r.FeedEOF()
	r.FeedEOF()
	if err := r.FeedData(nil); !errors.Is(err, ErrFeedAfterEOF) {
		t.Fatal(err)
	}
	if r.AtEOF() {
		t.Fatal("at EOF with data")
	}
	ctx := t.Context()
	data, err := r.Read(ctx, -1)
	expect(t, "ab", data, err)
	for _, n := range []int{-1, 0, 1, 1 << 20} {
		data, err := r.Read(ctx, n)
		expect(t, "", data, err)
	}
	data, err = r.ReadLine(ctx)
	expect(t, "", data, err)
	if !r.AtEOF() {
		t.Fatal("not at EOF")
	}
}

func TestDefaultSeparatorIsLF(t *testing.T) {
	r := fed(t, 4, "a\nb\nc\nd\n")
	data, err := r.ReadUntil(t.Context())
	expect(t, "a\n", data, err)
	data, err = r.BorrowUntil(t.Context())
	expect(t, "b\n", data, err)
	data, err = r.BorrowUntilAny(t.Context(), nil)
	expect(t, "c\n", data, err)
	data, err = r.ReadUntilAny(t.Context(), nil)
	expect(t, "d\n", data, err)
}

func TestDefaultLimit(t *testing.T) {
	for n, ok := range map[int]bool{65535: true, 65536: true, 65537: false} {
		r := fed(t, DefaultLimit, strings.Repeat("x", n)+"\n")
		if _, err := r.ReadLine(t.Context()); (err == nil) != ok {
			t.Fatal(n, err)
		}
	}
}

func TestLimitBoundaries(t *testing.T) {
	ctx := pollContext()
	for _, read := range []func(*Reader, ...[]byte) ([]byte, error){
		func(r *Reader, s ...[]byte) ([]byte, error) { return r.ReadUntil(ctx, s...) },
		func(r *Reader, s ...[]byte) ([]byte, error) { return r.BorrowUntil(ctx, s...) },
	} {
		for _, sep := range []string{"\n", "\r\n", "SEPARATOR"} {
			r := fed(t, 4, "a", sep, "aaaa", sep, "aaaaa", sep)
			data, err := read(r, []byte(sep))
			expect(t, "a"+sep, data, err)
			data, err = read(r, []byte(sep))
			expect(t, "aaaa"+sep, data, err)
			for range 2 {
				var overrun *LimitOverrunError
				if _, err = read(r, []byte(sep)); !errors.As(err, &overrun) || overrun.Consumed != 5 || !overrun.Found {
					t.Fatal(err)
				}
				if errors.Is(err, ErrInvalidArgument) {
					t.Fatal("mistakable for ReadLine's")
				}
			}
			data, err = r.ReadExactly(ctx, 5)
			expect(t, "aaaaa", data, err)
			data, err = read(r, []byte(sep))
			expect(t, sep, data, err)

			r = fed(t, 4, strings.Repeat("a", 3+len(sep)))
			if _, err = read(r, []byte(sep)); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			r.FeedEOF()
			var incomplete *IncompleteReadError
			if _, err = read(r, []byte(sep)); !errors.As(err, &incomplete) || len(incomplete.Partial) != 3+len(sep) || !r.AtEOF() {
				t.Fatal(err)
			}
			r = fed(t, 4, strings.Repeat("a", 4+len(sep)))
			r.FeedEOF()
			var overrun *LimitOverrunError
			if _, err = read(r, []byte(sep)); !errors.As(err, &overrun) || overrun.Consumed != 5 || overrun.Found {
				t.Fatal(err)
			}
		}
	}
}

func TestSeveralSeparators(t *testing.T) {
	for _, c := range []struct {
		separators []string
		data, want string
	}{
		{[]string{";", ","}, "a,b;c", "a,"},
		{[]string{"ABCD", "BC"}, "xABCDy", "xABC"},
		{[]string{"BC", "ABCD"}, "xABCDy", "xABC"},
		{[]string{"\r\n", "\r"}, "a\r\nb", "a\r"},
		{[]string{"aab", "ab", "aab"}, "aaab", "aaab"},
	} {
		var separators [][]byte
		for _, s := range c.separators {
			separators = append(separators, []byte(s))
		}
		r := fed(t, 16, strings.Split(c.data, "")...)
		data, err := r.ReadUntil(t.Context(), separators...)
		expect(t, c.want, data, err)
	}
	abc, bc := []byte("ABC"), []byte("BC")
	r := fed(t, 4, "aaaaABC")
	var overrun *LimitOverrunError
	if _, err := r.ReadUntil(t.Context(), abc, bc); !errors.As(err, &overrun) || overrun.Consumed != 5 {
		t.Fatal(err)
	}
	data, err := r.ReadUntil(t.Context(), abc)
	expect(t, "aaaaABC", data, err)
	r = fed(t, 4, "aaaaaaa")
	r.FeedEOF()
	var incomplete *IncompleteReadError
	if _, err := r.ReadUntil(t.Context(), []byte("X"), []byte("SEPX")); !errors.As(err, &incomplete) {
		t.Fatal(err) // the longest decides
	}
}

func TestReadLineOverrun(t *testing.T) {
	ctx := pollContext()
	r := fed(t, 4, "aaaaa\nrest\n")
	var tooLong *LineTooLongError
	var overrun *LimitOverrunError
	_, err := r.ReadLine(ctx)
	if !errors.As(err, &tooLong) || !tooLong.Found || tooLong.Dropped != 6 || errors.As(err, &overrun) {
		t.Fatal(err)
	}
	data, err := r.ReadLine(ctx)
	expect(t, "rest\n", data, err)
	r = fed(t, 4, "aaaaa")
	if _, err = r.ReadLine(ctx); !errors.As(err, &tooLong) || tooLong.Found || tooLong.Dropped != 5 {
		t.Fatal(err)
	}
	_ = r.FeedData([]byte("bb\n"))
	data, err = r.ReadLine(ctx)
	expect(t, "bb\n", data, err)
}

func TestLines(t *testing.T) {
	r := fed(t, 4, "a\n\naaaaa\nb\nlast")
	r.FeedEOF()
	var got []string
	for range 2 {
		for line, err := range r.Lines(t.Context()) {
			if err != nil {
				got = append(got, "error")
				continue
			}
			got = append(got, string(line))
		}
	}
	if s := fmt.Sprintf("%q", got); s != `["a\n" "\n" "error" "b\n" "last"]` {
		t.Fatal(s)
	}
	r = fed(t, 4, "a\nb\n")
	for range r.Lines(t.Context()) {
		break
	}
	data, err := r.ReadLine(t.Context())
	expect(t, "b\n", data, err)
}

// waitingCalls are the reads that wait on a reader with "ab" buffered.
var waitingCalls = map[string]func(context.Context, *Reader) ([]byte, error){
	"Read":        func(ctx context.Context, r *Reader) ([]byte, error) { return r.Read(ctx, -1) },
	"ReadExactly": func(ctx context.Context, r *Reader) ([]byte, error) { return r.ReadExactly(ctx, 5) },
	"ReadLine":    func(ctx context.Context, r *Reader) ([]byte, error) { return r.ReadLine(ctx) },
	"ReadUntil":   func(ctx context.Context, r *Reader) ([]byte, error) { return r.ReadUntil(ctx, []byte("\n")) },
	"BorrowUntil": func(ctx context.Context, r *Reader) ([]byte, error) { return r.BorrowUntil(ctx, []byte("\n")) },
}

func TestCancellationAndExceptionsLoseNothing(t *testing.T) {
	for name, call := range waitingCalls {
		for _, end := range []string{"cancel", "exception"} {
			t.Run(name+"/"+end, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := fed(t, 16, "ab")
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					done := make(chan error, 1)
					go func() { _, err := call(ctx, r); done <- err }()
					synctest.Wait()
					_ = r.FeedData([]byte("c"))
					synctest.Wait()
					if end == "cancel" {
						cancel()
						if err := <-done; !errors.Is(err, context.Canceled) {
							t.Fatal(err)
						}
					} else {
						r.SetException(io.ErrClosedPipe)
						r.SetException(nil)
						data, err := r.Read(t.Context(), 2) // at once, though the woken read may not have run
						expect(t, "ab", data, err)
						if err := <-done; err != io.ErrClosedPipe {
							t.Fatal(err)
						}
						data, err = r.Read(t.Context(), 9)
						expect(t, "c", data, err)
						return
					}
					_ = r.FeedData([]byte("\n"))
					data, err := r.ReadLine(t.Context())
					expect(t, "abc\n", data, err)
				})
			})
		}
	}
}

func TestTimeoutIsTheContextsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := fed(t, 16, "ab")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.ReadLine(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	})
}

func TestCancelledContextDoesNotStopAReadThatNeedNotWait(t *testing.T) {
	r := fed(t, 16, "ab\n")
	data, err := r.ReadLine(pollContext())
	expect(t, "ab\n", data, err)
	if _, err = r.ReadLine(pollContext()); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestSecondReaderConflictsOnlyWhenItMustWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := fed(t, 16, "abc")
		done := make(chan string, 1)
		go func() { data, err := r.ReadExactly(t.Context(), 5); done <- fmt.Sprintf("%s %v", data, err) }()
		synctest.Wait()
		data, err := r.Read(t.Context(), 2)
		expect(t, "ab", data, err)
		data, err = r.Read(t.Context(), 0)
		expect(t, "", data, err)
		for name, call := range waitingCalls {
			if _, err := call(t.Context(), r); !errors.Is(err, ErrConcurrentRead) || !strings.Contains(err.Error(), name) {
				t.Fatal(name, err)
			}
		}
		_ = r.FeedData([]byte("defg"))
		if got := <-done; got != "cdefg <nil>" {
			t.Fatal(got)
		}
	})
}

func TestWokenReaderSeesAllThatWasFed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestReader(t, 16, nil)
		done := make(chan string, 1)
		go func() { data, _ := r.Read(t.Context(), 5); done <- string(data) }()
		synctest.Wait()
		_ = r.FeedData(nil)
		synctest.Wait()
		r.mu.Lock() // keeps the reader from running in between
		r.store([]byte("x"))
		r.wakeReader()
		r.store([]byte("y"))
		r.mu.Unlock()
		if got := <-done; got != "xy" {
			t.Fatal(got)
		}
	})
}

func TestNilExceptionLeavesAWaitingReaderWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestReader(t, 16, nil)
		done := make(chan string, 1)
		go func() { data, err := r.Read(t.Context(), 5); done <- fmt.Sprintf("%s %v", data, err) }()
		synctest.Wait()
		r.SetException(nil)
		synctest.Wait()
		if len(done) > 0 {
			t.Fatal(<-done)
		}
		_ = r.FeedData([]byte("x"))
		if got := <-done; got != "x <nil>" {
			t.Fatal(got)
		}
	})
}

// TestResultsAreTheCallersOwn writes over every result, to its capacity, and over what was fed.
func TestResultsAreTheCallersOwn(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	r := newTestReader(t, 1000, nil)
	var want, got bytes.Buffer
	for range 2000 {
		p := randomText(rng, rng.IntN(300))
		p = append(p, '\n')
		want.Write(p)
		_ = r.FeedData(p)
		clear(p)
		for rng.IntN(3) > 0 {
			c := randomCall(rng)
			if c.method == "borrow" {
				continue
			}
			var data []byte
			switch c.method {
			case "read":
				data, _ = r.Read(pollContext(), max(0, c.n))
			case "exactly":
				data, _ = r.ReadExactly(pollContext(), max(0, c.n))
			default:
				data, _ = r.ReadLine(pollContext())
			}
			got.Write(data)
			clear(data[:cap(data)])
		}
	}
	r.FeedEOF()
	data, _ := r.Read(t.Context(), -1)
	got.Write(data)
	if !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Fatal("differ")
	}
}

// TestBorrowedBytesStayUntilTheNextRead feeds as much as it can between a borrowing read and the next.
func TestBorrowedBytesStayUntilTheNextRead(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	r := newTestReader(t, 1000, nil)
	var want, got bytes.Buffer
	for range 2000 {
		data, err := r.BorrowUntil(pollContext(), []byte("\n"))
		for err == nil && r.buffered() > 0 && rng.IntN(2000) > 0 { // mostly until the buffer is empty
			got.Write(data)
			data, err = r.BorrowUntil(pollContext(), []byte("\n"))
		}
		copied := bytes.Clone(data)
		for range rng.IntN(20) {
			p := append(randomText(rng, rng.IntN(60)), '\n')
			want.Write(p)
			_ = r.FeedData(p)
		}
		if !bytes.Equal(copied, data) {
			t.Fatal("overwritten")
		}
		if err == nil {
			got.Write(data)
		}
		if rng.IntN(5) == 0 {
			data, _ := r.Read(pollContext(), 1+rng.IntN(100))
			got.Write(data)
		}
	}
	r.FeedEOF()
	data, _ := r.Read(t.Context(), -1)
	got.Write(data)
	if !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Fatal("differ")
	}
}

// TestConcurrentFeeder reads in all ways, borrowing too, while another goroutine feeds.
func TestConcurrentFeeder(t *testing.T) {
	for _, withTransport := range []bool{false, true} {
		r := newTestReader(t, 100, nil)
		if withTransport {
			_ = r.SetTransport(&recorder{})
		}
		rng := rand.New(rand.NewPCG(5, 5))
		var want bytes.Buffer
		for range 20000 {
			want.Write(randomText(rng, rng.IntN(9)))
			want.WriteByte('\n')
		}
		go func(rest []byte) {
			rng := rand.New(rand.NewPCG(6, 6))
			for len(rest) > 0 {
				n := min(len(rest), 1+rng.IntN(200))
				_ = r.FeedData(rest[:n])
				rest = rest[n:]
				_ = r.AtEOF()
				_ = r.Exception()
			}
			r.FeedEOF()
		}(want.Bytes())
		var got bytes.Buffer
		for !r.AtEOF() {
			var data []byte
			var err error
			switch rng.IntN(4) {
			case 0:
				data, err = r.Read(t.Context(), 1+rng.IntN(20))
			case 1:
				data, err = r.ReadLine(t.Context())
			default:
				data, err = r.BorrowUntil(t.Context(), []byte("\n"))
			}
			var incomplete *IncompleteReadError
			if errors.As(err, &incomplete) {
				data, err = incomplete.Partial, nil
			}
			if err != nil {
				t.Fatal(err)
			}
			got.Write(data)
		}
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Fatal("differ")
		}
	}
}

// TestConcurrentReaders has four goroutines read at the same time; each byte comes once, and in order within each result.
func TestConcurrentReaders(t *testing.T) {
	r := newTestReader(t, 1000, nil)
	const lines = 20000
	counts := make(chan int)
	for range 4 {
		go func() {
			n := 0
			for !r.AtEOF() {
				line, err := r.ReadLine(context.Background())
				if err != nil && !errors.Is(err, ErrConcurrentRead) {
					t.Error(err)
				}
				if len(line) > 0 {
					n++
					if string(line) != "a line\n" {
						t.Errorf("%q", line)
					}
				}
			}
			counts <- n
		}()
	}
	for range lines {
		_ = r.FeedData([]byte("a li"))
		_ = r.FeedData([]byte("ne\n"))
	}
	r.FeedEOF()
	sum := 0
	for range 4 {
		sum += <-counts
	}
	if sum != lines {
		t.Fatal(sum)
	}
}

// BenchmarkWake is the time from feeding to a waiting read's return and back.
func BenchmarkWake(b *testing.B) {
	r, err := NewReader(DefaultLimit)
	if err != nil {
		b.Fatal(err)
	}
	turn := make(chan struct{})
	go func() {
		for {
			data, err := r.Read(context.Background(), 1)
			if err != nil || len(data) == 0 {
				close(turn)
				return
			}
			turn <- struct{}{}
		}
	}()
	for b.Loop() {
		_ = r.FeedData([]byte("x"))
		<-turn
	}
	r.FeedEOF()
	<-turn
}
