// Package trace is the vocabulary in which streamspec drives and observes an implementation.
//
// The suite, the fuzzers, the fixtures, the wire protocol, transcripts and replay all speak it: a [Command] goes in, a
// [Reply] comes back, and whatever else the implementation does shows as [Event]s. [Commands] is the one table that
// defines every command; the JSON schema, the command reference in CONFORMANCE.md and the generators are derived from it.
package trace
