// Package command is what the measuring commands share: how they are run and
// ended, the model that they measure, and the file that their figures go to.
package command

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/binside/binside/models"
	"github.com/binside/binside/models/base"
)

// Run reads the flags and calls run, whose context ends with SIGINT or SIGTERM.
// After an error it says which on the standard error and exits with 1.
func Run(run func(ctx context.Context, w io.Writer) error) {
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout)
	cancel()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
		os.Exit(1)
	}
}

// Model loads the model in dir, the built-in one where dir is empty.
func Model(dir string) (*models.Folder, error) {
	if dir == "" {
		return base.Load()
	}
	return models.LoadDir(dir)
}

// Write writes v as indented JSON to path, and makes its folder.
func Write(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}
