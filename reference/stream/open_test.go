package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/streamspec/streamspec/reference/transport"
)

// answers is a resolver that knows some hosts.
type answers map[string][]string

func (a answers) Resolve(_ context.Context, q Query) ([]netip.AddrPort, error) {
	var found []netip.AddrPort
	for _, address := range a[q.Host] {
		found = append(found, netip.MustParseAddrPort(address))
	}
	return found, nil
}

// waiting is a resolver that tells what it is asked, and waits until it is cancelled.
type waiting chan Query

func (w waiting) Resolve(ctx context.Context, q Query) ([]netip.AddrPort, error) {
	w <- q
	<-ctx.Done()
	return nil, errors.New("gave up")
}

// dead is an address that refuses connections: of a port that is taken by a socket that does not listen.
func dead(t testing.TB) string {
	t.Helper()
	s, err := StartServer(soon(t), park, "127.0.0.1:0", StartServing(false))
	must(t, err)
	ending(t, s)
	return address(s)
}

func TestOpenRefusals(t *testing.T) {
	a, b := dial(t, "tcp")
	defer a.Close()
	defer b.Close()
	u, v := dial(t, "unix")
	defer u.Close()
	defer v.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	defer udp.Close()
	packets, err := net.ListenPacket("unixgram", filepath.Join(shortDir(t), "d"))
	must(t, err)
	defer packets.Close()
	tcp := func(address string, opts ...OpenOption) error {
		_, _, err := OpenConnection(soon(t), address, opts...)
		return err
	}
	unix := func(path string, opts ...OpenOption) error {
		_, _, err := OpenUnixConnection(soon(t), path, opts...)
		return err
	}
	descriptors := openDescriptors(t)
	for name, err := range map[string]error{
		"limit 0":               tcp("127.0.0.1:1", Limit(0)),
		"limit -1":              tcp("127.0.0.1:1", Limit(-1)),
		"limit 0, a socket":     tcp("", Sock(a), Limit(0)),
		"limit 0, of Unix":      unix("/x", Limit(0)),
		"neither":               tcp(""),
		"neither, of Unix":      unix(""),
		"no socket":             tcp("", Sock(nil)),
		"both":                  tcp("127.0.0.1:1", Sock(a)),
		"both, of Unix":         unix("/x", Sock(u)),
		"no port":               tcp("127.0.0.1"),
		"a wild port":           tcp("127.0.0.1:65536"),
		"no local port":         tcp("127.0.0.1:1", LocalAddr("127.0.0.1")),
		"a negative delay":      tcp("127.0.0.1:1", HappyEyeballsDelay(-1)),
		"a negative interleave": tcp("127.0.0.1:1", Interleave(-1)),
		"datagrams":             tcp("", Sock(udp.(net.Conn))),
		"datagrams of Unix":     unix("", Sock(packets.(net.Conn))),
		"TCP for Unix":          unix("", Sock(a)),
		"another connection":    tcp("", Sock(struct{ net.Conn }{a})),
		"a family, of Unix":     unix("/x", IPv4),
		"a delay, of Unix":      unix("/x", HappyEyeballsDelay(0)),
		"a local address, Unix": unix("/x", LocalAddr("127.0.0.1:0")),
	} {
		expectError(t, name, err, ErrInvalidArgument)
	}
	if now := openDescriptors(t); now > descriptors {
		t.Fatalf("%d descriptors, %d before", now, descriptors)
	}
	_, _, err = OpenConnection(never(), "", Sock(a))
	expectError(t, "a context that is done", err, context.Canceled)
	_, err = a.Write([]byte("still mine"))
	must(t, err)
}

