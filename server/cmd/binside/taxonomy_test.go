package main

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/binside/binside/camera/cameratest"
	"github.com/binside/binside/camera/simulate"
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/config"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/rejudge"
)

// cutOuts are things of the demonstration on a plain grey ground, as JPEG.
func cutOuts(t *testing.T) map[string][]byte {
	t.Helper()
	out := make(map[string][]byte)
	for _, name := range []string{
		"food/fruit/banana.png", "food/vegetables/lettuce.png", "household/tools/hammer.png", "household/dishes/mug.png",
		"animals/shellfish/abalone.png", "household/Lightbulb.png", "sports/soccer.png",
	} {
		f, err := os.Open(filepath.Join(simulate.DefaultStampsDir, name))
		if err != nil {
			cameratest.Missing(t, "the demonstration's photographs: %v", err)
		}
		item, err := png.Decode(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		b := item.Bounds()
		scene := image.NewRGBA(image.Rect(0, 0, b.Dx()*3/2, b.Dy()*3/2))
		draw.Draw(scene, scene.Rect, image.NewUniform(color.Gray{Y: 150}), image.Point{}, draw.Src)
		draw.Draw(scene, b.Sub(b.Min).Add(image.Pt(b.Dx()/4, b.Dy()/4)), item, b.Min, draw.Over)
		var buf bytes.Buffer
		require.NoError(t, jpeg.Encode(&buf, scene, &jpeg.Options{Quality: 90}))
		out[name] = buf.Bytes()
	}
	return out
}

// talkative sets thresholds at which all three verdicts come up.
func talkative(cfg config.Config, table string) config.Config {
	cfg.Verdict.Tell, cfg.Verdict.Pass, cfg.Taxonomy = 0.6, 0.3, table
	return cfg
}

type key struct{ picture, bin string }

// pushAll pushes every picture to two bins.
func (c *client) pushAll(pictures map[string][]byte) map[key]api.Inspection {
	c.t.Helper()
	out := make(map[key]api.Inspection)
	for name, data := range pictures {
		for _, bin := range []string{"gate-recyclable", "gate-kitchen"} {
			var got api.Inspection
			require.Equal(c.t, 201, c.do("POST", "/api/v1/bins/"+bin+"/deposits?wait=20s", bytes.NewReader(data), "image/jpeg", &got), name)
			out[key{name, bin}] = got
		}
	}
	return out
}

// The same photographs, model and records under two tables, switched by the
// configuration alone; and what was recorded under the first, judged again
// under the second, is what the second has made of them.
func TestTaxonomyIsSwitchedByConfiguration(t *testing.T) {
	pictures := cutOuts(t)
	cfg := testConfig(t)
	s, err := start(t.Context(), talkative(cfg, "urban-four"), slog.New(slog.NewTextHandler(t.Output(), nil)))
	require.NoError(t, err)
	c := s.client(t, auth.Admin)
	c.makeStation("gate")
	first := c.pushAll(pictures)
	require.NoError(t, s.stop(t.Context()))

	var log syncBuffer
	s, err = start(t.Context(), talkative(cfg, "san-francisco-three"), slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err, "bins of another taxonomy do not keep the service from starting")
	defer func() { require.NoError(t, s.stop(t.Context())) }()
	require.Equal(t, 3, strings.Count(log.String(), "a bin accepts categories that the taxonomy in force does not have"), "hazardous is in both")
	c.base = s.url()
	for k, i := range c.pushAll(pictures) {
		if i.Verdict != verdict.Unreadable {
			require.Equal(t, verdict.Check, i.Verdict, "%v", k)
			require.Equal(t, inspection.ReasonBin, i.Reason)
		}
	}
	for bin, accepts := range map[string]string{"gate-recyclable": "recycling", "gate-kitchen": "compost"} {
		require.Equal(t, 200, c.json("PATCH", "/api/v1/bins/"+bin, map[string]any{"accepts": []string{accepts}}, nil))
	}
	second := c.pushAll(pictures)
	checkSwitched(t, first, second)
	checkRejudged(t, cfg, first, second)
}

func checkSwitched(t *testing.T, first, second map[key]api.Inspection) {
	t.Helper()
	sf, err := taxonomy.Open("san-francisco-three", "")
	require.NoError(t, err)
	seen := make(map[verdict.Verdict]bool)
	for k, i := range second {
		require.Equal(t, first[k].Classes, i.Classes, "the model has not changed")
		require.Equal(t, first[k].ModelVersion, i.ModelVersion)
		require.Equal(t, taxonomy.Default().Ref(), first[k].TaxonomyVersion)
		require.Equal(t, sf.Ref(), i.TaxonomyVersion)
		category, ok := sf.CategoryOf(i.ItemClass)
		require.True(t, ok)
		require.Equal(t, category, i.Category)
		seen[i.Verdict] = true
	}
	require.GreaterOrEqual(t, len(seen), 2, "%v", seen)
}

// checkRejudged runs the command beside the running service.
func checkRejudged(t *testing.T, cfg config.Config, first, second map[key]api.Inspection) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "report.json")
	summary := command(t, "rejudge", "--data", cfg.DataDir, "--set", "verdict.tell=0.6", "--set", "verdict.pass=0.3",
		"--taxonomy", "san-francisco-three", "--accepts", "recyclable=recycling", "--accepts", "kitchen=compost", "--json", out)
	data, err := os.ReadFile(out)
	require.NoError(t, err)
	var report rejudge.Report
	require.NoError(t, json.Unmarshal(data, &report))
	require.Equal(t, 3*len(first), report.Inspections)
	require.Zero(t, report.TooLittle, "all classes are kept from now on")
	require.Contains(t, summary, "san-francisco-three@")
	became := make(map[string]rejudge.Outcome)
	for _, change := range report.Changes {
		require.Len(t, change.IDs, change.N)
		for _, id := range change.IDs {
			became[id] = change.New
		}
	}
	for k, i := range first {
		want := rejudge.Outcome{Category: second[k].Category, Verdict: second[k].Verdict}
		got, changed := became[i.ID]
		if !changed {
			got = rejudge.Outcome{Category: i.Category, Verdict: i.Verdict}
		}
		require.Equal(t, want, got, "%v", k)
	}
}

