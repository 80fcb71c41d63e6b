package drive

import (
	"fmt"
	"slices"
	"testing"

	"github.com/streamspec/streamspec/spec/trace"
)

func TestServer(t *testing.T) {
	d := trace.Description{Settling: trace.Exact, Capabilities: []trace.Capability{trace.CapServer, trace.CapReader, trace.CapWriter, trace.CapUnix}}
	connected := func(n int, who trace.Value) trace.Event {
		return trace.Event{Ev: trace.ClientConnected, On: fmt.Sprintf("srv#%d", n), Value: &who}
	}
	var due []trace.Event // with the next command
	reply := func(_ *puppet, c *trace.Command) trace.Reply {
		r := trace.Reply{Returned: &trace.Value{}, Events: due}
		due = nil
		switch {
		case c.Op == trace.RawConnect && c.As == "w": // the callback is called for somebody else before
			r.Events = []trace.Event{connected(1, trace.Value{Object: "x"})}
			due = []trace.Event{connected(2, trace.Value{Object: "w"})}
		case c.Op == trace.RawConnect: // it is not known for whom
			due = []trace.Event{connected(3, trace.None)}
		case c.Op == trace.Release:
			due = []trace.Event{{Ev: trace.Finished, On: c.On, Raised: &trace.Error{Kind: trace.Scripted, Message: *c.Exception}}}
		}
		return r
	}
	p := &puppet{description: d, reply: reply}
	ended := false
	driven(t, p, DefaultDepth, func(testee *Testee) {
		s := testee.Serve(trace.Unix, Calling(trace.Coroutine), WithLimit(4), Reacting(
			InCall(2).Doing(WriteToWriter("hello"), CloseWriter).Holding(), InEachCall().Doing(CloseServer)))
		_, second := s.Client()
		_, third := s.Client()
		if second.Call.command.As != "srv#2" || third.Call.command.As != "srv#3" {
			t.Errorf("the clients' calls are %s and %s", second.Call.command.As, third.Call.command.As)
		}
		if n := s.Connected(3); n != 3 {
			t.Errorf("%d calls of the callback", n)
		}
		if !second.Call.Pending() {
			t.Error("the second call has ended")
		}
		second.Call.ReleaseRaising("boom")
		if e := second.Call.Raised(); e == nil || e.Message != "boom" {
			t.Errorf("the second call %s", second.Call.cameTo())
		}
		second.Reader.ReadAll()
		second.Writer.Close()
		s.WaitClosed()
		ended = true
	})
	if !ended {
		t.Fatal("the case has ended before")
	}
	serve := p.commands[slices.IndexFunc(p.commands, func(c trace.Command) bool { return c.Op == trace.StreamServe })]
	if got, want := serve.String(), `srv = stream.serve(limit: 4, unix, callback: coroutine, [a], {in client_connected number 2: srv#2.writer.write("hello"); srv#2.writer.close(); hold}, {in client_connected: srv.server.close()})`; got != want {
		t.Errorf("served by\n%s, not\n%s", got, want)
	}
	for _, on := range []string{"srv#2.reader", "srv#2.writer", "srv#2", "srv.server"} {
		if !slices.ContainsFunc(p.commands, func(c trace.Command) bool { return c.On == on }) {
			t.Errorf("nothing was done on %s", on)
		}
	}
}

func TestOpenTo(t *testing.T) {
	d := trace.Description{
		Settling: trace.Exact, BestEffort: []trace.Capability{trace.CapTCP},
		Capabilities: []trace.Capability{trace.CapConnect, trace.CapReader, trace.CapWriter, trace.CapTCP, trace.CapUnix, trace.CapResolver},
	}
	late := 2 // so often there is nothing to accept yet
	reply := func(_ *puppet, c *trace.Command) trace.Reply {
		switch {
		case c.Op == trace.RawAccept && late > 0:
			late--
			return trace.Reply{Raised: &trace.Error{Kind: trace.OSError}}
		case c.Op == trace.ResolverAnswer:
			return trace.Reply{Returned: &trace.Value{}, Events: []trace.Event{{Ev: trace.Resolving, On: c.Name, Value: &trace.Value{List: []trace.Value{{Text: trace.Text("ipv4")}, {Int: trace.Int(6)}, {Int: trace.Int(1)}}}}}}
		}
		return trace.Reply{Returned: &trace.Value{}}
	}
	p := &puppet{description: d, reply: reply}
	ended := false
	driven(t, p, DefaultDepth, func(testee *Testee) {
		local := testee.NewAddressOfPort("127.0.0.1", 0)
		s := testee.OpenTo(testee.NewAddressIn(trace.TCP, trace.Live), WithLocal(local), WithLimit(3))
		if testee.SettlesExactly() {
			t.Error("a TCP connection is best effort")
		}
		if s.Raw == nil || s.Raw.Kind != trace.TCP {
			t.Errorf("the raw end is %v", s.Raw)
		}
		if s := testee.OpenTo(testee.NewAddress(trace.Unix)); s.Raw != nil {
			t.Error("something was accepted at an address that is not live")
		}
		testee.Resolve("host")
		if got := testee.Resolving("host", 1); len(got) != 1 || got[0] != (Query{trace.IPv4, 6, 1}) {
			t.Errorf("asked of the resolver: %v", got)
		}
		ended = true
	})
	if !ended {
		t.Fatal("the case has ended before")
	}
	if n := p.count(trace.RawAccept); n != 3 {
		t.Errorf("it was tried %d times to accept", n)
	}
	if c := p.commands[2]; c.Op != trace.StreamOpen || c.String() != "c1 = stream.open(limit: 3, tcp, address: a2, local: a)" {
		t.Errorf("opened by %s", c)
	}
}
