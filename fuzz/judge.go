package fuzz

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/monitor"
	"github.com/streamspec/streamspec/spec/trace"
)

// Options say how programs are judged.
type Options struct {
	Target   spec.Version  // the documented version to judge by; zero: what the adapter says it implements
	Lenient  bool          // only MUST rules count, and not SHOULD and DEFACTO ones
	Deadline time.Duration // how long a program may take besides what it waits for by itself; zero: [DefaultDeadline]
	// Patience is how long is waited for what an implementation whose settling is not exact still owes when a program has ended;
	// zero: [DefaultPatience].
	Patience time.Duration
}

// The usual times. Only an implementation that is at fault is ever as slow.
const (
	DefaultDeadline = 20 * time.Second
	DefaultPatience = 5 * time.Second
)

// A Judge has one implementation carry out programs, under all monitors. Its methods may be called from several goroutines.
type Judge struct {
	Description trace.Description
	Target      spec.Version

	adapter   adapter.Adapter
	catalogue *spec.Catalogue
	options   Options
}

// NewJudge asks an adapter what it is and returns its judge. The adapter stays the caller's to close.
func NewJudge(ctx context.Context, a adapter.Adapter, o Options) (*Judge, error) {
	catalogue, err := spec.Load()
	if err != nil {
		return nil, err
	}
	d, err := a.Describe(ctx)
	if err != nil {
		return nil, err
	}
	if o.Target == (spec.Version{}) {
		if o.Target, err = spec.ParseVersion(d.Target); err != nil {
			return nil, err
		}
	}
	if o.Deadline == 0 {
		o.Deadline = DefaultDeadline
	}
	if o.Patience == 0 {
		o.Patience = DefaultPatience
	}
	return &Judge{Description: d, Target: o.Target, adapter: a, catalogue: catalogue, options: o}, nil
}

// InForce tells whether a rule is in force for what the implementation is judged by.
func (j *Judge) InForce(id string) bool {
	r, ok := j.catalogue.Rule(id)
	return ok && r.InForce(j.Target)
}

// Rule returns a rule of the catalogue.
func (j *Judge) Rule(id string) (spec.Rule, bool) { return j.catalogue.Rule(id) }

// Counts tells whether a violation is a find: of a rule that gates, or of no rule in particular, as when the exception handler
// was called.
func (j *Judge) Counts(v trace.Violation) bool {
	r, ok := j.catalogue.Rule(v.Rule)
	return !ok || r.Level.Gate(!j.options.Lenient)
}

// NewMonitor returns a monitor for a session of the implementation.
func (j *Judge) NewMonitor() *monitor.Monitor {
	return monitor.New(monitor.Options{Settling: j.Description.Settling, BestEffort: j.Description.BestEffort, InForce: j.InForce})
}

// NewSession begins a session of the implementation.
func (j *Judge) NewSession(ctx context.Context) (adapter.Session, error) {
	return j.adapter.NewSession(ctx)
}

// Lacks tells whether the implementation lacks a capability that some command of the program needs.
func (j *Judge) Lacks(p Program) bool {
	for i := range p {
		if j.Description.Lacks(&p[i]) != "" {
			return true
		}
	}
	return false
}

// A Verdict is what came of a program.
type Verdict struct {
	Program    Program
	Steps      []trace.Step      // the program's commands, and those that waited for what was owed at its end
	Closing    []trace.Event     // what happened when the session was closed; only of a program that ran alone
	Violations []trace.Violation // of rules that gate; without a rule: what every expectation says
	Failure    *adapter.Failure  // the adapter failed, which counts as the implementation's
	// Fault is why the adapter could not carry out some command of the program: what that is about is not there, because the
	// program is careless, or because the implementation has done otherwise before.
	Fault     string
	Exercised map[string]int // how often the premise of each rule occurred; only of a program that ran alone
}

// fails notes how the adapter failed, if it did and had not before.
func (v *Verdict) fails(f *adapter.Failure) {
	if v.Failure == nil {
		v.Failure = f
	}
}

