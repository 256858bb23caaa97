package evaluation

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/verdict"
)

// two are the categories of the results that are counted by hand.
var two = []string{"recyclable", "hazardous"}

// byHand are five pictures: n·k is ten deposits.
func byHand() []Result {
	result := func(path, truth, class, got, gotClass string, recyclable float64, inRecyclable, inHazardous verdict.Verdict) Result {
		return Result{
			Image:    Image{Path: path, Category: truth, Source: "s", ItemClass: class},
			Category: got, ItemClass: gotClass, Confidence: max(recyclable, 1-recyclable),
			Categories: []float64{recyclable, 1 - recyclable},
			Verdicts:   []verdict.Verdict{inRecyclable, inHazardous}, Named: []string{got, got},
		}
	}
	return []Result{
		result("a", "hazardous", "battery", "hazardous", "battery", 0.1, verdict.Tell, verdict.Pass),
		result("b", "hazardous", "battery", "recyclable", "metal", 0.6, verdict.Pass, verdict.Check),
		result("c", "recyclable", "can", "hazardous", "battery", 0.01, verdict.Tell, verdict.Pass),
		result("d", "recyclable", "metal", "recyclable", "paper", 0.7, verdict.Pass, verdict.Check),
		result("e", "recyclable", "metal", "recyclable", "metal", 0.99, verdict.Pass, verdict.Tell),
	}
}

func TestFiguresByHand(t *testing.T) {
	f := figures(byHand(), 1, two, map[string]bool{"battery": true, "metal": true, "paper": true})
	equal := func(want float64, got *float64, name string) {
		t.Helper()
		require.NotNil(t, got, name)
		assert.InDelta(t, want, *got, 1e-6, name)
	}
	assert.Equal(t, 5, f.N)
	assert.Equal(t, 1, f.UnreadableFiles)
	equal(3.0/5, f.Accuracy, "accuracy")
	assert.InDeltaMapValues(t, map[string]float64{"recyclable": 2.0 / 3, "hazardous": 1.0 / 2}, f.Recall, 1e-6)
	assert.Equal(t, map[string]int{"recyclable": 3, "hazardous": 2}, f.NByCategory)
	equal((2.0/3+1.0/2)/2, f.BalancedAccuracy, "balanced accuracy")

	equal(1.0/5, f.TellOnCorrect, "c in its own bin")
	equal(UpperBound(1, 5, 0.95), f.TellOnCorrectUpper95, "its bound")
	equal(2.0/5, f.TellOnWrong, "a and e in the other bin")
	equal(2.0/5, f.PassOnWrong, "b and c in the other bin")
	equal(2.0/10, f.CheckShare, "b in its own, d in the other")
	equal(1.0/5, f.CheckShareOnCorrect, "b")
	equal(0, f.UnreadableShare, "unreadable")
	equal(1.0/2, f.HazardousPassOnWrong, "b of a and b")
	equal(2.0/2, f.TellNamesTruth, "a and e are told what they are; c is in its own bin")
	low, high := Wilson(2, 5)
	assert.Equal(t, [2]float64{round(low), round(high)}, f.RatesOf.TellOnWrong.Interval95)
	low, high = wilson(2.0/10, 5)
	assert.Equal(t, &Proportion{Count: 2, N: 10, Value: 0.2, Interval95: [2]float64{round(low), round(high)}}, f.RatesOf.CheckShare,
		"ten deposits of five pictures are not as sure as ten pictures")

	assert.Equal(t, Confusion{Categories: two, Counts: [][]int{{2, 1}, {1, 1}}, None: []int{0, 0}}, f.Confusion)
	assert.Equal(t, []Cell{
		{Category: "recyclable", Bin: "recyclable", N: 3, Tell: 1, Pass: 2},
		{Category: "recyclable", Bin: "hazardous", N: 3, Tell: 1, Check: 1, Pass: 1},
		{Category: "hazardous", Bin: "recyclable", N: 2, Tell: 1, Pass: 1},
		{Category: "hazardous", Bin: "hazardous", N: 2, Check: 1, Pass: 1},
	}, f.Deposits)
	require.Len(t, f.Categories, 2)
	assert.Equal(t, proportion(2, 3), f.Categories[0].Precision, "b, d and e are taken for recyclable")
	assert.Equal(t, proportion(1, 3), f.Categories[0].TellOnCorrect)

	// Bins of a fifteenth: 0.6 wrong, 0.7 right, 0.9 right, 0.99 wrong and right.
	equal((0.6+0.3+0.1+(0.99+0.99-1))/5, f.ECE, "ECE")
	// Of either category: 0.01 and 0.99 twice; a, b and d as above, mirrored.
	equal((0.1+0.6+0.3+0.99+0.01)/5, f.ClasswiseECE, "classwise ECE")
	// c and e share the first two places with one error.
	equal((0.5+0.5+1.0/3+1.0/4+2.0/5)/5, f.AURC, "AURC")
}

func TestClassesByHand(t *testing.T) {
	f := figures(byHand(), 0, two, map[string]bool{"battery": true, "metal": true, "paper": true})
	assert.Equal(t, []Class{
		{ItemClass: "battery", Categories: []string{"hazardous"}, CategoryRecall: proportion(1, 2), Known: true,
			// c, a can, was taken for a battery, but the model knows no cans.
			Recall: proportion(1, 2), Precision: proportion(1, 1)},
		{ItemClass: "can", Categories: []string{"recyclable"}, CategoryRecall: proportion(0, 1)},
		{ItemClass: "metal", Categories: []string{"recyclable"}, CategoryRecall: proportion(2, 2), Known: true,
			Recall: proportion(1, 2), Precision: proportion(1, 2)},
	}, f.Classes)
}

