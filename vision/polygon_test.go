package vision_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/vision"
)

func TestPolygonCrosses(t *testing.T) {
	for name, c := range map[string]struct {
		polygon vision.Polygon
		crosses bool
	}{
		"square":            {vision.Full(), false},
		"triangle":          {vision.Polygon{{X: 0.1, Y: 0.1}, {X: 0.9, Y: 0.1}, {X: 0.5, Y: 0.8}}, false},
		"hollow":            {vision.Polygon{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 1}, {X: 0.5, Y: 0.2}, {X: 0, Y: 1}}, false},
		"corner on a line":  {vision.Polygon{{X: 0, Y: 0}, {X: 0.5, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 1}}, false},
		"bow tie":           {vision.Polygon{{X: 0, Y: 0}, {X: 1, Y: 1}, {X: 1, Y: 0}, {X: 0, Y: 1}}, true},
		"corner on an edge": {vision.Polygon{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 1}, {X: 0.5, Y: 0}, {X: 0, Y: 1}}, true},
		"spike":             {vision.Polygon{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 0.5, Y: 0}, {X: 0.5, Y: 1}}, true},
		"repeated corner":   {vision.Polygon{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 0}, {X: 0.5, Y: 1}}, true},
		"last edge":         {vision.Polygon{{X: 0, Y: 0}, {X: 0.9, Y: 0.1}, {X: 0.9, Y: 0.5}, {X: 0.5, Y: -0.1}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, crosses := c.polygon.Crosses()
			require.Equal(t, c.crosses, crosses)
		})
	}
}
