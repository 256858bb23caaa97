package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"time"

	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/vision/deposit"
)

// DetectorThresholds is what a camera's detector goes by.
type DetectorThresholds struct {
	Own      bool             `json:"own" doc:"Whether the camera has thresholds of its own"`
	Settings station.Detector `json:"settings" doc:"Those in force"`
	Defaults station.Detector `json:"defaults"`
}

// DetectorLive is what a camera's detector sees and decides by: small pictures
// of the regions and nothing else, which parts of them differ from their
// background, and measures.
type DetectorLive struct {
	Seq     uint64       `json:"seq" doc:"The frame's; 0 while there is none"`
	At      *time.Time   `json:"at,omitempty"`
	TapedMS int64        `json:"taped_ms" doc:"How much is recorded that thresholds can be tried on"`
	Regions []RegionView `json:"regions"`
}

// RegionView is one bin's region and what it shows, grey outside its polygon.
type RegionView struct {
	RegionLook
	JPEG string `json:"jpeg" contentEncoding:"base64" doc:"A pixel a cell"`
}

// Cells is a raster of a bin's region, placed in the camera's picture by shares
// of its width and height.
type Cells struct {
	X          float64 `json:"x"`
	Y          float64 `json:"y"`
	Width      float64 `json:"width"`
	Height     float64 `json:"height"`
	Columns    int     `json:"columns"`
	Rows       int     `json:"rows"`
	Foreground string  `json:"foreground" contentEncoding:"base64" doc:"A bit a cell, row by row, the first in the lowest bit of the first byte: what differs from the background"`
	Thing      string  `json:"thing" contentEncoding:"base64" doc:"The cells that are taken for one thing"`
}

// RegionLook is one bin's region.
type RegionLook struct {
	BinID string        `json:"bin_id"`
	State deposit.State `json:"state" enum:"learning,idle,entering,settling,resting,leaving"`
	Cells
	Area      float64    `json:"area" doc:"Share of the region that the thing covers"`
	Contact   float64    `json:"contact" doc:"Share of the region's edge that it covers"`
	Whole     bool       `json:"whole" doc:"It lies wholly inside"`
	Changed   float64    `json:"changed" doc:"Share of it that has changed since it began to hold still"`
	StillMS   int64      `json:"still_ms" doc:"How long it has held still"`
	NeededMS  int64      `json:"needed_ms" doc:"How long it must"`
	Threshold int        `json:"threshold" doc:"The difference from the background, in levels of 255, that counts at present"`
	Noise     float64    `json:"noise" doc:"Standard deviation of a cell's brightness between frames, in levels"`
	Light     [3]float64 `json:"light" doc:"The light's gain over the background's, per channel"`
}

// Recording is something that a detector saw lately, and what it made of it.
type Recording struct {
	ID        uint64         `json:"id"`
	BinID     string         `json:"bin_id"`
	Kind      string         `json:"kind" enum:"deposited,removed,missed"`
	Reason    deposit.Reason `json:"reason,omitempty" enum:"too-small,too-large,held,never-settled,light" doc:"Why it was missed"`
	DepositID string         `json:"deposit_id,omitempty"`
	Denied    bool           `json:"denied,omitempty" doc:"A later removal has shown that the deposit was but a hand"`
	Start     time.Time      `json:"start"`
	End       time.Time      `json:"end"`
	Area      float64        `json:"area" doc:"The largest share of the region that it covered"`
	StillMS   int64          `json:"still_ms,omitempty" doc:"The longest that it held still"`
	NeededMS  int64          `json:"needed_ms,omitempty"`
}

// RecordingStrip is a recording with its pictures.
type RecordingStrip struct {
	Recording
	Frames []StripFrame `json:"frames"`
}

// StripFrame is one picture of a strip.
type StripFrame struct {
	RegionView
	At time.Time `json:"at"`
}

// DetectorTrial compares thresholds on what was recorded.
type DetectorTrial struct {
	From    time.Time   `json:"from"`
	To      time.Time   `json:"to"`
	Frames  int         `json:"frames"`
	Present []Recording `json:"present" doc:"What came out under the thresholds in force"`
	Tried   []Recording `json:"tried" doc:"What would have come out under the others"`
}

type detectorOut struct {
	ETag string `header:"ETag"`
	Body DetectorThresholds
}

