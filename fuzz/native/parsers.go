package native

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing/fstest"

	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

// A parser is a target without a state.
type parser func(data []byte) error

// Run implements [Target].
func (p parser) Run(data []byte) error { return p(data) }

// Catalogue has the catalogue parsed from one file, that of reader.read. What is wrong with it has to be told with the file's name,
// and what is not wrong has to be a rule of that area, which can be found.
func Catalogue() Target {
	const area = "reader.read"
	return parser(func(data []byte) error {
		c, err := spec.Parse(fstest.MapFS{area + ".yaml": {Data: data}})
		if err != nil {
			if !bytes.Contains([]byte(err.Error()), []byte(area+".yaml: ")) {
				return fmt.Errorf("the error does not name the file: %w", err)
			}
			return nil
		}
		rules := c.Rules()
		if len(rules) == 0 {
			return errors.New("it has no rules, and no error")
		}
		for _, r := range rules {
			if found, ok := c.Rule(r.ID); !ok || !reflect.DeepEqual(found, r) || r.Area != area || r.Statement == "" || r.Source == "" {
				return fmt.Errorf("the rule %+v is found as %+v", r, found)
			}
		}
		return nil
	})
}

// Transcript has transcripts read. What can be read is written, and then read again as the same.
func Transcript() Target {
	return parser(func(data []byte) error {
		first, err := trace.ReadTranscript(bytes.NewReader(data))
		if err != nil {
			return told(err)
		}
		var text bytes.Buffer
		if err := first.Write(&text); err != nil {
			return fmt.Errorf("it can be read but not written: %w", err)
		}
		second, err := trace.ReadTranscript(bytes.NewReader(text.Bytes()))
		if err != nil {
			return fmt.Errorf("it can be read, but not what was written then: %w\n%s", err, text.Bytes())
		}
		before, err := json.Marshal(first)
		if err != nil {
			return err
		}
		after, err := json.Marshal(second)
		if err != nil || !bytes.Equal(before, after) {
			return fmt.Errorf("it is not the same when it was written and read again:\n%s\n%s", before, after)
		}
		return nil
	})
}

// told holds that an error says something.
func told(err error) error {
	if err.Error() == "" {
		return errors.New("the error says nothing")
	}
	return nil
}

// mostBytes is up to how many bytes are compared, for the sake of speed.
const mostBytes = 1 << 20

// Bytes has the JSON form of bytes read. What can be read is written, and then read again as the same; and any bytes are.
func Bytes() Target {
	return parser(func(data []byte) error {
		if err := writesAndReads(data); err != nil {
			return err
		}
		var b trace.Bytes
		if err := json.Unmarshal(data, &b); err != nil {
			return told(err)
		}
		if len(b) > mostBytes {
			return nil
		}
		return writesAndReads(b)
	})
}

func writesAndReads(b trace.Bytes) error {
	text, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("%q cannot be written: %w", []byte(b), err)
	}
	var again trace.Bytes
	if err := json.Unmarshal(text, &again); err != nil {
		return fmt.Errorf("%q is written as %s, which cannot be read: %w", []byte(b), text, err)
	}
	if !bytes.Equal(b, again) {
		return fmt.Errorf("%q is written as %s, which is read as %q", []byte(b), text, []byte(again))
	}
	return nil
}
