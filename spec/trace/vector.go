package trace

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// VectorSchema is the version of the JSON form of vectors.
const VectorSchema = 1

// A VectorFile is a file of test vectors on one topic, which need no more than a language and an implementation to be run.
type VectorFile struct {
	Schema  int      `json:"schema"` // [VectorSchema]
	Doc     string   `json:"doc"`    // what the vectors are about
	Vectors []Vector `json:"vectors"`
}

// A Vector is a short program together with what may come back from it. It begins with nothing.
type Vector struct {
	Name      string       `json:"name"`                // unique in its file
	Rules     []string     `json:"rules"`               // the rules by which it is judged
	Reference string       `json:"reference,omitempty"` // where a fault that it shows was reported
	Needs     []Capability `json:"needs"`               // what the commands need
	Since     string       `json:"since,omitempty"`     // the first version whose documents it holds for; not given: every one
	Until     string       `json:"until,omitempty"`     // the last one
	Steps     []VectorStep `json:"steps"`
}

// A VectorStep is a command and what may come back. Without expectations nothing is said about that.
type VectorStep struct {
	Command Command `json:"command"`
	Expect  []Reply `json:"expect,omitempty"` // the permitted replies, each in the form of [Reply.Plain]
}

// compared are the events that expectations are about, those of objects in memory.
var compared = []EventName{Finished, Item, PauseReading, ResumeReading}

// Plain returns what of a reply expectations are about: native types and texts are dropped, but for the text of an exception
// that the driver made, and so are turns and events of other kinds than finished, item, pause_reading and resume_reading. Events are
// sorted by their objects; those of one object stay in order.
func (r Reply) Plain() Reply {
	plain := Reply{Returned: r.Returned.plain(), Raised: r.Raised.plain(), Pending: r.Pending, Unsupported: r.Unsupported, Fault: r.Fault}
	for _, e := range r.Events {
		if slices.Contains(compared, e.Ev) {
			plain.Events = append(plain.Events, Event{Ev: e.Ev, On: e.On, Returned: e.Returned.plain(), Raised: e.Raised.plain(), Value: e.Value.plain()})
		}
	}
	slices.SortStableFunc(plain.Events, func(a, b Event) int { return cmp.Compare(a.On, b.On) })
	return plain
}

func (v *Value) plain() *Value {
	if v == nil {
		return nil
	}
	plain := *v
	plain.Type, plain.Error = "", v.Error.plain()
	for i := range v.List {
		if i == 0 {
			plain.List = slices.Clone(v.List)
		}
		plain.List[i] = *v.List[i].plain()
	}
	return &plain
}

func (e *Error) plain() *Error {
	if e == nil {
		return nil
	}
	plain := *e
	plain.Native = ""
	if e.Kind != Scripted {
		plain.Message = ""
	}
	return &plain
}

// Permits reports whether a reply is one of those expected, or nothing is said about it.
func (s *VectorStep) Permits(reply Reply) bool {
	return s.Expect == nil || slices.ContainsFunc(s.Expect, reply.Plain().same)
}

