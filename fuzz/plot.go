package fuzz

import (
	"fmt"
	"slices"
	"strings"

	gofuzz "github.com/google/gofuzz"

	"github.com/streamspec/streamspec/spec/trace"
)

// A plot is a program while it is written: what it has made so far, and what is known of that.
type plot struct {
	g       *Generator
	theme   theme
	chance  gofuzz.Continue
	program Program

	counts     map[string]int // of names, by what they begin with
	things     []*thing
	calls      []string // that may still be pending
	held       []string // those that wait to be released
	hasty      int      // of a hundred commands so many do not settle
	limit      int      // of readers, about
	separators []string // that data are made of and read for
	high       int      // the high mark, about
	letter     int
	delay      int // by which addresses are tried, milliseconds
}

// A thing is an object that the program has made.
type thing struct {
	name   string
	kind   string        // as in the table: reader, transport, raw end, protocol, writer, server, address
	of     trace.EndKind // of an address
	state  trace.State   // what the driver has there
	mock   bool          // a transport that only records; a reader protocol
	end    *end          // the connection that it belongs to; nil: none
	server *serving      // of a server
	greets bool          // a reader protocol that has a callback
	ends   bool          // a protocol that may end the connection; a reader protocol that has lost it
}

// An end is a raw end and what is on the other side of it.
type end struct {
	kind    trace.EndKind
	opened  bool
	ready   bool // what the implementation has made is there
	shut    bool // the raw end has ended the stream
	gone    bool // and is closed
	written int  // bytes that the implementation was certainly asked to send
	asked   int  // bytes that the raw end was asked to receive
	greedy  bool // a receive may wait for more
	closed  bool // the implementation was asked to close
}

func newPlot(g *Generator, t theme, c gofuzz.Continue) *plot {
	p := &plot{g: g, theme: t, chance: c, counts: map[string]int{}, limit: int(draw[readerLimit](c)), high: int(draw[mark](c))}
	p.hasty = oneOf(c, 0, 0, 0, 15, 40, 80)
	for range oneOf(c, 1, 2, 2, 3) {
		p.separators = append(p.separators, string(draw[separator](c)))
	}
	return p
}

// write writes the program.
func (p *plot) write() Program {
	p.theme.begin(p)
	ops, total := p.ops()
	for range 1 + p.chance.Intn(p.theme.long) {
		for range 8 { // what cannot be done at the moment is drawn again
			if p.step(pick(p.chance, ops, total)) {
				break
			}
		}
	}
	if p.theme.end != nil {
		p.theme.end(p)
	}
	return p.program
}

// A weighted operation.
type weighted struct {
	op     trace.Op
	weight int
}

// ops are the operations of the theme, in the order of the table.
func (p *plot) ops() (ops []weighted, total int) {
	for i := range trace.Commands {
		row := &trace.Commands[i]
		if w := p.theme.weights[row.Op]; w > 0 && (row.Needs == "" || p.g.d.Has(row.Needs)) {
			ops = append(ops, weighted{row.Op, w})
			total += w
		}
	}
	return ops, total
}

func pick(c gofuzz.Continue, ops []weighted, total int) trace.Op {
	n := c.Intn(total)
	for _, o := range ops {
		if n -= o.weight; n < 0 {
			return o.op
		}
	}
	panic("unreachable: the total is that of the weights")
}

// name makes a new name.
func (p *plot) name(prefix string) string {
	p.counts[prefix]++
	return fmt.Sprintf("%s%d", prefix, p.counts[prefix])
}

// next is the name that the next call will have.
func (p *plot) next() string { return fmt.Sprintf("c%d", p.counts["c"]+1) }

// names of objects begin with these.
var prefixes = map[string]string{"reader": "r", "transport": "t", "raw end": "w", "protocol": "p", "writer": "o", "address": "a", "socket": "s"}

