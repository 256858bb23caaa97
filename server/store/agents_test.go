package store_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/server/store/storetest"
)

func TestRelayed(t *testing.T) { onBoth(t, testRelayed) }

// However many deliveries of one record meet, one stores it; a later revision
// changes the prompt and nothing else, an earlier one nothing at all.
func testRelayed(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	i := newInspection()
	i.Relay = &inspection.Relay{HandedAt: epoch.Add(time.Hour), ClockOffset: -1500}
	i.Prompt = &inspection.Prompt{State: inspection.PromptOpen, OpenedAt: epoch, Until: epoch.Add(20 * time.Second)}
	var mu sync.Mutex
	var created int
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			mine := *i
			made, changed, err := st.SaveRelayed(ctx, &mine, "digest", 1)
			if errors.Is(err, store.ErrUnavailable) {
				return // another was at it; the agent comes again
			}
			mu.Lock()
			defer mu.Unlock()
			if made {
				created++
			}
			require.NoError(t, err)
			require.False(t, changed)
		})
	}
	group.Wait()
	require.Equal(t, 1, created)
	got, err := st.GetInspection(ctx, i.ID)
	require.NoError(t, err)
	require.Equal(t, i.Relay, got.Relay)
	require.Equal(t, i.Prompt, got.Prompt)
	require.Len(t, got.Evidence, len(i.Evidence))

	ended := epoch.Add(5 * time.Second)
	later := *i
	later.Prompt = &inspection.Prompt{State: inspection.PromptAppealed, Receipt: "7K4M-92TX", OpenedAt: epoch, Until: epoch.Add(20 * time.Second), EndedAt: &ended}
	made, changed, err := st.SaveRelayed(ctx, &later, "digest", 3)
	require.NoError(t, err)
	require.False(t, made)
	require.True(t, changed)
	for _, old := range []int64{1, 2, 3} {
		made, changed, err = st.SaveRelayed(ctx, i, "digest", old)
		require.NoError(t, err)
		require.False(t, made || changed)
	}
	got, err = st.GetInspection(ctx, i.ID)
	require.NoError(t, err)
	require.Equal(t, later.Prompt, got.Prompt)

	_, _, err = st.SaveRelayed(ctx, i, "another", 4)
	require.ErrorIs(t, err, store.ErrConflict)
	own := newInspection()
	save(t, st, own)
	own.Relay = i.Relay
	_, _, err = st.SaveRelayed(ctx, own, "digest", 1)
	require.ErrorIs(t, err, store.ErrConflict, "what was decided here is nobody else's")
	known, err := st.GetRelayed(ctx, i.ID)
	require.NoError(t, err)
	require.Equal(t, store.Relayed{StationID: i.StationID, Digest: "digest", Revision: 3}, known)
	_, err = st.GetRelayed(ctx, newInspection().ID)
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestAgents(t *testing.T) { onBoth(t, testAgents) }

func testAgents(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	places(t, st)
	const id = "north"
	_, err := st.Agent(ctx, id)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorIs(t, st.SaveReport(ctx, id, "{}", epoch), store.ErrNotFound)
	first, err := st.NumberBundle(ctx, id, "a", 0)
	require.NoError(t, err)
	require.Positive(t, first.Sequence)
	same, err := st.NumberBundle(ctx, id, "a", first.Sequence)
	require.NoError(t, err)
	require.Equal(t, first, same)
	next, err := st.NumberBundle(ctx, id, "b", first.Sequence)
	require.NoError(t, err)
	require.Greater(t, next.Sequence, first.Sequence)
	back, err := st.NumberBundle(ctx, id, "a", next.Sequence)
	require.NoError(t, err)
	require.Greater(t, back.Sequence, next.Sequence, "going back is a change too")
	ahead, err := st.NumberBundle(ctx, id, "a", back.Sequence+1000)
	require.NoError(t, err)
	require.Greater(t, ahead.Sequence, back.Sequence+1000, "the agent has more than is known here")
	_, err = st.NumberBundle(ctx, "nowhere", "a", 0)
	require.ErrorIs(t, err, store.ErrNotFound)

	require.NoError(t, st.SaveReport(ctx, id, `{"version":"1"}`, epoch))
	got, err := st.Agents(ctx)
	require.NoError(t, err)
	require.Equal(t, []store.Agent{{StationID: id, Sequence: ahead.Sequence, MadeAt: ahead.MadeAt, SeenAt: epoch, Report: `{"version":"1"}`}}, got)
}

// agent is a store as a station's agent opens it, on an engine.
func onBothAsAgent(t *testing.T, test func(t *testing.T, st *store.Store)) {
	t.Helper()
	skew := int64(250)
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": storetest.PostgresURL} {
		t.Run(name, func(t *testing.T) {
			st, err := store.Open(ctxOf(t), url(t), store.Options{Mark: func() store.ClockMark { return store.ClockMark{Boot: "boot", Base: 17, Skew: &skew} }})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, st.Close()) })
			test(t, st)
		})
	}
}

func TestOutbox(t *testing.T) { onBothAsAgent(t, testOutbox) }

