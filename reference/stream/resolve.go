package stream

import (
	"context"
	"net"
	"net/netip"
	"strconv"
)

// A Query asks for the addresses of a host.
//
// Rule: parameters.resolution.
type Query struct {
	Host   string // a name: neither empty nor numeric
	Port   int    // from 0 to 65535
	Family Family
	Proto  Proto
	Flags  Flags
}

// A Resolver answers queries. Its method may be called from any goroutine.
type Resolver interface {
	// Resolve returns the addresses in the order in which they are to be tried, or, by a server, bound. It waits no longer
	// than the context allows.
	Resolve(ctx context.Context, q Query) ([]netip.AddrPort, error)
}

// ResolvedBy has names resolved by a resolver of one's own. Hosts that are empty or numeric are not names. Not given, it is
// [net.DefaultResolver], with TCP as the only protocol and with the flags that have a name here.
//
// Rule: parameters.resolution.
func ResolvedBy(r Resolver) Option { return resolvedBy{r} }

type resolvedBy struct{ Resolver }

func (r resolvedBy) open(o *opening)  { o.resolver = r.Resolver }
func (r resolvedBy) serve(o *serving) { o.resolver = r.Resolver }

// A Family restricts the addresses that a host is resolved to. Not given, it is Unspecified.
//
// Rule: parameters.resolution.
type Family int

const (
	Unspecified Family = iota
	IPv4
	IPv6
)

func (f Family) open(o *opening)  { o.query.Family, o.onlyTCP = f, "family" }
func (f Family) serve(o *serving) { o.query.Family, o.onlyTCP = f, "family" }

func (f Family) has(a netip.Addr) bool {
	return f == Unspecified || a.Is4() == (f == IPv4)
}

// Proto is the number of a protocol, for the resolver. Not given, it is 0: any.
//
// Rule: parameters.resolution.
type Proto int

func (n Proto) open(o *opening)  { o.query.Proto, o.onlyTCP = n, "proto" }
func (n Proto) serve(o *serving) { o.query.Proto, o.onlyTCP = n, "proto" }

const protoTCP Proto = 6

// Flags are flags for the resolver, with the values they have on Linux. Not given, they are Passive for a server, 0
// otherwise.
//
// Rule: parameters.resolution.
type Flags int

const (
	Passive     Flags = 1 << 0 // an empty host is all interfaces, and not the loopback interface
	NumericHost Flags = 1 << 2 // a host that is not numeric is an error
)

func (f Flags) open(o *opening)  { o.query.Flags, o.onlyTCP = f, "flags" }
func (f Flags) serve(o *serving) { o.query.Flags, o.onlyTCP = f, "flags" }

// resolve returns what an address of host and port stands for, at least one.
//
// Rules: parameters.resolution, parameters.host-omitted, open_connection.error-of-all-addresses.
func (c *common) resolve(ctx context.Context, name, address string) ([]netip.AddrPort, error) {
	host, number, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &ArgumentError{Name: name, Value: address, Reason: "must be host:port"}
	}
	port := 0
	if number != "" {
		if port, err = strconv.Atoi(number); err != nil || port < 0 || port > 65535 {
			return nil, &ArgumentError{Name: name, Value: address, Reason: "must have a port from 0 to 65535"}
		}
	}
	q := c.query
	q.Host, q.Port = host, port
	var found []netip.AddrPort
	if hosts := q.noName(); hosts != nil {
		for _, ip := range hosts {
			if q.Family.has(ip) {
				found = append(found, netip.AddrPortFrom(ip, uint16(port)))
			}
		}
	} else if found, err = c.resolver.Resolve(ctx, q); err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &net.DNSError{Err: "no suitable address", Name: host, IsNotFound: true}
	}
	return found, nil
}

// noName returns the addresses of a host that is empty or numeric; nil says that it is a name.
func (q Query) noName() []netip.Addr {
	if q.Host != "" {
		ip, err := netip.ParseAddr(q.Host)
		if err != nil {
			return nil
		}
		return []netip.Addr{ip.Unmap()}
	}
	if q.Flags&Passive != 0 {
		return []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
	}
	return []netip.Addr{netip.IPv6Loopback(), netip.AddrFrom4([4]byte{127, 0, 0, 1})}
}

type systemResolver struct{}

func (systemResolver) Resolve(ctx context.Context, q Query) ([]netip.AddrPort, error) {
	if q.Proto != 0 && q.Proto != protoTCP {
		return nil, &net.DNSError{Err: "no such protocol of streams", Name: q.Host}
	}
	if q.Flags&NumericHost != 0 {
		return nil, &net.DNSError{Err: "not a numeric host", Name: q.Host, IsNotFound: true}
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, map[Family]string{Unspecified: "ip", IPv4: "ip4", IPv6: "ip6"}[q.Family], q.Host)
	if err != nil {
		return nil, err
	}
	var found []netip.AddrPort
	for _, ip := range ips {
		found = append(found, netip.AddrPortFrom(ip.Unmap(), uint16(q.Port)))
	}
	return found, nil
}
