package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/auth"
)

// The page in a real browser, over the real wiring; see server/web/e2e.
// BINSIDE_TEST_SHOTS names a folder that keeps the screenshots.
func TestPageInBrowser(t *testing.T) {
	const web = "../../web"
	if _, err := os.Stat("/usr/bin/chromium"); err != nil {
		missing(t, "Chromium: %v", err)
	}
	if _, err := os.Stat(filepath.Join(web, "dist", "index.html")); err != nil {
		missing(t, "the browser app was not built (make web): %v", err)
	}
	cfg := testConfig(t)
	cfg.Demo.Enabled = true
	cfg.Demo.WrongShare = 0.8
	if _, err := simulation(cfg.Demo, nil); err != nil {
		missing(t, "the demonstration's photographs: %v", err)
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
}
