package trace

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// line is a vector in JSON, of which parts are replaced.
const line = `{"schema":1,"doc":"lines","vectors":[{"name":"a line","rules":["reader.readline.keeps-lf"],"needs":["reader"],"steps":[
	{"command":{"op":"reader.make","as":"r"}},
	{"command":{"op":"reader.readline","on":"r","as":"c1"},"expect":[{"pending":"c1"}]},
	{"command":{"op":"reader.feed_data","on":"r","data":"a\n"},"expect":[{"returned":{},"events":[{"ev":"finished","on":"c1","returned":{"bytes":"a\n"}}]}]}]}]}`

func TestVectorsSurviveTheRoundTrip(t *testing.T) {
	want, err := ReadVectors(strings.NewReader(line))
	if err != nil {
		t.Fatal(err)
	}
	want.Doc = `"Quoted" & <é>`
	want.Vectors = append(want.Vectors, Vector{Name: "another", Rules: []string{"r"}, Reference: "gh-1", Since: "3.8", Until: "3.12", Needs: []Capability{}, Steps: []VectorStep{{Command: Command{Op: Settle}}}})
	var text bytes.Buffer
	if err := want.Write(&text); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "\n    {\"command\":{\"op\":\"settle\"}}\n") {
		t.Errorf("a step is not a line of its own:\n%s", text.String())
	}
	got, err := ReadVectors(&text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCorruptVectors(t *testing.T) {
	for name, test := range map[string]struct{ old, new, why string }{
		"no JSON":                    {line, "x", "not a file of vectors"},
		"something behind it":        {line, line + "{}", "something follows"},
		"another schema":             {`"schema":1`, `"schema":7`, "schema 7"},
		"an unknown field":           {`"doc"`, `"dog"`, `unknown field "dog"`},
		"no vectors":                 {line, `{"schema":1,"doc":"","vectors":[]}`, "no vectors"},
		"a field of a vector":        {`"needs"`, `"wants":1,"needs"`, `vector 1, "a line": json: unknown field "wants"`},
		"no name":                    {`"a line"`, `""`, "no name"},
		"no rules":                   {`"reader.readline.keeps-lf"`, ``, "names no rules"},
		"other needs":                {`["reader"]`, `["writer"]`, `needs ["writer"], but its commands need ["reader"]`},
		"an unknown command":         {`reader.make`, `reader.fake`, `vector 1, "a line": step 1: there is no command "reader.fake"`},
		"an argument too many":       {`"as":"r"`, `"as":"r","n":1`, "step 1"},
		"a field of a step":          {`"expect":[{"p`, `"expects":[{"p`, `step 2: json: unknown field "expects"`},
		"a reply that is none":       {`{"pending":"c1"}`, `{}`, "step 2: expectation 1: a reply has exactly one"},
		"another call":               {`{"pending":"c1"}`, `{"pending":"c2"}`, `"c2" is not the call`},
		"a fault":                    {`{"pending":"c1"}`, `{"fault":"x"}`, "no outcome to expect"},
		"an event that is none":      {`"ev":"finished"`, `"ev":"furnished"`, `step 3: expectation 1: there is no event "furnished"`},
		"a native type":              {`{"pending":"c1"}`, `{"raised":{"kind":"cancelled","native":"asyncio.CancelledError"}}`, `only what is compared can be expected, sorted by object: {"raised":{"kind":"cancelled"}}`},
		"an event not compared":      {`"events":[`, `"events":[{"ev":"log","text":"x"},`, "only what is compared"},
		"events that are not sorted": {`"events":[`, `"events":[{"ev":"pause_reading","on":"t"},`, "sorted by object"},
	} {
		text := strings.Replace(line, test.old, test.new, 1)
		if text == line {
			t.Fatalf("%s: nothing is replaced", name)
		}
		if _, err := ReadVectors(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), test.why) {
			t.Errorf("%s: the error is %v, want %q in it", name, err, test.why)
		}
	}
	twice := strings.Replace(line, `"vectors":[`, `"vectors":[`+line[strings.Index(line, `{"name"`):strings.LastIndex(line, `]}`)]+`,`, 1)
	if _, err := ReadVectors(strings.NewReader(twice)); err == nil || !strings.Contains(err.Error(), `vector 2, "a line": another one before has the same name`) {
		t.Errorf("the same name twice: the error is %v", err)
	}
}

func TestStepPermits(t *testing.T) {
	native := Reply{Raised: &Error{Kind: LimitOverrun, Native: "asyncio.LimitOverrunError", Message: "too long", Consumed: Int(3)}, Turns: 4,
		Events: []Event{{Ev: Logged, Text: "x"}, {Ev: ResumeReading, On: "t", Turn: 2}, {Ev: Finished, On: "c", Returned: &None}}}
	plain := Reply{Raised: &Error{Kind: LimitOverrun, Consumed: Int(3)}, Events: []Event{{Ev: Finished, On: "c", Returned: &None}, {Ev: ResumeReading, On: "t"}}}
	without := plain
	without.Events = plain.Events[:1]
	other := Reply{Raised: &Error{Kind: LimitOverrun, Consumed: Int(4)}, Events: plain.Events}
	for name, test := range map[string]struct {
		expect []Reply
		want   bool
	}{
		"nothing said":     {nil, true},
		"the same":         {[]Reply{plain}, true},
		"one of two":       {[]Reply{other, plain}, true},
		"another number":   {[]Reply{other}, false},
		"an event missing": {[]Reply{without}, false},
		"pending":          {[]Reply{{Pending: "c"}}, false},
	} {
		s := VectorStep{Expect: test.expect}
		if got := s.Permits(native); got != test.want {
			t.Errorf("%s: permitted: %t, want %t", name, got, test.want)
		}
	}
	boom := Reply{Returned: ptr(ErrorValue(Error{Kind: Scripted, Native: "Exception", Message: "boom"}))}
	if got := boom.Plain(); got.Returned.Error.Message != "boom" || got.Returned.Error.Native != "" || boom.Returned.Error.Native == "" {
		t.Errorf("the exception of the driver becomes %s of %s", got, boom)
	}
}
