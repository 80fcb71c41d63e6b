package drive

import (
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// A Raw is the handle of a raw end: the other end of a connection, which is the suite's. It is worked by system calls and
// never by the implementation.
type Raw struct {
	Kind trace.EndKind

	// Made is how making the raw end came out: connecting can be refused, and there may be nothing to accept.
	Made *Call

	t        *Testee
	name     string
	received *Call // the last; nil: none
}

// NewRaw makes a connection whose far end can be opened. The kernel's buffers are small, so that little data fills them.
func (t *Testee) NewRaw(kind trace.EndKind) *Raw {
	return t.newRaw(trace.Command{Op: trace.RawMake, Kind: kind, Buffer: smallBuffer[kind]})
}

func (t *Testee) newRaw(c trace.Command) *Raw {
	c.As = t.name("w")
	return &Raw{Kind: c.Kind, Made: t.call(c), t: t, name: c.As}
}

// smallBuffer is the size of a kernel buffer, bytes, that little data fills and that does not make the kernel wait for more
// before it sends. Files have none.
var smallBuffer = map[trace.EndKind]int{trace.TCP: 64 << 10, trace.Unix: 8 << 10, trace.ReadPipe: 4 << 10, trace.WritePipe: 4 << 10}

func (raw *Raw) call(op trace.Op) *Call {
	return raw.t.call(trace.Command{Op: op, On: raw.name})
}

// Send sends what the kernel takes at once and returns how many bytes that was.
func (raw *Raw) Send(data string) int {
	c := raw.t.call(trace.Command{Op: trace.RawSend, On: raw.name, Data: trace.D(data)})
	if v := c.reply.Returned; v != nil && v.Int != nil {
		return *v.Int
	}
	return 0
}

// SendAll sends everything. It is for data that fit into the kernel's buffers, or that the implementation reads.
func (raw *Raw) SendAll(data string) {
	for waited := 0; len(data) > 0; {
		n := raw.Send(data)
		data = data[n:]
		switch {
		case n > 0:
			waited = 0
		case raw.t.exact() || waited >= int(raw.t.Options.Deadline.Milliseconds())/2:
			raw.t.fail("the implementation does not read what the raw end "+raw.name+" sends", 1)
		default:
			raw.t.pass()
			waited += patience
		}
	}
}

// Recv receives n bytes, and fewer only at the end of the stream. It takes no more from the kernel.
func (raw *Raw) Recv(n int) *Call { return raw.receive(trace.Command{N: &n}) }

// RecvAll receives everything up to the end of the stream.
func (raw *Raw) RecvAll() *Call { return raw.receive(trace.Command{}) }

// receive begins to receive when what was begun before has come back: a raw end can do one at a time.
func (raw *Raw) receive(c trace.Command) *Call {
	if before := raw.received; before != nil {
		if _, _, pending := before.outcome(); pending {
			raw.t.fail(before.String()+"; permitted: returned or raised, whatever", 2)
		}
	}
	c.Op, c.On = trace.RawRecv, raw.name
	raw.received = raw.t.call(c)
	return raw.received
}

// RecvWithoutRunning receives n bytes while the implementation does not run, where that can be prevented.
func (raw *Raw) RecvWithoutRunning(n int) *Call {
	ms := int(raw.t.Options.Deadline.Milliseconds()) / 2
	return raw.receive(trace.Command{N: &n, Ms: ms, NoSettle: true})
}

// End ends the stream to the implementation: a socket stays open for receiving, a pipe is closed.
func (raw *Raw) End() {
	if raw.Kind == trace.TCP || raw.Kind == trace.Unix {
		raw.call(trace.RawShutdown)
		return
	}
	raw.Close()
}

// Close closes the raw end.
func (raw *Raw) Close() { raw.call(trace.RawClose) }

// Reset closes the raw end, of TCP only, so that the implementation sees a reset.
func (raw *Raw) Reset() { raw.call(trace.RawReset) }

// SockName asks the operating system for the raw end's own address.
func (raw *Raw) SockName() *Call { return raw.call(trace.RawSockName) }

// PeerName asks the operating system for the address of the far end.
func (raw *Raw) PeerName() *Call { return raw.call(trace.RawPeerName) }

// FarOpen asks the operating system whether the implementation still has the far end open.
func (raw *Raw) FarOpen() *Call { return raw.call(trace.RawFarOpen) }

// A Connection is a raw end, and on its far end a transport of the implementation with a programmable protocol.
type Connection struct {
	Raw       *Raw
	Protocol  *Protocol
	Transport *Transport
	Opened    *Call // how opening it came out; nil: it has not been opened yet

	t *Testee
}

// Connect makes a connection and opens it. The reactions are the program of its protocol.
func (t *Testee) Connect(kind trace.EndKind, program ...Reaction) *Connection {
	c := t.Prepare(kind, program...)
	c.Open()
	return c
}

// Prepare makes a connection that has not been opened yet, so that the raw end can do something before.
func (t *Testee) Prepare(kind trace.EndKind, program ...Reaction) *Connection {
	c := &Connection{t: t, Raw: t.NewRaw(kind), Transport: &Transport{t: t}}
	c.Transport.call = t.name("c")
	c.Protocol = t.NewProtocol(c.Transport, program...)
	return c
}

// Open has the implementation make a transport of the far end.
func (c *Connection) Open() *Call { return c.open(nil) }

// OpenFailing is Open with a protocol factory that raises an exception with the given text.
func (c *Connection) OpenFailing(text string) *Call { return c.open(&text) }

func (c *Connection) open(exception *string) *Call {
	command := trace.Command{
		Op: trace.ConnectionOpen, As: c.Transport.call, Raw: c.Raw.name, Protocol: c.Protocol.name, Exception: exception,
	}
	c.Opened = &Call{c.t, command, c.t.do(command)}
	c.Opened.outcome()
	return c.Opened
}

// MadeFirst opens the connection and tells whether connection_made was called before opening came back.
func (c *Connection) MadeFirst() bool {
	c.t.WithoutSettling(func() {
		command := trace.Command{Op: trace.ConnectionOpen, As: c.Transport.call, Raw: c.Raw.name, Protocol: c.Protocol.name}
		c.Opened = &Call{c.t, command, c.t.do(command)}
	})
	if !c.Opened.Pending() { // what happened before it came back has been told with it
		return c.Protocol.Count(trace.ConnectionMade) > 0
	}
	c.Opened.outcome()
	for _, step := range c.t.c.steps {
		for i := range step.Reply.Events {
			switch e := &step.Reply.Events[i]; {
			case e.Ev == trace.ConnectionMade && e.On == c.Protocol.name:
				return true
			case e.Ev == trace.Finished && e.On == c.Opened.command.As:
				return false
			}
		}
	}
	return false
}

// A Stream is a raw end, and on its far end a reader and a writer of the implementation. A read pipe has no writer, a write
// pipe no reader.
type Stream struct {
	Raw       *Raw
	Reader    *Reader
	Writer    *Writer
	Transport *Transport
	Opened    *Call

	t    *Testee
	call string // the name of the call that opened it
}

// OpenStream makes a connection and opens a stream on it, with the implementation's default limit.
func (t *Testee) OpenStream(kind trace.EndKind) *Stream { return t.openStream(kind, nil) }

// OpenStreamLimit makes a connection and opens a stream on it whose reader has a limit, bytes.
func (t *Testee) OpenStreamLimit(kind trace.EndKind, limit int) *Stream {
	return t.openStream(kind, &limit)
}

func (t *Testee) openStream(kind trace.EndKind, limit *int) *Stream {
	raw := t.NewRaw(kind)
	opened := t.call(trace.Command{Op: trace.StreamOpen, Raw: raw.name, Limit: limit})
	opened.outcome()
	s := opened.Stream(raw)
	switch kind {
	case trace.WritePipe:
		s.Reader = nil
	case trace.ReadPipe:
		s.Writer = nil
	}
	return s
}

// A Transport is the handle of a transport of the implementation.
type Transport struct {
	t    *Testee
	call string // the name of the call that made it
}

func (tr *Transport) name() string { return tr.call + ".transport" }

func (tr *Transport) do(a Action) *Call {
	c := trace.Command(a)
	c.On = tr.name()
	return tr.t.call(c)
}

// Write writes data.
func (tr *Transport) Write(data string) *Call { return tr.do(Write(data)) }

// WriteAs writes data in the given form.
func (tr *Transport) WriteAs(data string, form trace.Form) *Call { return tr.do(writeAs(data, form)) }

// WriteLines writes several chunks.
func (tr *Transport) WriteLines(chunks ...string) *Call { return tr.do(WriteLines(chunks...)) }

// WriteLinesIn writes several chunks that are in the given container.
func (tr *Transport) WriteLinesIn(container trace.Container, chunks ...trace.Data) *Call {
	return tr.do(Action{Op: trace.TransportWriteLines, Chunks: chunks, Container: container})
}

// Close closes.
func (tr *Transport) Close() *Call { return tr.do(Close) }

// Abort aborts.
func (tr *Transport) Abort() *Call { return tr.do(Abort) }

// IsClosing asks whether the transport is closing or closed.
func (tr *Transport) IsClosing() *Call { return tr.do(IsClosing) }

// PauseReading pauses reading.
func (tr *Transport) PauseReading() *Call { return tr.do(PauseReading) }

// ResumeReading resumes reading.
func (tr *Transport) ResumeReading() *Call { return tr.do(ResumeReading) }

// IsReading asks whether the transport is reading.
func (tr *Transport) IsReading() *Call { return tr.do(IsReading) }

// WriteBufferSize asks how many bytes are queued.
func (tr *Transport) WriteBufferSize() *Call { return tr.do(WriteBufferSize) }

// WriteBufferLimits asks for the low and the high mark.
func (tr *Transport) WriteBufferLimits() *Call {
	return tr.do(Action{Op: trace.TransportGetWriteBufferLimits})
}

// SetWriteBufferLimits sets the marks, bytes. A nil one is not given.
func (tr *Transport) SetWriteBufferLimits(high, low *int) *Call {
	return tr.do(Action{Op: trace.TransportSetWriteBufferLimits, High: high, Low: low})
}

// SetHigh sets the high mark alone, bytes.
func (tr *Transport) SetHigh(high int) *Call { return tr.SetWriteBufferLimits(&high, nil) }

// SetMarks sets both marks, bytes.
func (tr *Transport) SetMarks(low, high int) *Call { return tr.SetWriteBufferLimits(&high, &low) }

// WriteEOF ends the stream to the peer.
func (tr *Transport) WriteEOF() *Call { return tr.do(WriteEOF) }

// CanWriteEOF asks whether write_eof is supported.
func (tr *Transport) CanWriteEOF() *Call { return tr.do(Action{Op: trace.TransportCanWriteEOF}) }

// Info asks for information, without a default.
func (tr *Transport) Info(name string) *Call {
	return tr.do(Action{Op: trace.TransportGetExtraInfo, Name: name})
}

// InfoOr asks for information, with a default.
func (tr *Transport) InfoOr(name, otherwise string) *Call {
	return tr.do(Action{Op: trace.TransportGetExtraInfo, Name: name, Default: &otherwise})
}

// SetProtocol changes the protocol.
func (tr *Transport) SetProtocol(p *Protocol) *Call {
	return tr.do(Action{Op: trace.TransportSetProtocol, Protocol: p.name})
}

// GetProtocol asks for the protocol.
func (tr *Transport) GetProtocol() *Call { return tr.do(Action{Op: trace.TransportGetProtocol}) }

// Has asks whether the transport has an operation.
func (tr *Transport) Has(operation string) *Call {
	return tr.do(Action{Op: trace.ObjectHas, Name: operation})
}

// Queued is the size of the write queue, bytes, as the implementation says.
func (tr *Transport) Queued() int {
	c := tr.WriteBufferSize()
	if v := c.Returned(); v != nil && v.Int != nil {
		return *v.Int
	}
	tr.t.fail(c.String()+"; permitted: returned a number", 1)
	return 0
}

// Fill writes until the kernel takes no more, so that something is queued, and returns how many bytes were written and how
// many of them are queued. From then on, until the raw end receives, each byte that is written is a byte more in the queue.
// The marks are raised first, so that writing is not paused.
func (tr *Transport) Fill() (written, queued int) {
	const piece = 64 << 10
	tr.SetHigh(1 << 30)
	for letter := byte('a'); queued == 0; letter++ {
		if written > 64<<20 {
			tr.t.fail("64 MiB were written and nothing of it is queued, though the raw end receives nothing", 1)
		}
		tr.Write(strings.Repeat(string('a'+letter%26), piece))
		written += piece
		queued = tr.Queued()
	}
	return written, queued
}

// Pattern returns n bytes in runs of a letter, no two runs of which have the same letter and length nearby: whatever is lost,
// sent twice or out of order shows, and a transcript of them is short.
func Pattern(n int) string {
	var b strings.Builder
	b.Grow(n)
	for i := 0; b.Len() < n; i++ {
		run := min(n-b.Len(), 1501+17*(i%100))
		b.WriteString(strings.Repeat(string('a'+byte(i%26)), run))
	}
	return b.String()
}
