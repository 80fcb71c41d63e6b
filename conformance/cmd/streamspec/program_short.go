package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

const noShortForm = "There is no short form of "

// shortProgram writes a transcript as a program for asyncio in few lines of plain calls, for a report of a fault. A transcript that
// has no short form is written in full.
func shortProgram(t *trace.Transcript) string {
	s := &short{
		program: newProgram(), transcript: t, helpers: map[string]bool{}, byHand: map[string]bool{},
		ends: map[string]trace.EndKind{}, kinds: map[string]string{}, makers: map[string]trace.Command{}, bound: map[string]bool{},
	}
	s.error, s.part = "Exception", s.partOf
	s.prepare()
	for i := range t.Steps {
		if s.shortStep(i); s.ended || s.lacks != "" {
			break
		}
	}
	s.windUp()
	if s.lacks != "" {
		return comments([]string{noShortForm + s.lacks + "."}) + pythonProgram(t)
	}
	return s.text()
}

// A short is a short program being written.
type short struct {
	*program
	transcript *trace.Transcript
	lacks      string // what has no short form

	imports []string // besides asyncio
	helpers map[string]bool
	body    []string

	wires     bool                     // there are connections
	ends      map[string]trace.EndKind // raw ends
	kinds     map[string]string        // of calls that opened something: transport, stream or server
	makers    map[string]trace.Command // of protocols
	byHand    map[string]bool          // writers made by hand
	bound     map[string]bool          // protocols that are variables already
	classes   bool                     // there are classes of protocols
	single    bool                     // one connection is opened
	bytes     int                      // of data, in all
	recorded  map[trace.EventName]bool // events
	cancelled map[string]bool          // calls that are cancelled some time
	pending   []string                 // calls that have been started and not been told of
	due       bool                     // something may have to run before the next call
	listens   string                   // the address at which there is a server
	early     bool                     // a raw end has been used before it was opened
	ended     bool                     // nothing of what follows is to be seen
	protocol  string                   // whose callbacks are being written
}

// prepare looks at the whole transcript.
func (s *short) prepare() {
	opened := 0
	s.recorded, s.cancelled = map[trace.EventName]bool{}, map[string]bool{}
	for _, step := range s.transcript.Steps {
		c := step.Command
		switch c.Op {
		case trace.ConnectionOpen, trace.StreamOpen, trace.StreamServe:
			opened++
			s.kinds[c.As] = map[trace.Op]string{trace.ConnectionOpen: "transport", trace.StreamOpen: "stream", trace.StreamServe: "server"}[c.Op]
		case trace.Cancel:
			s.cancelled[c.On] = true
		case trace.Run:
			s.recorded[c.Until.Event] = true
		}
		if c.Data != nil {
			s.bytes += len(c.Data.Bytes)
		}
		for _, d := range c.Chunks {
			s.bytes += len(d.Bytes)
		}
		if step.Reply != nil {
			for _, e := range step.Reply.Events {
				s.recorded[e.Ev] = true
				if e.Ev == trace.Did && e.Raised != nil {
					s.lacks = "a call that raises inside a callback"
				}
			}
		}
	}
	s.single = opened == 1
}

// text puts the program together.
func (s *short) text() string {
	var b strings.Builder
	b.WriteString(comments(about(s.transcript)))
	b.WriteString("import asyncio\n")
	slices.Sort(s.imports)
	for _, name := range slices.Compact(s.imports) {
		b.WriteString("import " + name + "\n")
	}
	for _, helper := range shortHelpers {
		if s.helpers[helper.name] {
			b.WriteString("\n" + helper.text)
		}
	}
	b.WriteString("\nasync def main():\n")
	for _, line := range s.body {
		b.WriteString(strings.TrimRight("    "+line, " ") + "\n")
	}
	if s.isOld() {
		return b.String() + "\nasyncio.get_event_loop().run_until_complete(main())\n"
	}
	return b.String() + "\nasyncio.run(main())\n"
}

