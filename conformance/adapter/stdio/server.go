package stdio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/spec/trace"
)

// Serve is the adapter's side of the protocol for implementations in Go: it reads requests from in, runs them on sessions
// of a, and writes the answers to out. A program whose main function is little more than
//
//	err := stdio.Serve(ctx, myAdapter, os.Stdin, os.Stdout)
//
// can be given to streamspec as an adapter. Nothing else may write to out.
//
// A request that breaks the protocol is answered with an error, and a command that breaks the table of commands with a
// fault; neither disturbs what comes after. Serve returns nil after shutdown and at the end of in, the error of the
// context when that is done (at once if in has read deadlines, else at the next request), and an error when in or out
// fails or a line is longer than 64 MiB. It closes the session that is open, but not a.
func Serve(ctx context.Context, a adapter.Adapter, in io.Reader, out io.Writer) error {
	if pipe, ok := in.(interface{ SetReadDeadline(time.Time) error }); ok {
		defer context.AfterFunc(ctx, func() { _ = pipe.SetReadDeadline(time.Unix(1, 0)) })()
	}
	s := server{adapter: a}
	defer func() {
		if s.session != nil {
			_, _ = s.session.Close(context.WithoutCancel(ctx))
		}
	}()
	requests := lines{read: in.Read, max: defaultMaxLine}
	var answer bytes.Buffer
	for {
		line, err := requests.next()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, io.EOF):
			if left := requests.rest(); len(left) > 0 {
				return fmt.Errorf("the input ended in the middle of a request: %s", quote(left))
			}
			return nil
		case errors.Is(err, errTooLong):
			return fmt.Errorf("a request is longer than the permitted %d bytes: %s", defaultMaxLine, quote(requests.rest()))
		case err != nil:
			return fmt.Errorf("reading a request: %w", err)
		}
		answer.Reset()
		if err := encode(&answer, s.answer(ctx, line)); err != nil {
			return fmt.Errorf("encoding an answer: %w", err)
		}
		if _, err := out.Write(answer.Bytes()); err != nil {
			return fmt.Errorf("writing an answer: %w", err)
		}
		if s.done {
			return nil
		}
	}
}

// server is the state of the adapter's side. At most one session is open.
type server struct {
	adapter adapter.Adapter
	session adapter.Session
	id      int64 // of the session
	done    bool  // shutdown was asked for
}

func failed(code int, format string, args ...any) *rpcError {
	return &rpcError{Code: code, Message: fmt.Sprintf(format, args...)}
}

