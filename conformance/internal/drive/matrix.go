package drive

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/monitor"
	"github.com/streamspec/streamspec/spec/trace"
)

// A Matrix crosses dimensions: who ends a connection, what is queued then, who waits. Every combination is a cell, and every
// cell is a scenario or is impossible for a reason that is written down.
type Matrix struct {
	Dimensions []Dimension
	Impossible []Impossible
	// Deep tells of a cell that only the depth deep runs; nil: none is.
	Deep func(Cell) bool
	// Scenario writes a cell down. Whatever its run commands wait for must happen in a conforming implementation.
	Scenario func(Cell) Scenario
}

// A Dimension is a name and the values that it takes, in order.
type Dimension struct {
	Name   string
	Values []string
}

// A Cell is a combination: the value of each dimension, by its name.
type Cell map[string]string

// Impossible are the cells that cannot exist: those that have, in each dimension named, one of the values.
type Impossible struct {
	Where map[string][]string
	Why   string
}

// Where returns the part of the matrix in which a dimension has one of these values.
func (m *Matrix) Where(dimension string, values ...string) *Matrix {
	part := *m
	part.Dimensions = slices.Clone(m.Dimensions)
	for i, d := range part.Dimensions {
		if d.Name == dimension {
			part.Dimensions[i].Values = values
			return &part
		}
	}
	panic("the matrix has no dimension " + dimension)
}

// Cells yields every cell, the last dimension changing fastest, with the reason why it is impossible; empty: it is not.
func (m *Matrix) Cells() iter.Seq2[Cell, string] {
	return func(yield func(Cell, string) bool) {
		var fill func(c Cell, rest []Dimension) bool
		fill = func(c Cell, rest []Dimension) bool {
			if len(rest) == 0 {
				return yield(maps.Clone(c), m.why(c))
			}
			for _, v := range rest[0].Values {
				c[rest[0].Name] = v
				if !fill(c, rest[1:]) {
					return false
				}
			}
			return true
		}
		fill(Cell{}, m.Dimensions)
	}
}

// IsPossible tells whether some cell is possible.
func (m *Matrix) IsPossible() bool {
	for _, why := range m.Cells() {
		if why == "" {
			return true
		}
	}
	return false
}

func (m *Matrix) why(c Cell) string {
	for _, i := range m.Impossible {
		if i.holds(c) {
			return i.Why
		}
	}
	return ""
}

func (i *Impossible) holds(c Cell) bool {
	for dimension, values := range i.Where {
		if !slices.Contains(values, c[dimension]) {
			return false
		}
	}
	return true
}

// name says which cell it is.
func (m *Matrix) name(c Cell) string {
	var values []string
	for _, d := range m.Dimensions {
		values = append(values, c[d.Name])
	}
	return strings.Join(values, ", ")
}

// A coverage is a choice of few cells, among which every value of every dimension is, if it is in any.
type coverage map[[2]string]bool

// adds tells whether a cell has a value that no cell before it had.
func (v coverage) adds(c Cell) bool {
	added := false
	for dimension, value := range c {
		is := [2]string{dimension, value}
		added = added || !v[is]
		v[is] = true
	}
	return added
}

// cellPatience is how long a run command of a cell may wait, as a part of the deadline of a command.
const cellPatience = 4

// Matrix runs the cells, many in one session, and takes the monitors' judgement. A cell that breaks a rule is run again
// alone in a fresh session, and the transcript of the first is the case's. Each set of broken rules is told of three cells.
// When a cell waits in vain, or for an implementation that spins, no further one is begun: a hang costs one deadline and not one
// for each cell. What breaks no rule in particular breaks the first rule of the case that is in force.
func (t *Testee) Matrix(m *Matrix) {
	r := &matrixRun{t: t, matrix: m, cells: report.Cells{Impossible: map[string]int{}, Unsupported: map[string]int{}}, outcomes: map[string]int{}}
	work := r.choose()
	workers := 1
	if p, ok := t.adapter.(adapter.Parallel); ok {
		workers = min(p.Parallel(), runtime.GOMAXPROCS(0))
	}
	queue := make(chan *cellRun)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() { r.worker(queue) })
	}
	for _, c := range work {
		queue <- c
	}
	close(queue)
	group.Wait()
	r.report()
}

// choose counts the cells and returns those that are to be run: at the depth quick a sample in which every value occurs.
func (r *matrixRun) choose() []*cellRun {
	t := r.t
	var cells []*cellRun
	for c, why := range r.matrix.Cells() {
		r.cells.Declared++
		switch {
		case why != "":
			r.cells.Impossible[why]++
		case t.Options.Depth != Deep && r.matrix.Deep != nil && r.matrix.Deep(c):
			r.cells.Deeper++
		default:
			cells = append(cells, &cellRun{index: r.cells.Declared, cell: c, name: r.matrix.name(c)})
		}
	}
	if t.Options.Depth == Quick {
		random := rand.New(rand.NewPCG(t.Options.Seed, uint64(len(cells))))
		random.Shuffle(len(cells), func(i, j int) { cells[i], cells[j] = cells[j], cells[i] })
		possible, covered := len(cells), coverage{}
		cells = slices.DeleteFunc(cells, func(c *cellRun) bool { return !covered.adds(c.cell) })
		r.cells.Deeper += possible - len(cells)
	}
	return slices.DeleteFunc(cells, func(c *cellRun) bool {
		c.scenario = r.matrix.Scenario(c.cell)
		lacking := t.lacks(c.scenario)
		if lacking != "" {
			r.cells.Unsupported[lacking]++
		}
		return lacking != ""
	})
}

