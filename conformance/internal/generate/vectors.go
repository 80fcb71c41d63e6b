package main

import (
	"bytes"
	"context"
	"path/filepath"

	"github.com/streamspec/streamspec/conformance/internal/vectors"
	"github.com/streamspec/streamspec/spec"
	"github.com/streamspec/streamspec/spec/trace"
)

// putVectors writes the generated test vectors. Those picked by hand are in other files and stay.
func putVectors(catalogue *spec.Catalogue, check bool) error {
	files, err := vectors.Generate(context.Background(), catalogue)
	if err != nil {
		return err
	}
	for _, f := range files {
		var text bytes.Buffer
		if err := f.Write(&text); err != nil {
			return err
		}
		if err := put(filepath.Join("fixtures", f.Name), text.Bytes(), check); err != nil {
			return err
		}
	}
	return nil
}

// schemaOfVectors is the schema of a file of test vectors. Commands and replies are those of a transcript.
func schemaOfVectors() ([]byte, error) {
	ref := func(name string) object { return object{"$ref": "trace.json#/$defs/" + name} }
	text := object{"type": "string"}
	some := func(items object) object { return object{"type": "array", "items": items, "minItems": 1} }
	step := closed(object{"command": ref("command"), "expect": some(ref("reply"))}, "command")
	vector := closed(object{
		"name": text, "rules": some(text), "reference": text, "since": text, "until": text,
		"needs": object{"type": "array", "items": object{"enum": names(trace.Capabilities)}}, "steps": some(step),
	}, "name", "rules", "needs", "steps")
	schema := closed(object{"schema": object{"const": trace.VectorSchema}, "doc": text, "vectors": some(vector)}, "schema", "doc", "vectors")
	schema["$schema"], schema["title"] = "https://json-schema.org/draft/2020-12/schema", "A file of streamspec test vectors"
	schema["description"] = "Generated from the vocabulary by make generate."
	return indented(schema)
}
