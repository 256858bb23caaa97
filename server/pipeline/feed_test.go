package pipeline

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/vision"
)

// TestPushedCameraFallsSilent lets a device that pushes frames stop, and begin
// again.
func TestPushedCameraFallsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := newPushFeed()
		defer feed.source.Abandon()
		push := func() {
			_, err := feed.push(vision.NewImage(4, 4), time.Now(), time.Time{})
			require.NoError(t, err)
		}
		push()
		last := time.Now().UTC()
		<-time.After(pushSilence) // by the bubble's clock
		require.Equal(t, StatusStreaming, feed.State().Status)
		<-time.After(time.Hour)
		s := feed.State()
		require.Equal(t, StatusFailed, s.Status)
		require.NotEmpty(t, s.Error)
		require.Equal(t, camera.Silent, s.Reason)
		require.Equal(t, last.Add(pushSilence), s.Since)
		require.Equal(t, last, s.LastFrameAt)
		push()
		s = feed.State()
		require.Equal(t, StatusStreaming, s.Status)
		require.Empty(t, s.Error)
		require.Empty(t, s.Reason)
		require.Equal(t, time.Now().UTC(), s.Since)
	})
}
