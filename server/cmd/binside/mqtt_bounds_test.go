package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/mqtt"
)

// A token that opens many connections or durable sessions is told why it may not,
// which is counted, and another device goes on.
func TestMosquittoOfOneTokenIsBounded(t *testing.T) {
	s, _ := startDevices(t)
	greedy, light := s.device(t, auth.ForListener("gate")), s.device(t, auth.ForListener("gate"))
	topic := "binside/v1/stations/gate/state"
	ears, _ := light.listen([]string{topic}, "-i", light.id, "-c")
	var refused string
	var listeners []*listener
	for n := 0; refused == "" && n < 100; n++ {
		out, err := greedy.send("binside/v1/stations/gate/devices/"+greedy.id+"/status", []byte(`{"online":true}`), "-i", fmt.Sprintf("%s-%d", greedy.id, n), "-c")
		if err != nil {
			refused = out
			require.Equal(t, 4, n, out)
		}
	}
	require.Contains(t, refused, "identifier rejected")
	for n := range 100 {
		l, granted := greedy.listen([]string{topic})
		if granted == "" {
			require.Equal(t, 16, n)
			break
		}
		listeners = append(listeners, l)
	}
	require.Len(t, listeners, 16)
	out, err := greedy.send("binside/v1/stations/gate/devices/"+greedy.id+"/status", []byte(`{"online":true}`))
	require.Error(t, err)
	require.Contains(t, out, "broker unavailable")
	require.GreaterOrEqual(t, s.gauge(t, "binside_mqtt_connections_refused_total"), 2.0)
	require.InDelta(t, 5, s.gauge(t, "binside_mqtt_sessions"), 0)
	require.InDelta(t, 17, s.gauge(t, "binside_mqtt_clients"), 0)
	on(ears, topic, func(s mqtt.State) bool { return s.Online })
	for _, l := range listeners {
		l.kill()
	}
	require.Eventually(t, func() bool { return s.gauge(t, "binside_mqtt_clients") == 1 }, patience, 5*time.Millisecond)
	greedy.mustSend("binside/v1/stations/gate/devices/"+greedy.id+"/status", []byte(`{"online":true}`))
}

// /readyz lists the listener, and says so when it is dead.
func TestReadyzListsMQTT(t *testing.T) {
	cfg := testConfig(t)
	cfg.MQTT.Listen = "127.0.0.1:0"
	s := startService(t, cfg)
	c := s.client(t, auth.Admin)
	var report api.ReadinessReport
	require.Equal(t, 200, c.json("GET", "/readyz", nil, &report))
	require.Equal(t, api.Ready, report.Components["mqtt"].Status)

	s.mqtt.Close(t.Context())
	s.closers = s.closers[:len(s.closers)-1]
	require.Equal(t, 200, c.json("GET", "/readyz", nil, &report))
	require.Equal(t, api.Degraded, report.Status)
	require.Equal(t, api.Degraded, report.Components["mqtt"].Status)
	require.Contains(t, report.Components["mqtt"].Detail, "nobody listens")
}
