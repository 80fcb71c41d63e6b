package reference_test

import (
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/streamspec/streamspec/conformance"
	"github.com/streamspec/streamspec/conformance/adapter/reference"
	"github.com/streamspec/streamspec/spec/trace"
)

// TestNothingIsLeft judges the reference and sees that of all its connections, servers, calls and sessions no goroutine is left,
// no descriptor and no file.
func TestNothingIsLeft(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	if a, b, err := os.Pipe(); err == nil { // has the runtime open its own descriptors, before any are counted
		_, _ = a.Close(), b.Close()
	}
	before := descriptors()
	others := []goleak.Option{
		goleak.IgnoreCurrent(),
		goleak.IgnoreAnyFunction("github.com/onsi/ginkgo/v2/internal/interrupt_handler.(*InterruptHandler).registerForInterrupts.func2"), // stays
	}
	a := reference.New()
	_, err := conformance.Run(t, a, conformance.Options{Depth: "quick", Strict: true, OnCase: func(c conformance.Case, _ *trace.Transcript) {
		if !c.Verdict.Good() {
			t.Errorf("%s: %s: %s", c.ID, c.Verdict, c.Message)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	var leak error
	after := 0
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if leak, after = goleak.Find(others...), descriptors(); leak == nil && after <= before {
			if files, err := os.ReadDir(os.TempDir()); err != nil || len(files) > 0 {
				t.Errorf("of files, %v is left; %v", files, err)
			}
			return
		}
	}
	t.Errorf("%d descriptors before, %d after; %v", before, after, leak)
}

// descriptors counts the process's open descriptors, where the system tells.
func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}
