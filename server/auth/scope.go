package auth

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Scope is one right that a principal holds: "admin", "read", "station:ID",
// "camera:ID", "screen:ID", "listen:ID" or "agent:ID".
type Scope string

const (
	// Admin may do everything.
	Admin Scope = "admin"
	// Read may look at everything but the list of tokens, and changes nothing.
	Read Scope = "read"
)

const (
	stationPrefix = "station:"
	cameraPrefix  = "camera:"
	screenPrefix  = "screen:"
	listenPrefix  = "listen:"
	agentPrefix   = "agent:"
)

// ForStation is the scope of one station: it reads that station and pushes
// deposits to its bins and frames to its cameras.
func ForStation(id string) Scope { return Scope(stationPrefix + id) }

// ForCamera is the scope of one camera: it pushes that camera's frames and
// does nothing else.
func ForCamera(id string) Scope { return Scope(cameraPrefix + id) }

// ForScreen is the scope of the screen at a station's bins: it shows what the
// residents are told there, takes their answers, and does nothing else.
func ForScreen(stationID string) Scope { return Scope(screenPrefix + stationID) }

// ForListener is the scope of a light, a loudspeaker or a lock at a station's
// bins: it is told what the residents are told there, and does nothing else.
func ForListener(stationID string) Scope { return Scope(listenPrefix + stationID) }

// Listener is the station of a listener's scope.
func (s Scope) Listener() (stationID string, ok bool) {
	return strings.CutPrefix(string(s), listenPrefix)
}

// Screen is the station of a screen scope.
func (s Scope) Screen() (stationID string, ok bool) {
	return strings.CutPrefix(string(s), screenPrefix)
}

// ForAgent is the scope of a station's agent: it fetches what it works by,
// hands in its station's inspections, and does nothing else.
func ForAgent(stationID string) Scope { return Scope(agentPrefix + stationID) }

// Agent is the station of an agent scope.
func (s Scope) Agent() (stationID string, ok bool) {
	return strings.CutPrefix(string(s), agentPrefix)
}

// Station is the station of a station scope.
func (s Scope) Station() (id string, ok bool) { return strings.CutPrefix(string(s), stationPrefix) }

// Camera is the camera of a camera scope.
func (s Scope) Camera() (id string, ok bool) { return strings.CutPrefix(string(s), cameraPrefix) }

