package trace

import (
	"errors"
	"fmt"
)

// Op names a command: the family of the object it is about, a dot, and what is done.
type Op string

// The operations. What each takes and gives is in [Commands].
const (
	ReaderMake         Op = "reader.make"
	ReaderSetTransport Op = "reader.set_transport"
	ReaderFeedData     Op = "reader.feed_data"
	ReaderFeedEOF      Op = "reader.feed_eof"
	ReaderSetException Op = "reader.set_exception"
	ReaderException    Op = "reader.exception"
	ReaderAtEOF        Op = "reader.at_eof"
	ReaderRead         Op = "reader.read"
	ReaderReadLine     Op = "reader.readline"
	ReaderReadExactly  Op = "reader.readexactly"
	ReaderReadUntil    Op = "reader.readuntil"
	ReaderIterate      Op = "reader.iterate"
	MockMake           Op = "mock.make"
	Cancel             Op = "cancel"
	Settle             Op = "settle"
	Run                Op = "run"
	Forget             Op = "forget"
)

// A Command is one step that the driver asks of an implementation. Op, On and As say what is done, to which object, and
// under which name the result is known afterwards; the other fields are the arguments, of which [Commands] says which
// belong to which operation. A field left at its zero value is an argument not given.
type Command struct {
	Op Op     `json:"op"`
	On string `json:"on,omitempty"` // the object, or for cancel the call, that the command is about
	As string `json:"as,omitempty"` // the name of the object made or of the call started; the driver chooses it

	Limit      *int     `json:"limit,omitempty"`     // bytes
	CanPause   *bool    `json:"can_pause,omitempty"` // whether a mock transport is able to pause; true when not given
	Transport  string   `json:"transport,omitempty"` // name of a transport
	Data       *Data    `json:"data,omitempty"`      // what is fed
	Exception  *string  `json:"exception,omitempty"` // text of the exception to set; not given: none
	N          *int     `json:"n,omitempty"`         // a number of bytes or of items
	Separator  *Data    `json:"separator,omitempty"` // a single separator
	Separators []Data   `json:"separators,omitzero"` // a tuple of separators; an empty, non-nil slice is an empty tuple
	Names      []string `json:"names,omitzero"`      // names to forget; an empty, non-nil slice is none of them
	Until      *Until   `json:"until,omitempty"`     // what run waits for
	Ms         int      `json:"ms,omitempty"`        // how long run waits at most, in milliseconds

	// NoSettle asks for the reply before the implementation has run: what a call does without waiting is thereby seen
	// apart from what it does later.
	NoSettle bool `json:"no_settle,omitempty"`
}

// Until is a condition that run waits for: a call has finished, or an event has been there. It counts from the beginning of
// the session, so there is no race with the past.
type Until struct {
	Done  string    `json:"done,omitempty"`  // the call of this name has finished
	Event EventName `json:"event,omitempty"` // this event has occurred
	On    string    `json:"on,omitempty"`    // of an event: to the object or call of this name; not given: to any
	Count int       `json:"count,omitempty"` // of an event: at least so often; not given: once
}

// Validate reports what is wrong with the condition, nil if nothing is.
func (u Until) Validate() error {
	switch {
	case (u.Done != "") == (u.Event != ""):
		return errors.New("a condition has one of done and event")
	case u.Done != "" && (u.On != "" || u.Count != 0):
		return errors.New("on and count are for events, not for done")
	case u.Event != "" && !u.Event.known():
		return fmt.Errorf("there is no event %q", u.Event)
	case u.Count < 0:
		return fmt.Errorf("count is %d, but must not be negative", u.Count)
	}
	return nil
}

// String shows the condition.
func (u Until) String() string {
	if u.Done != "" {
		return u.Done + " is done"
	}
	s := string(u.Event)
	if u.On != "" {
		s += " " + u.On
	}
	if u.Count > 1 {
		s += fmt.Sprintf(", %d times", u.Count)
	}
	return s
}

// Int returns a pointer to n, for the optional arguments of a command.
func Int(n int) *int { return &n }

// Bool returns a pointer to b, for the optional arguments of a command.
func Bool(b bool) *bool { return &b }

// Text returns a pointer to s, for the optional arguments of a command.
func Text(s string) *string { return &s }
