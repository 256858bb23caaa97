package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
)

// Device is a camera of a station, or whoever holds a token for the station or
// one of its cameras.
type Device struct {
	Kind string `json:"kind" enum:"camera,screen,agent,station,listener,light,speaker,lock,other" doc:"By the token's scope, or what an MQTT device says of itself. station: it pushes deposits and frames; listener: it is told, and says not what it is"`
	// CameraID is set for cameras.
	CameraID string `json:"camera_id,omitempty"`
	Name     string `json:"name" doc:"The camera's, or what an MQTT device calls itself, or else its token's"`
	// Token is absent for a camera from which the service itself fetches.
	Token *DeviceToken `json:"token,omitempty"`

	Way       string     `json:"way,omitempty" enum:"mqtt,http,fetched" doc:"How it was last connected; absent: it never was"`
	Connected bool       `json:"connected"`
	Since     *time.Time `json:"since,omitempty" doc:"Since when it is, or had been, connected"`
	SeenAt    *time.Time `json:"seen_at,omitempty" doc:"Until when it is known to have been connected; over HTTP to the minute"`
	// Connections are those over MQTT; one token may serve several devices.
	Connections int    `json:"connections,omitempty" doc:"Over MQTT with this token"`
	Address     string `json:"address,omitempty" doc:"Where it connects from, or a camera's address without credentials"`
	LastWill    bool   `json:"last_will,omitempty" doc:"It has left a last will over MQTT"`
	Parting     string `json:"parting,omitempty" enum:"goodbye,lost,cut,stopped" doc:"How its last MQTT connection ended. lost: without goodbye, so that its last will was published; cut: by this service; stopped: with this service"`
	Trouble     string `json:"trouble,omitempty" doc:"A camera's state or condition, where it is not well"`
}

