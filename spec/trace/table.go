package trace

import (
	"fmt"
	"slices"
	"strings"
)

// Style says how a command comes back.
type Style string

// The styles of command.
const (
	Make    Style = "make"    // makes an object, under the name given by as
	Call    Style = "call"    // does something at once
	Start   Style = "start"   // starts something that may wait: returned, raised or pending; when pending, a finished event follows
	Control Style = "control" // is about the session, not about an object
)

// ArgType is the type of an argument.
type ArgType string

// The types of argument.
const (
	IntArg   ArgType = "int"
	BoolArg  ArgType = "bool"
	NameArg  ArgType = "name"  // the name of an object or call of the session
	NamesArg ArgType = "names" // a list of such names
	DataArg  ArgType = "data"
	DatasArg ArgType = "list of data"
	TextArg  ArgType = "text"
	UntilArg ArgType = "condition"

	EndKindArg   ArgType = "kind of connection"
	ProgramArg   ArgType = "program"
	ContainerArg ArgType = "container"
	StateArg     ArgType = "state of an address"
	FamilyArg    ArgType = "family of addresses"
	CallbackArg  ArgType = "form of callback"
	KeywordsArg  ArgType = "list of keyword arguments"
)

// An Arg is an argument of a command.
type Arg struct {
	Name     string
	Type     ArgType
	Required bool
	Doc      string
}

// A CommandSpec defines one command.
type CommandSpec struct {
	Op     Op
	Style  Style
	On     string // the kind of object that the command is about; empty: none
	Makes  string // the kind of object that it makes; empty: none
	Args   []Arg
	Result string // what is returned
	Events []EventName
	Needs  Capability
	Doc    string
}

// ConnectionEvents are the events that anything done to a connection may bring about.
var ConnectionEvents = []EventName{
	Finished, Item, ConnectionMade, DataReceived, EOFReceived, ConnectionLost, PauseWriting, ResumeWriting, Doing, Did, ClientConnected, Resolving, Unhandled, Warned, Logged,
}

var (
	dataToWrite   = Arg{Name: "data", Type: DataArg, Required: true, Doc: "the bytes"}
	chunksToWrite = []Arg{
		{Name: "chunks", Type: DatasArg, Required: true, Doc: "the chunks"},
		{Name: "container", Type: ContainerArg, Doc: "what they are in; not given: a list"},
	}
	nameOfInfo  = Arg{Name: "name", Type: TextArg, Required: true, Doc: "what is asked for"}
	defaultInfo = Arg{Name: "default", Type: TextArg, Doc: "what is wanted where that is not known; not given: not passed"}
)

// onTransport is the row of a call of a transport.
func onTransport(op Op, result, doc string, args ...Arg) CommandSpec {
	return CommandSpec{Op: op, Style: Call, On: "transport", Needs: CapTransport, Args: args, Result: result, Events: ConnectionEvents, Doc: doc}
}

// onServer is the row of a call of a server.
func onServer(style Style, op Op, result, doc string, args ...Arg) CommandSpec {
	return CommandSpec{Op: op, Style: style, On: "server", Needs: CapServer, Args: args, Result: result, Events: ConnectionEvents, Doc: doc}
}

var kindOfSocket = Arg{Name: "kind", Type: EndKindArg, Required: true, Doc: "tcp or unix"}

// resolving are the arguments about names and addresses that connecting and serving have in common.
var resolving = []Arg{
	{Name: "host", Type: TextArg, Doc: "the host, of TCP only; not given: not passed, unless there is an address"},
	{Name: "port", Type: IntArg, Doc: "the port, of TCP only; not given: with a host that of all the session's addresses, else not passed"},
	{Name: "socket", Type: NameArg, Doc: "a socket, passed as sock"},
	{Name: "path_like", Type: BoolArg, Doc: "true (capability python-surface): the path is passed as an object that stands for one"},
	{Name: "family", Type: FamilyArg, Doc: "not given: not passed"},
	{Name: "flags", Type: IntArg, Doc: "flags for resolving; not given: not passed"},
	{Name: "limit", Type: IntArg, Doc: "the limit of readers, bytes; not given: the implementation's default"},
	{Name: "keywords", Type: KeywordsArg, Doc: "(capability python-surface) further arguments by name, or, where that is empty, by position behind the others; the object loop is the event loop"},
}

// onWriter is the row of a call of a writer.
func onWriter(style Style, op Op, result, doc string, args ...Arg) CommandSpec {
	return CommandSpec{Op: op, Style: style, On: "writer", Needs: CapWriter, Args: args, Result: result, Events: ConnectionEvents, Doc: doc}
}

