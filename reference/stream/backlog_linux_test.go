package stream

import (
	"syscall"
	"testing"
	"unsafe"
)

// The system tells the length of the queue that it was asked for.
func TestBacklog(t *testing.T) {
	for _, c := range []struct {
		opts []ServeOption
		want uint32
	}{{nil, 100}, {[]ServeOption{Backlog(7)}, 7}, {[]ServeOption{Backlog(0)}, 0}} {
		s, err := StartServer(soon(t), echo, "127.0.0.1:0", c.opts...)
		must(t, err)
		ending(t, s)
		raw, err := s.Sockets()[0].SyscallConn()
		must(t, err)
		var info [32]uint32 // struct tcp_info, of which the eighth word is the length
		size := uint32(unsafe.Sizeof(info))
		var code syscall.Errno
		must(t, raw.Control(func(fd uintptr) {
			_, _, code = syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, syscall.TCP_INFO, uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		}))
		if code != 0 || info[7] != c.want {
			t.Fatalf("%d, %v; want %d", info[7], code, c.want)
		}
		expectEcho(t, place{kind: "tcp"}.dialed(t, s)) // also with a queue for none
	}
}
