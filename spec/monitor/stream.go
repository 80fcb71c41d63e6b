package monitor

import (
	"bytes"
	"fmt"

	"github.com/streamspec/streamspec/spec/trace"
)

// stream is what is known of the reader and the writer of a connection. Their protocol tells nothing, so that what is known
// of flow control follows from the size of the queue.
type stream struct {
	blocked   tristate // whether drain has to wait
	exception *string  // stored in the reader by hand
	waited    bool     // a wait_closed has come back, so the connection is closed
	poisoned  bool     // a wait_closed was cancelled: others may be cancelled with it
	released  int      // how much was written when a drain came back last, and the marks are the same since; -1: none has
	free      bool     // that drain had nothing to wait for when it was called
	left      bool     // a drain was given up when it had begun, so that another may take it for one that waits
	above     int      // how much was written when more than the high mark was queued, and the marks are the same since; -1: that is not known

	limit     int // of the reader; not positive: there is none that could be judged
	limitRule string

	reading int  // reads that wait
	given   int  // bytes that reads have handed out
	over    bool // a read has reported the end of the stream
	unclear bool // what the reader does cannot be followed any more
}

type tristate int

const (
	unknown tristate = iota
	no
	yes
)

// A drain is what was known when it was called.
type drain struct {
	blocked    tristate
	exception  *string
	gone       bool // the connection was lost
	open       bool
	companions bool // other drains were waiting, or may have been taken to be
	written    int
	changes    int
}

// start follows a call that may wait.
func (c *connection) start(command *trace.Command) *wait {
	c.disturb(command.Op)
	k := &wait{command: command, connection: c}
	s := &c.stream
	switch command.Op {
	case trace.WriterDrain:
		k.drain = drain{
			blocked: s.blocked, exception: s.exception, gone: s.waited || c.exact && c.w.rested && c.ends(), open: c.open(), companions: s.left || c.waitsFor(trace.WriterDrain) > 0, written: len(c.out.bytes), changes: c.out.changes,
		}
		s.left = s.left || command.Eager != nil && *command.Eager
	case trace.ReaderRead, trace.ReaderReadLine, trace.ReaderReadExactly, trace.ReaderReadUntil, trace.ReaderIterate:
		if s.reading > 0 {
			s.unclear = true // which of two calls gets what is open
		}
		s.reading++
	}
	return k
}

// waitsFor counts the calls of a kind that have not come back.
func (c *connection) waitsFor(op trace.Op) int {
	n := 0
	for _, k := range c.w.calls {
		if k.connection == c && k.command.Op == op {
			n++
		}
	}
	return n
}

// drained judges how a drain came back.
func (c *connection) drained(k *wait, returned *trace.Value, raised *trace.Error) {
	d := &k.drain
	if d.companions {
		c.exercise("writer.drain.several-tasks")
	}
	if d.blocked == yes {
		c.exercise("writer.drain.blocks-above-high")
	}
	if k.pending || !c.exact {
		c.exercise("invariants.drain-follows-flow-control")
	}
	if raised != nil {
		switch {
		case k.cancelled && raised.Kind == trace.Cancelled:
			c.exercise("writer.drain.cancel-is-harmless")
		case d.exception != nil && c.mayFail() && raised.Kind != trace.Scripted: // the error of the loss may have taken its place
		case d.exception != nil:
			c.holds("writer.drain.raises-stored-exception", raised.Kind == trace.Scripted && raised.Message == *d.exception, fmt.Sprintf("raised the exception %q", *d.exception))
		case d.gone:
			c.exercise("writer.drain.closed-raises")
		case !d.open || !c.open() || c.stream.unclear:
		case d.companions:
			c.holds("writer.drain.several-tasks", false, "pending or returned none: several tasks may drain")
		default:
			c.holds("writer.drain.returns-at-once", false, "pending or returned none")
		}
		return
	}
	switch {
	case returned == nil || k.cancelled:
	case d.exception != nil && c.stream.exception == d.exception:
		c.holds("writer.drain.raises-stored-exception", false, fmt.Sprintf("raised the exception %q", *d.exception))
	case d.gone:
		c.holds("writer.drain.closed-raises", false, "raised an error, since the connection is lost")
	case !d.open || !c.open():
	case d.blocked == yes && c.stream.blocked == yes && c.exact && !k.pending:
		c.holds("writer.drain.blocks-above-high", false, fmt.Sprintf("pending, since more than %d bytes are queued", c.out.marks.high))
	default:
		if d.blocked == no {
			c.exercise("writer.drain.returns-at-once")
		}
		if d.blocked == yes {
			c.exercise("writer.drain.released-at-low")
			if c.out.marks.low > 0 {
				c.exercise("writer.drain.does-not-wait-for-empty")
			}
		}
		c.stream.released, c.stream.free = len(c.out.bytes), !k.pending || !c.exact
		if d.changes != c.out.changes {
			c.stream.released = -1
		}
	}
}

