package monitor

import (
	"slices"
	"testing"

	"github.com/streamspec/streamspec/spec/trace"
)

// wrongWires are sessions of connections with a single wrong observation, the last one, and the rule that it breaks.
var wrongWires = []wrongSession{
	// lifecycle
	{"protocol.base.made-once", "connection_made twice", unix(settle().with(made))},
	{"protocol.base.made-before-return", "the call that opens comes back before connection_made", steps(rawEnd(trace.Unix), programmed(), opened())},
	{"protocol.base.lost-once", "connection_lost twice", unix(closes().with(lost), settle().with(lost))},
	{"protocol.base.others-between", "connection_lost without connection_made", steps(rawEnd(trace.Unix), programmed(), opened().soon().pends(), settle().with(lost))},
	{"protocol.base.others-between", "pause_writing after connection_lost", unix(closes().with(lost), settle().with(pausesOut))},
	{"protocol.stream.order-of-callbacks", "data before connection_made", steps(rawEnd(trace.Unix), programmed(), opened().soon().pends(), sends("a").with(got("a")))},
	{"protocol.stream.order-of-callbacks", "end-of-stream after connection_lost", unix(closes().with(lost), shutdown().with(atEnd))},
	{"protocol.base.clean-loss-has-none", "an error after a close", unix(closes().with(lostBy(trace.OSError)))},
	{"protocol.base.clean-loss-has-none", "an error after the peer's end", unix(shutdown().with(atEnd, lostBy(trace.ConnectionReset)))},
	{"protocol.base.clean-loss-has-none", "lost though nobody has ended it", unix(settle().with(lost))},
	{"protocol.base.abnormal-loss-has-error", "none after a reset", wired(trace.TCP, nil, resets().with(lost))},
	{"protocol.base.failing-flow-control-callback", "lost because pause_writing has failed", wired(trace.Unix, raises(trace.PauseWriting), setMarks(trace.Int(1), nil), writes("abc").with(pausesOut, noise()), settle().with(lost))},
	{"protocol.stream.failing-callback-is-fatal", "nothing comes of a failure", wired(trace.Unix, raises(trace.DataReceived), sends("a").with(got("a"), noise()))},
	{"protocol.stream.failing-callback-is-fatal", "another error than that of the callback", wired(trace.Unix, raises(trace.DataReceived), sends("a").with(got("a"), noise(), lostBy(trace.OSError)))},
	{"transport.base.loss-is-asynchronous", "lost inside close", unix(sends("a").reacts(got("a"), closes().with(lost)))},
	{"transport.base.loss-is-asynchronous", "lost before close came back", unix(closes().soon().with(lost))},
	{"transport.base.close-ends-with-loss", "closed and never lost", unix(closes())},
	{"transport.base.close-ends-with-loss", "closed and never lost although all was received", unix(writes("abc"), closes().soon(), recvAll("k1").gives("abc"))},
	{"transport.write.abort-ends-with-loss", "aborted and never lost", unix(writes("abc"), aborts())},
	{"transport.write.abort-after-close", "abort after close is refused", unix(writes("abc"), closes().with(lost), aborts().raises(badState))},
	{"protocol.stream.falsy-eof-closes", "end-of-stream does not close", unix(shutdown().with(atEnd))},
	{"protocol.stream.read-pipe-eof-closes", "the end of a read pipe does not close", wired(trace.ReadPipe, keepsOpen, closesRaw().with(atEnd))},
	{"transport.write.pipe-eof-and-loss", "a write pipe does not notice that its peer has gone", wired(trace.WritePipe, nil, closesRaw())},
	{"transport.write.pipe-eof-and-loss", "write_eof does not close a pipe", wired(trace.WritePipe, nil, writes(a(300)), endsOut(), closing().is(false))},
	{"protocol.stream.truthy-eof-keeps-open", "closed though end-of-stream was answered by true", wired(trace.Unix, keepsOpen, shutdown().with(atEnd, lost))},
	{"protocol.stream.default-eof-closes", "the peer waits for the end", steps(rawEnd(trace.Unix), plain(), opened(), shutdown(), recvAll("k1"))},
	{"protocol.stream.default-eof-closes", "a protocol without callbacks does not close", steps(rawEnd(trace.Unix), plain(), opened(), shutdown(), closing().is(false))},
	{"transport.base.is-closing", "not closing after a close", unix(closes().with(lost), closing().is(false))},
	{"transport.base.is-closing", "closing before", unix(closing().is(true))},
	{"transport.base.is-closing", "not closing after a close in a callback", unix(sends("a").reacts(got("a"), closes(), closing().is(false)).with(lost))},
	{"writer.close.is-closing", "closing since the peer has ended", streamed(trace.Unix, shutdown(), viaWriter(closing()).is(true))},
	{"writer.close.idempotent", "a second close is refused", streamed(trace.Unix, viaWriter(closes()), viaWriter(closes()).raises(badState))},
	{"writer.close.idempotent", "write_eof after close is refused", streamed(trace.Unix, viaWriter(closes()), viaWriter(endsOut()).raises(badState))},
	{"writer.close.closes-socket", "the descriptor is still there", unix(closes().with(lost), farOpen(true))},
	{"writer.close.closes-socket", "and after wait_closed", streamed(trace.Unix, viaWriter(closes()), waits("k1").none(), farOpen(true))},
	{"writer.close.closes-socket", "the peer does not see the end", streamed(trace.Unix, viaWriter(writes("a")), recv("k1", 1).gives("a"), viaWriter(closes()), recvAll("k2"))},
	{"transport.base.set-protocol", "a callback of the former protocol", unix(does(trace.Command{Op: trace.ProtocolMake, As: "q"}), switches(), sends("a").with(got("a")))},

	// bytes out
	{"transport.write.order-without-loss", "other bytes than were written", unix(writes("abc"), recv("k1", 3).gives("abd"))},
	{"transport.write.order-without-loss", "in another order", unix(writes("abc"), writes("def"), recv("k1", 6).gives("defabc"))},
	{"transport.write.order-without-loss", "more than was written", unix(writes("abc"), recv("k1", 4).gives("abcc"))},
	{"transport.write.order-without-loss", "less than was written", unix(writes("abc"), recv("k1", 3))},
	{"transport.write.order-without-loss", "a write fails", unix(writes("abc").raises(of(trace.OtherError)))},
	{"transport.write.order-without-loss", "what was overwritten after the call", unix(form(writes("abcd"), trace.Mutated), recv("k1", 4).gives("zzzz"))},
	{"transport.write.order-without-loss", "what a callback wrote is lost", wired(trace.Unix, nil, sends("a").reacts(got("a"), writes("xyz")), recv("k1", 3))},
	{"writer.write.order-preserved", "other bytes than were written", streamed(trace.Unix, viaWriter(writes("abc")), recv("k1", 3).gives("abd"))},
	{"transport.write.writelines-equals-writes", "a chunk is missing", unix(writes("abc"), writesLines("d", "e"), recv("k1", 4).gives("abce"))},
	{"writer.write.writelines-equals-writes", "chunks in another order", streamed(trace.Unix, viaWriter(writesLines("a", "b")), recv("k1", 2).gives("ba"))},
	{"writer.write.writelines-takes-iterables", "a list is refused", streamed(trace.Unix, viaWriter(writesLines("a", "b")).raises(of(trace.InvalidType)))},
	{"writer.close.flushes-first", "the end before all has come", streamed(trace.Unix, viaWriter(writes("abc")), viaWriter(closes()), recvAll("k1").gives("ab"))},
	{"transport.base.close-flushes", "the end before all has come", unix(writes("abc"), closes().with(lost), recvAll("k1").gives("ab"))},
	{"transport.base.close-flushes", "all does not come", unix(writes("abc"), closes().soon(), recv("k1", 3))},
	{"writer.eof.closes-write-side-only", "the end before all has come", streamed(trace.Unix, viaWriter(writes("abc")), viaWriter(endsOut()), recvAll("k1").gives("ab"))},
	{"writer.eof.closes-write-side-only", "no end", streamed(trace.Unix, viaWriter(writes("abc")), viaWriter(endsOut()), recvAll("k1"))},
	{"transport.write.eof-after-flush", "write_eof fails", unix(endsOut().raises(badState))},
	{"writer.eof.write-afterwards-refused", "a write after write_eof is accepted", unix(endsOut(), writes("a"))},
	{"writer.write.refuses-other-types", "a write takes what is no data", unix(form(writes("5"), trace.AsNone))},
	{"writer.write.writelines-argument-types", "a chunk is no data", unix(form(writesLines("a", "5"), trace.AsInt))},
	{"transport.write.order-without-loss", "of what was refused something is sent", unix(form(writesLines("a", "5"), trace.AsInt).raises(of(trace.InvalidType)), writes("b"), recv("k1", 2).gives("ab"))},
	{"writer.write.after-close-discarded", "a write after close is refused", unix(closes().with(lost), writes("a").raises(badState))},
	{"writer.write.after-close-discarded", "a write after close reaches the peer", unix(writes("a"), closes().with(lost), writes("b"), recvAll("k1").gives("ab"))},
	{"writer.write.failed-send-does-not-raise", "a write to a peer that has gone raises", streamed(trace.Unix, closesRaw(), viaWriter(writes("a")).raises(of(trace.BrokenPipe)))},
	{"invariants.half-open-still-writes", "nothing is written after the peer's end", streamed(trace.Unix, shutdown(), viaWriter(writes("abc")), recv("k1", 3))},
	{"transport.write.eof-support-is-reported", "no support on a socket", unix(by(trace.TransportCanWriteEOF).is(false))},
	{"writer.eof.support-is-reported", "no support on a write pipe", streamed(trace.WritePipe, via(trace.WriterCanWriteEOF).is(false))},

	// flow control
	{"transport.write.pause-and-resume-alternate", "paused twice", unix(writes(a(300)).with(pausesOut), writes("a").with(pausesOut))},
	{"transport.write.pause-and-resume-alternate", "resumed first", unix(settle().with(goesOut))},
	{"transport.write.pauses-strictly-above-high", "paused at the mark", unix(marks100(), writes(a(100)).with(pausesOut))},
	{"transport.write.pauses-strictly-above-high", "not paused above the mark", unix(marks100(), writes(a(300)), size(101))},
	{"transport.write.pauses-strictly-above-high", "paused in a callback that sees no more than the mark", unix(marks100(), writes(a(300)).reacts(pausesOut, size(100)))},
	{"transport.write.pauses-strictly-above-high", "not paused by writelines", unix(marks100(), writesLines(a(300), a(300)), size(500))},
	{"transport.write.zero-high-pauses-when-queued", "not paused with something queued", unix(setMarks(trace.Int(0), nil), writes(a(300)), size(1))},
	{"transport.write.resumes-at-low", "not resumed at the mark", unix(marks100(), writes(a(300)).with(pausesOut), recv("k1", 280).gives(a(280)), size(20))},
	{"transport.write.resumes-at-low", "resumed above the mark", unix(marks100(), writes(a(300)).with(pausesOut), recv("k1", 270).gives(a(270)).with(goesOut), size(21))},
	{"transport.write.resumes-at-low", "resumed in a callback that sees more than the mark", unix(marks100(), writes(a(300)).with(pausesOut), recv("k1", 270).gives(a(270)).reacts(goesOut, size(21)))},
	{"transport.write.resumes-at-low", "not resumed though all has come", unix(writes(a(300)).with(pausesOut), recv("k1", 300).gives(a(300)))},
	{"transport.write.zero-low-resumes-when-empty", "resumed with something queued", unix(setMarks(trace.Int(100), trace.Int(0)), writes(a(300)).with(pausesOut), recv("k1", 250).gives(a(250)).reacts(goesOut, size(1)))},
	{"transport.write.lower-limits-pause-at-once", "not paused", unix(marks100(), writes(a(300)).with(pausesOut), recv("k1", 280).gives(a(280)).with(goesOut), size(20), setMarks(trace.Int(19), nil))},
	{"transport.write.lower-limits-pause-at-once", "higher marks resume", unix(marks100(), writes(a(300)).with(pausesOut), size(300), setMarks(trace.Int(1000), trace.Int(500)).with(goesOut), size(300))},
	{"transport.write.buffer-size", "less than is certainly left", steps(narrow(trace.Unix), programmed(), opened().with(made), writes(a(2<<20)), size(10))},
	{"writer.write.sends-at-once", "a small write is queued", unix(writes("abc").soon(), size(3))},
	{"writer.close.wait-closed-waits", "something is queued when it has come back", streamed(trace.Unix, viaWriter(writes(a(300))), viaWriter(closes()), waits("k1").none(), ofStream(size(1)))},
	{"transport.write.buffer-size", "more than was written", unix(writes("abc"), size(4))},
	{"transport.write.buffer-size", "more than is left", unix(writes("abc"), recv("k1", 2).gives("ab"), size(2))},
	{"transport.write.buffer-size", "something after an abort", unix(writes("abc"), aborts().with(lost), size(1))},
	{"transport.write.buffer-size", "more than nothing", unix(size(-1))},
	{"transport.write.limits-low-then-high", "the wrong way round", unix(setMarks(trace.Int(100), trace.Int(20)), marksAre(100, 20))},
	{"transport.write.set-limits", "they were not set", unix(setMarks(trace.Int(100), trace.Int(20)), marksAre(16384, 65536))},
	{"transport.write.set-limits", "good marks are refused", unix(setMarks(trace.Int(100), trace.Int(100)).raises(invalid))},
	{"transport.write.low-not-above-high", "the low one above the high one", unix(setMarks(trace.Int(100), trace.Int(101)))},
	{"transport.write.low-not-above-high", "zero with a low mark", unix(setMarks(trace.Int(0), trace.Int(1)))},
	{"transport.write.no-negative-limits", "a negative mark", unix(setMarks(trace.Int(-1), nil))},
	{"transport.write.no-negative-limits", "refused for another reason", unix(setMarks(nil, trace.Int(-1)).raises(badState))},
	{"transport.write.low-derived-from-high", "the low one above the high one", unix(setMarks(trace.Int(100), nil), marksAre(150, 100))},
	{"transport.write.zero-high-forces-zero-low", "zero leaves a low mark", unix(setMarks(trace.Int(0), nil), marksAre(1, 0))},
	{"transport.write.limits-arithmetic", "another low mark", unix(setMarks(trace.Int(100), nil), marksAre(50, 100))},
	{"transport.write.limits-arithmetic", "another high mark", unix(setMarks(nil, trace.Int(100)), marksAre(100, 200))},
	{"transport.write.limits-arithmetic", "other defaults", unix(marksAre(1, 2))},
	{"transport.write.limits-arithmetic", "a refused call changes them", unix(marks100(), setMarks(trace.Int(-1), nil).raises(invalid), marksAre(0, 0))},

	// bytes in
	{"protocol.stream.data-is-not-empty", "no byte", unix(sends("a").with(got("")))},
	{"protocol.stream.data-in-order", "other bytes", unix(sends("ab").with(got("ba")))},
	{"protocol.stream.data-in-order", "the same bytes again", unix(sends("ab").with(got("ab"), got("ab")))},
	{"protocol.stream.no-data-after-eof", "data after end-of-stream", wired(trace.Unix, keepsOpen, sends("a").with(got("a")), shutdown().with(atEnd), settle().with(got("b")))},
	{"protocol.stream.eof-at-most-once", "end-of-stream twice", wired(trace.Unix, keepsOpen, shutdown().with(atEnd), settle().with(atEnd))},
	{"protocol.stream.eof-when-peer-ends", "end-of-stream before the peer's end", wired(trace.Unix, keepsOpen, sends("a").with(got("a"), atEnd))},
	{"protocol.stream.eof-when-peer-ends", "end-of-stream before all data", wired(trace.Unix, keepsOpen, sends("ab").soon(), shutdown().with(got("a"), atEnd))},
	{"protocol.stream.eof-when-peer-ends", "no end-of-stream", wired(trace.Unix, keepsOpen, shutdown())},
	{"protocol.stream.eof-when-peer-ends", "lost without end-of-stream", unix(shutdown().with(lost))},
	{"invariants.transport-and-protocol", "what was sent does not come", unix(sends("ab"))},
	{"transport.base.close-stops-receiving", "data after a close", unix(sends("ab").soon(), closes().with(got("ab")))},
	{"transport.base.close-stops-receiving", "data after a close in a callback", unix(sends("ab").reacts(got("a"), closes()).with(got("b")))},
	{"transport.write.abort-stops-receiving", "data after an abort", unix(sends("ab").reacts(got("a"), aborts()).with(got("b")))},
	{"transport.read.paused-is-silent", "data while paused", unix(stops(), sends("a").with(got("a")))},
	{"transport.read.paused-is-silent", "data after a pause in a callback", unix(sends("ab").reacts(got("a"), stops()).with(got("b")))},
	{"transport.read.pause-in-connection-made", "a pause in connection_made is ignored", steps(rawEnd(trace.Unix), programmed(), opened().reacts(made, stops()), sends("a").with(got("a")))},
	{"transport.read.eof-waits-for-resume", "end-of-stream while paused", unix(stops(), shutdown().with(atEnd))},
	{"transport.read.resume-delivers", "nothing comes after resuming", unix(stops(), sends("a"), goesOn())},
	{"transport.read.is-reading", "not reading", unix(reading().is(false))},
	{"transport.read.is-reading", "reading while paused", unix(stops(), reading().is(true))},
	{"transport.read.pause-is-idempotent", "a second pause is refused", unix(stops(), stops().raises(badState))},
	{"transport.read.resume-is-idempotent", "resuming without a pause is refused", unix(goesOn().raises(badState))},
	{"transport.read.no-op-after-close", "pausing after close is refused", unix(closes().with(lost), stops().raises(of(trace.OtherError)))},
	{"transport.read.no-op-after-close", "resuming after close is refused", unix(closes().with(lost), goesOn().raises(of(trace.OtherError)))},
	{"transport.read.no-op-after-close", "reading after close", unix(closes().with(lost), reading().is(true))},

	// streams
	{"writer.drain.returns-at-once", "a drain of nothing waits", streamed(trace.Unix, drains("k1"))},
	{"writer.drain.returns-at-once", "a drain of nothing fails", streamed(trace.Unix, drains("k1").raises(badState))},
	{"writer.drain.blocks-above-high", "a drain returns", filled(drains("k1").none())},
	{"writer.drain.blocks-above-high", "a drain has returned", streamed(trace.Unix, ofStream(marks100()), viaWriter(writes(a(300))), drains("k1").none(), ofStream(size(101)))},
	{"writer.drain.released-at-low", "a drain does not return at the mark", filled(drains("k1"), recv("k2", 280).gives(a(280)), ofStream(size(20)))},
	{"writer.drain.released-at-low", "a drain does not return though all has come", filled(drains("k1"), recv("k2", 300).gives(a(300)))},
	{"writer.drain.released-at-low", "a drain returns above the mark", filled(drains("k1"), recv("k2", 250).gives(a(250)).with(doneNone("k1")), ofStream(size(50)))},
	{"writer.drain.does-not-wait-for-empty", "a drain waits on below the mark", filled(drains("k1"), recv("k2", 290).gives(a(290)), ofStream(size(10)))},
	{"writer.drain.several-tasks", "one of two does not return", filled(drains("k1"), drains("k2"), recv("k3", 300).gives(a(300)).with(doneNone("k1")))},
	{"writer.drain.several-tasks", "the second fails", filled(drains("k1"), drains("k2").raises(badState))},
	{"writer.drain.raises-stored-exception", "the exception is not raised", streamed(trace.Unix, ofReader(setException("boom")), drains("k1").none())},
	{"writer.drain.closed-raises", "a drain of a lost connection returns", streamed(trace.Unix, viaWriter(closes()), drains("k1").none())},
	{"invariants.drain-follows-flow-control", "a drain waits on after the loss", filled(drains("k1"), ofStream(aborts()))},
	{"writer.close.wait-closed-waits", "it returns before the close", streamed(trace.Unix, waits("k1").none())},
	{"writer.close.wait-closed-waits", "it does not return after the close", streamed(trace.Unix, waits("k1"), viaWriter(closes()))},
	{"writer.close.peer-eof-does-not-close", "it returns when the peer has ended", streamed(trace.Unix, waits("k1"), shutdown().with(doneNone("k1")))},
	{"writer.close.wait-closed-reports-loss", "an error of a normal close", streamed(trace.Unix, waits("k1"), viaWriter(closes()).with(failed("k1", of(trace.OSError))))},
	{"writer.close.wait-closed-reports-loss", "no error of a reset", streamed(trace.TCP, waits("k1"), resets().with(doneNone("k1")))},
	{"reader_protocol.feeds-reader", "other bytes than were sent", streamed(trace.Unix, sends("ab"), ofReader(read("k1", 2)).gives("xy"))},
	{"reader_protocol.feeds-reader", "a byte that was sent does not come", streamed(trace.Unix, sends("a"), ofReader(read("k1", 1)))},
	{"reader_protocol.feeds-reader", "the end does not come", streamed(trace.Unix, ofReader(line("k1")), shutdown())},
	{"reader_protocol.feeds-reader", "the end before the peer's", streamed(trace.Unix, ofReader(read("k1", 1)).gives(""))},
	{"reader_protocol.feeds-reader", "the end before all was handed out", streamed(trace.Unix, sends("abc"), shutdown(), ofReader(exactly("k1", 9)).raises(incompleteOf("ab", 9)))},
	{"invariants.eof-is-terminal", "data after the end", streamed(trace.Unix, viaWriter(closes()), ofReader(read("k1", 1)).gives(""), ofReader(read("k2", 1)).gives("a"))},
	{"writer.close.ends-reader", "a read waits on after the close", streamed(trace.Unix, ofReader(read("k1", 1)), viaWriter(closes()))},
	{"writer.close.abort-ends-pending-read", "a read waits on after an abort", streamed(trace.Unix, ofReader(read("k1", 1)), ofStream(aborts()))},
}

