package main

import (
	"os/exec"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/streamspec/streamspec/conformance/internal/report"
)

// loopModule has factories of event loops, and of what is none. The loop of deaf never wakes who waits for data.
const loopModule = `
import asyncio

__version__ = "1.2"
text = "no factory"


class Deaf(asyncio.Future):
    def set_result(self, result):
        pass


class DeafLoop(asyncio.SelectorEventLoop):
    def create_future(self):
        return Deaf(loop=self)


class SocketLoop(asyncio.SelectorEventLoop):
    async def connect_read_pipe(self, *args):
        raise NotImplementedError

    async def create_unix_connection(self, *args, **more):
        raise NotImplementedError


class FinalLoop(asyncio.SelectorEventLoop):
    def __init_subclass__(cls):
        raise TypeError("it is final")


class SilentLoop(asyncio.SelectorEventLoop):
    def __getattribute__(self, name):
        if name == "call_soon":
            return lambda *args, **more: None
        return super().__getattribute__(name)


def stock():
    print("output of the module")
    return asyncio.SelectorEventLoop()


def fails():
    raise OSError("no\nloop")


def exits():
    raise SystemExit(3)


def crashes():
    import os
    os.write(2, b"a last word\n")
    os._exit(9)
`

// shortened is a module that Python imports first of all: with it stock asyncio loses the last byte of a line.
const shortened = `
import asyncio


def readline(self, readline=asyncio.StreamReader.readline):
    async def shortened():
        return (await readline(self))[:-1]

    return shortened()


asyncio.StreamReader.readline = readline
`

// loopFolder makes a folder with the modules, which Python looks into. Without a Python the test is skipped.
func loopFolder(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath(defaultPython); err != nil {
		t.Skip("there is no Python here")
	}
	dir := t.TempDir()
	writeText(t, dir, "loops.py", loopModule)
	writeText(t, dir, "unreadable.py", "def (\n")
	t.Setenv("PYTHONPATH", dir)
	return dir
}

func TestLoop(t *testing.T) {
	g := NewWithT(t)
	dir := loopFolder(t)
	res, r := judge(t, dir, "", "--adapter", "python", "--loop", "loops:stock", "--label-filter", "reader.readline", "--strict")
	g.Expect(res.code).To(Equal(0), "%s%s", res.stdout, res.stderr)
	g.Expect(res.stdout).To(And(MatchRegexp(`^judging loops 1\.2 \(python\), \S*SelectorEventLoop on \w+ \d+\.\d+\.\d+\S*, `), Not(ContainSubstring("control"))))
	g.Expect(r.Implementation.Name).To(Equal("loops"))
	g.Expect(r.Implementation.Language).To(Equal("python"))
	g.Expect(r.Control).To(BeNil(), "nothing failed that a control could tell of")
	g.Expect(r.Summary.Cases[report.Pass]).To(BeNumerically(">", 30))

	_, stock := judge(t, dir, "", "--adapter", "python", "--label-filter", "reader.readline", "--strict")
	g.Expect(verdicts(r)).To(Equal(verdicts(stock)))

	res = invoke(t, dir, "", "check", "python", "--loop", "loops:stock")
	g.Expect(res.code).To(Equal(0), "%s%s", res.stdout, res.stderr)
	g.Expect(res.stdout).To(And(HavePrefix("loops 1.2 (python)"), ContainSubstring("ok   self-check of the Python adapter")))
}

func TestLoopThatLacksSomething(t *testing.T) {
	g := NewWithT(t)
	dir := loopFolder(t)
	_, r := judge(t, dir, "", "--adapter", "python", "--loop", "loops:SocketLoop", "--rule", "transport.base.is-closing", "--no-control")
	g.Expect(r.Summary.Cases[report.AdapterError]).To(BeZero())
	g.Expect(r.Summary.Cases[report.Unsupported]).To(BeNumerically(">", 2), "of Unix sockets and pipes")
	g.Expect(r.Summary.Cases[report.Pass]).To(BeNumerically(">", 1), "of TCP")
	res := invoke(t, dir, "", "check", "python", "--loop", "loops:SocketLoop")
	g.Expect(res.code).To(Equal(0), "%s%s", res.stdout, res.stderr)
	g.Expect(res.stdout).To(And(ContainSubstring("--   capability transport.unix is not declared"), ContainSubstring("--   capability transport.pipe is not declared")))
}

