package fuzz

import (
	"context"
	"reflect"
	"testing"

	"github.com/streamspec/streamspec/conformance/adapter/reference"
	"github.com/streamspec/streamspec/spec/trace"
)

func judgeOfReference(t testing.TB) *Judge {
	t.Helper()
	a := reference.New()
	t.Cleanup(func() { a.Close() })
	j, err := NewJudge(context.Background(), a, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// everything is what an implementation that has all capabilities says of itself.
func everything() trace.Description {
	d := trace.Description{Protocol: trace.ProtocolVersion, Name: "all", Version: "1", Target: "3.13", Settling: trace.Exact}
	for _, c := range trace.Capabilities {
		d.Capabilities = append(d.Capabilities, c.Name)
	}
	return d
}

func TestProgramsFollowFromSeedAndNumber(t *testing.T) {
	g := NewGenerator(everything(), 7)
	different := 0
	for n := range uint64(300) {
		p := g.Program(n)
		if q := NewGenerator(everything(), 7).Program(n); !reflect.DeepEqual(p, q) {
			t.Fatalf("program %d of seed 7 is once %s and once %s", n, p, q)
		}
		if !reflect.DeepEqual(p, NewGenerator(everything(), 8).Program(n)) {
			different++
		}
	}
	if different < 290 {
		t.Errorf("of 300 programs of two seeds only %d differ", different)
	}
}

func TestProgramsAreValidAndOfAllThemes(t *testing.T) {
	for _, d := range []trace.Description{everything(), judgeOfReference(t).Description} {
		written := map[trace.Op]int{}
		for _, theme := range Themes() {
			g := NewGenerator(d, 1, theme)
			if len(g.themes) == 0 {
				continue
			}
			for n := range uint64(500) {
				p := g.Program(n)
				if err := p.Validate(); err != nil {
					t.Fatalf("%s, program %d: %v: %s", theme, n, err, p)
				}
				for i := range p {
					written[p[i].Op]++
					if lacking := d.Lacks(&p[i]); lacking != "" {
						t.Errorf("%s, program %d: %s needs %s, which is not there", theme, n, p[i], lacking)
					}
				}
			}
		}
		for _, theme := range themes {
			for op := range theme.weights {
				if needs := trace.Spec(op).Needs; written[op] == 0 && (needs == "" || d.Has(needs)) && len(NewGenerator(d, 1, theme.name).themes) > 0 {
					t.Errorf("%s has a weight for %s, which is never written", theme.name, op)
				}
			}
		}
	}
}

func TestEveryScheduleOfAGroup(t *testing.T) {
	g := NewGenerator(everything(), 3, "reader")
	for first := uint64(0); first < 20*schedules*apart; first += schedules * apart {
		seen := map[string]bool{}
		able := 0
		for s := range uint64(schedules) {
			p := g.Program(first + s)
			seen[p.String()] = true
			able = 0
			for i := range p {
				if hasSchedule(&p[i]) {
					able++
				}
			}
		}
		if want := 1 << min(able, scheduled); len(seen) != want {
			t.Errorf("the group of program %d has %d schedules, want %d", first, len(seen), want)
		}
	}
}

// TestReferenceKeepsTheRules has random programs of every theme judged, of which a conforming implementation breaks no rule and
// that are nearly all carried out to their end.
func TestReferenceKeepsTheRules(t *testing.T) {
	j := judgeOfReference(t)
	l := j.NewLine()
	defer l.Close(context.Background())
	for _, theme := range Themes() {
		g := NewGenerator(j.Description, 11, theme)
		if len(g.themes) == 0 {
			t.Errorf("the reference lacks what programs of the theme %s need", theme)
			continue
		}
		var programs []Program
		for n := range uint64(60) {
			programs = append(programs, g.Program(n))
		}
		verdicts, err := l.Run(context.Background(), programs)
		if err != nil {
			t.Fatal(err)
		}
		faults := 0
		for n, v := range verdicts {
			if !v.Good() {
				t.Errorf("%s, program %d of seed 11 breaks %s: %v %v\n%s", theme, n, v.Breaks(), v.Violations, v.Failure, v.Program)
			}
			if v.Fault != "" {
				faults++
			}
		}
		if faults > len(verdicts)/10 {
			t.Errorf("%s: %d of %d programs could not be carried out to their end", theme, faults, len(verdicts))
		}
	}
}
