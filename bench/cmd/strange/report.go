package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/binside/binside/bench/stats"
	"github.com/binside/binside/models"
)

// report is what the command writes.
type report struct {
	Model string `json:"model"`
	// Measures says whether the model has an output of strangeness.
	Measures bool   `json:"measures_strangeness"`
	Known    string `json:"known"`
	Split    string `json:"split"`
	Seed     uint64 `json:"seed"`
	// N counts the waste, Without the photographs and frames that show none.
	N       int            `json:"n_waste"`
	Without int            `json:"n_without"`
	Areas   []area         `json:"auroc"`
	Groups  []groupFigures `json:"groups"`
}

// area is how well one score tells waste from one kind of pictures without.
type area struct {
	Score   string  `json:"score"`
	Against string  `json:"against"`
	N       int     `json:"n"`
	AUROC   float64 `json:"value"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
}

// groupFigures is what would become of one group.
type groupFigures struct {
	Name string `json:"name"`
	N    int    `json:"n"`
	// Strange is the share above the bound of 1, Unreadable the share that the
	// default bounds of quality refuse, Either that of both together.
	Strange    float64 `json:"strange"`
	Unreadable float64 `json:"unreadable"`
	Either     float64 `json:"either"`
	// Sure is the share of whose category the model is at least 99% sure.
	Sure float64 `json:"sure"`
}

// score is a number that is higher for stranger pictures.
type score struct {
	name string
	of   func(sight) float64
}

var scores = []score{
	{"strangeness", func(s sight) float64 { return s.strangeness }},
	{"unsure of the category", func(s sight) float64 { return -s.surest }},
	{"energy", func(s sight) float64 { return s.energy }},
}

func newReport(card *models.Card, s settings, groups []group) report {
	out := report{Model: card.Version, Measures: card.Output.Strangeness != "", Known: filepath.ToSlash(s.known), Split: s.split, Seed: s.seed}
	known := groups[0]
	out.N = len(known.seen)
	var without []sight
	kind := make(map[string][]sight)
	for _, g := range groups {
		out.Groups = append(out.Groups, figures(g))
		kind[g.name] = g.seen
		if g.name == photograph || g.name == videoFrame {
			without = append(without, g.seen...)
		}
	}
	out.Without = len(without)
	for _, sc := range scores {
		if sc.name == "strangeness" && !out.Measures {
			continue
		}
		for _, against := range []struct {
			name string
			seen []sight
		}{
			{"photographs and frames", without}, {"photographs", kind[photograph]},
			{"frames", kind[videoFrame]}, {"cut-outs of animals", kind[cutout]},
		} {
			a := area{Score: sc.name, Against: against.name, N: len(against.seen)}
			a.AUROC, a.Low, a.High = stats.AUROC(each(known.seen, sc.of), each(against.seen, sc.of))
			out.Areas = append(out.Areas, a)
		}
	}
	return out
}

func each(seen []sight, of func(sight) float64) []float64 {
	out := make([]float64, len(seen))
	for i, s := range seen {
		out[i] = of(s)
	}
	return out
}

func figures(g group) groupFigures {
	share := func(is func(sight) bool) float64 {
		left := slices.DeleteFunc(slices.Clone(g.seen), func(s sight) bool { return !is(s) })
		return float64(len(left)) / float64(max(1, len(g.seen)))
	}
	strange := func(s sight) bool { return s.strangeness > 1 }
	unreadable := func(s sight) bool { return s.unreadable }
	return groupFigures{
		Name: g.name, N: len(g.seen), Strange: share(strange), Unreadable: share(unreadable),
		Either: share(func(s sight) bool { return strange(s) || unreadable(s) }),
		Sure:   share(func(s sight) bool { return s.surest >= 0.99 }),
	}
}

func (r report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d pictures of waste, %d photographs and frames without\n", r.Model, r.N, r.Without)
	if !r.Measures {
		fmt.Fprintln(&b, "  the model has no output of strangeness")
	}
	for _, a := range r.Areas {
		fmt.Fprintf(&b, "  AUROC of %-24s against %-24s %.4f (%.4f to %.4f), n %d\n", a.Score, a.Against, a.AUROC, a.Low, a.High, a.N)
	}
	for _, g := range r.Groups {
		fmt.Fprintf(&b, "  %-20s n %4d: strange %.3f, unreadable %.3f, either %.3f; sure of a category %.3f\n",
			g.Name, g.N, g.Strange, g.Unreadable, g.Either, g.Sure)
	}
	return b.String()
}
