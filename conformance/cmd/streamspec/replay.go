package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/monitor"
	"github.com/streamspec/streamspec/spec/trace"
)

func newReplay() *cobra.Command {
	var (
		flags    adapterFlags
		as, pkg  string
		target   string
		deadline time.Duration
	)
	cmd := &cobra.Command{
		Use: "replay FILE", Short: "Run a transcript again",
		Long: `replay runs the commands of a transcript again, shows what came back and where that differs from what was recorded, and
judges it. With --as it prints the transcript as a program instead, and runs nothing:

  go            a test file of Go that replays it under the monitors, on the reference until your own adapter is put there
  python        a program for asyncio that needs nothing of streamspec: it tells of every step
  short-python  the same in few lines, for a report of a fault; what has no short form is printed in full

Exit status: 0 no rule is broken; 1 one is; 2 bad usage, or a file that is no transcript; 3 the adapter failed.`,
		Example: `  streamspec replay case.json --adapter python --python python3.12
  streamspec replay case.json --as python > case.py
  streamspec replay case.json --as go --package streams_test > case_test.go`,
		Args: oneArgument("the file of a transcript"),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := readTranscript(args[0])
			if err != nil {
				return err
			}
			if as != "" {
				text, err := printAs(t, as, pkg)
				if err != nil {
					return err
				}
				_, err = io.WriteString(cmd.OutOrStdout(), text)
				return err
			}
			c, err := flags.choose(cmd, nil)
			if err != nil {
				return err
			}
			a, err := c.open(deadline)
			if err != nil {
				return err
			}
			defer a.Close()
			ctx, i := newInterrupts(cmd.Context(), false)
			defer i.stop()
			r := &replay{transcript: t, adapter: a, out: cmd.OutOrStdout(), deadline: deadline}
			if err := r.prepare(ctx, target); err != nil {
				return err
			}
			return r.run(ctx)
		},
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&as, "as", "", "print the transcript as a program in this `form`, "+forms+", and run nothing")
	cmd.Flags().StringVar(&pkg, "package", "streams_test", "with --as go: the `name` of the package")
	cmd.Flags().StringVar(&target, "target", "", "the documented `version` to judge by (default that of the transcript, else what the adapter says)")
	cmd.Flags().DurationVar(&deadline, "deadline", 20*time.Second, "how `long` one command may take")
	return cmd
}

// forms are those in which a transcript can be printed as a program.
const forms = "go, python or short-python"

// printAs writes a transcript as a program.
func printAs(t *trace.Transcript, form, pkg string) (string, error) {
	switch form {
	case "go":
		return goProgram(t, pkg)
	case "python":
		return pythonProgram(t), nil
	case "short-python":
		return shortProgram(t), nil
	}
	return "", usage("a transcript cannot be shown as %q: known are %s", form, forms)
}

// mostRecorded is how many of the violations recorded with a transcript are shown.
const mostRecorded = 3

func readTranscript(path string) (*trace.Transcript, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, usage("the transcript %q cannot be read: %v", path, lastCause(err))
	}
	defer f.Close()
	t, err := trace.ReadTranscript(f)
	if err != nil {
		return nil, usage("%s: %v", path, err)
	}
	if len(t.Steps) == 0 {
		return nil, usage("%s: the transcript has no steps", path)
	}
	return t, nil
}

// A replay runs a transcript again.
type replay struct {
	transcript *trace.Transcript
	adapter    adapter.Adapter
	out        io.Writer
	deadline   time.Duration

	about       trace.Description
	catalogue   *spec.Catalogue
	monitor     *monitor.Monitor
	version     spec.Version
	native      bool // the implementation is the one recorded: native types and texts have to be the same too
	differences int
}

// prepare asks the adapter what it is and says by what is judged.
func (r *replay) prepare(ctx context.Context, target string) error {
	var err error
	if r.catalogue, err = spec.Load(); err != nil {
		return err
	}
	if r.about, err = r.adapter.Describe(ctx); err != nil {
		return err
	}
	recorded := r.transcript.Implementation
	for _, t := range []string{r.transcript.Target, r.about.Target} {
		if target == "" {
			target = t
		}
	}
	if r.version, err = spec.ParseVersion(target); err != nil {
		return usage("there is no target version %q: %v", target, err)
	}
	r.monitor = monitor.New(monitor.Options{Settling: r.about.Settling, BestEffort: r.about.BestEffort, InForce: func(id string) bool {
		rule, ok := r.catalogue.Rule(id)
		return ok && rule.InForce(r.version)
	}})
	fmt.Fprintf(r.out, "replaying on %s, judged by %s\n", introduce(r.about), r.version)
	if r.transcript.Case != "" {
		fmt.Fprintln(r.out, "the case:", r.transcript.Case)
	}
	if recorded != nil {
		r.native = recorded.Name == r.about.Name && recorded.Version == r.about.Version
		if !r.native {
			fmt.Fprintf(r.out, "recorded from %s; native types and texts of errors are not compared\n", introduce(*recorded))
		}
	}
	fmt.Fprintln(r.out)
	return nil
}

