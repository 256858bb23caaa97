package api

import (
	"context"
	"net/http"
	"time"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/agents"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
)

// Taxonomy is the table from item class to category that is in force.
type Taxonomy struct {
	ID           string              `json:"id"`
	Version      string              `json:"version"`
	Ref          string              `json:"ref" doc:"Id and version as inspections record them" example:"urban-four@2026.11.2"`
	Name         taxonomy.Name       `json:"name"`
	Jurisdiction string              `json:"jurisdiction" doc:"ISO 3166 code"`
	Standard     string              `json:"standard"`
	Effective    string              `json:"effective" format:"date"`
	Categories   []taxonomy.Category `json:"categories"`
	Steps        []taxonomy.Step     `json:"steps" doc:"Rounds of sorting; a station's bins are the first one's streams"`
	Classes      []ItemClass         `json:"classes"`
}

// ItemClass is an item class with what a resident is told about it.
type ItemClass struct {
	taxonomy.Class
	Advice taxonomy.Name `json:"advice" doc:"One line that says where it goes, in the site's colours"`
	// StepAdvice is set where the table has several steps.
	StepAdvice map[string]taxonomy.Name `json:"step_advice,omitempty" doc:"The same for whoever sorts at each step, by the step's id"`
}

func viewTaxonomy(t *taxonomy.Taxonomy) Taxonomy {
	out := Taxonomy{
		ID: t.ID, Version: t.Version, Ref: t.Ref(), Name: t.Name, Jurisdiction: t.Jurisdiction, Standard: t.Standard, Effective: t.Effective,
		Categories: t.Categories, Steps: t.Steps, Classes: make([]ItemClass, len(t.Classes)),
	}
	for i, c := range t.Classes {
		at := func(step string) taxonomy.Name {
			return taxonomy.Name{ZH: t.AdviceAt(step, c.ID, "zh-CN"), EN: t.AdviceAt(step, c.ID, "en")}
		}
		out.Classes[i] = ItemClass{Class: c, Advice: at(t.Steps[0].ID)}
		if len(t.Steps) > 1 {
			out.Classes[i].StepAdvice = make(map[string]taxonomy.Name, len(t.Steps))
			for _, step := range t.Steps {
				out.Classes[i].StepAdvice[step.ID] = at(step.ID)
			}
		}
	}
	return out
}

// Overview is what the wall shows at first.
type Overview struct {
	At    time.Time         `json:"at"`
	Items []StationOverview `json:"items"`
}

// StationOverview is one station with its bins, cameras and today's figures.
type StationOverview struct {
	Station station.Station `json:"station"`
	Bins    []Bin           `json:"bins"`
	Cameras []Camera        `json:"cameras"`
	// Silent is as the screen has it.
	Silent []pipeline.SilentBin `json:"silent" doc:"The bins at which nobody is told now, as no camera that sees them can be believed"`
	Today  Today                `json:"today"`
	// Agent is there where an agent on the spot runs the station and has come
	// once.
	Agent *agents.AgentStatus `json:"agent,omitempty" doc:"Of a station that an agent on the spot runs, once it has come"`
}

// Today counts the inspections since the station's local midnight, by the
// time of capture.
type Today struct {
	Since    time.Time                 `json:"since"`
	Total    int64                     `json:"total"`
	Verdicts map[verdict.Verdict]int64 `json:"verdicts" doc:"All four verdicts are there"`
	// Unreviewed are the flagged ones (tell, check) that nobody has reviewed.
	Unreviewed int64 `json:"unreviewed"`
}

// DemonstrationReport is how the demonstration station does against the
// truth that its simulator knows.
type DemonstrationReport struct {
	Running bool               `json:"running"`
	Since   time.Time          `json:"since"`
	Judged  []JudgedCategory   `json:"judged" doc:"Categories that its photographs can show, with how many items of them"`
	Not     []string           `json:"not_judged" doc:"Categories that it has no photographs of"`
	Score   DemonstrationScore `json:"score"`
}

// JudgedCategory is a category that the demonstration can judge.
type JudgedCategory struct {
	Category    string   `json:"category"`
	ItemClasses []string `json:"item_classes"`
	N           int      `json:"n" doc:"Photographed items"`
}

// DemonstrationScore compares what was thrown in with what was recorded.
type DemonstrationScore struct {
	Deposits         int   `json:"deposits" doc:"Items thrown in so far"`
	Events           int   `json:"events" doc:"Of these, found as one event each"`
	Missed           int   `json:"missed"`
	FalseEvents      int   `json:"false_events" doc:"Events where nothing was thrown in"`
	TellPrecision    Share `json:"tell_precision" doc:"Of those told, share that was wrong indeed"`
	MisdepositRecall Share `json:"misdeposit_recall" doc:"Of the wrong ones whose class the model knows, share with tell or check"`
	FalseTell        Share `json:"false_tell" doc:"Of the right ones, share that was told"`
}

