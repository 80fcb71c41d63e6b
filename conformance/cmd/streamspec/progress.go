package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/streamspec/streamspec/conformance/internal/report"
)

const (
	plainEvery = 5 * time.Second // between lines of progress where there is no terminal
	barEvery   = 200 * time.Millisecond
	mostLines  = 20 // of failures as they come
)

// A progress shows how far a run is: as a bar on a terminal, as a line now and then elsewhere. Failures show as they come.
type progress struct {
	mu      sync.Mutex
	out     io.Writer
	bar     *progressbar.ProgressBar // nil: no terminal, or the number of cases is not known yet
	onTerm  bool
	verbose bool // every case has a line
	total   int
	done    int
	bad     int
	begun   time.Time
	stop    chan struct{}
	stopped sync.WaitGroup
}

// newProgress begins to show progress on out.
func newProgress(out io.Writer, verbose bool) *progress {
	p := &progress{out: out, onTerm: isTerminal(out), verbose: verbose, begun: time.Now(), stop: make(chan struct{})}
	p.stopped.Go(p.tick)
	return p
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// expect tells how many cases there are.
func (p *progress) expect(cases int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total = cases
	if p.onTerm && cases > 0 {
		p.bar = progressbar.NewOptions(cases,
			progressbar.OptionSetWriter(p.out), progressbar.OptionShowCount(), progressbar.OptionSetWidth(30),
			progressbar.OptionSetPredictTime(false), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetDescription("judging"))
	}
}

// ended tells that a case has ended.
func (p *progress) ended(c report.Case) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.Verdict != report.Filtered {
		p.done++
		if p.bar != nil && p.done <= p.total {
			_ = p.bar.Add(1)
		}
	}
	good := c.Verdict.Good()
	if !good {
		p.bad++
	}
	switch {
	case p.verbose && c.Verdict != report.Filtered, !good && p.bad <= mostLines:
		p.line(fmt.Sprintf("%-14s %s", c.Verdict, c.ID))
	case !good && p.bad == mostLines+1:
		p.line("more cases fail; not each of them is announced here")
	}
}

// line writes a line above the bar.
func (p *progress) line(text string) {
	if p.bar == nil {
		fmt.Fprintln(p.out, text)
		return
	}
	_ = p.bar.Clear()
	fmt.Fprintln(p.out, text)
	_ = p.bar.RenderBlank()
}

func (p *progress) tick() {
	every := plainEvery
	if p.onTerm {
		every = barEvery
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
		}
		p.mu.Lock()
		switch {
		case p.bar != nil:
			p.bar.Describe(strings.TrimSuffix(fmt.Sprintf("judging, %d failing", p.bad), ", 0 failing"))
		case !p.onTerm && p.total > 0:
			fmt.Fprintf(p.out, "%d of %d cases, %d failing, after %.0f s\n", p.done, p.total, p.bad, time.Since(p.begun).Seconds())
		}
		p.mu.Unlock()
	}
}

// finish ends the display.
func (p *progress) finish() {
	close(p.stop)
	p.stopped.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
}
