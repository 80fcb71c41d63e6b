package behavior

import (
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// startServer is start_server and start_unix_server, their callback, and the server that they return.
func startServer(t *Testee) {
	Describe("start_server", func() {
		startServerListens(t)
		startServerCalls(t)
		startServerFails(t)
		startServerParameters(t)
		startServerDeferred(t)
		serverCloses(t)
		serverWaits(t)
		serverServesForever(t)
		serverContext(t)
		serverClosesClients(t)
		serverClosesWhileAccepting(t)
		startServerPython(t)
	})
}

// callbacks are the forms of callback that every language has.
var callbacks = []trace.Callback{trace.Function, trace.Coroutine}

// itEachCallback is a spec for each kind of socket and each form of callback.
func itEachCallback(text string, rules Labels, body func(kind trace.EndKind, form trace.Callback)) {
	for _, form := range callbacks {
		itEach(socketKinds, text+", by a "+string(form), rules, func(kind trace.EndKind) { body(kind, form) })
	}
}

// expectExchange has both ends of a connection of a server hear from each other.
func expectExchange(t *Testee, raw *Raw, h *Handler, text string) {
	raw.SendAll(text)
	t.Expect(h.Reader.ReadExactly(len(text))).To(Return(text))
	t.Expect(h.Writer.Write("re: " + text)).To(ReturnNone())
	t.Expect(raw.Recv(len("re: " + text))).To(Return("re: " + text))
}

// startServerListens is that a server is there, and where.
func startServerListens(t *Testee) {
	listens := Rule("start_server.listens")
	itEach(socketKinds, "takes connections as soon as it has returned", listens, func(kind trace.EndKind) {
		s := t.Serve(kind)
		t.Expect(s.Made).To(ReturnNone())
		t.WithoutSettling(func() { t.Expect(t.RawConnect(s.Address()).Made).To(ReturnNone()) })
		t.Expect(s.Connected(1)).To(Equal(1), "calls of the callback")
	})
	itEach(socketKinds, "goes on taking connections when clients have come and gone", listens, func(kind trace.EndKind) {
		s := t.Serve(kind)
		for i := range 5 {
			raw, h := s.Client()
			expectExchange(t, raw, h, fmt.Sprintf("client %d", i))
			raw.Close()
			h.Writer.Close()
		}
	})
	itEach([]trace.EndKind{trace.TCP}, "goes on taking connections when clients are gone before they are looked at", listens, func(kind trace.EndKind) {
		s := t.Serve(kind)
		t.WithoutSettling(func() {
			for range 3 {
				t.RawConnect(s.Address()).Reset()
			}
		})
		t.Settle()
		expectSomeClient(t, s)
	})
	itEach(socketKinds, "is one of several servers", listens, func(kind trace.EndKind) {
		one, two := t.Serve(kind), t.Serve(kind)
		for i, s := range []*Server{one, two, one} {
			raw, h := s.Client()
			expectExchange(t, raw, h, fmt.Sprintf("client %d", i))
		}
		t.Expect(one.Connected(2)).To(Equal(2), "calls of the callback of the first server")
		t.Expect(two.Connected(1)).To(Equal(1), "calls of the callback of the second server")
	})

	returns := Rule("start_server.returns-server")
	itEach(socketKinds, "returns a server, which has sockets and can be closed and waited for", returns, func(kind trace.EndKind) {
		s := t.Serve(kind)
		t.Expect(s.Bound()).NotTo(BeEmpty(), "sockets")
		t.Expect(s.Close()).To(ReturnNone())
		t.Expect(s.WaitClosed()).To(ReturnNone())
	})

	sockets := Rule("start_server.sockets")
	itEach(socketKinds, "has a socket, which is where it listens", sockets, func(kind trace.EndKind) {
		s := t.Serve(kind)
		bound := s.Bound()
		t.Expect(bound).To(HaveLen(1), "sockets")
		if kind == trace.TCP {
			t.Expect(t.RawConnect(t.NewAddressOfPort(bound[0].Host, bound[0].Port)).Made).To(ReturnNone())
			t.Expect(s.Connected(1)).To(Equal(1), "calls of the callback")
		} else {
			t.Expect(bound[0].Path).NotTo(BeEmpty(), "path")
		}
	})
	itEach([]trace.EndKind{trace.TCP}, "tells the port that it was given when it asked for any", sockets, func(kind trace.EndKind) {
		s := t.Serve(kind, WithHost("127.0.0.1"), WithPort(0))
		bound := s.Bound()
		t.Expect(bound).To(HaveLen(1), "sockets")
		t.Expect(bound[0].Host).To(Equal("127.0.0.1"))
		t.Expect(bound[0].Port).NotTo(BeZero())
		t.Expect(t.RawConnect(t.NewAddressOfPort(bound[0].Host, bound[0].Port)).Made).To(ReturnNone())
		t.Expect(s.Connected(1)).To(Equal(1), "calls of the callback")
	})
	itEach([]trace.EndKind{trace.TCP}, "has a socket for each host", sockets, func(kind trace.EndKind) {
		addresses := []*Address{t.NewAddress(kind), t.NewAddress(kind), t.NewAddress(kind)}
		s := t.Serve(kind, At(addresses...))
		t.Expect(s.Bound()).To(HaveLen(3), "sockets")
		for _, a := range addresses {
			raw, h := s.ClientAt(a)
			expectExchange(t, raw, h, "hello")
		}
	})
}

// expectSomeClient has a client of the server be served, whichever call of the callback it is that is for it.
func expectSomeClient(t *Testee, s *Server) {
	raw, h := s.Client()
	expectExchange(t, raw, h, "hello")
}

// startServerCalls is when the callback is called, and with what.
func startServerCalls(t *Testee) {
	each := Rule("start_server.callback-per-connection")
	itEachCallback("calls the callback once for each client, with a reader and a writer of its own", each, func(kind trace.EndKind, form trace.Callback) {
		s := t.Serve(kind, Calling(form))
		t.Expect(s.Connected(0)).To(BeZero(), "calls of the callback")
		var raws []*Raw
		var handlers []*Handler
		for i := range 3 {
			raw, h := s.Client()
			t.Expect(s.Connected(i+1)).To(Equal(i+1), "calls of the callback")
			raws, handlers = append(raws, raw), append(handlers, h)
		}
		for i := range raws {
			expectExchange(t, raws[i], handlers[i], fmt.Sprintf("client %d", i))
		}
		t.Expect(s.Connected(3)).To(Equal(3), "calls of the callback")
	})
	itEachCallback("calls the callback for clients that come at the same time", each, func(kind trace.EndKind, form trace.Callback) {
		const many = 20
		s := t.Serve(kind, Calling(form))
		var raws []*Raw
		t.WithoutSettling(func() {
			for range many {
				raws = append(raws, t.RawConnect(s.Address()))
			}
		})
		t.Expect(s.Connected(many)).To(Equal(many), "calls of the callback")
		for i, raw := range raws {
			h := s.HandlerOf(raw)
			t.Expect(h).NotTo(BeNil(), "call of the callback for a client")
			expectExchange(t, raw, h, fmt.Sprintf("client %d", i))
		}
	})
	itEachCallback("hands over what a client has sent before it was accepted", each, func(kind trace.EndKind, form trace.Callback) {
		s := t.Serve(kind, Calling(form))
		var raw *Raw
		t.WithoutSettling(func() {
			raw = t.RawConnect(s.Address())
			raw.Send("early")
			raw.End()
		})
		t.Expect(s.Connected(1)).To(Equal(1), "calls of the callback")
		h := s.Handler(1)
		t.Expect(h.Reader.ReadAll()).To(Return("early"))
		h.Writer.Write("answer")
		h.Writer.Close()
		t.Expect(raw.RecvAll()).To(Return("answer"))
	})
	itEach(socketKinds, "serves further clients when the callback has closed the connection of one", each, func(kind trace.EndKind) {
		s := t.Serve(kind, Reacting(InCall(1).Doing(WriteToWriter("no"), CloseWriter)))
		raw := t.RawConnect(s.Address())
		t.Expect(raw.RecvAll()).To(Return("no"))
		expectSomeClient(t, s)
		t.Expect(s.Connected(2)).To(Equal(2), "calls of the callback")
	})

	plain := Rule("start_server.plain-callback")
	itEach(socketKinds, "calls a plain function", plain, func(kind trace.EndKind) {
		s := t.Serve(kind, Calling(trace.Function))
		raw, h := s.Client()
		expectExchange(t, raw, h, "hello")
	})
	for _, result := range []trace.Value{trace.BoolValue(true), {Int: trace.Int(7)}, {Text: trace.Text("text")}} {
		itEach(socketKinds, "does not mind what a plain function returns: "+result.String(), plain, func(kind trace.EndKind) {
			s := t.Serve(kind, Calling(trace.Function), Reacting(InEachCall().Returning(result)))
			raw, h := s.Client()
			expectExchange(t, raw, h, "hello")
		})
	}
	itEach(socketKinds, "has what a plain function writes sent", plain, func(kind trace.EndKind) {
		s := t.Serve(kind, Calling(trace.Function), Reacting(InCall(1).Doing(WriteToWriter("welcome"))))
		t.Expect(t.RawConnect(s.Address()).Recv(len("welcome"))).To(Return("welcome"))
	})

	coroutine := Rule("start_server.coroutine-callback")
	itEach(socketKinds, "runs a coroutine to its end", coroutine, func(kind trace.EndKind) {
		s := t.Serve(kind, Calling(trace.Coroutine), Reacting(InCall(1).Doing(WriteToWriter("welcome"))))
		raw, h := s.Client()
		t.Expect(h.Call).To(ReturnNone())
		t.Expect(raw.Recv(len("welcome"))).To(Return("welcome"))
	})
	itEach(socketKinds, "takes further clients while coroutines wait, and serves all of them", coroutine, func(kind trace.EndKind) {
		s := t.Serve(kind, Calling(trace.Coroutine), Reacting(InEachCall().Holding()))
		var raws []*Raw
		var handlers []*Handler
		for range 3 {
			raw, h := s.Client()
			t.Expect(h.Call).To(BePending())
			raws, handlers = append(raws, raw), append(handlers, h)
		}
		for i := range raws {
			expectExchange(t, raws[i], handlers[i], fmt.Sprintf("client %d", i))
		}
		handlers[1].Call.Release()
		t.Expect(handlers[1].Call).To(ReturnNone())
		t.Expect(handlers[0].Call).To(BePending())
		t.Expect(handlers[2].Call).To(BePending())
		expectExchange(t, raws[2], handlers[2], "again")
	})

	scheduled := Rule("start_server.only-coroutines-scheduled")
	itEach(socketKinds, "does not mind a function that returns a future", scheduled, func(kind trace.EndKind) {
		s := t.Serve(kind, Calling(trace.Future))
		raw, h := s.Client()
		expectExchange(t, raw, h, "hello")
		expectSomeClient(t, s)
	})
	itEach(socketKinds, "runs what the call of an object with an asynchronous call operator gives", scheduled, func(kind trace.EndKind) {
		s := t.Serve(kind, Calling(trace.Object), Reacting(InEachCall().Holding()))
		raw, h := s.Client()
		expectExchange(t, raw, h, "hello")
		h.Call.Release()
		t.Expect(h.Call).To(ReturnNone())
	})
}

// reports returns how often an exception of the given text was reported.
func reports(t *Testee, text string) int {
	n := 0
	for _, heard := range t.Heard(trace.Unhandled) {
		if strings.Contains(heard, text) {
			n++
		}
	}
	return n
}

// startServerFails is a callback that fails.
func startServerFails(t *Testee) {
	fails := Rule("start_server.failing-coroutine-closes")
	itEach(socketKinds, "reports an exception of a coroutine once and closes the connection", fails, func(kind trace.EndKind) {
		s := t.Serve(kind, Calling(trace.Coroutine), Reacting(InCall(1).Raising("it fails")))
		raw := t.RawConnect(s.Address())
		t.Expect(raw.RecvAll()).To(Return(""))
		t.Expect(t.Reported("it fails")).To(BeTrue(), "the exception is reported")
		t.Expect(reports(t, "it fails")).To(Equal(1), "reports of the exception")
		expectSomeClient(t, s)
	})
	itEach(socketKinds, "leaves the connection open when a coroutine has come to its end", fails, func(kind trace.EndKind) {
		s := t.Serve(kind, Calling(trace.Coroutine), Reacting(InEachCall().Holding()))
		raw, h := s.Client()
		h.Call.Release()
		t.Expect(h.Call).To(ReturnNone())
		expectExchange(t, raw, h, "hello")
	})
	itEach(socketKinds, "leaves the connection open when a coroutine has come to its end after the peer's stream", fails, func(kind trace.EndKind) {
		s := t.Serve(kind, Calling(trace.Coroutine), Reacting(InEachCall().Holding()))
		raw, h := s.Client()
		raw.SendAll("question")
		raw.End()
		t.Expect(h.Reader.ReadAll()).To(Return("question"))
		h.Call.Release()
		t.Expect(h.Call).To(ReturnNone())
		t.Expect(h.Writer.Write("answer")).To(ReturnNone())
		t.Expect(raw.Recv(len("answer"))).To(Return("answer"))
		h.Writer.Close()
		t.Expect(raw.RecvAll()).To(Return(""))
	})
	itEach(socketKinds, "reports an exception of a coroutine that has closed the connection itself", fails, func(kind trace.EndKind) {
		s := t.Serve(kind, Calling(trace.Coroutine), Reacting(InCall(1).Doing(CloseWriter).Raising("it fails")))
		raw := t.RawConnect(s.Address())
		t.Expect(raw.RecvAll()).To(Return(""))
		t.Expect(t.Reported("it fails")).To(BeTrue(), "the exception is reported")
		expectSomeClient(t, s)
	})
	itEach(socketKinds, "closes the connection of a coroutine that fails late, when what it has written is sent", fails, func(kind trace.EndKind) {
		s := t.Serve(kind, Calling(trace.Coroutine), Reacting(InEachCall().Holding()))
		raw, h := s.Client()
		other, bystander := s.Client()
		text := Pattern(much)
		h.Writer.Write(text)
		h.Call.ReleaseRaising("it fails")
		t.Expect(raw.RecvAll()).To(Return(text))
		t.Expect(t.Reported("it fails")).To(BeTrue(), "the exception is reported")
		t.Expect(bystander.Call).To(BePending())
		expectExchange(t, other, bystander, "hello")
	})

	cancelled := Rule("start_server.cancelled-coroutine-closes")
	itEach(socketKinds, "closes the connection of a coroutine that is cancelled, and reports nothing", cancelled, func(kind trace.EndKind) {
		s := t.Serve(kind, Calling(trace.Coroutine), Reacting(InEachCall().Holding()))
		raw, h := s.Client()
		text := Pattern(much)
		h.Writer.Write(text)
		h.Call.Cancel()
		t.Expect(h.Call).To(FailWith(Cancelled))
		t.Expect(raw.RecvAll()).To(Return(text))
		expectSomeClient(t, s)
	})

	unreported := Rule("start_server.failing-coroutine-unreported")
	itEach(socketKinds, "does something with the connection of a coroutine that fails, and goes on serving", unreported, func(kind trace.EndKind) {
		s := t.Serve(kind, Calling(trace.Coroutine), Reacting(InCall(1).Raising("it fails")))
		raw := t.RawConnect(s.Address())
		t.Expect(s.Connected(1)).To(Equal(1), "calls of the callback")
		sawWhatBecomesOf(t, raw)
		expectSomeClient(t, s)
	})
	function := Rule("start_server.failing-plain-callback")
	itEach(socketKinds, "reports an exception of a plain function, and goes on serving", function, func(kind trace.EndKind) {
		s := t.Serve(kind, Calling(trace.Function), Reacting(InCall(1).Raising("it fails")))
		raw := t.RawConnect(s.Address())
		t.Expect(s.Connected(1)).To(Equal(1), "calls of the callback")
		t.Expect(t.Reported("it fails")).To(BeTrue(), "the exception is reported")
		sawWhatBecomesOf(t, raw)
		expectSomeClient(t, s)
	})
}

// sawWhatBecomesOf records whether a connection whose callback has failed is closed, of which nothing is said.
func sawWhatBecomesOf(t *Testee, raw *Raw) {
	t.Settle()
	if raw.RecvAll().Pending() {
		t.Saw("the connection stays open")
	} else {
		t.Saw("the connection is closed")
	}
}

// startServerParameters is what start_server is called with.
func startServerParameters(t *Testee) {
	limit := Rule("start_server.limit")
	itEach(socketKinds, "gives readers the limit", limit, func(kind trace.EndKind) {
		s := t.Serve(kind, WithLimit(4))
		raw, h := s.Client()
		raw.SendAll("abcd\n")
		t.Expect(h.Reader.ReadLine()).To(Return("abcd\n"))
		raw.SendAll("abcde\n")
		t.Expect(h.Reader.ReadUntil("\n")).To(FailWith(Consumed(5)))
	})
	itEach(socketKinds, "gives readers a limit of 64 KiB when none is given", limit, func(kind trace.EndKind) {
		s := t.Serve(kind)
		raw, h := s.Client()
		line := strings.Repeat("a", 64<<10) + "\n"
		read := h.Reader.ReadLine()
		raw.SendAll(line)
		t.Expect(read).To(Return(line))
		other, h := s.Client()
		read = h.Reader.ReadUntil("\n")
		other.SendAll("a" + line)
		t.Expect(read).To(FailWith(LimitOverrun))
	})

	passes := Rule("start_server.passes-arguments-on")
	itEach([]trace.EndKind{trace.TCP}, "listens at all hosts of a list", passes, func(kind trace.EndKind) {
		a, b := t.NewAddress(kind), t.NewAddress(kind)
		s := t.Serve(kind, At(a, b))
		for _, at := range []*Address{a, b} {
			raw, h := s.ClientAt(at)
			expectExchange(t, raw, h, "hello")
		}
	})
	itEach([]trace.EndKind{trace.TCP}, "passes backlog on", passes, func(kind trace.EndKind) {
		s := t.Serve(kind, WithBacklog(7))
		t.Expect(s.Address().Ask("backlog")).To(ReturnInt(7))
	})
	itEach(socketKinds, "refuses an argument that does not exist", passes, func(kind trace.EndKind) {
		a := t.NewAddress(kind)
		s := t.Serve(kind, At(a), WithKeyword("no_such_argument", trace.BoolValue(true)))
		t.Expect(s.Made).To(FailWith(InvalidType))
		t.Expect(t.RawConnect(a).Made).To(FailWith(AnyError))
	})

	owns := Rule("start_server.owns-socket")
	itEach(socketKinds, "serves on a socket that it is given, and closes it with the server", owns, func(kind trace.EndKind) {
		a := t.NewAddress(kind)
		k := t.NewSocketAt(a)
		s := t.Serve(kind, WithSocket(k))
		t.Expect(s.Made).To(ReturnNone())
		raw, h := s.ClientAt(a)
		expectExchange(t, raw, h, "hello")
		t.Expect(k.IsOpen()).To(ReturnBool(true))
		t.Expect(s.Close()).To(ReturnNone())
		t.Expect(k.IsOpen()).To(Become(ReturnBool(false)))
		expectExchange(t, raw, h, "still here")
	})

	checks := Rule("start_server.argument-checks")
	itEach([]trace.EndKind{trace.TCP}, "is refused with neither an address nor a socket", checks, func(kind trace.EndKind) {
		t.Expect(t.ServeAsSaid(kind).Made).To(FailWith(InvalidArgument))
	})

	inUse := Rule("start_server.address-in-use")
	itEach([]trace.EndKind{trace.TCP}, "fails where the address is in use, and leaves the server there alone", inUse, func(kind trace.EndKind) {
		s := t.Serve(kind)
		t.Expect(t.Serve(kind, At(s.Address())).Made).To(FailWith(AddressInUse))
		expectSomeClient(t, s)
	})
	itEach([]trace.EndKind{trace.TCP}, "leaves nothing behind where one of several addresses is in use", inUse, func(kind trace.EndKind) {
		s, a, b := t.Serve(kind), t.NewAddress(kind), t.NewAddress(kind)
		t.Expect(t.Serve(kind, At(a, s.Address(), b)).Made).To(FailWith(AddressInUse))
		for _, left := range []*Address{a, b} {
			t.Expect(left.Ask("reuse_address")).To(ReturnNone()) // since no socket is bound there
			t.Expect(t.RawConnect(left).Made).To(FailWith(AnyError))
		}
		t.Expect(t.Serve(kind, At(a, b)).Made).To(ReturnNone())
	})
}

// startServerDeferred is a server that does not serve from the beginning.
func startServerDeferred(t *Testee) {
	deferred := Rule("start_server.deferred-serving")
	ways := []struct {
		name  string
		serve func(*Server)
	}{
		{"start_serving", func(s *Server) { t.Expect(s.StartServing()).To(ReturnNone()) }},
		{"serve_forever", func(s *Server) { t.Expect(s.ServeForever()).To(BePending()) }},
		{"serve_forever in its context", func(s *Server) { t.Expect(s.ContextServing()).To(BePending()) }},
	}
	for _, way := range ways {
		itEach(socketKinds, "does not accept before it is told to serve: "+way.name, deferred, func(kind trace.EndKind) {
			s := t.Serve(kind, WithStartServing(false))
			t.Expect(s.Made).To(ReturnNone())
			t.Expect(s.IsServing()).To(ReturnBool(false))
			t.Expect(t.RawConnect(s.Address()).Made).To(FailWith(AnyError))
			way.serve(s)
			t.Expect(s.IsServing()).To(Become(ReturnBool(true)))
			expectSomeClient(t, s)
		})
	}
	itEach(socketKinds, "may be told to serve again", deferred, func(kind trace.EndKind) {
		s := t.Serve(kind, WithStartServing(false))
		for range 3 {
			t.Expect(s.StartServing()).To(ReturnNone())
		}
		expectSomeClient(t, s)
		t.Expect(s.StartServing()).To(ReturnNone())
		expectSomeClient(t, s)
		t.Expect(s.Connected(2)).To(Equal(2), "calls of the callback")
	})
	itEach(socketKinds, "serves from the beginning when it is told so, and when it is not told", deferred, func(kind trace.EndKind) {
		for _, s := range []*Server{t.Serve(kind), t.Serve(kind, WithStartServing(true))} {
			t.Expect(s.IsServing()).To(ReturnBool(true))
			expectSomeClient(t, s)
		}
	})
	itEach(socketKinds, "may be closed before it has served", deferred, func(kind trace.EndKind) {
		s := t.Serve(kind, WithStartServing(false))
		t.Expect(s.Close()).To(ReturnNone())
		t.Expect(s.WaitClosed()).To(ReturnNone())
		t.Expect(t.RawConnect(s.Address()).Made).To(FailWith(AnyError))
	})

	stays := Rule("start_server.close-is-idempotent")
	itEach(socketKinds, "does not say that it serves when it was told to after it was closed", stays, func(kind trace.EndKind) {
		s := t.Serve(kind)
		t.Expect(s.Close()).To(ReturnNone())
		t.Expect(s.StartServing()).To(SatisfyAny(ReturnNone(), FailWith(AnyError)))
		t.Expect(s.IsServing()).To(ReturnBool(false))
		t.Expect(s.Sockets()).To(ReturnEmptyList())
		t.Expect(t.RawConnect(s.Address()).Made).To(FailWith(AnyError))
	})

	late := Rule("start_server.start-serving-after-close")
	itEach(socketKinds, "does something when it is told to serve after it was closed", late, func(kind trace.EndKind) {
		s := t.Serve(kind)
		s.Close()
		t.Expect(s.IsServing()).To(ReturnBool(false))
		start := s.StartServing()
		t.Expect(start).To(FailWith(AnyError))
		t.Saw(start.Raised().String())
	})
}

// returnNoSockets matches what the sockets of a closed server are: an empty list, or in 3.6 none.
func returnNoSockets(t *Testee) types.GomegaMatcher {
	if t.InForce("start_server.deferred-serving") { // from 3.7 on
		return ReturnEmptyList()
	}
	return SatisfyAny(ReturnEmptyList(), ReturnNone())
}

// serverCloses is what closing a server does, and what it leaves alone.
func serverCloses(t *Testee) {
	again := Rule("start_server.close-is-idempotent")
	itEach(socketKinds, "has no sockets and does not serve when it was closed, however often", again, func(kind trace.EndKind) {
		s := t.Serve(kind)
		for range 3 {
			t.Expect(s.Close()).To(ReturnNone())
			t.Expect(s.Sockets()).To(returnNoSockets(t))
		}
		if t.InForce("start_server.deferred-serving") { // with which is_serving came
			t.Expect(s.IsServing()).To(ReturnBool(false))
		}
		t.Expect(s.WaitClosed()).To(ReturnNone())
		t.Expect(s.Close()).To(ReturnNone())
	})
	itEach(socketKinds, "may be closed again by its callback, and while clients stay", again, func(kind trace.EndKind) {
		s := t.Serve(kind, Reacting(InCall(1).Doing(CloseServer, CloseServer)))
		raw, h := s.Client()
		t.Expect(s.Close()).To(ReturnNone())
		t.Expect(s.Sockets()).To(returnNoSockets(t))
		expectExchange(t, raw, h, "hello")
	})

	keeps := Rule("start_server.close-keeps-clients", "invariants.server-close-keeps-connections")
	itEachCallback("leaves its clients alone when it is closed, and refuses new ones", keeps, func(kind trace.EndKind, form trace.Callback) {
		s := t.Serve(kind, Calling(form))
		raw, h := s.Client()
		expectExchange(t, raw, h, "before")
		read := h.Reader.ReadLine()
		t.Expect(s.Close()).To(ReturnNone())
		t.Expect(t.RawConnect(s.Address()).Made).To(FailWith(AnyError))
		raw.SendAll("during\n")
		t.Expect(read).To(Return("during\n"))
		text := Pattern(much)
		h.Writer.Write(text)
		drain := h.Writer.Drain()
		t.Expect(raw.Recv(len(text))).To(Return(text))
		t.Expect(drain).To(ReturnNone())
		expectExchange(t, raw, h, "after")
		h.Writer.Close()
		t.Expect(raw.RecvAll()).To(Return(""))
	})
	itEach([]trace.EndKind{trace.TCP}, "refuses new clients at each of its addresses when it is closed", keeps, func(kind trace.EndKind) {
		addresses := []*Address{t.NewAddress(kind), t.NewAddress(kind), t.NewAddress(kind)}
		s := t.Serve(kind, At(addresses...))
		raw, h := s.ClientAt(addresses[1])
		t.Expect(s.Close()).To(ReturnNone())
		for _, a := range addresses {
			t.Expect(t.RawConnect(a).Made).To(FailWith(AnyError))
		}
		expectExchange(t, raw, h, "still here")
	})
	itEach(socketKinds, "leaves a callback that still runs alone when it is closed", keeps, func(kind trace.EndKind) {
		s := t.Serve(kind, Calling(trace.Coroutine), Reacting(InEachCall().Holding()))
		raw, h := s.Client()
		s.Close()
		t.Expect(h.Call).To(BePending())
		expectExchange(t, raw, h, "hello")
		h.Call.Release()
		t.Expect(h.Call).To(ReturnNone())
	})
	itEach(socketKinds, "leaves the clients of another server alone when it is closed", keeps, func(kind trace.EndKind) {
		closed, other := t.Serve(kind), t.Serve(kind)
		raw, h := other.Client()
		closed.Close()
		expectExchange(t, raw, h, "hello")
		expectSomeClient(t, other)
	})
	itEach(socketKinds, "makes room for another server at its address", keeps, func(kind trace.EndKind) {
		s := t.Serve(kind)
		raw, h := s.Client()
		s.Close()
		next := t.Serve(kind, At(s.Address()))
		t.Expect(next.Made).To(ReturnNone())
		expectSomeClient(t, next)
		expectExchange(t, raw, h, "hello")
		t.Expect(s.Connected(1)).To(Equal(1), "calls of the closed server's callback")
	})
}

// serverWaits is wait_closed.
func serverWaits(t *Testee) {
	before := Rule("start_server.wait-closed-before-close")
	itEach(socketKinds, "wait_closed waits until the server is closed", before, func(kind trace.EndKind) {
		s := t.Serve(kind)
		wait := s.WaitClosed()
		t.Expect(wait).To(BePending())
		raw, h := s.Client()
		t.Expect(wait).To(BePending())
		h.Writer.Close()
		t.Expect(raw.RecvAll()).To(Return(""))
		t.Expect(h.Writer.WaitClosed()).To(ReturnNone())
		t.Expect(wait).To(BePending())
		s.Close()
		t.Expect(wait).To(ReturnNone())
	})
	itEach(socketKinds, "several may wait for the server, and one of them may give up", before, func(kind trace.EndKind) {
		s := t.Serve(kind)
		waits := []*Call{s.WaitClosed(), s.WaitClosed(), s.WaitClosed()}
		waits[1].Cancel()
		t.Expect(waits[1]).To(FailWith(Cancelled))
		t.Expect(waits[0]).To(BePending())
		t.Expect(waits[2]).To(BePending())
		again := s.WaitClosed()
		s.Close()
		for _, wait := range []*Call{waits[0], waits[2], again, s.WaitClosed()} {
			t.Expect(wait).To(ReturnNone())
		}
	})

	clients := Rule("start_server.wait-closed-waits-for-clients")
	ways := []struct {
		name  string
		kinds []trace.EndKind
		leave func(*Raw, *Handler)
	}{
		{"is closed", socketKinds, func(_ *Raw, h *Handler) { h.Writer.Close() }},
		{"is aborted", socketKinds, func(_ *Raw, h *Handler) { h.Transport.Abort() }},
		{"is ended by both", socketKinds, func(raw *Raw, h *Handler) { raw.Close(); h.Writer.Close() }},
		{"is reset by the client", []trace.EndKind{trace.TCP}, func(raw *Raw, h *Handler) { raw.Reset() }},
	}
	for _, way := range ways {
		itEach(way.kinds, "wait_closed waits until the connection of each client "+way.name, clients, func(kind trace.EndKind) {
			s := t.Serve(kind)
			one, h1 := s.Client()
			two, h2 := s.Client()
			s.Close()
			wait := s.WaitClosed()
			t.Expect(wait).To(BePending())
			way.leave(one, h1)
			t.Settle()
			t.Expect(wait).To(BePending())
			late := s.WaitClosed()
			way.leave(two, h2)
			t.Expect(wait).To(ReturnNone())
			t.Expect(late).To(ReturnNone())
			t.Expect(s.WaitClosed()).To(ReturnNone())
		})
	}
	itEach(socketKinds, "wait_closed waits for what is queued to a client", clients, func(kind trace.EndKind) {
		s := t.Serve(kind)
		raw, h := s.Client()
		written, _ := h.Transport.Fill()
		h.Writer.Close()
		s.Close()
		wait := s.WaitClosed()
		t.Expect(wait).To(BePending())
		t.Expect(raw.RecvAll()).To(ReturnLength(written))
		t.Expect(wait).To(ReturnNone())
	})
	itEach(socketKinds, "wait_closed waits for clients whose callback is over", clients, func(kind trace.EndKind) {
		s := t.Serve(kind, Calling(trace.Coroutine))
		raw, h := s.Client()
		t.Expect(h.Call).To(ReturnNone())
		s.Close()
		wait := s.WaitClosed()
		t.Expect(wait).To(BePending())
		expectExchange(t, raw, h, "hello")
		h.Writer.Close()
		t.Expect(wait).To(ReturnNone())
	})
	itEach(socketKinds, "wait_closed waits for clients when another has given up waiting", clients, func(kind trace.EndKind) {
		s := t.Serve(kind)
		_, h := s.Client()
		s.Close()
		first := s.WaitClosed()
		first.Cancel()
		t.Expect(first).To(FailWith(Cancelled))
		wait := s.WaitClosed()
		t.Expect(wait).To(BePending())
		h.Writer.Close()
		t.Expect(wait).To(ReturnNone())
	})
}

// serveForever starts a server that serves because of serve_forever, and does so when it returns.
func serveForever(t *Testee, kind trace.EndKind, options ...Option) (*Server, *Call) {
	s := t.Serve(kind, append(options, WithStartServing(false))...)
	forever := s.ServeForever()
	t.Expect(s.IsServing()).To(Become(ReturnBool(true)))
	return s, forever
}

// serverServesForever is serve_forever.
func serverServesForever(t *Testee) {
	one := Rule("start_server.one-serve-forever")
	itEach(socketKinds, "refuses a second serve_forever and goes on with the first", one, func(kind trace.EndKind) {
		s, first := serveForever(t, kind)
		t.Expect(s.ServeForever()).To(FailWith(InvalidState))
		t.Expect(first).To(BePending())
		t.Expect(s.IsServing()).To(ReturnBool(true))
		expectSomeClient(t, s)
	})
	itEach(socketKinds, "refuses serve_forever when it was closed", one, func(kind trace.EndKind) {
		s := t.Serve(kind)
		s.Close()
		t.Expect(s.ServeForever()).To(FailWith(InvalidState))
	})
	itEach(socketKinds, "refuses serve_forever when the first was cancelled", one, func(kind trace.EndKind) {
		s := t.Serve(kind)
		first := s.ServeForever()
		first.Cancel()
		t.Expect(first).To(FailWith(Cancelled))
		t.Expect(s.ServeForever()).To(FailWith(InvalidState))
	})

	ends := Rule("start_server.close-ends-serve-forever")
	itEach(socketKinds, "ends serve_forever by cancellation when it is closed", ends, func(kind trace.EndKind) {
		s, forever := serveForever(t, kind)
		t.Expect(forever).To(BePending())
		t.Expect(s.Close()).To(ReturnNone())
		t.Expect(forever).To(FailWith(Cancelled))
		t.Expect(s.WaitClosed()).To(ReturnNone())
	})
	itEach(socketKinds, "ends serve_forever by cancellation when its callback closes it", ends, func(kind trace.EndKind) {
		s, forever := serveForever(t, kind, Reacting(InCall(1).Doing(CloseServer, CloseWriter)))
		raw := t.RawConnect(s.Address())
		t.Expect(forever).To(FailWith(Cancelled))
		t.Expect(raw.RecvAll()).To(Return(""))
	})
}

// serverContext is the server as a context, and what ends serve_forever.
func serverContext(t *Testee) {
	context := Rule("start_server.context-manager")
	itEach(socketKinds, "is closed when its context is left", context, func(kind trace.EndKind) {
		s := t.Serve(kind)
		body := s.Context()
		t.Expect(body).To(BePending())
		t.Expect(s.IsServing()).To(ReturnBool(true))
		raw, h := s.Client()
		expectExchange(t, raw, h, "hello")
		h.Writer.Close()
		t.Expect(raw.RecvAll()).To(Return(""))
		body.Release()
		t.Expect(body).To(ReturnNone())
		t.Expect(s.IsServing()).To(ReturnBool(false))
		t.Expect(t.RawConnect(s.Address()).Made).To(FailWith(AnyError))
	})
	itEach(socketKinds, "leaves the connections of its clients open when its context is left", context, func(kind trace.EndKind) {
		s := t.Serve(kind)
		body := s.Context()
		raw, h := s.Client()
		body.Release()
		t.Expect(s.IsServing()).To(Become(ReturnBool(false)))
		expectExchange(t, raw, h, "hello")
		h.Writer.Close()
		t.Expect(raw.RecvAll()).To(Return(""))
		t.Expect(body).To(ReturnNone())
	})
	itEach(socketKinds, "is closed when its context is left by an exception, which comes through", context, func(kind trace.EndKind) {
		s := t.Serve(kind)
		body := s.Context()
		body.ReleaseRaising("boom")
		t.Expect(body).To(FailWith(Exception("boom")))
		t.Expect(s.IsServing()).To(ReturnBool(false))
		t.Expect(t.RawConnect(s.Address()).Made).To(FailWith(AnyError))
	})
	itEach(socketKinds, "is closed when its context is cancelled", context, func(kind trace.EndKind) {
		for _, enter := range []func(*Server) *Call{(*Server).Context, (*Server).ContextServing} {
			s := t.Serve(kind)
			body := enter(s)
			expectSomeClient(t, s)
			s.Handler(1).Writer.Close()
			body.Cancel()
			t.Expect(body).To(FailWith(Cancelled))
			t.Expect(s.IsServing()).To(ReturnBool(false))
			t.Expect(t.RawConnect(s.Address()).Made).To(FailWith(AnyError))
		}
	})
	itEach(socketKinds, "may be closed inside its context", context, func(kind trace.EndKind) {
		s := t.Serve(kind)
		body := s.Context()
		s.Close()
		t.Expect(body).To(BePending())
		body.Release()
		t.Expect(body).To(ReturnNone())
	})
	itEach(socketKinds, "serves forever until that is cancelled, and is closed then", context, func(kind trace.EndKind) {
		s := t.Serve(kind)
		forever := s.ServeForever()
		t.Expect(forever).To(BePending())
		raw, h := s.Client()
		expectExchange(t, raw, h, "hello")
		t.Expect(forever).To(BePending())
		forever.Cancel()
		h.Writer.Close()
		t.Expect(forever).To(FailWith(Cancelled))
		t.Expect(s.IsServing()).To(ReturnBool(false))
		t.Expect(t.RawConnect(s.Address()).Made).To(FailWith(AnyError))
	})
}

// serverClosesClients is close_clients and abort_clients.
func serverClosesClients(t *Testee) {
	closes := Rule("start_server.close-clients")
	itEach(socketKinds, "close_clients closes the connection of each client when what is queued to it is sent", closes, func(kind trace.EndKind) {
		s := t.Serve(kind)
		one, h1 := s.Client()
		two, _ := s.Client()
		text := Pattern(much)
		h1.Writer.Write(text)
		t.Expect(s.CloseClients()).To(ReturnNone())
		t.Expect(two.RecvAll()).To(Return(""))
		t.Expect(one.RecvAll()).To(Return(text))
		t.Expect(h1.Writer.WaitClosed()).To(ReturnNone())
	})
	itEach(socketKinds, "abort_clients aborts the connection of each client", closes, func(kind trace.EndKind) {
		s := t.Serve(kind)
		one, h1 := s.Client()
		two, h2 := s.Client()
		text := Pattern(much)
		h1.Writer.Write(text)
		t.Expect(s.AbortClients()).To(ReturnNone())
		t.Expect(h1.Writer.WaitClosed()).To(ReturnNone()) // though nobody receives what is queued
		t.Expect(h2.Writer.WaitClosed()).To(ReturnNone())
		t.Expect(one.RecvAll()).To(ComeBack())
		t.Expect(two.RecvAll()).To(ComeBack())
	})
	for _, way := range []struct {
		name string
		do   func(*Server) *Call
	}{{"close_clients", (*Server).CloseClients}, {"abort_clients", (*Server).AbortClients}} {
		itEach(socketKinds, way.name+" leaves the server serving", closes, func(kind trace.EndKind) {
			s := t.Serve(kind)
			raw, _ := s.Client()
			t.Expect(way.do(s)).To(ReturnNone())
			t.Expect(raw.RecvAll()).To(ComeBack())
			t.Expect(s.IsServing()).To(ReturnBool(true))
			expectSomeClient(t, s)
		})
		itEach(socketKinds, way.name+" works without clients, and with clients that are gone", closes, func(kind trace.EndKind) {
			s := t.Serve(kind)
			t.Expect(way.do(s)).To(ReturnNone())
			raw, h := s.Client()
			h.Writer.Close()
			t.Expect(raw.RecvAll()).To(Return(""))
			t.Expect(way.do(s)).To(ReturnNone())
			t.Expect(way.do(s)).To(ReturnNone())
			expectSomeClient(t, s)
		})
		itEach(socketKinds, way.name+" lets a server that is closed come to its end", closes, func(kind trace.EndKind) {
			s := t.Serve(kind)
			raw, _ := s.Client()
			s.Close()
			wait := s.WaitClosed()
			t.Expect(way.do(s)).To(ReturnNone())
			t.Expect(raw.RecvAll()).To(ComeBack())
			t.Expect(wait).To(ReturnNone())
		})
		itEach(socketKinds, way.name+" may be called by the callback", closes, func(kind trace.EndKind) {
			action := Action{Op: map[string]trace.Op{"close_clients": trace.ServerCloseClients, "abort_clients": trace.ServerAbortClients}[way.name]}
			s := t.Serve(kind, Reacting(InCall(2).Doing(action)))
			t.Expect(way.do(s)).To(ReturnNone()) // where there is no such thing the callback need not try
			one, _ := s.Client()
			two := t.RawConnect(s.Address())
			t.Expect(one.RecvAll()).To(ComeBack())
			t.Expect(two.RecvAll()).To(ComeBack())
			expectSomeClient(t, s)
		})
	}
}

// serverClosesWhileAccepting is a server that is closed while clients come. Each is handed to the callback, which closes its
// connection, or is closed by the server; none is left hanging.
func serverClosesWhileAccepting(t *Testee) {
	each := Rule("start_server.callback-per-connection")
	const most = 3
	program := Reacting(InCall(1).Doing(CloseWriter), InCall(2).Doing(CloseWriter), InCall(3).Doing(CloseWriter))
	connectMany := func(s *Server) (raws []*Raw) {
		for range most {
			raws = append(raws, t.RawConnect(s.Address()))
		}
		return raws
	}
	expectEnd := func(s *Server, raws []*Raw) {
		for _, raw := range raws {
			t.Expect(raw.RecvAll()).To(ComeBack())
		}
		t.Expect(s.Connected(0)).To(BeNumerically("<=", most), "calls of the callback")
		t.Expect(s.WaitClosed()).To(ReturnNone())
	}
	itEachCallback("leaves nobody hanging who has connected before it was closed", each, func(kind trace.EndKind, form trace.Callback) {
		s := t.Serve(kind, Calling(form), program)
		var raws []*Raw
		t.WithoutSettling(func() { raws = connectMany(s) })
		t.Expect(s.Close()).To(ReturnNone())
		expectEnd(s, raws)
	})
	itEachCallback("leaves nobody hanging when the callback closes it", each, func(kind trace.EndKind, form trace.Callback) {
		if kind == trace.TCP { // Linux forgets some of who is still connecting at that moment, so the callback must not run yet
			t.Needs(trace.CapTurns)
		}
		s := t.Serve(kind, Calling(form), Reacting(InCall(1).Doing(CloseServer, CloseWriter), InCall(2).Doing(CloseWriter), InCall(3).Doing(CloseWriter)))
		var raws []*Raw
		t.WithoutSettling(func() { raws = connectMany(s) })
		t.Settle()
		// Without an event loop it may be closed before all have connected. Those who come afterwards are refused.
		expectEnd(s, slices.DeleteFunc(raws, func(r *Raw) bool { return r.Made.Raised() != nil }))
	})
	itEach(socketKinds, "leaves nobody hanging when another connection's callback closes it", each, func(kind trace.EndKind) {
		s := t.Serve(kind, program)
		c := t.Connect(kind, In(trace.DataReceived).Doing(CloseServer.OfServer(s)))
		var raws []*Raw
		t.WithoutSettling(func() {
			raws = connectMany(s)
			c.Raw.Send("now")
		})
		t.Settle()
		expectEnd(s, raws)
	})
	for n := 1; n <= 6; n++ {
		for _, form := range callbacks {
			// Over Unix sockets only, where a client that is left hanging shows at once.
			It(fmt.Sprintf("leaves nobody hanging when it is closed %s after clients came, by a %s", turns(n), form), each, func() {
				s := t.Serve(trace.Unix, Calling(form), program)
				var raws []*Raw
				t.WithoutSettling(func() { raws = connectMany(s) })
				t.Turn(n)
				t.Expect(s.Close()).To(ReturnNone())
				expectEnd(s, raws)
			})
			It(fmt.Sprintf("leaves nobody hanging when serve_forever is cancelled %s after clients came, by a %s", turns(n), form), each, func() {
				s := t.Serve(trace.Unix, Calling(form), program)
				forever := s.ServeForever()
				var raws []*Raw
				t.WithoutSettling(func() { raws = connectMany(s) })
				t.Turn(n)
				forever.Cancel()
				t.Expect(forever).To(FailWith(Cancelled))
				expectEnd(s, raws)
			})
		}
	}
}

func turns(n int) string {
	if n == 1 {
		return "a turn"
	}
	return fmt.Sprintf("%d turns", n)
}

// startServerPython is start_server's surface in Python.
func startServerPython(t *Testee) {
	defaults := Rule("start_server.defaults")
	itEach([]trace.EndKind{trace.TCP}, "resolves a host to any family, for listening", defaults, func(kind trace.EndKind) {
		t.Needs(trace.CapPythonSurface)
		a := t.NewAddress(kind)
		t.Resolve("here.test", a)
		s := t.Serve(kind, WithHost("here.test"))
		t.Expect(t.Resolving("here.test", 1)).To(beAsked(Query{Family: trace.Unspecified, Flags: flagPassive}))
		raw, h := s.ClientAt(a)
		expectExchange(t, raw, h, "hello")
	})
	itEach([]trace.EndKind{trace.TCP}, "has a backlog of 100, does not reuse ports, and serves", defaults, func(kind trace.EndKind) {
		t.Needs(trace.CapPythonSurface)
		s := t.Serve(kind)
		t.Expect(s.Address().Ask("backlog")).To(ReturnInt(100))
		t.Expect(s.Address().Ask("reuse_port")).To(ReturnBool(false))
		t.Expect(s.IsServing()).To(ReturnBool(true))
	})

	refused := Rule("start_server.loop-refused")
	itEach(socketKinds, "refuses a loop", refused, func(kind trace.EndKind) {
		a := t.NewAddress(kind)
		t.Expect(t.Serve(kind, At(a), WithKeyword("loop", trace.None)).Made).To(FailWith(InvalidType))
		t.Expect(t.RawConnect(a).Made).To(FailWith(AnyError))
	})
}
