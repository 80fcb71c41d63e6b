package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/spec"
)

// An event loop of somebody's lives in a Python whose asyncio has faults of its own. So what fails is run once more, on the
// asyncio of that Python and judged in the same way, in children: the control.

// runControl runs what has failed on stock asyncio. It returns nil if nothing has, or if the control did not run to its end,
// which then is said.
func (r *runner) runControl(ctx context.Context) *runner {
	rules := map[string]bool{}
	for _, c := range report.Repeated(r.runs) {
		if c.Controllable() {
			for _, id := range c.Rules {
				rules[id] = true
			}
		}
	}
	if len(rules) == 0 {
		return nil
	}
	flags := *r.flags
	flags.repeat, flags.verbose, flags.json, flags.junit, flags.stream, flags.baseline = 1, false, "", "", "", ""
	flags.options.Target = r.header.Suite.Target
	flags.options.Rules = slices.DeleteFunc(ruleOrder(r.catalogue), func(id string) bool { return !rules[id] })
	lost := func(err error) *runner {
		r.note(func() { r.lost = append(r.lost, fmt.Sprintf("the control, so failures are not told apart: %v", err)) })
		return nil
	}
	var err error
	if flags.transcripts, err = os.MkdirTemp("", "streamspec-control-"); err != nil {
		return lost(err)
	}
	defer os.RemoveAll(flags.transcripts)
	stock := r.choice
	stock.loop = ""
	control := &runner{flags: &flags, choice: stock, catalogue: r.catalogue, interrupts: r.interrupts, out: io.Discard, runs: make([][]report.Case, 1)}
	fmt.Fprintln(r.out, "control: running what failed on stock asyncio of the same Python")
	complete, err := control.inChildren(ctx)
	switch {
	case err != nil:
		return lost(err)
	case len(control.lost) > 0:
		return lost(errors.New(control.lost[0]))
	case !complete || control.header == nil:
		return lost(errors.New("it did not run to its end"))
	}
	return control
}

// ruleOrder are the IDs of all rules in the order of the catalogue.
func ruleOrder(c *spec.Catalogue) []string {
	var ids []string
	for _, rule := range c.Rules() {
		ids = append(ids, rule.ID)
	}
	return ids
}
