package download

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is in the cache or installed is taken, if it is the right file.
func TestAllTakesWhatIsThere(t *testing.T) {
	cache, content := t.TempDir(), []byte("a picture")
	sum := sha256.Sum256(content)
	e := File{Package: "no-such-package", Version: "1", Path: "usr/share/x.jpg", SHA256: hex.EncodeToString(sum[:])}
	require.NoError(t, os.MkdirAll(filepath.Dir(e.In(cache)), 0o750))
	require.NoError(t, os.WriteFile(e.In(cache), content, 0o600))
	quiet := func(string, ...any) {}
	require.NoError(t, All(t.Context(), cache, []File{e}, quiet))

	installed := filepath.Join(t.TempDir(), "x.jpg")
	require.NoError(t, os.WriteFile(installed, content, 0o600))
	e.Path = strings.TrimPrefix(installed, "/")
	require.NoError(t, All(t.Context(), cache, []File{e}, quiet))
	kept, err := os.ReadFile(e.In(cache))
	require.NoError(t, err)
	assert.Equal(t, content, kept)

	require.NoError(t, os.WriteFile(installed, []byte("another"), 0o600))
	ok, err := keep(installed, cache, e)
	require.NoError(t, err)
	assert.False(t, ok)
	left, err := os.ReadDir(cache)
	require.NoError(t, err)
	assert.Len(t, left, 1)
}
