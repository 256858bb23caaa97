// Package web embeds the browser app that npm builds into dist. It serves
// nothing itself; server/api does.
package web

import (
	"embed"
	"io/fs"
)

// dist holds only .gitkeep where the app was not built yet; then the API says
// how to build it.
//
//go:embed all:dist
var dist embed.FS

// Files are the built app: index.html, assets/… with hashed names, and
// swagger/… for the API's documentation.
func Files() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // only for an invalid path, and this one is a constant
	}
	return sub
}
