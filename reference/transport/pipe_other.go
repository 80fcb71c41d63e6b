//go:build !linux

package transport

import "os"

// awaitPeer waits for close: the system does not tell when the reading end is closed.
func (e writeEnd) awaitPeer() error {
	<-e.closed
	return os.ErrClosed
}
