package main

import (
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/streamspec/streamspec/spec/trace"
)

// goTranscripts are a transcript about each kind of thing, with every form of argument among them.
var goTranscripts = map[string][]trace.Command{
	"reader": {
		{Op: trace.ReaderMake, As: "r", Limit: trace.Int(8)},
		{Op: trace.ReaderFeedData, On: "r", Data: &trace.Data{Bytes: trace.Bytes("a\xff\"\n"), Form: trace.View}},
		{Op: trace.ReaderFeedData, On: "r", Data: trace.D(strings.Repeat("x", 100) + ";")},
		{Op: trace.ReaderReadLine, On: "r", As: "c1", NoSettle: true},
		{Op: trace.ReaderReadUntil, On: "r", As: "c2", Separators: []trace.Data{*trace.D(";"), {Form: trace.ByteArray, Bytes: trace.Bytes("!!")}}},
		{Op: trace.ReaderSetException, On: "r", Exception: trace.Text("")},
		{Op: trace.Forget, Names: []string{}},
	},
	"connection": {
		{Op: trace.RawMake, As: "w", Kind: trace.Unix, Buffer: 4096},
		{Op: trace.ProtocolMake, As: "p", Program: []trace.Reaction{
			{In: trace.DataReceived, Nth: 1, Do: []trace.Command{{Op: trace.TransportWrite, On: "c1.transport", Data: trace.D("pong")}}},
			{In: trace.EOFReceived, Return: &trace.Value{Bool: trace.Bool(true)}},
		}},
		{Op: trace.ConnectionOpen, As: "c1", Raw: "w", Protocol: "p"},
		{Op: trace.RawSend, On: "w", Data: trace.D("ping")},
		{Op: trace.Run, Until: &trace.Until{Event: trace.DataReceived, On: "p", Bytes: 4}, Ms: 5000},
		{Op: trace.TransportWriteLines, On: "c1.transport", Chunks: []trace.Data{*trace.D("a"), *trace.D("b")}, Container: trace.Generator},
		{Op: trace.TransportClose, On: "c1.transport"},
		{Op: trace.RawRecv, On: "w", As: "c2"},
	},
	"server": {
		{Op: trace.AddressMake, As: "a", Kind: trace.TCP},
		{Op: trace.StreamServe, As: "s", Kind: trace.TCP, Addresses: []string{"a"}, Callback: trace.Coroutine, Program: []trace.Reaction{
			{In: trace.ClientConnected, Hold: true, Do: []trace.Command{{Op: trace.WriterClose, On: "s#1.writer"}}},
		}},
		{Op: trace.RawConnect, As: "w", Kind: trace.TCP, Address: "a"},
		{Op: trace.Run, Until: &trace.Until{Event: trace.ClientConnected, On: "s#1"}, Ms: 5000},
		{Op: trace.Release, On: "s#1"},
		{Op: trace.ServerClose, On: "s.server"},
	},
}

// TestGo prints transcripts as tests, and runs these on the reference.
func TestGo(t *testing.T) {
	var files []string
	for name, commands := range goTranscripts {
		tr := transcriptOf(t, commands...)
		tr.Case, tr.Rules, tr.Target = "about a "+name, []string{"about." + name}, "3.13"
		files = append(files, printGo(t, tr))
	}
	out, err := runGo(t, files...)
	g := NewWithT(t)
	g.Expect(err).NotTo(HaveOccurred(), out)
	for name := range goTranscripts {
		g.Expect(out).To(ContainSubstring("--- PASS: TestAbout" + strings.ToUpper(name[:1]) + name[1:]))
	}
}

