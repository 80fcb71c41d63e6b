//go:build unix

package stdio

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/streamspec/streamspec/spec/trace"
)

// fakeMode is the environment variable that makes the test binary play an adapter instead of running tests.
const fakeMode = "STREAMSPEC_STDIO_FAKE"

func TestMain(m *testing.M) {
	switch mode := os.Getenv(fakeMode); mode {
	case "":
		os.Exit(m.Run())
	case "serve":
		if err := Serve(context.Background(), echo{}, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "sleeper":
		time.Sleep(5 * time.Second)
	default:
		fake{mode: mode, in: bufio.NewReader(os.Stdin)}.play()
	}
}

const fakeDescription = `{"protocol":1,"name":"fake","version":"1","language":"go","target":"3.13","settling":"exact","capabilities":["reader"]}`

// fake plays an adapter that does as it should until a command makes an object named "break": then it does what its mode
// says. The modes whose name begins with the name of a method break at that method.
type fake struct {
	mode string
	in   *bufio.Reader
}

func write(format string, args ...any) { fmt.Fprintf(os.Stdout, format, args...) }

func sleep() { time.Sleep(time.Minute) }

func (f fake) play() {
	switch f.mode {
	case "start: exit":
		fmt.Fprintln(os.Stderr, "no module named fake")
		os.Exit(3)
	case "start: banner":
		write("Welcome to the fake adapter\n")
	case "start: sleep":
		sleep()
	}
	for {
		line, err := f.in.ReadBytes('\n')
		if err != nil {
			return
		}
		var r struct {
			ID     int
			Method string
			Params struct {
				Commands []struct{ As string }
			}
		}
		if err := json.Unmarshal(line, &r); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(4)
		}
		result := "{}"
		switch r.Method {
		case methodInitialize:
			result = fakeDescription
			switch f.mode {
			case "initialize: version":
				result = `{"protocol":2,"novelty":true}`
			case "initialize: description":
				result = strings.Replace(result, `"exact"`, `"sometimes"`, 1)
			case "initialize: changing":
				result = strings.Replace(result, `"name":"fake"`, fmt.Sprintf(`"name":"fake %d"`, os.Getpid()), 1)
			}
		case methodRun:
			broken := len(r.Params.Commands) > 0 && r.Params.Commands[0].As == "break"
			if broken && f.breaks(r.ID, len(r.Params.Commands)) {
				continue
			}
			result = `{"replies":[` + strings.TrimSuffix(strings.Repeat(`{"returned":{}},`, len(r.Params.Commands)), ",") + `]}`
		case methodClose:
			result = `{"events":[]}`
			switch f.mode {
			case "session.close: no events":
				result = `{}`
			case "session.close: unknown event":
				result = `{"events":[{"ev":"sneezed"}]}`
			case "session.close: then exit":
				write(`{"jsonrpc":"2.0","id":%d,"result":%s}`+"\n", r.ID, result)
				os.Exit(5)
			}
		case methodShutdown:
			switch f.mode {
			case "shutdown: ignored":
				continue
			case "shutdown: stays":
				write(`{"jsonrpc":"2.0","id":%d,"result":{}}`+"\n", r.ID)
				sleep()
			case "shutdown: status":
				write(`{"jsonrpc":"2.0","id":%d,"result":{}}`+"\n", r.ID)
				os.Exit(6)
			}
		}
		write(`{"jsonrpc":"2.0","id":%d,"result":%s}`+"\n", r.ID, result)
		if r.Method == methodShutdown {
			return
		}
	}
}

