package transport

import (
	"bytes"
	"sync/atomic"
	"time"
)

// An OnDemand protocol belongs to somebody who reads by [Puller.Pull] when he wants bytes. The transport then reads ahead by
// itself only when that has not happened for a moment.
type OnDemand interface {
	Protocol
	ReadsOnDemand()
}

// A Puller is a transport whose reading can be done by the goroutine that waits for the bytes, which saves a switch. That
// calls BeginPull and, when it may, Pull and EndPull, once each.
//
// BeginPull, EndPull and Interrupt call no callback and do not wait, so that who calls them may hold a lock that callbacks
// take. Pull does both.
type Puller interface {
	// BeginPull claims the reading for p. It reports false when p is not the transport's protocol, or when there is nothing
	// to read: because reading is paused, or is over, or another goroutine does it. Who still wants bytes then should come
	// back when there is a value in the channel.
	BeginPull(p Protocol) (ok bool, again <-chan struct{})

	// Pull waits for bytes and returns them, in into, which must not be empty. They are not told by DataReceived. It returns
	// nothing when it was interrupted, or when something else happened, of which the protocol has been told.
	Pull(into []byte) []byte

	// EndPull gives the reading back. It reports whether the bytes, those that Pull returned, are the caller's. They are
	// not when meanwhile the transport began to close, which drops them, or was paused or got another protocol, which has
	// them come later.
	//
	// Rules: transport.base.close-stops-receiving, transport.read.paused-is-silent, transport.base.set-protocol.
	EndPull(got []byte) bool

	// Interrupt has a Pull that has begun return.
	Interrupt()
}

// pulling is what concerns Pull alone.
type pulling struct {
	wanted  bool          // the protocol is OnDemand
	waiting bool          // somebody was turned away and waits for free
	free    chan struct{} // of capacity one
	by      Protocol      // who may begin, or has begun; not changed while the gate is open or passed
	active  bool          // the endpoint's read is about to be called by Pull, or has been
	broken  bool          // that read has been interrupted
	count   int           // calls that have read; changed by who reads
	seen    int           // count when the timer was set
	delay   time.Duration // how long the timer was set for
	armed   bool          // the timer runs

	// gate lets one Pull after the other in without the lock, while nothing else happens to the connection. Whoever looks at
	// what concerns reading, or changes it, shuts it first.
	gate atomic.Int32
}

// The states of the gate. While it is open, nobody reads, reading is possible, and the timer is armed.
const (
	gateShut int32 = iota
	gateOpen
	gatePassed // and somebody reads
)

// A moment without Pull is this long, or up to twice the longest when there were many before.
const (
	shortMoment = time.Millisecond
	longMoment  = 16 * time.Millisecond
)

func onDemand(p Protocol) bool {
	_, ok := p.(OnDemand)
	return ok
}

// letIn calls back who was turned away.
func (p *pulling) letIn() {
	if p.waiting {
		p.waiting = false
		select {
		case p.free <- struct{}{}:
		default:
		}
	}
}

// shut shuts the gate. Who has passed it reads, as one who came in by the lock.
func (c *connection) shut() {
	if c.pull.gate.Swap(gateShut) == gatePassed {
		c.reading, c.pull.active = true, true
	}
}

// BeginPull implements [Puller].
func (c *connection) BeginPull(p Protocol) (ok bool, again <-chan struct{}) {
	if c.pull.gate.CompareAndSwap(gateOpen, gatePassed) {
		if p == c.pull.by {
			return true, nil
		}
		c.EndPull(nil)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shut()
	if !c.reading && c.mayRead() && c.protocol == p {
		c.reading, c.pull.active, c.pull.by = true, true, p
		return true, nil
	}
	if c.pull.free == nil {
		c.pull.free = make(chan struct{}, 1)
	}
	c.pull.waiting = c.protocol == p // otherwise SetProtocol lets p in
	c.readAhead()
	return false, c.pull.free
}

// Pull implements [Puller].
func (c *connection) Pull(into []byte) []byte {
	if c.got.none() {
		got := c.receive(into)
		if got.err == nil {
			return got.data
		}
		got.data = bytes.Clone(got.data)
		c.got = got
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shut()
	c.endRead()
	c.deliver()
	return nil
}

// endRead takes an interruption back.
func (c *connection) endRead() {
	c.pull.active = false
	if c.pull.broken {
		c.pull.broken = false
		c.end.interrupt(false)
	}
}

// EndPull implements [Puller].
func (c *connection) EndPull(got []byte) bool {
	c.pull.count++
	if c.pull.gate.CompareAndSwap(gatePassed, gateOpen) {
		return len(got) > 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endRead()
	mine := len(got) > 0 && c.mayRead() && c.protocol == c.pull.by
	if len(got) > 0 && !mine && !c.closing {
		c.got.data = bytes.Clone(got)
	}
	c.stopReading()
	return mine
}

// Interrupt implements [Puller].
func (c *connection) Interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shut()
	if c.pull.active && !c.pull.broken {
		c.pull.broken = true
		c.end.interrupt(true)
	}
	c.readAhead()
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
	if !c.pull.armed {
		c.pull.delay = shortMoment
		c.wait()
	}
	c.pull.by = c.protocol
	c.pull.gate.Store(gateOpen)
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
	c.shut()
	c.pull.armed = false
	if c.reading || !c.mayRead() {
		return // who ends the reading, or the pause, sets the timer
	}
	if c.pull.wanted && c.pull.count != c.pull.seen {
		c.pull.delay = min(2*c.pull.delay, longMoment)
		c.wait()
		c.readAhead()
		return
	}
	c.startReading()
}
