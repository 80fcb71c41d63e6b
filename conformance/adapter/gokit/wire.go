package gokit

import (
	"fmt"
	"os"
	"runtime/metrics"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/streamspec/streamspec/conformance/adapter"
)

// A wire is what a world has besides when it does not stand in a bubble, for there sockets and pipes do not work. It tells
// when the implementation has come to rest as well as the Go runtime tells who is running, which is no proof.
type wire struct {
	signal  *os.File // the reading end of a pipe
	ready   syscall.RawConn
	write   *os.File
	samples []metrics.Sample
}

func newWire() (*wire, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ready, err := read.SyscallConn()
	if err != nil {
		return nil, err
	}
	return &wire{signal: read, ready: ready, write: write, samples: []metrics.Sample{
		{Name: "/sched/goroutines/running:goroutines"}, {Name: "/sched/goroutines/runnable:goroutines"}, {Name: "/sched/goroutines/not-in-go:goroutines"},
	}}, nil
}

func (e *wire) close() {
	_ = e.signal.Close()
	_ = e.write.Close()
}

const (
	calmRounds = 3                     // looks, one after the other, at which all was at rest
	soloWait   = 50 * time.Millisecond // for goroutines that run on while nothing happens, and may only lack a processor
	systemWait = 20 * time.Millisecond // for those that stay in a call of the system
	crowdWait  = 50                    // looks, instead, when other sessions are at work
)

// working counts the worlds that carry out a batch.
var working atomic.Int32

// settle waits until nothing has happened and nothing has run for some rounds, or nothing has happened for long though
// something runs.
func (e *wire) settle(w *world) {
	moves, calm, restless := -1, 0, 0
	var since time.Time
	for calm < calmRounds {
		e.fence()
		w.mu.Lock()
		now, dead := w.moves, w.death != nil
		w.mu.Unlock()
		switch {
		case dead:
			return
		case now != moves:
			moves, calm, restless = now, 0, 0
			continue
		case e.atRest():
			calm++
			continue
		}
		calm = 0
		if restless++; restless == 1 {
			since = time.Now()
		}
		if restless <= crowdWait {
			continue
		}
		running := e.count(0) > 1 || e.count(1) > 0
		switch waited := time.Since(since); {
		case working.Load() > 1, running && waited > soloWait:
			return
		case !running && waited > systemWait:
			inSystem.Store(int64(e.count(2)))
			return
		}
	}
}

// fence waits for the runtime's poller once: what was ready for it before has been handed to the goroutines that wait.
func (e *wire) fence() {
	asked, one := false, []byte{0}
	_ = e.ready.Read(func(fd uintptr) bool {
		if !asked {
			asked = true
			_, _ = e.write.Write(one)
			return false
		}
		n, _ := readNow(fd, one)
		return n == 1
	})
}

// inSystem is how many goroutines are in calls of the system although all is at rest: one that reads the standard input.
var inSystem atomic.Int64

// atRest reports whether no goroutine runs but the caller's.
func (e *wire) atRest() bool {
	metrics.Read(e.samples)
	if e.samples[0].Value.Kind() == metrics.KindBad {
		return true // an older Go does not tell
	}
	system := int64(e.count(2))
	if floor := inSystem.Load(); system < floor {
		inSystem.CompareAndSwap(floor, system)
	}
	return e.count(0) <= 1 && e.count(1) == 0 && system <= inSystem.Load()
}

func (e *wire) count(i int) uint64 {
	if v := e.samples[i].Value; v.Kind() == metrics.KindUint64 {
		return v.Uint64()
	}
	return 0
}

// awaitWire waits until a condition holds, under the lock, or the time has passed.
func (w *world) awaitWire(holds func() bool, d time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if holds() {
		return true
	}
	expired := false
	timer := time.AfterFunc(d, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		expired = true
		w.changed.Broadcast()
	})
	defer timer.Stop()
	for !holds() && !expired && w.death == nil {
		w.changed.Wait()
	}
	return holds()
}

// patience is how long calls may take to come back when they have been cancelled, and callbacks when their connections have been
// aborted.
const patience = 10 * time.Second

// awaitCallbacks waits for the callbacks of protocols and servers that have been forgotten. One that still runs is about to carry out a
// command, and would do it to what has the same name by then. In a bubble no protocol of the kit is called.
func (w *world) awaitCallbacks(protocols []*protocol, servers []*server) {
	if w.wire == nil {
		return
	}
	running := func(p *protocol) bool { return p.running > 0 }
	calling := func(s *server) bool { return len(s.running) > 0 }
	if !w.awaitWire(func() bool { return !slices.ContainsFunc(protocols, running) && !slices.ContainsFunc(servers, calling) }, patience) {
		w.die(&adapter.Failure{Kind: adapter.Hang, Text: fmt.Sprintf("a callback did not come back within %s when its connection was aborted", patience)})
	}
}

// onWire is what a session does while its world stands on a wire.
func (s *session) onWire(w *world) bool {
	var err error
	if w.wire, err = newWire(); err != nil {
		s.fail(&adapter.Failure{Kind: adapter.Error, Text: fmt.Sprintf("there is no pipe to be had: %v", err)})
		return false
	}
	s.realTime.Store(true)
	defer func() {
		s.realTime.Store(false)
		w.wire.close()
		w.wire = nil
	}()
	more := w.live(s.work)
	w.mu.Lock()
	death := w.death
	w.mu.Unlock()
	if death != nil {
		s.fail(death)
		return false
	}
	if left := w.handsLeft(); left > 0 {
		s.fail(&adapter.Failure{Kind: adapter.Crash, Text: fmt.Sprintf("when its calls were cancelled, %d of them did not come back", left)})
		return false
	}
	return more
}

// handsLeft waits for the hands that were at work when the others were dismissed, and returns how many still are.
func (w *world) handsLeft() int {
	w.awaitWire(func() bool { return len(w.idle) == w.hands }, patience)
	w.dismiss()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hands
}
