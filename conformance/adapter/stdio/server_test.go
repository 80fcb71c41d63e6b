package stdio

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/spec/trace"
)

var echoDescription = trace.Description{
	Protocol: trace.ProtocolVersion, Name: "echo", Version: "1.0", Language: "go", Target: "3.13", Settling: trace.BestEffort,
	Capabilities: []trace.Capability{trace.CapReader, trace.CapTypedBuffers}, Detail: "tells what it was told",
}

var echoClosing = []trace.Event{{Ev: trace.Warned, On: "r", Text: "left open"}, {Ev: trace.Unraisable, Text: "too late"}}

// echo is an adapter whose sessions answer each command with the command itself.
type echo struct{}

func (echo) Describe(context.Context) (trace.Description, error) { return echoDescription, nil }

func (echo) NewSession(context.Context) (adapter.Session, error) { return &echoSession{}, nil }

func (echo) Close() error { return nil }

type echoSession struct{ replies []trace.Reply }

func (s *echoSession) Do(_ context.Context, commands []trace.Command) ([]trace.Reply, error) {
	s.replies = s.replies[:0]
	for _, c := range commands {
		switch {
		case c.On == "panic":
			return s.replies, &adapter.Failure{Kind: adapter.Crash, Text: "it panicked"}
		case c.On == "short":
			return s.replies, nil
		}
		s.replies = append(s.replies, echoReply(c))
	}
	return s.replies, nil
}

func (*echoSession) Close(context.Context) ([]trace.Event, error) { return echoClosing, nil }

// echoReply is the echo's reply: data come back as bytes, a call on "reply" gives the reply of that number, and anything
// else comes back in words.
func echoReply(c trace.Command) trace.Reply {
	switch {
	case c.On == "reply":
		n, err := strconv.Atoi(c.As)
		if err != nil {
			return trace.Reply{Fault: err.Error()}
		}
		return everyReply[n]
	case c.Op == trace.ReaderFeedData && c.Data.Form == "":
		v := trace.BytesValue(c.Data.Bytes)
		return trace.Reply{Returned: &v}
	}
	text := c.String()
	return trace.Reply{Returned: &trace.Value{Text: &text}}
}

var everyCommand = []trace.Command{
	{Op: trace.ReaderMake, As: "r"},
	{Op: trace.ReaderMake, As: "r", Limit: trace.Int(0)},
	{Op: trace.ReaderMake, As: "r", Limit: trace.Int(-5)},
	{Op: trace.MockMake, As: "t", CanPause: trace.Bool(false)},
	{Op: trace.ReaderSetTransport, On: "r", Transport: "t"},
	{Op: trace.ReaderFeedData, On: "r", Data: trace.D("")},
	{Op: trace.ReaderFeedData, On: "r", Data: trace.D("<a&b>\x00\x7f\xff\"\\\n\u2028")},
	{Op: trace.ReaderFeedData, On: "r", Data: trace.D(strings.Repeat("a", 1000) + "b\n" + strings.Repeat("cd", 500))},
	{Op: trace.ReaderFeedData, On: "r", Data: &trace.Data{Bytes: trace.Bytes("12345678"), Form: trace.Wide}},
	{Op: trace.ReaderFeedData, On: "r", Data: &trace.Data{Form: trace.AsNone}, NoSettle: true},
	{Op: trace.ReaderFeedEOF, On: "r"},
	{Op: trace.ReaderSetException, On: "r"},
	{Op: trace.ReaderSetException, On: "r", Exception: trace.Text("")},
	{Op: trace.ReaderSetException, On: "r", Exception: trace.Text("ключ 🔑 <&>")},
	{Op: trace.ReaderException, On: "r"},
	{Op: trace.ReaderAtEOF, On: "r"},
	{Op: trace.ReaderRead, On: "r", As: "c"},
	{Op: trace.ReaderRead, On: "r", As: "c", N: trace.Int(-1)},
	{Op: trace.ReaderReadLine, On: "r", As: "c"},
	{Op: trace.ReaderReadExactly, On: "r", As: "c", N: trace.Int(0)},
	{Op: trace.ReaderReadUntil, On: "r", As: "c"},
	{Op: trace.ReaderReadUntil, On: "r", As: "c", Separator: trace.D("\r\n")},
	{Op: trace.ReaderReadUntil, On: "r", As: "c", Separators: []trace.Data{}},
	{Op: trace.ReaderReadUntil, On: "r", As: "c", Separators: []trace.Data{*trace.D("a"), {Bytes: trace.Bytes("b"), Form: trace.View}}},
	{Op: trace.ReaderIterate, On: "r", As: "c", N: trace.Int(3)},
	{Op: trace.AddressMake, As: "a", Kind: trace.TCP, State: trace.Silent, Host: trace.Text("::1"), Port: trace.Int(0)},
	{Op: trace.RawConnect, As: "w", Kind: trace.Unix, Address: "a", Buffer: 4096},
	{Op: trace.SocketMake, As: "k", Kind: trace.Unix, Datagram: trace.Bool(false)},
	{Op: trace.StreamOpen, As: "s", Kind: trace.TCP},
	{Op: trace.StreamOpen, As: "s", Kind: trace.TCP, Host: trace.Text(""), Port: trace.Int(0), Local: "a", Family: trace.IPv6, Proto: trace.Int(0), Flags: trace.Int(0), Delay: trace.Int(0), Interleave: trace.Int(0), Limit: trace.Int(0)},
	{Op: trace.StreamServe, As: "srv", Kind: trace.TCP, Callback: trace.Function, Addresses: []string{}, Backlog: trace.Int(0), ReuseAddress: trace.Bool(false), ReusePort: trace.Bool(true), StartServing: trace.Bool(false)},
	{Op: trace.StreamServe, As: "srv", Kind: trace.Unix, Callback: trace.Object, Addresses: []string{"a"}, PathLike: trace.Bool(true), Keywords: []trace.Keyword{{Name: "", Value: trace.None}, {Name: "ssl", Value: trace.BoolValue(false)}},
		Program: []trace.Reaction{{In: trace.ClientConnected, Nth: 2, Do: []trace.Command{{Op: trace.ServerClose, On: "srv.server"}}, Hold: true, Raise: trace.Text("")}}},
	{Op: trace.ServerContext, On: "srv.server", As: "c", Serve: trace.Bool(false)},
	{Op: trace.Release, On: "srv#1", Exception: trace.Text("")},
	{Op: trace.ResolverAnswer, Name: "x.test", Addresses: []string{}},
	{Op: trace.ClockFreeze},
	{Op: trace.ClockAdvance, Ms: 1},
	{Op: trace.Cancel, On: "c"},
	{Op: trace.Settle},
	{Op: trace.Run, Until: &trace.Until{Done: "c"}, Ms: 100},
	{Op: trace.Forget},
	{Op: trace.Forget, Names: []string{"r", "c"}},
}

