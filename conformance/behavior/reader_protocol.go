package behavior

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/streamspec/streamspec/conformance/internal/drive"
	"github.com/streamspec/streamspec/spec/trace"
)

// readerProtocol is the protocol between a transport and a reader.
func readerProtocol(t *Testee) {
	Describe("reader_protocol", func() {
		readerProtocolByHand(t)
		readerProtocolOnWire(t)
	})
}

// readerProtocolByHand is the protocol as its callbacks are called.
func readerProtocolByHand(t *Testee) {
	feeds := Rule("reader_protocol.feeds-reader")
	It("feeds its reader with data and the end", feeds, func() {
		r := t.NewReader()
		p := t.NewReaderProtocol(r, "")
		p.ConnectionMade(t.NewMock())
		line := r.ReadLine()
		t.Expect(line).To(BePending())
		t.Expect(p.DataReceived("ab")).To(ReturnNone())
		t.Expect(line).To(BePending())
		t.Expect(p.DataReceived("c\nde")).To(ReturnNone())
		t.Expect(line).To(Return("abc\n"))
		rest := r.ReadAll()
		t.Expect(rest).To(BePending())
		p.EOFReceived()
		t.Expect(rest).To(Return("de"))
		t.Expect(r.AtEOF()).To(ReturnBool(true))
	})
	It("ends its reader when the connection is lost", feeds, func() {
		r := t.NewReader()
		p := t.NewReaderProtocol(r, "")
		p.ConnectionMade(t.NewMock())
		p.DataReceived("abc")
		read := r.ReadExactly(5)
		t.Expect(read).To(BePending())
		t.Expect(p.ConnectionLost()).To(ReturnNone())
		t.Expect(read).To(FailWith(PartialOf("abc", 5)))
	})
	It("gives its reader the transport, to be paused", feeds, func() {
		r := t.NewReaderLimit(4)
		p := t.NewReaderProtocol(r, "")
		flow := t.NewMock()
		p.ConnectionMade(flow)
		t.Expect(flow).To(HaveBeenLeftAlone())
		p.DataReceived("abcdefghi")
		t.Expect(flow).To(HaveBeenPaused())
		t.Expect(r.ReadExactly(9)).To(Return("abcdefghi"))
		t.Expect(flow).To(HaveBeenResumed())
	})
	It("feeds its reader nothing before anything has come", feeds, func() {
		r := t.NewReader()
		p := t.NewReaderProtocol(r, "")
		p.ConnectionMade(t.NewMock())
		read := r.Read(1)
		t.Expect(read).To(BePending())
		t.Expect(r.AtEOF()).To(ReturnBool(false))
		p.DataReceived("a")
		t.Expect(read).To(Return("a"))
	})

	calls := Rule("reader_protocol.calls-client-callback")
	for _, callback := range []trace.Callback{trace.Function, trace.Coroutine} {
		It("calls the callback when the connection is made, once, with a reader and a writer: "+string(callback), calls, func() {
			r := t.NewReader()
			p := t.NewReaderProtocol(r, callback)
			t.Expect(p.ClientConnected(0)).To(Equal(0), "calls of the callback before the connection is made")
			p.ConnectionMade(t.NewMock())
			t.Expect(p.ClientConnected(1)).To(Equal(1), "calls of the callback")
			reader, writer := p.Client()
			p.DataReceived("abc")
			t.Expect(reader.ReadExactly(3)).To(Return("abc"))
			p.PauseWriting()
			drain := writer.Drain()
			t.Expect(drain).To(BePending())
			p.ResumeWriting()
			t.Expect(drain).To(ReturnNone())
			p.EOFReceived()
			t.Expect(reader.ReadAll()).To(Return(""))
			t.Expect(p.ClientConnected(1)).To(Equal(1), "calls of the callback")
		})
		It("calls the callback of each connection: "+string(callback), calls, func() {
			p := t.NewReaderProtocol(t.NewReader(), callback)
			q := t.NewReaderProtocol(t.NewReader(), callback)
			p.ConnectionMade(t.NewMock())
			t.Expect(p.ClientConnected(1)).To(Equal(1), "calls of the first one's callback")
			t.Expect(q.ClientConnected(0)).To(Equal(0), "calls of the second one's callback")
			q.ConnectionMade(t.NewMock())
			t.Expect(p.ClientConnected(1)).To(Equal(1), "calls of the first one's callback")
			t.Expect(q.ClientConnected(1)).To(Equal(1), "calls of the second one's callback")
		})
	}
	It("calls nothing without a callback", calls, func() {
		r := t.NewReader()
		p := t.NewReaderProtocol(r, "")
		t.Expect(p.ConnectionMade(t.NewMock())).To(ReturnNone())
		t.Expect(p.ClientConnected(0)).To(Equal(0), "calls of a callback")
		p.DataReceived("a")
		t.Expect(r.Read(1)).To(Return("a"))
	})

	It("is made with a reader", Rule("reader_protocol.needs-reader"), func() {
		t.Needs(trace.CapPythonSurface)
		r := t.NewReader()
		p := t.NewReaderProtocol(r, "")
		t.Expect(p.Made).To(ReturnNone())
		p.ConnectionMade(t.NewMock())
		p.DataReceived("a")
		t.Expect(r.Read(1)).To(Return("a"))
	})

	It("answers the end so that the connection stays half-open", Rule("reader_protocol.eof-keeps-half-open"), func() {
		r := t.NewReader()
		p := t.NewReaderProtocol(r, "")
		p.ConnectionMade(t.NewMock())
		p.DataReceived("abc")
		t.Expect(p.EOFReceived()).To(ReturnBool(true))
		t.Expect(r.ReadAll()).To(Return("abc"))
	})

	loss := Rule("reader_protocol.loss-reaches-reader")
	It("ends its reader by a loss without an error", loss, func() {
		r := t.NewReader()
		p := t.NewReaderProtocol(r, "")
		p.ConnectionMade(t.NewMock())
		read := r.Read(1)
		t.Expect(read).To(BePending())
		t.Expect(r.AtEOF()).To(ReturnBool(false))
		p.ConnectionLost()
		t.Expect(read).To(Return(""))
		t.Expect(r.AtEOF()).To(ReturnBool(true))
		t.Expect(r.Exception()).To(ReturnNone())
	})
	It("stores the error of a loss in its reader, which is not its end", loss, func() {
		r := t.NewReader()
		p := t.NewReaderProtocol(r, "")
		p.ConnectionMade(t.NewMock())
		read := r.Read(1)
		t.Expect(read).To(BePending())
		p.ConnectionLostWith("gone")
		t.Expect(read).To(FailWith(Exception("gone")))
		t.Expect(r.Exception()).To(ReturnException("gone"))
		t.Expect(r.AtEOF()).To(ReturnBool(false))
		t.Expect(r.Read(1)).To(FailWith(Exception("gone")))
	})
	It("stores the error of a loss in its reader though there is data", loss, func() {
		r := t.NewReader()
		p := t.NewReaderProtocol(r, "")
		p.ConnectionMade(t.NewMock())
		p.DataReceived("abc")
		p.ConnectionLostWith("gone")
		t.Expect(r.ReadExactly(3)).To(FailWith(Exception("gone")))
	})
	It("stores the error of a loss in its reader though the end has come before", loss, func() {
		r := t.NewReader()
		p := t.NewReaderProtocol(r, "")
		p.ConnectionMade(t.NewMock())
		p.EOFReceived()
		t.Expect(r.Read(1)).To(Return(""))
		p.ConnectionLostWith("gone")
		t.Expect(r.Exception()).To(ReturnException("gone"))
		t.Expect(r.Read(1)).To(FailWith(Exception("gone")))
	})

	alternates := Rule("reader_protocol.flow-control-alternates")
	It("refuses to pause while it is paused", alternates, func() {
		p := t.NewReaderProtocol(t.NewReader(), "")
		p.ConnectionMade(t.NewMock())
		t.Expect(p.PauseWriting()).To(ReturnNone())
		t.Expect(p.PauseWriting()).To(FailWith(AnyError))
		t.Expect(p.ResumeWriting()).To(ReturnNone())
		t.Expect(p.PauseWriting()).To(ReturnNone())
	})
	It("refuses to resume while it is not paused", alternates, func() {
		p := t.NewReaderProtocol(t.NewReader(), "")
		p.ConnectionMade(t.NewMock())
		t.Expect(p.ResumeWriting()).To(FailWith(AnyError))
		t.Expect(p.PauseWriting()).To(ReturnNone())
		t.Expect(p.ResumeWriting()).To(ReturnNone())
		t.Expect(p.ResumeWriting()).To(FailWith(AnyError))
	})
}

