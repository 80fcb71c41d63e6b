package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

const (
	must   = "reader.readline.keeps-lf"
	deFact = "reader.readline.limit-boundary"
)

func catalogue(t *testing.T) *spec.Catalogue {
	t.Helper()
	c, err := spec.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func judged(t *testing.T, strict, complete bool, cases ...report.Case) *report.Report {
	t.Helper()
	r := report.New(report.Suite{Target: "3.13", Profile: "core", Strict: strict, Filter: "none"}, trace.Description{
		Name: "subject", Version: "1", Capabilities: []trace.Capability{trace.CapReader},
	})
	r.Complete, r.Cases = complete, cases
	r.Checked = func(id string) bool { return id == must }
	r.Judge(catalogue(t), []trace.Capability{trace.CapReader})
	return &r
}

// a case of a rule; what is wrong is a violation of it.
func a(verdict report.Verdict, rule string) report.Case {
	c := report.Case{ID: rule + " / " + string(verdict), Rules: []string{rule}, Verdict: verdict}
	if verdict == report.Fail {
		c.Violations = []trace.Violation{{Rule: rule, Text: "100% wrong:\nr.readline() returned \"a\"; permitted: returned \"a\\n\""}}
	}
	return c
}

func TestExit(t *testing.T) {
	for name, test := range map[string]struct {
		report *report.Report
		code   int
		why    string
	}{
		"pass":                  {judged(t, false, true, a(report.Pass, must)), 0, "no MUST rule of 3.13 is broken in 1 case"},
		"fail":                  {judged(t, false, true, a(report.Fail, must), a(report.Pass, deFact)), 1, "the rule " + must + " is not kept"},
		"fail that gates not":   {judged(t, false, true, a(report.Fail, deFact)), 0, "conformant"},
		"but strictly":          {judged(t, true, true, a(report.Fail, deFact)), 1, deFact},
		"crash":                 {judged(t, false, true, a(report.AdapterCrash, must), a(report.Pass, deFact)), 3, "the adapter failed in 1 case"},
		"crash and fail":        {judged(t, false, true, a(report.AdapterCrash, must), a(report.Fail, must)), 1, "not kept"},
		"suite bug":             {judged(t, false, true, a(report.SuiteBug, must)), 1, "suite-bug"},
		"flaky":                 {judged(t, false, true, a(report.Flaky, must)), 1, "not kept"},
		"broken off":            {judged(t, false, false, a(report.Pass, deFact)), 1, "broken off"},
		"broken off at once":    {judged(t, false, false), 1, "broken off"},
		"unexpected pass":       {judged(t, false, true, a(report.UnexpectedPass, deFact)), 1, "1 case passes that the baseline lists as failing"},
		"and a crash":           {judged(t, false, true, a(report.UnexpectedPass, deFact), a(report.AdapterCrash, must)), 1, "1 case passes"},
		"everything filtered":   {judged(t, false, true, a(report.Filtered, must)), 4, "no case matches the filter none"},
		"everything missing":    {judged(t, false, true, a(report.Unsupported, must)), 4, "lacks what 1 case needs"},
		"everything not needed": {judged(t, false, true, a(report.NotApplicable, must)), 4, "in force for 3.13"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			code, why := test.report.Exit()
			g.Expect(code).To(Equal(test.code), why)
			g.Expect(why).To(ContainSubstring(test.why))
			g.Expect(test.report.Summary.Conformant).To(Equal(test.code == 0))
		})
	}
}

func TestExitWithBaseline(t *testing.T) {
	g := NewWithT(t)
	known := a(report.KnownFail, must)
	known.Violations = a(report.Fail, must).Violations
	r := judged(t, false, true, known, a(report.Pass, deFact))
	code, why := r.Exit()
	g.Expect(code).To(Equal(0))
	g.Expect(why).To(Equal("not conformant, but nothing fails that the baseline does not list: the rule " + must + " is not kept, which is known"))
	g.Expect([]bool{r.Summary.Conformant, r.Summary.AsBaseline}).To(Equal([]bool{false, true}))

	r.Unmatched = []string{"the case \"a\": there is no such case"}
	r.Judge(catalogue(t), []trace.Capability{trace.CapReader})
	code, why = r.Exit()
	g.Expect(code).To(Equal(1))
	g.Expect(why).To(Equal(`not conformant: 1 baseline entry is unmatched, the first of the case "a": there is no such case`))
	var out bytes.Buffer
	text := report.Text{Report: r, Catalogue: catalogue(t)}
	text.Summary(&out)
	g.Expect(out.String()).To(ContainSubstring("unmatched baseline entry: the case \"a\": there is no such case\n"))
	out.Reset()
	g.Expect(text.WriteAnnotations(&out)).To(Succeed())
	g.Expect(out.String()).To(Equal("::error title=unmatched baseline entry::The baseline has an entry of the case \"a\": there is no such case\n"))
	out.Reset()
	g.Expect(text.WriteStepSummary(&out)).To(Succeed())
	g.Expect(out.String()).To(ContainSubstring("| `" + must + "` | MUST | known-fail |"))
}

func TestRulesThatWereNotReached(t *testing.T) {
	g := NewWithT(t)
	r := judged(t, false, false)
	g.Expect(r.Summary.Rules[report.NotExercised]).To(Equal(1), "there is a check, it did not come to run")
	g.Expect(r.Summary.Rules[report.Unchecked]).To(BeNumerically(">", 400))
}

