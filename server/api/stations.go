package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
)

// NewStation is the body of POST /stations.
type NewStation struct {
	ID         string `json:"id,omitempty" pattern:"^[a-z0-9][a-z0-9-]{1,62}$" doc:"A UUIDv7 is given where it is absent"`
	Name       string `json:"name" minLength:"1" maxLength:"200"`
	RegionPath string `json:"region_path,omitempty" maxLength:"500" pattern:"^(/[^/]+)+$" example:"/xihu/beishan/baoshi/3" doc:"Place in the tree of responsibility, from the district down"`
	TimeZone   string `json:"time_zone,omitempty" maxLength:"64" default:"Asia/Shanghai" doc:"IANA name"`
	// Prompts are the station's own settings.
	Prompts *station.Prompts `json:"prompts,omitempty" doc:"Its own settings of what residents are told; what is absent follows the service's"`
	Agent   bool             `json:"agent,omitempty" doc:"An agent on the spot runs its cameras and decides (binside station)"`
}

// StationChange is the body of PATCH /stations/{id}: what is absent stays.
type StationChange struct {
	Name       *string `json:"name,omitempty" minLength:"1" maxLength:"200"`
	RegionPath *string `json:"region_path,omitempty" maxLength:"500" pattern:"^(/[^/]+)*$"`
	TimeZone   *string `json:"time_zone,omitempty" minLength:"1" maxLength:"64"`
	// Prompts replaces the station's own settings.
	Prompts *station.Prompts `json:"prompts,omitempty" doc:"Replaces the station's own settings, all of them: what is absent in it follows the service's. In force from the next misdeposit on"`
	Agent   *bool            `json:"agent,omitempty" doc:"An agent on the spot runs its cameras and decides, or this server does"`
}

type stationOut struct{ Body station.Station }

// IDPath is the path parameter of every single thing.
type IDPath struct {
	ID string `path:"id" maxLength:"64"`
}

func (s *Server) registerStations() {
	handle(s, route{
		method: http.MethodGet, path: base + "/stations", id: "list-stations", tag: "places", action: auth.Look,
		summary: "List stations",
	}, func(ctx context.Context, in *struct {
		PageQuery
		Region string `query:"region" maxLength:"500" doc:"Only stations at or below this node of the region tree"`
	}) (*listOut[station.Station], error) {
		return s.listStations(ctx, in.PageQuery, in.Region)
	})

	handle(s, route{
		method: http.MethodPost, path: base + "/stations", id: "create-station", tag: "places", action: auth.Manage,
		summary: "Create a station", status: http.StatusCreated,
	}, func(ctx context.Context, in *struct{ Body NewStation }) (*stationOut, error) {
		if err := checkZone(in.Body.TimeZone); err != nil {
			return nil, err
		}
		if err := s.checkPrompts(in.Body.Prompts); err != nil {
			return nil, err
		}
		st := station.Station{
			ID: in.Body.ID, Name: strings.TrimSpace(in.Body.Name), RegionPath: in.Body.RegionPath, TimeZone: in.Body.TimeZone, Agent: in.Body.Agent,
			Prompts: in.Body.Prompts,
		}
		if err := s.Store.CreateStation(ctx, &st); err != nil {
			return nil, err
		}
		return &stationOut{st}, nil
	})

	handle(s, route{
		method: http.MethodGet, path: base + "/stations/{id}", id: "get-station", tag: "places", action: auth.Look,
		summary: "Get a station",
	}, func(ctx context.Context, in *IDPath) (*stationOut, error) {
		st, err := s.station(ctx, in.ID, auth.Look)
		return &stationOut{st}, err
	})

	handle(s, route{
		method: http.MethodPatch, path: base + "/stations/{id}", id: "change-station", tag: "places", action: auth.Manage,
		summary: "Change a station",
	}, func(ctx context.Context, in *struct {
		IDPath
		Body StationChange
	}) (*stationOut, error) {
		st, err := s.changeStation(ctx, in.ID, in.Body)
		return &stationOut{st}, err
	})
}

func (s *Server) changeStation(ctx context.Context, id string, change StationChange) (station.Station, error) {
	st, err := s.station(ctx, id, auth.Manage)
	if err != nil {
		return st, err
	}
	set(&st.Name, change.Name)
	set(&st.RegionPath, change.RegionPath)
	set(&st.TimeZone, change.TimeZone)
	set(&st.Agent, change.Agent)
	if err := checkZone(st.TimeZone); err != nil {
		return st, err
	}
	if change.Prompts != nil {
		if err := s.checkPrompts(change.Prompts); err != nil {
			return st, err
		}
		st.Prompts = change.Prompts
	}
	if err := s.Store.UpdateStation(ctx, &st); err != nil {
		return st, err
	}
	if change.Agent != nil {
		s.reload(ctx)
	}
	s.renew(st.ID)
	return st, nil
}

// listStations lists what the caller may see: everything, or the few stations
// that their scopes name.
func (s *Server) listStations(ctx context.Context, q PageQuery, region string) (*listOut[station.Station], error) {
	after, err := q.after()
	if err != nil {
		return nil, err
	}
	ids, all := principalOf(ctx).Stations(auth.Look)
	if all {
		items, next, err := s.Store.ListStations(ctx, store.PlaceFilter{RegionPath: region, After: after, Limit: q.Limit})
		return listOf(items, next), err
	}
	items := make([]station.Station, 0, len(ids))
	for _, id := range ids {
		st, err := s.Store.GetStation(ctx, id)
		if isNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if region == "" || st.RegionPath == region || strings.HasPrefix(st.RegionPath, region+"/") {
			items = append(items, st)
		}
	}
	return listOf(items, ""), nil
}

// station reads a station that the caller may do the action on. To who may
// not, it is not there.
func (s *Server) station(ctx context.Context, id string, a auth.Action) (station.Station, error) {
	if err := hidden(ctx, a, auth.Resource{StationID: id}); err != nil {
		return station.Station{}, err
	}
	return s.Store.GetStation(ctx, id)
}

// hidden answers "not found" where the caller has no right to the resource, so
// that what others own cannot be found out by asking.
func hidden(ctx context.Context, a auth.Action, r auth.Resource) error {
	if !principalOf(ctx).Can(a, r) {
		return kindNotFound.problem("It does not exist, or this credential may not see it")
	}
	return nil
}

// stationScope narrows a list to what the caller may see. A caller with
// several stations must name one.
func stationScope(ctx context.Context, asked string) (string, error) {
	ids, all := principalOf(ctx).Stations(auth.Look)
	switch {
	case all:
		return asked, nil
	case asked == "" && len(ids) == 1:
		return ids[0], nil
	case asked == "":
		return "", invalid("query.station", "this credential is for several stations: name one")
	}
	return asked, hidden(ctx, auth.Look, auth.Resource{StationID: asked})
}

func checkZone(name string) error {
	if name == "" || name == "Local" {
		return invalid("body.time_zone", "an IANA time zone is needed, such as Asia/Shanghai")
	}
	if _, err := time.LoadLocation(name); err != nil {
		return invalid("body.time_zone", "no such IANA time zone")
	}
	return nil
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}
