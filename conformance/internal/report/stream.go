package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/streamspec/streamspec/spec/trace"
)

// A Line is one line of a result stream: first a header, then a line for each case as it ends, last a footer. A stream
// without a footer was broken off.
type Line struct {
	Type           string             `json:"type"` // header, case or footer
	Schema         int                `json:"schema,omitempty"`
	Suite          *Suite             `json:"suite,omitempty"`
	Implementation *trace.Description `json:"implementation,omitempty"`
	Case           *Case              `json:"case,omitempty"`
	Complete       bool               `json:"complete,omitempty"`
	Cases          int                `json:"cases,omitempty"`   // of a header: how many cases there are to run; of a footer: how many case lines there are
	Seconds        float64            `json:"seconds,omitempty"` // of a footer
}

// A Stream writes the lines of a run as they come. Its methods may be called from several goroutines.
type Stream struct {
	mu    sync.Mutex
	enc   *json.Encoder
	cases int
	err   error
}

// NewStream writes the header and returns the stream. The number of cases is that of the ones to run, 0 if it is not known.
func NewStream(w io.Writer, suite Suite, impl trace.Description, cases int) *Stream {
	s := &Stream{enc: json.NewEncoder(w)}
	s.write(Line{Type: "header", Schema: Schema, Suite: &suite, Implementation: &impl, Cases: cases})
	return s
}

// Case writes the line of a case.
func (s *Stream) Case(c Case) {
	s.cases++
	s.write(Line{Type: "case", Case: &c})
}

// Close writes the footer, and returns the first error that writing met with.
func (s *Stream) Close(complete bool, seconds float64) error {
	s.write(Line{Type: "footer", Complete: complete, Cases: s.cases, Seconds: seconds})
	return s.err
}

func (s *Stream) write(l Line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.enc.Encode(l); err != nil && s.err == nil {
		s.err = fmt.Errorf("writing the result stream: %w", err)
	}
}

// ReadStream calls f for each line of a stream and tells whether the stream was complete.
func ReadStream(r io.Reader, f func(Line)) (complete bool, err error) {
	in := bufio.NewReader(r)
	cases := 0
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return complete, nil
		}
		if err != nil {
			return false, fmt.Errorf("reading a result stream: %w", err)
		}
		var l Line
		if err := json.Unmarshal(line, &l); err != nil {
			return false, fmt.Errorf("reading a result stream: %w in %.200q", err, line)
		}
		switch l.Type {
		case "header":
			if l.Schema != Schema {
				return false, fmt.Errorf("reading a result stream: it has schema %d, this program reads %d", l.Schema, Schema)
			}
		case "case":
			cases++
		case "footer":
			complete = l.Complete && l.Cases == cases
		}
		f(l)
	}
}
