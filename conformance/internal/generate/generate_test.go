package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/streamspec/streamspec/conformance/internal/mutants"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

const guide = `# Guide

<!-- generated: commands -->
old
text
<!-- end: commands -->

Between.

<!-- generated: events -->
<!-- end: events -->
After.
`

func TestSplice(t *testing.T) {
	got, err := splice([]byte(guide), "commands", "\nnew\n\n")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(guide, "old\ntext\n", "\nnew\n\n", 1)
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	again, err := splice(got, "commands", "\nnew\n\n")
	if err != nil || string(again) != string(got) {
		t.Errorf("done twice it is not what it was (%v):\n%s", err, cmp.Diff(string(got), string(again)))
	}
	if got, err = splice(got, "events", "event\n"); err != nil || !strings.Contains(string(got), "<!-- generated: events -->\nevent\n<!-- end: events -->\nAfter.\n") {
		t.Errorf("a part that was empty (%v):\n%s", err, got)
	}
}

func TestSpliceNeedsBothMarks(t *testing.T) {
	for name, text := range map[string]string{
		"neither":            "text",
		"no beginning":       "<!-- end: commands -->",
		"no end":             "<!-- generated: commands -->\ntext",
		"another part's end": "<!-- generated: commands -->\n<!-- end: events -->",
		"the wrong order":    "<!-- end: commands -->\n<!-- generated: commands -->\n",
		"not on its own":     "<!-- generated: commands --> <!-- end: commands -->",
	} {
		if got, err := splice([]byte(text), "commands", "new"); err == nil || !strings.Contains(err.Error(), "<!-- generated: commands -->") || got != nil {
			t.Errorf("%s: %q and %v, want an error that names the marks", name, got, err)
		}
	}
}

func TestCell(t *testing.T) {
	for in, want := range map[string]string{
		"plain":           "plain",
		"a|b":             `a\|b`,
		"two\nlines\n":    "two lines ",
		"`read|write`\n|": "`read\\|write` \\|",
	} {
		if got := cell(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestPut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file.md")
	content := func() string {
		b, err := os.ReadFile(path)
		if err != nil {
			return err.Error()
		}
		return string(b)
	}
	stale := func(text string) {
		t.Helper()
		before := content()
		if err := put(path, []byte(text), true); err == nil || !strings.Contains(err.Error(), "is stale: run make generate") {
			t.Errorf("checking for %q gives %v", text, err)
		}
		if content() != before {
			t.Errorf("checking changed the file to %q", content())
		}
	}
	stale("new") // there is none yet
	if err := put(path, []byte("new"), false); err != nil || content() != "new" {
		t.Errorf("writing gives %v and %q", err, content())
	}
	if err := put(path, []byte("new"), true); err != nil {
		t.Errorf("checking what is up to date: %v", err)
	}
	stale("newer")
	if err := put(path, []byte("newer"), false); err != nil || content() != "newer" {
		t.Errorf("writing again gives %v and %q", err, content())
	}
	// What is up to date is not written, so that its time stays.
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	if err := put(path, []byte("newer"), false); err != nil {
		t.Errorf("writing what is up to date: %v", err)
	}
}

func TestSome(t *testing.T) {
	var cases []string
	for i := range 5 {
		cases = append(cases, fmt.Sprintf("reader.read / case %d", i+1))
	}
	for n, want := range map[int]string{
		0: "",
		1: "case 1",
		3: "case 1; case 2; case 3",
		5: "case 1; case 2; case 3; and 2 more",
	} {
		if got := some(cases[:n], "reader.read / "); got != want {
			t.Errorf("of %d: %q, want %q", n, got, want)
		}
	}
}

func TestStateOfARule(t *testing.T) {
	k := knowledge{
		checks:  map[string][]string{"checked": {"c"}, "shown": {"c"}, "advice": {"c"}},
		mutants: map[string][]mutants.Mutant{"checked": {{}}, "idle": {{}}, "advice": {{}}},
	}
	for want, r := range map[string]spec.Rule{
		"checked":   {ID: "checked", Scope: spec.Behaviour},
		"no mutant": {ID: "shown", Scope: spec.Behaviour},
		"unchecked": {ID: "idle", Scope: spec.Behaviour}, // a mutant that no check is there to kill
		"guidance":  {ID: "advice", Scope: spec.Guidance},
	} {
		if got := k.state(r); got != want {
			t.Errorf("%s is %q, want %q", r.ID, got, want)
		}
	}
}

// TestTablesAreComplete holds that each row of the vocabulary has its place in the command reference.
func TestTablesAreComplete(t *testing.T) {
	mentions := func(text, name string) {
		t.Helper()
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("%s is missing", name)
		}
	}
	for _, s := range trace.Commands {
		mentions(commands(), string(s.Op))
		for _, a := range s.Args {
			mentions(commands(), a.Name)
		}
	}
	for _, e := range trace.Events {
		mentions(listed(trace.Events), string(e.Name))
	}
	for _, k := range trace.Kinds {
		mentions(listed(trace.Kinds), string(k.Name))
	}
	for _, f := range trace.Forms {
		mentions(listed(trace.Forms), string(f.Name))
	}
	for _, c := range trace.Capabilities {
		mentions(listed(trace.Capabilities), string(c.Name))
	}
}

func TestCoverageAddsUp(t *testing.T) {
	c, err := spec.Load()
	if err != nil {
		t.Fatal(err)
	}
	k := knowledge{catalogue: c}
	text := string(k.coverage())
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "| **all**") {
			want := fmt.Sprintf("| **all** | **%d** | **0** | **0** |", len(c.Rules()))
			if !strings.HasPrefix(line, want) {
				t.Errorf("without checks the sum is %s, want %s", line, want)
			}
		}
	}
	for _, r := range c.Rules() {
		if n := strings.Count(text, "| `"+r.ID+"` |"); n != 1 {
			t.Errorf("%s has %d rows", r.ID, n)
		}
	}
}

