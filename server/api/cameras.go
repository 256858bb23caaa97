package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/capture"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/vision/condition"
)

// Camera is a camera as it is shown: without the credential that its URL may
// hold.
type Camera struct {
	ID          string             `json:"id"`
	StationID   string             `json:"station_id"`
	Name        string             `json:"name"`
	Kind        station.CameraKind `json:"kind" enum:"push,mjpeg,rtsp,snapshot,file,folder,device"`
	URLRedacted string             `json:"url_redacted,omitempty" doc:"Where the frames are fetched, user name, password and query hidden"`
	Transport   string             `json:"transport,omitempty" enum:"tcp,udp"`
	Enabled     bool               `json:"enabled"`
	Regions     []station.Region   `json:"regions"`
	State       CameraState        `json:"state"`
	CreatedAt   time.Time          `json:"created_at"`
	UpdatedAt   time.Time          `json:"updated_at"`
}

// CameraState is how a camera does.
type CameraState struct {
	Status      string     `json:"status" example:"connected" doc:"disabled, stopped (enabled, and not running in this process), or the running camera's own word"`
	Since       *time.Time `json:"since,omitempty"`
	LastFrameAt *time.Time `json:"last_frame_at,omitempty"`
	Frames      uint64     `json:"frames"`
	Dropped     uint64     `json:"dropped"`
	// Reason is in a word what Error says to those who mend cameras.
	Reason camera.Reason `json:"reason,omitempty" enum:"settings,unreachable,certificate,denied,not-found,refused,no-picture,silent,frozen,broken,agent-silent" doc:"Why it does not stream, in a word. Absent while it does"`
	Error  string        `json:"error,omitempty" doc:"The same in technical English; holds no credential"`

	Condition      condition.Kind `json:"condition,omitempty" enum:"frozen,black,overexposed,night,blurred,dirty,moved,covered,clock" doc:"What keeps its pictures from being believed: of what it sees nobody is told meanwhile. Absent where nothing does"`
	ConditionSince *time.Time     `json:"condition_since,omitempty"`
}

// NewCamera is the body of POST /stations/{id}/cameras.
type NewCamera struct {
	ID        string             `json:"id,omitempty" pattern:"^[a-z0-9][a-z0-9-]{1,62}$" doc:"A UUIDv7 is given where it is absent"`
	Name      string             `json:"name" minLength:"1" maxLength:"200"`
	Kind      station.CameraKind `json:"kind" enum:"push,mjpeg,rtsp,snapshot,file,folder,device"`
	URL       string             `json:"url,omitempty" maxLength:"2048" doc:"http(s)://… for mjpeg and snapshot, rtsp(s)://… for rtsp, a path for file, folder and device (/dev/videoN), nothing for push"`
	Transport string             `json:"transport,omitempty" enum:"tcp,udp" doc:"For rtsp: how its packets travel; tcp where it is absent"`
	Enabled   *bool              `json:"enabled,omitempty" doc:"true where it is absent"`
	Regions   []station.Region   `json:"regions" maxItems:"32"`
}

// CameraChange is the body of PATCH /cameras/{id}: what is absent stays.
type CameraChange struct {
	Name      *string             `json:"name,omitempty" minLength:"1" maxLength:"200"`
	Kind      *station.CameraKind `json:"kind,omitempty" enum:"push,mjpeg,rtsp,snapshot,file,folder,device"`
	URL       *string             `json:"url,omitempty" maxLength:"2048"`
	Transport *string             `json:"transport,omitempty" enum:"tcp,udp"`
	Enabled   *bool               `json:"enabled,omitempty"`
	Regions   []station.Region    `json:"regions,omitempty" maxItems:"32"`
}

type cameraOut struct {
	ETag string `header:"ETag"`
	Body Camera
}

func (s *Server) cameraOut(c station.Camera) *cameraOut {
	return &cameraOut{ETag: etag(c.UpdatedAt), Body: s.viewCamera(c)}
}

