package transport

import (
	"bytes"
	"context"
	"io"
	"syscall"
)

// PauseReading implements [ReadTransport].
func (c *connection) PauseReading() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closing {
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
	for c.step(context.Background(), nil, nil) && !c.pull.letIn() {
	}
	c.stopReading()
}

// stopReading gives the reading to others.
func (c *connection) stopReading() {
	c.reading = false
	if c.closing {
		c.changed.Broadcast()
		return
	}
	c.readAhead()
}

// step waits for one read and delivers what it brings. It returns early when there is a value in until or ctx is done. It
// reads to into, or to the connection's own buffer. It reports whether to go on. The caller has set reading, and holds the
// lock when it calls and when it returns, not in between.
func (c *connection) step(ctx context.Context, until <-chan struct{}, into []byte) bool {
	foreign := len(into) > 0
	if len(c.got.data) == 0 && c.got.err == nil {
		if !c.mayRead() {
			return false
		}
		if !foreign {
			if c.buf == nil {
				c.buf = make([]byte, readSize)
			}
			into = c.buf
		}
		c.mu.Unlock()
		c.inRead.Store(true)
		var got received
		if len(until) == 0 && ctx.Err() == nil {
			var n int
			n, got.err = c.end.read(into)
			got.data = into[:n]
		}
		c.inRead.Store(false)
		c.mu.Lock()
		if got.err == errInterrupted {
			got.err = nil
		}
		if c.broken {
			c.broken = false
			c.end.interrupt(false)
		}
		c.got = got
	}
	more := c.deliver()
	if foreign && len(c.got.data) > 0 {
		c.got.data = bytes.Clone(c.got.data) // to be delivered when reading is resumed
	}
	return more
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
			p, data := c.protocol, c.got.data
			c.got.data = nil
			c.busy = true
			c.mu.Unlock()
			err := c.dataReceived(p, data)
			c.mu.Lock()
			c.endTurn()
			if err != nil {
				c.abort(err)
			}
		case c.got.err == io.EOF && c.deaf:
			if c.queue.size > 0 {
				c.abort(syscall.EPIPE)
			}
			c.close() // transport.write.pipe-eof-and-loss
		case c.got.err == io.EOF:
			p, keepOpen := c.protocol, false
			c.got.err = nil
			c.eof = true
			c.busy = true
			c.mu.Unlock()
			err := c.call("EOFReceived", func() { keepOpen = p.EOFReceived() })
			c.mu.Lock()
			c.endTurn()
			if err != nil {
				c.abort(err)
			} else if !keepOpen || c.alone {
				c.close() // protocol.stream.falsy-eof-closes
			}
		case c.got.err != nil:
			c.abort(c.got.err) // protocol.base.abnormal-loss-has-error
		default:
			return true
		}
	}
}

// dataReceived calls the callback.
func (c *connection) dataReceived(p Protocol, data []byte) (err error) {
	defer c.contain("DataReceived", &err)
	p.DataReceived(data)
	return nil
}
