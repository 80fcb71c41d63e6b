package gokit

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/spec/trace"
)

// A world is what exists in one session. It stands in a bubble, or, once there are connections, on the wire; it moves from
// one to the other when nothing is left that belongs to where it stands. Its main goroutine is that of the session; what
// callbacks touch as well is guarded by the mutex.
type world struct {
	impl  *Implementation
	wire  *wire // nil: in a bubble
	batch *batch
	calls map[string]*call

	mu      sync.Mutex
	changed sync.Cond // something was noted, a call has ended, or a hand has become idle; nobody waits for it in a bubble
	objects map[string]any
	events  []trace.Event
	moves   int               // how often something happened
	counts  map[happening]int // since their objects were made
	bytes   map[string]int    // received
	death   *adapter.Failure  // a panic in a call
	trouble *trace.Reply      // of a command in a callback
	idle    []hand            // goroutines that have no call to make
	hands   int               // all of them

	clock    *clock
	places   places
	naming   sync.Mutex          // held while a raw end connects and has no name yet; taken before the other
	handlers map[string]*handler // calls of servers' callbacks
	answers  map[string]answer   // of the resolver
	answered chan struct{}       // closed when there is a new one; nil: nobody waits
}

func newWorld(impl *Implementation) *world {
	w := &world{impl: impl, calls: map[string]*call{}, objects: map[string]any{}, counts: map[happening]int{}, bytes: map[string]int{}, clock: newClock(), handlers: map[string]*handler{}, answers: map[string]answer{}}
	w.changed.L = &w.mu
	return w
}

// A hand is a goroutine that makes calls, one after the other: its stack has grown to what they need.
type hand chan *call

// take returns a hand that has nothing to do.
func (w *world) take() hand {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.idle); n > 0 {
		h := w.idle[n-1]
		w.idle = w.idle[:n-1]
		return h
	}
	h := make(hand, 1)
	w.hands++
	go func() {
		for this := range h {
			w.follow(this)
			w.mu.Lock()
			w.idle = append(w.idle, h)
			w.changed.Broadcast()
			w.mu.Unlock()
		}
	}()
	return h
}

// dismiss ends the hands that have nothing to do. One whose call never came back keeps a bubble from ending in peace.
func (w *world) dismiss() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.idle {
		close(h)
	}
	w.hands -= len(w.idle)
	w.idle = nil
}

// A call is something started that may wait.
type call struct {
	command  trace.Command
	target   any      // what it is a call of: of connection.open the protocol
	far      End      // the far end that it opens
	opening  *Opening // or what it opens instead
	serving  *Serving // or what it serves
	socket   *socket  // that it is given
	hold     hold     // that it waits for; nil: for none
	ctx      context.Context
	cancel   context.CancelFunc
	ended    bool
	end      trace.Event // how
	value    trace.Value // what it returned
	bytes    trace.Bytes
	reported bool // the driver knows that it is pending, so its end is an event
	silent   bool // forgotten: its end is nobody's business
}

// A happening is an event as conditions count it.
type happening struct {
	ev trace.EventName
	on string // empty: on any
}

func (w *world) emit(e trace.Event) {
	w.mu.Lock()
	w.note(e)
	w.mu.Unlock()
}

// note adds an event; the lock is held.
func (w *world) note(e trace.Event) {
	w.events = append(w.events, e)
	w.counts[happening{e.Ev, e.On}]++
	w.counts[happening{ev: e.Ev}]++
	if e.Ev == trace.DataReceived {
		w.bytes[e.On] += len(*e.Value.Bytes)
		w.bytes[""] += len(*e.Value.Bytes)
	}
	w.moved()
}

// moved says that something has happened; the lock is held.
func (w *world) moved() {
	w.moves++
	w.changed.Broadcast()
}

// die ends the session after the command at hand.
func (w *world) die(f *adapter.Failure) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.death == nil {
		w.death = f
	}
	w.moved()
}

// complain makes a reply that of the command at hand.
func (w *world) complain(reply trace.Reply) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.trouble == nil {
		w.trouble = &reply
	}
}

func (w *world) object(name string) any {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.objects[name]
}