// step adds a command of an operation; false: there is nothing at the moment that it can be about.
func (p *plot) step(op trace.Op) bool {
	c, ok := p.command(op)
	if !ok {
		return false
	}
	p.emit(c)
	return true
}

// make is step for what a program begins with.
func (p *plot) make(op trace.Op) {
	hasty := p.hasty
	p.hasty = 0
	p.step(op)
	p.hasty = hasty
}

// command writes a command of an operation, with its object and arguments as its row says.
func (p *plot) command(op trace.Op) (trace.Command, bool) {
	row := trace.Spec(op)
	c := trace.Command{Op: op}
	var on *thing
	if row.On != "" {
		if row.On == "call" {
			from := p.calls
			if op == trace.Release {
				from = p.held
			}
			if len(from) == 0 {
				return c, false
			}
			c.On = from[p.chance.Intn(len(from))]
		} else if on = p.subject(op, row.On); on == nil {
			return c, false
		} else {
			c.On = on.name
		}
	}
	for _, a := range row.Args {
		if !p.argument(&c, on, a) {
			return c, false
		}
	}
	if p.g.d.Lacks(&c) != "" {
		return c, false
	}
	c.NoSettle = row.Style != trace.Make && row.Op != trace.Settle && row.Op != trace.Turn && row.Op != trace.Run && chance(p.chance, p.hasty)
	switch row.Style {
	case trace.Make:
		c.As = p.name(prefixes[row.Makes])
	case trace.Start:
		c.As = p.name("c")
	}
	return c, true
}

// emit adds a command to the program, and notes what it makes and changes.
func (p *plot) emit(c trace.Command) {
	p.program = append(p.program, c)
	row := trace.Spec(c.Op)
	if row.Style == trace.Start && c.Op != trace.ConnectionOpen && c.Op != trace.RawRecv { // what a cancelled receive has taken is lost
		p.calls = append(p.calls, c.As)
	}
	if settles := !c.NoSettle && row.Style != trace.Make && c.Op != trace.Turn; settles {
		for _, t := range p.things {
			if t.end != nil && t.end.opened {
				t.end.ready = true
			}
		}
	}
	switch c.Op {
	case trace.ReaderMake:
		if c.Limit != nil && *c.Limit <= 0 {
			break
		}
		p.add(&thing{name: c.As, kind: "reader"})
	case trace.MockMake:
		p.add(&thing{name: c.As, kind: "transport", mock: true})
	case trace.ReaderProtocolMake:
		p.add(&thing{name: c.As, kind: "protocol", mock: true, greets: c.Callback != ""})
	case trace.ProtocolConnectionMade:
		if p.thing(c.On).greets && !c.NoSettle {
			p.add(&thing{name: c.On + ".writer", kind: "writer", mock: true})
		}
	case trace.WriterMake:
		p.add(&thing{name: c.As, kind: "writer", mock: true})
	case trace.ProtocolMake:
		p.add(&thing{name: c.As, kind: "protocol", ends: endsConnections(c.Program)})
	case trace.AddressMake:
		p.add(&thing{name: c.As, kind: "address", of: c.Kind, state: c.State})
	case trace.AddressPut:
		p.thing(c.On).state = c.State
		if s := p.serverAt(c.On); s != nil {
			s.closed = true // nobody gets to it any more
		}
	case trace.RawConnect:
		p.connected(&c)
	case trace.ServerContext:
		if c.Serve == nil {
			p.held = append(p.held, c.As)
		}
	case trace.Release:
		p.held = slices.DeleteFunc(p.held, func(name string) bool { return name == c.On })
	case trace.RawMake:
		p.add(&thing{name: c.As, kind: "raw end", end: &end{kind: c.Kind}})
	case trace.ConnectionOpen, trace.StreamOpen:
		p.opened(&c)
	}
	if t := p.thing(c.On); t != nil {
		if t.server != nil {
			t.server.note(&c)
		}
		if t.end != nil {
			t.end.note(&c)
		}
		t.ends = t.ends || c.Op == trace.ProtocolConnectionLost
	}
}

