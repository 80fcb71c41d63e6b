package stdio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/spec/trace"
)

// Options say how a [Client] runs its program. The zero value is good for use.
type Options struct {
	// Deadline is how long a request may take; zero: 30 s. For session.run it is counted on top of the time that the run
	// commands of the batch may take by themselves. How steadily an answer trickles in makes no difference.
	Deadline time.Duration
	// ShutdownDeadline is how long the program may take to end after it was asked to; zero: 2 s.
	ShutdownDeadline time.Duration
	// MaxLine is the longest line that the program may write, bytes; zero: 64 MiB.
	MaxLine int
	// StderrTail is how much of the standard error is kept for a failure, bytes; zero: 16 KiB.
	StderrTail int
	Dir        string   // where the program runs; empty: where this one does
	Env        []string // its environment, as key=value; nil: that of this program
}

func (o Options) withDefaults() Options {
	if o.Deadline <= 0 {
		o.Deadline = 30 * time.Second
	}
	if o.ShutdownDeadline <= 0 {
		o.ShutdownDeadline = 2 * time.Second
	}
	if o.MaxLine <= 0 {
		o.MaxLine = defaultMaxLine
	}
	if o.StderrTail <= 0 {
		o.StderrTail = 16 << 10
	}
	return o
}

// A CommandError is a command that cannot be started as a program: it does not exist or is not executable. Whoever named
// the command made the mistake; every other failure to start is an [adapter.Failure].
type CommandError struct {
	Argv []string
	Err  error // why, from the operating system
}

// Error implements error.
func (e *CommandError) Error() string {
	if len(e.Argv) == 0 || e.Argv[0] == "" {
		return "the adapter's command is empty: it has to name a program"
	}
	why := e.Err
	for _, known := range []error{exec.ErrNotFound, exec.ErrDot, fs.ErrNotExist, fs.ErrPermission} {
		if errors.Is(why, known) {
			why = known
			break
		}
	}
	var text string
	switch why {
	case exec.ErrNotFound, fs.ErrNotExist:
		text = "there is no such program, or the interpreter that it names in its first line does not exist"
	case fs.ErrPermission:
		text = "it is not executable"
	default:
		text = why.Error()
	}
	return fmt.Sprintf("the adapter's command %q cannot be started: %s", e.Argv[0], text)
}

// Unwrap returns the error of the operating system.
func (e *CommandError) Unwrap() error { return e.Err }

// ErrClosed is what a [Client] that has been closed answers to everything.
var ErrClosed = errors.New("the adapter has been closed")

// A Client is an [adapter.Adapter] over a program. It starts the program when it is needed, once for each session that is
// open at the same time, and keeps it for later sessions.
//
// A program that fails is killed with everything it has started, and the failure, an [adapter.Failure], ends the one
// session that met it; the next session has a fresh program. What a program did wrong after its last session was closed
// is reported by the next NewSession or by Close, whichever comes first.
//
// A context that has expired is a failure of the kind hang like the deadline in the options; a context that was cancelled
// is not the adapter's fault, and its error is returned as it is.
type Client struct {
	argv []string
	o    Options

	mu       sync.Mutex
	closed   bool
	last     int64 // session
	idle     []*child
	children map[*child]struct{} // all that live, idle or not
	about    *trace.Description
	ended    sync.WaitGroup // children, from before their start until everything of theirs is gone
}

var _ adapter.Adapter = (*Client)(nil)

// New returns a client of the program argv[0] with the arguments argv[1:]. Nothing is started yet.
func New(argv []string, o Options) *Client {
	return &Client{argv: argv, o: o.withDefaults(), children: map[*child]struct{}{}}
}

// Describe implements [adapter.Adapter]. The first call starts the program if no session has done so.
func (c *Client) Describe(ctx context.Context) (trace.Description, error) {
	c.mu.Lock()
	about, closed := c.about, c.closed
	c.mu.Unlock()
	if closed {
		return trace.Description{}, ErrClosed
	}
	if about == nil {
		p, err := c.acquire(ctx)
		if err != nil {
			return trace.Description{}, err
		}
		c.mu.Lock()
		about = c.about
		c.mu.Unlock()
		c.release(p)
	}
	d := *about
	d.Capabilities = append([]trace.Capability(nil), d.Capabilities...)
	return d, nil
}

