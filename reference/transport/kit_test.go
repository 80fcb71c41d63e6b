package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// generous is how long what must happen may take.
const generous = 20 * time.Second

// TestMain sees that no test leaves a goroutine behind.
func TestMain(m *testing.M) {
	if a, b, err := os.Pipe(); err == nil { // has the runtime open its own descriptors, before we count any
		_, _ = a.Close(), b.Close()
	}
	goleak.VerifyTestMain(m)
}

// recorder is a protocol that notes its callbacks and does in each what the test says.
type recorder struct {
	do       map[string]func(BaseTransport) // by callback, run once
	keepOpen bool

	mu      sync.Mutex
	changed chan struct{} // closed and replaced with each event
	events  []string      // data as "data" once, however many pieces
	data    []byte
	lost    bool
	err     error
	failed  []string
	running int
	t       BaseTransport
}

func newRecorder() *recorder {
	return &recorder{do: map[string]func(BaseTransport){}, changed: make(chan struct{}), keepOpen: true}
}

func (r *recorder) options() *Options {
	return &Options{Report: func(e *CallbackError) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.failed = append(r.failed, e.Callback)
		close(r.changed)
		r.changed = make(chan struct{})
	}}
}

func (r *recorder) note(event string, more func()) {
	r.mu.Lock()
	if r.running++; r.running > 1 {
		r.events = append(r.events, "OVERLAP")
	}
	if last := len(r.events) - 1; event != "data" || last < 0 || r.events[last] != "data" {
		r.events = append(r.events, event)
	}
	if more != nil {
		more()
	}
	do := r.do[event]
	delete(r.do, event)
	t := r.t
	tell := func() {
		close(r.changed)
		r.changed = make(chan struct{})
	}
	tell()
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.running--
		tell()
	}()
	if do != nil {
		do(t)
	}
}

func (r *recorder) ConnectionMade(t BaseTransport) { r.note("made", func() { r.t = t }) }
func (r *recorder) DataReceived(p []byte) {
	r.note("data", func() {
		if len(p) == 0 {
			r.events = append(r.events, "EMPTY")
		}
		r.data = append(r.data, p...)
	})
}
func (r *recorder) EOFReceived() bool        { r.note("eof", nil); return r.keepOpen }
func (r *recorder) ConnectionLost(err error) { r.note("lost", func() { r.lost, r.err = true, err }) }
func (r *recorder) PauseWriting()            { r.note("pause", nil) }
func (r *recorder) ResumeWriting()           { r.note("resume", nil) }

func (r *recorder) log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.events, " ")
}

// until waits for a condition on what was noted.
func (r *recorder) until(t *testing.T, what string, met func() bool) {
	t.Helper()
	deadline := time.After(generous)
	for {
		r.mu.Lock()
		ok, changed := met(), r.changed
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("waited in vain for %s; came: %s", what, r.log())
		}
	}
}

func (r *recorder) untilLost(t *testing.T) error {
	t.Helper()
	r.until(t, "connection_lost", func() bool { return r.lost })
	return r.err
}

func (r *recorder) untilEvent(t *testing.T, event string) {
	t.Helper()
	r.until(t, event, func() bool {
		for _, e := range r.events {
			if e == event {
				return true
			}
		}
		return false
	})
}

func (r *recorder) untilData(t *testing.T, want string) {
	t.Helper()
	r.until(t, want, func() bool { return string(r.data) == want })
}

func expectLog(t *testing.T, r *recorder, want string) {
	t.Helper()
	if got := r.log(); got != want {
		t.Fatalf("the protocol heard %q, want %q", got, want)
	}
}

// peer is the other end, raw.
type peer interface {
	io.Reader
	io.Writer
	CloseWrite() error
	Close() error
	Reset()
}

type socketPeer struct {
	net.Conn
	closeWrite func() error
}

func (p socketPeer) CloseWrite() error { return p.closeWrite() }

// Reset resets: a TCP connection by lingering not, a Unix one by leaving bytes unread.
func (p socketPeer) Reset() {
	if tcp, ok := p.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = p.Close()
}

type memoryPeer struct{ *MemoryConn }

func (p memoryPeer) Write(b []byte) (int, error) { return p.Send(b) }

// kind makes a transport with a raw peer. The near socket's buffers are small.
type kind struct {
	name string
	open func(t testing.TB, p Protocol, opts *Options) (Transport, peer)
}

const (
	small    = 4096      // bytes of buffer asked for
	segments = 128 << 10 // the same for TCP, which stalls on the loopback when a segment does not fit
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func tcpPair(t testing.TB) (near, far *net.TCPConn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	must(t, err)
	b, err := l.Accept()
	must(t, err)
	return a.(*net.TCPConn), b.(*net.TCPConn)
}

func unixPair(t testing.TB) (near, far *net.UnixConn) {
	l, err := net.Listen("unix", t.TempDir()+"/s")
	must(t, err)
	defer l.Close()
	a, err := net.Dial("unix", l.Addr().String())
	must(t, err)
	b, err := l.Accept()
	must(t, err)
	return a.(*net.UnixConn), b.(*net.UnixConn)
}

var kinds = []kind{
	{"tcp", func(t testing.TB, p Protocol, opts *Options) (Transport, peer) {
		near, far := tcpPair(t)
		must(t, near.SetWriteBuffer(segments))
		must(t, far.SetReadBuffer(segments))
		transport, err := NewTCP(near, p, opts)
		must(t, err)
		t.Cleanup(func() { _ = far.Close() })
		return transport, socketPeer{far, far.CloseWrite}
	}},
	{"unix", func(t testing.TB, p Protocol, opts *Options) (Transport, peer) {
		near, far := unixPair(t)
		must(t, near.SetWriteBuffer(small))
		transport, err := NewUnix(near, p, opts)
		must(t, err)
		t.Cleanup(func() { _ = far.Close() })
		return transport, socketPeer{far, far.CloseWrite}
	}},
	{"memory", func(t testing.TB, p Protocol, opts *Options) (Transport, peer) {
		near, far, err := MemoryPair(small)
		must(t, err)
		transport, err := NewMemory(near, p, opts)
		must(t, err)
		return transport, memoryPeer{far}
	}},
}

// each runs the test over every kind of transport.
func each(t *testing.T, test func(t *testing.T, k kind)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			before := descriptors()
			t.Run("", func(t *testing.T) { test(t, k) })
			if after := descriptors(); after > before {
				t.Errorf("%d descriptors before, %d after", before, after)
			}
		})
	}
}

// descriptors counts the process's open descriptors, where the system tells.
func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// readAll reads what the peer gets, until the end.
func readAll(t testing.TB, p peer) []byte {
	t.Helper()
	data, err := io.ReadAll(p)
	if err != nil && !isReset(err) {
		t.Fatal(err)
	}
	return data
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// fill writes until bytes are queued: then the peer's buffer and ours are full.
func fill(t testing.TB, tr Transport) (written int) {
	t.Helper()
	chunk := make([]byte, 1024)
	for tr.GetWriteBufferSize() == 0 {
		must(t, tr.Write(chunk))
		written += len(chunk)
	}
	return written
}

func readAllQuietly(p peer) error { // the error is the end
	_, err := io.Copy(io.Discard, p)
	return err
}

// untilEither waits for one of the events.
func (r *recorder) untilEither(t *testing.T, events ...string) {
	t.Helper()
	r.until(t, strings.Join(events, " or "), func() bool {
		for _, e := range r.events {
			for _, want := range events {
				if e == want {
					return true
				}
			}
		}
		return false
	})
}
