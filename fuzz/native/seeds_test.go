package native

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/streamspec/streamspec/conformance/adapter/reference"
	"github.com/streamspec/streamspec/fuzz"
	"github.com/streamspec/streamspec/spec/trace"
)

var update = flag.Bool("update", false, "write the seeds of the corpus that are made here")

// TestSeeds holds that the corpus has the seeds that are made here. Others may be there as well.
func TestSeeds(t *testing.T) {
	for target, seeds := range allSeeds(t) {
		for name, want := range seeds {
			file := filepath.Join(corpus, target, name)
			if *update {
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, want, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got, err := os.ReadFile(file)
			if target == "FuzzTranscript" { // its texts may change with those of the reference
				want = got
			}
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s is not what is made here (%v): go test -run TestSeeds ./fuzz/native -update", file, err)
			}
		}
	}
}

// TestCorpus runs all targets with the corpus, and holds that it is small.
func TestCorpus(t *testing.T) {
	files, size := 0, 0
	for name, target := range Targets {
		this := target()
		inputs, err := filepath.Glob(filepath.Join(corpus, name, "*"))
		if err != nil {
			t.Fatal(err)
		}
		if len(inputs) == 0 && name != "FuzzNothing" {
			t.Errorf("%s has no corpus", name)
		}
		for _, input := range inputs {
			data, err := os.ReadFile(input)
			if err != nil {
				t.Fatal(err)
			}
			if err := this.Run(data); err != nil {
				t.Errorf("%s: %v", input, err)
			}
			files, size = files+1, size+len(data)
		}
	}
	if files > 200 || size > 300_000 {
		t.Errorf("the corpus has %d files and %d bytes", files, size)
	}
}

func allSeeds(t *testing.T) map[string]map[string][]byte {
	all := map[string]map[string][]byte{
		"FuzzWireClient": texts(clientLines), "FuzzWireServer": texts(serverLines), "FuzzCatalogue": texts(catalogues), "FuzzBytes": texts(byteForms),
		"FuzzTranscript": transcripts(t),
	}
	for _, p := range seedPrograms {
		data, ok := fuzz.Encode(p.program, p.kind)
		if !ok {
			t.Errorf("%s: %s cannot be encoded", p.name, p.program)
			continue
		}
		if all[p.target] == nil {
			all[p.target] = map[string][]byte{}
		}
		all[p.target][p.name] = data
	}
	return all
}

func texts(seeds map[string]string) map[string][]byte {
	all := map[string][]byte{}
	for name, text := range seeds {
		all[name] = []byte(text)
	}
	return all
}

// transcripts are those of the first programs for readers, as the reference carries them out.
func transcripts(t *testing.T) map[string][]byte {
	j, err := fuzz.NewJudge(context.Background(), reference.New(), fuzz.Options{})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{
		"not-json": []byte("{"), "schema-2": []byte(`{"schema":2,"steps":[]}`), "empty": []byte(`{"schema":1,"steps":[]}`),
		"violations": []byte(`{"schema":1,"case":"a case","rules":["reader.read.one-byte-suffices"],"target":"3.13","violations":[{"rule":"","step":1,"text":"t"}],"steps":[{"command":{"op":"settle"}}],"closing":[{"ev":"unhandled","text":"x"}]}`),
	}
	for _, p := range seedPrograms[:4] {
		v, err := j.Run(t.Context(), p.program)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := j.Transcript(v).Write(&out); err != nil {
			t.Fatal(err)
		}
		all[p.name] = out.Bytes()
	}
	return all
}

type seedProgram struct {
	target, name string
	kind         fuzz.Kind
	program      fuzz.Program
}

// of makes a program of commands, and gives names to the calls that they start.
func of(target, name string, kind fuzz.Kind, how byte, commands ...trace.Command) seedProgram {
	p := fuzz.Decode([]byte{how}, kind)
	calls := 0
	for _, c := range commands {
		if trace.Spec(c.Op).Style == trace.Start {
			calls++
			c.As = fmt.Sprintf("c%d", calls)
		}
		p = append(p, c)
	}
	return seedProgram{target, name, kind, p}
}

// on is a command without arguments.
func on(object string, op trace.Op) trace.Command { return trace.Command{Op: op, On: object} }

// with is one with data.
func with(object string, op trace.Op, data string) trace.Command {
	return trace.Command{Op: op, On: object, Data: trace.D(data)}
}

