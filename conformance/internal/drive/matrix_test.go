package drive

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

func TestMatrixCells(t *testing.T) {
	m := Matrix{
		Dimensions: []Dimension{{"a", []string{"1", "2"}}, {"b", []string{"x", "y", "z"}}},
		Impossible: []Impossible{
			{Where: map[string][]string{"a": {"1"}, "b": {"y", "z"}}, Why: "because"},
			{Where: map[string][]string{"b": {"z"}}, Why: "never"},
		},
	}
	var got []string
	for c, why := range m.Cells() {
		got = append(got, strings.TrimSpace(m.name(c)+" "+why))
	}
	want := []string{"1, x", "1, y because", "1, z because", "2, x", "2, y", "2, z never"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !m.Where("b", "y").IsPossible() || m.Where("b", "z").IsPossible() {
		t.Error("a part is possible when one of its cells is")
	}
	if n := len(m.Dimensions[1].Values); n != 3 {
		t.Errorf("taking a part left the matrix with %d values", n)
	}
}

// TestQuickMatrix holds that every value is in a cell that is run at the depth quick, and that these are few.
func TestQuickMatrix(t *testing.T) {
	m := numbers("1", "2", "3", "4")
	m.Dimensions = append(m.Dimensions, Dimension{"b", []string{"x", "y", "z"}}, Dimension{"c", []string{"p", "q", "r"}})
	scenario, run := m.Scenario, map[string]int{}
	m.Scenario = func(c Cell) Scenario {
		for _, v := range c {
			run[v]++
		}
		return scenario(c)
	}
	c, _ := judged(t, wiredPuppet(right), m, Quick)
	if len(run) != 10 || c.Cells.Run > 10 || c.Cells.Run+c.Cells.Deeper != 36 {
		t.Errorf("%+v; the values in what was run: %v", c.Cells, run)
	}
}

// A puppet is an adapter whose implementation is one function.
type puppet struct {
	description trace.Description
	reply       func(p *puppet, c *trace.Command) trace.Reply

	mu       sync.Mutex
	sessions int
	open     int // sessions that have not been closed
	commands []trace.Command
	limit    int // of the reader made last
}

func (p *puppet) Describe(context.Context) (trace.Description, error) { return p.description, nil }
func (p *puppet) Close() error                                        { return nil }
func (p *puppet) NewSession(context.Context) (adapter.Session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sessions++
	p.open++
	return puppetSession{p}, nil
}

type puppetSession struct{ p *puppet }

func (s puppetSession) Do(_ context.Context, commands []trace.Command) ([]trace.Reply, error) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	var replies []trace.Reply
	for i := range commands {
		s.p.commands = append(s.p.commands, commands[i])
		if c := &commands[i]; c.Op == trace.ReaderMake {
			s.p.limit = *c.Limit
		}
		reply := s.p.reply(s.p, &commands[i])
		if reply.Fault == "hang" {
			return replies, &adapter.Failure{Kind: adapter.Hang, Text: "no reply"}
		}
		replies = append(replies, reply)
	}
	return replies, nil
}

func (s puppetSession) Close(context.Context) ([]trace.Event, error) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.open--
	return nil, nil
}

// count is how often a command was given.
func (p *puppet) count(op trace.Op) int {
	n := 0
	for i := range p.commands {
		if p.commands[i].Op == op {
			n++
		}
	}
	return n
}

// atEOF replies as a reader does that is at the end when it was told so, but for what wrong says.
func atEOF(wrong func(p *puppet, c *trace.Command) *trace.Reply) func(*puppet, *trace.Command) trace.Reply {
	return func(p *puppet, c *trace.Command) trace.Reply {
		if reply := wrong(p, c); reply != nil {
			return *reply
		}
		switch c.Op {
		case trace.ReaderAtEOF:
			v := trace.BoolValue(false)
			return trace.Reply{Returned: &v}
		case trace.Run:
			v := trace.BoolValue(true)
			return trace.Reply{Returned: &v}
		}
		return trace.Reply{Returned: &trace.None}
	}
}

// numbers is a matrix of readers that are told apart by their limits.
func numbers(values ...string) *Matrix {
	return &Matrix{
		Dimensions: []Dimension{{"number", values}},
		Scenario: func(c Cell) Scenario {
			limit := int(c["number"][0] - '0')
			return Scenario{
				{Op: trace.RawMake, As: "w", Kind: trace.Unix},
				{Op: trace.ReaderMake, As: "r", Limit: &limit},
				{Op: trace.Run, Until: &trace.Until{Event: trace.Warned}, Ms: 1},
				{Op: trace.ReaderAtEOF, On: "r"},
			}
		},
	}
}

// judged runs a matrix on a puppet as a case, and returns its report and transcript.
func judged(t *testing.T, p *puppet, m *Matrix, depth Depth) (report.Case, *trace.Transcript) {
	t.Helper()
	return driven(t, p, depth, func(testee *Testee) { testee.Matrix(m) })
}

