package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/datasets"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/deletion"
	"github.com/binside/binside/server/store/object"
)

// A sample goes with its image and leaves an entry in the deletion log, for
// those who may label alone.
func TestSampleIsDeleted(t *testing.T) {
	f := start(t, options{})
	i := f.deposited(1)
	require.Equal(t, 200, f.send(http.MethodPost, "/api/v1/inspections/"+i.ID+"/review", f.admin, map[string]string{"decision": "confirmed"}).status)
	var list struct {
		Items []struct {
			datasets.Sample
			URL string
		}
	}
	f.get("/api/v1/samples", f.read).into(t, &list)
	require.Len(t, list.Items, 1)
	sample := list.Items[0]
	at := "/api/v1/samples/" + sample.ID

	require.Equal(t, "not-found", f.do(http.MethodDelete, "/api/v1/samples/"+datasets.ID([]byte("x")), f.admin, nil, nil).problem(t))
	for _, token := range []string{f.read, f.token(auth.ForStation("here")), f.token(auth.ForScreen("here"))} {
		require.Equal(t, http.StatusForbidden, f.do(http.MethodDelete, at, token, nil, nil).status)
	}
	require.Equal(t, 200, f.get(sample.URL, "").status, "nothing was changed")

	require.Equal(t, http.StatusNoContent, f.do(http.MethodDelete, at, f.admin, nil, nil).status)
	require.Equal(t, http.StatusNotFound, f.get(sample.URL, "").status)
	key := "samples/" + sample.ID + ".jpg"
	_, err := f.objects.Get(t.Context(), key)
	require.ErrorIs(t, err, object.ErrNotFound)
	f.get("/api/v1/samples", f.read).into(t, &list)
	require.Empty(t, list.Items)
	require.Equal(t, "not-found", f.do(http.MethodDelete, at, f.admin, nil, nil).problem(t), "it is logged once")
	var log struct{ Items []deletion.Entry }
	f.get("/api/v1/deletions", f.read).into(t, &log)
	require.Len(t, log.Items, 2)
	e := log.Items[0]
	require.Equal(t, []any{deletion.Withdrawn, key, sample.ID, i.ID, deletion.NoOrdinal}, []any{e.Reason, e.Key, e.SHA256, e.InspectionID, e.Ordinal})
	stored, err := f.store.GetInspection(t.Context(), i.ID)
	require.NoError(t, err)
	_, err = f.objects.Get(t.Context(), stored.Evidence[0].Key)
	require.NoError(t, err, "the deposit's evidence has a time of its own")
}
