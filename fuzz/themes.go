package fuzz

import "github.com/streamspec/streamspec/spec/trace"

// A theme is a kind of program: what it begins with, and what it does then, by weight. A family of commands joins the programs when
// it has weights here; the arguments of a command follow from its row in the vocabulary's table.
type theme struct {
	name    string
	needs   []trace.Capability
	share   int // of the programs
	begin   func(*plot)
	weights map[trace.Op]int
	end     func(*plot) // nil: nothing
	long    int         // commands at most, besides the beginning and the end
}

// merge puts tables of weights together.
func merge(tables ...map[trace.Op]int) map[trace.Op]int {
	all := map[trace.Op]int{}
	for _, t := range tables {
		for op, weight := range t {
			all[op] += weight
		}
	}
	return all
}

// reads are calls of readers, wherever their data come from.
var reads = map[trace.Op]int{
	trace.ReaderRead: 12, trace.ReaderReadLine: 8, trace.ReaderReadExactly: 12, trace.ReaderReadUntil: 18, trace.ReaderIterate: 5,
	trace.ReaderAtEOF: 4, trace.ReaderException: 1,
}

// feeds are what brings data to a reader that was made by hand.
var feeds = map[trace.Op]int{trace.ReaderFeedData: 32, trace.ReaderFeedEOF: 5, trace.ReaderSetException: 3}

// controls are commands about the session.
var controls = map[trace.Op]int{trace.Cancel: 6, trace.Settle: 2, trace.Turn: 4}

// writesOfTransports are calls that write, end writing, and set the marks; those of writers are writesOfWriters.
var writesOfTransports = map[trace.Op]int{
	trace.TransportWrite: 18, trace.TransportWriteLines: 14, trace.TransportWriteEOF: 4, trace.TransportClose: 4, trace.TransportAbort: 3,
	trace.TransportSetWriteBufferLimits: 6,
}

var asksOfTransports = map[trace.Op]int{
	trace.TransportIsClosing: 2, trace.TransportGetWriteBufferSize: 4, trace.TransportGetWriteBufferLimits: 2, trace.TransportCanWriteEOF: 1,
	trace.TransportIsReading: 2, trace.TransportGetExtraInfo: 4, trace.TransportGetProtocol: 3,
}

var writesOfWriters = map[trace.Op]int{
	trace.WriterWrite: 16, trace.WriterWriteLines: 12, trace.WriterWriteEOF: 4, trace.WriterClose: 4, trace.WriterDrain: 14, trace.WriterWaitClosed: 5,
}

var asksOfWriters = map[trace.Op]int{
	trace.WriterIsClosing: 2, trace.WriterCanWriteEOF: 1, trace.WriterGetExtraInfo: 4, trace.WriterTransport: 1,
}

// peers are what the other end of a connection does.
var peers = map[trace.Op]int{
	trace.RawSend: 14, trace.RawRecv: 18, trace.RawShutdown: 4, trace.RawClose: 2, trace.RawReset: 2, trace.RawFarOpen: 1,
}

