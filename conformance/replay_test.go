package conformance_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/streamspec/streamspec/conformance"
	"github.com/streamspec/streamspec/conformance/adapter/gokit"
	"github.com/streamspec/streamspec/conformance/adapter/reference"
	"github.com/streamspec/streamspec/reference/stream"
	"github.com/streamspec/streamspec/spec/trace"
)

var line = []trace.Command{
	{Op: "reader.make", As: "r"},
	{Op: "reader.feed_data", On: "r", Data: trace.D("abc\nd")},
	{Op: "reader.readline", On: "r", As: "c1"},
}

// TestReplay replays on the reference.
func TestReplay(t *testing.T) {
	a := reference.New()
	defer a.Close()
	conformance.Replay(t, a, conformance.Options{Strict: true}, line)
	conformance.Replay(t, a, conformance.Options{Target: "3.13"}, line)
}

// TestReplayFails replays what is not as it should be.
func TestReplayFails(t *testing.T) {
	careless := []trace.Command{{Op: "reader.readline", On: "r", As: "c1"}}
	for name, test := range map[string]struct {
		options  conformance.Options
		commands []trace.Command
		says     []string
	}{
		"a rule that is broken": {conformance.Options{}, line, []string{
			"  1  r = reader.make()\n       returned none", "broken: reader.readline.keeps-lf (MUST)", "c1 = r.readline()",
		}},
		"a command that is none": {conformance.Options{}, []trace.Command{{Op: "reader.make"}}, []string{"command 1: reader.make needs as"}},
		"no such object":         {conformance.Options{}, careless, []string{"could not be carried out: c1 = r.readline()"}},
		"no such version":        {conformance.Options{Target: "old"}, line, []string{`no target version "old"`}},
		"lacking a server": {conformance.Options{}, []trace.Command{
			{Op: "address.make", As: "a", Kind: "tcp"}, {Op: "stream.serve", As: "s", Kind: "tcp", Callback: "function", Addresses: []string{"a"}},
		}, []string{"skipped", "lacks"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := gokit.New(gokit.Implementation{Name: "shortener", Version: "1", Target: "3.13", NewReader: newShortener, DefaultLimit: 1 << 16})
			defer a.Close()
			told := listen(t, func(t testing.TB) { conformance.Replay(t, a, test.options, test.commands) })
			for _, text := range test.says {
				if !strings.Contains(told, text) {
					t.Errorf("there is no %q in\n%s", text, told)
				}
			}
		})
	}
}

// A shortener is a reader whose lines lack their end.
type shortener struct{ *stream.Reader }

func newShortener(limit int) (gokit.Reader, error) {
	r, err := stream.NewReader(limit)
	return shortener{r}, err
}

func (s shortener) SetTransport(t gokit.ReadTransport) error { return s.Reader.SetTransport(t) }
func (s shortener) FeedEOF() error                           { s.Reader.FeedEOF(); return nil }
func (s shortener) SetException(err error) error             { s.Reader.SetException(err); return nil }

func (s shortener) ReadUntil(ctx context.Context, separators [][]byte) ([]byte, error) {
	return s.Reader.ReadUntil(ctx, separators...)
}

func (s shortener) ReadLine(ctx context.Context) ([]byte, error) {
	b, err := s.Reader.ReadLine(ctx)
	return []byte(strings.TrimSuffix(string(b), "\n")), err
}

// listen runs a test that ends early, and returns what it says.
func listen(t *testing.T, test func(testing.TB)) string {
	l := &listener{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(l)
	}()
	<-done
	return l.said
}

// A listener is a test whose end nobody minds.
type listener struct {
	testing.TB
	said string
}

func (l *listener) Helper()          {}
func (l *listener) Fatal(all ...any) { l.Fatalf("%s", fmt.Sprint(all...)) }

func (l *listener) Fatalf(format string, all ...any) {
	l.said = fmt.Sprintf(format, all...)
	runtime.Goexit()
}

func (l *listener) Skipf(format string, all ...any) { l.Fatalf("skipped: "+format, all...) }