// sized judges drains by the size of the queue.
func (s *stream) sized(c *connection, a *action, size int, alone bool) {
	if c.protocol != nil || a.in != "" {
		return
	}
	low, high := c.out.marks.low, c.out.marks.high
	same := a.written == len(c.out.bytes) && a.released == len(c.out.bytes) && s.released == a.released // and no drain has come back after the size was asked for
	switch {
	case same && high >= 0 && size > high:
		c.holds("writer.drain.blocks-above-high", false, fmt.Sprintf("a drain that is pending, since more than %d bytes are queued", high))
	case same && !s.free && low >= 0 && size > low && c.raw.kind != trace.WritePipe:
		c.holds("writer.drain.released-at-low", false, fmt.Sprintf("a drain that is still pending, since more than %d bytes are queued", low))
	case same && s.above >= 0 && low >= 0 && size > low+len(c.out.bytes)-s.above:
		c.holds("writer.drain.blocks-above-high", false, fmt.Sprintf("a drain that is still pending, since more than %d bytes have been queued, and more than %d all the time since", high, low))
	}
	s.released = -1
	if alone && high >= 0 && size > high {
		s.above = len(c.out.bytes)
	}
	if a.written != len(c.out.bytes) {
		return
	}
	switch {
	case high >= 0 && size > high && (a.rested || s.blocked != no):
		s.blocked = unknown
		if a.rested {
			s.blocked = yes
		}
	case size == 0 || low >= 0 && size <= low && !c.out.raised && c.raw.kind != trace.WritePipe:
		s.blocked = no
		c.out.raised = false
	}
}

// owesDrain tells whether a drain that waits has to come back.
func (c *connection) owesDrain(k *wait) debt {
	d := &k.drain
	if k.cancelled {
		return debt{}
	}
	switch {
	case d.exception != nil && c.stream.exception == d.exception:
		return debt{"writer.drain.raises-stored-exception", fmt.Sprintf("raised the exception %q", *d.exception)}
	case c.ends():
		return debt{"invariants.drain-follows-flow-control", "it comes back, since the connection is lost"}
	case !c.open() || !d.open:
		return debt{}
	case d.blocked == no && d.written == len(c.out.bytes) && (c.stream.blocked == no || c.exact && !k.command.NoSettle): // else it may have begun later
		return debt{"writer.drain.returns-at-once", "returned none, since there is nothing to wait for"}
	case c.stream.blocked == no && c.out.atRest > 0 && c.out.atRest < c.out.marks.low:
		return debt{"writer.drain.does-not-wait-for-empty", fmt.Sprintf("it comes back, since no more than %d bytes are queued", c.out.marks.low)}
	case c.stream.blocked == no || c.atLow():
		if d.companions {
			return debt{"writer.drain.several-tasks", "all drains come back, since there is nothing to wait for"}
		}
		return debt{"writer.drain.released-at-low", "it comes back, since there is nothing to wait for"}
	}
	return debt{}
}

// waitedClosed judges how a wait_closed came back.
func (c *connection) waitedClosed(k *wait, _ *trace.Value, raised *trace.Error) {
	s := &c.stream
	if raised != nil && raised.Kind == trace.Cancelled && (k.cancelled || s.poisoned) {
		s.poisoned = true
		return
	}
	s.poisoned = s.poisoned || k.cancelled
	c.exercise("writer.close.wait-closed-waits", "writer.close.wait-closed-reports-loss")
	switch {
	case c.adrift:
	case !c.closing && c.raw.shut && !c.raw.closed && !c.raw.reset:
		c.breaks("writer.close.peer-eof-does-not-close", "pending, since the peer has ended its side alone")
		return
	case !c.closing && !c.raw.ended():
		c.breaks("writer.close.wait-closed-waits", "pending, since the stream is not closed")
		return
	case raised != nil && !c.mayFail():
		c.holds("writer.close.wait-closed-reports-loss", false, "returned none, since the stream was closed normally")
	case raised == nil && c.mustFail():
		c.holds("writer.close.wait-closed-reports-loss", false, "raised an error, since the peer has reset the connection")
	}
	s.waited = true
}

// item follows an item of an iteration.
func (c *connection) item(v *trace.Value) {
	c.w.m.isImmutable(v)
	if v.Bytes != nil && !c.stream.unclear {
		c.within(lf[0], *v.Bytes)
		c.give(*v.Bytes)
	}
}

const setsLimit = "reader.feed.opener-sets-limit"

// within judges that no more than the limit came before a separator.
func (c *connection) within(separator, data []byte) {
	n := len(data) - len(separator)
	if s := &c.stream; s.limit > 0 && len(separator) > 0 && n >= s.limit && bytes.HasSuffix(data, separator) && bytes.HasPrefix(c.raw.sent[s.given:], data) {
		c.exercise(setsLimit)
		c.holds(s.limitRule, n == s.limit, fmt.Sprintf("an overrun, since the limit is %d bytes", s.limit))
	}
}