// filled begins a session with a stream whose queue is above its high mark of 100 bytes; the low one is 20.
func filled(s ...step) []step {
	return streamed(trace.Unix, append(steps(ofStream(marks100()), viaWriter(writes(a(300))), ofStream(size(300))), s...)...)
}

func switches() step {
	s := by(trace.TransportSetProtocol)
	s.c.Protocol = "q"
	return s
}

// form has the data, or the last of the chunks, be of a form.
func form(s step, f trace.Form) step {
	if s.c.Data == nil {
		s.c.Chunks[len(s.c.Chunks)-1].Form = f
		return s
	}
	s.c.Data.Form = f
	return s
}

// pends says that a call waits.
func (s step) pends() step {
	s.r = trace.Reply{Pending: s.c.As, Events: s.r.Events}
	return s
}

// conformingWires are sessions of connections as a conforming implementation has them, and rules whose premise occurs in them.
var conformingWires = []conformingSession{
	// lifecycle
	{"from the beginning to the end", unix(sends("ab").with(got("a"), got("b")), writes("xy"), recv("k1", 2).gives("xy"), shutdown().with(atEnd, lost), farOpen(false)),
		[]string{"protocol.base.made-once", "protocol.base.made-before-return", "protocol.base.lost-once", "protocol.base.others-between", "protocol.stream.order-of-callbacks", "protocol.base.clean-loss-has-none",
			"protocol.stream.falsy-eof-closes", "protocol.stream.data-in-order", "protocol.stream.data-is-not-empty", "protocol.stream.eof-when-peer-ends", "protocol.stream.eof-at-most-once",
			"protocol.stream.no-data-after-eof", "invariants.transport-and-protocol", "transport.write.order-without-loss", "writer.close.closes-socket"}},
	{"closed twice, then aborted", unix(closing().is(false), closes().with(lost), closes(), aborts(), closing().is(true), settle(), farOpen(false)),
		[]string{"transport.base.close-ends-with-loss", "transport.base.is-closing", "writer.close.idempotent", "transport.write.abort-after-close", "writer.close.closes-socket"}},
	{"closed with something queued", unix(writes(a(300)), closes(), recvAll("k1").gives(a(300)).with(lost)), []string{"transport.base.close-flushes"}},
	{"aborted with something queued", unix(writes(a(300)), aborts().with(lost), size(0), recvAll("k1").gives(a(200))), []string{"transport.write.abort-ends-with-loss", "transport.write.buffer-size"}},
	{"closed and then aborted", unix(writes(a(300)), closes(), aborts().with(lost), recvAll("k1").gives(a(200))), []string{"transport.write.abort-after-close"}},
	{"reset by the peer", wired(trace.TCP, nil, sends("a").with(got("a")), resets().with(lostBy(trace.ConnectionReset))), []string{"protocol.base.abnormal-loss-has-error"}},
	{"closed and reset", wired(trace.TCP, nil, writes(a(300)), closes(), resets().with(lost)), nil},
	{"closed, and the peer closes without having read", unix(writes(a(300)), closes(), closesRaw().with(lostBy(trace.BrokenPipe))), nil},
	{"the peer closes without having read", unix(writes(a(300)), closesRaw().with(lostBy(trace.ConnectionReset)), writes("b")), []string{"writer.write.after-close-discarded"}},
	{"the peer closes", wired(trace.Unix, keepsOpen, sends("a").with(got("a")), closesRaw().with(atEnd), closes().with(lost)), []string{"protocol.stream.truthy-eof-keeps-open"}},
	{"what is no data is refused", unix(form(writes("5"), trace.AsText).raises(of(trace.InvalidType)), form(writesLines("a", "5"), trace.AsInt).raises(of(trace.InvalidType)), writes("x"), recv("k1", 1).gives("x")), []string{"writer.write.refuses-other-types", "writer.write.writelines-argument-types"}},
	{"half-open", wired(trace.Unix, keepsOpen, shutdown().with(atEnd), closing().is(false), writes("abc"), recv("k1", 3).gives("abc"), closes().with(lost), recvAll("k2").gives("")),
		[]string{"protocol.stream.truthy-eof-keeps-open", "invariants.half-open-still-writes"}},
	{"a protocol without callbacks", steps(rawEnd(trace.Unix), plain(), opened(), sends("ab"), closing().is(false), shutdown(), closing().is(true), recvAll("k1").gives("")), []string{"protocol.stream.default-eof-closes"}},
	{"a read pipe", wired(trace.ReadPipe, keepsOpen, sends("ab").with(got("ab")), closesRaw().with(atEnd, lost)), []string{"protocol.stream.read-pipe-eof-closes"}},
	{"a write pipe", wired(trace.WritePipe, nil, by(trace.TransportCanWriteEOF).is(true), writes("ab"), endsOut(), writes("c"), recvAll("k1").gives("ab").with(lost)), []string{"transport.write.eof-support-is-reported"}},
	{"a write pipe that nobody reads", wired(trace.WritePipe, nil, closesRaw().with(lost), writes("c")), []string{"transport.write.pipe-eof-and-loss"}},
	{"a full write pipe that nobody reads", wired(trace.WritePipe, nil, writes(a(300)), closesRaw().with(lostBy(trace.BrokenPipe))), []string{"transport.write.pipe-eof-and-loss"}},
	{"a callback that fails", wired(trace.Unix, raises(trace.DataReceived), sends("a").with(got("a"), noise(), lostBy(trace.Scripted))), []string{"protocol.stream.failing-callback-is-fatal"}},
	{"a callback of end-of-stream that fails", wired(trace.Unix, raises(trace.EOFReceived), shutdown().with(atEnd, noise(), lost)), []string{"protocol.stream.failing-callback-is-fatal"}},
	{"callbacks of flow control that fail", wired(trace.Unix, append(raises(trace.PauseWriting), raises(trace.ResumeWriting)...), writes(a(300)).with(pausesOut, noise()), recv("k1", 300).gives(a(300)).with(goesOut, noise()), closes().with(lost)),
		[]string{"protocol.base.failing-flow-control-callback"}},
	{"another protocol", unix(does(trace.Command{Op: trace.ProtocolMake, As: "q"}), sends("a").with(got("a")), switches(), sends("b").with(ofOther(got("b"))), closes().with(ofOther(lost))), []string{"transport.base.set-protocol"}},
	{"closed in a callback", unix(sends("ab").reacts(got("a"), writes("x"), closing().is(false), closes(), closing().is(true), writes("y")).with(lost), recvAll("k1").gives("x")),
		[]string{"transport.base.loss-is-asynchronous", "transport.base.close-stops-receiving", "transport.base.is-closing", "writer.write.after-close-discarded"}},
	{"aborted in a callback", unix(sends("ab").reacts(got("a"), aborts()).with(lost)), []string{"transport.write.abort-stops-receiving"}},
	{"closed in connection_made", steps(rawEnd(trace.Unix), programmed(), opened().reacts(made, writes("hello"), closes()).with(lost), recvAll("k1").gives("hello")), []string{"transport.base.close-flushes"}},

	// bytes out
	{"writes and lists", unix(writes("a"), writesLines("b", "", "c", ""), writes(""), form(writes("defg"), trace.Mutated), form(writes("hijk"), trace.Wide), endsOut(), endsOut(), recvAll("k1").gives("abcdefghijk"), writes("x").raises(badState)),
		[]string{"transport.write.writelines-equals-writes", "transport.write.eof-after-flush", "writer.eof.write-afterwards-refused"}},
	{"a receive that takes what comes", unix(recv("k1", 5), writes("abc"), writes("def").with(done("k1", "abcde")), recv("k2", 1).gives("f")), nil},
	{"a write to a peer that has gone", streamed(trace.Unix, closesRaw(), viaWriter(writes("a")), viaWriter(writes("b"))), []string{"writer.write.failed-send-does-not-raise"}},
	{"a reset by the implementation", unix(sends("ab").soon(), writes("xyz").soon(), closes().with(lost), recvAll("k1").raises(resetAfter("xy"))), nil},

	// flow control
	{"paused and resumed", unix(marks100(), writes(a(100)), writes(a(200)).reacts(pausesOut, size(200)), size(200), recv("k1", 270).gives(a(270)), size(21), recv("k2", 1).gives("a").reacts(goesOut, size(20)), size(20)),
		[]string{"transport.write.pause-and-resume-alternate", "transport.write.pauses-strictly-above-high", "transport.write.resumes-at-low", "transport.write.buffer-size"}},
	{"marks of zero", unix(setMarks(trace.Int(0), nil), marksAre(0, 0), writes(a(300)).with(pausesOut), size(300), recv("k1", 300).gives(a(300)).reacts(goesOut, size(0)), size(0)),
		[]string{"transport.write.zero-high-pauses-when-queued", "transport.write.zero-low-resumes-when-empty", "transport.write.zero-high-forces-zero-low", "transport.write.low-derived-from-high"}},
	{"small writes are sent at once", unix(writes("abc").soon(), size(0), recv("k1", 3).gives("abc"), writes("d").soon(), size(0)), []string{"writer.write.sends-at-once"}},
	{"lower marks pause", unix(setMarks(trace.Int(400), nil), writes(a(300)), size(300), setMarks(trace.Int(299), nil).with(pausesOut)), []string{"transport.write.lower-limits-pause-at-once"}},
	{"the marks", unix(marksAre(16384, 65536), marks100(), marksAre(20, 100), setMarks(trace.Int(10), nil), marksAre(2, 10), setMarks(nil, trace.Int(10)), marksAre(10, 40), setMarks(nil, nil), marksAre(16384, 65536),
		setMarks(trace.Int(5), trace.Int(6)).raises(invalid), setMarks(trace.Int(-1), nil).raises(invalid), marksAre(16384, 65536)),
		[]string{"transport.write.limits-low-then-high", "transport.write.limits-arithmetic", "transport.write.set-limits", "transport.write.no-negative-limits", "transport.write.low-not-above-high"}},
	{"a write pipe resumes when it is empty", wired(trace.WritePipe, nil, marks100(), writes(a(300)).with(pausesOut), recv("k1", 290).gives(a(290)), size(10), recv("k2", 10).gives(a(10)).with(goesOut), size(0)), nil},

	// bytes in
	{"paused and resumed reading", unix(reading().is(true), goesOn(), stops(), stops(), reading().is(false), sends("ab"), sends("c"), goesOn().with(got("abc")), reading().is(true)),
		[]string{"transport.read.is-reading", "transport.read.pause-is-idempotent", "transport.read.resume-is-idempotent", "transport.read.paused-is-silent", "transport.read.resume-delivers"}},
	{"end-of-stream waits", unix(stops(), sends("ab"), shutdown(), goesOn().with(got("ab"), atEnd, lost)), []string{"transport.read.eof-waits-for-resume"}},
	{"paused in connection_made", steps(rawEnd(trace.Unix), programmed(), sends("early"), opened().reacts(made, stops()), settle(), goesOn().with(got("early"))), []string{"transport.read.pause-in-connection-made"}},
	{"after close", unix(closes().with(lost), stops(), goesOn(), reading().is(false)), []string{"transport.read.no-op-after-close"}},

	// streams
	{"a stream", streamed(trace.Unix, via(trace.WriterCanWriteEOF).is(true), viaWriter(closing()).is(false), sends("ab\n"), ofReader(line("k1")).gives("ab\n"), drains("k2").none(), viaWriter(writesLines("x", "y")), waits("k3"),
		shutdown(), ofReader(readAll("k4")).gives(""), viaWriter(writes("z")), viaWriter(closes()).with(doneNone("k3")), recvAll("k5").gives("xyz"), farOpen(false), viaWriter(closing()).is(true)),
		[]string{"writer.write.order-preserved", "writer.write.writelines-equals-writes", "writer.write.writelines-takes-iterables", "writer.close.flushes-first", "writer.close.is-closing", "writer.close.closes-socket",
			"writer.close.wait-closed-waits", "writer.close.peer-eof-does-not-close", "writer.eof.support-is-reported", "reader_protocol.feeds-reader", "invariants.eof-is-terminal", "writer.drain.returns-at-once"}},
	{"write_eof of a stream", streamed(trace.Unix, viaWriter(writes("ab")), viaWriter(endsOut()), recvAll("k1").gives("ab"), sends("c"), ofReader(read("k2", 1)).gives("c")), []string{"writer.eof.closes-write-side-only"}},
	{"drains", filled(drains("k1"), cancel("k1").with(failed("k1", cancelled)), drains("k2"), drains("k3"), recv("k4", 280).gives(a(280)).with(doneNone("k2"), doneNone("k3")), ofStream(size(20)), drains("k5").none()),
		[]string{"writer.drain.blocks-above-high", "writer.drain.released-at-low", "writer.drain.does-not-wait-for-empty", "writer.drain.several-tasks", "writer.drain.cancel-is-harmless"}},
	{"a drain and the loss", filled(drains("k1"), ofStream(aborts()).with(doneNone("k1")), drains("k2").raises(of(trace.ConnectionReset))), []string{"invariants.drain-follows-flow-control", "writer.drain.closed-raises"}},
	{"a stored exception", streamed(trace.Unix, ofReader(setException("boom")), drains("k1").raises(boom())), []string{"writer.drain.raises-stored-exception"}},
	{"a reset", streamed(trace.TCP, waits("k1"), resets().with(failed("k1", of(trace.ConnectionReset))), drains("k2").raises(of(trace.ConnectionReset)), waits("k3").raises(of(trace.ConnectionReset))), []string{"writer.close.wait-closed-reports-loss"}},
	{"a read and the close", streamed(trace.Unix, ofReader(read("k1", 1)), viaWriter(closes()).with(done("k1", ""))), []string{"writer.close.ends-reader"}},
	{"a read and the abort", streamed(trace.Unix, ofReader(exactly("k1", 2)), ofStream(aborts()).with(failed("k1", incompleteOf("", 2)))), []string{"writer.close.abort-ends-pending-read"}},
	{"iterating over a stream", streamed(trace.Unix, sends("a\nb"), ofReader(iterate("k1")).with(item("k1", "a\n")), shutdown().with(item("k1", "b"), doneNone("k1"))), nil},
}

