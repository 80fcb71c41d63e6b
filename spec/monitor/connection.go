package monitor

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/streamspec/streamspec/spec/trace"
)

// A connection is the model of one connection: its transport, the protocol or the reader and writer on top of it, and the
// raw end at the other side.
type connection struct {
	w        *wires
	name     string
	raw      *raw
	handler  *handler  // the call of a server's callback that it was given to; nil: none
	exact    bool      // pending means that nothing more happens
	protocol *protocol // nil: it is a stream
	former   *protocol // the one before set_protocol
	unclear  bool      // what it does cannot be followed any more: nothing is judged
	apart    bool      // its raw end is not known yet, and nothing was done to it so far

	// What was seen of its life.
	made, eof, lost bool
	falsy           bool   // eof_received was answered so that the transport closes
	fatal           bool   // a callback has failed so that the transport closes
	adrift          bool   // a callback has failed so that it may be closed by now or not
	condemned       string // the rule by which the implementation has to close it by itself; until it is certain that it has, it is adrift
	aborting        bool   // and to abort it
	spoiled         bool   // pause_writing or resume_writing has failed, which changes nothing
	closing         bool   // it was closed or aborted by a command
	aborted         bool
	byWriter        bool // the command was one of the writer
	busy            int  // commands about it that callbacks have begun and not ended
	owed            debt // what it owed when a run began that waited for it in vain

	out    writing
	in     receiving
	stream stream
	info   info
}

// A debt is what there should have been when the implementation has come to rest: the rule, and the expectation.
type debt struct{ rule, what string }

// newConnection returns the model of a connection that has not begun.
func (w *wires) newConnection(name string, r *raw) *connection {
	conn := &connection{w: w, name: name, raw: r, exact: w.m.options.exactFor(r.kind)}
	conn.out.begin()
	return conn
}

// open begins to follow what a command opens.
func (w *wires) open(c *trace.Command) {
	r := w.raws[c.Raw]
	if c.Socket != "" {
		r = w.sockets[c.Socket]
	}
	if r == nil && c.Raw == "" {
		conn := w.newConnection(c.As, &raw{kind: c.Kind})
		conn.beStream(c, opensLimit(c.Kind))
		conn.apart, conn.unclear = true, true
		conn.follow()
		w.calls[c.As] = &wait{command: c, connection: conn}
	}
	if r == nil {
		return
	}
	conn := w.newConnection(c.As, r)
	if r.connection != nil {
		return
	}
	if c.Op == trace.ConnectionOpen {
		if c.Exception != nil || r.isFile() {
			w.calls[c.As] = &wait{command: c, raw: r, vain: true}
			return
		}
		conn.protocol, conn.info.protocol = w.protocols[c.Protocol], c.Protocol
		if conn.protocol == nil {
			return // the factory fails
		}
		if conn.protocol.connection != nil {
			conn.protocol.connection.unclear, conn.unclear = true, true
		}
		conn.protocol.connection = conn
	} else {
		conn.beStream(c, opensLimit(r.kind))
	}
	conn.follow()
	w.calls[c.As] = &wait{command: c, connection: conn}
}

// beStream makes the connection that of a stream, whose reader gets its limit by a rule from the command that opens or serves.
func (c *connection) beStream(by *trace.Command, rule string) {
	c.made, c.info.protocol = true, c.name+".protocol"
	c.stream.blocked, c.stream.released, c.stream.above = no, -1, -1
	c.stream.limit, c.stream.limitRule = defaultLimit, rule
	if by.Limit != nil {
		c.stream.limit = *by.Limit
	}
}

// opensLimit returns the rule by which what opens a stream of a kind sets the limit of its reader.
func opensLimit(kind trace.EndKind) string {
	if kind == trace.TCP || kind == trace.Unix {
		return "open_connection.limit"
	}
	return setsLimit
}

// outlives tells whether the connection has to live on though its server may be closed.
func (c *connection) outlives() bool {
	return c.handler != nil && c.handler.server.closing && c.open()
}

// unless returns the rule that is broken where the connection ends, if not by the close of its server then by another.
func (c *connection) unless(rule string) string {
	if c.outlives() {
		return keepsConnections
	}
	return rule
}

