package monitor

import (
	"slices"

	"github.com/streamspec/streamspec/spec/trace"
)

// All sessions of each sort.
func allWrong() []wrongSession {
	return slices.Concat(wrong, wrongWires, wrongServers, wrongInfo, wrongByHand, wrongPlaces)
}
func allConforming() []conformingSession {
	return slices.Concat(conforming, conformingWires, conformingServers, conformingInfo, conformingByHand, conformingPlaces)
}
func allLatitude() []permittedSession {
	return slices.Concat(latitude, latitudeWires, latitudeServers, latitudeInfo, latitudeByHand, latitudePlaces)
}

// tells is the answer of a transport to what it knows of a name.
func tells(name string, v trace.Value) step {
	s := by(trace.TransportGetExtraInfo).value(v)
	s.c.Name = name
	return s
}

// writerTells is that of a writer.
func writerTells(name string, v trace.Value) step {
	s := tells(name, v).on("s.writer")
	s.c.Op = trace.WriterGetExtraInfo
	return s
}

// or gives a question a default.
func (s step) or(fallback string) step { s.c.Default = &fallback; return s }

func systemSays(op trace.Op, v trace.Value) step { return onRaw(op).value(v) }

// has is the answer to whether the transport has an operation.
func has(name string, is bool) step {
	s := by(trace.ObjectHas).is(is)
	s.c.Name = name
	return s
}

func object(name string) trace.Value { return trace.Value{Object: name} }

func protocolIs(v trace.Value) step { return by(trace.TransportGetProtocol).value(v) }

func setsProtocol(name string) step {
	s := by(trace.TransportSetProtocol)
	s.c.Protocol = name
	return s
}

func another() step { return does(trace.Command{Op: trace.ProtocolMake, As: "q"}) }

// failing has the factory of what is opened raise.
func (s step) failing(text string) step { s.c.Exception = &text; return s }

var (
	here, there = hostAndPort(1), hostAndPort(2)
	something   = path("socket")
	tcp         = func(s ...step) []step { return wired(trace.TCP, nil, s...) }
)

// wrongInfo are sessions of what transports and writers tell of themselves, with a single wrong observation, the last one.
var wrongInfo = []wrongSession{
	{"writer.info.transport", "a writer has a transport of its own", streamed(trace.Unix, via(trace.WriterTransport).value(path("Transport")))},
	{"writer.info.extra-info", "a writer lacks the default", streamed(trace.Unix, writerTells("nothing", trace.None).or("else"))},
	{"writer.info.extra-info", "a writer does not know its pipe", streamed(trace.WritePipe, writerTells("pipe", trace.None))},
	{"writer.info.peername", "the peer has our own address", streamed(trace.TCP, systemSays(trace.RawSockName, there), writerTells("peername", here))},
	{"transport.base.extra-info-or-default", "nothing is known of what is not there", unix(tells("nothing", path("something")))},
	{"transport.base.extra-info-or-default", "a question fails", unix(tells("peername", trace.None).raises(badState))},
	{"transport.base.socket-info", "no socket", unix(tells("socket", path("else")).or("else"))},
	{"transport.base.socket-info", "no name of its own", tcp(tells("sockname", trace.None))},
	{"transport.base.socket-info", "the names are interchanged", tcp(tells("sockname", there), systemSays(trace.RawSockName, there), systemSays(trace.RawPeerName, here))},
	{"transport.base.pipe-info", "no pipe", wired(trace.ReadPipe, nil, tells("pipe", trace.None))},
	{"transport.base.info-after-close", "a closed transport knows nothing", tcp(tells("sockname", here), closes().with(lost), tells("sockname", trace.None))},
	{"transport.base.info-after-close", "one that the peer has ended has no socket", unix(shutdown().with(atEnd, lost), tells("socket", trace.None))},
	{"transport.base.socket-is-wrapped", "the socket itself", unix(tells("socket", path("socket.socket")))},
	{"transport.base.unnamed-unix-address", "a name of what has none", unix(tells("sockname", path("x")))},
	{"transport.base.get-protocol", "the former protocol", unix(another(), setsProtocol("q"), protocolIs(object("p")))},
	{"transport.base.get-protocol", "it cannot be set back", unix(another(), setsProtocol("q"), setsProtocol("p"), protocolIs(object("q")))},
	{"transport.base.get-protocol", "no protocol", unix(protocolIs(trace.None))},
	{"transport.base.no-protocol-after-loss", "a protocol after the loss", unix(closes().with(lost), protocolIs(object("p")))},
	{"transport.base.kinds", "no set_protocol", unix(has("set_protocol", false))},
	{"transport.base.connections-are-bidirectional", "a socket cannot be read", unix(has("is_reading", false))},
	{"transport.base.read-pipe-is-read-only", "a read pipe cannot be read", wired(trace.ReadPipe, nil, has("pause_reading", false))},
	{"transport.base.read-pipe-is-read-only", "and can be written", wired(trace.ReadPipe, nil, writes("a"))},
	{"transport.base.write-pipe-is-write-only", "a write pipe cannot be written", wired(trace.WritePipe, nil, has("write", false))},
	{"transport.base.write-pipe-is-write-only", "and can be read", wired(trace.WritePipe, nil, reading().is(true))},
	{"transport.base.regular-file-refused", "a file is a pipe", steps(rawEnd(trace.ReadFile), programmed(), opened())},
	{"transport.base.made-by-loop", "a transport without a protocol", steps(rawEnd(trace.Unix), programmed(), opened().failing("boom"))},
	{"transport.base.factory-error-propagates", "another error", steps(rawEnd(trace.Unix), programmed(), opened().failing("boom").raises(badState))},
}

