package transport

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// NewReadPipe returns the transport over the reading end of a pipe, a socket or a character device, which belongs to it
// from now on. End-of-stream closes it, whatever EOFReceived returns. It does not write.
//
// Another kind of file is an [*ArgumentError]. Where the system cannot wait for such a file, the error matches
// [errors.ErrUnsupported].
//
// Rules: transport.base.read-pipe-is-read-only, transport.base.pipe-info, transport.base.regular-file-refused,
// protocol.stream.read-pipe-eof-closes.
func NewReadPipe(file *os.File, p Protocol, opts *Options) (ReadTransport, error) {
	end, err := newPipe(file, p)
	if err != nil {
		return nil, err
	}
	t := &readPipe{connection{alone: true}}
	t.c.start(end, t, p, opts)
	return t, nil
}

// NewWritePipe returns the transport over the writing end of a pipe, a socket or a character device, which belongs to it
// from now on. WriteEOF is Close, so that later writes are dropped. It does not read. When the reading end is closed, ConnectionLost gets nil if nothing is
// queued, otherwise EPIPE; on systems other than Linux this is noticed by the next write only.
//
// The errors are those of [NewReadPipe].
//
// Rules: transport.base.write-pipe-is-write-only, transport.base.pipe-info, transport.base.regular-file-refused,
// transport.write.pipe-eof-and-loss.
func NewWritePipe(file *os.File, p Protocol, opts *Options) (WriteTransport, error) {
	end, err := newPipe(file, p)
	if err != nil {
		return nil, err
	}
	t := &writePipe{connection{alone: true, deaf: true}}
	t.c.start(writeEnd{end, make(chan struct{})}, t, p, opts)
	return t, nil
}

// pipe is what the endpoints of the two directions have in common.
type pipe struct {
	*sender
	*receiver
	file *os.File
}

func newPipe(file *os.File, p Protocol) (*pipe, error) {
	if p == nil {
		return nil, errNoProtocol
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket|fs.ModeCharDevice) == 0 {
		return nil, &ArgumentError{Name: "file", Value: file.Name(), Reason: "must be a pipe, a socket or a character device"}
	}
	if err := file.SetDeadline(interruptDeadline(false)); err != nil {
		if file, err = nonblocking(file); err != nil {
			return nil, fmt.Errorf("transport: waiting for %s: %w", file.Name(), err)
		}
	}
	out, err := newSender(file)
	if err != nil {
		return nil, err
	}
	in, err := newReceiver(file)
	if err != nil {
		return nil, err
	}
	return &pipe{out, in, file}, nil
}

func (p *pipe) interrupt(on bool) { _ = p.file.SetReadDeadline(interruptDeadline(on)) }

func (p *pipe) closeWrite() error { return errors.ErrUnsupported }

func (p *pipe) close() { _ = p.file.Close() }

func (p *pipe) info(name string) (any, bool) {
	if name == "pipe" {
		return p.file, true
	}
	return nil, false
}

// writeEnd sends, and reads no more than the end of the reading end.
type writeEnd struct {
	*pipe
	closed chan struct{}
}

func (e writeEnd) read([]byte) (int, error) {
	if err := e.awaitPeer(); err != nil {
		return 0, err
	}
	return 0, io.EOF
}

func (e writeEnd) close() {
	close(e.closed)
	e.pipe.close()
}

// readPipe is a connection's half.
type readPipe struct{ c connection }

func (t *readPipe) Close()                               { t.c.Close() }
func (t *readPipe) IsClosing() bool                      { return t.c.IsClosing() }
func (t *readPipe) GetExtraInfo(name string) (any, bool) { return t.c.GetExtraInfo(name) }
func (t *readPipe) SetProtocol(p Protocol)               { t.c.SetProtocol(p) }
func (t *readPipe) GetProtocol() Protocol                { return t.c.GetProtocol() }
func (t *readPipe) PauseReading() error                  { return t.c.PauseReading() }
func (t *readPipe) ResumeReading() error                 { return t.c.ResumeReading() }
func (t *readPipe) IsReading() bool                      { return t.c.IsReading() }

func (t *readPipe) BeginPull(p Protocol) (ok bool, again <-chan struct{}) { return t.c.BeginPull(p) }
func (t *readPipe) Pull(into []byte) []byte                               { return t.c.Pull(into) }
func (t *readPipe) EndPull(got []byte) bool                               { return t.c.EndPull(got) }
func (t *readPipe) Interrupt()                                            { t.c.Interrupt() }
func (t *readPipe) Report(failure *CallbackError)                         { t.c.Report(failure) }

// writePipe is a connection's other half.
type writePipe struct{ c connection }

func (t *writePipe) Close()                                { t.c.Close() }
func (t *writePipe) IsClosing() bool                       { return t.c.IsClosing() }
func (t *writePipe) GetExtraInfo(name string) (any, bool)  { return t.c.GetExtraInfo(name) }
func (t *writePipe) SetProtocol(p Protocol)                { t.c.SetProtocol(p) }
func (t *writePipe) GetProtocol() Protocol                 { return t.c.GetProtocol() }
func (t *writePipe) Write(p []byte) error                  { return t.c.Write(p) }
func (t *writePipe) WriteLines(chunks [][]byte) error      { return t.c.WriteLines(chunks) }
func (t *writePipe) WriteEOF() error                       { return t.c.WriteEOF() }
func (t *writePipe) CanWriteEOF() bool                     { return t.c.CanWriteEOF() }
func (t *writePipe) Abort()                                { t.c.Abort() }
func (t *writePipe) GetWriteBufferSize() int               { return t.c.GetWriteBufferSize() }
func (t *writePipe) GetWriteBufferLimits() (low, high int) { return t.c.GetWriteBufferLimits() }
func (t *writePipe) SetWriteBufferLimits(marks ...Watermark) error {
	return t.c.SetWriteBufferLimits(marks...)
}
func (t *writePipe) WritingPaused() bool           { return t.c.WritingPaused() }
func (t *writePipe) Report(failure *CallbackError) { t.c.Report(failure) }
