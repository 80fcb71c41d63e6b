package monitor

import (
	"fmt"

	"github.com/streamspec/streamspec/spec/trace"
)

// A crossing is how the queue may have crossed the marks since flow control was told of last. Where an implementation runs by itself
// it may tell of that later, when more was written or the marks are others.
type crossing struct {
	may       bool   // the queue may have been longer than the high mark, so that pause_writing may come
	rule      string // it certainly was: the rule by which pause_writing has to come; empty: it may not have been
	length    int    // as it was then
	from      int    // how much was written when it may have been longer first
	low, high int    // the highest low and the lowest high mark since then; -1: not known
}

// grown notes that something was written or that the marks are others.
func (o *writing) grown() {
	x, m := &o.crossing, &o.marks
	switch {
	case x.may:
		x.high = min(x.high, m.high)
		if x.low >= 0 {
			x.low = max(x.low, m.low)
		}
		if m.low < 0 {
			x.low = -1
		}
	case m.high < 0 || o.atMost > m.high:
		*x = crossing{may: true, from: len(o.bytes), low: m.low, high: m.high}
	}
}

// resumed notes that writing was resumed: at some time since the crossing the queue was no longer than the low mark, and what was
// written since the crossing is the most that has come to it since.
func (o *writing) resumed() {
	x := &o.crossing
	o.afterResume = -1
	if x.may && x.low >= 0 {
		o.afterResume = x.low + len(o.bytes) - x.from
		o.atMost = min(o.atMost, o.afterResume)
	}
	x.may = x.may && (x.high < 0 || o.atMost > x.high)
}

// A look is what was seen when the size of the queue was asked for.
type look struct {
	size    int // 0: nothing that tells anything
	written int
	most    int // how long the queue may have been when writing had to be resumed; -1: any length
	paused  bool
}

// look returns what is seen at a size of the queue.
func (o *writing) look(size int) look {
	most := -1
	if x := &o.crossing; x.may && x.low >= 0 {
		most = x.low + len(o.bytes) - x.from
	}
	return look{size, len(o.bytes), most, o.paused}
}

// stood tells whether the queue has been the same between two looks, so that nothing was sent either.
func (l look) stood(since look) bool {
	return l.size > 0 && l.size == since.size && l.written == since.written
}

// kernelHolds is more than kernels hold of a connection whose buffers were asked to be no larger than smallBuffer, bytes.
const (
	kernelHolds = 1 << 20
	smallBuffer = 64 << 10
)

// kernelTakes is what the kernel certainly takes at once when it holds nothing, bytes.
const kernelTakes = 64

// newRaw returns the raw end that a command makes.
func newRaw(c *trace.Command) *raw {
	r := &raw{kind: c.Kind, unnamed: c.Op == trace.RawMake && c.Kind == trace.Unix}
	r.narrow = c.Op == trace.RawMake && 0 < c.Buffer && c.Buffer <= smallBuffer
	r.tight = 0 < c.Buffer && c.Buffer < 4096
	return r
}

// atLeast returns what is certainly queued or, without a word of that, being sent: 0: maybe nothing.
func (c *connection) atLeast() int {
	if !c.raw.narrow || c.out.unclear || !c.open() {
		return 0
	}
	n := len(c.out.bytes) - len(c.raw.received) - kernelHolds
	for _, k := range c.w.calls {
		switch {
		case k.raw != c.raw:
		case k.command.N == nil:
			return 0
		default:
			n -= *k.command.N
		}
	}
	return max(n, 0)
}

// takenAtOnce tells whether the kernel certainly takes a write at once.
func (c *connection) takenAtOnce(n int) bool {
	o := &c.out
	unread := len(o.bytes)
	if c.raw.kind != trace.TCP {
		unread -= len(c.raw.received)
	}
	return !c.raw.tight && c.open() && (o.empty || o.atOnce == len(o.bytes)) && unread+n <= kernelTakes
}

// asked judges a size of the queue that nothing has changed meanwhile but what the kernel has taken.
func (o *writing) asked(c *connection, s int) {
	o.atMost = min(o.atMost, s)
	before, now := o.seen, o.look(s)
	o.seen = now
	high := o.marks.high
	switch {
	case s < c.atLeast():
		c.breaks("transport.write.buffer-size", fmt.Sprintf("returned at least %d, since more cannot be in the kernel", c.atLeast()))
	case o.atOnce > 0 && o.atOnce == len(o.bytes):
		c.holds("writer.write.sends-at-once", s == 0, "returned 0, since the kernel takes so little at once")
	case !c.told():
	case now.stood(before) && before.paused && !o.paused && before.most >= 0 && before.size > before.most:
		c.breaks("transport.write.lower-limits-pause-at-once", "no resume_writing, since nothing was sent meanwhile")
	case high >= 0 && s > high && !o.paused:
		o.exceeds(c, s)
	}
}

// exceeds notes that the queue is certainly longer than the high mark though writing is not paused.
func (o *writing) exceeds(c *connection, length int) {
	x := &o.crossing
	if x.rule != "" {
		return
	}
	x.rule, x.length = pausesBy(o.marks.high), length
	if n := len(o.pieces); o.lowered {
		x.rule = "transport.write.lower-limits-pause-at-once"
	} else if p := o.pieces[n-1]; p.inList {
		x.rule = byWriter(p.byWriter, "writer.write.writelines-equals-writes", "transport.write.writelines-equals-writes")
	}
	c.exercise(x.rule)
}

// owesPause tells whether pause_writing is due.
func (c *connection) owesPause() debt {
	x := &c.out.crossing
	if c.unclear || !c.told() || !c.open() || c.out.paused || x.rule == "" {
		return debt{}
	}
	return debt{x.rule, fmt.Sprintf("pause_writing by now, since there were %d bytes queued", x.length)}
}

// atLow tells whether the queue has certainly come down to the low mark, and the marks are those by which writing was paused. Where it
// is exact how long the queue is tells more.
func (c *connection) atLow() bool {
	o := &c.out
	if c.flushed() {
		return true
	}
	return !c.exact && !o.unclear && !o.raised && c.socket() && min(o.atMost, len(o.bytes)-len(c.raw.received)) <= o.marks.low
}
