package behavior

import (
	"slices"
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// writerDrain is waiting until there is room.
func writerDrain(t *Testee) {
	Describe("writer.drain", func() {
		writerDrainBlocks(t)
		writerDrainReleased(t)
		writerDrainFails(t)
		writerDrainShared(t)
		writerDrainByHand(t)
	})
}

// writerDrainBlocks is whether there is something to wait for.
func writerDrainBlocks(t *Testee) {
	atOnce := Rule("writer.drain.returns-at-once")
	itEach(writingKinds, "returns when nothing is queued", atOnce, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		t.Expect(s.Writer.Drain()).To(ReturnNone())
		s.Writer.Write("abc")
		t.Expect(s.Writer.Drain()).To(ReturnNone())
		t.Expect(s.Writer.Drain()).To(ReturnNone())
		t.Expect(s.Raw.Recv(3)).To(Return("abc"))
	})
	for _, way := range waysToWrite {
		itEach(writingKinds, "returns when less than the high mark is queued, though the peer receives nothing: "+way.name, atOnce, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			t.Expect(s.Transport.SetHigh(much)).To(ReturnNone())
			text := Pattern(much)
			way.do(s.Writer, text[:much/2])
			t.Expect(s.Writer.Drain()).To(ReturnNone())
			way.do(s.Writer, text[much/2:])
			t.Expect(s.Writer.Drain()).To(ReturnNone())
			t.Expect(s.Transport.Queued()).To(BeNumerically(">", 0), "bytes queued")
		})
	}
	itEach(writingKinds, "returns when exactly the high mark is queued, though the peer receives nothing", atOnce, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		_, queued := s.Transport.Fill()
		t.Expect(s.Transport.SetMarks(queued/2, queued)).To(ReturnNone())
		t.Expect(s.Writer.Drain()).To(ReturnNone())
		s.Writer.Write("")
		t.Expect(s.Writer.Drain()).To(ReturnNone())
	})
	itEach(writingKinds, "returns again when everything was sent", atOnce, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		s.Writer.Write(text)
		t.Expect(s.Raw.Recv(much)).To(Return(text))
		t.Expect(s.Transport.WriteBufferSize()).To(Become(ReturnInt(0)))
		t.Expect(s.Writer.Drain()).To(ReturnNone())
		s.Writer.Write("abc")
		t.Expect(s.Writer.Drain()).To(ReturnNone())
		t.Expect(s.Raw.Recv(3)).To(Return("abc"))
	})
	itEach(socketKinds, "returns when the peer has ended its side alone", atOnce, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Raw.End()
		t.Expect(s.Reader.ReadAll()).To(Return(""))
		s.Writer.Write("abc")
		t.Expect(s.Writer.Drain()).To(ReturnNone())
	})

	blocks := Rule("writer.drain.blocks-above-high")
	for _, way := range waysToWrite {
		itEach(writingKinds, "waits when more than the high mark is queued: "+way.name, blocks, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			text := Pattern(much)
			way.do(s.Writer, text)
			drain := s.Writer.Drain()
			t.Expect(drain).To(BePending())
			t.Expect(s.Transport.Queued()).To(BeNumerically(">", 0), "bytes queued")
			t.Expect(drain).To(BePending())
			t.Expect(s.Raw.Recv(much)).To(Return(text))
			t.Expect(drain).To(ReturnNone())
		})
		for _, kind := range []trace.EndKind{trace.Unix, trace.WritePipe} { // how much TCP still takes is known to nobody
			It("waits when one byte more than the high mark is queued, "+way.name+": "+string(kind), blocks, func() {
				s := t.OpenStream(kind)
				written, queued := s.Transport.Fill()
				t.Expect(s.Transport.SetMarks(0, queued+2)).To(ReturnNone())
				way.do(s.Writer, "ab")
				t.Expect(s.Transport.WriteBufferSize()).To(ReturnInt(queued + 2))
				t.Expect(s.Writer.Drain()).To(ReturnNone())
				way.do(s.Writer, "c")
				drain := s.Writer.Drain()
				t.Expect(drain).To(BePending())
				t.Expect(s.Transport.WriteBufferSize()).To(ReturnInt(queued + 3))
				t.Expect(drain).To(BePending())
				s.Raw.Recv(written)
				t.Expect(s.Raw.Recv(3)).To(Return("abc"))
				t.Expect(drain).To(ReturnNone())
			})
		}
		itEach(writingKinds, "waits whenever something is queued when the high mark is zero: "+way.name, blocks, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			t.Expect(s.Transport.SetHigh(0)).To(ReturnNone())
			text := Pattern(much)
			way.do(s.Writer, text)
			drain := s.Writer.Drain()
			t.Expect(drain).To(BePending())
			t.Expect(s.Raw.Recv(much)).To(Return(text))
			t.Expect(drain).To(ReturnNone())
		})
	}
	itEach(writingKinds, "waits when the marks are set below what is queued", blocks, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		t.Expect(s.Transport.SetHigh(2 * much)).To(ReturnNone())
		text := Pattern(much)
		s.Writer.Write(text)
		t.Expect(s.Writer.Drain()).To(ReturnNone())
		t.Expect(s.Transport.SetMarks(0, 1000)).To(ReturnNone())
		drain := s.Writer.Drain()
		t.Expect(drain).To(BePending())
		t.Expect(s.Raw.Recv(much)).To(Return(text))
		t.Expect(drain).To(ReturnNone())
	})
	itEach(writingKinds, "waits each time that more than the high mark is queued", blocks, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		for range 3 {
			s.Writer.Write(text)
			drain := s.Writer.Drain()
			t.Expect(drain).To(BePending())
			t.Expect(s.Raw.Recv(much)).To(Return(text))
			t.Expect(drain).To(ReturnNone())
			t.Expect(s.Transport.WriteBufferSize()).To(Become(ReturnInt(0)))
		}
	})

	itEach(writingKinds, "waits though another stream has room again", blocks, func(kind trace.EndKind) {
		s, another := t.OpenStream(kind), t.OpenStream(kind)
		text := Pattern(much)
		s.Writer.Write(text)
		another.Writer.Write(text)
		drain, anothers := s.Writer.Drain(), another.Writer.Drain()
		t.Expect(drain).To(BePending())
		t.Expect(anothers).To(BePending())
		t.Expect(another.Raw.Recv(much)).To(Return(text))
		t.Expect(anothers).To(ReturnNone())
		t.Expect(drain).To(BePending())
		t.Expect(s.Raw.Recv(much)).To(Return(text))
		t.Expect(drain).To(ReturnNone())
	})

	withoutYield := Rule("writer.drain.unpaused-does-not-yield")
	itEach(writingKinds, "does not give way when there is nothing to wait for", withoutYield, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		t.Expect(s.Writer.DrainEagerly()).To(ReturnNone())
		s.Writer.Write("abc")
		t.Expect(s.Writer.DrainEagerly()).To(ReturnNone())
		t.Expect(s.Transport.SetHigh(2 * much)).To(ReturnNone())
		s.Writer.Write(Pattern(much))
		t.Expect(s.Writer.DrainEagerly()).To(ReturnNone())
	})
}