// breaks does what the mode says and reports whether the request needs no further answer.
func (f fake) breaks(id, commands int) bool {
	good := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":{"replies":[%s]}}`, id, strings.TrimSuffix(strings.Repeat(`{"returned":{}},`, commands), ","))
	reply := func(text string) { write(`{"jsonrpc":"2.0","id":%d,"result":{"replies":[%s]}}`+"\n", id, text) }
	switch f.mode {
	case "garbage":
		write("Traceback: something went wrong %s\n", strings.Repeat("!", 1000))
	case "not an object":
		write("[1,2]\n")
	case "empty line":
		write("\n")
	case "not UTF-8":
		write("{\"jsonrpc\":\"\xff\"}\n")
	case "two in a line":
		write("%s %s\n", good, good)
	case "flood":
		chunk := bytes.Repeat([]byte("x"), 1<<16)
		for {
			if _, err := os.Stdout.Write(chunk); err != nil {
				return true
			}
		}
	case "hang":
		sleep()
	case "partial":
		write(`{"jsonrpc":"2.0",`)
		sleep()
	case "trickle":
		for _, c := range good {
			write("%c", c)
			time.Sleep(50 * time.Millisecond)
		}
		write("\n")
	case "exit":
		fmt.Fprintln(os.Stderr, "giving up")
		os.Exit(3)
	case "exit in the middle":
		write(`{"jsonrpc":"2.0",`)
		os.Exit(0)
	case "signal":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		sleep()
	case "wrong id":
		write(`{"jsonrpc":"2.0","id":%d,"result":{}}`+"\n", id+7)
	case "old id":
		write(`{"jsonrpc":"2.0","id":%d,"result":{}}`+"\n", id-1)
	case "text id":
		write(`{"jsonrpc":"2.0","id":"%d","result":{}}`+"\n", id)
	case "no id":
		write(`{"jsonrpc":"2.0","result":{}}` + "\n")
	case "null id":
		write(`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"what?"}}` + "\n")
	case "jsonrpc":
		write(`{"jsonrpc":"1.0","id":%d,"result":{}}`+"\n", id)
	case "no jsonrpc":
		write(`{"id":%d,"result":{}}`+"\n", id)
	case "both":
		write(`{"jsonrpc":"2.0","id":%d,"result":{},"error":{"code":1,"message":"m"}}`+"\n", id)
	case "neither":
		write(`{"jsonrpc":"2.0","id":%d}`+"\n", id)
	case "error":
		write(`{"jsonrpc":"2.0","id":%d,"error":{"code":-32603,"message":"KeyError: 'break'"}}`+"\n", id)
	case "long error":
		write(`{"jsonrpc":"2.0","id":%d,"error":{"code":-1,"message":"%s"}}`+"\n", id, strings.Repeat(`line\n`, 1000))
	case "long field":
		write(`{"jsonrpc":"2.0","id":%d,"%s":1}`+"\n", id, strings.Repeat("f", 10_000))
	case "unknown field":
		write(`{"jsonrpc":"2.0","id":%d,"result":{},"mood":"good"}`+"\n", id)
	case "unknown field of a reply":
		reply(`{"returned":{},"mood":"good"}`)
	case "wrong type":
		reply(`{"returned":{},"turns":"many"}`)
	case "field twice":
		reply(`{"returned":{},"returned":{}}`)
	case "capital field":
		reply(`{"Returned":{}}`)
	case "wide character":
		reply(`{"returned":{"bytes":"\u0100"}}`)
	case "too few":
		reply(``)
	case "too many":
		reply(`{"returned":{}},{"returned":{}},{"returned":{}}`)
	case "invalid reply":
		reply(`{"returned":{}},{"returned":{},"fault":"both"}`)
	case "invalid event":
		reply(`{"returned":{},"events":[{"ev":"finished","on":"c"}]},{"returned":{}}`)
	case "pending name":
		reply(`{"returned":{}},{"pending":"other"}`)
	case "pending make":
		reply(`{"pending":"break"},{"returned":{}}`)
	case "twice":
		write("%s\n%s\n", good, good)
	case "unsolicited":
		write("%s\nlet me tell you something\n", good)
	case "unsolicited later":
		write("%s\n", good)
		time.Sleep(50 * time.Millisecond)
		write(`{"jsonrpc":"2.0","method":"log"}` + "\n")
	case "request of its own":
		write("%s\n"+`{"jsonrpc":"2.0","id":99,"result":{}}`+"\n", good)
	case "exit later":
		write("%s\n", good)
		os.Exit(7)
	case "closed output":
		_ = os.Stdout.Close()
		sleep()
	case "stderr":
		fmt.Fprint(os.Stderr, strings.Repeat("noise\n", 100_000), "last words\n")
		os.Exit(1)
	case "stderr and good":
		fmt.Fprint(os.Stderr, strings.Repeat("noise\n", 10_000))
		return false
	case "grandchild in the group", "grandchild outside":
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), fakeMode+"=sleeper")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: f.mode == "grandchild outside"}
		if err := cmd.Start(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		fmt.Fprintf(os.Stderr, "pid %d\n", cmd.Process.Pid)
		os.Exit(8)
	case "deaf":
		sleep()
	case "deaf from now on", "talkative from now on":
		signal.Ignore(syscall.SIGPIPE)
		write("%s\n", good)
		if f.mode == "talkative from now on" {
			time.Sleep(500 * time.Millisecond) // let the next request begin
			write("%s\n", good)
		}
		sleep()
	case "closed input":
		_ = os.Stdin.Close()
		write("%s\n", good)
		sleep()
	default:
		fmt.Fprintf(os.Stderr, "there is no mode %q\n", f.mode)
		os.Exit(9)
	}
	return true
}

// breaking is a batch of two commands at which a fake breaks.
var breaking = []trace.Command{{Op: trace.ReaderMake, As: "break"}, {Op: trace.ReaderReadLine, On: "break", As: "c"}}
