// Package reference is the adapter of the embedded reference implementation.
package reference

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/adapter/gokit"
	"github.com/streamspec/streamspec/reference/stream"
	"github.com/streamspec/streamspec/reference/transport"
	"github.com/streamspec/streamspec/spec/trace"
)

// Target is the documented version that the reference implements.
const Target = "3.13"

// implementation is the reference without what connections are made of.
func implementation() gokit.Implementation {
	return gokit.Implementation{
		Name: "streamspec reference", Version: "0.1", Target: Target,
		DefaultLimit:      stream.DefaultLimit,
		NewReader:         newReader,
		NewReaderProtocol: newReaderProtocol,
		NewWriter:         newWriter,
		Connect:           connect,
		OpenStream:        openStream,
		Classify:          classify,
	}
}

// New returns an adapter of the reference, in process.
func New() adapter.Adapter {
	r := implementation()
	r.Ends = []trace.EndKind{trace.TCP, trace.Unix, trace.ReadPipe, trace.WritePipe}
	r.Open, r.Serve = openConnection, startServer
	r.TakesResolver, r.TakesClock = true, true
	return gokit.New(r)
}

// InMemory returns one whose connections are the reference's in memory, as if they were of TCP. It is quicker, and knows when all is at
// rest, but it has no addresses and no servers.
func InMemory() adapter.Adapter {
	r := implementation()
	r.Ends = []trace.EndKind{trace.TCP}
	r.Memory = func(size int) (gokit.Peer, io.Closer, error) {
		peer, far, err := transport.MemoryPair(size)
		return peer, far, err
	}
	return gokit.New(r)
}

func newReader(limit int) (gokit.Reader, error) {
	r, err := stream.NewReader(limit)
	if err != nil {
		return nil, err
	}
	return reader{r}, nil
}

// A reader is the reference's reader as the kit wants it.
type reader struct{ *stream.Reader }

func (r reader) SetTransport(t gokit.ReadTransport) error { return r.Reader.SetTransport(t) }

func (r reader) FeedEOF() error { r.Reader.FeedEOF(); return nil }

func (r reader) SetException(err error) error { r.Reader.SetException(err); return nil }

func (r reader) ReadUntil(ctx context.Context, separators [][]byte) ([]byte, error) {
	return r.Reader.ReadUntil(ctx, separators...)
}

// A writer is the reference's writer as the kit wants it.
type writer struct{ *stream.Writer }

func newWriter(t gokit.WriteTransport, p gokit.Protocol, r gokit.Reader) (gokit.Writer, error) {
	// The reference has the reader of a writer in its protocol, so r is that one or none at all.
	return writer{stream.NewWriter(foreign(t).(transport.WriteTransport), p.(readerProtocol).Protocol)}, nil
}

func (w writer) Close() error { w.Writer.Close(); return nil }

func (w writer) WriteSequence(chunks iter.Seq[[]byte]) error { return w.WriteSeq(chunks) }

func (w writer) Transport() gokit.BaseTransport { return ours(w.Writer.Transport()) }

func classify(err error) trace.Error {
	switch e := err.(type) { // as they come from a read: quicker than errors.As
	case *stream.IncompleteReadError:
		return incomplete(e)
	case *stream.LimitOverrunError:
		return trace.Error{Kind: trace.LimitOverrun, Consumed: &e.Consumed}
	case refusal:
		return trace.Error{Kind: trace.InvalidState}
	}
	switch {
	case errors.Is(err, stream.ErrInvalidArgument):
		return trace.Error{Kind: trace.InvalidArgument}
	case errors.Is(err, stream.ErrConcurrentRead):
		return trace.Error{Kind: trace.ConcurrentRead}
	case errors.Is(err, stream.ErrFeedAfterEOF), errors.Is(err, stream.ErrTransportSet), errors.Is(err, transport.ErrWriteAfterEOF),
		errors.Is(err, stream.ErrInvalidState):
		return trace.Error{Kind: trace.InvalidState}
	}
	return trace.Error{Kind: trace.OtherError}
}

// A refusal is what a method panics with, other than an error, when it is called out of turn.
type refusal string

func (r refusal) Error() string { return string(r) }

// refused calls f and returns what it panics with.
func refused(f func()) (err error) {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case error:
			err = cause
		default:
			err = refusal(fmt.Sprint(cause))
		}
	}()
	f()
	return nil
}

func incomplete(e *stream.IncompleteReadError) trace.Error {
	partial := trace.Bytes(e.Partial)
	if partial == nil {
		partial = trace.Bytes{}
	}
	out := trace.Error{Kind: trace.IncompleteRead, Partial: &partial}
	if e.Expected >= 0 {
		out.Expected = &e.Expected
	}
	return out
}
