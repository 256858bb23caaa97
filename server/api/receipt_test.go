package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/correction"
	"github.com/binside/binside/server/deletion"
	"github.com/binside/binside/server/inspection"
)

// A resident objects, asks by the receipt, and is told what the supervisor has
// decided.
func TestReceipt(t *testing.T) {
	f := start(t, options{prompts: correction.Config{Window: time.Minute}})
	screen := f.token(auth.ForScreen("here"))
	ch := f.streamOf(screen, "/api/v1/stations/here/screen/events", "")
	until[api.Screen](t, ch, "screen")
	appeal := func() (id, code string) {
		t.Helper()
		i := f.stored("here", verdict.Tell, time.Now())
		until[api.ScreenPrompt](t, ch, "prompt")
		var p api.ScreenPrompt
		f.send(http.MethodPost, "/api/v1/inspections/"+i.ID+"/correction", screen, map[string]string{"outcome": "appealed"}).into(t, &p)
		until[api.ScreenPrompt](t, ch, "prompt")
		return i.ID, p.Prompt.Receipt
	}
	var shape []string
	ask := func(code string) (r api.Receipt) {
		t.Helper()
		answer := f.get("/api/v1/receipts/"+url.PathEscape(code), "")
		require.Equal(t, http.StatusOK, answer.status, "%s", answer.body)
		require.Equal(t, "no-store", answer.header.Get("Cache-Control"))
		require.NotContains(t, string(answer.body), "evidence")
		fields := map[string]any{}
		answer.into(t, &fields)
		if shape == nil {
			for name := range fields {
				shape = append(shape, name)
			}
		}
		require.Len(t, fields, len(shape), "the shape is always the same")
		for _, name := range shape {
			require.Contains(t, fields, name)
		}
		answer.into(t, &r)
		return r
	}

	right, rightCode := appeal()
	wrong, wrongCode := appeal()
	got := ask(rightCode)
	require.Equal(t, []string{"received", "open", "here", "hazardous"}, []string{got.State, got.Outcome, got.Station, got.Told.ID})
	require.Equal(t, "有害垃圾", got.Told.Name.ZH)
	require.WithinDuration(t, time.Now(), got.AppealedAt, time.Minute)
	require.Nil(t, got.DecidedAt)

	var list struct{ Items []api.Inspection }
	f.get("/api/v1/inspections?appealed=true&unreviewed=true", f.read).into(t, &list)
	require.Len(t, list.Items, 2)
	require.Equal(t, http.StatusForbidden, f.do(http.MethodPost, "/api/v1/inspections/"+right+"/look", f.read, nil, nil).status)
	for range 2 {
		require.Equal(t, http.StatusNoContent, f.do(http.MethodPost, "/api/v1/inspections/"+right+"/look", f.admin, nil, nil).status)
	}
	require.Equal(t, "looking", ask(strings.ToLower(strings.ReplaceAll(rightCode, "-", " "))).State)
	require.Equal(t, "received", ask(wrongCode).State)

	review := func(id string, body map[string]string) {
		t.Helper()
		require.Equal(t, http.StatusOK, f.send(http.MethodPost, "/api/v1/inspections/"+id+"/review", f.admin, body).status)
	}
	review(right, map[string]string{"decision": "relabelled", "category": "recyclable"})
	review(wrong, map[string]string{"decision": "confirmed"})
	got = ask(rightCode)
	require.Equal(t, []string{"decided", "upheld", "recyclable"}, []string{got.State, got.Outcome, got.Belongs.ID})
	require.NotNil(t, got.DecidedAt)
	got = ask(wrongCode)
	require.Equal(t, []string{"decided", "confirmed", "hazardous"}, []string{got.State, got.Outcome, got.Belongs.ID})
	f.get("/api/v1/inspections?appealed=true&unreviewed=true", f.read).into(t, &list)
	require.Empty(t, list.Items, "the reviews have settled them")
}

// Nobody finds out by trying which codes exist, nor tries for long.
func TestReceiptsCannotBeGuessed(t *testing.T) {
	f := start(t, options{})
	i := record(uuid.Must(uuid.NewV7()).String(), "here", "bin-here", verdict.Tell, time.Now())
	i.Evidence = []inspection.Evidence{{Key: "evidence/x.jpg", ExpiresAt: time.Now().Add(time.Hour)}}
	_, err := f.store.SaveInspection(t.Context(), i)
	require.NoError(t, err)
	now := time.Now().UTC().Truncate(time.Microsecond)
	_, err = f.store.OpenPrompt(t.Context(), i, inspection.Prompt{State: inspection.PromptOpen, OpenedAt: now, Until: now})
	require.NoError(t, err)
	_, err = f.store.EndPrompt(t.Context(), i.ID, inspection.PromptAppealed, "", "7K4M-92TX", now)
	require.NoError(t, err)
	var answers []reply
	for _, code := range []string{"7K4M-92TZ", "x", "%00", "' OR 1=1 --", strings.Repeat("A", 500)} {
		answers = append(answers, f.get("/api/v1/receipts/"+url.PathEscape(code), ""))
	}
	for _, a := range answers {
		require.Equal(t, "receipt-unknown", a.problem(t))
		require.Equal(t, answers[0].header.Get("Content-Type"), a.header.Get("Content-Type"))
	}
	require.Equal(t, http.StatusOK, f.get("/api/v1/receipts/7K4M-92TX", "").status)
	signer, err := deletion.NewSigner(make([]byte, 32))
	require.NoError(t, err)
	gone := deletion.Entry{At: now, Reason: deletion.Orphan, Key: "evidence/x.jpg", SHA256: strings.Repeat("0", 64), InspectionID: i.ID}
	require.NoError(t, f.store.LogDeletions(t.Context(), signer, gone))
	require.Equal(t, "receipt-unknown", f.get("/api/v1/receipts/7K4M-92TX", "").problem(t), "what nobody has decided expires with the deposit's pictures")
	require.Equal(t, http.StatusOK, f.send(http.MethodPost, "/api/v1/inspections/"+i.ID+"/review", f.admin, map[string]string{"decision": "confirmed"}).status)
	var decided api.Receipt
	f.get("/api/v1/receipts/7K4M-92TX", "").into(t, &decided)
	require.Equal(t, []string{"decided", "confirmed"}, []string{decided.State, decided.Outcome}, "what was decided is said for as long as the record is there")
	var last reply
	for range 20 {
		last = f.get("/api/v1/receipts/7K4M-92TX", "")
	}
	require.Equal(t, "too-many-attempts", last.problem(t), "whoever has used up their tries learns no more from a right code")
	require.NotEmpty(t, last.header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, f.get("/api/v1/session", f.read).status, "nobody else is kept out")
}
