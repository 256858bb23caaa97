package main

import (
	"bytes"
	"database/sql"
	"image"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models/faces/facestest"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/config"
	"github.com/binside/binside/server/deletion"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/privacy"
)

// photograph is somebody before a grey wall, with the place where it was taken,
// and the middle of the face.
func photograph(t *testing.T) ([]byte, image.Point) {
	t.Helper()
	img, face := facestest.On(t, 640, 480, 300, image.Pt(200, 90))
	data, err := codec.EncodeJPEG(img, 92)
	require.NoError(t, err)
	return facestest.WithPlace(t, data, 1), face.Min.Add(face.Max).Div(2)
}

// files calls fn for every file below a folder.
func files(t *testing.T, dir string, fn func(path string, data []byte)) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		fn(path, data)
		return err
	}))
}

func requirePainted(t *testing.T, name string, data []byte, at image.Point) {
	t.Helper()
	img, _, err := codec.Decode(data, codec.Limits{}, codec.Options{})
	require.NoError(t, err, name)
	c := img.At(at.X, at.Y)
	for _, v := range []uint8{c.R, c.G, c.B} {
		require.InDelta(t, privacy.Fill.R, v, 4, "%s shows a face", name)
	}
}

// requireNothingKept holds that no file below the folders shows the photograph's
// place or its face, be it a JPEG or hold one: a message of a queue, a row. It
// returns how many JPEGs were looked at. marks are what else may not be there.
func requireNothingKept(t *testing.T, picture []byte, face image.Point, marks map[string][]byte, roots ...string) (jpegs int) {
	t.Helper()
	all := map[string][]byte{
		"the place": []byte(facestest.Place), "EXIF": []byte("Exif\x00\x00"), "the original": picture[len(picture)/2:][:200],
	}
	maps.Copy(all, marks)
	for _, root := range roots {
		files(t, root, func(path string, data []byte) {
			for what, mark := range all {
				require.False(t, bytes.Contains(data, mark), "%s holds %s", path, what)
			}
			for _, jpeg := range embedded(data) {
				jpegs++
				requirePainted(t, path, jpeg, face)
			}
		})
	}
	return jpegs
}

// embedded are the JPEGs in a file.
func embedded(data []byte) (out [][]byte) {
	begin, end := []byte{0xff, 0xd8, 0xff}, []byte{0xff, 0xd9}
	for {
		i := bytes.Index(data, begin)
		if i < 0 {
			return out
		}
		data = data[i:]
		n := bytes.Index(data, end)
		if n < 0 {
			return out
		}
		if _, err := codec.Inspect(data[:n+2], codec.Limits{}); err == nil {
			out = append(out, data[:n+2])
		}
		data = data[len(begin):]
	}
}

// A photograph with a face and a place goes in by every door; no file that the
// service leaves behind, be it of queue, records, objects or the MQTT listener,
// and no sample that is exported, shows either.
func TestNothingKeptShowsAFaceOrAPlace(t *testing.T) {
	picture, face := photograph(t)
	cfg := testConfig(t)
	cfg.Evidence.PassShare = 1
	cfg.MQTT.Listen = "127.0.0.1:0"
	s := startService(t, cfg)
	c := s.client(t, auth.Admin)
	c.makeStation("north")
	for _, bin := range []string{"north-kitchen", "north-other"} {
		var got api.Inspection
		require.Equal(t, 201, c.do("POST", "/api/v1/bins/"+bin+"/deposits?wait=20s", bytes.NewReader(picture), "image/jpeg", &got))
		require.Len(t, got.Evidence, 1)
		requirePainted(t, "evidence", c.fetch(got.Evidence[0].URL), face)
		relabel := map[string]any{"decision": inspection.Relabelled, "item_class": "battery"}
		require.Equal(t, 200, c.json("POST", "/api/v1/inspections/"+got.ID+"/review", relabel, nil))
	}
	body, contentType := sampleForm(t, picture)
	require.Equal(t, 200, c.do("POST", "/api/v1/samples", body, contentType, nil))

	snapshot := s.look(t, c, picture)
	requirePainted(t, "snapshot", snapshot, face)
	s.pushByMQTT(t, picture)

	dir, rows := s.exported(t)
	require.NotEmpty(t, rows)
	marks := map[string][]byte{"a snapshot": snapshot[len(snapshot)/2:][:200]}
	jpegs := requireNothingKept(t, picture, face, marks, cfg.DataDir, dir)
	require.GreaterOrEqual(t, jpegs, 9, "evidence, samples and the exported ones")
}

