package behavior

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"

	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// bounds say how far a block enumerates: every text up to a length, in one plan of calls or in all, and a sample of longer
// texts.
type bounds struct {
	lines, separators int // length, bytes
	everyPlan         bool
	sample, longest   int // how many scenarios, and their length; per separator set or limit
}

var depths = map[Depth]bounds{
	Quick:        {lines: 3, separators: 2, sample: 50, longest: 6},
	DefaultDepth: {lines: 4, separators: 4, sample: 500, longest: 8},
	Deep:         {lines: 6, separators: 5, everyPlan: true, sample: 20000, longest: 10},
}

// inProcess is by how much the sample is larger where no process boundary slows things down.
const inProcess = 10

const maxLimit = 6

// separatorSets are single separators, and tuples with everything that makes tuples hard: overlap, one the beginning or
// the end of another, duplicates, different lengths.
var separatorSets = []struct {
	name  string
	tuple bool
	of    []string
}{
	{"S", false, []string{"S"}},
	{"SE", false, []string{"SE"}},
	{"SEP", false, []string{"SEP"}},
	{"SS, which overlaps itself", false, []string{"SS"}},
	{"SES, which overlaps itself", false, []string{"SES"}},
	{"(SEP), a tuple of one", true, []string{"SEP"}},
	{"(S, E)", true, []string{"S", "E"}},
	{"(S, SE), one the beginning of the other", true, []string{"S", "SE"}},
	{"(SEP, EP), one the end of the other", true, []string{"SEP", "EP"}},
	{"(EP, SEP), in the other order", true, []string{"EP", "SEP"}},
	{"(SEP, E), one inside the other", true, []string{"SEP", "E"}},
	{"(SE, EP), overlapping", true, []string{"SE", "EP"}},
	{"(SE, SE), duplicates", true, []string{"SE", "SE"}},
	{"(P, EP, SEP), all ending alike", true, []string{"P", "EP", "SEP"}},
	{"(S, EE, PPP), of every length", true, []string{"S", "EE", "PPP"}},
}

// readerExhaustive enumerates every small case of a reader, and leaves the judgement to the reader's model.
func readerExhaustive(t *Testee) {
	Describe("reader.exhaustive", func() {
		for limit := 1; limit <= maxLimit; limit++ {
			It(fmt.Sprintf("lines over a, CR and LF with a limit of %d", limit), Rule(
				"reader.readline.through-first-lf", "reader.readline.keeps-lf", "reader.readline.only-lf-terminates", "reader.readline.eof-yields-remainder",
				"reader.readline.empty-at-eof", "reader.readline.rest-stays-buffered", "reader.readline.waits-for-lf", "reader.readline.chunking-independent",
				"reader.readline.limit-boundary", "reader.readline.overrun-is-invalid-argument", "reader.readline.overrun-drops-found-line",
				"reader.readline.overrun-clears-buffer", "reader.readline.overrun-of-tail-at-eof", "reader.iterate.yields-lines-until-eof",
			), func() {
				t.Needs(trace.CapReader, trace.CapReaderTransport)
				b := depths[t.Options.Depth]
				t.Enumerate(scenarios(t, lineCalls, "a\r\n", limit, limit, b.lines, b))
			})
		}
		for _, set := range separatorSets {
			rules := Rule("reader.readuntil.through-first-separator", "reader.readuntil.keeps-separator", "reader.readuntil.consumes-only-result",
				"reader.readuntil.separator-straddles-chunks", "reader.readuntil.false-start-hides-no-match", "reader.readuntil.overrun-when-chunk-exceeds-limit",
				"reader.readuntil.limit-excludes-separator", "reader.readuntil.overrun-keeps-data", "reader.readuntil.eof-is-incomplete",
				"reader.readuntil.incomplete-empties-buffer", "reader.readuntil.partial-holds-everything", "reader.readuntil.complete-separator-found-at-eof",
				"reader.readuntil.found-overrun-consumed", "reader.readuntil.not-found-overrun-consumed", "reader.readuntil.only-consumed-depends-on-chunking",
				"reader.readuntil.limit-before-eof", "reader.readuntil.consumed-excludes-separator")
			if set.tuple {
				rules = Rule("reader.readuntil.tuple-accepted", "reader.readuntil.tuple-earliest-end-wins", "reader.readuntil.tuple-limit-counts-shortest",
					"reader.readuntil.tuple-chunking-independent", "reader.readuntil.tuple-eof-is-incomplete", "reader.readuntil.tuple-not-found-uses-longest",
					"reader.readuntil.tuple-tie-shortest-consumed")
			}
			It("separator "+set.name, rules, func() {
				t.Needs(trace.CapReader, trace.CapReaderTransport)
				if set.tuple {
					t.Needs(trace.CapTupleSeparators)
				}
				b := depths[t.Options.Depth]
				call := trace.Command{Op: trace.ReaderReadUntil, On: "r"}
				for _, s := range set.of {
					call.Separators = append(call.Separators, *trace.D(s))
				}
				if !set.tuple {
					call.Separator, call.Separators = &call.Separators[0], nil
				}
				t.Enumerate(scenarios(t, func(int) trace.Command { return call }, "SEPx", 1, maxLimit, b.separators, b))
			})
		}
	})
}

