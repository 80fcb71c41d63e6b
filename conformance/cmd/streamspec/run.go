package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/streamspec/streamspec/conformance"
	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

// defaultTranscripts is the folder for transcripts; it is made when there is one to write.
const defaultTranscripts = "streamspec-transcripts"

// runFlags are the flags of run.
type runFlags struct {
	adapterFlags
	options     conformance.Options
	depth       string
	jobs        int
	repeat      int
	json        string
	junit       string
	stream      string
	transcripts string
	github      bool
	verbose     bool
	baseline    string
	noControl   bool
	writeTo     string // of baseline write: the file
	shard       string // of a child: which of how many, "0/4"
}

func newRun() *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use: "run [flags] [-- COMMAND ARGUMENT…]", Short: "Judge an implementation",
		Long: `run judges an implementation by every rule that has a check, and explains what it found. What follows -- is the command
that starts an adapter.

Exit status: 0 conformant, or nothing fails that --baseline does not list; 1 not conformant, not shown to be because the run
was broken off, or the baseline lists what does not fail; 2 bad usage or configuration; 3 the adapter failed; 4 nothing ran.`,
		Example: `  streamspec run --adapter python --target 3.13 --json result.json
  streamspec run --rule reader.readuntil.overrun-keeps-data --verbose -- ./my-adapter --fast
  streamspec run --label-filter "reader.read && !(MAY || QUIRK)"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			dash := cmd.ArgsLenAtDash()
			if dash != 0 && len(args) > 0 {
				return usage("%s takes flags, and a command behind --, but was given %q", cmd.CommandPath(), args[0])
			}
			if dash < 0 {
				args = nil
			} else if args == nil {
				args = []string{}
			}
			return f.run(cmd, args)
		},
	}
	f.addTo(cmd)
	return cmd
}

// addTo adds the flags to a command.
func (f *runFlags) addTo(cmd *cobra.Command) {
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.options.Target, "target", "", "the documented `version` to judge by, 3.13 or 3.8-draft (default what the adapter says)")
	flags.StringVar(&f.options.Profile, "profile", "core", "the `profile` of the claim: core, streams or servers")
	flags.StringSliceVar(&f.options.Rules, "rule", nil, "only the cases of this `rule`; may be repeated")
	flags.StringVar(&f.options.LabelFilter, "label-filter", "", "only the cases whose labels (rule, area, level) match this `expression` of Ginkgo's")
	flags.StringVar(&f.depth, "depth", "default", "how much is enumerated: `quick`, default or deep")
	flags.Uint64Var(&f.options.Seed, "seed", 0, "the seed of samples")
	flags.IntVar(&f.jobs, "jobs", 1, "how many processes share the work")
	flags.IntVar(&f.repeat, "repeat", 1, "run everything so many times; a case whose verdicts differ is flaky")
	flags.BoolVar(&f.options.Strict, "strict", false, "SHOULD and DEFACTO rules decide as well")
	flags.StringVar(&f.baseline, "baseline", "", "the `file` of the failures that are known, which do not decide")
	flags.BoolVar(&f.noControl, "no-control", false, "with --loop: do not run what fails on stock asyncio too, to tell failures apart")
	flags.StringVar(&f.json, "json", "", "write the report to this `file`, as JSON; - is standard output")
	flags.StringVar(&f.junit, "junit", "", "write the cases to this `file`, in the JUnit form; - is standard output")
	flags.StringVar(&f.stream, "stream", "", "write a line of JSON to this `file` for each case as it ends; - is standard output")
	flags.StringVar(&f.transcripts, "transcripts", defaultTranscripts, "the `folder` for the transcripts of what fails")
	flags.BoolVar(&f.github, "github", false, "write annotations and, where GITHUB_STEP_SUMMARY is set, a summary for GitHub")
	flags.DurationVar(&f.options.Deadline, "deadline", 20*time.Second, "how `long` one command may take")
	flags.BoolVar(&f.verbose, "verbose", false, "a line for every case")
	flags.StringVar(&f.shard, "shard", "", "")
	_ = flags.MarkHidden("shard")
}

// run is the command run.
func (f *runFlags) run(cmd *cobra.Command, rest []string) error {
	if err := f.check(); err != nil {
		return err
	}
	if cmd.Flags().Changed("rule") && len(f.options.Rules) == 0 {
		return usage("--rule names no rule")
	}
	chosen, err := f.choose(cmd, rest)
	if err != nil {
		return err
	}
	if f.noControl && chosen.loop == "" {
		return usage("--no-control is for --loop, which brings a control with it")
	}
	r := &runner{flags: f, choice: chosen, out: cmd.OutOrStdout()}
	if r.catalogue, err = spec.Load(); err != nil {
		return err
	}
	if r.baseline, err = f.readBaseline(cmd, r.catalogue); err != nil {
		return err
	}
	if err := r.openFiles(cmd.OutOrStdout(), cmd.ErrOrStderr()); err != nil {
		return err
	}
	defer r.closeFiles()
	ctx, i := newInterrupts(cmd.Context(), f.shard != "")
	defer i.stop()
	r.interrupts = i
	if f.shard != "" {
		return r.child(ctx)
	}
	return r.judge(ctx)
}

// check checks the flags that only this command knows.
func (f *runFlags) check() error {
	f.options.Depth = conformance.Depth(f.depth)
	switch {
	case f.jobs < 1:
		return usage("--jobs is %d, at least 1 is needed", f.jobs)
	case f.repeat < 1:
		return usage("--repeat is %d, at least 1 is needed", f.repeat)
	case f.options.Deadline <= 0:
		return usage("--deadline is %s, more than nothing is needed", f.options.Deadline)
	}
	standard := 0
	for _, path := range []string{f.json, f.junit, f.stream} {
		if path == "-" {
			standard++
		}
	}
	if standard > 1 {
		return usage("only one of --json, --junit and --stream can have standard output")
	}
	if f.shard != "" {
		i, n, ok := strings.Cut(f.shard, "/")
		var errI, errN error
		f.options.Shard, errI = strconv.Atoi(i)
		f.options.Shards, errN = strconv.Atoi(n)
		if !ok || errI != nil || errN != nil || f.options.Shard < 0 || f.options.Shard >= f.options.Shards {
			return usage("there is no shard %q", f.shard)
		}
	}
	return nil
}

// A runner carries out one run and gathers its results.
type runner struct {
	flags      *runFlags
	choice     choice
	catalogue  *spec.Catalogue
	baseline   *report.Baseline // nil: none
	interrupts *interrupts
	out        io.Writer // for people
	files      map[string]*os.File
	created    []string  // files that were not there
	standard   io.Writer // standard output
	progress   *progress
	begun      time.Time

	mu     sync.Mutex
	over   bool // what comes now comes too late
	header *report.Report
	checks map[string][]string
	runs   [][]report.Case // by repetition
	stream *report.Stream  // nil: none
	lost   []string        // what of the run was lost, one sentence each
}

// openFiles opens what the run writes when it has ended, so that a path which cannot be written is known before. What a
// file holds stays there until then.
func (r *runner) openFiles(stdout, stderr io.Writer) error {
	r.standard = stdout
	r.files = map[string]*os.File{}
	for _, path := range []string{r.flags.json, r.flags.junit, r.flags.stream} {
		switch path {
		case "":
			continue
		case "-":
			r.out = stderr
			continue
		}
		if r.files[path] != nil {
			return usage("two reports cannot share the file %q", path)
		}
		_, missing := os.Stat(path)
		file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
		if missing != nil && err == nil {
			r.created = append(r.created, path)
		}
		if err != nil {
			return usage("the report %q cannot be written: %v", path, lastCause(err))
		}
		r.files[path] = file
	}
	if info, err := os.Stat(r.flags.transcripts); err == nil && !info.IsDir() {
		return usage("transcripts cannot be written to %q: it is not a folder", r.flags.transcripts)
	}
	return nil
}

// writer returns where a report goes, emptied; nil if it was not asked for.
func (r *runner) writer(path string) io.Writer {
	switch path {
	case "":
		return nil
	case "-":
		return r.standard
	}
	_ = r.files[path].Truncate(0) // pipes and devices have nothing to be emptied
	return r.files[path]
}

// closeFiles closes the files, and removes those into which nothing came.
func (r *runner) closeFiles() {
	for _, f := range r.files {
		_ = f.Close()
	}
	for _, path := range r.created {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Size() == 0 {
			_ = os.Remove(path)
		}
	}
}

// judge runs everything, here or in children, and reports.
func (r *runner) judge(ctx context.Context) error {
	r.begun = time.Now()
	r.runs = make([][]report.Case, r.flags.repeat)
	var complete bool
	var err error
	if r.checks, err = conformance.Checks(); err != nil {
		return err
	}
	r.interrupts.listen() // looking at the checks is enough for Ginkgo to listen too
	r.progress = newProgress(r.out, r.flags.verbose)
	if r.flags.jobs > 1 || r.flags.repeat > 1 {
		complete, err = r.inChildren(ctx)
	} else {
		complete, err = r.here(ctx)
	}
	r.progress.finish()
	r.note(func() { r.over = true })
	var control *runner
	if r.choice.loop != "" && !r.flags.noControl && r.header != nil && ctx.Err() == nil {
		control = r.runControl(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.header == nil { // nothing has begun
		if ctx.Err() != nil {
			return &exit{report.ExitNotConformant, "interrupted before anything was run"}
		}
		return err
	}
	var own *fault
	if err != nil && !errors.As(err, &own) {
		return err
	}
	if err != nil {
		r.lost = append(r.lost, err.Error())
	}
	return r.report(ctx, complete && err == nil, control)
}

// here runs everything in this process.
func (r *runner) here(ctx context.Context) (complete bool, err error) {
	a, err := r.choice.open(r.flags.options.Deadline)
	if err != nil {
		return false, err
	}
	defer a.Close() // whatever the run is doing: its programs are killed
	o := r.flags.options
	o.OnStart = r.started
	o.OnTree = func(cases int) {
		r.interrupts.listen()
		r.expect(cases)
	}
	o.OnCase = func(c conformance.Case, t *trace.Transcript) {
		c.Transcript = r.keep(c.ID, t)
		r.ended(0, c)
	}
	type end struct {
		complete bool
		err      error
	}
	ended := make(chan end, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				ended <- end{false, &fault{p, panicSite()}}
			}
		}()
		result, err := conformance.Run(ignore{}, a, o)
		ended <- end{err == nil && result.Complete, err}
	}()
	select {
	case e := <-ended:
		return e.complete, e.err
	case <-ctx.Done(): // the run is left to itself; what it still says is not heard
		r.mu.Lock()
		r.over = true
		r.mu.Unlock()
		return false, nil
	}
}

// ignore is a test that cannot fail: the report judges.
type ignore struct{}

func (ignore) Fail() {}

// started takes note of what is judged.
func (r *runner) started(d trace.Description, s report.Suite) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over || r.header != nil {
		return
	}
	if r.flags.repeat > 1 {
		s.Repeat = r.flags.repeat
	}
	if r.baseline != nil {
		s.Baseline = r.flags.baseline
		r.baseline = r.baseline.For(d)
	}
	header := report.New(s, d)
	r.header = &header
	line := fmt.Sprintf("judging %s, by %s, profile %s, depth %s, %s settling", introduce(d), s.Target, s.Profile, s.Depth, d.Settling)
	if s.Strict {
		line += ", strictly"
	}
	if s.Filter != "" {
		line += "; only " + s.Filter
	}
	fmt.Fprintln(r.out, line)
}

// expect takes note of how many cases there are to run.
func (r *runner) expect(cases int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over || r.stream != nil {
		return
	}
	if w := r.writer(r.flags.stream); w != nil {
		r.stream = report.NewStream(w, r.header.Suite, r.header.Implementation, cases)
	}
	if r.progress != nil {
		r.progress.expect(cases * r.flags.repeat)
	}
}

// ended takes note of a case in a repetition.
func (r *runner) ended(repetition int, c report.Case) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	if r.baseline != nil {
		r.baseline.Apply(&c)
	}
	r.runs[repetition] = append(r.runs[repetition], c)
	if r.stream != nil && r.flags.repeat == 1 { // else the verdict is known at the end
		r.stream.Case(c)
	}
	if r.progress != nil {
		r.progress.ended(c)
	}
}

// keep writes a transcript and returns its path. That it cannot be written is said and changes nothing.
func (r *runner) keep(id string, t *trace.Transcript) string {
	if t == nil {
		return ""
	}
	dir := r.flags.transcripts
	path := filepath.Join(dir, transcriptName(id))
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		err = writeFile(path, t.Write)
	}
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		if text := fmt.Sprintf("transcripts could not be written: %v", err); !slices.Contains(r.lost, text) {
			r.lost = append(r.lost, text)
		}
		return ""
	}
	return path
}

// writeFile writes a file at once: whoever reads it sees what it held before or all of what it holds now.
func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".streamspec-*")
	if err != nil {
		return err
	}
	err = write(f)
	if e := f.Chmod(0o644); err == nil {
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// transcriptName makes the name of a file of a case's ID, readable and unlike that of any other case.
func transcriptName(id string) string {
	words := strings.FieldsFunc(strings.ToLower(id), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '_'
	})
	name := strings.Trim(strings.Join(words, "-"), ".")
	if len(name) > 80 {
		name = name[:80]
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return fmt.Sprintf("%s-%08x.json", name, h.Sum32())
}

// report judges what was gathered, writes every report and returns the exit.
func (r *runner) report(ctx context.Context, complete bool, control *runner) error {
	result := r.header
	result.Complete = complete
	result.Checked = func(id string) bool { return len(r.checks[id]) > 0 }
	result.Cases = report.Repeated(r.runs)
	if control != nil {
		result.Compare(control.header.Implementation, control.runs[0])
	}
	result.Summary.Seconds = time.Since(r.begun).Seconds()
	if r.baseline != nil {
		result.Unmatched = r.baseline.Unmatched(result)
	}
	result.Judge(r.catalogue, conformance.Profiles[result.Suite.Profile])

	text := report.Text{Report: result, Catalogue: r.catalogue, Replay: r.replayCommand, Again: r.againCommand}
	text.Failures(r.out)
	text.Enumerations(r.out)
	text.Summary(r.out)
	for _, what := range r.lost {
		fmt.Fprintln(r.out, "lost:", what)
	}
	code, why := result.Exit()
	if len(r.lost) > 0 && !complete && !result.BreaksRules() {
		code, why = report.ExitAdapter, "the results are not complete: "+r.lost[0]
	}
	if cause := (errInterrupted{}); errors.As(context.Cause(ctx), &cause) {
		fmt.Fprintf(r.out, "interrupted (%v): the reports are partial and say so\n", cause.signal)
	}
	if r.flags.writeTo != "" {
		fmt.Fprintf(r.out, "\n%s\n", why)
	} else {
		fmt.Fprintf(r.out, "\n%s; exit status %d\n", why, code)
	}
	if err := r.write(result, text); err != nil {
		return &exit{report.ExitUsage, err.Error()}
	}
	if r.flags.writeTo != "" {
		return r.writeBaseline(result, code, why)
	}
	if code == report.ExitConformant || code == report.ExitNotConformant {
		return &exit{code: code} // everything has been said
	}
	return &exit{code, why}
}

// write writes the reports for machines.
func (r *runner) write(result *report.Report, text report.Text) error {
	var errs []error
	try := func(what string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s could not be written: %w", what, err))
		}
	}
	if w := r.writer(r.flags.json); w != nil {
		try("the JSON report", writeJSON(w, result))
	}
	if w := r.writer(r.flags.junit); w != nil {
		try("the JUnit report", result.WriteJUnit(w))
	}
	if r.stream != nil {
		if r.flags.repeat > 1 {
			for _, c := range result.Cases {
				r.stream.Case(c)
			}
		}
		try("the stream", r.stream.Close(result.Complete, result.Summary.Seconds))
	}
	if r.flags.github {
		try("the annotations", text.WriteAnnotations(r.out))
		if path := os.Getenv("GITHUB_STEP_SUMMARY"); path != "" {
			try("the step summary", appendFile(path, text.WriteStepSummary))
		}
	}
	return errors.Join(errs...)
}

func appendFile(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	err = write(f)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// replayCommand is the command that replays a transcript on the same adapter.
func (r *runner) replayCommand(transcript string) string {
	return join(append([]string{"streamspec", "replay", transcript}, r.choice.flags()...))
}

// againCommand is the command that runs rules again, judged in the same way.
func (r *runner) againCommand(rules []string) string {
	const most = 3
	args := append([]string{"streamspec", "run"}, r.choice.flags()...)
	args = append(args, r.judgement()...)
	return join(append(args, "--rule", strings.Join(rules[:min(len(rules), most)], ",")))
}

// judgement are the flags that say how is judged, those at their default left out.
func (r *runner) judgement() []string {
	var args []string
	o := r.flags.options
	if o.Target != "" {
		args = append(args, "--target", o.Target)
	}
	if r.flags.depth != "default" {
		args = append(args, "--depth", r.flags.depth)
	}
	if o.Seed != 0 {
		args = append(args, "--seed", fmt.Sprint(o.Seed))
	}
	if o.Strict {
		args = append(args, "--strict")
	}
	return args
}