// follow begins to follow the connection.
func (c *connection) follow() {
	w := c.w
	w.order = append(w.order, c)
	for _, part := range []string{"", ".transport", ".reader", ".writer", ".protocol"} {
		w.objects[c.name+part] = c
	}
	c.attach()
}

// attach has the raw end's calls be about the connection as well.
func (c *connection) attach() {
	c.raw.connection = c
	for _, k := range c.w.calls {
		if k.raw == c.raw {
			k.connection = c
		}
	}
}

// join gives a raw end that was accepted the stream that a call has opened. A stream to which something was done before cannot
// be followed.
func (w *wires) join(r *raw, call string) {
	c := w.objects[call]
	if c == nil || c.name != call || !c.apart {
		return
	}
	c.raw, c.exact, c.apart, c.unclear = r, w.m.options.exactFor(r.kind), false, false
	c.attach()
}

// giveUp ends the judgement of the connection.
func (c *connection) giveUp() { c.unclear, c.apart = true, false }

// disturb notes that something is done to the connection.
func (c *connection) disturb(op trace.Op) {
	switch op {
	case trace.TransportIsClosing, trace.TransportIsReading, trace.TransportGetWriteBufferSize, trace.TransportGetWriteBufferLimits, trace.TransportCanWriteEOF,
		trace.TransportGetExtraInfo, trace.TransportGetProtocol, trace.WriterIsClosing, trace.WriterCanWriteEOF, trace.WriterGetExtraInfo, trace.WriterTransport, trace.ObjectHas:
	default:
		c.apart = false
	}
}

// openedBy judges the call that opens.
func (c *connection) openedBy(_ *trace.Value, raised *trace.Error) {
	if raised != nil {
		c.giveUp() // why it failed is judged by the cases that have it fail
		return
	}
	if c.told() {
		c.exercise("protocol.base.made-before-return")
		if !c.made {
			c.breaks("protocol.base.made-before-return", "connection_made before the call that opens has come back")
		}
	}
}

// told tells whether the callbacks of the connection are seen.
func (c *connection) told() bool { return c.protocol != nil && !c.protocol.plain }

// socket tells whether the connection can be half-open.
func (c *connection) socket() bool { return c.raw.kind == trace.TCP || c.raw.kind == trace.Unix }

// open tells whether the connection is certainly open.
func (c *connection) open() bool {
	return !c.shut() && !c.fatal && !c.adrift && !c.raw.closed && !c.raw.reset && (!c.raw.shut || c.keepsOpen())
}

// keepsOpen tells whether the peer's end-of-stream leaves the connection open.
func (c *connection) keepsOpen() bool {
	return c.socket() && (c.protocol == nil || c.protocol.keepsOpen() && c.former == nil)
}

// shut tells whether the connection is certainly closing or lost.
func (c *connection) shut() bool { return c.closing || c.lost }

// flushed tells whether nothing is queued.
func (c *connection) flushed() bool {
	return c.out.empty || !c.out.unclear && len(c.raw.received) >= len(c.out.bytes)
}

// called judges a callback.
func (c *connection) called(p *protocol, e *trace.Event) {
	if p == c.former && c.in.straggler() {
		c.breaks("transport.base.set-protocol", "callbacks of the new protocol only")
		return
	}
	if c.former != nil {
		c.exercise("transport.base.set-protocol")
	}
	c.exercise("protocol.base.others-between", "protocol.stream.order-of-callbacks")
	o := p.outcome(e.Ev, p.counts[e.Ev])
	if o.unclear {
		c.unclear = true
		return
	}
	switch e.Ev {
	case trace.ConnectionMade:
		c.exercise("protocol.base.made-once")
		if c.made {
			c.breaks("protocol.base.made-once", "no second connection_made")
		}
		c.made, c.adrift = true, o.raises
	case trace.DataReceived:
		if c.between("protocol.stream.order-of-callbacks") {
			c.received(*e.Value.Bytes)
		}
		c.fatal = c.fatal || o.raises
	case trace.EOFReceived:
		if c.between("protocol.stream.order-of-callbacks") {
			c.ended()
		}
		c.eof, c.falsy, c.fatal = true, !o.truthy, c.fatal || o.raises
		if !c.falsy && c.socket() {
			c.exercise("protocol.stream.truthy-eof-keeps-open")
		}
	case trace.PauseWriting, trace.ResumeWriting:
		c.spoiled = c.spoiled || o.raises
		if c.spoiled {
			c.exercise("protocol.base.failing-flow-control-callback")
		}
		if c.between("protocol.base.others-between") {
			c.out.told(c, e.Ev == trace.PauseWriting)
		}
	case trace.ConnectionLost:
		c.loses(e)
	}
	if c.fatal && (!c.socket() || !c.w.m.options.InForce("protocol.stream.failing-callback-is-fatal")) {
		c.unclear = true // nothing is said of pipes, and in 3.6 a quirk decides
	}
}

