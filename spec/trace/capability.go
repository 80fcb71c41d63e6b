package trace

import (
	"fmt"
	"slices"
)

// Capability names a family of objects or a way of using them that an implementation may have or lack. What it lacks is
// unsupported: never skipped silently, never passed.
type Capability string

// The capabilities.
const (
	CapReader          Capability = "reader"
	CapReaderTransport Capability = "reader.transport"
	CapTupleSeparators Capability = "reader.tuple-separators"
	CapWriter          Capability = "writer"
	CapReaderProtocol  Capability = "reader-protocol"
	CapTransport       Capability = "transport"
	CapTCP             Capability = "transport.tcp"
	CapUnix            Capability = "transport.unix"
	CapPipe            Capability = "transport.pipe"
	CapConnect         Capability = "connect"
	CapServer          Capability = "server"
	CapResolver        Capability = "resolver"
	CapVirtualTime     Capability = "virtual-time"
	CapTurns           Capability = "turns"
	CapTypedBuffers    Capability = "typed-buffers"
	CapPythonSurface   Capability = "python-surface"
)

// Capabilities lists every capability with one line of explanation.
var Capabilities = []struct {
	Name Capability
	Doc  string
}{
	{CapReader, "a reader can be made with a limit and be fed by hand"},
	{CapReaderTransport, "a transport can be attached to a reader, which pauses and resumes it"},
	{CapTupleSeparators, "readuntil takes several separators"},
	{CapWriter, "a writer, and with it a reader, can be had over a connection"},
	{CapReaderProtocol, "a stream-reader protocol, and a writer on top of it, can be made by hand"},
	{CapTransport, "a transport with a protocol of one's own can be made of a connection"},
	{CapTCP, "connections may be TCP sockets"},
	{CapUnix, "connections may be Unix sockets"},
	{CapPipe, "connections may be pipes"},
	{CapConnect, "a reader and a writer can be had by connecting to an address"},
	{CapServer, "servers can be started, with a client-connected callback of one's own"},
	{CapResolver, "names of hosts are resolved as told"},
	{CapVirtualTime, "time can be stopped and advanced"},
	{CapTurns, "it has an event loop, which can be run turn by turn"},
	{CapTypedBuffers, "bytes can be passed as a mutable buffer or as a view"},
	{CapPythonSurface, "arguments of wrong types can be passed; names, types and texts are those of Python"},
}

// Settling says how well an adapter knows that its implementation has come to rest.
type Settling string

// The kinds of settling.
const (
	Exact      Settling = "exact"       // pending means: nothing more happens without a new command
	BestEffort Settling = "best-effort" // pending means: nothing has happened so far
)

// ProtocolVersion is the version of the wire protocol and of the vocabulary.
const ProtocolVersion = 1

// A Description is what an adapter says of itself and of the implementation behind it.
type Description struct {
	Protocol     int          `json:"protocol"`     // [ProtocolVersion]
	Name         string       `json:"name"`         // the implementation: "CPython asyncio"
	Version      string       `json:"version"`      // the implementation's version: "3.13.0"
	Language     string       `json:"language"`     // "python", "go", …
	Target       string       `json:"target"`       // the documented version that it implements: "3.13", "3.8-draft"
	Settling     Settling     `json:"settling"`     // of objects in memory
	Capabilities []Capability `json:"capabilities"` // what it has
	// BestEffort lists those of its kinds of connection whose settling is best-effort though that of memory is exact.
	BestEffort []Capability `json:"best_effort,omitempty"`
	Detail     string       `json:"detail,omitempty"` // anything a reader of the report may want: path, loop, build
}

// Has reports whether the implementation has a capability.
func (d Description) Has(c Capability) bool { return slices.Contains(d.Capabilities, c) }

// Lacks returns the first capability that a command needs and the implementation lacks; empty: there is none. Addresses are for
// those who connect or serve.
func (d Description) Lacks(c *Command) Capability {
	for _, needed := range c.Needs() {
		if !d.Has(needed) {
			return needed
		}
	}
	switch c.Op {
	case AddressMake, SocketMake, RawConnect, RawAccept:
		if !d.Has(CapConnect) && !d.Has(CapServer) {
			return CapConnect
		}
	}
	return ""
}

// Validate reports what is missing or unknown in a description, nil if nothing is.
func (d Description) Validate() error {
	switch {
	case d.Protocol != ProtocolVersion:
		return fmt.Errorf("the adapter speaks protocol version %d, this is version %d", d.Protocol, ProtocolVersion)
	case d.Name == "" || d.Version == "" || d.Target == "":
		return fmt.Errorf("the adapter's description needs name, version and target, it has %q, %q and %q", d.Name, d.Version, d.Target)
	case d.Settling != Exact && d.Settling != BestEffort:
		return fmt.Errorf("the adapter's settling is %q, known are %q and %q", d.Settling, Exact, BestEffort)
	}
	for _, c := range d.BestEffort {
		if !d.Has(c) {
			return fmt.Errorf("the adapter says how it settles %q, which it does not declare", c)
		}
	}
	for _, c := range d.Capabilities {
		if !slices.ContainsFunc(Capabilities, func(k struct {
			Name Capability
			Doc  string
		}) bool {
			return k.Name == c
		}) {
			return fmt.Errorf("the adapter declares the capability %q, which does not exist", c)
		}
	}
	return nil
}