// writerDrainReleased is when what waits comes back.
func writerDrainReleased(t *Testee) {
	released := Rule("writer.drain.released-at-low")
	const total, high, piece = 400_000, 300_000, 4000

	// follow has the peer receive until a drain that waits has come back, and returns how much was queued each time. Nothing
	// is written meanwhile, so the queue only shrinks: what is queued when the drain has come back was not more when it did.
	follow := func(kind trace.EndKind, low int) (sizes []int) {
		s := t.OpenStream(kind)
		t.Expect(s.Transport.SetMarks(low, high)).To(ReturnNone())
		text := Pattern(total)
		s.Writer.Write(text)
		s.Writer.Write(text)
		drain := s.Writer.Drain()
		t.Expect(drain).To(BePending())
		mustAt := low
		if kind == trace.WritePipe {
			mustAt = 0 // a write pipe may wait until nothing is queued
		}
		for received := 0; ; received += piece {
			back := !drain.Pending()
			queued := s.Transport.Queued()
			sizes = append(sizes, queued)
			if back {
				t.Expect(queued).To(BeNumerically("<=", low), "bytes queued after the drain")
			}
			must := queued <= mustAt || received == 2*total
			if must {
				t.Expect(drain).To(ReturnNone())
			}
			if back || must {
				return sizes
			}
			t.Expect(s.Raw.Recv(piece)).To(ReturnLength(piece))
		}
	}
	for _, low := range []int{0, 1, 1000, 50_000, 100_000, high} {
		itEach(writingKinds, "comes back when no more than the low mark is queued, and not before: "+strconv.Itoa(low), released, func(kind trace.EndKind) {
			follow(kind, low)
		})
	}
	for _, kind := range []trace.EndKind{trace.Unix, trace.WritePipe} { // which sizes there are on TCP is known to nobody
		It("comes back when exactly the low mark is queued, and not with a byte more: "+string(kind), released, func() {
			sizes := follow(kind, 0)
			for _, queued := range sizes[len(sizes)/2 : len(sizes)-1] {
				if queued <= high && queued > 0 {
					follow(kind, queued)
					follow(kind, queued-1)
					return
				}
			}
		})
	}
	itEach(writingKinds, "comes back when everything was received though the low mark is zero", released, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		t.Expect(s.Transport.SetMarks(0, 0)).To(ReturnNone())
		text := Pattern(total)
		s.Writer.Write(text)
		drain := s.Writer.Drain()
		t.Expect(drain).To(BePending())
		t.Expect(s.Raw.Recv(total)).To(Return(text))
		t.Expect(drain).To(ReturnNone())
		t.Expect(s.Transport.WriteBufferSize()).To(ReturnInt(0))
	})

	notEmpty := Rule("writer.drain.does-not-wait-for-empty")
	for _, way := range waysToWrite {
		itEach(socketKinds, "comes back though something is queued, unless the low mark is zero: "+way.name, notEmpty, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			t.Expect(s.Transport.SetMarks(much, much+much/2)).To(ReturnNone())
			text := Pattern(2 * much)
			way.do(s.Writer, text)
			drain := s.Writer.Drain()
			t.Expect(drain).To(BePending())
			t.Expect(s.Raw.Recv(much)).To(Return(text[:much])) // so no more than the low mark is left, of which the kernel takes a part
			t.Expect(drain).To(ReturnNone())
			t.Expect(s.Transport.Queued()).To(BeNumerically(">", 0), "bytes queued after the drain")
			t.Expect(s.Raw.Recv(much)).To(Return(text[much:]))
		})
	}
	itEach(writingKinds, "waits until nothing is queued when the low mark is zero", notEmpty, func(kind trace.EndKind) {
		follow(kind, 0)
	})
}

