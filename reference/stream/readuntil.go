package stream

import (
	"bytes"
	"context"
)

// ReadUntil returns the bytes up to and with the first separator: the shortest run of buffered bytes that ends in one of
// them. Without separators it is LF; a separator that is empty, or a list that is empty and not nil, is an
// [*ArgumentError].
//
// The text before the separator may be as long as the limit. When it is longer, or must become longer, the error is a
// [*LimitOverrunError] and nothing is consumed. Among several separators that end at the same place the shortest counts.
// At end-of-stream without a separator the error is an [*IncompleteReadError] with all that was buffered.
//
// The result is the caller's own; a short one may share up to 1024 bytes of memory with others. Other errors: the stored
// exception, the context's error, [ErrConcurrentRead].
//
// Rules: reader.readuntil.through-first-separator, reader.readuntil.consumes-only-result,
// reader.readuntil.default-separator-is-lf, reader.readuntil.overrun-when-chunk-exceeds-limit,
// reader.readuntil.limit-excludes-separator, reader.readuntil.overrun-keeps-data, reader.readuntil.eof-is-incomplete,
// reader.readuntil.partial-holds-everything, reader.readuntil.tuple-earliest-end-wins,
// reader.readuntil.tuple-limit-counts-shortest, reader.readuntil.failure-does-not-resume.
func (r *Reader) ReadUntil(ctx context.Context, separators ...[]byte) ([]byte, error) {
	r.mu.Lock()
	n := 0
	if end, ok := oneByte(separators); ok {
		n = r.quick(end)
	}
	if n == 0 {
		s, err := r.compile(separators)
		if err == nil {
			n, err = r.untilOrMiss(ctx, "ReadUntil", s)
		}
		if err != nil {
			r.mu.Unlock()
			return nil, err
		}
	}
	data := r.cut(n)
	r.resumeAtLimit() // reader.feed.resumes-at-limit
	r.mu.Unlock()
	return data, nil
}

