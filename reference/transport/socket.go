package transport

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// NewTCP returns the transport over an established TCP connection, which belongs to it from now on.
//
// Rules: transport.base.connections-are-bidirectional, transport.base.socket-info.
func NewTCP(conn *net.TCPConn, p Protocol, opts *Options) (Transport, error) {
	return newSocket(conn, p, opts)
}

// NewUnix returns the transport over an established Unix stream connection, which belongs to it from now on. Another kind
// of Unix socket is an [*ArgumentError].
//
// Rules: transport.base.connections-are-bidirectional, transport.base.unnamed-unix-address.
func NewUnix(conn *net.UnixConn, p Protocol, opts *Options) (Transport, error) {
	if network := conn.LocalAddr().Network(); network != "unix" {
		return nil, &ArgumentError{Name: "conn", Value: network, Reason: "must be a stream socket"}
	}
	return newSocket(conn, p, opts)
}

// streamConn is what TCP and Unix connections have in common.
type streamConn interface {
	net.Conn
	syscall.Conn
	CloseWrite() error
}

func newSocket(conn streamConn, p Protocol, opts *Options) (Transport, error) {
	if p == nil {
		return nil, errNoProtocol
	}
	out, err := newSender(conn)
	if err != nil {
		return nil, err
	}
	in, err := newReceiver(conn)
	if err != nil {
		return nil, err
	}
	s := &socket{sender: out, receiver: in, conn: conn, local: address(conn.LocalAddr()), remote: address(conn.RemoteAddr())}
	c := &connection{}
	c.start(s, c, p, opts)
	return c, nil
}

// socket is the endpoint of TCP and Unix connections.
type socket struct {
	*sender
	*receiver
	conn          streamConn
	local, remote net.Addr
}

// address replaces the name that package net makes up for an unnamed Unix socket.
//
// Rule: transport.base.unnamed-unix-address.
func address(a net.Addr) net.Addr {
	if unix, ok := a.(*net.UnixAddr); ok && unix != nil && unix.Name == "@" {
		return &net.UnixAddr{Net: unix.Net}
	}
	return a
}

// interruption recognises the work of interrupt: deadlines are used for nothing else.
func interruption(err error) error {
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		return errInterrupted
	}
	return err
}

func (s *socket) interrupt(on bool) { _ = s.conn.SetReadDeadline(interruptDeadline(on)) }

func interruptDeadline(on bool) time.Time {
	if on {
		return time.Unix(1, 0)
	}
	return time.Time{}
}

func (s *socket) closeWrite() error { return s.conn.CloseWrite() }

func (s *socket) close() {
	s.discard()
	_ = s.conn.Close()
}

func (s *socket) info(name string) (any, bool) {
	switch name {
	case "socket":
		return s.conn, true
	case "sockname":
		return s.local, s.local != nil
	case "peername":
		return s.remote, s.remote != nil
	}
	return nil, false
}
