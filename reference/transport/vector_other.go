//go:build unix && !linux

package transport

// A vector sends the chunks one after the other.
type vector struct{}

// send sends as much of the chunks as it can; EAGAIN says that this is not all.
func (*vector) send(fd int, chunks [][]byte) (n int, err error) {
	for _, p := range chunks {
		m, err := sendBytes(fd, p)
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
