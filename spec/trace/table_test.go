package trace

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// full returns a valid command of a row with every argument that goes with the others.
func full(s *CommandSpec) Command {
	c := Command{Op: s.Op}
	if s.On != "" {
		c.On = "o"
	}
	if s.Style == Make || s.Style == Start {
		c.As = "x"
	}
	for _, a := range s.Args {
		switch {
		case a.Name == "separators": // not beside separator
		case a.Name == "kind" && s.Op == StreamOpen: // not beside a raw end
		case a.Name == "raw" && s.Op == SocketMake: // not beside what a socket of its own has
		default:
			give(&c, a.Name)
		}
	}
	return c
}

// give sets an argument.
func give(c *Command, name string) {
	switch name {
	case "limit":
		c.Limit = Int(4)
	case "can_pause":
		c.CanPause = Bool(false)
	case "transport":
		c.Transport = "t"
	case "data":
		c.Data = D("ab")
	case "exception":
		c.Exception = Text("")
	case "n":
		c.N = Int(1)
	case "separator":
		c.Separator = D("S")
	case "separators":
		c.Separators = []Data{}
	case "names":
		c.Names = []string{}
	case "until":
		c.Until = &Until{Done: "c"}
	case "ms":
		c.Ms = 1
	case "kind":
		c.Kind = Unix
	case "buffer":
		c.Buffer = 4096
	case "raw":
		c.Raw = "w"
	case "reader":
		c.Reader = "r"
	case "protocol":
		c.Protocol = "p"
	case "program":
		c.Program = []Reaction{
			{In: EOFReceived, Do: []Command{{Op: TransportWrite, On: "c.transport", Data: D("x")}}, Return: &Value{Bool: Bool(true)}},
			{In: DataReceived, Nth: 2, Raise: Text("boom")},
		}
	case "plain":
		c.Plain = Bool(false)
	case "callback":
		c.Callback = "function"
	case "chunks":
		c.Chunks = []Data{*D("a"), {Bytes: Bytes("abcd"), Form: Wide}}
	case "container":
		c.Container = Tuple
	case "high":
		c.High = Int(8)
	case "low":
		c.Low = Int(0)
	case "name":
		c.Name = "socket"
	case "default":
		c.Default = Text("")
	case "eager":
		c.Eager = Bool(true)
	case "address":
		c.Address = "a"
	case "addresses":
		c.Addresses = []string{}
	case "state":
		c.State = Live
	case "host":
		c.Host = Text("")
	case "port":
		c.Port = Int(0)
	case "local":
		c.Local = "a"
	case "socket":
		c.Socket = "k"
	case "datagram":
		c.Datagram = Bool(false)
	case "path_like":
		c.PathLike = Bool(false)
	case "family":
		c.Family = IPv4
	case "proto":
		c.Proto = Int(0)
	case "flags":
		c.Flags = Int(0)
	case "delay":
		c.Delay = Int(0)
	case "interleave":
		c.Interleave = Int(0)
	case "backlog":
		c.Backlog = Int(0)
	case "reuse_address":
		c.ReuseAddress = Bool(false)
	case "reuse_port":
		c.ReusePort = Bool(false)
	case "start_serving":
		c.StartServing = Bool(false)
	case "serve":
		c.Serve = Bool(false)
	case "keywords":
		c.Keywords = []Keyword{{Name: "ssl", Value: None}}
	default:
		panic("the test does not know the argument " + name)
	}
}

// take takes an argument away.
func take(c *Command, name string) {
	fields := reflect.ValueOf(c).Elem()
	for i := range fields.NumField() {
		if tag, _, _ := strings.Cut(fields.Type().Field(i).Tag.Get("json"), ","); tag == name {
			fields.Field(i).SetZero()
			return
		}
	}
	panic("a command has no field " + name)
}

// refused expects a command to be refused for a reason.
func refused(t *testing.T, c Command, why string) {
	t.Helper()
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("%s: %v, want an error that says %q", c, err, why)
	}
}

