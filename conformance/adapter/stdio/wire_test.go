package stdio

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/streamspec/streamspec/spec/trace"
)

var noDeadline time.Time

func FuzzDecodeResponse(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":3,"result":{"replies":[{"returned":{}}]}}`,
		`{"jsonrpc":"2.0","id":3,"error":{"code":-32603,"message":"m","data":{"X":1}}}`,
		`{"jsonrpc":"2.0","id":null,"error":{"code":1}}`,
		`{"jsonrpc":"2.0","id":3,"result":{"a":"\"","a":[{"b":{}},"c"]}}`,
		`{"jsonrpc":"2.0","id":3e0,"result":null}`,
		`{"jsonrpc":"2.0","Id":3,"result":[]} {}`,
		`[`, `"`, ``, `nul`, "{\xff}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		result, err := decodeResponse(line, 3)
		if text := unsolicited(line, 3); text == "" || strings.Contains(text, "\n") {
			t.Errorf("unsolicited gives %q", text)
		}
		if err != nil {
			if result != nil {
				t.Errorf("%v, and yet the result %s", err, result)
			}
			return
		}
		var loose struct {
			ID     int
			Result any
		}
		if json.Unmarshal(line, &loose) != nil || loose.ID != 3 || !json.Valid(result) || !utf8.Valid(line) {
			t.Errorf("%q was accepted", line)
		}
		var run runResult
		_ = decodeStrict(result, &run)
		_, _ = decodeDescription(result)
	})
}

func TestCheckKeys(t *testing.T) {
	for in, bad := range map[string]bool{
		`{"a":1,"b":{"a":2,"c":[{"a":1},{"a":1}]},"c":[]}`: false,
		`{"a":["a","a",{"b":"a"}],"d":"a"}`:                false,
		`{"a":"\"}{,","b":"\\"}`:                           false,
		`["a","a"]`:                                        false,
		`{"a":1,"a":1}`:                                    true,
		`{"a":[{}],"b":{"c":{}},"a":1}`:                    true,
		`[{"x":{"y":1,"z":[1,2],"y":2}}]`:                  true,
		`{"A":1}`:                                          true,
		`{"\u0061":1}`:                                     true,
		strings.Repeat(`[{"a":`, 100) + "1" + strings.Repeat(`}]`, 100): false,
	} {
		if err := checkKeys([]byte(in)); (err != nil) != bad {
			t.Errorf("checkKeys(%s) gives %v", in, err)
		}
	}
}

func TestLines(t *testing.T) {
	var in strings.Builder
	var want []string
	for i := range 300 {
		want = append(want, fmt.Sprint(i, strings.Repeat("x", i*i%70_000)))
		in.WriteString(want[i] + "\n")
	}
	in.WriteString("tail")
	for name, r := range map[string]io.Reader{
		"whole": strings.NewReader(in.String()), "halves": iotest.HalfReader(strings.NewReader(in.String())),
	} {
		l := lines{read: r.Read, max: 80_000}
		for i := range want {
			got, err := l.next()
			if err != nil || string(got) != want[i] {
				t.Fatalf("%s: line %d is %.40q, %v", name, i, got, err)
			}
		}
		if _, err := l.next(); !errors.Is(err, io.EOF) || string(l.rest()) != "tail" {
			t.Errorf("%s: at the end %v with %q left", name, err, l.rest())
		}
	}
	for size, ok := range map[int]bool{100: true, 101: false} {
		l := lines{read: iotest.OneByteReader(strings.NewReader(strings.Repeat("x", size) + "\n")).Read, max: 100}
		if _, err := l.next(); (err == nil) != ok || err != nil && !errors.Is(err, errTooLong) {
			t.Errorf("a line of %d bytes where 100 are permitted gives %v", size, err)
		}
	}
}

func TestTail(t *testing.T) {
	tl := tail{ring: make([]byte, 8)}
	var all string
	for i := range 40 {
		chunk := strings.Repeat(string(rune('a'+i%26)), i%13)
		_, _ = tl.Write([]byte(chunk))
		all += chunk
		want := all
		if len(all) > 8 {
			want = "…" + all[len(all)-8:]
		}
		if got := tl.since(0); got != want {
			t.Fatalf("after %d bytes the tail is %q, due is %q", len(all), got, want)
		}
		if got := tl.since(tl.written()); got != "" {
			t.Fatalf("after the end there is %q", got)
		}
	}
}

// BenchmarkDecodeReplies measures what the client does with an answer of 1000 replies.
func BenchmarkDecodeReplies(b *testing.B) {
	reply := `{"returned":{"bytes":"hello\n"},"events":[{"ev":"finished","on":"c1","returned":{"bytes":"abc"}}],"turns":2},` + strings.Repeat(`{"returned":{}},`, 4)
	line := []byte(`{"jsonrpc":"2.0","id":3,"result":{"replies":[` + strings.TrimSuffix(strings.Repeat(reply, 200), ",") + `]}}`)
	for b.Loop() {
		raw, err := decodeResponse(line, 3)
		if err != nil {
			b.Fatal(err)
		}
		var result runResult
		if err := decodeStrict(raw, &result); err != nil || len(result.Replies) != 1000 {
			b.Fatal(err, len(result.Replies))
		}
		for i := range result.Replies {
			if err := checkReply(&trace.Command{Op: trace.Settle}, &result.Replies[i]); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "replies/s")
}