// pushByMQTT has mosquitto push a photograph as deposits and as frames while
// something waits on the listener's disk for a light that is away: what lies
// beside it is not overwritten.
func (s *service) pushByMQTT(t *testing.T, picture []byte) {
	t.Helper()
	light, display, agent, cam := s.device(t, auth.ForListener("north")), s.device(t, auth.ForScreen("north")), s.device(t, auth.ForStation("north")), s.device(t, auth.ForCamera("gate"))
	l, granted := light.listen([]string{"binside/v1/stations/north/#"}, "-i", light.id, "-c")
	require.Equal(t, "1", granted)
	l.kill()
	waits := `{"online":true,"kind":"screen","name":"what waits for the light"}`
	display.mustSend("binside/v1/stations/north/devices/"+display.id+"/status", []byte(waits))
	before := s.cameras.States()["gate"].Frames
	for n, quality := range []string{"1", "2"} {
		agent.mustSend("binside/v1/push/north/bins/north-kitchen/deposits", picture, "-q", quality)
		agent.mustSend("binside/v1/push/north/bins/north-other/deposits/key-"+quality, picture, "-q", quality, "-r")
		cam.mustSend("binside/v1/push/north/cameras/gate/frames", picture, "-q", quality, "-r")
		require.Eventually(t, func() bool { return s.cameras.States()["gate"].Frames == before+uint64(n)+1 }, patience, 5*time.Millisecond)
	}
	require.Eventually(t, func() bool { return len(s.all(t, "north")) == 2+4 }, patience, 10*time.Millisecond)
	waiting := false
	files(t, s.cfg.DataDir, func(_ string, data []byte) { waiting = waiting || bytes.Contains(data, []byte(waits)) })
	require.True(t, waiting, "the listener's disk holds what waits, as it was sent")
}

// What an agent's station takes in, hands in, and shows to whoever asks through
// its cameras leaves neither face nor place in its own folder or the server's.
func TestNothingKeptOfAnAgentShowsAFaceOrAPlace(t *testing.T) {
	picture, face := photograph(t)
	cfg := testConfig(t)
	cfg.Evidence.PassShare = 1
	server := startService(t, cfg)
	c := server.client(t, auth.Admin)
	c.makeStation("gate")
	require.Equal(t, 201, c.json("POST", "/api/v1/stations/gate/cameras", map[string]any{
		"id": "gate-cam", "name": "cam", "kind": "push", "regions": []station.Region{{BinID: "gate-kitchen", Polygon: vision.Full()}},
	}, nil))
	agent := startAgent(t, server.enrolled(t, "gate", server.url()))
	local := agent.client(t, auth.Admin)
	for _, bin := range []string{"gate-kitchen", "gate-hazardous"} {
		var got api.Inspection
		require.Equal(t, 201, local.do("POST", "/api/v1/bins/"+bin+"/deposits?wait=20s", bytes.NewReader(picture), "image/jpeg", &got))
	}
	require.Equal(t, 200, local.do("POST", "/api/v1/cameras/gate-cam/frames?wait=20s", bytes.NewReader(picture), "image/jpeg", nil))
	var snapshot []byte
	require.Eventually(t, func() bool {
		var status int
		status, _, snapshot, _ = c.asked("GET", "/api/v1/cameras/gate-cam/snapshot", nil)
		return status == 200
	}, patience, 20*time.Millisecond)
	requirePainted(t, "the snapshot", snapshot, face)
	require.Eventually(t, func() bool { return agent.backlog(t) == 0 }, patience, 20*time.Millisecond)
	here := agent.all(t, "gate")
	require.Len(t, here, 2)
	sameAtServer(t, server, "gate", here)
	jpegs := requireNothingKept(t, picture, face, map[string][]byte{"a snapshot": snapshot[len(snapshot)/2:][:200]}, agent.cfg.DataDir, server.cfg.DataDir)
	require.GreaterOrEqual(t, jpegs, 2, "evidence")
}

// look shows a frame to a push camera without regions and returns what whoever
// sets it up sees.
func (s *service) look(t *testing.T, c *client, frame []byte) []byte {
	t.Helper()
	camera := map[string]any{"id": "gate", "name": "gate", "kind": "push", "regions": []any{}}
	require.Equal(t, 201, c.json("POST", "/api/v1/stations/north/cameras", camera, nil))
	require.Equal(t, 409, c.json("GET", "/api/v1/cameras/gate/snapshot", nil, nil))
	require.Equal(t, 200, c.do("POST", "/api/v1/cameras/gate/frames?wait=20s", bytes.NewReader(frame), "image/jpeg", nil))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.base+"/api/v1/cameras/gate/snapshot", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+c.token)
	res, err := c.http.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, 200, res.StatusCode)
	data, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	var log struct{ Items []api.CameraAccess }
	require.Equal(t, 200, c.json("GET", "/api/v1/accesses?camera=gate", nil, &log))
	require.Len(t, log.Items, 1)
	require.Equal(t, t.Name(), log.Items[0].By.Name)
	return data
}

