package monitor

import (
	"bytes"
	"fmt"

	"github.com/streamspec/streamspec/spec/trace"
)

// writing is what is known of the bytes that are written to a connection, and of flow control.
type writing struct {
	bytes   []byte  // written, in order
	pieces  []piece // what they were written by
	sure    int     // how many of them must come unless the connection is aborted or fails; the others may be discarded
	dropped []byte  // written after close
	eof     bool    // write_eof was called
	piped   bool    // and that has closed a write pipe
	doomed  bool    // something was written that the peer cannot take, as it has closed its end, which reading did not tell
	unclear bool    // what was written cannot be told
	empty   bool    // nothing was queued when that was asked for last, and nothing was written since

	calls     int  // writes that wrote something
	pieced    bool // one of them was a writelines
	paused    bool // the last callback of flow control was pause_writing
	vain      bool // a run has waited for pause_writing in vain, and nothing was written since
	resumedAt int  // how much was written when writing was resumed, and the marks are the same since; -1: neither
	raised    bool // the marks were changed while writing was paused, or may have been: whether that resumes is open
	atMost    int  // the queue is certainly not longer
	atRest    int  // it is exactly so long; -1: that is not known

	atOnce int  // how much was written when the kernel has certainly taken all of that at once
	seen   look // when the size of the queue was asked for last

	marks       marks
	moving      bool     // the marks were changed after something was written
	lowered     bool     // and nothing was written since
	crossing    crossing // of the marks
	afterResume int      // the queue is no longer, since writing was resumed; -1: not known
	changes     int      // how often something was written, the marks were changed, or flow control was told of
}

// marks of the write queue; -1: not known for certain.
type marks struct {
	low, high   int
	usualLow    int // what CPython makes of the one that was given
	usualHigh   int
	fromHigh    bool // only the high mark was given
	justRefused bool // the last call that set them was refused
}

// A piece is what one call has written.
type piece struct {
	end              int // in all bytes
	byWriter, inList bool
}

func (o *writing) begin() {
	o.resumedAt, o.atRest, o.afterResume, o.empty = -1, 0, -1, true
	o.marks = marks{-1, -1, 16384, 65536, false, false}
}

// moved notes that the kernel may take more.
func (c *connection) moved() {
	c.out.atRest = -1
	if c.stream.blocked == yes {
		c.stream.blocked = unknown
	}
}

// certain tells whether what is written must reach the peer unless something happens later.
func (c *connection) certain() bool {
	return !c.fatal && !c.adrift && !c.raw.closed && !c.raw.reset && (!c.raw.shut || c.keepsOpen())
}

// write notes what is written.
func (c *connection) write(a *action) {
	o := &c.out
	chunks := a.command.Chunks
	if a.command.Data != nil {
		chunks = []trace.Data{*a.command.Data}
	}
	inList := a.command.Op == trace.TransportWriteLines || a.command.Op == trace.WriterWriteLines
	var all []byte
	for _, d := range chunks {
		a.wrong = a.wrong || !d.Form.IsData()
		all = append(all, d.Bytes...)
	}
	a.wrong = a.wrong || a.command.Container == trace.Single || a.command.Container == trace.Number
	switch {
	case a.wrong: // of which nothing is sent
	case c.lost || c.aborted || c.closing && c.flushed():
		o.dropped = append(o.dropped, all...)
	case o.eof:
		a.refused = true
	case len(all) > 0: // after a close with something queued it may be queued as well, or discarded
		if c.certain() && !c.closing && o.sure == len(o.bytes) {
			o.sure += len(all)
		}
		if !inList && c.takenAtOnce(len(all)) {
			o.atOnce += len(all)
		}
		o.doomed = o.doomed || c.raw.closed && c.socket() && c.told() && c.in.deaf()
		o.bytes = append(o.bytes, all...)
		o.pieces = append(o.pieces, piece{len(o.bytes), a.command.Op == trace.WriterWrite || a.command.Op == trace.WriterWriteLines, inList})
		o.calls++
		o.pieced = o.pieced || inList
		o.atMost += len(all)
		if o.afterResume >= 0 {
			o.afterResume += len(all)
		}
		o.atRest, o.vain, o.empty, o.lowered = -1, false, false, false
		o.changes++
		o.grown()
		if high := o.marks.high; high >= 0 && !o.paused && c.told() && c.atLeast() > high {
			o.exceeds(c, c.atLeast())
		}
		if c.stream.blocked == no && (o.marks.high < 0 || o.atMost > o.marks.high) {
			c.stream.blocked = unknown
		}
	}
}

