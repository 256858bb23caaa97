package base_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/base"
	"github.com/binside/binside/models/evaluation"
	"github.com/binside/binside/models/modelstest"
	"github.com/binside/binside/models/ort"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

// The committed file, through the product's own decoder, preprocessing,
// runtime and rules, scores on the report part of the shared photographs,
// which neither training nor calibration saw, what its card says.
func TestReportPart(t *testing.T) {
	manifest, err := evaluation.ReadManifest("../../../shared/data")
	if err != nil {
		if os.Getenv("CI_SHARED") == "1" {
			t.Fatal(err)
		}
		t.Skipf("the labelled images are not beside the checkout: %v", err)
	}
	tax := taxonomy.Default()
	images := slices.DeleteFunc(manifest.Images, func(i evaluation.Image) bool { return part(i) != "report" })
	folder, err := base.Load()
	require.NoError(t, err)
	sample, err := base.Risk(folder.Card)
	require.NoError(t, err)
	policy, err := verdict.NewPolicy(tax, sample, verdict.DefaultConfidence)
	require.NoError(t, err)
	network, err := ort.Open(folder, ort.Options{Library: modelstest.Library(t)})
	require.NoError(t, err)
	pool, err := models.NewPool(t.Context(), network, models.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, pool.Close()) }()
	spec := ort.Spec(folder.Card.Input)
	evaluator := &evaluation.Evaluator{
		Classifier: pool, Categories: tax.CategoryIDs(), Parallel: 2 * runtime.GOMAXPROCS(0),
		Decode: func(ctx context.Context, data []byte) (*vision.Image, error) {
			return decode(ctx, data, spec.MinSource)
		},
		Judge: func(p models.Prediction, accepts []string, q verdict.Quality) verdict.Decision {
			return policy.Decide(p, accepts, verdict.DefaultThresholds(), q)
		},
	}
	out, err := evaluator.Run(t.Context(), filepath.Clean(manifest.Dir), images)
	require.NoError(t, err)
	require.Empty(t, out.Unreadable)
	report := evaluation.Build(evaluation.Subject{Manifest: manifest, Images: images, Taxonomy: tax, Card: folder.Card}, out)
	all := report.All
	t.Logf("n %d: accuracy %.4f, balanced %.4f, ECE %.4f, told: right %.4f, wrong %.4f; wrong passed %.4f; checked %.4f",
		all.N, *all.Accuracy, *all.BalancedAccuracy, *all.ECE, *all.TellOnCorrect, *all.TellOnWrong, *all.PassOnWrong, *all.CheckShare)

	card, ok := folder.Card.Metrics["photographs"].(map[string]any)
	require.True(t, ok)
	require.EqualValues(t, card["n"], all.N, "the part is carved as training does")
	accuracy, ok := card["accuracy"].(map[string]any)
	require.True(t, ok)
	require.InDelta(t, accuracy["value"], *all.Accuracy, 0.005, "the card's figure, by the training code's decoder")
	require.InDelta(t, card["balanced_accuracy"], *all.BalancedAccuracy, 0.01)
	require.LessOrEqual(t, *all.TellOnCorrect, verdict.DefaultAlpha, "the bound holds where it was not made")
	require.LessOrEqual(t, *all.ECE, 0.03)
}

// part is what training uses a photograph for: the rule of
// models/training/data.py.
func part(i evaluation.Image) string {
	sum := sha256.Sum256([]byte("part " + i.Group))
	mark := float64(binary.BigEndian.Uint32(sum[:4])) / (1 << 32)
	switch {
	case i.Split == "val" && mark < 0.5, i.Split == "train" && i.Category != "recyclable" && mark >= 0.06 && mark < 0.10:
		return "risk"
	case i.Split == "val", i.Split == "train" && i.Category != "recyclable" && mark >= 0.10 && mark < 0.13:
		return "report"
	case mark < 0.06:
		return "temperature"
	}
	return "train"
}

func decode(ctx context.Context, data []byte, least func(w, h int) (minW, minH int)) (*vision.Image, error) {
	file, err := codec.Open(data, codec.DefaultLimits())
	if err != nil {
		return nil, err
	}
	minW, minH := least(file.Width, file.Height) // none of them lies on its side
	img, err := file.Decode(ctx, codec.Options{MinWidth: minW, MinHeight: minH})
	if err != nil {
		return nil, err
	}
	return codec.Orient(img, file.Orientation), nil
}
