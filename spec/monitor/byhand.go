package monitor

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/streamspec/streamspec/spec/trace"
)

// handmade are the reader protocols and the writers that are made by hand, over mock transports: nothing but commands tells them to
// pause and to resume, so that it is certain when a drain has to wait. What reaches their readers is judged by these.
type handmade struct {
	m          *Monitor
	protocols  map[string]*feeder
	writers    map[string]*penman
	drains     map[string]*handDrain
	exceptions map[string]string // that are stored in readers
}

// A feeder is a reader protocol that was made by hand.
type feeder struct {
	name     string
	callback bool // it has a client-connected callback
	reader   string
	made     bool
	lost     bool
	paused   bool
	unclear  bool // what it does cannot be followed any more
	calls    int  // of the callback
	due      int  // of them
}

// A penman is a writer that was made by hand.
type penman struct {
	protocol          *feeder
	transport, reader string // an empty reader: none
}

// A handDrain is a drain of such a writer that has not come back.
type handDrain struct {
	writer     *penman
	command    *trace.Command
	held       bool // it may wait to be released
	blocked    bool // it certainly does
	must       bool // and was
	companions bool // others wait besides
	cancelled  bool
	loose      bool     // it may do anything
	may        []outlet // how it may come back, the likeliest last
}

// An outlet is a way to come back, and the rule that says so.
type outlet struct {
	rule string
	kind trace.Kind // of the error; empty: it returns
	text string     // of a scripted one
}

func (o outlet) String() string {
	switch o.kind {
	case "":
		return "returned none"
	case trace.Scripted:
		return fmt.Sprintf("raised the exception %q", o.text)
	}
	return "raised " + string(o.kind)
}

// Rules that several places break.
const (
	followsProtocol = "writer.drain.follows-protocol"
	storedException = "writer.drain.raises-stored-exception"
	lossReleases    = "writer.drain.loss-releases"
	clientCallback  = "reader_protocol.calls-client-callback"
	severalTasks    = "writer.drain.several-tasks"
)

func newHandmade(m *Monitor) *handmade {
	return &handmade{m: m, protocols: map[string]*feeder{}, writers: map[string]*penman{}, drains: map[string]*handDrain{}, exceptions: map[string]string{}}
}

// begin applies a command, before the events in its reply.
func (h *handmade) begin(c *trace.Command, reply *trace.Reply) {
	switch c.Op {
	case trace.ReaderProtocolMake:
		if reply.Returned != nil {
			h.protocols[c.As] = &feeder{name: c.As, callback: c.Callback != "", reader: c.Reader}
		}
	case trace.WriterMake:
		if p := h.protocols[c.Protocol]; p != nil && reply.Returned != nil {
			h.writers[c.As] = &penman{p, c.Transport, c.Reader}
		}
	case trace.ReaderSetException:
		h.stores(c.On, c.Exception)
	case trace.WriterDrain:
		if o := h.writers[c.On]; o != nil {
			h.starts(o, c)
		}
	case trace.WriterClose, trace.WriterWriteEOF, trace.TransportClose, trace.TransportAbort:
		for name, o := range h.writers {
			o.protocol.unclear = o.protocol.unclear || name == c.On || o.transport == c.On
		}
	case trace.Cancel:
		if d := h.drains[c.On]; d != nil {
			d.cancelled = true
		}
	default:
		if p := h.protocols[c.On]; p != nil {
			h.calls(p, c, reply)
		}
	}
}

