package behavior

import (
	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// writerInfo is what a writer knows of its connection.
func writerInfo(t *Testee) {
	Describe("writer.info", func() {
		itEach(writingKinds, "is the transport", Rule("writer.info.transport"), func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			t.Expect(s.Writer.Transport()).To(ReturnTheTransport(s.Transport))
			s.Writer.Write("abc")
			t.Expect(s.Writer.Transport()).To(ReturnTheTransport(s.Transport))
			s.Writer.Close()
			t.Expect(s.Raw.RecvAll()).To(Return("abc"))
			t.Expect(s.Writer.Transport()).To(ReturnTheTransport(s.Transport))
		})

		asks := Rule("writer.info.extra-info")
		for _, name := range []string{"peername", "sockname", "socket"} {
			itEach(socketKinds, "is what the transport answers: "+name, asks, func(kind trace.EndKind) {
				s := t.OpenStream(kind)
				t.Expect(s.Writer.Info(name)).To(ReturnSomething())
				t.Expect(s.Writer.Info(name)).To(ReturnTheSameAs(s.Transport.Info(name)))
				t.Expect(s.Writer.InfoOr(name, "nothing")).To(ReturnTheSameAs(s.Transport.Info(name)))
			})
		}
		for _, name := range []string{"peername", "sockname"} {
			itEach(socketKinds, "is what the transport answers, also when it is closed: "+name, asks, func(kind trace.EndKind) {
				s := t.OpenStream(kind)
				before := s.Writer.Info(name)
				t.Expect(before).To(ReturnSomething())
				s.Writer.Close()
				t.Expect(s.Writer.Info(name)).To(ReturnTheSameAs(before))
				t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
				t.Expect(s.Writer.Info(name)).To(ReturnTheSameAs(before))
				t.Expect(s.Writer.InfoOr(name, "nothing")).To(ReturnTheSameAs(before))
			})
		}
		itEach(socketKinds, "is its own address", asks, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			t.Expect(s.Writer.Info("sockname")).To(ReturnTheSameAs(s.Raw.PeerName()))
		})
		It("is the pipe", asks, func() {
			s := t.OpenStream(trace.WritePipe)
			t.Expect(s.Writer.Info("pipe")).To(ReturnSomething())
			t.Expect(s.Writer.InfoOr("pipe", "nothing")).To(ReturnTheSameAs(s.Transport.Info("pipe")))
		})
		itEach(writingKinds, "is the default, or none, for what nobody knows", asks, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			t.Expect(s.Writer.Info("no such thing")).To(ReturnNone())
			t.Expect(s.Writer.InfoOr("no such thing", "the default")).To(ReturnText("the default"))
			s.Writer.Close()
			t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
			t.Expect(s.Writer.Info("no such thing")).To(ReturnNone())
			t.Expect(s.Writer.InfoOr("no such thing", "the default")).To(ReturnText("the default"))
		})

		itEach(socketKinds, "is the peer's address", Rule("writer.info.peername"), func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			t.Expect(s.Writer.Info("peername")).To(ReturnTheSameAs(s.Raw.SockName()))
		})
	})
}