func ofOther(e trace.Event) trace.Event { e.On = "q"; return e }

// resetAfter is the error of a receive that was reset after some bytes.
func resetAfter(b string) trace.Error {
	e := incomplete(b)
	e.Kind = trace.ConnectionReset
	return e
}

// latitudeWires are sessions of connections where several outcomes are permitted.
var latitudeWires = []permittedSession{
	{"a callback's failure may be the argument of connection_lost", wired(trace.Unix, raises(trace.DataReceived), sends("a").with(got("a"), noise(), lostBy(trace.Scripted)))},
	{"or none", wired(trace.Unix, raises(trace.DataReceived), sends("a").with(got("a"), noise(), lost))},
	{"connection_made may fail without consequences", wired(trace.Unix, raises(trace.ConnectionMade), sends("a").with(noise(), got("a")))},
	{"or lose the connection", steps(rawEnd(trace.Unix), programmed(raises(trace.ConnectionMade)...), opened().with(made, noise(), lost))},
	{"higher marks do not release a drain", filled(ofStream(setMarks(trace.Int(1000), trace.Int(500))), ofStream(size(300)), drains("k1"))},
	{"higher marks resume when something is sent", unix(marks100(), writes(a(300)).with(pausesOut), size(300), setMarks(trace.Int(1000), trace.Int(500)), size(300), recv("k1", 1).gives("a").with(goesOut))},
	{"a blocked drain returns normally after an abort", filled(drains("k1"), ofStream(aborts()).with(doneNone("k1")))},
	{"or fails", filled(drains("k1"), ofStream(aborts()).with(failed("k1", of(trace.ConnectionReset))))},
	{"a drain while the queue is flushed after close", filled(viaWriter(closes()), drains("k1"), recvAll("k2").gives(a(300)).with(failed("k1", of(trace.ConnectionReset))))},
	{"a cancelled wait_closed may spoil the others", streamed(trace.Unix, waits("k1"), waits("k2"), cancel("k1").with(failed("k1", cancelled), failed("k2", cancelled)), viaWriter(closes()), waits("k3").raises(cancelled))},
	{"or may not", streamed(trace.Unix, waits("k1"), waits("k2"), cancel("k1").with(failed("k1", cancelled)), viaWriter(closes()).with(doneNone("k2")), waits("k3").none())},
	{"what is written after a close with something queued may be discarded", unix(writes(a(300)), size(300), closes(), writes("b"), recvAll("k1").gives(a(300)).with(lost))},
	{"or queued as well", unix(writes(a(300)), size(300), closes(), writes("b"), size(301), recvAll("k1").gives(a(300)+"b").with(lost))},
	{"reading may be paused right after the question", unix(sends("a").soon(), reading().is(true).reacts(got("a"), stops()))},
	{"what is written when the peer has gone may be lost", wired(trace.Unix, nil, shutdown().soon(), writes("abc").soon(), settle().with(atEnd, lost), recvAll("k1").gives(""))},
	{"a write after the write_eof of a pipe may be refused", wired(trace.WritePipe, nil, endsOut().with(lost), writes("a").raises(badState))},
	{"or discarded", wired(trace.WritePipe, nil, endsOut().with(lost), writes("a"))},
	{"a drain that has not run when something is asked for", append(filled(), drains("k1").soon(), recv("k2", 290).gives(a(290)).with(doneNone("k1")), ofStream(size(10)))},
	{"a drain that has not run does not wait", streamed(trace.Unix, viaWriter(writes(a(300))), drains("k1").soon(), ofStream(marksAre(16384, 65536)).with(doneNone("k1")), ofStream(size(290)))},
	{"what is written when the peer has gone may not be lost", wired(trace.Unix, nil, shutdown().soon(), writes("abc").soon(), settle().with(atEnd, lost), recvAll("k1").gives("abc"))},
	{"nothing is said of a file as a pipe", steps(rawEnd(trace.ReadFile), programmed(), opened().raises(invalid), closing().is(true))},
	{"what cannot be opened is not judged", steps(rawEnd(trace.Unix), programmed(), opened().raises(of(trace.OSError)), settle().with(lost))},
	{"what is no data may be refused or discarded once the transport is closed", unix(closes().with(lost), form(writes("5"), trace.AsText))},
	{"an end without a condition", unix(sends("a").soon(), run("k9", false))},
	{"a run stops as soon as its condition holds, and nothing is at rest then", unix(stops(), sends("ab"), goesOn().soon(), runFor(trace.DataReceived, true).with(got("a")), settle().with(got("b")))},
	{"a reader that is fed by hand besides is not judged", streamed(trace.Unix, ofReader(feed("xyz")), ofReader(read("k1", 9)).gives("xyz"))},
	{"collected objects may do anything", streamed(trace.Unix, waits("k1"), does(trace.Command{Op: trace.Collect, Names: []string{"s.writer"}}).with(doneNone("k1")))},
	{"forgotten ones as well", unix(sends("a").soon(), forget("c"), settle())},
	{"and those of a forgotten protocol", unix(sends("a").soon(), forget("p"), settle())},
	{"a call that was not carried out", unix(does(trace.Command{Op: trace.TransportClose, On: "c.transport"}).unsupported(), settle().with(got("nonsense")))},
}

