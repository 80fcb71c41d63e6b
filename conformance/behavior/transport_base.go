package behavior

import (
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// The kinds of connection that rules about transports hold for.
var (
	allKinds     = []trace.EndKind{trace.TCP, trace.Unix, trace.ReadPipe, trace.WritePipe}
	socketKinds  = []trace.EndKind{trace.TCP, trace.Unix}
	readingKinds = []trace.EndKind{trace.TCP, trace.Unix, trace.ReadPipe}
	writingKinds = []trace.EndKind{trace.TCP, trace.Unix, trace.WritePipe}
	pipeKinds    = []trace.EndKind{trace.ReadPipe, trace.WritePipe}
)

// itEach is an It for each kind of connection.
func itEach(kinds []trace.EndKind, text string, rules Labels, body func(trace.EndKind)) {
	for _, kind := range kinds {
		It(text+": "+string(kind), rules, func() { body(kind) })
	}
}

// The callbacks' names, for what a protocol has lived through.
const (
	made, data, eof, lost = trace.ConnectionMade, trace.DataReceived, trace.EOFReceived, trace.ConnectionLost
	paused, resumed       = trace.PauseWriting, trace.ResumeWriting
	doing, did            = trace.Doing, trace.Did
)

// much is more than any of the kernel's buffers of a connection holds.
const much = 1 << 20 // bytes

// fill queues more than the kernel might still take, on its own, while the raw end receives nothing.
func fill(c *Connection) (written int) {
	written, _ = c.Transport.Fill()
	c.Transport.Write(strings.Repeat("+", much))
	return written + much
}

// narrow makes a connection whose marks much exceeds by far, whatever the kernel takes of it.
func narrow(t *Testee, kind trace.EndKind, program ...Reaction) *Connection {
	c := t.Connect(kind, program...)
	c.Transport.SetMarks(16<<10, 64<<10)
	return c
}

// The operations of the kinds of transport.
var (
	baseOperations  = []string{"close", "is_closing", "get_extra_info", "set_protocol", "get_protocol"}
	readOperations  = []string{"pause_reading", "resume_reading", "is_reading"}
	writeOperations = []string{
		"write", "writelines", "write_eof", "can_write_eof", "abort", "get_write_buffer_size", "get_write_buffer_limits", "set_write_buffer_limits",
	}
)

// Calls of them, for a transport that does not have them.
var (
	readCalls = map[string]func(*Transport) *Call{
		"pause_reading": (*Transport).PauseReading, "resume_reading": (*Transport).ResumeReading, "is_reading": (*Transport).IsReading,
	}
	writeCalls = map[string]func(*Transport) *Call{
		"write":                   func(tr *Transport) *Call { return tr.Write("a") },
		"writelines":              func(tr *Transport) *Call { return tr.WriteLines("a") },
		"write_eof":               (*Transport).WriteEOF,
		"can_write_eof":           (*Transport).CanWriteEOF,
		"abort":                   (*Transport).Abort,
		"get_write_buffer_size":   (*Transport).WriteBufferSize,
		"set_write_buffer_limits": func(tr *Transport) *Call { return tr.SetHigh(1) },
	}
)

// transportBase is what all transports have in common.
func transportBase(t *Testee) {
	has := func(tr *Transport, operations []string) {
		for _, name := range operations {
			t.Expect(tr.Has(name)).To(ReturnBool(true))
		}
	}
	// lacks accepts an operation that is there and says that it is not supported.
	lacks := func(tr *Transport, operations map[string]func(*Transport) *Call) {
		for name, call := range operations {
			asked := tr.Has(name)
			if v := asked.Returned(); v != nil && v.Bool != nil && *v.Bool {
				t.Asking(func() { t.Expect(call(tr)).To(FailWith(NotSupported)) })
			} else {
				t.Expect(asked).To(ReturnBool(false))
			}
		}
	}

	Describe("transport.base", func() {
		itEach(socketKinds, "receives nothing after close, while it still sends",
			Rule("transport.base.close-stops-receiving"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				written := fill(c)
				c.Transport.Close()
				c.Raw.Send("too late")
				t.Expect(c.Raw.Recv(written)).To(ComeBack()) // TCP may reset a connection that is closed with something unread
				t.Expect(c.Protocol).To(HaveLived(made, lost))
			})
		itEach(socketKinds, "receives nothing after close from inside data_received, while it still sends",
			Rule("transport.base.close-stops-receiving"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(data).Doing(Close))
				written := fill(c)
				c.Raw.Send("a")
				t.Expect(c.Protocol).To(HaveReceived("a"))
				c.Raw.Send("b")
				t.Expect(c.Raw.Recv(written)).To(ComeBack()) // see above
				t.Expect(c.Protocol).To(HaveLived(made, data, lost))
				t.Expect(c.Protocol).To(HaveReceived("a"))
			})
		itEach(readingKinds, "receives nothing after close of what the kernel has already",
			Rule("transport.base.close-stops-receiving"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Transport.PauseReading()
				c.Raw.Send("in the kernel")
				c.Transport.Close()
				t.Expect(c.Protocol).To(HaveLived(made, lost))
			})
		itEach(readingKinds, "receives nothing after close in the same breath",
			Rule("transport.base.close-stops-receiving"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				t.WithoutSettling(func() {
					c.Transport.PauseReading()
					c.Raw.Send("in the kernel")
					c.Transport.ResumeReading()
					c.Transport.Close()
				})
				t.Expect(c.Protocol).To(HaveLost())
				if t.SettlesExactly() {
					t.Expect(c.Protocol).To(HaveLived(made, lost))
				}
			})
		itEach(readingKinds, "receives nothing after close from inside data_received",
			Rule("transport.base.close-stops-receiving"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(data).Doing(Close))
				t.WithoutSettling(func() { c.Raw.Send("a") })
				t.Expect(c.Protocol).To(HaveReceived("a"))
				c.Raw.Send("b")
				t.Expect(c.Protocol).To(HaveLived(made, data, lost))
				t.Expect(c.Protocol).To(HaveReceived("a"))
			})

		itEach(writingKinds, "sends what is queued after close",
			Rule("transport.base.close-flushes"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				text := Pattern(300_000)
				c.Transport.Write(text)
				c.Transport.Close()
				t.Expect(c.Raw.RecvAll()).To(Return(text))
				t.Expect(c.Protocol).To(HaveLived(made, lost))
				t.Expect(c.Raw.FarOpen()).To(Become(ReturnBool(false)))
			})
		itEach(writingKinds, "sends what is queued after close to a peer that is slow",
			Rule("transport.base.close-flushes"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				text := Pattern(much)
				c.Transport.Write(text)
				c.Transport.Close()
				const step = 50_000
				for rest := text; rest != ""; {
					n := min(step, len(rest))
					t.Expect(c.Raw.Recv(n)).To(Return(rest[:n]))
					rest = rest[n:]
				}
				t.Expect(c.Raw.RecvAll()).To(Return(""))
				t.Expect(c.Protocol).To(HaveLostCleanly())
			})
		itEach(writingKinds, "ends the connection at close when nothing is queued",
			Rule("transport.base.close-flushes"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Transport.Write("sent at once")
				c.Transport.Close()
				t.Expect(c.Raw.RecvAll()).To(Return("sent at once"))
				t.Expect(c.Protocol).To(HaveLostCleanly())
				t.Expect(c.Raw.FarOpen()).To(Become(ReturnBool(false)))
			})
		itEach(writingKinds, "sends what several calls have queued after close from inside pause_writing",
			Rule("transport.base.close-flushes"), func(kind trace.EndKind) {
				c := narrow(t, kind, In(paused).Doing(Close))
				text := Pattern(much)
				c.Transport.Write(text)
				t.Expect(c.Raw.RecvAll()).To(Return(text))
				t.Expect(c.Protocol).To(HaveLostCleanly())
			})
		for _, lines := range [][]string{{"hello", ""}, {"", "hello"}, {"", ""}, {}} {
			itEach(writingKinds, "ends the connection at close after writelines of "+strings.Join(quoted(lines), ", "),
				Rule("transport.base.close-flushes"), func(kind trace.EndKind) {
					c := t.Connect(kind)
					c.Transport.WriteLines(lines...)
					c.Transport.Close()
					t.Expect(c.Raw.RecvAll()).To(Return(strings.Join(lines, "")))
					t.Expect(c.Protocol).To(HaveLostCleanly())
				})
		}
		itEach(writingKinds, "sends what is queued after close when writelines ended with an empty chunk",
			Rule("transport.base.close-flushes"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				text := Pattern(300_000)
				c.Transport.Write(text)
				c.Transport.WriteLines("hello", "", "")
				c.Transport.Close()
				t.Expect(c.Raw.RecvAll()).To(Return(text + "hello"))
				t.Expect(c.Protocol).To(HaveLostCleanly())
			})

		itEach(allKinds, "ends with connection_lost(none) after close, once",
			Rule("transport.base.close-ends-with-loss"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				t.Expect(c.Transport.Close()).To(ReturnNone())
				t.Expect(c.Protocol).To(HaveLostCleanly())
				t.Expect(c.Transport.Close()).To(ReturnNone())
				t.Expect(c.Protocol).To(HaveLived(made, lost))
				t.Expect(c.Raw.FarOpen()).To(Become(ReturnBool(false)))
			})
		itEach(allKinds, "ends with connection_lost(none) when close is called several times at once",
			Rule("transport.base.close-ends-with-loss"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				t.WithoutSettling(func() {
					for range 3 {
						t.Expect(c.Transport.Close()).To(ReturnNone())
					}
				})
				t.Expect(c.Protocol).To(HaveLostCleanly())
				t.Expect(c.Protocol).To(HaveLived(made, lost))
			})
		itEach(writingKinds, "is not lost before everything is sent",
			Rule("transport.base.close-ends-with-loss"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				written := fill(c)
				c.Transport.Close()
				t.Expect(c.Raw.Recv(written - much)).To(ReturnLength(written - much))
				t.Expect(c.Protocol.Count(lost)).To(BeZero(), "calls of connection_lost while the kernel cannot have taken everything")
				t.Expect(c.Raw.RecvAll()).To(ReturnLength(much))
				t.Expect(c.Protocol).To(HaveLostCleanly())
			})

		itEach(allKinds, "is closing from close on", Rule("transport.base.is-closing"), func(kind trace.EndKind) {
			c := t.Connect(kind)
			t.Expect(c.Transport.IsClosing()).To(ReturnBool(false))
			t.WithoutSettling(func() {
				c.Transport.Close()
				t.Expect(c.Transport.IsClosing()).To(ReturnBool(true))
			})
			t.Expect(c.Protocol).To(HaveLost())
			t.Expect(c.Transport.IsClosing()).To(ReturnBool(true))
		})
		itEach(writingKinds, "is closing while it sends what was queued",
			Rule("transport.base.is-closing"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				fill(c)
				t.Expect(c.Transport.IsClosing()).To(ReturnBool(false))
				c.Transport.Close()
				t.Expect(c.Transport.IsClosing()).To(ReturnBool(true))
				c.Raw.RecvAll()
				t.Expect(c.Protocol).To(HaveLost())
				t.Expect(c.Transport.IsClosing()).To(ReturnBool(true))
			})
		itEach(writingKinds, "is closing from abort on", Rule("transport.base.is-closing"), func(kind trace.EndKind) {
			c := t.Connect(kind)
			t.WithoutSettling(func() {
				c.Transport.Abort()
				t.Expect(c.Transport.IsClosing()).To(ReturnBool(true))
			})
			t.Expect(c.Protocol).To(HaveLost())
			t.Expect(c.Transport.IsClosing()).To(ReturnBool(true))
		})
		itEach(socketKinds, "is not closing when the peer has ended the stream and the protocol keeps it open",
			Rule("transport.base.is-closing"), func(kind trace.EndKind) {
				c := t.Connect(kind, In(eof).ReturningTrue())
				c.Raw.End()
				t.Expect(c.Protocol).To(HaveLived(made, eof))
				t.Expect(c.Transport.IsClosing()).To(ReturnBool(false))
			})
		itEach(allKinds, "is closing inside connection_lost", Rule("transport.base.is-closing"), func(kind trace.EndKind) {
			c := t.Connect(kind, In(made).Doing(IsClosing), In(lost).Doing(IsClosing))
			c.Transport.Close()
			t.Expect(c.Protocol).To(HaveLost())
			t.Expect(c.Protocol.Await(did, 2)).To(BeTrue(), "is_closing came back inside connection_made and connection_lost")
			t.Expect(c.Protocol.Answers()).To(Equal([]string{"false", "true"}))
		})

		itEach(allKinds, "gives the default for information that it does not know",
			Rule("transport.base.extra-info-or-default"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				t.Expect(c.Transport.Info("no such information")).To(ReturnNone())
				t.Expect(c.Transport.InfoOr("no such information", "the default")).To(ReturnText("the default"))
				known := "pipe"
				if kind == trace.TCP {
					known = "sockname"
				} else if kind == trace.Unix {
					known = "socket"
				}
				t.Expect(c.Transport.InfoOr(known, "the default")).NotTo(ReturnText("the default"))
				t.Expect(c.Transport.InfoOr(known, "the default")).To(ReturnTheSameAs(c.Transport.Info(known)))
			})
		It("knows the socket and its names: tcp", Rule("transport.base.socket-info"), func() {
			c := t.Connect(trace.TCP)
			t.Expect(c.Transport.Info("socket")).To(ReturnSomething())
			t.Expect(c.Transport.Info("sockname")).To(ReturnTheSameAs(c.Raw.PeerName()))
			t.Expect(c.Transport.Info("peername")).To(ReturnTheSameAs(c.Raw.SockName()))
		})
		It("knows its names from connection_made on: tcp", Rule("transport.base.socket-info"), func() {
			info := func(name string) Action { return Action{Op: trace.TransportGetExtraInfo, Name: name} }
			c := t.Connect(trace.TCP, In(made).Doing(info("sockname"), info("peername")))
			t.Expect(c.Protocol.Await(did, 2)).To(BeTrue(), "get_extra_info came back inside connection_made")
			ours, peers := c.Raw.PeerName().Returned().String(), c.Raw.SockName().Returned().String()
			t.Expect(c.Protocol.Answers()).To(Equal([]string{ours, peers}))
		})
		It("knows the socket, which has no names: unix", Rule("transport.base.socket-info"), func() {
			c := t.Connect(trace.Unix)
			t.Expect(c.Transport.Info("socket")).To(ReturnSomething())
			for _, name := range []string{"sockname", "peername"} {
				t.Expect(c.Transport.Info(name)).To(Or(ReturnNone(), ReturnText("")))
			}
		})
		itEach(pipeKinds, "knows the pipe", Rule("transport.base.pipe-info"), func(kind trace.EndKind) {
			t.Expect(t.Connect(kind).Transport.Info("pipe")).To(ReturnSomething())
		})
		itEach(allKinds, "may know a name or not, and never fails",
			Rule("transport.base.info-varies"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				var known []string
				for _, name := range []string{"peername", "socket", "sockname", "compression", "cipher", "peercert", "sslcontext", "ssl_object", "pipe", "subprocess"} {
					info := c.Transport.InfoOr(name, "the default")
					t.Expect(info.Raised()).To(BeNil(), info.String())
					if v := info.Returned(); v != nil && (v.Text == nil || *v.Text != "the default") {
						known = append(known, name)
					}
				}
				t.Saw("knows " + strings.Join(known, ", "))
			})

		itEach(readingKinds, "has all callbacks go to the protocol that was set",
			Rule("transport.base.set-protocol"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				next := t.NewProtocol(c.Transport)
				c.Raw.Send("for the first")
				t.Expect(c.Protocol).To(HaveReceived("for the first"))
				t.Expect(c.Transport.SetProtocol(next)).To(ReturnNone())
				c.Raw.Send("for the next")
				t.Expect(next).To(HaveReceived("for the next"))
				c.Raw.End()
				t.Expect(next).To(HaveLived(data, eof, lost))
				t.Expect(c.Protocol).To(HaveLived(made, data))
			})
		itEach(readingKinds, "has callbacks go to a protocol that was set from inside data_received",
			Rule("transport.base.set-protocol"), func(kind trace.EndKind) {
				c := t.Prepare(kind)
				next := t.NewProtocol(c.Transport)
				c.Protocol = t.NewProtocol(c.Transport, In(data).Doing(SetProtocol(next)))
				c.Open()
				c.Raw.Send("for the first")
				t.Expect(c.Protocol).To(HaveReceived("for the first"))
				t.Expect(c.Protocol.Await(did, 1)).To(BeTrue(), "set_protocol came back")
				c.Raw.Send("for the next")
				t.Expect(next).To(HaveReceived("for the next"))
				c.Transport.Close()
				t.Expect(next).To(HaveLived(data, lost))
				t.Expect(c.Protocol).To(HaveLived(made, data))
			})
		itEach(readingKinds, "has what waited while it was paused go to the protocol that was set meanwhile",
			Rule("transport.base.set-protocol"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				next := t.NewProtocol(c.Transport)
				c.Transport.PauseReading()
				c.Raw.Send("for the next")
				c.Raw.End()
				c.Transport.SetProtocol(next)
				c.Transport.ResumeReading()
				t.Expect(next).To(HaveReceived("for the next"))
				t.Expect(next).To(HaveLived(data, eof, lost))
				t.Expect(c.Protocol).To(HaveLived(made))
			})
		itEach(readingKinds, "has what comes go to the protocol that was set, and not to a stream's read that waits",
			Rule("transport.base.set-protocol"), func(kind trace.EndKind) {
				s := t.OpenStream(kind)
				read := s.Reader.Read(10)
				t.Expect(read).To(BePending())
				next := t.NewProtocol(s.Transport)
				s.Transport.SetProtocol(next)
				s.Raw.Send("for the next")
				t.Expect(next).To(HaveReceived("for the next"))
				t.Expect(read).To(BePending())
			})
		itEach(writingKinds, "resumes the protocol that was set while writing was paused",
			Rule("transport.base.set-protocol"), func(kind trace.EndKind) {
				c := narrow(t, kind)
				next := t.NewProtocol(c.Transport)
				text := Pattern(much)
				c.Transport.Write(text)
				t.Expect(c.Protocol).To(HaveFlow(paused))
				c.Transport.SetProtocol(next)
				t.Expect(c.Raw.Recv(len(text))).To(Return(text))
				t.Expect(next).To(HaveFlow(resumed))
				t.Expect(c.Protocol).To(HaveFlow(paused))
				c.Transport.Close()
				t.Expect(next).To(HaveLived(lost))
				t.Expect(c.Protocol).To(HaveLived(made))
			})
		itEach(writingKinds, "pauses, resumes and loses the protocol that was set before",
			Rule("transport.base.set-protocol"), func(kind trace.EndKind) {
				c := narrow(t, kind)
				next := t.NewProtocol(c.Transport)
				c.Transport.SetProtocol(next)
				text := Pattern(much)
				c.Transport.Write(text)
				t.Expect(next).To(HaveFlow(paused))
				t.Expect(c.Raw.Recv(len(text))).To(Return(text))
				t.Expect(next).To(HaveFlow(paused, resumed))
				c.Transport.Abort()
				t.Expect(next).To(HaveLived(lost))
				t.Expect(c.Protocol).To(HaveLived(made))
				t.Expect(c.Protocol).To(HaveFlow())
			})
		itEach(allKinds, "knows its protocol", Rule("transport.base.get-protocol"), func(kind trace.EndKind) {
			c := t.Connect(kind)
			next := t.NewProtocol(c.Transport)
			t.Expect(c.Transport.GetProtocol()).To(ReturnTheProtocol(c.Protocol))
			c.Transport.SetProtocol(next)
			t.Expect(c.Transport.GetProtocol()).To(ReturnTheProtocol(next))
			c.Transport.SetProtocol(c.Protocol)
			t.Expect(c.Transport.GetProtocol()).To(ReturnTheProtocol(c.Protocol))
		})
		itEach(writingKinds, "knows its protocol while it is closing", Rule("transport.base.get-protocol"), func(kind trace.EndKind) {
			c := t.Connect(kind)
			fill(c)
			c.Transport.Close()
			t.Expect(c.Transport.GetProtocol()).To(ReturnTheProtocol(c.Protocol))
			c.Transport.Abort()
			t.Expect(c.Protocol).To(HaveLostCleanly())
		})

		itEach(allKinds, "is made with a protocol from the factory",
			Rule("transport.base.made-by-loop"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				t.Expect(c.Opened).To(ReturnNone())
				t.Expect(c.Transport.GetProtocol()).To(ReturnTheProtocol(c.Protocol))
				t.Expect(c.Protocol).To(HaveLived(made))
			})
		itEach(allKinds, "is not made when the factory fails",
			Rule("transport.base.made-by-loop"), func(kind trace.EndKind) {
				c := t.Prepare(kind)
				t.Expect(c.OpenFailing("no protocol")).To(FailWith(AnyError))
				t.Expect(c.Protocol).To(HaveLived())
			})
		itEach(readingKinds, "has a protocol of its own",
			Rule("transport.base.one-protocol-each"), func(kind trace.EndKind) {
				one, other := t.Connect(kind), t.Connect(kind)
				t.Expect(one.Transport.GetProtocol()).To(ReturnTheProtocol(one.Protocol))
				t.Expect(other.Transport.GetProtocol()).To(ReturnTheProtocol(other.Protocol))
				one.Raw.Send("for the one")
				other.Raw.Send("for the other")
				t.Expect(one.Protocol).To(HaveReceived("for the one"))
				t.Expect(other.Protocol).To(HaveReceived("for the other"))
				one.Transport.Close()
				t.Expect(one.Protocol).To(HaveLived(made, data, lost))
				t.Expect(other.Protocol).To(HaveLived(made, data))
			})

		itEach(allKinds, "has the operations of every transport", Rule("transport.base.kinds"), func(kind trace.EndKind) {
			has(t.Connect(kind).Transport, baseOperations)
		})
		It("can only be written: write-pipe",
			Rule("transport.base.write-pipe-is-write-only", "transport.base.kinds"), func() {
				c := t.Connect(trace.WritePipe)
				has(c.Transport, writeOperations)
				lacks(c.Transport, readCalls)
			})
		It("can only be read: read-pipe", Rule("transport.base.read-pipe-is-read-only", "transport.base.kinds"), func() {
			c := t.Connect(trace.ReadPipe)
			has(c.Transport, readOperations)
			lacks(c.Transport, writeCalls)
		})
		itEach(socketKinds, "can be read and written",
			Rule("transport.base.connections-are-bidirectional", "transport.base.kinds"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				has(c.Transport, readOperations)
				has(c.Transport, writeOperations)
			})

		for _, end := range []struct {
			name string
			call Action
		}{{"close", Close}, {"abort", Abort}} {
			kinds := allKinds
			if end.name == "abort" {
				kinds = writingKinds
			}
			itEach(kinds, "is not lost inside "+end.name,
				Rule("transport.base.loss-is-asynchronous"), func(kind trace.EndKind) {
					c := t.Connect(kind)
					t.WithoutSettling(func() {
						if end.name == "close" {
							c.Transport.Close()
						} else {
							c.Transport.Abort()
						}
					})
					if t.SettlesExactly() {
						t.Expect(c.Protocol).To(HaveLived(made))
					}
					t.Expect(c.Protocol).To(HaveLost())
				})
			itEach(kinds, "is not lost inside "+end.name+" from inside connection_made",
				Rule("transport.base.loss-is-asynchronous"), func(kind trace.EndKind) {
					c := t.Connect(kind, In(made).Doing(end.call))
					t.Expect(c.Protocol).To(HaveLost())
					t.Expect(c.Protocol.Order(made, doing, did, lost)).To(Equal([]trace.EventName{made, doing, did, lost}))
				})
			itEach(intersection(kinds, readingKinds), "is not lost inside "+end.name+" from inside data_received",
				Rule("transport.base.loss-is-asynchronous"), func(kind trace.EndKind) {
					c := t.Connect(kind, In(data).Doing(end.call))
					c.Raw.Send("a")
					t.Expect(c.Protocol).To(HaveLost())
					t.Expect(c.Protocol.Order(data, doing, did, lost)).To(Equal([]trace.EventName{data, doing, did, lost}))
				})
			itEach(intersection(kinds, readingKinds), "is not lost inside "+end.name+" from inside eof_received",
				Rule("transport.base.loss-is-asynchronous"), func(kind trace.EndKind) {
					c := t.Connect(kind, In(eof).Doing(end.call))
					c.Raw.End()
					t.Expect(c.Protocol).To(HaveLost())
					t.Expect(c.Protocol.Order(eof, doing, did, lost)).To(Equal([]trace.EventName{eof, doing, did, lost}))
				})
			for _, callback := range []trace.EventName{paused, resumed} {
				itEach(writingKinds, "is not lost inside "+end.name+" from inside "+string(callback),
					Rule("transport.base.loss-is-asynchronous"), func(kind trace.EndKind) {
						c := narrow(t, kind, In(callback).Doing(end.call))
						c.Transport.Write(Pattern(much))
						c.Raw.RecvAll()
						t.Expect(c.Protocol).To(HaveLost())
						t.Expect(c.Protocol.Order(callback, doing, did, lost)).To(Equal([]trace.EventName{callback, doing, did, lost}))
					})
			}
		}

		itEach(allKinds, "lets the caller see the exception of the factory",
			Rule("transport.base.factory-error-propagates"), func(kind trace.EndKind) {
				t.Expect(t.Prepare(kind).OpenFailing("boom")).To(FailWith(Exception("boom")))
			})
		itEach(socketKinds, "has no protocol when it is lost",
			Rule("transport.base.no-protocol-after-loss"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				c.Transport.Close()
				t.Expect(c.Protocol).To(HaveLost())
				t.Expect(c.Transport.GetProtocol()).To(Become(ReturnNone()))
			})
		itEach([]trace.EndKind{trace.ReadFile, trace.WriteFile}, "refuses regular files",
			Rule("transport.base.regular-file-refused"), func(kind trace.EndKind) {
				c := t.Connect(kind)
				t.Expect(c.Opened).To(FailWith(InvalidArgument))
				t.Expect(c.Protocol).To(HaveLived())
			})
		itEach(socketKinds, "gives a wrapper for the socket",
			Rule("transport.base.socket-is-wrapped"), func(kind trace.EndKind) {
				t.Needs(trace.CapPythonSurface)
				info := t.Connect(kind).Transport.Info("socket")
				t.Expect(info).To(ReturnTextWith("Socket"))
				t.Expect(info).NotTo(ReturnText("socket.socket"))
			})
		itEach(allKinds, "still knows after it is closed what it knew",
			Rule("transport.base.info-after-close"), func(kind trace.EndKind) {
				names := namesKnown(kind)
				c := t.Connect(kind)
				before := map[string]*Call{}
				for _, name := range names {
					before[name] = c.Transport.Info(name)
				}
				c.Transport.Close()
				for _, name := range names {
					t.Expect(c.Transport.Info(name)).To(ReturnTheSameAs(before[name]), "after close")
				}
				t.Expect(c.Protocol).To(HaveLost())
				for _, name := range names {
					t.Expect(c.Transport.Info(name)).To(ReturnTheSameAs(before[name]), "after the loss")
				}
				t.Expect(c.Transport.InfoOr("no such information", "the default")).To(ReturnText("the default"))
			})
		itEach(allKinds, "knows after the loss what nobody has asked for before",
			Rule("transport.base.info-after-close"), func(kind trace.EndKind) {
				c, like := t.Connect(kind), t.Connect(kind)
				c.Transport.Close()
				t.Expect(c.Protocol).To(HaveLost())
				for _, name := range namesKnown(kind) {
					if known := like.Transport.Info(name).Returned(); known != nil && !known.IsNone() {
						t.Expect(c.Transport.Info(name)).To(ReturnSomething(), name)
					}
				}
			})
		It("has an empty text for the names of a Unix socket without one",
			Rule("transport.base.unnamed-unix-address"), func() {
				c := t.Connect(trace.Unix)
				t.Expect(c.Transport.Info("sockname")).To(ReturnText(""))
				t.Expect(c.Transport.Info("peername")).To(ReturnText(""))
			})
	})
}

// namesKnown are the names of what a transport of a kind knows of its end, as a rule.
func namesKnown(kind trace.EndKind) []string {
	if kind == trace.ReadPipe || kind == trace.WritePipe {
		return []string{"pipe"}
	}
	return []string{"socket", "sockname", "peername"}
}

// quoted shows chunks as one would write them; none of them is shown as such.
func quoted(chunks []string) []string {
	if len(chunks) == 0 {
		return []string{"nothing"}
	}
	out := make([]string, len(chunks))
	for i, chunk := range chunks {
		out[i] = trace.Bytes(chunk).String()
	}
	return out
}

// intersection returns those kinds that are among others too.
func intersection(kinds, others []trace.EndKind) []trace.EndKind {
	return slices.DeleteFunc(slices.Clone(kinds), func(k trace.EndKind) bool { return !slices.Contains(others, k) })
}
