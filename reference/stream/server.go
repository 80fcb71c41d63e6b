package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/streamspec/streamspec/reference/transport"
)

// ErrInvalidState is matched, through errors.Is, by the error of a call that an object in its state cannot carry out.
//
// Rules: start_server.one-serve-forever, start_server.start-serving-after-close.
var ErrInvalidState = errors.New("invalid state")

var (
	errServerClosed  = fmt.Errorf("stream: the server is closed: %w", ErrInvalidState)
	errServedForever = fmt.Errorf("stream: ServeForever is running already: %w", ErrInvalidState)
)

// A Server accepts connections. All methods may be called from any goroutine, and from the client-connected callback.
//
// Rule: start_server.returns-server.
type Server struct {
	args      *serving
	connected func(*Reader, *Writer) error

	mu       sync.Mutex
	sockets  []net.Listener
	files    []socketFile
	serving  bool
	forever  bool
	accepts  int // goroutines of accept
	clients  map[transport.BaseTransport]transport.WriteTransport
	isClosed bool
	closed   chan struct{} // Close has been called
	gone     chan struct{} // and no client is left
}

func newServer(o *serving, sockets []net.Listener, connected func(*Reader, *Writer) error) *Server {
	s := &Server{
		args: o, connected: connected, sockets: sockets, clients: map[transport.BaseTransport]transport.WriteTransport{},
		closed: make(chan struct{}), gone: make(chan struct{}),
	}
	for _, l := range sockets {
		if l, ok := l.(*net.UnixListener); ok {
			s.files = append(s.files, fileOf(l))
		}
	}
	var opts transport.Options
	if o.options != nil {
		opts = *o.options
	}
	lost := opts.Lost
	opts.Lost = func(t transport.BaseTransport) {
		s.forget(t)
		if lost != nil {
			lost(t)
		}
	}
	o.options = &opts
	return s
}

// A Socket is one of a server's.
type Socket interface {
	Addr() net.Addr // what it is bound to
	syscall.Conn    // its descriptor
}

// Sockets returns the sockets, which are bound, also before the server serves. There are none after [Server.Close].
//
// Rules: start_server.sockets, start_server.close-is-idempotent.
func (s *Server) Sockets() []Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sockets []Socket
	for _, l := range s.sockets {
		sockets = append(sockets, l.(Socket))
	}
	return sockets
}

// StartServing starts accepting connections, if the server does not do so already. On a server that is closed the error
// matches [ErrInvalidState]. When ctx is done it is the context's. It does not wait.
//
// Rules: start_server.deferred-serving, start_server.start-serving-after-close.
func (s *Server) StartServing(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.startServing()
}

func (s *Server) startServing() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.start()
}

func (s *Server) start() error {
	if s.isClosed {
		return errServerClosed
	}
	if s.serving {
		return nil
	}
	for _, l := range s.sockets {
		if err := transport.Listen(l, s.args.backlog); err != nil {
			return err
		}
	}
	s.serving = true
	for _, l := range s.sockets {
		s.accepts++
		go s.accept(l)
	}
	return nil
}

// IsServing reports whether the server accepts connections.
//
// Rules: start_server.close-is-idempotent, start_server.deferred-serving.
func (s *Server) IsServing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.serving
}

// ServeForever starts accepting connections, if the server does not do so already, and waits until ctx is done or the server
// is closed. It closes the server when ctx is done, and returns the context's error; it does not wait for the clients. When
// the server is closed from elsewhere, the error is [context.Canceled].
//
// While it is running, and on a server that is closed, the error of another one matches [ErrInvalidState].
//
// Rules: start_server.context-manager, start_server.one-serve-forever, start_server.close-ends-serve-forever.
func (s *Server) ServeForever(ctx context.Context) error {
	if err := s.beginForever(); err != nil {
		return err
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.forever = false
	}()
	select {
	case <-s.closed:
		return context.Canceled
	case <-ctx.Done():
		s.Close()
		return ctx.Err()
	}
}

func (s *Server) beginForever() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forever {
		return errServedForever
	}
	if err := s.start(); err != nil {
		return err
	}
	s.forever = true
	return nil
}