// TestGoFails runs a printed test on an implementation with a fault.
func TestGoFails(t *testing.T) {
	g := NewWithT(t)
	tr := transcriptOf(t,
		trace.Command{Op: trace.ReaderMake, As: "r"},
		trace.Command{Op: trace.ReaderFeedData, On: "r", Data: trace.D("abc\n")},
		trace.Command{Op: trace.ReaderReadLine, On: "r", As: "c1"},
	)
	tr.Violations = []trace.Violation{{Rule: "reader.readline.keeps-lf", Step: 3, Text: "r.readline()\nreturned \"abc\""}}
	text := printGo(t, tr)
	g.Expect(text).To(MatchRegexp(`// reader\.readline\.keeps-lf \(MUST\): .*\n// r\.readline\(\)\n// returned "abc"\nfunc TestReaderReadlineKeepsLf\(`))
	const ours = "reference.New()"
	g.Expect(text).To(ContainSubstring(ours))
	const faulty = `gokit.New(gokit.Implementation{Name: "shortener", Version: "1", Target: "3.13", DefaultLimit: 1 << 16,
		NewReader: func(limit int) (gokit.Reader, error) {
			r, err := stream.NewReader(limit)
			return shortener{r}, err
		}})`
	text = strings.Replace(text, ours, faulty, 1)
	text = strings.Replace(text, "conformance/adapter/reference\"", "conformance/adapter/gokit\"\n\"context\"\n\""+goModule+"/reference/stream\"", 1)
	text += `
type shortener struct{ *stream.Reader }

func (s shortener) SetTransport(t gokit.ReadTransport) error { return s.Reader.SetTransport(t) }
func (s shortener) FeedEOF() error                           { s.Reader.FeedEOF(); return nil }
func (s shortener) SetException(err error) error             { s.Reader.SetException(err); return nil }
func (s shortener) ReadUntil(ctx context.Context, by [][]byte) ([]byte, error) {
	return s.Reader.ReadUntil(ctx, by...)
}
func (s shortener) ReadLine(ctx context.Context) ([]byte, error) {
	b, err := s.Reader.ReadLine(ctx)
	return b[:len(b)-1], err
}
`
	out, err := runGo(t, text)
	g.Expect(err).To(HaveOccurred(), out)
	for _, says := range []string{"--- FAIL: TestReaderReadlineKeepsLf", `3  c1 = r.readline()`, `returned "abc"`, "broken: reader.readline.keeps-lf (MUST)"} {
		g.Expect(out).To(ContainSubstring(says))
	}
}

// TestGoOfEveryValue prints what transcripts seldom have.
func TestGoOfEveryValue(t *testing.T) {
	g := NewWithT(t)
	raw := trace.Bytes("raw")
	text := printGo(t, transcriptOf(t, trace.Command{Op: trace.ProtocolMake, As: "p", Program: []trace.Reaction{
		{In: trace.EOFReceived, Return: &trace.Value{Bytes: &raw}}, {In: trace.ConnectionMade, Return: &trace.Value{List: []trace.Value{{Int: trace.Int(1)}}}},
	}}))
	g.Expect(text).To(And(ContainSubstring(`Bytes: pointer(trace.Bytes("raw"))`), ContainSubstring("func pointer["), ContainSubstring("func TestTranscript(")))
	_, err := goProgram(&trace.Transcript{}, "no package")
	g.Expect(err).To(MatchError(ContainSubstring(`cannot have the name "no package"`)))
}

// transcriptOf is a transcript in which nothing was recorded.
func transcriptOf(t *testing.T, commands ...trace.Command) *trace.Transcript {
	t.Helper()
	tr := &trace.Transcript{}
	for _, c := range commands {
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		tr.Steps = append(tr.Steps, trace.Step{Command: c, Reply: &trace.Reply{Returned: &trace.None}})
	}
	return tr
}

// printGo prints a transcript as Go that gofmt leaves alone.
func printGo(t *testing.T, tr *trace.Transcript) string {
	t.Helper()
	text, err := goProgram(tr, "streams_test")
	if err != nil {
		t.Fatal(err)
	}
	if same, err := format.Source([]byte(text)); err != nil || string(same) != text {
		t.Fatalf("%v\n%s", err, text)
	}
	return text
}

// runGo runs the tests of files in a folder of the module.
func runGo(t *testing.T, files ...string) (string, error) {
	t.Helper()
	dir, err := os.MkdirTemp(".", "_printed-") // which ./... leaves out
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for i, text := range files {
		if err := os.WriteFile(filepath.Join(dir, string(rune('a'+i))+"_test.go"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("go", "test", "-v", "-count=1", "./"+dir).CombinedOutput()
	return string(out), err
}
