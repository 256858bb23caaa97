package taxonomy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ParseColours reads a site's choice of colours, "other=black,kitchen=brown":
// the id of a category or stream, and the English name of one of the colours
// that the table gives it. Empty chooses nothing.
func ParseColours(text string) (map[string]string, error) {
	choice := make(map[string]string)
	for entry := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(entry) == "" {
			continue
		}
		id, colour, ok := strings.Cut(entry, "=")
		id, colour = strings.TrimSpace(id), strings.TrimSpace(colour)
		if !ok || id == "" || colour == "" {
			return nil, fmt.Errorf("taxonomy: colours: %q, allowed is CATEGORY=COLOUR, several joined by commas", entry)
		}
		if _, twice := choice[id]; twice {
			return nil, fmt.Errorf("taxonomy: colours: %q is named twice", id)
		}
		choice[id] = colour
	}
	return choice, nil
}

// WithColours returns the table with other colours, by the id of a category
// or of a stream in any step; what it replaces becomes an alternative. An id
// that the table lacks, or a colour that it does not give to that id, is an
// error. The table itself stays as it is.
func (t *Taxonomy) WithColours(choice map[string]string) (*Taxonomy, error) {
	if len(choice) == 0 {
		return t, nil
	}
	out := *t
	out.Categories = slices.Clone(t.Categories)
	out.Steps = slices.Clone(t.Steps)
	for i := range out.Steps {
		out.Steps[i].Streams = slices.Clone(t.Steps[i].Streams)
	}
	for _, id := range slices.Sorted(maps.Keys(choice)) {
		if err := out.paint(id, choice[id]); err != nil {
			return nil, err
		}
	}
	return &out, nil
}

// paint gives a colour to everything of that id which may have it.
func (t *Taxonomy) paint(id, name string) error {
	var allowed []string
	done := false
	paint := func(c *Colour, alternatives *[]Colour) {
		all := append([]Colour{*c}, *alternatives...)
		for _, a := range all {
			if !slices.Contains(allowed, a.Name.EN) {
				allowed = append(allowed, a.Name.EN)
			}
		}
		if i := slices.IndexFunc(all, func(a Colour) bool { return strings.EqualFold(a.Name.EN, name) }); i >= 0 {
			done = true
			*c = all[i]
			*alternatives = slices.Delete(all, i, i+1)
		}
	}
	for i := range t.Categories {
		if c := &t.Categories[i]; c.ID == id {
			paint(&c.Colour, &c.Alternatives)
		}
	}
	for i := range t.Steps {
		for j := range t.Steps[i].Streams {
			if s := &t.Steps[i].Streams[j]; s.ID == id {
				paint(&s.Colour, &s.Alternatives)
			}
		}
	}
	switch {
	case len(allowed) == 0:
		return fmt.Errorf("taxonomy: colours: %s has no category or stream %q, allowed is one of %q", t.ID, id, t.coloured())
	case !done:
		return fmt.Errorf("taxonomy: colours: %s is %q, allowed is one of %q", id, name, allowed)
	}
	return nil
}

// coloured lists the ids that have a colour to choose.
func (t *Taxonomy) coloured() []string {
	ids := []string{}
	add := func(id string, alternatives []Colour) {
		if len(alternatives) > 0 && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, c := range t.Categories {
		add(c.ID, c.Alternatives)
	}
	for _, step := range t.Steps {
		for _, s := range step.Streams {
			add(s.ID, s.Alternatives)
		}
	}
	return ids
}
