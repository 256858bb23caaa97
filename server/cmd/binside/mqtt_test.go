package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/mqtt"
)

// startDevices starts a service with the MQTT listener and two stations.
func startDevices(t *testing.T) (*service, *client) {
	t.Helper()
	cfg := testConfig(t)
	cfg.MQTT.Listen = "127.0.0.1:0"
	s := startService(t, cfg)
	c := s.client(t, auth.Admin)
	c.makeStation("gate")
	c.makeStation("other")
	return s, c
}

// misdeposit is a photograph and one of a station's bins, by its category, at
// which the real model tells.
func (c *client) misdeposit() (picture []byte, category string) {
	c.t.Helper()
	c.makeStation("probe")
	pictures := cutOuts(c.t)
	for _, name := range slices.Sorted(maps.Keys(pictures)) {
		for _, category := range []string{"hazardous", "kitchen", "recyclable", "other"} {
			var got api.Inspection
			status := c.do("POST", "/api/v1/bins/probe-"+category+"/deposits?wait=20s", bytes.NewReader(pictures[name]), "image/jpeg", &got)
			require.Equal(c.t, 201, status)
			if got.Verdict == verdict.Tell {
				return pictures[name], category
			}
		}
	}
	c.t.Fatal("the model tells at none of these")
	return nil, ""
}

func toJSON(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return data
}

// A misdeposit pushed by mosquitto_pub is prompted, and its correction published
// by another mosquitto_pub is heard by mosquitto_sub; the retained state follows,
// and whatever is published is what its schema says.
func TestMosquittoPushPromptCorrection(t *testing.T) {
	s, c := startDevices(t)
	picture, category := c.misdeposit()
	agent, screen, light := s.device(t, auth.ForStation("gate")), s.device(t, auth.ForScreen("gate")), s.device(t, auth.ForListener("gate"))
	bin := "gate-" + category
	l, granted := light.listen([]string{"binside/v1/stations/gate/#"})
	require.Equal(t, "1", granted)
	schemas := newSchemas(t)
	_, state := on(l, "binside/v1/stations/gate/state", func(s mqtt.State) bool { return s.Online && len(s.Bins) == 4 })
	require.Empty(t, state.Prompts)
	require.True(t, state.ValidUntil.After(time.Now()))

	agent.mustSend("binside/v1/push/gate/bins/"+bin+"/deposits/one", picture)
	m, prompt := on(l, "binside/v1/stations/gate/prompts", func(p api.ScreenPrompt) bool { return p.BinID == bin })
	require.Equal(t, inspection.PromptOpen, prompt.Prompt.State)
	require.Len(t, prompt.GoesTo, 1)
	schemas.check("prompt", m.payload)
	m, _ = on(l, "binside/v1/stations/gate/state", func(s mqtt.State) bool {
		return s.Signals[bin] == mqtt.Wrong && s.Signals[prompt.GoesTo[0]] == mqtt.Target && len(s.Prompts) == 1
	})
	schemas.check("state", m.payload)

	late, _ := light.listen([]string{"binside/v1/stations/gate/state"})
	m, _ = on(late, "binside/v1/stations/gate/state", func(s mqtt.State) bool { return len(s.Prompts) == 1 })
	require.True(t, m.retained, "a late subscriber gets the state at once")

	correction := toJSON(t, mqtt.Correction{InspectionID: prompt.ID, Outcome: inspection.PromptCorrected})
	schemas.check("correction", string(correction))
	shown := toJSON(t, api.ShownRequest{InspectionID: prompt.ID})
	schemas.check("shown", string(shown))
	screen.mustSend("binside/v1/push/gate/shown", shown)
	screen.mustSend("binside/v1/push/gate/correction", correction)
	_, prompt = on(l, "binside/v1/stations/gate/prompts", func(p api.ScreenPrompt) bool { return p.ID == prompt.ID })
	require.Equal(t, inspection.PromptCorrected, prompt.Prompt.State)
	require.Equal(t, inspection.MeansButton, prompt.Prompt.Means)
	on(l, "binside/v1/stations/gate/state", func(s mqtt.State) bool { return s.Signals[bin] == mqtt.Idle && len(s.Prompts) == 0 })

	// The same deposit under the same key is not a second one, and an answer that
	// comes too late is told so.
	agent.mustSend("binside/v1/push/gate/bins/"+bin+"/deposits/one", picture, "-q", "2")
	e, granted := screen.listen([]string{"binside/v1/errors/gate/correction"})
	require.Equal(t, "1", granted)
	screen.mustSend("binside/v1/push/gate/correction", correction)
	m, problem := on(e, "binside/v1/errors/gate/correction", func(api.Problem) bool { return true })
	require.Equal(t, "urn:binside:problem:prompt-over", problem.Type)
	schemas.check("problem", m.payload)
	right := prompt.GoesTo[0]
	agent.mustSend("binside/v1/push/gate/bins/"+right+"/deposits", picture)
	m, _ = on(l, "binside/v1/stations/gate/thanks", func(t api.Thanks) bool { return t.BinID == right })
	schemas.check("thanks", m.payload)
	var all page
	require.Equal(t, 200, c.json("GET", "/api/v1/inspections?station=gate", nil, &all))
	require.Len(t, all.Items, 2)
	require.Equal(t, inspection.PromptCorrected, all.Items[1].Prompt.State)
	require.Nil(t, all.Items[0].Prompt)
}

