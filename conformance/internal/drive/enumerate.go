package drive

import (
	"context"
	"fmt"
	"hash/maphash"
	"iter"
	"runtime"
	"strings"
	"sync"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/spec/monitor"
	"github.com/streamspec/streamspec/spec/trace"
)

// A Scenario is a list of commands that begins with nothing and is judged by the monitors alone.
type Scenario []trace.Command

// batch is how many scenarios go to the adapter at once.
const batch = 128

// tolerated is how many violations end an enumeration: what is wrong a thousand times is said three times.
const tolerated = 3

// Enumerate runs every distinct scenario, many in one session, and takes the monitors' judgement. A scenario that breaks a
// rule is run again alone in a fresh session, and the transcript of the first is the case's.
func (t *Testee) Enumerate(scenarios iter.Seq[Scenario]) {
	t.NeedsExactSettling()
	e := &enumeration{t: t, outcomes: map[string]int{}, seen: map[uint64]struct{}{}, seed: maphash.MakeSeed()}
	workers := 1
	if p, ok := t.adapter.(adapter.Parallel); ok {
		workers = min(p.Parallel(), runtime.GOMAXPROCS(0))
	}
	work := make(chan []Scenario, workers)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() { e.worker(work) })
	}
	var next []Scenario
	for s := range scenarios {
		if !e.isNew(s) {
			continue
		}
		if next = append(next, s); len(next) == batch {
			work <- next
			next = nil
			if e.over() {
				break
			}
		}
	}
	if len(next) > 0 {
		work <- next
	}
	close(work)
	group.Wait()
	e.report()
}

type enumeration struct {
	t    *Testee
	seed maphash.Seed
	seen map[uint64]struct{}

	mu        sync.Mutex
	outcomes  map[string]int
	exercised []*monitor.Monitor
	offenders []Scenario
	err       error
	ran       int
}

// isNew tells whether the scenario has not been there before.
func (e *enumeration) isNew(s Scenario) bool {
	var h maphash.Hash
	h.SetSeed(e.seed)
	for i := range s {
		digest(&h, &s[i])
	}
	sum := h.Sum64()
	if _, ok := e.seen[sum]; ok {
		return false
	}
	e.seen[sum] = struct{}{}
	return true
}

// digest feeds what tells commands apart to a hash; names follow from the order of commands.
func digest(h *maphash.Hash, c *trace.Command) {
	h.WriteString(string(c.Op))
	number := func(n *int) {
		if n != nil {
			h.Write([]byte{1, byte(*n), byte(*n >> 8), byte(*n >> 16)})
		}
		h.WriteByte(0)
	}
	data := func(d *trace.Data) {
		if d != nil {
			h.WriteByte(byte(len(d.Bytes)))
			h.Write(d.Bytes)
		}
		h.WriteByte(0)
	}
	number(c.Limit)
	number(c.N)
	data(c.Data)
	data(c.Separator)
	for i := range c.Separators {
		data(&c.Separators[i])
	}
	if c.Exception != nil {
		h.WriteString(*c.Exception)
	}
	if c.NoSettle {
		h.WriteByte(2)
	}
}

func (e *enumeration) over() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.offenders) >= tolerated || e.err != nil
}

func (e *enumeration) worker(work <-chan []Scenario) {
	m := e.t.newMonitor()
	outcomes := map[string]int{}
	defer func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.exercised = append(e.exercised, m)
		for k, n := range outcomes {
			e.outcomes[k] += n
		}
	}()
	var session adapter.Session
	defer func() {
		if session != nil {
			if _, err := session.Close(context.Background()); err != nil {
				e.fail(err)
			}
		}
	}()
	var commands []trace.Command
	for scenarios := range work {
		if e.over() {
			continue
		}
		if session == nil {
			var err error
			if session, err = e.t.adapter.NewSession(context.Background()); err != nil {
				e.fail(err)
				continue
			}
		}
		commands = commands[:0]
		for _, s := range scenarios {
			commands = append(append(commands, s...), trace.Command{Op: trace.Forget})
		}
		ctx, cancel := context.WithTimeout(context.Background(), e.t.Options.Deadline)
		replies, err := session.Do(ctx, commands)
		cancel()
		if err != nil {
			session = nil
			e.fail(fmt.Errorf("after %d of %d commands: %w", len(replies), len(commands), err))
			continue
		}
		e.judge(m, outcomes, scenarios, replies)
	}
}