// expire has everything deleted whose time is over.
func (s *service) expire(t *testing.T) int {
	t.Helper()
	n, err := pipeline.NewRetention(s.store, s.objects, s.deletions, time.Hour, 0, s.metrics, slog.New(slog.DiscardHandler)).Round(t.Context())
	require.NoError(t, err)
	return n
}

// What is deleted is proved by a file, without the service.
func TestDeletionsAreProved(t *testing.T) {
	cfg := testConfig(t)
	cfg.Evidence.PassShare = 1
	cfg.Evidence.Retention = config.Retention{Pass: 1, Tell: 1, Check: 1, Unreadable: 1}
	s := startService(t, cfg)
	c := s.client(t, auth.Admin)
	c.makeStation("north")
	picture, _ := photograph(t)
	for _, bin := range []string{"north-kitchen", "north-other", "north-hazardous"} {
		require.Equal(t, 201, c.do("POST", "/api/v1/bins/"+bin+"/deposits?wait=20s", bytes.NewReader(picture), "image/jpeg", nil))
	}
	require.Equal(t, 3, s.expire(t))
	files(t, filepath.Join(cfg.DataDir, "objects"), func(path string, _ []byte) { require.NotContains(t, path, ".jpg") })
	info, err := os.Stat(filepath.Join(cfg.DataDir, deletionKey))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())

	var log api.DeletionLog
	require.Equal(t, 200, c.json("GET", "/api/v1/deletions/log", nil, &log))
	require.EqualValues(t, 4, log.Head.Seq)
	file := filepath.Join(t.TempDir(), "deletions.jsonl")
	require.Contains(t, command(t, "deletions", "export", file, "--data", cfg.DataDir), log.Head.String())
	key := log.Keys[0].Key
	require.Contains(t, command(t, "deletions", "verify", file, "--key", key, "--head", log.Head.String()), "4 entries are whole and in order, signed by the trusted keys")
	require.Contains(t, command(t, "deletions", "verify", "--store", "--data", cfg.DataDir), "by the keys that the log brings itself")

	fails := func(says string, args ...string) {
		t.Helper()
		root := newRoot(io.Discard, io.Discard)
		root.SetArgs(append([]string{"deletions", "verify"}, args...))
		require.ErrorContains(t, root.ExecuteContext(t.Context()), says)
	}
	own := []string{"--store", "--data", cfg.DataDir}
	fails("either a FILE or --store")
	fails("either a FILE or --store", append(own, file)...)
	stranger, err := deletion.NewSigner(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	fails("is not trusted", file, "--key", stranger.Public().Key)
	fails("SEQ:HASH", file, "--head", "4")
	fails("public key", file, "--key", "x")

	// Whoever has the records, and not the key.
	db, err := sql.Open("sqlite3", filepath.Join(cfg.DataDir, "binside.db"))
	require.NoError(t, err)
	defer db.Close()
	tamper := func(query string) {
		t.Helper()
		_, err := db.ExecContext(t.Context(), query)
		require.NoError(t, err)
	}
	tamper(`UPDATE deletions SET reason = reason || ' ' WHERE seq = 2`)
	fails("entry 2 was changed", own...)
	tamper(`UPDATE deletions SET reason = trim(reason) WHERE seq = 2`)
	tamper(`CREATE TABLE aside AS SELECT * FROM deletions WHERE seq = 3`)
	tamper(`DELETE FROM deletions WHERE seq = 3`)
	fails("entry 4 stands where 3 belongs", own...)
	tamper(`INSERT INTO deletions SELECT * FROM aside`)
	tamper(`DELETE FROM deletions WHERE seq = 4`)
	fails("1 images are marked as deleted without an entry", own...)
	fails("its end is missing", append(own, "--head", log.Head.String())...)
}

// sampleForm is an upload of one labelled picture.
func sampleForm(t *testing.T, picture []byte) (io.Reader, string) {
	t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	require.NoError(t, w.WriteField("item_class", "battery"))
	part, err := w.CreateFormFile("files", "photograph.jpg")
	require.NoError(t, err)
	_, err = part.Write(picture)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return &buf, w.FormDataContentType()
}
