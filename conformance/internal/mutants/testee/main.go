// Command testee serves the reference over the wire protocol and nothing else: what a mutant is built into.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/streamspec/streamspec/conformance/adapter/reference"
	"github.com/streamspec/streamspec/conformance/adapter/stdio"
)

func main() {
	a := reference.New()
	defer a.Close()
	if err := stdio.Serve(context.Background(), a, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