func TestFiguresOfNothingAreNull(t *testing.T) {
	data, err := json.Marshal(figures(nil, 2, two, nil))
	require.NoError(t, err)
	var got map[string]any
	require.NoError(t, json.Unmarshal(data, &got))
	for _, key := range []string{"accuracy", "balanced_accuracy", "ece", "classwise_ece", "aurc", "tell_on_correct", "tell_on_correct_upper95", "pass_on_wrong", "check_share", "hazardous_pass_on_wrong"} {
		require.Contains(t, got, key)
		assert.Nil(t, got[key], key)
	}
	assert.Equal(t, map[string]any{}, got["recall"])
}

// A category that a source lacks counts neither for nor against it.
func TestMissingCategoryIsLeftOut(t *testing.T) {
	f := figures(byHand()[2:], 0, two, nil)
	assert.Equal(t, map[string]int{"recyclable": 3}, f.NByCategory)
	assert.InDelta(t, 2.0/3, *f.BalancedAccuracy, 1e-6)
	assert.Nil(t, f.HazardousPassOnWrong)
	assert.Nil(t, f.Categories[1].Recall)
	assert.Nil(t, f.Categories[1].TellOnCorrectUpper95)
}

func TestNoCategoryFoundIsAMistake(t *testing.T) {
	r := byHand()[:1]
	r[0].Category, r[0].Confidence = "", 0
	f := figures(r, 0, two, nil)
	assert.Equal(t, []int{0, 1}, f.Confusion.None)
	assert.InDelta(t, 0, *f.Accuracy, 0)
	assert.Equal(t, 1, f.Categories[1].Recall.N)
}

func TestMistakesPutFalseAccusationsFirst(t *testing.T) {
	r := byHand()
	r[1].Confidence = 0.999
	got := mistakes(r, two, 10)
	require.Len(t, got, 2)
	assert.Equal(t, "c", got[0].Path)
	assert.True(t, got[0].Told)
	assert.Equal(t, "b", got[1].Path)
	assert.Len(t, mistakes(r, two, 1), 1)
}

func TestGroups(t *testing.T) {
	r := byHand()
	r[0].Group, r[1].Group = "1", "1"
	assert.Equal(t, 4, figures(r, 0, two, nil).Groups)
}

// fourWays puts the results by hand under the table for towns.
func fourWays(t *testing.T, source string) *Report {
	t.Helper()
	results := byHand()
	var images []Image
	for i := range results {
		r := &results[i]
		r.Source = source
		r.Categories = []float64{r.Categories[0], 0, r.Categories[1], 0}
		r.Verdicts = []verdict.Verdict{r.Verdicts[0], verdict.Check, r.Verdicts[1], verdict.Unreadable}
		r.Named = []string{r.Category, r.Category, r.Category, r.Category}
		images = append(images, r.Image)
	}
	images = append(images, Image{Path: "f", Line: 7, Category: "other", Source: "broken"})
	subject := Subject{
		Card:     &models.Card{Version: "m-1", Classes: []string{"battery", "metal", "paper", "ufo"}},
		Taxonomy: taxonomy.Default(), Rules: Rules{Version: "r-1", Settings: verdict.DefaultThresholds()},
		Manifest: &Manifest{Name: "list.csv", Images: images}, Images: images,
	}
	return Build(subject, &Outcome{Results: results, Unreadable: []Unreadable{{Path: "f", Line: 7, Source: "broken", Reason: "<gone>"}}})
}

func TestReport(t *testing.T) {
	r := fourWays(t, "s")
	assert.Equal(t, 5, r.All.N)
	assert.Equal(t, 6, r.Manifest.Pictures)
	assert.Equal(t, 0, r.Sources["broken"].N, "a source is not forgotten because nothing of it could be read")
	assert.Equal(t, 1, r.Sources["broken"].UnreadableFiles)
	assert.Equal(t, r.All.Rates, r.Sources["s"].Rates)
	assert.Equal(t, []string{"ufo"}, r.Model.UnnamedClasses)
	assert.InDelta(t, 1.0/4, *r.All.UnreadableShare, 1e-6)
	var one, again bytes.Buffer
	require.NoError(t, r.WriteJSON(&one))
	require.NoError(t, fourWays(t, "s").WriteJSON(&again))
	assert.Equal(t, one.String(), again.String())
	assert.NotContains(t, one.String(), "NaN")
}

func TestCoverageIsThinnedToAHundredPoints(t *testing.T) {
	var answers []scored
	for i := range 250 {
		answers = append(answers, scored{1 - float64(i)/250, i < 200})
	}
	points := coverage(newRiskCoverage(answers))
	require.Len(t, points, 100)
	assert.Equal(t, Coverage{Coverage: 0.012, Risk: 0, Confidence: 0.992}, points[0])
	assert.Equal(t, Coverage{Coverage: 1, Risk: 0.2, Confidence: 0.004}, points[99])
	assert.Len(t, coverage(newRiskCoverage(answers[:3])), 3)
	assert.Empty(t, coverage(newRiskCoverage(nil)))
}
