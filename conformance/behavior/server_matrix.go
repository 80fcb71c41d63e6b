package behavior

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

const (
	doesCloseServer  = "the server is closed"
	doesCloseClients = "close_clients, then close"
	doesAbortClients = "abort_clients, then close"
	doesCancelServe  = "serve_forever is cancelled"
	handlerFails     = "the callback fails"
	handlerCancelled = "the callback is cancelled"

	noClient   = "no client"
	oneClient  = "one client"
	manyClient = "many clients"

	isConnecting = "connecting"
	isIdle       = "idle"
	isSending    = "sending"
	isPaused     = "paused"

	servesAtOnce = "serves at once"
	servesLater  = "serves later"
)

// serverEndings crosses how the service ends with how many clients there are, and what they are at in that moment.
var serverEndings = Matrix{
	Dimensions: []Dimension{
		{Name: "kind", Values: []string{onTCP, onUnix}},
		{Name: "end", Values: []string{doesCloseServer, doesCloseClients, doesAbortClients, doesCancelServe, handlerFails, handlerCancelled}},
		{Name: "clients", Values: []string{noClient, oneClient, manyClient}},
		{Name: "state", Values: []string{isConnecting, isIdle, isSending, isPaused}},
		{Name: "serving", Values: []string{servesAtOnce, servesLater}},
		{Name: "callback", Values: []string{string(trace.Function), string(trace.Coroutine)}},
	},
	Impossible: []Impossible{
		impossibleWhere("no client is at something", among{"clients": {noClient}, "state": {isConnecting, isSending, isPaused}}),
		impossibleWhere("without a client the callback is not called", among{"clients": {noClient}, "end": {handlerFails, handlerCancelled}}),
		impossibleWhere("a function cannot be cancelled", among{"callback": {string(trace.Function)}, "end": {handlerCancelled}}),
		impossibleWhere("a function fails before its client is at anything",
			among{"callback": {string(trace.Function)}, "end": {handlerFails}, "state": {isIdle, isSending, isPaused}}),
	},
	Scenario: serverEnding,
}

// serverMatrix ends servers in every way while their clients are at something.
func serverMatrix(t *Testee) {
	Describe("servers.matrix", func() {
		for _, kind := range serverEndings.Dimensions[0].Values {
			for _, end := range serverEndings.Dimensions[1].Values {
				part := serverEndings.Where("kind", kind).Where("end", end)
				It("a service ends: "+kind+", "+end, Rule(
					"start_server.callback-per-connection", "start_server.close-keeps-clients", "start_server.wait-closed-before-close",
					"start_server.wait-closed-waits-for-clients", "start_server.close-is-idempotent",
				), func() {
					t.Needs(trace.CapServer)
					if t.InForce("start_server.deferred-serving") {
						t.Matrix(part)
					} else {
						t.Matrix(part.Where("serving", servesAtOnce))
					}
				})
			}
		}
	})
}

// A service is the scenario of one server being written down. Its address is a, its server srv.server, its clients w1, w2…
// and the calls of its callback srv#1, srv#2…, whichever client each is for.
type service struct {
	scenario Scenario
	kind     trace.EndKind
	clients  int
}

func (b *service) do(c trace.Command) { b.scenario = append(b.scenario, c) }

func (b *service) server(op trace.Op) { b.do(trace.Command{Op: op, On: "srv.server"}) }

// start starts a call under a name.
func (b *service) start(as string, op trace.Op, on string) {
	b.do(trace.Command{Op: op, On: on, As: as})
}

func (b *service) until(u trace.Until) {
	b.do(trace.Command{Op: trace.Run, Until: &u, Ms: 5000})
}

func (b *service) untilDone(call string) { b.until(trace.Until{Done: call}) }

// each does something for every client, whose number and name, and the name of one of the callback's calls, it gets.
func (b *service) each(do func(i int, client, handler string)) {
	for i := 1; i <= b.clients; i++ {
		do(i, fmt.Sprintf("w%d", i), fmt.Sprintf("srv#%d", i))
	}
}

// at does something to what a call of the callback was given.
func (b *service) at(handler, part string, c trace.Command) {
	c.On = handler + "." + part
	b.do(c)
}

// serverEnding is a server whose clients come, are at something when the service ends, and must all come to an end then.
func serverEnding(at Cell) Scenario {
	b := &service{kind: trace.EndKind(at["kind"]), clients: map[string]int{noClient: 0, oneClient: 1, manyClient: 3}[at["clients"]]}
	b.serve(at)
	b.each(func(_ int, client, _ string) {
		b.do(trace.Command{
			Op: trace.RawConnect, As: client, Kind: b.kind, Address: "a", Buffer: wireVolumes[at["kind"]].buffer, NoSettle: at["state"] == isConnecting,
		})
	})
	if at["state"] == isConnecting {
		b.endRacing(at)
	} else {
		b.end(at)
	}
	b.each(func(i int, client, _ string) {
		b.start(fmt.Sprintf("received%d", i), trace.RawRecv, client)
		b.untilDone(fmt.Sprintf("received%d", i))
	})
	if at["end"] == doesCancelServe {
		b.untilDone("serving")
	}
	b.server(trace.ServerClose)
	b.server(trace.ServerSockets)
	b.untilDone("closed")
	b.do(trace.Command{Op: trace.RawConnect, As: "late", Kind: b.kind, Address: "a"})
	return b.scenario
}

