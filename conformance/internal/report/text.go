package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/streamspec/streamspec/spec"
)

// Text writes a report for people.
type Text struct {
	Report    *Report
	Catalogue *spec.Catalogue
	// Replay and Again return the commands that replay a transcript and that run rules again; nil: none is shown.
	Replay func(transcript string) string
	Again  func(rules []string) string
}

const (
	mostFailures = 20 // shown in full
	mostOfRule   = 2  // of those that break the same rules
	mostTexts    = 2  // of one rule's violations in one case
	mostOutcomes = 12 // lines of the histogram
	width        = 118
)

// Failures writes what went wrong, those that gate first. Of several cases that break the same rules the first are shown in
// full, and the others named: written cases come before enumerations, because they are easier to read. Where a control
// ran, what it shares stands apart.
func (t Text) Failures(w io.Writer) {
	var own, shared []Case
	for _, c := range t.Report.Cases {
		switch {
		case c.Verdict.Good():
		case c.shared():
			shared = append(shared, c)
		default:
			own = append(own, c)
		}
	}
	if control := t.Report.Control; control != nil {
		name := control.Name + " " + control.Version
		if len(own) > 0 {
			fmt.Fprintf(w, "\nYOURS: %s here and not on stock %s\n", count(len(own), "case fails", "cases fail"), name)
		}
		t.failures(w, own)
		if len(shared) > 0 {
			fmt.Fprintf(w, "\nALSO STOCK ASYNCIO: %s on stock %s in the same way\n", count(len(shared), "case fails", "cases fail"), name)
		}
		t.failures(w, shared)
		return
	}
	t.failures(w, own)
}

func (t Text) failures(w io.Writer, bad []Case) {
	slices.SortStableFunc(bad, func(a, b Case) int {
		return cmp.Or(cmp.Compare(t.rank(a), t.rank(b)), cmp.Compare(min(a.Scenarios, 1), min(b.Scenarios, 1)))
	})
	shown, of := 0, map[string]int{}
	var others []string
	for _, c := range bad {
		rules := strings.Join(violated(c), " ")
		if of[rules]++; shown == mostFailures || rules != "" && of[rules] > mostOfRule {
			others = append(others, fmt.Sprintf("%s: %s", c.Verdict, c.ID))
			continue
		}
		shown++
		t.failure(w, c)
	}
	if len(others) > 0 {
		fmt.Fprintf(w, "\n%s like these:\n", count(len(others), "more case", "more cases"))
		for i, other := range others {
			if i == mostFailures {
				fmt.Fprintf(w, "  … and %d; the report of --json has them all\n", len(others)-i)
				break
			}
			fmt.Fprintf(w, "  %s\n", other)
		}
	}
}

// violated returns the rules that a case found broken, each once.
func violated(c Case) []string {
	var rules []string
	for _, v := range c.Violations {
		if !slices.Contains(rules, v.Rule) {
			rules = append(rules, v.Rule)
		}
	}
	return rules
}

// rank orders failures: broken rules that gate, failures of the adapter, what does not gate.
func (t Text) rank(c Case) int {
	if !c.Verdict.Broken() {
		return 1
	}
	for _, v := range c.Violations {
		if t.gates(v.Rule) {
			return 0
		}
	}
	return 2
}

func (t Text) gates(id string) bool {
	r, ok := t.Catalogue.Rule(id)
	return !ok || r.Level.Gate(t.Report.Suite.Strict)
}

func (t Text) failure(w io.Writer, c Case) {
	fmt.Fprintf(w, "\n%s: %s\n", strings.ToUpper(string(c.Verdict)), c.ID)
	rules := violated(c)
	texts := map[string][]string{}
	for _, v := range c.Violations {
		texts[v.Rule] = append(texts[v.Rule], v.Text)
	}
	if c.Verdict == Flaky || len(c.Violations) == 0 {
		field(w, "came to", c.Message)
	}
	if len(rules) == 0 {
		field(w, "of rules", strings.Join(c.Rules, ", "))
		rules = c.Rules
	} else {
		t.rules(w, rules, texts)
	}
	if c.Transcript != "" {
		field(w, "transcript", c.Transcript)
		if t.Replay != nil {
			command(w, "replay it", t.Replay(c.Transcript))
		}
	}
	if t.Again != nil && len(rules) > 0 {
		command(w, "run again", t.Again(rules))
	}
}

