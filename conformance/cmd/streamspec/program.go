package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// pythonProgram writes a transcript as a program for asyncio, Python 3.6 and later, which needs nothing of ours.
func pythonProgram(t *trace.Transcript) string {
	p := newProgram()
	for _, s := range t.Steps {
		p.step(s)
	}
	var out strings.Builder
	out.WriteString(p.docstring(t))
	out.WriteString("import asyncio\n")
	if p.connections {
		out.WriteString("import fcntl\nimport os\nimport select\nimport socket\nimport struct\nimport tempfile\nimport time\n")
	}
	if p.places {
		out.WriteString("import contextlib\nimport pathlib\n")
	}
	out.WriteString(programHelpers)
	if p.connections {
		out.WriteString(programConnections)
	}
	for _, part := range []struct {
		needed bool
		text   string
	}{
		{p.places, programPlaces}, {p.resolver, programResolver}, {p.clock, programClock},
	} {
		if part.needed {
			out.WriteString(part.text)
		}
	}
	if p.mocks {
		out.WriteString(programTransport)
	}
	if p.scripted {
		out.WriteString(programScripted)
	}
	if p.iterates {
		out.WriteString(programIterate)
	}
	out.WriteString("\n\nasync def main():\n")
	out.WriteString(p.body.String())
	if p.places {
		out.WriteString(programLeave)
	}
	out.WriteString(programMain)
	if p.resolver {
		out.WriteString("loop.getaddrinfo = lambda *where, **what: asyncio.ensure_future(resolve(*where, **what))\n")
	}
	out.WriteString("loop.run_until_complete(main())\nloop.close()\n")
	return out.String()
}

const programHelpers = `
waiting = {}  # calls that have not finished yet, by name


def show(text, function, *arguments, **options):
    """Call something that does not wait."""
    try:
        result = function(*arguments, **options)
    except Exception as exc:
        print("%s raised %r" % (text, exc))
        return None
    print(text if result is None else "%s returned %r" % (text, result))
    return result


def start(name, text, function, *arguments, **options):
    """Start something that may wait."""
    print("%s = %s" % (name, text))
    try:
        task = asyncio.ensure_future(function(*arguments, **options))
    except Exception as exc:
        print("%s raised %r" % (name, exc))
        return None
    waiting[name] = task
    return task


async def settle():
    """Let everything run that can, and tell which calls have finished."""
    for _ in range(20):
        await asyncio.sleep(0)
    for name, task in list(waiting.items()):
        if task.done():
            del waiting[name]
            if task.cancelled():
                print("    %s was cancelled" % name)
            elif task.exception() is not None:
                print("    %s raised %r" % (name, task.exception()))
            else:
                print("    %s returned %r" % (name, task.result()))
`

const programTransport = `

class Transport(asyncio.Transport):
    """Tells that it was paused or resumed."""

    def __init__(self, name, can_pause=True):
        super().__init__()
        self.name, self.can_pause = name, can_pause

    def pause_reading(self):
        if not self.can_pause:
            raise NotImplementedError
        print("    %s.pause_reading()" % self.name)

    def resume_reading(self):
        print("    %s.resume_reading()" % self.name)

    def is_closing(self):
        return False

    def close(self):
        pass
`

const programScripted = `

class ScriptedError(Exception):
    """The exception that is set."""
`

const programIterate = `

async def iterate(name, reader, most=None):
    """Iterate over a reader; leave the loop after so many items."""
    items = 0
    if items == most:
        return
    async for item in reader:
        print("    %s got %r" % (name, item))
        items += 1
        if items == most:
            return
`

const programMain = `
    for task in waiting.values():
        task.cancel()
    if waiting:
        print("still waiting: " + ", ".join(waiting))
        await asyncio.wait(list(waiting.values()))


loop = asyncio.new_event_loop()
`

// A program is a Python program being written.
type program struct {
	body                      strings.Builder
	names                     map[string]string // of objects and calls, in Python
	used                      map[string]bool
	live                      []string // names of pending calls, in Python
	mocks, scripted, iterates bool
	connections               bool
	places, resolver, clock   bool

	part  func(name string) string // the expression of what belongs to a connection or a server
	error string                   // the class of the exceptions that are set and raised
}

func newProgram() *program {
	return &program{
		names: map[string]string{}, used: map[string]bool{}, error: "ScriptedError",
		part: func(name string) string { return "named[" + pyText(name) + "]" },
	}
}

// docstring says where the program comes from, in comments.
func (p *program) docstring(t *trace.Transcript) string {
	var lines []string
	if t.Case != "" {
		lines = append(lines, "The case: "+t.Case)
	}
	if t.Implementation != nil {
		lines = append(lines, "Recorded from: "+introduce(*t.Implementation))
	}
	for i, v := range t.Violations {
		if i == mostRecorded {
			lines = append(lines, fmt.Sprintf("… and %d more", len(t.Violations)-i))
			break
		}
		lines = append(lines, strings.Split("Broken: "+v.String(), "\n")...)
	}
	return comments(append(lines, "The comments at the ends of lines are what was recorded."))
}

