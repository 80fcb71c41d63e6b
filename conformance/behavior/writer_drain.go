package behavior

import (
	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
)

// writerDrain is waiting until there is room.
func writerDrain(t *Testee) {
	Describe("writer.drain", func() {
	})
}
