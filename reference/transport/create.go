package transport

// Create makes a protocol and the transport over conn that it belongs to, as in
//
//	t, p, err := transport.Create(transport.NewTCP, conn, newProtocol, nil)
//
// The factory is called once, before anything else. Its error is returned as it is, its panic not recovered from. After an
// error the connection is still the caller's.
//
// Rules: transport.base.made-by-loop, transport.base.one-protocol-each, transport.base.factory-error-propagates.
func Create[C any, T BaseTransport, P Protocol](
	open func(C, Protocol, *Options) (T, error), conn C, factory func() (P, error), opts *Options,
) (T, P, error) {
	var noTransport T
	var noProtocol P
	p, err := factory()
	if err != nil {
		return noTransport, noProtocol, err
	}
	t, err := open(conn, p, opts)
	if err != nil {
		return noTransport, noProtocol, err
	}
	return t, p, nil
}
