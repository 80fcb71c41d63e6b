package behavior

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// transportRead is what transports have in common that receive.
func transportRead(t *Testee) {
	Describe("transport.read", func() {
		itEach(readingKinds, "is reading unless it is paused", Rule("transport.read.is-reading"), func(kind trace.EndKind) {
			c := t.Connect(kind)
			t.Expect(c.Transport.IsReading()).To(ReturnBool(true))
			t.Expect(c.Transport.PauseReading()).To(ReturnNone())
			t.Expect(c.Transport.IsReading()).To(ReturnBool(false))
			t.Expect(c.Transport.ResumeReading()).To(ReturnNone())
			t.Expect(c.Transport.IsReading()).To(ReturnBool(true))
		})
		itEach(readingKinds, "is not reading from the pause on, at once",
			Rule("transport.read.is-reading"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				t.WithoutSettling(func() {
					c.Transport.PauseReading()
					t.Expect(c.Transport.IsReading()).To(ReturnBool(false))
					c.Transport.ResumeReading()
					t.Expect(c.Transport.IsReading()).To(ReturnBool(true))
				})
			})
		itEach(readingKinds, "is reading inside data_received, and not once it is paused there",
			Rule("transport.read.is-reading"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(data).Doing(IsReading, PauseReading, IsReading))
				c.Raw.Send("a")
				t.Expect(c.Protocol).To(HaveReceived("a"))
				t.Expect(c.Protocol.Await(did, 3)).To(BeTrue(), "the calls inside data_received came back")
				t.Expect(c.Protocol.Answers()).To(Equal([]string{"true", "none", "false"}))
			})

		itEach(readingKinds, "delivers nothing while it is paused",
			Rule("transport.read.paused-is-silent"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Transport.PauseReading()
				c.Raw.Send("ab")
				c.Raw.Send("cd")
				t.Settle()
				t.Expect(c.Protocol).To(HaveReceived(""))
				c.Transport.ResumeReading()
				t.Expect(c.Protocol).To(HaveReceived("abcd"))
			})
		itEach(readingKinds, "delivers nothing after it was paused from inside data_received",
			Rule("transport.read.paused-is-silent"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(data).Number(1).Doing(PauseReading))
				c.Raw.Send("a")
				t.Expect(c.Protocol.Await(did, 1)).To(BeTrue(), "pause_reading came back")
				c.Raw.Send("b")
				t.Settle()
				t.Expect(c.Protocol).To(HaveReceived("a"))
				c.Transport.ResumeReading()
				t.Expect(c.Protocol).To(HaveReceived("ab"))
			})
		itEach(readingKinds, "delivers no more of much that has come when it was paused from inside data_received",
			Rule("transport.read.paused-is-silent"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(data).Doing(PauseReading))
				c.Transport.PauseReading()
				text := sendWhatFits(c.Raw)
				c.Transport.ResumeReading()
				for i := 1; len(c.Protocol.Received()) < len(text); i++ {
					t.Expect(c.Protocol.Await(did, i)).To(BeTrue(), "data came after the resume")
					t.Settle()
					t.Expect(c.Protocol.Count(data)).To(Equal(i), "calls of data_received, each of which has paused")
					c.Transport.ResumeReading()
				}
				t.Expect(c.Protocol).To(HaveReceived(text))
			})
		itEach(socketKinds, "delivers nothing while it is paused and writes",
			Rule("transport.read.paused-is-silent"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Transport.PauseReading()
				c.Raw.Send("ab")
				text := Pattern(much)
				c.Transport.Write(text)
				t.Expect(c.Raw.Recv(len(text))).To(Return(text))
				t.Expect(c.Protocol).To(HaveReceived(""))
				c.Transport.ResumeReading()
				t.Expect(c.Protocol).To(HaveReceived("ab"))
			})

		itEach(readingKinds, "delivers in order, after the resume, what came while it was paused",
			Rule("transport.read.resume-delivers"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Raw.Send("1,")
				t.Expect(c.Protocol).To(HaveReceived("1,"))
				c.Transport.PauseReading()
				c.Raw.Send("2,")
				c.Raw.Send("3,")
				c.Transport.ResumeReading()
				c.Raw.Send("4")
				t.Expect(c.Protocol).To(HaveReceived("1,2,3,4"))
			})
		itEach(readingKinds, "delivers what comes after a pause in which nothing came",
			Rule("transport.read.resume-delivers"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				for range 3 {
					c.Transport.PauseReading()
					c.Transport.ResumeReading()
				}
				t.Expect(c.Protocol).To(HaveReceived(""))
				c.Raw.Send("ab")
				t.Expect(c.Protocol).To(HaveReceived("ab"))
			})
		itEach(readingKinds, "delivers what comes after it was paused and resumed inside data_received",
			Rule("transport.read.resume-delivers"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(data).Doing(PauseReading, ResumeReading))
				c.Raw.Send("a")
				t.Expect(c.Protocol).To(HaveReceived("a"))
				c.Raw.Send("b")
				t.Expect(c.Protocol).To(HaveReceived("ab"))
			})
		itEach(readingKinds, "delivers what came while it was paused in the same breath",
			Rule("transport.read.resume-delivers"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				t.WithoutSettling(func() {
					c.Transport.PauseReading()
					c.Raw.Send("ab")
					c.Transport.ResumeReading()
					c.Transport.PauseReading()
					c.Transport.ResumeReading()
				})
				t.Expect(c.Protocol).To(HaveReceived("ab"))
			})
		itEach(socketKinds, "delivers when it is resumed by another callback",
			Rule("transport.read.resume-delivers"), func(kind trace.EndKind) {
				c := narrow(t, kind, In(paused).Doing(ResumeReading))
				c.Transport.PauseReading()
				c.Raw.Send("ab")
				c.Transport.Write(Pattern(much))
				t.Expect(c.Protocol).To(HaveReceived("ab"))
			})

		itEach(readingKinds, "may be paused again", Rule("transport.read.pause-is-idempotent"), func(kind trace.EndKind) {
			c := t.Connect(kind)
			t.Expect(c.Transport.PauseReading()).To(ReturnNone())
			t.Expect(c.Transport.PauseReading()).To(ReturnNone())
			c.Raw.Send("ab")
			t.Expect(c.Protocol).To(HaveReceived(""))
			c.Transport.ResumeReading() // one is enough
			t.Expect(c.Protocol).To(HaveReceived("ab"))
		})
		itEach(readingKinds, "may be paused when it is closed",
			Rule("transport.read.pause-is-idempotent"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				t.WithoutSettling(func() {
					c.Transport.Close()
					t.Expect(c.Transport.PauseReading()).To(ReturnNone())
				})
				t.Expect(c.Protocol).To(HaveLostCleanly())
				t.Expect(c.Transport.PauseReading()).To(ReturnNone())
			})
		itEach(readingKinds, "may be resumed without a pause",
			Rule("transport.read.resume-is-idempotent"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				t.Expect(c.Transport.ResumeReading()).To(ReturnNone())
				t.Expect(c.Transport.ResumeReading()).To(ReturnNone())
				c.Raw.Send("ab")
				t.Expect(c.Protocol).To(HaveReceived("ab"))
				c.Transport.PauseReading()
				c.Raw.Send("cd")
				t.Expect(c.Protocol).To(HaveReceived("ab")) // resuming is not counted
				t.Expect(c.Transport.ResumeReading()).To(ReturnNone())
				t.Expect(c.Transport.ResumeReading()).To(ReturnNone())
				t.Expect(c.Protocol).To(HaveReceived("abcd"))
			})
		itEach(readingKinds, "may be resumed when it is closed",
			Rule("transport.read.resume-is-idempotent"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Transport.PauseReading()
				c.Raw.Send("ab")
				c.Transport.Close()
				t.Expect(c.Transport.ResumeReading()).To(ReturnNone())
				t.Expect(c.Protocol).To(HaveLived(made, lost))
				t.Expect(c.Transport.ResumeReading()).To(ReturnNone())
				t.Expect(c.Protocol).To(HaveLived(made, lost))
			})
		itEach(readingKinds, "loses nothing of whatever the kernel takes while it is paused",
			Rule("transport.read.paused-back-pressure-open"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Transport.PauseReading()
				text := sendWhatFits(c.Raw)
				t.Expect(c.Protocol).To(HaveReceived(""))
				c.Transport.ResumeReading()
				t.Expect(c.Protocol).To(HaveReceived(text))
				t.Saw("paused, it leaves the rest to the kernel")
				if len(text) > much {
					t.Saw("paused, it goes on to receive")
				}
			})

		itEach(readingKinds, "heeds a pause in connection_made",
			Rule("transport.read.pause-in-connection-made"), func(kind trace.EndKind) {
				c := t.Prepare(kind, In(made).Doing(PauseReading))
				c.Raw.Send("early")
				c.Open()
				c.Raw.Send(", and later")
				t.Settle()
				t.Expect(c.Protocol).To(HaveReceived(""))
				c.Transport.ResumeReading()
				t.Expect(c.Protocol).To(HaveReceived("early, and later"))
			})
		itEach(readingKinds, "is not reading after a pause in connection_made",
			Rule("transport.read.pause-in-connection-made"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(made).Doing(PauseReading))
				t.Expect(c.Transport.IsReading()).To(ReturnBool(false))
			})
		itEach(readingKinds, "does not report the end of the stream while it is paused",
			Rule("transport.read.eof-waits-for-resume"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Transport.PauseReading()
				c.Raw.Send("ab")
				c.Raw.End()
				t.Settle()
				t.Expect(c.Protocol).To(HaveLived(made))
				c.Transport.ResumeReading()
				t.Expect(c.Protocol).To(HaveReceived("ab"))
				t.Expect(c.Protocol).To(HaveLived(made, data, eof, lost))
			})
		itEach(readingKinds, "does not report the end of the stream, of which nothing came before, while it is paused",
			Rule("transport.read.eof-waits-for-resume"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Transport.PauseReading()
				c.Raw.End()
				t.Settle()
				t.Expect(c.Protocol).To(HaveLived(made))
				c.Transport.ResumeReading()
				t.Expect(c.Protocol).To(HaveLived(made, eof, lost))
			})
		itEach(readingKinds, "does not report the end of the stream after data in which it was paused",
			Rule("transport.read.eof-waits-for-resume"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(data).Doing(PauseReading))
				c.Raw.Send("ab")
				t.Expect(c.Protocol.Await(did, 1)).To(BeTrue(), "pause_reading came back")
				c.Raw.End()
				t.Settle()
				t.Expect(c.Protocol).To(HaveLived(made, data))
				c.Transport.ResumeReading()
				t.Expect(c.Protocol).To(HaveLived(made, data, eof, lost))
			})

		itEach(readingKinds, "does not report the end of the stream that came with data in which it was paused",
			Rule("transport.read.eof-waits-for-resume"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(data).Doing(PauseReading))
				c.Transport.PauseReading()
				c.Raw.Send("ab")
				c.Raw.End()
				c.Transport.ResumeReading()
				t.Expect(c.Protocol.Await(did, 1)).To(BeTrue(), "pause_reading came back")
				t.Settle()
				t.Expect(c.Protocol).To(HaveLived(made, data))
				c.Transport.ResumeReading()
				t.Expect(c.Protocol).To(HaveLived(made, data, eof, lost))
				t.Expect(c.Protocol).To(HaveReceived("ab"))
			})

		itEach(readingKinds, "does nothing when it is paused or resumed after close",
			Rule("transport.read.no-op-after-close"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				again := func() {
					for range 2 {
						t.Expect(c.Transport.PauseReading()).To(ReturnNone())
						t.Expect(c.Transport.ResumeReading()).To(ReturnNone())
					}
				}
				t.WithoutSettling(func() {
					c.Transport.Close()
					again()
				})
				t.Expect(c.Protocol).To(HaveLostCleanly())
				again()
				t.Expect(c.Protocol).To(HaveLived(made, lost))
			})
		itEach(readingKinds, "does nothing when it is paused or resumed after the peer's end has closed it",
			Rule("transport.read.no-op-after-close"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Raw.End()
				t.Expect(c.Protocol).To(HaveLived(made, eof, lost))
				t.Expect(c.Transport.PauseReading()).To(ReturnNone())
				t.Expect(c.Transport.ResumeReading()).To(ReturnNone())
				t.Expect(c.Protocol).To(HaveLived(made, eof, lost))
			})
		itEach(readingKinds, "is not reading after close",
			Rule("transport.read.no-op-after-close", "transport.read.is-reading"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				if asked := c.Transport.Has("is_reading").Returned(); asked == nil || asked.Bool == nil || !*asked.Bool {
					return // it came with 3.7, and the rule holds before
				}
				other := t.Connect(kind)
				other.Transport.PauseReading()
				t.WithoutSettling(func() {
					for _, tr := range []*Transport{c.Transport, other.Transport} {
						tr.Close()
						t.Expect(tr.IsReading()).To(ReturnBool(false))
						tr.ResumeReading()
						t.Expect(tr.IsReading()).To(ReturnBool(false))
					}
				})
				t.Expect(c.Protocol).To(HaveLostCleanly())
				t.Expect(c.Transport.IsReading()).To(ReturnBool(false))
			})
	})
}

// sendWhatFits sends until the kernel takes no more, or until much more was sent than it can hold, and returns all of it.
func sendWhatFits(raw *Raw) string {
	var sent strings.Builder
	for text := Pattern(2 * much); text != ""; {
		n := raw.Send(text[:min(len(text), 1000)])
		if n == 0 {
			break
		}
		sent.WriteString(text[:n])
		text = text[n:]
	}
	return sent.String()
}
