package behavior_test

import (
	"context"
	"slices"
	"testing"

	"github.com/streamspec/streamspec/conformance"
	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/adapter/reference"
	"github.com/streamspec/streamspec/spec/trace"
)

// TestAnAdapterThatCannotSettleExactlyFailsNothing judges the reference through an adapter that answers before the
// implementation has run, whenever it may: what it says is pending proves nothing, and no rule must be called broken for it.
func TestAnAdapterThatCannotSettleExactlyFailsNothing(t *testing.T) {
	a := hasty{reference.New()}
	defer a.Close()
	r, err := conformance.Run(t, a, conformance.Options{Strict: true, OnCase: func(c conformance.Case, _ *trace.Transcript) {
		if !c.Verdict.Good() {
			t.Errorf("%s: %s: %s", c.ID, c.Verdict, c.Message)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if passed := r.Summary.Cases["pass"]; passed < 250 {
		t.Errorf("only %d cases passed", passed)
	}
}

// hasty is an adapter that settles only when it is told to.
type hasty struct{ adapter.Adapter }

func (h hasty) Describe(ctx context.Context) (trace.Description, error) {
	d, err := h.Adapter.Describe(ctx)
	d.Settling = trace.BestEffort
	return d, err
}

func (h hasty) NewSession(ctx context.Context) (adapter.Session, error) {
	s, err := h.Adapter.NewSession(ctx)
	return hastySession{s}, err
}

type hastySession struct{ adapter.Session }

func (s hastySession) Do(ctx context.Context, commands []trace.Command) ([]trace.Reply, error) {
	commands = slices.Clone(commands)
	for i := range commands {
		if op := commands[i].Op; op != trace.Settle && op != trace.Run && op != trace.Forget {
			commands[i].NoSettle = true
		}
	}
	return s.Session.Do(ctx, commands)
}
