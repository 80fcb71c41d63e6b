package fuzz

import "github.com/streamspec/streamspec/spec/trace"

// limits of readers, bytes.
var limits = [8]int{4, 1, 2, 3, 8, 16, 64, 1 << 16}

// readers begin with a reader, whose limit is in the lower three bits, and perhaps with a transport, which can pause or not.
var readers = plan{
	styles: 24,
	begin: func(how byte) Program {
		p := Program{{Op: trace.ReaderMake, As: "r", Limit: &limits[how%8]}}
		if transport := how / 8; transport > 0 {
			mock := trace.Command{Op: trace.MockMake, As: "t"}
			if transport == 2 {
				mock.CanPause = trace.Bool(false)
			}
			p = append(p, mock, trace.Command{Op: trace.ReaderSetTransport, On: "r", Transport: "t"})
		}
		return p
	},
	codes: append(readsOf("r"), []code{
		{trace.ReaderFeedData, "r", []codec{dataArg}},
		{trace.ReaderFeedData, "r", []codec{dataArg}}, // often
		{trace.ReaderFeedData, "r", []codec{dataArg, mutated}},
		{trace.ReaderFeedEOF, "r", nil},
		{trace.ReaderSetException, "r", []codec{boomArg}},
		{trace.ReaderSetException, "r", nil},
		{trace.ReaderException, "r", nil},
	}...),
}

// readsOf are calls of a reader that reads, and what cancels them.
func readsOf(name string) []code {
	return []code{
		{trace.ReaderRead, name, []codec{sizeArg}},
		{trace.ReaderReadLine, name, nil},
		{trace.ReaderReadExactly, name, []codec{sizeArg}},
		{trace.ReaderReadUntil, name, nil},
		{trace.ReaderReadUntil, name, []codec{separatorArg}},
		{trace.ReaderReadUntil, name, []codec{separatorsArg}},
		{trace.ReaderRead, name, nil},
		{trace.ReaderIterate, name, nil},
		{trace.ReaderIterate, name, []codec{itemArg}},
		{trace.ReaderAtEOF, name, nil},
		{op: trace.Cancel},
	}
}

// buffers are how much a connection takes that nobody receives from, bytes.
var buffers = [4]int{64, 1, 16, 4096}

// peer is what the other end does.
var peer = []code{
	{trace.RawSend, "w", []codec{dataArg}},
	{trace.RawRecv, "w", []codec{receivedArg}},
	{trace.RawRecv, "w", []codec{receivedArg}}, // often
	{trace.RawRecv, "w", nil},
	{trace.RawShutdown, "w", nil},
	{trace.RawClose, "w", nil},
	{trace.RawReset, "w", nil},
}

// flow is what is done with the queue of a transport.
func flow(name string) []code {
	return []code{
		{trace.TransportSetWriteBufferLimits, name, []codec{highArg}},
		{trace.TransportSetWriteBufferLimits, name, []codec{lowArg}},
		{trace.TransportSetWriteBufferLimits, name, []codec{highArg, lowArg}},
		{trace.TransportGetWriteBufferSize, name, nil},
		{trace.TransportGetWriteBufferLimits, name, nil},
		{trace.TransportAbort, name, nil},
	}
}

// streams begin with a connection, of which the buffer is in the lower two bits and the limit of the reader in the next two.
var streams = plan{
	styles: 16,
	begin: func(how byte) Program {
		return Program{
			{Op: trace.RawMake, As: "w", Kind: trace.TCP, Buffer: buffers[how%4]},
			{Op: trace.StreamOpen, As: "s", Raw: "w", Limit: &limits[how/4*2]},
			{Op: trace.TransportSetWriteBufferLimits, On: "s.transport", High: &sizes[10], Low: &sizes[4]},
		}
	},
	codes: append(append(append(readsOf("s.reader"), peer...), flow("s.transport")...), []code{
		{trace.WriterWrite, "s.writer", []codec{dataArg}},
		{trace.WriterWrite, "s.writer", []codec{dataArg, mutated}},
		{trace.WriterWriteLines, "s.writer", []codec{chunksArg}},
		{trace.WriterDrain, "s.writer", nil},
		{trace.WriterDrain, "s.writer", nil}, // often
		{trace.WriterWaitClosed, "s.writer", nil},
		{trace.WriterWriteEOF, "s.writer", nil},
		{trace.WriterClose, "s.writer", nil},
		{trace.WriterIsClosing, "s.writer", nil},
	}...),
}

