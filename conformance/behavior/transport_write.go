package behavior

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// transportWrite is what transports have in common that send.
func transportWrite(t *Testee) {
	// partOf matches a call that returned the beginning of a text and not all of it, or was reset.
	partOf := func(text string) OmegaMatcher {
		return Or(FailWith(ConnectionReset), ReturnBytesThat("the beginning of what was written, and not all", func(got string) bool {
			return len(got) < len(text) && strings.HasPrefix(text, got)
		}))
	}

	Describe("transport.write", func() {
		itEach(writingKinds, "drops what is queued at abort",
			Rule("transport.write.abort-discards"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				text := Pattern(3 * much)
				c.Transport.Write(text)
				t.Expect(c.Transport.Abort()).To(ReturnNone())
				t.Expect(c.Raw.RecvAll()).To(partOf(text))
				t.Expect(c.Protocol).To(HaveLostCleanly())
				t.Expect(c.Raw.FarOpen()).To(Become(ReturnBool(false)))
			})
		itEach(writingKinds, "is aborted at once though the peer receives nothing",
			Rule("transport.write.abort-discards"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Transport.Write(Pattern(3 * much))
				c.Transport.Abort()
				t.Expect(c.Protocol).To(HaveLostCleanly())
				t.Expect(c.Raw.FarOpen()).To(Become(ReturnBool(false)))
			})
		itEach(writingKinds, "is aborted with nothing queued",
			Rule("transport.write.abort-discards"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Transport.Write("sent at once")
				c.Transport.Abort()
				t.Expect(c.Raw.RecvAll()).To(Or(Return("sent at once"), FailWith(ConnectionReset)))
				t.Expect(c.Protocol).To(HaveLostCleanly())
			})
		itEach(writingKinds, "drops what is queued at abort after close",
			Rule("transport.write.abort-discards", "transport.write.abort-after-close"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				text := Pattern(3 * much)
				c.Transport.Write(text)
				c.Transport.Close()
				c.Transport.Abort()
				t.Expect(c.Raw.RecvAll()).To(partOf(text))
				t.Expect(c.Protocol).To(HaveLived(made, lost))
				t.Expect(c.Protocol).To(HaveLostCleanly())
			})
		itEach(writingKinds, "is lost once when it is aborted and closed again and again",
			Rule("transport.write.abort-after-close"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Transport.Write(Pattern(3 * much))
				t.WithoutSettling(func() {
					for range 2 {
						t.Expect(c.Transport.Abort()).To(ReturnNone())
						t.Expect(c.Transport.Close()).To(ReturnNone())
					}
				})
				t.Expect(c.Protocol).To(HaveLostCleanly())
				t.Expect(c.Transport.Abort()).To(ReturnNone())
				t.Expect(c.Transport.Close()).To(ReturnNone())
				t.Expect(c.Protocol).To(HaveLived(made, lost))
			})
		itEach(writingKinds, "drops what is queued at abort after write_eof",
			Rule("transport.write.abort-discards"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				text := Pattern(3 * much)
				c.Transport.Write(text)
				c.Transport.WriteEOF()
				t.Expect(c.Transport.Abort()).To(ReturnNone())
				t.Expect(c.Raw.RecvAll()).To(partOf(text))
				t.Expect(c.Protocol).To(HaveLostCleanly())
			})
		itEach(writingKinds, "drops what is queued at abort from inside pause_writing",
			Rule("transport.write.abort-discards"), func(kind trace.EndKind) {
				c := narrow(t, kind, In(paused).Doing(Abort))
				text := Pattern(3 * much)
				c.Transport.Write(text)
				t.Expect(c.Raw.RecvAll()).To(partOf(text))
				t.Expect(c.Protocol).To(HaveLostCleanly())
			})

		itEach(socketKinds, "receives nothing after abort",
			Rule("transport.write.abort-stops-receiving"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Transport.PauseReading()
				c.Raw.Send("in the kernel")
				c.Transport.Abort()
				t.Expect(c.Protocol).To(HaveLived(made, lost))
			})
		itEach(socketKinds, "receives nothing after abort in the same breath",
			Rule("transport.write.abort-stops-receiving"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				t.WithoutSettling(func() {
					c.Transport.PauseReading()
					c.Raw.Send("in the kernel")
					c.Transport.ResumeReading()
					c.Transport.Abort()
				})
				t.Expect(c.Protocol).To(HaveLost())
				if t.SettlesExactly() {
					t.Expect(c.Protocol).To(HaveLived(made, lost))
				}
			})
		itEach(socketKinds, "receives nothing after abort from inside data_received",
			Rule("transport.write.abort-stops-receiving"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(data).Doing(PauseReading, ResumeReading, Abort))
				t.WithoutSettling(func() { c.Raw.Send("a") })
				t.Expect(c.Protocol).To(HaveReceived("a"))
				c.Raw.Send("b")
				t.Expect(c.Protocol).To(HaveLived(made, data, lost))
				t.Expect(c.Protocol).To(HaveReceived("a"))
			})

		itEach(writingKinds, "ends with connection_lost(none) after abort, once",
			Rule("transport.write.abort-ends-with-loss"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				t.Expect(c.Transport.Abort()).To(ReturnNone())
				t.Expect(c.Protocol).To(HaveLostCleanly())
				t.Settle()
				t.Expect(c.Protocol).To(HaveLived(made, lost))
			})
		itEach(writingKinds, "ends with connection_lost(none) after abort while writing is paused",
			Rule("transport.write.abort-ends-with-loss"), func(kind trace.EndKind) {
				c := narrow(t, kind)
				c.Transport.Write(Pattern(3 * much))
				t.Expect(c.Protocol).To(HaveFlow(paused))
				c.Transport.Abort()
				t.Expect(c.Protocol).To(HaveLostCleanly())
				t.Expect(c.Protocol).To(HaveLived(made, lost))
			})

		itEach(socketKinds, "supports write_eof",
			Rule("transport.write.eof-support-is-reported"), func(kind trace.EndKind) {
				t.Expect(t.Connect(kind).Transport.CanWriteEOF()).To(ReturnBool(true))
			})
		itEach(writingKinds, "fails to write the end as not supported only if it says so",
			Rule("transport.write.eof-support-is-reported", "transport.write.eof-may-be-unsupported"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				can := c.Transport.CanWriteEOF()
				t.Expect(can).To(Or(ReturnBool(true), ReturnBool(false)))
				if *can.Returned().Bool {
					t.Expect(c.Transport.WriteEOF()).To(ReturnNone())
					t.Expect(c.Raw.RecvAll()).To(Return(""))
				} else {
					t.Expect(c.Transport.WriteEOF()).To(FailWith(NotSupported))
				}
			})

		itEach(writingKinds, "has nothing queued when it is idle",
			Rule("transport.write.buffer-size"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				t.Expect(c.Transport.WriteBufferSize()).To(ReturnInt(0))
				c.Transport.Write("")
				t.Expect(c.Transport.WriteBufferSize()).To(ReturnInt(0))
				c.Transport.Write("sent at once")
				t.Expect(c.Transport.WriteBufferSize()).To(Become(ReturnInt(0)))
			})
		itEach(writingKinds, "has as much more queued as is written",
			Rule("transport.write.buffer-size"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				fill(c)
				for _, n := range []int{1, 0, 4095, 65537} {
					grows(t, c, n, func() { c.Transport.Write(Pattern(n)) })
					grows(t, c, n+3, func() { c.Transport.WriteLines(Pattern(n), "", "abc") })
				}
			})
		itEach(writingKinds, "has as much queued as the kernel has not taken",
			Rule("transport.write.buffer-size"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				text := Pattern(much)
				c.Transport.Write(text)
				queued := c.Transport.Queued()
				t.Expect(queued).To(And(BeNumerically(">", 0), BeNumerically("<=", much)), "bytes queued")
				t.Expect(c.Raw.Recv(much / 2)).To(Return(text[:much/2]))
				t.Expect(c.Transport.Queued()).To(BeNumerically("<=", queued), "bytes queued after the peer has received")
				c.Transport.Abort()
			})
		itEach(writingKinds, "has nothing queued when everything is sent",
			Rule("transport.write.buffer-size"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				for range 3 {
					text := Pattern(300_000)
					c.Transport.Write(text)
					c.Transport.WriteLines("", "a", "bc")
					t.Expect(c.Raw.Recv(len(text) + 3)).To(Return(text + "abc"))
					t.Expect(c.Transport.WriteBufferSize()).To(Become(ReturnInt(0)))
				}
			})
		itEach(writingKinds, "has queued after close what is not sent yet",
			Rule("transport.write.buffer-size"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				written := fill(c)
				before := c.Transport.Queued()
				c.Transport.Close()
				t.Expect(c.Transport.Queued()).To(And(BeNumerically(">", 0), BeNumerically("<=", before)), "bytes queued after close")
				t.Expect(c.Raw.RecvAll()).To(ReturnLength(written))
				t.Expect(c.Protocol).To(HaveLost())
				t.Expect(c.Transport.WriteBufferSize()).To(ReturnInt(0))
			})
		itEach(writingKinds, "has nothing queued after abort",
			Rule("transport.write.buffer-size"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				fill(c)
				c.Transport.Abort()
				t.Expect(c.Transport.WriteBufferSize()).To(ReturnInt(0))
				t.Expect(c.Protocol).To(HaveLost())
				t.Expect(c.Transport.WriteBufferSize()).To(ReturnInt(0))
			})
		itEach(writingKinds, "has nothing queued as soon as abort has come back",
			Rule("transport.write.buffer-size"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				fill(c)
				t.WithoutSettling(func() {
					c.Transport.Abort()
					t.Expect(c.Transport.WriteBufferSize()).To(ReturnInt(0))
				})
			})

		itEach(writingKinds, "tells the low mark and then the high one",
			Rule("transport.write.limits-low-then-high"), func(kind trace.EndKind) {
				tr := t.Connect(kind).Transport
				tr.SetMarks(25, 100)
				t.Expect(tr.WriteBufferLimits()).To(ReturnMarks(25, 100))
				tr.SetMarks(0, 1)
				t.Expect(tr.WriteBufferLimits()).To(ReturnMarks(0, 1))
				tr.SetMarks(0, 0)
				t.Expect(tr.WriteBufferLimits()).To(ReturnMarks(0, 0))
			})
		itEach(writingKinds, "sets both marks, or the one that is given",
			Rule("transport.write.set-limits"), func(kind trace.EndKind) {
				tr := t.Connect(kind).Transport
				t.Expect(tr.SetMarks(7, 100)).To(ReturnNone())
				t.Expect(tr.WriteBufferLimits()).To(ReturnMarks(7, 100))
				t.Expect(tr.SetHigh(1000)).To(ReturnNone())
				t.Expect(tr.WriteBufferLimits()).To(chosenBelow(1000))
				t.Expect(tr.SetWriteBufferLimits(nil, trace.Int(50))).To(ReturnNone())
				t.Expect(tr.WriteBufferLimits()).To(ReturnMarksThat("of which the low one is 50", func(low, high int) bool { return low == 50 && low <= high }))
				t.Expect(tr.SetWriteBufferLimits(nil, nil)).To(ReturnNone())
				t.Expect(tr.WriteBufferLimits()).To(inOrder())
			})
		itEach(writingKinds, "has the marks that were set, whatever else is done",
			Rule("transport.write.set-limits"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				t.Expect(c.Transport.SetMarks(7, 100)).To(ReturnNone())
				text := Pattern(much)
				c.Transport.Write(text)
				t.Expect(c.Transport.WriteBufferLimits()).To(ReturnMarks(7, 100))
				t.Expect(c.Raw.Recv(len(text))).To(Return(text))
				t.Expect(c.Transport.WriteBufferLimits()).To(ReturnMarks(7, 100))
				c.Transport.SetProtocol(t.NewProtocol(c.Transport))
				t.Expect(c.Transport.WriteBufferLimits()).To(ReturnMarks(7, 100))
			})
		itEach(writingKinds, "has the marks that are set while it is closing",
			Rule("transport.write.set-limits"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				fill(c)
				c.Transport.Close()
				t.Expect(c.Transport.SetMarks(7, 100)).To(ReturnNone())
				t.Expect(c.Transport.WriteBufferLimits()).To(ReturnMarks(7, 100))
				c.Transport.Abort()
				t.Expect(c.Protocol).To(HaveLostCleanly())
			})
		DescribeTable("refuses a low mark above the high one", Rule("transport.write.low-not-above-high"),
			func(low, high int, accepted bool) {
				for _, kind := range writingKinds {
					tr := t.Connect(kind).Transport
					if !accepted {
						t.Expect(tr.SetMarks(low, high)).To(FailWith(InvalidArgument))
						t.Expect(tr.WriteBufferLimits()).To(inOrder())
						continue
					}
					t.Expect(tr.SetMarks(low, high)).To(ReturnNone())
					t.Expect(tr.WriteBufferLimits()).To(ReturnMarks(low, high))
				}
			},
			Entry("101 and 100 are refused", 101, 100, false), Entry("100 and 100 are accepted", 100, 100, true), Entry("1 and 0 are refused", 1, 0, false),
			Entry("0 and 0 are accepted", 0, 0, true),
		)
		DescribeTable("refuses negative marks, and leaves the marks as they were", Rule("transport.write.no-negative-limits"),
			func(high, low *int) {
				for _, kind := range writingKinds {
					tr := t.Connect(kind).Transport
					tr.SetMarks(7, 100)
					t.Expect(tr.SetWriteBufferLimits(high, low)).To(FailWith(InvalidArgument))
					t.Expect(tr.WriteBufferLimits()).To(ReturnMarks(7, 100))
				}
			},
			Entry("a high mark of -1", trace.Int(-1), nil), Entry("a low mark of -1", nil, trace.Int(-1)), Entry("-1 and -1", trace.Int(-1), trace.Int(-1)),
			Entry("-1 below 100", trace.Int(100), trace.Int(-1)), Entry("-2 below -1", trace.Int(-1), trace.Int(-2)), Entry("a high mark of -4", trace.Int(-4), nil),
		)
		for _, high := range []int{0, 1, 3, 4, 100} {
			itEach(writingKinds, fmt.Sprintf("chooses a low mark for the high mark %d", high),
				Rule("transport.write.low-derived-from-high"), func(kind trace.EndKind) {
					tr := t.Connect(kind).Transport
					t.Expect(tr.SetHigh(high)).To(ReturnNone())
					t.Expect(tr.WriteBufferLimits()).To(chosenBelow(high))
				})
		}
		itEach(writingKinds, "has a low mark of zero with a high mark of zero",
			Rule("transport.write.zero-high-forces-zero-low"), func(kind trace.EndKind) {
				tr := t.Connect(kind).Transport
				tr.SetMarks(25, 100)
				t.Expect(tr.SetHigh(0)).To(ReturnNone())
				t.Expect(tr.WriteBufferLimits()).To(ReturnMarks(0, 0))
				t.Expect(tr.SetMarks(1, 0)).To(FailWith(InvalidArgument))
				t.Expect(tr.SetMarks(0, 0)).To(ReturnNone())
				t.Expect(tr.WriteBufferLimits()).To(ReturnMarks(0, 0))
			})

		itEach(writingKinds, "pauses writing whenever something is queued, with a high mark of zero",
			Rule("transport.write.zero-high-pauses-when-queued"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(paused).Doing(WriteBufferSize))
				c.Transport.SetHigh(0)
				var flow []trace.EventName
				for range 3 {
					text := Pattern(much)
					c.Transport.Write(text)
					flow = append(flow, paused)
					t.Expect(c.Protocol).To(HaveFlow(flow...))
					t.Expect(c.Raw.Recv(len(text))).To(Return(text))
					flow = append(flow, resumed)
					t.Expect(c.Protocol).To(HaveFlow(flow...))
				}
				t.Expect(c.Protocol.Numbers()).To(HaveEach(BeNumerically(">", 0)), "sizes of the queue seen by pause_writing")
			})
		itEach(writingKinds, "does not pause writing when all was sent at once, with a high mark of zero",
			Rule("transport.write.zero-high-pauses-when-queued"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Transport.SetHigh(0)
				c.Transport.Write("")
				c.Transport.Write("sent at once")
				c.Transport.WriteLines("this", "", "too")
				t.Expect(c.Transport.WriteBufferSize()).To(Become(ReturnInt(0)))
				t.Expect(c.Protocol).To(HaveFlow())
			})
		itEach(writingKinds, "resumes writing only when nothing is queued, with a low mark of zero",
			Rule("transport.write.zero-low-resumes-when-empty"), func(kind trace.EndKind) {
				for _, high := range []int{0, 1, 100_000} {
					c := t.Connect(kind, In(resumed).Doing(WriteBufferSize))
					c.Transport.SetMarks(0, high)
					text := Pattern(much)
					c.Transport.Write(text)
					t.Expect(c.Protocol).To(HaveFlow(paused))
					receiveInSteps(t, c, text, 10)
					t.Expect(c.Protocol).To(HaveFlow(paused, resumed))
					t.Expect(c.Protocol.Await(did, 1)).To(BeTrue(), "get_write_buffer_size came back")
					t.Expect(c.Protocol.Numbers()).To(Equal([]int{0}), "the size of the queue seen by resume_writing")
				}
			})
		itEach(writingKinds, "has marks of some size by default",
			Rule("transport.write.default-limits-open"), func(kind trace.EndKind) {
				marks := t.Connect(kind).Transport.WriteBufferLimits()
				t.Expect(marks).To(inOrder())
				t.Saw("the marks are " + marks.Returned().String())
			})

		above := []struct {
			name  string
			write func(*Transport, string)
		}{
			{"write", func(tr *Transport, text string) { tr.Write(text) }},
			{"writelines", func(tr *Transport, text string) {
				half := len(text) / 2
				tr.WriteLines(text[:half], text[half:], "")
			}},
			{"writelines of a generator", func(tr *Transport, text string) {
				tr.WriteLinesIn(trace.Generator, Chunks("", text)...)
			}},
		}
		for _, by := range above {
			itEach(writingKinds, "pauses writing above the high mark, not at it, by "+by.name,
				Rule("transport.write.pauses-strictly-above-high", "transport.write.pauses-only-above-high"), func(kind trace.EndKind) {
					c := t.Connect(kind, In(paused).Doing(WriteBufferSize))
					fill(c)
					for range 50 {
						high := c.Transport.Queued() + 10
						c.Transport.SetMarks(0, high)
						by.write(c.Transport, "to high-1")
						t.Expect(c.Protocol).To(HaveFlow())
						by.write(c.Transport, "=")
						t.Expect(c.Protocol).To(HaveFlow())
						by.write(c.Transport, "+")
						if c.Transport.Queued() == high+1 { // the kernel has not taken anything meanwhile
							t.Expect(c.Protocol).To(HaveFlow(paused))
							t.Expect(c.Protocol.Await(did, 1)).To(BeTrue(), "get_write_buffer_size came back")
							t.Expect(c.Protocol.Numbers()).To(Equal([]int{high + 1}), "the size of the queue seen by pause_writing")
							return
						}
						if c.Protocol.Count(paused) > 0 {
							return
						}
					}
				})
			itEach(writingKinds, "pauses writing above the high mark that it has by default, by "+by.name,
				Rule("transport.write.pauses-strictly-above-high"), func(kind trace.EndKind) {
					c := t.Connect(kind, In(paused).Doing(WriteBufferSize))
					marks := c.Transport.WriteBufferLimits()
					t.Expect(marks).To(inOrder())
					by.write(c.Transport, Pattern(much+*marks.Returned().List[1].Int))
					t.Expect(c.Protocol).To(HaveFlow(paused))
				})
		}
		itEach(writingKinds, "does not pause writing at the high mark in a write of nothing",
			Rule("transport.write.pauses-strictly-above-high"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				fill(c)
				c.Transport.SetHigh(c.Transport.Queued())
				t.Expect(c.Protocol).To(HaveFlow()) // setting the marks looks, and the queue is not above them
				c.Transport.Write("")
				c.Transport.WriteLines("", "")
				t.Expect(c.Protocol).To(HaveFlow())
			})

		itEach(socketKinds, "resumes writing at the low mark, not above it",
			Rule("transport.write.resumes-at-low"), func(kind trace.EndKind) {
				descend(t, kind)
			})
		itEach(writingKinds, "resumes writing when low and high mark are the same",
			Rule("transport.write.resumes-at-low"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(resumed).Doing(WriteBufferSize))
				text := Pattern(2 * much)
				c.Transport.SetHigh(2 * much) // so that nothing pauses before the marks are set
				c.Transport.Write(text[:much])
				mark := c.Transport.Queued()
				c.Transport.SetMarks(mark, mark)
				c.Transport.Write(text[much:])
				t.Expect(c.Protocol).To(HaveFlow(paused))
				t.Expect(c.Raw.Recv(len(text))).To(Return(text))
				t.Expect(c.Protocol).To(HaveFlow(paused, resumed))
				t.Expect(c.Protocol.Await(did, 1)).To(BeTrue(), "get_write_buffer_size came back")
				t.Expect(c.Protocol.Numbers()).To(HaveEach(BeNumerically("<=", mark)), "sizes of the queue seen by resume_writing")
			})
		for _, low := range []int{0, 100} {
			itEach(writingKinds, fmt.Sprintf("resumes writing when all was received at once, with a low mark of %d", low),
				Rule("transport.write.resumes-at-low"), func(kind trace.EndKind) {
					c := t.Connect(kind)
					c.Transport.SetMarks(low, 200)
					text := Pattern(much)
					c.Transport.Write(text)
					t.Expect(c.Protocol).To(HaveFlow(paused))
					t.Expect(c.Raw.Recv(len(text))).To(Return(text))
					t.Expect(c.Protocol).To(HaveFlow(paused, resumed))
				})
		}

		itEach(socketKinds, "resumes writing after write_eof too",
			Rule("transport.write.resumes-at-low"), func(kind trace.EndKind) {
				c := narrow(t, kind)
				text := Pattern(much)
				c.Transport.Write(text)
				t.Expect(c.Protocol).To(HaveFlow(paused))
				c.Transport.WriteEOF()
				t.Expect(c.Raw.RecvAll()).To(Return(text))
				t.Expect(c.Protocol).To(HaveFlow(paused, resumed))
			})

		itEach(writingKinds, "resumes writing after close too, while it sends what is queued",
			Rule("transport.write.resumes-at-low"), func(kind trace.EndKind) {
				c := narrow(t, kind)
				text := Pattern(much)
				c.Transport.Write(text)
				t.Expect(c.Protocol).To(HaveFlow(paused))
				c.Transport.Close()
				t.Expect(c.Raw.RecvAll()).To(Return(text))
				t.Expect(c.Protocol).To(HaveLostCleanly())
				t.Expect(c.Protocol).To(HaveFlow(paused, resumed))
			})

		itEach(writingKinds, "pauses and resumes in turn",
			Rule("transport.write.pause-and-resume-alternate"), func(kind trace.EndKind) {
				c := narrow(t, kind)
				var flow []trace.EventName
				for range 3 {
					text := Pattern(much)
					for _, piece := range []string{text[:much/2], text[much/2 : much-1], text[much-1:]} {
						c.Transport.Write(piece)
					}
					flow = append(flow, paused)
					t.Expect(c.Protocol).To(HaveFlow(flow...))
					t.Expect(c.Raw.Recv(len(text))).To(Return(text))
					flow = append(flow, resumed)
					t.Expect(c.Protocol).To(HaveFlow(flow...))
				}
			})
		itEach(writingKinds, "pauses again when resume_writing writes too much",
			Rule("transport.write.pause-and-resume-alternate"), func(kind trace.EndKind) {
				again := strings.Repeat("again", 100_000)
				c := narrow(t, kind, In(resumed).Number(1).Doing(Write(again)))
				text := Pattern(much)
				c.Transport.Write(text)
				t.Expect(c.Raw.Recv(len(text) + 1)).To(Return(text + "a"))
				t.Expect(c.Protocol).To(HaveFlow(paused, resumed, paused))
				t.Expect(c.Raw.Recv(len(again) - 1)).To(Return(again[1:]))
				t.Expect(c.Protocol).To(HaveFlow(paused, resumed, paused, resumed))
			})
		itEach(writingKinds, "pauses once when pause_writing itself writes",
			Rule("transport.write.pause-and-resume-alternate"), func(kind trace.EndKind) {
				c := narrow(t, kind, In(paused).Doing(Write("more"), WriteLines("and", "", "more")))
				text := Pattern(much)
				c.Transport.Write(text)
				t.Expect(c.Raw.Recv(len(text) + 11)).To(Return(text + "moreandmore"))
				t.Expect(c.Protocol).To(HaveFlow(paused, resumed))
			})
		itEach(writingKinds, "pauses once when the marks are set again and again",
			Rule("transport.write.pause-and-resume-alternate"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				fill(c)
				for high := 10; high > 0; high-- {
					c.Transport.SetHigh(high)
				}
				t.Expect(c.Protocol).To(HaveFlow(paused))
			})

		itEach(writingKinds, "does not wait in write", Rule("transport.write.never-blocks"), func(kind trace.EndKind) {
			c := t.Connect(kind)
			t.Expect(c.Transport.Write(Pattern(10 * much))).To(ReturnNone())
			t.Expect(c.Transport.Queued()).To(BeNumerically(">", 0), "bytes queued for a peer that receives nothing")
			t.Expect(c.Transport.Write("more")).To(ReturnNone())
			t.Expect(c.Transport.WriteLines("and", "more")).To(ReturnNone())
		})
		itEach(writingKinds, "does nothing in a write of nothing",
			Rule("transport.write.never-blocks"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				t.Expect(c.Transport.Write("")).To(ReturnNone())
				t.Expect(c.Transport.WriteBufferSize()).To(ReturnInt(0))
				c.Transport.Write("abc")
				c.Transport.Write("")
				t.Expect(c.Raw.Recv(3)).To(Return("abc"))
				fill(c)
				grows(t, c, 0, func() { c.Transport.Write("") })
				t.Expect(c.Protocol).To(HaveLived(made))
			})

		itEach(writingKinds, "writes the chunks of writelines like the same written one by one",
			Rule("transport.write.writelines-equals-writes"), func(kind trace.EndKind) {
				one, other := narrow(t, kind), narrow(t, kind)
				chunks := []string{"", "abc", Pattern(much / 2), "", "d", Pattern(much / 3), ""}
				for _, chunk := range chunks {
					one.Transport.Write(chunk)
				}
				other.Transport.WriteLines(chunks...)
				for _, c := range []*Connection{one, other} {
					t.Expect(c.Protocol).To(HaveFlow(paused))
				}
				text := strings.Join(chunks, "")
				for _, c := range []*Connection{one, other} {
					t.Expect(c.Raw.Recv(len(text))).To(Return(text))
					t.Expect(c.Protocol).To(HaveFlow(paused, resumed))
					t.Expect(c.Transport.WriteBufferSize()).To(Become(ReturnInt(0)))
				}
			})
		itEach(writingKinds, "pauses writing when writelines queues too much",
			Rule("transport.write.writelines-equals-writes"), func(kind trace.EndKind) {
				c := narrow(t, kind)
				chunk := strings.Repeat("0123456789", 50_000)
				c.Transport.WriteLines(chunk, chunk)
				t.Expect(c.Protocol).To(HaveFlow(paused))
				t.Expect(c.Raw.Recv(2 * len(chunk))).To(Return(chunk + chunk))
				t.Expect(c.Protocol).To(HaveFlow(paused, resumed))
			})
		itEach(writingKinds, "pauses writing when writelines adds too much to a queue",
			Rule("transport.write.writelines-equals-writes"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				written := fill(c)
				chunk := strings.Repeat("0123456789", 50_000)
				c.Transport.SetHigh(c.Transport.Queued() + 100)
				c.Transport.WriteLines(chunk, chunk, chunk, chunk)
				t.Expect(c.Protocol).To(HaveFlow(paused))
				t.Expect(c.Raw.Recv(written)).To(ReturnLength(written))
				t.Expect(c.Raw.Recv(4 * len(chunk))).To(Return(strings.Repeat(chunk, 4)))
				t.Expect(c.Protocol).To(HaveFlow(paused, resumed))
			})
		for _, container := range []trace.Container{trace.List, trace.Tuple, trace.Generator} {
			itEach(writingKinds, "writes the chunks of a "+string(container),
				Rule("transport.write.writelines-equals-writes"), func(kind trace.EndKind) {
					c := t.Connect(kind)
					c.Transport.WriteLinesIn(container, Chunks("abc", "", "de", "f", "")...)
					t.Expect(c.Raw.Recv(6)).To(Return("abcdef"))
					t.Expect(c.Transport.WriteBufferSize()).To(Become(ReturnInt(0)))
					written := fill(c)
					c.Transport.WriteLinesIn(container, Chunks("ghi", "", "jk", "l")...)
					t.Expect(c.Raw.Recv(written)).To(ReturnLength(written))
					t.Expect(c.Raw.Recv(6)).To(Return("ghijkl"))
					t.Expect(c.Transport.WriteBufferSize()).To(Become(ReturnInt(0)))
				})
		}
		itEach(writingKinds, "may be aborted, and writes nothing more, when it was closed with data queued and is lost",
			Rule("transport.write.abort-after-close", "writer.write.after-close-discarded"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				written := fill(c)
				c.Transport.Close()
				t.Expect(c.Raw.RecvAll()).To(ReturnLength(written))
				t.Expect(c.Protocol).To(HaveLostCleanly())
				t.Expect(c.Transport.Write("too late")).To(ReturnNone())
				t.Expect(c.Transport.Abort()).To(ReturnNone())
				t.Expect(c.Protocol).To(HaveLived(made, lost))
			})
		itEach(writingKinds, "drops what connection_lost itself writes, when what was queued at close has been sent",
			Rule("writer.write.after-close-discarded"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(lost).Doing(Write("too late")))
				written := fill(c)
				c.Transport.Close()
				t.Expect(c.Raw.RecvAll()).To(ReturnLength(written))
				t.Expect(c.Protocol).To(HaveLostCleanly())
			})
		itEach(writingKinds, "sends what is written inside resume_writing before it is closed there",
			Rule("transport.base.close-flushes"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(resumed).Number(1).Doing(Write("the last"), Close))
				c.Transport.SetHigh(0)
				text := Pattern(much)
				c.Transport.Write(text)
				t.Expect(c.Protocol).To(HaveFlow(paused))
				t.Expect(c.Raw.RecvAll()).To(Return(text + "the last"))
				t.Expect(c.Protocol).To(HaveLostCleanly())
			})
		itEach(writingKinds, "writes many chunks in one writelines",
			Rule("transport.write.writelines-equals-writes"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				chunks := make([]string, 3000) // more than one call of the system takes
				for i := range chunks {
					chunks[i] = strings.Repeat(string(rune('a'+i%26)), i%97)
				}
				c.Transport.WriteLines(chunks...)
				c.Transport.Close()
				t.Expect(c.Raw.RecvAll()).To(Return(strings.Join(chunks, "")))
				t.Expect(c.Protocol).To(HaveLostCleanly())
			})
		// alike expects writelines to fail if write does, and not otherwise.
		alike := func(tr *Transport) {
			written, lines := tr.Write("abc"), tr.WriteLines("abc", "")
			t.Expect(written).To(ComeBack())
			if e := written.Raised(); e != nil {
				t.Expect(lines.Raised()).NotTo(BeNil(), lines.String()+", and "+written.String())
			} else {
				t.Expect(lines).To(ReturnNone())
			}
		}
		itEach(writingKinds, "treats writelines like write when the connection is closed or lost",
			Rule("transport.write.writelines-equals-writes"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				t.WithoutSettling(func() {
					c.Transport.Abort()
					alike(c.Transport)
				})
				t.Expect(c.Protocol).To(HaveLost())
				alike(c.Transport)
				t.Expect(c.Protocol).To(HaveLived(made, lost))
			})
		itEach(writingKinds, "treats writelines like write when the connection is closed or lost after write_eof",
			Rule("transport.write.writelines-equals-writes"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				text := Pattern(much)
				c.Transport.Write(text)
				c.Transport.WriteEOF()
				alike(c.Transport)
				c.Transport.Close()
				alike(c.Transport)
				t.Expect(c.Raw.RecvAll()).To(Return(text))
				t.Expect(c.Protocol).To(HaveLostCleanly())
				alike(c.Transport)
			})

		itEach(socketKinds, "ends the stream to the peer when everything is sent, and still receives",
			Rule("transport.write.eof-after-flush"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				text := Pattern(much)
				c.Transport.Write(text)
				t.Expect(c.Transport.WriteEOF()).To(ReturnNone())
				c.Raw.Send("we receive,")
				t.Expect(c.Protocol).To(HaveReceived("we receive,"))
				t.Expect(c.Raw.RecvAll()).To(Return(text))
				c.Raw.Send(" still")
				t.Expect(c.Protocol).To(HaveReceived("we receive, still"))
				t.Expect(c.Protocol).To(HaveLived(made, data))
				t.Expect(c.Transport.IsClosing()).To(ReturnBool(false))
				c.Transport.Close()
				t.Expect(c.Protocol).To(HaveLostCleanly())
			})
		itEach(socketKinds, "ends the stream to the peer with nothing queued, and still receives",
			Rule("transport.write.eof-after-flush"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Transport.Write("all")
				t.Expect(c.Transport.WriteEOF()).To(ReturnNone())
				t.Expect(c.Raw.RecvAll()).To(Return("all"))
				c.Raw.Send("we receive")
				t.Expect(c.Protocol).To(HaveReceived("we receive"))
				t.Expect(c.Protocol).To(HaveLived(made, data))
			})
		itEach(socketKinds, "ends the stream to the peer while reading is paused",
			Rule("transport.write.eof-after-flush"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Transport.PauseReading()
				text := Pattern(much)
				c.Transport.Write(text)
				t.Expect(c.Transport.WriteEOF()).To(ReturnNone())
				t.Expect(c.Raw.RecvAll()).To(Return(text))
				c.Raw.Send("we receive")
				c.Transport.ResumeReading()
				t.Expect(c.Protocol).To(HaveReceived("we receive"))
				t.Expect(c.Protocol).To(HaveLived(made, data))
			})
		itEach(socketKinds, "ends the stream to the peer from inside a callback",
			Rule("transport.write.eof-after-flush"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(data).Number(1).Doing(Write("answer"), WriteEOF))
				c.Raw.Send("question")
				t.Expect(c.Raw.RecvAll()).To(Return("answer"))
				c.Raw.Send("another")
				t.Expect(c.Protocol).To(HaveReceived("questionanother"))
				t.Expect(c.Protocol).To(HaveLived(made, data))
			})
		itEach(socketKinds, "sends what is queued and ends when both sides end",
			Rule("transport.write.eof-after-flush"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(eof).ReturningTrue())
				text := Pattern(much)
				c.Transport.Write(text)
				c.Transport.WriteEOF()
				c.Raw.End()
				t.Expect(c.Raw.RecvAll()).To(Return(text))
				c.Transport.Close()
				t.Expect(c.Protocol).To(HaveLived(made, eof, lost))
				t.Expect(c.Protocol).To(HaveLostCleanly())
			})

		itEach(writingKinds, "sends much in the order in which it was written",
			Rule("transport.write.order-without-loss"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				text := Pattern(10 * much)
				if kind == trace.WritePipe {
					text = text[:2*much] // which takes little at a time, and some implementations move all the rest each time
				}
				rest := text
				next := func(n int) string {
					n = min(n, len(rest))
					piece := rest[:n]
					rest = rest[n:]
					return piece
				}
				for i := 0; rest != ""; i++ {
					c.Transport.Write(next(1 << (i % 19)))
					if chunks := []string{next(i), next(100_000 >> (i % 7)), "", next(3)}; chunks[3] != "" {
						c.Transport.WriteLines(chunks...)
					} else {
						c.Transport.Write(strings.Join(chunks, ""))
					}
				}
				t.Expect(c.Raw.Recv(len(text))).To(Return(text))
				t.Expect(c.Protocol).To(HaveLived(made))
			})
		itEach(writingKinds, "sends in order what is written while the peer receives",
			Rule("transport.write.order-without-loss"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				text := Pattern(3 * much)
				all := c.Raw.Recv(len(text))
				for rest := text; rest != ""; {
					n := min(70_001, len(rest))
					c.Transport.Write(rest[:n])
					rest = rest[n:]
				}
				t.Expect(all).To(Return(text))
			})
		for _, form := range []trace.Form{trace.ByteArray, trace.View} {
			itEach(writingKinds, "sends what is given as "+string(form),
				Rule("transport.write.order-without-loss"), func(kind trace.EndKind) {
					c := t.Connect(kind)
					text := Pattern(much)
					c.Transport.WriteAs("first", form)
					c.Transport.WriteAs(text, form)
					c.Transport.WriteAs("last", form)
					t.Expect(c.Raw.Recv(len(text) + 9)).To(Return("first" + text + "last"))
				})
		}
		itEach(writingKinds, "sends what resume_writing of another connection writes",
			Rule("transport.write.order-without-loss"), func(kind trace.EndKind) {
				other := t.Connect(kind)
				written := fill(other)
				c := narrow(t, kind, In(resumed).Doing(Write("hello").To(other.Transport), Write("to both")))
				text := Pattern(much)
				c.Transport.Write(text)
				t.Expect(c.Raw.Recv(len(text) + 7)).To(Return(text + "to both"))
				t.Expect(c.Protocol.Await(did, 2)).To(BeTrue(), "the writes of resume_writing came back")
				t.Expect(other.Raw.Recv(written)).To(ReturnLength(written))
				t.Expect(other.Raw.Recv(5)).To(Return("hello"))
			})
		itEach(writingKinds, "sends what resume_writing writes to an idle connection",
			Rule("transport.write.order-without-loss"), func(kind trace.EndKind) {
				other := t.Connect(kind)
				c := narrow(t, kind, In(resumed).Doing(Write("hello").To(other.Transport)))
				text := Pattern(much)
				c.Transport.Write(text)
				t.Expect(c.Raw.Recv(len(text))).To(Return(text))
				t.Expect(c.Protocol.Await(did, 1)).To(BeTrue(), "the write of resume_writing came back")
				t.Expect(other.Raw.Recv(5)).To(Return("hello"))
			})

		limits := []struct {
			name            string
			high, low       *int
			lowAfter, after int
		}{
			{"neither", nil, nil, 16384, 65536}, {"high 100", trace.Int(100), nil, 25, 100}, {"high 103", trace.Int(103), nil, 25, 103},
			{"high 3", trace.Int(3), nil, 0, 3}, {"high 0", trace.Int(0), nil, 0, 0}, {"low 100", nil, trace.Int(100), 100, 400},
			{"low 1", nil, trace.Int(1), 1, 4}, {"low 0", nil, trace.Int(0), 0, 0}, {"high 100 and low 0", trace.Int(100), trace.Int(0), 0, 100},
			{"high 100 and low 100", trace.Int(100), trace.Int(100), 100, 100},
		}
		for _, l := range limits {
			itEach(writingKinds, "has these marks after they were set to "+l.name,
				Rule("transport.write.limits-arithmetic"), func(kind trace.EndKind) {
					tr := t.Connect(kind).Transport
					tr.SetMarks(7, 9)
					t.Expect(tr.SetWriteBufferLimits(l.high, l.low)).To(ReturnNone())
					t.Expect(tr.WriteBufferLimits()).To(ReturnMarks(l.lowAfter, l.after))
				})
		}
		itEach(writingKinds, "has marks of 16384 and 65536 by default",
			Rule("transport.write.limits-arithmetic"), func(kind trace.EndKind) {
				t.Expect(t.Connect(kind).Transport.WriteBufferLimits()).To(ReturnMarks(16384, 65536))
			})
		itEach(writingKinds, "has the marks that it had when a call is refused",
			Rule("transport.write.limits-arithmetic"), func(kind trace.EndKind) {
				tr := t.Connect(kind).Transport
				tr.SetMarks(7, 9)
				for _, refused := range [][2]*int{{trace.Int(1), trace.Int(2)}, {trace.Int(-1), nil}, {nil, trace.Int(-1)}, {trace.Int(0), trace.Int(1)}} {
					t.Expect(tr.SetWriteBufferLimits(refused[0], refused[1])).To(FailWith(InvalidArgument))
					t.Expect(tr.WriteBufferLimits()).To(ReturnMarks(7, 9))
				}
			})

		itEach(writingKinds, "pauses writing at once when the high mark is set below the queue",
			Rule("transport.write.lower-limits-pause-at-once"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				fill(c)
				t.Expect(c.Protocol).To(HaveFlow())
				t.WithoutSettling(func() {
					c.Transport.SetHigh(much / 2)
					t.Expect(c.Protocol).To(HaveFlow(paused))
				})
			})
		itEach([]trace.EndKind{trace.Unix, trace.WritePipe}, "looks at the queue when the marks are set: one byte more than the high mark",
			Rule("transport.write.lower-limits-pause-at-once"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				fill(c)
				size := c.Transport.Queued()
				c.Transport.SetHigh(size)
				t.Expect(c.Protocol).To(HaveFlow())
				c.Transport.SetHigh(size - 1)
				t.Expect(c.Protocol).To(HaveFlow(paused))
			})
		itEach([]trace.EndKind{trace.Unix, trace.WritePipe}, "does not resume writing by itself when the marks are raised, but when it sends",
			Rule("transport.write.lower-limits-pause-at-once"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				written := fill(c)
				c.Transport.SetHigh(1000)
				t.Expect(c.Protocol).To(HaveFlow(paused))
				c.Transport.SetMarks(10*much, 20*much)
				t.Settle()
				t.Expect(c.Protocol).To(HaveFlow(paused))
				t.Expect(c.Raw.Recv(written)).To(ReturnLength(written))
				t.Expect(c.Protocol).To(HaveFlow(paused, resumed))
			})
		itEach([]trace.EndKind{trace.Unix, trace.WritePipe}, "does not resume writing when the marks are raised and more is queued",
			Rule("transport.write.lower-limits-pause-at-once"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				written := fill(c)
				c.Transport.SetHigh(1000)
				c.Transport.SetMarks(10*much, 20*much)
				c.Transport.Write("more")
				c.Transport.WriteLines("and", "more")
				t.Settle()
				t.Expect(c.Protocol).To(HaveFlow(paused))
				t.Expect(c.Raw.Recv(written + 11)).To(ReturnLength(written + 11))
				t.Expect(c.Protocol).To(HaveFlow(paused, resumed))
			})

		itEach(writingKinds, "resumes writing at some size up to the low mark",
			Rule("transport.write.resume-after-send-only"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(resumed).Doing(WriteBufferSize))
				const low = much / 4
				c.Transport.SetMarks(low, much/2)
				text := Pattern(much)
				c.Transport.Write(text)
				receiveInSteps(t, c, text, 50)
				t.Expect(c.Protocol).To(HaveFlow(paused, resumed))
				t.Expect(c.Protocol.Await(did, 1)).To(BeTrue(), "get_write_buffer_size came back")
				size := c.Protocol.Numbers()[0]
				t.Expect(size).To(BeNumerically("<=", low), "the size of the queue seen by resume_writing")
				switch {
				case size == 0:
					t.Saw("resumes when the queue is empty")
				case size == low:
					t.Saw("resumes at the low mark")
				default:
					t.Saw("resumes at a size below the low mark")
				}
			})
		It("resumes writing to a pipe, at the latest when the queue is empty",
			Rule("transport.write.pipe-resumes-when-empty"), func() {
				c := t.Connect(trace.WritePipe, In(resumed).Doing(WriteBufferSize))
				text := Pattern(300_000)
				c.Transport.SetMarks(200_000, 250_000)
				c.Transport.Write(text)
				t.Expect(c.Protocol).To(HaveFlow(paused))
				receiveInSteps(t, c, text, 20)
				t.Expect(c.Protocol).To(HaveFlow(paused, resumed))
				t.Expect(c.Protocol.Await(did, 1)).To(BeTrue(), "get_write_buffer_size came back")
				if c.Protocol.Numbers()[0] == 0 {
					t.Saw("resumes when the queue is empty")
				} else {
					t.Saw("resumes before the queue is empty")
				}
			})

		It("is closed by write_eof, when everything is sent: write-pipe",
			Rule("transport.write.pipe-eof-and-loss"), func() {
				c := t.Connect(trace.WritePipe)
				t.Expect(c.Transport.CanWriteEOF()).To(ReturnBool(true))
				text := Pattern(300_000)
				c.Transport.Write(text)
				t.Expect(c.Transport.WriteEOF()).To(ReturnNone())
				t.Expect(c.Raw.RecvAll()).To(Return(text))
				t.Expect(c.Protocol).To(HaveLostCleanly())
				t.Expect(c.Transport.IsClosing()).To(ReturnBool(true))
				t.Expect(c.Raw.FarOpen()).To(Become(ReturnBool(false)))
			})
		It("is closed by write_eof with nothing queued: write-pipe", Rule("transport.write.pipe-eof-and-loss"), func() {
			c := t.Connect(trace.WritePipe)
			t.Expect(c.Transport.WriteEOF()).To(ReturnNone())
			t.Expect(c.Protocol).To(HaveLostCleanly())
			t.Expect(c.Raw.RecvAll()).To(Return(""))
		})
		It("is lost cleanly when the peer closes it while it is idle: write-pipe",
			Rule("transport.write.pipe-eof-and-loss"), func() {
				c := t.Connect(trace.WritePipe)
				c.Transport.Write("abc")
				t.Expect(c.Raw.Recv(3)).To(Return("abc"))
				c.Raw.Close()
				t.Expect(c.Protocol).To(HaveLived(made, lost))
				t.Expect(c.Protocol).To(HaveLostCleanly())
			})
		It("is lost with a broken pipe when the peer closes it while data is queued: write-pipe",
			Rule("transport.write.pipe-eof-and-loss"), func() {
				c := t.Connect(trace.WritePipe)
				fill(c)
				c.Raw.Close()
				t.Expect(c.Protocol).To(HaveLived(made, lost))
				t.Expect(c.Protocol).To(HaveLostWith(BrokenPipe))
			})
	})
}