// rules writes the rules broken, several that were broken by the same observations together.
func (t Text) rules(w io.Writer, rules []string, texts map[string][]string) {
	rules = slices.Clone(rules)
	for len(rules) > 0 {
		said := texts[rules[0]]
		same := func(id string) bool { return slices.Equal(texts[id], said) }
		for _, id := range rules {
			if same(id) {
				field(w, "rule", t.title(id))
				if r, ok := t.Catalogue.Rule(id); ok {
					field(w, "", r.Statement)
				}
			}
		}
		for i, text := range said {
			if i == mostTexts {
				field(w, "", fmt.Sprintf("… and %d more", len(said)-i))
				break
			}
			field(w, "what", text)
		}
		rules = slices.DeleteFunc(rules, same)
	}
}

func (t Text) title(id string) string {
	r, ok := t.Catalogue.Rule(id)
	switch {
	case !ok:
		return id
	case !t.gates(id):
		return fmt.Sprintf("%s (%s, which does not decide)", id, r.Level)
	}
	return fmt.Sprintf("%s (%s)", id, r.Level)
}

// field writes a labelled text, wrapped.
func field(w io.Writer, label, text string) {
	const indent = 14
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		for _, part := range wrap(line, width-indent) {
			fmt.Fprintf(w, "  %-*s%s\n", indent-2, label, part)
			label = ""
		}
	}
}

// command writes a labelled command in one line, so that it can be copied.
func command(w io.Writer, label, text string) { fmt.Fprintf(w, "  %-12s%s\n", label, text) }

// wrap breaks a line between words.
func wrap(line string, width int) []string {
	var lines []string
	for len(line) > width {
		cut := strings.LastIndexByte(line[:width+1], ' ')
		if cut <= 0 {
			if cut = strings.IndexByte(line[width:], ' '); cut < 0 {
				break
			}
			cut += width
		}
		lines = append(lines, line[:cut])
		line = line[cut+1:]
	}
	return append(lines, line)
}

// Enumerations writes how many scenarios were enumerated and a histogram of what came of them.
func (t Text) Enumerations(w io.Writer) {
	scenarios, blocks := 0, 0
	outcomes := map[string]int{}
	for _, c := range t.Report.Cases {
		if c.Scenarios == 0 {
			continue
		}
		blocks++
		scenarios += c.Scenarios
		for what, n := range c.Outcomes {
			outcomes[what] += n
		}
	}
	if blocks == 0 {
		return
	}
	total := 0
	for _, n := range outcomes {
		total += n
	}
	fmt.Fprintf(w, "\nenumerated: %s distinct scenarios in %s; what the %s calls in them came to:\n",
		thousands(scenarios), count(blocks, "block", "blocks"), thousands(total))
	kinds := slices.SortedFunc(maps.Keys(outcomes), func(a, b string) int {
		return cmp.Or(cmp.Compare(outcomes[b], outcomes[a]), cmp.Compare(a, b))
	})
	rest := 0
	for i, what := range kinds {
		if i >= mostOutcomes-1 && len(kinds) > mostOutcomes {
			rest += outcomes[what]
			continue
		}
		histogramLine(w, what, outcomes[what], total)
	}
	if rest > 0 {
		histogramLine(w, "everything else", rest, total)
	}
	t.matrices(w)
}

// matrices writes how many cells were declared, run and impossible, and why.
func (t Text) matrices(w io.Writer) {
	all := Cells{Impossible: map[string]int{}, Unsupported: map[string]int{}}
	for _, c := range t.Report.Cases {
		if c.Cells == nil {
			continue
		}
		all.Declared += c.Cells.Declared
		all.Run += c.Cells.Run
		all.Broken += c.Cells.Broken
		all.Deeper += c.Cells.Deeper
		all.NotRun += c.Cells.NotRun
		for why, n := range c.Cells.Impossible {
			all.Impossible[why] += n
		}
		for what, n := range c.Cells.Unsupported {
			all.Unsupported[what] += n
		}
	}
	if all.Declared == 0 {
		return
	}
	fmt.Fprintf(w, "\nmatrices: %s cells declared; %s run", thousands(all.Declared), thousands(all.Run))
	for _, part := range []struct {
		n    int
		what string
	}{
		{all.Broken, "of which %s broke a rule"}, {all.Deeper, "%s left to a greater depth"}, {all.NotRun, "%s not begun, because one before waited in vain"},
	} {
		if part.n > 0 {
			fmt.Fprintf(w, ", "+part.what, thousands(part.n))
		}
	}
	fmt.Fprintln(w)
	reasons(w, "impossible", all.Impossible)
	reasons(w, "unsupported", all.Unsupported)
}

