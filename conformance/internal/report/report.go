// Package report turns the cases of a run into verdicts on rules, and writes them down: JSON, JSON lines, JUnit, text.
package report

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

// Verdict is what a case or a rule came to.
type Verdict string

// The verdicts of cases.
const (
	Pass           Verdict = "pass"
	Fail           Verdict = "fail"
	KnownFail      Verdict = "known-fail"      // fails, as the baseline says
	UnexpectedPass Verdict = "unexpected-pass" // passes, though the baseline says that it fails
	Flaky          Verdict = "flaky"           // differs between repetitions; no case is ever retried
	Unsupported    Verdict = "unsupported"     // the implementation lacks a capability
	NotApplicable  Verdict = "not-applicable"  // no rule of the case is in force for the target version
	Filtered       Verdict = "filtered"        // not asked for
	AdapterCrash   Verdict = "adapter-crash"
	AdapterHang    Verdict = "adapter-hang"
	AdapterError   Verdict = "adapter-error"
	SuiteBug       Verdict = "suite-bug" // the suite itself is wrong
)

// The verdicts that only rules have.
const (
	NotExercised Verdict = "not-exercised" // there are checks, but in none did the rule's premise occur
	Unchecked    Verdict = "unchecked"     // no check exists yet
	Guidance     Verdict = "guidance"      // advice to users: nothing to observe
)

// gravity orders the verdicts of cases, the gravest first: a rule has the gravest verdict of its cases.
var gravity = []Verdict{
	Fail, AdapterCrash, AdapterHang, AdapterError, SuiteBug, Flaky, UnexpectedPass, KnownFail, Pass, NotExercised, Unsupported, NotApplicable, Filtered,
}

// Graver reports whether a is graver than b.
func Graver(a, b Verdict) bool { return slices.Index(gravity, a) < slices.Index(gravity, b) }

// Ran reports whether a case with this verdict was carried out.
func (v Verdict) Ran() bool { return v != Filtered && v != Unsupported && v != NotApplicable }

// Good reports whether a case or rule with this verdict speaks for the implementation, or at least not against it.
func (v Verdict) Good() bool {
	switch v {
	case Fail, UnexpectedPass, Flaky, AdapterCrash, AdapterHang, AdapterError, SuiteBug:
		return false
	}
	return true
}

// Broken reports whether a rule with this verdict is shown not to be kept.
func (v Verdict) Broken() bool { return v == Fail || v == Flaky }

// OfAdapter reports whether it is the adapter that failed, of which no rule speaks.
func (v Verdict) OfAdapter() bool { return v == AdapterCrash || v == AdapterHang || v == AdapterError }

// A Case is one case of a run.
type Case struct {
	ID         string            `json:"id"` // the path of its texts
	Rules      []string          `json:"rules"`
	Verdict    Verdict           `json:"verdict"`
	Seconds    float64           `json:"seconds"`
	Scenarios  int               `json:"scenarios,omitempty"` // distinct ones, of an enumeration
	Message    string            `json:"message,omitempty"`
	Violations []trace.Violation `json:"violations,omitempty"`
	Transcript string            `json:"transcript,omitempty"` // path of the file
	Exercised  map[string]int    `json:"exercised,omitempty"`  // how often the premise of each rule occurred
	Seen       map[string]string `json:"seen,omitempty"`       // of a quirk or a latitude: what the implementation does
	Outcomes   map[string]int    `json:"outcomes,omitempty"`   // of an enumeration: how often each kind of outcome came
	Cells      *Cells            `json:"cells,omitempty"`      // of a matrix

	AlsoControl    *bool  `json:"also_control,omitempty"`    // of a case that fails: whether the control fails in the same way; not given: no control ran
	BaselineReason string `json:"baseline_reason,omitempty"` // why the case is known to fail
}

// Cells say what became of the cells of a matrix.
type Cells struct {
	Declared    int            `json:"declared"`
	Run         int            `json:"run"`
	Broken      int            `json:"broken,omitempty"`      // of those run: broke a rule
	Impossible  map[string]int `json:"impossible,omitempty"`  // by the reason
	Unsupported map[string]int `json:"unsupported,omitempty"` // by what the implementation lacks
	Deeper      int            `json:"deeper,omitempty"`      // left to a run of greater depth
	NotRun      int            `json:"not_run,omitempty"`     // because an earlier cell waited in vain, or the adapter failed
}

