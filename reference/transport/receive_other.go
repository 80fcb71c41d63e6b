//go:build !unix

package transport

import "io"

// A receiver leaves everything to the connection.
type receiver struct{ conn io.Reader }

func newReceiver(conn io.Reader) (*receiver, error) { return &receiver{conn}, nil }

func (r *receiver) read(p []byte) (int, error) {
	n, err := r.conn.Read(p)
	return n, interruption(err)
}

// discard cannot take anything without waiting.
func (r *receiver) discard() {}
