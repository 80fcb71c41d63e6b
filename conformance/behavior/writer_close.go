package behavior

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// writerClose is closing a writer, and waiting for it.
func writerClose(t *Testee) {
	Describe("writer.close", func() {
		writerCloseFlushes(t)
		writerCloseWaits(t)
		writerCloseAsks(t)
		writerCloseEndsReader(t)
		writerClosePython(t)
	})
}

// writerCloseFlushes is what close does to the connection.
func writerCloseFlushes(t *Testee) {
	closes := Rule("writer.close.closes-socket")
	itEach(writingKinds, "ends the stream to the peer and gives up the descriptor", closes, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		t.Expect(s.Raw.FarOpen()).To(ReturnBool(true))
		t.Expect(s.Writer.Close()).To(ReturnNone())
		t.Expect(s.Raw.RecvAll()).To(Return(""))
		t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
	})
	itEach(writingKinds, "ends the stream to the peer behind what is queued", closes, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		s.Writer.Write(text)
		t.Expect(s.Writer.Close()).To(ReturnNone())
		t.Expect(s.Raw.RecvAll()).To(Return(text))
		t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
	})
	itEach(writingKinds, "closes once when it is called twice", closes, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Writer.Write("abc")
		t.WithoutSettling(func() {
			t.Expect(s.Writer.Close()).To(ReturnNone())
			t.Expect(s.Writer.Close()).To(ReturnNone())
		})
		t.Expect(s.Raw.RecvAll()).To(Return("abc"))
		t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
	})
	itEach(socketKinds, "closes though the peer goes on sending", closes, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Writer.Close()
		t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
		s.Raw.Send("too late")
		t.Expect(s.Raw.FarOpen()).To(ReturnBool(false))
	})
	itEach(socketKinds, "closes when the peer has ended its side before", closes, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Raw.End()
		t.Expect(s.Reader.ReadAll()).To(Return(""))
		s.Writer.Write("answer")
		s.Writer.Close()
		t.Expect(s.Raw.RecvAll()).To(Return("answer"))
		t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
	})
	itEach(socketKinds, "closes while the reader holds back what the peer sends", closes, func(kind trace.EndKind) {
		s := t.OpenStreamLimit(kind, 10)
		s.Raw.Send(strings.Repeat("a", 1000))
		s.Writer.Close()
		t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
	})

	flushes := Rule("writer.close.flushes-first")
	ways := append(waysToWrite, way[func(*Writer, string) *Call]{"write in the same breath", func(w *Writer, text string) *Call {
		var c *Call
		t.WithoutSettling(func() {
			c = w.Write(text)
			w.Close()
		})
		return c
	}})
	for _, way := range ways {
		itEach(writingKinds, "sends everything before it closes: "+way.name, flushes, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			text := Pattern(3 << 20)
			t.Expect(way.do(s.Writer, text)).To(ReturnNone())
			s.Writer.Close()
			t.Expect(s.Raw.RecvAll()).To(Return(text))
		})
	}
	itEach(writingKinds, "sends everything to a slow peer before it closes", flushes, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(300_000)
		s.Writer.Write(text)
		s.Writer.Close()
		expectInPieces(t, s.Raw, text, 5003)
		t.Expect(s.Raw.RecvAll()).To(Return(""))
	})
	itEach(writingKinds, "does not close while the peer receives nothing", flushes, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		s.Writer.Write(text)
		s.Writer.Close()
		t.Expect(s.Raw.FarOpen()).To(ReturnBool(true))
		t.Expect(s.Raw.Recv(much / 4)).To(Return(text[:much/4]))
		t.Expect(s.Raw.FarOpen()).To(ReturnBool(true))
		t.Expect(s.Raw.RecvAll()).To(Return(text[much/4:]))
		t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
	})
	itEach(writingKinds, "sends everything before it closes though it is called again meanwhile", flushes, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		s.Writer.Write(text)
		s.Writer.Close()
		t.Expect(s.Raw.Recv(much / 2)).To(Return(text[:much/2]))
		s.Writer.Close()
		s.Writer.WriteEOF()
		t.Expect(s.Raw.RecvAll()).To(Return(text[much/2:]))
	})
	itEach(writingKinds, "sends everything before it closes when writing was paused", flushes, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		t.Expect(s.Transport.SetMarks(0, 0)).To(ReturnNone())
		text := Pattern(much)
		s.Writer.Write(text[:much/2])
		s.Writer.WriteLines(text[much/2:])
		s.Writer.Close()
		t.Expect(s.Raw.RecvAll()).To(Return(text))
	})
	itEach(socketKinds, "sends everything before it closes though the peer has ended its side", flushes, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		s.Writer.Write(text)
		s.Raw.End()
		t.Expect(s.Reader.ReadAll()).To(Return(""))
		s.Writer.Close()
		t.Expect(s.Raw.RecvAll()).To(Return(text))
	})
	itEach(socketKinds, "sends everything before it closes though the peer ends its side afterwards", flushes, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		s.Writer.Write(text)
		s.Writer.Close()
		s.Raw.End()
		t.Expect(s.Raw.RecvAll()).To(Return(text))
	})
}

