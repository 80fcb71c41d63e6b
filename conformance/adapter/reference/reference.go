// Package reference is the adapter of the embedded reference implementation.
package reference

import (
	"context"
	"errors"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/adapter/gokit"
	"github.com/streamspec/streamspec/reference/stream"
	"github.com/streamspec/streamspec/spec/trace"
)

// Target is the documented version that the reference implements.
const Target = "3.13"

// New returns an adapter of the reference, in process.
func New() adapter.Adapter {
	return gokit.New(gokit.Implementation{
		Name: "streamspec reference", Version: "0.1", Target: Target,
		DefaultLimit: stream.DefaultLimit,
		NewReader: func(limit int) (gokit.Reader, error) {
			r, err := stream.NewReader(limit)
			if err != nil {
				return nil, err
			}
			return reader{r}, nil
		},
		Classify: classify,
	})
}

// A reader is the reference's reader as the kit wants it.
type reader struct{ *stream.Reader }

func (r reader) SetTransport(t gokit.Transport) error { return r.Reader.SetTransport(t) }

func (r reader) FeedEOF() error { r.Reader.FeedEOF(); return nil }

func (r reader) SetException(err error) error { r.Reader.SetException(err); return nil }

func (r reader) ReadUntil(ctx context.Context, separators [][]byte) ([]byte, error) {
	return r.Reader.ReadUntil(ctx, separators...)
}

func classify(err error) trace.Error {
	switch e := err.(type) { // as they come from a read: quicker than errors.As
	case *stream.IncompleteReadError:
		return incomplete(e)
	case *stream.LimitOverrunError:
		return trace.Error{Kind: trace.LimitOverrun, Consumed: &e.Consumed}
	}
	switch {
	case errors.Is(err, stream.ErrInvalidArgument):
		return trace.Error{Kind: trace.InvalidArgument}
	case errors.Is(err, stream.ErrConcurrentRead):
		return trace.Error{Kind: trace.ConcurrentRead}
	case errors.Is(err, stream.ErrFeedAfterEOF), errors.Is(err, stream.ErrTransportSet):
		return trace.Error{Kind: trace.InvalidState}
	}
	return trace.Error{Kind: trace.OtherError}
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
