// Package stream is an asyncio-style stream in idiomatic Go: blocking calls that take a context whose cancellation loses
// no bytes.
package stream

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// DefaultLimit is the limit, in bytes, of a reader that is not told otherwise.
//
// Rule: reader.feed.default-limit.
const DefaultLimit = 65536

// A Reader buffers the bytes that one side feeds and hands them out to the other side, which waits for them.
//
// Its limit, in bytes, bounds the text before a separator (ReadLine, ReadUntil), never the other reads, and drives flow
// control: the transport is paused above twice the limit and resumed at the limit.
//
// All methods may be called from any goroutine. Meant is one goroutine that reads and any that feed. When a read has to
// wait while another waits, it fails with [ErrConcurrentRead]; a read that need not wait never does, and takes what is
// buffered. BorrowUntil and BorrowUntilAny are the exception: see there.
//
// A read that has what it needs returns it without looking at its context; a context that is done ends only a call that
// would have to wait, with the context's error. No bytes are lost then: they stay buffered for the next call.
//
// Rules: reader.read.second-waiter-refused, reader.read.conflict-only-when-waiting, reader.read.cancel-keeps-data,
// reader.read.buffered-data-without-yielding, reader.read.woken-reader-sees-all-fed.
type Reader struct {
	limit int // bytes, positive

	// fast says that window may be used without the lock.
	fast   atomic.Bool
	window []byte // what a borrowing read may take without the lock; touched by reads only
	slid   int    // how much of it has been taken

	mu     sync.Mutex
	buf    []byte // storage; buf[head:] is buffered, less what has been taken from the window
	head   int
	eof    bool
	failed error // the stored exception

	failing atomic.Bool // there is one, for drain

	lent    bool   // the caller may hold borrowed bytes: nothing before len(buf) may be overwritten
	retired []byte // storage that was replaced while lent
	spare   []byte // storage for when the present one is lent

	ahead  []byte      // behind gone, a copy of the first buffered bytes, to cut short results from
	gone   int         // how much of ahead is no longer buffered
	search progress    // where the search for a separator stopped
	last   *Separators // what ReadUntil was last called with

	waiting bool          // a read waits, or has been woken and not yet run
	woken   bool          // it has been woken
	raised  error         // what it has been woken with
	wake    chan struct{} // of capacity one; one token per woken
	want    want          // what it waits for

	transport ReadPauser
	paused    bool
	pausing   bool      // PauseReading is being called
	resuming  bool      // ResumeReading is being called
	pauseDue  bool      // a pause became due while resuming
	called    sync.Cond // PauseReading has returned

	source *onDemand // what a waiting read reads from by itself; may be nil
	room   []byte    // where it puts the bytes
	filled bool      // the last of them came in a large piece
	into   []byte    // where ReadInto wants the bytes, at least one
	landed int       // how many have been put there
}

// want is what a waiting read needs to go on. End-of-stream and a stored exception wake it always.
type want struct {
	bytes      int         // this many bytes are buffered
	separators *Separators // or, if not nil, one of them is buffered, or the limit is overrun
	collected  *[]byte     // what a read to end-of-stream has taken so far, to be put back when it fails
}

// NewReader returns an empty reader with the given limit in bytes. A limit that is not positive is an [*ArgumentError].
//
// Rules: reader.feed.limit-must-be-positive, reader.feed.opener-sets-limit.
func NewReader(limit int) (*Reader, error) {
	if limit <= 0 {
		return nil, &ArgumentError{Name: "limit", Value: limit, Reason: "must be positive"}
	}
	r := &Reader{limit: limit}
	r.called.L = &r.mu
	return r, nil
}

// Read returns up to n bytes, as soon as there is at least one: all that is buffered, if it is no more than n. With n
// negative it waits for end-of-stream and returns everything until there, whatever the limit. With n zero it returns an
// empty slice at once. At end-of-stream the result is empty and the error nil: io.EOF is not used.
//
// The result is the caller's own. Errors: the stored exception, the context's error, [ErrConcurrentRead].
//
// Rules: reader.read.without-size-reads-to-eof, reader.read.negative-is-no-size, reader.read.size-is-upper-bound,
// reader.read.empty-at-eof, reader.read.zero-returns-at-once, reader.read.one-byte-suffices,
// reader.read.returns-what-is-available, reader.read.to-eof-ignores-limit, reader.read.exception-is-sticky,
// reader.read.cancel-keeps-data, reader.read.to-eof-failure-loses-data (here nothing is lost).
func (r *Reader) Read(ctx context.Context, n int) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reclaim()
	if r.failed != nil {
		return nil, r.failed // reader.read.exception-before-data, reader.read.exception-before-zero
	}
	if n == 0 {
		return []byte{}, nil // reader.read.zero-returns-at-once
	}
	if n < 0 {
		return r.readToEOF(ctx)
	}
	for r.buffered() == 0 && !r.eof {
		if err := r.wait(ctx, "Read", want{bytes: 1}); err != nil {
			return nil, err
		}
	}
	data := r.take(min(n, r.buffered()))
	r.resumeAtLimit() // reader.feed.resumes-at-limit
	return data, nil
}

