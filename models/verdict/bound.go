package verdict

import (
	"math"
	"slices"
)

// Level says of which deposits a Bound's n photographs are an example.
type Level string

// The levels, from the finest to none.
const (
	// LevelStation: rightly sorted deposits of the station itself, reviewed.
	LevelStation Level = "station"
	// LevelBin: photographs of what this bin accepts.
	LevelBin Level = "bin"
	// LevelAll: all photographs, each in its own category's bin.
	LevelAll Level = "all-bins"
	// LevelNone: there are too few of all, and nobody is told.
	LevelNone Level = "none"
)

// Bound is the guarantee that a bin's verdicts stand under, and what it costs.
// With the stated confidence the probability that a rightly sorted deposit of
// the level's kind is told is at most Alpha.
//
// The confidence is over the draw of the sample: training-conditional validity
// in the sense of Vovk, "Conditional validity of inductive conformal
// predictors", ACML 2012, by the risk control of Bates et al.,
// "Distribution-free, risk-controlling prediction sets", JACM 68 (2021). It
// holds for deposits that look like the sample's photographs; it is stated for
// each bin by itself, not for all bins together.
type Bound struct {
	Level      Level   `json:"level" enum:"station,bin,all-bins,none" doc:"Of which deposits the n are an example"`
	Alpha      float64 `json:"alpha" doc:"Highest allowed share of rightly sorted deposits that are told"`
	Confidence float64 `json:"confidence" doc:"With which the bound holds"`
	N          int     `json:"n" doc:"Rightly sorted examples, near-duplicates counted once"`
	Allowed    int     `json:"allowed" doc:"How many of the n may be told"`
	Told       int     `json:"told" doc:"How many of the n are told"`
	// Upper is the Clopper–Pearson upper bound of the told share, at most
	// Alpha; 1 where the level is none.
	Upper float64 `json:"upper" doc:"Upper confidence bound of the share that is told"`
	// TellAt is the least score (see Decision) that is told, from 1 on; 0:
	// nobody is told.
	TellAt float64 `json:"tell_at"`
	// Tightened: the station's own reviewed deposits show that the level's
	// threshold tells too many rightly sorted ones there, and raised it.
	Tightened bool `json:"tightened,omitempty" doc:"Raised by what the station's own reviewed deposits show"`
	// Shares are what the verdicts come to.
	Shares Shares `json:"shares"`
}

// Shares are what becomes of the risk sample's photographs when all of them
// are thrown into the bin; pictures that cannot be read are not among them.
// All are 0 where N is.
type Shares struct {
	N            int     `json:"n" doc:"Photographs thrown into the bin, right or wrong"`
	NRight       int     `json:"n_right" doc:"Those of them that belong there"`
	Check        float64 `json:"check" doc:"Sent to a person, of all"`
	CheckOfRight float64 `json:"check_of_right" doc:"Sent to a person, of those that belong there"`
	TellOfRight  float64 `json:"tell_of_right"`
	CheckOfWrong float64 `json:"check_of_wrong"`
	TellOfWrong  float64 `json:"tell_of_wrong"`
	PassOfWrong  float64 `json:"pass_of_wrong"`
}

// limit turns the scores of n rightly sorted examples (0 where one cannot be
// told) into the least score at which no more than allowed of them are told;
// at least 1, so that telling lessens the expected harm. Scores are sorted in
// place; those that are 0 may be left out.
func limit(scores []float64, allowed int) float64 {
	slices.SortFunc(scores, func(a, b float64) int {
		switch {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	})
	if allowed >= len(scores) {
		return 1
	}
	return max(1, math.Nextafter(scores[allowed], math.Inf(1)))
}

func countFrom(scores []float64, least float64) (n int) {
	for _, s := range scores {
		if s >= least {
			n++
		}
	}
	return n
}
