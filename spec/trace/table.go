package trace

import (
	"fmt"
	"slices"
	"strings"
)

// Style says how a command comes back.
type Style string

// The styles of command.
const (
	Make    Style = "make"    // makes an object, under the name given by as
	Call    Style = "call"    // does something at once
	Start   Style = "start"   // starts something that may wait: returned, raised or pending; when pending, a finished event follows
	Control Style = "control" // is about the session, not about an object
)

// ArgType is the type of an argument.
type ArgType string

// The types of argument.
const (
	IntArg   ArgType = "int"
	BoolArg  ArgType = "bool"
	NameArg  ArgType = "name"  // the name of an object or call of the session
	NamesArg ArgType = "names" // a list of such names
	DataArg  ArgType = "data"
	DatasArg ArgType = "list of data"
	TextArg  ArgType = "text"
	UntilArg ArgType = "condition"
)

// An Arg is an argument of a command.
type Arg struct {
	Name     string
	Type     ArgType
	Required bool
	Doc      string
}

// A CommandSpec defines one command.
type CommandSpec struct {
	Op     Op
	Style  Style
	On     string // the kind of object that the command is about; empty: none
	Makes  string // the kind of object that it makes; empty: none
	Args   []Arg
	Result string // what is returned
	Events []EventName
	Needs  Capability
	Doc    string
}

// Commands is the table of all commands. Everything that is known of a command is derived from its row.
var Commands = []CommandSpec{
	{
		Op: ReaderMake, Style: Make, Makes: "reader", Needs: CapReader,
		Args:   []Arg{{Name: "limit", Type: IntArg, Doc: "the limit, bytes; not given: the implementation's default"}},
		Result: "none", Doc: "Makes a reader that is fed by hand.",
	},
	{
		Op: MockMake, Style: Make, Makes: "transport", Needs: CapReaderTransport,
		Args:   []Arg{{Name: "can_pause", Type: BoolArg, Doc: "false: pausing raises the error that means not supported; not given: true"}},
		Result: "none", Doc: "Makes a mock transport, which only records that it was paused and resumed.",
	},
	{
		Op: ReaderSetTransport, Style: Call, On: "reader", Needs: CapReaderTransport,
		Args:   []Arg{{Name: "transport", Type: NameArg, Required: true, Doc: "the transport"}},
		Result: "none", Doc: "Attaches a transport to the reader, for flow control.",
	},
	{
		Op: ReaderFeedData, Style: Call, On: "reader", Needs: CapReader,
		Args:   []Arg{{Name: "data", Type: DataArg, Required: true, Doc: "the bytes that arrive"}},
		Result: "none", Events: []EventName{Finished, Item, PauseReading, ResumeReading}, Doc: "Feeds data, as the protocol does when they arrive.",
	},
	{
		Op: ReaderFeedEOF, Style: Call, On: "reader", Needs: CapReader,
		Result: "none", Events: []EventName{Finished, Item}, Doc: "Feeds the end of the stream.",
	},
	{
		Op: ReaderSetException, Style: Call, On: "reader", Needs: CapReader,
		Args:   []Arg{{Name: "exception", Type: TextArg, Doc: "the text of a new exception, of kind scripted; not given: none, which clears"}},
		Result: "none", Events: []EventName{Finished}, Doc: "Stores an exception in the reader.",
	},
	{
		Op: ReaderException, Style: Call, On: "reader", Needs: CapReader,
		Result: "error or none", Doc: "Asks for the stored exception.",
	},
	{
		Op: ReaderAtEOF, Style: Call, On: "reader", Needs: CapReader,
		Result: "bool", Doc: "Asks whether the reader is at the end of the stream.",
	},
	{
		Op: ReaderRead, Style: Start, On: "reader", Needs: CapReader,
		Args:   []Arg{{Name: "n", Type: IntArg, Doc: "at most so many bytes; not given: the call is made without a size"}},
		Result: "bytes", Events: []EventName{PauseReading, ResumeReading}, Doc: "Reads.",
	},
	{
		Op: ReaderReadLine, Style: Start, On: "reader", Needs: CapReader,
		Result: "bytes", Events: []EventName{PauseReading, ResumeReading}, Doc: "Reads a line.",
	},
	{
		Op: ReaderReadExactly, Style: Start, On: "reader", Needs: CapReader,
		Args:   []Arg{{Name: "n", Type: IntArg, Required: true, Doc: "so many bytes"}},
		Result: "bytes", Events: []EventName{PauseReading, ResumeReading}, Doc: "Reads exactly n bytes.",
	},
	{
		Op: ReaderReadUntil, Style: Start, On: "reader", Needs: CapReader,
		Args: []Arg{
			{Name: "separator", Type: DataArg, Doc: "a single separator; neither given: the call is made without one"},
			{Name: "separators", Type: DatasArg, Doc: "a tuple of separators (capability reader.tuple-separators)"},
		},
		Result: "bytes", Events: []EventName{PauseReading, ResumeReading}, Doc: "Reads through a separator.",
	},
	{
		Op: ReaderIterate, Style: Start, On: "reader", Needs: CapReader,
		Args:   []Arg{{Name: "n", Type: IntArg, Doc: "leave the loop after so many items; not given: go on to the end"}},
		Result: "none", Events: []EventName{Item, PauseReading, ResumeReading},
		Doc: "Iterates over the reader. Each item is an event; the call returns when the iteration ends.",
	},
	{
		Op: Cancel, Style: Control, On: "call", Needs: CapReader,
		Result: "none", Events: []EventName{Finished}, Doc: "Cancels a pending call. A call that has finished is left alone.",
	},
	{
		Op: Settle, Style: Control,
		Result: "none", Events: []EventName{Finished, Item, PauseReading, ResumeReading}, Doc: "Lets the implementation run until nothing more happens.",
	},
	{
		Op: Run, Style: Control,
		Args: []Arg{
			{Name: "until", Type: UntilArg, Required: true, Doc: "the condition, counted from the beginning of the session"},
			{Name: "ms", Type: IntArg, Required: true, Doc: "the deadline, milliseconds"},
		},
		Result: "bool: whether the condition holds", Events: []EventName{Finished, Item, PauseReading, ResumeReading},
		Doc: "Lets the implementation run until a condition holds or the deadline has passed.",
	},
	{
		Op: Forget, Style: Control,
		Args:   []Arg{{Name: "names", Type: NamesArg, Doc: "the objects and calls to drop; not given: all"}},
		Result: "none", Doc: "Drops objects. Calls among them that are pending are cancelled first, and nothing is reported of them.",
	},
}

