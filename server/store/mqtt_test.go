package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/store"
)

func TestMQTT(t *testing.T) { onBoth(t, testMQTT) }

func testMQTT(t *testing.T, st *store.Store) {
	ctx := ctxOf(t)
	require.NoError(t, st.CreateToken(ctx, &store.Token{ID: "abc", Name: "light", Scopes: []string{"listen:s"}}, "hash"))
	d := store.MQTTDevice{
		TokenID: "abc", Connections: 2, ClientID: "abc-1", Address: "10.0.0.7", Since: epoch, SeenAt: epoch.Add(time.Second), Will: true, Kind: "light", Name: "Gate",
	}
	require.NoError(t, st.SaveMQTT(ctx, []store.MQTTDevice{d}, []store.MQTTSeen{{ClientID: "abc-1", SeenAt: epoch}, {ClientID: "abc-2", SeenAt: epoch}}, nil))
	d.Connections, d.Parting, d.SeenAt = 0, "lost", epoch.Add(time.Minute)
	require.NoError(t, st.SaveMQTT(ctx, []store.MQTTDevice{d}, []store.MQTTSeen{{ClientID: "abc-2", SeenAt: epoch.Add(time.Hour)}}, []string{"abc-1", "abc-9"}))
	devices, err := st.MQTTDevices(ctx)
	require.NoError(t, err)
	require.Equal(t, []store.MQTTDevice{d}, devices)
	sessions, err := st.MQTTSessions(ctx)
	require.NoError(t, err)
	require.Equal(t, []store.MQTTSeen{{ClientID: "abc-2", SeenAt: epoch.Add(time.Hour)}}, sessions)
	d.TokenID = "unknown"
	require.ErrorIs(t, st.SaveMQTT(ctx, []store.MQTTDevice{d}, nil, nil), store.ErrNotFound)
}
