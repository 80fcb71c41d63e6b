//go:build unix

package transport

import (
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
)

func bindTCP(address netip.AddrPort, reuseAddress, reusePort bool) (*net.TCPListener, error) {
	ip := address.Addr().Unmap()
	family, to := syscall.AF_INET6, syscall.Sockaddr(&syscall.SockaddrInet6{Port: int(address.Port()), Addr: ip.As16(), ZoneId: zone(ip)})
	if ip.Is4() {
		family, to = syscall.AF_INET, &syscall.SockaddrInet4{Port: int(address.Port()), Addr: ip.As4()}
	}
	l, err := bind(family, to, func(fd int) error {
		if ip.Is6() {
			if err := setOption(fd, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY); err != nil {
				return err
			}
		}
		if reuseAddress {
			if err := setOption(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR); err != nil {
				return err
			}
		}
		if reusePort {
			return setReusePort(fd)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

func setOption(fd, level, option int) error {
	return os.NewSyscallError("setsockopt", syscall.SetsockoptInt(fd, level, option, 1))
}

// zone is the number of the interface of a scoped address.
func zone(ip netip.Addr) uint32 {
	if i, err := net.InterfaceByName(ip.Zone()); err == nil {
		return uint32(i.Index)
	}
	n, _ := strconv.ParseUint(ip.Zone(), 10, 32)
	return uint32(n)
}

func bindUnix(path string) (*net.UnixListener, error) {
	if stale(path) {
		_ = os.Remove(path) // what comes of it bind tells
	}
	l, err := bind(syscall.AF_UNIX, &syscall.SockaddrUnix{Name: path}, func(int) error { return nil })
	if err != nil {
		return nil, err
	}
	return l.(*net.UnixListener), nil
}

// stale reports whether there is a socket file at the path, and no socket behind it. Asking for datagrams disturbs no
// server: a stream socket refuses them as the wrong type.
func stale(path string) bool {
	if strings.HasPrefix(path, "@") {
		return false
	}
	if info, err := os.Lstat(path); err != nil || info.Mode().Type() != fs.ModeSocket {
		return false
	}
	fd, err := newDescriptor(syscall.AF_UNIX, syscall.SOCK_DGRAM)
	if err != nil {
		return false
	}
	defer syscall.Close(fd)
	return syscall.Connect(fd, &syscall.SockaddrUnix{Name: path}) == syscall.ECONNREFUSED
}

// bind makes a stream socket of the family and binds it.
func bind(family int, to syscall.Sockaddr, set func(fd int) error) (net.Listener, error) {
	fd, err := newDescriptor(family, syscall.SOCK_STREAM)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	file := os.NewFile(uintptr(fd), "")
	defer file.Close() // package net makes a copy
	if err := set(fd); err != nil {
		return nil, err
	}
	if err := syscall.Bind(fd, to); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	return net.FileListener(file)
}

func newDescriptor(family, kind int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := syscall.Socket(family, kind, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	return fd, err
}

func listen(l net.Listener, backlog int) error {
	raw, err := l.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = syscall.Listen(int(fd), backlog) }); err != nil {
		return err
	}
	return os.NewSyscallError("listen", failed)
}
