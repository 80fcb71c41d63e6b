package reference_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/streamspec/streamspec/conformance/adapter/reference"
	"github.com/streamspec/streamspec/spec/monitor"
	"github.com/streamspec/streamspec/spec/trace"
)

// TestRandomProgramsBreakNoRule runs random programs of reader commands on the reference under the monitors: two
// implementations of the rules that know nothing of each other.
func TestRandomProgramsBreakNoRule(t *testing.T) {
	a := reference.New()
	defer a.Close()
	const programs = 20000
	for seed := range uint64(programs) {
		rng := rand.New(rand.NewPCG(seed, 1))
		commands := program(rng)
		s, err := a.NewSession(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		replies, err := s.Do(context.Background(), commands)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		m := monitor.New(monitor.Options{Settling: trace.Exact})
		log := ""
		for i := range commands {
			m.Before(&commands[i])
			m.After(&commands[i], &replies[i])
			log += fmt.Sprintf("\n  %s %s %v", commands[i], replies[i], replies[i].Events)
		}
		events, err := s.Close(context.Background())
		if err != nil {
			t.Fatalf("seed %d: %v%s", seed, err, log)
		}
		m.End(events)
		if v := m.Violations(); len(v) > 0 {
			t.Fatalf("seed %d: %v%s", seed, v, log)
		}
	}
	t.Logf("%d random programs", programs)
}

func program(rng *rand.Rand) []trace.Command {
	alphabets := []string{"a\n", "SEPx", "ab", "a\r\n"}
	letters := alphabets[rng.IntN(len(alphabets))]
	word := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = letters[rng.IntN(len(letters))]
		}
		return string(b)
	}
	limit := 1 + rng.IntN(6)
	commands := []trace.Command{{Op: trace.ReaderMake, As: "r", Limit: &limit}}
	if rng.IntN(2) == 0 {
		commands = append(commands, trace.Command{Op: trace.MockMake, As: "t", CanPause: trace.Bool(rng.IntN(4) > 0)},
			trace.Command{Op: trace.ReaderSetTransport, On: "r", Transport: "t"})
	}
	var calls []string
	for range 3 + rng.IntN(12) {
		c := trace.Command{On: "r"}
		call := func(op trace.Op) {
			c.Op, c.As = op, fmt.Sprintf("c%d", len(calls)+1)
			calls = append(calls, c.As)
		}
		switch rng.IntN(14) {
		case 0, 1, 2, 3, 4:
			c.Op, c.Data = trace.ReaderFeedData, trace.D(word(rng.IntN(6)))
		case 5:
			if rng.IntN(3) == 0 {
				c.Op = trace.ReaderFeedEOF
			} else {
				c.Op = trace.ReaderAtEOF
			}
		case 6:
			call(trace.ReaderRead)
			if rng.IntN(3) > 0 {
				c.N = trace.Int(rng.IntN(8) - 2)
			}
		case 7:
			call(trace.ReaderReadLine)
		case 8:
			call(trace.ReaderReadExactly)
			c.N = trace.Int(rng.IntN(16) - 1)
		case 9:
			call(trace.ReaderReadUntil)
			c.Separator = trace.D(word(rng.IntN(4)))
		case 10:
			call(trace.ReaderReadUntil)
			c.Separators = []trace.Data{}
			for range rng.IntN(4) {
				c.Separators = append(c.Separators, *trace.D(word(1 + rng.IntN(3))))
			}
		case 11:
			call(trace.ReaderIterate)
			if rng.IntN(2) == 0 {
				c.N = trace.Int(1 + rng.IntN(3))
			}
		case 12:
			if len(calls) > 0 {
				c.Op, c.On = trace.Cancel, calls[rng.IntN(len(calls))]
			} else {
				c.Op = trace.ReaderException
			}
		case 13:
			c.Op = trace.ReaderSetException
			if rng.IntN(2) == 0 {
				c.Exception = trace.Text("boom")
			}
		}
		c.NoSettle = rng.IntN(5) == 0
		commands = append(commands, c)
	}
	return commands
}
