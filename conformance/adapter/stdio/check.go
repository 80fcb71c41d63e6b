package stdio

import (
	"errors"
	"fmt"

	"github.com/streamspec/streamspec/spec/trace"
)

// CheckRun judges a line as a client does: as the answer to the request session.run with that id and those commands. The error
// says what is wrong with it.
func CheckRun(line []byte, id int64, commands []trace.Command) ([]trace.Reply, error) {
	raw, err := decodeResponse(line, id)
	if err != nil {
		return nil, fmt.Errorf("the line %w: %s", err, quote(line))
	}
	replies, wrong := decodeReplies(raw, asked{methodRun, len(commands)}, commands)
	if wrong != "" {
		return nil, errors.New(wrong)
	}
	return replies, nil
}

// CheckInitialize judges a line as a client does: as the answer to the request initialize with that id.
func CheckInitialize(line []byte, id int64) (trace.Description, error) {
	raw, err := decodeResponse(line, id)
	if err != nil {
		return trace.Description{}, fmt.Errorf("the line %w: %s", err, quote(line))
	}
	return decodeDescription(raw)
}
