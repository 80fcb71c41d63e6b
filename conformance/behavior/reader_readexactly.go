package behavior

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
)

// readerReadExactly is StreamReader.readexactly.
func readerReadExactly(t *Testee) {
	Describe("reader.readexactly", func() {
		var r *Reader
		BeforeEach(func() { r = t.NewReader() })

		DescribeTable("returns exactly n bytes", Rule("reader.readexactly.exactly-n"),
			func(n int, chunks ...string) {
				r.FeedData(chunks...)
				t.Expect(r.ReadExactly(n)).To(Return(strings.Join(chunks, "")[:n]))
			},
			Entry("all that is there", 3, "abc"), Entry("less than there is", 2, "abc"), Entry("over many chunks", 5, "a", "bc", "d", "ef"), Entry("one", 1, "a"),
		)
		It("waits for n bytes", Rule("reader.readexactly.waits-for-n"), func() {
			call := r.ReadExactly(3)
			t.Expect(call).To(BePending())
			r.FeedData("ab")
			t.Expect(call).To(BePending())
			r.FeedData("c")
			t.Expect(call).To(Return("abc"))
		})
		It("waits when one byte is missing", Rule("reader.readexactly.waits-for-n"), func() {
			r.FeedData("abcd")
			call := r.ReadExactly(5)
			t.Expect(call).To(BePending())
			r.FeedData("ef")
			t.Expect(call).To(Return("abcde"))
		})
		DescribeTable("raises an incomplete read when the stream ends before", Rule("reader.readexactly.eof-is-incomplete"),
			func(fed string) {
				r.FeedData(fed)
				r.FeedEOF()
				t.Expect(r.ReadExactly(5)).To(FailWith(IncompleteRead))
			},
			Entry("with nothing there", ""), Entry("with one byte there", "a"), Entry("with all but one there", "abcd"),
		)
		It("raises an incomplete read when the stream ends while it waits", Rule("reader.readexactly.eof-is-incomplete"), func() {
			r.FeedData("ab")
			call := r.ReadExactly(5)
			t.Expect(call).To(BePending())
			r.FeedEOF()
			t.Expect(call).To(FailWith(IncompleteRead))
		})
		DescribeTable("puts what it has read into the error", Rule("reader.readexactly.partial-holds-what-was-read"),
			func(chunks ...string) {
				r.FeedData(chunks...)
				r.FeedEOF()
				t.Expect(r.ReadExactly(100)).To(FailWith(PartialOf(strings.Join(chunks, ""), 100)))
			},
			Entry("nothing"), Entry("one chunk", "abc"), Entry("several chunks", "a", "bc", "d"),
		)
		It("puts only what was left into the error", Rule("reader.readexactly.partial-holds-what-was-read"), func() {
			r.FeedData("abcdef")
			t.Expect(r.ReadExactly(4)).To(Return("abcd"))
			r.FeedEOF()
			t.Expect(r.ReadExactly(4)).To(FailWith(PartialOf("ef", 4)))
		})
		It("succeeds when the stream ends with exactly n bytes there", Rule("reader.readexactly.n-bytes-at-eof-succeed"), func() {
			r.FeedData("abc")
			r.FeedEOF()
			t.Expect(r.ReadExactly(3)).To(Return("abc"))
			t.Expect(r.ReadExactly(1)).To(FailWith(PartialOf("", 1)))
		})
		It("succeeds when the last byte and the end of the stream come together", Rule("reader.readexactly.n-bytes-at-eof-succeed"), func() {
			r.FeedData("ab")
			call := r.ReadExactly(3)
			t.WithoutSettling(func() {
				r.FeedData("c")
				r.FeedEOF()
			})
			t.Expect(call).To(Return("abc"))
		})
		DescribeTable("leaves the surplus", Rule("reader.readexactly.surplus-stays-buffered"),
			func(fed, rest string) {
				r.FeedData(fed)
				t.Expect(r.ReadExactly(3)).To(Return(fed[:3]))
				r.FeedEOF()
				t.Expect(r.ReadAll()).To(Return(rest))
			},
			Entry("of one byte", "abcd", "d"), Entry("of many bytes", "abcdefgh", "defgh"), Entry("of none", "abc", ""),
		)
		DescribeTable("may read more than the limit", Rule("reader.readexactly.may-exceed-limit"),
			func(n int) {
				r := t.NewReaderLimit(2)
				r.Flow()
				call := r.ReadExactly(n)
				for range n - 1 {
					r.FeedData("a")
					t.Expect(call).To(BePending())
				}
				r.FeedData("a")
				t.Expect(call).To(Return(strings.Repeat("a", n)))
			},
			Entry("as many as the limit", 2), Entry("one more", 3), Entry("twice as many", 4), Entry("one more than twice as many", 5), Entry("many more", 20),
		)
		It("reads more than the limit of what is buffered", Rule("reader.readexactly.may-exceed-limit"), func() {
			r := t.NewReaderLimit(2)
			r.FeedData("abcdefghij")
			t.Expect(r.ReadExactly(10)).To(Return("abcdefghij"))
		})

		DescribeTable("refuses a negative count", Rule("reader.readexactly.negative-refused"),
			func(n int) { t.Expect(r.ReadExactly(n)).To(FailWith(InvalidArgument)) },
			Entry("-1", -1), Entry("-5", -5),
		)
		It("returns nothing at once for a count of 0", Rule("reader.readexactly.zero-returns-at-once"), func() {
			t.Expect(r.ReadExactly(0)).To(Return(""))
			r.FeedData("abc")
			t.Expect(r.ReadExactly(0)).To(Return(""))
			t.Expect(r.ReadExactly(3)).To(Return("abc"))
			r.FeedEOF()
			t.Expect(r.ReadExactly(0)).To(Return(""))
		})
	})
}