// isOld tells whether the transcript was recorded from Python 3.6, which lacks some of what later ones have.
func (s *short) isOld() bool {
	i := s.transcript.Implementation
	return i != nil && strings.HasPrefix(i.Version, "3.6.")
}

// about says what is wrong with a transcript, in lines: the rule, what came back and what was permitted.
func about(t *trace.Transcript) []string {
	var lines []string
	if t.Case != "" {
		lines = append(lines, "The case: "+t.Case)
	}
	if len(t.Violations) > 0 {
		v := t.Violations[max(0, slices.IndexFunc(t.Violations, func(v trace.Violation) bool { return v.Rule != "" }))]
		if catalogue, err := spec.Load(); err == nil {
			if rule, ok := catalogue.Rule(v.Rule); ok {
				lines = append(lines, fmt.Sprintf("%s (%s): %s", rule.ID, rule.Level, rule.Statement))
			}
		}
		lines = append(lines, strings.Split(v.Text, "\n")...)
	}
	if i := t.Implementation; i != nil {
		lines = append(lines, strings.TrimSpace("Seen on "+i.Name+" "+i.Version)+".")
	}
	for i := range lines {
		lines[i] = strings.TrimRight(oneLine(lines[i]), " ")
	}
	return lines
}

// shortHelpers are what short programs may need, in order.
var shortHelpers = []struct{ name, text string }{
	{"outcome", `async def outcome(call):  # what it comes back with; TimeoutError() when it waits
    return repr(*await asyncio.gather(asyncio.wait_for(call, 1), return_exceptions=True))[:200]
`},
	{"recv", `def recv(end, n=-1):  # so many bytes or all, in a thread
    return asyncio.get_event_loop().run_in_executor(None, end.makefile("rb", 1).read, n)
`},
	{"tcp", `def tcp():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        return socket.create_connection(listener.getsockname()), listener.accept()[0]
`},
	{"Transport", `class Transport(asyncio.Transport):
    def pause_reading(self):
        print("pause_reading")

    def resume_reading(self):
        print("resume_reading")

    def is_closing(self):
        return False

    def close(self):
        pass
`},
}

func (s *short) need(helper string) { s.helpers[helper] = true }

// write adds a line.
func (s *short) write(format string, args ...any) {
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	s.body = append(s.body, strings.TrimRight(text, " "))
}

// settle writes that everything may run that can.
func (s *short) settle() {
	s.due = false
	if s.wires {
		s.write("await asyncio.sleep(0.1)")
	} else {
		s.write("await asyncio.sleep(0.01)")
	}
}

// partOf is the variable or the expression of what belongs to a connection or a server.
func (s *short) partOf(name string) string {
	owner, part, _ := strings.Cut(name, ".")
	if expression := client(name); expression != "" {
		return expression
	}
	prefix := ""
	if !s.single {
		prefix = s.name(owner) + "_"
	}
	writer := prefix + "writer"
	switch kind := s.kinds[owner]; {
	case kind == "transport" && part == "transport" && s.protocol != "" && s.makers[s.protocol].As != "" && s.opensWith(owner) == s.protocol:
		return "self.transport"
	case kind == "transport" && part == "protocol":
		return prefix + "transport.get_protocol()"
	case kind == "stream" && part == "transport":
		return writer + ".transport"
	case kind == "stream" && part == "protocol":
		return writer + ".transport.get_protocol()"
	case kind != "":
		return prefix + part
	}
	s.lacks = name
	return name
}

// opensWith is the protocol that a connection begins with.
func (s *short) opensWith(connection string) string {
	for _, step := range s.transcript.Steps {
		if step.Command.As == connection {
			return step.Command.Protocol
		}
	}
	return ""
}

