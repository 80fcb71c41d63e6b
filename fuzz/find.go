package fuzz

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// A Find is what a campaign has found: a program that breaks a rule, has the adapter fail, or is answered otherwise by another
// implementation.
type Find struct {
	Rule     string `json:"rule"`            // the rule, or the kind of failure, or [Quiet], or [Disagreement]
	Level    string `json:"level,omitempty"` // of the rule
	Text     string `json:"text"`            // what was done, what came back, what was permitted
	Commands int    `json:"commands"`        // how many are left after shrinking
	Seen     int    `json:"seen"`            // programs that were shrunk to it
	File     string `json:"file"`            // the transcript; empty: it could not be written
	Flaky    bool   `json:"flaky,omitempty"` // it did not show again
	// Transcript is what is in the file. Of a find of an earlier run it is not there.
	Transcript *trace.Transcript `json:"-"`
}

// A LostError says that something could not be written, which ends a campaign.
type LostError struct {
	Err   error
	Finds []Find // that could not be written
}

// Error implements error.
func (e *LostError) Error() string {
	s := fmt.Sprintf("the campaign was broken off, since the corpus cannot be written: %v", e.Err)
	for _, f := range e.Finds {
		s += fmt.Sprintf("\nfound and not written: %s: %s", f.Rule, f.Text)
	}
	return s
}

// Unwrap returns the error of the operating system.
func (e *LostError) Unwrap() error { return e.Err }

// confirmations is how often a bad verdict is tried again alone before it is taken for flaky.
const confirmations = 3

// broken is what is known of a rule that was broken.
type broken struct {
	Programs int  `json:"programs"` // that broke it
	Next     int  `json:"next"`     // how many have to have done so before it is looked at again
	busy     bool // a worker is looking
}

// due counts a program that breaks a rule, and tells whether it is to be looked at: at the first, then ever more rarely, until there
// are enough finds of the rule. One loud fault does not eat the campaign thereby.
func (c *Campaign) due(rule string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.state.Broken[rule]
	if b == nil {
		b = &broken{Next: 1}
		c.state.Broken[rule] = b
	}
	b.Programs++
	if b.busy || b.Programs < b.Next || c.count(rule, false) >= enoughFinds {
		return false
	}
	b.busy, b.Next = true, 2*b.Programs
	return true
}

// looked ends what due has begun.
func (c *Campaign) looked(rule string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state.Broken[rule].busy = false
}

// count returns how many finds of a rule there are. The caller holds the mutex.
func (c *Campaign) count(rule string, flaky bool) (n int) {
	for _, f := range c.order {
		if f.Rule == rule && f.Flaky == flaky {
			n++
		}
	}
	return n
}

// An oracle says what is wrong with a program when it runs alone.
type oracle interface {
	// breaks returns a verdict that breaks the rule, nil if the program does not.
	breaks(ctx context.Context, p Program, rule string) (*Verdict, error)
	// shrink returns the verdict of a smaller program that still does.
	shrink(ctx context.Context, v *Verdict, rule string, c *Campaign) (*Verdict, error)
}

// breaks implements oracle.
func (j *Judge) breaks(ctx context.Context, p Program, rule string) (*Verdict, error) {
	v, err := j.Run(ctx, p)
	if err != nil || !v.BreaksAlso(rule) {
		return nil, err
	}
	return v, nil
}

// shrink implements oracle.
func (j *Judge) shrink(ctx context.Context, v *Verdict, rule string, c *Campaign) (*Verdict, error) {
	return j.Shrink(ctx, v, rule, c.o.Shrink)
}

// look has an oracle look at what is wrong by a verdict: what it confirms is shrunk and written.
func (w *worker) look(ctx context.Context, number uint64, v *Verdict, o oracle) error {
	for _, rule := range v.broken() {
		if !w.due(rule) {
			continue
		}
		err := w.line.Close(ctx) // its process is used instead of another
		if err == nil {
			err = w.lookInto(ctx, number, v, rule, o)
		}
		w.looked(rule)
		if err != nil {
			return err
		}
	}
	return nil
}

// broken lists what is wrong by a verdict, each once.
func (v *Verdict) broken() (all []string) {
	seen := map[string]bool{}
	add := func(rule string) {
		if !seen[rule] {
			seen[rule] = true
			all = append(all, rule)
		}
	}
	for _, w := range v.Violations {
		if w.Rule == "" {
			add(Quiet)
			continue
		}
		add(w.Rule)
	}
	if v.Failure != nil {
		add(string(v.Failure.Kind))
	}
	return all
}