// driven runs a case on a puppet, and returns its report and transcript.
func driven(t *testing.T, p *puppet, depth Depth, body func(*Testee)) (got report.Case, tr *trace.Transcript) {
	t.Helper()
	p.description.Name = "puppet"
	catalogue, err := spec.Load()
	if err != nil {
		t.Fatal(err)
	}
	target, err := spec.ParseVersion("3.13")
	if err != nil {
		t.Fatal(err)
	}
	testee := New(p, p.description, catalogue, Options{Target: target, Depth: depth, OnCase: func(c report.Case, x *trace.Transcript) { got, tr = c, x }})
	attempt := func(f func()) {
		defer func() { _ = recover() }() // Ginkgo's way to end a case, where no Ginkgo runs
		f()
	}
	testee.Begin("a case", []string{catalogue.Rules()[0].ID})
	attempt(func() { body(testee) })
	attempt(testee.End)
	testee.Finish(true, "")
	if p.open != 0 {
		t.Errorf("%d sessions are left open", p.open)
	}
	return got, tr
}

func wiredPuppet(wrong func(p *puppet, c *trace.Command) *trace.Reply) *puppet {
	return &puppet{
		description: trace.Description{Settling: trace.Exact, Capabilities: []trace.Capability{trace.CapReader, trace.CapUnix}},
		reply:       atEOF(wrong),
	}
}

func right(*puppet, *trace.Command) *trace.Reply { return nil }

func TestMatrixRunsEveryCellInASessionOfItsOwn(t *testing.T) {
	p := wiredPuppet(right)
	c, _ := judged(t, p, numbers("1", "2", "3"), DefaultDepth)
	if diff := cmp.Diff(&report.Cells{Declared: 3, Run: 3, Impossible: map[string]int{}, Unsupported: map[string]int{}}, c.Cells); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c.Verdict != report.Pass || p.sessions != 3 {
		t.Errorf("%s in %d sessions", c.Verdict, p.sessions)
	}
	if p.count(trace.Run) != 0 || p.count(trace.Settle) != 3 {
		t.Error("where everything is settled exactly there is nothing to wait for")
	}
	p = wiredPuppet(right)
	p.description.BestEffort = []trace.Capability{trace.CapUnix}
	if judged(t, p, numbers("1"), DefaultDepth); p.count(trace.Run) != 1 {
		t.Error("where settling is best effort, what must happen is waited for")
	}
}

func TestMatrixTellsWhatACellBreaks(t *testing.T) {
	yes := trace.BoolValue(true)
	p := wiredPuppet(func(p *puppet, c *trace.Command) *trace.Reply { // wrong for every limit above 1
		if c.Op == trace.ReaderAtEOF && p.limit > 1 {
			return &trace.Reply{Returned: &yes}
		}
		return nil
	})
	c, tr := judged(t, p, numbers("1", "2", "3", "4", "5", "6"), DefaultDepth)
	if c.Verdict != report.Fail || c.Cells.Run != 6 || c.Cells.Broken != 5 {
		t.Fatalf("%s: %+v", c.Verdict, c.Cells)
	}
	if len(c.Violations) != tolerated || !strings.HasPrefix(c.Violations[0].Text, "2: step 4: ") || c.Violations[0].Step != 4 || c.Violations[1].Step != 0 {
		t.Errorf("%v", c.Violations)
	}
	if len(tr.Steps) != 4 || *tr.Steps[1].Command.Limit != 2 {
		t.Errorf("the transcript is not that of the first: %v", tr.Steps)
	}
}

func TestMatrixWaitsInVainOnce(t *testing.T) {
	no := trace.BoolValue(false)
	p := wiredPuppet(func(_ *puppet, c *trace.Command) *trace.Reply {
		if c.Op == trace.Run {
			return &trace.Reply{Returned: &no}
		}
		return nil
	})
	p.description.BestEffort = []trace.Capability{trace.CapUnix}
	c, tr := judged(t, p, numbers("1", "2", "3"), DefaultDepth)
	if c.Verdict != report.Fail || c.Cells.Run != 1 || c.Cells.NotRun != 2 || p.count(trace.Run) != 1 {
		t.Errorf("%s: %+v, waited %d times", c.Verdict, c.Cells, p.count(trace.Run))
	}
	if len(tr.Steps) != 3 {
		t.Errorf("the cell went on after it had waited in vain: %v", tr.Steps)
	}
	p = wiredPuppet(func(_ *puppet, c *trace.Command) *trace.Reply {
		if c.Op == trace.ReaderAtEOF {
			return &trace.Reply{Returned: &no, Events: []trace.Event{{Ev: trace.Unsettled}}}
		}
		return nil
	})
	if c, _ := judged(t, p, numbers("1", "2", "3"), DefaultDepth); c.Cells.NotRun != 2 || len(c.Violations) != 1 {
		t.Errorf("of an implementation that spins: %+v, %v", c.Cells, c.Violations)
	}
}

