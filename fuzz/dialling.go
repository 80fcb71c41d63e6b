package fuzz

import (
	"slices"

	"github.com/streamspec/streamspec/spec/trace"
)

// serverAt returns the server at an address, nil if there is none.
func (p *plot) serverAt(address string) *serving {
	for _, t := range p.things {
		if t.server != nil && slices.Contains(t.server.addresses, address) {
			return t.server
		}
	}
	return nil
}

// open begins with a connection that the implementation makes to an address, where the driver accepts it, or of a socket.
func (p *plot) open() {
	c := p.chance
	if chance(c, 35) {
		p.unopened()
	}
	kind := p.kindOfPlace()
	open := trace.Command{Op: trace.StreamOpen, Kind: kind}
	if p.limit != defaultLimit {
		open.Limit = trace.Int(p.limit)
	}
	raw, local := "", ""
	if chance(c, 25) {
		raw = p.name("w")
		p.emit(trace.Command{Op: trace.RawMake, As: raw, Kind: kind, Buffer: smallBuffer[kind]})
		open.Socket = p.socket(trace.Command{Kind: kind, Raw: raw})
	} else {
		open.Address = p.place(kind, trace.Live)
		p.likePath(&open)
		if kind == trace.TCP && chance(c, 30) {
			local = p.localPlace()
			open.Local = local
		}
		if kind == trace.TCP && chance(c, 10) { // which makes no difference, with one address
			open.Delay = trace.Int(oneOf(c, 0, 250))
		}
	}
	open.As = p.name("c")
	p.emit(open)
	p.await(kind, trace.Until{Done: open.As})
	if p.g.d.Has(trace.CapPythonSurface) && chance(c, 10) {
		p.emit(trace.Command{Op: trace.ObjectIs, On: open.As + ".reader", Name: "StreamReader"})
		p.emit(trace.Command{Op: trace.ObjectIs, On: open.As + ".writer", Name: "StreamWriter"})
	}
	e := &end{kind: kind, opened: true, ready: true}
	if raw == "" {
		raw = p.name("w")
		p.emit(trace.Command{Op: trace.RawAccept, As: raw, Kind: kind, Address: open.Address})
		p.add(&thing{name: raw, kind: "raw end", end: e})
	} else {
		p.thing(raw).end = e
	}
	p.add(&thing{name: open.As + ".transport", kind: "transport", end: e})
	p.parts(open.As, e)
	if local != "" {
		p.emit(trace.Command{Op: trace.RawSockName, On: raw})
		p.emit(trace.Command{Op: trace.RawPeerName, On: raw})
	}
}

// localPlace makes an address for a local end: a host with any port, or as all addresses are.
func (p *plot) localPlace() string {
	if chance(p.chance, 50) {
		return p.place(trace.TCP, "")
	}
	name := p.name("a")
	p.emit(trace.Command{Op: trace.AddressMake, As: name, Kind: trace.TCP, Host: trace.Text("127.6.7.8"), Port: trace.Int(0)})
	p.things = p.things[:len(p.things)-1] // nobody can connect to it
	return name
}

// unopened connects where that cannot be done, or gives it up.
func (p *plot) unopened() {
	c := p.chance
	kind := p.kindOfPlace()
	open := trace.Command{Op: trace.StreamOpen, Kind: kind, As: p.name("c")}
	live := ""
	target := func() { live = p.place(kind, trace.Live); open.Address = live }
	far := func(kind trace.EndKind) {
		raw := p.name("w")
		p.program = append(p.program, trace.Command{Op: trace.RawMake, As: raw, Kind: kind})
		open.Socket = p.socket(trace.Command{Kind: kind, Raw: raw})
	}
	cancels := false
	switch oneOf(c, "nowhere", "nobody", "nobody", "both", "limit", "limit", "datagrams", "another kind", "keyword", "keyword", "cancelled", "cancelled", "local") {
	case "nowhere":
	case "nobody":
		state := trace.Free
		if kind == trace.Unix {
			state = oneOf(c, trace.Free, trace.Stale, trace.RegularFile, trace.NoDirectory)
		}
		open.Address = p.place(kind, state)
	case "both":
		target()
		far(kind)
	case "limit":
		target()
		open.Limit = trace.Int(-c.Intn(2))
	case "datagrams":
		open.Socket = p.socket(trace.Command{Kind: kind, Datagram: trace.Bool(true)})
	case "another kind":
		if p.g.d.Has(trace.CapTCP) && p.g.d.Has(trace.CapUnix) {
			open.Kind = trace.Unix
			far(trace.TCP)
		}
	case "keyword":
		target()
		p.keyword(&open)
		if open.Keywords == nil {
			open.Limit = trace.Int(0)
		}
	case "cancelled":
		target()
		if cancels = true; kind == trace.TCP {
			open.Address, live = p.place(kind, trace.Silent), ""
		}
		open.NoSettle = chance(c, 50)
	case "local":
		if target(); kind == trace.TCP {
			open.Local = p.place(kind, trace.Live)
		} else {
			open.Limit = trace.Int(0)
		}
	}
	if p.g.d.Lacks(&open) != "" {
		return
	}
	p.program = append(p.program, open)
	if cancels {
		p.emit(trace.Command{Op: trace.Cancel, On: open.As})
	} else {
		p.await(kind, trace.Until{Done: open.As})
	}
	if live != "" && !cancels {
		p.program = append(p.program, trace.Command{Op: trace.RawAccept, As: p.name("w"), Kind: kind, Address: live})
	}
}

// host is the name that programs look up.
const host = "host.test"

