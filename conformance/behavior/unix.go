package behavior

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// unixStreams is connecting and serving over Unix sockets.
func unixStreams(t *Testee) {
	Describe("unix", func() {
		unixOpen(t)
		unixServe(t)
		unixPath(t)
		unixPython(t)
	})
}

// unixOpen is connecting to a path.
func unixOpen(t *Testee) {
	pair := Rule("unix.open-returns-pair")
	It("connects to a path, and returns a reader and a writer", pair, func() {
		a := t.NewAddressIn(trace.Unix, trace.Live)
		s := t.OpenTo(a)
		expectTalk(t, s)
		t.Expect(s.Writer.Info("peername")).To(ReturnTheSameAs(s.Raw.SockName()))
		expectNobody(t, a)
	})
	It("returns a pair that can be read to the end and closed", pair, func() {
		expectWholeTalk(t, t.OpenTo(t.NewAddressIn(trace.Unix, trace.Live)))
	})
	It("connects several times to the same path, to each its own", pair, func() {
		a := t.NewAddressIn(trace.Unix, trace.Live)
		first, second := t.OpenTo(a), t.OpenTo(a)
		first.Raw.Send("to the first")
		second.Raw.Send("to the second")
		t.Expect(second.Reader.ReadExactly(13)).To(Return("to the second"))
		t.Expect(first.Reader.ReadExactly(12)).To(Return("to the first"))
		first.Writer.Close()
		t.Expect(first.Raw.RecvAll()).To(Return(""))
		expectTalk(t, second)
	})
	It("raises when there is no such path", pair, func() {
		t.Expect(t.Opening(trace.Unix, To(t.NewAddress(trace.Unix)))).To(FailWith(NotFound))
		t.Expect(t.Opening(trace.Unix, To(t.NewAddressIn(trace.Unix, trace.NoDirectory)))).To(FailWith(NotFound))
	})
	for _, state := range []trace.State{trace.Stale, trace.RegularFile} {
		It("raises when nobody listens at the path, where there is something: "+string(state), pair, func() {
			a := t.NewAddressIn(trace.Unix, state)
			t.Expect(t.Opening(trace.Unix, To(a))).To(FailWith(OSError))
			a.Put(trace.Live)
			expectTalk(t, t.OpenTo(a))
		})
	}

	like := Rule("unix.open-like-tcp")
	It("has a limit of 64 KiB when none is given", like, func() {
		s := t.OpenTo(t.NewAddressIn(trace.Unix, trace.Live))
		expectLimit(t, s.Reader, s.Raw, defaultLimit)
	})
	for _, n := range []int{1, 10, defaultLimit + 1} {
		It(fmt.Sprintf("has the limit that is given: %d", n), like, func() {
			s := t.OpenTo(t.NewAddressIn(trace.Unix, trace.Live), WithLimit(n))
			expectLimit(t, s.Reader, s.Raw, n)
		})
	}
	It("makes a reader and a writer of a socket that is connected", like, func() {
		s := t.OpenOn(t.NewRaw(trace.Unix), WithLimit(10))
		expectTalk(t, s)
		expectLimit(t, s.Reader, s.Raw, 10)
	})
	It("is refused when neither a path nor a socket is given, or both are", like, func() {
		t.Expect(t.Opening(trace.Unix)).To(FailWith(InvalidArgument))
		a := t.NewAddressIn(trace.Unix, trace.Live)
		t.Expect(t.Opening(trace.Unix, To(a), WithSocket(t.NewSocketTo(t.NewRaw(trace.Unix))))).To(FailWith(InvalidArgument))
		expectNobody(t, a)
	})
	for n := range 5 {
		It(fmt.Sprintf("spoils no other connection when it was cancelled: of a socket, after %s", turns(n)), like, func() {
			k := t.NewSocketTo(t.NewRaw(trace.Unix))
			_, others := cancelAfter(t, trace.Unix, n, func() *Call { return t.Opening(trace.Unix, WithSocket(k)) })
			expectTalkOfAll(t, others)
		})
		It(fmt.Sprintf("spoils no other connection when it was cancelled, and leaves none: after %s", turns(n)), like, func() {
			a := t.NewAddressIn(trace.Unix, trace.Live)
			opened, others := cancelAfter(t, trace.Unix, n, func() *Call { return t.Opening(trace.Unix, To(a)) })
			expectGone(t, opened, a)
			expectTalkOfAll(t, others)
		})
	}

	owns := Rule("unix.owns-socket")
	It("leaves a socket open while the stream is, and closes it with the writer", owns, func() {
		raw := t.NewRaw(trace.Unix)
		k := t.NewSocketTo(raw)
		opened := t.Opening(trace.Unix, WithSocket(k))
		t.Expect(opened).To(ReturnNone())
		s := opened.Stream(raw)
		expectTalk(t, s)
		text := Pattern(much)
		s.Writer.Write(text)
		s.Writer.Close()
		t.Expect(k.IsOpen()).To(ReturnBool(true))
		t.Expect(raw.RecvAll()).To(Return(text))
		t.Expect(k.IsOpen()).To(Become(ReturnBool(false)))
	})
	It("leaves a socket open while the server is, and closes it with the server", owns, func() {
		a := t.NewAddress(trace.Unix)
		k := t.NewSocketAt(a)
		s := t.Serve(trace.Unix, WithSocket(k))
		t.Expect(s.Made).To(ReturnNone())
		s.ClientAt(a)
		t.Expect(k.IsOpen()).To(ReturnBool(true))
		s.Close()
		t.Expect(k.IsOpen()).To(Become(ReturnBool(false)))
		t.Expect(t.RawConnect(a).Made).To(FailWith(OSError))
	})
}

