package taxonomy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHarmOf(t *testing.T) {
	h := &Default().Harm
	assert.Zero(t, h.Of("recyclable", []string{"recyclable"}))
	assert.Zero(t, h.Of("recyclable", []string{"other", "recyclable"}))
	assert.Zero(t, h.Of("ufo", []string{"other"}), "nobody can say that it is wrong")
	assert.Zero(t, h.Of("recyclable", nil))
	assert.Greater(t, h.Of("hazardous", []string{"kitchen"}), h.Of("recyclable", []string{"other"}), "a battery in the compost is worse than paper in the grey bin")
	assert.InDelta(t, min(h.Of("hazardous", []string{"kitchen"}), h.Of("hazardous", []string{"other"})),
		h.Of("hazardous", []string{"kitchen", "other"}), 0, "the least over the bin's categories")
}

func TestHarmNamesEveryPair(t *testing.T) {
	tax := *Default()
	tax.Harm.Misplaced = map[string]map[string]float64{"ufo": {}, "kitchen": {"kitchen": 1}}
	tax.Harm.Accusation = 0
	tax.Harm.Effective = "soon"
	err := tax.Validate()
	require.Error(t, err)
	for _, want := range []string{
		"harm.misplaced is \"ufo\"", "harm.misplaced.kitchen is \"kitchen\"", "harm.misplaced.recyclable.other is 0",
		"harm.accusation is 0", "harm.effective is \"soon\"",
	} {
		require.ErrorContains(t, err, want)
	}
}
