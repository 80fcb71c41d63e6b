package gokit

import (
	"sync"
	"time"

	"github.com/streamspec/streamspec/spec/trace"
)

// A Clock is what an implementation takes time from, so that it can be stopped and advanced. Its methods may be called from any
// goroutine.
type Clock interface {
	Now() time.Time
	// NewTimer returns a channel that gets a value when d has passed, at once when d is not positive, and a function that
	// says that nobody waits for that any more.
	NewTimer(d time.Duration) (expired <-chan time.Time, stop func() bool)
}

// A clock goes with time until it is frozen.
type clock struct {
	mu     sync.Mutex
	frozen bool
	now    time.Time // if it is
	timers map[*timer]bool
}

type timer struct {
	expired chan time.Time
	when    time.Time
	real    *time.Timer // nil: made when the clock was frozen
}

func newClock() *clock { return &clock{timers: map[*timer]bool{}} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.time()
}

func (c *clock) time() time.Time {
	if c.frozen {
		return c.now
	}
	return time.Now()
}

func (c *clock) NewTimer(d time.Duration) (<-chan time.Time, func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.time()
	t := &timer{expired: make(chan time.Time, 1), when: now.Add(d)}
	c.timers[t] = true
	switch {
	case d <= 0:
		c.expire(t)
	case !c.frozen:
		t.real = time.AfterFunc(d, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.expire(t)
		})
	}
	return t.expired, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.stop(t)
	}
}

// expire ends a timer, if it goes; the lock is held.
func (c *clock) expire(t *timer) {
	if c.timers[t] {
		delete(c.timers, t)
		t.expired <- c.time()
	}
}

func (c *clock) stop(t *timer) bool {
	went := c.timers[t]
	delete(c.timers, t)
	if t.real != nil {
		t.real.Stop()
	}
	return went
}

func (c *clock) freeze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.frozen {
		return
	}
	c.frozen, c.now = true, time.Now()
	for t := range c.timers {
		t.real.Stop()
	}
}

// advance has so much time pass, and settles after each timer that expires by that: what is done then may make others. It
// reports whether the clock is frozen.
func (c *clock) advance(d time.Duration, settle func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.frozen {
		return false
	}
	end := c.now.Add(d)
	for t := c.next(); t != nil && !t.when.After(end); t = c.next() {
		if t.when.After(c.now) {
			c.now = t.when
		}
		c.expire(t)
		c.mu.Unlock()
		settle()
		c.mu.Lock()
	}
	c.now = end
	return true
}

// onClock stops or advances time.
func (w *world) onClock(c *trace.Command) trace.Reply {
	switch {
	case !w.impl.TakesClock:
		return lacking(c)
	case c.Op == trace.ClockFreeze:
		w.clock.freeze()
	case !w.clock.advance(time.Duration(c.Ms)*time.Millisecond, w.settle):
		return fault("time has not been stopped")
	}
	return none()
}

// next returns the timer that expires first, nil if none goes.
func (c *clock) next() (first *timer) {
	for t := range c.timers {
		if first == nil || t.when.Before(first.when) {
			first = t
		}
	}
	return first
}

// end stops all timers.
func (c *clock) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for t := range c.timers {
		c.stop(t)
	}
}
