package vectors

import (
	"slices"
	"testing"

	"github.com/streamspec/streamspec/conformance/adapter/reference"
	"github.com/streamspec/streamspec/spec/trace"
)

func TestRecordExpectsWhatHasToBe(t *testing.T) {
	r := runner(t, reference.New())
	for _, test := range []struct {
		name      string
		program   program
		since     string
		expecting int // how many steps expect something
	}{
		{"a line", limited(limit).call(readLine).feed("ab\n"), "", 3},
		{"an overrun, whose number is certain", limited(limit).feed("abcdef\n").call(until("\n")), "", 3},
		{"several separators", limited(limit).feed("abS").call(untilAny("S", "E")), "3.13", 3},
		{"a pause", controlled(limit).feed("abcdefg"), "", 4},
		{"a read to the end that is cancelled may lose what it has taken", limited(limit).feed("ab").call(readAll).cancel("c1").eof().call(readAll), "", 3},
		{"the end may resume the transport or not", controlled(1).feed("abc").eof().ask(trace.ReaderAtEOF), "", 4},
	} {
		v, err := r.Record(t.Context(), test.program)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		expecting := 0
		for _, s := range v.Steps {
			if s.Expect != nil {
				expecting++
			}
		}
		if expecting != test.expecting || v.Since != test.since || v.Until != "" {
			t.Errorf("%s: %d steps expect something, want %d; since %q, want %q; until %q", test.name, expecting, test.expecting, v.Since, test.since, v.Until)
		}
	}
}

func TestTitle(t *testing.T) {
	p := controlled(limit).feed("a\n").call(until("\n"), read(2)).cancel("c2").eof()
	if got, want := title(p), `make(limit: 3); flow control; feed_data('a\n'); readuntil('\n'); read(2); cancel c2; feed_eof`; got != want {
		t.Errorf("the title is %s, want %s", got, want)
	}
}

// TestProgramsAreValues holds that making a program longer leaves others alone that begin alike.
func TestProgramsAreValues(t *testing.T) {
	p := limited(limit).feed("a").call(readLine)
	q, r := p.feed("b"), p.eof()
	if q[3].Op != trace.ReaderFeedData || r[3].Op != trace.ReaderFeedEOF || len(p) != 3 {
		t.Errorf("they are %v and %v, of %v", q, r, p)
	}
	if names := []string{q.call(read(1))[4].As, q.call(read(1), read(1))[5].As}; !slices.Equal(names, []string{"c2", "c3"}) {
		t.Errorf("the calls are named %v", names)
	}
}
