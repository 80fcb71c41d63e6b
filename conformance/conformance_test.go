package conformance_test

import (
	"fmt"
	"testing"

	"github.com/streamspec/streamspec/conformance"
	"github.com/streamspec/streamspec/conformance/adapter/reference"
	"github.com/streamspec/streamspec/spec/trace"
)

// TestReference judges the reference in process: it must be conformant, strictly.
func TestReference(t *testing.T) {
	a := reference.New()
	defer a.Close()
	r, err := conformance.Run(t, a, conformance.Options{Strict: true, Depth: "quick", OnCase: func(c conformance.Case, tr *trace.Transcript) {
		if !c.Verdict.Good() {
			t.Errorf("%s: %s: %s", c.ID, c.Verdict, c.Message)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(fmt.Sprint(r.Summary))
}
