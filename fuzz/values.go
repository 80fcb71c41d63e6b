package fuzz

import (
	"strings"

	gofuzz "github.com/google/gofuzz"

	"github.com/streamspec/streamspec/spec/trace"
)

// What gofuzz draws: the kinds of value that arguments have, each with its own idea of what is worth trying. Those that depend on
// what the program has done so far are drawn from these and the plot.
type (
	readerLimit  int    // of a reader, bytes
	mark         int    // of a watermark, bytes
	few          int    // 0 to 4, the smaller the likelier
	letters      int    // how many letters come at once in a small piece of data
	bulk         int    // bytes of a write that a kernel may not take at once
	separator    string // one that may overlap with itself
	dataForm     trace.Form
	connectionOf trace.EndKind
	answerToEOF  struct{ value *trace.Value }
)

// values are the functions by which gofuzz draws them.
var values = []any{
	func(l *readerLimit, c gofuzz.Continue) {
		*l = readerLimit(oneOf(c, 1, 1, 2, 2, 3, 3, 4, 4, 4, 5, 5, 8, 8, 16, defaultLimit))
	},
	func(m *mark, c gofuzz.Continue) { *m = mark(oneOf(c, 0, 0, 1, 2, 10, 100, 1000, 4096, 65536)) },
	func(n *few, c gofuzz.Continue) { *n = few(oneOf(c, 0, 0, 1, 1, 1, 2, 2, 3, 4)) },
	func(n *letters, c gofuzz.Continue) { *n = letters(oneOf(c, 0, 0, 1, 1, 1, 2, 3)) },
	func(n *bulk, c gofuzz.Continue) { *n = bulk(oneOf(c, 10, 1000, 4096, 20000, 70000, 70000, 250000)) },
	func(s *separator, c gofuzz.Continue) {
		*s = separator(oneOf(c, "\n", "\n", ";", "SEP", "\r\n", "\r", "aa", "aba", "AB", "ABC", "BC", "B", "a", "\x00\xff"))
	},
	func(f *dataForm, c gofuzz.Continue) {
		*f = dataForm(oneOf(c, trace.ByteArray, trace.View, trace.Wide, trace.Mutated, trace.Mutated))
	},
	func(a *answerToEOF, c gofuzz.Continue) {
		a.value = oneOf(c, nil, &trace.Value{Bool: trace.Bool(true)}, &trace.Value{Bool: trace.Bool(true)}, &trace.Value{Bool: trace.Bool(false)})
	},
	func(k *connectionOf, c gofuzz.Continue) {
		*k = connectionOf(oneOf(c, trace.Unix, trace.Unix, trace.Unix, trace.TCP, trace.ReadPipe, trace.WritePipe, trace.WritePipe))
	},
}

// defaultLimit is the limit of a reader that was made without one, bytes. A program with it makes its readers so.
const defaultLimit = 65536

// oneOf draws one of the values.
func oneOf[T any](c gofuzz.Continue, values ...T) T { return values[c.Intn(len(values))] }

// draw has gofuzz draw a value.
func draw[T any](c gofuzz.Continue) T {
	var v T
	c.Fuzz(&v)
	return v
}

// chance is true in so many of a hundred cases.
func chance(c gofuzz.Continue, percent int) bool { return c.Intn(100) < percent }

// near draws a number at or beside a boundary, never less than zero.
func near(c gofuzz.Continue, boundary int) int { return max(boundary+c.Intn(3)-1, 0) }

// chunk draws data that arrive at a reader: pieces of letters and of separators, whole or cut off, whose length is often about the
// limit.
func (p *plot) chunk() trace.Data {
	c := p.chance
	var b strings.Builder
	for range draw[few](c) {
		sep := p.separators[c.Intn(len(p.separators))]
		switch c.Intn(6) {
		case 0, 1:
			b.WriteString(p.fill(int(draw[letters](c))))
		case 2:
			b.WriteString(p.fill(near(c, p.limit)))
		case 3:
			b.WriteString(sep)
		case 4:
			b.WriteString(sep[:c.Intn(len(sep)+1)])
		case 5:
			b.WriteString(sep[c.Intn(len(sep)):])
		}
	}
	if chance(c, 5) {
		b.WriteString(p.fill(near(c, 2*p.limit)))
	}
	return trace.Data{Bytes: trace.Bytes(b.String())}
}

// fill returns letters, other ones at each call as far as there are any, so that what is mixed up shows.
func (p *plot) fill(n int) string {
	const alphabet = "xyzwvutsrq"
	if n <= 0 {
		return ""
	}
	parts := min(n, 1+p.chance.Intn(3))
	var b strings.Builder
	for i := range parts {
		p.letter++
		b.WriteString(strings.Repeat(alphabet[p.letter%len(alphabet):][:1], n/parts+(n%parts+i)/parts))
	}
	return b.String()[:n]
}

// bytesToWrite draws data that are written to a connection: nothing, little, about a mark, or more than the kernel takes; seldom what
// is no data and has to be refused.
func (p *plot) bytesToWrite() trace.Data {
	c := p.chance
	n := 0
	switch c.Intn(10) {
	case 0:
	case 1, 2, 3:
		n = 1 + c.Intn(8)
	case 4, 5, 6:
		n = near(c, p.high)
	default:
		n = int(draw[bulk](c))
	}
	if chance(c, 2) && p.g.d.Has(trace.CapPythonSurface) {
		return trace.Data{Form: oneOf(c, trace.AsText, trace.AsNone, trace.AsInt, trace.AsList), Bytes: trace.Bytes("5")}
	}
	d := trace.Data{}
	if chance(c, 12) && p.g.d.Has(trace.CapTypedBuffers) {
		d.Form = trace.Form(draw[dataForm](c))
	}
	if d.Form == trace.Wide {
		n = (n + 3) / 4 * 4
	}
	d.Bytes = trace.Bytes(p.fill(n))
	return d
}

// size draws a number of bytes to read: about the limit, about what may be there, or none of a number at all.
func (p *plot) size() int {
	c := p.chance
	switch c.Intn(8) {
	case 0:
		return 0
	case 1:
		return -1 - c.Intn(2)
	case 2:
		return near(c, 2*p.limit)
	case 3, 4:
		return near(c, p.limit)
	default:
		return 1 + c.Intn(4)
	}
}

// separator draws one of the program's separators, and seldom one that has to be refused.
func (p *plot) separator() trace.Data {
	if chance(p.chance, 2) {
		return trace.Data{Bytes: trace.Bytes{}}
	}
	return trace.Data{Bytes: trace.Bytes(p.separators[p.chance.Intn(len(p.separators))])}
}
