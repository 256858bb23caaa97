package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera/cameratest"
	"github.com/binside/binside/datasets"
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
)

const webDir = "../../web"

// demonstrated is a service with the demonstration station and the page; see
// server/web/e2e.
func demonstrated(t *testing.T) *service {
	t.Helper()
	if _, err := os.Stat("/usr/bin/chromium"); err != nil {
		cameratest.Missing(t, "Chromium: %v", err)
	}
	if _, err := os.Stat(filepath.Join(webDir, "dist", "index.html")); err != nil {
		cameratest.Missing(t, "the browser app was not built (make web): %v", err)
	}
	cfg := testConfig(t)
	cfg.Demo.Enabled = true
	cfg.Demo.WrongShare = 0.8
	if _, err := simulation(cfg.Demo, taxonomy.Default(), nil); err != nil {
		cameratest.Missing(t, "the demonstration's photographs: %v", err)
	}
	return startService(t, cfg)
}

// oneTimeLink is a one-time link of somebody with the scope.
func oneTimeLink(t *testing.T, s *service, scope auth.Scope) string {
	t.Helper()
	code, err := s.auth.IssueLink(t.Context(), operator, []auth.Scope{scope})
	require.NoError(t, err)
	return s.url() + "/#/enter/" + code
}

// browse runs a script of server/web/e2e; its last argument is a folder for
// screenshots, which BINSIDE_TEST_SHOTS names and keeps.
func browse(t *testing.T, script string, args ...string) {
	t.Helper()
	shots := os.Getenv("BINSIDE_TEST_SHOTS")
	if shots == "" {
		shots = t.TempDir()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append(append([]string{"e2e/" + script}, args...), shots)...)
	cmd.Dir = webDir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// Cameras are set up, drawn in and tuned in a real browser.
func TestCameraPagesInBrowser(t *testing.T) {
	s := demonstrated(t)
	browse(t, "cameras.mjs", oneTimeLink(t, s, auth.Admin), oneTimeLink(t, s, auth.Read))
}

// The page in a real browser, over the real wiring.
func TestPageInBrowser(t *testing.T) {
	s := demonstrated(t)
	browse(t, "browser.mjs", oneTimeLink(t, s, auth.Admin))

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
