package gokit

import (
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"strconv"
	"syscall"

	"github.com/streamspec/streamspec/spec/trace"
)

const haveRaw = true

// readNow reads what there is.
func readNow(fd uintptr, p []byte) (int, error) { return syscall.Read(int(fd), p) }

// connectedPair makes a connection of the kind. The size of buffers, bytes, is asked for on both ends; 0: the default.
func connectedPair(kind trace.EndKind, buffer int) (*raw, error) {
	r := &raw{kind: kind}
	var mine, far int
	var err error
	switch kind {
	case trace.TCP:
		mine, far, err = tcpPair(buffer)
	case trace.Unix:
		mine, far, err = unixPair(buffer)
	case trace.ReadPipe:
		far, mine, err = pipePair(buffer)
	case trace.WritePipe:
		mine, far, err = pipePair(buffer)
	default:
		var file *os.File
		if file, err = regularFile(); err == nil {
			r.far, err = newFar(-1, file)
		}
		return r, err
	}
	if err != nil {
		return nil, err
	}
	r.file = os.NewFile(uintptr(mine), "raw end")
	r.far, err = newFar(far, nil)
	return r, err
}

// far is the end that the implementation gets.
type far struct {
	fd   int      // until it is opened
	file *os.File // instead, where it is a regular file
	identity
}

func newFar(fd int, file *os.File) (far, error) {
	f := far{fd: fd, file: file}
	if file != nil {
		fd = int(file.Fd())
	}
	var err error
	f.identity, err = identify(fd)
	return f, err
}

// identify tells what a descriptor is to the kernel.
func identify(fd int) (identity, error) {
	var info syscall.Stat_t
	if err := syscall.Fstat(fd, &info); err != nil {
		return identity{}, os.NewSyscallError("fstat", err)
	}
	flags, err := fcntl(fd, syscall.F_GETFL, 0)
	return identity{uint64(info.Dev), info.Ino, flags & syscall.O_ACCMODE}, err
}

func fcntl(fd, command, arg int) (int, error) {
	result, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), uintptr(command), uintptr(arg))
	if errno != 0 {
		return 0, os.NewSyscallError("fcntl", errno)
	}
	return int(result), nil
}

// open makes of the far end what an implementation in Go expects.
func (f *far) open(kind trace.EndKind) (End, error) {
	switch kind {
	case trace.ReadPipe:
		return End{Kind: kind, File: os.NewFile(uintptr(f.fd), "read pipe")}, nil
	case trace.WritePipe:
		return End{Kind: kind, File: os.NewFile(uintptr(f.fd), "write pipe")}, nil
	case trace.ReadFile:
		return End{Kind: trace.ReadPipe, File: f.file}, nil
	case trace.WriteFile:
		return End{Kind: trace.WritePipe, File: f.file}, nil
	}
	file := os.NewFile(uintptr(f.fd), "far end")
	defer file.Close() // FileConn makes a copy
	conn, err := net.FileConn(file)
	if err != nil {
		return End{}, err
	}
	switch conn := conn.(type) {
	case *net.TCPConn:
		return End{Kind: kind, TCP: conn}, nil
	case *net.UnixConn:
		return End{Kind: kind, Unix: conn}, nil
	}
	_ = conn.Close()
	return End{}, fmt.Errorf("a connection of kind %s is a %T", kind, conn)
}

func (f *far) close() {
	if f.file != nil {
		_ = f.file.Close()
	} else {
		_ = syscall.Close(f.fd)
	}
}

// farOpen reports whether this process has a descriptor of the far end.
func (r *raw) farOpen() (bool, error) {
	r.locate()
	return r.far.isOpen()
}

// isOpen reports whether this process has a descriptor of that.
func (i identity) isOpen() (open bool, err error) {
	err = eachDescriptor(func(fd int) bool {
		found, err := identify(fd)
		open = err == nil && found == i
		return !open
	})
	return open, err
}

// eachDescriptor calls f with the descriptors of this process until it returns false. They may be closed meanwhile.
func eachDescriptor(f func(fd int) bool) error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && !f(fd) {
			break
		}
	}
	return nil
}

// locate looks for the far end of a connection that has been made to or by the implementation, by the names of both ends.
func (r *raw) locate() {
	if r.local == nil || r.far.identity != (identity{}) {
		return
	}
	_ = eachDescriptor(func(fd int) bool {
		if peer, err := nameBy(syscall.Getpeername, fd); err != nil || !reflect.DeepEqual(peer, r.local) {
			return true
		}
		if own, err := nameBy(syscall.Getsockname, fd); err != nil || !reflect.DeepEqual(own, r.remote) {
			return true
		}
		r.far.identity, _ = identify(fd)
		return false
	})
}

// nameBy asks the kernel for the address of a socket, or that of its peer.
func nameBy(ask func(int) (syscall.Sockaddr, error), fd int) (any, error) {
	a, err := ask(fd)
	if err != nil {
		return nil, err
	}
	return name(a)
}