// run carries out the steps and judges them.
func (r *replay) run(ctx context.Context) error {
	session, err := r.adapter.NewSession(ctx)
	if err != nil {
		return err
	}
	for i := range r.transcript.Steps {
		if err := r.step(ctx, session, i); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, r.deadline)
	defer cancel()
	events, err := session.Close(ctx)
	if err != nil {
		return err
	}
	r.monitor.End(events)
	for _, e := range events {
		fmt.Fprintln(r.out, "at the end:", e)
	}
	return r.conclude()
}

func (r *replay) step(ctx context.Context, session adapter.Session, i int) error {
	command, recorded := r.transcript.Steps[i].Command, r.transcript.Steps[i].Reply
	fmt.Fprintf(r.out, "%3d  %s\n", i+1, command)
	ctx, cancel := context.WithTimeout(ctx, r.deadline)
	defer cancel()
	r.monitor.Before(&command)
	replies, err := session.Do(ctx, []trace.Command{command})
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return &exit{report.ExitNotConformant, fmt.Sprintf("interrupted in step %d", i+1)}
		}
		return err
	}
	reply := replies[0]
	r.monitor.After(&command, &reply)
	lines := outcomeLines(reply)
	for _, line := range lines {
		fmt.Fprintln(r.out, "       "+line)
	}
	switch {
	case recorded == nil:
		r.differ([]string{"nothing: the session ended here"})
	case !reflect.DeepEqual(r.comparable(reply), r.comparable(*recorded)):
		r.differ(outcomeLines(*recorded))
	}
	if reply.Fault != "" || reply.Unsupported != "" {
		return &exit{report.ExitAdapter, fmt.Sprintf("the adapter could not carry out step %d, %s: %s", i+1, command, reply)}
	}
	return nil
}

// differ shows what was recorded instead.
func (r *replay) differ(recorded []string) {
	r.differences++
	for i, line := range recorded {
		label := "recorded: "
		if i > 0 {
			label = "          "
		}
		fmt.Fprintln(r.out, "  !    "+label+line)
	}
}

// outcomeLines shows a reply and its events.
func outcomeLines(reply trace.Reply) []string {
	lines := []string{reply.String()}
	for _, e := range reply.Events {
		lines = append(lines, "with "+e.String())
	}
	return lines
}

// comparable is what of a reply has to be the same again.
func (r *replay) comparable(reply trace.Reply) trace.Reply {
	reply.Turns = 0
	reply.Returned, reply.Raised = r.value(reply.Returned), r.raised(reply.Raised)
	events := make([]trace.Event, len(reply.Events))
	for i, e := range reply.Events {
		e.Turn = 0
		e.Returned, e.Raised, e.Value = r.value(e.Returned), r.raised(e.Raised), r.value(e.Value)
		if !r.native {
			e.Text = ""
		}
		events[i] = e
	}
	reply.Events = events
	return reply
}

func (r *replay) raised(e *trace.Error) *trace.Error {
	if e == nil || r.native {
		return e
	}
	same := *e
	same.Native = ""
	if same.Kind != trace.Scripted {
		same.Message = ""
	}
	return &same
}

func (r *replay) value(v *trace.Value) *trace.Value {
	if v == nil || r.native {
		return v
	}
	same := *v
	same.Type, same.Error = "", r.raised(v.Error)
	return &same
}

// conclude says what the monitors found.
func (r *replay) conclude() error {
	fmt.Fprintln(r.out)
	switch r.differences {
	case 0:
		fmt.Fprintln(r.out, "everything came back as recorded")
	case 1:
		fmt.Fprintln(r.out, "one step came back otherwise than recorded")
	default:
		fmt.Fprintf(r.out, "%d steps came back otherwise than recorded\n", r.differences)
	}
	violations := r.monitor.Violations()
	if len(violations) == 0 {
		fmt.Fprintln(r.out, "no rule is broken, as far as this can be seen from the steps alone")
		for i, v := range r.transcript.Violations {
			if i == mostRecorded {
				fmt.Fprintf(r.out, "… and %d more\n", len(r.transcript.Violations)-i)
				break
			}
			fmt.Fprintf(r.out, "recorded with the transcript: %s\n", v)
		}
		return nil
	}
	for _, v := range violations {
		name, statement := "every expectation", "Nothing reaches the exception handler, and the implementation comes to rest."
		if rule, ok := r.catalogue.Rule(v.Rule); ok {
			name, statement = fmt.Sprintf("%s (%s)", rule.ID, rule.Level), rule.Statement
		}
		fmt.Fprintf(r.out, "broken: %s\n  %s\n  %s\n", name, statement, strings.ReplaceAll(v.Text, "\n", "\n  "))
	}
	return &exit{code: report.ExitNotConformant}
}