func TestOpenTakesASocket(t *testing.T) {
	for _, kind := range []string{"tcp", "unix"} {
		a, b := dial(t, kind)
		defer b.Close()
		open := OpenConnection // which takes both
		if kind == "unix" {
			open = OpenUnixConnection
		}
		r, w, err := open(soon(t), "", Sock(a), Limit(4))
		must(t, err)
		_, err = b.Write([]byte("12345\n"))
		must(t, err)
		var overrun *LimitOverrunError
		if _, err := r.ReadUntil(soon(t), []byte("\n")); !errors.As(err, &overrun) {
			t.Fatal(err)
		}
		w.Close()
		must(t, w.WaitClosed(soon(t)))
		_, err = a.Write([]byte("x"))
		expectError(t, "writing afterwards", err, net.ErrClosed)
	}
	a, b := dial(t, "unix")
	defer b.Close()
	_, w, err := OpenConnection(soon(t), "", Sock(a))
	must(t, err)
	w.Close()
	must(t, w.WaitClosed(soon(t)))
}

func TestAddressesAreTriedInOrder(t *testing.T) {
	s, err := StartServer(soon(t), echo, "127.0.0.1:0")
	must(t, err)
	ending(t, s)
	other, err := StartServer(soon(t), echo, "127.0.0.1:0")
	must(t, err)
	ending(t, other)
	resolver := answers{"host": {dead(t), address(s), address(other)}, "dead": {dead(t), dead(t)}, "same": {dead(t)}}
	for _, opts := range [][]OpenOption{nil, {HappyEyeballsDelay(generous)}, {Interleave(1)}} {
		opts = append(opts, ResolvedBy(resolver))
		_, w, err := OpenConnection(soon(t), "host:1", opts...)
		must(t, err)
		if peer, _ := w.GetExtraInfo("peername"); peer.(net.Addr).String() != address(s) {
			t.Fatal(peer)
		}
		w.Close()
		must(t, w.WaitClosed(soon(t)))

		_, _, err = OpenConnection(soon(t), "dead:1", opts...)
		expectError(t, "all dead", err, syscall.ECONNREFUSED)
		for _, address := range resolver["dead"] {
			if !strings.Contains(err.Error(), address) {
				t.Fatalf("%v does not tell of %s", err, address)
			}
		}
		_, _, err = OpenConnection(soon(t), "same:1", opts...)
		if single := (*net.OpError)(nil); !errors.As(err, &single) || error(single) != err {
			t.Fatalf("%v is not the error of the address", err)
		}
		_, _, err = OpenConnection(soon(t), "nobody:1", opts...)
		if missing := (*net.DNSError)(nil); !errors.As(err, &missing) {
			t.Fatal(err)
		}
	}
}

func TestResolverIsAsked(t *testing.T) {
	asked := make(chan Query)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		_, _, err := OpenConnection(ctx, "host:80", IPv6, Proto(6), Flags(32), ResolvedBy(waiting(asked)))
		ended <- err
	}()
	if q := <-asked; q != (Query{"host", 80, IPv6, 6, 32}) {
		t.Fatalf("%+v", q)
	}
	cancel()
	expectError(t, "opening", <-ended, context.Canceled)
}

func TestHostsThatAreNoNames(t *testing.T) {
	c := defaults(0)
	for _, test := range []struct {
		address string
		flags   Flags
		family  Family
		want    string
	}{
		{"127.0.0.1:1", 0, Unspecified, "[127.0.0.1:1]"},
		{"[::1]:2", 0, IPv6, "[[::1]:2]"},
		{"[::ffff:127.0.0.1]:2", 0, IPv4, "[127.0.0.1:2]"},
		{"127.0.0.1:", 0, Unspecified, "[127.0.0.1:0]"},
		{":3", Passive, Unspecified, "[0.0.0.0:3 [::]:3]"},
		{":3", Passive, IPv6, "[[::]:3]"},
		{":3", 0, Unspecified, "[[::1]:3 127.0.0.1:3]"},
		{":3", 0, IPv4, "[127.0.0.1:3]"},
	} {
		c.query.Flags, c.query.Family = test.flags, test.family
		got, err := c.resolve(soon(t), "address", test.address)
		must(t, err)
		if fmt.Sprint(got) != test.want {
			t.Errorf("%s: %v; want %s", test.address, got, test.want)
		}
	}
	c.query.Family = IPv6
	_, err := c.resolve(soon(t), "address", "127.0.0.1:1")
	if missing := (*net.DNSError)(nil); !errors.As(err, &missing) {
		t.Fatal(err)
	}
}

