package mutants

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/adapter/python"
	"github.com/streamspec/streamspec/conformance/adapter/stdio"
	"github.com/streamspec/streamspec/fuzz"
	"github.com/streamspec/streamspec/spec/trace"
)

// A Hunt says how mutants are looked for with random programs.
type Hunt struct {
	Time   time.Duration // for each mutant, at most
	Shrink time.Duration // for shrinking what was found
	Jobs   int           // mutants at a time
	// Programs returns, for what an implementation says of itself, its programs by their number.
	Programs func(trace.Description) func(uint64) fuzz.Program
}

// A Find is what random programs made of a mutant.
type Find struct {
	Mutant    Mutant
	Verdict   *fuzz.Verdict // of the shortest program that was found; nil: no program noticed anything
	Rule      string        // what that one breaks, as [fuzz.Verdict.Breaks] has it
	Length    int           // how many commands the program had when it was found
	Programs  int           // how many were carried out until then
	Took      time.Duration // how long that took
	Exercised int           // how often the premise of the mutant's rule occurred
	Err       error         // it could not be built or run: the mutant is wrong
}

// Found tells whether a program noticed the fault.
func (f Find) Found() bool { return f.Verdict != nil }

// Fuzz builds each mutant and has it carry out random programs until one of them breaks a rule, some mutants at a time. What
// a Python breaks that is not spoiled is no find. It calls done for each as it ends, one at a time, in no particular order.
func (w Workshop) Fuzz(ctx context.Context, mutants []Mutant, h Hunt, done func(Find)) error {
	var stock []*fuzz.Judge
	if slices.ContainsFunc(mutants, func(m Mutant) bool { return m.Python != "" }) {
		a, remove, err := pythonAdapter(nil)
		if err != nil {
			return err
		}
		defer func() { _, _ = a.Close(), remove() }()
		j, err := fuzz.NewJudge(ctx, a, huntOptions)
		if err != nil {
			return err
		}
		stock = append(stock, j)
	}
	return each(ctx, w, mutants, h.Jobs, func(w Workshop, m Mutant, n int) Find {
		f := Find{Mutant: m}
		var others []*fuzz.Judge
		if m.Python != "" {
			others = stock
		}
		a, remove, err := w.adapter(ctx, m, n)
		if err == nil {
			err = h.hunt(ctx, a, others, &f)
			_, _ = a.Close(), remove()
		}
		if err != nil && ctx.Err() == nil {
			f.Err = fmt.Errorf("mutant %q: %w", m.Name, err)
		}
		return f
	}, done)
}

// adapter builds a mutant and returns its adapter, and what takes away the rest when that is closed.
func (w Workshop) adapter(ctx context.Context, m Mutant, n int) (adapter.Adapter, func() error, error) {
	if m.Python == "" {
		binary, err := w.Build(ctx, m, n)
		return stdio.New([]string{binary}, stdio.Options{}), func() error { return nil }, err
	}
	variable, err := w.Spoil(m, n)
	if err != nil {
		return nil, nil, err
	}
	return pythonAdapter(append(os.Environ(), variable))
}

func pythonAdapter(environment []string) (adapter.Adapter, func() error, error) {
	argv, remove, err := python.Command("python3", "")
	return stdio.New(argv, stdio.Options{Env: environment}), remove, err
}

// together is how many programs an adapter is given before the time is looked at.
const together = 8

// huntOptions have less patience than is usual, so that what hangs does not take up all the time.
var huntOptions = fuzz.Options{Deadline: 10 * time.Second, Patience: 2 * time.Second}

// hunt has an adapter carry out programs until one is found that breaks a rule that the others do not break by it.
func (h Hunt) hunt(ctx context.Context, a adapter.Adapter, others []*fuzz.Judge, f *Find) error {
	j, err := fuzz.NewJudge(ctx, a, huntOptions)
	if err != nil {
		return err
	}
	program := h.Programs(j.Description)
	line := j.NewLine()
	defer line.Close(ctx)
	begun := time.Now()
	defer func() { f.Exercised = line.Monitor().Exercised()[f.Mutant.Rule] }()
	for f.Took < h.Time {
		programs := make([]fuzz.Program, together)
		for i := range programs {
			programs[i] = program(uint64(f.Programs + i))
		}
		verdicts, err := line.Run(ctx, programs)
		if err != nil {
			return err
		}
		for i, v := range verdicts {
			if v.Good() {
				continue
			}
			alone, rule, err := confirm(ctx, j, others, v.Program)
			if err != nil {
				return err
			}
			if rule == "" {
				continue
			}
			f.Programs, f.Took = f.Programs+i+1, time.Since(begun)
			f.Rule, f.Length = rule, len(alone.Program)
			f.Verdict, err = j.Shrink(ctx, alone, rule, h.Shrink, others...)
			return err
		}
		f.Programs, f.Took = f.Programs+len(programs), time.Since(begun)
	}
	return nil
}

// confirm has a program carried out alone, without what others had left behind, and says which rule it breaks that it does not
// break for the others; empty: none.
func confirm(ctx context.Context, j *fuzz.Judge, others []*fuzz.Judge, p fuzz.Program) (*fuzz.Verdict, string, error) {
	v, err := j.Run(ctx, p)
	if err != nil || v.Good() {
		return v, "", err
	}
	var broken []string
	for _, w := range v.Violations {
		broken = append(broken, cmp.Or(w.Rule, fuzz.Quiet))
	}
	if v.Failure != nil {
		broken = append(broken, string(v.Failure.Kind))
	}
	for _, o := range others {
		w, err := o.Run(ctx, p)
		if err != nil {
			return nil, "", err
		}
		broken = slices.DeleteFunc(broken, w.BreaksAlso)
	}
	if len(broken) == 0 {
		return v, "", nil
	}
	return v, broken[0], nil
}
