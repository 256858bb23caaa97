package datasets

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// jpegOf is a small real JPEG, another one for every n.
func jpegOf(t *testing.T, n int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 16, 12))
	for i := range img.Pix {
		img.Pix[i] = uint8(n + i*(n%7))
	}
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, img, nil))
	return b.Bytes()
}

func item(data []byte, change func(*Sample)) Item {
	s := Sample{ID: ID(data), Category: "hazardous", ItemClass: "battery", Source: "upload", Width: 16, Height: 12}
	if change != nil {
		change(&s)
	}
	return Item{Sample: s, Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
}

func each(items ...Item) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for _, i := range items {
			if !yield(i, nil) {
				return
			}
		}
	}
}

func TestExportToFolderAndBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	target, err := Folder(dir)
	require.NoError(t, err)
	a, b, c := jpegOf(t, 1), jpegOf(t, 2), jpegOf(t, 3)
	report, err := Export(t.Context(), target, each(
		item(a, func(s *Sample) { s.Source, s.DepositID = "deposit", "d1" }),
		item(b, func(s *Sample) { s.Source, s.DepositID = "deposit", "d1" }),
		item(c, func(s *Sample) { s.ItemClass = "" }),
		item(c, nil),
	))
	require.NoError(t, err)
	require.NoError(t, target.Close())
	assert.Equal(t, 3, report.Written)
	assert.Equal(t, 1, report.Duplicates)
	assert.Equal(t, 3, report.Train+report.Val)
	assert.Empty(t, report.Refused)

	raw, err := os.ReadFile(filepath.Join(dir, ManifestFile))
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(raw), "path,category,source,item_class,group,split,width,height\n"), "as in the shared data")
	rows, err := ReadManifest(filepath.Join(dir, ManifestFile))
	require.NoError(t, err)
	require.Len(t, rows, 3)
	assert.Equal(t, Row{
		Path: "images/deposit/battery/" + ID(a) + ".jpg", Category: "hazardous", Source: "deposit", ItemClass: "battery",
		Group: "d1", Split: SplitOf("d1"), Width: 16, Height: 12,
	}, rows[0])
	assert.Equal(t, "images/upload/hazardous/"+ID(c)+".jpg", rows[2].Path, "without a class, the category is the folder")
	assert.Equal(t, ID(c), rows[2].Group)
	for i, data := range [][]byte{a, b, c} {
		got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(rows[i].Path)))
		require.NoError(t, err)
		assert.Equal(t, data, got)
	}
	_, err = Folder(dir)
	require.ErrorIs(t, err, ErrNotEmpty)
}

func TestExportLeavesOutWhatIsWrong(t *testing.T) {
	good, text := jpegOf(t, 1), []byte("no picture")
	gone := item(jpegOf(t, 2), nil)
	gone.Open = func(context.Context) (io.ReadCloser, error) { return nil, os.ErrNotExist }
	torn := item(jpegOf(t, 3), nil)
	torn.Open = func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader([]byte("x")), errReader{})), nil
	}
	changed := item(jpegOf(t, 4), nil)
	changed.Open = item(jpegOf(t, 5), nil).Open
	bad := []Item{
		gone, torn, changed, item(text, nil),
		item(jpegOf(t, 6), func(s *Sample) { s.ItemClass = "../../etc" }),
		item(jpegOf(t, 7), func(s *Sample) { s.Category = "" }),
		item(jpegOf(t, 8), func(s *Sample) { s.Source = "a/b" }),
		item(jpegOf(t, 9), func(s *Sample) { s.ID = "short" }),
		item(jpegOf(t, 10), func(s *Sample) { s.Width = 0 }),
	}
	var b bytes.Buffer
	target := Zip(&b)
	report, err := Export(t.Context(), target, each(append(slices.Clone(bad), item(good, nil))...))
	require.NoError(t, err)
	require.NoError(t, target.Close())
	assert.Equal(t, 1, report.Written)
	require.Len(t, report.Refused, len(bad))
	for i, r := range report.Refused {
		assert.Equal(t, bad[i].Sample.ID, r.ID)
		require.Error(t, r.Reason)
	}
	require.ErrorIs(t, report.Refused[0].Reason, os.ErrNotExist)
	require.ErrorContains(t, report.Refused[2].Reason, "changed since")
	assert.Equal(t, []string{"images/upload/battery/" + ID(good) + ".jpg", ManifestFile}, zipNames(t, b.Bytes()))
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("torn") }

func zipNames(t *testing.T, data []byte) []string {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	var names []string
	for _, f := range r.File {
		names = append(names, f.Name)
	}
	return names
}

