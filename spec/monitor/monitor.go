// Package monitor is the executable specification: small state machines that see every command before it is carried out,
// every event, and every reply of a session, and say which rule an observation breaks.
//
// They run on every session, whether scripted, enumerated or random. They know the documents and nothing of any
// implementation; where the documents leave latitude every permitted outcome passes.
package monitor

import (
	"math/bits"
	"slices"
	"strconv"

	"github.com/streamspec/streamspec/spec/trace"
)

// Options say by what a session is judged.
type Options struct {
	// InForce tells whether a rule holds for the documented version that the implementation is judged by. Nil: all hold.
	InForce func(rule string) bool
	// Settling of the implementation. When it is not exact, a call that is still pending is judged only when a run
	// command has waited for it in vain.
	Settling trace.Settling
	// BestEffort lists the kinds of connection whose settling is best-effort though that of memory is exact.
	BestEffort []trace.Capability
}

// A Monitor watches one session with every monitor there is. It is used by one goroutine at a time.
type Monitor struct {
	options    Options
	step       int // the command being carried out, counted from 1
	readers    map[string]*reader
	order      []*reader // the readers, as they were made
	spare      []*reader // readers of former scenarios, whose room can be used again
	transports map[string]*transport
	calls      map[string]*reader // the reader that a pending call is about
	wires      *wires             // nil until there is something of connections to follow
	feeds      map[string]string  // the reader that a reader protocol made by hand feeds
	bereft     map[string]bool    // reader protocols whose connection was lost
	hands      *handmade          // nil until there is something that is made by hand
	command    *trace.Command     // the one at hand
	reply      *trace.Reply
	through    *trace.Command // the callback of such a protocol that is at hand, nil if none is
	answered   *trace.Reply   // what came back from it
	index      map[string]int // a number for each rule that was exercised
	rules      []string       // the rule of each number
	counts     []int          // how often it was exercised
	violations []trace.Violation
}

// A ruleSet is a set of rules, by their numbers.
type ruleSet [4]uint64

// note adds rules to a set.
func (m *Monitor) note(set *ruleSet, rules ...string) {
	for _, rule := range rules {
		i, ok := m.index[rule]
		if !ok {
			i = len(m.rules)
			m.index[rule] = i
			m.rules = append(m.rules, rule)
			m.counts = append(m.counts, 0)
		}
		set[i/64] |= 1 << (i % 64)
	}
}

// exercised counts the rules of a set.
func (m *Monitor) exercised(set ruleSet) {
	for word, bit := range set {
		for ; bit != 0; bit &= bit - 1 {
			m.counts[word*64+bits.TrailingZeros64(bit)]++
		}
	}
}

// New returns a monitor for a session that has not begun.
func New(o Options) *Monitor {
	if o.InForce == nil {
		o.InForce = func(string) bool { return true }
	}
	m := &Monitor{options: o, index: map[string]int{}, readers: map[string]*reader{}, transports: map[string]*transport{}, calls: map[string]*reader{}}
	return m
}

func (m *Monitor) reset() {
	m.spare = append(m.spare, m.order...)
	m.order = m.order[:0]
	clear(m.readers)
	clear(m.transports)
	clear(m.calls)
	m.wires, m.hands = nil, nil
	clear(m.feeds)
	clear(m.bereft)
}

// Before sees a command that is about to be carried out.
func (m *Monitor) Before(c *trace.Command) {
	m.step++
	c, _ = m.throughProtocol(c, nil)
	if r := m.subject(c); r != nil {
		r.before(c)
	}
}

// After sees what came back from the command that Before saw last.
func (m *Monitor) After(c *trace.Command, reply *trace.Reply) {
	if reply.Fault != "" || reply.Unsupported != "" {
		m.abandon(c, reply)
		return
	}
	if c.Op == trace.Turn { // what takes more turns has not come to its end
		turn := *c
		turn.NoSettle, c = true, &turn
	}
	if m.wires == nil && opens(c.Op) {
		m.wires = m.newWires()
	}
	m.command, m.reply = c, reply
	if m.hands == nil && c.Op == trace.ReaderProtocolMake {
		m.hands = newHandmade(m)
	}
	if m.hands != nil {
		m.hands.begin(c, reply)
		defer m.hands.end(c, reply, m.rests(c, reply))
	}
	if m.wires != nil {
		m.wires.begin(c, reply)
	}
	for i := range reply.Events {
		m.event(&reply.Events[i])
	}
	if to, due := m.throughProtocol(c, reply); to != c {
		m.through, m.answered = c, reply
		defer func() { m.through, m.answered = nil, nil }()
		c, reply = to, due
	}
	switch c.Op {
	case trace.ReaderMake:
		m.made(c, reply)
	case trace.ReaderProtocolMake:
		if m.feeds == nil {
			m.feeds, m.bereft = map[string]string{}, map[string]bool{}
		}
		m.feeds[c.As] = c.Reader
	case trace.MockMake:
		m.transports[c.As] = &transport{name: c.As, canPause: c.CanPause == nil || *c.CanPause}
	case trace.Forget:
		m.forget(c.Names)
		return
	}
	subject := m.subject(c)
	if subject != nil {
		m.isImmutable(reply.Returned)
	}
	if m.through != nil && m.through.Op == trace.ProtocolConnectionLost {
		m.bereft[m.through.On] = true
	}
	for _, r := range m.order {
		r.after(c, reply, r == subject)
	}
	if m.wires != nil {
		m.wires.end()
	}
}

// End sees what happened while the session was closed.
func (m *Monitor) End(events []trace.Event) {
	for i := range events {
		m.silent(&events[i])
	}
}

