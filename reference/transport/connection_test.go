package transport

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

func write(t testing.TB, tr Transport, how string, p []byte) {
	t.Helper()
	switch how {
	case "write":
		must(t, tr.Write(p))
	default:
		half := len(p) / 2
		must(t, tr.WriteLines([][]byte{nil, p[:half], {}, p[half:], {}}))
	}
}

// TestEndings crosses who ends the connection with what is queued and how it was written.
func TestEndings(t *testing.T) {
	for _, how := range []string{"write", "writelines"} {
		for _, queued := range []bool{false, true} {
			for _, who := range []string{"close", "abort", "close abort", "eof", "peer eof", "peer eof kept", "peer reset"} {
				t.Run(fmt.Sprintf("%s/queued=%t/%s", how, queued, who), func(t *testing.T) {
					each(t, func(t *testing.T, k kind) { ending(t, k, how, queued, who) })
				})
			}
		}
	}
}

func ending(t *testing.T, k kind, how string, queued bool, who string) {
	r := newRecorder()
	r.keepOpen = who != "peer eof"
	tr, peer := k.open(t, r, r.options())
	message := []byte("hello")
	if queued {
		message = bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	}
	write(t, tr, how, message)
	whole, reset := true, false
	switch who {
	case "close":
		tr.Close()
		tr.Close()
	case "abort":
		whole = !queued
		tr.Abort()
		tr.Close()
	case "close abort":
		whole = !queued
		tr.Close()
		tr.Abort()
	case "eof":
		must(t, tr.WriteEOF())
		must(t, tr.WriteEOF())
		if tr.Write(nil) != ErrWriteAfterEOF || tr.WriteLines(nil) != ErrWriteAfterEOF {
			t.Fatal("write after write_eof accepted")
		}
		if tr.IsClosing() {
			t.Fatal("write_eof closes")
		}
	case "peer eof", "peer eof kept":
		must(t, peer.CloseWrite())
		r.untilEvent(t, "eof")
		if who == "peer eof kept" {
			if tr.IsClosing() {
				t.Fatal("closing although eof_received returned true")
			}
			write(t, tr, how, []byte("more"))
			message = append(message, "more"...)
			tr.Close()
		}
	case "peer reset":
		reset = true
		peer.Reset()
	}
	if reset {
		err := r.untilLost(t)
		if queued || k.name != "unix" {
			if !isReset(err) {
				t.Fatalf("connection_lost(%v), want a reset", err)
			}
		}
	} else {
		got := readAll(t, peer)
		if whole && !bytes.Equal(got, message) || !bytes.HasPrefix(message, got) {
			t.Fatalf("the peer got %d bytes, want %d", len(got), len(message))
		}
		if who == "eof" {
			if _, err := peer.Write([]byte("reply")); err != nil {
				t.Fatal(err)
			}
			r.untilData(t, "reply")
			must(t, peer.Close())
			r.untilEvent(t, "eof")
			tr.Close()
		}
		if err := r.untilLost(t); err != nil {
			t.Fatalf("connection_lost(%v)", err)
		}
	}
	afterwards(t, tr, r)
}

// afterwards checks what holds of every connection that has ended.
func afterwards(t *testing.T, tr Transport, r *recorder) {
	t.Helper()
	if !tr.IsClosing() || tr.IsReading() || tr.GetWriteBufferSize() != 0 {
		t.Fatalf("closing %t, reading %t, %d bytes queued", tr.IsClosing(), tr.IsReading(), tr.GetWriteBufferSize())
	}
	log := r.log()
	for _, p := range [][]byte{nil, []byte("x")} {
		if err := tr.Write(p); err != nil && err != ErrWriteAfterEOF {
			t.Fatal(err)
		}
		if err := tr.WriteLines([][]byte{p, p}); err != nil && err != ErrWriteAfterEOF {
			t.Fatal(err)
		}
	}
	must(t, tr.WriteEOF())
	must(t, tr.PauseReading())
	must(t, tr.ResumeReading())
	must(t, tr.SetWriteBufferLimits(High(0)))
	tr.Close()
	tr.Abort()
	expectLog(t, r, log)
	checkLog(t, r)
}

// checkLog checks the order of the callbacks.
func checkLog(t *testing.T, r *recorder) {
	t.Helper()
	events := strings.Fields(r.log())
	paused, ended := false, false
	for i, e := range events {
		bad := false
		switch e {
		case "made":
			bad = i != 0
		case "data":
			bad = ended
		case "eof":
			bad = ended
			ended = true
		case "pause":
			bad = paused
			paused = true
		case "resume":
			bad = !paused
			paused = false
		case "lost":
			bad = i != len(events)-1
		default:
			bad = true
		}
		if bad {
			t.Fatalf("event %d is out of order: %s", i, events)
		}
	}
	if events[len(events)-1] != "lost" {
		t.Fatalf("connection_lost is not the last: %s", events)
	}
}

