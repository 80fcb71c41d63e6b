package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

// A Baseline lists the failures that are known, so that a run fails only for new ones, and for old ones that are gone.
type Baseline struct{ entries []baselineEntry }

// A baselineEntry is a known failure: of one case, by any of some rules, or of every case that breaks one rule. An entry of
// several cases is read as one for each.
type baselineEntry struct {
	Case            string                   `yaml:"case"`
	Cases           []string                 `yaml:"cases"`   // in place of a case
	Rules           []string                 `yaml:"rules"`   // of a case, or of each case: what it breaks
	Rule            string                   `yaml:"rule"`    // in place of a case
	Verdict         Verdict                  `yaml:"verdict"` // of a case: adapter-crash or adapter-hang where it takes the adapter along
	Reason          string                   `yaml:"reason"`
	Reference       string                   `yaml:"reference"`
	Implementations []baselineImplementation `yaml:"implementations"` // none: all
}

// A baselineImplementation is what an entry is for.
type baselineImplementation struct {
	Name     string   `yaml:"name"`
	Versions []string `yaml:"versions"` // "3.12" is every 3.12.x; none: all
}

// The fields of an entry, and of an implementation in it.
var (
	entryFields          = []string{"case", "cases", "rules", "rule", "verdict", "reason", "reference", "implementations"}
	implementationFields = []string{"name", "versions"}
)

// ReadBaseline reads a baseline, a list of entries in YAML, and checks it.
func ReadBaseline(text []byte, catalogue *spec.Catalogue) (*Baseline, error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	switch err := dec.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("the file is empty; a baseline without entries is []")
	case err != nil:
		return nil, plainYAML(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is a second document behind the list of entries")
	}
	list := document.Content[0]
	if list.Kind != yaml.SequenceNode {
		return nil, fmt.Errorf("line %d: a baseline is a list of entries", list.Line)
	}
	b := &Baseline{}
	for _, node := range list.Content {
		e, err := readEntry(node, catalogue)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", node.Line, err)
		}
		if len(e.Cases) == 0 {
			b.entries = append(b.entries, e)
			continue
		}
		cases := e.Cases
		e.Cases = nil
		for _, e.Case = range cases {
			b.entries = append(b.entries, e)
		}
	}
	return b, nil
}

func readEntry(node *yaml.Node, catalogue *spec.Catalogue) (baselineEntry, error) {
	var e baselineEntry
	if err := knownFields(node, "an entry", entryFields); err != nil {
		return e, err
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value != "implementations" {
			continue
		}
		for _, n := range node.Content[i+1].Content {
			if err := knownFields(n, "an implementation", implementationFields); err != nil {
				return e, err
			}
		}
	}
	if err := node.Decode(&e); err != nil {
		return e, plainYAML(err)
	}
	return e, e.check(catalogue)
}

// knownFields checks that a node is a mapping with no other keys than these.
func knownFields(node *yaml.Node, what string, known []string) error {
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("%s has the fields %s; this has none", what, strings.Join(known, ", "))
	}
	for i := 0; i < len(node.Content); i += 2 {
		if key := node.Content[i]; !slices.Contains(known, key.Value) {
			return fmt.Errorf("%s has no field %q: known are %s", what, key.Value, strings.Join(known, ", "))
		}
	}
	return nil
}

func (e *baselineEntry) check(catalogue *spec.Catalogue) error {
	named := 0
	for _, is := range []bool{e.Case != "", len(e.Cases) > 0, e.Rule != ""} {
		if is {
			named++
		}
	}
	switch {
	case named != 1:
		return errors.New("an entry names either a case, or cases, or a rule")
	case e.Verdict != "" && e.Verdict != AdapterCrash && e.Verdict != AdapterHang:
		return fmt.Errorf("the verdict of %s is %q: what can be said is %s or %s; without it is fail", e.name(), e.Verdict, AdapterCrash, AdapterHang)
	case e.Verdict != "" && e.Rule != "":
		return fmt.Errorf("the entry of %s has a verdict, which belongs to a case", e.name())
	case slices.Contains(e.Cases, ""):
		return errors.New("one of the cases of an entry has no name")
	case e.Rule == "" && len(e.Rules) == 0:
		return fmt.Errorf("%s does not say which rules are broken; rules has to list them", e.name())
	case e.Rule != "" && len(e.Rules) > 0:
		return fmt.Errorf("the entry of the rule %s has rules as well, which belong to a case", e.Rule)
	}
	for _, id := range e.broken() {
		if _, ok := catalogue.Rule(id); !ok {
			hint := ""
			if near := catalogue.Suggest(id); len(near) > 0 {
				hint = "; did you mean " + strings.Join(near, " or ") + "?"
			}
			return fmt.Errorf("there is no rule %q%s", id, hint)
		}
	}
	if strings.TrimSpace(e.Reason) == "" {
		return fmt.Errorf("the entry of %s has no reason: say why it is known to fail", e.name())
	}
	for _, i := range e.Implementations {
		if i.Name == "" {
			return fmt.Errorf("the entry of %s is for an implementation without a name", e.name())
		}
		if slices.Contains(i.Versions, "") {
			return fmt.Errorf("the entry of %s is for an empty version of %s", e.name(), i.Name)
		}
	}
	return nil
}