// schemas are the committed JSON Schemas.
type schemas struct {
	t *testing.T
	c *jsonschema.Compiler
}

func newSchemas(t *testing.T) schemas {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	files, err := filepath.Glob("../../mqtt/schema/*.json")
	require.NoError(t, err)
	require.Len(t, files, len(mqtt.Payloads()))
	for _, name := range files {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		require.NoError(t, err)
		id := "urn:binside:mqtt:v1:" + strings.TrimSuffix(filepath.Base(name), ".json")
		require.NoError(t, c.AddResource(id, doc))
	}
	return schemas{t, c}
}

func (s schemas) check(name, payload string) {
	s.t.Helper()
	schema, err := s.c.Compile("urn:binside:mqtt:v1:" + name)
	require.NoError(s.t, err)
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(payload))
	require.NoError(s.t, err)
	require.NoError(s.t, schema.Validate(v), payload)
}

// What a device sets as its last will is heard when it dies, and nobody can set
// one in another's name.
func TestMosquittoLastWill(t *testing.T) {
	s, _ := startDevices(t)
	watcher, light, lock := s.device(t, auth.ForScreen("gate")), s.device(t, auth.ForListener("gate")), s.device(t, auth.ForListener("gate"))
	l, _ := watcher.listen([]string{"binside/v1/stations/gate/devices/+/status"})
	status := func(d *device) string { return "binside/v1/stations/gate/devices/" + d.id + "/status" }
	gone, here := `{"online":false,"kind":"light"}`, `{"online":true,"kind":"light"}`
	schemas := newSchemas(t)
	schemas.check("device-status", gone)

	// The lock's will is in the light's name: it must not be published.
	liar, _ := lock.listen([]string{"binside/v1/stations/gate/state"},
		"--will-topic", status(light), "--will-payload", `{"online":false,"kind":"other"}`, "--will-retain", "--will-qos", "1")
	honest, _ := light.listen([]string{"binside/v1/stations/gate/state"}, "-i", light.id, "-c",
		"--will-topic", status(light), "--will-payload", gone, "--will-retain", "--will-qos", "1")
	light.mustSend(status(light), []byte(here), "-r")
	on(l, status(light), func(s mqtt.DeviceStatus) bool { return s.Online })
	liar.kill()
	honest.kill()
	l.nothing("the light's last will", func(m heard) bool { return m.payload == gone }, func(m heard) bool { return m.topic != status(light) || strings.Contains(m.payload, "other") })
	late, _ := watcher.listen([]string{"binside/v1/stations/gate/devices/+/status"})
	m, _ := on(late, status(light), func(s mqtt.DeviceStatus) bool { return !s.Online })
	require.True(t, m.retained)
}

