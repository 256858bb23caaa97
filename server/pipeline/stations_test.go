package pipeline_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
)

// reviewed stores n deposits in the green bin, flagged as not kitchen waste
// with the given score, and what a person said that they were ("": nobody
// looked).
func (l *line) reviewed(n int, at time.Time, score float64, truth string, change func(*inspection.Inspection)) {
	l.t.Helper()
	tax := taxonomy.Default()
	for range n {
		i := &inspection.Inspection{
			ID: uuid.Must(uuid.NewV7()).String(), StationID: "north", BinID: l.bin.ID, Source: inspection.FromPush,
			CapturedAt: at, ReceivedAt: at, DecidedAt: at, Verdict: verdict.Check, Reason: verdict.ReasonUnsure,
			Category: "recyclable", Confidence: 0.8, Categories: map[string]float64{"recyclable": 0.8, "kitchen": 0.2}, Score: score,
			Accepts: l.bin.Accepts, ModelVersion: "colours-1", TaxonomyVersion: tax.Version, HarmVersion: tax.Harm.Version, RuleVersion: verdict.RuleVersion,
		}
		if change != nil {
			change(i)
		}
		_, err := l.records.SaveInspection(l.t.Context(), i)
		require.NoError(l.t, err)
		if truth != "" {
			_, err = l.records.SaveReview(l.t.Context(), i.ID, inspection.Review{Decision: inspection.Relabelled, Category: truth, By: "x"})
			require.NoError(l.t, err)
		}
	}
}

func passed(sampled bool) func(*inspection.Inspection) {
	return func(i *inspection.Inspection) {
		i.Verdict, i.Sampled, i.Category, i.Score = verdict.Pass, sampled, "kitchen", 0
	}
}

func TestStationsFollowTheirReviews(t *testing.T) {
	l := newLine(t)
	policy, err := verdict.NewPolicy(taxonomy.Default(), colourSample(), verdict.DefaultConfidence)
	require.NoError(t, err)
	job := pipeline.NewStations(pipeline.StationsConfig{Model: "colours-1"}, l.records, policy, l.log)
	now := time.Now()
	bound := func(station string) verdict.Bound {
		require.NoError(t, job.Round(t.Context(), now))
		return policy.At(station).Bound(l.bin.Accepts, verdict.DefaultThresholds())
	}
	photographs := bound("north")
	require.Equal(t, verdict.LevelBin, photographs.Level)
	require.InDelta(t, 1, photographs.TellAt, 0)

	// None of these may count: of another model, too young, too old.
	week := now.Add(-7 * 24 * time.Hour)
	l.reviewed(40, week, 9, "kitchen", func(i *inspection.Inspection) { i.ModelVersion = "older" })
	l.reviewed(40, now.Add(-time.Hour), 9, "kitchen", nil)
	l.reviewed(40, now.Add(-200*24*time.Hour), 9, "kitchen", nil)
	require.Equal(t, photographs, bound("north"))

	// A few that were right and would be told: too few for a bound of its own,
	// enough to see that the photographs' fails here.
	l.reviewed(4, week, 3, "kitchen", nil)
	l.reviewed(6, week, 2, "recyclable", nil)
	b := bound("north")
	require.Equal(t, verdict.LevelBin, b.Level)
	require.True(t, b.Tightened)
	require.Greater(t, b.TellAt, 3.0)

	// Many passes of which every second was shown to a person, all right.
	l.reviewed(150, week, 0, "kitchen", passed(true))
	l.reviewed(150, week, 0, "", passed(false))
	b = bound("north")
	require.Equal(t, verdict.LevelStation, b.Level)
	require.False(t, b.Tightened)
	require.Greater(t, b.N, 280, "all but a few of the passes are known to be right, with confidence")
	require.LessOrEqual(t, b.Upper, b.Alpha)
	require.Greater(t, b.TellAt, 3.0, "4 of 300 are too many")
	// Nobody has looked at this one: it counts as if it was right.
	l.reviewed(1, week, 50, "", nil)
	l.reviewed(1, week, 40, "", func(i *inspection.Inspection) { i.Reason = verdict.ReasonStrange })
	before := b.TellAt
	b = bound("north")
	require.GreaterOrEqual(t, b.TellAt, before)
	require.Equal(t, photographs, bound("south"))
}

// restless fails for one station.
type restless struct {
	*store.Store
	bad string
}

func (r restless) AuditStation(ctx context.Context, f store.AuditFilter) (store.Audit, error) {
	if f.StationID == r.bad {
		return store.Audit{}, errors.New("no")
	}
	return r.Store.AuditStation(ctx, f)
}

func TestStationsGoOnAfterAFailure(t *testing.T) {
	l := newLine(t)
	require.NoError(t, l.records.CreateStation(t.Context(), &station.Station{ID: "broken", Name: "x", RegionPath: "/a", TimeZone: "UTC"}))
	policy, err := verdict.NewPolicy(taxonomy.Default(), colourSample(), verdict.DefaultConfidence)
	require.NoError(t, err)
	job := pipeline.NewStations(pipeline.StationsConfig{Model: "colours-1"}, restless{l.records, "broken"}, policy, l.log)
	l.reviewed(4, time.Now().Add(-48*time.Hour), 3, "kitchen", nil)
	require.ErrorContains(t, job.Round(t.Context(), time.Now()), `"broken"`)
	require.True(t, policy.At("north").Bound(l.bin.Accepts, verdict.DefaultThresholds()).Tightened)

	// The running job looks at its start, and ends when it is told to.
	fresh, err := verdict.NewPolicy(taxonomy.Default(), colourSample(), verdict.DefaultConfidence)
	require.NoError(t, err)
	job = pipeline.NewStations(pipeline.StationsConfig{Model: "colours-1"}, l.records, fresh, l.log)
	job.Start(t.Context())
	defer job.Close()
	require.Eventually(t, func() bool {
		return fresh.At("north").Bound(l.bin.Accepts, verdict.DefaultThresholds()).Tightened
	}, patience, 5*time.Millisecond)
	job.Close()
}
