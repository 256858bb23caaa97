package evaluation

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
)

// Schema names the shape of a report's JSON; it changes whenever a key changes
// its meaning.
const Schema = "binside-evaluation-1"

// maxMistakes is how many mistakes a report lists.
const maxMistakes = 60

// Report is everything that was found, and by what. It holds no time and no
// folder: the same pictures, model, taxonomy and rules give the same bytes.
type Report struct {
	Schema   string    `json:"schema"`
	Model    Model     `json:"model"`
	Taxonomy Taxonomy  `json:"taxonomy"`
	Rules    Rules     `json:"rules"`
	Manifest Selection `json:"manifest"`
	// All are the figures of all pictures together, whatever their source.
	All     Figures            `json:"all"`
	Sources map[string]Figures `json:"sources"`
	// Mistakes are the worst: false accusations first, then the surest wrong
	// answers.
	Mistakes        []Mistake    `json:"mistakes"`
	UnreadableFiles []Unreadable `json:"unreadable_files"`

	table *taxonomy.Taxonomy
}

// Model names the network.
type Model struct {
	Version string `json:"version"`
	SHA256  string `json:"sha256"`
	// UnnamedClasses are those of the model's classes that the taxonomy does
	// not name: they count for no category, so what they win is lost.
	UnnamedClasses []string `json:"unnamed_classes"`
}

// Taxonomy names the table of classes and that of harm.
type Taxonomy struct {
	ID          string `json:"id"`
	Version     string `json:"version"`
	HarmVersion string `json:"harm_version"`
}

// Rules are those that the verdicts follow.
type Rules struct {
	Version string `json:"version"`
	// Settings are the rules' own, as they were in force.
	Settings any `json:"settings"`
}

// Selection names the pictures.
type Selection struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	// Split is empty where all pictures of the manifest were taken.
	Split string `json:"split"`
	// Pictures were selected: the evaluated ones and the unreadable files.
	Pictures int `json:"pictures"`
	// PicturesSHA256 is Outcome's.
	PicturesSHA256 string `json:"pictures_sha256"`
	// InAnotherSplit counts the pictures whose group is in another split, too.
	InAnotherSplit int `json:"in_another_split"`
}

// Subject is what was evaluated, and on what.
type Subject struct {
	Card     *models.Card
	Taxonomy *taxonomy.Taxonomy
	Rules    Rules
	Manifest *Manifest
	Split    string
	// Images are those selected.
	Images []Image
}

// Build makes a report of a run's outcome.
func Build(s Subject, out *Outcome) *Report {
	categories := s.Taxonomy.CategoryIDs()
	known := make(map[string]bool, len(s.Card.Classes))
	for _, c := range s.Card.Classes {
		known[c] = true
	}
	unnamed := s.Taxonomy.Unknown(s.Card.Classes)
	if unnamed == nil {
		unnamed = []string{}
	}
	r := &Report{
		Schema: Schema,
		Model:  Model{Version: s.Card.Version, SHA256: s.Card.SHA256, UnnamedClasses: unnamed},
		Taxonomy: Taxonomy{
			ID: s.Taxonomy.ID, Version: s.Taxonomy.Version, HarmVersion: s.Taxonomy.Harm.Version,
		},
		Rules: s.Rules,
		Manifest: Selection{
			Name: s.Manifest.Name, SHA256: s.Manifest.SHA256, Split: s.Split, Pictures: len(s.Images),
			PicturesSHA256: out.PicturesSHA256, InAnotherSplit: s.Manifest.Leaking(s.Images),
		},
		Sources:         make(map[string]Figures),
		Mistakes:        mistakes(out.Results, categories, maxMistakes),
		UnreadableFiles: out.Unreadable,
		table:           s.Taxonomy,
	}
	results, unreadable := make(map[string][]Result), make(map[string]int)
	for _, res := range out.Results {
		results[res.Source] = append(results[res.Source], res)
	}
	for _, u := range out.Unreadable {
		unreadable[u.Source]++
	}
	r.All = figures(out.Results, len(out.Unreadable), categories, known)
	for _, img := range s.Images { // a source may have no readable picture at all
		if _, ok := r.Sources[img.Source]; !ok {
			r.Sources[img.Source] = figures(results[img.Source], unreadable[img.Source], categories, known)
		}
	}
	return r
}

// WriteJSON writes the report, indented, keys of maps in order.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("evaluation: %w", err)
	}
	return nil
}