// argument numbers the arguments, so that sets of them are bits.
var argument = []struct {
	name  string
	given func(*Command) bool
}{
	{"limit", func(c *Command) bool { return c.Limit != nil }},
	{"can_pause", func(c *Command) bool { return c.CanPause != nil }},
	{"transport", func(c *Command) bool { return c.Transport != "" }},
	{"data", func(c *Command) bool { return c.Data != nil }},
	{"exception", func(c *Command) bool { return c.Exception != nil }},
	{"n", func(c *Command) bool { return c.N != nil }},
	{"separator", func(c *Command) bool { return c.Separator != nil }},
	{"separators", func(c *Command) bool { return c.Separators != nil }},
	{"names", func(c *Command) bool { return c.Names != nil }},
	{"until", func(c *Command) bool { return c.Until != nil }},
	{"ms", func(c *Command) bool { return c.Ms != 0 }},
}

// A row is a command's definition, prepared for checking commands quickly.
type row struct {
	spec              *CommandSpec
	allowed, required uint32       // sets of arguments
	needs             []Capability // what a command without special arguments needs
}

var rows = func() map[Op]*row {
	m := make(map[Op]*row, len(Commands))
	for i := range Commands {
		r := &row{spec: &Commands[i]}
		for _, a := range r.spec.Args {
			bit := uint32(1) << slices.IndexFunc(argument, func(b struct {
				name  string
				given func(*Command) bool
			}) bool {
				return b.name == a.Name
			})
			r.allowed |= bit
			if a.Required {
				r.required |= bit
			}
		}
		if r.spec.Needs != "" {
			r.needs = []Capability{r.spec.Needs}
		}
		m[r.spec.Op] = r
	}
	return m
}()

// Spec returns the row of an operation, nil where there is no such operation.
func Spec(op Op) *CommandSpec {
	if r := rows[op]; r != nil {
		return r.spec
	}
	return nil
}

