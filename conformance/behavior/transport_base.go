package behavior

import (
	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
)

// transportBase is what all transports have in common.
func transportBase(t *Testee) {
	Describe("transport.base", func() {
	})
}
