package simulate

import (
	"context"
	"crypto/sha256"
	"errors"
	"image"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/cameratest"
	"github.com/binside/binside/vision"
)

var epoch = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// loaded are the photographs, which nobody changes: cutting them out takes long.
var loaded = sync.OnceValues(func() ([]Item, error) { return LoadStamps("") })

// stamps are the real photographs; without them a test cannot say anything.
func stamps(tb testing.TB) []Item {
	tb.Helper()
	items, err := loaded()
	if errors.Is(err, ErrNoItems) {
		cameratest.Missing(tb, "%v", err)
	}
	require.NoError(tb, err)
	return items
}

func testOptions(tb testing.TB) Options {
	tb.Helper()
	o := DefaultOptions()
	o.Items = stamps(tb)
	o.Bins = []Bin{
		{ID: "blue", Accepts: []string{"recyclable"}}, {ID: "green", Accepts: []string{"kitchen"}},
		{ID: "red", Accepts: []string{"hazardous"}}, {ID: "grey", Accepts: []string{"other"}},
	}
	o.Classes = map[string]string{
		"food_scraps": "kitchen", "metal": "recyclable", "ball": "recyclable", "ceramic": "other", "seashell": "other",
		"brush": "other", "light_bulb": "other", "thermometer": "hazardous", "syringe": "hazardous",
	}
	o.Known = []string{"food_scraps", "metal", "ball", "ceramic", "seashell"}
	return o
}

// play runs a source to its end and hands each frame to see.
func play(tb testing.TB, src *Source, see func(camera.Frame)) {
	tb.Helper()
	require.ErrorIs(tb, src.Stream(context.Background(), see), io.EOF)
}

func TestFramesAreWholeAndInOrder(t *testing.T) {
	src, err := NewSource(testOptions(t), epoch, 3)
	require.NoError(t, err)
	var last camera.Frame
	play(t, src, func(f camera.Frame) {
		require.NoError(t, f.Image.Valid())
		require.Equal(t, image.Pt(Width, Height), f.Image.Rect().Max)
		require.Equal(t, last.Seq+1, f.Seq)
		if last.Image != nil {
			require.Equal(t, time.Second/FPS, f.Time.Sub(last.Time))
			require.NotSame(t, &last.Image.Pix[0], &f.Image.Pix[0], "a frame belongs to its receiver")
		}
		last = f
	})
	require.Greater(t, last.Seq, uint64(60))
	require.Len(t, src.Truth(0).Events, 3)
}

func TestSameSeedSamePictures(t *testing.T) {
	o := testOptions(t)
	digest := func(src *Source) (sum [32]byte) {
		h := sha256.New()
		play(t, src, func(f camera.Frame) { h.Write(f.Image.Pix) })
		copy(sum[:], h.Sum(nil))
		return sum
	}
	a, err := NewSource(o, epoch, 2)
	require.NoError(t, err)
	first := digest(a)
	truth := a.Truth(0).Events
	require.Equal(t, first, digest(a), "the second showing of one source")
	b, err := NewSource(o, epoch, 2)
	require.NoError(t, err)
	require.Equal(t, first, digest(b), "another source")
	require.Equal(t, truth, b.Truth(0).Events)
	o.Seed = 2
	c, err := NewSource(o, epoch, 2)
	require.NoError(t, err)
	require.NotEqual(t, first, digest(c))
}

// script plays n deposits without painting them.
func script(tb testing.TB, o Options, n int) ([]Event, *scene) {
	tb.Helper()
	sc, err := newScene(o, epoch, n, vision.NewImage(Width, Height))
	require.NoError(tb, err)
	for f := 0; !sc.over(); f++ {
		require.Less(tb, f, 10*60*FPS*max(1, n/50), "the play does not end")
		sc.advance(time.Duration(f) * time.Second / FPS)
	}
	return sc.ledger.since(0).Events, sc
}

func TestTruthIsConsistent(t *testing.T) {
	o := testOptions(t)
	const n = 600
	events, _ := script(t, o, n)
	require.Len(t, events, n)
	ids, wrong, overlaps := map[string]bool{}, 0, 0
	free := map[string]time.Time{}
	for i, e := range events {
		require.False(t, ids[e.ID], "id %s twice", e.ID)
		ids[e.ID] = true
		require.Equal(t, uint64(i+1), e.N)
		require.Equal(t, o.Bins[e.Slot].ID, e.Bin)
		require.Equal(t, o.Classes[e.ItemClass], e.Category)
		require.Equal(t, slices.Contains(o.Bins[e.Slot].Accepts, e.Category), e.Correct)
		require.Equal(t, slices.Contains(o.Known, e.ItemClass), e.Judged)
		require.False(t, e.Start.After(e.Settled))
		rest := e.End.Sub(e.Settled)
		require.True(t, rest > 1800*time.Millisecond && rest < 3*time.Second, "in the tray for %s", rest)
		require.False(t, e.Start.Before(free[e.Bin]), "two items in one tray")
		free[e.Bin] = e.End
		if i > 0 && e.Start.Before(events[i-1].End) {
			overlaps++
		}
		if !e.Correct {
			wrong++
		}
	}
	require.InDelta(t, o.WrongShare, float64(wrong)/n, 0.06)
	require.Greater(t, overlaps, n/10, "different bins are used at the same time")
}