// lacks says which capability a scenario needs and the implementation lacks; empty: none.
func (t *Testee) lacks(s Scenario) string {
	for i := range s {
		for _, c := range s[i].Needs() {
			if !t.Description.Has(c) {
				return "it lacks the capability " + string(c)
			}
		}
	}
	return ""
}

// A matrixRun is what is known of the matrix being run.
type matrixRun struct {
	t      *Testee
	matrix *Matrix

	mu        sync.Mutex
	cells     report.Cells
	outcomes  map[string]int
	monitors  []*monitor.Monitor
	offenders []*cellRun
	over      bool     // no further cell is begun
	failed    *cellRun // the cell at which the adapter failed
	err       error
}

// A cellRun is a cell that is run, and what came of it.
type cellRun struct {
	index      int // in the matrix
	cell       Cell
	name       string
	scenario   Scenario
	steps      []trace.Step
	violations []trace.Violation
	lacking    string // what the implementation said that it lacks
	waited     bool   // in vain, or for an implementation that spins
	alone      bool   // whether its session had run no cell before it
}

// worker runs cells in a session of its own.
func (r *matrixRun) worker(queue <-chan *cellRun) {
	m := r.t.newMonitor()
	var session adapter.Session
	used := false
	defer func() {
		var err error
		if session != nil {
			_, err = session.Close(context.Background())
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.monitors = append(r.monitors, m)
		if err != nil && r.err == nil {
			r.err = err
		}
	}()
	for c := range queue {
		r.mu.Lock()
		over := r.over
		if over {
			r.cells.NotRun++
		}
		r.mu.Unlock()
		if over {
			continue
		}
		var err error
		if session == nil {
			session, err = r.t.adapter.NewSession(context.Background())
			used = false
		}
		c.alone, used = !used, true
		if err == nil {
			m.Reset()
			err = r.t.runCell(session, m, c)
		}
		if err == nil {
			_, err = session.Do(context.Background(), []trace.Command{{Op: trace.Forget}})
		}
		if err != nil {
			session = nil
		}
		r.note(c, err)
	}
}

// runCell runs a cell in a session that has no objects. It goes from one run command to the next, and ends when one waits in
// vain or the implementation spins.
func (t *Testee) runCell(session adapter.Session, m *monitor.Monitor, c *cellRun) error {
	exact := t.Description.Settling == trace.Exact
	for rest := c.scenario; len(rest) > 0 && !c.waited && c.lacking == ""; {
		var piece []trace.Command
		for len(rest) > 0 {
			next := rest[0]
			rest = rest[1:]
			if needed, ok := next.Kind.Needs(); ok && slices.Contains(t.Description.BestEffort, needed) {
				exact = false
			}
			wait := next.Op == trace.Run
			if wait && exact { // what has not happened when everything has come to rest never does
				next, wait = trace.Command{Op: trace.Settle}, false
			}
			if wait {
				next.Ms = int(t.Options.Deadline.Milliseconds()) / cellPatience
			}
			if piece = append(piece, next); wait {
				break
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), t.Options.Deadline)
		replies, err := session.Do(ctx, piece)
		cancel()
		for i := range piece {
			step := trace.Step{Command: piece[i]}
			if i < len(replies) {
				step.Reply = &replies[i]
			}
			c.steps = append(c.steps, step)
		}
		if err != nil {
			return err
		}
		for i := range piece {
			m.Before(&piece[i])
			m.After(&piece[i], &replies[i])
			switch reply := &replies[i]; {
			case reply.Fault != "":
				return &adapter.Failure{Kind: adapter.Error, Text: "the adapter could not carry out " + piece[i].String() + ": " + reply.Fault}
			case reply.Unsupported != "" && c.lacking == "":
				c.lacking = reply.Unsupported
			case piece[i].Op == trace.Run && reply.Returned != nil && reply.Returned.Bool != nil && !*reply.Returned.Bool, spins(reply):
				c.waited = true
			}
		}
	}
	c.violations = slices.Clone(m.Violations())
	if c.waited && len(c.violations) == 0 {
		c.violations = []trace.Violation{{Step: len(c.steps), Text: fmt.Sprintf("step %d: %s waited in vain", len(c.steps), c.steps[len(c.steps)-1].Command)}}
	}
	return nil
}

// spins tells whether the implementation did not come to rest.
func spins(reply *trace.Reply) bool {
	return slices.ContainsFunc(reply.Events, func(e trace.Event) bool { return e.Ev == trace.Unsettled })
}

// note takes down what came of a cell.
func (r *matrixRun) note(c *cellRun, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = r.over || c.waited || err != nil
	switch {
	case err != nil:
		if r.err == nil {
			r.err, r.failed = err, c
		}
		return
	case c.lacking != "":
		r.cells.Unsupported[c.lacking]++
		return
	}
	r.cells.Run++
	for i := range c.steps {
		countWire(r.outcomes, &c.steps[i])
	}
	if len(c.violations) > 0 {
		r.cells.Broken++
		r.offenders = append(r.offenders, c)
	} else {
		c.steps = nil
	}
}

// countWire adds the outcomes of a step to the histogram: those of calls, and of the callbacks those that end or hold up.
func countWire(outcomes map[string]int, s *trace.Step) {
	count(outcomes, &s.Command, s.Reply)
	for i := range s.Reply.Events {
		switch e := &s.Reply.Events[i]; e.Ev {
		case trace.ConnectionLost:
			if e.Raised != nil {
				outcomes["connection_lost: "+string(e.Raised.Kind)]++
			} else {
				outcomes["connection_lost: none"]++
			}
		case trace.PauseWriting, trace.ResumeWriting, trace.EOFReceived:
			outcomes[string(e.Ev)]++
		}
	}
}

// report gives everything to the case.
func (r *matrixRun) report() {
	t := r.t
	t.c.report.Cells, t.c.report.Scenarios, t.c.report.Outcomes = &r.cells, r.cells.Run, r.outcomes
	for _, m := range r.monitors {
		m.Reset() // what it saw go wrong is told below
		t.judgeMonitor(m, "")
	}
	slices.SortFunc(r.offenders, func(a, b *cellRun) int { return cmp.Compare(a.index, b.index) })
	told := map[string]int{}
	var left []finding // over from other cells: these come last, because their transcripts alone show nothing
	for _, c := range r.offenders {
		rules := strings.Join(c.rules(), " ")
		if told[rules]++; told[rules] <= tolerated {
			own, others := r.again(c)
			r.tell(own)
			left = append(left, others)
		}
	}
	for _, f := range left {
		r.tell(f)
	}
	if r.err != nil {
		c := r.failed
		if c == nil {
			t.broken(trace.Command{Op: "matrix"}, r.err)
		}
		if t.c.steps == nil {
			t.c.steps = c.steps
		}
		t.broken(trace.Command{Op: "matrix"}, fmt.Errorf("the cell %s: %w", c.name, r.err))
	}
	if r.cells.Run == 0 && len(r.cells.Unsupported) > 0 {
		t.skip(report.Unsupported, fmt.Sprintf("%s: %s", t.Description.Name, strings.Join(slices.Sorted(maps.Keys(r.cells.Unsupported)), ", ")))
	}
}

// rules are the rules that a cell broke, each once.
func (c *cellRun) rules() []string {
	var rules []string
	for _, v := range c.violations {
		rules = append(rules, v.Rule)
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}

// A finding is what a cell breaks, and how that is called.
type finding struct {
	cell       *cellRun
	name       string
	violations []trace.Violation
}

// again runs a cell again alone, if it was not alone in its session, and returns what it breaks by itself and what only after
// others.
func (r *matrixRun) again(c *cellRun) (own, others finding) {
	if c.alone {
		return finding{c, c.name, c.violations}, finding{}
	}
	if alone, err := r.t.aloneInSession(c); err == nil {
		own = finding{alone, c.name, alone.violations}
	}
	others = finding{c, c.name + " (after other cells, not when run again alone)", slices.Clone(c.violations)}
	others.violations = slices.DeleteFunc(others.violations, func(v trace.Violation) bool {
		return slices.ContainsFunc(own.violations, func(o trace.Violation) bool { return o.Rule == v.Rule })
	})
	return own, others
}

// tell gives a finding to the case. The steps of the first are the case's.
func (r *matrixRun) tell(f finding) {
	t := r.t
	first := t.c.steps == nil
	for _, v := range f.violations {
		v.Text = f.name + ": " + v.Text
		if !first {
			v.Step = 0
		}
		if v.Rule == "" {
			v.Rule = t.firstInForce()
		}
		t.c.report.Violations = append(t.c.report.Violations, v)
	}
	if first && len(f.violations) > 0 {
		t.c.steps = f.cell.steps
	}
}

// firstInForce is the first rule of the case that is in force.
func (t *Testee) firstInForce() string {
	i := slices.IndexFunc(t.c.rules, func(r spec.Rule) bool { return r.InForce(t.Options.Target) })
	return t.c.rules[i].ID // a case has one, or it is not run
}

// aloneInSession runs a cell in a session of its own.
func (t *Testee) aloneInSession(c *cellRun) (*cellRun, error) {
	alone := &cellRun{index: c.index, name: c.name, scenario: c.scenario}
	session, err := t.adapter.NewSession(context.Background())
	if err != nil {
		return nil, err
	}
	if err := t.runCell(session, t.newMonitor(), alone); err != nil {
		return nil, err
	}
	_, err = session.Close(context.Background())
	return alone, err
}
