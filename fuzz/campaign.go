package fuzz

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"time"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/spec/trace"
)

// CampaignOptions say how a campaign goes. The zero value is good for use, but for the directory.
type CampaignOptions struct {
	Dir     string        // the corpus directory; it is made where there is none, and a campaign that it holds goes on
	Seed    *uint64       // what the programs follow from; nil: that of the corpus, or any
	Time    time.Duration // how long programs are tried; what was found by then is still shrunk; zero: until the context ends
	Most    uint64        // how many programs are tried, rounded up to whole blocks; zero: as many as there is time for
	Workers int           // how many sessions at a time; zero: one
	Shrink  time.Duration // how long a find is shrunk at most; zero: [DefaultShrink]
	Against *Judge        // another implementation, whose answers have to be the same; nil: none
	Version string        // of streamspec, for the log
	// Write returns a function that writes the nth program of a seed, for the use of one goroutine; nil: that of [NewGenerator].
	Write  func(d trace.Description, seed uint64) func(n uint64) Program
	OnFind func(Find) // is told of each new find, one at a time, before it is written; nil: nobody is
}

// DefaultShrink is how long a find is shrunk at most, usually.
const DefaultShrink = 20 * time.Second

const (
	blockSize   = 64              // programs that a worker takes at once
	saveEvery   = 5 * time.Second // between writings of campaign.json
	noteEvery   = time.Minute     // between lines of the log about progress
	enoughFinds = 3               // distinct finds of a rule, after which further ones are only counted
)

// A Campaign has an implementation carry out random programs for as long as it is given, and keeps all that comes of it in a
// directory, from which it goes on another time.
type Campaign struct {
	judge  *Judge
	o      CampaignOptions
	d      trace.Description // what programs are written for
	corpus *corpus
	aside  []string

	mu        sync.Mutex
	state     state
	coverage  *Coverage
	from      uint64          // the first number of this run
	next      uint64          // the first number that no worker has taken
	taken     map[uint64]bool // blocks that workers are at
	finds     map[string]*Find
	order     []*Find // the finds, as they were found
	begun     time.Time
	ran       time.Duration // how long this run took, when it is over
	programs  int           // of this run
	err       error         // why the campaign was broken off
	unwritten []Find        // finds that could not be written
}

// NewCampaign opens the corpus directory, and refuses one that another campaign is at work in or that is about something else. The
// campaign has to be closed.
func NewCampaign(j *Judge, o CampaignOptions) (*Campaign, error) {
	if o.Workers == 0 {
		o.Workers = 1
	}
	if o.Shrink == 0 {
		o.Shrink = DefaultShrink
	}
	if o.Write == nil {
		o.Write = func(d trace.Description, seed uint64) func(uint64) Program { return NewGenerator(d, seed).Program }
	}
	corpus, err := openCorpus(o.Dir)
	if err != nil {
		return nil, err
	}
	c := &Campaign{judge: j, o: o, d: j.Description, corpus: corpus, coverage: NewCoverage(), taken: map[uint64]bool{}, finds: map[string]*Find{}}
	if o.Against != nil {
		c.d = common(j.Description, o.Against.Description)
	}
	if err := c.load(); err != nil {
		corpus.close()
		return nil, err
	}
	return c, nil
}

// load reads what the corpus holds.
func (c *Campaign) load() error {
	old, err := c.corpus.readState()
	if err != nil {
		return err
	}
	c.state = state{Schema: stateSchema, Adapter: c.judge.Description, Target: c.judge.Target.String(), Broken: map[string]*broken{}, Seen: map[string]int{}}
	if c.o.Against != nil {
		c.state.Against = &c.o.Against.Description
	}
	switch {
	case old != nil:
		if err := c.takeUp(old); err != nil {
			return err
		}
	case c.o.Seed != nil:
		c.state.Seed = *c.o.Seed
	default:
		c.state.Seed = rand.Uint64N(1 << 32)
	}
	c.from, c.next = c.state.Next, c.state.Next
	aside, err := c.corpus.each(programsDir, programsExt, func(name string) error {
		programs, err := c.corpus.readKept(name)
		for i := range programs {
			c.coverage.Know(programs[i].New)
		}
		return err
	})
	c.aside = append(c.aside, aside...)
	if err != nil {
		return err
	}
	for _, dir := range []string{findsDir, flakyDir} {
		aside, err := c.corpus.each(dir, transcriptExt, func(name string) error { return c.know(dir, name) })
		c.aside = append(c.aside, aside...)
		if err != nil {
			return err
		}
	}
	if err := c.corpus.writeState(&c.state); err != nil {
		return &CorpusError{c.o.Dir, err.Error()}
	}
	return nil
}

