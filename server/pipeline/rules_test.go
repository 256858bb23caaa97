package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models"
	"github.com/binside/binside/models/verdict"
)

// Around a swap of models each prediction finds the rules of its own model,
// and a change of rules alone is in force at once.
func TestPredictionsFindTheirRules(t *testing.T) {
	var w Worker
	share := func(model string) float64 {
		r, err := w.rulesFor(models.Prediction{ModelVersion: model})
		require.NoError(t, err)
		return r.PassShare
	}
	w.Adopt(Rules{Model: "one", PassShare: 0.1})
	require.InDelta(t, 0.1, share("one"), 0)
	require.Equal(t, verdict.DefaultThresholds(), w.rules.Load().now.Thresholds)
	w.Adopt(Rules{Model: "one", PassShare: 0.2})
	require.InDelta(t, 0.2, share("one"), 0)
	w.Adopt(Rules{Model: "two", PassShare: 0.3})
	require.InDelta(t, 0.2, share("one"), 0, "those of before, while its last deposits are judged")
	require.InDelta(t, 0.3, share("two"), 0)
	w.Adopt(Rules{Model: "two", PassShare: 0.4})
	require.InDelta(t, 0.2, share("one"), 0)
	w.Adopt(Rules{Model: "one", PassShare: 0.5}) // back, where the swap failed
	require.InDelta(t, 0.5, share("one"), 0)
	require.InDelta(t, 0.4, share("two"), 0)
	_, err := w.rulesFor(models.Prediction{ModelVersion: "three"})
	require.Error(t, err)
	w.Adopt(Rules{PassShare: 0.6})
	require.InDelta(t, 0.6, share("three"), 0, "rules of no model in particular")
}
