package conformance

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/fuzz"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

// Replay has an implementation carry out commands, and the monitors judge what it does: the test fails where a rule is broken, and
// says what was done, what came back, what was permitted and by which rule. It skips the test where the implementation lacks what the
// commands need. It may be called any number of times, side by side with [Run] as well. The adapter stays the caller's to close.
//
// Of the options Target, Strict and Deadline matter, the last one for all commands together. `streamspec replay FILE --as go` prints
// a transcript as a test that calls Replay.
func Replay(t testing.TB, a adapter.Adapter, o Options, commands []trace.Command) {
	t.Helper()
	for i := range commands {
		if err := commands[i].Validate(); err != nil {
			t.Fatalf("command %d: %v", i+1, err)
		}
	}
	judging := fuzz.Options{Lenient: !o.Strict, Deadline: o.Deadline}
	if o.Target != "" {
		var err error
		if judging.Target, err = spec.ParseVersion(o.Target); err != nil {
			t.Fatalf("there is no target version %q: %v", o.Target, err)
		}
	}
	j, err := fuzz.NewJudge(t.Context(), a, judging)
	if err != nil {
		t.Fatal(err)
	}
	for i := range commands {
		if c := j.Description.Lacks(&commands[i]); c != "" {
			t.Skipf("%s lacks %s, which command %d needs: %s", j.Description.Name, c, i+1, commands[i])
		}
	}
	v, err := j.Run(t.Context(), commands)
	if err != nil {
		t.Fatal(err)
	}
	if wrong := wrongIn(j, v); wrong != nil {
		t.Fatalf("%s\n%v", steps(v), wrong)
	}
}

// wrongIn says what was wrong, nil if nothing was. A command that could not be carried out is wrong too, even if no rule is broken:
// what has not been done was not judged.
func wrongIn(j *fuzz.Judge, v *fuzz.Verdict) error {
	var wrong []error
	for _, violation := range v.Violations {
		name, statement := "every expectation", "Nothing reaches the exception handler, and the implementation comes to rest."
		if rule, ok := j.Rule(violation.Rule); ok {
			name, statement = fmt.Sprintf("%s (%s)", rule.ID, rule.Level), rule.Statement
		}
		wrong = append(wrong, fmt.Errorf("broken: %s\n  %s\n  %s", name, statement, strings.ReplaceAll(violation.Text, "\n", "\n  ")))
	}
	if v.Failure != nil {
		wrong = append(wrong, v.Failure)
	}
	if v.Fault != "" {
		wrong = append(wrong, fmt.Errorf("a command could not be carried out: %s", v.Fault))
	}
	return errors.Join(wrong...)
}

// steps shows what was done and what came back.
func steps(v *fuzz.Verdict) string {
	var b strings.Builder
	for i, s := range v.Steps {
		fmt.Fprintf(&b, "\n%3d  %s", i+1, s.Command)
		if s.Reply == nil {
			b.WriteString("\n       no reply")
			continue
		}
		fmt.Fprintf(&b, "\n       %s", s.Reply)
		for _, e := range s.Reply.Events {
			fmt.Fprintf(&b, "\n       with %s", e)
		}
	}
	for _, e := range v.Closing {
		fmt.Fprintf(&b, "\n     at the end: %s", e)
	}
	return b.String()
}
