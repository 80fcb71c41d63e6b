package behavior

import (
	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// writerEOF is ending the stream to the peer.
func writerEOF(t *Testee) {
	Describe("writer.eof", func() {
		one := Rule("writer.eof.closes-write-side-only")
		itEach(writingKinds, "ends the stream to the peer", one, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			t.Expect(s.Writer.WriteEOF()).To(ReturnNone())
			t.Expect(s.Raw.RecvAll()).To(Return(""))
		})
		for _, way := range waysToWrite {
			itEach(writingKinds, "ends the stream to the peer behind what is queued: "+way.name, one, func(kind trace.EndKind) {
				s := t.OpenStream(kind)
				text := Pattern(3 << 20)
				way.do(s.Writer, text)
				t.Expect(s.Writer.WriteEOF()).To(ReturnNone())
				t.Expect(s.Raw.RecvAll()).To(Return(text))
			})
			itEach(writingKinds, "ends the stream to the peer behind what was sent at once: "+way.name, one, func(kind trace.EndKind) {
				s := t.OpenStream(kind)
				t.WithoutSettling(func() {
					way.do(s.Writer, "abc")
					t.Expect(s.Writer.WriteEOF()).To(ReturnNone())
				})
				t.Expect(s.Raw.RecvAll()).To(Return("abc"))
			})
		}
		itEach(writingKinds, "ends the stream to a slow peer behind what is queued", one, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			text := Pattern(300_000)
			s.Writer.Write(text)
			s.Writer.WriteEOF()
			expectInPieces(t, s.Raw, text, 6007)
			t.Expect(s.Raw.RecvAll()).To(Return(""))
		})
		itEach(socketKinds, "ends the stream to the peer once when it is called twice", one, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			text := Pattern(much)
			s.Writer.Write(text)
			t.Expect(s.Writer.WriteEOF()).To(ReturnNone())
			t.Expect(s.Writer.WriteEOF()).To(ReturnNone())
			t.Expect(s.Raw.RecvAll()).To(Return(text))
			t.Expect(s.Writer.WriteEOF()).To(ReturnNone())
		})
		itEach(socketKinds, "leaves the connection open", one, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			text := Pattern(much)
			s.Writer.Write(text)
			s.Writer.WriteEOF()
			s.Raw.SendAll("before")
			t.Expect(s.Reader.ReadExactly(6)).To(Return("before"))
			t.Expect(s.Raw.RecvAll()).To(Return(text))
			t.Expect(s.Raw.FarOpen()).To(ReturnBool(true))
			s.Raw.SendAll("after")
			t.Expect(s.Reader.ReadExactly(5)).To(Return("after"))
		})
		itEach(socketKinds, "ends the stream to the peer that has ended its own before", one, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			s.Raw.End()
			t.Expect(s.Reader.ReadAll()).To(Return(""))
			s.Writer.Write("answer")
			t.Expect(s.Writer.WriteEOF()).To(ReturnNone())
			t.Expect(s.Raw.RecvAll()).To(Return("answer"))
		})

		itEach(writingKinds, "is supported, and that is said", Rule("writer.eof.support-is-reported"), func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			t.Expect(s.Writer.CanWriteEOF()).To(ReturnBool(true))
			t.Expect(s.Writer.WriteEOF()).To(ReturnNone())
			t.Expect(s.Raw.RecvAll()).To(Return(""))
		})

		receives := Rule("writer.eof.still-receives")
		itEach(socketKinds, "does not end what is received", receives, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			s.Writer.Write("question")
			s.Writer.WriteEOF()
			t.Expect(s.Raw.RecvAll()).To(Return("question"))
			s.Raw.SendAll("answer\nand another\n")
			t.Expect(s.Reader.ReadLine()).To(Return("answer\n"))
			s.Raw.End()
			t.Expect(s.Reader.ReadAll()).To(Return("and another\n"))
		})
		itEach(socketKinds, "does not end what a call waits for", receives, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			line := s.Reader.ReadLine()
			s.Writer.WriteEOF()
			t.Expect(s.Raw.RecvAll()).To(Return(""))
			t.Expect(line).To(BePending())
			s.Raw.SendAll("answer\n")
			t.Expect(line).To(Return("answer\n"))
		})
		itEach(socketKinds, "does not end what is received though much comes", receives, func(kind trace.EndKind) {
			s := t.OpenStreamLimit(kind, 1000)
			text := Pattern(300_000)
			s.Writer.WriteEOF()
			t.Expect(s.Raw.RecvAll()).To(Return(""))
			read := s.Reader.ReadExactly(len(text))
			s.Raw.SendAll(text)
			t.Expect(read).To(Return(text))
		})

		refused := Rule("writer.eof.write-afterwards-refused")
		for _, way := range waysToWrite {
			itEach(socketKinds, "has what is written afterwards refused: "+way.name, refused, func(kind trace.EndKind) {
				s := t.OpenStream(kind)
				s.Writer.Write("abc")
				t.WithoutSettling(func() {
					s.Writer.WriteEOF()
					t.Expect(way.do(s.Writer, "de")).To(FailWith(InvalidState))
				})
				t.Expect(s.Raw.RecvAll()).To(Return("abc"))
				t.Expect(way.do(s.Writer, "fg")).To(FailWith(InvalidState))
				s.Raw.SendAll("answer")
				t.Expect(s.Reader.ReadExactly(6)).To(Return("answer"))
			})
			itEach(socketKinds, "has what is written while something is queued refused: "+way.name, refused, func(kind trace.EndKind) {
				s := t.OpenStream(kind)
				text := Pattern(much)
				s.Writer.Write(text)
				s.Writer.WriteEOF()
				for range 6 {
					t.Expect(way.do(s.Writer, "de")).To(FailWith(InvalidState))
				}
				t.Expect(s.Raw.RecvAll()).To(Return(text))
				t.Expect(way.do(s.Writer, "fg")).To(FailWith(InvalidState))
			})
		}
	})
}