// transports begin with a connection, of which the buffer is in the lower two bits, and a protocol whose program is in the next
// three.
var transports = plan{
	styles: 4 * len(reactions),
	begin: func(how byte) Program {
		return Program{
			{Op: trace.RawMake, As: "w", Kind: trace.TCP, Buffer: buffers[how%4]},
			{Op: trace.ProtocolMake, As: "p", Program: reactions[how/4]},
			{Op: trace.ConnectionOpen, As: "s", Raw: "w", Protocol: "p"},
			{Op: trace.TransportSetWriteBufferLimits, On: "s.transport", High: &sizes[10], Low: &sizes[4]},
		}
	},
	codes: append(append(append([]code{}, peer...), flow("s.transport")...), []code{
		{trace.TransportWrite, "s.transport", []codec{dataArg}},
		{trace.TransportWrite, "s.transport", []codec{dataArg, mutated}},
		{trace.TransportWriteLines, "s.transport", []codec{chunksArg}},
		{trace.TransportPauseReading, "s.transport", nil},
		{trace.TransportResumeReading, "s.transport", nil},
		{trace.TransportIsReading, "s.transport", nil},
		{trace.TransportWriteEOF, "s.transport", nil},
		{trace.TransportClose, "s.transport", nil},
		{trace.TransportIsClosing, "s.transport", nil},
		{trace.TransportGetProtocol, "s.transport", nil},
	}...),
}

// reactions are what protocols do in their callbacks.
var reactions = [][]trace.Reaction{
	nil,
	{keepOpen},
	{keepOpen, in(trace.DataReceived, trace.Command{Op: trace.TransportWrite, On: "s.transport", Data: trace.D("echo")})},
	{keepOpen, in(trace.DataReceived, trace.Command{Op: trace.TransportPauseReading, On: "s.transport"})},
	{keepOpen, in(trace.PauseWriting, trace.Command{Op: trace.TransportWrite, On: "s.transport", Data: trace.D("more")})},
	{keepOpen, in(trace.ResumeWriting, trace.Command{Op: trace.TransportClose, On: "s.transport"})},
	{{In: trace.DataReceived, Nth: 2, Raise: &boom}},
	{{In: trace.EOFReceived, Do: []trace.Command{{Op: trace.TransportWrite, On: "s.transport", Data: trace.D("bye")}}, Return: &trace.Value{Bool: trace.Bool(true)}}},
}

var keepOpen = trace.Reaction{In: trace.EOFReceived, Return: &trace.Value{Bool: trace.Bool(true)}}

func in(callback trace.EventName, do trace.Command) trace.Reaction {
	return trace.Reaction{In: callback, Do: []trace.Command{do}}
}

// servers begin with a server at an address, of TCP or of Unix, what its callback does, and two clients.
var servers = plan{
	styles: 2 * len(handlings),
	begin: func(how byte) Program {
		kind := trace.Unix
		if how%2 == 1 {
			kind = trace.TCP
		}
		return Program{
			{Op: trace.AddressMake, As: "a", Kind: kind},
			{Op: trace.StreamServe, As: "s", Kind: kind, Addresses: []string{"a"}, Callback: trace.Coroutine, Program: handlings[how/2]},
			{Op: trace.RawConnect, As: "w", Kind: kind, Address: "a"},
			{Op: trace.RawConnect, As: "v", Kind: kind, Address: "a"},
		}
	},
	codes: append(append([]code{}, peer...), []code{
		{trace.RawClose, "v", nil},
		{trace.ServerIsServing, "s.server", nil},
		{trace.ServerClose, "s.server", nil},
		{trace.ServerWaitClosed, "s.server", nil},
		{trace.ServerCloseClients, "s.server", nil},
		{trace.ServerAbortClients, "s.server", nil},
		{trace.ServerStartServing, "s.server", nil},
		{trace.ServerServeForever, "s.server", nil},
		{trace.ServerSockets, "s.server", nil},
		{op: trace.Cancel},
	}...),
}

// handlings are what client-connected callbacks do.
var handlings = [][]trace.Reaction{
	nil,
	{{In: trace.ClientConnected, Hold: true}},
	{{In: trace.ClientConnected, Nth: 1, Do: []trace.Command{
		{Op: trace.WriterWrite, On: "s#1.writer", Data: trace.D("hello")}, {Op: trace.WriterClose, On: "s#1.writer"},
	}}},
	{{In: trace.ClientConnected, Nth: 2, Raise: &boom}},
	{{In: trace.ClientConnected, Nth: 2, Do: []trace.Command{{Op: trace.ServerClose, On: "s.server"}}}},
}
