package behavior

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// A wayToEnd is one for a connection: the kinds for which there is it, and what the protocol lives through; nil: it may or may
// not see an end-of-stream before the loss.
type wayToEnd struct {
	name  string
	kinds []trace.EndKind
	end   func(*Connection)
	lived []trace.EventName
	clean bool // connection_lost gets none
}

// waysToEnd are all the ways to end a connection.
var waysToEnd = []wayToEnd{
	{"close", allKinds, func(c *Connection) { c.Transport.Close() }, []trace.EventName{made, lost}, true},
	{"close twice", allKinds, func(c *Connection) { c.Transport.Close(); c.Transport.Close() }, []trace.EventName{made, lost}, true},
	{"abort", writingKinds, func(c *Connection) { c.Transport.Abort() }, []trace.EventName{made, lost}, true},
	{"close and abort", socketKinds, func(c *Connection) { c.Transport.Close(); c.Transport.Abort() }, []trace.EventName{made, lost}, true},
	{"abort and close", writingKinds, func(c *Connection) { c.Transport.Abort(); c.Transport.Close() }, []trace.EventName{made, lost}, true},
	{"close while something is queued, and abort", writingKinds, func(c *Connection) {
		c.Transport.Write(Pattern(much))
		c.Transport.Close()
		c.Transport.Abort()
	}, []trace.EventName{made, lost}, true},
	{"the peer's end-of-stream", readingKinds, func(c *Connection) { c.Raw.End() }, []trace.EventName{made, eof, lost}, true},
	{"the peer's close", allKinds, func(c *Connection) { c.Raw.Close() }, nil, true},
	{"data and the peer's end-of-stream", readingKinds, func(c *Connection) { c.Raw.Send("abc"); c.Raw.End() }, []trace.EventName{made, data, eof, lost}, true},
	{"the peer's reset", []trace.EndKind{trace.TCP}, func(c *Connection) { c.Raw.Reset() }, nil, false},
}

// itEnds is an It for each way to end each kind of connection.
func itEnds(text string, rules Labels, body func(wayToEnd, *Connection), t *Testee) {
	for _, e := range waysToEnd {
		itEach(e.kinds, text+": "+e.name, rules, func(kind trace.EndKind) {
			c := t.Connect(kind)
			e.end(c)
			body(e, c)
		})
	}
}

