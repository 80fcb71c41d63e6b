// Package gokit makes an adapter of an implementation written in Go: typed interfaces on one side, the vocabulary on the
// other.
//
// Every session runs in a bubble of testing/synctest, where it is known for certain when the implementation has come to
// rest: all its goroutines wait for something that only another command can bring. An implementation that waits in mutexes
// or for the operating system does not come to rest that way, and is cut off by the session's watchdog.
//
// Sockets and pipes do not work in a bubble. So a session that begins with a raw end, an address, a socket, a server or a
// connection, or makes one in the batch that begins it, runs outside, where rest is recognised by what the Go runtime tells of its goroutines: well enough to save time, but
// that is why such connections count as settled by best effort. When a session has forgotten all, it begins anew.
package gokit

import (
	"context"
	"fmt"
	"io"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/spec/trace"
)

// A Reader is what the kit needs of a reader. The methods follow the documents' StreamReader; a blocking call ends with the
// context's error when the context is cancelled. Results belong to the caller.
type Reader interface {
	SetTransport(ReadTransport) error
	FeedData([]byte) error
	FeedEOF() error
	SetException(error) error
	Exception() error
	AtEOF() bool
	Read(ctx context.Context, n int) ([]byte, error) // n < 0: to the end of the stream
	ReadLine(ctx context.Context) ([]byte, error)
	ReadExactly(ctx context.Context, n int) ([]byte, error)
	// ReadUntil reads through a separator: nil means the default one; one element is a single separator; several, or an
	// empty slice that is not nil, are a tuple.
	ReadUntil(ctx context.Context, separators [][]byte) ([]byte, error)
	Lines(ctx context.Context) iter.Seq2[[]byte, error]
}

// An Implementation is what an author of a Go library fills in.
type Implementation struct {
	Name, Version string
	Target        string // the documented version it implements: "3.13"
	Detail        string // anything the reader of a report may want to know; may be empty
	DefaultLimit  int    // the limit, bytes, of a reader made without one
	NewReader     func(limit int) (Reader, error)
	// Classify says what kind an error is, and what that kind brings along (partial, expected, consumed). The kit itself
	// knows the context's errors, [errors.ErrUnsupported], the exceptions that it made, and, unless Classify does, those of
	// the operating system; it fills in type and message.
	Classify func(error) trace.Error

	// What follows may be nil or empty: the implementation does not have it then.

	// NewReaderProtocol makes a stream-reader protocol that feeds a reader. Connected, if not nil, is its client-connected
	// callback.
	NewReaderProtocol func(r Reader, connected func(Reader, Writer)) (Protocol, error)
	NewWriter         func(t WriteTransport, p Protocol, r Reader) (Writer, error) // with a protocol of NewReaderProtocol; r may be nil
	// Ends are the kinds of end that Connect and OpenStream take: [trace.TCP], [trace.Unix], [trace.ReadPipe], [trace.WritePipe].
	Ends []trace.EndKind
	// Memory makes a connection that holds up to so many bytes in either direction, and of which one end is the driver's. When it
	// is not nil, the connections of raw.make are made by it instead of the operating system, whatever their kind: the
	// implementation's end is [End.Memory]. As readers are, they are in a bubble, so that it is known when all is at rest. It does
	// not go together with Open and Serve.
	Memory func(size int) (Peer, io.Closer, error)
	// Connect makes the transport of an end: of a pipe a [ReadTransport] or a [WriteTransport], else a [Transport].
	Connect func(end End, p Protocol, report Report) (BaseTransport, error)
	// OpenStream makes a reader, with that limit in bytes, and a writer of an end.
	OpenStream func(end End, limit int, report Report) (Stream, error)
	// Open makes a reader and a writer by connecting, or of a socket, as the documents' open_connection and
	// open_unix_connection do; OpenStream is there as well then. It is for those of [trace.TCP] and [trace.Unix] that are in Ends,
	// as Serve is. Arguments that do not go together are refused by an error that Classify calls [trace.InvalidArgument].
	Open func(ctx context.Context, args Opening, report Report) (Stream, error)
	// Serve starts a server, as the documents' start_server and start_unix_server do. The context is that of the call, and not
	// of the server.
	Serve func(ctx context.Context, args Serving, report Report) (Server, error)
	// TakesResolver says that Open and Serve have all names of hosts resolved by the resolver in their arguments. Hosts that are
	// empty or numeric need not be.
	TakesResolver bool
	// TakesClock says that Open and Serve take all time from the clock in their arguments.
	TakesClock bool
}

// A Report is told by an implementation of what it can return to nobody. Its functions may be called from any goroutine.
type Report struct {
	Unhandled func(error)       // an error, such as that of a callback
	Logged    func(text string) // advice to the programmer
}

// New returns the adapter of an implementation.
func New(impl Implementation) adapter.Adapter { return &goAdapter{impl: impl} }

type goAdapter struct{ impl Implementation }

