package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/spec"
)

// trackRecord is what the suite has found in released implementations: the faults that the reviewed baselines know. Each is
// seen again whenever a run is held against its baseline, or the run fails.
func trackRecord(catalogue *spec.Catalogue) (string, error) {
	files, err := filepath.Glob("conformance/baselines/*.yaml")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		baseline, err := report.ReadBaseline(text, catalogue)
		if err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		command := "streamspec run --strict --adapter python --python PATH"
		switch name {
		case "cpython":
		case "pypy":
			command = strings.TrimSuffix(command, "PATH") + "pypy3"
		default: // a loop of scripts/loop.sh
			command += " --loop " + name + ":new_event_loop"
		}
		fmt.Fprintf(&b, "\n**%s**, held to [its baseline](%s):\n\n", name, filepath.ToSlash(file))
		b.WriteString("| Fault | Versions | Rules | Upstream | Shown by |\n|---|---|---|---|---|\n")
		for _, f := range baseline.Faults() {
			rules := "`" + strings.Join(f.Rules, "`, `") + "`"
			fmt.Fprintf(&b, "| %s | %s | %s | %s | `%s --rule %s` |\n",
				cell(f.Reason), cell(strings.Join(f.Implementations, "; ")), rules, cell(f.Reference), command, f.Rules[0])
		}
	}
	return b.String(), nil
}
