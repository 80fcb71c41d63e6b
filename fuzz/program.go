// Package fuzz has random programs judged by the rules: generators that write them, a judge that has an implementation carry them
// out under all monitors, a shrinker that finds the shortest program that still breaks the same rule, and campaigns that do all
// this for as long as they are given.
package fuzz

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// A Program is a list of commands that begins with nothing and is judged by the monitors alone.
type Program []trace.Command

// Validate reports what is wrong with the program by the table of commands, nil if nothing is. Names that are used before they
// are made or given twice are an error too; names of parts, such as c1.transport, are those of the call before the dot.
func (p Program) Validate() error {
	if len(p) == 0 {
		return errors.New("the program is empty")
	}
	for i := range p {
		if err := p[i].Validate(); err != nil {
			return fmt.Errorf("command %d: %w", i+1, err)
		}
	}
	return p.validateNames()
}

// ReadProgram decodes and validates a program: one JSON object that is a command a line. Unknown fields are errors.
func ReadProgram(r io.Reader) (Program, error) {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	var p Program
	for {
		var c trace.Command
		switch err := dec.Decode(&c); {
		case err == io.EOF:
			return p, p.Validate()
		case err != nil:
			return nil, fmt.Errorf("command %d: %w", len(p)+1, err)
		}
		p = append(p, c)
	}
}

// Write encodes the program, one command a line.
func (p Program) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for i := range p {
		if err := enc.Encode(&p[i]); err != nil {
			return err
		}
	}
	return nil
}

// String shows the program in one line.
func (p Program) String() string {
	parts := make([]string, len(p))
	for i := range p {
		parts[i] = p[i].String()
	}
	return strings.Join(parts, "; ")
}
