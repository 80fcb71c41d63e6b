package gokit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/streamspec/streamspec/spec/trace"
)

// An occupant is what the driver has at an address.
type occupant struct {
	listener int
	fillers  []int // connections that fill the listener's queue
	identity       // of the listener; zero: there is none
}

// leave takes it away. A socket file stays.
func (o *occupant) leave() {
	if o.identity == (identity{}) {
		return
	}
	for _, fd := range o.fillers {
		_ = syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	}
	closeAll(append(o.fillers, o.listener)...)
	*o = occupant{}
}

// firstPort and ports are the range of ports, below those that the system gives away.
const firstPort, ports = 10_000, 20_000

// lastPort counts through the ports, from a place that other processes hardly have too.
var lastPort = func() *atomic.Uint32 {
	n := new(atomic.Uint32)
	n.Store(uint32(os.Getpid()) * 7919)
	return n
}()

// lockPort finds a port that nobody uses and keeps it from other adapters: who has a port has the UDP socket of that number.
func lockPort() (port, lock int, err error) {
	for range ports {
		port = firstPort + int(lastPort.Add(1)%ports)
		lock, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			return 0, -1, os.NewSyscallError("socket", err)
		}
		if syscall.Bind(lock, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}) == nil && isFree(port) {
			return port, lock, nil
		}
		unlockPort(lock)
	}
	return 0, -1, errors.New("all ports are in use")
}

func unlockPort(lock int) { _ = syscall.Close(lock) }

