package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/streamspec/streamspec/conformance"
	"github.com/streamspec/streamspec/conformance/internal/mutants"
	"github.com/streamspec/streamspec/spec"
)

// A listed rule is a rule and who watches over it.
type listedRule struct {
	spec.Rule
	Checks  []string `json:"checks,omitempty"`  // cases
	Mutants []string `json:"mutants,omitempty"` // faults of the reference that its checks have to find
}

// listRules returns the whole catalogue.
func listRules() (*spec.Catalogue, []listedRule, error) {
	catalogue, err := spec.Load()
	if err != nil {
		return nil, nil, err
	}
	checks, err := conformance.Checks()
	if err != nil {
		return nil, nil, err
	}
	names, err := mutantNames()
	if err != nil {
		return nil, nil, err
	}
	var rules []listedRule
	for _, r := range catalogue.Rules() {
		rules = append(rules, listedRule{Rule: r, Checks: checks[r.ID], Mutants: names[r.ID]})
	}
	return catalogue, rules, nil
}

// mutantNames returns the names of the mutants that a check of each rule has to kill.
func mutantNames() (map[string][]string, error) {
	all, err := mutants.Load()
	if err != nil {
		return nil, err
	}
	names := map[string][]string{}
	for _, m := range all {
		names[m.Rule] = append(names[m.Rule], m.Name)
	}
	return names, nil
}

// unchecked reports whether the rule can be judged and no check does so.
func (r listedRule) unchecked() bool { return len(r.Checks) == 0 && r.Scope != spec.Guidance }

func newRules() *cobra.Command {
	var (
		asJSON, unchecked bool
		area, level       string
	)
	cmd := &cobra.Command{
		Use: "rules", Short: "List the rules", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			catalogue, rules, err := listRules()
			if err != nil {
				return err
			}
			if area != "" && !slices.Contains(catalogue.Areas(), spec.Area(area)) {
				return usage("there is no area %q: known are %s", area, list(catalogue.Areas()))
			}
			if level != "" && !slices.Contains(spec.Levels(), spec.Level(strings.ToUpper(level))) {
				return usage("there is no level %q: known are %s", level, list(spec.Levels()))
			}
			rules = slices.DeleteFunc(rules, func(r listedRule) bool {
				return area != "" && r.Area != spec.Area(area) || level != "" && r.Level != spec.Level(strings.ToUpper(level)) || unchecked && !r.unchecked()
			})
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), rules)
			}
			return printRules(cmd.OutOrStdout(), rules)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&area, "area", "", "only the rules of this `area`")
	cmd.Flags().StringVar(&level, "level", "", "only the rules of this `level`")
	cmd.Flags().BoolVar(&unchecked, "unchecked", false, "only the rules that no case checks yet")
	return cmd
}

func list[T ~string](values []T) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(v)
	}
	return strings.Join(words, ", ")
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(v)
}

func printRules(out io.Writer, rules []listedRule) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "RULE\tROW\tLEVEL\tSCOPE\tVERSIONS\tCHECKS\tMUTANTS")
	checked := 0
	for _, r := range rules {
		checks := fmt.Sprint(len(r.Checks))
		switch {
		case r.unchecked():
			checks = "unchecked"
		case r.Scope == spec.Guidance:
			checks = "-"
		default:
			checked++
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\n", r.ID, r.Inventory, r.Level, r.Scope, r.Versions, checks, len(r.Mutants))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%d rules, %d of them checked\n", len(rules), checked)
	return err
}

func newExplain() *cobra.Command {
	return &cobra.Command{
		Use: "explain RULE", Short: "Say all that is known of a rule", Args: oneArgument("the ID of a rule"),
		RunE: func(cmd *cobra.Command, args []string) error {
			catalogue, rules, err := listRules()
			if err != nil {
				return err
			}
			i := slices.IndexFunc(rules, func(r listedRule) bool { return r.ID == args[0] || r.Inventory == args[0] })
			if i < 0 {
				hint := `; "streamspec rules" lists them`
				if near := catalogue.Suggest(args[0]); len(near) > 0 {
					hint = "; did you mean " + strings.Join(near, " or ") + "?"
				}
				return usage("there is no rule %q%s", args[0], hint)
			}
			return explain(cmd.OutOrStdout(), rules[i])
		},
	}
}

func explain(out io.Writer, r listedRule) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n  %s\n\n", r.ID, r.Statement)
	row := func(label, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%-12s%s\n", label, text)
		}
	}
	documents := make([]string, len(r.Documents))
	for i, v := range r.Documents {
		documents[i] = v.String()
	}
	row("level", string(r.Level))
	row("scope", string(r.Scope))
	row("in force", r.Versions.String())
	row("stated by", strings.Join(documents, ", "))
	row("source", r.Source)
	row("row", r.Inventory)
	row("observed", r.Observe)
	rows := func(label string, texts []string) {
		for _, text := range texts {
			row(label, text)
			label = ""
		}
	}
	rows("boundaries", r.Boundaries)
	row("note", r.Note)
	rows("checks", r.Checks)
	rows("mutants", r.Mutants)
	switch {
	case r.Scope == spec.Guidance:
		row("checks", "none: the rule is advice to users, there is nothing to observe")
	case r.unchecked():
		row("checks", "none yet: the rule is unchecked")
	default:
		row("run them", "streamspec run --rule "+r.ID)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
