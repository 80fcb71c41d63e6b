package drive

import (
	"github.com/streamspec/streamspec/spec/trace"
)

// A happening is an event as it is asked for: which, and to whom.
type happening struct {
	ev trace.EventName
	on string
}

// A Protocol is the handle of a programmable protocol of the testee.
type Protocol struct {
	t    *Testee
	name string
}

// NewProtocol makes a programmable protocol. What its program does, it does to the given transport.
func (t *Testee) NewProtocol(tr *Transport, program ...Reaction) *Protocol {
	c := trace.Command{Op: trace.ProtocolMake, As: t.name("p")}
	for _, r := range program {
		for i := range r.Do {
			if r.Do[i].On == "" {
				r.Do[i].On = tr.name()
			}
		}
		c.Program = append(c.Program, trace.Reaction(r))
	}
	t.do(c)
	return &Protocol{t, c.As}
}

// NewPlainProtocol makes a protocol that implements no callback. Nothing is told of it.
func (t *Testee) NewPlainProtocol() *Protocol {
	p := &Protocol{t, t.name("p")}
	t.do(trace.Command{Op: trace.ProtocolMake, As: p.name, Plain: trace.Bool(true)})
	return p
}

// A Reaction is what a protocol does in a callback.
type Reaction trace.Reaction

// In is the beginning of a reaction to a callback, every time that it is called.
func In(callback trace.EventName) Reaction { return Reaction{In: callback} }

// Number restricts the reaction to the nth time that the callback is called, counted from 1.
func (r Reaction) Number(n int) Reaction { r.Nth = n; return r }

// Doing adds what is done.
func (r Reaction) Doing(actions ...Action) Reaction {
	r.Do = nil
	for _, a := range actions {
		r.Do = append(r.Do, trace.Command(a))
	}
	return r
}

// Returning says what the callback returns.
func (r Reaction) Returning(v trace.Value) Reaction { r.Return = &v; return r }

// ReturningTrue has the callback return true.
func (r Reaction) ReturningTrue() Reaction { return r.Returning(trace.BoolValue(true)) }

// Raising has the callback raise an exception with the given text.
func (r Reaction) Raising(text string) Reaction { r.Raise = &text; return r }

// An Action is a call of a transport, by default of the one whose protocol does it.
type Action trace.Command

// To makes it a call of another transport.
func (a Action) To(tr *Transport) Action { a.On = tr.name(); return a }

// The calls that need nothing said beyond their name.
var (
	Close           = Action{Op: trace.TransportClose}
	Abort           = Action{Op: trace.TransportAbort}
	IsClosing       = Action{Op: trace.TransportIsClosing}
	PauseReading    = Action{Op: trace.TransportPauseReading}
	ResumeReading   = Action{Op: trace.TransportResumeReading}
	IsReading       = Action{Op: trace.TransportIsReading}
	WriteBufferSize = Action{Op: trace.TransportGetWriteBufferSize}
	WriteEOF        = Action{Op: trace.TransportWriteEOF}
)

// Write writes data.
func Write(data string) Action { return writeAs(data, "") }

func writeAs(data string, form trace.Form) Action {
	return Action{Op: trace.TransportWrite, Data: &trace.Data{Bytes: trace.Bytes(data), Form: form}}
}

// WriteLines writes several chunks.
func WriteLines(chunks ...string) Action {
	return Action{Op: trace.TransportWriteLines, Chunks: Chunks(chunks...)}
}

// SetProtocol changes the protocol.
func SetProtocol(p *Protocol) Action {
	return Action{Op: trace.TransportSetProtocol, Protocol: p.name}
}

// events returns what was told of the protocol, of these callbacks, in order.
func (p *Protocol) events(callbacks ...trace.EventName) []*trace.Event {
	var out []*trace.Event
	for _, e := range p.t.c.told[happening{on: p.name}] {
		for _, ev := range callbacks {
			if e.Ev == ev {
				out = append(out, e)
			}
		}
	}
	return out
}

// Count is how often a callback was called so far.
func (p *Protocol) Count(callback trace.EventName) int { return len(p.events(callback)) }

// Await waits until a callback was called n times, and tells whether it was.
func (p *Protocol) Await(callback trace.EventName, n int) bool {
	if p.Count(callback) < n {
		p.t.await(trace.Until{Event: callback, On: p.name, Count: n})
	}
	return p.Count(callback) >= n
}

// Received is what data_received got so far.
func (p *Protocol) Received() string {
	var out []byte
	for _, e := range p.events(trace.DataReceived) {
		out = append(out, *e.Value.Bytes...)
	}
	return string(out)
}

// Did returns what came of the commands that the protocol carried out in its callbacks, in order: did events.
func (p *Protocol) Did() []*trace.Event { return p.events(trace.Did) }

// Order returns which of these events there were, in order.
func (p *Protocol) Order(of ...trace.EventName) []trace.EventName {
	var out []trace.EventName
	for _, e := range p.events(of...) {
		out = append(out, e.Ev)
	}
	return out
}

// Chunks returns what each call of data_received got so far.
func (p *Protocol) Chunks() []string {
	var out []string
	for _, e := range p.events(trace.DataReceived) {
		out = append(out, string(*e.Value.Bytes))
	}
	return out
}

// Answers returns what commands in callbacks have returned, in order, as text.
func (p *Protocol) Answers() []string {
	var out []string
	for _, e := range p.Did() {
		if e.Returned != nil {
			out = append(out, e.Returned.String())
		}
	}
	return out
}

// Numbers returns the numbers that commands in callbacks have returned, in order: sizes of the write queue.
func (p *Protocol) Numbers() []int {
	var out []int
	for _, e := range p.Did() {
		if e.Returned != nil && e.Returned.Int != nil {
			out = append(out, *e.Returned.Int)
		}
	}
	return out
}

// Reported tells whether an exception that a callback has raised, of the given text, was reported.
func (t *Testee) Reported(text string) bool {
	h := happening{trace.Unhandled, text}
	if len(t.c.told[h]) == 0 {
		t.await(trace.Until{Event: trace.Unhandled})
	}
	return len(t.c.told[h]) > 0
}

// lifecycle returns the callbacks about the life of the connection, several data_received in a row as one.
func (p *Protocol) lifecycle() []trace.EventName {
	var out []trace.EventName
	for _, e := range p.events(trace.ConnectionMade, trace.DataReceived, trace.EOFReceived, trace.ConnectionLost) {
		if n := len(out); e.Ev == trace.DataReceived && n > 0 && out[n-1] == trace.DataReceived {
			continue
		}
		out = append(out, e.Ev)
	}
	return out
}

// flow returns the callbacks of flow control.
func (p *Protocol) flow() []trace.EventName {
	var out []trace.EventName
	for _, e := range p.events(trace.PauseWriting, trace.ResumeWriting) {
		out = append(out, e.Ev)
	}
	return out
}

// Heard returns the texts of the events of this name that are about no object: of warnings, of what was logged.
func (t *Testee) Heard(ev trace.EventName) []string {
	var texts []string
	for _, s := range t.c.steps {
		if s.Reply == nil {
			continue
		}
		for _, e := range s.Reply.Events {
			if e.Ev == ev {
				texts = append(texts, e.Text)
			}
		}
	}
	return texts
}
