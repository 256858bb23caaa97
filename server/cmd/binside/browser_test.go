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

// The page in a real browser, over the real wiring; see server/web/e2e.
// BINSIDE_TEST_SHOTS names a folder that keeps the screenshots.
func TestPageInBrowser(t *testing.T) {
	const web = "../../web"
	if _, err := os.Stat("/usr/bin/chromium"); err != nil {
		cameratest.Missing(t, "Chromium: %v", err)
	}
	if _, err := os.Stat(filepath.Join(web, "dist", "index.html")); err != nil {
		cameratest.Missing(t, "the browser app was not built (make web): %v", err)
	}
	cfg := testConfig(t)
	cfg.Demo.Enabled = true
	cfg.Demo.WrongShare = 0.8
	if _, err := simulation(cfg.Demo, taxonomy.Default(), nil); err != nil {
		cameratest.Missing(t, "the demonstration's photographs: %v", err)
	}
	s := startService(t, cfg)
	code, err := s.auth.IssueLink(t.Context(), operator, []auth.Scope{auth.Admin})
	require.NoError(t, err)
	shots := os.Getenv("BINSIDE_TEST_SHOTS")
	if shots == "" {
		shots = t.TempDir()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "e2e/browser.mjs", s.url()+"/#/enter/"+code, shots)
	cmd.Dir = web
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)

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