// isFree reports whether nobody has anything at a port, not even the rest of a connection.
func isFree(port int) bool {
	fd, err := syscall.Socket(syscall.AF_INET6, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err == nil {
		defer syscall.Close(fd)
		err = errors.Join(syscall.SetsockoptInt(fd, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, 0), syscall.Bind(fd, &syscall.SockaddrInet6{Port: port}))
		if err == nil || errors.Is(err, syscall.EADDRINUSE) {
			return err == nil
		}
	}
	old, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer syscall.Close(old)
	return syscall.Bind(old, &syscall.SockaddrInet4{Port: port}) == nil
}

// hasIP reports whether this machine has the address.
func hasIP(ip netip.Addr) bool {
	a := &address{kind: trace.TCP, host: ip.String()}
	fd, err := a.socket(syscall.SOCK_STREAM, 0)
	if err != nil {
		return false
	}
	defer syscall.Close(fd)
	return syscall.Bind(fd, a.sockaddr()) == nil
}

// sockaddr is the address as the kernel takes it.
func (a *address) sockaddr() syscall.Sockaddr {
	if a.kind == trace.Unix {
		return &syscall.SockaddrUnix{Name: a.path}
	}
	ip := netip.MustParseAddr(a.host)
	if ip.Is4() {
		return &syscall.SockaddrInet4{Port: a.port, Addr: ip.As4()}
	}
	return &syscall.SockaddrInet6{Port: a.port, Addr: ip.As16()}
}

// socket makes a non-blocking socket for the address.
func (a *address) socket(how, buffer int) (int, error) {
	domain := syscall.AF_INET
	switch {
	case a.kind == trace.Unix:
		domain = syscall.AF_UNIX
	case netip.MustParseAddr(a.host).Is6():
		domain = syscall.AF_INET6
	}
	fd, err := syscall.Socket(domain, how|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := setBuffers(fd, buffer); err != nil {
		_ = syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}

// bound makes a socket that is bound to the address.
func (a *address) bound(how int) (fd int, id identity, err error) {
	if fd, err = a.socket(how, 0); err != nil {
		return -1, id, err
	}
	if a.kind == trace.TCP { // the rest of a connection does not matter
		err = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1))
	}
	if err == nil {
		err = os.NewSyscallError("bind", syscall.Bind(fd, a.sockaddr()))
	}
	if err == nil {
		id, err = identify(fd)
	}
	if err != nil {
		_ = syscall.Close(fd)
		return -1, id, err
	}
	return fd, id, nil
}

func (a *address) listen() error { return a.listenFor(128) }

func (a *address) listenFor(backlog int) (err error) {
	if a.listener, a.identity, err = a.bound(syscall.SOCK_STREAM); err != nil {
		return err
	}
	if err = syscall.Listen(a.listener, backlog); err != nil {
		a.leave()
	}
	return os.NewSyscallError("listen", err)
}

// silence listens and fills the queue. A queue of no length takes one connection, and when that is in it the kernel drops
// whatever else comes.
func (a *address) silence() error {
	if err := a.listenFor(0); err != nil {
		return err
	}
	fd, err := a.socket(syscall.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	a.fillers = append(a.fillers, fd)
	if err := syscall.Connect(fd, a.sockaddr()); err != nil && err != syscall.EINPROGRESS {
		return os.NewSyscallError("connect", err)
	}
	arrived := []unix.PollFd{{Fd: int32(a.listener), Events: unix.POLLIN}}
	n := 0
	err = retry(func() (err error) {
		n, err = unix.Poll(arrived, int(patience.Milliseconds()))
		return err
	})
	if err == nil && n == 0 {
		err = errors.New("the connection does not arrive in the queue")
	}
	return err
}

// accept takes a connection.
func (a *address) accept() (*raw, error) {
	if a.identity == (identity{}) {
		return nil, errNotLive
	}
	fd := -1
	err := retry(func() (err error) {
		fd, _, err = syscall.Accept4(a.listener, syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK)
		return err
	})
	if err != nil {
		return nil, os.NewSyscallError("accept", err)
	}
	r := &raw{kind: a.kind, taken: true, file: os.NewFile(uintptr(fd), "raw end")}
	r.near, err = identify(fd)
	if err == nil && a.kind == trace.TCP {
		err = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	}
	if err == nil {
		r.local, err = nameBy(syscall.Getsockname, fd)
	}
	if err != nil {
		r.close()
		return nil, err
	}
	if r.remote, err = nameBy(syscall.Getpeername, fd); err != nil {
		r.local = nil // it is over already, and the kernel tells no names
	}
	if a.kind == trace.Unix { // whose ends have the same names in all connections
		r.far.identity = peerOf(r.near)
	}
	return r, nil
}

// peerOf asks the kernel which Unix socket another one is connected to. Zero: it does not tell.
func peerOf(near identity) identity {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return identity{}
	}
	defer unix.Close(fd)
	const (
		byFamily = 20 // SOCK_DIAG_BY_FAMILY
		showPeer = 4  // UDIAG_SHOW_PEER
		peer     = 2  // UNIX_DIAG_PEER
		head     = unix.NLMSG_HDRLEN
		body     = 24 // struct unix_diag_req
		answer   = 16 // struct unix_diag_msg
	)
	request := make([]byte, head+body)
	put := binary.NativeEndian.PutUint32
	put(request, uint32(len(request)))
	binary.NativeEndian.PutUint16(request[4:], byFamily)
	binary.NativeEndian.PutUint16(request[6:], unix.NLM_F_REQUEST)
	request[head] = unix.AF_UNIX
	put(request[head+4:], ^uint32(0)) // states
	put(request[head+8:], uint32(near.inode))
	put(request[head+12:], showPeer)
	put(request[head+16:], ^uint32(0)) // no cookie
	put(request[head+20:], ^uint32(0))
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return identity{}
	}
	reply := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, reply, unix.MSG_DONTWAIT)
	if err != nil || n < head+answer || binary.NativeEndian.Uint16(reply[4:]) != byFamily {
		return identity{}
	}
	for rest := reply[head+answer : n]; len(rest) >= unix.SizeofRtAttr; {
		size := int(binary.NativeEndian.Uint16(rest))
		if size < unix.SizeofRtAttr || size > len(rest) {
			break
		}
		if binary.NativeEndian.Uint16(rest[2:]) == peer && size >= unix.SizeofRtAttr+4 {
			return identity{near.dev, uint64(binary.NativeEndian.Uint32(rest[unix.SizeofRtAttr:])), near.access}
		}
		rest = rest[min((size+3)&^3, len(rest)):]
	}
	return identity{}
}

