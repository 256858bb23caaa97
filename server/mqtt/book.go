package mqtt

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/binside/binside/server/store"
)

// book is what the records say of devices and sessions, as far as this process
// wrote it. Only note uses it.
type book struct {
	devices map[string]store.MQTTDevice // by token
	// away are the sessions whose devices are, and since when.
	away map[string]time.Time
}

// noteEvery is how exactly the records know when a connected device was last
// heard.
const noteEvery = time.Minute

// said takes in what a device says of itself, or its last will of it.
func (g *gate) said(tokenID string, payload []byte) {
	var status DeviceStatus
	if json.Unmarshal(payload, &status) != nil || !slices.Contains(deviceKinds, status.Kind) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.account(tokenID)
	a.last.Kind, a.last.Name = status.Kind, shorten(status.Name)
}

// deviceKinds are the kinds of DeviceStatus, and none.
var deviceKinds = []string{"", "light", "speaker", "lock", "screen", "agent", "other"}

// maxName is the length of a device's name, in characters.
const maxName = 200

func shorten(name string) string {
	if letters := []rune(name); len(letters) > maxName {
		return string(letters[:maxName])
	}
	return name
}

// began and parted keep the latest connection of an account; the gate's lock is
// held.
func (a *account) began(l *link) {
	a.last.TokenID, a.last.ClientID, a.last.Address = a.tokenID, l.clientID, l.remote.String()
	a.last.Since, a.last.SeenAt, a.last.Will, a.last.Parting = l.since, l.since, l.will, ""
	a.latest = l
}

func (a *account) parted(l *link) {
	if a.latest != l {
		return
	}
	a.last.SeenAt, a.last.Parting = time.Now(), string(l.ended())
	for other := range a.links { // an earlier one goes on
		a.began(other)
		return
	}
	a.latest = nil
}

// standing is how all tokens that have connected stand, and the sessions whose
// devices are away.
func (g *gate) standing(now time.Time) (devices []store.MQTTDevice, away map[string]time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	away = make(map[string]time.Time)
	for _, a := range g.accounts {
		for id, seen := range a.sessions {
			if !seen.IsZero() {
				away[id] = micro(seen)
			}
		}
		if a.last.TokenID == "" {
			continue
		}
		d := a.last
		if d.Connections = len(a.links); d.Connections > 0 {
			d.SeenAt = now
		}
		d.Since, d.SeenAt = micro(d.Since), micro(d.SeenAt)
		devices = append(devices, d)
	}
	return devices, away
}

// Devices are those that have connected since the start, as they stand.
func (s *Service) Devices() []store.MQTTDevice {
	devices, _ := s.gate.standing(time.Now())
	return devices
}

// micro is a time as the records keep it.
func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// note writes what has changed of devices and sessions to the records, where the
// API of any process finds it.
func (s *Service) note(ctx context.Context, now time.Time) {
	devices, away := s.gate.standing(now)
	devices = slices.DeleteFunc(devices, func(d store.MQTTDevice) bool {
		was := s.book.devices[d.TokenID]
		if d.Connections > 0 && d.SeenAt.Sub(was.SeenAt) < noteEvery {
			d.SeenAt = was.SeenAt
		}
		return d == was
	})
	var sessions []store.MQTTSeen
	for id, seen := range away {
		if !seen.Equal(s.book.away[id]) {
			sessions = append(sessions, store.MQTTSeen{ClientID: id, SeenAt: seen})
		}
	}
	var gone []string
	for id := range s.book.away {
		if _, still := away[id]; !still {
			gone = append(gone, id)
		}
	}
	if len(devices)+len(sessions)+len(gone) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if err := s.deps.Store.SaveMQTT(ctx, devices, sessions, gone); err != nil {
		s.deps.Logger.Warn("MQTT: who is connected was not noted", "error", err)
		return
	}
	for _, d := range devices {
		s.book.devices[d.TokenID] = d
	}
	s.book.away = away
}
