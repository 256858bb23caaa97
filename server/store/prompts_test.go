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