// writerDrainFails is what becomes of drains when something has gone wrong.
func writerDrainFails(t *Testee) {
	stored := Rule("writer.drain.raises-stored-exception")
	itEach(socketKinds, "raises the exception that is stored in the reader, every time", stored, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Reader.SetException("boom")
		t.Expect(s.Writer.Drain()).To(FailWith(Exception("boom")))
		s.Writer.Write("abc")
		t.Expect(s.Writer.Drain()).To(FailWith(Exception("boom")))
		t.Expect(s.Raw.Recv(3)).To(Return("abc"))
	})
	itEach(socketKinds, "raises the exception that is stored in the reader though there is something to wait for", stored, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Writer.Write(Pattern(much))
		s.Reader.SetException("boom")
		t.Expect(s.Writer.Drain()).To(FailWith(Exception("boom")))
	})
	itEach(socketKinds, "raises the exception that is stored in the reader though the stream is closed", stored, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Reader.SetException("boom")
		s.Writer.Close()
		t.Expect(s.Writer.Drain()).To(FailWith(Exception("boom")))
	})

	closed := Rule("writer.drain.closed-raises")
	itEach(writingKinds, "fails as a lost connection when the stream is closed, every time", closed, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Writer.Write("abc")
		s.Writer.Close()
		t.Expect(s.Raw.RecvAll()).To(Return("abc"))
		t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
		for range 3 {
			t.Expect(s.Writer.Drain()).To(Become(FailWith(lostToPeer)))
		}
	})
	itEach(writingKinds, "fails as a lost connection when the stream was closed in the same breath", closed, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		var drain *Call
		t.WithoutSettling(func() {
			s.Writer.Close()
			drain = s.Writer.Drain()
		})
		t.Expect(drain).To(FailWith(lostToPeer))
		t.Expect(s.Writer.Drain()).To(FailWith(lostToPeer))
	})
	itEach(writingKinds, "gives way once when the stream is closing, so that the loss is noticed", closed, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		t.WithoutSettling(func() {
			s.Writer.Close()
			t.Expect(s.Writer.DrainEagerly()).To(Or(BePending(), FailWith(lostToPeer)))
		})
	})
	itEach(writingKinds, "fails as a lost connection when the connection was aborted", closed, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Writer.Write(Pattern(much))
		s.Transport.Abort()
		t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
		for range 3 {
			t.Expect(s.Writer.Drain()).To(Become(FailWith(lostToPeer)))
		}
	})
	itEach(writingKinds, "fails at last when each write is followed by a drain and the peer has gone", closed, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		endAbruptly(s.Raw)
		failed := false
		for i := 0; i < 1000 && !failed; i++ {
			t.Expect(s.Writer.Write("abc")).To(ReturnNone())
			failed = s.Writer.Drain().Raised() != nil
		}
		t.Expect(s.Writer.Drain()).To(Become(FailWith(lostToPeer)))
	})

	loss := Rule("writer.drain.loss-releases")
	itEach(writingKinds, "ends when the connection is aborted", loss, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Writer.Write(Pattern(much))
		drain := s.Writer.Drain()
		t.Expect(drain).To(BePending())
		s.Transport.Abort()
		t.Expect(drain).To(Or(ReturnNone(), FailWith(lostToPeer)))
		if drain.Raised() != nil {
			t.Saw("a drain fails when the connection is aborted")
		} else {
			t.Saw("a drain returns when the connection is aborted")
		}
	})
	itEach(writingKinds, "raises the error of the loss when the peer goes while it waits", loss, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Writer.Write(Pattern(much))
		drain := s.Writer.Drain()
		t.Expect(drain).To(BePending())
		endAbruptly(s.Raw)
		t.Expect(drain).To(FailWith(lostToPeer))
	})
	itEach(writingKinds, "ends when the stream is closed meanwhile and everything is received", loss, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		s.Writer.Write(text)
		drain := s.Writer.Drain()
		s.Writer.Close()
		t.Expect(drain).To(BePending())
		t.Expect(s.Raw.RecvAll()).To(Return(text))
		t.Expect(drain).To(Or(ReturnNone(), FailWith(lostToPeer)))
	})
}

