package evaluation

import (
	"slices"

	"github.com/binside/binside/models/verdict"
)

// confidence95 is the confidence of the bound on false accusations.
const confidence95 = 0.95

// Rates are how often each verdict was given, and how rightly. The package's
// documentation says what each divides by; null is a share of nothing.
type Rates struct {
	TellOnCorrect *float64 `json:"tell_on_correct"`
	// TellOnCorrectUpper95 is the one-sided 95% Clopper–Pearson upper bound.
	TellOnCorrectUpper95 *float64 `json:"tell_on_correct_upper95"`
	TellOnWrong          *float64 `json:"tell_on_wrong"`
	PassOnWrong          *float64 `json:"pass_on_wrong"`
	CheckShare           *float64 `json:"check_share"`
	CheckShareOnCorrect  *float64 `json:"check_share_on_correct"`
	UnreadableShare      *float64 `json:"unreadable_share"`
	HazardousPassOnWrong *float64 `json:"hazardous_pass_on_wrong"`
	// TellNamesTruth is the share of the tells in a wrong bin that name the
	// right one.
	TellNamesTruth *float64 `json:"tell_names_truth"`
	// RatesOf are the same shares with their counts and intervals.
	RatesOf RatesOf `json:"rates_of"`
}

// RatesOf are the shares of Rates, but for the bound.
type RatesOf struct {
	TellOnCorrect        *Proportion `json:"tell_on_correct"`
	TellOnWrong          *Proportion `json:"tell_on_wrong"`
	PassOnWrong          *Proportion `json:"pass_on_wrong"`
	CheckShare           *Proportion `json:"check_share"`
	CheckShareOnCorrect  *Proportion `json:"check_share_on_correct"`
	UnreadableShare      *Proportion `json:"unreadable_share"`
	HazardousPassOnWrong *Proportion `json:"hazardous_pass_on_wrong"`
	TellNamesTruth       *Proportion `json:"tell_names_truth"`
}

// Cell counts the verdicts on the pictures of one category in one bin.
type Cell struct {
	Category   string `json:"category"`
	Bin        string `json:"bin"`
	N          int    `json:"n"`
	Tell       int    `json:"tell"`
	Check      int    `json:"check"`
	Pass       int    `json:"pass"`
	Unreadable int    `json:"unreadable"`
}

// add counts one verdict.
func (c *Cell) add(v verdict.Verdict) {
	c.N++
	switch v {
	case verdict.Tell:
		c.Tell++
	case verdict.Check:
		c.Check++
	case verdict.Pass:
		c.Pass++
	case verdict.Unreadable:
		c.Unreadable++
	}
}

// plus adds another cell's counts.
func (c *Cell) plus(o Cell) {
	c.N += o.N
	c.Tell += o.Tell
	c.Check += o.Check
	c.Pass += o.Pass
	c.Unreadable += o.Unreadable
}

// deposits counts the verdicts by category (slowest) and bin.
func deposits(results []Result, categories []string) []Cell {
	k := len(categories)
	cells := make([]Cell, k*k)
	for i, category := range categories {
		for j, bin := range categories {
			cells[i*k+j] = Cell{Category: category, Bin: bin}
		}
	}
	for _, r := range results {
		row := slices.Index(categories, r.Image.Category)
		for j, v := range r.Verdicts {
			cells[row*k+j].add(v)
		}
	}
	return cells
}

func rates(results []Result, categories []string, cells []Cell) Rates {
	var correct, wrong, dangerous Cell
	for _, c := range cells {
		if c.Category == c.Bin {
			correct.plus(c)
			continue
		}
		wrong.plus(c)
		if c.Category == hazardous {
			dangerous.plus(c)
		}
	}
	all := correct
	all.plus(wrong)
	n, hazards := len(results), dangerous.N/max(1, len(categories)-1)
	told, bound := accusations(correct.Tell, correct.N)
	of := RatesOf{
		TellOnCorrect:        told,
		TellOnWrong:          clustered(wrong.Tell, wrong.N, n),
		PassOnWrong:          clustered(wrong.Pass, wrong.N, n),
		CheckShare:           clustered(all.Check, all.N, n),
		CheckShareOnCorrect:  proportion(correct.Check, correct.N),
		UnreadableShare:      clustered(all.Unreadable, all.N, n),
		HazardousPassOnWrong: clustered(dangerous.Pass, dangerous.N, hazards),
		TellNamesTruth:       namesTruth(results, categories),
	}
	return Rates{
		TellOnCorrect: of.TellOnCorrect.value(), TellOnCorrectUpper95: bound,
		TellOnWrong: of.TellOnWrong.value(), PassOnWrong: of.PassOnWrong.value(),
		CheckShare: of.CheckShare.value(), CheckShareOnCorrect: of.CheckShareOnCorrect.value(),
		UnreadableShare: of.UnreadableShare.value(), HazardousPassOnWrong: of.HazardousPassOnWrong.value(),
		TellNamesTruth: of.TellNamesTruth.value(), RatesOf: of,
	}
}

// accusations are the share of right deposits that were told to be wrong, and
// the upper bound of that; both nil for n 0.
func accusations(told, n int) (*Proportion, *float64) {
	if n == 0 {
		return nil, nil
	}
	return proportion(told, n), number(UpperBound(told, n, confidence95))
}

// namesTruth is the share of the tells in wrong bins that name the picture's
// own category.
func namesTruth(results []Result, categories []string) *Proportion {
	var named, tells, pictures int
	for _, r := range results {
		before := tells
		for j, v := range r.Verdicts {
			if v != verdict.Tell || categories[j] == r.Image.Category {
				continue
			}
			tells++
			if r.Named[j] == r.Image.Category {
				named++
			}
		}
		if tells > before {
			pictures++
		}
	}
	return clustered(named, tells, pictures)
}
