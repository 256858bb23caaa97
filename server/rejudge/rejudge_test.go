package rejudge_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/rejudge"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/server/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

func onBoth(t *testing.T, run func(t *testing.T, st *store.Store)) {
	t.Helper()
	for name, url := range map[string]func(*testing.T) string{
		store.SQLite:   func(t *testing.T) string { t.Helper(); return "sqlite:" + filepath.Join(t.TempDir(), "t.db") },
		store.Postgres: func(t *testing.T) string { t.Helper(); return storetest.PostgresURL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			st, err := store.Open(t.Context(), url(t), store.Options{})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, st.Close()) })
			s := station.Station{ID: "gate", Name: "gate", TimeZone: "UTC"}
			require.NoError(t, st.CreateStation(t.Context(), &s))
			for _, id := range []string{"recyclable", "kitchen"} {
				require.NoError(t, st.CreateBin(t.Context(), &station.Bin{ID: id, StationID: "gate", Name: id, Accepts: []string{id}}))
			}
			run(t, st)
		})
	}
}

var (
	epoch = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	th    = verdict.Thresholds{Tell: 0.9, Pass: 0.6, MinSharpness: 4, MinExposure: 0.04, MaxExposure: 0.985}
)

// policyOf is the table's under the bound of a model that was never wrong, and
// sure, on 200 photographs of each of some classes.
func policyOf(t *testing.T, tax *taxonomy.Taxonomy) *verdict.Policy {
	t.Helper()
	s := &models.RiskSample{Classes: []string{"battery", "eggshell", "paper", "ceramic", "textiles"}}
	for i, class := range s.Classes {
		category, ok := taxonomy.Default().CategoryOf(class)
		require.True(t, ok, class)
		for n := range 200 {
			row := models.RiskRow{Class: class, Category: category, Source: "a test", Group: fmt.Sprint(class, n), Probabilities: make([]float64, len(s.Classes))}
			row.Probabilities[i] = 1
			s.Rows = append(s.Rows, row)
		}
	}
	policy, err := verdict.NewPolicy(tax, s, verdict.DefaultConfidence)
	require.NoError(t, err)
	return policy
}

var judged struct {
	once   sync.Once
	policy *verdict.Policy
}

// byDefault is policyOf the built-in table, made once.
func byDefault(t *testing.T) *verdict.Policy {
	t.Helper()
	judged.once.Do(func() { judged.policy = policyOf(t, taxonomy.Default()) })
	return judged.policy
}

// deposit is what the pipeline would store of a prediction.
func deposit(t *testing.T, id, bin string, p models.Prediction, img inspection.Image) *inspection.Inspection {
	t.Helper()
	d := byDefault(t).Decide(p, []string{bin}, th, verdict.Quality{Sharpness: img.Sharpness, Exposure: img.Exposure})
	return &inspection.Inspection{
		ID: id, StationID: "gate", BinID: bin, Source: inspection.FromPush, CapturedAt: epoch, ReceivedAt: epoch, DecidedAt: epoch,
		Verdict: d.Verdict, Reason: d.Reason, Category: d.Category, ItemClass: d.ItemClass, Confidence: d.Confidence,
		Categories: d.Categories, Classes: d.Classes, Strangeness: &p.Strangeness, Reading: inspection.NewReading(p, len(d.Classes), &img), Accepts: []string{bin},
		ModelVersion: p.ModelVersion, TaxonomyVersion: taxonomy.Default().Ref(), RuleVersion: verdict.RuleVersion,
	}
}

func save(t *testing.T, st *store.Store, i *inspection.Inspection) {
	t.Helper()
	created, err := st.SaveInspection(t.Context(), i)
	require.NoError(t, err)
	require.True(t, created)
}

// spread is a prediction of many classes: the first gets top, ten others share
// the rest.
func spread(top float64, classes ...string) models.Prediction {
	p := models.Prediction{ModelVersion: "m", Agreement: 1, Classes: []models.ClassProbability{{Class: classes[0], Probability: top}}}
	for n := range 10 {
		p.Classes = append(p.Classes, models.ClassProbability{Class: classes[1+n%(len(classes)-1)], Probability: (1 - top) / 10})
	}
	return p
}

var sharp = inspection.Image{Sharpness: 300, Exposure: 0.5}

func TestTheTableItWasJudgedByChangesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, st *store.Store) {
		n := 0
		for _, top := range []float64{0.35, 0.599, 0.6, 0.601, 0.88, 0.9, 0.95, 0.999} {
			for _, class := range []string{"battery", "paper", "eggshell", "ceramic"} {
				for _, bin := range []string{"recyclable", "kitchen"} {
					for _, img := range []inspection.Image{sharp, {Sharpness: 1, Exposure: 0.5}, {Sharpness: 300, Exposure: 0.01}} {
						n++
						save(t, st, deposit(t, fmt.Sprintf("%04d", n), bin, spread(top, class, "glass", "pills", "food_scraps", "broom"), img))
					}
				}
			}
		}
		require.Greater(t, n, 190)
		r, err := rejudge.Run(t.Context(), st, rejudge.Options{Policy: byDefault(t), Thresholds: th})
		require.NoError(t, err)
		require.Equal(t, n, r.Inspections)
		require.Equal(t, n, r.Same, "%+v", r.Changes)
		require.Zero(t, r.TooLittle)
		require.Equal(t, map[string]int{taxonomy.Default().Ref(): n}, r.RecordedTaxonomies)
	})
}

