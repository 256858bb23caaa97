package taxonomy

import (
	"bytes"
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed urban-four.yaml rural-two-step.yaml san-francisco-three.yaml
var files embed.FS

// defaultID is the table in force where nothing is said.
const defaultID = "urban-four"

// builtin parses the embedded tables once; a test holds that it can.
var builtin = sync.OnceValue(func() map[string]*Taxonomy {
	tables := make(map[string]*Taxonomy)
	entries, err := files.ReadDir(".")
	if err != nil {
		panic("taxonomy: the embedded tables: " + err.Error())
	}
	for _, e := range entries {
		data, err := files.ReadFile(e.Name())
		if err != nil {
			panic("taxonomy: the embedded tables: " + err.Error())
		}
		t, err := Parse(bytes.NewReader(data))
		if err != nil {
			panic("taxonomy: the embedded table " + e.Name() + ": " + err.Error())
		}
		if e.Name() != t.ID+".yaml" {
			panic("taxonomy: the embedded table " + e.Name() + " calls itself " + t.ID)
		}
		tables[t.ID] = t
	}
	return tables
})

// Default returns the embedded table urban-four.yaml. The value is shared.
func Default() *Taxonomy { return builtin()[defaultID] }

// IDs lists the embedded tables: the default one first, the others by
// alphabet.
func IDs() []string {
	ids := []string{defaultID}
	for id := range builtin() {
		if id != defaultID {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids[1:])
	return ids
}

// IsBuiltin reports whether a table of that id is embedded.
func IsBuiltin(id string) bool { return builtin()[id] != nil }

// Open returns the table that ref names, an embedded one's id or else a
// file's path, in the colours that the site has chosen (see ParseColours).
func Open(ref, colours string) (*Taxonomy, error) {
	t := builtin()[ref]
	if t == nil {
		var err error
		if t, err = Load(ref); err != nil {
			return nil, fmt.Errorf("%w (a file, or one of %s)", err, strings.Join(IDs(), ", "))
		}
	}
	choice, err := ParseColours(colours)
	if err != nil {
		return nil, err
	}
	return t.WithColours(choice)
}
