package trace

import (
	"errors"
	"fmt"
	"slices"
	"strings"
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

	RawMake     Op = "raw.make"
	RawSend     Op = "raw.send"
	RawRecv     Op = "raw.recv"
	RawShutdown Op = "raw.shutdown"
	RawClose    Op = "raw.close"
	RawReset    Op = "raw.reset"
	RawSockName Op = "raw.sockname"
	RawPeerName Op = "raw.peername"
	RawFarOpen  Op = "raw.far_open"

	ProtocolMake           Op = "protocol.make"
	ReaderProtocolMake     Op = "reader_protocol.make"
	ProtocolConnectionMade Op = "protocol.connection_made"
	ProtocolDataReceived   Op = "protocol.data_received"
	ProtocolEOFReceived    Op = "protocol.eof_received"
	ProtocolConnectionLost Op = "protocol.connection_lost"
	ProtocolPauseWriting   Op = "protocol.pause_writing"
	ProtocolResumeWriting  Op = "protocol.resume_writing"

	RawConnect Op = "raw.connect"
	RawAccept  Op = "raw.accept"

	AddressMake  Op = "address.make"
	AddressPut   Op = "address.put"
	AddressState Op = "address.state"
	AddressAsk   Op = "address.ask"
	SocketMake   Op = "socket.make"
	SocketIsOpen Op = "socket.is_open"

	ConnectionOpen Op = "connection.open"
	StreamOpen     Op = "stream.open"
	StreamServe    Op = "stream.serve"

	ServerClose        Op = "server.close"
	ServerIsServing    Op = "server.is_serving"
	ServerSockets      Op = "server.sockets"
	ServerCloseClients Op = "server.close_clients"
	ServerAbortClients Op = "server.abort_clients"
	ServerStartServing Op = "server.start_serving"
	ServerServeForever Op = "server.serve_forever"
	ServerWaitClosed   Op = "server.wait_closed"
	ServerContext      Op = "server.context"

	TransportWrite                Op = "transport.write"
	TransportWriteLines           Op = "transport.writelines"
	TransportClose                Op = "transport.close"
	TransportAbort                Op = "transport.abort"
	TransportIsClosing            Op = "transport.is_closing"
	TransportPauseReading         Op = "transport.pause_reading"
	TransportResumeReading        Op = "transport.resume_reading"
	TransportIsReading            Op = "transport.is_reading"
	TransportGetWriteBufferSize   Op = "transport.get_write_buffer_size"
	TransportGetWriteBufferLimits Op = "transport.get_write_buffer_limits"
	TransportSetWriteBufferLimits Op = "transport.set_write_buffer_limits"
	TransportWriteEOF             Op = "transport.write_eof"
	TransportCanWriteEOF          Op = "transport.can_write_eof"
	TransportGetExtraInfo         Op = "transport.get_extra_info"
	TransportSetProtocol          Op = "transport.set_protocol"
	TransportGetProtocol          Op = "transport.get_protocol"

	WriterMake         Op = "writer.make"
	WriterWrite        Op = "writer.write"
	WriterWriteLines   Op = "writer.writelines"
	WriterClose        Op = "writer.close"
	WriterIsClosing    Op = "writer.is_closing"
	WriterWriteEOF     Op = "writer.write_eof"
	WriterCanWriteEOF  Op = "writer.can_write_eof"
	WriterGetExtraInfo Op = "writer.get_extra_info"
	WriterTransport    Op = "writer.transport"
	WriterDrain        Op = "writer.drain"
	WriterWaitClosed   Op = "writer.wait_closed"

	BareMake  Op = "bare.make"
	ObjectHas Op = "object.has"
	ObjectIs  Op = "object.is"

	Release        Op = "release"
	ResolverAnswer Op = "resolver.answer"
	ClockFreeze    Op = "clock.freeze"
	ClockAdvance   Op = "clock.advance"

	Cancel  Op = "cancel"
	Turn    Op = "turn"
	Settle  Op = "settle"
	Run     Op = "run"
	Forget  Op = "forget"
	Collect Op = "collect"
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

	Kind      EndKind    `json:"kind,omitempty"`      // of a raw end: what the implementation gets the other end of
	Buffer    int        `json:"buffer,omitempty"`    // the size asked for of each of the kernel's buffers, bytes
	Raw       string     `json:"raw,omitempty"`       // name of a raw end
	Reader    string     `json:"reader,omitempty"`    // name of a reader
	Protocol  string     `json:"protocol,omitempty"`  // name of a protocol
	Program   []Reaction `json:"program,omitzero"`    // what a protocol does in its callbacks, or a server's callback when it is called
	Plain     *bool      `json:"plain,omitempty"`     // a protocol without any callback of its own, a transport without any method of its own
	Callback  Callback   `json:"callback,omitempty"`  // the form of a client-connected callback
	Chunks    []Data     `json:"chunks,omitzero"`     // what is written by writelines
	Container Container  `json:"container,omitempty"` // what the chunks are in; a list when not given
	High      *int       `json:"high,omitempty"`      // the high mark, bytes
	Low       *int       `json:"low,omitempty"`       // the low mark, bytes
	Name      string     `json:"name,omitempty"`      // of a piece of information, of an operation, or of a class
	Default   *string    `json:"default,omitempty"`   // what is wanted where there is no such information
	Eager     *bool      `json:"eager,omitempty"`     // run by hand as far as it goes without giving way

	Address      string    `json:"address,omitempty"`       // name of an address
	Addresses    []string  `json:"addresses,omitzero"`      // names of addresses; an empty, non-nil slice is none of them
	State        State     `json:"state,omitempty"`         // what there is at an address
	Host         *string   `json:"host,omitempty"`          // a host, as it is
	Port         *int      `json:"port,omitempty"`          // a port, as it is
	Local        string    `json:"local,omitempty"`         // name of the address of the local end
	Socket       string    `json:"socket,omitempty"`        // name of a socket
	Datagram     *bool     `json:"datagram,omitempty"`      // a socket for datagrams and not for streams
	PathLike     *bool     `json:"path_like,omitempty"`     // a path is passed as an object that stands for one
	Family       Family    `json:"family,omitempty"`        // to resolve names to
	Proto        *int      `json:"proto,omitempty"`         // number of a protocol, for resolving
	Flags        *int      `json:"flags,omitempty"`         // for resolving
	Delay        *int      `json:"delay,omitempty"`         // happy_eyeballs_delay, milliseconds
	Interleave   *int      `json:"interleave,omitempty"`    // number of addresses of the first family
	Backlog      *int      `json:"backlog,omitempty"`       // connections that may wait
	ReuseAddress *bool     `json:"reuse_address,omitempty"` // option of a server's sockets
	ReusePort    *bool     `json:"reuse_port,omitempty"`    // option of a server's sockets
	StartServing *bool     `json:"start_serving,omitempty"` // a server accepts from the beginning
	Serve        *bool     `json:"serve,omitempty"`         // the body of a context serves
	Keywords     []Keyword `json:"keywords,omitzero"`       // further arguments by name, passed as they are

	// NoSettle asks for the reply before the implementation has run: what a call does without waiting is thereby seen
	// apart from what it does later.
	NoSettle bool `json:"no_settle,omitempty"`
}