// writerDrainShared is several tasks that drain, and one that is cancelled.
func writerDrainShared(t *Testee) {
	several := Rule("writer.drain.several-tasks")
	itEach(writingKinds, "may be called by several tasks, and all come back", several, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		s.Writer.Write(text)
		drains := []*Call{s.Writer.Drain(), s.Writer.Drain(), s.Writer.Drain()}
		for _, drain := range drains {
			t.Expect(drain).To(BePending())
		}
		t.Expect(s.Raw.Recv(much)).To(Return(text))
		for _, drain := range drains {
			t.Expect(drain).To(ReturnNone())
		}
	})
	itEach(writingKinds, "may be called by several tasks, and all come back when the peer goes", several, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Writer.Write(Pattern(much))
		first, second := s.Writer.Drain(), s.Writer.Drain()
		t.Expect(first).To(BePending())
		t.Expect(second).To(BePending())
		endAbruptly(s.Raw)
		t.Expect(first).To(FailWith(lostToPeer))
		t.Expect(second).To(FailWith(lostToPeer))
	})
	for _, cancelled := range []int{0, 1, 2} {
		itEach(writingKinds, "may be called by several tasks, of which one gives up: number "+strconv.Itoa(cancelled+1), several, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			text := Pattern(much)
			s.Writer.Write(text)
			drains := []*Call{s.Writer.Drain(), s.Writer.Drain(), s.Writer.Drain()}
			drains[cancelled].Cancel()
			t.Expect(drains[cancelled]).To(FailWith(Cancelled))
			for i, drain := range drains {
				if i != cancelled {
					t.Expect(drain).To(BePending())
				}
			}
			drains[cancelled] = s.Writer.Drain()
			t.Expect(drains[cancelled]).To(BePending())
			t.Expect(s.Raw.Recv(much)).To(Return(text))
			for _, drain := range drains {
				t.Expect(drain).To(ReturnNone())
			}
		})
	}

	itEach(writingKinds, "may fail when another task drains", Rule("writer.drain.second-task-asserts"), func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		s.Writer.Write(text)
		first, second := s.Writer.Drain(), s.Writer.Drain()
		t.Expect(first).To(BePending())
		t.Expect(second).To(Or(BePending(), FailWith(InvalidState)))
		t.Expect(s.Raw.Recv(much)).To(Return(text))
		t.Expect(first).To(ReturnNone())
		if second.Raised() != nil {
			t.Saw("a second drain fails")
		} else {
			t.Saw("a second drain waits as well")
		}
	})

	harmless := Rule("writer.drain.cancel-is-harmless")
	itEach(writingKinds, "may be cancelled, and waits again when it is called again", harmless, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		s.Writer.Write(text)
		for range 3 {
			drain := s.Writer.Drain()
			t.Expect(drain).To(BePending())
			drain.Cancel()
			t.Expect(drain).To(FailWith(Cancelled))
		}
		drain := s.Writer.Drain()
		t.Expect(drain).To(BePending())
		t.Expect(s.Raw.Recv(much)).To(Return(text))
		t.Expect(drain).To(ReturnNone())
		t.Expect(s.Writer.Drain()).To(ReturnNone())
	})
	itEach(writingKinds, "may be cancelled, and everything is sent all the same", harmless, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		s.Writer.Write(text)
		drain := s.Writer.Drain()
		drain.Cancel()
		t.Expect(drain).To(FailWith(Cancelled))
		s.Writer.Write("the tail")
		s.Writer.Close()
		t.Expect(s.Raw.RecvAll()).To(Return(text + "the tail"))
	})
	itEach(writingKinds, "may be cancelled, and the next one fails when the peer goes", harmless, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Writer.Write(Pattern(much))
		drain := s.Writer.Drain()
		drain.Cancel()
		t.Expect(drain).To(FailWith(Cancelled))
		drain = s.Writer.Drain()
		t.Expect(drain).To(BePending())
		endAbruptly(s.Raw)
		t.Expect(drain).To(FailWith(lostToPeer))
	})
}