// Commands is the table of all commands. Everything that is known of a command is derived from its row.
var Commands = []CommandSpec{
	{
		Op: ReaderMake, Style: Make, Makes: "reader", Needs: CapReader,
		Args:   []Arg{{Name: "limit", Type: IntArg, Doc: "the limit, bytes; not given: the implementation's default"}},
		Result: "none", Doc: "Makes a reader that is fed by hand.",
	},
	{
		Op: MockMake, Style: Make, Makes: "transport", Needs: CapReaderTransport,
		Args:   []Arg{{Name: "can_pause", Type: BoolArg, Doc: "false: pausing raises the error that means not supported; not given: true"}},
		Result: "none", Doc: "Makes a mock transport, which only records that it was paused and resumed.",
	},
	{
		Op: ReaderSetTransport, Style: Call, On: "reader", Needs: CapReaderTransport,
		Args:   []Arg{{Name: "transport", Type: NameArg, Required: true, Doc: "the transport"}},
		Result: "none", Doc: "Attaches a transport to the reader, for flow control.",
	},
	{
		Op: ReaderFeedData, Style: Call, On: "reader", Needs: CapReader,
		Args:   []Arg{{Name: "data", Type: DataArg, Required: true, Doc: "the bytes that arrive"}},
		Result: "none", Events: []EventName{Finished, Item, PauseReading, ResumeReading}, Doc: "Feeds data, as the protocol does when they arrive.",
	},
	{
		Op: ReaderFeedEOF, Style: Call, On: "reader", Needs: CapReader,
		Result: "none", Events: []EventName{Finished, Item}, Doc: "Feeds the end of the stream.",
	},
	{
		Op: ReaderSetException, Style: Call, On: "reader", Needs: CapReader,
		Args:   []Arg{{Name: "exception", Type: TextArg, Doc: "the text of a new exception, of kind scripted; not given: none, which clears"}},
		Result: "none", Events: []EventName{Finished}, Doc: "Stores an exception in the reader.",
	},
	{
		Op: ReaderException, Style: Call, On: "reader", Needs: CapReader,
		Result: "error or none", Doc: "Asks for the stored exception.",
	},
	{
		Op: ReaderAtEOF, Style: Call, On: "reader", Needs: CapReader,
		Result: "bool", Doc: "Asks whether the reader is at the end of the stream.",
	},
	{
		Op: ReaderRead, Style: Start, On: "reader", Needs: CapReader,
		Args:   []Arg{{Name: "n", Type: IntArg, Doc: "at most so many bytes; not given: the call is made without a size"}},
		Result: "bytes", Events: []EventName{PauseReading, ResumeReading}, Doc: "Reads.",
	},
	{
		Op: ReaderReadLine, Style: Start, On: "reader", Needs: CapReader,
		Result: "bytes", Events: []EventName{PauseReading, ResumeReading}, Doc: "Reads a line.",
	},
	{
		Op: ReaderReadExactly, Style: Start, On: "reader", Needs: CapReader,
		Args:   []Arg{{Name: "n", Type: IntArg, Required: true, Doc: "so many bytes"}},
		Result: "bytes", Events: []EventName{PauseReading, ResumeReading}, Doc: "Reads exactly n bytes.",
	},
	{
		Op: ReaderReadUntil, Style: Start, On: "reader", Needs: CapReader,
		Args: []Arg{
			{Name: "separator", Type: DataArg, Doc: "a single separator; neither given: the call is made without one"},
			{Name: "separators", Type: DatasArg, Doc: "a tuple of separators (capability reader.tuple-separators)"},
		},
		Result: "bytes", Events: []EventName{PauseReading, ResumeReading}, Doc: "Reads through a separator.",
	},
	{
		Op: ReaderIterate, Style: Start, On: "reader", Needs: CapReader,
		Args:   []Arg{{Name: "n", Type: IntArg, Doc: "leave the loop after so many items, at least one; not given: go on to the end"}},
		Result: "none", Events: []EventName{Item, PauseReading, ResumeReading},
		Doc: "Iterates over the reader. Each item is an event; the call returns when the iteration ends.",
	},
	{
		Op: RawMake, Style: Make, Makes: "raw end",
		Args: []Arg{
			{Name: "kind", Type: EndKindArg, Required: true, Doc: "what the implementation gets the other end of"},
			{Name: "buffer", Type: IntArg, Doc: "the size asked for of each of the kernel's buffers, bytes; not given: the kernel's default"},
		},
		Result: "none",
		Doc:    "Makes a connection of which one end, the raw one, is the driver's: the adapter works it by system calls, without the implementation. The other, far end is kept for connection.open or stream.open.",
	},
	{
		Op: RawSend, Style: Call, On: "raw end",
		Args:   []Arg{{Name: "data", Type: DataArg, Required: true, Doc: "the bytes"}},
		Result: "int: how many bytes the kernel has taken", Events: ConnectionEvents, Doc: "Sends what can be sent without waiting.",
	},
	{
		Op: RawRecv, Style: Start, On: "raw end",
		Args: []Arg{
			{Name: "n", Type: IntArg, Doc: "so many bytes, of which fewer come only at the end of the stream; not given: all to the end"},
			{Name: "ms", Type: IntArg, Doc: "with no_settle: wait so long for them, milliseconds, while the implementation does not run if that can be prevented"},
		},
		Result: "bytes", Events: ConnectionEvents, Doc: "Receives. No more than n bytes are taken from the kernel; a reset by the implementation is raised as connection-reset, and what had come before it is its partial.",
	},
	{Op: RawShutdown, Style: Call, On: "raw end", Result: "none", Events: ConnectionEvents, Doc: "Ends the stream to the implementation; of a socket only."},
	{Op: RawClose, Style: Call, On: "raw end", Result: "none", Events: ConnectionEvents, Doc: "Closes the raw end."},
	{Op: RawReset, Style: Call, On: "raw end", Result: "none", Events: ConnectionEvents, Doc: "Closes the raw end, of TCP only, so that the implementation sees a reset."},
	{Op: RawSockName, Style: Call, On: "raw end", Result: "list of text and int, or text", Doc: "Asks the operating system for the raw end's own address."},
	{Op: RawPeerName, Style: Call, On: "raw end", Result: "list of text and int, or text", Doc: "Asks the operating system for the address of the far end."},
	{Op: RawFarOpen, Style: Call, On: "raw end", Result: "bool", Doc: "Asks the operating system whether this process still has a descriptor of the far end."},
	{
		Op: ProtocolMake, Style: Make, Makes: "protocol", Needs: CapTransport,
		Args: []Arg{
			{Name: "program", Type: ProgramArg, Doc: "what it does in its callbacks; not given: nothing"},
			{Name: "plain", Type: BoolArg, Doc: "true: it implements no callback, so that nothing is told of it; not given: false"},
		},
		Result: "none", Doc: "Makes a programmable protocol. Each of its callbacks is an event.",
	},
	{
		Op: ReaderProtocolMake, Style: Make, Makes: "protocol", Needs: CapReaderProtocol,
		Args: []Arg{
			{Name: "reader", Type: NameArg, Required: true, Doc: "the reader to feed"},
			{Name: "callback", Type: CallbackArg, Doc: "it has a client-connected callback of that form; not given: it has none"},
		},
		Result: "none", Doc: "Makes a stream-reader protocol by hand.",
	},
	{
		Op: ProtocolConnectionMade, Style: Call, On: "protocol", Needs: CapReaderProtocol,
		Args:   []Arg{{Name: "transport", Type: NameArg, Required: true, Doc: "a mock transport"}},
		Result: "none", Events: []EventName{ClientConnected}, Doc: "Calls connection_made of a reader protocol.",
	},
	{
		Op: ProtocolDataReceived, Style: Call, On: "protocol", Needs: CapReaderProtocol,
		Args:   []Arg{{Name: "data", Type: DataArg, Required: true, Doc: "the bytes that arrive"}},
		Result: "none", Events: []EventName{Finished, Item, PauseReading, ResumeReading}, Doc: "Calls data_received of a reader protocol.",
	},
	{Op: ProtocolEOFReceived, Style: Call, On: "protocol", Needs: CapReaderProtocol, Result: "whatever it returns", Events: []EventName{Finished, Item}, Doc: "Calls eof_received of a reader protocol."},
	{
		Op: ProtocolConnectionLost, Style: Call, On: "protocol", Needs: CapReaderProtocol,
		Args:   []Arg{{Name: "exception", Type: TextArg, Doc: "the text of a new exception, of kind scripted; not given: none"}},
		Result: "none", Events: []EventName{Finished, Item}, Doc: "Calls connection_lost of a reader protocol.",
	},
	{Op: ProtocolPauseWriting, Style: Call, On: "protocol", Needs: CapReaderProtocol, Result: "none", Doc: "Calls pause_writing of a reader protocol."},
	{Op: ProtocolResumeWriting, Style: Call, On: "protocol", Needs: CapReaderProtocol, Result: "none", Events: []EventName{Finished}, Doc: "Calls resume_writing of a reader protocol."},
	{
		Op: ConnectionOpen, Style: Start, Makes: "transport", Needs: CapTransport,
		Args: []Arg{
			{Name: "raw", Type: NameArg, Required: true, Doc: "the raw end whose far end it gets, which has not been opened before"},
			{Name: "protocol", Type: NameArg, Required: true, Doc: "a programmable protocol, which the protocol factory returns"},
			{Name: "exception", Type: TextArg, Doc: "the factory raises a new exception of kind scripted with this text instead; not given: it does not"},
		},
		Result: "none", Events: ConnectionEvents,
		Doc: "Has the implementation make a transport of the far end (Python: create_connection or create_unix_connection with sock, connect_read_pipe, connect_write_pipe). From connection_made on it has the name of the call with .transport behind it.",
	},
	{
		Op: RawConnect, Style: Make, Makes: "raw end",
		Args: []Arg{
			kindOfSocket,
			{Name: "address", Type: NameArg, Required: true, Doc: "the address"},
			{Name: "buffer", Type: IntArg, Doc: "the size asked for of each of the kernel's buffers, bytes; not given: the kernel's default"},
		},
		Result: "none", Events: ConnectionEvents,
		Doc: "Connects to an address by system calls, without the implementation; its server may accept that later. Of a Unix socket the end has a name of its own, so that the server can tell who it is. A refusal by the system is raised.",
	},
	{
		Op: RawAccept, Style: Make, Makes: "raw end",
		Args: []Arg{
			kindOfSocket,
			{Name: "address", Type: NameArg, Required: true, Doc: "an address that is live"},
		},
		Result: "object or none: the call by which the implementation has connected, where the address of the peer tells", Events: ConnectionEvents,
		Doc: "Takes a connection that the implementation has made to an address; that there is none is raised as os-error.",
	},
	{
		Op: AddressMake, Style: Make, Makes: "address",
		Args: []Arg{
			kindOfSocket,
			{Name: "state", Type: StateArg, Doc: "what there is at the address; not given: free"},
			{Name: "host", Type: TextArg, Doc: "of TCP, a numeric host; not given: one of the loopback interface that nobody else uses"},
			{Name: "port", Type: IntArg, Doc: "of TCP, a port; not given: the one that all the session's addresses have"},
		},
		Result: "none", Doc: "Makes an address, which is a host and a port, or a path in a directory of the session's own.",
	},
	{
		Op: AddressPut, Style: Call, On: "address",
		Args:   []Arg{{Name: "state", Type: StateArg, Required: true, Doc: "the state; not silent and not no-directory"}},
		Result: "none", Events: ConnectionEvents, Doc: "Takes away what is at an address, other than what the implementation has there, and puts something there. Of a Unix address the file is replaced, whosever it is.",
	},
	{Op: AddressState, Style: Call, On: "address", Result: "text: free, socket or file", Doc: "Asks the file system what is at the path of a Unix address."},
	{
		Op: AddressAsk, Style: Call, On: "address",
		Args:   []Arg{{Name: "name", Type: TextArg, Required: true, Doc: "backlog (of TCP), reuse_address or reuse_port"}},
		Result: "int for backlog, bool for the others; none where no socket of the implementation is bound to the address, or, for backlog, none listens", Doc: "Asks the operating system about the socket that the implementation has at an address.",
	},
	{
		Op: SocketMake, Style: Make, Makes: "socket",
		Args: []Arg{
			kindOfSocket,
			{Name: "datagram", Type: BoolArg, Doc: "true: it is for datagrams; not given: false"},
			{Name: "raw", Type: NameArg, Doc: "a raw end, whose far end, which has not been opened before, it is"},
			{Name: "address", Type: NameArg, Doc: "it is bound to this address; it does not listen"},
		},
		Result: "none", Doc: "Makes a socket to pass to the implementation, of the language's usual type. With neither a raw end nor an address it is neither connected nor bound.",
	},
	{Op: SocketIsOpen, Style: Call, On: "socket", Result: "bool", Doc: "Asks the operating system whether this process still has a descriptor of the socket."},
	{
		Op: StreamOpen, Style: Start, Makes: "reader, writer and transport", Needs: CapWriter,
		Args: append([]Arg{
			{Name: "raw", Type: NameArg, Doc: "the raw end whose far end it gets, which has not been opened before; not given: there is a kind instead, and what it gets is told by the other arguments"},
			{Name: "kind", Type: EndKindArg, Doc: "tcp (Python: open_connection) or unix (open_unix_connection); not together with a raw end"},
			{Name: "address", Type: NameArg, Doc: "the address to connect to; not given: none is passed, unless there is a host or a port"},
			{Name: "local", Type: NameArg, Doc: "the address that the local end is bound to, of TCP only"},
			{Name: "proto", Type: IntArg, Doc: "the number of a protocol, for resolving; not given: not passed"},
			{Name: "delay", Type: IntArg, Doc: "happy_eyeballs_delay, milliseconds; not given: not passed"},
			{Name: "interleave", Type: IntArg, Doc: "not given: not passed"},
		}, resolving...),
		Result: "none", Events: ConnectionEvents,
		Doc: "Has the implementation make a reader and a writer (Python: open_connection or open_unix_connection; for pipes by hand from a stream-reader protocol), of the far end of a raw end or by connecting (capability connect). They have the name of the call with .reader and .writer behind it, their transport with .transport, their protocol with .protocol; a read pipe has no writer, a write pipe no reader.",
	},
	{
		Op: StreamServe, Style: Start, Makes: "server", Needs: CapServer,
		Args: append([]Arg{
			kindOfSocket,
			{Name: "callback", Type: CallbackArg, Required: true, Doc: "the form of the client-connected callback"},
			{Name: "program", Type: ProgramArg, Doc: "what the callback does: reactions to client_connected; not given: nothing"},
			{Name: "addresses", Type: NamesArg, Doc: "the addresses to listen at; one is passed as a host, several of TCP as a list of hosts"},
			{Name: "backlog", Type: IntArg, Doc: "not given: not passed"},
			{Name: "reuse_address", Type: BoolArg, Doc: "not given: not passed"},
			{Name: "reuse_port", Type: BoolArg, Doc: "not given: not passed"},
			{Name: "start_serving", Type: BoolArg, Doc: "not given: not passed"},
		}, resolving...),
		Result: "none", Events: ConnectionEvents,
		Doc: "Has the implementation start a server (Python: start_server or start_unix_server). It has the name of the call with .server behind it.",
	},
	onServer(Call, ServerClose, "none", "Closes."),
	onServer(Call, ServerIsServing, "bool", "Asks whether it accepts connections."),
	onServer(Call, ServerSockets, "list of addresses, each a list of host and port or a path as text; none where that is what the implementation has", "Asks for the addresses of its sockets."),
	onServer(Call, ServerCloseClients, "none", "Closes the connections of its clients."),
	onServer(Call, ServerAbortClients, "none", "Aborts the connections of its clients."),
	onServer(Start, ServerStartServing, "none", "Starts accepting."),
	onServer(Start, ServerServeForever, "none", "Serves until it is cancelled."),
	onServer(Start, ServerWaitClosed, "none", "Waits until it is closed."),
	onServer(Start, ServerContext, "none", "Enters the server's context, waits in it until it is released, and leaves it.",
		Arg{Name: "serve", Type: BoolArg, Doc: "true: in the context it serves forever, instead of waiting; not given: false"}),
	onTransport(TransportWrite, "none", "Writes.", dataToWrite),
	onTransport(TransportWriteLines, "none", "Writes several chunks.", chunksToWrite...),
	onTransport(TransportClose, "none", "Closes."),
	onTransport(TransportAbort, "none", "Aborts."),
	onTransport(TransportIsClosing, "bool", "Asks whether it is closing or closed."),
	onTransport(TransportPauseReading, "none", "Pauses reading."),
	onTransport(TransportResumeReading, "none", "Resumes reading."),
	onTransport(TransportIsReading, "bool", "Asks whether it is reading."),
	onTransport(TransportGetWriteBufferSize, "int", "Asks how many bytes are queued."),
	onTransport(TransportGetWriteBufferLimits, "list of the low and the high mark", "Asks for the marks."),
	onTransport(TransportSetWriteBufferLimits, "none", "Sets the marks.",
		Arg{Name: "high", Type: IntArg, Doc: "the high mark, bytes; not given: not passed"}, Arg{Name: "low", Type: IntArg, Doc: "the low mark, bytes; not given: not passed"}),
	onTransport(TransportWriteEOF, "none", "Ends the stream to the peer."),
	onTransport(TransportCanWriteEOF, "bool", "Asks whether write_eof is supported."),
	onTransport(TransportGetExtraInfo, "a value; of an object its native type as text, and none for none", "Asks for information.", nameOfInfo, defaultInfo),
	onTransport(TransportSetProtocol, "none", "Changes the protocol.", Arg{Name: "protocol", Type: NameArg, Required: true, Doc: "a programmable protocol"}),
	onTransport(TransportGetProtocol, "object or none", "Asks for the protocol."),
	{
		Op: WriterMake, Style: Make, Makes: "writer", Needs: CapReaderProtocol,
		Args: []Arg{
			{Name: "transport", Type: NameArg, Required: true, Doc: "a mock transport"},
			{Name: "protocol", Type: NameArg, Required: true, Doc: "a reader protocol"},
			{Name: "reader", Type: NameArg, Doc: "a reader; not given: none"},
		},
		Result: "none", Doc: "Makes a writer by hand.",
	},
	onWriter(Call, WriterWrite, "none", "Writes.", dataToWrite),
	onWriter(Call, WriterWriteLines, "none", "Writes several chunks.", chunksToWrite...),
	onWriter(Call, WriterClose, "none", "Closes."),
	onWriter(Call, WriterIsClosing, "bool", "Asks whether it is closing or closed."),
	onWriter(Call, WriterWriteEOF, "none", "Ends the stream to the peer."),
	onWriter(Call, WriterCanWriteEOF, "bool", "Asks whether write_eof is supported."),
	onWriter(Call, WriterGetExtraInfo, "a value; of an object its native type as text, and none for none", "Asks for information.", nameOfInfo, defaultInfo),
	onWriter(Call, WriterTransport, "object", "Asks for the transport."),
	onWriter(Start, WriterDrain, "none", "Drains.",
		Arg{Name: "eager", Type: BoolArg, Doc: "true (capability python-surface): it is run by hand, as far as it goes without giving way; if it gives way it is pending, and given up"}),
	onWriter(Start, WriterWaitClosed, "none", "Waits until the stream is closed."),
	{
		Op: BareMake, Style: Make, Makes: "transport", Needs: CapPythonSurface,
		Args: []Arg{
			{Name: "name", Type: TextArg, Required: true, Doc: "the class, one of the documents' transports"},
			{Name: "plain", Type: BoolArg, Doc: "true: nothing is added to it; not given: what its write is given is told as items"},
		},
		Result: "none", Doc: `Makes a transport of a base class, whose information is "here" under the name known.`,
	},
	{
		Op: ObjectHas, Style: Call, On: "transport, writer, protocol or server", Needs: CapTransport,
		Args:   []Arg{{Name: "name", Type: TextArg, Required: true, Doc: "the operation, as the documents name it"}},
		Result: "bool", Doc: "Asks whether an object has an operation.",
	},
	{
		Op: ObjectIs, Style: Call, On: "reader, writer, transport or protocol", Needs: CapPythonSurface,
		Args:   []Arg{{Name: "name", Type: TextArg, Required: true, Doc: "the class, as the documents name it"}},
		Result: "bool", Doc: "Asks whether an object is of a class.",
	},
	{
		Op: Release, Style: Control, On: "call", Needs: CapServer,
		Args:   []Arg{{Name: "exception", Type: TextArg, Doc: "the text of a new exception, of kind scripted, that is raised there; not given: it returns"}},
		Result: "none", Events: ConnectionEvents, Doc: "Lets a callback of a server that holds, or the body of a context that waits, go on to its end.",
	},
	{
		Op: ResolverAnswer, Style: Control, Needs: CapResolver,
		Args: []Arg{
			{Name: "name", Type: TextArg, Required: true, Doc: "the host"},
			{Name: "addresses", Type: NamesArg, Doc: "the addresses, of TCP, that it has from now on, in order, of which the family asked for is given"},
			{Name: "exception", Type: TextArg, Doc: "resolving it fails with an error of the operating system of this text instead"},
		},
		Result: "none", Events: ConnectionEvents, Doc: "Answers who asks, or has asked before, for the addresses of a host. Who asks for a host that is not answered for yet waits, if its name ends with .test.",
	},
	{
		Op: ClockFreeze, Style: Control, Needs: CapVirtualTime,
		Result: "none", Doc: "Stops time for the implementation, for the rest of the session.",
	},
	{
		Op: ClockAdvance, Style: Control, Needs: CapVirtualTime,
		Args:   []Arg{{Name: "ms", Type: IntArg, Required: true, Doc: "how far, milliseconds"}},
		Result: "none", Events: ConnectionEvents, Doc: "Advances time that has been stopped.",
	},
	{
		Op: Cancel, Style: Control, On: "call", Needs: CapReader,
		Result: "none", Events: []EventName{Finished}, Doc: "Cancels a pending call, or a callback of a server that is a coroutine. One that has finished is left alone.",
	},
	{
		Op: Turn, Style: Control, Needs: CapTurns,
		Args:   []Arg{{Name: "n", Type: IntArg, Required: true, Doc: "how many turns, at least one"}},
		Result: "none", Events: ConnectionEvents, Doc: "Lets the event loop run for some turns, and no further: what takes more of them has not come to its end.",
	},
	{
		Op: Settle, Style: Control,
		Result: "none", Events: ConnectionEvents, Doc: "Lets the implementation run until nothing more happens.",
	},
	{
		Op: Run, Style: Control,
		Args: []Arg{
			{Name: "until", Type: UntilArg, Required: true, Doc: "the condition, counted from the beginning of the session"},
			{Name: "ms", Type: IntArg, Required: true, Doc: "the deadline, milliseconds"},
		},
		Result: "bool: whether the condition holds", Events: ConnectionEvents,
		Doc: "Lets the implementation run until a condition holds or the deadline has passed. What was forgotten does not count any more.",
	},
	{
		Op: Forget, Style: Control,
		Args:   []Arg{{Name: "names", Type: NamesArg, Doc: "the objects and calls to drop; not given: all"}},
		Result: "none", Doc: "Drops objects. Calls among them that are pending are cancelled first, connections are aborted, and nothing is reported of them.",
	},
	{
		Op: Collect, Style: Control, Needs: CapPythonSurface,
		Args:   []Arg{{Name: "names", Type: NamesArg, Required: true, Doc: "the objects to let go of: readers and writers"}},
		Result: "none", Events: ConnectionEvents, Doc: "Lets go of objects without doing anything to them, and collects garbage.",
	},
}

