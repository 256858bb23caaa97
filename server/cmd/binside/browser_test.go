package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera/cameratest"
	"github.com/binside/binside/datasets"
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/web"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

const webDir = "../../web"

// needBrowser skips, or fails in CI, where the page cannot be opened.
func needBrowser(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/usr/bin/chromium"); err != nil {
		cameratest.Missing(t, "Chromium: %v", err)
	}
	if _, err := os.Stat(filepath.Join(webDir, "dist", "index.html")); err != nil {
		cameratest.Missing(t, "the browser app was not built (make web): %v", err)
	}
}

// walk runs a script of server/web/e2e, whose last argument is the folder of
// screenshots, and answers what it asks for. BINSIDE_TEST_SHOTS names a folder
// that keeps the screenshots.
func walk(t *testing.T, answer func(what string) error, script string, args ...string) {
	t.Helper()
	shots := os.Getenv("BINSIDE_TEST_SHOTS")
	if shots == "" {
		shots = t.TempDir()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{"e2e/" + script}, append(args, shots)...)...)
	cmd.Dir, cmd.WaitDelay = webDir, 10*time.Second
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var said bytes.Buffer
	cmd.Stderr = &said
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		what, asked := strings.CutPrefix(lines.Text(), "@")
		if !asked {
			t.Log(lines.Text())
			continue
		}
		reply := "done"
		if err := answer(what); err != nil {
			reply = "!" + err.Error()
		}
		_, err := io.WriteString(in, reply+"\n")
		require.NoError(t, err)
	}
	require.NoError(t, cmd.Wait(), "%s", said.String())
}

// enter is a one-time link of an administrator's.
func (s *service) enter(t *testing.T) string {
	t.Helper()
	return s.enterAs(t, auth.Admin)
}

// enterAs is a one-time link of somebody with the scope.
func (s *service) enterAs(t *testing.T, scope auth.Scope) string {
	t.Helper()
	code, err := s.auth.IssueLink(t.Context(), operator, []auth.Scope{scope})
	require.NoError(t, err)
	return s.url() + "/#/enter/" + code
}

// demonstrated is a service with the demonstration station and the page; see
// server/web/e2e.
func demonstrated(t *testing.T) *service {
	t.Helper()
	needBrowser(t)
	cfg := testConfig(t)
	cfg.Demo.Enabled = true
	cfg.Demo.WrongShare = 0.8
	if _, err := simulation(cfg.Demo, taxonomy.Default(), nil); err != nil {
		cameratest.Missing(t, "the demonstration's photographs: %v", err)
	}
	return startService(t, cfg)
}

// Cameras are set up, drawn in and tuned in a real browser.
func TestCameraPagesInBrowser(t *testing.T) {
	s := demonstrated(t)
	walk(t, nil, "cameras.mjs", s.enter(t), s.enterAs(t, auth.Read))
}

// The page in a real browser, over the real wiring; see server/web/e2e.
func TestPageInBrowser(t *testing.T) {
	s := demonstrated(t)
	walk(t, nil, "browser.mjs", s.enter(t))

	// What was relabelled in the page comes out with its new label.
	var all page
	require.Equal(t, 200, s.client(t, auth.Read).json("GET", "/api/v1/inspections?station=demo&limit=200", nil, &all))
	n := slices.IndexFunc(all.Items, func(i api.Inspection) bool { return i.Review != nil && i.Review.ItemClass == "battery" })
	require.GreaterOrEqual(t, n, 0)
	dir, rows := s.exported(t)
	require.True(t, slices.ContainsFunc(rows, func(r datasets.Row) bool {
		labelled, err := os.ReadFile(filepath.Join(dir, r.Path))
		require.NoError(t, err)
		return sum(labelled) == all.Items[n].Evidence[0].SHA256 && r.ItemClass == "battery" && r.Category == "hazardous"
	}), "%+v", rows)
}

// gate makes the station "gate" with a bin a category.
func (s *service) gate(t *testing.T) {
	t.Helper()
	require.NoError(t, s.store.CreateStation(t.Context(), &station.Station{ID: "gate", Name: "东门投放点", RegionPath: "/xihu/beishan", TimeZone: "Asia/Shanghai"}))
	for _, c := range s.taxonomy.Categories {
		require.NoError(t, s.store.CreateBin(t.Context(), &station.Bin{ID: "gate-" + c.ID, StationID: "gate", Name: c.Name.ZH + "桶", Accepts: []string{c.ID}}))
	}
}

