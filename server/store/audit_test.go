package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/store"
)

func TestAuditStation(t *testing.T) { onBoth(t, testAuditStation) }

func testAuditStation(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	put := func(change func(*inspection.Inspection)) *inspection.Inspection {
		i := newInspection()
		i.Sampled = false
		change(i)
		save(t, st, i)
		return i
	}
	told := put(func(*inspection.Inspection) {})
	put(func(i *inspection.Inspection) { i.Verdict = verdict.Check })
	put(func(i *inspection.Inspection) { i.Verdict = verdict.Unreadable })
	put(func(i *inspection.Inspection) { i.Verdict = verdict.Pass })
	put(func(i *inspection.Inspection) { i.Verdict, i.Sampled = verdict.Pass, true })
	for _, other := range []func(*inspection.Inspection){
		func(i *inspection.Inspection) { i.StationID = "south" },
		func(i *inspection.Inspection) { i.ModelVersion = "m2" },
		func(i *inspection.Inspection) { i.TaxonomyVersion = "t2" },
		func(i *inspection.Inspection) { i.HarmVersion = "h2" },
		func(i *inspection.Inspection) { i.RuleVersion = "r2" },
		func(i *inspection.Inspection) { i.CapturedAt = epoch.Add(24 * time.Hour) },
		func(i *inspection.Inspection) { i.CapturedAt = epoch.Add(-time.Microsecond) },
	} {
		put(other)
	}
	for _, category := range []string{"kitchen", "recyclable"} { // the latest counts
		_, err := st.SaveReview(ctx, told.ID, inspection.Review{Decision: inspection.Relabelled, Category: category, By: "x"})
		require.NoError(t, err)
	}
	a, err := st.AuditStation(ctx, store.AuditFilter{
		StationID: "north", Model: "m1", Taxonomy: "t1", HarmVersion: "h1", Version: "r1", From: epoch, To: epoch.Add(24 * time.Hour),
	})
	require.NoError(t, err)
	require.Equal(t, 2, a.Passes)
	require.Len(t, a.Shown, 3)
	require.Equal(t, store.Audited{
		Verdict: verdict.Tell, Reason: told.Reason, Category: told.Category, Confidence: told.Confidence, Categories: told.Categories,
		Accepts: told.Accepts, Score: told.Score, Truth: "recyclable",
	}, a.Shown[0])
	require.Empty(t, a.Shown[1].Truth)
	require.Equal(t, verdict.Pass, a.Shown[2].Verdict)
}
