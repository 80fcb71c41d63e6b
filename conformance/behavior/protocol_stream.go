package behavior

import (
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// protocolStream is what streaming protocols are told.
func protocolStream(t *Testee) {
	Describe("protocol.stream", func() {
		itEach(readingKinds, "calls data_received with data only",
			Rule("protocol.stream.data-is-not-empty"), func(kind trace.EndKind) {
				c := t.Prepare(kind)
				c.Open()
				c.Raw.Send("")
				c.Raw.Send("a")
				t.Expect(c.Protocol).To(HaveReceived("a"))
				c.Transport.PauseReading()
				c.Transport.ResumeReading()
				c.Transport.PauseReading()
				c.Raw.Send("b")
				c.Transport.ResumeReading()
				t.Expect(c.Protocol).To(HaveReceived("ab"))
				c.Raw.SendAll(Pattern(much))
				c.Raw.End()
				t.Expect(c.Protocol).To(HaveLived(made, data, eof, lost))
				t.Expect(c.Protocol.Chunks()).NotTo(ContainElement(""), "what data_received got")
			})
		itEach(readingKinds, "delivers what the peer sends, however it is cut",
			Rule("protocol.stream.chunking-is-open", "protocol.stream.data-in-order"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Raw.Send("a")
				c.Raw.Send("bc")
				c.Raw.Send("def")
				t.Expect(c.Protocol).To(HaveReceived("abcdef"))
			})
		itEach(readingKinds, "delivers much in the order in which the peer sent it",
			Rule("protocol.stream.data-in-order"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				text := Pattern(2 * much)
				c.Raw.SendAll(text)
				t.Expect(c.Protocol).To(HaveReceived(text))
			})
		itEach(readingKinds, "delivers in order across pauses",
			Rule("protocol.stream.data-in-order"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				text := Pattern(200_000)
				for i := 0; i < len(text); i += 2000 {
					if i%6000 == 0 {
						t.Expect(c.Protocol).To(HaveReceived(text[:i])) // so that the kernel has room
						c.Transport.PauseReading()
					}
					c.Raw.SendAll(text[i : i+2000])
					c.Transport.ResumeReading()
				}
				t.Expect(c.Protocol).To(HaveReceived(text))
			})
		itEach(readingKinds, "does not call data_received for a peer that sends nothing",
			Rule("protocol.stream.any-number-of-calls"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Raw.End()
				t.Expect(c.Protocol).To(HaveLived(made, eof, lost))
			})
		itEach(readingKinds, "calls data_received again and again",
			Rule("protocol.stream.any-number-of-calls"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				const times = 100
				for i := range times {
					c.Raw.Send("a")
					t.Expect(c.Protocol).To(HaveReceived(strings.Repeat("a", i+1)))
				}
				t.Expect(c.Protocol.Count(data)).To(Equal(times), "calls of data_received, each awaited before more was sent")
			})

		itEach(socketKinds, "calls eof_received once when the peer ends, and then closes",
			Rule("protocol.stream.eof-at-most-once"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(eof).ReturningTrue())
				c.Raw.End()
				t.Expect(c.Protocol).To(HaveLived(made, eof))
				c.Raw.Close()
				c.Transport.Write("nobody reads this")
				t.Settle()
				c.Transport.Close()
				t.Expect(c.Protocol).To(HaveLost())
				t.Expect(c.Protocol.Count(eof)).To(Equal(1), "calls of eof_received")
			})
		itEach(socketKinds, "calls eof_received once when it is paused and resumed after the end",
			Rule("protocol.stream.eof-at-most-once"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(eof).ReturningTrue())
				c.Raw.End()
				t.Expect(c.Protocol).To(HaveLived(made, eof))
				t.Expect(c.Transport.PauseReading()).To(ReturnNone())
				t.Expect(c.Transport.ResumeReading()).To(ReturnNone())
				t.Settle()
				c.Transport.Close()
				t.Expect(c.Protocol).To(HaveLived(made, eof, lost))
			})
		itEach(readingKinds, "calls eof_received once when the peer closes",
			Rule("protocol.stream.eof-at-most-once"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Raw.Send("abc")
				c.Raw.Close()
				t.Expect(c.Protocol).To(HaveLived(made, data, eof, lost))
			})
		itEach(readingKinds, "does not call data_received after eof_received",
			Rule("protocol.stream.no-data-after-eof"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(eof).ReturningTrue())
				c.Transport.PauseReading()
				text := sendWhatFits(c.Raw)
				c.Raw.End()
				c.Transport.ResumeReading()
				t.Expect(c.Protocol).To(HaveReceived(text))
				t.Expect(c.Protocol.Await(eof, 1)).To(BeTrue(), "eof_received was called")
				c.Transport.Close()
				t.Expect(c.Protocol).To(HaveLived(made, data, eof, lost))
				t.Expect(c.Protocol).To(HaveReceived(text))
			})
		itEach(readingKinds, "calls eof_received when the peer ends the stream, after all that it has sent",
			Rule("protocol.stream.eof-when-peer-ends"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				text := Pattern(300_000)
				c.Raw.SendAll(text)
				c.Raw.End()
				t.Expect(c.Protocol).To(HaveReceived(text))
				t.Expect(c.Protocol).To(HaveLived(made, data, eof, lost))
			})
		itEach(readingKinds, "calls eof_received when the peer has ended the stream before",
			Rule("protocol.stream.eof-when-peer-ends"), func(kind trace.EndKind) {
				c := t.Prepare(kind)
				c.Raw.End()
				c.Open()
				t.Expect(c.Protocol).To(HaveLived(made, eof, lost))
			})
		itEach(socketKinds, "calls eof_received when the peer ends the stream while something is queued",
			Rule("protocol.stream.eof-when-peer-ends"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(eof).ReturningTrue())
				written := fill(c)
				c.Raw.Send("abc")
				c.Raw.End()
				t.Expect(c.Protocol).To(HaveLived(made, data, eof))
				t.Expect(c.Raw.Recv(written)).To(ReturnLength(written))
			})

		zero, one, empty := 0, 1, ""
		noBytes, space := trace.BytesValue(nil), " "
		falsy := []struct {
			name  string
			value trace.Value
		}{
			{"none", trace.None}, {"false", trace.BoolValue(false)}, {"0", trace.Value{Int: &zero}}, {"an empty text", trace.Value{Text: &empty}},
			{"no bytes", noBytes}, {"an empty list", trace.Value{List: []trace.Value{}}},
		}
		for _, v := range falsy {
			itEach(readingKinds, "closes itself when eof_received returns "+v.name,
				Rule("protocol.stream.falsy-eof-closes"), func(kind trace.EndKind) {
					c := t.Connect(kind, In(eof).Returning(v.value))
					c.Raw.Send("abc")
					c.Raw.End()
					t.Expect(c.Protocol).To(HaveLived(made, data, eof, lost))
					t.Expect(c.Protocol).To(HaveLostCleanly())
					t.Expect(c.Transport.IsClosing()).To(ReturnBool(true))
					t.Expect(c.Raw.FarOpen()).To(Become(ReturnBool(false)))
				})
		}
		itEach(socketKinds, "sends what is queued when it closes itself at the end of the stream",
			Rule("protocol.stream.falsy-eof-closes"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(eof).Doing(Write("goodbye")))
				text := Pattern(much)
				c.Transport.Write(text)
				c.Raw.End()
				t.Expect(c.Raw.RecvAll()).To(Return(text + "goodbye"))
				t.Expect(c.Protocol).To(HaveLived(made, eof, lost))
				t.Expect(c.Protocol).To(HaveLostCleanly())
			})
		truthy := []struct {
			name  string
			value trace.Value
		}{
			{"true", trace.BoolValue(true)}, {"1", trace.Value{Int: &one}}, {"a text", trace.Value{Text: &space}}, {"some bytes", trace.BytesValue([]byte{0})},
			{"a list", trace.Value{List: []trace.Value{trace.BoolValue(false)}}},
		}
		for _, v := range truthy {
			itEach(socketKinds, "stays open for writing when eof_received returns "+v.name,
				Rule("protocol.stream.truthy-eof-keeps-open"), func(kind trace.EndKind) {
					c := t.Connect(kind, In(eof).Returning(v.value))
					c.Raw.End()
					t.Expect(c.Protocol).To(HaveLived(made, eof))
					t.Expect(c.Transport.IsClosing()).To(ReturnBool(false))
					c.Transport.Write("hello")
					t.Expect(c.Raw.Recv(5)).To(Return("hello"))
					text := Pattern(much)
					c.Transport.WriteLines(text, "end")
					t.Expect(c.Raw.Recv(len(text) + 3)).To(Return(text + "end"))
					t.Expect(c.Protocol).To(HaveLived(made, eof))
					c.Transport.Close()
					t.Expect(c.Raw.RecvAll()).To(Return(""))
					t.Expect(c.Protocol).To(HaveLived(made, eof, lost))
					t.Expect(c.Protocol).To(HaveLostCleanly())
				})
		}
		for _, first := range []string{"we", "the peer"} {
			itEach(socketKinds, "leaves closing to the protocol when both sides have ended, of which was first: "+first,
				Rule("protocol.stream.truthy-eof-keeps-open"), func(kind trace.EndKind) {
					c := t.Connect(kind, In(eof).ReturningTrue())
					c.Transport.Write("all")
					if first == "we" {
						c.Transport.WriteEOF()
					}
					c.Raw.End()
					t.Expect(c.Protocol).To(HaveLived(made, eof))
					if first == "the peer" {
						c.Transport.WriteEOF()
					}
					t.Expect(c.Raw.RecvAll()).To(Return("all"))
					t.Expect(c.Transport.IsClosing()).To(ReturnBool(false))
					t.Expect(c.Protocol).To(HaveLived(made, eof))
					c.Transport.Close()
					t.Expect(c.Protocol).To(HaveLived(made, eof, lost))
					t.Expect(c.Protocol).To(HaveLostCleanly())
				})
		}
		itEach(readingKinds, "closes at the end of the stream by default",
			Rule("protocol.stream.default-eof-closes"), func(kind trace.EndKind) {
				c := t.Prepare(kind)
				c.Protocol = t.NewPlainProtocol()
				c.Open()
				c.Raw.End()
				t.Expect(c.Raw.FarOpen()).To(Become(ReturnBool(false)))
				t.Expect(c.Transport.IsClosing()).To(ReturnBool(true))
			})
		itEach(readingKinds, "closes at the end of the stream, when eof_received has nothing to return",
			Rule("protocol.stream.default-eof-closes"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Raw.End()
				t.Expect(c.Protocol).To(HaveLived(made, eof, lost))
				t.Expect(c.Protocol).To(HaveLostCleanly())
			})

		itEnds("calls back in the order of a connection's life",
			Rule("protocol.stream.order-of-callbacks"), func(e wayToEnd, c *Connection) {
				t.Expect(c.Protocol).To(HaveLost())
				if e.lived != nil {
					t.Expect(c.Protocol).To(HaveLived(e.lived...))
					return
				}
				lived := c.Protocol.Order(made, data, eof, lost)
				t.Expect(lived).To(Or(Equal([]trace.EventName{made, eof, lost}), Equal([]trace.EventName{made, lost})))
			}, t)
		for _, end := range []struct {
			name string
			call Action
		}{{"close", Close}, {"abort", Abort}, {"write_eof", WriteEOF}} {
			for _, callback := range []trace.EventName{made, data, eof} {
				itEach(socketKinds, "calls back in the order of a connection's life with "+end.name+" in "+string(callback),
					Rule("protocol.stream.order-of-callbacks"), func(kind trace.EndKind) {
						c := t.Prepare(kind, In(callback).Doing(end.call))
						c.Raw.Send("abc")
						c.Open()
						c.Raw.End()
						t.Expect(c.Protocol).To(HaveLost())
						lived := slices.Compact(c.Protocol.Order(made, data, eof, lost))
						whole := []trace.EventName{made, data, eof, lost}
						if end.name != "write_eof" {
							whole = append(slices.Clone(whole[:slices.Index(whole, callback)+1]), lost)
						}
						t.Expect(lived).To(Equal(whole))
						t.Expect(c.Protocol).To(HaveLostCleanly())
					})
			}
		}

		itEach(socketKinds, "is lost with the exception that data_received raises, which is reported",
			Rule("protocol.stream.failing-callback-is-fatal"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(data).Raising("boom"))
				c.Raw.Send("abc")
				t.Expect(c.Protocol).To(HaveLostWith(Exception("boom")))
				t.Expect(t.Reported("boom")).To(BeTrue(), "the exception was reported")
				c.Raw.Send("def")
				t.Expect(c.Protocol).To(HaveLived(made, data, lost))
				t.Expect(c.Protocol.Count(data)).To(Equal(1), "calls of data_received")
				t.Expect(c.Raw.FarOpen()).To(Become(ReturnBool(false)))
			})
		itEach(socketKinds, "is lost with the exception that eof_received raises, which is reported",
			Rule("protocol.stream.failing-callback-is-fatal"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(eof).Raising("boom"))
				c.Raw.Send("abc")
				c.Raw.End()
				t.Expect(c.Protocol).To(HaveLostWith(Exception("boom")))
				t.Expect(t.Reported("boom")).To(BeTrue(), "the exception was reported")
				t.Expect(c.Protocol).To(HaveLived(made, data, eof, lost))
				t.Expect(c.Raw.FarOpen()).To(Become(ReturnBool(false)))
			})
		itEach(socketKinds, "is lost with the exception though something is queued",
			Rule("protocol.stream.failing-callback-is-fatal"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(data).Raising("boom"))
				fill(c)
				c.Raw.Send("abc")
				t.Expect(c.Protocol).To(HaveLived(made, data, lost))
				t.Expect(c.Protocol).To(HaveLostWith(Exception("boom")))
			})
		itEach(readingKinds, "reports what data_received raises when it has closed the connection",
			Rule("protocol.stream.failing-callback-is-fatal"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(data).Doing(Close).Raising("boom"))
				c.Raw.Send("abc")
				t.Expect(c.Protocol).To(HaveLived(made, data, lost))
				t.Expect(t.Reported("boom")).To(BeTrue(), "the exception was reported")
			})
		itEach(socketKinds, "stays open, or not, when data_received raises",
			Rule("protocol.stream.failing-callback-in-3-6"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(data).Raising("boom"))
				c.Raw.Send("abc")
				t.Expect(t.Reported("boom")).To(BeTrue(), "the exception was reported")
				if *c.Transport.IsClosing().Returned().Bool {
					t.Saw("the connection is lost")
				} else {
					t.Saw("the connection stays open")
				}
			})
		It("closes at the end of the stream though eof_received returns true: read-pipe",
			Rule("protocol.stream.read-pipe-eof-closes"), func() {
				c := t.Connect(trace.ReadPipe, In(eof).ReturningTrue())
				c.Raw.Send("abc")
				c.Raw.End()
				t.Expect(c.Protocol).To(HaveLived(made, data, eof, lost))
				t.Expect(c.Protocol).To(HaveLostCleanly())
				t.Expect(c.Transport.IsClosing()).To(ReturnBool(true))
				t.Expect(c.Raw.FarOpen()).To(Become(ReturnBool(false)))
			})
	})
}