// argument numbers the arguments, so that sets of them are bits.
var argument = []struct {
	name  string
	given func(*Command) bool
}{
	{"limit", func(c *Command) bool { return c.Limit != nil }},
	{"can_pause", func(c *Command) bool { return c.CanPause != nil }},
	{"transport", func(c *Command) bool { return c.Transport != "" }},
	{"data", func(c *Command) bool { return c.Data != nil }},
	{"exception", func(c *Command) bool { return c.Exception != nil }},
	{"n", func(c *Command) bool { return c.N != nil }},
	{"separator", func(c *Command) bool { return c.Separator != nil }},
	{"separators", func(c *Command) bool { return c.Separators != nil }},
	{"names", func(c *Command) bool { return c.Names != nil }},
	{"until", func(c *Command) bool { return c.Until != nil }},
	{"ms", func(c *Command) bool { return c.Ms != 0 }},
	{"kind", func(c *Command) bool { return c.Kind != "" }},
	{"buffer", func(c *Command) bool { return c.Buffer != 0 }},
	{"raw", func(c *Command) bool { return c.Raw != "" }},
	{"reader", func(c *Command) bool { return c.Reader != "" }},
	{"protocol", func(c *Command) bool { return c.Protocol != "" }},
	{"program", func(c *Command) bool { return c.Program != nil }},
	{"plain", func(c *Command) bool { return c.Plain != nil }},
	{"callback", func(c *Command) bool { return c.Callback != "" }},
	{"chunks", func(c *Command) bool { return c.Chunks != nil }},
	{"container", func(c *Command) bool { return c.Container != "" }},
	{"high", func(c *Command) bool { return c.High != nil }},
	{"low", func(c *Command) bool { return c.Low != nil }},
	{"name", func(c *Command) bool { return c.Name != "" }},
	{"default", func(c *Command) bool { return c.Default != nil }},
	{"eager", func(c *Command) bool { return c.Eager != nil }},
	{"address", func(c *Command) bool { return c.Address != "" }},
	{"addresses", func(c *Command) bool { return c.Addresses != nil }},
	{"state", func(c *Command) bool { return c.State != "" }},
	{"host", func(c *Command) bool { return c.Host != nil }},
	{"port", func(c *Command) bool { return c.Port != nil }},
	{"local", func(c *Command) bool { return c.Local != "" }},
	{"socket", func(c *Command) bool { return c.Socket != "" }},
	{"datagram", func(c *Command) bool { return c.Datagram != nil }},
	{"path_like", func(c *Command) bool { return c.PathLike != nil }},
	{"family", func(c *Command) bool { return c.Family != "" }},
	{"proto", func(c *Command) bool { return c.Proto != nil }},
	{"flags", func(c *Command) bool { return c.Flags != nil }},
	{"delay", func(c *Command) bool { return c.Delay != nil }},
	{"interleave", func(c *Command) bool { return c.Interleave != nil }},
	{"backlog", func(c *Command) bool { return c.Backlog != nil }},
	{"reuse_address", func(c *Command) bool { return c.ReuseAddress != nil }},
	{"reuse_port", func(c *Command) bool { return c.ReusePort != nil }},
	{"start_serving", func(c *Command) bool { return c.StartServing != nil }},
	{"serve", func(c *Command) bool { return c.Serve != nil }},
	{"keywords", func(c *Command) bool { return c.Keywords != nil }},
}