func (s *Server) registerCameras() {
	handle(s, route{
		method: http.MethodGet, path: base + "/cameras", id: "list-all-cameras", tag: "places", action: auth.Look,
		summary: "List cameras",
	}, func(ctx context.Context, in *struct {
		PageQuery
		Station string `query:"station" maxLength:"64"`
	}) (*listOut[Camera], error) {
		return s.listCameras(ctx, in.PageQuery, in.Station)
	})

	handle(s, route{
		method: http.MethodGet, path: base + "/stations/{id}/cameras", id: "list-cameras", tag: "places", action: auth.Look,
		summary: "List a station's cameras",
	}, func(ctx context.Context, in *struct {
		IDPath
		PageQuery
	}) (*listOut[Camera], error) {
		if _, err := s.station(ctx, in.ID, auth.Look); err != nil {
			return nil, err
		}
		return s.listCameras(ctx, in.PageQuery, in.ID)
	})

	handle(s, route{
		method: http.MethodPost, path: base + "/stations/{id}/cameras", id: "create-camera", tag: "places", action: auth.Manage,
		summary: "Create a camera", status: http.StatusCreated,
	}, s.createCamera)

	handle(s, route{
		method: http.MethodGet, path: base + "/cameras/{id}", id: "get-camera", tag: "places", action: auth.Look,
		summary: "Get a camera and its state",
	}, func(ctx context.Context, in *IDPath) (*cameraOut, error) {
		c, err := s.camera(ctx, in.ID, auth.Look)
		if err != nil {
			return nil, err
		}
		return s.cameraOut(c), nil
	})

	handle(s, route{
		method: http.MethodPatch, path: base + "/cameras/{id}", id: "change-camera", tag: "places", action: auth.Manage,
		summary: "Change a camera",
		about:   "It takes effect at once: other regions or thresholds from the camera's next frame on, anything else by connecting anew.",
	}, s.changeCamera)

	handle(s, route{
		method: http.MethodDelete, path: base + "/cameras/{id}", id: "remove-camera", tag: "places", action: auth.Manage,
		summary: "Remove a camera", status: http.StatusNoContent,
		about: "It stops at once. What it saw stays.",
	}, s.removeCamera)

	handle(s, route{
		method: http.MethodPost, path: base + "/cameras/{id}/learn", id: "learn-camera-anew", tag: "places", action: auth.Manage,
		summary: "Let a camera learn anew what it usually shows", status: http.StatusNoContent,
		about: "For a camera that was turned on purpose, or whose view has changed for good: what it shows in the next seconds is what it is compared with " +
			"from then on, and it is believed. What was known outlives restarts and other settings, and is forgotten. 409 `camera-not-running` where the " +
			"camera is disabled. Of a camera that a station's agent runs the agent is asked: 503 `agent-away` where it has not confirmed " +
			"it within some seconds; the wish is not kept for it, and asking again does no harm.",
	}, s.learnCamera)
}

func (s *Server) listCameras(ctx context.Context, q PageQuery, asked string) (*listOut[Camera], error) {
	after, err := q.after()
	if err != nil {
		return nil, err
	}
	id, err := stationScope(ctx, asked)
	if err != nil {
		return nil, err
	}
	items, next, err := s.Store.ListCameras(ctx, store.PlaceFilter{StationID: id, After: after, Limit: q.Limit})
	if err != nil {
		return nil, err
	}
	return listOf(s.viewCameras(items), next), nil
}

func (s *Server) createCamera(ctx context.Context, in *struct {
	IDPath
	Body NewCamera
},
) (*cameraOut, error) {
	if _, err := s.station(ctx, in.ID, auth.Manage); err != nil {
		return nil, err
	}
	c := station.Camera{
		ID: in.Body.ID, StationID: in.ID, Name: strings.TrimSpace(in.Body.Name), Kind: in.Body.Kind,
		URL: in.Body.URL, Transport: in.Body.Transport, Enabled: in.Body.Enabled == nil || *in.Body.Enabled, Regions: in.Body.Regions,
	}
	if err := s.checkCamera(c); err != nil {
		return nil, err
	}
	if err := s.Store.CreateCamera(ctx, &c); err != nil {
		return nil, err
	}
	s.placed(ctx, c.StationID)
	return s.cameraOut(c), nil
}