func TestAnotherTable(t *testing.T) {
	sf, err := taxonomy.Open("san-francisco-three", "")
	require.NoError(t, err)
	asSF := map[string][]string{"recyclable": {"recycling"}, "kitchen": {"compost"}}
	onBoth(t, func(t *testing.T, st *store.Store) {
		// Clothes are recyclable in a Chinese town and landfill in San
		// Francisco, and that only shows where more than five classes are kept.
		textiles := spread(0.05, "glass", "textiles", "shoes", "hat", "ball", "toothbrush")
		require.Len(t, textiles.Classes, 11)
		save(t, st, deposit(t, "sure", "recyclable", spread(0.99, "textiles", "glass", "metal"), sharp))
		save(t, st, deposit(t, "spread", "kitchen", textiles, sharp))
		save(t, st, deposit(t, "same", "kitchen", spread(0.95, "eggshell", "glass", "metal"), sharp))
		blurred := deposit(t, "blurred", "recyclable", spread(0.999, "textiles", "glass"), inspection.Image{Sharpness: 1, Exposure: 0.5})
		save(t, st, blurred)
		old := deposit(t, "old-and-blurred", "recyclable", spread(0.9999, "textiles", "glass"), inspection.Image{Sharpness: 1, Exposure: 0.5})
		old.Reading = nil
		save(t, st, old)
		little := deposit(t, "old-and-little", "kitchen", textiles, sharp)
		little.Reading = nil
		save(t, st, little)
		hidden := deposit(t, "hidden", "recyclable", spread(0.999, "textiles", "glass"), sharp)
		hidden.Verdict, hidden.Reason = verdict.Unreadable, inspection.ReasonHidden
		save(t, st, hidden)
		unnamed := deposit(t, "unnamed", "kitchen", spread(0.5, "ufo", "glass"), sharp)
		save(t, st, unnamed)

		r, err := rejudge.Run(t.Context(), st, rejudge.Options{Policy: policyOf(t, sf), Thresholds: th, Accepts: asSF})
		require.NoError(t, err)
		require.Equal(t, []string{"old-and-little", "unnamed"}, r.TooLittleIDs)
		require.Equal(t, 2, r.TooLittle)
		require.Zero(t, r.Same, "every category has another name there")
		require.Equal(t, 6, r.Changed)
		require.Equal(t, 2, r.OtherVerdict)
		require.Zero(t, r.OutsideBins)
		require.Equal(t, []rejudge.Change{
			{Old: rejudge.Outcome{Category: "recyclable", Verdict: verdict.Unreadable}, New: rejudge.Outcome{Category: "landfill", Verdict: verdict.Unreadable}, N: 3, IDs: []string{"blurred", "old-and-blurred", "hidden"}},
			{Old: rejudge.Outcome{Category: "kitchen", Verdict: verdict.Pass}, New: rejudge.Outcome{Category: "compost", Verdict: verdict.Pass}, N: 1, IDs: []string{"same"}},
			{Old: rejudge.Outcome{Category: "recyclable", Verdict: verdict.Check}, New: rejudge.Outcome{Category: "landfill", Verdict: verdict.Tell}, N: 1, IDs: []string{"spread"}},
			{Old: rejudge.Outcome{Category: "recyclable", Verdict: verdict.Pass}, New: rejudge.Outcome{Category: "landfill", Verdict: verdict.Tell}, N: 1, IDs: []string{"sure"}},
		}, r.Changes)

		again, err := st.ListInspections(t.Context(), inspection.Filter{AfterSeq: -1})
		require.NoError(t, err)
		require.Equal(t, verdict.Pass, again[0].Verdict, "records stay as they are")

		r, err = rejudge.Run(t.Context(), st, rejudge.Options{Policy: policyOf(t, sf), Thresholds: th})
		require.NoError(t, err)
		require.Equal(t, 6, r.OutsideBins)
		for _, c := range r.Changes {
			require.Contains(t, []verdict.Verdict{verdict.Check, verdict.Unreadable}, c.New.Verdict, "nobody knows what belongs in such a bin")
		}
		_, err = rejudge.Run(t.Context(), st, rejudge.Options{Policy: policyOf(t, sf), Accepts: map[string][]string{"kitchen": {"perishable"}}})
		require.ErrorContains(t, err, `kitchen stands for ["perishable"], allowed are categories of san-francisco-three`)
	})
}

func TestSelectionAndBinsOwnThresholds(t *testing.T) {
	onBoth(t, func(t *testing.T, st *store.Store) {
		for n := range 450 { // three pages
			i := deposit(t, fmt.Sprintf("%04d", n), "kitchen", spread(0.95, "battery", "eggshell"), sharp)
			i.CapturedAt = epoch.Add(time.Duration(n) * time.Minute)
			if n%3 == 0 {
				i.StationID = "elsewhere"
			}
			save(t, st, i)
		}
		bin, err := st.GetBin(t.Context(), "kitchen")
		require.NoError(t, err)
		strict := th
		strict.Tell = 0.97
		bin.Thresholds = &strict
		require.NoError(t, st.UpdateBin(t.Context(), &bin))
		all, err := rejudge.Run(t.Context(), st, rejudge.Options{Policy: byDefault(t), Thresholds: th})
		require.NoError(t, err)
		require.Equal(t, 450, all.Changed)
		require.Equal(t, 450, all.OtherVerdict)
		some, err := rejudge.Run(t.Context(), st, rejudge.Options{
			Policy: byDefault(t), Thresholds: th, StationID: "gate", From: epoch.Add(10 * time.Minute), To: epoch.Add(20 * time.Minute),
		})
		require.NoError(t, err)
		require.Equal(t, 7, some.Inspections, "0010, 0011, 0013, 0014, 0016, 0017, 0019")
	})
}
