package fuzz

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

// Disagreement is what is found when two implementations answer otherwise where the rules leave no latitude.
const Disagreement = "disagreement"

// common is the description of what two implementations have in common.
func common(a, b trace.Description) trace.Description {
	a.Capabilities = slices.DeleteFunc(slices.Clone(a.Capabilities), func(c trace.Capability) bool { return !b.Has(c) })
	return a
}

// A comparer holds the answers of one implementation against those of another. Only programs about objects in memory are compared, in
// which no rule was exercised that leaves latitude or that is in force for only one of the two.
type comparer struct {
	judge, against *Judge
	line           *Line // of the other
}

func newComparer(j, against *Judge) *comparer { return &comparer{j, against, against.NewLine()} }

// inMemory lists the capabilities of objects in memory.
var inMemory = []trace.Capability{"", trace.CapReader, trace.CapReaderTransport, trace.CapTupleSeparators, trace.CapReaderProtocol, trace.CapTypedBuffers}

// comparable tells whether the answers to a program have to be the same: it is about objects in memory, and does not look at what the
// implementation does before it has come to rest.
func (c *comparer) comparable(p Program) bool {
	if c.judge.Description.Settling != trace.Exact || c.against.Description.Settling != trace.Exact || c.against.Lacks(p) {
		return false
	}
	for i := range p {
		if p[i].NoSettle || p[i].Eager != nil || p[i].Op == trace.Turn || p[i].Op == trace.Collect {
			return false
		}
		for _, needed := range p[i].Needs() {
			if !slices.Contains(inMemory, needed) {
				return false
			}
		}
	}
	return true
}

// compare has the other implementation carry out the programs of good verdicts, and returns the verdicts of those on which the two
// disagree.
func (c *comparer) compare(ctx context.Context, verdicts []*Verdict) (disagreeing []*Verdict, err error) {
	var mine []*Verdict
	var programs []Program
	for _, v := range verdicts {
		if v.Good() && v.Fault == "" && c.comparable(v.Program) {
			mine, programs = append(mine, v), append(programs, v.Program)
		}
	}
	theirs, err := c.line.Run(ctx, programs)
	for i := range theirs {
		if v := c.judged(mine[i], theirs[i]); v != nil {
			disagreeing = append(disagreeing, v)
		}
	}
	return disagreeing, err
}

// judged returns a verdict that says how two disagree, nil if they do not.
func (c *comparer) judged(mine, theirs *Verdict) *Verdict {
	if !mine.Good() || !theirs.Good() || mine.Fault != "" || theirs.Fault != "" {
		return nil // what is broken is found otherwise
	}
	for i := range mine.Program {
		if i >= len(mine.Steps) || i >= len(theirs.Steps) || mine.Steps[i].Reply == nil || theirs.Steps[i].Reply == nil {
			return nil
		}
		a, b := plain(*mine.Steps[i].Reply), plain(*theirs.Steps[i].Reply)
		if reflect.DeepEqual(a, b) {
			continue
		}
		if c.latitude(mine) || c.latitude(theirs) {
			return nil
		}
		v := *mine
		v.Violations = []trace.Violation{{Rule: Disagreement, Step: i + 1, Text: fmt.Sprintf("step %d: %s: %s answers: %s; %s answers: %s", i+1,
			mine.Program[i], c.judge.Description.Name, answer(mine.Steps[i].Reply), c.against.Description.Name, answer(theirs.Steps[i].Reply))}}
		return &v
	}
	return nil
}

// latitude tells whether a rule was exercised that permits several outcomes, or that only one of the two has to keep.
func (c *comparer) latitude(v *Verdict) bool {
	m := c.judge.NewMonitor()
	for i := range v.Steps {
		m.Before(&v.Steps[i].Command)
		m.After(&v.Steps[i].Command, v.Steps[i].Reply)
	}
	for id := range m.Exercised() {
		r, ok := c.judge.Rule(id)
		if ok && (r.Level == spec.May || r.Level == spec.Quirk || c.judge.InForce(id) != c.against.InForce(id)) {
			return true
		}
	}
	return false
}

// answer shows a reply with its events in a line.
func answer(r *trace.Reply) string {
	s := r.String()
	for _, e := range r.Events {
		s += ", with " + e.String()
	}
	return s
}

// plain is what of a reply has to be the same for every implementation: not the types and texts of its language, its turns, and what
// it says beside.
func plain(r trace.Reply) trace.Reply {
	r.Turns = 0
	r.Returned, r.Raised = plainValue(r.Returned), plainError(r.Raised)
	var events []trace.Event
	for _, e := range r.Events {
		if e.Ev == trace.Warned || e.Ev == trace.Logged {
			continue
		}
		e.Turn, e.Text = 0, ""
		e.Returned, e.Raised, e.Value = plainValue(e.Returned), plainError(e.Raised), plainValue(e.Value)
		events = append(events, e)
	}
	r.Events = events
	return r
}

func plainValue(v *trace.Value) *trace.Value {
	if v == nil {
		return nil
	}
	same := *v
	same.Type, same.Error = "", plainError(v.Error)
	return &same
}

func plainError(e *trace.Error) *trace.Error {
	if e == nil {
		return nil
	}
	same := *e
	same.Native = ""
	if same.Kind != trace.Scripted {
		same.Message = ""
	}
	return &same
}

// breaks implements oracle.
func (c *comparer) breaks(ctx context.Context, p Program, _ string) (*Verdict, error) {
	if !c.comparable(p) {
		return nil, nil
	}
	mine, err := c.judge.Run(ctx, p)
	if err != nil {
		return nil, err
	}
	theirs, err := c.against.Run(ctx, p)
	if err != nil {
		return nil, err
	}
	return c.judged(mine, theirs), nil
}

// shrink implements oracle.
func (c *comparer) shrink(ctx context.Context, v *Verdict, rule string, campaign *Campaign) (*Verdict, error) {
	small := v
	_, err := Shrink(ctx, v.Program, campaign.o.Shrink, func(ctx context.Context, p Program) (bool, error) {
		w, err := c.breaks(ctx, p, rule)
		if w != nil && ctx.Err() == nil {
			small = w
		}
		return w != nil, err
	})
	return small, err
}
