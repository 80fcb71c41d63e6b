package monitor

import (
	"testing"

	"github.com/streamspec/streamspec/spec/trace"
)

// The functions below make steps about one reader protocol, p, that is made by hand and feeds a reader, r, over a mock transport, t,
// and about one writer, s.writer.

// byHand begins a session with them.
func byHand(callback trace.Callback, s ...step) []step {
	made := does(trace.Command{Op: trace.ReaderProtocolMake, As: "p", Reader: "r", Callback: callback})
	return append(steps(newReader(4), transportThat(true), made, penned("r")), s...)
}

// penned makes the writer, of a reader or of none.
func penned(reader string) step {
	return does(trace.Command{Op: trace.WriterMake, As: "s.writer", Transport: "t", Protocol: "p", Reader: reader})
}

func connectedTo(transport string) step {
	return does(trace.Command{Op: trace.ProtocolConnectionMade, On: "p", Transport: transport})
}

func hears(op trace.Op) step { return does(trace.Command{Op: op, On: "p"}) }
func pausesIt() step         { return hears(trace.ProtocolPauseWriting) }
func resumesIt() step        { return hears(trace.ProtocolResumeWriting) }

// handed begins a session with a protocol that is connected.
func handed(s ...step) []step { return byHand("", append(steps(connectedTo("t")), s...)...) }

var called = event(trace.ClientConnected, "p")

// wrongByHand are sessions of reader protocols and writers that are made by hand, with a single wrong observation, the last one.
var wrongByHand = []wrongSession{
	{"reader_protocol.calls-client-callback", "the callback is called twice", byHand(trace.Function, connectedTo("t").with(called, called))},
	{"reader_protocol.calls-client-callback", "the callback is not called", byHand(trace.Coroutine, connectedTo("t").soon(), settle())},
	{"reader_protocol.calls-client-callback", "there is no callback", handed(settle().with(called))},
	{"reader_protocol.flow-control-alternates", "paused twice", handed(pausesIt(), pausesIt())},
	{"reader_protocol.flow-control-alternates", "resumed twice", handed(resumesIt())},
	{"reader_protocol.flow-control-alternates", "a pause is refused", handed(pausesIt().raises(badState))},
	{"reader_protocol.eof-keeps-half-open", "the end closes", handed(endReceived().is(false))},
	{"writer.drain.follows-protocol", "a drain does not wait", handed(pausesIt(), drains("k1").none())},
	{"writer.drain.follows-protocol", "a drain waits on", handed(pausesIt(), drains("k1"), resumesIt())},
	{"writer.drain.follows-protocol", "a drain is released by itself", handed(pausesIt(), drains("k1"), settle().with(doneNone("k1")))},
	{"writer.drain.several-tasks", "only one is released", handed(pausesIt(), drains("k1"), drains("k2"), resumesIt().with(doneNone("k1")))},
	{"writer.drain.returns-at-once", "a drain waits for nothing", handed(drains("k1"))},
	{"writer.drain.without-reader", "a writer needs a reader", byHand("", connectedTo("t"), penned("").makes("o"), drains("k1").on("o").raises(badState))},
	{"writer.drain.raises-stored-exception", "a stored exception is not raised", handed(setException("boom"), drains("k1").none())},
	{"writer.drain.raises-stored-exception", "or waited for", handed(pausesIt(), setException("boom"), drains("k1"))},
	{"writer.drain.loss-releases", "the error of the loss is not told", handed(pausesIt(), drains("k1"), loses(trace.Text("boom")).with(doneNone("k1")))},
	{"writer.drain.loss-releases", "the loss does not release", handed(pausesIt(), drains("k1"), loses(nil))},
	{"writer.drain.closed-raises", "a drain of what is lost returns", handed(loses(nil), drains("k1").none())},
	{"writer.info.transport", "another transport", handed(via(trace.WriterTransport).value(object("u")))},
}

