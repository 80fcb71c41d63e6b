package fuzz

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/adapter/reference"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

// aboutReaders writes programs about readers only, which are quick.
func aboutReaders(d trace.Description, seed uint64) func(uint64) Program {
	return NewGenerator(d, seed, "reader").Program
}

func judgeOf(t testing.TB, a adapter.Adapter) *Judge {
	t.Helper()
	t.Cleanup(func() { _ = a.Close() })
	j, err := NewJudge(t.Context(), a, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// options are those of a short campaign.
func options(dir string) CampaignOptions {
	seed := uint64(7)
	return CampaignOptions{Dir: dir, Seed: &seed, Most: 3 * blockSize, Workers: 2, Shrink: 10 * time.Second, Write: aboutReaders}
}

// campaign runs a campaign and returns what came of it.
func campaign(t *testing.T, j *Judge, o CampaignOptions) (Status, error) {
	t.Helper()
	c, err := NewCampaign(j, o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Run(t.Context())
	return c.Status(), err
}

// mustRun runs a campaign that is not to be broken off.
func mustRun(t *testing.T, j *Judge, o CampaignOptions) Status {
	t.Helper()
	s, err := campaign(t, j, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// liar is a reference whose readers say the contrary of whether they are at their end.
func liar() adapter.Adapter {
	return tampered{reference.New(), func(c *trace.Command, r *trace.Reply) {
		if c.Op == trace.ReaderAtEOF && r.Returned != nil {
			r.Returned = &trace.Value{Bool: trace.Bool(!*r.Returned.Bool)}
		}
	}}
}

func TestCampaignFindsNothingInTheReference(t *testing.T) {
	s := mustRun(t, judgeOf(t, reference.New()), options(t.TempDir()))
	if len(s.Finds)+len(s.Flaky) > 0 || s.Programs == 0 || s.Pairs == 0 || s.Rules == 0 || s.Commands == 0 || s.Commands > s.CommandsThere {
		t.Errorf("%+v", s)
	}
}

func TestCampaignKeepsEachFindOnce(t *testing.T) {
	dir := t.TempDir()
	o := options(dir)
	var told atomic.Int32
	o.OnFind = func(Find) { told.Add(1) }
	j := judgeOf(t, liar())
	s := mustRun(t, j, o)
	if len(s.Finds) == 0 || len(s.Finds) > enoughFinds || int(told.Load()) != len(s.Finds) || len(s.Flaky) > 0 {
		t.Fatalf("%d finds, of which %d were told, and %d flaky", len(s.Finds), told.Load(), len(s.Flaky))
	}
	find := s.Finds[0]
	if find.Rule == "" || find.Level == "" || find.Text == "" || find.Commands != 2 {
		t.Errorf("%+v", find)
	}
	if s.Broken[find.Rule] < 2 {
		t.Errorf("%s was broken by %d programs, more of them would have been expected", find.Rule, s.Broken[find.Rule])
	}
	f, err := os.Open(find.File)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	transcript, err := trace.ReadTranscript(f)
	if err != nil {
		t.Fatal(err)
	}
	if len(transcript.Rules) != 1 || transcript.Rules[0] != find.Rule || len(transcript.Violations) == 0 || !strings.Contains(transcript.Case, "seed 7") {
		t.Errorf("%+v", transcript)
	}
	whole, err := os.Open(strings.TrimSuffix(find.File, transcriptExt) + programExt)
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	p, err := ReadProgram(whole)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := j.Run(t.Context(), p); err != nil || !v.BreaksAlso(find.Rule) {
		t.Errorf("%v: the program as it was does not break %s", err, find.Rule)
	}
}

func TestCampaignGoesOn(t *testing.T) {
	dir := t.TempDir()
	j := judgeOf(t, liar())
	first := mustRun(t, j, options(dir))
	o := options(dir)
	o.Seed = nil
	c, err := NewCampaign(j, o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	again := c.Status()
	if again.Seed != 7 || again.Next != first.Next || again.Next == 0 || again.Total != first.Total || again.Programs != 0 {
		t.Errorf("%+v, after %+v", again, first)
	}
	if again.Pairs != first.Pairs || again.Commands != first.Commands || again.Rules != first.Rules {
		t.Errorf("covered are %d pairs, %d commands and %d rules, and were %d, %d and %d", again.Pairs, again.Commands, again.Rules, first.Pairs, first.Commands, first.Rules)
	}
	if len(again.Finds) != len(first.Finds) || again.Broken[first.Finds[0].Rule] != first.Broken[first.Finds[0].Rule] {
		t.Errorf("%+v, after %+v", again.Finds, first.Finds)
	}
	for i := range again.Finds {
		same := slices.ContainsFunc(first.Finds, func(f Find) bool {
			f.Transcript = nil
			return f == again.Finds[i]
		})
		if !same {
			t.Errorf("%+v was none of %+v", again.Finds[i], first.Finds)
		}
	}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if last := c.Status(); last.Next <= first.Next || last.Total <= first.Total {
		t.Errorf("%+v, after %+v", last, first)
	}
}

func TestCampaignEndsInTime(t *testing.T) {
	o := options(t.TempDir())
	o.Most, o.Time = 0, 200*time.Millisecond
	if s := mustRun(t, judgeOf(t, reference.New()), o); s.Seconds < o.Time.Seconds() || s.Seconds > 5 {
		t.Errorf("it took %.1f s", s.Seconds)
	}
}

func TestCampaignSavesWhenInterrupted(t *testing.T) {
	dir := t.TempDir()
	o := options(dir)
	o.Most = 0
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.OnFind = func(Find) { cancel() }
	j := judgeOf(t, liar())
	c, err := NewCampaign(j, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(ctx); err != nil {
		t.Fatal(err)
	}
	s := c.Status()
	c.Close()
	c, err = NewCampaign(j, o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if again := c.Status(); again.Next != s.Next || again.Total != s.Total || len(again.Finds) != len(s.Finds) || len(again.Finds) == 0 {
		t.Errorf("%+v, after %+v", again, s)
	}
}

func TestWhatDoesNotShowAgainIsFlaky(t *testing.T) {
	var asked atomic.Int32
	a := tampered{reference.New(), func(c *trace.Command, r *trace.Reply) {
		if c.Op == trace.ReaderAtEOF && r.Returned != nil && asked.Add(1) == 1 {
			r.Returned = &trace.Value{Bool: trace.Bool(!*r.Returned.Bool)}
		}
	}}
	o := options(t.TempDir())
	o.Write = func(trace.Description, uint64) func(uint64) Program {
		return func(uint64) Program {
			return Program{{Op: trace.ReaderMake, As: "r"}, {Op: trace.ReaderAtEOF, On: "r"}}
		}
	}
	s := mustRun(t, judgeOf(t, a), o)
	if len(s.Finds) != 0 || len(s.Flaky) != 1 {
		t.Fatalf("%+v, flaky %+v", s.Finds, s.Flaky)
	}
	if _, err := os.Stat(s.Flaky[0].File); err != nil || filepath.Base(filepath.Dir(s.Flaky[0].File)) != flakyDir {
		t.Errorf("%+v: %v", s.Flaky[0], err)
	}
}

func TestTwoCampaignsRefuseEachOther(t *testing.T) {
	dir := t.TempDir()
	j := judgeOf(t, reference.New())
	c, err := NewCampaign(j, options(dir))
	if err != nil {
		t.Fatal(err)
	}
	var refused *CorpusError
	if _, err := NewCampaign(j, options(dir)); !errors.As(err, &refused) || !strings.Contains(err.Error(), "process "+strconv.Itoa(os.Getpid())+",") {
		t.Errorf("%v", err)
	}
	c.Close()
	if c, err = NewCampaign(j, options(dir)); err != nil {
		t.Fatalf("after the first was closed: %v", err)
	}
	c.Close()
}

func TestCorpusOfSomethingElse(t *testing.T) {
	dir := t.TempDir()
	mustRun(t, judgeOf(t, reference.New()), options(dir))
	other, err := NewJudge(t.Context(), reference.New(), Options{Target: spec.Draft38})
	if err != nil {
		t.Fatal(err)
	}
	renamed := judgeOf(t, reference.New())
	renamed.Description.Name = "something else"
	seed := uint64(8)
	reseeded := options(dir)
	reseeded.Seed = &seed
	held := options(dir)
	held.Against = renamed
	for _, test := range []struct {
		name  string
		judge *Judge
		o     CampaignOptions
		says  string
	}{
		{"target", other, options(dir), "3.8-draft"},
		{"adapter", renamed, options(dir), "something else"},
		{"seed", judgeOf(t, reference.New()), reseeded, "seed"},
		{"against", judgeOf(t, reference.New()), held, "something else"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var refused *CorpusError
			if _, err := NewCampaign(test.judge, test.o); !errors.As(err, &refused) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestCorruptEntriesAreSetAside(t *testing.T) {
	dir := t.TempDir()
	j := judgeOf(t, liar())
	first := mustRun(t, j, options(dir))
	write := func(text string, path ...string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(append([]string{dir}, path...)...), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("{\"number\":1,\"program\":[{\"op\":\"no.such\"}]}\n", programsDir, "900000000000.jsonl")
	write("{\"number\":", programsDir, "900000000001.jsonl")
	write("", findsDir, "empty-00000000.json")
	write("half", programsDir, unfinished+"1")
	write("half", unfinished+"2")
	log, err := os.OpenFile(filepath.Join(dir, logFile), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = log.WriteString(`{"time":"20`)
	_ = log.Close()

	c, err := NewCampaign(j, options(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if aside := strings.Join(c.SetAside(), "\n"); len(c.SetAside()) != 3 || !strings.Contains(aside, "900000000000.jsonl: ") || !strings.Contains(aside, "empty-00000000.json: ") {
		t.Errorf("set aside were %q", aside)
	}
	entries, err := os.ReadDir(filepath.Join(dir, setAsideDir))
	if err != nil || len(entries) != 3 {
		t.Errorf("%v: %v", entries, err)
	}
	for _, left := range []string{filepath.Join(programsDir, unfinished+"1"), unfinished + "2"} {
		if _, err := os.Stat(filepath.Join(dir, left)); err == nil {
			t.Errorf("%s is still there", left)
		}
	}
	if s := c.Status(); s.Pairs != first.Pairs || len(s.Finds) != len(first.Finds) {
		t.Errorf("%+v, after %+v", s, first)
	}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, logFile))
	if err != nil {
		t.Fatal(err)
	}
	bad := 0
	events := map[string]int{}
	for _, line := range bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) {
		var l logLine
		if err := json.Unmarshal(line, &l); err != nil {
			bad++
		}
		events[l.Event]++
	}
	if bad != 1 || events["start"] != 2 || events["stop"] != 2 || events["set-aside"] != 3 || events["find"] < 1 {
		t.Errorf("%d lines of the log cannot be read; %v", bad, events)
	}
}

func TestCorruptStateIsNotOverwritten(t *testing.T) {
	for _, text := range []string{"", "{", `{"schema":99}`, `{"schema":1,"unheard-of":2}`} {
		dir := t.TempDir()
		path := filepath.Join(dir, stateFile)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		var refused *CorpusError
		if _, err := NewCampaign(judgeOf(t, reference.New()), options(dir)); !errors.As(err, &refused) || !strings.Contains(err.Error(), stateFile) {
			t.Errorf("%q: %v", text, err)
		}
		if now, _ := os.ReadFile(path); string(now) != text {
			t.Errorf("%q was overwritten with %q", text, now)
		}
	}
}

func TestFullDiskEndsTheCampaignWithTheFind(t *testing.T) {
	dir := t.TempDir()
	c, err := NewCampaign(judgeOf(t, liar()), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.corpus.sync = func(f *os.File) error {
		if strings.Contains(f.Name(), findsDir) {
			return syscall.ENOSPC
		}
		return f.Sync()
	}
	var lost *LostError
	err = c.Run(t.Context())
	if !errors.As(err, &lost) || !errors.Is(err, syscall.ENOSPC) || len(lost.Finds) == 0 {
		t.Fatalf("%v", err)
	}
	for _, f := range lost.Finds {
		if f.Transcript == nil || f.File != "" || !strings.Contains(err.Error(), f.Text) {
			t.Errorf("%+v is missing in: %v", f, err)
		}
	}
	if n := len(c.Status().Finds); n != len(lost.Finds) {
		t.Errorf("%d finds, of which %d could not be written", n, len(lost.Finds))
	}
	entries, err := os.ReadDir(filepath.Join(dir, findsDir))
	if err != nil || len(entries) != 0 {
		t.Errorf("half files are left: %v, %v", entries, err)
	}
}

func TestLogThatCannotBeWrittenEndsTheCampaign(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	dir := t.TempDir()
	if err := os.Symlink("/dev/full", filepath.Join(dir, logFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := campaign(t, judgeOf(t, reference.New()), options(dir)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v", err)
	}
}

// A mortal adapter, as if over a wire, fails without any reply when a reader is asked whether it is at its end, and when it is dead in everything.
type mortal struct {
	adapter.Adapter
	dead *atomic.Bool
	how  adapter.FailureKind
}

func (a mortal) NewSession(ctx context.Context) (adapter.Session, error) {
	s, err := a.Adapter.NewSession(ctx)
	return mortalSession{s, a}, err
}

type mortalSession struct {
	adapter.Session
	mortal mortal
}

func (s mortalSession) Do(ctx context.Context, commands []trace.Command) ([]trace.Reply, error) {
	for i := range commands {
		if commands[i].Op == trace.ReaderAtEOF || s.mortal.dead.Load() {
			if s.mortal.how == adapter.Hang {
				<-ctx.Done()
			}
			return nil, &adapter.Failure{Kind: s.mortal.how, Text: "it died"}
		}
	}
	return s.Session.Do(ctx, commands)
}

func TestFailingAdapterIsAFind(t *testing.T) {
	for _, how := range []adapter.FailureKind{adapter.Crash, adapter.Hang} {
		a := mortal{reference.New(), new(atomic.Bool), how}
		defer a.Close()
		j, err := NewJudge(t.Context(), a, Options{Deadline: 100 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		s := mustRun(t, j, options(t.TempDir()))
		if len(s.Finds) == 0 || s.Finds[0].Rule != string(how) || s.Finds[0].Text != "it died" || s.Finds[0].Commands != 2 {
			t.Fatalf("%+v", s.Finds)
		}
		if s.Programs < blockSize+1 {
			t.Errorf("the campaign did not go on: %d programs", s.Programs)
		}
		if how == adapter.Crash && len(s.Flaky) > 0 {
			t.Errorf("programs were blamed that were not at fault: %+v", s.Flaky)
		}
	}
}

func TestAdapterThatCanDoNothingEndsTheCampaign(t *testing.T) {
	a := mortal{reference.New(), new(atomic.Bool), adapter.Crash}
	j := judgeOf(t, a)
	a.dead.Store(true)
	var failure *adapter.Failure
	if s, err := campaign(t, j, options(t.TempDir())); !errors.As(err, &failure) || len(s.Finds) != 0 {
		t.Errorf("%v, %+v", err, s.Finds)
	}
}

func TestDisagreement(t *testing.T) {
	// It hands out an item too little of what no rule speaks of: the exception that was set.
	other := judgeOf(t, tampered{reference.New(), func(c *trace.Command, r *trace.Reply) {
		if c.Op == trace.ReaderSetException && r.Returned != nil {
			r.Returned = &trace.Value{Text: trace.Text("set")}
		}
	}})
	o := options(t.TempDir())
	o.Against = other
	s := mustRun(t, judgeOf(t, reference.New()), o)
	if len(s.Finds) != 1 || s.Finds[0].Rule != Disagreement || strings.Count(s.Finds[0].Text, "answers:") != 2 || s.Finds[0].Commands != 2 {
		t.Errorf("%+v", s.Finds)
	}
	o = options(t.TempDir())
	o.Against = judgeOf(t, reference.New())
	if s := mustRun(t, judgeOf(t, reference.New()), o); len(s.Finds) != 0 {
		t.Errorf("two that are the same disagree: %+v", s.Finds)
	}
}