// lineCalls are the calls by which lines are read; which one follows which depends on the number.
func lineCalls(i int) trace.Command {
	switch i % 4 {
	case 2:
		return trace.Command{Op: trace.ReaderIterate, On: "r", N: trace.Int(1)}
	case 3:
		return trace.Command{Op: trace.ReaderReadUntil, On: "r"}
	}
	return trace.Command{Op: trace.ReaderReadLine, On: "r"}
}

// scenarios yields, for every limit from low to high, every text up to a length in every chunking, and a sample of longer
// texts.
func scenarios(t *Testee, call func(int) trace.Command, alphabet string, low, high, length int, b bounds) iter.Seq[Scenario] {
	sample := b.sample
	if t.InProcess() {
		sample *= inProcess
	}
	return func(yield func(Scenario) bool) {
		turn := 0 // which plan is next, where not every plan is run
		for limit := low; limit <= high; limit++ {
			for text := range texts(alphabet, length) {
				for cuts := range chunkings(len(text)) {
					chunks := cut(text, cuts)
					if !b.everyPlan {
						turn++
						if !yield(plans[turn%len(plans)](limit, chunks, call)) {
							return
						}
						continue
					}
					for _, plan := range plans {
						if !yield(plan(limit, chunks, call)) {
							return
						}
					}
				}
			}
		}
		rng := rand.New(rand.NewPCG(t.Options.Seed, uint64(length)))
		for range sample {
			text := make([]byte, length+1+rng.IntN(b.longest-length))
			for i := range text {
				text[i] = alphabet[rng.IntN(len(alphabet))]
			}
			chunks := cut(string(text), rng.IntN(1<<(len(text)-1)))
			limit := low + rng.IntN(high-low+1)
			if !yield(plans[rng.IntN(len(plans))](limit, chunks, call)) {
				return
			}
		}
	}
}

// texts yields every text over the alphabet up to a length.
func texts(alphabet string, length int) iter.Seq[string] {
	return func(yield func(string) bool) {
		var extend func(prefix string) bool
		extend = func(prefix string) bool {
			if !yield(prefix) {
				return false
			}
			if len(prefix) == length {
				return true
			}
			for i := range alphabet {
				if !extend(prefix + alphabet[i:i+1]) {
					return false
				}
			}
			return true
		}
		extend("")
	}
}

// chunkings yields every way to cut n bytes, as a set of bits: bit i cuts after byte i.
func chunkings(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for cuts := range 1 << max(n-1, 0) {
			if !yield(cuts) {
				return
			}
		}
	}
}

func cut(text string, cuts int) []string {
	if text == "" {
		return nil
	}
	var chunks []string
	from := 0
	for i := 1; i < len(text); i++ {
		if cuts&(1<<(i-1)) != 0 {
			chunks = append(chunks, text[from:i])
			from = i
		}
	}
	return append(chunks, text[from:])
}

