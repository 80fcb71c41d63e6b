package monitor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// info is what is known of what a transport tells of itself: its names, and its protocol. It can be judged though what the connection
// does cannot be followed any more.
type info struct {
	protocol string // the name of the one that was set last; empty: it is not known
	told     map[string]told
}

// told is information that a transport has given, and the rule by which it has to agree with what the system says.
type told struct {
	value trace.Value
	rule  string
}

// Rules that several places break.
const (
	extraInfo  = "writer.info.extra-info"
	socketInfo = "transport.base.socket-info"
	afterClose = "transport.base.info-after-close"
	knowsBase  = "transport.base.kinds"
	writeOnly  = "transport.base.write-pipe-is-write-only"
	readOnly   = "transport.base.read-pipe-is-read-only"
)

// documented are the names of information that transports may know.
var documented = []string{
	"peername", "socket", "sockname", "compression", "cipher", "peercert", "sslcontext", "ssl_object", "pipe", "subprocess",
}

// knows tells whether the transport has to know the information of a name.
func (c *connection) knows(name string) bool {
	if c.socket() {
		return name == "socket" || name == "sockname" || name == "peername"
	}
	return name == "pipe"
}

// informs judges the answers to questions that change nothing.
func (c *connection) informs(a *action, returned *trace.Value, raised *trace.Error) {
	switch a.command.Op {
	case trace.TransportGetExtraInfo, trace.WriterGetExtraInfo:
		c.tells(a, returned, raised)
	case trace.WriterTransport:
		c.holds("writer.info.transport", returned != nil && returned.Object == c.name+".transport", "returned the object "+c.name+".transport")
	case trace.TransportSetProtocol:
		c.exchanges(a, raised)
	case trace.TransportGetProtocol:
		c.pairs(a, returned)
	case trace.ObjectHas:
		c.offers(a.command, returned)
	}
	if rule := c.misfit(a.command); rule != "" {
		c.holds(rule, raised != nil, "raised not-supported, or no such operation at all: the pipe goes one way")
	}
}

// tells judges information.
func (c *connection) tells(a *action, v *trace.Value, raised *trace.Error) {
	name, fallback := a.command.Name, trace.None
	if a.command.Default != nil {
		fallback = trace.Value{Text: a.command.Default}
	}
	viaWriter := a.command.Op == trace.WriterGetExtraInfo
	general := byWriter(viaWriter, extraInfo, "transport.base.extra-info-or-default")
	if raised != nil {
		c.holds(general, false, "returned "+fallback.String()+", or what is known")
		return
	}
	missing := v.String() == fallback.String()
	if !slices.Contains(documented, name) {
		c.holds(general, missing, "returned "+fallback.String()+", since nothing of that name is known")
		return
	}
	if !c.knows(name) {
		return
	}
	rule := byWriter(viaWriter, extraInfo, byWriter(name == "pipe", "transport.base.pipe-info", socketInfo))
	if c.unclear || !c.open() {
		rule = afterClose
	}
	if missing {
		c.holds(rule, c.mayLack(name), "returned something")
		return
	}
	if name == "peername" && viaWriter {
		rule = "writer.info.peername"
	}
	c.holds(rule, true, "")
	if c.info.told == nil {
		c.info.told = map[string]told{}
	}
	c.info.told[name] = told{*v, rule}
	switch {
	case name == "socket":
		c.holds("transport.base.socket-is-wrapped", v.Text == nil || *v.Text != "socket.socket", "something else than a raw socket")
	case c.raw.unnamed:
		c.holds("transport.base.unnamed-unix-address", v.Text != nil && *v.Text == "", "returned an empty text, since the socket has no name")
	default:
		c.compare(name)
	}
}

// mayLack tells whether information that sockets have may not be there: the names of Unix sockets are often empty, and a peer that
// has gone has none.
func (c *connection) mayLack(name string) bool {
	return name == "peername" && (c.raw.ended() || c.apart) || name != "socket" && name != "pipe" && c.raw.kind == trace.Unix
}

// compare holds what a socket has told of a name to what the system says of it.
func (c *connection) compare(name string) {
	said := c.raw.peername
	if name == "peername" {
		said = c.raw.sockname
	}
	t, ok := c.info.told[name]
	if ok && said != nil {
		c.holds(t.rule, sameName(t.value, *said), fmt.Sprintf("the %s %v", name, *said))
	}
}

