package stream

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/streamspec/streamspec/reference/transport"
)

// generous is how long what must happen may take.
const generous = 20 * time.Second

func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), generous)
	t.Cleanup(cancel)
	return ctx
}

// never is a context that is done: a call that has to wait says so at once.
func never() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func expectError(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("%s: %v; want %v", what, got, want)
	}
}

// place is how servers of a kind are started and reached.
type place struct {
	kind  string
	serve func(ctx context.Context, connected func(*Reader, *Writer) error, opts ...ServeOption) (*Server, error)
	open  func(ctx context.Context, address string, opts ...OpenOption) (*Reader, *Writer, error)
}

// places are TCP and Unix.
func places(t *testing.T, test func(t *testing.T, p place)) {
	t.Run("tcp", func(t *testing.T) {
		test(t, place{"tcp", func(ctx context.Context, connected func(*Reader, *Writer) error, opts ...ServeOption) (*Server, error) {
			return StartServer(ctx, connected, "127.0.0.1:0", opts...)
		}, OpenConnection})
	})
	t.Run("unix", func(t *testing.T) {
		test(t, place{"unix", func(ctx context.Context, connected func(*Reader, *Writer) error, opts ...ServeOption) (*Server, error) {
			return StartUnixServer(ctx, connected, shortDir(t)+"/s", opts...)
		}, OpenUnixConnection})
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

// started is a server that is gone when the test has ended.
func (p place) started(t testing.TB, connected func(*Reader, *Writer) error, opts ...ServeOption) *Server {
	t.Helper()
	s, err := p.serve(soon(t), connected, opts...)
	must(t, err)
	ending(t, s)
	return s
}

func ending(t testing.TB, s *Server) {
	t.Cleanup(func() {
		s.Close()
		s.AbortClients()
		must(t, s.WaitClosed(soon(t)))
	})
}

func address(s *Server) string { return s.Sockets()[0].Addr().String() }

// dialed is a raw client.
func (p place) dialed(t testing.TB, s *Server) net.Conn {
	t.Helper()
	conn, err := net.Dial(p.kind, address(s))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	must(t, conn.SetDeadline(time.Now().Add(generous)))
	return conn
}

// expectEnd waits for the end of the stream.
func expectEnd(t testing.TB, conn net.Conn) {
	t.Helper()
	if n, err := conn.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%d bytes, %v; want the end", n, err)
	}
}

// expectEcho sends a line and waits for it to come back.
func expectEcho(t testing.TB, conn net.Conn) {
	t.Helper()
	_, err := conn.Write([]byte("line\n"))
	must(t, err)
	got := make([]byte, 5)
	for n := 0; n < len(got); {
		m, err := conn.Read(got[n:])
		must(t, err)
		n += m
	}
	if string(got) != "line\n" {
		t.Fatalf("%q", got)
	}
}

func echo(r *Reader, w *Writer) error {
	defer w.Close()
	for {
		line, err := r.ReadLine(context.Background())
		if err != nil || len(line) == 0 {
			return nil
		}
		if err := w.Write(line); err != nil {
			return err
		}
	}
}

// park leaves its connection to others.
func park(*Reader, *Writer) error { return nil }

// reports are collected.
type reports struct {
	mu  sync.Mutex
	all []*transport.CallbackError
}

func (r *reports) option() Option {
	return TransportOptions(&transport.Options{Report: func(e *transport.CallbackError) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.all = append(r.all, e)
	}})
}

func (r *reports) texts() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, e := range r.all {
		all = append(all, e.Error())
	}
	return strings.Join(all, "; ")
}

