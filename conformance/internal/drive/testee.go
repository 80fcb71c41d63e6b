// Package drive is what behaviours are written with: the testee, typed handles for its objects, and matchers that say what
// was done, what came back and what was permitted.
package drive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/monitor"
	"github.com/streamspec/streamspec/spec/trace"
)

// Depth says how much of what can be enumerated is.
type Depth string

// The depths.
const (
	Quick        Depth = "quick"   // thousands of scenarios
	DefaultDepth Depth = "default" // everything small, and a sample of the rest
	Deep         Depth = "deep"    // everything up to the bounds that CONFORMANCE.md names
)

// Depths lists the depths.
var Depths = []Depth{Quick, DefaultDepth, Deep}

// Options say how a testee is judged.
type Options struct {
	Target   spec.Version  // the documented version to judge by
	Depth    Depth         // of enumerations
	Seed     uint64        // of samples
	Strict   bool          // SHOULD and DEFACTO rules gate as well
	Deadline time.Duration // how long one command may take; zero: [DefaultDeadline]
	// OnCase receives every case when it has ended; may be nil.
	OnCase func(report.Case, *trace.Transcript)
	// Include tells whether a case belongs to this run (to this shard of it); nil: all do. Cases that do not are not reported.
	Include func(id string) bool
}

// DefaultDeadline is how long a command may take. It is generous: only a hang is ever as slow.
const DefaultDeadline = 20 * time.Second

// A Testee is an implementation under test, and the case that is being run on it.
type Testee struct {
	Description trace.Description
	Options     Options

	adapter   adapter.Adapter
	catalogue *spec.Catalogue
	c         *testcase // nil between cases
}

// A testcase is what is known of the case being run.
type testcase struct {
	report     report.Case
	rules      []spec.Rule
	session    adapter.Session
	monitor    *monitor.Monitor
	steps      []trace.Step
	closing    []trace.Event
	names      map[string]int
	noSettle   bool
	mocks      map[string]*Mock
	finished   map[string]*trace.Event // how calls that were pending ended
	items      map[string][]trace.Bytes
	told       map[happening][]*trace.Event // by event and object, and by object alone
	bestEffort bool                         // the case is about connections whose settling is best-effort
	asking     bool                         // what is called is to be found missing
	ended      bool                         // the verdict stands
	started    time.Time
}

// New returns a testee. The description is the adapter's.
func New(a adapter.Adapter, d trace.Description, catalogue *spec.Catalogue, o Options) *Testee {
	if o.Deadline == 0 {
		o.Deadline = DefaultDeadline
	}
	if o.Depth == "" {
		o.Depth = DefaultDepth
	}
	return &Testee{Description: d, Options: o, adapter: a, catalogue: catalogue}
}

// Begin prepares the case that Ginkgo is about to run. It skips a case of which no rule is in force.
func (t *Testee) Begin(id string, rules []string) {
	t.c = &testcase{
		report: report.Case{ID: id, Rules: rules}, started: time.Now(),
		names: map[string]int{}, finished: map[string]*trace.Event{}, items: map[string][]trace.Bytes{}, told: map[happening][]*trace.Event{}, mocks: map[string]*Mock{},
		monitor: t.newMonitor(),
	}
	inForce := 0
	for _, id := range rules {
		r, _ := t.catalogue.Rule(id)
		t.c.rules = append(t.c.rules, r)
		if r.InForce(t.Options.Target) {
			inForce++
		}
	}
	if inForce == 0 {
		t.skip(report.NotApplicable, fmt.Sprintf("not in force for %s: %s", t.Options.Target, strings.Join(rules, ", ")))
	}
}

func (t *Testee) newMonitor() *monitor.Monitor {
	return monitor.New(monitor.Options{Settling: t.Description.Settling, BestEffort: t.Description.BestEffort, InForce: t.InForce})
}

// skip ends the case without a judgement.
func (t *Testee) skip(v report.Verdict, why string) {
	t.c.report.Verdict, t.c.report.Message, t.c.ended = v, why, true
	ginkgo.Skip(string(v)+": "+why, 2)
}

// Needs skips the case where the implementation lacks a capability. Commands see to that by themselves; this is for cases
// that are about something else than what their commands need.
func (t *Testee) Needs(capabilities ...trace.Capability) {
	for _, c := range capabilities {
		if !t.Description.Has(c) {
			t.skip(report.Unsupported, fmt.Sprintf("%s lacks the capability %s", t.Description.Name, c))
		}
	}
}

// NeedsExactSettling skips the case where the adapter cannot tell that its implementation has come to rest.
func (t *Testee) NeedsExactSettling() {
	if !t.exact() {
		t.skip(report.Unsupported, "the adapter's settling is not exact")
	}
}

// exact tells whether what is pending after settling stays so until another command comes, in the case so far.
func (t *Testee) exact() bool { return t.Description.Settling == trace.Exact && !t.c.bestEffort }

// InForce tells whether a rule is in force for what the testee is judged by, for what several rules have a say in.
func (t *Testee) InForce(id string) bool {
	r, ok := t.catalogue.Rule(id)
	return ok && r.InForce(t.Options.Target)
}

