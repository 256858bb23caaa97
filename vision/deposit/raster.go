package deposit

import (
	"image"

	"github.com/binside/binside/vision"
)

// raster is a reduced view of a rectangle of the picture: w×h cells of cell×cell
// pixels each. A cell's colour is the mean of up to 3×3 pixels spread over it,
// which quietens sensor noise at a ninth of what a full mean of a large cell
// costs.
type raster struct {
	rect image.Rectangle
	cell int
	w, h int
	// columns holds, for every cell of a row, the byte offsets of its sample
	// columns; rows the sample rows of every cell of a column.
	columns, rows []int
	taps          int
	scale         uint32 // 65536/(taps*taps), rounded up
}

// newRaster lays cells over rect so that its longer side has at most maxCells.
func newRaster(rect image.Rectangle, maxCells int) *raster {
	side := max(rect.Dx(), rect.Dy())
	cell := max(1, (side+maxCells-1)/maxCells)
	r := &raster{rect: rect, cell: cell, w: (rect.Dx() + cell - 1) / cell, h: (rect.Dy() + cell - 1) / cell}
	r.taps = min(cell, 3)
	n := uint32(r.taps * r.taps)
	r.scale = (65536 + n - 1) / n
	for x := range r.w {
		for t := range r.taps {
			px := min(rect.Min.X+x*cell+(2*t+1)*cell/(2*r.taps), rect.Max.X-1)
			r.columns = append(r.columns, 3*px)
		}
	}
	for y := range r.h {
		for t := range r.taps {
			r.rows = append(r.rows, min(rect.Min.Y+y*cell+(2*t+1)*cell/(2*r.taps), rect.Max.Y-1))
		}
	}
	return r
}

func (r *raster) cells() int { return r.w * r.h }

// sample reads the picture into dst, three bytes a cell.
//
//go:norace
func (r *raster) sample(img *vision.Image, dst []byte) {
	stride, out := 3*img.Width, 0
	for y := range r.h {
		rows := r.rows[y*r.taps : (y+1)*r.taps]
		for x := range r.w {
			var red, green, blue uint32
			for _, row := range rows {
				line := img.Pix[row*stride : (row+1)*stride]
				for _, c := range r.columns[x*r.taps : (x+1)*r.taps] {
					red += uint32(line[c])
					green += uint32(line[c+1])
					blue += uint32(line[c+2])
				}
			}
			dst[out] = byte(min(red*r.scale>>16, 255))
			dst[out+1] = byte(min(green*r.scale>>16, 255))
			dst[out+2] = byte(min(blue*r.scale>>16, 255))
			out += 3
		}
	}
}

// pixels turns a rectangle of cells into pixels of the picture.
func (r *raster) pixels(cells image.Rectangle) image.Rectangle {
	return image.Rectangle{
		Min: r.rect.Min.Add(cells.Min.Mul(r.cell)),
		Max: r.rect.Min.Add(cells.Max.Mul(r.cell)),
	}.Intersect(r.rect)
}

// inside marks the cells whose middle lies in the polygon, for a picture of the
// given size.
func (r *raster) inside(p vision.Polygon, width, height int) []bool {
	in := make([]bool, r.cells())
	for y := range r.h {
		for x := range r.w {
			c := r.pixels(image.Rect(x, y, x+1, y+1))
			in[y*r.w+x] = p.Contains(vision.Point{
				X: float64(c.Min.X+c.Max.X) / 2 / float64(width),
				Y: float64(c.Min.Y+c.Max.Y) / 2 / float64(height),
			})
		}
	}
	return in
}
