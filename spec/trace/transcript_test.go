package trace

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// transcripts are what is written and read again; the fuzz target begins with them too.
func transcripts() []Transcript {
	all := Transcript{
		Schema: TranscriptSchema, Case: "reader.readuntil / keeps <the> data & more", Rules: []string{"reader.readuntil.overrun-keeps-data"}, Target: "3.13",
		Implementation: &description,
		Violations:     []Violation{{Rule: "reader.readuntil.overrun-keeps-data", Step: 3, Text: `step 3: "steps": null` + "\n}"}, {Text: "noise"}},
		Closing:        []Event{{Ev: Unhandled, Text: "boom"}, {Ev: Finished, On: "c", Raised: &Error{Kind: Cancelled}}},
	}
	for i := range Commands {
		all.Steps = append(all.Steps, Step{Command: full(&Commands[i])})
	}
	for _, r := range replies {
		all.Steps = append(all.Steps, Step{Command: Command{Op: ReaderFeedData, On: "r", Data: D(strings.Repeat("a", 1000) + "\xff")}, Reply: &r})
	}
	return []Transcript{
		{Schema: TranscriptSchema},
		{Schema: TranscriptSchema, Steps: []Step{{Command: Command{Op: Settle}}}}, // the session ended before a reply came
		all,
	}
}

