package behavior

import (
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// openConnection is connecting over TCP.
func openConnection(t *Testee) {
	Describe("open_connection", func() {
		openConnectionPair(t)
		openConnectionArguments(t)
		openConnectionSocket(t)
		openConnectionFails(t)
		openConnectionAddresses(t)
		openConnectionEyeballs(t)
		openConnectionCancelled(t)
		openConnectionPython(t)
	})
}

// defaultLimit is the limit of a reader where none is given, bytes.
const defaultLimit = 65536

// eyeballsDelay is a happy_eyeballs_delay, milliseconds.
const eyeballsDelay = 250

// expectTalk holds that data get through a stream both ways.
func expectTalk(t *Testee, s *Stream) {
	s.Raw.SendAll("question\n")
	t.Expect(s.Reader.ReadLine()).To(Return("question\n"))
	t.Expect(s.Writer.Write("answer\n")).To(ReturnNone())
	t.Expect(s.Raw.Recv(7)).To(Return("answer\n"))
}

// expectNobody holds that the implementation has made no connection to an address.
func expectNobody(t *Testee, a *Address) {
	t.Expect(a.AcceptAtOnce().Made).To(FailWith(AnyError), "to accept a connection")
}

// expectLimit holds that a reader has a limit, bytes: a line as long is read, and a longer one overruns.
func expectLimit(t *Testee, r *Reader, raw *Raw, limit int) {
	fits := strings.Repeat("a", limit) + "\n"
	raw.SendAll(fits)
	t.Expect(r.ReadUntil("\n")).To(Return(fits))
	raw.SendAll("a" + fits)
	t.Expect(r.ReadUntil("\n")).To(FailWith(LimitOverrun))
	t.Expect(r.ReadExactly(limit + 2)).To(Return("a" + fits))
}

// expectWholeTalk has both ends of a stream hear from each other, and end it.
func expectWholeTalk(t *Testee, s *Stream) {
	s.Raw.Send("all there is")
	s.Raw.End()
	t.Expect(s.Reader.ReadAll()).To(Return("all there is"))
	s.Writer.Write("answer")
	s.Writer.Close()
	t.Expect(s.Raw.RecvAll()).To(Return("answer"))
	t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
}

// openHost has the implementation connect to a host, at the port of all the session's addresses.
func openHost(t *Testee, host string, options ...Option) *Call {
	return t.Opening(trace.TCP, append([]Option{WithHost(host)}, options...)...)
}

// openConnectionPair is what comes of connecting.
func openConnectionPair(t *Testee) {
	pair := Rule("open_connection.returns-pair")
	It("connects to a host and a port, and returns a reader and a writer", pair, func() {
		a := t.NewAddressIn(trace.TCP, trace.Live)
		s := t.OpenTo(a)
		expectTalk(t, s)
		t.Expect(s.Writer.Info("peername")).To(ReturnTheSameAs(s.Raw.SockName()))
		t.Expect(s.Writer.Info("sockname")).To(ReturnTheSameAs(s.Raw.PeerName()))
		expectNobody(t, a)
	})
	It("returns a pair that can be read to the end and closed", pair, func() {
		expectWholeTalk(t, t.OpenTo(t.NewAddressIn(trace.TCP, trace.Live)))
	})
	It("connects to a host of IPv6", pair, func() {
		expectTalk(t, t.OpenTo(t.NewAddressOf("::1", trace.Live)))
	})
	It("connects to a host by its name", pair, func() {
		a := t.NewAddressIn(trace.TCP, trace.Live)
		t.Resolve("one.test", a)
		opened := openHost(t, "one.test")
		t.Expect(opened).To(ReturnNone())
		expectTalk(t, opened.Stream(a.Accept()))
	})
	It("waits for the address of a name", pair, func() {
		t.Needs(trace.CapResolver)
		a := t.NewAddressIn(trace.TCP, trace.Live)
		opened := openHost(t, "late.test")
		t.Expect(t.Resolving("late.test", 1)).NotTo(BeEmpty())
		t.Expect(opened).To(BePending())
		expectNobody(t, a)
		t.Resolve("late.test", a)
		t.Expect(opened).To(ReturnNone())
		expectTalk(t, opened.Stream(a.Accept()))
	})
	It("makes a reader and a writer of a socket that is connected", pair, func() {
		s := t.OpenOn(t.NewRaw(trace.TCP))
		expectTalk(t, s)
		s.Raw.End()
		t.Expect(s.Reader.ReadAll()).To(Return(""))
	})
	It("connects several times to the same address, to each its own", pair, func() {
		a := t.NewAddressIn(trace.TCP, trace.Live)
		first, second := t.OpenTo(a), t.OpenTo(a)
		first.Raw.Send("to the first")
		second.Raw.Send("to the second")
		t.Expect(second.Reader.ReadExactly(13)).To(Return("to the second"))
		t.Expect(first.Reader.ReadExactly(12)).To(Return("to the first"))
		first.Writer.Close()
		t.Expect(first.Raw.RecvAll()).To(Return(""))
		expectTalk(t, second)
	})
	It("connects to several at the same time", pair, func() {
		a := t.NewAddressIn(trace.TCP, trace.Live)
		opened := make([]*Call, 4)
		t.WithoutSettling(func() {
			for i := range opened {
				opened[i] = t.Opening(trace.TCP, To(a))
			}
		})
		streams := make([]*Stream, len(opened))
		for i, c := range opened {
			t.Expect(c).To(ReturnNone())
			streams[i] = c.Stream(nil)
			streams[i].Writer.Write(fmt.Sprint(i))
		}
		var seen []string
		for range opened { // which of them it is tells what it has written
			raw := a.Accept()
			got := raw.Recv(1)
			t.Expect(got).To(ReturnOneOf("0", "1", "2", "3"))
			i := string(*got.Returned().Bytes)
			seen = append(seen, i)
			raw.Send("for " + i)
			t.Expect(streams[i[0]-'0'].Reader.ReadExactly(5)).To(Return("for " + i))
		}
		slices.Sort(seen)
		t.Expect(seen).To(Equal([]string{"0", "1", "2", "3"}))
	})
	It("loses nothing that the peer sends at once", pair, func() {
		a := t.NewAddressIn(trace.TCP, trace.Live)
		var opened *Call
		t.WithoutSettling(func() { opened = t.Opening(trace.TCP, To(a)) })
		raw := a.Accept()
		raw.Send("early")
		raw.Close()
		t.Expect(opened).To(ReturnNone())
		t.Expect(opened.Stream(raw).Reader.ReadAll()).To(Return("early"))
	})

	limit := Rule("open_connection.limit")
	It("has a limit of 64 KiB when none is given", limit, func() {
		s := t.OpenTo(t.NewAddressIn(trace.TCP, trace.Live))
		expectLimit(t, s.Reader, s.Raw, defaultLimit)
	})
	for _, n := range []int{1, 10, defaultLimit + 1} {
		It(fmt.Sprintf("has the limit that is given: %d", n), limit, func() {
			s := t.OpenTo(t.NewAddressIn(trace.TCP, trace.Live), WithLimit(n))
			expectLimit(t, s.Reader, s.Raw, n)
		})
	}
	It("has the limit that is given, of a socket", limit, func() {
		s := t.OpenOn(t.NewRaw(trace.TCP), WithLimit(10))
		expectLimit(t, s.Reader, s.Raw, 10)
	})
	It("has a limit of 64 KiB when none is given, of a socket", limit, func() {
		s := t.OpenOn(t.NewRaw(trace.TCP))
		expectLimit(t, s.Reader, s.Raw, defaultLimit)
	})
}

// openConnectionArguments is what becomes of the other arguments.
func openConnectionArguments(t *Testee) {
	local := Rule("open_connection.local-address")
	It("binds the local end to a host and a port", local, func() {
		a := t.NewAddressIn(trace.TCP, trace.Live)
		s := t.OpenTo(a, WithLocal(t.NewAddress(trace.TCP)))
		peer, own := s.Raw.PeerName().Returned(), s.Raw.SockName().Returned()
		t.Expect(peer.List[1].String()).To(Equal(own.List[1].String()), "the port, which all addresses have")
		t.Expect(peer.List[0].String()).NotTo(Equal(own.List[0].String()), "the host, which is another")
		expectTalk(t, s)
	})
	It("binds the local end to a host, with any port", local, func() {
		a := t.NewAddressIn(trace.TCP, trace.Live)
		s := t.OpenTo(a, WithLocal(t.NewAddressOfPort("127.6.7.8", 0)))
		peer := s.Raw.PeerName().Returned()
		t.Expect(peer.List[0].String()).To(Equal(`the text "127.6.7.8"`))
		t.Expect(peer.List[1].String()).NotTo(Equal("0"))
		t.Expect(s.Writer.Info("sockname")).To(ReturnTheSameAs(s.Raw.PeerName()))
		expectTalk(t, s)
	})
	It("does not connect when the local end cannot be bound", Rule("open_connection.local-address", "open_connection.failure-raises"), func() {
		a, occupied := t.NewAddressIn(trace.TCP, trace.Live), t.NewAddressIn(trace.TCP, trace.Live)
		t.Expect(t.Opening(trace.TCP, To(a), WithLocal(occupied))).To(FailWith(OSError))
		expectNobody(t, a)
	})

	It("passes on what it does not know, which is refused", Rule("open_connection.passes-arguments-on"), func() {
		a := t.NewAddressIn(trace.TCP, trace.Live)
		t.Expect(t.Opening(trace.TCP, To(a), WithKeyword("colour", trace.Value{Text: trace.Text("red")}))).To(FailWith(AnyError))
		expectNobody(t, a)
	})
	It("passes on what is about names", Rule("open_connection.passes-arguments-on"), func() {
		a := t.NewAddressIn(trace.TCP, trace.Live)
		t.Resolve("one.test", a)
		opened := openHost(t, "one.test", WithFamily(trace.IPv4), WithProto(protoTCP), WithFlags(flagAddrConfig), WithLocal(t.NewAddress(trace.TCP)), WithLimit(10))
		t.Expect(opened).To(ReturnNone())
		t.Expect(t.Resolving("one.test", 1)).To(beAsked(Query{Family: trace.IPv4, Proto: protoTCP, Flags: flagAddrConfig}))
		s := opened.Stream(a.Accept())
		expectLimit(t, s.Reader, s.Raw, 10)
	})

	pair := Rule("open_connection.address-or-socket")
	It("is refused when neither an address nor a socket is given", pair, func() {
		t.Expect(t.Opening(trace.TCP)).To(FailWith(InvalidArgument))
		t.Expect(t.Opening(trace.TCP, WithLimit(10))).To(FailWith(InvalidArgument))
	})
	both := []way[func(*Address) Option]{
		{"a host and a port", To},
		{"a host", func(*Address) Option { return WithHost("127.0.0.1") }},
		{"a port", func(*Address) Option { return WithPort(1) }},
	}
	for _, with := range both {
		It("is refused when a socket is given beside "+with.name, pair, func() {
			a := t.NewAddressIn(trace.TCP, trace.Live)
			k := t.NewSocketTo(t.NewRaw(trace.TCP))
			t.Expect(t.Opening(trace.TCP, with.do(a), WithSocket(k))).To(FailWith(InvalidArgument))
			expectNobody(t, a)
		})
	}
}

// openConnectionSocket is to whom a socket belongs that was passed.
func openConnectionSocket(t *Testee) {
	owns := Rule("open_connection.owns-socket", "open_connection.closes-given-socket")
	It("leaves a socket open while the stream is, and closes it with the writer", owns, func() {
		raw := t.NewRaw(trace.TCP)
		k := t.NewSocketTo(raw)
		opened := t.Opening(trace.TCP, WithSocket(k))
		t.Expect(opened).To(ReturnNone())
		s := opened.Stream(raw)
		expectTalk(t, s)
		t.Expect(k.IsOpen()).To(ReturnBool(true))
		s.Writer.Close()
		t.Expect(raw.RecvAll()).To(Return(""))
		t.Expect(k.IsOpen()).To(Become(ReturnBool(false)))
	})
	It("leaves a socket open until what is queued was sent", owns, func() {
		raw := t.NewRaw(trace.TCP)
		k := t.NewSocketTo(raw)
		opened := t.Opening(trace.TCP, WithSocket(k))
		t.Expect(opened).To(ReturnNone())
		s := opened.Stream(raw)
		text := Pattern(much)
		s.Writer.Write(text)
		s.Writer.Close()
		t.Expect(k.IsOpen()).To(ReturnBool(true))
		t.Expect(raw.RecvAll()).To(Return(text))
		t.Expect(k.IsOpen()).To(Become(ReturnBool(false)))
	})
	It("closes a socket of a connection that the peer has reset", owns, func() {
		raw := t.NewRaw(trace.TCP)
		k := t.NewSocketTo(raw)
		opened := t.Opening(trace.TCP, WithSocket(k))
		t.Expect(opened).To(ReturnNone())
		s := opened.Stream(raw)
		raw.Reset()
		t.Expect(s.Reader.ReadAll()).To(FailWith(lostToPeer))
		s.Writer.Close()
		t.Expect(k.IsOpen()).To(Become(ReturnBool(false)))
	})
}

// openConnectionFails is connecting where that cannot be done.
func openConnectionFails(t *Testee) {
	fails := Rule("open_connection.failure-raises")
	It("raises when the connection is refused", fails, func() {
		t.Expect(t.Opening(trace.TCP, To(t.NewAddress(trace.TCP)))).To(FailWith(OSError))
	})
	It("raises when there is no such port", fails, func() {
		t.Expect(t.Opening(trace.TCP, To(t.NewAddressOfPort("127.0.0.1", 0)))).To(FailWith(AnyError))
	})
	It("raises when a name cannot be resolved", fails, func() {
		t.ResolveFailing("unknown.test", "no such host is known")
		t.Expect(openHost(t, "unknown.test")).To(FailWith(OSError))
	})
	It("raises when it turns out that a name cannot be resolved", fails, func() {
		t.Needs(trace.CapResolver)
		opened := openHost(t, "unknown.test")
		t.Expect(t.Resolving("unknown.test", 1)).NotTo(BeEmpty())
		t.Expect(opened).To(BePending())
		t.ResolveFailing("unknown.test", "no such host is known")
		t.Expect(opened).To(FailWith(OSError))
	})
	It("leaves nothing behind when the connection is refused, or when it is cancelled", fails, func() {
		for _, state := range []trace.State{trace.Free, trace.Silent} {
			local := t.NewAddress(trace.TCP)
			opened := t.Opening(trace.TCP, To(t.NewAddressIn(trace.TCP, state)), WithLocal(local))
			if state == trace.Silent {
				opened.Cancel()
			}
			t.Expect(opened).To(FailWith(AnyError))
			t.Expect(local.Ask("reuse_address")).To(Become(ReturnNone())) // since no socket is bound there
		}
	})
	It("raises each time, and connects when somebody listens", fails, func() {
		a := t.NewAddress(trace.TCP)
		t.Expect(t.Opening(trace.TCP, To(a))).To(FailWith(OSError))
		t.Expect(t.Opening(trace.TCP, To(a))).To(FailWith(OSError))
		a.Put(trace.Live)
		expectTalk(t, t.OpenTo(a))
	})
}

// errorsOf returns the texts of the errors of connecting to each of these addresses.
func errorsOf(t *Testee, addresses ...*Address) []string {
	var texts []string
	for _, a := range addresses {
		opened := t.Opening(trace.TCP, To(a))
		t.Expect(opened).To(FailWith(OSError))
		texts = append(texts, opened.Raised().Message)
	}
	return texts
}

// openConnectionAddresses is connecting to a name that has several addresses, or none.
func openConnectionAddresses(t *Testee) {
	all := Rule("open_connection.error-of-all-addresses")
	It("raises the error of the address when there is one", all, func() {
		a := t.NewAddress(trace.TCP)
		t.Resolve("one.test", a)
		opened := openHost(t, "one.test")
		t.Expect(opened).To(FailWith(OSError))
		t.Expect(opened.Raised().Message).To(Equal(errorsOf(t, a)[0]))
	})
	It("raises the error of the addresses when they are alike", all, func() {
		a := t.NewAddress(trace.TCP)
		t.Resolve("twice.test", a, a)
		opened := openHost(t, "twice.test")
		t.Expect(opened).To(FailWith(OSError))
		t.Expect(opened.Raised().Message).To(Equal(errorsOf(t, a)[0]))
	})
	It("raises an error that joins those of the addresses", all, func() {
		a, b, c := t.NewAddress(trace.TCP), t.NewAddress(trace.TCP), t.NewAddress(trace.TCP)
		t.Resolve("three.test", a, b, c)
		t.Expect(openHost(t, "three.test")).To(FailWith(Joining(errorsOf(t, a, b, c)...)))
	})
	It("raises when a name has no address", all, func() {
		t.Resolve("none.test")
		t.Expect(openHost(t, "none.test")).To(FailWith(OSError))
	})

	order := Rule("open_connection.addresses-in-order")
	It("connects to the first address of a name, and to no other", order, func() {
		first, second := t.NewAddressIn(trace.TCP, trace.Live), t.NewAddressIn(trace.TCP, trace.Live)
		t.Resolve("two.test", first, second)
		opened := openHost(t, "two.test")
		t.Expect(opened).To(ReturnNone())
		expectTalk(t, opened.Stream(first.Accept()))
		expectNobody(t, second)
	})
	It("tries the next address when one fails", order, func() {
		a, third := t.NewAddress(trace.TCP), t.NewAddressIn(trace.TCP, trace.Live)
		t.Resolve("three.test", a, t.NewAddress(trace.TCP), third)
		opened := openHost(t, "three.test")
		t.Expect(opened).To(ReturnNone())
		expectTalk(t, opened.Stream(third.Accept()))
	})
	It("does not try the next address while one neither fails nor succeeds", order, func() {
		second := t.NewAddressIn(trace.TCP, trace.Live)
		t.Resolve("two.test", t.NewAddressIn(trace.TCP, trace.Silent), second)
		opened := openHost(t, "two.test")
		t.Expect(t.Resolving("two.test", 1)).NotTo(BeEmpty())
		t.Settle()
		t.Expect(opened).To(BePending())
		expectNobody(t, second)
	})
	It("tries the next address when the local end cannot be bound for one", order, func() {
		local := t.NewAddress(trace.TCP)
		second := t.NewAddressIn(trace.TCP, trace.Live)
		t.Resolve("two.test", t.NewAddressOf("::1", trace.Free), second)
		opened := openHost(t, "two.test", WithLocal(local))
		t.Expect(opened).To(ReturnNone())
		expectTalk(t, opened.Stream(second.Accept()))
	})
	It("tries addresses in order with happy_eyeballs_delay too", Rule("open_connection.addresses-in-order", "open_connection.happy-eyeballs"), func() {
		t.NeedsRule("open_connection.happy-eyeballs")
		first, second := t.NewAddressIn(trace.TCP, trace.Live), t.NewAddressIn(trace.TCP, trace.Live)
		t.FreezeClock()
		t.Resolve("two.test", first, second)
		opened := openHost(t, "two.test", WithDelay(eyeballsDelay))
		t.Expect(opened).To(ReturnNone())
		expectTalk(t, opened.Stream(first.Accept()))
		t.Resolve("three.test", t.NewAddress(trace.TCP), t.NewAddress(trace.TCP), second)
		opened = openHost(t, "three.test", WithDelay(eyeballsDelay))
		t.Expect(opened).To(ReturnNone())
		expectTalk(t, opened.Stream(second.Accept()))
	})
}

// atTheDelay holds that a call which is to come back at a moment of the stopped clock does. An implementation that has not begun to
// wait when the clock is advanced waits longer: that a call has not come back is believed when it was given time to begin, which
// is what begun gives, in a second attempt.
func atTheDelay(t *Testee, attempt func(number int, begun func()) *Call) {
	var c *Call
	for i, ms := range []int{0, 5000} {
		c = attempt(i, func() {
			t.Settle()
			if ms > 0 {
				t.Pass(ms)
			}
		})
		if c.Raised() != nil || !c.Pending() || t.SettlesExactly() {
			break
		}
		c.Cancel()
	}
	t.Expect(c).To(ReturnNone())
}

// openConnectionEyeballs is trying several addresses at the same time.
func openConnectionEyeballs(t *Testee) {
	eyeballs := Rule("open_connection.happy-eyeballs")
	It("tries the next address when the delay has passed, and not before", eyeballs, func() {
		t.FreezeClock()
		atTheDelay(t, func(number int, begun func()) *Call {
			second := t.NewAddressIn(trace.TCP, trace.Live)
			host := fmt.Sprintf("two-%d.test", number)
			t.Resolve(host, t.NewAddressIn(trace.TCP, trace.Silent), second)
			opened := openHost(t, host, WithDelay(eyeballsDelay))
			begun()
			t.Advance(eyeballsDelay - 1)
			t.Expect(opened).To(BePending())
			expectNobody(t, second)
			t.Advance(1)
			if opened.Returned() != nil {
				expectTalk(t, opened.Stream(second.Accept()))
			}
			return opened
		})
	})
	It("counts the delay from each address to the next", eyeballs, func() {
		t.FreezeClock()
		silent := t.NewAddressIn(trace.TCP, trace.Silent)
		atTheDelay(t, func(number int, begun func()) *Call {
			third := t.NewAddressIn(trace.TCP, trace.Live)
			host := fmt.Sprintf("three-%d.test", number)
			t.Resolve(host, silent, silent, third)
			opened := openHost(t, host, WithDelay(eyeballsDelay))
			begun()
			t.Advance(eyeballsDelay)
			begun()
			t.Advance(eyeballsDelay - 1)
			t.Expect(opened).To(BePending())
			expectNobody(t, third)
			t.Advance(1)
			if opened.Returned() != nil {
				expectTalk(t, opened.Stream(third.Accept()))
			}
			return opened
		})
	})
	It("does not wait for the delay when an address has failed", eyeballs, func() {
		second := t.NewAddressIn(trace.TCP, trace.Live)
		t.FreezeClock()
		t.Resolve("two.test", t.NewAddress(trace.TCP), second)
		opened := openHost(t, "two.test", WithDelay(eyeballsDelay))
		t.Expect(opened).To(ReturnNone())
		expectTalk(t, opened.Stream(second.Accept()))
	})
	It("does not wait for the delay again when the address that it tried last has failed, while it still tries another", eyeballs, func() {
		t.FreezeClock()
		silent := t.NewAddressIn(trace.TCP, trace.Silent)
		atTheDelay(t, func(number int, begun func()) *Call {
			third := t.NewAddressIn(trace.TCP, trace.Live)
			host := fmt.Sprintf("three-%d.test", number)
			t.Resolve(host, silent, t.NewAddress(trace.TCP), third)
			opened := openHost(t, host, WithDelay(eyeballsDelay))
			begun()
			t.Advance(eyeballsDelay)
			if opened.Returned() != nil {
				expectTalk(t, opened.Stream(third.Accept()))
			}
			return opened
		})
	})
	It("tries all addresses at once with a delay of 0", eyeballs, func() {
		third := t.NewAddressIn(trace.TCP, trace.Live)
		silent := t.NewAddressIn(trace.TCP, trace.Silent)
		t.FreezeClock()
		t.Resolve("three.test", silent, silent, third)
		opened := openHost(t, "three.test", WithDelay(0))
		t.Expect(opened).To(ReturnNone())
		expectTalk(t, opened.Stream(third.Accept()))
	})
	It("leaves later addresses alone when one has succeeded", eyeballs, func() {
		first, second := t.NewAddressIn(trace.TCP, trace.Live), t.NewAddressIn(trace.TCP, trace.Live)
		t.FreezeClock()
		t.Resolve("two.test", first, second)
		opened := openHost(t, "two.test", WithDelay(eyeballsDelay))
		t.Expect(opened).To(ReturnNone())
		s := opened.Stream(first.Accept())
		t.Advance(10 * eyeballsDelay)
		expectNobody(t, second)
		expectTalk(t, s)
	})
	It("raises the errors of all when every address has failed", Rule("open_connection.error-of-all-addresses", "open_connection.happy-eyeballs"), func() {
		t.NeedsRule("open_connection.happy-eyeballs")
		t.FreezeClock()
		a, b := t.NewAddress(trace.TCP), t.NewAddress(trace.TCP)
		t.Resolve("two.test", a, b)
		t.Expect(openHost(t, "two.test", WithDelay(eyeballsDelay))).To(FailWith(Joining(errorsOf(t, a, b)...)))
	})
	It("takes a delay where there is one address", eyeballs, func() {
		a := t.NewAddressIn(trace.TCP, trace.Live)
		expectTalk(t, t.OpenTo(a, WithDelay(eyeballsDelay)))
		expectTalk(t, t.OpenTo(a, WithDelay(eyeballsDelay), WithInterleave(1)))
		expectTalk(t, t.OpenTo(a, WithInterleave(1)))
	})

	It("mixes the families of addresses when there is a delay and nothing is said of interleave", eyeballs, func() {
		first, second, other := t.NewAddress(trace.TCP), t.NewAddressIn(trace.TCP, trace.Live), t.NewAddressOf("::1", trace.Live)
		t.FreezeClock()
		t.Resolve("mixed.test", first, second, other)
		opened := openHost(t, "mixed.test", WithDelay(eyeballsDelay))
		t.Expect(opened).To(ReturnNone())
		expectTalk(t, opened.Stream(other.Accept()))
	})
	// Two hosts of IPv4 and one of IPv6: with interleave, as many of the first family come first, and then one of each in turn.
	for _, c := range []struct{ interleave, dead int }{{0, 1}, {0, 2}, {1, 1}, {2, 1}, {2, 2}} {
		name := fmt.Sprintf("mixes the families of addresses as interleave says: %d, where the first %d are dead", c.interleave, c.dead)
		It(name, eyeballs, func() {
			old := []*Address{t.NewAddress(trace.TCP), t.NewAddressIn(trace.TCP, trace.Live), t.NewAddressIn(trace.TCP, trace.Live)}
			other := t.NewAddressOf("::1", trace.Live)
			if c.dead == 2 {
				old[1].Put(trace.Free)
			}
			order := []*Address{old[0], old[1], old[2], other}
			if c.interleave > 0 {
				order = slices.Insert(order[:3:3], c.interleave, other)
			}
			t.Resolve("mixed.test", old[0], old[1], old[2], other)
			opened := openHost(t, "mixed.test", WithInterleave(c.interleave))
			t.Expect(opened).To(ReturnNone())
			expectTalk(t, opened.Stream(order[c.dead].Accept()))
		})
	}
}

// openConnectionCancelled is giving up while connecting: nothing is left of it.
func openConnectionCancelled(t *Testee) {
	fails := Rule("open_connection.failure-raises")
	It("connects to nothing when it was cancelled while the name was looked up", fails, func() {
		t.Needs(trace.CapResolver)
		a := t.NewAddressIn(trace.TCP, trace.Live)
		opened := openHost(t, "late.test")
		t.Expect(t.Resolving("late.test", 1)).NotTo(BeEmpty())
		opened.Cancel()
		t.Expect(opened).To(FailWith(Cancelled))
		t.Resolve("late.test", a)
		t.Settle()
		expectNobody(t, a)
		expectTalk(t, t.OpenTo(a))
	})
	It("can be cancelled while it connects", fails, func() {
		silent, a := t.NewAddressIn(trace.TCP, trace.Silent), t.NewAddressIn(trace.TCP, trace.Live)
		opened := t.Opening(trace.TCP, To(silent))
		t.Expect(opened).To(BePending())
		opened.Cancel()
		t.Expect(opened).To(FailWith(Cancelled))
		expectTalk(t, t.OpenTo(a))
	})
	It("tries no further address when it was cancelled", Rule("open_connection.failure-raises", "open_connection.happy-eyeballs"), func() {
		t.NeedsRule("open_connection.happy-eyeballs")
		second := t.NewAddressIn(trace.TCP, trace.Live)
		t.FreezeClock()
		t.Resolve("two.test", t.NewAddressIn(trace.TCP, trace.Silent), second)
		opened := openHost(t, "two.test", WithDelay(eyeballsDelay))
		t.Expect(t.Resolving("two.test", 1)).NotTo(BeEmpty())
		t.Settle()
		opened.Cancel()
		t.Expect(opened).To(FailWith(Cancelled))
		t.Advance(10 * eyeballsDelay)
		expectNobody(t, second)
		expectTalk(t, t.OpenTo(second))
	})

	for n := range 5 {
		It(fmt.Sprintf("spoils no other connection when it was cancelled: of a socket, after %s", turns(n)), fails, func() {
			k := t.NewSocketTo(t.NewRaw(trace.TCP))
			_, others := cancelAfter(t, trace.TCP, n, func() *Call { return t.Opening(trace.TCP, WithSocket(k)) })
			expectTalkOfAll(t, others)
		})
		It(fmt.Sprintf("spoils no other connection when it was cancelled, and leaves none: after %s", turns(n)), fails, func() {
			a := t.NewAddressIn(trace.TCP, trace.Live)
			opened, others := cancelAfter(t, trace.TCP, n, func() *Call { return t.Opening(trace.TCP, To(a)) })
			expectGone(t, opened, a)
			expectTalkOfAll(t, others)
		})
	}
}

// cancelAfter has open begin to make a connection, and cancels that after some turns of the event loop. It returns other
// connections, some of them opened in the turns after that: a descriptor that is closed twice may be that of one of them the
// second time.
func cancelAfter(t *Testee, kind trace.EndKind, n int, open func() *Call) (opened *Call, others []*Stream) {
	var raws []*Raw
	var begun []*Call
	another := func() {
		raw := t.NewRaw(kind)
		raws, begun = append(raws, raw), append(begun, t.Opening(kind, WithSocket(t.NewSocketTo(raw))))
	}
	t.WithoutSettling(func() {
		opened = open()
		if n > 0 {
			t.Turn(n)
		}
		opened.Cancel()
		another()
		for range 3 {
			if t.Description.Has(trace.CapTurns) {
				t.Turn(1)
			}
			another()
		}
	})
	t.Expect(opened).To(Either(FailWith(Cancelled), ReturnNone()))
	another()
	for i, c := range begun {
		t.Expect(c).To(ReturnNone())
		others = append(others, c.Stream(raws[i]))
	}
	return opened, others
}

func expectTalkOfAll(t *Testee, streams []*Stream) {
	for _, s := range streams {
		expectTalk(t, s)
	}
}

// expectGone holds that nothing is left of a connection to an address that was cancelled, unless it had been made before.
func expectGone(t *Testee, opened *Call, a *Address) {
	if opened.Raised() == nil {
		return
	}
	if raw := a.AcceptAtOnce(); raw.Made.Raised() == nil {
		t.Expect(raw.RecvAll()).To(Either(Return(""), FailWith(lostToPeer)))
	}
}

// openConnectionPython is the surface of the function in Python.
func openConnectionPython(t *Testee) {
	types := Rule("open_connection.returned-types")
	It("returns a StreamReader and a StreamWriter", types, func() {
		s := t.OpenTo(t.NewAddressIn(trace.TCP, trace.Live))
		t.Expect(s.Reader.IsA("StreamReader")).To(ReturnBool(true))
		t.Expect(s.Writer.IsA("StreamWriter")).To(ReturnBool(true))
	})
	It("returns a StreamReader and a StreamWriter for a socket", types, func() {
		s := t.OpenOn(t.NewRaw(trace.TCP))
		t.Expect(s.Reader.IsA("StreamReader")).To(ReturnBool(true))
		t.Expect(s.Writer.IsA("StreamWriter")).To(ReturnBool(true))
	})
	It("takes no more than a host and a port by position", Rule("open_connection.positional-arguments"), func() {
		a := t.NewAddressIn(trace.TCP, trace.Live)
		t.Expect(t.Opening(trace.TCP, To(a), WithKeyword("", trace.Value{Int: trace.Int(100)}))).To(FailWith(InvalidType))
		expectNobody(t, a)
	})
	It("takes the event loop as loop", Rule("open_connection.loop-accepted"), func() {
		expectTalk(t, t.OpenTo(t.NewAddressIn(trace.TCP, trace.Live), WithKeyword("loop", theLoop)))
	})
	It("knows no loop any more", Rule("open_connection.loop-refused"), func() {
		a := t.NewAddressIn(trace.TCP, trace.Live)
		t.Expect(t.Opening(trace.TCP, To(a), WithKeyword("loop", theLoop))).To(FailWith(InvalidType))
		expectNobody(t, a)
	})
}

// theLoop stands for the event loop where it is passed as an argument.
var theLoop = trace.Value{Object: "loop"}