func (w *world) put(name string, object any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.objects[name] = object
}

func (w *world) remove(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.objects, name)
}

// live is where a session's main goroutine spends its time. It reports false when there is nothing more to do, and true
// when the world has to stand somewhere else for the next command.
func (w *world) live(work <-chan batch) bool {
	for {
		if w.batch == nil {
			b, ok := <-work
			if !ok {
				w.forget(nil)
				w.dismiss()
				return false
			}
			w.batch = &b
		}
		working.Add(1)
		inPlace := w.carryOut()
		working.Add(-1)
		if !inPlace {
			w.dismiss()
			return true
		}
		w.batch.done <- w.batch.result
		w.batch = nil
	}
}

// carryOut carries out what is left of the batch. It reports false when the world has to stand somewhere else.
func (w *world) carryOut() (inPlace bool) {
	commands, r := w.batch.commands, &w.batch.result
	defer func() {
		if p := recover(); p != nil {
			inPlace = true
			r.failure = &adapter.Failure{Kind: adapter.Crash, Text: fmt.Sprintf("%s: the implementation panicked: %v", commands[len(r.replies)], p), Stderr: string(debug.Stack())}
		}
	}()
	if r.replies == nil {
		r.replies = make([]trace.Reply, 0, len(commands))
	}
	for i := len(r.replies); i < len(commands); i++ {
		if w.misplaced(commands[i:]) {
			return false
		}
		reply := w.do(&commands[i])
		w.mu.Lock()
		if w.trouble != nil {
			reply, w.trouble = *w.trouble, nil
		}
		reply.Events, w.events = w.events, nil
		death := w.death
		w.mu.Unlock()
		if death != nil {
			death.Text = commands[i].String() + ": " + death.Text
			r.failure = death
			return true
		}
		r.replies = append(r.replies, reply)
	}
	return true
}

// misplaced reports whether the first of the commands is for a world that stands somewhere else, and this one can move:
// connections are on the wire, what is made by hand is in a bubble unless it is made for connections.
func (w *world) misplaced(commands []trace.Command) bool {
	if w.impl.Memory != nil {
		return false
	}
	switch op := commands[0].Op; {
	case ofWire(op):
		return haveRaw && w.wire == nil && w.movable()
	case op == trace.ReaderMake, op == trace.ReaderProtocolMake, op == trace.WriterMake:
		return haveRaw && w.movable() && connects(commands) != (w.wire != nil)
	}
	return false
}

// ofWire reports whether a command makes something that belongs to connections.
func ofWire(op trace.Op) bool {
	switch op {
	case trace.RawMake, trace.RawConnect, trace.AddressMake, trace.SocketMake, trace.StreamOpen, trace.StreamServe:
		return true
	}
	return false
}

// movable reports whether nothing exists that belongs to where the world stands. Protocols and mocks do not: they have
// no goroutines and no channels.
func (w *world) movable() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.objects {
		switch o.(type) {
		case *protocol, *mock:
		default:
			return false
		}
	}
	return len(w.calls) == 0
}

// connects reports whether a connection is made before all is forgotten.
func connects(commands []trace.Command) bool {
	for i := range commands {
		switch c := &commands[i]; {
		case ofWire(c.Op):
			return true
		case c.Op == trace.Forget && c.Names == nil:
			return false
		}
	}
	return false
}

// settle waits until the implementation has come to rest.
func (w *world) settle() {
	if w.wire != nil {
		w.wire.settle(w)
		return
	}
	if w.impl.Memory != nil { // time does not pass by itself, and not before all is at rest
		time.Sleep(moment)
	}
	synctest.Wait()
}

