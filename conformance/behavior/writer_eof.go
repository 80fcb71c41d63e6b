package behavior

import (
	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
)

// writerEOF is ending the stream to the peer.
func writerEOF(t *Testee) {
	Describe("writer.eof", func() {
	})
}