func TestEcho(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		s := p.started(t, echo)
		if !s.IsServing() {
			t.Fatal("not serving")
		}
		r, w, err := p.open(soon(t), address(s))
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

func TestCallbackIsCalledOncePerConnection(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		const clients = 20
		var mu sync.Mutex
		readers, writers := map[*Reader]bool{}, map[*Writer]bool{}
		held, release := make(chan struct{}, clients+1), make(chan struct{})
		s := p.started(t, func(r *Reader, w *Writer) error {
			mu.Lock()
			readers[r], writers[w] = true, true
			mu.Unlock()
			held <- struct{}{}
			<-release // nobody else has to wait for this one
			w.Close()
			return nil
		})
		var conns []net.Conn
		for range clients {
			conns = append(conns, p.dialed(t, s))
		}
		for range clients {
			<-held
		}
		close(release)
		for _, conn := range conns {
			expectEnd(t, conn)
		}
		if len(readers) != clients || len(writers) != clients || len(held) > 0 {
			t.Fatalf("%d readers, %d writers, %d more calls", len(readers), len(writers), len(held))
		}
	})
}

func TestLimitOfServer(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		outcome := make(chan error, 1)
		s := p.started(t, func(r *Reader, w *Writer) error {
			defer w.Close()
			_, err := r.ReadUntil(context.Background(), []byte("\n"))
			outcome <- err
			return nil
		}, Limit(4))
		conn := p.dialed(t, s)
		_, err := conn.Write([]byte("12345\n"))
		must(t, err)
		var overrun *LimitOverrunError
		if err := <-outcome; !errors.As(err, &overrun) {
			t.Fatal(err)
		}
	})
}

// A callback that fails is reported, once, and its connection closed; one that is cancelled just that.
func TestFailingCallback(t *testing.T) {
	cause := errors.New("on purpose")
	for _, c := range []struct {
		name   string
		end    func() error
		report string
	}{
		{"returns an error", func() error { return cause }, "on purpose"},
		{"panics", func() error { panic(cause) }, "on purpose"},
		{"panics with no error", func() error { panic("text") }, "text"},
		{"ends its goroutine", func() error { runtime.Goexit(); return nil }, "Goexit"},
		{"is cancelled", func() error { return context.Canceled }, ""},
		{"is cancelled inside", func() error { return &net.OpError{Op: "read", Err: context.Canceled} }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			places(t, func(t *testing.T, p place) {
				var seen reports
				s := p.started(t, func(*Reader, *Writer) error { return c.end() }, seen.option())
				conn := p.dialed(t, s)
				expectEnd(t, conn)
				s.Close()
				must(t, s.WaitClosed(soon(t))) // nothing is left to wait for
				got := seen.texts()
				if (c.report == "") != (got == "") || !strings.Contains(got, c.report) || strings.Contains(got, ";") {
					t.Fatalf("reported: %s", got)
				}
			})
		})
	}
}

func TestCallbackThatReturnsLeavesTheConnection(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		streams := make(chan end, 1)
		s := p.started(t, func(r *Reader, w *Writer) error {
			streams <- end{r, w}
			return nil
		})
		conn := p.dialed(t, s)
		e := <-streams
		_, err := conn.Write([]byte("still\n"))
		must(t, err)
		if line, err := e.r.ReadLine(soon(t)); err != nil || string(line) != "still\n" {
			t.Fatalf("%q, %v", line, err)
		}
	})
}

func TestDeferredServing(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		for _, forever := range []bool{false, true} {
			s := p.started(t, echo, StartServing(false))
			_, _, err := p.open(soon(t), address(s))
			expectError(t, "connecting before", err, syscall.ECONNREFUSED)
			expectError(t, "starting with a context that is done", s.StartServing(never()), context.Canceled)
			if s.IsServing() {
				t.Fatal("serving already")
			}
			if forever {
				ctx, cancel := context.WithCancel(soon(t))
				ended := make(chan error, 1)
				go func() { ended <- s.ServeForever(ctx) }()
				for !s.IsServing() {
					runtime.Gosched()
				}
				expectEcho(t, p.dialed(t, s))
				cancel()
				expectError(t, "serving forever", <-ended, context.Canceled)
				continue
			}
			must(t, s.StartServing(soon(t)))
			must(t, s.StartServing(soon(t)))
			if !s.IsServing() {
				t.Fatal("not serving")
			}
			expectEcho(t, p.dialed(t, s))
		}
	})
}

