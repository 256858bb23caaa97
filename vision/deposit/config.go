package deposit

import (
	"fmt"
	"time"

	"github.com/binside/binside/vision"
)

// Region is a bin's place in a camera's view.
type Region struct {
	// BinID names the bin; it is repeated in the region's events.
	BinID string
	// Polygon is the bin's opening as shares of the picture.
	Polygon vision.Polygon
}

// Config tunes a Detector. DefaultConfig has values for a fixed camera that
// looks at bins from a few metres at 5 to 30 frames a second.
type Config struct {
	// MaxCells is the longer side of a region's raster in cells.
	MaxCells int
	// MinItem and MaxItem bound an item's area as a share of the region.
	MinItem, MaxItem float64
	// MinThreshold is the smallest difference from the background, in levels
	// of 255, that counts; sensor noise raises it. At less than 16 a camera that
	// corrects its own light, or a soft shadow, makes things of nothing.
	MinThreshold float64

	// LearnTime is how long the background is watched before the first event
	// can be found; at least LearnFrames frames are taken.
	LearnTime   time.Duration
	LearnFrames int

	// Settle is how long a thing that lies wholly inside the region must hold
	// still; Held is the same for a thing that reaches over the region's edge
	// (in a hand, on a string), Large for one that covers much of the edge or
	// more than MaxItem of the region.
	Settle, Held, Large time.Duration
	// StillShare is the share of a thing's cells that may change while it
	// counts as still.
	StillShare float64
	// HeldContact is the share of the region's edge that a held thing may
	// cover.
	HeldContact float64

	// LeaveAfter is how long a region must be clear until it is armed again.
	LeaveAfter time.Duration
	// Rest is how long a thing that lies wholly inside the region rests after
	// its event until it becomes background; AbsorbAfter is the same for one
	// that reaches over the edge. What happens to it afterwards is an event of
	// its own.
	Rest, AbsorbAfter time.Duration
	// StuckAfter is how long a region may see motion without rest until its
	// background is learnt again.
	StuckAfter time.Duration
	// Pile makes a second thing that settles beside or upon one that still
	// rests an event of its own.
	Pile bool

	// BackgroundTime is the time constant with which an idle region's
	// background follows the picture.
	BackgroundTime time.Duration
	// ViewShare is the share of the whole view that must differ, and hold
	// still for ViewTime, to count as a moved camera.
	ViewShare float64
	ViewTime  time.Duration
	// MaxGap is the longest time between two frames that are still compared
	// with each other.
	MaxGap time.Duration

	// Margin is added on each side of an item's box, as a share of its size.
	Margin float64
	// Shots is the largest number of pictures in an event.
	Shots int
}

// DefaultConfig returns the values that the detector is measured with.
func DefaultConfig() Config {
	return Config{
		MaxCells:       112,
		MinItem:        0.006,
		MaxItem:        0.65,
		MinThreshold:   18,
		LearnTime:      time.Second,
		LearnFrames:    5,
		Settle:         400 * time.Millisecond,
		Held:           900 * time.Millisecond,
		Large:          2500 * time.Millisecond,
		StillShare:     0.12,
		HeldContact:    0.12,
		LeaveAfter:     300 * time.Millisecond,
		Rest:           1500 * time.Millisecond,
		AbsorbAfter:    20 * time.Second,
		StuckAfter:     time.Minute,
		Pile:           true,
		BackgroundTime: 8 * time.Second,
		ViewShare:      0.7,
		ViewTime:       time.Second,
		MaxGap:         5 * time.Second,
		Margin:         0.08,
		Shots:          3,
	}
}

// maxRegions bounds the work that one camera can ask for.
const maxRegions = 32

// Validate names the first field whose value cannot work.
func (c Config) Validate() error {
	switch {
	case c.MaxCells < 16 || c.MaxCells > 512:
		return fmt.Errorf("deposit: MaxCells is %d, must be from 16 to 512", c.MaxCells)
	case c.MinItem <= 0 || c.MinItem >= c.MaxItem || c.MaxItem > 1:
		return fmt.Errorf("deposit: MinItem %g and MaxItem %g must satisfy 0 < MinItem < MaxItem ≤ 1", c.MinItem, c.MaxItem)
	case c.MinThreshold < 2 || c.MinThreshold > 100:
		return fmt.Errorf("deposit: MinThreshold is %g, must be from 2 to 100", c.MinThreshold)
	case c.LearnFrames < 1 || c.LearnFrames > 60:
		return fmt.Errorf("deposit: LearnFrames is %d, must be from 1 to 60", c.LearnFrames)
	case c.StillShare <= 0 || c.StillShare >= 1:
		return fmt.Errorf("deposit: StillShare is %g, must be between 0 and 1", c.StillShare)
	case c.HeldContact < 0 || c.HeldContact > 1:
		return fmt.Errorf("deposit: HeldContact is %g, must be from 0 to 1", c.HeldContact)
	case c.ViewShare <= 0 || c.ViewShare > 1:
		return fmt.Errorf("deposit: ViewShare is %g, must be above 0 and at most 1", c.ViewShare)
	case c.Margin < 0 || c.Margin > 1:
		return fmt.Errorf("deposit: Margin is %g, must be from 0 to 1", c.Margin)
	case c.Shots < 1 || c.Shots > maxCandidates:
		return fmt.Errorf("deposit: Shots is %d, must be from 1 to %d", c.Shots, maxCandidates)
	}
	return c.validateTimes()
}

func (c Config) validateTimes() error {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"LearnTime", c.LearnTime}, {"Settle", c.Settle}, {"Held", c.Held}, {"Large", c.Large},
		{"LeaveAfter", c.LeaveAfter}, {"Rest", c.Rest}, {"AbsorbAfter", c.AbsorbAfter}, {"StuckAfter", c.StuckAfter},
		{"BackgroundTime", c.BackgroundTime}, {"ViewTime", c.ViewTime}, {"MaxGap", c.MaxGap},
	} {
		if d.value <= 0 {
			return fmt.Errorf("deposit: %s is %s, must be positive", d.name, d.value)
		}
	}
	if c.Held < c.Settle || c.Large < c.Held {
		return fmt.Errorf("deposit: Settle %s, Held %s and Large %s must not decrease", c.Settle, c.Held, c.Large)
	}
	if c.Rest < c.Settle || c.AbsorbAfter < c.Rest {
		return fmt.Errorf("deposit: Settle %s, Rest %s and AbsorbAfter %s must not decrease", c.Settle, c.Rest, c.AbsorbAfter)
	}
	return nil
}
