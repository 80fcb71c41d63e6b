package mutants

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/streamspec/streamspec/spec"
)

func catalogue(t *testing.T) *spec.Catalogue {
	t.Helper()
	c, err := spec.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// filesOf are files of mutants, by name.
func filesOf(texts map[string]string) fs.FS {
	fsys := fstest.MapFS{}
	for name, text := range texts {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func TestLoad(t *testing.T) {
	all, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	top, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.Python != "" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(m.File)))
		if err != nil {
			t.Errorf("mutant %q: %v", m.Name, err)
		} else if n := strings.Count(string(text), m.Old); n != 1 { // said here, before a run of all mutants finds out
			t.Errorf("mutant %q: its text occurs %d times in %s", m.Name, n, m.File)
		}
	}
}

func TestParseSortsByTheCatalogue(t *testing.T) {
	all, err := parse(filesOf(map[string]string{
		"a.yaml": `
- {name: third, rule: reader.readuntil.keeps-separator, file: a.go, old: x, new: y}
- {name: first, rule: reader.read.empty-at-eof, file: a.go, old: x, new: y, bug: "gh-1"}
`,
		"b.yaml": `
- {name: fourth, rule: reader.readuntil.keeps-separator, file: a.go, old: x}
- {name: second, rule: reader.read.empty-at-eof, file: a.go, old: x, new: z}
`,
		"notes.txt": "not YAML: [",
	}), catalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	const empty, keeps = "reader.read.empty-at-eof", "reader.readuntil.keeps-separator"
	want := []Mutant{
		{Name: "first", Rule: empty, File: "a.go", Old: "x", New: "y", Bug: "gh-1"},
		{Name: "second", Rule: empty, File: "a.go", Old: "x", New: "z"},
		{Name: "third", Rule: keeps, File: "a.go", Old: "x", New: "y"},
		{Name: "fourth", Rule: keeps, File: "a.go", Old: "x"}, // the text is taken out
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string][]Mutant{empty: want[:2], keeps: want[2:]}, ByRule(all)); diff != "" {
		t.Errorf("by rule (-want +got):\n%s", diff)
	}
}

// TestSpoil holds that a Python takes up what is written down for it.
func TestSpoil(t *testing.T) {
	variable, err := Workshop{Dir: t.TempDir()}.Spoil(Mutant{Python: "print('spoiled')"}, 7)
	if err != nil {
		t.Fatal(err)
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3")
	}
	cmd := exec.Command(python, "-c", "")
	cmd.Env = append(os.Environ(), variable)
	if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "spoiled" {
		t.Errorf("python3 printed %q, %v", out, err)
	}
}

func TestParseErrors(t *testing.T) {
	const good = "- {name: good, rule: reader.read.empty-at-eof, file: a.go, old: x, new: y}\n"
	for name, test := range map[string]struct {
		files map[string]string
		says  []string
	}{
		"an unknown rule":           {map[string]string{"a.yaml": "- {name: m, rule: reader.read.backwards, file: a.go, old: x, new: y}"}, []string{`a.yaml: mutant "m": there is no rule "reader.read.backwards"`}},
		"a rule by its inventory":   {map[string]string{"a.yaml": "- {name: m, rule: RDUNTIL-009, file: a.go, old: x, new: y}"}, []string{`there is no rule "RDUNTIL-009"`}},
		"a name used twice":         {map[string]string{"a.yaml": good + good}, []string{`a.yaml: mutant "good": there is another of that name`}},
		"a name used in two files":  {map[string]string{"a.yaml": good, "b.yaml": good}, []string{`b.yaml: mutant "good": there is another of that name`}},
		"an unknown field":          {map[string]string{"a.yaml": "- {name: m, rules: [reader.read.empty-at-eof], file: a.go, old: x, new: y}"}, []string{"a.yaml: ", "field rules not found"}},
		"nothing changed":           {map[string]string{"a.yaml": "- {name: m, rule: reader.read.empty-at-eof, file: a.go, old: x, new: x}"}, []string{`mutant "m": old and new are the same`}},
		"no file":                   {map[string]string{"a.yaml": "- {name: m, rule: reader.read.empty-at-eof, old: x, new: y}"}, []string{"name, and file and old, or python, are needed"}},
		"no name":                   {map[string]string{"a.yaml": "- {rule: reader.read.empty-at-eof, file: a.go, old: x, new: y}"}, []string{"name, and file and old, or python, are needed"}},
		"nothing to replace":        {map[string]string{"a.yaml": "- {name: m, rule: reader.read.empty-at-eof, file: a.go, new: y}"}, []string{"name, and file and old, or python, are needed"}},
		"of both":                   {map[string]string{"a.yaml": "- {name: m, rule: reader.read.empty-at-eof, file: a.go, old: x, new: y, python: pass}"}, []string{`mutant "m": it is of the reference or of Python, not of both`}},
		"something behind the list": {map[string]string{"a.yaml": good + "---\n" + good}, []string{"a.yaml: something follows the list of mutants"}},
		"not YAML":                  {map[string]string{"a.yaml": "- {name: m"}, []string{"a.yaml: "}},
		"not a list":                {map[string]string{"a.yaml": "name: m"}, []string{"a.yaml: "}},
		"several faults, all named": {map[string]string{"a.yaml": "- {name: m, rule: x.y.z, file: a.go, old: x, new: x}", "b.yaml": "nonsense"}, []string{`there is no rule "x.y.z"`, "old and new are the same", "b.yaml: "}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(filesOf(test.files), catalogue(t))
			if err == nil {
				t.Fatalf("no error, want one that says %q", test.says)
			}
			for _, says := range test.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("the error does not say %q: %v", says, err)
				}
			}
		})
	}
}

