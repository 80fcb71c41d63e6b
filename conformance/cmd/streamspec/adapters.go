package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/streamspec/streamspec/conformance/adapter"
	"github.com/streamspec/streamspec/conformance/adapter/python"
	"github.com/streamspec/streamspec/conformance/adapter/reference"
	"github.com/streamspec/streamspec/conformance/adapter/stdio"
	"github.com/streamspec/streamspec/spec/trace"
)

// The adapters that come with the command.
const (
	referenceAdapter = "reference"
	pythonAdapter    = "python"
)

// loadDeadline is how long a Python may take to start and to load an event loop.
const loadDeadline = 30 * time.Second

// defaultPython is the interpreter that the adapter python runs when none is named.
const defaultPython = "python3"

// A choice is an adapter chosen on the command line.
type choice struct {
	name   string   // reference, python, or empty: a command
	python string   // the interpreter
	loop   string   // MODULE:FACTORY; empty: asyncio's own loop
	argv   []string // the command
}

// adapterFlags are the flags that choose an adapter.
type adapterFlags struct{ adapter, python, loop string }

const loopUsage = "the event loops that the adapter python runs: those of the class of what `MODULE:FACTORY` returns (default asyncio's own)"

func (f *adapterFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.adapter, "adapter", "", "`reference`, python, or a command that speaks the wire protocol (default reference)")
	cmd.Flags().StringVar(&f.python, "python", defaultPython, "the `interpreter` that the adapter python runs")
	cmd.Flags().StringVar(&f.loop, "loop", "", loopUsage)
}

// choose makes the choice; rest is the command behind --, nil if there is none.
func (f *adapterFlags) choose(cmd *cobra.Command, rest []string) (choice, error) {
	if rest != nil {
		switch {
		case f.adapter != "":
			return choice{}, usage("the adapter is named twice, by --adapter and behind --")
		case len(rest) == 0:
			return choice{}, usage("no command follows --")
		}
		return choice{argv: rest}, nil
	}
	c, err := choose(f.adapter, f.python)
	if err == nil && c.name != pythonAdapter && cmd.Flags().Changed("python") {
		err = usage("--python is for the adapter python, which --adapter has to name")
	}
	if err == nil && cmd.Flags().Changed("loop") {
		module, factory, _ := strings.Cut(f.loop, ":")
		switch {
		case c.name != pythonAdapter:
			err = usage("--loop is for the adapter python, which --adapter has to name")
		case module == "" || factory == "":
			err = usage("--loop is %q, and has to be MODULE:FACTORY, such as uvloop:new_event_loop", f.loop)
		}
		c.loop = f.loop
	}
	return c, err
}

func choose(name, interpreter string) (choice, error) {
	switch name {
	case "", referenceAdapter:
		return choice{name: referenceAdapter}, nil
	case pythonAdapter:
		return choice{name: pythonAdapter, python: interpreter}, nil
	}
	if _, err := exec.LookPath(name); err == nil {
		return choice{argv: []string{name}}, nil
	}
	argv, err := words(name)
	if err != nil {
		return choice{}, usage("the adapter's command %q cannot be read: %v", name, err)
	}
	if len(argv) == 0 {
		return choice{}, usage("the adapter's command is empty: it has to name a program")
	}
	return choice{argv: argv}, nil
}

// flags are the arguments that choose the same adapter again.
func (c choice) flags() []string {
	if c.name == "" {
		return []string{"--adapter", join(c.argv)}
	}
	args := []string{"--adapter", c.name}
	if c.name == pythonAdapter && c.python != defaultPython {
		args = append(args, "--python", c.python)
	}
	if c.loop != "" {
		args = append(args, "--loop", c.loop)
	}
	return args
}

// open returns the adapter. deadline is that of one command; zero: the usual one.
func (c choice) open(deadline time.Duration) (adapter.Adapter, error) {
	var o stdio.Options
	if deadline > 0 {
		o.Deadline = deadline + 10*time.Second // the suite's own is to pass first
	}
	switch c.name {
	case referenceAdapter:
		return reference.New(), nil
	case pythonAdapter:
		argv, remove, err := python.Command(c.python, c.loop)
		if err != nil {
			return nil, usage("the Python %q cannot be run: %v", c.python, lastCause(err))
		}
		if c.loop != "" {
			ctx, cancel := context.WithTimeout(context.Background(), loadDeadline)
			defer cancel()
			if err := python.CheckLoop(ctx, argv); err != nil {
				_ = remove()
				return nil, usage("the event loop %s cannot be driven: %v", c.loop, err)
			}
		}
		return &temporary{stdio.New(argv, o), remove}, nil
	}
	if _, err := exec.LookPath(c.argv[0]); err != nil && len(c.argv) == 1 && !strings.ContainsRune(c.argv[0], os.PathSeparator) {
		return nil, usage("there is no adapter %q: known are %s, %s, and any program that speaks the wire protocol", c.argv[0], referenceAdapter, pythonAdapter)
	}
	return stdio.New(c.argv, o), nil
}

