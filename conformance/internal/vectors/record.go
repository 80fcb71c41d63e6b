package vectors

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/monitor"
	"github.com/streamspec/streamspec/spec/trace"
)

// Record makes a vector of a program by running it. Its rules are those that the run has exercised. What came back is expected
// as long as it has to be so: as the monitors would object to anything else. It is an error if they object to what came back.
func (r *Runner) Record(ctx context.Context, commands []trace.Command) (*trace.Vector, error) {
	v := &trace.Vector{Name: title(commands)}
	for i := range commands {
		v.Steps = append(v.Steps, trace.VectorStep{Command: commands[i]})
	}
	v.Needs = v.CommandNeeds()
	result, err := r.Run(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.Name, err)
	}
	if !result.OK() {
		return nil, fmt.Errorf("%s: %s", v.Name, result.Violations[0])
	}
	for rule := range result.Exercised {
		v.Rules = append(v.Rules, rule)
	}
	slices.Sort(v.Rules)
	v.Since, v.Until = r.Versions(v.Rules)
	for i := range v.Steps {
		if !r.implied(commands, result.Replies, i) {
			break // what comes later may depend on what came here
		}
		if commands[i].Op != trace.ProtocolEOFReceived { // what that answers is no matter of the reader's
			v.Steps[i].Expect = []trace.Reply{result.Replies[i].Plain()}
		}
	}
	return v, nil
}

// Versions returns the first and the last version for which all rules are in force; empty where that is the first or the
// last of all.
func (r *Runner) Versions(rules []string) (since, until string) { return versions(r.Catalogue, rules) }

func versions(catalogue *spec.Catalogue, rules []string) (since, until string) {
	var from, to spec.Version
	for _, id := range rules {
		rule, _ := catalogue.Rule(id)
		if v := rule.Versions; from.Compare(v.From) < 0 {
			from = v.From
		}
		if v := rule.Versions; !v.To.IsZero() && (to.IsZero() || v.To.Compare(to) < 0) {
			to = v.To
		}
	}
	if from != first {
		since = from.String()
	}
	return since, to.String()
}

// first is the first version that there are documents of.
var first = func() spec.Version {
	v, err := spec.ParseVersion("3.6")
	if err != nil {
		panic(err)
	}
	return v
}()

// implied tells whether the monitors would object to any other reply to step i, given what came before. Where CPython does
// something by accident either outcome passes, and what follows is open.
func (r *Runner) implied(commands []trace.Command, replies []trace.Reply, i int) bool {
	play := func(last trace.Reply) *monitor.Monitor {
		m := r.monitor()
		for j := range i + 1 {
			reply := &last
			if j < i {
				reply = &replies[j]
			}
			m.Before(&commands[j])
			m.After(&commands[j], reply)
		}
		return m
	}
	for id := range play(replies[i]).Exercised() {
		if rule, ok := r.Catalogue.Rule(id); ok && rule.Level == spec.Quirk {
			return false
		}
	}
	return !slices.ContainsFunc(otherwise(commands[:i+1], replies[i]), func(other trace.Reply) bool { return len(play(other).Violations()) == 0 })
}

