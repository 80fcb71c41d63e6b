package monitor

import (
	"slices"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// wires follow everything that has to do with connections. A session has them from its first raw end or protocol on, so
// that a session of readers alone pays nothing for them.
//
// Commands are followed where they take effect, whether the driver gives them or a protocol carries them out in a callback:
// apply notes the effect, then come the events, and then answer judges what came back. On an event loop that is the order in
// which all of it happens. Where an implementation runs by itself, an event may have happened before the command in whose
// reply it stands, and callbacks run while commands are carried out: whatever that leaves open is permitted.
type wires struct {
	m           *Monitor
	raws        map[string]*raw
	protocols   map[string]*protocol
	objects     map[string]*connection    // by the names of the opening call and of its parts
	order       []*connection             // as they were opened
	sockets     map[string]*raw           // whose far ends sockets are
	servers     map[string]*server        // by the names of the calls that start them
	ordered     []*server                 // as they were started
	places      map[string]*place         // by the names of addresses
	dials       []*dial                   // calls that connect, in the order in which they were started
	answers     map[string]answer         // of the resolver, by hosts
	lookups     []lookup                  // what it may be asked
	made        map[string]*trace.Command // sockets, by their names
	clock       clock
	handlers    map[string]*handler
	calls       map[string]*wait
	scripted    map[string]bool // texts of the exceptions that programs of the session raise
	interrupted bool            // a callback of a server was cancelled
	nested      []*action       // what callbacks have begun and not ended
	rested      bool            // the last command has let the implementation come to rest
	spins       bool            // it did not come to rest
	command     *trace.Command  // the one at hand
	reply       *trace.Reply
	action      *action  // what it does to a connection
	standing    standing // of the server that it is about, before
}

// A raw is the driver's end of a connection.
type raw struct {
	kind       trace.EndKind
	narrow     bool        // the kernel's buffers are small
	tight      bool        // and may be too small for anything
	connection *connection // of the far end; nil if it was not opened
	sent       []byte      // what the kernel has taken
	received   []byte
	shut       bool // the stream to the implementation was ended
	closed     bool
	reset      bool
	over       bool         // the end of the stream from the implementation, or an error, has come
	server     *server      // that it has connected to; nil: that is not known
	since      int          // the step in which it connected
	handed     bool         // the callback was called for it
	caught     bool         // it may have been closed with its server's clients before that
	unnamed    bool         // it is one of a pair of Unix sockets, which have no names
	sockname   *trace.Value // what the system has said of its own name; nil: nothing
	peername   *trace.Value // and of that of the far end
	asked      bool         // whether the far end is open, when it must not be any more
	dial       *dial        // the call that has made it; nil: that is not known
	at         *place       // to which it was made
}

// ended tells whether nothing more can come from the raw end.
func (r *raw) ended() bool { return r.shut || r.closed || r.reset }

// A protocol is a programmable one.
type protocol struct {
	connection *connection
	program    []trace.Reaction
	plain      bool                    // nothing is told of it
	counts     map[trace.EventName]int // how often each callback was called
	frames     []frame                 // callbacks, and the commands in them, that have begun and not ended, the innermost last
}

// A frame is a callback, or a command that it carries out.
type frame struct {
	callback trace.EventName
	action   *action
}

// An outcome is how a callback ends.
type outcome struct {
	truthy, raises bool
	unclear        bool // several reactions say how
}

// outcome of a callback when it is called for the nth time.
func (p *protocol) outcome(callback trace.EventName, nth int) outcome {
	var o outcome
	said := false
	for _, r := range p.program {
		if r.In != callback || r.Nth != 0 && r.Nth != nth || r.Return == nil && r.Raise == nil {
			continue
		}
		o.unclear = said
		said = true
		o.truthy, o.raises = r.Return != nil && truthy(r.Return), r.Raise != nil
	}
	return o
}

// keepsOpen tells whether the protocol answers end-of-stream so that the transport stays open.
func (p *protocol) keepsOpen() bool {
	o := p.outcome(trace.EOFReceived, 1)
	return !p.plain && o.truthy && !o.unclear
}

func truthy(v *trace.Value) bool {
	switch {
	case v.Bool != nil:
		return *v.Bool
	case v.Int != nil:
		return *v.Int != 0
	case v.Text != nil:
		return *v.Text != ""
	case v.Bytes != nil:
		return len(*v.Bytes) > 0
	case v.List != nil:
		return len(v.List) > 0
	}
	return v.Error != nil || v.Object != ""
}

// An action is a command that does something to a connection, and what was known when it began.
type action struct {
	connection *connection
	command    *trace.Command
	in         trace.EventName // the callback that it is carried out in; empty: the driver gives it
	own        bool            // and that is a callback of the same connection, so that none runs beside it
	open       bool            // the connection was certainly open
	shut       bool            // it was closing or lost
	rested     bool            // the implementation was at rest
	paused     bool            // writing
	reading    bool            // was not paused
	received   int             // by the raw end, bytes
	written    int
	changes    int
	released   int  // when a drain had come back last
	waited     bool // a wait_closed had come back
	resumed    int
	lost       bool
	refused    bool     // a write after write_eof, which must be refused
	wrong      bool     // an argument of a wrong type
	contended  bool     // callbacks were busy with the connection
	standing   standing // of the server that it is about instead
	refusal    string   // the rule by which it has to be refused
	protocol   string   // the name of the connection's, as far as that is known
	marks      marks
}

// A wait is a command that was started and has not come back.
type wait struct {
	command    *trace.Command
	raw        *raw
	connection *connection
	server     *server
	cancelled  bool
	pending    bool // it waited when the implementation had come to rest
	drain      drain
	vain       bool  // it opens something that cannot be opened
	dial       *dial // it connects

	// Of a server.
	late     bool    // it was closed already
	rival    bool    // there was another call that serves forever
	released bool    // the body of the context goes on to its end
	raises   *string // and raises this
}

func (m *Monitor) newWires() *wires {
	return &wires{
		m: m, raws: map[string]*raw{}, protocols: map[string]*protocol{}, objects: map[string]*connection{}, sockets: map[string]*raw{},
		servers: map[string]*server{}, places: map[string]*place{}, answers: map[string]answer{}, made: map[string]*trace.Command{}, handlers: map[string]*handler{}, calls: map[string]*wait{}, scripted: map[string]bool{},
	}
}

// opens tells whether a command needs wires to be followed.
func opens(op trace.Op) bool {
	switch op {
	case trace.RawMake, trace.RawConnect, trace.RawAccept, trace.AddressMake, trace.SocketMake, trace.ResolverAnswer, trace.ClockFreeze, trace.ProtocolMake, trace.ConnectionOpen, trace.StreamOpen, trace.StreamServe:
		return true
	}
	return false
}

// exactFor tells whether settling is exact for connections of a kind.
func (o *Options) exactFor(kind trace.EndKind) bool {
	needs, _ := kind.Needs()
	return o.Settling == trace.Exact && !slices.Contains(o.BestEffort, needs)
}

// begin applies a command, before the events in its reply.
func (w *wires) begin(c *trace.Command, reply *trace.Reply) {
	w.command, w.reply, w.action, w.spins = c, reply, nil, false
	if waitedInVain(c, reply) {
		for _, conn := range w.order {
			conn.execute()
			conn.owed = conn.owes(c.Until)
		}
		for _, s := range w.ordered {
			s.owed = s.owes(c.Until)
		}
		for _, d := range w.dials {
			if c.Until.Done == d.name {
				d.owed = d.owes()
			}
		}
	}
	switch c.Op {
	case trace.RawMake, trace.RawConnect, trace.RawAccept:
		if reply.Returned != nil {
			w.raws[c.As] = newRaw(c)
			w.join(w.raws[c.As], reply.Returned.Object)
		}
		if c.Op == trace.RawAccept {
			w.accepted(c, reply)
		}
		if c.Op == trace.RawConnect {
			w.connects(c, reply)
		}
	case trace.AddressMake:
		w.makePlace(c)
	case trace.AddressPut:
		w.puts(c)
	case trace.AddressAsk, trace.AddressState:
		if p := w.places[c.On]; p != nil && p.server != nil {
			w.standing = p.server.now()
			w.standing.closed = w.standing.closed && p.server.refuses
		}
	case trace.ResolverAnswer:
		w.answer(c)
	case trace.ClockFreeze:
		w.clock.frozen = true
	case trace.ClockAdvance:
		w.clock.now += c.Ms
	case trace.SocketMake:
		w.binds(c, reply)
		if r := w.raws[c.Raw]; r != nil && reply.Returned != nil {
			w.sockets[c.As] = r
		}
	case trace.RawSockName, trace.RawPeerName:
		if r := w.raws[c.On]; r != nil {
			r.names(c, reply.Returned)
			r.bound()
		}
	case trace.RawSend, trace.RawShutdown, trace.RawClose, trace.RawReset:
		if r := w.raws[c.On]; r != nil {
			r.apply(c, reply)
		}
	case trace.ProtocolMake:
		if reply.Returned != nil {
			w.makeProtocol(c)
		}
	case trace.ConnectionOpen, trace.StreamOpen:
		w.open(c)
		w.dial(c)
		w.looksUp(c)
	case trace.StreamServe:
		w.serve(c)
		w.looksUp(c)
	case trace.RawRecv:
		if r := w.raws[c.On]; r != nil {
			w.calls[c.As] = &wait{command: c, raw: r, connection: r.connection}
			if r.connection != nil {
				r.connection.moved()
			}
		}
	case trace.RawFarOpen:
		if r := w.raws[c.On]; r != nil {
			r.asked = r.connection != nil && r.connection.isGone()
		}
	case trace.Cancel:
		if k := w.calls[c.On]; k != nil {
			k.cancelled = true
			if k.server != nil {
				k.server.cancels(k)
			}
		}
		w.interrupted = w.interrupted || w.handlers[c.On] != nil
	case trace.Release:
		if c.Exception != nil {
			w.scripted[*c.Exception] = true
		}
		if k := w.calls[c.On]; k != nil && k.server != nil {
			k.server.release(k, c)
		}
	case trace.Collect:
		for _, name := range c.Names {
			if conn := w.objects[name]; conn != nil {
				conn.giveUp()
			}
		}
	default:
		if s := w.serverOf(c.On); s != nil && trace.Spec(c.Op).Style == trace.Start {
			w.calls[c.As] = s.start(c)
		} else if s != nil {
			w.standing = s.apply(c)
		}
		conn := w.objects[c.On]
		if conn == nil {
			return
		}
		if spec := trace.Spec(c.Op); spec.Style == trace.Start {
			w.calls[c.As] = conn.start(c)
			return
		}
		w.action = w.act(conn, c)
		w.action.rested = w.rested && conn.exact
		conn.apply(w.action)
	}
}

// apply notes what the driver does by its end.
func (r *raw) apply(c *trace.Command, reply *trace.Reply) {
	if reply.Returned == nil {
		if r.connection != nil && c.Op != trace.RawSend {
			r.connection.unclear = true
		}
		return
	}
	switch c.Op {
	case trace.RawSend:
		if n := reply.Returned.Int; n != nil && *n <= len(c.Data.Bytes) {
			r.sent = append(r.sent, c.Data.Bytes[:*n]...)
		}
	case trace.RawShutdown:
		r.shut = true
		if c := r.connection; c != nil && c.waitsFor(trace.WriterWaitClosed) > 0 {
			c.exercise("writer.close.peer-eof-does-not-close")
		}
	case trace.RawClose:
		r.closed = true
	case trace.RawReset:
		r.reset = true
	}
}

func (w *wires) makeProtocol(c *trace.Command) {
	w.protocols[c.As] = newProtocol(c)
	w.expectRaised(c.Program)
}

// newProtocol returns what has the program of a command.
func newProtocol(c *trace.Command) *protocol {
	return &protocol{program: c.Program, plain: c.Plain != nil && *c.Plain, counts: map[trace.EventName]int{}}
}

// expectRaised notes what a program raises.
func (w *wires) expectRaised(program []trace.Reaction) {
	for _, r := range program {
		if r.Raise != nil {
			w.scripted[*r.Raise] = true
		}
	}
}

// act prepares an action.
func (w *wires) act(conn *connection, c *trace.Command) *action {
	conn.disturb(c.Op)
	return &action{
		connection: conn, command: c, open: conn.open(), shut: conn.shut(), paused: conn.out.paused, reading: !conn.in.paused, received: len(conn.raw.received), written: len(conn.out.bytes), changes: conn.out.changes, released: conn.stream.released, waited: conn.stream.waited,
		resumed: conn.out.resumedAt, lost: conn.lost, contended: conn.busy > 0, protocol: conn.info.protocol, marks: conn.out.marks,
	}
}

// event follows an event of a connection, of a call of one, or of a protocol.
func (w *wires) event(e *trace.Event) {
	switch e.Ev {
	case trace.Finished:
		if k := w.calls[e.On]; k != nil {
			delete(w.calls, e.On)
			w.back(k, e.Returned, e.Raised)
		} else if h := w.handlers[e.On]; h != nil {
			h.ended(e.Raised)
		}
	case trace.ClientConnected:
		w.connected(e)
	case trace.Resolving:
		w.resolving(e)
	case trace.Item:
		if k := w.calls[e.On]; k != nil && k.connection != nil && !k.connection.unclear {
			k.connection.item(e.Value)
		}
	case trace.Doing:
		w.doing(e)
	case trace.Did:
		w.did(e)
	default:
		if p := w.protocols[e.On]; p != nil {
			p.called(e)
		}
	}
}

// called follows a callback.
func (p *protocol) called(e *trace.Event) {
	if n := len(p.frames); n > 0 && p.frames[n-1].action == nil {
		p.frames = p.frames[:n-1] // a callback ends before the next begins, unless a command in it has brought the next about
	}
	p.frames = append(p.frames, frame{callback: e.Ev})
	p.counts[e.Ev]++
	if c := p.connection; c != nil && !c.unclear {
		c.called(p, e)
	}
}

// doing follows a command that a callback begins.
func (w *wires) doing(e *trace.Event) {
	p := w.protocols[e.On]
	if p == nil {
		return
	}
	a := &action{command: e.Command}
	if conn := w.objects[e.Command.On]; conn != nil {
		a = w.act(conn, e.Command)
		a.own = p.connection == conn
		conn.busy++
		if !conn.exact && w.action != nil && w.action.connection == conn && changes(w.command.Op) && changes(e.Command.Op) {
			conn.unclear = true // which of the two came first is open
		}
	}
	if n := len(p.frames); n > 0 {
		a.in = p.frames[n-1].callback
	}
	p.frames = append(p.frames, frame{action: a})
	w.nested = append(w.nested, a)
	if a.connection != nil {
		a.connection.apply(a)
	} else if s := w.serverOf(e.Command.On); s != nil {
		a.standing = s.apply(e.Command)
	} else {
		w.m.nestedReader(e.Command)
	}
}

// did follows the end of a command that a callback has begun.
func (w *wires) did(e *trace.Event) {
	p := w.protocols[e.On]
	if p == nil {
		return
	}
	i := len(p.frames) - 1
	for i >= 0 && p.frames[i].action == nil {
		i--
	}
	if i < 0 {
		return
	}
	a := p.frames[i].action
	p.frames = p.frames[:i]
	w.nested = slices.DeleteFunc(w.nested, func(b *action) bool { return a == b })
	if a.connection != nil {
		a.connection.busy--
		a.connection.answer(a, e.Returned, e.Raised)
	} else if s := w.serverOf(a.command.On); s != nil {
		if s.exact || changes(a.command.Op) { // else when it asked is open
			s.answer(a.command, a.standing, e.Returned, e.Raised)
		}
	} else {
		w.m.nestedReaderDid(a.command, e)
	}
}

// changes tells whether a call changes what later calls and callbacks do.
func changes(op trace.Op) bool {
	switch op {
	case trace.TransportWrite, trace.TransportWriteLines, trace.TransportClose, trace.TransportAbort, trace.TransportPauseReading, trace.TransportResumeReading,
		trace.TransportSetWriteBufferLimits, trace.TransportWriteEOF, trace.TransportSetProtocol, trace.WriterWrite, trace.WriterWriteLines, trace.WriterClose, trace.WriterWriteEOF,
		trace.ServerClose, trace.ServerCloseClients, trace.ServerAbortClients:
		return true
	}
	return false
}

// end judges the reply to a command, after the events in it, and what there should have been by now.
func (w *wires) end() {
	c, reply := w.command, w.reply
	if w.action != nil {
		w.action.connection.answer(w.action, reply.Returned, reply.Raised)
	}
	if s := w.serverOf(c.On); s != nil && trace.Spec(c.Op).Style == trace.Call {
		s.answer(c, w.standing, reply.Returned, reply.Raised)
	}
	if k := w.calls[c.As]; k != nil && k.command == c {
		if reply.Pending == "" {
			delete(w.calls, c.As)
			w.back(k, reply.Returned, reply.Raised)
		}
		if c.Eager != nil && *c.Eager {
			delete(w.calls, c.As) // it was given up
		}
	}
	if c.Op == trace.AddressAsk || c.Op == trace.AddressState {
		w.asksPlace(c, reply)
	} else if c.Op == trace.ObjectIs {
		w.isOf(c, reply)
	}
	if r := w.raws[c.On]; r != nil && r.asked && !r.connection.unclear {
		r.connection.holds("writer.close.closes-socket", isBool(reply.Returned, false), "returned false, since the connection is closed")
		r.asked = false
	}
	spec := trace.Spec(c.Op)
	w.rested = !c.NoSettle && (spec.Style != trace.Make || spec.Events != nil) && c.Op != trace.Run
	for _, conn := range w.order {
		if !conn.exact || !w.rested {
			continue
		}
		conn.execute()
		conn.breakOwed(conn.owesAnything())
		for _, name := range w.waiting(conn) {
			w.calls[name].pending = true
		}
	}
	for _, s := range w.ordered {
		if s.exact && w.rested && !w.spins {
			s.rest()
		}
	}
	for _, d := range w.dials {
		if waited := waitedInVain(c, reply); waited && c.Ms >= patient || d.exact && w.rested && !w.spins {
			d.proves()
		}
		if d.exact && w.rested && !w.spins && !d.unclear {
			d.breakOwed(d.owes())
		} else if d.owed.rule != "" && d.owes().rule == d.owed.rule {
			d.breakOwed(d.owed)
		}
		d.owed = debt{}
	}
	if waitedInVain(c, reply) {
		for _, s := range w.ordered {
			if s.owed.rule != "" && s.owes(c.Until).rule == s.owed.rule {
				s.breaks(s.owed.rule, s.owed.what)
			}
			s.owed = debt{}
		}
		for _, conn := range w.order {
			if conn.owed.rule != "" && conn.owes(c.Until).rule == conn.owed.rule {
				conn.breakOwed(conn.owed)
			}
			conn.owed = debt{}
			if c.Until.Event == trace.PauseWriting && conn.isMeant(c.Until) {
				conn.out.vain = true
			}
		}
	}
}

// back judges how a call came back.
func (w *wires) back(k *wait, returned *trace.Value, raised *trace.Error) {
	if k.command.Op == trace.RawRecv {
		k.received(returned, raised)
		return
	}
	if op := k.command.Op; op == trace.StreamOpen || op == trace.StreamServe {
		w.placed(k.command, returned)
	}
	if k.dial != nil {
		k.dial.back(k, returned, raised)
	}
	if k.server != nil {
		k.server.back(k, returned, raised)
	}
	if k.vain {
		w.failsToOpen(k, returned, raised)
		return
	}
	if c := k.connection; c != nil && (!c.unclear || c.apart) {
		switch k.command.Op {
		case trace.ConnectionOpen, trace.StreamOpen:
			c.openedBy(returned, raised)
		case trace.WriterDrain:
			c.drained(k, returned, raised)
		case trace.WriterWaitClosed:
			c.waitedClosed(k, returned, raised)
		default:
			c.handed(k, returned, raised)
		}
	}
}

// abandon stops judging the connections that a command could have been about.
func (w *wires) abandon(c *trace.Command, reply *trace.Reply) {
	for _, conn := range w.order {
		if reply.Fault != "" || len(reply.Events) > 0 || w.objects[c.On] == conn || w.raws[c.On] != nil && w.raws[c.On] == conn.raw {
			conn.giveUp()
		}
	}
	for _, s := range w.ordered {
		s.unclear = s.unclear || reply.Fault != ""
	}
	w.giveUpDials()
	w.rested = false
}

// giveUpDials ends the judgement of all that connects.
func (w *wires) giveUpDials() {
	for _, d := range w.dials {
		d.unclear, d.refusal = true, footing{}
	}
}

// crowd notes that others than servers may be at an address.
func (w *wires) crowd(address string) {
	if p := w.places[address]; p != nil {
		p.plain = false
	}
}

// forget drops objects. A connection of which any part is dropped is not judged any more.
func (w *wires) forget(names []string) {
	for _, name := range names {
		conn := w.objects[name]
		if r := w.raws[name]; r != nil && conn == nil {
			conn = r.connection
		}
		if p := w.protocols[name]; p != nil && conn == nil {
			conn = p.connection
		}
		if k := w.calls[name]; k != nil && conn == nil {
			conn = k.connection
		}
		if conn != nil {
			conn.unclear = true
			w.order = slices.DeleteFunc(w.order, func(c *connection) bool { return c == conn })
		}
		w.forgetServer(name)
		delete(w.objects, name)
		delete(w.raws, name)
		delete(w.protocols, name)
		delete(w.sockets, name)
		delete(w.handlers, name)
		delete(w.calls, name)
	}
	w.giveUpDials()
	w.rested = false
}

// forgetServer drops a server, with which its clients may be.
func (w *wires) forgetServer(name string) {
	s := w.servers[strings.TrimSuffix(name, ".server")]
	if h := w.handlers[name]; h != nil {
		h.server.unclear = true
	}
	if s == nil {
		return
	}
	for _, r := range s.clients {
		if r.connection != nil {
			r.connection.unclear = true
		}
	}
	for _, address := range s.command.Addresses {
		w.crowd(address)
	}
	s.unclear = true
	delete(w.servers, s.name)
	w.ordered = slices.DeleteFunc(w.ordered, func(o *server) bool { return o == s })
}
