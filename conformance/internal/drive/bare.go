package drive

import "github.com/streamspec/streamspec/spec/trace"

// NewBareTransport makes a transport of one of the documents' classes, by its name, with nothing of its own but the information
// "here" under the name known.
func (t *Testee) NewBareTransport(class string) *Transport {
	return t.newBare(trace.Command{Op: trace.BareMake, Name: class, Plain: trace.Bool(true)})
}

// NewTransportToldOfWrites is NewBareTransport, but with a write of its own: [Transport.Written] is what that was given.
func (t *Testee) NewTransportToldOfWrites(class string) *Transport {
	return t.newBare(trace.Command{Op: trace.BareMake, Name: class})
}

func (t *Testee) newBare(c trace.Command) *Transport {
	tr := &Transport{t: t, call: t.name("bare")}
	c.As = tr.name()
	t.call(c)
	return tr
}

// Written is what the write of a transport of NewTransportToldOfWrites was given, call by call.
func (tr *Transport) Written() []string {
	var written []string
	for _, b := range tr.t.c.items[tr.name()] {
		written = append(written, string(b))
	}
	return written
}

// IsA asks whether the reader is of a class of the documents.
func (r *Reader) IsA(class string) *Call {
	return r.t.call(trace.Command{Op: trace.ObjectIs, On: r.name, Name: class})
}

// IsA asks whether the writer is of a class of the documents.
func (w *Writer) IsA(class string) *Call { return w.do(trace.Command{Op: trace.ObjectIs, Name: class}) }
