package config_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/config"
)

func TestDefaultsAreValid(t *testing.T) {
	c, err := config.Load("", nil, nil)
	require.NoError(t, err)
	require.Equal(t, config.Default(), c)
	require.Equal(t, "sqlite:.data/binside.db", c.StoreURL())
	require.Equal(t, "file:.data/objects", c.ObjectsURL())
}

func TestOrderOfSources(t *testing.T) {
	path := filepath.Join("testdata", "good.yaml")
	c, err := config.Load(path, []string{"BINSIDE_LOG_LEVEL=warn", "BINSIDE_HTTP_MAX_BODY=1MiB", "BINSIDE_TAXONOMY_COLOURS=rots-not=blue", "PATH=/bin", "BINSIDE_TOKEN=read-elsewhere", "BINSIDE_FACES=/opt/faces.onnx", "BINSIDE_ONNXRUNTIME=/opt/ort.so"},
		map[string]string{"log.level": "error", "demo.enabled": "true"})
	require.NoError(t, err)
	require.Equal(t, "error", c.Log.Level, "a flag wins over the environment")
	require.Equal(t, config.Bytes(1<<20), c.HTTP.MaxBody, "the environment wins over the file")
	require.Equal(t, "0.0.0.0:8443", c.HTTP.Listen, "the file wins over the default")
	require.Equal(t, 24*time.Hour, c.Evidence.Retention.Pass)
	require.Equal(t, config.Default().Evidence.Retention.Tell, c.Evidence.Retention.Tell, "what the file leaves out stays")
	require.Equal(t, "rural-two-step", c.Taxonomy)
	require.Equal(t, "rots-not=blue", c.TaxonomyColours)
	require.True(t, c.Demo.Enabled)
	require.Equal(t, "postgres://binside@db.example/binside", c.StoreURL())
}

// A service in Kubernetes that is called binside puts its address into the
// environment; a misspelt setting is an error there as anywhere.
func TestKubernetesServiceLinksAreNoSettings(t *testing.T) {
	links := []string{
		"BINSIDE_SERVICE_HOST=10.0.0.1", "BINSIDE_SERVICE_PORT=80", "BINSIDE_SERVICE_PORT_HTTP=80", "BINSIDE_PORT=tcp://10.0.0.1:80", "BINSIDE_PORT_80_TCP=tcp://10.0.0.1:80",
		"BINSIDE_PORT_80_TCP_PROTO=tcp", "BINSIDE_PORT_80_TCP_PORT=80", "BINSIDE_PORT_80_TCP_ADDR=10.0.0.1", "BINSIDE_MQTT_SERVICE_HOST=10.0.0.2", "BINSIDE_MQTT_PORT_1883_TCP=tcp://10.0.0.2:1883",
	}
	_, err := config.Load("", links, nil)
	require.NoError(t, err)
	_, err = config.Load("", append(links, "BINSIDE_HTTP_LISTENS=:80"), nil)
	require.ErrorContains(t, err, "BINSIDE_HTTP_LISTENS")
}

func TestErrorsNameFieldValueAndWhatIsAllowed(t *testing.T) {
	_, err := config.Load(filepath.Join("testdata", "bad.yaml"), nil, nil)
	require.Error(t, err)
	for _, part := range []string{
		`log.level is "loud"; allowed: debug, info, warn, error`,
		`http.listen is "8080"; allowed: HOST:PORT`,
		`http.tls_cert is "/does/not/exist.pem"`,
		`http.tls_key is ""; allowed: a PEM file, set together with http.tls_cert`,
		`mqtt.listen is "1883"; allowed: HOST:PORT`,
		`mqtt.tls_key is ""; allowed: a PEM file, set together with mqtt.tls_cert`,
		`mqtt.max_clients is "0"; allowed: from 1 to 100000`,
		`evidence.pass_share is "2"; allowed: a number from 0 to 1`,
		`screen.language is "fr"; allowed: zh-CN, en`,
		`screen.volume is "101"`,
		`model.max_batch is "9"; allowed: from 1 to 8`,
		`store.url is`,
		`taxonomy is "urban-five"; allowed: a file's path, or one of urban-four, rural-two-step, san-francisco-three`,
		`taxonomy_colours is "black"; allowed: CATEGORY=COLOUR`,
	} {
		require.ErrorContains(t, err, part)
	}
	require.NotContains(t, err.Error(), "hunter2")
	var field *config.FieldError
	require.ErrorAs(t, err, &field)
}

func TestUnknownSettingsAreErrors(t *testing.T) {
	_, err := config.Load(filepath.Join("testdata", "unknown.yaml"), nil, nil)
	require.ErrorContains(t, err, `there is no setting "http.lisen"`)
	_, err = config.Load("", []string{"BINSIDE_HTTP_LISEN=x"}, nil)
	require.ErrorContains(t, err, "BINSIDE_HTTP_LISEN")
	_, err = config.Load("", nil, map[string]string{"listen": ":1"})
	require.ErrorContains(t, err, "did you mean demo.listen, http.listen, mqtt.listen?")
}

func TestUnreadableFiles(t *testing.T) {
	_, err := config.Load(filepath.Join("testdata", "broken.yaml"), nil, nil)
	require.ErrorContains(t, err, "broken.yaml")
	_, err = config.Load(filepath.Join(t.TempDir(), "none.yaml"), nil, nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = config.Load("", []string{"BINSIDE_HTTP_MAX_BODY=many"}, nil)
	require.ErrorContains(t, err, "http.max_body")
}