// between holds a callback to come after connection_made and before connection_lost.
func (c *connection) between(rule string) bool {
	if !c.made {
		c.breaks(rule, "connection_made first")
	} else if c.lost {
		c.breaks(rule, "no callback after connection_lost")
	}
	return !c.unclear
}

// loses judges connection_lost.
func (c *connection) loses(e *trace.Event) {
	c.exercise("protocol.base.lost-once")
	if c.lost {
		c.breaks("protocol.base.lost-once", "no second connection_lost")
		return
	}
	if !c.made {
		c.breaks("protocol.base.others-between", "connection_made first")
		return
	}
	if c.lostInside() {
		c.breaks("transport.base.loss-is-asynchronous", "connection_lost later, not from inside the call")
		return
	}
	if c.closing {
		c.exercise("transport.base.loss-is-asynchronous")
	}
	if due := c.owesLoss(); due.rule != "" {
		c.exercise(due.rule)
	}
	c.lost = true
	c.judgeLoss(e.Raised)
}

// lostInside tells whether connection_lost has come from inside close or abort.
func (c *connection) lostInside() bool {
	ends := func(a *action) bool {
		switch a.command.Op {
		case trace.TransportClose, trace.TransportAbort, trace.WriterClose:
			return a.connection == c
		}
		return false
	}
	for _, a := range c.w.nested {
		if ends(a) && (c.exact || a.own) {
			return true
		}
	}
	return c.exact && c.w.action != nil && ends(c.w.action) && c.w.command.NoSettle
}

// mayFail tells whether the connection may be lost with an error of the operating system.
func (c *connection) mayFail() bool {
	return c.raw.reset || c.raw.closed && (c.out.unclear || len(c.out.bytes) > len(c.raw.received))
}

// mustFail tells whether it can only have been lost by the raw end's reset, or by a failed write.
func (c *connection) mustFail() bool {
	if c.raw.shut || c.closing || c.eof || c.out.eof {
		return false
	}
	return c.raw.reset && c.raw.kind == trace.TCP || c.out.doomed && c.in.deaf()
}

// judgeLoss judges the argument of connection_lost.
func (c *connection) judgeLoss(err *trace.Error) {
	switch {
	case c.fatal || c.adrift:
		c.exercise("protocol.stream.failing-callback-is-fatal")
		if err != nil && err.Kind != trace.Scripted && !c.mayFail() {
			c.breaks("protocol.stream.failing-callback-is-fatal", "connection_lost with the exception of the callback, or with none")
		}
		return
	case c.mustFail():
		c.exercise("protocol.base.abnormal-loss-has-error")
		if err == nil {
			c.breaks("protocol.base.abnormal-loss-has-error", "connection_lost with an error, since the peer has reset the connection")
		}
		return
	case c.mayFail():
		return
	}
	c.exercise("protocol.base.clean-loss-has-none")
	onlyShut := c.raw.shut && !c.raw.closed && !c.closing
	switch {
	case err != nil:
		c.breaks("protocol.base.clean-loss-has-none", "connection_lost with none")
	case c.closing:
	case !c.raw.ended() && c.spoiled:
		c.breaks("protocol.base.failing-flow-control-callback", "no loss because a callback of flow control has failed")
	case !c.raw.ended():
		c.breaks("protocol.base.clean-loss-has-none", "no loss, since neither side has ended the connection")
	case onlyShut && !c.eof:
		c.breaks("protocol.stream.eof-when-peer-ends", "eof_received first")
	case onlyShut && c.socket() && !c.falsy:
		c.breaks("protocol.stream.truthy-eof-keeps-open", "no loss, since eof_received was answered with a true value")
	}
}

