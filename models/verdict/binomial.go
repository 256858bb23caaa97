package verdict

import (
	"math"
	"sort"
)

// atMost is P(X ≤ k) of a binomial X of n trials with probability p each.
func atMost(k, n int, p float64) float64 {
	switch {
	case k < 0:
		return 0
	case k >= n || p <= 0:
		return 1
	case p >= 1:
		return 0
	}
	var sum float64
	for i := range k + 1 {
		sum += math.Exp(logChoose(n, i) + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return min(sum, 1)
}

func logChoose(n, k int) float64 {
	lg := func(v int) float64 { l, _ := math.Lgamma(float64(v) + 1); return l }
	return lg(n) - lg(k) - lg(n-k)
}

// allowedErrors is the largest k with P(Bin(n, alpha) ≤ k) ≤ delta, so that k
// errors in n independent trials show with confidence 1 − delta that errors
// are no more frequent than alpha; −1 where no errors at all would not show
// it.
func allowedErrors(n int, alpha, delta float64) int {
	// The tail grows with k: the first k that is too much ends the search.
	return sort.Search(n, func(k int) bool { return atMost(k, n, alpha) > delta }) - 1
}

// upperBound is the one-sided upper confidence bound of a proportion of which
// k in n were seen: Clopper & Pearson, "The use of confidence or fiducial
// limits illustrated in the case of the binomial", Biometrika 26 (1934). 1
// where n is 0.
func upperBound(k, n int, confidence float64) float64 {
	if k >= n {
		return 1
	}
	low, high := 0.0, 1.0
	for range 60 { // halving 60 times is past float64's precision
		mid := (low + high) / 2
		if atMost(k, n, mid) > 1-confidence {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

// fewestOf is the lower confidence bound, 1 − delta, of how many of all things
// have a property that seen of drawn ones had, drawn at random without
// replacement: the least number at which so many are no surprise, by the
// hypergeometric distribution.
func fewestOf(all, drawn, seen int, delta float64) int {
	least, most := seen, all-(drawn-seen)
	atLeastSeen := func(k int) float64 {
		var sum float64
		for i := seen; i <= min(drawn, k); i++ {
			if drawn-i <= all-k {
				sum += math.Exp(logChoose(k, i) + logChoose(all-k, drawn-i) - logChoose(all, drawn))
			}
		}
		return sum
	}
	return least + sort.Search(max(most-least, 0), func(i int) bool { return atLeastSeen(least+i) > delta })
}
