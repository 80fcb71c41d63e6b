// Package native has targets for engines that look for inputs by coverage: Go's own, for which the package's tests have a function
// each, and libFuzzer, for which there is the program in libfuzzer. The inputs are bytes as they are, so that both understand the
// same corpus.
package native

import (
	"github.com/streamspec/streamspec/conformance/adapter/reference"
	"github.com/streamspec/streamspec/fuzz"
)

// A Target is run with one input after the other, by one goroutine. An error is a find.
type Target interface{ Run(data []byte) error }

// Targets are all targets, by the names of their functions for Go's engine.
var Targets = map[string]func() Target{
	"FuzzNothing": Nothing, "FuzzReader": Reader, "FuzzStream": Stream, "FuzzTransport": Transport, "FuzzServer": Server,
	"FuzzWireClient": WireClient, "FuzzWireServer": WireServer, "FuzzCatalogue": Catalogue, "FuzzTranscript": Transcript, "FuzzBytes": Bytes,
}

// Nothing does nothing: what it takes is the engine's own.
func Nothing() Target { return parser(func([]byte) error { return nil }) }

// Reader has the reference's reader carry out programs.
func Reader() Target { return &programs{kind: fuzz.Readers, adapter: reference.New} }

// Stream has the reference's reader and writer over connections in memory carry out programs.
func Stream() Target { return &programs{kind: fuzz.Streams, adapter: reference.InMemory} }

// Transport has the reference's transports in memory carry out programs.
func Transport() Target { return &programs{kind: fuzz.Transports, adapter: reference.InMemory} }

// Server has the reference's servers carry out programs, with sockets of the operating system, which takes a thousand times as long.
func Server() Target { return &wired{kind: fuzz.Servers, adapter: reference.New} }
