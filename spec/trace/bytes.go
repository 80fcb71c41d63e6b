package trace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Bytes are raw bytes. In JSON they are a string in which each code point U+0000 to U+00FF is one byte, so that vectors
// stay readable; or {"repeat": "ab", "times": n}, which stands for the string n times over; or a list of these, which
// stands for their concatenation.
type Bytes []byte

const (
	longBytes   = 256     // below this length a plain string is always written
	longRun     = 64      // a run of one byte at least this long is written in repeat form
	maxExpanded = 1 << 28 // bytes; repeat forms that stand for more, alone, in a list or in one another, are refused
)

// MarshalJSON implements [json.Marshaler].
func (b Bytes) MarshalJSON() ([]byte, error) { return b.appendJSON(nil), nil }

func (b Bytes) appendJSON(out []byte) []byte {
	if len(b) < longBytes {
		return appendLatin1(out, b)
	}
	parts, start := 0, len(out)
	out = append(out, '[')
	for i := 0; i < len(b); {
		if parts > 0 {
			out = append(out, ',')
		}
		parts++
		if run := runLength(b[i:]); run >= longRun {
			out = append(out, `{"repeat":`...)
			out = appendLatin1(out, b[i:i+1])
			out = append(out, `,"times":`...)
			out = strconv.AppendInt(out, int64(run), 10)
			out = append(out, '}')
			i += run
			continue
		}
		j := i
		for j < len(b) {
			run := runLength(b[j:])
			if run >= longRun {
				break
			}
			j += run
		}
		out = appendLatin1(out, b[i:j])
		i = j
	}
	if parts == 1 { // a list of one part is that part
		return append(out[:start], out[start+1:]...)
	}
	return append(out, ']')
}

func runLength(b []byte) int {
	n := 1
	for n < len(b) && b[n] == b[0] {
		n++
	}
	return n
}

const hexDigits = "0123456789abcdef"

func appendLatin1(out, b []byte) []byte {
	out = append(out, '"')
	for _, c := range b {
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c == '\n':
			out = append(out, '\\', 'n')
		case c == '\r':
			out = append(out, '\\', 'r')
		case c == '\t':
			out = append(out, '\\', 't')
		case c < 0x20 || c == 0x7f:
			out = append(out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			out = utf8.AppendRune(out, rune(c))
		}
	}
	return append(out, '"')
}

// UnmarshalJSON implements [json.Unmarshaler].
func (b *Bytes) UnmarshalJSON(in []byte) error {
	out, err := new(expansion).decode(nil, in)
	if err != nil {
		return err
	}
	if out == nil {
		out = []byte{}
	}
	*b = out
	return nil
}

// An expansion counts the bytes that repeat forms have been made into, those included of which less is left in the end: a few of
// them, one in the other, would be endless work.
type expansion struct{ made int }