// send gives the kernel what it takes at once.
func (r *raw) send(p []byte) (n int, err error) {
	err = r.control(func(fd int) error {
		for n < len(p) {
			m, err := syscall.Write(fd, p[n:]) // the runtime keeps the signal of a broken pipe away
			if err == syscall.EINTR {
				continue
			}
			if err == syscall.EAGAIN || err != nil && n > 0 {
				return nil
			}
			if err != nil {
				return os.NewSyscallError("write", err)
			}
			n += m
		}
		return nil
	})
	return n, err
}

// shutdown ends the stream to the far end.
func (r *raw) shutdown() error {
	return r.control(func(fd int) error { return os.NewSyscallError("shutdown", syscall.Shutdown(fd, syscall.SHUT_WR)) })
}

// reset closes the raw end so that the far end sees a reset.
func (r *raw) reset() {
	_ = r.control(func(fd int) error {
		return syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
	})
	r.close()
}

// address returns the address of the raw end, or that of its peer.
func (r *raw) address(ofPeer bool) (v any, err error) {
	err = r.control(func(fd int) error {
		ask, call := syscall.Getsockname, "getsockname"
		if ofPeer {
			ask, call = syscall.Getpeername, "getpeername"
		}
		v, err = nameBy(ask, fd)
		return os.NewSyscallError(call, err)
	})
	return v, err
}

// regularFile makes a file that has no name any more.
func regularFile() (*os.File, error) {
	file, err := os.CreateTemp("", "far-end-*")
	if err != nil {
		return nil, err
	}
	return file, os.Remove(file.Name())
}

// pipePair makes a pipe.
func pipePair(buffer int) (read, write int, err error) {
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		return -1, -1, os.NewSyscallError("pipe2", err)
	}
	if buffer > 0 {
		const setPipeSize = 1031 // F_SETPIPE_SZ; the kernel makes it a page at least
		if _, err := fcntl(fds[1], setPipeSize, buffer); err != nil {
			closeAll(fds[:]...)
			return -1, -1, err
		}
	}
	return fds[0], fds[1], nil
}

// unixPair makes two connected Unix sockets.
func unixPair(buffer int) (mine, far int, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, -1, os.NewSyscallError("socketpair", err)
	}
	if err := errors.Join(setBuffers(fds[0], buffer), setBuffers(fds[1], buffer)); err != nil {
		closeAll(fds[:]...)
		return -1, -1, err
	}
	return fds[0], fds[1], nil
}

// tcpPair makes two connected TCP sockets: the far one connects to a listener, the raw one is accepted there. The buffers
// are set before, which is when they count.
func tcpPair(buffer int) (mine, far int, err error) {
	listener, err := tcpSocket(buffer)
	if err != nil {
		return -1, -1, err
	}
	defer syscall.Close(listener)
	// Ports are many, but those of connections past stay taken for a minute.
	if err := syscall.SetsockoptInt(listener, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return -1, -1, os.NewSyscallError("setsockopt", err)
	}
	if err := syscall.Bind(listener, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return -1, -1, os.NewSyscallError("bind", err)
	}
	if err := syscall.Listen(listener, 16); err != nil {
		return -1, -1, os.NewSyscallError("listen", err)
	}
	place, err := syscall.Getsockname(listener)
	if err != nil {
		return -1, -1, os.NewSyscallError("getsockname", err)
	}
	if far, err = tcpSocket(buffer); err != nil {
		return -1, -1, err
	}
	if mine, err = tcpConnect(listener, far, place); err != nil {
		_ = syscall.Close(far)
		return -1, -1, err
	}
	return mine, far, nil
}

// tcpConnect connects a socket to the listener and returns the other end. A stranger who connects there is turned away.
func tcpConnect(listener, far int, place syscall.Sockaddr) (int, error) {
	if err := retry(func() error { return syscall.Connect(far, place) }); err != nil {
		return -1, os.NewSyscallError("connect", err)
	}
	name, err := syscall.Getsockname(far)
	if err != nil {
		return -1, os.NewSyscallError("getsockname", err)
	}
	for {
		mine, peer := -1, syscall.Sockaddr(nil)
		err := retry(func() (err error) {
			mine, peer, err = syscall.Accept4(listener, syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK)
			return err
		})
		if err != nil {
			return -1, os.NewSyscallError("accept", err)
		}
		a, ok := peer.(*syscall.SockaddrInet4)
		if b, is := name.(*syscall.SockaddrInet4); !ok || !is || a.Port != b.Port || a.Addr != b.Addr {
			_ = syscall.Close(mine)
			continue
		}
		err = errors.Join(syscall.SetNonblock(far, true), syscall.SetsockoptInt(mine, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1))
		if err != nil {
			_ = syscall.Close(mine)
			return -1, err
		}
		return mine, nil
	}
}

// retry calls f until no signal comes between.
func retry(f func() error) error {
	for {
		if err := f(); err != syscall.EINTR {
			return err
		}
	}
}

func tcpSocket(buffer int) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := setBuffers(fd, buffer); err != nil {
		_ = syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}

func setBuffers(fd, size int) error {
	if size == 0 {
		return nil
	}
	for _, option := range []int{syscall.SO_SNDBUF, syscall.SO_RCVBUF} {
		if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, option, size); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return nil
}

func closeAll(fds ...int) {
	for _, fd := range fds {
		_ = syscall.Close(fd)
	}
}
