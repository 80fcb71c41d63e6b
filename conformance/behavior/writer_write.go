package behavior

import (
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// expectInPieces has a raw end receive a text, a piece of so many bytes at a time, as a slow peer does.
func expectInPieces(t *Testee, raw *Raw, text string, piece int) {
	for len(text) > 0 {
		n := min(piece, len(text))
		t.Expect(raw.Recv(n)).To(Return(text[:n]))
		text = text[n:]
	}
}

// A way is one of several ways to do the same: the way's name, and what it does.
type way[F any] struct {
	name string
	do   F
}

// waysToWrite write one text or another that is the same.
var waysToWrite = []way[func(w *Writer, text string) *Call]{
	{"write", (*Writer).Write},
	{"writelines", func(w *Writer, text string) *Call { return w.WriteLines(text[:len(text)/2], text[len(text)/2:]) }},
}

// waysToEmptyLines are lists of chunks with an empty one among them.
var waysToEmptyLines = []way[[]string]{
	{"first", []string{"", "ab", "cd"}},
	{"in the middle", []string{"ab", "", "cd"}},
	{"last", []string{"ab", "cd", ""}},
	{"first, in the middle and last", []string{"", "", "ab", "", "", "cd", "", ""}},
	{"alone", []string{""}},
	{"alone, three times over", []string{"", "", ""}},
}

// writerOperations are those that every writer has.
var writerOperations = []string{"write", "writelines", "can_write_eof", "write_eof", "get_extra_info", "close", "drain", "transport"}

// writerWrite is what writers write, and how.
func writerWrite(t *Testee) {
	Describe("writer.write", func() {
		writerWriteOrder(t)
		writerWriteAtOnce(t)
		writerWriteLines(t)
		writerWriteRefused(t)
		writerWriteTooLate(t)
		writerWritePython(t)
	})
}

// writerWriteOrder is that the peer gets what was written.
func writerWriteOrder(t *Testee) {
	ordered := Rule("writer.write.order-preserved")
	itEach(writingKinds, "sends many small pieces in order", ordered, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		all := ""
		for i := range 200 {
			piece := strings.Repeat(string('a'+byte(i%26)), 1+i%5)
			s.Writer.Write(piece)
			all += piece
		}
		t.Expect(s.Raw.Recv(len(all))).To(Return(all))
	})
	itEach(writingKinds, "sends many small pieces that are written in one breath in order", ordered, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		all := ""
		t.WithoutSettling(func() {
			for i := range 100 {
				piece := strings.Repeat(string('a'+byte(i%26)), 1+i%700)
				s.Writer.Write(piece)
				all += piece
			}
		})
		t.Expect(s.Raw.Recv(len(all))).To(Return(all))
	})
	itEach(writingKinds, "sends more than the kernel holds", ordered, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		t.Expect(s.Writer.Write(text)).To(ReturnNone())
		t.Expect(s.Raw.Recv(much)).To(Return(text))
	})
	itEach(writingKinds, "sends to a slow peer", ordered, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(300_000)
		s.Writer.Write(text)
		expectInPieces(t, s.Raw, text, 7001)
	})
	itEach(writingKinds, "sends what write and writelines write in the order of the calls", ordered, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(400_000)
		s.Writer.Write("<")
		s.Writer.WriteLines("a", "b")
		s.Writer.Write(text)
		s.Writer.WriteLines("c", text, "d")
		s.Writer.Write("e")
		s.Writer.WriteLines("f")
		s.Writer.Write(">")
		all := "<ab" + text + "c" + text + "def>"
		t.Expect(s.Raw.Recv(len(all))).To(Return(all))
	})
	itEach(writingKinds, "keeps what is written while a drain waits", ordered, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		s.Writer.Write(text)
		drain := s.Writer.Drain()
		s.Writer.Write("the tail")
		t.Expect(s.Raw.Recv(much)).To(Return(text))
		t.Expect(drain).To(ReturnNone())
		t.Expect(s.Writer.Drain()).To(ReturnNone())
		t.Expect(s.Raw.Recv(8)).To(Return("the tail"))
	})
	for _, form := range []trace.Form{trace.ByteArray, trace.View, trace.Wide, trace.Mutated} {
		itEach(writingKinds, "sends data in any form as they were at the call, "+string(form), ordered, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			t.Expect(s.Writer.WriteAs("abcd", form)).To(ReturnNone())
			t.Expect(s.Raw.Recv(4)).To(Return("abcd"))
		})
		itEach(writingKinds, "sends data in any form as they were at the call though not at once, "+string(form), ordered, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			text := Pattern(800_000)
			t.Expect(s.Writer.WriteAs(text, form)).To(ReturnNone())
			t.Expect(s.Writer.WriteAs("wxyz", form)).To(ReturnNone())
			t.Expect(s.Raw.Recv(len(text) + 4)).To(Return(text + "wxyz"))
		})
	}
}

