package api_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
)

// devices lists a station's by their tokens' names, or else their own.
func (f *fixture) devices(stationID, token string) map[string]api.Device {
	f.Helper()
	r := f.get("/api/v1/stations/"+stationID+"/devices", token)
	require.Equal(f, http.StatusOK, r.status, "%s", r.body)
	var list api.DeviceList
	r.into(f, &list)
	out := make(map[string]api.Device)
	for _, d := range list.Items {
		name := d.Name
		if d.Token != nil {
			name = d.Token.Name
		}
		out[name] = d
	}
	require.Len(f, out, len(list.Items))
	return out
}

// named makes a token with a name and returns its ID and text.
func (f *fixture) named(name string, scopes ...auth.Scope) (id, text string) {
	f.Helper()
	t, text, err := f.auth.IssueToken(context.Background(), name, scopes, time.Time{}, "test")
	require.NoError(f, err)
	return t.ID, text
}

func TestDevicesOfAStation(t *testing.T) {
	f := start(t, options{})
	ctx := t.Context()
	require.NoError(t, f.store.CreateCamera(ctx, &station.Camera{ID: "door", StationID: "here", Name: "door", Kind: station.RTSP, URL: "rtsp://user:hunter2@192.0.2.7/s"}))
	_, push := f.named("pusher", auth.ForCamera("cam-here"))
	_, screen := f.named("tablet", auth.ForScreen("here"), auth.ForScreen("there"))
	light, _ := f.named("a light", auth.ForListener("here"))
	lock, _ := f.named("a lock", auth.ForListener("here"))
	gone, goneText := f.named("stolen", auth.ForStation("here"))
	f.named("elsewhere", auth.ForScreen("there"), auth.ForCamera("cam-there"))
	f.named("idle agent", auth.ForAgent("here"))

	require.Equal(t, http.StatusOK, f.get("/api/v1/stations/here/screen", screen).status)
	require.Equal(t, http.StatusAccepted, f.push("/api/v1/cameras/cam-here/frames", push, photo(t, 64, 48, 1)).status)
	require.Equal(t, http.StatusOK, f.get("/api/v1/stations/here", goneText).status)
	require.Equal(t, http.StatusNoContent, f.send(http.MethodDelete, "/api/v1/tokens/"+gone, f.admin, nil).status)
	now := time.Now().UTC().Truncate(time.Microsecond)
	require.NoError(t, f.store.SaveMQTT(ctx, []store.MQTTDevice{
		{TokenID: light, Connections: 1, ClientID: light, Address: "192.0.2.8", Since: now.Add(-time.Hour), SeenAt: now, Will: true, Kind: "light", Name: "gate light"},
		{TokenID: lock, ClientID: lock, Address: "192.0.2.9", Since: now.Add(-time.Hour), SeenAt: now.Add(-time.Minute), Parting: "lost"},
	}, nil, nil))

	got := f.devices("here", f.read)
	require.Len(t, got, 7)
	require.NotContains(t, got, "elsewhere")
	door := got["door"]
	require.Equal(t, "camera", door.Kind)
	require.Equal(t, "fetched", door.Way)
	require.Nil(t, door.Token)
	require.Equal(t, "rtsp://***@192.0.2.7/s", door.Address)
	require.False(t, door.Connected)
	pusher := got["pusher"]
	require.Equal(t, "camera", pusher.Kind)
	require.Equal(t, "cam-here", pusher.CameraID)
	require.Equal(t, "http", pusher.Way)
	require.True(t, pusher.Connected)
	require.Equal(t, "127.0.0.1", pusher.Address)
	tablet := got["tablet"]
	require.Equal(t, "screen", tablet.Kind)
	require.Equal(t, []string{"screen:here", "screen:there"}, tablet.Token.Scopes)
	require.WithinDuration(t, now, *tablet.SeenAt, time.Minute)
	l := got["a light"]
	require.Equal(t, []any{"light", "gate light", "mqtt", true, 1, "192.0.2.8", true, ""}, []any{l.Kind, l.Name, l.Way, l.Connected, l.Connections, l.Address, l.LastWill, l.Parting})
	k := got["a lock"]
	require.Equal(t, []any{"listener", "a lock", "mqtt", false, "lost"}, []any{k.Kind, k.Name, k.Way, k.Connected, k.Parting})
	require.Equal(t, now.Add(-time.Minute), *k.SeenAt)
	stolen := got["stolen"]
	require.Equal(t, "station", stolen.Kind)
	require.False(t, stolen.Connected)
	require.NotNil(t, stolen.Token.RevokedAt)
	idle := got["idle agent"]
	require.Equal(t, "agent", idle.Kind)
	require.Empty(t, idle.Way)
	require.Nil(t, idle.SeenAt)
	require.NotContains(t, string(f.get("/api/v1/stations/here/devices", f.read).body), "hunter2")
	require.Contains(t, f.devices("there", f.read), "tablet")
}

// What another process noted and did not take back when it died is believed for a
// while only, and what this process sees goes before.
func TestDevicesOfAProcessThatDied(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	f := start(t, options{cfg: api.Config{Now: func() time.Time { return now }}})
	light, _ := f.named("light", auth.ForListener("here"))
	row := store.MQTTDevice{TokenID: light, Connections: 1, ClientID: light, Address: "192.0.2.8", Since: now.Add(-time.Hour), SeenAt: now.Add(-time.Hour)}
	require.NoError(t, f.store.SaveMQTT(t.Context(), []store.MQTTDevice{row}, nil, nil))
	d := f.devices("here", f.read)["light"]
	require.False(t, d.Connected)
	require.Equal(t, "lost", d.Parting)
	deps := f.deps
	row.SeenAt, row.Connections = now, 2
	deps.MQTT = func() *api.MQTT { return &api.MQTT{Port: 1883, Devices: []store.MQTTDevice{row}} }
	f.serve(deps, api.Config{Now: func() time.Time { return now }})
	require.Equal(t, 2, f.devices("here", f.read)["light"].Connections)
	var list api.DeviceList
	f.get("/api/v1/stations/here/devices", f.read).into(t, &list)
	require.Equal(t, &api.MQTTAddress{Port: 1883}, list.MQTT)
}

// Devices see no devices, and whoever may only look revokes and makes no token.
func TestWhoSeesDevices(t *testing.T) {
	f := start(t, options{})
	for _, scope := range []auth.Scope{auth.ForStation("here"), auth.ForScreen("here"), auth.ForListener("here"), auth.ForCamera("cam-here"), auth.ForAgent("here")} {
		r := f.get("/api/v1/stations/here/devices", f.token(scope))
		require.Equal(t, http.StatusForbidden, r.status, scope)
		require.Equal(t, "forbidden", r.problem(t))
	}
	require.Equal(t, "not-found", f.get("/api/v1/stations/nowhere/devices", f.read).problem(t))
	id, _ := f.named("light", auth.ForListener("here"))
	require.Equal(t, http.StatusForbidden, f.send(http.MethodDelete, "/api/v1/tokens/"+id, f.read, nil).status)
	require.Equal(t, http.StatusForbidden, f.send(http.MethodPost, "/api/v1/tokens", f.read, map[string]any{"name": "x", "scopes": []string{"listen:here"}}).status)
}
