package stream

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"time"
)

// HappyEyeballsDelay is how long connecting to one address may take before the next is tried besides. Zero means that all
// are tried together; a negative one is an [*ArgumentError]. The first connection wins, the others are given up. Not
// given, each address is tried when the one before has failed.
//
// Rules: open_connection.happy-eyeballs, open_connection.addresses-in-order.
type HappyEyeballsDelay time.Duration

func (d HappyEyeballsDelay) open(o *opening) {
	o.delay, o.onlyTCP = (*time.Duration)(&d), "happy eyeballs delay"
}

// Interleave mixes the families of the addresses of a host: so many of the first one's family, then one of the other, and
// on in turn. Zero leaves the order; a negative number is an [*ArgumentError]. Not given, it is 1 if there is a
// [HappyEyeballsDelay], otherwise 0.
//
// Rule: open_connection.happy-eyeballs.
type Interleave int

func (n Interleave) open(o *opening) { o.interleave, o.onlyTCP = (*int)(&n), "interleave" }

func (o *opening) checkDelay() error {
	if o.delay != nil && *o.delay < 0 {
		return &ArgumentError{Name: "happy eyeballs delay", Value: *o.delay, Reason: "must not be negative"}
	}
	if o.interleave != nil && *o.interleave < 0 {
		return &ArgumentError{Name: "interleave", Value: *o.interleave, Reason: "must not be negative"}
	}
	return nil
}

// interleaved mixes the families, count of the first one at the beginning.
func interleaved(addresses []netip.AddrPort, count int) []netip.AddrPort {
	if count == 0 || len(addresses) == 0 {
		return addresses
	}
	var first, other, mixed []netip.AddrPort
	for _, a := range addresses {
		if a.Addr().Is4() == addresses[0].Addr().Is4() {
			first = append(first, a)
		} else {
			other = append(other, a)
		}
	}
	for len(first) > 0 && len(other) > 0 {
		n := min(count, len(first))
		mixed = append(append(mixed, first[:n]...), other[0])
		first, other, count = first[n:], other[1:], 1
	}
	return append(append(mixed, first...), other...)
}

// An attempt is what came of trying one address.
type attempt struct {
	index int
	conn  net.Conn
	err   error
}

// race tries the addresses, each when the one before has failed or, if there is a delay, when that has passed. No attempt
// is left when it returns.
//
// Rules: open_connection.happy-eyeballs, open_connection.addresses-in-order.
func (o *opening) race(ctx context.Context, to []netip.AddrPort, dial func(context.Context, netip.AddrPort) (net.Conn, error)) (net.Conn, error) {
	switch {
	case o.interleave != nil:
		to = interleaved(to, *o.interleave)
	case o.delay != nil:
		to = interleaved(to, 1)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		ended   = make(chan attempt)
		failed  = make([]error, len(to))
		started = 0
		running = 0
		expired <-chan time.Time
		stop    = func() bool { return false }
	)
	start := func() {
		index := started
		started++
		running++
		go func() {
			conn, err := dial(ctx, to[index])
			ended <- attempt{index, conn, err}
		}()
		stop()
		expired = nil
		if o.delay != nil && started < len(to) {
			expired, stop = o.clock.NewTimer(*o.delay)
		}
	}
	defer func() { stop() }()
	for start(); running > 0; {
		select {
		case a := <-ended:
			running--
			if a.err == nil {
				cancel()
				for ; running > 0; running-- {
					if late := <-ended; late.err == nil {
						_ = late.conn.Close()
					}
				}
				return a.conn, nil
			}
			failed[a.index] = a.err
			if a.index == started-1 && started < len(to) && ctx.Err() == nil {
				start()
			}
		case <-expired:
			start()
		}
	}
	return nil, joined(failed)
}

// joined is the error of several addresses. Those that were not tried have none.
//
// Rule: open_connection.error-of-all-addresses.
func joined(failed []error) error {
	var all severalErrors
	alike := true
	for _, err := range failed {
		if err != nil {
			all = append(all, err)
			alike = alike && err.Error() == all[0].Error()
		}
	}
	if alike {
		return all[0]
	}
	return all
}

// severalErrors says that several addresses have failed, each in its way.
type severalErrors []error

func (e severalErrors) Error() string {
	texts := make([]string, len(e))
	for i, err := range e {
		texts[i] = err.Error()
	}
	return "stream: several addresses failed: " + strings.Join(texts, ", ")
}

func (e severalErrors) Unwrap() []error { return e }
