package main

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/streamspec/streamspec/conformance/internal/report"
)

func TestMutantsFuzz(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the compiler")
	}
	g := NewWithT(t)
	res := invoke(t, ".", "", "mutants", "--fuzz", "30s", "--seed", "2", "--rule", "reader.readexactly.exactly-n")
	g.Expect(res.code).To(Equal(report.ExitConformant), res.stderr)
	g.Expect(res.stdout).To(And(ContainSubstring("1/1 found     reader.readexactly.exactly-n: readexactly returns all there is ("),
		ContainSubstring("\n\tr = reader.make()\n"), HaveSuffix("1 mutants: 1 found (100.0 %), 0 not found, 0 wrong\n")))
}