// size is one with a number.
func size(object string, op trace.Op, n int) trace.Command {
	return trace.Command{Op: op, On: object, N: &n}
}

// through reads through separators.
func through(separators ...string) trace.Command {
	c := on("r", trace.ReaderReadUntil)
	if len(separators) == 1 {
		c.Separator = trace.D(separators[0])
		return c
	}
	c.Separators = []trace.Data{}
	for _, s := range separators {
		c.Separators = append(c.Separators, *trace.D(s))
	}
	return c
}

var seedPrograms = []seedProgram{
	of("FuzzReader", "lines", fuzz.Readers, 4, with("r", trace.ReaderFeedData, "ab\ncd\nef"), on("r", trace.ReaderReadLine), on("r", trace.ReaderReadLine),
		on("r", trace.ReaderFeedEOF), on("r", trace.ReaderReadLine), on("r", trace.ReaderAtEOF)),
	of("FuzzReader", "waiting", fuzz.Readers, 0, size("r", trace.ReaderReadExactly, 5), with("r", trace.ReaderFeedData, "abc"), with("r", trace.ReaderFeedData, "de"),
		size("r", trace.ReaderRead, 1), on("c2", trace.Cancel), with("r", trace.ReaderFeedData, "f"), size("r", trace.ReaderRead, 9)),
	of("FuzzReader", "separators", fuzz.Readers, 4, with("r", trace.ReaderFeedData, "aab"), through("ab", "b"), through("aab"), with("r", trace.ReaderFeedData, "baab"),
		through("b", "ab"), on("r", trace.ReaderFeedEOF)),
	of("FuzzReader", "overrun", fuzz.Readers, 0, with("r", trace.ReaderFeedData, "abcdefgh\n"), on("r", trace.ReaderReadUntil), on("r", trace.ReaderReadLine), on("r", trace.ReaderAtEOF)),
	of("FuzzReader", "flow", fuzz.Readers, 8, with("r", trace.ReaderFeedData, "aaaaaaaaa"), size("r", trace.ReaderRead, 3), size("r", trace.ReaderReadExactly, 9),
		with("r", trace.ReaderFeedData, "bbbb")),
	of("FuzzReader", "no-pause", fuzz.Readers, 16, with("r", trace.ReaderFeedData, "aaaaaaaaa"), with("r", trace.ReaderFeedData, "aaaaaaaaa"), on("r", trace.ReaderIterate)),
	of("FuzzReader", "exception", fuzz.Readers, 3, on("r", trace.ReaderRead), trace.Command{Op: trace.ReaderSetException, On: "r", Exception: trace.Text("boom")},
		on("r", trace.ReaderException), size("r", trace.ReaderRead, 1), on("r", trace.ReaderSetException), with("r", trace.ReaderFeedData, "x"), size("r", trace.ReaderRead, 1)),
	of("FuzzReader", "iteration", fuzz.Readers, 5, with("r", trace.ReaderFeedData, "a\nb\nc"), size("r", trace.ReaderIterate, 1), on("r", trace.ReaderIterate), on("r", trace.ReaderFeedEOF)),
	of("FuzzReader", "none-or-empty", fuzz.Readers, 0, through(), through(""), size("r", trace.ReaderRead, 0), size("r", trace.ReaderReadExactly, -1), with("r", trace.ReaderFeedData, "")),

	of("FuzzStream", "flow", fuzz.Streams, 0, with("s.writer", trace.WriterWrite, strings.Repeat("a", 64)), with("s.writer", trace.WriterWrite, strings.Repeat("b", 17)), on("s.writer", trace.WriterDrain),
		on("s.transport", trace.TransportGetWriteBufferSize), size("w", trace.RawRecv, 12), size("w", trace.RawRecv, 1), on("s.writer", trace.WriterClose), on("s.writer", trace.WriterWaitClosed)),
	of("FuzzStream", "lines", fuzz.Streams, 8, on("s.reader", trace.ReaderReadLine), with("w", trace.RawSend, "ab\ncd"), size("s.reader", trace.ReaderRead, 4), on("w", trace.RawShutdown),
		on("s.reader", trace.ReaderReadLine), on("s.writer", trace.WriterWriteEOF), on("w", trace.RawRecv)),
	of("FuzzStream", "reset", fuzz.Streams, 1, on("s.reader", trace.ReaderRead), with("s.writer", trace.WriterWrite, "aaaa"), on("s.writer", trace.WriterDrain), on("w", trace.RawReset),
		on("s.writer", trace.WriterDrain), on("s.writer", trace.WriterWaitClosed), on("s.reader", trace.ReaderReadLine)),
	of("FuzzStream", "overrun", fuzz.Streams, 0, with("w", trace.RawSend, "abcdefghijklmnop"), on("s.reader", trace.ReaderReadUntil), with("w", trace.RawSend, "more\n"), on("s.reader", trace.ReaderReadLine)),
	of("FuzzStream", "nothing-to-nobody", fuzz.Streams, 3, on("w", trace.RawClose), on("s.writer", trace.WriterWaitClosed),
		trace.Command{Op: trace.WriterWriteLines, On: "s.writer", Chunks: []trace.Data{{Bytes: trace.Bytes{}}, {Bytes: trace.Bytes{}}}}),
	of("FuzzTransport", "echo", fuzz.Transports, 8, with("w", trace.RawSend, "a"), with("w", trace.RawSend, "b"), size("w", trace.RawRecv, 0), on("w", trace.RawShutdown), on("s.transport", trace.TransportClose)),
	of("FuzzTransport", "marks", fuzz.Transports, 5, with("s.transport", trace.TransportWrite, strings.Repeat("a", 31)), trace.Command{Op: trace.TransportSetWriteBufferLimits, On: "s.transport", High: trace.Int(5), Low: trace.Int(1)},
		size("w", trace.RawRecv, 16), trace.Command{Op: trace.TransportSetWriteBufferLimits, On: "s.transport", High: trace.Int(1), Low: trace.Int(5)}, on("s.transport", trace.TransportGetWriteBufferLimits)),
	of("FuzzTransport", "paused", fuzz.Transports, 12, with("w", trace.RawSend, "a"), with("w", trace.RawSend, "b"), on("s.transport", trace.TransportIsReading), on("s.transport", trace.TransportResumeReading),
		on("w", trace.RawShutdown), on("s.transport", trace.TransportResumeReading)),
	of("FuzzTransport", "abort", fuzz.Transports, 16, with("s.transport", trace.TransportWrite, strings.Repeat("a", 127)), on("s.transport", trace.TransportAbort), on("s.transport", trace.TransportIsClosing),
		with("s.transport", trace.TransportWrite, "late"), on("w", trace.RawRecv)),
	of("FuzzTransport", "raises", fuzz.Transports, 24, with("w", trace.RawSend, "a"), with("w", trace.RawSend, "b"), with("w", trace.RawSend, "c"), on("s.transport", trace.TransportGetProtocol)),
	of("FuzzTransport", "bye", fuzz.Transports, 28, with("w", trace.RawSend, "a"), on("w", trace.RawShutdown), on("s.transport", trace.TransportClose), on("w", trace.RawRecv)),
	of("FuzzServer", "hold", fuzz.Servers, 2, on("s.server", trace.ServerIsServing), with("w", trace.RawSend, "a"), on("s.server", trace.ServerClose), on("s.server", trace.ServerWaitClosed),
		on("s.server", trace.ServerCloseClients), on("w", trace.RawRecv)),
	of("FuzzServer", "hello", fuzz.Servers, 5, size("w", trace.RawRecv, 5), on("s.server", trace.ServerSockets), on("s.server", trace.ServerServeForever), on("c1", trace.Cancel)),
	of("FuzzServer", "abort", fuzz.Servers, 2, on("s.server", trace.ServerAbortClients), on("w", trace.RawRecv), on("v", trace.RawClose)),
	of("FuzzServer", "closing", fuzz.Servers, 8, on("s.server", trace.ServerWaitClosed), on("w", trace.RawClose), on("v", trace.RawClose)),
}

