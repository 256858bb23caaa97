package taxonomy

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// modelClasses are the item classes that the trainer merges to.
func modelClasses(t *testing.T) []string {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "models", "training", "classes.csv"))
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	var classes []string
	for _, row := range rows[1:] {
		classes = append(classes, row[2])
	}
	slices.Sort(classes)
	return slices.Compact(classes)
}

func TestBuiltinTables(t *testing.T) {
	require.Equal(t, []string{"urban-four", "rural-two-step", "san-francisco-three"}, IDs())
	known := modelClasses(t)
	require.Len(t, known, 27)
	for _, c := range Default().Classes {
		known = append(known, c.ID) // a sample labelled under one table has a place in every other
	}
	for _, id := range IDs() {
		t.Run(id, func(t *testing.T) {
			tax, err := Open(id, "")
			require.NoError(t, err)
			assert.True(t, IsBuiltin(id))
			assert.Equal(t, id+"@"+tax.Version, tax.Ref())
			assert.Empty(t, tax.Unknown(known))
			assert.NotEmpty(t, tax.Streams())
			checkColours(t, tax)
			checkAdvice(t, tax)
		})
	}
	assert.False(t, IsBuiltin("urban-five"))
}

// checkColours: nobody can be sent to "the grey bin" where there are two.
func checkColours(t *testing.T, tax *Taxonomy) {
	t.Helper()
	for _, field := range []func(Colour) string{
		func(c Colour) string { return c.Hex }, func(c Colour) string { return c.Name.ZH }, func(c Colour) string { return c.Name.EN },
	} {
		seen := make(map[string]bool)
		for _, c := range tax.Categories {
			assert.False(t, seen[field(c.Colour)], "category %s", c.ID)
			seen[field(c.Colour)] = true
		}
		for _, step := range tax.Steps {
			seen := make(map[string]bool)
			for _, s := range step.Streams {
				assert.False(t, seen[field(s.Colour)], "stream %s of step %s", s.ID, step.ID)
				seen[field(s.Colour)] = true
			}
		}
	}
}

// checkAdvice: one line per class, step and language, which names the colour
// of the container that takes the item.
func checkAdvice(t *testing.T, tax *Taxonomy) {
	t.Helper()
	for _, c := range tax.Classes {
		for _, step := range tax.Steps {
			zh, en := tax.AdviceAt(step.ID, c.ID, "zh-CN"), tax.AdviceAt(step.ID, c.ID, "en")
			assert.True(t, strings.HasPrefix(zh, c.Name.ZH), "%s: %s", c.ID, zh)
			assert.NotContains(t, zh+en, "\n", c.ID)
			assert.NotContains(t, zh+en, "{", c.ID)
			assert.Regexp(t, `^[A-Z].* (is|are) .*: .*[a-z]$`, en)
			category, _ := tax.Category(c.Category)
			if stream, ok := step.StreamOf(c.Category); ok {
				assert.Contains(t, zh, stream.Colour.Name.ZH+step.Container.ZH)
				assert.Contains(t, en, " "+stream.Colour.Name.EN+" "+step.Container.EN)
			} else {
				assert.Contains(t, zh, category.NoBin.ZH)
				assert.Contains(t, en, category.NoBin.EN)
			}
		}
	}
}

func TestAdvice(t *testing.T) {
	urban, err := Open("urban-four", "")
	require.NoError(t, err)
	rural, err := Open("rural-two-step", "")
	require.NoError(t, err)
	sf, err := Open("san-francisco-three", "")
	require.NoError(t, err)
	for _, c := range []struct {
		tax             *Taxonomy
		step, class     string
		chinese, inEngl string
	}{
		{urban, "drop-off", "battery", "电池属于有害垃圾,请投红色桶;先用胶带包住电极", "Batteries are hazardous waste: please use the red bin; tape over the terminals first"},
		{urban, "drop-off", "metal", "金属属于可回收物,请投蓝色桶", "Metal is recyclable: please use the blue bin"},
		{urban, "drop-off", "vegetable_leaf", "菜叶属于厨余垃圾,请投绿色桶", "Vegetable leaves are kitchen waste: please use the green bin"},
		{rural, "household", "metal", "金属不会烂,请投灰色桶", "Metal is not perishable: please use the grey bin"},
		{rural, "collector", "metal", "金属可以卖,请投蓝色筐", "Metal is sellable: please use the blue basket"},
		{rural, "household", "vegetable_leaf", "菜叶会烂,请投绿色桶", "Vegetable leaves are perishable: please use the green bin"},
		{sf, "drop-off", "x_ray_film", "X光片属于有害垃圾,三种桶都不能投,请送到有害垃圾收集点", "X-ray film is hazardous waste: none of the three bins is right, please use a hazardous waste drop-off"},
	} {
		assert.Equal(t, c.chinese, c.tax.AdviceAt(c.step, c.class, "zh-CN"))
		assert.Equal(t, c.inEngl, c.tax.AdviceAt(c.step, c.class, "en"))
	}
	assert.Equal(t, rural.AdviceAt("household", "metal", "zh"), rural.Advice("metal", "zh"), "a resident is the first who sorts")
	assert.Empty(t, urban.Advice("ufo", "zh"))
	assert.Empty(t, urban.AdviceAt("collector", "metal", "zh"))
}

