package spec

import (
	"testing"

	. "github.com/onsi/gomega"
)

func version(t testing.TB, s string) Version {
	t.Helper()
	v, err := ParseVersion(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestParseVersion(t *testing.T) {
	g := NewWithT(t)
	for text, want := range map[string]string{
		"3.6": "3.6", "3.13": "3.13", "3.13.0": "3.13", "3.12.11": "3.12", "3.14.0b1": "3.14", "3.14.0rc2": "3.14", "3.15.0a3+": "3.15",
		"3.13.2+": "3.13", "3.8-draft": "3.8-draft", "4.0": "4.0",
	} {
		v := version(t, text)
		g.Expect(v.String()).To(Equal(want), text)
		g.Expect(v.Draft()).To(Equal(want == "3.8-draft"), text)
	}
	for _, text := range []string{"", "3", "3.", "v3.13", "3.13.", "3.13 ", "3.x", "-3.13", "3.9-draft", "3.13.0-dev", "99999999999999999999.1"} {
		_, err := ParseVersion(text)
		g.Expect(err).To(MatchError(ContainSubstring("%q", text)))
	}
}

func TestVersionText(t *testing.T) {
	g := NewWithT(t)
	var v Version
	g.Expect(v.UnmarshalText([]byte("3.13.1"))).To(Succeed())
	g.Expect(v).To(Equal(version(t, "3.13")))
	g.Expect(v.UnmarshalText([]byte("new"))).NotTo(Succeed())
	g.Expect(v).To(Equal(version(t, "3.13")), "a failure changes nothing")
	g.Expect(v.UnmarshalText(nil)).To(Succeed())
	g.Expect(v.IsZero()).To(BeTrue())
	g.Expect(v.String()).To(BeEmpty())
}

func TestCompareVersions(t *testing.T) {
	g := NewWithT(t)
	rising := []string{"2.7", "3.6", "3.7", "3.8-draft", "3.8", "3.9", "3.10", "3.13", "3.14", "4.0"}
	for i, a := range rising {
		for j, b := range rising {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			g.Expect(version(t, a).Compare(version(t, b))).To(Equal(want), "%s and %s", a, b)
		}
	}
	g.Expect(version(t, "3.13.0")).To(Equal(version(t, "3.13")))
}

// TestInForce judges rules of every kind against every version: x stands for in force.
func TestInForce(t *testing.T) {
	c := mustLoad(t)
	columns := []string{"3.5", "3.6", "3.7", "3.8-draft", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13.0", "3.14.0b1"}
	for id, want := range map[string]string{
		"reader.read.to-eof-ignores-limit":              ".xxxxxxxxxx", // stated by all documents
		"reader.read.zero-returns-at-once":              ".xxxxxxxxxx", // stated late, true always
		"reader.iterate.is-iterable":                    ".xxxxxxxxxx",
		"reader.iterate.absent-from-old-documents":      ".xxxxxxx...",
		"reader.feed.data-is-appended":                  ".xxxxxxxxxx", // stated by 3.6 only, never taken back
		"reader.readuntil.limit-excludes-separator":     ".xxxxxxxxxx",
		"reader.readuntil.tuple-accepted":               ".........xx",
		"reader.readuntil.tuple-not-found-uses-longest": ".........xx",
		"reader.readuntil.tuple-undefined-before-3-13":  ".xxxxxxxx..",
		"writer.write.sends-at-once":                    "...xxxxxxxx",
		"writer.write.not-awaitable":                    ".xx.xxxxxxx",
		"writer.write.returns-none":                     ".xx.xxxxxxx",
		"writer.write.draft-awaitable":                  "...x.......",
		"writer.close.wait-closed-waits":                "...x....xxx",
		"writer.close.is-closing":                       "..xxxxxxxxx",
		"writer.close.surface-3-6":                      ".x.........",
		"writer.drain.several-tasks":                    "......xxxxx",
		"writer.drain.second-task-asserts":              ".xxxxx.....",
		"writer.start_tls.exists":                       ".......xxxx",
		"writer.start_tls.shutdown-timeout":             "........xxx",
		"open_connection.loop-accepted":                 ".xxxxx.....",
		"open_connection.loop-refused":                  "......xxxxx",
		"open_connection.happy-eyeballs":                "....xxxxxxx",
		"open_connection.draft-deprecated":              "...x.......",
		"transport.base.close-flushes":                  "..xxxxxxxxx", // valid since 3.7, the draft included
		"protocol.buffered.get-buffer":                  "..xxxxxxxxx",
		"protocol.stream.failing-callback-in-3-6":       ".x.........",
		"protocol.stream.failing-callback-is-fatal":     "..xxxxxxxxx",
		"start_server.failing-coroutine-unreported":     ".xxxxxx....",
		"start_server.failing-coroutine-closes":         ".......xxxx",
		"start_server.wait-closed-waits-for-clients":    "........xxx",
		"draft.stream_server.close-waits-for-handlers":  "...x.......",
		"draft.unix_stream_server.serve-forever-open":   "...x.......",
		"examples.echo-client":                          "..x.xxxxxxx",
		"examples.draft-echo-client":                    "...x.......",
		"examples.old-style":                            ".xx.xx.....",
	} {
		r, ok := c.Rule(id)
		if !ok {
			t.Errorf("no rule %s", id)
			continue
		}
		var got []byte
		for _, column := range columns {
			mark := byte('.')
			if r.InForce(version(t, column)) {
				mark = 'x'
			}
			got = append(got, mark)
		}
		if string(got) != want {
			t.Errorf("%s (%s) is in force for %s, want %s, of %v", id, r.Versions, got, want, columns)
		}
	}
}

func TestVersionsInWords(t *testing.T) {
	g := NewWithT(t)
	v36, v38, v39 := version(t, "3.6"), version(t, "3.8"), version(t, "3.9")
	for want, vs := range map[string]Versions{
		"from 3.6":                {From: v36, Draft: true},
		"from 3.6, not 3.8-draft": {From: v36},
		"from 3.6 to 3.9":         {From: v36, To: v39, Draft: true},
		"3.6 only":                {From: v36, To: v36},
		"from 3.9, and 3.8-draft": {From: v39, Draft: true},
		"from 3.8":                {From: v38, Draft: true},
		"3.8-draft only":          {Draft: true},
	} {
		g.Expect(vs.String()).To(Equal(want))
	}
}

func TestGate(t *testing.T) {
	g := NewWithT(t)
	var always, strict []Level
	for _, l := range Levels() {
		if l.Gate(false) {
			always = append(always, l)
		}
		if l.Gate(true) {
			strict = append(strict, l)
		}
	}
	g.Expect(always).To(Equal([]Level{Must}))
	g.Expect(strict).To(Equal([]Level{Must, Should, DeFacto}))
}
