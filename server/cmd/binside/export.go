package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/binside/binside/datasets"
	"github.com/binside/binside/server/config"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/server/store/object"
)

func newExport() *cobra.Command {
	var set settings
	var out string
	cmd := &cobra.Command{
		Use:   "export --out DIR",
		Short: "Write the labelled samples as an image folder with a manifest",
		Long: `Write the labelled samples to DIR, which must be empty or missing:

  images/SOURCE/ITEM CLASS/ID.jpg
  manifest.csv    path, category, source, item_class, group, split, width, height

The service may be running.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStore(cmd, &set, func(ctx context.Context, cfg config.Config, st *store.Store) error {
				log := newLogger(cmd.ErrOrStderr(), cfg.Log)
				objects, err := openObjects(cfg, log, nil) //nolint:contextcheck // the spool uploads until it is closed, not until ctx ends
				if err != nil {
					return err
				}
				err = export(ctx, cmd.OutOrStdout(), log, out, st, objects)
				return errors.Join(err, objects.Close())
			})
		},
	}
	set.register(cmd)
	cmd.Flags().StringVarP(&out, "out", "o", "", "the folder to write")
	_ = cmd.MarkFlagRequired("out") // only fails for a flag that does not exist
	return cmd
}

func export(ctx context.Context, w io.Writer, log *slog.Logger, dir string, st *store.Store, objects object.Store) error {
	target, err := datasets.Folder(dir)
	if err != nil {
		return err
	}
	report, err := datasets.Export(ctx, target, samples(ctx, st, objects))
	if err := errors.Join(err, target.Close()); err != nil {
		return err
	}
	for _, r := range report.Refused {
		log.Warn("sample left out", "sample", r.ID, "reason", r.Reason)
	}
	_, err = fmt.Fprintf(w, "%s: %d samples (%d train, %d val), %d left out\n",
		dir, report.Written, report.Train, report.Val, len(report.Refused)+report.Duplicates)
	return err
}

// errEnough ends the walk through the samples when the export wants no more.
var errEnough = errors.New("the export has ended")

// samples walks all samples of the records, with the way to their images.
func samples(ctx context.Context, st *store.Store, objects object.Store) iter.Seq2[datasets.Item, error] {
	return func(yield func(datasets.Item, error) bool) {
		err := st.EachSample(ctx, store.SampleFilter{}, func(s datasets.Sample) error {
			item := datasets.Item{Sample: s, Open: func(ctx context.Context) (io.ReadCloser, error) {
				data, err := objects.Get(ctx, s.Key)
				return io.NopCloser(bytes.NewReader(data)), err
			}}
			if !yield(item, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(datasets.Item{}, err)
		}
	}
}