func TestArchivesHoldTheSame(t *testing.T) {
	var picture bytes.Buffer
	img := image.NewRGBA(image.Rect(0, 0, 4, 4))
	img.Set(1, 1, color.White)
	require.NoError(t, png.Encode(&picture, img))
	items := each(item(jpegOf(t, 1), nil), item(picture.Bytes(), func(s *Sample) { s.Width, s.Height = 4, 4 }))

	var zipped, tarred, again bytes.Buffer
	for _, c := range []struct {
		target Target
	}{{Zip(&zipped)}, {Tar(&tarred)}, {Tar(&again)}} {
		_, err := Export(t.Context(), c.target, items)
		require.NoError(t, err)
		require.NoError(t, c.target.Close())
	}
	assert.Equal(t, tarred.Bytes(), again.Bytes(), "the same samples give the same bytes")
	names := zipNames(t, zipped.Bytes())
	r := tar.NewReader(&tarred)
	for _, name := range names {
		head, err := r.Next()
		require.NoError(t, err)
		assert.Equal(t, name, head.Name)
	}
	_, err := r.Next()
	require.ErrorIs(t, err, io.EOF)
	assert.True(t, strings.HasSuffix(names[1], ".png"))
	assert.Equal(t, ManifestFile, names[2], "the manifest is last")
}

func TestExportEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	target := Zip(io.Discard)
	_, err := Export(ctx, target, each(item(jpegOf(t, 1), nil)))
	require.ErrorIs(t, err, context.Canceled)

	broken := errors.New("the store is gone")
	_, err = Export(t.Context(), target, func(yield func(Item, error) bool) { yield(Item{}, broken) })
	require.ErrorIs(t, err, broken)

	full := failing{}
	_, err = Export(t.Context(), full, each(item(jpegOf(t, 1), nil)))
	require.ErrorIs(t, err, errFull)
	_, err = Export(t.Context(), full, each())
	require.ErrorIs(t, err, errFull)
}

var errFull = errors.New("disk full")

type failing struct{}

func (failing) Put(string, []byte) error { return errFull }
func (failing) Close() error             { return nil }

func TestTargetsStayInside(t *testing.T) {
	dir, err := Folder(filepath.Join(t.TempDir(), "in"))
	require.NoError(t, err)
	for _, target := range []Target{dir, Zip(io.Discard), Tar(io.Discard)} {
		require.Error(t, target.Put("../outside", nil))
		require.NoError(t, target.Put("a/b/c", []byte("x")))
	}
	require.Error(t, dir.Put("a/b/c", nil), "nothing is written over")
	require.NoError(t, dir.Close())
}

func TestSplitIsStableAndAboutATenth(t *testing.T) {
	val := 0
	for i := range 20_000 {
		if SplitOf(fmt.Sprint("group-", i)) == Val {
			val++
		}
	}
	assert.InDelta(t, 2000, val, 200)
	// Written down, so that a change of the rule is noticed.
	assert.Equal(t, Train, SplitOf("group-0"))
	assert.Equal(t, "d", Group(Sample{ID: "i", DepositID: "d"}))
	assert.Equal(t, "i", Group(Sample{ID: "i"}))
}

func TestParseManifestNamesLineAndColumn(t *testing.T) {
	head := "path,category,source,item_class,group,split,width,height\n"
	good := "a.jpg,other,s,,g,train,1,2\n"
	rows, err := ParseManifest(strings.NewReader("note," + head + "x," + good))
	require.NoError(t, err)
	assert.Equal(t, []Row{{Path: "a.jpg", Category: "other", Source: "s", Group: "g", Split: Train, Width: 1, Height: 2}}, rows)
	for in, want := range map[string]string{
		"":                 "empty",
		"path,category\n":  `the column "source" is missing`,
		head + good + good: `line 3: path "a.jpg" is named twice`,
		head + good + "b.jpg,other,s,,g,val,1,2\n": `line 3: group "g" is in the splits "train" and "val"`,
		head + "../a.jpg,other,s,,g,train,1,2\n":   `line 2: path is "../a.jpg"`,
		head + "/a.jpg,other,s,,g,train,1,2\n":     "allowed is one below",
		head + "a.jpg,,s,,g,train,1,2\n":           "category is empty",
		head + "a.jpg,other,s,,g,dev,1,2\n":        `split is "dev", allowed is "train"`,
		head + "a.jpg,other,s,,g,train,0,2\n":      `width is "0"`,
		head + "a.jpg,other,s,,g,train,1,x\n":      `height is "x"`,
		head + "a.jpg,other\n":                     "wrong number of fields",
	} {
		_, err := ParseManifest(strings.NewReader(in))
		require.ErrorContains(t, err, want)
	}
	_, err = ReadManifest(filepath.Join(t.TempDir(), "none.csv"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestReadSharedManifest(t *testing.T) {
	path := filepath.Join("..", "..", "shared", "data", ManifestFile)
	rows, err := ReadManifest(path)
	if errors.Is(err, os.ErrNotExist) {
		if os.Getenv("CI_SHARED") == "1" {
			t.Fatalf("CI_SHARED is set: %v", err)
		}
		t.Skipf("the shared photographs are not here: %v", err)
	}
	require.NoError(t, err)
	assert.Len(t, rows, 13_883)
}
