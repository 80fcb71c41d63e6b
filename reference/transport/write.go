package transport

import "slices"

// Write implements [WriteTransport].
func (c *connection) Write(p []byte) error {
	c.mu.Lock()
	if !c.closing && !c.eofWritten && c.queue.size == 0 && len(p) > 0 {
		n, err := c.end.send(p) // writer.write.sends-at-once
		if err != nil {
			c.abort(err) // writer.write.failed-send-does-not-raise
		}
		if p = p[n:]; len(p) == 0 || err != nil {
			c.mu.Unlock()
			return nil
		}
	}
	defer c.mu.Unlock()
	if c.eofWritten {
		return ErrWriteAfterEOF
	}
	if c.closing {
		c.drop(len(p) > 0)
		return nil
	}
	c.enqueue(p)
	c.watch(false)
	return nil
}

// WriteLines implements [WriteTransport].
func (c *connection) WriteLines(chunks [][]byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.eofWritten {
		return ErrWriteAfterEOF
	}
	if c.closing {
		c.drop(some(chunks))
		return nil
	}
	if !some(chunks) {
		return nil // writer.write.empty-is-no-op, also where a send would fail
	}
	sent := 0
	if c.queue.size == 0 {
		var err error
		sent, err = c.end.sendLines(chunks) // writer.write.sends-at-once
		if err != nil {
			c.abort(err) // writer.write.failed-send-does-not-raise
			return nil
		}
	}
	for _, p := range chunks {
		n := min(sent, len(p))
		sent -= n
		c.enqueue(p[n:])
	}
	c.watch(false)
	return nil
}

// some reports whether there is a byte among the chunks.
func some(chunks [][]byte) bool {
	return slices.ContainsFunc(chunks, func(p []byte) bool { return len(p) > 0 })
}

// drop drops a write, of some bytes or of none.
//
// Rule: writer.write.after-close-discarded.
func (c *connection) drop(some bool) {
	if !some {
		return
	}
	if c.dropped++; c.dropped >= 5 {
		c.mu.Unlock()
		defer c.mu.Lock()
		c.warn("transport: write to a connection that is closed")
	}
}

// enqueue queues a copy of p, and has it sent.
func (c *connection) enqueue(p []byte) {
	c.queue.add(p)
	if c.queue.size > 0 && !c.flushing {
		c.flushing = true
		go c.flush()
	}
}

// flush sends what is queued, and then does what was waiting for that.
func (c *connection) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.flushed()
	var storage [64][]byte
	for !c.ended && c.queue.size > 0 {
		chunks := c.queue.front(storage[:0])
		c.mu.Unlock()
		n, err := c.end.push(chunks)
		c.mu.Lock()
		if c.ended {
			return
		}
		c.queue.drop(n)
		if err != nil {
			c.abort(err)
			return
		}
		c.watch(true)
	}
}

// flushed is the end of flush, or of its goroutine.
//
// Rules: transport.base.close-flushes, transport.write.eof-after-flush.
func (c *connection) flushed() {
	c.flushing = false
	switch {
	case c.ended:
		c.changed.Broadcast()
	case c.queue.size > 0: // a callback has called runtime.Goexit
		c.flushing = true
		go c.flush()
	case c.closing:
		c.abort(nil)
	case c.eofWritten:
		c.closeWrite()
	}
}

// watch compares the queue with the marks, and tells the protocol unless another callback is running: then the protocol
// is told when that returns. Writing resumes only when something was sent, and not because the marks were raised before.
//
// Rules: transport.write.pauses-strictly-above-high, transport.write.resumes-at-low,
// transport.write.pause-and-resume-alternate, transport.write.lower-limits-pause-at-once.
func (c *connection) watch(sent bool) {
	switch over := c.over.Load(); {
	case !over && c.queue.size > c.marks.high:
		c.over.Store(true)
		c.due++
	case over && !sent:
	case over && c.queue.size <= c.marks.low:
		c.over.Store(false)
		c.due++
	}
	if c.due > 0 && !c.busy {
		c.endTurn()
	}
}

// WritingPaused reports whether the queue has passed the high mark and not reached the low one since. Unlike PauseWriting,
// which has to wait for a callback that is running, it is never late.
func (c *connection) WritingPaused() bool { return c.over.Load() }

// WriteEOF implements [WriteTransport].
func (c *connection) WriteEOF() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing || c.eofWritten {
		return nil
	}
	if c.alone {
		c.close() // transport.write.pipe-eof-and-loss
		return nil
	}
	c.eofWritten = true
	if c.queue.size == 0 && !c.flushing {
		c.closeWrite() // otherwise flush will: transport.write.eof-after-flush
	}
	return nil
}

// closeWrite ends the stream to the peer. If that fails the peer has gone, of which reading will tell.
func (c *connection) closeWrite() { _ = c.end.closeWrite() }

// CanWriteEOF implements [WriteTransport].
func (c *connection) CanWriteEOF() bool { return true }

// GetWriteBufferSize implements [WriteTransport].
func (c *connection) GetWriteBufferSize() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queue.size
}

// GetWriteBufferLimits implements [WriteTransport].
func (c *connection) GetWriteBufferLimits() (low, high int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.marks.low, c.marks.high
}

// SetWriteBufferLimits implements [WriteTransport].
func (c *connection) SetWriteBufferLimits(given ...Watermark) error {
	marks, err := marksFrom(given)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.marks = marks
	if c.queue.size > marks.high {
		c.watch(false) // transport.write.lower-limits-pause-at-once
	}
	return nil
}
