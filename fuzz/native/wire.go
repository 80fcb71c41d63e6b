package native

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/adapter/stdio"
	"github.com/streamspec/streamspec/spec/trace"
)

// asked are the commands to which the lines are the answer.
var asked = []trace.Command{
	{Op: trace.ReaderMake, As: "r"},
	{Op: trace.ReaderRead, On: "r", As: "c1", N: trace.Int(3)},
	{Op: trace.ReaderFeedData, On: "r", Data: trace.D("ab")},
}

// WireClient has a line judged as the client does an adapter's answers: to initialize and to session.run, with the id 1. What is
// accepted has to be accepted again when it is written by the same means.
func WireClient() Target {
	return parser(func(line []byte) error {
		if d, err := stdio.CheckInitialize(line, 1); err != nil {
			if err := told(err); err != nil {
				return err
			}
		} else if again, err := stdio.CheckInitialize(response(d), 1); err != nil || !reflect.DeepEqual(d, again) {
			return fmt.Errorf("%+v was accepted, and is %+v when it is written and read again: %w", d, again, err)
		}
		replies, err := stdio.CheckRun(line, 1, asked)
		if err != nil {
			return told(err)
		}
		if len(replies) != len(asked) {
			return fmt.Errorf("%d replies to %d commands were accepted", len(replies), len(asked))
		}
		if _, err := stdio.CheckRun(response(map[string]any{"replies": replies}), 1, asked); err != nil {
			return fmt.Errorf("the replies are accepted, and are not when they are written again: %w", err)
		}
		return nil
	})
}

// response is an answer with the id 1.
func response(result any) []byte {
	line, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "result": result})
	if err != nil {
		return []byte(err.Error())
	}
	return line
}

// WireServer has lines answered by the adapter's side. Each line has to be answered by one line, with a result or with an error that
// says something; and what is carried out has to be valid by the table.
func WireServer() Target {
	return parser(func(data []byte) error {
		var out bytes.Buffer
		a := &accepting{}
		if err := stdio.Serve(context.Background(), a, bytes.NewReader(data), &out); err != nil && bytes.HasSuffix(data, []byte("\n")) {
			return fmt.Errorf("the server is at its end: %w", err)
		}
		if a.err != nil {
			return a.err
		}
		lines := bytes.Count(data, []byte("\n"))
		answers := bytes.Split(bytes.TrimSuffix(out.Bytes(), []byte("\n")), []byte("\n"))
		if out.Len() == 0 {
			answers = nil
		}
		over := false // by shutdown
		for _, answer := range answers {
			var err error
			if over, err = checkAnswer(answer); err != nil {
				return fmt.Errorf("%w: %s", err, answer)
			}
		}
		if len(answers) > lines || len(answers) < lines && !over {
			return fmt.Errorf("%d lines have %d answers", lines, len(answers))
		}
		return nil
	})
}

// checkAnswer judges an answer, and tells whether it is one as to shutdown.
func checkAnswer(line []byte) (empty bool, err error) {
	var a struct {
		JSONRPC string `json:"jsonrpc"`
		ID      *int64
		Result  json.RawMessage
		Error   *struct {
			Code    int
			Message string
		}
	}
	if err := json.Unmarshal(line, &a); err != nil {
		return false, err
	}
	switch {
	case a.JSONRPC != "2.0":
		return false, errors.New("the answer is not of JSON-RPC 2.0")
	case (a.Result == nil) == (a.Error == nil):
		return false, errors.New("the answer has not exactly one of result and error")
	case a.Error != nil && (a.Error.Code >= 0 || a.Error.Message == ""):
		return false, errors.New("the error says nothing")
	case a.Error == nil && a.ID == nil:
		return false, errors.New("the result has no id")
	}
	return string(a.Result) == "{}", nil
}

// accepting is an adapter that carries nothing out. It holds that commands are valid.
type accepting struct{ err error }

func (*accepting) Describe(context.Context) (trace.Description, error) {
	return trace.Description{Name: "none", Version: "1", Target: "3.13", Settling: trace.Exact}, nil
}

func (a *accepting) NewSession(context.Context) (adapter.Session, error) {
	return acceptingSession{a}, nil
}

func (*accepting) Close() error { return nil }

type acceptingSession struct{ a *accepting }

func (acceptingSession) Close(context.Context) ([]trace.Event, error) { return nil, nil }

func (s acceptingSession) Do(_ context.Context, commands []trace.Command) ([]trace.Reply, error) {
	replies := make([]trace.Reply, len(commands))
	for i := range commands {
		if err := commands[i].Validate(); err != nil {
			s.a.err = fmt.Errorf("%s is carried out though it is not valid: %w", commands[i], err)
		}
		replies[i].Returned = &trace.None
	}
	return replies, nil
}