// A Rule is a rule of the catalogue and what the run says of it.
type Rule struct {
	ID        string     `json:"id"`
	Inventory string     `json:"inventory"`
	Level     spec.Level `json:"level"`
	Scope     spec.Scope `json:"scope"`
	Area      spec.Area  `json:"area"`
	Verdict   Verdict    `json:"verdict"`
	Exercised int        `json:"exercised"`
	Cases     []string   `json:"cases,omitempty"`
	Seen      string     `json:"seen,omitempty"`
}

// A Suite says what was run.
type Suite struct {
	Version string `json:"version"`
	Target  string `json:"target"`
	Depth   string `json:"depth"`
	Filter  string `json:"filter,omitempty"`
	Profile string `json:"profile"`
	Seed    uint64 `json:"seed"`
	Strict  bool   `json:"strict,omitempty"`
	Repeat  int    `json:"repeat,omitempty"` // how often everything was run, where that is more than once
	// Baseline is the file of the failures that are known.
	Baseline string `json:"baseline,omitempty"`
}

// A Summary counts verdicts.
type Summary struct {
	Conformant bool            `json:"conformant"`
	AsBaseline bool            `json:"as_baseline,omitempty"` // not conformant, but nothing fails that is not known to
	Why        string          `json:"why,omitempty"`         // the reason where it is not conformant, one sentence
	Profile    string          `json:"profile"`
	Seconds    float64         `json:"seconds"`
	Rules      map[Verdict]int `json:"rules"`
	Cases      map[Verdict]int `json:"cases"`
}

// Schema is the version of the report's JSON form.
const Schema = 1

// A Report is the result of a run. Its JSON form is a contract.
type Report struct {
	Schema         int               `json:"schema"`
	Complete       bool              `json:"complete"` // false: the run was broken off
	Suite          Suite             `json:"suite"`
	Platform       map[string]string `json:"platform"`
	Implementation trace.Description `json:"implementation"`
	Summary        Summary           `json:"summary"`
	Rules          []Rule            `json:"rules"`
	Cases          []Case            `json:"cases"`
	Unmatched      []string          `json:"unmatched_baseline,omitempty"` // entries of the baseline that match nothing, and why

	// Control is what the failing cases were also run on.
	Control *trace.Description `json:"control,omitempty"`

	// Checked tells whether a case exists that names the rule, for runs that are broken off before they reach it; may be nil.
	Checked func(rule string) bool `json:"-"`
}

// New returns the report of a run that begins: it has no cases yet.
func New(suite Suite, implementation trace.Description) Report {
	return Report{
		Schema: Schema, Suite: suite, Implementation: implementation,
		Platform: map[string]string{"os": runtime.GOOS, "arch": runtime.GOARCH, "go": runtime.Version()},
	}
}

// Judge fills in rules and summary from the cases. The profile is a list of capabilities that a claim needs.
func (r *Report) Judge(catalogue *spec.Catalogue, profile []trace.Capability) {
	slices.SortStableFunc(r.Cases, func(a, b Case) int { return strings.Compare(a.ID, b.ID) })
	byRule := map[string]*Rule{}
	r.Rules = nil
	for _, rule := range catalogue.Rules() {
		r.Rules = append(r.Rules, Rule{ID: rule.ID, Inventory: rule.Inventory, Level: rule.Level, Scope: rule.Scope, Area: rule.Area})
	}
	for i := range r.Rules {
		byRule[r.Rules[i].ID] = &r.Rules[i]
	}
	for i := range r.Cases {
		r.Cases[i].countTowards(byRule)
	}
	r.Summary = Summary{Profile: r.Suite.Profile, Rules: map[Verdict]int{}, Cases: map[Verdict]int{}, Seconds: r.Summary.Seconds}
	for i := range r.Rules {
		rule := &r.Rules[i]
		switch {
		case rule.Scope == spec.Guidance:
			rule.Verdict = Guidance
		case rule.Verdict == "" && r.Checked != nil && r.Checked(rule.ID):
			rule.Verdict = NotExercised
		case rule.Verdict == "":
			rule.Verdict = Unchecked
		case rule.Verdict == Pass && rule.Exercised == 0:
			rule.Verdict = NotExercised
		}
		r.Summary.Rules[rule.Verdict]++
	}
	for _, c := range r.Cases {
		r.Summary.Cases[c.Verdict]++
	}
	r.Summary.Why = r.shortcoming(profile)
	if r.Summary.Why == "" {
		r.Summary.Why = r.known()
		r.Summary.AsBaseline = r.Summary.Why != ""
	}
	r.Summary.Conformant = r.Summary.Why == ""
}