// writerWriteAtOnce is when it is sent, and who waits for that.
func writerWriteAtOnce(t *Testee) {
	atOnce := Rule("writer.write.sends-at-once")
	itEach(writingKinds, "has sent what the kernel takes when it returns", atOnce, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		t.WithoutSettling(func() {
			for range 50 {
				t.Expect(s.Writer.Write("hello")).To(ReturnNone())
				t.Expect(s.Transport.WriteBufferSize()).To(ReturnInt(0))
				received := s.Raw.RecvWithoutRunning(5)
				t.Expect(received).NotTo(BePending())
				t.Expect(received).To(Return("hello"))
			}
		})
	})
	itEach(writingKinds, "has sent a part when it returns, and queued the rest", atOnce, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		t.WithoutSettling(func() {
			t.Expect(s.Writer.Write(text)).To(ReturnNone())
			received := s.Raw.RecvWithoutRunning(1000)
			t.Expect(received).NotTo(BePending())
			t.Expect(received).To(Return(text[:1000]))
			t.Expect(s.Transport.Queued()).To(BeNumerically(">", 0), "bytes queued")
		})
	})
	itEach(writingKinds, "does not send what is written before what is queued", atOnce, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		t.WithoutSettling(func() {
			s.Writer.Write(text)
			t.Expect(s.Raw.RecvWithoutRunning(3000)).To(Return(text[:3000]))
			s.Writer.Write("the tail") // there is room for it, but it has to wait
		})
		t.Expect(s.Raw.Recv(much - 3000 + 8)).To(Return(text[3000:] + "the tail"))
	})

	neverBlocks := Rule("writer.write.never-blocks")
	for _, way := range waysToWrite {
		itEach(writingKinds, "never blocks, whatever it is given: "+way.name, neverBlocks, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			t.Expect(way.do(s.Writer, strings.Repeat("a", 10<<20))).To(ReturnNone())
			t.Expect(s.Transport.Queued()).To(BeNumerically(">", 8<<20), "bytes queued")
			t.Expect(way.do(s.Writer, strings.Repeat("b", 10<<20))).To(ReturnNone())
			t.Expect(s.Transport.Queued()).To(BeNumerically(">", 18<<20), "bytes queued")
		})
	}
	itEach(writingKinds, "never blocks, however often it is called", neverBlocks, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		for range 30 {
			t.Expect(s.Writer.Write(strings.Repeat("a", 100_000))).To(ReturnNone())
		}
	})

	for _, way := range waysToWrite {
		itEach(writingKinds, "keeps the queue short when each is followed by a drain: "+way.name, Rule("writer.write.paired-with-drain"), func(kind trace.EndKind) {
			const high, piece = 30_000, 20_000
			s := t.OpenStream(kind)
			t.Expect(s.Transport.SetMarks(10_000, high)).To(ReturnNone())
			text := Pattern(40 * piece)
			received := 0
			for i := range 40 {
				t.Expect(way.do(s.Writer, text[i*piece:(i+1)*piece])).To(ReturnNone())
				t.Expect(s.Transport.Queued()).To(BeNumerically("<=", high+piece), "bytes queued")
				drain := s.Writer.Drain()
				for drain.Pending() && received < (i+1)*piece {
					n := min(4000, (i+1)*piece-received)
					t.Expect(s.Raw.Recv(n)).To(Return(text[received : received+n]))
					received += n
				}
				t.Expect(drain).To(ReturnNone())
			}
			t.Expect(s.Raw.Recv(len(text) - received)).To(Return(text[received:]))
		})
	}

	whenEmpty := Rule("writer.write.sends-when-queue-empty")
	itEach(writingKinds, "queues nothing when everything was sent", whenEmpty, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		t.WithoutSettling(func() {
			for range 20 {
				s.Writer.Write("a")
				t.Expect(s.Transport.WriteBufferSize()).To(ReturnInt(0))
			}
		})
		t.Expect(s.Raw.Recv(20)).To(Return(strings.Repeat("a", 20)))
	})
	for _, kind := range []trace.EndKind{trace.Unix, trace.WritePipe} { // how much TCP still takes is known to nobody
		It("appends to the queue what is written while something is queued: "+string(kind), whenEmpty, func() {
			s := t.OpenStream(kind)
			written, queued := s.Transport.Fill()
			s.Writer.Write("abc")
			t.Expect(s.Transport.WriteBufferSize()).To(ReturnInt(queued + 3))
			s.Writer.WriteLines("de", "f")
			t.Expect(s.Transport.WriteBufferSize()).To(ReturnInt(queued + 6))
			s.Raw.Recv(written)
			t.Expect(s.Raw.Recv(6)).To(Return("abcdef"))
			t.Expect(s.Transport.WriteBufferSize()).To(Become(ReturnInt(0)))
		})
	}
	itEach(writingKinds, "sends at once again when the queue has become empty", whenEmpty, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		s.Writer.Write(text)
		t.Expect(s.Transport.Queued()).To(And(BeNumerically(">", 0), BeNumerically("<", much)), "bytes queued")
		t.Expect(s.Raw.Recv(much)).To(Return(text))
		t.Expect(s.Transport.WriteBufferSize()).To(Become(ReturnInt(0)))
		t.WithoutSettling(func() {
			for range 20 {
				s.Writer.Write("b")
				t.Expect(s.Transport.WriteBufferSize()).To(ReturnInt(0))
			}
		})
		t.Expect(s.Raw.Recv(20)).To(Return(strings.Repeat("b", 20)))
	})
}