func reasons(w io.Writer, what string, cells map[string]int) {
	for _, why := range slices.Sorted(maps.Keys(cells)) {
		fmt.Fprintf(w, "  %-12s%8s  %s\n", what, thousands(cells[why]), why)
	}
}

func histogramLine(w io.Writer, what string, n, total int) {
	share := float64(n) / float64(total)
	fmt.Fprintf(w, "  %-28s%12s  %5.1f%%  %s\n", what, thousands(n), 100*share, strings.Repeat("#", int(40*share+0.5)))
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Summary writes the counts and what the implementation was seen to do where either is fine.
func (t Text) Summary(w io.Writer) {
	r := t.Report
	fmt.Fprintln(w)
	var seen []Rule
	for _, rule := range r.Rules {
		if rule.Seen != "" {
			seen = append(seen, rule)
		}
	}
	if len(seen) > 0 {
		fmt.Fprintln(w, "seen, where either is fine:")
		for _, rule := range seen {
			for i, line := range wrap(rule.ID+" ("+string(rule.Level)+"): "+rule.Seen, width-4) {
				fmt.Fprintf(w, "  %s%s\n", strings.Repeat("  ", min(i, 1)), line)
			}
		}
		fmt.Fprintln(w)
	}
	t.known(w)
	for _, level := range spec.Levels() {
		n := map[Verdict]int{}
		for _, rule := range r.Rules {
			if rule.Level == level {
				n[rule.Verdict]++
			}
		}
		fmt.Fprintf(w, "%-14s%-8s%s\n", "rules", level, Counts(n))
	}
	fmt.Fprintf(w, "%-14s%-8s%s\n", "rules", "all", Counts(r.Summary.Rules))
	fmt.Fprintf(w, "%-22s%s, in %.1f s\n", "cases", Counts(r.Summary.Cases), r.Summary.Seconds)
	if !r.Complete {
		fmt.Fprintln(w, "incomplete: the run was broken off, what is above is what was seen until then")
	}
}

// known writes what fails as the baseline says, by reason, and which of its entries match nothing.
func (t Text) known(w io.Writer) {
	cases := map[string][]string{}
	var reasons []string
	for _, c := range t.Report.Cases {
		if c.Verdict != KnownFail {
			continue
		}
		if cases[c.BaselineReason] == nil {
			reasons = append(reasons, c.BaselineReason)
		}
		cases[c.BaselineReason] = append(cases[c.BaselineReason], c.ID)
	}
	if len(reasons) > 0 {
		fmt.Fprintln(w, "known to fail:")
		for _, reason := range reasons {
			text := cases[reason][0] + ": " + reason
			if n := len(cases[reason]); n > 1 {
				text = fmt.Sprintf("%d cases, the first is %s", n, text)
			}
			for i, line := range wrap(text, width-4) {
				fmt.Fprintf(w, "  %s%s\n", strings.Repeat("  ", min(i, 1)), line)
			}
		}
		fmt.Fprintln(w)
	}
	for i, entry := range t.Report.Unmatched {
		fmt.Fprintln(w, "unmatched baseline entry:", entry)
		if i == len(t.Report.Unmatched)-1 {
			fmt.Fprintln(w)
		}
	}
}

// Counts shows numbers by verdict, the gravest verdict last, zeros left out.
func Counts(n map[Verdict]int) string {
	order := append([]Verdict{Pass}, slices.DeleteFunc(slices.Clone(gravity), func(v Verdict) bool { return v == Pass })...)
	order = append(order, Unchecked, Guidance)
	var parts []string
	for _, v := range order {
		if n[v] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[v], v))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
