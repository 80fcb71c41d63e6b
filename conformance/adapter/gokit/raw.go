package gokit

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/streamspec/streamspec/spec/trace"
)

// A raw is the driver's end of a connection. It is worked by system calls that do not wait, but for receive, which waits for
// the descriptor in a goroutine of its own.
type raw struct {
	kind  trace.EndKind
	file  *os.File // nil when the far end is a regular file, or in memory
	peer  *memory  // instead of the file
	far   far
	taken bool // the far end is the implementation's

	// Of a connection that has been made to or by the implementation.
	local, remote any      // the addresses of both ends
	named         bool     // nobody else has the local one
	near          identity // what the raw end is

	mu        sync.Mutex
	closed    bool
	receiving bool
}

// An identity is what a descriptor is to the kernel.
type identity struct {
	dev, inode uint64
	access     int // its mode of access: the two ends of a pipe have one inode
}

// A cutShort is the failure of a receive that had got something before.
type cutShort struct {
	error
	partial trace.Bytes
}

func (e *cutShort) Unwrap() error { return e.error }

// makeRaw makes a connection.
func (w *world) makeRaw(c *trace.Command) trace.Reply {
	if w.impl.Memory != nil {
		return w.makeInMemory(c)
	}
	if r := w.misses(c); r != nil {
		return *r
	}
	r, err := connectedPair(c.Kind, c.Buffer)
	if err != nil {
		return fault("making a connection: %v", err)
	}
	w.put(c.As, r)
	return none()
}

// take hands out the far end, once.
func (r *raw) take() (End, error) {
	if r.taken {
		return End{}, errors.New("the far end has been opened already")
	}
	r.taken = true
	if r.peer != nil {
		return End{Kind: r.kind, Memory: r.peer.far}, nil
	}
	return r.far.open(r.kind)
}

// receive starts to receive.
func (w *world) receive(c *trace.Command, r *raw) trace.Reply {
	if r.file == nil && r.peer == nil {
		return fault("%s has no raw end that could receive", c.On)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.receiving {
		return fault("%s receives already", c.On)
	}
	r.receiving = true
	return w.start(&call{command: *c, target: r})
}

// done notes that nothing is received any more.
func (r *raw) done() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.receiving = false
}

// receive takes n bytes from the kernel, fewer at the end of the stream; all to the end when n is negative. It calls moved
// when it has taken some.
func (r *raw) receive(ctx context.Context, n int, moved func()) ([]byte, error) {
	defer r.done()
	if r.peer != nil {
		return r.peer.receive(ctx, n)
	}
	stop := context.AfterFunc(ctx, func() { _ = r.file.SetReadDeadline(time.Unix(1, 0)) })
	defer func() {
		if !stop() {
			_ = r.file.SetReadDeadline(time.Time{})
		}
	}()
	conn, err := r.file.SyscallConn()
	if err != nil {
		return nil, err
	}
	out, chunk := []byte{}, make([]byte, 1<<16)
	var failed error
	err = conn.Read(func(fd uintptr) bool {
		for n < 0 || len(out) < n {
			piece := chunk
			if n >= 0 {
				piece = chunk[:min(len(chunk), n-len(out))]
			}
			m, err := readNow(fd, piece)
			switch {
			case err == syscall.EINTR:
			case err == syscall.EAGAIN:
				return false
			case err != nil:
				failed = os.NewSyscallError("read", err)
				return true
			case m == 0:
				return true
			default:
				out = append(out, piece[:m]...)
				moved()
			}
		}
		return true
	})
	switch {
	case ctx.Err() != nil && err != nil:
		return nil, ctx.Err()
	case failed != nil:
		return nil, &cutShort{failed, out}
	case err != nil: // it was closed here
		return nil, &cutShort{os.ErrClosed, out}
	}
	return out, nil
}

// onRaw carries out a call of a raw end.
func (w *world) onRaw(c *trace.Command, r *raw) trace.Reply {
	switch {
	case r.peer != nil:
		return w.onMemory(c, r.peer)
	case c.Op == trace.RawFarOpen:
		open, err := r.farOpen()
		if err != nil {
			return fault("looking for the far end: %v", err)
		}
		return boolean(open)
	case c.Op == trace.RawClose:
		r.locate() // after the end of the connection the kernel tells no names
		r.close()
		return none()
	case r.file == nil:
		return fault("%s has no raw end for %s", c.On, c.Op)
	}
	switch c.Op {
	case trace.RawSend:
		n, err := r.send(c.Data.Bytes)
		if err != nil {
			return w.answer(err)
		}
		return w.returned(n)
	case trace.RawShutdown:
		if r.kind != trace.TCP && r.kind != trace.Unix {
			return fault("%s is no socket", c.On)
		}
		return w.answer(r.shutdown())
	case trace.RawReset:
		if r.kind != trace.TCP {
			return fault("%s is not of TCP", c.On)
		}
		r.locate()
		r.reset()
		return none()
	case trace.RawSockName, trace.RawPeerName:
		name, err := r.address(c.Op == trace.RawPeerName)
		if err != nil {
			return w.answer(err)
		}
		return w.returned(name)
	}
	return unknown(c)
}

// control runs f with the raw end's descriptor.
func (r *raw) control(f func(fd int) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return os.ErrClosed
	}
	conn, err := r.file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}

// close closes the raw end.
func (r *raw) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed && r.file != nil {
		_ = r.file.Close()
	}
	r.closed = true
}

// drop closes the raw end so that nothing of the connection stays behind in the kernel, and the far end too when nobody
// has opened it.
func (r *raw) drop() {
	if r.peer != nil {
		r.peer.drop()
		return
	}
	if !r.taken {
		r.taken = true
		r.far.close()
	}
	if r.kind == trace.TCP {
		r.reset()
	} else {
		r.close()
	}
}

// name is a socket's address as a value.
func name(a syscall.Sockaddr) (any, error) {
	switch a := a.(type) {
	case *syscall.SockaddrInet4:
		return []any{netip.AddrFrom4(a.Addr).String(), a.Port}, nil
	case *syscall.SockaddrInet6:
		return []any{netip.AddrFrom16(a.Addr).String(), a.Port}, nil
	case *syscall.SockaddrUnix:
		if a.Name == "@" { // what syscall makes of an address that is empty
			return "", nil
		}
		return a.Name, nil
	}
	return nil, fmt.Errorf("%T is neither of TCP nor of Unix", a)
}
