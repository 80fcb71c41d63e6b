package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// aLine is a file of one vector, about reading a line.
const aLine = `{"schema":1,"doc":"a line","vectors":[{"name":"it's a line","rules":["reader.readline.keeps-lf"],"reference":"gh-1","needs":["reader"],"steps":[
	{"command":{"op":"reader.make","as":"r","limit":8},"expect":[{"returned":{}}]},
	{"command":{"op":"reader.feed_data","on":"r","data":"ab\n"}},
	{"command":{"op":"reader.readline","on":"r","as":"c1"},"expect":[{"returned":{"bytes":"ab\n"}}]}]}]}`

func TestVectors(t *testing.T) {
	dir := t.TempDir()
	writeText(t, dir, "line.json", aLine)
	writeText(t, dir, "odd.json", strings.Replace(aLine, `{"bytes":"ab\n"}`, `{"bytes":"aX\n"}`, 1))
	writeText(t, dir, "either.json", strings.Replace(aLine, `[{"returned":{"bytes":"ab\n"}}]`, `[{"pending":"c1"},{"returned":{"bytes":"ab\n"}}]`, 1))
	writeText(t, dir, "rule.json", strings.Replace(aLine, `readline.keeps-lf`, `readline.keeps-it`, 1))
	writeText(t, dir, "since.json", strings.Replace(aLine, `"needs"`, `"since":"3.9","needs"`, 1))
	writeText(t, dir, "guidance.json", strings.Replace(aLine, `reader.readline.keeps-lf`, `transport.base.no-use-after-close`, 1))
	writeText(t, dir, "command.json", strings.Replace(aLine, `reader.feed_data`, `reader.feed`, 1))
	writeText(t, dir, "tuple.json", strings.NewReplacer(`reader.readline.keeps-lf`, `reader.readuntil.tuple-accepted`, `"needs"`, `"since":"3.13","needs"`).Replace(aLine))
	for _, test := range []struct {
		name, kind string
		args       []string
		code       int
		want       string
	}{
		{"those that come with it", "", nil, 0, " vectors passed, 0 failed, 1 were left out\n"},
		{"of a file", "", []string{"line.json"}, 0, "1 vectors passed, 0 failed, 0 were left out\n"},
		{"with two outcomes permitted", "", []string{"either.json"}, 0, "1 vectors passed"},
		{"with an expectation that is wrong", "", []string{"line.json", "odd.json"}, 1, `
FAIL odd.json: it's a line
  step 3, c1 = r.readline()
    gave       returned "ab\n"
    permitted: returned "aX\n"
  rule: reader.readline.keeps-lf (MUST)
  a fault of this kind: gh-1
  again: streamspec vectors line.json odd.json --adapter reference --name 'it'\''s a line'

1 vectors passed, 1 failed, 0 were left out
`},
		{"on an implementation that is wrong", "wrong", []string{"line.json", own()}, 1, "\n  reader.readline.keeps-lf: step 3: "},
		{"that are all left out by their names", "", []string{"line.json", "--name", "word"}, 4, "nothing was run"},
		{"that are not in force", "", []string{"tuple.json", "--target", "3.12"}, 4, "1 were left out"},
		{"without what they need", "empty", []string{"line.json", own()}, 4, "nothing was run"},
		{"on an adapter that crashes", "crash", []string{"line.json", own()}, 3, "\nBROKEN line.json: it's a line\n  adapter-crash: "},
		{"on an adapter that hangs", "hang", []string{"line.json", own(), "--deadline", "300ms"}, 3, "adapter-hang"},
		{"on an adapter that gives up", "exit", []string{"line.json", own()}, 3, "I give up"},
		{"of no file", "", []string{"missing.json"}, 2, `the vectors "missing.json" cannot be read: no such file`},
		{"with an unknown rule", "", []string{"rule.json"}, 2, `rule.json: vector 1, "it's a line": there is no rule "reader.readline.keeps-it"`},
		{"with versions that are not those of the rules", "", []string{"since.json"}, 2, `since is "3.9"`},
		{"by guidance", "", []string{"guidance.json"}, 2, "guidance, by which nothing is judged"},
		{"with an unknown command", "", []string{"command.json"}, 2, `command.json: vector 1, "it's a line": step 2: there is no command "reader.feed"`},
		{"of no target", "", []string{"--target", "three"}, 2, `no target version "three"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := invoke(t, dir, test.kind, append([]string{"vectors"}, test.args...)...)
			g := NewWithT(t)
			g.Expect(r.code).To(Equal(test.code), "%s%s", r.stdout, r.stderr)
			g.Expect(r.stdout + r.stderr).To(ContainSubstring(test.want))
			if test.code > 1 && test.code != 3 {
				g.Expect(r.stderr).To(MatchRegexp(`^streamspec: [^\n]+\n$`), "one sentence")
			}
		})
	}
}

// spoils are faults of Python's asyncio, each with what a failing vector then says.
var spoils = map[string]string{
	"asyncio.StreamReader.at_eof = lambda self: self._eof":                                                                                                 "reader.feed.at-eof-needs-empty-and-eof",
	"asyncio.StreamReader._maybe_resume_transport = lambda self: None":                                                                                     "reader.feed.resumes-at-limit",
	"asyncio.StreamReader.feed_eof = lambda self: setattr(self, '_eof', True)":                                                                             "reader.feed.eof-marks-end",
	"asyncio.IncompleteReadError.__init__ = lambda self, partial, expected: setattr(self, 'partial', partial[:-1]) or setattr(self, 'expected', expected)": "reader.readexactly.partial-holds-what-was-read",
}

// TestVectorsCatchSpoiledPythons runs the vectors on Pythons whose asyncio was tampered with, by the command and by the runner
// that is in the folder of the vectors.
func TestVectorsCatchSpoiledPythons(t *testing.T) {
	python, err := exec.LookPath(defaultPython)
	if err != nil {
		t.Skip("there is no python3 here")
	}
	runner, err := filepath.Abs("../../../fixtures/vectors/run.py")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(runner), "reader*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no vectors: %v", err)
	}
	for spoil, rule := range spoils {
		dir := t.TempDir()
		writeText(t, dir, "sitecustomize.py", "import asyncio\n"+spoil+"\n")
		for _, argv := range [][]string{append([]string{binary, "vectors", "--adapter", "python"}, files...), append([]string{python, runner}, files...)} {
			cmd := exec.Command(argv[0], argv[1:]...)
			cmd.Env = append(os.Environ(), "PYTHONPATH="+dir)
			out, err := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(string(out), rule) {
				t.Errorf("%s ended with %d (%v) in spite of %s, or does not name %s:\n%.2000s", filepath.Base(argv[0]), code, err, spoil, rule, out)
			}
		}
	}
}
