package transport

// A queue holds copies of the bytes that could not be sent at once, in order. No chunk of it is empty.
type queue struct {
	chunks [][]byte
	size   int // bytes in all of them
}

// Small chunks are gathered in storage of this many bytes.
const gathered = 4096

// add appends a copy of p.
//
// Rule: writer.write.order-preserved.
func (q *queue) add(p []byte) {
	if len(p) == 0 {
		return
	}
	q.size += len(p)
	if last := len(q.chunks) - 1; last >= 0 && len(p) <= cap(q.chunks[last])-len(q.chunks[last]) {
		q.chunks[last] = append(q.chunks[last], p...)
		return
	}
	q.chunks = append(q.chunks, append(make([]byte, 0, max(len(p), gathered)), p...))
}

// front appends the first chunks to list, up to its capacity. They stay valid, and unchanged, when the queue changes.
func (q *queue) front(list [][]byte) [][]byte {
	return append(list, q.chunks[:min(len(q.chunks), cap(list)-len(list))]...)
}

// drop removes the first n bytes.
func (q *queue) drop(n int) {
	q.size -= n
	gone := 0
	for n > 0 && n >= len(q.chunks[gone]) {
		n -= len(q.chunks[gone])
		q.chunks[gone] = nil
		gone++
	}
	q.chunks = q.chunks[gone:]
	if n > 0 {
		q.chunks[0] = q.chunks[0][n:]
	}
	if len(q.chunks) == 0 {
		q.chunks = nil
	}
}

// clear removes everything.
func (q *queue) clear() { *q = queue{} }
