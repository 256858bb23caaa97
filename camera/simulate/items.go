package simulate

import (
	_ "embed"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // sample folders hold JPEG files
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/image/draw"
)

// DefaultStampsDir is where Debian's tuxpaint-stamps-default puts its pictures.
const DefaultStampsDir = "/usr/share/tuxpaint/stamps"

// ErrNoItems says that no photograph of an item was found; the text around it
// names the folder and what would help.
var ErrNoItems = errors.New("no photographs of items")

// Item is one photograph of a thing that people throw away.
type Item struct {
	// File is relative to the folder that it came from, with forward slashes.
	File string
	// Class is the plain name of its item class.
	Class string
	// Name is what a person would call it.
	Name Name

	// picture has straight (not premultiplied) alpha and at most maxItemSide
	// pixels a side.
	picture *image.NRGBA
}

// size is the photograph's width and height in pixels.
func (it *Item) size() (w, h float64) {
	return float64(it.picture.Rect.Dx()), float64(it.picture.Rect.Dy())
}

// Name is a text for people in Chinese and English.
type Name struct {
	ZH string `json:"zh" yaml:"zh"`
	EN string `json:"en" yaml:"en"`
}

// maxItemSide bounds the memory of a loaded photograph: no item is ever drawn
// larger than this.
const maxItemSide = 320

// maxSourcePixels bounds what is decoded from an image file of a sample folder.
const maxSourcePixels = 40_000_000

//go:embed items.yaml
var itemTable []byte

type tableRow struct {
	File  string `yaml:"file"`
	Class string `yaml:"class"`
	EN    string `yaml:"en"`
	ZH    string `yaml:"zh"`
}

func stampRows() ([]tableRow, error) {
	var table struct {
		Items []tableRow `yaml:"items"`
	}
	if err := yaml.Unmarshal(itemTable, &table); err != nil {
		return nil, fmt.Errorf("simulate: table of items: %w", err)
	}
	return table.Items, nil
}

// StampClasses lists the item classes of the built-in table in alphabetical
// order.
func StampClasses() []string {
	rows, err := stampRows()
	if err != nil {
		panic(err) // the table is part of the program and covered by a test
	}
	var classes []string
	for _, r := range rows {
		classes = append(classes, r.Class)
	}
	slices.Sort(classes)
	return slices.Compact(classes)
}

// LoadStamps reads the photographs that the built-in table names from the
// stamp folder; "" stands for DefaultStampsDir. Files that this version of the
// package lacks are skipped; none at all is ErrNoItems.
func LoadStamps(dir string) ([]Item, error) {
	if dir == "" {
		dir = DefaultStampsDir
	}
	rows, err := stampRows()
	if err != nil {
		return nil, err
	}
	var items []Item
	for _, r := range rows {
		img, err := readPicture(filepath.Join(dir, filepath.FromSlash(r.File)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("simulate: stamp %s: %w", r.File, err)
		}
		items = append(items, Item{File: r.File, Class: r.Class, Name: Name{ZH: r.ZH, EN: r.EN}, picture: trim(img)})
	}
	if len(items) == 0 {
		return nil, fmt.Errorf("simulate: %w in %s (Debian's package tuxpaint-stamps-default brings them)", ErrNoItems, dir)
	}
	return items, nil
}

// readPicture decodes a PNG or JPEG file and scales it down to maxItemSide.
func readPicture(path string) (*image.NRGBA, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cfg, format, err := image.DecodeConfig(f)
	if err != nil {
		return nil, err
	}
	if cfg.Width <= 0 || cfg.Height <= 0 || cfg.Width > maxSourcePixels/cfg.Height {
		return nil, fmt.Errorf("%d×%d pixels are more than can be read", cfg.Width, cfg.Height)
	}
	if _, err := f.Seek(0, 0); err != nil {
		return nil, err
	}
	var src image.Image
	if format == "png" {
		src, err = png.Decode(f)
	} else {
		src, _, err = image.Decode(f)
	}
	if err != nil {
		return nil, err
	}
	return fitPicture(src), nil
}

func fitPicture(src image.Image) *image.NRGBA {
	b := src.Bounds()
	w, h := b.Dx(), b.Dy()
	if longest := max(w, h); longest > maxItemSide {
		w, h = max(1, w*maxItemSide/longest), max(1, h*maxItemSide/longest)
	}
	out := image.NewNRGBA(image.Rect(0, 0, w, h))
	if w == b.Dx() && h == b.Dy() {
		draw.Draw(out, out.Rect, src, b.Min, draw.Src)
	} else {
		draw.CatmullRom.Scale(out, out.Rect, src, b, draw.Src, nil)
	}
	return out
}

// trim cuts away fully transparent borders, so that an item's size is that of
// the thing itself.
func trim(m *image.NRGBA) *image.NRGBA {
	const seen = 24
	box := image.Rectangle{}
	for y := m.Rect.Min.Y; y < m.Rect.Max.Y; y++ {
		for x := m.Rect.Min.X; x < m.Rect.Max.X; x++ {
			if m.Pix[m.PixOffset(x, y)+3] >= seen {
				box = box.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	if box.Empty() || box == m.Rect {
		return m
	}
	out := image.NewNRGBA(image.Rect(0, 0, box.Dx(), box.Dy()))
	draw.Draw(out, out.Rect, m, box.Min, draw.Src)
	return out
}

// LoadSamples reads a folder that holds one folder per item class, each with
// PNG or JPEG photographs. A photograph without transparency is cut out where
// its background is plain, else it is shown as a card with round edges. A file
// that cannot be read is skipped and named in the second result.
func LoadSamples(dir string) (items []Item, skipped []string, err error) {
	classes, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("simulate: samples: %w", err)
	}
	for _, c := range classes {
		if !c.IsDir() || strings.HasPrefix(c.Name(), ".") {
			continue
		}
		files, err := os.ReadDir(filepath.Join(dir, c.Name()))
		if err != nil {
			return nil, nil, fmt.Errorf("simulate: samples of %s: %w", c.Name(), err)
		}
		for _, f := range files {
			name := c.Name() + "/" + f.Name()
			switch strings.ToLower(filepath.Ext(f.Name())) {
			case ".png", ".jpg", ".jpeg":
			default:
				continue
			}
			if len(items) >= maxSamples {
				skipped = append(skipped, name+": more than the demonstration keeps in memory")
				continue
			}
			img, err := readPicture(filepath.Join(dir, c.Name(), f.Name()))
			if err != nil {
				skipped = append(skipped, name+": "+err.Error())
				continue
			}
			items = append(items, Item{
				File: name, Class: c.Name(), Name: Name{ZH: c.Name(), EN: strings.ReplaceAll(c.Name(), "_", " ")},
				picture: trim(cutOut(img)),
			})
		}
	}
	if len(items) == 0 {
		return nil, skipped, fmt.Errorf("simulate: %w in %s: it should hold one folder per item class with PNG or JPEG files", ErrNoItems, dir)
	}
	return items, skipped, nil
}

// maxSamples bounds the memory that a sample folder takes (at most 400 KB each).
const maxSamples = 1000
