package drive

import (
	"fmt"
	"math"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// An Option is an argument of connecting or of serving.
type Option func(*trace.Command)

// To has a connection made to an address.
func To(a *Address) Option { return func(c *trace.Command) { c.Address = a.name } }

// At has a server listen at addresses. None is an empty list of hosts.
func At(addresses ...*Address) Option {
	return func(c *trace.Command) { c.Addresses = namesOf(addresses) }
}

// WithHost passes a host as it is.
func WithHost(host string) Option { return func(c *trace.Command) { c.Host = &host } }

// WithPort passes a port as it is.
func WithPort(port int) Option { return func(c *trace.Command) { c.Port = &port } }

// WithLocal has the local end bound to an address.
func WithLocal(a *Address) Option { return func(c *trace.Command) { c.Local = a.name } }

// WithSocket passes a socket.
func WithSocket(k *Socket) Option { return func(c *trace.Command) { c.Socket = k.name } }

// WithLimit sets the limit of readers, bytes.
func WithLimit(limit int) Option { return func(c *trace.Command) { c.Limit = &limit } }

// WithPathLike passes the path as an object that stands for one.
func WithPathLike() Option { return func(c *trace.Command) { c.PathLike = trace.Bool(true) } }

// WithFamily passes a family of addresses, to resolve to.
func WithFamily(family trace.Family) Option { return func(c *trace.Command) { c.Family = family } }

// WithProto passes the number of a protocol, for resolving.
func WithProto(proto int) Option { return func(c *trace.Command) { c.Proto = &proto } }

// WithFlags passes flags, for resolving.
func WithFlags(flags int) Option { return func(c *trace.Command) { c.Flags = &flags } }

// WithDelay passes happy_eyeballs_delay, milliseconds.
func WithDelay(ms int) Option { return func(c *trace.Command) { c.Delay = &ms } }

// WithInterleave passes interleave.
func WithInterleave(n int) Option { return func(c *trace.Command) { c.Interleave = &n } }

// WithBacklog passes the number of connections that may wait.
func WithBacklog(n int) Option { return func(c *trace.Command) { c.Backlog = &n } }

// WithReuseAddress passes reuse_address.
func WithReuseAddress(yes bool) Option { return func(c *trace.Command) { c.ReuseAddress = &yes } }

// WithReusePort passes reuse_port.
func WithReusePort(yes bool) Option { return func(c *trace.Command) { c.ReusePort = &yes } }

// WithStartServing passes start_serving.
func WithStartServing(yes bool) Option { return func(c *trace.Command) { c.StartServing = &yes } }

// WithKeyword passes a further argument by name.
func WithKeyword(name string, v trace.Value) Option {
	return func(c *trace.Command) { c.Keywords = append(c.Keywords, trace.Keyword{Name: name, Value: v}) }
}

// Calling has a server call a callback of this form; not given: a function.
func Calling(form trace.Callback) Option { return func(c *trace.Command) { c.Callback = form } }

// Reacting says what the callback does when it is called. An action that does not say on what it is done is done to what the
// nth call was called with, or to the server; the reaction then says which call it is.
func Reacting(program ...Reaction) Option {
	return func(c *trace.Command) {
		for _, r := range program {
			for i := range r.Do {
				if r.Do[i].On == "" {
					r.Do[i].On = inCallback(c.As, r.Nth, r.Do[i].Op)
				}
			}
			c.Program = append(c.Program, trace.Reaction(r))
		}
	}
}

// inCallback names what an operation is done on in the nth call of a server's callback.
func inCallback(server string, nth int, op trace.Op) string {
	family, _, _ := strings.Cut(string(op), ".")
	switch {
	case family == "server":
		return server + ".server"
	case nth == 0:
		panic(fmt.Sprintf("%s is done on what a call of the callback was called with, but the reaction does not say which", op))
	}
	return fmt.Sprintf("%s#%d.%s", server, nth, family)
}

// InEachCall is the beginning of a reaction to a client that has connected, and InCall of that to the nth.
func InEachCall() Reaction { return In(trace.ClientConnected) }

// InCall is the beginning of a reaction to the nth client that has connected, counted from 1.
func InCall(n int) Reaction { return In(trace.ClientConnected).Number(n) }

// Holding has the callback, which is a coroutine, wait after what it does until it is released or cancelled.
func (r Reaction) Holding() Reaction { r.Hold = true; return r }

// What a server's callback does beside what a protocol does.
var (
	CloseWriter = Action{Op: trace.WriterClose}
	CloseServer = Action{Op: trace.ServerClose}
)

// OfServer makes it something that is done to a server.
func (a Action) OfServer(s *Server) Action { a.On = s.call + ".server"; return a }

// WriteToWriter writes data to the writer.
func WriteToWriter(data string) Action { return Action{Op: trace.WriterWrite, Data: trace.D(data)} }

// Opening begins to make a connection, and does no more than that.
func (t *Testee) Opening(kind trace.EndKind, options ...Option) *Call {
	c := trace.Command{Op: trace.StreamOpen, Kind: kind}
	for _, o := range options {
		o(&c)
	}
	return t.call(c)
}

// OpenTo has the implementation connect to an address. Where that is live, the stream has the raw end.
func (t *Testee) OpenTo(a *Address, options ...Option) *Stream {
	opened := t.Opening(a.Kind, append([]Option{To(a)}, options...)...)
	if opened.Returned() == nil {
		t.fail(opened.String()+"; permitted: returned none", 1)
	}
	var raw *Raw
	if a.state == trace.Live {
		raw = a.Accept()
	}
	return opened.Stream(raw)
}

// OpenOn has the implementation make a reader and a writer of a socket that is the far end of a raw end.
func (t *Testee) OpenOn(raw *Raw, options ...Option) *Stream {
	opened := t.Opening(raw.Kind, append([]Option{WithSocket(t.NewSocketTo(raw))}, options...)...)
	if opened.Returned() == nil {
		t.fail(opened.String()+"; permitted: returned none", 1)
	}
	return opened.Stream(raw)
}

// Stream is the stream that a call has opened. Its raw end may be nil.
func (c *Call) Stream(raw *Raw) *Stream {
	name := c.command.As
	return &Stream{
		Raw: raw, Opened: c, Reader: &Reader{t: c.t, name: name + ".reader", Made: c}, Writer: &Writer{t: c.t, name: name + ".writer"},
		Transport: &Transport{t: c.t, call: name}, t: c.t, call: name,
	}
}

// A Server is the handle of a server of the implementation.
type Server struct {
	Kind      trace.EndKind
	Made      *Call
	Addresses []*Address // where it listens, if it was told by addresses

	t    *Testee
	call string // the name of the call that made it
}

// Serve has the implementation start a server. When nothing is said of where, it has an address of its own.
func (t *Testee) Serve(kind trace.EndKind, options ...Option) *Server {
	c := t.serving(kind, options)
	if c.Addresses == nil && c.Host == nil && c.Port == nil && c.Socket == "" {
		At(t.NewAddress(kind))(&c)
	}
	return t.serve(c)
}

// ServeAsSaid is Serve with nothing added to what is said: without options the server is told of no place.
func (t *Testee) ServeAsSaid(kind trace.EndKind, options ...Option) *Server {
	return t.serve(t.serving(kind, options))
}

func (t *Testee) serving(kind trace.EndKind, options []Option) trace.Command {
	c := trace.Command{Op: trace.StreamServe, As: t.name("srv"), Kind: kind, Callback: trace.Function}
	for _, o := range options {
		o(&c)
	}
	return c
}

func (t *Testee) serve(c trace.Command) *Server {
	s := &Server{Kind: c.Kind, t: t, call: c.As}
	for _, name := range c.Addresses {
		s.Addresses = append(s.Addresses, &Address{Kind: c.Kind, t: t, name: name})
	}
	s.Made = &Call{t, c, t.do(c)}
	s.Made.outcome()
	return s
}

// Address is the first address at which the server listens.
func (s *Server) Address() *Address { return s.Addresses[0] }

func (s *Server) do(c trace.Command) *Call {
	if s.Made.Raised() != nil {
		s.t.fail(s.Made.String()+"; permitted: returned none", 2)
	}
	c.On = s.call + ".server"
	return s.t.call(c)
}

// Close closes.
func (s *Server) Close() *Call { return s.do(trace.Command{Op: trace.ServerClose}) }

// IsServing asks whether the server accepts connections.
func (s *Server) IsServing() *Call { return s.do(trace.Command{Op: trace.ServerIsServing}) }

// Sockets asks for the addresses of the server's sockets.
func (s *Server) Sockets() *Call { return s.do(trace.Command{Op: trace.ServerSockets}) }

// A Bound is where a socket of a server is bound: a host and a port, or a path.
type Bound struct {
	Host string
	Port int
	Path string
}

// Bound returns where the server's sockets are bound, as the implementation says.
func (s *Server) Bound() []Bound {
	c := s.Sockets()
	v := c.Returned()
	if v == nil || v.List == nil {
		s.t.fail(c.String()+"; permitted: returned a list of addresses", 1)
	}
	var all []Bound
	for _, a := range v.List {
		switch {
		case a.Text != nil:
			all = append(all, Bound{Path: *a.Text})
		case len(a.List) >= 2 && a.List[0].Text != nil && a.List[1].Int != nil:
			all = append(all, Bound{Host: *a.List[0].Text, Port: *a.List[1].Int})
		default:
			s.t.fail(c.String()+"; permitted: returned a list of hosts with ports, or of paths", 1)
		}
	}
	return all
}

// CloseClients closes the connections of the server's clients.
func (s *Server) CloseClients() *Call { return s.do(trace.Command{Op: trace.ServerCloseClients}) }

// AbortClients aborts the connections of the server's clients.
func (s *Server) AbortClients() *Call { return s.do(trace.Command{Op: trace.ServerAbortClients}) }

// StartServing starts accepting.
func (s *Server) StartServing() *Call { return s.do(trace.Command{Op: trace.ServerStartServing}) }

// ServeForever serves until it is cancelled.
func (s *Server) ServeForever() *Call { return s.do(trace.Command{Op: trace.ServerServeForever}) }

// WaitClosed waits until the server is closed.
func (s *Server) WaitClosed() *Call { return s.do(trace.Command{Op: trace.ServerWaitClosed}) }

// Context enters the server's context and waits in it until it is released.
func (s *Server) Context() *Call { return s.do(trace.Command{Op: trace.ServerContext}) }

// ContextServing enters the server's context and serves forever in it.
func (s *Server) ContextServing() *Call {
	return s.do(trace.Command{Op: trace.ServerContext, Serve: trace.Bool(true)})
}

// Has asks whether the server has an operation.
func (s *Server) Has(operation string) *Call {
	return s.do(trace.Command{Op: trace.ObjectHas, Name: operation})
}

// Release lets the body of a context that waits go on to its end.
func (c *Call) Release() { c.t.do(trace.Command{Op: trace.Release, On: c.command.As}) }

// ReleaseRaising has the body of a context that waits raise an exception with the given text.
func (c *Call) ReleaseRaising(text string) {
	c.t.do(trace.Command{Op: trace.Release, On: c.command.As, Exception: &text})
}

// A Handler is the handle of a call of a server's callback: what it was called with, and, of a coroutine, the call itself, which
// can be released, cancelled and awaited.
type Handler struct {
	Reader    *Reader
	Writer    *Writer
	Transport *Transport
	Call      *Call
}

// calledBack stands for the operation where the implementation has called the suite.
const calledBack = trace.Op(trace.ClientConnected)

// Handler is the nth call of the server's callback, counted from 1, whether it has come or not.
func (s *Server) Handler(n int) *Handler { return s.handler(s.nth(n)) }

func (s *Server) nth(n int) string { return fmt.Sprintf("%s#%d", s.call, n) }

func (s *Server) handler(name string) *Handler {
	call := &Call{t: s.t, command: trace.Command{Op: calledBack, As: name}, reply: trace.Reply{Pending: name}}
	return &Handler{
		Reader: &Reader{t: s.t, name: name + ".reader", Made: s.Made}, Writer: &Writer{t: s.t, name: name + ".writer"},
		Transport: &Transport{t: s.t, call: name}, Call: call,
	}
}

// connected returns the calls of the callback that have come, in order.
func (s *Server) connected() []*trace.Event {
	var events []*trace.Event
	for n := 1; ; n++ {
		told := s.t.c.told[happening{trace.ClientConnected, s.nth(n)}]
		if len(told) == 0 {
			return events
		}
		events = append(events, told...)
	}
}

// Connected is how often the callback was called, at least as often as expected where waiting can help.
func (s *Server) Connected(expected int) int {
	if len(s.connected()) < expected {
		s.t.await(trace.Until{Event: trace.ClientConnected, On: s.nth(expected)})
	}
	return len(s.connected())
}

// Client connects to the server, at its first address, and waits until the callback is called for that.
func (s *Server) Client() (*Raw, *Handler) { return s.ClientAt(s.Address()) }

// ClientAt is Client at one of the server's addresses.
func (s *Server) ClientAt(a *Address) (*Raw, *Handler) {
	before := len(s.connected())
	raw := s.t.RawConnect(a)
	if raw.Made.Raised() != nil {
		s.t.fail(raw.Made.String()+"; permitted: returned none", 2)
	}
	h := s.await(raw, before)
	if h == nil {
		s.t.fail("the callback is not called for "+raw.name+", which has connected", 2)
	}
	return raw, h
}

// HandlerOf is the call of the callback for a raw end that has connected, nil if it does not come.
func (s *Server) HandlerOf(raw *Raw) *Handler { return s.await(raw, math.MaxInt) }

// await waits until the callback is called for a raw end. Of calls after so many, one of which it is not known for whom it is
// will do.
func (s *Server) await(raw *Raw, after int) *Handler {
	for {
		calls := s.connected()
		for i, e := range calls {
			unknown := e.Value == nil || e.Value.IsNone()
			if unknown && i >= after || !unknown && e.Value.Object == raw.name {
				return s.handler(e.On)
			}
		}
		if n := len(calls); s.Connected(n+1) == n {
			return nil
		}
	}
}
