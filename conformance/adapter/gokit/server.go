package gokit

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// A Server is what the kit needs of a server. The methods follow the documents' Server; a blocking call ends with the
// context's error when the context is cancelled. They may be called from any goroutine, and in a handler.
type Server interface {
	Close() error
	IsServing() bool
	Sockets() []net.Addr // what the sockets are bound to
	CloseClients() error
	AbortClients() error
	StartServing(context.Context) error
	ServeForever(context.Context) error
	WaitClosed(context.Context) error
	// With is the documents' asynchronous context manager: it calls body, and then closes the server and waits for that.
	With(ctx context.Context, body func() error) error
}

// A Serving has the arguments of the documents' start_server or start_unix_server. Those that are nil or empty are not given:
// the implementation does then what it does by itself.
type Serving struct {
	Kind trace.EndKind // [trace.TCP] or [trace.Unix]: which function it is
	// Handler is the client-connected callback. It may wait; when the context is cancelled it comes back. It fails where the
	// driver has it raise an exception, and with [context.Canceled] where the driver cancels it.
	Handler                 func(ctx context.Context, r Reader, o Writer) error
	Hosts                   []string // nil: not given; empty: none at all
	Port                    *int
	Path                    *string
	Sock                    net.Listener // *net.TCPListener or *net.UnixListener, which does not listen yet; after an error it is still the kit's
	Family                  trace.Family
	Flags                   *int
	Backlog                 *int
	ReuseAddress, ReusePort *bool
	StartServing            *bool
	Limit                   *int

	Resolver Resolver // for names of hosts, if the implementation takes one
	Clock    Clock    // for delays, if the implementation takes one
}

// A server is one of the implementation, with its client-connected callback. What is below made is guarded by the world's
// mutex.
type server struct {
	Server
	w    *world
	call *call         // that starts it
	made chan struct{} // closed when that has come back

	calls   int // of the callback
	running map[*handler]bool
}

// A handler is a call of a server's callback.
type handler struct {
	s      *server
	nth    int
	name   string
	ctx    context.Context
	cancel context.CancelFunc
	hold   hold

	// Guarded by the world's mutex.
	silent bool // forgotten
	ended  bool
}

// A hold is what somebody waits for that can be released.
type hold chan error

func newHold() hold { return make(hold, 1) }