// wrote judges what came back from a write.
func (c *connection) wrote(a *action, raised *trace.Error) {
	isWriter := a.command.Op == trace.WriterWrite || a.command.Op == trace.WriterWriteLines
	isLines := a.command.Op == trace.TransportWriteLines || a.command.Op == trace.WriterWriteLines
	switch {
	case a.wrong:
		if a.open && !c.out.eof && !c.out.piped {
			rule := "writer.write.refuses-other-types"
			if isLines {
				rule = "writer.write.writelines-argument-types"
			}
			c.holds(rule, raised != nil, "raised invalid-type, since that is no data")
		}
		c.out.unclear = c.out.unclear || raised == nil // what of it is sent, if anything, is not known then
	case a.refused:
		if a.open && c.socket() && c.out.eof && (len(a.command.Chunks) > 0 || a.command.Data != nil && len(a.command.Data.Bytes) > 0) {
			c.holds("writer.eof.write-afterwards-refused", raised != nil && raised.Kind == trace.InvalidState, "raised invalid-state, since write_eof was called")
		}
		if raised == nil {
			c.out.unclear = true
		}
	case c.out.eof, c.out.piped: // after write_eof, which closes a pipe, either is said: refused and discarded
	case a.shut:
		if !isLines || len(a.command.Chunks) > 0 {
			c.holds("writer.write.after-close-discarded", raised == nil, "returned none: what is written after the close is discarded")
		}
	case raised != nil && !c.certain():
		c.breaks("writer.write.failed-send-does-not-raise", "returned none: of a failed send the loss of the connection tells")
	case raised != nil && isLines && isWriter:
		c.breaks("writer.write.writelines-takes-iterables", "returned none")
	case raised != nil:
		c.breaks(byWriter(isWriter, "writer.write.order-preserved", "transport.write.order-without-loss"), "returned none")
	}
	if !c.certain() {
		c.exercise("writer.write.failed-send-does-not-raise")
	}
	if isLines && isWriter {
		c.exercise("writer.write.writelines-takes-iterables")
	}
}

// received judges what a receive of the raw end brings.
func (k *wait) received(returned *trace.Value, raised *trace.Error) {
	var data []byte
	ended := false
	switch {
	case returned != nil && returned.Bytes != nil:
		data = *returned.Bytes
		ended = k.command.N == nil || len(data) < *k.command.N
	case raised != nil && raised.Partial != nil:
		data = *raised.Partial
	}
	k.raw.over = k.raw.over || ended || raised != nil && !k.cancelled
	k.raw.received = append(k.raw.received, data...)
	c := k.raw.connection
	if c == nil || c.unclear || c.out.unclear {
		return
	}
	if k.cancelled {
		c.out.unclear = true // what was taken by then is lost
		return
	}
	if (raised != nil || ended) && c.raw.kind == trace.TCP && c.shut() && len(c.raw.sent) > c.in.delivered {
		c.out.unclear = true // what is sent to a closed socket makes the system reset the connection, whatever is under way
	}
	o := &c.out
	from := len(k.raw.received) - len(data)
	if len(data) > 0 {
		c.exercise("transport.write.order-without-loss", "writer.write.order-preserved", "transport.write.writelines-equals-writes", "writer.write.writelines-equals-writes")
	}
	if c.raw.shut && len(data) > 0 {
		c.exercise("invariants.half-open-still-writes")
	}
	if rest := o.bytes[min(from, len(o.bytes)):]; !bytes.HasPrefix(rest, data) {
		c.breaks(c.misplaced(from, data), "the beginning of "+trace.Bytes(rest).String())
		return
	}
	if c.outlives() {
		c.exercise(keepsConnections)
		if ended && !o.eof && !c.handler.over {
			c.breaks(keepsConnections, "no end of the stream, since only the server was closed")
			return
		}
	}
	if !ended || c.aborted || c.fatal || c.adrift || c.raw.reset || c.out.unclear {
		return
	}
	rule := c.endRule()
	c.exercise(rule)
	if len(k.raw.received) < o.sure {
		c.breaks(rule, fmt.Sprintf("all %d bytes that were written before the end of the stream", o.sure))
	}
}

// endRule returns the rule by which everything comes before the end of the stream to the peer.
func (c *connection) endRule() string {
	switch {
	case c.out.eof:
		return byWriter(c.byWriter, "writer.eof.closes-write-side-only", "transport.write.eof-after-flush")
	case c.closing && c.byWriter:
		return "writer.close.flushes-first"
	case c.closing || c.falsy:
		return "transport.base.close-flushes"
	}
	return "transport.write.order-without-loss"
}

