package uplink

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/binside/binside/server/store"
)

// Clock is what a machine knows of time; tests have others.
type Clock struct {
	// Wall may be wrong, and may be set at any time.
	Wall func() time.Time
	// SinceBoot runs evenly, asleep or not, from the boot that Boot names.
	SinceBoot func() time.Duration
	Boot      string
}

// SystemClock is this machine's.
func SystemClock() (Clock, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Clock{}, fmt.Errorf("uplink: clock: %w", err)
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return Clock{}, fmt.Errorf("uplink: clock: %w", err)
	}
	return Clock{
		Wall: time.Now, Boot: strings.TrimSpace(string(boot)),
		SinceBoot: func() time.Duration {
			var now unix.Timespec
			if unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) != nil {
				return 0 // it worked a moment ago
			}
			return time.Duration(now.Nano())
		},
	}, nil
}

// samples are how many exchanges are remembered, and best how many of them,
// those with the shortest round trips, are believed.
const (
	samples = 32
	best    = 5
)

// skewClock measures the server's clock against the machine's even one, so
// that setting the wall clock spoils no measurement.
type skewClock struct {
	Clock

	mu    sync.Mutex
	taken []exchange // oldest first
}

// exchange is one question and its answer (RFC 5905, section 8): at boot +
// base it is the server's time, with an error of at most half the trip.
type exchange struct {
	base time.Time     // the server's time at the boot
	trip time.Duration // less the time that the server took
}

// exchanged notes an exchange: asked and answered by the even clock, received
// and sent by the server's.
func (c *skewClock) exchanged(asked, answered time.Duration, received, sent time.Time) {
	trip := (answered - asked) - sent.Sub(received)
	if trip < 0 {
		return // the server's clock was set meanwhile
	}
	// Midway between the two the clocks are compared.
	base := received.Add(sent.Sub(received) / 2).Add(-(asked + (answered-asked)/2))
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.taken) == samples {
		c.taken = slices.Delete(c.taken, 0, 1)
	}
	c.taken = append(c.taken, exchange{base: base, trip: trip})
}

// serverBase is the server's time at the boot: the median of those with the
// shortest trips. A server whose clock was set is followed once half of those
// are younger.
func (c *skewClock) serverBase() (time.Time, bool) {
	c.mu.Lock()
	byTrip := slices.Clone(c.taken)
	c.mu.Unlock()
	if len(byTrip) == 0 {
		return time.Time{}, false
	}
	slices.SortStableFunc(byTrip, func(a, b exchange) int { return int(a.trip - b.trip) })
	byTrip = byTrip[:min(best, len(byTrip))]
	slices.SortFunc(byTrip, func(a, b exchange) int { return a.base.Compare(b.base) })
	return byTrip[len(byTrip)/2].base, true
}

// wallBase is the wall clock's time at the boot.
func (c *skewClock) wallBase() time.Time {
	return c.Wall().Round(0).Add(-c.SinceBoot())
}

// skew is the server's clock less the wall clock; false where it was not
// measured yet.
func (c *skewClock) skew() (time.Duration, bool) {
	server, ok := c.serverBase()
	if !ok {
		return 0, false
	}
	return server.Sub(c.wallBase()), true
}

// mark is what the clock shows now, for the outbox.
func (c *skewClock) mark() store.ClockMark {
	m := store.ClockMark{Boot: c.Boot, Base: c.wallBase().UnixMicro()}
	if skew, ok := c.skew(); ok {
		us := skew.Microseconds()
		m.Skew = &us
	}
	return m
}

// plausible is the least time of a clock that was ever set.
var plausible = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// correction is what to add to a time of when a mark was taken, to have it by
// the server's clock. Within one run of the machine it is exact whatever the
// wall clock did since; for an earlier run it is the skew of then or, where
// that was not known, of now. A time that stays impossible, for the clock had
// never been set, becomes now.
func (c *skewClock) correction(m store.ClockMark, at time.Time) time.Duration {
	server, ok := c.serverBase()
	offset := time.Duration(0)
	switch {
	case m.Boot == c.Boot && ok:
		offset = server.Sub(time.UnixMicro(m.Base))
	case m.Skew != nil:
		offset = time.Duration(*m.Skew) * time.Microsecond
	case ok:
		offset = server.Sub(c.wallBase())
	}
	if !ok {
		return offset
	}
	now := server.Add(c.SinceBoot())
	if corrected := at.Add(offset); corrected.Before(plausible) || corrected.After(now) {
		offset = now.Sub(at)
	}
	return offset
}
