package reference

import (
	"fmt"
	"net"
	"os"

	"github.com/streamspec/streamspec/conformance/adapter/gokit"
	"github.com/streamspec/streamspec/reference/stream"
	"github.com/streamspec/streamspec/reference/transport"
	"github.com/streamspec/streamspec/spec/trace"
)

// open makes the transport of an end.
func open(end gokit.End, p transport.Protocol, report gokit.Report) (transport.BaseTransport, error) {
	opts := options(report)
	if end.Memory != nil {
		return transport.NewMemory(end.Memory.(*transport.MemoryConn), p, opts)
	}
	switch end.Kind {
	case trace.TCP:
		return transport.NewTCP(end.TCP, p, opts)
	case trace.Unix:
		return transport.NewUnix(end.Unix, p, opts)
	case trace.ReadPipe:
		return transport.NewReadPipe(end.File, p, opts)
	case trace.WritePipe:
		return transport.NewWritePipe(end.File, p, opts)
	}
	return nil, fmt.Errorf("there is no transport over an end of kind %q", end.Kind)
}

func options(report gokit.Report) *transport.Options {
	return &transport.Options{Report: func(e *transport.CallbackError) { report.Unhandled(e) }, Warn: report.Logged}
}

func connect(end gokit.End, p gokit.Protocol, report gokit.Report) (gokit.BaseTransport, error) {
	t, err := open(end, theirs(p), report)
	if err != nil {
		return nil, err
	}
	return ours(t), nil
}

// over opens like f, but with a protocol that is kept and with options: [stream.Over] has none.
func over[C any](f func(C, transport.Protocol, *transport.Options) (transport.Transport, error), conn C, limit int, report gokit.Report) (gokit.Stream, error) {
	var p *stream.Protocol
	r, w, err := stream.Over(func(conn C, made transport.Protocol, _ *transport.Options) (transport.Transport, error) {
		p = made.(*stream.Protocol)
		return f(conn, made, options(report))
	}, conn, limit)
	if err != nil {
		return gokit.Stream{}, err
	}
	return gokit.Stream{Reader: reader{r}, Writer: writer{w}, Transport: ours(w.Transport()), Protocol: readerProtocol{p}}, nil
}

func openStream(end gokit.End, limit int, report gokit.Report) (gokit.Stream, error) {
	if end.Memory != nil {
		return over(transport.NewMemory, end.Memory.(*transport.MemoryConn), limit, report)
	}
	switch end.Kind {
	case trace.TCP:
		return over[*net.TCPConn](transport.NewTCP, end.TCP, limit, report)
	case trace.Unix:
		return over[*net.UnixConn](transport.NewUnix, end.Unix, limit, report)
	case trace.ReadPipe:
		return fromPipe(end.File, limit, report)
	}
	p := stream.NewProtocol(nil, nil)
	t, err := transport.NewWritePipe(end.File, p, options(report))
	if err != nil {
		return gokit.Stream{}, err
	}
	return gokit.Stream{Writer: writer{stream.NewWriter(t, p)}, Transport: ours(t), Protocol: readerProtocol{p}}, nil
}

func fromPipe(file *os.File, limit int, report gokit.Report) (gokit.Stream, error) {
	r, err := stream.NewReader(limit)
	if err != nil {
		return gokit.Stream{}, err
	}
	p := stream.NewProtocol(r, nil)
	t, err := transport.NewReadPipe(file, p, options(report))
	if err != nil {
		return gokit.Stream{}, err
	}
	return gokit.Stream{Reader: reader{r}, Transport: ours(t), Protocol: readerProtocol{p}}, nil
}

// A readerProtocol is the reference's stream-reader protocol as the kit wants it.
type readerProtocol struct{ *stream.Protocol }

func newReaderProtocol(r gokit.Reader, connected func(gokit.Reader, gokit.Writer)) (gokit.Protocol, error) {
	if connected == nil {
		return readerProtocol{stream.NewProtocol(r.(reader).Reader, nil)}, nil
	}
	return readerProtocol{stream.NewProtocol(r.(reader).Reader, func(r *stream.Reader, w *stream.Writer) error {
		connected(reader{r}, writer{w})
		return nil
	})}, nil
}

func (p readerProtocol) ConnectionMade(t gokit.BaseTransport) error {
	return refused(func() { p.Protocol.ConnectionMade(foreign(t)) })
}

func (p readerProtocol) DataReceived(data []byte) error {
	return refused(func() { p.Protocol.DataReceived(data) })
}

func (p readerProtocol) EOFReceived() (keepOpen bool, err error) {
	err = refused(func() { keepOpen = p.Protocol.EOFReceived() })
	return keepOpen, err
}

func (p readerProtocol) ConnectionLost(cause error) error {
	return refused(func() { p.Protocol.ConnectionLost(cause) })
}