// NewSession implements [adapter.Adapter].
func (c *Client) NewSession(ctx context.Context) (adapter.Session, error) {
	p, err := c.acquire(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.last++
	id := c.last
	c.mu.Unlock()
	return &session{client: c, child: p, id: id}, nil
}

// Close implements [adapter.Adapter]. Programs that are at rest are asked to end and killed when they do not; those in the
// middle of a request are killed. It returns when nothing is left of any. The error joins what programs did wrong since
// their last session and at their end; everything has been cleaned up nevertheless.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.idle = nil
	children := make([]*child, 0, len(c.children))
	for p := range c.children {
		children = append(children, p)
	}
	c.mu.Unlock()

	failures := make([]error, len(children))
	var stopped sync.WaitGroup
	for i, p := range children {
		stopped.Go(func() { failures[i] = p.shutdown() })
	}
	stopped.Wait()
	c.ended.Wait()
	return errors.Join(failures...)
}

// acquire returns a child without a session, which is the caller's until it is released or killed.
func (c *Client) acquire(ctx context.Context) (*child, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("the adapter was not asked for a session: %w", err)
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	if n := len(c.idle); n > 0 {
		p := c.idle[n-1]
		c.idle = c.idle[:n-1]
		c.mu.Unlock()
		if err := p.reuse(); err != nil {
			return nil, err
		}
		return p, nil
	}
	c.ended.Add(1)
	c.mu.Unlock()
	return c.start(ctx)
}

// start starts a child and checks its description. The caller has added one to c.ended.
func (c *Client) start(ctx context.Context) (*child, error) {
	p, err := startChild(c.argv, c.o, c.gone)
	if err != nil {
		c.ended.Done()
		return nil, err
	}
	c.mu.Lock()
	c.children[p] = struct{}{}
	closed := c.closed
	c.mu.Unlock()
	if closed {
		p.kill()
		return nil, ErrClosed
	}
	about, err := p.initialize(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	if c.about == nil {
		c.about = &about
	}
	first := *c.about
	c.mu.Unlock()
	if !reflect.DeepEqual(first, about) {
		return nil, p.fail(adapter.Error, fmt.Sprintf("the adapter described itself differently when it was started again: at first %s, now %s",
			quoteJSON(first), quoteJSON(about)))
	}
	return p, nil
}

// release takes back a child whose session is over.
func (c *Client) release(p *child) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, lives := c.children[p]; lives && !c.closed {
		c.idle = append(c.idle, p)
	}
}

// gone is told by a child that nothing is left of it.
func (c *Client) gone(p *child) {
	c.mu.Lock()
	delete(c.children, p)
	for i, q := range c.idle {
		if p == q {
			c.idle = append(c.idle[:i], c.idle[i+1:]...)
			break
		}
	}
	c.mu.Unlock()
	c.ended.Done()
}

type session struct {
	client *Client
	child  *child
	id     int64
	began  bool  // the program has heard of the session
	over   error // why no use may follow
}

var errSessionClosed = errors.New("the session has been closed")

// Do implements [adapter.Session].
func (s *session) Do(ctx context.Context, commands []trace.Command) ([]trace.Reply, error) {
	if s.over != nil {
		return nil, s.over
	}
	s.began = true
	replies, err := s.run(ctx, commands)
	s.over = err
	return replies, err
}

func (s *session) run(ctx context.Context, commands []trace.Command) ([]trace.Reply, error) {
	if commands == nil {
		commands = []trace.Command{}
	}
	deadline := s.child.o.Deadline
	for i := range commands {
		if commands[i].Op == trace.Run && commands[i].Ms > 0 {
			deadline += time.Duration(commands[i].Ms) * time.Millisecond
		}
	}
	what := asked{methodRun, len(commands)}
	raw, err := s.child.call(ctx, what, runParams{s.id, commands}, deadline)
	if err != nil {
		return nil, err
	}
	replies, wrong := decodeReplies(raw, what, commands)
	if wrong != "" {
		return replies, s.child.fail(adapter.Error, wrong)
	}
	return replies, nil
}

// decodeReplies judges the result of session.run. Of a result that is wrong it says so, and returns the replies before that.
func decodeReplies(raw json.RawMessage, what asked, commands []trace.Command) (replies []trace.Reply, wrong string) {
	var result runResult
	if err := decodeStrict(raw, &result); err != nil {
		return nil, fmt.Sprintf("the result of %s %v: %s", what, err, quote(raw))
	}
	if len(result.Replies) != len(commands) || result.Replies == nil {
		return nil, fmt.Sprintf("the result of %s has %s, one for each command is required: %s",
			what, count(len(result.Replies), "reply", "replies"), quote(raw))
	}
	for i := range result.Replies {
		if err := checkReply(&commands[i], &result.Replies[i]); err != nil {
			return result.Replies[:i], fmt.Sprintf("reply %d of %d, to %s, breaks its contract: %v: %s",
				i+1, len(commands), &commands[i], err, quoteJSON(result.Replies[i]))
		}
	}
	return result.Replies, ""
}