// overrun judges that a separator was said to be out of reach.
func (c *connection) overrun(separator []byte) {
	s := &c.stream
	if s.limit <= 0 || len(separator) == 0 {
		return
	}
	rest := c.raw.sent[s.given:]
	at := bytes.Index(rest, separator)
	c.exercise(setsLimit)
	c.holds(s.limitRule, at > s.limit || at < 0 && len(rest) > s.limit, fmt.Sprintf("no overrun, since the limit is %d bytes", s.limit))
}

// separator returns what a read goes up to, nil if it goes up to nothing in particular.
func separator(c *trace.Command) []byte {
	switch {
	case c.Op == trace.ReaderReadUntil && c.Separators != nil, c.Separator != nil && !c.Separator.Form.IsData():
		return nil
	case c.Op == trace.ReaderReadUntil && c.Separator != nil:
		return c.Separator.Bytes
	case c.Op == trace.ReaderReadLine, c.Op == trace.ReaderReadUntil, c.Op == trace.ReaderIterate:
		return lf[0]
	}
	return nil
}

// give judges bytes that the reader has handed out.
func (c *connection) give(data []byte) {
	s := &c.stream
	c.exercise("reader_protocol.feeds-reader")
	rest := c.raw.sent[s.given:]
	switch {
	case s.over && len(data) > 0:
		c.breaks("invariants.eof-is-terminal", "nothing after the end of the stream")
	case !bytes.HasPrefix(rest, data):
		c.breaks("reader_protocol.feeds-reader", "the beginning of "+trace.Bytes(rest).String())
	default:
		s.given += len(data)
	}
}

// handed judges how a read came back.
func (c *connection) handed(k *wait, returned *trace.Value, raised *trace.Error) {
	s := &c.stream
	s.reading--
	c.w.m.isImmutable(returned)
	if c.aborted {
		c.exercise("writer.close.abort-ends-pending-read")
	} else if c.closing {
		c.exercise("writer.close.ends-reader")
	}
	if s.unclear {
		return
	}
	ended := false
	switch {
	case returned != nil && returned.Bytes != nil:
		c.within(separator(k.command), *returned.Bytes)
		c.give(*returned.Bytes)
		ended = reportsEnd(k.command, *returned.Bytes)
	case returned != nil:
		ended = k.command.Op == trace.ReaderIterate && k.command.N == nil
	case raised.Kind == trace.IncompleteRead && raised.Partial != nil:
		c.give(*raised.Partial)
		ended = true
	case raised.Kind == trace.LimitOverrun:
		c.overrun(separator(k.command))
	case raised.Kind == trace.InvalidArgument || k.cancelled:
		if op := k.command.Op; raised.Kind == trace.InvalidArgument && (op == trace.ReaderReadLine || op == trace.ReaderIterate) {
			c.overrun(lf[0])
		}
		s.unclear = true // bytes may have been dropped
	}
	if !ended || c.unclear {
		return
	}
	s.over = true
	c.exercise("invariants.eof-is-terminal")
	if !c.closing && !c.adrift && !c.mayFail() && (!c.raw.ended() || s.given < len(c.raw.sent)) {
		c.breaks(c.unless("reader_protocol.feeds-reader"), "no end of the stream before the peer has ended it and everything was handed out")
	}
}

// reportsEnd tells whether a read that returns data thereby reports the end of the stream.
func reportsEnd(c *trace.Command, data []byte) bool {
	switch {
	case c.Op == trace.ReaderReadLine:
		return !bytes.HasSuffix(data, []byte("\n"))
	case c.Op == trace.ReaderRead && !toEOF(c):
		return len(data) == 0 && *c.N > 0
	}
	return toEOF(c)
}

// owesRead tells whether a read that waits has to come back.
func (c *connection) owesRead(k *wait) debt {
	s := &c.stream
	if s.unclear || k.cancelled {
		return debt{}
	}
	switch {
	case c.aborted:
		return debt{"writer.close.abort-ends-pending-read", "it comes back, since the connection was aborted"}
	case c.closing && c.flushed():
		return debt{"writer.close.ends-reader", "it comes back, since the stream was closed"}
	case c.mayFail() || c.closing || c.adrift || c.in.paused:
		return debt{}
	case c.raw.ended(), c.suffices(k.command):
		return debt{"reader_protocol.feeds-reader", "it comes back, since the peer has sent what it waits for"}
	}
	if sep := separator(k.command); s.limit > 0 && len(sep) > 0 && len(c.raw.sent)-s.given >= s.limit+len(sep) {
		return debt{s.limitRule, fmt.Sprintf("an overrun, since the limit is %d bytes", s.limit)}
	}
	return debt{}
}

// suffices tells whether the peer has sent what a read waits for.
func (c *connection) suffices(command *trace.Command) bool {
	rest := c.raw.sent[c.stream.given:]
	switch command.Op {
	case trace.ReaderRead:
		return !toEOF(command) && len(rest) > 0
	case trace.ReaderReadExactly:
		return len(rest) >= *command.N
	}
	sep := separator(command)
	return len(sep) > 0 && bytes.Contains(rest, sep)
}
