package fuzz

import "github.com/streamspec/streamspec/spec/trace"

// asksOfNames are questions to the system for what transports and writers should say.
var asksOfNames = map[trace.Op]int{trace.RawSockName: 2, trace.RawPeerName: 2}

// information draws the name of information that a connection may have.
func (p *plot) information(on *thing) string {
	switch {
	case chance(p.chance, 25):
		return "nothing"
	case on.end != nil && (on.end.kind == trace.ReadPipe || on.end.kind == trace.WritePipe):
		return oneOf(p.chance, "pipe", "pipe", "socket")
	}
	return oneOf(p.chance, "peername", "peername", "sockname", "sockname", "socket", "pipe")
}

// operations are what transports may be able to do.
var operations = []string{
	"close", "is_closing", "get_extra_info", "set_protocol", "get_protocol", "pause_reading", "resume_reading", "is_reading",
	"write", "writelines", "write_eof", "can_write_eof", "abort", "get_write_buffer_size", "get_write_buffer_limits", "set_write_buffer_limits",
}

// fruitless opens what cannot be opened: a regular file, or a raw end without a protocol.
func (p *plot) fruitless() {
	raw := trace.Command{Op: trace.RawMake, As: p.name("w"), Kind: oneOf(p.chance, trace.ReadFile, trace.WriteFile)}
	open := trace.Command{Op: trace.ConnectionOpen, Raw: raw.As}
	if chance(p.chance, 60) {
		raw.Kind = trace.EndKind(draw[connectionOf](p.chance))
		open.Exception = trace.Text("no protocol")
	}
	if p.g.d.Lacks(&raw) != "" {
		return
	}
	protocol := trace.Command{Op: trace.ProtocolMake, As: p.name("p")}
	open.As, open.Protocol = p.name("c"), protocol.As
	p.program = append(p.program, raw, protocol, open)
}

// misuse asks a pipe for what it cannot do, as the last that is done to it.
func (p *plot) misuse() {
	for _, t := range p.things {
		if t.kind != "transport" || t.end == nil || !chance(p.chance, 8) {
			continue
		}
		c := trace.Command{On: t.name}
		switch t.end.kind {
		case trace.ReadPipe:
			c.Op = oneOf(p.chance, trace.TransportCanWriteEOF, trace.TransportGetWriteBufferSize, trace.TransportAbort)
		case trace.WritePipe:
			c.Op = oneOf(p.chance, trace.TransportIsReading, trace.TransportPauseReading, trace.TransportResumeReading)
		default:
			continue
		}
		p.emit(c)
	}
}

// acquaint asks a connection that was just opened for much at once: what it can do, what its names are, which the system knows as
// well, or what protocol it has while that is changed to and fro.
func (p *plot) acquaint(by trace.Op) {
	c := p.chance
	on := p.one(func(t *thing) bool { return t.kind == "transport" && !t.mock && t.end.ready })
	if on == nil || !chance(c, 12) {
		return
	}
	do := func(c trace.Command) {
		if p.g.d.Lacks(&c) == "" {
			p.emit(c)
		}
	}
	raw := p.one(func(t *thing) bool { return t.kind == "raw end" && t.end == on.end })
	switch kind := on.end.kind; {
	case (kind == trace.TCP || kind == trace.Unix) && chance(c, 70):
		ask := trace.Command{Op: trace.TransportGetExtraInfo, On: on.name}
		if by == trace.StreamOpen {
			ask = trace.Command{Op: trace.WriterGetExtraInfo, On: maker(on.name) + ".writer"}
		}
		for _, name := range []string{"sockname", "peername"} {
			ask.Name = name
			do(ask)
		}
		do(trace.Command{Op: trace.RawSockName, On: raw.name})
		do(trace.Command{Op: trace.RawPeerName, On: raw.name})
	case by == trace.ConnectionOpen && chance(c, 60):
		first := p.program[len(p.program)-1].Protocol
		next := p.name("p")
		do(trace.Command{Op: trace.ProtocolMake, As: next})
		p.add(&thing{name: next, kind: "protocol"})
		for _, name := range []string{next, first}[:1+c.Intn(2)] {
			do(trace.Command{Op: trace.TransportSetProtocol, On: on.name, Protocol: name})
			do(trace.Command{Op: trace.TransportGetProtocol, On: on.name})
		}
	default:
		for _, name := range operations {
			do(trace.Command{Op: trace.ObjectHas, On: on.name, Name: name})
		}
	}
}