// writerCloseWaits is waiting until the stream is closed.
func writerCloseWaits(t *Testee) {
	waits := Rule("writer.close.wait-closed-waits")
	itEach(writingKinds, "has wait_closed wait until then", waits, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		first, second := s.Writer.WaitClosed(), s.Writer.WaitClosed()
		t.Expect(first).To(BePending())
		s.Writer.Write("abc")
		t.Expect(s.Raw.Recv(3)).To(Return("abc"))
		t.Expect(first).To(BePending())
		t.Expect(second).To(BePending())
		s.Writer.Close()
		t.Expect(first).To(ReturnNone())
		t.Expect(second).To(ReturnNone())
		t.Expect(s.Writer.WaitClosed()).To(ReturnNone())
		t.Expect(s.Raw.RecvAll()).To(Return(""))
	})
	itEach(writingKinds, "has wait_closed wait until what is queued was sent", waits, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		before := s.Writer.WaitClosed()
		text := Pattern(much)
		s.Writer.Write(text)
		s.Writer.Close()
		after := s.Writer.WaitClosed()
		t.Expect(before).To(BePending())
		t.Expect(after).To(BePending())
		t.Expect(s.Raw.Recv(much / 4)).To(Return(text[:much/4]))
		t.Expect(before).To(BePending())
		t.Expect(after).To(BePending())
		t.Expect(s.Raw.RecvAll()).To(Return(text[much/4:]))
		t.Expect(before).To(ReturnNone())
		t.Expect(after).To(ReturnNone())
		t.Expect(s.Writer.WaitClosed()).To(ReturnNone())
	})
	itEach(writingKinds, "has wait_closed come back when it was called in the same breath", waits, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		var wait *Call
		t.WithoutSettling(func() {
			s.Writer.Close()
			wait = s.Writer.WaitClosed()
		})
		t.Expect(wait).To(ReturnNone())
	})
	itEach(writingKinds, "leaves who else waits alone when one wait_closed is cancelled", Rule("writer.close.wait-closed-waits", "writer.close.wait-closed-reports-loss"), func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		first, second := s.Writer.WaitClosed(), s.Writer.WaitClosed()
		t.Expect(first).To(BePending())
		second.Cancel()
		t.Expect(second).To(FailWith(Cancelled))
		t.Expect(first).To(BePending())
		s.Writer.Close()
		t.Expect(first).To(ReturnNone())
	})

	optional := Rule("writer.close.wait-after-close-optional")
	itEach(writingKinds, "ends the stream though nobody waits for it", optional, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		s.Writer.Write(text)
		s.Writer.Close()
		t.Expect(s.Raw.RecvAll()).To(Return(text))
		t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
		t.Expect(t.Heard(trace.Warned)).To(BeEmpty(), "warnings")
	})
	itEach(writingKinds, "ends the stream when it is waited for", optional, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Writer.Write("abc")
		s.Writer.Close()
		t.Expect(s.Writer.WaitClosed()).To(ReturnNone())
		t.Expect(s.Raw.RecvAll()).To(Return("abc"))
		t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
	})

	reports := Rule("writer.close.wait-closed-reports-loss")
	itEach(writingKinds, "has wait_closed return when the stream was closed, to whoever waits, and again", reports, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		first, second := s.Writer.WaitClosed(), s.Writer.WaitClosed()
		t.Expect(first).To(BePending())
		t.Expect(second).To(BePending())
		s.Writer.Close()
		t.Expect(first).To(ReturnNone())
		t.Expect(second).To(ReturnNone())
		t.Expect(s.Writer.WaitClosed()).To(ReturnNone())
	})
	itEach(writingKinds, "has wait_closed return when the connection was aborted, with data queued", reports, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Writer.Write(Pattern(much))
		wait := s.Writer.WaitClosed()
		t.Expect(wait).To(BePending())
		s.Transport.Abort()
		t.Expect(wait).To(ReturnNone())
		t.Expect(s.Writer.WaitClosed()).To(ReturnNone())
	})
	itEach(writingKinds, "has wait_closed raise when sending has failed, to whoever waits, and again", reports, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		first, second := s.Writer.WaitClosed(), s.Writer.WaitClosed()
		t.Expect(first).To(BePending())
		s.Writer.Write(Pattern(much))
		endAbruptly(s.Raw)
		t.Expect(first).To(FailWith(lostToPeer))
		t.Expect(second).To(FailWith(lostToPeer))
		t.Expect(s.Writer.WaitClosed()).To(FailWith(lostToPeer))
		t.Expect(s.Writer.Close()).To(ReturnNone())
		t.Expect(s.Writer.WaitClosed()).To(FailWith(lostToPeer))
	})
	It("has wait_closed raise when the peer resets the idle connection", reports, func() {
		s := t.OpenStream(trace.TCP)
		wait := s.Writer.WaitClosed()
		s.Raw.Reset()
		t.Expect(wait).To(FailWith(lostToPeer))
		t.Expect(s.Writer.WaitClosed()).To(FailWith(lostToPeer))
	})
	It("has wait_closed raise when the peer resets while what is queued is flushed", reports, func() {
		s := t.OpenStream(trace.TCP)
		s.Writer.Write(Pattern(much))
		s.Writer.Close()
		wait := s.Writer.WaitClosed()
		t.Expect(wait).To(BePending())
		s.Raw.Reset()
		t.Expect(wait).To(FailWith(lostToPeer))
	})

	poisons := Rule("writer.close.cancelled-wait-poisons")
	itEach(writingKinds, "may be spoiled for others by the one who gives up waiting", poisons, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		first, second := s.Writer.WaitClosed(), s.Writer.WaitClosed()
		first.Cancel()
		t.Expect(first).To(FailWith(Cancelled))
		t.Expect(second).To(Or(BePending(), FailWith(Cancelled)))
		t.Expect(s.Writer.IsClosing()).To(ReturnBool(false))
		s.Writer.Write("abc")
		s.Writer.Close()
		t.Expect(s.Raw.RecvAll()).To(Return("abc"))
		t.Expect(second).To(Or(ReturnNone(), FailWith(Cancelled)))
		again := s.Writer.WaitClosed()
		t.Expect(again).To(Or(ReturnNone(), FailWith(Cancelled)))
		if again.Raised() != nil {
			t.Saw("a cancelled wait_closed cancels the later ones")
		} else {
			t.Saw("a cancelled wait_closed concerns no other")
		}
	})
}