// workshop is one over a tiny module, whose testee prints a word.
func workshop(t *testing.T) Workshop {
	t.Helper()
	if testing.Short() {
		t.Skip("it runs the compiler")
	}
	w := Workshop{Module: t.TempDir(), Dir: t.TempDir()}
	for name, text := range map[string]string{
		"go.mod":       "module tiny\n\ngo 1.25\n",
		"word/word.go": "package word\n\n// Good and Twice are words: Twice.\nconst (\n\tGood  = \"good\"\n\tTwice = \"twice\"\n)\n",
		"conformance/internal/mutants/testee/main.go": "package main\n\nimport \"tiny/word\"\n\nfunc main() { print(word.Good) }\n",
	} {
		file := filepath.Join(w.Module, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func TestBuild(t *testing.T) {
	w := workshop(t)
	source := filepath.Join(w.Module, "word", "word.go")
	before, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	binary, err := w.Build(context.Background(), Mutant{Name: "m", File: "word/word.go", Old: `"good"`, New: `"bad"`}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(binary).CombinedOutput(); err != nil || string(out) != "bad" {
		t.Errorf("the mutant says %q (%v), want bad", out, err)
	}
	if after, err := os.ReadFile(source); err != nil || string(after) != string(before) {
		t.Errorf("the module itself was changed (%v):\n%s", err, after)
	}
	if !strings.HasPrefix(binary, w.Dir) {
		t.Errorf("the mutant was built as %s, outside of %s", binary, w.Dir)
	}
}

func TestBuildErrors(t *testing.T) {
	w := workshop(t)
	for says, m := range map[string]Mutant{
		`mutant "m": the text to replace occurs 0 times in word/word.go`: {Old: "no such text", New: "x"},
		`mutant "m": the text to replace occurs 3 times in word/word.go`: {Old: "Twice", New: "x"},
		`mutant "m" does not compile`:                                    {Old: `"good"`, New: `"good`},
		"undefined: word.Good":                                           {Old: "Good  =", New: "Better ="}, // it compiles, what uses it does not
		`mutant "m": open`:                                               {File: "word/words.go", Old: "Good", New: "Bad"},
		"not once:\n\tGood\n\tand more":                                  {Old: "Good\nand more", New: "x"},
	} {
		m.Name = "m"
		if m.File == "" {
			m.File = "word/word.go"
		}
		binary, err := w.Build(context.Background(), m, 2)
		if err == nil || !strings.Contains(err.Error(), says) || binary != "" {
			t.Errorf("%q and %v, want an error that says %q", binary, err, says)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := w.Build(ctx, Mutant{Name: "m", File: "word/word.go", Old: `"good"`, New: `"bad"`}, 3); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled, it fails with %v", err)
	}
}
