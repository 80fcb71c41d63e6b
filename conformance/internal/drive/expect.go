package drive

import (
	"fmt"
	"slices"
	"strings"

	"github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/streamspec/streamspec/spec/trace"
)

// Expect is Gomega's, but what fails is a violation of the case's rules, and fails the suite only where these gate.
func (t *Testee) Expect(actual any, extra ...any) types.Assertion {
	return gomega.NewGomega(func(message string, skip ...int) {
		offset := 1
		if len(skip) > 0 {
			offset += skip[0]
		}
		t.fail(message, offset)
	}).Expect(actual, extra...)
}

// A callMatcher matches how a call came out.
type callMatcher struct {
	wanted string // "returned …", one of the permitted outcomes
	match  func(returned *trace.Value, raised *trace.Error, pending bool) bool
	now    bool // look at once, do not wait
}

func (m *callMatcher) Match(actual any) (bool, error) {
	c, ok := actual.(*Call)
	if !ok {
		return false, fmt.Errorf("this matcher is for calls, not for %T", actual)
	}
	if m.now {
		return m.match(c.now()), nil
	}
	return m.match(c.outcome()), nil
}

func (m *callMatcher) FailureMessage(actual any) string { return m.message(actual, "permitted") }

func (m *callMatcher) NegatedFailureMessage(actual any) string {
	return m.message(actual, "not permitted")
}

func (m *callMatcher) message(actual any, what string) string {
	c := actual.(*Call)
	return fmt.Sprintf("%s %s; %s: %s", c.command, c.cameTo(), what, m.wanted)
}

// cameTo says how a call came out.
func (c *Call) cameTo() string {
	returned, raised, _ := c.now()
	switch {
	case returned != nil:
		return "returned " + returned.String()
	case raised != nil:
		return "raised " + raised.String()
	}
	return "is pending"
}

// Return matches a call that returned these bytes.
func Return(b string) types.GomegaMatcher {
	return &callMatcher{wanted: "returned " + trace.Bytes(b).String(), match: func(v *trace.Value, _ *trace.Error, _ bool) bool {
		return v != nil && v.Bytes != nil && string(*v.Bytes) == b
	}}
}

// ReturnNone matches a call that returned nothing.
func ReturnNone() types.GomegaMatcher {
	return &callMatcher{wanted: "returned none", match: func(v *trace.Value, _ *trace.Error, _ bool) bool { return v != nil && v.IsNone() }}
}

// ReturnBool matches a call that returned b.
func ReturnBool(b bool) types.GomegaMatcher {
	return &callMatcher{wanted: fmt.Sprintf("returned %t", b), match: func(v *trace.Value, _ *trace.Error, _ bool) bool {
		return v != nil && v.Bool != nil && *v.Bool == b
	}}
}

// ReturnException matches a call that returned the exception which was set with this text.
func ReturnException(text string) types.GomegaMatcher {
	return &callMatcher{wanted: fmt.Sprintf("returned the exception %q", text), match: func(v *trace.Value, _ *trace.Error, _ bool) bool {
		return v != nil && v.Error != nil && v.Error.Kind == trace.Scripted && v.Error.Message == text
	}}
}

// BePending matches a call that waits. It does not wait itself; with exact settling it need not.
func BePending() types.GomegaMatcher {
	return &callMatcher{wanted: "pending", now: true, match: func(_ *trace.Value, _ *trace.Error, pending bool) bool { return pending }}
}

// Either matches a call that came out as one of these matchers of calls says. It waits for the call if one of them does.
func Either(matchers ...types.GomegaMatcher) types.GomegaMatcher {
	either := &callMatcher{now: true}
	var wanted []string
	var all []*callMatcher
	for _, m := range matchers {
		c := m.(*callMatcher)
		all, wanted, either.now = append(all, c), append(wanted, c.wanted), either.now && c.now
	}
	either.wanted = strings.Join(wanted, ", or ")
	either.match = func(returned *trace.Value, raised *trace.Error, pending bool) bool {
		return slices.ContainsFunc(all, func(m *callMatcher) bool { return m.match(returned, raised, pending) })
	}
	return either
}

