package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/binside/binside/datasets"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/ort"
	"github.com/binside/binside/server/config"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/vision/codec"
)

// calibration says what `binside calibrate` reads and writes.
type calibration struct {
	manifest, split, classes, model string
}

func newCalibrate() *cobra.Command {
	var set settings
	var c calibration
	cmd := &cobra.Command{
		Use:   "calibrate --manifest FILE --model DIR",
		Short: "Run a model over photographs that training never saw and write its risk sample",
		Long: `Run the model in DIR, through the service's own decoder, preprocessing and
runtime, over one split of a manifest, and write what it says to DIR/risk.csv.
Verdicts take from it how sure the model must be before a resident is told.

The manifest is a CSV file with the columns path (relative to the manifest),
category, source, item_class, group, split and, where the model's class has
another name than item_class, class. A table source,item_class,merged_class
given by --classes does the same.

The split must hold whole groups that neither training nor the choice of the
model or its temperature saw: the guarantee is worth what the split is.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := set.load(nil)
			if err != nil {
				return err
			}
			sample, err := c.run(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d photographs\n", filepath.Join(c.model, models.RiskFile), len(sample.Rows))
			return err
		},
	}
	set.register(cmd)
	f := cmd.Flags()
	f.StringVar(&c.manifest, "manifest", "", "the photographs and their truth, a CSV file")
	f.StringVar(&c.split, "split", "risk", "the split to take")
	f.StringVar(&c.classes, "classes", "", "a CSV file source,item_class,merged_class that names the model's classes")
	f.StringVar(&c.model, "model", "", "the model's folder")
	for _, name := range []string{"manifest", "model"} {
		_ = cmd.MarkFlagRequired(name) // only fails for a flag that does not exist
	}
	return cmd
}

func (c calibration) run(ctx context.Context, cfg config.Config) (*models.RiskSample, error) {
	photographs, err := c.read()
	if err != nil {
		return nil, err
	}
	folder, err := models.LoadDir(c.model)
	if err != nil {
		return nil, err
	}
	network, err := ort.Open(folder, ort.Options{Library: cfg.Model.Runtime})
	if err != nil {
		return nil, err
	}
	pool, err := models.NewPool(ctx, network, models.Options{Workers: cfg.Model.Workers})
	if err != nil {
		return nil, err
	}
	sample, err := predictAll(ctx, cfg, pool, filepath.Dir(c.manifest), photographs)
	if err := errors.Join(err, pool.Close()); err != nil {
		return nil, err
	}
	return sample, c.write(sample)
}

// read returns the split's photographs, each with the model's class.
func (c calibration) read() ([]datasets.Labelled, error) {
	all, err := datasets.ReadLabelled(c.manifest)
	if err != nil {
		return nil, err
	}
	names, err := c.names()
	if err != nil {
		return nil, err
	}
	var taken []datasets.Labelled
	splits := make(map[string]string)
	for _, p := range all {
		if at, ok := splits[p.Group]; ok && at != p.Split {
			return nil, fmt.Errorf("%s: group %q is in the splits %q and %q", c.manifest, p.Group, at, p.Split)
		}
		splits[p.Group] = p.Split
		if p.Split != c.split {
			continue
		}
		if p.Class == "" {
			p.Class = p.ItemClass
			if name, ok := names[[2]string{p.Source, p.ItemClass}]; ok {
				p.Class = name
			}
		}
		taken = append(taken, p)
	}
	if len(taken) == 0 {
		return nil, fmt.Errorf("%s has no photograph in the split %q", c.manifest, c.split)
	}
	return taken, nil
}

// names reads the table of the model's classes, by source and item class.
func (c calibration) names() (map[[2]string]string, error) {
	if c.classes == "" {
		return nil, nil
	}
	f, err := os.Open(c.classes)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	reader := csv.NewReader(f)
	reader.FieldsPerRecord = 3
	records, err := reader.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.classes, err)
	}
	names := make(map[[2]string]string, len(records))
	for _, r := range records {
		names[[2]string{r[0], r[1]}] = r[2]
	}
	return names, nil
}

// predictAll runs the model over photographs below dir; nothing outside it is
// read, whatever the manifest names.
func predictAll(ctx context.Context, cfg config.Config, pool *models.Pool, dir string, photographs []datasets.Labelled) (_ *models.RiskSample, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	card := pool.Card()
	sample := &models.RiskSample{Model: card.SHA256, Classes: card.Classes, Rows: make([]models.RiskRow, len(photographs))}
	at := make(map[string]int, len(card.Classes))
	for i, class := range card.Classes {
		at[class] = i
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(2 * runtime.GOMAXPROCS(0))
	for i, p := range photographs {
		work.Go(func() error {
			prediction, err := predictFile(ctx, cfg, pool, root, filepath.FromSlash(p.Path))
			if err != nil {
				return fmt.Errorf("%s: %w", p.Path, err)
			}
			row := models.RiskRow{
				Class: p.Class, Category: p.Category, Source: p.Source, Group: p.Group,
				Strangeness: prediction.Strangeness, Probabilities: make([]float64, len(card.Classes)),
			}
			for _, c := range prediction.Classes {
				row.Probabilities[at[c.Class]] = c.Probability
			}
			sample.Rows[i] = row
			return nil
		})
	}
	return sample, work.Wait()
}

// predictFile classifies a picture as the service does a pushed one.
func predictFile(ctx context.Context, cfg config.Config, pool *models.Pool, root *os.Root, path string) (models.Prediction, error) {
	data, err := root.ReadFile(path)
	if err != nil {
		return models.Prediction{}, err
	}
	limits := codec.Limits{MaxBytes: int(cfg.Decoder.MaxBytes), MaxPixels: cfg.Decoder.MaxPixels}
	img, err := pipeline.Decode(data, limits, ort.Spec(pool.Card().Input).MinSource)
	if err != nil {
		return models.Prediction{}, err
	}
	return pool.Classify(ctx, []models.View{{Image: img, Crop: img.Rect()}})
}

// write replaces the model's risk sample at once or not at all.
func (c calibration) write(sample *models.RiskSample) (err error) {
	f, err := os.CreateTemp(c.model, models.RiskFile+".*")
	if err != nil {
		return err
	}
	err = errors.Join(sample.Write(f), f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(c.model, models.RiskFile))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
