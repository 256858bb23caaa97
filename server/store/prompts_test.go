package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/store"
)

func TestPrompts(t *testing.T) { onBoth(t, testPrompts) }

func testPrompts(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	places(t, st)
	i := newInspection()
	save(t, st, i)
	now := i.DecidedAt
	open := inspection.Prompt{State: inspection.PromptOpen, OpenedAt: now, Until: now.Add(20 * time.Second)}
	for n, want := range []bool{true, false} {
		opened, err := st.OpenPrompt(ctx, i, open)
		require.NoError(t, err)
		require.Equal(t, want, opened, "try %d", n)
	}
	unknown := newInspection()
	_, err := st.OpenPrompt(ctx, unknown, open)
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = st.EndPrompt(ctx, unknown.ID, inspection.PromptCorrected, "", "", now)
	require.ErrorIs(t, err, store.ErrNotFound)

	got, err := st.GetInspection(ctx, i.ID)
	require.NoError(t, err)
	require.Equal(t, &open, got.Prompt)
	for station, want := range map[string]int{"": 1, i.StationID: 1, "elsewhere": 0} {
		items, err := st.OpenPrompts(ctx, station)
		require.NoError(t, err)
		require.Len(t, items, want, "station %q", station)
	}
	n, err := st.CountPrompts(ctx, i.StationID, now)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	n, err = st.CountPrompts(ctx, i.StationID, now.Add(time.Second))
	require.NoError(t, err)
	require.Zero(t, n)

	undecided := func() int {
		items, err := st.ListInspections(ctx, inspection.Filter{Unreviewed: true})
		require.NoError(t, err)
		counts, err := st.CountInspections(ctx, store.CountFilter{})
		require.NoError(t, err)
		require.Len(t, counts, 1)
		require.EqualValues(t, len(items), counts[0].Unreviewed)
		return len(items)
	}
	require.Equal(t, 1, undecided())
	ended := now.Add(7 * time.Second)
	got, err = st.EndPrompt(ctx, i.ID, inspection.PromptCorrected, inspection.MeansButton, "", ended)
	require.NoError(t, err)
	require.Equal(t, inspection.PromptCorrected, got.Prompt.State)
	require.Equal(t, &ended, got.Prompt.EndedAt)
	require.Zero(t, undecided(), "what the resident has put right waits for nobody")
	_, err = st.EndPrompt(ctx, i.ID, inspection.PromptAppealed, "", "7K4M-92TX", ended)
	require.ErrorIs(t, err, store.ErrConflict)
	items, err := st.OpenPrompts(ctx, "")
	require.NoError(t, err)
	require.Empty(t, items)
}

func TestAppeals(t *testing.T) { onBoth(t, testAppeals) }