// Good tells whether nothing is wrong.
func (v *Verdict) Good() bool { return len(v.Violations) == 0 && v.Failure == nil }

// Breaks names what was broken first: the rule, or the kind of failure; empty: nothing. What breaks no rule in particular is
// called quiet.
func (v *Verdict) Breaks() string {
	switch {
	case len(v.Violations) > 0 && v.Violations[0].Rule == "":
		return Quiet
	case len(v.Violations) > 0:
		return v.Violations[0].Rule
	case v.Failure != nil:
		return string(v.Failure.Kind)
	}
	return ""
}

// BreaksAlso tells whether a rule, or what [Verdict.Breaks] has for one, is among what was broken.
func (v *Verdict) BreaksAlso(rule string) bool {
	if v.Failure != nil && string(v.Failure.Kind) == rule {
		return true
	}
	return slices.ContainsFunc(v.Violations, func(w trace.Violation) bool {
		return w.Rule == rule || w.Rule == "" && rule == Quiet
	})
}

// Quiet stands for what every expectation says: nothing reaches the exception handler, and the implementation comes to rest.
const Quiet = "quiet"

// Transcript returns the verdict as a transcript, which can be replayed.
func (j *Judge) Transcript(v *Verdict) *trace.Transcript {
	d := j.Description
	t := &trace.Transcript{
		Schema: trace.TranscriptSchema, Target: j.Target.String(), Implementation: &d,
		Violations: v.Violations, Steps: v.Steps, Closing: v.Closing,
	}
	if _, ok := j.catalogue.Rule(v.Breaks()); ok {
		t.Rules = []string{v.Breaks()}
	}
	return t
}

// Run has a program carried out alone, in a session of its own. The error is that of a context that has ended.
func (j *Judge) Run(ctx context.Context, p Program) (*Verdict, error) {
	l := j.NewLine()
	v, err := l.Run(ctx, []Program{p})
	if err != nil {
		return nil, err
	}
	v[0].Exercised = l.monitor.Exercised()
	events, failure, err := l.end(ctx)
	if err != nil {
		return nil, err
	}
	l.monitor.Reset()
	l.monitor.End(events)
	v[0].Closing = events
	v[0].fails(failure)
	v[0].Violations = append(v[0].Violations, l.violations()...)
	return v[0], nil
}

// A Line has programs carried out one after the other in one session, for as long as that lives, which is quicker. It is used by one
// goroutine at a time.
type Line struct {
	j       *Judge
	session adapter.Session // nil: a new one is due
	monitor *monitor.Monitor
	dirty   bool // what the last program has made is still there
}

// NewLine returns a line. It has to be closed.
func (j *Judge) NewLine() *Line { return &Line{j: j, monitor: j.NewMonitor()} }

// Monitor returns the line's monitor, for what was exercised so far.
func (l *Line) Monitor() *monitor.Monitor { return l.monitor }

// Close ends the line's session. That the adapter fails at it is not told: the program at fault is not known. The error is that of a
// context that has ended.
func (l *Line) Close(ctx context.Context) error {
	_, _, err := l.end(ctx)
	return err
}

// end ends the line's session and returns what happened then, and how the adapter failed at it.
func (l *Line) end(ctx context.Context) ([]trace.Event, *adapter.Failure, error) {
	if l.session == nil {
		return nil, nil, ctx.Err()
	}
	s := l.session
	l.session, l.dirty = nil, false
	within, cancel := context.WithTimeout(ctx, l.j.options.Deadline)
	defer cancel()
	events, err := s.Close(within)
	var failure *adapter.Failure
	if ctx.Err() != nil {
		err = ctx.Err()
	} else if errors.As(err, &failure) {
		err = nil
	}
	return events, failure, err
}

var forgetAll = trace.Command{Op: trace.Forget}

