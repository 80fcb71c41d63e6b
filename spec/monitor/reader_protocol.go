package monitor

import "github.com/streamspec/streamspec/spec/trace"

// throughProtocol returns what a callback of a reader protocol that was made by hand does to its reader, as a command of the
// reader, with the reply that is due for that: what the callback itself returns is no matter of the reader's. Anything else
// is returned as it is.
//
// Rules: reader_protocol.feeds-reader, reader_protocol.loss-reaches-reader.
func (m *Monitor) throughProtocol(c *trace.Command, reply *trace.Reply) (*trace.Command, *trace.Reply) {
	reader := m.feeds[c.On]
	if reader == "" {
		return c, reply
	}
	if m.bereft[c.On] {
		if r := m.readers[reader]; r != nil {
			r.lost = true
		}
		return c, reply
	}
	to := trace.Command{On: reader, NoSettle: c.NoSettle}
	switch c.Op {
	case trace.ProtocolConnectionMade:
		to.Op, to.Transport = trace.ReaderSetTransport, c.Transport
	case trace.ProtocolDataReceived:
		to.Op, to.Data = trace.ReaderFeedData, c.Data
	case trace.ProtocolEOFReceived:
		to.Op = trace.ReaderFeedEOF
	case trace.ProtocolConnectionLost:
		if to.Op = trace.ReaderFeedEOF; c.Exception != nil {
			to.Op, to.Exception = trace.ReaderSetException, c.Exception
		}
	default:
		return c, reply
	}
	if reply != nil && reply.Returned != nil {
		none := *reply
		none.Returned = &trace.None
		reply = &none
	}
	return &to, reply
}