// unixServe is serving at a path.
func unixServe(t *Testee) {
	server := Rule("unix.server")
	It("listens at a path, and calls the callback for each client", server, func() {
		s := t.Serve(trace.Unix)
		t.Expect(s.Made).To(ReturnNone())
		t.Expect(s.Address().State()).To(ReturnText("socket"))
		first, one := s.Client()
		second, two := s.Client()
		second.Send("from the second")
		first.Send("from the first")
		t.Expect(one.Reader.ReadExactly(14)).To(Return("from the first"))
		t.Expect(two.Reader.ReadExactly(15)).To(Return("from the second"))
		two.Writer.Write("to the second")
		one.Writer.Write("to the first")
		t.Expect(first.Recv(12)).To(Return("to the first"))
		t.Expect(second.Recv(13)).To(Return("to the second"))
		t.Expect(s.Connected(2)).To(Equal(2), "calls of the callback")
	})
	It("serves those that have connected before it looks", server, func() {
		s := t.Serve(trace.Unix)
		var clients []*Raw
		t.WithoutSettling(func() {
			for range 5 {
				clients = append(clients, t.RawConnect(s.Address()))
			}
		})
		for i, raw := range clients {
			raw.Send(fmt.Sprint(i))
			h := s.HandlerOf(raw)
			t.Expect(h).NotTo(BeNil(), "a call of the callback")
			t.Expect(h.Reader.ReadExactly(1)).To(Return(fmt.Sprint(i)))
		}
		t.Expect(s.Connected(5)).To(Equal(5), "calls of the callback")
	})
	It("serves on a socket that is bound", server, func() {
		a := t.NewAddress(trace.Unix)
		s := t.Serve(trace.Unix, WithSocket(t.NewSocketAt(a)))
		t.Expect(s.Made).To(ReturnNone())
		raw, h := s.ClientAt(a)
		raw.Send("hello")
		t.Expect(h.Reader.ReadExactly(5)).To(Return("hello"))
	})
	It("has the limit that is given, and 64 KiB when none is", server, func() {
		raw, h := t.Serve(trace.Unix, WithLimit(10)).Client()
		expectLimit(t, h.Reader, raw, 10)
		raw, h = t.Serve(trace.Unix).Client()
		expectLimit(t, h.Reader, raw, defaultLimit)
	})
	It("stops listening when it is closed, and leaves its connections alone", server, func() {
		s := t.Serve(trace.Unix)
		raw, h := s.Client()
		s.Close()
		t.Expect(t.RawConnect(s.Address()).Made).To(FailWith(OSError))
		raw.Send("hello")
		t.Expect(h.Reader.ReadExactly(5)).To(Return("hello"))
		h.Writer.Write("answer")
		t.Expect(raw.Recv(6)).To(Return("answer"))
	})
	It("refuses to serve when neither a path nor a socket is given, or both are", server, func() {
		t.Expect(t.ServeAsSaid(trace.Unix).Made).To(FailWith(InvalidArgument))
		k := t.NewSocketAt(t.NewAddress(trace.Unix))
		t.Expect(t.Serve(trace.Unix, At(t.NewAddress(trace.Unix)), WithSocket(k)).Made).To(FailWith(InvalidArgument))
	})
}