// A row is a command's definition, prepared for checking commands quickly.
type row struct {
	spec              *CommandSpec
	allowed, required uint64       // sets of arguments
	needs             []Capability // what a command without special arguments needs
}

var rows = func() map[Op]*row {
	m := make(map[Op]*row, len(Commands))
	for i := range Commands {
		r := &row{spec: &Commands[i]}
		for _, a := range r.spec.Args {
			bit := uint64(1) << slices.IndexFunc(argument, func(b struct {
				name  string
				given func(*Command) bool
			}) bool {
				return b.name == a.Name
			})
			r.allowed |= bit
			if a.Required {
				r.required |= bit
			}
		}
		if r.spec.Needs != "" {
			r.needs = []Capability{r.spec.Needs}
		}
		m[r.spec.Op] = r
	}
	return m
}()

// Spec returns the row of an operation, nil where there is no such operation.
func Spec(op Op) *CommandSpec {
	if r := rows[op]; r != nil {
		return r.spec
	}
	return nil
}

// Validate reports what is wrong with a command by the table, nil if nothing is.
func (c *Command) Validate() error {
	r := rows[c.Op]
	if r == nil {
		return fmt.Errorf("there is no command %q", c.Op)
	}
	s := r.spec
	if (s.On != "") != (c.On != "") {
		if s.On == "" {
			return fmt.Errorf("%s is about no object, but on is %q", c.Op, c.On)
		}
		return fmt.Errorf("%s needs on, the name of a %s", c.Op, s.On)
	}
	names := s.Style == Make || s.Style == Start
	if names != (c.As != "") {
		if names {
			return fmt.Errorf("%s needs as, a name for what it makes", c.Op)
		}
		return fmt.Errorf("%s makes nothing, but as is %q", c.Op, c.As)
	}
	for i := range argument {
		bit, given := uint64(1)<<i, argument[i].given(c)
		if given && r.allowed&bit == 0 {
			return fmt.Errorf("%s has no argument %s", c.Op, argument[i].name)
		}
		if !given && r.required&bit != 0 {
			return fmt.Errorf("%s needs %s", c.Op, argument[i].name)
		}
	}
	if c.Separator != nil && c.Separators != nil {
		return fmt.Errorf("%s takes separator or separators, not both", c.Op)
	}
	if c.Until != nil {
		if err := c.Until.Validate(); err != nil {
			return fmt.Errorf("%s: %w", c.Op, err)
		}
	}
	if err := c.validateWire(); err != nil {
		return fmt.Errorf("%s: %w", c.Op, err)
	}
	return c.eachData(func(d *Data) error {
		if !d.Form.known() {
			return fmt.Errorf("%s: there is no form of data %q", c.Op, d.Form)
		}
		if d.Form == Wide && len(d.Bytes)%4 != 0 {
			return fmt.Errorf("%s: a wide view has items of 4 bytes, %d bytes are not a multiple of that", c.Op, len(d.Bytes))
		}
		return nil
	})
}

