package drive

import (
	"strings"
	"testing"

	"github.com/onsi/gomega/types"

	"github.com/streamspec/streamspec/spec/trace"
)

// came is a call of readuntil("\n") that came back so.
func came(reply trace.Reply) *Call {
	return &Call{command: trace.Command{Op: trace.ReaderReadUntil, On: "r", As: "c1", Separator: trace.D("\n")}, reply: reply}
}

func returned(v trace.Value) *Call { return came(trace.Reply{Returned: &v}) }

func raised(e trace.Error) *Call { return came(trace.Reply{Raised: &e}) }

func incomplete(partial string, expected *int) *Call {
	b := trace.Bytes(partial)
	return raised(trace.Error{Kind: trace.IncompleteRead, Partial: &b, Expected: expected})
}

func TestMatchers(t *testing.T) {
	data := returned(trace.BytesValue([]byte("abc")))
	for _, c := range []struct {
		name    string
		call    *Call
		matcher types.GomegaMatcher
		want    bool
	}{
		{"the bytes", data, Return("abc"), true},
		{"other bytes", data, Return("ab"), false},
		{"bytes where none are", returned(trace.None), Return(""), false},
		{"one of several", data, ReturnOneOf("x", "abc"), true},
		{"none of several", data, ReturnOneOf("x", "y"), false},
		{"none", returned(trace.None), ReturnNone(), true},
		{"none where bytes are", data, ReturnNone(), false},
		{"true", returned(trace.BoolValue(true)), ReturnBool(true), true},
		{"false for true", returned(trace.BoolValue(true)), ReturnBool(false), false},
		{"the exception", returned(trace.ErrorValue(trace.Error{Kind: trace.Scripted, Message: "boom"})), ReturnException("boom"), true},
		{"another exception", returned(trace.ErrorValue(trace.Error{Kind: trace.Scripted, Message: "bang"})), ReturnException("boom"), false},
		{"one of two outcomes", data, Either(BePending(), Return("abc")), true},
		{"neither of two outcomes", data, Either(BePending(), FailWith(LimitOverrun)), false},
		{"pending for returned", data, BePending(), false},
		{"the kind", raised(trace.Error{Kind: trace.LimitOverrun}), FailWith(LimitOverrun), true},
		{"another kind", raised(trace.Error{Kind: trace.Cancelled}), FailWith(LimitOverrun), false},
		{"an error for a value", data, FailWith(LimitOverrun), false},
		{"consumed", raised(trace.Error{Kind: trace.LimitOverrun, Consumed: trace.Int(5)}), FailWith(Consumed(5)), true},
		{"other consumed", raised(trace.Error{Kind: trace.LimitOverrun, Consumed: trace.Int(4)}), FailWith(Consumed(5)), false},
		{"no consumed", raised(trace.Error{Kind: trace.LimitOverrun}), FailWith(Consumed(0)), false},
		{"partial", incomplete("ab", nil), FailWith(Partial("ab")), true},
		{"other partial", incomplete("a", nil), FailWith(Partial("ab")), false},
		{"expected", incomplete("ab", trace.Int(5)), FailWith(PartialOf("ab", 5)), true},
		{"other expected", incomplete("ab", trace.Int(4)), FailWith(PartialOf("ab", 5)), false},
		{"expected unknown", incomplete("ab", nil), FailWith(PartialOfUnknown("ab")), true},
		{"expected known", incomplete("ab", trace.Int(5)), FailWith(PartialOfUnknown("ab")), false},
		{"the exception raised", raised(trace.Error{Kind: trace.Scripted, Message: "boom"}), FailWith(Exception("boom")), true},
		{"another exception raised", raised(trace.Error{Kind: trace.Scripted, Message: "bang"}), FailWith(Exception("boom")), false},
	} {
		got, err := c.matcher.Match(c.call)
		if err != nil || got != c.want {
			t.Errorf("%s: matched %t, %v; %t was due", c.name, got, err, c.want)
		}
	}
	if _, err := Return("a").Match("a"); err == nil {
		t.Error("a string was taken for a call")
	}
}

// TestAFailureSaysEverything holds that a message has what was done, what came back and what was permitted.
func TestAFailureSaysEverything(t *testing.T) {
	got := FailWith(Consumed(5)).FailureMessage(returned(trace.BytesValue([]byte("abc\n"))))
	want := `c1 = r.readuntil("\n") returned "abc\n"; permitted: raised limit-overrun{consumed 5}`
	if got != want {
		t.Errorf("the message is\n%s\nand not\n%s", got, want)
	}
}

// TestEitherSaysBoth holds that the message has each outcome that is permitted.
func TestEitherSaysBoth(t *testing.T) {
	got := Either(ReturnBool(true), FailWith(LimitOverrun)).FailureMessage(returned(trace.None))
	want := `c1 = r.readuntil("\n") returned none; permitted: returned true, or raised limit-overrun`
	if got != want {
		t.Errorf("the message is\n%s\nand not\n%s", got, want)
	}
}

func TestRule(t *testing.T) {
	labels := Rule("reader.readuntil.overrun-keeps-data", "reader.errors.overrun-has-consumed")
	want := "reader.readuntil.overrun-keeps-data reader.readuntil MUST reader.errors.overrun-has-consumed reader.errors DEFACTO"
	if got := strings.Join(labels, " "); got != want {
		t.Errorf("the labels are %q, not %q", got, want)
	}
	if got := strings.Join(Rules(labels), " "); got != "reader.readuntil.overrun-keeps-data reader.errors.overrun-has-consumed" {
		t.Errorf("the rules of the labels are %q", got)
	}
	defer func() {
		if p, _ := recover().(string); !strings.Contains(p, "reader.readuntil.overrun-keeps-data") {
			t.Errorf("an unknown rule panicked with %q, without the one that is near", p)
		}
	}()
	Rule("reader.readuntil.overrun-keep-data")
}

// TestOnceSaid holds that what an expectation and a monitor both see is said once, and different steps are all said.
func TestOnceSaid(t *testing.T) {
	v := func(rule string, step int, text string) trace.Violation {
		return trace.Violation{Rule: rule, Step: step, Text: text}
	}
	got := onceSaid([]trace.Violation{v("a", 1, "first"), v("a", 1, "again"), v("b", 1, "other rule"), v("a", 2, "other step"), v("a", 0, "x"), v("a", 0, "y")})
	var texts []string
	for _, v := range got {
		texts = append(texts, v.Text)
	}
	if s := strings.Join(texts, ", "); s != "first, other rule, other step, x, y" {
		t.Errorf("kept: %s", s)
	}
}