// Run has programs carried out and judged, and returns a verdict for each, in their order. A program that breaks a rule may leave
// something behind: those that do so after it in the same session are run again in another. Still a verdict that is not good is to be
// confirmed by [Judge.Run]. The error is that of a context that has ended, and the verdicts beside it are those that had come.
func (l *Line) Run(ctx context.Context, programs []Program) ([]*Verdict, error) {
	verdicts := make([]*Verdict, 0, len(programs))
	for len(programs) > 0 {
		n := l.together(programs)
		done, err := l.batch(ctx, programs[:n])
		if n > 1 && err == nil && done[0].unanswered() {
			done, err = l.apart(ctx, programs[:n], done[0].Failure)
		}
		verdicts = append(verdicts, done...)
		if err != nil {
			return verdicts, err
		}
		programs = programs[len(done):]
		bad := slices.IndexFunc(done, func(v *Verdict) bool { return !v.Good() })
		if bad < 0 {
			continue
		}
		if err := l.Close(ctx); err != nil {
			return verdicts, err
		}
		for i, v := range done[bad+1:] {
			if v.Good() {
				continue
			}
			again, err := l.Run(ctx, []Program{v.Program})
			if err != nil {
				return verdicts[:len(verdicts)-len(done)+bad+1+i], err
			}
			verdicts[len(verdicts)-len(done)+bad+1+i] = again[0]
		}
	}
	return verdicts, nil
}

// unanswered tells whether the adapter failed before anything came back.
func (v *Verdict) unanswered() bool { return v.Failure != nil && v.Steps[0].Reply == nil }

// apart has the adapter carry out one by one what it failed at together, up to the program at fault. If it is none by itself the
// last is held to be.
func (l *Line) apart(ctx context.Context, programs []Program, failure *adapter.Failure) (verdicts []*Verdict, err error) {
	for i := range programs {
		done, err := l.batch(ctx, programs[i:i+1])
		verdicts = append(verdicts, done...)
		if err != nil || done[0].Failure != nil {
			return verdicts, err
		}
	}
	verdicts[len(verdicts)-1].Failure = failure
	return verdicts, nil
}

// mostData is how many bytes programs that go to an adapter at once hand over; what comes back may be many times as long.
const mostData = 4 << 20

// together returns how many of the programs can go to the adapter at once: those after which nothing has to be waited for, and that
// are not too much for one reply.
func (l *Line) together(programs []Program) int {
	data := 0
	for i, p := range programs {
		if data += p.data(); l.mayOwe(p) || lasting(p) || data > mostData {
			return max(i, 1)
		}
	}
	return len(programs)
}

// data returns how many bytes the program hands over.
func (p Program) data() (n int) {
	for i := range p {
		if p[i].Data != nil {
			n += len(p[i].Data.Bytes)
		}
		for _, chunk := range p[i].Chunks {
			n += len(chunk.Bytes)
		}
	}
	return n
}

// mayOwe tells whether the program makes connections whose settling is best-effort, so that what is owed at its end is waited for.
func (l *Line) mayOwe(p Program) bool {
	for i := range p {
		if needed, ok := p[i].Kind.Needs(); ok && (l.j.Description.Settling != trace.Exact || slices.Contains(l.j.Description.BestEffort, needed)) {
			return true
		}
	}
	return l.j.Description.Settling != trace.Exact
}

// lasting tells whether the program changes something for the rest of the session.
func lasting(p Program) bool {
	return slices.ContainsFunc(p, func(c trace.Command) bool { return c.Op == trace.ClockFreeze || c.Op == trace.ResolverAnswer })
}

