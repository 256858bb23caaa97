package main

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
)

// file is where the cache keeps an entry's picture or video.
func (e entry) file(cache string) string {
	return filepath.Join(cache, e.pack, filepath.FromSlash(e.path))
}

// fetch brings every file of the list into the cache: from an installed
// package, or else from the package itself, which is downloaded and unpacked
// there.
func fetch(ctx context.Context, cache string, entries []entry, say func(string, ...any)) error {
	missing := make(map[string][]entry)
	var order []string
	for _, e := range entries {
		ok, err := has(e.file(cache), e.sha256)
		if err == nil && !ok {
			ok, err = keep("/"+e.path, cache, e)
		}
		if err != nil {
			return err
		}
		if ok {
			continue
		}
		if missing[e.pack] == nil {
			order = append(order, e.pack)
		}
		missing[e.pack] = append(missing[e.pack], e)
	}
	for _, pack := range order {
		say("downloading the Debian package %s", pack)
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
func keep(from, cache string, e entry) (bool, error) {
	ok, err := has(from, e.sha256)
	if err != nil || !ok {
		return false, err
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return false, err
	}
	to := e.file(cache)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return false, err
	}
	return true, os.WriteFile(to, data, 0o644)
}

// unpack downloads a package beside the cache, keeps the entries' files and
// removes the rest. Another version than the list's will do as long as the
// files are the same.
func unpack(ctx context.Context, cache string, entries []entry) (err error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(cache, ".unpack-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	pack, version := entries[0].pack, entries[0].version
	if err := command(ctx, dir, "apt-get", "download", "-q", pack+"="+version); err != nil {
		if again := command(ctx, dir, "apt-get", "download", "-q", pack); again != nil {
			return errors.Join(err, again)
		}
	}
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(debs) != 1 {
		return fmt.Errorf("%d files downloaded instead of one: %w", len(debs), err)
	}
	tree := filepath.Join(dir, "tree")
	if err := command(ctx, dir, "dpkg-deb", "-x", debs[0], tree); err != nil {
		return err
	}
	for _, e := range entries {
		ok, err := keep(filepath.Join(tree, filepath.FromSlash(e.path)), cache, e)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%s of version %s was expected, %s holds none with the digest %s", e.path, e.version, filepath.Base(debs[0]), e.sha256)
		}
	}
	return nil
}

func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %q: %w: %s", name, args, err, out)
	}
	return nil
}