func (x *expansion) decode(out, in []byte) ([]byte, error) {
	in = bytes.TrimSpace(in)
	if len(in) == 0 {
		return nil, fmt.Errorf("bytes: nothing where a string, a repeat form or a list was due")
	}
	switch in[0] {
	case '"':
		return decodeLatin1(out, in)
	case '{':
		var form struct {
			Repeat json.RawMessage `json:"repeat"`
			Times  *int            `json:"times"`
		}
		if err := strict(in, &form); err != nil {
			return nil, fmt.Errorf("bytes: %w", err)
		}
		if form.Repeat == nil || string(form.Repeat) == "null" || form.Times == nil || *form.Times < 0 {
			return nil, fmt.Errorf("bytes: a repeat form has a string and a count that is not negative: %.80s", in)
		}
		repeat, err := x.decode(nil, form.Repeat)
		if err != nil {
			return nil, err
		}
		if len(repeat) > 0 && *form.Times > (maxExpanded-max(x.made, len(out)))/len(repeat) {
			return nil, fmt.Errorf("bytes: with this repeat form it is more than %d bytes: %.80s", maxExpanded, in)
		}
		x.made += len(repeat) * *form.Times
		return append(out, bytes.Repeat(repeat, *form.Times)...), nil
	case '[':
		var parts []json.RawMessage
		if err := json.Unmarshal(in, &parts); err != nil {
			return nil, fmt.Errorf("bytes: %w", err)
		}
		for _, part := range parts {
			var err error
			if out, err = x.decode(out, part); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("bytes: a string, a repeat form or a list was due, not %.80s", in)
}

func decodeLatin1(out, in []byte) ([]byte, error) {
	if body := in[1 : len(in)-1]; bytes.IndexByte(body, '\\') < 0 && isASCII(body) {
		return append(out, body...), nil
	}
	var s string
	if err := json.Unmarshal(in, &s); err != nil {
		return nil, fmt.Errorf("bytes: %w", err)
	}
	for _, r := range s {
		if r > 0xff {
			return nil, fmt.Errorf("bytes: the string holds %q (%U): each code point is one byte, so none is above U+00FF", r, r)
		}
		out = append(out, byte(r))
	}
	return out, nil
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// String shows the bytes as a quoted string, long runs abbreviated.
func (b Bytes) String() string {
	const most = 120
	if len(b) <= most {
		return strconv.QuoteToASCII(latin1(b))
	}
	return fmt.Sprintf("%s… (%d bytes) …%s", strconv.QuoteToASCII(latin1(b[:40])), len(b), strconv.QuoteToASCII(latin1(b[len(b)-40:])))
}

func latin1(b []byte) string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}

// Form says as what kind of object data are passed, in a language that has a choice.
type Form string

// The forms of data; [Forms] says what each means. A plain string in JSON has form bytes.
const (
	AsBytes   Form = "bytes"
	ByteArray Form = "bytearray"
	View      Form = "view"
	Wide      Form = "wide"
	Mutated   Form = "mutated"
	AsText    Form = "text"
	AsNone    Form = "none"
	AsInt     Form = "int"
	AsList    Form = "list"
)

// Forms lists every form of data with one line of explanation. Those after [Mutated] are no data at all: they exist to see
// an argument of a wrong type refused, and need the capability [CapPythonSurface].
var Forms = []struct {
	Name Form
	Doc  string
}{
	{AsBytes, "an immutable byte string"},
	{ByteArray, "a mutable buffer"},
	{View, "a view of an immutable byte string"},
	{Wide, "a view whose items are several bytes wide; the length is a multiple of 4"},
	{Mutated, "a mutable buffer, overwritten after the call and before the implementation runs again"},
	{AsText, "not data: a string of characters"},
	{AsNone, "not data: no object"},
	{AsInt, "not data: a number"},
	{AsList, "not data: a list of byte strings"},
}

func (f Form) known() bool {
	for _, known := range Forms {
		if f == known.Name {
			return true
		}
	}
	return f == ""
}

// IsData reports whether the form is one in which data can be passed; the others are there to be refused.
func (f Form) IsData() bool {
	switch f {
	case "", AsBytes, ByteArray, View, Wide, Mutated:
		return true
	}
	return false
}

// Data are bytes together with the form in which they are passed. In JSON they are the bytes alone when the form is
// bytes, else {"form": …, "bytes": …}.
type Data struct {
	Bytes Bytes
	Form  Form // the zero value is AsBytes
}

// D returns s as data of the form bytes.
func D(s string) *Data { return &Data{Bytes: Bytes(s)} }

type dataJSON struct {
	Form  Form  `json:"form"`
	Bytes Bytes `json:"bytes"`
}

// MarshalJSON implements [json.Marshaler].
func (d Data) MarshalJSON() ([]byte, error) {
	if d.Form == "" || d.Form == AsBytes {
		return d.Bytes.MarshalJSON()
	}
	return json.Marshal(dataJSON{d.Form, d.Bytes})
}

// UnmarshalJSON implements [json.Unmarshaler].
func (d *Data) UnmarshalJSON(in []byte) error {
	if hasForm(in) {
		var form dataJSON
		if err := strict(in, &form); err != nil {
			return fmt.Errorf("data: %w", err)
		}
		*d = Data{Bytes: form.Bytes, Form: form.Form}
		return nil
	}
	d.Form = ""
	return d.Bytes.UnmarshalJSON(in)
}

// hasForm tells whether the JSON is an object that names a form, and not the repeat form of the bytes alone.
func hasForm(in []byte) bool {
	if !bytes.HasPrefix(bytes.TrimSpace(in), []byte("{")) || !bytes.Contains(in, []byte(`"form"`)) {
		return false
	}
	var keys map[string]json.RawMessage
	_ = json.Unmarshal(in, &keys) // what is wrong with it is said by whoever decodes it in full
	_, ok := keys["form"]
	return ok
}

// String shows the data as they were passed.
func (d Data) String() string {
	if d.Form == "" || d.Form == AsBytes {
		return d.Bytes.String()
	}
	return fmt.Sprintf("%s(%s)", d.Form, d.Bytes)
}

func strict(in []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(in))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}
