// Package conformance judges an implementation of asyncio-style streams by the rules of the catalogue.
//
// [Run] does so from a plain test, [Register] inside a Ginkgo suite of one's own; the command streamspec is built on them.
package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/formatter"
	"github.com/onsi/ginkgo/v2/types"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/behavior"
	"github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

// Version is the version of the suite.
const Version = "0.1.0"

// The results of a run. What they mean is in CONFORMANCE.md.
type (
	Report  = report.Report
	Case    = report.Case
	Verdict = report.Verdict
	Depth   = drive.Depth
)

// Options say what is run and how it is judged. The zero value runs everything at default depth, by the version that the
// adapter says it implements.
type Options struct {
	Target      string        // documented version to judge by: "3.13", "3.8-draft"; empty: what the adapter says
	Rules       []string      // only the cases of these rules
	LabelFilter string        // only the cases whose labels match, in Ginkgo's language: "reader.read && !(MAY || QUIRK)"
	Depth       Depth         // of enumerations: quick, default or deep; empty: default
	Seed        uint64        // of samples
	Strict      bool          // SHOULD and DEFACTO rules gate as well
	Profile     string        // the profile of the claim; empty: core
	Deadline    time.Duration // for one command; zero: 20 seconds
	Shard       int           // run only the Shard-th of Shards parts, counted from 0
	Shards      int           // zero: everything
	// OnStart, OnCase: the run tells what it is about to judge, and every case as it ends. May be nil; called one at a time.
	OnStart func(Description, report.Suite)
	OnCase  func(Case, *trace.Transcript)
	OnTree  func(cases int) // how many cases will run, of all shards together; before the first; only [Run] calls it
}

// A Description is what an adapter says of itself.
type Description = trace.Description

// Profiles are the sets of capabilities that a claim of conformance can be about.
var Profiles = map[string][]trace.Capability{
	"core":    {trace.CapReader, trace.CapReaderTransport},
	"servers": {trace.CapReader, trace.CapWriter, trace.CapTransport, trace.CapTCP, trace.CapConnect, trace.CapServer},
	"streams": {trace.CapReader, trace.CapWriter, trace.CapTransport, trace.CapTCP},
}

// A UsageError is an option that cannot be followed.
type UsageError struct{ Text string }

// Error implements error.
func (e *UsageError) Error() string { return e.Text }

// A subject is an implementation registered for judgement.
type subject struct {
	testee *drive.Testee
	report Report
	known  *spec.Catalogue
	begun  time.Time

	interrupted bool // Ginkgo was: what it skips from now on was not filtered out
}

// prepare checks the options and asks the adapter what it is.
func prepare(a adapter.Adapter, o Options) (*subject, error) {
	catalogue, err := spec.Load()
	if err != nil {
		return nil, err
	}
	for _, id := range o.Rules {
		if _, ok := catalogue.Rule(id); !ok {
			hint := ""
			if near := catalogue.Suggest(id); len(near) > 0 {
				hint = "; did you mean " + strings.Join(near, " or ") + "?"
			}
			return nil, &UsageError{fmt.Sprintf("there is no rule %q%s", id, hint)}
		}
	}
	if o.Depth == "" {
		o.Depth = drive.DefaultDepth
	}
	if !slices.Contains(drive.Depths, o.Depth) {
		return nil, &UsageError{fmt.Sprintf("there is no depth %q: known are quick, default and deep", o.Depth)}
	}
	if o.Profile == "" {
		o.Profile = "core"
	}
	if _, ok := Profiles[o.Profile]; !ok {
		return nil, &UsageError{fmt.Sprintf("there is no profile %q: known are %s", o.Profile, strings.Join(slices.Sorted(maps.Keys(Profiles)), ", "))}
	}
	if _, err := types.ParseLabelFilter(o.filter()); err != nil {
		return nil, &UsageError{fmt.Sprintf("the label filter %q cannot be read: %s", o.LabelFilter, plain(err))}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	d, err := a.Describe(ctx)
	if err != nil {
		return nil, err
	}
	target := o.Target
	if target == "" {
		target = d.Target
	}
	version, err := spec.ParseVersion(target)
	if err != nil {
		return nil, &UsageError{fmt.Sprintf("there is no target version %q: %v", target, err)}
	}
	s := &subject{known: catalogue, begun: time.Now()}
	s.report = report.New(report.Suite{
		Version: Version, Target: version.String(), Depth: string(o.Depth), Filter: o.filter(), Profile: o.Profile, Seed: o.Seed, Strict: o.Strict,
	}, d)
	s.testee = drive.New(a, d, catalogue, drive.Options{
		Target: version, Depth: o.Depth, Seed: o.Seed, Strict: o.Strict, Deadline: o.Deadline,
		Include: func(id string) bool { return o.Shards == 0 || shard(id, o.Shards) == o.Shard },
		OnCase: func(c report.Case, t *trace.Transcript) {
			s.report.Cases = append(s.report.Cases, c)
			if o.OnCase != nil {
				o.OnCase(c, t)
			}
		},
	})
	if o.OnStart != nil {
		o.OnStart(d, s.report.Suite)
	}
	return s, nil
}

// plain is what an error of Ginkgo's says, in one line: the last of its text, without the colours.
func plain(err error) string {
	var e types.GinkgoError
	if !errors.As(err, &e) {
		return err.Error()
	}
	text := strings.TrimSpace(formatter.New(formatter.ColorModeNone).F("%s", e.Message))
	return strings.TrimSuffix(strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:]), ".")
}

