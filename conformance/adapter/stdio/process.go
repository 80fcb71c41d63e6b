package stdio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/spec/trace"
)

const (
	exitGrace   = 2 * time.Second        // between the end of the output and that of the program
	stderrGrace = 500 * time.Millisecond // for the rest of the standard error, when something outlives the program
	mostText    = 1000                   // bytes of the text of a failure
)

// child is a running program. Requests are made by one goroutine at a time; kill and shutdown may come from others.
type child struct {
	o      Options
	cmd    *exec.Cmd
	stdin  *os.File
	stdout *os.File
	stderr *os.File
	tail   tail
	mark   int64 // bytes of the standard error that belong to earlier sessions
	gone   func(*child)

	exited    chan struct{} // closed when the program has ended and cmd.ProcessState is set
	collected chan struct{} // closed when the standard error has ended or been closed
	killOnce  sync.Once
	closing   atomic.Bool // the client ends the child; of requests only shutdown is still made

	use   sync.Mutex // held by a request, guards what follows and mark
	in    lines
	out   bytes.Buffer
	asked int64 // id of the last request
}

// startChild starts a program. gone is called once when nothing is left of it, unless an error is returned.
func startChild(argv []string, o Options, gone func(*child)) (*child, error) {
	if len(argv) == 0 || argv[0] == "" {
		return nil, &CommandError{argv, errors.New("empty command")}
	}
	c := &child{o: o, gone: gone, exited: make(chan struct{}), collected: make(chan struct{})}
	c.in = lines{read: c.read, max: o.MaxLine}
	c.tail.ring = make([]byte, o.StderrTail)
	c.cmd = exec.Command(argv[0], argv[1:]...)
	c.cmd.Dir, c.cmd.Env = o.Dir, o.Env
	ownGroup(c.cmd)

	var theirs [3]*os.File
	var err error
	theirs[0], c.stdin, err = os.Pipe()
	if err == nil {
		c.stdout, theirs[1], err = os.Pipe()
	}
	if err == nil {
		c.stderr, theirs[2], err = os.Pipe()
	}
	if err == nil {
		c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = theirs[0], theirs[1], theirs[2]
		err = c.cmd.Start()
	}
	for _, f := range theirs {
		_ = f.Close()
	}
	if err != nil {
		for _, f := range []*os.File{c.stdin, c.stdout, c.stderr} {
			_ = f.Close()
		}
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, exec.ErrDot) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || notExecutable(err) {
			return nil, &CommandError{argv, err}
		}
		return nil, &adapter.Failure{Kind: adapter.Error, Text: fmt.Sprintf("the adapter could not be started: %v", err)}
	}
	go func() {
		defer close(c.collected)
		_, _ = io.Copy(&c.tail, struct{ io.Reader }{c.stderr})
	}()
	go func() {
		_ = c.cmd.Wait()
		killGroup(c.cmd) // what it has left behind; nobody else has been given its number so soon
		close(c.exited)
		c.interrupt()
	}()
	return c, nil
}

// interrupt makes the request under way end, and every later one fail.
func (c *child) interrupt() {
	past := time.Unix(1, 0)
	err := errors.Join(c.stdin.SetWriteDeadline(past), c.stdout.SetReadDeadline(past))
	if errors.Is(err, os.ErrNoDeadline) && !c.hasExited() {
		killGroup(c.cmd) // where pipes have no deadlines they end with the program
	}
}

func (c *child) hasExited() bool {
	select {
	case <-c.exited:
		return true
	default:
		return false
	}
}

// read reads from the standard output. When the program has ended, that is the end of its output too, even if something
// it has started keeps the pipe open.
func (c *child) read(p []byte) (int, error) {
	n, err := c.stdout.Read(p)
	if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && c.hasExited() {
		if n, err = readWaiting(c.stdout, p); n == 0 {
			return 0, io.EOF
		}
	}
	return n, err
}

