package simulate

// Label is what a pixel of a frame shows.
type Label uint8

// The labels.
const (
	Scenery  Label  = iota // the station, and shadows on it
	Thing                  // what is thrown away
	Limb                   // a hand or an arm
	Somebody               // head and shoulders from above
	Bag                    // a bag that is only carried past
	Labels   = iota        // how many there are
)

// mark labels a row of pixels where the sprite's row, RGBA, covers at least half
// of them.
//
//go:norace
func mark(row []Label, src []byte, as Label) {
	for i := range row {
		if src[4*i+3] >= 128 {
			row[i] = as
		}
	}
}
