package fuzz

import (
	"math/rand/v2"
	"slices"

	gofuzz "github.com/google/gofuzz"

	"github.com/streamspec/streamspec/spec/trace"
)

// A Generator writes random programs of what an implementation has. It is used by one goroutine at a time.
type Generator struct {
	d      trace.Description
	seed   uint64
	source source
	fuzzer *gofuzz.Fuzzer
	themes []theme // those whose capabilities are there
	shares int     // of all of them
}

// NewGenerator returns the generator of a seed. With names of [Themes] it writes programs of these only.
func NewGenerator(d trace.Description, seed uint64, only ...string) *Generator {
	g := &Generator{d: d, seed: seed}
	for _, t := range themes {
		if g.has(t.needs) && (len(only) == 0 || slices.Contains(only, t.name)) {
			g.themes = append(g.themes, t)
			g.shares += t.share
		}
	}
	g.fuzzer = gofuzz.New().RandSource(&g.source).Funcs(func(p *Program, c gofuzz.Continue) { *p = g.write(c) })
	g.fuzzer.Funcs(values...)
	return g
}

// Themes lists the kinds of program.
func Themes() []string {
	var names []string
	for _, t := range themes {
		names = append(names, t.name)
	}
	return names
}

func (g *Generator) has(needs []trace.Capability) bool {
	for _, c := range needs {
		if !g.d.Has(c) {
			return false
		}
	}
	return true
}

// Program returns the nth program, which follows from the description, the seed and n alone.
func (g *Generator) Program(n uint64) Program {
	group, schedule, ok := inGroup(n)
	if ok {
		n = ^group
	}
	g.source.pcg.Seed(g.seed, n)
	var p Program
	g.fuzzer.Fuzz(&p)
	if ok {
		p = p.under(schedule, func(n int) int { return int(g.source.pcg.Uint64() % uint64(n)) })
	}
	return p
}

// write writes a program of some theme.
func (g *Generator) write(c gofuzz.Continue) Program {
	share := c.Intn(g.shares)
	for _, t := range g.themes {
		if share -= t.share; share < 0 {
			return newPlot(g, t, c).write()
		}
	}
	panic("unreachable: the shares are those of the themes")
}

// A source is the generator's only source of chance. Seeding it is cheap, as it is not for those of math/rand.
type source struct{ pcg rand.PCG }

func (s *source) Uint64() uint64  { return s.pcg.Uint64() }
func (s *source) Int63() int64    { return int64(s.pcg.Uint64() >> 1) }
func (s *source) Seed(seed int64) { s.pcg.Seed(uint64(seed), 0) }