// inOrder matches a call that returned marks of which the low one is not above the high one.
func inOrder() OmegaMatcher {
	return ReturnMarksThat("in order and not negative", func(low, high int) bool { return 0 <= low && low <= high })
}

// chosenBelow matches a call that returned this high mark, and a low one of the implementation's choice.
func chosenBelow(high int) OmegaMatcher {
	return ReturnMarksThat(fmt.Sprintf("of which the high one is %d", high), func(l, h int) bool { return h == high && 0 <= l && l <= h })
}

// grows expects a write to add exactly n bytes to the queue. The kernel may take some in between, though the raw end receives
// nothing: then the write is done again.
func grows(t *Testee, c *Connection, n int, write func()) {
	const tries = 50
	before, after := 0, 0
	for range tries {
		before = c.Transport.Queued()
		write()
		after = c.Transport.Queued()
		if after == before+n {
			return
		}
		if after > before+n || t.SettlesExactly() {
			break
		}
		t.Settle()
	}
	t.Expect(after-before).To(Equal(n), "bytes by which the queue has grown")
}

// receiveInSteps has the raw end receive a text in so many steps.
func receiveInSteps(t *Testee, c *Connection, text string, steps int) {
	inSteps(t, c, text, steps, func() {})
}

// inSteps is receiveInSteps with something to do after each step.
func inSteps(t *Testee, c *Connection, text string, steps int, after func()) {
	for step := (len(text) + steps - 1) / steps; text != ""; after() {
		n := min(step, len(text))
		t.Expect(c.Raw.Recv(n)).To(Return(text[:n]))
		text = text[n:]
	}
}

