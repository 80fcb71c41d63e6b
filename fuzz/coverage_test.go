package fuzz

import (
	"slices"
	"testing"

	"github.com/streamspec/streamspec/spec/trace"
)

func TestPairsAreOfTheSameObject(t *testing.T) {
	none, pending := &trace.Reply{Returned: &trace.Value{}}, &trace.Reply{Pending: "c"}
	steps := []trace.Step{
		{Command: trace.Command{Op: trace.ReaderMake, As: "a"}, Reply: none},
		{Command: trace.Command{Op: trace.ReaderMake, As: "b"}, Reply: none},
		{Command: trace.Command{Op: trace.ReaderRead, On: "a", As: "c"}, Reply: pending},
		{Command: trace.Command{Op: trace.Settle}, Reply: none},
		{Command: trace.Command{Op: trace.MockMake, As: "t"}, Reply: none},
		{Command: trace.Command{Op: trace.ReaderSetTransport, On: "b", Transport: "t"}, Reply: none},
		{Command: trace.Command{Op: trace.Cancel, On: "c"}, Reply: &trace.Reply{Returned: &trace.Value{}, Events: []trace.Event{{Ev: trace.Finished}}}},
		{Command: trace.Command{Op: trace.ReaderAtEOF, On: "a"}},
	}
	c := NewCoverage()
	got := c.Add(steps)
	for _, want := range []string{
		"reader.make returned, reader.read pending", "reader.read pending, cancel returned finishing", "cancel returned finishing, reader.at_eof nothing",
		"reader.make returned, reader.set_transport returned",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not among %q", want, got)
		}
	}
	if c.Pairs() != len(got) || len(c.Add(steps)) != 0 {
		t.Errorf("%d pairs of %d; the same steps again are new", c.Pairs(), len(got))
	}
}

func TestShape(t *testing.T) {
	p := Program{
		{Op: trace.ReaderMake, As: "r", Limit: trace.Int(3)},
		{Op: trace.ConnectionOpen, As: "c", Raw: "w", Protocol: "p"},
		{Op: trace.RawMake, As: "w", Kind: trace.Unix},
		{Op: trace.ProtocolMake, As: "p", Program: []trace.Reaction{{In: trace.ConnectionMade, Do: []trace.Command{{Op: trace.TransportClose, On: "c.transport"}}, Return: &trace.Value{}}}},
	}
	const want = "reader.make(limit); connection.open(protocol, raw); raw.make(unix); protocol.make([connection_made, transport.close(), return])"
	if got := p.Shape(); got != want {
		t.Errorf("%s", got)
	}
}
