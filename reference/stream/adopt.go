package stream

import "github.com/streamspec/streamspec/reference/transport"

// Over returns the reader and the writer over a connection that is established already, as in
//
//	r, w, err := stream.Over(transport.NewTCP, conn, stream.DefaultLimit)
//
// The connection belongs to them from now on; after an error it is still the caller's. The limit is that of [NewReader].
//
// Rule: reader.feed.opener-sets-limit.
func Over[C any](open func(C, transport.Protocol, *transport.Options) (transport.Transport, error), conn C, limit int) (*Reader, *Writer, error) {
	return adopt(open, conn, limit, nil, nil)
}

// adopt is Over with a client-connected callback and options.
func adopt[C any](
	open func(C, transport.Protocol, *transport.Options) (transport.Transport, error), conn C, limit int,
	connected func(*Reader, *Writer) error, opts *transport.Options,
) (*Reader, *Writer, error) {
	r, err := NewReader(limit)
	if err != nil {
		return nil, nil, err
	}
	p := NewProtocol(r, connected)
	t, err := open(conn, p, opts)
	if err != nil {
		return nil, nil, err
	}
	return r, NewWriter(t, p), nil
}
