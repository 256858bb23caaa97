package simulate

import (
	"fmt"
	"image"
	"math"
	"strconv"

	"github.com/binside/binside/vision"
)

// The picture's size in pixels and its rate in frames a second.
const (
	Width  = 1280
	Height = 720
	FPS    = 10
)

// maxBins is how many bins fit side by side at a size worth looking at.
const maxBins = 6

// Bin is one container of the station, from left to right in the picture.
type Bin struct {
	ID string
	// Name stands on the bin's front; where it is empty, that of its first
	// accepted category does.
	Name Name
	// Accepts are the categories that belong into it.
	Accepts []string
	// Colour is "#rrggbb"; empty for the colour of its first category.
	Colour string
}

// paint is how a category's bin looks: colours by GB/T 19095-2019.
var paint = map[string]struct {
	name   Name
	colour rgb
}{
	"recyclable": {Name{"可回收物", "Recyclable"}, rgb{24, 88, 168}},
	"kitchen":    {Name{"厨余垃圾", "Food waste"}, rgb{36, 126, 68}},
	"hazardous":  {Name{"有害垃圾", "Hazardous"}, rgb{190, 44, 44}},
	"other":      {Name{"其他垃圾", "Residual"}, rgb{92, 96, 100}},
}

// Station is the place that the camera sees: its bins and where they are in
// the picture. It does not change and may be shared.
type Station struct {
	bins  []Bin
	slots []slot
}

// slot is a bin's place in station coordinates (see world).
type slot struct {
	cx, half float64 // centre and half width of the whole bin
	colour   rgb
	name     Name
	category string
}

// The station's layout in station coordinates: rows are picture rows; columns
// are picture columns as they are at the lower row, before perspective.
const (
	wallEnd   = 128. // below it the cabinet's back board
	boardEnd  = 182. // below it the bins' tops
	topEnd    = 556. // below it their fronts
	frontEnd  = 662. // below it the pavement
	trayY     = 366. // centre of the trays
	trayHalfH = 118.
	trayHalfW = 114.
	vanish    = 0.9 // width of row 0 relative to that of the lowest row
)

// NewStation places the bins from left to right. It takes 1 to 6 bins with
// distinct ids, each accepting at least one category.
func NewStation(bins []Bin) (*Station, error) {
	if len(bins) == 0 || len(bins) > maxBins {
		return nil, fmt.Errorf("simulate: a station has 1 to %d bins, not %d", maxBins, len(bins))
	}
	st := &Station{bins: bins}
	pitch := min(306., (Width-40)/float64(len(bins)))
	ids := map[string]bool{}
	for i, b := range bins {
		if b.ID == "" || ids[b.ID] {
			return nil, fmt.Errorf("simulate: bin %d: id %q is empty or there twice", i+1, b.ID)
		}
		ids[b.ID] = true
		if len(b.Accepts) == 0 {
			return nil, fmt.Errorf("simulate: bin %s accepts no category", b.ID)
		}
		s := slot{cx: Width/2 + pitch*(float64(i)-float64(len(bins)-1)/2), half: pitch / 2, category: b.Accepts[0]}
		look, known := paint[b.Accepts[0]]
		if !known {
			look.name, look.colour = Name{ZH: b.Accepts[0], EN: b.Accepts[0]}, rgb{110, 104, 92}
		}
		s.name, s.colour = look.name, look.colour
		if b.Name != (Name{}) {
			s.name = b.Name
		}
		if b.Colour != "" {
			c, err := parseColour(b.Colour)
			if err != nil {
				return nil, fmt.Errorf("simulate: bin %s: %w", b.ID, err)
			}
			s.colour = c
		}
		st.slots = append(st.slots, s)
	}
	return st, nil
}

func parseColour(s string) (rgb, error) {
	v, err := strconv.ParseUint(s[min(1, len(s)):], 16, 32)
	if len(s) != 7 || s[0] != '#' || err != nil {
		return rgb{}, fmt.Errorf("colour %q is not of the form #rrggbb", s)
	}
	return rgb{float64(v >> 16), float64(v >> 8 & 255), float64(v & 255)}, nil
}

// Bins returns the bins from left to right.
func (st *Station) Bins() []Bin { return st.bins }

// world maps a picture column at row y to station coordinates, and picture
// maps back: things farther up the picture are farther away and so drawn
// closer together.
func world(x, y float64) float64   { return Width/2 + (x-Width/2)/perspective(y) }
func picture(x, y float64) float64 { return Width/2 + (x-Width/2)*perspective(y) }

func perspective(y float64) float64 { return mix(vanish, 1, y/Height) }

func (s slot) trayHalfW() float64 { return min(trayHalfW, s.half-40) }

// Region is the bin's region of interest in the picture: its tray.
func (st *Station) Region(i int) vision.Polygon {
	s := st.slots[i]
	at := func(dx, dy float64) vision.Point {
		y := trayY + dy
		return vision.Point{X: picture(s.cx+dx, y) / Width, Y: y / Height}
	}
	w := s.trayHalfW()
	return vision.Polygon{at(-w, -trayHalfH), at(w, -trayHalfH), at(w, trayHalfH), at(-w, trayHalfH)}
}

// trayRect is the tray's bounding box in pixels.
func (st *Station) trayRect(i int) image.Rectangle { return st.Region(i).Bounds(Width, Height) }

// traySide is the length in pixels that item sizes are shares of.
func (st *Station) traySide(i int) float64 {
	return 2 * math.Min(st.slots[i].trayHalfW()*perspective(trayY), trayHalfH)
}

// trayCentre is the middle of the tray in pixels.
func (st *Station) trayCentre(i int) (x, y float64) {
	return picture(st.slots[i].cx, trayY), trayY
}