// conformingInfo are such sessions as a conforming implementation has them.
var conformingInfo = []conformingSession{
	{"what a socket knows", tcp(tells("sockname", here), tells("peername", there).or("else"), systemSays(trace.RawSockName, there), systemSays(trace.RawPeerName, here), tells("socket", something), tells("nothing", trace.None),
		closes().with(lost), tells("sockname", here), tells("nothing", path("else")).or("else")),
		[]string{"transport.base.socket-info", "transport.base.extra-info-or-default", "transport.base.info-after-close", "transport.base.socket-is-wrapped"}},
	{"what a pipe knows", wired(trace.WritePipe, nil, tells("pipe", something), tells("socket", trace.None), has("write", true), has("is_reading", false), has("close", true)),
		[]string{"transport.base.pipe-info", "transport.base.write-pipe-is-write-only", "transport.base.kinds"}},
	{"what a writer knows", streamed(trace.TCP, via(trace.WriterTransport).value(object("s.transport")), writerTells("peername", there), systemSays(trace.RawSockName, there), writerTells("nothing", trace.None)),
		[]string{"writer.info.transport", "writer.info.peername", "writer.info.extra-info"}},
	{"a socket without a name", unix(tells("sockname", path("")), tells("peername", path("")).or("else")), []string{"transport.base.unnamed-unix-address"}},
	{"both ways", unix(has("write", true), has("pause_reading", true)), []string{"transport.base.connections-are-bidirectional"}},
	{"one way", wired(trace.ReadPipe, nil, has("pause_reading", true), has("write", true), writes("a").raises(of(trace.NotSupported))), []string{"transport.base.read-pipe-is-read-only"}},
	{"protocols", unix(protocolIs(object("p")), another(), setsProtocol("q"), protocolIs(object("q")), setsProtocol("p"), protocolIs(object("p"))), []string{"transport.base.get-protocol"}},
	{"no protocol after the loss", unix(closes().with(lost), protocolIs(trace.None)), []string{"transport.base.no-protocol-after-loss"}},
	{"what cannot be opened", steps(rawEnd(trace.WriteFile), programmed(), opened().raises(invalid), rawEnd(trace.Unix).makes("v"), opened().over("v").failing("boom").raises(boom())),
		[]string{"transport.base.regular-file-refused", "transport.base.made-by-loop", "transport.base.factory-error-propagates"}},
}

// over gives what is opened another raw end.
func (s step) over(raw string) step { s.c.Raw = raw; return s }

// latitudeInfo are such sessions where several outcomes are permitted.
var latitudeInfo = []permittedSession{
	{"a closing transport may have no protocol any more", unix(writes(a(300)), closes(), protocolIs(trace.None))},
	{"or still have it", unix(writes(a(300)), closes(), protocolIs(object("p")))},
	{"the name of a peer that has gone may not be known", tcp(resets().with(lostBy(trace.ConnectionReset)), tells("peername", trace.None))},
	{"what transports know besides is open", unix(tells("pipe", something), tells("cipher", trace.None))},
	{"an opening that is cancelled", steps(rawEnd(trace.ReadFile), programmed(), opened().soon().pends(), cancel("c").with(failed("c", cancelled)))},
	{"a lost transport may take another protocol", unix(another(), closes().with(lost), setsProtocol("q"), protocolIs(object("q")))},
	{"marks that a callback changes meanwhile", unix(sends("a").soon(), marksAre(16384, 65536).reacts(got("a"), marks100()))},
	{"what protocol there is when none could be set", unix(another(), setsProtocol("q").raises(badState), protocolIs(object("p")))},
}
