package monitor

import (
	"slices"
	"strings"
	"testing"

	"github.com/streamspec/streamspec/spec/trace"
)

// on moves a step to another reader.
func (s step) on(name string) step { s.c.On = name; return s }

// makes gives what a step makes another name.
func (s step) makes(name string) step { s.c.As = name; return s }

// quiet expects a session without violations.
func quiet(t *testing.T, m *Monitor) {
	t.Helper()
	if v := m.Violations(); len(v) > 0 {
		t.Errorf("accused: %v", v)
	}
}

// accused expects violations of these rules and no others.
func accused(t *testing.T, m *Monitor, rules ...string) {
	t.Helper()
	var named []string
	for _, v := range m.Violations() {
		named = append(named, v.Rule)
	}
	if !slices.Equal(named, rules) {
		t.Errorf("named %q, want %q: %v", named, rules, m.Violations())
	}
}

func TestReadersAreJudgedByThemselves(t *testing.T) {
	m := play(exact, newReader(4), newReader(4).makes("s"), feed("ab"), feed("xy\n").on("s"), line("c1"), line("c2").on("s").gives("xy\n"), feed("\n").with(done("c1", "ab\n")))
	quiet(t, m)
	show(m, read("c3", 1).on("s").gives("a"))
	accused(t, m, "reader.read.one-byte-suffices")
}

func TestWhatAnotherReaderDoesMeanwhileIsJudged(t *testing.T) {
	m := play(exact, newReader(4), newReader(4).makes("s"), line("c1"), feed("ab").on("s").with(done("c1", "ab")))
	accused(t, m, "reader.readline.waits-for-lf")
}

func TestAfterAViolationTheReaderIsLeftAlone(t *testing.T) {
	m := play(exact, newReader(4), feed("ab"), read("c1", 1).gives("x"), read("c2", 1).gives("y"), atEOF(true), eof().raises(badState))
	accused(t, m, "reader.feed.data-is-appended")
}

func TestAViolationThatLeavesItClearHowToGoOn(t *testing.T) {
	m := play(exact, newReader(4), feed("abcdeS"), until("c1", "S").raises(overrun(6)), until("c2", "S").raises(overrun(6)), read("c3", 5).gives("abcde"), atEOF(true))
	accused(t, m, "reader.readuntil.found-overrun-consumed", "reader.readuntil.found-overrun-consumed", "reader.feed.at-eof-needs-empty-and-eof")
}

func TestReset(t *testing.T) {
	m := play(exact, newReader(4), feed("ab"), read("c1", 1).gives("ab"))
	accused(t, m, "reader.read.size-is-upper-bound")
	before := m.Exercised()["reader.feed.data-is-appended"]
	m.Reset()
	quiet(t, m)
	show(m, read("c1", 1), feed("x"), atEOF(true)) // the reader is not known any more
	quiet(t, m)
	show(m, newReader(2), feed("xyz"), readAll("c1"), eof().with(done("c1", "xyz"))) // nor is anything left of it in the new one
	quiet(t, m)
	if n := m.Exercised()["reader.feed.data-is-appended"]; n != before+1 {
		t.Errorf("feeding was exercised %d times, want the %d from before and 1 more", n, before)
	}
	show(m, atEOF(false))
	if v := m.Violations(); len(v) != 1 || v[0].Step != 8 {
		t.Errorf("steps are counted from the reset on, so this is the 8th: %v", v)
	}
}

func TestResetLeavesNothingInReadersMadeAnew(t *testing.T) {
	m := New(exact)
	for range 3 {
		show(m, append(flows(1, feed(a(3)).with(pause), setException("boom"), eof(), read("c1", 1).raises(boom())), newReader(9).makes("s"))...)
		quiet(t, m)
		m.Reset()
	}
	show(m, flows(1, feed("a"), atEOF(false), exception(), read("c1", 1).gives("a"), feed(a(3)).with(pause))...)
	quiet(t, m)
}

