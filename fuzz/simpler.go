package fuzz

import (
	"bytes"
	"iter"
	"reflect"
	"slices"

	"github.com/streamspec/streamspec/spec/trace"
)

// simpler are the commands that say a little less than c does, the boldest first. Some may be invalid.
func simpler(c trace.Command) iter.Seq[trace.Command] {
	return func(yield func(trace.Command) bool) {
		for _, more := range [...]func(trace.Command) iter.Seq[trace.Command]{fewerArguments, fewerItems, simplerForms, lessData, lowerNumbers, simplerReactions} {
			for d := range more(c) {
				if !yield(d) {
					return
				}
			}
		}
	}
}

// fields are the arguments of a command that can be left out, by their index.
var fields = func() (all []int) {
	t := reflect.TypeFor[trace.Command]()
	for i := range t.NumField() {
		if name := t.Field(i).Name; name != "Op" && name != "On" && name != "As" {
			all = append(all, i)
		}
	}
	return all
}()

// fewerArguments leave out one argument.
func fewerArguments(c trace.Command) iter.Seq[trace.Command] {
	return func(yield func(trace.Command) bool) {
		for _, i := range fields {
			d := c
			if f := reflect.ValueOf(&d).Elem().Field(i); !f.IsZero() {
				f.SetZero()
				if !yield(d) {
					return
				}
			}
		}
	}
}

// fewerItems leave out one element of a list.
func fewerItems(c trace.Command) iter.Seq[trace.Command] {
	return func(yield func(trace.Command) bool) {
		for _, i := range fields {
			list := reflect.ValueOf(c).Field(i)
			if list.Kind() != reflect.Slice {
				continue
			}
			for k := range list.Len() {
				d := c
				shorter := reflect.MakeSlice(list.Type(), 0, list.Len())
				shorter = reflect.AppendSlice(reflect.AppendSlice(shorter, list.Slice(0, k)), list.Slice(k+1, list.Len()))
				reflect.ValueOf(&d).Elem().Field(i).Set(shorter)
				if !yield(d) {
					return
				}
			}
		}
	}
}

// single are the operations that do with one piece of data what another does with several.
var single = map[trace.Op]trace.Op{trace.TransportWriteLines: trace.TransportWrite, trace.WriterWriteLines: trace.WriterWrite}

// simplerForms say the same in a plainer way.
func simplerForms(c trace.Command) iter.Seq[trace.Command] {
	return func(yield func(trace.Command) bool) {
		var out []trace.Command
		add := func(change func(*trace.Command)) {
			d := c
			change(&d)
			out = append(out, d)
		}
		if op, ok := single[c.Op]; ok {
			add(func(d *trace.Command) {
				whole := trace.Data{}
				for _, chunk := range c.Chunks {
					whole.Bytes, whole.Form = append(whole.Bytes, chunk.Bytes...), chunk.Form
				}
				d.Op, d.Data, d.Chunks, d.Container = op, &whole, nil, ""
			})
		}
		if len(c.Separators) == 1 {
			add(func(d *trace.Command) { d.Separator, d.Separators = &c.Separators[0], nil })
		}
		if c.Callback != "" && c.Callback != trace.Function {
			add(func(d *trace.Command) { d.Callback = trace.Function })
		}
		if c.Kind != "" && c.Kind != trace.TCP && c.Kind != trace.Unix {
			add(func(d *trace.Command) { d.Kind = trace.Unix })
		}
		if u := c.Until; u != nil && u.On != "" {
			add(func(d *trace.Command) { until := *u; until.On = ""; d.Until = &until })
		}
		for _, d := range out {
			if !yield(d) {
				return
			}
		}
	}
}

