package monitor

import (
	"fmt"

	"github.com/streamspec/streamspec/spec/trace"
)

// A transport is what is known of a mock transport.
type transport struct {
	name     string
	canPause bool
	calls    []trace.EventName // pause and resume in the command at hand
}

// flow judges the flow control of one reader: when it pauses its transport and when it resumes it.
//
// It judges where the reader comes to rest, and not each instant on the way: an implementation that hands arriving data
// straight to a waiting call never buffers them, so it need not pause where another pauses and resumes at once.
type flow struct {
	transport *transport
	refused   bool // the transport could not pause, so the reader has forgotten it
	replaced  bool // another was attached then, which it may use or not
	paused    bool
	was       int  // buffered before the command at hand; -1: not known for certain
	peak      int  // buffered right after the command at hand fed data; 0: none were fed
	high      int  // buffered at most right after data were fed, since it last came to rest; 0: none were fed
	again     bool // the end of the stream had been fed before the command at hand
	waited    bool // a call was waiting before the command at hand
}

func (f *flow) begin(states []state) {
	f.was, f.peak, f.waited = len(states[0].buf), 0, states[0].waiter != nil
}

func (f *flow) fed(buffered int) {
	f.peak = max(f.peak, buffered)
	f.high = max(f.high, buffered)
}

// attach judges set_transport.
func (f *flow) attach(r *reader, c *trace.Command, reply *trace.Reply) bool {
	if f.refused { // the reader has forgotten its transport: whether it takes another is nowhere said
		f.replaced = f.replaced || reply.Returned != nil
		return true
	}
	if f.transport != nil {
		r.m.exercise("reader.feed.set-transport-once")
		if reply.Raised == nil || reply.Raised.Kind != trace.InvalidState {
			r.m.broken("reader.feed.set-transport-once", r.text(c, reply, "raised invalid-state, since a transport is attached already"))
			r.lost = true
			return false
		}
		return true
	}
	r.m.exercise("reader.feed.set-transport-attaches")
	if reply.Returned == nil {
		r.m.broken("reader.feed.set-transport-attaches", r.text(c, reply, "returned none"))
		r.lost = true
		return false
	}
	f.transport = r.m.transports[c.Transport]
	return true
}

// exceedsTwiceLimit tells whether n bytes are more than twice the limit, which need not fit into an int.
func (r *reader) exceedsTwiceLimit(n int) bool { return n-r.limit > r.limit }