// suspense ends with drains that wait for a protocol, which is told to resume or of a loss.
func (p *plot) suspense() {
	c := p.chance
	on := p.one(func(t *thing) bool { return t.kind == "writer" })
	protocol := p.one(func(t *thing) bool { return t.kind == "protocol" && !t.ends })
	if on == nil || protocol == nil || chance(c, 50) {
		return
	}
	p.emit(trace.Command{Op: trace.ProtocolPauseWriting, On: protocol.name})
	var drains []string
	for range 1 + c.Intn(3) {
		drains = append(drains, p.name("c"))
		p.emit(trace.Command{Op: trace.WriterDrain, On: on.name, As: drains[len(drains)-1], NoSettle: chance(c, 15)})
	}
	if chance(c, 40) {
		p.emit(trace.Command{Op: trace.Cancel, On: drains[c.Intn(len(drains))], NoSettle: chance(c, 30)})
	}
	end := trace.Command{Op: trace.ProtocolResumeWriting, On: protocol.name}
	if chance(c, 50) {
		if end.Op = trace.ProtocolConnectionLost; chance(c, 70) {
			end.Exception = trace.Text("gone")
		}
	}
	p.emit(end)
}

// spoil begins with a connection that has to end by itself: a callback of its protocol fails, the protocol has none at the end of the
// stream, or a write meets a reset that nobody has read of. Little is done to it then.
func (p *plot) spoil() bool {
	c := p.chance
	raw := trace.Command{Op: trace.RawMake, As: p.name("w"), Kind: oneOf(c, trace.Unix, trace.TCP)}
	protocol := trace.Command{Op: trace.ProtocolMake, As: p.name("p")}
	open := trace.Command{Op: trace.ConnectionOpen, As: p.name("c"), Raw: raw.As, Protocol: protocol.As}
	sends := trace.Command{Op: trace.RawSend, On: raw.As, Data: trace.D("abc")}
	ends := trace.Command{Op: trace.RawShutdown, On: raw.As}
	writes := trace.Command{Op: trace.TransportWrite, On: open.As + ".transport", Data: trace.D("xyz")}
	var then []trace.Command
	switch c.Intn(4) {
	case 0:
		protocol.Program = []trace.Reaction{{In: trace.DataReceived, Nth: 1, Raise: trace.Text("ouch")}}
		then = []trace.Command{sends}
	case 1:
		protocol.Program = []trace.Reaction{{In: trace.EOFReceived, Raise: trace.Text("ouch")}}
		then = []trace.Command{ends}
	case 2:
		protocol.Plain = trace.Bool(true)
		then = []trace.Command{sends, writes, ends, {Op: trace.RawRecv, As: p.name("c"), On: raw.As}}
	case 3:
		raw.Kind = trace.TCP
		then = []trace.Command{{Op: trace.TransportPauseReading, On: writes.On}, {Op: trace.RawReset, On: raw.As}, writes, writes}
	}
	if p.g.d.Lacks(&raw) != "" {
		return false
	}
	p.emit(raw)
	p.emit(protocol)
	p.emit(open)
	p.await(raw.Kind, trace.Until{Done: open.As})
	for _, c := range then {
		p.emit(c)
	}
	if then[len(then)-1].Op == trace.TransportWrite {
		p.await(raw.Kind, trace.Until{Event: trace.ConnectionLost, On: protocol.As})
	}
	p.theme.long = 2
	return true
}