var byteForms = map[string]string{
	"text": `"abc\n"`, "latin": `"\u0000\u00ffé"`, "repeat": `{"repeat":"ab","times":300}`, "list": `["a",{"repeat":"b","times":70},["c"]]`,
	"nested": `{"repeat":{"repeat":"a","times":2},"times":3}`, "too-high": `"€"`, "too-much": `{"repeat":"a","times":268435457}`, "number": `1`,
}

var catalogues = map[string]string{
	"one": `- id: reader.read.one-byte-suffices
  inventory: READ-004
  level: MUST
  statement: A read returns when there is one byte.
  source: streams, StreamReader.read
  documents: ["3.6", "3.13"]
  observe: Feed one byte.
`,
	"versions": `- id: reader.read.old
  inventory: READ-001
  level: SHOULD
  scope: guidance
  versions: {from: "3.8", to: "3.12", draft: false}
  statement: s
  source: s
  documents: ["3.8-draft"]
- id: reader.read.quirk
  inventory: DF-READ-001
  level: QUIRK
  versions: {only: 3.8-draft}
  statement: s
  source: s
  observe: o
  note: n
  boundaries: [a, b]
`,
	"wrong": `- id: other.Name
  inventory: READ
  level: MAYBE
  versions: {from: "4", only: "3.6"}
`,
	"no-statement":  "- id: reader.read.x\n  inventory: READ-001\n  level: MUST\n  statement: ''\n  source: s\n  observe: o\n  documents: ['3.6']\n",
	"no-source":     "- id: reader.read.x\n  inventory: READ-001\n  level: MUST\n  statement: s\n  source: ''\n  observe: o\n  documents: ['3.6']\n",
	"unknown-field": "- id: reader.read.x\n  more: 1\n", "anchors": "- &a {id: reader.read.x}\n- *a\n", "two-documents": "[]\n---\n[]\n", "empty": "",
}