// ReturnOneOf matches a call that returned one of these.
func ReturnOneOf(bs ...string) types.GomegaMatcher {
	quoted := make([]string, len(bs))
	for i, b := range bs {
		quoted[i] = trace.Bytes(b).String()
	}
	return &callMatcher{wanted: "returned " + strings.Join(quoted, " or "), match: func(v *trace.Value, _ *trace.Error, _ bool) bool {
		return v != nil && v.Bytes != nil && slices.Contains(bs, string(*v.Bytes))
	}}
}

// An itemsMatcher matches what an iteration has handed out.
type itemsMatcher []string

// HaveItems matches an iteration that has handed out exactly these items so far.
func HaveItems(items ...string) types.GomegaMatcher { return itemsMatcher(items) }

func (m itemsMatcher) Match(actual any) (bool, error) {
	c, ok := actual.(*Call)
	if !ok {
		return false, fmt.Errorf("this matcher is for iterations, not for %T", actual)
	}
	if n := len(m); n > len(c.Items()) {
		c.t.await(trace.Until{Event: trace.Item, On: c.command.As, Count: n})
	}
	return slices.Equal(c.Items(), m), nil
}

func (m itemsMatcher) FailureMessage(actual any) string { return m.message(actual, "permitted") }

func (m itemsMatcher) NegatedFailureMessage(actual any) string {
	return m.message(actual, "not permitted")
}

func (m itemsMatcher) message(actual any, what string) string {
	c := actual.(*Call)
	return fmt.Sprintf("%s handed out %q and %s; %s: %q", c.command, c.Items(), c.cameTo(), what, []string(m))
}

// A flowMatcher matches what a mock transport was asked since the last expectation.
type flowMatcher struct {
	permitted [][]trace.EventName
	seen      []trace.EventName
}

// HaveBeenPaused matches a transport that was asked to pause, and nothing else, since the last expectation.
func HaveBeenPaused() types.GomegaMatcher {
	return &flowMatcher{permitted: [][]trace.EventName{{trace.PauseReading}}}
}

// HaveBeenResumed matches a transport that was asked to resume, and nothing else, since the last expectation.
func HaveBeenResumed() types.GomegaMatcher {
	return &flowMatcher{permitted: [][]trace.EventName{{trace.ResumeReading}}}
}

// HaveBeenPausedAndResumed matches a transport that was asked to pause and then to resume since the last expectation.
func HaveBeenPausedAndResumed() types.GomegaMatcher {
	return &flowMatcher{permitted: [][]trace.EventName{{trace.PauseReading, trace.ResumeReading}}}
}

// HaveBeenPausedForAMomentAtMost matches a transport that was asked nothing since the last expectation, or to pause and
// then to resume.
func HaveBeenPausedForAMomentAtMost() types.GomegaMatcher {
	return &flowMatcher{permitted: [][]trace.EventName{{}, {trace.PauseReading, trace.ResumeReading}}}
}

// HaveBeenLeftAlone matches a transport that was asked nothing since the last expectation.
func HaveBeenLeftAlone() types.GomegaMatcher {
	return &flowMatcher{permitted: [][]trace.EventName{{}}}
}

func (m *flowMatcher) Match(actual any) (bool, error) {
	tr, ok := actual.(*Mock)
	if !ok {
		return false, fmt.Errorf("this matcher is for mock mocks, not for %T", actual)
	}
	is := func(calls []trace.EventName) bool { return slices.Equal(calls, tr.calls) }
	if i := slices.IndexFunc(m.permitted, func(calls []trace.EventName) bool {
		return len(calls) > len(tr.calls) && slices.Equal(calls[:len(tr.calls)], tr.calls)
	}); i >= 0 && !slices.ContainsFunc(m.permitted, is) {
		tr.await(m.permitted[i]) // what there is may become what is permitted
	}
	ok = slices.ContainsFunc(m.permitted, is)
	m.seen = tr.Calls()
	return ok, nil
}

