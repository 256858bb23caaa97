package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/evaluation"
	"github.com/binside/binside/models/ort"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/config"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

// A thumbnail's longest side in pixels, and the quality of its JPEG.
const (
	thumbnailSide    = 168
	thumbnailQuality = 75
)

// progressEvery is how often the progress is said.
const progressEvery = 2 * time.Second

// evalFlags are eval's own.
type evalFlags struct {
	manifest, split, model, json, html string
	thumbnails                         int
	allowUnreadable                    bool
}

func newEval() *cobra.Command {
	var set settings
	var flags evalFlags
	cmd := &cobra.Command{
		Use:   "eval --manifest FILE [--split NAME] --json OUT --html OUT",
		Short: "Say how good the model and the rules are on labelled pictures",
		Long: `Classify the pictures of a manifest as the service would, each taken once as
thrown into the bin of every category, and report how good the answers are:
figures as JSON, and one page with them drawn.

The manifest is a CSV file with a header, or a folder with manifest.csv. The
columns path (relative to the manifest) and category (the truth) are required;
source, item_class, group and split are used where they are there.

A file that cannot be read is listed in both reports and is in no figure; the
command then ends with an error, unless --allow-unreadable-files is given.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			extra := make(map[string]string)
			if flags.model != "" {
				extra["model.dir"] = flags.model
			}
			cfg, err := set.load(extra)
			if err != nil {
				return err
			}
			return eval(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), cfg, flags)
		},
	}
	set.register(cmd)
	set.registerTaxonomy(cmd)
	f := cmd.Flags()
	f.StringVar(&flags.manifest, "manifest", "", "the CSV file, or a folder with manifest.csv")
	f.StringVar(&flags.split, "split", "", "only the pictures of this split")
	f.StringVar(&flags.model, "model", "", "folder with model.onnx and card.json (model.dir)")
	f.StringVar(&flags.json, "json", "", "where the figures go")
	f.StringVar(&flags.html, "html", "", "where the page goes")
	f.IntVar(&flags.thumbnails, "thumbnails", 0, "how many of the mistakes the page shows as small pictures")
	f.BoolVar(&flags.allowUnreadable, "allow-unreadable-files", false, "succeed although some files could not be read")
	_ = cmd.MarkFlagRequired("manifest") // only fails for a flag that does not exist
	cmd.MarkFlagsOneRequired("json", "html")
	return cmd
}

func eval(ctx context.Context, stdout, stderr io.Writer, cfg config.Config, flags evalFlags) (err error) {
	if flags.thumbnails < 0 {
		return fmt.Errorf("--thumbnails is %d, allowed is a number from 0 on", flags.thumbnails)
	}
	subject, err := selectPictures(cfg, flags)
	if err != nil {
		return err
	}
	// Before the long work: a folder that does not exist is said at once.
	outputs, err := openOutputs(flags.json, flags.html)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, outputs.discard()) }()
	network, sample, err := openNetwork(cfg.Model)
	if err != nil {
		return err
	}
	// One picture a run, whatever the service is set to: a figure must not
	// depend on which pictures happened to wait together.
	pool, err := models.NewPool(ctx, network, models.Options{
		Workers: cfg.Model.Workers, Logger: newLogger(stderr, cfg.Log),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	subject.Card = pool.Card()
	if len(subject.Taxonomy.Unknown(subject.Card.Classes)) == len(subject.Card.Classes) {
		return fmt.Errorf("the taxonomy %s names none of the %d classes of the model %s", subject.Taxonomy.ID, len(subject.Card.Classes), subject.Card.Version)
	}
	policy, err := verdict.NewPolicy(subject.Taxonomy, sample, verdict.DefaultConfidence)
	if err != nil {
		return err
	}
	out, err := newEvaluator(cfg, pool, policy, stderr).Run(ctx, subject.Manifest.Dir, subject.Images)
	if err != nil {
		return err
	}
	report := evaluation.Build(subject, out)
	if err := outputs.write(report, func() map[string][]byte { return thumbnails(cfg, subject.Manifest.Dir, report, flags.thumbnails) }); err != nil {
		return err
	}
	if err := summarise(stdout, report); err != nil {
		return err
	}
	return unreadable(stderr, report, flags.allowUnreadable)
}

// selectPictures reads the manifest and the taxonomy, and says by which rules
// the verdicts are.
func selectPictures(cfg config.Config, flags evalFlags) (evaluation.Subject, error) {
	s := evaluation.Subject{
		Split: flags.split,
		Rules: evaluation.Rules{Version: verdict.RuleVersion, Settings: cfg.Verdict.Thresholds()},
	}
	var err error
	if s.Taxonomy, err = taxonomy.Open(cfg.Taxonomy, cfg.TaxonomyColours); err != nil {
		return s, err
	}
	if s.Manifest, err = evaluation.ReadManifest(flags.manifest); err != nil {
		return s, err
	}
	s.Images, err = s.Manifest.Select(flags.split, s.Taxonomy.CategoryIDs())
	return s, err
}

// newEvaluator decodes and classifies as the service does, and judges by the
// policy, if there is one.
func newEvaluator(cfg config.Config, pool *models.Pool, policy *verdict.Policy, stderr io.Writer) *evaluation.Evaluator {
	reader := codec.Reader{Limits: limits(cfg)}
	least := ort.Spec(pool.Card().Input).MinSource
	e := &evaluation.Evaluator{
		Classifier: pool,
		Decode: func(ctx context.Context, data []byte) (*vision.Image, error) {
			return pipeline.Decode(ctx, reader, data, least)
		},
		MaxBytes: int64(cfg.Decoder.MaxBytes),
		// Some decode while others wait for the network.
		Parallel: 2 * cmp.Or(cfg.Model.Workers, runtime.GOMAXPROCS(0)),
		Progress: progress(stderr),
	}
	if policy != nil {
		thresholds := cfg.Verdict.Thresholds()
		e.Categories = policy.Taxonomy().CategoryIDs()
		e.Judge = func(p models.Prediction, accepts []string, q verdict.Quality) verdict.Decision {
			return policy.Decide(p, accepts, thresholds, q)
		}
	}
	return e
}

// progress says now and then how far a run is.
func progress(w io.Writer) func(done, total int) {
	start := time.Now()
	last := start
	return func(done, total int) {
		now := time.Now()
		if done < total && now.Sub(last) < progressEvery {
			return
		}
		last = now
		rate := float64(done) / now.Sub(start).Seconds()
		left := time.Duration(float64(total-done) / rate * float64(time.Second)).Round(time.Second)
		// Nobody is helped by a run that ends because its progress was not heard.
		_, _ = fmt.Fprintf(w, "%d of %d pictures, %.0f/s, %s left\n", done, total, rate, left)
	}
}

// summarise prints the main figures, a line a source.
func summarise(w io.Writer, r *evaluation.Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "source\tn\taccuracy\tbalanced\tECE\ttell|right\t≤95%\ttell|wrong\tpass|wrong\tcheck\t") // Flush says what failed
	line := func(name string, f evaluation.Figures) {
		_, _ = fmt.Fprintf(t, "%s\t%d", name, f.N)
		for _, v := range []*float64{
			f.Accuracy, f.BalancedAccuracy, f.ECE, f.TellOnCorrect, f.TellOnCorrectUpper95, f.TellOnWrong, f.PassOnWrong, f.CheckShare,
		} {
			if v == nil {
				_, _ = fmt.Fprint(t, "\t-")
			} else {
				_, _ = fmt.Fprintf(t, "\t%.4f", *v)
			}
		}
		_, _ = fmt.Fprint(t, "\t\n")
	}
	for _, id := range slices.Sorted(maps.Keys(r.Sources)) {
		line(id, r.Sources[id])
	}
	line("(all)", r.All)
	return t.Flush()
}

// unreadable says what must not go unheard: files left out, and whatever else
// may flatter.
func unreadable(stderr io.Writer, r *evaluation.Report, allowed bool) error {
	if n := r.Manifest.InAnotherSplit; n > 0 {
		_, _ = fmt.Fprintf(stderr, "warning: %d pictures have near-duplicates (by group) in another split, the figures may flatter\n", n)
	}
	if c := r.Model.UnnamedClasses; len(c) > 0 {
		_, _ = fmt.Fprintf(stderr, "warning: the taxonomy does not name the model's classes %q, they count for no category\n", c)
	}
	n := len(r.UnreadableFiles)
	if n == 0 {
		return nil
	}
	first := r.UnreadableFiles[0]
	err := fmt.Errorf("%d of %d files could not be read and are in no figure, the first is %s (line %d): %s", n, r.Manifest.Pictures, first.Path, first.Line, first.Reason)
	if allowed && r.All.N > 0 {
		_, _ = fmt.Fprintln(stderr, "warning:", err)
		return nil
	}
	return fmt.Errorf("%w; --allow-unreadable-files accepts that as long as any can be read", err)
}

// thumbnails makes small pictures of the first mistakes.
func thumbnails(cfg config.Config, dir string, r *evaluation.Report, limit int) map[string][]byte {
	lim := limits(cfg)
	out := make(map[string][]byte)
	for _, m := range r.Mistakes[:min(limit, len(r.Mistakes))] {
		data, err := os.ReadFile(evaluation.Locate(dir, m.Path))
		if err != nil {
			continue // it was there a moment ago; its mistake is listed all the same
		}
		if small, _, _, err := codec.Normalise(data, lim, thumbnailSide, thumbnailQuality); err == nil {
			out[m.Path] = small
		}
	}
	return out
}
