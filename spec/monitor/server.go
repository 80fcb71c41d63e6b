package monitor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// A server is the model of a server: whether it serves, and who has connected to it.
type server struct {
	w       *wires
	name    string         // of the call that starts it
	command *trace.Command // that does so
	exact   bool           // pending means that nothing more happens
	foot    footing        // what has to become of the call that starts it
	seat    *place         // where the socket is bound that it was given, and that is alone there; nil: there is none
	unclear bool           // what it does cannot be followed any more: nothing is judged

	// What was done to it. Between what may be and what certainly is, either passes.
	up      bool   // the call that starts it has come back
	asked   bool   // it may serve
	serving bool   // it certainly does, until it is closed
	closing bool   // it may be closed
	closed  bool   // it certainly is
	since   int    // the step in which that became certain
	refuses bool   // and it has come to rest since
	by      string // the rule by which it is closed

	clients   []*raw // that have connected to it
	strangers bool   // there may be others, or a call of the callback cannot be told whose it is
	owed      debt   // what it owed when a run began that waited for it in vain
}

// A standing is what is certain of a server.
type standing struct{ serving, idle, closed bool }

func (s *server) now() standing {
	return standing{s.up && s.serving && !s.closing, !s.asked, s.closed}
}

// Rules that several places break.
const (
	perConnection    = "start_server.callback-per-connection"
	deferred         = "start_server.deferred-serving"
	keepsClients     = "start_server.close-keeps-clients"
	keepsConnections = "invariants.server-close-keeps-connections"
	oneForever       = "start_server.one-serve-forever"
	endsForever      = "start_server.close-ends-serve-forever"
	idempotentClose  = "start_server.close-is-idempotent"
	contextManager   = "start_server.context-manager"
	waitsForClose    = "start_server.wait-closed-before-close"
	waitsForClients  = "start_server.wait-closed-waits-for-clients"
	closesClients    = "start_server.close-clients"
	socketOrAddress  = "parameters.socket-or-address"
)

func (w *wires) serve(c *trace.Command) {
	s := &server{w: w, name: c.As, command: c, exact: w.m.options.exactFor(c.Kind), asked: c.StartServing == nil || *c.StartServing}
	s.sits()
	s.foot = s.footing()
	s.strangers = s.elsewhere()
	w.servers[c.As] = s
	w.ordered = append(w.ordered, s)
	w.expectRaised(c.Program)
	w.calls[c.As] = &wait{command: c, server: s}
	for _, name := range c.Addresses {
		if p := w.places[name]; p != nil {
			p.plain = p.plain && p.server == nil && !p.crowded // a second one may take the first one's place
			p.server = s
			p.servers++
			w.stirs(p)
		}
	}
}

// sits takes the place of the socket that it is given.
func (s *server) sits() {
	k := s.w.made[s.command.Socket]
	if k == nil || k.Address == "" || k.Kind != s.command.Kind || s.command.Host != nil || s.command.Port != nil || len(s.command.Addresses) > 0 {
		return
	}
	if p := s.w.places[k.Address]; p != nil && p.plain && p.bound == k.As && p.server == nil {
		s.seat, p.server, p.servers = p, s, 1
	}
}

// binds notes that a socket is made, which may be bound to an address.
func (w *wires) binds(c *trace.Command, reply *trace.Reply) {
	if reply.Returned != nil {
		w.made[c.As] = c
	}
	p := w.places[c.Address]
	if p == nil {
		return
	}
	if p.crowded || p.server != nil || c.Datagram != nil {
		w.crowd(c.Address)
	}
	p.crowded, p.bound = true, c.As
	w.stirs(p)
}

// isAt tells whether it was told of an address.
func (s *server) isAt(address string) bool {
	return slices.Contains(s.command.Addresses, address) || s.seat != nil && s.seat.name == address
}

// elsewhere tells whether the server may listen at other places than its addresses.
func (s *server) elsewhere() bool {
	c := s.command
	return c.Host != nil || c.Port != nil || c.Socket != "" && s.seat == nil || c.Keywords != nil || len(c.Addresses) == 0 && s.seat == nil
}

// serverOf returns the server of that name.
func (w *wires) serverOf(name string) *server {
	if call, ok := strings.CutSuffix(name, ".server"); ok {
		return w.servers[call]
	}
	return nil
}