func (w *world) do(c *trace.Command) trace.Reply {
	if otherForm(c) {
		return trace.Reply{Unsupported: "a Go implementation takes bytes as a slice only"}
	}
	reply := w.invoke(c)
	if reply.Pending != "" {
		call := w.calls[c.As]
		waits := !c.NoSettle
		if c.NoSettle && c.Ms > 0 {
			waits = w.await(func() bool { return call.ended }, c.Ms)
		} else if waits {
			w.settle()
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if call.ended && waits {
			return trace.Reply{Returned: call.end.Returned, Raised: call.end.Raised}
		}
		call.reported = true
		if call.ended {
			w.note(call.end)
		}
	} else if !c.NoSettle {
		w.settle()
	}
	return reply
}

// taken tells whether a name stands for something already.
func (w *world) taken(name string) bool { return w.object(name) != nil || w.calls[name] != nil }

// invoke carries out a command, without settling.
func (w *world) invoke(c *trace.Command) trace.Reply {
	if c.As != "" && w.taken(c.As) {
		return fault("the name %q is taken", c.As)
	}
	switch c.Op {
	case trace.ReaderMake:
		r, err := w.impl.NewReader(w.limit(c))
		if err == nil {
			w.put(c.As, r)
		}
		return w.answer(err)
	case trace.MockMake:
		w.put(c.As, &mock{w: w, name: c.As, canPause: c.CanPause == nil || *c.CanPause})
		return none()
	case trace.RawMake:
		return w.makeRaw(c)
	case trace.RawConnect:
		return w.connectRaw(c)
	case trace.RawAccept:
		return w.acceptRaw(c)
	case trace.AddressMake:
		return w.makeAddress(c)
	case trace.SocketMake:
		return w.makeSocket(c)
	case trace.ProtocolMake:
		if w.impl.Connect == nil {
			return lacking(c)
		}
		w.put(c.As, &protocol{w: w, name: c.As, plain: c.Plain != nil && *c.Plain, program: c.Program, calls: map[trace.EventName]int{}})
		return none()
	case trace.ReaderProtocolMake:
		return w.makeReaderProtocol(c)
	case trace.WriterMake:
		return w.makeWriter(c)
	case trace.Cancel:
		if call := w.calls[c.On]; call != nil {
			call.cancel()
		} else if h := w.handler(c.On); h != nil {
			h.cancel()
		} else {
			return fault("there is no call %q", c.On)
		}
		return none()
	case trace.Release:
		return w.release(c)
	case trace.ResolverAnswer:
		return w.answerFor(c)
	case trace.ClockFreeze, trace.ClockAdvance:
		return w.onClock(c)
	case trace.Settle:
		return none()
	case trace.Run:
		return w.run(c)
	case trace.Forget:
		w.forget(c.Names)
		return none()
	case trace.ConnectionOpen, trace.StreamOpen:
		if c.Raw == "" {
			return w.dial(c)
		}
		return w.open(c)
	case trace.StreamServe:
		return w.serve(c)
	case trace.ServerStartServing, trace.ServerServeForever, trace.ServerWaitClosed, trace.ServerContext:
		s, ok := w.object(c.On).(*server)
		if !ok {
			return fault("there is no server %q", c.On)
		}
		return w.start(&call{command: *c, target: s, hold: newHold()})
	case trace.ReaderRead, trace.ReaderReadLine, trace.ReaderReadExactly, trace.ReaderReadUntil, trace.ReaderIterate:
		if r, ok := w.object(c.On).(Reader); ok {
			return w.start(&call{command: *c, target: r})
		}
		return fault("there is no reader %q", c.On)
	case trace.WriterDrain, trace.WriterWaitClosed:
		switch o, ok := w.object(c.On).(Writer); {
		case !ok:
			return fault("there is no writer %q", c.On)
		case c.Eager != nil && *c.Eager:
			return trace.Reply{Unsupported: "a call in Go does not give way"}
		default:
			return w.start(&call{command: *c, target: o})
		}
	case trace.RawRecv:
		if r, ok := w.object(c.On).(*raw); ok {
			return w.receive(c, r)
		}
		return fault("there is no raw end %q", c.On)
	}
	return w.call(c)
}

func (w *world) limit(c *trace.Command) int {
	if c.Limit != nil {
		return *c.Limit
	}
	return w.impl.DefaultLimit
}

func (w *world) makeReaderProtocol(c *trace.Command) trace.Reply {
	if w.impl.NewReaderProtocol == nil {
		return lacking(c)
	}
	r, ok := w.object(c.Reader).(Reader)
	if !ok {
		return fault("there is no reader %q", c.Reader)
	}
	var connected func(Reader, Writer)
	if c.Callback != "" { // a function and a coroutine are the same in Go
		name := c.As
		connected = func(r Reader, o Writer) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.objects[name] == nil {
				return // forgotten
			}
			w.objects[name+".reader"], w.objects[name+".writer"] = r, o
			w.note(trace.Event{Ev: trace.ClientConnected, On: name})
		}
	}
	p, err := w.impl.NewReaderProtocol(r, connected)
	if err == nil {
		w.put(c.As, p)
	}
	return w.answer(err)
}