func TestEveryRowOfTheTable(t *testing.T) {
	for i := range Commands {
		s := &Commands[i]
		t.Run(string(s.Op), func(t *testing.T) {
			if s.Doc == "" || s.Result == "" {
				t.Error("the row lacks what it does or what it returns")
			}
			if Spec(s.Op) != s {
				t.Error("the row is not found by its operation")
			}
			c := full(s)
			if err := c.Validate(); err != nil {
				t.Fatalf("with everything: %v", err)
			}
			c.NoSettle = true
			if err := c.Validate(); err != nil {
				t.Errorf("without settling: %v", err)
			}
			has := map[string]Arg{}
			for _, a := range s.Args {
				has[a.Name] = a
				if a.Doc == "" {
					t.Errorf("the argument %s is not documented", a.Name)
				}
			}
			for _, a := range argument {
				c := full(s)
				switch _, known := has[a.name]; {
				case !known:
					give(&c, a.name)
					refused(t, c, string(s.Op)+" has no argument "+a.name)
				case has[a.name].Required:
					take(&c, a.name)
					refused(t, c, string(s.Op)+" needs "+a.name)
				default:
					take(&c, a.name)
					if s.Op == StreamOpen && a.name == "raw" {
						c.Kind = TCP // stands instead
					}
					if err := c.Validate(); err != nil {
						t.Errorf("without %s, which is optional: %v", a.name, err)
					}
				}
			}
			c = full(s)
			if c.On != "" {
				c.On = ""
				refused(t, c, "needs on, the name of a "+s.On)
			} else {
				c.On = "o"
				refused(t, c, "is about no object")
			}
			c = full(s)
			if c.As != "" {
				c.As = ""
				refused(t, c, "needs as")
			} else {
				c.As = "x"
				refused(t, c, "makes nothing")
			}
		})
	}
}

