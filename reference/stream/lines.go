package stream

import (
	"context"
	"iter"
)

// ReadLine returns the bytes up to and with the first LF. At end-of-stream it returns what is left, which may be empty.
//
// A line of more than the limit, its LF not counted, is a [*LineTooLongError]. When the LF was buffered, that line is
// dropped and the next call goes on behind it; when it was not, all that was buffered is dropped, and the rest of the
// long line comes as a line of its own. The transport may be resumed then.
//
// The result is the caller's own; a short one may share up to 1024 bytes of memory with others. Other errors: the stored
// exception, the context's error, [ErrConcurrentRead].
//
// Rules: reader.readline.through-first-lf, reader.readline.keeps-lf, reader.readline.only-lf-terminates,
// reader.readline.eof-yields-remainder, reader.readline.empty-at-eof, reader.readline.limit-boundary,
// reader.readline.overrun-is-invalid-argument, reader.readline.overrun-drops-found-line,
// reader.readline.overrun-clears-buffer, reader.readline.overrun-of-tail-at-eof, reader.readline.overrun-may-resume.
func (r *Reader) ReadLine(ctx context.Context) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	end := r.quick('\n')
	if end == 0 {
		r.reclaim()
		var miss, err error
		end, miss, err = r.until(ctx, "ReadLine", newline)
		if err != nil {
			return nil, err
		}
		switch miss := miss.(type) {
		case *IncompleteReadError:
			return miss.Partial, nil // reader.readline.eof-yields-remainder
		case *LimitOverrunError:
			return nil, r.dropLine(miss)
		}
	}
	line := r.cut(end)
	r.resumeAtLimit() // reader.feed.resumes-at-limit
	return line, nil
}

// dropLine removes the line that is too long, as far as it is buffered.
func (r *Reader) dropLine(overrun *LimitOverrunError) error {
	drop := r.buffered() // reader.readline.overrun-clears-buffer
	if overrun.Found {
		drop = overrun.Consumed + 1 // reader.readline.overrun-drops-found-line
	}
	r.consume(drop)
	r.resumeAtLimit() // reader.readline.overrun-may-resume
	return &LineTooLongError{Limit: r.limit, Dropped: drop, Found: overrun.Found}
}

// Lines iterates over the lines that ReadLine returns, until end-of-stream. An error is yielded once, with a nil line, and
// ends the loop; a new loop goes on with the next line. Breaking out of the loop loses nothing.
//
// Rules: reader.iterate.yields-lines-until-eof, reader.iterate.overrun-propagates.
func (r *Reader) Lines(ctx context.Context) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for {
			line, err := r.ReadLine(ctx)
			if err != nil {
				yield(nil, err)
				return
			}
			if len(line) == 0 {
				return
			}
			if !yield(line, nil) {
				return
			}
		}
	}
}
