package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/conformance/internal/vectors"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

func newVectors() *cobra.Command {
	var (
		flags    adapterFlags
		name     string
		target   string
		deadline time.Duration
	)
	cmd := &cobra.Command{
		Use: "vectors [FILE...]", Short: "Run test vectors",
		Long: `vectors runs the test vectors of files, or those that come with streamspec: short programs, each with what may come back
from every step. Beside that the monitors judge them, as they do every session. A vector is left out where one of its rules is not in
force, or the implementation lacks what it needs.

Exit status: 0 all pass; 1 one does not, whatever the level of its rules; 2 bad usage, or a file that is none of vectors;
3 the adapter failed; 4 nothing was run.`,
		Example: `  streamspec vectors --adapter python --python python3.12
  streamspec vectors my.json --adapter ./my-adapter`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := flags.choose(cmd, nil)
			if err != nil {
				return err
			}
			catalogue, err := spec.Load()
			if err != nil {
				return err
			}
			files, err := readVectors(catalogue, args)
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
			run := &vectorRun{Runner: vectors.Runner{Adapter: a, Catalogue: catalogue}, out: cmd.OutOrStdout(), deadline: deadline, only: name}
			again := append(append([]string{"streamspec", "vectors"}, args...), c.flags()...)
			if target != "" {
				again = append(again, "--target", target)
			}
			run.again = join(again)
			if err := run.prepare(ctx, target); err != nil {
				return err
			}
			return run.all(ctx, files)
		},
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&name, "name", "", "run only the vectors with this `text` in their names")
	cmd.Flags().StringVar(&target, "target", "", "the documented `version` to judge by (default what the adapter says)")
	cmd.Flags().DurationVar(&deadline, "deadline", 30*time.Second, "how `long` one vector may take")
	return cmd
}

func readVectors(catalogue *spec.Catalogue, paths []string) ([]vectors.File, error) {
	if len(paths) == 0 {
		return vectors.Embedded(catalogue)
	}
	var files []vectors.File
	for _, path := range paths {
		in, err := os.Open(path)
		if err != nil {
			return nil, usage("the vectors %q cannot be read: %v", path, lastCause(err))
		}
		f, err := vectors.Read(path, in, catalogue)
		in.Close()
		if err != nil {
			return nil, usage("%v", err)
		}
		files = append(files, f)
	}
	return files, nil
}

// A vectorRun runs vectors and counts what became of them.
type vectorRun struct {
	vectors.Runner
	out      io.Writer
	deadline time.Duration
	only     string // text that is in the names of those to run
	again    string // the command line that runs the same files on the same adapter

	passed, failed, broken, skipped int
}

// prepare asks the adapter what it is and says by what is judged.
func (r *vectorRun) prepare(ctx context.Context, target string) (err error) {
	if r.About, err = r.Adapter.Describe(ctx); err != nil {
		return err
	}
	if target == "" {
		target = r.About.Target
	}
	if r.Target, err = spec.ParseVersion(target); err != nil {
		return usage("there is no target version %q: %v", target, err)
	}
	fmt.Fprintf(r.out, "running vectors on %s, judged by %s\n", introduce(r.About), r.Target)
	return nil
}

func (r *vectorRun) all(ctx context.Context, files []vectors.File) error {
	for _, f := range files {
		for i := range f.Vectors {
			if v := &f.Vectors[i]; strings.Contains(v.Name, r.only) {
				if err := r.one(ctx, f.Name, v); err != nil {
					return err
				}
			}
		}
	}
	fmt.Fprintf(r.out, "%d vectors passed, %d failed, %d were left out\n", r.passed, r.failed, r.skipped)
	switch {
	case r.failed > 0:
		return &exit{code: report.ExitNotConformant}
	case r.broken > 0:
		return &exit{report.ExitAdapter, fmt.Sprintf("the adapter failed in %d vectors, so nothing can be said of these", r.broken)}
	case r.passed == 0:
		return &exit{report.ExitNothing, "nothing was run"}
	}
	return nil
}

// one runs a vector. An error ends the run.
func (r *vectorRun) one(ctx context.Context, file string, v *trace.Vector) error {
	if r.Skips(v) != "" {
		r.skipped++
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, r.deadline)
	defer cancel()
	result, err := r.Run(limited, v)
	var failure *adapter.Failure
	switch {
	case ctx.Err() != nil:
		return &exit{report.ExitNotConformant, "interrupted"}
	case errors.As(err, &failure):
		r.broken++
		r.tell("BROKEN", file, v, failure.Error())
	case err != nil:
		return err
	case !result.OK():
		r.failed++
		r.tell("FAIL", file, v, result.Explain(v))
	default:
		r.passed++
	}
	return nil
}

// tell says what became of a vector, by which rules it is judged, and how to run it again.
func (r *vectorRun) tell(verdict, file string, v *trace.Vector, why string) {
	fmt.Fprintf(r.out, "\n%s %s: %s\n  %s\n", verdict, file, v.Name, strings.ReplaceAll(why, "\n", "\n  "))
	for _, id := range v.Rules {
		if rule, ok := r.Catalogue.Rule(id); ok {
			fmt.Fprintf(r.out, "  rule: %s (%s)\n", id, rule.Level)
		}
	}
	if v.Reference != "" {
		fmt.Fprintf(r.out, "  a fault of this kind: %s\n", v.Reference)
	}
	fmt.Fprintf(r.out, "  again: %s --name %s\n\n", r.again, shellQuote(v.Name))
}
