package mutants

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/streamspec/streamspec/fuzz"
	"github.com/streamspec/streamspec/spec/trace"
)

// TestFuzz hunts two faulty references and two spoiled Pythons with three programs, one of which notices nothing, and one what is
// wrong with every Python.
func TestFuzz(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the compiler")
	}
	var programs []fuzz.Program
	for _, text := range []string{
		`{"op":"reader.make","as":"r","limit":100}{"op":"reader.at_eof","on":"r"}`,
		`{"op":"reader.make","as":"r","limit":100}{"op":"reader.feed_data","on":"r","data":"data"}{"op":"reader.readexactly","on":"r","as":"c","n":2}`,
		`{"op":"raw.make","as":"k","kind":"write-pipe"}{"op":"raw.close","on":"k"}{"op":"stream.open","as":"c","raw":"k"}{"op":"transport.abort","on":"c.transport"}`,
	} {
		p, err := fuzz.ReadProgram(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		programs = append(programs, p)
	}
	all, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"readexactly returns all there is":     `r = reader.make(); r.feed_data("aa"); c1 = r.readexactly(1)`,
		"readline goes to the last LF":         "",
		"readexactly returns a bytearray":      "r = reader.make(); c1 = r.readexactly(0)",
		"readuntil takes text for a separator": "",
	}
	all = slices.DeleteFunc(all, func(m Mutant) bool { _, ok := want[m.Name]; return !ok })
	module, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	err = Workshop{Module: module, Dir: t.TempDir()}.Fuzz(context.Background(), all, Hunt{
		Time: 200 * time.Millisecond, Shrink: time.Minute, Jobs: 2,
		Programs: func(trace.Description) func(uint64) fuzz.Program {
			return func(n uint64) fuzz.Program { return programs[n%3] }
		},
	}, func(f Find) {
		if f.Err != nil {
			t.Error(f.Err)
		}
		if got[f.Mutant.Name] = ""; f.Found() {
			got[f.Mutant.Name] = f.Verdict.Program.String()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
