package deposit

import "time"

// Phase is what a region's state machine waits for.
type Phase int

// The phases of a region.
const (
	Learning Phase = iota // the background is being learnt
	Idle                  // nothing is there
	Moving                // something is there and has not settled
	Waiting               // an event was emitted, the thing has not left
)

func (p Phase) String() string {
	return [...]string{"learning", "idle", "moving", "waiting"}[p]
}

// Stats are counts since the detector was made, and its present state. Counts
// never decrease.
type Stats struct {
	Frames  uint64 // frames observed
	Invalid uint64 // frames without a usable picture
	Events  uint64 // deposits found
	Removed uint64 // things that were taken away
	Passed  uint64 // things that left without settling
	Ghosts  uint64 // settled changes that were no thing: light
	// Absorbed counts things that rested until they became background,
	// Relearned backgrounds that were learnt anew (view moved, endless motion,
	// other picture size).
	Absorbed, Relearned uint64
	// Busy is the time spent in Observe.
	Busy time.Duration
	// Gain is the present light's factor over the background's, of the green
	// channel.
	Gain    float64
	Regions []RegionStats
}

// RegionStats is the state of one region.
type RegionStats struct {
	BinID string
	Phase Phase
	// Foreground is the share of the region that shows a thing, Noise the
	// standard deviation of a cell's brightness between frames, in levels.
	Foreground, Noise float64
	Events            uint64
}