// A stolen token opens nothing but its own: no other topic can be read or
// written, nor the server's own subjects.
func TestMosquittoStolenTokenOpensNothingElse(t *testing.T) {
	s, c := startDevices(t)
	screen, cam, light := s.device(t, auth.ForScreen("gate")), s.device(t, auth.ForCamera("gate-cam")), s.device(t, auth.ForListener("gate"))
	forbidden := []string{
		"#", "+/#", "binside/#", "binside/v1/stations/#", "binside/v1/stations/+/state", "binside/v1/stations/other/#", "binside/v1/push/#",
		"binside/v1/push/gate/#", "binside/v1/errors/#", "$JS/API/#", "$JS/#", "$SYS/#", "$MQTT/#", "$MQTT/msgs/#", "$MQTT/rmsgs/#", "$MQTT/sub/#", "_INBOX/#", "binside/deposits", "binside/stored", "+/+", ">", "*",
	}
	for _, d := range []*device{screen, cam, light} {
		for _, topic := range forbidden {
			l, granted := d.listen([]string{topic})
			require.Contains(t, []string{"128", ""}, granted, topic)
			l.kill()
		}
	}
	for _, bad := range []*device{
		{t: t, host: screen.host, port: screen.port, token: "bin_" + screen.id + "_" + strings.Repeat("a", 43)},
		{t: t, host: screen.host, port: screen.port, token: "binside"},
		{t: t, host: screen.host, port: screen.port, token: screen.token + "x"},
	} {
		out, err := bad.send("binside/v1/push/gate/shown", []byte("{}"))
		require.Error(t, err)
		require.Contains(t, out, "Connection error: Connection Refused")
	}
	s.checkNobodyHears(t, screen, cam, light)

	// Under another's client ID, and under this service's own, nobody is let in.
	for _, id := range []string{light.id, light.id + "-2", "binside", "x"} {
		out, err := screen.send("binside/v1/push/gate/shown", []byte("{}"), "-i", id)
		require.Error(t, err, id)
		require.NotEmpty(t, out)
	}
	screen.mustSend("binside/v1/push/gate/shown", []byte("{}"), "-i", screen.id+"-2")
	var all page
	require.Equal(t, 200, c.json("GET", "/api/v1/inspections", nil, &all))
	require.Empty(t, all.Items, "nothing was deposited in anybody's name")
}

// checkNobodyHears publishes where the devices may not, and listens with every
// right there is.
func (s *service) checkNobodyHears(t *testing.T, devices ...*device) {
	t.Helper()
	all := s.device(t, auth.Admin)
	l, _ := all.listen([]string{"binside/v1/stations/#"})
	e, _ := all.listen([]string{"binside/v1/errors/gate/correction"})
	for _, d := range devices {
		for _, topic := range []string{
			"binside/v1/stations/gate/state", "binside/v1/stations/gate/prompts", "binside/v1/stations/gate/thanks", "binside/v1/stations/other/devices/" + d.id + "/status",
			"binside/v1/stations/gate/devices/x/status", "binside/v1/push/other/correction", "binside/v1/push/gate/bins/gate-kitchen/deposits", "binside/v1/push/other/cameras/c/frames",
			"$JS/API/STREAM/PURGE/$MQTT_rmsgs", "$JS/API/STREAM/NAMES", "$MQTT/rmsgs/binside/v1/stations/gate/state", "$MQTT/msgs/binside/v1/push/gate/bins/gate-kitchen/deposits", "binside/deposits", "binside/stored",
		} {
			d.mustSend(topic, []byte(`{"forged":true}`), "-r")
		}
	}
	require.Equal(t, uint64(0), s.queueDepth(t))
	// By the time that this is answered, the rest has been.
	all.mustSend("binside/v1/push/gate/correction", []byte(`{"forged":true}`))
	on(e, "binside/v1/errors/gate/correction", func(p api.Problem) bool { return p.Type == "urn:binside:problem:validation" })
	late, _ := all.listen([]string{"binside/v1/stations/#"})
	for _, ears := range []*listener{l, late} {
		ears.nothing("a state", func(m heard) bool { return m.topic == "binside/v1/stations/other/state" }, func(m heard) bool { return strings.Contains(m.payload, "forged") })
	}
}

func (s *service) queueDepth(t *testing.T) uint64 {
	t.Helper()
	q, err := s.queue.Stats(t.Context())
	require.NoError(t, err)
	return uint64(q.Depth)
}

