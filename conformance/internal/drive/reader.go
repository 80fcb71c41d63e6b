package drive

import (
	"github.com/streamspec/streamspec/spec/trace"
)

// A Reader is the handle of a reader of the testee.
type Reader struct {
	t    *Testee
	name string
	// Made is how making the reader came out.
	Made *Call
}

// NewReader makes a reader with the implementation's own default limit.
func (t *Testee) NewReader() *Reader { return t.newReader(trace.Command{Op: trace.ReaderMake}) }

// NewReaderLimit makes a reader with a limit, bytes.
func (t *Testee) NewReaderLimit(limit int) *Reader {
	return t.newReader(trace.Command{Op: trace.ReaderMake, Limit: &limit})
}

func (t *Testee) newReader(c trace.Command) *Reader {
	c.As = t.name("r")
	return &Reader{t, c.As, t.call(c)}
}

// A Mock is the handle of a mock transport of the testee.
type Mock struct {
	t      *Testee
	name   string
	calls  []trace.EventName       // since the last expectation
	before map[trace.EventName]int // how often each came before that
}

// NewMock makes a mock transport.
func (t *Testee) NewMock() *Mock { return t.newMock(nil) }

// NewMockThatCannotPause makes a mock transport that refuses to pause.
func (t *Testee) NewMockThatCannotPause() *Mock { return t.newMock(trace.Bool(false)) }

func (t *Testee) newMock(canPause *bool) *Mock {
	tr := &Mock{t: t, name: t.name("t"), before: map[trace.EventName]int{}}
	t.c.mocks[tr.name] = tr
	t.do(trace.Command{Op: trace.MockMake, As: tr.name, CanPause: canPause})
	return tr
}

// Calls returns what the transport was asked since the last time this was called, in order.
func (tr *Mock) Calls() []trace.EventName {
	calls := tr.calls
	tr.calls = nil
	for _, c := range calls {
		tr.before[c]++
	}
	return calls
}

// await waits until the transport was asked these since the last expectation.
func (tr *Mock) await(calls []trace.EventName) {
	due := map[trace.EventName]int{}
	for _, c := range calls {
		due[c]++
	}
	for c, n := range due {
		tr.t.await(trace.Until{Event: c, On: tr.name, Count: tr.before[c] + n})
	}
}

// SetTransport attaches a transport.
func (r *Reader) SetTransport(tr *Mock) *Call {
	return r.t.call(trace.Command{Op: trace.ReaderSetTransport, On: r.name, Transport: tr.name})
}

// Flow attaches a new mock transport to the reader and returns it.
func (r *Reader) Flow() *Mock {
	tr := r.t.NewMock()
	r.SetTransport(tr)
	return tr
}

// FeedData feeds each chunk in turn.
func (r *Reader) FeedData(chunks ...string) *Call {
	var c *Call
	for _, chunk := range chunks {
		c = r.FeedDataAs(chunk, trace.AsBytes)
	}
	return c
}

// FeedDataAs feeds a chunk in the given form.
func (r *Reader) FeedDataAs(chunk string, form trace.Form) *Call {
	return r.t.call(trace.Command{Op: trace.ReaderFeedData, On: r.name, Data: &trace.Data{Bytes: trace.Bytes(chunk), Form: form}})
}

// FeedEOF feeds the end of the stream.
func (r *Reader) FeedEOF() *Call { return r.t.call(trace.Command{Op: trace.ReaderFeedEOF, On: r.name}) }

// SetException stores an exception with the given text.
func (r *Reader) SetException(text string) *Call {
	return r.t.call(trace.Command{Op: trace.ReaderSetException, On: r.name, Exception: &text})
}

// ClearException stores no exception.
func (r *Reader) ClearException() *Call {
	return r.t.call(trace.Command{Op: trace.ReaderSetException, On: r.name})
}

// Exception asks for the stored exception.
func (r *Reader) Exception() *Call {
	return r.t.call(trace.Command{Op: trace.ReaderException, On: r.name})
}

// AtEOF asks whether the reader is at the end of the stream.
func (r *Reader) AtEOF() *Call { return r.t.call(trace.Command{Op: trace.ReaderAtEOF, On: r.name}) }

// Read reads at most n bytes; a negative n means to the end.
func (r *Reader) Read(n int) *Call {
	return r.t.call(trace.Command{Op: trace.ReaderRead, On: r.name, N: &n})
}

// ReadAll reads without a size.
func (r *Reader) ReadAll() *Call { return r.t.call(trace.Command{Op: trace.ReaderRead, On: r.name}) }