func TestDisturbersDoNotChangeWhatIsThrownAway(t *testing.T) {
	o := testOptions(t)
	with, _ := script(t, o, 40)
	o.Disturbance = 0
	without, _ := script(t, o, 40)
	files := func(es []Event) (out []string) {
		for _, e := range es {
			out = append(out, e.ID+e.File+e.Bin)
		}
		slices.Sort(out)
		return out
	}
	require.Equal(t, files(with), files(without))
}

func TestSkippedFramesDoNotChangeThePlay(t *testing.T) {
	o := testOptions(t)
	events, _ := script(t, o, 30)
	sc, err := newScene(o, epoch, 30, vision.NewImage(Width, Height))
	require.NoError(t, err)
	for f := 0; !sc.over(); f += 7 {
		sc.advance(time.Duration(f) * time.Second / FPS)
	}
	coarse := sc.ledger.since(0).Events
	byID := func(a, b Event) int { return int(a.Settled.Sub(b.Settled)) }
	slices.SortFunc(events, byID)
	slices.SortFunc(coarse, byID)
	for i := range events {
		events[i].N, coarse[i].N = 0, 0
	}
	require.Equal(t, events, coarse)
}

// TestItemsAreSeenInTheirTray compares the tray while an item rests with the
// empty one: there must be a clear difference, and none after the end.
func TestItemsAreSeenInTheirTray(t *testing.T) {
	o := testOptions(t)
	o.Disturbance, o.LightChange = 0, 0
	src, err := NewSource(o, epoch, 8)
	require.NoError(t, err)
	st := src.Station()
	var frames []camera.Frame // a few small crops of each
	crops := make([][]*vision.Image, 0, 400)
	play(t, src, func(f camera.Frame) {
		row := make([]*vision.Image, len(st.Bins()))
		for i := range row {
			row[i] = f.Image.Crop(st.Region(i).Bounds(Width, Height))
		}
		crops = append(crops, row)
		frames = append(frames, camera.Frame{Time: f.Time})
	})
	at := func(when time.Time) int { return int(when.Sub(epoch) * FPS / time.Second) }
	changed := func(slot int, when time.Time) float64 {
		return differing(crops[0][slot], crops[at(when)][slot])
	}
	for _, e := range src.Truth(0).Events {
		resting := changed(e.Slot, e.Settled.Add(1100*time.Millisecond))
		require.True(t, resting > 0.02 && resting < 0.7, "%s: %.3f of the tray is covered", e.File, resting)
		require.Less(t, changed(e.Slot, e.End.Add(200*time.Millisecond)), 0.002, "%s: the tray is free again", e.File)
	}
	require.NotEmpty(t, frames)
}

// differing is the share of pixels that differ by more than noise does.
func differing(a, b *vision.Image) float64 {
	n := 0
	for i := 0; i < len(a.Pix); i += 3 {
		d := 0
		for c := range 3 {
			d += max(int(a.Pix[i+c]), int(b.Pix[i+c])) - min(int(a.Pix[i+c]), int(b.Pix[i+c]))
		}
		if d > 48 {
			n++
		}
	}
	return float64(n) / float64(len(a.Pix)/3)
}

func TestInventorySaysWhatCannotBeJudged(t *testing.T) {
	o := testOptions(t)
	src, err := NewSource(o, epoch, 1)
	require.NoError(t, err)
	inv := src.Inventory()
	total := 0
	for _, r := range append(slices.Clone(inv.Judged), inv.NotJudged...) {
		total += r.N
	}
	require.Equal(t, []string{"sanitary_waste"}, inv.LeftOut)
	require.Equal(t, len(o.Items)-1, total)
	i := slices.IndexFunc(inv.NotJudged, func(r InventoryRow) bool { return r.Category == "hazardous" })
	require.GreaterOrEqual(t, i, 0)
	require.Equal(t, []string{"syringe", "thermometer"}, inv.NotJudged[i].ItemClasses)
}

func TestRegionsAreValidAndApart(t *testing.T) {
	for n := 1; n <= maxBins; n++ {
		var bins []Bin
		for i := range n {
			bins = append(bins, Bin{ID: string(rune('a' + i)), Accepts: []string{"kitchen"}})
		}
		st, err := NewStation(bins)
		require.NoError(t, err)
		for i := range n {
			require.NoError(t, st.Region(i).Validate())
			for j := range i {
				require.True(t, st.trayRect(i).Intersect(st.trayRect(j)).Empty(), "%d bins: %d and %d", n, i, j)
			}
		}
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	good := testOptions(t)
	for name, change := range map[string]func(*Options){
		"no bins":        func(o *Options) { o.Bins = nil },
		"bin twice":      func(o *Options) { o.Bins = append(slices.Clone(o.Bins), o.Bins[0]) },
		"accepts none":   func(o *Options) { o.Bins = []Bin{{ID: "a"}} },
		"colour":         func(o *Options) { o.Bins = []Bin{{ID: "a", Accepts: []string{"x"}, Colour: "blue"}} },
		"share":          func(o *Options) { o.WrongShare = 1.5 },
		"leaning":        func(o *Options) { o.Leaning = 2 },
		"disturbance":    func(o *Options) { o.Disturbance = -1 },
		"no category":    func(o *Options) { o.Classes = map[string]string{"unheard_of": "other"} },
		"hand-made item": func(o *Options) { o.Items = []Item{{Class: "metal"}} },
	} {
		o := good
		change(&o)
		_, err := NewSource(o, epoch, 1)
		require.Error(t, err, name)
	}
}
