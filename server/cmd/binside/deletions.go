package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/binside/binside/server/config"
	"github.com/binside/binside/server/deletion"
	"github.com/binside/binside/server/store"
)

func newDeletions() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deletions",
		Short: "Export and verify the signed log of deleted evidence",
	}
	cmd.AddCommand(newDeletionsExport(), newDeletionsVerify())
	return cmd
}

func newDeletionsExport() *cobra.Command {
	var set settings
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write the whole log to a file of JSON lines",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withStore(cmd, &set, func(ctx context.Context, _ config.Config, st *store.Store) error {
				f, err := os.Create(args[0])
				if err != nil {
					return err
				}
				head, err := exportDeletions(ctx, st, f)
				if err := errors.Join(err, f.Close()); err != nil {
					return errors.Join(err, os.Remove(args[0]))
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d entries, head %s\n", args[0], head.Seq, head)
				return err
			})
		},
	}
	set.register(cmd)
	return cmd
}

func exportDeletions(ctx context.Context, st *store.Store, w io.Writer) (deletion.Head, error) {
	head, keys, err := st.DeletionState(ctx)
	if err != nil {
		return head, err
	}
	write, err := deletion.Export(w, deletion.Header{ExportedAt: time.Now().UTC(), Keys: keys, Head: head})
	if err != nil {
		return head, err
	}
	return head, st.EachDeletion(ctx, head.Seq, write)
}

func newDeletionsVerify() *cobra.Command {
	var (
		set   settings
		own   bool
		texts []string
		noted string
	)
	cmd := &cobra.Command{
		Use:   "verify FILE | --store",
		Short: "Check that nothing in the log was changed, left out or added",
		Long: `Check every hash, every signature and the order of a log: of an exported FILE,
or with --store of this service's own records, in which no evidence may be
marked as deleted without an entry.

The keys that a log brings itself prove nothing to whoever does not know them:
name those that are trusted with --key. That its last entries are missing shows
only against a head that was noted before: --head.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if own == (len(args) == 1) {
				return errors.New("either a FILE or --store is needed")
			}
			trusted, head, err := trust(texts, noted)
			if err != nil {
				return err
			}
			if own {
				return withStore(cmd, &set, func(ctx context.Context, _ config.Config, st *store.Store) error {
					header, last, err := verifyStore(ctx, st, trusted, head)
					return reportVerified(cmd.OutOrStdout(), header, last, len(trusted) > 0, err)
				})
			}
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }() // only read from
			header, last, err := deletion.VerifyExport(f, trusted, head)
			return reportVerified(cmd.OutOrStdout(), header, last, len(trusted) > 0, err)
		},
	}
	set.register(cmd)
	cmd.Flags().BoolVar(&own, "store", false, "check this service's own records")
	cmd.Flags().StringArrayVar(&texts, "key", nil, "a trusted public key in base64; may be repeated")
	cmd.Flags().StringVar(&noted, "head", "", "a head that was noted before, SEQ:HASH")
	return cmd
}

// trust reads the flags of what is known from elsewhere.
func trust(texts []string, noted string) (keys []deletion.PublicKey, head *deletion.Head, err error) {
	for _, text := range texts {
		k, err := deletion.ParseKey(text)
		if err != nil {
			return nil, nil, err
		}
		keys = append(keys, k)
	}
	if noted == "" {
		return keys, nil, nil
	}
	h, err := deletion.ParseHead(noted)
	return keys, &h, err
}

// verifyStore checks the records' own log, and that nothing was deleted past
// it.
func verifyStore(ctx context.Context, st *store.Store, trusted []deletion.PublicKey, noted *deletion.Head) (header deletion.Header, head deletion.Head, err error) {
	header.Head, header.Keys, err = st.DeletionState(ctx)
	if err != nil {
		return header, head, err
	}
	keys := trusted
	if len(keys) == 0 {
		keys = header.Keys
	}
	v, err := deletion.NewVerifier(keys, noted)
	if err != nil {
		return header, head, err
	}
	if err := st.EachDeletion(ctx, header.Head.Seq, v.Add); err != nil {
		return header, head, err
	}
	if head, err = v.End(); err != nil {
		return header, head, err
	}
	n, err := st.UnloggedDeletions(ctx)
	if err == nil && n > 0 {
		err = fmt.Errorf("%w: %d images are marked as deleted without an entry", deletion.ErrBroken, n)
	}
	return header, head, err
}

func reportVerified(w io.Writer, header deletion.Header, head deletion.Head, trusted bool, err error) error {
	if err != nil {
		return err
	}
	by := "by the trusted keys"
	if !trusted {
		by = "by the keys that the log brings itself"
	}
	if _, err := fmt.Fprintf(w, "%d entries are whole and in order, signed %s\nhead %s\n", head.Seq, by, head); err != nil {
		return err
	}
	for _, k := range header.Keys {
		if _, err := fmt.Fprintf(w, "key  %s  (%s)\n", k.Key, k.ID); err != nil {
			return err
		}
	}
	return nil
}
