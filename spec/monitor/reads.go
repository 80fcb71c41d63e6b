package monitor

import (
	"bytes"
	"slices"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// attempt lets a call look at the buffer, and returns the states that this may lead to. The first is the one that the rules
// ask for; others are permitted as well, or, when the reader is tolerant, break a rule that leaves it clear how to go on.
func (r *reader) attempt(s state, c *call) []state {
	if s.taken > 0 && s.waiter != nil && c.name != s.waiter.name {
		// A read to the end waits. What was fed before may be in its hands already, or still be there for others.
		taken := s.taken
		s.taken = 0
		out := slices.Clone(r.attempt(s, c))
		hidden := s
		hidden.buf = s.buf[taken:]
		for _, next := range r.attempt(hidden, c) {
			next.buf = slices.Concat(s.buf[:taken], next.buf)
			next.taken = taken
			out = append(out, next)
		}
		return out
	}
	if c.cancelled {
		uncancelled := *c
		uncancelled.cancelled = false
		if s.waiter == c {
			s.waiter = &uncancelled
		}
		out := r.cancel(nil, s, c.name)
		for _, next := range r.attempt(s, &uncancelled) {
			if slices.ContainsFunc(next.ended, func(e ending) bool { return e.call.name == c.name && !e.waits }) {
				out = append(out, next)
			}
		}
		return out
	}
	if s.late && s.waiter != nil && c.name == s.waiter.name {
		s.late = false
		out := slices.Clone(r.attempt(s, c))
		before := s
		before.exception = nil
		for _, next := range r.attempt(before, c) {
			next.exception = s.exception
			out = append(out, next)
		}
		return out
	}
	waits := s.waiter != nil && c.name == s.waiter.name
	if waits {
		s.waiter, s.woken = nil, false
		r.m.note(&s.exercised, "reader.feed.data-wakes-reader")
	} else {
		s.fresh.remove(s.fresh.find(c.name))
	}
	a := attempt{r: r, s: s, c: c, n: -1, woken: waits, out: r.tries[:0]}
	if c.command.N != nil {
		a.n = *c.command.N
	}
	switch c.command.Op {
	case trace.ReaderRead:
		a.read()
	case trace.ReaderReadLine:
		a.readLine()
	case trace.ReaderReadExactly:
		a.readExactly()
	case trace.ReaderReadUntil:
		a.readUntil()
	case trace.ReaderIterate:
		a.iterate()
	}
	r.tries = a.out
	return a.out
}

// An attempt is one look of a call at the buffer.
type attempt struct {
	r     *reader
	s     state
	c     *call
	n     int
	woken bool // it has waited before
	items [][]byte
	out   []state
}

// note records that the premise of rules occurred.
func (a *attempt) note(rules ...string) { a.r.m.note(&a.s.exercised, rules...) }

// end adds the state in which the call comes back: rest is what is buffered afterwards, origin the rule by which it is, and
// broken a rule that this breaks.
func (a *attempt) end(e ending, rest []byte, origin, broken string) {
	if broken != "" && !a.r.tolerant {
		return
	}
	s := a.s
	e.call, e.items = a.c, a.items
	s.buf, s.taken = rest, 0
	if origin != "" {
		s.origin, s.kept = origin, len(rest)
	}
	s.ended = append(slices.Clip(s.ended), e)
	if broken != "" {
		s.broken = append(slices.Clip(s.broken), broken)
	}
	a.out = append(a.out, s)
}

func (a *attempt) returns(b, rest []byte, origin, broken string) {
	a.end(ending{bytes: true, returned: b}, rest, origin, broken)
}

func (a *attempt) raises(f failure, rest []byte, origin, broken string) {
	a.end(ending{raised: &f}, rest, origin, broken)
}

// refuses is a raise that leaves the reader as it was.
func (a *attempt) refuses(kind trace.Kind, rule string) {
	a.note(rule)
	a.raises(failure{kind: kind, expected: -1, consumed: -1}, a.s.buf, "", "")
}

// waits adds the state in which the call waits, or, when another call waits already, the one in which it is refused.
func (a *attempt) waits(broken string) {
	if broken != "" && !a.r.tolerant {
		return
	}
	if a.s.waiter != nil {
		loses := toEOF(a.c.command) && len(a.s.buf) > 0 // it may have taken what there was before it had to wait: a quirk
		if loses {
			a.note("reader.read.to-eof-failure-loses-data")
		}
		a.refuses(trace.ConcurrentRead, "reader.read.second-waiter-refused")
		if loses {
			a.raises(failure{kind: trace.ConcurrentRead, expected: -1, consumed: -1}, nil, "", "")
		}
		return
	}
	s := a.s
	s.waiter = a.c
	if toEOF(a.c.command) {
		s.taken = len(s.buf)
	}
	if len(a.items) > 0 {
		s.ended = append(slices.Clip(s.ended), ending{call: a.c, items: a.items, waits: true})
	}
	if broken != "" {
		s.broken = append(slices.Clip(s.broken), broken)
	}
	a.out = append(a.out, s)
}

// stored raises the stored exception, and tells whether there is one. A read to the end that waited may lose what it had
// taken (a quirk).
func (a *attempt) stored() bool {
	if a.s.exception == nil {
		return false
	}
	a.note("reader.read.exception-is-sticky", "reader.feed.set-exception-stores")
	if len(a.s.buf) > 0 {
		a.note("reader.read.exception-before-data")
	}
	if a.n == 0 {
		a.note("reader.read.exception-before-zero")
	}
	if a.woken {
		a.note("reader.feed.set-exception-wakes-reader")
	}
	f := failure{kind: trace.Scripted, message: a.s.exception, expected: -1, consumed: -1}
	for _, s := range a.r.mayLose(nil, a.s, a.c) {
		a.s = s
		a.raises(f, s.buf, "reader.read.exception-before-data", "")
	}
	return true
}

func (a *attempt) read() {
	switch {
	case a.n < 0:
		a.readToEOF()
	case a.n == 0 && a.stored():
		a.returns(nil, a.s.buf, "", "reader.read.exception-before-zero")
	case a.n == 0:
		a.note("reader.read.zero-returns-at-once", "reader.read.zero-consumes-nothing")
		a.returns(nil, a.s.buf, "reader.read.zero-consumes-nothing", "")
	case a.stored():
	case len(a.s.buf) > 0:
		n := min(a.n, len(a.s.buf))
		a.note("reader.read.size-is-upper-bound", "reader.read.one-byte-suffices", "reader.read.returns-what-is-available")
		if a.s.eof {
			a.note("reader.read.data-before-eof")
		}
		if n < len(a.s.buf) {
			a.note("reader.read.rest-stays-buffered")
		}
		if a.s.waiter != nil {
			a.note("reader.read.conflict-only-when-waiting")
		}
		fewer := "reader.read.returns-what-is-available" // a latitude of the older documents
		if a.woken {
			fewer = "reader.read.woken-reader-sees-all-fed"
			a.note(fewer)
		}
		a.returns(a.s.buf[:n], a.s.buf[n:], "reader.read.rest-stays-buffered", "")
		for k := n - 1; k > 0 && a.r.tolerant; k-- {
			a.returns(a.s.buf[:k], a.s.buf[k:], "reader.read.rest-stays-buffered", fewer)
		}
	case a.s.eof:
		a.note("reader.read.empty-at-eof")
		if a.woken {
			a.note("reader.read.eof-ends-pending-read-empty")
		}
		a.returns(nil, nil, "reader.read.empty-at-eof", "")
	default:
		a.waits("")
	}
}

func (a *attempt) readToEOF() {
	a.note("reader.read.without-size-reads-to-eof")
	switch {
	case a.c.command.N != nil && a.n == -1:
		a.note("reader.read.minus-one-is-no-size")
	case a.n < -1:
		a.note("reader.read.negative-is-no-size")
	}
	switch {
	case a.stored():
	case a.s.eof && len(a.s.buf) == 0:
		a.note("reader.read.empty-at-eof")
		a.returns(nil, nil, "reader.read.empty-at-eof", "")
	case a.s.eof:
		if len(a.s.buf) > a.r.limit {
			a.note("reader.read.to-eof-ignores-limit")
		}
		a.returns(a.s.buf, nil, "reader.read.without-size-reads-to-eof", "")
	default:
		a.waits("")
	}
}

func (a *attempt) readExactly() {
	switch {
	case a.n < 0:
		if a.s.exception != nil {
			a.note("reader.read.arguments-before-exception")
		}
		a.refuses(trace.InvalidArgument, "reader.readexactly.negative-refused")
	case a.n == 0 && a.stored():
		a.returns(nil, a.s.buf, "", "reader.read.exception-before-zero")
	case a.n == 0:
		a.note("reader.readexactly.zero-returns-at-once")
		a.returns(nil, a.s.buf, "reader.readexactly.zero-returns-at-once", "")
	case a.stored():
	case len(a.s.buf) >= a.n:
		a.note("reader.readexactly.exactly-n")
		if len(a.s.buf) > a.n {
			a.note("reader.readexactly.surplus-stays-buffered")
		}
		if len(a.s.buf) == a.n && a.s.eof {
			a.note("reader.readexactly.n-bytes-at-eof-succeed")
		}
		if a.n > a.r.limit {
			a.note("reader.readexactly.may-exceed-limit")
		}
		a.returns(a.s.buf[:a.n], a.s.buf[a.n:], "reader.readexactly.surplus-stays-buffered", "")
	case a.s.eof:
		a.note("reader.readexactly.eof-is-incomplete", "reader.readexactly.partial-holds-what-was-read", "reader.errors.incomplete-has-partial")
		a.raises(failure{kind: trace.IncompleteRead, partial: a.s.buf, expected: a.n}, nil, "reader.readexactly.eof-is-incomplete", "")
	default:
		a.note("reader.readexactly.waits-for-n")
		a.waits("")
	}
}

// separators returns what the call searches for, or the rule by which it is refused.
func (a *attempt) separators() (seps [][]byte, tuple bool, refused string) {
	c := a.c.command
	if c.Separators == nil && c.Separator == nil {
		return lf, false, ""
	}
	if c.Separator != nil {
		if len(c.Separator.Bytes) == 0 {
			return nil, false, "reader.readuntil.empty-separator-refused"
		}
		return append(a.r.seps[:0], c.Separator.Bytes), false, ""
	}
	seps = a.r.seps[:0]
	for i := range c.Separators {
		if len(c.Separators[i].Bytes) == 0 {
			return nil, true, "reader.readuntil.empty-tuple-refused"
		}
		seps = append(seps, c.Separators[i].Bytes)
	}
	if len(seps) == 0 {
		return nil, true, "reader.readuntil.empty-tuple-refused"
	}
	a.r.seps = seps
	return seps, true, ""
}

// A search is what looking for separators comes to.
type search struct {
	found      bool
	start, end int // of the match: the earliest end, and the shortest separator that ends there
	longest    int // length of the longest separator
}

func find(buf []byte, seps [][]byte) search {
	f := search{}
	for _, s := range seps {
		f.longest = max(f.longest, len(s))
		i := bytes.Index(buf, s)
		if i < 0 {
			continue
		}
		end := i + len(s)
		if !f.found || end < f.end || end == f.end && i > f.start {
			f.found, f.start, f.end = true, i, end
		}
	}
	return f
}

func (a *attempt) readUntil() {
	seps, tuple, refused := a.separators()
	if refused != "" {
		if a.s.exception != nil {
			a.note("reader.read.arguments-before-exception")
		}
		a.refuses(trace.InvalidArgument, refused)
		return
	}
	if a.stored() {
		return
	}
	if a.c.command.Separator == nil && !tuple {
		a.note("reader.readuntil.default-separator-is-lf")
	}
	if tuple {
		a.note("reader.readuntil.tuple-accepted")
	}
	limit, buf := a.r.limit, a.s.buf
	f := find(buf, seps)
	const keeps = "reader.readuntil.overrun-keeps-data"
	switch {
	case f.found && f.start > limit:
		consumed := "reader.readuntil.found-overrun-consumed"
		if tuple {
			consumed = "reader.readuntil.tuple-tie-shortest-consumed"
		}
		a.overrun(tuple, consumed)
		a.raises(failure{kind: trace.LimitOverrun, consumed: f.start}, buf, keeps, "")
		a.raises(failure{kind: trace.LimitOverrun, consumed: -1}, buf, keeps, consumed)
	case f.found:
		a.note("reader.readuntil.through-first-separator", "reader.readuntil.keeps-separator", "reader.readuntil.consumes-only-result")
		if f.start == limit {
			a.note("reader.readuntil.limit-excludes-separator")
		}
		if tuple {
			a.note("reader.readuntil.tuple-earliest-end-wins")
		}
		if a.s.eof {
			a.note("reader.readuntil.complete-separator-found-at-eof")
		}
		a.returns(buf[:f.end], buf[f.end:], "reader.readuntil.consumes-only-result", "")
	case len(buf)+1-f.longest > limit:
		rule := "reader.readuntil.not-found-overrun-consumed"
		if tuple {
			rule = "reader.readuntil.tuple-not-found-uses-longest"
		}
		a.overrun(tuple, rule)
		if a.s.eof {
			a.note("reader.readuntil.limit-before-eof")
		}
		a.raises(failure{kind: trace.LimitOverrun, consumed: len(buf) + 1 - f.longest}, buf, keeps, "")
		a.raises(failure{kind: trace.LimitOverrun, consumed: -1}, buf, keeps, rule)
		if a.s.eof {
			a.incomplete("reader.readuntil.limit-before-eof")
		} else if a.s.waiter == nil {
			a.waits(rule)
		}
	case a.s.eof:
		a.note("reader.readuntil.eof-is-incomplete", "reader.readuntil.incomplete-empties-buffer", "reader.readuntil.partial-holds-everything",
			"reader.readuntil.incomplete-expects-nothing", "reader.errors.incomplete-has-partial")
		if tuple {
			a.note("reader.readuntil.tuple-eof-is-incomplete")
		}
		a.incomplete("")
	default:
		a.waits("")
		if a.r.tolerant && doomed(buf, seps, limit) { // it is certain already that the limit will be overrun
			rule := "reader.readuntil.not-found-overrun-consumed"
			if tuple {
				rule = "reader.readuntil.tuple-not-found-uses-longest"
			}
			a.raises(failure{kind: trace.LimitOverrun, consumed: -1}, buf, keeps, rule)
		}
	}
}

// overrun notes what an overrun exercises.
func (a *attempt) overrun(tuple bool, rule string) {
	a.note(rule, "reader.readuntil.overrun-when-chunk-exceeds-limit", "reader.readuntil.overrun-keeps-data", "reader.errors.overrun-leaves-reader-usable",
		"reader.errors.overrun-has-consumed", "reader.readuntil.consumed-excludes-separator")
	if tuple {
		a.note("reader.readuntil.tuple-limit-counts-shortest")
	}
}

func (a *attempt) incomplete(broken string) {
	a.raises(failure{kind: trace.IncompleteRead, partial: a.s.buf, expected: -1}, nil, "reader.readuntil.incomplete-empties-buffer", broken)
}

// doomed tells whether no separator can begin at or before the limit any more, whatever follows.
func doomed(buf []byte, seps [][]byte, limit int) bool {
	if len(buf) <= limit {
		return false
	}
	for _, s := range seps {
		for start := max(0, len(buf)-len(s)+1); start <= limit; start++ {
			if bytes.HasPrefix(s, buf[start:]) {
				return false
			}
		}
	}
	return true
}

var lf = [][]byte{{'\n'}}

// readLine reads a line. What is too long is an error, after which the documents say nothing; CPython drops the line if
// its end was there, else everything.
func (a *attempt) readLine() {
	if a.stored() {
		return
	}
	limit, buf := a.r.limit, a.s.buf
	end := bytes.IndexByte(buf, '\n')
	switch {
	case end > limit:
		a.tooLong(buf[end+1:], "reader.readline.overrun-drops-found-line")
	case end >= 0:
		line, rest := buf[:end+1], buf[end+1:]
		a.note("reader.readline.through-first-lf", "reader.readline.keeps-lf")
		if len(rest) > 0 {
			a.note("reader.readline.rest-stays-buffered")
		}
		if bytes.IndexByte(line, '\r') >= 0 {
			a.note("reader.readline.only-lf-terminates")
		}
		if end == limit {
			a.note("reader.readline.limit-boundary")
		}
		a.returns(line, rest, "reader.readline.rest-stays-buffered", "")
	case len(buf) > limit && a.s.eof:
		a.tooLong(nil, "reader.readline.overrun-of-tail-at-eof")
		a.returns(buf, nil, "", "reader.readline.overrun-of-tail-at-eof")
	case len(buf) > limit:
		a.tooLong(nil, "reader.readline.overrun-clears-buffer")
		if a.s.waiter == nil {
			a.waits("reader.readline.limit-boundary")
		}
	case a.s.eof && len(buf) == 0:
		a.note("reader.readline.empty-at-eof")
		a.returns(nil, nil, "reader.readline.empty-at-eof", "")
	case a.s.eof:
		a.note("reader.readline.eof-yields-remainder")
		a.returns(buf, nil, "reader.readline.eof-yields-remainder", "")
	default:
		a.note("reader.readline.waits-for-lf")
		a.waits("")
	}
}

// tooLong adds what may come of a line that is too long: the rule says what is left of the buffer.
func (a *attempt) tooLong(rest []byte, rule string) {
	const kind = "reader.readline.overrun-is-invalid-argument"
	a.note(rule, kind, "reader.readline.limit-boundary")
	if a.c.command.Op == trace.ReaderIterate {
		a.note("reader.iterate.overrun-propagates")
	}
	a.raises(failure{kind: trace.InvalidArgument, expected: -1, consumed: -1}, rest, rule, "")
	a.raises(failure{kind: trace.LimitOverrun, expected: -1, consumed: -1}, a.s.buf, "reader.readuntil.overrun-keeps-data", kind)
}

// iterate reads lines until one is empty, which ends it, or fails, or waits.
func (a *attempt) iterate() {
	a.note("reader.iterate.is-iterable", "reader.iterate.yields-lines-until-eof")
	handed := a.c.handed
	for {
		line := attempt{r: a.r, s: a.s, c: a.c, n: -1, woken: a.woken}
		line.s.ended = nil
		line.readLine()
		first := line.out[0]
		if len(first.ended) == 0 { // it waits
			a.c = a.c.with(handed)
			a.waits("")
			return
		}
		e := first.ended[0]
		if !e.bytes {
			for _, s := range line.out {
				if len(s.ended) == 1 && s.ended[0].raised != nil {
					a.s.exercised = s.exercised
					a.raises(*s.ended[0].raised, s.buf, s.origin, only(s.broken))
				}
			}
			return
		}
		a.s.buf, a.s.exercised = first.buf, first.exercised
		if len(e.returned) > 0 {
			a.items = append(a.items, e.returned)
			handed++
		}
		if len(e.returned) == 0 || a.n >= 0 && handed >= a.n {
			a.end(ending{none: true}, first.buf, first.origin, "")
			return
		}
	}
}

func only(rules []string) string {
	if len(rules) == 0 {
		return ""
	}
	return rules[0]
}

// disagree names the rule that is broken when no permitted state accounts for what was seen.
func (r *reader) disagree(c *trace.Command, reply *trace.Reply, reached []state, seen []sight, permitted string, optional bool) {
	rule := "reader.feed.data-wakes-reader"
	if len(r.states) > 0 && r.explainedByLoss(seen, optional) {
		rule = r.states[0].origin
	} else if len(reached) > 0 {
		want := reached[0]
		if i := slices.IndexFunc(reached, func(s state) bool { return len(s.broken) == 0 && s.ends(seen) }); i >= 0 {
			want = reached[i]
		}
		rule = r.culprit(c, want, seen)
	}
	r.m.broken(rule, r.text(c, reply, permitted))
}

// expectations says what the states that could have been reached permit, the first few of them.
func expectations(reached []state, seen []sight) string {
	var permitted []string
	for _, s := range reached {
		if text := s.expectation(seen); !slices.Contains(permitted, text) && len(permitted) < 4 {
			permitted = append(permitted, text)
		}
	}
	return strings.Join(permitted, ", or ")
}

// ends tells whether every call that was seen to come back has come back in the state, however that was.
func (s state) ends(seen []sight) bool {
	return !slices.ContainsFunc(seen, func(saw sight) bool {
		return !saw.pending && !slices.ContainsFunc(s.ended, func(e ending) bool { return e.call.name == saw.name })
	})
}

// explainedByLoss tells whether what was seen would be in order if the bytes that a rule let stay in the buffer were gone: the
// fault then lies with whatever should have let them stay.
func (r *reader) explainedByLoss(seen []sight, optional bool) bool {
	s := r.states[0]
	if s.kept == 0 || s.kept > len(s.buf) {
		return false
	}
	s.buf, s.kept, s.taken = s.buf[s.kept:], 0, 0
	return slices.ContainsFunc(r.settle(nil, s, optional), func(s state) bool {
		_, ok := s.agrees(seen, optional)
		return ok
	})
}

// expectation says how the calls that were seen, or should have been, may come back.
func (s state) expectation(seen []sight) string {
	text := ""
	add := func(name, what string) {
		if text != "" {
			text += " and "
		}
		text += name + " " + what
	}
	for _, e := range s.ended {
		add(e.call.name, e.String())
	}
	for _, saw := range seen {
		if !slices.ContainsFunc(s.ended, func(e ending) bool { return e.call.name == saw.name }) {
			add(saw.name, "pending")
		}
	}
	if text == "" {
		return "no call comes back"
	}
	return text
}

// culprit names the rule that the first difference between what the rules ask for and what was seen breaks.
func (r *reader) culprit(c *trace.Command, want state, seen []sight) string {
	for _, e := range want.ended {
		i := slices.IndexFunc(seen, func(s sight) bool { return s.name == e.call.name })
		saw := sight{name: e.call.name, pending: true}
		if i >= 0 {
			saw = seen[i]
		}
		if !e.agrees(saw) {
			return r.blame(c, want, e, saw)
		}
	}
	for _, saw := range seen {
		if saw.pending && len(saw.items) == 0 || slices.ContainsFunc(want.ended, func(e ending) bool { return e.call.name == saw.name }) {
			continue
		}
		// it came back although it had to wait
		call := r.started(saw.name)
		if call == nil {
			return "reader.feed.data-wakes-reader"
		}
		if c.Op == trace.ReaderFeedData && len(c.Data.Bytes) == 0 {
			return "reader.feed.empty-data-wakes-nobody"
		}
		switch {
		case toEOF(call.command):
			return noSize(call.command)
		case call.command.Op == trace.ReaderReadUntil && saw.raised != nil && saw.raised.Kind == trace.LimitOverrun:
			return "reader.readuntil.limit-excludes-separator" // one might still come within the limit
		case call.command.Separators != nil:
			return "reader.readuntil.tuple-earliest-end-wins"
		}
		return early[call.command.Op]
	}
	return "reader.feed.data-wakes-reader"
}

// early names, for each kind of call, the rule by which it has to wait.
var early = map[trace.Op]string{
	trace.ReaderRead: "reader.read.one-byte-suffices", trace.ReaderReadLine: "reader.readline.waits-for-lf",
	trace.ReaderReadExactly: "reader.readexactly.waits-for-n", trace.ReaderReadUntil: "reader.readuntil.through-first-separator",
	trace.ReaderIterate: "reader.iterate.yields-lines-until-eof",
}

func (r *reader) started(name string) *call {
	for _, s := range r.states {
		if s.waiter != nil && s.waiter.name == name {
			return s.waiter
		}
		for _, c := range s.fresh.all() {
			if c.name == name {
				return c
			}
		}
	}
	return nil
}

// blame names the rule that is broken when a call that should have ended as e was seen as saw.
func (r *reader) blame(c *trace.Command, want state, e ending, saw sight) string {
	op := e.call.command.Op
	got := r.states[0].buf // what was buffered before the call ran
	switch {
	case saw.pending && c.Op == trace.ReaderFeedData:
		return "reader.feed.data-wakes-reader"
	case saw.pending && c.Op == trace.ReaderFeedEOF && op == trace.ReaderRead && !toEOF(e.call.command):
		return "reader.read.eof-ends-pending-read-empty"
	case saw.pending && c.Op == trace.ReaderFeedEOF:
		return "reader.feed.eof-marks-end"
	case e.raised != nil && e.raised.kind == trace.Cancelled:
		return "reader.read.cancel-keeps-data"
	case e.raised != nil && e.raised.kind == trace.Scripted:
		if c.Op == trace.ReaderSetException {
			return "reader.feed.set-exception-wakes-reader"
		}
		if len(got) > 0 {
			return "reader.read.exception-before-data"
		}
		return "reader.read.exception-is-sticky"
	case e.raised != nil && e.raised.kind == trace.ConcurrentRead:
		return "reader.read.second-waiter-refused"
	case saw.raised != nil && saw.raised.Kind == trace.ConcurrentRead:
		return "reader.read.conflict-only-when-waiting"
	}
	if e.bytes && saw.returned != nil && saw.returned.Bytes != nil && !bytes.HasPrefix(got, *saw.returned.Bytes) {
		return r.states[0].origin // not what was buffered: the fault lies with whatever left the buffer like that
	}
	switch op {
	case trace.ReaderRead:
		return r.blameRead(e, saw)
	case trace.ReaderReadLine:
		return blameReadLine(e, saw)
	case trace.ReaderReadExactly:
		return blameReadExactly(e, saw)
	case trace.ReaderIterate:
		return "reader.iterate.yields-lines-until-eof"
	}
	return r.blameReadUntil(e, saw)
}

func (r *reader) blameRead(e ending, saw sight) string {
	n := e.call.command.N
	switch {
	case toEOF(e.call.command):
		return noSize(e.call.command)
	case *n == 0:
		return "reader.read.zero-returns-at-once"
	case saw.returned != nil && saw.returned.Bytes != nil && len(*saw.returned.Bytes) > *n:
		return "reader.read.size-is-upper-bound"
	case e.bytes && len(e.returned) == 0:
		return "reader.read.empty-at-eof"
	case r.states[0].eof:
		return "reader.read.data-before-eof"
	}
	return "reader.read.one-byte-suffices"
}

// noSize is the rule that a read without a size, or with one that means none, breaks when it does not collect everything.
func noSize(c *trace.Command) string {
	switch {
	case c.N == nil:
		return "reader.read.without-size-reads-to-eof"
	case *c.N == -1:
		return "reader.read.minus-one-is-no-size"
	}
	return "reader.read.negative-is-no-size"
}

func blameReadLine(e ending, saw sight) string {
	switch {
	case e.raised != nil:
		return "reader.readline.overrun-is-invalid-argument"
	case len(e.returned) == 0:
		return "reader.readline.empty-at-eof"
	case saw.raised != nil && saw.raised.Kind == trace.IncompleteRead:
		return "reader.readline.eof-yields-remainder"
	case saw.raised != nil:
		return "reader.readline.limit-boundary"
	case !bytes.HasSuffix(e.returned, lf[0]):
		return "reader.readline.eof-yields-remainder"
	case saw.returned != nil && saw.returned.Bytes != nil && bytes.Equal(append(slices.Clone(*saw.returned.Bytes), '\n'), e.returned):
		return "reader.readline.keeps-lf"
	case saw.returned != nil && saw.returned.Bytes != nil && bytes.HasSuffix(*saw.returned.Bytes, []byte("\r")):
		return "reader.readline.only-lf-terminates"
	}
	return "reader.readline.through-first-lf"
}

func blameReadExactly(e ending, saw sight) string {
	switch {
	case e.raised != nil && e.raised.kind == trace.InvalidArgument:
		return "reader.readexactly.negative-refused"
	case e.raised != nil && saw.raised != nil && saw.raised.Kind == trace.IncompleteRead:
		return "reader.readexactly.partial-holds-what-was-read"
	case e.raised != nil:
		return "reader.readexactly.eof-is-incomplete"
	case len(e.returned) == 0:
		return "reader.readexactly.zero-returns-at-once"
	case saw.raised != nil && saw.raised.Kind == trace.IncompleteRead:
		return "reader.readexactly.n-bytes-at-eof-succeed"
	case saw.raised != nil:
		return "reader.readexactly.may-exceed-limit"
	}
	return "reader.readexactly.exactly-n"
}

func (r *reader) blameReadUntil(e ending, saw sight) string {
	_, tuple, refused := (&attempt{r: r, c: e.call}).separators()
	pick := func(single, several string) string {
		if tuple {
			return several
		}
		return single
	}
	switch {
	case refused != "":
		return refused
	case e.raised != nil && e.raised.kind == trace.LimitOverrun:
		return pick("reader.readuntil.overrun-when-chunk-exceeds-limit", "reader.readuntil.tuple-limit-counts-shortest")
	case e.raised != nil && saw.raised != nil && saw.raised.Kind == trace.IncompleteRead:
		if saw.raised.Expected != nil {
			return "reader.readuntil.incomplete-expects-nothing"
		}
		return "reader.readuntil.partial-holds-everything"
	case e.raised != nil:
		return pick("reader.readuntil.eof-is-incomplete", "reader.readuntil.tuple-eof-is-incomplete")
	case saw.raised != nil && saw.raised.Kind == trace.LimitOverrun:
		return pick("reader.readuntil.limit-excludes-separator", "reader.readuntil.tuple-limit-counts-shortest")
	case saw.raised != nil && saw.raised.Kind == trace.IncompleteRead:
		return "reader.readuntil.complete-separator-found-at-eof"
	case saw.returned != nil && saw.returned.Bytes != nil && len(*saw.returned.Bytes) < len(e.returned):
		return pick("reader.readuntil.keeps-separator", "reader.readuntil.tuple-earliest-end-wins")
	}
	return pick("reader.readuntil.through-first-separator", "reader.readuntil.tuple-earliest-end-wins")
}

// with returns the call with a new count of items handed out: what states share is never changed in place.
func (c *call) with(handed int) *call {
	return &call{command: c.command, name: c.name, cancelled: c.cancelled, handed: handed}
}
