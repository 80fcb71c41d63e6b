//go:build unix

package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"testing"
)

// reading makes a read pipe, and the end that the test writes to.
func reading(t *testing.T, r *recorder) (ReadTransport, *os.File) {
	t.Helper()
	near, far, err := os.Pipe()
	must(t, err)
	tr, err := NewReadPipe(near, r, r.options())
	must(t, err)
	return tr, far
}

// noneLeft sees that the test leaves no descriptor open.
func noneLeft(t *testing.T, test func(t *testing.T)) {
	before := descriptors()
	t.Run("", test)
	if after := descriptors(); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// TestWritePipeEndings crosses who ends a write pipe with what is queued and how it was written.
func TestWritePipeEndings(t *testing.T) {
	for _, how := range []string{"write", "writelines"} {
		for _, queued := range []bool{false, true} {
			for _, who := range []string{"close", "eof", "abort", "close abort", "peer"} {
				t.Run(fmt.Sprintf("%s/queued=%t/%s", how, queued, who), func(t *testing.T) {
					noneLeft(t, func(t *testing.T) { writePipeEnding(t, how, queued, who) })
				})
			}
		}
	}
}

func writePipeEnding(t *testing.T, how string, queued bool, who string) {
	tr, far, r := writingPipe(t)
	defer far.Close()
	message := []byte("hello")
	if queued {
		message = bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	}
	sent := bytes.Clone(message)
	if how == "write" {
		must(t, tr.Write(sent))
	} else {
		must(t, tr.WriteLines([][]byte{nil, sent[:3], {}, sent[3:], {}}))
	}
	clear(sent) // which concerns nobody
	whole := !queued
	switch who {
	case "close":
		whole = true
		tr.Close()
		tr.Close()
	case "eof":
		whole = true
		must(t, tr.WriteEOF())
		must(t, tr.WriteEOF())
		if !tr.IsClosing() {
			t.Fatal("write_eof does not close")
		}
	case "abort":
		tr.Abort()
		tr.Close()
	case "close abort":
		tr.Close()
		tr.Abort()
	case "peer":
		if runtime.GOOS != "linux" && !queued {
			t.Skip("the system does not tell")
		}
		must(t, far.Close())
		if err := r.untilLost(t); !queued && err != nil || queued && !errors.Is(err, syscall.EPIPE) {
			t.Fatalf("connection_lost(%v)", err)
		}
	}
	if who != "peer" {
		got, err := io.ReadAll(far)
		must(t, err)
		if whole && !bytes.Equal(got, message) || !bytes.HasPrefix(message, got) {
			t.Fatalf("the peer got %d bytes, want %d", len(got), len(message))
		}
		if err := r.untilLost(t); err != nil {
			t.Fatalf("connection_lost(%v)", err)
		}
	}
	checkLog(t, r)
	log := r.log()
	for range 3 {
		must(t, tr.Write([]byte("x")))
	}
	must(t, tr.WriteEOF())
	tr.Close()
	tr.Abort()
	if tr.GetWriteBufferSize() != 0 || !tr.IsClosing() {
		t.Fatalf("closing %t, %d bytes queued", tr.IsClosing(), tr.GetWriteBufferSize())
	}
	expectLog(t, r, log)
}

// TestReadPipeEndings crosses who ends a read pipe with what has come, and with pausing.
func TestReadPipeEndings(t *testing.T) {
	for _, sent := range []string{"", "data"} {
		for _, paused := range []bool{false, true} {
			for _, who := range []string{"close", "peer", "peer then close"} {
				t.Run(fmt.Sprintf("sent=%q/paused=%t/%s", sent, paused, who), func(t *testing.T) {
					noneLeft(t, func(t *testing.T) { readPipeEnding(t, sent, paused, who) })
				})
			}
		}
	}
}

func readPipeEnding(t *testing.T, sent string, paused bool, who string) {
	r := newRecorder()
	if paused {
		r.do["made"] = func(t BaseTransport) { _ = t.(ReadTransport).PauseReading() }
	}
	tr, far := reading(t, r)
	defer far.Close()
	if sent != "" {
		_, err := far.WriteString(sent)
		must(t, err)
	}
	if who != "close" {
		must(t, far.Close())
	}
	if paused {
		expectLog(t, r, "made")
	}
	if who == "peer" {
		must(t, tr.ResumeReading())
	} else {
		tr.Close()
		tr.Close()
	}
	must(t, r.untilLost(t))
	checkLog(t, r)
	want := "made eof lost"
	if sent != "" {
		want = "made data eof lost"
	}
	switch {
	case who == "peer":
		expectLog(t, r, want)
	case paused:
		expectLog(t, r, "made lost")
	}
	if tr.IsReading() || !tr.IsClosing() {
		t.Fatal("not closed")
	}
	for tr.GetProtocol() != nil { // ConnectionLost is returning
	}
}

// TestPipeReentrancy has each callback of a pipe do each action.
func TestPipeReentrancy(t *testing.T) {
	actions := map[string]func(BaseTransport){
		"close":    func(t BaseTransport) { t.Close() },
		"protocol": func(t BaseTransport) { t.SetProtocol(t.GetProtocol()) },
		"panic":    func(BaseTransport) { panic("on purpose") },
		"write": func(t BaseTransport) {
			if t, ok := t.(WriteTransport); ok {
				_ = t.Write([]byte("x"))
				_ = t.WriteEOF()
			}
		},
		"abort": func(t BaseTransport) {
			if t, ok := t.(WriteTransport); ok {
				t.Abort()
			}
		},
		"pause": func(t BaseTransport) {
			if t, ok := t.(ReadTransport); ok {
				_ = t.PauseReading()
				_ = t.ResumeReading()
			}
		},
	}
	for name, action := range actions {
		for _, callback := range []string{"made", "data", "eof", "lost"} {
			t.Run("read/"+callback+"/"+name, func(t *testing.T) {
				r := newRecorder()
				r.do[callback] = action
				_, far := reading(t, r)
				_, _ = far.WriteString("data")
				must(t, far.Close())
				_ = r.untilLost(t)
				checkLog(t, r)
			})
		}
		for _, callback := range []string{"made", "pause", "resume", "lost"} {
			t.Run("write/"+callback+"/"+name, func(t *testing.T) {
				far, near, err := os.Pipe()
				must(t, err)
				r := newRecorder()
				r.do[callback] = action
				tr, err := NewWritePipe(near, r, r.options())
				must(t, err)
				must(t, tr.Write(make([]byte, 1<<20))) // dropped if the action has closed
				tr.Close()
				_, err = io.Copy(io.Discard, far)
				must(t, err)
				_ = r.untilLost(t)
				checkLog(t, r)
				must(t, far.Close())
			})
		}
	}
}