// connects follows a raw end that connects to an address.
func (w *wires) connects(c *trace.Command, reply *trace.Reply) {
	p := w.places[c.Address]
	if p != nil && reply.Returned != nil {
		p.comers++
	}
	certain := p != nil && p.plain && p.server != nil && !p.server.unclear && w.alone(p.server)
	r := w.raws[c.As]
	if reply.Returned == nil || r == nil {
		if certain {
			p.server.refused(reply.Raised)
		}
		return
	}
	r.since = w.m.step
	var at []*server
	for _, s := range w.ordered {
		if s.command.Kind == c.Kind && !s.closed && (s.elsewhere() || s.isAt(c.Address)) {
			at = append(at, s)
		}
	}
	if len(at) == 1 && !at[0].elsewhere() {
		r.server = at[0]
		at[0].clients = append(at[0].clients, r)
	} else {
		for _, s := range at {
			s.strangers = true
		}
	}
	switch {
	case !certain:
	case p.server.now().serving:
		p.server.exercise("start_server.listens")
	case p.server.refuses:
		p.server.breaks(keepsClients, "raised an error of the operating system, since the server is closed")
	}
}

// alone tells whether no other server can be where one is.
func (w *wires) alone(s *server) bool {
	return !slices.ContainsFunc(w.ordered, func(o *server) bool { return o != s && o.elsewhere() }) && !s.elsewhere()
}

// refused judges that a raw end could not connect to the server, where nobody else is.
func (s *server) refused(err *trace.Error) {
	text := strings.ToLower(err.Native + " " + err.Message)
	switch {
	case s.closed:
		s.exercise(keepsClients)
	case !s.asked:
		s.exercise(deferred)
	case !strings.Contains(text, "refused") && !strings.Contains(text, "no such file"): // too many may wait
	case s.now().serving && !s.strangers && !slices.ContainsFunc(s.clients, (*raw).waits):
		s.breaks(s.listens(), "returned none, since the server serves")
	}
}

// listens is the rule by which it can be connected to.
func (s *server) listens() string {
	if s.command.StartServing != nil && !*s.command.StartServing {
		return deferred
	}
	return "start_server.listens"
}

// waits tells whether the raw end may still wait to be accepted.
func (r *raw) waits() bool { return !r.handed && !r.over }

// hands judges that the callback was called for a raw end; nil: whose call it is cannot be told.
func (s *server) hands(r *raw) {
	if s.unclear {
		return
	}
	s.exercise(perConnection)
	switch {
	case !s.asked:
		s.breaks(deferred, "no call of the callback before the server was asked to serve")
	case r == nil:
		s.strangers = true
		return
	case r.handed:
		s.breaks(perConnection, "one call of the callback for each connection")
	case s.closed && r.since > s.since:
		s.breaks(keepsConnections, "no call of the callback for a connection that was made after the close")
	case r.server == nil:
		r.server = s
		s.clients = append(s.clients, r)
	case r.server != s:
		s.unclear = true
	}
	r.handed = true
}

// start follows a call of the server that may wait.
func (s *server) start(c *trace.Command) *wait {
	k := &wait{command: c, server: s, late: s.closed}
	switch {
	case c.Op == trace.ServerStartServing:
		s.asked = true
	case k.serves():
		s.asked = true
		for _, other := range s.w.calls {
			if other.server == s && other.serves() {
				other.rival, k.rival = true, true
				s.closing = s.closing || c.Op == trace.ServerContext || other.command.Op == trace.ServerContext // the one that is refused leaves its context
			}
		}
	}
	return k
}

// serves tells whether a call serves forever.
func (k *wait) serves() bool {
	return k.command.Op == trace.ServerServeForever || k.command.Op == trace.ServerContext && k.command.Serve != nil && *k.command.Serve
}

// cancels notes that a call is cancelled.
func (s *server) cancels(k *wait) {
	if op := k.command.Op; op == trace.ServerServeForever || op == trace.ServerContext {
		s.closing = true
	}
}

// release notes that the body of a context goes on to its end.
func (s *server) release(k *wait, c *trace.Command) {
	if k.command.Op == trace.ServerContext && !k.serves() && !k.released {
		k.released, k.raises, s.closing = true, c.Exception, true
	}
}