// unixPath is the file at a server's path.
func unixPath(t *Testee) {
	like := Rule("unix.path-like")
	It("connects to an object that stands for a path", like, func() {
		expectTalk(t, t.OpenTo(t.NewAddressIn(trace.Unix, trace.Live), WithPathLike()))
	})
	It("serves at an object that stands for a path", like, func() {
		s := t.Serve(trace.Unix, WithPathLike())
		t.Expect(s.Made).To(ReturnNone())
		raw, h := s.Client()
		raw.Send("hello")
		t.Expect(h.Reader.ReadExactly(5)).To(Return("hello"))
		s.Close()
		stale := t.Serve(trace.Unix, At(t.NewAddressIn(trace.Unix, trace.Stale)), WithPathLike())
		t.Expect(stale.Made).To(ReturnNone())
		stale.Client()
	})

	occupied := Rule("unix.occupied-path")
	It("takes the place of a socket file on which nobody listens", occupied, func() {
		s := t.Serve(trace.Unix, At(t.NewAddressIn(trace.Unix, trace.Stale)))
		t.Expect(s.Made).To(ReturnNone())
		raw, h := s.Client()
		raw.Send("hello")
		t.Expect(h.Reader.ReadExactly(5)).To(Return("hello"))
	})
	It("does not take the place of a regular file", occupied, func() {
		a := t.NewAddressIn(trace.Unix, trace.RegularFile)
		t.Expect(t.Serve(trace.Unix, At(a)).Made).To(FailWith(AddressInUse))
		t.Expect(a.State()).To(ReturnText("file"))
	})
	It("is not found where there is no directory", occupied, func() {
		t.Expect(t.Serve(trace.Unix, At(t.NewAddressIn(trace.Unix, trace.NoDirectory))).Made).To(FailWith(NotFound))
	})
	It("serves where it has served before", occupied, func() {
		s := t.Serve(trace.Unix)
		s.Client()
		s.Close()
		again := t.Serve(trace.Unix, At(s.Address()))
		t.Expect(again.Made).To(ReturnNone())
		again.Client()
		t.Expect(s.Connected(1)).To(Equal(1), "calls of the callback of the server before")
	})
	It("takes the place of a socket on which somebody listens, or is refused", occupied, func() {
		a := t.NewAddressIn(trace.Unix, trace.Live)
		s := t.Serve(trace.Unix, At(a))
		t.Expect(s.Made).To(Either(ReturnNone(), FailWith(AddressInUse)))
		if s.Made.Raised() != nil {
			expectTalk(t, t.OpenTo(a))
			t.Saw("the path of a server that listens is in use")
			return
		}
		s.Client()
		t.Saw("the path of a server that listens is taken from it")
	})

	removes := Rule("unix.removes-socket-file")
	It("removes the file when it is closed", removes, func() {
		s := t.Serve(trace.Unix)
		t.Expect(s.Address().State()).To(ReturnText("socket"))
		s.Close()
		t.Expect(s.Address().State()).To(Become(ReturnText("free")))
	})
	It("removes the file of a socket that it was given when it is closed", removes, func() {
		a := t.NewAddress(trace.Unix)
		s := t.Serve(trace.Unix, WithSocket(t.NewSocketAt(a)))
		t.Expect(a.State()).To(ReturnText("socket"))
		s.Close()
		t.Expect(a.State()).To(Become(ReturnText("free")))
	})
	It("removes the file when it is closed while a client is connected", removes, func() {
		s := t.Serve(trace.Unix)
		raw, h := s.Client()
		s.Close()
		t.Expect(s.Address().State()).To(Become(ReturnText("free")))
		h.Writer.Write("answer")
		t.Expect(raw.Recv(6)).To(Return("answer"))
	})
	It("removes the file that it has put in the place of another", removes, func() {
		s := t.Serve(trace.Unix, At(t.NewAddressIn(trace.Unix, trace.Stale)))
		s.Close()
		t.Expect(s.Address().State()).To(Become(ReturnText("free")))
	})
	for _, c := range []struct {
		put  trace.State
		want string
	}{{trace.Live, "socket"}, {trace.Stale, "socket"}, {trace.RegularFile, "file"}} {
		It("removes no file that is not its own: "+string(c.put), removes, func() {
			a := t.NewAddress(trace.Unix)
			s := t.Serve(trace.Unix, At(a))
			a.Put(c.put)
			s.Close()
			t.Settle()
			t.Expect(a.State()).To(ReturnText(c.want))
			if c.put == trace.Live {
				expectTalk(t, t.OpenTo(a))
			}
		})
	}
	It("is closed though its file is gone", removes, func() {
		a := t.NewAddress(trace.Unix)
		s := t.Serve(trace.Unix, At(a))
		a.Put(trace.Free)
		t.Expect(s.Close()).To(ReturnNone())
		t.Expect(s.IsServing()).To(ReturnBool(false))
		t.Expect(a.State()).To(ReturnText("free"))
	})
}