func (a *goAdapter) Describe(context.Context) (trace.Description, error) {
	d := trace.Description{
		Protocol: trace.ProtocolVersion, Name: a.impl.Name, Version: a.impl.Version, Language: "go", Target: a.impl.Target,
		Detail: a.impl.Detail, Settling: trace.Exact,
		Capabilities: []trace.Capability{trace.CapReader, trace.CapReaderTransport, trace.CapTupleSeparators, trace.CapTypedBuffers},
	}
	add := func(has bool, all ...trace.Capability) {
		for _, c := range all {
			if has && !d.Has(c) {
				d.Capabilities = append(d.Capabilities, c)
			}
		}
	}
	add(a.impl.NewReaderProtocol != nil && a.impl.NewWriter != nil, trace.CapReaderProtocol)
	add(a.impl.OpenStream != nil, trace.CapWriter)
	add(a.impl.Connect != nil, trace.CapTransport)
	add(a.impl.Open != nil, trace.CapConnect)
	add(a.impl.Serve != nil, trace.CapServer)
	add(a.impl.TakesResolver, trace.CapResolver)
	add(a.impl.TakesClock, trace.CapVirtualTime)
	for _, kind := range a.impl.Ends {
		if needed, ok := kind.Needs(); ok && !d.Has(needed) {
			add(true, needed)
			if a.impl.Memory == nil {
				d.BestEffort = append(d.BestEffort, needed)
			}
		}
	}
	return d, SelfTest()
}

func (a *goAdapter) Close() error { return nil }

func (a *goAdapter) NewSession(context.Context) (adapter.Session, error) {
	s := &session{work: make(chan batch), ended: make(chan struct{})}
	go s.live(newWorld(&a.impl))
	return s, nil
}

// live is the life of a session.
func (s *session) live(w *world) {
	defer close(s.ended)
	defer func() {
		if p := recover(); p != nil {
			s.fail(&adapter.Failure{Kind: adapter.Crash, Text: fmt.Sprintf("when its calls were cancelled, the implementation ended with: %v", p)})
		}
	}()
	for {
		more := false
		if bubble(func() { more = w.live(s.work) }); !more {
			return
		}
		if !s.onWire(w) {
			return
		}
	}
}

// watchdog is how long a batch may take when the context has no deadline of its own. It is never waited for unless the
// implementation hangs in a way that the bubble cannot see.
const watchdog = 30 * time.Second

// A session is the driver's end. The channels are made outside the bubble, so waiting for the driver is not
// taken for rest.
type session struct {
	work  chan batch
	over  sync.Once     // closes work
	ended chan struct{} // closed when the session's life is over

	realTime atomic.Bool // waiting takes time, as it does not in a bubble

	mu    sync.Mutex
	death *adapter.Failure // why the session is over
}

type batch struct {
	commands []trace.Command
	result   result // so far
	done     chan result
}

type result struct {
	replies []trace.Reply
	failure *adapter.Failure
}

// closed is what a session comes to that nothing went wrong in.
var closed = &adapter.Failure{Kind: adapter.Error, Text: "the session is closed"}

func (s *session) fail(f *adapter.Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.death == nil {
		s.death = f
	}
}

// end lets the session's life end when it has done what it is at.
func (s *session) end() { s.over.Do(func() { close(s.work) }) }

func (s *session) failure() *adapter.Failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.death
}

// Do implements [adapter.Session].
func (s *session) Do(ctx context.Context, commands []trace.Command) ([]trace.Reply, error) {
	if f := s.failure(); f != nil {
		return nil, f
	}
	timer := time.NewTimer(watchdog)
	defer timer.Stop()
	b := batch{commands: commands, done: make(chan result, 1)}
	hang := func(why string) ([]trace.Reply, error) {
		s.end() // what hangs cannot be ended, but if it comes back after all, that is that
		s.fail(&adapter.Failure{Kind: adapter.Hang, Text: fmt.Sprintf(
			"the implementation did not come to rest %s during a batch of %d commands that begins with %s", why, len(commands), commands[0])})
		return nil, s.failure()
	}
	work, extended := s.work, false
	for {
		select {
		case work <- b:
			work = nil
		case r := <-b.done:
			if r.failure != nil {
				s.fail(r.failure)
				s.end()
				return r.replies, r.failure
			}
			return r.replies, nil
		case <-s.ended:
			return nil, s.failure()
		case <-timer.C:
			if !extended && s.realTime.Load() {
				extended = true
				timer.Reset(waits(commands))
				continue
			}
			return hang("within " + watchdog.String())
		case <-ctx.Done():
			return hang("before the deadline")
		}
	}
}

// waits returns how long the commands ask to wait at most.
func waits(commands []trace.Command) (d time.Duration) {
	for i := range commands {
		d += time.Duration(commands[i].Ms) * time.Millisecond
	}
	return d
}

// Close implements [adapter.Session].
func (s *session) Close(ctx context.Context) ([]trace.Event, error) {
	if f := s.failure(); f != nil {
		return nil, nil // reported already, and the session has ended as far as it can be
	}
	s.end()
	hang := func(why string) {
		s.fail(&adapter.Failure{Kind: adapter.Hang, Text: "the implementation did not come to rest " + why + " when its calls were cancelled"})
	}
	select {
	case <-s.ended:
	case <-time.After(watchdog):
		hang("within " + watchdog.String())
	case <-ctx.Done():
		hang("before the deadline")
	}
	if f := s.failure(); f != nil {
		return nil, f
	}
	s.fail(closed)
	return nil, nil
}

// Parallel implements [adapter.Parallel]: bubbles do not get in each other's way.
func (a *goAdapter) Parallel() int { return runtime.GOMAXPROCS(0) }
