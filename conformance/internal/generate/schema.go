package main

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/invopop/jsonschema"

	"github.com/streamspec/streamspec/conformance"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

type object = map[string]any

// schemaOfTrace is the schema of a transcript and of all it is made of. Commands follow the table.
func schemaOfTrace() ([]byte, error) {
	ref := func(name string) object { return object{"$ref": "#/$defs/" + name} }
	text := object{"type": "string"}
	var kinds []trace.EndKind
	for _, k := range trace.EndKinds {
		kinds = append(kinds, k.Name)
	}
	types := map[trace.ArgType]object{
		trace.IntArg: {"type": "integer"}, trace.BoolArg: {"type": "boolean"}, trace.NameArg: text, trace.TextArg: text,
		trace.NamesArg: {"type": "array", "items": text}, trace.DataArg: ref("data"), trace.DatasArg: {"type": "array", "items": ref("data")},
		trace.UntilArg: {"oneOf": []object{
			closed(object{"done": text}, "done"),
			closed(object{"event": object{"enum": names(trace.Events)}, "on": text, "count": object{"type": "integer", "minimum": 1}}, "event"),
			closed(object{"event": object{"const": trace.DataReceived}, "on": text, "bytes": object{"type": "integer", "minimum": 1}}, "event", "bytes"),
		}},
		trace.EndKindArg:   {"enum": kinds},
		trace.ContainerArg: {"enum": trace.Containers},
		trace.ProgramArg:   {"type": "array", "items": ref("reaction")},
		trace.StateArg:     {"enum": names(trace.States)},
		trace.FamilyArg:    {"enum": trace.Families},
		trace.CallbackArg:  {"enum": trace.CallbackForms},
		trace.KeywordsArg:  {"type": "array", "items": closed(object{"name": text, "value": ref("value")}, "name", "value")},
	}
	var commands []object
	for _, s := range trace.Commands {
		properties := object{"op": object{"const": s.Op}, "no_settle": object{"type": "boolean"}}
		required := []string{"op"}
		if s.On != "" {
			properties["on"] = object{"type": "string", "description": "name of a " + s.On}
			required = append(required, "on")
		}
		if s.Style == trace.Make || s.Style == trace.Start {
			properties["as"] = object{"type": "string", "description": "a new name"}
			required = append(required, "as")
		}
		for _, a := range s.Args {
			p := object{"description": a.Doc}
			for k, v := range types[a.Type] {
				p[k] = v
			}
			properties[a.Name] = p
			if a.Required {
				required = append(required, a.Name)
			}
		}
		c := closed(properties, required...)
		c["description"] = s.Doc
		commands = append(commands, c)
	}
	events := names(trace.Events)
	outcome := object{"returned": ref("value"), "raised": ref("error"), "pending": text, "unsupported": text, "fault": text}
	reply := closed(merge(outcome, object{"events": object{"type": "array", "items": ref("event")}, "turns": object{"type": "integer"}}))
	reply["oneOf"] = []object{{"required": []string{"returned"}}, {"required": []string{"raised"}}, {"required": []string{"pending"}}, {"required": []string{"unsupported"}}, {"required": []string{"fault"}}}
	rule := object{"type": "string"}
	schema := object{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A streamspec transcript",
		"description": "Generated from the vocabulary by make generate.",
		"$ref":        "#/$defs/transcript",
		"$defs": object{
			"transcript": closed(object{
				"schema": object{"const": trace.TranscriptSchema}, "case": text, "rules": object{"type": "array", "items": rule}, "target": text,
				"implementation": ref("description"), "violations": object{"type": "array", "items": closed(object{"rule": rule, "step": object{"type": "integer"}, "text": text}, "rule", "text")},
				"steps":   object{"type": "array", "items": closed(object{"command": ref("command"), "reply": ref("reply")}, "command")},
				"closing": object{"type": "array", "items": ref("event")},
			}, "schema", "steps"),
			"description": closed(object{
				"protocol": object{"const": trace.ProtocolVersion}, "name": text, "version": text, "language": text, "target": text, "detail": text,
				"settling": object{"enum": []trace.Settling{trace.Exact, trace.BestEffort}}, "capabilities": object{"type": "array", "items": object{"enum": names(trace.Capabilities)}},
				"best_effort": object{"type": "array", "items": object{"enum": names(trace.Capabilities)}},
			}, "protocol", "name", "version", "target", "settling", "capabilities"),
			"command": object{"oneOf": commands},
			"reaction": closed(object{
				"in": object{"enum": append(slices.Clone(trace.Callbacks), trace.ClientConnected)}, "nth": object{"type": "integer", "minimum": 1}, "do": object{"type": "array", "items": ref("command")},
				"return": ref("value"), "raise": text, "hold": object{"type": "boolean"},
			}, "in"),
			"reply": reply,
			"event": closed(object{
				"ev": object{"enum": events}, "on": text, "turn": object{"type": "integer"}, "returned": ref("value"), "raised": ref("error"), "value": ref("value"), "text": text, "command": ref("command"),
			}, "ev"),
			"value": closed(object{
				"bytes": ref("bytes"), "text": text, "int": object{"type": "integer"}, "bool": object{"type": "boolean"}, "list": object{"type": "array", "items": ref("value")},
				"error": ref("error"), "object": text, "type": text,
			}),
			"error": closed(object{
				"kind": object{"enum": names(trace.Kinds)}, "native": text, "message": text, "partial": ref("bytes"), "expected": object{"type": "integer"}, "consumed": object{"type": "integer"},
			}, "kind"),
			"data": object{"oneOf": []object{ref("bytes"), closed(object{"form": object{"enum": names(trace.Forms)}, "bytes": ref("bytes")}, "form", "bytes")}},
			"bytes": object{"description": "Each code point U+0000 to U+00FF is one byte.", "oneOf": []object{
				{"type": "string"}, closed(object{"repeat": ref("bytes"), "times": object{"type": "integer", "minimum": 0}}, "repeat", "times"), {"type": "array", "items": ref("bytes")},
			}},
		},
	}
	return indented(schema)
}

// names lists the names of a table of the vocabulary.
func names[N ~string](rows []struct {
	Name N
	Doc  string
}) []N {
	out := make([]N, len(rows))
	for i, r := range rows {
		out[i] = r.Name
	}
	return out
}

// closed is an object of these properties and no others.
func closed(properties object, required ...string) object {
	o := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

func merge(a, b object) object {
	out := object{}
	for _, m := range []object{a, b} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

// schemaOfReport is the schema of the report of a run, derived from the Go type.
func schemaOfReport() ([]byte, error) {
	r := jsonschema.Reflector{Anonymous: true, DoNotReference: true}
	s := r.Reflect(&conformance.Report{})
	s.Title, s.Description = "A streamspec report", "Generated from the report's type by make generate."
	for name, enum := range map[string][]any{"level": anys(spec.Levels()), "scope": anys(spec.Scopes())} {
		for p := s.Properties.Oldest(); p != nil; p = p.Next() {
			if p.Key == "rules" {
				if q, ok := p.Value.Items.Properties.Get(name); ok {
					q.Enum = enum
				}
			}
		}
	}
	return indented(s)
}

func anys[T any](ts []T) []any {
	out := make([]any, len(ts))
	for i, t := range ts {
		out[i] = t
	}
	return out
}

func indented(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}
