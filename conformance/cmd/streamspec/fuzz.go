package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/streamspec/streamspec/conformance"
	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/fuzz"
	"github.com/streamspec/streamspec/spec"
)

// defaultCorpus is the folder for corpora; it is made when there is one to write.
const defaultCorpus = "streamspec-corpus"

// childWorkers is how many children a campaign has usually.
const childWorkers = 2

// fuzzFlags are the flags of fuzz.
type fuzzFlags struct {
	adapterFlags
	against  string
	target   string
	lenient  bool
	deadline time.Duration
	corpus   string
	json     string
	seed     uint64
	campaign fuzz.CampaignOptions
}

func newFuzz() *cobra.Command {
	f := &fuzzFlags{}
	cmd := &cobra.Command{
		Use: "fuzz", Short: "Judge an implementation by random programs", Args: noArguments,
		Long: `fuzz has an implementation carry out random programs, and judges them by every rule that has a monitor. What breaks a rule is
tried again alone, shrunk, and written to the corpus as a transcript, once for each rule and shape. What does not show again
is flaky: it is kept apart and does not decide.

The corpus is a folder that holds all there is of a campaign. Interrupted, in whatever way, the campaign goes on from there with
the same command line. With --against the two implementations also have to answer alike where the rules leave no latitude.

Exit status: 0 nothing was found; 1 something was; 2 bad usage, or a corpus that cannot be used; 3 the adapter failed;
4 nothing was run.`,
		Example: `  streamspec fuzz --time 10m
  streamspec fuzz --adapter python --python python3.12 --corpus corpus-3.12
  streamspec fuzz --adapter "./my-adapter --fast" --against reference --workers 4`,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.against, "against", "", "another adapter, named like --adapter, whose answers have to be the `same`")
	flags.StringVar(&f.target, "target", "", "the documented `version` to judge by, 3.13 or 3.8-draft (default what the adapter says)")
	flags.BoolVar(&f.lenient, "lenient", false, "SHOULD and DEFACTO rules do not count")
	flags.DurationVar(&f.campaign.Time, "time", 0, "how `long` programs are tried (default until interrupted)")
	flags.Uint64Var(&f.campaign.Most, "programs", 0, "`how many` programs are tried, rounded up (default as many as there is time for)")
	flags.IntVar(&f.campaign.Workers, "workers", 0, "`how many` sessions at a time, each with a process of its own where the adapter is a program (default 2, and of the reference one for each processor)")
	flags.StringVar(&f.corpus, "corpus", "", "the `folder` of the campaign (default one in "+defaultCorpus+", by the implementation)")
	flags.Uint64Var(&f.seed, "seed", 0, "the `number` that the programs follow from (default that of the corpus, or any)")
	flags.DurationVar(&f.campaign.Shrink, "shrink", fuzz.DefaultShrink, "how `long` a find is shrunk at most")
	flags.DurationVar(&f.deadline, "deadline", fuzz.DefaultDeadline, "how `long` a program may take")
	flags.StringVar(&f.json, "json", "", "write the result to this `file`, as JSON; - is standard output")
	return cmd
}

// check checks the flags that only this command knows.
func (f *fuzzFlags) check(cmd *cobra.Command) error {
	switch {
	case f.campaign.Workers < 0 || f.campaign.Workers == 0 && cmd.Flags().Changed("workers"):
		return usage("--workers is %d, at least 1 is needed", f.campaign.Workers)
	case f.campaign.Time < 0 || f.campaign.Time == 0 && cmd.Flags().Changed("time"):
		return usage("--time is %s, more than nothing is needed", f.campaign.Time)
	case f.campaign.Shrink <= 0:
		return usage("--shrink is %s, more than nothing is needed", f.campaign.Shrink)
	case f.deadline <= 0:
		return usage("--deadline is %s, more than nothing is needed", f.deadline)
	}
	if cmd.Flags().Changed("seed") {
		f.campaign.Seed = &f.seed
	}
	return nil
}

