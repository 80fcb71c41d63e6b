package stream

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// generous is how long what must happen may take.
const generous = 20 * time.Second

func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), generous)
	t.Cleanup(cancel)
	return ctx
}

// echo is a client-connected callback.
func echo(r *Reader, w *Writer) error {
	defer w.Close()
	for {
		line, err := r.ReadLine(context.Background())
		if err != nil || len(line) == 0 {
			return err
		}
		if err := w.Write(line); err != nil {
			return err
		}
	}
}

// park is a client-connected callback that leaves its connection to others.
func park(*Reader, *Writer) error { return nil }

// place is where servers of a kind are started and reached.
type place struct {
	kind  string
	serve func(connected func(*Reader, *Writer) error, opts ...ServeOption) (*Server, error)
	open  func(s *Server, opts ...OpenOption) (*Reader, *Writer, error)
}

// places are TCP and Unix.
func places(t *testing.T, test func(t *testing.T, p place)) {
	t.Run("tcp", func(t *testing.T) {
		test(t, place{
			kind: "tcp",
			serve: func(connected func(*Reader, *Writer) error, opts ...ServeOption) (*Server, error) {
				return StartServer(soon(t), connected, "127.0.0.1:0", opts...)
			},
			open: func(s *Server, opts ...OpenOption) (*Reader, *Writer, error) {
				return OpenConnection(soon(t), s.Sockets()[0].Addr().String(), opts...)
			},
		})
	})
	t.Run("unix", func(t *testing.T) {
		test(t, place{
			kind: "unix",
			serve: func(connected func(*Reader, *Writer) error, opts ...ServeOption) (*Server, error) {
				return StartUnixServer(soon(t), connected, filepath.Join(shortDir(t), "s"), opts...)
			},
			open: func(s *Server, opts ...OpenOption) (*Reader, *Writer, error) {
				return OpenUnixConnection(soon(t), s.Sockets()[0].Addr().String(), opts...)
			},
		})
	})
}

// shortDir is a directory whose name is short, as those of sockets must be.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "stream")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (p place) dialed(t testing.TB, s *Server) net.Conn {
	t.Helper()
	conn, err := net.Dial(p.kind, s.Sockets()[0].Addr().String())
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	must(t, conn.SetDeadline(time.Now().Add(generous)))
	return conn
}

func (p place) served(t testing.TB, connected func(*Reader, *Writer) error, opts ...ServeOption) *Server {
	t.Helper()
	s, err := p.serve(connected, opts...)
	must(t, err)
	t.Cleanup(func() {
		s.Close()
		s.AbortClients()
		must(t, s.WaitClosed(soon(t)))
	})
	return s
}

func TestEcho(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		s := p.served(t, echo)
		if !s.IsServing() {
			t.Fatal("not serving")
		}
		r, w, err := p.open(s)
		must(t, err)
		must(t, w.Write([]byte("hello\n")))
		line, err := r.ReadLine(soon(t))
		must(t, err)
		if string(line) != "hello\n" {
			t.Fatalf("%q", line)
		}
		w.Close()
		must(t, w.WaitClosed(soon(t)))
	})
}
