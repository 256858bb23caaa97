package evaluation

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func writeManifest(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "list.csv")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestReadManifest(t *testing.T) {
	full := Image{Line: 2, Path: "a.jpg", Category: "other", Source: "s", ItemClass: "c", Group: "7", Split: "val"}
	least := Image{Line: 2, Path: "a.jpg", Category: "other", Source: AllSources}
	for name, c := range map[string]struct {
		text string
		want []Image
	}{
		"all columns, others too": {"width,path,category,source,item_class,group,split\n3,a.jpg,other,s,c,7,val\n", []Image{full}},
		"any order":               {"split,group,item_class,source,category,path\nval,7,c,s,other,a.jpg\n", []Image{full}},
		"the least":               {"path,category\na.jpg,other\n", []Image{least}},
		"no line feed at the end": {"path,category\na.jpg,other", []Image{least}},
		"spreadsheet's":           {"\ufeffpath,category\r\na.jpg,other\r\n", []Image{least}},
		"blanks in the header":    {"path, category \na.jpg,other\n", []Image{least}},
		"unnamed columns":         {"path,category,,\na.jpg,other,,\n", []Image{least}},
		"quoted, leading out": {"path,category\n\"../b, \"\"c\"\".jpg\",kitchen\n/d/电池.png,other\n", []Image{
			{Line: 2, Path: `../b, "c".jpg`, Category: "kitchen", Source: AllSources},
			{Line: 3, Path: "/d/电池.png", Category: "other", Source: AllSources},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeManifest(t, c.text)
			m, err := ReadManifest(path)
			require.NoError(t, err)
			assert.Equal(t, c.want, m.Images)
			assert.Equal(t, "list.csv", m.Name)
			assert.Equal(t, filepath.Dir(path), m.Dir)
			assert.Len(t, m.SHA256, 64)
		})
	}
}

func TestReadManifestOfAFolder(t *testing.T) {
	dir := t.TempDir()
	_, err := ReadManifest(dir)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "manifest.csv"), []byte("path,category\na,other\n"), 0o600))
	m, err := ReadManifest(dir)
	require.NoError(t, err)
	assert.Len(t, m.Images, 1)
	assert.Equal(t, dir, m.Dir)
}

func TestMalformedManifests(t *testing.T) {
	for want, text := range map[string]string{
		"the file is empty":                                  "",
		"there are no pictures":                              "path,category\n",
		`the column "category" is missing`:                   "path,label\na,b\n",
		`the header has ["path;category"]`:                   "path;category\na;other\n",
		`the header has the column "path" twice`:             "path,category,path\na,other,b\n",
		`column "split" twice, as number 3 and 5`:            "path,category,split,x, split\na,other,val,,val\n",
		"line 3: category is empty":                          "path,category\na,other\nb,\n",
		"line 2: path is empty":                              "path,category\n ,other\n",
		"line 2: source is empty":                            "path,category,source\na,other,\n",
		"wrong number of fields":                             "path,category\na,other,more\n",
		"bare \" in non-quoted":                              "path,category\na\"b,other\n",
		`line 4: path "a" is named before, in line 2`:        "path,category\na,other\nb,other\na,other\n",
		`path "x/../a" is named before`:                      "path,category\na,other\nx/../a,kitchen\n",
		`line 2: category is "\xff", allowed is a text in U`: "path,category\na,\xff\n",
	} {
		t.Run(want, func(t *testing.T) {
			_, err := ReadManifest(writeManifest(t, text))
			require.ErrorContains(t, err, want)
		})
	}
}

func TestSelect(t *testing.T) {
	m, err := ReadManifest(writeManifest(t, "path,category,split,group\na,other,train,1\nb,kitchen,val,1\nc,glass,test,2\nd,kitchen,val,\ne,kitchen,val,3\n"))
	require.NoError(t, err)
	categories := []string{"kitchen", "other"}
	images, err := m.Select("val", categories)
	require.NoError(t, err)
	assert.Equal(t, []string{"b", "d", "e"}, []string{images[0].Path, images[1].Path, images[2].Path})
	assert.Equal(t, 1, m.Leaking(images), "b has a near-duplicate in train")
	_, err = m.Select("", categories)
	require.ErrorContains(t, err, `1 of 5 pictures have a category that the taxonomy does not have (line 4 "glass"), allowed is one of ["kitchen" "other"]`)
	_, err = m.Select("valid", categories)
	require.ErrorContains(t, err, `split is "valid", allowed is one that list.csv has: "test" (1 pictures), "train" (1 pictures), "val" (3 pictures)`)
}