func TestColoursOfTheSite(t *testing.T) {
	black, err := Open("urban-four", " other = Black ")
	require.NoError(t, err)
	assert.Equal(t, "陶瓷属于其他垃圾,请投黑色桶;碎片请先包好", black.Advice("ceramic", "zh"))
	other, _ := black.Category("other")
	assert.Equal(t, "#23282C", other.Colour.Hex)
	assert.Equal(t, "grey", other.Alternatives[0].Name.EN, "and back again")
	assert.Equal(t, other.Colour, black.Streams()[3].Colour)
	grey, _ := Default().Category("other")
	assert.Equal(t, "grey", grey.Colour.Name.EN, "the shared table stays as it is")
	same, err := Open("urban-four", "other=grey")
	require.NoError(t, err)
	assert.Equal(t, Default(), same)

	rural, err := Open("rural-two-step", "rots-not=blue")
	require.NoError(t, err)
	assert.Equal(t, "Metal is not perishable: please use the blue bin", rural.Advice("metal", "en"))

	for colours, want := range map[string]string{
		"other":                  `"other", allowed is CATEGORY=COLOUR`,
		"other=":                 `allowed is CATEGORY=COLOUR`,
		"other=pink":             `other is "pink", allowed is one of ["grey" "black"]`,
		"kitchen=black":          `kitchen is "black", allowed is one of ["green"]`,
		"paper=black":            `has no category or stream "paper", allowed is one of ["other"]`,
		"other=black,other=grey": `"other" is named twice`,
	} {
		_, err := Open("urban-four", colours)
		require.ErrorContains(t, err, want, colours)
	}
}

func TestOpenSaysWhatThereIs(t *testing.T) {
	_, err := Open("urban-five", "")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "urban-four, rural-two-step, san-francisco-three")
	path := filepath.Join(t.TempDir(), "town.yaml")
	require.NoError(t, os.WriteFile(path, urban(t), 0o600))
	tax, err := Open(path, "other=black")
	require.NoError(t, err)
	assert.Equal(t, "urban-four", tax.ID)
}

func TestLacks(t *testing.T) {
	assert.Equal(t, []string{"sellable"}, Default().Lacks([]string{"kitchen", "sellable"}))
	assert.Empty(t, Default().Lacks([]string{"kitchen"}))
}

func TestStepsAndAdviceAreChecked(t *testing.T) {
	rural, err := files.ReadFile("rural-two-step.yaml")
	require.NoError(t, err)
	sf, err := files.ReadFile("san-francisco-three.yaml")
	require.NoError(t, err)
	for name, c := range map[string]struct{ text, old, new, want string }{
		"category left out":   {string(rural), "accepts: [sellable, unsellable]", "accepts: [sellable]", `steps[0].streams is "without unsellable"`},
		"category twice":      {string(rural), "accepts: [sellable]", "accepts: [sellable, perishable]", `steps[1].streams[1].accepts is "perishable", allowed is a category that no other stream`},
		"unknown category":    {string(rural), "accepts: [sellable]", "accepts: [paper]", `steps[1].streams[1].accepts is "paper", allowed is one of`},
		"step twice":          {string(rural), "id: collector", "id: household", `steps[1].id is "household", allowed is an id that is not used twice`},
		"half a predicate":    {string(rural), "{zh: 会烂, en: perishable}", "{zh: 会烂}", `steps[0].streams[0].predicate.en is ""`},
		"same colour twice":   {string(sf), "{name: {zh: 灰色, en: grey}", "{name: {zh: 灰色, en: black}", `categories[2].alternatives[0].name.en is "black"`},
		"half a no_bin":       {string(sf), `no_bin: {zh: "三种桶都不能投,请送到有害垃圾收集点", en:`, `no_bin: {en:`, `categories[3].no_bin.zh is ""`},
		"blank in the advice": {string(sf), `"{default};药店有回收箱"`, `"{deflt};药店有回收箱"`, `.advice.zh is "{deflt}", allowed is {default} and {colour}`},
	} {
		t.Run(name, func(t *testing.T) {
			bad := strings.Replace(c.text, c.old, c.new, 1)
			require.NotEqual(t, c.text, bad)
			_, err := Parse(strings.NewReader(bad))
			require.ErrorContains(t, err, c.want)
		})
	}
}
