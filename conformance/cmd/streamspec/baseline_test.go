package main

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/streamspec/streamspec/conformance/internal/report"
)

const (
	keepsLF     = "reader.readline.keeps-lf"
	keepsLFCase = "reader.readline / keeps the LF"
)

// writeText writes a file of a test.
func writeText(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// broken returns the rules that a case of a report breaks, each once, as a list in YAML.
func broken(r report.Report, id string) string {
	var rules []string
	seen := map[string]bool{}
	for _, c := range r.Cases {
		for _, v := range c.Violations {
			if c.ID == id && !seen[v.Rule] {
				seen[v.Rule] = true
				rules = append(rules, v.Rule)
			}
		}
	}
	return "[" + strings.Join(rules, ", ") + "]"
}

func TestBaseline(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	few := []string{own(), "--rule", keepsLF}

	// What fails is written, with its rules and without reasons, and such a file is refused.
	res := invoke(t, dir, "wrong", append([]string{"baseline", "write", "known.yaml", "--depth", "quick"}, few...)...)
	g.Expect(res.code).To(Equal(0), "%s%s", res.stdout, res.stderr)
	g.Expect(res.stdout).To(MatchRegexp(`known\.yaml is written: \d+ entries, each of which needs a reason`))
	written, err := os.ReadFile(filepath.Join(dir, "known.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(written)).To(And(HavePrefix("# Known failures of faulty wrong "), ContainSubstring("- case: \""+keepsLFCase+"\"\n  rules:\n    - "+keepsLF+"\n"),
		ContainSubstring("reason: \"\" # why")))
	res = invoke(t, dir, "wrong", append([]string{"run", "--depth", "quick", "--baseline", "known.yaml"}, few...)...)
	g.Expect(res.code).To(Equal(2), "%s%s", res.stdout, res.stderr)
	g.Expect(res.stderr).To(MatchRegexp(`^streamspec: the baseline known\.yaml: line \d+: the entry of the case ".*" has no reason: [^\n]+\n$`))
	res = invoke(t, dir, "wrong", append([]string{"baseline", "write", "known.yaml"}, few...)...)
	g.Expect(res.code).To(Equal(2))
	g.Expect(res.stderr).To(ContainSubstring("exists"))

	// With reasons the run is green, however it is run.
	writeText(t, dir, "known.yaml", strings.ReplaceAll(string(written), `reason: ""`, `reason: the last byte is lost`))
	for _, more := range [][]string{nil, {"--jobs", "2", "--repeat", "2"}} {
		res, r := judge(t, dir, "wrong", append(append(few, "--baseline", "known.yaml", "--github", "--junit", "r.xml", "--stream", "r.jsonl"), more...)...)
		g.Expect(res.code).To(Equal(0), "%v: %s%s", more, res.stdout, res.stderr)
		g.Expect(res.stdout).To(And(ContainSubstring("known to fail:\n"), ContainSubstring(": the last byte is lost\n"), Not(ContainSubstring("::error")),
			ContainSubstring("not conformant, but nothing fails that the baseline does not list")))
		g.Expect(r.Summary.Conformant).To(BeFalse(), "a known failure is a failure")
		g.Expect(r.Summary.AsBaseline).To(BeTrue())
		g.Expect(r.Suite.Baseline).To(Equal("known.yaml"))
		g.Expect(verdicts(r)).To(And(HaveKeyWithValue(keepsLFCase, report.KnownFail), HaveKeyWithValue("rule "+keepsLF, report.KnownFail)))
		for _, c := range r.Cases {
			g.Expect(c.BaselineReason == "the last byte is lost").To(Equal(c.Verdict == report.KnownFail))
			g.Expect(c.Message == "").To(Equal(c.Verdict != report.KnownFail && c.Verdict != report.NotApplicable && c.Verdict != report.Unsupported), "%+v", c)
		}
		var junit struct {
			Failures int `xml:"failures,attr"`
			Skipped  []struct {
				Text string `xml:",chardata"`
			} `xml:"testcase>skipped"`
		}
		text, err := os.ReadFile(filepath.Join(dir, "r.xml"))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(xml.Unmarshal(text, &junit)).To(Succeed())
		g.Expect(junit.Failures).To(BeZero())
		g.Expect(junit.Skipped).To(ContainElement(HaveField("Text", HavePrefix("known: the last byte is lost\n"))))
		stream, err := os.ReadFile(filepath.Join(dir, "r.jsonl"))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(strings.Count(string(stream), `"verdict":"known-fail"`)).To(Equal(r.Summary.Cases[report.KnownFail]))
	}

	// What passes although it is listed fails the run.
	res, r := judge(t, dir, "", "--rule", keepsLF, "--baseline", "known.yaml", "--github", "--junit", "r.xml")
	g.Expect(res.code).To(Equal(1), "%s%s", res.stdout, res.stderr)
	g.Expect(verdicts(r)).To(HaveKeyWithValue(keepsLFCase, report.UnexpectedPass))
	g.Expect(res.stdout).To(And(ContainSubstring("UNEXPECTED-PASS: "+keepsLFCase), ContainSubstring("::error title=unexpected-pass%3A "+keepsLFCase),
		MatchRegexp(`not conformant: \d+ cases pass that the baseline lists as failing, the first is .*; exit status 1`)))
}

func TestBaselineEntries(t *testing.T) {
	dir := t.TempDir()
	_, all := judge(t, dir, "wrong", own(), "--rule", keepsLF)
	rules := broken(all, keepsLFCase)
	ruleEntries := "" // one for each rule that something breaks
	seen := map[string]bool{}
	for _, c := range all.Cases {
		for _, v := range c.Violations {
			if !seen[v.Rule] {
				seen[v.Rule] = true
				ruleEntries += "- {rule: " + v.Rule + ", reason: known}\n"
			}
		}
	}
	entry := func(format string, args ...any) string { return fmt.Sprintf(format, args...) + "\n" }
	everything := entry("- {case: %q, rules: %s, reason: known}", keepsLFCase, rules)
	for _, test := range []struct {
		name, text string
		kind       string
		code       int
		verdict    report.Verdict // of the case
		want       string
	}{
		{"by case", everything, "wrong", 1, report.KnownFail, "not kept"},
		{"by rule", ruleEntries, "wrong", 0, report.KnownFail, "does not list"},
		{"of another rule", entry("- {case: %q, rules: [reader.readline.empty-at-eof], reason: known}", keepsLFCase), "wrong", 1, report.Fail, "not kept"},
		{"of a case that does not exist", ruleEntries + entry("- {case: reader.readline / keeps the CR, rules: [%s], reason: known}", keepsLF), "wrong", 1, report.KnownFail,
			`1 baseline entry is unmatched, the first of the case "reader.readline / keeps the CR": there is no such case; exit status 1`},
		{"of a case that was filtered out", ruleEntries + entry("- {case: reader.read / reads nothing, rules: [%s], reason: known}", keepsLF), "wrong", 1, report.KnownFail, "no such case"},
		{"of a rule that is not run", ruleEntries + entry("- {rule: reader.readline.empty-at-eof, reason: known}"), "wrong", 0, report.KnownFail, "does not list"},
		{"for this implementation", strings.ReplaceAll(ruleEntries, "reason: known", `reason: known, reference: "https://example.org/1", implementations: [{name: faulty wrong, versions: [9, 0.1]}]`),
			"wrong", 0, report.KnownFail, "known (https://example.org/1)"},
		{"for another implementation", strings.ReplaceAll(everything, "reason: known", "reason: known, implementations: [{name: faulty right}]"), "wrong", 1, report.Fail, "not kept"},
		{"for another version", strings.ReplaceAll(everything, "reason: known", "reason: known, implementations: [{name: faulty wrong, versions: [0.10, 0.1.0.1]}]"), "wrong", 1, report.Fail, "not kept"},
		{"of a crash", everything, "crash", 3, report.AdapterCrash, "the adapter failed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			file := filepath.Join(t.TempDir(), "known.yaml")
			writeText(t, "", file, test.text)
			res, r := judge(t, dir, test.kind, own(), "--rule", keepsLF, "--baseline", file)
			g.Expect(res.code).To(Equal(test.code), "%s%s\n%s", res.stdout, res.stderr, test.text)
			g.Expect(verdicts(r)).To(HaveKeyWithValue(keepsLFCase, test.verdict))
			g.Expect(res.stdout + res.stderr).To(ContainSubstring(test.want))
		})
	}
}

