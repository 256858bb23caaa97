package base_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models/base"
)

// The committed sample is the committed model's, and shows it something of
// every category.
func TestTheBuiltInRiskSample(t *testing.T) {
	folder, err := base.Load()
	require.NoError(t, err)
	sample, err := base.Risk(folder.Card)
	require.NoError(t, err)
	require.NotNil(t, sample)
	byCategory := make(map[string]int)
	for _, r := range sample.Rows {
		byCategory[r.Category]++
		category, ok := taxonomy.Default().CategoryOf(r.Class)
		require.True(t, ok, r.Class)
		require.Equal(t, r.Category, category, r.Class)
	}
	for _, id := range taxonomy.Default().CategoryIDs() {
		require.GreaterOrEqual(t, byCategory[id], 50, id)
	}
}
