package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera/cameratest"
	"github.com/binside/binside/datasets"
	"github.com/binside/binside/models/base"
)

// evalSource are the keys that a report's reader may rely on.
type evalSource struct {
	N                    int                `json:"n"`
	Accuracy             *float64           `json:"accuracy"`
	BalancedAccuracy     *float64           `json:"balanced_accuracy"`
	Recall               map[string]float64 `json:"recall"`
	NByCategory          map[string]int     `json:"n_by_category"`
	ECE                  *float64           `json:"ece"`
	TellOnCorrect        *float64           `json:"tell_on_correct"`
	TellOnWrong          *float64           `json:"tell_on_wrong"`
	PassOnWrong          *float64           `json:"pass_on_wrong"`
	CheckShare           *float64           `json:"check_share"`
	HazardousPassOnWrong *float64           `json:"hazardous_pass_on_wrong"`
}

type evalReport struct {
	Model struct {
		Version string `json:"version"`
		SHA256  string `json:"sha256"`
	} `json:"model"`
	All             evalSource            `json:"all"`
	Sources         map[string]evalSource `json:"sources"`
	UnreadableFiles []struct {
		Path string `json:"path"`
	} `json:"unreadable_files"`
}

// runEval runs the command as a shell would.
func runEval(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, said bytes.Buffer
	root := newRoot(&out, &said)
	root.SetArgs(append([]string{"eval", "--data", t.TempDir()}, args...))
	err = root.ExecuteContext(t.Context())
	return out.String(), said.String(), err
}

func readReport(t *testing.T, path string) evalReport {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var r evalReport
	require.NoError(t, json.Unmarshal(data, &r))
	return r
}

// drawing is a picture of our own making: rings around a spot, by n.
func drawing(n int) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, 300, 200+10*n))
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			d := math.Hypot(float64(x-100-5*n), float64(y-90))
			img.SetNRGBA(x, y, color.NRGBA{R: uint8(int(d) * (n + 3)), G: uint8(x), B: uint8(50 * n), A: 255})
		}
	}
	return img
}

// drawings writes four pictures outside the manifest's folder and returns the
// manifest.
func drawings(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "lists"), 0o750))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "pictures, new"), 0o750))
	var text strings.Builder
	text.WriteString("\ufeffitem_class,path,category,source,split\r\n")
	for n, category := range []string{"recyclable", "kitchen", "hazardous", "other"} {
		var buf bytes.Buffer
		name := fmt.Sprintf("%d.png", n)
		if n%2 == 0 {
			require.NoError(t, png.Encode(&buf, drawing(n)))
		} else {
			name = fmt.Sprintf("%d.jpg", n)
			require.NoError(t, jpeg.Encode(&buf, drawing(n), nil))
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, "pictures, new", name), buf.Bytes(), 0o600))
		fmt.Fprintf(&text, "glass,\"../pictures, new/%s\",%s,drawn %d,report\r\n", name, category, n%2)
	}
	text.WriteString("glass,../gone.jpg,other,gone,later\r\n")
	path := filepath.Join(dir, "lists", "list.csv")
	require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o600))
	return path
}

// The whole command with the built-in model.
func TestEval(t *testing.T) {
	manifest := drawings(t)
	dir := t.TempDir()
	first, again, page := filepath.Join(dir, "1.json"), filepath.Join(dir, "2.json"), filepath.Join(dir, "page.html")
	stdout, stderr, err := runEval(t, "--manifest", manifest, "--split", "report", "--json", first, "--html", page, "--thumbnails", "4")
	require.NoError(t, err)
	assert.Contains(t, stderr, "4 of 4 pictures")
	assert.Contains(t, stdout, "drawn 0")
	r := readReport(t, first)
	folder, err := base.Load()
	require.NoError(t, err)
	assert.Equal(t, folder.Card.Version, r.Model.Version)
	assert.Equal(t, folder.Card.SHA256, r.Model.SHA256)
	assert.Equal(t, 4, r.All.N)
	require.Len(t, r.Sources, 2)
	assert.Equal(t, map[string]int{"recyclable": 1, "hazardous": 1}, r.Sources["drawn 0"].NByCategory)
	assert.Nil(t, r.Sources["drawn 1"].HazardousPassOnWrong)

	html, err := os.ReadFile(page)
	require.NoError(t, err)
	assert.Contains(t, string(html), "data:image/jpeg;base64,", "at most one of four can be right in the same bin")
	info, err := os.Stat(first)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o644), info.Mode().Perm())

	_, _, err = runEval(t, "--manifest", manifest, "--split", "report", "--json", again)
	require.NoError(t, err)
	one, err := os.ReadFile(first)
	require.NoError(t, err)
	two, err := os.ReadFile(again)
	require.NoError(t, err)
	assert.Equal(t, string(one), string(two), "byte for byte")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, left, 3, "nothing half written stays")
}

// What is missing is neither counted nor kept quiet.
func TestEvalFailsOnUnreadableFiles(t *testing.T) {
	manifest := drawings(t)
	out := filepath.Join(t.TempDir(), "out.json")
	_, _, err := runEval(t, "--manifest", manifest, "--json", out)
	require.ErrorContains(t, err, "1 of 5 files could not be read and are in no figure, the first is ../gone.jpg (line 6)")
	r := readReport(t, out)
	assert.Equal(t, 4, r.All.N)
	require.Len(t, r.UnreadableFiles, 1)
	assert.Equal(t, 0, r.Sources["gone"].N)
	assert.Nil(t, r.Sources["gone"].Accuracy)

	_, stderr, err := runEval(t, "--manifest", manifest, "--json", out, "--allow-unreadable-files")
	require.NoError(t, err)
	assert.Contains(t, stderr, "warning: 1 of 5 files")
	_, _, err = runEval(t, "--manifest", manifest, "--split", "later", "--json", out, "--allow-unreadable-files")
	require.ErrorContains(t, err, "1 of 1 files could not be read", "nothing at all is no success")
}

