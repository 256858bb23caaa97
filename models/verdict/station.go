package verdict

import (
	"fmt"
	"math"
	"slices"
)

// Record is what a station's reviewed deposits say about how often rightly
// sorted ones are told there. All of it is of one stretch of time, one model,
// one taxonomy and one version of the rules.
//
// People mostly see what was flagged, and of what passed only a random share,
// so the reviewed deposits are no fair sample of all. The record keeps the two
// apart. Every deposit that could be told at any threshold is flagged (a pass
// never has a Score that asks for telling), so those are all known; only how
// many rightly sorted deposits there were in all has to be inferred, and is,
// from below.
type Record struct {
	// Passes is how many deposits passed; Drawn of them were kept at random
	// for a person; DrawnRight of these were reviewed and found rightly
	// sorted. Drawn ones that nobody has looked at count as wrong.
	Passes, Drawn, DrawnRight int
	// FlaggedRight is how many flagged deposits were reviewed and found
	// rightly sorted.
	FlaggedRight int
	// Flagged is how many deposits were flagged, reviewed or not.
	Flagged int
	// Scores are those of the FlaggedRight ones that could be told, at any
	// threshold.
	Scores []float64
	// Open are the scores of flagged deposits that could be told and that
	// nobody has reviewed: they count as rightly sorted.
	Open []float64
}

func (r *Record) validate() error {
	counts := []struct {
		name        string
		value, most int
	}{
		{"drawn", r.Drawn, r.Passes},
		{"drawn_right", r.DrawnRight, r.Drawn},
		{"flagged_right", r.FlaggedRight, r.Flagged},
		{"the number of scores", len(r.Scores), r.FlaggedRight},
		{"the number of open scores", len(r.Open), r.Flagged - r.FlaggedRight},
		{"passes", r.Passes, math.MaxInt32},
		{"flagged", r.Flagged, math.MaxInt32},
	}
	for _, c := range counts {
		if c.value < 0 || c.value > c.most {
			return fmt.Errorf("%s is %d, allowed is 0 to %d", c.name, c.value, c.most)
		}
	}
	for _, s := range slices.Concat(r.Scores, r.Open) {
		if !(s >= 0) || math.IsInf(s, 0) {
			return fmt.Errorf("a score is %g, allowed is a finite number from 0 on", s)
		}
	}
	return nil
}

// apply puts the station's own bound in the place of b where it has one, and
// otherwise raises b's threshold where the station shows that it fails there.
//
// The station's own: with half the permitted error, at least n deposits were
// rightly sorted (hypergeometric, from the random passes; the flagged ones are
// counted). Given how many there were, the number of them that would be told
// at a threshold is binomial, and what n allows is no more than what a greater
// number would, so the other half of the error covers it. Open ones count as
// told and rightly sorted, which can only raise the threshold.
func (r *Record) apply(b *Bound) {
	delta := 1 - b.Confidence
	n := fewestOf(r.Passes, r.Drawn, r.DrawnRight, delta/2) + r.FlaggedRight
	if allowed := allowedErrors(n, b.Alpha, delta/2); allowed >= 0 {
		scores := slices.Concat(r.Scores, r.Open)
		at := limit(scores, allowed)
		told := countFrom(scores, at)
		b.Level, b.N, b.Allowed, b.Told, b.TellAt = LevelStation, n, allowed, told, at
		b.Upper = upperBound(told, n, 1-delta/2)
		return
	}
	if b.TellAt == 0 {
		return
	}
	// At most this many were rightly sorted: were the bound to hold, so many
	// told among them would be a surprise.
	most := r.Passes + r.Flagged
	told := countFrom(r.Scores, b.TellAt)
	if told > 0 && 1-atMost(told-1, most, b.Alpha) <= delta {
		b.TellAt = max(b.TellAt, limit(slices.Clone(r.Scores), int(b.Alpha*float64(n))))
		b.Tightened = true
	}
}