func (e *enumeration) fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err == nil {
		e.err = err
	}
}

func (e *enumeration) judge(m *monitor.Monitor, outcomes map[string]int, scenarios []Scenario, replies []trace.Reply) {
	for _, s := range scenarios {
		m.Reset()
		for i := range s {
			m.Before(&s[i])
			m.After(&s[i], &replies[i])
			count(outcomes, &s[i], &replies[i])
		}
		replies = replies[len(s)+1:]
		if len(m.Violations()) > 0 {
			e.mu.Lock()
			if len(e.offenders) < tolerated {
				e.offenders = append(e.offenders, s)
			}
			e.mu.Unlock()
			m.Reset()
		}
	}
	e.mu.Lock()
	e.ran += len(scenarios)
	e.mu.Unlock()
}

// count adds the outcome of a call to the histogram.
func count(outcomes map[string]int, c *trace.Command, r *trace.Reply) {
	if trace.Spec(c.Op).Style == trace.Start {
		outcomes[outcome(r.Returned, r.Raised)]++
	}
	for i := range r.Events {
		if e := &r.Events[i]; e.Ev == trace.Finished {
			outcomes["woken: "+outcome(e.Returned, e.Raised)]++
		}
	}
}

func outcome(returned *trace.Value, raised *trace.Error) string {
	switch {
	case raised != nil:
		return string(raised.Kind)
	case returned == nil:
		return "pending"
	case returned.Bytes != nil && len(*returned.Bytes) == 0:
		return "returned empty"
	case returned.Bytes != nil:
		return "returned data"
	}
	return "returned"
}

// report ends the enumeration: it runs the offenders again, alone, and gives everything to the case.
func (e *enumeration) report() {
	t := e.t
	if e.err != nil {
		t.broken(trace.Command{Op: "enumeration"}, e.err)
	}
	t.c.report.Scenarios = e.ran
	t.c.report.Outcomes = e.outcomes
	for _, m := range e.exercised {
		m.Reset() // what it saw go wrong is judged below
		t.judgeMonitor(m, "")
	}
	for i, s := range e.offenders {
		m := t.newMonitor()
		steps := t.alone(s, m)
		if len(m.Violations()) == 0 {
			t.fail("a scenario broke a rule among others and none alone, so something was left over from the one before: "+show(s), 1)
		}
		if i == 0 {
			t.c.steps = steps
			t.judgeMonitor(m, "")
		} else {
			t.judgeMonitor(m, "another scenario, "+show(s)+": ")
		}
	}
}

// alone runs a scenario in a session of its own.
func (t *Testee) alone(s Scenario, m *monitor.Monitor) []trace.Step {
	ctx, cancel := context.WithTimeout(context.Background(), t.Options.Deadline)
	defer cancel()
	session, err := t.adapter.NewSession(ctx)
	if err != nil {
		t.broken(s[0], err)
	}
	replies, err := session.Do(ctx, s)
	if err != nil {
		t.broken(s[0], err)
	}
	var steps []trace.Step
	for i := range s {
		m.Before(&s[i])
		m.After(&s[i], &replies[i])
		steps = append(steps, trace.Step{Command: s[i], Reply: &replies[i]})
	}
	events, err := session.Close(ctx)
	if err != nil {
		t.broken(s[0], err)
	}
	m.End(events)
	return steps
}

func show(s Scenario) string {
	parts := make([]string, len(s))
	for i := range s {
		parts[i] = s[i].String()
	}
	return strings.Join(parts, "; ")
}

// InProcess tells whether sessions of the testee run in this process, so that enumerating is cheap.
func (t *Testee) InProcess() bool {
	_, ok := t.adapter.(adapter.Parallel)
	return ok
}