// calls follows a callback of a protocol.
func (h *handmade) calls(p *feeder, c *trace.Command, reply *trace.Reply) {
	asExpected := reply.Returned != nil
	switch live := p.made && !p.lost && !p.unclear; c.Op {
	case trace.ProtocolConnectionMade:
		p.unclear = p.unclear || p.made || !asExpected
		p.made = true
		if p.callback {
			p.due++
		}
		for _, o := range h.writers {
			p.unclear = p.unclear || o.protocol == p && o.transport != c.Transport
		}
		h.writers[p.name+".writer"] = &penman{p, c.Transport, p.reader} // of the callback, if there is one
	case trace.ProtocolPauseWriting, trace.ProtocolResumeWriting:
		pauses := c.Op == trace.ProtocolPauseWriting
		if refused := p.paused == pauses; live && refused {
			h.holds("reader_protocol.flow-control-alternates", reply.Raised != nil, "raised an error, since the protocol was told so before")
			return
		}
		if live {
			h.holds("reader_protocol.flow-control-alternates", asExpected, "returned none")
		}
		p.unclear = p.unclear || !asExpected
		if p.paused = pauses; pauses {
			h.each(p, func(d *handDrain) { d.must, d.held = false, true })
		} else {
			h.releases(p, func(d *handDrain) outlet {
				if d.companions {
					return outlet{rule: severalTasks}
				}
				return outlet{rule: followsProtocol}
			})
		}
	case trace.ProtocolEOFReceived:
		if live && asExpected {
			h.holds("reader_protocol.eof-keeps-half-open", isBool(reply.Returned, true), "returned true, since the transport has no TLS")
		}
	case trace.ProtocolConnectionLost:
		p.unclear = p.unclear || p.lost || !asExpected
		if p.lost = true; c.Exception != nil {
			h.stores(p.reader, c.Exception)
			h.releases(p, func(*handDrain) outlet { return outlet{lossReleases, trace.Scripted, *c.Exception} })
			return
		}
		h.releases(p, func(*handDrain) outlet { return outlet{rule: lossReleases, kind: trace.ConnectionReset} })
		h.releases(p, func(*handDrain) outlet { return outlet{rule: lossReleases} })
	}
}

// stores follows an exception that is stored in a reader; nil: none is any more.
func (h *handmade) stores(reader string, exception *string) {
	delete(h.exceptions, reader)
	if exception != nil {
		h.exceptions[reader] = *exception
	}
	for _, d := range h.drains {
		if cmp.Or(d.writer.reader, d.writer.protocol.reader) == reader && exception != nil {
			d.may = append(d.may, outlet{storedException, trace.Scripted, *exception})
		}
		h.look(d)
	}
}

// starts follows a drain.
func (h *handmade) starts(o *penman, c *trace.Command) {
	if c.Eager != nil && *c.Eager { // it is given up if it has to wait
		o.protocol.unclear = o.protocol.unclear || !h.m.options.InForce(severalTasks)
		return
	}
	d := &handDrain{writer: o, command: c, loose: !o.protocol.made}
	h.each(o.protocol, func(other *handDrain) {
		d.companions, other.companions = true, true
		if !h.m.options.InForce(severalTasks) {
			d.loose, other.loose = true, true
		}
	})
	h.drains[c.As] = d
	h.look(d)
}

