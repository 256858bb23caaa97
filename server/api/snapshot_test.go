package api_test

import (
	"bytes"
	"image"
	"image/jpeg"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store/object"
	"github.com/binside/binside/vision/privacy"
)

const snapshotPath = "/api/v1/cameras/cam-here/snapshot"

type accesses struct {
	Items []struct {
		Seq       int64     `json:"seq"`
		At        time.Time `json:"at"`
		CameraID  string    `json:"camera_id"`
		StationID string    `json:"station_id"`
		By        struct{ ID, Name, Kind string }
	}
	NextCursor string `json:"next_cursor"`
}

func (f *fixture) accesses(query string) (a accesses) {
	f.Helper()
	r := f.get("/api/v1/accesses"+query, f.admin)
	require.Equal(f, http.StatusOK, r.status, "%s", r.body)
	r.into(f, &a)
	return a
}

// shown pushes a frame to a camera and waits until it was looked at.
func (f *fixture) shown(camera string, frame []byte) {
	f.Helper()
	require.Equal(f, http.StatusOK, f.push("/api/v1/cameras/"+camera+"/frames?wait=20s", f.admin, frame).status)
}

func TestSnapshotIsRedactedLoggedAndNotStored(t *testing.T) {
	f := start(t, options{})
	r := f.get(snapshotPath, f.admin)
	require.Equal(t, http.StatusConflict, r.status)
	require.Equal(t, "camera-not-ready", r.problem(t))
	require.NotEmpty(t, r.header.Get("Retry-After"))
	require.Empty(t, f.accesses("").Items, "nobody has seen anything")

	f.shown("cam-here", photo(t, 2000, 1000, 1))
	r = f.get(snapshotPath, f.admin)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	require.Equal(t, "image/jpeg", r.header.Get("Content-Type"))
	require.Equal(t, "no-store", r.header.Get("Cache-Control"))
	require.Equal(t, "1", r.header.Get("X-Painted"))
	at, err := time.Parse(time.RFC3339Nano, r.header.Get("X-Captured-At"))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), at, time.Minute)
	img, err := jpeg.Decode(bytes.NewReader(r.body))
	require.NoError(t, err)
	require.Equal(t, 1280, img.Bounds().Dx())
	require.Equal(t, 640, img.Bounds().Dy())
	for _, at := range []image.Point{{5, 5}, {640, 100}, {1270, 310}} {
		red, green, blue, _ := img.At(at.X, at.Y).RGBA()
		for _, v := range []uint32{red, green, blue} {
			require.InDelta(t, privacy.Fill.R, v>>8, 3, "painted over at %v", at)
		}
	}

	a := f.accesses("")
	require.Len(t, a.Items, 1)
	require.Equal(t, "cam-here", a.Items[0].CameraID)
	require.Equal(t, "here", a.Items[0].StationID)
	require.Equal(t, "test", a.Items[0].By.Name)
	require.Equal(t, "token", a.Items[0].By.Kind)
	require.True(t, strings.HasPrefix(f.admin, "bin_"+a.Items[0].By.ID), "who asked is named by their token")
	require.Contains(t, f.log.String(), "somebody looked through a camera")
	require.NoError(t, f.objects.List(t.Context(), "", func(o object.Info) error {
		t.Errorf("%s was stored", o.Key)
		return nil
	}))
}

func TestWhoMayLookThroughACamera(t *testing.T) {
	f := start(t, options{})
	f.shown("cam-here", photo(t, 64, 48, 1))
	for _, scope := range []auth.Scope{auth.Read, auth.ForStation("here"), auth.ForCamera("cam-here"), auth.ForScreen("here")} {
		token := f.token(scope)
		require.Equal(t, http.StatusForbidden, f.get(snapshotPath, token).status, scope)
		require.Equal(t, http.StatusForbidden, f.get("/api/v1/accesses", token).status, scope)
	}
	require.Equal(t, http.StatusNotFound, f.get("/api/v1/cameras/none/snapshot", f.admin).status)
	require.Empty(t, f.accesses("").Items)
}

func TestSnapshotThatCannotBeGiven(t *testing.T) {
	f := start(t, options{})
	ctx := t.Context()
	// It needs no regions.
	bare := station.Camera{ID: "bare", StationID: "here", Name: "bare", Kind: station.Push, Enabled: true}
	require.NoError(t, f.store.CreateCamera(ctx, &bare))
	require.NoError(t, f.cameras.Reload(ctx))
	f.shown("bare", photo(t, 64, 48, 1))

	failure := errTest
	f.redactor.err.Store(&failure)
	r := f.get("/api/v1/cameras/bare/snapshot", f.admin)
	require.Equal(t, http.StatusServiceUnavailable, r.status)
	require.Equal(t, "redaction-failed", r.problem(t))
	require.NotContains(t, string(r.body), "hunter2")
	require.Empty(t, f.accesses("").Items)
	f.redactor.err.Store(nil)

	require.Equal(t, http.StatusOK, f.get("/api/v1/cameras/bare/snapshot", f.admin).status)
	refused := 0
	for range 20 {
		if r := f.get("/api/v1/cameras/bare/snapshot", f.admin); r.status == http.StatusTooManyRequests {
			require.Equal(t, "too-many-requests", r.problem(t))
			refused++
		}
	}
	require.Positive(t, refused)
	require.Len(t, f.accesses("").Items, 21-refused, "every picture is written down, and nothing else")

	bare.Enabled = false
	require.NoError(t, f.store.UpdateCamera(ctx, &bare))
	require.NoError(t, f.cameras.Reload(ctx))
	r = f.get("/api/v1/cameras/bare/snapshot", f.admin)
	require.Equal(t, http.StatusConflict, r.status)
	require.Equal(t, "camera-not-running", r.problem(t))
}