// apply notes what a command does to the server, and returns what was certain before.
func (s *server) apply(c *trace.Command) standing {
	before := s.now()
	switch c.Op {
	case trace.ServerClose:
		s.closing = true
	case trace.ServerCloseClients, trace.ServerAbortClients:
		for _, r := range s.clients {
			r.caught = !r.handed
			if r.connection != nil {
				r.connection.condemn(closesClients, c.Op == trace.ServerAbortClients)
			}
		}
	}
	return before
}

// answer judges what came back from a command, before which so much was certain.
func (s *server) answer(c *trace.Command, before standing, returned *trace.Value, raised *trace.Error) {
	if s.unclear {
		return
	}
	switch c.Op {
	case trace.ServerClose:
		s.exercise(idempotentClose)
		if raised != nil {
			s.breaks(idempotentClose, "returned none")
			return
		}
		s.close(idempotentClose)
	case trace.ServerCloseClients, trace.ServerAbortClients:
		if raised != nil { // so who is closed is open
			for _, r := range s.clients {
				if r.connection != nil {
					r.connection.giveUp()
				}
			}
		}
		if raised == nil || raised.Kind != trace.NotSupported { // in a callback it may show only now that there is no such call
			s.holds(closesClients, raised == nil, "returned none")
		}
	case trace.ServerIsServing:
		s.isServing(before, returned)
	case trace.ServerSockets:
		s.sockets(before, returned)
	}
}

// close notes that the server certainly is closed, by a rule.
func (s *server) close(by string) {
	s.closing = true
	if !s.closed {
		s.closed, s.by, s.since = true, by, s.w.m.step
	}
}

func (s *server) isServing(before standing, returned *trace.Value) {
	now := s.now()
	switch {
	case before.closed:
		s.holds(s.by, isBool(returned, false), "returned false, since the server is closed")
	case before.serving && now.serving:
		s.holds(s.listens(), isBool(returned, true), "returned true")
	case before.idle && now.idle:
		s.holds(deferred, isBool(returned, false), "returned false, since the server was not asked to serve")
	}
}

func (s *server) sockets(before standing, returned *trace.Value) {
	if returned == nil {
		return
	}
	switch all := returned.List; {
	case before.closed:
		// in 3.6, which knows no deferred serving, there are none in another way
		empty := returned.List != nil && len(all) == 0 || returned.IsNone() && !s.w.m.options.InForce(deferred)
		s.holds(s.by, empty, "returned an empty list, since the server is closed")
	case before.serving && s.now().serving:
		plain := func(name string) bool { p := s.w.places[name]; return p != nil && p.plain }
		s.reaches(all)
		var wrong bool
		for _, a := range all {
			wrong = wrong || !tellsAddress(s.command.Kind, a)
		}
		n := len(s.command.Addresses)
		if s.seat != nil {
			n = 1
		}
		if !s.elsewhere() && !slices.ContainsFunc(s.command.Addresses, func(name string) bool { return !plain(name) }) {
			s.holds("start_server.sockets", !wrong && len(all) == n, fmt.Sprintf("returned a list of %d addresses", n))
		} else {
			s.holds("start_server.sockets", !wrong && len(all) > 0, "returned a list of at least one address")
		}
	}
}

// tellsAddress tells whether a value is an address.
func tellsAddress(kind trace.EndKind, v trace.Value) bool {
	if kind == trace.Unix {
		return v.Text != nil
	}
	return len(v.List) >= 2 && v.List[0].Text != nil && v.List[1].Int != nil && *v.List[1].Int > 0
}

// started judges how the call that starts the server came back.
func (s *server) started(raised *trace.Error) {
	if raised != nil {
		s.unclear, s.closing, s.closed = true, true, true // why it failed is judged by the cases that have it fail
		return
	}
	s.up, s.serving = true, s.asked
}

// back judges how a call came back.
func (s *server) back(k *wait, returned *trace.Value, raised *trace.Error) {
	if k.command.Op == trace.StreamServe {
		s.stands(k, raised)
		s.started(raised)
		return
	}
	if s.unclear {
		return
	}
	switch op := k.command.Op; {
	case op == trace.ServerStartServing:
		s.startedServing(k, raised)
	case op == trace.ServerWaitClosed:
		s.waitedClosed(k, raised)
	case k.serves():
		s.servedForever(k, returned, raised)
	case op == trace.ServerContext:
		s.left(k, returned, raised)
	}
	if k.command.Op == trace.ServerContext && !s.unclear {
		s.closing = true
		if returned != nil || raised.Kind == trace.Scripted || k.pending {
			s.close(contextManager)
		}
	}
}