func TestSystemResolver(t *testing.T) {
	ask := func(q Query) ([]netip.AddrPort, error) { return systemResolver{}.Resolve(soon(t), q) }
	got, err := ask(Query{Host: "localhost", Port: 7, Family: IPv4})
	must(t, err)
	if len(got) == 0 || slices.ContainsFunc(got, func(a netip.AddrPort) bool { return !a.Addr().Is4() || a.Port() != 7 }) {
		t.Fatal(got)
	}
	for _, q := range []Query{{Host: "localhost", Flags: NumericHost}, {Host: "localhost", Proto: 17}} {
		if got, err := ask(q); err == nil {
			t.Fatalf("%+v: %v", q, got)
		}
	}
}

func TestLocalAddress(t *testing.T) {
	peers := make(chan string, 1)
	s, err := StartServer(soon(t), func(_ *Reader, w *Writer) error {
		peer, _ := w.GetExtraInfo("peername")
		peers <- peer.(net.Addr).String()
		w.Close()
		return nil
	}, "127.0.0.1:0")
	must(t, err)
	ending(t, s)
	resolver := answers{"local": {"[::1]:0", "240.0.0.1:0", "127.0.0.7:0"}, "none": {"[::1]:0"}, "wrong": {"240.0.0.1:0"}}
	for _, local := range []string{"127.0.0.7:0", "local:0"} {
		_, w, err := OpenConnection(soon(t), address(s), LocalAddr(local), ResolvedBy(resolver))
		must(t, err)
		mine, _ := w.GetExtraInfo("sockname")
		if peer := <-peers; !strings.HasPrefix(peer, "127.0.0.7:") || peer != mine.(net.Addr).String() {
			t.Fatal(peer)
		}
		w.Close()
		must(t, w.WaitClosed(soon(t)))
	}
	_, _, err = OpenConnection(soon(t), address(s), LocalAddr("none:0"), ResolvedBy(resolver))
	if err == nil || !strings.Contains(err.Error(), "family") {
		t.Fatal(err)
	}
	_, _, err = OpenConnection(soon(t), address(s), LocalAddr("wrong:0"), ResolvedBy(resolver))
	expectError(t, "an address of others", err, syscall.EADDRNOTAVAIL)
}

func TestInterleaved(t *testing.T) {
	addresses := func(text string) (all []netip.AddrPort) {
		for i, c := range text {
			ip := netip.AddrFrom4([4]byte{byte(i)})
			if c == '6' {
				ip = netip.AddrFrom16([16]byte{byte(i)})
			}
			all = append(all, netip.AddrPortFrom(ip, uint16(i)))
		}
		return all
	}
	for _, c := range []struct {
		families string
		count    int
		want     string
	}{
		{"", 1, ""},
		{"6", 1, "0"},
		{"666444", 0, "012345"},
		{"666444", 1, "031425"},
		{"666444", 2, "013245"},
		{"666444", 3, "012345"},
		{"666444", 9, "012345"},
		{"4646", 1, "0123"},
		{"6444", 1, "0123"},
		{"4446", 1, "0312"},
	} {
		got := ""
		for _, a := range interleaved(addresses(c.families), c.count) {
			got += fmt.Sprint(a.Port())
		}
		if got != c.want {
			t.Errorf("%s with %d: %s; want %s", c.families, c.count, got, c.want)
		}
	}
}

// track is a race under the test's control.
type track struct {
	clock stopped
	tries chan try
	ended chan error
}

// try is an attempt that waits for its outcome.
type try struct {
	to      netip.AddrPort
	outcome chan error // nil: it connects
	left    net.Conn   // the end that stays with the test
}

