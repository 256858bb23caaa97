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
	Score      *float64                  `json:"score,omitempty"`
	TellAt     *float64                  `json:"tell_at,omitempty"`
	Advice     taxonomy.Name             `json:"advice,omitzero"`
	Model      string                    `json:"model_version,omitempty"`
	Taxonomy   string                    `json:"taxonomy_version,omitempty"`
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
			c := classifier{cfg: cfg, accepts: accepts}
			if c.taxonomy, err = taxonomy.Open(cfg.Taxonomy, cfg.TaxonomyColours); err != nil {
				return err
			}
			if unknown := c.taxonomy.Lacks(accepts); len(unknown) > 0 {
				return fmt.Errorf("--accepts is %q, allowed are categories of %s: %q", unknown, c.taxonomy.Ref(), c.taxonomy.CategoryIDs())
			}
			network, sample, err := openNetwork(cfg.Model)
			if err != nil {
				return err
			}
			if err := network.Card().CheckClasses(c.taxonomy.CategoryOf); err != nil {
				return errors.Join(err, network.Close())
			}
			if c.policy, err = verdict.NewPolicy(c.taxonomy, sample, verdict.DefaultConfidence); err != nil {
				return errors.Join(err, network.Close())
			}
			c.pool, err = models.NewPool(cmd.Context(), network, models.Options{Workers: 1, Logger: newLogger(cmd.ErrOrStderr(), cfg.Log)})
			if err != nil {
				return err
			}
			return errors.Join(c.files(cmd.Context(), cmd.OutOrStdout(), args), c.pool.Close())
		},
	}
	set.register(cmd)
	set.registerTaxonomy(cmd)
	cmd.Flags().StringSliceVar(&accepts, "accepts", nil, "categories of the bin that the item is thrown into; adds the verdict")
	return cmd
}

// classifier is what says of files what the service would.
type classifier struct {
	cfg      config.Config
	taxonomy *taxonomy.Taxonomy
	pool     *models.Pool
	policy   *verdict.Policy
	// accepts are the bin's categories; none: no verdict is asked for.
	accepts []string
}

func (c *classifier) files(ctx context.Context, w io.Writer, names []string) error {
	out := json.NewEncoder(w)
	failed := 0
	for _, name := range names {
		line, err := c.file(ctx, name)
		if err != nil {
			line = classified{File: name, Error: err.Error()}
			failed++
		}
		if err := out.Encode(line); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d files could not be classified", failed, len(names))
	}
	return nil
}

func (c *classifier) file(ctx context.Context, name string) (classified, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return classified{}, err
	}
	img, err := pipeline.Decode(ctx, codec.Reader{Limits: limits(c.cfg)}, data, ort.Spec(c.pool.Card().Input).MinSource)
	if err != nil {
		return classified{}, err
	}
	prediction, err := c.pool.Classify(ctx, []models.View{{Image: img, Crop: img.Rect()}})
	if err != nil {
		return classified{}, err
	}
	q, err := quality.Measure(img, img.Rect())
	if err != nil {
		return classified{}, err
	}
	d := c.policy.Decide(prediction, c.accepts, c.cfg.Verdict.Thresholds(), verdict.Quality{Sharpness: q.Sharpness, Exposure: q.Exposure})
	out := classified{
		File: name, Category: d.Category, ItemClass: d.ItemClass, Confidence: d.Confidence,
		Categories: d.Categories, Classes: d.Classes, Model: prediction.ModelVersion, Taxonomy: c.taxonomy.Ref(),
		Advice: taxonomy.Name{ZH: c.taxonomy.Advice(d.ItemClass, "zh-CN"), EN: c.taxonomy.Advice(d.ItemClass, "en")},
	}
	if len(c.accepts) > 0 {
		out.Verdict, out.Reason, out.Score, out.TellAt = d.Verdict, d.Reason, &d.Score, &d.TellAt
	}
	return out, nil
}
