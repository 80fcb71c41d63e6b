package fuzz

import (
	"fmt"
	"slices"

	"github.com/streamspec/streamspec/spec/trace"
)

// serving is what is known of a server.
type serving struct {
	call      string
	kind      trace.EndKind
	address   string
	coroutine bool
	holds     map[int]bool // the calls of its callback, by number, that wait to be released
	serves    bool         // it certainly accepts
	closed    bool
	clients   int
}

// can tells whether a call makes sense of the server as it is.
func (s *serving) can(op trace.Op) bool {
	return op != trace.ServerStartServing && op != trace.ServerServeForever && op != trace.ServerContext || !s.closed
}

// note keeps account of what a command does to the server.
func (s *serving) note(c *trace.Command) {
	switch c.Op {
	case trace.ServerClose, trace.ServerContext, trace.ServerServeForever: // of which the last two close it when they are cancelled
		s.closed, s.serves = true, false
	case trace.ServerStartServing:
		s.serves = s.serves || !s.closed && !c.NoSettle
	}
}

// kindOfPlace draws a kind of address that the implementation has.
func (p *plot) kindOfPlace() trace.EndKind {
	for {
		kind := oneOf(p.chance, trace.Unix, trace.Unix, trace.TCP)
		if needed, _ := kind.Needs(); p.g.d.Has(needed) {
			return kind
		}
	}
}

// isExact tells whether settling is exact for connections of a kind, so that what has to be there is there after a command.
func (p *plot) isExact(kind trace.EndKind) bool {
	needed, _ := kind.Needs()
	return p.g.d.Settling == trace.Exact && !slices.Contains(p.g.d.BestEffort, needed)
}

// patience is how long a program waits for what a conforming implementation does at once, milliseconds.
const patience = 5000

// await has the program wait for what is certain to come.
func (p *plot) await(kind trace.EndKind, until trace.Until) {
	if !p.isExact(kind) {
		p.emit(trace.Command{Op: trace.Run, Until: &until, Ms: patience})
	}
}

// place makes an address.
func (p *plot) place(kind trace.EndKind, state trace.State) string {
	name := p.name("a")
	p.emit(trace.Command{Op: trace.AddressMake, As: name, Kind: kind, State: state})
	p.add(&thing{name: name, kind: "address", of: kind})
	return name
}

// serve begins with a server.
func (p *plot) serve() {
	c := p.chance
	kind := p.kindOfPlace()
	s := &serving{kind: kind, address: p.place(kind, ""), call: p.next(), serves: true, coroutine: chance(c, 60)}
	serve := trace.Command{Op: trace.StreamServe, As: p.name("c"), Kind: kind, Callback: trace.Function, Addresses: []string{s.address}}
	if s.coroutine {
		serve.Callback = trace.Coroutine
	}
	if chance(c, 60) && p.limit != defaultLimit {
		serve.Limit = trace.Int(p.limit)
	}
	if chance(c, 15) {
		serve.StartServing = trace.Bool(false)
		s.serves = false
	}
	if chance(c, 30) {
		serve.Backlog = trace.Int(oneOf(c, 5, 7, 101))
	}
	if kind == trace.TCP && chance(c, 25) {
		serve.ReuseAddress = trace.Bool(chance(c, 50))
	}
	if kind == trace.TCP && chance(c, 25) {
		serve.ReusePort = trace.Bool(chance(c, 50))
	}
	serve.Program = p.handling(s)
	p.emit(serve)
	p.await(kind, trace.Until{Done: s.call})
	p.add(&thing{name: s.call + ".server", kind: "server", server: s})
	for range 1 + int(draw[few](c))/2 {
		p.step(trace.RawConnect)
	}
}

// handling draws what the callback of a server does for each of its first clients.
func (p *plot) handling(s *serving) []trace.Reaction {
	c := p.chance
	s.holds = map[int]bool{}
	hold := s.coroutine && chance(c, 60)
	var all []trace.Reaction
	for n := 1; n <= 2; n++ {
		r := trace.Reaction{In: trace.ClientConnected, Nth: n, Hold: hold}
		client := &thing{name: fmt.Sprintf("%s#%d.writer", s.call, n), kind: "writer", end: &end{kind: s.kind, ready: true}}
		for range draw[few](c) {
			op := oneOf(c, trace.WriterWrite, trace.WriterWrite, trace.WriterWriteLines, trace.WriterClose, trace.WriterWriteEOF, trace.ServerClose)
			a := trace.Command{Op: op, On: client.name}
			if op == trace.ServerClose {
				if !chance(c, 20) {
					continue
				}
				a.On = s.call + ".server"
				s.closed = true // some time
			}
			fits := true
			for _, arg := range trace.Spec(op).Args {
				fits = fits && p.argument(&a, client, arg)
			}
			if fits && p.g.d.Lacks(&a) == "" {
				r.Do = append(r.Do, a)
			}
		}
		if chance(c, 6) {
			r.Raise, r.Hold = trace.Text("ouch"), false
		}
		if r.Hold || r.Raise != nil || len(r.Do) > 0 {
			all = append(all, r)
			s.holds[n] = r.Hold
		}
	}
	return all
}