// countTowards gives the case's verdict to its rules. When the case names violations, only the rules violated fail: the
// others of the case are neither shown to hold nor shown to be broken.
func (c *Case) countTowards(rules map[string]*Rule) {
	give := func(id string, v Verdict) {
		r := rules[id]
		if r == nil {
			return
		}
		if r.Verdict == "" || Graver(v, r.Verdict) {
			r.Verdict = v
		}
		if !slices.Contains(r.Cases, c.ID) {
			r.Cases = append(r.Cases, c.ID)
		}
	}
	violated := map[string]bool{}
	for _, v := range c.Violations {
		violated[v.Rule] = true
		give(v.Rule, c.Verdict)
	}
	for _, id := range c.Rules {
		verdict := c.Verdict
		if len(violated) > 0 && !violated[id] {
			verdict = NotExercised
		}
		give(id, verdict)
		if r := rules[id]; r != nil && c.Verdict.Ran() {
			r.Exercised++
		}
	}
	for id, n := range c.Exercised {
		if r := rules[id]; r != nil {
			r.Exercised += n
		}
	}
	for id, what := range c.Seen {
		if r := rules[id]; r != nil {
			r.Seen = what
		}
	}
}

// known says which rules that gate are known not to be kept, and nothing if there are none.
func (r *Report) known() string {
	var known []string
	for _, rule := range r.Rules {
		if rule.Verdict == KnownFail && rule.Level.Gate(r.Suite.Strict) {
			known = append(known, rule.ID)
		}
	}
	switch len(known) {
	case 0:
		return ""
	case 1:
		return "the rule " + known[0] + " is not kept, which is known"
	}
	return fmt.Sprintf("%d rules are not kept, which is known: %s", len(known), strings.Join(known, ", "))
}

// shortcoming says why the implementation is not conformant by this run, and nothing if it is, or would be but for what the
// baseline knows.
func (r *Report) shortcoming(profile []trace.Capability) string {
	var broken []string
	for _, rule := range r.Rules {
		if rule.Verdict.Broken() && rule.Level.Gate(r.Suite.Strict) {
			broken = append(broken, rule.ID)
		}
	}
	var lacks []string
	for _, c := range profile {
		if !r.Implementation.Has(c) {
			lacks = append(lacks, string(c))
		}
	}
	var failed []Case // otherwise than by breaking a rule
	for _, c := range r.Cases {
		if !c.Verdict.Good() && (!c.Verdict.Broken() || len(c.Violations) == 0) {
			failed = append(failed, c)
		}
	}
	switch {
	case len(broken) == 1:
		return "the rule " + broken[0] + " is not kept"
	case len(broken) > 1:
		return fmt.Sprintf("%d rules are not kept: %s", len(broken), strings.Join(broken, ", "))
	case r.Summary.Cases[UnexpectedPass] > 0:
		first := r.Cases[slices.IndexFunc(r.Cases, func(c Case) bool { return c.Verdict == UnexpectedPass })]
		return fmt.Sprintf("%s that the baseline lists as failing, the first is %q", count(r.Summary.Cases[UnexpectedPass], "case passes", "cases pass"), first.ID)
	case len(failed) == 1:
		return fmt.Sprintf("the case %q came to %s", failed[0].ID, failed[0].Verdict)
	case len(failed) > 1:
		return fmt.Sprintf("%d cases could not be judged, the first is %q, which came to %s", len(failed), failed[0].ID, failed[0].Verdict)
	case len(lacks) > 0:
		return "the profile " + r.Suite.Profile + " needs what the implementation lacks: " + strings.Join(lacks, ", ")
	case !r.Complete:
		return "the run was broken off"
	case r.Ran() == 0:
		return "nothing was run"
	case len(r.Unmatched) > 0:
		return fmt.Sprintf("%s, the first of %s", count(len(r.Unmatched), "baseline entry is unmatched", "baseline entries are unmatched"), r.Unmatched[0])
	}
	return ""
}

// Count sums up how many cases have one of the verdicts.
func (r *Report) Count(verdicts ...Verdict) int {
	n := 0
	for _, v := range verdicts {
		n += r.Summary.Cases[v]
	}
	return n
}

// Ran counts the cases that were carried out.
func (r *Report) Ran() int {
	n := 0
	for _, v := range slices.Collect(maps.Keys(r.Summary.Cases)) {
		if v.Ran() {
			n += r.Summary.Cases[v]
		}
	}
	return n
}