// comments writes lines as comments of Python.
func comments(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(strings.TrimRight("# "+oneLine(line), " ") + "\n")
	}
	return b.String()
}

func (p *program) line(text string, recorded string) {
	if recorded != "" {
		text += "  # " + oneLine(recorded)
	}
	p.body.WriteString(strings.TrimRight("    "+text, " ") + "\n")
}

// oneLine makes a text fit for a comment.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}

// name is the Python name of an object.
func (p *program) name(name string) string {
	if py, ok := p.names[name]; ok {
		return py
	}
	py := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, name)
	if py == "" || py[0] >= '0' && py[0] <= '9' || slices.Contains(reserved, py) {
		py = "_" + py
	}
	for p.used[py] {
		py += "_"
	}
	p.names[name], p.used[py] = py, true
	return py
}

// reserved are Python's keywords, and the names that the program itself uses.
var reserved = strings.Fields(`False None True and as assert async await break class continue def del elif else except finally for from
	global if import in is lambda nonlocal not or pass raise return try while with yield
	asyncio waiting show start settle Transport ScriptedError iterate main loop task list print data bytearray memoryview bytes
	named Raw Protocol shorten connect open_stream until reaction fcntl os select socket struct tempfile time hasattr tuple
	contextlib pathlib Address directory PORT counts ended released errors keep open_to serve context connected telling hold release
	answers asked waiters answer resolve clock freeze advance call reader writer transport exc self line outcome recv tcp repr len bool clients address server`)

// step writes the lines of a step.
func (p *program) step(s trace.Step) {
	c, recorded := s.Command, recordedText(s.Reply)
	on := ""
	if c.On != "" {
		on = p.object(c.On)
	}
	settle := !c.NoSettle
	_, method, _ := strings.Cut(string(c.Op), ".")
	if s.Reply != nil && s.Reply.Unsupported != "" {
		p.line("# "+c.String(), recorded)
		return
	}
	switch c.Op {
	case trace.ReaderMake:
		args := ""
		if c.Limit != nil {
			args = fmt.Sprintf("limit=%d", *c.Limit)
		}
		name := p.name(c.As)
		if recorded == "" {
			p.line(fmt.Sprintf("%s = asyncio.StreamReader(%s)", name, args), "")
		} else {
			p.line(fmt.Sprintf("%s = show(%s, asyncio.StreamReader%s)", name, pyText("StreamReader("+args+")"), prefixed(args)), recorded)
		}
		settle = false
	case trace.MockMake:
		p.mocks = true
		name := p.name(c.As)
		args := pyText(name)
		if c.CanPause != nil && !*c.CanPause {
			args += ", can_pause=False"
		}
		p.line(fmt.Sprintf("%s = Transport(%s)", name, args), "")
		settle = false
	case trace.ReaderSetTransport:
		p.call(on, method, p.name(c.Transport), recorded)
	case trace.ReaderFeedData:
		if c.Data.Form == trace.Mutated {
			p.line(fmt.Sprintf("data = bytearray(%s)", pyBytes(c.Data.Bytes)), "")
			p.call(on, method, "data", recorded)
			p.line("data[:] = bytes(byte ^ 0xFF for byte in data)", "the buffer changes before anything runs")
			break
		}
		p.call(on, method, pyData(*c.Data), recorded)
	case trace.ReaderSetException:
		arg := "None"
		if c.Exception != nil {
			arg = p.scriptedError(*c.Exception)
		}
		p.call(on, method, arg, recorded)
	case trace.ReaderFeedEOF, trace.ReaderException, trace.ReaderAtEOF:
		p.call(on, method, "", recorded)
	case trace.ReaderRead, trace.ReaderReadExactly, trace.ReaderReadLine, trace.ReaderReadUntil:
		p.start(c.As, on+"."+method, p.arguments(c), recorded)
	case trace.ReaderIterate:
		p.iterates = true
		args := pyText(c.As) + ", " + on
		if c.N != nil {
			args += fmt.Sprintf(", %d", *c.N)
		}
		p.start(c.As, "iterate", args, recorded)
	case trace.Cancel:
		p.line(fmt.Sprintf("print(%s)", pyText(on+".cancel()")), recorded)
		if strings.Contains(c.On, "#") { // a function cannot be cancelled
			p.line(fmt.Sprintf("if %s in named:", pyText(c.On)), "")
			on = "    " + on
		}
		p.line(fmt.Sprintf("%s.cancel()", on), "")
	case trace.Turn:
		p.line(fmt.Sprintf("for _ in range(%d):", *c.N), recorded)
		p.line("    await asyncio.sleep(0)", "")
		settle = false
	case trace.Settle:
		settle = true
	case trace.Run:
		p.wait(*c.Until, c.Ms, recorded)
	case trace.Forget:
		p.forget(c.Names)
	case trace.Collect:
		for _, name := range c.Names {
			p.line(fmt.Sprintf("del %s", p.object(name)), "")
		}
		p.line("__import__(\"gc\").collect()", recorded)
	default:
		p.connectionStep(c, recorded)
	}
	if settle {
		p.line("await settle()", "")
	}
}

