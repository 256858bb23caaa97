package taxonomy

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDefault(t *testing.T) {
	tax := Default()
	assert.Equal(t, []string{"recyclable", "kitchen", "hazardous", "other"}, tax.CategoryIDs())
	for class, want := range map[string]string{
		"battery": "hazardous", "food_scraps": "kitchen", "plastic": "recyclable", "sanitary_waste": "other", "thermometer": "hazardous",
	} {
		got, ok := tax.CategoryOf(class)
		assert.True(t, ok, class)
		assert.Equal(t, want, got, class)
	}
	_, ok := tax.CategoryOf("ufo")
	assert.False(t, ok)
	red, ok := tax.Category("hazardous")
	require.True(t, ok)
	assert.Equal(t, "有害垃圾", red.Name.In("zh-CN"))
	assert.Equal(t, "red", red.Colour.Name.In("en"))
	_, ok = tax.Category("")
	assert.False(t, ok)
	cls, ok := tax.Class("battery")
	require.True(t, ok)
	assert.Equal(t, "电池", cls.Name.ZH)
	_, ok = tax.Class("ufo")
	assert.False(t, ok)
	assert.Equal(t, []string{"ufo"}, tax.Unknown([]string{"battery", "ufo"}))
}

// Every class that the trainer merges to must have a category, and a merged
// class must not join photographs that their own data sets put apart.
func TestTrainersClassesAreNamed(t *testing.T) {
	f, err := os.Open(filepath.Join("..", "..", "models", "training", "classes.csv"))
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"source", "item_class", "merged_class"}, rows[0])
	seen := map[[2]string]bool{}
	for _, row := range rows[1:] {
		key := [2]string{row[0], row[1]}
		assert.False(t, seen[key], "%v twice", key)
		seen[key] = true
		_, ok := Default().CategoryOf(row[2])
		assert.True(t, ok, "%v has no category", row)
	}
	checkAgainstShared(t, rows[1:])
}

// checkAgainstShared compares the table with the data set's own labels.
func checkAgainstShared(t *testing.T, rows [][]string) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", "manifest.csv"))
	if err != nil {
		if os.Getenv("CI_SHARED") == "1" {
			t.Fatalf("CI_SHARED is set: %v", err)
		}
		t.Logf("the shared photographs are not here, their labels were not compared: %v", err)
		return
	}
	defer func() { require.NoError(t, f.Close()) }()
	all, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	col := map[string]int{}
	for i, name := range all[0] {
		col[name] = i
	}
	label := map[[2]string]string{}
	for _, r := range all[1:] {
		label[[2]string{r[col["source"]], r[col["item_class"]]}] = r[col["category"]]
	}
	require.Len(t, rows, len(label), "the table names every class of the manifest and no other")
	for _, row := range rows {
		got, _ := Default().CategoryOf(row[2])
		assert.Equal(t, label[[2]string{row[0], row[1]}], got, "%v", row)
	}
}

func TestParseNamesTheField(t *testing.T) {
	good := string(urban(t))
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown key":       {"standard: GB", "standrad: GB", "standrad"},
		"day":               {"effective: 2019-12-01", "effective: yesterday", `effective is "yesterday", allowed is a day`},
		"category of class": {"en: ball}, plural: balls, category: recyclable", "en: ball}, plural: balls, category: blue", `classes[0].category is "blue", allowed is one of ["recyclable"`},
		"class id":          {"{id: ball,", "{id: Ball,", `classes[0].id is "Ball", allowed is lower-case`},
		"class twice":       {"{id: ball,", "{id: battery,", `classes[2].id is "battery", allowed is an id that is not used twice`},
		"colour":            {`hex: "#1565C0"`, `hex: "blue"`, `categories[0].colour.hex is "blue", allowed is a colour as #RRGGBB`},
		"name":              {"{zh: 球类, en: ball}", "{zh: 球类}", `classes[0].name.en is "", allowed is a text`},
		"version":           {`version: "2026.11.2"`, `version: ""`, `version is ""`},
	} {
		t.Run(name, func(t *testing.T) {
			bad := strings.Replace(good, c.old, c.new, 1)
			require.NotEqual(t, good, bad)
			_, err := Parse(strings.NewReader(bad))
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := Parse(strings.NewReader(""))
	require.ErrorContains(t, err, "empty")
	_, err = Parse(strings.NewReader("id: x"))
	require.ErrorContains(t, err, "categories is 0, allowed is at least 2")
	require.ErrorContains(t, err, "version", "all that is wrong is said at once")
	_, err = Parse(bytes.NewReader(make([]byte, maxFile+1)))
	require.ErrorContains(t, err, "longer than")
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.yaml")
	require.NoError(t, os.WriteFile(path, urban(t), 0o600))
	tax, err := Load(path)
	require.NoError(t, err)
	assert.Equal(t, Default(), tax)
	_, err = Load(path + ".missing")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func urban(t *testing.T) []byte {
	t.Helper()
	data, err := files.ReadFile("urban-four.yaml")
	require.NoError(t, err)
	return data
}
