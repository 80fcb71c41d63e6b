package monitor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// defaultLimit is the limit of a reader made without one (reader.feed.default-limit), bytes.
const defaultLimit = 65536

// A reader is the model of one reader: every state that it may be in, given all that was done and all that was seen. Nearly
// always that is a single one. Before applies a command to each state; after lets the calls run in each, and keeps those
// states that agree with what came back. When none does, a rule is broken.
type reader struct {
	m        *Monitor
	name     string
	limit    int
	states   []state
	spare    []state  // room for the next states
	reach    []state  // room for the states reached
	tries    []state  // room for what an attempt leads to
	seps     [][]byte // room for separators
	seen     []sight  // room for what is seen
	newest   *call    // the call started last
	flow     flow
	tolerant bool // attempts include what breaks a rule but leaves it clear how to go on
	lost     bool // what it did cannot be followed any more: nothing is judged
	events   []*trace.Event
}

// A state is one state that a reader may be in. States are values: what they hold is never changed in place.
type state struct {
	buf       []byte
	eof       bool
	exception *string
	waiter    *call    // the call that waits for data
	fresh     calls    // calls that were started and may not have run yet
	taken     int      // how many bytes at the front of buf a pending read to the end has taken already
	origin    string   // the rule by which buf is what it is: the one to name when it turns out otherwise
	kept      int      // how many bytes at the front of buf that rule let stay; what follows was fed later
	ended     []ending // calls that came back and are not accounted for by an observation yet
	broken    []string // rules broken on the way to this state that leave it clear how to go on
	exercised ruleSet  // rules whose premise occurred on the way to this state, in the command at hand
	refusal   *refusal // what a synchronous command must answer
	late      bool     // the exception came when the waiting call had been woken already: it may not look at it any more
	woken     bool     // something happened that a waiting call has to look at
}

// calls are a few calls, in the order in which they were started. It is a value: a copy is independent.
type calls struct {
	list [maxRunnable]*call
	n    int
}

// maxRunnable is how many calls may be ready to run at once: they may run in any order, and the model follows each.
const maxRunnable = 3

func (c *calls) all() []*call { return c.list[:c.n] }

// add tells whether there was room.
func (c *calls) add(call *call) bool {
	if c.n == maxRunnable {
		return false
	}
	c.list[c.n] = call
	c.n++
	return true
}

// find returns the position of the call of that name, -1 if it is not among them.
func (c *calls) find(name string) int {
	return slices.IndexFunc(c.all(), func(c *call) bool { return c.name == name })
}

func (c *calls) remove(i int) {
	copy(c.list[i:], c.list[i+1:c.n])
	c.n--
}

// A call is a read that was started.
type call struct {
	command   *trace.Command
	name      string
	cancelled bool // it was cancelled but may not have run since: whether it notices before it looks at the buffer is open
	handed    int  // of an iteration: how many items it has handed out
}

// An ending is how a call comes back.
type ending struct {
	call     *call
	items    [][]byte // of an iteration: the items handed out before
	bytes    bool     // returned bytes
	returned []byte   // which
	none     bool     // returned none
	raised   *failure
	waits    bool // not an ending: an iteration handed out items and goes on waiting
}

// A failure is what a permitted error looks like.
type failure struct {
	kind     trace.Kind
	message  *string // of a scripted exception
	partial  []byte
	expected int // -1: unknown
	consumed int // -1: any
}

// A refusal is what a synchronous command must answer instead of none.
type refusal struct {
	rule string
	kind trace.Kind
}

func (m *Monitor) newReader(name string, limit int) *reader {
	r := &reader{}
	if n := len(m.spare); n > 0 {
		r, m.spare = m.spare[n-1], m.spare[:n-1]
		*r = reader{states: r.states[:0], spare: r.spare[:0], reach: r.reach[:0], tries: r.tries[:0], seps: r.seps[:0], seen: r.seen[:0], events: r.events[:0]}
	}
	r.m, r.name, r.limit = m, name, limit
	r.states = append(r.states, state{origin: "reader.feed.data-is-appended"})
	return r
}

