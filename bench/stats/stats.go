// Package stats holds the statistics of the benchmarks that compare answers
// with the truth: paired differences, calibration, and how well a score tells
// two kinds apart. It knows no picture and no model.
package stats

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Quantile95 is the normal distribution's 97.5% quantile, for two-sided
// intervals at 95%.
const Quantile95 = 1.959964

// McNemar is the exact two-sided test of whether two ways of answering the
// same questions are equally often right, from the questions that only the one
// and only the other got right: the binomial test of onlyA among both with
// share one half (McNemar 1947). 1 where they never differ.
func McNemar(onlyA, onlyB int) float64 {
	n := onlyA + onlyB
	tail := 0.0
	for k := range min(onlyA, onlyB) + 1 {
		tail += math.Exp(logChoose(n, k) - float64(n)*math.Ln2)
	}
	return min(1, 2*tail)
}

func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// PairedMean is the mean of the differences and its 95% percentile bootstrap
// interval (Efron 1979) over whole clusters: pictures of one thing are drawn
// together, for they succeed and fail together. clusters names each
// difference's. The same seed gives the same interval.
func PairedMean(differences []float64, clusters []string, seed uint64) (mean, low, high float64) {
	type cluster struct {
		sum float64
		n   int
	}
	place := make(map[string]int)
	var all []cluster
	for i, d := range differences {
		at, ok := place[clusters[i]]
		if !ok {
			at = len(all)
			place[clusters[i]] = at
			all = append(all, cluster{})
		}
		all[at].sum += d
		all[at].n++
		mean += d / float64(len(differences))
	}
	if len(all) == 0 {
		return 0, 0, 0
	}
	const rounds = 4000
	rng := rand.New(rand.NewPCG(seed, 0x5eed))
	means := make([]float64, rounds)
	for r := range means {
		var sum float64
		n := 0
		for range all {
			c := all[rng.IntN(len(all))]
			sum, n = sum+c.sum, n+c.n
		}
		means[r] = sum / float64(n)
	}
	slices.Sort(means)
	return mean, means[rounds*25/1000], means[rounds*975/1000-1]
}

// ECE is the expected calibration error: the mean over the answers of how far,
// within each of 15 equally wide bins of confidence, the share of right answers
// lies from the mean confidence (Guo et al. 2017).
func ECE(confidence []float64, right []bool) float64 {
	const bins = 15
	var gap [bins]float64
	for i, c := range confidence {
		b := min(bins-1, max(0, int(c*bins)))
		gap[b] += c
		if right[i] {
			gap[b]--
		}
	}
	var sum float64
	for _, g := range gap {
		sum += math.Abs(g)
	}
	return sum / float64(max(1, len(confidence)))
}

// AUROC is the chance that a score is higher for one of the strange than for
// one of the known, ties counting half (the Mann–Whitney statistic), with the
// 95% interval of Hanley and McNeil, "The meaning and use of the area under a
// ROC curve", Radiology 143 (1982). NaN where one side is empty.
func AUROC(known, strange []float64) (area, low, high float64) {
	type point struct {
		score   float64
		strange bool
	}
	all := make([]point, 0, len(known)+len(strange))
	for _, s := range known {
		all = append(all, point{s, false})
	}
	for _, s := range strange {
		all = append(all, point{s, true})
	}
	slices.SortFunc(all, func(a, b point) int {
		switch {
		case a.score < b.score:
			return -1
		case a.score > b.score:
			return 1
		}
		return 0
	})
	var wins, below float64 // below: the known with lower scores
	for i := 0; i < len(all); {
		var k, s float64
		j := i
		for ; j < len(all) && all[j].score == all[i].score; j++ {
			if all[j].strange {
				s++
			} else {
				k++
			}
		}
		wins += s * (below + k/2)
		below += k
		i = j
	}
	n0, n1 := float64(len(known)), float64(len(strange))
	area = wins / (n0 * n1)
	q1, q2 := area/(2-area), 2*area*area/(1+area)
	se := math.Sqrt(max(0, area*(1-area)+(n1-1)*(q1-area*area)+(n0-1)*(q2-area*area)) / (n0 * n1))
	return area, max(0, area-Quantile95*se), min(1, area+Quantile95*se)
}
