package monitor

import (
	"strconv"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// A handler is a call of the client-connected callback of a server. What it does is followed as a protocol's callbacks are, and
// the connection that it is called with as any stream.
type handler struct {
	server     *server
	connection *connection // nil: it cannot be followed
	over       bool        // a coroutine has come to its end
}

// How a connection ends whose handler does.
const (
	failingCloses   = "start_server.failing-coroutine-closes"
	failingLeaves   = "start_server.failing-coroutine-unreported"
	cancelledCloses = "start_server.cancelled-coroutine-closes"
	failingPlain    = "start_server.failing-plain-callback"
)

// isCoroutine tells whether the server's callback is one.
func (s *server) isCoroutine() bool {
	return s.command.Callback == trace.Coroutine || s.command.Callback == trace.Object
}

// connected follows a call of a server's callback.
func (w *wires) connected(e *trace.Event) {
	name, number, _ := strings.Cut(e.On, "#")
	s := w.servers[name]
	nth, err := strconv.Atoi(number)
	if s == nil || err != nil {
		return // it is the callback of a reader protocol made by hand
	}
	p := newProtocol(s.command)
	w.protocols[e.On] = p
	p.called(e)
	h := &handler{server: s}
	w.handlers[e.On] = h
	var r *raw
	if e.Value != nil {
		r = w.raws[e.Value.Object]
	}
	s.hands(r)
	if r == nil || r.connection != nil {
		return
	}
	c := w.newConnection(e.On, r)
	c.beStream(s.command, "start_server.limit")
	c.handler, c.adrift = h, r.caught
	c.unclear = len(r.received) > 0 || r.over // before there was anybody to write
	c.follow()
	h.connection = c
	if o := p.outcome(trace.ClientConnected, nth); o.unclear {
		c.unclear = true
	} else if o.raises && !s.isCoroutine() {
		c.exercise(failingPlain)
		c.adrift = true // it may be closed or left open
	}
}

// ended follows the end of a callback that is a coroutine.
func (h *handler) ended(raised *trace.Error) {
	c := h.connection
	h.over = true
	switch {
	case c == nil || c.unclear || raised == nil:
	case raised.Kind == trace.Scripted:
		c.condemn(failingCloses, false)
		if c.w.m.options.InForce(failingLeaves) {
			c.exercise(failingLeaves)
		}
	case raised.Kind == trace.Cancelled:
		c.condemn(cancelledCloses, false)
	default:
		c.unclear = true
	}
}