// connected notes a client that has connected to a server, if that is certain.
func (p *plot) connected(c *trace.Command) {
	for _, t := range slices.Clone(p.things) {
		s := t.server
		if s == nil || s.address != c.Address {
			continue
		}
		if !s.serves || s.closed || c.NoSettle {
			s.closed = true // who else has connected by then is not known
			return
		}
		s.clients++
		call := fmt.Sprintf("%s#%d", s.call, s.clients)
		p.await(s.kind, trace.Until{Event: trace.ClientConnected, On: call})
		e := &end{kind: s.kind, opened: true, ready: true}
		e.closed = true // the callback may end it
		p.add(&thing{name: c.As, kind: "raw end", end: e})
		p.add(&thing{name: call + ".transport", kind: "transport", end: e})
		p.parts(call, e)
		if s.holds[s.clients] {
			p.held = append(p.held, call)
			p.calls = append(p.calls, call)
		}
	}
}

// open begins with a connection that the implementation makes to an address, where the driver accepts it.
func (p *plot) open() {
	kind := p.kindOfPlace()
	open := trace.Command{Op: trace.StreamOpen, Kind: kind, Address: p.place(kind, trace.Live)}
	if p.limit != defaultLimit {
		open.Limit = trace.Int(p.limit)
	}
	occupied := false
	if kind == trace.TCP && chance(p.chance, 25) {
		state := trace.Free
		if occupied = chance(p.chance, 20); occupied {
			state = trace.Live
		}
		open.Local = p.place(kind, state)
	}
	open.As = p.name("c")
	if p.emit(open); occupied {
		return // which is refused
	}
	p.await(kind, trace.Until{Done: open.As})
	raw := p.name("w")
	p.emit(trace.Command{Op: trace.RawAccept, As: raw, Kind: kind, Address: open.Address})
	e := &end{kind: kind, opened: true, ready: true}
	p.add(&thing{name: raw, kind: "raw end", end: e})
	p.add(&thing{name: open.As + ".transport", kind: "transport", end: e})
	p.parts(open.As, e)
}

// look begins with a connection to a host by its name, or with a server there, while time stands.
func (p *plot) look() {
	c := p.chance
	var at []string
	serves := p.g.d.Has(trace.CapServer) && chance(c, 15)
	for range 1 + c.Intn(3) {
		state := oneOf(c, trace.Free, trace.Free, trace.Live, trace.Live, trace.Silent, trace.Silent)
		if serves {
			state = trace.Free
		}
		at = append(at, p.place(trace.TCP, state))
	}
	p.emit(trace.Command{Op: trace.ClockFreeze})
	switch {
	case chance(c, 8):
		p.emit(trace.Command{Op: trace.ResolverAnswer, Name: host, Exception: trace.Text("no such host")})
	case chance(c, 85):
		p.emit(trace.Command{Op: trace.ResolverAnswer, Name: host, Addresses: at})
	}
	to := trace.Command{Op: trace.StreamOpen, Kind: trace.TCP, Host: trace.Text(host)}
	if chance(c, 25) {
		to.Family = oneOf(c, trace.Unspecified, trace.IPv4, trace.IPv4, trace.IPv6)
	}
	if chance(c, 20) {
		to.Flags = trace.Int(addrConfig)
	}
	switch {
	case serves:
		to.Op, to.Callback = trace.StreamServe, trace.Function
	case chance(c, 20):
		to.Proto = trace.Int(protoTCP)
	}
	if !serves && chance(c, 65) {
		to.Delay = trace.Int(oneOf(c, 0, 50, 250, 250, 1000))
	}
	if !serves && chance(c, 20) {
		to.Interleave = trace.Int(c.Intn(3))
	}
	to.As = p.name("c")
	p.emit(to)
}

// Numbers that resolvers are asked with.
const (
	protoTCP   = 6
	addrConfig = 0x20
)

// host is the name that programs look up.
const host = "host.test"