func (s *server) startedServing(k *wait, raised *trace.Error) {
	switch {
	case k.cancelled:
	case s.closing:
		s.unclear = s.unclear || raised == nil // nothing is said of a closed server that serves again
	default:
		s.holds(deferred, raised == nil, "returned none")
		s.serving = s.serving || raised == nil
	}
}

func (s *server) waitedClosed(k *wait, raised *trace.Error) {
	if k.cancelled {
		return
	}
	s.exercise(waitsForClose)
	open := slices.IndexFunc(s.clients, (*raw).isServed)
	switch {
	case raised != nil:
		s.holds(waitsForClose, false, "pending or returned none")
		return
	case !s.closing:
		s.breaks(waitsForClose, "pending, since the server is not closed")
		return
	case open >= 0:
		s.holds(waitsForClients, false, "pending, since the connection "+s.clients[open].connection.name+" is open")
	case len(s.clients) > 0:
		s.exercise(waitsForClients)
	}
	s.refuses = s.refuses || s.closed
}

// isServed tells whether the far end of a raw end certainly is open.
func (r *raw) isServed() bool {
	return r.connection != nil && !r.connection.unclear && r.connection.open()
}

// servedForever judges how a call that serves forever came back.
func (s *server) servedForever(k *wait, returned *trace.Value, raised *trace.Error) {
	refused := raised != nil && raised.Kind == trace.InvalidState
	switch {
	case k.cancelled:
		s.exercise(contextManager)
	case k.late:
		s.holds(oneForever, refused, "raised invalid-state, since the server is closed")
	case k.rival && (refused || returned != nil):
		s.holds(oneForever, refused, "raised invalid-state, since another call serves already")
	case !s.closing && refused:
		s.breaks(oneForever, "pending, since no other call serves")
	case !s.closing:
		s.breaks(contextManager, "pending, since nobody has cancelled it")
	case refused && !k.pending: // it may have been called on a closed server
	default:
		s.holds(endsForever, raised != nil && raised.Kind == trace.Cancelled, "raised cancelled, since the server was closed")
	}
}

// left judges how a context was left whose body waits.
func (s *server) left(k *wait, returned *trace.Value, raised *trace.Error) {
	switch {
	case k.cancelled:
		s.exercise(contextManager)
	case !k.released:
		s.breaks(contextManager, "pending, since the body waits")
	case k.raises == nil:
		s.holds(contextManager, returned != nil, "returned none")
	default:
		s.holds(contextManager, raised != nil && raised.Kind == trace.Scripted && raised.Message == *k.raises, fmt.Sprintf("raised the exception %q of the body", *k.raises))
	}
}

// deserted tells whether nobody who has connected to the server is served any more.
func (s *server) deserted() bool {
	return !s.strangers && !slices.ContainsFunc(s.clients, func(r *raw) bool {
		return r.connection == nil || r.connection.unclear || !r.connection.ends()
	})
}

// owesCallback tells whether the callback has to be called by now.
func (s *server) owesCallback() debt {
	if s.unclear || s.strangers || !s.now().serving || s.command.Limit != nil && *s.command.Limit <= 0 {
		return debt{}
	}
	for _, r := range s.clients {
		if !r.handed && !r.caught && !r.closed && !r.reset {
			return debt{perConnection, "a call of the callback for each connection by now"}
		}
	}
	return debt{}
}

// owesEnd tells whether a receive of a raw end has to come to an end that was never accepted. Of TCP the system itself forgets
// some without a word.
func (s *server) owesEnd(r *raw) debt {
	if r.kind != trace.Unix || s.unclear || s.strangers || !s.closed || r.handed || r.closed || r.reset {
		return debt{}
	}
	return debt{perConnection, "a call of the callback, or the end of the stream or a reset, since the server is closed"}
}

