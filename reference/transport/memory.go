package transport

import (
	"io"
	"sync"
	"syscall"
)

// A MemoryConn is one end of a connection inside the process. Each direction holds a fixed number of bytes, as a kernel's
// socket buffer does, but exactly. Use it as it is, as the raw peer of a test, or give it to [NewMemory].
//
// All methods may be called from any goroutine.
type MemoryConn struct {
	in, out *half
}

// half is one direction.
type half struct {
	mu          sync.Mutex
	changed     sync.Cond
	data        []byte
	size        int
	ended       bool // by the writer: nothing comes after data
	gone        bool // the reader has closed
	reset       bool // by either end
	closed      bool // by the writer, altogether
	interrupted bool
}

// MemoryPair returns the two ends of a connection that holds up to size bytes in either direction. A size that is not
// positive is an [*ArgumentError].
func MemoryPair(size int) (a, b *MemoryConn, err error) {
	if size <= 0 {
		return nil, nil, &ArgumentError{Name: "size", Value: size, Reason: "must be positive"}
	}
	x, y := &half{size: size}, &half{size: size}
	x.changed.L, y.changed.L = &x.mu, &y.mu
	return &MemoryConn{x, y}, &MemoryConn{y, x}, nil
}

// NewMemory returns the transport over one end of a [MemoryPair], which belongs to it from now on.
func NewMemory(conn *MemoryConn, p Protocol, opts *Options) (Transport, error) {
	if p == nil {
		return nil, errNoProtocol
	}
	c := &connection{}
	c.start(conn, c, p, opts)
	return c, nil
}

// Read waits for bytes and takes up to len(p) of them. At the end of the stream the error is io.EOF, after Close
// io.ErrClosedPipe, after a Reset ECONNRESET.
func (m *MemoryConn) Read(p []byte) (int, error) { return m.read(p) }

// Send gives away as much of p as there is room for, and does not wait. When the peer has closed the error is EPIPE, after
// a Reset ECONNRESET.
func (m *MemoryConn) Send(p []byte) (int, error) { return m.send(p) }

// CloseWrite ends the stream to the peer, behind what has been sent.
func (m *MemoryConn) CloseWrite() error { return m.closeWrite() }

// Close closes both directions. The peer can still read what has been sent.
func (m *MemoryConn) Close() error {
	m.close()
	return nil
}

// Reset closes both directions abnormally: both ends lose what they have not read.
func (m *MemoryConn) Reset() {
	for _, h := range []*half{m.in, m.out} {
		h.change(func() { h.reset, h.data = true, nil })
	}
}

// Interrupt has Read, now or when it is called next, return an error unless it has bytes; until it is taken back with false.
func (m *MemoryConn) Interrupt(on bool) { m.interrupt(on) }

func (h *half) change(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
	h.changed.Broadcast()
}

func (m *MemoryConn) read(p []byte) (int, error) {
	h := m.in
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.gone:
			return 0, io.ErrClosedPipe
		case h.reset:
			return 0, syscall.ECONNRESET
		case len(h.data) > 0:
			n := copy(p, h.data)
			h.data = h.data[n:]
			h.changed.Broadcast()
			return n, nil
		case h.ended:
			return 0, io.EOF
		case h.interrupted:
			return 0, errInterrupted
		}
		h.changed.Wait()
	}
}

func (m *MemoryConn) interrupt(on bool) { m.in.change(func() { m.in.interrupted = on }) }

// put appends what there is room for.
func (h *half) put(p []byte) (int, error) {
	switch {
	case h.closed:
		return 0, io.ErrClosedPipe
	case h.reset:
		return 0, syscall.ECONNRESET
	case h.gone, h.ended:
		return 0, syscall.EPIPE
	}
	n := min(len(p), h.size-len(h.data))
	h.data = append(h.data, p[:n]...)
	h.changed.Broadcast()
	return n, nil
}

func (m *MemoryConn) send(p []byte) (int, error) {
	m.out.mu.Lock()
	defer m.out.mu.Unlock()
	return m.out.put(p)
}

func (m *MemoryConn) sendLines(chunks [][]byte) (int, error) {
	m.out.mu.Lock()
	defer m.out.mu.Unlock()
	sent := 0
	for _, p := range chunks {
		n, err := m.out.put(p)
		sent += n
		if err != nil || n < len(p) {
			return sent, err
		}
	}
	return sent, nil
}

func (m *MemoryConn) push(chunks [][]byte) (int, error) {
	h := m.out
	h.mu.Lock()
	for len(h.data) == h.size && !h.closed && !h.reset && !h.gone {
		h.changed.Wait()
	}
	h.mu.Unlock()
	return m.sendLines(chunks)
}

func (m *MemoryConn) closeWrite() error {
	m.out.change(func() { m.out.ended = true })
	return nil
}

func (m *MemoryConn) close() {
	m.out.change(func() { m.out.ended, m.out.closed = true, true })
	m.in.change(func() { m.in.gone, m.in.data = true, nil })
}

func (m *MemoryConn) info(string) (any, bool) { return nil, false }
