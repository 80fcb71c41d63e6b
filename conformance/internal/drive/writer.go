package drive

import "github.com/streamspec/streamspec/spec/trace"

// A Writer is the handle of a writer of the testee.
type Writer struct {
	t    *Testee
	name string
}

func (w *Writer) do(c trace.Command) *Call {
	c.On = w.name
	return w.t.call(c)
}

// Write writes data.
func (w *Writer) Write(data string) *Call { return w.WriteAs(data, "") }

// WriteAs writes data in the given form.
func (w *Writer) WriteAs(data string, form trace.Form) *Call {
	return w.do(trace.Command{Op: trace.WriterWrite, Data: &trace.Data{Bytes: trace.Bytes(data), Form: form}})
}

// WriteLines writes several chunks, which are in a list.
func (w *Writer) WriteLines(chunks ...string) *Call { return w.WriteLinesIn("", Chunks(chunks...)...) }

// WriteLinesIn writes several chunks that are in the given container.
func (w *Writer) WriteLinesIn(container trace.Container, chunks ...trace.Data) *Call {
	if chunks == nil {
		chunks = []trace.Data{}
	}
	return w.do(trace.Command{Op: trace.WriterWriteLines, Chunks: chunks, Container: container})
}

// Chunks are what writelines writes.
func Chunks(chunks ...string) []trace.Data {
	out := make([]trace.Data, len(chunks))
	for i, chunk := range chunks {
		out[i] = *trace.D(chunk)
	}
	return out
}

// Close closes.
func (w *Writer) Close() *Call { return w.do(trace.Command{Op: trace.WriterClose}) }

// IsClosing asks whether the writer is closing or closed.
func (w *Writer) IsClosing() *Call { return w.do(trace.Command{Op: trace.WriterIsClosing}) }

// WriteEOF ends the stream to the peer.
func (w *Writer) WriteEOF() *Call { return w.do(trace.Command{Op: trace.WriterWriteEOF}) }

// CanWriteEOF asks whether write_eof is supported.
func (w *Writer) CanWriteEOF() *Call { return w.do(trace.Command{Op: trace.WriterCanWriteEOF}) }

// Info asks for information, without a default.
func (w *Writer) Info(name string) *Call {
	return w.do(trace.Command{Op: trace.WriterGetExtraInfo, Name: name})
}

// InfoOr asks for information, with a default.
func (w *Writer) InfoOr(name, otherwise string) *Call {
	return w.do(trace.Command{Op: trace.WriterGetExtraInfo, Name: name, Default: &otherwise})
}

// Transport asks for the transport.
func (w *Writer) Transport() *Call { return w.do(trace.Command{Op: trace.WriterTransport}) }

// Drain drains.
func (w *Writer) Drain() *Call { return w.do(trace.Command{Op: trace.WriterDrain}) }

// DrainEagerly drains as far as it goes without giving way to anything else.
func (w *Writer) DrainEagerly() *Call {
	return w.do(trace.Command{Op: trace.WriterDrain, Eager: trace.Bool(true)})
}

// WaitClosed waits until the stream is closed.
func (w *Writer) WaitClosed() *Call { return w.do(trace.Command{Op: trace.WriterWaitClosed}) }

// Has asks whether the writer has an operation.
func (w *Writer) Has(operation string) *Call {
	return w.do(trace.Command{Op: trace.ObjectHas, Name: operation})
}

// LetGo lets go of the stream's reader, its writer, or both, without doing anything to them, and collects garbage.
func (s *Stream) LetGo(reader, writer bool) {
	var names []string
	if reader {
		names = append(names, s.Reader.name)
	}
	if writer {
		names = append(names, s.Writer.name)
	}
	s.t.do(trace.Command{Op: trace.Collect, Names: names})
}

// A ReaderProtocol is the handle of a stream-reader protocol that was made by hand.
type ReaderProtocol struct {
	t    *Testee
	name string
	Made *Call
}

// NewReaderProtocol makes a stream-reader protocol that feeds r. The callback is the form of its client-connected callback,
// function or coroutine; empty: it has none.
func (t *Testee) NewReaderProtocol(r *Reader, callback trace.Callback) *ReaderProtocol {
	c := trace.Command{Op: trace.ReaderProtocolMake, As: t.name("p"), Reader: r.name, Callback: callback}
	return &ReaderProtocol{t, c.As, t.call(c)}
}

func (p *ReaderProtocol) do(c trace.Command) *Call {
	c.On = p.name
	return p.t.call(c)
}

// ConnectionMade calls connection_made.
func (p *ReaderProtocol) ConnectionMade(m *Mock) *Call {
	return p.do(trace.Command{Op: trace.ProtocolConnectionMade, Transport: m.name})
}

// DataReceived calls data_received.
func (p *ReaderProtocol) DataReceived(data string) *Call {
	return p.do(trace.Command{Op: trace.ProtocolDataReceived, Data: trace.D(data)})
}

// EOFReceived calls eof_received.
func (p *ReaderProtocol) EOFReceived() *Call {
	return p.do(trace.Command{Op: trace.ProtocolEOFReceived})
}

// ConnectionLost calls connection_lost with none.
func (p *ReaderProtocol) ConnectionLost() *Call {
	return p.do(trace.Command{Op: trace.ProtocolConnectionLost})
}

// ConnectionLostWith calls connection_lost with an exception of the given text.
func (p *ReaderProtocol) ConnectionLostWith(text string) *Call {
	return p.do(trace.Command{Op: trace.ProtocolConnectionLost, Exception: &text})
}

// PauseWriting calls pause_writing.
func (p *ReaderProtocol) PauseWriting() *Call {
	return p.do(trace.Command{Op: trace.ProtocolPauseWriting})
}

// ResumeWriting calls resume_writing.
func (p *ReaderProtocol) ResumeWriting() *Call {
	return p.do(trace.Command{Op: trace.ProtocolResumeWriting})
}

// ClientConnected is how often the client-connected callback was called, at least as often as expected where waiting can help.
func (p *ReaderProtocol) ClientConnected(expected int) int {
	count := func() int { return len(p.t.c.told[happening{trace.ClientConnected, p.name}]) }
	if count() < expected {
		p.t.await(trace.Until{Event: trace.ClientConnected, On: p.name, Count: expected})
	}
	return count()
}

// NewWriter makes a writer by hand. Without a reader, r is nil.
func (t *Testee) NewWriter(m *Mock, p *ReaderProtocol, r *Reader) *Writer {
	c := trace.Command{Op: trace.WriterMake, As: t.name("writer"), Transport: m.name, Protocol: p.name}
	if r != nil {
		c.Reader = r.name
	}
	t.do(c)
	return &Writer{t, c.As}
}

// Client returns the reader and the writer that the client-connected callback was called with.
func (p *ReaderProtocol) Client() (*Reader, *Writer) {
	return &Reader{t: p.t, name: p.name + ".reader"}, &Writer{t: p.t, name: p.name + ".writer"}
}