// takeUp goes on with a campaign if it is about the same.
func (c *Campaign) takeUp(old *state) error {
	refuse := func(format string, args ...any) error {
		return &CorpusError{c.o.Dir, fmt.Sprintf(format, args...) + "; another directory is needed"}
	}
	switch {
	case !same(&old.Adapter, &c.state.Adapter):
		return refuse("it is about %s, and not about %s", introduce(&old.Adapter), introduce(&c.state.Adapter))
	case old.Target != c.state.Target:
		return refuse("its programs were judged by %s, and not by %s", old.Target, c.state.Target)
	case !same(old.Against, c.state.Against):
		return refuse("its programs were held against %s, and not against %s", introduce(old.Against), introduce(c.state.Against))
	case c.o.Seed != nil && *c.o.Seed != old.Seed:
		return refuse("its seed is %d, and not %d", old.Seed, *c.o.Seed)
	}
	adapter := c.state.Adapter
	c.state = *old
	c.state.Adapter = adapter
	if c.state.Broken == nil {
		c.state.Broken = map[string]*broken{}
	}
	if c.state.Seen == nil {
		c.state.Seen = map[string]int{}
	}
	for op, n := range old.Coverage.Commands {
		c.coverage.Commands[op] = n
	}
	c.coverage.Exercise(old.Coverage.Rules)
	return nil
}

// same tells whether two adapters are about the same implementation.
func same(a, b *trace.Description) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := *a, *b
	x.Detail, y.Detail = "", ""
	return reflect.DeepEqual(x, y)
}

func introduce(d *trace.Description) string {
	if d == nil {
		return "nothing"
	}
	return fmt.Sprintf("%s %s (%s)", d.Name, d.Version, d.Detail)
}

// SetAside lists what of the corpus could not be read and was set aside, each with the reason.
func (c *Campaign) SetAside() []string { return c.aside }

// Close gives the corpus directory free.
func (c *Campaign) Close() { c.corpus.close() }

// Run tries programs until the time is up or the context ends, which is no error. An error is that of an adapter that cannot be
// started, or a *[LostError]: something could not be written.
func (c *Campaign) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	within, stop := context.WithCancel(ctx) // ends earlier: what was found is looked at in all rest
	defer stop()
	c.mu.Lock()
	c.begun = time.Now()
	c.mu.Unlock()
	if c.o.Time > 0 {
		defer time.AfterFunc(c.o.Time, stop).Stop()
	}
	fail := func(err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.err == nil && err != nil && ctx.Err() == nil {
			c.err = err
			cancel()
		}
	}
	fail(c.noteStart())
	var workers, keeper sync.WaitGroup
	for range c.o.Workers {
		workers.Go(func() { fail(c.work(ctx, within)) })
	}
	over := make(chan struct{})
	keeper.Go(func() { fail(c.keepSaving(over)) })
	workers.Wait()
	close(over)
	keeper.Wait()
	return c.end()
}

func (c *Campaign) noteStart() error {
	for _, what := range c.aside {
		if err := c.note(logLine{Event: "set-aside", Text: what}); err != nil {
			return err
		}
	}
	return c.note(logLine{
		Event: "start", Streamspec: c.o.Version, Adapter: &c.state.Adapter, Against: c.state.Against, Target: c.state.Target, Seed: c.state.Seed,
		Workers: c.o.Workers, Next: c.state.Next,
	})
}

// note adds a line to the log.
func (c *Campaign) note(line logLine) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost(c.corpus.note(line))
}

func (c *Campaign) lost(err error) error {
	if err != nil {
		return &LostError{Err: err}
	}
	return nil
}

// keepSaving writes now and then how far the campaign is.
func (c *Campaign) keepSaving(over <-chan struct{}) error {
	save, note := time.NewTicker(saveEvery), time.NewTicker(noteEvery)
	defer save.Stop()
	defer note.Stop()
	for {
		var err error
		select {
		case <-over:
			return nil
		case <-save.C:
			c.mu.Lock()
			err = c.save()
			c.mu.Unlock()
		case <-note.C:
			err = c.note(c.Status().line("progress"))
		}
		if err != nil {
			return err
		}
	}
}

// end writes how far the campaign came.
func (c *Campaign) end() error {
	c.mu.Lock()
	c.ran = time.Since(c.begun)
	err := c.save()
	c.state.Seconds += c.ran.Seconds()
	c.mu.Unlock()
	if err == nil {
		err = c.note(c.Status().line("stop"))
	}
	if c.err == nil {
		c.err = err
	}
	var lost *LostError
	if len(c.unwritten) > 0 && !errors.As(c.err, &lost) {
		lost = &LostError{Err: errUnwritten}
		c.err = lost
	}
	if lost != nil {
		lost.Finds = c.unwritten
	}
	return c.err
}

