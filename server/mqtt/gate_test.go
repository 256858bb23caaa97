package mqtt

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/auth"
)

func TestPermissions(t *testing.T) {
	const inbox, pubrel = "$MQTT.sub.>", "$MQTT.deliver.pubrel.>"
	for _, c := range []struct {
		scopes            []auth.Scope
		publish, subcribe []string
	}{
		{[]auth.Scope{auth.ForListener("s")}, []string{"binside.v1.stations.s.devices.id.status"}, []string{"binside.v1.stations.s", "binside.v1.stations.s.>"}},
		{[]auth.Scope{auth.ForScreen("s")},
			[]string{"binside.v1.push.s.correction", "binside.v1.push.s.shown", "binside.v1.stations.s.devices.id.status"},
			[]string{"binside.v1.stations.s", "binside.v1.stations.s.>", "binside.v1.errors.s.correction", "binside.v1.errors.s.shown"}},
		{[]auth.Scope{auth.ForCamera("c")}, []string{"binside.v1.push.*.cameras.c.frames"}, []string{"binside.v1.errors.*.cameras.c.frames"}},
		{[]auth.Scope{auth.ForStation("s")},
			[]string{
				"binside.v1.push.s.cameras.*.frames", "binside.v1.push.s.bins.*.deposits", "binside.v1.push.s.bins.*.deposits.*",
				"binside.v1.push.s.correction", "binside.v1.push.s.shown", "binside.v1.stations.s.devices.id.status",
			},
			[]string{
				"binside.v1.stations.s", "binside.v1.stations.s.>", "binside.v1.errors.s.cameras.*.frames", "binside.v1.errors.s.bins.*.deposits.>",
				"binside.v1.errors.s.bins.*.deposits", "binside.v1.errors.s.correction", "binside.v1.errors.s.shown",
			}},
		{[]auth.Scope{auth.Read}, nil, []string{"binside.v1.stations.*", "binside.v1.stations.*.>", "binside.v1.stations"}},
		{[]auth.Scope{"root", "", "station:"}, nil, nil},
	} {
		p := &auth.Principal{ID: "id", Scopes: c.scopes}
		require.ElementsMatch(t, c.publish, publishable(p), "%v", c.scopes)
		require.ElementsMatch(t, c.subcribe, readable(p), "%v", c.scopes)
		got := permissions(p)
		require.ElementsMatch(t, append(c.subcribe, inbox, pubrel), got.Subscribe.Allow)
		if len(c.publish) == 0 {
			require.Equal(t, []string{">"}, got.Publish.Deny, "no list of what is allowed would allow all")
		}
	}
}

func TestClientIDs(t *testing.T) {
	const token = "abcdefghijklmnop"
	for id, may := range map[string]bool{
		token: true, token + "-1": true, token + "1": false, "": false, "binside": false, "ponmlkjihgfedcba": false, "ponmlkjihgfedcba-" + token: false,
		token + "-" + strings.Repeat("x", maxClientID): false,
	} {
		require.Equal(t, may, mayBeCalled(token, id), id)
	}
}

func TestParsePush(t *testing.T) {
	for topic, want := range map[string]pushed{
		"binside/v1/push/s/correction":            {kind: kindCorrection, station: "s"},
		"binside/v1/push/s/shown":                 {kind: kindShown, station: "s"},
		"binside/v1/push/s/cameras/c/frames":      {kind: kindFrame, station: "s", thing: "c"},
		"binside/v1/push/s/bins/b/deposits":       {kind: kindDeposit, station: "s", thing: "b"},
		"binside/v1/push/s/bins/b/deposits/k":     {kind: kindDeposit, station: "s", thing: "b", key: "k"},
		"binside/v1/push/s":                       {},
		"binside/v1/push//correction":             {},
		"binside/v1/push/s/cameras/c/deposits":    {},
		"binside/v1/push/s/bins/b/deposits/k/l":   {},
		"binside/v1/push/s/bins/b/deposits/":      {},
		"binside/v1/stations/s/state":             {},
		"binside/v2/push/s/correction":            {},
		"binside/v1/push/s/cameras/c/frames/more": {},
	} {
		got, ok := parsePush(topic)
		require.Equal(t, want.kind != "", ok, topic)
		if ok {
			require.Equal(t, want, got, topic)
			require.Equal(t, "binside/v1/errors"+topic[len("binside/v1/push"):], errorTopic(topic))
		}
	}
}
