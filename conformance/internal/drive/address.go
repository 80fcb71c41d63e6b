package drive

import "github.com/streamspec/streamspec/spec/trace"

// An Address is the handle of an address, which the suite has made: a host and a port, or a path.
type Address struct {
	Kind trace.EndKind
	Made *Call

	t     *Testee
	name  string
	state trace.State
}

// NewAddress makes an address at which there is nobody.
func (t *Testee) NewAddress(kind trace.EndKind) *Address { return t.NewAddressIn(kind, trace.Free) }

// NewAddressIn makes an address with something there.
func (t *Testee) NewAddressIn(kind trace.EndKind, state trace.State) *Address {
	return t.newAddress(trace.Command{Kind: kind, State: state})
}

// NewAddressOf makes an address of a numeric host, and of the port that all the session's addresses have.
func (t *Testee) NewAddressOf(host string, state trace.State) *Address {
	return t.newAddress(trace.Command{Kind: trace.TCP, State: state, Host: &host})
}

// NewAddressOfPort makes an address of a numeric host and a port, at which the suite puts nothing.
func (t *Testee) NewAddressOfPort(host string, port int) *Address {
	return t.newAddress(trace.Command{Kind: trace.TCP, Host: &host, Port: &port})
}

func (t *Testee) newAddress(c trace.Command) *Address {
	c.Op, c.As = trace.AddressMake, t.name("a")
	return &Address{Kind: c.Kind, Made: t.call(c), t: t, name: c.As, state: c.State}
}

// Put takes away what the suite has there, and puts something there. Of a Unix address the file is replaced, whosever it is.
func (a *Address) Put(state trace.State) *Call {
	a.state = state
	return a.t.call(trace.Command{Op: trace.AddressPut, On: a.name, State: state})
}

// State asks the file system what is at a path.
func (a *Address) State() *Call { return a.t.call(trace.Command{Op: trace.AddressState, On: a.name}) }

// Ask asks the operating system about the implementation's socket there: for backlog, reuse_address or reuse_port.
func (a *Address) Ask(name string) *Call {
	return a.t.call(trace.Command{Op: trace.AddressAsk, On: a.name, Name: name})
}

// Accept takes the connection that the implementation has made to the address, which is live. It waits for one where
// waiting can help.
func (a *Address) Accept() *Raw {
	t := a.t
	for waited := 0; ; waited += patience {
		raw := a.AcceptAtOnce()
		switch {
		case raw.Made.Raised() == nil:
			return raw
		case t.exact() && waited > 0 || waited > int(t.Options.Deadline.Milliseconds())/2:
			t.fail("the implementation has made no connection to "+a.name, 1)
		case t.exact():
			t.Settle()
		default:
			t.pass()
		}
	}
}

// AcceptAtOnce takes the connection that the implementation has made to the address, if it has. That there is none is what
// making the raw end raises.
func (a *Address) AcceptAtOnce() *Raw {
	return a.t.newRaw(trace.Command{Op: trace.RawAccept, Kind: a.Kind, Address: a.name})
}

// RawConnect connects to an address by system calls. That this is refused is what making the raw end raises.
func (t *Testee) RawConnect(a *Address) *Raw {
	return t.newRaw(trace.Command{Op: trace.RawConnect, Kind: a.Kind, Address: a.name, Buffer: smallBuffer[a.Kind]})
}

// A Socket is the handle of a socket of the language's usual type, to be passed to the implementation.
type Socket struct {
	Kind trace.EndKind
	Made *Call

	t    *Testee
	name string
}

// NewSocket makes a socket that is neither connected nor bound.
func (t *Testee) NewSocket(kind trace.EndKind) *Socket {
	return t.newSocket(trace.Command{Kind: kind})
}

// NewDatagramSocket makes a socket for datagrams.
func (t *Testee) NewDatagramSocket(kind trace.EndKind) *Socket {
	return t.newSocket(trace.Command{Kind: kind, Datagram: trace.Bool(true)})
}

// NewSocketAt makes a socket that is bound to an address. It does not listen.
func (t *Testee) NewSocketAt(a *Address) *Socket {
	return t.newSocket(trace.Command{Kind: a.Kind, Address: a.name})
}

// NewSocketTo makes a socket of the far end of a raw end.
func (t *Testee) NewSocketTo(raw *Raw) *Socket {
	return t.newSocket(trace.Command{Kind: raw.Kind, Raw: raw.name})
}

func (t *Testee) newSocket(c trace.Command) *Socket {
	c.Op, c.As = trace.SocketMake, t.name("k")
	return &Socket{Kind: c.Kind, Made: t.call(c), t: t, name: c.As}
}

// IsOpen asks the operating system whether the socket is still open.
func (k *Socket) IsOpen() *Call { return k.t.call(trace.Command{Op: trace.SocketIsOpen, On: k.name}) }

// Resolve says which addresses a host has, from now on, and answers who has asked already.
func (t *Testee) Resolve(host string, addresses ...*Address) {
	t.do(trace.Command{Op: trace.ResolverAnswer, Name: host, Addresses: namesOf(addresses)})
}

// ResolveFailing has resolving a host fail with an error of the operating system of this text.
func (t *Testee) ResolveFailing(host, text string) {
	t.do(trace.Command{Op: trace.ResolverAnswer, Name: host, Exception: &text})
}

// A Query is what was asked of the resolver beside the host.
type Query struct {
	Family       trace.Family
	Proto, Flags int
}

// Resolving returns what was asked of the resolver about a host so far, in order. It waits for n of them.
func (t *Testee) Resolving(host string, n int) []Query {
	h := happening{trace.Resolving, host}
	if len(t.c.told[h]) < n {
		t.await(trace.Until{Event: trace.Resolving, On: host, Count: n})
	}
	var asked []Query
	for _, e := range t.c.told[h] {
		if v := e.Value.List; len(v) == 3 && v[0].Text != nil && v[1].Int != nil && v[2].Int != nil {
			asked = append(asked, Query{trace.Family(*v[0].Text), *v[1].Int, *v[2].Int})
		}
	}
	return asked
}

// FreezeClock stops time for the implementation, for the rest of the case.
func (t *Testee) FreezeClock() { t.do(trace.Command{Op: trace.ClockFreeze}) }

// Advance advances time that has been stopped, by milliseconds.
func (t *Testee) Advance(ms int) { t.do(trace.Command{Op: trace.ClockAdvance, Ms: ms}) }

// Pass lets real time pass for the implementation, milliseconds. It is for trying again what may have come too early.
func (t *Testee) Pass(ms int) {
	t.do(trace.Command{Op: trace.Run, Until: &trace.Until{Event: trace.Unsettled}, Ms: ms})
}

// Turn lets the event loop run for n turns and no further.
func (t *Testee) Turn(n int) { t.do(trace.Command{Op: trace.Turn, N: &n}) }

func namesOf(addresses []*Address) []string {
	names := make([]string, len(addresses))
	for i, a := range addresses {
		names[i] = a.name
	}
	return names
}
