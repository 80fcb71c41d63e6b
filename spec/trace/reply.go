package trace

import (
	"fmt"
	"strings"
)

// A Reply is what came back from a command: exactly one of Returned, Raised, Pending, Unsupported and Fault is set.
type Reply struct {
	Returned    *Value  `json:"returned,omitempty"`    // the call came back with a value
	Raised      *Error  `json:"raised,omitempty"`      // the implementation refused or failed
	Pending     string  `json:"pending,omitempty"`     // the call of this name waits; a finished event follows some time
	Unsupported string  `json:"unsupported,omitempty"` // the implementation does not have what the command needs
	Fault       string  `json:"fault,omitempty"`       // the adapter's own failure; never the implementation's
	Events      []Event `json:"events,omitempty"`      // what happened between the command and this reply, in order
	Turns       int     `json:"turns,omitempty"`       // turns of the event loop that settling took, where there is a loop
}

// Validate reports how the reply breaks its contract, nil if it does not.
func (r Reply) Validate() error {
	set := 0
	for _, is := range []bool{r.Returned != nil, r.Raised != nil, r.Pending != "", r.Unsupported != "", r.Fault != ""} {
		if is {
			set++
		}
	}
	if set != 1 {
		return fmt.Errorf("a reply has exactly one of returned, raised, pending, unsupported and fault, this one has %d", set)
	}
	if r.Raised != nil && r.Raised.Kind == "" {
		return fmt.Errorf("raised has no kind")
	}
	for _, e := range r.Events {
		if err := e.validate(); err != nil {
			return err
		}
	}
	return nil
}

// String shows the outcome in one line, without the events.
func (r Reply) String() string {
	switch {
	case r.Returned != nil:
		return "returned " + r.Returned.String()
	case r.Raised != nil:
		return "raised " + r.Raised.String()
	case r.Pending != "":
		return "pending"
	case r.Unsupported != "":
		return "unsupported: " + r.Unsupported
	case r.Fault != "":
		return "adapter fault: " + r.Fault
	}
	return "nothing"
}

// A Value is what a call returned. At most one field besides Type is set; none set is the value none.
type Value struct {
	Bytes *Bytes  `json:"bytes,omitempty"`
	Text  *string `json:"text,omitempty"`
	Int   *int    `json:"int,omitempty"`
	Bool  *bool   `json:"bool,omitempty"`
	List  []Value `json:"list,omitzero"` // an empty, non-nil slice is an empty list
	Error *Error  `json:"error,omitempty"`
	// Object is the name by which the session knows an object.
	Object string `json:"object,omitempty"`
	// Type is the native type where it is not the one that the language has for such a value: a mutable buffer for bytes.
	Type string `json:"type,omitempty"`
}

// None is the value of a call that returns nothing.
var None = Value{}

// BytesValue returns b as a value; the bytes are not copied.
func BytesValue(b []byte) Value {
	if b == nil {
		b = []byte{}
	}
	bb := Bytes(b)
	return Value{Bytes: &bb}
}

// BoolValue returns b as a value.
func BoolValue(b bool) Value { return Value{Bool: &b} }

// ErrorValue returns e as a value.
func ErrorValue(e Error) Value { return Value{Error: &e} }

// IsNone reports whether the value is none.
func (v Value) IsNone() bool {
	return v.Bytes == nil && v.Text == nil && v.Int == nil && v.Bool == nil && v.List == nil && v.Error == nil && v.Object == ""
}