// readToEOF takes the bytes as they come, so that flow control goes on, and puts them back when it fails.
func (r *Reader) readToEOF(ctx context.Context) ([]byte, error) {
	data := []byte{}
	for {
		for r.buffered() > 0 { // again if resuming has fed
			data = append(data, r.buf[r.head:]...)
			r.consume(r.buffered())
			r.resumeAtLimit()
		}
		if r.eof {
			return data, nil
		}
		if err := r.wait(ctx, "Read", want{bytes: 1, collected: &data}); err != nil {
			r.putBack(data) // reader.read.cancel-keeps-data
			return nil, err
		}
	}
}

// ReadExactly returns exactly n bytes, and waits until they are there; n may be greater than the limit. When the stream
// ends before, it fails with an [*IncompleteReadError] that holds what there was, and the buffer is empty.
//
// The result is the caller's own. Other errors: [*ArgumentError] for a negative n, the stored exception, the context's
// error, [ErrConcurrentRead].
//
// Rules: reader.readexactly.exactly-n, reader.readexactly.waits-for-n, reader.readexactly.eof-is-incomplete,
// reader.readexactly.partial-holds-what-was-read, reader.readexactly.surplus-stays-buffered,
// reader.readexactly.may-exceed-limit, reader.readexactly.negative-refused, reader.read.arguments-before-exception.
func (r *Reader) ReadExactly(ctx context.Context, n int) ([]byte, error) {
	if n < 0 { // reader.readexactly.negative-refused
		return nil, &ArgumentError{Name: "n", Value: n, Reason: "must not be negative"}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reclaim()
	if r.failed != nil {
		return nil, r.failed // reader.read.exception-before-data, reader.read.exception-before-zero
	}
	if n == 0 {
		return []byte{}, nil // reader.readexactly.zero-returns-at-once
	}
	for r.buffered() < n {
		if r.eof {
			return nil, &IncompleteReadError{Partial: r.take(r.buffered()), Expected: n}
		}
		if err := r.wait(ctx, "ReadExactly", want{bytes: n}); err != nil {
			return nil, err
		}
	}
	data := r.take(n)
	r.resumeAtLimit() // reader.feed.resumes-at-limit
	return data, nil
}

// buffered returns how many bytes are buffered. While a window is granted what was taken from it still counts; nobody can
// tell, because there is no flow control then, and because the last byte is never in the window.
func (r *Reader) buffered() int { return len(r.buf) - r.head }

// take removes the first n bytes and returns a copy of them.
func (r *Reader) take(n int) []byte {
	data := make([]byte, n)
	copy(data, r.buf[r.head:])
	r.consume(n)
	return data
}

// Short results up to a separator are cut from a copy that is made of several at once.
const (
	shortResult = 128  // bytes
	aheadCopy   = 1024 // bytes; so much memory a short result may keep alive
)

// cut is take for the results that come many in a row.
func (r *Reader) cut(n int) []byte {
	if r.gone+n > len(r.ahead) {
		if n > shortResult {
			return r.take(n)
		}
		r.ahead = append([]byte(nil), r.buf[r.head:r.head+min(aheadCopy, r.buffered())]...)
		r.gone = 0
	}
	data := r.ahead[r.gone : r.gone+n : r.gone+n]
	r.consume(n)
	return data
}

// consume removes the first n bytes.
func (r *Reader) consume(n int) {
	r.head += n
	r.gone = min(r.gone+n, len(r.ahead))
	r.search.restart()
	if r.head == len(r.buf) && !r.lent {
		r.reuse()
	}
}

// wait blocks until the reader has what w asks for, or the end, or an exception, or ctx is done. It holds the lock when it
// is called and when it returns, and not in between: the caller looks again at everything.
func (r *Reader) wait(ctx context.Context, method string, w want) error {
	if r.waiting {
		return fmt.Errorf("stream: %s %w", method, ErrConcurrentRead) // reader.read.second-waiter-refused
	}
	if r.failed != nil {
		return r.failed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.wake == nil {
		r.wake = make(chan struct{}, 1)
	}
	r.waiting, r.woken, r.raised, r.want = true, false, nil, w
	err := r.resumeToWait()
	if err == nil {
		err = r.block(ctx)
	}
	if err != nil && r.woken {
		<-r.wake
		err = nil // woken first: the caller looks once more before it gives up
	}
	r.waiting, r.want = false, want{}
	if err == nil {
		err = r.raised // reader.feed.set-exception-wakes-reader
	}
	return err
}

// block waits without the lock until the reader is woken or ctx is done.
func (r *Reader) block(ctx context.Context) error {
	if r.source != nil {
		return r.pull(ctx, r.source)
	}
	r.mu.Unlock()
	defer r.mu.Lock()
	select {
	case <-r.wake:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wakeReader wakes the waiting read, if there is one.
func (r *Reader) wakeReader() {
	if r.waiting && !r.woken {
		r.woken = true
		r.wake <- struct{}{}
		if r.source != nil {
			r.source.transport.Interrupt()
		}
	}
}
