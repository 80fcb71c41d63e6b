package fuzz

import (
	"reflect"
	"strconv"

	"github.com/streamspec/streamspec/spec/trace"
)

// A Kind is a kind of program: what it is about.
type Kind int

// The kinds of program.
const (
	Readers    Kind = iota // a reader that is fed by hand, perhaps with a transport that it pauses and resumes
	Streams                // a reader and a writer over a connection: what they do, and flow control
	Transports             // a transport with a programmable protocol over a connection
	Servers                // a server and its clients
	kinds
)

// mostCommands is how many commands a decoded program has at most, besides those that it begins with.
const mostCommands = 8

// Decode makes a program of any bytes, for engines that look for inputs by coverage. The first byte says what it begins with; then
// comes one byte for each command, and behind it the bytes of its arguments. Data stand in the input as they are. What is missing
// at the end is zero.
func Decode(data []byte, kind Kind) Program { return new(Decoder).Decode(nil, data, kind) }

// A code is what a byte stands for: a command, and what of it follows in further bytes.
type code struct {
	op   trace.Op
	on   string
	args []codec
}

// A codec is an argument.
type codec struct {
	decode func(*Decoder, *trace.Command)
	encode func([]byte, *trace.Command) []byte
}

// A plan is how programs of a kind are encoded.
type plan struct {
	begin  func(how byte) Program
	styles int // how many values of the first byte make a difference
	codes  []code
}

var plans = [kinds]plan{Readers: readers, Streams: streams, Transports: transports, Servers: servers}

// hasty is the bit of a command's byte that asks for the reply at once, where that leaves the monitors something to say. Each such
// command multiplies what they have to follow, so there are few of them.
const (
	hasty     = 0x80
	mostHasty = 3
)

// A Decoder decodes one program after the other, in the same memory.
type Decoder struct {
	rest    []byte
	calls   int // that were started
	hasty   int // commands so far
	written int // bytes to the other end
	awaited int // bytes that the other end has asked for

	data  []trace.Data // room for arguments, of which some are taken
	ints  []int
	begun [kinds][]Program // what programs begin with, once it was asked for
}

// Decode is like the function of that name, but appends the program to one. The next call may change what this one has returned.
func (d *Decoder) Decode(to Program, data []byte, kind Kind) Program {
	if d.data == nil {
		d.data, d.ints = make([]trace.Data, 0, 2*mostCommands), make([]int, 0, 2*mostCommands)
	}
	d.data, d.ints = d.data[:0], d.ints[:0]
	d.rest, d.calls, d.hasty, d.written, d.awaited = data, 0, 0, 0, 0
	p := &plans[kind]
	if d.begun[kind] == nil {
		d.begun[kind] = make([]Program, p.styles)
		for how := range d.begun[kind] {
			d.begun[kind][how] = p.begin(byte(how))
		}
	}
	to = append(to, d.begun[kind][int(d.next())%p.styles]...)
	for end := len(to) + mostCommands; len(d.rest) > 0 && len(to) < end; {
		b := d.next()
		c := &p.codes[int(b&^hasty)%len(p.codes)]
		to = append(to, trace.Command{Op: c.op, On: c.on})
		if !d.command(&to[len(to)-1], c, b&hasty != 0 && kind == Readers) {
			to = to[:len(to)-1]
		}
	}
	return to
}

// command fills in the rest of a command; false: there is nothing at the moment that it could do.
func (d *Decoder) command(to *trace.Command, c *code, atOnce bool) bool {
	if c.op == trace.Cancel {
		which := int(d.next())
		if d.calls == 0 {
			return false
		}
		to.On = names[d.calls-1-which%min(d.calls, 4)]
	}
	for i := range c.args {
		c.args[i].decode(d, to)
	}
	switch {
	case c.op == trace.RawRecv && d.awaited > d.written: // it may receive already
		return false
	case c.op == trace.RawRecv && to.N == nil:
		d.awaited = 1 << 30
	case c.op == trace.RawRecv:
		d.awaited += *to.N
	case c.op == trace.TransportWrite || c.op == trace.WriterWrite:
		d.written += len(to.Data.Bytes)
	}
	if starts(c.op) {
		to.As = names[d.calls]
		d.calls++
	}
	if to.NoSettle = atOnce && d.hasty < mostHasty; to.NoSettle {
		d.hasty++
	}
	return true
}

// starts tells whether commands of an operation start calls, quicker than the table of commands does.
func starts(op trace.Op) bool { return startsCalls[op] }

var startsCalls = func() map[trace.Op]bool {
	all := map[trace.Op]bool{}
	for _, p := range plans {
		for _, c := range p.codes {
			if trace.Spec(c.op).Style == trace.Start {
				all[c.op] = true
			}
		}
	}
	return all
}()

// Encode is the inverse of [Decode]; false: there are no bytes for this program.
func Encode(program Program, kind Kind) ([]byte, bool) {
	p := &plans[kind]
	for how := range p.styles {
		out, begin := []byte{byte(how)}, p.begin(byte(how))
		if len(begin) > len(program) || !reflect.DeepEqual(program[:len(begin)], begin) {
			continue
		}
		for i := len(begin); i < len(program); i++ {
			out = p.encode(out, program[:i], &program[i])
		}
		if reflect.DeepEqual(Decode(out, kind), program) {
			return out, true
		}
	}
	return nil, false
}

// encode appends the bytes of a command.
func (p *plan) encode(out []byte, before Program, c *trace.Command) []byte {
	for i := range p.codes {
		if p.codes[i].op != c.Op || p.codes[i].op != trace.Cancel && p.codes[i].on != c.On {
			continue
		}
		b := byte(i)
		if c.NoSettle {
			b |= hasty
		}
		at := append(out[:len(out):len(out)], b)
		if c.Op == trace.Cancel {
			at = append(at, before.callsSince(c.On))
		}
		for _, a := range p.codes[i].args {
			at = a.encode(at, c)
		}
		d := Decoder{rest: at[len(out)+1:], calls: before.calls(), written: 1 << 30}
		try := trace.Command{Op: c.Op, On: p.codes[i].on}
		if d.command(&try, &p.codes[i], c.NoSettle); reflect.DeepEqual(try, *c) {
			return at
		}
	}
	return out
}

// calls returns how many calls the program starts by names of the decoder.
func (p Program) calls() (n int) {
	for i := range p {
		if n < len(names) && p[i].As == names[n] {
			n++
		}
	}
	return n
}

// callsSince returns how many such calls were started after one.
func (p Program) callsSince(name string) byte {
	for i := range names {
		if names[i] == name {
			return byte(p.calls() - 1 - i)
		}
	}
	return 0
}

// next takes a byte.
func (d *Decoder) next() byte {
	if len(d.rest) == 0 {
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

// names of calls.
var names = func() (all [mostCommands]string) {
	for i := range all {
		all[i] = "c" + strconv.Itoa(i+1)
	}
	return all
}()