// batch has the adapter carry out programs at once. It returns fewer verdicts than programs when the adapter failed, the last being
// of the program at fault.
func (l *Line) batch(ctx context.Context, programs []Program) (verdicts []*Verdict, err error) {
	var commands []trace.Command
	if l.dirty && lasting(programs[0]) {
		if err := l.Close(ctx); err != nil {
			return nil, err
		}
	}
	if l.dirty {
		commands = append(commands, forgetAll)
	}
	skip := len(commands)
	for i, p := range programs {
		if i > 0 {
			commands = append(commands, forgetAll)
		}
		commands = append(commands, p...)
	}
	replies, err := l.do(ctx, commands, len(programs) == 1)
	if ctx.Err() != nil {
		l.session = nil
		return nil, ctx.Err()
	}
	var failure *adapter.Failure
	if err != nil && !errors.As(err, &failure) {
		failure = &adapter.Failure{Kind: adapter.Error, Text: err.Error()}
	}
	for i, p := range programs {
		if i > 0 {
			skip = 1
		}
		replies = replies[min(skip, len(replies)):]
		v := l.judge(p, replies)
		verdicts = append(verdicts, v)
		if len(replies) < len(p) {
			v.Failure, v.Violations = failure, l.violations()
			l.session, l.dirty = nil, false
			return verdicts, nil
		}
		replies = replies[len(p):]
		if l.mayOwe(p) && failure == nil {
			l.collect(ctx, v)
		}
		v.Violations = l.violations()
	}
	l.dirty = true
	if failure != nil { // it came after the last reply
		verdicts[len(verdicts)-1].Failure = failure
		l.session, l.dirty = nil, false
	}
	if lasting(programs[len(programs)-1]) {
		_, failure, err := l.end(ctx)
		verdicts[len(verdicts)-1].fails(failure)
		return verdicts, err
	}
	return verdicts, nil
}

// do has the session carry out commands. What they wait for by themselves comes on top of the time that they may take, if they are
// those of one program: several that hang together are tried apart.
func (l *Line) do(ctx context.Context, commands []trace.Command, one bool) ([]trace.Reply, error) {
	limit := l.j.options.Deadline
	for i := range commands {
		if c := &commands[i]; one && (c.Op == trace.Run || c.Op == trace.RawRecv) {
			limit += time.Duration(c.Ms) * time.Millisecond
		}
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if l.session == nil {
		s, err := l.j.adapter.NewSession(ctx)
		if err != nil {
			return nil, err
		}
		l.session = s
	}
	return l.session.Do(ctx, commands)
}

// judge gives the monitors a program and what came back.
func (l *Line) judge(p Program, replies []trace.Reply) *Verdict {
	l.monitor.Reset()
	v := &Verdict{Program: p, Steps: make([]trace.Step, 0, len(p))}
	for i := range p {
		if i >= len(replies) {
			v.Steps = append(v.Steps, trace.Step{Command: p[i]})
			continue
		}
		l.monitor.Before(&p[i])
		l.monitor.After(&p[i], &replies[i])
		v.Steps = append(v.Steps, trace.Step{Command: p[i], Reply: &replies[i]})
		if fault := replies[i].Fault; fault != "" && v.Fault == "" {
			v.Fault = fmt.Sprintf("%s: %s", p[i], fault)
		}
	}
	return v
}

// mostOwed is how many things are waited for when a program has ended.
const mostOwed = 16

// collect waits for what is owed at the end of a program.
func (l *Line) collect(ctx context.Context, v *Verdict) {
	for range mostOwed {
		until, ok := l.monitor.Owes()
		if !ok {
			return
		}
		c := trace.Command{Op: trace.Run, Until: &until, Ms: int(l.j.options.Patience.Milliseconds())}
		l.monitor.Before(&c)
		replies, err := l.do(ctx, []trace.Command{c}, true)
		if err != nil {
			var f *adapter.Failure
			if errors.As(err, &f) && ctx.Err() == nil {
				v.Failure = f
			}
			l.session, l.dirty = nil, false
			return
		}
		l.monitor.After(&c, &replies[0])
		v.Steps = append(v.Steps, trace.Step{Command: c, Reply: &replies[0]})
		if r := replies[0].Returned; r == nil || r.Bool == nil || !*r.Bool {
			return // what is owed has been waited for in vain
		}
	}
}

// violations are those of the monitor that count.
func (l *Line) violations() []trace.Violation {
	return slices.DeleteFunc(slices.Clone(l.monitor.Violations()), func(v trace.Violation) bool { return !l.j.Counts(v) })
}