func TestRepeated(t *testing.T) {
	g := NewWithT(t)
	always, crash := a(report.Pass, deFact), a(report.Pass, must)
	crash.Verdict, crash.Message = report.AdapterCrash, "it ended"
	once := a(report.Pass, must)
	merged := report.Repeated([][]report.Case{{once, always}, {always, crash}, {once}})
	g.Expect(merged).To(HaveLen(2))
	g.Expect(merged[0].Verdict).To(Equal(report.Flaky))
	g.Expect(merged[0].Message).To(Equal("in 3 repetitions it came to adapter-crash 1 time, pass 2 times; it ended"))
	g.Expect(merged[1]).To(Equal(always))
}

func TestText(t *testing.T) {
	g := NewWithT(t)
	gentle := a(report.Fail, deFact)
	gentle.ID = "a gentle one"
	cases := []report.Case{gentle, {ID: "enumeration", Rules: []string{must}, Verdict: report.Pass, Scenarios: 1234567, Outcomes: map[string]int{}}}
	for i := range 25 {
		c := a(report.Fail, must)
		c.ID = fmt.Sprintf("case %02d", i)
		c.Transcript = "t.json"
		cases = append(cases, c)
		cases[1].Outcomes[fmt.Sprintf("outcome %02d", i)] = 25 - i
	}
	text := report.Text{
		Report: judged(t, false, true, cases...), Catalogue: catalogue(t),
		Replay: func(path string) string { return "replay " + path },
		Again:  func(rules []string) string { return "again " + strings.Join(rules, ",") },
	}
	var out bytes.Buffer
	text.Failures(&out)
	g.Expect(strings.Count(out.String(), "FAIL: ")).To(Equal(2+1), "two that break one rule, and one that breaks another")
	g.Expect(out.String()).To(And(HavePrefix("\nFAIL: case 00\n"), ContainSubstring("23 more cases like these"), ContainSubstring("  fail: case 21\n"), ContainSubstring("… and 3;"),
		ContainSubstring("rule        "+must+" (MUST)\n"), ContainSubstring("replay it   replay t.json\n"), ContainSubstring("run again   again "+must+"\n")))
	out.Reset()
	text.Enumerations(&out)
	g.Expect(out.String()).To(And(ContainSubstring("1,234,567 distinct scenarios in 1 block"), ContainSubstring("everything else"), MatchRegexp(`outcome 00 +25 +7\.7%`)))
	g.Expect(strings.Count(out.String(), "\n")).To(Equal(2 + 12))
	out.Reset()
	g.Expect(text.WriteAnnotations(&out)).To(Succeed())
	g.Expect(out.String()).To(And(ContainSubstring("::error title="+must+" (MUST)%3A fail::"), ContainSubstring("100%25 wrong:%0Ar.readline()"),
		ContainSubstring("seen in 25 cases"), ContainSubstring("::warning title="+deFact)))
	g.Expect(strings.Count(out.String(), "\n")).To(Equal(2))
	out.Reset()
	g.Expect(text.WriteStepSummary(&out)).To(Succeed())
	g.Expect(out.String()).To(And(ContainSubstring("### streamspec: subject 1"), ContainSubstring("| `"+must+"` | MUST | fail |")))
}

func TestTextOfMatrices(t *testing.T) {
	g := NewWithT(t)
	with := func(c report.Cells) report.Case {
		return report.Case{ID: fmt.Sprint("matrix ", c.Declared), Rules: []string{must}, Verdict: report.Pass, Scenarios: c.Run, Outcomes: map[string]int{"returned": 1}, Cells: &c}
	}
	text := report.Text{Catalogue: catalogue(t), Report: judged(t, false, true,
		with(report.Cells{Declared: 1200, Run: 1000, Broken: 1, Impossible: map[string]int{"a pipe is not reset": 150}, NotRun: 50}),
		with(report.Cells{Declared: 10, Run: 4, Deeper: 2, Impossible: map[string]int{"a pipe is not reset": 3}, Unsupported: map[string]int{"it lacks pipes": 1}}))}
	var out bytes.Buffer
	text.Enumerations(&out)
	g.Expect(out.String()).To(HaveSuffix(`
matrices: 1,210 cells declared; 1,004 run, of which 1 broke a rule, 2 left to a greater depth, 50 not begun, because one before waited in vain
  impossible       153  a pipe is not reset
  unsupported        1  it lacks pipes
`))
}

func TestStreamThatBreaksOff(t *testing.T) {
	g := NewWithT(t)
	var out bytes.Buffer
	s := report.NewStream(&out, report.Suite{}, trace.Description{}, 2)
	s.Case(a(report.Pass, must))
	cut := out.String()
	g.Expect(s.Close(true, 1)).To(Succeed())
	read := func(text string) (complete bool, lines int, err error) {
		complete, err = report.ReadStream(strings.NewReader(text), func(report.Line) { lines++ })
		return complete, lines, err
	}
	complete, lines, err := read(out.String())
	g.Expect([]any{complete, lines, err}).To(Equal([]any{true, 3, nil}))
	complete, lines, err = read(cut)
	g.Expect([]any{complete, lines, err}).To(Equal([]any{false, 2, nil}))
	_, lines, err = read(cut[:len(cut)-5])
	g.Expect(lines).To(Equal(1))
	g.Expect(err).To(HaveOccurred())
}
