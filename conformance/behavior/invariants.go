package behavior

import (
	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
)

// invariants is what holds of everything together.
func invariants(t *Testee) {
	Describe("invariants", func() {
	})
}