// String shows the value as one would write it.
func (v Value) String() string {
	switch {
	case v.Bytes != nil:
		return v.Bytes.String()
	case v.Text != nil:
		return fmt.Sprintf("the text %q", *v.Text)
	case v.Int != nil:
		return fmt.Sprint(*v.Int)
	case v.Bool != nil:
		return fmt.Sprint(*v.Bool)
	case v.Error != nil:
		return v.Error.String()
	case v.Object != "":
		return "the object " + v.Object
	case v.List != nil:
		parts := make([]string, len(v.List))
		for i, e := range v.List {
			parts[i] = e.String()
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return "none"
}

// Kind says what sort of failure an error is, whatever the language calls it.
type Kind string

// The kinds of error; [Kinds] says what each means.
const (
	IncompleteRead  Kind = "incomplete-read"
	LimitOverrun    Kind = "limit-overrun"
	InvalidArgument Kind = "invalid-argument"
	InvalidType     Kind = "invalid-type"
	InvalidState    Kind = "invalid-state"
	ConcurrentRead  Kind = "concurrent-read"
	ConnectionReset Kind = "connection-reset"
	BrokenPipe      Kind = "broken-pipe"
	OSError         Kind = "os-error"
	Cancelled       Kind = "cancelled"
	Scripted        Kind = "scripted"
	NotSupported    Kind = "not-supported"
	OtherError      Kind = "other"
)

// Kinds lists every kind of error with one line of explanation.
var Kinds = []struct {
	Name Kind
	Doc  string
}{
	{IncompleteRead, "the stream ended before what was asked for; has `partial`, and `expected` where a number was asked for"},
	{LimitOverrun, "the limit was reached while looking for a separator; has `consumed`"},
	{InvalidArgument, "the value of an argument is refused (Python: ValueError)"},
	{InvalidType, "the type of an argument is refused (Python: TypeError)"},
	{InvalidState, "the object is not in a state for this call (Python: a failed assertion, or RuntimeError other than of a read)"},
	{ConcurrentRead, "another call already waits for data of this reader"},
	{ConnectionReset, "the connection is lost: reset by the peer, or not there any more (Python: ConnectionResetError)"},
	{BrokenPipe, "nobody can read any more what is written (Python: BrokenPipeError)"},
	{OSError, "another failure that the operating system tells of"},
	{Cancelled, "the call was cancelled"},
	{Scripted, "an exception that the driver made; its message is the text given"},
	{NotSupported, "not implemented by this object"},
	{OtherError, "none of these"},
}

// An Error is a failure of the implementation: its kind, what the kind brings along, and the native type and message.
type Error struct {
	Kind     Kind   `json:"kind"`
	Native   string `json:"native,omitempty"`  // type, in the implementation's language
	Message  string `json:"message,omitempty"` // text
	Partial  *Bytes `json:"partial,omitempty"`
	Expected *int   `json:"expected,omitempty"` // not given: unknown
	Consumed *int   `json:"consumed,omitempty"`
}

// Error implements error.
func (e Error) Error() string { return e.String() }

// String shows the kind, what it brings along, and the native error.
func (e Error) String() string {
	var b strings.Builder
	b.WriteString(string(e.Kind))
	var with []string
	if e.Partial != nil {
		with = append(with, "partial "+e.Partial.String())
	}
	if e.Expected != nil {
		with = append(with, fmt.Sprintf("expected %d", *e.Expected))
	}
	if e.Consumed != nil {
		with = append(with, fmt.Sprintf("consumed %d", *e.Consumed))
	}
	if len(with) > 0 {
		b.WriteString("{" + strings.Join(with, ", ") + "}")
	}
	if e.Native != "" || e.Message != "" {
		fmt.Fprintf(&b, " (%s: %s)", e.Native, e.Message)
	}
	return b.String()
}

// EventName names a kind of event.
type EventName string

// The events; [Events] says what each means.
const (
	Finished      EventName = "finished"
	Item          EventName = "item"
	PauseReading  EventName = "pause_reading"
	ResumeReading EventName = "resume_reading"

	ConnectionMade  EventName = "connection_made"
	DataReceived    EventName = "data_received"
	EOFReceived     EventName = "eof_received"
	ConnectionLost  EventName = "connection_lost"
	PauseWriting    EventName = "pause_writing"
	ResumeWriting   EventName = "resume_writing"
	Doing           EventName = "doing"
	Did             EventName = "did"
	ClientConnected EventName = "client_connected"
	Resolving       EventName = "resolving"

	Unhandled  EventName = "unhandled"
	Unraisable EventName = "unraisable"
	Warned     EventName = "warning"
	Logged     EventName = "log"
	Unsettled  EventName = "unsettled"
)

// Callbacks are the events that are calls of a programmable protocol.
var Callbacks = []EventName{ConnectionMade, DataReceived, EOFReceived, ConnectionLost, PauseWriting, ResumeWriting}

// Events lists every event with one line of explanation.
var Events = []struct {
	Name EventName
	Doc  string
}{
	{Finished, "a call that was pending came back, or a callback of a server that is a coroutine came to its end; has `returned` or `raised`"},
	{Item, "an iteration handed out an item; has `value`"},
	{PauseReading, "a mock transport was asked to pause reading, whether it can or not"},
	{ResumeReading, "a mock transport was asked to resume reading"},
	{ConnectionMade, "a callback of a programmable protocol was called"},
	{DataReceived, "likewise; has `value`, the bytes"},
	{EOFReceived, "likewise"},
	{ConnectionLost, "likewise; has `raised` where the argument is an error"},
	{PauseWriting, "likewise"},
	{ResumeWriting, "likewise"},
	{Doing, "a programmable protocol begins a command of its program; has `command`"},
	{Did, "it has carried out the command that it began last; has `returned` or `raised`"},
	{ClientConnected, "the client-connected callback of a reader protocol or of a server was called. Of a reader protocol, its arguments have the names of the protocol with .reader and .writer behind it. Of a server, the nth call has the name of the call that made the server with # and n behind it, counted from 1, and its arguments, their transport and their protocol have that name with .reader, .writer, .transport and .protocol behind it; `value` is the raw end that has connected, or none where the address of the peer does not tell"},
	{Resolving, "a host is being resolved; has `value`, a list of the family as text, the number of the protocol and the flags"},
	{Unhandled, "the event loop's exception handler was called; has `text`, and `raised` where an exception was given"},
	{Unraisable, "an error was reported that could not be raised; has `text`"},
	{Warned, "a warning was given; has `text`"},
	{Logged, "the implementation logged; has `text`"},
	{Unsettled, "the implementation did not come to rest: it spins"},
}

func (n EventName) known() bool {
	for _, e := range Events {
		if n == e.Name {
			return true
		}
	}
	return false
}

// An Event is something that the implementation did by itself.
type Event struct {
	Ev       EventName `json:"ev"`
	On       string    `json:"on,omitempty"`   // the object or call that it happened to
	Turn     int       `json:"turn,omitempty"` // turn of the event loop since the command, where there is a loop
	Returned *Value    `json:"returned,omitempty"`
	Raised   *Error    `json:"raised,omitempty"`
	Value    *Value    `json:"value,omitempty"`
	Text     string    `json:"text,omitempty"`
	Command  *Command  `json:"command,omitempty"`
}

func (e Event) validate() error {
	switch e.Ev {
	case Did:
		if (e.Returned != nil) == (e.Raised != nil) {
			return fmt.Errorf("a did event has exactly one of returned and raised")
		}
	case Doing:
		if e.Command == nil {
			return fmt.Errorf("a doing event has a command")
		}
	case DataReceived:
		if e.Value == nil || e.Value.Bytes == nil {
			return fmt.Errorf("a data_received event has a value, which is bytes")
		}
	case ConnectionMade, EOFReceived, ConnectionLost, PauseWriting, ResumeWriting, ClientConnected:
	case Finished:
		if (e.Returned != nil) == (e.Raised != nil) {
			return fmt.Errorf("a finished event has exactly one of returned and raised")
		}
		if e.Raised != nil && e.Raised.Kind == "" {
			return fmt.Errorf("raised has no kind")
		}
	case Item, Resolving:
		if e.Value == nil {
			return fmt.Errorf("an %s event has a value", e.Ev)
		}
	case PauseReading, ResumeReading, Unhandled, Unraisable, Warned, Logged, Unsettled:
	default:
		return fmt.Errorf("there is no event %q", e.Ev)
	}
	return nil
}

// String shows the event in one line.
func (e Event) String() string {
	s := string(e.Ev)
	if e.On != "" {
		s += " " + e.On
	}
	switch {
	case e.Returned != nil:
		s += " returned " + e.Returned.String()
	case e.Raised != nil:
		s += " raised " + e.Raised.String()
	case e.Value != nil:
		s += " " + e.Value.String()
	case e.Command != nil:
		s += " " + e.Command.String()
	}
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}
