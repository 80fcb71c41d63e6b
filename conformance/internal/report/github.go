package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/streamspec/streamspec/spec"
)

// mostAnnotations is how many GitHub keeps of a step, of each kind.
const mostAnnotations = 10

// WriteAnnotations writes an annotation of GitHub's for each rule that is not kept, an error where that decides and a
// warning where it does not, and for each case that could not be judged.
func (t Text) WriteAnnotations(w io.Writer) error {
	written := map[string]int{}
	var err error
	annotate := func(kind, title, text string) {
		written[kind]++
		if n := written[kind]; err == nil && n <= mostAnnotations {
			_, err = fmt.Fprintf(w, "::%s title=%s::%s\n", kind, property.Replace(title), message.Replace(text))
		}
	}
	for _, rule := range t.Report.Rules {
		if !rule.Verdict.Broken() {
			continue
		}
		kind := "error"
		if !t.gates(rule.ID) {
			kind = "warning"
		}
		r, _ := t.Catalogue.Rule(rule.ID)
		cases, first := t.against(rule.ID)
		annotate(kind, rule.ID+" ("+string(rule.Level)+"): "+string(rule.Verdict), r.Statement+"\n"+first+"\nseen in "+count(cases, "case", "cases"))
	}
	for _, c := range t.Report.Cases {
		if !c.Verdict.Good() && (!c.Verdict.Broken() || len(c.Violations) == 0) {
			annotate("error", string(c.Verdict)+": "+c.ID, c.Message)
		}
	}
	for _, entry := range t.Report.Unmatched {
		annotate("error", "unmatched baseline entry", "The baseline has an entry of "+entry)
	}
	return err
}

// against counts the cases in which a rule is broken, and returns what was seen in the first.
func (t Text) against(rule string) (cases int, first string) {
	for _, c := range t.Report.Cases {
		for _, v := range c.Violations {
			if v.Rule != rule {
				continue
			}
			if cases++; cases == 1 {
				first = c.ID + ": " + v.Text
			}
			break
		}
	}
	return cases, first
}

// What GitHub's commands need escaped.
var (
	message  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// WriteStepSummary writes what GitHub shows on the page of a run, in Markdown.
func (t Text) WriteStepSummary(w io.Writer) error {
	r := t.Report
	_, why := r.Exit()
	var b strings.Builder
	fmt.Fprintf(&b, "### streamspec: %s %s, by %s\n\n%s\n\n", cell.Replace(r.Implementation.Name), cell.Replace(r.Implementation.Version), r.Suite.Target, cell.Replace(why))
	b.WriteString("| level | rules |\n|---|---|\n")
	for _, level := range spec.Levels() {
		n := map[Verdict]int{}
		for _, rule := range r.Rules {
			if rule.Level == level {
				n[rule.Verdict]++
			}
		}
		fmt.Fprintf(&b, "| %s | %s |\n", level, Counts(n))
	}
	shown := 0
	for _, rule := range r.Rules {
		if rule.Verdict.Good() && rule.Verdict != KnownFail {
			continue
		}
		if shown == 0 {
			b.WriteString("\n| rule | level | verdict |\n|---|---|---|\n")
		}
		shown++
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", rule.ID, rule.Level, rule.Verdict)
	}
	fmt.Fprintf(&b, "\ncases: %s\n", Counts(r.Summary.Cases))
	_, err := io.WriteString(w, b.String())
	return err
}

var cell = strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;")