// An EndKind says what the implementation gets to make a transport of; the raw end is the other end of it.
type EndKind string

// The kinds of raw end.
const (
	TCP       EndKind = "tcp"        // a connected socket on the loopback interface
	Unix      EndKind = "unix"       // one of a pair of connected Unix sockets
	ReadPipe  EndKind = "read-pipe"  // the end of a pipe that is read; the raw end is the one that is written
	WritePipe EndKind = "write-pipe" // the end of a pipe that is written; the raw end is the one that is read
	ReadFile  EndKind = "read-file"  // a regular file, as if it were a pipe to read; the raw end is idle
	WriteFile EndKind = "write-file" // a regular file, as if it were a pipe to write; the raw end is idle
)

// EndKinds lists the kinds of raw end, each with the capability that it needs.
var EndKinds = []struct {
	Name  EndKind
	Needs Capability
}{
	{TCP, CapTCP}, {Unix, CapUnix}, {ReadPipe, CapPipe}, {WritePipe, CapPipe}, {ReadFile, CapPipe}, {WriteFile, CapPipe},
}

// Needs returns the capability that connections of this kind need; false: there is no such kind.
func (k EndKind) Needs() (Capability, bool) {
	for _, row := range EndKinds {
		if row.Name == k {
			return row.Needs, true
		}
	}
	return "", false
}

// A State says what there is at an address.
type State string

// The states of an address.
const (
	Free        State = "free"         // nobody listens there: connecting is refused; of Unix there is no file
	Live        State = "live"         // the driver listens there, for raw.accept
	Silent      State = "silent"       // of TCP only: connecting to it comes to no end
	Stale       State = "stale"        // of Unix only: a socket file on which nobody listens
	RegularFile State = "file"         // of Unix only: a regular file
	NoDirectory State = "no-directory" // of Unix only: a path in a directory that does not exist
)

// States lists the states of an address with one line of explanation.
var States = []struct {
	Name State
	Doc  string
}{
	{Free, "nobody listens there, and connecting is refused; of Unix there is no file"},
	{Live, "the driver listens there; `raw.accept` takes what has connected"},
	{Silent, "of TCP only: connecting to it comes to no end"},
	{Stale, "of Unix only: a socket file on which nobody listens"},
	{RegularFile, "of Unix only: a regular file"},
	{NoDirectory, "of Unix only: a path in a directory that does not exist"},
}

