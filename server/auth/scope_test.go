package auth

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRightsTable(t *testing.T) {
	here, there := Resource{StationID: "here"}, Resource{StationID: "there"}
	cam := Resource{StationID: "here", CameraID: "cam"}
	may := map[Scope]map[Resource][]Action{
		Admin: {{}: Actions, here: Actions, cam: Actions},
		Read: {
			{}: {Look, Reference, Operate, Collect, Audit, Survey, Show, Self}, here: {Look, Reference, Operate, Collect, Audit, Survey, Show, Self},
		},
		ForStation("here"): {
			{}: {Reference, Self}, here: {Look, PushFrame, PushDeposit, Reference, Show, Correct, Self}, there: {Reference, Self},
			cam: {Look, PushFrame, PushDeposit, Reference, Show, Correct, Self},
		},
		ForCamera("cam"): {
			{}: {Self}, here: {Self}, cam: {PushFrame, Self}, {StationID: "here", CameraID: "other"}: {Self},
		},
		ForScreen("here"): {
			{}: {Reference, Self}, here: {Reference, Show, Correct, Self}, there: {Reference, Self}, cam: {Reference, Show, Correct, Self},
		},
		ForListener("here"): {
			{}: {Self}, here: {Show, Self}, there: {Self}, cam: {Show, Self},
		},
		ForAgent("here"): {
			{}: {Self}, here: {Attend, Self}, there: {Self}, cam: {Attend, Self},
		},
		"": {{}: nil, here: nil}, "station:": {{}: nil, here: nil}, "camera:": {{}: nil}, "listen:": {{}: nil, here: nil}, "agent:": {{}: nil, here: nil}, "root": {{}: nil},
	}
	for scope, resources := range may {
		p := &Principal{Scopes: []Scope{scope}}
		for r, allowed := range resources {
			for _, a := range Actions {
				require.Equal(t, slices.Contains(allowed, a), p.Can(a, r), "scope %q, action %q, resource %+v", scope, a, r)
			}
		}
	}
}

func TestNobodyMayDoAnything(t *testing.T) {
	var nobody *Principal
	for _, a := range Actions {
		require.False(t, nobody.Can(a, Resource{}))
		require.False(t, nobody.CouldEver(a))
		require.False(t, (&Principal{}).Can(a, Resource{}))
		require.False(t, (&Principal{}).CouldEver(a))
	}
	require.False(t, (&Principal{Scopes: []Scope{Admin}}).Can("unknown", Resource{}))
}

func TestCouldEver(t *testing.T) {
	p := &Principal{Scopes: []Scope{ForStation("here"), ForCamera("cam")}}
	require.False(t, p.CouldEver(Attend))
	require.True(t, (&Principal{Scopes: []Scope{ForAgent("here")}}).CouldEver(Attend))
	require.True(t, p.CouldEver(Look))
	require.True(t, p.CouldEver(PushFrame))
	require.False(t, p.CouldEver(Manage))
	require.False(t, p.CouldEver(Review))
	require.True(t, (&Principal{Scopes: []Scope{ForListener("here")}}).CouldEver(Show))
	require.False(t, (&Principal{Scopes: []Scope{ForListener("here")}}).CouldEver(Correct))
	ids, all := p.Stations(Look)
	require.False(t, all)
	require.Equal(t, []string{"here"}, ids)
	_, all = (&Principal{Scopes: []Scope{Read}}).Stations(Look)
	require.True(t, all)
}

func TestParseScopes(t *testing.T) {
	got, err := ParseScopes([]string{"read", "camera:door-1", "read", "station:s1", "listen:s1"})
	require.NoError(t, err)
	require.Equal(t, []Scope{"camera:door-1", "listen:s1", "read", "station:s1"}, got)
	for _, bad := range [][]string{nil, {""}, {"Admin"}, {"station:"}, {"station:A"}, {"camera:../x"}, {"write"}, {"station:s1 "}} {
		_, err := ParseScopes(bad)
		require.Error(t, err, "%q", bad)
	}
}
