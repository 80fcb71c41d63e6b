package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// recorder is a transport that notes what it is told.
type recorder struct {
	mu       sync.Mutex
	calls    []string
	onPause  func() error
	onResume func() error
}

func (t *recorder) note(call string, then func() error) error {
	t.mu.Lock()
	t.calls = append(t.calls, call)
	t.mu.Unlock()
	if then == nil {
		return nil
	}
	return then()
}

func (t *recorder) PauseReading() error  { return t.note("pause", t.onPause) }
func (t *recorder) ResumeReading() error { return t.note("resume", t.onResume) }

func (t *recorder) heard() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.calls, " ")
}

func newTestReader(t *testing.T, limit int, transport ReadPauser) *Reader {
	t.Helper()
	r, err := NewReader(limit)
	if err != nil {
		t.Fatal(err)
	}
	if transport != nil {
		if err := r.SetTransport(transport); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func feed(t *testing.T, r *Reader, n int) {
	t.Helper()
	if err := r.FeedData(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
}

func readN(t *testing.T, r *Reader, n int) {
	t.Helper()
	if data, err := r.ReadExactly(t.Context(), n); err != nil || len(data) != n {
		t.Fatalf("ReadExactly(%d): %d bytes, %v", n, len(data), err)
	}
}

func expectCalls(t *testing.T, transport *recorder, want string) {
	t.Helper()
	if got := transport.heard(); got != want {
		t.Fatalf("the transport heard %q, want %q", got, want)
	}
}

func TestPausesAboveTwiceTheLimitAndResumesAtTheLimit(t *testing.T) {
	transport := &recorder{}
	r := newTestReader(t, 4, transport)
	feed(t, r, 8)
	expectCalls(t, transport, "")
	feed(t, r, 1)
	expectCalls(t, transport, "pause")
	feed(t, r, 5)
	expectCalls(t, transport, "pause")
	readN(t, r, 9)
	expectCalls(t, transport, "pause")
	readN(t, r, 1)
	expectCalls(t, transport, "pause resume")
	feed(t, r, 5)
	expectCalls(t, transport, "pause resume pause")
}

func TestFailingReadUntilDoesNotResume(t *testing.T) {
	transport := &recorder{}
	r := newTestReader(t, 4, transport)
	feed(t, r, 9)
	if _, err := r.ReadUntil(t.Context(), []byte("x")); err == nil {
		t.Fatal("no overrun")
	}
	expectCalls(t, transport, "pause")
	if _, err := r.ReadLine(t.Context()); !errors.Is(err, ErrInvalidArgument) {
		t.Fatal(err)
	}
	expectCalls(t, transport, "pause resume")
	feed(t, r, 9)
	r.FeedEOF()
	if _, err := r.ReadExactly(t.Context(), 10); err == nil {
		t.Fatal("complete")
	}
	expectCalls(t, transport, "pause resume pause")
}

func TestFlowControlCountsWhatIsBorrowed(t *testing.T) {
	transport := &recorder{}
	r := newTestReader(t, 4, nil)
	borrow := func() {
		t.Helper()
		if data, err := r.BorrowUntil(t.Context(), []byte("\n")); err != nil || string(data) != "a\n" {
			t.Fatalf("%q, %v", data, err)
		}
	}
	if err := r.FeedData([]byte("a\na\na\na\na\n")); err != nil {
		t.Fatal(err)
	}
	borrow()
	borrow() // from the window
	if err := r.SetTransport(transport); err != nil {
		t.Fatal(err)
	}
	if err := r.FeedData([]byte("a\n")); err != nil {
		t.Fatal(err)
	}
	expectCalls(t, transport, "") // 8 are buffered
	borrow()
	borrow()
	if err := r.FeedData([]byte("a\na\n")); err != nil {
		t.Fatal(err)
	}
	expectCalls(t, transport, "") // 8
	if err := r.FeedData([]byte("a\n")); err != nil {
		t.Fatal(err)
	}
	expectCalls(t, transport, "pause") // 10
	borrow()
	borrow()
	expectCalls(t, transport, "pause")
	borrow()
	expectCalls(t, transport, "pause resume") // 4
}

// A source is a transport that feeds from a goroutine of its own, and stops while it is paused.
type source struct {
	recorder
	paused bool // under mu
	gate   chan struct{}
}

// newSource starts feeding total bytes in chunks of up to most.
func newSource(t *testing.T, r *Reader, total, most int) *source {
	s := &source{gate: make(chan struct{}, 1)}
	set := func(paused bool) func() error {
		return func() error {
			s.mu.Lock()
			s.paused = paused
			s.mu.Unlock()
			select {
			case s.gate <- struct{}{}:
			default:
			}
			return nil
		}
	}
	s.onPause, s.onResume = set(true), set(false)
	if err := r.SetTransport(s); err != nil {
		t.Fatal(err)
	}
	go func() {
		for fed := 0; fed < total; {
			s.mu.Lock()
			wait := s.paused
			s.mu.Unlock()
			if wait {
				<-s.gate
				continue
			}
			n := min(1+fed%most, total-fed)
			if err := r.FeedData(make([]byte, n)); err != nil {
				t.Error(err)
			}
			fed += n
		}
		r.FeedEOF()
	}()
	return s
}

// expectAlternation checks that pauses and resumes come in turn.
func expectAlternation(t *testing.T, s *source) {
	t.Helper()
	calls := strings.Fields(s.heard())
	if len(calls) < 2 {
		t.Fatalf("only %v", calls)
	}
	for i, call := range calls {
		if want := []string{"pause", "resume"}[i%2]; call != want {
			t.Fatalf("call %d is %s", i, call)
		}
	}
}

func TestReadThatMustWaitResumes(t *testing.T) {
	for name, read := range map[string]func(*Reader) ([]byte, error){
		"exactly": func(r *Reader) ([]byte, error) { return r.ReadExactly(context.Background(), 1000) },
		"to EOF":  func(r *Reader) ([]byte, error) { return r.Read(context.Background(), -1) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newTestReader(t, 4, nil)
			s := newSource(t, r, 1000, 30)
			if data, err := read(r); err != nil || len(data) != 1000 {
				t.Fatalf("%d bytes, %v", len(data), err)
			}
			expectAlternation(t, s)
		})
	}
}

// A transport in memory may feed from within ResumeReading, and more than it should.
func TestResumeReadingMayFeed(t *testing.T) {
	transport := &recorder{}
	r := newTestReader(t, 4, transport)
	transport.onResume = func() error { return r.FeedData(make([]byte, 9)) }
	feed(t, r, 9)
	readN(t, r, 5)
	expectCalls(t, transport, "pause resume pause")
	readN(t, r, 30)
	if r.buffered() > 4+9 {
		t.Fatal(r.buffered())
	}
}

func TestTransportThatCannotPauseIsForgotten(t *testing.T) {
	transport := &recorder{onPause: func() error { return fmt.Errorf("pipe: %w", errors.ErrUnsupported) }}
	r := newTestReader(t, 4, transport)
	feed(t, r, 9)
	feed(t, r, 9)
	readN(t, r, 18)
	expectCalls(t, transport, "pause")
}

func TestTransportErrors(t *testing.T) {
	broken := errors.New("broken")
	transport := &recorder{onPause: func() error { return broken }}
	r := newTestReader(t, 4, transport)
	if err := r.FeedData(make([]byte, 9)); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	transport.onPause = nil
	feed(t, r, 1)
	transport.onResume = func() error { return broken }
	readN(t, r, 10) // its bytes are not lost to the error
	if _, err := r.Read(t.Context(), 1); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	transport.onResume = nil
	r.FeedEOF()
	if data, err := r.Read(t.Context(), 1); err != nil || len(data) != 0 {
		t.Fatal(data, err)
	}
	expectCalls(t, transport, "pause pause resume resume resume")
}

func TestSetTransportOnce(t *testing.T) {
	r := newTestReader(t, 4, &recorder{})
	if err := r.SetTransport(&recorder{}); !errors.Is(err, ErrTransportSet) {
		t.Fatal(err)
	}
}

// TestFlowControlUnderLoad has one goroutine feed and two read.
func TestFlowControlUnderLoad(t *testing.T) {
	const total = 200_000
	r := newTestReader(t, 64, nil)
	s := newSource(t, r, total, 50)
	counts := make(chan int, 2)
	for range 2 {
		go func() {
			n := 0
			for !r.AtEOF() {
				data, err := r.Read(context.Background(), 7)
				if err != nil && !errors.Is(err, ErrConcurrentRead) {
					t.Error(err)
					break
				}
				n += len(data)
			}
			counts <- n
		}()
	}
	if n := <-counts + <-counts; n != total {
		t.Errorf("%d bytes of %d", n, total)
	}
	expectAlternation(t, s)
}