// ask asks the kernel about the socket of the implementation that is bound to the address, other than those. It returns nil
// where there is none.
func (a *address) ask(what string, not map[identity]bool) (v any, err error) {
	want, err := name(a.sockaddr())
	if err != nil {
		return nil, err
	}
	found := eachDescriptor(func(fd int) bool {
		own, failed := nameBy(syscall.Getsockname, fd)
		if failed != nil || !reflect.DeepEqual(own, want) {
			return true
		}
		if _, connected := syscall.Getpeername(fd); connected == nil {
			return true
		}
		if id, failed := identify(fd); failed != nil || not[id] {
			return true
		}
		listens, failed := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
		if failed == nil {
			v, err = about(fd, what, listens != 0)
		}
		return listens == 0 // another one may
	})
	return v, errors.Join(err, found)
}

// about asks the kernel about a socket.
func about(fd int, what string, listens bool) (any, error) {
	option := 0
	switch what {
	case "backlog":
		if !listens {
			return nil, nil
		}
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return nil, os.NewSyscallError("getsockopt", err)
		}
		return int(info.Sacked), nil // which it is of a socket that listens
	case "reuse_address":
		option = unix.SO_REUSEADDR
	case "reuse_port":
		option = unix.SO_REUSEPORT
	default:
		return nil, fmt.Errorf("the system knows nothing of %q", what)
	}
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, option)
	return n != 0, os.NewSyscallError("getsockopt", err)
}

// newConnecting makes a raw end that can connect to the address.
func newConnecting(a *address, buffer int) (*raw, error) {
	fd, err := a.socket(syscall.SOCK_STREAM, buffer)
	if err != nil {
		return nil, err
	}
	r := &raw{kind: a.kind, taken: true, named: true, file: os.NewFile(uintptr(fd), "raw end")}
	r.near, err = identify(fd)
	switch {
	case err != nil:
	case a.kind == trace.TCP:
		err = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	default: // bound to nothing it gets a name of its own
		err = os.NewSyscallError("bind", syscall.Bind(fd, &syscall.SockaddrUnix{}))
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// connect begins to connect.
func (r *raw) connect(a *address) error {
	return r.control(func(fd int) error {
		err := retry(func() error { return syscall.Connect(fd, a.sockaddr()) })
		if err != nil && err != syscall.EINPROGRESS {
			return os.NewSyscallError("connect", err)
		}
		if r.local, err = nameBy(syscall.Getsockname, fd); err != nil {
			return os.NewSyscallError("getsockname", err)
		}
		r.remote, err = name(a.sockaddr())
		return err
	})
}

// connected waits until the raw end is connected, or is not.
func (r *raw) connected() error {
	conn, err := r.file.SyscallConn()
	if err != nil {
		return err
	}
	if err := r.file.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	var failed error
	err = conn.Write(func(fd uintptr) bool {
		number, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ERROR)
		switch {
		case err != nil:
			failed = os.NewSyscallError("getsockopt", err)
		case number != 0:
			failed = os.NewSyscallError("connect", syscall.Errno(number))
		default:
			_, err := syscall.Getpeername(int(fd))
			return err == nil
		}
		return true
	})
	if failed == nil && errors.Is(err, os.ErrDeadlineExceeded) { // the queue of who listens is full
		err = os.NewSyscallError("connect", syscall.ETIMEDOUT)
	}
	if failed == nil {
		failed = err
	}
	if failed == nil {
		failed = r.file.SetWriteDeadline(time.Time{})
	}
	return failed
}

// newSocket makes a socket that is bound to the address, if there is one.
func newSocket(kind trace.EndKind, datagrams bool, a *address) (*os.File, identity, error) {
	how := syscall.SOCK_STREAM
	if datagrams {
		how = syscall.SOCK_DGRAM
	}
	fd, id, err := -1, identity{}, error(nil)
	if a != nil {
		fd, id, err = a.bound(how)
	} else if fd, err = (&address{kind: kind, host: "0.0.0.0"}).socket(how, 0); err == nil {
		id, err = identify(fd)
	}
	if err != nil {
		return nil, id, err
	}
	return os.NewFile(uintptr(fd), "socket"), id, nil
}