// look begins with a connection to a host by its name, while time stands.
func (p *plot) look() {
	c := p.chance
	p.delay = oneOf(c, 50, 250, 1000)
	p.emit(trace.Command{Op: trace.ClockFreeze})
	switch n := c.Intn(100); {
	case n < 5:
		p.stagger()
		return
	case n < 15:
		p.fails()
		return
	}
	open := trace.Command{Op: trace.StreamOpen, Kind: trace.TCP, Host: trace.Text(host)}
	at := p.several(&open)
	if chance(c, 30) {
		p.queries(&open)
	}
	if chance(c, 5) {
		open.Local = p.place(trace.TCP, oneOf(c, trace.Free, trace.Live))
	}
	answer := trace.Command{Op: trace.ResolverAnswer, Name: host, Addresses: at}
	if chance(c, 8) {
		answer.Addresses, answer.Exception = nil, trace.Text("no such host is known")
	}
	open.As = p.name("c")
	if chance(c, 80) {
		p.emit(answer)
		p.emit(open)
	} else {
		p.emit(open)
		p.await(trace.TCP, trace.Until{Event: trace.Resolving})
		cancels := chance(c, 60)
		if cancels {
			p.emit(trace.Command{Op: trace.Cancel, On: open.As})
		}
		if !cancels || chance(c, 40) {
			p.emit(answer)
		}
	}
	if open.Delay != nil && chance(c, 50) {
		p.emit(trace.Command{Op: trace.ClockAdvance, Ms: max(oneOf(c, *open.Delay-1, *open.Delay), 1)})
	}
}

// several makes the addresses of a host, in one of the ways that matter, and says how they are tried.
func (p *plot) several(open *trace.Command) (at []string) {
	c := p.chance
	add := func(states ...trace.State) {
		for _, state := range states {
			at = append(at, p.place(trace.TCP, state))
		}
	}
	other := func(state trace.State) {
		name := p.name("a")
		p.emit(trace.Command{Op: trace.AddressMake, As: name, Kind: trace.TCP, Host: trace.Text("::1"), State: state})
		at = slices.Insert(at, c.Intn(len(at))+1, name)
	}
	states := func() trace.State {
		return oneOf(c, trace.Free, trace.Free, trace.Live, trace.Live, trace.Live, trace.Silent)
	}
	switch c.Intn(5) {
	case 0: // those that fail, and then one that does not
		for range 1 + c.Intn(3) {
			add(trace.Free)
		}
		add(trace.Live)
	case 1: // one that has the others wait
		add(trace.Silent, states())
		if add(trace.Live); chance(c, 50) {
			open.Delay = trace.Int(oneOf(c, 0, 0, p.delay))
		}
		return at
	case 2: // two families
		add(trace.Free, oneOf(c, trace.Free, trace.Live, trace.Live), trace.Live)
		other(trace.Live)
		open.Interleave = trace.Int(oneOf(c, 0, 0, 1, 2))
	default:
		for range oneOf(c, 1, 2, 2, 3, 3, 4) {
			add(states())
		}
		if chance(c, 15) {
			other(states())
		}
	}
	if chance(c, 60) {
		open.Delay = trace.Int(oneOf(c, 0, p.delay, p.delay, p.delay, p.delay))
	}
	if open.Interleave == nil && chance(c, 20) {
		open.Interleave = trace.Int(c.Intn(3))
	}
	return at
}

// fails begins with a host whose addresses fail, each in a way that was seen before.
func (p *plot) fails() {
	c := p.chance
	var at []string
	connect := func(open trace.Command) {
		open.Op, open.Kind, open.As = trace.StreamOpen, trace.TCP, p.name("c")
		p.emit(open)
		p.await(trace.TCP, trace.Until{Done: open.As})
	}
	for range 1 + c.Intn(3) {
		at = append(at, p.place(trace.TCP, ""))
		connect(trace.Command{Address: at[len(at)-1]})
	}
	if chance(c, 40) {
		at = append(at, at[0])
	}
	p.emit(trace.Command{Op: trace.ResolverAnswer, Name: host, Addresses: at})
	open := trace.Command{Host: trace.Text(host)}
	if chance(c, 30) {
		open.Delay = trace.Int(p.delay)
	}
	connect(open)
}

// stagger tries addresses by a delay, twice: an implementation that has not begun to wait when time moves waits for longer than is
// said, and the second time it is given as long as it needs if the first has come to nothing.
func (p *plot) stagger() {
	silent := p.place(trace.TCP, trace.Silent)
	p.emit(trace.Command{Op: trace.ResolverAnswer, Name: host, Addresses: []string{silent, silent, p.place(trace.TCP, trace.Live)}})
	open := func() string {
		call := p.name("c")
		p.emit(trace.Command{Op: trace.StreamOpen, As: call, Kind: trace.TCP, Host: trace.Text(host), Delay: trace.Int(p.delay)})
		return call
	}
	advance := func() { p.emit(trace.Command{Op: trace.ClockAdvance, Ms: p.delay}) }
	wait := func(call string) {
		p.emit(trace.Command{Op: trace.Run, Until: &trace.Until{Done: call}, Ms: patience})
	}
	first := open()
	advance()
	advance()
	wait(first)
	second := open()
	wait(first)
	advance()
	wait(first)
	advance()
	wait(second)
}

// reap accepts what has connected, wherever that is.
func (p *plot) reap() {
	for _, t := range p.things {
		if t.kind == "address" && t.state == trace.Live {
			for range oneOf(p.chance, 1, 1, 2) {
				p.program = append(p.program, trace.Command{Op: trace.RawAccept, As: p.name("w"), Kind: t.of, Address: t.name})
			}
		}
	}
}
