package stream

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/streamspec/streamspec/reference/transport"
)

// OpenUnixConnection is [OpenConnection] to the path of a Unix stream socket, where there is one. On Linux, a path that
// begins with @ is an abstract name. Options that are of TCP only are [*ArgumentError]s. While the server's queue is full it
// waits.
//
// Rules: unix.open-returns-pair, unix.open-like-tcp, unix.path-like, unix.owns-socket, unix.availability.
func OpenUnixConnection(ctx context.Context, path string, opts ...OpenOption) (*Reader, *Writer, error) {
	o := newOpening(opts)
	if err := o.refuseTCP(); err != nil {
		return nil, nil, err
	}
	if err := o.check("path", path, "unix"); err != nil {
		return nil, nil, err
	}
	return o.run(ctx, func() (net.Conn, error) { return o.connectUnix(ctx, path) })
}

// connectAgain is how long connecting pauses when the queue of a Unix server is full, of which the system does not tell
// when it is no longer.
const connectAgain = 5 * time.Millisecond

func (o *opening) connectUnix(ctx context.Context, path string) (net.Conn, error) {
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		if !errors.Is(err, syscall.EAGAIN) {
			return conn, err
		}
		expired, stop := o.clock.NewTimer(connectAgain)
		select {
		case <-expired:
		case <-ctx.Done():
			stop()
			return nil, ctx.Err()
		}
	}
}

// StartUnixServer is [StartServer] at the path of a Unix socket. A socket file that is there is removed before, unless a
// socket is still bound to it: that, and another kind of file, is an error that matches syscall.EADDRINUSE. A directory
// that is missing is one that matches syscall.ENOENT. [Server.Close] removes the socket file. On Linux, a path that begins
// with @ is an abstract name, without a file. Options that are of TCP only are [*ArgumentError]s.
//
// Elsewhere than on Unix, the error matches [errors.ErrUnsupported].
//
// Rules: unix.server, unix.path-like, unix.owns-socket, unix.occupied-path, unix.removes-socket-file, unix.availability.
func StartUnixServer(ctx context.Context, connected func(*Reader, *Writer) error, path string, opts ...ServeOption) (*Server, error) {
	o := newServing(opts)
	if err := o.refuseTCP(); err != nil {
		return nil, err
	}
	if err := o.check("path", path, path != "", connected, "unix"); err != nil {
		return nil, err
	}
	return o.run(ctx, connected, func() ([]net.Listener, error) {
		l, err := transport.BindUnix(path)
		if err != nil {
			return nil, err
		}
		return []net.Listener{l}, nil
	})
}

// A socketFile is the file of a bound Unix socket.
type socketFile struct {
	path string
	info os.FileInfo // nil if there is none
}

func fileOf(l *net.UnixListener) socketFile {
	path := l.Addr().String()
	if path == "" || strings.HasPrefix(path, "@") {
		return socketFile{}
	}
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	info, err := os.Lstat(path)
	if err != nil {
		return socketFile{}
	}
	return socketFile{path, info}
}

// remove removes the file if it is still the same. As long as the socket is open no other can be taken for it.
//
// Rule: unix.removes-socket-file.
func (f socketFile) remove() {
	if f.info == nil {
		return
	}
	if now, err := os.Lstat(f.path); err == nil && os.SameFile(f.info, now) {
		_ = os.Remove(f.path)
	}
}
