package station_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/station"
)

func TestHours(t *testing.T) {
	all, err := station.ParseHours("22:30-06:30, 12:00-13:15")
	require.NoError(t, err)
	require.Len(t, all, 2)
	at := func(hour, minute int) time.Time { return time.Date(2026, 1, 2, hour, minute, 0, 0, time.UTC) }
	for _, c := range []struct {
		hours  int
		t      time.Time
		within bool
	}{
		{0, at(22, 29), false}, {0, at(22, 30), true}, {0, at(0, 0), true}, {0, at(6, 29), true}, {0, at(6, 30), false}, {0, at(12, 0), false},
		{1, at(11, 59), false}, {1, at(12, 0), true}, {1, at(13, 14), true}, {1, at(13, 15), false},
	} {
		require.Equal(t, c.within, all[c.hours].Holds(c.t), "%v at %s", all[c.hours], c.t)
	}
	none, err := station.ParseHours("")
	require.NoError(t, err)
	require.Empty(t, none)
	for _, bad := range []string{"22-6", "24:00-01:00", "1:00-02:00", "22:30-06:60", "22:30", "22:30-06:30x", "a"} {
		_, err := station.ParseHours(bad)
		require.Error(t, err, bad)
	}
}
