// Package adapter is the contract between streamspec and an implementation that it judges.
//
// In process an implementation is a Go value (package gokit turns ordinary Go types into one); out of process it is a
// program that speaks the wire protocol on its standard input and output (package stdio).
package adapter

import (
	"context"
	"fmt"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// An Adapter drives one implementation. Its methods may be called from several goroutines.
type Adapter interface {
	// Describe says what the implementation is and what it has. The answer never changes during the adapter's life.
	Describe(ctx context.Context) (trace.Description, error)
	// NewSession begins with nothing: no objects, no names. Sessions of one adapter may exist side by side.
	NewSession(ctx context.Context) (Session, error)
	// Close ends everything the adapter has started.
	Close() error
}

// A Session is a set of named objects of one implementation. It is used by one goroutine at a time.
type Session interface {
	// Do carries out commands in order and returns one reply for each. The commands are valid by their table
	// ([trace.Command.Validate]); whoever takes them from elsewhere sees to that. A failure of the implementation is a reply; an
	// error means that the session is over: a *[Failure] says why, and the replies returned beside it are those that
	// had come.
	Do(ctx context.Context, commands []trace.Command) ([]trace.Reply, error)
	// Close drops all objects and returns what happened while that was done. No use of the session follows.
	Close(ctx context.Context) ([]trace.Event, error)
}

// FailureKind says how an adapter failed.
type FailureKind string

// The kinds of failure, named like the verdicts that they lead to.
const (
	Crash FailureKind = "adapter-crash" // the adapter's process ended, or the implementation panicked
	Hang  FailureKind = "adapter-hang"  // no reply within the deadline
	Error FailureKind = "adapter-error" // the adapter broke the contract: garbage, a wrong id, a flood, a fault of its own
)

// A Failure is an adapter that could not answer. It is a verdict on the case at hand and never on a rule.
type Failure struct {
	Kind   FailureKind
	Text   string // what was done and what came back, one sentence
	Stderr string // the end of what the adapter wrote to its standard error since the session began
}

// Error implements error.
func (f *Failure) Error() string {
	s := fmt.Sprintf("%s: %s", f.Kind, f.Text)
	if f.Stderr != "" {
		s += "\nstandard error of the adapter:\n\t" + strings.ReplaceAll(strings.TrimRight(f.Stderr, "\n"), "\n", "\n\t")
	}
	return s
}

// Parallel is what an adapter also implements when several of its sessions make progress at the same time, so that an
// enumeration is worth spreading over them.
type Parallel interface {
	Parallel() int // how many sessions
}
