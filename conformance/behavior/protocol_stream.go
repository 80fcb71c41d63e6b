package behavior

import (
	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
)

// protocolStream is the callbacks of streaming protocols.
func protocolStream(t *Testee) {
	Describe("protocol.stream", func() {
	})
}
