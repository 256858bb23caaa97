package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/binside/binside/models"
	"github.com/binside/binside/models/evaluation"
	"github.com/binside/binside/models/ort"
	"github.com/binside/binside/server/config"
)

// calibration says what `binside calibrate` reads and writes.
type calibration struct {
	manifest, split, model string
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

The manifest is of the shape that binside eval takes; the columns group and
split must be there. The truth of a picture is its category and, for taxonomies
other than the built-in one, its class (the column class, else item_class).

The split must hold whole groups that neither training nor the choice of the
model or its temperature saw: the guarantee is worth what the split is.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := set.load(nil)
			if err != nil {
				return err
			}
			sample, err := c.run(cmd.Context(), cfg, cmd.ErrOrStderr())
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
	f.StringVar(&c.model, "model", "", "the model's folder")
	for _, name := range []string{"manifest", "model"} {
		_ = cmd.MarkFlagRequired(name) // only fails for a flag that does not exist
	}
	return cmd
}

func (c calibration) run(ctx context.Context, cfg config.Config, stderr io.Writer) (*models.RiskSample, error) {
	manifest, images, err := c.read()
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
	// No verdicts are asked for: they are what the sample is made for.
	out, err := newEvaluator(cfg, pool, nil, stderr).Run(ctx, manifest.Dir, images)
	if err := errors.Join(err, pool.Close()); err != nil {
		return nil, err
	}
	if n := len(out.Unreadable); n > 0 {
		first := out.Unreadable[0]
		return nil, fmt.Errorf("%d of %d files could not be read, the first is %s (line %d): %s", n, len(images), first.Path, first.Line, first.Reason)
	}
	sample := sampleOf(folder.Card, out.Results)
	return sample, c.write(sample)
}

// read returns the split's photographs; groups must be whole.
func (c calibration) read() (*evaluation.Manifest, []evaluation.Image, error) {
	manifest, err := evaluation.ReadManifest(c.manifest)
	if err != nil {
		return nil, nil, err
	}
	var taken []evaluation.Image
	splits := make(map[string]string)
	for _, p := range manifest.Images {
		if p.Group == "" {
			return nil, nil, fmt.Errorf("%s: line %d: group is empty, allowed is a text: near-duplicates count as one photograph", c.manifest, p.Line)
		}
		if at, ok := splits[p.Group]; ok && at != p.Split {
			return nil, nil, fmt.Errorf("%s: group %q is in the splits %q and %q", c.manifest, p.Group, at, p.Split)
		}
		splits[p.Group] = p.Split
		if p.Split == c.split {
			taken = append(taken, p)
		}
	}
	if len(taken) == 0 {
		return nil, nil, fmt.Errorf("%s has no photograph in the split %q", c.manifest, c.split)
	}
	return manifest, taken, nil
}

func sampleOf(card *models.Card, results []evaluation.Result) *models.RiskSample {
	at := make(map[string]int, len(card.Classes))
	for i, class := range card.Classes {
		at[class] = i
	}
	sample := &models.RiskSample{Model: card.SHA256, Classes: card.Classes, Rows: make([]models.RiskRow, len(results))}
	for i, r := range results {
		row := models.RiskRow{
			Class: r.Image.ItemClass, Category: r.Image.Category, Source: r.Source, Group: r.Group,
			Strangeness: r.Prediction.Strangeness, Probabilities: make([]float64, len(card.Classes)),
		}
		for _, c := range r.Prediction.Classes {
			row.Probabilities[at[c.Class]] = c.Probability
		}
		sample.Rows[i] = row
	}
	return sample
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