// serve starts the server. The callback holds if it can. Where nobody can tell which clients it will be called for, it closes
// their connections itself.
func (b *service) serve(at Cell) {
	b.do(trace.Command{Op: trace.AddressMake, As: "a", Kind: b.kind})
	c := trace.Command{Op: trace.StreamServe, As: "srv", Kind: b.kind, Addresses: []string{"a"}, Callback: trace.Callback(at["callback"])}
	if at["state"] == isConnecting {
		b.each(func(i int, _, handler string) {
			r := trace.Reaction{In: trace.ClientConnected, Nth: i, Do: []trace.Command{{Op: trace.WriterClose, On: handler + ".writer"}}}
			if at["end"] == handlerFails {
				r.Raise = trace.Text("it fails")
			}
			c.Program = append(c.Program, r)
		})
	} else if at["callback"] == string(trace.Coroutine) {
		c.Program = []trace.Reaction{{In: trace.ClientConnected, Hold: true}}
	}
	if at["serving"] == servesLater {
		c.StartServing = trace.Bool(false)
	}
	b.do(c)
	b.untilDone("srv")
	b.start("closed", trace.ServerWaitClosed, "srv.server")
	if at["serving"] == servesLater {
		b.server(trace.ServerIsServing)
		b.do(trace.Command{Op: trace.RawConnect, As: "early", Kind: b.kind, Address: "a"})
	}
	if at["serving"] == servesLater { // also before serve_forever, of which nothing tells when it has begun
		b.start("starting", trace.ServerStartServing, "srv.server")
		b.untilDone("starting")
	}
	if at["end"] == doesCancelServe {
		b.start("serving", trace.ServerServeForever, "srv.server")
	}
	if at["serving"] == servesLater {
		b.server(trace.ServerIsServing)
	}
}

// endRacing ends the service while the clients have connected and the implementation has not run since.
func (b *service) endRacing(at Cell) {
	switch at["end"] {
	case doesCloseServer:
		b.server(trace.ServerClose)
	case doesCloseClients, doesAbortClients:
		b.server(map[string]trace.Op{doesCloseClients: trace.ServerCloseClients, doesAbortClients: trace.ServerAbortClients}[at["end"]])
		b.scenario[len(b.scenario)-1].NoSettle = true
		b.server(trace.ServerClose)
	case doesCancelServe:
		b.do(trace.Command{Op: trace.Cancel, On: "serving"})
	default:
		b.do(trace.Command{Op: trace.Settle})
	}
}

// end ends the service when the callback has been called for every client, and then the connections that this has left.
func (b *service) end(at Cell) {
	if b.clients > 0 {
		b.until(trace.Until{Event: trace.ClientConnected, Count: b.clients})
	}
	b.each(func(i int, client, handler string) { b.engage(at["state"], i, client, handler) })
	switch at["end"] {
	case doesCloseServer:
		b.server(trace.ServerClose)
	case doesCloseClients:
		b.server(trace.ServerCloseClients)
	case doesAbortClients:
		b.server(trace.ServerAbortClients)
	case doesCancelServe:
		b.do(trace.Command{Op: trace.Cancel, On: "serving"})
	case handlerFails:
		b.each(func(_ int, _, handler string) {
			b.do(trace.Command{Op: trace.Release, On: handler, Exception: trace.Text("it fails")})
		})
	case handlerCancelled:
		b.each(func(_ int, _, handler string) { b.do(trace.Command{Op: trace.Cancel, On: handler}) })
	}
	if at["end"] == doesCloseServer || at["end"] == doesCancelServe {
		b.each(func(_ int, client, handler string) { b.serveOn(at["state"], client, handler) })
	}
	b.each(func(_ int, _, handler string) { b.at(handler, "writer", trace.Command{Op: trace.WriterClose}) })
}

// engage has a client and the server be at something.
func (b *service) engage(state string, i int, client, handler string) {
	switch state {
	case isSending:
		b.do(trace.Command{Op: trace.ReaderReadExactly, As: fmt.Sprintf("read%d", i), On: handler + ".reader", N: trace.Int(8)})
		b.do(trace.Command{Op: trace.RawSend, On: client, Data: trace.D("half")})
	case isPaused:
		b.at(handler, "transport", trace.Command{Op: trace.TransportSetWriteBufferLimits, Low: &marksBelow[0], High: &marksBelow[1]})
		b.at(handler, "writer", trace.Command{Op: trace.WriterWrite, Data: trace.D(wireOverflows[string(b.kind)])})
		b.start(fmt.Sprintf("drain%d", i), trace.WriterDrain, handler+".writer")
	}
}

// serveOn has a connection that has outlived its server be of use.
func (b *service) serveOn(state, client, handler string) {
	switch state {
	case isIdle:
		b.at(handler, "writer", trace.Command{Op: trace.WriterWrite, Data: trace.D("still here")})
	case isSending:
		b.do(trace.Command{Op: trace.RawSend, On: client, Data: trace.D("more")})
	}
}
