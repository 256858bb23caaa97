package taxonomy

import (
	"fmt"
	"slices"
)

// Step is one round of sorting: who does it, and into what. Where a resident
// sorts in two and a collector sorts again, a table has two steps; a camera at
// a drop-off point looks at the first one.
type Step struct {
	ID   string `yaml:"id" json:"id"`
	Name Name   `yaml:"name" json:"name"`
	// Container is what a stream of the step is put into, for advice; a bin
	// where it is empty.
	Container Name     `yaml:"container,omitempty" json:"container"`
	Streams   []Stream `yaml:"streams" json:"streams"`
}

// Stream is one container of a step with all the categories that belong in
// it.
type Stream struct {
	ID           string   `yaml:"id" json:"id"`
	Name         Name     `yaml:"name" json:"name"`
	Colour       Colour   `yaml:"colour" json:"colour"`
	Alternatives []Colour `yaml:"alternatives,omitempty" json:"alternatives,omitempty"`
	Accepts      []string `yaml:"accepts" json:"accepts"`
	// Predicate is what advice says of an item of the stream; see Advice.
	Predicate Name `yaml:"predicate,omitempty" json:"-"`
}

// Streams returns the bins of a station: the first step's streams.
func (t *Taxonomy) Streams() []Stream { return t.Steps[0].Streams }

// Step returns a step by its id.
func (t *Taxonomy) Step(id string) (Step, bool) {
	i := slices.IndexFunc(t.Steps, func(s Step) bool { return s.ID == id })
	if i < 0 {
		return Step{}, false
	}
	return t.Steps[i], true
}

// StreamOf returns the stream that a category belongs in; false for a
// category that belongs in none.
func (s Step) StreamOf(category string) (Stream, bool) {
	i := slices.IndexFunc(s.Streams, func(s Stream) bool { return slices.Contains(s.Accepts, category) })
	if i < 0 {
		return Stream{}, false
	}
	return s.Streams[i], true
}

// dropOff is the only step of a table that names none.
const dropOff = "drop-off"

// bin is what a step's container is called where the table does not say.
var bin = Name{ZH: "桶", EN: "bin"}

// oneStep is a bin for every category that has one.
func (t *Taxonomy) oneStep() Step {
	step := Step{ID: dropOff, Name: Name{ZH: "投放", EN: "At the drop-off point"}}
	for _, c := range t.Categories {
		if c.NoBin == nil {
			step.Streams = append(step.Streams, Stream{
				ID: c.ID, Name: c.Name, Colour: c.Colour, Alternatives: c.Alternatives, Accepts: []string{c.ID}, Predicate: c.Predicate,
			})
		}
	}
	return step
}

// validate wants every category that has a bin in exactly one stream.
func (s *Step) validate(v *violations, field string, categories []Category) {
	v.id(field+".id", s.ID)
	v.name(field+".name", s.Name)
	v.optional(field+".container", s.Container)
	binned := make(map[string]bool)
	var ids []string
	for _, c := range categories {
		if c.NoBin == nil {
			binned[c.ID] = true
			ids = append(ids, c.ID)
		}
	}
	seen, taken := make(map[string]bool), make(map[string]bool)
	for i, stream := range s.Streams {
		field := fmt.Sprintf("%s.streams[%d]", field, i)
		v.id(field+".id", stream.ID)
		v.unique(field+".id", stream.ID, seen)
		v.name(field+".name", stream.Name)
		v.colours(field, stream.Colour, stream.Alternatives)
		v.optional(field+".predicate", stream.Predicate)
		if len(stream.Accepts) == 0 {
			v.add(field+".accepts", "[]", "at least 1 category")
		}
		for _, c := range stream.Accepts {
			if !binned[c] {
				v.add(field+".accepts", c, fmt.Sprintf("one of %q", ids))
			} else if taken[c] {
				v.add(field+".accepts", c, "a category that no other stream of the step accepts")
			}
			taken[c] = true
		}
	}
	for _, id := range ids {
		if !taken[id] {
			v.add(field+".streams", "without "+id, "streams that accept every category which has a bin")
		}
	}
}