func (s *Server) removeCamera(ctx context.Context, in *struct {
	IDPath
	IfMatch
},
) (*struct{}, error) {
	c, err := s.camera(ctx, in.ID, auth.Manage)
	if err == nil {
		err = in.check(c.UpdatedAt)
	}
	if err == nil {
		err = in.conflict(s.Store.DeleteCamera(ctx, c))
	}
	if err != nil {
		return nil, err
	}
	s.placed(ctx, c.StationID)
	return nil, nil //nolint:nilnil // an answer without a body
}

func (s *Server) learnCamera(ctx context.Context, in *IDPath) (*struct{}, error) {
	c, err := s.camera(ctx, in.ID, auth.Manage)
	if err == nil {
		err = s.Cameras.Learn(ctx, c.ID)
	}
	if err != nil {
		return nil, err
	}
	s.Log.InfoContext(ctx, "a camera learns anew what it usually shows", "id", requestID(ctx), "camera", c.ID, "by", principalOf(ctx).Name)
	return nil, nil //nolint:nilnil // an answer without a body
}

func (s *Server) changeCamera(ctx context.Context, in *struct {
	IDPath
	IfMatch
	Body CameraChange
},
) (*cameraOut, error) {
	c, err := s.camera(ctx, in.ID, auth.Manage)
	if err == nil {
		err = in.check(c.UpdatedAt)
	}
	if err != nil {
		return nil, err
	}
	set(&c.Name, in.Body.Name)
	set(&c.Kind, in.Body.Kind)
	set(&c.URL, in.Body.URL)
	if c.Kind != station.RTSP {
		c.Transport = "" // it belonged to the kind before
	}
	set(&c.Transport, in.Body.Transport)
	set(&c.Enabled, in.Body.Enabled)
	if in.Body.Regions != nil {
		c.Regions = in.Body.Regions
	}
	if err := s.checkCamera(c); err != nil {
		return nil, err
	}
	if err := s.Store.UpdateCamera(ctx, &c); err != nil {
		return nil, in.conflict(err)
	}
	s.placed(ctx, c.StationID)
	return s.cameraOut(c), nil
}

// reload makes the running cameras follow the store. The change is stored
// whatever comes of it: a camera that does not start says so in its state.
func (s *Server) reload(ctx context.Context) {
	if err := s.Cameras.Reload(ctx); err != nil {
		s.Log.ErrorContext(ctx, "cameras were not reloaded", "id", requestID(ctx), "err", err)
	}
}

// camera reads a camera that the caller may do the action on.
func (s *Server) camera(ctx context.Context, id string, a auth.Action) (station.Camera, error) {
	c, err := s.Store.GetCamera(ctx, id)
	if err == nil {
		err = hidden(ctx, a, auth.Resource{StationID: c.StationID, CameraID: c.ID})
	}
	if err != nil {
		return station.Camera{}, err
	}
	return c, nil
}

func (s *Server) viewCamera(c station.Camera) Camera {
	return s.viewCameras([]station.Camera{c})[0]
}

