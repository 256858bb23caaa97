package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/binside/binside/"

// mayImport is the table of the design: a top-level folder and the others of
// ours that it may import, its test files included.
var mayImport = map[string][]string{
	"vision":   {},
	"datasets": {"vision"},
	"camera":   {"vision"},
	"models":   {"vision", "datasets"},
	"server":   {"vision", "datasets", "camera", "models"},
	"bench":    {"vision", "datasets", "camera", "models", "server"},
}

// homes says where each C library or framework may be imported.
var homes = map[string][]string{
	"gocv.io/x/gocv":                   {"vision/", "camera/capture"},
	"github.com/yalue/onnxruntime_go":  {"models/ort", "bench"},
	"github.com/gofiber/fiber/v2":      {"server/api"},
	"github.com/danielgtaylor/huma/v2": {"server/api"},
	"github.com/minio/minio-go/v7":     {"server/store"},
}

func TestArchitecture(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", module+"...").Output()
	require.NoError(t, err)
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
		}
		if err := dec.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		seen++
		place := strings.TrimPrefix(pkg.ImportPath, module)
		for _, imports := range [][]string{pkg.Imports, pkg.TestImports, pkg.XTestImports} {
			for _, imported := range imports {
				checkImport(t, place, imported)
			}
		}
	}
	require.Greater(t, seen, 20)
}

func checkImport(t *testing.T, place, imported string) {
	t.Helper()
	top, _, _ := strings.Cut(place, "/")
	if ours, ok := strings.CutPrefix(imported, module); ok {
		target, _, _ := strings.Cut(ours, "/")
		allowed := target == top
		for _, a := range mayImport[top] {
			allowed = allowed || a == target
		}
		if !allowed {
			t.Errorf("%s imports %s: %s may import only %v", place, ours, top, mayImport[top])
		}
		return
	}
	for library, where := range homes {
		if imported != library && !strings.HasPrefix(imported, library+"/") {
			continue
		}
		home := false
		for _, w := range where {
			home = home || strings.HasPrefix(place, w)
		}
		if !home {
			t.Errorf("%s imports %s, whose home is %v", place, imported, where)
		}
	}
}
