package transport

import (
	"sync"
	"sync/atomic"
	"time"
)

// A connection is the Transport over an endpoint: all kinds of transport are this one.
//
// Its lock is never held while a callback runs, nor while the endpoint waits. Goroutines of its own are only those that
// have something to do: read and finish are below, flush is in write.go.
type connection struct {
	end    endpoint
	self   BaseTransport // what ConnectionMade gets
	report func(*CallbackError)

	mu       sync.Mutex
	changed  sync.Cond // busy, reading or flushing has become false, or the transport is closing
	protocol Protocol
	busy     bool // a callback is running

	closing bool        // nothing is received any more
	ended   bool        // and nothing is sent any more: ConnectionLost is all that is left
	cause   error       // what it gets
	shut    atomic.Bool // closing, for IsClosing

	// receiving
	reading   bool // somebody reads: the goroutine of read, or a caller of Pull
	paused    bool
	eof       bool     // EOFReceived has been called
	alone     bool     // there is one direction only, so that end-of-stream ends the connection
	deaf      bool     // and it is the one to the peer: all that is read is that the peer has gone
	buf       []byte   // what is read into
	got       received // what has been read and not been delivered
	pull      pulling
	inRead    atomic.Bool // the endpoint's read is about to be called, or has been
	broken    bool        // that read has been interrupted
	readTimer *time.Timer

	// sending
	queue      queue
	marks      watermarks
	flushing   bool // flush is running
	eofWritten bool
	over       atomic.Bool // the high mark was passed, and the low mark not reached since
	due        int         // how many changes of over the protocol has not been told
	told       bool        // what it was told last
}

// received is the outcome of a read.
type received struct {
	data []byte
	err  error
}

const readSize = 64 << 10 // bytes

// start makes the connection and calls ConnectionMade.
//
// Rules: protocol.base.made-before-return, transport.read.pause-in-connection-made.
func (c *connection) start(end endpoint, self BaseTransport, p Protocol, opts *Options) {
	c.end, c.self, c.protocol, c.report = end, self, p, opts.report()
	c.changed.L = &c.mu
	c.marks, _ = marksFrom(nil)
	c.pull.wanted = onDemand(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = true
	c.reading = true // nobody reads before ConnectionMade has returned
	c.mu.Unlock()
	err := c.call("ConnectionMade", func() { p.ConnectionMade(self) })
	c.mu.Lock()
	c.reading = false
	c.endTurn()
	if err != nil {
		c.abort(err)
	}
	c.pull.letIn()
	c.readAhead()
}

// Close implements [BaseTransport].
func (c *connection) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.close()
}

func (c *connection) close() {
	if c.closing {
		return
	}
	c.closing = true
	c.shut.Store(true)
	c.changed.Broadcast()
	if c.queue.size == 0 && !c.flushing {
		c.abort(nil) // otherwise flush will: transport.base.close-flushes
	}
}

// Abort implements [WriteTransport].
func (c *connection) Abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abort(nil)
}

// abort ends the connection, and has ConnectionLost(err) called.
func (c *connection) abort(err error) {
	if c.ended {
		return
	}
	c.closing, c.ended, c.cause = true, true, err
	c.shut.Store(true)
	c.queue.clear()
	c.due = 0
	c.changed.Broadcast()
	go c.finish() // transport.base.loss-is-asynchronous
}

// finish calls ConnectionLost when nothing else can happen any more.
//
// Rules: protocol.base.lost-once, protocol.base.others-between.
func (c *connection) finish() {
	c.end.close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.readTimer != nil {
		c.readTimer.Stop()
	}
	for c.busy || c.reading || c.flushing {
		c.changed.Wait()
	}
	c.busy = true
	p := c.protocol
	c.mu.Unlock()
	_ = c.call("ConnectionLost", func() { p.ConnectionLost(c.cause) })
	c.mu.Lock()
	c.protocol, c.buf, c.got = nil, nil, received{} // transport.base.no-protocol-after-loss
}

// IsClosing implements [BaseTransport].
func (c *connection) IsClosing() bool { return c.shut.Load() }

// GetExtraInfo implements [BaseTransport].
func (c *connection) GetExtraInfo(name string) (any, bool) { return c.end.info(name) }

// SetProtocol implements [BaseTransport].
func (c *connection) SetProtocol(p Protocol) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.protocol == nil {
		return
	}
	c.protocol = p
	c.pull.wanted = onDemand(p)
	c.readAhead()
}

// GetProtocol implements [BaseTransport].
func (c *connection) GetProtocol() Protocol {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.protocol
}

// endTurn tells the protocol what became due while its callback ran, and lets the next one in. It holds the lock when it
// is called and when it returns, and not in between.
//
// Rule: transport.write.pause-and-resume-alternate.
func (c *connection) endTurn() {
	for c.due > 0 {
		c.due--
		c.told = !c.told
		p, name, callback := c.protocol, "ResumeWriting", Protocol.ResumeWriting
		if c.told {
			name, callback = "PauseWriting", Protocol.PauseWriting
		}
		c.mu.Unlock()
		_ = c.call(name, func() { callback(p) }) // protocol.base.failing-flow-control-callback
		c.mu.Lock()
	}
	c.busy = false
	c.changed.Broadcast()
}

// call runs a callback and reports that it panicked.
//
// Rule: protocol.stream.failing-callback-is-fatal.
func (c *connection) call(name string, callback func()) (err error) {
	defer c.contain(name, &err)
	callback()
	return nil
}

// contain is deferred around a callback.
func (c *connection) contain(name string, err *error) {
	if cause := recover(); cause != nil {
		e := &CallbackError{Callback: name, Cause: cause}
		c.report(e)
		*err = e
	}
}