// writerWriteLines is several chunks at once.
func writerWriteLines(t *Testee) {
	takes := Rule("writer.write.writelines-takes-iterables")
	for _, container := range []trace.Container{trace.List, trace.Tuple, trace.Generator} {
		sends := func(what string, chunks ...string) {
			itEach(writingKinds, "takes any iterable: "+what+" in a "+string(container), takes, func(kind trace.EndKind) {
				s := t.OpenStream(kind)
				t.Expect(s.Writer.WriteLinesIn(container, Chunks(chunks...)...)).To(ReturnNone())
				t.Expect(s.Writer.Write("!")).To(ReturnNone())
				s.Writer.Close()
				t.Expect(s.Raw.RecvAll()).To(Return(strings.Join(chunks, "") + "!"))
			})
			itEach(writingKinds, "takes any iterable while something is queued: "+what+" in a "+string(container), takes, func(kind trace.EndKind) {
				s := t.OpenStream(kind)
				text := Pattern(much)
				s.Writer.Write(text)
				t.Expect(s.Writer.WriteLinesIn(container, Chunks(chunks...)...)).To(ReturnNone())
				t.Expect(s.Writer.Write("!")).To(ReturnNone())
				s.Writer.Close()
				t.Expect(s.Raw.RecvAll()).To(Return(text + strings.Join(chunks, "") + "!"))
			})
		}
		sends("nothing")
		sends("one chunk", "abc")
		sends("three chunks", "abc", "d", "ef")
		sends("large chunks", Pattern(100_000), Pattern(70_000), "and a small one")
	}

	equals := Rule("writer.write.writelines-equals-writes")
	for _, empty := range waysToEmptyLines {
		itEach(writingKinds, "closes after an empty chunk that is "+empty.name, equals, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			t.Expect(s.Writer.WriteLines(empty.do...)).To(ReturnNone())
			s.Writer.Close()
			t.Expect(s.Raw.RecvAll()).To(Return(strings.Join(empty.do, "")))
			t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
		})
		itEach(writingKinds, "closes after an empty chunk that was queued behind others and is "+empty.name, equals, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			text := Pattern(much)
			s.Writer.Write(text)
			t.Expect(s.Writer.WriteLines(empty.do...)).To(ReturnNone())
			s.Writer.Close()
			t.Expect(s.Raw.RecvAll()).To(Return(text + strings.Join(empty.do, "")))
			t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
		})
		itEach(writingKinds, "goes on after an empty chunk that is "+empty.name, equals, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			t.Expect(s.Writer.WriteLines(empty.do...)).To(ReturnNone())
			t.Expect(s.Transport.WriteBufferSize()).To(Become(ReturnInt(0)))
			t.Expect(s.Writer.Write("more")).To(ReturnNone())
			t.Expect(s.Writer.WriteLines("and", " more")).To(ReturnNone())
			all := strings.Join(empty.do, "") + "moreand more"
			t.Expect(s.Raw.Recv(len(all))).To(Return(all))
			t.Expect(s.Writer.Drain()).To(ReturnNone())
		})
	}
	itEach(writingKinds, "sends thousands of chunks as one", equals, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		var chunks []string
		for i := range 5000 {
			chunks = append(chunks, strings.Repeat(string('a'+byte(i%26)), i%50))
		}
		t.Expect(s.Writer.WriteLines(chunks...)).To(ReturnNone())
		s.Writer.Close()
		t.Expect(s.Raw.RecvAll()).To(Return(strings.Join(chunks, "")))
	})
	itEach(writingKinds, "sends large chunks to a slow peer as writes do", equals, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(500_000)
		t.Expect(s.Writer.WriteLines(text[:200_001], text[200_001:200_002], text[200_002:450_000], text[450_000:])).To(ReturnNone())
		expectInPieces(t, s.Raw, text, 9973)
	})
	itEach(writingKinds, "has drain wait when it has written much, as writes do", equals, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		t.Expect(s.Writer.WriteLines(text[:much/2], text[much/2:])).To(ReturnNone())
		drain := s.Writer.Drain()
		t.Expect(drain).To(BePending())
		t.Expect(s.Raw.Recv(much)).To(Return(text))
		t.Expect(drain).To(ReturnNone())
	})
	itEach(writingKinds, "has drain wait when others are queued, as writes do", equals, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		t.Expect(s.Transport.SetMarks(much, much+much/2)).To(ReturnNone())
		s.Writer.Write(text)
		t.Expect(s.Writer.Drain()).To(ReturnNone())
		t.Expect(s.Writer.WriteLines(text[:much/2], text[much/2:])).To(ReturnNone())
		drain := s.Writer.Drain()
		t.Expect(drain).To(BePending())
		t.Expect(s.Raw.Recv(2 * much)).To(Return(text + text))
		t.Expect(drain).To(ReturnNone())
	})
	itEach(writingKinds, "queues what writes would have queued", equals, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		t.Expect(s.Writer.WriteLines(Pattern(much), Pattern(much))).To(ReturnNone())
		t.Expect(s.Transport.Queued()).To(And(BeNumerically(">", much), BeNumerically("<", 2*much)), "bytes queued")
		t.Expect(s.Raw.Recv(2 * much)).To(Return(Pattern(much) + Pattern(much)))
		t.Expect(s.Transport.WriteBufferSize()).To(Become(ReturnInt(0)))
	})
	for _, form := range []trace.Form{trace.ByteArray, trace.View, trace.Wide, trace.Mutated} {
		itEach(writingKinds, "sends chunks in any form as they were at the call: "+string(form), equals, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			text := Pattern(400_000)
			chunk := func(part string) trace.Data { return trace.Data{Bytes: trace.Bytes(part), Form: form} }
			t.Expect(s.Writer.WriteLinesIn("", chunk("abcd"), chunk(text), chunk("efgh"))).To(ReturnNone())
			t.Expect(s.Raw.Recv(len(text) + 8)).To(Return("abcd" + text + "efgh"))
		})
	}

	itEach(writingKinds, "sends the chunks and nothing between them, in whatever pieces", Rule("writer.write.writelines-may-coalesce"), func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(200_000)
		t.Expect(s.Writer.WriteLines("abc", text, "def\n", "ghi")).To(ReturnNone())
		t.Expect(s.Raw.Recv(len(text) + 10)).To(Return("abc" + text + "def\nghi"))
	})
}

