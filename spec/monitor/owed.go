package monitor

import (
	"fmt"

	"github.com/streamspec/streamspec/spec/trace"
)

// Owes returns what the implementation has not done yet, and must do without another command, as the condition of a run command
// that waits for it; false: there is nothing. It is for programs that end while an implementation whose settling is not exact may
// still be at work: a run that waits for this in vain breaks a rule.
func (m *Monitor) Owes() (trace.Until, bool) {
	if m.wires == nil {
		return trace.Until{}, false
	}
	for _, c := range m.wires.order {
		if until, ok := c.waitsOwed(); ok && !c.exact {
			return until, true
		}
	}
	for _, d := range m.wires.dials {
		if d.owes().rule != "" && !d.unclear && !d.exact {
			return trace.Until{Done: d.name}, true
		}
	}
	for _, s := range m.wires.ordered {
		if until, ok := s.waitsOwed(); ok && !s.exact {
			return until, true
		}
	}
	return trace.Until{}, false
}

// waitsOwed returns the condition that waits for the first of what a connection owes.
func (c *connection) waitsOwed() (trace.Until, bool) {
	if c.unclear {
		return trace.Until{}, false
	}
	for _, name := range c.w.waiting(c) {
		if c.owesCall(c.w.calls[name]).rule != "" {
			return trace.Until{Done: name}, true
		}
	}
	p := c.protocol
	if p == nil || p.plain {
		return trace.Until{}, false
	}
	name := c.w.nameOf(p)
	for _, owed := range []struct {
		due debt
		ev  trace.EventName
	}{
		{c.owesData(), trace.DataReceived}, {c.owesEOF(), trace.EOFReceived}, {c.owesPause(), trace.PauseWriting}, {c.owesResume(), trace.ResumeWriting}, {c.owesLoss(), trace.ConnectionLost},
	} {
		if owed.due.rule != "" {
			return trace.Until{Event: owed.ev, On: name, Count: p.counts[owed.ev] + 1}, true
		}
	}
	return trace.Until{}, false
}

// nameOf returns the name of a protocol.
func (w *wires) nameOf(p *protocol) string {
	for name, q := range w.protocols {
		if p == q {
			return name
		}
	}
	return ""
}

// waitsOwed returns the condition that waits for the first of what a server owes.
func (s *server) waitsOwed() (trace.Until, bool) {
	for _, name := range s.w.pending(func(k *wait) bool { return k.server == s || k.raw != nil && k.raw.server == s }) {
		if s.owes(&trace.Until{Done: name}).rule != "" {
			return trace.Until{Done: name}, true
		}
	}
	if s.owesCallback().rule != "" {
		calls := 0
		for _, h := range s.w.handlers {
			if h.server == s {
				calls++
			}
		}
		return trace.Until{Event: trace.ClientConnected, On: fmt.Sprintf("%s#%d", s.name, calls+1)}, true
	}
	return trace.Until{}, false
}
