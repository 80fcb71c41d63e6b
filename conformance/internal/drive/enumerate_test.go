package drive

import (
	"hash/maphash"
	"testing"

	"github.com/streamspec/streamspec/spec/trace"
)

// TestDistinctScenarios holds that scenarios count as the same only when every argument is.
func TestDistinctScenarios(t *testing.T) {
	limit := func(n int) trace.Command { return trace.Command{Op: trace.ReaderMake, As: "r", Limit: &n} }
	feed := func(s string) trace.Command {
		return trace.Command{Op: trace.ReaderFeedData, On: "r", Data: trace.D(s)}
	}
	until := func(seps ...string) trace.Command {
		c := trace.Command{Op: trace.ReaderReadUntil, On: "r", As: "c1", Separators: []trace.Data{}}
		for _, s := range seps {
			c.Separators = append(c.Separators, *trace.D(s))
		}
		return c
	}
	single := trace.Command{Op: trace.ReaderReadUntil, On: "r", As: "c1", Separator: trace.D("ab")}
	late := feed("ab")
	late.NoSettle = true
	distinct := []Scenario{
		{limit(1)}, {limit(2)}, {limit(256)}, {limit(-1)}, {trace.Command{Op: trace.ReaderMake, As: "r"}},
		{feed("ab")}, {feed("a"), feed("b")}, {feed("")}, {late},
		{until("ab")}, {until("a", "b")}, {until("b", "a")}, {single},
		{trace.Command{Op: trace.ReaderRead, On: "r", As: "c1"}}, {trace.Command{Op: trace.ReaderRead, On: "r", As: "c1", N: trace.Int(0)}},
		{trace.Command{Op: trace.ReaderSetException, On: "r"}}, {trace.Command{Op: trace.ReaderSetException, On: "r", Exception: trace.Text("a")}},
	}
	e := &enumeration{seed: maphash.MakeSeed(), seen: map[uint64]struct{}{}}
	for _, s := range distinct {
		if !e.isNew(s) {
			t.Errorf("%s was taken for one before it", show(s))
		}
	}
	for _, s := range distinct {
		if e.isNew(s) {
			t.Errorf("%s was not recognised", show(s))
		}
	}
}