// lessData shorten one piece of data, or write it in plain letters.
func lessData(c trace.Command) iter.Seq[trace.Command] {
	return func(yield func(trace.Command) bool) {
		for _, field := range []func(*trace.Command) **trace.Data{
			func(d *trace.Command) **trace.Data { return &d.Data },
			func(d *trace.Command) **trace.Data { return &d.Separator },
		} {
			if data := *field(&c); data != nil {
				for less := range shorter(*data) {
					d := c
					*field(&d) = &less
					if !yield(d) {
						return
					}
				}
			}
		}
		for _, field := range []func(*trace.Command) *[]trace.Data{
			func(d *trace.Command) *[]trace.Data { return &d.Separators },
			func(d *trace.Command) *[]trace.Data { return &d.Chunks },
		} {
			for i, data := range *field(&c) {
				for less := range shorter(data) {
					d := c
					list := slices.Clone(*field(&c))
					list[i], *field(&d) = less, list
					if !yield(d) {
						return
					}
				}
			}
		}
	}
}

// byByte is the length up to which data are simplified byte by byte, and the number of pieces that each is tried without.
const byByte = 64

// plainLetters are what bytes are replaced by.
const plainLetters = "ab"

// shorter are data that are shorter than these or, of the same length, plainer.
func shorter(data trace.Data) iter.Seq[trace.Data] {
	return func(yield func(trace.Data) bool) {
		b := data.Bytes
		if len(b) > 0 && !yield(trace.Data{Form: data.Form}) {
			return
		}
		if data.Form != "" && !yield(trace.Data{Bytes: b}) {
			return
		}
		for i := range len(plainLetters) {
			letters := bytes.Repeat([]byte{plainLetters[i]}, len(b))
			if len(b) > 1 && !yield(trace.Data{Form: data.Form, Bytes: letters[:1]}) {
				return
			}
			if bytes.Equal(letters, b) {
				break // it is as plain as can be
			}
			if !yield(trace.Data{Form: data.Form, Bytes: letters}) {
				return
			}
		}
		for size := (len(b) + 1) / 2; size > 0 && size < len(b); size /= 2 {
			step := size // where pieces of that size are left out: everywhere, or, when they are many, at both ends
			if len(b)/size > byByte {
				step = len(b) - size
			}
			for end := len(b); end >= size; end -= step {
				rest := append(bytes.Clone(b[:end-size]), b[end:]...)
				if !yield(trace.Data{Form: data.Form, Bytes: rest}) {
					return
				}
			}
		}
		if len(b) > byByte {
			return
		}
		for i, was := range b {
			for k := range len(plainLetters) {
				letter := plainLetters[k]
				if was == letter {
					break
				}
				plain := bytes.Clone(b)
				plain[i] = letter
				if !yield(trace.Data{Form: data.Form, Bytes: plain}) {
					return
				}
			}
		}
	}
}

// lowerNumbers lower one number.
func lowerNumbers(c trace.Command) iter.Seq[trace.Command] {
	return func(yield func(trace.Command) bool) {
		for _, i := range numbers {
			f := reflect.ValueOf(c).Field(i)
			if f.IsZero() {
				continue
			}
			for n := range lower(reflect.Indirect(f).Interface().(int)) {
				d := c
				setNumber(&d, i, n)
				if !yield(d) {
					return
				}
			}
		}
		if u := c.Until; u != nil {
			for n := range lower(u.Count) {
				d, until := c, *u
				until.Count, d.Until = n, &until
				if !yield(d) {
					return
				}
			}
			for n := range lower(u.Bytes) {
				d, until := c, *u
				until.Bytes, d.Until = n, &until
				if !yield(d) {
					return
				}
			}
		}
	}
}

// numbers are the arguments that are numbers, by their index, but for how long is waited: less patience is another question.
var numbers = slices.DeleteFunc(slices.Clone(fields), func(i int) bool {
	f := reflect.TypeFor[trace.Command]().Field(i)
	return f.Type != reflect.TypeFor[int]() && f.Type != reflect.TypeFor[*int]() || f.Name == "Ms"
})

