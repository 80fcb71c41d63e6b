package behavior

import (
	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
)

// writerClose is closing a writer, and waiting for it.
func writerClose(t *Testee) {
	Describe("writer.close", func() {
	})
}