func bytesOf(s string) *trace.Bytes { b := trace.Bytes(s); return &b }

var everyReply = []trace.Reply{
	{Returned: &trace.Value{}},
	{Returned: &trace.Value{Bytes: bytesOf("")}},
	{Returned: &trace.Value{Bytes: bytesOf("\x00\xff\"<>"), Type: "bytearray"}},
	{Returned: &trace.Value{Bytes: bytesOf(strings.Repeat("x", 500))}, Turns: 3},
	{Returned: &trace.Value{Text: trace.Text("naïve\n")}},
	{Returned: &trace.Value{Int: trace.Int(-1)}},
	{Returned: &trace.Value{Bool: trace.Bool(false)}},
	{Returned: &trace.Value{List: []trace.Value{{}, {Int: trace.Int(1)}}}},
	{Returned: &trace.Value{Error: &trace.Error{Kind: trace.Scripted, Native: "Boom", Message: "boom"}}},
	{Raised: &trace.Error{Kind: trace.IncompleteRead, Partial: bytesOf("ab"), Expected: trace.Int(5)}},
	{Raised: &trace.Error{Kind: trace.LimitOverrun, Consumed: trace.Int(0), Native: "LimitOverrunError", Message: "too long"}},
	{Pending: "11"},
	{Unsupported: "no tuple"},
	{Fault: "there is no object"},
	{Returned: &trace.Value{}, Events: []trace.Event{
		{Ev: trace.Finished, On: "c", Turn: 1, Returned: &trace.Value{}},
		{Ev: trace.Finished, On: "d", Raised: &trace.Error{Kind: trace.Cancelled}},
		{Ev: trace.Item, On: "e", Value: &trace.Value{Bytes: bytesOf("a\n")}},
		{Ev: trace.PauseReading, On: "t"},
		{Ev: trace.ResumeReading, On: "t"},
		{Ev: trace.ClientConnected, On: "srv#1", Value: &trace.Value{Object: "w"}},
		{Ev: trace.ClientConnected, On: "srv#2", Value: &trace.Value{}},
		{Ev: trace.Resolving, On: "x.test", Value: &trace.Value{List: []trace.Value{{Text: trace.Text("ipv4")}, {Int: trace.Int(0)}, {Int: trace.Int(1)}}}},
		{Ev: trace.Unhandled, Text: "u"},
		{Ev: trace.Unraisable, Text: "v"},
		{Ev: trace.Warned, Text: "w"},
		{Ev: trace.Logged, Text: "x"},
		{Ev: trace.Unsettled},
	}},
}