func TestCloseOfServer(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		s := p.started(t, echo)
		where := address(s)
		client := p.dialed(t, s)
		expectEcho(t, client)
		for range 2 {
			s.Close()
			if n := len(s.Sockets()); n > 0 || s.IsServing() {
				t.Fatalf("%d sockets, serving %v", n, s.IsServing())
			}
		}
		expectEcho(t, client)
		if _, _, err := p.open(soon(t), where); !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, syscall.ENOENT) {
			t.Fatal(err)
		}
		expectError(t, "StartServing", s.StartServing(soon(t)), ErrInvalidState)
		expectError(t, "ServeForever", s.ServeForever(soon(t)), ErrInvalidState)
	})
}

func TestWaitClosedOfServer(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		s := p.started(t, echo)
		expectError(t, "while it is open", s.WaitClosed(never()), context.Canceled)
		client := p.dialed(t, s)
		expectEcho(t, client)
		before := make(chan error, 1)
		go func() { before <- s.WaitClosed(soon(t)) }()
		s.Close()
		expectError(t, "while there is a client", s.WaitClosed(never()), context.Canceled)
		select {
		case err := <-before:
			t.Fatalf("came back though there is a client: %v", err)
		default:
		}
		must(t, client.Close())
		must(t, <-before)
		must(t, s.WaitClosed(never()))
	})
}

// The transport counts, not the protocol that it began with.
func TestWaitClosedKnowsOfAnotherProtocol(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		writers := make(chan *Writer, 1)
		s := p.started(t, func(_ *Reader, w *Writer) error {
			w.Transport().SetProtocol(transport.IdleProtocol{})
			writers <- w
			return nil
		})
		p.dialed(t, s)
		w := <-writers
		s.Close()
		expectError(t, "while there is a client", s.WaitClosed(never()), context.Canceled)
		w.Close()
		must(t, s.WaitClosed(soon(t)))
	})
}

func TestServeForever(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		s := p.started(t, echo)
		ended := make(chan error, 1)
		go func() { ended <- s.ServeForever(soon(t)) }()
		for err := error(nil); err == nil; runtime.Gosched() { // until the other has begun
			s.mu.Lock()
			if s.forever {
				err = errServedForever
			}
			s.mu.Unlock()
		}
		expectError(t, "the second", s.ServeForever(soon(t)), ErrInvalidState)
		s.Close()
		expectError(t, "the first", <-ended, context.Canceled)

		s = p.started(t, echo)
		client := p.dialed(t, s)
		expectEcho(t, client)
		ctx, cancel := context.WithCancelCause(context.Background())
		go func() { ended <- s.ServeForever(ctx) }()
		cancel(nil)
		expectError(t, "cancelled", <-ended, context.Canceled)
		if s.IsServing() {
			t.Fatal("still serving")
		}
		expectEcho(t, client)

		s = p.started(t, echo)
		ctx, stop := context.WithTimeout(context.Background(), 0)
		defer stop()
		expectError(t, "timed out", s.ServeForever(ctx), context.DeadlineExceeded)
	})
}

func TestCloseClients(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		for _, abort := range []bool{false, true} {
			streams := make(chan end, 2)
			s := p.started(t, func(r *Reader, w *Writer) error {
				streams <- end{r, w}
				return nil
			})
			idle, stuck := p.dialed(t, s), p.dialed(t, s)
			var queued int
			for range 2 {
				e := <-streams
				if e.w.Transport().(transport.Transport).GetProtocol() == nil {
					t.Fatal("no protocol")
				}
				for e.w.Transport().GetWriteBufferSize() == 0 {
					must(t, e.w.Write(make([]byte, 1<<16)))
					queued += 1 << 16
				}
			}
			if abort {
				s.AbortClients()
			} else {
				s.CloseClients()
			}
			if !s.IsServing() {
				t.Fatal("not serving any more")
			}
			var got int
			for _, conn := range []net.Conn{idle, stuck} {
				for buf := make([]byte, 1<<16); ; {
					n, err := conn.Read(buf)
					got += n
					if errors.Is(err, os.ErrDeadlineExceeded) {
						t.Fatal(err)
					}
					if err != nil {
						break
					}
				}
			}
			if abort == (got == queued) {
				t.Fatalf("%d of %d bytes arrived", got, queued)
			}
			s.Close()
			must(t, s.WaitClosed(soon(t)))
		}
	})
}

