package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/streamspec/streamspec/fuzz"
)

// fuzzPlainEvery is the time between lines of progress where there is no terminal.
const fuzzPlainEvery = 30 * time.Second

// A fuzzProgress shows how far a campaign is: as a bar on a terminal, as a line now and then elsewhere. Finds show as they come.
type fuzzProgress struct {
	mu      sync.Mutex
	out     io.Writer
	bar     *progressbar.ProgressBar // nil: no terminal
	stop    chan struct{}
	stopped sync.WaitGroup
}

// newFuzzProgress returns the progress of a campaign that takes so long; zero: for as long as it is given.
func newFuzzProgress(out io.Writer, takes time.Duration) *fuzzProgress {
	p := &fuzzProgress{out: out, stop: make(chan struct{})}
	if isTerminal(out) {
		seconds := -1
		if takes > 0 {
			seconds = max(int(takes.Seconds()), 1)
		}
		p.bar = progressbar.NewOptions(seconds, progressbar.OptionSetWriter(out), progressbar.OptionSetWidth(20), progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetElapsedTime(true), progressbar.OptionClearOnFinish(), progressbar.OptionSetDescription("trying"))
	}
	return p
}

// start begins to show what status returns.
func (p *fuzzProgress) start(status func() fuzz.Status) {
	every := fuzzPlainEvery
	if p.bar != nil {
		every = barEvery
	}
	p.stopped.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-ticker.C:
				p.show(status())
			}
		}
	})
}

func (p *fuzzProgress) show(s fuzz.Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar == nil {
		fmt.Fprintf(p.out, "%d programs, %.0f a second, after %.0f s; %s; %s\n", s.Programs, s.Rate, s.Seconds, coverageOf(s), findsOf(s))
		return
	}
	p.bar.Describe(fmt.Sprintf("%.0f programs/s, %d rules, %d pairs, %s", s.Rate, s.Rules, s.Pairs, findsOf(s)))
	if limit := p.bar.GetMax(); limit > 0 {
		_ = p.bar.Set(min(int(s.Seconds), limit-1))
		return
	}
	_ = p.bar.Add(1)
}

// found shows a find above the bar.
func (p *fuzzProgress) found(f fuzz.Find) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	what := "found"
	if f.Flaky {
		what = "flaky"
	}
	text, _, _ := strings.Cut(f.Text, "\n")
	fmt.Fprintf(p.out, "%s  %s: %s\n", what, f.Rule, text)
}

// finish ends the display.
func (p *fuzzProgress) finish() {
	close(p.stop)
	p.stopped.Wait()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
