package fuzz

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/adapter/reference"
	"github.com/streamspec/streamspec/spec/trace"
)

// A tampered adapter is the reference with its replies changed. One that is empty then stands for a crash.
type tampered struct {
	adapter.Adapter
	change func(*trace.Command, *trace.Reply)
}

func (a tampered) NewSession(ctx context.Context) (adapter.Session, error) {
	s, err := a.Adapter.NewSession(ctx)
	return tamperedSession{s, a.change}, err
}

type tamperedSession struct {
	adapter.Session
	change func(*trace.Command, *trace.Reply)
}

func (s tamperedSession) Do(ctx context.Context, commands []trace.Command) ([]trace.Reply, error) {
	replies, err := s.Session.Do(ctx, commands)
	for i := range replies {
		if s.change(&commands[i], &replies[i]); reflect.ValueOf(replies[i]).IsZero() {
			return replies[:i], &adapter.Failure{Kind: adapter.Crash, Text: "it has crashed"}
		}
	}
	return replies, err
}

// someReads is a program of some hundred commands about two readers.
func someReads(seed uint64) Program {
	random := rand.New(rand.NewPCG(seed, 0))
	p := Program{{Op: trace.ReaderMake, As: "left", Limit: trace.Int(64)}, {Op: trace.ReaderMake, As: "right"}}
	for i := range 60 {
		on := []string{"left", "right"}[random.IntN(2)]
		call := fmt.Sprintf("call%d", i)
		p = append(p, trace.Command{Op: trace.ReaderFeedData, On: on, Data: trace.D("some data, and\nmore"[:1+random.IntN(18)])})
		switch random.IntN(4) {
		case 0:
			p = append(p, trace.Command{Op: trace.ReaderRead, On: on, As: call, N: trace.Int(random.IntN(10))})
		case 1:
			p = append(p, trace.Command{Op: trace.ReaderReadLine, On: on, As: call}, trace.Command{Op: trace.Cancel, On: call})
		case 2:
			p = append(p, trace.Command{Op: trace.ReaderReadExactly, On: on, As: call, N: trace.Int(1 + random.IntN(10))}, trace.Command{Op: trace.Cancel, On: call})
		}
	}
	return p
}

func TestShrinkOnAFaultyAdapter(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*trace.Command, *trace.Reply)
		rule   string
		want   string
	}{
		"a byte is lost": {
			func(c *trace.Command, r *trace.Reply) {
				if c.Op == trace.ReaderReadExactly && *c.N > 3 && r.Returned != nil {
					short := trace.BytesValue((*r.Returned.Bytes)[:*c.N-1])
					r.Returned = &short
				}
			},
			"reader.readexactly.exactly-n", `r = reader.make(); r.feed_data("aaaa"); c1 = r.readexactly(4)`,
		},
		"a crash": {
			func(c *trace.Command, r *trace.Reply) {
				if c.Op == trace.ReaderFeedData && len(c.Data.Bytes) > 16 {
					*r = trace.Reply{}
				}
			},
			string(adapter.Crash), `r = reader.make(); r.feed_data("aaaaaaaaaaaaaaaaa")`,
		},
		"a call that never ends": {
			func(c *trace.Command, r *trace.Reply) {
				if c.Op == trace.ReaderReadLine && r.Returned != nil {
					r.Returned, r.Pending = nil, c.As
				}
			},
			"reader.readline.through-first-lf", `r = reader.make(); r.feed_data("\n"); c1 = r.readline()`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := tampered{reference.New(), test.change}
			defer a.Close()
			ctx := context.Background()
			j, err := NewJudge(ctx, a, Options{})
			if err != nil {
				t.Fatal(err)
			}
			for seed := range uint64(5) {
				v, err := j.Run(ctx, someReads(seed))
				if err != nil {
					t.Fatal(err)
				}
				if v.Good() {
					t.Fatal("nothing is broken")
				}
				start := time.Now()
				small, err := j.Shrink(ctx, v, v.Breaks(), time.Minute)
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%s, from %d commands in %v", v.Breaks(), len(v.Program), time.Since(start))
				if v.Breaks() != test.rule || small.Program.String() != test.want || !small.BreaksAlso(test.rule) {
					t.Errorf("%s by %s", v.Breaks(), small.Program)
				}
			}
		})
	}
}