func TestWith(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		cause := errors.New("on purpose")
		for _, want := range []error{nil, cause} {
			s := p.started(t, echo)
			got := s.With(soon(t), func() error {
				expectEcho(t, p.dialed(t, s))
				s.AbortClients()
				return want
			})
			if got != want || s.IsServing() || s.WaitClosed(never()) != nil {
				t.Fatalf("%v, serving %v", got, s.IsServing())
			}
		}

		s := p.started(t, echo)
		client := p.dialed(t, s)
		expectEcho(t, client)
		expectError(t, "with a client that stays", s.With(never(), func() error { return nil }), context.Canceled)
		expectError(t, "with a client that stays", s.With(never(), func() error { return cause }), cause)

		s = p.started(t, echo)
		func() {
			defer func() {
				if got := recover(); got != cause {
					t.Fatal(got)
				}
			}()
			_ = s.With(soon(t), func() error { panic(cause) })
		}()
		if s.IsServing() {
			t.Fatal("still serving")
		}

		s = p.started(t, echo)
		expectError(t, "serving in it", s.With(soon(t), func() error {
			go s.Close()
			return s.ServeForever(soon(t))
		}), context.Canceled)
	})
}

// Whoever has connected when the server closes is served or turned away; nobody is left hanging, and nothing is left
// behind. Who is still connecting over TCP is not asked: Linux itself forgets some of them.
func TestCloseRacesWithAccept(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		const clients = 8
		descriptors := openDescriptors(t)
		for round := range 60 {
			var calls atomic.Int32
			s := p.started(t, func(_ *Reader, w *Writer) error {
				defer w.Close()
				calls.Add(1)
				return w.Write([]byte("x"))
			}, StartServing(false))
			must(t, transport.Listen(s.sockets[0], clients)) // so that they queue
			var all []net.Conn
			for range clients {
				all = append(all, p.dialed(t, s))
			}
			must(t, s.StartServing(soon(t)))
			for begin := time.Now(); time.Since(begin) < time.Duration(round)*4*time.Microsecond; {
				runtime.Gosched()
			}
			s.Close()
			served := int32(0)
			for _, conn := range all {
				n, err := conn.Read(make([]byte, 1))
				if errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatal("left hanging")
				}
				served += int32(n)
				must(t, conn.Close())
			}
			must(t, s.WaitClosed(soon(t)))
			if n := calls.Load(); served > n || n > clients {
				t.Fatalf("%d callbacks, %d clients served", n, served)
			}
		}
		if now := openDescriptors(t); now > descriptors {
			t.Fatalf("%d descriptors, %d before", now, descriptors)
		}
	})
}

// A connection that is accepted after Close has taken the lock is closed at once.
func TestCloseBeforeGreeting(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		a, b := dial(t, p.kind)
		s := p.started(t, func(*Reader, *Writer) error { t.Error("called"); return nil })
		s.Close()
		must(t, s.greet(a))
		must(t, b.SetDeadline(time.Now().Add(generous)))
		expectEnd(t, b)
		must(t, b.Close())
	})
}

// scripted is a listener that says what it is told to.
type scripted struct {
	net.Listener
	answers chan any
}

func (s scripted) Accept() (net.Conn, error) {
	switch a := (<-s.answers).(type) {
	case net.Conn:
		return a, nil
	case error:
		return nil, a
	}
	return nil, net.ErrClosed
}

// stopped is a clock that does not go by itself.
type stopped struct{ timers chan chan time.Time }

func (c stopped) NewTimer(time.Duration) (<-chan time.Time, func() bool) {
	expired := make(chan time.Time, 1)
	c.timers <- expired
	return expired, func() bool { return true }
}

