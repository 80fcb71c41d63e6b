package drive

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

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

// Matrix runs the cells, each in a session of its own, and takes the monitors' judgement. The transcript of the first cell that
// breaks a rule is the case's. Each set of broken rules is told of three cells. When a cell waits in vain, or for an
// implementation that spins, no further one is begun: a hang costs one deadline and not one for each cell. What breaks no rule in
// particular breaks the first rule of the case that is in force.
//
// One cell is run after the other, also where sessions make progress side by side: each settles sooner when nothing else runs.
func (t *Testee) Matrix(m *Matrix) {
	r := &matrixRun{
		t: t, matrix: m, monitor: t.newMonitor(),
		cells: report.Cells{Impossible: map[string]int{}, Unsupported: map[string]int{}}, outcomes: map[string]int{},
	}
	cells := r.choose()
	for i, c := range cells {
		err := r.run(c)
		r.note(c, err)
		if err != nil || c.waited {
			r.cells.NotRun += len(cells) - i - 1
			break
		}
	}
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
			cells = append(cells, &cellRun{cell: c, name: r.matrix.name(c)})
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
		if lacking := t.Description.Lacks(&s[i]); lacking != "" {
			return "it lacks the capability " + string(lacking)
		}
	}
	return ""
}

// A matrixRun is what is known of the matrix being run.
type matrixRun struct {
	t         *Testee
	matrix    *Matrix
	monitor   *monitor.Monitor // of all cells
	cells     report.Cells
	outcomes  map[string]int
	offenders []*cellRun
	failed    *cellRun // the cell at which the adapter failed
	err       error
}

// A cellRun is a cell that is run, and what came of it.
type cellRun struct {
	cell       Cell
	name       string
	scenario   Scenario
	steps      []trace.Step
	violations []trace.Violation
	lacking    string // what the implementation said that it lacks
	waited     bool   // in vain, or for an implementation that spins
	refused    string // the opening that raised, without which nothing follows
}

// run runs a cell in a session of its own.
func (r *matrixRun) run(c *cellRun) error {
	session, err := r.t.adapter.NewSession(context.Background())
	if err != nil {
		return err
	}
	r.monitor.Reset()
	failed := r.t.runCell(session, r.monitor, c)
	ctx, cancel := context.WithTimeout(context.Background(), r.t.Options.Deadline)
	defer cancel()
	events, err := session.Close(ctx)
	if failed != nil {
		return failed
	}
	r.monitor.End(events)
	c.judge(r.monitor)
	return err
}

// runCell carries out the commands of a cell. It goes from one run command to the next, and ends when one waits in
// vain or the implementation spins.
func (t *Testee) runCell(session adapter.Session, m *monitor.Monitor, c *cellRun) error {
	exact := t.Description.Settling == trace.Exact
	for rest := c.scenario; len(rest) > 0 && !c.waited && c.lacking == "" && c.refused == ""; {
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
			case reply.Fault != "" && (c.lacking != "" || c.refused != "" || len(m.Violations()) > 0): // for want of what has not come about
				return nil
			case reply.Fault != "":
				return &adapter.Failure{Kind: adapter.Error, Text: "the adapter could not carry out " + piece[i].String() + ": " + reply.Fault}
			case reply.Unsupported != "" && c.lacking == "":
				c.lacking = reply.Unsupported
			case reply.Raised != nil && opens(&piece[i]) && reply.Raised.Kind == trace.Scripted: // by connection_made, which may end it
				return nil
			case reply.Raised != nil && opens(&piece[i]) && c.refused == "":
				c.refused = fmt.Sprintf("%s came back with: %s", piece[i], reply)
			case piece[i].Op == trace.Run && reply.Returned != nil && reply.Returned.Bool != nil && !*reply.Returned.Bool, spins(reply):
				c.waited = true
			}
		}
	}
	return nil
}

func opens(c *trace.Command) bool { return c.Op == trace.ConnectionOpen || c.Op == trace.StreamOpen }

// judge takes the monitors' judgement of a cell.
func (c *cellRun) judge(m *monitor.Monitor) {
	c.violations = slices.Clone(m.Violations())
	why := c.refused
	if c.waited {
		why = fmt.Sprintf("%s waited in vain", c.steps[len(c.steps)-1].Command)
	}
	if why != "" && len(c.violations) == 0 {
		c.violations = []trace.Violation{{Step: len(c.steps), Text: fmt.Sprintf("step %d: %s", len(c.steps), why)}}
	}
}

// spins tells whether the implementation did not come to rest.
func spins(reply *trace.Reply) bool {
	return slices.ContainsFunc(reply.Events, func(e trace.Event) bool { return e.Ev == trace.Unsettled })
}

// note takes down what came of a cell.
func (r *matrixRun) note(c *cellRun, err error) {
	switch {
	case err != nil:
		r.err, r.failed = err, c
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
	r.monitor.Reset() // what it saw go wrong is told below
	t.judgeMonitor(r.monitor, "")
	told := map[string]int{}
	for _, c := range r.offenders {
		rules := strings.Join(c.rules(), " ")
		if told[rules]++; told[rules] <= tolerated {
			r.tell(c)
		}
	}
	if r.err != nil {
		if t.c.steps == nil {
			t.c.steps = r.failed.steps
		}
		t.broken(trace.Command{Op: "matrix"}, fmt.Errorf("the cell %s: %w", r.failed.name, r.err))
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

// tell gives what a cell breaks to the case. The steps of the first are the case's.
func (r *matrixRun) tell(c *cellRun) {
	t := r.t
	first := t.c.steps == nil
	for _, v := range c.violations {
		v.Text = c.name + ": " + v.Text
		if !first {
			v.Step = 0
		}
		if v.Rule == "" {
			v.Rule = t.firstInForce()
		}
		t.c.report.Violations = append(t.c.report.Violations, v)
	}
	if first {
		t.c.steps = c.steps
	}
}

// firstInForce is the first rule of the case that is in force.
func (t *Testee) firstInForce() string {
	i := slices.IndexFunc(t.c.rules, func(r spec.Rule) bool { return r.InForce(t.Options.Target) })
	return t.c.rules[i].ID // a case has one, or it is not run
}