func checkReply(c *trace.Command, r *trace.Reply) error {
	if err := r.Validate(); err != nil {
		return err
	}
	if r.Pending == "" {
		return nil
	}
	if spec := trace.Spec(c.Op); spec != nil && spec.Style != trace.Start {
		return fmt.Errorf("%s does not start anything, so it cannot be pending", c.Op)
	}
	if r.Pending != c.As {
		return fmt.Errorf("pending has the name %q, the call was started under the name %q", r.Pending, c.As)
	}
	return nil
}

// Close implements [adapter.Session]. Closing a session that a failure has ended does nothing.
func (s *session) Close(ctx context.Context) ([]trace.Event, error) {
	if s.over != nil {
		s.child.kill() // after a failure nothing is left to be killed
		return nil, nil
	}
	s.over = errSessionClosed
	if !s.began {
		s.client.release(s.child)
		return nil, nil
	}
	what := asked{methodClose, -1}
	raw, err := s.child.call(ctx, what, closeParams{s.id}, s.child.o.Deadline)
	if err != nil {
		return nil, err
	}
	var result closeResult
	if err := decodeStrict(raw, &result); err != nil {
		return nil, s.child.fail(adapter.Error, fmt.Sprintf("the result of %s %v: %s", what, err, quote(raw)))
	}
	if result.Events == nil {
		return nil, s.child.fail(adapter.Error, fmt.Sprintf("the result of %s has no events, a list is required, if an empty one: %s", what, quote(raw)))
	}
	if err := (trace.Reply{Returned: &trace.None, Events: result.Events}).Validate(); err != nil {
		return nil, s.child.fail(adapter.Error, fmt.Sprintf("an event in the result of %s breaks its contract: %v: %s", what, err, quote(raw)))
	}
	if err := s.child.quiet("after " + what.String() + " had been answered"); err != nil {
		return result.Events, err
	}
	s.client.release(s.child)
	return result.Events, nil
}

// asked is a request as error texts name it.
type asked struct {
	method   string
	commands int // negative: not a batch
}

func (a asked) String() string {
	if a.commands < 0 {
		return a.method
	}
	return a.method + " with " + count(a.commands, "command", "commands")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func quoteJSON(v any) string {
	var out bytes.Buffer
	if err := encode(&out, v); err != nil {
		return fmt.Sprint(v)
	}
	return quote(bytes.TrimSpace(out.Bytes()))
}

// decodeDescription judges the result of initialize. The version comes first: of an adapter that speaks another one
// nothing else can be expected to be right.
func decodeDescription(raw json.RawMessage) (trace.Description, error) {
	var d trace.Description
	var only struct {
		Protocol *int `json:"protocol"`
	}
	if err := json.Unmarshal(raw, &only); err == nil && only.Protocol != nil && *only.Protocol != trace.ProtocolVersion {
		return d, fmt.Errorf("the adapter speaks version %d of the protocol, version %d was asked for", *only.Protocol, trace.ProtocolVersion)
	}
	if err := decodeStrict(raw, &d); err != nil {
		return d, fmt.Errorf("the result of initialize %w: %s", err, quote(raw))
	}
	if only.Protocol == nil {
		return d, fmt.Errorf("the result of initialize has no protocol, which has to be %d: %s", trace.ProtocolVersion, quote(raw))
	}
	if err := d.Validate(); err != nil {
		return d, fmt.Errorf("the result of initialize is not a description: %w: %s", err, quote(raw))
	}
	return d, nil
}

// tail keeps the end of what is written to it.
type tail struct {
	mu    sync.Mutex
	ring  []byte
	total int64 // bytes ever written
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	written := len(p)
	if over := len(p) - len(t.ring); over > 0 {
		t.total += int64(over)
		p = p[over:]
	}
	for len(p) > 0 {
		n := copy(t.ring[t.total%int64(len(t.ring)):], p)
		t.total += int64(n)
		p = p[n:]
	}
	return written, nil
}

func (t *tail) written() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.total
}

// since returns what was written after the first mark bytes, or the end of it.
func (t *tail) since(mark int64) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	size := int64(len(t.ring))
	n, cut := t.total-mark, ""
	if n > size {
		n, cut = size, "…"
	}
	out := make([]byte, 0, n)
	for i := t.total - n; i < t.total; i++ {
		out = append(out, t.ring[i%size])
	}
	return cut + strings.ToValidUTF8(string(out), "\uFFFD")
}