// call writes a call that does not wait.
func (p *program) call(on, method, args, recorded string) {
	text := fmt.Sprintf("%s.%s(%s)", on, method, args)
	p.line(fmt.Sprintf("show(%s, %s.%s%s)", pyText(text), on, method, prefixed(args)), recorded)
}

// start writes a call that may wait.
func (p *program) start(as, function, args, recorded string) {
	name := p.name(as)
	p.live = append(p.live, name)
	p.line(fmt.Sprintf("%s = start(%s, %s, %s%s)", name, pyText(name), pyText(function+"("+args+")"), function, prefixed(args)), recorded)
}

func prefixed(args string) string {
	if args == "" {
		return ""
	}
	return ", " + args
}

// arguments are those of a reading call.
func (p *program) arguments(c trace.Command) string {
	switch {
	case c.N != nil:
		return fmt.Sprint(*c.N)
	case c.Separator != nil:
		return pyData(*c.Separator)
	case c.Separators != nil:
		parts := make([]string, len(c.Separators))
		for i, d := range c.Separators {
			parts[i] = pyData(d)
		}
		text := strings.Join(parts, ", ")
		if len(parts) == 1 {
			text += ","
		}
		return "(" + text + ")"
	}
	return ""
}

// forget drops calls: those that wait are cancelled, and nothing is said of them.
func (p *program) forget(names []string) {
	forgotten := p.live
	if names != nil {
		forgotten = nil
		for _, n := range names {
			if name := p.name(n); slices.Contains(p.live, name) {
				forgotten = append(forgotten, name)
			}
		}
	}
	for _, name := range forgotten {
		p.line(fmt.Sprintf("if waiting.pop(%s, None):", pyText(name)), "")
		p.line(fmt.Sprintf("    %s.cancel()", name), "")
		p.live = slices.DeleteFunc(slices.Clone(p.live), func(n string) bool { return n == name })
	}
}

// recordedText shows what was recorded of a step; that nothing special came back is not worth a word.
func recordedText(r *trace.Reply) string {
	if r == nil {
		return "no reply"
	}
	text := strings.Join(outcomeLines(*r), ", ")
	return strings.TrimPrefix(strings.TrimPrefix(text, "returned none"), ", ")
}

// pyData writes data in their form.
func pyData(d trace.Data) string {
	b := pyBytes(d.Bytes)
	switch d.Form {
	case trace.ByteArray, trace.Mutated:
		return "bytearray(" + b + ")"
	case trace.View:
		return "memoryview(" + b + ")"
	case trace.Wide:
		if len(d.Bytes) == 0 { // an empty view cannot be cast
			return "memoryview(b'')"
		}
		return "memoryview(" + b + ").cast('I')"
	case trace.AsText:
		return pyQuote(d.Bytes) // escapes mean the same in texts
	case trace.AsNone:
		return "None"
	case trace.AsInt:
		if len(d.Bytes) == 0 {
			return "1"
		}
		return "int(" + b + ")"
	case trace.AsList:
		return "[" + b + "]"
	}
	return b
}

// pyBytes writes a bytes literal, runs of a byte shortened.
func pyBytes(b trace.Bytes) string {
	var parts []string
	for _, r := range runs(b) {
		part := "b" + pyQuote(r.bytes)
		if r.times > 1 {
			part += fmt.Sprintf(" * %d", r.times)
		}
		parts = append(parts, part)
	}
	switch len(parts) {
	case 0:
		return "b''"
	case 1:
		return parts[0]
	}
	return "(" + strings.Join(parts, " + ") + ")"
}

// A run is a part of some bytes: a long run of one byte, or what is between such.
type run struct {
	bytes []byte
	times int
}

// runs divides bytes into runs.
func runs(b []byte) []run {
	const most = 64
	var all []run
	for i := 0; i < len(b); {
		n := 1
		for i+n < len(b) && b[i+n] == b[i] {
			n++
		}
		if n >= most {
			all = append(all, run{b[i : i+1], n})
			i += n
			continue
		}
		j := i + n
		for j < len(b) && !slices.Equal(b[j:min(j+most, len(b))], slices.Repeat(b[j:j+1], most)) {
			j++
		}
		all = append(all, run{b[i:j], 1})
		i = j
	}
	return all
}

// pyText writes a literal of a text that holds no more than Latin-1, whose bytes it is given as.
func pyText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func pyQuote(b []byte) string {
	var s strings.Builder
	s.WriteByte('\'')
	for _, c := range b {
		switch {
		case c == '\'' || c == '\\':
			s.WriteByte('\\')
			s.WriteByte(c)
		case c == '\n':
			s.WriteString(`\n`)
		case c == '\r':
			s.WriteString(`\r`)
		case c == '\t':
			s.WriteString(`\t`)
		case c < 0x20 || c >= 0x7f:
			fmt.Fprintf(&s, `\x%02x`, c)
		default:
			s.WriteByte(c)
		}
	}
	s.WriteByte('\'')
	return s.String()
}
