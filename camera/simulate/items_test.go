package simulate

import (
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTableNamesRealPhotographs(t *testing.T) {
	rows, err := stampRows()
	require.NoError(t, err)
	items := stamps(t)
	require.Len(t, items, len(rows), "every row of the table has its file")
	seen := map[string]bool{}
	for _, it := range items {
		require.False(t, seen[it.File], "%s twice", it.File)
		seen[it.File] = true
		require.NotEmpty(t, it.Class)
		require.NotEmpty(t, it.Name.ZH)
		require.NotEmpty(t, it.Name.EN)
		require.True(t, hasAlpha(it.picture), "%s has no transparency", it.File)
		require.LessOrEqual(t, max(it.picture.Rect.Dx(), it.picture.Rect.Dy()), maxItemSide)
	}
	require.Contains(t, StampClasses(), "food_scraps")
}

func TestNoStamps(t *testing.T) {
	_, err := LoadStamps(t.TempDir())
	require.ErrorIs(t, err, ErrNoItems)
}

// photo is a red disc on a plain or a chequered ground.
func photo(plain bool) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, 120, 90))
	for y := range 90 {
		for x := range 120 {
			c := color.NRGBA{240, 240, 238, 255}
			if !plain && (x/10+y/10)%2 == 0 {
				c = color.NRGBA{20, 60, 200, 255}
			}
			if (x-60)*(x-60)+(y-45)*(y-45) < 30*30 {
				c = color.NRGBA{200, 20, 20, 255}
			}
			m.SetNRGBA(x, y, c)
		}
	}
	return m
}

func TestLoadSamples(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, encode func(*os.File) error) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		f, err := os.Create(path)
		require.NoError(t, err)
		require.NoError(t, encode(f))
		require.NoError(t, f.Close())
	}
	write("metal/plain.jpg", func(f *os.File) error { return jpeg.Encode(f, photo(true), &jpeg.Options{Quality: 90}) })
	write("metal/busy.png", func(f *os.File) error { return png.Encode(f, photo(false)) })
	write("glass/broken.jpg", func(f *os.File) error { _, err := f.WriteString("no picture"); return err })
	write("glass/notes.txt", func(f *os.File) error { _, err := f.WriteString("not looked at"); return err })

	items, skipped, err := LoadSamples(dir)
	require.NoError(t, err)
	require.Len(t, skipped, 1)
	require.Contains(t, skipped[0], "glass/broken.jpg")
	require.Len(t, items, 2)
	byFile := map[string]*image.NRGBA{}
	for _, it := range items {
		require.Equal(t, "metal", it.Class)
		byFile[it.File] = it.picture
	}
	disc := byFile["metal/plain.jpg"]
	require.InDelta(t, 60, disc.Rect.Dx(), 4, "cut out and trimmed to the disc")
	require.Equal(t, byte(0), disc.Pix[3], "its corner is transparent")
	card := byFile["metal/busy.png"]
	require.Equal(t, 120, card.Rect.Dx(), "shown whole, as a card")
	require.Equal(t, byte(0), card.Pix[3], "with round corners")
	require.Equal(t, byte(255), card.Pix[card.PixOffset(60, 1)+3])

	_, _, err = LoadSamples(filepath.Join(dir, "none"))
	require.Error(t, err)
	_, _, err = LoadSamples(filepath.Join(dir, "glass"))
	require.ErrorIs(t, err, ErrNoItems)
}

func FuzzCutOut(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint8(3))
	f.Fuzz(func(t *testing.T, pix []byte, width uint8) {
		w := int(width%60) + 1
		h := len(pix)/4/w + 1
		m := image.NewNRGBA(image.Rect(0, 0, w, h))
		copy(m.Pix, pix)
		out := trim(cutOut(m))
		require.False(t, out.Rect.Empty())
	})
}
