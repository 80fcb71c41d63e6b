//go:build !unix

package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
)

func bindTCP(address netip.AddrPort, _, reusePort bool) (*net.TCPListener, error) {
	if reusePort {
		return nil, errors.ErrUnsupported
	}
	network := "tcp6"
	if address.Addr().Unmap().Is4() {
		network = "tcp4"
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), network, address.String())
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

func bindUnix(string) (*net.UnixListener, error) { return nil, errors.ErrUnsupported }

func listen(net.Listener, int) error { return nil }