func TestAcceptErrors(t *testing.T) {
	for _, code := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EPROTO} {
		var seen reports
		clock := stopped{make(chan chan time.Time, 1)}
		l := scripted{answers: make(chan any)}
		called := make(chan *Writer, 1)
		s := newServer(newServing([]ServeOption{seen.option(), TimedBy(clock)}), nil, func(_ *Reader, w *Writer) error {
			called <- w
			return nil
		})
		s.accepts++
		go s.accept(l)
		l.answers <- os.NewSyscallError("accept4", syscall.ECONNABORTED)
		a, b := dial(t, "tcp")
		l.answers <- a // at once: no timer in between
		(<-called).Close()
		must(t, b.Close())
		if len(clock.timers) > 0 || seen.texts() != "" {
			t.Fatalf("%d timers, reported: %s", len(clock.timers), seen.texts())
		}

		l.answers <- os.NewSyscallError("accept4", code)
		expired := <-clock.timers
		if !strings.Contains(seen.texts(), code.Error()) {
			t.Fatalf("reported: %s", seen.texts())
		}
		select {
		case l.answers <- nil:
			t.Fatal("tried again at once")
		default:
		}
		expired <- time.Time{}
		a, b = dial(t, "tcp")
		l.answers <- a
		(<-called).Close()
		must(t, b.Close())

		l.answers <- os.NewSyscallError("accept4", code)
		<-clock.timers
		s.Close() // ends the pause
		must(t, s.WaitClosed(soon(t)))
	}
}

func TestServerRefusals(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		descriptors := openDescriptors(t)
		for name, opts := range map[string][]ServeOption{
			"limit 0":              {Limit(0)},
			"limit -1":             {Limit(-1)},
			"backlog -1":           {Backlog(-1)},
			"an address, a socket": {ListeningSock(listening(t, p.kind))},
		} {
			_, err := p.serve(soon(t), echo, opts...)
			expectError(t, name, err, ErrInvalidArgument)
		}
		_, err := p.serve(soon(t), nil)
		expectError(t, "no callback", err, ErrInvalidArgument)
		_, err = p.serve(never(), echo)
		expectError(t, "a context that is done", err, context.Canceled)
		if now := openDescriptors(t); now > descriptors+1 { // the socket, which is ours
			t.Fatalf("%d descriptors, %d before", now, descriptors)
		}
	})
	for name, err := range map[string]error{
		"neither":                   second(StartServer(soon(t), echo, "")),
		"neither, of Unix":          second(StartUnixServer(soon(t), echo, "")),
		"no port":                   second(StartServer(soon(t), echo, "127.0.0.1")),
		"a wild port":               second(StartServer(soon(t), echo, "127.0.0.1:65536")),
		"a negative port":           second(StartServer(soon(t), echo, "127.0.0.1:-1")),
		"a family of Unix":          second(StartUnixServer(soon(t), echo, "/x", IPv4)),
		"further addresses of Unix": second(StartUnixServer(soon(t), echo, "/x", AlsoAt("/y"))),
		"a TCP socket for Unix":     second(StartUnixServer(soon(t), echo, "", ListeningSock(listening(t, "tcp")))),
		"datagrams":                 second(StartServer(soon(t), echo, "", ListeningSock(listening(t, "unixpacket")))),
		"another listener":          second(StartServer(soon(t), echo, "", ListeningSock(struct{ net.Listener }{listening(t, "tcp")}))),
	} {
		expectError(t, name, err, ErrInvalidArgument)
	}
}

func second[T any](_ T, err error) error { return err }

