package trace

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func bytesOf(s string) *Bytes { b := Bytes(s); return &b }

func ptr[T any](v T) *T { return &v }

var values = map[string]Value{
	"none":                      None,
	"bytes":                     BytesValue([]byte("a\xff")),
	"no bytes":                  BytesValue(nil),
	"bytes of another type":     {Bytes: bytesOf("ab"), Type: "bytearray"},
	"text":                      {Text: Text("é\u2028")},
	"empty text":                {Text: Text("")},
	"zero":                      {Int: Int(0)},
	"a number":                  {Int: Int(-7)},
	"false":                     BoolValue(false),
	"true":                      BoolValue(true),
	"a list":                    {List: []Value{None, BoolValue(false), {List: []Value{{Int: Int(1)}}}}},
	"an empty list":             {List: []Value{}},
	"an error":                  ErrorValue(Error{Kind: Scripted, Native: "Boom", Message: "boom"}),
	"an incomplete read":        ErrorValue(Error{Kind: IncompleteRead, Partial: bytesOf(""), Expected: Int(0)}),
	"an overrun at the front":   ErrorValue(Error{Kind: LimitOverrun, Consumed: Int(0)}),
	"an incomplete, unknown of": ErrorValue(Error{Kind: IncompleteRead, Partial: bytesOf("ab")}),
}

func TestValuesSurviveTheRoundTrip(t *testing.T) {
	for name, want := range values {
		t.Run(name, func(t *testing.T) {
			back, text := again(t, want)
			if diff := cmp.Diff(want, back); diff != "" {
				t.Errorf("by way of %s (-want +got):\n%s", text, diff)
			}
			if back.IsNone() != (name == "none") {
				t.Errorf("%s is none: %t", text, back.IsNone())
			}
		})
	}
}

func TestValueString(t *testing.T) {
	for name, want := range map[string]string{
		"none": "none", "bytes": `"a\u00ff"`, "zero": "0", "true": "true", "a list": "[none, false, [1]]", "empty text": `the text ""`,
		"an error": "scripted (Boom: boom)", "an incomplete read": `incomplete-read{partial "", expected 0}`, "an overrun at the front": "limit-overrun{consumed 0}",
	} {
		if got := values[name].String(); got != want {
			t.Errorf("%s shows as %s, want %s", name, got, want)
		}
	}
}

var replies = []Reply{
	{Returned: &None},
	{Returned: ptr(BoolValue(false)), Turns: 3},
	{Raised: &Error{Kind: LimitOverrun, Native: "LimitOverrunError", Message: "m", Consumed: Int(5)}},
	{Pending: "c1"},
	{Unsupported: "no tuples"},
	{Fault: "KeyError"},
	{Returned: &None, Events: []Event{
		{Ev: Item, On: "c1", Value: ptr(BytesValue([]byte("a\n")))},
		{Ev: Finished, On: "c1", Turn: 2, Returned: ptr(BytesValue(nil))},
		{Ev: Finished, On: "c2", Raised: &Error{Kind: Cancelled}},
		{Ev: PauseReading, On: "t"}, {Ev: ResumeReading, On: "t"},
		{Ev: Unhandled, Text: "boom"}, {Ev: Unraisable, Text: "boom"}, {Ev: Warned, Text: "old"}, {Ev: Logged, Text: "hm"}, {Ev: Unsettled},
	}},
}

func TestRepliesSurviveTheRoundTrip(t *testing.T) {
	for _, want := range replies {
		if err := want.Validate(); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		back, text := again(t, want)
		if diff := cmp.Diff(want, back); diff != "" {
			t.Errorf("by way of %s (-want +got):\n%s", text, diff)
		}
	}
}

