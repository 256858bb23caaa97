package handover

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestShelfIsBounded(t *testing.T) {
	clock := time.Unix(1000, 0)
	s := NewShelf[string](1200)
	s.now = func() time.Time { return clock }
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		s.Put(id, "one", 300)
	}
	take := func(id string) string { v, _ := s.Take(id); return v }
	require.Empty(t, take("e"), "full: the newest is not kept")
	require.Equal(t, "one", take("a"))
	require.Empty(t, take("a"))
	s.Put("b", "two", 300) // again
	s.Put("e", "one", 300)
	require.Equal(t, 1200, s.bytes)
	require.Equal(t, "two", take("b"))
	s.Put("huge", "one", 301)
	require.Empty(t, take("huge"), "none takes more than a quarter")

	// What another process has worked on does not stay for ever.
	clock = clock.Add(age + time.Second)
	s.Put("f", "one", 300)
	require.Equal(t, 300, s.bytes)
	require.Equal(t, "one", take("f"))
	require.Zero(t, s.bytes)
	require.Zero(t, s.order.Len())
	require.Empty(t, s.byID)
}