// plainYAML is what an error of the YAML reader says, in one line.
func plainYAML(err error) error {
	var lines []string
	for _, line := range strings.Split(strings.TrimPrefix(err.Error(), "yaml: "), "\n") {
		if line = strings.TrimSpace(line); line != "" && line != "unmarshal errors:" {
			lines = append(lines, line)
		}
	}
	return errors.New("not a baseline in YAML: " + strings.Join(lines, "; "))
}

// broken are the rules that the entry is about.
func (e *baselineEntry) broken() []string {
	if e.Rule != "" {
		return []string{e.Rule}
	}
	return e.Rules
}

func (e *baselineEntry) name() string {
	switch {
	case e.Rule != "":
		return "the rule " + e.Rule
	case len(e.Cases) > 0:
		return fmt.Sprintf("the case %q and others", e.Cases[0])
	}
	return fmt.Sprintf("the case %q", e.Case)
}

// why is the reason, with the reference where there is one.
func (e *baselineEntry) why() string {
	reason := strings.Join(strings.Fields(e.Reason), " ")
	if e.Reference != "" {
		reason += " (" + e.Reference + ")"
	}
	return reason
}

// A Fault is what baselines say of one fault: entries with the same reason are about the same.
type Fault struct {
	Reason          string
	Reference       string   // where it was reported; may be empty
	Rules           []string // that it breaks
	Implementations []string // each with its versions: "CPython asyncio 3.12, 3.13.0"; empty: all
}

// Faults returns the faults that the baseline knows, in its order.
func (b *Baseline) Faults() []Fault {
	var faults []Fault
	for _, e := range b.entries {
		reason := strings.Join(strings.Fields(e.Reason), " ")
		i := slices.IndexFunc(faults, func(f Fault) bool { return f.Reason == reason && f.Reference == e.Reference })
		if i < 0 {
			i = len(faults)
			faults = append(faults, Fault{Reason: reason, Reference: e.Reference})
		}
		f := &faults[i]
		for _, id := range e.broken() {
			if !slices.Contains(f.Rules, id) {
				f.Rules = append(f.Rules, id)
			}
		}
		for _, im := range e.Implementations {
			if text := strings.TrimSpace(im.Name + " " + strings.Join(im.Versions, ", ")); !slices.Contains(f.Implementations, text) {
				f.Implementations = append(f.Implementations, text)
			}
		}
	}
	return faults
}

// isFor reports whether the entry is about an implementation.
func (e *baselineEntry) isFor(d trace.Description) bool {
	return len(e.Implementations) == 0 || slices.ContainsFunc(e.Implementations, func(i baselineImplementation) bool {
		return i.Name == d.Name && (len(i.Versions) == 0 || slices.ContainsFunc(i.Versions, func(v string) bool {
			return d.Version == v || strings.HasPrefix(d.Version, v+".")
		}))
	})
}

// covers reports whether a violation in a case is known.
func (e *baselineEntry) covers(c *Case, v trace.Violation) bool {
	return e.Verdict == "" && (e.Case == "" || e.Case == c.ID) && slices.Contains(e.broken(), v.Rule)
}

// For returns the entries that are about an implementation.
func (b *Baseline) For(d trace.Description) *Baseline {
	return &Baseline{slices.DeleteFunc(slices.Clone(b.entries), func(e baselineEntry) bool { return !e.isFor(d) })}
}