func TestSchemaOfTraceFollowsTheTable(t *testing.T) {
	text, err := schemaOfTrace()
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs struct {
			Command struct {
				OneOf []struct {
					Properties map[string]struct{ Const string }
					Required   []string
					Closed     *bool `json:"additionalProperties"`
				}
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	if got, want := len(schema.Defs.Command.OneOf), len(trace.Commands); got != want {
		t.Fatalf("the schema has %d commands, the table %d", got, want)
	}
	for i, s := range trace.Commands {
		c := schema.Defs.Command.OneOf[i]
		if c.Properties["op"].Const != string(s.Op) || c.Closed == nil || *c.Closed {
			t.Errorf("%s: the schema's command is %q, or takes any field", s.Op, c.Properties["op"].Const)
		}
		for _, a := range s.Args {
			if _, has := c.Properties[a.Name]; !has || slices.Contains(c.Required, a.Name) != a.Required {
				t.Errorf("%s: %s is known to the schema: %t, and required: %t; by the table required: %t", s.Op, a.Name, has, slices.Contains(c.Required, a.Name), a.Required)
			}
		}
		for name, want := range map[string]bool{"on": s.On != "", "as": s.Style == trace.Make || s.Style == trace.Start} {
			if slices.Contains(c.Required, name) != want {
				t.Errorf("%s: %s is required: %t, want %t", s.Op, name, !want, want)
			}
		}
	}
}

func TestSchemaOfReport(t *testing.T) {
	text, err := schemaOfReport()
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties struct {
			Rules struct {
				Items struct {
					Properties map[string]struct{ Enum []string }
				}
			}
		}
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	rule := schema.Properties.Rules.Items.Properties
	if !slices.Contains(rule["level"].Enum, "MUST") || !slices.Contains(rule["scope"].Enum, "behaviour") {
		t.Errorf("levels %q and scopes %q are not those of the catalogue", rule["level"].Enum, rule["scope"].Enum)
	}
}
