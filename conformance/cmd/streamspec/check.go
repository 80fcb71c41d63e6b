package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/adapter/python"
	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

func newCheck() *cobra.Command {
	var (
		interpreter string
		loop        string
		deadline    time.Duration
	)
	cmd := &cobra.Command{
		Use: "check ADAPTER", Short: "Check that an adapter works, before it judges anything",
		Long: `check tries an adapter: what it says of itself, every capability that it declares, and the wire protocol. It judges the
adapter and not the implementation. ADAPTER is what --adapter of run takes; a command may also follow --.

Exit status: 0 the adapter works; 2 bad usage; 3 it does not work.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var c choice
			var err error
			switch dash := cmd.ArgsLenAtDash(); {
			case dash == 0 && len(args) > 0:
				c = choice{argv: args}
			case dash < 0 && len(args) == 1:
				c, err = choose(args[0], interpreter)
			default:
				err = usage("%s takes one argument, the adapter, or a command behind --", cmd.CommandPath())
			}
			if err != nil {
				return err
			}
			if c.loop = loop; loop != "" && c.name != pythonAdapter {
				return usage("--loop is for the adapter python")
			}
			a, err := c.open(deadline)
			if err != nil {
				return err
			}
			defer a.Close()
			ctx, i := newInterrupts(cmd.Context(), false)
			defer i.stop()
			k := &checker{adapter: a, out: cmd.OutOrStdout(), deadline: deadline}
			if err := k.check(ctx, c); err != nil {
				return err
			}
			if k.bad > 0 {
				return &exit{report.ExitAdapter, fmt.Sprintf("the adapter does not work: of %d checks %d failed", k.done, k.bad)}
			}
			fmt.Fprintf(k.out, "the adapter works: %d checks passed\n", k.done)
			return nil
		},
	}
	cmd.Flags().StringVar(&interpreter, "python", defaultPython, "the `interpreter` that the adapter python runs")
	cmd.Flags().StringVar(&loop, "loop", "", loopUsage)
	cmd.Flags().DurationVar(&deadline, "deadline", 20*time.Second, "how `long` one command may take")
	return cmd
}

// A checker tries an adapter.
type checker struct {
	adapter  adapter.Adapter
	out      io.Writer
	deadline time.Duration
	about    trace.Description
	done     int
	bad      int
}

// check carries out every check. An error means that the adapter did not so much as describe itself.
func (k *checker) check(ctx context.Context, c choice) error {
	about, err := k.adapter.Describe(ctx)
	if err != nil {
		return err
	}
	k.about = about
	fmt.Fprintf(k.out, "%s\n  documented version %s, %s settling, protocol %d\n", introduce(about), about.Target, about.Settling, about.Protocol)
	k.say("description", k.description())
	for _, capability := range trace.Capabilities {
		if about.Has(capability.Name) {
			k.scenario(ctx, "capability "+string(capability.Name), probes[capability.Name])
		} else {
			fmt.Fprintf(k.out, "  --   capability %s is not declared: %s\n", capability.Name, capability.Doc)
		}
	}
	if about.Has(trace.CapReader) {
		for _, p := range protocolProbes {
			if p.exact && about.Settling != trace.Exact {
				fmt.Fprintf(k.out, "  --   %s: not tried, the settling is not exact\n", p.name)
				continue
			}
			k.scenario(ctx, p.name, p.probe)
		}
		k.say("two sessions, one after the other, share nothing", k.sessions(ctx))
	}
	if c.name == pythonAdapter {
		k.say("self-check of the Python adapter", selfCheck(ctx, c.python, c.loop))
	}
	return ctx.Err()
}

// say writes the outcome of a check.
func (k *checker) say(name string, err error) {
	k.done++
	if err == nil {
		fmt.Fprintln(k.out, "  ok   "+name)
		return
	}
	k.bad++
	_, text := explainError(err)
	fmt.Fprintf(k.out, "  BAD  %s: %s\n", name, text)
}

func (k *checker) description() error {
	if k.about.Protocol == 0 { // in process there is none
		k.about.Protocol = trace.ProtocolVersion
	}
	if err := k.about.Validate(); err != nil {
		return err
	}
	_, err := spec.ParseVersion(k.about.Target)
	return err
}

// selfCheck runs the check that the Python adapter brings.
func selfCheck(ctx context.Context, interpreter, loop string) error {
	argv, remove, err := python.Command(interpreter, loop)
	if err != nil {
		return err
	}
	defer func() { _ = remove() }()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	output, err := exec.CommandContext(ctx, argv[0], append(argv[1:], "--self-check")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("it ended with %w and wrote last: %s", err, lastLine(string(output)))
	}
	return nil
}

// A probe is a small scenario: it drives a session and says what is wrong.
type probe func(*talk) error

// A talk is a session in a probe.
type talk struct {
	ctx      context.Context
	session  adapter.Session
	deadline time.Duration
	about    trace.Description
}

// scenario runs a probe in a session of its own.
func (k *checker) scenario(ctx context.Context, name string, p probe) {
	k.say(name, k.inSession(ctx, p))
}

func (k *checker) inSession(ctx context.Context, p probe) error {
	session, err := k.adapter.NewSession(ctx)
	if err != nil {
		return err
	}
	if err := p(&talk{ctx, session, k.deadline, k.about}); err != nil {
		_, _ = session.Close(ctx)
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, k.deadline)
	defer cancel()
	events, err := session.Close(ctx)
	for _, e := range events {
		if err == nil && (e.Ev == trace.Unhandled || e.Ev == trace.Unraisable || e.Ev == trace.Unsettled) {
			err = fmt.Errorf("when the session was closed there was %s", e)
		}
	}
	return err
}

// do carries out a command.
func (t *talk) do(c trace.Command) (trace.Reply, error) {
	ctx, cancel := context.WithTimeout(t.ctx, t.deadline)
	defer cancel()
	replies, err := t.session.Do(ctx, []trace.Command{c})
	if err != nil {
		return trace.Reply{}, err
	}
	return replies[0], nil
}

// wants carries out commands and compares what came back, as String of a reply shows it, events included. A wanted text
// may be the beginning.
func (t *talk) wants(steps ...wanted) error {
	for _, s := range steps {
		reply, err := t.do(s.command)
		if err != nil {
			return err
		}
		got := strings.Join(outcomeLines(reply), ", ")
		if !comes(got, s.outcome) {
			return fmt.Errorf("%s came back with: %s; due was: %s", s.command, got, s.outcome)
		}
	}
	return nil
}

// comes tells whether an outcome is what is due, or begins with it where that ends with an ellipsis.
func comes(got, due string) bool {
	begin, open := strings.CutSuffix(due, "…")
	return got == due || open && strings.HasPrefix(got, begin)
}

// wanted is a command and what is due.
type wanted struct {
	command trace.Command
	outcome string
}

const none = "returned none"

// The commands that probes are made of.
func makeReader(limit int) trace.Command {
	return trace.Command{Op: trace.ReaderMake, As: "r", Limit: trace.Int(limit)}
}

func feed(d trace.Data) trace.Command {
	return trace.Command{Op: trace.ReaderFeedData, On: "r", Data: &d}
}

func read(as string, n int) trace.Command {
	return trace.Command{Op: trace.ReaderReadExactly, On: "r", As: as, N: trace.Int(n)}
}

// unknown carries out a command about something that does not exist.
func unknown(t *talk, c trace.Command) error {
	reply, err := t.do(c)
	if err == nil && reply.Fault == "" {
		err = fmt.Errorf("%s came back with: %s; due was: a fault, since what it is about does not exist", c, reply)
	}
	return err
}

// probes try each capability.
var probes = map[trace.Capability]probe{
	trace.CapReader: func(t *talk) error {
		return t.wants(
			wanted{makeReader(8), none},
			wanted{feed(*trace.D("ab\ncd")), none},
			wanted{trace.Command{Op: trace.ReaderReadLine, On: "r", As: "c1"}, `returned "ab\n"`},
			wanted{trace.Command{Op: trace.ReaderAtEOF, On: "r"}, "returned false"},
			wanted{trace.Command{Op: trace.ReaderFeedEOF, On: "r"}, none},
			wanted{read("c2", 3), `raised incomplete-read{partial "cd", expected 3}…`},
			wanted{trace.Command{Op: trace.ReaderAtEOF, On: "r"}, "returned true"},
			wanted{trace.Command{Op: trace.ReaderSetException, On: "r", Exception: trace.Text("probe")}, none},
			wanted{trace.Command{Op: trace.ReaderRead, On: "r", As: "c3"}, "raised scripted…"},
		)
	},
	trace.CapReaderTransport: func(t *talk) error {
		return t.wants(
			wanted{makeReader(1), none},
			wanted{trace.Command{Op: trace.MockMake, As: "t"}, none},
			wanted{trace.Command{Op: trace.ReaderSetTransport, On: "r", Transport: "t"}, none},
			wanted{feed(*trace.D("abc")), none + ", with pause_reading t"},
			wanted{read("c1", 3), `returned "abc", with resume_reading t`},
		)
	},
	trace.CapTupleSeparators: func(t *talk) error {
		return t.wants(
			wanted{makeReader(8), none},
			wanted{feed(*trace.D("a;b")), none},
			wanted{trace.Command{Op: trace.ReaderReadUntil, On: "r", As: "c1", Separators: []trace.Data{*trace.D(","), *trace.D(";")}}, `returned "a;"`},
		)
	},
	trace.CapWriter:         func(t *talk) error { return t.anyKind(t.stream) },
	trace.CapReaderProtocol: (*talk).readerProtocol,
	trace.CapTransport:      func(t *talk) error { return t.anyKind(t.programmed) },
	trace.CapTCP:            func(t *talk) error { return t.connection(trace.TCP) },
	trace.CapUnix:           func(t *talk) error { return t.connection(trace.Unix) },
	trace.CapPipe:           func(t *talk) error { return t.connection(trace.WritePipe) },
	trace.CapConnect:        (*talk).connecting,
	trace.CapServer:         (*talk).serving,
	trace.CapResolver:       (*talk).resolving,
	trace.CapVirtualTime:    (*talk).frozen,
	trace.CapTurns:          (*talk).turning,
	trace.CapTypedBuffers: func(t *talk) error {
		return t.wants(
			wanted{makeReader(64), none},
			wanted{feed(trace.Data{Bytes: trace.Bytes("ab"), Form: trace.ByteArray}), none},
			wanted{feed(trace.Data{Bytes: trace.Bytes("cd"), Form: trace.View}), none},
			wanted{feed(trace.Data{Bytes: trace.Bytes("ef"), Form: trace.Mutated}), none},
			wanted{read("c1", 6), `returned "abcdef"`},
		)
	},
	trace.CapPythonSurface: func(t *talk) error {
		if err := t.wants(wanted{makeReader(8), none}, wanted{feed(*trace.D("ab")), none}); err != nil {
			return err
		}
		c := trace.Command{Op: trace.ReaderReadUntil, On: "r", As: "c1", Separator: &trace.Data{Bytes: trace.Bytes("b"), Form: trace.AsText}}
		reply, err := t.do(c)
		if err == nil && (reply.Fault != "" || reply.Unsupported != "") {
			err = fmt.Errorf("%s came back with: %s; due was: whatever the implementation does", c, reply)
		}
		return err
	},
}

// protocolProbes try what every adapter has to do.
var protocolProbes = []struct {
	name  string
	exact bool // only with exact settling
	probe probe
}{
	{"an unknown object is a fault, and the session goes on", false, func(t *talk) error {
		if err := unknown(t, trace.Command{Op: trace.ReaderFeedEOF, On: "nobody"}); err != nil {
			return err
		}
		if err := unknown(t, trace.Command{Op: trace.Cancel, On: "nothing"}); err != nil {
			return err
		}
		return t.wants(wanted{makeReader(8), none})
	}},
	{"a failure of the implementation is raised, not a fault", false, func(t *talk) error {
		return t.wants(
			wanted{makeReader(8), none},
			wanted{trace.Command{Op: trace.ReaderFeedEOF, On: "r"}, none},
			wanted{read("c1", 1), `raised incomplete-read{partial "", expected 1}…`},
		)
	}},
	{"every byte comes through, and long data too", false, func(t *talk) error {
		every := make(trace.Bytes, 256)
		for i := range every {
			every[i] = byte(i)
		}
		long := trace.Bytes(strings.Repeat("x", 100_000))
		return t.wants(
			wanted{makeReader(1 << 20), none},
			wanted{feed(trace.Data{Bytes: every}), none},
			wanted{feed(trace.Data{Bytes: long}), none},
			wanted{read("c1", 256), "returned " + every.String()},
			wanted{read("c2", 100_000), "returned " + long.String()},
		)
	}},
	{"a call that waits is pending and finishes under its name", false, func(t *talk) error {
		if err := t.wants(wanted{makeReader(8), none}, wanted{read("first", 1), "pending"}); err != nil {
			return err
		}
		reply, err := t.do(feed(*trace.D("a")))
		if err != nil {
			return err
		}
		events := reply.Events
		reply, err = t.do(trace.Command{Op: trace.Run, Until: &trace.Until{Done: "first"}, Ms: 5000})
		if err != nil {
			return err
		}
		if got := reply.String(); got != "returned true" {
			return fmt.Errorf("run until the call had finished came back with: %s; due was: returned true", got)
		}
		for _, e := range append(events, reply.Events...) {
			if e.String() == `finished first returned "a"` {
				return nil
			}
		}
		return errors.New(`no event said: finished first returned "a"`)
	}},
	{"settling is exact: what a command sets off has happened when it comes back", true, func(t *talk) error {
		return t.wants(
			wanted{makeReader(8), none},
			wanted{read("c1", 2), "pending"},
			wanted{feed(*trace.D("a")), none},
			wanted{trace.Command{Op: trace.Settle}, none},
			wanted{feed(*trace.D("b")), none + `, with finished c1 returned "ab"`},
			wanted{trace.Command{Op: trace.Settle}, none},
		)
	}},
	{"no_settle: the reply comes before the implementation has run", true, func(t *talk) error {
		quiet := feed(*trace.D("a"))
		quiet.NoSettle = true
		return t.wants(
			wanted{makeReader(8), none},
			wanted{read("c1", 1), "pending"},
			wanted{quiet, none},
			wanted{trace.Command{Op: trace.Settle}, none + `, with finished c1 returned "a"`},
		)
	}},
	{"cancel: a pending call ends as cancelled", false, func(t *talk) error {
		if err := t.wants(wanted{makeReader(8), none}, wanted{read("c1", 1), "pending"}); err != nil {
			return err
		}
		reply, err := t.do(trace.Command{Op: trace.Cancel, On: "c1"})
		if err != nil {
			return err
		}
		events := reply.Events
		if reply, err = t.do(trace.Command{Op: trace.Run, Until: &trace.Until{Done: "c1"}, Ms: 5000}); err != nil {
			return err
		}
		for _, e := range append(events, reply.Events...) {
			if e.Ev == trace.Finished && e.On == "c1" && e.Raised != nil && e.Raised.Kind == trace.Cancelled {
				return nil
			}
		}
		return errors.New("no event said: finished c1 raised cancelled")
	}},
	{"forget: objects and names are free again, nothing is said of the calls", false, func(t *talk) error {
		if err := t.wants(
			wanted{makeReader(8), none},
			wanted{read("c1", 1), "pending"},
			wanted{trace.Command{Op: trace.Forget}, none},
		); err != nil {
			return err
		}
		if err := unknown(t, trace.Command{Op: trace.ReaderAtEOF, On: "r"}); err != nil {
			return err
		}
		return t.wants(wanted{makeReader(8), none}, wanted{feed(*trace.D("a")), none}, wanted{read("c1", 1), `returned "a"`})
	}},
}

// sessions tries that a session knows nothing of the one before.
func (k *checker) sessions(ctx context.Context) error {
	if err := k.inSession(ctx, func(t *talk) error { return t.wants(wanted{makeReader(8), none}) }); err != nil {
		return err
	}
	return k.inSession(ctx, func(t *talk) error {
		if err := unknown(t, trace.Command{Op: trace.ReaderAtEOF, On: "r"}); err != nil {
			return err
		}
		return t.wants(wanted{makeReader(8), none})
	})
}
