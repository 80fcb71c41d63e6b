package main

import (
	"fmt"

	"github.com/streamspec/streamspec/spec/trace"
)

// readerProtocol makes a protocol and a writer by hand.
func (t *talk) readerProtocol() error {
	return t.wants(
		wanted{makeReader(8), none},
		wanted{trace.Command{Op: trace.MockMake, As: "t"}, none},
		wanted{trace.Command{Op: trace.ReaderProtocolMake, As: "p", Reader: "r"}, none},
		wanted{trace.Command{Op: trace.ProtocolConnectionMade, On: "p", Transport: "t"}, none},
		wanted{trace.Command{Op: trace.WriterMake, As: "w", Transport: "t", Protocol: "p", Reader: "r"}, none},
		wanted{trace.Command{Op: trace.ProtocolDataReceived, On: "p", Data: trace.D("ab")}, none},
		wanted{read("c1", 2), `returned "ab"`},
		wanted{trace.Command{Op: trace.WriterDrain, On: "w", As: "c2"}, none},
		wanted{trace.Command{Op: trace.ProtocolPauseWriting, On: "p"}, none},
		wanted{trace.Command{Op: trace.WriterDrain, On: "w", As: "c3"}, "pending"},
	)
}

// anyKind carries out a probe over the first kind of connection that there is.
func (t *talk) anyKind(f func(trace.EndKind) error) error {
	for _, k := range trace.EndKinds {
		if t.about.Has(k.Needs) {
			return f(k.Name)
		}
	}
	return fmt.Errorf("no kind of connection is declared beside it, so it cannot be had")
}

// run lets the implementation run until a condition holds, and fails if it never does.
func (t *talk) run(u trace.Until) ([]trace.Event, error) {
	c := trace.Command{Op: trace.Run, Until: &u, Ms: 5000}
	reply, err := t.do(c)
	if err == nil && reply.String() != "returned true" {
		err = fmt.Errorf("%s came back with: %s; due was: returned true", c, reply)
	}
	return reply.Events, err
}

// finish carries out a command that may wait, waits for it, and compares how it ended.
func (t *talk) finish(c trace.Command, due string) error {
	reply, err := t.do(c)
	if err != nil {
		return err
	}
	got := reply.String()
	if reply.Pending != "" {
		events, err := t.run(trace.Until{Done: c.As})
		if err != nil {
			return err
		}
		for _, e := range append(reply.Events, events...) {
			if e.Ev == trace.Finished && e.On == c.As {
				got = trace.Reply{Returned: e.Returned, Raised: e.Raised}.String()
			}
		}
	}
	if !comes(got, due) {
		return fmt.Errorf("%s came back with: %s; due was: %s", c, got, due)
	}
	return nil
}

// connection opens a connection of a kind, which has to be there for the operating system, and has to go when it is forgotten.
func (t *talk) connection(kind trace.EndKind) error {
	if err := t.wants(wanted{trace.Command{Op: trace.RawMake, As: "w", Kind: kind, Buffer: 65536}, none}); err != nil {
		return err
	}
	if err := t.wants(wanted{trace.Command{Op: trace.RawFarOpen, On: "w"}, "returned true"}); err != nil {
		return err
	}
	switch {
	case t.about.Has(trace.CapTransport):
		if err := t.programmed(kind); err != nil {
			return err
		}
	case t.about.Has(trace.CapWriter):
		if err := t.stream(kind); err != nil {
			return err
		}
	default:
		return fmt.Errorf("neither %s nor %s is declared beside it, so it is of no use", trace.CapTransport, trace.CapWriter)
	}
	if err := t.wants(wanted{trace.Command{Op: trace.Forget}, none}); err != nil {
		return err
	}
	return unknown(t, trace.Command{Op: trace.RawFarOpen, On: "w"})
}

// programmed opens a connection whose protocol writes in a callback, and compares what is told of that.
func (t *talk) programmed(kind trace.EndKind) error {
	program := []trace.Reaction{{In: trace.ConnectionMade, Do: []trace.Command{{Op: trace.TransportWrite, On: "c.transport", Data: trace.D("ab")}}}}
	if err := t.wants(
		wanted{trace.Command{Op: trace.RawMake, As: "end", Kind: kind}, none},
		wanted{trace.Command{Op: trace.ProtocolMake, As: "p", Program: program}, none},
	); err != nil {
		return err
	}
	if err := t.finish(trace.Command{Op: trace.ConnectionOpen, As: "c", Raw: "end", Protocol: "p"}, none); err != nil {
		return err
	}
	if err := t.finish(trace.Command{Op: trace.RawRecv, On: "end", As: "c1", N: trace.Int(2)}, `returned "ab"`); err != nil {
		return err
	}
	if err := t.wants(wanted{trace.Command{Op: trace.TransportGetProtocol, On: "c.transport"}, "returned the object p"}); err != nil {
		return err
	}
	if _, err := t.do(trace.Command{Op: trace.TransportClose, On: "c.transport"}); err != nil {
		return err
	}
	for _, callback := range []trace.EventName{trace.ConnectionMade, trace.Doing, trace.Did, trace.ConnectionLost} {
		if _, err := t.run(trace.Until{Event: callback, On: "p"}); err != nil {
			return err
		}
	}
	return t.wants(wanted{trace.Command{Op: trace.RawFarOpen, On: "end"}, "returned false"})
}

// stream opens a stream, writes and closes.
func (t *talk) stream(kind trace.EndKind) error {
	if err := t.wants(wanted{trace.Command{Op: trace.RawMake, As: "end", Kind: kind}, none}); err != nil {
		return err
	}
	if err := t.finish(trace.Command{Op: trace.StreamOpen, As: "s", Raw: "end"}, none); err != nil {
		return err
	}
	if err := t.wants(
		wanted{trace.Command{Op: trace.WriterWrite, On: "s.writer", Data: trace.D("ab")}, none},
		wanted{trace.Command{Op: trace.WriterTransport, On: "s.writer"}, "returned the object s.transport"},
		wanted{trace.Command{Op: trace.WriterClose, On: "s.writer"}, none},
	); err != nil {
		return err
	}
	return t.finish(trace.Command{Op: trace.RawRecv, On: "end", As: "c1"}, `returned "ab"`)
}
