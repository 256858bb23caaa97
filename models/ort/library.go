package ort

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

const (
	// LibraryEnv is the environment variable that names the library.
	LibraryEnv = "BINSIDE_ONNXRUNTIME"
	// LibraryName is the file that is looked for.
	LibraryName = "libonnxruntime.so.1"
)

// packages is where npm puts what models/ort pins.
var packages = filepath.Join("models", "ort", "node_modules")

// modulePath is where npm puts the library, below models/ort.
func modulePath() string {
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	return filepath.Join(packages, "onnxruntime-node", "bin", "napi-v6", runtime.GOOS, arch, LibraryName)
}

// systemDirs are where Debian and those who install by hand put libraries.
func systemDirs() []string {
	triplet := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]
	return []string{"/usr/local/lib", "/usr/lib/" + triplet, "/usr/lib"}
}

// ErrNoLibrary is wrapped by FindLibrary's error where there is none.
var ErrNoLibrary = errors.New("the ONNX Runtime library was not found")

// FindLibrary returns the path of libonnxruntime.so.1: the explicit one, else
// that of the environment variable LibraryEnv, else the first of
//
//   - the folder of the running program,
//   - models/ort/node_modules of the working directory or one above it (tests
//     and development, after npm ci),
//   - the system's library folders.
//
// A path that is named but does not exist is an error: nothing else is loaded
// in its place.
func FindLibrary(explicit string) (string, error) {
	path, tried, err := find(explicit, LibraryEnv, LibraryName, modulePath(), systemDirs())
	switch {
	case err != nil:
		return "", fmt.Errorf("ort: %w: %w", ErrNoLibrary, err)
	case path == "":
		return "", fmt.Errorf("ort: %w; get it by `npm ci --ignore-scripts` in models/ort (make does it), put it beside the program, "+
			"or name it by %s; looked for %q", ErrNoLibrary, LibraryEnv, tried)
	}
	return path, nil
}

// FindFile looks for another file of an npm package that models/ort pins, in
// the way of FindLibrary: explicit, else by the variable env, else name beside
// the program, else pathInPackages below models/ort/node_modules.
func FindFile(explicit, env, name, pathInPackages string) (string, error) {
	path, tried, err := find(explicit, env, name, filepath.Join(packages, pathInPackages), nil)
	switch {
	case err != nil:
		return "", fmt.Errorf("ort: %w", err)
	case path == "":
		return "", fmt.Errorf("ort: %s was not found; get it by `npm ci --ignore-scripts` in models/ort (make does it), put it beside the program, "+
			"or name it by %s; looked for %q", name, env, tried)
	}
	return path, nil
}

// find returns the path of a file, "" where it is nowhere, and what was tried.
func find(explicit, env, name, modulePath string, dirs []string) (path string, tried []string, err error) {
	for _, named := range []struct{ by, path string }{{"the configuration", explicit}, {env, os.Getenv(env)}} {
		if named.path == "" {
			continue
		}
		if !isFile(named.path) {
			return "", nil, fmt.Errorf("%s names %q, which is no file", named.by, named.path)
		}
		return named.path, nil, nil
	}
	for _, path := range candidates(name, modulePath, dirs) {
		if isFile(path) {
			return path, nil, nil
		}
		tried = append(tried, path)
	}
	return "", tried, nil
}

func candidates(name, modulePath string, dirs []string) []string {
	var paths []string
	if exe, err := os.Executable(); err == nil {
		if target, err := filepath.EvalSymlinks(exe); err == nil {
			exe = target
		}
		paths = append(paths, filepath.Join(filepath.Dir(exe), name))
	}
	if dir, err := os.Getwd(); err == nil {
		for {
			paths = append(paths, filepath.Join(dir, modulePath))
			up := filepath.Dir(dir)
			if up == dir {
				break
			}
			dir = up
		}
	}
	for _, dir := range dirs {
		paths = append(paths, filepath.Join(dir, name))
	}
	return paths
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