func (w *world) makeWriter(c *trace.Command) trace.Reply {
	if w.impl.NewWriter == nil {
		return lacking(c)
	}
	t, ok := w.object(c.Transport).(WriteTransport)
	if !ok {
		return fault("there is no transport %q", c.Transport)
	}
	p, ok := w.object(c.Protocol).(Protocol)
	if _, programmable := p.(*protocol); !ok || programmable {
		return fault("there is no reader protocol %q", c.Protocol)
	}
	r, ok := w.object(c.Reader).(Reader)
	if c.Reader != "" && !ok {
		return fault("there is no reader %q", c.Reader)
	}
	o, err := w.impl.NewWriter(t, p, r)
	if err == nil {
		w.put(c.As, o)
	}
	return w.answer(err)
}

// open starts to make something of a far end.
func (w *world) open(c *trace.Command) trace.Reply {
	this := &call{command: *c}
	if c.Op == trace.ConnectionOpen {
		switch p, ok := w.object(c.Protocol).(*protocol); {
		case w.impl.Connect == nil:
			return lacking(c)
		case c.Exception != nil:
			return trace.Reply{Unsupported: "the implementation is given a protocol and not a protocol factory"}
		case !ok:
			return fault("there is no programmable protocol %q", c.Protocol)
		default:
			this.target = p
		}
	} else if w.impl.OpenStream == nil {
		return lacking(c)
	}
	r, ok := w.object(c.Raw).(*raw)
	if !ok {
		return fault("there is no raw end %q", c.Raw)
	}
	var err error
	if this.far, err = r.take(); err != nil {
		return fault("%v", err)
	}
	if p, ok := this.target.(*protocol); ok {
		w.mu.Lock()
		p.opening = this
		w.mu.Unlock()
	}
	return w.start(this)
}

// call carries out a command that does something at once, without settling.
func (w *world) call(c *trace.Command) trace.Reply {
	family, _, _ := strings.Cut(string(c.Op), ".")
	switch o := w.object(c.On); family {
	case "reader":
		if r, ok := o.(Reader); ok {
			return w.onReader(c, r)
		}
		return fault("there is no reader %q", c.On)
	case "transport":
		if t, ok := o.(BaseTransport); ok {
			return w.onTransport(c, t)
		}
		return fault("there is no transport %q", c.On)
	case "writer":
		if o, ok := o.(Writer); ok {
			return w.onWriter(c, o)
		}
		return fault("there is no writer %q", c.On)
	case "protocol":
		p, ok := o.(Protocol)
		if _, programmable := p.(*protocol); ok && !programmable {
			return w.onProtocol(c, p)
		}
		return fault("there is no reader protocol %q", c.On)
	case "raw":
		if r, ok := o.(*raw); ok {
			return w.onRaw(c, r)
		}
		return fault("there is no raw end %q", c.On)
	case "server":
		if s, ok := o.(*server); ok {
			return w.onServer(c, s)
		}
		return fault("there is no server %q", c.On)
	case "address":
		if a, ok := o.(*address); ok {
			return w.onAddress(c, a)
		}
		return fault("there is no address %q", c.On)
	case "socket":
		s, ok := o.(*socket)
		if !ok {
			return fault("there is no socket %q", c.On)
		}
		open, err := s.isOpen()
		if err != nil {
			return fault("looking for the socket: %v", err)
		}
		return boolean(open)
	case "object":
		if c.Op == trace.ObjectHas {
			return has(c, o)
		}
	}
	return unknown(c)
}

