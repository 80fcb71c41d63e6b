package gokit

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"github.com/streamspec/streamspec/spec/trace"
)

// A Query asks for the addresses of a host.
type Query struct {
	Host         string
	Port         int
	Family       trace.Family // [trace.Unspecified] if it is empty
	Proto, Flags int
}

// A Resolver answers queries, as the driver says. Its method may be called from any goroutine.
type Resolver interface {
	// Resolve returns the addresses in the order in which they are to be tried. An error is the context's, or a [*net.DNSError].
	Resolve(ctx context.Context, q Query) ([]netip.AddrPort, error)
}

// resolver is the resolver of a call. It asks the system about hosts that nobody has answered for, but for those of which it
// is certain that the system does not know them.
type resolver struct {
	w    *world
	this *call
}

// unknownToSystem is the end of the names of hosts that only the driver knows.
const unknownToSystem = ".test"

// An answer is what the driver says of a host.
type answer struct {
	ips  []netip.Addr
	text string // of an error instead
}

func (r resolver) Resolve(ctx context.Context, q Query) ([]netip.AddrPort, error) {
	w := r.w
	if q.Family == "" {
		q.Family = trace.Unspecified
	}
	asked := w.value([]any{string(q.Family), q.Proto, q.Flags})
	for told := false; ; told = true {
		w.mu.Lock()
		a, known := w.answers[q.Host]
		mine := known || strings.HasSuffix(q.Host, unknownToSystem)
		if mine && !told && !r.this.silent {
			w.note(trace.Event{Ev: trace.Resolving, On: q.Host, Value: &asked})
		}
		if w.answered == nil {
			w.answered = make(chan struct{})
		}
		answered := w.answered
		w.mu.Unlock()
		switch {
		case known:
			return a.to(q)
		case !mine:
			return askSystem(ctx, q)
		}
		select {
		case <-answered:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// to returns what a query gets.
func (a answer) to(q Query) (found []netip.AddrPort, err error) {
	for _, ip := range a.ips {
		if q.Family == trace.Unspecified || ip.Is4() == (q.Family == trace.IPv4) {
			found = append(found, netip.AddrPortFrom(ip, uint16(q.Port)))
		}
	}
	if a.text == "" && found == nil {
		a.text = "no address of such a host"
	}
	if a.text != "" {
		return nil, &net.DNSError{Err: a.text, Name: q.Host, IsNotFound: true}
	}
	return found, nil
}

func askSystem(ctx context.Context, q Query) ([]netip.AddrPort, error) {
	network := map[trace.Family]string{trace.Unspecified: "ip", trace.IPv4: "ip4", trace.IPv6: "ip6"}[q.Family]
	ips, err := net.DefaultResolver.LookupNetIP(ctx, network, q.Host)
	if err != nil {
		return nil, err
	}
	for i := range ips {
		ips[i] = ips[i].Unmap()
	}
	return answer{ips: ips}.to(q)
}

// answerFor has a host resolved.
func (w *world) answerFor(c *trace.Command) trace.Reply {
	if !w.impl.TakesResolver {
		return lacking(c)
	}
	var a answer
	if c.Exception != nil {
		a.text = *c.Exception
	}
	addresses, err := w.addressesOf(c.Addresses)
	if err != nil {
		return fault("%v", err)
	}
	for _, of := range addresses {
		ip, err := netip.ParseAddr(of.host)
		if err != nil {
			return fault("the address %s is not of TCP", of)
		}
		a.ips = append(a.ips, ip)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers[c.Name] = a
	if w.answered != nil {
		close(w.answered)
		w.answered = nil
	}
	return none()
}
