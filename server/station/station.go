// Package station is the domain of places: stations, their bins and their
// cameras. It holds no logic of storing or serving them.
package station

import (
	"time"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/vision"
)

// Station is a drop-off point.
type Station struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// RegionPath is the station's place in the tree of responsibility, from
	// the district down to the grid, e.g. "/xihu/beishan/baoshi/3".
	RegionPath string `json:"region_path"`
	// TimeZone is an IANA name, e.g. "Asia/Shanghai"; times are stored in UTC.
	TimeZone string `json:"time_zone"`
	// Prompts are the station's own settings; nil follows the service's.
	Prompts *Prompts `json:"prompts,omitempty"`
	// Agent is set where an agent on the spot runs the station's cameras and
	// decides, and not the server.
	Agent     bool      `json:"agent"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Bin is one container at a station.
type Bin struct {
	ID        string `json:"id"`
	StationID string `json:"station_id"`
	Name      string `json:"name"`
	// Accepts are the categories that belong in the bin, at least one, by
	// their names in the taxonomy.
	Accepts []string `json:"accepts"`
	// Thresholds override the configuration's where set.
	Thresholds *verdict.Thresholds `json:"thresholds,omitempty"`
	CreatedAt  time.Time           `json:"created_at"`
	UpdatedAt  time.Time           `json:"updated_at"`
}

// CameraKind is how a camera's frames arrive.
type CameraKind string

// The kinds of camera.
const (
	Push  CameraKind = "push"  // frames are posted to the API
	MJPEG CameraKind = "mjpeg" // motion JPEG over HTTP
	RTSP  CameraKind = "rtsp"  // H.264 or H.265
	File  CameraKind = "file"  // a video file on the server

	Snapshot CameraKind = "snapshot" // one picture at a time over HTTP
	Folder   CameraKind = "folder"   // pictures in a folder on the server
	Device   CameraKind = "device"   // a V4L2 device on the server
)

// Camera is one camera at a station and the bins it sees.
type Camera struct {
	ID        string     `json:"id"`
	StationID string     `json:"station_id"`
	Name      string     `json:"name"`
	Kind      CameraKind `json:"kind"`
	// URL is where the frames are fetched (mjpeg, rtsp, snapshot), or the path
	// of the file, folder or device; empty for push. It may hold a credential:
	// Redacted hides it.
	URL string `json:"url,omitempty"`
	// Transport is tcp (which empty stands for) or udp, for rtsp.
	Transport string   `json:"transport,omitempty"`
	Enabled   bool     `json:"enabled"`
	Regions   []Region `json:"regions"`
	// Detector overrides the detector's defaults where set.
	Detector  *Detector `json:"detector,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Region is a bin's place in a camera's view.
type Region struct {
	BinID   string         `json:"bin_id"`
	Polygon vision.Polygon `json:"polygon"`
}
