package behavior

import (
	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
)

// protocolBase is the callbacks that all protocols have in common.
func protocolBase(t *Testee) {
	Describe("protocol.base", func() {
	})
}
