package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/ort"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/config"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/quality"
)

// classified is one line of output.
type classified struct {
	File       string                    `json:"file"`
	Error      string                    `json:"error,omitempty"`
	Category   string                    `json:"category,omitempty"`
	ItemClass  string                    `json:"item_class,omitempty"`
	Confidence float64                   `json:"confidence,omitempty"`
	Categories map[string]float64        `json:"categories,omitempty"`
	Classes    []models.ClassProbability `json:"classes,omitempty"`
	Verdict    verdict.Verdict           `json:"verdict,omitempty"`
	Reason     string                    `json:"reason,omitempty"`
	Model      string                    `json:"model_version,omitempty"`
}

func newClassify() *cobra.Command {
	var set settings
	var accepts []string
	cmd := &cobra.Command{
		Use:   "classify FILE…",
		Short: "Say what pictures show, one JSON object a line, as the service would",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := set.load(nil)
			if err != nil {
				return err
			}
			network, err := openNetwork(cfg.Model)
			if err != nil {
				return err
			}
			pool, err := models.NewPool(cmd.Context(), network, models.Options{Workers: 1, Logger: newLogger(cmd.ErrOrStderr(), cfg.Log)})
			if err != nil {
				return err
			}
			return errors.Join(classifyFiles(cmd.Context(), cmd.OutOrStdout(), cfg, pool, args, accepts), pool.Close())
		},
	}
	set.register(cmd)
	cmd.Flags().StringSliceVar(&accepts, "accepts", nil, "categories of the bin that the item is thrown into; adds the verdict")
	return cmd
}

func classifyFiles(ctx context.Context, w io.Writer, cfg config.Config, pool *models.Pool, files, accepts []string) error {
	out := json.NewEncoder(w)
	failed := 0
	for _, name := range files {
		line, err := classifyFile(ctx, cfg, pool, name, accepts)
		if err != nil {
			line = classified{File: name, Error: err.Error()}
			failed++
		}
		if err := out.Encode(line); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d files could not be classified", failed, len(files))
	}
	return nil
}

func classifyFile(ctx context.Context, cfg config.Config, pool *models.Pool, name string, accepts []string) (classified, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return classified{}, err
	}
	limits := codec.Limits{MaxBytes: int(cfg.Decoder.MaxBytes), MaxPixels: cfg.Decoder.MaxPixels}
	img, err := pipeline.Decode(data, limits, ort.Spec(pool.Card().Input).MinSource)
	if err != nil {
		return classified{}, err
	}
	prediction, err := pool.Classify(ctx, []models.View{{Image: img, Crop: img.Rect()}})
	if err != nil {
		return classified{}, err
	}
	d, err := decide(prediction, img, accepts, cfg.Verdict.Thresholds())
	if err != nil {
		return classified{}, err
	}
	out := classified{
		File: name, Category: d.Category, ItemClass: d.ItemClass, Confidence: d.Confidence,
		Categories: d.Categories, Classes: d.Classes, Model: prediction.ModelVersion,
	}
	if len(accepts) > 0 {
		out.Verdict, out.Reason = d.Verdict, d.Reason
	}
	return out, nil
}

func decide(p models.Prediction, img *vision.Image, accepts []string, th verdict.Thresholds) (verdict.Decision, error) {
	q, err := quality.Measure(img, img.Rect())
	if err != nil {
		return verdict.Decision{}, err
	}
	if len(accepts) == 0 {
		accepts = taxonomy.Default().CategoryIDs()
	}
	return verdict.Decide(p, taxonomy.Default(), accepts, th, verdict.Quality{Sharpness: q.Sharpness, Exposure: q.Exposure}), nil
}