func (p *plot) add(t *thing) { p.things = append(p.things, t) }

// thing returns what has a name, nil if nothing has.
func (p *plot) thing(name string) *thing {
	for _, t := range p.things {
		if t.name == name {
			return t
		}
	}
	return nil
}

// one draws one of the things that a condition holds for, nil if there is none.
func (p *plot) one(is func(*thing) bool) *thing {
	var all []*thing
	for _, t := range p.things {
		if is(t) {
			all = append(all, t)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[p.chance.Intn(len(all))]
}

// subject draws what an operation can be about.
func (p *plot) subject(op trace.Op, kinds string) *thing {
	return p.one(func(t *thing) bool {
		return strings.Contains(kinds, t.kind) && t.can(op) && !(op == trace.AddressPut && t.of == trace.TCP && p.theme.needs[0] == trace.CapServer)
	})
}

// can tells whether an operation makes sense of a thing as it is.
func (t *thing) can(op trace.Op) bool {
	switch family, _, _ := strings.Cut(string(op), "."); family {
	case "protocol":
		return t.mock && !t.ends
	case "writer":
		if t.mock {
			return op == trace.WriterDrain || op == trace.WriterTransport || op == trace.WriterWaitClosed
		}
	case "transport":
		if t.mock {
			return false
		}
	case "server":
		return t.server.can(op)
	case "address":
		return op == trace.AddressPut || (op == trace.AddressState) == (t.of == trace.Unix)
	}
	e := t.end
	if e == nil {
		return true
	}
	switch t.kind {
	case "raw end":
		return e.rawCan(op)
	case "transport", "writer", "reader":
		return e.ready && e.can(op)
	}
	return true
}

// rawCan tells what can be done by a raw end.
func (e *end) rawCan(op trace.Op) bool {
	socket := e.kind == trace.TCP || e.kind == trace.Unix
	switch op {
	case trace.RawSend:
		return !e.gone && !e.shut && e.kind != trace.WritePipe
	case trace.RawRecv:
		return !e.gone && !e.greedy && e.kind != trace.ReadPipe
	case trace.RawShutdown:
		return !e.gone && !e.shut && socket
	case trace.RawSockName, trace.RawPeerName:
		return !e.gone && socket
	case trace.RawReset:
		return !e.gone && e.kind == trace.TCP
	case trace.RawFarOpen:
		return e.opened
	}
	return !e.gone
}

// can tells what the implementation's side can do: not everything of a pipe.
func (e *end) can(op trace.Op) bool {
	switch e.kind {
	case trace.ReadPipe:
		switch op {
		case trace.TransportClose, trace.TransportIsClosing, trace.TransportPauseReading, trace.TransportResumeReading, trace.TransportIsReading,
			trace.TransportGetProtocol, trace.TransportSetProtocol, trace.TransportGetExtraInfo:
			return true
		}
		return strings.HasPrefix(string(op), "reader.")
	case trace.WritePipe:
		switch op {
		case trace.TransportPauseReading, trace.TransportResumeReading, trace.TransportIsReading:
			return false
		}
	}
	return true
}

// note keeps account of what a command does to a connection.
func (e *end) note(c *trace.Command) {
	switch c.Op {
	case trace.TransportWrite, trace.WriterWrite:
		if !e.closed {
			e.written += len(c.Data.Bytes)
		}
	case trace.TransportWriteLines, trace.WriterWriteLines:
		for i := range c.Chunks {
			if !e.closed {
				e.written += len(c.Chunks[i].Bytes)
			}
		}
	case trace.TransportClose, trace.TransportAbort, trace.WriterClose, trace.TransportWriteEOF, trace.WriterWriteEOF:
		e.closed = true
	case trace.RawShutdown:
		e.shut, e.closed = true, true
	case trace.RawClose, trace.RawReset:
		e.gone = true
	case trace.RawRecv:
		if c.N != nil {
			e.asked += *c.N
		}
		e.greedy = c.N == nil || e.asked > e.written
	}
}

// argument draws an argument; false: there is nothing to be drawn from.
func (p *plot) argument(c *trace.Command, on *thing, a trace.Arg) bool {
	ch := p.chance
	optional := func(percent int) bool { return a.Required || chance(ch, percent) }
	switch a.Name {
	case "limit":
		switch {
		case c.Op == trace.ReaderMake && chance(ch, 1):
			c.Limit = trace.Int(-ch.Intn(2)) // which is refused
		case p.limit != defaultLimit:
			c.Limit = trace.Int(p.limit)
		}
	case "callback":
		if chance(ch, 25) {
			c.Callback = oneOf(ch, trace.Function, trace.Coroutine)
		}
	case "can_pause":
		if chance(ch, 20) {
			c.CanPause = trace.Bool(false)
		}
	case "transport":
		return p.object(&c.Transport, func(t *thing) bool { return t.kind == "transport" && t.mock })
	case "reader":
		if optional(80) {
			return p.object(&c.Reader, func(t *thing) bool { return t.kind == "reader" && t.end == nil })
		}
	case "protocol":
		wantsMock := c.Op == trace.WriterMake
		return p.object(&c.Protocol, func(t *thing) bool { return t.kind == "protocol" && t.mock == wantsMock })
	case "raw":
		return p.object(&c.Raw, func(t *thing) bool { return t.kind == "raw end" && !t.end.opened })
	case "data":
		d := p.chunk()
		if on != nil && on.end != nil && on.kind != "raw end" {
			d = p.bytesToWrite()
		}
		c.Data = &d
	case "chunks":
		c.Chunks = []trace.Data{}
		for range draw[few](ch) {
			c.Chunks = append(c.Chunks, p.bytesToWrite())
		}
	case "container":
		if chance(ch, 10) {
			c.Container = trace.Generator
		}
	case "exception":
		if c.Op == trace.ResolverAnswer && chance(ch, 75) {
			break
		}
		if c.Op != trace.ConnectionOpen && optional(85) {
			c.Exception = trace.Text("boom")
		}
	case "n":
		p.number(c, on, optional)
	case "separator":
		if chance(ch, 60) {
			d := p.separator()
			c.Separator = &d
		}
	case "separators":
		if c.Separator == nil && p.g.d.Has(trace.CapTupleSeparators) && chance(ch, 75) {
			c.Separators = []trace.Data{}
			for range oneOf(ch, 0, 1, 2, 2, 2, 3, 3) {
				c.Separators = append(c.Separators, p.separator())
			}
		}
	case "address":
		t := p.one(func(t *thing) bool { return t.kind == "address" })
		if t == nil {
			return !a.Required
		}
		c.Address, c.Kind = t.name, t.of
	case "serve":
		if optional(30) {
			c.Serve = trace.Bool(true)
		}
	case "ms":
		if c.Op != trace.ClockAdvance {
			return !a.Required
		}
		c.Ms = max(oneOf(ch, 1, 1, p.delay, p.delay, p.delay-1, p.delay-1, p.delay+1, 10*p.delay), 1)
	case "state":
		c.State = oneOf(ch, trace.Free, trace.Live)
		if on.of == trace.Unix {
			c.State = oneOf(ch, trace.Free, trace.Live, trace.Stale, trace.RegularFile)
		}
	case "addresses":
		for _, t := range p.things {
			if t.kind == "address" && t.of == trace.TCP && chance(ch, 60) {
				c.Addresses = append(c.Addresses, t.name)
			}
		}
	case "kind":
		if c.Op == trace.RawConnect {
			return true // that of the address
		}
		if c.Op == trace.StreamOpen && c.Raw != "" {
			return true
		}
		c.Kind = trace.EndKind(draw[connectionOf](ch))
	case "buffer":
		c.Buffer = smallBuffer[c.Kind]
	case "program":
		c.Program = p.reactions()
	case "high":
		if optional(80) {
			c.High = trace.Int(p.high)
			switch {
			case chance(ch, 30):
				c.High = trace.Int(int(draw[mark](ch)))
			case chance(ch, 3):
				c.High = trace.Int(-1) // which is refused
			}
		}
	case "low":
		if optional(40) {
			low := int(draw[mark](ch))
			if c.High != nil && chance(ch, 90) {
				low = min(low, *c.High)
			}
			c.Low = trace.Int(low)
		}
	case "name":
		switch c.Op {
		case trace.ObjectHas:
			c.Name = oneOf(ch, operations...)
		case trace.AddressAsk:
			c.Name = oneOf(ch, "backlog", "backlog", "reuse_address", "reuse_port")
		case trace.ResolverAnswer:
			c.Name = host
		default:
			c.Name = p.information(on)
		}
	case "default":
		if optional(30) {
			c.Default = trace.Text("else")
		}
	case "eager":
		if p.g.d.Has(trace.CapPythonSurface) && chance(ch, 5) {
			c.Eager = trace.Bool(true)
		}
	default:
		return !a.Required
	}
	return true
}

// object draws the name of an object for an argument.
func (p *plot) object(name *string, is func(*thing) bool) bool {
	t := p.one(is)
	if t != nil {
		*name = t.name
	}
	return t != nil
}

// number draws the argument n of a command, which is of bytes, of items or of turns.
func (p *plot) number(c *trace.Command, on *thing, optional func(int) bool) {
	switch c.Op {
	case trace.Turn:
		c.N = trace.Int(1 + p.chance.Intn(3))
	case trace.RawRecv:
		// As much as has certainly been written, or more, which may have to wait.
		left := on.end.written - on.end.asked
		switch {
		case left > 0 && chance(p.chance, 85):
			c.N = trace.Int(1 + p.chance.Intn(left))
		case chance(p.chance, 50):
			c.N = trace.Int(max(left, 0) + 1 + p.chance.Intn(4))
		}
	case trace.ReaderIterate:
		if optional(40) {
			c.N = trace.Int(1 + p.chance.Intn(3))
		}
	default:
		if optional(80) {
			c.N = trace.Int(p.size())
		}
	}
}

// smallBuffer is the size of a kernel buffer, bytes, that little data fills.
var smallBuffer = map[trace.EndKind]int{trace.TCP: 64 << 10, trace.Unix: 8 << 10, trace.ReadPipe: 4 << 10, trace.WritePipe: 4 << 10}

// makeReader begins with a reader.
func (p *plot) makeReader() { p.make(trace.ReaderMake) }

// connect begins with a connection that is opened by a command.
func (p *plot) connect(by trace.Op) {
	for !p.step(trace.RawMake) { // a kind that the implementation lacks is drawn again
	}
	if by == trace.ConnectionOpen {
		p.make(trace.ProtocolMake)
	}
	if chance(p.chance, 15) {
		p.step(oneOf(p.chance, trace.RawSend, trace.RawShutdown, trace.RawClose))
	}
	p.make(by)
	p.acquaint(by)
}

// opened notes what a command opens.
func (p *plot) opened(c *trace.Command) {
	raw := p.thing(c.Raw)
	if raw == nil {
		return
	}
	raw.end.opened = true
	raw.end.closed = c.Op == trace.ConnectionOpen && p.thing(c.Protocol).ends
	raw.end.ready = !c.NoSettle
	p.add(&thing{name: c.As + ".transport", kind: "transport", end: raw.end})
	if c.Op == trace.StreamOpen {
		p.parts(c.As, raw.end)
	}
}

// parts adds the reader and the writer of a stream.
func (p *plot) parts(call string, e *end) {
	if e.kind != trace.WritePipe {
		p.add(&thing{name: call + ".reader", kind: "reader", end: e})
	}
	if e.kind != trace.ReadPipe {
		p.add(&thing{name: call + ".writer", kind: "writer", end: e})
	}
}

// windUp ends connections in some way, and receives what is left.
func (p *plot) windUp() {
	defer p.misuse()
	for _, t := range slices.Clone(p.things) {
		if t.kind != "transport" || t.mock || chance(p.chance, 30) {
			continue
		}
		if t.can(trace.TransportClose) {
			p.emit(trace.Command{Op: trace.TransportClose, On: t.name})
		}
	}
	for _, t := range slices.Clone(p.things) {
		if t.kind == "raw end" && t.can(trace.RawRecv) && chance(p.chance, 80) {
			p.emit(trace.Command{Op: trace.RawRecv, On: t.name, As: p.name("c")})
		}
	}
}

// reactions draws what a protocol does in its callbacks to the connection that is opened next.
func (p *plot) reactions() []trace.Reaction {
	c := p.chance
	var all []trace.Reaction
	if chance(c, 35) {
		return nil
	}
	conn := &thing{name: p.next() + ".transport", kind: "transport", end: &end{ready: true}}
	for i := len(p.things) - 1; i >= 0; i-- {
		if t := p.things[i]; t.kind == "raw end" && !t.end.opened {
			conn.end.kind = t.end.kind
		} else if t.kind == "transport" && !t.mock {
			conn = t // of a protocol that may take over
		}
	}
	for range 1 + int(draw[few](c)) {
		r := trace.Reaction{In: oneOf(c, trace.Callbacks...)}
		if chance(c, 30) || r.In == trace.PauseWriting || r.In == trace.ResumeWriting { // else what is written there never ends
			r.Nth = 1 + c.Intn(2)
		}
		if slices.ContainsFunc(all, func(o trace.Reaction) bool { return o.In == r.In && (o.Nth == 0 || r.Nth == 0 || o.Nth == r.Nth) }) {
			continue // which of two says how the callback ends is nowhere said
		}
		for range 1 + int(draw[few](c))/2 {
			if a, ok := p.reentry(conn); ok {
				r.Do = append(r.Do, a)
			}
		}
		if r.In == trace.EOFReceived {
			r.Return = draw[answerToEOF](c).value
		}
		if r.Return == nil && chance(c, 12) {
			r.Raise = trace.Text("ouch")
		}
		all = append(all, r)
	}
	return all
}

// endsConnections tells whether a program may end the connection, or its writing.
func endsConnections(program []trace.Reaction) bool {
	return slices.ContainsFunc(program, func(r trace.Reaction) bool {
		return r.Raise != nil || slices.ContainsFunc(r.Do, func(c trace.Command) bool {
			return c.Op == trace.TransportClose || c.Op == trace.TransportAbort || c.Op == trace.TransportWriteEOF
		})
	})
}

// reentries are what protocols do in their callbacks.
var reentries = []weighted{
	{trace.TransportWrite, 8}, {trace.TransportWriteLines, 6}, {trace.TransportClose, 5}, {trace.TransportAbort, 3}, {trace.TransportWriteEOF, 3},
	{trace.TransportPauseReading, 3}, {trace.TransportResumeReading, 3}, {trace.TransportIsClosing, 1}, {trace.TransportGetWriteBufferSize, 2},
	{trace.TransportSetWriteBufferLimits, 2},
}

const reentryWeights = 36

// reentry draws a call of a connection's transport.
func (p *plot) reentry(conn *thing) (trace.Command, bool) {
	op := pick(p.chance, reentries, reentryWeights)
	c := trace.Command{Op: op, On: conn.name}
	if !conn.end.can(op) {
		return c, false
	}
	for _, a := range trace.Spec(op).Args {
		if !p.argument(&c, conn, a) {
			return c, false
		}
	}
	return c, p.g.d.Lacks(&c) == ""
}