// startedBy returns the call that a command starts. All states share it.
func (r *reader) startedBy(c *trace.Command) *call {
	if r.newest == nil || r.newest.command != c {
		r.newest = &call{command: c, name: c.As}
	}
	return r.newest
}

// before applies the command to every state.
func (r *reader) before(c *trace.Command) {
	if r.lost {
		return
	}
	r.flow.begin(r.states)
	next := r.spare[:0]
	for i := range r.states {
		s := r.states[i]
		s.refusal, s.exercised = nil, ruleSet{}
		next = r.apply(next, s, c)
	}
	r.states, r.spare = next, r.states
}

// apply appends the states that the command leads to from s, before any call runs.
func (r *reader) apply(out []state, s state, c *trace.Command) []state {
	switch c.Op {
	case trace.ReaderFeedData:
		data := c.Data.Bytes
		if !c.Data.Form.IsData() {
			r.lost = true // arguments of wrong types are judged by the cases that pass them
			return out
		}
		switch {
		case s.eof:
			s.refusal = &refusal{"reader.feed.data-after-eof-refused", trace.InvalidState}
			r.m.note(&s.exercised, "reader.feed.data-after-eof-refused")
		case len(data) == 0:
			r.m.note(&s.exercised, "reader.feed.empty-data-wakes-nobody")
		default:
			s.buf = append(slices.Clip(s.buf), data...)
			s.woken = true
			r.m.note(&s.exercised, "reader.feed.data-is-appended")
			r.flow.fed(len(s.buf))
		}
	case trace.ReaderFeedEOF:
		r.flow.again = s.eof
		if s.eof {
			r.m.note(&s.exercised, "reader.feed.eof-is-idempotent")
		}
		s.eof, s.woken = true, true
		r.m.note(&s.exercised, "reader.feed.eof-marks-end")
	case trace.ReaderSetException:
		if c.Exception == nil && s.waiter != nil {
			r.lost = true // what becomes of the waiting call is not specified
			return out
		}
		s.late = s.waiter != nil && s.woken && c.Exception != nil
		s.exception, s.woken = c.Exception, s.woken || c.Exception != nil
		r.m.note(&s.exercised, "reader.feed.set-exception-stores")
	case trace.ReaderRead, trace.ReaderReadLine, trace.ReaderReadExactly, trace.ReaderReadUntil, trace.ReaderIterate:
		if c.Separator != nil && !c.Separator.Form.IsData() || slices.ContainsFunc(c.Separators, func(d trace.Data) bool { return !d.Form.IsData() }) {
			r.lost = true // arguments of wrong types are judged by the cases that pass them
			return out
		}
		if !s.fresh.add(r.startedBy(c)) {
			r.lost = true // too many orders to follow
			return out
		}
		r.m.calls[c.As] = r
	case trace.Cancel:
		out = r.cancel(out, s, c.On)
		if iterates(s.waiter) && s.woken || slices.ContainsFunc(s.fresh.all(), iterates) {
			r.lost = true // how many items came before the cancellation is open
		}
		if c.NoSettle || r.m.options.Settling != trace.Exact {
			out = append(out, s.cancelSoon(c.On))
		}
		return out
	}
	return append(out, s)
}

func iterates(c *call) bool { return c != nil && c.command.Op == trace.ReaderIterate }

// cancelSoon marks the call of that name as one that comes back, cancelled or not, as soon as it runs.
func (s state) cancelSoon(name string) state {
	mark := func(c *call) *call {
		marked := *c
		marked.cancelled = true
		return &marked
	}
	if s.waiter != nil && s.waiter.name == name {
		s.waiter, s.woken = mark(s.waiter), true
	}
	if i := s.fresh.find(name); i >= 0 {
		s.fresh.list[i] = mark(s.fresh.list[i])
	}
	return s
}

