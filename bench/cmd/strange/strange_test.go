package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/modelstest"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/quality"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheCommittedList(t *testing.T) {
	entries, err := readList(list)
	require.NoError(t, err)
	n := map[string]int{}
	for _, e := range entries {
		n[e.kind]++
	}
	assert.GreaterOrEqual(t, n[photograph]+n[videoFrame], 150, "as many as are promised")
	assert.GreaterOrEqual(t, n[photograph], 75, "and not most of them from one video")
	assert.NotZero(t, n[cutout])
}

func TestReadListNamesTheLine(t *testing.T) {
	for want, change := range map[string][2]string{
		`line 2: kind is "drawing", allowed is one of`: {"photograph,", "drawing,"},
		`line 2: sha256 is "`:                          {"usr/share/doc/opencv-doc/examples/data/aero1.jpg,", "usr/share/doc/opencv-doc/examples/data/aero1.jpg,x"},
		`line 2: path is "../usr`:                      {",usr/", ",../usr/"},
		`line 2: frame is "x", allowed is a number`:    {",,aerial view", ",x,aerial view"},
		`line 2: frame is 3 of a photograph`:           {",,aerial view", ",3,aerial view"},
		`none may be empty`:                            {"aerial view", ""},
		`want a line of the columns`:                   {"kind,package", "sort,package"},
	} {
		bad := strings.Replace(string(list), change[0], change[1], 1)
		require.NotEqual(t, string(list), bad)
		_, err := readList([]byte(bad))
		require.ErrorContains(t, err, want)
	}
	lines := bytes.SplitAfter(list, []byte("\n"))
	_, err := readList(slicesJoin(lines[0], lines[1], lines[1]))
	require.ErrorContains(t, err, "line 3: usr/share/doc/opencv-doc/examples/data/aero1.jpg is named twice")
	_, err = readList(lines[0])
	require.ErrorContains(t, err, "pictures below it")
}

func slicesJoin(lines ...[]byte) []byte { return bytes.Join(lines, nil) }

func observerOf(t *testing.T, folder *models.Folder) *observer {
	t.Helper()
	network := modelstest.Open(t, folder)
	o, err := newObserver(network, taxonomy.Default())
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, o.close())
		require.NoError(t, network.Close())
	})
	return o
}

// The scores are those of the pool's own answer.
func TestSightIsThePredictions(t *testing.T) {
	folder := modelstest.Strange(t)
	folder.Card.Temperature = 2
	o := observerOf(t, folder)
	pool, err := models.NewPool(t.Context(), modelstest.Open(t, folder), models.Options{Workers: 1})
	require.NoError(t, err)
	defer func() { require.NoError(t, pool.Close()) }()
	img := modelstest.Picture(64, 48, color.RGBA{R: 255, G: 102, B: 128})
	want, err := pool.Classify(t.Context(), []models.View{{Image: img}})
	require.NoError(t, err)
	got, err := o.see(img)
	require.NoError(t, err)
	assert.InDelta(t, want.Strangeness, got.strangeness, 1e-6)
	assert.InDelta(t, want.Classes[0].Probability, got.surest, 1e-6, "every class is a category of its own")
	_, energy := o.read([]float32{0, 0, 0, 0})
	assert.InDelta(t, -2*1.3862943611, energy, 1e-9, "T log 4")
	_, lower := o.read([]float32{8, 0, 0, 0})
	assert.Less(t, lower, energy, "what is sure is not strange")
}

func TestReportComparesWithTheWaste(t *testing.T) {
	sights := func(strangeness ...float64) (out []sight) {
		for _, s := range strangeness {
			out = append(out, sight{strangeness: s, surest: 1 - s/4, energy: s, unreadable: s > 1.4})
		}
		return out
	}
	groups := []group{
		{"waste", sights(0, 0.1, 0.2, 1.1)}, {photograph, sights(1.2, 0.15)}, {videoFrame, sights(1.3, 1.5)}, {cutout, sights(0.05)},
	}
	r := newReport(modelstest.Strange(t).Card, settings{known: "m.csv"}, groups)
	assert.Equal(t, 4, r.N)
	assert.Equal(t, 4, r.Without)
	assert.Len(t, r.Areas, 12)
	for _, a := range r.Areas {
		want := map[string]float64{"photographs and frames": 14.0 / 16, "photographs": 6.0 / 8, "frames": 1, "cut-outs of animals": 1.0 / 4}
		assert.InDelta(t, want[a.Against], a.AUROC, 1e-12, "%s of %s", a.Against, a.Score)
	}
	assert.Equal(t, groupFigures{Name: videoFrame, N: 2, Strange: 1, Unreadable: 0.5, Either: 1}, r.Groups[2])
	assert.InDelta(t, 0.25, r.Groups[0].Strange, 1e-12)
	assert.InDelta(t, 0.25, r.Groups[0].Sure, 1e-12)

	r = newReport(modelstest.Tiny(t).Card, settings{}, groups)
	assert.False(t, r.Measures)
	assert.Len(t, r.Areas, 8, "nothing is said of what is not measured")
	assert.Contains(t, r.String(), "no output of strangeness")
}

func TestWasteIsReadFromTheManifest(t *testing.T) {
	dir := t.TempDir()
	data, err := codec.EncodeJPEG(modelstest.Picture(60, 40, color.RGBA{R: 250}), 90)
	require.NoError(t, err)
	rows := bytes.NewBufferString("path,category,source,item_class,group,split,width,height\n")
	for _, name := range []string{"a", "b", "c"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".jpg"), data, 0o600))
		fmt.Fprintf(rows, "%s.jpg,hazardous,s,battery,%s,val,60,40\n", name, name)
	}
	s := settings{known: filepath.Join(dir, "manifest.csv"), split: "val"}
	require.NoError(t, os.WriteFile(s.known, rows.Bytes(), 0o600))
	o := observerOf(t, modelstest.Tiny(t))
	g, err := o.waste(t.Context(), s)
	require.NoError(t, err)
	assert.Len(t, g.seen, 3)
	assert.Greater(t, g.seen[0].surest, 0.9)
	s.limit = 2
	g, err = o.waste(t.Context(), s)
	require.NoError(t, err)
	assert.Len(t, g.seen, 2)
	s.split = "test"
	_, err = o.waste(t.Context(), s)
	require.ErrorContains(t, err, `split is "test", allowed is one that`)
}

// What is made looks as it should to those who measure it.
func TestMadePictures(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	measure := func(img *vision.Image) quality.Quality {
		img, err := sent(img, r)
		require.NoError(t, err)
		q, err := quality.Measure(img, img.Rect())
		require.NoError(t, err)
		return q
	}
	scene := modelstest.Picture(100, 80, color.RGBA{R: 200, G: 180, B: 160})
	trays := map[byte]bool{}
	for range 20 {
		q := measure(tray(r))
		assert.Greater(t, q.Exposure, 0.1)
		assert.Less(t, q.Exposure, 0.95)
		trays[byte(q.Exposure*100)] = true
		assert.Less(t, measure(night(scene, r)).Exposure, 0.1)
		assert.Less(t, measure(covered(r)).Exposure, 0.6)
	}
	assert.Greater(t, len(trays), 5, "no two trays are alike")
}
