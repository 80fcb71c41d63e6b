package transport

import (
	"context"
	"time"
)

// An OnDemand protocol belongs to somebody who reads by [Puller.Pull] when he wants bytes. The transport then reads ahead by
// itself only when that has not happened for a moment.
type OnDemand interface {
	Protocol
	ReadsOnDemand()
}

// A Puller is a transport whose reading can be done by the goroutine that waits for the bytes, which saves a switch.
type Puller interface {
	// Pull reads, and has the protocol's callbacks called, from the caller's goroutine, until there is a value in until,
	// ctx is done, or there is nothing to read: because reading is paused, or is over, or another goroutine does it.
	// Somebody who still waits then should come back when there is a value in the channel that Pull returns.
	//
	// Into, if not empty, is where bytes are read to; DataReceived then gets a part of it. Pull keeps nothing of it.
	Pull(ctx context.Context, until <-chan struct{}, into []byte) (again <-chan struct{})

	// Interrupt has a Pull that waits look at its until and ctx.
	Interrupt()
}

// pulling is what concerns Pull alone.
type pulling struct {
	wanted  bool          // the protocol is OnDemand
	waiting bool          // somebody was turned away and waits for free
	free    chan struct{} // of capacity one
	active  bool          // reading is done by Pull
	count   int           // calls that have read
	seen    int           // count when the timer was set
	delay   time.Duration // how long the timer was set for
	armed   bool          // the timer runs
}

// A moment without Pull is this long, or up to twice the longest when there were many before.
const (
	shortMoment = time.Millisecond
	longMoment  = 16 * time.Millisecond
)

func onDemand(p Protocol) bool {
	_, ok := p.(OnDemand)
	return ok
}

// letIn calls back who was turned away. It reports whether there was somebody.
func (p *pulling) letIn() bool {
	if !p.waiting {
		return false
	}
	p.waiting = false
	select {
	case p.free <- struct{}{}:
	default:
	}
	return true
}

// Pull implements [Puller].
func (c *connection) Pull(ctx context.Context, until <-chan struct{}, into []byte) <-chan struct{} {
	c.mu.Lock()
	if c.pull.free == nil {
		c.pull.free = make(chan struct{}, 1)
	}
	if c.reading || !c.mayRead() {
		c.pull.waiting = true
		c.mu.Unlock()
		return c.pull.free
	}
	c.reading, c.pull.active = true, true
	if ctx.Done() == nil {
		for len(until) == 0 && c.step(ctx, until, into) {
		}
	} else {
		stop := context.AfterFunc(ctx, c.Interrupt)
		for len(until) == 0 && ctx.Err() == nil && c.step(ctx, until, into) {
		}
		stop()
	}
	c.pull.active = false
	c.pull.count++
	c.pull.waiting = len(until) == 0
	c.stopReading()
	c.mu.Unlock()
	return c.pull.free
}

// Interrupt implements [Puller].
func (c *connection) Interrupt() {
	if !c.inRead.Load() {
		return // step looks again before it reads
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inRead.Load() && c.pull.active && !c.broken {
		c.broken = true
		c.end.interrupt(true)
	}
}

// readAhead has the transport read by itself: at once, or when nobody pulls for a moment.
func (c *connection) readAhead() {
	if c.reading || !c.mayRead() {
		return
	}
	if !c.pull.wanted || c.deaf {
		c.startReading()
		return
	}
	if c.pull.armed {
		return
	}
	c.pull.delay = shortMoment
	c.wait()
}

// wait sets the timer.
func (c *connection) wait() {
	c.pull.armed = true
	c.pull.seen = c.pull.count
	if c.readTimer == nil {
		c.readTimer = time.AfterFunc(c.pull.delay, c.look)
	} else {
		c.readTimer.Reset(c.pull.delay)
	}
}

// look starts the reading if nobody has pulled since the timer was set.
func (c *connection) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pull.armed = false
	if c.reading || !c.mayRead() {
		return // who ends the reading, or the pause, sets the timer
	}
	if c.pull.wanted && c.pull.count != c.pull.seen {
		c.pull.delay = min(2*c.pull.delay, longMoment)
		c.wait()
		return
	}
	c.startReading()
}
