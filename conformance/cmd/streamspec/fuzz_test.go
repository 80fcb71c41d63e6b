package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/fuzz"
	"github.com/streamspec/streamspec/spec/trace"
)

// streamspec runs the command.
func streamspec(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	r := invoke(t, ".", "", args...)
	return r.code, r.stdout, r.stderr
}

func TestFuzzTheReference(t *testing.T) {
	g := NewWithT(t)
	corpus := t.TempDir()
	code, out, stderr := streamspec(t, "fuzz", "--programs", "64", "--workers", "1", "--seed", "5", "--corpus", corpus)
	g.Expect(code).To(Equal(report.ExitConformant), out+stderr)
	g.Expect(out).To(ContainSubstring("seed 5, from program 0 on, 1 at a time"))
	g.Expect(out).To(ContainSubstring("0 finds"))
	g.Expect(out).To(ContainSubstring("goes on from program 64"))
	code, out, stderr = streamspec(t, "fuzz", "--programs", "64", "--workers", "1", "--corpus", corpus, "--json", "-")
	g.Expect(code).To(Equal(report.ExitConformant), out+stderr)
	g.Expect(stderr).To(ContainSubstring("seed 5, from program 64 on"))
	var result fuzz.Status
	g.Expect(json.Unmarshal([]byte(out), &result)).To(Succeed())
	g.Expect(result.Next).To(BeNumerically("==", 128))
	g.Expect(result.Total).To(BeNumerically(">", result.Programs))
}

func TestFuzzFindsCanBeReplayed(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	r := invoke(t, dir, "wrong", "fuzz", own(), "--programs", "1280", "--seed", "1", "--corpus", "here", "--json", "result.json")
	g.Expect(r.code).To(Equal(report.ExitNotConformant), r.stdout+r.stderr)
	text, err := os.ReadFile(filepath.Join(dir, "result.json"))
	g.Expect(err).NotTo(HaveOccurred())
	var result fuzz.Status
	g.Expect(json.Unmarshal(text, &result)).To(Succeed())
	g.Expect(result.Finds).NotTo(BeEmpty())
	g.Expect(result.Flaky).To(BeEmpty())
	find := result.Finds[0]
	g.Expect(r.stdout).To(ContainSubstring("streamspec replay " + find.File + " --adapter "))
	again := invoke(t, dir, "wrong", "replay", find.File, own())
	g.Expect(again.code).To(Equal(report.ExitNotConformant), again.stdout+again.stderr)
	g.Expect(again.stdout).To(ContainSubstring("broken: " + find.Rule))
	g.Expect(again.stdout).To(ContainSubstring("everything came back as recorded"))
}

func TestFuzzGoesOnAfterTheAdapterHasFailed(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	r := invoke(t, dir, "crash", "fuzz", own(), "--programs", "256", "--seed", "1", "--corpus", "here", "--json", "result.json", "--shrink", "5s")
	g.Expect(r.code).To(Equal(report.ExitNotConformant), r.stdout+r.stderr)
	text, err := os.ReadFile(filepath.Join(dir, "result.json"))
	g.Expect(err).NotTo(HaveOccurred())
	var result fuzz.Status
	g.Expect(json.Unmarshal(text, &result)).To(Succeed())
	g.Expect(result.Programs).To(BeNumerically(">", 50))
	g.Expect(result.Finds).NotTo(BeEmpty())
	g.Expect(result.Finds[0].Rule).To(Equal("adapter-crash"))
	transcript, err := readTranscript(filepath.Join(dir, result.Finds[0].File))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(transcript.Steps).To(ContainElement(HaveField("Command.Op", trace.ReaderReadLine)))
}

func TestFuzzGoesOnAfterAnInterrupt(t *testing.T) {
	g := NewWithT(t)
	corpus := t.TempDir()
	cmd := exec.Command(binary, "fuzz", "--seed", "5", "--corpus", corpus)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	g.Expect(cmd.Start()).To(Succeed())
	state := filepath.Join(corpus, "campaign.json")
	g.Eventually(func() string { text, _ := os.ReadFile(state); return string(text) }).WithTimeout(30 * time.Second).ShouldNot(Or(BeEmpty(), ContainSubstring(`"programs": 0,`)))
	code, second, stderr := streamspec(t, "fuzz", "--corpus", corpus)
	g.Expect(code).To(Equal(report.ExitUsage), second+stderr)
	g.Expect(stderr).To(ContainSubstring("another campaign, process"))
	g.Expect(cmd.Process.Signal(syscall.SIGINT)).To(Succeed())
	g.Expect(cmd.Wait()).To(Succeed(), out.String())
	g.Expect(out.String()).To(ContainSubstring("goes on from program "))
	_, rest, _ := strings.Cut(out.String(), "goes on from program ")
	code, again, stderr := streamspec(t, "fuzz", "--corpus", corpus, "--programs", "1")
	g.Expect(code).To(Equal(report.ExitConformant), again+stderr)
	g.Expect(again).To(ContainSubstring("from program " + strings.TrimSpace(rest) + " on"))
}

func TestFuzzRefuses(t *testing.T) {
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "campaign.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args []string
		code int
		says string
	}{
		"workers":         {[]string{"--workers", "0"}, report.ExitUsage, "at least 1"},
		"time":            {[]string{"--time", "-1s"}, report.ExitUsage, "more than nothing"},
		"target":          {[]string{"--target", "nonsense"}, report.ExitUsage, "nonsense"},
		"arguments":       {[]string{"something"}, report.ExitUsage, "takes no arguments"},
		"corpus":          {[]string{"--corpus", broken}, report.ExitUsage, "campaign.json"},
		"no such adapter": {[]string{"--adapter", "no-such-adapter"}, report.ExitUsage, "no-such-adapter"},
		"adapter":         {[]string{"--adapter", "false"}, report.ExitAdapter, "the adapter failed"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			code, out, stderr := streamspec(t, append([]string{"fuzz", "--programs", "1"}, test.args...)...)
			g.Expect(code).To(Equal(test.code), out+stderr)
			g.Expect(stderr).To(ContainSubstring(test.says))
		})
	}
}
