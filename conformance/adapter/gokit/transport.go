package gokit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"os"
	"sync/atomic"

	"github.com/streamspec/streamspec/spec/trace"
)

// A BaseTransport is what the kit needs of every transport. The methods follow the documents' BaseTransport, may be called
// from any goroutine and inside callbacks, and do not block. Two values that stand for one transport are equal.
type BaseTransport interface {
	Close() error
	IsClosing() bool
	GetExtraInfo(name string) (any, bool) // false: there is no such information
	SetProtocol(Protocol) error
	// GetProtocol returns what the implementation was given, not what that has been wrapped in: a [Protocol] of the kit, or
	// that of a [Stream]; nil: none.
	GetProtocol() any
}

// A ReadTransport receives. An error of PauseReading that matches [errors.ErrUnsupported] means that it cannot pause.
type ReadTransport interface {
	BaseTransport
	PauseReading() error
	ResumeReading() error
	IsReading() bool
}

// A WriteTransport sends. What is written belongs to the caller again when the call has returned, and is overwritten then
// when the command says so.
type WriteTransport interface {
	BaseTransport
	Write([]byte) error
	WriteLines([][]byte) error
	WriteEOF() error
	CanWriteEOF() bool
	Abort() error
	GetWriteBufferSize() int
	GetWriteBufferLimits() (low, high int)
	SetWriteBufferLimits(high, low *int) error // nil: not given
}

// A Transport sends and receives.
type Transport interface {
	ReadTransport
	WriteTransport
}

// A Writer is what the kit needs of a writer. The methods follow the documents' StreamWriter; a blocking call ends with the
// context's error when the context is cancelled.
type Writer interface {
	Write([]byte) error
	WriteLines([][]byte) error
	Close() error
	IsClosing() bool
	WriteEOF() error
	CanWriteEOF() bool
	GetExtraInfo(name string) (any, bool)
	Transport() BaseTransport
	Drain(context.Context) error
	WaitClosed(context.Context) error
}

// A SequenceWriter is what a [Writer] or [WriteTransport] also implements when its WriteLines has a form for chunks that can
// be gone through only once.
type SequenceWriter interface {
	WriteSequence(iter.Seq[[]byte]) error
}

// An End is one end of an established connection, for the implementation to make a transport of. It belongs to the
// implementation from then on; when that fails, the kit closes it.
type End struct {
	Kind trace.EndKind // [trace.TCP], [trace.Unix], [trace.ReadPipe] or [trace.WritePipe]
	TCP  *net.TCPConn  // of that kind
	Unix *net.UnixConn // of that kind
	File *os.File      // of a pipe: non-blocking where it is really a pipe, but it may be a regular file
	// Memory is what [Implementation.Memory] has made for the implementation, instead of all of these.
	Memory io.Closer
}

func (e End) close() {
	switch {
	case e.TCP != nil:
		_ = e.TCP.Close()
	case e.Unix != nil:
		_ = e.Unix.Close()
	case e.Memory != nil:
		_ = e.Memory.Close()
	default:
		_ = e.File.Close()
	}
}

// A Stream is a reader and a writer over a connection, and what they are made of. A read pipe has no writer, a write pipe
// no reader.
type Stream struct {
	Reader    Reader
	Writer    Writer
	Transport BaseTransport
	Protocol  Protocol // nil: it cannot be had
}

// A mock is a transport that records that it was paused and resumed. It takes whatever is written and lets it vanish.
type mock struct {
	w        *world
	name     string
	canPause bool
	closing  atomic.Bool
	paused   atomic.Bool
}

func (m *mock) PauseReading() error {
	m.w.emit(trace.Event{Ev: trace.PauseReading, On: m.name})
	if !m.canPause {
		return fmt.Errorf("pause reading: %w", errors.ErrUnsupported)
	}
	m.paused.Store(true)
	return nil
}

func (m *mock) ResumeReading() error {
	m.w.emit(trace.Event{Ev: trace.ResumeReading, On: m.name})
	m.paused.Store(false)
	return nil
}