// otherwise returns replies that differ from the one that came back to the last of the commands, each in one point.
func otherwise(commands []trace.Command, reply trace.Reply) []trace.Reply {
	c, op := commands[len(commands)-1], commands[len(commands)-1].Op
	var out []trace.Reply
	add := func(change func(*trace.Reply)) {
		other := reply
		other.Events = slices.Clone(reply.Events)
		change(&other)
		out = append(out, other)
	}
	for _, o := range otherOutcomes(reply.Returned, reply.Raised) {
		if incidental(op) {
			break
		}
		add(func(r *trace.Reply) { r.Returned, r.Raised = o.returned, o.raised })
	}
	if reply.Pending != "" {
		add(func(r *trace.Reply) { r.Pending, r.Returned = "", ptr(trace.BytesValue([]byte("x"))) })
	} else if c.As != "" && trace.Spec(c.Op).Style == trace.Start {
		add(func(r *trace.Reply) { r.Pending, r.Returned, r.Raised = c.As, nil, nil })
	}
	for i, e := range reply.Events {
		add(func(r *trace.Reply) { r.Events = slices.Delete(r.Events, i, i+1) })
		for _, o := range otherOutcomes(e.Returned, e.Raised) {
			add(func(r *trace.Reply) { r.Events[i].Returned, r.Events[i].Raised = o.returned, o.raised })
		}
		for _, o := range otherOutcomes(e.Value, nil) {
			if o.returned != nil && e.Value != nil {
				add(func(r *trace.Reply) { r.Events[i].Value = o.returned })
			}
		}
	}
	for _, c := range commands[:len(commands)-1] {
		if c.Op == trace.MockMake && (!incidental(op) || op == trace.ProtocolDataReceived) {
			for _, ev := range []trace.EventName{trace.PauseReading, trace.ResumeReading} {
				add(func(r *trace.Reply) { r.Events = append(r.Events, trace.Event{Ev: ev, On: c.As}) })
			}
		}
	}
	return out
}

// incidental tells whether a command is not about the reader itself, so that no monitor looks at what it returns.
func incidental(op trace.Op) bool {
	s := trace.Spec(op)
	return s.Style == trace.Make && op != trace.ReaderMake || s.Style == trace.Control || s.On == "protocol" || op == trace.ReaderSetTransport
}

type outcome struct {
	returned *trace.Value
	raised   *trace.Error
}

// otherOutcomes returns outcomes that differ from one in a single point; none where there is no outcome.
func otherOutcomes(returned *trace.Value, raised *trace.Error) (out []outcome) {
	fails := func(change func(*trace.Error)) {
		other := trace.Error{}
		if raised != nil {
			other = *raised
		}
		change(&other)
		out = append(out, outcome{raised: &other})
	}
	switch {
	case returned != nil:
		fails(func(e *trace.Error) { e.Kind = trace.OtherError })
		switch {
		case returned.Bytes != nil:
			b := *returned.Bytes
			out = append(out, outcome{returned: ptr(trace.BytesValue(append(slices.Clone(b), 'x')))})
			if len(b) > 0 {
				out = append(out, outcome{returned: ptr(trace.BytesValue(b[:len(b)-1]))})
			}
		case returned.Bool != nil:
			out = append(out, outcome{returned: ptr(trace.BoolValue(!*returned.Bool))})
		case returned.Error != nil:
			out = append(out, outcome{returned: &trace.None})
		}
	case raised != nil:
		out = append(out, outcome{returned: ptr(trace.BytesValue(nil))})
		fails(func(e *trace.Error) { e.Kind = trace.OtherError })
		if raised.Kind == trace.Scripted {
			fails(func(e *trace.Error) { e.Message += "x" })
		}
		if raised.Partial != nil {
			fails(func(e *trace.Error) { e.Partial = ptr(append(slices.Clone(*raised.Partial), 'x')) })
		}
		for _, by := range []int{-1, 1} {
			if raised.Expected != nil {
				fails(func(e *trace.Error) { e.Expected = ptr(*raised.Expected + by) })
			}
			if raised.Consumed != nil {
				fails(func(e *trace.Error) { e.Consumed = ptr(*raised.Consumed + by) })
			}
		}
	}
	return out
}

func ptr[T any](v T) *T { return &v }

// title names a program by what it does, without the names that the driver chose.
func title(commands []trace.Command) string {
	var parts []string
	for i := range commands {
		c := commands[i]
		switch c.Op {
		case trace.MockMake, trace.ReaderProtocolMake:
			continue
		case trace.ReaderSetTransport:
			parts = append(parts, "flow control")
			continue
		}
		c.As = ""
		_, verb, _ := strings.Cut(c.String(), ".")
		if c.Op == trace.Cancel {
			verb = c.String()
		}
		parts = append(parts, strings.TrimSuffix(verb, "()"))
	}
	return strings.ReplaceAll(strings.Join(parts, "; "), `"`, "'")
}
