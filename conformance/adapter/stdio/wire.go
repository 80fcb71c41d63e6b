package stdio

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/streamspec/streamspec/spec/trace"
)

// The methods.
const (
	methodInitialize = "initialize"
	methodRun        = "session.run"
	methodClose      = "session.close"
	methodShutdown   = "shutdown"
)

// The codes of JSON-RPC errors.
const (
	codeParse          = -32700
	codeInvalidRequest = -32600
	codeUnknownMethod  = -32601
	codeInvalidParams  = -32602
	codeInternal       = -32603
)

const (
	jsonrpcVersion = "2.0"
	defaultMaxLine = 64 << 20 // bytes
	mostQuoted     = 200      // bytes of an offending line that an error quotes
)

type request struct {
	JSONRPC string `json:"jsonrpc"`
	ID      int64  `json:"id"`
	Method  string `json:"method"`
	Params  any    `json:"params"`
}

type response struct {
	JSONRPC string    `json:"jsonrpc"`
	ID      *int64    `json:"id"` // null where the request's id could not be read
	Result  any       `json:"result,omitempty"`
	Error   *rpcError `json:"error,omitempty"`
}

type rpcError struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"`
}

type empty struct{}

type initializeParams struct {
	Protocol int `json:"protocol"`
}

type runParams struct {
	Session  int64           `json:"session"`
	Commands []trace.Command `json:"commands"`
}

type runResult struct {
	Replies []trace.Reply `json:"replies"`
}

type closeParams struct {
	Session int64 `json:"session"`
}

type closeResult struct {
	Events []trace.Event `json:"events"`
}

// encode appends a message and its line feed to out.
func encode(out *bytes.Buffer, message any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return enc.Encode(message)
}

