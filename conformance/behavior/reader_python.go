package behavior

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// readerPython is the surface of the reader in Python: types, names and texts.
func readerPython(t *Testee) {
	Describe("reader.python", func() {
		var r *Reader
		BeforeEach(func() {
			t.Needs(trace.CapPythonSurface)
			r = t.NewReader()
		})

		reads := []struct {
			name string
			call func(*Reader) *Call
		}{
			{"read(n)", func(r *Reader) *Call { return r.Read(2) }},
			{"read(0)", func(r *Reader) *Call { return r.Read(0) }},
			{"read()", func(r *Reader) *Call { r.FeedEOF(); return r.ReadAll() }},
			{"readline", (*Reader).ReadLine},
			{"readline at the end", func(r *Reader) *Call { r.FeedEOF(); r.ReadLine(); return r.ReadLine() }},
			{"readexactly", func(r *Reader) *Call { return r.ReadExactly(2) }},
			{"readexactly(0)", func(r *Reader) *Call { return r.ReadExactly(0) }},
			{"readuntil", func(r *Reader) *Call { return r.ReadUntil("b") }},
		}
		for _, c := range reads {
			It("returns bytes, and not a buffer that can change: "+c.name, Rule("reader.read.returns-immutable-bytes"), func() {
				r.FeedDataAs("ab\ncd", trace.ByteArray)
				v := c.call(r).Returned()
				t.Expect(v).NotTo(BeNil(), "%s did not return", c.name)
				t.Expect(v.Bytes).NotTo(BeNil(), "%s returned %s", c.name, v)
				t.Expect(v.Type).To(BeEmpty(), "%s returned an object of this type", c.name)
			})
		}
		for _, form := range []trace.Form{trace.AsText, trace.AsNone, trace.AsInt, trace.AsList} {
			It("refuses a separator that is no data: "+string(form), Rule("reader.readuntil.separator-types"), func() {
				r.FeedData("abc5d")
				t.Expect(r.ReadUntilAs("5", form)).To(FailWith(InvalidType))
			})
		}
		for _, form := range []trace.Form{trace.ByteArray, trace.View} {
			It("takes a separator in any form of data: "+string(form), Rule("reader.readuntil.separator-types"), func() {
				r.FeedData("abc;d")
				t.Expect(r.ReadUntilAs(";", form)).To(Return("abc;"))
			})
		}
		It("refuses text for data", Rule("reader.feed.data-types"), func() {
			t.Expect(r.FeedDataAs("abc", trace.AsText)).To(FailWith(InvalidType))
		})
		It("takes no object for no data", Rule("reader.feed.data-types"), func() {
			t.Expect(r.FeedDataAs("", trace.AsNone)).To(ReturnNone())
		})
		for _, form := range []trace.Form{trace.ByteArray, trace.View} {
			It("takes data in any form: "+string(form), Rule("reader.feed.data-types"), func() {
				t.Expect(r.FeedDataAs("abc", form)).To(ReturnNone())
				t.Expect(r.Read(10)).To(Return("abc"))
			})
		}

		It("has its errors as public names of asyncio", Rule("reader.errors.public-names"), func() {
			r := t.NewReaderLimit(4)
			r.FeedData("abcdef;")
			t.Expect(r.ReadUntil(";").Raised()).To(HaveField("Native", "asyncio.LimitOverrunError"))
			r.FeedEOF()
			t.Expect(r.ReadExactly(10).Raised()).To(HaveField("Native", "asyncio.IncompleteReadError"))
		})
		It("says in an incomplete read how much was read of how much", Rule("reader.errors.incomplete-text"), func() {
			r.FeedData("abc")
			r.FeedEOF()
			t.Expect(r.ReadExactly(10).Raised()).To(HaveField("Message", "3 bytes read on a total of 10 expected bytes"))
		})
		It("says in an incomplete read that the total is unknown", Rule("reader.errors.incomplete-text"), func() {
			r.FeedData("abc")
			r.FeedEOF()
			t.Expect(r.ReadUntil(";").Raised()).To(HaveField("Message", Or(
				Equal("3 bytes read on a total of undefined expected bytes"), Equal("3 bytes read on a total of None expected bytes"))))
		})
	})
}
