package demonstration

import (
	"math"
	"slices"
	"time"

	"github.com/binside/binside/camera/simulate"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/api"
)

// tolerance is how far apart the station's clock and the time at which the
// server saw a frame may be: network and decoding.
const tolerance = time.Second

// judgement is what the service said of one deposit.
type judgement struct {
	id, bin string
	at      time.Time
	verdict verdict.Verdict
}

// score compares what was shown with what was said. Only deposits that ended
// before until count, so that one that is still being looked at is not missed;
// what was said of it meanwhile is no false event either.
func score(truth []simulate.Event, said []judgement, until time.Time) api.DemonstrationScore {
	shown := slices.Clone(truth)
	for i, e := range shown {
		shown[i].Interrupted = e.Interrupted || !e.End.Before(until)
	}
	var detections []simulate.Detection
	var counted []judgement
	for _, j := range said {
		if j.at.Before(until) {
			counted = append(counted, j)
			detections = append(detections, simulate.Detection{ID: j.id, Bin: j.bin, At: j.at})
		}
	}
	m := simulate.Match(shown, detections, tolerance)
	out := api.DemonstrationScore{Deposits: m.Shown, Events: m.Found, Missed: m.Missed, FalseEvents: m.False + m.Doubled}

	var told, toldRightly, wrong, wrongCaught, right, rightTold int
	matched := make(map[int]bool)
	for _, p := range m.Pairs {
		e, j := shown[p.Event], counted[p.Detection]
		matched[p.Detection] = true
		if !e.End.Before(until) {
			continue
		}
		tell := j.verdict == verdict.Tell
		if tell {
			told++
			toldRightly += count(!e.Correct)
		}
		if e.Correct {
			right++
			rightTold += count(tell)
		} else if e.Judged {
			wrong++
			wrongCaught += count(tell || j.verdict == verdict.Check)
		}
	}
	for i, j := range counted {
		// Somebody was told although nothing was thrown in.
		if j.verdict == verdict.Tell && !matched[i] {
			told++
		}
	}
	out.TellPrecision = share(toldRightly, told)
	out.MisdepositRecall = share(wrongCaught, wrong)
	out.FalseTell = share(rightTold, right)
	return out
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// share is k of n with Wilson's score interval at 95% (Wilson 1927), which
// holds for small n and for shares near 0 and 1.
func share(k, n int) api.Share {
	if n == 0 {
		return api.Share{Low: 0, High: 1}
	}
	const z = 1.959964 // the normal distribution's 97.5% quantile
	p, m := float64(k)/float64(n), float64(n)
	centre := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return api.Share{Value: p, N: n, Low: math.Max(0, centre-half), High: math.Min(1, centre+half)}
}
