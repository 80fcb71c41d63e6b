package behavior

import (
	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// narrowStream makes a stream whose marks much exceeds by far, whatever the kernel takes of it.
func narrowStream(t *Testee, kind trace.EndKind) *Stream {
	s := t.OpenStream(kind)
	s.Transport.SetMarks(16<<10, 64<<10)
	return s
}

// invariants is what holds across objects.
func invariants(t *Testee) {
	Describe("invariants", func() {
		itEach(readingKinds, "has no data after the end of the stream",
			Rule("invariants.eof-is-terminal"), func(kind trace.EndKind) {
				s := t.OpenStream(kind)
				s.Raw.Send("abc")
				s.Raw.End()
				t.Expect(s.Reader.ReadAll()).To(Return("abc"))
				for range 2 {
					t.Expect(s.Reader.Read(10)).To(Return(""))
					t.Expect(s.Reader.ReadLine()).To(Return(""))
					t.Expect(s.Reader.ReadAll()).To(Return(""))
					t.Expect(s.Reader.ReadExactly(1)).To(FailWith(PartialOf("", 1)))
					t.Expect(s.Reader.AtEOF()).To(ReturnBool(true))
				}
			})
		itEach(readingKinds, "has no data after the end of the stream for calls that waited for it",
			Rule("invariants.eof-is-terminal"), func(kind trace.EndKind) {
				s := t.OpenStream(kind)
				waiting := s.Reader.ReadExactly(10)
				s.Raw.Send("abc")
				t.Expect(waiting).To(BePending())
				s.Raw.End()
				t.Expect(waiting).To(FailWith(PartialOf("abc", 10)))
				t.Expect(s.Reader.Read(10)).To(Return(""))
				t.Expect(s.Reader.AtEOF()).To(ReturnBool(true))
			})
		itEach(socketKinds, "can write when the peer has ended the stream",
			Rule("invariants.half-open-still-writes"), func(kind trace.EndKind) {
				s := t.OpenStream(kind)
				s.Raw.Send("abc")
				s.Raw.End()
				t.Expect(s.Reader.ReadAll()).To(Return("abc"))
				t.Expect(s.Reader.AtEOF()).To(ReturnBool(true))
				t.Expect(s.Writer.Write("hello")).To(ReturnNone())
				t.Expect(s.Writer.Drain()).To(ReturnNone())
				t.Expect(s.Raw.Recv(5)).To(Return("hello"))
				text := Pattern(much)
				s.Writer.Write(text)
				drained := s.Writer.Drain()
				t.Expect(s.Raw.Recv(len(text))).To(Return(text))
				t.Expect(drained).To(ReturnNone())
				t.Expect(s.Writer.IsClosing()).To(ReturnBool(false))
			})
		itEach(writingKinds, "has drain wait while writing is paused",
			Rule("invariants.drain-follows-flow-control"), func(kind trace.EndKind) {
				s := narrowStream(t, kind)
				t.Expect(s.Writer.Drain()).To(ReturnNone())
				for range 2 {
					text := Pattern(much)
					s.Writer.Write(text)
					drained := s.Writer.Drain()
					t.Settle()
					t.Expect(drained).To(BePending())
					t.Expect(s.Raw.Recv(len(text))).To(Return(text))
					t.Expect(drained).To(ReturnNone())
					t.Expect(s.Writer.Drain()).To(ReturnNone())
				}
			})
		itEach(writingKinds, "has drain wait after writelines too",
			Rule("invariants.drain-follows-flow-control"), func(kind trace.EndKind) {
				s := narrowStream(t, kind)
				text := Pattern(much)
				s.Writer.WriteLines(text, text)
				drained := s.Writer.Drain()
				t.Settle()
				t.Expect(drained).To(BePending())
				t.Expect(s.Raw.Recv(2 * len(text))).To(Return(text + text))
				t.Expect(drained).To(ReturnNone())
			})
		losses := []struct {
			name string
			lose func(*Stream)
		}{
			{"abort", func(s *Stream) { s.Transport.Abort() }},
			{"the peer's close", func(s *Stream) { s.Raw.Close() }},
		}
		for _, l := range losses {
			itEach(writingKinds, "has drain end when the connection is lost, by "+l.name,
				Rule("invariants.drain-follows-flow-control"), func(kind trace.EndKind) {
					s := narrowStream(t, kind)
					s.Writer.Write(Pattern(much))
					drained := s.Writer.Drain()
					t.Settle()
					t.Expect(drained).To(BePending())
					l.lose(s)
					t.Expect(drained).To(ComeBack())
					t.Expect(s.Writer.Drain()).To(ComeBack())
				})
		}
		itEach(socketKinds, "calls the protocol for what is received, and is called to send",
			Rule("invariants.transport-and-protocol"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(made).Doing(Write("hello,")), In(data).Doing(Write("answer")))
				t.Expect(c.Raw.Recv(6)).To(Return("hello,"))
				c.Raw.Send("question")
				t.Expect(c.Protocol).To(HaveReceived("question"))
				t.Expect(c.Raw.Recv(6)).To(Return("answer"))
			})
		It("calls the protocol for what is received: read-pipe", Rule("invariants.transport-and-protocol"), func() {
			c := t.Connect(trace.ReadPipe)
			c.Raw.Send("abc")
			t.Expect(c.Protocol).To(HaveReceived("abc"))
		})
		It("is called to send: write-pipe", Rule("invariants.transport-and-protocol"), func() {
			c := t.Connect(trace.WritePipe, In(made).Doing(Write("hello")))
			t.Expect(c.Raw.Recv(5)).To(Return("hello"))
		})
	})
}
