package simulate

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

// A reel shows what the play shows, at the same times and with the same truth.
func TestReelIsThePlay(t *testing.T) {
	defer goleak.VerifyNone(t)
	o := testOptions(t)
	path := filepath.Join(t.TempDir(), "reel")
	r, err := Record(t.Context(), o, 1, path)
	require.NoError(t, err)
	src, err := NewSource(o, epoch, 1)
	require.NoError(t, err)
	var frames []*vision.Image
	play(t, src, func(f camera.Frame) { frames = append(frames, f.Image) })
	require.Equal(t, time.Duration(len(frames))*time.Second/FPS, r.Length())

	shown := &recorded{reel: r, times: 2, book: &ledger{}}
	began := time.Now()
	shown.resume(began)
	shown.resume(began.Add(time.Minute)) // a viewer that comes back changes nothing
	for _, c := range []struct {
		n  int
		at time.Duration
	}{{0, 30 * time.Millisecond}, {40, 3970 * time.Millisecond}, {30, r.Length() + 3*time.Second}, {len(frames) - 1, time.Hour}} {
		data, err := shown.frame(began.Add(c.at), 0)
		require.NoError(t, err)
		got, _, err := codec.Decode(data, codec.Limits{}, codec.Options{})
		require.NoError(t, err)
		require.InDelta(t, 0, difference(got, frames[c.n]), 3, "after %s", c.at)
	}
	want, got := src.Truth(0).Events, shown.truth().since(0).Events
	require.Len(t, got, 2*len(want))
	for i, e := range got {
		same := want[i%len(want)]
		require.Equal(t, same.File, e.File)
		require.Equal(t, same.Settled.Sub(epoch)+time.Duration(i/len(want))*r.Length(), e.Settled.Sub(began))
	}
	require.NoError(t, r.Close())
	_, err = os.Stat(path)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestRecordingCanBeStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "reel")
	_, err := Record(ctx, testOptions(t), 2, path)
	require.ErrorIs(t, err, context.Canceled)
	_, err = os.Stat(path)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// difference is the mean absolute difference of two pictures' samples.
func difference(a, b *vision.Image) float64 {
	if a.Width != b.Width || a.Height != b.Height {
		return 255
	}
	sum := 0
	for i := range a.Pix {
		sum += max(int(a.Pix[i])-int(b.Pix[i]), int(b.Pix[i])-int(a.Pix[i]))
	}
	return float64(sum) / float64(len(a.Pix))
}
