// Package web embeds the browser app that npm builds into dist. It serves
// nothing itself; server/api does.
package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/binside/binside/datasets/taxonomy"
)

// dist holds only .gitkeep where the app was not built yet; then the API says
// how to build it.
//
//go:embed all:dist
var dist embed.FS

//go:embed src/phrases.json
var phrases []byte

// Files are the built app: index.html, assets/… with hashed names, and
// swagger/… for the API's documentation.
func Files() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // only for an invalid path, and this one is a constant
	}
	return sub
}

// Phrases are what the screen at the bins says besides the taxonomy's advice, by
// name: the words that the page shows.
func Phrases() (map[string]taxonomy.Name, error) {
	var out map[string]taxonomy.Name
	if err := json.Unmarshal(phrases, &out); err != nil {
		return nil, fmt.Errorf("web: phrases: %w", err)
	}
	return out, nil
}