// TestIntegrity sends 10 MB of mixed sizes through small buffers, in both directions at once.
func TestIntegrity(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r := newRecorder()
		tr, peer := k.open(t, r, r.options())
		rng := rand.New(rand.NewPCG(1, 2))
		want := make([]byte, 10<<20)
		for i := range want {
			want[i] = byte(rng.Uint32())
		}
		go func() {
			for rest := want; len(rest) > 0; {
				n := min(len(rest), 1+rng.IntN(1+rng.IntN(100<<10)))
				if rng.IntN(2) == 0 {
					_ = tr.Write(rest[:n])
				} else {
					m := rng.IntN(n + 1)
					_ = tr.WriteLines([][]byte{rest[:m], nil, rest[m:n]})
				}
				rest = rest[n:]
			}
			tr.Close()
		}()
		if got := readAll(t, peer); !bytes.Equal(got, want) {
			t.Fatalf("the peer got %d bytes, not what was sent", len(got))
		}
		must(t, r.untilLost(t))
		checkLog(t, r)
	})
}

func TestReceivedInOrder(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r := newRecorder()
		r.keepOpen = false
		_, peer := k.open(t, r, r.options())
		want := make([]byte, 3<<20)
		for i := range want {
			want[i] = byte(i * i >> 8)
		}
		for rest := want; len(rest) > 0; {
			n, err := peer.Write(rest[:min(len(rest), 40000)])
			must(t, err)
			rest = rest[n:]
		}
		must(t, peer.CloseWrite())
		must(t, r.untilLost(t))
		if !bytes.Equal(r.data, want) {
			t.Fatal("received something else")
		}
		expectLog(t, r, "made data eof lost")
	})
}

func TestWriteKeepsNothingOfItsArgument(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r := newRecorder()
		tr, peer := k.open(t, r, r.options())
		a := bytes.Repeat([]byte{'A'}, 1<<20)
		must(t, tr.Write(a))
		must(t, tr.WriteLines([][]byte{a[:10], a[10:]}))
		clear(a)
		tr.Close()
		if got := readAll(t, peer); !bytes.Equal(got, bytes.Repeat([]byte{'A'}, 2<<20)) {
			t.Fatal("the peer got something else")
		}
		must(t, r.untilLost(t))
	})
}

// TestReentrancy has each callback do each action.
func TestReentrancy(t *testing.T) {
	big := make([]byte, 1<<20)
	actions := map[string]func(BaseTransport){
		"close":      func(t BaseTransport) { t.Close() },
		"abort":      func(t BaseTransport) { t.(Transport).Abort() },
		"write":      func(t BaseTransport) { _ = t.(Transport).Write([]byte("x")) },
		"write much": func(t BaseTransport) { _ = t.(Transport).Write(big) },
		"writelines": func(t BaseTransport) { _ = t.(Transport).WriteLines([][]byte{big, nil, []byte("x"), {}}) },
		"write eof":  func(t BaseTransport) { _ = t.(Transport).WriteEOF() },
		"pause":      func(t BaseTransport) { _ = t.(Transport).PauseReading(); _ = t.(Transport).ResumeReading() },
		"limits":     func(t BaseTransport) { _ = t.(Transport).SetWriteBufferLimits(High(0)) },
		"protocol":   func(t BaseTransport) { t.SetProtocol(t.GetProtocol()) },
		"panic":      func(BaseTransport) { panic("on purpose") },
	}
	fatal := map[string]bool{"made": true, "data": true, "eof": true}
	for _, callback := range []string{"made", "data", "eof", "pause", "resume", "lost"} {
		for name, action := range actions {
			t.Run(callback+"/"+name, func(t *testing.T) {
				each(t, func(t *testing.T, k kind) {
					r := newRecorder()
					did := make(chan struct{})
					r.do[callback] = func(t BaseTransport) {
						defer close(did)
						action(t)
						if r.log()[max(0, len(r.log())-4):] == "lost" && callback != "lost" {
							panic("connection_lost inside another callback")
						}
					}
					tr, peer := k.open(t, r, r.options())
					_ = tr.Write(big) // pauses, since the peer takes nothing yet
					go func() {
						_, _ = peer.Write([]byte("data"))
						_ = peer.CloseWrite()
						_ = readAllQuietly(peer)
					}()
					if callback != "lost" {
						r.untilEither(t, callback, "lost")
					}
					r.untilEither(t, "eof", "lost")
					tr.Close()
					err := r.untilLost(t)
					if name == "panic" {
						r.until(t, "a report", func() bool { return r.failed != nil })
						if fmt.Sprint(r.failed) != "["+names[callback]+"]" {
							t.Fatalf("reported: %v", r.failed)
						}
						if _, ok := err.(*CallbackError); ok != fatal[callback] {
							t.Fatalf("connection_lost(%v)", err)
						}
					} else if err != nil || r.failed != nil {
						t.Fatalf("connection_lost(%v), reported: %v", err, r.failed)
					}
					if strings.Contains(r.log(), callback) {
						<-did
					} else if name != "panic" {
						t.Fatalf("no %s: %s", callback, r.log())
					}
					checkLog(t, r)
					must(t, peer.Close())
				})
			})
		}
	}
}

