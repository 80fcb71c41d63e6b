package behavior

import (
	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
)

// writerInfo is what a writer knows of its connection.
func writerInfo(t *Testee) {
	Describe("writer.info", func() {
	})
}