// writerWriteRefused is what is not written.
func writerWriteRefused(t *Testee) {
	refusal := func(kind trace.EndKind) ErrorPattern {
		if kind == trace.WritePipe {
			return AnyError
		}
		return InvalidType
	}
	for _, form := range []trace.Form{trace.AsText, trace.AsNone, trace.AsInt, trace.AsList} {
		itEach(writingKinds, "refuses what is no data: "+string(form), Rule("writer.write.refuses-other-types"), func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			t.Expect(s.Writer.WriteAs("5", form)).To(FailWith(refusal(kind)))
			s.Writer.Write("x")
			s.Writer.Close()
			t.Expect(s.Raw.RecvAll()).To(Return("x"))
		})
	}

	isNoOp := Rule("writer.write.empty-is-no-op")
	for _, form := range []trace.Form{trace.AsBytes, trace.ByteArray, trace.View, trace.Wide} {
		itEach(writingKinds, "does nothing with nothing, "+string(form), isNoOp, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			t.Expect(s.Writer.WriteAs("", form)).To(ReturnNone())
			t.Expect(s.Transport.WriteBufferSize()).To(ReturnInt(0))
			s.Writer.Write("ab")
			t.Expect(s.Writer.WriteAs("", form)).To(ReturnNone())
			s.Writer.Close()
			t.Expect(s.Raw.RecvAll()).To(Return("ab"))
		})
	}
	itEach(writingKinds, "does nothing with nothing while something is queued", isNoOp, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		s.Writer.Write(text)
		t.Expect(s.Writer.Write("")).To(ReturnNone())
		s.Writer.Close()
		t.Expect(s.Raw.RecvAll()).To(Return(text))
		t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
	})
	itEach(socketKinds, "refuses even nothing after write_eof", isNoOp, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Writer.WriteEOF()
		t.Expect(s.Writer.Write("")).To(FailWith(InvalidState))
		t.Expect(s.Raw.RecvAll()).To(Return(""))
	})

	itEach(writingKinds, "refuses a number for the chunks", Rule("writer.write.writelines-argument-types"), func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		t.Expect(s.Writer.WriteLinesIn(trace.Number, Chunks("abc")...)).To(FailWith(InvalidType))
		s.Writer.Close()
		t.Expect(s.Raw.RecvAll()).To(Return(""))
	})
	itEach(writingKinds, "refuses one chunk for the chunks", Rule("writer.write.writelines-argument-types"), func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		t.Expect(s.Writer.WriteLinesIn(trace.Single, Chunks("abc")...)).To(FailWith(InvalidType))
		s.Writer.Close()
		t.Expect(s.Raw.RecvAll()).To(Return(""))
	})
	for _, form := range []trace.Form{trace.AsText, trace.AsNone, trace.AsInt} {
		itEach(writingKinds, "sends none of the chunks when one is no data: "+string(form), Rule("writer.write.writelines-argument-types"), func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			chunks := append(Chunks("abc"), trace.Data{Bytes: trace.Bytes("5"), Form: form}, *trace.D("def"))
			t.Expect(s.Writer.WriteLinesIn("", chunks...)).To(FailWith(InvalidType))
			s.Writer.Write("x")
			s.Writer.Close()
			t.Expect(s.Raw.RecvAll()).To(Return("x"))
		})
	}
	itEach(writingKinds, "does nothing with an empty list", Rule("writer.write.writelines-argument-types"), func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		t.Expect(s.Writer.WriteLines()).To(ReturnNone())
		t.Expect(s.Transport.WriteBufferSize()).To(ReturnInt(0))
		s.Writer.Write("x")
		t.Expect(s.Writer.WriteLines()).To(ReturnNone())
		s.Writer.Close()
		t.Expect(s.Raw.RecvAll()).To(Return("x"))
	})
}