// misplaced names the rule that is broken where what came is not what was written.
func (c *connection) misplaced(from int, data []byte) string {
	o := &c.out
	rest := o.bytes[min(from, len(o.bytes)):]
	same := 0
	for same < len(rest) && same < len(data) && rest[same] == data[same] {
		same++
	}
	if same == len(rest) && len(o.dropped) > 0 && bytes.HasPrefix(o.dropped, data[same:]) {
		return "writer.write.after-close-discarded"
	}
	for _, p := range o.pieces {
		if from+same < p.end {
			if p.inList {
				return byWriter(p.byWriter, "writer.write.writelines-equals-writes", "transport.write.writelines-equals-writes")
			}
			return byWriter(p.byWriter, "writer.write.order-preserved", "transport.write.order-without-loss")
		}
	}
	return byWriter(len(o.pieces) > 0 && o.pieces[len(o.pieces)-1].byWriter, "writer.write.order-preserved", "transport.write.order-without-loss")
}

// owesBytes tells what is due of a receive that waits.
func (c *connection) owesBytes(k *wait) debt {
	o := &c.out
	if c.condemned != "" && c.shut() && !c.adrift && !c.raw.closed && !c.raw.reset {
		return debt{c.condemned, "the end of the stream by now"}
	}
	if o.unclear || c.aborted || c.fatal || c.adrift || c.raw.closed || c.raw.reset {
		return debt{}
	}
	if n := k.command.N; n != nil && *n <= o.sure-len(c.raw.received) {
		return debt{c.missing(), fmt.Sprintf("%d bytes by now, since they were written", *n)}
	}
	if o.sure < len(o.bytes) {
		return debt{}
	}
	switch {
	case o.eof || c.closing && len(c.raw.received) < o.sure:
		return debt{c.endRule(), "everything and the end of the stream by now"}
	case c.closing:
		return debt{"writer.close.closes-socket", "the end of the stream by now"}
	case c.closesByDefault():
		return debt{"protocol.stream.default-eof-closes", "the end of the stream by now, since the default eof_received closes"}
	}
	return debt{}
}

// closesByDefault tells whether the protocol has had the transport close at the peer's end of the stream without being told of it.
func (c *connection) closesByDefault() bool {
	return c.socket() && c.protocol != nil && c.protocol.plain && c.former == nil && c.raw.ended() && !c.in.paused
}

// missing names the rule by which bytes that were written and do not come should.
func (c *connection) missing() string {
	if c.closing || c.out.eof {
		return c.endRule()
	}
	if c.raw.shut {
		return "invariants.half-open-still-writes"
	}
	for _, p := range c.out.pieces {
		if p.end > len(c.raw.received) {
			return byWriter(p.byWriter, "writer.write.order-preserved", "transport.write.order-without-loss")
		}
	}
	return "transport.write.order-without-loss"
}

// told judges pause_writing and resume_writing.
func (o *writing) told(c *connection, pause bool) {
	c.exercise("transport.write.pause-and-resume-alternate")
	if o.paused == pause {
		c.breaks("transport.write.pause-and-resume-alternate", "pause_writing and resume_writing in turn, beginning with a pause")
		return
	}
	o.paused, o.raised, o.vain = pause, false, false
	o.changes++
	if !pause {
		o.resumedAt = len(o.bytes)
		o.crossing.rule = ""
		if !c.exact {
			o.resumed()
		}
		return
	}
	o.resumedAt, o.crossing.rule = -1, ""
	c.exercise("transport.write.pauses-strictly-above-high")
	if c.exact && o.atMost <= o.marks.high || !o.crossing.may {
		c.breaks("transport.write.pauses-strictly-above-high", fmt.Sprintf("no pause_writing: no more than %d bytes can be queued, which are not more than the high mark, %d", o.atMost, o.marks.high))
	}
}

