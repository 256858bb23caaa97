package uplink

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/relay"
)

// voiced is a station that notes what it is given to speak with.
type voiced struct {
	t      *testing.T
	u      *Uplink
	spoken chan string
}

// speaking starts a station by the server's bundle.
func speaking(t *testing.T, cfg Config) *voiced {
	t.Helper()
	u, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(u.Close)
	_, _, err = u.First(t.Context())
	require.NoError(t, err)
	v := &voiced{t: t, u: u, spoken: make(chan string, 100)}
	st, objects := records(t, u.Mark)
	require.NoError(t, u.Start(t.Context(), Deps{
		Store: st, Objects: objects, Deletions: deletions(t, st), Describe: func(*relay.Report) {},
		Apply: func(context.Context, *relay.Bundle, fs.FS) error { return nil },
		Speak: func(id, version string, files fs.FS) { v.spoken <- v.said(id, version, files) },
	}))
	return v
}

// said is a pack in one line: its id and every file of it.
func (v *voiced) said(id, version string, files fs.FS) string {
	if files == nil {
		return "none"
	}
	entries, err := fs.ReadDir(files, ".")
	require.NoError(v.t, err)
	line := []string{id}
	for _, e := range entries {
		data, err := fs.ReadFile(files, e.Name())
		require.NoError(v.t, err)
		info, err := fs.Stat(files, e.Name())
		require.NoError(v.t, err)
		require.EqualValues(v.t, len(data), info.Size())
		line = append(line, fmt.Sprintf("%s=%.4s", e.Name(), data))
	}
	require.NotEmpty(v.t, version)
	return strings.Join(line, " ")
}

func (l *liar) voice(id string, files ...string) func(*relay.Bundle) {
	v := &relay.Voice{ID: id}
	for n := 0; n < len(files); n += 2 {
		v.Files = append(v.Files, l.file(files[n], []byte(files[n+1])))
	}
	return func(b *relay.Bundle) { b.Voice = v }
}

// A pack comes after the bundle that names it, whole and verified; another
// takes its place while the station runs; what is wrong with one keeps nothing
// else back; and without a network the station starts with the one that it has.
func TestVoicePackFollowsTheBundle(t *testing.T) {
	l := newLiar(t)
	l.offers(l.key, 100)
	cfg := l.config(t)
	v := speaking(t, cfg)
	require.Equal(t, "none", <-v.spoken)

	l.offers(l.key, 200, l.voice("hangzhou", "pack.yaml", "name", "thanks.ogg", "OggS"))
	require.Equal(t, "hangzhou pack.yaml=name thanks.ogg=OggS", <-v.spoken)
	require.Eventually(t, func() bool { return v.u.Status().Voice == "hangzhou" }, 10*time.Second, time.Millisecond)
	l.offers(l.key, 201, l.voice("hangzhou", "pack.yaml", "name", "thanks.ogg", "OggT"))
	require.Equal(t, "hangzhou pack.yaml=name thanks.ogg=OggT", <-v.spoken)
	kept := func() int {
		entries, err := os.ReadDir(filepath.Join(cfg.Dir, "voices"))
		require.NoError(t, err)
		return len(entries)
	}
	require.Eventually(t, func() bool { return kept() == 2 }, 10*time.Second, time.Millisecond, "the former file goes")

	for n, wrong := range []func(*relay.Bundle){
		l.voice("hangzhou", "../pack.yaml", "name"),
		l.voice("../hangzhou", "pack.yaml", "name"),
		l.voice("hangzhou"),
		l.voice("hangzhou", "thanks.exe", "MZ"),
		l.voice("hangzhou", "thanks.ogg", "OggS", "corrected.ogg", "OggS"),
		l.voice("hangzhou", "thanks.ogg", strings.Repeat("O", relay.MaxVoiceFile+1)),
		func(b *relay.Bundle) {
			f := l.file("pack.yaml", []byte("what was signed"))
			l.mu.Lock()
			l.files[f.SHA256] = []byte("what is sentxxx")
			l.mu.Unlock()
			b.Voice = &relay.Voice{ID: "other", Files: []relay.File{f}}
		},
	} {
		l.offers(l.key, int64(300+n), wrong)
		require.Eventually(t, func() bool { return v.u.Status().Bundle == int64(300+n) }, 10*time.Second, time.Millisecond, "the bundle is in force")
	}
	require.Eventually(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.ranges) > 10
	}, 10*time.Second, time.Millisecond, "it is tried again")
	require.Empty(t, v.spoken)
	require.Equal(t, "hangzhou", v.u.Status().Voice, "the one before is spoken with")

	l.offers(l.key, 400, l.voice("other", "pack.yaml", "name"))
	require.Equal(t, "other pack.yaml=name", <-v.spoken)
	v.u.Close()
	l.Close()
	again := speaking(t, cfg)
	require.Equal(t, "other pack.yaml=name", <-again.spoken, "without asking anybody")
}

// A pack that is chosen no more goes from the disk.
func TestVoicePackGoes(t *testing.T) {
	l := newLiar(t)
	l.offers(l.key, 100, l.voice("hangzhou", "pack.yaml", "name"))
	cfg := l.config(t)
	v := speaking(t, cfg)
	require.Equal(t, "hangzhou pack.yaml=name", <-v.spoken)
	l.offers(l.key, 101)
	require.Equal(t, "none", <-v.spoken)
	require.Eventually(t, func() bool {
		entries, err := os.ReadDir(filepath.Join(cfg.Dir, "voices"))
		return err == nil && len(entries) == 0
	}, 10*time.Second, time.Millisecond)
}
