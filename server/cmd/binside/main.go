// Command binside is the whole service: `serve` runs it, the other
// subcommands work with what it keeps or stand in for a part of it.
//
// This package is the only one that sees every other. It wires them, in the
// order that service.go writes down, and holds no logic of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/binside/binside/camera/isolate"
)

func main() {
	isolate.BecomeChild()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newRoot(os.Stdout, os.Stderr).ExecuteContext(ctx)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "binside:", err)
		os.Exit(1)
	}
}
