package main

import (
	"fmt"

	"github.com/streamspec/streamspec/spec/trace"
)

// placedKind is a kind of connection that has addresses.
func (t *talk) placedKind() (trace.EndKind, error) {
	for _, k := range []trace.EndKind{trace.TCP, trace.Unix} {
		if needed, _ := k.Needs(); t.about.Has(needed) {
			return k, nil
		}
	}
	return "", fmt.Errorf("neither %s nor %s is declared beside it, so there are no addresses", trace.CapTCP, trace.CapUnix)
}

func makeAddress(as string, kind trace.EndKind, state trace.State) wanted {
	return wanted{trace.Command{Op: trace.AddressMake, As: as, Kind: kind, State: state}, none}
}

// await carries out a command, and lets the implementation run until an event has been there, which it returns.
func (t *talk) await(c trace.Command, due string, name trace.EventName, on string) (trace.Event, error) {
	reply, err := t.do(c)
	if err != nil {
		return trace.Event{}, err
	}
	if got := reply.String(); got != due {
		return trace.Event{}, fmt.Errorf("%s came back with: %s; due was: %s", c, got, due)
	}
	events, err := t.run(trace.Until{Event: name, On: on})
	if err != nil {
		return trace.Event{}, err
	}
	for _, e := range append(reply.Events, events...) {
		if e.Ev == name && e.On == on {
			return e, nil
		}
	}
	return trace.Event{}, fmt.Errorf("no event said: %s %s", name, on)
}

// connecting has the implementation connect, to where somebody listens and to where nobody does.
func (t *talk) connecting() error {
	kind, err := t.placedKind()
	if err != nil {
		return err
	}
	if err := t.wants(makeAddress("here", kind, trace.Live), makeAddress("nowhere", kind, trace.Free)); err != nil {
		return err
	}
	if err := t.finish(trace.Command{Op: trace.StreamOpen, As: "s", Kind: kind, Address: "here"}, none); err != nil {
		return err
	}
	accepted := `returned the object s`
	if kind == trace.Unix { // the address of the peer need not tell
		accepted = "returned …"
	}
	if err := t.wants(
		wanted{trace.Command{Op: trace.RawAccept, As: "end", Kind: kind, Address: "here"}, accepted},
		wanted{trace.Command{Op: trace.RawFarOpen, On: "end"}, "returned true"},
		wanted{trace.Command{Op: trace.WriterWrite, On: "s.writer", Data: trace.D("ab")}, none},
	); err != nil {
		return err
	}
	if err := t.finish(trace.Command{Op: trace.RawRecv, On: "end", As: "c1", N: trace.Int(2)}, `returned "ab"`); err != nil {
		return err
	}
	refused := trace.Command{Op: trace.StreamOpen, As: "r", Kind: kind, Address: "nowhere"}
	if err := t.finish(refused, "raised os-error…"); err != nil {
		return err
	}
	return t.wants(wanted{trace.Command{Op: trace.RawConnect, As: "raw", Kind: kind, Address: "nowhere"}, "raised os-error…"})
}

// serving starts a server whose callback writes, and then waits until it is released.
func (t *talk) serving() error {
	kind, err := t.placedKind()
	if err != nil {
		return err
	}
	if err := t.wants(makeAddress("a", kind, "")); err != nil {
		return err
	}
	program := []trace.Reaction{{
		In: trace.ClientConnected, Hold: true,
		Do: []trace.Command{{Op: trace.WriterWrite, On: "srv#1.writer", Data: trace.D("ab")}},
	}}
	serve := trace.Command{Op: trace.StreamServe, As: "srv", Kind: kind, Callback: trace.Coroutine, Program: program, Addresses: []string{"a"}}
	if err := t.finish(serve, none); err != nil {
		return err
	}
	connect := trace.Command{Op: trace.RawConnect, As: "end", Kind: kind, Address: "a"}
	e, err := t.await(connect, none, trace.ClientConnected, "srv#1")
	if err != nil {
		return err
	}
	if e.Value == nil || e.Value.Object != "end" {
		return fmt.Errorf("the event was: %s; its value has to be the raw end that has connected, the object end", e)
	}
	if err := t.finish(trace.Command{Op: trace.RawRecv, On: "end", As: "c1", N: trace.Int(2)}, `returned "ab"`); err != nil {
		return err
	}
	if err := t.wants(wanted{trace.Command{Op: trace.WriterTransport, On: "srv#1.writer"}, "returned the object srv#1.transport"}); err != nil {
		return err
	}
	if e, err = t.await(trace.Command{Op: trace.Release, On: "srv#1"}, none, trace.Finished, "srv#1"); err != nil {
		return err
	}
	if e.Returned == nil {
		return fmt.Errorf("a callback that was released ended with: %s; due was: finished srv#1 returned none", e)
	}
	if err := t.wants(wanted{trace.Command{Op: trace.ServerClose, On: "srv.server"}, none}); err != nil {
		return err
	}
	if err := t.wants(wanted{trace.Command{Op: trace.RawConnect, As: "late", Kind: kind, Address: "a"}, "raised os-error…"}); err != nil {
		return err
	}
	if err := t.wants(wanted{trace.Command{Op: trace.Forget}, none}); err != nil {
		return err
	}
	return unknown(t, trace.Command{Op: trace.RawFarOpen, On: "end"})
}

