package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// connection writes the lines of a step about connections.
func (s *short) connection(i int) {
	c := s.transcript.Steps[i].Command
	s.wires = true
	switch c.Op {
	case trace.RawMake:
		s.rawMake(c)
	case trace.RawSend, trace.RawShutdown, trace.RawClose, trace.RawReset, trace.RawSockName, trace.RawPeerName, trace.RawRecv:
		s.raw(i)
	case trace.ProtocolMake:
		s.makers[c.As] = c
		s.class(c)
	case trace.ConnectionOpen:
		s.open(i)
	case trace.StreamOpen:
		s.stream(i)
	case trace.TransportWrite, trace.TransportWriteLines, trace.TransportClose, trace.TransportAbort, trace.TransportIsClosing,
		trace.TransportPauseReading, trace.TransportResumeReading, trace.TransportIsReading, trace.TransportGetWriteBufferSize,
		trace.TransportGetWriteBufferLimits, trace.TransportWriteEOF, trace.TransportCanWriteEOF,
		trace.TransportGetExtraInfo, trace.TransportSetProtocol, trace.TransportGetProtocol,
		trace.WriterWrite, trace.WriterWriteLines, trace.WriterClose, trace.WriterIsClosing, trace.WriterWriteEOF, trace.WriterCanWriteEOF,
		trace.WriterGetExtraInfo:
		if s.byHand[c.On] {
			s.lacks = "a transport by hand, " + c.String()
		}
		s.plain(i)
	case trace.TransportSetWriteBufferLimits:
		s.plain(i)
		s.due = false
	case trace.WriterTransport:
		s.write("print(%s.transport)", s.object(c.On))
	case trace.ObjectHas:
		s.write("print(hasattr(%s, %s))", s.object(c.On), pyText(c.Name))
	default:
		s.server(i)
	}
}

// rawMake writes that a connected pair of sockets is made: the raw end, and the far one for asyncio.
func (s *short) rawMake(c trace.Command) {
	s.imports = append(s.imports, "socket")
	s.ends[c.As] = c.Kind
	name := s.name(c.As)
	switch c.Kind {
	case trace.Unix:
		s.write("%s, %s_far = socket.socketpair()", name, name)
	case trace.TCP:
		s.need("tcp")
		s.write("%s, %s_far = tcp()", name, name)
	default:
		s.lacks = "a " + string(c.Kind)
		return
	}
	if c.Buffer != 0 {
		s.write("%s_far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, %d)", name, c.Buffer)
		if c.Kind == trace.TCP {
			s.write("%s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, %d)", name, c.Buffer)
		}
	}
	for _, step := range s.transcript.Steps {
		d := step.Command
		if d.On == c.As && (d.Op == trace.RawRecv || d.Op == trace.RawSend && len(d.Data.Bytes) > 4096) {
			s.write("%s.settimeout(1)", name)
			break
		}
	}
}

// raw writes what the raw end does.
func (s *short) raw(i int) {
	c := s.transcript.Steps[i].Command
	on := s.name(c.On)
	if s.ends[c.On] == "" {
		s.lacks = "the raw end " + c.On
		return
	}
	switch c.Op {
	case trace.RawSend:
		s.attempt(i, fmt.Sprintf("%s.send(%s)", on, pyBytes(c.Data.Bytes)))
	case trace.RawShutdown:
		s.attempt(i, on+".shutdown(socket.SHUT_WR)")
	case trace.RawClose:
		s.write("%s.close()", on)
	case trace.RawReset:
		s.imports = append(s.imports, "struct")
		s.write("%s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(\"ii\", 1, 0))", on)
		s.write("%s.close()", on)
	case trace.RawSockName:
		s.attempt(i, fmt.Sprintf("print(%s.getsockname())", on))
	case trace.RawPeerName:
		s.attempt(i, fmt.Sprintf("print(%s.getpeername())", on))
	case trace.RawRecv:
		if c.Ms != 0 {
			s.lacks = "receiving while nothing runs"
		}
		s.need("recv")
		args := on
		if c.N != nil {
			args += fmt.Sprintf(", %d", *c.N)
		}
		s.call(i, "recv("+args+")")
		return
	}
	s.early = s.early || len(s.bound) == 0
	s.due = !c.NoSettle && c.Op != trace.RawSockName && c.Op != trace.RawPeerName
}

// opened writes that asyncio makes something of the far end of a raw one.
func (s *short) opened(i int, format string, args ...any) {
	c, reply := s.transcript.Steps[i].Command, s.transcript.Steps[i].Reply
	if c.NoSettle || c.Exception != nil || c.Raw == "" || reply != nil && reply.Returned == nil {
		s.lacks = "opening it so, " + c.String()
		return
	}
	s.write(format, args...)
	s.bound[c.As] = true
	s.due = s.early
}