// unsupported says that the implementation does not have what is asked for.
func (s step) unsupported() step { s.r = trace.Reply{Unsupported: "no"}; return s }

// bySystem settles exactly in memory but not where the kernel takes part.
var bySystem = Options{Settling: trace.Exact, BestEffort: []trace.Capability{trace.CapTCP, trace.CapUnix, trace.CapPipe}}

// TestConnectionsWithWeakerSettling holds that what passes where more is known passes where less is, whichever way that is said.
func TestConnectionsWithWeakerSettling(t *testing.T) {
	for _, test := range slices.Concat(conformingWires, conformingServers, conformingInfo, conformingByHand) {
		for _, v := range play(bySystem, test.session...).Violations() {
			t.Errorf("%s: accused: %s", test.name, v)
		}
	}
	for _, test := range slices.Concat(latitudeWires, latitudeServers, latitudeInfo, latitudeByHand) {
		for _, v := range play(bySystem, test.session...).Violations() {
			t.Errorf("%s: accused: %s", test.name, v)
		}
	}
}

// TestConnectionsBesideTheDriver plays sessions as they are where callbacks run beside commands, and events are late.
func TestConnectionsBesideTheDriver(t *testing.T) {
	for _, test := range []struct {
		name    string
		session []step
		rules   []string
	}{
		{"everything may be late", unix(sends("ab"), closing().is(false), settle().with(got("ab")), shutdown(), settle().with(atEnd), settle(), settle().with(lost)), nil},
		{"data under way when reading is paused", unix(sends("ab"), stops().with(got("a")), settle().with(got("b"))), nil},
		{"more than that", unix(sends("abc"), stops().with(got("a")), settle().with(got("b")), settle().with(got("c"))), []string{"transport.read.paused-is-silent"}},
		{"data that were sent during the pause", unix(stops(), sends("ab"), settle().with(got("ab"))), []string{"transport.read.paused-is-silent"}},
		{"and with those that were under way", unix(sends("a"), stops(), sends("b"), settle().with(got("ab"))), []string{"transport.read.paused-is-silent"}},
		{"an end under way when reading is paused", unix(shutdown(), stops(), settle().with(atEnd, lost)), nil},
		{"an end that came during the pause", unix(stops(), shutdown(), settle().with(atEnd)), []string{"transport.read.eof-waits-for-resume"}},
		{"a pause in a callback is exact", unix(sends("ab"), settle().reacts(got("a"), stops()), settle().with(got("b"))), []string{"transport.read.paused-is-silent"}},
		{"data under way when it is closed", unix(sends("abc"), closes().with(got("a"), got("b")), settle().with(got("c"), lost)), nil},
		{"more than that", unix(sends("abcd"), closes().with(got("a"), got("b")), settle().with(got("c"), got("d"))), []string{"transport.base.close-stops-receiving"}},
		{"data that were sent when it was closed", unix(writes("a"), closes(), sends("b"), settle().with(got("b"))), []string{"transport.base.close-stops-receiving"}},
		{"a failed write that only the loss can tell of", unix(stops(), closesRaw(), writes("a"), settle().with(lost)), []string{"protocol.base.abnormal-loss-has-error"}},
		{"one after an end that reading may have told of", unix(closesRaw(), stops(), writes("a"), settle().with(lost)), nil},
		{"closed in a callback", unix(sends("ab"), settle().reacts(got("a"), closes()), settle().with(got("b"))), []string{"transport.base.close-stops-receiving"}},
		{"lost while close returns", unix(closes().soon().with(lost)), nil},
		{"lost inside a close in a callback", unix(sends("a"), settle().reacts(got("a"), closes().with(lost))), []string{"transport.base.loss-is-asynchronous"}},
		{"a callback of the former protocol that was under way", unix(does(trace.Command{Op: trace.ProtocolMake, As: "q"}), sends("ab"), switches(), settle().with(got("a"), ofOther(got("b")))), nil},
		{"what driver and callback write at once", unix(sends("a"), writes("driver").reacts(got("a"), writes("callback")), recvAll("k1").gives("callbackdriver")), nil},
		{"a pause that is late", unix(marks100(), writes(a(300)), size(300), settle().with(pausesOut)), nil},
		{"a pause and a resumption that are late", unix(marks100(), writes(a(300)), recv("k1", 300).gives(a(300)), size(0), settle().reacts(pausesOut, size(0)).with(goesOut)), nil},
		{"a pause that was waited for in vain", unix(marks100(), writes(a(300)), runFor(trace.PauseWriting, false), size(101)), []string{"transport.write.pauses-strictly-above-high"}},
		{"paused without reason", unix(marks100(), writes(a(100)).with(pausesOut)), []string{"transport.write.pauses-strictly-above-high"}},
		{"resumed above the mark", unix(marks100(), writes(a(300)).with(pausesOut), recv("k1", 250), settle().with(done("k1", a(250))).reacts(goesOut, size(21))), []string{"transport.write.resumes-at-low"}},
		{"resumed and written to again", unix(marks100(), writes(a(300)).with(pausesOut), recv("k1", 290), settle().with(done("k1", a(290))), writes(a(50)).reacts(goesOut, size(60))), nil},
		{"a resumption that was waited for in vain", unix(writes(a(300)).with(pausesOut), recv("k1", 300).gives(a(300)), runFor(trace.ResumeWriting, false)), []string{"transport.write.resumes-at-low"}},
		{"a loss that was waited for in vain", unix(closes(), runFor(trace.ConnectionLost, false)), []string{"transport.base.close-ends-with-loss"}},
		{"a loss that has become due while it was waited for", unix(shutdown(), runFor(trace.ConnectionLost, false).with(atEnd)), nil},
		{"data that were waited for in vain", unix(sends("ab"), runFor(trace.DataReceived, false)), []string{"invariants.transport-and-protocol"}},
		{"an end that was waited for in vain", unix(shutdown(), runFor(trace.EOFReceived, false)), []string{"protocol.stream.eof-when-peer-ends"}},
		{"bytes that were waited for in vain", unix(writes("abc"), recv("k1", 3), run("k1", false)), []string{"transport.write.order-without-loss"}},
		{"a drain that was waited for in vain", streamed(trace.Unix, drains("k1"), run("k1", false)), []string{"writer.drain.returns-at-once"}},
		{"a pause in vain", unix(marks100(), writes(a(300)), size(101), runFor(trace.PauseWriting, false)), []string{"transport.write.pauses-strictly-above-high"}},
		{"a pause in vain after writelines", unix(marks100(), writesLines(a(100), a(100)), size(101), runFor(trace.PauseWriting, false)), []string{"transport.write.writelines-equals-writes"}},
		{"a pause in vain when the kernel is full", steps(narrow(trace.Unix), programmed(), opened().with(made), marks100(), writes(a(2<<20)), runFor(trace.PauseWriting, false)), []string{"transport.write.pauses-strictly-above-high"}},
		{"a pause in vain at the mark", unix(marks100(), writes(a(300)), size(100), runFor(trace.PauseWriting, false)), nil},
		{"a pause in vain below higher marks", unix(marks100(), writes(a(300)), size(300), setMarks(trace.Int(300), nil), runFor(trace.PauseWriting, false)), nil},
		{"a pause in vain above lower marks", unix(setMarks(trace.Int(1000), nil), writes(a(300)), setMarks(trace.Int(100), nil), size(300), runFor(trace.PauseWriting, false)), []string{"transport.write.lower-limits-pause-at-once"}},
		{"a late pause though no more than the mark is queued by now", unix(marks100(), writes(a(300)), size(100), settle().with(pausesOut)), nil},
		{"paused at the mark", unix(setMarks(trace.Int(1000), nil), writes(a(300)), size(100), setMarks(trace.Int(100), nil).with(pausesOut)), []string{"transport.write.pauses-strictly-above-high"}},
		{"paused above the mark", unix(setMarks(trace.Int(1000), nil), writes(a(300)), size(100), setMarks(trace.Int(100), nil), writes("b").with(pausesOut)), nil},
		{"paused again at the mark", unix(marks100(), writes(a(300)).with(pausesOut), settle().with(goesOut), writes(a(80)).with(pausesOut)), []string{"transport.write.pauses-strictly-above-high"}},
		{"paused again for what was written before the resumption came", unix(marks100(), writes(a(300)).with(pausesOut), writes(a(81)).with(goesOut), settle().with(pausesOut)), nil},
		{"resumed while more than the mark is queued", unix(marks100(), writes(a(300)).with(pausesOut), settle().with(goesOut), size(21)), []string{"transport.write.resumes-at-low"}},
		{"written to before a resumption that is late", unix(marks100(), writes(a(300)).with(pausesOut), writes(a(50)).with(goesOut), size(70)), nil},
		{"and more than that is queued", unix(marks100(), writes(a(300)).with(pausesOut), writes(a(50)).with(goesOut), size(71)), []string{"transport.write.resumes-at-low"}},
		{"a resumption that comes after the size was asked for", unix(marks100(), writes(a(300)).with(pausesOut), size(150).with(goesOut)), nil},
		{"a pause and a resumption that come after the size was asked for", unix(marks100(), writes(a(300)), size(150).with(pausesOut, goesOut), runFor(trace.PauseWriting, false)), nil},
		{"not resumed though the peer has all but the low mark", unix(marks100(), writes(a(300)).with(pausesOut), recv("k1", 280).gives(a(280)), runFor(trace.ResumeWriting, false)), []string{"transport.write.resumes-at-low"}},
		{"not resumed and more is left", unix(marks100(), writes(a(300)).with(pausesOut), recv("k1", 279).gives(a(279)), runFor(trace.ResumeWriting, false)), nil},
		{"a queue that grows by itself", unix(writes(a(300)), size(100), size(101)), []string{"transport.write.buffer-size"}},
		{"what a callback has seen before", unix(sends("a"), writes(a(300)), size(100).reacts(got("a")), settle().with(inside(size(200))...)), nil},
		{"higher marks and something was sent", unix(marks100(), writes(a(300)).with(pausesOut), size(300), setMarks(trace.Int(1000), trace.Int(500)).with(goesOut), size(299)), nil},
		{"lower marks that were passed before", unix(marks100(), writes(a(300)).with(pausesOut), size(20), setMarks(trace.Int(10), trace.Int(10)).with(goesOut), size(20)), nil},
		{"a drain that a full queue should have held", streamed(trace.Unix, ofStream(marks100()), viaWriter(writes(a(300))), ofStream(size(300)), drains("k1"), settle().with(doneNone("k1")), ofStream(size(21))), []string{"writer.drain.blocks-above-high"}},
		{"a drain that was released at the mark", streamed(trace.Unix, ofStream(marks100()), viaWriter(writes(a(300))), ofStream(size(300)), drains("k1"), settle().with(doneNone("k1")), ofStream(size(20))), nil},
		{"a drain from before the marks were lowered", streamed(trace.Unix, viaWriter(writes(a(300))), drains("k1"), ofStream(marks100()), ofStream(size(300)), settle().with(doneNone("k1")), ofStream(size(300))), nil},
		{"a drain in vain at the low mark", streamed(trace.Unix, ofStream(marks100()), viaWriter(writes(a(300))), drains("k1"), recv("k2", 280).gives(a(280)), run("k1", false)), []string{"writer.drain.released-at-low"}},
		{"a drain that had to wait", streamed(trace.Unix, ofStream(marks100()), viaWriter(writes(a(300))), drains("k1").none(), ofStream(size(101))), []string{"writer.drain.blocks-above-high"}},
		{"a drain that the kernel has released", streamed(trace.Unix, ofStream(marks100()), viaWriter(writes(a(300))), drains("k1").none(), ofStream(size(90))), nil},
		{"a wait_closed in vain", streamed(trace.Unix, viaWriter(closes()), waits("k1"), run("k1", false)), []string{"writer.close.wait-closed-waits"}},
		{"a read in vain", streamed(trace.Unix, sends("a"), ofReader(read("k1", 1)), run("k1", false)), []string{"reader_protocol.feeds-reader"}},
		{"is_closing while a callback closes", unix(sends("a"), closing().is(false).reacts(got("a"), closes())), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			accused(t, play(bySystem, test.session...), test.rules...)
			accused(t, play(Options{Settling: trace.BestEffort}, test.session...), test.rules...)
		})
	}
}