// ReadUntilAny is ReadUntil with separators prepared by [NewSeparators], which is quicker for several. Nil stands for LF.
//
// Rule: reader.readuntil.tuple-accepted.
func (r *Reader) ReadUntilAny(ctx context.Context, separators *Separators) ([]byte, error) {
	if separators == nil {
		separators = newline
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n, err := r.untilOrMiss(ctx, "ReadUntilAny", separators)
	if err != nil {
		return nil, err
	}
	data := r.cut(n)
	r.resumeAtLimit() // reader.feed.resumes-at-limit
	return data, nil
}

// quick returns the length of the text up to and with the first end, if nothing but cutting it off is left to do, otherwise
// 0. It decides nothing: whatever is near the limit or concerns exceptions, flow control or waiting is left to until.
func (r *Reader) quick(end byte) int {
	if r.failed != nil || r.paused || r.lent || r.search.scanned > 0 {
		return 0
	}
	i := bytes.IndexByte(r.buf[r.head:], end)
	if i >= r.limit {
		return 0
	}
	return i + 1
}

// oneByte returns the separator if it is the only one and a single byte.
func oneByte(separators [][]byte) (end byte, ok bool) {
	if separators == nil {
		return '\n', true // reader.readuntil.default-separator-is-lf
	}
	if len(separators) == 1 && len(separators[0]) == 1 {
		return separators[0][0], true
	}
	return 0, false
}

// BorrowUntil is ReadUntil without the copy: the result is a part of the reader's buffer, to be read only, and valid until
// the next read, of any kind, on this reader.
//
// It must not run at the same time as another read, unless that is waiting, nor as SetTransport. Feeding, FeedEOF,
// SetException, Exception and AtEOF are safe at any time, and leave the result alone.
//
// Rules: those of ReadUntil.
func (r *Reader) BorrowUntil(ctx context.Context, separators ...[]byte) ([]byte, error) {
	if r.fast.Load() {
		if end, ok := oneByte(separators); ok {
			window := r.window[r.slid:]
			if i := bytes.IndexByte(window, end); i >= 0 && i < r.limit {
				r.slid += i + 1
				return window[: i+1 : i+1], nil
			}
		} else if len(separators) == 1 {
			window := r.window[r.slid:]
			if start, end := first(window, separators[0]); end > 0 && start < r.limit {
				r.slid += end
				return window[:end:end], nil
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.compile(separators)
	if err != nil {
		return nil, err
	}
	return r.lend(ctx, "BorrowUntil", s)
}

// BorrowUntilAny is BorrowUntil with separators prepared by [NewSeparators]. Nil stands for LF.
//
// Rule: reader.readuntil.tuple-accepted.
func (r *Reader) BorrowUntilAny(ctx context.Context, separators *Separators) ([]byte, error) {
	if separators == nil {
		separators = newline
	}
	if r.fast.Load() {
		window := r.window[r.slid:]
		if start, end := separators.first(window); end > 0 && start < r.limit {
			r.slid += end
			return window[:end:end], nil
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lend(ctx, "BorrowUntilAny", separators)
}

// lend is a borrowing read that the window does not serve.
func (r *Reader) lend(ctx context.Context, method string, s *Separators) ([]byte, error) {
	end, err := r.untilOrMiss(ctx, method, s)
	if err != nil {
		return nil, err
	}
	data := r.buf[r.head : r.head+end : r.head+end]
	r.lent = true
	r.consume(end)
	r.grant()
	r.resumeAtLimit()
	return data, nil
}

// until waits for the first of the separators and returns where it ends. When there is none it says why: miss is the
// *LimitOverrunError or the *IncompleteReadError, err what any read may fail with. It consumes nothing, except what an
// IncompleteReadError carries.
func (r *Reader) until(ctx context.Context, method string, s *Separators) (end int, miss, err error) {
	if r.failed != nil {
		return 0, nil, r.failed // reader.read.exception-before-data
	}
	for {
		start, end := r.find(s)
		if end > 0 {
			if start > r.limit {
				return 0, &LimitOverrunError{Consumed: start, Found: true}, nil // reader.readuntil.found-overrun-consumed
			}
			return end, nil, nil
		}
		if n := r.overrun(s); n > r.limit {
			return 0, &LimitOverrunError{Consumed: n}, nil // reader.readuntil.limit-before-eof
		}
		if r.eof {
			partial := r.take(r.buffered()) // reader.readuntil.incomplete-empties-buffer
			return 0, &IncompleteReadError{Partial: partial, Expected: -1}, nil
		}
		if err := r.wait(ctx, method, want{separators: s}); err != nil {
			return 0, nil, err
		}
	}
}

// untilOrMiss is until for the calls to which a miss is an error like any other. It ends what was lent.
func (r *Reader) untilOrMiss(ctx context.Context, method string, s *Separators) (end int, err error) {
	r.reclaim()
	end, miss, err := r.until(ctx, method, s)
	if err == nil {
		err = miss
	}
	return end, err
}

// overrun returns how many of the buffered bytes can be no part of a separator still to come, none having been found.
//
// Rule: reader.readuntil.tuple-not-found-uses-longest.
func (r *Reader) overrun(s *Separators) int { return r.buffered() + 1 - s.longest }

// find goes on with the search where it stopped.
func (r *Reader) find(s *Separators) (start, end int) {
	if r.search.separators != s {
		r.search = progress{separators: s}
	}
	return s.find(r.buf[r.head:], &r.search)
}

// grant opens the window: what borrowing reads may take from now on without the lock. The last buffered byte is never in
// it, so that only a read that holds the lock empties the buffer; and there is none while a transport is attached, because
// flow control counts each byte. What the window serves needs no decision: see quick.
func (r *Reader) grant() {
	if r.transport != nil || r.failed != nil || r.waiting || r.buffered() < 2 {
		return
	}
	r.window = r.buf[r.head : len(r.buf)-1]
	r.fast.Store(true)
}

// reclaim ends what was lent: every read that takes the lock begins with it.
func (r *Reader) reclaim() {
	if !r.lent {
		return
	}
	r.withdraw()
	r.lent = false
	if r.retired != nil {
		r.spare = r.keep(r.retired)
		r.retired = nil
	}
	if r.head == len(r.buf) {
		r.reuse()
	}
}

// withdraw closes the window and accounts for what was taken from it.
func (r *Reader) withdraw() {
	r.fast.Store(false)
	r.window = nil
	if r.slid > 0 {
		r.consume(r.slid)
		r.slid = 0
	}
}
