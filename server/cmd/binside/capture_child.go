package main

import (
	"github.com/spf13/cobra"

	"github.com/binside/binside/camera/capture"
)

// newCaptureChild is what the service starts for every camera that FFmpeg
// decodes; see capture.Isolated.
func newCaptureChild() *cobra.Command {
	return &cobra.Command{
		Use:    capture.ChildArgument,
		Short:  "Decode one camera for the service that started this process",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return capture.RunChild(cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
}
