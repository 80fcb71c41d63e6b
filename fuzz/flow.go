package fuzz

import (
	"github.com/streamspec/streamspec/spec/trace"
)

// asksOfQueues are what is done to a connection whose queue is full: mostly to ask how long it is, which is what tells.
var asksOfQueues = map[trace.Op]int{
	trace.TransportGetWriteBufferSize: 34, trace.TransportSetWriteBufferLimits: 12, trace.TransportGetWriteBufferLimits: 1, trace.RawRecv: 22, trace.RawSend: 6,
	trace.RawClose: 1, trace.RawReset: 1, trace.TransportPauseReading: 2, trace.TransportResumeReading: 1, trace.RawFarOpen: 2,
}

// kernelTakes is how much of a large write the kernel takes at once where its buffers are as small as those that programs ask for: all
// that a pipe holds, and what Linux has been seen to take of a Unix socket. Where it is another much, less is found.
var kernelTakes = map[trace.EndKind]int{trace.WritePipe: 4096, trace.Unix: 16256}

// fillUp begins with a connection whose peer does not read, and writes more to it than the kernel takes.
func (p *plot) fillUp() {
	c := p.chance
	p.hasty = oneOf(c, 0, 0, 15, 50)
	p.high = oneOf(c, 1, 2, 100, 1000, 4096, 16384, 65536, 65536, 1<<20)
	streams := p.g.d.Has(trace.CapWriter) && (!p.g.d.Has(trace.CapTransport) || chance(c, 50))
	for !p.step(trace.RawMake) || p.things[len(p.things)-1].end.kind == trace.ReadPipe { // what cannot be written to is drawn again
	}
	e := p.things[len(p.things)-1].end
	p.program[len(p.program)-1].Buffer = smallBuffer[e.kind]
	by := trace.StreamOpen
	if !streams {
		by = trace.ConnectionOpen
		p.emit(trace.Command{Op: trace.ProtocolMake, As: p.name("p"), Program: p.flowReactions()})
	}
	p.make(by)
	p.queue(e)
}

// flowReactions draws what a protocol does when it is told of flow control: mostly nothing that disturbs.
func (p *plot) flowReactions() []trace.Reaction {
	c := p.chance
	on := p.next() + ".transport"
	var all []trace.Reaction
	for _, in := range []trace.EventName{trace.PauseWriting, trace.ResumeWriting} {
		r := trace.Reaction{In: in}
		switch c.Intn(6) {
		case 0, 1:
			r.Do = []trace.Command{{Op: trace.TransportGetWriteBufferSize, On: on}}
		case 2:
			d := p.bytesToWrite()
			r.Nth = 1 + c.Intn(2) // else what is written there never ends
			r.Do = []trace.Command{{Op: trace.TransportWrite, On: on, Data: &d}}
		case 3:
			r.Raise = trace.Text("ouch")
		default:
			continue
		}
		all = append(all, r)
	}
	return all
}

// queue has more queued than the kernel takes, with the marks beside what is probably left.
func (p *plot) queue(e *end) {
	c := p.chance
	marks := func(high, low *int) {
		p.emit(trace.Command{Op: trace.TransportSetWriteBufferLimits, On: p.last("transport"), High: high, Low: low})
	}
	if chance(c, 20) { // at first the kernel takes what there is
		p.bulk(1 + c.Intn(8))
		p.ask()
	}
	n := kernelTakes[e.kind] + near(c, p.high) + c.Intn(2)
	if e.kind == trace.TCP || chance(c, 30) {
		n = oneOf(c, 1<<20, 3<<19, 1<<21, 1<<21, 5<<20) + p.high + c.Intn(3)
	}
	first := chance(c, 50) // the queue is filled before the marks are set
	if first {
		marks(trace.Int(1<<30), nil)
		p.bulk(n)
		p.ask()
	}
	switch c.Intn(16) {
	case 0:
		marks(nil, nil)
	case 1:
		marks(trace.Int(0), oneOf(c, nil, nil, trace.Int(1))) // of which the last is refused
	default:
		marks(trace.Int(p.high), trace.Int(oneOf(c, 0, 0, 1, p.high/4, p.high/2, p.high-1, p.high)))
	}
	if !first {
		p.bulk(n)
	}
	p.ask()
	for range draw[few](c) / 2 { // over the mark, byte by byte
		p.bulk(1)
		p.ask()
	}
	if chance(c, 20) { // marks that would not have had writing paused
		high := n + c.Intn(1<<20)
		marks(trace.Int(high), trace.Int(high-c.Intn(2)))
		p.ask()
	}
}

// ask asks how long the queue is, with nothing in between if the last command did not settle.
func (p *plot) ask() {
	last := &p.program[len(p.program)-1]
	p.emit(trace.Command{Op: trace.TransportGetWriteBufferSize, On: p.last("transport"), NoSettle: last.NoSettle})
}

// bulk writes much, in one of the ways that there are.
func (p *plot) bulk(n int) {
	c := p.chance
	on, write, lines := p.last("transport"), trace.TransportWrite, trace.TransportWriteLines
	if w := p.last("writer"); w != "" && chance(c, 70) {
		on, write, lines = w, trace.WriterWrite, trace.WriterWriteLines
	}
	hasty := chance(c, p.hasty)
	if first := c.Intn(n); first > 0 && chance(c, 30) {
		p.emit(trace.Command{Op: lines, On: on, Chunks: []trace.Data{*trace.D(p.fill(first)), *trace.D(p.fill(n - first))}, NoSettle: hasty})
		return
	}
	p.emit(trace.Command{Op: write, On: on, Data: trace.D(p.fill(n)), NoSettle: hasty})
}

// last returns the name of what of a kind was made last, empty: nothing.
func (p *plot) last(kind string) string {
	for i := len(p.things) - 1; i >= 0; i-- {
		if p.things[i].kind == kind {
			return p.things[i].name
		}
	}
	return ""
}

// runDry receives what is left, or all but about a low mark, and looks how the connection is then; or ends it as other programs do, or
// leaves it as it is.
func (p *plot) runDry() {
	c := p.chance
	keep := 0
	switch c.Intn(6) {
	case 0:
		p.windUp()
		return
	case 1, 2:
		return
	case 3, 4:
		keep = 1 + c.Intn(p.high/2+1)
		p.step(trace.WriterDrain)
	}
	t := p.thing(p.last("transport"))
	w := p.thing(p.last("raw end"))
	if n := w.end.written - w.end.asked - keep; n > 0 && w.can(trace.RawRecv) {
		p.emit(trace.Command{Op: trace.RawRecv, On: w.name, As: p.name("c"), N: trace.Int(n)})
	}
	if t.can(trace.TransportGetWriteBufferSize) {
		p.emit(trace.Command{Op: trace.TransportGetWriteBufferSize, On: t.name})
	}
}
