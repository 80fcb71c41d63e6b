package trace

import (
	"encoding/json"
	"fmt"
	"io"
)

// TranscriptSchema is the version of the transcript's JSON form.
const TranscriptSchema = 1

// A Transcript is what was asked of an implementation in one session and what came back. It can be run again on any
// adapter.
type Transcript struct {
	Schema         int          `json:"schema"`                   // [TranscriptSchema]
	Case           string       `json:"case,omitempty"`           // the case that it was recorded for
	Rules          []string     `json:"rules,omitempty"`          // the rules of the case
	Target         string       `json:"target,omitempty"`         // the documented version it was judged by
	Implementation *Description `json:"implementation,omitempty"` // whom it was recorded from
	Violations     []Violation  `json:"violations,omitempty"`     // what was wrong
	Steps          []Step       `json:"steps"`
	Closing        []Event      `json:"closing,omitempty"` // what happened when the session was closed
}

// A Step is a command and its reply. Without a reply the session ended before one came.
type Step struct {
	Command Command `json:"command"`
	Reply   *Reply  `json:"reply,omitempty"`
}

// A Violation is an observation that a rule does not permit.
type Violation struct {
	Rule string `json:"rule"`           // the rule's ID
	Step int    `json:"step,omitempty"` // which step of the session, counted from 1; 0: none in particular
	Text string `json:"text"`           // what was done, what came back, what was permitted
}

// String shows rule and text.
func (v Violation) String() string { return v.Rule + ": " + v.Text }

// ReadTranscript decodes and validates a transcript. Unknown fields, commands that are not in the table and replies that
// break their contract are errors that name the step.
func ReadTranscript(r io.Reader) (*Transcript, error) {
	var in struct {
		Transcript
		Steps []json.RawMessage `json:"steps"` // decoded one by one, so that an error names the step
	}
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return nil, fmt.Errorf("not a transcript: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("not a transcript: something follows the end of the object")
	}
	t := in.Transcript
	if t.Schema != TranscriptSchema {
		return nil, fmt.Errorf("the transcript has schema %d, this program reads schema %d", t.Schema, TranscriptSchema)
	}
	for i, text := range in.Steps {
		var s Step
		if err := s.read(text); err != nil {
			return nil, fmt.Errorf("step %d of the transcript: %w", i+1, err)
		}
		t.Steps = append(t.Steps, s)
	}
	for _, e := range t.Closing {
		if err := e.validate(); err != nil {
			return nil, fmt.Errorf("the closing of the transcript: %w", err)
		}
	}
	return &t, nil
}

// read decodes and validates a step.
func (s *Step) read(text []byte) error {
	if err := strict(text, s); err != nil {
		return err
	}
	if err := s.Command.Validate(); err != nil {
		return err
	}
	if s.Reply == nil {
		return nil
	}
	return s.Reply.Validate()
}

// Write encodes the transcript, one step a line.
func (t *Transcript) Write(w io.Writer) error {
	t.Schema = TranscriptSchema
	head := *t
	head.Steps, head.Closing = nil, nil
	b, err := json.MarshalIndent(head, "", " ")
	if err != nil {
		return err
	}
	const tail = "\"steps\": null\n}"
	out := append(b[:len(b)-len(tail)], "\"steps\": [\n"...)
	for i, s := range t.Steps {
		line, err := json.Marshal(s)
		if err != nil {
			return err
		}
		out = append(append(out, "  "...), line...)
		if i < len(t.Steps)-1 {
			out = append(out, ',')
		}
		out = append(out, '\n')
	}
	out = append(out, " ]"...)
	if len(t.Closing) > 0 {
		line, err := json.Marshal(t.Closing)
		if err != nil {
			return err
		}
		out = append(append(out, ",\n \"closing\": "...), line...)
	}
	_, err = w.Write(append(out, "\n}\n"...))
	return err
}
