package vectors

import (
	"context"
	"fmt"
	"slices"

	"github.com/streamspec/streamspec/spec/trace"
)

// Promote makes a vector of a transcript: of its commands, judged by the given rules, or by those that it says were broken if none
// are given. What came back from the runner's implementation is expected as far as it has to be so, but not of connections, for
// there the operating system has a say, and not of programs for which the implementation lacks something. It is an error if the
// implementation breaks a rule itself.
func (r *Runner) Promote(ctx context.Context, t *trace.Transcript, rules []string) (*trace.Vector, error) {
	var commands []trace.Command
	bare := &trace.Vector{}
	for _, s := range t.Steps {
		commands = append(commands, s.Command)
		bare.Steps = append(bare.Steps, trace.VectorStep{Command: s.Command})
	}
	bare.Name, bare.Needs = title(commands), bare.CommandNeeds()
	v := bare
	if r.Skips(bare) == "" {
		recorded, err := r.Record(ctx, commands)
		if err != nil {
			return nil, err
		}
		if r.settles(bare) {
			v = recorded
		}
	}
	if v.Rules = slices.Clone(rules); len(rules) == 0 {
		v.Rules = r.broken(t)
	}
	for _, id := range v.Rules {
		if _, ok := r.Catalogue.Rule(id); !ok {
			return nil, fmt.Errorf("there is no rule %q", id)
		}
	}
	v.Since, v.Until = r.Versions(v.Rules)
	return v, nil
}

// broken are the rules that a transcript says were broken, each once.
func (r *Runner) broken(t *trace.Transcript) []string {
	var rules []string
	for _, v := range t.Violations {
		if _, ok := r.Catalogue.Rule(v.Rule); ok && !slices.Contains(rules, v.Rule) {
			rules = append(rules, v.Rule)
		}
	}
	if rules == nil {
		return slices.Clone(t.Rules)
	}
	return rules
}
