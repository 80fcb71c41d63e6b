package fuzz

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/streamspec/streamspec/spec/trace"
)

// read makes a program of its text, one command a line.
func read(t testing.TB, text string) Program {
	t.Helper()
	p, err := ReadProgram(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// has tells whether some command, or one of a reaction, is as wanted.
func has(p Program, wanted func(trace.Command) bool) bool {
	found := false
	for _, c := range p {
		found = found || wanted(c)
		inReactions(c, func(c trace.Command) (trace.Command, bool) {
			found = found || wanted(c)
			return c, true
		})
	}
	return found
}

func op(o trace.Op) func(trace.Command) bool {
	return func(c trace.Command) bool { return c.Op == o }
}

const aLongOne = `
{"op":"reader.make","as":"one","limit":16}
{"op":"mock.make","as":"mock","can_pause":false}
{"op":"reader.set_transport","on":"one","transport":"mock"}
{"op":"reader.feed_data","on":"one","data":"hello\nwor"}
{"op":"reader.readexactly","on":"one","as":"x","n":9}
{"op":"reader.make","as":"two","limit":1000}
{"op":"reader.feed_data","on":"two","data":{"form":"mutated","bytes":"some of it"},"no_settle":true}
{"op":"reader.feed_data","on":"two","data":"and the rest;"}
{"op":"reader.readuntil","on":"two","as":"y","separators":["\n",";","--"]}
{"op":"cancel","on":"x"}
{"op":"raw.make","as":"end","kind":"tcp","buffer":4096}
{"op":"protocol.make","as":"proto","program":[
  {"in":"connection_made","do":[{"op":"transport.write","on":"open.transport","data":"hello"},{"op":"transport.pause_reading","on":"open.transport"}]},
  {"in":"eof_received","nth":1,"return":{"bool":true}}]}
{"op":"connection.open","as":"open","raw":"end","protocol":"proto"}
{"op":"transport.set_write_buffer_limits","on":"open.transport","high":70000,"low":100}
{"op":"transport.writelines","on":"open.transport","chunks":["one","two","three"]}
{"op":"raw.recv","on":"end","as":"got","n":5}
{"op":"run","until":{"event":"connection_lost","on":"proto"},"ms":5000}
{"op":"forget","names":["x","open"]}
{"op":"reader.at_eof","on":"two"}
`

func TestShrink(t *testing.T) {
	for name, test := range map[string]struct {
		breaks func(Program) bool
		want   string
	}{
		"a command on what another makes": {
			func(p Program) bool { return has(p, op(trace.ReaderReadExactly)) },
			`r = reader.make(); c1 = r.readexactly(0)`,
		},
		"a limit": {
			func(p Program) bool {
				return has(p, func(c trace.Command) bool { return c.Limit != nil && *c.Limit > 699 })
			},
			`r = reader.make(limit: 700)`,
		},
		"an optional list": {
			func(p Program) bool { return has(p, func(c trace.Command) bool { return len(c.Separators) > 1 }) },
			`r = reader.make(); c1 = r.readuntil(("", ""))`,
		},
		"one of a list": {
			func(p Program) bool {
				return has(p, func(c trace.Command) bool {
					return c.Separator != nil && string(c.Separator.Bytes) == ";" || slices.ContainsFunc(c.Separators, func(d trace.Data) bool { return string(d.Bytes) == ";" })
				})
			},
			`r = reader.make(); c1 = r.readuntil(";")`,
		},
		"data": {
			func(p Program) bool {
				return has(p, func(c trace.Command) bool { return c.Data != nil && strings.Contains(string(c.Data.Bytes), "it") })
			},
			`r = reader.make(); r.feed_data("it")`,
		},
		"data in two pieces": {
			func(p Program) bool {
				all := ""
				for _, c := range p {
					if c.Data != nil && c.Data.Form != trace.Mutated {
						all += string(c.Data.Bytes)
					}
				}
				return strings.Contains(all, "tand")
			},
			`r = reader.make(); r.feed_data("tand")`,
		},
		"a form": {
			func(p Program) bool {
				return has(p, func(c trace.Command) bool { return c.Data != nil && c.Data.Form == trace.Mutated })
			},
			`r = reader.make(); r.feed_data(mutated(""))`,
		},
		"no_settle": {
			func(p Program) bool { return has(p, func(c trace.Command) bool { return c.NoSettle }) },
			`r = reader.make(); r.feed_data("", no settling)`,
		},
		"a call in a reaction": {
			func(p Program) bool {
				return has(p, func(c trace.Command) bool { return c.Op == trace.TransportWrite && len(c.Data.Bytes) > 2 })
			},
			`raw = raw.make(tcp); p = protocol.make({in connection_made: c1.transport.write("aaa")}); c1 = connection.open(raw: raw, protocol: p)`,
		},
		"what a reaction returns": {
			func(p Program) bool {
				return slices.ContainsFunc(p, func(c trace.Command) bool {
					return slices.ContainsFunc(c.Program, func(r trace.Reaction) bool { return r.Return != nil })
				})
			},
			`p = protocol.make({in eof_received: return true})`,
		},
		"lines and a mark": {
			func(p Program) bool {
				return has(p, func(c trace.Command) bool { return c.Op == trace.TransportWriteLines && len(c.Chunks) > 1 }) &&
					has(p, func(c trace.Command) bool { return c.High != nil && *c.High > 65535 })
			},
			`raw = raw.make(tcp); p = protocol.make(); c1 = connection.open(raw: raw, protocol: p); c1.transport.set_write_buffer_limits(high: 65536); c1.transport.writelines(["", ""])`,
		},
		"a number and the length of data": {
			func(p Program) bool {
				return has(p, func(c trace.Command) bool {
					return c.Op == trace.ReaderReadExactly && *c.N > 3 && has(p, func(d trace.Command) bool {
						return d.Op == trace.ReaderFeedData && len(d.Data.Bytes) == *c.N
					})
				})
			},
			`r = reader.make(); r.feed_data("aaaa"); c1 = r.readexactly(4)`,
		},
		"forgetting one of two": {
			func(p Program) bool {
				return has(p, func(c trace.Command) bool { return c.Op == trace.Forget && len(c.Names) > 0 })
			},
			`raw = raw.make(tcp); p = protocol.make(); c1 = connection.open(raw: raw, protocol: p); forget(c1)`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := read(t, aLongOne)
			tries := 0
			got, err := Shrink(context.Background(), p, time.Minute, func(_ context.Context, p Program) (bool, error) {
				tries++
				if err := p.Validate(); err != nil {
					t.Fatal(err)
				}
				return test.breaks(p), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Log(tries, "tries")
			if diff := cmp.Diff(test.want, got.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestShrinkLongData holds that a size is found in steps that are halved, and not one by one.
func TestShrinkLongData(t *testing.T) {
	const least = 65537
	p := Program{{Op: trace.ReaderMake, As: "r"}, {Op: trace.ReaderFeedData, On: "r", Data: &trace.Data{Bytes: bytes.Repeat([]byte("data\n"), 50_000)}}}
	tries := 0
	got, err := Shrink(context.Background(), p, time.Minute, func(_ context.Context, p Program) (bool, error) {
		tries++
		return has(p, func(c trace.Command) bool { return c.Data != nil && len(c.Data.Bytes) >= least }), nil
	})
	if err != nil || len(got) != 2 || len(got[1].Data.Bytes) != least || tries > 200 {
		t.Errorf("%v after %d tries, %v", got, tries, err)
	}
}

func TestShrinkEndsEarly(t *testing.T) {
	p := read(t, aLongOne)
	broken := errors.New("the judge is broken")
	for name, test := range map[string]struct {
		fifth func(ctx context.Context, cancel func()) error // what happens at the fifth try
		want  error
	}{
		"the budget is spent": {func(ctx context.Context, _ func()) error { <-ctx.Done(); return ctx.Err() }, nil},
		"the context ends":    {func(_ context.Context, cancel func()) error { cancel(); return nil }, context.Canceled},
		"the judge fails":     {func(context.Context, func()) error { return broken }, broken},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // time passes only when the budget is waited for
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				tries := 0
				got, err := Shrink(ctx, p, time.Minute, func(ctx context.Context, p Program) (bool, error) {
					if tries++; tries == 5 {
						return true, test.fifth(ctx, cancel)
					}
					if tries > 6 || tries > 5 && test.want != nil { // names are worth one try more
						t.Error("it goes on")
					}
					return has(p, op(trace.ReaderFeedData)), nil
				})
				if !errors.Is(err, test.want) {
					t.Errorf("the error is %v, want %v", err, test.want)
				}
				if len(got) >= len(p) || !has(got, op(trace.ReaderFeedData)) {
					t.Errorf("what was found by then is lost: %s", got)
				}
			})
		})
	}
}

// TestTheLastTryOfShrinkHasTime has the budget end while names are tried, for which there is time all the same.
func TestTheLastTryOfShrinkHasTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := Program{{Op: trace.ReaderMake, As: "left"}}
		got, err := Shrink(t.Context(), p, time.Minute, func(ctx context.Context, p Program) (bool, error) {
			time.Sleep(time.Hour)
			return true, ctx.Err()
		})
		if err != nil || got[0].As != "r" {
			t.Errorf("it came to %s (%v)", got, err)
		}
	})
}

// TestShrinkAnything shrinks programs that break by the whim of their text: whatever comes out is valid, and no longer.
func TestShrinkAnything(t *testing.T) {
	p := read(t, aLongOne)
	for seed := range byte(100) {
		got, err := Shrink(context.Background(), p, time.Minute, func(_ context.Context, p Program) (bool, error) {
			h := p.hash()
			return h[0]+seed < 100, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := got.Validate(); err != nil {
			t.Errorf("%s: %v", got, err)
		}
		if len(got) > len(p) {
			t.Errorf("it has become longer: %s", got)
		}
	}
}

func TestUsualNames(t *testing.T) {
	p := read(t, `
{"op":"address.make","as":"c1","kind":"unix"}
{"op":"stream.serve","as":"p","kind":"unix","callback":"coroutine","addresses":["c1"],"program":[{"in":"client_connected","do":[{"op":"writer.close","on":"p#1.writer"}],"hold":true}]}
{"op":"stream.open","as":"r","kind":"unix","address":"c1"}
{"op":"reader.read","on":"r.reader","as":"zz"}
{"op":"release","on":"p#1"}
{"op":"run","until":{"event":"connection_lost","on":"p#1.protocol"},"ms":1}
{"op":"forget","names":["zz"]}
{"op":"reader.read","on":"r.reader","as":"zz"}
`)
	const want = `a = address.make(unix); srv = stream.serve(unix, callback: coroutine, [a], {in client_connected: srv#1.writer.close(); hold}); ` +
		`c1 = stream.open(unix, address: a); c2 = c1.reader.read(); release srv#1(); run(until: connection_lost srv#1.protocol, ms: 1); ` +
		`forget(c2); c2 = c1.reader.read()`
	if diff := cmp.Diff(want, p.usual().String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNames(t *testing.T) {
	for text, wrong := range map[string]string{
		`{"op":"reader.feed_eof","on":"r"}`:                                                                                       `command 1: reader.feed_eof uses "r", which nothing has made`,
		`{"op":"reader.make","as":"r"}{"op":"reader.make","as":"r"}`:                                                              `command 2: the name "r" is taken`,
		`{"op":"reader.make","as":"r"}{"op":"forget"}{"op":"reader.feed_eof","on":"r"}`:                                           `command 3: reader.feed_eof uses "r", which nothing has made`,
		`{"op":"reader.make","as":"r"}{"op":"forget","names":["r","s"]}`:                                                          `command 2: forget uses "s", which nothing has made`,
		`{"op":"run","until":{"done":"c"},"ms":1}`:                                                                                `command 1: run uses "c", which nothing has made`,
		`{"op":"protocol.make","as":"p","program":[{"in":"connection_made","do":[{"op":"transport.close","on":"c.transport"}]}]}`: `command 1: protocol.make uses "c.transport", which nothing has made`,
		`{"op":"reader.make","as":"r"}{"op":"forget","names":["r"]}{"op":"reader.make","as":"r"}`:                                 ``,
	} {
		_, err := ReadProgram(strings.NewReader(text))
		if got := fmt.Sprint(err); err != nil && got != wrong || err == nil && wrong != "" {
			t.Errorf("%s: %v, want %q", text, err, wrong)
		}
	}
}