func testOutbox(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	made := make([]*inspection.Inspection, 4)
	for n, v := range []verdict.Verdict{verdict.Pass, verdict.Tell, verdict.Pass, verdict.Check} {
		made[n] = newInspection()
		made[n].Verdict = v
		save(t, st, made[n])
	}
	again := *made[0]
	created, err := st.SaveInspection(ctx, &again)
	require.NoError(t, err)
	require.False(t, created)
	order := func() (ids []string) {
		postings, err := st.Postings(ctx, epoch, 10)
		require.NoError(t, err)
		for _, p := range postings {
			ids = append(ids, p.InspectionID)
			require.Equal(t, "boot", p.Mark.Boot)
			require.EqualValues(t, 17, p.Mark.Base)
			require.EqualValues(t, 250, *p.Mark.Skew)
		}
		return ids
	}
	pass, tell, late, check := made[0].ID, made[1].ID, made[2].ID, made[3].ID
	require.Equal(t, []string{tell, check, pass, late}, order(), "flags first, then the oldest")
	b, err := st.Backlog(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 4, b.Inspections)
	require.EqualValues(t, 2, b.Flagged)
	require.Positive(t, b.Bytes)
	require.Equal(t, made[0].CapturedAt, b.Oldest)

	require.NoError(t, st.Acknowledge(ctx, tell, 1, epoch))
	require.Equal(t, []string{check, pass, late}, order())
	prompt := inspection.Prompt{State: inspection.PromptOpen, OpenedAt: epoch, Until: epoch}
	_, err = st.OpenPrompt(ctx, made[1], prompt)
	require.NoError(t, err)
	_, err = st.OpenPrompt(ctx, made[1], prompt)
	require.NoError(t, err)
	require.Equal(t, []string{tell, check, pass, late}, order(), "a prompt is a change, once")
	postings, err := st.Postings(ctx, epoch, 1)
	require.NoError(t, err)
	require.EqualValues(t, 2, postings[0].Revision)
	require.EqualValues(t, 1, postings[0].Acknowledged)
	require.NoError(t, st.Acknowledge(ctx, tell, 2, epoch))
	before, err := st.HandedBefore(ctx, epoch.Add(time.Second), 10)
	require.NoError(t, err)
	require.Empty(t, before, "its prompt is open")
	_, err = st.EndPrompt(ctx, tell, inspection.PromptUncorrected, "", "", epoch)
	require.NoError(t, err)
	require.Equal(t, tell, order()[0])
	require.NoError(t, st.Acknowledge(ctx, tell, 3, epoch))

	require.NoError(t, st.Refuse(ctx, check, "conflict", epoch.Add(time.Hour)))
	require.Equal(t, []string{pass, late}, order())
	postings, err = st.Postings(ctx, epoch.Add(time.Hour), 10)
	require.NoError(t, err)
	require.Len(t, postings, 3, "it is tried again")
	b, err = st.Backlog(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1, b.Refused)

	kept, err := st.Kept(ctx)
	require.NoError(t, err)
	before, err = st.HandedBefore(ctx, epoch.Add(time.Second), 10)
	require.NoError(t, err)
	require.Equal(t, []string{tell}, before)
	require.NoError(t, st.Forget(ctx, tell))
	_, err = st.GetInspection(ctx, tell)
	require.ErrorIs(t, err, store.ErrNotFound)
	less, err := st.Kept(ctx)
	require.NoError(t, err)
	require.Less(t, less, kept)
}

// Records that are no agent's have no outbox.
func TestServersHaveNoOutbox(t *testing.T) {
	st := open(t, sqliteURL(t))
	save(t, st, newInspection())
	b, err := st.Backlog(ctxOf(t))
	require.NoError(t, err)
	require.Zero(t, b)
}

func TestPutPlaces(t *testing.T) { onBoth(t, testPutPlaces) }

func testPutPlaces(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	gate := station.Station{ID: "gate", Name: "gate", TimeZone: "UTC", Agent: true, CreatedAt: epoch, UpdatedAt: epoch}
	bins := []station.Bin{{ID: "a", StationID: "gate", Accepts: []string{"kitchen"}, CreatedAt: epoch, UpdatedAt: epoch}, {ID: "b", StationID: "gate", Accepts: []string{"other"}}}
	cams := []station.Camera{{ID: "c", StationID: "gate", Kind: station.Push, Enabled: true, Regions: []station.Region{{BinID: "b"}}}, {ID: "d", StationID: "gate", Kind: station.Push}}
	require.NoError(t, st.PutPlaces(ctx, &gate, bins, cams))
	thrown := newInspection()
	thrown.StationID, thrown.BinID, thrown.CameraID = "gate", "b", "d"
	save(t, st, thrown)
	bins[0].Accepts, cams[0].Regions = []string{"other"}, []station.Region{{BinID: "a"}}
	require.NoError(t, st.PutPlaces(ctx, &gate, bins[:1], cams[:1]))
	got, err := st.GetBin(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, []string{"other"}, got.Accepts)
	_, err = st.GetBin(ctx, "b")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = st.GetInspection(ctx, thrown.ID)
	require.NoError(t, err, "what was thrown into it stays")
	here, _, err := st.ListCameras(ctx, store.PlaceFilter{Here: true})
	require.NoError(t, err)
	require.Len(t, here, 1, "an agent's own records run them")
	cams[0].Regions[0].BinID = "elsewhere"
	require.ErrorIs(t, st.PutPlaces(ctx, &gate, bins, cams), store.ErrInvalid)
	still, _, err := st.ListCameras(ctx, store.PlaceFilter{})
	require.NoError(t, err)
	require.Len(t, still, 1, "all or nothing")

	require.NoError(t, st.CreateStation(ctx, &station.Station{ID: "far", Name: "far", TimeZone: "UTC", Agent: true}))
	require.NoError(t, st.CreateCamera(ctx, &station.Camera{ID: "far-cam", StationID: "far", Kind: station.Push}))
	here, _, err = st.ListCameras(ctx, store.PlaceFilter{Here: true})
	require.NoError(t, err)
	require.Len(t, here, 1, "an agent runs the other one")
}
