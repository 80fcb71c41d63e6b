// Command generate writes everything that is derived from the catalogue, the vocabulary and the suite: the index of rules,
// the coverage table, the command reference in CONFORMANCE.md, the JSON schemas and the generated test vectors. With -check it writes nothing and fails
// where a file is stale. It runs at the top of the module.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/streamspec/streamspec/conformance"
	"github.com/streamspec/streamspec/conformance/internal/mutants"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

func main() {
	check := flag.Bool("check", false, "fail where a file is stale, and write nothing")
	flag.Parse()
	if err := generate(*check); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// knowledge is what the generated texts are made from.
type knowledge struct {
	catalogue *spec.Catalogue
	checks    map[string][]string         // case IDs by rule
	mutants   map[string][]mutants.Mutant // by rule
}

func generate(check bool) error {
	var k knowledge
	var err error
	if k.catalogue, err = spec.Load(); err != nil {
		return err
	}
	if k.checks, err = conformance.Checks(); err != nil {
		return err
	}
	all, err := mutants.Load()
	if err != nil {
		return err
	}
	k.mutants = mutants.ByRule(all)
	traceSchema, err := schemaOfTrace()
	if err != nil {
		return err
	}
	reportSchema, err := schemaOfReport()
	if err != nil {
		return err
	}
	vectorSchema, err := schemaOfVectors()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		path string
		text []byte
		err  error
	}{
		{"spec/RULES.md", k.rules(), nil},
		{"conformance/COVERAGE.md", k.coverage(), nil},
		{"fixtures/schema/trace.json", traceSchema, nil},
		{"fixtures/schema/report.json", reportSchema, nil},
		{"fixtures/schema/vector.json", vectorSchema, nil},
	} {
		if err := put(f.path, f.text, check); err != nil {
			return err
		}
	}
	if err := putVectors(k.catalogue, check); err != nil {
		return err
	}
	record, err := trackRecord(k.catalogue)
	if err != nil {
		return err
	}
	guide, err := os.ReadFile("CONFORMANCE.md")
	if err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		text string
	}{{"commands", commands()}, {"events", listed(trace.Events)}, {"kinds", listed(trace.Kinds)}, {"forms", listed(trace.Forms)}, {"capabilities", listed(trace.Capabilities)}, {"track record", record}} {
		if guide, err = splice(guide, part.name, part.text); err != nil {
			return err
		}
	}
	return put("CONFORMANCE.md", guide, check)
}

// put writes a file, or compares it when only checking.
func put(path string, text []byte, check bool) error {
	old, err := os.ReadFile(path)
	if err == nil && bytes.Equal(old, text) {
		return nil
	}
	if check {
		return fmt.Errorf("%s is stale: run make generate", path)
	}
	return os.WriteFile(path, text, 0o644)
}

// splice replaces what stands between the marks of a part.
func splice(text []byte, part, with string) ([]byte, error) {
	begin, end := "<!-- generated: "+part+" -->\n", "<!-- end: "+part+" -->"
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return nil, fmt.Errorf("CONFORMANCE.md lacks the marks %q and %q", strings.TrimSpace(begin), end)
	}
	return []byte(before + begin + with + end + after), nil
}