// writerCloseAsks is whether a stream is closing, and closing it again.
func writerCloseAsks(t *Testee) {
	isClosing := Rule("writer.close.is-closing")
	itEach(writingKinds, "says that it is closing from the call on", isClosing, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		t.Expect(s.Writer.IsClosing()).To(ReturnBool(false))
		s.Writer.Write("abc")
		t.WithoutSettling(func() {
			t.Expect(s.Writer.IsClosing()).To(ReturnBool(false))
			s.Writer.Close()
			t.Expect(s.Writer.IsClosing()).To(ReturnBool(true))
		})
		t.Expect(s.Raw.RecvAll()).To(Return("abc"))
		t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
		t.Expect(s.Writer.IsClosing()).To(ReturnBool(true))
		s.Writer.Close()
		t.Expect(s.Writer.IsClosing()).To(ReturnBool(true))
	})
	itEach(writingKinds, "says that it is closing while it sends what is queued", isClosing, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		s.Writer.Write(text)
		t.Expect(s.Writer.IsClosing()).To(ReturnBool(false))
		s.Writer.Close()
		t.Expect(s.Writer.IsClosing()).To(ReturnBool(true))
		t.Expect(s.Raw.RecvAll()).To(Return(text))
		t.Expect(s.Writer.IsClosing()).To(ReturnBool(true))
	})
	itEach(socketKinds, "does not say that it is closing when only the peer has ended its side", isClosing, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Raw.End()
		t.Expect(s.Reader.ReadAll()).To(Return(""))
		t.Expect(s.Writer.IsClosing()).To(ReturnBool(false))
		s.Writer.Close()
		t.Expect(s.Writer.IsClosing()).To(ReturnBool(true))
	})
	itEach(socketKinds, "does not say that it is closing after write_eof", isClosing, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Writer.WriteEOF()
		t.Expect(s.Raw.RecvAll()).To(Return(""))
		t.Expect(s.Writer.IsClosing()).To(ReturnBool(false))
	})

	again := Rule("writer.close.idempotent")
	itEach(writingKinds, "may be repeated, and so may write_eof", again, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Writer.Write("abc")
		t.WithoutSettling(func() {
			for range 3 {
				t.Expect(s.Writer.Close()).To(ReturnNone())
				t.Expect(s.Writer.WriteEOF()).To(ReturnNone())
			}
		})
		t.Expect(s.Raw.RecvAll()).To(Return("abc"))
		t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
		for range 3 {
			t.Expect(s.Writer.Close()).To(ReturnNone())
			t.Expect(s.Writer.WriteEOF()).To(ReturnNone())
		}
	})
	itEach(writingKinds, "may be repeated while something is queued, and so may write_eof", again, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		s.Writer.Write(text)
		t.Expect(s.Writer.WriteEOF()).To(ReturnNone())
		t.Expect(s.Writer.WriteEOF()).To(ReturnNone())
		t.Expect(s.Writer.Close()).To(ReturnNone())
		t.Expect(s.Writer.WriteEOF()).To(ReturnNone())
		t.Expect(s.Writer.Close()).To(ReturnNone())
		t.Expect(s.Raw.RecvAll()).To(Return(text))
		t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
	})
	itEach(socketKinds, "lets write_eof be repeated when the stream has ended", again, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		t.Expect(s.Writer.WriteEOF()).To(ReturnNone())
		t.Expect(s.Raw.RecvAll()).To(Return(""))
		t.Expect(s.Writer.WriteEOF()).To(ReturnNone())
		s.Raw.SendAll("answer")
		t.Expect(s.Reader.ReadExactly(6)).To(Return("answer"))
		t.Expect(s.Writer.WriteEOF()).To(ReturnNone())
	})
	itEach(writingKinds, "may be repeated after the connection was lost, and so may write_eof", again, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Writer.Write(Pattern(much))
		endAbruptly(s.Raw)
		t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
		for range 2 {
			t.Expect(s.Writer.WriteEOF()).To(ReturnNone())
			t.Expect(s.Writer.Close()).To(ReturnNone())
		}
	})

	stays := Rule("writer.close.peer-eof-does-not-close")
	itEach(socketKinds, "is not brought about by the peer that ends its side", stays, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		wait := s.Writer.WaitClosed()
		s.Raw.SendAll("abc")
		s.Raw.End()
		t.Expect(s.Reader.ReadAll()).To(Return("abc"))
		t.Expect(s.Writer.IsClosing()).To(ReturnBool(false))
		t.Expect(wait).To(BePending())
		s.Writer.Write("answer")
		t.Expect(s.Raw.Recv(6)).To(Return("answer"))
		t.Expect(s.Writer.IsClosing()).To(ReturnBool(false))
		t.Expect(wait).To(BePending())
		s.Writer.Close()
		t.Expect(wait).To(ReturnNone())
	})
}

