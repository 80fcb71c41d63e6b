package stream

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/streamspec/streamspec/reference/transport"
)

// ErrInvalidArgument is matched, through errors.Is, by every error whose kind is "invalid argument": an [ArgumentError]
// and a [LineTooLongError].
var ErrInvalidArgument = transport.ErrInvalidArgument

// ErrConcurrentRead is matched, through errors.Is, by the error of a read that would have to wait while another read is
// waiting on the same reader. The text of the error names the method. The waiting read is not affected.
//
// Rule: reader.read.second-waiter-refused.
var ErrConcurrentRead = errors.New("called while another read is already waiting for incoming data")

// ErrFeedAfterEOF is the error of FeedData once FeedEOF has been called.
//
// Rule: reader.feed.data-after-eof-refused.
var ErrFeedAfterEOF = errors.New("stream: FeedData called after FeedEOF")

// ErrTransportSet is the error of SetTransport when the reader already has a transport, and what ConnectionMade panics with
// when the protocol already has one.
//
// Rule: reader.feed.set-transport-once.
var ErrTransportSet = errors.New("stream: transport already set")

// ErrConnectionLost is the error of Drain on a connection that is closing or closed. It matches syscall.ECONNRESET.
//
// Rule: writer.drain.closed-raises.
var ErrConnectionLost = fmt.Errorf("stream: connection lost: %w", syscall.ECONNRESET)

// An IncompleteReadError says that the end of the stream came before the bytes asked for.
//
// Rules: reader.errors.incomplete-has-partial, reader.errors.incomplete-text.
type IncompleteReadError struct {
	Partial  []byte // what was read before the end; the caller's own
	Expected int    // bytes asked for; -1 when it was a separator and not a count
}

func (e *IncompleteReadError) Error() string {
	if e.Expected < 0 {
		return fmt.Sprintf("stream: %d bytes read on a total of undefined expected bytes", len(e.Partial))
	}
	return fmt.Sprintf("stream: %d bytes read on a total of %d expected bytes", len(e.Partial), e.Expected)
}

// A LimitOverrunError says that the text before a separator is longer than the reader's limit. Nothing has been consumed:
// the reader stays usable, and reading exactly Consumed bytes is a way to go on.
//
// Rules: reader.errors.overrun-leaves-reader-usable, reader.errors.overrun-has-consumed,
// reader.readuntil.consumed-excludes-separator.
type LimitOverrunError struct {
	Consumed int  // bytes at the front of the buffer that are no part of any separator
	Found    bool // whether a separator is in the buffer, at index Consumed
}

func (e *LimitOverrunError) Error() string {
	if e.Found {
		return "stream: separator is found, but chunk is longer than limit"
	}
	return "stream: separator is not found, and chunk exceeds the limit"
}

// A LineTooLongError is how ReadLine reports a line longer than the reader's limit. Unlike a [LimitOverrunError] it means
// that bytes have been dropped: the line, when its end was in the buffer, or else all that was buffered.
// It matches [ErrInvalidArgument] and is not a LimitOverrunError.
//
// Rule: reader.readline.overrun-is-invalid-argument.
type LineTooLongError struct {
	Limit   int  // the reader's limit, in bytes
	Dropped int  // bytes dropped
	Found   bool // whether the line's end was there, so that exactly that line was dropped
}

func (e *LineTooLongError) Error() string {
	if e.Found {
		return fmt.Sprintf("stream: line longer than the limit of %d bytes: %d bytes dropped", e.Limit, e.Dropped)
	}
	return fmt.Sprintf("stream: no end of line within the limit of %d bytes: buffer of %d bytes dropped", e.Limit, e.Dropped)
}

// Is reports whether target is [ErrInvalidArgument].
func (e *LineTooLongError) Is(target error) bool { return target == ErrInvalidArgument }

// An ArgumentError refuses a value that an argument cannot have. It matches [ErrInvalidArgument].
type ArgumentError = transport.ArgumentError