// cancel appends the states after taking back the call of that name. A read to the end that is cancelled may have lost what it had taken
// (reader.read.to-eof-failure-loses-data, a quirk): either passes.
func (r *reader) cancel(out []state, s state, name string) []state {
	var cancelled *call
	if s.waiter != nil && s.waiter.name == name {
		cancelled, s.waiter = s.waiter, nil
	}
	if i := s.fresh.find(name); i >= 0 {
		cancelled = s.fresh.list[i]
		s.fresh.remove(i)
	}
	if cancelled == nil {
		return append(out, s)
	}
	s.ended = append(slices.Clip(s.ended), ending{call: cancelled, raised: &failure{kind: trace.Cancelled, expected: -1, consumed: -1}})
	r.m.note(&s.exercised, "reader.read.cancel-keeps-data")
	s.origin, s.kept = "reader.read.cancel-keeps-data", len(s.buf)
	return r.mayLose(out, s, cancelled)
}

// mayLose appends s, and when c was a read to the end that had taken bytes, also the state in which they are gone.
func (r *reader) mayLose(out []state, s state, c *call) []state {
	taken := s.taken
	s.taken = 0
	if !toEOF(c.command) || taken == 0 {
		return append(out, s)
	}
	r.m.note(&s.exercised, "reader.read.to-eof-failure-loses-data")
	without := s
	without.buf = s.buf[taken:]
	return append(out, s, without)
}

func toEOF(c *trace.Command) bool { return c.Op == trace.ReaderRead && (c.N == nil || *c.N < 0) }

// after lets the calls run in every state and keeps the states that agree with what came back.
func (r *reader) after(c *trace.Command, reply *trace.Reply, subject bool) {
	events := r.events
	r.events = r.events[:0]
	if r.lost {
		return
	}
	if !subject {
		if len(events) == 0 && (c.NoSettle || !r.unfinished()) {
			return
		}
		r.flow.begin(r.states)
	}
	if subject && !r.answered(c, reply) {
		return
	}
	optional := c.NoSettle || r.m.options.Settling != trace.Exact && !waitedInVain(c, reply)
	seen := r.observe(c, reply, events, subject)
	agree, reached := r.follow(seen, optional)
	if r.lost {
		return
	}
	permitted := ""
	if len(agree) == 0 {
		permitted = expectations(reached, seen)
		r.tolerant = true // perhaps a rule is broken in a way that leaves it clear how to go on
		agree, _ = r.follow(seen, optional)
		r.tolerant = false
	}
	if len(agree) == 0 {
		r.lost = true
		r.disagree(c, reply, reached, seen, permitted, optional)
		return
	}
	r.keep(c, reply, agree, permitted)
	for _, call := range seen {
		if !call.pending {
			delete(r.m.calls, call.name)
		}
	}
	r.flow.judge(r, c, reply, seen)
	if r.lost = r.lost || len(r.states) > mostStates; !r.lost {
		r.states = distinct(r.states)
	}
}

// mostStates is how many states a reader may be in for all that is known. Many calls that are started, woken and cancelled before the
// implementation runs have ever more orders to run in; beyond this the reader is not judged any more.
const mostStates = 1000

// distinct drops states that are equal to others: orders that differed on the way often come to the same. Were they kept,
// each call that is started without settling would double their number. The list is changed in place.
func distinct(states []state) []state {
	if len(states) < 2 {
		return states
	}
	out := states[:1]
	for _, s := range states[1:] {
		if !slices.ContainsFunc(out, s.equal) {
			out = append(out, s)
		}
	}
	return out
}

