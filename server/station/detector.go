package station

import (
	"time"

	"github.com/binside/binside/vision/deposit"
)

// Detector is the part of a detector's configuration that is tuned for one
// camera; see deposit.Config for what each does. Areas are shares of a bin's
// region, times are in milliseconds.
type Detector struct {
	MinThreshold float64 `json:"min_threshold" minimum:"2" maximum:"100" doc:"Smallest difference from the background that counts, in levels of 255"`
	MinItem      float64 `json:"min_item" exclusiveMinimum:"0" maximum:"1" doc:"Smallest item, as a share of the bin's region"`
	MaxItem      float64 `json:"max_item" exclusiveMinimum:"0" maximum:"1" doc:"Largest item; what is larger must hold still for large_ms"`
	StillShare   float64 `json:"still_share" exclusiveMinimum:"0" exclusiveMaximum:"1" doc:"Share of a thing that may change while it counts as still"`
	HeldContact  float64 `json:"held_contact" minimum:"0" maximum:"1" doc:"Share of the region's edge that a held thing may cover"`
	SettleMS     int64   `json:"settle_ms" minimum:"50" maximum:"600000" doc:"How long a thing inside the region must hold still"`
	HeldMS       int64   `json:"held_ms" minimum:"50" maximum:"600000" doc:"How long one that reaches over its edge must"`
	LargeMS      int64   `json:"large_ms" minimum:"50" maximum:"600000" doc:"How long a very large one must"`
	LeaveAfterMS int64   `json:"leave_after_ms" minimum:"50" maximum:"600000" doc:"How long the region must be clear before the next deposit"`
	RestMS       int64   `json:"rest_ms" minimum:"50" maximum:"600000" doc:"After how long a resting thing becomes background"`
	AbsorbMS     int64   `json:"absorb_ms" minimum:"50" maximum:"600000" doc:"The same for one that reaches over the edge"`
	Pile         bool    `json:"pile" doc:"A second thing beside or upon a resting one is a deposit of its own"`
}

// DetectorOf is the tuned part of a configuration.
func DetectorOf(c deposit.Config) Detector {
	return Detector{
		MinThreshold: c.MinThreshold, MinItem: c.MinItem, MaxItem: c.MaxItem, StillShare: c.StillShare, HeldContact: c.HeldContact,
		SettleMS: c.Settle.Milliseconds(), HeldMS: c.Held.Milliseconds(), LargeMS: c.Large.Milliseconds(),
		LeaveAfterMS: c.LeaveAfter.Milliseconds(), RestMS: c.Rest.Milliseconds(), AbsorbMS: c.AbsorbAfter.Milliseconds(), Pile: c.Pile,
	}
}

// Apply returns the configuration with d's part; nil leaves it as it is.
func (d *Detector) Apply(c deposit.Config) deposit.Config {
	if d == nil {
		return c
	}
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	c.MinThreshold, c.MinItem, c.MaxItem, c.StillShare, c.HeldContact = d.MinThreshold, d.MinItem, d.MaxItem, d.StillShare, d.HeldContact
	c.Settle, c.Held, c.Large = ms(d.SettleMS), ms(d.HeldMS), ms(d.LargeMS)
	c.LeaveAfter, c.Rest, c.AbsorbAfter, c.Pile = ms(d.LeaveAfterMS), ms(d.RestMS), ms(d.AbsorbMS), d.Pile
	return c
}
