package gokit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"github.com/streamspec/streamspec/spec/trace"
)

func fault(format string, args ...any) trace.Reply {
	return trace.Reply{Fault: fmt.Sprintf(format, args...)}
}

func unknown(c *trace.Command) trace.Reply { return fault("the kit does not know %s", c.Op) }

func lacking(c *trace.Command) trace.Reply {
	return trace.Reply{Unsupported: fmt.Sprintf("the implementation has nothing for %s", c.Op)}
}

// returnedNone and its like are shared by all replies: nobody changes a reply's value.
var returnedNone, returnedFalse, returnedTrue = trace.None, trace.BoolValue(false), trace.BoolValue(true)

func none() trace.Reply { return trace.Reply{Returned: &returnedNone} }

func boolean(b bool) trace.Reply {
	if b {
		return trace.Reply{Returned: &returnedTrue}
	}
	return trace.Reply{Returned: &returnedFalse}
}

// answer is the reply of a call that does not wait.
func (w *world) answer(err error) trace.Reply {
	if err != nil {
		return trace.Reply{Raised: w.failure(err)}
	}
	return none()
}

func (w *world) returned(v any) trace.Reply {
	value := w.value(v)
	return trace.Reply{Returned: &value}
}

// value turns a result into one of the vocabulary. Another object is the text of its type.
func (w *world) value(v any) trace.Value {
	switch v := v.(type) {
	case nil:
		return trace.None
	case bool:
		return trace.BoolValue(v)
	case int:
		return trace.Value{Int: &v}
	case string:
		return trace.Value{Text: &v}
	case []any:
		list := make([]trace.Value, len(v))
		for i := range v {
			list[i] = w.value(v[i])
		}
		return trace.Value{List: list}
	case *net.TCPAddr:
		return w.value([]any{v.IP.String(), v.Port})
	case *net.UnixAddr:
		if v.Name == "@" { // what net makes of an address that is empty
			return trace.Value{Text: trace.Text("")}
		}
		return trace.Value{Text: &v.Name}
	}
	if reflect.ValueOf(v).Comparable() {
		if name := w.find(v); name != "" {
			return trace.Value{Object: name}
		}
	}
	native := nativeType(v)
	return trace.Value{Text: &native, Type: native}
}

// otherForm tells whether bytes are given in a form that is for Python alone. The others are all a slice in Go, whose bytes
// may be changed by whoever made it: hence they are supported, and a mutated one shows who keeps what is not theirs.
func otherForm(c *trace.Command) bool {
	return c.Data != nil && !c.Data.Form.IsData() || c.Separator != nil && !c.Separator.Form.IsData() ||
		anyOther(c.Separators) || anyOther(c.Chunks)
}

func anyOther(ds []trace.Data) bool {
	return slices.ContainsFunc(ds, func(d trace.Data) bool { return !d.Form.IsData() })
}

// passing calls f with data.
func (w *world) passing(d *trace.Data, f func([]byte) error) trace.Reply {
	b := own(d)
	err := f(b)
	spoil(d, b)
	return w.answer(err)
}

// own returns the bytes to pass on for data: nothing that the callee does to them changes the command.
func own(d *trace.Data) []byte { return bytes.Clone(d.Bytes) }

// spoil changes what was passed on, if the form asks for it.
func spoil(d *trace.Data, b []byte) {
	if d.Form == trace.Mutated {
		for i := range b {
			b[i] ^= 0xFF
		}
	}
}

// has tells whether an object has an operation.
func has(c *trace.Command, o any) trace.Reply {
	var all []string
	switch o.(type) {
	case Writer:
		all = operations.writer
	case BaseTransport:
		all = operations.base
		if _, ok := o.(ReadTransport); ok {
			all = append(slices.Clip(all), operations.read...)
		}
		if _, ok := o.(WriteTransport); ok {
			all = append(slices.Clip(all), operations.write...)
		}
	case Protocol:
		all = operations.protocol
	case *server:
		all = operations.server
	default:
		return fault("there is no transport, writer, protocol or server %q", c.On)
	}
	return boolean(slices.Contains(all, c.Name))
}

// An exception is an error made by the driver.
type exception struct{ text string }

func (e *exception) Error() string { return e.text }

func (e *exception) failure(as error) *trace.Error {
	return &trace.Error{Kind: trace.Scripted, Native: nativeType(as), Message: e.text}
}

// failure turns an error of the implementation into one of the vocabulary.
func (w *world) failure(err error) *trace.Error {
	if e, ok := err.(*exception); ok { // nearly always it comes back as it is
		return e.failure(err)
	}
	var out trace.Error
	switch {
	case errors.Is(err, context.Canceled):
		out.Kind = trace.Cancelled
	case errors.Is(err, errors.ErrUnsupported):
		out.Kind = trace.NotSupported
	default:
		out = w.impl.Classify(err)
	}
	if out.Kind == "" || out.Kind == trace.OtherError {
		var wrapped *exception
		if errors.As(err, &wrapped) {
			return wrapped.failure(err)
		}
		out.Kind = systemKind(err)
	}
	var short *cutShort
	if errors.As(err, &short) {
		out.Partial = &short.partial
	}
	out.Native, out.Message = nativeType(err), err.Error()
	return &out
}

// systemKind is the kind of an error that the operating system tells of.
func systemKind(err error) trace.Kind {
	var number syscall.Errno
	var unknown *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNRESET):
		return trace.ConnectionReset
	case errors.Is(err, syscall.EPIPE):
		return trace.BrokenPipe
	case errors.As(err, &number), errors.As(err, &unknown), errors.Is(err, os.ErrClosed), errors.Is(err, net.ErrClosed):
		return trace.OSError
	}
	return trace.OtherError
}

func nativeType(v any) string { return strings.TrimPrefix(reflect.TypeOf(v).String(), "*") }