// Close closes the sockets, and with them the connections that have not been accepted. A socket file is removed, if it is
// still the one that was made. The connections of clients stay. Repeated calls do nothing.
//
// A client whose TCP connection is not quite established at that moment may not be told: Linux can forget it without a
// reset, whoever closes the socket.
//
// Rules: start_server.close-keeps-clients, invariants.server-close-keeps-connections, start_server.close-is-idempotent,
// start_server.owns-socket, unix.removes-socket-file.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed {
		return
	}
	for _, f := range s.files {
		f.remove()
	}
	for _, l := range s.sockets {
		if l, ok := l.(*net.UnixListener); ok {
			l.SetUnlinkOnClose(false)
		}
		_ = l.Close()
	}
	s.isClosed, s.serving, s.sockets = true, false, nil
	close(s.closed)
	s.settle()
}

// WaitClosed waits until the server is closed and all its clients' connections are gone. When it has to wait and ctx is
// done, the error is the context's; that concerns no other call.
//
// Rules: start_server.wait-closed-waits-for-clients, start_server.wait-closed-before-close.
func (s *Server) WaitClosed(ctx context.Context) error {
	select {
	case <-s.gone:
		return nil
	default:
	}
	select {
	case <-s.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// CloseClients closes the connections of the clients, as [Writer.Close] does. The server goes on.
//
// Rule: start_server.close-clients.
func (s *Server) CloseClients() {
	for _, t := range s.current() {
		t.Close()
	}
}

// AbortClients closes the connections of the clients at once, as [transport.WriteTransport] does. The server goes on.
//
// Rule: start_server.close-clients.
func (s *Server) AbortClients() {
	for _, t := range s.current() {
		t.Abort()
	}
}

func (s *Server) current() []transport.WriteTransport {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []transport.WriteTransport
	for _, t := range s.clients {
		all = append(all, t)
	}
	return all
}

// With calls body, closes the server when that has returned or panicked, waits like [Server.WaitClosed] if it has returned,
// and returns body's error; if that is nil, the error of the wait.
//
// Rule: start_server.context-manager.
func (s *Server) With(ctx context.Context, body func() error) error {
	defer s.Close()
	err := body()
	s.Close()
	if waited := s.WaitClosed(ctx); err == nil {
		err = waited
	}
	return err
}

// settle tells who waits that all is gone.
func (s *Server) settle() {
	if s.isClosed && s.accepts == 0 && len(s.clients) == 0 {
		close(s.gone)
	}
}

// acceptAgain is how long accepting pauses when the system lacks the means.
const acceptAgain = time.Second

// accept accepts connections until the socket is closed.
func (s *Server) accept(l net.Listener) {
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.accepts--
		s.settle()
	}()
	for {
		conn, err := l.Accept()
		if err == nil {
			err = s.greet(conn)
		}
		switch {
		case err == nil:
		case errors.Is(err, net.ErrClosed):
			return
		case errors.Is(err, syscall.ECONNABORTED): // it has gone while it waited
		default:
			s.report(err)
			expired, stop := s.args.clock.NewTimer(acceptAgain)
			select {
			case <-expired:
			case <-s.closed:
				stop()
				return
			}
		}
	}
}

// greet makes the connection a client, unless the server has been closed meanwhile. The lock keeps Close and the end of the
// connection away until it is one.
//
// Rules: start_server.callback-per-connection, start_server.close-keeps-clients.
func (s *Server) greet(conn net.Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed {
		return conn.Close()
	}
	_, w, err := s.args.connect(conn, s.connected)
	if err != nil {
		_ = conn.Close()
		return err
	}
	s.clients[w.transport] = w.transport
	return nil
}

// forget is told that a connection is gone.
func (s *Server) forget(t transport.BaseTransport) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, t)
	s.settle()
}

func (s *Server) report(err error) {
	failure := &transport.CallbackError{Callback: "accepting a connection", Cause: err}
	if report := s.args.options.Report; report != nil {
		report(failure)
		return
	}
	slog.Error(failure.Error())
}