// shortStep writes the lines of a step.
func (s *short) shortStep(i int) {
	c, reply := s.transcript.Steps[i].Command, s.transcript.Steps[i].Reply
	if reply != nil && (reply.Unsupported != "" || reply.Fault != "") {
		s.lacks = "what could not be carried out, " + c.String()
		return
	}
	if s.due && c.Op != trace.Run && c.Op != trace.Settle && trace.Spec(c.Op).Style != trace.Make {
		s.settle()
	}
	switch c.Op {
	case trace.ReaderMake:
		args := ""
		if c.Limit != nil {
			args = fmt.Sprintf("limit=%d", *c.Limit)
		}
		s.sync(i, fmt.Sprintf("%s = asyncio.StreamReader(%s)", s.name(c.As), args))
	case trace.MockMake:
		s.need("Transport")
		s.write("%s = Transport()", s.name(c.As))
		if c.CanPause != nil && !*c.CanPause {
			s.write("%s.pause_reading = asyncio.Transport().pause_reading  # not implemented", s.name(c.As))
		}
	case trace.ReaderProtocolMake:
		args := s.name(c.Reader)
		switch c.Callback {
		case "":
		case trace.Function:
			args += `, lambda reader, writer: print("connected")`
		default:
			s.lacks = "a callback of the form " + string(c.Callback)
		}
		s.write("%s = asyncio.StreamReaderProtocol(%s)", s.name(c.As), args)
	case trace.WriterMake:
		reader := "None"
		if c.Reader != "" {
			reader = s.name(c.Reader)
		}
		s.byHand[c.As] = true
		s.write("%s = asyncio.StreamWriter(%s, %s, %s, asyncio.get_event_loop())", s.name(c.As), s.name(c.Transport), s.name(c.Protocol), reader)
	case trace.ReaderRead, trace.ReaderReadExactly, trace.ReaderReadLine, trace.ReaderReadUntil:
		s.call(i, s.method(c)+"("+s.arguments(c)+")")
	case trace.WriterDrain, trace.WriterWaitClosed:
		if c.Eager != nil {
			s.lacks = "a call that is run by hand"
		}
		s.call(i, s.method(c)+"()")
	case trace.ReaderIterate:
		s.iterate(i)
	case trace.Cancel:
		if strings.Contains(c.On, "#") {
			s.lacks = c.String()
		}
		if !slices.Contains(s.pending, c.On) {
			break // it has come back, and is left alone
		}
		s.write("%s.cancel()", s.name(c.On))
		s.due = !c.NoSettle
	case trace.Turn:
		for range min(*c.N, 3) {
			s.write("await asyncio.sleep(0)")
		}
		if *c.N > 3 {
			s.lacks = "many turns"
		}
	case trace.Settle:
		s.due = s.wires || len(s.pending) > 0
	case trace.Run:
		if c.Until.Done != "" {
			s.tell(c.Until.Done)
			break
		}
		s.settle()
	case trace.Forget:
		if !s.onlyControls(i + 1) {
			s.lacks = "dropping things, " + c.String()
		}
		s.ended = true
		return
	case trace.ReaderSetTransport, trace.ReaderFeedData, trace.ReaderFeedEOF, trace.ReaderSetException, trace.ReaderException, trace.ReaderAtEOF,
		trace.ProtocolConnectionMade, trace.ProtocolDataReceived, trace.ProtocolEOFReceived, trace.ProtocolConnectionLost,
		trace.ProtocolPauseWriting, trace.ProtocolResumeWriting:
		s.plain(i)
	default:
		s.connection(i)
	}
	s.finished(i)
}

// method is the bound method that a command calls.
func (s *short) method(c trace.Command) string {
	_, method, _ := strings.Cut(string(c.Op), ".")
	return s.object(c.On) + "." + method
}

// plain writes a call that does not wait.
func (s *short) plain(i int) {
	c := s.transcript.Steps[i].Command
	mutated := c.Data != nil && c.Data.Form == trace.Mutated
	if mutated {
		s.write("data = %s", pyData(*c.Data))
	}
	args := s.connectionArguments(c)
	if c.Op == trace.ReaderSetException && c.Exception == nil {
		args = "None"
	}
	if c.Protocol != "" {
		args = s.instance(c.Protocol)
	}
	s.sync(i, s.method(c)+"("+args+")")
	if mutated {
		s.write("data[:] = bytes(byte ^ 0xFF for byte in data)")
	}
}