func TestReplyString(t *testing.T) {
	for i, want := range []string{"returned none", "returned false", "raised limit-overrun{consumed 5} (LimitOverrunError: m)", "pending", "unsupported: no tuples", "adapter fault: KeyError"} {
		if got := replies[i].String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := (Reply{}).String(); got != "nothing" {
		t.Errorf("an empty reply shows as %s", got)
	}
	for want, e := range map[string]Event{
		`finished c1 returned ""`:         {Ev: Finished, On: "c1", Returned: ptr(BytesValue(nil))},
		"finished c1 raised cancelled":    {Ev: Finished, On: "c1", Raised: &Error{Kind: Cancelled}},
		`item c1 "a\n"`:                   {Ev: Item, On: "c1", Value: ptr(BytesValue([]byte("a\n")))},
		"pause_reading t":                 {Ev: PauseReading, On: "t"},
		"unhandled: Task was destroyed":   {Ev: Unhandled, Text: "Task was destroyed"},
		"unsettled r: it goes on forever": {Ev: Unsettled, On: "r", Text: "it goes on forever"},
	} {
		if got := e.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestReplyValidate(t *testing.T) {
	event := func(e Event) Reply { return Reply{Returned: &None, Events: []Event{e}} }
	for name, test := range map[string]struct {
		reply Reply
		why   string
	}{
		"nothing set":                  {Reply{}, "this one has 0"},
		"only events set":              {Reply{Events: []Event{{Ev: Logged}}}, "this one has 0"},
		"returned and raised":          {Reply{Returned: &None, Raised: &Error{Kind: OtherError}}, "this one has 2"},
		"returned and pending":         {Reply{Returned: &None, Pending: "c"}, "this one has 2"},
		"unsupported and fault":        {Reply{Unsupported: "a", Fault: "b"}, "this one has 2"},
		"all set":                      {Reply{Returned: &None, Raised: &Error{Kind: OtherError}, Pending: "c", Unsupported: "a", Fault: "b"}, "this one has 5"},
		"raised without a kind":        {Reply{Raised: &Error{Message: "m"}}, "raised has no kind"},
		"an event without a name":      {event(Event{}), `no event ""`},
		"an invented event":            {event(Event{Ev: "exploded"}), `no event "exploded"`},
		"finished with nothing":        {event(Event{Ev: Finished, On: "c"}), "exactly one of returned and raised"},
		"finished with both":           {event(Event{Ev: Finished, On: "c", Returned: &None, Raised: &Error{Kind: OtherError}}), "exactly one of returned and raised"},
		"finished with a nameless":     {event(Event{Ev: Finished, On: "c", Raised: &Error{}}), "raised has no kind"},
		"an item without a value":      {event(Event{Ev: Item, On: "c"}), "an item event has a value"},
		"did with nothing":             {event(Event{Ev: Did, On: "p"}), "exactly one of returned and raised"},
		"doing nothing":                {event(Event{Ev: Doing, On: "p"}), "a doing event has a command"},
		"data that are none":           {event(Event{Ev: DataReceived, On: "p", Value: &None}), "a value, which is bytes"},
		"the second event is at fault": {Reply{Pending: "c", Events: []Event{{Ev: Logged}, {Ev: Item}}}, "an item event has a value"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := test.reply.Validate(); err == nil || !strings.Contains(err.Error(), test.why) {
				t.Errorf("%v, want an error that says %q", err, test.why)
			}
		})
	}
}

func TestKindsAndEventsAreListed(t *testing.T) {
	for _, k := range Kinds {
		if k.Doc == "" || (Reply{Raised: &Error{Kind: k.Name}}).Validate() != nil {
			t.Errorf("the kind %q is not documented or not accepted", k.Name)
		}
	}
	for _, e := range Events {
		value := BytesValue([]byte("x"))
		if e.Doc == "" || (Event{Ev: e.Name, Returned: &None, Value: &value, Command: &Command{Op: Settle}}).validate() != nil {
			t.Errorf("the event %q is not documented or not accepted", e.Name)
		}
	}
	if err := (Event{Ev: Finished, Raised: &Error{Kind: Cancelled}}).validate(); err != nil {
		t.Errorf("a call may end in an error: %v", err)
	}
}

func TestCommandsSurviveTheRoundTrip(t *testing.T) {
	commands := []Command{
		{Op: ReaderFeedData, On: "r", Data: &Data{Bytes: Bytes("abcd"), Form: Wide}, NoSettle: true},
		{Op: ReaderFeedData, On: "r", Data: &Data{Bytes: Bytes{}}},
		{Op: ReaderSetException, On: "r", Exception: Text("")},
		{Op: ReaderSetException, On: "r"},
		{Op: ReaderRead, On: "r", As: "c", N: Int(0)},
		{Op: ReaderRead, On: "r", As: "c"},
		{Op: ReaderReadUntil, On: "r", As: "c"},
		{Op: ReaderReadUntil, On: "r", As: "c", Separator: &Data{Bytes: Bytes{}}},
		{Op: ReaderReadUntil, On: "r", As: "c", Separators: []Data{}},
		{Op: ReaderReadUntil, On: "r", As: "c", Separators: []Data{*D("a"), {Bytes: Bytes("b"), Form: View}}},
		{Op: Forget},
		{Op: Forget, Names: []string{}}, // which drops nothing, while no names drop everything
		{Op: Forget, Names: []string{"r", "c"}},
	}
	for i := range Commands {
		commands = append(commands, full(&Commands[i]))
	}
	for _, want := range commands {
		if err := want.Validate(); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		back, text := again(t, want)
		if diff := cmp.Diff(want, back); diff != "" {
			t.Errorf("by way of %s (-want +got):\n%s", text, diff)
		}
	}
}

var description = Description{
	Protocol: ProtocolVersion, Name: "CPython asyncio", Version: "3.13.0", Language: "python", Target: "3.13", Settling: Exact,
	Capabilities: []Capability{CapReader, CapPythonSurface}, Detail: "/usr/bin/python3",
}

func TestDescriptions(t *testing.T) {
	if err := description.Validate(); err != nil {
		t.Error(err)
	}
	if back, text := again(t, description); !cmp.Equal(description, back) {
		t.Errorf("by way of %s (-want +got):\n%s", text, cmp.Diff(description, back))
	}
	if !description.Has(CapReader) || description.Has(CapTupleSeparators) {
		t.Error("it has what it does not declare, or the reverse")
	}
	for why, change := range map[string]func(*Description){
		"protocol version 2":           func(d *Description) { d.Protocol = 2 },
		"needs name":                   func(d *Description) { d.Name = "" },
		"needs name, version":          func(d *Description) { d.Version = "" },
		"needs name, version and":      func(d *Description) { d.Target = "" },
		`settling is ""`:               func(d *Description) { d.Settling = "" },
		`settling is "quick"`:          func(d *Description) { d.Settling = "quick" },
		`the capability "time-travel"`: func(d *Description) { d.Capabilities = []Capability{CapReader, "time-travel"} },
	} {
		d := description
		change(&d)
		if err := d.Validate(); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%v, want an error that says %q", err, why)
		}
	}
	best := description
	best.Settling, best.Capabilities = BestEffort, nil
	if err := best.Validate(); err != nil {
		t.Errorf("best effort, and no capabilities at all: %v", err)
	}
}

func TestCapabilitiesAreListedOnce(t *testing.T) {
	seen := map[Capability]bool{}
	for _, c := range Capabilities {
		if seen[c.Name] || c.Doc == "" {
			t.Errorf("%s is listed twice or not documented", c.Name)
		}
		seen[c.Name] = true
	}
}

// TestUnsetFieldsAreNotWritten keeps transcripts short: what is not given does not show.
func TestUnsetFieldsAreNotWritten(t *testing.T) {
	for want, v := range map[string]any{
		`{"op":"settle"}`: Command{Op: Settle},
		`{"op":"reader.readuntil","on":"r","as":"c","separators":[]}`: Command{Op: ReaderReadUntil, On: "r", As: "c", Separators: []Data{}},
		`{"returned":{}}`:        Reply{Returned: &None},
		`{"ev":"unsettled"}`:     Event{Ev: Unsettled},
		`{"kind":"cancelled"}`:   Error{Kind: Cancelled},
		`{"bool":false}`:         BoolValue(false),
		`{"rule":"","text":"x"}`: Violation{Text: "x"},
	} {
		if b, err := json.Marshal(v); err != nil || string(b) != want {
			t.Errorf("got %s (%v), want %s", b, err, want)
		}
	}
}