// A revoked token is cut off at once and does not come back, whoever revoked it;
// its streams over HTTP end too.
func TestMosquittoRevokedTokenIsCutOff(t *testing.T) {
	s, _ := startDevices(t)
	here, elsewhere, stays := s.device(t, auth.ForListener("gate")), s.device(t, auth.ForListener("gate")), s.device(t, auth.ForListener("gate"))
	topics := []string{"binside/v1/stations/gate/state"}
	a, _ := here.listen(topics)
	b, _ := elsewhere.listen(topics)
	c, _ := stays.listen(topics)
	refused := s.gauge(t, "binside_mqtt_connections_refused_total")

	began := time.Now()
	require.NoError(t, s.auth.RevokeToken(t.Context(), here.id, "test"))
	require.Eventually(t, func() bool { return s.gauge(t, "binside_mqtt_clients") == 2 }, patience, 5*time.Millisecond)
	took := time.Since(began)
	require.Less(t, took, time.Second, "at once")
	t.Logf("cut off after %v", took)
	// By another process: that one's notice is what the store says.
	require.NoError(t, s.store.RevokeToken(t.Context(), elsewhere.id, time.Now().UTC()))
	require.Eventually(t, func() bool { return s.gauge(t, "binside_mqtt_clients") == 1 }, patience, 20*time.Millisecond)
	// mosquitto_sub tries again by itself, and is refused.
	for _, l := range []*listener{a, b} {
		select {
		case <-l.ended:
		case <-time.After(patience):
			t.Fatal("a client whose token was revoked goes on")
		}
	}
	require.Greater(t, s.gauge(t, "binside_mqtt_connections_refused_total"), refused)
	for _, d := range []*device{here, elsewhere} {
		_, err := d.send("binside/v1/stations/gate/devices/"+d.id+"/status", []byte(`{"online":true}`))
		require.Error(t, err)
	}
	on(c, topics[0], func(s mqtt.State) bool { return s.Online })
}

// gauge is the sum of a metric over its labels.
func (s *service) gauge(t *testing.T, name string) (sum float64) {
	t.Helper()
	families, err := s.registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return sum
}

// A camera's token pushes its camera's frames, which are counted, and nothing
// else; a picture that is none is answered with a problem.
func TestMosquittoPushesFrames(t *testing.T) {
	s, c := startDevices(t)
	for _, station := range []string{"gate", "other"} {
		cam := map[string]any{"id": station + "-cam", "name": "cam", "kind": "push", "regions": []any{}}
		require.Equal(t, 201, c.json("POST", "/api/v1/stations/"+station+"/cameras", cam, nil))
	}
	cam := s.device(t, auth.ForCamera("gate-cam"))
	e, granted := cam.listen([]string{"binside/v1/errors/+/cameras/gate-cam/frames"})
	require.Equal(t, "1", granted)
	frames := func() uint64 { return s.cameras.States()["gate-cam"].Frames }
	picture := testPicture(t)
	for n := range uint64(3) {
		cam.mustSend("binside/v1/push/gate/cameras/gate-cam/frames", picture)
		require.Eventually(t, func() bool { return frames() == n+1 }, patience, 5*time.Millisecond)
	}
	cam.mustSend("binside/v1/push/gate/cameras/other-cam/frames", picture)
	cam.mustSend("binside/v1/push/gate/cameras/gate-cam/frames", picture[:len(picture)/2])
	_, p := on(e, "binside/v1/errors/gate/cameras/gate-cam/frames", func(api.Problem) bool { return true })
	require.Equal(t, "urn:binside:problem:image-truncated", p.Type)
	cam.mustSend("binside/v1/push/other/cameras/gate-cam/frames", picture)
	_, p = on(e, "binside/v1/errors/other/cameras/gate-cam/frames", func(api.Problem) bool { return true })
	require.Equal(t, "urn:binside:problem:not-found", p.Type)
	require.Equal(t, uint64(3), frames())
	require.Zero(t, s.cameras.States()["other-cam"].Frames)
}

// An orderly stop leaves the state as offline, on the disk.
func TestMosquittoSeesTheServiceStop(t *testing.T) {
	cfg := testConfig(t)
	cfg.MQTT.Listen = "127.0.0.1:0"
	s, err := start(t.Context(), cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	require.NoError(t, err)
	s.client(t, auth.Admin).makeStation("gate")
	light := s.device(t, auth.ForListener("gate"))
	l, _ := light.listen([]string{"binside/v1/stations/gate/state"})
	on(l, "binside/v1/stations/gate/state", func(s mqtt.State) bool { return s.Online })
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop(t.Context()) }()
	_, state := on(l, "binside/v1/stations/gate/state", func(s mqtt.State) bool { return !s.Online })
	require.False(t, state.ValidUntil.After(time.Now()))
	require.NoError(t, <-stopped)
}