// DeviceToken is the token that a device shows.
type DeviceToken struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Scopes    []string   `json:"scopes"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
}

// DeviceList is the answer to GET /stations/{id}/devices.
type DeviceList struct {
	Items []Device `json:"items"`
	// MQTT is where MQTT devices connect, on this service's host.
	MQTT *MQTTAddress `json:"mqtt,omitempty" doc:"Absent where nothing listens for MQTT"`
}

// MQTTAddress is where MQTT devices connect.
type MQTTAddress struct {
	Port     int  `json:"port"`
	TLS      bool `json:"tls"`
	Loopback bool `json:"loopback" doc:"Only programs on the service's own machine reach it"`
}

// endedFor is for how long devices whose token has ended are still listed.
const endedFor = 24 * time.Hour

func (s *Server) registerDevices() {
	handle(s, route{
		method: http.MethodGet, path: base + "/stations/{id}/devices", id: "list-devices", tag: "devices", action: auth.Survey,
		summary: "The devices of a station and how they are connected",
		about:   "Its cameras, and whoever holds a token for it or for one of them; a token that has ended is listed for a day more. A token is revoked by DELETE /tokens/{id}, which cuts its connections, MQTT included.",
	}, func(ctx context.Context, in *IDPath) (*struct{ Body DeviceList }, error) {
		st, err := s.station(ctx, in.ID, auth.Survey)
		if err != nil {
			return nil, err
		}
		list, err := s.devices(ctx, st)
		return &struct{ Body DeviceList }{list}, err
	})
}

func (s *Server) devices(ctx context.Context, st station.Station) (list DeviceList, err error) {
	cameras, err := s.stationCameras(ctx, st.ID)
	if err != nil {
		return list, err
	}
	ids := []string{st.ID}
	for _, c := range cameras {
		ids = append(ids, c.ID)
	}
	now := s.cfg.Now()
	tokens, err := s.Store.TokensNaming(ctx, ids, now.Add(-endedFor))
	if err != nil {
		return list, err
	}
	mqtt, address, err := s.mqttDevices(ctx)
	if err != nil {
		return list, err
	}
	list = DeviceList{Items: []Device{}, MQTT: address}
	for _, c := range cameras {
		list.Items = append(list.Items, s.cameraDevice(c))
	}
	for _, t := range tokens {
		if d, ok := s.tokenDevice(ctx, t, st.ID, cameras, now); ok {
			if m, ok := mqtt[t.ID]; ok {
				s.overMQTT(&d, m, now)
			}
			s.overCamera(&d, cameras, now)
			list.Items = append(list.Items, d)
		}
	}
	// A camera that is pushed is the device with its token.
	list.Items = slices.DeleteFunc(list.Items, func(d Device) bool {
		return d.Token == nil && slices.ContainsFunc(list.Items, func(o Device) bool { return o.Token != nil && o.CameraID == d.CameraID })
	})
	return list, nil
}

func (s *Server) stationCameras(ctx context.Context, stationID string) (all []Camera, err error) {
	for f := (store.PlaceFilter{StationID: stationID, Limit: store.MaxPage}); ; {
		page, next, err := s.Store.ListCameras(ctx, f)
		if err != nil {
			return nil, err
		}
		all = append(all, s.viewCameras(page)...)
		if f.After = next; next == "" {
			return all, nil
		}
	}
}

// mqttDevices is what is known of MQTT devices by their tokens: what the records
// say, and of those that connect to this process what it sees itself.
func (s *Server) mqttDevices(ctx context.Context) (map[string]store.MQTTDevice, *MQTTAddress, error) {
	known, err := s.Store.MQTTDevices(ctx)
	if err != nil {
		return nil, nil, err
	}
	var address *MQTTAddress
	if s.MQTT != nil {
		if m := s.MQTT(); m != nil {
			address = &MQTTAddress{Port: m.Port, TLS: m.TLS, Loopback: m.Loopback}
			known = append(known, m.Devices...)
		}
	}
	out := make(map[string]store.MQTTDevice, len(known))
	for _, d := range known {
		if was, ok := out[d.TokenID]; !ok || !d.SeenAt.Before(was.SeenAt) {
			out[d.TokenID] = d
		}
	}
	return out, address, nil
}

func (s *Server) cameraDevice(c Camera) Device {
	d := Device{
		Kind: "camera", CameraID: c.ID, Name: c.Name, Address: c.URLRedacted,
		Connected: c.State.Status == "streaming", Since: c.State.Since, SeenAt: c.State.LastFrameAt,
	}
	if c.Kind != station.Push {
		d.Way = "fetched"
	}
	switch {
	case !d.Connected:
		d.Trouble = c.State.Status
	case c.State.Condition != "":
		d.Trouble = string(c.State.Condition)
	}
	return d
}

// tokenDevice is whoever holds a token for the station or for one of its
// cameras; false where the token names neither.
func (s *Server) tokenDevice(ctx context.Context, t store.Token, stationID string, cameras []Camera, now time.Time) (d Device, ok bool) {
	d = Device{Name: t.Name, SeenAt: t.LastUsedAt}
	d.Token = &DeviceToken{ID: t.ID, Name: t.Name, Scopes: t.Scopes, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt, RevokedAt: t.RevokedAt}
	for _, word := range t.Scopes {
		sc := auth.Scope(word)
		own := sc.Own()
		if n := slices.IndexFunc(cameras, func(c Camera) bool { return c.ID == own.CameraID }); n >= 0 && own.CameraID != "" {
			d.Kind, d.CameraID, d.Name = "camera", own.CameraID, cameras[n].Name
		} else if own.StationID == stationID {
			d.Kind = kindOfScope(sc)
		}
	}
	if d.Kind == "" {
		return d, false
	}
	s.overHTTP(&d, now)
	if d.Kind == "agent" && s.Agents != nil {
		if status, err := s.Agents.Status(ctx, stationID); err == nil && status.Online && !d.Token.ended(now) {
			d.Connected = true
		}
	}
	return d, true
}

// overHTTP says how a device that shows its token over HTTP does.
func (s *Server) overHTTP(d *Device, now time.Time) {
	if c, here := s.presence.seen.Peek(d.Token.ID); here {
		d.Address, d.Since = c.from.String(), &c.since
		if d.SeenAt == nil || c.at.After(*d.SeenAt) {
			d.SeenAt = &c.at
		}
	}
	if d.SeenAt != nil {
		d.Way = "http"
		d.Connected = now.Sub(*d.SeenAt) < hereFor && !d.Token.ended(now)
	}
}

// overCamera takes in what is known of a camera that pushes: one that connects
// anew for every frame is there while its frames come.
func (s *Server) overCamera(d *Device, cameras []Camera, now time.Time) {
	n := slices.IndexFunc(cameras, func(c Camera) bool { return c.ID == d.CameraID })
	if n < 0 {
		return
	}
	c := s.cameraDevice(cameras[n])
	d.Trouble = c.Trouble
	if c.Connected && !d.Connected && !d.Token.ended(now) && d.SeenAt != nil && now.Sub(*d.SeenAt) < hereFor {
		d.Connected, d.Since, d.SeenAt = true, c.Since, c.SeenAt
	}
}

func (t *DeviceToken) ended(now time.Time) bool {
	return t.RevokedAt != nil || t.ExpiresAt != nil && !t.ExpiresAt.After(now)
}

func kindOfScope(sc auth.Scope) string {
	if _, ok := sc.Screen(); ok {
		return "screen"
	}
	if _, ok := sc.Agent(); ok {
		return "agent"
	}
	if _, ok := sc.Listener(); ok {
		return "listener"
	}
	return "station"
}

// overMQTT takes in what is known of a device's MQTT connections, unless it has
// come over HTTP since.
func (s *Server) overMQTT(d *Device, m store.MQTTDevice, now time.Time) {
	if (d.Kind == "listener" || d.Kind == "station") && m.Kind != "" {
		d.Kind = m.Kind
	}
	if m.Name != "" && d.CameraID == "" {
		d.Name = m.Name
	}
	c, here := s.presence.seen.Peek(d.Token.ID)
	if here && m.Connections == 0 && c.at.After(m.SeenAt) {
		return
	}
	d.Way, d.Address, d.LastWill, d.Parting = "mqtt", m.Address, m.Will, m.Parting
	d.Since, d.SeenAt, d.Connections, d.Connected = &m.Since, &m.SeenAt, m.Connections, m.Connections > 0
	if d.Connected && now.Sub(m.SeenAt) >= hereFor { // the process that had it has died
		d.Connected, d.Connections, d.Parting = false, 0, "lost"
	}
}
