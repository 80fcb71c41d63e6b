package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/spec"
)

func newBaseline() *cobra.Command {
	cmd := &cobra.Command{
		Use: "baseline", Short: "Write down the failures that are known",
		Long: `A baseline is a file of known failures, each with a reason. With it, run fails for what is new, and for what is known but
over; CONFORMANCE.md tells what stands in one.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("%s has no command %q: known is write", cmd.CommandPath(), args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newBaselineWrite())
	return cmd
}

func newBaselineWrite() *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use: "write FILE [flags of run] [-- COMMAND ARGUMENT…]", Short: "Run, and write the cases that fail as a baseline",
		Long: `write runs like run and writes the cases that fail to FILE, which must not exist. Each entry needs a reason, which you fill
in, before run --baseline reads the file. With --baseline only what that one does not list is written.

Exit status: 0 FILE was written; 1 the run was broken off; 2 bad usage or configuration; 3 the adapter failed; 4 nothing ran.`,
		Example: `  streamspec baseline write known.yaml --adapter "./my-adapter --fast"
  streamspec run --baseline known.yaml --adapter "./my-adapter --fast"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			before, command := args, []string(nil)
			if dash := cmd.ArgsLenAtDash(); dash >= 0 {
				before, command = args[:dash], args[dash:]
			}
			if len(before) != 1 || before[0] == "" {
				return usage("%s takes one argument, the file to write, but was given %d", cmd.CommandPath(), len(before))
			}
			f.writeTo = before[0]
			if _, err := os.Lstat(f.writeTo); err == nil {
				return usage("the baseline %q exists: remove it, or write to another file and move over what is new", f.writeTo)
			}
			if info, err := os.Stat(filepath.Dir(f.writeTo)); err != nil || !info.IsDir() {
				return usage("the baseline %q cannot be written: there is no folder %q", f.writeTo, filepath.Dir(f.writeTo))
			}
			return f.run(cmd, command)
		},
	}
	f.addTo(cmd)
	return cmd
}

// readBaseline reads the baseline of a run, nil if it has none.
func (f *runFlags) readBaseline(cmd *cobra.Command, catalogue *spec.Catalogue) (*report.Baseline, error) {
	if !cmd.Flags().Changed("baseline") {
		return nil, nil
	}
	text, err := os.ReadFile(f.baseline)
	if err != nil {
		return nil, usage("the baseline %q cannot be read: %v", f.baseline, lastCause(err))
	}
	b, err := report.ReadBaseline(text, catalogue)
	if err != nil {
		return nil, usage("the baseline %s: %v", f.baseline, err)
	}
	return b, nil
}

// writeBaseline writes what failed in the run to the file of baseline write, and returns the exit of that.
func (r *runner) writeBaseline(result *report.Report, code int, why string) error {
	path := r.flags.writeTo
	if !result.Complete || result.Ran() == 0 || result.Count(report.AdapterCrash, report.AdapterHang, report.AdapterError) > 0 {
		if code == report.ExitConformant {
			code = report.ExitNotConformant
		}
		return &exit{code, fmt.Sprintf("no baseline was written to %s: %s", path, why)}
	}
	var text bytes.Buffer
	entries, err := report.WriteBaseline(&text, result)
	if err == nil {
		err = writeNew(path, text.Bytes())
	}
	if err != nil {
		return usage("the baseline %q cannot be written: %v", path, lastCause(err))
	}
	switch entries {
	case 0:
		fmt.Fprintf(r.out, "%s is written: nothing fails, so it has no entries\n", path)
	case 1:
		fmt.Fprintf(r.out, "%s is written: one entry, which needs a reason before --baseline can read it\n", path)
	default:
		fmt.Fprintf(r.out, "%s is written: %d entries, each of which needs a reason before --baseline can read it\n", path, entries)
	}
	if n := result.Count(report.Flaky, report.SuiteBug, report.UnexpectedPass); n > 0 {
		fmt.Fprintf(r.out, "not in it: %d cases that came to flaky, suite-bug or unexpected-pass, which cannot be known failures\n", n)
	}
	return nil
}

// writeNew writes a file that must not exist.
func writeNew(path string, text []byte) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fs.ErrExist
	}
	return writeFile(path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}
