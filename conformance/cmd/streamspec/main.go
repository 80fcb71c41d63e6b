// Command streamspec judges implementations of asyncio-style streams by the rules of the catalogue.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/streamspec/streamspec/conformance"
	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/adapter/stdio"
	"github.com/streamspec/streamspec/conformance/internal/report"
	"github.com/streamspec/streamspec/fuzz"
)

const issues = "https://github.com/streamspec/streamspec/issues"

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(800) // enumerating makes much garbage and keeps little
		if os.Getenv("GOMEMLIMIT") == "" {
			debug.SetMemoryLimit(512 << 20) // but what goes over connections is large
		}
	}
	os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
}

// An exit is an error with the exit code that it leads to. Without a text everything has been said.
type exit struct {
	code int
	text string
}

func (e *exit) Error() string { return e.text }

// usage is the error of bad usage or configuration.
func usage(format string, args ...any) error {
	return &exit{report.ExitUsage, fmt.Sprintf(format, args...)}
}

// execute runs one command line and returns the exit code.
func execute(args []string, stdout, stderr io.Writer) (code int) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintln(stderr, "streamspec:", &fault{p, panicSite()})
			code = report.ExitAdapter
		}
	}()
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	code, text := explainError(err)
	if text != "" {
		fmt.Fprintln(stderr, "streamspec:", text)
	}
	return code
}

// explainError turns an error into an exit code and a sentence.
func explainError(err error) (code int, text string) {
	var (
		e       *exit
		option  *conformance.UsageError
		corpus  *fuzz.CorpusError
		command *stdio.CommandError
		failure *adapter.Failure
	)
	switch {
	case err == nil:
		return report.ExitConformant, ""
	case errors.As(err, &e):
		return e.code, e.text
	case errors.As(err, &option), errors.As(err, &command), errors.As(err, &corpus):
		return report.ExitUsage, err.Error()
	case errors.As(err, &failure):
		text := "the adapter failed: " + failure.Text
		if last := lastLine(failure.Stderr); last != "" {
			text += fmt.Sprintf("; the last line of its standard error is %q", last)
		}
		return report.ExitAdapter, text
	}
	return report.ExitAdapter, err.Error()
}

// lastLine is the last line of a text that is not blank.
func lastLine(text string) string {
	text = strings.TrimRight(text, " \r\n\t")
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// A fault is a panic of streamspec itself.
type fault struct {
	value any
	site  string
}

func (f *fault) Error() string {
	return fmt.Sprintf("a fault of streamspec itself, %v, at %s; please report it with the command line at %s", f.value, f.site, issues)
}

// panicSite tells where the panic that is being recovered was raised.
func panicSite() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	raised := false
	for {
		f, more := frames.Next()
		if raised && !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf("%s:%d", f.Function[strings.LastIndexByte(f.Function, '/')+1:], f.Line)
		}
		raised = raised || f.Function == "runtime.gopanic"
		if !more {
			return "an unknown place"
		}
	}
}

// newRoot builds the command tree.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "streamspec",
		Short: "Judges implementations of asyncio-style streams, rule by rule.",
		Long: `streamspec judges an implementation of asyncio-style streams, rule by rule: an event loop, a port to another
language, a library. The rules are those of the asyncio documentation; "streamspec rules" lists them.`,
		Example: `  streamspec run                                      judge the embedded reference
  streamspec run --adapter python --python python3.12 judge the asyncio of a Python
  streamspec run --adapter "./my-adapter --fast"      judge anything that speaks the wire protocol`,
		Args:          cobra.ArbitraryArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		hint := `; "streamspec help" lists them`
		if near := root.SuggestionsFor(args[0]); len(near) > 0 {
			hint = "; did you mean " + strings.Join(near, " or ") + "?"
		}
		return usage("there is no command %q%s", args[0], hint)
	}
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%v; %q lists the flags", err, cmd.CommandPath()+" --help")
	})
	root.AddCommand(newRun(), newRules(), newExplain(), newAdapters(), newCheck(), newReplay(), newPromote(), newVectors(), newBaseline(), newServe(), newFuzz(), newMutants(), newVersion())
	return root
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say which version this is", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "streamspec %s, %s %s/%s\n", conformance.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%s takes no arguments, but was given %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// oneArgument is for commands that are about one thing, whose name is for the error text.
func oneArgument(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usage("%s takes one argument, %s, but was given %d", cmd.CommandPath(), what, len(args))
		}
		return nil
	}
}

// Interrupts turn the first interrupt into the end of a context. After it the second ends the process, as usual.
type interrupts struct {
	c      chan os.Signal
	quiet  bool // an interrupt from the terminal is somebody else's affair
	cancel context.CancelCauseFunc
}

// errInterrupted is the cause of a context that ended by a signal.
type errInterrupted struct{ signal os.Signal }

func (e errInterrupted) Error() string { return "a signal came: " + e.signal.String() }

// newInterrupts begins to listen. A quiet one heeds only requests to terminate.
func newInterrupts(ctx context.Context, quiet bool) (context.Context, *interrupts) {
	ctx, cancel := context.WithCancelCause(ctx)
	i := &interrupts{c: make(chan os.Signal, 1), quiet: quiet, cancel: cancel}
	i.listen()
	go func() {
		select {
		case s := <-i.c:
			signal.Reset(os.Interrupt, syscall.SIGTERM)
			cancel(errInterrupted{s})
		case <-ctx.Done():
		}
	}()
	return ctx, i
}

// listen takes the signals from whoever else listens to them. Ginkgo does, in a way that ends the case at hand while its
// body still runs.
func (i *interrupts) listen() {
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	if i.quiet {
		signal.Ignore(os.Interrupt)
		signal.Notify(i.c, syscall.SIGTERM)
		return
	}
	signal.Notify(i.c, os.Interrupt, syscall.SIGTERM)
}

// stop ends listening.
func (i *interrupts) stop() {
	signal.Stop(i.c)
	i.cancel(nil)
}
