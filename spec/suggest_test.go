package spec

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestSuggest(t *testing.T) {
	g := NewWithT(t)
	c := mustLoad(t)
	for typed, want := range map[string]string{
		"reader.readuntil.overun-keeps-data":   "reader.readuntil.overrun-keeps-data",
		"reader.readutil.overrun-keep-data":    "reader.readuntil.overrun-keeps-data",
		"writer.readuntil.overrun-keeps-data":  "reader.readuntil.overrun-keeps-data", // wrong area
		"overrun-keeps-data":                   "reader.readuntil.overrun-keeps-data",
		"Reader.ReadUntil.Overrun-Keeps-Data ": "reader.readuntil.overrun-keeps-data",
		"rduntil-009":                          "reader.readuntil.overrun-keeps-data",
		"writer.drain.blocks-above-low":        "writer.drain.blocks-above-high",
	} {
		ids := c.Suggest(typed)
		g.Expect(ids).NotTo(BeEmpty(), typed)
		g.Expect(ids[0]).To(Equal(want), typed)
	}
	g.Expect(c.Suggest("reader.")).To(HaveLen(maxSuggestions), "never more than can be read")
	for _, typed := range []string{"", " ", "xyzzy", "something.else.entirely"} {
		g.Expect(c.Suggest(typed)).To(BeEmpty(), "%q", typed)
	}
}

func TestDistance(t *testing.T) {
	g := NewWithT(t)
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "ac", 1}, {"abc", "xabc", 1}, {"kitten", "sitting", 3},
	} {
		g.Expect(distance(test.a, test.b)).To(Equal(test.want), "%s and %s", test.a, test.b)
	}
}
