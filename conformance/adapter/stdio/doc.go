// Package stdio speaks the wire protocol: JSON-RPC 2.0, one message a line, on the standard input and output of an
// adapter that is a program.
//
// [New] is the side of the suite: a strict client that starts the program, supervises it, and says precisely what it does
// wrong. [Serve] is the side of an adapter written in Go. The protocol itself is described in CONFORMANCE.md.
package stdio