func raced(t *testing.T, ctx context.Context, addresses int, opts ...OpenOption) *track {
	tr := &track{stopped{make(chan chan time.Time, 1)}, make(chan try), make(chan error, 1)}
	o := newOpening(append(opts, TimedBy(tr.clock)))
	var to []netip.AddrPort
	for i := range addresses {
		to = append(to, netip.AddrPortFrom(netip.IPv6Loopback(), uint16(i)))
	}
	go func() {
		conn, err := o.race(ctx, to, func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			a, b := net.Pipe()
			this := try{to, make(chan error, 1), b}
			tr.tries <- this
			select {
			case err := <-this.outcome:
				if err != nil {
					return nil, err
				}
				return a, nil
			case <-ctx.Done():
				select { // it may have connected all the same
				case err := <-this.outcome:
					if err == nil {
						return a, nil
					}
				default:
				}
				return nil, ctx.Err()
			}
		})
		if conn != nil {
			_, _ = conn.Write([]byte("won"))
		}
		tr.ended <- err
	}()
	return tr
}

func (tr *track) next(t *testing.T, index int) try {
	t.Helper()
	select {
	case this := <-tr.tries:
		if int(this.to.Port()) != index {
			t.Fatalf("tried %v instead of %d", this.to, index)
		}
		return this
	case err := <-tr.ended:
		t.Fatalf("ended, with %v", err)
	case <-time.After(generous):
		t.Fatal("nothing was tried")
	}
	panic("not reached")
}

// idle sees that nothing more is tried now.
func (tr *track) idle(t *testing.T) {
	t.Helper()
	select {
	case this := <-tr.tries:
		t.Fatalf("tried %v", this.to)
	case err := <-tr.ended:
		t.Fatalf("ended, with %v", err)
	default:
	}
}

func TestHappyEyeballs(t *testing.T) {
	const delay = HappyEyeballsDelay(250 * time.Millisecond)
	no := errors.New("no")

	t.Run("the next is tried when the delay has passed", func(t *testing.T) {
		tr := raced(t, soon(t), 3, delay)
		first, timer := tr.next(t, 0), <-tr.clock.timers
		tr.idle(t)
		timer <- time.Time{}
		second, timer := tr.next(t, 1), <-tr.clock.timers
		timer <- time.Time{}
		third := tr.next(t, 2)
		first.outcome <- no // it is not the last, so nobody waits for it
		third.outcome <- no
		second.outcome <- nil
		expectWon(t, second)
		must(t, <-tr.ended)
		if len(tr.clock.timers) > 0 {
			t.Fatal("a timer for nobody")
		}
	})
	t.Run("the next is tried when the one before has failed", func(t *testing.T) {
		tr := raced(t, soon(t), 2, delay)
		tr.next(t, 0).outcome <- no
		<-tr.clock.timers
		second := tr.next(t, 1)
		second.outcome <- nil
		expectWon(t, second)
		must(t, <-tr.ended)
	})
	t.Run("one that is not the last fails alone", func(t *testing.T) {
		tr := raced(t, soon(t), 3, delay)
		first, timer := tr.next(t, 0), <-tr.clock.timers
		timer <- time.Time{}
		second, timer := tr.next(t, 1), <-tr.clock.timers
		first.outcome <- no
		tr.idle(t)
		timer <- time.Time{}
		tr.next(t, 2).outcome <- no
		second.outcome <- no
		expectError(t, "all", <-tr.ended, no)
	})
	t.Run("the first wins, and a late one is closed", func(t *testing.T) {
		tr := raced(t, soon(t), 2, delay)
		first, timer := tr.next(t, 0), <-tr.clock.timers
		timer <- time.Time{}
		second := tr.next(t, 1)
		first.outcome <- nil
		second.outcome <- nil
		expectOneWon(t, first, second)
		must(t, <-tr.ended)
	})
	t.Run("without a delay there is no timer", func(t *testing.T) {
		tr := raced(t, soon(t), 2)
		first := tr.next(t, 0)
		tr.idle(t)
		first.outcome <- no
		second := tr.next(t, 1)
		second.outcome <- nil
		expectWon(t, second)
		must(t, <-tr.ended)
		if len(tr.clock.timers) > 0 {
			t.Fatal("a timer")
		}
	})
	t.Run("cancelling ends all", func(t *testing.T) {
		ctx, cancel := context.WithCancel(soon(t))
		tr := raced(t, ctx, 3, delay)
		tr.next(t, 0)
		timer := <-tr.clock.timers
		timer <- time.Time{}
		tr.next(t, 1)
		<-tr.clock.timers
		cancel()
		expectError(t, "all", <-tr.ended, context.Canceled)
	})
	t.Run("a delay of zero", func(t *testing.T) {
		o := newOpening([]OpenOption{HappyEyeballsDelay(0)})
		both := make(chan struct{}, 2)
		_, err := o.race(soon(t), make([]netip.AddrPort, 2), func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
			both <- struct{}{}
			for len(both) < 2 && ctx.Err() == nil { // neither ends before the other has begun
				time.Sleep(time.Millisecond)
			}
			return nil, no
		})
		if err != no || len(both) != 2 {
			t.Fatalf("%v, %d tried", err, len(both))
		}
	})
}

