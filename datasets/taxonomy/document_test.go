package taxonomy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDocumentIsReadBack(t *testing.T) {
	for _, id := range IDs() {
		table, err := Open(id, "")
		require.NoError(t, err)
		text, err := table.Document()
		require.NoError(t, err)
		again, err := Parse(strings.NewReader(text))
		require.NoError(t, err, id)
		require.Equal(t, table, again, id)
	}
	painted, err := Open("urban-four", "other=black")
	require.NoError(t, err)
	text, err := painted.Document()
	require.NoError(t, err)
	again, err := Parse(strings.NewReader(text))
	require.NoError(t, err)
	other, _ := again.Category("other")
	require.Equal(t, "black", strings.ToLower(other.Colour.Name.EN))
}
