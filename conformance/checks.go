package conformance

import (
	"fmt"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/extensions/globals"

	"github.com/streamspec/streamspec/conformance/behavior"
	"github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

// Checks returns the IDs of the cases that name a rule, by the rule's ID, in the order of the suite. It builds Ginkgo's tree
// of cases and throws it away, so it is not for a process that has a Ginkgo suite of its own; [Run] may follow. That two cases
// have the same ID is an error.
func Checks() (map[string][]string, error) {
	catalogue, err := spec.Load()
	if err != nil {
		return nil, err
	}
	globals.Reset()
	defer globals.Reset()
	testee := drive.New(nil, trace.Description{}, catalogue, drive.Options{})
	ginkgo.Describe("streamspec", func() { behavior.Register(testee) })
	checks, seen := map[string][]string{}, map[string]bool{}
	for _, r := range ginkgo.PreviewSpecs("streamspec").SpecReports {
		if id := caseID(r); seen[id] {
			return nil, fmt.Errorf("the suite has two cases that are called %q", id)
		} else {
			seen[id] = true
		}
		for _, id := range drive.Rules(r.Labels()) {
			checks[id] = append(checks[id], caseID(r))
		}
	}
	return checks, nil
}