// judge looks at the calls that the transport got in the command at hand.
func (f *flow) judge(r *reader, c *trace.Command, reply *trace.Reply, seen []sight) {
	if f.transport == nil {
		if r.exceedsTwiceLimit(f.peak) {
			r.m.exercise("reader.feed.no-transport-no-pause")
		}
		return
	}
	calls := f.transport.calls
	f.transport.calls = nil
	if f.replaced {
		return
	}
	broken := func(rule, permitted string) {
		if r.m.broken(rule, r.text(c, reply, permitted)) {
			r.lost = true
		}
	}
	was, high := f.paused, f.high
	rested := !c.NoSettle && (r.m.options.Settling == trace.Exact || waitedInVain(c, reply))
	if rested {
		f.high = 0
	}
	for _, call := range calls {
		pauses := call == trace.PauseReading
		switch {
		case f.refused:
			broken("reader.feed.refused-pause-forgets-transport", "no call of the transport, which has refused to pause")
			return
		case pauses && f.paused:
			broken("reader.feed.pauses-above-twice-limit", "no second pause_reading while the transport is paused")
			return
		case !pauses && !f.paused:
			broken("reader.feed.resumes-at-limit", "no resume_reading while the transport is not paused")
			return
		case pauses && !r.exceedsTwiceLimit(high) && high > 0:
			broken("reader.feed.pauses-above-twice-limit", fmt.Sprintf("no pause_reading: %d bytes are not more than twice the limit", high))
			return
		case pauses && high == 0 && c.Op != trace.ReaderSetTransport:
			broken("reader.feed.pauses-above-twice-limit", "no pause_reading: nothing was fed")
			return
		case pauses && !f.transport.canPause:
			f.refused = true
			r.m.exercise("reader.feed.refused-pause-forgets-transport")
		default:
			f.paused = pauses
		}
	}
	if f.refused {
		return
	}
	if len(r.states) > 1 || !rested {
		return // where the reader comes to rest is not certain
	}
	s := r.states[0]
	b := len(s.buf)
	if ended(seen) > 1 && s.waiter == nil {
		return // which call came back last, and so decided, is not certain
	}
	switch {
	case s.waiter != nil:
		if was || r.exceedsTwiceLimit(f.peak) {
			r.m.exercise("reader.feed.waiting-read-resumes")
		}
		if f.paused {
			broken("reader.feed.waiting-read-resumes", "resume_reading, since a call waits for data and none can come from a paused transport")
		}
	case f.peak > 0 && b == f.peak: // data came and nobody took any
		r.m.exercise("reader.feed.pauses-above-twice-limit")
		if b > r.limit {
			r.m.exercise("reader.feed.memory-is-bounded")
		}
		switch {
		case was && !f.paused:
			broken("reader.feed.resumes-at-limit", "no resume_reading: nothing was read")
		case r.exceedsTwiceLimit(b) && !f.paused:
			broken("reader.feed.pauses-above-twice-limit", fmt.Sprintf("pause_reading, since %d bytes are more than twice the limit", b))
		}
	case succeeded(seen):
		if was {
			r.m.exercise("reader.feed.resumes-at-limit")
		}
		switch {
		case b <= r.limit && f.paused && !tailAtEOF(s, seen):
			broken("reader.feed.resumes-at-limit", fmt.Sprintf("resume_reading, since %d bytes are not more than the limit", b))
		case b > r.limit && was && !f.waited && !f.paused:
			broken("reader.feed.resumes-at-limit", fmt.Sprintf("no resume_reading, since %d bytes are more than the limit", b))
		case r.exceedsTwiceLimit(b) && f.peak > 0 && !f.paused:
			broken("reader.feed.pauses-above-twice-limit", fmt.Sprintf("pause_reading, since %d bytes are more than twice the limit", b))
		}
	case was && !f.paused && overran(seen):
		broken("reader.readuntil.failure-does-not-resume", "no resume_reading after a failed call")
	case was && overran(seen):
		r.m.exercise("reader.readuntil.failure-does-not-resume")
	case was && lineTooLong(seen) && f.dropped(b): // readline dropped a line that was too long
		r.m.exercise("reader.readline.overrun-may-resume")
		if b <= r.limit && f.paused {
			broken("reader.readline.overrun-may-resume", fmt.Sprintf("resume_reading, since %d bytes are not more than the limit", b))
		}
		if b > r.limit && !f.paused {
			broken("reader.readline.overrun-may-resume", fmt.Sprintf("no resume_reading, since %d bytes are more than the limit", b))
		}
	}
}

func (f *flow) dropped(b int) bool { return b < max(f.was, f.peak) }

// ended counts the calls that came back.
func ended(seen []sight) int {
	n := 0
	for i := range seen {
		if !seen[i].pending {
			n++
		}
	}
	return n
}

// succeeded tells whether some call returned data or an iteration handed out an item.
func succeeded(seen []sight) bool {
	for _, s := range seen {
		if len(s.items) > 0 || s.returned != nil && s.returned.Bytes != nil && len(*s.returned.Bytes) > 0 {
			return true
		}
	}
	return false
}

// tailAtEOF tells whether what was returned may be an unterminated last line: nothing is said of resuming after that.
func tailAtEOF(s state, seen []sight) bool { return s.eof && len(s.buf) == 0 && len(seen) > 0 }

// lineTooLong tells whether a call ended as readline does when the line is too long.
func lineTooLong(seen []sight) bool {
	for _, s := range seen {
		if s.raised != nil && s.raised.Kind == trace.InvalidArgument {
			return true
		}
	}
	return false
}

// overran tells whether a readuntil ended in a limit overrun or an incomplete read, which unlike that of readexactly has no
// expected count.
func overran(seen []sight) bool {
	for _, s := range seen {
		if s.raised != nil && (s.raised.Kind == trace.LimitOverrun || s.raised.Kind == trace.IncompleteRead && s.raised.Expected == nil) {
			return true
		}
	}
	return false
}
