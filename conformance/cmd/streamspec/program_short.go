package main

import "github.com/streamspec/streamspec/spec/trace"

func shortProgram(t *trace.Transcript) string { return pythonProgram(t) }
