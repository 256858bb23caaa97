package pipeline

import (
	"slices"
	"strings"

	"github.com/binside/binside/server/station"
	"github.com/binside/binside/vision/condition"
)

// SilentBin is a bin at which nobody is told what they did wrong, because no
// camera that sees it can be believed.
type SilentBin struct {
	BinID string `json:"bin_id"`
	// Why are the conditions of the cameras that see it, sorted, each once.
	Why []condition.Kind `json:"why" enum:"frozen,black,overexposed,night,blurred,dirty,moved,covered,clock" doc:"Why the cameras that see it cannot be believed"`
}

// Equal reports whether two say the same.
func (b SilentBin) Equal(c SilentBin) bool { return b.BinID == c.BinID && slices.Equal(b.Why, c.Why) }

// SilentBins are the bins that a doubted camera sees and none that streams and
// can be believed, by ID. What a doubted camera sees is told to nobody, and what
// another one sees of the same bin is. A bin that no camera sees is told of by
// those who push deposits.
func SilentBins(cameras []station.Camera, states map[string]CameraState) []SilentBin {
	why, well := make(map[string][]condition.Kind), make(map[string]bool)
	for _, c := range cameras {
		state, runs := states[c.ID]
		for _, r := range c.Regions {
			switch {
			case state.Condition != condition.Good:
				why[r.BinID] = append(why[r.BinID], state.Condition)
			case runs && state.Status == StatusStreaming:
				well[r.BinID] = true
			}
		}
	}
	out := []SilentBin{}
	for id, kinds := range why {
		if !well[id] {
			slices.Sort(kinds)
			out = append(out, SilentBin{BinID: id, Why: slices.Compact(kinds)})
		}
	}
	slices.SortFunc(out, func(a, b SilentBin) int { return strings.Compare(a.BinID, b.BinID) })
	return out
}
