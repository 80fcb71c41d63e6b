package fuzz

import (
	"iter"
	"maps"
	"slices"

	"github.com/streamspec/streamspec/spec/trace"
)

// A Coverage is what programs have done so far: the commands that were issued, the rules whose premise occurred, and the pairs of
// steps that followed one another on the same object or connection. It is used by one goroutine at a time.
type Coverage struct {
	Commands map[trace.Op]int `json:"commands"`
	Rules    map[string]int   `json:"rules"`
	pairs    map[string]bool
}

// NewCoverage returns the coverage of nothing.
func NewCoverage() *Coverage {
	return &Coverage{Commands: map[trace.Op]int{}, Rules: map[string]int{}, pairs: map[string]bool{}}
}

// Add counts the steps of a program and returns the pairs that are new.
func (c *Coverage) Add(steps []trace.Step) (pairs []string) {
	for i := range steps {
		c.Commands[steps[i].Command.Op]++
	}
	for p := range pairsOf(steps) {
		if !c.pairs[p] {
			c.pairs[p] = true
			pairs = append(pairs, p)
		}
	}
	return pairs
}

// Exercise counts rules whose premise occurred.
func (c *Coverage) Exercise(rules map[string]int) {
	for id, n := range rules {
		c.Rules[id] += n
	}
}

// Know takes pairs for covered.
func (c *Coverage) Know(pairs []string) {
	for _, p := range pairs {
		c.pairs[p] = true
	}
}

// Pairs returns how many pairs are covered.
func (c *Coverage) Pairs() int { return len(c.pairs) }

// clone returns a copy without the pairs.
func (c *Coverage) clone() Coverage {
	return Coverage{Commands: maps.Clone(c.Commands), Rules: maps.Clone(c.Rules)}
}

// pairsOf returns each step that is about some object with the one before it that was about the same object or connection: what was
// done, and how it came out.
func pairsOf(steps []trace.Step) iter.Seq[string] {
	return func(yield func(string) bool) {
		groups := map[string]int{}   // of objects that belong together, by name
		last := map[int]string{}     // the last step of a group
		calls := map[string]string{} // the object that a call is about
		for i := range steps {
			c := &steps[i].Command
			group, ok := join(groups, calls, c)
			if !ok {
				continue
			}
			this := string(c.Op) + " " + outcome(steps[i].Reply)
			before, ok := last[group]
			if !ok {
				before = "nothing"
			}
			last[group] = this
			if !yield(before + ", " + this) {
				return
			}
		}
	}
}

// join puts the objects that a command names into one group, and returns it; false: the command names none.
func join(groups map[string]int, calls map[string]string, c *trace.Command) (group int, ok bool) {
	names := []string{c.On, c.Transport, c.Raw, c.Reader, c.Protocol, c.Address, c.Socket}
	if c.Op == trace.Cancel {
		names = []string{calls[c.On]}
	}
	if c.On != "" && c.As != "" {
		calls[c.As] = c.On
	} else {
		names = append(names, c.As)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	if len(names) == 0 {
		return 0, false
	}
	group = len(groups) + 1
	for i, name := range names {
		names[i] = maker(name)
		if g, ok := groups[names[i]]; ok {
			group = min(group, g)
		}
	}
	for _, name := range names {
		old, known := groups[name]
		groups[name] = group
		if known && old != group {
			for other, g := range groups {
				if g == old {
					groups[other] = group
				}
			}
		}
	}
	return group, true
}

// outcome says how a step came out, in few words.
func outcome(r *trace.Reply) string {
	var s string
	switch {
	case r == nil:
		return "nothing"
	case r.Returned != nil && r.Returned.Bool != nil:
		s = r.Returned.String()
	case r.Returned != nil && r.Returned.Bytes != nil && len(*r.Returned.Bytes) == 0:
		s = "empty"
	case r.Returned != nil:
		s = "returned"
	case r.Raised != nil:
		s = string(r.Raised.Kind)
	case r.Pending != "":
		s = "pending"
	case r.Unsupported != "":
		s = "unsupported"
	default:
		s = "fault"
	}
	for i := range r.Events {
		if r.Events[i].Ev == trace.Finished {
			return s + " finishing"
		}
	}
	return s
}
