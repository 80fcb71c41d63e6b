package transport

import (
	"io"
	"sync"
	"syscall"
)

const readSize = 64 << 10 // bytes

// buffers are what connections read into, of those that have ended for those to come.
var buffers = sync.Pool{New: func() any { return new([readSize]byte) }}

// PauseReading implements [ReadTransport].
func (c *connection) PauseReading() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closing {
		c.shut()
		c.paused = true
	}
	return nil
}

// ResumeReading implements [ReadTransport].
func (c *connection) ResumeReading() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closing && c.paused {
		c.paused = false
		c.pull.letIn()
		c.readAhead()
	}
	return nil
}

// IsReading implements [ReadTransport].
func (c *connection) IsReading() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.closing && !c.paused
}

// mayRead reports whether there is something to wait for.
func (c *connection) mayRead() bool { return !c.closing && !c.paused && !c.eof }

// startReading starts the goroutine that reads, if nobody does.
func (c *connection) startReading() {
	if !c.reading && c.mayRead() {
		c.reading = true
		go c.read()
	}
}

// read reads until the connection ends, or is paused, or somebody else wants to.
func (c *connection) read() {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.stopReading()
	for c.step() && !c.pull.waiting {
	}
}

// stopReading gives the reading to others.
func (c *connection) stopReading() {
	c.reading = false
	c.pull.letIn()
	if c.closing {
		c.changed.Broadcast()
		return
	}
	c.readAhead()
}

// step waits for one read and delivers what it brings. It reports whether to go on. The caller has set reading, and holds
// the lock when it calls and when it returns, not in between.
func (c *connection) step() bool {
	if c.got.none() {
		if !c.mayRead() {
			return false
		}
		if c.buf == nil {
			c.buf = buffers.Get().(*[readSize]byte)
		}
		c.mu.Unlock()
		c.got = c.receive(c.buf[:])
		c.mu.Lock()
	}
	return c.deliver()
}

// receive waits for one read. The caller has set reading, and does not hold the lock.
func (c *connection) receive(into []byte) received {
	n, err := c.end.read(into)
	if err == errInterrupted {
		err = nil
	}
	return received{into[:n], err}
}

// deliver hands what was read to the protocol, or keeps it while reading is paused. It reports whether to read on.
//
// Rules: transport.read.paused-is-silent, transport.read.eof-waits-for-resume, transport.base.close-stops-receiving.
func (c *connection) deliver() bool {
	for {
		for c.busy && !c.closing {
			c.changed.Wait()
		}
		if !c.mayRead() {
			return false
		}
		switch {
		case len(c.got.data) > 0:
			data := c.got.data
			c.got.data = nil
			c.call("DataReceived", func(p Protocol) { p.DataReceived(data) })
		case c.got.err == io.EOF && c.deaf:
			if c.queue.size > 0 {
				c.abort(syscall.EPIPE)
			}
			c.close() // transport.write.pipe-eof-and-loss
		case c.got.err == io.EOF:
			c.got.err = nil
			c.eof = true
			keepOpen := false
			c.call("EOFReceived", func(p Protocol) { keepOpen = p.EOFReceived() })
			if !keepOpen || c.alone {
				c.close() // protocol.stream.falsy-eof-closes
			}
		case c.got.err != nil:
			c.abort(c.got.err) // protocol.base.abnormal-loss-has-error
		default:
			return true
		}
	}
}