// judge opens an adapter and returns its judge, and what closes it.
func (f *fuzzFlags) judge(ctx context.Context, c choice, target string) (*fuzz.Judge, func(), error) {
	o := fuzz.Options{Lenient: f.lenient, Deadline: f.deadline}
	if target != "" {
		var err error
		if o.Target, err = spec.ParseVersion(target); err != nil {
			return nil, nil, usage("there is no target version %q: %v", target, err)
		}
	}
	a, err := c.open(f.deadline)
	if err != nil {
		return nil, nil, err
	}
	j, err := fuzz.NewJudge(ctx, a, o)
	if err != nil {
		_ = a.Close()
		return nil, nil, err
	}
	return j, func() { _ = a.Close() }, nil
}

// run is the command fuzz.
func (f *fuzzFlags) run(cmd *cobra.Command) error {
	if err := f.check(cmd); err != nil {
		return err
	}
	chosen, err := f.choose(cmd, nil)
	if err != nil {
		return err
	}
	if f.campaign.Workers == 0 {
		f.campaign.Workers = childWorkers
		if chosen.name == referenceAdapter {
			f.campaign.Workers = runtime.GOMAXPROCS(0)
		}
	}
	ctx, i := newInterrupts(cmd.Context(), false)
	defer i.stop()
	judge, closeAdapter, err := f.judge(ctx, chosen, f.target)
	if err != nil {
		return err
	}
	defer closeAdapter()
	if f.against != "" {
		other, err := choose(f.against, f.python)
		if err != nil {
			return err
		}
		var closeOther func()
		if f.campaign.Against, closeOther, err = f.judge(ctx, other, ""); err != nil {
			return err
		}
		defer closeOther()
	}
	out := cmd.OutOrStdout()
	if f.json == "-" {
		out = cmd.ErrOrStderr()
	}
	return f.fuzz(ctx, cmd, out, chosen, judge)
}

// fuzz runs the campaign and says what came of it.
func (f *fuzzFlags) fuzz(ctx context.Context, cmd *cobra.Command, out io.Writer, chosen choice, judge *fuzz.Judge) error {
	f.campaign.Dir, f.campaign.Version = f.corpus, conformance.Version
	if f.campaign.Dir == "" {
		name := strings.TrimSuffix(transcriptName(judge.Description.Name+" "+judge.Description.Version+" "+judge.Target.String()), ".json")
		f.campaign.Dir = filepath.Join(defaultCorpus, name[:strings.LastIndexByte(name, '-')])
	}
	show := newFuzzProgress(out, f.campaign.Time)
	f.campaign.OnFind = show.found
	campaign, err := fuzz.NewCampaign(judge, f.campaign)
	if err != nil {
		return err
	}
	defer campaign.Close()
	before := campaign.Status()
	fmt.Fprintf(out, "trying programs on %s, judged by %s; seed %d, from program %d on, %d at a time; the corpus is %s\n",
		introduce(judge.Description), judge.Target, before.Seed, before.Next, f.campaign.Workers, f.campaign.Dir)
	if other := f.campaign.Against; other != nil {
		fmt.Fprintf(out, "held against %s, as far as the rules leave no latitude\n", introduce(other.Description))
	}
	for _, what := range campaign.SetAside() {
		fmt.Fprintln(out, "set aside, since it cannot be read:", what)
	}
	show.start(campaign.Status)
	err = campaign.Run(ctx)
	show.finish()
	result := campaign.Status()
	f.summarize(out, chosen, result)
	if err := f.writeJSON(cmd.OutOrStdout(), result); err != nil {
		return err
	}
	return fuzzExit(ctx, cmd.ErrOrStderr(), result, err)
}

// writeJSON writes the result if it was asked for.
func (f *fuzzFlags) writeJSON(standard io.Writer, result fuzz.Status) error {
	write := func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", " ")
		return enc.Encode(result)
	}
	switch f.json {
	case "":
		return nil
	case "-":
		return write(standard)
	}
	if err := writeFile(f.json, write); err != nil {
		return usage("the result %q cannot be written: %v", f.json, lastCause(err))
	}
	return nil
}