// listening is a socket of package net.
func listening(t testing.TB, kind string) net.Listener {
	t.Helper()
	where := "127.0.0.1:0"
	if kind != "tcp" {
		where = shortDir(t) + "/l"
	}
	l, err := net.Listen(kind, where)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// openDescriptors counts this process's descriptors; 0 where that cannot be told.
func openDescriptors(t testing.TB) int {
	t.Helper()
	all, _ := os.ReadDir("/proc/self/fd")
	return len(all)
}

func TestServerOwnsItsSocket(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		l := listening(t, p.kind)
		serve := StartServer
		if p.kind == "unix" {
			serve = StartUnixServer
		}
		_, err := serve(soon(t), echo, "", ListeningSock(l), Limit(0))
		expectError(t, "limit 0", err, ErrInvalidArgument)
		_, err = serve(never(), echo, "", ListeningSock(l))
		expectError(t, "a context that is done", err, context.Canceled)
		s, err := serve(soon(t), echo, "", ListeningSock(l)) // so it is still there
		must(t, err)
		ending(t, s)
		if address(s) != l.Addr().String() {
			t.Fatal(address(s))
		}
		client := p.dialed(t, s)
		expectEcho(t, client)
		s.Close()
		_, err = l.Accept()
		expectError(t, "accepting afterwards", err, net.ErrClosed)
		if p.kind == "unix" {
			if _, err := os.Lstat(l.Addr().String()); !errors.Is(err, os.ErrNotExist) {
				t.Fatalf("the socket file: %v", err)
			}
		}
	})
}

func TestSockets(t *testing.T) {
	s, err := StartServer(soon(t), echo, "127.0.0.1:0", AlsoAt("127.0.0.2:0", "127.0.0.3:0"))
	must(t, err)
	ending(t, s)
	var hosts []string
	for _, socket := range s.Sockets() {
		host, port, err := net.SplitHostPort(socket.Addr().String())
		must(t, err)
		if port == "0" {
			t.Fatal("no port")
		}
		hosts = append(hosts, host)
		conn, err := net.Dial("tcp", socket.Addr().String())
		must(t, err)
		must(t, conn.SetDeadline(time.Now().Add(generous)))
		expectEcho(t, conn)
		must(t, conn.Close())
	}
	if got := strings.Join(hosts, " "); got != "127.0.0.1 127.0.0.2 127.0.0.3" {
		t.Fatal(got)
	}
}

func TestAllInterfaces(t *testing.T) {
	s, err := StartServer(soon(t), echo, ":0")
	must(t, err)
	ending(t, s)
	_, port, err := net.SplitHostPort(address(s))
	must(t, err)
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(generous)))
	expectEcho(t, conn)
}

func TestAddressInUse(t *testing.T) {
	places(t, func(t *testing.T, p place) {
		serve := StartServer
		if p.kind == "unix" {
			serve = StartUnixServer
		}
		s := p.started(t, echo)
		descriptors := openDescriptors(t)
		for _, serving := range []StartServing{true, false} {
			_, err := serve(soon(t), echo, address(s), serving)
			expectError(t, "the second", err, syscall.EADDRINUSE)
		}
		if now := openDescriptors(t); now > descriptors {
			t.Fatalf("%d descriptors, %d before", now, descriptors)
		}
		s = p.started(t, echo, StartServing(false))
		other, err := serve(soon(t), echo, address(s), StartServing(false))
		if err == nil { // TCP tells later: only one can listen
			ending(t, other)
			must(t, s.StartServing(soon(t)))
			err = other.StartServing(soon(t))
		}
		expectError(t, "the second", err, syscall.EADDRINUSE)
	})
}

func TestReusePort(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere it is up to the system")
	}
	var seen [2]string
	where := "127.0.0.1:0"
	for i := range seen {
		s, err := StartServer(soon(t), echo, where, ReusePort(true))
		must(t, err)
		ending(t, s)
		where = address(s)
		seen[i] = where
	}
	if seen[0] != seen[1] {
		t.Fatal(seen)
	}
}

func TestSomeAddressesMayBeMissing(t *testing.T) {
	resolver := answers{"both": {"127.0.0.1:0", "240.0.0.1:0"}, "none": {"240.0.0.1:0", "240.0.0.2:0"}}
	s, err := StartServer(soon(t), echo, "both:0", ResolvedBy(resolver))
	must(t, err)
	ending(t, s)
	if n := len(s.Sockets()); n != 1 {
		t.Fatalf("%d sockets", n)
	}
	descriptors := openDescriptors(t)
	_, err = StartServer(soon(t), echo, "both:0", AlsoAt("none:0"), ResolvedBy(resolver))
	expectError(t, "no address", err, syscall.EADDRNOTAVAIL)
	if now := openDescriptors(t); now > descriptors {
		t.Fatalf("%d descriptors, %d before", now, descriptors)
	}
}