func (m *mock) IsReading() bool                       { return !m.paused.Load() && !m.closing.Load() }
func (m *mock) Close() error                          { m.closing.Store(true); return nil }
func (m *mock) Abort() error                          { return m.Close() }
func (m *mock) IsClosing() bool                       { return m.closing.Load() }
func (m *mock) GetExtraInfo(string) (any, bool)       { return nil, false }
func (m *mock) SetProtocol(Protocol) error            { return nil }
func (m *mock) GetProtocol() any                      { return nil }
func (m *mock) Write([]byte) error                    { return nil }
func (m *mock) WriteLines([][]byte) error             { return nil }
func (m *mock) WriteEOF() error                       { return nil }
func (m *mock) CanWriteEOF() bool                     { return true }
func (m *mock) GetWriteBufferSize() int               { return 0 }
func (m *mock) GetWriteBufferLimits() (low, high int) { return 0, 0 }
func (m *mock) SetWriteBufferLimits(_, _ *int) error  { return nil }

// connect has the implementation make a transport of a far end.
func (w *world) connect(this *call) error {
	p := this.target.(*protocol)
	t, err := w.impl.Connect(this.far, p, w.report(this))
	if err != nil {
		this.far.close()
		return err
	}
	if !p.register(this, t) { // connection_made has, unless the protocol is plain
		abort(t)
	}
	return nil
}

// abort ends what has been forgotten.
func abort(t BaseTransport) {
	if wt, ok := t.(WriteTransport); ok {
		_ = wt.Abort()
	} else {
		_ = t.Close()
	}
}

// openStream has the implementation make a reader and a writer of a far end.
func (w *world) openStream(this *call) error {
	s, err := w.impl.OpenStream(this.far, w.limit(&this.command), w.report(this))
	if err != nil {
		this.far.close()
		return err
	}
	if !w.registerStream(this, s) {
		abort(s.Transport)
	}
	return nil
}

// registerStream gives what a stream is made of its names. It reports false when they have been forgotten.
func (w *world) registerStream(this *call, s Stream) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if this.silent {
		return false
	}
	name := this.command.As
	if s.Reader != nil {
		w.objects[name+".reader"] = s.Reader
	}
	if s.Writer != nil {
		w.objects[name+".writer"] = s.Writer
	}
	if s.Protocol != nil {
		w.objects[name+".protocol"] = s.Protocol
	}
	w.objects[name+".transport"] = s.Transport
	return true
}

// report returns what the implementation tells of the connection that a call opens.
func (w *world) report(this *call) Report {
	tell := func(e trace.Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !this.silent {
			w.note(e)
		}
	}
	return Report{
		Unhandled: func(err error) { tell(trace.Event{Ev: trace.Unhandled, Text: err.Error(), Raised: w.failure(err)}) },
		Logged:    func(text string) { tell(trace.Event{Ev: trace.Logged, Text: text}) },
	}
}

// onTransport carries out a call of a transport.
func (w *world) onTransport(c *trace.Command, t BaseTransport) trace.Reply {
	switch c.Op {
	case trace.TransportClose:
		return w.answer(t.Close())
	case trace.TransportIsClosing:
		return boolean(t.IsClosing())
	case trace.TransportGetExtraInfo:
		return w.info(c, t.GetExtraInfo)
	case trace.TransportSetProtocol:
		p, ok := w.object(c.Protocol).(*protocol)
		if !ok {
			return fault("there is no programmable protocol %q", c.Protocol)
		}
		return w.answer(t.SetProtocol(p))
	case trace.TransportGetProtocol:
		return w.returned(t.GetProtocol())
	case trace.TransportPauseReading, trace.TransportResumeReading, trace.TransportIsReading:
		if r, ok := t.(ReadTransport); ok {
			return w.onReadTransport(c, r)
		}
	default:
		if wt, ok := t.(WriteTransport); ok {
			return w.onWriteTransport(c, wt)
		}
	}
	return trace.Reply{Unsupported: fmt.Sprintf("a %s has no %s", nativeType(t), c.Op)}
}

