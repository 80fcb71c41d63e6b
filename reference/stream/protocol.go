package stream

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/streamspec/streamspec/reference/transport"
)

// A Protocol is the documents' stream-reader protocol: it feeds a Reader with what a transport receives, and tells a
// Writer about flow control and the end. Its methods are the callbacks of [transport.Protocol], for the transport to call.
//
// Rules: reader_protocol.feeds-reader, reader_protocol.separate-object, reader_protocol.eof-keeps-half-open.
type Protocol struct {
	reader    *Reader
	connected func(*Reader, *Writer) error

	mu        sync.Mutex
	transport transport.BaseTransport
	paused    bool
	pause     *pause        // what drains wait for; nil if none has
	busy      atomic.Bool   // paused or lost: there is more to drain than meets the eye
	lost      bool          // ConnectionLost has been called
	err       error         // with this
	closed    chan struct{} // and closed this
}

// A pause is what the drains that wait have in common.
type pause struct {
	over chan struct{}
	err  error // what they return; set before over is closed
}

// NewProtocol returns the protocol that feeds r. For a transport that only sends, r may be nil.
//
// When the connection is made, connected, unless nil, is called in a goroutine of its own with r and a new writer. If it
// fails or panics, that is reported as the transport's [transport.Options] say, and the connection is closed. An error that
// matches [context.Canceled] closes it without a report.
//
// Rules: reader_protocol.calls-client-callback, reader_protocol.needs-reader, start_server.failing-coroutine-closes,
// start_server.cancelled-coroutine-closes, start_server.failing-plain-callback.
func NewProtocol(r *Reader, connected func(*Reader, *Writer) error) *Protocol {
	return &Protocol{reader: r, connected: connected, closed: make(chan struct{})}
}

// ReadsOnDemand marks the protocol as a [transport.OnDemand]: a read that waits does the reading.
func (p *Protocol) ReadsOnDemand() {}

// ConnectionMade attaches the transport to the reader, for flow control. A second time it panics, with [ErrTransportSet].
func (p *Protocol) ConnectionMade(t transport.BaseTransport) {
	p.mu.Lock()
	made := p.transport != nil
	if !made {
		p.transport = t
	}
	p.mu.Unlock()
	if made {
		panic(ErrTransportSet)
	}
	if p.reader != nil {
		if t, ok := t.(transport.ReadTransport); ok {
			if err := p.reader.SetTransport(t); err != nil {
				panic(err) // reader.feed.set-transport-once
			}
		}
		if t, ok := t.(transport.Puller); ok {
			p.reader.attach(t, p)
		}
	}
	if t, ok := t.(transport.WriteTransport); ok && p.connected != nil {
		go p.serve(NewWriter(t, p))
	}
}

// serve calls the client-connected callback.
func (p *Protocol) serve(w *Writer) {
	failure := &transport.CallbackError{Callback: "the client-connected callback", Cause: errGoexit}
	defer func() {
		if cause := recover(); cause != nil {
			failure.Cause = cause
		}
		if failure == nil {
			return
		}
		if !errors.Is(failure, context.Canceled) {
			p.report(failure)
		}
		w.Close()
	}()
	if err := p.connected(p.reader, w); err != nil {
		failure.Cause = err
		return
	}
	failure = nil
}

var errGoexit = errors.New("runtime.Goexit was called")

// report reports a failure as the transport does, if that can be told.
func (p *Protocol) report(failure *transport.CallbackError) {
	if t, ok := p.transport.(interface {
		Report(*transport.CallbackError)
	}); ok {
		t.Report(failure)
		return
	}
	slog.Error(failure.Error())
}

// DataReceived feeds the reader.
func (p *Protocol) DataReceived(data []byte) {
	if p.reader == nil {
		return
	}
	if err := p.reader.FeedData(data); err != nil {
		panic(err)
	}
}

// EOFReceived feeds end-of-stream, and keeps the connection open for writing.
//
// Rule: reader_protocol.eof-keeps-half-open.
func (p *Protocol) EOFReceived() bool {
	if p.reader != nil {
		p.reader.FeedEOF()
	}
	return true
}

// ConnectionLost ends the reader, with end-of-stream or with err, and releases who drains or waits for the end.
//
// Rules: reader_protocol.loss-reaches-reader, writer.drain.loss-releases, writer.close.wait-closed-reports-loss.
func (p *Protocol) ConnectionLost(err error) {
	if p.reader != nil {
		if err != nil {
			p.reader.SetException(err)
		} else {
			p.reader.FeedEOF()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lost {
		return
	}
	p.lost, p.err = true, err
	p.busy.Store(true)
	close(p.closed)
	p.release(err)
}

// PauseWriting has drains wait. It panics when writing is paused already.
//
// Rules: writer.drain.follows-protocol, reader_protocol.flow-control-alternates.
func (p *Protocol) PauseWriting() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused {
		panic("stream: PauseWriting while writing is paused")
	}
	p.paused = true
	p.busy.Store(true)
}

// ResumeWriting releases the drains. It panics when writing is not paused.
//
// Rules: writer.drain.follows-protocol, reader_protocol.flow-control-alternates.
func (p *Protocol) ResumeWriting() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.paused {
		panic("stream: ResumeWriting while writing is not paused")
	}
	p.paused = false
	p.busy.Store(p.lost)
	p.release(nil)
}

func (p *Protocol) release(err error) {
	if p.pause != nil {
		p.pause.err = err
		close(p.pause.over)
		p.pause = nil
	}
}

// drain is [Writer.Drain] after the reader's exception.
func (p *Protocol) drain(ctx context.Context, t transport.WriteTransport, late latePauser) error {
	closing := t.IsClosing()
	if p.busy.Load() || late.WritingPaused() {
		lost, err := p.resumed(ctx, late)
		if err != nil {
			return err
		}
		closing = closing || lost
	}
	if closing {
		return ErrConnectionLost // writer.drain.closed-raises
	}
	return nil // writer.drain.returns-at-once
}

// resumed waits until writing is not paused. It reports whether the connection has been lost before.
func (p *Protocol) resumed(ctx context.Context, late latePauser) (lost bool, err error) {
	p.mu.Lock()
	if p.lost || !p.paused && !late.WritingPaused() {
		defer p.mu.Unlock()
		return p.lost, nil
	}
	if p.pause == nil {
		p.pause = &pause{over: make(chan struct{})}
	}
	pause := p.pause
	p.mu.Unlock()
	select {
	case <-pause.over:
		return false, pause.err
	case <-ctx.Done():
		return false, ctx.Err() // writer.drain.cancel-is-harmless
	}
}

// A latePauser is a transport whose PauseWriting may be late, behind a callback that is still running. It tells whether
// writing is paused.
type latePauser interface{ WritingPaused() bool }

// promptPauser stands for a transport whose PauseWriting is never late.
type promptPauser struct{}

func (promptPauser) WritingPaused() bool { return false }