// misdeposit stores and announces a battery in the bin for paper and glass, as
// the worker does.
func (s *service) misdeposit(ctx context.Context) error {
	img := vision.NewImage(480, 360)
	for i := range img.Pix {
		img.Pix[i] = byte(90 + (i/3%480)/6 + (i%3)*25)
	}
	jpeg, err := codec.EncodeJPEG(img, 90)
	if err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	i := &inspection.Inspection{
		ID: uuid.Must(uuid.NewV7()).String(), StationID: "gate", BinID: "gate-recyclable", Source: inspection.FromStream,
		CapturedAt: now.Add(-time.Second), ReceivedAt: now.Add(-90 * time.Millisecond), DecidedAt: now,
		Verdict: verdict.Tell, Reason: "other-category-sure", Category: "hazardous", ItemClass: "battery", Confidence: 0.98,
		Categories: map[string]float64{"hazardous": 0.98, "recyclable": 0.02}, Classes: []models.ClassProbability{{Class: "battery", Probability: 0.98}},
		Accepts: []string{"recyclable"}, ModelVersion: "1", TaxonomyVersion: s.taxonomy.Ref(), RuleVersion: verdict.RuleVersion,
		Steps: &inspection.Steps{CertainAt: now.Add(-140 * time.Millisecond), TakenAt: now.Add(-70 * time.Millisecond), InferredAt: now.Add(-9 * time.Millisecond)},
	}
	e := inspection.Evidence{Key: "evidence/" + i.ID + ".jpg", SHA256: sum(jpeg), Bytes: len(jpeg), Width: 480, Height: 360, ExpiresAt: now.Add(time.Hour)}
	i.Evidence = []inspection.Evidence{e}
	if err := s.objects.Put(ctx, e.Key, jpeg, "image/jpeg"); err != nil {
		return err
	}
	if _, err := s.store.SaveInspection(ctx, i); err != nil {
		return err
	}
	s.hub.Publish(i)
	return nil
}

// The screen at the bins, a station's settings and a resident's receipt.
func TestScreenInBrowser(t *testing.T) {
	needBrowser(t)
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		cameratest.Missing(t, "espeak-ng: %v", err)
	}
	s := startService(t, testConfig(t))
	s.gate(t)
	walk(t, func(what string) error {
		if what == "removed" {
			s.prompts.Removed(inspection.Removal{StationID: "gate", BinID: "gate-recyclable", Since: time.Now()})
			return nil
		}
		return s.misdeposit(t.Context())
	}, "screen.mjs", s.enter(t))
}

// The screen opens and speaks while the server is away, and takes a new build.
func TestScreenWithoutServer(t *testing.T) {
	needBrowser(t)
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		cameratest.Missing(t, "espeak-ng: %v", err)
	}
	cfg := testConfig(t)
	s := startService(t, cfg)
	s.gate(t)
	_, token, err := s.auth.IssueToken(t.Context(), "tablet", []auth.Scope{auth.ForScreen("gate")}, time.Time{}, "test")
	require.NoError(t, err)
	url := s.url()
	cfg.HTTP.Listen = s.listener.Addr().String()
	t.Cleanup(func() { pageFiles = web.Files })
	again := func() { s = startService(t, cfg) }
	walk(t, func(what string) error {
		switch what {
		case "stop":
			return s.stop(t.Context())
		case "update":
			files := anotherBuild(t)
			pageFiles = func() fs.FS { return files }
			again()
		case "start":
			again()
		case "misdeposit":
			return s.misdeposit(t.Context())
		}
		return nil
	}, "offline.mjs", url, token)
}

// anotherBuild is the page as the next build would have it: index.html and the
// script have changed, and so have the script's name and the worker.
func anotherBuild(t *testing.T) fs.FS {
	t.Helper()
	files, renamed := fstest.MapFS{}, strings.NewReplacer()
	require.NoError(t, fs.WalkDir(web.Files(), "assets", func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".js" {
			renamed = strings.NewReplacer(path, strings.TrimSuffix(path, ".js")+"2.js", "<head>", `<head><meta name="build" content="2">`, `const version = "`, `const version = "2`)
		}
		return err
	}))
	require.NoError(t, fs.WalkDir(web.Files(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path, "swagger/") {
			return err
		}
		data, err := fs.ReadFile(web.Files(), path)
		text := string(data)
		if path == "index.html" || path == "screen-worker.js" {
			text = renamed.Replace(text)
		}
		files[renamed.Replace(path)] = &fstest.MapFile{Data: []byte(text)}
		return err
	}))
	return files
}