// expectWon reads what the winner is sent.
func expectWon(t *testing.T, this try) {
	t.Helper()
	must(t, this.left.SetDeadline(time.Now().Add(generous)))
	got := make([]byte, 3)
	_, err := this.left.Read(got)
	must(t, err)
	if string(got) != "won" {
		t.Fatalf("%q", got)
	}
}

// expectOneWon sees that exactly one of several has won, and that the others are closed.
func expectOneWon(t *testing.T, all ...try) {
	t.Helper()
	outcomes := make(chan string, len(all))
	for _, this := range all {
		go func() {
			_ = this.left.SetDeadline(time.Now().Add(generous))
			got := make([]byte, 3)
			n, err := this.left.Read(got)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				outcomes <- "left open"
			}
			outcomes <- string(got[:n])
		}()
	}
	var got string
	for range all {
		got += <-outcomes
	}
	if got != "won" {
		t.Fatalf("%q", got)
	}
}

func TestJoinedErrors(t *testing.T) {
	a, b := errors.New("a"), &os.PathError{Op: "b", Path: "b", Err: syscall.ENOENT}
	if got := joined([]error{a, nil}); got != a {
		t.Fatal(got)
	}
	if got := joined([]error{a, errors.New("a")}); got != a {
		t.Fatal(got)
	}
	got := joined([]error{a, b})
	if !errors.Is(got, a) || !errors.Is(got, syscall.ENOENT) || !strings.Contains(got.Error(), "a, b") {
		t.Fatal(got)
	}
}

// A full queue of a Unix server has who connects wait.
func TestUnixConnectWaitsForRoom(t *testing.T) {
	path := filepath.Join(shortDir(t), "s")
	s, err := StartUnixServer(soon(t), echo, path, StartServing(false))
	must(t, err)
	ending(t, s)
	must(t, transport.Listen(s.sockets[0], 0))
	_, first, err := OpenUnixConnection(soon(t), path)
	must(t, err)
	clock := stopped{make(chan chan time.Time, 1)}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(soon(t))
	go func() {
		_, w, err := OpenUnixConnection(ctx, path, TimedBy(clock))
		if err == nil {
			w.Close()
		}
		ended <- err
	}()
	(<-clock.timers) <- time.Time{}
	timer := <-clock.timers
	must(t, s.StartServing(soon(t)))
	timer <- time.Time{}
	for err := error(nil); ; {
		select {
		case err = <-ended:
		case timer := <-clock.timers: // not accepted yet
			timer <- time.Time{}
			continue
		}
		must(t, err)
		break
	}
	first.Close()
	must(t, first.WaitClosed(soon(t)))

	s.Close()
	cancel()
	_, _, err = OpenUnixConnection(ctx, path)
	expectError(t, "cancelled", err, context.Canceled)
}