// onReader carries out a call of a reader that does not wait.
func (w *world) onReader(c *trace.Command, r Reader) trace.Reply {
	switch c.Op {
	case trace.ReaderSetTransport:
		t, ok := w.object(c.Transport).(ReadTransport)
		if !ok {
			return fault("there is no transport %q", c.Transport)
		}
		return w.answer(r.SetTransport(t))
	case trace.ReaderFeedData:
		return w.passing(c.Data, r.FeedData)
	case trace.ReaderFeedEOF:
		return w.answer(r.FeedEOF())
	case trace.ReaderSetException:
		if c.Exception == nil {
			return w.answer(r.SetException(nil))
		}
		return w.answer(r.SetException(&exception{*c.Exception}))
	case trace.ReaderException:
		if err := r.Exception(); err != nil {
			v := trace.ErrorValue(*w.failure(err))
			return trace.Reply{Returned: &v}
		}
		return none()
	case trace.ReaderAtEOF:
		return boolean(r.AtEOF())
	}
	return unknown(c)
}

// start begins a call that may wait, in a goroutine of its own.
func (w *world) start(this *call) trace.Reply {
	this.ctx, this.cancel = context.WithCancel(context.Background())
	w.calls[this.command.As] = this
	w.take() <- this
	return trace.Reply{Pending: this.command.As}
}

// perform makes the call.
func (w *world) perform(this *call) (b []byte, err error) {
	ctx, n := this.ctx, -1
	if this.command.N != nil {
		n = *this.command.N
	}
	switch this.command.Op {
	case trace.ReaderRead:
		return this.target.(Reader).Read(ctx, n)
	case trace.ReaderReadLine:
		return this.target.(Reader).ReadLine(ctx)
	case trace.ReaderReadExactly:
		return this.target.(Reader).ReadExactly(ctx, n)
	case trace.ReaderReadUntil:
		return this.target.(Reader).ReadUntil(ctx, separators(&this.command))
	case trace.WriterDrain:
		return nil, this.target.(Writer).Drain(ctx)
	case trace.WriterWaitClosed:
		return nil, this.target.(Writer).WaitClosed(ctx)
	case trace.ConnectionOpen:
		return nil, w.connect(this)
	case trace.StreamOpen:
		if this.opening != nil {
			return nil, w.openTo(this)
		}
		return nil, w.openStream(this)
	case trace.StreamServe:
		return nil, w.startServer(this)
	case trace.ServerStartServing, trace.ServerServeForever, trace.ServerWaitClosed, trace.ServerContext:
		return nil, this.target.(*server).performOn(this)
	case trace.RawRecv:
		return this.target.(*raw).receive(ctx, n, func() { w.mu.Lock(); w.moved(); w.mu.Unlock() })
	}
	return nil, w.iterate(this, n)
}

func separators(c *trace.Command) [][]byte {
	if c.Separator != nil {
		return [][]byte{c.Separator.Bytes}
	}
	if c.Separators == nil {
		return nil
	}
	out := make([][]byte, len(c.Separators))
	for i, s := range c.Separators {
		out[i] = s.Bytes
	}
	return out
}

func (w *world) iterate(this *call, n int) error {
	items := 0
	for line, err := range this.target.(Reader).Lines(this.ctx) {
		if err != nil {
			return err
		}
		v := trace.BytesValue(line)
		w.mu.Lock()
		if !this.silent {
			w.note(trace.Event{Ev: trace.Item, On: this.command.As, Value: &v})
		}
		w.mu.Unlock()
		if items++; items == n {
			break
		}
	}
	return nil
}

