package simulate

import (
	"image"
	"math"
)

// The thresholds of the cut-out, in 8-bit steps of the largest channel
// difference: how much a plain background's border may vary, and how far a
// pixel may differ from its neighbour's background to belong to it.
const (
	plainSpread = 26
	floodReach  = 20
	cardRadius  = 0.08 // of the shorter side
)

// cutOut gives a photograph transparency. One that has some already is left
// alone. Where the border is of one colour, what is joined to the border and
// of that colour becomes transparent; otherwise the corners are rounded.
func cutOut(m *image.NRGBA) *image.NRGBA {
	if hasAlpha(m) {
		return m
	}
	if bg, plain := borderColour(m); plain {
		if mask, kept := flood(m, bg); kept > 0.05 && kept < 0.95 {
			applyMask(m, mask)
			return m
		}
	}
	roundCorners(m)
	return m
}

func hasAlpha(m *image.NRGBA) bool {
	seeThrough := 0
	for i := 3; i < len(m.Pix); i += 4 {
		if m.Pix[i] < 128 {
			seeThrough++
		}
	}
	return seeThrough*200 > len(m.Pix)/4
}

func diff(p []byte, c [3]float64) float64 {
	return max(math.Abs(float64(p[0])-c[0]), math.Abs(float64(p[1])-c[1]), math.Abs(float64(p[2])-c[2]))
}

// borderColour is the mean colour of the picture's outermost pixels, and
// whether nine in ten of them lie near it.
func borderColour(m *image.NRGBA) (mean [3]float64, plain bool) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	var at []int
	for x := range w {
		at = append(at, m.PixOffset(x, 0), m.PixOffset(x, h-1))
	}
	for y := range h {
		at = append(at, m.PixOffset(0, y), m.PixOffset(w-1, y))
	}
	for _, i := range at {
		for c := range mean {
			mean[c] += float64(m.Pix[i+c]) / float64(len(at))
		}
	}
	near := 0
	for _, i := range at {
		if diff(m.Pix[i:], mean) <= plainSpread {
			near++
		}
	}
	return mean, near*10 >= len(at)*9
}

// flood marks the pixels that are joined to the border and look like bg, and
// returns the share that is left over.
func flood(m *image.NRGBA, bg [3]float64) (background []bool, kept float64) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	background = make([]bool, w*h)
	var stack []int
	visit := func(x, y int) {
		if x < 0 || y < 0 || x >= w || y >= h || background[y*w+x] {
			return
		}
		if diff(m.Pix[m.PixOffset(x, y):], bg) <= plainSpread+floodReach {
			background[y*w+x] = true
			stack = append(stack, y*w+x)
		}
	}
	for x := range w {
		visit(x, 0)
		visit(x, h-1)
	}
	for y := range h {
		visit(0, y)
		visit(w-1, y)
	}
	for n := 0; len(stack) > 0; n++ {
		p := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		x, y := p%w, p/w
		visit(x-1, y)
		visit(x+1, y)
		visit(x, y-1)
		visit(x, y+1)
	}
	left := 0
	for _, b := range background {
		if !b {
			left++
		}
	}
	return background, float64(left) / float64(w*h)
}

// applyMask makes the background transparent, with an edge softened over
// three pixels.
func applyMask(m *image.NRGBA, background []bool) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	for y := range h {
		for x := range w {
			inside, n := 0, 0
			for dy := -1; dy <= 1; dy++ {
				for dx := -1; dx <= 1; dx++ {
					if xx, yy := x+dx, y+dy; xx >= 0 && yy >= 0 && xx < w && yy < h {
						n++
						if !background[yy*w+xx] {
							inside++
						}
					}
				}
			}
			a := 0
			if !background[y*w+x] {
				a = 255 * inside / n
			}
			m.Pix[m.PixOffset(x, y)+3] = byte(a)
		}
	}
}

func roundCorners(m *image.NRGBA) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	r := cardRadius * float64(min(w, h))
	for y := range h {
		for x := range w {
			d := roundBox(float64(x)+0.5-float64(w)/2, float64(y)+0.5-float64(h)/2, float64(w)/2, float64(h)/2, r)
			m.Pix[m.PixOffset(x, y)+3] = byte(255 * cover(d))
		}
	}
}