// writerWriteTooLate is what is written when the stream is closed or lost.
func writerWriteTooLate(t *Testee) {
	discarded := Rule("writer.write.after-close-discarded")
	for _, way := range waysToWrite {
		itEach(writingKinds, "is discarded after close: "+way.name, discarded, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			s.Writer.Write("before")
			t.WithoutSettling(func() {
				s.Writer.Close()
				for range 8 {
					t.Expect(way.do(s.Writer, "after")).To(ReturnNone())
				}
			})
			t.Expect(s.Raw.RecvAll()).To(Return("before"))
			t.Expect(way.do(s.Writer, "long after")).To(ReturnNone())
		})
		itEach(writingKinds, "is discarded when the connection is lost: "+way.name, discarded, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			s.Transport.Abort()
			t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
			for range 8 {
				t.Expect(way.do(s.Writer, "after")).To(ReturnNone())
			}
			t.Expect(s.Transport.WriteBufferSize()).To(ReturnInt(0))
		})
		itEach(writingKinds, "is discarded after an abort with data queued: "+way.name, discarded, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			s.Writer.Write(Pattern(much))
			t.WithoutSettling(func() {
				s.Transport.Abort()
				t.Expect(way.do(s.Writer, "after")).To(ReturnNone())
			})
			t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
			t.Expect(way.do(s.Writer, "long after")).To(ReturnNone())
			t.Expect(s.Transport.WriteBufferSize()).To(ReturnInt(0))
		})
	}
	itEach(writingKinds, "is discarded after close, of which a warning tells from the fifth time on", discarded, func(kind trace.EndKind) {
		t.Needs(trace.CapPythonSurface) // what is logged is seen there alone
		s := t.OpenStream(kind)
		s.Writer.Close()
		for i := range 8 {
			t.Expect(s.Writer.Write("after")).To(ReturnNone())
			logged := len(t.Heard(trace.Logged))
			if kind == trace.WritePipe { // where the close itself may not count
				t.Expect(logged).To(And(BeNumerically(">=", i-4), BeNumerically("<=", max(0, i-3))), "warnings until write number %d", i+1)
			} else {
				t.Expect(logged).To(Equal(max(0, i-3)), "warnings until write number %d", i+1)
			}
		}
		t.Expect(s.Raw.RecvAll()).To(Return(""))
	})

	fails := Rule("writer.write.failed-send-does-not-raise")
	for _, way := range waysToWrite {
		itEach(writingKinds, "does not raise when sending fails, but the connection is lost: "+way.name, fails, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			t.WithoutSettling(func() {
				endAbruptly(s.Raw)
				t.Expect(way.do(s.Writer, "abc")).To(ReturnNone())
				t.Expect(way.do(s.Writer, "def")).To(ReturnNone())
			})
			t.Expect(s.Writer.Drain()).To(Become(FailWith(lostToPeer)))
			t.Expect(way.do(s.Writer, "ghi")).To(ReturnNone())
			t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
			if s.Reader != nil {
				t.Expect(s.Reader.Read(1)).To(Become(FailWith(lostToPeer)))
			}
		})
		itEach(writingKinds, "does not raise when sending fails while something is queued: "+way.name, fails, func(kind trace.EndKind) {
			s := t.OpenStream(kind)
			s.Writer.Write(Pattern(much))
			t.WithoutSettling(func() {
				endAbruptly(s.Raw)
				t.Expect(way.do(s.Writer, "abc")).To(ReturnNone())
			})
			t.Expect(s.Writer.Drain()).To(Become(FailWith(lostToPeer)))
			t.Expect(s.Transport.WriteBufferSize()).To(Become(ReturnInt(0)))
			t.Expect(way.do(s.Writer, "def")).To(ReturnNone())
		})
	}
}

