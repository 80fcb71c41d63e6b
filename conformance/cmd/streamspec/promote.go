package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/streamspec/streamspec/conformance/adapter/reference"
	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/conformance/internal/vectors"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

// faultsFolder is where vectors of faults are kept, from the top of the module.
var faultsFolder = filepath.Join("fixtures", "faults")

func newPromote() *cobra.Command {
	var to, name, upstream string
	var rules []string
	cmd := &cobra.Command{
		Use: "promote FIND.json", Short: "Keep a find as a test vector",
		Long: `promote makes a test vector of a transcript, such as one of a find, and adds it to a file of vectors. It is judged by the
rules that the transcript says were broken. What the reference answers to the commands is what is expected of them, as far as it
has to be so; of connections only the monitors judge.

Exit status: 0 the vector was added; 1 the reference breaks a rule itself; 2 bad usage, or there is a vector of that name.`,
		Example: `  streamspec promote find.json --name "a read after a reset loses data" --reference gh-123
  streamspec promote find.json --to my-faults.json`,
		Args: oneArgument("the file of a transcript"),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := readTranscript(args[0])
			if err != nil {
				return err
			}
			catalogue, err := spec.Load()
			if err != nil {
				return err
			}
			ctx, i := newInterrupts(cmd.Context(), false)
			defer i.stop()
			v, err := promote(ctx, catalogue, t, rules)
			if err != nil {
				return err
			}
			v.Reference = upstream
			if name != "" {
				v.Name = name
			}
			path, err := faultsFile(to, v)
			if err != nil {
				return err
			}
			if err := appendVector(path, v, catalogue); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %q, judged by %s\n", path, v.Name, strings.Join(v.Rules, ", "))
			return nil
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "the `file` to add to, made where there is none, or a folder of such files (default "+faultsFolder+")")
	cmd.Flags().StringVar(&name, "name", "", "what the vector is called (default what it does)")
	cmd.Flags().StringVar(&upstream, "reference", "", "where the fault was reported, such as gh-123")
	cmd.Flags().StringSliceVar(&rules, "rule", nil, "the `ID` of a rule to judge by (default those that were broken); may be given several times")
	return cmd
}

// promote makes a vector of a transcript by running it on the reference.
func promote(ctx context.Context, catalogue *spec.Catalogue, t *trace.Transcript, rules []string) (*trace.Vector, error) {
	r := &vectors.Runner{Adapter: reference.New(), Catalogue: catalogue}
	defer r.Adapter.Close()
	var err error
	if r.About, err = r.Adapter.Describe(ctx); err != nil {
		return nil, err
	}
	if r.Target, err = spec.ParseVersion(r.About.Target); err != nil {
		return nil, err
	}
	for _, id := range rules {
		if _, ok := catalogue.Rule(id); !ok {
			return nil, usage("there is no rule %q", id)
		}
	}
	v, err := r.Promote(ctx, t, rules)
	if err != nil {
		return nil, &exit{report.ExitNotConformant, fmt.Sprintf("the reference cannot say what is expected: %v", err)}
	}
	if len(v.Rules) == 0 {
		return nil, usage("the transcript does not say which rules were broken; name some with --rule")
	}
	return v, nil
}

// faultsFile is the file that a vector is to be added to: to itself, or one in the folder that it is, by what the vector is about.
func faultsFile(to string, v *trace.Vector) (string, error) {
	folder := to
	if folder == "" {
		folder = faultsFolder
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		if to == "" {
			return "", usage("there is no folder %s here; say with --to where the vector goes", faultsFolder)
		}
		return to, nil
	}
	topic := "reader"
	switch {
	case slices.Contains(v.Needs, trace.CapServer), slices.Contains(v.Needs, trace.CapConnect):
		topic = "server"
	case slices.Contains(v.Needs, trace.CapTransport), slices.Contains(v.Needs, trace.CapWriter):
		topic = "connection"
	}
	return filepath.Join(folder, topic+".json"), nil
}

// appendVector adds a vector to a file. What the file holds stays, also when this is interrupted.
func appendVector(path string, v *trace.Vector, catalogue *spec.Catalogue) error {
	file := vectors.File{Name: path, VectorFile: &trace.VectorFile{Doc: "Faults that random programs have found."}}
	switch in, err := os.Open(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return usage("%s cannot be read: %v", path, lastCause(err))
	default:
		file, err = vectors.Read(path, in, catalogue)
		_ = in.Close()
		if err != nil {
			return usage("%v", err)
		}
	}
	if slices.ContainsFunc(file.Vectors, func(o trace.Vector) bool { return o.Name == v.Name }) {
		return usage("%s has a vector that is called %q already", path, v.Name)
	}
	file.Vectors = append(file.Vectors, *v)
	err := writeFile(path, func(w io.Writer) error {
		if err := file.Write(w); err != nil {
			return err
		}
		return w.(*os.File).Sync()
	})
	if err != nil {
		return usage("%s cannot be written: %v", path, lastCause(err))
	}
	return nil
}
