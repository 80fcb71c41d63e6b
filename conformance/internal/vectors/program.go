package vectors

import (
	"fmt"
	"slices"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// A program is a list of commands about a reader r, and a transport t where there is flow control. Its methods return
// longer programs, and leave it as it is.
type program []trace.Command

// limited begins a program with a reader of that limit.
func limited(limit int) program {
	return program{{Op: trace.ReaderMake, As: "r", Limit: &limit}}
}

// controlled begins a program with a reader of that limit that has a transport to pause and to resume.
func controlled(limit int) program {
	return limited(limit).then(trace.Command{Op: trace.MockMake, As: "t"}, trace.Command{Op: trace.ReaderSetTransport, On: "r", Transport: "t"})
}

func (p program) then(commands ...trace.Command) program { return append(slices.Clip(p), commands...) }

func (p program) feed(chunks ...string) program {
	for _, c := range chunks {
		p = p.then(trace.Command{Op: trace.ReaderFeedData, On: "r", Data: trace.D(c)})
	}
	return p
}

func (p program) eof() program { return p.then(trace.Command{Op: trace.ReaderFeedEOF, On: "r"}) }

// fail stores an exception in the reader.
func (p program) fail(text string) program {
	return p.then(trace.Command{Op: trace.ReaderSetException, On: "r", Exception: &text})
}

func (p program) ask(op trace.Op) program { return p.then(trace.Command{Op: op, On: "r"}) }

// call starts calls, and names them c1, c2 and so on.
func (p program) call(commands ...trace.Command) program {
	for _, c := range commands {
		n := 1
		for _, before := range p {
			if trace.Spec(before.Op).Style == trace.Start {
				n++
			}
		}
		c.On, c.As = "r", fmt.Sprintf("c%d", n)
		p = p.then(c)
	}
	return p
}

func (p program) cancel(call string) program {
	return p.then(trace.Command{Op: trace.Cancel, On: call})
}

// rest reads what is left to the end, and asks what became of the reader.
func (p program) rest() program { return p.eof().call(readAll).ask(trace.ReaderAtEOF) }

// The calls.
var (
	readAll  = trace.Command{Op: trace.ReaderRead}
	readLine = trace.Command{Op: trace.ReaderReadLine}
	iterate  = trace.Command{Op: trace.ReaderIterate}
)

func read(n int) trace.Command    { return trace.Command{Op: trace.ReaderRead, N: &n} }
func exactly(n int) trace.Command { return trace.Command{Op: trace.ReaderReadExactly, N: &n} }
func items(n int) trace.Command   { return trace.Command{Op: trace.ReaderIterate, N: &n} }

func until(separator string) trace.Command {
	return trace.Command{Op: trace.ReaderReadUntil, Separator: trace.D(separator)}
}

func untilAny(separators ...string) trace.Command {
	c := trace.Command{Op: trace.ReaderReadUntil}
	for _, s := range separators {
		c.Separators = append(c.Separators, *trace.D(s))
	}
	return c
}

// arrivals are the ways in which a text may arrive: whole, byte by byte, in halves, and with its last byte apart.
func arrivals(text string) [][]string {
	if text == "" {
		return [][]string{nil}
	}
	ways := [][]string{{text}, strings.Split(text, "")}
	for _, cut := range []int{len(text) / 2, len(text) - 1} {
		if cut > 0 {
			ways = append(ways, []string{text[:cut], text[cut:]})
		}
	}
	return ways
}

// orders are the orders in which a call is made and data arrive: it finds them, it waits for them, it is made again after
// each chunk.
var orders = []func(p program, chunks []string, call trace.Command) program{
	func(p program, chunks []string, call trace.Command) program {
		return p.feed(chunks...).call(call, call).rest()
	},
	func(p program, chunks []string, call trace.Command) program {
		return p.call(call).feed(chunks...).rest()
	},
	func(p program, chunks []string, call trace.Command) program {
		return p.feed(chunks...).eof().call(call, call, call)
	},
	func(p program, chunks []string, call trace.Command) program {
		for _, c := range chunks {
			p = p.feed(c).call(call)
		}
		return p.rest()
	},
}

// everyWay is a call in every order, for every way in which each text may arrive.
func everyWay(p program, call trace.Command, texts ...string) (out []program) {
	for _, text := range texts {
		for _, chunks := range arrivals(text) {
			for _, order := range orders {
				out = append(out, order(p, chunks, call))
			}
		}
	}
	return out
}
