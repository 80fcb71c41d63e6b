package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/streamspec/streamspec/conformance/internal/report"
)

// A Ginkgo tree runs once in a process, and one case at a time. So several jobs, and several repetitions, are several
// processes: this program again, as children, each of which runs a part of the cases and streams the results to its
// standard output. A child ends when its standard input does, which is also when this process dies, however it dies.

// endGrace is how long a child may take to end when it was asked to.
const endGrace = 10 * time.Second

// child runs one shard for another process.
func (r *runner) child(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	r.out = io.Discard
	r.runs = make([][]report.Case, 1)
	r.begun = time.Now()
	complete, err := r.here(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		return err
	}
	if r.stream == nil {
		return &exit{report.ExitAdapter, "ended before anything was run"}
	}
	for _, text := range r.lost {
		fmt.Fprintln(os.Stderr, text)
	}
	return r.stream.Close(complete, time.Since(r.begun).Seconds())
}

// inChildren runs every shard of every repetition in a child, as many at a time as there are jobs.
func (r *runner) inChildren(ctx context.Context) (complete bool, err error) {
	self, err := os.Executable()
	if err != nil {
		return false, fmt.Errorf("the program cannot start itself: %w", err)
	}
	type task struct{ repetition, shard int }
	tasks := make(chan task, r.flags.repeat*r.flags.jobs)
	for repetition := range r.flags.repeat {
		for shard := range r.flags.jobs {
			tasks <- task{repetition, shard}
		}
	}
	close(tasks)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	complete = true
	var refused error // what a child said that could not begin
	var group sync.WaitGroup
	for range r.flags.jobs {
		group.Go(func() {
			for t := range tasks {
				if ctx.Err() != nil {
					r.note(func() { complete = false })
					return
				}
				name := fmt.Sprintf("part %d of %d", t.shard+1, r.flags.jobs)
				if r.flags.repeat > 1 {
					name += fmt.Sprintf(" of repetition %d", t.repetition+1)
				}
				whole, begun, err := r.inChild(ctx, self, t.repetition, t.shard)
				r.note(func() {
					complete = complete && whole
					switch {
					case err == nil, ctx.Err() != nil:
					case !begun && refused == nil && r.header == nil:
						refused = err
						stop()
					default:
						r.lost = append(r.lost, "the process that ran "+name+" ended early: "+err.Error())
					}
				})
			}
		})
	}
	group.Wait()
	return complete, refused
}

func (r *runner) note(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// inChild runs one shard. It tells whether the child went to the end, and whether it began.
func (r *runner) inChild(ctx context.Context, self string, repetition, shard int) (whole, begun bool, err error) {
	cmd := exec.Command(self, r.childArguments(shard)...)
	var stderr strings.Builder
	cmd.Stderr = &limited{w: &stderr, left: 64 << 10}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return false, false, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return false, false, err
	}
	if err := cmd.Start(); err != nil {
		return false, false, fmt.Errorf("the program cannot start itself: %w", err)
	}
	defer context.AfterFunc(ctx, func() {
		_ = stdin.Close()
		time.AfterFunc(endGrace, func() { _ = cmd.Process.Kill() }) // without effect when it has ended
	})()
	whole, readErr := report.ReadStream(stdout, func(l report.Line) {
		switch {
		case l.Type == "header" && l.Suite != nil && l.Implementation != nil:
			begun = true
			r.started(*l.Implementation, *l.Suite)
			r.expect(l.Cases)
		case l.Type == "case" && l.Case != nil:
			r.ended(repetition, *l.Case)
		}
	})
	if readErr != nil {
		_ = cmd.Process.Kill()
		_, _ = io.Copy(io.Discard, stdout)
	}
	waitErr := cmd.Wait()
	_ = stdin.Close()
	said := strings.TrimPrefix(strings.TrimSpace(stderr.String()), "streamspec: ")
	var status *exec.ExitError
	switch {
	case waitErr == nil && readErr == nil:
		if whole && said != "" {
			r.note(func() { r.lost = append(r.lost, said) })
		}
		if !whole {
			return false, begun, errors.New("it did not write all of its results")
		}
		return true, begun, nil
	case !begun && errors.As(waitErr, &status) && status.ExitCode() > 0 && said != "":
		return false, false, &exit{status.ExitCode(), lastLine(said)}
	case errors.As(waitErr, &status):
		text := status.String()
		if said != "" {
			first, _, _ := strings.Cut(said, "\n")
			text += ", after it had said: " + first
		}
		return false, begun, errors.New(text)
	case readErr != nil:
		return false, begun, readErr
	}
	return false, begun, waitErr
}

// childArguments is the command line of a child.
func (r *runner) childArguments(shard int) []string {
	f := r.flags
	args := append([]string{"run", "--stream", "-", "--shard", fmt.Sprintf("%d/%d", shard, f.jobs)}, r.choice.flags()...)
	args = append(args, r.judgement()...)
	args = append(args, "--profile", f.options.Profile, "--deadline", f.options.Deadline.String(), "--transcripts", f.transcripts)
	if f.options.LabelFilter != "" {
		args = append(args, "--label-filter", f.options.LabelFilter)
	}
	for _, id := range f.options.Rules {
		args = append(args, "--rule", id)
	}
	return args
}

// limited passes on so many bytes and drops the rest.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	if _, err := l.w.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}