// TestReadersInCallbacks holds that a hand-made reader is followed through what a callback does to it.
func TestReadersInCallbacks(t *testing.T) {
	session := append(steps(newReader(4)), unix(sends("x").reacts(got("x"), feed("ab")), read("k1", 9).gives("ab"))...)
	quiet(t, play(exact, session...))
	session = append(steps(newReader(4)), unix(sends("x").reacts(got("x"), feed("ab")), read("k1", 9).gives("xy"))...)
	accused(t, play(exact, session...), "reader.feed.data-is-appended")
	quiet(t, play(Options{Settling: trace.BestEffort}, session...)) // when it was fed is open
}

// TestScriptedFailuresAreNoNoise holds that only what a program of the session raises may reach the exception handler.
func TestScriptedFailuresAreNoNoise(t *testing.T) {
	quiet(t, play(exact, wired(trace.Unix, raises(trace.ConnectionLost), closes().with(lost, noise()))...))
	accused(t, play(exact, unix(settle().with(noise()))...), "")
	other := noise()
	other.Raised.Message = "bang"
	accused(t, play(exact, wired(trace.Unix, raises(trace.ConnectionLost), closes().with(lost, other))...), "")
}

// TestConnectionsDoNotOutliveAReset holds that nothing is left of connections in the next scenario.
func TestConnectionsDoNotOutliveAReset(t *testing.T) {
	m := New(exact)
	for range 3 {
		show(m, unix(sends("ab").with(got("ab")), writes("x"))...)
		quiet(t, m)
		m.Reset()
	}
	show(m, settle().with(got("nonsense")), recv("k1", 1).gives("y"))
	quiet(t, m)
}

// TestAFailedAdapterEndsTheJudgement holds that nothing is held against connections when the adapter has failed.
func TestAFailedAdapterEndsTheJudgement(t *testing.T) {
	failed := settle()
	failed.r = trace.Reply{Fault: "KeyError"}
	quiet(t, play(exact, unix(failed, sends("ab"), settle().with(lost, lost))...))
}