// unixPython is the surface of the functions in Python.
func unixPython(t *Testee) {
	byVersion := Rule("unix.parameters-by-version")
	for _, p := range []struct {
		name, since string
		serving     bool // of serving only
	}{{"ssl_handshake_timeout", "3.7", false}, {"ssl_shutdown_timeout", "3.11", false}, {"start_serving", "3.7", true}} {
		It("knows "+p.name+" from "+p.since+" on", byVersion, func() {
			t.NeedsVersion(p.since)
			value := trace.None
			if p.serving {
				value = trace.BoolValue(true)
			} else {
				expectTalk(t, t.OpenTo(t.NewAddressIn(trace.Unix, trace.Live), WithKeyword(p.name, value)))
			}
			s := t.Serve(trace.Unix, WithKeyword(p.name, value))
			t.Expect(s.Made).To(ReturnNone())
			s.Client()
		})
	}
	It("knows loop up to 3.9", byVersion, func() {
		a, b := t.NewAddressIn(trace.Unix, trace.Live), t.NewAddress(trace.Unix)
		if !t.Since("3.10") {
			expectTalk(t, t.OpenTo(a, WithKeyword("loop", theLoop)))
			s := t.Serve(trace.Unix, At(b), WithKeyword("loop", theLoop))
			t.Expect(s.Made).To(ReturnNone())
			s.Client()
			return
		}
		t.Expect(t.Opening(trace.Unix, To(a), WithKeyword("loop", theLoop))).To(FailWith(InvalidType))
		expectNobody(t, a)
		t.Expect(t.Serve(trace.Unix, At(b), WithKeyword("loop", theLoop)).Made).To(FailWith(InvalidType))
		t.Expect(b.State()).To(ReturnText("free"))
	})
}
