package monitor

import "github.com/streamspec/streamspec/spec/trace"

// silent holds the session to be quiet: nothing reaches the exception handler, and the implementation comes to rest. No
// rule of its own says so; it is part of every expectation, so the violation goes to the rules of the case. Exceptions that
// a program of the session raises are no noise: a program's callbacks fail so that they are reported. Nor is it one of a server's
// callback that was cancelled, where the version does not say what becomes of that.
func (m *Monitor) silent(e *trace.Event) {
	switch e.Ev {
	case trace.Unhandled:
		if e.Raised != nil && m.wires != nil && m.wires.expects(e.Raised) {
			return
		}
	case trace.Unraisable, trace.Unsettled:
	default:
		return
	}
	m.violate("", "the session was to be quiet, but there was "+e.String())
}

// expects tells whether an error is expected to be reported.
func (w *wires) expects(err *trace.Error) bool {
	switch err.Kind {
	case trace.Scripted:
		return w.scripted[err.Message]
	case trace.Cancelled:
		return w.interrupted && !w.m.options.InForce(cancelledCloses)
	}
	return false
}

// nestedReader follows what a callback of a protocol does to a reader that was made by hand.
func (m *Monitor) nestedReader(c *trace.Command) {
	r := m.readers[c.On]
	if r == nil {
		return
	}
	if m.options.Settling != trace.Exact || m.wires.command.On == c.On {
		r.lost = true // when it was done is open
		return
	}
	r.before(c)
}

// nestedReaderDid judges what came back from that. The calls that it wakes run later.
func (m *Monitor) nestedReaderDid(c *trace.Command, e *trace.Event) {
	if r := m.readers[c.On]; r != nil {
		unsettled := *c
		unsettled.NoSettle = true
		r.after(&unsettled, &trace.Reply{Returned: e.Returned, Raised: e.Raised}, true)
	}
}
