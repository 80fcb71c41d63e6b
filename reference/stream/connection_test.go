package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/streamspec/streamspec/reference/transport"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// dial connects two sockets of the network.
func dial(t testing.TB, network string) (a, b net.Conn) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		dir, err := os.MkdirTemp("", "stream") // short, as socket names must be
		must(t, err)
		defer os.RemoveAll(dir)
		address = dir + "/s"
	}
	l, err := net.Listen(network, address)
	must(t, err)
	defer l.Close()
	a, err = net.Dial(network, l.Addr().String())
	must(t, err)
	b, err = l.Accept()
	must(t, err)
	return a, b
}

// end is a reader and a writer.
type end struct {
	r *Reader
	w *Writer
}

// pair connects two ends with each other.
func pair(t testing.TB, kind string, limit int) (x, y end) {
	t.Helper()
	over := func(r *Reader, w *Writer, err error) end {
		must(t, err)
		return end{r, w}
	}
	switch kind {
	case "memory":
		a, b, err := transport.MemoryPair(4096)
		must(t, err)
		return over(Over(transport.NewMemory, a, limit)), over(Over(transport.NewMemory, b, limit))
	case "unix":
		a, b := dial(t, kind)
		return over(Over(transport.NewUnix, a.(*net.UnixConn), limit)), over(Over(transport.NewUnix, b.(*net.UnixConn), limit))
	default:
		a, b := dial(t, kind)
		return over(Over(transport.NewTCP, a.(*net.TCPConn), limit)), over(Over(transport.NewTCP, b.(*net.TCPConn), limit))
	}
}

func each(t *testing.T, test func(t *testing.T, kind string)) {
	for _, kind := range []string{"tcp", "unix", "memory"} {
		t.Run(kind, func(t *testing.T) { test(t, kind) })
	}
}

// finish closes both ends and waits until they are.
func finish(t *testing.T, ends ...end) {
	t.Helper()
	for _, e := range ends {
		e.w.Close()
	}
	for _, e := range ends {
		_ = e.w.WaitClosed(t.Context())
	}
}

func TestNetConn(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
			x, y := pair(t, kind, DefaultLimit)
			c1, c2 = NewConn(x.r, x.w), NewConn(y.r, y.w)
			return c1, c2, func() {
				must(t, c1.Close())
				must(t, c2.Close())
				_ = x.w.WaitClosed(context.Background())
				_ = y.w.WaitClosed(context.Background())
			}, nil
		})
	})
}

// TestDialogue reads by every method, over every kind of transport, and leaves no descriptor open.
func TestDialogue(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		before := descriptors()
		ctx := t.Context()
		x, y := pair(t, kind, DefaultLimit)
		must(t, x.w.Write([]byte("line\nrest")))
		if line, err := y.r.ReadLine(ctx); err != nil || string(line) != "line\n" {
			t.Fatalf("%q, %v", line, err)
		}
		must(t, y.w.WriteLines([][]byte{[]byte("an"), nil, []byte("swer")}))
		if data, err := x.r.ReadExactly(ctx, 6); err != nil || string(data) != "answer" {
			t.Fatalf("%q, %v", data, err)
		}
		must(t, x.w.WriteEOF())
		if data, err := y.r.Read(ctx, -1); err != nil || string(data) != "rest" {
			t.Fatalf("%q, %v", data, err)
		}
		if y.w.IsClosing() {
			t.Fatal("the peer's end of stream closes")
		}
		must(t, y.w.Write([]byte("after"))) // invariants.half-open-still-writes
		y.w.Close()
		must(t, y.w.WaitClosed(ctx))
		if data, err := x.r.Read(ctx, -1); err != nil || string(data) != "after" {
			t.Fatalf("%q, %v", data, err)
		}
		if err := y.w.Drain(ctx); !errors.Is(err, ErrConnectionLost) || !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("drain on a closed connection: %v", err)
		}
		finish(t, x, y)
		if after := descriptors(); after > before {
			t.Fatalf("%d descriptors before, %d after", before, after)
		}
	})
}

