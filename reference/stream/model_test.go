package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
)

// model is a reader as the documents tell it, in a few lines and without regard to speed.
type model struct {
	limit  int
	buf    []byte
	eof    bool
	failed error
}

// until returns where the first separator starts and ends: the shortest prefix that ends in one, and the shortest of those.
func (m *model) until(separators [][]byte) (start, end int) {
	for end := range len(m.buf) + 1 {
		start := -1
		for _, s := range separators {
			if bytes.HasSuffix(m.buf[:end], s) {
				start = max(start, end-len(s))
			}
		}
		if start >= 0 {
			return start, end
		}
	}
	return 0, 0
}

func (m *model) take(n int) []byte {
	data := m.buf[:n:n]
	m.buf = m.buf[n:]
	return data
}

// do says what a call does now; pending means that it has to wait.
func (m *model) do(c call) (result string, pending bool) {
	switch {
	case c.method == "exactly" && c.n < 0:
		return "invalid", false
	case m.failed != nil:
		return "failed", false
	case c.n == 0 && (c.method == "read" || c.method == "exactly"):
		return "data \"\"", false
	}
	switch c.method {
	case "read":
		if c.n < 0 && m.eof {
			return data(m.take(len(m.buf))), false
		}
		if c.n < 0 || len(m.buf) == 0 && !m.eof {
			return "", true
		}
		return data(m.take(min(c.n, len(m.buf)))), false
	case "exactly":
		if len(m.buf) >= c.n {
			return data(m.take(c.n)), false
		}
		if m.eof {
			return fmt.Sprintf("incomplete %q %d", m.take(len(m.buf)), c.n), false
		}
		return "", true
	}
	longest := 0
	for _, s := range c.separators {
		longest = max(longest, len(s))
	}
	start, end := m.until(c.separators)
	overrun := start
	if end == 0 {
		overrun = len(m.buf) + 1 - longest
	}
	switch {
	case overrun > m.limit && c.method == "line" && end > 0:
		m.take(end)
		return "too long", false
	case overrun > m.limit && c.method == "line":
		m.buf = nil
		return "too long", false
	case overrun > m.limit:
		return fmt.Sprintf("overrun %d %v", overrun, end > 0), false
	case end > 0:
		return data(m.take(end)), false
	case m.eof && c.method == "line":
		return data(m.take(len(m.buf))), false
	case m.eof:
		return fmt.Sprintf("incomplete %q -1", m.take(len(m.buf))), false
	}
	return "", true
}

type call struct {
	method     string
	n          int
	separators [][]byte
}

func data(b []byte) string { return fmt.Sprintf("data %q", b) }

// do makes the call on a reader and tells what came back in the model's words.
func (c call) do(ctx context.Context, r *Reader) string {
	var b []byte
	var err error
	switch c.method {
	case "read":
		b, err = r.Read(ctx, c.n)
	case "exactly":
		b, err = r.ReadExactly(ctx, c.n)
	case "line":
		b, err = r.ReadLine(ctx)
	case "until":
		b, err = r.ReadUntil(ctx, c.separators...)
	case "borrow":
		b, err = r.BorrowUntil(ctx, c.separators...)
	}
	var incomplete *IncompleteReadError
	var overrun *LimitOverrunError
	var tooLong *LineTooLongError
	var argument *ArgumentError
	switch {
	case err == nil:
		return data(b)
	case errors.As(err, &incomplete):
		return fmt.Sprintf("incomplete %q %d", incomplete.Partial, incomplete.Expected)
	case errors.As(err, &overrun):
		return fmt.Sprintf("overrun %d %v", overrun.Consumed, overrun.Found)
	case errors.As(err, &tooLong):
		return "too long"
	case errors.As(err, &argument):
		return "invalid"
	case errors.Is(err, errStored):
		return "failed"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	}
	return err.Error()
}

var errStored = errors.New("stored")

func randomText(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = "aab\n"[rng.IntN(4)]
	}
	return b
}

func randomCall(rng *rand.Rand) call {
	switch rng.IntN(8) {
	case 0:
		return call{method: "read", n: rng.IntN(8) - 1}
	case 1:
		return call{method: "exactly", n: rng.IntN(12) - 1}
	case 2:
		return call{method: "line", separators: [][]byte{[]byte("\n")}}
	}
	c := call{method: []string{"until", "borrow"}[rng.IntN(2)]}
	for range 1 + rng.IntN(3) {
		c.separators = append(c.separators, randomText(rng, 1+rng.IntN(4)))
	}
	return c
}

