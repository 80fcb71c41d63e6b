package behavior

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
)

// readerReadLine is StreamReader.readline.
func readerReadLine(t *Testee) {
	Describe("reader.readline", func() {
		var r *Reader
		BeforeEach(func() { r = t.NewReader() })

		DescribeTable("returns the bytes through the first LF", Rule("reader.readline.through-first-lf"),
			func(fed, line string) {
				r.FeedData(fed)
				t.Expect(r.ReadLine()).To(Return(line))
			},
			Entry("in the middle", "abc\ndef", "abc\n"), Entry("as the first byte", "\nabc", "\n"), Entry("as the last byte", "abc\n", "abc\n"),
			Entry("alone", "\n", "\n"), Entry("twice in a row", "a\n\nb", "a\n"),
		)
		It("keeps the LF", Rule("reader.readline.keeps-lf"), func() {
			r.FeedData("abc\n")
			t.Expect(r.ReadLine()).To(Return("abc\n"))
		})
		It("returns an empty line as an LF, which is not the end of the stream", Rule("reader.readline.keeps-lf"), func() {
			r.FeedData("\n")
			r.FeedEOF()
			t.Expect(r.ReadLine()).To(Return("\n"))
			t.Expect(r.ReadLine()).To(Return(""))
		})
		It("ends a line at LF only, and keeps the CR before it", Rule("reader.readline.only-lf-terminates"), func() {
			r.FeedData("a\r\nb\rc\n")
			t.Expect(r.ReadLine()).To(Return("a\r\n"))
			t.Expect(r.ReadLine()).To(Return("b\rc\n"))
		})
		It("waits when a chunk ends with CR", Rule("reader.readline.only-lf-terminates"), func() {
			r.FeedData("a\r")
			line := r.ReadLine()
			t.Expect(line).To(BePending())
			r.FeedData("\nb")
			t.Expect(line).To(Return("a\r\n"))
		})
		DescribeTable("returns an unterminated rest at the end of the stream", Rule("reader.readline.eof-yields-remainder"),
			func(rest string) {
				r := t.NewReaderLimit(4)
				r.FeedData(rest)
				r.FeedEOF()
				t.Expect(r.ReadLine()).To(Return(rest))
				t.Expect(r.ReadLine()).To(Return(""))
			},
			Entry("of some bytes", "abc"), Entry("of one byte", "a"), Entry("that ends with CR", "ab\r"), Entry("of as many bytes as the limit", "abcd"),
		)
		It("returns an unterminated rest when the stream ends while it waits", Rule("reader.readline.eof-yields-remainder"), func() {
			r.FeedData("abc")
			line := r.ReadLine()
			t.Expect(line).To(BePending())
			r.FeedEOF()
			t.Expect(line).To(Return("abc"))
		})
		It("returns nothing at the end of the stream, however often it is asked", Rule("reader.readline.empty-at-eof"), func() {
			r.FeedEOF()
			t.Expect(r.ReadLine()).To(Return(""))
			t.Expect(r.ReadLine()).To(Return(""))
		})
		It("returns nothing after the unterminated last line", Rule("reader.readline.empty-at-eof"), func() {
			r.FeedData("a\nb")
			r.FeedEOF()
			for _, want := range []string{"a\n", "b", "", ""} {
				t.Expect(r.ReadLine()).To(Return(want))
			}
		})
		It("leaves what follows the LF", Rule("reader.readline.rest-stays-buffered"), func() {
			r.FeedData("a\nbc\nd")
			t.Expect(r.ReadLine()).To(Return("a\n"))
			t.Expect(r.ReadLine()).To(Return("bc\n"))
			t.Expect(r.Read(10)).To(Return("d"))
		})
		It("finds three lines in one chunk", Rule("reader.readline.rest-stays-buffered"), func() {
			r.FeedData("1\n2\n3\n")
			for _, want := range []string{"1\n", "2\n", "3\n"} {
				t.Expect(r.ReadLine()).To(Return(want))
			}
		})
		It("waits though much is there without an LF", Rule("reader.readline.waits-for-lf"), func() {
			r.FeedData("abcdef", "ghi")
			line := r.ReadLine()
			t.Expect(line).To(BePending())
			r.FeedData("\n")
			t.Expect(line).To(Return("abcdefghi\n"))
		})
		It("waits over any number of chunks", Rule("reader.readline.waits-for-lf"), func() {
			line := r.ReadLine()
			for _, chunk := range []string{"a", "b", "c", "\r", "d"} {
				r.FeedData(chunk)
				t.Expect(line).To(BePending())
			}
			r.FeedData("\n")
			t.Expect(line).To(Return("abc\rd\n"))
		})
		It("gives the same lines for every chunking", Rule("reader.readline.chunking-independent"), func() {
			const text = "ab\n\nc\r\nd"
			for i := 0; i <= len(text); i++ {
				for j := i; j <= len(text); j++ {
					r := t.NewReader()
					first := r.ReadLine()
					r.FeedData(text[:i], text[i:j], text[j:])
					r.FeedEOF()
					t.Expect(first).To(Return("ab\n"))
					for _, want := range []string{"\n", "c\r\n", "d", ""} {
						t.Expect(r.ReadLine()).To(Return(want))
					}
				}
			}
		})
		It("visits every line once when called until it returns nothing", Rule("reader.readline.loop-visits-every-line"), func() {
			r.FeedData("HTTP/1.1 200 OK\r\nA: 1\r\n", "\r\n", "body\nlast")
			r.FeedEOF()
			var lines []string
			for range 10 { // there are 5, and then the empty one
				call := r.ReadLine()
				v := call.Returned()
				t.Expect(v).NotTo(BeNil(), "readline did not return after %q", lines)
				if len(*v.Bytes) == 0 {
					break
				}
				lines = append(lines, string(*v.Bytes))
			}
			t.Expect(lines).To(Equal([]string{"HTTP/1.1 200 OK\r\n", "A: 1\r\n", "\r\n", "body\n", "last"}))
		})

		It("takes a line that is too long for an invalid argument", Rule("reader.readline.overrun-is-invalid-argument"), func() {
			r := t.NewReaderLimit(4)
			r.FeedData("abcde\n")
			t.Expect(r.ReadLine()).To(FailWith(InvalidArgument))
		})
		It("takes a line that grows too long for an invalid argument", Rule("reader.readline.overrun-is-invalid-argument"), func() {
			r := t.NewReaderLimit(4)
			line := r.ReadLine()
			r.FeedData("abcd")
			t.Expect(line).To(BePending())
			r.FeedData("e")
			t.Expect(line).To(FailWith(InvalidArgument))
		})
		DescribeTable("counts the text of the line and not its LF", Rule("reader.readline.limit-boundary"),
			func(limit int) {
				r := t.NewReaderLimit(limit)
				fits := strings.Repeat("a", limit) + "\n"
				r.FeedData(fits)
				t.Expect(r.ReadLine()).To(Return(fits))
				r.FeedData("a" + fits)
				t.Expect(r.ReadLine()).To(FailWith(InvalidArgument))
			},
			Entry("limit 1", 1), Entry("limit 2", 2), Entry("limit 4", 4), Entry("limit 1000", 1000),
		)
		It("waits while as many bytes as the limit are there, and fails at one more", Rule("reader.readline.limit-boundary"), func() {
			r := t.NewReaderLimit(4)
			r.FeedData("abcd")
			line := r.ReadLine()
			t.Expect(line).To(BePending())
			r.FeedData("\n")
			t.Expect(line).To(Return("abcd\n"))
			r.FeedData("abcde")
			t.Expect(r.ReadLine()).To(FailWith(InvalidArgument))
		})
		It("drops the whole line when its LF is there, and keeps what follows", Rule("reader.readline.overrun-drops-found-line"), func() {
			r := t.NewReaderLimit(4)
			r.FeedData("abcde\nrest\n")
			t.Expect(r.ReadLine()).To(FailWith(InvalidArgument))
			t.Expect(r.ReadLine()).To(Return("rest\n"))
		})
		It("clears the buffer when the LF is not there yet", Rule("reader.readline.overrun-clears-buffer"), func() {
			r := t.NewReaderLimit(4)
			r.FeedData("abcde")
			t.Expect(r.ReadLine()).To(FailWith(InvalidArgument))
			r.FeedData("fg\nh\n")
			t.Expect(r.ReadLine()).To(Return("fg\n"))
			t.Expect(r.ReadLine()).To(Return("h\n"))
		})
		It("fails at the end of the stream when the rest is too long", Rule("reader.readline.overrun-of-tail-at-eof"), func() {
			r := t.NewReaderLimit(4)
			r.FeedData("abcde")
			r.FeedEOF()
			t.Expect(r.ReadLine()).To(FailWith(InvalidArgument))
			t.Expect(r.ReadLine()).To(Return(""))
		})
		It("returns a rest of as many bytes as the limit", Rule("reader.readline.overrun-of-tail-at-eof"), func() {
			r := t.NewReaderLimit(4)
			r.FeedData("abcd")
			r.FeedEOF()
			t.Expect(r.ReadLine()).To(Return("abcd"))
		})
		It("resumes the transport when a dropped line has made room", Rule("reader.readline.overrun-may-resume"), func() {
			r := t.NewReaderLimit(4)
			flow := r.Flow()
			r.FeedData("abcdefghi")
			t.Expect(flow).To(HaveBeenPaused())
			t.Expect(r.ReadLine()).To(FailWith(InvalidArgument))
			t.Expect(flow).To(HaveBeenResumed())
		})
		It("resumes the transport when the line dropped leaves as many bytes as the limit", Rule("reader.readline.overrun-may-resume"), func() {
			r := t.NewReaderLimit(4)
			flow := r.Flow()
			r.FeedData("abcde\nwxyz")
			t.Expect(flow).To(HaveBeenPaused())
			t.Expect(r.ReadLine()).To(FailWith(InvalidArgument))
			t.Expect(flow).To(HaveBeenResumed())
		})
		It("leaves the transport paused when the line dropped leaves more than the limit", Rule("reader.readline.overrun-may-resume"), func() {
			r := t.NewReaderLimit(4)
			flow := r.Flow()
			r.FeedData("abcde\nvwxyz")
			t.Expect(flow).To(HaveBeenPaused())
			t.Expect(r.ReadLine()).To(FailWith(InvalidArgument))
			t.Expect(flow).To(HaveBeenLeftAlone())
		})
	})
}
