package fuzz

import "github.com/streamspec/streamspec/spec/trace"

// The arguments of commands, as they are encoded.
var (
	dataArg = codec{
		func(d *Decoder, c *trace.Command) { c.Data = d.datum() },
		func(out []byte, c *trace.Command) []byte { return appendData(out, c.Data.Bytes) },
	}
	separatorArg = codec{
		func(d *Decoder, c *trace.Command) { c.Separator = d.datum() },
		func(out []byte, c *trace.Command) []byte {
			if c.Separator == nil {
				return out
			}
			return appendData(out, c.Separator.Bytes)
		},
	}
	separatorsArg = codec{
		func(d *Decoder, c *trace.Command) { c.Separators = d.several() },
		func(out []byte, c *trace.Command) []byte { return appendSeveral(out, c.Separators) },
	}
	chunksArg = codec{
		func(d *Decoder, c *trace.Command) {
			c.Chunks = d.several()
			for i := range c.Chunks {
				d.written += len(c.Chunks[i].Bytes)
			}
		},
		func(out []byte, c *trace.Command) []byte { return appendSeveral(out, c.Chunks) },
	}
	mutated = codec{
		func(_ *Decoder, c *trace.Command) { c.Data.Form = trace.Mutated },
		func(out []byte, _ *trace.Command) []byte { return out },
	}
	sizeArg = numberArg(func(c *trace.Command) **int { return &c.N })
	highArg = numberArg(func(c *trace.Command) **int { return &c.High })
	lowArg  = numberArg(func(c *trace.Command) **int { return &c.Low })
	itemArg = codec{ // a number from one to four
		func(d *Decoder, c *trace.Command) { c.N = d.number(1 + int(d.next()&3)) },
		func(out []byte, c *trace.Command) []byte {
			if c.N == nil {
				return out
			}
			return append(out, byte(*c.N-1))
		},
	}
	receivedArg = codec{ // a number that is not negative
		func(d *Decoder, c *trace.Command) { c.N = d.number(max(*d.size(), 0)) },
		func(out []byte, c *trace.Command) []byte { return appendSize(out, c.N) },
	}
	boomArg = codec{
		func(_ *Decoder, c *trace.Command) { c.Exception = &boom },
		func(out []byte, _ *trace.Command) []byte { return out },
	}
)

var boom = "boom"

// numberArg is a number of bytes.
func numberArg(field func(*trace.Command) **int) codec {
	return codec{
		func(d *Decoder, c *trace.Command) { *field(c) = d.size() },
		func(out []byte, c *trace.Command) []byte { return appendSize(out, *field(c)) },
	}
}

// Of a length byte the seven lower bits are the length: of bytes that follow, as far as there are any, or, with the highest bit,
// of a run of the one byte that follows.
const (
	run       = 0x80
	mostBytes = 0x7f
)

// bytes takes data.
func (d *Decoder) bytes() trace.Bytes {
	n := d.next()
	if n&run == 0 {
		b := d.rest[:min(int(n), len(d.rest))]
		d.rest = d.rest[len(b):]
		return trace.Bytes(b)
	}
	b := make(trace.Bytes, n&^run)
	with := d.next()
	for i := range b {
		b[i] = with
	}
	return b
}

// datum takes data for an argument.
func (d *Decoder) datum() *trace.Data {
	b := d.bytes()
	if len(d.data) == cap(d.data) {
		return &trace.Data{Bytes: b}
	}
	d.data = append(d.data, trace.Data{Bytes: b})
	return &d.data[len(d.data)-1]
}

// several takes up to three pieces of data.
func (d *Decoder) several() []trace.Data {
	all := make([]trace.Data, d.next()&3)
	for i := range all {
		all[i].Bytes = d.bytes()
	}
	return all
}

func appendData(out []byte, b trace.Bytes) []byte {
	if len(b) > 4 && len(b) <= mostBytes && runOf(b) {
		return append(out, byte(len(b))|run, b[0])
	}
	return append(append(out, byte(min(len(b), mostBytes))), b...)
}

func runOf(b []byte) bool {
	for _, c := range b {
		if c != b[0] {
			return false
		}
	}
	return true
}

func appendSeveral(out []byte, all []trace.Data) []byte {
	out = append(out, byte(len(all)))
	for i := range all {
		out = appendData(out, all[i].Bytes)
	}
	return out
}

// sizes are what numbers of bytes are near that matter.
var sizes = [16]int{0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 31, 64, 127, 300}

// firstNegative is the first of the bytes that stand for negative sizes, the last being -1.
const firstNegative = 0xfc

// size takes a number of bytes.
func (d *Decoder) size() *int {
	n := int(d.next())
	switch {
	case n < len(sizes):
		n = sizes[n]
	case n >= firstNegative:
		n -= 0x100
	}
	return d.number(n)
}

func appendSize(out []byte, n *int) []byte {
	if n == nil {
		return out
	}
	for i, size := range sizes {
		if *n == size {
			return append(out, byte(i))
		}
	}
	return append(out, byte(*n))
}

// number returns a pointer to a number.
func (d *Decoder) number(n int) *int {
	if len(d.ints) == cap(d.ints) {
		return &n
	}
	d.ints = append(d.ints, n)
	return &d.ints[len(d.ints)-1]
}