// writerCloseEndsReader is what closing does to the reader of the stream.
func writerCloseEndsReader(t *Testee) {
	ends := Rule("writer.close.ends-reader")
	itEach(socketKinds, "has the reader reach the end", ends, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		read := s.Reader.ReadLine()
		t.Expect(read).To(BePending())
		s.Writer.Close()
		t.Expect(read).To(Return(""))
		t.Expect(s.Reader.ReadAll()).To(Return(""))
		t.Expect(s.Reader.AtEOF()).To(ReturnBool(true))
	})
	itEach(socketKinds, "leaves to the reader what it has received, and then the end", ends, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Raw.SendAll("abcdef")
		t.Expect(s.Reader.ReadExactly(1)).To(Return("a"))
		s.Writer.Close()
		t.Expect(s.Reader.ReadAll()).To(ReturnBytesThat("are a beginning of the rest", func(got string) bool { return strings.HasPrefix("bcdef", got) }))
		t.Expect(s.Reader.AtEOF()).To(ReturnBool(true))
	})
	itEach(socketKinds, "has the reader get nothing that it has not received by then", ends, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		t.WithoutSettling(func() {
			s.Raw.Send("late")
			s.Writer.Close()
		})
		if t.SettlesExactly() { // the implementation has not run between the two
			t.Expect(s.Reader.ReadAll()).To(Return(""))
		} else {
			t.Expect(s.Reader.ReadAll()).To(ReturnOneOf("", "late"))
		}
	})
	itEach(socketKinds, "has the reader get nothing that is sent afterwards", ends, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		s.Writer.Write(text)
		s.Writer.Close()
		s.Raw.Send("late")
		read := s.Reader.ReadAll()
		t.Expect(s.Raw.Recv(much)).To(Return(text))
		t.Expect(read).To(Return(""))
	})

	aborted := Rule("writer.close.abort-ends-pending-read")
	reads := []struct {
		name string
		call func(*Reader) *Call
		want OmegaMatcher
	}{
		{"read", func(r *Reader) *Call { return r.Read(100) }, Return("")},
		{"read to the end", (*Reader).ReadAll, Return("")},
		{"readline", (*Reader).ReadLine, Return("")},
		{"readexactly", func(r *Reader) *Call { return r.ReadExactly(100) }, FailWith(Partial(""))},
		{"readuntil", func(r *Reader) *Call { return r.ReadUntil(";") }, FailWith(Partial(""))},
		{"iteration", (*Reader).Iterate, ReturnNone()},
	}
	for _, read := range reads {
		itEach(socketKinds, "is abrupt, but ends the stream for a call that waits: "+read.name, aborted, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			waiting := read.call(s.Reader)
			t.Expect(waiting).To(BePending())
			s.Transport.Abort()
			t.Expect(waiting).To(read.want)
			t.Expect(s.Reader.Exception()).To(ReturnNone())
		})
	}
	itEach(socketKinds, "is abrupt, but ends the stream for a call that has something already", aborted, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		waiting := s.Reader.ReadExactly(100)
		s.Raw.SendAll("abc")
		s.Transport.Abort()
		if t.SettlesExactly() {
			t.Expect(waiting).To(FailWith(Partial("abc")))
		} else {
			t.Expect(waiting).To(FailWith(IncompleteRead))
		}
	})
	itEach(socketKinds, "is abrupt with data queued, but ends the stream for a call that waits", aborted, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Writer.Write(Pattern(much))
		waiting := s.Reader.Read(1)
		s.Transport.Abort()
		t.Expect(waiting).To(Return(""))
		t.Expect(s.Reader.AtEOF()).To(ReturnBool(true))
	})
}

