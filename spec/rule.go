package spec

import "slices"

// Rule is one entry of the catalogue. Its fields have the same names in the YAML files and in JSON.
type Rule struct {
	// ID is the permanent name, the area followed by a few words: "writer.drain.blocks-above-high".
	ID string `json:"id"`
	// Inventory is the row of the original inventory, such as "DRAIN-002"; "DF-" marks undocumented behaviour.
	Inventory string `json:"inventory"`
	Area      Area   `json:"area"`
	Level     Level  `json:"level"`
	Scope     Scope  `json:"scope"`
	// Versions says under which versions the rule is in force.
	Versions Versions `json:"versions"`
	// Documents are the editions that state the rule; de-facto rules have none.
	Documents []Version `json:"documents,omitempty"`
	// Statement is what must hold, understandable by itself.
	Statement string `json:"statement"`
	// Source is the place in the documents, or the experiment that shows the behaviour.
	Source string `json:"source"`
	// Observe tells how the rule shows from outside; guidance has no such thing.
	Observe string `json:"observe,omitempty"`
	// Boundaries are the cases at which implementations go wrong.
	Boundaries []string `json:"boundaries,omitempty"`
	// Note tells where documents or versions disagree and how that was settled.
	Note string `json:"note,omitempty"`
}

// InForce reports whether the rule holds under version v.
func (r Rule) InForce(v Version) bool { return r.Versions.Contains(v) }

// Level is the weight of a rule.
type Level string

const (
	// Must is what the documents guarantee.
	Must Level = "MUST"
	// Should is what the documents recommend.
	Should Level = "SHOULD"
	// May is a latitude: every outcome it lists has to be accepted.
	May Level = "MAY"
	// DeFacto is undocumented, yet what CPython does and programs rely on.
	DeFacto Level = "DEFACTO"
	// Quirk is an accident or a fault of CPython: either outcome passes, and what was seen is recorded.
	Quirk Level = "QUIRK"
)

var levels = []Level{Must, Should, May, DeFacto, Quirk}

// Levels returns all levels, the weightiest first.
func Levels() []Level { return slices.Clone(levels) }

// Gate reports whether a violation at this level makes an implementation non-conformant: MUST always does, SHOULD and
// DEFACTO do when strict, MAY and QUIRK never do.
func (l Level) Gate(strict bool) bool {
	switch l {
	case Must:
		return true
	case Should, DeFacto:
		return strict
	default:
		return false
	}
}

// deFacto reports whether rules of this level are stated by no document.
func (l Level) deFacto() bool { return l == DeFacto || l == Quirk }

// Scope says what a rule is about, and thereby whether it can be judged.
type Scope string

const (
	// Behaviour is judged for every implementation.
	Behaviour Scope = "behaviour"
	// Python is about Python's surface (names, signatures, types, texts), judged only where an implementation has it.
	Python Scope = "python"
	// Guidance is advice, or silence of the documents: listed, never judged.
	Guidance Scope = "guidance"
)

var scopes = []Scope{Behaviour, Python, Guidance}

// Scopes returns all scopes.
func Scopes() []Scope { return slices.Clone(scopes) }

// Area is a topic of the documents; the ID of a rule begins with its area, and each area has one file.
type Area string

// areas is the order in which rules are listed.
var areas = []Area{
	"reader.read", "reader.readline", "reader.readexactly", "reader.readuntil", "reader.feed", "reader.iterate", "reader.errors",
	"writer.write", "writer.close", "writer.eof", "writer.info", "writer.drain", "writer.start_tls",
	"reader_protocol",
	"open_connection", "start_server", "unix",
	"draft.connect", "draft.stream", "draft.stream_server", "draft.unix_stream_server",
	"transport.base", "transport.read", "transport.write", "transport.datagram", "transport.subprocess",
	"protocol.base", "protocol.stream", "protocol.buffered", "protocol.datagram", "protocol.subprocess",
	"invariants", "parameters", "examples",
}
