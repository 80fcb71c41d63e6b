package native

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/adapter/gokit"
	"github.com/streamspec/streamspec/fuzz"
	"github.com/streamspec/streamspec/reference/stream"
	"github.com/streamspec/streamspec/spec/trace"
)

// A greedy reader is the reference's, but for one fault: a line that is found after a wait has lost what follows it.
type greedy struct{ *stream.Reader }

func (r greedy) SetTransport(t gokit.ReadTransport) error { return r.Reader.SetTransport(t) }
func (r greedy) FeedEOF() error                           { r.Reader.FeedEOF(); return nil }
func (r greedy) SetException(err error) error             { r.Reader.SetException(err); return nil }

func (r greedy) ReadUntil(ctx context.Context, separators [][]byte) ([]byte, error) {
	return r.Reader.ReadUntil(ctx, separators...)
}

func (r greedy) ReadLine(ctx context.Context) ([]byte, error) {
	done, cancel := context.WithCancel(ctx)
	cancel()
	line, err := r.Reader.ReadLine(done)
	if err == nil || !errors.Is(err, context.Canceled) {
		return line, err
	}
	if line, err = r.Reader.ReadLine(ctx); err == nil && !r.AtEOF() {
		_, _ = r.Read(done, 100)
	}
	return line, err
}

func faulty() adapter.Adapter {
	return gokit.New(gokit.Implementation{
		Name: "greedy", Version: "1", Target: "3.13", DefaultLimit: stream.DefaultLimit,
		NewReader: func(limit int) (gokit.Reader, error) {
			r, err := stream.NewReader(limit)
			return greedy{r}, err
		},
		Classify: func(err error) trace.Error {
			var incomplete *stream.IncompleteReadError
			var overrun *stream.LimitOverrunError
			e := trace.Error{Kind: trace.OtherError}
			switch {
			case errors.As(err, &incomplete):
				partial := trace.Bytes(incomplete.Partial)
				e = trace.Error{Kind: trace.IncompleteRead, Partial: &partial}
				if incomplete.Expected >= 0 {
					e.Expected = &incomplete.Expected
				}
			case errors.As(err, &overrun):
				e = trace.Error{Kind: trace.LimitOverrun, Consumed: &overrun.Consumed}
			case errors.Is(err, stream.ErrInvalidArgument):
				e.Kind = trace.InvalidArgument
			case errors.Is(err, stream.ErrConcurrentRead):
				e.Kind = trace.ConcurrentRead
			case errors.Is(err, stream.ErrFeedAfterEOF), errors.Is(err, stream.ErrInvalidState), errors.Is(err, stream.ErrTransportSet):
				e.Kind = trace.InvalidState
			}
			return e
		},
	})
}

// TestTargetFindsAFault runs the reader's target with random bytes, with the reference and with a reader that has a fault.
func TestTargetFindsAFault(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	sound, unsound := Reader(), &programs{kind: fuzz.Readers, adapter: faulty}
	for n := range 20_000 {
		data := make([]byte, 2+random.IntN(30))
		for i := range data {
			data[i] = byte(random.IntN(20)) // bytes that are commands as well as sizes, and a line feed
		}
		if err := sound.Run(data); err != nil {
			t.Fatalf("the reference: %v", err)
		}
		if err := unsound.Run(data); err != nil {
			if !strings.Contains(err.Error(), "read") {
				t.Fatalf("it was found that %v", err)
			}
			t.Logf("input %d: %v", n, err)
			return
		}
	}
	t.Error("the fault was not found")
}

// TestAPanicIsAFind has a target panic.
func TestAPanicIsAFind(t *testing.T) {
	err := tried(parser(func([]byte) error { panic("it falls over") }), nil)
	if err == nil || !strings.Contains(err.Error(), "panic: it falls over") || !strings.Contains(err.Error(), "faulty_test.go") {
		t.Errorf("a panic leads to %v", err)
	}
}