func (s *Server) registerDetector() {
	path := base + "/cameras/{id}/detector"
	handle(s, route{
		method: http.MethodGet, path: path, id: "get-detector", tag: "places", action: auth.Manage,
		summary: "Get a camera's detector thresholds",
	}, func(ctx context.Context, in *IDPath) (*detectorOut, error) {
		c, err := s.camera(ctx, in.ID, auth.Manage)
		if err != nil {
			return nil, err
		}
		return s.viewDetector(c), nil
	})

	handle(s, route{
		method: http.MethodPut, path: path, id: "set-detector", tag: "places", action: auth.Manage,
		summary: "Set a camera's detector thresholds",
		about:   "They hold from the camera's next frame on; what its detector has learnt is kept.",
	}, func(ctx context.Context, in *struct {
		IDPath
		IfMatch
		Body station.Detector
	}) (*detectorOut, error) {
		return s.setDetector(ctx, in.ID, in.IfMatch, &in.Body)
	})

	handle(s, route{
		method: http.MethodDelete, path: path, id: "reset-detector", tag: "places", action: auth.Manage,
		summary: "Go back to the default thresholds",
	}, func(ctx context.Context, in *struct {
		IDPath
		IfMatch
	}) (*detectorOut, error) {
		return s.setDetector(ctx, in.ID, in.IfMatch, nil)
	})

	handle(s, route{
		method: http.MethodGet, path: path + "/live", id: "look-into-detector", tag: "places", action: auth.Manage,
		summary: "See what a camera's detector sees",
		about: "The latest look, of another frame than `after` if one comes within a second. While it is asked for, every few seconds at least, " +
			"the last minute of the regions is recorded in memory, reduced, for trials. 503 `tuning-busy` where too many cameras are looked into.",
	}, s.lookIntoDetector)

	s.registerRecordings(path)
}