func (p readerProtocol) PauseWriting() error { return refused(p.Protocol.PauseWriting) }

func (p readerProtocol) ResumeWriting() error { return refused(p.Protocol.ResumeWriting) }

// callbacks are a protocol of the kit as the reference wants it: a callback fails by panicking.
type callbacks struct{ p gokit.Protocol }

// idle is one without callbacks.
type idle struct {
	transport.IdleProtocol
	p gokit.Protocol
}

// theirs gives a protocol of the kit to the reference.
func theirs(p gokit.Protocol) transport.Protocol {
	if gokit.IsPlain(p) {
		return idle{p: p}
	}
	return callbacks{p}
}

func try(err error) {
	if err != nil {
		panic(err)
	}
}

func (c callbacks) ConnectionMade(t transport.BaseTransport) { try(c.p.ConnectionMade(ours(t))) }
func (c callbacks) DataReceived(data []byte)                 { try(c.p.DataReceived(data)) }
func (c callbacks) ConnectionLost(err error)                 { try(c.p.ConnectionLost(err)) }
func (c callbacks) PauseWriting()                            { try(c.p.PauseWriting()) }
func (c callbacks) ResumeWriting()                           { try(c.p.ResumeWriting()) }

func (c callbacks) EOFReceived() bool {
	keepOpen, err := c.p.EOFReceived()
	try(err)
	return keepOpen
}

// base, reads, writes and both are a transport of the reference as the kit wants it.
type (
	base  struct{ t transport.BaseTransport }
	reads struct {
		base
		readMethods
	}
	writes struct {
		base
		writeMethods
	}
	both struct {
		base
		readMethods
		writeMethods
	}
	readMethods  struct{ r transport.ReadTransport }
	writeMethods struct{ w transport.WriteTransport }
)

// ours gives a transport of the reference to the kit.
func ours(t transport.BaseTransport) gokit.BaseTransport {
	switch t := t.(type) {
	case mock:
		return t.Transport
	case transport.Transport:
		return both{base{t}, readMethods{t}, writeMethods{t}}
	case transport.ReadTransport:
		return reads{base{t}, readMethods{t}}
	case transport.WriteTransport:
		return writes{base{t}, writeMethods{t}}
	}
	return base{t}
}

func (b base) Close() error                         { b.t.Close(); return nil }
func (b base) IsClosing() bool                      { return b.t.IsClosing() }
func (b base) GetExtraInfo(name string) (any, bool) { return b.t.GetExtraInfo(name) }
func (b base) SetProtocol(p gokit.Protocol) error   { b.t.SetProtocol(theirs(p)); return nil }

func (b base) GetProtocol() any {
	switch p := b.t.GetProtocol().(type) {
	case nil:
		return nil
	case callbacks:
		return p.p
	case idle:
		return p.p
	case *stream.Protocol:
		return readerProtocol{p}
	default:
		return p
	}
}

func (m readMethods) PauseReading() error  { return m.r.PauseReading() }
func (m readMethods) ResumeReading() error { return m.r.ResumeReading() }
func (m readMethods) IsReading() bool      { return m.r.IsReading() }

func (m writeMethods) Write(p []byte) error                  { return m.w.Write(p) }
func (m writeMethods) WriteLines(chunks [][]byte) error      { return m.w.WriteLines(chunks) }
func (m writeMethods) WriteEOF() error                       { return m.w.WriteEOF() }
func (m writeMethods) CanWriteEOF() bool                     { return m.w.CanWriteEOF() }
func (m writeMethods) Abort() error                          { m.w.Abort(); return nil }
func (m writeMethods) GetWriteBufferSize() int               { return m.w.GetWriteBufferSize() }
func (m writeMethods) GetWriteBufferLimits() (low, high int) { return m.w.GetWriteBufferLimits() }

func (m writeMethods) SetWriteBufferLimits(high, low *int) error {
	var marks []transport.Watermark
	if high != nil {
		marks = append(marks, transport.High(*high))
	}
	if low != nil {
		marks = append(marks, transport.Low(*low))
	}
	return m.w.SetWriteBufferLimits(marks...)
}

// A mock is a transport of the kit as the reference wants it.
type mock struct{ gokit.Transport }

// foreign gives a transport of the kit to the reference; one of the reference's own goes back as it was.
func foreign(t gokit.BaseTransport) transport.BaseTransport {
	switch t := t.(type) {
	case both:
		return t.t
	case reads:
		return t.t
	case writes:
		return t.t
	}
	return mock{t.(gokit.Transport)}
}

func (m mock) Close() { _ = m.Transport.Close() }
func (m mock) Abort() { _ = m.Transport.Abort() }

func (m mock) SetProtocol(p transport.Protocol) {}
func (m mock) GetProtocol() transport.Protocol  { return nil }

func (m mock) SetWriteBufferLimits(...transport.Watermark) error { return nil }