var clientLines = map[string]string{
	"description": `{"jsonrpc":"2.0","id":1,"result":{"protocol":1,"name":"n","version":"1","language":"go","target":"3.13","settling":"exact","capabilities":["reader","transport.tcp"],"best_effort":["transport.tcp"]}}`,
	"replies":     `{"jsonrpc":"2.0","id":1,"result":{"replies":[{"returned":{}},{"pending":"c1"},{"returned":{},"events":[{"ev":"finished","on":"c1","returned":{"bytes":"ab"}}]}]}}`,
	"raised":      `{"jsonrpc":"2.0","id":1,"result":{"replies":[{"raised":{"kind":"incomplete-read","partial":"a","expected":3,"native":"E","message":"m"}},{"unsupported":"x"},{"fault":"y"}]}}`,
	"many":        `{"jsonrpc":"2.0","id":1,"result":{"replies":[{"returned":{}},{"pending":"c1"},{"returned":{}},{"returned":{}}]}}`,
	"few":         `{"jsonrpc":"2.0","id":1,"result":{"replies":[{"returned":{}}]}}`,
	"error":       `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no"}}`,
	"stray":       `{"jsonrpc":"2.0","id":7,"result":{}}`, "twice": `{"jsonrpc":"2.0","id":1,"id":1,"result":{}}`, "case": `{"jsonrpc":"2.0","id":1,"Result":{}}`,
	"null-id": `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"p"}}`, "list": `[]`, "garbage": `Traceback (most recent call last):`, "cut": `{"jsonrpc":"2.0","id":1,`,
}

var serverLines = map[string]string{
	"session": `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocol":1}}
{"jsonrpc":"2.0","id":2,"method":"session.run","params":{"session":1,"commands":[{"op":"reader.make","as":"r","limit":4},{"op":"reader.feed_data","on":"r","data":"ab"}]}}
{"jsonrpc":"2.0","id":3,"method":"session.close","params":{"session":1}}
{"jsonrpc":"2.0","id":4,"method":"shutdown","params":{}}
`,
	"faults": `{"jsonrpc":"2.0","id":1,"method":"session.run","params":{"session":1,"commands":[{"op":"none"},{"op":"reader.make"},{"op":1},{"op":"settle","more":2},{"op":"settle"}]}}
`,
	"other-session": `{"jsonrpc":"2.0","id":1,"method":"session.run","params":{"session":1,"commands":[]}}
{"jsonrpc":"2.0","id":2,"method":"session.run","params":{"session":2,"commands":[]}}
`,
	"invalid":    `{"jsonrpc":"2.0","id":1,"method":"session.run","params":{"session":1,"commands":[{"op":"reader.read","as":"c1"},{"op":"reader.make","as":"r","n":1}]}}` + "\n",
	"no-method":  `{"jsonrpc":"2.0","id":1,"params":{}}` + "\n" + `{"jsonrpc":"2.0","id":1,"method":"shutdown"}` + "\n" + `{"jsonrpc":"1.0","id":1,"method":"shutdown","params":{}}` + "\n",
	"not-opened": `{"jsonrpc":"2.0","id":1,"method":"session.close","params":{"session":1}}` + "\n",
	"unknown":    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":{}}\n", "garbage": "x\n[]\n{}\n\n", "no-end": `{"jsonrpc":"2.0"`, "not-utf8": "\xff\n",
}
