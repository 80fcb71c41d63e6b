package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/streamspec/streamspec/conformance/internal/mutants"
	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/fuzz"
	"github.com/streamspec/streamspec/spec/trace"
)

// huntFlags say how mutants are looked for with random programs.
type huntFlags struct {
	time time.Duration
	seed uint64
	jobs int
}

func (h *huntFlags) add(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&h.time, "fuzz", 0, "look for each mutant with random programs alone, for at most so `long`")
	cmd.Flags().Uint64Var(&h.seed, "seed", 1, "with --fuzz: the `number` that the programs follow from")
	cmd.Flags().IntVar(&h.jobs, "jobs", runtime.GOMAXPROCS(0), "with --fuzz: `how many` mutants at a time")
}

// shrinkTime is how long what was found is shrunk at most.
const shrinkTime = 20 * time.Second

func (h *huntFlags) run(cmd *cobra.Command, all []mutants.Mutant) error {
	module, err := moduleRoot()
	if err != nil {
		return usage("%v", err)
	}
	ctx, interrupts := newInterrupts(cmd.Context(), false)
	defer interrupts.stop()
	out := cmd.OutOrStdout()
	ended, found, wrong := 0, 0, 0
	err = mutants.Workshop{Module: module}.Fuzz(ctx, all, mutants.Hunt{
		Time: h.time, Shrink: shrinkTime, Jobs: max(h.jobs, 1),
		Programs: func(d trace.Description) func(uint64) fuzz.Program { return fuzz.NewGenerator(d, h.seed).Program },
	}, func(f mutants.Find) {
		ended++
		position, took := fmt.Sprintf("%3d/%d", ended, len(all)), f.Took.Round(10*time.Millisecond)
		switch {
		case f.Err != nil:
			wrong++
			fmt.Fprintf(out, "%s WRONG     %s: %v\n", position, f.Mutant.Rule, f.Err)
		case !f.Found():
			fmt.Fprintf(out, "%s not found %s: %s (%d programs in %v, which exercised the rule %d times)\n", position, f.Mutant.Rule, f.Mutant.Name, f.Programs, took, f.Exercised)
		default:
			found++
			by := ""
			if f.Rule != f.Mutant.Rule {
				by = ", by " + f.Rule
			}
			fmt.Fprintf(out, "%s found     %s: %s (%d programs in %v%s; %d commands, of which %d are left)\n\t%s\n", position, f.Mutant.Rule, f.Mutant.Name,
				f.Programs, took, by, f.Length, len(f.Verdict.Program), strings.ReplaceAll(f.Verdict.Program.String(), "; ", "\n\t"))
		}
	})
	if err != nil {
		return &exit{report.ExitAdapter, fmt.Sprintf("broken off after %d of %d mutants", ended, len(all))}
	}
	fmt.Fprintf(out, "%d mutants: %d found (%.1f %%), %d not found, %d wrong\n", len(all), found, 100*float64(found)/float64(len(all)), len(all)-found-wrong, wrong)
	if wrong > 0 {
		return &exit{report.ExitUsage, fmt.Sprintf("%d mutants do not fit the source any more", wrong)}
	}
	return nil
}
