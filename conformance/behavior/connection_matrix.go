package behavior

import (
	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
)

// connectionMatrix is every way to write, to end and to wait, crossed.
func connectionMatrix(t *Testee) {
	Describe("connections", func() {
	})
}