func (m *flowMatcher) FailureMessage(actual any) string { return m.message(actual, "permitted") }

func (m *flowMatcher) NegatedFailureMessage(actual any) string {
	return m.message(actual, "not permitted")
}

func (m *flowMatcher) message(actual any, what string) string {
	tr := actual.(*Mock)
	steps := tr.t.c.steps
	permitted := make([]string, len(m.permitted))
	for i, calls := range m.permitted {
		permitted[i] = asked(calls)
	}
	return fmt.Sprintf("until %s, the transport %s was asked: %s; %s: %s", steps[len(steps)-1].Command, tr.name, asked(m.seen), what, strings.Join(permitted, ", or "))
}

func asked(calls []trace.EventName) string {
	if len(calls) == 0 {
		return "nothing"
	}
	names := make([]string, len(calls))
	for i, c := range calls {
		names[i] = string(c)
	}
	return strings.Join(names, ", ")
}

// An ErrorPattern says what an error looks like.
type ErrorPattern struct {
	text  string
	match func(*trace.Error) bool
}

// FailWith matches a call that raised such an error.
func FailWith(p ErrorPattern) types.GomegaMatcher {
	return &callMatcher{wanted: "raised " + p.text, match: func(_ *trace.Value, e *trace.Error, _ bool) bool { return e != nil && p.match(e) }}
}

func kind(k trace.Kind) ErrorPattern {
	return ErrorPattern{string(k), func(e *trace.Error) bool { return e.Kind == k }}
}

// The errors that need nothing said beyond their kind.
var (
	InvalidArgument = kind(trace.InvalidArgument)
	InvalidType     = kind(trace.InvalidType)
	InvalidState    = kind(trace.InvalidState)
	ConcurrentRead  = kind(trace.ConcurrentRead)
	Cancelled       = kind(trace.Cancelled)
	LimitOverrun    = kind(trace.LimitOverrun)
	IncompleteRead  = kind(trace.IncompleteRead)
)

// Exception is the error that was set with this text.
func Exception(text string) ErrorPattern {
	return ErrorPattern{fmt.Sprintf("%s %q", trace.Scripted, text), func(e *trace.Error) bool { return e.Kind == trace.Scripted && e.Message == text }}
}

// Partial is an incomplete read with exactly these bytes.
func Partial(b string) ErrorPattern {
	return ErrorPattern{fmt.Sprintf("%s{partial %s}", trace.IncompleteRead, trace.Bytes(b)), func(e *trace.Error) bool {
		return e.Kind == trace.IncompleteRead && e.Partial != nil && string(*e.Partial) == b
	}}
}

// PartialOf is an incomplete read with exactly these bytes where so many were expected.
func PartialOf(b string, expected int) ErrorPattern {
	return ErrorPattern{fmt.Sprintf("%s{partial %s, expected %d}", trace.IncompleteRead, trace.Bytes(b), expected), func(e *trace.Error) bool {
		return e.Kind == trace.IncompleteRead && e.Partial != nil && string(*e.Partial) == b && e.Expected != nil && *e.Expected == expected
	}}
}

// PartialOfUnknown is an incomplete read with exactly these bytes where no number was expected.
func PartialOfUnknown(b string) ErrorPattern {
	return ErrorPattern{fmt.Sprintf("%s{partial %s, expected unknown}", trace.IncompleteRead, trace.Bytes(b)), func(e *trace.Error) bool {
		return e.Kind == trace.IncompleteRead && e.Partial != nil && string(*e.Partial) == b && e.Expected == nil
	}}
}

// Consumed is a limit overrun that accounts for so many bytes.
func Consumed(n int) ErrorPattern {
	return ErrorPattern{fmt.Sprintf("%s{consumed %d}", trace.LimitOverrun, n), func(e *trace.Error) bool {
		return e.Kind == trace.LimitOverrun && e.Consumed != nil && *e.Consumed == n
	}}
}