// Validate reports what is wrong with a command by the table, nil if nothing is.
func (c *Command) Validate() error {
	r := rows[c.Op]
	if r == nil {
		return fmt.Errorf("there is no command %q", c.Op)
	}
	s := r.spec
	if (s.On != "") != (c.On != "") {
		if s.On == "" {
			return fmt.Errorf("%s is about no object, but on is %q", c.Op, c.On)
		}
		return fmt.Errorf("%s needs on, the name of a %s", c.Op, s.On)
	}
	names := s.Style == Make || s.Style == Start
	if names != (c.As != "") {
		if names {
			return fmt.Errorf("%s needs as, a name for what it makes", c.Op)
		}
		return fmt.Errorf("%s makes nothing, but as is %q", c.Op, c.As)
	}
	for i := range argument {
		bit, given := uint32(1)<<i, argument[i].given(c)
		if given && r.allowed&bit == 0 {
			return fmt.Errorf("%s has no argument %s", c.Op, argument[i].name)
		}
		if !given && r.required&bit != 0 {
			return fmt.Errorf("%s needs %s", c.Op, argument[i].name)
		}
	}
	if c.Separator != nil && c.Separators != nil {
		return fmt.Errorf("%s takes separator or separators, not both", c.Op)
	}
	if c.Until != nil {
		if err := c.Until.Validate(); err != nil {
			return fmt.Errorf("%s: %w", c.Op, err)
		}
	}
	return c.eachData(func(d *Data) error {
		if !d.Form.known() {
			return fmt.Errorf("%s: there is no form of data %q", c.Op, d.Form)
		}
		if d.Form == Wide && len(d.Bytes)%4 != 0 {
			return fmt.Errorf("%s: a wide view has items of 4 bytes, %d bytes are not a multiple of that", c.Op, len(d.Bytes))
		}
		return nil
	})
}

// eachData calls f for all data among the arguments until it fails.
func (c *Command) eachData(f func(*Data) error) error {
	for _, d := range [...]*Data{c.Data, c.Separator} {
		if d != nil {
			if err := f(d); err != nil {
				return err
			}
		}
	}
	for i := range c.Separators {
		if err := f(&c.Separators[i]); err != nil {
			return err
		}
	}
	return nil
}

// Needs lists the capabilities that the command asks of an implementation, those of its arguments included. The list is not
// to be changed.
func (c *Command) Needs() []Capability {
	r := rows[c.Op]
	if r == nil {
		return nil
	}
	needs := r.needs
	if c.Separators != nil {
		needs = append(slices.Clip(needs), CapTupleSeparators)
	}
	c.eachData(func(d *Data) error {
		switch d.Form {
		case "", AsBytes:
		case ByteArray, View, Wide, Mutated:
			needs = append(slices.Clip(needs), CapTypedBuffers)
		default:
			needs = append(slices.Clip(needs), CapPythonSurface)
		}
		return nil
	})
	return needs
}

// String shows the command as a call: r.readuntil("\n", as: c1).
func (c Command) String() string {
	var args []string
	add := func(name string, v any) { args = append(args, fmt.Sprintf("%s: %v", name, v)) }
	if c.Limit != nil {
		add("limit", *c.Limit)
	}
	if c.CanPause != nil {
		add("can_pause", *c.CanPause)
	}
	if c.Transport != "" {
		args = append(args, c.Transport)
	}
	if c.Data != nil {
		args = append(args, c.Data.String())
	}
	if c.Exception != nil {
		args = append(args, fmt.Sprintf("%q", *c.Exception))
	} else if c.Op == ReaderSetException {
		args = append(args, "none")
	}
	if c.N != nil {
		args = append(args, fmt.Sprint(*c.N))
	}
	if c.Separator != nil {
		args = append(args, c.Separator.String())
	}
	if c.Separators != nil {
		parts := make([]string, len(c.Separators))
		for i, s := range c.Separators {
			parts[i] = s.String()
		}
		args = append(args, "("+strings.Join(parts, ", ")+")")
	}
	if c.Names != nil {
		args = append(args, strings.Join(c.Names, ", "))
	}
	if c.Until != nil {
		add("until", c.Until)
		add("ms", c.Ms)
	}
	if c.NoSettle {
		args = append(args, "no settling")
	}
	op := string(c.Op)
	if c.On != "" {
		if _, verb, ok := strings.Cut(op, "."); ok {
			op = c.On + "." + verb
		} else {
			op += " " + c.On
		}
	}
	s := op + "(" + strings.Join(args, ", ") + ")"
	if c.As != "" {
		s = c.As + " = " + s
	}
	return s
}