// equal compares all that matters for what comes next. Calls that came back without having been seen are compared only by
// identity, so states in which there are any may be kept although they are equal.
func (s state) equal(o state) bool {
	sameException := s.exception == o.exception || s.exception != nil && o.exception != nil && *s.exception == *o.exception
	return sameException && s.eof == o.eof && s.waiter == o.waiter && s.fresh == o.fresh && s.taken == o.taken && s.origin == o.origin &&
		s.kept == o.kept && slices.EqualFunc(s.ended, o.ended, ending.same) && s.refusal == nil && o.refusal == nil && s.late == o.late && s.woken == o.woken &&
		string(s.buf) == string(o.buf)
}

// same tells whether two endings are one and the same, reached by two ways.
func (e ending) same(o ending) bool {
	return e.call == o.call && e.bytes == o.bytes && e.none == o.none && e.waits == o.waits && e.raised == o.raised &&
		slices.Equal(e.returned, o.returned) && slices.EqualFunc(e.items, o.items, slices.Equal)
}

// follow returns the states in which everything seen is accounted for, and all that could have been reached.
func (r *reader) follow(seen []sight, optional bool) (agree, reached []state) {
	reached = r.reach[:0]
	for i := range r.states {
		reached = r.settle(reached, r.states[i], optional)
	}
	r.reach = reached
	agree = r.spare[:0]
	for i := range reached {
		if s, ok := reached[i].agrees(seen, optional); ok {
			agree = append(agree, s)
		}
	}
	r.spare = agree
	return agree, reached
}

// unfinished tells whether some call of the reader has not come back.
func (r *reader) unfinished() bool {
	return slices.ContainsFunc(r.states, func(s state) bool { return s.waiter != nil || s.fresh.n > 0 || len(s.ended) > 0 })
}

// waitedInVain tells whether a run command waited for a call that did not come back.
func waitedInVain(c *trace.Command, reply *trace.Reply) bool {
	return c.Op == trace.Run && reply.Returned != nil && reply.Returned.Bool != nil && !*reply.Returned.Bool
}

// answered judges the reply to a synchronous command.
func (r *reader) answered(c *trace.Command, reply *trace.Reply) bool {
	switch c.Op {
	case trace.ReaderFeedData, trace.ReaderFeedEOF, trace.ReaderSetException, trace.Cancel:
		refusal := r.states[0].refusal
		if refusal != nil {
			if reply.Raised == nil || reply.Raised.Kind != refusal.kind {
				r.m.broken(refusal.rule, r.text(c, reply, fmt.Sprintf("raised %s", refusal.kind)))
				r.lost = true // whether the data were taken all the same is unknown
				return false
			}
		} else if reply.Returned == nil {
			rule := map[trace.Op]string{
				trace.ReaderFeedData: "reader.feed.data-is-appended", trace.ReaderFeedEOF: "reader.feed.eof-marks-end",
				trace.ReaderSetException: "reader.feed.set-exception-stores", trace.Cancel: "reader.read.cancel-keeps-data",
			}[c.Op]
			if c.Op == trace.ReaderFeedEOF && r.flow.again {
				rule = "reader.feed.eof-is-idempotent"
			}
			r.m.broken(rule, r.text(c, reply, "returned none"))
			r.lost = true
			return false
		}
	case trace.ReaderSetTransport:
		return r.flow.attach(r, c, reply)
	case trace.ReaderException:
		r.m.exercise("reader.feed.exception-reports-stored")
		want := r.states[0].exception
		ok := reply.Returned != nil && (want == nil && reply.Returned.IsNone() ||
			want != nil && reply.Returned.Error != nil && reply.Returned.Error.Kind == trace.Scripted && reply.Returned.Error.Message == *want)
		if !ok {
			permitted := "returned none"
			if want != nil {
				permitted = fmt.Sprintf("returned the exception %q", *want)
			}
			r.m.broken("reader.feed.exception-reports-stored", r.text(c, reply, permitted))
		}
	case trace.ReaderAtEOF:
		r.m.exercise("reader.feed.at-eof-needs-empty-and-eof")
		rule := "reader.feed.at-eof-needs-empty-and-eof"
		if r.states[0].exception != nil {
			rule = "reader.feed.at-eof-ignores-exception"
			r.m.exercise(rule)
		}
		var agree []state
		for _, s := range r.states {
			if want := s.eof && len(s.buf) == 0; reply.Returned != nil && reply.Returned.Bool != nil && *reply.Returned.Bool == want {
				agree = append(agree, s)
			}
		}
		if len(agree) == 0 {
			s := r.states[0]
			if s.eof && s.origin == "reader.readuntil.incomplete-empties-buffer" {
				rule = s.origin
			}
			r.m.broken(rule, r.text(c, reply, fmt.Sprintf("returned %t", s.eof && len(s.buf) == 0)))
			r.lost = true
			return false
		}
		r.states = agree
	}
	return true
}