var errUnwritten = errors.New("a find could not be written")

// save writes campaign.json. The caller holds the mutex.
func (c *Campaign) save() error {
	s := c.state
	s.Next = c.next
	for block := range c.taken {
		s.Next = min(s.Next, block)
	}
	c.state.Next = s.Next
	s.Coverage = c.coverage.clone()
	s.Seconds += time.Since(c.begun).Seconds()
	s.Rate = float64(s.Programs) / max(s.Seconds, 1e-3)
	s.Seen = map[string]int{}
	for file, f := range c.finds {
		if f.File != "" {
			s.Seen[file] = f.Seen
		}
	}
	return c.lost(c.corpus.writeState(&s))
}

// take returns the first number of a block that nobody has taken; false: there is none any more.
func (c *Campaign) take() (block uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.o.Most > 0 && c.next-c.from >= c.o.Most {
		return 0, false
	}
	block = c.next
	c.next += blockSize
	c.taken[block] = true
	return block, true
}

// work tries one block of programs after the other. No new one is begun when within has ended; what was found is looked at
// nevertheless, until ctx ends.
func (c *Campaign) work(ctx, within context.Context) error {
	hasty := *c.judge // what hangs is confirmed with all patience
	hasty.options.Deadline = min(hasty.options.Deadline, hastyDeadline)
	w := &worker{Campaign: c, write: c.o.Write(c.d, c.state.Seed), line: hasty.NewLine(), exercised: map[string]int{}}
	defer w.line.Close(context.WithoutCancel(ctx))
	if c.o.Against != nil {
		w.comparer = newComparer(c.judge, c.o.Against)
		defer w.comparer.line.Close(context.WithoutCancel(ctx))
	}
	for within.Err() == nil {
		block, ok := c.take()
		if !ok {
			return nil
		}
		if err := w.block(ctx, within, block); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	return nil
}

// A worker has a session of its own.
type worker struct {
	*Campaign
	write     func(uint64) Program
	line      *Line
	comparer  *comparer      // nil: with nothing
	exercised map[string]int // by the line, so far
}

// block tries a block of programs.
func (w *worker) block(ctx, within context.Context, block uint64) error {
	var programs []Program
	numbers := map[*trace.Command]uint64{} // by the first command
	for n := block; n < block+blockSize; n++ {
		if p := w.write(n); len(p) > 0 && !w.judge.Lacks(p) {
			numbers[&p[0]] = n
			programs = append(programs, p)
		}
	}
	verdicts, unfinished := w.line.Run(within, programs)
	if err := w.cover(block, verdicts, func(v *Verdict) uint64 { return numbers[&v.Program[0]] }); err != nil {
		return err
	}
	failed := 0
	for _, v := range verdicts {
		if v.Failure != nil {
			failed++
		}
		if err := w.look(ctx, numbers[&v.Program[0]], v, w.judge); err != nil {
			return err
		}
	}
	if failed > 0 && failed == len(verdicts) {
		if err := w.alive(ctx); err != nil {
			return err
		}
	}
	if w.comparer != nil && unfinished == nil {
		disagreeing, err := w.comparer.compare(within, verdicts)
		for _, v := range disagreeing {
			if err := w.look(ctx, numbers[&v.Program[0]], v, w.comparer); err != nil {
				return err
			}
		}
		unfinished = err
	}
	if unfinished == nil {
		w.mu.Lock()
		delete(w.taken, block)
		w.mu.Unlock()
	}
	return ctx.Err()
}

// cover takes note of what programs did, and keeps those that did something new.
func (w *worker) cover(block uint64, verdicts []*Verdict, number func(*Verdict) uint64) error {
	exercised := w.line.Monitor().Exercised()
	w.mu.Lock()
	var fresh []kept
	for _, v := range verdicts {
		if pairs := w.coverage.Add(v.Steps); len(pairs) > 0 {
			fresh = append(fresh, kept{number(v), pairs, v.Program})
		}
	}
	for id, n := range exercised {
		w.coverage.Exercise(map[string]int{id: n - w.exercised[id]})
	}
	w.exercised = exercised
	w.programs += len(verdicts)
	w.state.Programs += len(verdicts)
	w.mu.Unlock()
	if len(fresh) == 0 {
		return nil
	}
	return w.lost(w.corpus.keep(block, fresh))
}

// alive returns the failure of an adapter that cannot carry out anything any more.
func (c *Campaign) alive(ctx context.Context) error {
	var failure *adapter.Failure
	for range confirmations {
		v, err := c.judge.Run(ctx, Program{{Op: trace.Settle}})
		if err != nil || v.Failure == nil {
			return err
		}
		failure = v.Failure
	}
	return failure
}