var names = map[string]string{
	"made": "ConnectionMade", "data": "DataReceived", "eof": "EOFReceived",
	"pause": "PauseWriting", "resume": "ResumeWriting", "lost": "ConnectionLost",
}

func TestPausedReadingIsSilent(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r := newRecorder()
		r.keepOpen = false
		r.do["made"] = func(t BaseTransport) { _ = t.(Transport).PauseReading() }
		tr, peer := k.open(t, r, r.options())
		must(t, tr.PauseReading())
		if _, err := peer.Write([]byte("early")); err != nil {
			t.Fatal(err)
		}
		must(t, peer.CloseWrite())
		if tr.IsReading() {
			t.Fatal("reading")
		}
		fill(t, tr) // whatever else it does while paused
		expectLog(t, r, "made")
		must(t, tr.ResumeReading())
		must(t, tr.ResumeReading())
		go func() { _ = readAllQuietly(peer) }()
		must(t, r.untilLost(t))
		expectLog(t, r, "made data eof lost")
	})
}

func TestPauseInDataReceived(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r := newRecorder()
		r.do["data"] = func(t BaseTransport) { _ = t.(Transport).PauseReading() }
		tr, peer := k.open(t, r, r.options())
		_, err := peer.Write([]byte("one"))
		must(t, err)
		r.until(t, "one, and the pause", func() bool { return string(r.data) == "one" && r.running == 0 })
		_, err = peer.Write([]byte("two"))
		must(t, err)
		must(t, tr.Write([]byte("ping"))) // a round trip, so that it would have come
		buf := make([]byte, 4)
		_, err = peer.Read(buf)
		must(t, err)
		r.untilData(t, "one")
		must(t, tr.ResumeReading())
		r.untilData(t, "onetwo")
		tr.Abort()
		must(t, r.untilLost(t))
	})
}

func TestNothingIsReceivedAfterClose(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r := newRecorder()
		tr, peer := k.open(t, r, r.options())
		n := fill(t, tr)
		tr.Close()
		_, err := peer.Write([]byte("late"))
		must(t, err)
		if got := len(readAll(t, peer)); got != n && k.name == "memory" {
			t.Fatalf("the peer got %d bytes of %d", got, n)
		}
		_ = r.untilLost(t)
		if strings.Contains(r.log(), "data") {
			t.Fatal(r.log())
		}
	})
}

// TestCloseWithUnreadBytes sees that bytes that nobody wants any more do not cost the peer the end of what was sent.
func TestCloseWithUnreadBytes(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r := newRecorder()
		r.do["made"] = func(t BaseTransport) { _ = t.(Transport).PauseReading() }
		tr, peer := k.open(t, r, r.options())
		message := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
		must(t, tr.Write(message))
		_, err := peer.Write([]byte("unwanted"))
		must(t, err)
		tr.Close()
		got, err := io.ReadAll(peer)
		if err != nil || !bytes.Equal(got, message) {
			t.Fatalf("the peer got %d bytes of %d, %v", len(got), len(message), err)
		}
		must(t, r.untilLost(t))
	})
}

func TestSetProtocol(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		a, b := newRecorder(), newRecorder()
		tr, peer := k.open(t, a, a.options())
		_, err := peer.Write([]byte("a"))
		must(t, err)
		a.untilData(t, "a")
		if tr.GetProtocol() != Protocol(a) {
			t.Fatal("another protocol")
		}
		tr.SetProtocol(b)
		_, err = peer.Write([]byte("b"))
		must(t, err)
		b.untilData(t, "b")
		tr.Close()
		must(t, b.untilLost(t))
		expectLog(t, a, "made data")
		expectLog(t, b, "data lost")
		tr.SetProtocol(a)
		for tr.GetProtocol() != nil { // ConnectionLost is returning
		}
	})
}

func TestExtraInfo(t *testing.T) {
	near, far := tcpPair(t)
	r := newRecorder()
	tr, err := NewTCP(near, r, nil)
	must(t, err)
	for range 2 {
		for name, want := range map[string]any{"socket": near, "sockname": far.RemoteAddr().String(), "peername": far.LocalAddr().String()} {
			got, ok := tr.GetExtraInfo(name)
			if s, is := got.(fmt.Stringer); is && name != "socket" {
				got = s.String()
			}
			if !ok || got != want {
				t.Fatalf("%s is %v, want %v", name, got, want)
			}
		}
		if v, ok := tr.GetExtraInfo("nope"); ok || v != nil {
			t.Fatal(v)
		}
		tr.Close()
		must(t, r.untilLost(t))
	}
	must(t, far.Close())
}