// sync writes a call that does not wait, and what comes of it.
func (s *short) sync(i int, text string) {
	c, reply := s.transcript.Steps[i].Command, s.transcript.Steps[i].Reply
	row := trace.Spec(c.Op)
	if row.Result == "none" {
		if row.Style != trace.Make {
			s.due = !c.NoSettle && (s.wires || len(s.pending) > 0)
		}
	} else {
		_, method, _ := strings.Cut(string(c.Op), ".")
		text = fmt.Sprintf("print(%s, %s)", pyText(method+":"), text)
	}
	if row.Result != "none" && reply != nil && reply.Raised == nil {
		text += remark(reply)
	}
	s.attempt(i, text)
}

// attempt writes a call that may have failed.
func (s *short) attempt(i int, text string) {
	reply := s.transcript.Steps[i].Reply
	switch {
	case reply == nil || reply.Raised == nil:
		s.write("%s", text)
	case s.onlyControls(i+1) && len(s.pending) == 0:
		s.write("%s%s", text, remark(reply))
		s.ended = true
	default:
		s.write("try:")
		s.write("    %s%s", text, remark(reply))
		s.write("except Exception as exc:")
		s.write("    print(repr(exc))")
	}
}

// remark says what was recorded, at the end of a line.
func remark(reply *trace.Reply) string {
	if reply == nil {
		return "  # no reply"
	}
	text := []rune(oneLine(reply.String()))
	if len(text) > 80 {
		text = append(text[:80], '…')
	}
	return "  # " + string(text)
}

// onlyControls tells whether nothing is called from a step on.
func (s *short) onlyControls(i int) bool {
	for _, step := range s.transcript.Steps[i:] {
		switch step.Command.Op {
		case trace.Run, trace.Settle, trace.Forget, trace.Turn:
		default:
			return false
		}
	}
	return true
}

// call writes a call that may wait: one that had come back at once, or that nothing follows, is waited for, any other one is started.
func (s *short) call(i int, text string) {
	s.need("outcome")
	c, reply := s.transcript.Steps[i].Command, s.transcript.Steps[i].Reply
	atOnce := reply != nil && reply.Pending == "" && !c.NoSettle
	if atOnce || s.onlyControls(i+1) && !s.cancelled[c.As] {
		s.write("print(%s, await outcome(%s))%s", pyText(c.As+":"), text, remark(reply))
		s.due = c.Op == trace.RawRecv && (s.classes || !s.onlyControls(i+1))
		return
	}
	s.write("%s = asyncio.ensure_future(%s)", s.name(c.As), text)
	s.pending = append(s.pending, c.As)
	s.due = !c.NoSettle
}

// tell writes what has become of a call, if that has not been told.
func (s *short) tell(call string) {
	if i := slices.Index(s.pending, call); i >= 0 {
		s.pending = slices.Delete(s.pending, i, i+1)
		s.write("print(%s, await outcome(%s))", pyText(call+":"), s.name(call))
		s.due = false
	}
}

// finished tells of the calls that had finished by the end of a step.
func (s *short) finished(i int) {
	reply := s.transcript.Steps[i].Reply
	if reply == nil || s.ended {
		return
	}
	for _, e := range reply.Events {
		if e.Ev == trace.Finished {
			s.tell(e.On)
		}
	}
}

// windUp tells of what still waits.
func (s *short) windUp() {
	pending := slices.Clone(s.pending)
	if s.due && len(pending) == 0 && s.wires && !s.ended {
		s.settle()
	}
	for _, call := range pending {
		s.tell(call)
	}
	if len(s.body) == 0 {
		s.write("pass")
	}
}

// iterate writes that a reader is iterated over.
func (s *short) iterate(i int) {
	c := s.transcript.Steps[i].Command
	if c.N != nil {
		s.lacks = "leaving a loop early"
	}
	name := s.name(c.As) + "_lines"
	s.write("async def %s():", name)
	s.write("    async for line in %s:", s.object(c.On))
	s.write("        print(%s, line)", pyText(c.As+":"))
	s.call(i, name+"()")
}
