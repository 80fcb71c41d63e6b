package drive

import (
	"fmt"
	"slices"
	"strings"

	"github.com/onsi/gomega/types"

	"github.com/streamspec/streamspec/spec/trace"
)

// Become matches a call that comes out as m wants, at the latest when it has been made again and again until the deadline:
// it is for questions whose answer changes by itself. With exact settling one time is enough.
func Become(m types.GomegaMatcher) types.GomegaMatcher { return &becomeMatcher{m} }

type becomeMatcher struct{ types.GomegaMatcher }

func (m *becomeMatcher) Match(actual any) (bool, error) {
	c, ok := actual.(*Call)
	if !ok {
		return false, fmt.Errorf("this matcher is for calls, not for %T", actual)
	}
	t := c.t
	if t.exact() {
		t.Settle()
	}
	for waited := 0; ; waited += patience {
		if matched, err := m.GomegaMatcher.Match(c); matched || err != nil {
			return matched, err
		}
		if t.exact() && waited > 0 || waited > int(t.Options.Deadline.Milliseconds())/2 {
			return false, nil
		}
		if !t.exact() {
			t.pass()
		}
		again := t.call(c.command)
		c.command, c.reply = again.command, again.reply
	}
}

// pass lets a moment pass.
func (t *Testee) pass() { t.Pass(patience) }

// patience is how long to wait before a question is asked again, milliseconds.
const patience = 5

// ReturnInt matches a call that returned n.
func ReturnInt(n int) types.GomegaMatcher {
	return returning(fmt.Sprint(n), func(v *trace.Value) bool { return v.Int != nil && *v.Int == n })
}

// ReturnBytesThat matches a call that returned bytes which are as said.
func ReturnBytesThat(text string, are func(string) bool) types.GomegaMatcher {
	return returning("bytes that are "+text, func(v *trace.Value) bool { return v.Bytes != nil && are(string(*v.Bytes)) })
}

// ReturnLength matches a call that returned n bytes, whatever they are.
func ReturnLength(n int) types.GomegaMatcher {
	return ReturnBytesThat(fmt.Sprintf("%d in number", n), func(got string) bool { return len(got) == n })
}

// ReturnTextWith matches a call that returned a text with this part, in any case of letters: the name of a type.
func ReturnTextWith(part string) types.GomegaMatcher {
	return returning(fmt.Sprintf("a text with %q", part), func(v *trace.Value) bool {
		return v.Text != nil && strings.Contains(strings.ToLower(*v.Text), strings.ToLower(part))
	})
}

// ReturnMarks matches a call that returned the low and the high mark.
func ReturnMarks(low, high int) types.GomegaMatcher {
	return ReturnMarksThat(fmt.Sprintf("%d and %d", low, high), func(l, h int) bool { return l == low && h == high })
}

// ReturnMarksThat matches a call that returned a low and a high mark which are as said.
func ReturnMarksThat(text string, are func(low, high int) bool) types.GomegaMatcher {
	return returning("the marks "+text, func(v *trace.Value) bool {
		return len(v.List) == 2 && v.List[0].Int != nil && v.List[1].Int != nil && are(*v.List[0].Int, *v.List[1].Int)
	})
}

// ReturnText matches a call that returned this text.
func ReturnText(text string) types.GomegaMatcher {
	return returning(fmt.Sprintf("the text %q", text), func(v *trace.Value) bool { return v.Text != nil && *v.Text == text })
}

// ReturnSomething matches a call that returned anything but none.
func ReturnSomething() types.GomegaMatcher {
	return returning("something", func(v *trace.Value) bool { return !v.IsNone() })
}

// ReturnTheSameAs matches a call that returned what another call has returned.
func ReturnTheSameAs(other *Call) types.GomegaMatcher {
	want := "what " + other.String()
	if v := other.Returned(); v != nil {
		want = v.String()
	}
	return returning(want, func(v *trace.Value) bool { w := other.Returned(); return w != nil && w.String() == v.String() })
}

// ReturnTheTransport matches a call that returned this transport.
func ReturnTheTransport(tr *Transport) types.GomegaMatcher { return returningObject(tr.name()) }

// ReturnTheProtocol matches a call that returned this protocol.
func ReturnTheProtocol(p *Protocol) types.GomegaMatcher { return returningObject(p.name) }

func returningObject(name string) types.GomegaMatcher {
	return returning("the object "+name, func(v *trace.Value) bool { return v.Object == name })
}

func returning(what string, is func(*trace.Value) bool) types.GomegaMatcher {
	return &callMatcher{wanted: "returned " + what, match: func(v *trace.Value, _ *trace.Error, _ bool) bool { return v != nil && is(v) }}
}

// The errors of connections that need nothing said beyond their kind.
var (
	ConnectionReset = kind(trace.ConnectionReset)
	BrokenPipe      = kind(trace.BrokenPipe)
	NotSupported    = kind(trace.NotSupported)
	OSError         = kind(trace.OSError)
)

// NotFound is the operating system's complaint of a file or a directory that does not exist.
var NotFound = ErrorPattern{string(trace.OSError) + " that speaks of no such file", func(e *trace.Error) bool {
	return e.Kind == trace.OSError && strings.Contains(strings.ToLower(e.Message), "no such file")
}}

// Joining is an error of the operating system whose text has these in it.
func Joining(texts ...string) ErrorPattern {
	return ErrorPattern{fmt.Sprintf("%s with the texts %q", trace.OSError, texts), func(e *trace.Error) bool {
		return e.Kind == trace.OSError && !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(e.Message, text) })
	}}
}

