package stream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"
)

// opening are the arguments of OpenConnection and OpenUnixConnection.
type opening struct {
	common
	sock       net.Conn
	local      string
	delay      *time.Duration
	interleave *int
}

func newOpening(opts []OpenOption) *opening {
	o := &opening{common: defaults(0)}
	for _, opt := range opts {
		opt.open(o)
	}
	return o
}

// Sock is an established connection to use instead of an address, a *net.TCPConn or a *net.UnixConn. It belongs to the
// writer from now on and is closed by closing that; after an error it is still the caller's. Another kind, datagrams, or a
// *net.TCPConn for [OpenUnixConnection], is an [*ArgumentError].
//
// Rules: open_connection.owns-socket, open_connection.closes-given-socket, unix.owns-socket, parameters.socket-or-address,
// parameters.socket-kind.
func Sock(conn net.Conn) OpenOption { return sock{conn} }

type sock struct{ net.Conn }

func (s sock) open(o *opening) { o.sock = s.Conn }

// LocalAddr is the host and the port, as "host:port", that the local end is bound to before it connects; port 0 means any.
//
// Rule: open_connection.local-address.
type LocalAddr string

func (a LocalAddr) open(o *opening) { o.local, o.onlyTCP = string(a), "local address" }

// OpenConnection connects to an address of TCP, "host:port", or uses the connection of [Sock], and returns a reader and a
// writer for it. The addresses that the host has are tried in order; see [HappyEyeballsDelay]. An empty host is the
// loopback interface. An empty address is one that is not given.
//
// When all addresses fail, the error is that of the address if there is one only, or if all have the same text; otherwise
// one that has all texts, and matches each. A host without any address is an error too. Neither an address nor a
// connection, both, and options that cannot be, are [*ArgumentError]s, before anything is done. When ctx is done first, the
// error is the context's, and nothing stays open.
//
// Rules: open_connection.returns-pair, open_connection.limit, open_connection.failure-raises,
// open_connection.address-or-socket, open_connection.addresses-in-order, open_connection.error-of-all-addresses.
func OpenConnection(ctx context.Context, address string, opts ...OpenOption) (*Reader, *Writer, error) {
	o := newOpening(opts)
	if err := o.check("address", address, "tcp", "unix"); err != nil {
		return nil, nil, err
	}
	return o.run(ctx, func() (net.Conn, error) { return o.connectTCP(ctx, address) })
}

// check refuses what cannot be, before anything is done.
//
// Rules: parameters.limit-not-positive, parameters.socket-kind.
func (o *opening) check(name, where string, networks ...string) error {
	if err := o.checkLimit(); err != nil {
		return err
	}
	if err := o.checkDelay(); err != nil {
		return err
	}
	if err := needOne(name, where, where != "", o.sock != nil); err != nil {
		return err
	}
	if o.sock == nil {
		return nil
	}
	switch o.sock.(type) {
	case *net.TCPConn, *net.UnixConn:
		if isStream(o.sock.LocalAddr(), networks...) {
			return nil
		}
	}
	return &ArgumentError{Name: "sock", Value: o.sock.LocalAddr().Network(), Reason: "must be a stream socket of the family"}
}

// run uses the given connection, or makes one.
func (o *opening) run(ctx context.Context, dial func() (net.Conn, error)) (*Reader, *Writer, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	conn := o.sock
	if conn == nil {
		var err error
		if conn, err = dial(); err != nil {
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			return nil, nil, err
		}
	}
	r, w, err := o.connect(conn, nil)
	if err != nil && o.sock == nil {
		_ = conn.Close()
	}
	return r, w, err
}

func (o *opening) connectTCP(ctx context.Context, address string) (net.Conn, error) {
	to, err := o.resolve(ctx, "address", address)
	if err != nil {
		return nil, err
	}
	var from []netip.AddrPort
	if o.local != "" {
		if from, err = o.resolve(ctx, "local address", o.local); err != nil {
			return nil, err
		}
	}
	return o.race(ctx, to, func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
		if o.local == "" {
			return (&net.Dialer{}).DialContext(ctx, "tcp", to.String())
		}
		return dialFrom(ctx, from, to)
	})
}

// dialFrom binds the first of the local addresses that can be bound, and connects.
//
// Rule: open_connection.local-address.
func dialFrom(ctx context.Context, from []netip.AddrPort, to netip.AddrPort) (net.Conn, error) {
	last := error(&net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: errors.New("no local address is of the same family")})
	for _, local := range from {
		if local.Addr().Is4() != to.Addr().Is4() {
			continue
		}
		conn, err := (&net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(local)}).DialContext(ctx, "tcp", to.String())
		var system *os.SyscallError
		if err == nil || !errors.As(err, &system) || system.Syscall != "bind" {
			return conn, err
		}
		last = err
	}
	return nil, last
}