func testAppeals(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	places(t, st)
	early, late, withdrawn := newInspection(), newInspection(), newInspection()
	now := late.DecidedAt
	steps := &inspection.Steps{CertainAt: now.Add(-400 * time.Millisecond), TakenAt: now.Add(-200 * time.Millisecond), InferredAt: now.Add(-100 * time.Millisecond)}
	for _, i := range []*inspection.Inspection{early, late, withdrawn} {
		save(t, st, i)
		_, err := st.OpenPrompt(ctx, i, inspection.Prompt{State: inspection.PromptOpen, OpenedAt: now, Until: now.Add(20 * time.Second), Steps: steps})
		require.NoError(t, err)
	}
	removed, until := now.Add(time.Second), now.Add(27*time.Second)
	got, err := st.RemovePrompt(ctx, late.ID, removed, until)
	require.NoError(t, err)
	require.Equal(t, &removed, got.Prompt.RemovedAt)
	require.Equal(t, until, got.Prompt.Until)
	_, err = st.RemovePrompt(ctx, late.ID, removed, until.Add(time.Hour))
	require.ErrorIs(t, err, store.ErrConflict, "the window is extended once")

	shown := now.Add(150 * time.Millisecond)
	got, err = st.ShowPrompt(ctx, late.ID, shown)
	require.NoError(t, err)
	require.Equal(t, steps, got.Prompt.Steps)
	_, err = st.ShowPrompt(ctx, late.ID, shown.Add(time.Second))
	require.ErrorIs(t, err, store.ErrConflict, "the first screen counts")
	lines, err := st.TimeLines(ctx, late.StationID, now)
	require.NoError(t, err)
	require.Equal(t, []inspection.TimeLine{got.TimeLine()}, lines)
	require.Equal(t, 550*time.Millisecond, lines[0].Durations()[inspection.StepWhole], "from the last frame that shows it")
	lines, err = st.TimeLines(ctx, late.StationID, now.Add(time.Minute))
	require.NoError(t, err)
	require.Empty(t, lines)

	_, err = st.LookAtAppeal(ctx, late.ID, now)
	require.ErrorIs(t, err, store.ErrConflict, "not appealed yet")
	for receipt, i := range map[string]*inspection.Inspection{"7K4M-92TX": early, "7K4M-92TY": late} {
		_, err = st.EndPrompt(ctx, i.ID, inspection.PromptAppealed, "", receipt, now.Add(10*time.Second))
		require.NoError(t, err)
	}
	_, err = st.EndPrompt(ctx, withdrawn.ID, inspection.PromptWithdrawn, inspection.MeansDenied, "", now)
	require.NoError(t, err)
	looked := now.Add(time.Minute)
	got, err = st.LookAtAppeal(ctx, late.ID, looked)
	require.NoError(t, err)
	require.Equal(t, &looked, got.Prompt.LookedAt)

	got, err = st.AppealByReceipt(ctx, got.Prompt.Receipt)
	require.NoError(t, err)
	require.Equal(t, late.ID, got.ID)
	for _, unknown := range []string{"", "0000-0000"} {
		_, err = st.AppealByReceipt(ctx, unknown)
		require.ErrorIs(t, err, store.ErrNotFound)
	}

	waiting := func() (ids []string) {
		items, err := st.ListInspections(ctx, inspection.Filter{Unreviewed: true, Appealed: true})
		require.NoError(t, err)
		for _, i := range items {
			ids = append(ids, i.ID)
		}
		return ids
	}
	review := func(i *inspection.Inspection, at time.Time) {
		_, err := st.SaveReview(ctx, i.ID, inspection.Review{Decision: inspection.Confirmed, Category: i.Category, By: "li", At: at})
		require.NoError(t, err)
	}
	require.Equal(t, []string{late.ID, early.ID}, waiting())
	review(early, now.Add(5*time.Second)) // before the resident objected
	review(late, now.Add(time.Hour))
	require.Equal(t, []string{early.ID}, waiting(), "a review settles the appeals that came before it")
	review(early, now.Add(time.Hour))
	require.Empty(t, waiting())
}

func TestAppealHoldsEvidence(t *testing.T) { onBoth(t, testAppealHoldsEvidence) }

// What a resident objected to is looked at before its picture goes, but for so
// long only.
func testAppealHoldsEvidence(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	const hold = 90 * 24 * time.Hour
	i := newInspection()
	save(t, st, i)
	over := i.Evidence[0].ExpiresAt
	end := func(state inspection.PromptState, receipt string, i *inspection.Inspection, at time.Time) {
		_, err := st.OpenPrompt(ctx, i, inspection.Prompt{State: inspection.PromptOpen, OpenedAt: i.DecidedAt, Until: at})
		require.NoError(t, err)
		_, err = st.EndPrompt(ctx, i.ID, state, "", receipt, at)
		require.NoError(t, err)
	}
	due := func(now time.Time) int {
		items, err := st.EvidenceDue(ctx, now, now.Add(-hold), 10)
		require.NoError(t, err)
		return len(items)
	}
	review := func(at time.Time) {
		_, err := st.SaveReview(ctx, i.ID, inspection.Review{Decision: inspection.Confirmed, Category: i.Category, By: "li", At: at})
		require.NoError(t, err)
	}
	objected := i.DecidedAt.Add(10 * time.Second)
	end(inspection.PromptAppealed, "7K4M-92TX", i, objected)
	require.Zero(t, due(over), "nobody has decided")
	review(objected.Add(-time.Second))
	require.Zero(t, due(over), "nor by a review from before the objection")
	require.Zero(t, due(objected.Add(hold-time.Second)))
	require.Equal(t, 1, due(objected.Add(hold)), "the bound")
	review(objected.Add(time.Second))
	require.Equal(t, 1, due(over), "it is decided")

	other := newInspection()
	save(t, st, other)
	end(inspection.PromptUncorrected, "", other, other.DecidedAt)
	require.Equal(t, 2, due(other.Evidence[0].ExpiresAt), "nobody objected")
}
