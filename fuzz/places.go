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
	addresses []string // at which it is, as far as that is known
	coroutine bool
	holds     map[int]bool // the calls of its callback, by number, that wait to be released
	serves    bool         // it certainly accepts
	closed    bool
	clients   int
}

// can tells whether a call makes sense of the server as it is.
func (s *serving) can(op trace.Op) bool {
	return op != trace.ServerServeForever && op != trace.ServerContext || !s.closed
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
	return name
}

// serve begins with a server.
func (p *plot) serve() {
	c := p.chance
	if chance(c, 12) {
		p.unserved()
	}
	kind := p.kindOfPlace()
	s := &serving{kind: kind, serves: true, coroutine: chance(c, 60)}
	serve := trace.Command{Op: trace.StreamServe, Kind: kind, Callback: trace.Function}
	p.seat(&serve, s)
	s.call = p.next()
	serve.As = p.name("c")
	if s.coroutine {
		serve.Callback = trace.Coroutine
		if chance(c, 10) && p.g.d.Has(trace.CapPythonSurface) {
			serve.Callback = trace.Object
		}
	}
	if chance(c, 60) && p.limit != defaultLimit {
		serve.Limit = trace.Int(p.limit)
	}
	if chance(c, 15) {
		serve.StartServing = trace.Bool(false)
		s.serves = false
	}
	if kind == trace.TCP && serve.Socket == "" {
		p.reuses(&serve)
	}
	if chance(c, 20) {
		serve.Backlog = trace.Int(oneOf(c, 0, 1, 1, 5, 5, 100, 100, 101))
	}
	serve.Program = p.handling(s)
	p.emit(serve)
	p.await(kind, trace.Until{Done: s.call})
	p.add(&thing{name: s.call + ".server", kind: "server", server: s})
	if len(s.addresses) == 0 { // where it is nobody knows
		p.emit(trace.Command{Op: trace.ServerSockets, On: s.call + ".server"})
		return
	}
	for range 1 + int(draw[few](c))/2 {
		p.step(trace.RawConnect)
	}
}

// seat draws where a server listens.
func (p *plot) seat(serve *trace.Command, s *serving) {
	c := p.chance
	switch {
	case chance(c, 12):
		s.addresses = []string{p.place(serve.Kind, "")}
		serve.Socket = p.socket(trace.Command{Kind: serve.Kind, Address: s.addresses[0]})
		return
	case serve.Kind == trace.Unix:
		state := trace.State("")
		if chance(c, 15) {
			state = trace.Stale
		}
		s.addresses = []string{p.place(trace.Unix, state)}
		p.likePath(serve)
	case chance(c, 5):
		serve.Port = trace.Int(0)
		return
	case chance(c, 8) && p.g.d.Has(trace.CapResolver):
		a := p.place(trace.TCP, "")
		p.emit(trace.Command{Op: trace.ResolverAnswer, Name: host, Addresses: []string{a}})
		serve.Host = trace.Text(host)
		p.queries(serve)
		return
	default:
		for range oneOf(c, 1, 1, 1, 2, 3) {
			s.addresses = append(s.addresses, p.place(trace.TCP, ""))
		}
	}
	serve.Addresses = s.addresses
}

// likePath has a path be an object that stands for one, sometimes.
func (p *plot) likePath(c *trace.Command) {
	if c.Kind == trace.Unix && p.g.d.Has(trace.CapPythonSurface) && chance(p.chance, 8) {
		c.PathLike = trace.Bool(true)
	}
}

// reuses draws the options of a server's sockets.
func (p *plot) reuses(serve *trace.Command) {
	if chance(p.chance, 12) {
		serve.ReuseAddress = trace.Bool(chance(p.chance, 40))
	}
	if chance(p.chance, 12) {
		serve.ReusePort = trace.Bool(chance(p.chance, 70))
	}
}

// queries draws what the resolver is asked beside the host.
func (p *plot) queries(c *trace.Command) {
	if chance(p.chance, 30) {
		c.Family = oneOf(p.chance, trace.Unspecified, trace.IPv4, trace.IPv4, trace.IPv6)
	}
	if c.Op == trace.StreamOpen && chance(p.chance, 20) {
		c.Proto = trace.Int(6) // that of TCP
	}
	if chance(p.chance, 25) {
		c.Flags = trace.Int(oneOf(p.chance, 0x01, 0x20, 0x20, 0x21)) // of Linux: passive, and only families that this machine has
	}
}

// socket makes a socket.
func (p *plot) socket(c trace.Command) string {
	c.Op, c.As = trace.SocketMake, p.name("s")
	p.emit(c)
	return c.As
}

// unserved starts a server where that cannot be done.
func (p *plot) unserved() {
	c := p.chance
	kind := p.kindOfPlace()
	serve := trace.Command{Op: trace.StreamServe, Kind: kind, Callback: trace.Function}
	switch oneOf(c, "nowhere", "occupied", "occupied", "occupied", "both", "twice", "datagrams", "another kind", "keyword", "limit") {
	case "nowhere":
	case "occupied":
		state := trace.Live
		if kind == trace.Unix {
			state = oneOf(c, trace.RegularFile, trace.NoDirectory)
		}
		serve.Addresses = []string{p.place(kind, state)}
	case "both":
		serve.Socket = p.socket(trace.Command{Kind: kind, Address: p.place(kind, "")})
		serve.Addresses = []string{p.place(kind, "")}
	case "twice":
		serve.Addresses = []string{p.place(kind, "")}
		serve.As = p.name("c")
		p.emit(serve)
		p.await(kind, trace.Until{Done: serve.As})
	case "datagrams":
		serve.Socket = p.socket(trace.Command{Kind: kind, Datagram: trace.Bool(true)})
	case "another kind":
		if p.g.d.Has(trace.CapTCP) && p.g.d.Has(trace.CapUnix) {
			serve.Kind, serve.Socket = trace.Unix, p.socket(trace.Command{Kind: trace.TCP, Address: p.place(trace.TCP, "")})
		}
	case "keyword":
		serve.Addresses = []string{p.place(kind, "")}
		p.keyword(&serve)
	case "limit":
		serve.Addresses = []string{p.place(kind, "")}
		serve.Limit = trace.Int(-c.Intn(2))
	}
	serve.As = p.name("c")
	p.emit(serve)
	if len(serve.Addresses) > 0 && serve.Kind == trace.Unix {
		p.emit(trace.Command{Op: trace.AddressState, On: serve.Addresses[0]})
	}
}

// keyword passes an argument that there is none of.
func (p *plot) keyword(c *trace.Command) {
	if !p.g.d.Has(trace.CapPythonSurface) {
		return
	}
	words := []trace.Keyword{{Name: "loop", Value: trace.Value{Object: "loop"}}, {Name: "colour", Value: trace.Value{Text: trace.Text("red")}}}
	if c.Op == trace.StreamOpen {
		words = append(words, trace.Keyword{Name: "limit", Value: trace.None}, trace.Keyword{Value: trace.Value{Int: trace.Int(100)}})
	}
	c.Keywords = []trace.Keyword{oneOf(p.chance, words...)}
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
		if s == nil || !slices.Contains(s.addresses, c.Address) {
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
