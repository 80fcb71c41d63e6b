package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/adapter/reference"
	"github.com/streamspec/streamspec/conformance/adapter/stdio"
	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/spec/trace"
)

// binary is the command, built once.
var binary string

func TestMain(m *testing.M) {
	if kind := os.Getenv(adapterVariable); kind != "" {
		beAdapter(kind)
	}
	flag.Parse()
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "streamspec-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "streamspec")
		if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// This test's own binary is an adapter, faulty in a way that the variable names.
const (
	adapterVariable = "STREAMSPEC_TEST_ADAPTER"
	stateVariable   = "STREAMSPEC_TEST_STATE"
)

func beAdapter(kind string) {
	switch kind {
	case "garbage":
		fmt.Println("hello, world")
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "flood":
		for {
			if _, err := os.Stdout.Write(bytes.Repeat([]byte("x"), 1<<16)); err != nil {
				break
			}
		}
	case "silent":
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "exit":
		fmt.Fprintln(os.Stderr, "I give up")
		os.Exit(5)
	case "version":
		fmt.Println(`{"jsonrpc":"2.0","id":1,"result":{"protocol":99}}`)
		_, _ = io.Copy(io.Discard, os.Stdin)
	default:
		if err := stdio.Serve(context.Background(), &faulty{reference.New(), kind}, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(0)
}

type faulty struct {
	adapter.Adapter
	kind string
}

func (f *faulty) Describe(ctx context.Context) (trace.Description, error) {
	d, err := f.Adapter.Describe(ctx)
	d.Name = "faulty " + f.kind
	if f.kind == "empty" {
		d.Capabilities, d.BestEffort = nil, nil
	}
	return d, err
}

func (f *faulty) NewSession(ctx context.Context) (adapter.Session, error) {
	s, err := f.Adapter.NewSession(ctx)
	return &faultySession{s, f.kind}, err
}

type faultySession struct {
	adapter.Session
	kind string
}

// Do carries out commands; what it does wrong it does in readline.
func (s *faultySession) Do(ctx context.Context, commands []trace.Command) ([]trace.Reply, error) {
	for _, c := range commands {
		if c.Op != trace.ReaderReadLine {
			continue
		}
		switch s.kind {
		case "crash":
			os.Exit(7)
		case "hang":
			select {}
		}
	}
	replies, err := s.Session.Do(ctx, commands)
	for i, c := range commands {
		if c.Op != trace.ReaderReadLine || i >= len(replies) || replies[i].Returned == nil || replies[i].Returned.Bytes == nil {
			continue
		}
		line := *replies[i].Returned.Bytes
		if len(line) > 0 && (s.kind == "wrong" || s.kind == "flaky" && secondTime()) {
			v := trace.BytesValue(line[:len(line)-1])
			replies[i].Returned = &v
		}
	}
	return replies, err
}

// secondTime tells whether another process has asked this before.
var secondTime = sync.OnceValue(func() bool {
	f, err := os.OpenFile(os.Getenv(stateVariable), os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_ = f.Close()
	}
	return err != nil
})

// A result is what became of an invocation.
type result struct {
	code           int
	stdout, stderr string
}

// invoke runs the command in a folder, with the test's own binary as the adapter of some kind where one is named.
func invoke(t *testing.T, dir, kind string, args ...string) result {
	t.Helper()
	cmd := command(t, dir, kind, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func command(t *testing.T, dir, kind string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GITHUB_STEP_SUMMARY=", adapterVariable+"="+kind)
	return cmd
}

// own is the flag that makes the test's binary the adapter.
func own() string { return "--adapter=" + shellQuote(os.Args[0]) }

func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("plain", "no program", 0o644)
	write("corrupt.json", `{"schema":1,"steps":[{"command":{"op":"reader.fly","on":"r"}}]}`, 0o644)
	write("other.json", `{"complete":true}`, 0o644)
	write("later.json", `{"schema":9,"steps":[]}`, 0o644)
	write("fine.json", `{"schema":1,"steps":[{"command":{"op":"reader.make","as":"r"}}]}`, 0o644)
	write("empty.json", ``, 0o644)
	readline := []string{"--rule", "reader.readline.keeps-lf", "--depth", "quick"}
	for _, test := range []struct {
		name string
		kind string // of adapter
		args []string
		code int
		want string // in the sentence
	}{
		{"unknown adapter", "", []string{"run", "--adapter", "referense"}, 2, `no adapter "referense"`},
		{"command that does not exist", "", []string{"run", "--adapter", "./nothing --fast"}, 2, `"./nothing" cannot be started`},
		{"command that is not executable", "", []string{"run", "--", "./plain"}, 2, "not executable"},
		{"empty command", "", []string{"run", "--adapter", " "}, 2, "empty"},
		{"open quote", "", []string{"run", "--adapter", "run 'it"}, 2, "quote"},
		{"nothing behind dashes", "", []string{"run", "--"}, 2, "no command follows"},
		{"adapter twice", "", []string{"run", "--adapter", "python", "--", "cat"}, 2, "named twice"},
		{"Python that does not exist", "", []string{"run", "--adapter", "python", "--python", "./no-python"}, 2, "cannot be run"},
		{"Python for another adapter", "", []string{"run", "--python", "python3"}, 2, "--python is for"},
		{"loop for another adapter", "", []string{"run", "--loop", "a:b"}, 2, "--loop is for"},
		{"loop for another adapter to check", "", []string{"check", "reference", "--loop", "a:b"}, 2, "--loop is for"},
		{"no control without a loop", "", []string{"run", "--no-control"}, 2, "--no-control is for --loop"},
		{"unknown rule", "", []string{"run", "--rule", "reader.readline.keep-lf"}, 2, "did you mean reader.readline.keeps-lf"},
		{"empty rule", "", []string{"run", "--rule", ""}, 2, "--rule names no rule"},
		{"unknown depth", "", []string{"run", "--depth", "abyss"}, 2, `no depth "abyss"`},
		{"unknown target", "", []string{"run", "--target", "new"}, 2, `no target version "new"`},
		{"unknown profile", "", []string{"run", "--profile", "all"}, 2, `no profile "all"`},
		{"unknown flag", "", []string{"run", "--fast"}, 2, "unknown flag"},
		{"bad number", "", []string{"run", "--seed", "many"}, 2, `"many"`},
		{"no jobs", "", []string{"run", "--jobs", "0"}, 2, "--jobs is 0"},
		{"no repetitions", "", []string{"run", "--repeat", "-1"}, 2, "--repeat is -1"},
		{"no time", "", []string{"run", "--deadline", "0s"}, 2, "--deadline is 0s"},
		{"bad shard", "", []string{"run", "--shard", "3/2"}, 2, "shard"},
		{"malformed filter", "", []string{"run", "--label-filter", "(a && "}, 2, "cannot be read"},
		{"filter that selects nothing", "", []string{"run", "--label-filter", "nothing-has-this"}, 4, "nothing was run"},
		{"the same in jobs", "", []string{"run", "--label-filter", "nothing-has-this", "--jobs", "2"}, 4, "nothing was run"},
		{"usage in jobs", "", []string{"run", "--rule", "no.such", "--jobs", "2"}, 2, `no rule "no.such"`},
		{"report in no folder", "", []string{"run", "--json", "missing/r.json"}, 2, "cannot be written"},
		{"report that is a folder", "", []string{"run", "--junit", "."}, 2, "cannot be written"},
		{"stream in no folder", "", []string{"run", "--stream", "missing/r.jsonl"}, 2, "cannot be written"},
		{"two on standard output", "", []string{"run", "--json", "-", "--stream", "-"}, 2, "only one"},
		{"one file twice", "", []string{"run", "--json", "x", "--stream", "x"}, 2, "share the file"},
		{"transcripts in a file", "", []string{"run", "--transcripts", "plain"}, 2, "not a folder"},
		{"no baseline", "", []string{"run", "--baseline", "missing.yaml"}, 2, "no such file"},
		{"empty name of a baseline", "", []string{"run", "--baseline", ""}, 2, "cannot be read"},
		{"baseline to no file", "", []string{"baseline", "write"}, 2, "takes one argument"},
		{"baseline in no folder", "", []string{"baseline", "write", "missing/known.yaml"}, 2, `no folder "missing"`},
		{"unknown command of baseline", "", []string{"baseline", "read"}, 2, `no command "read"`},
		{"baseline of an adapter that fails", "crash", append([]string{"baseline", "write", "crash.yaml", own()}, readline...), 3, "no baseline was written"},
		{"baseline of nothing", "", []string{"baseline", "write", "nothing.yaml", "--label-filter", "nothing-has-this"}, 4, "no baseline was written"},
		{"unknown command", "", []string{"rum"}, 2, "did you mean run?"},
		{"argument of run", "", []string{"run", "reference"}, 2, `"reference"`},
		{"unknown rule to explain", "", []string{"explain", "reader.readline.keep-lf"}, 2, "did you mean"},
		{"no rule to explain", "", []string{"explain"}, 2, "one argument"},
		{"unknown area", "", []string{"rules", "--area", "sea"}, 2, `no area "sea"`},
		{"unknown level", "", []string{"rules", "--level", "OUGHT"}, 2, `no level "OUGHT"`},
		{"no transcript", "", []string{"replay", "missing.json"}, 2, "no such file"},
		{"corrupt transcript", "", []string{"replay", "corrupt.json"}, 2, "step 1"},
		{"another file", "", []string{"replay", "other.json"}, 2, "not a transcript"},
		{"transcript of another schema", "", []string{"replay", "later.json"}, 2, "schema 9"},
		{"empty file", "", []string{"replay", "empty.json"}, 2, "not a transcript"},
		{"unknown language", "", []string{"replay", "corrupt.json", "--as", "cobol"}, 2, "step 1"},

		{"transcript in an unknown form", "", []string{"replay", "fine.json", "--as", "cobol"}, 2, "known are go, python or short-python"},
		{"transcript in no package", "", []string{"replay", "fine.json", "--as", "go", "--package", "a b"}, 2, `name "a b"`},
		{"another protocol version", "version", []string{"run", own()}, 3, "version 99"},
		{"garbage", "garbage", []string{"run", own()}, 3, "hello, world"},
		{"flood", "flood", []string{"run", own()}, 3, "the adapter failed"},
		{"exit", "exit", []string{"run", own()}, 3, "I give up"},
		{"exit in jobs", "exit", []string{"run", own(), "--jobs", "2"}, 3, "I give up"},
		{"exit when checked", "exit", []string{"check", shellQuote(os.Args[0])}, 3, "I give up"},
		{"crash in a case", "crash", append([]string{"run", own()}, readline...), 3, "adapter-crash"},
		{"hang in a case", "hang", []string{"run", own(), "--label-filter", "reader.readline.loop-visits-every-line", "--deadline", "300ms"}, 3, "adapter-hang"},
		{"no capability", "empty", []string{"run", own(), "--label-filter", "reader.readline.loop-visits-every-line"}, 4, "lacks"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			r := invoke(t, dir, test.kind, test.args...)
			g.Expect(r.code).To(Equal(test.code), "%s%s", r.stdout, r.stderr)
			g.Expect(r.stderr).To(ContainSubstring(test.want))
			g.Expect(r.stderr).To(MatchRegexp(`^streamspec: [^\n]+\n$`), "one sentence")
			g.Expect(r.stdout + r.stderr).NotTo(MatchRegexp(`goroutine \d|panic|\.go:\d|Usage:`))
		})
	}
}

// judge runs the quick depth with a JSON report and returns that.
func judge(t *testing.T, dir, kind string, args ...string) (result, report.Report) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.json")
	res := invoke(t, dir, kind, append([]string{"run", "--depth", "quick", "--json", path}, args...)...)
	return res, readReport(t, path)
}

func readReport(t *testing.T, path string) report.Report {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		t.Fatalf("%v in %.300s", err, text)
	}
	return r
}

func verdicts(r report.Report) map[string]report.Verdict {
	m := map[string]report.Verdict{}
	for _, c := range r.Cases {
		m[c.ID] = c.Verdict
	}
	for _, rule := range r.Rules {
		m["rule "+rule.ID] = rule.Verdict
	}
	return m
}

func TestReferenceIsConformant(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	res, one := judge(t, dir, "", "--strict", "--junit", "cases.xml", "--stream", "cases.jsonl")
	g.Expect(res.code).To(Equal(0), "%s%s", res.stdout, res.stderr)
	g.Expect(res.stderr).To(BeEmpty())
	g.Expect(res.stdout).To(And(HavePrefix("judging streamspec reference "), ContainSubstring("by 3.13"),
		MatchRegexp(`enumerated: [\d,]+ distinct scenarios`), ContainSubstring("; exit status 0")))
	g.Expect(one.Schema).To(Equal(report.Schema))
	g.Expect(one.Complete).To(BeTrue())
	g.Expect(one.Summary.Conformant).To(BeTrue())
	g.Expect(one.Rules).To(HaveLen(475))
	g.Expect(one.Platform).To(HaveKey("go"))
	g.Expect(filepath.Join(dir, defaultTranscripts)).NotTo(BeADirectory(), "there was nothing to write")

	var junit struct {
		Tests int `xml:"tests,attr"`
		Cases []struct {
			Name string `xml:"name,attr"`
		} `xml:"testcase"`
	}
	text, err := os.ReadFile(filepath.Join(dir, "cases.xml"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(xml.Unmarshal(text, &junit)).To(Succeed())
	g.Expect(junit.Tests).To(Equal(len(one.Cases)))
	g.Expect(junit.Cases).To(HaveLen(len(one.Cases)))

	stream, err := os.Open(filepath.Join(dir, "cases.jsonl"))
	g.Expect(err).NotTo(HaveOccurred())
	defer stream.Close()
	var types []string
	complete, err := report.ReadStream(stream, func(l report.Line) { types = append(types, l.Type) })
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(complete).To(BeTrue())
	g.Expect(types).To(HaveLen(len(one.Cases) + 2))
	g.Expect(types[0]).To(Equal("header"))
	g.Expect(types[len(types)-1]).To(Equal("footer"))

	_, two := judge(t, dir, "", "--strict", "--jobs", "2")
	g.Expect(two.Complete).To(BeTrue())
	g.Expect(verdicts(two)).To(Equal(verdicts(one)))

	res, wire := judge(t, dir, "", "--strict", "--adapter", shellQuote(binary)+" serve")
	g.Expect(res.code).To(Equal(0), "%s%s", res.stdout, res.stderr)
	g.Expect(wire.Summary.Conformant).To(BeTrue())
	g.Expect(wire.Summary.Rules).To(Equal(one.Summary.Rules))
}

func TestStreamOnStandardOutput(t *testing.T) {
	g := NewWithT(t)
	r := invoke(t, t.TempDir(), "", "run", "--depth", "quick", "--rule", "reader.readline.keeps-lf", "--stream", "-")
	g.Expect(r.code).To(Equal(0))
	complete, err := report.ReadStream(strings.NewReader(r.stdout), func(report.Line) {})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(complete).To(BeTrue())
	g.Expect(r.stderr).To(ContainSubstring("exit status 0"))
}

func TestFailure(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	summary := filepath.Join(dir, "summary.md")
	cmd := command(t, dir, "wrong", "run", own(), "--depth", "quick", "--label-filter", "reader.readline", "--json", "r.json", "--github", "--verbose")
	cmd.Env = append(cmd.Env, "GITHUB_STEP_SUMMARY="+summary)
	out, err := cmd.CombinedOutput()
	g.Expect(err).To(HaveOccurred())
	g.Expect(cmd.ProcessState.ExitCode()).To(Equal(1), "%s", out)
	g.Expect(string(out)).To(And(
		ContainSubstring("reader.readline.keeps-lf (MUST)\n"),
		ContainSubstring("The terminating LF is part of the returned line"),
		MatchRegexp(`what +step \d+: .* returned ".*; permitted`),
		MatchRegexp(`replay it +streamspec replay \S+\.json --adapter`),
		MatchRegexp(`run again +streamspec run --adapter .* --depth quick --rule reader\.`),
		MatchRegexp(`not conformant: \d+ rules are not kept: .*; exit status 1`),
		ContainSubstring("::error title=reader.readline.keeps-lf (MUST)%3A fail::"),
	))
	g.Expect(summary).To(BeARegularFile())
	var failing report.Case
	for _, c := range readReport(t, filepath.Join(dir, "r.json")).Cases {
		if c.Verdict == report.Fail && c.ID == "reader.readline / keeps the LF" {
			failing = c
		}
	}
	g.Expect(failing.Transcript).To(HavePrefix(defaultTranscripts + string(filepath.Separator)))

	r := invoke(t, dir, "wrong", "replay", failing.Transcript, own())
	g.Expect(r.code).To(Equal(1), "%s%s", r.stdout, r.stderr)
	g.Expect(r.stdout).To(And(ContainSubstring("everything came back as recorded"), ContainSubstring("broken: reader.readline.keeps-lf (MUST)")))
	r = invoke(t, dir, "", "replay", failing.Transcript)
	g.Expect(r.code).To(Equal(0), "%s%s", r.stdout, r.stderr)
	g.Expect(r.stdout).To(And(ContainSubstring(`!    recorded: returned "abc"`), ContainSubstring("no rule is broken")))
	r = invoke(t, dir, "exit", "replay", failing.Transcript, own())
	g.Expect(r.code).To(Equal(3), "%s%s", r.stdout, r.stderr)

	r = invoke(t, dir, "", "replay", failing.Transcript, "--as", "python")
	g.Expect(r.code).To(Equal(0))
	g.Expect(r.stdout).NotTo(ContainSubstring("import streamspec"))
	g.Expect(runPython(t, r.stdout)).To(ContainSubstring(`c1 returned b'abc\n'`))
}

// runPython runs a program.
func runPython(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(defaultPython)
	if err != nil {
		t.Skip("there is no Python here")
	}
	cmd := exec.Command(path, "-W", "error", "-")
	cmd.Stdin = strings.NewReader(program)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, program)
	}
	return string(out)
}

// TestEveryCommandInPython writes a transcript with every command and form of data, and runs the program made of it.
func TestEveryCommandInPython(t *testing.T) {
	g := NewWithT(t)
	step := func(c trace.Command) trace.Step {
		g.Expect(c.Validate()).To(Succeed())
		return trace.Step{Command: c, Reply: &trace.Reply{Returned: &trace.None}}
	}
	data := func(form trace.Form, text string) *trace.Data {
		return &trace.Data{Form: form, Bytes: trace.Bytes(text)}
	}
	tr := trace.Transcript{Case: "every command\nin one", Steps: []trace.Step{
		step(trace.Command{Op: trace.ReaderMake, As: "class", Limit: trace.Int(100)}),
		step(trace.Command{Op: trace.ReaderMake, As: "2nd"}),
		{Command: trace.Command{Op: trace.ReaderMake, As: "r3", Limit: trace.Int(0)}, Reply: &trace.Reply{Raised: &trace.Error{Kind: trace.InvalidArgument}}},
		step(trace.Command{Op: trace.MockMake, As: "t", CanPause: trace.Bool(true)}),
		step(trace.Command{Op: trace.ReaderSetTransport, On: "class", Transport: "t"}),
		step(trace.Command{Op: trace.ReaderFeedData, On: "class", Data: data(trace.AsBytes, "a\"'\\\n\x00\xff"+strings.Repeat("z", 300)+"end")}),
		step(trace.Command{Op: trace.ReaderFeedData, On: "2nd", Data: data(trace.ByteArray, "ab")}),
		step(trace.Command{Op: trace.ReaderFeedData, On: "2nd", Data: data(trace.View, "cd")}),
		step(trace.Command{Op: trace.ReaderFeedData, On: "2nd", Data: data(trace.Mutated, "ef")}),
		step(trace.Command{Op: trace.ReaderFeedData, On: "2nd", Data: data(trace.Wide, "")}),
		step(trace.Command{Op: trace.ReaderRead, On: "class", As: "c1", N: trace.Int(2)}),
		step(trace.Command{Op: trace.ReaderRead, On: "class", As: "c2", NoSettle: true}),
		step(trace.Command{Op: trace.Cancel, On: "c2"}),
		step(trace.Command{Op: trace.ReaderReadExactly, On: "2nd", As: "c3", N: trace.Int(6)}),
		step(trace.Command{Op: trace.ReaderReadUntil, On: "2nd", As: "c4", Separator: data(trace.AsText, "\xe9")}),
		step(trace.Command{Op: trace.ReaderReadUntil, On: "2nd", As: "c5", Separator: data(trace.AsNone, "")}),
		step(trace.Command{Op: trace.ReaderReadUntil, On: "2nd", As: "c6", Separator: data(trace.AsInt, "")}),
		step(trace.Command{Op: trace.ReaderReadUntil, On: "2nd", As: "c7", Separator: data(trace.AsList, "x")}),
		step(trace.Command{Op: trace.ReaderReadUntil, On: "2nd", As: "c8", Separators: []trace.Data{*trace.D("x")}}),
		step(trace.Command{Op: trace.Forget, Names: []string{"c8", "2nd"}}),
		step(trace.Command{Op: trace.ReaderMake, As: "2nd", Limit: trace.Int(8)}),
		step(trace.Command{Op: trace.ReaderIterate, On: "2nd", As: "c9"}),
		step(trace.Command{Op: trace.ReaderFeedData, On: "2nd", Data: trace.D("l1\nl2\nl3")}),
		step(trace.Command{Op: trace.ReaderAtEOF, On: "2nd"}),
		step(trace.Command{Op: trace.ReaderFeedEOF, On: "2nd"}),
		step(trace.Command{Op: trace.Run, Until: &trace.Until{Done: "c9"}, Ms: 50}),
		step(trace.Command{Op: trace.ReaderSetException, On: "2nd", Exception: trace.Text("it's \"broken\"")}),
		step(trace.Command{Op: trace.ReaderException, On: "2nd"}),
		step(trace.Command{Op: trace.ReaderReadLine, On: "2nd", As: "c10"}),
		step(trace.Command{Op: trace.ReaderSetException, On: "2nd"}),
		step(trace.Command{Op: trace.Settle}),
		step(trace.Command{Op: trace.Forget}),
		step(trace.Command{Op: trace.ReaderMake, As: "last"}),
		step(trace.Command{Op: trace.ReaderRead, On: "last", As: "c11"}),
	}}
	out := runPython(t, pythonProgram(&tr))
	g.Expect(out).To(And(
		ContainSubstring("t.pause_reading()"), ContainSubstring(`c1 returned b'a"'`), ContainSubstring("c2 was cancelled"), ContainSubstring("c3 returned b'abcdef'"),
		ContainSubstring("c9 got b'l2\\n'"), ContainSubstring("c10 raised ScriptedError("), ContainSubstring("still waiting: c11"),
	))
}

func TestFlaky(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	cmd := command(t, dir, "flaky", "run", own(), "--depth", "quick", "--repeat", "2", "--json", "r.json", "--stream", "r.jsonl",
		"--label-filter", `reader.readline.empty-at-eof`)
	cmd.Env = append(cmd.Env, stateVariable+"="+filepath.Join(dir, "state"))
	out, _ := cmd.CombinedOutput()
	g.Expect(cmd.ProcessState.ExitCode()).To(Equal(1), "%s", out)
	r := readReport(t, filepath.Join(dir, "r.json"))
	g.Expect(r.Complete).To(BeTrue())
	g.Expect(r.Suite.Repeat).To(Equal(2))
	g.Expect(r.Summary.Cases[report.Flaky]).To(BeNumerically(">=", 1), "%s", out)
	g.Expect(string(out)).To(ContainSubstring("in 2 repetitions it came to fail 1 time, pass 1 time"))
}

func TestInterrupt(t *testing.T) {
	if _, err := exec.LookPath("kill"); err != nil {
		t.Skip("there are no signals here")
	}
	for name, args := range map[string][]string{
		"in one process": nil,
		"in jobs":        {"--jobs", "2"},
		"over the wire":  {"--adapter", shellQuote(binary) + " serve"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			dir := t.TempDir()
			cmd := command(t, dir, "", append([]string{"run", "--depth", "deep", "--verbose", "--json", "r.json", "--stream", "r.jsonl", "--junit", "r.xml"}, args...)...)
			reader, writer := io.Pipe()
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, writer), os.Stderr
			g.Expect(cmd.Start()).To(Succeed())
			seen := make(chan struct{})
			go func() {
				defer func() { _, _ = io.Copy(io.Discard, reader) }()
				buffer := make([]byte, 4096)
				var text string
				for !regexp.MustCompile(`(?m)^pass `).MatchString(text) {
					n, err := reader.Read(buffer)
					if err != nil {
						return
					}
					text += string(buffer[:n])
				}
				close(seen)
			}()
			select {
			case <-seen:
			case <-time.After(30 * time.Second):
				t.Fatal("no case ended within 30 s")
			}
			begun := time.Now()
			g.Expect(cmd.Process.Signal(syscall.SIGINT)).To(Succeed())
			_ = cmd.Wait()
			_ = writer.Close()
			g.Expect(time.Since(begun)).To(BeNumerically("<", endGrace+10*time.Second))
			g.Expect(cmd.ProcessState.ExitCode()).To(Equal(1), "%s", out.String())
			g.Expect(out.String()).To(And(ContainSubstring("interrupted (interrupt)"), ContainSubstring("the run was broken off; exit status 1")))
			r := readReport(t, filepath.Join(dir, "r.json"))
			g.Expect(r.Complete).To(BeFalse())
			g.Expect(r.Summary.Conformant).To(BeFalse())
			g.Expect(r.Cases).NotTo(BeEmpty())
			g.Expect(r.Summary.Cases).NotTo(HaveKey(report.SuiteBug))
			stream, err := os.Open(filepath.Join(dir, "r.jsonl"))
			g.Expect(err).NotTo(HaveOccurred())
			defer stream.Close()
			complete, err := report.ReadStream(stream, func(report.Line) {})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(complete).To(BeFalse())
		})
	}
}