// Share is a proportion with its 95% confidence interval.
type Share struct {
	Value float64 `json:"value" minimum:"0" maximum:"1" doc:"0 where n is 0"`
	N     int     `json:"n"`
	Low   float64 `json:"low" minimum:"0" maximum:"1"`
	High  float64 `json:"high" minimum:"0" maximum:"1"`
}

func (s *Server) registerReference() {
	handle(s, route{
		method: http.MethodGet, path: base + "/taxonomy", id: "get-taxonomy", tag: "reference", action: auth.Reference,
		summary: "Categories, item classes, which belongs where, and what residents are told",
	}, func(context.Context, *struct{}) (*struct{ Body Taxonomy }, error) {
		return &struct{ Body Taxonomy }{viewTaxonomy(s.Rules().Taxonomy)}, nil
	})

	handle(s, route{
		method: http.MethodGet, path: base + "/model", id: "get-model", tag: "reference", action: auth.Reference,
		summary: "The running model's card",
	}, func(context.Context, *struct{}) (*struct{ Body models.Card }, error) {
		return &struct{ Body models.Card }{*s.Rules().Card}, nil
	})

	handle(s, route{
		method: http.MethodGet, path: base + "/demonstration", id: "get-demonstration", tag: "reference", action: auth.Reference,
		summary: "The demonstration station's own score", about: "404 where no demonstration runs.",
	}, func(ctx context.Context, _ *struct{}) (*struct{ Body DemonstrationReport }, error) {
		if s.Demonstration == nil {
			return nil, kindNotFound.problem("No demonstration runs here")
		}
		r, err := s.Demonstration.Report(ctx)
		if err != nil {
			return nil, err
		}
		return &struct{ Body DemonstrationReport }{r}, nil
	})

	handle(s, route{
		method: http.MethodGet, path: base + "/overview", id: "get-overview", tag: "reference", action: auth.Look,
		summary: "Every station with today's verdicts and its cameras' state",
	}, s.overview)
}

// maxOverview is how many stations the overview holds; a city's wall shows a
// region at a time.
const maxOverview = store.MaxPage

func (s *Server) overview(ctx context.Context, in *struct {
	Region string `query:"region" maxLength:"500" doc:"Only stations at or below this node of the region tree"`
},
) (*struct{ Body Overview }, error) {
	stations, err := s.listStations(ctx, PageQuery{Limit: maxOverview}, in.Region)
	if err != nil {
		return nil, err
	}
	now := s.cfg.Now()
	out := Overview{At: now.UTC(), Items: make([]StationOverview, 0, len(stations.Body.Items))}
	for _, st := range stations.Body.Items {
		o, err := s.stationOverview(ctx, st, now)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, o)
	}
	return &struct{ Body Overview }{out}, nil
}

func (s *Server) stationOverview(ctx context.Context, st station.Station, now time.Time) (StationOverview, error) {
	here := store.PlaceFilter{StationID: st.ID, Limit: store.MaxPage}
	bins, _, err := s.Store.ListBins(ctx, here)
	if err != nil {
		return StationOverview{}, err
	}
	cameras, _, err := s.Store.ListCameras(ctx, here)
	if err != nil {
		return StationOverview{}, err
	}
	today := Today{Since: midnight(now, st.TimeZone), Verdicts: map[verdict.Verdict]int64{}}
	for _, v := range verdict.All {
		today.Verdicts[v] = 0
	}
	counts, err := s.Store.CountInspections(ctx, store.CountFilter{StationID: st.ID, From: today.Since})
	if err != nil {
		return StationOverview{}, err
	}
	for _, c := range counts {
		v := verdict.Verdict(c.Verdict)
		today.Verdicts[v] += c.N
		today.Total += c.N
		if v == verdict.Tell || v == verdict.Check {
			today.Unreviewed += c.Unreviewed
		}
	}
	agent, err := s.agentOf(ctx, st)
	return StationOverview{
		Station: st, Bins: s.viewBins(bins), Cameras: s.viewCameras(cameras), Today: today, Agent: agent,
		Silent: pipeline.SilentBins(cameras, s.Cameras.States()),
	}, err
}

// agentOf is how the agent of a station does; nil where the server runs it, or
// where none has come yet.
func (s *Server) agentOf(ctx context.Context, st station.Station) (*agents.AgentStatus, error) {
	if !st.Agent || s.Agents == nil {
		return nil, nil
	}
	status, err := s.Agents.Status(ctx, st.ID)
	if isNotFound(err) {
		return nil, nil
	}
	return &status, err
}

// midnight is the beginning of the day at a place, in UTC. Where a clock
// change skips midnight, time.Date gives the first moment after it.
func midnight(now time.Time, zone string) time.Time {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		loc = time.UTC
	}
	y, m, d := now.In(loc).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, loc).UTC()
}

func (s *Server) isCategory(id string) bool {
	_, ok := s.Rules().Taxonomy.Category(id)
	return ok
}

func (s *Server) categoryOf(class string) (string, bool) { return s.Rules().Taxonomy.CategoryOf(class) }