func TestBadBaseline(t *testing.T) {
	dir := t.TempDir()
	good := "- {case: a, rules: [" + keepsLF + "], reason: known}\n"
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "the file is empty; a baseline without entries is []"},
		{"no YAML", "- {case: [\n", "not a baseline in YAML: line"},
		{"binary", "\x00\x01", "not a baseline in YAML"},
		{"no list", "case: a\n", "line 1: a baseline is a list"},
		{"a list of texts", "- a\n", "line 1: an entry has the fields case, cases, rules, rule, verdict,"},
		{"two documents", good + "---\n" + good, "second document"},
		{"unknown field", good + "- {case: a, resaon: x}\n", `line 2: an entry has no field "resaon": known are case,`},
		{"unknown field of an implementation", "- {rule: " + keepsLF + ", reason: x, implementations: [{name: x, version: 1}]}\n", `an implementation has no field "version"`},
		{"field twice", "- {case: a, case: b}\n", `"case" already defined`},
		{"wrong type", "- {case: {a: b}, reason: x}\n", "line 1: not a baseline in YAML: line 1: cannot unmarshal"},
		{"unknown rule", "- {rule: reader.readline.keep-lf, reason: x}\n", "did you mean " + keepsLF + "?"},
		{"unknown rule of a case", "- {case: a, rules: [a.b], reason: x}\n", `there is no rule "a.b"`},
		{"neither", "- {reason: x}\n", "either a case, or cases, or a rule"},
		{"both", "- {case: a, rule: " + keepsLF + ", reason: x}\n", "either a case, or cases, or a rule"},
		{"case without rules", "- {case: a, reason: x}\n", "does not say which rules"},
		{"no reason", "- {rule: " + keepsLF + "}\n", "has no reason"},
		{"blank reason", "- {rule: " + keepsLF + ", reason: ' '}\n", "has no reason"},
		{"implementation without a name", "- {rule: " + keepsLF + ", reason: x, implementations: [{versions: [1]}]}\n", "without a name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			file := filepath.Join(t.TempDir(), "known.yaml")
			writeText(t, "", file, test.text)
			r := invoke(t, dir, "", "run", "--baseline", file)
			g.Expect(r.code).To(Equal(2), "%s%s", r.stdout, r.stderr)
			g.Expect(r.stderr).To(ContainSubstring(test.want))
			g.Expect(r.stderr).To(MatchRegexp(`^streamspec: the baseline ` + regexp.QuoteMeta(file) + `: [^\n]+\n$`))
			g.Expect(r.stderr).NotTo(MatchRegexp(`report\.|goroutine`), "no name of ours")
		})
	}
}