// writerDrainByHand is drain as the protocol is told to pause.
func writerDrainByHand(t *Testee) {
	follows := Rule("writer.drain.follows-protocol")
	byHand := func(withReader bool) (*ReaderProtocol, *Writer, *Reader) {
		r, mock := t.NewReader(), t.NewMock()
		p := t.NewReaderProtocol(r, "")
		p.ConnectionMade(mock)
		if withReader {
			return p, t.NewWriter(mock, p, r), r
		}
		return p, t.NewWriter(mock, p, nil), r
	}
	It("waits while the protocol is told to pause", follows, func() {
		p, w, _ := byHand(true)
		t.Expect(w.Drain()).To(ReturnNone())
		for range 2 {
			t.Expect(p.PauseWriting()).To(ReturnNone())
			drain := w.Drain()
			t.Expect(drain).To(BePending())
			t.Expect(p.ResumeWriting()).To(ReturnNone())
			t.Expect(drain).To(ReturnNone())
			t.Expect(w.Drain()).To(ReturnNone())
		}
	})
	It("returns when the protocol was told to pause and to resume", follows, func() {
		p, w, _ := byHand(true)
		t.WithoutSettling(func() {
			p.PauseWriting()
			p.ResumeWriting()
		})
		t.Expect(w.Drain()).To(ReturnNone())
	})
	for _, cancelled := range []int{0, 1, 2} {
		// threeDrains have begun to wait, and one of them is given up in the same breath in which something happens to the protocol.
		threeDrains := func(happens func(*ReaderProtocol)) (others []*Call) {
			p, w, _ := byHand(true)
			p.PauseWriting()
			drains := []*Call{w.Drain(), w.Drain(), w.Drain()}
			for _, drain := range drains {
				t.Expect(drain).To(BePending())
			}
			t.WithoutSettling(func() {
				drains[cancelled].Cancel()
				happens(p)
			})
			t.Expect(drains[cancelled]).To(ComeBack())
			return slices.Delete(drains, cancelled, cancelled+1)
		}
		which := ": number " + strconv.Itoa(cancelled+1)
		It("releases the others when one task gives up in the same breath"+which, Rule("writer.drain.several-tasks"), func() {
			others := threeDrains(func(p *ReaderProtocol) { t.Expect(p.ResumeWriting()).To(ReturnNone()) })
			for _, drain := range others {
				t.Expect(drain).To(ReturnNone())
			}
		})
		It("tells the others of the loss when one task gives up in the same breath"+which, Rule("writer.drain.several-tasks"), func() {
			others := threeDrains(func(p *ReaderProtocol) { t.Expect(p.ConnectionLostWith("gone")).To(ReturnNone()) })
			for _, drain := range others {
				t.Expect(drain).To(FailWith(Exception("gone")))
			}
		})
	}
	It("raises the error of a loss that the protocol is told of", Rule("writer.drain.loss-releases"), func() {
		p, w, _ := byHand(true)
		p.PauseWriting()
		drain := w.Drain()
		t.Expect(drain).To(BePending())
		p.ConnectionLostWith("gone")
		t.Expect(drain).To(FailWith(Exception("gone")))
	})
	It("raises the exception of a reader that was made by hand", Rule("writer.drain.raises-stored-exception"), func() {
		p, w, r := byHand(true)
		r.SetException("boom")
		t.Expect(w.Drain()).To(FailWith(Exception("boom")))
		p.PauseWriting()
		t.Expect(w.Drain()).To(FailWith(Exception("boom")))
	})

	without := Rule("writer.drain.without-reader")
	It("needs no reader", without, func() {
		p, w, _ := byHand(false)
		t.Expect(w.Drain()).To(ReturnNone())
		p.PauseWriting()
		drain := w.Drain()
		t.Expect(drain).To(BePending())
		p.ResumeWriting()
		t.Expect(drain).To(ReturnNone())
	})
	It("needs no reader on a write pipe", without, func() {
		s := t.OpenStream(trace.WritePipe)
		t.Expect(s.Writer.Drain()).To(ReturnNone())
		text := Pattern(much)
		s.Writer.Write(text)
		drain := s.Writer.Drain()
		t.Expect(drain).To(BePending())
		t.Expect(s.Raw.Recv(much)).To(Return(text))
		t.Expect(drain).To(ReturnNone())
		s.Writer.Close()
		t.Expect(s.Raw.RecvAll()).To(Return(""))
	})
}
