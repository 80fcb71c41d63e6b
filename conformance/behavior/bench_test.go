package behavior

import (
	"iter"
	"testing"

	"github.com/streamspec/streamspec/conformance/adapter/reference"
	"github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

// BenchmarkEnumeration runs enumerated scenarios on the reference in process, monitors and all; one iteration is one
// scenario, of about ten commands.
func BenchmarkEnumeration(b *testing.B) {
	a := reference.New()
	defer a.Close()
	d, err := a.Describe(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	catalogue, err := spec.Load()
	if err != nil {
		b.Fatal(err)
	}
	target, err := spec.ParseVersion(reference.Target)
	if err != nil {
		b.Fatal(err)
	}
	var last report.Case
	t := drive.New(a, d, catalogue, drive.Options{Target: target, Depth: drive.Deep, OnCase: func(c report.Case, _ *trace.Transcript) { last = c }})
	call := trace.Command{Op: trace.ReaderReadUntil, On: "r", Separators: []trace.Data{*trace.D("SEP"), *trace.D("EP")}}
	all := scenarios(t, func(int) trace.Command { return call }, "SEPx", 1, maxLimit, 5, bounds{everyPlan: true, longest: 6})
	b.ReportAllocs()
	b.ResetTimer()
	t.Begin("benchmark", []string{"reader.readuntil.tuple-earliest-end-wins"})
	t.Enumerate(first(all, b.N))
	t.End()
	b.StopTimer()
	t.Finish(true, "")
	if last.Verdict != report.Pass || last.Scenarios != min(b.N, last.Scenarios) || last.Scenarios == 0 {
		b.Fatalf("%d scenarios: %s %s", last.Scenarios, last.Verdict, last.Message)
	}
	b.ReportMetric(float64(last.Scenarios)/b.Elapsed().Seconds(), "scenarios/s")
}

func first[T any](seq iter.Seq[T], n int) iter.Seq[T] {
	return func(yield func(T) bool) {
		i := 0
		for v := range seq {
			if i == n || !yield(v) {
				return
			}
			i++
		}
	}
}