func (c *Campaign) lookInto(ctx context.Context, number uint64, v *Verdict, rule string, o oracle) error {
	var small *Verdict
	var err error
	for range confirmations {
		if small, err = o.breaks(ctx, v.Program, rule); small != nil || err != nil {
			break
		}
	}
	switch {
	case err != nil:
		return err
	case small == nil:
		return c.found(number, v.Program, v, rule, true)
	case small.Failure != nil && string(small.Failure.Kind) == rule:
		if err := c.alive(ctx); err != nil {
			return err
		}
	}
	small, err = o.shrink(ctx, small, rule, c) // also when it was interrupted it is smaller
	if first := small.Breaks(); first != rule && c.rules(first) && c.rules(rule) {
		rule = first // of which this is a consequence
		c.mu.Lock()
		enough := c.count(rule, false) >= enoughFinds
		c.mu.Unlock()
		if enough {
			return err
		}
	}
	if e := c.found(number, v.Program, small, rule, false); e != nil {
		return e
	}
	return err
}

// rules tells whether what was broken is a rule, or what every expectation says, and not a failure of the adapter or the like.
func (c *Campaign) rules(what string) bool {
	_, ok := c.judge.Rule(what)
	return ok || what == Quiet
}

// found writes a find, unless it is known. A find is that of the rule that its program breaks first.
func (c *Campaign) found(number uint64, whole Program, v *Verdict, rule string, flaky bool) error {
	dir := findsDir
	if flaky {
		dir = flakyDir
	}
	f := &Find{Rule: rule, Text: v.says(rule), Commands: len(v.Steps), Seen: 1, Flaky: flaky}
	name := fmt.Sprintf("%s-%x", rule, sha256.Sum256([]byte(v.Program.Shape())))[:len(rule)+1+8]
	f.File = filepath.Join(dir, name+transcriptExt)
	f.Transcript = c.judge.Transcript(v)
	f.Transcript.Case = fmt.Sprintf("program %d of seed %d, shrunk", number, c.state.Seed)
	f.Transcript.Rules = nil
	if r, ok := c.judge.Rule(rule); ok {
		f.Level, f.Transcript.Rules = string(r.Level), []string{rule}
	}
	if v.Failure != nil {
		f.Transcript.Violations = append(f.Transcript.Violations, trace.Violation{Rule: string(v.Failure.Kind), Step: len(v.Steps), Text: v.Failure.Text})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.finds[f.File]; known != nil {
		known.Seen++
		return nil
	}
	if flaky && c.count(rule, true) >= enoughFinds {
		return nil
	}
	c.finds[f.File] = f
	c.order = append(c.order, f)
	if c.o.OnFind != nil {
		c.o.OnFind(c.placed(f))
	}
	err := c.corpus.write(filepath.Join(dir, name+programExt), whole.Write)
	if err == nil {
		err = c.corpus.write(f.File, f.Transcript.Write)
	}
	if err != nil {
		_ = os.Remove(c.corpus.path(dir, name+programExt))
		f.File = ""
		c.unwritten = append(c.unwritten, *f)
		return c.lost(err)
	}
	event := "find"
	if flaky {
		event = "flaky"
	}
	if err := c.corpus.note(logLine{Event: event, File: f.File, Rule: rule, Text: f.Text}); err != nil {
		return c.lost(err)
	}
	return c.save()
}

// placed is a find whose file is named from where the process is.
func (c *Campaign) placed(f *Find) Find {
	p := *f
	if f.File != "" {
		p.File = c.corpus.path(f.File)
	}
	return p
}

// says returns what a verdict says of a rule.
func (v *Verdict) says(rule string) string {
	for _, w := range v.Violations {
		if w.Rule == rule || w.Rule == "" && rule == Quiet {
			return w.Text
		}
	}
	if v.Failure != nil {
		return v.Failure.Text
	}
	return ""
}

// know takes a find for known that was written before.
func (c *Campaign) know(dir, name string) error {
	t, err := c.corpus.readTranscript(dir, name)
	if err != nil {
		return err
	}
	end := strings.LastIndexByte(name, '-')
	if end < 0 {
		return fmt.Errorf("its name is not one of a find")
	}
	f := &Find{Rule: name[:end], Commands: len(t.Steps), File: filepath.Join(dir, name), Flaky: dir == flakyDir}
	v := Verdict{Violations: t.Violations, Failure: nil}
	f.Text = v.says(f.Rule)
	if r, ok := c.judge.Rule(f.Rule); ok {
		f.Level = string(r.Level)
	}
	f.Seen = max(c.state.Seen[f.File], 1)
	c.finds[f.File] = f
	c.order = append(c.order, f)
	return nil
}