// keep goes on with the states that agree; those that break nothing are preferred.
func (r *reader) keep(c *trace.Command, reply *trace.Reply, agree []state, permitted string) {
	isBroken := func(s state) bool { return slices.ContainsFunc(s.broken, r.m.options.InForce) }
	if !slices.ContainsFunc(agree, isBroken) {
		// nothing to choose
	} else if clean := slices.DeleteFunc(slices.Clone(agree), isBroken); len(clean) > 0 {
		agree = clean
	} else {
		agree = agree[:1]
		for _, rule := range agree[0].broken {
			r.m.broken(rule, r.text(c, reply, permitted))
		}
	}
	r.m.exercised(agree[0].exercised)
	for i := range agree {
		agree[i].broken, agree[i].exercised = nil, ruleSet{}
	}
	r.states, r.spare = agree, r.states[:0]
}

// text says what was done, what came back, and what would have been permitted.
func (r *reader) text(c *trace.Command, reply *trace.Reply, permitted string) string {
	s := r.states[0]
	with := fmt.Sprintf("limit %d, buffered %s", r.limit, trace.Bytes(s.buf))
	if s.eof {
		with += ", end of stream fed"
	}
	if s.exception != nil {
		with += fmt.Sprintf(", exception %q", *s.exception)
	}
	if r.m.through != nil {
		c, reply = r.m.through, r.m.answered
	}
	return fmt.Sprintf("%s (%s with %s); permitted: %s", describe(c, reply), r.name, with, permitted)
}

// settle appends the states that s leads to once the calls have run. When that is optional, s itself and everything on
// the way is among them.
func (r *reader) settle(out []state, s state, optional bool) []state {
	runnable := s.fresh
	if s.waiter != nil && s.woken && !runnable.add(s.waiter) {
		r.lost = true // too many orders to follow
		return append(out, s)
	}
	if runnable.n == 0 {
		s.woken = false
		return append(out, s)
	}
	if optional {
		out = append(out, s)
	}
	for _, c := range runnable.all() { // any may run first, since no document says
		if iterates(c) && (optional || c.cancelled || runnable.n > 1) || toEOF(c.command) && runnable.n > 1 {
			r.lost = true // it is a loop of reads, and others may come in between: too many orders to follow
			return append(out, s)
		}
		tries := r.attempt(s, c)
		r.tries = nil // settling may attempt others
		for _, next := range tries {
			out = r.settle(out, next, optional)
		}
		r.tries = tries
	}
	return out
}

// A sight is what was seen of one call in the command at hand.
type sight struct {
	name     string
	items    [][]byte
	returned *trace.Value
	raised   *trace.Error
	pending  bool // it came back pending
}