// owesLoss tells by which rule connection_lost is due.
func (c *connection) owesLoss() debt {
	if c.unclear || !c.told() || !c.made || c.lost || c.adrift {
		return debt{}
	}
	rule := ""
	switch {
	case c.aborted:
		rule = "transport.write.abort-ends-with-loss"
	case c.fatal:
		rule = "protocol.stream.failing-callback-is-fatal"
	case c.raw.kind == trace.WritePipe && c.raw.closed:
		rule = "transport.write.pipe-eof-and-loss"
	case !c.flushed():
	case c.closing:
		rule = "transport.base.close-ends-with-loss"
	case c.eof && c.raw.kind == trace.ReadPipe:
		rule = "protocol.stream.read-pipe-eof-closes"
	case c.eof && c.falsy:
		rule = "protocol.stream.falsy-eof-closes"
	}
	if rule == "" {
		return debt{}
	}
	return debt{rule, "connection_lost by now"}
}

// owesAnything returns the first of the debts that there should not be when the implementation is at rest.
func (c *connection) owesAnything() debt {
	if c.unclear {
		return debt{}
	}
	for _, due := range []func() debt{c.owesLoss, c.owesData, c.owesEOF, c.owesPause, c.owesResume} {
		if d := due(); d.rule != "" {
			return d
		}
	}
	for _, name := range c.w.waiting(c) {
		if d := c.owesCall(c.w.calls[name]); d.rule != "" {
			return d
		}
	}
	return debt{}
}

// waiting returns the names of the calls that wait for a connection, in a certain order.
func (w *wires) waiting(c *connection) []string {
	return w.pending(func(k *wait) bool { return k.connection == c })
}