// descend has a queue go down in steps below the low mark. First it finds at which sizes the queue stops; then the low mark
// is one of them, and then one byte less. The sizes need not be the same again, and what is expected holds at all of them.
func descend(t *Testee, kind trace.EndKind) {
	text := Pattern(much)
	if kind != trace.TCP {
		text = text[:200_000]
	}
	run := func(low int) (stops []int) {
		c := t.Connect(kind, In(resumed).Doing(WriteBufferSize))
		c.Transport.SetMarks(low, len(text)/2)
		c.Transport.Write(text)
		t.Expect(c.Protocol).To(HaveFlow(paused))
		inSteps(t, c, text, 60, func() {
			size := c.Transport.Queued()
			stops = append(stops, size)
			if size <= low {
				t.Expect(c.Protocol).To(HaveFlow(paused, resumed))
			}
		})
		t.Expect(c.Protocol).To(HaveFlow(paused, resumed))
		t.Expect(c.Protocol.Await(did, 1)).To(BeTrue(), "get_write_buffer_size came back")
		t.Expect(c.Protocol.Numbers()).To(HaveEach(BeNumerically("<=", low)), "sizes of the queue seen by resume_writing")
		return stops
	}
	for _, size := range run(len(text) / 4) {
		if size > 0 && size <= len(text)/4 {
			run(size)
			run(size - 1)
			return
		}
	}
}