func TestValidateLooksAtData(t *testing.T) {
	until := Command{Op: ReaderReadUntil, On: "r", As: "c"}
	program := func(plain bool, r Reaction) Command {
		return Command{Op: ProtocolMake, As: "p", Plain: &plain, Program: []Reaction{r}}
	}
	waits := func(u Until) Command { return Command{Op: Run, Until: &u, Ms: 1} }
	with := func(change func(*Command)) Command { c := until; change(&c); return c }
	for name, test := range map[string]struct {
		command Command
		why     string // empty: valid
	}{
		"no operation":                 {Command{}, `no command ""`},
		"an invented operation":        {Command{Op: "reader.peek", On: "r", As: "c"}, `no command "reader.peek"`},
		"neither separator":            {until, ""},
		"waiting for an event":         {waits(Until{Event: Unhandled}), ""},
		"waiting for several of one":   {waits(Until{Event: PauseReading, On: "t", Count: 2}), ""},
		"waiting for nothing":          {waits(Until{}), "one of done and event"},
		"waiting for two things":       {waits(Until{Done: "c", Event: Finished}), "one of done and event"},
		"waiting for two ends":         {waits(Until{Done: "c", Count: 2}), "on and count are for events"},
		"waiting for an invented one":  {waits(Until{Event: "exploded"}), `no event "exploded"`},
		"waiting for less than none":   {waits(Until{Event: Finished, Count: -1}), "neither must be negative"},
		"waiting for bytes":            {waits(Until{Event: DataReceived, On: "p", Bytes: 5}), ""},
		"waiting for bytes of no data": {waits(Until{Event: EOFReceived, On: "p", Bytes: 5}), "those of data_received"},
		"waiting for bytes and chunks": {waits(Until{Event: DataReceived, Bytes: 5, Count: 2}), "instead of a count"},
		"an invented kind":             {Command{Op: RawMake, As: "w", Kind: "tin-can"}, `no kind of connection "tin-can"`},
		"a negative buffer":            {Command{Op: RawMake, As: "w", Kind: Unix, Buffer: -1}, "must not be negative"},
		"an invented container":        {Command{Op: WriterWriteLines, On: "w", Chunks: []Data{}, Container: "bag"}, `no container "bag"`},
		"two chunks without container": {Command{Op: WriterWriteLines, On: "w", Chunks: []Data{*D("a"), *D("b")}, Container: Single}, "there is one chunk, not 2"},
		"an invented callback":         {Command{Op: ReaderProtocolMake, As: "p", Reader: "r", Callback: "thread"}, "there is no form of callback"},
		"an invented family":           {Command{Op: StreamOpen, As: "s", Kind: TCP, Family: "ipv5"}, "there is no family"},
		"no turn":                      {Command{Op: Turn, N: Int(0)}, "0 turns"},
		"a silent Unix address":        {Command{Op: AddressMake, As: "a", Kind: Unix, State: Silent}, "cannot be"},
		"an invented state":            {Command{Op: AddressMake, As: "a", Kind: TCP, State: "loud"}, "cannot be"},
		"an address that falls silent": {Command{Op: AddressPut, On: "a", State: Silent}, "cannot become silent"},
		"a raw end and a kind":         {Command{Op: StreamOpen, As: "s", Kind: TCP, Raw: "w"}, "a raw end or has a kind"},
		"a server of a pipe":           {Command{Op: StreamServe, As: "s", Kind: ReadPipe, Callback: Function}, "for tcp and unix"},
		"a Unix server of two paths":   {Command{Op: StreamServe, As: "s", Kind: Unix, Callback: Function, Addresses: []string{"a", "b"}}, "one path"},
		"a far end that is bound":      {Command{Op: SocketMake, As: "k", Kind: TCP, Raw: "w", Address: "a"}, "a far end, or one of its own"},
		"a protocol that holds":        {Command{Op: ProtocolMake, As: "p", Program: []Reaction{{In: EOFReceived, Hold: true}}}, "cannot hold"},
		"a plain one with a program":   {program(true, Reaction{In: EOFReceived}), "has no program"},
		"reacting to no callback":      {program(false, Reaction{In: Finished}), `"finished" is none`},
		"reacting to a negative one":   {program(false, Reaction{In: EOFReceived, Nth: -1}), "must not be negative"},
		"returning and raising":        {program(false, Reaction{In: EOFReceived, Return: &None, Raise: Text("")}), "not both"},
		"waiting in a callback":        {program(false, Reaction{In: EOFReceived, Do: []Command{{Op: WriterDrain, On: "w", As: "c"}}}), "cannot be done in a callback"},
		"settling in a callback":       {program(false, Reaction{In: EOFReceived, Do: []Command{{Op: Settle}}}), "cannot be done in a callback"},
		"nonsense in a callback":       {program(false, Reaction{In: EOFReceived, Do: []Command{{Op: TransportWrite, On: "t"}}}), "needs data"},
		"separator and separators":     {with(func(c *Command) { c.Separator, c.Separators = D("a"), []Data{} }), "separator or separators, not both"},
		"an empty tuple":               {with(func(c *Command) { c.Separators = []Data{} }), ""},
		"an empty separator":           {with(func(c *Command) { c.Separator = D("") }), ""},
		"an invented form":             {Command{Op: ReaderFeedData, On: "r", Data: &Data{Form: "tuple"}}, `no form of data "tuple"`},
		"an invented form in a tuple":  {with(func(c *Command) { c.Separators = []Data{*D("a"), {Form: "x"}} }), `no form of data "x"`},
		"a wide view of 8 bytes":       {Command{Op: ReaderFeedData, On: "r", Data: &Data{Bytes: Bytes("abcdefgh"), Form: Wide}}, ""},
		"a wide view of 6 bytes":       {Command{Op: ReaderFeedData, On: "r", Data: &Data{Bytes: Bytes("abcdef"), Form: Wide}}, "6 bytes are not a multiple"},
		"a wide separator of 1 byte":   {with(func(c *Command) { c.Separator = &Data{Bytes: Bytes("a"), Form: Wide} }), "1 bytes are not a multiple"},
		"a wide separator, in a tuple": {with(func(c *Command) { c.Separators = []Data{{Bytes: Bytes("abc"), Form: Wide}} }), "3 bytes are not a multiple"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.why != "" {
				refused(t, test.command, test.why)
			} else if err := test.command.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestEveryOperationHasARow reads the constants from the source, since nothing else lists them.
func TestEveryOperationHasARow(t *testing.T) {
	constants := map[Op]bool{}
	file, err := parser.ParseFile(token.NewFileSet(), "command.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
			if id, ok := v.Type.(*ast.Ident); ok && id.Name == "Op" {
				op, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				constants[Op(op)] = true
			}
		}
		return true
	})
	rows := map[Op]bool{}
	for _, s := range Commands {
		if rows[s.Op] {
			t.Errorf("%s has two rows", s.Op)
		}
		rows[s.Op] = true
	}
	if diff := cmp.Diff(constants, rows); diff != "" {
		t.Errorf("the constants (-) are not the rows (+) of the table:\n%s", diff)
	}
	if Spec("reader.peek") != nil {
		t.Error("an invented operation has a row")
	}
}

// TestTheTableSpeaksOfWhatExists holds the table to the fields of a command, and to the lists of events and capabilities.
func TestTheTableSpeaksOfWhatExists(t *testing.T) {
	fields := map[string]bool{}
	for i := range reflect.TypeFor[Command]().NumField() {
		name, _, _ := strings.Cut(reflect.TypeFor[Command]().Field(i).Tag.Get("json"), ",")
		fields[name] = true
	}
	for _, name := range []string{"op", "on", "as", "no_settle"} {
		delete(fields, name) // these belong to every row as they belong
	}
	arguments := map[string]bool{}
	for _, a := range argument {
		arguments[a.name] = true
	}
	if diff := cmp.Diff(fields, arguments); diff != "" {
		t.Errorf("the fields of a command (-) are not the arguments that are checked (+):\n%s", diff)
	}
	used := map[string]bool{}
	for _, s := range Commands {
		for _, a := range s.Args {
			used[a.Name] = true
		}
		for _, name := range s.Events {
			if !name.known() {
				t.Errorf("%s may cause the event %q, which does not exist", s.Op, name)
			}
		}
		if s.Needs != "" && !known(s.Needs) {
			t.Errorf("%s needs the capability %q, which does not exist", s.Op, s.Needs)
		}
	}
	if diff := cmp.Diff(arguments, used); diff != "" {
		t.Errorf("the arguments that are checked (-) are not those of the table (+):\n%s", diff)
	}
}

func known(c Capability) bool {
	for _, k := range Capabilities {
		if k.Name == c {
			return true
		}
	}
	return false
}

func TestNeeds(t *testing.T) {
	typed := func(f Form) *Data { return &Data{Bytes: Bytes("abcd"), Form: f} }
	for name, test := range map[string]struct {
		command Command
		want    []Capability
	}{
		"an invented command": {Command{Op: "reader.peek"}, nil},
		"a control":           {Command{Op: Settle}, nil},
		"a connection":        {Command{Op: RawMake, As: "w", Kind: WritePipe}, []Capability{CapPipe}},
		"a list of chunks":    {Command{Op: WriterWriteLines, On: "w", Chunks: []Data{*D("")}}, []Capability{CapWriter}},
		"a tuple of chunks":   {Command{Op: WriterWriteLines, On: "w", Chunks: []Data{*D("")}, Container: Tuple}, []Capability{CapWriter, CapPythonSurface}},
		"an eager drain":      {Command{Op: WriterDrain, On: "w", As: "c", Eager: Bool(true)}, []Capability{CapWriter, CapPythonSurface}},
		"a typed reaction": {Command{Op: ProtocolMake, As: "p", Program: []Reaction{
			{In: EOFReceived, Do: []Command{{Op: WriterWrite, On: "w", Data: typed(View)}}, Return: &Value{Int: Int(1)}},
		}}, []Capability{CapTransport, CapWriter, CapTypedBuffers, CapPythonSurface}},
		"a read":             {Command{Op: ReaderRead}, []Capability{CapReader}},
		"a transport":        {Command{Op: MockMake}, []Capability{CapReaderTransport}},
		"plain data":         {Command{Op: ReaderFeedData, Data: typed(AsBytes)}, []Capability{CapReader}},
		"a mutable buffer":   {Command{Op: ReaderFeedData, Data: typed(ByteArray)}, []Capability{CapReader, CapTypedBuffers}},
		"a view":             {Command{Op: ReaderFeedData, Data: typed(View)}, []Capability{CapReader, CapTypedBuffers}},
		"a wide view":        {Command{Op: ReaderFeedData, Data: typed(Wide)}, []Capability{CapReader, CapTypedBuffers}},
		"a changed buffer":   {Command{Op: ReaderFeedData, Data: typed(Mutated)}, []Capability{CapReader, CapTypedBuffers}},
		"text for data":      {Command{Op: ReaderFeedData, Data: typed(AsText)}, []Capability{CapReader, CapPythonSurface}},
		"none for data":      {Command{Op: ReaderFeedData, Data: typed(AsNone)}, []Capability{CapReader, CapPythonSurface}},
		"a single separator": {Command{Op: ReaderReadUntil, Separator: D("a")}, []Capability{CapReader}},
		"a number for one":   {Command{Op: ReaderReadUntil, Separator: typed(AsInt)}, []Capability{CapReader, CapPythonSurface}},
		"an empty tuple":     {Command{Op: ReaderReadUntil, Separators: []Data{}}, []Capability{CapReader, CapTupleSeparators}},
		"a tuple with a view and a list": {Command{Op: ReaderReadUntil, Separators: []Data{*typed(View), *typed(AsList)}},
			[]Capability{CapReader, CapTupleSeparators, CapTypedBuffers, CapPythonSurface}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, test.command.Needs()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	// What a command needs for its arguments must not be written into what its row needs.
	plain := Command{Op: ReaderReadUntil}
	if diff := cmp.Diff([]Capability{CapReader}, plain.Needs()); diff != "" {
		t.Errorf("after all that, readuntil alone (-want +got):\n%s", diff)
	}
}

func TestCommandString(t *testing.T) {
	for want, c := range map[string]Command{
		`r = reader.make(limit: 4)`:                   {Op: ReaderMake, As: "r", Limit: Int(4)},
		`t = mock.make(can_pause: false)`:             {Op: MockMake, As: "t", CanPause: Bool(false)},
		`r.set_transport(t)`:                          {Op: ReaderSetTransport, On: "r", Transport: "t"},
		`r.feed_data("a\n", no settling)`:             {Op: ReaderFeedData, On: "r", Data: D("a\n"), NoSettle: true},
		`r.feed_data(view("ab"))`:                     {Op: ReaderFeedData, On: "r", Data: &Data{Bytes: Bytes("ab"), Form: View}},
		`r.set_exception("boom")`:                     {Op: ReaderSetException, On: "r", Exception: Text("boom")},
		`r.set_exception(none)`:                       {Op: ReaderSetException, On: "r"},
		`c = r.read()`:                                {Op: ReaderRead, On: "r", As: "c"},
		`c = r.readexactly(-1)`:                       {Op: ReaderReadExactly, On: "r", As: "c", N: Int(-1)},
		`c = r.readuntil("SEP")`:                      {Op: ReaderReadUntil, On: "r", As: "c", Separator: D("SEP")},
		`c = r.readuntil(("a", bytearray("\xff")))`:   {Op: ReaderReadUntil, On: "r", As: "c", Separators: []Data{*D("a"), {Bytes: Bytes("\xff"), Form: ByteArray}}},
		`c = r.readuntil(())`:                         {Op: ReaderReadUntil, On: "r", As: "c", Separators: []Data{}},
		`cancel c()`:                                  {Op: Cancel, On: "c"},
		`run(until: c is done, ms: 500)`:              {Op: Run, Until: &Until{Done: "c"}, Ms: 500},
		`run(until: pause_reading t, 2 times, ms: 5)`: {Op: Run, Until: &Until{Event: PauseReading, On: "t", Count: 2}, Ms: 5},
		`forget(r, t)`:                                {Op: Forget, Names: []string{"r", "t"}},
		`settle()`:                                    {Op: Settle},
	} {
		want = strings.ReplaceAll(want, `\xff`, `\u00ff`)
		if got := c.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAddressesAreForThoseWhoConnectOrServe(t *testing.T) {
	c := Command{Op: AddressMake, As: "a", Kind: TCP}
	d := Description{Capabilities: []Capability{CapTCP}}
	if got := d.Lacks(&c); got != CapConnect {
		t.Errorf("without connect and server, an address lacks %q", got)
	}
	d.Capabilities = append(d.Capabilities, CapServer)
	if got := d.Lacks(&c); got != "" {
		t.Errorf("with server, an address lacks %q", got)
	}
	d.Capabilities = []Capability{CapServer}
	if got := d.Lacks(&c); got != CapTCP {
		t.Errorf("without TCP, an address of TCP lacks %q", got)
	}
}
