package behavior

import (
	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
)

// writerWrite is what writers write, and how.
func writerWrite(t *Testee) {
	Describe("writer.write", func() {
	})
}
