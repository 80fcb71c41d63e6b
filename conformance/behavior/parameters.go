package behavior

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// parameters is what the functions that connect and that serve have in common.
func parameters(t *Testee) {
	Describe("parameters", func() {
		parametersPlace(t)
		parametersResolution(t)
		parametersListening(t)
		parametersLimit(t)
	})
}

// Numbers of Linux for the resolver.
const (
	protoTCP       = 6
	flagPassive    = 0x01 // of addresses to listen at
	flagAddrConfig = 0x20
)

// parametersPlace is to what a connection is made, or where is served.
func parametersPlace(t *Testee) {
	one := Rule("parameters.socket-or-address")
	itEach(socketKinds, "refuses to connect to nothing", one, func(kind trace.EndKind) {
		t.Expect(t.Opening(kind)).To(FailWith(AnyError))
	})
	itEach(socketKinds, "refuses to connect to an address and a socket", one, func(kind trace.EndKind) {
		a, k := t.NewAddressIn(kind, trace.Live), t.NewSocketTo(t.NewRaw(kind))
		t.Expect(t.Opening(kind, To(a), WithSocket(k))).To(FailWith(AnyError))
		expectNobody(t, a)
	})
	itEach(socketKinds, "refuses to serve nowhere", one, func(kind trace.EndKind) {
		t.Expect(t.ServeAsSaid(kind).Made).To(FailWith(AnyError))
	})
	itEach(socketKinds, "refuses to serve at an address and on a socket", one, func(kind trace.EndKind) {
		a := t.NewAddress(kind)
		k := t.NewSocketAt(t.NewAddress(kind))
		t.Expect(t.Serve(kind, At(a), WithSocket(k)).Made).To(FailWith(AnyError))
		t.Expect(t.RawConnect(a).Made).To(FailWith(AnyError))
	})
	itEach(socketKinds, "takes one of the two", one, func(kind trace.EndKind) {
		expectTalk(t, t.OpenTo(t.NewAddressIn(kind, trace.Live)))
		expectTalk(t, t.OpenOn(t.NewRaw(kind)))
		s := t.Serve(kind)
		t.Expect(s.Made).To(ReturnNone())
		s.Client()
		a := t.NewAddress(kind)
		s = t.Serve(kind, WithSocket(t.NewSocketAt(a)))
		t.Expect(s.Made).To(ReturnNone())
		s.ClientAt(a)
	})

	kinds := Rule("parameters.socket-kind")
	itEach(socketKinds, "refuses to connect with a socket for datagrams", kinds, func(kind trace.EndKind) {
		t.Expect(t.Opening(kind, WithSocket(t.NewDatagramSocket(kind)))).To(FailWith(InvalidArgument))
	})
	itEach(socketKinds, "refuses to serve on a socket for datagrams", kinds, func(kind trace.EndKind) {
		t.Expect(t.Serve(kind, WithSocket(t.NewDatagramSocket(kind))).Made).To(FailWith(InvalidArgument))
	})
	It("refuses to connect by a Unix function with a socket of TCP", kinds, func() {
		t.Expect(t.Opening(trace.Unix, WithSocket(t.NewSocketTo(t.NewRaw(trace.TCP))))).To(FailWith(InvalidArgument))
	})
	It("refuses to serve by a Unix function on a socket of TCP", kinds, func() {
		k := t.NewSocketAt(t.NewAddress(trace.TCP))
		t.Expect(t.Serve(trace.Unix, WithSocket(k)).Made).To(FailWith(InvalidArgument))
	})

	omitted := Rule("parameters.host-omitted")
	// port has the implementation serve at an address, so that the port is known that all addresses have.
	port := func() int { return t.Serve(trace.TCP).Bound()[0].Port }
	for _, host := range []way[[]Option]{{"none", nil}, {"empty", []Option{WithHost("")}}} {
		It("serves at all interfaces when there is a port only, with a host that is "+host.name, omitted, func() {
			s := t.Serve(trace.TCP, append([]Option{WithPort(0)}, host.do...)...)
			t.Expect(s.Made).To(ReturnNone())
			reached := 0
			for _, b := range s.Bound() {
				switch b.Host {
				case "0.0.0.0":
					s.ClientAt(t.NewAddressOfPort("127.0.0.1", b.Port))
					s.ClientAt(t.NewAddressOfPort("127.4.3.2", b.Port))
					reached++
				case "::":
					s.ClientAt(t.NewAddressOfPort("::1", b.Port))
					reached++
				}
			}
			t.Expect(reached).NotTo(BeZero(), "sockets at all interfaces")
		})
	}
	It("connects to this machine when there is a port only", omitted, func() {
		a := t.NewAddressOf("127.0.0.1", trace.Live)
		opened := t.Opening(trace.TCP, WithPort(port()))
		t.Expect(opened).To(ReturnNone())
		expectTalk(t, opened.Stream(a.Accept()))
	})
}

// beAsked matches what a resolver was asked, once or more often, if it was this.
func beAsked(q Query) types.GomegaMatcher { return And(Not(BeEmpty()), HaveEach(Equal(q))) }

