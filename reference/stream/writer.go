package stream

import (
	"context"
	"iter"

	"github.com/streamspec/streamspec/reference/transport"
)

// A Writer sends bytes through a transport. Writing never blocks: what cannot be sent is queued. [Writer.Drain] waits until
// the queue is short enough again, and should follow each write.
//
// All methods may be called from any goroutine.
//
// Rules: writer.write.surface, writer.write.paired-with-drain.
type Writer struct {
	transport transport.WriteTransport
	protocol  *Protocol
	late      latePauser
}

// NewWriter returns a writer over t, whose protocol is p.
//
// Rule: writer.info.transport.
func NewWriter(t transport.WriteTransport, p *Protocol) *Writer {
	late, ok := t.(latePauser)
	if !ok {
		late = promptPauser{}
	}
	return &Writer{transport: t, protocol: p, late: late}
}

// Write sends what can be sent at once and queues a copy of the rest.
//
// After Close, p is dropped silently; of a failed send Drain and reads tell. The only error is
// [transport.ErrWriteAfterEOF].
//
// Rules: writer.write.order-preserved, writer.write.sends-at-once, writer.write.never-blocks,
// writer.write.empty-is-no-op, writer.write.after-close-discarded, writer.write.failed-send-does-not-raise.
func (w *Writer) Write(p []byte) error { return w.transport.Write(p) }

// WriteLines is Write for each of the chunks, sent together. Nothing is put between them.
//
// Rules: writer.write.writelines-equals-writes, writer.write.writelines-takes-iterables.
func (w *Writer) WriteLines(chunks [][]byte) error { return w.transport.WriteLines(chunks) }

// WriteSeq is WriteLines for the chunks of an iterator, which is run once, to its end, before anything is sent. A chunk may
// change when the iterator goes on. If the iterator panics, nothing is sent.
//
// Rules: writer.write.writelines-takes-iterables, writer.write.writelines-may-coalesce.
func (w *Writer) WriteSeq(chunks iter.Seq[[]byte]) error {
	var joined []byte
	for p := range chunks {
		joined = append(joined, p...)
	}
	return w.transport.Write(joined)
}

// Drain returns at once unless writing is paused; then it waits until no more than the low mark is queued. Any number of
// calls may wait.
//
// Errors: the reader's stored exception; [ErrConnectionLost] when the connection was lost or closing at the call, after the
// wait if writing is paused; the error of the loss, nil for a clean one, when it happens during the wait; the context's
// error, when it has to wait.
//
// Rules: writer.drain.returns-at-once, writer.drain.blocks-above-high, writer.drain.released-at-low,
// writer.drain.does-not-wait-for-empty, writer.drain.raises-stored-exception, writer.drain.closed-raises,
// writer.drain.loss-releases, writer.drain.several-tasks, writer.drain.cancel-is-harmless, writer.drain.without-reader.
func (w *Writer) Drain(ctx context.Context) error {
	if r := w.protocol.reader; r != nil && r.failing.Load() {
		if err := r.Exception(); err != nil {
			return err // writer.drain.raises-stored-exception
		}
	}
	return w.protocol.drain(ctx, w.transport, w.late)
}

// Close stops receiving, has what is queued sent, and then closes the connection. It does not wait. Repeated calls do
// nothing.
//
// Rules: writer.close.closes-socket, writer.close.flushes-first, writer.close.idempotent, writer.close.ends-reader.
func (w *Writer) Close() { w.transport.Close() }

// WaitClosed waits until the connection is closed, by whomever. It returns the error of the loss, nil for a clean one, or
// the context's error if it has to wait; that concerns no other call.
//
// Rules: writer.close.wait-closed-waits, writer.close.wait-closed-reports-loss, writer.close.cancelled-wait-poisons (not
// here), writer.close.peer-eof-does-not-close.
func (w *Writer) WaitClosed(ctx context.Context) error {
	p := w.protocol
	select {
	case <-p.closed:
		return p.err
	default:
	}
	select {
	case <-p.closed:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// IsClosing reports whether the connection is closing or closed.
//
// Rule: writer.close.is-closing.
func (w *Writer) IsClosing() bool { return w.transport.IsClosing() }

// WriteEOF ends the stream to the peer when what is queued has been sent. Reading goes on. The error matches
// [errors.ErrUnsupported] when CanWriteEOF is false.
//
// Rules: writer.eof.closes-write-side-only, writer.eof.still-receives, writer.eof.unsupported-may-raise.
func (w *Writer) WriteEOF() error { return w.transport.WriteEOF() }

// CanWriteEOF reports whether the transport supports WriteEOF.
//
// Rule: writer.eof.support-is-reported.
func (w *Writer) CanWriteEOF() bool { return w.transport.CanWriteEOF() }

// GetExtraInfo returns what the transport knows under the name; false means nothing.
//
// Rules: writer.info.extra-info, writer.info.peername.
func (w *Writer) GetExtraInfo(name string) (any, bool) { return w.transport.GetExtraInfo(name) }

// Transport returns the transport. That of a connection is a [transport.Transport].
//
// Rule: writer.info.transport.
func (w *Writer) Transport() transport.WriteTransport { return w.transport }
