package behavior

import (
	. "github.com/onsi/ginkgo/v2"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
)

// readerIterate is iteration over a reader.
func readerIterate(t *Testee) {
	Describe("reader.iterate", func() {
		var r *Reader
		BeforeEach(func() { r = t.NewReader() })

		It("can be iterated over", Rule("reader.iterate.is-iterable"), func() {
			r.FeedData("a\n")
			r.FeedEOF()
			loop := r.Iterate()
			t.Expect(loop).To(ReturnNone())
			t.Expect(loop).To(HaveItems("a\n"))
		})
		DescribeTable("yields the lines that readline would return", Rule("reader.iterate.yields-lines-until-eof"),
			func(fed string, lines ...string) {
				r.FeedData(fed)
				r.FeedEOF()
				loop := r.Iterate()
				t.Expect(loop).To(ReturnNone())
				t.Expect(loop).To(HaveItems(lines...))
			},
			Entry("with a blank line and an unterminated last one", "a\n\nb\nlast", "a\n", "\n", "b\n", "last"),
			Entry("with all lines terminated", "a\nb\n", "a\n", "b\n"), Entry("with CR", "a\r\nb\rc\n", "a\r\n", "b\rc\n"), Entry("of an empty stream", ""),
		)
		It("waits for lines as they come", Rule("reader.iterate.yields-lines-until-eof"), func() {
			loop := r.Iterate()
			t.Expect(loop).To(BePending())
			r.FeedData("a\nb")
			t.Expect(loop).To(BePending())
			t.Expect(loop).To(HaveItems("a\n"))
			r.FeedData("c\n")
			t.Expect(loop).To(HaveItems("a\n", "bc\n"))
			r.FeedEOF()
			t.Expect(loop).To(ReturnNone())
		})
		It("takes no more lines than the loop asks for", Rule("reader.iterate.yields-lines-until-eof"), func() {
			r.FeedData("a\nb\nc\n")
			loop := r.IterateItems(2)
			t.Expect(loop).To(ReturnNone())
			t.Expect(loop).To(HaveItems("a\n", "b\n"))
			t.Expect(r.ReadLine()).To(Return("c\n"))
		})
		It("raises what readline raises for a line too long, and can be started again", Rule("reader.iterate.overrun-propagates"), func() {
			r := t.NewReaderLimit(4)
			r.FeedData("ab\nabcde\ncd\n")
			r.FeedEOF()
			loop := r.Iterate()
			t.Expect(loop).To(FailWith(InvalidArgument))
			t.Expect(loop).To(HaveItems("ab\n"))
			again := r.Iterate()
			t.Expect(again).To(ReturnNone())
			t.Expect(again).To(HaveItems("cd\n"))
		})
		It("raises a stored exception", Rule("reader.iterate.overrun-propagates"), func() {
			r.FeedData("a\n")
			r.SetException("boom")
			loop := r.Iterate()
			t.Expect(loop).To(FailWith(Exception("boom")))
			t.Expect(loop).To(HaveItems())
		})
	})
}