func written(t testing.TB, tr Transcript) string {
	t.Helper()
	var b bytes.Buffer
	if err := tr.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTranscriptsSurviveTheRoundTrip(t *testing.T) {
	for _, want := range transcripts() {
		text := written(t, want)
		got, err := ReadTranscript(strings.NewReader(text))
		if err != nil {
			t.Fatalf("%v, in\n%s", err, text)
		}
		if diff := cmp.Diff(want, *got); diff != "" {
			t.Errorf("by way of\n%s\n(-want +got):\n%s", text, diff)
		}
	}
}

func TestTranscriptsAreWrittenOneStepALine(t *testing.T) {
	tr := Transcript{Case: "x", Steps: []Step{
		{Command: Command{Op: ReaderMake, As: "r"}, Reply: &Reply{Returned: &None}},
		{Command: Command{Op: ReaderAtEOF, On: "r"}, Reply: &Reply{Returned: ptr(BoolValue(false))}},
	}, Closing: []Event{{Ev: Unsettled}}}
	want := `{
 "schema": 1,
 "case": "x",
 "steps": [
  {"command":{"op":"reader.make","as":"r"},"reply":{"returned":{}}},
  {"command":{"op":"reader.at_eof","on":"r"},"reply":{"returned":{"bool":false}}}
 ],
 "closing": [{"ev":"unsettled"}]
}
`
	if diff := cmp.Diff(want, written(t, tr)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCorruptTranscripts(t *testing.T) {
	second := func(step string) string {
		return `{"schema":1,"steps":[{"command":{"op":"settle"},"reply":{"returned":{}}},` + step + `]}`
	}
	for name, test := range map[string]struct {
		text, why string
	}{
		"nothing":                      {``, "not a transcript"},
		"another kind of value":        {`[]`, "not a transcript"},
		"cut short":                    {`{"schema":1,"steps":[`, "not a transcript"},
		"something after it":           {`{"schema":1,"steps":[]} {}`, "something follows"},
		"a brace too many":             {`{"schema":1,"steps":[]}}`, "something follows"},
		"a bracket too many":           {`{"schema":1,"steps":[]}]`, "something follows"},
		"no schema":                    {`{"steps":[]}`, "has schema 0"},
		"a later schema":               {`{"schema":2,"steps":[]}`, "has schema 2"},
		"an unknown field":             {`{"schema":1,"steps":[],"more":1}`, `unknown field "more"`},
		"steps that are no list":       {`{"schema":1,"steps":{}}`, "not a transcript"},
		"an invented closing":          {`{"schema":1,"steps":[],"closing":[{"ev":"exploded"}]}`, `closing of the transcript: there is no event "exploded"`},
		"a step that is no object":     {second(`7`), "step 2 of the transcript"},
		"a step that is null":          {second(`null`), "step 2 of the transcript"},
		"a step without a command":     {second(`{"reply":{"returned":{}}}`), `step 2 of the transcript: there is no command ""`},
		"an unknown field of a step":   {second(`{"command":{"op":"settle"},"answer":{}}`), `step 2 of the transcript: json: unknown field "answer"`},
		"an unknown field of commands": {second(`{"command":{"op":"settle","how":1}}`), `step 2 of the transcript: json: unknown field "how"`},
		"an unknown field of replies":  {second(`{"command":{"op":"settle"},"reply":{"back":1}}`), `step 2 of the transcript: json: unknown field "back"`},
		"an argument of a wrong type":  {second(`{"command":{"op":"reader.read","on":"r","as":"c","n":"3"}}`), "step 2 of the transcript"},
		"bytes that are none":          {second(`{"command":{"op":"reader.feed_data","on":"r","data":"€"}}`), "step 2 of the transcript: bytes: the string holds"},
		"an invented command":          {second(`{"command":{"op":"reader.peek"}}`), `step 2 of the transcript: there is no command "reader.peek"`},
		"a command against the table":  {second(`{"command":{"op":"settle","n":1}}`), "step 2 of the transcript: settle has no argument n"},
		"a reply with nothing":         {second(`{"command":{"op":"settle"},"reply":{}}`), "step 2 of the transcript: a reply has exactly one"},
		"a reply with an odd event":    {second(`{"command":{"op":"settle"},"reply":{"returned":{},"events":[{"ev":"item"}]}}`), "step 2 of the transcript: an item event has a value"},
	} {
		t.Run(name, func(t *testing.T) {
			tr, err := ReadTranscript(strings.NewReader(test.text))
			if err == nil || !strings.Contains(err.Error(), test.why) {
				t.Errorf("%v and %v, want an error that says %q", tr, err, test.why)
			}
		})
	}
}

// TestTranscriptThatCannotBeWritten holds that a writer's error comes back.
func TestTranscriptThatCannotBeWritten(t *testing.T) {
	if err := new(Transcript).Write(fullDisk{}); err == nil {
		t.Error("the writer failed, Write did not")
	}
}

// fullDisk is a disk that is full.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, bytes.ErrTooLarge }

func TestViolationString(t *testing.T) {
	if got, want := (Violation{Rule: "a.b.c", Text: "was so"}).String(), "a.b.c: was so"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzReadTranscript holds that whatever is accepted is valid step by step, and survives being written and read again.
func FuzzReadTranscript(f *testing.F) {
	for _, tr := range transcripts() {
		f.Add([]byte(written(f, tr)))
	}
	for _, seed := range []string{
		``, `{}`, `{"schema":1}`, `{"schema":1,"steps":null}`, `{"schema":1,"steps":[null]}`, `{"SCHEMA":1,"Steps":[{"Command":{"Op":"settle"}}]}`,
		`{"schema":1,"steps":[{"command":{"op":"reader.feed_data","on":"r","data":{"repeat":"form","times":2}}}]}`,
		`{"schema":1,"steps":[{"command":{"op":"reader.feed_data","on":"r","data":{"form":"wide","bytes":{"repeat":"ab","times":200}}}}]}`,
		`{"schema":1,"steps":[{"command":{"op":"forget","names":[]},"reply":{"returned":{"list":[]}}}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		first, err := ReadTranscript(bytes.NewReader(in))
		if err != nil {
			return
		}
		for i, s := range first.Steps {
			if err := s.Command.Validate(); err != nil {
				t.Errorf("step %d was accepted: %v", i+1, err)
			}
		}
		text := written(t, *first)
		second, err := ReadTranscript(strings.NewReader(text))
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v, in\n%s", err, text)
		}
		if diff := cmp.Diff(text, written(t, *second)); diff != "" { // the texts, which tell an empty list from none where that matters
			t.Errorf("what was read and written changed when read again (-want +got):\n%s", diff)
		}
	})
}
