package stream

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/streamspec/streamspec/reference/transport"
)

// NewIOReader returns the io.Reader view of r. Its reads fail with the context's error when they would have to wait after
// ctx is done; no bytes are lost then. At end-of-stream the error is io.EOF.
func NewIOReader(ctx context.Context, r *Reader) io.Reader { return ioReader{ctx, r} }

type ioReader struct {
	ctx context.Context
	r   *Reader
}

func (v ioReader) Read(p []byte) (int, error) {
	n, err := v.r.ReadInto(v.ctx, p)
	if err == nil && n == 0 && len(p) > 0 {
		err = io.EOF
	}
	return n, err
}

// NewIOWriter returns the io.Writer view of w: each write is followed by [Writer.Drain]. When that fails, the bytes of the
// write are queued or dropped, but counted as written.
func NewIOWriter(ctx context.Context, w *Writer) io.Writer { return ioWriter{ctx, w} }

type ioWriter struct {
	ctx context.Context
	w   *Writer
}

func (v ioWriter) Write(p []byte) (int, error) {
	if err := v.w.Write(p); err != nil {
		return 0, err
	}
	return len(p), v.w.Drain(v.ctx)
}

// NewConn returns the net.Conn view of a connection, to be used instead of r and w from now on. It sets both write marks to
// zero, so that Write returns when everything has been handed to the transport's endpoint, and Close loses no more than
// that of another net.Conn. It also has CloseWrite.
//
// All methods may be called from any goroutine; reads wait for one another, and so do writes.
func NewConn(r *Reader, w *Writer) net.Conn {
	_ = w.Transport().SetWriteBufferLimits(transport.High(0)) // cannot fail
	return &conn{r: r, w: w, reads: newTurn(), writes: newTurn()}
}

type conn struct {
	r             *Reader
	w             *Writer
	reads, writes *turn
}

// sendAtOnce is how many bytes a write hands over between two looks at its deadline.
const sendAtOnce = 64 << 10

func (c *conn) Read(p []byte) (int, error) {
	ctx, err := c.reads.begin()
	if err != nil {
		return 0, err
	}
	defer c.reads.end()
	n, err := ioReader{ctx, c.r}.Read(p)
	return n, c.reads.explain(err)
}

func (c *conn) Write(p []byte) (n int, err error) {
	ctx, err := c.writes.begin()
	if err != nil {
		return 0, err
	}
	defer c.writes.end()
	for {
		if err = c.w.Drain(ctx); err != nil || n == len(p) {
			return n, c.writes.explain(err)
		}
		piece := p[n:min(len(p), n+sendAtOnce)]
		if err = c.w.Write(piece); err != nil {
			return n, err
		}
		n += len(piece)
	}
}

func (c *conn) Close() error {
	c.reads.shut()
	c.writes.shut()
	c.w.Transport().Abort()
	return nil
}

func (c *conn) CloseWrite() error { return c.w.WriteEOF() }

func (c *conn) LocalAddr() net.Addr  { return c.addr("sockname") }
func (c *conn) RemoteAddr() net.Addr { return c.addr("peername") }

func (c *conn) addr(name string) net.Addr {
	if addr, ok := c.w.GetExtraInfo(name); ok {
		return addr.(net.Addr)
	}
	return noAddr{}
}

// noAddr is the address of what has none.
type noAddr struct{}

func (noAddr) Network() string { return "memory" }
func (noAddr) String() string  { return "" }

func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.reads.set(t), c.writes.set(t))
}
func (c *conn) SetReadDeadline(t time.Time) error  { return c.reads.set(t) }
func (c *conn) SetWriteDeadline(t time.Time) error { return c.writes.set(t) }

// A turn lets one call in at a time, until a deadline that may be changed while calls wait, or until it is shut.
type turn struct {
	free chan struct{} // a value is in it while no call is in

	mu      sync.Mutex
	expired chan struct{} // closed when the deadline is over, or shut
	timer   *time.Timer
	closed  bool
}

func newTurn() *turn {
	t := &turn{free: make(chan struct{}, 1), expired: make(chan struct{})}
	t.free <- struct{}{}
	return t
}

// begin waits for the turn and returns the context of the call.
func (t *turn) begin() (context.Context, error) {
	t.mu.Lock()
	ctx := deadline{t.expired}
	t.mu.Unlock()
	if ctx.Err() == nil {
		select {
		case <-t.free:
			return ctx, nil
		case <-ctx.Done():
		}
	}
	return nil, t.explain(ctx.Err())
}

func (t *turn) end() { t.free <- struct{}{} }

// explain says why a call has failed, if that is because the connection was closed here.
func (t *turn) explain(err error) error {
	if err == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return net.ErrClosed
	}
	return err
}

func (t *turn) set(when time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return net.ErrClosed
	}
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	if when.IsZero() || time.Until(when) > 0 {
		if (deadline{t.expired}).Err() != nil {
			t.expired = make(chan struct{})
		}
		if !when.IsZero() {
			t.timer = t.after(time.Until(when))
		}
		return nil
	}
	t.expire()
	return nil
}

// after returns the timer that ends the calls, unless another has taken its place.
func (t *turn) after(d time.Duration) *time.Timer {
	var timer *time.Timer
	timer = time.AfterFunc(d, func() {
		t.mu.Lock() // set holds it until timer is assigned
		defer t.mu.Unlock()
		if t.timer == timer {
			t.expire()
		}
	})
	return timer
}

func (t *turn) expire() {
	if (deadline{t.expired}).Err() == nil {
		close(t.expired)
	}
}

func (t *turn) shut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.expire()
	if t.timer != nil {
		t.timer.Stop()
	}
}

// A deadline is the context that is done when the channel is closed.
type deadline struct{ expired chan struct{} }

func (d deadline) Deadline() (time.Time, bool) { return time.Time{}, false }
func (d deadline) Done() <-chan struct{}       { return d.expired }
func (d deadline) Value(any) any               { return nil }

func (d deadline) Err() error {
	select {
	case <-d.expired:
		return os.ErrDeadlineExceeded
	default:
		return nil
	}
}
