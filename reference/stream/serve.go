package stream

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"syscall"

	"github.com/streamspec/streamspec/reference/transport"
)

// serving are the arguments of StartServer and StartUnixServer.
type serving struct {
	common
	addresses    []string
	sock         net.Listener
	backlog      int
	reuseAddress bool
	reusePort    bool
	deferred     bool
}

func newServing(opts []ServeOption) *serving {
	o := &serving{common: defaults(Passive), backlog: 100, reuseAddress: runtime.GOOS != "windows"}
	for _, opt := range opts {
		opt.serve(o)
	}
	return o
}

// ListeningSock is a socket to use instead of an address, a *net.TCPListener or a *net.UnixListener; the server has it
// listen. It belongs to the server from now on and is closed with it; after an error it is still the caller's. Another
// kind, or a *net.TCPListener for [StartUnixServer], is an [*ArgumentError].
//
// Rules: start_server.owns-socket, unix.owns-socket, parameters.socket-or-address, parameters.socket-kind.
func ListeningSock(l net.Listener) ServeOption { return listeningSock{l} }

type listeningSock struct{ net.Listener }

func (s listeningSock) serve(o *serving) { o.sock = s.Listener }

// AlsoAt has the server listen at further addresses, each like that of [StartServer].
//
// Rule: start_server.sockets.
func AlsoAt(addresses ...string) ServeOption { return alsoAt(addresses) }

type alsoAt []string

func (a alsoAt) serve(o *serving) {
	o.addresses, o.onlyTCP = append(o.addresses, a...), "further addresses"
}

// Backlog is how many connections may wait to be accepted, per socket and as the system counts them. Zero is as few as the
// system has, not none; a negative number is an [*ArgumentError]. Not given, it is 100. Elsewhere than on Unix, it is the
// system's.
//
// Rule: parameters.backlog.
type Backlog int

func (n Backlog) serve(o *serving) { o.backlog = int(n) }

// ReuseAddress sets SO_REUSEADDR. Not given, it is the default of the platform: true on Unix. Elsewhere than there, it has
// no effect.
//
// Rule: parameters.reuse.
type ReuseAddress bool

func (b ReuseAddress) serve(o *serving) { o.reuseAddress, o.onlyTCP = bool(b), "reuse address" }

// ReusePort sets SO_REUSEPORT. Not given, it is false. Where there is none, true is an error that matches
// [errors.ErrUnsupported].
//
// Rule: parameters.reuse.
type ReusePort bool

func (b ReusePort) serve(o *serving) { o.reusePort, o.onlyTCP = bool(b), "reuse port" }

// StartServing says whether the server accepts connections from the beginning. Not given, it is true. If it does not, it
// refuses them until [Server.StartServing] or [Server.ServeForever]; elsewhere than on Unix, TCP has them wait.
//
// Rule: start_server.deferred-serving.
type StartServing bool

func (b StartServing) serve(o *serving) { o.deferred = !bool(b) }

// StartServer starts a server at an address of TCP, "host:port", and at those of [AlsoAt], or on the socket of
// [ListeningSock]. An empty host is all interfaces, one socket for each family; port 0 is any that is free, for each
// socket another. An empty address is one that is not given.
//
// For each connection, connected, which must not be nil, is called in a goroutine of its own, once, with a reader and a
// writer. It may return at once and leave them to others: only when it fails is the connection closed. What it panics with
// or returns is reported, as the [TransportOptions] say, except an error that matches [context.Canceled].
//
// Of the addresses of one host some may be missing on this machine, but not all. An address that is in use is an error that
// matches syscall.EADDRINUSE. Neither an address nor a socket, both, and options that cannot be, are [*ArgumentError]s,
// before anything is done. When ctx is done first, the error is the context's. After an error nothing stays open. The
// context is not that of the server.
//
// Rules: start_server.listens, start_server.callback-per-connection, start_server.plain-callback,
// start_server.coroutine-callback, start_server.returns-server, start_server.failing-coroutine-closes,
// start_server.cancelled-coroutine-closes, start_server.failing-plain-callback, start_server.address-in-use,
// start_server.argument-checks, parameters.host-omitted.
func StartServer(ctx context.Context, connected func(*Reader, *Writer) error, address string, opts ...ServeOption) (*Server, error) {
	o := newServing(opts)
	addresses := o.addresses
	if address != "" {
		addresses = append([]string{address}, addresses...)
	}
	if err := o.check("address", address, len(addresses) > 0, connected, "tcp", "unix"); err != nil {
		return nil, err
	}
	return o.run(ctx, connected, func() ([]net.Listener, error) { return o.bindTCP(ctx, addresses) })
}

// check refuses what cannot be, before anything is done.
//
// Rules: parameters.limit-not-positive, parameters.socket-kind, parameters.backlog.
func (o *serving) check(name, where string, given bool, connected func(*Reader, *Writer) error, networks ...string) error {
	if err := o.checkLimit(); err != nil {
		return err
	}
	if o.backlog < 0 {
		return &ArgumentError{Name: "backlog", Value: o.backlog, Reason: "must not be negative"}
	}
	if connected == nil {
		return &ArgumentError{Name: "client-connected callback", Reason: "must not be nil"}
	}
	if err := needOne(name, where, given, o.sock != nil); err != nil {
		return err
	}
	if o.sock == nil {
		return nil
	}
	switch o.sock.(type) {
	case *net.TCPListener, *net.UnixListener:
		if isStream(o.sock.Addr(), networks...) {
			return nil
		}
	}
	return &ArgumentError{Name: "sock", Value: o.sock.Addr().Network(), Reason: "must be a stream socket of the family"}
}

// run makes the server on the given socket, or on those that are bound now.
func (o *serving) run(ctx context.Context, connected func(*Reader, *Writer) error, bind func() ([]net.Listener, error)) (*Server, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sockets := []net.Listener{o.sock}
	if o.sock == nil {
		var err error
		if sockets, err = bind(); err != nil {
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			return nil, err
		}
	}
	s := newServer(o, sockets, connected)
	if !o.deferred {
		if err := s.startServing(); err != nil {
			if o.sock == nil {
				s.Close()
			}
			return nil, err
		}
	}
	return s, nil
}

// bindTCP binds all the addresses.
func (o *serving) bindTCP(ctx context.Context, addresses []string) (all []net.Listener, err error) {
	defer func() {
		if err != nil {
			for _, l := range all {
				_ = l.Close()
			}
		}
	}()
	done := map[netip.AddrPort]bool{}
	for _, address := range addresses {
		found, err := o.resolve(ctx, "address", address)
		if err != nil {
			return all, err
		}
		missing := make([]error, 0, len(found))
		for _, a := range found {
			if done[a] {
				continue
			}
			l, err := transport.BindTCP(a, o.reuseAddress, o.reusePort)
			if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
				missing = append(missing, err)
				continue
			}
			if err != nil {
				return all, err
			}
			done[a] = true
			all = append(all, l)
		}
		if len(missing) == len(found) {
			return all, joined(missing)
		}
	}
	return all, nil
}