// conformingByHand are such sessions as a conforming implementation has them.
var conformingByHand = []conformingSession{
	{"a callback", byHand(trace.Coroutine, connectedTo("t").soon(), settle().with(called), via(trace.WriterTransport).on("p.writer").value(object("t")), pausesIt(), drains("k1").on("p.writer"), resumesIt().with(doneNone("k1"))),
		[]string{"reader_protocol.calls-client-callback", "writer.info.transport"}},
	{"drains follow", handed(drains("k1").none(), pausesIt(), pausesIt().raises(badState), drains("k2"), drains("k3"), cancel("k2").with(failed("k2", cancelled)), resumesIt().with(doneNone("k3")), resumesIt().raises(badState), drains("k4").none()),
		[]string{"reader_protocol.flow-control-alternates", "writer.drain.follows-protocol", "writer.drain.several-tasks", "writer.drain.returns-at-once", "writer.drain.cancel-is-harmless"}},
	{"drains and a loss", handed(pausesIt(), drains("k1"), loses(trace.Text("boom")).with(failed("k1", boom())), drains("k2").raises(boom())), []string{"writer.drain.loss-releases", "writer.drain.raises-stored-exception"}},
	{"drains and the end", handed(endReceived(), loses(nil), drains("k1").raises(of(trace.ConnectionReset))), []string{"reader_protocol.eof-keeps-half-open", "writer.drain.closed-raises"}},
	{"no reader", byHand("", connectedTo("t"), penned("").makes("o"), setException("boom"), drains("k1").on("o").none()), []string{"writer.drain.without-reader"}},
}

// latitudeByHand are such sessions where several outcomes are permitted.
var latitudeByHand = []permittedSession{
	{"a drain that has not run yet", handed(pausesIt(), drains("k1").soon(), resumesIt().soon(), pausesIt().soon(), settle())},
	{"may have nothing to wait for", handed(pausesIt(), drains("k1").soon(), resumesIt().soon(), pausesIt().soon(), settle().with(doneNone("k1")))},
	{"a drain that is released and held again", handed(pausesIt(), drains("k1"), resumesIt().soon(), pausesIt().soon(), settle())},
	{"an exception may wake a drain", handed(pausesIt(), drains("k1"), setException("boom").with(failed("k1", boom())))},
	{"or not", handed(pausesIt(), drains("k1"), setException("boom"), resumesIt().with(doneNone("k1")))},
	{"a loss without an error fails a drain", handed(pausesIt(), drains("k1"), loses(nil).with(failed("k1", of(trace.ConnectionReset))))},
	{"or not", handed(pausesIt(), drains("k1"), loses(nil).with(doneNone("k1")))},
	{"a drain that may have begun to wait before an exception", handed(pausesIt(), drains("k1").soon(), setException("boom"))},
	{"a writer without a reader may have that of its protocol", byHand("", connectedTo("t"), penned("").makes("o"), setException("boom"), pausesIt(), drains("k1").on("o").raises(boom()))},
	{"or not", byHand("", connectedTo("t"), penned("").makes("o"), loses(trace.Text("boom")), drains("k1").on("o").raises(boom()))},
	{"nothing is said of what is not connected", byHand("", pausesIt().raises(badState), drains("k1"))},
	{"or connected twice", handed(connectedTo("t").raises(badState), pausesIt().raises(badState), drains("k1"))},
	{"or closed", handed(via(trace.WriterClose), drains("k1").none())},
	{"or forgotten", handed(pausesIt(), drains("k1"), forget("t"), settle().with(doneNone("k1")))},
}

// TestDrainsByVersion holds that a second drain may fail by the versions that know one only.
func TestDrainsByVersion(t *testing.T) {
	o := exact
	o.InForce = func(rule string) bool { return rule != severalTasks }
	session := handed(pausesIt(), drains("k1"), drains("k2").raises(badState), resumesIt())
	for _, v := range play(o, session...).Violations() {
		t.Errorf("accused: %s", v)
	}
}