// summarize says what was found.
func (f *fuzzFlags) summarize(out io.Writer, chosen choice, s fuzz.Status) {
	replay := func(file string) string {
		args := append([]string{"streamspec", "replay", file}, chosen.flags()...)
		if f.target != "" {
			args = append(args, "--target", f.target)
		}
		return join(args)
	}
	for _, rule := range rulesOf(s) {
		for i, find := range rule {
			if i == 0 {
				name := find.Rule
				if find.Level != "" {
					name += " (" + find.Level + ")"
				}
				if find.Flaky {
					name = "flaky: " + name
				}
				if n := s.Broken[find.Rule]; n > 1 {
					name += fmt.Sprintf("; %d programs broke this", n)
				}
				fmt.Fprintf(out, "\n%s\n", name)
			}
			how := "its transcript could not be written"
			if find.File != "" {
				how = replay(find.File)
			}
			fmt.Fprintf(out, "  %d commands: %s\n    %s\n", find.Commands, cut(find.Text), how)
		}
	}
	fmt.Fprintf(out, "\n%d programs in %.0f s, %.0f a second, %d in all; %s; %s\n", s.Programs, s.Seconds, s.Rate, s.Total, coverageOf(s), findsOf(s))
	fmt.Fprintf(out, "the seed is %d; the same command with --corpus %s goes on from program %d\n", s.Seed, shellQuote(f.campaign.Dir), s.Next)
}

// rulesOf groups the finds by what they break, in the order in which that was found, the shortest of each first; the flaky ones come
// last.
func rulesOf(s fuzz.Status) (groups [][]fuzz.Find) {
	for _, finds := range [][]fuzz.Find{s.Finds, s.Flaky} {
		at := map[string]int{}
		for _, find := range finds {
			i, ok := at[find.Rule]
			if !ok {
				i = len(groups)
				at[find.Rule] = i
				groups = append(groups, nil)
			}
			groups[i] = append(groups[i], find)
		}
	}
	for _, group := range groups {
		slices.SortStableFunc(group, func(a, b fuzz.Find) int { return a.Commands - b.Commands })
	}
	return groups
}

// longText is how much of what a find says is shown, characters; the transcript has all of it.
const longText = 300

func cut(text string) string {
	text = strings.ReplaceAll(text, "\n", " ")
	if short := []rune(text); len(short) > longText {
		return string(short[:longText]) + "…"
	}
	return text
}

func coverageOf(s fuzz.Status) string {
	return fmt.Sprintf("covered are %d of %d commands, %d rules and %d pairs of steps", s.Commands, s.CommandsThere, s.Rules, s.Pairs)
}

func findsOf(s fuzz.Status) string {
	text := fmt.Sprintf("%d finds", len(s.Finds))
	if len(s.Finds) == 1 {
		text = "1 find"
	}
	if len(s.Flaky) > 0 {
		text += fmt.Sprintf(", and %d flaky", len(s.Flaky))
	}
	return text
}

// fuzzExit turns the end of a campaign into an exit. Nothing that was found is lost, also when it could not be written.
func fuzzExit(ctx context.Context, stderr io.Writer, s fuzz.Status, err error) error {
	var lost *fuzz.LostError
	switch {
	case errors.As(err, &lost):
		for _, find := range lost.Finds {
			fmt.Fprintf(stderr, "the transcript of %s, which could not be written:\n", find.Rule)
			_ = find.Transcript.Write(stderr)
		}
		if len(s.Finds) > 0 {
			return &exit{report.ExitNotConformant, lost.Error()}
		}
		return &exit{report.ExitUsage, lost.Error()}
	case err != nil:
		return err
	case len(s.Finds) > 0:
		return &exit{code: report.ExitNotConformant}
	case s.Programs == 0:
		text := "no program was tried"
		if cause := (errInterrupted{}); errors.As(context.Cause(ctx), &cause) {
			text = "interrupted before any program was tried"
		}
		return &exit{report.ExitNothing, text}
	}
	return nil
}