// pending returns the names of calls that wait, in a certain order.
func (w *wires) pending(is func(*wait) bool) []string {
	var names []string
	for name, k := range w.calls {
		if is(k) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// owes tells what is due of what a run waits for.
func (c *connection) owes(until *trace.Until) debt {
	if c.unclear {
		return debt{}
	}
	if until.Done != "" {
		if k := c.w.calls[until.Done]; k != nil && k.connection == c {
			return c.owesCall(k)
		}
		return debt{}
	}
	if !c.isMeant(until) {
		return debt{}
	}
	switch until.Event {
	case trace.ConnectionLost:
		return c.owesLoss()
	case trace.DataReceived:
		return c.owesData()
	case trace.EOFReceived:
		return c.owesEOF()
	case trace.PauseWriting:
		return c.owesPause()
	case trace.ResumeWriting:
		return c.owesResume()
	}
	return debt{}
}

// isMeant tells whether a run waits for events of the connection.
func (c *connection) isMeant(until *trace.Until) bool {
	return until.On == "" || c.protocol != nil && c.w.protocols[until.On] == c.protocol
}

// owesCall tells what is due of a call that waits.
func (c *connection) owesCall(k *wait) debt {
	d := c.dueOf(k)
	if d.rule != "" {
		d.rule = cmp.Or(c.condemned, d.rule)
	}
	return d
}

func (c *connection) dueOf(k *wait) debt {
	switch k.command.Op {
	case trace.RawRecv:
		return c.owesBytes(k)
	case trace.WriterDrain:
		return c.owesDrain(k)
	case trace.WriterWaitClosed:
		if c.ends() {
			return debt{"writer.close.wait-closed-waits", "it comes back, since the stream is closed"}
		}
	case trace.ReaderRead, trace.ReaderReadLine, trace.ReaderReadExactly, trace.ReaderReadUntil, trace.ReaderIterate:
		return c.owesRead(k)
	}
	return debt{}
}

// ends tells whether the connection has nothing left to do but to be lost.
func (c *connection) ends() bool { return c.aborted || c.closing && c.flushed() }

func (c *connection) breakOwed(d debt) {
	if d.rule != "" && !c.unclear {
		c.breaks(d.rule, d.what)
	}
}

// condemn notes that the implementation has to close the connection by itself, by a rule that may not be in force.
func (c *connection) condemn(rule string, abort bool) {
	if c.shut() {
		c.out.unclear = c.out.unclear || abort && !c.lost // what was queued may be flushed or not
		return
	}
	c.adrift, c.out.sure = true, 0 // whether it flushes first is nowhere said
	if c.w.m.options.InForce(rule) {
		c.condemned, c.aborting = rule, abort
		c.exercise(rule)
	}
}

// execute notes that a connection that was condemned must be closed by now.
func (c *connection) execute() {
	if c.condemned != "" && c.adrift {
		c.adrift, c.closing, c.aborted = false, true, c.aborted || c.aborting
	}
}

// apply notes what a command does to the connection.
func (c *connection) apply(a *action) {
	if c.misfit(a.command) != "" {
		c.giveUp() // what comes of what cannot be done is open
		return
	}
	switch a.command.Op {
	case trace.TransportWrite, trace.WriterWrite, trace.TransportWriteLines, trace.WriterWriteLines:
		c.write(a)
	case trace.TransportClose, trace.WriterClose:
		c.close(a)
	case trace.TransportAbort:
		c.close(a)
		c.aborted = true
		c.exercise("transport.write.abort-stops-receiving")
	case trace.TransportWriteEOF, trace.WriterWriteEOF:
		if c.raw.kind == trace.WritePipe {
			c.out.piped = c.out.piped || !c.closing
			c.close(a)
		} else if !c.closing {
			c.out.eof = true
			c.byWriter = a.command.Op == trace.WriterWriteEOF
		}
	case trace.TransportPauseReading:
		c.in.pause(c, a)
	case trace.TransportResumeReading:
		c.in.resume()
	case trace.TransportSetWriteBufferLimits:
		c.out.limit(c, a)
	case trace.TransportSetProtocol:
		c.setProtocol(a)
	case trace.ReaderFeedData, trace.ReaderFeedEOF, trace.ReaderSetTransport:
		c.stream.unclear = true
	case trace.ReaderSetException:
		c.stream.exception, c.stream.unclear = a.command.Exception, true
	}
	if changes(a.command.Op) && a.in == "" && c.busy > 0 && !c.exact {
		c.unclear = true // a callback is doing something to it as well
	}
}

func (c *connection) close(a *action) {
	if !c.closing {
		c.closing, c.byWriter = true, a.command.Op == trace.WriterClose || a.command.Op == trace.WriterWriteEOF
		c.in.closeSlack, c.in.closedAt = c.slackFor(a), c.raw.reached()
		c.exercise("transport.base.close-stops-receiving")
	}
}

func (c *connection) setProtocol(a *action) {
	p := c.w.protocols[a.command.Protocol]
	if p == nil || c.protocol == nil || p == c.protocol || p.connection != nil {
		c.unclear = c.unclear || p != c.protocol
		return
	}
	c.former, c.protocol, p.connection = c.protocol, p, c
	c.in.switched(c, a)
}

// answer judges what came back from a command about the connection.
func (c *connection) answer(a *action, returned *trace.Value, raised *trace.Error) {
	if a.in == "" {
		c.in.returned()
	}
	c.informs(a, returned, raised)
	if c.unclear {
		return
	}
	viaWriter := false
	switch op := a.command.Op; op {
	case trace.WriterWrite, trace.WriterWriteLines, trace.TransportWrite, trace.TransportWriteLines:
		c.wrote(a, raised)
	case trace.TransportClose, trace.WriterClose:
		c.exercise("writer.close.idempotent")
		if raised != nil {
			c.breaks("writer.close.idempotent", "returned none")
		}
	case trace.TransportAbort:
		if a.shut {
			c.exercise("transport.write.abort-after-close")
		}
		if raised != nil {
			c.breaks("transport.write.abort-after-close", "returned none")
		}
	case trace.TransportWriteEOF, trace.WriterWriteEOF:
		c.wroteEOF(a, raised)
	case trace.WriterIsClosing:
		viaWriter = true
		fallthrough
	case trace.TransportIsClosing:
		c.isClosing(a, returned, viaWriter)
	case trace.WriterCanWriteEOF:
		viaWriter = true
		fallthrough
	case trace.TransportCanWriteEOF:
		rule := byWriter(viaWriter, "writer.eof.support-is-reported", "transport.write.eof-support-is-reported")
		if a.open && c.raw.kind != trace.ReadPipe {
			c.holds(rule, isBool(returned, true), "returned true")
		}
	case trace.TransportPauseReading, trace.TransportResumeReading, trace.TransportIsReading:
		c.in.answer(c, a, returned, raised)
	case trace.TransportGetWriteBufferSize:
		c.out.sized(c, a, returned)
	case trace.TransportSetWriteBufferLimits:
		c.out.limited(c, a, raised)
	case trace.TransportGetWriteBufferLimits:
		c.out.limits(c, a, returned)
	}
}

func byWriter(is bool, writer, transport string) string {
	if is {
		return writer
	}
	return transport
}

func isBool(v *trace.Value, want bool) bool { return v != nil && v.Bool != nil && *v.Bool == want }

// isClosing judges the answer to is_closing.
func (c *connection) isClosing(a *action, returned *trace.Value, viaWriter bool) {
	rule := byWriter(viaWriter, "writer.close.is-closing", "transport.base.is-closing")
	switch {
	case a.shut && c.condemned != "":
		c.holds(c.condemned, isBool(returned, true), "returned true")
	case a.shut && !c.lost && c.out.piped:
		c.holds("transport.write.pipe-eof-and-loss", isBool(returned, true), "returned true: write_eof of a pipe is the same as close")
	case a.shut && !a.contended:
		c.holds(rule, isBool(returned, true), "returned true")
	case a.open && (c.exact || c.open()):
		c.holds(c.unless(rule), isBool(returned, false), "returned false")
	case a.rested && c.closesByDefault():
		c.holds("protocol.stream.default-eof-closes", isBool(returned, true), "returned true, since the default eof_received closes")
	}
}

// isGone tells whether the descriptor must have been closed.
func (c *connection) isGone() bool {
	return !c.unclear && !c.adrift && (c.stream.waited || c.lost && c.exact && c.w.rested)
}

// wroteEOF judges write_eof.
func (c *connection) wroteEOF(a *action, raised *trace.Error) {
	rule := byWriter(a.command.Op == trace.WriterWriteEOF, "writer.eof.closes-write-side-only", "transport.write.eof-after-flush")
	switch {
	case a.shut:
		c.holds("writer.close.idempotent", raised == nil, "returned none, since the stream is closed")
	case a.open && c.raw.kind != trace.ReadPipe:
		c.holds(rule, raised == nil, "returned none")
	}
}

// holds judges an answer that changes nothing, so that the connection is judged further.
func (c *connection) holds(rule string, is bool, permitted string) {
	c.exercise(rule)
	if !is {
		c.w.m.broken(rule, c.text(permitted))
	}
}

// breaks records that a rule is broken. What the connection does afterwards cannot be told from what follows of that, so it
// is not judged any more.
func (c *connection) breaks(rule, permitted string) {
	c.exercise(rule)
	c.w.m.broken(rule, c.text(permitted))
	c.unclear = true
}

func (c *connection) exercise(rules ...string) { c.w.m.exercise(rules...) }

// text says what was done, what came back, what is known of the connection, and what would have been permitted.
func (c *connection) text(permitted string) string {
	with := fmt.Sprintf("%s over %s, %d bytes written, %d of them received by the peer, %d bytes sent by the peer, %d of them delivered",
		c.name, c.raw.kind, len(c.out.bytes), len(c.raw.received), len(c.raw.sent), c.in.delivered)
	for _, mark := range []struct {
		is   bool
		text string
	}{
		{c.raw.shut, "end of stream by the peer"}, {c.raw.closed, "closed by the peer"}, {c.raw.reset, "reset by the peer"}, {c.in.paused, "reading paused"},
		{c.out.paused, "writing paused"}, {c.out.eof, "write_eof called"}, {c.closing && !c.aborted, "closed"}, {c.aborted, "aborted"}, {c.lost, "lost"},
	} {
		if mark.is {
			with += ", " + mark.text
		}
	}
	return fmt.Sprintf("%s (%s); permitted: %s", describe(c.w.command, c.w.reply), with, permitted)
}