// same compares replies by their JSON, in which nothing and an empty list are the same.
func (r Reply) same(o Reply) bool {
	a, errA := json.Marshal(r)
	b, errB := json.Marshal(o)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// CommandNeeds returns the capabilities that the commands of the vector need, each once, in the order in which they are
// needed first.
func (v *Vector) CommandNeeds() []Capability {
	needs := []Capability{}
	for i := range v.Steps {
		for _, c := range v.Steps[i].Command.Needs() {
			if !slices.Contains(needs, c) {
				needs = append(needs, c)
			}
		}
	}
	return needs
}

// ReadVectors decodes and validates a file of vectors. Unknown fields, commands that are not in the table and replies that
// could not come back are errors that name the vector and the step. Whether there are such rules and versions is left to the caller.
func ReadVectors(r io.Reader) (*VectorFile, error) {
	var in struct {
		VectorFile
		Vectors []json.RawMessage `json:"vectors"` // decoded one by one, so that an error names the vector
	}
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return nil, fmt.Errorf("not a file of vectors: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("not a file of vectors: something follows the end of the object")
	}
	f := in.VectorFile
	switch {
	case f.Schema != VectorSchema:
		return nil, fmt.Errorf("the vectors have schema %d, this program reads schema %d", f.Schema, VectorSchema)
	case len(in.Vectors) == 0:
		return nil, fmt.Errorf("there are no vectors in the file")
	}
	for i, text := range in.Vectors {
		v, err := readVector(text)
		if err == nil && slices.ContainsFunc(f.Vectors, func(o Vector) bool { return o.Name == v.Name }) {
			err = fmt.Errorf("another one before has the same name")
		}
		if err != nil {
			return nil, fmt.Errorf("vector %d, %q: %w", i+1, v.Name, err)
		}
		f.Vectors = append(f.Vectors, v)
	}
	return &f, nil
}

// readVector decodes and validates a vector. With an error it returns what of it could be read.
func readVector(text []byte) (Vector, error) {
	var in struct {
		Vector
		Steps []json.RawMessage `json:"steps"`
	}
	if err := strict(text, &in); err != nil {
		return in.Vector, err
	}
	v := in.Vector
	switch {
	case v.Name == "":
		return v, fmt.Errorf("it has no name")
	case len(v.Rules) == 0:
		return v, fmt.Errorf("it names no rules")
	case len(in.Steps) == 0:
		return v, fmt.Errorf("it has no steps")
	}
	for i, text := range in.Steps {
		var s VectorStep
		err := strict(text, &s)
		if err == nil {
			err = s.validate()
		}
		if err != nil {
			return v, fmt.Errorf("step %d: %w", i+1, err)
		}
		v.Steps = append(v.Steps, s)
	}
	if needs := v.CommandNeeds(); !slices.Equal(v.Needs, needs) {
		return v, fmt.Errorf("it says that it needs %q, but its commands need %q", v.Needs, needs)
	}
	return v, nil
}

func (s *VectorStep) validate() error {
	if err := s.Command.Validate(); err != nil {
		return err
	}
	for i, r := range s.Expect {
		err := r.Validate()
		switch {
		case err != nil:
		case r.Unsupported != "" || r.Fault != "":
			err = fmt.Errorf("an adapter's failure is no outcome to expect")
		case r.Pending != "" && r.Pending != s.Command.As:
			err = fmt.Errorf("%q is not the call that the command starts", r.Pending)
		case !r.same(r.Plain()):
			err = fmt.Errorf("only what is compared can be expected, sorted by object: %s", compactJSON(r.Plain()))
		}
		if err != nil {
			return fmt.Errorf("expectation %d: %w", i+1, err)
		}
	}
	return nil
}

func compactJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Write encodes the vectors, one step a line.
func (f *VectorFile) Write(w io.Writer) error {
	f.Schema = VectorSchema
	var b bytes.Buffer
	var failed error
	text := func(v any) string {
		var out bytes.Buffer
		enc := json.NewEncoder(&out)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil && failed == nil {
			failed = err
		}
		return string(bytes.TrimRight(out.Bytes(), "\n"))
	}
	fmt.Fprintf(&b, "{\n \"schema\": %d,\n \"doc\": %s,\n \"vectors\": [", f.Schema, text(f.Doc))
	for i, v := range f.Vectors {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "\n  {\n   \"name\": %s,\n   \"rules\": %s,\n", text(v.Name), text(v.Rules))
		for _, field := range []struct{ name, value string }{{"reference", v.Reference}, {"since", v.Since}, {"until", v.Until}} {
			if field.value != "" {
				fmt.Fprintf(&b, "   %q: %s,\n", field.name, text(field.value))
			}
		}
		fmt.Fprintf(&b, "   \"needs\": %s,\n   \"steps\": [", text(v.Needs))
		for j, s := range v.Steps {
			if j > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "\n    %s", text(s))
		}
		b.WriteString("\n   ]\n  }")
	}
	b.WriteString("\n ]\n}\n")
	if failed != nil {
		return failed
	}
	_, err := w.Write(b.Bytes())
	return err
}