// names notes what the system says of the names of a raw end.
func (r *raw) names(c *trace.Command, v *trace.Value) {
	if v == nil || v.Text == nil && v.List == nil {
		return
	}
	told := "peername"
	if c.Op == trace.RawSockName {
		r.sockname = v
	} else {
		r.peername, told = v, "sockname"
	}
	if r.connection != nil {
		r.connection.compare(told)
	}
}

// sameName tells whether two values are one address: of TCP the host and the port count.
func sameName(a, b trace.Value) bool {
	if len(a.List) >= 2 && len(b.List) >= 2 {
		a.List, b.List = a.List[:2], b.List[:2]
	}
	return a.String() == b.String()
}

// exchanges follows a change of the protocol.
func (c *connection) exchanges(a *action, raised *trace.Error) {
	c.info.protocol = a.command.Protocol
	if raised != nil || a.shut || a.in == "" && c.busy > 0 && !c.exact {
		c.info.protocol = ""
	}
}

// pairs judges the answer to which protocol the transport has.
func (c *connection) pairs(a *action, v *trace.Value) {
	name := c.info.protocol
	switch {
	case v == nil || name == "" || a.contended || c.busy > 0 && a.in == "" || a.protocol != name:
	case c.lost && a.lost && a.rested && c.socket():
		c.holds("transport.base.no-protocol-after-loss", v.IsNone(), "returned none, since the connection is lost")
	case v.IsNone() && (c.unclear || !c.open()):
	default:
		c.holds("transport.base.get-protocol", v.Object == name, "returned the object "+name)
	}
}

// What transports can do, as the documents name it.
var (
	ofBase  = []string{"close", "is_closing", "get_extra_info", "set_protocol", "get_protocol"}
	ofRead  = []string{"pause_reading", "resume_reading", "is_reading"}
	ofWrite = []string{
		"write", "writelines", "write_eof", "can_write_eof", "abort", "get_write_buffer_size", "get_write_buffer_limits", "set_write_buffer_limits",
	}
)

// offers judges whether a transport has the operations of its kind.
func (c *connection) offers(command *trace.Command, v *trace.Value) {
	if command.On != c.name+".transport" {
		return
	}
	rule := ""
	reads, writes := slices.Contains(ofRead, command.Name), slices.Contains(ofWrite, command.Name)
	switch kind := c.raw.kind; {
	case slices.Contains(ofBase, command.Name):
		rule = knowsBase
	case c.socket() && (reads || writes):
		rule = "transport.base.connections-are-bidirectional"
	case kind == trace.ReadPipe && reads:
		rule = readOnly
	case kind == trace.WritePipe && writes:
		rule = writeOnly
	default:
		return // it may be there and say that it is not supported
	}
	c.holds(rule, isBool(v, true), "returned true")
}

// misfit returns the rule by which a transport of the kind cannot do such a thing, empty if there is none.
func (c *connection) misfit(command *trace.Command) string {
	_, verb, _ := strings.Cut(string(command.Op), ".")
	switch kind := c.raw.kind; {
	case command.On != c.name+".transport":
	case kind == trace.ReadPipe && slices.Contains(ofWrite, verb):
		return readOnly
	case kind == trace.WritePipe && slices.Contains(ofRead, verb):
		return writeOnly
	}
	return ""
}

// failsToOpen judges a call that makes a transport of something that cannot be one, or of a protocol that there is none of.
func (w *wires) failsToOpen(k *wait, returned *trace.Value, raised *trace.Error) {
	c := k.command
	text := func(permitted string) string { return describe(w.command, w.reply) + "; permitted: " + permitted }
	holds := func(rule string, is bool, permitted string) {
		w.m.exercise(rule)
		if !is {
			w.m.broken(rule, text(permitted))
		}
	}
	switch {
	case k.cancelled:
	case k.raw.isFile() && c.Exception == nil:
		holds("transport.base.regular-file-refused", raised != nil && raised.Kind == trace.InvalidArgument, "raised invalid-argument, since it is a regular file")
	case returned != nil:
		holds("transport.base.made-by-loop", false, "raised an error, since there is no protocol")
	case !k.raw.isFile():
		w.m.exercise("transport.base.made-by-loop")
		holds("transport.base.factory-error-propagates", raised.Kind == trace.Scripted && raised.Message == *c.Exception, fmt.Sprintf("raised the exception %q of the factory", *c.Exception))
	}
}

// isFile tells whether it stands for a regular file.
func (r *raw) isFile() bool { return r.kind == trace.ReadFile || r.kind == trace.WriteFile }
