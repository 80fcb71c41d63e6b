//go:build unix

package transport

import (
	"sync"
	"syscall"
	"testing"
)

// TestAClosedConnectionTouchesNoOther closes connections that are sending and receiving, while new descriptors take the numbers
// that become free: what is in these must stay there, and nothing be added.
func TestAClosedConnectionTouchesNoOther(t *testing.T) {
	const rounds, others = 30, 20
	each(t, func(t *testing.T, k kind) {
		for round := range rounds {
			r := newRecorder()
			opts := r.options()
			opts.Warn = func(string) {}
			tr, peer := k.open(t, r, opts)
			var busy sync.WaitGroup
			stop := make(chan struct{})
			forever := func(f func()) {
				busy.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
							f()
						}
					}
				})
			}
			forever(func() { _ = tr.Write([]byte("intruder")) })
			forever(func() { _ = tr.WriteLines([][]byte{[]byte("intru"), []byte("der")}) })
			forever(func() { _ = tr.PauseReading(); _ = tr.ResumeReading() })
			busy.Go(func() { _ = readAllQuietly(peer) })
			if round%2 == 0 {
				tr.Close()
			} else {
				tr.Abort()
			}
			var made [][2]int
			for range others {
				made = append(made, filled(t))
			}
			_ = r.untilLost(t)
			for range others {
				made = append(made, filled(t))
			}
			close(stop)
			busy.Wait()
			for _, ends := range made {
				for _, fd := range ends {
					if got := contents(fd); got != "mine" {
						t.Errorf("another socket holds %q", got)
					}
				}
			}
			for _, ends := range made {
				_, _ = syscall.Close(ends[0]), syscall.Close(ends[1])
			}
			_ = peer.Close()
		}
	})
}

// filled makes two connected sockets with something to receive in each.
func filled(t *testing.T) [2]int {
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	must(t, err)
	for _, fd := range ends {
		must(t, syscall.SetNonblock(fd, true))
		_, err := syscall.Write(fd, []byte("mine"))
		must(t, err)
	}
	return ends
}

// contents receives what there is.
func contents(fd int) string {
	buf := make([]byte, 64)
	n, err := syscall.Read(fd, buf)
	if err != nil {
		return err.Error()
	}
	return string(buf[:n])
}
