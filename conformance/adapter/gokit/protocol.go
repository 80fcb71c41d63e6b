package gokit

import (
	"bytes"
	"fmt"
	"runtime/debug"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/spec/trace"
)

// A Protocol has the callbacks of a connection. The kit implements the programmable one that an implementation calls, and
// which fails with an error where the program raises an exception: whoever passes it on has the callback fail then, the
// way callbacks fail in that implementation. An implementation provides its stream-reader protocol, which the kit calls.
type Protocol interface {
	ConnectionMade(BaseTransport) error
	DataReceived([]byte) error
	EOFReceived() (keepOpen bool, err error)
	ConnectionLost(error) error
	PauseWriting() error
	ResumeWriting() error
}

// IsPlain reports whether the protocol is to have no callback of its own: the implementation is given whatever it calls
// a protocol that implements nothing.
func IsPlain(p Protocol) bool {
	programmable, ok := p.(*protocol)
	return ok && programmable.plain
}

// A protocol is a programmable one. The fields from program on are guarded by the world's mutex.
type protocol struct {
	w     *world
	name  string
	plain bool

	program []trace.Reaction
	opening *call // that opens a connection with it
	calls   map[trace.EventName]int
	silent  bool // forgotten: nothing that happens to it is told, and it does nothing
	running int  // callbacks that were told
}

func (p *protocol) ConnectionMade(t BaseTransport) error {
	p.w.mu.Lock()
	this := p.opening
	p.w.mu.Unlock()
	if this != nil {
		p.register(this, t)
	}
	_, err := p.react(trace.Event{Ev: trace.ConnectionMade})
	return err
}

// register gives the transport its name. It reports false when that has been forgotten.
func (p *protocol) register(this *call, t BaseTransport) bool {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.opening = nil
	if this.silent {
		return false
	}
	p.w.objects[this.command.As+".transport"] = t
	return true
}

func (p *protocol) DataReceived(data []byte) error {
	v := trace.BytesValue(bytes.Clone(data))
	_, err := p.react(trace.Event{Ev: trace.DataReceived, Value: &v})
	return err
}

func (p *protocol) EOFReceived() (bool, error) {
	v, err := p.react(trace.Event{Ev: trace.EOFReceived})
	return v != nil && v.Bool != nil && *v.Bool, err
}

func (p *protocol) ConnectionLost(cause error) error {
	e := trace.Event{Ev: trace.ConnectionLost}
	if cause != nil {
		e.Raised = p.w.failure(cause)
	}
	_, err := p.react(e)
	return err
}

func (p *protocol) PauseWriting() error {
	_, err := p.react(trace.Event{Ev: trace.PauseWriting})
	return err
}

func (p *protocol) ResumeWriting() error {
	_, err := p.react(trace.Event{Ev: trace.ResumeWriting})
	return err
}

// react tells of a callback, and does what the program says.
func (p *protocol) react(e trace.Event) (result *trace.Value, err error) {
	e.On = p.name
	p.w.mu.Lock()
	quiet := p.silent || p.plain
	if !quiet {
		p.w.note(e)
		p.calls[e.Ev]++
		p.running++
	}
	nth := p.calls[e.Ev]
	p.w.mu.Unlock()
	if quiet {
		return nil, nil
	}
	defer func() {
		p.w.mu.Lock()
		defer p.w.mu.Unlock()
		p.running--
		p.w.changed.Broadcast()
	}()
	for i := range p.program {
		r := &p.program[i]
		if r.In != e.Ev || r.Nth != 0 && r.Nth != nth {
			continue
		}
		for j := range r.Do {
			p.w.act(&r.Do[j], p.name, p.tell)
		}
		result = r.Return
		if r.Raise != nil {
			err = &exception{*r.Raise}
		}
	}
	return result, err
}

// act does a command of a program, and tells of it unless that has been forgotten. What is wrong with the command itself, and
// a panic, belongs into the reply of the command at hand.
func (w *world) act(c *trace.Command, on string, tell func(trace.Event) bool) {
	if !tell(trace.Event{Ev: trace.Doing, On: on, Command: c}) {
		return
	}
	defer func() {
		if cause := recover(); cause != nil {
			w.die(&adapter.Failure{Kind: adapter.Crash, Text: fmt.Sprintf("%s, in a callback: the implementation panicked: %v", c, cause), Stderr: string(debug.Stack())})
		}
	}()
	switch reply := w.call(c); {
	case reply.Unsupported != "":
		w.complain(trace.Reply{Unsupported: fmt.Sprintf("%s, in a callback: %s", c, reply.Unsupported)})
	case reply.Fault != "":
		w.complain(fault("%s, in a callback: %s", c, reply.Fault))
	default:
		tell(trace.Event{Ev: trace.Did, On: on, Returned: reply.Returned, Raised: reply.Raised})
	}
}

// tell notes an event unless the protocol has been forgotten.
func (p *protocol) tell(e trace.Event) bool {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	if !p.silent {
		p.w.note(e)
	}
	return !p.silent
}

// onProtocol carries out a call of a reader protocol.
func (w *world) onProtocol(c *trace.Command, p Protocol) trace.Reply {
	switch c.Op {
	case trace.ProtocolConnectionMade:
		t, ok := w.object(c.Transport).(BaseTransport)
		if !ok {
			return fault("there is no transport %q", c.Transport)
		}
		return w.answer(p.ConnectionMade(t))
	case trace.ProtocolDataReceived:
		return w.passing(c.Data, p.DataReceived)
	case trace.ProtocolEOFReceived:
		keepOpen, err := p.EOFReceived()
		if err != nil {
			return w.answer(err)
		}
		return boolean(keepOpen)
	case trace.ProtocolConnectionLost:
		if c.Exception != nil {
			return w.answer(p.ConnectionLost(&exception{*c.Exception}))
		}
		return w.answer(p.ConnectionLost(nil))
	case trace.ProtocolPauseWriting:
		return w.answer(p.PauseWriting())
	case trace.ProtocolResumeWriting:
		return w.answer(p.ResumeWriting())
	}
	return unknown(c)
}
