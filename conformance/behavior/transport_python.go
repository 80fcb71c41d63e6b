package behavior

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// transportPython is the surface of the base classes of transports in Python.
func transportPython(t *Testee) {
	Describe("transport.python", func() {
		abstract := Rule("transport.base.abstract-classes")
		methods := []struct {
			class, name string
			call        func(*Transport) *Call
		}{
			{"BaseTransport", "close", (*Transport).Close},
			{"BaseTransport", "is_closing", (*Transport).IsClosing},
			{"BaseTransport", "get_protocol", (*Transport).GetProtocol},
			{"BaseTransport", "set_protocol", func(tr *Transport) *Call { return tr.SetProtocol(t.NewPlainProtocol()) }},
			{"ReadTransport", "pause_reading", (*Transport).PauseReading},
			{"ReadTransport", "resume_reading", (*Transport).ResumeReading},
			{"ReadTransport", "is_reading", (*Transport).IsReading},
			{"WriteTransport", "write", func(tr *Transport) *Call { return tr.Write("ab") }},
			{"WriteTransport", "write_eof", (*Transport).WriteEOF},
			{"WriteTransport", "can_write_eof", (*Transport).CanWriteEOF},
			{"WriteTransport", "abort", (*Transport).Abort},
			{"WriteTransport", "get_write_buffer_size", (*Transport).WriteBufferSize},
			{"WriteTransport", "get_write_buffer_limits", (*Transport).WriteBufferLimits},
			{"WriteTransport", "set_write_buffer_limits", func(tr *Transport) *Call { return tr.SetMarks(1, 2) }},
		}
		for _, m := range methods {
			for _, class := range []string{m.class, "Transport"} {
				It("does not implement "+m.name+": "+class, abstract, func() {
					t.Expect(m.call(t.NewBareTransport(class))).To(FailWith(NotSupported))
				})
			}
		}
		for _, class := range []string{"BaseTransport", "ReadTransport", "WriteTransport", "Transport"} {
			It("looks for information where the constructor was told: "+class, abstract, func() {
				tr := t.NewBareTransport(class)
				t.Expect(tr.Info("known")).To(ReturnText("here"))
				t.Expect(tr.InfoOr("known", "nowhere")).To(ReturnText("here"))
				t.Expect(tr.Info("unknown")).To(ReturnNone())
				t.Expect(tr.InfoOr("unknown", "nowhere")).To(ReturnText("nowhere"))
			})
		}
		for _, class := range []string{"WriteTransport", "Transport"} {
			It("writes the joined chunks at once: "+class, abstract, func() {
				tr := t.NewTransportToldOfWrites(class)
				t.Expect(tr.WriteLines("ab", "", "cd")).To(ReturnNone())
				t.Expect(tr.Written()).To(Equal([]string{"abcd"}))
				t.Expect(tr.WriteLinesIn(trace.Generator, Chunks("e", "f")...)).To(ReturnNone())
				t.Expect(tr.Written()).To(Equal([]string{"abcd", "ef"}))
			})
		}
	})
}
