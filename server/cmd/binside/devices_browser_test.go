package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera/cameratest"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/vision"
)

// devicePrograms run what the page tells people to run.
type devicePrograms struct {
	t       *testing.T
	dir     string
	running map[string]*program
}

type program struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// do is what server/web/e2e/devices.mjs asks for.
func (d *devicePrograms) do(what string) error {
	verb, rest, _ := strings.Cut(what, " ")
	name, line, _ := strings.Cut(rest, " ")
	switch verb {
	case "run":
		p := &program{cmd: exec.CommandContext(d.t.Context(), "bash", "-c", "exec "+line), ended: make(chan struct{})}
		if err := p.cmd.Start(); err != nil {
			return err
		}
		d.running[name] = p
		go func() {
			_ = p.cmd.Wait() // it is killed, or cut off
			close(p.ended)
		}()
		return nil
	case "do":
		cmd := exec.CommandContext(d.t.Context(), "bash", "-c", rest)
		cmd.Dir = d.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w", strings.ReplaceAll(string(out), "\n", " "), err)
		}
		return nil
	case "kill":
		return d.signal(name, syscall.SIGKILL)
	case "leave":
		return d.signal(name, syscall.SIGTERM)
	case "ended":
		return d.signal(name, 0)
	}
	return fmt.Errorf("what is %q", what)
}

// signal ends a program, or waits until it has ended by itself.
func (d *devicePrograms) signal(name string, s syscall.Signal) error {
	p := d.running[name]
	if s != 0 {
		if err := p.cmd.Process.Signal(s); err != nil {
			return err
		}
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("%s goes on", name)
	}
}

// A station's devices are seen, given tokens and cut off in a real browser; the
// lines that it shows are run as they stand.
func TestDevicesInBrowser(t *testing.T) {
	needBrowser(t)
	for _, name := range []string{"mosquitto_sub", "mosquitto_pub", "curl"} {
		if _, err := exec.LookPath(name); err != nil {
			cameratest.Missing(t, "%s: %v", name, err)
		}
	}
	cfg := testConfig(t)
	cfg.MQTT.Listen = "127.0.0.1:0"
	s := startService(t, cfg)
	s.gate(t)
	require.NoError(t, s.store.CreateCamera(t.Context(), &station.Camera{
		ID: "gate-cam", StationID: "gate", Name: "东门摄像头", Kind: station.Push, Enabled: true,
		Regions: []station.Region{{BinID: "gate-recyclable", Polygon: vision.Full()}},
	}))
	require.NoError(t, s.cameras.Reload(t.Context()))
	d := &devicePrograms{t: t, dir: t.TempDir(), running: make(map[string]*program)}
	require.NoError(t, os.WriteFile(filepath.Join(d.dir, "frame.jpg"), testPicture(t), 0o600))
	t.Cleanup(func() {
		for _, p := range d.running {
			_ = p.cmd.Process.Kill() // it may have ended
			<-p.ended
		}
	})
	walk(t, d.do, "devices.mjs", s.enter(t), s.enterAs(t, auth.Read))
}
