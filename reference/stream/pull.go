package stream

import (
	"context"

	"github.com/streamspec/streamspec/reference/transport"
)

// An onDemand is what a read that waits reads from by itself.
type onDemand struct {
	transport transport.Puller
	protocol  *Protocol // on whose behalf
}

// attach has reads that wait read from the transport.
func (r *Reader) attach(t transport.Puller, p *Protocol) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.source = &onDemand{t, p}
}

// pull waits like block, and reads meanwhile. It holds the lock when it is called and when it returns: what the transport
// needs of it for each read it does under that same lock, so that little is left to pay for.
func (r *Reader) pull(ctx context.Context, from *onDemand) error {
	for !r.woken {
		ok, again := from.transport.BeginPull(from.protocol)
		if ok {
			if r.pullOnce(ctx, from.transport) {
				return nil
			}
		} else {
			r.mu.Unlock()
			select {
			case <-r.wake:
				r.mu.Lock()
				return nil
			case <-ctx.Done():
			case <-again:
			}
			r.mu.Lock()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	<-r.wake
	return nil
}

// pullOnce does one read. It reports whether the waiting read has what it needs.
func (r *Reader) pullOnce(ctx context.Context, t transport.Puller) bool {
	into := r.into
	if len(into) == 0 {
		into = r.roomToRead()
	}
	stop := interruptWhenDone(ctx, t)
	r.mu.Unlock()
	got := t.Pull(into)
	if stop != nil {
		stop()
	}
	r.mu.Lock()
	return t.EndPull(got) && r.accept(got)
}

func interruptWhenDone(ctx context.Context, t transport.Puller) (stop func() bool) {
	if ctx.Done() == nil {
		return nil
	}
	return context.AfterFunc(ctx, t.Interrupt)
}

// What is read on demand lands in a room of this many bytes, of the larger when much comes at once.
const (
	smallRoom = 4 << 10
	largeRoom = 64 << 10
)

// roomToRead returns memory that belongs to the waiting read, and grows with what has come.
func (r *Reader) roomToRead() []byte {
	switch {
	case r.room == nil:
		r.room = make([]byte, smallRoom)
	case r.filled && len(r.room) < largeRoom:
		r.room = make([]byte, largeRoom)
	}
	r.filled = false
	return r.room
}

// accept takes what the waiting read has read. It reports whether that is all that the read needs.
func (r *Reader) accept(got []byte) bool {
	if r.eof {
		return false // fed by hand meanwhile, which nothing can follow: invariants.eof-is-terminal
	}
	if len(r.into) > 0 && !r.woken && r.buffered() == 0 {
		r.landed = len(got)
		return true
	}
	r.filled = len(got) >= smallRoom
	r.store(got)
	_ = r.pauseAboveTwiceLimit() // there is nobody to tell but this read, which has its bytes
	return !r.woken && r.satisfied()
}
