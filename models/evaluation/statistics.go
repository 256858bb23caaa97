package evaluation

import (
	"cmp"
	"math"
	"slices"
)

// z95 is the 97.5% quantile of the normal distribution, for two-sided 95%
// intervals.
const z95 = 1.959963984540054

// Bins is how many bins of equal width the calibration figures use.
const Bins = 15

// Wilson returns the two-sided 95% score interval of a proportion of hits
// among n. Source: Wilson, "Probable inference, the law of succession, and
// statistical inference", JASA 22, 1927. With n 0 nothing is known: 0 to 1.
func Wilson(hits, n int) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	return wilson(float64(hits)/float64(n), float64(n))
}

// wilson is Wilson for the share p of m > 0 trials.
func wilson(p, m float64) (low, high float64) {
	centre := p + z95*z95/(2*m)
	half := z95 * math.Sqrt(p*(1-p)/m+z95*z95/(4*m*m))
	scale := 1 + z95*z95/m
	return max(0, (centre-half)/scale), min(1, (centre+half)/scale)
}

// UpperBound returns the one-sided Clopper–Pearson upper bound of a proportion
// of hits among n: the largest p at which hits or fewer still have the
// probability 1-confidence. Source: Clopper and Pearson, "The use of
// confidence or fiducial limits illustrated in the case of the binomial",
// Biometrika 26, 1934. With n 0, or hits n, it is 1.
//
// The bound is found by halving: the binomial distribution falls as p grows.
// Its sum has hits+1 terms, which is less work than a good incomplete beta
// function is code.
func UpperBound(hits, n int, confidence float64) float64 {
	if n == 0 || hits >= n {
		return 1
	}
	low, high := float64(hits)/float64(n), 1.0
	for range 60 { // down to the last bit of a float64
		p := (low + high) / 2
		if binomialCDF(hits, n, p) > 1-confidence {
			low = p
		} else {
			high = p
		}
	}
	return high
}

// binomialCDF is the probability of at most k hits among n, each with
// probability p, 0 < p < 1.
func binomialCDF(k, n int, p float64) float64 {
	// Each term from the one before, in logarithms: the first underflows.
	log, odds := float64(n)*math.Log1p(-p), math.Log(p)-math.Log1p(-p)
	sum := math.Exp(log)
	for i := 1; i <= k; i++ {
		log += math.Log(float64(n-i+1)) - math.Log(float64(i)) + odds
		sum += math.Exp(log)
	}
	return min(sum, 1)
}

// scored is one answer: how sure it was, from 0 to 1, and whether it was
// right.
type scored struct {
	confidence float64
	right      bool
}

// calibrationBin holds what fell into one bin of confidence: sum adds the
// confidences up.
type calibrationBin struct {
	n, right int
	sum      float64
}

// calibrate sorts answers into Bins bins of equal width; bin i takes
// confidences in (i/Bins, (i+1)/Bins], the first 0 as well, as in Guo et al.,
// "On Calibration of Modern Neural Networks", ICML 2017.
func calibrate(answers []scored) []calibrationBin {
	bins := make([]calibrationBin, Bins)
	for _, a := range answers {
		i := int(math.Ceil(a.confidence*Bins)) - 1
		b := &bins[min(max(i, 0), Bins-1)]
		b.n++
		b.sum += a.confidence
		if a.right {
			b.right++
		}
	}
	return bins
}

// ece is the expected calibration error (Guo et al.): the mean over all
// answers of how far apart their bin's mean confidence and its accuracy are.
// NaN without answers.
func ece(bins []calibrationBin) float64 {
	var gap float64
	n := 0
	for _, b := range bins {
		gap += math.Abs(b.sum - float64(b.right))
		n += b.n
	}
	return gap / float64(n)
}

// riskCoverage is what a classifier gets wrong if it answers only where it is
// surest.
type riskCoverage struct {
	// risk[i] is the share of wrong answers among the i+1 surest,
	// confidence[i] that of the least sure of them.
	risk, confidence []float64
}

// newRiskCoverage orders the answers by confidence. Answers of equal
// confidence have no order: each of them adds the mean number of errors of its
// like, which is what a random order gives on average.
func newRiskCoverage(answers []scored) riskCoverage {
	sorted := slices.SortedStableFunc(slices.Values(answers), func(a, b scored) int {
		return cmp.Compare(b.confidence, a.confidence)
	})
	var rc riskCoverage
	errors := 0.0
	for start := 0; start < len(sorted); {
		end, wrong := start, 0
		for ; end < len(sorted) && sorted[end].confidence == sorted[start].confidence; end++ {
			if !sorted[end].right {
				wrong++
			}
		}
		for i := start; i < end; i++ {
			soFar := errors + float64(wrong)*float64(i-start+1)/float64(end-start)
			rc.risk = append(rc.risk, soFar/float64(i+1))
			rc.confidence = append(rc.confidence, sorted[i].confidence)
		}
		errors += float64(wrong)
		start = end
	}
	return rc
}

// area is the mean of the risk over all coverages (AURC). Source: Geifman,
// Uziel and El-Yaniv, "Bias-Reduced Uncertainty Estimation for Deep Neural
// Classifiers", ICLR 2019. NaN without answers.
func (rc riskCoverage) area() float64 {
	var sum float64
	for _, r := range rc.risk {
		sum += r
	}
	return sum / float64(len(rc.risk))
}