func TestServe(t *testing.T) {
	const run = `"method":"session.run","params":`
	for _, test := range []struct{ name, in, out string }{
		{"initialize", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocol":1}}`, `"id":1,"result":{"protocol":1,"name":"echo"`},
		{"another version", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocol":9}}`, `"id":1,"result":{"protocol":1,`},
		{"shutdown", `{"jsonrpc":"2.0","id":1,"method":"shutdown","params":{}}`, `"id":1,"result":{}}`},
		{"empty batch", `{"jsonrpc":"2.0","id":1,` + run + `{"session":1,"commands":[]}}`, `"result":{"replies":[]}}`},
		{"not JSON", `what?`, `"id":null,"error":{"code":-32700,`},
		{"a list", `[]`, `"id":null,"error":{"code":-32600,`},
		{"no id", `{"jsonrpc":"2.0","method":"shutdown","params":{}}`, `"id":null,"error":{"code":-32600,`},
		{"text id", `{"jsonrpc":"2.0","id":"1","method":"shutdown","params":{}}`, `"id":null,"error":{"code":-32600,`},
		{"no version", `{"id":1,"method":"shutdown","params":{}}`, `"id":1,"error":{"code":-32600,`},
		{"no method", `{"jsonrpc":"2.0","id":1,"params":{}}`, `"id":1,"error":{"code":-32600,`},
		{"no params", `{"jsonrpc":"2.0","id":1,"method":"shutdown"}`, `"id":1,"error":{"code":-32600,`},
		{"field twice", `{"jsonrpc":"2.0","id":1,"id":1,"method":"shutdown","params":{}}`, `"id":1,"error":{"code":-32600,`},
		{"unknown field", `{"jsonrpc":"2.0","id":1,"method":"shutdown","params":{},"x":1}`, `"id":null,"error":{"code":-32600,`},
		{"unknown method", `{"jsonrpc":"2.0","id":1,"method":"dance","params":{}}`, `"id":1,"error":{"code":-32601,`},
		{"unknown param", `{"jsonrpc":"2.0","id":1,"method":"shutdown","params":{"now":true}}`, `"id":1,"error":{"code":-32602,`},
		{"no commands", `{"jsonrpc":"2.0","id":1,` + run + `{"session":1}}`, `"id":1,"error":{"code":-32602,`},
		{"commands no list", `{"jsonrpc":"2.0","id":1,` + run + `{"session":1,"commands":"all"}}`, `"id":1,"error":{"code":-32602,`},
		{"no such session", `{"jsonrpc":"2.0","id":1,"method":"session.close","params":{"session":4}}`, `"id":1,"error":{"code":-32602,`},
		{"failure", `{"jsonrpc":"2.0","id":1,` + run + `{"session":1,"commands":[{"op":"settle"},{"op":"reader.at_eof","on":"panic"}]}}`, `"error":{"code":-32603,"message":"session 1 is over after 1 reply: adapter-crash: it panicked"}`},
		{"too few replies", `{"jsonrpc":"2.0","id":1,` + run + `{"session":1,"commands":[{"op":"reader.at_eof","on":"short"}]}}`, `the adapter gave 0 replies for 1 command"}`},
		{"malformed command", `{"jsonrpc":"2.0","id":1,` + run + `{"session":1,"commands":[{"op":"settle"},{"op":"settle","why":1},7,{"op":"settle"}]}}`,
			`"result":{"replies":[{"returned":{"text":"settle()"}},{"fault":"the command has the field \"why\", which does not exist here: ` + "`{\\\"op\\\":\\\"settle\\\",\\\"why\\\":1}`" + `"},{"fault":"the command is a number, which is not permitted here: ` + "`7`" + `"},{"returned":{"text":"settle()"}}]}}`},
		{"second session", `{"jsonrpc":"2.0","id":1,` + run + `{"session":1,"commands":[]}}` + "\n" + `{"jsonrpc":"2.0","id":2,` + run + `{"session":2,"commands":[]}}`,
			`"id":2,"error":{"code":-32602,"message":"session 1 is still open`},
		{"close", `{"jsonrpc":"2.0","id":1,` + run + `{"session":1,"commands":[]}}` + "\n" + `{"jsonrpc":"2.0","id":2,"method":"session.close","params":{"session":1}}`,
			`"id":2,"result":{"events":[{"ev":"warning"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Serve(context.Background(), echo{}, strings.NewReader(test.in+"\n"), &out); err != nil {
				t.Fatal(err)
			}
			answers := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if len(answers) != strings.Count(test.in, "\n")+1 {
				t.Errorf("%d answers came back: %s", len(answers), out.String())
			}
			if last := answers[len(answers)-1]; !strings.Contains(last, test.out) {
				t.Errorf("the answer is\n\t%s\nand does not contain\n\t%s", last, test.out)
			}
		})
	}
}

func TestServeEnds(t *testing.T) {
	var out bytes.Buffer
	in := strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"shutdown","params":{}}` + "\nmore\n")
	if err := Serve(context.Background(), echo{}, in, &out); err != nil || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("after shutdown Serve gives %v and has written %q", err, out.String())
	}
	if err := Serve(context.Background(), echo{}, strings.NewReader(`{"jsonrpc"`), io.Discard); err == nil {
		t.Error("a request that breaks off is no error")
	}

	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if r.SetReadDeadline(noDeadline) != nil {
		t.Skip("pipes have no deadlines here")
	}
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error)
	go func() { result <- Serve(ctx, echo{}, r, io.Discard) }()
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("Serve with a context that is cancelled gives %v", err)
	}
}