// readerProtocolOnWire is the protocol between a connection and its reader.
func readerProtocolOnWire(t *Testee) {
	feeds := Rule("reader_protocol.feeds-reader")
	itEach(readingKinds, "feeds the reader of a stream with data and the end", feeds, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		line := s.Reader.ReadLine()
		t.Expect(line).To(BePending())
		s.Raw.SendAll("abc")
		t.Expect(line).To(BePending())
		s.Raw.SendAll("d\nef")
		t.Expect(line).To(Return("abcd\n"))
		s.Raw.End()
		t.Expect(s.Reader.ReadAll()).To(Return("ef"))
		t.Expect(s.Reader.AtEOF()).To(ReturnBool(true))
	})
	itEach(readingKinds, "feeds the reader of a stream with much data", feeds, func(kind trace.EndKind) {
		s := t.OpenStreamLimit(kind, 5000)
		text := Pattern(400_000)
		read := s.Reader.ReadExactly(len(text))
		s.Raw.SendAll(text)
		t.Expect(read).To(Return(text))
	})
	itEach(readingKinds, "loses nothing when a read is cancelled just as something comes", Rule("reader.read.cancel-keeps-data"), func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		for range 50 { // which of the two is first is open
			read := s.Reader.Read(10)
			t.WithoutSettling(func() {
				s.Raw.Send("a")
				read.Cancel()
			})
			t.Expect(read).To(Or(Return("a"), FailWith(Cancelled)))
			if read.Raised() != nil {
				t.Expect(s.Reader.ReadExactly(1)).To(Return("a"))
			}
		}
		s.Raw.End()
		t.Expect(s.Reader.ReadAll()).To(Return(""))
	})

	keepsOpen := Rule("reader_protocol.eof-keeps-half-open")
	itEach(socketKinds, "keeps a stream open when the peer has ended its side", keepsOpen, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		s.Raw.SendAll("question")
		s.Raw.End()
		t.Expect(s.Reader.ReadAll()).To(Return("question"))
		t.Expect(s.Raw.FarOpen()).To(ReturnBool(true))
		text := Pattern(much)
		s.Writer.Write(text)
		t.Expect(s.Raw.Recv(much)).To(Return(text))
		t.Expect(s.Raw.FarOpen()).To(ReturnBool(true))
		s.Writer.Close()
		t.Expect(s.Raw.RecvAll()).To(Return(""))
	})
	itEach(socketKinds, "keeps a stream open when the peer ends its side while something is queued", keepsOpen, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		text := Pattern(much)
		s.Writer.Write(text)
		s.Raw.End()
		t.Expect(s.Reader.ReadAll()).To(Return(""))
		t.Expect(s.Raw.Recv(much)).To(Return(text))
		s.Writer.Write("more")
		t.Expect(s.Raw.Recv(4)).To(Return("more"))
	})

	loss := Rule("reader_protocol.loss-reaches-reader")
	It("stores the error in the reader of a stream that the peer resets, which is not its end", loss, func() {
		s := t.OpenStream(trace.TCP)
		read := s.Reader.Read(1)
		t.Expect(read).To(BePending())
		s.Raw.Reset()
		t.Expect(read).To(FailWith(lostToPeer))
		t.Expect(s.Reader.AtEOF()).To(ReturnBool(false))
		t.Expect(s.Reader.Read(1)).To(FailWith(lostToPeer))
	})
	itEach(socketKinds, "ends the reader of a stream that is aborted", loss, func(kind trace.EndKind) {
		s := t.OpenStream(kind)
		read := s.Reader.Read(1)
		t.Expect(read).To(BePending())
		s.Transport.Abort()
		t.Expect(read).To(Return(""))
		t.Expect(s.Reader.AtEOF()).To(ReturnBool(true))
		t.Expect(s.Reader.Exception()).To(ReturnNone())
	})

	It("drops what comes for a reader that nobody has any more, and stays open", Rule("reader_protocol.reader-weakly-held"), func() {
		t.Needs(trace.CapPythonSurface)
		s := t.OpenStream(trace.ReadPipe) // of which there is no writer, which would have the reader as well
		s.LetGo(true, false)
		s.Raw.SendAll(Pattern(200_000))
		t.Expect(s.Raw.FarOpen()).To(ReturnBool(true))
		s.Transport.Close()
		t.Expect(s.Raw.FarOpen()).To(Become(ReturnBool(false)))
	})
}
