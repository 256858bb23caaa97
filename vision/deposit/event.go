package deposit

import (
	"fmt"
	"image"
	"time"

	"github.com/google/uuid"

	"github.com/binside/binside/vision"
)

// Frame is one picture of the stream. It has the fields of camera.Frame, so
// that one converts to the other.
type Frame struct {
	// Seq is the frame's number; it is only handed on.
	Seq uint64
	// Time is when the frame was captured. The detector knows no other clock.
	Time time.Time
	// Image is the whole picture; the detector reads it during Observe only.
	Image *vision.Image
}

// Kind is what happened in a region.
type Kind string

// The kinds of events.
const (
	Deposited Kind = "deposited" // something entered and settled
	Removed   Kind = "removed"   // something that lay there was taken away
)

// Event is one thing that was put into a region or taken out of it.
type Event struct {
	// ID is a UUIDv7 whose time is Start, in milliseconds.
	ID    string
	Kind  Kind
	BinID string
	// Start is the time of the first frame that showed the thing, or the hand
	// that took it; Decided that of the frame with which the event was certain.
	Start, Decided time.Time
	// Shots has the best pictures of a deposit, best first, at least one; a
	// removal has none.
	Shots []Shot
	// Denies names, for a removal, the deposit that this region reported
	// before of the same visit: what reached into the region and was taken for
	// a thing was the hand that took one. Empty otherwise.
	Denies string
}

// Shot is one picture of a deposit.
type Shot struct {
	// Image is the region's crop; what lies outside the polygon is grey.
	Image *vision.Image
	// Item is the item's box in Image, with a margin.
	Item image.Rectangle
	// Whole says that the item lies wholly inside the region; otherwise a hand
	// or the item itself reaches over the region's edge.
	Whole bool
	Time  time.Time
	Seq   uint64
	// Sharpness and Exposure are vision/quality's measures of the item's box.
	Sharpness, Exposure float64
}

// newID returns a UUIDv7 of the given time (RFC 9562, section 5.7).
func newID(at time.Time) (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("deposit: event id: %w", err)
	}
	ms := uint64(max(at.UnixMilli(), 0))
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	return id.String(), nil
}