// filter is the label filter that the options come to.
func (o Options) filter() string {
	var parts []string
	if len(o.Rules) > 0 {
		parts = append(parts, "("+strings.Join(o.Rules, " || ")+")")
	}
	if o.LabelFilter != "" {
		parts = append(parts, "("+o.LabelFilter+")")
	}
	return strings.Join(parts, " && ")
}

// shard assigns a case to one of n parts, always the same.
func shard(id string, n int) int {
	h := uint32(2166136261)
	for _, c := range []byte(id) {
		h = (h ^ uint32(c)) * 16777619
	}
	return int(h % uint32(n))
}

// register builds the tree of behaviours for one subject.
func (s *subject) register(name string) {
	ginkgo.Describe(name, func() {
		ginkgo.BeforeEach(func() {
			r := ginkgo.CurrentSpecReport()
			id := caseID(r)
			if !s.testee.Options.Include(id) {
				ginkgo.Skip("another shard's")
			}
			s.testee.Begin(id, drive.Rules(r.Labels()))
		})
		ginkgo.AfterEach(func() { s.testee.End() })
		ginkgo.ReportAfterEach(func(r types.SpecReport) {
			id := caseID(r)
			if !s.testee.Options.Include(id) {
				return
			}
			if s.interrupted = s.interrupted || r.State.Is(types.SpecStateInterrupted|types.SpecStateAborted); s.interrupted {
				return // the case has not come to its end, or not begun
			}
			if r.State == types.SpecStateSkipped && r.RunTime == 0 && r.NumAttempts == 0 {
				s.testee.Options.OnCase(Case{ID: id, Rules: drive.Rules(r.Labels()), Verdict: report.Filtered}, nil)
				return
			}
			s.testee.Finish(r.State.Is(types.SpecStatePassed|types.SpecStateSkipped), r.FailureMessage())
		})
		behavior.Register(s.testee)
	})
}

// caseID is the path of texts below the subject's own.
func caseID(r types.SpecReport) string {
	return report.CaseID(append(slices.Clone(r.ContainerHierarchyTexts[1:]), r.LeafNodeText)...)
}

// finish judges what the cases came to.
func (s *subject) finish(complete bool) *Report {
	s.report.Complete = complete
	s.report.Summary.Seconds = time.Since(s.begun).Seconds()
	s.report.Judge(s.known, Profiles[s.report.Suite.Profile])
	return &s.report
}

// Register adds the behaviours, for one implementation, to the Ginkgo suite that is being built. The adapter stays the
// caller's to close.
func Register(name string, a adapter.Adapter, o Options) error {
	s, err := prepare(a, o)
	if err != nil {
		return err
	}
	s.register(name)
	return nil
}

// TestingT is what Run needs of a testing.T.
type TestingT interface{ Fail() }

var ran atomic.Bool // Run was called

// Run judges an implementation and returns the report. The test fails where the implementation is not conformant. There can
// be one call of Run in a process, since Ginkgo runs one suite. The adapter stays the caller's to close.
func Run(t TestingT, a adapter.Adapter, o Options) (*Report, error) {
	s, err := prepare(a, o)
	if err != nil {
		return nil, err
	}
	if !ran.CompareAndSwap(false, true) {
		return nil, &UsageError{"conformance.Run was called a second time in this process, where Ginkgo runs one suite (go test -count does that too)"}
	}
	s.register(s.report.Implementation.Name)
	complete := true
	ginkgo.ReportAfterSuite("streamspec", func(r types.Report) {
		complete = !slices.ContainsFunc(r.SpecialSuiteFailureReasons, func(why string) bool { return strings.Contains(why, "Interrupted") || strings.Contains(why, "Timeout") })
	})
	if o.OnTree != nil {
		ginkgo.ReportBeforeSuite(func(r types.Report) { o.OnTree(r.PreRunStats.SpecsThatWillRun) })
	}
	formatter.ColorableStdOut, formatter.ColorableStdErr = io.Discard, io.Discard
	suite, reporter := ginkgo.GinkgoConfiguration()
	suite.LabelFilter = o.filter()
	suite.RandomSeed = 1
	suite.Timeout = 24 * time.Hour
	suite.GracePeriod = 2 * time.Second
	reporter.Succinct = true
	ginkgo.RunSpecs(ignoreFailure{}, "streamspec", suite, reporter)
	r := s.finish(complete)
	if !r.Summary.Conformant {
		t.Fail()
	}
	return r, nil
}

// ignoreFailure is a test whose failure is judged by the report instead.
type ignoreFailure struct{}

func (ignoreFailure) Fail() {}
