package stream

import (
	"errors"
	"fmt"
)

// A ReadPauser is the part of a read transport that a reader's flow control needs.
//
// PauseReading asks the transport to stop feeding; an error that matches [errors.ErrUnsupported] means that it cannot, and
// the reader then forgets the transport and buffers whatever comes. ResumeReading lets it feed again.
//
// The reader calls them in strict alternation, PauseReading first, one at a time, from the goroutine that feeds or reads,
// and without holding its lock. ResumeReading may feed before it returns; a pause that becomes due then is called as soon
// as it has returned, not before. PauseReading may feed, but must not read: a read waits until it has returned.
//
// Any other error of PauseReading is FeedData's, and the next FeedData tries again. An error of ResumeReading takes nothing
// from a read that has its bytes; the next read tries again, and one that would have to wait returns the error.
//
// Rules: reader.feed.pauses-above-twice-limit, reader.feed.resumes-at-limit, reader.feed.waiting-read-resumes,
// reader.feed.refused-pause-forgets-transport.
type ReadPauser interface {
	PauseReading() error
	ResumeReading() error
}

// SetTransport attaches the transport that is paused and resumed as the buffer fills and empties. It is called once,
// otherwise [ErrTransportSet]; and not while a borrowing read is in progress.
//
// Rules: reader.feed.set-transport-attaches, reader.feed.set-transport-once, reader.feed.no-transport-no-pause.
func (r *Reader) SetTransport(t ReadPauser) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.transport != nil {
		return ErrTransportSet
	}
	r.withdraw()
	r.transport = t
	return nil
}

// pauseAboveTwiceLimit pauses the transport if too much is buffered.
func (r *Reader) pauseAboveTwiceLimit() error {
	if r.transport == nil {
		return nil // reader.feed.no-transport-no-pause
	}
	if r.paused {
		return nil
	}
	if r.buffered()-r.limit <= r.limit {
		return nil // reader.feed.pauses-above-twice-limit
	}
	if r.resuming {
		r.pauseDue = true
		return nil
	}
	return r.pause()
}

// pause calls the transport's PauseReading. A read that waits on is woken, to resume the transport.
func (r *Reader) pause() error {
	t := r.transport
	r.paused = true
	r.pausing = true
	err := r.unlocked(t.PauseReading)
	r.pausing = false
	r.called.Broadcast()
	r.wakeReader() // reader.feed.waiting-read-resumes
	if err == nil {
		return nil
	}
	r.paused = false
	if errors.Is(err, errors.ErrUnsupported) {
		r.transport = nil // reader.feed.refused-pause-forgets-transport
		return nil
	}
	return fmt.Errorf("stream: pausing the transport: %w", err)
}

// resumeAtLimit resumes the transport after a read, if it is paused and little enough is left.
func (r *Reader) resumeAtLimit() {
	if r.paused {
		r.resumePaused()
	}
}

// resumePaused leaves an error for the read that will have to wait: the transport counts as paused still.
func (r *Reader) resumePaused() {
	for r.pausing {
		r.called.Wait()
	}
	if !r.paused {
		return
	}
	if r.buffered() > r.limit {
		return // reader.feed.resumes-at-limit
	}
	_ = r.resume()
}

// resumeToWait resumes the transport, however much is buffered: a read is about to wait for more.
func (r *Reader) resumeToWait() error {
	for r.pausing {
		r.called.Wait()
	}
	if !r.paused {
		return nil
	}
	return r.resume() // reader.feed.waiting-read-resumes
}

// resume calls the transport's ResumeReading, and PauseReading if what came meanwhile demands it.
func (r *Reader) resume() error {
	t := r.transport
	r.paused = false
	r.resuming = true
	err := r.unlocked(t.ResumeReading)
	r.resuming = false
	if err != nil {
		r.paused = true
		r.pauseDue = false
		return fmt.Errorf("stream: resuming the transport: %w", err)
	}
	if r.pauseDue {
		r.pauseDue = false
		_ = r.pauseAboveTwiceLimit() // on an error the next FeedData tries again, and has somebody to tell
	}
	return nil
}

// unlocked calls f without the lock.
func (r *Reader) unlocked(f func() error) error {
	r.mu.Unlock()
	defer r.mu.Lock()
	return f()
}