func setNumber(c *trace.Command, i, n int) {
	if f := reflect.ValueOf(c).Elem().Field(i); f.Kind() == reflect.Pointer {
		f.Set(reflect.ValueOf(&n))
	} else {
		f.SetInt(int64(n))
	}
}

// lower are numbers nearer to 0 than n is, the lowest first.
func lower(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for step := n; step != 0; step /= 2 {
			if m := n - step; !yield(m) {
				return
			} else if m == 0 && n > 1 && !yield(1) {
				return
			}
		}
	}
}

// simplerReactions have one reaction do less.
func simplerReactions(c trace.Command) iter.Seq[trace.Command] {
	return func(yield func(trace.Command) bool) {
		for i, r := range c.Program {
			for less := range simplerReaction(r) {
				d := c
				d.Program = slices.Clone(c.Program)
				d.Program[i] = less
				if !yield(d) {
					return
				}
			}
		}
	}
}

func simplerReaction(r trace.Reaction) iter.Seq[trace.Reaction] {
	return func(yield func(trace.Reaction) bool) {
		var out []trace.Reaction
		add := func(differs bool, change func(*trace.Reaction)) {
			if s := r; differs {
				change(&s)
				out = append(out, s)
			}
		}
		add(len(r.Do) > 1, func(s *trace.Reaction) { s.Do = nil })
		add(r.Hold, func(s *trace.Reaction) { s.Hold = false })
		add(r.Raise != nil, func(s *trace.Reaction) { s.Raise = nil })
		add(r.Return != nil, func(s *trace.Reaction) { s.Return = nil })
		add(r.Nth > 0, func(s *trace.Reaction) { s.Nth = 0 })
		for i := range r.Do {
			add(true, func(s *trace.Reaction) { s.Do = slices.Delete(slices.Clone(r.Do), i, i+1) })
			if i > 0 {
				if one, ok := merged(r.Do[i-1], r.Do[i]); ok {
					add(true, func(s *trace.Reaction) { s.Do = slices.Replace(slices.Clone(r.Do), i-1, i+1, one) })
				}
			}
		}
		for _, s := range out {
			if !yield(s) {
				return
			}
		}
		for i := range r.Do {
			for d := range simpler(r.Do[i]) {
				s := r
				s.Do = slices.Clone(r.Do)
				s.Do[i] = d
				if !yield(s) {
					return
				}
			}
		}
	}
}

// eachSize is the command with every number and every length of data in it as f has it.
func eachSize(c trace.Command, f func(int) int) trace.Command {
	for _, i := range numbers {
		if v := reflect.ValueOf(c).Field(i); !v.IsZero() {
			setNumber(&c, i, f(reflect.Indirect(v).Interface().(int)))
		}
	}
	if c.Until != nil && c.Until.Bytes > 0 {
		until := *c.Until
		until.Bytes, c.Until = f(until.Bytes), &until
	}
	resize := func(d trace.Data) trace.Data {
		// The end is kept, for there the separator is.
		d.Bytes = d.Bytes[len(d.Bytes)-min(f(len(d.Bytes)), len(d.Bytes)):]
		return d
	}
	if c.Data != nil {
		d := resize(*c.Data)
		c.Data = &d
	}
	c.Chunks = slices.Clone(c.Chunks)
	for i := range c.Chunks {
		c.Chunks[i] = resize(c.Chunks[i])
	}
	return inReactions(c, func(c trace.Command) (trace.Command, bool) { return eachSize(c, f), true })
}

// resized is the program with every size that is from made to be.
func (p Program) resized(from, to int) Program {
	out := make(Program, len(p))
	for i, c := range p {
		out[i] = eachSize(c, func(n int) int {
			if n == from {
				return to
			}
			return n
		})
	}
	return out
}

// sizes are the numbers and the lengths of data that occur in the program.
func (p Program) sizes() (all []int) {
	for _, c := range p {
		eachSize(c, func(n int) int {
			all = append(all, n)
			return n
		})
	}
	return all
}