// parametersResolution is how names become addresses.
func parametersResolution(t *Testee) {
	resolution := Rule("parameters.resolution")
	for _, family := range []trace.Family{trace.IPv4, trace.IPv6} {
		It("connects to an address of the family that is asked for: "+string(family), resolution, func() {
			addresses := map[trace.Family]*Address{trace.IPv4: t.NewAddressIn(trace.TCP, trace.Live), trace.IPv6: t.NewAddressOf("::1", trace.Live)}
			t.Resolve("both.test", addresses[trace.IPv6], addresses[trace.IPv4])
			opened := openHost(t, "both.test", WithFamily(family))
			t.Expect(opened).To(ReturnNone())
			expectTalk(t, opened.Stream(addresses[family].Accept()))
		})
		It("serves at addresses of the family that is asked for: "+string(family), resolution, func() {
			hosts := map[trace.Family]*Address{trace.IPv4: t.NewAddress(trace.TCP), trace.IPv6: t.NewAddressOf("::1", trace.Free)}
			t.Resolve("both.test", hosts[trace.IPv6], hosts[trace.IPv4])
			s := t.Serve(trace.TCP, WithHost("both.test"), WithFamily(family))
			t.Expect(s.Made).To(ReturnNone())
			for f, a := range hosts {
				if f == family {
					s.ClientAt(a)
				} else {
					t.Expect(t.RawConnect(a).Made).To(FailWith(AnyError))
				}
			}
		})
	}
	It("fails to connect when there is no address of the family", resolution, func() {
		a := t.NewAddressIn(trace.TCP, trace.Live)
		t.Resolve("old.test", a)
		t.Expect(openHost(t, "old.test", WithFamily(trace.IPv6))).To(FailWith(AnyError))
		expectNobody(t, a)
	})
	asked := []struct {
		name    string
		options []Option
		want    Query
	}{
		{"nothing", nil, Query{Family: trace.Unspecified}},
		{"any family", []Option{WithFamily(trace.Unspecified)}, Query{Family: trace.Unspecified}},
		{"a family", []Option{WithFamily(trace.IPv4)}, Query{Family: trace.IPv4}},
		{"flags", []Option{WithFlags(flagAddrConfig)}, Query{Family: trace.Unspecified, Flags: flagAddrConfig}},
		{"a family and flags", []Option{WithFamily(trace.IPv4), WithFlags(flagAddrConfig | flagPassive)}, Query{Family: trace.IPv4, Flags: flagAddrConfig | flagPassive}},
	}
	for _, c := range asked {
		It("asks the resolver when it connects as it is told: "+c.name, resolution, func() {
			a := t.NewAddressIn(trace.TCP, trace.Live)
			t.Resolve("one.test", a)
			t.Expect(openHost(t, "one.test", c.options...)).To(ReturnNone())
			t.Expect(t.Resolving("one.test", 1)).To(beAsked(c.want))
		})
		want := c.want
		if want.Flags == 0 {
			want.Flags = flagPassive // the default
		}
		It("asks the resolver when it serves as it is told: "+c.name, resolution, func() {
			t.Resolve("one.test", t.NewAddress(trace.TCP))
			s := t.Serve(trace.TCP, append([]Option{WithHost("one.test")}, c.options...)...)
			t.Expect(s.Made).To(ReturnNone())
			t.Expect(t.Resolving("one.test", 1)).To(beAsked(want))
		})
	}
	It("asks the resolver when it connects as it is told: a protocol", resolution, func() {
		t.Resolve("one.test", t.NewAddressIn(trace.TCP, trace.Live))
		t.Expect(openHost(t, "one.test", WithProto(protoTCP))).To(ReturnNone())
		t.Expect(t.Resolving("one.test", 1)).To(beAsked(Query{Family: trace.Unspecified, Proto: protoTCP}))
	})
}