var themes = []theme{
	{
		name: "reader", needs: []trace.Capability{trace.CapReader}, share: 24, long: 16,
		begin: func(p *plot) {
			p.makeReader()
			if chance(p.chance, 10) {
				p.makeReader() // which has nothing to do with the other
			}
		},
		weights: merge(reads, feeds, controls),
	},
	{
		name: "reader and transport", needs: []trace.Capability{trace.CapReaderTransport}, share: 12, long: 20,
		begin: func(p *plot) {
			p.makeReader()
			p.make(trace.MockMake)
			if chance(p.chance, 90) {
				p.make(trace.ReaderSetTransport)
			}
		},
		weights: merge(reads, feeds, controls, map[trace.Op]int{trace.ReaderSetTransport: 1}),
	},
	{
		name: "reader protocol", needs: []trace.Capability{trace.CapReaderProtocol}, share: 12, long: 18,
		begin: func(p *plot) {
			p.makeReader()
			p.make(trace.ReaderProtocolMake)
			p.make(trace.MockMake)
			if chance(p.chance, 85) {
				p.make(trace.ProtocolConnectionMade)
			}
			if chance(p.chance, 60) {
				p.make(trace.WriterMake)
			}
		},
		weights: merge(reads, controls, map[trace.Op]int{
			trace.ProtocolDataReceived: 16, trace.ProtocolEOFReceived: 3, trace.ProtocolConnectionLost: 3, trace.ProtocolPauseWriting: 8, trace.ProtocolResumeWriting: 8,
			trace.WriterDrain: 14, trace.WriterWaitClosed: 3, trace.WriterTransport: 1, trace.ReaderSetException: 2,
		}),
		end: (*plot).suspense,
	},
	{
		name: "transport", needs: []trace.Capability{trace.CapTransport}, share: 26, long: 16,
		begin: func(p *plot) {
			if chance(p.chance, 4) {
				p.fruitless()
			}
			if chance(p.chance, 6) && p.spoil() {
				return
			}
			p.connect(trace.ConnectionOpen)
			if chance(p.chance, 25) {
				p.make(trace.ProtocolMake)
			}
		},
		weights: merge(writesOfTransports, asksOfTransports, asksOfNames, peers, controls, map[trace.Op]int{
			trace.TransportPauseReading: 5, trace.TransportResumeReading: 5, trace.ProtocolMake: 1, trace.TransportSetProtocol: 4, trace.ObjectHas: 4,
		}),
		end: (*plot).windUp,
	},
	{
		name: "stream", needs: []trace.Capability{trace.CapWriter}, share: 20, long: 18,
		begin: func(p *plot) { p.connect(trace.StreamOpen) },
		weights: merge(writesOfWriters, asksOfWriters, asksOfNames, reads, peers, controls, map[trace.Op]int{
			trace.TransportAbort: 2, trace.TransportSetWriteBufferLimits: 6, trace.TransportGetWriteBufferSize: 3, trace.ReaderSetException: 1,
		}),
		end: (*plot).windUp,
	},
	{
		name: "flow", needs: []trace.Capability{trace.CapTransport}, share: 12, long: 14,
		begin:   (*plot).fillUp,
		weights: merge(writesOfTransports, writesOfWriters, asksOfQueues, controls, map[trace.Op]int{trace.WriterDrain: 4}),
		end:     (*plot).runDry,
	},
	{
		name: "server", needs: []trace.Capability{trace.CapServer}, share: 24, long: 16,
		begin: (*plot).serve,
		weights: merge(writesOfWriters, asksOfWriters, asksOfNames, reads, peers, controls, map[trace.Op]int{
			trace.RawConnect: 12, trace.ServerClose: 5, trace.ServerIsServing: 3, trace.ServerSockets: 2, trace.ServerCloseClients: 2, trace.ServerAbortClients: 2,
			trace.ServerStartServing: 3, trace.ServerServeForever: 4, trace.ServerWaitClosed: 5, trace.ServerContext: 3, trace.Release: 8, trace.TransportAbort: 2,
			trace.AddressAsk: 5, trace.AddressState: 4, trace.AddressPut: 1,
		}),
		end: (*plot).windUp,
	},
	{
		name: "connecting", needs: []trace.Capability{trace.CapConnect}, share: 9, long: 14,
		begin:   (*plot).open,
		weights: merge(writesOfWriters, asksOfWriters, asksOfNames, reads, peers, controls, map[trace.Op]int{trace.TransportAbort: 2}),
		end:     (*plot).windUp,
	},
	{
		name: "names and time", needs: []trace.Capability{trace.CapConnect, trace.CapResolver, trace.CapVirtualTime, trace.CapTCP}, share: 7, long: 5,
		begin:   (*plot).look,
		weights: merge(controls, map[trace.Op]int{trace.ClockAdvance: 16, trace.ResolverAnswer: 1, trace.AddressPut: 1}),
		end:     (*plot).reap,
	},
}
