package behavior

import (
	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
)

// transportWrite is transports that send.
func transportWrite(t *Testee) {
	Describe("transport.write", func() {
	})
}
