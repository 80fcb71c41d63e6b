package monitor

import (
	"bytes"
	"fmt"

	"github.com/streamspec/streamspec/spec/trace"
)

// receiving is what is known of the bytes that a transport delivers to a programmable protocol, and of pausing.
type receiving struct {
	delivered int
	paused    bool
	early     bool // paused from inside connection_made, which older versions override
	held      bool // paused at some time
	resumed   bool // reading was paused before, and nothing has come since

	// How many callbacks may still come although reading is paused, the transport is closed, or has a new protocol: one that
	// was under way already, where they run beside commands. While the command itself is carried out, any number.
	slack, closeSlack, switchSlack int
	// And what was under way then: none of it was sent later.
	pausedAt, closedAt reach
}

// A reach is how far the peer had come: how many bytes it had sent, and whether it had ended.
type reach struct {
	sent  int
	ended bool
}

func (r *raw) reached() reach { return reach{len(r.sent), r.ended()} }

// deaf tells whether the end of the peer is certainly not noticed by reading.
func (r *receiving) deaf() bool { return r.paused && !r.pausedAt.ended }

// anyNumber of callbacks may come.
const anyNumber = -1

// use takes one off, and tells whether there was none.
func use(slack *int) bool {
	if *slack > 0 {
		*slack--
		return false
	}
	return *slack != anyNumber
}

// slackFor returns how many callbacks may come while a command is carried out.
func (c *connection) slackFor(a *action) int {
	if c.exact || a.own {
		return 0
	}
	return anyNumber
}

func (r *receiving) pause(c *connection, a *action) {
	if c.closing || r.paused {
		return
	}
	r.paused, r.held, r.slack, r.pausedAt = true, true, c.slackFor(a), c.raw.reached()
	if c.exact && a.in == "" && !a.rested && c.raw.kind == trace.ReadPipe && c.raw.closed {
		r.slack = 1 // the end has been noticed, and is told in the next turn
	}
	r.early = a.own && a.in == trace.ConnectionMade
	c.exercise("transport.read.paused-is-silent")
	if r.early {
		c.exercise("transport.read.pause-in-connection-made")
	}
	if r.early && !c.w.m.options.InForce("transport.read.pause-in-connection-made") {
		r.paused = false // whether it is, is a quirk of that version
		r.slack = anyNumber
		c.unclear = true
	}
}

func (r *receiving) resume() {
	r.resumed = r.resumed || r.paused
	r.paused = false
}

func (r *receiving) switched(c *connection, a *action) { r.switchSlack = c.slackFor(a) }

// straggler takes a callback of the former protocol, and tells whether there must be none.
func (r *receiving) straggler() bool { return use(&r.switchSlack) }

// returned notes that a command has come back: what was under way before may still come.
func (r *receiving) returned() {
	for _, slack := range []*int{&r.slack, &r.closeSlack, &r.switchSlack} {
		if *slack == anyNumber {
			*slack = 1
		}
	}
}

// answer judges what came back from pausing, resuming and asking.
func (r *receiving) answer(c *connection, a *action, returned *trace.Value, raised *trace.Error) {
	switch a.command.Op {
	case trace.TransportPauseReading:
		rule := "transport.read.pause-is-idempotent"
		if a.shut {
			rule = "transport.read.no-op-after-close"
		}
		c.holds(rule, raised == nil, "returned none")
	case trace.TransportResumeReading:
		rule := "transport.read.resume-is-idempotent"
		if a.shut {
			rule = "transport.read.no-op-after-close"
		}
		c.holds(rule, raised == nil, "returned none")
	case trace.TransportIsReading:
		if c.protocol == nil || a.contended {
			return // the reader pauses and resumes by itself
		}
		switch {
		case a.shut:
			c.holds("transport.read.no-op-after-close", isBool(returned, false), "returned false, since the transport is closed")
		case a.open && !c.raw.ended() && (c.exact || c.open() && a.reading == !r.paused):
			c.holds("transport.read.is-reading", isBool(returned, a.reading), fmt.Sprintf("returned %t", a.reading))
		}
	}
}

// received judges data_received.
func (c *connection) received(data []byte) {
	r := &c.in
	c.exercise("protocol.stream.data-is-not-empty", "protocol.stream.data-in-order", "invariants.transport-and-protocol", "protocol.stream.no-data-after-eof")
	if r.resumed {
		c.exercise("transport.read.resume-delivers")
	}
	rest := c.raw.sent[r.delivered:]
	switch {
	case len(data) == 0:
		c.breaks("protocol.stream.data-is-not-empty", "at least one byte")
	case c.eof:
		c.breaks("protocol.stream.no-data-after-eof", "no data after end-of-stream")
	case !bytes.HasPrefix(rest, data):
		c.breaks("protocol.stream.data-in-order", "the beginning of "+trace.Bytes(rest).String())
	case r.paused && (use(&r.slack) || r.delivered+len(data) > r.pausedAt.sent):
		rule := "transport.read.paused-is-silent"
		if r.early {
			rule = "transport.read.pause-in-connection-made"
		}
		c.breaks(rule, "no data while reading is paused")
	case c.closing && (use(&r.closeSlack) || r.delivered+len(data) > r.closedAt.sent):
		rule := "transport.base.close-stops-receiving"
		if c.aborted {
			rule = "transport.write.abort-stops-receiving"
		}
		c.breaks(rule, "no data after the close")
	}
	r.delivered += len(data)
	r.resumed = false
}

// ended judges eof_received.
func (c *connection) ended() {
	r := &c.in
	c.exercise("protocol.stream.eof-at-most-once", "protocol.stream.eof-when-peer-ends")
	if r.held {
		c.exercise("transport.read.eof-waits-for-resume")
	}
	switch {
	case c.eof:
		c.breaks("protocol.stream.eof-at-most-once", "no second eof_received")
	case !c.raw.ended() || r.delivered < len(c.raw.sent) && !c.closing && !c.mayFail():
		c.breaks("protocol.stream.eof-when-peer-ends", "eof_received when the peer has ended and everything was delivered, not before")
	case r.paused && (use(&r.slack) || !r.pausedAt.ended):
		c.breaks("transport.read.eof-waits-for-resume", "no end-of-stream while reading is paused")
	}
}

// listens tells whether what the peer sends has to be delivered.
func (c *connection) listens() bool {
	return c.told() && c.made && !c.lost && !c.closing && !c.eof && !c.fatal && !c.adrift && !c.in.paused && c.raw.kind != trace.WritePipe && !c.mayFail()
}

func (c *connection) owesData() debt {
	if c.unclear || !c.listens() || c.in.delivered >= len(c.raw.sent) {
		return debt{}
	}
	if c.in.resumed {
		return debt{"transport.read.resume-delivers", "data_received by now: reading was resumed"}
	}
	return debt{"invariants.transport-and-protocol", "data_received by now"}
}

func (c *connection) owesEOF() debt {
	if c.unclear || !c.listens() || !c.raw.ended() {
		return debt{}
	}
	return debt{"protocol.stream.eof-when-peer-ends", "eof_received by now"}
}
