package stats_test

import (
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/binside/binside/bench/stats"
)

func TestMcNemar(t *testing.T) {
	// The sums of binomial coefficients, by hand.
	assert.InDelta(t, 2*(1.0+10+45)/1024, stats.McNemar(2, 8), 1e-12)
	assert.InDelta(t, 2*(1.0+10+45)/1024, stats.McNemar(8, 2), 1e-12)
	assert.InDelta(t, 2.0/32, stats.McNemar(0, 5), 1e-12)
	assert.InDelta(t, 1, stats.McNemar(0, 0), 0)
	assert.InDelta(t, 1, stats.McNemar(3, 3), 1e-12)
	assert.Less(t, stats.McNemar(20, 800), 1e-100, "no overflow")
}

func TestPairedMean(t *testing.T) {
	// One thing's pictures all alike: a hundred pictures of four things are
	// four observations, not a hundred.
	var differences []float64
	var things, pictures []string
	for i := range 100 {
		differences = append(differences, float64(i%4)/4)
		things = append(things, strconv.Itoa(i%4))
		pictures = append(pictures, strconv.Itoa(i))
	}
	mean, low, high := stats.PairedMean(differences, pictures, 1)
	assert.InDelta(t, 0.375, mean, 1e-12)
	half := stats.Quantile95 * math.Sqrt(0.078125/100) // the normal interval of the mean
	assert.InDelta(t, mean-half, low, 0.006)
	assert.InDelta(t, mean+half, high, 0.006)
	_, clusterLow, clusterHigh := stats.PairedMean(differences, things, 1)
	assert.Greater(t, clusterHigh-clusterLow, 3*(high-low))
	_, again, _ := stats.PairedMean(differences, pictures, 1)
	assert.InDelta(t, low, again, 0)
	mean, _, _ = stats.PairedMean(nil, nil, 1)
	assert.Zero(t, mean)
}

func TestECE(t *testing.T) {
	// Bin of 0.9: 3 of 4 right, a gap of 0.15; bin of 0.5: 1 of 2, none.
	e := stats.ECE([]float64{0.9, 0.9, 0.9, 0.9, 0.5, 0.5}, []bool{true, true, true, false, true, false})
	assert.InDelta(t, 4.0/6*0.15, e, 1e-12)
	assert.InDelta(t, 0, stats.ECE([]float64{1, 1}, []bool{true, true}), 1e-12)
	assert.Zero(t, stats.ECE(nil, nil))
}

func TestAUROC(t *testing.T) {
	area, _, _ := stats.AUROC([]float64{1, 2, 3}, []float64{4, 5})
	assert.InDelta(t, 1, area, 0)
	area, _, _ = stats.AUROC([]float64{1, 2, 2}, []float64{2, 0})
	assert.InDelta(t, (1+0.5+0.5+0+0+0)/6.0, area, 1e-12, "ties count half")
	// Hanley and McNeil 1982, tables I and II: ratings of 58 normal and 51
	// abnormal cases, an area of 0.893 with a standard error of 0.032.
	ratings := func(counts ...int) (out []float64) {
		for rating, n := range counts {
			for range n {
				out = append(out, float64(rating))
			}
		}
		return out
	}
	area, low, high := stats.AUROC(ratings(33, 6, 6, 11, 2), ratings(3, 2, 2, 11, 33))
	assert.InDelta(t, 0.893, area, 5e-4)
	assert.InDelta(t, 0.032, (area-low)/stats.Quantile95, 5e-4)
	assert.InDelta(t, min(1, area+(area-low)), high, 1e-12)
	area, _, _ = stats.AUROC(nil, []float64{1})
	assert.True(t, math.IsNaN(area))
}
