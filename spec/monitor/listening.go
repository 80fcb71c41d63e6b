package monitor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// A footing is what has to become of a call that starts a server.
type footing struct {
	rule    string
	refused string                  // how, if it has to be
	how     func(*trace.Error) bool // an error that says so
}

// Rules of listening that several places break.
const (
	inUse        = "start_server.address-in-use"
	unixServer   = "unix.server"
	occupiedPath = "unix.occupied-path"
	pathLike     = "unix.path-like"
	backlogRule  = "parameters.backlog"
	reuse        = "parameters.reuse"
)

// due is what has to become of the call.
func (f footing) due() debt {
	switch {
	case f.rule == "":
		return debt{}
	case f.refused != "":
		return debt{f.rule, f.refused}
	}
	return debt{f.rule, "returned none, since nobody is there"}
}

// isInvalid tells whether an error says that an argument cannot be.
func isInvalid(e *trace.Error) bool { return e.Kind == trace.InvalidArgument }

// refusalOf returns what refuses the arguments of a call that connects or listens, whatever is at its place; without a rule: nothing.
func (w *wires) refusalOf(c *trace.Command) footing {
	opens := c.Op == trace.StreamOpen
	if c.Keywords != nil {
		return w.keywordOf(c)
	}
	if k := w.made[c.Socket]; k != nil && (k.Datagram != nil && *k.Datagram || c.Kind == trace.Unix && k.Kind == trace.TCP) {
		return footing{socketKind, "raised invalid-argument, since the socket is of another kind", isInvalid}
	}
	if opens && c.Raw == "" && c.Limit != nil && *c.Limit <= 0 {
		return footing{positiveLimit, "raised invalid-argument, since the limit is not positive", isInvalid}
	}
	return footing{}
}

// keywordOf returns what refuses a further argument.
func (w *wires) keywordOf(c *trace.Command) footing {
	if len(c.Keywords) != 1 {
		return footing{}
	}
	opens, k := c.Op == trace.StreamOpen, &c.Keywords[0]
	any := func(*trace.Error) bool { return true }
	switch k.Name {
	case "": // by position
		if opens && c.Kind == trace.TCP && c.Address != "" {
			return footing{"open_connection.positional-arguments", "raised an error, since it has to be named", any}
		}
	case "limit":
		if opens && k.Value.IsNone() {
			return footing{"parameters.limit-none-refused", "raised invalid-type", func(e *trace.Error) bool { return e.Kind == trace.InvalidType }}
		}
	case "loop":
		rule := "start_server.loop-refused"
		if opens {
			rule = "open_connection.loop-refused"
		}
		if w.m.options.InForce(rule) {
			return footing{rule, "raised an error, since there is no such argument", any}
		}
	case "colour":
		rule := "start_server.passes-arguments-on"
		if opens {
			rule = passesOn
		}
		return footing{rule, "raised an error, since there is no such argument", any}
	}
	return footing{}
}

// footing tells what has to become of the call that starts the server, which its addresses are not told of yet.
func (s *server) footing() footing {
	c, w := s.command, s.w
	if f := w.refusalOf(c); f.rule != "" || c.Keywords != nil || c.Limit != nil && *c.Limit <= 0 {
		return f
	}
	later := c.PathLike != nil && !w.m.options.InForce(pathLike) || c.StartServing != nil && !w.m.options.InForce(deferred)
	if later || s.elsewhere() || c.Socket != "" {
		return footing{}
	}
	f := footing{rule: s.listens()}
	switch {
	case c.PathLike != nil:
		f.rule = pathLike
	case c.Kind == trace.Unix:
		f.rule = unixServer
	}
	fresh := !slices.ContainsFunc(w.ordered, (*server).elsewhere)
	for i, name := range c.Addresses {
		p := w.places[name]
		if p == nil || p.made.Kind != c.Kind || slices.Contains(c.Addresses[:i], name) {
			return footing{}
		}
		fresh = fresh && p.known() && !p.local
		switch {
		case p.made.Port != nil || p.crowded:
		case c.Kind == trace.TCP && (p.state != trace.Free || p.server != nil && p.server.now().serving && !(shares(c) && shares(p.server.command))):
			return footing{inUse, "raised an error of the operating system that says that the address is in use", saysInUse}
		case p.server != nil:
		case p.state == trace.RegularFile:
			return footing{occupiedPath, "raised an error of the operating system that says that the address is in use", saysInUse}
		case p.state == trace.NoDirectory:
			return footing{occupiedPath, "raised an error of the operating system that says that there is no such file", saysNotFound}
		case p.state == trace.Stale && c.PathLike == nil:
			f.rule = occupiedPath
		}
		fresh = fresh && (p.state == trace.Free || p.state == trace.Stale)
	}
	if !fresh {
		return footing{}
	}
	return f
}

