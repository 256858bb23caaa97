package vision

import (
	"fmt"
	"image"
	"math"
)

// Point is a place in a picture as a share of its width and height: (0, 0) is
// the upper left corner, (1, 1) the lower right one.
type Point struct {
	X float64 `json:"x" yaml:"x" minimum:"0" maximum:"1"`
	Y float64 `json:"y" yaml:"y" minimum:"0" maximum:"1"`
}

// Polygon is a region of interest: at least three corners in order, the last
// joined to the first. It is resolution-free, so it survives a camera's change
// of picture size.
type Polygon []Point

// Full is the polygon that covers the whole picture.
func Full() Polygon { return Polygon{{0, 0}, {1, 0}, {1, 1}, {0, 1}} }

// Validate says what is wrong with the polygon: fewer than three corners, a
// corner outside the picture, or an area of less than a ten-thousandth of it.
func (p Polygon) Validate() error {
	if len(p) < 3 {
		return fmt.Errorf("a region needs at least 3 corners, this one has %d", len(p))
	}
	if len(p) > 64 {
		return fmt.Errorf("a region may have at most 64 corners, this one has %d", len(p))
	}
	for i, c := range p {
		if math.IsNaN(c.X) || math.IsNaN(c.Y) || c.X < 0 || c.X > 1 || c.Y < 0 || c.Y > 1 {
			return fmt.Errorf("corner %d (%g, %g) lies outside the picture: both must be from 0 to 1", i+1, c.X, c.Y)
		}
	}
	if a := p.Area(); a < 1e-4 {
		return fmt.Errorf("the region covers %.5f%% of the picture, at least 0.01%% is needed", 100*a)
	}
	return nil
}

// Area is the share of the picture that the polygon covers, by the shoelace
// formula.
func (p Polygon) Area() float64 {
	var sum float64
	for i, a := range p {
		b := p[(i+1)%len(p)]
		sum += a.X*b.Y - b.X*a.Y
	}
	return math.Abs(sum) / 2
}

// Bounds is the smallest pixel rectangle that holds the polygon in a picture
// of the given size; it never leaves the picture.
func (p Polygon) Bounds(width, height int) image.Rectangle {
	minX, minY, maxX, maxY := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, c := range p {
		minX, maxX = math.Min(minX, c.X), math.Max(maxX, c.X)
		minY, maxY = math.Min(minY, c.Y), math.Max(maxY, c.Y)
	}
	w, h := float64(width), float64(height)
	r := image.Rect(int(math.Floor(minX*w)), int(math.Floor(minY*h)), int(math.Ceil(maxX*w)), int(math.Ceil(maxY*h)))
	return r.Intersect(image.Rect(0, 0, width, height))
}

// Contains reports whether a point lies inside the polygon, by the even-odd
// rule.
func (p Polygon) Contains(q Point) bool {
	in := false
	for i, j := 0, len(p)-1; i < len(p); j, i = i, i+1 {
		a, b := p[i], p[j]
		if (a.Y > q.Y) != (b.Y > q.Y) && q.X < (b.X-a.X)*(q.Y-a.Y)/(b.Y-a.Y)+a.X {
			in = !in
		}
	}
	return in
}

// Crosses names two edges of the polygon that cross or touch each other, each
// by the index of its first corner; ok is false where there are none. Edges
// that follow one another share a corner and count only where they fold back.
func (p Polygon) Crosses() (first, second int, ok bool) {
	n := len(p)
	for i := range n {
		for j := i + 1; j < n; j++ {
			a, b, c, d := p[i], p[(i+1)%n], p[j], p[(j+1)%n]
			switch {
			case j == i+1:
				ok = folds(a, b, d)
			case i == 0 && j == n-1:
				ok = folds(c, d, b)
			default:
				ok = meet(a, b, c, d)
			}
			if ok {
				return i, j, true
			}
		}
	}
	return 0, 0, false
}

// side is positive where c lies left of the line from a to b, negative where
// it lies right of it.
func side(a, b, c Point) float64 { return (b.X-a.X)*(c.Y-a.Y) - (b.Y-a.Y)*(c.X-a.X) }

// within reports whether c, which lies on the line through a and b, lies
// between them.
func within(a, b, c Point) bool {
	return min(a.X, b.X) <= c.X && c.X <= max(a.X, b.X) && min(a.Y, b.Y) <= c.Y && c.Y <= max(a.Y, b.Y)
}

// meet reports whether the segments ab and cd have a point in common.
func meet(a, b, c, d Point) bool {
	abc, abd, cda, cdb := side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)
	if abc*abd < 0 && cda*cdb < 0 {
		return true
	}
	return abc == 0 && within(a, b, c) || abd == 0 && within(a, b, d) || cda == 0 && within(c, d, a) || cdb == 0 && within(c, d, b)
}

// folds reports whether the edge from b to c runs back along the one from a
// to b.
func folds(a, b, c Point) bool {
	return side(a, b, c) == 0 && (a.X-b.X)*(c.X-b.X)+(a.Y-b.Y)*(c.Y-b.Y) >= 0
}
