package transport

import (
	"errors"
	"fmt"
)

// ErrInvalidArgument is matched, through errors.Is, by every [ArgumentError].
var ErrInvalidArgument = errors.New("invalid argument")

// ErrWriteAfterEOF is the error of Write and WriteLines after WriteEOF.
//
// Rule: writer.eof.write-afterwards-refused.
var ErrWriteAfterEOF = errors.New("transport: write after end-of-stream was written")

var errNoProtocol = &ArgumentError{Name: "protocol", Reason: "must not be nil"}

// An ArgumentError refuses a value that an argument cannot have. It matches [ErrInvalidArgument].
type ArgumentError struct {
	Name   string // the argument
	Value  any    // what was passed
	Reason string // what the argument must be
}

func (e *ArgumentError) Error() string {
	return fmt.Sprintf("invalid %s %v: %s", e.Name, e.Value, e.Reason)
}

// Is reports whether target is [ErrInvalidArgument].
func (e *ArgumentError) Is(target error) bool { return target == ErrInvalidArgument }
