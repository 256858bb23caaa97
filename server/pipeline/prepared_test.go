package pipeline

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/station"
	"github.com/binside/binside/vision"
)

func TestPreparedIsBounded(t *testing.T) {
	one := []*vision.Image{vision.NewImage(10, 10)} // 300 bytes
	p := NewPrepared(1200)
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		p.Put(id, one)
	}
	require.Nil(t, p.Take("e"), "full: the newest is not kept")
	require.Equal(t, one, p.Take("a"))
	require.Nil(t, p.Take("a"))
	p.Put("huge", []*vision.Image{vision.NewImage(11, 10)})
	require.Nil(t, p.Take("huge"), "none takes more than a quarter")
	p.Put("none", nil)
	require.Nil(t, p.Take("none"))
}

type oneBin struct {
	WorkerStore
	bin   station.Bin
	err   error
	calls int
	hook  func()
}

func (o *oneBin) GetBin(context.Context, string) (station.Bin, error) {
	o.calls++
	if o.hook != nil {
		o.hook()
	}
	return o.bin, o.err
}

func TestBinsAreRememberedBriefly(t *testing.T) {
	clock := time.Unix(1000, 0)
	s := &oneBin{bin: station.Bin{ID: "b", Name: "old"}}
	b := newBins(s, time.Second)
	b.now = func() time.Time { return clock }
	get := func() string {
		bin, err := b.get(t.Context(), "b")
		require.NoError(t, err)
		return bin.Name
	}
	require.Equal(t, "old", get())
	require.Equal(t, "old", get())
	require.Equal(t, 1, s.calls)
	s.bin.Name = "new"
	require.Equal(t, "old", get())
	clock = clock.Add(2 * time.Second)
	require.Equal(t, "new", get())

	// A change that is told while the old bin is being read wins.
	b.forget("b")
	s.hook = func() { b.forget("b") }
	require.Equal(t, "new", get())
	s.hook = nil
	s.bin.Name = "newest"
	require.Equal(t, "newest", get())

	s.err = errors.New("away")
	b.forget("b")
	_, err := b.get(t.Context(), "b")
	require.ErrorIs(t, err, s.err)
}
