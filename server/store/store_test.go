package store_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/datasets"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/server/store/storetest"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/deposit"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(crashURL); url != "" {
		os.Exit(crashChild(url, os.Getenv(crashReady)))
	}
	code := storetest.Main(m)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// clock is a store's clock that moves on by a second a look.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Second)
	return c.now
}

var epoch = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

func sqliteURL(tb testing.TB) string {
	tb.Helper()
	return "sqlite:" + filepath.Join(tb.TempDir(), "a folder", "records#1?.db")
}

func open(tb testing.TB, url string) *store.Store {
	tb.Helper()
	st, err := store.Open(context.Background(), url, store.Options{Now: (&clock{now: epoch}).Now, Timeout: time.Minute})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, st.Close()) })
	return st
}

// onBoth runs a test against an empty database of each engine.
func onBoth(t *testing.T, test func(t *testing.T, st *store.Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, open(t, sqliteURL(t))) })
	t.Run("postgres", func(t *testing.T) { test(t, open(t, storetest.PostgresURL(t))) })
}

func ctxOf(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	tb.Cleanup(cancel)
	return ctx
}

// places stores a station with two bins and a camera.
func places(t *testing.T, st *store.Store) {
	t.Helper()
	ctx := ctxOf(t)
	require.NoError(t, st.CreateStation(ctx, &station.Station{ID: "north", Name: "北门", RegionPath: "/xihu/beishan", TimeZone: "Asia/Shanghai"}))
	for _, id := range []string{"blue", "green"} {
		require.NoError(t, st.CreateBin(ctx, &station.Bin{ID: id, StationID: "north", Name: id, Accepts: []string{"recyclable"}}))
	}
	require.NoError(t, st.CreateCamera(ctx, &station.Camera{
		ID: "cam", StationID: "north", Name: "camera", Kind: station.RTSP, URL: "rtsp://user:secret@192.0.2.1/live", Transport: "udp", Enabled: true,
		Regions: []station.Region{{BinID: "blue", Polygon: vision.Full()}},
	}))
}

var nth int

// newInspection makes a record with all fields set, a second after the last.
func newInspection() *inspection.Inspection {
	nth++
	at := epoch.Add(time.Duration(nth) * time.Second)
	agreement, strangeness := 2.0/3, 0.1+0.2
	return &inspection.Inspection{
		ID: uuid.Must(uuid.NewV7()).String(), StationID: "north", BinID: "blue", CameraID: "cam", Source: inspection.FromStream,
		CapturedAt: at, ReceivedAt: at.Add(100 * time.Microsecond), DecidedAt: at.Add(time.Millisecond),
		Verdict: verdict.Tell, Reason: "other-category-sure", Category: "hazardous", ItemClass: "battery", Confidence: 0.1 + 0.2,
		Categories: map[string]float64{"hazardous": 0.3, "recyclable": 0.7}, Classes: []models.ClassProbability{{Class: "battery", Probability: 0.9}},
		Accepts: []string{"recyclable"}, ModelVersion: "m1", TaxonomyVersion: "t1", RuleVersion: "r1",
		Score: 2.5, TellAt: 1.25, Miss: 0.1 + 0.2, PassAt: 0.5, BoundLevel: verdict.LevelAll, HarmVersion: "h1",
		Evidence: []inspection.Evidence{
			{Ordinal: 0, Key: "evidence/" + strconv.Itoa(nth) + "/0.jpg", SHA256: "aa", Bytes: 50_000, Width: 400, Height: 300,
				Item: &inspection.Box{MinX: 1, MinY: 2, MaxX: 30, MaxY: 40}, ExpiresAt: at.Add(24 * time.Hour)},
			{Ordinal: 1, Key: "evidence/" + strconv.Itoa(nth) + "/1.jpg", SHA256: "bb", Bytes: 40_000, Width: 400, Height: 300},
		},
		Sampled: nth%2 == 0, Agreement: &agreement, Strangeness: &strangeness,
		Reading: &inspection.Reading{
			Rest:      []models.ClassProbability{{Class: "paper", Probability: 0.0612}, {Class: "glass", Probability: 1.5e-6}},
			Sharpness: 310.5, Exposure: 0.44,
		},
	}
}

func save(tb testing.TB, st *store.Store, i *inspection.Inspection) {
	tb.Helper()
	created, err := st.SaveInspection(ctxOf(tb), i)
	require.NoError(tb, err)
	require.True(tb, created)
}

func TestPlaces(t *testing.T) { onBoth(t, testPlaces) }

