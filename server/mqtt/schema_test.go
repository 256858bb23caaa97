package mqtt_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/mqtt"
)

var update = flag.Bool("update", false, "write the schemas anew")

// The committed schemas are those of the Go types:
// go test ./server/mqtt -run TestSchemas -update
func TestSchemas(t *testing.T) {
	for _, p := range mqtt.Payloads() {
		want, err := p.Schema()
		require.NoError(t, err)
		file := filepath.Join("schema", p.Name+".json")
		if *update {
			require.NoError(t, os.WriteFile(file, want, 0o600))
		}
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s is not up to date", file)
	}
}
