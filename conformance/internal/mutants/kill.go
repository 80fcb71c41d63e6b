package mutants

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/streamspec/streamspec/conformance/internal/report"
)

// A Result is what became of a mutant.
type Result struct {
	Mutant  Mutant
	Killers []string       // the cases that noticed, up to the first that says how
	How     report.Verdict // the gravest of their verdicts
	Err     error          // it could not be built or run: the mutant is wrong, not the suite
}

// Killed reports whether a check of the mutant's rule noticed.
func (r Result) Killed() bool { return r.Err == nil && len(r.Killers) > 0 }

// Kill builds each mutant and runs the checks of its rule on it, some at a time. Streamspec is the program to run them
// with. It calls done for each as it ends, one at a time, in no particular order.
func (w Workshop) Kill(ctx context.Context, streamspec string, mutants []Mutant, jobs int, done func(Result)) error {
	return each(ctx, w, mutants, jobs, func(w Workshop, m Mutant, n int) Result { return w.kill(ctx, streamspec, m, n) }, done)
}

// each has something done to each mutant, some at a time, in a workshop of their own, and calls done with what came of it.
func each[R any](ctx context.Context, w Workshop, mutants []Mutant, jobs int, do func(Workshop, Mutant, int) R, done func(R)) error {
	var err error
	if w.Dir, err = os.MkdirTemp(w.Dir, "mutants"); err != nil {
		return err
	}
	defer os.RemoveAll(w.Dir)
	type task struct {
		n int
		m Mutant
	}
	tasks := make(chan task)
	var mu sync.Mutex
	var group sync.WaitGroup
	for range jobs {
		group.Go(func() {
			for t := range tasks {
				r := do(w, t.m, t.n)
				_ = os.RemoveAll(w.benchDir(t.n))
				if ctx.Err() != nil {
					continue
				}
				mu.Lock()
				done(r)
				mu.Unlock()
			}
		})
	}
	for i, m := range mutants {
		tasks <- task{i, m}
	}
	close(tasks)
	group.Wait()
	return ctx.Err()
}

func (w Workshop) kill(ctx context.Context, streamspec string, m Mutant, n int) Result {
	r := Result{Mutant: m}
	adapter, environment := "python", os.Environ()
	if m.Python != "" {
		var variable string
		variable, r.Err = w.Spoil(m, n)
		environment = append(environment, variable)
	} else {
		adapter, r.Err = w.Build(ctx, m, n)
	}
	if r.Err != nil {
		return r
	}
	run, seen := context.WithCancel(ctx)
	defer seen()
	cmd := exec.CommandContext(run, streamspec, "run", "--adapter", adapter, "--rule", m.Rule, "--strict", "--depth", "quick",
		"--deadline", "5s", "--stream", "-", "--transcripts", filepath.Join(w.Dir, "transcripts"))
	cmd.Env = environment
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it ends the adapter, too
	cmd.WaitDelay = 10 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		r.Err = fmt.Errorf("mutant %q: the checks did not run: %w", m.Name, err)
		return r
	}
	complete, err := report.ReadStream(out, func(l report.Line) {
		if l.Case == nil || !noticed(l.Case, m.Rule) {
			return
		}
		r.Killers = append(r.Killers, l.Case.ID)
		if r.How == "" || report.Graver(l.Case.Verdict, r.How) {
			r.How = l.Case.Verdict
		}
		if l.Case.Verdict == report.Fail {
			seen() // more cases would say the same
		}
	})
	runErr := cmd.Wait()
	if run.Err() != nil && ctx.Err() == nil {
		return r
	}
	if err != nil || !complete {
		r.Err = fmt.Errorf("mutant %q: the checks did not run to their end (%v): %s", m.Name, runErr, bytes.TrimSpace(stderr.Bytes()))
	}
	return r
}

// noticed tells whether a case accuses the rule: by a violation of it, or because the faulty build crashed, hung or broke
// the protocol in a case of it.
func noticed(c *report.Case, rule string) bool {
	for _, v := range c.Violations {
		if v.Rule == rule {
			return true
		}
	}
	return !c.Verdict.Good() && len(c.Violations) == 0 && c.Verdict != report.SuiteBug
}
