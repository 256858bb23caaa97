package api_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/deletion"
)

func TestDeletionLogIsListedAndExported(t *testing.T) {
	f := start(t, options{})
	signer, err := deletion.NewSigner(bytes.Repeat([]byte{3}, 32))
	require.NoError(t, err)
	log := deletion.NewLog(f.store, signer)
	for n := range 450 { // more than a page of the store's
		require.NoError(t, log.Add(t.Context(), deletion.Entry{
			At: time.Now(), Reason: deletion.Orphan, Key: fmt.Sprintf("evidence/%d.jpg", n), SHA256: strings.Repeat("a", 64), Ordinal: deletion.NoOrdinal,
		}))
	}
	var state struct {
		Head deletion.Head
		Keys []deletion.PublicKey
	}
	f.get("/api/v1/deletions/log", f.read).into(t, &state)
	require.EqualValues(t, 451, state.Head.Seq)
	require.Equal(t, []deletion.PublicKey{signer.Public()}, state.Keys)

	type list struct {
		Items      []deletion.Entry `json:"items"`
		NextCursor string           `json:"next_cursor"`
	}
	var page list
	f.get("/api/v1/deletions?limit=200", f.read).into(t, &page)
	require.Len(t, page.Items, 200)
	require.Equal(t, state.Head, page.Items[0].Head())
	for page.NextCursor != "" {
		cursor := page.NextCursor
		page = list{}
		f.get("/api/v1/deletions?limit=200&cursor="+cursor, f.read).into(t, &page)
	}
	require.Len(t, page.Items, 51)
	require.Equal(t, deletion.Begun, page.Items[50].Reason)

	r := f.get("/api/v1/deletions/export", f.read)
	require.Equal(t, http.StatusOK, r.status)
	require.Equal(t, "application/jsonl", r.header.Get("Content-Type"))
	_, head, err := deletion.VerifyExport(bytes.NewReader(r.body), []deletion.PublicKey{signer.Public()}, &state.Head)
	require.NoError(t, err)
	require.Equal(t, state.Head, head)

	for _, scope := range []auth.Scope{auth.ForStation("here"), auth.ForCamera("cam-here"), auth.ForScreen("here")} {
		for _, path := range []string{"", "/log", "/export"} {
			require.Equal(t, http.StatusForbidden, f.get("/api/v1/deletions"+path, f.token(scope)).status, "%s %s", scope, path)
		}
	}
	require.Equal(t, http.StatusUnprocessableEntity, f.get("/api/v1/deletions?cursor=x", f.read).status)
}
