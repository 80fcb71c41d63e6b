package stream

import (
	"net"
	"time"

	"github.com/streamspec/streamspec/reference/transport"
)

// An OpenOption is an argument of [OpenConnection] and [OpenUnixConnection] that need not be given.
//
// Rule: open_connection.passes-arguments-on.
type OpenOption interface{ open(*opening) }

// A ServeOption is an argument of [StartServer] and [StartUnixServer] that need not be given.
//
// Rule: start_server.passes-arguments-on.
type ServeOption interface{ serve(*serving) }

// An Option is one of both.
type Option interface {
	OpenOption
	ServeOption
}

// common are the arguments that opening and serving share.
type common struct {
	limit    int
	query    Query // but for its host and port
	resolver Resolver
	clock    Clock
	options  *transport.Options
	onlyTCP  string // what was given that Unix sockets do not have; empty if nothing
}

func defaults(flags Flags) common {
	return common{limit: DefaultLimit, query: Query{Flags: flags}, resolver: systemResolver{}, clock: systemClock{}}
}

// Limit is the limit of the readers, in bytes, as of [NewReader]: one that is not positive is an [*ArgumentError], also
// when it is a server that is started. Not given, it is [DefaultLimit].
//
// Rules: open_connection.limit, start_server.limit, parameters.limit-not-positive.
type Limit int

func (n Limit) open(o *opening)  { o.limit = int(n) }
func (n Limit) serve(o *serving) { o.limit = int(n) }

// TransportOptions gives options to the transports. What fails in a server is reported there too. Not given, or nil, they
// are the defaults.
func TransportOptions(opts *transport.Options) Option { return transportOptions{opts} }

type transportOptions struct{ *transport.Options }

func (t transportOptions) open(o *opening)  { o.options = t.Options }
func (t transportOptions) serve(o *serving) { o.options = t.Options }

// A Clock is what time is taken from. Its methods may be called from any goroutine.
type Clock interface {
	// NewTimer returns a channel that gets a value when d has passed, at once when d is not positive, and a function that
	// says that nobody waits for that any more.
	NewTimer(d time.Duration) (expired <-chan time.Time, stop func() bool)
}

type systemClock struct{}

func (systemClock) NewTimer(d time.Duration) (<-chan time.Time, func() bool) {
	t := time.NewTimer(d)
	return t.C, t.Stop
}

// TimedBy has delays measured by a clock of one's own. Not given, it is time's.
func TimedBy(c Clock) Option { return timedBy{c} }

type timedBy struct{ Clock }

func (t timedBy) open(o *opening)  { o.clock = t.Clock }
func (t timedBy) serve(o *serving) { o.clock = t.Clock }

// connect makes the reader and the writer over a connection that is there.
func (c *common) connect(conn net.Conn, connected func(*Reader, *Writer) error) (*Reader, *Writer, error) {
	if conn, ok := conn.(*net.TCPConn); ok {
		return adopt(transport.NewTCP, conn, c.limit, connected, c.options)
	}
	return adopt(transport.NewUnix, conn.(*net.UnixConn), c.limit, connected, c.options)
}

func (c *common) checkLimit() error {
	_, err := NewReader(c.limit)
	return err
}

// needOne refuses neither or both of two ways to say where.
//
// Rules: parameters.socket-or-address, open_connection.address-or-socket, start_server.argument-checks.
func needOne(name string, where any, given, sock bool) error {
	switch {
	case given && sock:
		return &ArgumentError{Name: name, Value: where, Reason: "must not be given together with a socket"}
	case !given && !sock:
		return &ArgumentError{Name: name, Value: where, Reason: "must be given, or a socket"}
	}
	return nil
}

func (c *common) refuseTCP() error {
	if c.onlyTCP != "" {
		return &ArgumentError{Name: c.onlyTCP, Value: "", Reason: "is of TCP only"}
	}
	return nil
}

// isStream reports whether the address is that of a stream socket of one of the networks.
func isStream(a net.Addr, networks ...string) bool {
	for _, network := range networks {
		if a.Network() == network {
			return true
		}
	}
	return false
}
