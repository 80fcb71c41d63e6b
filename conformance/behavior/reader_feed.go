package behavior

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// readerFeed is what goes into a reader: data, the end of the stream, exceptions, and the transport it throttles.
func readerFeed(t *Testee) {
	Describe("reader.feed", func() {
		var r *Reader
		BeforeEach(func() { r = t.NewReader() })

		It("is at the end only when everything was read and the end was fed", Rule("reader.feed.at-eof-needs-empty-and-eof"), func() {
			t.Expect(r.AtEOF()).To(ReturnBool(false))
			r.FeedData("ab")
			t.Expect(r.AtEOF()).To(ReturnBool(false))
			r.FeedEOF()
			t.Expect(r.AtEOF()).To(ReturnBool(false))
			t.Expect(r.Read(1)).To(Return("a"))
			t.Expect(r.AtEOF()).To(ReturnBool(false))
			t.Expect(r.Read(1)).To(Return("b"))
			t.Expect(r.AtEOF()).To(ReturnBool(true))
		})
		It("is not at the end when everything was read and more may come", Rule("reader.feed.at-eof-needs-empty-and-eof"), func() {
			r.FeedData("a")
			t.Expect(r.Read(1)).To(Return("a"))
			t.Expect(r.AtEOF()).To(ReturnBool(false))
		})
		It("is at the end when nothing came but the end", Rule("reader.feed.at-eof-needs-empty-and-eof"), func() {
			r.FeedEOF()
			t.Expect(r.AtEOF()).To(ReturnBool(true))
		})

		It("ends the stream for a waiting call", Rule("reader.feed.eof-marks-end"), func() {
			line := r.ReadLine()
			t.Expect(line).To(BePending())
			r.FeedEOF()
			t.Expect(line).To(Return(""))
		})
		It("ends the stream after what is buffered", Rule("reader.feed.eof-marks-end"), func() {
			r.FeedData("abc")
			r.FeedEOF()
			t.Expect(r.ReadAll()).To(Return("abc"))
			t.Expect(r.ReadAll()).To(Return(""))
		})

		It("appends data to the buffer", Rule("reader.feed.data-is-appended"), func() {
			r.FeedData("abc", "", "de")
			t.Expect(r.Read(100)).To(Return("abcde"))
			r.FeedData("f")
			t.Expect(r.Read(100)).To(Return("f"))
		})
		It("takes a large chunk", Rule("reader.feed.data-is-appended"), func() {
			large := strings.Repeat("0123456789abcdef", 1<<14)
			r.FeedData(large)
			t.Expect(r.ReadExactly(len(large))).To(Return(large))
		})
		DescribeTable("takes data in any form and keeps a copy", Rule("reader.feed.data-is-appended"),
			func(form trace.Form) {
				r.FeedDataAs("abcdefgh", form)
				t.Expect(r.ReadExactly(8)).To(Return("abcdefgh"))
			},
			Entry("a mutable buffer", trace.ByteArray), Entry("a view", trace.View), Entry("a mutable buffer that is overwritten afterwards", trace.Mutated),
		)

		wakes := []struct {
			name                  string
			call                  func(*Reader) *Call
			notEnough, rest, want string
		}{
			{"read", func(r *Reader) *Call { return r.Read(10) }, "", "a", "a"},
			{"readline", (*Reader).ReadLine, "ab", "c\n", "abc\n"},
			{"readexactly", func(r *Reader) *Call { return r.ReadExactly(4) }, "ab", "cd", "abcd"},
			{"readuntil", func(r *Reader) *Call { return r.ReadUntil("SEP") }, "abS", "EP", "abSEP"},
		}
		for _, w := range wakes {
			It("wakes a call that waits for data: "+w.name, Rule("reader.feed.data-wakes-reader"), func() {
				waiting := w.call(r)
				t.Expect(waiting).To(BePending())
				r.FeedData(w.notEnough)
				t.Expect(waiting).To(BePending())
				r.FeedData(w.rest)
				t.Expect(waiting).To(Return(w.want))
			})
		}

		It("has no exception at first", Rule("reader.feed.exception-reports-stored"), func() {
			t.Expect(r.Exception()).To(ReturnNone())
		})
		It("reports the exception that was stored", Rule("reader.feed.exception-reports-stored"), func() {
			r.SetException("boom")
			t.Expect(r.Exception()).To(ReturnException("boom"))
			t.Expect(r.Exception()).To(ReturnException("boom"))
			r.SetException("another")
			t.Expect(r.Exception()).To(ReturnException("another"))
			r.ClearException()
			t.Expect(r.Exception()).To(ReturnNone())
		})
		It("stores an exception for the reads that follow", Rule("reader.feed.set-exception-stores"), func() {
			t.Expect(r.SetException("boom")).To(ReturnNone())
			t.Expect(r.Read(1)).To(FailWith(Exception("boom")))
			t.Expect(r.ReadLine()).To(FailWith(Exception("boom")))
		})
		It("stores an exception with data buffered", Rule("reader.feed.set-exception-stores"), func() {
			r.FeedData("abc")
			r.SetException("boom")
			t.Expect(r.ReadExactly(1)).To(FailWith(Exception("boom")))
		})
		It("attaches a transport, which the reader then pauses", Rule("reader.feed.set-transport-attaches"), func() {
			r := t.NewReaderLimit(4)
			flow := t.NewMock()
			t.Expect(r.SetTransport(flow)).To(ReturnNone())
			t.Expect(flow).To(HaveBeenLeftAlone())
			r.FeedData("abcdefghi")
			t.Expect(flow).To(HaveBeenPaused())
		})

		DescribeTable("has a limit of 65536 bytes by default", Rule("reader.feed.default-limit"),
			func(n int, fits bool) {
				text := strings.Repeat("a", n) + ";"
				r.FeedData(text)
				if fits {
					t.Expect(r.ReadUntil(";")).To(Return(text))
				} else {
					t.Expect(r.ReadUntil(";")).To(FailWith(LimitOverrun))
				}
			},
			Entry("65535 bytes fit", 65535, true), Entry("65536 bytes fit", 65536, true), Entry("65537 bytes do not", 65537, false),
		)

		DescribeTable("has the limit that it was made with", Rule("reader.feed.opener-sets-limit"),
			func(limit int) {
				r := t.NewReaderLimit(limit)
				fits := strings.Repeat("a", limit) + ";"
				r.FeedData(fits)
				t.Expect(r.ReadUntil(";")).To(Return(fits))
				r.FeedData("a" + fits)
				t.Expect(r.ReadUntil(";")).To(FailWith(LimitOverrun))
			},
			Entry("of one byte", 1), Entry("of four", 4), Entry("above the default", 100000),
		)

		It("does not take a stored exception for the end", Rule("reader.feed.at-eof-ignores-exception"), func() {
			r.SetException("boom")
			t.Expect(r.AtEOF()).To(ReturnBool(false))
			r.FeedEOF()
			t.Expect(r.AtEOF()).To(ReturnBool(true))
		})

		DescribeTable("holds no more than twice the limit and one chunk while the source heeds the pause", Rule("reader.feed.memory-is-bounded"),
			func(limit, chunk int) {
				r := t.NewReaderLimit(limit)
				flow := r.Flow()
				buffered := 0
				for len(flow.Calls()) == 0 {
					t.Expect(buffered).To(BeNumerically("<=", 2*limit), "bytes buffered while the transport is not paused")
					r.FeedData(strings.Repeat("a", chunk))
					buffered += chunk
				}
			},
			Entry("small chunks", 100, 7), Entry("chunks of one byte", 10, 1), Entry("chunks larger than the limit", 10, 64),
		)

		It("refuses data after the end of the stream", Rule("reader.feed.data-after-eof-refused"), func() {
			r.FeedData("abc")
			r.FeedEOF()
			t.Expect(r.FeedData("d")).To(FailWith(InvalidState))
			t.Expect(r.ReadAll()).To(Return("abc"))
		})
		It("refuses even no data after the end of the stream", Rule("reader.feed.data-after-eof-refused"), func() {
			r.FeedEOF()
			t.Expect(r.FeedData("")).To(FailWith(InvalidState))
		})
		It("does nothing with an empty chunk", Rule("reader.feed.empty-data-wakes-nobody"), func() {
			waiting := r.Read(5)
			r.FeedData("")
			t.Expect(waiting).To(BePending())
			r.FeedData("a")
			t.Expect(waiting).To(Return("a"))
		})
		It("takes the end of the stream twice", Rule("reader.feed.eof-is-idempotent"), func() {
			r.FeedData("a")
			t.Expect(r.FeedEOF()).To(ReturnNone())
			t.Expect(r.FeedEOF()).To(ReturnNone())
			t.Expect(r.ReadAll()).To(Return("a"))
			t.Expect(r.FeedEOF()).To(ReturnNone())
			t.Expect(r.AtEOF()).To(ReturnBool(true))
		})
		DescribeTable("needs a limit above zero", Rule("reader.feed.limit-must-be-positive"),
			func(limit int, made bool) {
				r := t.NewReaderLimit(limit)
				if made {
					t.Expect(r.Made).To(ReturnNone())
				} else {
					t.Expect(r.Made).To(FailWith(InvalidArgument))
				}
			},
			Entry("0 is refused", 0, false), Entry("-1 is refused", -1, false), Entry("1 is accepted", 1, true),
		)
		It("takes a transport once only", Rule("reader.feed.set-transport-once"), func() {
			r := t.NewReaderLimit(4)
			first, second := r.Flow(), t.NewMock()
			t.Expect(r.SetTransport(second)).To(FailWith(InvalidState))
			r.FeedData("abcdefghi")
			t.Expect(first).To(HaveBeenPaused())
			t.Expect(second).To(HaveBeenLeftAlone())
		})

		DescribeTable("pauses the transport above twice the limit", Rule("reader.feed.pauses-above-twice-limit"),
			func(limit, n int, pauses bool) {
				r := t.NewReaderLimit(limit)
				flow := r.Flow()
				r.FeedData(strings.Repeat("a", n))
				if pauses {
					t.Expect(flow).To(HaveBeenPaused())
				} else {
					t.Expect(flow).To(HaveBeenLeftAlone())
				}
			},
			Entry("limit 4, one less than twice as many", 4, 7, false), Entry("limit 4, twice as many", 4, 8, false), Entry("limit 4, one more", 4, 9, true),
			Entry("limit 1, twice as many", 1, 2, false), Entry("limit 1, one more", 1, 3, true), Entry("limit 1000, twice as many", 1000, 2000, false), Entry("limit 1000, one more", 1000, 2001, true),
			Entry("a limit of which 32 bits do not hold the double", 1<<30, 1000, false), Entry("a limit of which 64 bits do not hold the double", 1<<62, 1000, false),
		)
		It("pauses the transport once, when small chunks have come to more than twice the limit", Rule("reader.feed.pauses-above-twice-limit"), func() {
			r := t.NewReaderLimit(4)
			flow := r.Flow()
			r.FeedData(strings.Split("abcdefgh", "")...)
			t.Expect(flow).To(HaveBeenLeftAlone())
			r.FeedData("i")
			t.Expect(flow).To(HaveBeenPaused())
			r.FeedData("j", "klmnopqrst")
			t.Expect(flow).To(HaveBeenLeftAlone())
		})
		It("knows that the transport is paused though an exception was stored meanwhile", Rule("reader.feed.pauses-above-twice-limit", "reader.feed.resumes-at-limit"), func() {
			r := t.NewReaderLimit(4)
			flow := r.Flow()
			r.FeedData("abcdefghi")
			t.Expect(flow).To(HaveBeenPaused())
			r.SetException("boom")
			r.FeedData("j")
			t.Expect(flow).To(HaveBeenLeftAlone())
			r.ClearException()
			t.Expect(r.ReadExactly(10)).To(Return("abcdefghij"))
			t.Expect(flow).To(HaveBeenResumed())
		})
		It("pauses the transport again after it has resumed it", Rule("reader.feed.pauses-above-twice-limit"), func() {
			r := t.NewReaderLimit(4)
			flow := r.Flow()
			r.FeedData("abcdefghi")
			t.Expect(r.ReadExactly(9)).To(Return("abcdefghi"))
			t.Expect(flow).To(HaveBeenPausedAndResumed())
			r.FeedData("abcdefghi")
			t.Expect(flow).To(HaveBeenPaused())
		})

		resumes := []struct {
			name string
			call func(*Reader) *Call
			fed  string // 9 bytes; the call leaves 5, one more than the limit
		}{
			{"read", func(r *Reader) *Call { return r.Read(4) }, "abcdefghi"},
			{"readexactly", func(r *Reader) *Call { return r.ReadExactly(4) }, "abcdefghi"},
			{"readline", (*Reader).ReadLine, "abc\nefghi"},
			{"readuntil", func(r *Reader) *Call { return r.ReadUntil("cd") }, "abcdefghi"},
			{"iteration", func(r *Reader) *Call { return r.IterateItems(1) }, "abc\nefghi"},
		}
		for _, c := range resumes {
			It("resumes the transport when as many bytes as the limit are left: "+c.name, Rule("reader.feed.resumes-at-limit"), func() {
				r := t.NewReaderLimit(4)
				flow := r.Flow()
				r.FeedData(c.fed)
				t.Expect(flow).To(HaveBeenPaused())
				t.Expect(c.call(r).Returned()).NotTo(BeNil(), "%s did not return", c.name)
				t.Expect(flow).To(HaveBeenLeftAlone(), "5 bytes are left, and the limit is 4")
				t.Expect(r.Read(1)).To(Return("e"))
				t.Expect(flow).To(HaveBeenResumed())
			})
			It("resumes the transport when "+c.name+" leaves as many bytes as the limit", Rule("reader.feed.resumes-at-limit"), func() {
				r := t.NewReaderLimit(5)
				flow := r.Flow()
				r.FeedData(c.fed + "xy")
				t.Expect(flow).To(HaveBeenPaused())
				t.Expect(r.Read(2)).To(Return(c.fed[:2]))
				t.Expect(flow).To(HaveBeenLeftAlone(), "9 bytes are left, and the limit is 5")
				if c.name == "read" || c.name == "readexactly" {
					t.Expect(c.call(r).Returned()).NotTo(BeNil(), "%s did not return", c.name)
				} else {
					t.Expect(c.call(r).Returned()).NotTo(BeNil(), "%s did not return", c.name)
					t.Expect(r.Read(2)).To(Return("ef"))
				}
				t.Expect(flow).To(HaveBeenResumed())
			})
		}
		It("resumes the transport after a read to the end", Rule("reader.feed.resumes-at-limit"), func() {
			r := t.NewReaderLimit(4)
			flow := r.Flow()
			r.FeedData("abcdefghi")
			t.Expect(flow).To(HaveBeenPaused())
			all := r.ReadAll()
			t.Expect(all).To(BePending())
			t.Expect(flow).To(HaveBeenResumed())
		})
		It("resumes the transport before it waits, so that the data can come", Rule("reader.feed.waiting-read-resumes"), func() {
			r := t.NewReaderLimit(4)
			flow := r.Flow()
			r.FeedData("abcdefghi")
			t.Expect(flow).To(HaveBeenPaused())
			call := r.ReadExactly(20)
			t.Expect(call).To(BePending())
			t.Expect(flow).To(HaveBeenResumed())
			r.FeedData("jklmnopqrs")
			t.Expect(call).To(BePending())
			t.Expect(flow).To(HaveBeenPausedForAMomentAtMost())
			r.FeedData("t")
			t.Expect(call).To(Return("abcdefghijklmnopqrst"))
		})
		It("forgets a transport that cannot pause", Rule("reader.feed.refused-pause-forgets-transport"), func() {
			r := t.NewReaderLimit(4)
			flow := t.NewMockThatCannotPause()
			r.SetTransport(flow)
			t.Expect(r.FeedData("abcdefghi")).To(ReturnNone())
			t.Expect(flow).To(HaveBeenPaused())
			t.Expect(r.FeedData("abcdefghi")).To(ReturnNone())
			t.Expect(r.ReadExactly(18)).To(Return("abcdefghiabcdefghi"))
			t.Expect(r.ReadLine()).To(BePending())
			t.Expect(flow).To(HaveBeenLeftAlone())
		})
		It("takes any amount of data without a transport", Rule("reader.feed.no-transport-no-pause"), func() {
			r := t.NewReaderLimit(4)
			t.Expect(r.FeedData(strings.Repeat("a", 100))).To(ReturnNone())
			t.Expect(r.ReadExactly(100)).To(Return(strings.Repeat("a", 100)))
			t.Expect(r.ReadExactly(1)).To(BePending())
		})

		waiters := []struct {
			name string
			call func(*Reader) *Call
		}{
			{"read", func(r *Reader) *Call { return r.Read(5) }}, {"read to the end", (*Reader).ReadAll}, {"readline", (*Reader).ReadLine},
			{"readexactly", func(r *Reader) *Call { return r.ReadExactly(5) }}, {"readuntil", func(r *Reader) *Call { return r.ReadUntil("SEP") }},
			{"iteration", (*Reader).Iterate},
		}
		for _, w := range waiters {
			It("wakes a waiting call with the exception, and keeps it: "+w.name, Rule("reader.feed.set-exception-wakes-reader"), func() {
				waiting := w.call(r)
				t.Expect(waiting).To(BePending())
				r.SetException("boom")
				t.Expect(waiting).To(FailWith(Exception("boom")))
				t.Expect(r.Exception()).To(ReturnException("boom"))
				t.Expect(w.call(r)).To(FailWith(Exception("boom")))
			})
		}
	})
}
