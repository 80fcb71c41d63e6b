package vectors

import "github.com/streamspec/streamspec/spec/trace"

// attached begins a program with a reader of that limit behind a protocol p, which has a transport t.
func attached(limit int) program {
	return limited(limit).then(
		trace.Command{Op: trace.MockMake, As: "t"}, trace.Command{Op: trace.ReaderProtocolMake, As: "p", Reader: "r"},
		trace.Command{Op: trace.ProtocolConnectionMade, On: "p", Transport: "t"})
}

// throughProtocol has a program's data, its end and its exceptions come by a protocol instead.
func throughProtocol(p program) program {
	out := attached(limit)
	for _, c := range p[1:] {
		switch c.Op {
		case trace.MockMake, trace.ReaderSetTransport:
			continue
		case trace.ReaderFeedData:
			c.Op, c.On = trace.ProtocolDataReceived, "p"
		case trace.ReaderFeedEOF:
			c.Op, c.On = trace.ProtocolEOFReceived, "p"
		case trace.ReaderSetException:
			c.Op, c.On = trace.ProtocolConnectionLost, "p"
		}
		out = out.then(c)
	}
	return out
}

func protocolVectors() (out []program) {
	for _, call := range calls {
		for _, p := range []program{
			limited(limit).call(call).feed("a", "bSE\n").rest(), limited(limit).feed("abSE\n").call(call).rest(), limited(limit).call(call).rest(),
			controlled(limit).feed("abcdefSE\n").call(call, call).rest(), limited(limit).call(call).fail("boom").call(call),
			limited(limit).feed("abSE\n").fail("boom").call(call).ask(trace.ReaderAtEOF),
		} {
			out = append(out, throughProtocol(p))
		}
		lost := trace.Command{Op: trace.ProtocolConnectionLost, On: "p"}
		out = append(out, attached(limit).call(call).then(lost).ask(trace.ReaderAtEOF).call(call),
			throughProtocol(limited(limit).feed("ab")).call(call).then(lost).ask(trace.ReaderException))
	}
	return out
}
