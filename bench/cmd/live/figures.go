package main

import (
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/binside/binside/camera/simulate"
	"github.com/binside/binside/server/inspection"
)

// figures are what is published.
type figures struct {
	// From the frame with which the detector was certain, when it came in, to
	// the answer's arrival at a screen: prompts and thanks.
	FrameToScreenP50 float64 `json:"frame_to_screen_p50_ms"`
	FrameToScreenP95 float64 `json:"frame_to_screen_p95_ms"`
	FrameToScreenP99 float64 `json:"frame_to_screen_p99_ms"`
	FrameToScreenMax float64 `json:"frame_to_screen_max_ms"`
	FrameToScreenN   int     `json:"frame_to_screen_n"`
	// The same of misdeposits alone.
	PromptP50 float64 `json:"frame_to_prompt_p50_ms"`
	PromptMax float64 `json:"frame_to_prompt_max_ms"`
	PromptN   int     `json:"frame_to_prompt_n"`
	// Of it, until the verdict was decided.
	FrameToDecisionP50 float64 `json:"frame_to_decision_p50_ms"`
	FrameToDecisionP99 float64 `json:"frame_to_decision_p99_ms"`
	// From the moment at which the item lay still, by the truth.
	RestToScreenP50 float64 `json:"rest_to_screen_p50_ms"`

	Deposits         int     `json:"deposits"`
	DepositsLost     int     `json:"deposits_lost"`
	DepositsDoubled  int     `json:"deposits_doubled"`
	EventRecall      float64 `json:"event_recall"`
	FalseEvents      int     `json:"false_events"`
	FalsePer100      float64 `json:"false_events_per_100"`
	DepositsDropped  int     `json:"deposits_dropped"` // found, and lost on the way
	EvidenceLost     int     `json:"evidence_lost"`
	Unreadable       int     `json:"unreadable"`
	FramesReceived   uint64  `json:"frames_received"`
	FramesDropped    uint64  `json:"frames_dropped"` // a newer one was there
	DroppedShare     float64 `json:"frames_dropped_share"`
	CamerasStreaming int     `json:"cameras_streaming_at_the_end"`

	// Of one core, for one camera.
	DetectorCoreShare float64 `json:"detector_core_share"`
	// Of the service and its decoders, for all cameras.
	ServiceCores    float64 `json:"service_cores"`
	Cores           int     `json:"cores"`
	SecondsMeasured float64 `json:"seconds_measured"`
	Cameras         []row   `json:"cameras"`
}

// row is one camera's.
type row struct {
	Kind      string `json:"kind"`
	Transport string `json:"transport,omitempty"`
	Deposits  int    `json:"deposits"`
	Found     int    `json:"found"`
	Doubled   int    `json:"doubled"`
	False     int    `json:"false"`
}

// waits are how long the answers took.
type waits struct{ screen, prompt, decision, rest []time.Duration }

// tolerance is how far a deposit may lie outside of its truth: what the network
// and the encoder take.
const tolerance = time.Second

// add compares one camera's records with what it showed.
func (f *figures) add(s *site, records []inspection.Inspection, cam cameraRow, w *waits) {
	truth := s.play.Truth(0).Events
	detections := make([]simulate.Detection, len(records))
	for n, i := range records {
		detections[n] = simulate.Detection{ID: i.ID, Bin: i.BinID, At: i.CapturedAt}
		if i.Verdict == "unreadable" {
			f.Unreadable++
		}
	}
	score := simulate.Match(truth, detections, tolerance)
	f.Cameras = append(f.Cameras, row{
		Kind: s.kind, Transport: s.transport, Deposits: score.Shown, Found: score.Found + score.Doubled, Doubled: score.Doubled, False: score.False,
	})
	f.Deposits += score.Shown
	f.DepositsLost += score.Missed
	f.DepositsDoubled += score.Doubled
	f.FalseEvents += score.False
	f.FramesReceived += cam.State.Frames
	f.FramesDropped += cam.State.Dropped
	if cam.State.Status == "streaming" {
		f.CamerasStreaming++
	}
	s.screen.mu.Lock()
	defer s.screen.mu.Unlock()
	settled := make(map[string]time.Time)
	for _, p := range score.Pairs {
		settled[records[p.Detection].ID] = truth[p.Event].Settled
	}
	for _, i := range records {
		a, ok := s.screen.arrived[i.ID]
		if !ok {
			continue // checked by a person: nothing is said
		}
		w.screen = append(w.screen, a.at.Sub(a.frame))
		w.decision = append(w.decision, i.DecidedAt.Sub(a.frame))
		if i.Verdict == "tell" {
			w.prompt = append(w.prompt, a.at.Sub(a.frame))
		}
		if t, ok := settled[i.ID]; ok {
			w.rest = append(w.rest, a.at.Sub(t))
		}
	}
}

func (f *figures) finish(w *waits) {
	f.Cores = runtime.NumCPU()
	f.EventRecall = float64(f.Deposits-f.DepositsLost) / float64(max(1, f.Deposits))
	f.FalsePer100 = 100 * float64(f.FalseEvents+f.DepositsDoubled) / float64(max(1, f.Deposits))
	f.DroppedShare = float64(f.FramesDropped) / float64(max(1, f.FramesReceived))
	f.FrameToScreenN, f.PromptN = len(w.screen), len(w.prompt)
	f.FrameToScreenP50, f.FrameToScreenP95 = quantile(w.screen, 0.5), quantile(w.screen, 0.95)
	f.FrameToScreenP99, f.FrameToScreenMax = quantile(w.screen, 0.99), quantile(w.screen, 1)
	f.PromptP50, f.PromptMax = quantile(w.prompt, 0.5), quantile(w.prompt, 1)
	f.FrameToDecisionP50, f.FrameToDecisionP99 = quantile(w.decision, 0.5), quantile(w.decision, 0.99)
	f.RestToScreenP50 = quantile(w.rest, 0.5)
}

// quantile is the smallest value in ms that a share q does not exceed; 0 of
// none.
func quantile(values []time.Duration, q float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	at := sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
	return math.Round(float64(at)/float64(time.Millisecond)*10) / 10
}

func (f *figures) print(say func(string, ...any)) {
	say("frame to screen: p50 %.0f ms, p95 %.0f ms, p99 %.0f ms, at most %.0f ms (n %d)", f.FrameToScreenP50, f.FrameToScreenP95, f.FrameToScreenP99, f.FrameToScreenMax, f.FrameToScreenN)
	say("  of misdeposits alone p50 %.0f ms, at most %.0f ms (n %d); until the verdict p50 %.0f ms, p99 %.0f ms; from the item's rest to the screen p50 %.0f ms",
		f.PromptP50, f.PromptMax, f.PromptN, f.FrameToDecisionP50, f.FrameToDecisionP99, f.RestToScreenP50)
	say("deposits: %d shown, %d lost, %d doubled, %d made up, %d unreadable: recall %.3f, %.1f false or doubled per 100",
		f.Deposits, f.DepositsLost, f.DepositsDoubled, f.FalseEvents, f.Unreadable, f.EventRecall, f.FalsePer100)
	say("frames: %d received, %.2f%% dropped for newer ones", f.FramesReceived, 100*f.DroppedShare)
	say("detector: %.1f%% of a core a camera; service with its decoders: %.2f of %d cores", 100*f.DetectorCoreShare, f.ServiceCores, f.Cores)
	for _, c := range f.Cameras {
		say("  %s %s: %d of %d found, %d doubled, %d made up", c.Kind, c.Transport, c.Found, c.Deposits, c.Doubled, c.False)
	}
}