func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// TestBulk sends 10 MB both ways at once, through a reader with a small limit.
func TestBulk(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		x, y := pair(t, kind, 512)
		want := bytes.Repeat([]byte("0123456789abcde\n"), 10<<16)
		var both sync.WaitGroup
		for _, e := range []end{x, y} {
			both.Go(func() {
				for rest := want; len(rest) > 0; {
					n := min(len(rest), 70000)
					if e.w.Write(rest[:n]) != nil || e.w.Drain(context.Background()) != nil {
						t.Error("cannot write")
						return
					}
					rest = rest[n:]
				}
				_ = e.w.WriteEOF()
			})
			both.Go(func() {
				head, err := e.r.ReadExactly(context.Background(), 100000) // more than twice the limit
				if err != nil {
					t.Error(err)
				}
				line, err := e.r.ReadLine(context.Background())
				if err != nil {
					t.Error(err)
				}
				tail, err := e.r.Read(context.Background(), -1)
				if err != nil {
					t.Error(err)
				}
				if got := bytes.Join([][]byte{head, line, tail}, nil); !bytes.Equal(got, want) {
					t.Errorf("%d bytes, not what was sent", len(got))
				}
			})
		}
		both.Wait()
		finish(t, x, y)
	})
}

// TestBackPressure sees that a reader nobody reads from stops the peer, and that reading starts it again.
func TestBackPressure(t *testing.T) {
	x, y := pair(t, "memory", 1024)
	must(t, x.w.Write(make([]byte, 1<<20)))
	if !x.w.Transport().(interface{ WritingPaused() bool }).WritingPaused() {
		t.Fatal("not paused")
	}
	drained := make(chan error, 1)
	go func() { drained <- x.w.Drain(t.Context()) }()
	if _, err := y.r.ReadExactly(t.Context(), 1000); err != nil {
		t.Fatal(err)
	}
	if n := x.w.Transport().GetWriteBufferSize(); n < 1<<20-1<<18 {
		t.Fatalf("only %d bytes are still queued", n)
	}
	if _, err := y.r.ReadExactly(t.Context(), 1<<20-1000); err != nil {
		t.Fatal(err)
	}
	must(t, <-drained)
	finish(t, x, y)
}

// TestLossIsNoticedThoughNobodyReads relies on the read-ahead.
func TestLossIsNoticedThoughNobodyReads(t *testing.T) {
	ctx := t.Context()
	a, b, err := transport.MemoryPair(10)
	must(t, err)
	r, w, err := Over(transport.NewMemory, a, DefaultLimit)
	must(t, err)
	if _, err := b.Send([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadExactly(ctx, 1); err != nil {
		t.Fatal(err)
	}
	b.Reset()
	for range 2 {
		if err := w.WaitClosed(ctx); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatal(err)
		}
		if err := w.Drain(ctx); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatal(err)
		}
		if _, err := r.Read(ctx, 1); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatal(err)
		}
	}
	if r.AtEOF() {
		t.Fatal("at_eof")
	}
}

// blocked makes a writer whose drain has to wait, as nobody reads.
func blocked(t *testing.T) (e end, peer *transport.MemoryConn) {
	a, b, err := transport.MemoryPair(10)
	must(t, err)
	r, w, err := Over(transport.NewMemory, a, DefaultLimit)
	must(t, err)
	must(t, w.Transport().SetWriteBufferLimits(transport.High(5)))
	must(t, w.Write(make([]byte, 15)))
	must(t, w.Drain(t.Context())) // exactly at the high mark
	must(t, w.Write(make([]byte, 1)))
	return end{r, w}, b
}

