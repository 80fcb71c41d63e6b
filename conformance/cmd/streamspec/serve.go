package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/streamspec/streamspec/conformance/adapter/reference"
	"github.com/streamspec/streamspec/conformance/adapter/stdio"
	"github.com/streamspec/streamspec/conformance/internal/report"
)

func newServe() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Be an adapter: the embedded reference, over the wire protocol", Args: noArguments,
		Long: `serve speaks the wire protocol on standard input and output, on behalf of the embedded reference. It is an example of an
adapter, and can be judged like any other: streamspec run --adapter "streamspec serve"`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, i := newInterrupts(cmd.Context(), false)
			defer i.stop()
			a := reference.New()
			defer a.Close()
			err := stdio.Serve(ctx, a, os.Stdin, cmd.OutOrStdout())
			switch {
			case errors.Is(err, context.Canceled):
				return nil
			case err != nil:
				return &exit{report.ExitAdapter, err.Error()}
			}
			return nil
		},
	}
}
