package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/streamspec/streamspec/conformance/internal/mutants"
	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/spec"
)

func newMutants() *cobra.Command {
	var rules []string
	var area string
	var list, verbose bool
	var hunt huntFlags
	cmd := &cobra.Command{
		Use: "mutants", Short: "Build faulty references and see the suite catch them", Args: noArguments,
		Long: `mutants builds the reference with one deliberate fault at a time, and runs the checks of the rule that this breaks.
A mutant that none of them notices has survived: the checks are not as sharp as they should be. It needs Go and the
module's source, and is run from inside it.

With --fuzz the suite is left aside: each mutant carries out random programs for at most that long, and it is found as soon as
one of them breaks a rule, any rule.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := mutants.Load()
			if err != nil {
				return usage("%v", err)
			}
			catalogue, err := spec.Load()
			if err != nil {
				return err
			}
			if area != "" && !slices.Contains(catalogue.Areas(), spec.Area(area)) {
				return usage("there is no area %q", area)
			}
			for _, id := range rules {
				if _, ok := catalogue.Rule(id); !ok {
					return usage("there is no rule %q", id)
				}
			}
			all = slices.DeleteFunc(all, func(m mutants.Mutant) bool {
				r, _ := catalogue.Rule(m.Rule)
				return len(rules) > 0 && !slices.Contains(rules, m.Rule) || area != "" && r.Area != spec.Area(area)
			})
			if len(all) == 0 {
				return &exit{report.ExitNothing, "no mutant is selected"}
			}
			if list {
				for _, m := range all {
					fmt.Fprintf(cmd.OutOrStdout(), "%-50s %s\n", m.Rule, m.Name)
				}
				return nil
			}
			if hunt.time > 0 {
				return hunt.run(cmd, all)
			}
			return killMutants(cmd, all, verbose)
		},
	}
	cmd.Flags().StringSliceVar(&rules, "rule", nil, "only the mutants of this `ID`; may be given several times")
	cmd.Flags().StringVar(&area, "area", "", "only the mutants of this `area`")
	cmd.Flags().BoolVar(&list, "list", false, "list the mutants and run nothing")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "name the cases that notice")
	hunt.add(cmd)
	return cmd
}

func killMutants(cmd *cobra.Command, all []mutants.Mutant, verbose bool) error {
	module, err := moduleRoot()
	if err != nil {
		return usage("%v", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, interrupts := newInterrupts(cmd.Context(), false)
	defer interrupts.stop()
	out := cmd.OutOrStdout()
	ended, survived, wrong := 0, 0, 0
	err = mutants.Workshop{Module: module}.Kill(ctx, self, all, runtime.GOMAXPROCS(0), func(r mutants.Result) {
		ended++
		switch {
		case r.Err != nil:
			wrong++
			fmt.Fprintf(out, "%3d/%d WRONG     %s: %v\n", ended, len(all), r.Mutant.Rule, r.Err)
		case !r.Killed():
			survived++
			fmt.Fprintf(out, "%3d/%d SURVIVED  %s: %s\n", ended, len(all), r.Mutant.Rule, r.Mutant.Name)
		default:
			how := ""
			if r.How != report.Fail {
				how = ", by " + string(r.How)
			}
			fmt.Fprintf(out, "%3d/%d killed    %s: %s (%d cases%s)\n", ended, len(all), r.Mutant.Rule, r.Mutant.Name, len(r.Killers), how)
			if verbose {
				fmt.Fprintf(out, "\t%s\n", strings.Join(r.Killers, "\n\t"))
			}
		}
	})
	if err != nil {
		return &exit{report.ExitAdapter, fmt.Sprintf("broken off after %d of %d mutants", ended, len(all))}
	}
	fmt.Fprintf(out, "%d mutants: %d killed, %d survived, %d wrong\n", len(all), len(all)-survived-wrong, survived, wrong)
	switch {
	case wrong > 0:
		return &exit{report.ExitUsage, fmt.Sprintf("%d mutants do not fit the source any more", wrong)}
	case survived > 0:
		return &exit{report.ExitNotConformant, fmt.Sprintf("%d mutants survived", survived)}
	}
	return nil
}

// moduleRoot finds the top of the module that the mutants are made of.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/streamspec/streamspec").Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || dir == "" {
		return "", fmt.Errorf("mutants are built from source: run this inside the module github.com/streamspec/streamspec, with Go installed")
	}
	return filepath.Clean(dir), nil
}