// protocolBase is what the callbacks of all protocols have in common.
func protocolBase(t *Testee) {
	Describe("protocol.base", func() {
		itEnds("calls connection_made once", Rule("protocol.base.made-once"), func(_ wayToEnd, c *Connection) {
			t.Expect(c.Protocol).To(HaveLost())
			t.Expect(c.Protocol.Count(made)).To(Equal(1), "calls of connection_made")
		}, t)
		itEach(allKinds, "does not call connection_made when there is no connection",
			Rule("protocol.base.made-once"), func(kind trace.EndKind) {
				c := t.Prepare(kind)
				t.Expect(c.OpenFailing("no protocol")).To(FailWith(AnyError))
				c.Raw.Close()
				t.Expect(c.Protocol).To(HaveLived())
			})

		itEnds("calls connection_lost once", Rule("protocol.base.lost-once"), func(_ wayToEnd, c *Connection) {
			t.Expect(c.Protocol).To(HaveLost())
			c.Transport.Close()
			if c.Raw.Kind != trace.ReadPipe {
				c.Transport.Write("too late")
			}
			if c.Raw.Kind == trace.TCP || c.Raw.Kind == trace.Unix {
				c.Transport.Abort()
			}
			if c.Raw.Kind != trace.WritePipe {
				c.Transport.PauseReading()
				c.Transport.ResumeReading()
			}
			t.Settle()
			t.Expect(c.Protocol.Count(lost)).To(Equal(1), "calls of connection_lost")
		}, t)
		itEach(socketKinds, "calls connection_lost once when a write fails and the transport is closed as well",
			Rule("protocol.base.lost-once"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(eof).ReturningTrue())
				c.Raw.Close()
				t.WithoutSettling(func() {
					c.Transport.Write("abc")
					c.Transport.Write(Pattern(much))
					c.Transport.Close()
					c.Transport.Abort()
				})
				t.Expect(c.Protocol).To(HaveLost())
				c.Transport.Write("abc")
				t.Expect(c.Protocol.Count(lost)).To(Equal(1), "calls of connection_lost")
			})
		itEach(socketKinds, "calls connection_lost once when it closes and aborts again",
			Rule("protocol.base.lost-once"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(lost).Doing(Close, Abort, Write("too late")))
				c.Transport.Write(Pattern(much))
				c.Transport.Abort()
				t.Expect(c.Protocol).To(HaveLost())
				t.Settle()
				t.Expect(c.Protocol).To(HaveLived(made, lost))
			})

		itEach(writingKinds, "calls connection_lost once when the peer goes while what was queued is sent after close",
			Rule("protocol.base.lost-once"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				fill(c)
				c.Transport.Close()
				c.Raw.Close()
				t.Expect(c.Protocol).To(HaveLost())
				t.Expect(c.Raw.FarOpen()).To(Become(ReturnBool(false)))
				t.Expect(c.Protocol.Count(lost)).To(Equal(1), "calls of connection_lost")
			})

		itEnds("calls all others in between", Rule("protocol.base.others-between"), func(_ wayToEnd, c *Connection) {
			t.Expect(c.Protocol).To(HaveLost())
			order := c.Protocol.Order(made, data, eof, lost, paused, resumed)
			t.Expect(order[0]).To(Equal(made), "the first callback")
			t.Expect(order[len(order)-1]).To(Equal(lost), "the last callback")
		}, t)
		itEach(writingKinds, "does not pause writing any more when connection_lost itself writes",
			Rule("protocol.base.others-between"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(lost).Doing(Write(Pattern(much))))
				written, queued := c.Transport.Fill()
				c.Transport.SetHigh(queued)
				c.Transport.Close()
				t.Expect(c.Raw.Recv(written)).To(ReturnLength(written))
				t.Expect(c.Protocol).To(HaveLost())
				t.Expect(c.Protocol.Await(did, 1)).To(BeTrue(), "write came back")
				t.Settle()
				t.Expect(c.Protocol).To(HaveFlow(), "after connection_lost")
			})
		itEach(readingKinds, "delivers after connection_made what the peer has sent before",
			Rule("protocol.base.others-between"), func(kind trace.EndKind) {
				c := t.Prepare(kind)
				c.Raw.Send("early")
				c.Raw.End()
				c.Open()
				t.Expect(c.Protocol).To(HaveReceived("early"))
				t.Expect(c.Protocol).To(HaveLived(made, data, eof, lost))
			})
		itEach(readingKinds, "delivers nothing when it was closed inside connection_made",
			Rule("protocol.base.others-between"), func(kind trace.EndKind) {
				c := t.Prepare(kind, In(made).Doing(Close))
				c.Raw.Send("early")
				c.Open()
				t.Expect(c.Protocol).To(HaveLived(made, lost))
				t.Expect(c.Raw.FarOpen()).To(Become(ReturnBool(false)))
			})
		itEach(writingKinds, "pauses and resumes in between",
			Rule("protocol.base.others-between"), func(kind trace.EndKind) {
				c := narrow(t, kind)
				text := Pattern(much)
				c.Transport.Write(text)
				c.Transport.Close()
				t.Expect(c.Raw.RecvAll()).To(Return(text))
				t.Expect(c.Protocol).To(HaveLost())
				order := c.Protocol.Order(made, paused, resumed, lost)
				t.Expect(order).To(Or(Equal([]trace.EventName{made, paused, resumed, lost}), Equal([]trace.EventName{made, paused, lost})))
			})
		itEach(writingKinds, "does not resume a connection that is lost",
			Rule("protocol.base.others-between"), func(kind trace.EndKind) {
				c := narrow(t, kind)
				c.Transport.Write(Pattern(much))
				t.Expect(c.Protocol).To(HaveFlow(paused))
				c.Transport.Abort()
				t.Expect(c.Protocol).To(HaveLost())
				c.Raw.RecvAll()
				order := c.Protocol.Order(made, paused, resumed, lost)
				t.Expect(order[len(order)-1]).To(Equal(lost), "the last callback")
			})

		itEach(writingKinds, "gives connection_made the transport, which can be written",
			Rule("protocol.base.made-gets-transport"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(made).Doing(IsClosing, Write("hello")))
				t.Expect(c.Protocol.Answers()).To(Equal([]string{"false", "none"}))
				t.Expect(c.Raw.Recv(5)).To(Return("hello"))
			})
		It("gives connection_made the transport: read-pipe", Rule("protocol.base.made-gets-transport"), func() {
			c := t.Connect(trace.ReadPipe, In(made).Doing(IsClosing, Close, IsClosing))
			t.Expect(c.Protocol.Answers()).To(Equal([]string{"false", "none", "true"}))
			t.Expect(c.Protocol).To(HaveLostCleanly())
		})

		for _, e := range waysToEnd {
			if e.clean {
				itEach(e.kinds, "gives connection_lost none after "+e.name,
					Rule("protocol.base.clean-loss-has-none"), func(kind trace.EndKind) {
						c := t.Connect(kind)
						e.end(c)
						t.Expect(c.Protocol).To(HaveLostCleanly())
					})
			}
		}
		It("gives connection_lost the error after a reset: tcp", Rule("protocol.base.abnormal-loss-has-error"), func() {
			c := t.Connect(trace.TCP)
			c.Raw.Reset()
			t.Expect(c.Protocol).To(HaveLostWith(ConnectionReset))
		})
		It("gives connection_lost the error after a reset, though it has ended its own stream: tcp",
			Rule("protocol.base.abnormal-loss-has-error"), func() {
				c := t.Connect(trace.TCP)
				c.Transport.WriteEOF()
				t.Expect(c.Raw.RecvAll()).To(Return(""))
				c.Raw.Reset()
				t.Expect(c.Protocol).To(HaveLostWith(ConnectionReset))
			})
		It("gives connection_lost the error of a reset that came while reading was paused: tcp",
			Rule("protocol.base.abnormal-loss-has-error"), func() {
				c := t.Connect(trace.TCP)
				c.Transport.PauseReading()
				c.Raw.Reset()
				c.Transport.ResumeReading()
				t.Expect(c.Protocol).To(HaveLostWith(ConnectionReset))
			})
		It("gives connection_lost the error after a reset while something is queued: tcp",
			Rule("protocol.base.abnormal-loss-has-error"), func() {
				c := t.Connect(trace.TCP)
				fill(c)
				c.Raw.Reset()
				t.Expect(c.Protocol).To(HaveLostWith(OneOf(ConnectionReset, BrokenPipe)))
			})
		itEach(socketKinds, "gives connection_lost the error of a write that nobody can read",
			Rule("protocol.base.abnormal-loss-has-error"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(eof).ReturningTrue())
				c.Raw.Close()
				t.Expect(c.Protocol).To(HaveLived(made, eof))
				for range 20 { // a socket of TCP takes the first
					c.Transport.Write("abc")
					if c.Protocol.Count(lost) > 0 {
						break
					}
				}
				t.Expect(c.Protocol).To(HaveLostWith(OneOf(ConnectionReset, BrokenPipe)))
			})
		It("gives connection_lost the error of a write in the same breath in which the peer goes: write-pipe",
			Rule("protocol.base.abnormal-loss-has-error"), func() {
				// Only an event loop that the adapter runs cannot notice that the peer has gone before the write, of which
				// nothing would be lost then.
				t.Needs(trace.CapPythonSurface)
				c := t.Connect(trace.WritePipe)
				t.WithoutSettling(func() {
					c.Raw.Close()
					c.Transport.Write("nobody reads this")
				})
				t.Expect(c.Protocol).To(HaveLostWith(BrokenPipe))
			})
		itEach(writingKinds, "gives connection_lost the error when the peer goes while something is queued",
			Rule("protocol.base.abnormal-loss-has-error"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(eof).ReturningTrue())
				fill(c)
				c.Raw.Close()
				t.Expect(c.Protocol).To(HaveLostWith(OneOf(ConnectionReset, BrokenPipe)))
			})

		itEach(writingKinds, "pauses and resumes writing as the queue crosses the marks",
			Rule("protocol.base.flow-control"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Transport.SetMarks(1000, 10_000)
				text := Pattern(much)
				c.Transport.Write(text)
				t.Expect(c.Protocol).To(HaveFlow(paused))
				t.Expect(c.Raw.Recv(len(text))).To(Return(text))
				t.Expect(c.Protocol).To(HaveFlow(paused, resumed))
				c.Transport.Write(text + text)
				t.Expect(c.Protocol).To(HaveFlow(paused, resumed, paused))
				t.Expect(c.Raw.Recv(2 * len(text))).To(Return(text + text))
				t.Expect(c.Protocol).To(HaveFlow(paused, resumed, paused, resumed))
			})

		itEach(writingKinds, "pauses and resumes writing when connection_made writes too much",
			Rule("protocol.base.flow-control"), func(kind trace.EndKind) {
				narrowly := Action{Op: trace.TransportSetWriteBufferLimits, Low: trace.Int(1000), High: trace.Int(10_000)}
				text := Pattern(much)
				c := t.Connect(kind, In(made).Doing(narrowly, Write(text)))
				t.Expect(c.Protocol).To(HaveFlow(paused))
				t.Expect(c.Raw.Recv(len(text))).To(Return(text))
				t.Expect(c.Protocol).To(HaveFlow(paused, resumed))
			})

		itEach(allKinds, "works with a protocol that has no callback",
			Rule("protocol.base.defaults-do-nothing"), func(kind trace.EndKind) {
				c := t.Prepare(kind)
				c.Protocol = t.NewPlainProtocol()
				t.Expect(c.Open()).To(ReturnNone())
				if kind != trace.WritePipe {
					c.Raw.SendAll("ignored")
				}
				if kind != trace.ReadPipe {
					text := Pattern(much) // pauses and resumes
					c.Transport.Write(text)
					t.Expect(c.Raw.Recv(len(text))).To(Return(text))
				}
				t.Expect(c.Transport.IsClosing()).To(ReturnBool(false))
				c.Transport.Close()
				t.Expect(c.Raw.FarOpen()).To(Become(ReturnBool(false)))
			})
		itEach(readingKinds, "closes at the end of the stream with a protocol that has no callback",
			Rule("protocol.base.defaults-do-nothing"), func(kind trace.EndKind) {
				c := t.Prepare(kind)
				c.Protocol = t.NewPlainProtocol()
				c.Open()
				c.Raw.Send("ignored")
				c.Raw.End()
				t.Expect(c.Raw.FarOpen()).To(Become(ReturnBool(false)))
				t.Expect(c.Transport.IsClosing()).To(ReturnBool(true))
			})

		itEach(writingKinds, "reports an exception of pause_writing, and goes on",
			Rule("protocol.base.failing-flow-control-callback"), func(kind trace.EndKind) {
				c := narrow(t, kind, In(paused).Raising("boom"))
				text := Pattern(much)
				t.Expect(c.Transport.Write(text)).To(ReturnNone())
				t.Expect(t.Reported("boom")).To(BeTrue(), "the exception was reported")
				t.Expect(c.Transport.IsClosing()).To(ReturnBool(false))
				t.Expect(c.Raw.Recv(len(text))).To(Return(text))
				t.Expect(c.Protocol).To(HaveFlow(paused, resumed))
				c.Transport.Close()
				t.Expect(c.Protocol).To(HaveLostCleanly())
			})
		itEach(writingKinds, "reports an exception of resume_writing, and goes on",
			Rule("protocol.base.failing-flow-control-callback"), func(kind trace.EndKind) {
				c := narrow(t, kind, In(resumed).Raising("boom"))
				text := Pattern(much)
				c.Transport.Write(text)
				t.Expect(c.Raw.Recv(len(text))).To(Return(text))
				t.Expect(c.Protocol).To(HaveFlow(paused, resumed))
				t.Expect(t.Reported("boom")).To(BeTrue(), "the exception was reported")
				t.Expect(c.Transport.IsClosing()).To(ReturnBool(false))
				c.Transport.Write(text)
				t.Expect(c.Raw.Recv(len(text))).To(Return(text))
				t.Expect(c.Protocol).To(HaveFlow(paused, resumed, paused, resumed))
				c.Transport.Close()
				t.Expect(c.Protocol).To(HaveLostCleanly())
			})
		itEach(writingKinds, "reports an exception of resume_writing while it is closing",
			Rule("protocol.base.failing-flow-control-callback"), func(kind trace.EndKind) {
				c := narrow(t, kind, In(resumed).Raising("boom"))
				text := Pattern(much)
				c.Transport.Write(text)
				c.Transport.Close()
				t.Expect(c.Raw.RecvAll()).To(Return(text))
				t.Expect(c.Protocol).To(HaveLostCleanly())
				t.Expect(t.Reported("boom")).To(BeTrue(), "the exception was reported")
			})
		itEach(allKinds, "does something sensible with an exception of connection_made",
			Rule("protocol.base.failing-connection-made"), func(kind trace.EndKind) {
				c := t.Prepare(kind, In(made).Raising("boom"))
				t.Expect(c.Open()).To(ComeBack())
				t.Expect(c.Protocol.Count(made)).To(Equal(1), "calls of connection_made")
				switch {
				case c.Opened.Raised() != nil:
					t.Saw("the create call fails")
				case *c.Transport.IsClosing().Returned().Bool:
					t.Expect(c.Protocol).To(HaveLived(made, lost))
					t.Saw("the connection is closed")
				default:
					t.Saw("the connection stays up")
					c.Transport.Close()
					t.Expect(c.Protocol).To(HaveLived(made, lost))
				}
			})

		itEach(allKinds, "calls connection_made before the create call returns",
			Rule("protocol.base.made-before-return"), func(kind trace.EndKind) {
				c := t.Prepare(kind)
				t.Expect(c.MadeFirst()).To(BeTrue(), "connection_made was called before the create call came back")
				t.Expect(c.Opened).To(ReturnNone())
			})
		for _, end := range []struct {
			name string
			call Action
		}{{"close", Close}, {"abort", Abort}} {
			itEach(writingKinds, "sends what is written in connection_made before "+end.name,
				Rule("protocol.base.made-before-return"), func(kind trace.EndKind) {
					c := t.Prepare(kind, In(made).Doing(Write("hello"), end.call))
					t.Expect(c.Open()).To(ReturnNone())
					t.Expect(c.Raw.RecvAll()).To(Return("hello"))
					t.Expect(c.Protocol).To(HaveLived(made, lost))
					t.Expect(c.Protocol).To(HaveLostCleanly())
				})
		}
		itEach(writingKinds, "sends much that is written in connection_made before close",
			Rule("protocol.base.made-before-return"), func(kind trace.EndKind) {
				text := strings.Repeat("hello", 100_000)
				c := t.Prepare(kind, In(made).Doing(Write(text), Close))
				t.Expect(c.Open()).To(ReturnNone())
				t.Expect(c.Raw.RecvAll()).To(Return(text))
				t.Expect(c.Protocol).To(HaveLived(made, lost))
			})
		itEach([]trace.EndKind{trace.Unix, trace.WritePipe}, "is lost after connection_made, not inside it, by a write there that fails",
			Rule("protocol.base.made-before-return"), func(kind trace.EndKind) {
				c := t.Prepare(kind, In(made).Doing(Write("nobody reads this")), In(eof).ReturningTrue())
				c.Raw.Close()
				c.Open()
				t.Expect(c.Protocol).To(HaveLost())
				order := c.Protocol.Order(made, doing, did, lost)
				t.Expect(order).To(Equal([]trace.EventName{made, doing, did, lost}))
			})
	})
}
