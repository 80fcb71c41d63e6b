package fuzz

import (
	"github.com/streamspec/streamspec/spec/trace"
)

// Whether a call comes back before the implementation has run or after is the program's to say, and implementations go wrong in one
// of the orders only. So a part of the programs comes in groups: one and the same under every schedule of a few of its commands. In
// the others each command is hasty or not by chance.
const (
	scheduled = 4              // commands whose schedule varies in a group
	schedules = 1 << scheduled // programs of a group, one for each schedule
	apart     = 4              // of so many groups one is of this kind
)

// inGroup tells whether the nth program belongs to a group, to which, and which schedule it has.
func inGroup(n uint64) (group, schedule uint64, ok bool) {
	return n / schedules, n % schedules, n/schedules%apart == 0
}

// hasSchedule tells whether a command can come back before the implementation runs, and something may be waited for by that.
func hasSchedule(c *trace.Command) bool {
	switch c.Op {
	case trace.Settle, trace.Turn, trace.Run, trace.ConnectionOpen, trace.StreamOpen, trace.StreamServe:
		return false
	}
	return trace.Spec(c.Op).Style != trace.Make
}

// under returns the program under a schedule: of those of its commands that are drawn by pick, the ones whose bit is set come back
// before the implementation runs, and all others after.
func (p Program) under(schedule uint64, pick func(n int) int) Program {
	var able []int
	for i := range p {
		if hasSchedule(&p[i]) {
			p[i].NoSettle = false
			able = append(able, i)
		}
	}
	for bit := 0; bit < scheduled && len(able) > 0; bit++ {
		k := pick(len(able))
		p[able[k]].NoSettle = schedule>>bit&1 == 1
		able = append(able[:k], able[k+1:]...)
	}
	return p
}