// each calls f for the drains of a protocol that wait, in a certain order.
func (h *handmade) each(p *feeder, f func(*handDrain)) {
	var names []string
	for name, d := range h.drains {
		if d.writer.protocol == p {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		f(h.drains[name])
	}
}

// releases lets the drains of a protocol come back.
func (h *handmade) releases(p *feeder, how func(*handDrain) outlet) {
	h.each(p, func(d *handDrain) {
		d.may = append(d.may, how(d))
		d.must, d.held = d.blocked, false
		h.look(d)
	})
}

// look lets a drain come back as one would that begins now; false: that would wait.
func (h *handmade) look(d *handDrain) bool {
	o := d.writer
	exception, stored := h.exceptions[cmp.Or(o.reader, o.protocol.reader)]
	if stored && o.reader == "" { // the protocol has one, which may count or not
		d.may = append(d.may, outlet{storedException, trace.Scripted, exception})
	}
	switch {
	case d.blocked:
	case stored && o.reader != "":
		d.may = append(d.may, outlet{storedException, trace.Scripted, exception})
	case o.protocol.lost:
		d.may = append(d.may, outlet{rule: "writer.drain.closed-raises", kind: trace.ConnectionReset})
	case o.protocol.paused:
		d.held = true
		return false
	case o.reader == "":
		d.may = append(d.may, outlet{rule: "writer.drain.without-reader"})
	default:
		d.may = append(d.may, outlet{rule: "writer.drain.returns-at-once"})
	}
	return true
}

// event follows an event; false: it is none of theirs.
func (h *handmade) event(e *trace.Event) bool {
	switch e.Ev {
	case trace.ClientConnected:
		p := h.protocols[e.On]
		if p == nil {
			return false
		}
		if p.calls++; !p.unclear {
			h.holds(clientCallback, p.calls <= p.due, fmt.Sprintf("%d calls of the callback", p.due))
		}
	case trace.Finished:
		d := h.drains[e.On]
		if d == nil {
			return false
		}
		delete(h.drains, e.On)
		h.back(d, e.Returned, e.Raised)
	default:
		return false
	}
	return true
}

// back judges how a drain came back.
func (h *handmade) back(d *handDrain, returned *trace.Value, raised *trace.Error) {
	if d.cancelled && raised != nil && raised.Kind == trace.Cancelled {
		h.m.exercise("writer.drain.cancel-is-harmless")
		return
	}
	if d.loose || d.writer.protocol.unclear {
		return
	}
	for _, o := range slices.Backward(d.may) {
		if o.kind == "" && returned != nil || raised != nil && o.kind == raised.Kind && (o.text == "" || o.text == raised.Message) {
			h.m.exercise(o.rule)
			return
		}
	}
	o := outlet{rule: followsProtocol}
	permitted := "pending, since the protocol was told to pause"
	if n := len(d.may); n > 0 {
		o = d.may[n-1]
		permitted = o.String()
	}
	h.holds(o.rule, false, permitted)
}

// end judges the reply to a command, after the events in it, and what there should have been by now.
func (h *handmade) end(c *trace.Command, reply *trace.Reply, rested bool) {
	if d := h.drains[c.As]; d != nil && d.command == c && reply.Pending == "" {
		delete(h.drains, c.As)
		h.back(d, reply.Returned, reply.Raised)
	}
	if o := h.writers[c.On]; o != nil && c.Op == trace.WriterTransport {
		h.holds("writer.info.transport", reply.Returned != nil && reply.Returned.Object == o.transport, "returned the object "+o.transport)
	}
	if !rested {
		return
	}
	for _, name := range h.names() {
		p := h.protocols[name]
		if p.made && !p.unclear {
			h.holds(clientCallback, p.calls >= p.due, "a call of the callback by now")
			p.calls = p.due
		}
		h.each(p, h.rest)
	}
}

// names of the protocols, in a certain order.
func (h *handmade) names() []string {
	var names []string
	for name := range h.protocols {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// rest judges a drain that is pending when the implementation has come to rest.
func (h *handmade) rest(d *handDrain) {
	if d.loose || d.cancelled || d.writer.protocol.unclear {
		return
	}
	goesOn := !d.blocked && h.look(d)
	if d.held && goesOn {
		return // that depends on when it has begun
	}
	if d.must || goesOn {
		o := d.may[len(d.may)-1]
		h.holds(o.rule, false, "it comes back: "+o.String())
		d.loose = true
		return
	}
	h.m.exercise(followsProtocol)
	d.blocked, d.may = true, nil
}

// holds judges something after which all is judged further.
func (h *handmade) holds(rule string, is bool, permitted string) {
	h.m.exercise(rule)
	if !is {
		h.m.broken(rule, describe(h.m.command, h.m.reply)+"; permitted: "+permitted)
	}
}

// forget drops an object.
func (h *handmade) forget(name string) {
	for _, o := range h.writers {
		o.protocol.unclear = o.protocol.unclear || o.transport == name || o.protocol.name == name
	}
	delete(h.writers, name)
	delete(h.writers, name+".writer")
	delete(h.protocols, name)
	delete(h.drains, name)
	delete(h.exceptions, name)
}
