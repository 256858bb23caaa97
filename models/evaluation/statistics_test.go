package evaluation

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWilson(t *testing.T) {
	// Textbook values, and the model card's, which Python computed.
	for _, c := range []struct {
		hits, n   int
		low, high float64
	}{
		{8, 10, 0.490162, 0.943318},
		{0, 10, 0, 0.277533},
		{10, 10, 0.722467, 1},
		{1655, 1730, 0.9460, 0.9653},
		{0, 0, 0, 1},
	} {
		low, high := Wilson(c.hits, c.n)
		assert.InDelta(t, c.low, low, 5e-5, "%+v", c)
		assert.InDelta(t, c.high, high, 5e-5, "%+v", c)
	}
}

func TestUpperBound(t *testing.T) {
	assert.InDelta(t, 1-math.Pow(0.05, 1.0/149), UpperBound(0, 149, 0.95), 1e-9)
	assert.Less(t, UpperBound(0, 149, 0.95), 0.02, "2% at 95% needs 149 without an error")
	assert.Greater(t, UpperBound(0, 148, 0.95), 0.02)
	assert.InDelta(t, 0.394163, UpperBound(1, 10, 0.95), 1e-6)
	assert.InDelta(t, 1, UpperBound(10, 10, 0.95), 0)
	assert.InDelta(t, 1, UpperBound(0, 0, 0.95), 0)
	// Nine of ten wrong: the chance of all ten is p¹⁰ = 0.95.
	assert.InDelta(t, math.Pow(0.95, 0.1), UpperBound(9, 10, 0.95), 1e-9)
	// Terms that underflow on the way do not spoil a large sum: the bound lies
	// where the normal distribution puts it, and a little above.
	normal := 0.05 + 1.644854*math.Sqrt(0.05*0.95/100_000)
	assert.InDelta(t, normal, UpperBound(5000, 100_000, 0.95), 2e-5)
}

func TestCalibrationError(t *testing.T) {
	bins := calibrate([]scored{{0.95, true}, {0.95, false}, {0.35, true}})
	require.Len(t, bins, 15)
	assert.Equal(t, 2, bins[14].n)
	assert.Equal(t, 1, bins[14].right)
	assert.Equal(t, 1, bins[5].n, "0.35 is in (1/3, 0.4]")
	assert.InDelta(t, (2*0.45+0.65)/3, ece(bins), 1e-12)

	bins = calibrate([]scored{{0, false}, {1, true}, {0.2, true}, {1.0000001, true}})
	assert.Equal(t, 1, bins[0].n)
	assert.Equal(t, 2, bins[14].n, "rounding beyond 1 stays in the last bin")
	assert.Equal(t, 1, bins[2].n, "a bin's upper end belongs to it")
	assert.True(t, math.IsNaN(ece(calibrate(nil))))
}

func TestRiskCoverage(t *testing.T) {
	rc := newRiskCoverage([]scored{{0.6, false}, {0.9, true}, {0.7, true}, {0.8, false}})
	assert.InDeltaSlice(t, []float64{0, 1.0 / 2, 1.0 / 3, 2.0 / 4}, rc.risk, 1e-12)
	assert.InDeltaSlice(t, []float64{0.9, 0.8, 0.7, 0.6}, rc.confidence, 0)
	assert.InDelta(t, (1.0/2+1.0/3+1.0/2)/4, rc.area(), 1e-12)

	// Equal confidences: whichever order they came in.
	for _, tied := range [][]scored{{{0.9, true}, {0.9, false}, {0.5, true}}, {{0.5, true}, {0.9, false}, {0.9, true}}} {
		assert.InDeltaSlice(t, []float64{0.5, 0.5, 1.0 / 3}, newRiskCoverage(tied).risk, 1e-12)
	}
	assert.True(t, math.IsNaN(newRiskCoverage(nil).area()))
}
