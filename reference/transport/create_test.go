package transport

import (
	"errors"
	"net"
	"slices"
	"testing"
)

func TestCreate(t *testing.T) {
	near, far, err := MemoryPair(1)
	must(t, err)
	cause, calls := errors.New("on purpose"), 0
	tr, p, err := Create(NewMemory, near, func() (*recorder, error) { calls++; return nil, cause }, nil)
	if tr != nil || p != nil || err != cause || calls != 1 {
		t.Fatalf("%v, %v, %v, %d calls", tr, p, err, calls)
	}
	func() {
		defer func() {
			if got := recover(); got != cause {
				t.Fatal(got)
			}
		}()
		_, _, _ = Create(NewMemory, near, func() (*recorder, error) { panic(cause) }, nil)
	}()
	tr, p, err = Create(NewMemory, near, func() (*recorder, error) { calls++; return newRecorder(), nil }, nil)
	must(t, err)
	if calls != 2 || tr.GetProtocol() != Protocol(p) {
		t.Fatalf("%d calls", calls)
	}
	expectLog(t, p, "made")
	must(t, far.Close())
	tr.Close()
	must(t, p.untilLost(t))
}

func TestNilProtocolIsRefused(t *testing.T) {
	near, _, err := MemoryPair(1)
	must(t, err)
	if _, err := NewMemory(near, nil, nil); !errors.Is(err, ErrInvalidArgument) {
		t.Fatal(err)
	}
	r := newRecorder()
	tr, err := NewMemory(near, r, nil)
	must(t, err)
	func() {
		defer func() {
			if recover() == nil {
				t.Fatal("accepted")
			}
		}()
		tr.SetProtocol(nil)
	}()
	tr.Close()
	must(t, r.untilLost(t))
}

// TestUnnamedUnixAddress: an accepted connection's peer has no name.
func TestUnnamedUnixAddress(t *testing.T) {
	near, far := unixPair(t)
	for _, c := range []struct {
		conn           *net.UnixConn
		unnamed, named string
	}{{near, "sockname", "peername"}, {far, "peername", "sockname"}} {
		r := newRecorder()
		tr, err := NewUnix(c.conn, r, nil)
		must(t, err)
		if addr, ok := tr.GetExtraInfo(c.unnamed); !ok || addr.(*net.UnixAddr).Name != "" {
			t.Errorf("%s is %#v, %t", c.unnamed, addr, ok)
		}
		if addr, ok := tr.GetExtraInfo(c.named); !ok || addr.(*net.UnixAddr).Name == "" {
			t.Errorf("%s is %#v, %t", c.named, addr, ok)
		}
		tr.Close()
		must(t, r.untilLost(t))
	}
}

// TestDiscardedWritesAreWarnedOf, from the fifth on; empty ones do not count.
func TestDiscardedWritesAreWarnedOf(t *testing.T) {
	near, far, err := MemoryPair(1)
	must(t, err)
	r := newRecorder()
	var warned []int
	i := 0
	tr, err := NewMemory(near, r, &Options{Warn: func(string) { warned = append(warned, i) }})
	must(t, err)
	tr.Close()
	for i = 1; i <= 8; i++ {
		must(t, tr.Write(nil))
		if i%2 == 0 {
			must(t, tr.WriteLines([][]byte{nil, []byte("x")}))
		} else {
			must(t, tr.Write([]byte("x")))
		}
	}
	if !slices.Equal(warned, []int{5, 6, 7, 8}) {
		t.Fatal(warned)
	}
	must(t, r.untilLost(t))
	must(t, far.Close())
}
