package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/vision/condition"
)

// Screen is what the screen at a station's bins shows.
type Screen struct {
	StationID string         `json:"station_id"`
	Name      string         `json:"name"`
	Bins      []ScreenBin    `json:"bins"`
	Prompts   []ScreenPrompt `json:"prompts" doc:"The open ones, the first to end first"`
	// Silent are the bins of which nobody is told meanwhile; the others go on.
	Silent []pipeline.SilentBin `json:"silent" doc:"The bins at which nobody is told now, as no camera that sees them can be believed; the others go on. Empty: all do"`
	// Blind is why all of the station is silent.
	Blind []condition.Kind `json:"blind" doc:"Why nobody is told at any of the station's bins now; empty: some or all of them go on, see silent"`
	// Language and Volume are the station's settings.
	Language  string      `json:"language" enum:"zh-CN,en" doc:"What the screen begins with, and speaks"`
	Volume    int         `json:"volume" minimum:"0" maximum:"100" doc:"Of its voice, in percent"`
	Voice     ScreenVoice `json:"voice"`
	ReceiptAt string      `json:"receipt_at,omitempty" doc:"Host at which receipts are asked for; absent: this one"`
	// Taxonomy is the one in force: a screen whose names are another's fetches
	// them again.
	Taxonomy string    `json:"taxonomy" doc:"Ref of the taxonomy in force"`
	Now      time.Time `json:"now" doc:"The server's clock, for the countdown"`
}

// ScreenBin is one bin of the station.
type ScreenBin struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Accepts []string `json:"accepts"`
}

// ScreenPrompt is what residents are told of one deposit.
type ScreenPrompt struct {
	ID        string `json:"id" format:"uuid" doc:"The deposit's"`
	BinID     string `json:"bin_id" doc:"Where it was thrown"`
	Category  string `json:"category" doc:"Where it belongs"`
	ItemClass string `json:"item_class"`
	// GoesTo are the station's bins that take it.
	GoesTo   []string            `json:"goes_to" doc:"Bins of the station that take it"`
	ImageURL string              `json:"image_url,omitempty"`
	Prompt   inspection.Prompt   `json:"prompt"`
	TimeLine inspection.TimeLine `json:"time_line"`
}

// Thanks is what a resident who sorted rightly is told.
type Thanks struct {
	ID        string `json:"id" format:"uuid"`
	BinID     string `json:"bin_id"`
	Category  string `json:"category"`
	ItemClass string `json:"item_class"`
	// CertainAt is as in a prompt's time line.
	CertainAt *time.Time `json:"certain_at,omitempty" doc:"The last frame that shows the item, with which the detector became certain; absent for a pushed deposit"`
}

// CorrectionRequest is the body of POST /inspections/{id}/correction.
type CorrectionRequest struct {
	Outcome inspection.PromptState `json:"outcome" enum:"corrected,appealed" doc:"corrected: it was put right; appealed: the resident objects"`
}

// ShownRequest is the body of POST /stations/{id}/screen/shown.
type ShownRequest struct {
	InspectionID string `json:"inspection_id" format:"uuid"`
}

func (s *Server) registerScreen() {
	handle(s, route{
		method: http.MethodGet, path: base + "/stations/{id}/screen", id: "get-screen", tag: "bin side", action: auth.Show,
		summary: "What the screen at a station's bins shows",
	}, func(ctx context.Context, in *IDPath) (*struct{ Body Screen }, error) {
		if err := hidden(ctx, auth.Show, auth.Resource{StationID: in.ID}); err != nil {
			return nil, err
		}
		screen, err := s.screen(ctx, in.ID)
		return &struct{ Body Screen }{screen}, err
	})

	handle(s, route{
		method: http.MethodPost, path: base + "/inspections/{id}/correction", id: "correct", tag: "bin side", action: auth.Correct,
		summary: "Take a resident's answer to a prompt",
		about:   "Only while the prompt is open: afterwards it is `prompt-over`. An appeal is answered with a receipt; nobody's name or face is asked for.",
	}, s.correct)

	handle(s, route{
		method: http.MethodPost, path: base + "/stations/{id}/screen/shown", id: "shown", tag: "bin side", action: auth.Correct,
		summary: "Report that a prompt is on the screen", status: http.StatusNoContent,
	}, s.shown)
	s.registerScreenEvents()
}

func (s *Server) correct(ctx context.Context, in *struct {
	IDPath
	Body CorrectionRequest
},
) (*struct{ Body ScreenPrompt }, error) {
	i, err := s.inspection(ctx, in.ID, auth.Correct)
	if err != nil {
		return nil, err
	}
	if i, err = s.answer(ctx, i, in.Body.Outcome); err != nil {
		return nil, err
	}
	bins, err := s.screenBins(ctx, i.StationID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body ScreenPrompt }{s.screenPrompt(i, bins)}, nil
}