// NeedsRule skips the case where a rule is not in force: of a case about more than one rule that needs what this one is about.
func (t *Testee) NeedsRule(id string) {
	if !t.InForce(id) {
		t.skip(report.NotApplicable, fmt.Sprintf("not in force for %s: %s", t.Options.Target, id))
	}
}

// NeedsVersion skips the case where the testee is judged by a version before this one.
func (t *Testee) NeedsVersion(version string) {
	if !t.Since(version) {
		t.skip(report.NotApplicable, fmt.Sprintf("this is of %s, which is after %s", version, t.Options.Target))
	}
}

// Since tells whether the testee is judged by this version or a later one.
func (t *Testee) Since(version string) bool {
	v, err := spec.ParseVersion(version)
	if err != nil {
		panic(err) // the suite's own fault
	}
	return t.Options.Target.Compare(v) >= 0
}

// SettlesExactly tells whether that is so, for expectations of what must not happen that only then prove something.
func (t *Testee) SettlesExactly() bool { return t.exact() }

// do carries out one command.
func (t *Testee) do(c trace.Command) trace.Reply {
	if lacking := t.Description.Lacks(&c); lacking != "" {
		t.Needs(lacking)
	}
	c.NoSettle = c.NoSettle || t.c.noSettle
	if err := c.Validate(); err != nil {
		panic(err) // the suite's own fault
	}
	ctx, cancel := context.WithTimeout(context.Background(), t.Options.Deadline)
	defer cancel()
	if t.c.session == nil {
		s, err := t.adapter.NewSession(ctx)
		if err != nil {
			t.broken(c, err)
		}
		t.c.session = s
	}
	if needed, ok := c.Kind.Needs(); ok && slices.Contains(t.Description.BestEffort, needed) {
		t.c.bestEffort = true
	}
	shown := &c
	if t.c.asking {
		shown = &trace.Command{Op: trace.ObjectHas, On: c.On, Name: string(c.Op)}
	}
	t.c.monitor.Before(shown)
	replies, err := t.c.session.Do(ctx, []trace.Command{c})
	if err != nil {
		t.c.steps = append(t.c.steps, trace.Step{Command: c})
		t.broken(c, err)
	}
	reply := replies[0]
	t.c.steps = append(t.c.steps, trace.Step{Command: c, Reply: &reply})
	switch {
	case reply.Fault != "":
		t.broken(c, &adapter.Failure{Kind: adapter.Error, Text: "the adapter could not carry out " + c.String() + ": " + reply.Fault})
	case reply.Unsupported != "":
		t.skip(report.Unsupported, reply.Unsupported)
	}
	seen := &reply
	if t.c.asking {
		seen = &trace.Reply{Returned: &trace.Value{}, Events: seen.Events}
	}
	t.c.monitor.After(shown, seen)
	for i := range reply.Events {
		t.note(&reply.Events[i])
	}
	return reply
}

func (t *Testee) note(e *trace.Event) {
	if e.Ev == trace.Unhandled && e.Raised != nil && e.Raised.Kind == trace.Scripted {
		h := happening{trace.Unhandled, e.Raised.Message}
		t.c.told[h] = append(t.c.told[h], e)
	}
	if e.On != "" {
		for _, h := range [...]happening{{e.Ev, e.On}, {on: e.On}} {
			t.c.told[h] = append(t.c.told[h], e)
		}
	}
	switch e.Ev {
	case trace.Finished:
		t.c.finished[e.On] = e
	case trace.Item:
		if e.Value.Bytes != nil {
			t.c.items[e.On] = append(t.c.items[e.On], *e.Value.Bytes)
		}
	case trace.PauseReading, trace.ResumeReading:
		if tr := t.c.mocks[e.On]; tr != nil {
			tr.calls = append(tr.calls, e.Ev)
		}
	}
}

// broken ends the case because the adapter failed.
func (t *Testee) broken(c trace.Command, err error) {
	verdict := report.AdapterError
	var f *adapter.Failure
	if errors.As(err, &f) {
		verdict = report.Verdict(f.Kind)
	}
	if session := t.c.session; session != nil { // which may live on, and others take its place
		ctx, cancel := context.WithTimeout(context.Background(), t.Options.Deadline)
		_, _ = session.Close(ctx)
		cancel()
		t.c.session = nil
	}
	t.c.report.Verdict, t.c.report.Message, t.c.ended = verdict, fmt.Sprintf("%s: %v", c, err), true
	ginkgo.Fail(t.c.report.Message, 2)
}

// WithoutSettling runs f, whose commands come back before the implementation has run.
func (t *Testee) WithoutSettling(f func()) {
	t.c.noSettle = true
	defer func() { t.c.noSettle = false }()
	f()
}

// Asking runs f, whose calls of a transport are to find out whether it has these operations. The monitors, which know what an
// operation does, take them for that.
func (t *Testee) Asking(f func()) {
	t.c.asking = true
	defer func() { t.c.asking = false }()
	f()
}