func TestEvalRefuses(t *testing.T) {
	manifest, out := drawings(t), filepath.Join(t.TempDir(), "out.json")
	missing := filepath.Join(t.TempDir(), "no")
	for want, args := range map[string][]string{
		`required flag(s) "manifest" not set`:                {"--json", out},
		"at least one of the flags in the group [json html]": {"--manifest", manifest},
		"the manifest": {"--manifest", missing, "--json", out},
		`split is "x", allowed is one that list.csv has`:    {"--manifest", manifest, "--split", "x", "--json", out},
		"no such file or directory":                         {"--manifest", manifest, "--json", filepath.Join(missing, "out.json")},
		"--thumbnails is -1, allowed is a number from 0 on": {"--manifest", manifest, "--json", out, "--thumbnails", "-1"},
		missing:                                  {"--manifest", manifest, "--json", out, "--model", missing},
		"taxonomy is ":                           {"--manifest", manifest, "--json", out, "--taxonomy", missing},
		`log.level is "loud"`:                    {"--manifest", manifest, "--json", out, "--set", "log.level=loud"},
		`unknown command "x" for "binside eval"`: {"--manifest", manifest, "--json", out, "x"},
	} {
		t.Run(want, func(t *testing.T) {
			_, _, err := runEval(t, args...)
			require.ErrorContains(t, err, want)
			require.NoFileExists(t, out)
		})
	}
}

// Another taxonomy: its categories, whatever it says of the classes.
func TestEvalWithAnotherTaxonomy(t *testing.T) {
	dir := t.TempDir()
	tax := `{id: wet-dry, version: "1", jurisdiction: CN, standard: none, effective: 2026-01-01, name: {zh: 干湿, en: Two}, ` +
		`categories: [{id: wet, name: {zh: 湿, en: Wet}, colour: {name: {zh: 绿, en: green}, hex: "#2E7D32"}}, ` +
		`{id: dry, name: {zh: 干, en: Dry}, colour: {name: {zh: 灰, en: grey}, hex: "#546069"}}], ` +
		`classes: [{id: food_scraps, name: {zh: 剩饭, en: food}, category: wet}, {id: plastic, name: {zh: 塑料, en: plastic}, category: dry}], ` +
		`harm: {version: "1", effective: 2026-01-01, basis: {zh: 无, en: none}, accusation: 10, check: 1, misplaced: {wet: {dry: 1}, dry: {wet: 2}}}}`
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tax.yaml"), []byte(tax), 0o600))
	var buf bytes.Buffer
	require.NoError(t, png.Encode(&buf, drawing(1)))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.png"), buf.Bytes(), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "manifest.csv"), []byte("path,category\na.png,dry\n"), 0o600))
	out, page := filepath.Join(dir, "out.json"), filepath.Join(dir, "page.html")
	_, stderr, err := runEval(t, "--manifest", dir, "--taxonomy", filepath.Join(dir, "tax.yaml"), "--json", out, "--html", page)
	require.NoError(t, err)
	assert.Contains(t, stderr, "the taxonomy does not name the model's classes")
	assert.Equal(t, map[string]int{"dry": 1}, readReport(t, out).Sources["all"].NByCategory)

	_, _, err = runEval(t, "--manifest", drawings(t), "--taxonomy", filepath.Join(dir, "tax.yaml"), "--json", out)
	require.ErrorContains(t, err, `5 of 5 pictures have a category that the taxonomy does not have (line 2 "recyclable"`)
	require.ErrorContains(t, err, `allowed is one of ["wet" "dry"]`)
}

// A hundred of the shared photographs, by a manifest beside them in name only.
func TestEvalOnSharedPhotographs(t *testing.T) {
	shared, err := filepath.Abs("../../../../shared/data")
	require.NoError(t, err)
	f, err := os.Open(cameratest.Shared(t, filepath.Join(shared, datasets.ManifestFile)))
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	dir := t.TempDir()
	var text strings.Builder
	w := csv.NewWriter(&text)
	require.NoError(t, w.Write(rows[0]))
	for i := range 100 {
		row := rows[1+i*(len(rows)-1)/100]
		row[0], err = filepath.Rel(dir, filepath.Join(shared, row[0]))
		require.NoError(t, err)
		require.NoError(t, w.Write(row))
	}
	w.Flush()
	manifest := filepath.Join(dir, "hundred.csv")
	require.NoError(t, os.WriteFile(manifest, []byte(text.String()), 0o600))
	out, page := filepath.Join(dir, "out.json"), filepath.Join(dir, "page.html")
	_, _, err = runEval(t, "--manifest", manifest, "--json", out, "--html", page)
	require.NoError(t, err)

	r := readReport(t, out)
	assert.Equal(t, 100, r.All.N)
	assert.Greater(t, *r.All.Accuracy, 0.85, "mostly photographs that it was trained on")
	sum := 0
	for name, s := range r.Sources {
		sum += s.N
		for _, v := range []*float64{s.Accuracy, s.BalancedAccuracy, s.ECE, s.TellOnCorrect, s.TellOnWrong, s.PassOnWrong, s.CheckShare} {
			require.NotNil(t, v, name)
			assert.True(t, *v >= 0 && *v <= 1, name)
		}
		counted := 0
		for category, n := range s.NByCategory {
			counted += n
			assert.Contains(t, s.Recall, category)
		}
		assert.Equal(t, s.N, counted, name)
		assert.Equal(t, s.NByCategory["hazardous"] > 0, s.HazardousPassOnWrong != nil, name)
	}
	assert.Equal(t, 100, sum)
}