// shares tells whether a server shares its ports.
func shares(c *trace.Command) bool { return c.ReusePort != nil && *c.ReusePort }

// stands judges how the call that starts the server came back.
func (s *server) stands(k *wait, raised *trace.Error) {
	f := s.foot
	if f.rule == "" || k.cancelled {
		return
	}
	s.exercise(f.rule)
	if (raised != nil) != (f.refused != "") || raised != nil && !f.how(raised) {
		s.w.m.broken(f.rule, s.text(f.due().what))
	}
}

// asksPlace judges what is said of an address.
func (w *wires) asksPlace(c *trace.Command, reply *trace.Reply) {
	p := w.places[c.On]
	if p == nil || p.server == nil || p.servers > 1 || p.server.unclear || reply.Returned == nil {
		return
	}
	s := p.server
	serves := w.standing.serving && s.now().serving // before, since the answer may be older than the events beside it
	if c.Op == trace.AddressState {
		s.saysState(p, reply.Returned, w.standing, serves && !p.crowded)
		return
	}
	if !serves || p.put || p.made.Port != nil {
		return
	}
	switch at := s.command; {
	case c.Name == "backlog" && (at.Backlog == nil || *at.Backlog > 0):
		want := 100
		if at.Backlog != nil {
			want = *at.Backlog
		}
		s.holds(backlogRule, reply.Returned.Int != nil && *reply.Returned.Int == want, fmt.Sprintf("returned %d", want))
	case c.Name == "reuse_address" && at.ReuseAddress != nil && at.Socket == "":
		s.holds(reuse, isBool(reply.Returned, *at.ReuseAddress), fmt.Sprintf("returned %t", *at.ReuseAddress))
	case c.Name == "reuse_port" && at.ReusePort != nil && at.Socket == "":
		s.holds(reuse, isBool(reply.Returned, *at.ReusePort), fmt.Sprintf("returned %t", *at.ReusePort))
	}
}

// saysState judges what is at the path of the server.
func (s *server) saysState(p *place, said *trace.Value, before standing, serves bool) {
	is := func(want string) bool { return said.Text != nil && *said.Text == want }
	switch {
	case p.put:
		if want := leaves[p.state]; p.swapped && s.closing {
			s.holds(removesFile, is(want), "returned "+want+", since the server has no part in that")
		}
	case serves:
		s.holds(unixServer, is("socket"), "returned socket, since the server is there")
	case before.closed && s.refuses && !p.crowded && s.w.m.options.InForce(removesFile):
		s.holds(removesFile, is("free"), "returned free, since the server is closed")
	}
}

const removesFile = "unix.removes-socket-file"

// leaves is what address.state says of what the driver has put at a path.
var leaves = map[trace.State]string{trace.Free: "free", trace.Live: "socket", trace.Stale: "socket", trace.RegularFile: "file"}

// reaches judges the addresses of a server that was told of a port alone.
func (s *server) reaches(all []trace.Value) {
	c := s.command
	if c.Kind != trace.TCP || c.Port == nil || c.Host != nil && *c.Host != "" || c.Flags != nil || c.Socket != "" || c.Keywords != nil || len(c.Addresses) > 0 {
		return
	}
	everywhere := func(v trace.Value) bool {
		return len(v.List) > 0 && v.List[0].Text != nil && (*v.List[0].Text == "0.0.0.0" || *v.List[0].Text == "::")
	}
	s.holds("parameters.host-omitted", slices.ContainsFunc(all, everywhere), "returned an address at all interfaces")
}

// isOf judges of which class an object is that open_connection has returned.
func (w *wires) isOf(c *trace.Command, reply *trace.Reply) {
	call, part, _ := strings.Cut(c.On, ".")
	for _, d := range w.dials {
		if d.name != call || d.command.Kind != trace.TCP || reply.Returned == nil || classes[part] != c.Name {
			continue
		}
		rule := "open_connection.returned-types"
		w.m.exercise(rule)
		if !isBool(reply.Returned, true) {
			w.m.broken(rule, describe(c, reply)+"; permitted: returned true")
		}
	}
}

// classes are those of what is returned, by their parts.
var classes = map[string]string{"reader": "StreamReader", "writer": "StreamWriter"}
