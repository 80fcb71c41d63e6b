package transport

// Write implements [WriteTransport].
func (c *connection) Write(p []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.eofWritten {
		return ErrWriteAfterEOF
	}
	if c.closing {
		return nil // writer.write.after-close-discarded
	}
	if c.queue.size == 0 && len(p) > 0 {
		n, err := c.end.send(p) // writer.write.sends-at-once
		if err != nil {
			c.abort(err) // writer.write.failed-send-does-not-raise
			return nil
		}
		p = p[n:]
	}
	c.enqueue(p)
	c.watch()
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
		return nil // writer.write.after-close-discarded
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
	c.watch()
	return nil
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
//
// Rules: transport.base.close-flushes, transport.write.eof-after-flush.
func (c *connection) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	var storage [64][]byte
	for !c.ended && c.queue.size > 0 {
		chunks := c.queue.front(storage[:0])
		c.mu.Unlock()
		n, err := c.end.push(chunks)
		c.mu.Lock()
		if c.ended {
			break
		}
		c.queue.drop(n)
		c.watch()
		if err != nil {
			c.abort(err)
		}
	}
	c.flushing = false
	switch {
	case c.ended:
		c.changed.Broadcast()
	case c.closing:
		c.abort(nil)
	case c.eofWritten:
		c.closeWrite()
	}
}

// watch compares the queue with the marks, and tells the protocol unless another callback is running: then the protocol
// is told when that returns.
//
// Rules: transport.write.pauses-strictly-above-high, transport.write.resumes-at-low,
// transport.write.pause-and-resume-alternate.
func (c *connection) watch() {
	switch over := c.over.Load(); {
	case !over && c.queue.size > c.marks.high:
		c.over.Store(true)
		c.due++
	case over && c.queue.size <= c.marks.low:
		c.over.Store(false)
		c.due++
	}
	if c.due > 0 && !c.busy {
		c.busy = true
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
	c.eofWritten = true
	if c.queue.size == 0 && !c.flushing {
		c.closeWrite() // otherwise flush will: transport.write.eof-after-flush
	}
	return nil
}

// closeWrite ends the stream to the peer. If that fails the peer has gone, of which reading will tell.
func (c *connection) closeWrite() {
	if c.alone {
		c.close() // transport.write.pipe-eof-and-loss
		return
	}
	_ = c.end.closeWrite()
}

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
	if !c.ended {
		c.watch() // transport.write.lower-limits-pause-at-once
	}
	return nil
}
