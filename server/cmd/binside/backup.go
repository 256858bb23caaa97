package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/binside/binside/server/config"
	"github.com/binside/binside/server/store"
)

func newBackup() *cobra.Command {
	var set settings
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write all records and the evidence index to a .tar.gz file",
		Long: `Write one consistent state of all records and of the evidence index to FILE.
The service may be running. The images themselves lie in the object store and
are backed up there.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withStore(cmd, &set, func(ctx context.Context, _ config.Config, st *store.Store) error {
				info, err := writeBackup(ctx, st, args[0])
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d rows in %d tables\n", args[0], info.Rows(), len(info.Tables))
				return err
			})
		},
	}
	set.register(cmd)
	return cmd
}

// writeBackup leaves either a whole backup at path or nothing.
func writeBackup(ctx context.Context, st *store.Store, path string) (info store.BackupInfo, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".backup-*")
	if err != nil {
		return info, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	info, err = st.Backup(ctx, f)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return info, err
	}
	return info, os.Rename(f.Name(), path)
}

func newRestore() *cobra.Command {
	var set settings
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Read a backup into empty records (SQLite or PostgreSQL)",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := set.load(nil)
			if err != nil {
				return err
			}
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }() // only read from
			if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
				return err
			}
			info, err := store.Restore(cmd.Context(), f, cfg.StoreURL(), store.Options{Logger: newLogger(cmd.ErrOrStderr(), cfg.Log)})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "restored %d rows in %d tables from %s\n", info.Rows(), len(info.Tables), args[0])
			return err
		},
	}
	set.register(cmd)
	return cmd
}
