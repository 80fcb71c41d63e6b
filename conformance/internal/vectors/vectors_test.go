package vectors

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/adapter/python"
	"github.com/streamspec/streamspec/conformance/adapter/reference"
	"github.com/streamspec/streamspec/conformance/adapter/stdio"
	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

func catalogue(t *testing.T) *spec.Catalogue {
	t.Helper()
	c, err := spec.Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// runner returns a runner on an adapter, which it closes at the end of the test.
func runner(t *testing.T, a adapter.Adapter) *Runner {
	t.Helper()
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	about, err := a.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	target, err := spec.ParseVersion(about.Target)
	if err != nil {
		t.Fatal(err)
	}
	return &Runner{Adapter: a, About: about, Catalogue: catalogue(t), Target: target}
}

// runAll runs every vector that comes with streamspec, and returns those that failed, each with what was not permitted.
func runAll(t *testing.T, r *Runner) (ran int, failed map[*trace.Vector]string) {
	t.Helper()
	files, err := Embedded(r.Catalogue)
	if err != nil {
		t.Fatal(err)
	}
	failed = map[*trace.Vector]string{}
	for _, f := range files {
		for i := range f.Vectors {
			v := &f.Vectors[i]
			if r.Skips(v) != "" {
				continue
			}
			ran++
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			result, err := r.Run(ctx, v)
			cancel()
			switch {
			case err != nil:
				t.Errorf("%s: %s: %v", f.Name, v.Name, err)
			case !result.OK():
				failed[v] = fmt.Sprintf("%s: %s:\n%s", f.Name, v.Name, result.Explain(v))
			}
		}
	}
	if ran < 400 {
		t.Errorf("only %d vectors ran", ran)
	}
	return ran, failed
}

func TestReferencePassesEveryVector(t *testing.T) {
	_, failed := runAll(t, runner(t, reference.New()))
	for _, why := range failed {
		t.Error(why)
	}
}

// TestPythonFailsOnlyWhatIsKnown runs the vectors on the machine's Python. Those that fail are of faults, and of a rule that
// its baseline knows to be broken.
func TestPythonFailsOnlyWhatIsKnown(t *testing.T) {
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 here")
	}
	argv, remove, err := python.Command(path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	r := runner(t, stdio.New(argv, stdio.Options{}))
	text, err := os.ReadFile("../../baselines/cpython.yaml")
	if err != nil {
		t.Fatal(err)
	}
	baseline, err := report.ReadBaseline(text, r.Catalogue)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, f := range baseline.Faults() {
		for _, rule := range f.Rules {
			known[rule] = true
		}
	}
	ran, failed := runAll(t, r)
	for v, why := range failed {
		if strings.HasPrefix(why, "vectors/") || !slices.ContainsFunc(v.Rules, func(id string) bool { return known[id] }) {
			t.Error(why)
		}
	}
	t.Logf("%d vectors ran on Python %s, which has %d of the faults", ran, r.About.Version, len(failed))
}
