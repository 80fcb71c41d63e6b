package gokit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/spec/trace"
)

// live is the life of a session: a bubble in which commands are carried out until there are no more.
func (s *session) live(impl *Implementation) {
	defer close(s.ended)
	defer func() {
		if p := recover(); p != nil {
			s.fail(&adapter.Failure{Kind: adapter.Crash, Text: fmt.Sprintf("when its calls were cancelled, the implementation ended with: %v", p)})
		}
	}()
	bubble(func() {
		w := &world{impl: impl, readers: map[string]Reader{}, transports: map[string]*mock{}, calls: map[string]*call{}, counts: map[happening]int{}}
		for b := range s.work {
			b.done <- w.carryOut(b.commands)
		}
		w.forget(nil)
		w.dismiss()
	})
}

// bubble runs f in a bubble. Outside of "go test" the package testing/synctest takes a zero testing.T; that is not
// documented, hence [SelfTest].
func bubble(f func()) { synctest.Test(new(testing.T), func(*testing.T) { f() }) }

// SelfTest tells whether bubbles work here: a goroutine that waits is seen to wait, and its end is seen too.
var SelfTest = sync.OnceValue(func() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("testing/synctest does not work in this program: %v", p)
		}
	}()
	ended := false
	bubble(func() {
		c, state := make(chan int), 0
		go func() { state = 1; <-c; state = 2 }()
		synctest.Wait()
		before := state
		c <- 0
		synctest.Wait()
		ended = before == 1 && state == 2
	})
	if !ended {
		return errors.New("testing/synctest does not work in this program: a goroutine was not seen to wait and to end")
	}
	return nil
})

// A world is what exists in one session. It is touched by the bubble's main goroutine only, but for events and what calls
// came to, which the mutex guards.
type world struct {
	impl       *Implementation
	readers    map[string]Reader
	transports map[string]*mock
	calls      map[string]*call

	mu     sync.Mutex
	events []trace.Event
	counts map[happening]int // since the session began
	death  *adapter.Failure  // a panic in a call
	idle   []hand            // goroutines that have no call to make
}

// A hand is a goroutine that makes calls, one after the other: its stack has grown to what they need.
type hand chan *call

// take returns a hand that has nothing to do.
func (w *world) take() hand {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.idle); n > 0 {
		h := w.idle[n-1]
		w.idle = w.idle[:n-1]
		return h
	}
	h := make(hand, 1)
	go func() {
		for this := range h {
			w.follow(this)
			w.mu.Lock()
			w.idle = append(w.idle, h)
			w.mu.Unlock()
		}
	}()
	return h
}

// dismiss ends the hands that have nothing to do. One whose call never came back keeps the bubble from ending in peace.
func (w *world) dismiss() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.idle {
		close(h)
	}
}

// A call is a started read.
type call struct {
	command  trace.Command
	reader   Reader
	ctx      context.Context
	cancel   context.CancelFunc
	ended    bool
	end      trace.Event // how
	value    trace.Value // what it returned
	bytes    trace.Bytes
	reported bool // the driver knows that it is pending, so its end is an event
	silent   bool // forgotten: its end is nobody's business
}

// An exception is an error made by the driver.
type exception struct{ text string }

func (e *exception) Error() string { return e.text }

// A mock is a transport that records what it is asked.
type mock struct {
	w        *world
	name     string
	canPause bool
}

func (m *mock) PauseReading() error {
	m.w.emit(trace.Event{Ev: trace.PauseReading, On: m.name})
	if !m.canPause {
		return fmt.Errorf("pause reading: %w", errors.ErrUnsupported)
	}
	return nil
}

func (m *mock) ResumeReading() error {
	m.w.emit(trace.Event{Ev: trace.ResumeReading, On: m.name})
	return nil
}

// A happening is an event as conditions count it.
type happening struct {
	ev trace.EventName
	on string // empty: on any
}

func (w *world) emit(e trace.Event) {
	w.mu.Lock()
	w.note(e)
	w.mu.Unlock()
}

// note adds an event; the lock is held.
func (w *world) note(e trace.Event) {
	w.events = append(w.events, e)
	w.counts[happening{e.Ev, e.On}]++
	w.counts[happening{ev: e.Ev}]++
}

func (w *world) carryOut(commands []trace.Command) (r result) {
	defer func() {
		if p := recover(); p != nil {
			r.failure = &adapter.Failure{Kind: adapter.Crash, Text: fmt.Sprintf("%s: the implementation panicked: %v", commands[len(r.replies)], p), Stderr: string(debug.Stack())}
		}
	}()
	r.replies = make([]trace.Reply, 0, len(commands))
	for i := range commands {
		reply := w.do(&commands[i])
		w.mu.Lock()
		reply.Events, w.events = w.events, nil
		death := w.death
		w.mu.Unlock()
		if death != nil {
			death.Text = commands[i].String() + ": " + death.Text
			r.failure = death
			return r
		}
		r.replies = append(r.replies, reply)
	}
	return r
}