func TestForget(t *testing.T) {
	t.Run("all", func(t *testing.T) {
		quiet(t, play(exact, newReader(4), feed("ab"), read("c1", 9).soon(), forget(), settle().with(done("c1", "nonsense")), read("c1", 1).gives("nonsense")))
	})
	t.Run("a reader", func(t *testing.T) {
		quiet(t, play(exact, newReader(4), feed("ab"), forget("r"), read("c1", 1).gives("nonsense")))
	})
	t.Run("a reader, and the other is still judged", func(t *testing.T) {
		m := play(exact, newReader(4), newReader(4).makes("s"), feed("ab").on("s"), forget("r"), read("c1", 1).on("s").gives("ab"))
		accused(t, m, "reader.read.size-is-upper-bound")
	})
	t.Run("a reader that is made again is new", func(t *testing.T) {
		quiet(t, play(exact, newReader(4), feed("ab"), eof(), forget("r"), newReader(4), atEOF(false), read("c1", 1)))
	})
	t.Run("a call, after which its reader cannot be followed", func(t *testing.T) {
		quiet(t, play(exact, newReader(4), feed("ab"), exactly("c1", 3), forget("c1"), exactly("c2", 2)))
	})
	t.Run("nothing", func(t *testing.T) {
		none := forget()
		none.c.Names = []string{}
		m := play(exact, newReader(4), none, atEOF(true))
		accused(t, m, "reader.feed.at-eof-needs-empty-and-eof")
	})
	t.Run("what there is not", func(t *testing.T) {
		quiet(t, play(exact, newReader(4), forget("x", "y"), atEOF(false)))
	})
	t.Run("a transport, whose calls are then nobody's", func(t *testing.T) {
		quiet(t, play(exact, newReader(4), transportThat(true), forget("t"), feed("a").with(pause)))
	})
}

func TestUnknownObjectsAreNotJudged(t *testing.T) {
	quiet(t, play(exact,
		feed("ab").on("nobody").raises(badState), read("c1", 1).on("nobody").gives("x"), cancel("nobody").raises(badState), run("nobody", false),
		settle().with(pause, resume, done("c7", "x"), item("c8", "y"), event(trace.Warned, ""), event(trace.Logged, "")),
	))
}

// TestWhatTheAdapterCouldNotDoIsNotJudged holds that a command without effect, or with an unknown one, ends the judgement of
// its object without a violation.
func TestWhatTheAdapterCouldNotDoIsNotJudged(t *testing.T) {
	for name, reply := range map[string]trace.Reply{"fault": {Fault: "KeyError"}, "unsupported": {Unsupported: "no views"}} {
		t.Run(name, func(t *testing.T) {
			could := func(s step) step { s.r = reply; return s }
			quiet(t, play(exact, newReader(4), could(feed("ab")), read("c1", 9).gives("ab"), atEOF(true)))
			quiet(t, play(exact, newReader(4), could(read("c1", 9)), read("c2", 9).gives("x")))
			quiet(t, play(exact, newReader(4), read("c1", 9), could(cancel("c1")), feed("a"), atEOF(true)))
			quiet(t, play(exact, could(newReader(4)), feed("ab"), read("c1", 1).gives("x")))
			quiet(t, play(exact, newReader(4), read("c1", 0).soon(), could(run("nobody", false)).with(done("c1", "")), feed("a"), atEOF(true)))
			m := play(exact, newReader(4), newReader(4).makes("s"), could(feed("ab")), atEOF(true).on("s"))
			accused(t, m, "reader.feed.at-eof-needs-empty-and-eof") // the other reader is judged as before
		})
	}
}

func TestNoiseIsAViolationOfNoRuleInParticular(t *testing.T) {
	for _, name := range []trace.EventName{trace.Unhandled, trace.Unraisable, trace.Unsettled} {
		noise := trace.Event{Ev: name, Text: "Task exception was never retrieved"}
		m := play(exact, newReader(4), feed("a").with(noise), read("c1", 1).gives("a"))
		accused(t, m, "")
		if v := m.Violations(); len(v) == 1 && (v[0].Step != 2 || !strings.Contains(v[0].Text, "step 2: ") || !strings.Contains(v[0].Text, noise.String())) {
			t.Errorf("the violation says %q of step %d, want it to show %q in step 2", v[0].Text, v[0].Step, noise)
		}
		m = play(exact, newReader(4))
		m.End([]trace.Event{noise, noise})
		accused(t, m, "", "")
	}
	m := play(exact, newReader(4))
	m.End([]trace.Event{{Ev: trace.Warned, Text: "deprecated"}, {Ev: trace.Logged, Text: "hello"}})
	quiet(t, m)
}

func TestViolationsAreInTheOrderInWhichTheyWereSeen(t *testing.T) {
	m := play(exact, newReader(4).raises(invalid), newReader(4).makes("s"), atEOF(true).on("s").with(event(trace.Unhandled, "")))
	accused(t, m, "reader.feed.opener-sets-limit", "", "reader.feed.at-eof-needs-empty-and-eof")
}
