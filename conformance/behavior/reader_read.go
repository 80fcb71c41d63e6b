package behavior

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
)

// readerRead is StreamReader.read.
func readerRead(t *Testee) {
	Describe("reader.read", func() {
		var r *Reader
		BeforeEach(func() { r = t.NewReader() })

		DescribeTable("collects everything up to the end of the stream when called without a size", Rule("reader.read.without-size-reads-to-eof"),
			func(chunks ...string) {
				r.FeedData(chunks...)
				all := r.ReadAll()
				t.Expect(all).To(BePending())
				r.FeedEOF()
				t.Expect(all).To(Return(strings.Join(chunks, "")))
			},
			Entry("one chunk", "abc"),
			Entry("many chunks", "a", "bc", "", "def"),
			Entry("no chunk"),
		)
		It("collects what comes while it waits", Rule("reader.read.without-size-reads-to-eof"), func() {
			r.FeedData("ab")
			all := r.ReadAll()
			r.FeedData("cd", "ef")
			t.Expect(all).To(BePending())
			r.FeedEOF()
			t.Expect(all).To(Return("abcdef"))
		})
		It("returns at once when the end of the stream was fed before", Rule("reader.read.without-size-reads-to-eof"), func() {
			r.FeedData("abc")
			r.FeedEOF()
			t.Expect(r.ReadAll()).To(Return("abc"))
		})

		It("takes a size of -1 for no size", Rule("reader.read.minus-one-is-no-size"), func() {
			r.FeedData("ab")
			all := r.Read(-1)
			t.Expect(all).To(BePending())
			r.FeedData("cd")
			t.Expect(all).To(BePending())
			r.FeedEOF()
			t.Expect(all).To(Return("abcd"))
		})
		It("takes a size of -1 for no size when nothing is buffered", Rule("reader.read.minus-one-is-no-size"), func() {
			all := r.Read(-1)
			t.Expect(all).To(BePending())
			r.FeedEOF()
			t.Expect(all).To(Return(""))
		})
		It("takes a size of -1 for no size after partial reads", Rule("reader.read.minus-one-is-no-size"), func() {
			r.FeedData("abcd")
			t.Expect(r.Read(2)).To(Return("ab"))
			r.FeedEOF()
			t.Expect(r.Read(-1)).To(Return("cd"))
		})

		DescribeTable("never returns more than the size", Rule("reader.read.size-is-upper-bound"),
			func(n int) {
				r.FeedData("abcdefgh")
				call := r.Read(n)
				t.Expect(call.Returned()).NotTo(BeNil(), "read(%d) did not return", n)
				t.Expect(len(*call.Returned().Bytes)).To(BeNumerically("<=", n), "bytes that read(%d) returned", n)
			},
			Entry("of one", 1), Entry("one less than buffered", 7), Entry("as many as buffered", 8), Entry("one more than buffered", 9), Entry("far more", 1<<20),
		)

		DescribeTable("returns nothing at the end of the stream, however often it is asked", Rule("reader.read.empty-at-eof"),
			func(read func(*Reader) *Call) {
				r.FeedEOF()
				t.Expect(read(r)).To(Return(""))
				t.Expect(read(r)).To(Return(""))
			},
			Entry("without a size", (*Reader).ReadAll),
			Entry("size -1", func(r *Reader) *Call { return r.Read(-1) }),
			Entry("size 0", func(r *Reader) *Call { return r.Read(0) }),
			Entry("size 1", func(r *Reader) *Call { return r.Read(1) }),
			Entry("a large size", func(r *Reader) *Call { return r.Read(1 << 20) }),
		)

		It("returns nothing at once for size 0, on an empty reader", Rule("reader.read.zero-returns-at-once"), func() {
			t.Expect(r.Read(0)).To(Return(""))
		})
		It("returns nothing at once for size 0, with data buffered", Rule("reader.read.zero-returns-at-once"), func() {
			r.FeedData("abc")
			t.Expect(r.Read(0)).To(Return(""))
		})
		It("returns nothing at once for size 0, at the end of the stream", Rule("reader.read.zero-returns-at-once"), func() {
			r.FeedEOF()
			t.Expect(r.Read(0)).To(Return(""))
		})
		It("consumes nothing with size 0", Rule("reader.read.zero-consumes-nothing"), func() {
			r.FeedData("abc")
			t.Expect(r.Read(0)).To(Return(""))
			t.Expect(r.Read(2)).To(Return("ab"))
			t.Expect(r.Read(0)).To(Return(""))
			t.Expect(r.Read(2)).To(Return("c"))
		})

		It("waits for one byte and no more", Rule("reader.read.one-byte-suffices"), func() {
			call := r.Read(100)
			t.Expect(call).To(BePending())
			r.FeedData("a")
			t.Expect(call).To(Return("a"))
		})
		It("does not wait when a byte is buffered", Rule("reader.read.one-byte-suffices"), func() {
			r.FeedData("a")
			t.Expect(r.Read(100)).To(Return("a"))
		})

		It("ends with nothing when the stream ends before a byte came", Rule("reader.read.eof-ends-pending-read-empty"), func() {
			call := r.Read(5)
			t.Expect(call).To(BePending())
			r.FeedEOF()
			t.Expect(call).To(Return(""))
		})
		It("ends with nothing when the stream ends after everything was read", Rule("reader.read.eof-ends-pending-read-empty"), func() {
			r.FeedData("abc")
			t.Expect(r.Read(3)).To(Return("abc"))
			call := r.Read(5)
			r.FeedEOF()
			t.Expect(call).To(Return(""))
		})

		It("leaves what it does not return for the next call", Rule("reader.read.rest-stays-buffered"), func() {
			r.FeedData("abcdef")
			t.Expect(r.Read(2)).To(Return("ab"))
			t.Expect(r.Read(100)).To(Return("cdef"))
		})
		It("leaves the rest for calls of every kind", Rule("reader.read.rest-stays-buffered"), func() {
			r.FeedData("abc\ndefgh")
			t.Expect(r.Read(1)).To(Return("a"))
			t.Expect(r.ReadLine()).To(Return("bc\n"))
			t.Expect(r.Read(1)).To(Return("d"))
			t.Expect(r.ReadExactly(2)).To(Return("ef"))
			t.Expect(r.Read(1)).To(Return("g"))
			t.Expect(r.Read(1)).To(Return("h"))
		})

		It("keeps order and content for every byte value and every size", Rule("reader.read.order-preserved"), func() {
			var all []byte
			for i := range 256 {
				all = append(all, byte(255-i), 0)
			}
			for i, from := 0, 0; from < len(all); i++ {
				to := min(from+i%7+1, len(all))
				r.FeedData(string(all[from:to]))
				from = to
			}
			r.FeedEOF()
			var got []byte
			for i := range len(all) { // every call has a byte at least
				call := r.Read(i%11 + 1)
				v := call.Returned()
				t.Expect(v).NotTo(BeNil(), "%v did not return", call)
				if len(*v.Bytes) == 0 {
					break
				}
				got = append(got, *v.Bytes...)
			}
			t.Expect(string(got)).To(Equal(string(all)), "what was read, against what was fed")
		})

		It("returns the data before it reports the end of the stream", Rule("reader.read.data-before-eof"), func() {
			r.FeedData("ab")
			r.FeedEOF()
			t.Expect(r.Read(1)).To(Return("a"))
			t.Expect(r.Read(1)).To(Return("b"))
			t.Expect(r.Read(1)).To(Return(""))
		})
		DescribeTable("returns what is left at the end of the stream", Rule("reader.read.data-before-eof"),
			func(n int) {
				r.FeedData("ab")
				r.FeedEOF()
				t.Expect(r.Read(n)).To(Return("ab"))
				t.Expect(r.Read(n)).To(Return(""))
			},
			Entry("when as much is asked for", 2), Entry("when more is asked for", 3),
		)

		DescribeTable("reads to the end of the stream whatever the limit", Rule("reader.read.to-eof-ignores-limit"),
			func(n int) {
				r := t.NewReaderLimit(4)
				data := strings.Repeat("a", n)
				r.FeedData(data)
				r.FeedEOF()
				t.Expect(r.ReadAll()).To(Return(data))
			},
			Entry("as many bytes as the limit", 4), Entry("one more", 5), Entry("twice as many", 8), Entry("one more than twice as many", 9), Entry("many more", 1000),
		)
		It("reads to the end of the stream though the limit pauses the transport", Rule("reader.read.to-eof-ignores-limit"), func() {
			r := t.NewReaderLimit(4)
			r.Flow()
			all := r.ReadAll()
			r.FeedData("abcdefghi", "jklmnopqr", "s")
			r.FeedEOF()
			t.Expect(all).To(Return("abcdefghijklmnopqrs"))
		})

		It("holds up nobody else while it waits", Rule("reader.read.suspends-only-its-caller"), func() {
			waiting := r.Read(5)
			t.Expect(waiting).To(BePending())
			other := t.NewReader()
			otherWaiting := other.ReadLine()
			other.FeedData("line\n")
			t.Expect(otherWaiting).To(Return("line\n"))
			t.Expect(other.Read(0)).To(Return(""))
			t.Expect(waiting).To(BePending())
			r.FeedData("a")
			t.Expect(waiting).To(Return("a"))
		})

		DescribeTable("returns all that is there, up to the size", Rule("reader.read.returns-what-is-available"),
			func(n int, want string) {
				r.FeedData("abc", "d", "ef")
				t.Expect(r.Read(n)).To(Return(want))
			},
			Entry("less than there is", 4, "abcd"), Entry("as much as there is", 6, "abcdef"), Entry("more than there is", 7, "abcdef"),
		)

		DescribeTable("takes every negative size for no size", Rule("reader.read.negative-is-no-size"),
			func(n int) {
				r.FeedData("ab")
				all := r.Read(n)
				t.Expect(all).To(BePending())
				r.FeedEOF()
				t.Expect(all).To(Return("ab"))
			},
			Entry("-2", -2), Entry("-5", -5), Entry("a large one", -1<<31),
		)

		reads := map[string]func(*Reader) *Call{
			"read(1)":        func(r *Reader) *Call { return r.Read(1) },
			"read()":         (*Reader).ReadAll,
			"readline()":     (*Reader).ReadLine,
			"readexactly(1)": func(r *Reader) *Call { return r.ReadExactly(1) },
			"readuntil()":    (*Reader).ReadUntilDefault,
		}
		order := []string{"read(1)", "read()", "readline()", "readexactly(1)", "readuntil()"}
		for _, name := range order {
			read := reads[name]
			It("raises a stored exception though data are buffered: "+name, Rule("reader.read.exception-before-data"), func() {
				r.FeedData("a\nb\n")
				r.SetException("boom")
				t.Expect(read(r)).To(FailWith(Exception("boom")))
				r.ClearException()
				t.Expect(r.Read(10)).To(Return("a\nb\n"))
			})
			It("raises a stored exception each time: "+name, Rule("reader.read.exception-is-sticky"), func() {
				r.SetException("boom")
				t.Expect(read(r)).To(FailWith(Exception("boom")))
				t.Expect(read(r)).To(FailWith(Exception("boom")))
				r.SetException("another")
				t.Expect(read(r)).To(FailWith(Exception("another")))
			})
			It("refuses a second call that has to wait: "+name, Rule("reader.read.second-waiter-refused"), func() {
				t.NeedsExactSettling() // otherwise the first may not have begun to wait
				first := r.ReadExactly(3)
				t.Expect(read(r)).To(FailWith(ConcurrentRead))
				t.Expect(first).To(BePending())
				r.FeedData("abc")
				t.Expect(first).To(Return("abc"))
				r.FeedData("x\n")
				r.FeedEOF()
				t.Expect(read(r)).To(ReturnOneOf("x", "x\n"))
			})
		}
		It("lets buffered data be read again when the exception is cleared", Rule("reader.read.exception-is-sticky"), func() {
			r.FeedData("abc")
			r.SetException("boom")
			t.Expect(r.ReadLine()).To(FailWith(Exception("boom")))
			t.Expect(r.ClearException()).To(ReturnNone())
			t.Expect(r.Read(3)).To(Return("abc"))
		})
		It("raises a stored exception for read(0) too", Rule("reader.read.exception-before-zero"), func() {
			r.SetException("boom")
			t.Expect(r.Read(0)).To(FailWith(Exception("boom")))
		})
		It("raises a stored exception for readexactly(0) too", Rule("reader.read.exception-before-zero"), func() {
			r.SetException("boom")
			t.Expect(r.ReadExactly(0)).To(FailWith(Exception("boom")))
		})
		It("refuses a wrong count before it looks at a stored exception", Rule("reader.read.arguments-before-exception"), func() {
			r.SetException("boom")
			t.Expect(r.ReadExactly(-1)).To(FailWith(InvalidArgument))
		})
		It("refuses an empty separator before it looks at a stored exception", Rule("reader.read.arguments-before-exception"), func() {
			r.SetException("boom")
			t.Expect(r.ReadUntil("")).To(FailWith(InvalidArgument))
		})

		It("needs no turn of the loop for what is buffered", Rule("reader.read.buffered-data-without-yielding"), func() {
			r.FeedData("abc\ndef\n")
			var line, some *Call // one after the other: which of two runs first is not said
			t.WithoutSettling(func() { line = r.ReadLine() })
			t.Expect(line).To(Return("abc\n"))
			t.WithoutSettling(func() { some = r.Read(3) })
			t.Expect(some).To(Return("def"))
		})
		It("completes what is buffered in the order of the calls", Rule("reader.read.buffered-data-without-yielding"), func() {
			r.FeedData("ab\n")
			for _, want := range []string{"a", "b"} {
				t.Expect(r.ReadExactly(1)).To(Return(want))
			}
			t.Expect(r.ReadUntilDefault()).To(Return("\n"))
		})

		It("may lose what a read to the end had taken when it is cancelled", Rule("reader.read.to-eof-failure-loses-data"), func() {
			r.FeedData("abc")
			all := r.ReadAll()
			all.Cancel()
			t.Expect(all).To(FailWith(Cancelled))
			r.FeedData("def")
			r.FeedEOF()
			rest := r.ReadAll()
			t.Expect(rest).To(ReturnOneOf("abcdef", "def"))
			t.Saw(lossOf(rest, "abcdef"))
		})
		It("may lose what a read to the end had taken when an exception comes", Rule("reader.read.to-eof-failure-loses-data"), func() {
			r.FeedData("abc")
			all := r.ReadAll()
			r.SetException("boom")
			t.Expect(all).To(FailWith(Exception("boom")))
			r.ClearException()
			r.FeedData("def")
			r.FeedEOF()
			rest := r.ReadAll()
			t.Expect(rest).To(ReturnOneOf("abcdef", "def"))
			t.Saw(lossOf(rest, "abcdef"))
		})

		cancelled := []struct {
			name string
			fed  string
			call func(*Reader) *Call
		}{
			{"read(n)", "", func(r *Reader) *Call { return r.Read(5) }},
			{"readline", "ab", (*Reader).ReadLine},
			{"readexactly", "ab", func(r *Reader) *Call { return r.ReadExactly(5) }},
			{"readuntil", "ab", func(r *Reader) *Call { return r.ReadUntil("SEP") }},
		}
		for _, c := range cancelled {
			It("loses nothing when it is cancelled: "+c.name, Rule("reader.read.cancel-keeps-data"), func() {
				r.FeedData(c.fed)
				waiting := c.call(r)
				t.Expect(waiting).To(BePending())
				waiting.Cancel()
				t.Expect(waiting).To(FailWith(Cancelled))
				r.FeedData("cd")
				r.FeedEOF()
				t.Expect(r.ReadAll()).To(Return(c.fed + "cd"))
			})
			It("can be called again after it was cancelled: "+c.name, Rule("reader.read.cancel-keeps-data"), func() {
				r.FeedData(c.fed)
				first := c.call(r)
				first.Cancel()
				t.Expect(first).To(FailWith(Cancelled))
				again := c.call(r)
				t.Expect(again).To(BePending())
				r.FeedData("\nSEPxy")
				t.Expect(again.Returned()).NotTo(BeNil(), "the second %s did not return", c.name)
			})
		}

		It("serves a second call that need not wait, though the first one waits", Rule("reader.read.conflict-only-when-waiting"), func() {
			first := r.ReadExactly(5)
			r.FeedData("abc")
			t.Expect(first).To(BePending())
			t.Expect(r.Read(2)).To(Return("ab"))
			r.FeedData("defg")
			t.Expect(first).To(Return("cdefg"))
		})
		for _, separator := range []string{"\n", "AB"} {
			It(fmt.Sprintf("has a call find its separator, %q, though another has taken what was there before", separator), Rule("reader.read.conflict-only-when-waiting"), func() {
				first := r.ReadUntil(separator)
				r.FeedData("abc")
				t.Expect(first).To(BePending())
				t.Expect(r.Read(3)).To(Return("abc"))
				r.FeedData(separator)
				t.Expect(first).To(Return(separator))
			})
		}
		It("does not take it for the end of the stream that another call has taken what came", Rule("reader.read.conflict-only-when-waiting"), func() {
			t.NeedsExactSettling() // otherwise the first may only not have come back yet
			var second *Call
			first := r.Read(1)
			t.WithoutSettling(func() {
				second = r.ReadLine()
				r.FeedData("\n")
			})
			t.Settle()
			if !first.Pending() { // the other one has taken it
				t.Expect(first).To(Return("\n"))
			} else {
				t.Expect(second).To(Return("\n"))
			}
		})
		It("loses no call that begins when the one before has been woken and has not run", Rule("reader.read.second-waiter-refused"), func() {
			t.NeedsExactSettling()
			var second *Call
			first := r.ReadUntil("a")
			t.WithoutSettling(func() {
				second = r.ReadExactly(5)
				r.FeedData("a")
			})
			t.Expect(first).To(Return("a"))
			r.FeedData("12345")
			if second.Raised() != nil {
				t.Expect(second).To(FailWith(ConcurrentRead))
			} else {
				t.Expect(second).To(Return("12345"))
			}
		})
		It("never takes read(0) or readexactly(0) for a conflict", Rule("reader.read.conflict-only-when-waiting"), func() {
			first := r.ReadLine()
			t.Expect(r.Read(0)).To(Return(""))
			t.Expect(r.ReadExactly(0)).To(Return(""))
			r.FeedData("a\n")
			t.Expect(first).To(Return("a\n"))
		})

		It("sees everything that was fed before it runs", Rule("reader.read.woken-reader-sees-all-fed"), func() {
			waiting := r.Read(5)
			t.WithoutSettling(func() { r.FeedData("a", "b") })
			t.Expect(waiting).To(ReturnOneOf("ab", "a")) // "a" where the reader does not wait for a turn of a loop
			r.FeedEOF()
			got := string(*waiting.Returned().Bytes)
			t.Expect(r.ReadAll()).To(Return(strings.TrimPrefix("ab", got)))
		})
		It("sees a whole chunk when one byte would do", Rule("reader.read.woken-reader-sees-all-fed"), func() {
			waiting := r.Read(5)
			r.FeedData("abc")
			t.Expect(waiting).To(Return("abc"))
		})
		It("sees everything that was fed while it was still waiting for more", Rule("reader.read.woken-reader-sees-all-fed"), func() {
			waiting := r.ReadExactly(5)
			t.WithoutSettling(func() { r.FeedData("a", "b", "c", "d") })
			t.Expect(waiting).To(BePending())
			r.FeedData("e")
			t.Expect(waiting).To(Return("abcde"))
		})
	})
}

// lossOf says whether a call returned everything.
func lossOf(c *Call, everything string) string {
	if string(*c.Returned().Bytes) == everything {
		return "loses nothing"
	}
	return "loses what was read so far"
}