// TestShrinkGenerated shrinks programs as they are generated: whatever comes out is valid, and breaks the same.
func TestShrinkGenerated(t *testing.T) {
	d, err := reference.New().Describe(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	g := NewGenerator(d, 1)
	for n := range uint64(200) {
		p := g.Program(n)
		last := p[len(p)-1]
		got, err := Shrink(context.Background(), p, time.Minute, func(_ context.Context, p Program) (bool, error) {
			return has(p, op(last.Op)), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := got.Validate(); err != nil || len(got) > len(p) || !has(got, op(last.Op)) {
			t.Errorf("program %d shrank to %s: %v", n, got, err)
		}
	}
}

// TestProgramsThatWait holds that what a program waits for by itself is no hang.
func TestProgramsThatWait(t *testing.T) {
	t.Parallel()
	a := tampered{reference.New(), func(c *trace.Command, r *trace.Reply) {
		if c.Op == trace.ReaderAtEOF {
			yes := trace.BoolValue(true)
			r.Returned = &yes
		}
	}}
	defer a.Close()
	ctx := context.Background()
	j, err := NewJudge(ctx, a, Options{Deadline: 5 * time.Second, Patience: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	wait := trace.Command{Op: trace.Run, Until: &trace.Until{Done: "c"}, Ms: 6000}
	v, err := j.Run(ctx, Program{
		{Op: trace.RawMake, As: "k", Kind: trace.TCP}, {Op: trace.RawRecv, On: "k", As: "c", N: trace.Int(1)}, wait,
		{Op: trace.ReaderMake, As: "r"}, {Op: trace.ReaderAtEOF, On: "r"},
	})
	if err != nil || v.Failure != nil || v.Breaks() == "" {
		t.Fatalf("%v, %v", v, err)
	}
	v, err = j.Shrink(ctx, v, v.Breaks(), time.Minute)
	if err != nil || v.Program.String() != "r = reader.make(); r.at_eof()" {
		t.Errorf("%s, %v", v.Program, err)
	}
}

// A clinging adapter is the reference, but its sessions in which a reader was asked whether it is at its end cannot be closed.
type clinging struct{ adapter.Adapter }

func (a clinging) NewSession(ctx context.Context) (adapter.Session, error) {
	s, err := a.Adapter.NewSession(ctx)
	return &clingingSession{Session: s}, err
}

type clingingSession struct {
	adapter.Session
	clings bool
}

func (s *clingingSession) Do(ctx context.Context, commands []trace.Command) ([]trace.Reply, error) {
	for i := range commands {
		s.clings = s.clings || commands[i].Op == trace.ReaderAtEOF
	}
	return s.Session.Do(ctx, commands)
}

func (s *clingingSession) Close(ctx context.Context) ([]trace.Event, error) {
	events, err := s.Session.Close(ctx)
	if s.clings {
		return events, &adapter.Failure{Kind: adapter.Hang, Text: "it did not let go"}
	}
	return events, err
}

// TestFailureAtTheEndOfASessionCounts has an adapter fail only when a session is closed.
func TestFailureAtTheEndOfASessionCounts(t *testing.T) {
	a := clinging{reference.New()}
	defer a.Close()
	j, err := NewJudge(t.Context(), a, Options{})
	if err != nil {
		t.Fatal(err)
	}
	quiet := Program{{Op: trace.ReaderMake, As: "r"}}
	asks := append(quiet[:1:1], trace.Command{Op: trace.ReaderAtEOF, On: "r"})
	lasting := append(asks[:2:2], trace.Command{Op: trace.ClockFreeze})
	for _, c := range []struct {
		program Program
		breaks  string
	}{{quiet, ""}, {asks, string(adapter.Hang)}, {lasting, string(adapter.Hang)}} {
		v, err := j.Run(t.Context(), c.program)
		if err != nil || v.Breaks() != c.breaks || c.breaks != "" && v.Failure.Text != "it did not let go" {
			t.Errorf("%s breaks %q, not %q (%v)", c.program, v.Breaks(), c.breaks, err)
		}
	}
	over, end := context.WithCancel(t.Context())
	line := j.NewLine()
	if _, err := line.Run(over, []Program{asks}); err != nil {
		t.Fatal(err)
	}
	end()
	if err := line.Close(over); err != context.Canceled {
		t.Errorf("closing when the time is over says %v", err)
	}
	small, err := j.Shrink(t.Context(), must(j.Run(t.Context(), lasting)), string(adapter.Hang), time.Minute)
	if err != nil || len(small.Program) != 2 { // without the clock
		t.Errorf("it was shrunk to %s (%v)", small.Program, err)
	}
}

// TestMuchDataGoesApart has programs that hand over much go to the adapter one by one.
func TestMuchDataGoesApart(t *testing.T) {
	a := reference.New()
	defer a.Close()
	line := must(NewJudge(t.Context(), a, Options{})).NewLine()
	feeds := func(n int) Program {
		return Program{{Op: trace.ReaderMake, As: "r"}, {Op: trace.ReaderFeedData, On: "r", Data: trace.D(strings.Repeat("a", n))}}
	}
	little, much := feeds(10), feeds(mostData-100)
	for _, c := range []struct {
		programs []Program
		want     int
	}{{[]Program{little, little, little}, 3}, {[]Program{little, much, much}, 2}, {[]Program{feeds(mostData + 1), little}, 1}} {
		if n := line.together(c.programs); n != c.want {
			t.Errorf("%d programs go together, not %d", n, c.want)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
