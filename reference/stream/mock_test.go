package stream

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/streamspec/streamspec/reference/transport"
)

// mock is a transport made by hand: it notes what it is asked for, and does nothing by itself.
type mock struct {
	transport.Transport // nil: what is not below must not be called
	calls               []string
	closing             bool
}

func (m *mock) note(call string)                 { m.calls = append(m.calls, call) }
func (m *mock) Write(p []byte) error             { m.note("write " + string(p)); return nil }
func (m *mock) WriteLines(chunks [][]byte) error { return errors.New("not expected") }
func (m *mock) Close()                           { m.note("close"); m.closing = true }
func (m *mock) IsClosing() bool                  { return m.closing }
func (m *mock) GetExtraInfo(string) (any, bool)  { return nil, false }
func (m *mock) PauseReading() error              { m.note("pause"); return nil }
func (m *mock) ResumeReading() error             { m.note("resume"); return nil }
func (m *mock) WriteEOF() error                  { m.note("write_eof"); return nil }
func (m *mock) CanWriteEOF() bool                { return true }
func (m *mock) expect(t *testing.T, calls ...string) {
	t.Helper()
	if !slices.Equal(m.calls, calls) {
		t.Fatalf("the transport heard %q, want %q", m.calls, calls)
	}
	m.calls = nil
}

// in starts a call, which is expected to wait.
func in(t *testing.T, call func() error) (done chan error) {
	t.Helper()
	done = make(chan error, 1)
	go func() { done <- call() }()
	synctest.Wait()
	select {
	case err := <-done:
		t.Fatalf("returned %v instead of waiting", err)
	default:
	}
	return done
}

// TestMockTransport calls a protocol's callbacks by hand, in a bubble, where what waits is known to wait.
func TestMockTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		r := newTestReader(t, 4, nil)
		var served *Writer
		p := NewProtocol(r, func(_ *Reader, w *Writer) error { served = w; return nil })
		m := &mock{}
		p.ConnectionMade(m)
		synctest.Wait()
		if served == nil || served.Transport() != transport.WriteTransport(m) {
			t.Fatal("the client-connected callback was not called, or with another transport")
		}
		w := NewWriter(m, p)
		must(t, w.Write([]byte("x")))
		must(t, w.WriteSeq(slices.Values([][]byte{[]byte("a"), nil, []byte("bc")})))
		must(t, w.WriteEOF())
		m.expect(t, "write x", "write abc", "write_eof")

		must(t, w.Drain(ctx))
		p.PauseWriting()
		first, second := in(t, func() error { return w.Drain(ctx) }), in(t, func() error { return w.Drain(ctx) })
		p.ResumeWriting()
		must(t, <-first)
		must(t, <-second)
		must(t, w.Drain(ctx))

		line := in(t, func() error { _, err := r.ReadLine(ctx); return err })
		p.DataReceived([]byte("line\nthat is longer"))
		must(t, <-line)
		m.expect(t, "pause")
		closed := in(t, func() error { return w.WaitClosed(ctx) })
		if !p.EOFReceived() {
			t.Fatal("the end of the stream closes")
		}
		if rest, err := r.Read(ctx, -1); err != nil || string(rest) != "that is longer" {
			t.Fatalf("%q, %v", rest, err)
		}
		m.expect(t, "resume")
		w.Close()
		m.expect(t, "close")
		for range 2 {
			if err := w.Drain(ctx); err != ErrConnectionLost {
				t.Fatalf("drain of a closing stream: %v", err)
			}
		}
		p.PauseWriting()
		paused := in(t, func() error { return w.Drain(ctx) })
		p.ConnectionLost(nil)
		if err := <-paused; err != ErrConnectionLost {
			t.Fatalf("drain of a closing stream: %v", err)
		}
		must(t, <-closed)
	})
}

func TestDrainWithoutReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cause := t.Context(), errors.New("cause")
		p := NewProtocol(nil, nil)
		m := &mock{}
		p.ConnectionMade(m)
		w := NewWriter(m, p)
		must(t, w.Drain(ctx))
		p.DataReceived([]byte("x")) // nobody wants it
		p.PauseWriting()
		drain := in(t, func() error { return w.Drain(ctx) })
		p.ConnectionLost(cause)
		if err := <-drain; err != cause {
			t.Fatal(err)
		}
		if err := w.Drain(ctx); err != ErrConnectionLost {
			t.Fatal(err)
		}
		if err := w.WaitClosed(ctx); err != cause {
			t.Fatal(err)
		}
	})
}

