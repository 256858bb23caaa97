package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
)

func TestCameraMemory(t *testing.T) { onBoth(t, testCameraMemory) }

func testCameraMemory(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	gate := station.Station{ID: "gate", Name: "gate", TimeZone: "UTC", CreatedAt: epoch, UpdatedAt: epoch}
	cams := []station.Camera{{ID: "a", StationID: "gate", Kind: station.Push}, {ID: "b", StationID: "gate", Kind: station.Push}}
	require.NoError(t, st.PutPlaces(ctx, &gate, nil, cams))
	_, err := st.CameraMemory(ctx, "a")
	require.ErrorIs(t, err, store.ErrNotFound)
	a := store.CameraMemory{CameraID: "a", Device: "one", At: epoch, Memory: []byte{0, 1, 254, 255}}
	b := store.CameraMemory{CameraID: "b", Device: "two", At: epoch.Add(time.Hour), Memory: []byte{7}}
	for _, m := range []store.CameraMemory{a, b} {
		require.NoError(t, st.SaveCameraMemory(ctx, m))
	}
	a.Device, a.At, a.Memory = "other", epoch.Add(time.Minute), []byte("later")
	require.NoError(t, st.SaveCameraMemory(ctx, a))
	got, err := st.CameraMemory(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, a, got)
	require.ErrorIs(t, st.SaveCameraMemory(ctx, store.CameraMemory{CameraID: "unknown"}), store.ErrNotFound)

	cams[0].Name = "has another name"
	require.NoError(t, st.PutPlaces(ctx, &gate, nil, cams[:1]))
	got, err = st.CameraMemory(ctx, "a")
	require.NoError(t, err, "an agent's next bundle leaves what it knows of its cameras")
	require.Equal(t, a, got)
	_, err = st.CameraMemory(ctx, "b")
	require.ErrorIs(t, err, store.ErrNotFound, "it goes with the camera")

	cam, err := st.GetCamera(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, "has another name", cam.Name)
	require.NoError(t, st.ForgetCamera(ctx, "a"))
	require.NoError(t, st.ForgetCamera(ctx, "a"))
	_, err = st.CameraMemory(ctx, "a")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.NoError(t, st.SaveCameraMemory(ctx, a))
	require.NoError(t, st.DeleteCamera(ctx, cam))
	_, err = st.CameraMemory(ctx, "a")
	require.ErrorIs(t, err, store.ErrNotFound)
}
