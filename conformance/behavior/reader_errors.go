package behavior

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
)

// readerErrors is IncompleteReadError and LimitOverrunError.
func readerErrors(t *Testee) {
	Describe("reader.errors", func() {
		It("tells what was read before the end of the stream", Rule("reader.errors.incomplete-has-partial"), func() {
			r := t.NewReader()
			r.FeedData("abc")
			r.FeedEOF()
			t.Expect(r.ReadExactly(10)).To(FailWith(Partial("abc")))
			t.Expect(r.ReadUntil("SEP")).To(FailWith(Partial("")))
		})
		It("tells what was read before the end of the stream, of readuntil", Rule("reader.errors.incomplete-has-partial"), func() {
			r := t.NewReader()
			r.FeedData("abc")
			r.FeedEOF()
			t.Expect(r.ReadUntil("SEP")).To(FailWith(Partial("abc")))
		})
		It("leaves the reader usable after an overrun", Rule("reader.errors.overrun-leaves-reader-usable"), func() {
			r := t.NewReaderLimit(4)
			r.FeedData("abcdef;gh;")
			t.Expect(r.ReadUntil(";")).To(FailWith(LimitOverrun))
			t.Expect(r.ReadExactly(2)).To(Return("ab"))
			t.Expect(r.ReadUntil(";")).To(Return("cdef;"))
			t.Expect(r.ReadUntil(";")).To(Return("gh;"))
		})
		It("leaves the reader usable after an overrun in which no separator was found", Rule("reader.errors.overrun-leaves-reader-usable"), func() {
			r := t.NewReaderLimit(4)
			r.FeedData("abcdef")
			t.Expect(r.ReadUntil(";")).To(FailWith(LimitOverrun))
			t.Expect(r.Read(100)).To(Return("abcdef"))
			r.FeedData("gh;")
			t.Expect(r.ReadUntil(";")).To(Return("gh;"))
		})
		It("tells how much an overrun has to skip", Rule("reader.errors.overrun-has-consumed"), func() {
			r := t.NewReaderLimit(4)
			r.FeedData("abcdefSEP")
			call := r.ReadUntil("SEP")
			t.Expect(call).To(FailWith(LimitOverrun))
			t.Expect(call.Raised().Consumed).To(HaveValue(Equal(6)))
		})
	})
}
