package correction

import (
	"slices"
	"time"

	"github.com/binside/binside/server/station"
)

// Config says when the bin side is told; zero values take the defaults.
type Config struct {
	// Window is how long a resident has to put it right (20 s), Grace how long
	// at least from when the item was seen to leave the wrong bin (10 s).
	Window, Grace time.Duration
	// Stale is how long ago a deposit may have been received to be told (5 s).
	Stale time.Duration
	// Budget is how many prompts a station may show in BudgetSpan (40 in 10
	// minutes; negative: as many as there are).
	Budget     int
	BudgetSpan time.Duration
	// Quiet are the daily hours in which nothing is said, by the station's own
	// clock.
	Quiet []station.Hours
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&c.Window, 20*time.Second)
	def(&c.Grace, 10*time.Second)
	def(&c.Stale, 5*time.Second)
	def(&c.BudgetSpan, 10*time.Minute)
	if c.Budget == 0 {
		c.Budget = 40
	}
	return c
}

// quiet reports whether a time lies in the quiet hours of a place, whose zone
// has an IANA name.
func (c Config) quiet(zone string, at time.Time) (bool, error) {
	if len(c.Quiet) == 0 {
		return false, nil
	}
	local, err := time.LoadLocation(zone)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(c.Quiet, func(h station.Hours) bool { return h.Holds(at.In(local)) }), nil
}

// at returns the configuration of one station: its own settings over c.
func (c Config) at(p *station.Prompts) (Config, error) {
	if p == nil {
		return c, nil
	}
	seconds := func(d *time.Duration, own *int) {
		if own != nil {
			*d = time.Duration(*own) * time.Second
		}
	}
	seconds(&c.Window, p.WindowSeconds)
	seconds(&c.BudgetSpan, p.BudgetSpanSeconds)
	if p.Budget != nil {
		if c.Budget = *p.Budget; c.Budget == 0 {
			c.Budget = -1
		}
	}
	var err error
	if p.QuietHours != nil {
		c.Quiet, err = station.ParseHours(*p.QuietHours)
	}
	return c, err
}