// sized judges the answer to get_write_buffer_size.
func (o *writing) sized(c *connection, a *action, returned *trace.Value) {
	if returned == nil || returned.Int == nil || o.unclear {
		return
	}
	s := *returned.Int
	alone := a.in == "" && !a.contended && a.changes == o.changes // nothing has happened beside the command
	bound := len(o.bytes)
	switch { // where it is not exact it may be about to take notice of what the system took, though the peer has received that
	case c.exact:
		bound = min(bound-a.received, o.atMost)
	case alone:
		bound = o.atMost
	}
	c.exercise("transport.write.buffer-size")
	switch {
	case alone && o.afterResume >= 0 && s > o.afterResume:
		c.breaks("transport.write.resumes-at-low", fmt.Sprintf("at most %d, since writing was resumed at the low mark", o.afterResume))
		return
	case s < 0 || s > bound:
		c.breaks("transport.write.buffer-size", fmt.Sprintf("returned at most %d, since no more can be queued", max(bound, 0)))
		return
	case c.aborted && a.shut && s != 0 && !a.contended:
		c.breaks("transport.write.buffer-size", "returned 0, since the transport was aborted")
		return
	}
	unchanged := len(o.bytes) == a.written // nothing was written while the command was carried out
	if s == 0 && unchanged && !a.contended && (c.exact || alone) {
		o.empty = true
	}
	if s > 0 && alone && a.waited && !c.aborted && !c.mayFail() && len(o.dropped) == 0 {
		c.breaks("writer.close.wait-closed-waits", "returned 0, since wait_closed has come back")
	}
	if !a.open || !c.open() {
		return
	}
	if a.rested && unchanged {
		o.atRest, o.atMost = s, s
	}
	if c.told() {
		o.judge(c, a, s)
	}
	c.stream.sized(c, a, s, alone)
	if alone && !c.unclear {
		o.asked(c, s)
	}
}

// pausesBy and resumesBy name the rules for a mark.
func pausesBy(high int) string {
	if high == 0 {
		return "transport.write.zero-high-pauses-when-queued"
	}
	return "transport.write.pauses-strictly-above-high"
}

func resumesBy(low int) string {
	if low == 0 {
		return "transport.write.zero-low-resumes-when-empty"
	}
	return "transport.write.resumes-at-low"
}

// judge compares the size of the queue with the callbacks of flow control.
func (o *writing) judge(c *connection, a *action, s int) {
	low, high := o.marks.low, o.marks.high
	single := o.calls == 1 && !o.pieced && !o.moving // the queue only shrinks, so that it was never shorter than now
	switch {
	case a.in == trace.ResumeWriting && a.own && low >= 0 && (single || c.exact && o.resumedAt == len(o.bytes)):
		c.holds(resumesBy(low), s <= low, fmt.Sprintf("at most the low mark, %d, when writing is resumed", low))
		return
	case a.in == trace.PauseWriting && a.own && high >= 0 && c.exact:
		c.holds(pausesBy(high), s > high, fmt.Sprintf("more than the high mark, %d, when writing is paused", high))
		return
	case a.in != "":
		return
	}
	switch {
	case high >= 0 && s > high && !a.paused && !o.paused && (a.rested || o.vain):
		c.breaks(pausesBy(high), fmt.Sprintf("pause_writing by now, since more than %d bytes are queued", high))
	case a.rested && a.paused && o.paused && o.resumable(c, s):
		c.breaks("transport.write.resumes-at-low", fmt.Sprintf("resume_writing by now, since no more than %d bytes are queued", low))
	case low >= 0 && s > low && !a.paused && !o.paused && a.resumed == len(o.bytes) && o.resumedAt == a.resumed && (c.exact || single):
		c.breaks(resumesBy(low), fmt.Sprintf("no resume_writing while more than %d bytes are queued", low))
	case high >= 0 && low >= 0:
		if s > high {
			c.exercise(pausesBy(high))
		} else if a.resumed >= 0 {
			c.exercise(resumesBy(low), "transport.write.resumes-at-low")
		}
	}
}

// resumable tells whether writing has to be resumed at a size of the queue.
func (o *writing) resumable(c *connection, s int) bool {
	return s == 0 || o.marks.low >= 0 && s <= o.marks.low && !o.raised && c.raw.kind != trace.WritePipe
}

// owesResume tells whether resume_writing is due: everything that was written has come.
func (c *connection) owesResume() debt {
	if c.unclear || !c.told() || !c.out.paused || !c.open() || !c.atLow() {
		return debt{}
	}
	if c.flushed() {
		return debt{"transport.write.resumes-at-low", "resume_writing by now, since nothing is queued any more"}
	}
	return debt{"transport.write.resumes-at-low", fmt.Sprintf("resume_writing by now, since no more than %d bytes are queued", c.out.marks.low)}
}

