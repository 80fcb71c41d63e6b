//go:build unix

package transport

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime"
	"syscall"
	"testing"
)

func TestReadPipe(t *testing.T) {
	before := descriptors()
	near, far, err := os.Pipe()
	must(t, err)
	r := newRecorder() // keeps open, but that is of no importance
	r.do["made"] = func(t BaseTransport) { _ = t.(ReadTransport).PauseReading() }
	tr, err := NewReadPipe(near, r, r.options())
	must(t, err)
	if _, ok := tr.(WriteTransport); ok {
		t.Fatal("a reading end that writes")
	}
	if file, ok := tr.GetExtraInfo("pipe"); !ok || file != near {
		t.Fatal(file)
	}
	_, err = far.WriteString("data")
	must(t, err)
	must(t, far.Close())
	expectLog(t, r, "made")
	must(t, tr.ResumeReading())
	must(t, r.untilLost(t))
	expectLog(t, r, "made data eof lost")
	must(t, tr.PauseReading())
	must(t, tr.ResumeReading())
	if after := descriptors(); after > before {
		t.Fatalf("%d descriptors before, %d after", before, after)
	}
}

func writingPipe(t *testing.T) (tr WriteTransport, far *os.File, r *recorder) {
	t.Helper()
	far, near, err := os.Pipe()
	must(t, err)
	r = newRecorder()
	tr, err = NewWritePipe(near, r, r.options())
	must(t, err)
	if _, ok := tr.(ReadTransport); ok {
		t.Fatal("a writing end that reads")
	}
	return tr, far, r
}

func TestWritePipe(t *testing.T) {
	before := descriptors()
	for name, end := range map[string]func(WriteTransport){
		"close":     func(tr WriteTransport) { tr.Close() },
		"write_eof": func(tr WriteTransport) { must(t, tr.WriteEOF()) },
	} {
		t.Run(name, func(t *testing.T) {
			tr, far, r := writingPipe(t)
			want := bytes.Repeat([]byte("0123456789"), 30000)
			must(t, tr.Write(want[:100]))
			if tr.GetWriteBufferSize() != 0 || !tr.CanWriteEOF() {
				t.Fatal("no immediate send, or no write_eof")
			}
			must(t, tr.Write(want[100:]))
			if tr.GetWriteBufferSize() == 0 {
				t.Fatal("nothing queued")
			}
			end(tr)
			got, err := io.ReadAll(far)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			must(t, r.untilLost(t))
			expectLog(t, r, "made pause resume lost")
			must(t, far.Close())
		})
	}
	if after := descriptors(); after > before {
		t.Fatalf("%d descriptors before, %d after", before, after)
	}
}

func TestWritePipeWhosePeerCloses(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the system does not tell")
	}
	t.Run("idle", func(t *testing.T) {
		_, far, r := writingPipe(t)
		must(t, far.Close())
		must(t, r.untilLost(t))
	})
	t.Run("queued", func(t *testing.T) {
		tr, far, r := writingPipe(t)
		must(t, tr.Write(make([]byte, 1<<20)))
		must(t, far.Close())
		if err := r.untilLost(t); !errors.Is(err, syscall.EPIPE) {
			t.Fatal(err)
		}
	})
}

// TestWritePipeThatIsASocket has bytes come that nobody wants: they do not mean that the peer has closed.
func TestWritePipeThatIsASocket(t *testing.T) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	must(t, err)
	near, far := os.NewFile(uintptr(fds[0]), "near"), os.NewFile(uintptr(fds[1]), "far") // blocking ones
	r := newRecorder()
	tr, err := NewWritePipe(near, r, r.options())
	must(t, err)
	_, err = far.WriteString("unwanted")
	must(t, err)
	must(t, tr.Write([]byte("hello")))
	buf := make([]byte, 5)
	if _, err := io.ReadFull(far, buf); err != nil || string(buf) != "hello" {
		t.Fatal(err)
	}
	expectLog(t, r, "made")
	must(t, far.Close())
	_ = r.untilLost(t)
}

func TestPipesRefuseOtherFiles(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	must(t, err)
	defer file.Close()
	var argument *ArgumentError
	if _, err := NewReadPipe(file, newRecorder(), nil); !errors.As(err, &argument) {
		t.Fatal(err)
	}
	if _, err := NewWritePipe(file, newRecorder(), nil); !errors.As(err, &argument) {
		t.Fatal(err)
	}
}
