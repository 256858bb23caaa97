package simulate

import "time"

// Detection is what a detector reported: a bin and a time within the event,
// best that at which the item was seen to lie still.
type Detection struct {
	ID  string
	Bin string
	At  time.Time
}

// Pair joins a shown event and a detection by their places in the lists.
type Pair struct{ Event, Detection int }

// Score counts how shown events and detections agree.
type Score struct {
	// Shown counts the events that were not interrupted; each is Found (exactly
	// one detection), Doubled (more than one) or Missed.
	Shown, Found, Doubled, Missed int
	// False counts detections without an event.
	False int
	// Pairs holds, for every event that was detected, its first detection in
	// time.
	Pairs []Pair
}

// Match assigns each detection to the event of the same bin that it lies in,
// which is from Start − tolerance to End + tolerance; where that is several,
// to the one that settled nearest to it. Detections of interrupted events
// count for nothing.
func Match(truth []Event, detections []Detection, tolerance time.Duration) Score {
	hits := make([][]int, len(truth))
	var s Score
	for d, det := range detections {
		if best := nearest(truth, det, tolerance); best >= 0 {
			hits[best] = append(hits[best], d)
		} else {
			s.False++
		}
	}
	for e, ds := range hits {
		if len(ds) > 0 {
			first := ds[0]
			for _, d := range ds {
				if detections[d].At.Before(detections[first].At) {
					first = d
				}
			}
			s.Pairs = append(s.Pairs, Pair{Event: e, Detection: first})
		}
		if truth[e].Interrupted {
			continue
		}
		s.Shown++
		switch len(ds) {
		case 0:
			s.Missed++
		case 1:
			s.Found++
		default:
			s.Doubled++
		}
	}
	return s
}

func nearest(truth []Event, det Detection, tolerance time.Duration) int {
	best, gap := -1, time.Duration(0)
	for e, ev := range truth {
		if ev.Bin != det.Bin || det.At.Before(ev.Start.Add(-tolerance)) || det.At.After(ev.End.Add(tolerance)) {
			continue
		}
		if d := ev.Settled.Sub(det.At).Abs(); best < 0 || d < gap {
			best, gap = e, d
		}
	}
	return best
}
