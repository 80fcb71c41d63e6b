package main

import (
	"fmt"
	"go/format"
	"go/token"
	"reflect"
	"strconv"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

const goModule = "github.com/streamspec/streamspec"

// goProgram writes a transcript as a file of Go with a test that replays it, on the embedded reference until somebody puts the
// adapter of another implementation there.
func goProgram(t *trace.Transcript, pkg string) (string, error) {
	if !token.IsIdentifier(pkg) {
		return "", usage("a package of Go cannot have the name %q", pkg)
	}
	l := &goLiteral{}
	for _, s := range t.Steps {
		l.element(reflect.ValueOf(s.Command))
		l.WriteString(",\n")
	}
	var out strings.Builder
	fmt.Fprintf(&out, "package %s\n\nimport (\n", pkg)
	if l.repeats {
		out.WriteString("\"strings\"\n")
	}
	out.WriteString("\"testing\"\n\n")
	for _, path := range []string{"conformance", "conformance/adapter/reference", "spec/trace"} {
		fmt.Fprintf(&out, "%q\n", goModule+"/"+path)
	}
	name := goName(t)
	fmt.Fprintf(&out, ")\n\n// %s replays a transcript, judged by the monitors.\n", name)
	if wrong := about(t); len(wrong) > 0 {
		fmt.Fprintf(&out, "//\n// %s\n", strings.Join(wrong, "\n// "))
	}
	options := "Strict: true"
	if t.Target != "" {
		options = fmt.Sprintf("Target: %q, %s", t.Target, options)
	}
	fmt.Fprintf(&out, `func %s(t *testing.T) {
	a := reference.New() // put the adapter of your implementation here
	defer a.Close()
	conformance.Replay(t, a, conformance.Options{%s}, []trace.Command{
%s})
}
`, name, options, l.String())
	if l.points {
		out.WriteString("\nfunc pointer[T any](v T) *T { return &v }\n")
	}
	text, err := format.Source([]byte(out.String()))
	return string(text), err
}

// goName names the test by the rule that is broken, or by that of the case.
func goName(t *trace.Transcript) string {
	name := "transcript"
	if len(t.Rules) > 0 {
		name = t.Rules[0]
	}
	if len(t.Violations) > 0 && t.Violations[0].Rule != "" {
		name = t.Violations[0].Rule
	}
	var b strings.Builder
	b.WriteString("Test")
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '-' || r == '_' }) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	if !token.IsIdentifier(b.String()) {
		return "TestTranscript"
	}
	return b.String()
}

// A goLiteral is a literal of Go being written.
type goLiteral struct {
	strings.Builder
	repeats, points bool // it uses the package strings, the function pointer
}

var (
	bytesType = reflect.TypeFor[trace.Bytes]()
	dataType  = reflect.TypeFor[trace.Data]()
)

// element writes a value whose type the literal around it tells.
func (l *goLiteral) element(v reflect.Value) {
	switch {
	case v.Type() == bytesType:
		l.WriteString("trace.Bytes(" + l.text(v.Bytes()) + ")")
	case v.Kind() == reflect.Struct:
		l.fields(v)
	default:
		l.value(v)
	}
}

// fields writes the fields of a struct that are not zero.
func (l *goLiteral) fields(v reflect.Value) {
	l.WriteString("{")
	comma := ""
	for i := range v.NumField() {
		if f := v.Field(i); !f.IsZero() {
			l.WriteString(comma + v.Type().Field(i).Name + ": ")
			l.value(f)
			comma = ", "
		}
	}
	l.WriteString("}")
}

// value writes a value in full.
func (l *goLiteral) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		l.pointer(v.Elem())
	case reflect.Struct:
		l.WriteString(v.Type().String())
		l.fields(v)
	case reflect.Slice:
		if v.Type() == bytesType {
			l.element(v)
			return
		}
		l.WriteString("[]" + v.Type().Elem().String() + "{")
		for i := range v.Len() {
			if i > 0 {
				l.WriteString(", ")
			}
			l.element(v.Index(i))
		}
		l.WriteString("}")
	case reflect.String:
		l.WriteString(strconv.Quote(v.String())) // of the types of names as well
	default:
		fmt.Fprint(l, v.Interface())
	}
}

// pointer writes a pointer to a value.
func (l *goLiteral) pointer(v reflect.Value) {
	wrap := func(function string) {
		l.WriteString(function + "(")
		l.element(v)
		l.WriteString(")")
	}
	switch {
	case v.Type() == dataType && v.FieldByName("Form").IsZero():
		l.WriteString("trace.D(" + l.text(v.FieldByName("Bytes").Bytes()) + ")")
	case v.Kind() == reflect.Struct:
		l.WriteString("&")
		l.value(v)
	case v.Kind() == reflect.Int:
		wrap("trace.Int")
	case v.Kind() == reflect.Bool:
		wrap("trace.Bool")
	case v.Kind() == reflect.String:
		wrap("trace.Text")
	default:
		l.points = true
		wrap("pointer")
	}
}

// text writes bytes as a string, runs of a byte shortened.
func (l *goLiteral) text(b []byte) string {
	var parts []string
	for _, r := range runs(b) {
		part := strconv.Quote(string(r.bytes))
		if r.times > 1 {
			l.repeats = true
			part = fmt.Sprintf("strings.Repeat(%s, %d)", part, r.times)
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return `""`
	}
	return strings.Join(parts, " + ")
}
