package transport

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// A connection is the Transport over an endpoint: all kinds of transport are this one.
//
// Its lock is never held while a callback runs, nor while the endpoint waits. Goroutines of its own are only those that
// have something to do: read and finish are below, flush is in write.go.
type connection struct {
	end endpoint
	mu  sync.Mutex

	closing   bool        // nothing is received any more
	ended     bool        // and nothing is sent any more: ConnectionLost is all that is left
	isClosing atomic.Bool // closing, for IsClosing

	// sending
	over       atomic.Bool // the high mark was passed, and the low mark not reached since
	eofWritten bool
	flushing   bool // flush is running
	queue      queue
	marks      watermarks
	due        int  // how many changes of over the protocol has not been told
	told       bool // what it was told last
	dropped    int  // how many writes came too late

	// receiving
	reading   bool // somebody reads: the goroutine of read, or a caller of Pull
	paused    bool
	eof       bool            // EOFReceived has been called
	alone     bool            // there is one direction only, so that end-of-stream ends the connection
	deaf      bool            // and it is the one to the peer: all that is read is that the peer has gone
	got       received        // what has been read and not been delivered
	buf       *[readSize]byte // what is read into
	pull      pulling
	readTimer *time.Timer

	protocol Protocol
	busy     bool      // a callback is running
	changed  sync.Cond // busy, reading or flushing has become false, or the transport is closing
	cause    error     // what ConnectionLost gets
	report   func(*CallbackError)
	warn     func(string)
	lost     func() // called last; nil if nobody wants to know
}

// received is the outcome of a read.
type received struct {
	data []byte
	err  error
}

func (r received) none() bool { return len(r.data) == 0 && r.err == nil }

// start makes the connection and calls ConnectionMade(self).
//
// Rules: protocol.base.made-before-return, transport.read.pause-in-connection-made.
func (c *connection) start(end endpoint, self BaseTransport, p Protocol, opts *Options) {
	c.end, c.protocol, c.report, c.warn = end, p, opts.report(), opts.warn()
	if opts != nil && opts.Lost != nil {
		c.lost = func() { opts.Lost(self) }
	}
	c.changed.L = &c.mu
	c.marks, _ = marksFrom(nil)
	c.pull.wanted = onDemand(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading = true // nobody reads before ConnectionMade has returned
	defer c.stopReading()
	c.call("ConnectionMade", func(p Protocol) { p.ConnectionMade(self) })
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
	c.shut()
	c.closing = true
	c.isClosing.Store(true)
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
	c.shut()
	c.closing, c.ended, c.cause = true, true, err
	c.isClosing.Store(true)
	c.queue.clear()
	c.due = 0
	c.changed.Broadcast()
	go c.finish() // transport.base.loss-is-asynchronous
}

// finish calls ConnectionLost when nothing else can happen any more.
//
// Rules: protocol.base.lost-once, protocol.base.others-between.
func (c *connection) finish() {
	if c.lost != nil {
		defer c.lost()
	}
	c.end.close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.readTimer != nil {
		c.readTimer.Stop()
	}
	for c.busy || c.reading || c.flushing {
		c.changed.Wait()
	}
	if c.buf != nil { // nobody reads any more
		buffers.Put(c.buf)
	}
	c.buf, c.got = nil, received{}
	defer func() { c.protocol = nil }() // transport.base.no-protocol-after-loss
	c.call("ConnectionLost", func(p Protocol) { p.ConnectionLost(c.cause) })
}

// IsClosing implements [BaseTransport].
func (c *connection) IsClosing() bool { return c.isClosing.Load() }

// GetExtraInfo implements [BaseTransport].
func (c *connection) GetExtraInfo(name string) (any, bool) { return c.end.info(name) }

// SetProtocol implements [BaseTransport].
func (c *connection) SetProtocol(p Protocol) {
	if p == nil {
		panic(errNoProtocol)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.protocol == nil {
		return
	}
	c.shut()
	c.protocol = p
	c.pull.wanted = onDemand(p)
	c.pull.waiting = c.pull.free != nil // p may have been turned away before
	c.pull.letIn()
	c.readAhead()
}

// GetProtocol implements [BaseTransport].
func (c *connection) GetProtocol() Protocol {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.protocol
}

// call runs a callback, and those that become due meanwhile. It holds the lock when it is called and when it ends, however
// the callback ends, and not in between. No other callback is running.
//
// Rules: protocol.stream.failing-callback-is-fatal, protocol.base.failing-flow-control-callback.
func (c *connection) call(name string, callback func(Protocol)) {
	p := c.protocol
	c.busy = true
	c.mu.Unlock()
	returned := false
	defer func() {
		var failure *CallbackError
		if cause := recover(); cause != nil {
			failure = &CallbackError{Callback: name, Cause: cause}
		} else if !returned {
			failure = &CallbackError{Callback: name, Cause: errGoexit}
		}
		if failure != nil {
			c.report(failure)
		}
		c.mu.Lock()
		if failure != nil && name != "PauseWriting" && name != "ResumeWriting" {
			c.abort(failure)
		}
		c.endTurn()
	}()
	callback(p)
	returned = true
}

var errGoexit = errors.New("runtime.Goexit was called")

// endTurn tells the protocol what became due while its callback ran, and lets the next one in.
//
// Rule: transport.write.pause-and-resume-alternate.
func (c *connection) endTurn() {
	if c.due == 0 {
		c.busy = false
		c.changed.Broadcast()
		return
	}
	c.due--
	c.told = !c.told
	if c.told {
		c.call("PauseWriting", Protocol.PauseWriting)
	} else {
		c.call("ResumeWriting", Protocol.ResumeWriting)
	}
}

// Report reports the failure of a callback that the protocol itself has called.
func (c *connection) Report(failure *CallbackError) { c.report(failure) }
