package report

import (
	"slices"

	"github.com/streamspec/streamspec/spec/trace"
)

// Controllable reports whether the case failed in a way that a control may share.
func (c *Case) Controllable() bool {
	return len(c.Violations) > 0 && c.Verdict != Pass || c.Verdict.OfAdapter()
}

// Compare tells of each case that fails whether the control, judged in the same way, fails as well: whether it breaks every
// rule that the case breaks.
func (r *Report) Compare(control trace.Description, cases []Case) {
	r.Control = &control
	byID := map[string]*Case{}
	for i := range cases {
		byID[cases[i].ID] = &cases[i]
	}
	for i := range r.Cases {
		c := &r.Cases[i]
		same := byID[c.ID]
		if !c.Controllable() || same == nil {
			continue
		}
		also := len(c.Violations) > 0 || same.Verdict == c.Verdict
		for _, v := range c.Violations {
			also = also && slices.ContainsFunc(same.Violations, func(s trace.Violation) bool { return s.Rule == v.Rule })
		}
		c.AlsoControl = &also
	}
}

// shared reports whether the control fails in the same way.
func (c *Case) shared() bool { return c.AlsoControl != nil && *c.AlsoControl }