func (s *Server) viewCameras(cameras []station.Camera) []Camera {
	states := s.Cameras.States()
	out := make([]Camera, len(cameras))
	for i, c := range cameras {
		v := Camera{
			ID: c.ID, StationID: c.StationID, Name: c.Name, Kind: c.Kind, URLRedacted: redacted(c), Transport: c.Transport, Enabled: c.Enabled,
			Regions: c.Regions, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, State: CameraState{Status: "stopped"},
		}
		if v.Regions == nil {
			v.Regions = []station.Region{}
		}
		if st, ok := states[c.ID]; ok {
			v.State = CameraState{
				Status: string(st.Status), Since: optional(st.Since), LastFrameAt: optional(st.LastFrameAt),
				Frames: st.Frames, Dropped: st.Dropped, Reason: st.Reason, Error: st.Error,
				Condition: st.Condition,
			}
			if st.Condition != condition.Good {
				v.State.ConditionSince = optional(st.ConditionSince)
			}
		} else if !c.Enabled {
			v.State.Status = "disabled"
		}
		out[i] = v
	}
	return out
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// hiddenText stands for what is not shown of a URL.
const hiddenText = "***"

// redacted is a camera's URL without user name and password, and without its
// query and whatever of its path names a value, where cheap cameras take their
// password.
func redacted(c station.Camera) string {
	if c.URL == "" || c.Kind == station.File || c.Kind == station.Folder || c.Kind == station.Device {
		return c.URL
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" {
		return hiddenText
	}
	out := u.Scheme + "://"
	if u.User != nil {
		out += hiddenText + "@"
	}
	segments := strings.Split(u.EscapedPath(), "/")
	for i, s := range segments {
		if strings.ContainsAny(s, "=:") {
			segments[i] = hiddenText
		}
	}
	out += u.Host + strings.Join(segments, "/")
	if u.RawQuery != "" {
		out += "?" + hiddenText
	}
	return out
}

// checkCamera says what is wrong with a camera. No answer repeats its URL.
func (s *Server) checkCamera(c station.Camera) error {
	for i, r := range c.Regions {
		if err := r.Polygon.Validate(); err != nil {
			return invalid(fmt.Sprintf("body.regions[%d].polygon", i), err.Error())
		}
		if a, b, crosses := r.Polygon.Crosses(); crosses {
			return invalid(fmt.Sprintf("body.regions[%d].polygon", i),
				fmt.Sprintf("the region's outline crosses or touches itself: the edges after corners %d and %d", a+1, b+1))
		}
		if slices.ContainsFunc(c.Regions[:i], func(o station.Region) bool { return o.BinID == r.BinID }) {
			return invalid(fmt.Sprintf("body.regions[%d].bin_id", i), "the bin has two regions")
		}
	}
	const at = "body.url"
	if strings.Contains(c.URL, hiddenText) {
		return invalid(at, "this is the redacted URL; send the whole one, or leave it out to keep it")
	}
	if c.Transport != "" && c.Kind != station.RTSP {
		return invalid("body.transport", "only an rtsp camera has a transport")
	}
	switch c.Kind {
	case station.Push:
		if c.URL != "" {
			return invalid(at, "a push camera has no URL")
		}
	case station.MJPEG, station.Snapshot:
		return checkURL(c.URL, "http", "https")
	case station.RTSP:
		return checkURL(c.URL, "rtsp", "rtsps")
	case station.File, station.Folder:
		return s.checkFile(c.URL)
	case station.Device:
		if !capture.IsDevice(c.URL) {
			return invalid(at, "a V4L2 device such as /dev/video0 is expected")
		}
	default:
		return invalid("body.kind", "push, mjpeg, rtsp, snapshot, file, folder or device is expected")
	}
	return nil
}

func checkURL(text string, schemes ...string) error {
	u, err := url.Parse(text)
	if err == nil && u.Host != "" {
		if u.Fragment != "" || u.User == nil && strings.Contains(u.Path+u.RawQuery, "@") {
			// Else the beginning of a password would pass for the host, which is
			// shown.
			return invalid("body.url", "what is special in a URL is written %23 for #, %2F for /, %3F for ? and %40 for @ in a user name or password")
		}
		for _, scheme := range schemes {
			if u.Scheme == scheme {
				return nil
			}
		}
	}
	return invalid("body.url", "a URL that begins with "+strings.Join(schemes, ":// or ")+":// is expected")
}

// checkFile keeps cameras of kind "file" and "folder" inside the one folder that was set
// for them, symbolic links followed.
func (s *Server) checkFile(path string) error {
	const at = "body.url"
	if s.cfg.MediaDir == "" {
		return invalid(at, "cameras of kind file and folder are not allowed here: no media folder is configured")
	}
	dir, err := filepath.EvalSymlinks(s.cfg.MediaDir)
	if err != nil {
		return invalid(at, "the media folder does not exist")
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil || !filepath.IsAbs(path) || !strings.HasPrefix(target, dir+string(filepath.Separator)) {
		return invalid(at, "an absolute path in the media folder is expected")
	}
	return nil
}
