package behavior

import (
	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
)

// readerProtocol is the protocol between a transport and a reader.
func readerProtocol(t *Testee) {
	Describe("reader_protocol", func() {
	})
}
