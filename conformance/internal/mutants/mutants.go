// Package mutants is the suite's own test: deliberately faulty builds of the reference, and, for rules about Python's surface,
// deliberately spoiled Pythons. A mutant replaces one piece of the reference's text, or changes asyncio before it is used,
// and names the rule that this breaks; a check of that very rule has to notice. A rule that no killed mutant stands for does
// not count as checked.
package mutants

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/streamspec/streamspec/spec"
)

//go:embed *.yaml
var files embed.FS

// A Mutant is one deliberate fault.
type Mutant struct {
	Name string `yaml:"name"`           // what the faulty reference does, in a few words
	Rule string `yaml:"rule"`           // the rule that this breaks
	File string `yaml:"file,omitempty"` // the reference's file, from the top of the module
	Old  string `yaml:"old,omitempty"`  // a piece of its text that occurs exactly once
	New  string `yaml:"new,omitempty"`  // what replaces it
	// Python is given instead of file, old and new for a rule about Python's surface, of which the reference has none: a
	// program that spoils the asyncio of the Python that it runs in, before anything else does.
	Python string `yaml:"python,omitempty"`
	// Bug is the entry of the upstream tracker where a real implementation had this fault, if any.
	Bug string `yaml:"bug,omitempty"`
}

// Load returns all mutants, in the order of the catalogue's rules.
func Load() ([]Mutant, error) {
	catalogue, err := spec.Load()
	if err != nil {
		return nil, err
	}
	return parse(files, catalogue)
}

func parse(fsys fs.FS, catalogue *spec.Catalogue) ([]Mutant, error) {
	names, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, err
	}
	var all []Mutant
	var errs []error
	seen := map[string]bool{}
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		var mutants []Mutant
		dec := yaml.NewDecoder(bytes.NewReader(text))
		dec.KnownFields(true)
		if err := dec.Decode(&mutants); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		if err := dec.Decode(new(any)); err != io.EOF {
			errs = append(errs, fmt.Errorf("%s: something follows the list of mutants", name))
		}
		for _, m := range mutants {
			fault := func(format string, args ...any) {
				errs = append(errs, fmt.Errorf("%s: mutant %q: %s", name, m.Name, fmt.Sprintf(format, args...)))
			}
			if _, ok := catalogue.Rule(m.Rule); !ok {
				fault("there is no rule %q", m.Rule)
			}
			if m.Name == "" || m.Python == "" && (m.File == "" || m.Old == "") {
				fault("name, and file and old, or python, are needed")
			}
			if m.Python != "" && m.File+m.Old+m.New != "" {
				fault("it is of the reference or of Python, not of both")
			}
			if m.Python == "" && m.Old == m.New {
				fault("old and new are the same")
			}
			if seen[m.Name] {
				fault("there is another of that name")
			}
			seen[m.Name] = true
		}
		all = append(all, mutants...)
	}
	position := map[string]int{}
	for i, r := range catalogue.Rules() {
		position[r.ID] = i
	}
	slices.SortStableFunc(all, func(a, b Mutant) int { return position[a.Rule] - position[b.Rule] })
	return all, errors.Join(errs...)
}

// ByRule returns the mutants of each rule.
func ByRule(all []Mutant) map[string][]Mutant {
	out := map[string][]Mutant{}
	for _, m := range all {
		out[m.Rule] = append(out[m.Rule], m)
	}
	return out
}

// A Workshop builds mutants of the module in a directory.
type Workshop struct {
	Module string // the top of the module
	Dir    string // where builds go
}

func (w Workshop) benchDir(n int) string { return filepath.Join(w.Dir, fmt.Sprintf("%03d", n)) }

// bench makes the directory for one mutant.
func (w Workshop) bench(n int) (string, error) {
	dir := w.benchDir(n)
	return dir, os.MkdirAll(dir, 0o755)
}

// Spoil writes down a mutant of Python's asyncio and returns the variable of the environment that makes a Python take it up.
func (w Workshop) Spoil(m Mutant, n int) (string, error) {
	dir, err := w.bench(n)
	if err != nil {
		return "", err
	}
	return "PYTHONPATH=" + dir, os.WriteFile(filepath.Join(dir, "sitecustomize.py"), []byte(m.Python), 0o644)
}

// Build builds the reference with a mutant's fault and returns the command that serves it. Text that does not occur
// exactly once, or that does not compile, is an error.
func (w Workshop) Build(ctx context.Context, m Mutant, n int) (string, error) {
	source := filepath.Join(w.Module, filepath.FromSlash(m.File))
	text, err := os.ReadFile(source)
	if err != nil {
		return "", fmt.Errorf("mutant %q: %w", m.Name, err)
	}
	if count := strings.Count(string(text), m.Old); count != 1 {
		return "", fmt.Errorf("mutant %q: the text to replace occurs %d times in %s and not once:\n\t%s", m.Name, count, m.File, strings.ReplaceAll(m.Old, "\n", "\n\t"))
	}
	dir, err := w.bench(n)
	if err != nil {
		return "", err
	}
	mutated := filepath.Join(dir, filepath.Base(source))
	if err := os.WriteFile(mutated, []byte(strings.Replace(string(text), m.Old, m.New, 1)), 0o644); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {source: mutated}})
	if err != nil {
		return "", err
	}
	overlayFile := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlayFile, overlay, 0o644); err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "testee")
	cmd := exec.CommandContext(ctx, "go", "build", "-overlay", overlayFile, "-ldflags", "-s -w", "-o", binary, "./conformance/internal/mutants/testee")
	cmd.Dir = w.Module
	if out, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("mutant %q does not compile: %w\n%s", m.Name, err, out)
	}
	return binary, nil
}
