package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/streamspec/streamspec/conformance/adapter/python"
	"github.com/streamspec/streamspec/fuzz"
	"github.com/streamspec/streamspec/spec/trace"
)

// shortFinds are faults of Pythons, each as the commands of a find. In the programs printed of them Python 3.13.0 and 3.11 differ.
var shortFinds = map[string]struct {
	commands  []trace.Command
	bad, good string // what the program says
}{
	"writelines does not pause": {[]trace.Command{
		{Op: trace.RawMake, As: "w", Kind: trace.Unix, Buffer: 4096},
		{Op: trace.ProtocolMake, As: "p"},
		{Op: trace.ConnectionOpen, As: "c1", Raw: "w", Protocol: "p"},
		{Op: trace.TransportSetWriteBufferLimits, On: "c1.transport", High: trace.Int(1000)},
		{Op: trace.TransportWriteLines, On: "c1.transport", Chunks: []trace.Data{*trace.D(strings.Repeat("a", 500000)), *trace.D(strings.Repeat("b", 500000))}},
		{Op: trace.Run, Until: &trace.Until{Event: trace.PauseWriting, On: "p"}, Ms: 200},
		{Op: trace.TransportGetWriteBufferSize, On: "c1.transport"},
	}, "get_write_buffer_size:", "p.pause_writing\nget_write_buffer_size:"},
	"an empty chunk stays": {[]trace.Command{
		{Op: trace.RawMake, As: "w", Kind: trace.Unix},
		{Op: trace.StreamOpen, As: "c1", Raw: "w"},
		{Op: trace.WriterWriteLines, On: "c1.writer", Chunks: []trace.Data{*trace.D("hello"), *trace.D("")}},
		{Op: trace.WriterClose, On: "c1.writer"},
		{Op: trace.WriterWaitClosed, On: "c1.writer", As: "c2"},
		{Op: trace.RawRecv, On: "w", As: "c3"},
	}, "c3: TimeoutError(", "c3: b'hello'\nc2: None\n"},
	"writelines on a lost connection": {[]trace.Command{
		{Op: trace.RawMake, As: "w", Kind: trace.TCP},
		{Op: trace.StreamOpen, As: "c1", Raw: "w"},
		{Op: trace.TransportAbort, On: "c1.transport"},
		{Op: trace.WriterWriteLines, On: "c1.writer", Chunks: []trace.Data{*trace.D("x")}},
	}, "Traceback (most recent call last):", ""},
}

// TestShortFinds has a Python with faults record finds, prints them in short, and runs the programs on it and on one without.
func TestShortFinds(t *testing.T) {
	faulty, sound := pythonAt(t, "3.13.0"), pythonAt(t, "3.11.7")
	a, err := choice{name: pythonAdapter, python: faulty}.open(0)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	j, err := fuzz.NewJudge(t.Context(), a, fuzz.Options{Patience: 1e9})
	if err != nil {
		t.Fatal(err)
	}
	for name, find := range shortFinds {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			v, err := j.Run(t.Context(), find.commands)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(v.Violations).NotTo(BeEmpty())
			program := shortProgram(j.Transcript(v))
			g.Expect(program).To(MatchRegexp(`^# [a-z.-]+ \([A-Z]+\): `))
			g.Expect(lines(program)).To(BeNumerically("<=", 20), program)
			t.Log(program)
			bad, good := runShort(t, faulty, program), runShort(t, sound, program)
			g.Expect(bad).To(HavePrefix(find.bad), program)
			g.Expect(good).To(HavePrefix(find.good), program)
			g.Expect(good).NotTo(ContainSubstring("Traceback"), program)
		})
	}
}