func TestControl(t *testing.T) {
	dir := loopFolder(t)
	writeText(t, dir, "sitecustomize.py", shortened)
	const waits = "reader.readline / waits over any number of chunks"
	args := []string{"--adapter", "python", "--loop", "loops:DeafLoop", "--label-filter", "reader.readline"}
	for name, more := range map[string][]string{"in one process": nil, "in jobs": {"--jobs", "2", "--repeat", "2"}} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			res, r := judge(t, dir, "", append(args, more...)...)
			g.Expect(res.code).To(Equal(1), "%s%s", res.stdout, res.stderr)
			g.Expect(r.Control).NotTo(BeNil())
			g.Expect(r.Control.Name).To(HaveSuffix(" asyncio"))
			g.Expect(r.Implementation.Name).To(Equal("loops"))
			also := map[string]string{}
			for _, c := range r.Cases {
				switch {
				case c.AlsoControl == nil:
					g.Expect(c.Verdict).NotTo(Equal(report.Fail), c.ID)
				case *c.AlsoControl:
					also[c.ID] = "shared"
				default:
					also[c.ID] = "own"
				}
			}
			g.Expect(also).To(And(HaveKeyWithValue(keepsLFCase, "shared"), HaveKeyWithValue(waits, "own")))
			g.Expect(res.stdout).To(MatchRegexp(`(?s)\nYOURS: \d+ cases fail here and not on stock .*\nFAIL: ` + waits + `\n.*\nALSO STOCK ASYNCIO: \d+ cases fail on stock .*\nFAIL: ` + keepsLFCase + `\n`))
		})
	}
	t.Run("left out, and a transcript replayed", func(t *testing.T) {
		g := NewWithT(t)
		res, r := judge(t, dir, "", append(args, "--no-control")...)
		g.Expect(res.code).To(Equal(1), "%s%s", res.stdout, res.stderr)
		g.Expect(r.Control).To(BeNil())
		g.Expect(res.stdout).NotTo(Or(ContainSubstring("control"), ContainSubstring("YOURS")))
		for _, c := range r.Cases {
			if c.ID != waits {
				continue
			}
			res = invoke(t, dir, "", "replay", c.Transcript, "--adapter", "python", "--loop", "loops:DeafLoop")
			g.Expect(res.code).To(Equal(1), "%s%s", res.stdout, res.stderr)
			g.Expect(res.stdout).To(And(HavePrefix("replaying on loops 1.2"), ContainSubstring("everything came back as recorded")))
		}
	})
}

func TestBadLoop(t *testing.T) {
	dir := loopFolder(t)
	for _, test := range []struct{ loop, want string }{
		{"loops", "has to be MODULE:FACTORY"},
		{":stock", "has to be MODULE:FACTORY"},
		{"loops:", "has to be MODULE:FACTORY"},
		{"no_such_module:loop", "the module 'no_such_module' cannot be imported"},
		{"unreadable:loop", "the module 'unreadable' cannot be imported: SyntaxError"},
		{"loops:missing", "the factory missing of the module 'loops' does not exist"},
		{"loops:text", "the factory text of the module 'loops' is not callable"},
		{"loops:fails", "loops:fails() failed: OSError: no loop"},
		{"loops:exits", "loops:exits() failed: SystemExit: 3"},
		{"loops:crashes", `ended with exit status 9, and the last line of its standard error is "a last word"`},
		{"loops:Deaf", "loops:Deaf() returned an object of type loops.Deaf, which is no event loop"},
		{"loops:SilentLoop", "loops.SilentLoop schedules callbacks otherwise than by its call_soon"},
		{"loops:FinalLoop", "the loop class loops.FinalLoop cannot be subclassed"},
	} {
		t.Run(test.loop, func(t *testing.T) {
			g := NewWithT(t)
			r := invoke(t, dir, "", "run", "--adapter", "python", "--loop", test.loop)
			g.Expect(r.code).To(Equal(2), "%s%s", r.stdout, r.stderr)
			g.Expect(r.stderr).To(ContainSubstring(test.want))
			g.Expect(r.stderr).To(MatchRegexp(`^streamspec: [^\n]+\n$`), "one sentence")
		})
	}
}
