package transport

import (
	"fmt"
	"log/slog"
)

// A Protocol is told what happens to a connection.
//
// The callbacks of one connection never overlap: ConnectionMade comes first, ConnectionLost last, each once; in between
// DataReceived any number of times, then EOFReceived at most once; PauseWriting and ResumeWriting in turn, at any time. A
// callback that becomes due while another is running comes when that has returned. Any callback may call any method of
// the transport; it should return soon, since nothing is received meanwhile.
//
// A callback fails by panicking, or by ending its goroutine. The failure is reported, see [Options]. ConnectionMade, DataReceived and EOFReceived are
// fatal: the connection is aborted, and ConnectionLost gets the [*CallbackError]. The others have no further effect.
//
// Rules: protocol.base.made-once, protocol.base.lost-once, protocol.base.others-between, protocol.stream.order-of-callbacks,
// protocol.stream.failing-callback-is-fatal, protocol.base.failing-flow-control-callback.
type Protocol interface {
	// ConnectionMade gets the transport. It runs before the function that makes the transport returns.
	//
	// Rules: protocol.base.made-gets-transport, protocol.base.made-before-return.
	ConnectionMade(t BaseTransport)

	// DataReceived gets bytes that have arrived, in order, at least one. They are the transport's: whoever needs them
	// after the callback has returned makes a copy.
	//
	// Rules: protocol.stream.data-is-not-empty, protocol.stream.data-in-order, protocol.stream.no-data-after-eof.
	DataReceived(p []byte)

	// EOFReceived says that the peer sends no more. False closes the transport; true leaves it open for writing, where
	// the kind of transport allows that.
	//
	// Rules: protocol.stream.eof-when-peer-ends, protocol.stream.falsy-eof-closes, protocol.stream.truthy-eof-keeps-open.
	EOFReceived() (keepOpen bool)

	// ConnectionLost says that the connection is gone, its descriptor closed: err is nil after Close, Abort or the peer's
	// end of stream, otherwise why.
	//
	// Rules: protocol.base.clean-loss-has-none, protocol.base.abnormal-loss-has-error.
	ConnectionLost(err error)

	// PauseWriting says that more than the high mark is queued.
	//
	// Rule: protocol.base.flow-control.
	PauseWriting()

	// ResumeWriting says, after PauseWriting, that no more than the low mark is left.
	//
	// Rule: protocol.base.flow-control.
	ResumeWriting()
}

// An IdleProtocol ignores everything and closes at end-of-stream. Embed it to implement some of the callbacks only.
//
// Rules: protocol.base.defaults-do-nothing, protocol.stream.default-eof-closes.
type IdleProtocol struct{}

func (IdleProtocol) ConnectionMade(BaseTransport) {}
func (IdleProtocol) DataReceived([]byte)          {}
func (IdleProtocol) EOFReceived() bool            { return false }
func (IdleProtocol) ConnectionLost(error)         {}
func (IdleProtocol) PauseWriting()                {}
func (IdleProtocol) ResumeWriting()               {}

// Options of a transport. A nil *Options means all defaults.
type Options struct {
	// Report gets the failures of callbacks, from the goroutine of the callback; it must not panic. The default is an
	// error record of log/slog.
	Report func(*CallbackError)

	// Warn gets advice to the programmer: that writes come though the connection is closed, from the fifth on. It is called
	// from the goroutine that writes; it must not panic. The default is a warning record of log/slog.
	//
	// Rule: writer.write.after-close-discarded.
	Warn func(message string)

	// Lost is called with the transport when ConnectionLost has returned, whichever protocol that was of. It must not
	// panic. The default is nothing.
	Lost func(BaseTransport)
}

func (o *Options) report() func(*CallbackError) {
	if o == nil || o.Report == nil {
		return func(e *CallbackError) { slog.Error(e.Error()) }
	}
	return o.Report
}

func (o *Options) warn() func(string) {
	if o == nil || o.Warn == nil {
		return func(message string) { slog.Warn(message) }
	}
	return o.Warn
}

// A CallbackError says that a callback has failed, or something else that nobody waits for.
type CallbackError struct {
	Callback string // the method of Protocol
	Cause    any    // what it panicked with
}

func (e *CallbackError) Error() string {
	return fmt.Sprintf("transport: %s failed: %v", e.Callback, e.Cause)
}

// Unwrap returns the cause if it is an error.
func (e *CallbackError) Unwrap() error {
	err, _ := e.Cause.(error)
	return err
}