// Apply gives a case the verdict that it has in view of the baseline. A case that fails is known to fail if each of its
// violations is known, and one that takes the adapter along if an entry of its own says so. A case with an entry of its own that passes does so unexpectedly.
func (b *Baseline) Apply(c *Case) {
	switch c.Verdict {
	case Fail:
		var reasons []string
		for _, v := range c.Violations {
			i := slices.IndexFunc(b.entries, func(e baselineEntry) bool { return e.covers(c, v) })
			if i < 0 {
				return
			}
			if why := b.entries[i].why(); !slices.Contains(reasons, why) {
				reasons = append(reasons, why)
			}
		}
		if len(reasons) > 0 {
			c.Verdict, c.BaselineReason = KnownFail, strings.Join(reasons, "; ")
		}
	case AdapterCrash, AdapterHang:
		i := slices.IndexFunc(b.entries, func(e baselineEntry) bool { return e.Case == c.ID && e.Verdict == c.Verdict })
		if i >= 0 {
			c.Verdict, c.BaselineReason = KnownFail, b.entries[i].why()
		}
	case Pass:
		i := slices.IndexFunc(b.entries, func(e baselineEntry) bool { return e.Case == c.ID })
		if i < 0 {
			return
		}
		e := b.entries[i]
		c.Verdict, c.BaselineReason = UnexpectedPass, e.why()
		c.Message = fmt.Sprintf("the case passed; the baseline has it as a known failure of %s: %s; if that is over, its entry has to go",
			strings.Join(e.Rules, ", "), e.why())
	}
}

// Unmatched says which entries match nothing in a report: a case that does not exist, a rule that no case broke. Nothing is
// said of what was not run, and so nothing of a run that was broken off, and of rules only where no case was filtered out.
func (b *Baseline) Unmatched(r *Report) []string {
	if !r.Complete {
		return nil
	}
	var unmatched []string
	for _, e := range b.entries {
		switch {
		case e.Case != "":
			if !slices.ContainsFunc(r.Cases, func(c Case) bool { return c.ID == e.Case }) {
				unmatched = append(unmatched, e.name()+": there is no such case")
			}
		case r.Suite.Filter == "" && !e.mayOccur(r.Cases):
			unmatched = append(unmatched, e.name()+": no case broke it")
		}
	}
	return unmatched
}

// mayOccur reports whether a case broke the rule of the entry, or whether nothing can be said because no case that is about
// the rule came to a judgement.
func (e *baselineEntry) mayOccur(cases []Case) bool {
	about, judged := 0, 0
	for _, c := range cases {
		if slices.ContainsFunc(c.Violations, func(v trace.Violation) bool { return v.Rule == e.Rule }) {
			return true
		}
		if slices.Contains(c.Rules, e.Rule) {
			about++
			if c.Verdict.Ran() && !c.Verdict.OfAdapter() {
				judged++
			}
		}
	}
	return about > 0 && judged == 0
}

// WriteBaseline writes the failing cases of a report as the entries of a baseline. Their reasons are empty, for people to
// fill in. It returns how many entries there are.
func WriteBaseline(w io.Writer, r *Report) (entries int, err error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Known failures of %s %s, judged by %s at depth %s", r.Implementation.Name, r.Implementation.Version, r.Suite.Target, r.Suite.Depth)
	if r.Suite.Strict {
		out.WriteString(", strictly")
	}
	out.WriteString(".\n# Every entry needs a reason, and a reference where the fault has been reported; CONFORMANCE.md tells what else it may have.\n")
	for _, c := range r.Cases {
		if c.Verdict != Fail {
			continue
		}
		entries++
		out.WriteString("\n- case: " + quoted(c.ID) + "\n  rules:\n")
		for _, id := range violated(c) {
			out.WriteString("    - " + id + "\n")
		}
		for _, line := range wrap(printable(c.Message), width-len("  # ")) {
			out.WriteString("  # " + line + "\n")
		}
		out.WriteString("  reason: \"\" # why is it known to fail?\n")
	}
	if entries == 0 {
		out.WriteString("\n[]\n")
	}
	_, err = w.Write(out.Bytes())
	return entries, err
}

// quoted is a text as a YAML string in one line.
func quoted(text string) string {
	out, err := yaml.Marshal(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Style: yaml.DoubleQuotedStyle})
	if err != nil {
		panic(err) // any string can be quoted
	}
	return strings.TrimSuffix(string(out), "\n")
}

// printable is the first line of a text, fit for a comment.
func printable(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