// answer ends a prompt by a resident's word.
func (s *Server) answer(ctx context.Context, i *inspection.Inspection, outcome inspection.PromptState) (*inspection.Inspection, error) {
	if i.Relay != nil {
		return nil, kindPromptOver.problem("The station's own screen takes the answer")
	}
	if i.Prompt == nil || s.Prompts == nil {
		return nil, kindNotFound.problem("Nobody was told of this deposit")
	}
	end := s.Prompts.Correct
	if outcome == inspection.PromptAppealed {
		end = s.Prompts.Appeal
	}
	i, err := end(ctx, i.ID)
	if isConflict(err) {
		return nil, kindPromptOver.problem("The time for it is over, or it was answered already")
	}
	return i, err
}

func (s *Server) shown(ctx context.Context, in *struct {
	IDPath
	Body ShownRequest
},
) (*struct{}, error) {
	i, err := s.inspection(ctx, in.Body.InspectionID, auth.Correct)
	if err != nil {
		return nil, err
	}
	return nil, s.wasShown(ctx, i, in.ID)
}

// wasShown measures how long it took until a resident saw it.
func (s *Server) wasShown(ctx context.Context, i *inspection.Inspection, stationID string) error {
	if i.StationID != stationID || i.Prompt == nil {
		return kindNotFound.problem("Nobody was told of this deposit at this station")
	}
	i, err := s.Store.ShowPrompt(ctx, i.ID, s.cfg.Now().UTC().Truncate(time.Microsecond))
	if isConflict(err) {
		return nil // the station has another screen, or this one was reloaded
	}
	if err == nil {
		s.CountShown(i)
	}
	return err
}

// CountShown adds how long a prompt took to the screen to /metrics. It is called
// once for every prompt that was shown, here or by a station's agent.
func (s *Server) CountShown(i *inspection.Inspection) { s.metrics.shown(i, s.cfg.Now()) }

func (s *Server) screen(ctx context.Context, id string) (Screen, error) {
	st, err := s.Store.GetStation(ctx, id)
	if err != nil {
		return Screen{}, err
	}
	own := st.Prompts.Over(s.cfg.Prompts)
	out := Screen{
		StationID: st.ID, Name: st.Name, Prompts: []ScreenPrompt{}, Language: own.Language, Volume: *own.Volume, Voice: s.screenVoice(own), ReceiptAt: s.cfg.ReceiptAt,
		Taxonomy: s.Rules().Taxonomy.Ref(), Now: s.cfg.Now().UTC(),
	}
	if out.Bins, err = s.screenBins(ctx, id); err != nil {
		return out, err
	}
	cameras, _, err := s.Store.ListCameras(ctx, store.PlaceFilter{StationID: id, Limit: store.MaxPage})
	if err != nil {
		return out, err
	}
	out.Silent = pipeline.SilentBins(cameras, s.Cameras.States())
	out.Blind = blind(len(out.Bins), out.Silent)
	open, err := s.Store.OpenPrompts(ctx, id)
	for _, i := range open {
		if i.Prompt.Until.After(out.Now) {
			out.Prompts = append(out.Prompts, s.screenPrompt(i, out.Bins))
		}
	}
	return out, err
}

func (s *Server) screenBins(ctx context.Context, stationID string) ([]ScreenBin, error) {
	bins, _, err := s.Store.ListBins(ctx, store.PlaceFilter{StationID: stationID, Limit: store.MaxPage})
	out := make([]ScreenBin, len(bins))
	for n, b := range bins {
		out[n] = ScreenBin{ID: b.ID, Name: b.Name, Accepts: b.Accepts}
	}
	return out, err
}

// blind is why nobody is told at a whole station of so many bins, sorted, each
// reason once; empty where a bin goes on.
func blind(bins int, silent []pipeline.SilentBin) []condition.Kind {
	out := []condition.Kind{}
	if len(silent) < bins {
		return out
	}
	for _, b := range silent {
		out = append(out, b.Why...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (s *Server) screenPrompt(i *inspection.Inspection, bins []ScreenBin) ScreenPrompt {
	p := ScreenPrompt{
		ID: i.ID, BinID: i.BinID, Category: i.Category, ItemClass: i.ItemClass, GoesTo: []string{}, Prompt: *i.Prompt,
		TimeLine: i.TimeLine(),
	}
	for _, b := range bins {
		if slices.Contains(b.Accepts, i.Category) {
			p.GoesTo = append(p.GoesTo, b.ID)
		}
	}
	if len(i.Evidence) > 0 && i.Evidence[0].DeletedAt == nil {
		p.ImageURL = s.signer.Sign(evidencePath(i.ID, i.Evidence[0].Ordinal), s.cfg.LinkLife)
	}
	return p
}

// thanks are for a deposit that passed, where the residents may be thanked now.
func (s *Server) thanks(ctx context.Context, i *inspection.Inspection) (Thanks, bool) {
	out := Thanks{ID: i.ID, BinID: i.BinID, Category: i.Category, ItemClass: i.ItemClass}
	if i.Steps != nil && !i.Steps.CertainAt.IsZero() {
		out.CertainAt = &i.Steps.CertainAt
	}
	return out, i.Verdict == verdict.Pass && s.Prompts != nil && s.Prompts.MayThank(ctx, i)
}
