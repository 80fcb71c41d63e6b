package report_test

import (
	"bytes"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/spec/trace"
)

func baseline(t *testing.T, text string) *report.Baseline {
	t.Helper()
	b, err := report.ReadBaseline([]byte(text), catalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBaselineApplied(t *testing.T) {
	byCase := `[{case: "` + must + ` / fail", rules: [` + must + `], reason: "it is\n known", reference: here}]`
	byRule := `[{rule: ` + must + `, reason: old}, {rule: ` + deFact + `, reason: older}]`
	crash := `[{case: "` + must + ` / ` + string(report.AdapterCrash) + `", rules: [` + must + `], verdict: adapter-crash, reason: known}]`
	both := a(report.Fail, must)
	both.Violations = append(both.Violations, trace.Violation{Rule: deFact, Text: "wrong too"})
	passing := a(report.Fail, must)
	passing.Verdict, passing.Violations = report.Pass, nil
	for name, test := range map[string]struct {
		baseline string
		c        report.Case
		verdict  report.Verdict
		reason   string
	}{
		"nothing known":          {"[]", a(report.Fail, must), report.Fail, ""},
		"by case":                {byCase, a(report.Fail, must), report.KnownFail, "it is known (here)"},
		"by rule":                {byRule, a(report.Fail, must), report.KnownFail, "old"},
		"by rules":               {byRule, both, report.KnownFail, "old; older"},
		"one rule is new":        {byCase, both, report.Fail, ""},
		"another case":           {byCase, a(report.Fail, deFact), report.Fail, ""},
		"passes":                 {byCase, passing, report.UnexpectedPass, "it is known (here)"},
		"a case of a rule":       {byRule, passing, report.Pass, ""},
		"flaky is never known":   {byRule, a(report.Flaky, must), report.Flaky, ""},
		"a crash of a rule":      {byRule, a(report.AdapterCrash, must), report.AdapterCrash, ""},
		"an unknown crash":       {byCase, a(report.AdapterCrash, must), report.AdapterCrash, ""},
		"a known crash":          {crash, a(report.AdapterCrash, must), report.KnownFail, "known"},
		"another kind of crash":  {crash, a(report.AdapterHang, must), report.AdapterHang, ""},
		"a failure, not a crash": {crash, a(report.Fail, must), report.Fail, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			c := test.c
			baseline(t, test.baseline).Apply(&c)
			g.Expect(c.Verdict).To(Equal(test.verdict))
			g.Expect(c.BaselineReason).To(Equal(test.reason))
			g.Expect(c.Violations).To(Equal(test.c.Violations))
		})
	}
}

func TestBaselineOfSeveralCases(t *testing.T) {
	g := NewWithT(t)
	b := baseline(t, `[
		{cases: ["`+must+` / fail", other], rules: [`+must+`], reason: "it is\n known", reference: here, implementations: [{name: one, versions: [1, 2]}, {name: two}]},
		{case: third, rules: [`+deFact+`], reason: it is known, reference: here, implementations: [{name: two}]},
		{rule: `+must+`, reason: it is known}]`)
	c := a(report.Fail, must)
	b.Apply(&c)
	g.Expect(c.Verdict).To(Equal(report.KnownFail))
	g.Expect(b.Faults()).To(Equal([]report.Fault{
		{Reason: "it is known", Reference: "here", Rules: []string{must, deFact}, Implementations: []string{"one 1, 2", "two"}},
		{Reason: "it is known", Rules: []string{must}},
	}))
	for text, why := range map[string]string{
		`[{case: a, cases: [b], rules: [` + must + `], reason: x}]`:    "either a case, or cases, or a rule",
		`[{cases: [b, ""], rules: [` + must + `], reason: x}]`:         "has no name",
		`[{case: b, rules: [` + must + `], verdict: pass, reason: x}]`: `is "pass"`,
		`[{rule: ` + must + `, verdict: adapter-hang, reason: x}]`:     "belongs to a case",
		`[{cases: [b], reason: x}]`:                                    `the case "b" and others does not say which rules are broken`,
	} {
		_, err := report.ReadBaseline([]byte(text), catalogue(t))
		g.Expect(err).To(MatchError(ContainSubstring(why)))
	}
}

func TestBaselineUnmatched(t *testing.T) {
	b := baseline(t, `[{case: gone, rules: [`+must+`], reason: known}, {rule: `+must+`, reason: known}]`)
	none, gone, rule := []string(nil), `the case "gone": there is no such case`, "the rule "+must+": no case broke it"
	for name, test := range map[string]struct {
		complete bool
		filter   string
		cases    []report.Case
		want     []string
	}{
		"broken off":        {false, "", nil, none},
		"nothing there":     {true, "", nil, []string{gone, rule}},
		"all filtered":      {true, must, nil, []string{gone}},
		"the rule is kept":  {true, "", []report.Case{a(report.Pass, must), {ID: "gone"}}, []string{rule}},
		"it is broken":      {true, "", []report.Case{a(report.Fail, must)}, []string{gone}},
		"it is unsupported": {true, "", []report.Case{a(report.Unsupported, must)}, []string{gone}},
		"it crashed":        {true, "", []report.Case{a(report.AdapterCrash, must)}, []string{gone}},
		"only some":         {true, "", []report.Case{a(report.Unsupported, must), a(report.Pass, must)}, []string{gone, rule}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &report.Report{Complete: test.complete, Suite: report.Suite{Filter: test.filter}, Cases: test.cases}
			NewWithT(t).Expect(b.Unmatched(r)).To(Equal(test.want))
		})
	}
}

func TestBaselineVersions(t *testing.T) {
	g := NewWithT(t)
	b := baseline(t, `[{rule: `+must+`, reason: known, implementations: [{name: asyncio, versions: [3.10, "3.12.1"]}, {name: other}]}]`)
	applies := func(name, version string) bool {
		c := a(report.Fail, must)
		b.For(trace.Description{Name: name, Version: version}).Apply(&c)
		return c.Verdict == report.KnownFail
	}
	for version, want := range map[string]bool{"3.10": true, "3.10.13": true, "3.1": false, "3.100": false, "3.12.1": true, "3.12.2": false, "3.12.10": false} {
		g.Expect(applies("asyncio", version)).To(Equal(want), version)
	}
	g.Expect(applies("other", "1")).To(BeTrue())
	g.Expect(applies("another", "3.10")).To(BeFalse())
}

func TestWriteBaseline(t *testing.T) {
	g := NewWithT(t)
	odd := a(report.Fail, must)
	odd.ID, odd.Message = "odd: \"it's\" # \\ {é}\tand so on", "raised \x00\x1b[1m, then\r\nmore"
	r := judged(t, false, true, odd, a(report.Pass, deFact), a(report.Flaky, deFact))
	var out bytes.Buffer
	n, err := report.WriteBaseline(&out, r)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(n).To(Equal(1))
	g.Expect(out.String()).To(ContainSubstring("  # raised ??[1m, then?\n"))
	_, err = report.ReadBaseline(out.Bytes(), catalogue(t))
	g.Expect(err).To(MatchError(ContainSubstring("no reason")))
	b := baseline(t, string(bytes.ReplaceAll(out.Bytes(), []byte(`reason: ""`), []byte("reason: known"))))
	b.Apply(&odd)
	g.Expect(odd.Verdict).To(Equal(report.KnownFail))

	out.Reset()
	n, err = report.WriteBaseline(&out, judged(t, true, true, a(report.Pass, must)))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(n).To(BeZero())
	baseline(t, out.String())
}