// endAbruptly has the peer go so that sending to it fails.
func endAbruptly(raw *Raw) {
	if raw.Kind == trace.TCP {
		raw.Reset()
	} else {
		raw.Close()
	}
}

// lostToPeer is what the failures look like that tell of a peer which has gone.
var lostToPeer = OneOf(ConnectionReset, BrokenPipe)

// writerWritePython is the surface of the writer in Python.
func writerWritePython(t *Testee) {
	calls := []way[func(*Writer) *Call]{
		{"write", func(w *Writer) *Call { return w.Write("abc") }},
		{"writelines", func(w *Writer) *Call { return w.WriteLines("abc", "def") }},
		{"close", (*Writer).Close},
	}
	for i, call := range calls {
		rules := []string{"writer.write.returns-none", "writer.write.not-awaitable"}
		if i == 2 {
			rules = rules[:1]
		}
		itEach(writingKinds, "returns nothing, and nothing that could be awaited: "+call.name, Rule(rules...), func(kind trace.EndKind) {
			t.Needs(trace.CapPythonSurface)
			s := t.OpenStream(kind)
			t.Expect(call.do(s.Writer)).To(ReturnNone())
			s.Writer.Write(Pattern(much))
			t.Expect(call.do(s.Writer)).To(ReturnNone())
		})
	}
	itEach(writingKinds, "is one of a writer's operations", Rule("writer.write.surface"), func(kind trace.EndKind) {
		t.Needs(trace.CapPythonSurface)
		s := t.OpenStream(kind)
		for _, name := range slices.Sorted(slices.Values(writerOperations)) {
			t.Expect(s.Writer.Has(name)).To(ReturnBool(true))
		}
	})
}