func testPlaces(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	require.NoError(t, st.Ping(ctx))
	places(t, st)

	err := st.CreateStation(ctx, &station.Station{ID: "north"})
	require.ErrorIs(t, err, store.ErrConflict)
	err = st.CreateBin(ctx, &station.Bin{ID: "x", StationID: "nowhere"})
	require.ErrorIs(t, err, store.ErrNotFound)
	err = st.CreateCamera(ctx, &station.Camera{ID: "x", StationID: "nowhere"})
	require.ErrorIs(t, err, store.ErrNotFound)
	err = st.CreateCamera(ctx, &station.Camera{ID: "x", StationID: "north", Regions: []station.Region{{BinID: "red"}}})
	require.ErrorIs(t, err, store.ErrInvalid)
	_, err = st.GetBin(ctx, "x")
	require.ErrorIs(t, err, store.ErrNotFound)

	got, err := st.GetStation(ctx, "north")
	require.NoError(t, err)
	require.Equal(t, "Asia/Shanghai", got.TimeZone)
	require.Equal(t, time.UTC, got.CreatedAt.Location())
	stale := got
	got.Name = "北二门"
	none, quiet := 0, ""
	got.Prompts = &station.Prompts{WindowSeconds: station.Seconds(30 * time.Second), Budget: &none, QuietHours: &quiet, Language: station.English}
	require.NoError(t, st.UpdateStation(ctx, &got))
	again, err := st.GetStation(ctx, "north")
	require.NoError(t, err)
	require.Equal(t, got, again)
	require.ErrorIs(t, st.UpdateStation(ctx, &stale), store.ErrConflict)
	never := again
	never.Prompts = &station.Prompts{WindowSeconds: station.Seconds(time.Hour)}
	require.ErrorIs(t, st.UpdateStation(ctx, &never), store.ErrInvalid)
	require.ErrorIs(t, st.UpdateStation(ctx, &station.Station{ID: "none"}), store.ErrNotFound)

	bin, err := st.GetBin(ctx, "blue")
	require.NoError(t, err)
	require.Nil(t, bin.Thresholds)
	bin.Thresholds = &verdict.Thresholds{Tell: 0.9, Pass: 0.6, MaxExposure: 1}
	require.NoError(t, st.UpdateBin(ctx, &bin))
	binAgain, err := st.GetBin(ctx, "blue")
	require.NoError(t, err)
	require.Equal(t, bin, binAgain)

	cam, err := st.GetCamera(ctx, "cam")
	require.NoError(t, err)
	require.True(t, cam.Enabled)
	require.Equal(t, vision.Full(), cam.Regions[0].Polygon)
	cam.Enabled, cam.Regions = false, nil
	require.NoError(t, st.UpdateCamera(ctx, &cam))
	camAgain, err := st.GetCamera(ctx, "cam")
	require.NoError(t, err)
	require.Equal(t, cam, camAgain)
	require.Nil(t, camAgain.Detector)
	tuned := station.DetectorOf(deposit.DefaultConfig())
	tuned.MinItem, tuned.Pile = 0.02, false
	camAgain.Detector = &tuned
	require.NoError(t, st.UpdateCamera(ctx, &camAgain))
	cam, err = st.GetCamera(ctx, "cam")
	require.NoError(t, err)
	require.Equal(t, &tuned, cam.Detector)

	former := cam
	former.UpdatedAt = former.UpdatedAt.Add(-time.Second)
	require.ErrorIs(t, st.DeleteCamera(ctx, former), store.ErrConflict)
	require.NoError(t, st.DeleteCamera(ctx, cam))
	require.ErrorIs(t, st.DeleteCamera(ctx, cam), store.ErrNotFound)
	_, err = st.GetCamera(ctx, "cam")
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestDeleteBin(t *testing.T) { onBoth(t, testDeleteBin) }

func testDeleteBin(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	require.NoError(t, st.CreateStation(ctx, &station.Station{ID: "gate", TimeZone: "UTC"}))
	blue, green := station.Bin{ID: "blue", StationID: "gate"}, station.Bin{ID: "green", StationID: "gate"}
	require.NoError(t, st.CreateBin(ctx, &blue))
	require.NoError(t, st.CreateBin(ctx, &green))
	both := station.Camera{ID: "both", StationID: "gate", Kind: station.Push, Regions: []station.Region{{BinID: "blue", Polygon: vision.Full()}, {BinID: "green", Polygon: vision.Full()}}}
	one := station.Camera{ID: "one", StationID: "gate", Kind: station.Push, Regions: both.Regions[1:]}
	require.NoError(t, st.CreateCamera(ctx, &both))
	require.NoError(t, st.CreateCamera(ctx, &one))

	former := blue
	former.UpdatedAt = former.UpdatedAt.Add(-time.Second)
	require.ErrorIs(t, st.DeleteBin(ctx, former), store.ErrConflict)
	same, err := st.GetCamera(ctx, "both")
	require.NoError(t, err)
	require.Equal(t, both, same, "all or nothing")
	require.NoError(t, st.DeleteBin(ctx, blue))
	require.ErrorIs(t, st.DeleteBin(ctx, blue), store.ErrNotFound)
	left, err := st.GetCamera(ctx, "both")
	require.NoError(t, err)
	require.Equal(t, both.Regions[1:], left.Regions)
	require.True(t, left.UpdatedAt.After(both.UpdatedAt), "who was changing its regions is told")
	same, err = st.GetCamera(ctx, "one")
	require.NoError(t, err)
	require.Equal(t, one, same)
}

func TestPlacePages(t *testing.T) { onBoth(t, testPlacePages) }

func testPlacePages(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	paths := []string{"/a", "/a/b", "/a/b/c", "/a-b", "/ab", "/b"}
	for n, path := range paths {
		require.NoError(t, st.CreateStation(ctx, &station.Station{ID: fmt.Sprintf("s%d", n), RegionPath: path, TimeZone: "UTC"}))
		require.NoError(t, st.CreateBin(ctx, &station.Bin{ID: fmt.Sprintf("b%d", n), StationID: fmt.Sprintf("s%d", n)}))
		require.NoError(t, st.CreateCamera(ctx, &station.Camera{ID: fmt.Sprintf("c%d", n), StationID: fmt.Sprintf("s%d", n), Kind: station.Push}))
	}
	var ids []string
	for after := ""; ; {
		items, next, err := st.ListStations(ctx, store.PlaceFilter{After: after, Limit: 4})
		require.NoError(t, err)
		for _, v := range items {
			ids = append(ids, v.ID)
		}
		if after = next; next == "" {
			break
		}
	}
	require.Equal(t, []string{"s0", "s1", "s2", "s3", "s4", "s5"}, ids)
	below, next, err := st.ListStations(ctx, store.PlaceFilter{RegionPath: "/a"})
	require.NoError(t, err)
	require.Empty(t, next)
	require.Len(t, below, 3, "/a, /a/b and /a/b/c, but neither /a-b nor /ab")
	bins, _, err := st.ListBins(ctx, store.PlaceFilter{StationID: "s2"})
	require.NoError(t, err)
	require.Len(t, bins, 1)
	cameras, _, err := st.ListCameras(ctx, store.PlaceFilter{})
	require.NoError(t, err)
	require.Len(t, cameras, len(paths))
}

func TestInspections(t *testing.T) { onBoth(t, testInspections) }

func testInspections(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	first := newInspection()
	save(t, st, first)
	require.EqualValues(t, 1, first.Seq)
	got, err := st.GetInspection(ctx, first.ID)
	require.NoError(t, err)
	require.Equal(t, first, got)

	twin := newInspection()
	twin.ID, twin.Verdict = first.ID, verdict.Pass
	created, err := st.SaveInspection(ctx, twin)
	require.NoError(t, err)
	require.False(t, created)
	require.EqualValues(t, 1, twin.Seq)
	got, err = st.GetInspection(ctx, first.ID)
	require.NoError(t, err)
	require.Equal(t, first, got, "a second save changes nothing")

	bare := &inspection.Inspection{ID: uuid.NewString()}
	save(t, st, bare)
	require.EqualValues(t, 2, bare.Seq, "a refused save leaves no gap")
	got, err = st.GetInspection(ctx, bare.ID)
	require.NoError(t, err)
	require.True(t, got.CapturedAt.IsZero())
	require.Empty(t, got.Evidence)
	require.Nil(t, got.Agreement, "what was not recorded is not made up")
	require.Nil(t, got.Strangeness)

	_, err = st.GetInspection(ctx, "none")
	require.ErrorIs(t, err, store.ErrNotFound)
	odd := newInspection()
	*odd.Strangeness = math.Inf(1)
	_, err = st.SaveInspection(ctx, odd)
	require.ErrorIs(t, err, store.ErrInvalid)
	require.ErrorContains(t, err, "strangeness is +Inf, allowed is a finite number")
	_, err = st.SaveInspection(ctx, &inspection.Inspection{})
	require.ErrorIs(t, err, store.ErrInvalid)
	broken := newInspection()
	broken.Evidence[1].Ordinal = 0
	_, err = st.SaveInspection(ctx, broken)
	require.ErrorIs(t, err, store.ErrConflict)
	_, err = st.GetInspection(ctx, broken.ID)
	require.ErrorIs(t, err, store.ErrNotFound, "an inspection is never saved without its evidence")
	last, err := st.LastSeq(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 2, last)
}

func TestInspectionFilters(t *testing.T) { onBoth(t, testInspectionFilters) }

func testInspectionFilters(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	var all []*inspection.Inspection
	for n := range 24 {
		i := newInspection()
		i.StationID, i.BinID = []string{"north", "south"}[n%2], []string{"blue", "green", "red"}[n%3]
		i.Verdict = verdict.All[n%4]
		save(t, st, i)
		all = append(all, i)
	}
	_, err := st.SaveReview(ctx, all[3].ID, inspection.Review{Decision: inspection.Confirmed, Category: "hazardous", By: "li"})
	require.NoError(t, err)
	all[3], err = st.GetInspection(ctx, all[3].ID)
	require.NoError(t, err)

	for name, c := range map[string]struct {
		filter inspection.Filter
		keep   func(*inspection.Inspection) bool
	}{
		"all":      {inspection.Filter{}, func(*inspection.Inspection) bool { return true }},
		"station":  {inspection.Filter{StationID: "south"}, func(i *inspection.Inspection) bool { return i.StationID == "south" }},
		"bin":      {inspection.Filter{BinID: "red"}, func(i *inspection.Inspection) bool { return i.BinID == "red" }},
		"verdicts": {inspection.Filter{Verdicts: []verdict.Verdict{verdict.Tell, verdict.Check}}, (*inspection.Inspection).Flagged},
		"unreviewed": {
			inspection.Filter{Unreviewed: true, Verdicts: []verdict.Verdict{verdict.Tell}},
			func(i *inspection.Inspection) bool { return i.Verdict == verdict.Tell && i.Review == nil },
		},
		"time": {
			inspection.Filter{From: all[5].CapturedAt, To: all[9].CapturedAt},
			func(i *inspection.Inspection) bool { return i.Seq >= all[5].Seq && i.Seq < all[9].Seq },
		},
		"before": {inspection.Filter{BeforeSeq: 7, BinID: "blue"}, func(i *inspection.Inspection) bool { return i.Seq < 7 && i.BinID == "blue" }},
	} {
		got, err := st.ListInspections(ctx, c.filter)
		require.NoError(t, err, name)
		want := []*inspection.Inspection{}
		for n := len(all) - 1; n >= 0; n-- { // newest first
			if c.keep(all[n]) {
				want = append(want, all[n])
			}
		}
		require.Equal(t, want, got, name)
	}
	resumed, err := st.ListInspections(ctx, inspection.Filter{AfterSeq: 20})
	require.NoError(t, err)
	require.Equal(t, all[20:], resumed, "oldest first")
	oldest, err := st.ListInspections(ctx, inspection.Filter{AfterSeq: -1, Limit: 3})
	require.NoError(t, err)
	require.Equal(t, all[:3], oldest)
	counts, err := st.CountInspections(ctx, store.CountFilter{StationID: "south", From: all[1].CapturedAt, To: all[4].CapturedAt})
	require.NoError(t, err)
	require.Equal(t, []store.Count{
		{StationID: "south", BinID: "blue", Verdict: string(all[3].Verdict), N: 1, Unreviewed: 0},
		{StationID: "south", BinID: "green", Verdict: string(all[1].Verdict), N: 1, Unreviewed: 1},
	}, counts)
}

func TestReviewsAndSamples(t *testing.T) { onBoth(t, testReviewsAndSamples) }

func testReviewsAndSamples(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	i := newInspection()
	save(t, st, i)
	sample := datasets.Sample{
		ID: "aa", Category: "hazardous", ItemClass: "battery", Source: "deposit", DepositID: i.ID, StationID: "north", CapturedAt: i.CapturedAt,
		LabelledBy: "li", LabelledAt: epoch, Width: 400, Height: 300, Key: "samples/aa.jpg",
	}
	reviewed, err := st.SaveReview(ctx, i.ID, inspection.Review{Decision: inspection.Confirmed, Category: "hazardous", By: "li", At: epoch}, sample)
	require.NoError(t, err)
	require.Equal(t, &inspection.Review{Decision: inspection.Confirmed, Category: "hazardous", By: "li", At: epoch}, reviewed.Review)
	sample.Category, sample.ItemClass, sample.LabelledBy = "residual", "", "wang"
	second := inspection.Review{Decision: inspection.Relabelled, Category: "residual", By: "wang", At: epoch.Add(time.Hour)}
	reviewed, err = st.SaveReview(ctx, i.ID, second, sample)
	require.NoError(t, err)
	require.Equal(t, &second, reviewed.Review)
	history, err := st.ListReviews(ctx, i.ID)
	require.NoError(t, err)
	require.Len(t, history, 2)
	require.Equal(t, "li", history[0].By)
	got, err := st.GetSample(ctx, "aa")
	require.NoError(t, err)
	require.Equal(t, sample, got)

	bad := sample
	bad.ID = ""
	_, err = st.SaveReview(ctx, i.ID, inspection.Review{Decision: inspection.Confirmed, By: "x"}, bad)
	require.ErrorIs(t, err, store.ErrInvalid)
	history, err = st.ListReviews(ctx, i.ID)
	require.NoError(t, err)
	require.Len(t, history, 2, "review and sample are stored together or not at all")
	_, err = st.SaveReview(ctx, "none", second, sample)
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestSamplePages(t *testing.T) { onBoth(t, testSamplePages) }

func testSamplePages(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	for _, n := range rand.Perm(450) {
		v := datasets.Sample{
			ID: fmt.Sprintf("%04x", n), Category: []string{"residual", "hazardous"}[n%2], Source: "upload",
			LabelledAt: epoch.Add(time.Duration(n/10) * time.Second), Key: "samples/x",
		}
		created, err := st.SaveSample(ctx, &v)
		require.NoError(t, err)
		require.True(t, created)
	}
	again := datasets.Sample{ID: "0000", Category: "residual", Source: "upload", LabelledAt: epoch, Key: "samples/x"}
	created, err := st.SaveSample(ctx, &again)
	require.NoError(t, err)
	require.False(t, created)

	var seen []datasets.Sample
	for after := ""; ; {
		items, next, err := st.ListSamples(ctx, store.SampleFilter{Category: "hazardous", After: after, Limit: 7})
		require.NoError(t, err)
		seen = append(seen, items...)
		if after = next; next == "" {
			break
		}
	}
	require.Len(t, seen, 225)
	for n := 1; n < len(seen); n++ {
		a, b := seen[n-1], seen[n]
		require.True(t, a.LabelledAt.After(b.LabelledAt) || a.LabelledAt.Equal(b.LabelledAt) && a.ID > b.ID)
	}
	last, n := "", 0
	require.NoError(t, st.EachSample(ctx, store.SampleFilter{}, func(v datasets.Sample) error {
		require.Greater(t, v.ID, last)
		last = v.ID
		n++
		return nil
	}))
	require.Equal(t, 450, n)
	_, _, err = st.ListSamples(ctx, store.SampleFilter{After: "x"})
	require.ErrorIs(t, err, store.ErrInvalid)
}

func TestRetention(t *testing.T) { onBoth(t, testRetention) }

func testRetention(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	a, b := newInspection(), newInspection()
	b.Evidence[0].ExpiresAt = a.Evidence[0].ExpiresAt.Add(-time.Hour)
	save(t, st, a)
	save(t, st, b)
	due, err := st.EvidenceDue(ctx, b.Evidence[0].ExpiresAt.Add(-time.Second), epoch, 10)
	require.NoError(t, err)
	require.Empty(t, due)
	now := a.Evidence[0].ExpiresAt
	due, err = st.EvidenceDue(ctx, now, epoch, 10)
	require.NoError(t, err)
	require.Equal(t, []store.EvidenceRef{
		{InspectionID: b.ID, Ordinal: 0, Key: b.Evidence[0].Key, SHA256: "aa", Verdict: verdict.Tell},
		{InspectionID: a.ID, Ordinal: 0, Key: a.Evidence[0].Key, SHA256: "aa", Verdict: verdict.Tell},
	}, due, "the longest due first; without an end it is never due")
	one, err := st.EvidenceDue(ctx, now, epoch, 1)
	require.NoError(t, err)
	require.Len(t, one, 1)
	require.NoError(t, st.LogDeletions(ctx, newSigner(1), gone(a, 0, now), gone(b, 0, now)))
	require.NoError(t, st.LogDeletions(ctx, newSigner(1), gone(a, 0, now.Add(time.Hour))))
	due, err = st.EvidenceDue(ctx, now.Add(1000*time.Hour), epoch, 10)
	require.NoError(t, err)
	require.Empty(t, due)
	got, err := st.GetInspection(ctx, a.ID)
	require.NoError(t, err)
	require.Equal(t, &now, got.Evidence[0].DeletedAt)
	require.Nil(t, got.Evidence[1].DeletedAt)
}
