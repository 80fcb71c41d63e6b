package reference

import (
	"context"
	"net"
	"net/netip"
	"strconv"

	"github.com/streamspec/streamspec/conformance/adapter/gokit"
	"github.com/streamspec/streamspec/reference/stream"
	"github.com/streamspec/streamspec/spec/trace"
)

// add appends an option when its argument is given.
func add[O, V any](opts []O, arg *V, option func(V) O) []O {
	if arg == nil {
		return opts
	}
	return append(opts, option(*arg))
}

// common are the options that opening and serving share.
func common(limit *int, family trace.Family, flags *int, by gokit.Resolver, clock gokit.Clock, report gokit.Report) []stream.Option {
	opts := []stream.Option{stream.TransportOptions(options(report)), stream.ResolvedBy(resolver{by}), stream.TimedBy(clock)}
	if family != "" {
		opts = append(opts, families[family])
	}
	opts = add(opts, limit, func(n int) stream.Option { return stream.Limit(n) })
	return add(opts, flags, func(n int) stream.Option { return stream.Flags(n) })
}

var families = map[trace.Family]stream.Family{trace.Unspecified: stream.Unspecified, trace.IPv4: stream.IPv4, trace.IPv6: stream.IPv6}

// A resolver is the kit's resolver as the reference wants it.
type resolver struct{ by gokit.Resolver }

func (r resolver) Resolve(ctx context.Context, q stream.Query) ([]netip.AddrPort, error) {
	asked := gokit.Query{Host: q.Host, Port: q.Port, Proto: int(q.Proto), Flags: int(q.Flags)}
	for name, family := range families {
		if family == q.Family {
			asked.Family = name
		}
	}
	return r.by.Resolve(ctx, asked)
}

// address is a host and a port as the reference takes them; empty: neither is given.
func address(host *string, port *int) string {
	name, number := "", ""
	if host != nil {
		name = *host
	}
	if port != nil {
		number = strconv.Itoa(*port)
	}
	if host == nil && port == nil {
		return ""
	}
	return net.JoinHostPort(name, number)
}

// text is a text that is empty when it is not given.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func openConnection(ctx context.Context, args gokit.Opening, report gokit.Report) (gokit.Stream, error) {
	var opts []stream.OpenOption
	for _, o := range common(args.Limit, args.Family, args.Flags, args.Resolver, args.Clock, report) {
		opts = append(opts, o)
	}
	if args.Sock != nil {
		opts = append(opts, stream.Sock(args.Sock))
	}
	if args.LocalAddr != "" {
		opts = append(opts, stream.LocalAddr(args.LocalAddr))
	}
	opts = add(opts, args.Proto, func(n int) stream.OpenOption { return stream.Proto(n) })
	opts = add(opts, args.Interleave, func(n int) stream.OpenOption { return stream.Interleave(n) })
	if d := args.HappyEyeballsDelay; d != nil {
		opts = append(opts, stream.HappyEyeballsDelay(*d))
	}
	var r *stream.Reader
	var w *stream.Writer
	var err error
	if args.Kind == trace.Unix {
		r, w, err = stream.OpenUnixConnection(ctx, text(args.Path), opts...)
	} else {
		r, w, err = stream.OpenConnection(ctx, address(args.Host, args.Port), opts...)
	}
	if err != nil {
		return gokit.Stream{}, err
	}
	s := gokit.Stream{Reader: reader{r}, Writer: writer{w}, Transport: ours(w.Transport())}
	if p, ok := w.Transport().GetProtocol().(*stream.Protocol); ok { // else it is closed already
		s.Protocol = readerProtocol{p}
	}
	return s, nil
}

func startServer(ctx context.Context, args gokit.Serving, report gokit.Report) (gokit.Server, error) {
	var opts []stream.ServeOption
	for _, o := range common(args.Limit, args.Family, args.Flags, args.Resolver, args.Clock, report) {
		opts = append(opts, o)
	}
	if args.Sock != nil {
		opts = append(opts, stream.ListeningSock(args.Sock))
	}
	opts = add(opts, args.Backlog, func(n int) stream.ServeOption { return stream.Backlog(n) })
	opts = add(opts, args.ReuseAddress, func(yes bool) stream.ServeOption { return stream.ReuseAddress(yes) })
	opts = add(opts, args.ReusePort, func(yes bool) stream.ServeOption { return stream.ReusePort(yes) })
	opts = add(opts, args.StartServing, func(yes bool) stream.ServeOption { return stream.StartServing(yes) })
	connected := func(r *stream.Reader, w *stream.Writer) error {
		return args.Handler(context.Background(), reader{r}, writer{w})
	}
	var s *stream.Server
	var err error
	if args.Kind == trace.Unix {
		s, err = stream.StartUnixServer(ctx, connected, text(args.Path), opts...)
	} else {
		where := ""
		switch {
		case args.Hosts == nil:
			where = address(nil, args.Port)
		case len(args.Hosts) > 0:
			where = address(&args.Hosts[0], args.Port)
			for i := range args.Hosts[1:] {
				opts = append(opts, stream.AlsoAt(address(&args.Hosts[i+1], args.Port)))
			}
		}
		s, err = stream.StartServer(ctx, connected, where, opts...)
	}
	if err != nil {
		return nil, err
	}
	return server{s}, nil
}

// A server is the reference's server as the kit wants it.
type server struct{ *stream.Server }

func (s server) Close() error        { s.Server.Close(); return nil }
func (s server) CloseClients() error { s.Server.CloseClients(); return nil }
func (s server) AbortClients() error { s.Server.AbortClients(); return nil }

func (s server) Sockets() []net.Addr {
	var all []net.Addr
	for _, socket := range s.Server.Sockets() {
		all = append(all, socket.Addr())
	}
	return all
}
