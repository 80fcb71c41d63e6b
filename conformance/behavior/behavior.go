// Package behavior is the suite: every rule that can be observed, as a Ginkgo spec. There is a file for each area of the
// catalogue, in the catalogue's order, and each is a function that takes the testee, so that one tree can be registered for
// several implementations.
package behavior

import "github.com/streamspec/streamspec/conformance/internal/drive"

// Register adds every behaviour to the Ginkgo tree that is being built.
func Register(t *drive.Testee) {
	for _, area := range []func(*drive.Testee){
		readerRead, readerReadLine, readerReadExactly, readerReadUntil, readerFeed, readerIterate, readerErrors, readerPython, readerExhaustive,
		writerWrite, writerClose, writerEOF, writerInfo, writerDrain, readerProtocol,
		openConnection, startServer, unixStreams,
		transportBase, transportRead, transportWrite, protocolBase, protocolStream, transportPython,
		invariants, connectionMatrix, serverMatrix, parameters,
	} {
		area(t)
	}
}