func (s *Server) registerRecordings(path string) {
	handle(s, route{
		method: http.MethodGet, path: path + "/events", id: "list-recordings", tag: "places", action: auth.Manage,
		summary: "List what a camera's detector made of what it saw lately",
		about:   "The last deposits, removals, and what was seen and not counted, the latest first. Kept in memory alone.",
	}, func(ctx context.Context, in *IDPath) (*listOut[Recording], error) {
		if _, err := s.camera(ctx, in.ID, auth.Manage); err != nil {
			return nil, err
		}
		all, err := s.Cameras.Recordings(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		out := make([]Recording, len(all))
		for i, r := range all {
			out[i] = viewRecording(r)
		}
		return listOf(out, ""), nil
	})

	handle(s, route{
		method: http.MethodGet, path: path + "/events/{event}", id: "get-recording", tag: "places", action: auth.Manage,
		summary: "Get one of them with its pictures",
		about:   "Small pictures of the bin's region and nothing else, before and after. 404 `recording-gone` when it is no longer kept.",
	}, s.getRecording)

	handle(s, route{
		method: http.MethodPost, path: path + "/trials", id: "try-detector", tag: "places", action: auth.Manage,
		summary: "Try thresholds on what was recorded",
		about: "Replays the last minute, as far as somebody was looking into the detector, under the thresholds in force and under others. Changes nothing. " +
			"409 `nothing-recorded` where nobody was; 503 `tuning-busy` while another trial runs.",
	}, s.tryDetector)
}

func (s *Server) viewDetector(c station.Camera) *detectorOut {
	d := DetectorThresholds{Own: c.Detector != nil, Defaults: s.Cameras.DetectorDefaults()}
	d.Settings = d.Defaults
	if d.Own {
		d.Settings = *c.Detector
	}
	return &detectorOut{ETag: etag(c.UpdatedAt), Body: d}
}

func (s *Server) setDetector(ctx context.Context, id string, match IfMatch, d *station.Detector) (*detectorOut, error) {
	c, err := s.camera(ctx, id, auth.Manage)
	if err == nil {
		err = match.check(c.UpdatedAt)
	}
	if err != nil {
		return nil, err
	}
	if d != nil {
		if err := s.Cameras.CheckDetector(*d); err != nil {
			return nil, invalid("body", err.Error())
		}
	}
	c.Detector = d
	if err := s.Store.UpdateCamera(ctx, &c); err != nil {
		return nil, match.conflict(err)
	}
	s.placed(ctx, c.StationID)
	return s.viewDetector(c), nil
}

func (s *Server) lookIntoDetector(ctx context.Context, in *struct {
	IDPath
	After uint64 `query:"after" doc:"The seq of the look that is known already"`
},
) (*struct{ Body DetectorLive }, error) {
	if _, err := s.camera(ctx, in.ID, auth.Manage); err != nil {
		return nil, err
	}
	v, began, err := s.Cameras.LookInto(ctx, in.ID, in.After)
	if err != nil {
		return nil, err
	}
	if began {
		s.Log.InfoContext(ctx, "a camera's detector is looked into", "camera", in.ID, "by", principalOf(ctx).Name)
	}
	out := DetectorLive{Seq: v.Seq, At: optional(v.At), TapedMS: v.Taped.Milliseconds(), Regions: make([]RegionView, len(v.Looks))}
	for i, l := range v.Looks {
		out.Regions[i] = RegionView{viewLook(l), base64.StdEncoding.EncodeToString(v.Pictures[i])}
	}
	return &struct{ Body DetectorLive }{out}, nil
}

func viewLook(l deposit.Look) RegionLook {
	w, h := float64(l.Picture.X), float64(l.Picture.Y)
	return RegionLook{
		BinID: l.BinID, State: l.State,
		Cells: Cells{
			X: float64(l.Bounds.Min.X) / w, Y: float64(l.Bounds.Min.Y) / h,
			Width: float64(l.Width*l.Cell) / w, Height: float64(l.Height*l.Cell) / h, Columns: l.Width, Rows: l.Height,
			Foreground: base64.StdEncoding.EncodeToString(l.Foreground), Thing: base64.StdEncoding.EncodeToString(l.Thing),
		},
		Area: l.Area, Contact: l.Contact, Whole: l.Whole, Changed: l.Changed,
		StillMS: l.Still.Milliseconds(), NeededMS: l.Needed.Milliseconds(),
		Threshold: l.Threshold, Noise: l.Noise, Light: l.Light,
	}
}

func viewRecording(r pipeline.Recorded) Recording {
	kind := string(r.Kind)
	if kind == "" {
		kind = "missed"
	}
	return Recording{
		ID: r.ID, BinID: r.BinID, Kind: kind, Reason: r.Reason, DepositID: r.DepositID, Denied: r.Denied,
		Start: r.Start.UTC(), End: r.End.UTC(), Area: r.Area, StillMS: r.Still.Milliseconds(), NeededMS: r.Needed.Milliseconds(),
	}
}

func (s *Server) getRecording(ctx context.Context, in *struct {
	IDPath
	Event uint64 `path:"event"`
},
) (*struct{ Body RecordingStrip }, error) {
	if _, err := s.camera(ctx, in.ID, auth.Manage); err != nil {
		return nil, err
	}
	r, err := s.Cameras.Recording(ctx, in.ID, in.Event)
	if err != nil {
		return nil, err
	}
	out := RecordingStrip{Recording: viewRecording(r), Frames: make([]StripFrame, len(r.Strip))}
	for i, f := range r.Strip {
		out.Frames[i] = StripFrame{RegionView{viewLook(f.Look), base64.StdEncoding.EncodeToString(f.JPEG)}, f.At.UTC()}
	}
	return &struct{ Body RecordingStrip }{out}, nil
}

func (s *Server) tryDetector(ctx context.Context, in *struct {
	IDPath
	Body station.Detector
},
) (*struct{ Body DetectorTrial }, error) {
	if _, err := s.camera(ctx, in.ID, auth.Manage); err != nil {
		return nil, err
	}
	if err := s.Cameras.CheckDetector(in.Body); err != nil {
		return nil, invalid("body", err.Error())
	}
	trial, err := s.Cameras.TryDetector(ctx, in.ID, in.Body)
	if err != nil {
		return nil, err
	}
	return &struct{ Body DetectorTrial }{DetectorTrial{
		From: trial.Tried.From.UTC(), To: trial.Tried.To.UTC(), Frames: trial.Tried.Frames,
		Present: viewPlayed(trial.Present), Tried: viewPlayed(trial.Tried),
	}}, nil
}

// viewPlayed puts events and misses in the order of their beginning. A deposit
// that was but a hand is marked by the removal that says so.
func viewPlayed(p deposit.Played) []Recording {
	denied := make(map[string]bool)
	for _, e := range p.Events {
		denied[e.Denies] = true
	}
	out := []Recording{}
	for _, e := range p.Events {
		out = append(out, Recording{BinID: e.BinID, Kind: string(e.Kind), Start: e.Start.UTC(), End: e.Decided.UTC(), Denied: denied[e.ID]})
	}
	for _, m := range p.Misses {
		out = append(out, viewRecording(pipeline.Recorded{
			BinID: m.BinID, Reason: m.Reason, Start: m.Start, End: m.End, Area: m.Area, Still: m.Still, Needed: m.Needed,
		}))
	}
	slices.SortStableFunc(out, func(a, b Recording) int { return a.Start.Compare(b.Start) })
	for i := range out {
		out[i].ID = uint64(i + 1)
	}
	return out
}
