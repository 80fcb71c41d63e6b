package behavior

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// readerReadUntil is StreamReader.readuntil.
func readerReadUntil(t *Testee) {
	Describe("reader.readuntil", func() {
		var r *Reader
		BeforeEach(func() { r = t.NewReader() })

		DescribeTable("returns the bytes through the first separator", Rule("reader.readuntil.through-first-separator"),
			func(fed, separator, want string) {
				r.FeedData(fed)
				t.Expect(r.ReadUntil(separator)).To(Return(want))
			},
			Entry("in the middle", "abcSEPdef", "SEP", "abcSEP"), Entry("at the beginning", "SEPabc", "SEP", "SEP"), Entry("alone", "SEP", "SEP", "SEP"),
			Entry("the first of several", "aSEPbSEPc", "SEP", "aSEP"), Entry("of one byte", "ab;cd;", ";", "ab;"), Entry("of NUL bytes", "a\x00b\x00\x00c", "\x00\x00", "a\x00b\x00\x00"),
		)
		It("waits for the separator", Rule("reader.readuntil.through-first-separator"), func() {
			call := r.ReadUntil("SEP")
			t.Expect(call).To(BePending())
			r.FeedData("abc")
			t.Expect(call).To(BePending())
			r.FeedData("SEPd")
			t.Expect(call).To(Return("abcSEP"))
		})
		It("looks for the separator that it is given, not for that of the call before", Rule("reader.readuntil.through-first-separator"), func() {
			r.FeedData("aENDbSEPcENDdSEP;e,f;g,h")
			for _, c := range [][2]string{{"SEP", "aENDbSEP"}, {"END", "cEND"}, {"SEP", "dSEP"}, {",", ";e,"}, {";", "f;"}, {",", "g,"}} {
				t.Expect(r.ReadUntil(c[0])).To(Return(c[1]))
			}
		})
		DescribeTable("finds a separator in what another was looked for in vain", Rule("reader.readuntil.through-first-separator"),
			func(fed, vain, separator, want string) {
				r := t.NewReaderLimit(len(fed))
				r.FeedData(fed)
				call := r.ReadUntil(vain)
				t.Expect(call).To(BePending())
				call.Cancel()
				t.Expect(r.ReadUntil(separator)).To(Return(want))

				overrun := t.NewReaderLimit(len(want))
				overrun.FeedData(fed, strings.Repeat("x", len(want)+len(vain)))
				t.Expect(overrun.ReadUntil(vain)).To(FailWith(LimitOverrun))
				t.Expect(overrun.ReadUntil(separator)).To(Return(want))
			},
			Entry("of one byte", "a;b", ",", ";", "a;"), Entry("of as many bytes", "aSEPb", "END", "SEP", "aSEP"), Entry("of fewer bytes", "aSEPb", "SEPARATOR", "SEP", "aSEP"),
			Entry("of more bytes", "aSEPb", ";", "SEP", "aSEP"),
		)
		It("reads a line of what a separator was looked for in vain", Rule("reader.readline.through-first-lf", "reader.readuntil.through-first-separator"), func() {
			r.FeedData("a;b\nc")
			call := r.ReadUntil("SEP")
			t.Expect(call).To(BePending())
			call.Cancel()
			t.Expect(r.ReadLine()).To(Return("a;b\n"))
			line := r.ReadLine()
			t.Expect(line).To(BePending())
			line.Cancel()
			t.Expect(r.ReadUntil("c")).To(Return("c"))
		})
		DescribeTable("returns the separator with the data", Rule("reader.readuntil.keeps-separator"),
			func(separator string) {
				r.FeedData("abc" + separator + "def")
				t.Expect(r.ReadUntil(separator)).To(Return("abc" + separator))
			},
			Entry("of one byte", ";"), Entry("of two bytes", "\r\n"), Entry("of three bytes", "SEP"), Entry("long", strings.Repeat("-", 60)+"END"),
		)
		DescribeTable("takes no more than it returns", Rule("reader.readuntil.consumes-only-result"),
			func(rest string) {
				r.FeedData("abcSEP" + rest)
				t.Expect(r.ReadUntil("SEP")).To(Return("abcSEP"))
				r.FeedEOF()
				t.Expect(r.ReadAll()).To(Return(rest))
			},
			Entry("when nothing follows", ""), Entry("when data follow", "def"), Entry("when a separator follows", "SEPx"),
		)
		It("goes on after the separator with the next call", Rule("reader.readuntil.consumes-only-result"), func() {
			r.FeedData("aSEPSEPbSEP")
			for _, want := range []string{"aSEP", "SEP", "bSEP"} {
				t.Expect(r.ReadUntil("SEP")).To(Return(want))
			}
		})
		It("reads through an LF when no separator is given", Rule("reader.readuntil.default-separator-is-lf"), func() {
			r.FeedData("a\rb\nc")
			t.Expect(r.ReadUntilDefault()).To(Return("a\rb\n"))
		})
		It("finds a separator wherever chunks are cut", Rule("reader.readuntil.separator-straddles-chunks"), func() {
			const text = "xySEPz"
			for i := 0; i <= len(text); i++ {
				for j := i; j <= len(text); j++ {
					r := t.NewReader()
					r.FeedData(text[:i])
					call := r.ReadUntil("SEP")
					r.FeedData(text[i:j], text[j:])
					t.Expect(call).To(Return("xySEP"))
					r.FeedEOF()
					t.Expect(r.ReadAll()).To(Return("z"))
				}
			}
		})
		It("finds a separator that comes byte by byte", Rule("reader.readuntil.separator-straddles-chunks"), func() {
			call := r.ReadUntil("SEP")
			r.FeedData(strings.Split("xySEP", "")...)
			t.Expect(call).To(Return("xySEP"))
		})
		DescribeTable("is not misled by the beginning of a separator", Rule("reader.readuntil.false-start-hides-no-match"),
			func(fed, separator, want string) {
				for i := 0; i <= len(fed); i++ {
					r := t.NewReader()
					r.FeedData(fed[:i])
					call := r.ReadUntil(separator)
					r.FeedData(fed[i:])
					t.Expect(call).To(Return(want))
				}
				r := t.NewReader()
				call := r.ReadUntil(separator)
				r.FeedData(strings.Split(fed, "")...)
				t.Expect(call).To(Return(want))
			},
			Entry("aab in aaab", "aaab", "aab", "aaab"), Entry("SEP in SESEP", "SESEP", "SEP", "SESEP"), Entry("SEP in SSEPx", "SSEPx", "SEP", "SSEP"),
			Entry("aa in aaaa", "aaaa", "aa", "aa"), Entry("abab in abacabab", "abacababx", "abab", "abacabab"), Entry("aabaab in aabaaaabaab", "aabaaaabaab", "aabaab", "aabaaaabaab"),
		)

		It("is not misled by a great many beginnings and ends of a separator", Rule("reader.readuntil.false-start-hides-no-match"), func() {
			for _, separator := range []string{"b" + strings.Repeat("a", 15), strings.Repeat("a", 15) + "b", "abaabaaab"} {
				text := strings.Repeat("aab", 500) + strings.Repeat("a", 2000) + separator
				text = text[:strings.Index(text, separator)+len(separator)]
				r := t.NewReader()
				r.FeedData(text[:1000])
				call := r.ReadUntil(separator)
				r.FeedData(text[1000:])
				t.Expect(call).To(Return(text))
			}
		})

		DescribeTable("raises an overrun when the text before the separator is longer than the limit", Rule("reader.readuntil.overrun-when-chunk-exceeds-limit"),
			func(separator string) {
				r := t.NewReaderLimit(4)
				r.FeedData("abcde" + separator)
				t.Expect(r.ReadUntil(separator)).To(FailWith(LimitOverrun))
			},
			Entry("separator of one byte", ";"), Entry("of two", "\r\n"), Entry("of three", "SEP"),
		)
		It("raises an overrun when no separator comes within the limit", Rule("reader.readuntil.overrun-when-chunk-exceeds-limit"), func() {
			r := t.NewReaderLimit(4)
			call := r.ReadUntil("SEP")
			r.FeedData("abcdefgh")
			t.Expect(call).To(FailWith(LimitOverrun))
		})
		DescribeTable("does not count the separator", Rule("reader.readuntil.limit-excludes-separator"),
			func(limit int, separator string) {
				r := t.NewReaderLimit(limit)
				fits := strings.Repeat("a", limit) + separator
				r.FeedData(fits)
				t.Expect(r.ReadUntil(separator)).To(Return(fits))
				waiting := r.ReadUntil(separator)
				r.FeedData(strings.Split(fits, "")...)
				t.Expect(waiting).To(Return(fits))
			},
			Entry("of one byte, limit 1", 1, ";"), Entry("of one byte, limit 4", 4, ";"), Entry("of two bytes, limit 4", 4, "\r\n"), Entry("of three bytes, limit 1", 1, "SEP"), Entry("of three bytes, limit 4", 4, "SEP"),
		)
		It("does not count what follows the separator", Rule("reader.readuntil.limit-excludes-separator"), func() {
			r := t.NewReaderLimit(4)
			r.FeedData("ab;" + strings.Repeat("x", 100))
			t.Expect(r.ReadUntil(";")).To(Return("ab;"))
		})

		It("leaves the data in the buffer when the limit is overrun", Rule("reader.readuntil.overrun-keeps-data"), func() {
			r := t.NewReaderLimit(4)
			r.FeedData("abcdefgh\n")
			t.Expect(r.ReadUntil("\n")).To(FailWith(LimitOverrun))
			t.Expect(r.ReadExactly(9)).To(Return("abcdefgh\n"))
		})
		It("leaves the data in the buffer when no separator was there", Rule("reader.readuntil.overrun-keeps-data"), func() {
			r := t.NewReaderLimit(4)
			r.FeedData("abcdefgh")
			t.Expect(r.ReadUntil("SEP")).To(FailWith(LimitOverrun))
			t.Expect(r.Read(100)).To(Return("abcdefgh"))
		})
		It("raises the overrun again when it is called again", Rule("reader.readuntil.overrun-keeps-data"), func() {
			r := t.NewReaderLimit(4)
			r.FeedData("abcdefgh\n")
			t.Expect(r.ReadUntil("\n")).To(FailWith(Consumed(8)))
			t.Expect(r.ReadUntil("\n")).To(FailWith(Consumed(8)))
		})

		DescribeTable("raises an incomplete read when the stream ends before a separator", Rule("reader.readuntil.eof-is-incomplete"),
			func(fed string) {
				r.FeedData(fed)
				r.FeedEOF()
				t.Expect(r.ReadUntil("SEP")).To(FailWith(IncompleteRead))
			},
			Entry("with nothing there", ""), Entry("with data there", "abc"), Entry("with a piece of the separator there", "S"), Entry("with all but the last byte of it there", "abcSE"),
		)
		It("raises an incomplete read when the stream ends while it waits", Rule("reader.readuntil.eof-is-incomplete"), func() {
			r.FeedData("abc")
			call := r.ReadUntil("SEP")
			t.Expect(call).To(BePending())
			r.FeedEOF()
			t.Expect(call).To(FailWith(IncompleteRead))
		})
		It("empties the buffer with an incomplete read", Rule("reader.readuntil.incomplete-empties-buffer"), func() {
			r.FeedData("abcSE")
			r.FeedEOF()
			t.Expect(r.ReadUntil("SEP")).To(FailWith(IncompleteRead))
			t.Expect(r.AtEOF()).To(ReturnBool(true))
			t.Expect(r.ReadAll()).To(Return(""))
		})
		DescribeTable("puts everything that was buffered into the incomplete read", Rule("reader.readuntil.partial-holds-everything"),
			func(chunks ...string) {
				r.FeedData(chunks...)
				r.FeedEOF()
				t.Expect(r.ReadUntil("SEP")).To(FailWith(Partial(strings.Join(chunks, ""))))
			},
			Entry("nothing"), Entry("one chunk", "abc"), Entry("several chunks", "a", "bc", "d"), Entry("with a piece of the separator", "abcSE"), Entry("a piece of the separator alone", "SE"),
		)
		It("returns what a separator ends though the stream has ended", Rule("reader.readuntil.complete-separator-found-at-eof"), func() {
			r.FeedData("abcSEPd")
			r.FeedEOF()
			t.Expect(r.ReadUntil("SEP")).To(Return("abcSEP"))
			t.Expect(r.ReadUntil("SEP")).To(FailWith(Partial("d")))
		})
		It("returns what a separator ends as the last bytes of the stream", Rule("reader.readuntil.complete-separator-found-at-eof"), func() {
			r.FeedData("abcSEP")
			r.FeedEOF()
			t.Expect(r.ReadUntil("SEP")).To(Return("abcSEP"))
			t.Expect(r.ReadUntil("SEP")).To(FailWith(Partial("")))
		})

		DescribeTable("takes a tuple of separators", Rule("reader.readuntil.tuple-accepted"),
			func(fed, want string, separators ...string) {
				r.FeedData(fed)
				t.Expect(r.ReadUntilAny(separators...)).To(Return(want))
			},
			Entry("of one", "a,b;c", "a,b;", ";"), Entry("of two", "a,b;c", "a,", ";", ","), Entry("with duplicates", "a;b", "a;", ";", ";", ","),
			Entry("of many", "abc9", "abc9", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
		)
		It("looks for the tuple that it is given, not for that of the call before", Rule("reader.readuntil.tuple-accepted"), func() {
			r.FeedData("aENDbSEPcENDd")
			t.Expect(r.ReadUntilAny("SEP", ";")).To(Return("aENDbSEP"))
			vain := r.ReadUntilAny("SEP", "XYZ")
			t.Expect(vain).To(BePending())
			vain.Cancel()
			t.Expect(r.ReadUntilAny("END", ",")).To(Return("cEND"))
		})
		DescribeTable("ends where the first alternative ends", Rule("reader.readuntil.tuple-earliest-end-wins"),
			func(fed, want string, separators ...string) {
				r.FeedData(fed)
				t.Expect(r.ReadUntilAny(separators...)).To(Return(want))
			},
			Entry("not where one begins first", "xABCDy", "xABC", "ABCD", "BC"), Entry("whatever the order of the tuple", "xABCDy", "xABC", "BC", "ABCD"),
			Entry("when one is the beginning of another", "a\r\nb", "a\r", "\r\n", "\r"), Entry("when one is the end of another", "aABCb", "aABC", "ABC", "C"),
			Entry("when they do not overlap", "a;b,c", "a;", ",", ";"),
		)
		DescribeTable("holds the shortest alternative that ends there against the limit", Rule("reader.readuntil.tuple-limit-counts-shortest"),
			func(n int, fits bool, separators ...string) {
				r := t.NewReaderLimit(4)
				data := strings.Repeat("a", n) + "ABC"
				r.FeedData(data)
				if fits {
					t.Expect(r.ReadUntilAny(separators...)).To(Return(data))
				} else {
					t.Expect(r.ReadUntilAny(separators...)).To(FailWith(LimitOverrun))
				}
			},
			Entry("ABC alone, at the limit", 4, true, "ABC"), Entry("ABC alone, beyond it", 5, false, "ABC"),
			Entry("ABC or BC, one before the limit", 3, true, "ABC", "BC"), Entry("ABC or BC, at the limit", 4, false, "ABC", "BC"), Entry("BC or ABC, at the limit", 4, false, "BC", "ABC"),
			Entry("ABC or C, two before the limit", 2, true, "ABC", "C"), Entry("ABC or C, one before the limit", 3, false, "ABC", "C"),
		)
		It("gives the same result for every chunking of a tuple", Rule("reader.readuntil.tuple-chunking-independent"), func() {
			const text = "xyABCDz"
			for i := 0; i <= len(text); i++ {
				for j := i; j <= len(text); j++ {
					r := t.NewReader()
					call := r.ReadUntilAny("ABCD", "BC", "Q")
					r.FeedData(text[:i], text[i:j], text[j:])
					t.Expect(call).To(Return("xyABC"))
					r.FeedEOF()
					t.Expect(r.ReadAll()).To(Return("Dz"))
				}
			}
		})
		It("searches far enough back for the longest alternative of a tuple", Rule("reader.readuntil.tuple-chunking-independent"), func() {
			call := r.ReadUntilAny("Q", "ABCDEF")
			r.FeedData(strings.Split("xABCDEABCDEFy", "")...)
			t.Expect(call).To(Return("xABCDEABCDEF"))
		})
		It("raises an incomplete read when no alternative is complete", Rule("reader.readuntil.tuple-eof-is-incomplete"), func() {
			r.FeedData("abcAB")
			call := r.ReadUntilAny("ABC", "Z")
			t.Expect(call).To(BePending())
			r.FeedEOF()
			t.Expect(call).To(FailWith(Partial("abcAB")))
		})
		It("may do anything with a tuple before 3.13", Rule("reader.readuntil.tuple-undefined-before-3-13"), func() {
			if !t.Description.Has(trace.CapTupleSeparators) {
				t.Saw("does not take a tuple")
				return
			}
			r.FeedData("a;b")
			t.Saw("takes a tuple: " + r.ReadUntilAny(";", ",").String())
		})

		It("refuses an empty separator", Rule("reader.readuntil.empty-separator-refused"), func() {
			r.FeedData("abc")
			t.Expect(r.ReadUntil("")).To(FailWith(InvalidArgument))
			t.Expect(r.Read(3)).To(Return("abc"))
		})
		It("refuses an empty tuple", Rule("reader.readuntil.empty-tuple-refused"), func() {
			t.Expect(r.ReadUntilAny()).To(FailWith(InvalidArgument))
		})
		It("refuses a tuple with an empty alternative", Rule("reader.readuntil.empty-tuple-refused"), func() {
			t.Expect(r.ReadUntilAny(";", "")).To(FailWith(InvalidArgument))
			t.Expect(r.ReadUntilAny("", "SEP")).To(FailWith(InvalidArgument))
		})

		DescribeTable("accounts for the bytes before a separator that was found", Rule("reader.readuntil.found-overrun-consumed"),
			func(before int) {
				r := t.NewReaderLimit(4)
				r.FeedData(strings.Repeat("a", before) + "SEPxyz")
				t.Expect(r.ReadUntil("SEP")).To(FailWith(Consumed(before)))
			},
			Entry("one more than the limit", 5), Entry("twice as many", 8), Entry("many", 100),
		)
		DescribeTable("waits while a separator could still begin within the limit, and fails then", Rule("reader.readuntil.not-found-overrun-consumed"),
			func(separator string) {
				r := t.NewReaderLimit(4)
				quiet := strings.Repeat("a", 4+len(separator)-1)
				r.FeedData(quiet)
				call := r.ReadUntil(separator)
				t.Expect(call).To(BePending())
				r.FeedData("a")
				t.Expect(call).To(FailWith(Consumed(5)))
			},
			Entry("separator of one byte", ";"), Entry("of two", "\r\n"), Entry("of three", "SEP"), Entry("of ten", "0123456789"),
		)
		It("accounts for all that cannot begin a separator", Rule("reader.readuntil.not-found-overrun-consumed"), func() {
			r := t.NewReaderLimit(4)
			r.FeedData(strings.Repeat("a", 20))
			t.Expect(r.ReadUntil("SEP")).To(FailWith(Consumed(18)))
		})
		It("waits as long as the longest alternative needs", Rule("reader.readuntil.tuple-not-found-uses-longest"), func() {
			r := t.NewReaderLimit(4)
			r.FeedData("aaaaaaa") // 4 + len("SEPX") - 1
			call := r.ReadUntilAny("X", "SEPX")
			t.Expect(call).To(BePending())
			r.FeedData("a")
			t.Expect(call).To(FailWith(Consumed(5)))
		})
		It("succeeds or fails whatever the chunks are; only what it accounts for depends on them", Rule("reader.readuntil.only-consumed-depends-on-chunking"), func() {
			text := strings.Repeat("a", 10) + "SEP"
			for size := 1; size <= len(text); size++ {
				fits, long := t.NewReaderLimit(10), t.NewReaderLimit(9)
				got, failed := fits.ReadUntil("SEP"), long.ReadUntil("SEP")
				for from := 0; from < len(text); from += size {
					chunk := text[from:min(from+size, len(text))]
					fits.FeedData(chunk)
					long.FeedData(chunk)
				}
				t.Expect(got).To(Return(text))
				t.Expect(failed).To(FailWith(LimitOverrun))
				t.Expect(*failed.Raised().Consumed).To(And(BeNumerically(">", 0), BeNumerically("<=", 10)), "consumed, with chunks of %d", size)
			}
		})
		It("accounts for no byte of a separator, so that one can go on there", Rule("reader.readuntil.consumed-excludes-separator"), func() {
			for _, cut := range []int{5, 6, 7, 8, 9, 10} {
				r := t.NewReaderLimit(4)
				text := "aaaaaaaSEPb"
				call := r.ReadUntil("SEP")
				r.FeedData(text[:cut])
				if call.Pending() {
					r.FeedData(text[cut:])
				}
				t.Expect(call).To(FailWith(LimitOverrun))
				if cut < len(text) {
					r.FeedData(text[cut:])
				}
				t.Expect(call.Raised().Consumed).NotTo(BeNil())
				skipped := *call.Raised().Consumed
				t.Expect(r.ReadExactly(skipped)).To(Return(text[:skipped]))
				t.Expect(r.ReadUntil("SEP").Returned()).NotTo(BeNil(), "readuntil after readexactly(%d), with a chunk of %d bytes", skipped, cut)
			}
		})
		DescribeTable("looks at the limit before the end of the stream", Rule("reader.readuntil.limit-before-eof"),
			func(separator string) {
				r := t.NewReaderLimit(4)
				data := strings.Repeat("a", 4+len(separator))
				r.FeedData(data)
				r.FeedEOF()
				t.Expect(r.ReadUntil(separator)).To(FailWith(Consumed(5)))
				t.Expect(r.ReadAll()).To(Return(data))
			},
			Entry("separator of one byte", ";"), Entry("of three", "SEP"),
		)
		It("expects no number of bytes in its incomplete read", Rule("reader.readuntil.incomplete-expects-nothing"), func() {
			r.FeedData("abc")
			r.FeedEOF()
			t.Expect(r.ReadUntil("SEP")).To(FailWith(PartialOfUnknown("abc")))
		})
		DescribeTable("accounts for the bytes before the shortest alternative that ends there", Rule("reader.readuntil.tuple-tie-shortest-consumed"),
			func(consumed int, separators ...string) {
				r := t.NewReaderLimit(4)
				r.FeedData("aaaaaABCx")
				t.Expect(r.ReadUntilAny(separators...)).To(FailWith(Consumed(consumed)))
			},
			Entry("ABC", 5, "ABC"), Entry("ABC or BC", 6, "ABC", "BC"), Entry("BC or ABC", 6, "BC", "ABC"), Entry("C or ABC", 7, "C", "ABC"), Entry("ABC, BC or C", 7, "ABC", "BC", "C"),
		)
		It("does not resume the transport when the limit is overrun", Rule("reader.readuntil.failure-does-not-resume"), func() {
			r := t.NewReaderLimit(4)
			flow := r.Flow()
			r.FeedData("abcdefghi")
			t.Expect(flow).To(HaveBeenPaused())
			t.Expect(r.ReadUntil("\n")).To(FailWith(LimitOverrun))
			t.Expect(flow).To(HaveBeenLeftAlone())
		})
		It("does not resume the transport when the read is incomplete", Rule("reader.readuntil.failure-does-not-resume"), func() {
			r := t.NewReaderLimit(4)
			flow := r.Flow()
			r.FeedData("abcdefghi")
			t.Expect(flow).To(HaveBeenPaused())
			r.FeedEOF()
			t.Expect(r.ReadUntil(strings.Repeat("S", 20))).To(FailWith(IncompleteRead))
			t.Expect(flow).To(HaveBeenLeftAlone())
		})
	})
}
