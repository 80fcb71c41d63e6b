package transport

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// A socket that is bound refuses connections before it listens, and takes them afterwards.
func TestBoundThenListening(t *testing.T) {
	dir, err := os.MkdirTemp("", "bind")
	must(t, err)
	defer os.RemoveAll(dir)
	for _, bind := range []func() (net.Listener, error){
		func() (net.Listener, error) { return BindTCP(netip.MustParseAddrPort("127.0.0.1:0"), true, false) },
		func() (net.Listener, error) { return BindUnix(filepath.Join(dir, "s")) },
	} {
		l, err := bind()
		must(t, err)
		_, err = net.Dial(l.Addr().Network(), l.Addr().String())
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatal(err)
		}
		for backlog := range 2 {
			must(t, Listen(l, backlog))
			client, err := net.Dial(l.Addr().Network(), l.Addr().String())
			must(t, err)
			conn, err := l.Accept()
			must(t, err)
			must(t, conn.Close())
			must(t, client.Close())
		}
		must(t, l.Close())
		if err := Listen(l, 1); !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
	}
}

func TestBindingWhatIsTaken(t *testing.T) {
	first, err := BindTCP(netip.MustParseAddrPort("127.0.0.1:0"), false, false)
	must(t, err)
	defer first.Close()
	taken := first.Addr().(*net.TCPAddr).AddrPort()
	for _, reuse := range []bool{false, true} {
		if _, err := BindTCP(taken, reuse, reuse); !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
	}
	if runtime.GOOS != "linux" {
		return
	}
	for _, reuse := range []struct{ address, port bool }{{true, false}, {false, true}} {
		var all []*net.TCPListener
		where := netip.MustParseAddrPort("127.0.0.1:0")
		for range 2 { // what does not listen may share
			l, err := BindTCP(where, reuse.address, reuse.port)
			must(t, err)
			defer l.Close()
			where = l.Addr().(*net.TCPAddr).AddrPort()
			all = append(all, l)
		}
		must(t, Listen(all[0], 1))
		if err := Listen(all[1], 1); (err == nil) != reuse.port {
			t.Fatal(err)
		}
	}
}

// A socket of IPv6 leaves its port free for IPv4. Another process may have taken that one: not a hundred of them.
func TestBindingIPv6(t *testing.T) {
	var taken error
	for range 100 {
		l, err := BindTCP(netip.MustParseAddrPort("[::]:0"), true, false)
		if errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EADDRNOTAVAIL) {
			t.Skip(err)
		}
		must(t, err)
		defer l.Close()
		same, err := BindTCP(netip.AddrPortFrom(netip.IPv4Unspecified(), l.Addr().(*net.TCPAddr).AddrPort().Port()), false, false)
		if err == nil {
			must(t, same.Close())
			return
		}
		taken = err
	}
	t.Fatal(taken)
}

// Who wants to know that a connection is gone is told when the protocol has been.
func TestLost(t *testing.T) {
	near, far, err := MemoryPair(1)
	must(t, err)
	p, lost := newRecorder(), make(chan BaseTransport, 2)
	var logged string
	opts := &Options{Lost: func(tr BaseTransport) { logged = p.log(); lost <- tr }}
	tr, err := NewMemory(near, p, opts)
	must(t, err)
	tr.Abort()
	tr.Close()
	if got := <-lost; got != BaseTransport(tr) || logged != "made lost" || len(lost) > 0 || tr.GetProtocol() != nil {
		t.Fatalf("%v, %q", got, logged)
	}
	must(t, far.Close())

	near, far, err = MemoryPair(1)
	must(t, err)
	p = newRecorder()
	p.do["lost"] = func(BaseTransport) { runtime.Goexit() }
	opts.Report = func(*CallbackError) {}
	tr, err = NewMemory(near, p, opts)
	must(t, err)
	must(t, far.Close())
	tr.Close()
	if got := <-lost; got != BaseTransport(tr) {
		t.Fatal(got)
	}
}
