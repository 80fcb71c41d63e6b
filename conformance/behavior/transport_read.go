package behavior

import (
	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
)

// transportRead is transports that receive.
func transportRead(t *Testee) {
	Describe("transport.read", func() {
	})
}