// observe gathers what was seen of the reader's calls, in the order in which they came back.
func (r *reader) observe(c *trace.Command, reply *trace.Reply, events []*trace.Event, subject bool) []sight {
	r.seen = r.seen[:0]
	find := func(name string) *sight {
		for i := range r.seen {
			if r.seen[i].name == name {
				return &r.seen[i]
			}
		}
		r.seen = append(r.seen, sight{name: name, pending: true})
		return &r.seen[len(r.seen)-1]
	}
	for _, e := range events {
		s := find(e.On)
		switch {
		case e.Ev == trace.Item && e.Value.Bytes != nil:
			s.items = append(s.items, *e.Value.Bytes)
		case e.Ev == trace.Item:
			s.items = append(s.items, []byte("not bytes: "+e.Value.String()))
		default:
			s.returned, s.raised, s.pending = e.Returned, e.Raised, false
		}
	}
	if spec := trace.Spec(c.Op); subject && spec.Style == trace.Start {
		s := find(c.As)
		if reply.Pending == "" {
			s.returned, s.raised, s.pending = reply.Returned, reply.Raised, false
		}
	}
	return r.seen
}

// agrees tells whether a state accounts for everything that was seen, and returns it without what was accounted for. When
// running was optional, a call may have come back without having been seen yet.
func (s state) agrees(seen []sight, optional bool) (state, bool) {
	left := s.ended
	for _, saw := range seen {
		i := slices.IndexFunc(left, func(e ending) bool { return e.call.name == saw.name })
		if i < 0 {
			if saw.pending && len(saw.items) == 0 {
				continue
			}
			return s, false
		}
		if optional && saw.pending && len(saw.items) == 0 && !left[i].waits {
			continue
		}
		if !left[i].agrees(saw) {
			return s, false
		}
		left = slices.Concat(left[:i], left[i+1:])
	}
	s.ended = left
	return s, optional || len(left) == 0
}

func (e ending) agrees(saw sight) bool {
	if !slices.EqualFunc(e.items, saw.items, slices.Equal) {
		return false
	}
	if saw.pending || e.waits {
		return saw.pending == e.waits
	}
	switch {
	case e.none:
		return saw.returned != nil && saw.returned.IsNone()
	case e.bytes:
		return saw.returned != nil && saw.returned.Bytes != nil && string(*saw.returned.Bytes) == string(e.returned)
	}
	return saw.raised != nil && e.raised.agrees(saw.raised)
}

func (f *failure) agrees(e *trace.Error) bool {
	switch {
	case e.Kind != f.kind:
		return false
	case f.message != nil && e.Message != *f.message:
		return false
	case f.kind == trace.IncompleteRead:
		if e.Partial == nil || string(*e.Partial) != string(f.partial) {
			return false
		}
		return f.expected < 0 && e.Expected == nil || e.Expected != nil && *e.Expected == f.expected
	case f.kind == trace.LimitOverrun:
		return e.Consumed != nil && (f.consumed < 0 || *e.Consumed == f.consumed)
	}
	return true
}

// String says how a call may come back.
func (e ending) String() string {
	var b strings.Builder
	for _, item := range e.items {
		fmt.Fprintf(&b, "item %s, ", trace.Bytes(item))
	}
	switch {
	case e.waits:
		b.WriteString("pending")
	case e.none:
		b.WriteString("returned none")
	case e.bytes:
		b.WriteString("returned " + trace.Bytes(e.returned).String())
	default:
		b.WriteString("raised " + e.raised.String())
	}
	return b.String()
}

func (f *failure) String() string {
	switch {
	case f.kind == trace.IncompleteRead && f.expected >= 0:
		return fmt.Sprintf("%s{partial %s, expected %d}", f.kind, trace.Bytes(f.partial), f.expected)
	case f.kind == trace.IncompleteRead:
		return fmt.Sprintf("%s{partial %s, expected unknown}", f.kind, trace.Bytes(f.partial))
	case f.kind == trace.LimitOverrun && f.consumed >= 0:
		return fmt.Sprintf("%s{consumed %d}", f.kind, f.consumed)
	case f.message != nil:
		return fmt.Sprintf("%s %q", f.kind, *f.message)
	}
	return string(f.kind)
}
