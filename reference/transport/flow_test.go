package transport

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestLimits is the table of transport.write.limits-arithmetic.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		marks     []Watermark
		low, high int
		err       string
	}{
		{nil, 16384, 65536, ""},
		{[]Watermark{High(100)}, 25, 100, ""},
		{[]Watermark{High(3)}, 0, 3, ""},
		{[]Watermark{High(0)}, 0, 0, ""},
		{[]Watermark{Low(100)}, 100, 400, ""},
		{[]Watermark{Low(0)}, 0, 0, ""},
		{[]Watermark{High(100), Low(100)}, 100, 100, ""},
		{[]Watermark{Low(100), High(101)}, 100, 101, ""},
		{[]Watermark{High(100), Low(101)}, 0, 0, "invalid low 101: must not be above high, 100"},
		{[]Watermark{High(0), Low(1)}, 0, 0, "invalid low 1: must not be above high, 0"},
		{[]Watermark{High(-1)}, 0, 0, "invalid high -1: must not be negative"},
		{[]Watermark{Low(-1)}, 0, 0, "invalid low -1: must not be negative"},
		{[]Watermark{High(5), Low(-2)}, 0, 0, "invalid low -2: must not be negative"},
	} {
		near, far, err := MemoryPair(1)
		must(t, err)
		r := newRecorder()
		tr, err := NewMemory(near, r, nil)
		must(t, err)
		must(t, tr.SetWriteBufferLimits(High(8), Low(7)))
		err = tr.SetWriteBufferLimits(c.marks...)
		low, high := tr.GetWriteBufferLimits()
		if c.err != "" {
			var argument *ArgumentError
			if err == nil || err.Error() != c.err || !errors.As(err, &argument) || !errors.Is(err, ErrInvalidArgument) {
				t.Errorf("%v: %v, want %s", c.marks, err, c.err)
			}
			c.low, c.high = 7, 8
		} else if err != nil {
			t.Errorf("%v: %v", c.marks, err)
		}
		if low != c.low || high != c.high {
			t.Errorf("%v: low %d, high %d, want %d, %d", c.marks, low, high, c.low, c.high)
		}
		tr.Close()
		must(t, r.untilLost(t))
		must(t, far.Close())
	}
}

// exact makes a memory transport whose peer's buffer of 10 bytes is full.
func exact(t *testing.T, marks ...Watermark) (Transport, *MemoryConn, *recorder) {
	t.Helper()
	near, far, err := MemoryPair(10)
	must(t, err)
	r := newRecorder()
	tr, err := NewMemory(near, r, r.options())
	must(t, err)
	must(t, tr.SetWriteBufferLimits(marks...))
	must(t, tr.Write(make([]byte, 10)))
	if n := tr.GetWriteBufferSize(); n != 0 {
		t.Fatalf("%d bytes queued although there was room", n)
	}
	t.Cleanup(func() {
		tr.Abort()
		must(t, r.untilLost(t))
		checkLog(t, r)
	})
	return tr, far, r
}

func take(t *testing.T, far *MemoryConn, n int) {
	t.Helper()
	for buf := make([]byte, n); n > 0; {
		m, err := far.Read(buf[:n])
		must(t, err)
		n -= m
	}
}

// untilSize waits until exactly n bytes are queued.
func untilSize(t *testing.T, tr Transport, n int) {
	t.Helper()
	for deadline := time.Now().Add(generous); tr.GetWriteBufferSize() != n; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes queued, want %d", tr.GetWriteBufferSize(), n)
		}
	}
}

func TestPausesStrictlyAboveHighAndResumesAtLow(t *testing.T) {
	for _, how := range []string{"write", "writelines"} {
		for _, marks := range [][2]int{{0, 0}, {0, 1}, {3, 7}, {7, 7}, {16384, 65536}} {
			t.Run(fmt.Sprintf("%s/%d", how, marks), func(t *testing.T) {
				low, high := marks[0], marks[1]
				tr, far, r := exact(t, Low(low), High(high))
				write(t, tr, how, make([]byte, high))
				if tr.GetWriteBufferSize() != high {
					t.Fatalf("%d bytes queued, want %d", tr.GetWriteBufferSize(), high)
				}
				expectLog(t, r, "made")
				write(t, tr, how, []byte{1})
				expectLog(t, r, "made pause") // before write returns
				write(t, tr, how, []byte{1})
				expectLog(t, r, "made pause")
				take(t, far, high+2-low-1)
				untilSize(t, tr, low+1)
				expectLog(t, r, "made pause")
				r.do["resume"] = func(tr BaseTransport) {
					if n := tr.(Transport).GetWriteBufferSize(); n > low {
						t.Errorf("resumed with %d bytes queued", n)
					}
				}
				take(t, far, 1)
				r.untilEvent(t, "resume")
				expectLog(t, r, "made pause resume")
			})
		}
	}
}