// waiters starts three drains and cancels the first.
func waiters(t *testing.T, e end) (others chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	others = make(chan error, 2)
	first := make(chan error)
	go func() { first <- e.w.Drain(ctx) }()
	for range 2 {
		go func() { others <- e.w.Drain(t.Context()) }()
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return others
}

func TestDrainWaiters(t *testing.T) {
	cause := errors.New("cause")
	for name, c := range map[string]struct {
		release func(e end, peer *transport.MemoryConn)
		want    error
	}{
		"resumed": {func(_ end, peer *transport.MemoryConn) { _, _ = io.ReadFull(peer, make([]byte, 15)) }, nil},
		"aborted": {func(e end, _ *transport.MemoryConn) { e.w.Transport().Abort() }, nil},
		"reset":   {func(_ end, peer *transport.MemoryConn) { peer.Reset() }, syscall.ECONNRESET},
	} {
		t.Run(name, func(t *testing.T) {
			e, peer := blocked(t)
			others := waiters(t, e)
			c.release(e, peer)
			for range 2 {
				if err := <-others; !errors.Is(err, c.want) && !errors.Is(err, ErrConnectionLost) {
					t.Errorf("drain: %v, want %v", err, c.want)
				}
			}
			must(t, peer.Close())
			finish(t, e)
		})
	}
	t.Run("stored exception", func(t *testing.T) {
		e, peer := blocked(t)
		e.r.SetException(cause)
		if err := e.w.Drain(t.Context()); err != cause {
			t.Fatal(err)
		}
		must(t, peer.Close())
		finish(t, e)
	})
	t.Run("driven by hand", func(t *testing.T) {
		e, peer := blocked(t)
		p := NewProtocol(nil, nil)
		w := NewWriter(e.w.Transport(), p)
		_, err := io.ReadFull(peer, make([]byte, 16))
		must(t, err)
		must(t, e.w.Drain(t.Context()))
		p.PauseWriting()
		done := make(chan error)
		go func() { done <- w.Drain(t.Context()) }()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.Drain(ctx); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		p.ResumeWriting()
		must(t, <-done)
		for name, twice := range map[string]func(){
			"PauseWriting":  func() { p.PauseWriting(); p.PauseWriting() },
			"ResumeWriting": func() { p.ResumeWriting(); p.ResumeWriting() },
		} {
			func() {
				defer func() {
					if cause := recover(); !strings.Contains(cause.(string), name) {
						t.Error(cause)
					}
				}()
				twice()
			}()
		}
		must(t, peer.Close())
		finish(t, e)
	})
}

func TestWaitClosedWaiters(t *testing.T) {
	e, peer := blocked(t)
	ctx, cancel := context.WithCancel(t.Context())
	first, second := make(chan error), make(chan error)
	go func() { first <- e.w.WaitClosed(ctx) }()
	go func() { second <- e.w.WaitClosed(t.Context()) }()
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	e.w.Close()
	if !e.w.IsClosing() {
		t.Fatal("not closing")
	}
	data, err := io.ReadAll(peer)
	if err != nil || len(data) != 16 {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	must(t, <-second)
	must(t, e.w.WaitClosed(ctx)) // closed already: the context plays no part
}

func TestEndingsWakeReads(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(e end, peer *transport.MemoryConn)
		want error
	}{
		"close":      {func(e end, _ *transport.MemoryConn) { e.w.Close() }, nil},
		"abort":      {func(e end, _ *transport.MemoryConn) { e.w.Transport().Abort() }, nil},
		"peer eof":   {func(_ end, peer *transport.MemoryConn) { _ = peer.CloseWrite() }, nil},
		"peer close": {func(_ end, peer *transport.MemoryConn) { _ = peer.Close() }, nil},
		"peer reset": {func(_ end, peer *transport.MemoryConn) { peer.Reset() }, syscall.ECONNRESET},
		"fed by hand": {func(e end, _ *transport.MemoryConn) {
			_ = e.r.FeedData(nil)
			e.r.FeedEOF()
		}, nil},
		"exception by hand": {func(e end, _ *transport.MemoryConn) { e.r.SetException(syscall.ENOENT) }, syscall.ENOENT},
	} {
		t.Run(name, func(t *testing.T) {
			a, peer, err := transport.MemoryPair(10)
			must(t, err)
			r, w, err := Over(transport.NewMemory, a, DefaultLimit)
			must(t, err)
			e := end{r, w}
			got := make(chan error)
			go func() {
				data, err := r.Read(t.Context(), 1)
				if len(data) > 0 {
					err = errors.New("data")
				}
				got <- err
			}()
			for waits := false; !waits; {
				r.mu.Lock()
				waits = r.waiting
				r.mu.Unlock()
			}
			c.do(e, peer)
			if err := <-got; !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			w.Transport().Abort()
			_ = w.WaitClosed(t.Context())
		})
	}
}

// TestCancelledReadsLoseNothing cancels reads while bytes arrive.
func TestCancelledReadsLoseNothing(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		x, y := pair(t, kind, DefaultLimit)
		const total = 2000
		go func() {
			for i := range total {
				_ = x.w.Write([]byte{byte(i)})
			}
		}()
		for got := 0; got < total; {
			ctx, cancel := context.WithCancel(t.Context())
			go cancel()
			data, err := y.r.Read(ctx, 7)
			cancel()
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			for _, c := range data {
				if c != byte(got) {
					t.Fatalf("byte %d is %d", got, c)
				}
				got++
			}
		}
		finish(t, x, y)
	})
}