func (w *world) onReadTransport(c *trace.Command, t ReadTransport) trace.Reply {
	switch c.Op {
	case trace.TransportPauseReading:
		return w.answer(t.PauseReading())
	case trace.TransportResumeReading:
		return w.answer(t.ResumeReading())
	}
	return boolean(t.IsReading())
}

func (w *world) onWriteTransport(c *trace.Command, t WriteTransport) trace.Reply {
	switch c.Op {
	case trace.TransportWrite:
		return w.passing(c.Data, t.Write)
	case trace.TransportWriteLines:
		return w.writeLines(c, t)
	case trace.TransportWriteEOF:
		return w.answer(t.WriteEOF())
	case trace.TransportCanWriteEOF:
		return boolean(t.CanWriteEOF())
	case trace.TransportAbort:
		return w.answer(t.Abort())
	case trace.TransportGetWriteBufferSize:
		return w.returned(t.GetWriteBufferSize())
	case trace.TransportGetWriteBufferLimits:
		low, high := t.GetWriteBufferLimits()
		return w.returned([]any{low, high})
	case trace.TransportSetWriteBufferLimits:
		return w.answer(t.SetWriteBufferLimits(c.High, c.Low))
	}
	return unknown(c)
}

// onWriter carries out a call of a writer.
func (w *world) onWriter(c *trace.Command, o Writer) trace.Reply {
	switch c.Op {
	case trace.WriterWrite:
		return w.passing(c.Data, o.Write)
	case trace.WriterWriteLines:
		return w.writeLines(c, o)
	case trace.WriterClose:
		return w.answer(o.Close())
	case trace.WriterIsClosing:
		return boolean(o.IsClosing())
	case trace.WriterWriteEOF:
		return w.answer(o.WriteEOF())
	case trace.WriterCanWriteEOF:
		return boolean(o.CanWriteEOF())
	case trace.WriterGetExtraInfo:
		return w.info(c, o.GetExtraInfo)
	case trace.WriterTransport:
		return w.returned(o.Transport())
	}
	return unknown(c)
}

func (w *world) writeLines(c *trace.Command, o interface{ WriteLines([][]byte) error }) trace.Reply {
	chunks := make([][]byte, len(c.Chunks))
	for i := range chunks {
		chunks[i] = own(&c.Chunks[i])
	}
	var err error
	switch seq, ok := o.(SequenceWriter); {
	case c.Container == "" || c.Container == trace.List:
		err = o.WriteLines(chunks)
	case c.Container == trace.Generator && ok:
		err = seq.WriteSequence(func(yield func([]byte) bool) {
			for _, chunk := range chunks {
				if !yield(chunk) {
					return
				}
			}
		})
	default:
		return trace.Reply{Unsupported: fmt.Sprintf("a %s takes chunks as a slice only", nativeType(o))}
	}
	for i := range chunks {
		spoil(&c.Chunks[i], chunks[i])
	}
	return w.answer(err)
}

func (w *world) info(c *trace.Command, ask func(string) (any, bool)) trace.Reply {
	v, ok := ask(c.Name)
	switch {
	case ok:
		return w.returned(v)
	case c.Default != nil:
		return w.returned(*c.Default)
	}
	return none()
}

// operations are what objects can have, as the documents name them.
var operations = struct{ base, read, write, writer, protocol, server []string }{
	base:  []string{"close", "is_closing", "get_extra_info", "set_protocol", "get_protocol"},
	read:  []string{"pause_reading", "resume_reading", "is_reading"},
	write: []string{"write", "writelines", "write_eof", "can_write_eof", "abort", "get_write_buffer_size", "get_write_buffer_limits", "set_write_buffer_limits"},
	writer: []string{"write", "writelines", "close", "is_closing", "write_eof", "can_write_eof", "get_extra_info", "transport", "drain",
		"wait_closed"},
	protocol: []string{"connection_made", "data_received", "eof_received", "connection_lost", "pause_writing", "resume_writing"},
	server: []string{"close", "is_serving", "sockets", "close_clients", "abort_clients", "start_serving", "serve_forever", "wait_closed",
		"__aenter__", "__aexit__"},
}