// Settle lets the implementation run until nothing more happens.
func (t *Testee) Settle() { t.do(trace.Command{Op: trace.Settle}) }

// name makes a name that the case has not used.
func (t *Testee) name(prefix string) string {
	t.c.names[prefix]++
	if n := t.c.names[prefix]; n > 1 || prefix == "c" {
		return fmt.Sprintf("%s%d", prefix, n)
	}
	return prefix
}

// Saw records what the implementation does where either is fine: of a quirk, or of a latitude.
func (t *Testee) Saw(what string) {
	if t.c.report.Seen == nil {
		t.c.report.Seen = map[string]string{}
	}
	for _, id := range t.c.report.Rules {
		t.c.report.Seen[id] = what
	}
}

// fail records that the rules of the case are broken, and ends the body of the case.
func (t *Testee) fail(text string, skip int) {
	for _, r := range t.c.rules {
		if r.InForce(t.Options.Target) {
			t.c.report.Violations = append(t.c.report.Violations, trace.Violation{Rule: r.ID, Step: len(t.c.steps), Text: text})
		}
	}
	t.c.report.Verdict, t.c.report.Message = report.Fail, text
	t.c.ended = true
	if !t.gates() {
		ginkgo.Skip(text, skip+1)
	}
	ginkgo.Fail(text, skip+1)
}

// gates tells whether some violated rule makes the implementation non-conformant.
func (t *Testee) gates() bool {
	return slices.ContainsFunc(t.c.report.Violations, func(v trace.Violation) bool {
		r, ok := t.catalogue.Rule(v.Rule)
		return !ok || r.Level.Gate(t.Options.Strict)
	})
}

// End closes the case's session and takes the monitors' judgement. It is called after the body, whatever became of that.
func (t *Testee) End() {
	c := t.c
	if c == nil {
		return
	}
	if c.session != nil {
		ctx, cancel := context.WithTimeout(context.Background(), t.Options.Deadline)
		defer cancel()
		events, err := c.session.Close(ctx)
		c.session, c.closing = nil, events
		if err != nil && !c.ended {
			t.broken(trace.Command{Op: "session.close"}, err)
		}
		c.monitor.End(events)
	}
	t.judgeMonitor(c.monitor, "")
	c.report.Violations = onceSaid(c.report.Violations)
	if !c.ended && len(c.report.Violations) > 0 {
		c.report.Verdict, c.report.Message, c.ended = report.Fail, c.report.Violations[0].Text, true
		if t.gates() {
			ginkgo.Fail(c.report.Message, 1)
		}
	}
}

// onceSaid leaves out what says again what was said of the same step and rule: an expectation and a monitor often see the same.
func onceSaid(violations []trace.Violation) []trace.Violation {
	type where struct {
		rule string
		step int
	}
	said := map[where]bool{}
	return slices.DeleteFunc(violations, func(v trace.Violation) bool {
		at := where{v.Rule, v.Step}
		again := said[at] && v.Step > 0
		said[at] = true
		return again
	})
}

// judgeMonitor adds a monitor's findings to the case. What names no rule goes to the rules of the case. With a prefix they
// are about other steps than those of the case's transcript.
func (t *Testee) judgeMonitor(m *monitor.Monitor, prefix string) {
	for _, v := range m.Violations() {
		if prefix != "" {
			v.Step, v.Text = 0, prefix+v.Text
		}
		if v.Rule != "" {
			t.c.report.Violations = append(t.c.report.Violations, v)
			continue
		}
		for _, id := range t.c.report.Rules {
			t.c.report.Violations = append(t.c.report.Violations, trace.Violation{Rule: id, Step: v.Step, Text: v.Text})
		}
	}
	if t.c.report.Exercised == nil {
		t.c.report.Exercised = map[string]int{}
	}
	for id, n := range m.Exercised() {
		t.c.report.Exercised[id] += n
	}
}

// Finish hands the case to the run with the verdict that Ginkgo's outcome leads to.
func (t *Testee) Finish(passed bool, message string) {
	c := t.c
	t.c = nil
	if c == nil {
		return
	}
	if !c.ended {
		c.report.Verdict = report.Pass
		if !passed { // failed otherwise than by a matcher or a monitor: the suite's own fault
			c.report.Verdict, c.report.Message = report.SuiteBug, message
		}
	}
	c.report.Seconds = time.Since(c.started).Seconds()
	if t.Options.OnCase == nil {
		return
	}
	var transcript *trace.Transcript
	if !c.report.Verdict.Good() {
		transcript = t.transcript(c)
	}
	t.Options.OnCase(c.report, transcript)
}

func (t *Testee) transcript(c *testcase) *trace.Transcript {
	if len(c.steps) == 0 {
		return nil
	}
	d := t.Description
	violations := slices.DeleteFunc(slices.Clone(c.report.Violations), func(v trace.Violation) bool { return v.Step == 0 })
	return &trace.Transcript{
		Schema: trace.TranscriptSchema, Case: c.report.ID, Rules: c.report.Rules, Target: t.Options.Target.String(), Implementation: &d,
		Violations: violations, Steps: c.steps, Closing: c.closing,
	}
}
