package transport

import (
	"net"
	"net/netip"
)

// BindTCP returns a socket that is bound to the address, and does not listen before [Listen]. Port 0 means any that is
// free. One of IPv6 is for IPv6 only. The error matches the system's: syscall.EADDRINUSE, syscall.EADDRNOTAVAIL,
// syscall.EAFNOSUPPORT; or [errors.ErrUnsupported] where the system has no reusePort.
//
// Elsewhere than on Unix, it listens at once, and reuseAddress is the system's default.
//
// Rules: start_server.address-in-use, start_server.deferred-serving, parameters.reuse.
func BindTCP(address netip.AddrPort, reuseAddress, reusePort bool) (*net.TCPListener, error) {
	l, err := bindTCP(address, reuseAddress, reusePort)
	if err != nil {
		return nil, &net.OpError{Op: "bind", Net: "tcp", Addr: net.TCPAddrFromAddrPort(address), Err: err}
	}
	return l, nil
}

// BindUnix returns a stream socket that is bound to the path, and does not listen before [Listen]. A path that begins with
// @ is an abstract name, on Linux. A socket file on which nobody is bound any more is removed before. Closing the socket
// does not remove its file. The error matches the system's: syscall.EADDRINUSE when another socket is bound there, or when
// there is another kind of file, syscall.ENOENT when there is no such directory.
//
// Elsewhere than on Unix, the error matches [errors.ErrUnsupported].
//
// Rules: unix.occupied-path, unix.availability, start_server.address-in-use.
func BindUnix(path string) (*net.UnixListener, error) {
	l, err := bindUnix(path)
	if err != nil {
		return nil, &net.OpError{Op: "bind", Net: "unix", Addr: &net.UnixAddr{Name: path, Net: "unix"}, Err: err}
	}
	return l, nil
}

// Listen has a bound socket listen, with room for backlog connections that are not accepted yet, as the system counts
// them, which at zero have room too. It may be called again, to change the backlog. The socket is a *net.TCPListener or a
// *net.UnixListener.
//
// Elsewhere than on Unix, it does nothing.
//
// Rules: parameters.backlog, start_server.deferred-serving.
func Listen(l net.Listener, backlog int) error {
	if err := listen(l, backlog); err != nil {
		return &net.OpError{Op: "listen", Net: l.Addr().Network(), Addr: l.Addr(), Err: err}
	}
	return nil
}