// validateWire checks the arguments that only commands about connections have.
func (c *Command) validateWire() error {
	if _, ok := c.Kind.Needs(); c.Kind != "" && !ok {
		return fmt.Errorf("there is no kind of connection %q", c.Kind)
	}
	switch {
	case c.Buffer < 0:
		return fmt.Errorf("buffer is %d, but must not be negative", c.Buffer)
	case c.Container != "" && !slices.Contains(Containers, c.Container):
		return fmt.Errorf("there is no container %q", c.Container)
	case c.Container == Single && len(c.Chunks) != 1:
		return fmt.Errorf("without a container there is one chunk, not %d", len(c.Chunks))
	case c.Callback != "" && !slices.Contains(CallbackForms, c.Callback):
		return fmt.Errorf("there is no form of callback %q", c.Callback)
	case c.Family != "" && !slices.Contains(Families, c.Family):
		return fmt.Errorf("there is no family of addresses %q", c.Family)
	case c.Op == Turn && c.N != nil && *c.N < 1:
		return fmt.Errorf("%d turns cannot be run", *c.N)
	case c.Op == ReaderIterate && c.N != nil && *c.N < 1:
		return fmt.Errorf("a loop cannot be left after %d items", *c.N)
	case !c.State.fits(c.Kind):
		return fmt.Errorf("an address cannot be %q", c.State)
	case c.Op == AddressPut && (c.State == Silent || c.State == NoDirectory):
		return fmt.Errorf("an address cannot become %s", c.State)
	case c.Op == StreamOpen && (c.Raw != "") == (c.Kind != ""):
		return fmt.Errorf("it is about a raw end or has a kind")
	case c.Op != RawMake && c.Kind != "" && c.Kind != TCP && c.Kind != Unix:
		return fmt.Errorf("it is for tcp and unix, not for %q", c.Kind)
	case c.Op == StreamServe && c.Kind == Unix && len(c.Addresses) > 1:
		return fmt.Errorf("a Unix server has one path")
	case c.Op == SocketMake && c.Raw != "" && (c.Address != "" || c.Datagram != nil):
		return fmt.Errorf("a socket is a far end, or one of its own")
	case c.Plain != nil && *c.Plain && len(c.Program) > 0:
		return fmt.Errorf("a plain protocol has no program")
	}
	for i := range c.Program {
		if err := c.Program[i].Validate(); err != nil {
			return err
		}
	}
	return nil
}

