// Package transport is the documents' Transport and Protocol in idiomatic Go: a transport moves bytes, a protocol is told
// what happens. There are transports over TCP, Unix sockets, pipes and memory.
//
// All methods of a transport may be called from any goroutine, and from inside any callback. None of them blocks.
package transport

// A BaseTransport is what all transports have in common.
//
// Rules: transport.base.kinds, transport.base.set-protocol, transport.base.get-protocol.
type BaseTransport interface {
	// Close stops receiving, lets what is queued be sent, and then has ConnectionLost(nil) called, never from inside Close.
	// Repeated calls do nothing.
	//
	// Rules: transport.base.close-stops-receiving, transport.base.close-flushes, transport.base.close-ends-with-loss,
	// transport.base.loss-is-asynchronous.
	Close()

	// IsClosing reports whether the transport is closing or closed. The peer's end of stream alone does not close.
	//
	// Rule: transport.base.is-closing.
	IsClosing() bool

	// GetExtraInfo returns what is known under the name, also after the transport has been closed; false means that
	// nothing is. Sockets know "socket" (the net.Conn), "sockname" and "peername" (net.Addr); pipes "pipe" (the *os.File).
	//
	// Rules: transport.base.extra-info-or-default, transport.base.socket-info, transport.base.pipe-info,
	// transport.base.info-after-close.
	GetExtraInfo(name string) (any, bool)

	// SetProtocol has all callbacks from now on go to p, which must not be nil. A callback that is running is not disturbed.
	//
	// Rule: transport.base.set-protocol.
	SetProtocol(p Protocol)

	// GetProtocol returns the protocol, or nil when ConnectionLost has returned.
	//
	// Rules: transport.base.get-protocol, transport.base.no-protocol-after-loss.
	GetProtocol() Protocol
}

// A ReadTransport receives.
type ReadTransport interface {
	BaseTransport

	// PauseReading has DataReceived and EOFReceived, and the news of a failed read, wait until ResumeReading. It may be
	// called again, or when the transport is closing, and does nothing then. The error is always nil: other transports
	// may return [errors.ErrUnsupported].
	//
	// Rules: transport.read.paused-is-silent, transport.read.pause-is-idempotent, transport.read.pause-in-connection-made,
	// transport.read.eof-waits-for-resume, transport.read.no-op-after-close.
	PauseReading() error

	// ResumeReading takes PauseReading back. It may be called again, or when the transport is closing, and does nothing
	// then. It calls no callback itself. The error is always nil.
	//
	// Rules: transport.read.resume-delivers, transport.read.resume-is-idempotent, transport.read.no-op-after-close.
	ResumeReading() error

	// IsReading reports whether the transport is neither paused nor closing.
	//
	// Rule: transport.read.is-reading.
	IsReading() bool
}

// A WriteTransport sends.
type WriteTransport interface {
	BaseTransport

	// Write sends what can be sent at once, if nothing is queued, and queues a copy of the rest; p is the caller's again
	// when Write returns. When more than the high mark is queued now, PauseWriting is called, before Write returns unless
	// another callback is running. A send that fails has ConnectionLost called with the error. After Close or Abort, p is
	// dropped silently. The only error is [ErrWriteAfterEOF], also for empty p.
	//
	// Rules: writer.write.sends-at-once, writer.write.never-blocks, writer.write.order-preserved,
	// writer.write.empty-is-no-op, writer.write.after-close-discarded, writer.write.failed-send-does-not-raise,
	// transport.write.pauses-strictly-above-high.
	Write(p []byte) error

	// WriteLines is Write for each of the chunks in turn, but sends them together. Empty ones do nothing.
	//
	// Rules: transport.write.writelines-equals-writes, writer.write.writelines-may-coalesce.
	WriteLines(chunks [][]byte) error

	// WriteEOF ends the stream to the peer when what is queued has been sent. Receiving goes on. It does nothing when the
	// transport is closing or when called again. The error matches [errors.ErrUnsupported] when CanWriteEOF is false.
	//
	// Rules: transport.write.eof-after-flush, transport.write.eof-may-be-unsupported, writer.eof.still-receives.
	WriteEOF() error

	// CanWriteEOF reports whether WriteEOF is supported.
	//
	// Rule: transport.write.eof-support-is-reported.
	CanWriteEOF() bool

	// Abort closes at once: what is queued is dropped, nothing is received any more, and ConnectionLost(nil) is called,
	// never from inside Abort.
	//
	// Rules: transport.write.abort-discards, transport.write.abort-stops-receiving, transport.write.abort-ends-with-loss,
	// transport.write.abort-after-close.
	Abort()

	// GetWriteBufferSize returns how many bytes are queued.
	//
	// Rule: transport.write.buffer-size.
	GetWriteBufferSize() int

	// GetWriteBufferLimits returns the two marks, in bytes.
	//
	// Rule: transport.write.limits-low-then-high.
	GetWriteBufferLimits() (low, high int)

	// SetWriteBufferLimits sets the marks: PauseWriting is due when more than high bytes are queued, ResumeWriting when no
	// more than low are left. Given one of them, high is four times low; given none, high is [DefaultHigh]. PauseWriting is
	// called at once if it is due now; ResumeWriting comes when some of the queue has been sent. A negative mark, or a low
	// one above the high, is an [*ArgumentError], and nothing changes.
	//
	// Rules: transport.write.set-limits, transport.write.low-not-above-high, transport.write.no-negative-limits,
	// transport.write.low-derived-from-high, transport.write.limits-arithmetic, transport.write.lower-limits-pause-at-once.
	SetWriteBufferLimits(marks ...Watermark) error
}

// A Transport sends and receives.
//
// Rule: transport.base.connections-are-bidirectional.
type Transport interface {
	ReadTransport
	WriteTransport
}