// TestLostChild kills a child: what it had not told is missing, and that is said.
func TestLostChild(t *testing.T) {
	for _, tool := range []string{"pgrep", "kill"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	g := NewWithT(t)
	dir := t.TempDir()
	cmd := command(t, dir, "", "run", "--depth", "deep", "--jobs", "2", "--json", "r.json", "--label-filter", "reader.readuntil.overrun-keeps-data")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	g.Expect(cmd.Start()).To(Succeed())
	var children []string
	g.Eventually(func() []string {
		text, _ := exec.Command("pgrep", "-P", fmt.Sprint(cmd.Process.Pid)).Output()
		children = strings.Fields(string(text))
		return children
	}, "10s", "50ms").Should(HaveLen(2))
	time.Sleep(time.Second)
	for _, pid := range children {
		g.Expect(exec.Command("kill", "-9", pid).Run()).To(Succeed())
	}
	_ = cmd.Wait()
	g.Expect(cmd.ProcessState.ExitCode()).To(Equal(3), "%s", out.String())
	g.Expect(out.String()).To(And(ContainSubstring("the process that ran part 1 of 2 ended early"), ContainSubstring("killed")))
	g.Expect(readReport(t, filepath.Join(dir, "r.json")).Complete).To(BeFalse())
}

func TestRules(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	rules := func(args ...string) []listedRule {
		r := invoke(t, dir, "", append([]string{"rules", "--json"}, args...)...)
		g.Expect(r.code).To(Equal(0), r.stderr)
		var list []listedRule
		g.Expect(json.Unmarshal([]byte(r.stdout), &list)).To(Succeed())
		return list
	}
	all := rules()
	g.Expect(all).To(HaveLen(475))
	for _, r := range rules("--area", "reader.readline", "--level", "must") {
		g.Expect(string(r.Area)).To(Equal("reader.readline"))
		g.Expect(r.Checks).NotTo(BeEmpty(), r.ID)
	}
	for _, r := range rules("--unchecked") {
		g.Expect(r.Checks).To(BeEmpty())
		g.Expect(string(r.Scope)).NotTo(Equal("guidance"))
	}
	table := invoke(t, dir, "", "rules")
	g.Expect(strings.Count(table.stdout, "\n")).To(Equal(475 + 2))

	for _, name := range []string{"reader.readuntil.overrun-keeps-data", "RDUNTIL-009"} {
		r := invoke(t, dir, "", "explain", name)
		g.Expect(r.code).To(Equal(0))
		g.Expect(r.stdout).To(And(ContainSubstring("consumes nothing"), ContainSubstring("RDUNTIL-009"), ContainSubstring("MUST"),
			ContainSubstring("reader.readuntil / leaves the data in the buffer"), ContainSubstring("streamspec run --rule reader.readuntil.overrun-keeps-data")))
	}
}

func TestHelpFitsAScreen(t *testing.T) {
	g := NewWithT(t)
	r := invoke(t, t.TempDir(), "")
	g.Expect(r.code).To(Equal(0))
	g.Expect(strings.Count(r.stdout, "\n")).To(BeNumerically("<=", 32))
	g.Expect(strings.Count(r.stdout, "  streamspec run ")).To(Equal(3))
	for _, line := range strings.Split(r.stdout, "\n") {
		g.Expect(len(line)).To(BeNumerically("<=", 120))
	}
}

func TestCheck(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	for _, name := range []string{"reference", shellQuote(binary) + " serve"} {
		r := invoke(t, dir, "", "check", name)
		g.Expect(r.code).To(Equal(0), "%s%s", r.stdout, r.stderr)
		g.Expect(r.stdout).To(And(ContainSubstring("ok   capability reader\n"), ContainSubstring("--   capability python-surface is not declared"), ContainSubstring("the adapter works")))
	}
	r := invoke(t, dir, "crash", "check", "--", os.Args[0])
	g.Expect(r.code).To(Equal(3), "%s%s", r.stdout, r.stderr)
	g.Expect(r.stdout).To(ContainSubstring("BAD  capability reader: "))
	g.Expect(r.stderr).To(ContainSubstring("the adapter does not work"))
	if _, err := exec.LookPath(defaultPython); err == nil {
		r := invoke(t, dir, "", "check", "python")
		g.Expect(r.code).To(Equal(0), "%s%s", r.stdout, r.stderr)
		g.Expect(r.stdout).To(ContainSubstring("ok   self-check of the Python adapter"))
	}
}

func TestVersion(t *testing.T) {
	g := NewWithT(t)
	r := invoke(t, t.TempDir(), "", "version")
	g.Expect(r.stdout).To(MatchRegexp(`^streamspec \d+\.\d+\.\d+, go`))
}

func TestPanicIsOneSentence(t *testing.T) {
	g := NewWithT(t)
	var text string
	func() {
		defer func() { _, text = explainError(&fault{recover(), panicSite()}) }()
		var none []int
		none[len(os.Args)]++
	}()
	g.Expect(text).To(MatchRegexp(`^a fault of streamspec itself, runtime error: index out of range [^\n]*, at streamspec\.TestPanicIsOneSentence\S*:\d+; please report it .*$`))
}

func TestWords(t *testing.T) {
	g := NewWithT(t)
	for line, want := range map[string][]string{
		"":                        nil,
		" a  b ":                  {"a", "b"},
		`a 'b c' "d e" f\ g`:      {"a", "b c", "d e", "f g"},
		`"a\"b" '\' "" "\n" x'y'`: {`a"b`, `\`, "", `\n`, "xy"},
	} {
		got, err := words(line)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(got).To(Equal(want), line)
	}
	for _, argv := range [][]string{{"a"}, {"a b", "c'd", "", `e"f\`}, {"/x/y z/python3", "-c", "import sys; print('é')"}} {
		got, err := words(join(argv))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(got).To(Equal(argv))
	}
}
