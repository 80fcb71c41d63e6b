package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/conformance/internal/vectors"
	"github.com/streamspec/streamspec/spec"
)

const aFind = `{"schema":1,"rules":["reader.readexactly.exactly-n"],
 "violations":[{"rule":"reader.readexactly.exactly-n","step":3,"text":"too few"},{"rule":"","text":"something was logged"},
  {"rule":"reader.readexactly.exactly-n","step":4,"text":"too few again"}],
 "steps":[
  {"command":{"op":"reader.make","as":"r"},"reply":{"returned":{}}},
  {"command":{"op":"reader.feed_data","on":"r","data":"aaaa"},"reply":{"returned":{}}},
  {"command":{"op":"reader.readexactly","on":"r","as":"c1","n":4},"reply":{"returned":{"bytes":"aaa"}}}
]}`

const aFindOfConnections = `{"schema":1,"violations":[{"rule":"transport.base.close-flushes","text":"lost"}],
 "steps":[
  {"command":{"op":"raw.make","as":"raw","kind":"unix"}},
  {"command":{"op":"protocol.make","as":"p"}},
  {"command":{"op":"connection.open","as":"c1","raw":"raw","protocol":"p"}},
  {"command":{"op":"transport.close","on":"c1.transport"}}
]}`

func TestPromote(t *testing.T) {
	g := NewWithT(t)
	dir := t.TempDir()
	faults := filepath.Join(dir, faultsFolder)
	write := func(name, text string) {
		t.Helper()
		g.Expect(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)).To(Succeed())
	}
	read := func(name string) string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(faults, name))
		g.Expect(err).NotTo(HaveOccurred())
		return string(b)
	}
	write("find.json", aFind)
	write("connections.json", aFindOfConnections)
	write("quiet.json", strings.Replace(aFindOfConnections, "transport.base.close-flushes", "", 1))

	res := invoke(t, dir, "", "promote", "find.json")
	g.Expect(res.code).To(Equal(report.ExitUsage))
	g.Expect(res.stderr).To(ContainSubstring("there is no folder " + faultsFolder + " here; say with --to"))
	g.Expect(os.MkdirAll(faults, 0o755)).To(Succeed())

	res = invoke(t, dir, "", "promote", "find.json", "--name", "a byte is lost", "--reference", "gh-123")
	g.Expect(res.stdout).To(Equal(filepath.Join(faultsFolder, "reader.json") + `: "a byte is lost", judged by reader.readexactly.exactly-n` + "\n"))
	g.Expect(res.code).To(Equal(report.ExitConformant))
	first := read("reader.json")
	g.Expect(first).To(And(ContainSubstring(`"name": "a byte is lost",
   "rules": ["reader.readexactly.exactly-n"],
   "reference": "gh-123",
   "needs": ["reader"],`), ContainSubstring(`{"command":{"op":"reader.readexactly","on":"r","as":"c1","n":4},"expect":[{"returned":{"bytes":"aaaa"}}]}`)))

	res = invoke(t, dir, "", "promote", "find.json", "--name", "a byte is lost")
	g.Expect(res.code).To(Equal(report.ExitUsage))
	g.Expect(res.stderr).To(ContainSubstring(`has a vector that is called "a byte is lost" already`))
	g.Expect(read("reader.json")).To(Equal(first))

	res = invoke(t, dir, "", "promote", "find.json", "--to", faults, "--rule", "reader.feed.data-is-appended")
	g.Expect(res.code).To(Equal(report.ExitConformant))
	g.Expect(read("reader.json")).To(HavePrefix(strings.TrimSuffix(first, "\n ]\n}\n")))
	catalogue, err := spec.Load()
	g.Expect(err).NotTo(HaveOccurred())
	file, err := vectors.Read("reader.json", strings.NewReader(read("reader.json")), catalogue)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(file.Vectors).To(HaveLen(2))
	g.Expect(file.Vectors[1].Rules).To(Equal([]string{"reader.feed.data-is-appended"}))

	res = invoke(t, dir, "", "promote", "connections.json", "--to", filepath.Join(faults, "mine.json"))
	g.Expect(res.code).To(Equal(report.ExitConformant), res.stderr)
	g.Expect(read("mine.json")).NotTo(ContainSubstring("expect"))

	res = invoke(t, dir, "", "promote", "quiet.json")
	g.Expect(res.code).To(Equal(report.ExitUsage))
	g.Expect(res.stderr).To(ContainSubstring("does not say which rules were broken"))
	res = invoke(t, dir, "", "promote", "quiet.json", "--rule", "no.such.rule")
	g.Expect(res.code).To(Equal(report.ExitUsage))

	write(filepath.Join(faultsFolder, "reader.json"), first[:len(first)/2])
	res = invoke(t, dir, "", "promote", "find.json")
	g.Expect(res.code).To(Equal(report.ExitUsage))
	g.Expect(read("reader.json")).To(Equal(first[:len(first)/2]), "what cannot be read is left alone")
	entries, err := os.ReadDir(faults)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(entries).To(HaveLen(2), "nothing is left over")
}