// lastCause is the innermost error.
func lastCause(err error) error {
	for {
		inner, ok := err.(interface{ Unwrap() error })
		if !ok || inner.Unwrap() == nil {
			return err
		}
		err = inner.Unwrap()
	}
}

// temporary is a client whose program is a file that goes when it is closed.
type temporary struct {
	*stdio.Client
	remove func() error
}

func (t *temporary) Close() error {
	err := t.Client.Close()
	if e := t.remove(); err == nil {
		err = e
	}
	return err
}

// words splits a command line as a shell would, without expanding anything: quotes hold words together, and a backslash
// takes the next character as it is, but not in single quotes.
func words(line string) ([]string, error) {
	var (
		out   []string
		word  strings.Builder
		begun bool
		quote rune
		bare  bool // the character before was a backslash
	)
	for _, r := range line {
		switch {
		case bare:
			if quote == '"' && r != '"' && r != '\\' {
				word.WriteByte('\\')
			}
			word.WriteRune(r)
			bare = false
		case r == '\\' && quote != '\'':
			bare, begun = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, begun = r, true
		case quote == 0 && (r == ' ' || r == '\t' || r == '\n'):
			if begun {
				out = append(out, word.String())
				word.Reset()
			}
			begun = false
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	switch {
	case quote != 0:
		return nil, fmt.Errorf("a quote is not closed")
	case bare:
		return nil, fmt.Errorf("it ends with a backslash")
	case begun:
		out = append(out, word.String())
	}
	return out, nil
}

// join is the inverse of words.
func join(argv []string) string {
	quoted := make([]string, len(argv))
	for i, arg := range argv {
		quoted[i] = shellQuote(arg)
	}
	return strings.Join(quoted, " ")
}

// shellQuote quotes an argument for a shell where that is needed.
func shellQuote(arg string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@%+,", r)
	}
	if arg != "" && !strings.ContainsFunc(arg, func(r rune) bool { return !plain(r) }) {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

func newAdapters() *cobra.Command {
	var onlyPythons bool
	cmd := &cobra.Command{
		Use: "adapters", Short: "List the adapters that are here", Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			pythons := []string{defaultPython}
			for _, p := range python.Interpreters() {
				pythons = append(pythons, p.Path)
			}
			if onlyPythons {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), strings.Join(pythons, "\n"))
				return err
			}
			ctx, i := newInterrupts(cmd.Context(), false)
			defer i.stop()
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
			d := describe(ctx, choice{name: referenceAdapter})
			fmt.Fprintf(w, "--adapter %s\t%s\n", referenceAdapter, d)
			for _, p := range pythons {
				c := choice{name: pythonAdapter, python: p}
				fmt.Fprintf(w, "%s\t%s\n", join(c.flags()), describe(ctx, c))
			}
			fmt.Fprintf(w, "--adapter COMMAND\tany program that speaks the wire protocol, which CONFORMANCE.md describes, on its\n")
			fmt.Fprintf(w, "\tstandard input and output; \"streamspec serve\" is one, \"streamspec check COMMAND\" tries it\n")
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&onlyPythons, "pythons", false, "only what --python can name, one a line")
	return cmd
}

// describe says in a line what an adapter says of itself, or why it does not.
func describe(ctx context.Context, c choice) string {
	a, err := c.open(10 * time.Second)
	if err != nil {
		_, text := explainError(err)
		return text
	}
	defer a.Close()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	d, err := a.Describe(ctx)
	if err != nil {
		_, text := explainError(err)
		return text
	}
	return introduce(d)
}

// introduce names an implementation.
func introduce(d trace.Description) string {
	s := fmt.Sprintf("%s %s (%s)", d.Name, d.Version, d.Language)
	if d.Detail != "" {
		s += ", " + d.Detail
	}
	return s
}
