package stream

import "context"

// ReadInto is [Reader.Read] with the caller's memory: it puts up to len(p) bytes, as soon as there is at least one, into p,
// and returns how many. At end-of-stream that is 0, and the error nil: io.EOF is not used. Large reads from a connection
// are not copied on the way.
//
// Errors: the stored exception, the context's error, [ErrConcurrentRead].
//
// Rules: those of Read.
func (r *Reader) ReadInto(ctx context.Context, p []byte) (int, error) {
	r.mu.Lock()
	n, err := r.readInto(ctx, p)
	r.mu.Unlock()
	return n, err
}

// direct is how many bytes a read must ask for to have them put there without the buffer. Smaller ones would take more
// calls of the system.
const direct = 4096

func (r *Reader) readInto(ctx context.Context, p []byte) (int, error) {
	r.reclaim()
	if r.failed != nil {
		return 0, r.failed // reader.read.exception-before-data, reader.read.exception-before-zero
	}
	for len(p) > 0 && r.buffered() == 0 && !r.eof {
		if r.waiting || len(p) < direct {
			if err := r.wait(ctx, "ReadInto", want{bytes: 1}); err != nil {
				return 0, err
			}
			continue
		}
		r.into = p
		err := r.wait(ctx, "ReadInto", want{bytes: 1})
		n := r.landed
		r.into, r.landed = nil, 0
		if n > 0 || err != nil {
			return n, err
		}
	}
	n := copy(p, r.buf[r.head:])
	r.consume(n)
	r.resumeAtLimit() // reader.feed.resumes-at-limit
	return n, nil
}