func TestClientCallback(t *testing.T) {
	for name, fail := range map[string]func() error{
		"fails":  func() error { return errors.New("on purpose") },
		"panics": func() error { panic("on purpose") },
	} {
		t.Run(name, func(t *testing.T) {
			a, peer, err := transport.MemoryPair(10)
			must(t, err)
			r := newTestReader(t, 10, nil)
			called := make(chan *Writer, 1)
			p := NewProtocol(r, func(got *Reader, w *Writer) error {
				if got != r {
					t.Error("another reader")
				}
				called <- w
				_ = w.Write([]byte("hi"))
				return fail()
			})
			tr, err := transport.NewMemory(a, p, nil)
			must(t, err)
			data, err := io.ReadAll(peer)
			if err != nil || string(data) != "hi" {
				t.Fatalf("%q, %v", data, err)
			}
			w := <-called
			if w.Transport() != transport.WriteTransport(tr) {
				t.Error("another transport")
			}
			must(t, w.WaitClosed(t.Context()))
		})
	}
}

func TestIOViews(t *testing.T) {
	x, y := pair(t, "tcp", DefaultLimit)
	want := bytes.Repeat([]byte("abc"), 1<<20)
	go func() {
		if n, err := io.Copy(NewIOWriter(t.Context(), x.w), bytes.NewReader(want)); err != nil || int(n) != len(want) {
			t.Errorf("%d, %v", n, err)
		}
		_ = x.w.WriteEOF()
	}()
	got, err := io.ReadAll(NewIOReader(t.Context(), y.r))
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	finish(t, x, y)
}

// TestReadAheadThenPull has reads come late, so that the read-ahead is at work when they do.
func TestReadAheadThenPull(t *testing.T) {
	x, y := pair(t, "tcp", DefaultLimit)
	for i := range 20 {
		must(t, x.w.Write([]byte{byte(i)}))
		for buffered := 0; buffered == 0 && i%2 == 0; time.Sleep(100 * time.Microsecond) { // until it has been read ahead
			y.r.mu.Lock()
			buffered = y.r.buffered()
			y.r.mu.Unlock()
		}
		if data, err := y.r.ReadExactly(t.Context(), 1); err != nil || data[0] != byte(i) {
			t.Fatal(data, err)
		}
	}
	finish(t, x, y)
}

// TestPauseDuringALargeRead pauses while the bytes are to be put where the caller wants them, and they come all the same.
func TestPauseDuringALargeRead(t *testing.T) {
	a, peer, err := transport.MemoryPair(10)
	must(t, err)
	r, w, err := Over(transport.NewMemory, a, DefaultLimit)
	must(t, err)
	tr := w.Transport().(transport.Transport)
	got := make(chan string)
	go func() {
		buf := make([]byte, 2*direct)
		n, err := r.ReadInto(t.Context(), buf)
		if err != nil {
			t.Error(err)
		}
		got <- string(buf[:n])
	}()
	for waits := false; !waits; {
		r.mu.Lock()
		waits = r.waiting
		r.mu.Unlock()
	}
	must(t, tr.PauseReading())
	if _, err := peer.Send([]byte("bytes")); err != nil {
		t.Fatal(err)
	}
	must(t, tr.ResumeReading())
	if data := <-got; data != "bytes" {
		t.Fatalf("%q", data)
	}
	w.Close()
	must(t, w.WaitClosed(t.Context()))
}