// fits tells whether there is such a state of addresses of a kind.
func (s State) fits(kind EndKind) bool {
	switch s {
	case "", Free, Live:
		return true
	case Silent:
		return kind != Unix
	case Stale, RegularFile, NoDirectory:
		return kind != TCP
	}
	return false
}

// A Family is a family of addresses that names are resolved to.
type Family string

// The families of addresses.
const (
	Unspecified Family = "unspecified"
	IPv4        Family = "ipv4"
	IPv6        Family = "ipv6"
)

// Families lists the families of addresses.
var Families = []Family{Unspecified, IPv4, IPv6}

// A Callback is the form of a client-connected callback.
type Callback string

// The forms of callback. Future and Object need the capability python-surface.
const (
	Function  Callback = "function"
	Coroutine Callback = "coroutine"
	Future    Callback = "future" // a function that returns a future
	Object    Callback = "object" // an object whose call operator is a coroutine function
)

// Forms of callback, in a list.
var CallbackForms = []Callback{Function, Coroutine, Future, Object}

// A Keyword is a further argument: its name in the implementation's language, and what is passed. One without a name is passed by
// position, behind the others that are. The object loop is the event loop.
type Keyword struct {
	Name  string `json:"name"`
	Value Value  `json:"value"`
}

// A Container says what the chunks of writelines are in.
type Container string

// The containers. Other than a list they need the capability python-surface, but for Generator: whatever is gone through once.
const (
	List      Container = "list"
	Tuple     Container = "tuple"
	Generator Container = "generator"
	Single    Container = "single" // the one chunk itself, in no container
	Number    Container = "number" // no container at all but a number
)

// Containers lists the containers.
var Containers = []Container{List, Tuple, Generator, Single, Number}

// A Reaction is what a programmable protocol does when one of its callbacks is called, or the client-connected callback of a
// server when it is called: it carries out calls, and then returns a value or raises an exception. What is not said is not
// done: a callback without a reaction returns none.
type Reaction struct {
	In     EventName `json:"in"`               // the callback
	Nth    int       `json:"nth,omitempty"`    // only when it is called for the nth time, counted from 1; not given: every time
	Do     []Command `json:"do,omitempty"`     // calls of transports, writers, readers and servers, in order; none that may wait
	Return *Value    `json:"return,omitempty"` // what the callback returns; not given: none
	Raise  *string   `json:"raise,omitempty"`  // the text of an exception of kind scripted that it raises instead
	// Hold has a client-connected callback that is a coroutine wait, after the calls, until it is released or cancelled.
	Hold bool `json:"hold,omitempty"`
}

// Validate reports what is wrong with the reaction, nil if nothing is.
func (r *Reaction) Validate() error {
	if !slices.Contains(Callbacks, r.In) && r.In != ClientConnected {
		return fmt.Errorf("a reaction is in a callback, %q is none", r.In)
	}
	if r.Hold && r.In != ClientConnected {
		return fmt.Errorf("%s cannot hold", r.In)
	}
	if r.Nth < 0 {
		return fmt.Errorf("nth is %d, but must not be negative", r.Nth)
	}
	if r.Return != nil && r.Raise != nil {
		return errors.New("a reaction returns or raises, not both")
	}
	for i := range r.Do {
		c := &r.Do[i]
		if err := c.Validate(); err != nil {
			return err
		}
		if family, _, _ := strings.Cut(string(c.Op), "."); Spec(c.Op).Style != Call || family != "transport" && family != "writer" && family != "reader" && family != "server" {
			return fmt.Errorf("%s cannot be done in a callback", c.Op)
		}
	}
	return nil
}

// Until is a condition that run waits for: a call has finished, an event has been there, or bytes have been delivered. It
// counts from the beginning of the session, so there is no race with the past.
type Until struct {
	Done  string    `json:"done,omitempty"`  // the call of this name has finished
	Event EventName `json:"event,omitempty"` // this event has occurred
	On    string    `json:"on,omitempty"`    // of an event: to the object or call of this name; not given: to any
	Count int       `json:"count,omitempty"` // of an event: at least so often; not given: once
	Bytes int       `json:"bytes,omitempty"` // of the event data_received: at least so many bytes in all, instead of a count
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
	case u.Count < 0 || u.Bytes < 0:
		return fmt.Errorf("count is %d and bytes is %d, but neither must be negative", u.Count, u.Bytes)
	case u.Bytes > 0 && (u.Event != DataReceived || u.Count > 0):
		return errors.New("bytes are those of data_received, and instead of a count")
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
	if u.Bytes > 0 {
		s += fmt.Sprintf(", %d bytes", u.Bytes)
	}
	return s
}

// Int returns a pointer to n, for the optional arguments of a command.
func Int(n int) *int { return &n }

// Bool returns a pointer to b, for the optional arguments of a command.
func Bool(b bool) *bool { return &b }

// Text returns a pointer to s, for the optional arguments of a command.
func Text(s string) *string { return &s }
