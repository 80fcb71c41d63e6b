//go:build unix

package transport

import (
	"io"
	"syscall"
)

// A sender sends without waiting, through the descriptor itself.
//
// Rule: writer.write.sends-at-once.
type sender struct {
	raw syscall.RawConn
	try func(fd uintptr) bool // attempt, made once

	// the arguments of attempt, and its results
	p      []byte
	chunks [][]byte
	wait   bool
	n      int
	err    error

	vector vector
}

func newSender(conn syscall.Conn) (*sender, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &sender{raw: raw}
	s.try = s.attempt
	return s, nil
}

func (s *sender) send(p []byte) (int, error) { return s.run(p, nil, false) }

func (s *sender) sendLines(chunks [][]byte) (int, error) { return s.run(nil, chunks, false) }

func (s *sender) push(chunks [][]byte) (int, error) { return s.run(nil, chunks, true) }

func (s *sender) run(p []byte, chunks [][]byte, wait bool) (int, error) {
	s.p, s.chunks, s.wait, s.n, s.err = p, chunks, wait, 0, nil
	if err := s.raw.Write(s.try); err != nil {
		s.err = err
	}
	s.p, s.chunks = nil, nil
	return s.n, s.err
}

// attempt sends as much as it can. It reports false to be called again when the descriptor is writable.
func (s *sender) attempt(fd uintptr) bool {
	if s.chunks == nil {
		s.n, s.err = sendBytes(int(fd), s.p)
	} else {
		s.n, s.err = s.vector.send(int(fd), s.chunks)
	}
	if s.err == syscall.EAGAIN {
		s.err = nil
	}
	return !s.wait || s.n > 0 || s.err != nil
}

// sendBytes sends as much of p as it can; EAGAIN says that this is not all.
func sendBytes(fd int, p []byte) (n int, err error) {
	for n < len(p) {
		m, err := sysWrite(fd, p[n:])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return n, err
		}
		if m == 0 {
			return n, io.ErrUnexpectedEOF
		}
		n += m
	}
	return n, nil
}