// envelope is a response whose parts are still to be judged.
type envelope struct {
	JSONRPC json.RawMessage `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  json.RawMessage `json:"result"`
	Error   json.RawMessage `json:"error"`
}

// decodeResponse returns the result that a line carries as the answer to request id. The error says how the line breaks
// the protocol, without quoting it.
func decodeResponse(line []byte, id int64) (json.RawMessage, error) {
	var e envelope
	if err := decodeMessage(line, &e); err != nil {
		return nil, err
	}
	switch {
	case e.JSONRPC == nil:
		return nil, errors.New(`has no jsonrpc, which has to be "2.0"`)
	case string(e.JSONRPC) != `"2.0"`:
		return nil, fmt.Errorf(`has jsonrpc %s, which has to be "2.0"`, quote(e.JSONRPC))
	case e.ID == nil:
		return nil, fmt.Errorf("has no id, which has to be %d", id)
	case string(e.ID) == "null" && e.Error != nil:
		return nil, fmt.Errorf("has the id null, which has to be %d, and %w", id, decodeError(e.Error))
	}
	got, err := strconv.ParseInt(string(e.ID), 10, 64)
	switch {
	case err != nil:
		return nil, fmt.Errorf("has the id %s, which has to be the integer %d", quote(e.ID), id)
	case got != id:
		return nil, fmt.Errorf("has the id %d, which has to be %d: %s", got, id, stray(got, id-1))
	case e.Result != nil && e.Error != nil:
		return nil, errors.New("has both a result and an error, of which exactly one is permitted")
	case e.Error != nil:
		return nil, decodeError(e.Error)
	case e.Result == nil:
		return nil, errors.New("has neither a result nor an error, of which exactly one is required")
	}
	if err := checkKeys(line); err != nil {
		return nil, err
	}
	return e.Result, nil
}

func decodeError(in json.RawMessage) error {
	var e rpcError
	if err := decodeStrict(in, &e); err != nil {
		return fmt.Errorf("has an error object that is malformed: %w", err)
	}
	return fmt.Errorf("is error %d: %s", e.Code, quote([]byte(e.Message)))
}

// stray says what is odd about an answer with this id when the last request that was answered had id last.
func stray(id, last int64) string {
	if id >= 1 && id <= last {
		return fmt.Sprintf("request %d had been answered already", id)
	}
	return fmt.Sprintf("there was no request %d", id)
}

// decodeMessage decodes a whole line, which has to be one JSON object of known fields.
func decodeMessage(line []byte, into any) error {
	switch trimmed := bytes.TrimLeft(line, " \t\r"); {
	case len(trimmed) == 0:
		return errors.New("is an empty line, a line has to be a JSON object")
	case !utf8.Valid(line):
		return errors.New("is not UTF-8")
	case trimmed[0] != '{':
		if json.Valid(line) {
			return errors.New("is not a JSON object")
		}
		return errors.New("is not JSON")
	}
	return decodeStrict(line, into)
}

// decodeStrict decodes one JSON value. Unknown fields and anything after the value are errors, which are put in terms of
// JSON and not of Go.
func decodeStrict(in []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(in))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if rest := bytes.TrimSpace(in[dec.InputOffset():]); len(rest) > 0 {
			return fmt.Errorf("goes on after its end with %s", quote(rest))
		}
		return nil
	}
	var mistyped *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &mistyped) && mistyped.Field != "":
		return fmt.Errorf("has a %s in the field %s, which does not take one", mistyped.Value, mistyped.Field)
	case errors.As(err, &mistyped):
		return fmt.Errorf("is a %s, which is not permitted here", mistyped.Value)
	case errors.As(err, &syntax):
		return fmt.Errorf("is not JSON: byte %d: %w", syntax.Offset, err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("is not JSON: it ends too early")
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("has the field %s, which does not exist here", field)
	}
	return fmt.Errorf("cannot be decoded: %w", err)
}

// checkKeys refuses what encoding/json lets pass: a key that occurs twice in one object, and a key that is known only when
// the case of its letters is ignored. All keys of the protocol are of lower-case letters and underscores. The input is
// valid JSON.
func checkKeys(in []byte) error {
	var (
		keys  [][]byte // of all open objects
		open  []int    // of each open object where its keys begin, of each open array -1
		isKey bool     // the next string is a key
		spare [32][]byte
		depth [32]int
	)
	keys, open = spare[:0], depth[:0]
	for i := 0; i < len(in); i++ {
		switch in[i] {
		case '{':
			open = append(open, len(keys))
			isKey = true
		case '[':
			open = append(open, -1)
			isKey = false
		case '}':
			keys = keys[:open[len(open)-1]]
			open = open[:len(open)-1]
			isKey = false
		case ']':
			open = open[:len(open)-1]
		case ',':
			isKey = len(open) > 0 && open[len(open)-1] >= 0
		case '"':
			from := i + 1
			for i++; in[i] != '"'; i++ {
				if in[i] == '\\' {
					i++
				}
			}
			if !isKey {
				continue
			}
			isKey = false
			key := in[from:i]
			for _, c := range key {
				if c != '_' && (c < 'a' || c > 'z') {
					return fmt.Errorf("has the field %s, which does not exist here", quote(key))
				}
			}
			for _, k := range keys[open[len(open)-1]:] {
				if bytes.Equal(k, key) {
					return fmt.Errorf("has the field %s twice in one object", quote(key))
				}
			}
			keys = append(keys, key)
		}
	}
	return nil
}

// unsolicited says what bytes are that came while no request was under way; last is the id of the last request.
func unsolicited(b []byte, last int64) string {
	line, _, whole := bytes.Cut(b, []byte("\n"))
	if whole {
		var e envelope
		if decodeMessage(line, &e) == nil && e.ID != nil {
			if id, err := strconv.ParseInt(string(e.ID), 10, 64); err == nil {
				return fmt.Sprintf("a message with the id %d, though %s: %s", id, stray(id, last), quote(line))
			}
		}
	}
	return fmt.Sprintf("output that nobody had asked for: %s", quote(b))
}

// quote shows the beginning of in on one line.
func quote(in []byte) string {
	s, more := string(in), ""
	if len(s) > mostQuoted {
		cut := mostQuoted
		for cut > mostQuoted-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s, more = s[:cut], fmt.Sprintf("… (%d bytes in all)", len(in))
	}
	if strconv.CanBackquote(s) && !strings.Contains(s, "\t") {
		return "`" + s + "`" + more
	}
	return strconv.Quote(s) + more
}

// errTooLong is a line that is longer than permitted.
var errTooLong = errors.New("line too long")

// lines splits what read delivers into lines. A line is valid until the next call.
type lines struct {
	read func([]byte) (int, error)
	max  int // bytes of a line, without its line feed

	buf     []byte // read and not handed out
	scanned int    // bytes of buf that hold no line feed
	handed  int    // bytes of buf that the last line took
}

const (
	firstBuffer = 64 << 10 // bytes
	keptBuffer  = 4 << 20  // bytes; a larger buffer is given up after its line
)

// next returns the next line without its line feed. At the end of the input it returns what is left of a line, if
// anything, through rest.
func (l *lines) next() ([]byte, error) {
	l.drop()
	for {
		if i := bytes.IndexByte(l.buf[l.scanned:], '\n'); i >= 0 {
			end := l.scanned + i
			if end > l.max {
				return nil, errTooLong
			}
			l.handed = end + 1
			l.scanned = 0
			return l.buf[:end], nil
		}
		l.scanned = len(l.buf)
		if l.scanned > l.max {
			return nil, errTooLong
		}
		if err := l.fill(l.read); err != nil {
			return nil, err
		}
	}
}

// rest returns what has been read beyond the last line.
func (l *lines) rest() []byte {
	l.drop()
	return l.buf
}

func (l *lines) drop() {
	if l.handed == 0 {
		return
	}
	left := l.buf[l.handed:]
	l.handed = 0
	if cap(l.buf) > keptBuffer {
		l.buf = append([]byte(nil), left...)
		return
	}
	l.buf = append(l.buf[:0], left...)
}

// fill reads once.
func (l *lines) fill(read func([]byte) (int, error)) error {
	if len(l.buf) == cap(l.buf) {
		grown := make([]byte, len(l.buf), max(firstBuffer, 2*cap(l.buf)))
		copy(grown, l.buf)
		l.buf = grown
	}
	n, err := read(l.buf[len(l.buf):cap(l.buf)])
	l.buf = l.buf[:len(l.buf)+n]
	if n > 0 {
		return nil // an error comes back at the next read
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}