// kill ends the program and everything in its process group at once, and returns when nothing is left of them.
func (c *child) kill() {
	c.killOnce.Do(func() {
		if !c.hasExited() {
			killGroup(c.cmd)
		}
		<-c.exited
		_ = c.stdin.Close()
		_ = c.stdout.Close()
		select {
		case <-c.collected:
		case <-time.After(stderrGrace):
		}
		_ = c.stderr.Close()
		<-c.collected
		c.gone(c)
	})
}

// fail kills the child and returns the failure. What the program has put into the text, a name or a message, may be of any
// length and shape; the text is bounded and on one line.
func (c *child) fail(kind adapter.FailureKind, text string) *adapter.Failure {
	c.kill()
	if len(text) > mostText {
		text = strings.ToValidUTF8(text[:mostText], "") + "…"
	}
	text = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ").Replace(text)
	return &adapter.Failure{Kind: kind, Text: text, Stderr: c.tail.since(c.mark)}
}

// quiet judges what the program did while there was no request, which is to do nothing; when says in the error when that
// was.
func (c *child) quiet(when string) error {
	c.use.Lock()
	defer c.use.Unlock()
	if c.closing.Load() {
		return ErrClosed
	}
	return c.between(when)
}

// reuse prepares a child for its next session: the standard error of the last one is forgotten.
func (c *child) reuse() error {
	c.use.Lock()
	defer c.use.Unlock()
	if c.closing.Load() {
		return ErrClosed
	}
	if err := c.between("while no session was open"); err != nil {
		return err
	}
	c.mark = c.tail.written()
	return nil
}

// between is quiet for those who hold use.
func (c *child) between(when string) error {
	waiting := c.in.rest()
	if len(waiting) == 0 {
		_ = c.in.fill(func(p []byte) (int, error) { return readWaiting(c.stdout, p) })
		waiting = c.in.rest()
	}
	if len(waiting) > 0 {
		return c.fail(adapter.Error, fmt.Sprintf("%s, the adapter wrote %s", when, unsolicited(waiting, c.asked)))
	}
	if c.hasExited() {
		return c.fail(adapter.Crash, fmt.Sprintf("%s, the adapter %s", when, c.end()))
	}
	return nil
}

