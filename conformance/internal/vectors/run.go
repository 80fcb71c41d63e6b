// Package vectors runs test vectors on implementations, and records new ones.
package vectors

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/monitor"
	"github.com/streamspec/streamspec/spec/trace"
)

// A Runner runs vectors on an implementation, and judges what comes back by their expectations and by the monitors.
type Runner struct {
	Adapter   adapter.Adapter
	About     trace.Description // what the adapter says of itself
	Catalogue *spec.Catalogue
	Target    spec.Version // the documented version to judge by
}

// A Result is what came back from a vector.
type Result struct {
	Replies    []trace.Reply
	Unexpected []int             // the steps whose reply was not expected, counted from 0
	Violations []trace.Violation // what the monitors say
	Exercised  map[string]int    // how often the premise of each rule occurred
}

// OK reports whether everything that came back was permitted.
func (r *Result) OK() bool { return len(r.Unexpected) == 0 && len(r.Violations) == 0 }

// Skips says why the vector cannot be run on the implementation; empty: it can.
func (r *Runner) Skips(v *trace.Vector) string {
	for _, id := range v.Rules {
		if rule, ok := r.Catalogue.Rule(id); ok && !rule.InForce(r.Target) {
			return fmt.Sprintf("%s is not in force in %s", id, r.Target)
		}
	}
	for i := range v.Steps {
		if lacks := r.About.Lacks(&v.Steps[i].Command); lacks != "" {
			return "the implementation lacks " + string(lacks)
		}
	}
	return ""
}

// Run runs the vector in a session of its own.
func (r *Runner) Run(ctx context.Context, v *trace.Vector) (*Result, error) {
	session, err := r.Adapter.NewSession(ctx)
	if err != nil {
		return nil, err
	}
	commands := make([]trace.Command, len(v.Steps))
	for i, s := range v.Steps {
		commands[i] = s.Command
	}
	replies, err := session.Do(ctx, commands)
	if err != nil {
		return &Result{Replies: replies}, err
	}
	events, err := session.Close(ctx)
	if err != nil {
		return &Result{Replies: replies}, err
	}
	result := &Result{Replies: replies}
	m := r.monitor()
	for i := range commands {
		m.Before(&commands[i])
		m.After(&commands[i], &replies[i])
		if replies[i].Fault != "" || replies[i].Unsupported != "" {
			return result, &adapter.Failure{Kind: adapter.Error, Text: fmt.Sprintf("step %d, %s: %s", i+1, &commands[i], replies[i])}
		}
		if !r.permits(v, i, replies[i]) {
			result.Unexpected = append(result.Unexpected, i)
		}
	}
	m.End(events)
	result.Violations, result.Exercised = m.Violations(), m.Exercised()
	return result, nil
}

func (r *Runner) monitor() *monitor.Monitor {
	return monitor.New(monitor.Options{Settling: r.About.Settling, BestEffort: r.About.BestEffort, InForce: func(id string) bool {
		rule, ok := r.Catalogue.Rule(id)
		return ok && rule.InForce(r.Target)
	}})
}

// permits tells whether a step may be answered in that way. Where the implementation is not known to have come to rest, what
// is expected of a step may show in a later one: then only what has been waited for is compared, and the rest left to the monitors.
func (r *Runner) permits(v *trace.Vector, i int, reply trace.Reply) bool {
	if r.settles(v) {
		return v.Steps[i].Permits(reply)
	}
	reply.Events = nil
	return v.Steps[i].Command.Op != trace.Run || v.Steps[i].Permits(reply)
}

// settles tells whether the implementation is known to have come to rest after each step.
func (r *Runner) settles(v *trace.Vector) bool {
	return r.About.Settling == trace.Exact &&
		!slices.ContainsFunc(v.Needs, func(c trace.Capability) bool { return slices.Contains(r.About.BestEffort, c) })
}

// Explain says in a few lines what came back that was not permitted, and what was permitted instead.
func (r *Result) Explain(v *trace.Vector) string {
	var lines []string
	for _, i := range r.Unexpected {
		lines = append(lines, fmt.Sprintf("step %d, %s", i+1, &v.Steps[i].Command), "  gave       "+shown(r.Replies[i].Plain()))
		for _, e := range v.Steps[i].Expect {
			lines = append(lines, "  permitted: "+shown(e))
		}
	}
	said := map[string]bool{}
	for _, violation := range r.Violations {
		switch {
		case said[violation.Rule]: // it was broken before
		case violation.Rule == "":
			lines = append(lines, violation.Text)
		default:
			lines = append(lines, violation.String())
		}
		said[violation.Rule] = true
	}
	return strings.Join(lines, "\n")
}

func shown(r trace.Reply) string {
	s := r.String()
	for _, e := range r.Events {
		s += ", with " + e.String()
	}
	return s
}
