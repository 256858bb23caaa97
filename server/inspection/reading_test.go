package inspection_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models"
	"github.com/binside/binside/server/inspection"
)

func TestReadingKeepsWhatTheTopClassesLeave(t *testing.T) {
	p := models.Prediction{Classes: []models.ClassProbability{
		{Class: "battery", Probability: 0.7}, {Class: "paper", Probability: 0.2}, {Class: "glass", Probability: 0.0123456789},
		{Class: "metal", Probability: 3.14159e-5}, {Class: "ball", Probability: 9e-7},
	}}
	r := inspection.NewReading(p, 2, &inspection.Image{Sharpness: 310, Exposure: math.NaN()})
	require.Equal(t, &inspection.Reading{
		Rest:      []models.ClassProbability{{Class: "glass", Probability: 0.01235}, {Class: "metal", Probability: 3.142e-5}},
		Sharpness: 310, Exposure: 1e9,
	}, r)
	require.Empty(t, inspection.NewReading(p, 9, &inspection.Image{}).Rest)

	i := inspection.Inspection{Classes: p.Classes[:2]}
	require.Equal(t, p.Classes[:2], i.AllClasses(), "an old record has no more")
	i.Reading = r
	all := i.AllClasses()
	require.Len(t, all, 4)
	all[2].Class = "changed"
	require.Equal(t, "glass", p.Classes[2].Class, "the caller's own")
}