// AddressInUse is the operating system's refusal of an address that is in use.
var AddressInUse = ErrorPattern{string(trace.OSError) + " that speaks of an address in use", func(e *trace.Error) bool {
	return e.Kind == trace.OSError && strings.Contains(e.Message, "in use")
}}

// ReturnEmptyList matches a call that returned a list of nothing.
func ReturnEmptyList() types.GomegaMatcher {
	return returning("an empty list", func(v *trace.Value) bool { return v.List != nil && len(v.List) == 0 })
}

// AnyError is any error at all.
var AnyError = ErrorPattern{"an error", func(*trace.Error) bool { return true }}

// OneOf is one of several errors.
func OneOf(patterns ...ErrorPattern) ErrorPattern {
	texts := make([]string, len(patterns))
	for i, p := range patterns {
		texts[i] = p.text
	}
	return ErrorPattern{strings.Join(texts, " or "), func(e *trace.Error) bool {
		return slices.ContainsFunc(patterns, func(p ErrorPattern) bool { return p.match(e) })
	}}
}

// ComeBack matches a call that has come back, however.
func ComeBack() types.GomegaMatcher {
	return &callMatcher{wanted: "returned or raised, whatever", match: func(_ *trace.Value, _ *trace.Error, pending bool) bool { return !pending }}
}

// A protocolMatcher matches what was told of a programmable protocol.
type protocolMatcher struct {
	wanted string
	await  func(p *Protocol) // waits for what is still due
	is     func(p *Protocol) bool
	seen   func(p *Protocol) string
}

func (m *protocolMatcher) Match(actual any) (bool, error) {
	p, ok := actual.(*Protocol)
	if !ok {
		return false, fmt.Errorf("this matcher is for protocols, not for %T", actual)
	}
	m.await(p)
	return m.is(p), nil
}

func (m *protocolMatcher) FailureMessage(actual any) string { return m.message(actual, "permitted") }

func (m *protocolMatcher) NegatedFailureMessage(actual any) string {
	return m.message(actual, "not permitted")
}

func (m *protocolMatcher) message(actual any, what string) string {
	p := actual.(*Protocol)
	steps := p.t.c.steps
	return fmt.Sprintf("until %s, the protocol %s got: %s; %s: %s", steps[len(steps)-1].Command, p.name, m.seen(p), what, m.wanted)
}

func list(callbacks []trace.EventName) string {
	if len(callbacks) == 0 {
		return "nothing"
	}
	return asked(callbacks)
}

// awaitLast waits until each of these callbacks has come as often as it stands there.
func awaitLast(p *Protocol, callbacks []trace.EventName) {
	due := map[trace.EventName]int{}
	for _, ev := range callbacks {
		due[ev]++
	}
	for _, ev := range callbacks {
		p.Await(ev, due[ev])
	}
}

// HaveLived matches a protocol that got exactly these callbacks about the life of its connection so far, where data_received
// stands for one or more of them.
func HaveLived(callbacks ...trace.EventName) types.GomegaMatcher {
	return &protocolMatcher{
		wanted: list(callbacks), await: func(p *Protocol) { awaitLast(p, callbacks) },
		is:   func(p *Protocol) bool { return slices.Equal(p.lifecycle(), callbacks) },
		seen: func(p *Protocol) string { return list(p.lifecycle()) },
	}
}

// HaveFlow matches a protocol that got exactly these of pause_writing and resume_writing so far.
func HaveFlow(callbacks ...trace.EventName) types.GomegaMatcher {
	return &protocolMatcher{
		wanted: list(callbacks), await: func(p *Protocol) { awaitLast(p, callbacks) },
		is:   func(p *Protocol) bool { return slices.Equal(p.flow(), callbacks) },
		seen: func(p *Protocol) string { return list(p.flow()) },
	}
}

// HaveReceived matches a protocol whose data_received got exactly these bytes so far, in whatever pieces.
func HaveReceived(data string) types.GomegaMatcher {
	return &protocolMatcher{
		wanted: "the data " + trace.Bytes(data).String(),
		await: func(p *Protocol) {
			if len(p.Received()) < len(data) {
				p.t.await(trace.Until{Event: trace.DataReceived, On: p.name, Bytes: len(data)})
			}
		},
		is:   func(p *Protocol) bool { return p.Received() == data },
		seen: func(p *Protocol) string { return "the data " + trace.Bytes(p.Received()).String() },
	}
}

// HaveLostCleanly matches a protocol whose connection_lost got none.
func HaveLostCleanly() types.GomegaMatcher {
	return lost("connection_lost with none", func(e *trace.Error) bool { return e == nil })
}

// HaveLostWith matches a protocol whose connection_lost got such an error.
func HaveLostWith(pattern ErrorPattern) types.GomegaMatcher {
	return lost("connection_lost with "+pattern.text, func(e *trace.Error) bool { return e != nil && pattern.match(e) })
}

// HaveLost matches a protocol whose connection_lost was called, with whatever.
func HaveLost() types.GomegaMatcher {
	return lost("connection_lost", func(*trace.Error) bool { return true })
}

func lost(wanted string, is func(*trace.Error) bool) types.GomegaMatcher {
	return &protocolMatcher{
		wanted: wanted, await: func(p *Protocol) { p.Await(trace.ConnectionLost, 1) },
		is: func(p *Protocol) bool {
			events := p.events(trace.ConnectionLost)
			return len(events) == 1 && is(events[0].Raised)
		},
		seen: func(p *Protocol) string {
			var seen []string
			for _, e := range p.events(trace.ConnectionMade, trace.EOFReceived, trace.ConnectionLost) {
				seen = append(seen, e.String())
			}
			return strings.Join(seen, ", ")
		},
	}
}
