//go:build unix

package transport

import (
	"io"
	"syscall"
)

// Calls of the system that move no more than this many bytes, and do not wait, are too short for telling the scheduler
// about them to be worth while.
const short = 16 << 10

// A receiver receives through the descriptor itself.
type receiver struct {
	raw syscall.RawConn
	try func(fd uintptr) bool // attempt, made once

	// the argument of attempt, and its results
	p   []byte
	n   int
	err error
}

func newReceiver(conn syscall.Conn) (*receiver, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	r := &receiver{raw: raw}
	r.try = r.attempt
	return r, nil
}

// read waits for some bytes, up to len(p), which is not zero.
func (r *receiver) read(p []byte) (int, error) {
	r.p, r.n, r.err = p, 0, nil
	err := r.raw.Read(r.try)
	r.p = nil
	if err != nil {
		return 0, interruption(err)
	}
	return r.n, r.err
}

// attempt receives once. It reports false to be called again when there is something to receive.
func (r *receiver) attempt(fd uintptr) bool {
	for {
		n, err := sysRead(int(fd), r.p)
		switch {
		case n > 0:
			r.n = n
			return true
		case err == nil:
			r.err = io.EOF
			return true
		case err == syscall.EAGAIN:
			return false
		case err != syscall.EINTR:
			r.err = err
			return true
		}
	}
}

// discard takes what has come and nobody wants, so that closing is no reset, which could cost the peer what it has not read
// yet. It does not wait. What comes later cannot be helped.
//
// Rule: transport.base.close-flushes.
func (r *receiver) discard() {
	buf := make([]byte, short)
	_ = r.raw.Control(func(fd uintptr) {
		for range 64 { // the peer may be quicker
			if n, err := sysRead(int(fd), buf); n <= 0 && err != syscall.EINTR {
				return
			}
		}
	})
}
