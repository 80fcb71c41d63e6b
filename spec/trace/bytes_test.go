package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// again encodes v and decodes the JSON into a new value of the type.
func again[T any](t *testing.T, v T) (back T, text string) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatalf("%.200s: %v", b, err)
	}
	return back, string(b)
}

func TestBytesSurviveTheRoundTrip(t *testing.T) {
	var all []byte
	for c := range 256 {
		all = append(all, byte(c))
		if back, text := again(t, Bytes{byte(c)}); string(back) != string([]byte{byte(c)}) {
			t.Errorf("%#x became %q by way of %s", c, back, text)
		}
	}
	run := func(c string, n int) string { return strings.Repeat(c, n) }
	for name, raw := range map[string]string{
		"every byte":                     string(all),
		"every byte, thrice":             run(string(all), 3),
		"nothing":                        "",
		"one short of long":              run("a", longBytes-1),
		"just long":                      run("a", longBytes),
		"a run one short of a run":       run("ab", longBytes) + run("c", longRun-1),
		"a run in the middle":            run("ab", longBytes) + run("\xff", longRun) + "tail",
		"runs only":                      run("a", longBytes) + run("\n", longRun) + run("\x00", 5000),
		"a run at either end":            run("x", longRun) + run("yz", longBytes) + run("x", longRun),
		"a run that JSON must escape":    run(`"`, longBytes) + run(`\`, longRun),
		"quotes, backslashes, controls":  "\"\\\"\\\n\r\t\x00\x1f\x7f\x80\xff</script>&",
		"what is no UTF-8 in its bytes":  "\xc3\x28\xed\xa0\x80\xf0\x9f",
		"what is UTF-8 in its bytes":     "é€\U0001f600",
		"line separators of ECMAScript":  "\u2028\u2029",
		"long without any run":           run("0123456789abcdef", 100),
		"a long run of what is escaped":  run("\x01", 300),
		"text that looks like the forms": `{"repeat":"a","times":3}["a"]`,
	} {
		if back, text := again(t, Bytes(raw)); string(back) != raw {
			t.Errorf("%s: %q became %q by way of %s", name, raw, back, text)
		}
	}
}

func TestBytesAreWrittenReadably(t *testing.T) {
	for raw, want := range map[string]string{
		"":                        `""`,
		"abc\n":                   `"abc\n"`,
		"\"\\\r\t":                `"\"\\\r\t"`,
		"\x00\x1f\x7f":            `"\u0000\u001f\u007f"`,
		"\x80\xe9\xff":            "\"\u0080éÿ\"",
		strings.Repeat("a", 1000): `{"repeat":"a","times":1000}`,
		strings.Repeat("ab", 200) + strings.Repeat("\n", 64): `["` + strings.Repeat("ab", 200) + `",{"repeat":"\n","times":64}]`,
		strings.Repeat("a", 300) + "b":                       `[{"repeat":"a","times":300},"b"]`,
		strings.Repeat("a", 255):                             `"` + strings.Repeat("a", 255) + `"`,
	} {
		b, err := Bytes(raw).MarshalJSON()
		if err != nil || string(b) != want {
			t.Errorf("%.40q is written %s (%v), want %s", raw, b, err, want)
		}
	}
}

func TestBytesAreReadInEveryForm(t *testing.T) {
	for in, want := range map[string]string{
		`""`:                         "",
		`"\u00ff"`:                   "\xff",
		`"\/\b\f"`:                   "/\b\f",
		`"é"`:                        "\xe9",
		`{"repeat":"ab","times":3}`:  "ababab",
		`{"times":2,"repeat":"é"}`:   "\xe9\xe9",
		`{"repeat":"ab","times":0}`:  "",
		`{"repeat":"","times":9999}`: "",
		` [ "a" , {"repeat":"b","times":2} , [ "c", [] ] ] `: "abbc",
		`[]`: "",
		`{"repeat":{"repeat":"a","times":2},"times":3}`:              "aaaaaa",
		`{"repeat":["x",{"repeat":"y","times":2}],"times":2}`:        "xyyxyy",
		`[[[["a"]]],{"repeat":[["b"],"c"],"times":2}]`:               "abcbc",
		`{"repeat":{"repeat":"","times":1000000},"times":100000000}`: "",
	} {
		var b Bytes
		if err := json.Unmarshal([]byte(in), &b); err != nil || string(b) != want {
			t.Errorf("%s gives %q (%v), want %q", in, b, err, want)
		} else if b == nil {
			t.Errorf("%s gives nil, which stands for data not given", in)
		}
	}
}

func TestBytesRefuse(t *testing.T) {
	for in, why := range map[string]string{
		`"€"`:                               "U+20AC",
		`"a\u0100"`:                         "U+0100",
		`"\ud83d\ude00"`:                    "U+1F600",
		`"\ud800"`:                          "U+FFFD", // half a surrogate pair stands for no code point
		"\"\xff\"":                          "U+FFFD", // nor does what is no UTF-8
		`1`:                                 "not 1",
		`true`:                              "not true",
		`null`:                              "not null",
		`[1]`:                               "not 1",
		`["a",null]`:                        "not null",
		`{}`:                                "a repeat form has",
		`{"repeat":"a"}`:                    "a repeat form has",
		`{"times":3}`:                       "a repeat form has",
		`{"repeat":null,"times":3}`:         "a repeat form has",
		`{"repeat":"a","times":null}`:       "a repeat form has",
		`{"repeat":"a","times":-1}`:         "a repeat form has",
		`{"repeat":"a","times":1.5}`:        "times",
		`{"repeat":"a","times":"3"}`:        "times",
		`{"repeat":"a","times":1e400}`:      "times",
		`{"repeat":"a","times":3,"more":1}`: "more",
		`{"repeat":"a","times":268435457}`:  "more than 268435456 bytes",
		`{"repeat":"ab","times":134217729}`: "more than 268435456 bytes",
		`{"repeat":"a","times":9223372036854775807}`:                "more than 268435456 bytes",
		`{"repeat":"0123456789abcdef","times":1152921504606846976}`: "more than 268435456 bytes", // 16 times that overflows
		`{"repeat":{"repeat":"a","times":100000},"times":100000}`:   "more than 268435456 bytes",
		`{"repeat":{"repeat":"€","times":2},"times":2}`:             "U+20AC",
		`["a",{"repeat":"a","times":268435456}]`:                    "more than 268435456 bytes",
		// of which nothing is left, but it would be work
		`[{"repeat":{"repeat":"a","times":200000000},"times":0},{"repeat":{"repeat":"a","times":200000000},"times":0}]`: "more than 268435456 bytes",
	} {
		b := Bytes("as before")
		err := json.Unmarshal([]byte(in), &b)
		if err == nil {
			t.Errorf("%s is read as %d bytes, want an error that says %q", in, len(b), why)
		} else if !strings.Contains(err.Error(), why) {
			t.Errorf("%s fails with %q, want it to say %q", in, err, why)
		}
	}
}

func TestBytesString(t *testing.T) {
	for raw, want := range map[string]string{
		"a\n\xff\"":               `"a\n\u00ff\""`,
		strings.Repeat("a", 120):  `"` + strings.Repeat("a", 120) + `"`,
		strings.Repeat("ab", 100): `"` + strings.Repeat("ab", 20) + `"… (200 bytes) …"` + strings.Repeat("ab", 20) + `"`,
	} {
		if got := Bytes(raw).String(); got != want {
			t.Errorf("%.20q shows as %s, want %s", raw, got, want)
		}
	}
}

func TestDataSurviveTheRoundTrip(t *testing.T) {
	for _, f := range Forms {
		want := Data{Bytes: Bytes("ab\xffd"), Form: f.Name}
		back, text := again(t, want)
		if f.Name == AsBytes {
			want.Form = "" // the bytes alone
		}
		if diff := cmp.Diff(want, back); diff != "" {
			t.Errorf("%s, by way of %s (-want +got):\n%s", f.Name, text, diff)
		}
		if (f.Name == AsBytes) != strings.HasPrefix(text, `"`) {
			t.Errorf("%s is written %s: bytes are the bytes alone, anything else names its form", f.Name, text)
		}
	}
}

