package transport

import (
	"io"
	"runtime"
	"slices"
	"testing"
)

// TestGoexit has each callback end its goroutine: the connection goes on, or ends, as after a panic.
func TestGoexit(t *testing.T) {
	big := make([]byte, 1<<20)
	for _, callback := range []string{"made", "data", "eof", "pause", "resume", "lost"} {
		t.Run(callback, func(t *testing.T) {
			each(t, func(t *testing.T, k kind) {
				if callback == "made" && k.name != "memory" {
					t.Skip("there is nobody to close the peer's descriptor")
				}
				r := newRecorder()
				r.do[callback] = func(BaseTransport) { runtime.Goexit() }
				var other peer
				ended := make(chan struct{})
				go func() { // callbacks run in it, too
					defer close(ended)
					var tr Transport
					tr, other = k.open(t, r, r.options())
					_ = tr.Write(big)
				}()
				<-ended
				if callback != "made" {
					go func() {
						_, _ = other.Write([]byte("data"))
						_ = other.CloseWrite()
						_ = readAllQuietly(other)
					}()
					r.untilEither(t, "eof", "lost")
					if callback == "pause" || callback == "resume" {
						r.untilEvent(t, "resume") // flow control goes on
					}
					r.t.Close()
				}
				err := r.untilLost(t)
				r.until(t, "a report", func() bool { return slices.Equal(r.failed, []string{names[callback]}) })
				if failure, ok := err.(*CallbackError); ok != slices.Contains([]string{"made", "data", "eof"}, callback) || ok && failure.Unwrap() != errGoexit {
					t.Fatalf("connection_lost(%v)", err)
				}
				checkLog(t, r)
				for r.t.GetProtocol() != nil { // ConnectionLost is returning
				}
				if other != nil {
					must(t, other.Close())
				}
			})
		})
	}
}

// TestGoexitOfTheOnlyFlusher ends the goroutine that sends what is queued, more than once.
func TestGoexitOfTheOnlyFlusher(t *testing.T) {
	tr, far, r := exact(t, High(10), Low(5))
	var again func(BaseTransport)
	left := 3
	again = func(BaseTransport) {
		if left--; left > 0 {
			r.mu.Lock()
			r.do["resume"] = again
			r.mu.Unlock()
		}
		_ = tr.SetWriteBufferLimits(High(2), Low(1)) // pause again, so that resume comes again
		_ = tr.SetWriteBufferLimits(High(3), Low(2))
		runtime.Goexit()
	}
	r.do["resume"] = again
	must(t, tr.Write(make([]byte, 30)))
	must(t, tr.WriteEOF())
	if got, err := io.ReadAll(far); err != nil || len(got) != 40 {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}