// TestModel runs random programs on a reader and on the model: what is fed, called, cancelled and stored. A call that has to
// wait waits in a goroutine while the program feeds on.
func TestModel(t *testing.T) {
	programs := 3000
	if testing.Short() {
		programs = 300
	}
	for seed := range programs {
		synctest.Test(t, func(t *testing.T) { runProgram(t, uint64(seed)) })
		if t.Failed() {
			return
		}
	}
}

func runProgram(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	m := &model{limit: 1 + rng.IntN(8)}
	r, err := NewReader(m.limit)
	if err != nil {
		t.Fatal(err)
	}
	var log []string
	var pending call
	var done chan string
	var cancel context.CancelFunc
	check := func(want string) {
		t.Helper()
		select {
		case got := <-done:
			done = nil
			if got != want {
				t.Fatalf("seed %d, limit %d: %q: got %s, want %s", seed, m.limit, log, got, want)
			}
		default:
			t.Fatalf("seed %d, limit %d: %q: waits, want %s", seed, m.limit, log, want)
		}
	}
	settle := func() {
		t.Helper()
		synctest.Wait()
		if done == nil {
			return
		}
		if want, waits := m.do(pending); !waits {
			check(want)
			return
		}
		select {
		case got := <-done:
			t.Fatalf("seed %d, limit %d: %q: got %s, must wait", seed, m.limit, log, got)
		default:
		}
	}
	for range 40 {
		switch k := rng.IntN(20); {
		case k < 9:
			p := randomText(rng, rng.IntN(6))
			log = append(log, "feed "+string(p))
			err := r.FeedData(p)
			if (err != nil) != m.eof {
				t.Fatalf("seed %d: %q: FeedData: %v", seed, log, err)
			}
			if !m.eof {
				m.buf = append(m.buf[:len(m.buf):len(m.buf)], p...)
			}
			clear(p)
		case k < 17 && done == nil:
			pending = randomCall(rng)
			log = append(log, fmt.Sprintf("%s %d %q", pending.method, pending.n, pending.separators))
			var ctx context.Context
			ctx, cancel = context.WithCancel(t.Context())
			done = make(chan string, 1)
			if rng.IntN(3) == 0 {
				cancel()
				log = append(log, "cancelled")
				c := pending
				done <- c.do(ctx, r)
				want, waits := m.do(pending)
				if waits {
					want = "cancelled"
				}
				check(want)
				break
			}
			go func(c call, done chan string) { done <- c.do(ctx, r) }(pending, done)
		case k == 17 && done != nil:
			log = append(log, "cancel")
			cancel()
			synctest.Wait()
			check("cancelled")
		case k == 18 && rng.IntN(3) == 0:
			log = append(log, "exception")
			m.failed = errStored
			r.SetException(errStored)
			settle()
			m.failed = nil
			r.SetException(nil)
		case k == 19 && rng.IntN(4) == 0:
			log = append(log, "eof")
			m.eof = true
			r.FeedEOF()
		}
		settle()
		if done == nil && r.AtEOF() != (m.eof && len(m.buf) == 0) {
			t.Fatalf("seed %d: %q: AtEOF %v", seed, log, r.AtEOF())
		}
	}
	if cancel != nil {
		cancel()
	}
	synctest.Wait()
}

// TestFindAgainstModel compares the search, fed byte by byte, with brute force: all kinds of separators, and text that is
// made to be hard.
func TestFindAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var list [][]byte
		for range 1 + rng.IntN(4) {
			s := bytes.Repeat([]byte("a"), 1+rng.IntN(40))
			s[rng.IntN(len(s))] = "ab"[rng.IntN(2)]
			list = append(list, s)
		}
		text := bytes.Repeat([]byte("a"), 400)
		for range rng.IntN(20) {
			text[rng.IntN(len(text))] = "bc"[rng.IntN(2)]
		}
		for range rng.IntN(300) {
			text[rng.IntN(len(text))] = 'c'
		}
		s, err := NewSeparators(list...)
		if err != nil {
			t.Fatal(err)
		}
		m := model{buf: text}
		wantStart, wantEnd := m.until(list)
		var p progress
		var start, end int
		for n := rng.IntN(3); n <= len(text) && end <= 0; n += 1 + rng.IntN(30) {
			start, end = s.find(text[:n], &p)
			if end > 0 {
				start, end = s.find(text[:min(len(text), n+rng.IntN(2))], &p)
			}
		}
		if end <= 0 {
			start, end = s.find(text, &p)
		}
		if wantEnd == 0 {
			if end > 0 {
				t.Fatalf("%q in %q: found at %d-%d", list, text, start, end)
			}
			continue
		}
		if start != wantStart || end != wantEnd {
			t.Fatalf("%q in %q: got %d-%d, want %d-%d (linked: %v)", list, text, start, end, wantStart, wantEnd, p.linked)
		}
	}
}
