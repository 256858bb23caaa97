package api_test

import (
	"flag"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/binside/binside/server/api"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestDocumentIsTheContract(t *testing.T) {
	f := start(t, options{})
	var lines []string
	for _, op := range f.document() {
		lines = append(lines, op.path+" "+op.method+" "+op.action)
	}
	slices.Sort(lines)
	got := strings.Join(lines, "\n") + "\n"
	const golden = "testdata/paths.golden"
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "run with -update if the API was meant to change")
}

// TestDocumentIsOpenAPI checks the rules of OpenAPI 3.1 that a generator can
// break: versions, unique operation ids, every reference resolved, every path
// parameter declared, a response for every operation, known security schemes.
func TestDocumentIsOpenAPI(t *testing.T) {
	f := start(t, options{})
	var doc map[string]any
	f.get("/openapi.json", f.read).into(t, &doc)
	require.Regexp(t, `^3\.1\.\d+$`, doc["openapi"])
	info, _ := doc["info"].(map[string]any)
	require.NotEmpty(t, info["title"])
	require.NotEmpty(t, info["version"])

	ids := map[string]bool{}
	for path, methods := range doc["paths"].(map[string]any) {
		require.True(t, strings.HasPrefix(path, "/"))
		for method, v := range methods.(map[string]any) {
			op := v.(map[string]any)
			id, _ := op["operationId"].(string)
			require.NotEmpty(t, id)
			require.False(t, ids[id], "operation id %s is used twice", id)
			ids[id] = true
			require.NotEmpty(t, op["summary"], id)
			checkResponses(t, id, op)
			declared := map[string]bool{}
			params, _ := op["parameters"].([]any)
			for _, p := range params {
				p := p.(map[string]any)
				require.Contains(t, []any{"path", "query", "header", "cookie"}, p["in"])
				require.NotNil(t, p["schema"], "%s: parameter %s", id, p["name"])
				if p["in"] == "path" {
					require.Equal(t, true, p["required"])
					declared[p["name"].(string)] = true
				}
			}
			for _, name := range parameter.FindAllString(path, -1) {
				require.True(t, declared[strings.Trim(name, "{}")], "%s %s does not declare %s", method, path, name)
			}
			security, _ := op["security"].([]any)
			for _, s := range security {
				for scheme := range s.(map[string]any) {
					require.Contains(t, []string{"token", "session"}, scheme)
				}
			}
		}
	}
	checkReferences(t, doc, doc)

	var fromYAML map[string]any
	require.NoError(t, yaml.Unmarshal(f.get("/openapi.yaml", f.read).body, &fromYAML))
	require.Len(t, fromYAML["paths"], len(doc["paths"].(map[string]any)))
}

func checkResponses(t *testing.T, id string, op map[string]any) {
	t.Helper()
	responses, _ := op["responses"].(map[string]any)
	success := false
	for status, r := range responses {
		require.NotEmpty(t, r.(map[string]any)["description"], "%s %s", id, status)
		success = success || status[0] == '2'
		if status[0] == '4' {
			content, _ := r.(map[string]any)["content"].(map[string]any)
			require.Contains(t, content, "application/problem+json", "%s %s", id, status)
		}
	}
	require.True(t, success, "%s has no answer for success", id)
}

// checkReferences walks the document and resolves every $ref.
func checkReferences(t *testing.T, doc map[string]any, node any) {
	t.Helper()
	switch n := node.(type) {
	case map[string]any:
		if ref, ok := n["$ref"].(string); ok {
			var at any = doc
			for _, key := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
				m, ok := at.(map[string]any)
				require.True(t, ok, ref)
				at = m[key]
			}
			require.NotNil(t, at, "%s leads nowhere", ref)
		}
		for _, v := range n {
			checkReferences(t, doc, v)
		}
	case []any:
		for _, v := range n {
			checkReferences(t, doc, v)
		}
	}
}

func TestPage(t *testing.T) {
	f := start(t, options{})
	r := f.get("/", "")
	require.Equal(t, http.StatusOK, r.status)
	require.Contains(t, string(r.body), "<title>binside</title>")
	require.Equal(t, "no-cache", r.header.Get("Cache-Control"))
	require.Contains(t, r.header.Get("Content-Security-Policy"), "script-src 'self'")
	require.Equal(t, "nosniff", r.header.Get("X-Content-Type-Options"))
	r = f.get("/assets/app-1a2b.js", "")
	require.Contains(t, r.header.Get("Content-Type"), "text/javascript")
	require.Contains(t, r.header.Get("Cache-Control"), "immutable")
	browser := header{"Accept": "text/html,application/xhtml+xml"}
	require.Equal(t, http.StatusOK, f.do(http.MethodGet, "/stations/here", "", nil, browser).status, "the app's own paths")
	require.Equal(t, http.StatusUnauthorized, f.do(http.MethodGet, "/api/v1/none", "", nil, browser).status)
	require.Equal(t, http.StatusUnauthorized, f.do(http.MethodGet, "/none.png", "", nil, browser).status)
	require.Equal(t, http.StatusNotFound, f.do(http.MethodGet, "/none.png", f.read, nil, browser).status)

	r = f.get("/docs", f.read)
	require.Contains(t, string(r.body), "swagger-ui")
	require.NotContains(t, string(r.body), "//unpkg")
	require.Equal(t, http.StatusOK, f.get("/swagger/swagger-ui-bundle.js", f.read).status)
	require.Equal(t, http.StatusOK, f.get("/swagger/start.js", f.read).status)
	require.Equal(t, http.StatusNotFound, f.get("/swagger/../index.html", f.read).status)
	require.Equal(t, http.StatusNotFound, f.get("/swagger/%2e%2e/index.html", f.read).status)
}

func TestWithoutAPage(t *testing.T) {
	f := start(t, options{noPage: true, cfg: api.Config{OpenMetrics: true}})
	require.Contains(t, string(f.get("/", "").body), "no browser app")
	require.Equal(t, http.StatusNotFound, f.get("/assets/x.js", "").status)
	require.Contains(t, string(f.get("/docs", f.read).body), "/openapi.yaml")
	require.Equal(t, http.StatusOK, f.get("/metrics", "").status, "configured open")
}