func (h hold) wait(ctx context.Context) error {
	select {
	case err := <-h:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serve has the implementation start a server.
func (w *world) serve(c *trace.Command) trace.Reply {
	switch {
	case w.impl.Serve == nil || !slices.Contains(w.impl.Ends, c.Kind):
		return lacking(c)
	case ofPython(c):
		return trace.Reply{Unsupported: "an implementation in Go takes arguments of its types only"}
	}
	if r := w.misses(c); r != nil {
		return *r
	}
	at, all, err := w.targetOf(c, c.Addresses)
	if err != nil {
		return fault("%v", err)
	}
	this := &call{command: *c}
	s := &server{w: w, call: this, made: make(chan struct{}), running: map[*handler]bool{}}
	this.target = s
	o := &Serving{
		Kind: c.Kind, Handler: s.handle, Port: at.port, Path: at.path, Family: c.Family, Flags: c.Flags, Backlog: c.Backlog, ReuseAddress: c.ReuseAddress,
		ReusePort: c.ReusePort, StartServing: c.StartServing, Limit: c.Limit, Resolver: resolver{w, this}, Clock: w.clock,
	}
	switch {
	case c.Host != nil:
		o.Hosts = []string{*c.Host}
	case c.Kind == trace.TCP && c.Addresses != nil:
		o.Hosts = []string{}
		for _, a := range all {
			o.Hosts = append(o.Hosts, a.host)
		}
	}
	if c.Socket != "" {
		k, ok := w.object(c.Socket).(*socket)
		if !ok {
			return fault("there is no socket %q", c.Socket)
		}
		if o.Sock, err = k.asListener(); err != nil {
			return trace.Reply{Unsupported: "in Go the socket cannot be a listener: " + err.Error()}
		}
		this.socket = k
	}
	this.serving = o
	return w.start(this)
}

// startServer makes the call.
func (w *world) startServer(this *call) error {
	s := this.target.(*server)
	defer close(s.made)
	made, err := w.impl.Serve(this.ctx, *this.serving, w.report(this))
	if err != nil {
		return err
	}
	if this.socket != nil {
		this.socket.given.Store(true)
	}
	s.Server = made
	w.mu.Lock()
	forgotten := this.silent
	if !forgotten {
		w.objects[this.command.As+".server"] = s
	}
	w.mu.Unlock()
	if forgotten {
		s.end()
	}
	return nil
}

// end closes the server and its connections.
func (s *server) end() {
	_ = s.Close()
	_ = s.AbortClients()
}

// handle is the client-connected callback.
func (s *server) handle(ctx context.Context, r Reader, o Writer) error {
	h := s.begin(ctx, r, o)
	if h == nil {
		abort(o.Transport())
		return context.Canceled
	}
	result, err := h.perform()
	end := trace.Event{Ev: trace.Finished, On: h.name, Returned: result}
	if err != nil {
		end.Returned, end.Raised = nil, s.w.failure(err)
	}
	h.cancel()
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	h.ended = true
	delete(s.running, h)
	if s.call.command.Callback == trace.Coroutine && !h.forgotten() {
		s.w.note(end)
	} else {
		s.w.moved()
	}
	return err
}

// begin gives a call of the callback its name, and what it is called with. It returns nil when the server has been forgotten.
func (s *server) begin(ctx context.Context, r Reader, o Writer) *handler {
	w, t := s.w, o.Transport()
	client := trace.None
	if name := w.nameOf(o.GetExtraInfo); name != "" {
		client = trace.Value{Object: name}
	}
	p, _ := t.GetProtocol().(Protocol)
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.call.silent {
		return nil
	}
	s.calls++
	h := &handler{s: s, nth: s.calls, name: fmt.Sprintf("%s#%d", s.call.command.As, s.calls), hold: newHold()}
	h.ctx, h.cancel = context.WithCancel(ctx)
	s.running[h] = true
	w.handlers[h.name] = h
	w.objects[h.name+".reader"], w.objects[h.name+".writer"], w.objects[h.name+".transport"] = r, o, t
	if p != nil {
		w.objects[h.name+".protocol"] = p
	}
	w.note(trace.Event{Ev: trace.ClientConnected, On: h.name, Value: &client})
	return h
}

// perform does what the program says.
func (h *handler) perform() (result *trace.Value, err error) {
	result = &returnedNone
	c := &h.s.call.command
	for i := range c.Program {
		r := &c.Program[i]
		if r.In != trace.ClientConnected || r.Nth != 0 && r.Nth != h.nth {
			continue
		}
		for j := range r.Do {
			if strings.HasPrefix(string(r.Do[j].Op), "server.") {
				<-h.s.made // since when the server has its name
			}
			h.s.w.act(&r.Do[j], h.name, h.tell)
		}
		if r.Hold && c.Callback == trace.Coroutine {
			if err := h.hold.wait(h.ctx); err != nil {
				return nil, err
			}
		}
		if r.Return != nil {
			result = r.Return
		}
		if r.Raise != nil {
			err = &exception{*r.Raise}
		}
	}
	return result, err
}

// forgotten reports whether nothing more is told of the call; the lock is held.
func (h *handler) forgotten() bool { return h.silent || h.s.call.silent }

// tell notes an event unless the call has been forgotten.
func (h *handler) tell(e trace.Event) bool {
	h.s.w.mu.Lock()
	defer h.s.w.mu.Unlock()
	if h.forgotten() {
		return false
	}
	h.s.w.note(e)
	return true
}

// handler returns a call of a callback that is a coroutine, nil if there is none of that name.
func (w *world) handler(name string) *handler {
	w.mu.Lock()
	defer w.mu.Unlock()
	if h := w.handlers[name]; h != nil && h.s.call.command.Callback == trace.Coroutine {
		return h
	}
	return nil
}

// mayCall reports whether there is, or may still be, a call of a callback that is a coroutine, of that name.
func (w *world) mayCall(name string) bool {
	by, _, ok := strings.Cut(name, "#")
	this := w.calls[by]
	return ok && this != nil && this.serving != nil && this.command.Callback == trace.Coroutine
}

// release lets what holds go on.
func (w *world) release(c *trace.Command) trace.Reply {
	var held hold
	if h := w.handler(c.On); h != nil {
		held = h.hold
	} else if this := w.calls[c.On]; this != nil {
		held = this.hold
	}
	if held == nil {
		return fault("there is no call %q that could be released", c.On)
	}
	var err error
	if c.Exception != nil {
		err = &exception{*c.Exception}
	}
	select {
	case held <- err:
	default: // it is released already
	}
	return none()
}

// onServer carries out a call of a server that does not wait.
func (w *world) onServer(c *trace.Command, s *server) trace.Reply {
	switch c.Op {
	case trace.ServerClose:
		return w.answer(s.Close())
	case trace.ServerIsServing:
		return boolean(s.IsServing())
	case trace.ServerSockets:
		all := []any{}
		for _, a := range s.Sockets() {
			all = append(all, a)
		}
		return w.returned(all)
	case trace.ServerCloseClients:
		return w.answer(s.CloseClients())
	case trace.ServerAbortClients:
		return w.answer(s.AbortClients())
	}
	return unknown(c)
}

// performOn makes a call of a server that may wait.
func (s *server) performOn(this *call) error {
	switch this.command.Op {
	case trace.ServerStartServing:
		return s.StartServing(this.ctx)
	case trace.ServerServeForever:
		return s.ServeForever(this.ctx)
	case trace.ServerWaitClosed:
		return s.WaitClosed(this.ctx)
	}
	return s.With(this.ctx, func() error {
		if this.command.Serve != nil && *this.command.Serve {
			return s.ServeForever(this.ctx)
		}
		return this.hold.wait(this.ctx)
	})
}
