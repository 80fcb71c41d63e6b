package transport

import "errors"

// An endpoint is what a connection moves bytes through. The connection calls read from one goroutine at a time, and of
// send, sendLines and push one at a time; the others at any time.
type endpoint interface {
	// read waits for at least one byte, the end (io.EOF), a failure, interrupt, or close.
	read(p []byte) (int, error)

	// interrupt has read, now or when it is called next, return errInterrupted unless it has bytes; until it is taken
	// back with false.
	interrupt(on bool)

	// send gives away as much of p as is taken at once, and does not wait.
	send(p []byte) (int, error)

	// sendLines is send for several chunks.
	sendLines(chunks [][]byte) (int, error)

	// push gives away at least one byte, and waits until it can. Close ends the wait.
	push(chunks [][]byte) (int, error)

	// closeWrite ends the stream to the peer.
	closeWrite() error

	// close releases everything and ends what is waiting.
	close()

	// info is GetExtraInfo.
	info(name string) (any, bool)
}

var errInterrupted = errors.New("transport: interrupted")