// Violations returns what was not permitted so far, in the order in which it was seen.
func (m *Monitor) Violations() []trace.Violation { return m.violations }

// Exercised returns how often the premise of each rule occurred.
func (m *Monitor) Exercised() map[string]int {
	out := make(map[string]int, len(m.rules))
	for i, rule := range m.rules {
		if m.counts[i] > 0 {
			out[rule] = m.counts[i]
		}
	}
	return out
}

// Reset forgets every object and violation, and keeps the count of what was exercised: the next scenario begins.
func (m *Monitor) Reset() {
	m.reset()
	m.step, m.violations = 0, nil
}

// rests tells whether the implementation has come to rest after a command, as far as it is in memory.
func (m *Monitor) rests(c *trace.Command, reply *trace.Reply) bool {
	spec := trace.Spec(c.Op)
	return m.options.Settling == trace.Exact && !c.NoSettle && (spec.Style != trace.Make || spec.Events != nil) && c.Op != trace.Run && c.Op != trace.Forget &&
		!slices.ContainsFunc(reply.Events, func(e trace.Event) bool { return e.Ev == trace.Unsettled })
}

// subject is the reader that a command is about, nil if it is about none that is known.
func (m *Monitor) subject(c *trace.Command) *reader {
	if c.Op == trace.Cancel {
		return m.calls[c.On]
	}
	return m.readers[c.On]
}

// event gives an event to the monitor that it is for.
func (m *Monitor) event(e *trace.Event) {
	if m.hands != nil && m.hands.event(e) {
		return
	}
	switch e.Ev {
	case trace.PauseReading, trace.ResumeReading:
		if t := m.transports[e.On]; t != nil {
			t.calls = append(t.calls, e.Ev)
		}
	case trace.Finished, trace.Item:
		if r := m.calls[e.On]; r != nil {
			m.isImmutable(e.Returned, e.Value)
			r.events = append(r.events, e)
		} else if m.wires != nil {
			m.wires.event(e)
		}
	case trace.Unhandled, trace.Unraisable, trace.Unsettled:
		m.silent(e)
		if m.wires != nil {
			m.wires.spins = m.wires.spins || e.Ev == trace.Unsettled
		}
	default:
		if m.wires != nil {
			m.wires.event(e)
		}
	}
}

// isImmutable judges the type of what a read has given: bytes that are not of the native type can be changed.
func (m *Monitor) isImmutable(given ...*trace.Value) {
	for _, v := range given {
		if v == nil || v.Bytes == nil {
			continue
		}
		m.exercise("reader.read.returns-immutable-bytes")
		if v.Type != "" {
			m.broken("reader.read.returns-immutable-bytes", describe(m.command, m.reply)+"; permitted: bytes that cannot be changed, and not of type "+v.Type)
		}
	}
}

func (m *Monitor) violate(rule, text string) {
	m.violations = append(m.violations, trace.Violation{Rule: rule, Step: m.step, Text: "step " + strconv.Itoa(m.step) + ": " + text})
}

// broken records the violation of a rule if the rule is in force, and tells whether it is.
func (m *Monitor) broken(rule, text string) bool {
	if !m.options.InForce(rule) {
		return false
	}
	m.violate(rule, text)
	return true
}

func (m *Monitor) exercise(rules ...string) {
	var set ruleSet
	m.note(&set, rules...)
	m.exercised(set)
}

func (m *Monitor) made(c *trace.Command, reply *trace.Reply) {
	limit := defaultLimit
	if c.Limit != nil {
		limit = *c.Limit
	}
	if limit <= 0 {
		m.exercise("reader.feed.limit-must-be-positive")
		if reply.Raised == nil || reply.Raised.Kind != trace.InvalidArgument {
			m.broken("reader.feed.limit-must-be-positive", describe(c, reply)+"; permitted: raised invalid-argument, since the limit is not positive")
		}
		return
	}
	if reply.Returned == nil {
		m.broken("reader.feed.opener-sets-limit", describe(c, reply)+"; permitted: returned none")
		return
	}
	r := m.newReader(c.As, limit)
	m.readers[c.As] = r
	m.order = append(m.order, r)
}

// abandon stops judging the object of a command that the adapter could not carry out, and every reader when something happened
// meanwhile: it is not known whether everything that could run did.
func (m *Monitor) abandon(c *trace.Command, reply *trace.Reply) {
	if m.wires != nil {
		m.wires.abandon(c, reply)
	}
	m.hands = nil
	if r := m.subject(c); r != nil {
		r.lost = true
	}
	for _, r := range m.order {
		r.lost = r.lost || len(reply.Events) > 0
	}
}

func (m *Monitor) forget(names []string) {
	if names == nil {
		m.reset()
		return
	}
	if m.wires != nil {
		m.wires.forget(names)
	}
	for _, name := range names {
		if m.hands != nil {
			m.hands.forget(name)
		}
		m.order = slices.DeleteFunc(m.order, func(r *reader) bool { return r == m.readers[name] })
		delete(m.readers, name)
		delete(m.transports, name)
		delete(m.feeds, name)
		delete(m.bereft, name)
		if r := m.calls[name]; r != nil {
			r.lost = true // a call was taken back without a report of what became of it
			delete(m.calls, name)
		}
	}
}

// describe says what was done and what came back.
func describe(c *trace.Command, reply *trace.Reply) string {
	s := c.String() + " " + reply.String()
	for i, e := range reply.Events {
		if i == 0 {
			s += ", with "
		} else {
			s += ", "
		}
		s += e.String()
	}
	return s
}
