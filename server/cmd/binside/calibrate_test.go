package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models"
	"github.com/binside/binside/models/base"
)

// calibrate runs the command on a manifest of a picture of our own, three times, and a copy of the built-in model.
func calibrate(t *testing.T, manifest string, args ...string) (dir string, err error) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{models.ModelFile, models.CardFile} {
		data, err := base.Files().Open(name)
		require.NoError(t, err)
		content, err := io.ReadAll(data)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	photographs := t.TempDir()
	for _, name := range []string{"a.jpg", "b.jpg", "c.jpg"} {
		require.NoError(t, os.WriteFile(filepath.Join(photographs, name), testPicture(t), 0o600))
	}
	file := filepath.Join(photographs, "m.csv")
	require.NoError(t, os.WriteFile(file, []byte(manifest), 0o600))
	var out bytes.Buffer
	root := newRoot(&out, &out)
	root.SetArgs(append([]string{"calibrate", "--manifest", file, "--model", dir}, args...))
	return dir, root.ExecuteContext(t.Context())
}

const manifestHead = "path,category,source,item_class,class,group,split\n"

func TestCalibrate(t *testing.T) {
	const rows = manifestHead + "a.jpg,recyclable,a,carton,cardboard,7,risk\nb.jpg,kitchen,b,carton,,8,train\nc.jpg,other,b,never seen,,9,risk\n"
	dir, err := calibrate(t, rows)
	require.NoError(t, err)
	card, err := models.LoadDir(dir)
	require.NoError(t, err)
	sample, err := models.LoadRisk(os.DirFS(dir), card.Card)
	require.NoError(t, err)
	require.Len(t, sample.Rows, 2, "of the split only, in the manifest's order")
	first, second := sample.Rows[0], sample.Rows[1]
	require.Equal(t, []string{"cardboard", "recyclable", "a", "7"}, []string{first.Class, first.Category, first.Source, first.Group})
	require.Equal(t, "never seen", second.Class)
	require.Equal(t, first.Probabilities, second.Probabilities)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 3, "nothing is left over")
}

func TestCalibrateNamesWhatIsWrong(t *testing.T) {
	for want, c := range map[string]struct {
		manifest string
		args     []string
	}{
		`no photograph in the split "risk"`: {manifestHead + "a.jpg,other,a,x,,1,val\n", nil},
		`group "1" is in the splits`:        {manifestHead + "a.jpg,other,a,x,,1,risk\nb.jpg,other,a,x,,1,train\n", nil},
		"line 2: category is empty":         {manifestHead + "a.jpg,,a,x,,1,risk\n", nil},
		"line 2: group is empty":            {manifestHead + "a.jpg,other,a,x,,,risk\n", nil},
		"none.jpg (line 2)":                 {manifestHead + "none.jpg,other,a,x,,1,risk\n", nil},
		"card.json":                         {manifestHead + "a.jpg,other,a,x,,1,risk\n", []string{"--model", os.TempDir()}},
		"open none-at-all.csv":              {manifestHead, []string{"--manifest", "none-at-all.csv"}},
	} {
		dir, err := calibrate(t, c.manifest, c.args...)
		require.ErrorContains(t, err, want)
		require.NoFileExists(t, filepath.Join(dir, models.RiskFile))
	}
}