// parametersListening is what is asked of the sockets that a server listens on.
func parametersListening(t *Testee) {
	backlog := Rule("parameters.backlog")
	It("has 100 connections wait when nothing is said", backlog, func() {
		t.Expect(t.Serve(trace.TCP).Address().Ask("backlog")).To(ReturnInt(100))
	})
	for _, n := range []int{1, 5, 100, 101} {
		It(fmt.Sprintf("has as many connections wait as is said: %d", n), backlog, func() {
			s := t.Serve(trace.TCP, WithBacklog(n))
			t.Expect(s.Address().Ask("backlog")).To(ReturnInt(n))
			s.Client()
		})
	}
	for _, n := range []int{0, 1} {
		itEach(socketKinds, fmt.Sprintf("accepts with a backlog of %d too", n), backlog, func(kind trace.EndKind) {
			s := t.Serve(kind, WithBacklog(n))
			t.Expect(s.Made).To(ReturnNone())
			for i := range 3 {
				raw, h := s.Client()
				raw.Send("hello")
				t.Expect(h.Reader.ReadExactly(5)).To(Return("hello"))
				t.Expect(s.Connected(i + 1)).To(Equal(i + 1))
			}
		})
	}
	It("has as many connections wait on each of its sockets", backlog, func() {
		first, second := t.NewAddress(trace.TCP), t.NewAddress(trace.TCP)
		t.Serve(trace.TCP, At(first, second), WithBacklog(7))
		t.Expect(first.Ask("backlog")).To(ReturnInt(7))
		t.Expect(second.Ask("backlog")).To(ReturnInt(7))
	})
	It("has as many connections wait on a socket that it was given", backlog, func() {
		a := t.NewAddress(trace.TCP)
		t.Serve(trace.TCP, WithSocket(t.NewSocketAt(a)), WithBacklog(7))
		t.Expect(a.Ask("backlog")).To(ReturnInt(7))
	})

	reuse := Rule("parameters.reuse")
	for _, yes := range []bool{true, false} {
		It(fmt.Sprintf("sets the option reuse_address as is said: %t", yes), reuse, func() {
			s := t.Serve(trace.TCP, WithReuseAddress(yes))
			t.Expect(s.Address().Ask("reuse_address")).To(ReturnBool(yes))
			s.Client()
		})
		It(fmt.Sprintf("sets the option reuse_port as is said: %t", yes), reuse, func() {
			s := t.Serve(trace.TCP, WithReusePort(yes))
			t.Expect(s.Address().Ask("reuse_port")).To(ReturnBool(yes))
			s.Client()
		})
	}
	It("sets the one option and not the other", reuse, func() {
		first := t.Serve(trace.TCP, WithReuseAddress(false), WithReusePort(true)).Address()
		t.Expect(first.Ask("reuse_address")).To(ReturnBool(false))
		t.Expect(first.Ask("reuse_port")).To(ReturnBool(true))
		second := t.Serve(trace.TCP, WithReuseAddress(true), WithReusePort(false)).Address()
		t.Expect(second.Ask("reuse_address")).To(ReturnBool(true))
		t.Expect(second.Ask("reuse_port")).To(ReturnBool(false))
	})
	It("sets the options on each of its sockets", reuse, func() {
		first, second := t.NewAddress(trace.TCP), t.NewAddress(trace.TCP)
		t.Serve(trace.TCP, At(first, second), WithReusePort(true))
		t.Expect(first.Ask("reuse_port")).To(ReturnBool(true))
		t.Expect(second.Ask("reuse_port")).To(ReturnBool(true))
	})
	It("does not share a port when nothing is said", reuse, func() {
		first := t.Serve(trace.TCP)
		t.Expect(first.Address().Ask("reuse_port")).To(ReturnBool(false))
		t.Expect(t.Serve(trace.TCP, At(first.Address())).Made).To(FailWith(AddressInUse))
		first.Client()
	})
	It("serves at the same port twice with reuse_port", reuse, func() {
		first := t.Serve(trace.TCP, WithReusePort(true))
		second := t.Serve(trace.TCP, At(first.Address()), WithReusePort(true))
		t.Expect(second.Made).To(ReturnNone())
		second.Close() // from now on it is the first that is connected to
		first.Client()
	})
}

// parametersLimit is which limits are refused.
func parametersLimit(t *Testee) {
	none := trace.None
	refused := Rule("parameters.limit-none-refused")
	itEach(socketKinds, "refuses a limit of none", refused, func(kind trace.EndKind) {
		t.Expect(t.Opening(kind, To(t.NewAddressIn(kind, trace.Live)), WithKeyword("limit", none))).To(FailWith(InvalidType))
	})

	positive := Rule("parameters.limit-not-positive")
	for _, n := range []int{0, -1} {
		itEach(socketKinds, fmt.Sprintf("refuses to connect with a limit of %d, and does not connect", n), positive, func(kind trace.EndKind) {
			a := t.NewAddressIn(kind, trace.Live)
			t.Expect(t.Opening(kind, To(a), WithLimit(n))).To(FailWith(InvalidArgument))
			expectNobody(t, a)
			expectTalk(t, t.OpenTo(a, WithLimit(1000)))
		})
		itEach(socketKinds, fmt.Sprintf("refuses a socket with a limit of %d", n), positive, func(kind trace.EndKind) {
			k := t.NewSocketTo(t.NewRaw(kind))
			t.Expect(t.Opening(kind, WithSocket(k), WithLimit(n))).To(FailWith(InvalidArgument))
		})
		itEach(socketKinds, fmt.Sprintf("refuses to serve with a limit of %d, or serves nobody", n), positive, func(kind trace.EndKind) {
			s := t.Serve(kind, WithLimit(n))
			t.Expect(s.Made).To(Either(FailWith(InvalidArgument), ReturnNone()))
			if s.Made.Raised() != nil {
				t.Expect(t.RawConnect(s.Address()).Made).To(FailWith(AnyError))
				t.Saw("a server whose limit is not positive is refused")
				return
			}
			raw := t.RawConnect(s.Address())
			t.Expect(raw.RecvAll()).To(Either(Return(""), FailWith(lostToPeer)))
			t.Expect(s.Connected(0)).To(BeZero(), "calls of the callback")
			t.Saw("a server whose limit is not positive drops every connection")
		})
	}
}