// command runs the program's command in this process.
func command(t *testing.T, args ...string) string {
	t.Helper()
	var stdout bytes.Buffer
	root := newRoot(&stdout, t.Output())
	root.SetArgs(args)
	require.NoError(t, root.ExecuteContext(t.Context()))
	return stdout.String()
}

func TestRejudgeRefusesWhatItCannotRead(t *testing.T) {
	for want, args := range map[string][]string{
		"urban-four, rural-two-step, san-francisco-three": {"--taxonomy", "urban-five"},
		`--from is "yesterday"`:                           {"--taxonomy", "urban-four", "--from", "yesterday"},
		`--accepts is "kitchen"`:                          {"--taxonomy", "urban-four", "--accepts", "kitchen"},
		`kitchen stands for ["perishable"]`:               {"--taxonomy", "urban-four", "--accepts", "kitchen=perishable"},
		"required flag(s) \"taxonomy\"":                   {},
	} {
		root := newRoot(io.Discard, io.Discard)
		root.SetArgs(append([]string{"rejudge", "--data", t.TempDir()}, args...))
		require.ErrorContains(t, root.ExecuteContext(t.Context()), want)
	}
}

// The demonstration has the bins of the table in force, also on records from
// a run under another, whose bins are named as such.
func TestDemonstrationUnderAnotherTaxonomy(t *testing.T) {
	cfg := testConfig(t)
	cfg.Demo.Enabled = true
	if _, err := simulation(cfg.Demo, taxonomy.Default(), nil); err != nil {
		cameratest.Missing(t, "the demonstration's photographs: %v", err)
	}
	s, err := start(t.Context(), cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	require.NoError(t, err)
	require.NoError(t, s.stop(t.Context()))

	cfg.Taxonomy = "rural-two-step"
	s = startService(t, cfg)
	c := s.client(t, auth.Read)
	var bins struct{ Items []api.Bin }
	require.Equal(t, 200, c.json("GET", "/api/v1/bins?station=demo", nil, &bins))
	accepts, outside := make(map[string][]string), make(map[string]bool)
	for _, b := range bins.Items {
		if len(b.UnknownCategories) > 0 {
			outside[b.ID] = true
		} else {
			accepts[b.ID] = b.Accepts
		}
	}
	require.Equal(t, map[string][]string{
		"demo-rots": {"perishable"}, "demo-rots-not": {"sellable", "unsellable"}, "demo-hazardous": {"hazardous"},
	}, accepts)
	require.Equal(t, map[string]bool{"demo-recyclable": true, "demo-kitchen": true, "demo-other": true}, outside)
	var got page
	require.Eventually(t, func() bool {
		return c.json("GET", "/api/v1/inspections?station=demo", nil, &got) == 200 && len(got.Items) > 0
	}, 2*time.Minute, 200*time.Millisecond, "nothing was thrown in")
	require.NotEqual(t, inspection.ReasonBin, got.Items[0].Reason)
	require.Equal(t, s.taxonomy.Ref(), got.Items[0].TaxonomyVersion)
	require.Contains(t, accepts, got.Items[0].BinID)
}

// A table with more streams than the station has room for is refused with the
// reason.
func TestDemonstrationSaysWhyItCannot(t *testing.T) {
	cfg := testConfig(t)
	cfg.Demo.Enabled = true
	if _, err := simulation(cfg.Demo, taxonomy.Default(), nil); err != nil {
		cameratest.Missing(t, "the demonstration's photographs: %v", err)
	}
	_, err := start(t.Context(), withCategories(t, cfg, 7), slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "demonstration: with the taxonomy many@1: simulate: a station has 1 to 6 bins, not 7")
}

// withCategories writes a table of n categories, each of which has a few of the
// standard one's classes.
func withCategories(t *testing.T, cfg config.Config, n int) config.Config {
	t.Helper()
	tax := *taxonomy.Default()
	tax.ID, tax.Version, tax.Steps = "many", "1", nil
	tax.Categories, tax.Classes = nil, append([]taxonomy.Class(nil), tax.Classes...)
	tax.Harm.Misplaced = make(map[string]map[string]float64)
	id := func(i int) string { return string(rune('a' + i)) }
	for i := range n {
		colour := taxonomy.Colour{Name: taxonomy.Name{ZH: id(i), EN: id(i)}, Hex: "#123456"}
		tax.Categories = append(tax.Categories, taxonomy.Category{ID: id(i), Name: colour.Name, Colour: colour})
		tax.Harm.Misplaced[id(i)] = make(map[string]float64)
		for j := range n {
			if j != i {
				tax.Harm.Misplaced[id(i)][id(j)] = 1
			}
		}
	}
	for i := range tax.Classes {
		tax.Classes[i].Category = id(i % n)
	}
	data, err := yaml.Marshal(&tax)
	require.NoError(t, err)
	cfg.Taxonomy = filepath.Join(t.TempDir(), "many.yaml")
	require.NoError(t, os.WriteFile(cfg.Taxonomy, data, 0o600))
	return cfg
}

// syncBuffer is a buffer that many may write to.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