// probedHost is a name that nobody but the driver knows.
const probedHost = "probe.test"

// resolving has the implementation connect to a name, which is answered for when it has asked.
func (t *talk) resolving() error {
	if !t.about.Has(trace.CapConnect) || !t.about.Has(trace.CapTCP) {
		return fmt.Errorf("%s and %s have to be declared beside it, or nobody asks", trace.CapConnect, trace.CapTCP)
	}
	if err := t.wants(makeAddress("a", trace.TCP, trace.Live)); err != nil {
		return err
	}
	e, err := t.await(trace.Command{Op: trace.StreamOpen, As: "s", Kind: trace.TCP, Host: trace.Text(probedHost), Family: trace.IPv4}, "pending", trace.Resolving, probedHost)
	if err != nil {
		return err
	}
	if e.Value == nil || len(e.Value.List) != 3 || e.Value.List[0].Text == nil || *e.Value.List[0].Text != string(trace.IPv4) {
		return fmt.Errorf("the event was: %s; its value has to be a list of the family %q as text, the protocol and the flags", e, trace.IPv4)
	}
	answer := trace.Command{Op: trace.ResolverAnswer, Name: probedHost, Addresses: []string{"a"}}
	if e, err = t.await(answer, none, trace.Finished, "s"); err != nil {
		return err
	}
	if e.Returned == nil {
		return fmt.Errorf("connecting to a name with an address where somebody listens ended with: %s", e)
	}
	if err := t.wants(wanted{trace.Command{Op: trace.RawAccept, As: "end", Kind: trace.TCP, Address: "a"}, "returned the object s"}); err != nil {
		return err
	}
	if err := t.wants(wanted{trace.Command{Op: trace.ResolverAnswer, Name: probedHost, Exception: trace.Text("probe")}, none}); err != nil {
		return err
	}
	return t.finish(trace.Command{Op: trace.StreamOpen, As: "f", Kind: trace.TCP, Host: trace.Text(probedHost)}, "raised os-error…")
}

// frozen stops the time. What depends on it is seen where names are resolved as told: of two addresses the second one is
// tried when so much time has passed.
func (t *talk) frozen() error {
	advance := func(ms int) trace.Command { return trace.Command{Op: trace.ClockAdvance, Ms: ms} }
	if err := t.wants(wanted{trace.Command{Op: trace.ClockFreeze}, none}, wanted{advance(1000), none}); err != nil {
		return err
	}
	if !t.about.Has(trace.CapResolver) || !t.about.Has(trace.CapConnect) {
		return nil
	}
	if err := t.wants(
		makeAddress("silent", trace.TCP, trace.Silent), makeAddress("a", trace.TCP, trace.Live),
		wanted{trace.Command{Op: trace.ResolverAnswer, Name: probedHost, Addresses: []string{"silent", "a"}}, none},
	); err != nil {
		return err
	}
	open := trace.Command{Op: trace.StreamOpen, As: "s", Kind: trace.TCP, Host: trace.Text(probedHost), Delay: trace.Int(1000)}
	reply, err := t.do(open)
	if err != nil || reply.Raised != nil { // it may not know such a delay
		return err
	}
	if reply.Pending == "" {
		return fmt.Errorf("%s came back with: %s; due was: pending, since time has been stopped", open, reply)
	}
	if _, err := t.run(trace.Until{Event: trace.Resolving, On: probedHost}); err != nil {
		return err
	}
	reply, err = t.do(advance(999))
	if err != nil {
		return err
	}
	for _, e := range reply.Events {
		if e.Ev == trace.Finished {
			return fmt.Errorf("after 999 ms of 1000 there was: %s", e)
		}
	}
	e, err := t.await(advance(1), none, trace.Finished, "s")
	if err == nil && e.Returned == nil {
		err = fmt.Errorf("connecting to an address where somebody listens ended with: %s", e)
	}
	return err
}

// turning has a call come back when the event loop has gone round often enough.
func (t *talk) turning() error {
	quiet := feed(*trace.D("a"))
	quiet.NoSettle = true
	if err := t.wants(wanted{makeReader(8), none}, wanted{read("c1", 1), "pending"}, wanted{quiet, none}); err != nil {
		return err
	}
	_, err := t.await(trace.Command{Op: trace.Turn, N: trace.Int(20)}, none, trace.Finished, "c1")
	return err
}
