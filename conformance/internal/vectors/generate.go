package vectors

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/streamspec/streamspec/conformance/adapter/reference"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

// generated are the files of generated vectors.
var generated = []struct {
	name, doc string
	programs  func() []program
}{
	{"reader.read", "Reading some bytes, and to the end: sizes around what there is and around the limit.", readVectors},
	{"reader.readexactly", "Reading exactly so many bytes: sizes around what there is and around the limit.", readExactlyVectors},
	{"reader.readline", "Reading lines: lengths around the limit, lines that are not ended, and line feeds that arrive apart.", readLineVectors},
	{"reader.iterate", "Iterating over lines.", iterateVectors},
	{"reader.readuntil", "Reading through a separator: lengths around the limit, and separators that overlap themselves or arrive in pieces.", readUntilVectors},
	{"reader.readuntil-tuple", "Reading through one of several separators: one the beginning of another, the end of another, inside another.", readUntilAnyVectors},
	{"reader.feed", "Feeding a reader: empty chunks, the end twice and with data after it, limits that are refused.", feedVectors},
	{"reader.errors", "Exceptions stored in a reader, and calls that find another one waiting.", errorVectors},
	{"reader.cancel", "Calls that are cancelled while they wait: the data stay.", cancelVectors},
	{"reader.flow", "Flow control: the transport is paused above twice the limit, and resumed at the limit.", flowVectors},
	{"reader_protocol", "A reader behind a stream-reader protocol, whose callbacks are called by hand.", protocolVectors},
}

// Generate makes the files of generated vectors by running programs on the reference. Of the programs of a file, in
// order, those are kept in which there is something to see that was not in one before.
func Generate(ctx context.Context, catalogue *spec.Catalogue) ([]File, error) {
	r := &Runner{Adapter: reference.New(), Catalogue: catalogue}
	defer r.Adapter.Close()
	var err error
	if r.About, err = r.Adapter.Describe(ctx); err != nil {
		return nil, err
	}
	if r.Target, err = spec.ParseVersion(r.About.Target); err != nil {
		return nil, err
	}
	var files []File
	for _, g := range generated {
		f := File{"vectors/" + g.name + ".json", &trace.VectorFile{Schema: trace.VectorSchema, Doc: g.doc}}
		seen := map[string]bool{}
		for _, p := range g.programs() {
			v, err := r.Record(ctx, p)
			if err != nil {
				return nil, err
			}
			if len(v.Rules) == 0 {
				continue
			}
			fresh := false
			for _, s := range sights(v) {
				fresh = fresh || !seen[s]
				seen[s] = true
			}
			if fresh {
				f.Vectors = append(f.Vectors, *v)
			}
		}
		files = append(files, f)
	}
	return files, nil
}

// sights are what there is to see in a vector: the rules that are exercised, and which outcome follows upon which, by their kinds
// and their lengths against the limit.
func sights(v *trace.Vector) []string {
	out := slices.Clone(v.Rules)
	before := ""
	for _, s := range v.Steps {
		now := string(s.Command.Op)
		for _, e := range s.Expect {
			now += " " + kindOf(e.Returned, e.Raised)
			for _, event := range e.Events {
				now += " " + string(event.Ev) + " " + kindOf(event.Returned, event.Raised)
			}
		}
		out = append(out, before+"; "+now)
		before = now
	}
	return out
}

func kindOf(returned *trace.Value, raised *trace.Error) string {
	switch {
	case raised != nil:
		return string(raised.Kind)
	case returned != nil && returned.Bytes != nil:
		n := len(*returned.Bytes)
		return fmt.Sprint("bytes ", n > 0, cmp.Compare(n, limit))
	case returned != nil:
		return returned.String()
	}
	return "waits"
}