// open writes that asyncio makes a transport.
func (s *short) open(i int) {
	c := s.transcript.Steps[i].Command
	function, path := "create_connection", ""
	if s.ends[c.Raw] == trace.Unix {
		function = "create_unix_connection"
		if s.isOld() {
			path = "None, "
		}
	}
	s.bound[c.Protocol] = true
	s.opened(i, "%s, %s = await asyncio.get_event_loop().%s(%s, %ssock=%s_far)", s.object(c.As+".transport"), s.name(c.Protocol), function, s.className(c.Protocol), path, s.name(c.Raw))
}

// stream writes that asyncio makes a reader and a writer.
func (s *short) stream(i int) {
	c := s.transcript.Steps[i].Command
	function, limit := "open_connection", ""
	if s.ends[c.Raw] == trace.Unix {
		function = "open_unix_connection"
	}
	if c.Limit != nil {
		limit = fmt.Sprintf(", limit=%d", *c.Limit)
	}
	s.opened(i, "%s, %s = await asyncio.%s(sock=%s_far%s)", s.object(c.As+".reader"), s.object(c.As+".writer"), function, s.name(c.Raw), limit)
}

// callbacks are those of a protocol that have to be told of: it does something in them, they were called, somebody waits for them, or
// what is wrong is about them.
func (s *short) callbacks(c trace.Command) []trace.EventName {
	if c.Plain != nil && *c.Plain {
		return nil
	}
	wrong := strings.Join(about(s.transcript), "\n")
	var all []trace.EventName
	for _, callback := range trace.Callbacks {
		does := slices.ContainsFunc(c.Program, func(r trace.Reaction) bool { return r.In == callback })
		if does || callback != trace.ConnectionMade && s.recorded[callback] || strings.Contains(wrong, string(callback)) || callback == trace.ConnectionMade && s.usesSelf(c) {
			all = append(all, callback)
		}
	}
	return all
}

// usesSelf tells whether a protocol calls its own transport.
func (s *short) usesSelf(c trace.Command) bool {
	return slices.ContainsFunc(c.Program, func(r trace.Reaction) bool {
		return slices.ContainsFunc(r.Do, func(done trace.Command) bool {
			owner, part, _ := strings.Cut(done.On, ".")
			return part == "transport" && s.opensWith(owner) == c.As
		})
	})
}

// className is the class of a protocol.
func (s *short) className(protocol string) string {
	c := s.makers[protocol]
	if len(s.callbacks(c)) == 0 {
		return "asyncio.Protocol"
	}
	return "Protocol" + strings.ToUpper(s.name(protocol))
}

// instance is the variable of a protocol, which is made if it has not been.
func (s *short) instance(protocol string) string {
	if !s.bound[protocol] {
		s.bound[protocol] = true
		s.write("%s = %s()", s.name(protocol), s.className(protocol))
	}
	return s.name(protocol)
}

// class writes the class of a protocol, with the callbacks that are needed.
func (s *short) class(c trace.Command) {
	all := s.callbacks(c)
	if len(all) == 0 {
		return
	}
	s.classes, s.protocol = true, c.As
	defer func() { s.protocol = "" }()
	s.write("")
	s.write("class %s(asyncio.Protocol):", s.className(c.As))
	for _, callback := range all {
		argument := map[trace.EventName]string{trace.ConnectionMade: "transport", trace.DataReceived: "data", trace.ConnectionLost: "exc"}[callback]
		s.write("    def %s(self%s):", callback, prefixed(argument))
		if callback == trace.ConnectionMade {
			s.write("        self.transport = transport")
			argument = ""
		}
		if callback == trace.DataReceived && s.bytes > 200 {
			argument = "len(data)"
		}
		s.write("        print(%s%s)", pyText(c.As+"."+string(callback)), prefixed(argument))
		s.reactions(c, callback)
	}
	s.write("")
}

// reactions writes what a protocol does in a callback.
func (s *short) reactions(c trace.Command, callback trace.EventName) {
	counted := false
	for _, r := range c.Program {
		if r.In != callback {
			continue
		}
		indent := "        "
		if r.Nth > 0 {
			count := fmt.Sprintf("self.%s_calls", callback)
			if !counted {
				counted = true
				s.write("%s%s = getattr(self, %s, 0) + 1", indent, count, pyText(string(callback)+"_calls"))
			}
			s.write("%sif %s == %d:", indent, count, r.Nth)
			indent += "    "
		}
		for _, done := range r.Do {
			if done.Data != nil && done.Data.Form == trace.Mutated || done.Protocol != "" {
				s.lacks = "doing this in a callback, " + done.String()
			}
			s.write("%s%s(%s)", indent, s.method(done), s.connectionArguments(done))
		}
		switch {
		case r.Raise != nil:
			s.write("%sraise %s", indent, s.scriptedError(*r.Raise))
		case r.Return != nil:
			s.write("%sreturn %s", indent, pyValue(*r.Return))
		case len(r.Do) == 0:
			s.write("%spass", indent)
		}
	}
}