// writerClosePython is what closing is in Python.
func writerClosePython(t *Testee) {
	itEach(writingKinds, "can neither be asked for nor be waited for in 3.6", Rule("writer.close.surface-3-6"), func(kind trace.EndKind) {
		t.Needs(trace.CapPythonSurface)
		s := t.OpenStream(kind)
		t.Expect(s.Writer.Has("is_closing")).To(ReturnBool(false))
		t.Expect(s.Writer.Has("wait_closed")).To(ReturnBool(false))
	})
	itEach(socketKinds, "is what becomes of a writer that nobody has any more", Rule("writer.close.dropped-writer-closes"), func(kind trace.EndKind) {
		t.Needs(trace.CapPythonSurface)
		s := t.OpenStream(kind)
		s.Writer.Write("abc")
		s.LetGo(true, true)
		t.Expect(s.Raw.RecvAll()).To(Return("abc"))
		t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
		t.Expect(t.Heard(trace.Warned)).To(ContainElement(ContainSubstring("ResourceWarning")), "warnings")
	})
	It("is what becomes of a writer that nobody has any more: write-pipe", Rule("writer.close.dropped-writer-closes"), func() {
		t.Needs(trace.CapPythonSurface)
		s := t.OpenStream(trace.WritePipe)
		s.Writer.Write("abc")
		s.LetGo(false, true)
		t.Expect(s.Raw.RecvAll()).To(Return("abc"))
		t.Expect(t.Heard(trace.Warned)).To(ContainElement(ContainSubstring("ResourceWarning")), "warnings")
	})
}
