package models_test

import (
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/modelstest"
)

func tinyFiles(t *testing.T) (model, card []byte) {
	t.Helper()
	model, err := fs.ReadFile(modelstest.Files(), models.ModelFile)
	require.NoError(t, err)
	card, err = fs.ReadFile(modelstest.Files(), models.CardFile)
	require.NoError(t, err)
	return model, card
}

func TestLoad(t *testing.T) {
	model, card := tinyFiles(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, models.CardFile), card, 0o600))
	_, err := models.LoadDir(dir)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, models.ModelFile)
	require.NoError(t, os.WriteFile(filepath.Join(dir, models.ModelFile), model, 0o600))
	folder, err := models.LoadDir(dir)
	require.NoError(t, err)
	assert.Equal(t, model, folder.Model)
	assert.Equal(t, "tiny-1", folder.Card.Version)
	assert.Equal(t, models.Output{Logits: "logits", Embedding: "features"}, folder.Card.Output)

	_, err = models.Load(fstest.MapFS{models.ModelFile: {Data: model}})
	require.ErrorContains(t, err, models.CardFile)
	_, err = models.Load(fstest.MapFS{models.CardFile: {Data: card}, models.ModelFile: {Data: append(model, 0)}})
	require.ErrorContains(t, err, "sha256 is \""+folder.Card.SHA256)
	_, err = models.Load(fstest.MapFS{models.CardFile: {Data: make([]byte, 2<<20)}})
	require.ErrorContains(t, err, "longer than")
}

func TestParseCardNamesTheField(t *testing.T) {
	_, data := tinyFiles(t)
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown key": {`"temperature"`, `"temprature"`, "temprature"},
		"width":       {`"width": 32`, `"width": 33`, "input.width is 33, allowed is a multiple of 32"},
		"height":      {`"height": 32`, `"height": 0`, "input.height is 0"},
		"colour":      {`"rgb"`, `"RGB"`, `input.colour is "RGB", allowed is "rgb" or "bgr"`},
		"resize":      {`"stretch"`, `"crop"`, `input.resize is "crop", allowed is "stretch"`},
		"temperature": {`"temperature": 1`, `"temperature": 0`, "temperature is 0, allowed is a finite number above 0"},
		"class twice": {`"food_scraps"`, `"battery"`, `classes[1] is "battery", allowed is a class that is not named twice`},
		"class name":  {`"food_scraps"`, `"Food scraps"`, `classes[1] is "Food scraps"`},
		"logits":      {`"logits": "logits"`, `"logits": ""`, "output.logits is"},
		"embedding":   {`"embedding": "features"`, `"embedding": "logits"`, "output.embedding is"},
		"strangeness": {`"embedding": "features"`, `"embedding": "features", "strangeness": "logits"`, "output.strangeness is \"logits\", allowed is another output"},
		"version":     {`"tiny-1"`, `"a/b"`, `version is "a/b"`},
		"sha256":      {`"sha256": "`, `"sha256": "x`, "sha256 is"},
		"licence":     {`"Apache-2.0"`, `""`, "licence is"},
		"train":       {`"train": 1`, `"train": 0`, "data.train is 0"},
		"input name":  {`"name": "input"`, `"name": ""`, "input.name is"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := strings.Replace(string(data), c.old, c.new, 1)
			require.NotEqual(t, string(data), bad)
			_, err := models.ParseCard([]byte(bad))
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := models.ParseCard([]byte("{}"))
	require.ErrorContains(t, err, "classes is 0, allowed is 2 to 1000")
	require.ErrorContains(t, err, "input.deviation[2] is 0", "all that is wrong is said at once")
	_, err = models.ParseCard([]byte("no json"))
	require.Error(t, err)
}

func TestCardSurvivesJSON(t *testing.T) {
	card := modelstest.Tiny(t).Card
	data, err := json.Marshal(card)
	require.NoError(t, err)
	again, err := models.ParseCard(data)
	require.NoError(t, err)
	assert.Equal(t, card, again)
	card.Input.Mean[1] = math.NaN()
	require.ErrorContains(t, card.Validate(), "input.mean[1] is NaN")
}

func TestCheckClasses(t *testing.T) {
	card := modelstest.Tiny(t).Card
	require.NoError(t, card.CheckClasses(taxonomy.Default().CategoryOf))
	card.Classes = append(card.Classes, "ufo")
	require.ErrorContains(t, card.CheckClasses(taxonomy.Default().CategoryOf), `tiny-1: classes ["ufo"] have no category`)
}