// limit notes the marks that a command sets. It must be known before any event that the command brings about.
func (o *writing) limit(c *connection, a *action) {
	high, low := a.command.High, a.command.Low
	switch {
	case high != nil && *high < 0 || low != nil && *low < 0:
		a.refusal = "transport.write.no-negative-limits"
	case high != nil && low != nil && *low > *high:
		a.refusal = "transport.write.low-not-above-high"
	}
	if a.refusal != "" {
		o.marks.justRefused = true
		return
	}
	o.marks = marksFrom(high, low)
	o.crossing.rule = "" // of the old marks
	o.changes++
	o.grown()
	o.lowered = len(o.bytes) > 0
	o.moving = o.moving || o.lowered
	o.resumedAt, o.vain = -1, false
	o.raised = o.raised || o.paused || !c.told() && c.stream.blocked != no
	c.stream.released, c.stream.above = -1, -1
	if c.stream.blocked == yes || o.marks.high < 0 || o.atMost > o.marks.high {
		c.stream.blocked = unknown
	}
}

// limited judges what came back from setting the marks.
func (o *writing) limited(c *connection, a *action, raised *trace.Error) {
	switch {
	case !a.open || !c.open():
		return
	case a.refusal != "":
		c.exercise(a.refusal)
		if raised == nil || raised.Kind != trace.InvalidArgument {
			c.breaks(a.refusal, "raised invalid-argument")
		}
		return
	case raised != nil:
		c.breaks("transport.write.set-limits", "returned none")
		return
	}
	c.exercise("transport.write.set-limits")
	if o.marks.high < 0 || o.atRest <= o.marks.high || a.in != "" || !a.rested {
		return
	}
	c.stream.blocked = yes
	if c.told() && !a.paused {
		c.exercise("transport.write.lower-limits-pause-at-once")
		if !o.paused {
			c.breaks("transport.write.lower-limits-pause-at-once", fmt.Sprintf("pause_writing, since %d bytes are queued", o.atRest))
		}
	}
}

// marksFrom returns the marks that a call leads to.
func marksFrom(high, low *int) marks {
	m := marks{-1, -1, 16384, 65536, false, false}
	switch {
	case high != nil && low != nil:
		m.low, m.high = *low, *high
		m.usualLow, m.usualHigh = *low, *high
	case high != nil:
		m.high, m.usualHigh, m.usualLow, m.fromHigh = *high, *high, *high/4, true
		if *high == 0 {
			m.low = 0
		}
	case low != nil:
		m.low, m.usualLow, m.usualHigh = *low, *low, 4**low
	}
	return m
}

// limits judges the answer to get_write_buffer_limits.
func (o *writing) limits(c *connection, a *action, returned *trace.Value) {
	if !a.open || !c.open() || returned == nil || len(returned.List) != 2 || returned.List[0].Int == nil || returned.List[1].Int == nil {
		return
	}
	m := &o.marks
	if a.marks != *m {
		return // a callback has changed them meanwhile
	}
	low, high := *returned.List[0].Int, *returned.List[1].Int
	c.exercise("transport.write.limits-low-then-high", "transport.write.limits-arithmetic")
	if m.fromHigh {
		c.exercise("transport.write.low-derived-from-high")
		if m.high == 0 {
			c.exercise("transport.write.zero-high-forces-zero-low")
		}
	}
	usual := trace.Value{List: []trace.Value{{Int: &m.usualLow}, {Int: &m.usualHigh}}}
	permitted := fmt.Sprintf("returned %s", usual)
	switch {
	case m.high == 0 && m.fromHigh && low != 0 && high == 0:
		c.breaks("transport.write.zero-high-forces-zero-low", permitted)
	case low < 0 || low > high && (high == m.low || low == m.high || m.high < 0):
		c.breaks("transport.write.limits-low-then-high", permitted)
	case m.justRefused && (m.high >= 0 && high != m.high || m.low >= 0 && low != m.low):
		c.breaks("transport.write.limits-arithmetic", permitted+": a refused call changes nothing")
	case m.high >= 0 && high != m.high || m.low >= 0 && low != m.low:
		c.breaks("transport.write.set-limits", permitted)
	case low > high:
		c.breaks("transport.write.low-derived-from-high", permitted)
	default:
		if low != m.usualLow || high != m.usualHigh {
			c.holds("transport.write.limits-arithmetic", false, permitted)
		}
		*m = marks{low, high, low, high, m.fromHigh, m.justRefused}
		if c.stream.blocked == unknown && o.atMost <= high && o.bytes == nil {
			c.stream.blocked = no
		}
	}
}
