package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/server/config"
)

// version is set by the linker.
var version = "unknown"

// settings are the flags that every subcommand with a configuration shares.
type settings struct {
	file  string
	set   []string
	data  string
	level string
	// taxonomy is a flag of the commands that judge.
	taxonomy string
	// defaults are a subcommand's own; zero for config.Default.
	defaults config.Config
}

// shortcuts are flags for the settings that people change most; every other
// one is reached by --set.
func (s *settings) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&s.file, "config", "c", os.Getenv("BINSIDE_CONFIG"), "YAML file with settings (BINSIDE_CONFIG)")
	f.StringArrayVar(&s.set, "set", nil, "a setting as KEY=VALUE, e.g. --set http.max_body=32MiB; may be repeated")
	f.StringVar(&s.data, "data", "", "folder for everything that must survive a restart (data_dir)")
	f.StringVar(&s.level, "log-level", "", "debug, info, warn or error (log.level)")
}

// registerTaxonomy adds the flag of the commands that judge.
func (s *settings) registerTaxonomy(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.taxonomy, "taxonomy", "", "the table from item class to category: "+strings.Join(taxonomy.IDs(), ", ")+" or a file (taxonomy)")
}

// load merges defaults, file, environment and flags; extra are the settings
// of a subcommand's own flags.
func (s *settings) load(extra map[string]string) (config.Config, error) {
	overrides := make(map[string]string)
	for _, entry := range s.set {
		key, value, ok := strings.Cut(entry, "=")
		if !ok {
			return config.Config{}, fmt.Errorf("--set %q: want KEY=VALUE", entry)
		}
		overrides[key] = value
	}
	for key, value := range extra {
		overrides[key] = value
	}
	if s.data != "" {
		overrides["data_dir"] = s.data
	}
	if s.taxonomy != "" {
		overrides["taxonomy"] = s.taxonomy
	}
	if s.level != "" {
		overrides["log.level"] = s.level
	}
	if s.defaults.DataDir != "" {
		return config.LoadOver(s.defaults, s.file, os.Environ(), overrides)
	}
	return config.Load(s.file, os.Environ(), overrides)
}

func newLogger(w io.Writer, c config.Log) *slog.Logger {
	var level slog.Level
	// Validated by config: an unknown word cannot come here.
	_ = level.UnmarshalText([]byte(c.Level))
	opts := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:           "binside",
		Short:         "Bin-side inspection and correction of garbage sorting",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.AddCommand(
		newServe(), newStation(), newAgent(), newSimulate(), newClassify(), newDetect(), newEval(), newCalibrate(),
		newToken(), newVoices(), newExport(), newRejudge(), newBackup(), newRestore(), newDeletions(), newVersion(),
	)
	return root
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "binside %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