func TestMatrixWhereNothingCanBeOpened(t *testing.T) {
	kind := trace.NotSupported
	p := wiredPuppet(func(_ *puppet, c *trace.Command) *trace.Reply {
		switch {
		case c.Op == trace.ConnectionOpen:
			return &trace.Reply{Raised: &trace.Error{Kind: kind}}
		case c.On == "c.transport":
			return &trace.Reply{Fault: "there is no c.transport"}
		}
		return nil
	})
	p.description.Capabilities = append(p.description.Capabilities, trace.CapTransport)
	m := numbers("1", "2")
	m.Scenario = func(Cell) Scenario {
		return Scenario{
			{Op: trace.RawMake, As: "w", Kind: trace.Unix},
			{Op: trace.ProtocolMake, As: "p"},
			{Op: trace.ConnectionOpen, As: "c", Raw: "w", Protocol: "p"},
			{Op: trace.TransportAbort, On: "c.transport"},
		}
	}
	c, _ := judged(t, p, m, DefaultDepth)
	if c.Verdict != report.Fail || c.Cells.Broken != 2 || len(c.Violations) != 2 || !strings.Contains(c.Violations[0].Text, "came back with: raised not-supported") {
		t.Errorf("%s: %+v, %v", c.Verdict, c.Cells, c.Violations)
	}
	kind = trace.Scripted
	if c, _ := judged(t, p, m, DefaultDepth); c.Verdict != report.Pass || c.Cells.Run != 2 {
		t.Errorf("what connection_made raises: %s: %+v, %v", c.Verdict, c.Cells, c.Violations)
	}
}

func TestMatrixCountsWhatIsNotRun(t *testing.T) {
	p := wiredPuppet(func(p *puppet, c *trace.Command) *trace.Reply {
		if c.Op == trace.ReaderMake && *c.Limit == 2 {
			return &trace.Reply{Unsupported: "an odd limit"}
		}
		return nil
	})
	m := numbers("1", "2", "3", "4", "5")
	m.Impossible = []Impossible{{Where: map[string][]string{"number": {"3"}}, Why: "three"}}
	m.Deep = func(c Cell) bool { return c["number"] == "4" }
	five := m.Scenario
	m.Scenario = func(c Cell) Scenario {
		s := five(c)
		if c["number"] == "5" {
			s = append(s, trace.Command{Op: trace.MockMake, As: "t"})
		}
		return s
	}
	c, _ := judged(t, p, m, DefaultDepth)
	want := &report.Cells{
		Declared: 5, Run: 1, Deeper: 1, Impossible: map[string]int{"three": 1},
		Unsupported: map[string]int{"an odd limit": 1, "it lacks the capability reader.transport": 1},
	}
	if diff := cmp.Diff(want, c.Cells); diff != "" || c.Verdict != report.Pass {
		t.Errorf("%s (-want +got):\n%s", c.Verdict, diff)
	}
	if c, _ := judged(t, p, m, Deep); c.Cells.Deeper != 0 || c.Cells.Run != 2 {
		t.Errorf("deep: %+v", c.Cells)
	}
	if c, _ := judged(t, p, m.Where("number", "2"), DefaultDepth); c.Verdict != report.Unsupported {
		t.Errorf("a matrix of which nothing can be run: %s", c.Verdict)
	}
}

func TestMatrixWhenTheAdapterHangs(t *testing.T) {
	p := wiredPuppet(func(p *puppet, c *trace.Command) *trace.Reply {
		if c.Op == trace.ReaderMake && *c.Limit == 2 {
			return &trace.Reply{Fault: "hang"}
		}
		return nil
	})
	c, _ := judged(t, p, numbers("1", "2", "3"), DefaultDepth)
	if c.Verdict != report.AdapterHang || c.Cells.Run != 1 || c.Cells.NotRun != 1 || !strings.Contains(c.Message, "the cell 2") {
		t.Errorf("%s: %+v: %s", c.Verdict, c.Cells, c.Message)
	}
	p = wiredPuppet(func(_ *puppet, c *trace.Command) *trace.Reply {
		if c.Op == trace.ReaderMake {
			return &trace.Reply{Fault: "no such thing"}
		}
		return nil
	})
	if c, _ := judged(t, p, numbers("1"), DefaultDepth); c.Verdict != report.AdapterError || !strings.Contains(c.Message, "no such thing") {
		t.Errorf("%s: %s", c.Verdict, c.Message)
	}
}

func TestAFaultEndsTheSession(t *testing.T) {
	p := wiredPuppet(func(*puppet, *trace.Command) *trace.Reply { return &trace.Reply{Fault: "no such thing"} })
	c, _ := driven(t, p, DefaultDepth, func(testee *Testee) { testee.NewReaderLimit(1) })
	if c.Verdict != report.AdapterError || !strings.Contains(c.Message, "no such thing") {
		t.Errorf("%s: %s", c.Verdict, c.Message)
	}
}