// TestShortOfPrograms records random programs, and runs what is printed of them: the same comes back.
func TestShortOfPrograms(t *testing.T) {
	path, err := exec.LookPath(defaultPython)
	if err != nil {
		t.Skip("there is no Python here")
	}
	a, err := choice{name: pythonAdapter, python: path}.open(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	j, err := fuzz.NewJudge(t.Context(), a, fuzz.Options{Patience: 1e9})
	if err != nil {
		t.Fatal(err)
	}
	const each, longest = 4, 9
	for _, theme := range fuzz.Themes() {
		generator := fuzz.NewGenerator(j.Description, 11, theme)
		for n, found := uint64(0), 0; found < each && n < 200; n++ {
			p := generator.Program(n)
			if len(p) > longest {
				continue
			}
			v, err := j.Run(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			program := shortProgram(j.Transcript(v))
			if strings.HasPrefix(program, "# "+noShortForm) {
				continue
			}
			found++
			t.Run(fmt.Sprintf("%s %d", theme, n), func(t *testing.T) {
				t.Parallel()
				out := runShort(t, path, program)
				for call, text := range returnedBytes(v.Steps) {
					if !strings.Contains(out, call+": "+text+"\n") {
						t.Errorf("%s returned %s\n%s\n%s", call, text, program, out)
					}
				}
			})
		}
	}
}

// returnedBytes are the bytes that calls returned, as Python shows them, but for those that are long.
func returnedBytes(steps []trace.Step) map[string]string {
	all := map[string]string{}
	note := func(call string, v *trace.Value) {
		if v != nil && v.Bytes != nil && len(*v.Bytes) < 40 && !bytes.Contains(*v.Bytes, []byte("'")) {
			all[call] = pyBytes(*v.Bytes)
		}
	}
	for _, s := range steps {
		if s.Command.As != "" {
			note(s.Command.As, s.Reply.Returned)
		}
		for _, e := range s.Reply.Events {
			if e.Ev == trace.Finished {
				note(e.On, e.Returned)
			}
		}
	}
	return all
}

// TestShortEverywhere runs short programs on every Python.
func TestShortEverywhere(t *testing.T) {
	for _, p := range python.Interpreters() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			tr := transcriptOf(t, goTranscripts["connection"]...)
			tr.Implementation = &trace.Description{Name: "CPython asyncio", Version: p.Name}
			out := runShort(t, p.Path, shortProgram(tr))
			g := NewWithT(t)
			g.Expect(out).To(HavePrefix("p.connection_made\np.data_received b'ping'\n"))
			g.Expect(out).To(HaveSuffix("c2: b'pongab'\n"))
		})
	}
}

// TestShortServers runs short programs about servers.
func TestShortServers(t *testing.T) {
	path, err := exec.LookPath(defaultPython)
	if err != nil {
		t.Skip("there is no Python here")
	}
	echo := []trace.Reaction{{In: trace.ClientConnected, Nth: 1, Hold: true, Do: []trace.Command{{Op: trace.WriterWrite, On: "s#1.writer", Data: trace.D("hello")}}}}
	for _, kind := range []trace.EndKind{trace.TCP, trace.Unix} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			out := runShort(t, path, shortProgram(transcriptOf(t,
				trace.Command{Op: trace.AddressMake, As: "a", Kind: kind},
				trace.Command{Op: trace.StreamServe, As: "s", Kind: kind, Addresses: []string{"a"}, Callback: trace.Coroutine, Program: echo, Limit: trace.Int(9)},
				trace.Command{Op: trace.RawConnect, As: "w", Kind: kind, Address: "a"},
				trace.Command{Op: trace.Run, Until: &trace.Until{Event: trace.ClientConnected, On: "s#1"}, Ms: 5000},
				trace.Command{Op: trace.ServerIsServing, On: "s.server"},
				trace.Command{Op: trace.RawRecv, On: "w", As: "c1", N: trace.Int(5)},
				trace.Command{Op: trace.RawSend, On: "w", Data: trace.D("line\n")},
				trace.Command{Op: trace.ReaderReadLine, On: "s#1.reader", As: "c2"},
				trace.Command{Op: trace.Release, On: "s#1"},
				trace.Command{Op: trace.WriterClose, On: "s#1.writer"},
				trace.Command{Op: trace.ServerClose, On: "s.server"},
				trace.Command{Op: trace.ServerWaitClosed, On: "s.server", As: "c3"},
			)))
			NewWithT(t).Expect(out).To(Equal("connected: 1\nis_serving: True\nc1: b'hello'\nc2: b'line\\n'\nc3: None\n"))
		})
	}
}

// TestNoShortForm prints what is written in full.
func TestNoShortForm(t *testing.T) {
	g := NewWithT(t)
	tr := transcriptOf(t, trace.Command{Op: trace.ClockFreeze})
	g.Expect(shortProgram(tr)).To(Equal("# There is no short form of clock.freeze.\n" + pythonProgram(tr)))
	tr = transcriptOf(t, trace.Command{Op: trace.RawMake, As: "w", Kind: trace.ReadPipe})
	g.Expect(shortProgram(tr)).To(HavePrefix("# There is no short form of a read-pipe.\n"))
}

// pythonAt is one of pyenv's Pythons; the test is skipped where that is not there.
func pythonAt(t *testing.T, version string) string {
	t.Helper()
	for _, p := range python.Interpreters() {
		if p.Name == version {
			return p.Path
		}
	}
	t.Skipf("there is no Python %s here", version)
	return ""
}

// lines counts those that are code.
func lines(program string) int {
	n := 0
	for _, line := range strings.Split(program, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			n++
		}
	}
	return n
}

// runShort runs a program, whatever becomes of it, and returns what it says.
func runShort(t *testing.T, path, program string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, "-")
	cmd.Stdin = strings.NewReader(program)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run() // a traceback is an answer too
	if strings.Contains(out.String(), "SyntaxError") || strings.Contains(out.String(), "NameError") {
		t.Fatalf("%s\n%s", out.String(), program)
	}
	return out.String()
}