// follow makes a call and notes how it ends.
func (w *world) follow(this *call) {
	defer this.cancel()
	end := trace.Event{Ev: trace.Finished, On: this.command.As}
	defer func() {
		p := recover()
		if p != nil {
			w.die(&adapter.Failure{Kind: adapter.Crash, Text: fmt.Sprintf("the implementation panicked: %v", p), Stderr: string(debug.Stack())})
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		this.end, this.ended = end, true
		if this.reported && !this.silent {
			w.note(end)
		} else {
			w.moved()
		}
	}()
	b, err := w.perform(this)
	switch {
	case err != nil:
		end.Raised = w.failure(err)
	case givesBytes(this.command.Op):
		if this.bytes = b; b == nil {
			this.bytes = trace.Bytes{}
		}
		this.value.Bytes = &this.bytes
		end.Returned = &this.value
	default:
		end.Returned = &returnedNone
	}
}

func givesBytes(op trace.Op) bool {
	switch op {
	case trace.ReaderRead, trace.ReaderReadLine, trace.ReaderReadExactly, trace.ReaderReadUntil, trace.RawRecv:
		return true
	}
	return false
}

// run waits for a condition. Time in a bubble passes at once when nothing else happens.
func (w *world) run(c *trace.Command) trace.Reply {
	u := c.Until
	call := w.calls[u.Done]
	if u.Done != "" && call == nil && !w.mayCall(u.Done) {
		return fault("there is no call %q", u.Done)
	}
	return boolean(w.await(func() bool {
		switch {
		case call != nil:
			return call.ended
		case u.Done != "":
			h := w.handlers[u.Done]
			return h != nil && h.ended
		case u.Bytes > 0:
			return w.bytes[u.On] >= u.Bytes
		}
		return w.counts[happening{u.Event, u.On}] >= max(u.Count, 1)
	}, c.Ms))
}

// await waits until a condition holds, under the lock, or so many milliseconds have passed. It reports whether it holds.
func (w *world) await(holds func() bool, ms int) bool {
	deadline := time.Duration(ms) * time.Millisecond
	if w.wire != nil {
		return w.awaitWire(holds, deadline)
	}
	now := func() bool {
		synctest.Wait()
		w.mu.Lock()
		defer w.mu.Unlock()
		return holds()
	}
	if now() {
		return true
	}
	time.Sleep(deadline)
	return now()
}

// forget drops what the names stand for, everything when names is nil.
func (w *world) forget(names []string) {
	gone := func(name string) bool {
		for _, n := range names {
			if name == n || strings.HasPrefix(name, n) && (name[len(n)] == '.' || name[len(n)] == '#') {
				return true
			}
		}
		return names == nil
	}
	w.mu.Lock()
	for name, call := range w.calls {
		if gone(name) {
			call.silent = true
			call.cancel()
		}
	}
	var protocols []*protocol
	var servers []*server
	var connections []BaseTransport
	var drops []interface{ drop() }
	for name, h := range w.handlers {
		if gone(name) {
			h.silent = true
			h.cancel()
		}
	}
	for name, o := range w.objects {
		if !gone(name) {
			continue
		}
		switch o := o.(type) {
		case *protocol:
			o.silent = true
			protocols = append(protocols, o)
		case *mock, Reader:
		case BaseTransport:
			connections = append(connections, o)
		case *server:
			o.call.silent = true
			servers = append(servers, o)
		case interface{ drop() }:
			drops = append(drops, o)
		}
	}
	w.mu.Unlock()
	for _, s := range servers {
		s.end()
	}
	for _, t := range connections {
		abort(t)
	}
	for _, o := range drops {
		o.drop()
	}
	w.awaitCallbacks(protocols, servers)
	w.settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	if names == nil {
		w.events = nil
		clear(w.objects)
		clear(w.calls)
		clear(w.counts)
		clear(w.bytes)
		clear(w.handlers)
		clear(w.answers)
		w.answered = nil
		w.clock.end()
		w.clock = newClock()
		w.places.free()
		return
	}
	w.events = slices.DeleteFunc(w.events, func(e trace.Event) bool { return e.On != "" && gone(e.On) })
	maps.DeleteFunc(w.objects, func(name string, _ any) bool { return gone(name) })
	maps.DeleteFunc(w.calls, func(name string, _ *call) bool { return gone(name) })
	maps.DeleteFunc(w.counts, func(h happening, _ int) bool { return h.on != "" && gone(h.on) })
	maps.DeleteFunc(w.handlers, func(name string, _ *handler) bool { return gone(name) })
	maps.DeleteFunc(w.bytes, func(name string, _ int) bool { return name != "" && gone(name) })
}

// find returns the name of an object, empty if it is none of the session's. The object's type must be comparable.
func (w *world) find(object any) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := ""
	for name, o := range w.objects {
		if o == object && (found == "" || cmp.Less(name, found)) {
			found = name
		}
	}
	return found
}