// answer carries out the request on a line.
func (s *server) answer(ctx context.Context, line []byte) response {
	var r struct {
		JSONRPC json.RawMessage `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Method  *string         `json:"method"`
		Params  json.RawMessage `json:"params"`
	}
	answer := response{JSONRPC: jsonrpcVersion}
	if err := decodeMessage(line, &r); err != nil {
		code := codeInvalidRequest
		if !json.Valid(line) {
			code = codeParse
		}
		answer.Error = failed(code, "the request %v: %s", err, quote(line))
		return answer
	}
	id, err := strconv.ParseInt(string(r.ID), 10, 64)
	if err != nil {
		answer.Error = failed(codeInvalidRequest, "the request has the id %s, which has to be an integer", quote(r.ID))
		return answer
	}
	answer.ID = &id
	switch {
	case string(r.JSONRPC) != `"2.0"`:
		answer.Error = failed(codeInvalidRequest, `the request has jsonrpc %s, which has to be "2.0"`, quote(r.JSONRPC))
	case r.Method == nil:
		answer.Error = failed(codeInvalidRequest, "the request has no method")
	case r.Params == nil:
		answer.Error = failed(codeInvalidRequest, "the request has no params, an object is required")
	default:
		if err := checkKeys(line); err != nil {
			answer.Error = failed(codeInvalidRequest, "the request %v", err)
			break
		}
		answer.Result, answer.Error = s.call(ctx, *r.Method, r.Params)
	}
	return answer
}

func (s *server) call(ctx context.Context, method string, params json.RawMessage) (any, *rpcError) {
	malformed := func(err error) *rpcError {
		return failed(codeInvalidParams, "the params of %s: the object %v", method, err)
	}
	switch method {
	case methodInitialize:
		var p initializeParams
		if err := decodeStrict(params, &p); err != nil {
			return nil, malformed(err)
		}
		d, err := s.adapter.Describe(ctx)
		if err != nil {
			return nil, failed(codeInternal, "the adapter did not describe itself: %v", err)
		}
		d.Protocol = trace.ProtocolVersion // a client that asked for another one says so itself
		if d.Capabilities == nil {
			d.Capabilities = []trace.Capability{}
		}
		return d, nil
	case methodRun:
		var p runParams
		var bad map[int]error
		if err := decodeStrict(params, &p); err != nil {
			if bad, err = decodeEach(params, &p); err != nil {
				return nil, malformed(err)
			}
		}
		if p.Commands == nil {
			return nil, failed(codeInvalidParams, "the params of %s have no commands, a list is required, if an empty one", method)
		}
		return s.run(ctx, p, bad)
	case methodClose:
		var p closeParams
		if err := decodeStrict(params, &p); err != nil {
			return nil, malformed(err)
		}
		if s.session == nil || p.Session != s.id {
			return nil, failed(codeInvalidParams, "%s names session %d, which is not open", method, p.Session)
		}
		events, err := s.session.Close(ctx)
		s.session = nil
		if err != nil {
			return nil, failed(codeInternal, "closing session %d: %v", p.Session, err)
		}
		if events == nil {
			events = []trace.Event{}
		}
		return closeResult{events}, nil
	case methodShutdown:
		if err := decodeStrict(params, &empty{}); err != nil {
			return nil, malformed(err)
		}
		s.done = true
		return empty{}, nil
	}
	return nil, failed(codeUnknownMethod, "there is no method %s, known are %s, %s, %s and %s", quote([]byte(method)),
		methodInitialize, methodRun, methodClose, methodShutdown)
}

// decodeEach decodes a batch that holds malformed commands: one by one, with the mistakes by position. An error is about
// the batch as a whole.
func decodeEach(params json.RawMessage, p *runParams) (map[int]error, error) {
	var raw struct {
		Session  int64             `json:"session"`
		Commands []json.RawMessage `json:"commands"`
	}
	if err := decodeStrict(params, &raw); err != nil {
		return nil, err
	}
	p.Session, p.Commands = raw.Session, make([]trace.Command, len(raw.Commands))
	bad := map[int]error{}
	for i, one := range raw.Commands {
		if err := decodeStrict(one, &p.Commands[i]); err != nil {
			bad[i] = fmt.Errorf("the command %w: %s", err, quote(one))
		}
	}
	return bad, nil
}

// run carries out a batch. Commands that are malformed, by bad or by the table, get a fault for a reply and are not
// carried out.
func (s *server) run(ctx context.Context, p runParams, bad map[int]error) (any, *rpcError) {
	if s.session != nil && p.Session != s.id {
		return nil, failed(codeInvalidParams, "session %d is still open, so session %d cannot begin", s.id, p.Session)
	}
	if s.session == nil {
		session, err := s.adapter.NewSession(ctx)
		if err != nil {
			return nil, failed(codeInternal, "beginning session %d: %v", p.Session, err)
		}
		s.session, s.id = session, p.Session
	}
	replies := make([]trace.Reply, 0, len(p.Commands))
	from := 0 // the first command that has no reply
	do := func(to int) *rpcError {
		if from == to {
			return nil
		}
		some, err := s.session.Do(ctx, p.Commands[from:to])
		if err == nil && len(some) != to-from {
			err = fmt.Errorf("the adapter gave %s for %s", count(len(some), "reply", "replies"), count(to-from, "command", "commands"))
		}
		if err != nil {
			_, _ = s.session.Close(ctx)
			s.session = nil
			return failed(codeInternal, "session %d is over after %s: %v", p.Session, count(from+len(some), "reply", "replies"), err)
		}
		replies = append(replies, some...)
		from = to
		return nil
	}
	for i := range p.Commands {
		err := bad[i]
		if err == nil {
			err = p.Commands[i].Validate()
		}
		if err == nil {
			continue
		}
		if failure := do(i); failure != nil {
			return nil, failure
		}
		replies = append(replies, trace.Reply{Fault: err.Error()})
		from = i + 1
	}
	if failure := do(len(p.Commands)); failure != nil {
		return nil, failure
	}
	return runResult{replies}, nil
}