func TestOneWritelinesPausesOnce(t *testing.T) {
	tr, _, r := exact(t, High(5))
	must(t, tr.WriteLines([][]byte{{}, make([]byte, 5), {}}))
	expectLog(t, r, "made")
	must(t, tr.WriteLines([][]byte{make([]byte, 50), make([]byte, 50), {}}))
	expectLog(t, r, "made pause")
	if n := tr.GetWriteBufferSize(); n != 105 {
		t.Fatal(n)
	}
}

func TestChangedLimitsAreCheckedAtOnce(t *testing.T) {
	tr, far, r := exact(t)
	must(t, tr.Write(make([]byte, 100)))
	expectLog(t, r, "made")
	must(t, tr.SetWriteBufferLimits(High(100)))
	expectLog(t, r, "made")
	must(t, tr.SetWriteBufferLimits(High(99)))
	expectLog(t, r, "made pause")
	must(t, tr.SetWriteBufferLimits(High(200), Low(99)))
	expectLog(t, r, "made pause")
	must(t, tr.SetWriteBufferLimits(High(200), Low(100)))
	expectLog(t, r, "made pause") // raising does not resume by itself
	must(t, tr.SetWriteBufferLimits(High(400), Low(200)))
	must(t, tr.Write(nil))
	must(t, tr.Write([]byte("more")))
	must(t, tr.WriteLines([][]byte{[]byte("and more")}))
	expectLog(t, r, "made pause") // nor does writing, which takes nothing from the queue
	take(t, far, 1)
	r.untilEvent(t, "resume")
	expectLog(t, r, "made pause resume")
}

// TestAlternation passes the high mark again from inside resume_writing, over every kind of transport.
func TestAlternation(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r := newRecorder()
		tr, peer := k.open(t, r, r.options())
		must(t, tr.SetWriteBufferLimits(High(1000), Low(10)))
		total, left := 0, 20
		var again func(BaseTransport)
		again = func(BaseTransport) {
			if left--; left == 0 {
				tr.Close()
				return
			}
			r.mu.Lock()
			r.do["resume"] = again
			r.mu.Unlock()
			for chunk := make([]byte, 30000); !tr.(*connection).WritingPaused(); total += len(chunk) {
				must(t, tr.Write(chunk))
			}
		}
		again(nil)
		got := len(readAll(t, peer))
		must(t, r.untilLost(t))
		if got != total {
			t.Fatalf("the peer got %d bytes of %d", got, total)
		}
		checkLog(t, r)
		if n := strings.Count(r.log(), "pause resume"); n != 19 {
			t.Fatalf("paused %d times", n)
		}
	})
}

// TestImmediateSend sees that what the socket can take has left when write returns.
func TestImmediateSend(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		r := newRecorder()
		tr, peer := k.open(t, r, r.options())
		for _, how := range []string{"write", "writelines"} {
			write(t, tr, how, []byte("hello"))
			if n := tr.GetWriteBufferSize(); n != 0 {
				t.Fatalf("%s: %d bytes queued", how, n)
			}
			buf := make([]byte, 5)
			if _, err := peer.Read(buf); err != nil || string(buf) != "hello" {
				t.Fatalf("%s: %q, %v", how, buf, err)
			}
		}
		tr.Close()
		must(t, r.untilLost(t))
	})
}

// TestNothingWrittenIsNothingSent holds that writes of nothing do not find out that the peer has gone.
func TestNothingWrittenIsNothingSent(t *testing.T) {
	near, far, err := MemoryPair(10)
	must(t, err)
	r := newRecorder()
	tr, err := NewMemory(near, r, r.options())
	must(t, err)
	must(t, tr.PauseReading())
	must(t, far.Close())
	must(t, tr.Write(nil))
	must(t, tr.WriteLines([][]byte{{}, {}}))
	must(t, tr.WriteLines(nil))
	if tr.IsClosing() {
		t.Error("closing, though nothing was sent")
	}
	tr.Abort()
	must(t, r.untilLost(t))
}