// ReadLine reads a line.
func (r *Reader) ReadLine() *Call {
	return r.t.call(trace.Command{Op: trace.ReaderReadLine, On: r.name})
}

// ReadExactly reads n bytes.
func (r *Reader) ReadExactly(n int) *Call {
	return r.t.call(trace.Command{Op: trace.ReaderReadExactly, On: r.name, N: &n})
}

// ReadUntilDefault reads through the default separator.
func (r *Reader) ReadUntilDefault() *Call {
	return r.t.call(trace.Command{Op: trace.ReaderReadUntil, On: r.name})
}

// ReadUntil reads through a single separator.
func (r *Reader) ReadUntil(separator string) *Call {
	return r.t.call(trace.Command{Op: trace.ReaderReadUntil, On: r.name, Separator: trace.D(separator)})
}

// ReadUntilAs reads through a single separator that is passed in the given form.
func (r *Reader) ReadUntilAs(separator string, form trace.Form) *Call {
	return r.t.call(trace.Command{Op: trace.ReaderReadUntil, On: r.name, Separator: &trace.Data{Bytes: trace.Bytes(separator), Form: form}})
}

// ReadUntilAny reads through one of a tuple of separators.
func (r *Reader) ReadUntilAny(separators ...string) *Call {
	tuple := make([]trace.Data, len(separators))
	for i, s := range separators {
		tuple[i] = *trace.D(s)
	}
	return r.t.call(trace.Command{Op: trace.ReaderReadUntil, On: r.name, Separators: tuple})
}

// Iterate iterates over the reader to the end.
func (r *Reader) Iterate() *Call {
	return r.t.call(trace.Command{Op: trace.ReaderIterate, On: r.name})
}

// IterateItems iterates over the reader and leaves the loop after n items.
func (r *Reader) IterateItems(n int) *Call {
	return r.t.call(trace.Command{Op: trace.ReaderIterate, On: r.name, N: &n})
}

// A Call is a command that was carried out, and how it came out.
type Call struct {
	t       *Testee
	command trace.Command
	reply   trace.Reply
}

func (t *Testee) call(c trace.Command) *Call {
	if trace.Spec(c.Op).Style == trace.Start {
		c.As = t.name("c")
	}
	return &Call{t, c, t.do(c)}
}

// String says what was done and how it came out.
func (c *Call) String() string { return c.command.String() + " " + c.cameTo() }

// Cancel cancels the call.
func (c *Call) Cancel() { c.t.do(trace.Command{Op: trace.Cancel, On: c.command.As}) }

// Items returns what an iteration has handed out so far.
func (c *Call) Items() []string {
	var items []string
	for _, b := range c.t.c.items[c.command.As] {
		items = append(items, string(b))
	}
	return items
}

// now returns how the call has come out so far.
func (c *Call) now() (returned *trace.Value, raised *trace.Error, pending bool) {
	if c.reply.Pending == "" {
		return c.reply.Returned, c.reply.Raised, false
	}
	if e := c.t.c.finished[c.command.As]; e != nil {
		return e.Returned, e.Raised, false
	}
	return nil, nil, true
}

// outcome waits for the call where waiting can help, and returns how it came out. With exact settling a call that is
// pending stays so until another command comes.
func (c *Call) outcome() (returned *trace.Value, raised *trace.Error, pending bool) {
	if _, _, pending = c.now(); pending {
		u := trace.Until{Done: c.command.As}
		if c.command.Op == calledBack { // it was not the driver who called
			u = trace.Until{Event: trace.Finished, On: c.command.As}
		}
		c.t.await(u)
	}
	return c.now()
}

// await lets the implementation run until a condition holds that a conforming implementation brings about. With exact
// settling it holds by now, or never will.
func (t *Testee) await(u trace.Until) {
	if t.exact() {
		t.Settle()
		return
	}
	t.do(trace.Command{Op: trace.Run, Until: &u, Ms: int(t.Options.Deadline.Milliseconds()) / 2})
}

// Pending tells whether the call waits. Where the adapter's settling is not exact this proves nothing.
func (c *Call) Pending() bool {
	_, _, pending := c.now()
	return pending
}

// Raised returns the error of the call, nil if it did not raise.
func (c *Call) Raised() *trace.Error {
	_, raised, _ := c.outcome()
	return raised
}

// Returned returns the value of the call, nil if it did not return.
func (c *Call) Returned() *trace.Value {
	returned, _, _ := c.outcome()
	return returned
}
