package relay_test

import (
	"crypto/ed25519"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/relay"
)

func TestSignatureIsOfABundleOnly(t *testing.T) {
	public, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	signed, err := relay.Sign(key, &relay.Bundle{Sequence: 1})
	require.NoError(t, err)
	_, err = signed.Open(public)
	require.ErrorContains(t, err, "station", "the signature fits, the bundle is not whole")
	bare := relay.Signed{Payload: signed.Payload, Signature: ed25519.Sign(key, signed.Payload)}
	_, err = bare.Open(public)
	require.ErrorIs(t, err, relay.ErrSignature, "the same bytes, signed as something else")
	_, err = signed.Open(nil)
	require.ErrorIs(t, err, relay.ErrSignature)

	text := relay.KeyText(public)
	again, err := relay.ParseKey(text)
	require.NoError(t, err)
	require.Equal(t, public, again)
	for _, bad := range []string{"", text[1:], text + "=", "x" + text} {
		_, err := relay.ParseKey(bad)
		require.Error(t, err, bad)
	}
}

// A record's digest names its content, through JSON and whatever happens to it
// afterwards; its times are shifted together.
func TestDigestIsOfWhatNeverChanges(t *testing.T) {
	at := time.Date(2026, 11, 22, 8, 0, 0, 123_456_000, time.UTC)
	i := &inspection.Inspection{
		ID: "x", Seq: 7, CapturedAt: at, DecidedAt: at, Categories: map[string]float64{"a": 0.1 + 0.2, "b": 1e-9},
		Evidence: []inspection.Evidence{{Key: "here", SHA256: "aa", ExpiresAt: at}}, Reading: &inspection.Reading{Sharpness: 1.0 / 3},
	}
	digest := func(r *relay.Record) string {
		text, err := r.Digest()
		require.NoError(t, err)
		return text
	}
	r := relay.NewRecord(i, 1, 0)
	want := digest(r)
	data, err := json.Marshal(r)
	require.NoError(t, err)
	var there relay.Record
	require.NoError(t, json.Unmarshal(data, &there))
	require.Equal(t, want, digest(&there))

	later := *i
	later.Seq, later.Prompt = 9, &inspection.Prompt{State: inspection.PromptOpen, OpenedAt: at}
	later.Evidence = []inspection.Evidence{{Key: "gone", SHA256: "aa", ExpiresAt: at, DeletedAt: &at}}
	r = relay.NewRecord(&later, 5, time.Hour)
	require.Equal(t, want, digest(r))
	shifted := r.Corrected()
	require.Equal(t, at.Add(time.Hour), shifted.CapturedAt)
	require.Equal(t, at.Add(time.Hour), shifted.Prompt.OpenedAt)
	require.Equal(t, at.Add(time.Hour), *shifted.Evidence[0].DeletedAt)
	require.Equal(t, at, later.Prompt.OpenedAt, "the record itself stays")
	require.Equal(t, i.Reading, shifted.Reading)

	other := *i
	other.Reading = &inspection.Reading{Sharpness: 0.5}
	require.NotEqual(t, want, digest(relay.NewRecord(&other, 1, 0)))
}