// owesCall tells what is due of a call that waits.
func (s *server) owesCall(k *wait) debt {
	op := k.command.Op
	switch {
	case s.unclear:
	case op == trace.StreamServe && !k.cancelled:
		return s.foot.due()
	case op == trace.ServerStartServing && !k.cancelled && !s.closing:
		return debt{deferred, "it comes back"}
	case op == trace.ServerWaitClosed && !k.cancelled && s.closed && s.deserted():
		if len(s.clients) > 0 {
			return debt{waitsForClients, "it comes back, since the server is closed and nobody is served any more"}
		}
		return debt{waitsForClose, "it comes back, since the server is closed"}
	case k.serves() && !k.cancelled && k.late && (op == trace.ServerServeForever || s.deserted()):
		return debt{oneForever, "raised invalid-state, since the server is closed"}
	case op == trace.ServerServeForever && !k.cancelled && s.rivals(k):
		return debt{oneForever, "all but one of the calls raised invalid-state"}
	case k.serves() && !k.cancelled && s.closed && s.deserted():
		return debt{endsForever, "it comes back, since the server was closed"}
	case (k.serves() || op == trace.ServerContext) && (k.cancelled || k.released) && s.deserted():
		return debt{contextManager, "it comes back"}
	}
	return debt{}
}

// rivals tells whether another call serves forever besides, not counting contexts: one that is refused may wait for clients.
func (s *server) rivals(k *wait) bool {
	for _, other := range s.w.calls {
		if other != k && other.server == s && other.command.Op == trace.ServerServeForever && !other.cancelled {
			return true
		}
	}
	return false
}

// owes tells what is due of what a run waits for.
func (s *server) owes(until *trace.Until) debt {
	if k := s.w.calls[until.Done]; k != nil && k.server == s {
		return s.owesCall(k)
	} else if k != nil && k.raw != nil && k.raw.server == s {
		return s.owesEnd(k.raw)
	}
	if name, _, _ := strings.Cut(until.On, "#"); until.Event == trace.ClientConnected && (name == s.name || name == "") {
		return s.owesCallback()
	}
	return debt{}
}

// rest judges what there should have been when the implementation has come to rest.
func (s *server) rest() {
	s.refuses = s.refuses || s.closed
	due := s.owesCallback()
	for _, name := range s.w.pending(func(k *wait) bool { return k.server == s || k.raw != nil && k.raw.server == s }) {
		switch k := s.w.calls[name]; {
		case k.server == s:
			k.pending = true
			if d := s.owesCall(k); d.rule != "" {
				due = d
			}
			s.serving = s.serving || k.serves() && !k.cancelled && !k.late
		default:
			if d := s.owesEnd(k.raw); d.rule != "" {
				due = d
			}
		}
	}
	if due.rule != "" {
		s.breaks(due.rule, due.what)
	}
}

// placed judges whether a call that connects or listens was told either of a socket or of a place.
func (w *wires) placed(c *trace.Command, returned *trace.Value) {
	place := c.Address != "" || c.Host != nil || c.Port != nil || len(c.Addresses) > 0
	if c.Raw != "" || c.Keywords != nil || c.Addresses != nil && !place || place != (c.Socket != "") {
		return
	}
	what := "neither a socket nor a place is given"
	if place {
		what = "both a socket and a place are given"
	}
	w.m.exercise(socketOrAddress)
	if returned != nil {
		w.m.broken(socketOrAddress, describe(w.command, w.reply)+"; permitted: raised an error, since "+what)
	}
}

// holds judges something after which the server is judged further.
func (s *server) holds(rule string, is bool, permitted string) {
	s.exercise(rule)
	if !is {
		s.w.m.broken(rule, s.text(permitted))
	}
}

// breaks records that a rule is broken, after which the server is not judged any more.
func (s *server) breaks(rule, permitted string) {
	s.exercise(rule)
	s.w.m.broken(rule, s.text(permitted))
	s.unclear = true
}

func (s *server) exercise(rule string) { s.w.m.exercise(rule) }

// text says what was done, what came back, what is known of the server, and what would have been permitted.
func (s *server) text(permitted string) string {
	handed := 0
	for _, r := range s.clients {
		if r.handed {
			handed++
		}
	}
	with := fmt.Sprintf("%s over %s, %d connections, %d of them given to the callback", s.name, s.command.Kind, len(s.clients), handed)
	switch {
	case s.closed:
		with += ", closed"
	case s.closing:
		with += ", perhaps closed"
	case !s.asked:
		with += ", not asked to serve"
	}
	return fmt.Sprintf("%s (%s); permitted: %s", describe(s.w.command, s.w.reply), with, permitted)
}