// eachData calls f for all data among the arguments until it fails.
func (c *Command) eachData(f func(*Data) error) error {
	for _, d := range [...]*Data{c.Data, c.Separator} {
		if d != nil {
			if err := f(d); err != nil {
				return err
			}
		}
	}
	for _, ds := range [...][]Data{c.Separators, c.Chunks} {
		for i := range ds {
			if err := f(&ds[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Needs lists the capabilities that the command asks of an implementation, those of its arguments included. The list is not
// to be changed.
func (c *Command) Needs() []Capability {
	r := rows[c.Op]
	if r == nil {
		return nil
	}
	needs := r.needs
	if c.Separators != nil {
		needs = append(slices.Clip(needs), CapTupleSeparators)
	}
	if needed, ok := c.Kind.Needs(); ok {
		needs = append(slices.Clip(needs), needed)
	}
	if c.Op == StreamOpen && c.Raw == "" {
		needs = append(slices.Clip(needs), CapConnect)
	}
	if c.Eager != nil || c.Container != "" && c.Container != List && c.Container != Generator ||
		c.PathLike != nil || c.Keywords != nil || c.Callback == Future || c.Callback == Object {
		needs = append(slices.Clip(needs), CapPythonSurface)
	}
	for i := range c.Program {
		for j := range c.Program[i].Do {
			needs = append(slices.Clip(needs), c.Program[i].Do[j].Needs()...)
		}
		if v := c.Program[i].Return; v != nil && !v.IsNone() && v.Bool == nil {
			needs = append(slices.Clip(needs), CapPythonSurface)
		}
	}
	c.eachData(func(d *Data) error {
		switch d.Form {
		case "", AsBytes:
		case ByteArray, View, Wide, Mutated:
			needs = append(slices.Clip(needs), CapTypedBuffers)
		default:
			needs = append(slices.Clip(needs), CapPythonSurface)
		}
		return nil
	})
	return needs
}

// String shows the command as a call: r.readuntil("\n", as: c1).
func (c Command) String() string {
	var args []string
	add := func(name string, v any) { args = append(args, fmt.Sprintf("%s: %v", name, v)) }
	if c.Limit != nil {
		add("limit", *c.Limit)
	}
	if c.CanPause != nil {
		add("can_pause", *c.CanPause)
	}
	if c.Transport != "" {
		args = append(args, c.Transport)
	}
	if c.Data != nil {
		args = append(args, c.Data.String())
	}
	if c.Exception != nil {
		args = append(args, fmt.Sprintf("%q", *c.Exception))
	} else if c.Op == ReaderSetException {
		args = append(args, "none")
	}
	if c.N != nil {
		args = append(args, fmt.Sprint(*c.N))
	}
	if c.Separator != nil {
		args = append(args, c.Separator.String())
	}
	if c.Separators != nil {
		parts := make([]string, len(c.Separators))
		for i, s := range c.Separators {
			parts[i] = s.String()
		}
		args = append(args, "("+strings.Join(parts, ", ")+")")
	}
	if c.Names != nil {
		args = append(args, strings.Join(c.Names, ", "))
	}
	if c.Until != nil {
		add("until", c.Until)
	}
	if c.Ms != 0 {
		add("ms", c.Ms)
	}
	args = append(args, c.wireArgs()...)
	if c.NoSettle {
		args = append(args, "no settling")
	}
	op := string(c.Op)
	if c.On != "" {
		if _, verb, ok := strings.Cut(op, "."); ok {
			op = c.On + "." + verb
		} else {
			op += " " + c.On
		}
	}
	s := op + "(" + strings.Join(args, ", ") + ")"
	if c.As != "" {
		s = c.As + " = " + s
	}
	return s
}

// wireArgs shows the arguments that only commands about connections have.
func (c *Command) wireArgs() []string {
	var args []string
	add := func(name string, v any) { args = append(args, fmt.Sprintf("%s: %v", name, v)) }
	text := func(name, v string) {
		if v != "" {
			add(name, v)
		}
	}
	if c.Kind != "" {
		args = append(args, string(c.Kind))
	}
	if c.Buffer != 0 {
		add("buffer", c.Buffer)
	}
	text("raw", c.Raw)
	text("reader", c.Reader)
	text("protocol", c.Protocol)
	if c.Chunks != nil {
		parts := make([]string, len(c.Chunks))
		for i, d := range c.Chunks {
			parts[i] = d.String()
		}
		args = append(args, "["+strings.Join(parts, ", ")+"]")
	}
	text("container", string(c.Container))
	text("callback", string(c.Callback))
	if c.High != nil {
		add("high", *c.High)
	}
	if c.Low != nil {
		add("low", *c.Low)
	}
	if c.Name != "" {
		args = append(args, fmt.Sprintf("%q", c.Name))
	}
	if c.Default != nil {
		add("default", fmt.Sprintf("%q", *c.Default))
	}
	args = append(args, c.serverArgs()...)
	for name, b := range map[string]*bool{"plain": c.Plain, "eager": c.Eager} {
		if b != nil {
			add(name, *b)
		}
	}
	for i := range c.Program {
		args = append(args, c.Program[i].String())
	}
	return args
}

// serverArgs shows the arguments that only commands about addresses, servers and connecting have.
func (c *Command) serverArgs() []string {
	var args []string
	add := func(name string, v any) { args = append(args, fmt.Sprintf("%s: %v", name, v)) }
	if c.Host != nil {
		add("host", fmt.Sprintf("%q", *c.Host))
	}
	if c.Addresses != nil {
		args = append(args, "["+strings.Join(c.Addresses, ", ")+"]")
	}
	for _, a := range []struct{ name, value string }{
		{"address", c.Address}, {"state", string(c.State)}, {"local", c.Local}, {"socket", c.Socket}, {"family", string(c.Family)},
	} {
		if a.value != "" {
			add(a.name, a.value)
		}
	}
	for _, a := range []struct {
		name  string
		value *int
	}{
		{"port", c.Port}, {"proto", c.Proto}, {"flags", c.Flags}, {"delay", c.Delay}, {"interleave", c.Interleave}, {"backlog", c.Backlog},
	} {
		if a.value != nil {
			add(a.name, *a.value)
		}
	}
	for _, a := range []struct {
		name  string
		value *bool
	}{
		{"datagram", c.Datagram}, {"path_like", c.PathLike}, {"reuse_address", c.ReuseAddress}, {"reuse_port", c.ReusePort},
		{"start_serving", c.StartServing}, {"serve", c.Serve},
	} {
		if a.value != nil {
			add(a.name, *a.value)
		}
	}
	for _, k := range c.Keywords {
		add(k.Name, k.Value)
	}
	return args
}

// String shows the reaction: in eof_received: t.close(); return true.
func (r Reaction) String() string {
	s := "in " + string(r.In)
	if r.Nth > 0 {
		s += fmt.Sprintf(" number %d", r.Nth)
	}
	var does []string
	for _, c := range r.Do {
		does = append(does, c.String())
	}
	if r.Return != nil {
		does = append(does, "return "+r.Return.String())
	}
	if r.Hold {
		does = append(does, "hold")
	}
	if r.Raise != nil {
		does = append(does, fmt.Sprintf("raise %q", *r.Raise))
	}
	return "{" + s + ": " + strings.Join(does, "; ") + "}"
}