func TestProtocolIsMadeOnce(t *testing.T) {
	for _, r := range []*Reader{nil, newTestReader(t, 4, nil)} {
		p := NewProtocol(r, nil)
		p.ConnectionMade(&mock{})
		func() {
			defer func() {
				if cause := recover(); cause != ErrTransportSet {
					t.Fatal(cause)
				}
			}()
			p.ConnectionMade(&mock{})
		}()
	}
}

// TestWriteSeq has an iterator that uses its memory again, and one that fails.
func TestWriteSeq(t *testing.T) {
	a, peer, err := transport.MemoryPair(10)
	must(t, err)
	_, w, err := Over(transport.NewMemory, a, DefaultLimit)
	must(t, err)
	runs := 0
	must(t, w.WriteSeq(func(yield func([]byte) bool) {
		runs++
		for chunk, i := make([]byte, 1), 0; i < 26 && yield(chunk); i++ {
			chunk[0] = byte('b' + i)
		}
	}))
	must(t, w.WriteSeq(func(func([]byte) bool) {}))
	func() {
		defer func() { _ = recover() }()
		_ = w.WriteSeq(func(yield func([]byte) bool) { yield([]byte("lost")); panic("on purpose") })
	}()
	must(t, w.WriteEOF())
	if err := w.WriteSeq(slices.Values([][]byte{})); err != transport.ErrWriteAfterEOF {
		t.Fatal(err)
	}
	want := "\x00bcdefghijklmnopqrstuvwxyz"
	if data, err := io.ReadAll(peer); err != nil || string(data) != want || runs != 1 {
		t.Fatalf("%q, %v, %d runs", data, err, runs)
	}
	w.Close()
	must(t, w.WaitClosed(t.Context()))
}

// TestFailingClientCallback sees that its failure goes where those of the transport's callbacks go.
func TestFailingClientCallback(t *testing.T) {
	for want, fail := range map[string]func() error{
		"on purpose":                func() error { return errors.New("on purpose") },
		"by panic":                  func() error { panic("by panic") },
		"runtime.Goexit was called": func() error { runtime.Goexit(); return nil },
	} {
		t.Run(want, func(t *testing.T) {
			a, peer, err := transport.MemoryPair(10)
			must(t, err)
			reported := make(chan string, 1)
			p := NewProtocol(newTestReader(t, 10, nil), func(*Reader, *Writer) error { return fail() })
			tr, err := transport.NewMemory(a, p, &transport.Options{Report: func(e *transport.CallbackError) { reported <- e.Error() }})
			must(t, err)
			if got := <-reported; !strings.Contains(got, want) {
				t.Fatal(got)
			}
			must(t, NewWriter(tr, p).WaitClosed(t.Context()))
			must(t, peer.Close())
		})
	}
}

// TestProtocolSwitchedWhileReading sees that bytes go to the protocol that the transport has, whoever reads.
func TestProtocolSwitchedWhileReading(t *testing.T) {
	a, peer, err := transport.MemoryPair(10)
	must(t, err)
	r, w, err := Over(transport.NewMemory, a, DefaultLimit)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() { _, err := r.Read(ctx, 1); first <- err }()
	for waits := false; !waits; {
		r.mu.Lock()
		waits = r.waiting
		r.mu.Unlock()
	}
	other := newTestReader(t, 10, nil)
	tr := w.Transport().(transport.Transport)
	old := tr.GetProtocol()
	tr.SetProtocol(NewProtocol(other, nil))
	if _, err := peer.Send([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if data, err := other.ReadExactly(t.Context(), 1); err != nil || string(data) != "x" {
		t.Fatalf("%q, %v", data, err)
	}
	tr.SetProtocol(old)
	if _, err := peer.Send([]byte("y")); err != nil {
		t.Fatal(err)
	}
	must(t, <-first)
	cancel()
	w.Close()
	must(t, w.WaitClosed(t.Context()))
}
