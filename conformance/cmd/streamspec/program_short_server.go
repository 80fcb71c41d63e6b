package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// server writes the lines of a step about servers and their clients. Of addresses only those have a short form at which one server
// listens, at a port or a path of its own.
func (s *short) server(i int) {
	c := s.transcript.Steps[i].Command
	switch c.Op {
	case trace.AddressMake:
		if c.Host != nil || c.Port != nil || c.State != "" && c.State != trace.Free {
			s.lacks = "such an address, " + c.String()
		}
	case trace.StreamServe:
		s.serve(i)
	case trace.RawConnect:
		s.connect(c)
	case trace.ServerClose, trace.ServerIsServing, trace.ServerCloseClients, trace.ServerAbortClients:
		s.plain(i)
	case trace.ServerWaitClosed, trace.ServerStartServing:
		s.call(i, s.method(c)+"()")
	case trace.Release:
		_, number, _ := strings.Cut(c.On, "#")
		if number == "" || c.Exception != nil {
			s.lacks = c.String()
		}
		s.write("released[%s].set()", number)
		s.due = !c.NoSettle
	default:
		s.lacks = string(c.Op)
	}
}

// serve writes a server's callback and that asyncio starts the server.
func (s *short) serve(i int) {
	c, reply := s.transcript.Steps[i].Command, s.transcript.Steps[i].Reply
	simple := c
	simple.Limit, simple.Backlog, simple.StartServing, simple.Program = nil, nil, nil, nil
	plain := trace.Command{Op: c.Op, As: c.As, Kind: c.Kind, Callback: c.Callback, Addresses: c.Addresses}
	if simple.String() != plain.String() || len(c.Addresses) != 1 || s.listens != "" || c.Callback != trace.Function && c.Callback != trace.Coroutine || reply != nil && reply.Returned == nil {
		s.lacks = "such a server, " + c.String()
		return
	}
	s.listens = c.Addresses[0]
	s.clientConnected(c)
	var options string
	if c.Limit != nil {
		options += fmt.Sprintf(", limit=%d", *c.Limit)
	}
	if c.Backlog != nil {
		options += fmt.Sprintf(", backlog=%d", *c.Backlog)
	}
	if c.StartServing != nil {
		options += ", start_serving=" + pyValue(trace.BoolValue(*c.StartServing))
	}
	server := s.object(c.As + ".server")
	if c.Kind == trace.Unix {
		s.imports = append(s.imports, "tempfile")
		s.write("%s = await asyncio.start_unix_server(connected, tempfile.mkdtemp() + \"/socket\"%s)", server, options)
	} else {
		s.write("%s = await asyncio.start_server(connected, \"127.0.0.1\", 0%s)", server, options)
	}
	s.write("address = %s.sockets[0].getsockname()", server)
}

// clientConnected writes the callback of a server.
func (s *short) clientConnected(c trace.Command) {
	s.write("clients, released = [], {}")
	s.write("")
	async := ""
	if c.Callback == trace.Coroutine {
		async = "async "
	}
	s.write("%sdef connected(reader, writer):", async)
	s.write("    clients.append((reader, writer))")
	s.write("    call = len(clients)")
	s.write("    print(\"connected:\", call)")
	for _, r := range c.Program {
		indent := "    "
		if r.Nth > 0 {
			s.write("    if call == %d:", r.Nth)
			indent += "    "
		}
		for _, done := range r.Do {
			if done.Data != nil && done.Data.Form == trace.Mutated || done.Protocol != "" {
				s.lacks = "doing this in a callback, " + done.String()
			}
			s.write("%s%s(%s)", indent, s.method(done), s.connectionArguments(done))
		}
		if r.Hold && c.Callback == trace.Coroutine {
			s.write("%sreleased[call] = asyncio.Event()", indent)
			s.write("%sawait released[call].wait()", indent)
		}
		switch {
		case r.Raise != nil:
			s.write("%sraise %s", indent, s.scriptedError(*r.Raise))
		case r.Return != nil:
			s.write("%sreturn %s", indent, pyValue(*r.Return))
		}
	}
	s.write("")
}

// connect writes that a client connects.
func (s *short) connect(c trace.Command) {
	if c.Address != s.listens || c.Buffer != 0 {
		s.lacks = "connecting so, " + c.String()
		return
	}
	s.imports = append(s.imports, "socket")
	s.ends[c.As] = c.Kind
	family := "AF_INET"
	if c.Kind == trace.Unix {
		family = "AF_UNIX"
	}
	s.write("%s = socket.socket(socket.%s)", s.name(c.As), family)
	s.write("%s.settimeout(1)", s.name(c.As))
	s.write("%s.connect(address)", s.name(c.As))
	s.due = !c.NoSettle
}

// client is the expression of what belongs to a connection that a server has accepted: s#1.writer.
func client(name string) string {
	call, part, _ := strings.Cut(name, ".")
	_, number, _ := strings.Cut(call, "#")
	n, err := strconv.Atoi(number)
	if err != nil {
		return ""
	}
	writer := fmt.Sprintf("clients[%d][1]", n-1)
	return map[string]string{
		"reader": fmt.Sprintf("clients[%d][0]", n-1), "writer": writer,
		"transport": writer + ".transport", "protocol": writer + ".transport.get_protocol()",
	}[part]
}