// call makes a request and returns its result. After an error the child is dead.
func (c *child) call(ctx context.Context, what asked, params any, deadline time.Duration) (json.RawMessage, error) {
	c.use.Lock()
	defer c.use.Unlock()
	closed := func() bool { return c.closing.Load() && what.method != methodShutdown }
	if closed() {
		return nil, fmt.Errorf("%s was not sent: %w", what, ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		c.kill()
		return nil, fmt.Errorf("%s was not sent to the adapter: %w", what, err)
	}
	if err := c.between("before " + what.String() + " was sent"); err != nil {
		return nil, err
	}
	c.asked++
	c.out.Reset()
	if err := encode(&c.out, request{jsonrpcVersion, c.asked, what.method, params}); err != nil {
		c.kill()
		return nil, fmt.Errorf("%s cannot be encoded: %w", what, err)
	}

	began := time.Now()
	timer := time.AfterFunc(deadline, c.interrupt)
	forget := context.AfterFunc(ctx, c.interrupt)
	taken, err := c.stdin.Write(c.out.Bytes())
	stalled := errors.Is(err, os.ErrDeadlineExceeded) && !c.hasExited()
	refused := err != nil && !stalled
	var line []byte
	if !stalled { // a program that closes its input may have said why
		line, err = c.in.next()
	}
	if inTime, calm := timer.Stop(), forget(); (!inTime || !calm) && !errors.Is(err, errTooLong) {
		err = os.ErrDeadlineExceeded // whatever came, it came when the request was being given up
	}
	if err == nil {
		result, err := decodeResponse(line, c.asked)
		if err != nil {
			return nil, c.fail(adapter.Error, fmt.Sprintf("the adapter's answer to %s %v: %s", what, err, quote(line)))
		}
		return result, nil
	}

	size, got := c.out.Len(), c.in.rest()
	sofar := "nothing of the answer had been read"
	if len(got) > 0 {
		sofar = fmt.Sprintf("%s of the answer had been read: %s", count(len(got), "byte", "bytes"), quote(got))
	}
	if refused {
		sofar += fmt.Sprintf("; it had taken %d of the %d bytes of the request when it closed its standard input", taken, size)
	}
	switch {
	case closed():
		c.kill()
		return nil, fmt.Errorf("%s was given up: %w", what, ErrClosed)
	case errors.Is(err, errTooLong):
		return nil, c.fail(adapter.Error, fmt.Sprintf("the adapter's answer to %s has a line of more than the permitted %d bytes: %s", what, c.o.MaxLine, quote(got)))
	case errors.Is(err, io.EOF):
		return nil, c.fail(adapter.Crash, fmt.Sprintf("the adapter %s before it answered %s; %s", c.end(), what, sofar))
	case errors.Is(ctx.Err(), context.Canceled):
		c.kill()
		return nil, fmt.Errorf("%s was given up after %v: %w", what, time.Since(began).Round(time.Millisecond), context.Canceled)
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return nil, c.fail(adapter.Crash, fmt.Sprintf("the adapter's answer to %s could not be read: %v; %s", what, err, sofar))
	}
	limit := fmt.Sprintf("within %v", deadline)
	if ctx.Err() != nil {
		limit = fmt.Sprintf("within the time that its caller had, which ran out after %v", time.Since(began).Round(time.Millisecond))
	}
	if stalled {
		if n, _ := readWaiting(c.stdout, make([]byte, 1)); n > 0 {
			return nil, c.fail(adapter.Error, fmt.Sprintf("the adapter wrote output that nobody had asked for: it took only %d of the %d bytes of %s %s, and wrote meanwhile",
				taken, size, what, limit))
		}
		return nil, c.fail(adapter.Hang, fmt.Sprintf("the adapter took only %d of the %d bytes of %s %s", taken, size, what, limit))
	}
	return nil, c.fail(adapter.Hang, fmt.Sprintf("the adapter did not answer %s %s; %s", what, limit, sofar))
}

// end says how the program ended, for which it waits a little: its output has ended already.
func (c *child) end() string {
	select {
	case <-c.exited:
		return exitStatus(c.cmd.ProcessState)
	case <-time.After(exitGrace):
		return "closed its standard output and went on running"
	}
}

func (c *child) initialize(ctx context.Context) (trace.Description, error) {
	raw, err := c.call(ctx, asked{methodInitialize, -1}, initializeParams{trace.ProtocolVersion}, c.o.Deadline)
	if err != nil {
		return trace.Description{}, err
	}
	d, err := decodeDescription(raw)
	if err != nil {
		return d, c.fail(adapter.Error, err.Error())
	}
	return d, nil
}

// shutdown asks the program to end, makes it if it does not, and says what was wrong about it.
func (c *child) shutdown() error {
	resting := c.use.TryLock()
	c.closing.Store(true)
	if !resting { // in the middle of a request, which ends thereby
		c.kill()
		return nil
	}
	c.use.Unlock()
	defer c.kill()
	began := time.Now()
	what := asked{methodShutdown, -1}
	raw, err := c.call(context.Background(), what, empty{}, c.o.ShutdownDeadline)
	if err != nil {
		return err
	}
	if err := decodeStrict(raw, &empty{}); err != nil {
		return c.fail(adapter.Error, fmt.Sprintf("the result of %s %v: %s", what, err, quote(raw)))
	}
	_ = c.stdin.Close()
	select {
	case <-c.exited:
	case <-time.After(c.o.ShutdownDeadline - time.Since(began)):
		return c.fail(adapter.Hang, fmt.Sprintf("the adapter answered %s but did not exit within %v", what, c.o.ShutdownDeadline))
	}
	if !c.cmd.ProcessState.Success() {
		return c.fail(adapter.Crash, fmt.Sprintf("the adapter %s after %s, status 0 is required", exitStatus(c.cmd.ProcessState), what))
	}
	return nil
}