var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,62}$`)

// ParseScopes checks that the words are scopes, at least one of them, and
// returns them sorted and without repetition.
func ParseScopes(words []string) ([]Scope, error) {
	if len(words) == 0 {
		return nil, fmt.Errorf("at least one scope is needed: %s", scopeHelp)
	}
	if len(words) > 64 {
		return nil, fmt.Errorf("%d scopes are too many, at most 64 are allowed", len(words))
	}
	out := make([]Scope, 0, len(words))
	for _, w := range words {
		s := Scope(w)
		id, narrow := s.Station()
		if !narrow {
			id, narrow = s.Camera()
		}
		if !narrow {
			id, narrow = s.Screen()
		}
		if !narrow {
			id, narrow = s.Listener()
		}
		if !narrow {
			id, narrow = s.Agent()
		}
		if narrow && !idPattern.MatchString(id) || !narrow && s != Admin && s != Read {
			return nil, fmt.Errorf("%q is no scope: %s", w, scopeHelp)
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

const scopeHelp = `"admin", "read", "station:ID", "camera:ID", "screen:ID", "listen:ID" and "agent:ID" are`

// Kind is how a principal proved who they are.
type Kind string

// A token comes as a bearer in the Authorization header, a session as a
// browser's cookie.
const (
	ByToken   Kind = "token"
	BySession Kind = "session"
)

// Principal is whoever is asking.
type Principal struct {
	ID     string
	Name   string
	Kind   Kind
	Scopes []Scope
}

// Action is what a principal wants to do. Every route of the API names one.
type Action string

const (
	// Look is to look at a station and what belongs to it: bins, cameras,
	// inspections, evidence, live events.
	Look Action = "look"
	// Reference is to look at what is the same for all: taxonomy, model,
	// demonstration, API documentation.
	Reference Action = "reference"
	// Operate is to look at the service's own figures: metrics, readiness in
	// detail.
	Operate Action = "operate"
	// Collect is to look at the labelled samples.
	Collect Action = "collect"
	// PushFrame is to give a camera a frame.
	PushFrame Action = "push-frame"
	// PushDeposit is to give a bin a deposit.
	PushDeposit Action = "push-deposit"
	// Review is to confirm or relabel a deposit.
	Review Action = "review"
	// Label is to add samples, and to delete them.
	Label Action = "label"
	// Manage is to create and change stations, bins and cameras.
	Manage Action = "manage"
	// Grant is to make, list and revoke tokens.
	Grant Action = "grant"
	// Audit is to look at what was deleted, and to prove it.
	Audit Action = "audit"
	// Oversee is to see who has looked through a camera.
	Oversee Action = "oversee"
	// Survey is to see a station's devices: their tokens' names and scopes, where
	// they connect from and how they do.
	Survey Action = "survey"
	// Show is to look at what a station's residents are told.
	Show Action = "show"
	// Correct is to take a resident's answer to it, and to report that it was
	// shown.
	Correct Action = "correct"
	// Attend is to be a station's agent: to fetch its bundle, with the cameras'
	// credentials, and to hand in what was decided there.
	Attend Action = "attend"
	// Self is to look at and end one's own session.
	Self Action = "self"
)

// Actions lists every action.
var Actions = []Action{
	Look, Reference, Operate, Collect, PushFrame, PushDeposit, Review, Label, Manage, Grant, Audit, Oversee, Survey, Show, Correct, Attend, Self,
}

// Resource is what an action is about; empty fields mean "not one in
// particular", which narrow scopes never cover.
type Resource struct {
	StationID string
	CameraID  string
}

// class is what kind of scope it is.
type class string

const (
	adminClass   class = "admin"
	readClass    class = "read"
	stationClass class = "station"
	cameraClass  class = "camera"
	screenClass  class = "screen"
	listenClass  class = "listen"
	agentClass   class = "agent"
)

// right is what a class of scope allows: on every resource, and on the one
// that the scope names.
type right struct{ everywhere, own []Action }

// rights is the one table. What is not in it is denied.
var rights = map[class]right{
	adminClass:   {everywhere: Actions},
	readClass:    {everywhere: []Action{Look, Reference, Operate, Collect, Audit, Survey, Show, Self}},
	stationClass: {everywhere: []Action{Reference, Self}, own: []Action{Look, PushFrame, PushDeposit, Show, Correct}},
	cameraClass:  {everywhere: []Action{Self}, own: []Action{PushFrame}},
	screenClass:  {everywhere: []Action{Reference, Self}, own: []Action{Show, Correct}},
	listenClass:  {everywhere: []Action{Self}, own: []Action{Show}},
	agentClass:   {everywhere: []Action{Self}, own: []Action{Attend}},
}

// Can reports whether the principal may do the action on the resource. A nil
// principal may do nothing.
func (p *Principal) Can(a Action, r Resource) bool {
	if p == nil {
		return false
	}
	for _, s := range p.Scopes {
		if s.allows(a, r) {
			return true
		}
	}
	return false
}

func (s Scope) allows(a Action, r Resource) bool {
	c, owns := s.class(r)
	return slices.Contains(rights[c].everywhere, a) || owns && slices.Contains(rights[c].own, a)
}

// class is the scope's class, empty for an unknown word, and whether the scope
// names the resource.
func (s Scope) class(r Resource) (c class, owns bool) {
	if id, ok := s.Station(); ok && id != "" {
		return stationClass, id == r.StationID
	}
	if id, ok := s.Camera(); ok && id != "" {
		return cameraClass, id == r.CameraID
	}
	if id, ok := s.Screen(); ok && id != "" {
		return screenClass, id == r.StationID
	}
	if id, ok := s.Listener(); ok && id != "" {
		return listenClass, id == r.StationID
	}
	if id, ok := s.Agent(); ok && id != "" {
		return agentClass, id == r.StationID
	}
	switch s {
	case Admin:
		return adminClass, true
	case Read:
		return readClass, true
	}
	return "", false
}

// Own is the one thing that a narrow scope names; nothing for a broad one.
func (s Scope) Own() Resource {
	for _, of := range []func() (string, bool){s.Station, s.Screen, s.Listener, s.Agent} {
		if id, ok := of(); ok {
			return Resource{StationID: id}
		}
	}
	camera, _ := s.Camera()
	return Resource{CameraID: camera}
}

// CouldEver reports whether some resource exists on which the principal may
// do the action: the check before a resource is looked up, so that whoever
// has no such right at all learns nothing of what exists.
func (p *Principal) CouldEver(a Action) bool {
	if p == nil {
		return false
	}
	for _, s := range p.Scopes {
		if s.allows(a, s.Own()) {
			return true
		}
	}
	return false
}

// Stations are the stations that the principal's view is limited to; all is
// true where it is not limited.
func (p *Principal) Stations(a Action) (ids []string, all bool) {
	if p.Can(a, Resource{}) {
		return nil, true
	}
	if p == nil {
		return nil, false
	}
	for _, s := range p.Scopes {
		if id, ok := s.Station(); ok && p.Can(a, Resource{StationID: id}) {
			ids = append(ids, id)
		}
	}
	return ids, false
}
