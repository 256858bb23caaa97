package simulate

import (
	"bytes"
	"embed"
	"image"
	"image/color"
	"image/png"
	"math"
	"sync"

	"golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// sign is what stands in white on a bin's front: a pictogram, the Chinese
// name where its picture is at hand, and the English one.
type sign struct{ mask *image.Alpha }

const signW, signH = 276, 96

// at is the sign's ink at an offset in pixels from its centre, 0 to 1.
func (s *sign) at(dx, dy float64) float64 {
	x, y := int(math.Floor(dx+signW/2)), int(math.Floor(dy+signH/2))
	if x < 0 || y < 0 || x >= signW || y >= signH {
		return 0
	}
	return float64(s.mask.Pix[y*s.mask.Stride+x]) / 255
}

func newSign(s slot) *sign {
	out := &sign{mask: image.NewAlpha(image.Rect(0, 0, signW, signH))}
	pictogram(out.mask, s.category, 52, signH/2)
	const x = 100
	if zh := chinese(s.name.ZH); zh != nil {
		b := zh.Bounds()
		w := min(b.Dx(), signW-x-6)
		to := image.Rect(x, 16, x+w, 16+b.Dy()*w/b.Dx())
		draw.CatmullRom.Scale(out.mask, to, zh, b, draw.Over, nil)
		write(out.mask, s.name.EN, x+1, 80, 20)
		return out
	}
	write(out.mask, s.name.EN, x+1, 58, 27)
	return out
}

// The four Chinese names as pictures, so that the station looks the same on
// machines without Chinese fonts. They were set in Noto Sans CJK SC Bold (SIL
// Open Font License, which leaves pictures of text free).
//
//go:embed signs/*.png
var signFiles embed.FS

var signFile = map[string]string{
	"可回收物": "recyclable", "厨余垃圾": "kitchen", "有害垃圾": "hazardous", "其他垃圾": "other",
}

func chinese(text string) image.Image {
	data, err := signFiles.ReadFile("signs/" + signFile[text] + ".png")
	if err != nil {
		return nil
	}
	grey, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	b := grey.Bounds()
	ink := image.NewAlpha(image.Rect(0, 0, b.Dx(), b.Dy()))
	for y := range b.Dy() {
		for x := range b.Dx() {
			v, _, _, _ := grey.At(b.Min.X+x, b.Min.Y+y).RGBA()
			ink.SetAlpha(x, y, color.Alpha{A: byte(v >> 8)})
		}
	}
	return ink
}

var boldFont = sync.OnceValues(func() (*opentype.Font, error) { return opentype.Parse(gobold.TTF) })

// write sets a line of text. A sign whose words cannot be set still has its
// pictogram, so failures leave the text out.
func write(dst draw.Image, text string, x, y int, size float64) {
	f, err := boldFont()
	if err != nil {
		return
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		return
	}
	defer face.Close()
	d := font.Drawer{Dst: dst, Src: image.NewUniform(color.Alpha{A: 255}), Face: face, Dot: fixed.P(x, y)}
	d.DrawString(text)
}

// pictogram draws a simple sign of a category, centred on (cx, cy).
func pictogram(dst *image.Alpha, category string, cx, cy int) {
	shape := pictograms[category]
	if shape == nil {
		shape = func(x, y float64) float64 { return math.Abs(roundBox(x, y, 22, 24, 6)) - 3 }
	}
	for y := range signH {
		for x := range 96 {
			if a := cover(shape(float64(x-cx)+0.5, float64(y-cy)+0.5)); a > 0 {
				dst.SetAlpha(x, y, color.Alpha{A: byte(255 * a)})
			}
		}
	}
}

// pictograms are signed distances in pixels, about 60 across: after the
// symbols of GB/T 19095, but simpler.
var pictograms = map[string]func(x, y float64) float64{
	"recyclable": func(x, y float64) float64 { // three strokes chasing each other
		const turn = 2 * math.Pi / 3
		r := math.Hypot(x, y)
		k := math.Mod(math.Atan2(y, x)+math.Pi/2+2*math.Pi, turn)
		ring := math.Abs(r-21) - 5
		if k > 1.35 { // the arrow's head
			ring = math.Abs(r-21) - 12*(turn-0.1-k)/0.64
		}
		return max(ring, (0.12-k)*r)
	},
	"kitchen": func(x, y float64) float64 { // a fruit with a bite and a stem
		body := math.Hypot(x, y-5) - 22
		bite := 10 - math.Hypot(x-22, y-1)
		stem := roundBox(x-3, y+24, 2.5, 9, 2)
		return min(max(body, bite), stem)
	},
	"hazardous": func(x, y float64) float64 { // a cross in a box
		const d = math.Sqrt2 / 2
		box := math.Abs(roundBox(x, y, 24, 24, 6)) - 3
		cross := min(roundBox((x+y)*d, (y-x)*d, 19, 4, 2), roundBox((x-y)*d, (y+x)*d, 19, 4, 2))
		return min(box, cross)
	},
	"other": func(x, y float64) float64 { // a bin with its lid
		lid := roundBox(x, y+22, 24, 4, 3)
		body := roundBox(x, y-5, 18-y*0.12, 19, 4)
		gap := min(roundBox(x-6, y-5, 2, 12, 2), roundBox(x+6, y-5, 2, 12, 2))
		return min(lid, max(body, -gap))
	},
}
