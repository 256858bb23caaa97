package taxonomy

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Harm says how bad each mistake is, so that a verdict can weigh them. The
// unit is one: what it costs to leave one harmless recyclable thing among the
// residual waste. The numbers are a town's to set; they carry a version and a
// day of their own, because they change more often than the table of classes.
type Harm struct {
	// Version changes with every change of the numbers; inspections record it.
	Version string `yaml:"version" json:"version"`
	// Effective is the first day on which the numbers hold, "2026-11-23".
	Effective string `yaml:"effective" json:"effective"`
	// Basis says where the numbers come from.
	Basis Name `yaml:"basis" json:"basis"`
	// Accusation is the harm of telling a resident "wrong bin" who was right.
	Accusation float64 `yaml:"accusation" json:"accusation" minimum:"0"`
	// Check is the harm of asking a person to look at one deposit: their time.
	Check float64 `yaml:"check" json:"check" minimum:"0"`
	// Misplaced is the harm of saying nothing, by the item's category and then
	// the category whose bin it lies in. Every pair of different categories is
	// named.
	Misplaced map[string]map[string]float64 `yaml:"misplaced" json:"misplaced"`
}

// Of returns the harm of leaving an item of a category in a bin that accepts
// the given categories: 0 where the bin accepts it, else the least over the
// bin's categories. An item whose category the table does not name, or a bin
// that accepts nothing, costs nothing: nobody can say that it is wrong.
func (h *Harm) Of(category string, accepts []string) float64 {
	if slices.Contains(accepts, category) {
		return 0
	}
	least := math.Inf(1)
	for _, bin := range accepts {
		if v, ok := h.Misplaced[category][bin]; ok {
			least = min(least, v)
		}
	}
	if math.IsInf(least, 1) {
		return 0
	}
	return least
}

func (h *Harm) validate(v *violations, categories []string) {
	v.filled("harm.version", h.Version)
	if _, err := time.Parse(time.DateOnly, h.Effective); err != nil {
		v.add("harm.effective", h.Effective, "a day as YYYY-MM-DD")
	}
	v.name("harm.basis", h.Basis)
	v.positive("harm.accusation", h.Accusation)
	v.positive("harm.check", h.Check)
	for item := range h.Misplaced {
		if !slices.Contains(categories, item) {
			v.add("harm.misplaced", item, fmt.Sprintf("one of %q", categories))
		}
	}
	for _, item := range categories {
		for bin := range h.Misplaced[item] {
			if bin == item || !slices.Contains(categories, bin) {
				v.add("harm.misplaced."+item, bin, "another category's id")
			}
		}
		for _, bin := range categories {
			if bin != item {
				v.positive(fmt.Sprintf("harm.misplaced.%s.%s", item, bin), h.Misplaced[item][bin])
			}
		}
	}
}

func (v *violations) positive(field string, value float64) {
	if !(value > 0 && value <= 1e6) { // NaN, too
		v.add(field, value, "a number above 0 up to 1,000,000")
	}
}
