package gokit

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/streamspec/streamspec/spec/trace"
)

// A Peer is the driver's end of a connection in memory.
type Peer interface {
	Read(p []byte) (int, error) // waits for a byte at least; at the end of the stream the error is io.EOF
	Send(p []byte) (int, error) // gives away what there is room for, and does not wait
	CloseWrite() error
	Close() error
	Reset()
	// Interrupt has Read, now or when it is called next, return an error unless it has bytes; until it is taken back with false.
	Interrupt(on bool)
}

// moment is how long an implementation gets for what it does only when nothing has happened for a while. In a bubble that takes no
// time.
const moment = 100 * time.Millisecond

// defaultSize is how much connections in memory hold when nothing is asked for, bytes.
const defaultSize = 1 << 16

// A memory is a raw end in memory.
type memory struct {
	Peer
	far    io.Closer
	closed bool // by the driver; only its goroutine asks
}

// makeInMemory makes a connection.
func (w *world) makeInMemory(c *trace.Command) trace.Reply {
	size := c.Buffer
	if size == 0 {
		size = defaultSize
	}
	peer, far, err := w.impl.Memory(size)
	if err != nil {
		return fault("making a connection: %v", err)
	}
	w.put(c.As, &raw{kind: c.Kind, peer: &memory{Peer: peer, far: far}})
	return none()
}

// receive takes n bytes, fewer at the end of the stream; all to the end when n is negative.
func (m *memory) receive(ctx context.Context, n int) ([]byte, error) {
	defer context.AfterFunc(ctx, func() { m.Interrupt(true) })()
	out, chunk := []byte{}, make([]byte, 4096)
	for n < 0 || len(out) < n {
		piece := chunk
		if n >= 0 {
			piece = chunk[:min(len(chunk), n-len(out))]
		}
		got, err := m.Read(piece)
		out = append(out, piece[:got]...)
		switch {
		case err == io.EOF:
			return out, nil
		case ctx.Err() != nil:
			m.Interrupt(false)
			return nil, ctx.Err()
		case err != nil:
			return nil, &cutShort{err, out}
		}
	}
	return out, nil
}

// onMemory carries out a call of a raw end in memory.
func (w *world) onMemory(c *trace.Command, m *memory) trace.Reply {
	switch c.Op {
	case trace.RawClose, trace.RawReset:
		if m.closed {
			return none()
		}
		m.closed = true
		if c.Op == trace.RawReset {
			m.Reset()
			return none()
		}
		return w.answer(m.Close())
	case trace.RawSend, trace.RawShutdown:
		if m.closed {
			return w.answer(os.ErrClosed)
		}
		if c.Op == trace.RawShutdown {
			return w.answer(m.CloseWrite())
		}
		n, err := m.Send(c.Data.Bytes)
		if err != nil {
			return w.answer(err)
		}
		return w.returned(n)
	}
	return trace.Reply{Unsupported: "the operating system knows nothing of memory"}
}

// drop closes both ends.
func (m *memory) drop() {
	m.Reset()
	_ = m.Close()
	_ = m.far.Close()
}
