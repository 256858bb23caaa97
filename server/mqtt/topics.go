package mqtt

import "strings"

// The topics. What a station says lies below stationsPrefix; what devices push
// below pushPrefix, apart from it, so that nobody who listens to a whole station
// gets pictures; and what was wrong with a push lies at the same place below
// errorsPrefix.
const (
	stationsPrefix = "binside/v1/stations/"
	pushPrefix     = "binside/v1/push/"
	errorsPrefix   = "binside/v1/errors/"
)

// What is pushed, as metrics name it.
const (
	kindFrame      = "frame"
	kindDeposit    = "deposit"
	kindCorrection = "correction"
	kindShown      = "shown"
)

func stateTopic(station string) string   { return stationsPrefix + station + "/state" }
func promptsTopic(station string) string { return stationsPrefix + station + "/prompts" }
func thanksTopic(station string) string  { return stationsPrefix + station + "/thanks" }

// pushed is what a push topic says.
type pushed struct {
	kind    string
	station string
	// thing is the camera or the bin, key what names a deposit for its bin.
	thing, key string
}

// parsePush reads a topic below pushPrefix.
func parsePush(topic string) (p pushed, ok bool) {
	rest, ok := strings.CutPrefix(topic, pushPrefix)
	if !ok {
		return p, false
	}
	parts := strings.Split(rest, "/")
	for _, part := range parts {
		if part == "" {
			return p, false
		}
	}
	p.station = parts[0]
	switch {
	case len(parts) == 2 && (parts[1] == kindCorrection || parts[1] == kindShown):
		p.kind = parts[1]
	case len(parts) == 4 && parts[1] == "cameras" && parts[3] == "frames":
		p.kind, p.thing = kindFrame, parts[2]
	case (len(parts) == 4 || len(parts) == 5) && parts[1] == "bins" && parts[3] == "deposits":
		p.kind, p.thing = kindDeposit, parts[2]
		if len(parts) == 5 {
			p.key = parts[4]
		}
	default:
		return p, false
	}
	return p, true
}

// errorTopic is where the answer to a refused push goes.
func errorTopic(topic string) string { return errorsPrefix + strings.TrimPrefix(topic, pushPrefix) }

// parseStatus reads the topic on which a device says how it is, and its last will.
func parseStatus(topic string) (tokenID string, ok bool) {
	rest, ok := strings.CutPrefix(topic, stationsPrefix)
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 4 || parts[1] != "devices" || parts[3] != "status" {
		return "", false
	}
	return parts[2], true
}

// subscriptions are the filters of what devices push, with their quality of
// service. A deposit waits on this server's disk until it is on the queue's;
// frames and words are worth nothing later, and frames must not be stored.
var subscriptions = map[string]byte{
	pushPrefix + "+/cameras/+/frames":  0,
	pushPrefix + "+/bins/+/deposits":   1,
	pushPrefix + "+/bins/+/deposits/+": 1,
	pushPrefix + "+/correction":        0,
	pushPrefix + "+/shown":             0,

	stationsPrefix + "+/devices/+/status": 0,
}
