package report

import "fmt"

// The exit codes of the command. Scripts rely on them.
const (
	ExitConformant    = 0
	ExitNotConformant = 1
	ExitUsage         = 2 // bad usage or configuration
	ExitAdapter       = 3 // the adapter failed, so that nothing can be said of the implementation
	ExitNothing       = 4 // nothing was run
)

// Exit returns the exit code that the report leads to, and says why in a sentence.
func (r *Report) Exit() (code int, why string) {
	switch adapter := r.adapterFailures(); {
	case r.Summary.Conformant:
		return ExitConformant, r.claim()
	case r.Summary.AsBaseline:
		return ExitConformant, "not conformant, but nothing fails that the baseline does not list: " + r.Summary.Why
	case r.BreaksRules(), r.Count(UnexpectedPass) > 0:
		return ExitNotConformant, "not conformant: " + r.Summary.Why
	case adapter > 0:
		return ExitAdapter, fmt.Sprintf("the adapter failed in %s, so nothing can be said for sure: %s", count(adapter, "case", "cases"), r.Summary.Why)
	case !r.Complete:
		return ExitNotConformant, "not shown to be conformant: the run was broken off"
	case r.Ran() == 0:
		return ExitNothing, "nothing was run: " + r.whyNothing()
	}
	return ExitNotConformant, "not conformant: " + r.Summary.Why
}

// claim is what a conformant report says.
func (r *Report) claim() string {
	levels, unchecked := "MUST", ""
	if r.Suite.Strict {
		levels = "MUST, SHOULD or DEFACTO"
	}
	if n := r.Summary.Rules[Unchecked]; n > 0 {
		unchecked = fmt.Sprintf(", and %s unchecked", count(n, "rule is", "rules are"))
	}
	return fmt.Sprintf("conformant: no %s rule of %s is broken in %s%s", levels, r.Suite.Target, count(r.Ran(), "case", "cases"), unchecked)
}

func (r *Report) adapterFailures() int { return r.Count(AdapterCrash, AdapterHang, AdapterError) }

// BreaksRules reports whether a rule that gates is shown not to be kept.
func (r *Report) BreaksRules() bool {
	for _, rule := range r.Rules {
		if rule.Verdict.Broken() && rule.Level.Gate(r.Suite.Strict) {
			return true
		}
	}
	return false
}

// whyNothing says why no case was run.
func (r *Report) whyNothing() string {
	switch n := r.Summary.Cases; {
	case n[Unsupported] > 0:
		return fmt.Sprintf("the implementation lacks what %s", count(n[Unsupported], "case needs", "cases need"))
	case n[NotApplicable] > 0:
		return "no rule of the cases selected is in force for " + r.Suite.Target
	case r.Suite.Filter != "":
		return "no case matches the filter " + r.Suite.Filter
	}
	return "there is no case"
}
