package gokit

import (
	"errors"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/streamspec/streamspec/spec/trace"
)

// An Opening has the arguments of the documents' open_connection or open_unix_connection. Those that are nil or empty are not
// given: the implementation does then what it does by itself.
type Opening struct {
	Kind               trace.EndKind // [trace.TCP] or [trace.Unix]: which function it is
	Host               *string
	Port               *int
	Path               *string
	Sock               net.Conn // *net.TCPConn, *net.UnixConn or *net.UDPConn; after an error it is still the kit's
	LocalAddr          string   // "host:port"
	Family             trace.Family
	Proto, Flags       *int
	HappyEyeballsDelay *time.Duration
	Interleave         *int
	Limit              *int

	Resolver Resolver // for names of hosts, if the implementation takes one
	Clock    Clock    // for delays, if the implementation takes one
}

// A target is what a stream is opened to, or a server served at, by names of the driver.
type target struct {
	host, path *string
	port       *int
}

// targetOf returns the target of a command with addresses of these names, of which the first counts.
func (w *world) targetOf(c *trace.Command, names []string) (t target, all []*address, err error) {
	if all, err = w.addressesOf(names); err != nil {
		return t, nil, err
	}
	for i, a := range all {
		switch {
		case a.kind != c.Kind:
			return t, nil, errors.New("the kind of " + names[i] + " is another")
		case a.kind == trace.Unix:
			t.path = &all[0].path
		case a.port != all[0].port && c.Port == nil:
			return t, nil, errors.New("the addresses have several ports")
		default:
			t.host, t.port = &all[0].host, &all[0].port
		}
	}
	if c.Host != nil {
		t.host = c.Host
	}
	if c.Port != nil {
		t.port = c.Port
	}
	if t.port == nil && (t.host != nil || names != nil && c.Kind == trace.TCP) {
		port, err := w.places.thePort()
		if err != nil {
			return t, nil, err
		}
		t.port = &port
	}
	return t, all, nil
}

// ofPython tells whether a command has arguments that are for Python alone.
func ofPython(c *trace.Command) bool {
	return c.PathLike != nil || c.Keywords != nil || c.Callback == trace.Future || c.Callback == trace.Object
}

// dial has the implementation connect.
func (w *world) dial(c *trace.Command) trace.Reply {
	switch {
	case w.impl.Open == nil || !slices.Contains(w.impl.Ends, c.Kind):
		return lacking(c)
	case ofPython(c):
		return trace.Reply{Unsupported: "an implementation in Go takes arguments of its types only"}
	}
	if r := w.misses(c); r != nil {
		return *r
	}
	this := &call{command: *c}
	var names []string
	if c.Address != "" {
		names = []string{c.Address}
	}
	to, _, err := w.targetOf(c, names)
	if err != nil {
		return fault("%v", err)
	}
	o := &Opening{
		Kind: c.Kind, Host: to.host, Port: to.port, Path: to.path, Family: c.Family, Proto: c.Proto, Flags: c.Flags, Interleave: c.Interleave, Limit: c.Limit,
		Resolver: resolver{w, this}, Clock: w.clock,
	}
	if c.Delay != nil {
		d := time.Duration(*c.Delay) * time.Millisecond
		o.HappyEyeballsDelay = &d
	}
	if c.Local != "" {
		a, ok := w.object(c.Local).(*address)
		if !ok || a.kind != trace.TCP {
			return fault("there is no address %q of tcp", c.Local)
		}
		o.LocalAddr = net.JoinHostPort(a.host, strconv.Itoa(a.port))
	}
	if c.Socket != "" {
		s, ok := w.object(c.Socket).(*socket)
		if !ok {
			return fault("there is no socket %q", c.Socket)
		}
		if o.Sock, err = s.asConn(); err != nil {
			return trace.Reply{Unsupported: "in Go the socket cannot be a connection: " + err.Error()}
		}
		this.socket = s
	}
	this.opening = o
	return w.start(this)
}

// openTo has the implementation make a reader and a writer by connecting, or of a socket.
func (w *world) openTo(this *call) error {
	s, err := w.impl.Open(this.ctx, *this.opening, w.report(this))
	if err != nil {
		return err
	}
	if this.socket != nil {
		this.socket.given.Store(true)
	}
	if !w.registerStream(this, s) {
		abort(s.Transport)
	}
	return nil
}