// The context of a failing start says why.
func TestCancelledStart(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	asked := make(chan Query)
	ended := make(chan error, 1)
	go func() {
		_, err := StartServer(ctx, echo, "late:7", ResolvedBy(waiting(asked)))
		ended <- err
	}()
	if q := <-asked; q != (Query{Host: "late", Port: 7, Flags: Passive}) {
		t.Fatalf("%+v", q)
	}
	cancel()
	expectError(t, "starting", <-ended, context.Canceled)
}

func TestUnixPaths(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, "s")
	start := func() (*Server, error) { return StartUnixServer(soon(t), echo, path) }

	// a stale file
	l, err := net.Listen("unix", path)
	must(t, err)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	_, err = start()
	expectError(t, "while somebody listens", err, syscall.EADDRINUSE)
	if _, err := net.Dial("unix", path); err != nil {
		t.Fatalf("the other has lost its file: %v", err)
	}
	if conn, err := l.Accept(); err != nil {
		t.Fatal(err)
	} else {
		_ = conn.Close()
	}
	must(t, l.(*net.UnixListener).SetDeadline(time.Now()))
	if conn, err := l.Accept(); err == nil {
		t.Fatalf("somebody has looked: %v", conn.RemoteAddr())
	}
	must(t, l.Close())
	s, err := start()
	must(t, err)
	s.Close()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the socket file: %v", err)
	}

	// datagrams
	d, err := net.ListenPacket("unixgram", path)
	must(t, err)
	_, err = start()
	expectError(t, "while somebody takes datagrams", err, syscall.EADDRINUSE)
	must(t, d.Close())
	_ = os.Remove(path)

	// a regular file
	must(t, os.WriteFile(path, []byte("mine"), 0o600))
	_, err = start()
	expectError(t, "over a file", err, syscall.EADDRINUSE)
	if got, _ := os.ReadFile(path); string(got) != "mine" {
		t.Fatalf("%q", got)
	}
	must(t, os.Remove(path))

	_, err = StartUnixServer(soon(t), echo, filepath.Join(dir, "no", "s"))
	expectError(t, "no directory", err, os.ErrNotExist)
	_, _, err = OpenUnixConnection(soon(t), filepath.Join(dir, "no", "s"))
	expectError(t, "opening without a directory", err, os.ErrNotExist)
}

func TestReplacedSocketFileIsLeft(t *testing.T) {
	for _, c := range []struct {
		name    string
		replace func(path string) error
	}{
		{"by another server", func(path string) error {
			l, err := net.Listen("unix", path)
			if err == nil {
				t.Cleanup(func() { _ = l.Close() })
			}
			return err
		}},
		{"by a file", func(path string) error { return os.WriteFile(path, nil, 0o600) }},
		{"by a link", func(path string) error { return os.Symlink("nowhere", path) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 10 { // the file system might give the same number again
				path := filepath.Join(shortDir(t), "s")
				s, err := StartUnixServer(soon(t), echo, path)
				must(t, err)
				must(t, os.Remove(path))
				must(t, c.replace(path))
				s.Close()
				if _, err := os.Lstat(path); err != nil {
					t.Fatal(err)
				}
				must(t, s.WaitClosed(soon(t)))
			}
		})
	}
	s, err := StartUnixServer(soon(t), echo, filepath.Join(shortDir(t), "s"))
	must(t, err)
	must(t, os.Remove(address(s)))
	s.Close() // nothing to remove
	must(t, s.WaitClosed(soon(t)))
}

func TestAbstractName(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there are none")
	}
	name := "@" + filepath.Base(shortDir(t))
	s, err := StartUnixServer(soon(t), echo, name)
	must(t, err)
	ending(t, s)
	_, err = StartUnixServer(soon(t), echo, name)
	expectError(t, "the second", err, syscall.EADDRINUSE)
	_, w, err := OpenUnixConnection(soon(t), name)
	must(t, err)
	w.Close()
	must(t, w.WaitClosed(soon(t)))
}