// A plan says when calls are made while chunks arrive.
type plan func(limit int, chunks []string, call func(int) trace.Command) Scenario

var plans = []plan{feedThenRead, readThenFeed, readBetween, feedAtOnce, readOtherwise}

// callNames are the names of the calls of a scenario.
var callNames = strings.Fields("c1 c2 c3 c4 c5 c6 c7 c8 c9 c10 c11 c12 c13 c14 c15 c16 c17 c18 c19 c20")

type builder struct {
	s     Scenario
	call  func(int) trace.Command
	calls int
}

func begin(limit int, chunks []string, call func(int) trace.Command) *builder {
	b := &builder{s: make(Scenario, 0, 2*len(chunks)+10), call: call}
	b.s = append(b.s, trace.Command{Op: trace.ReaderMake, As: "r", Limit: &limit})
	return b
}

func (b *builder) flow() {
	b.s = append(b.s, trace.Command{Op: trace.MockMake, As: "t"}, trace.Command{Op: trace.ReaderSetTransport, On: "r", Transport: "t"})
}

func (b *builder) feed(chunk string) {
	b.s = append(b.s, trace.Command{Op: trace.ReaderFeedData, On: "r", Data: trace.D(chunk)})
}

func (b *builder) eof() { b.s = append(b.s, trace.Command{Op: trace.ReaderFeedEOF, On: "r"}) }

func (b *builder) start(c trace.Command) {
	c.As = callNames[b.calls]
	b.calls++
	b.s = append(b.s, c)
}

func (b *builder) read(times int) {
	for range times {
		b.start(b.call(b.calls))
	}
}

func (b *builder) readAll() { b.start(trace.Command{Op: trace.ReaderRead, On: "r"}) }

// feedThenRead: everything is there when the first call is made.
func feedThenRead(limit int, chunks []string, call func(int) trace.Command) Scenario {
	b := begin(limit, chunks, call)
	for _, c := range chunks {
		b.feed(c)
	}
	b.eof()
	b.read(3)
	b.readAll()
	return b.s
}

// readThenFeed: the first call waits for every chunk.
func readThenFeed(limit int, chunks []string, call func(int) trace.Command) Scenario {
	b := begin(limit, chunks, call)
	b.flow()
	b.read(1)
	for _, c := range chunks {
		b.feed(c)
	}
	b.read(1)
	b.eof()
	b.read(1)
	b.readAll()
	return b.s
}

// readBetween: a call after each chunk; it may find another one waiting.
func readBetween(limit int, chunks []string, call func(int) trace.Command) Scenario {
	b := begin(limit, chunks, call)
	for _, c := range chunks {
		b.feed(c)
		b.read(1)
	}
	b.eof()
	b.readAll()
	return b.s
}

// feedAtOnce: a call waits, and all chunks come before it runs again.
func feedAtOnce(limit int, chunks []string, call func(int) trace.Command) Scenario {
	b := begin(limit, chunks, call)
	c := call(0)
	c.N = nil // an iteration would hand out its items in between
	if c.Op == trace.ReaderIterate {
		c.Op = trace.ReaderReadLine
	}
	b.start(c)
	for i, c := range chunks {
		b.feed(c)
		b.s[len(b.s)-1].NoSettle = i < len(chunks)-1
	}
	b.read(1)
	b.eof()
	b.read(1)
	b.readAll()
	return b.s
}

// readOtherwise: with flow control, a failure is followed by reads of other kinds.
func readOtherwise(limit int, chunks []string, call func(int) trace.Command) Scenario {
	b := begin(limit, chunks, call)
	b.flow()
	for _, c := range chunks {
		b.feed(c)
	}
	b.read(1)
	b.start(trace.Command{Op: trace.ReaderReadExactly, On: "r", N: trace.Int(1)})
	b.read(1)
	b.eof()
	b.start(trace.Command{Op: trace.ReaderRead, On: "r", N: trace.Int(2)})
	b.read(1)
	b.s = append(b.s, trace.Command{Op: trace.ReaderAtEOF, On: "r"})
	return b.s
}
