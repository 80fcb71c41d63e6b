package stream

import "math/bits"

// FeedData appends a copy of p and wakes a read that waits for it. It never blocks for the reader. It pauses the transport
// when more than twice the limit is buffered. Empty data does nothing.
//
// Errors: [ErrFeedAfterEOF], also for empty p; what the transport's PauseReading returned, the data being fed all the same.
//
// Rules: reader.feed.data-is-appended, reader.feed.data-wakes-reader, reader.feed.empty-data-wakes-nobody,
// reader.feed.data-after-eof-refused, reader.feed.pauses-above-twice-limit.
func (r *Reader) FeedData(p []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.eof {
		return ErrFeedAfterEOF
	}
	if len(p) == 0 {
		return nil
	}
	r.store(p)
	if r.waiting && !r.woken && r.satisfied() {
		r.wakeReader()
	}
	return r.pauseAboveTwiceLimit()
}

// satisfied reports whether the waiting read has something to do.
func (r *Reader) satisfied() bool {
	if r.want.separators == nil {
		return r.buffered() >= r.want.bytes
	}
	_, end := r.find(r.want.separators)
	return end > 0 || r.overrun(r.want.separators) > r.limit
}

// FeedEOF marks the end of the stream and wakes a waiting read. Further calls do nothing.
//
// Rules: reader.feed.eof-marks-end, reader.feed.eof-is-idempotent.
func (r *Reader) FeedEOF() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.eof = true
	r.wakeReader()
}

// AtEOF reports whether end-of-stream has been fed and nothing is buffered. A stored exception plays no part.
//
// Rules: reader.feed.at-eof-needs-empty-and-eof, reader.feed.at-eof-ignores-exception.
func (r *Reader) AtEOF() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.eof && r.buffered() == 0
}

// SetException stores err: every read fails with it from now on, whatever is buffered, and a waiting read is woken with
// it. A nil err takes a stored exception back, so that the buffered bytes can be read again; a waiting read goes on waiting.
//
// Rules: reader.feed.set-exception-stores, reader.feed.set-exception-wakes-reader, reader.read.exception-is-sticky.
func (r *Reader) SetException(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = err
	r.failing.Store(err != nil)
	if err == nil {
		return
	}
	r.fast.Store(false)
	if r.waiting && !r.woken {
		r.raised = err
		if r.want.collected != nil {
			r.putBack(*r.want.collected) // reader.read.to-eof-failure-loses-data
			*r.want.collected = nil
		}
		r.wakeReader()
	}
}

// Exception returns the stored exception, or nil.
//
// Rule: reader.feed.exception-reports-stored.
func (r *Reader) Exception() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// store appends p to the buffer. What is lent is left alone: it stays where it is, in storage that is no longer written to.
func (r *Reader) store(p []byte) {
	if len(p) > cap(r.buf)-len(r.buf) {
		r.makeRoom(len(p))
	}
	r.buf = append(r.buf, p...)
}

// makeRoom finds storage for n bytes more: the present one moved together, the spare one, or new.
func (r *Reader) makeRoom(n int) {
	rest := r.buf[r.head:]
	if !r.lent && r.head >= len(rest) && len(rest)+n <= cap(r.buf) {
		r.buf = r.buf[:copy(r.buf, rest)]
		r.head = 0
		return
	}
	room := r.spare
	r.spare = nil
	if len(rest)+n > cap(room) {
		room = make([]byte, 0, max(512, 1<<bits.Len(uint(len(rest)+n-1))))
	}
	if r.lent && r.retired == nil {
		r.retired = r.buf
	}
	r.buf = append(room[:0], rest...)
	r.head = 0
}

// reuse starts the storage from the beginning. Nothing is buffered or lent.
func (r *Reader) reuse() {
	r.head = 0
	r.buf = r.keep(r.buf)
}

// keep returns storage for later use, or nil when it is much larger than flow control needs.
func (r *Reader) keep(storage []byte) []byte {
	if cap(storage)/4 > max(r.limit, 4096) {
		return nil
	}
	return storage[:0]
}

// putBack puts data before what is buffered, as if it had not been taken, and wakes another read that waits for it.
func (r *Reader) putBack(data []byte) {
	if len(data) == 0 {
		return
	}
	r.buf = append(data, r.buf[r.head:]...)
	r.head = 0
	r.gone = len(r.ahead)
	r.search.restart()
	if r.waiting && !r.woken && r.satisfied() {
		r.wakeReader()
	}
}