func fault(format string, args ...any) trace.Reply {
	return trace.Reply{Fault: fmt.Sprintf(format, args...)}
}

// returnedNone is shared by all replies: nobody changes a reply's value.
var returnedNone = trace.None

func none() trace.Reply { return trace.Reply{Returned: &returnedNone} }

// answer is the reply of a call that does not wait.
func (w *world) answer(err error) trace.Reply {
	if err != nil {
		return trace.Reply{Raised: w.failure(err)}
	}
	return none()
}

func (w *world) do(c *trace.Command) trace.Reply {
	if otherForm(c.Data) || otherForm(c.Separator) || slices.ContainsFunc(c.Separators, func(d trace.Data) bool { return otherForm(&d) }) {
		return trace.Reply{Unsupported: "a Go implementation takes bytes as a slice only"}
	}
	reply := w.invoke(c)
	if reply.Pending != "" {
		call := w.calls[c.As]
		if !c.NoSettle {
			synctest.Wait()
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if call.ended && !c.NoSettle {
			return trace.Reply{Returned: call.end.Returned, Raised: call.end.Raised}
		}
		call.reported = true
		if call.ended {
			w.note(call.end)
		}
	} else if !c.NoSettle {
		synctest.Wait()
	}
	return reply
}

// otherForm tells whether data are given in another form than bytes.
func otherForm(d *trace.Data) bool { return d != nil && d.Form != "" && d.Form != trace.AsBytes }

// taken tells whether a name stands for something already.
func (w *world) taken(name string) bool {
	return w.readers[name] != nil || w.transports[name] != nil || w.calls[name] != nil
}

func (w *world) invoke(c *trace.Command) trace.Reply {
	if c.As != "" && w.taken(c.As) {
		return fault("the name %q is taken", c.As)
	}
	switch c.Op {
	case trace.ReaderMake:
		limit := w.impl.DefaultLimit
		if c.Limit != nil {
			limit = *c.Limit
		}
		r, err := w.impl.NewReader(limit)
		if err == nil {
			w.readers[c.As] = r
		}
		return w.answer(err)
	case trace.MockMake:
		w.transports[c.As] = &mock{w, c.As, c.CanPause == nil || *c.CanPause}
		return none()
	case trace.Cancel:
		call := w.calls[c.On]
		if call == nil {
			return fault("there is no call %q", c.On)
		}
		call.cancel()
		return none()
	case trace.Settle:
		return none()
	case trace.Run:
		return w.run(c)
	case trace.Forget:
		w.forget(c.Names)
		return none()
	}
	r := w.readers[c.On]
	if r == nil {
		return fault("there is no reader %q", c.On)
	}
	switch c.Op {
	case trace.ReaderSetTransport:
		t := w.transports[c.Transport]
		if t == nil {
			return fault("there is no transport %q", c.Transport)
		}
		return w.answer(r.SetTransport(t))
	case trace.ReaderFeedData:
		return w.answer(r.FeedData(bytes.Clone(c.Data.Bytes)))
	case trace.ReaderFeedEOF:
		return w.answer(r.FeedEOF())
	case trace.ReaderSetException:
		if c.Exception == nil {
			return w.answer(r.SetException(nil))
		}
		return w.answer(r.SetException(&exception{*c.Exception}))
	case trace.ReaderException:
		if err := r.Exception(); err != nil {
			v := trace.ErrorValue(*w.failure(err))
			return trace.Reply{Returned: &v}
		}
		return none()
	case trace.ReaderAtEOF:
		v := trace.BoolValue(r.AtEOF())
		return trace.Reply{Returned: &v}
	}
	switch c.Op {
	case trace.ReaderRead, trace.ReaderReadLine, trace.ReaderReadExactly, trace.ReaderReadUntil, trace.ReaderIterate:
		return w.start(c, r)
	}
	return fault("the kit does not know %s", c.Op)
}

// start begins a call that may wait, in a goroutine of its own.
func (w *world) start(c *trace.Command, r Reader) trace.Reply {
	ctx, cancel := context.WithCancel(context.Background())
	this := &call{command: *c, reader: r, ctx: ctx, cancel: cancel}
	w.calls[c.As] = this
	w.take() <- this
	return trace.Reply{Pending: c.As}
}

// perform makes the call.
func (w *world) perform(this *call) (b []byte, err error) {
	ctx, r, n := this.ctx, this.reader, -1
	if this.command.N != nil {
		n = *this.command.N
	}
	switch this.command.Op {
	case trace.ReaderRead:
		return r.Read(ctx, n)
	case trace.ReaderReadLine:
		return r.ReadLine(ctx)
	case trace.ReaderReadExactly:
		return r.ReadExactly(ctx, n)
	case trace.ReaderReadUntil:
		return r.ReadUntil(ctx, separators(&this.command))
	}
	return nil, w.iterate(this, n)
}

func separators(c *trace.Command) [][]byte {
	if c.Separator != nil {
		return [][]byte{c.Separator.Bytes}
	}
	if c.Separators == nil {
		return nil
	}
	out := make([][]byte, len(c.Separators))
	for i, s := range c.Separators {
		out[i] = s.Bytes
	}
	return out
}

func (w *world) iterate(this *call, n int) error {
	items := 0
	for line, err := range this.reader.Lines(this.ctx) {
		if err != nil {
			return err
		}
		v := trace.BytesValue(line)
		w.mu.Lock()
		if !this.silent {
			w.note(trace.Event{Ev: trace.Item, On: this.command.As, Value: &v})
		}
		w.mu.Unlock()
		if items++; items == n {
			break
		}
	}
	return nil
}

// follow makes a call and notes how it ends.
func (w *world) follow(this *call) {
	defer this.cancel()
	end := trace.Event{Ev: trace.Finished, On: this.command.As}
	defer func() {
		p := recover()
		w.mu.Lock()
		defer w.mu.Unlock()
		if p != nil && w.death == nil {
			w.death = &adapter.Failure{Kind: adapter.Crash, Text: fmt.Sprintf("the implementation panicked: %v", p), Stderr: string(debug.Stack())}
		}
		this.end, this.ended = end, true
		if this.reported && !this.silent {
			w.note(end)
		}
	}()
	b, err := w.perform(this)
	switch {
	case err != nil:
		end.Raised = w.failure(err)
	case this.command.Op == trace.ReaderIterate:
		end.Returned = &returnedNone
	default:
		if this.bytes = b; b == nil {
			this.bytes = trace.Bytes{}
		}
		this.value.Bytes = &this.bytes
		end.Returned = &this.value
	}
}

// run waits for a condition. Time in a bubble passes at once when nothing else happens.
func (w *world) run(c *trace.Command) trace.Reply {
	u := c.Until
	call := w.calls[u.Done]
	if u.Done != "" && call == nil {
		return fault("there is no call %q", u.Done)
	}
	holds := func() bool {
		synctest.Wait()
		w.mu.Lock()
		defer w.mu.Unlock()
		if u.Event != "" {
			return w.counts[happening{u.Event, u.On}] >= max(u.Count, 1)
		}
		return call.ended
	}
	if !holds() {
		time.Sleep(time.Duration(c.Ms) * time.Millisecond)
	}
	v := trace.BoolValue(holds())
	return trace.Reply{Returned: &v}
}

// forget drops what the names stand for, everything when names is nil.
func (w *world) forget(names []string) {
	if names == nil {
		for _, call := range w.calls {
			w.drop(call)
		}
		synctest.Wait()
		clear(w.readers)
		clear(w.transports)
		clear(w.calls)
		return
	}
	for _, name := range names {
		if call := w.calls[name]; call != nil {
			w.drop(call)
		}
		delete(w.calls, name)
		delete(w.readers, name)
		delete(w.transports, name)
	}
	synctest.Wait()
}

func (w *world) drop(c *call) {
	w.mu.Lock()
	c.silent = true
	w.mu.Unlock()
	c.cancel()
}

// failure turns an error of the implementation into one of the vocabulary.
func (w *world) failure(err error) *trace.Error {
	if e, ok := err.(*exception); ok { // nearly always it comes back as it is
		return e.failure(err)
	}
	var out trace.Error
	switch {
	case errors.Is(err, context.Canceled):
		out.Kind = trace.Cancelled
	case errors.Is(err, errors.ErrUnsupported):
		out.Kind = trace.NotSupported
	default:
		out = w.impl.Classify(err)
	}
	if out.Kind == "" || out.Kind == trace.OtherError {
		var wrapped *exception
		if errors.As(err, &wrapped) {
			return wrapped.failure(err)
		}
		out.Kind = trace.OtherError
	}
	out.Native, out.Message = nativeType(err), err.Error()
	return &out
}

func (e *exception) failure(as error) *trace.Error {
	return &trace.Error{Kind: trace.Scripted, Native: nativeType(as), Message: e.text}
}

func nativeType(err error) string { return strings.TrimPrefix(reflect.TypeOf(err).String(), "*") }