func TestDataAreReadInEveryForm(t *testing.T) {
	for in, want := range map[string]Data{
		`"ab"`:                          {Bytes: Bytes("ab")},
		` {"repeat":"ab","times":2}`:    {Bytes: Bytes("abab")},
		`["a","b"]`:                     {Bytes: Bytes("ab")},
		`{"form":"bytes","bytes":"ab"}`: {Bytes: Bytes("ab"), Form: AsBytes},
		`{"bytes":{"repeat":"ab","times":2},"form":"wide"}`: {Bytes: Bytes("abab"), Form: Wide},
		// a string that happens to be the name of the field does not make a data form of a repeat form
		`{"repeat":"form","times":2}`: {Bytes: Bytes("formform")},
	} {
		var got Data
		if err := json.Unmarshal([]byte(in), &got); err != nil {
			t.Errorf("%s: %v", in, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
	for in, why := range map[string]string{
		`{"form":"view","bytes":"a","more":1}`: "more",
		`{"form":1,"bytes":"a"}`:               "form",
		`{"form":"view","bytes":1}`:            "not 1",
		`{"bytes":"a"}`:                        "bytes",
		`7`:                                    "not 7",
	} {
		var got Data
		if err := json.Unmarshal([]byte(in), &got); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s gives %v and %v, want an error that says %q", in, got, err, why)
		}
	}
}

func TestForms(t *testing.T) {
	isData := true
	for _, f := range Forms {
		if !f.Name.known() || f.Doc == "" {
			t.Errorf("%s: known %t, documented as %q", f.Name, f.Name.known(), f.Doc)
		}
		if f.Name.IsData() != isData {
			t.Errorf("%s is data: %t; the forms after %s are none", f.Name, f.Name.IsData(), Mutated)
		}
		if f.Name == Mutated {
			isData = false
		}
	}
	if Form("tuple").known() || !Form("").known() || !Form("").IsData() {
		t.Error("an invented form is known, or the zero form is not that of bytes")
	}
	if got, want := (Data{Bytes: Bytes("a\n"), Form: View}).String(), `view("a\n")`; got != want {
		t.Errorf("a view shows as %s, want %s", got, want)
	}
}

// FuzzBytes holds that whatever is read can be written, that it means the same then, and that bytes of any content survive.
func FuzzBytes(f *testing.F) {
	for _, seed := range []string{
		`"abc\n"`, `"\u00ff"`, `"€"`, `{"repeat":"ab","times":300}`, `[{"repeat":"a","times":70},"b",["c"]]`, `{"repeat":["a",{"repeat":"b","times":2}],"times":2}`,
		`{"repeat":"a","times":-1}`, `null`, `[`, `"\`, strings.Repeat("a", 300) + "\x00\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if back, text := again(t, Bytes(in)); !bytes.Equal(back, in) {
			t.Errorf("%q became %q by way of %s", in, back, text)
		}
		var b Bytes
		if err := json.Unmarshal(in, &b); err != nil {
			if b != nil {
				t.Errorf("%q fails with %v, and yet gives %q", in, err, b)
			}
			var syntax *json.SyntaxError
			if errors.As(err, &syntax) == json.Valid(in) {
				t.Errorf("%q fails with the wrong kind of error: %v", in, err)
			}
			return
		}
		if back, text := again(t, b); !bytes.Equal(back, b) {
			t.Errorf("%q is read as %q, which became %q by way of %s", in, b, back, text)
		}
	})
}
