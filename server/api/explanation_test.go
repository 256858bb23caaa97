package api_test

import (
	"bytes"
	"context"
	"image/png"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/modelstest"
	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/explanation"
	"github.com/binside/binside/server/inspection"
)

// turnstile is a real pool that lets a given number of inferences pass.
type turnstile struct {
	*models.Pool
	pass  chan struct{} // nil: all
	began chan struct{}
	ended chan error // of those that their caller gave up
}

func (t *turnstile) Classify(ctx context.Context, views []models.View) (models.Prediction, error) {
	if t.pass != nil {
		select {
		case t.began <- struct{}{}:
		default:
		}
		select {
		case <-t.pass:
		case <-ctx.Done():
			t.ended <- ctx.Err()
			return models.Prediction{}, ctx.Err()
		}
	}
	return t.Pool.Classify(ctx, views)
}

// explaining is a fixture whose server makes heat maps by the tiny model.
func explaining(t *testing.T, held bool) (*fixture, *turnstile) {
	t.Helper()
	f := start(t, options{})
	gate := &turnstile{Pool: modelstest.Pool(t, models.Options{Workers: 1}), began: make(chan struct{}, 1), ended: make(chan error, 100)}
	if held {
		gate.pass = make(chan struct{})
	}
	s, err := explanation.New(explanation.Config{}, explanation.Deps{
		Objects: f.objects, Classifier: gate, ModelVersion: func() string { return "tiny-1" }, Taxonomy: taxonomy.Default,
	})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	deps := f.deps
	deps.Explainer = s
	f.serve(deps, api.Config{})
	return f, gate
}

// deposited pushes a photograph to a bin and returns its inspection.
func (f *fixture) deposited(seed int) *inspection.Inspection {
	f.Helper()
	r := f.push("/api/v1/bins/bin-here/deposits", f.admin, photo(f, 320, 240, seed))
	require.Equal(f, http.StatusAccepted, r.status, "%s", r.body)
	var page struct{ Items []*inspection.Inspection }
	f.get("/api/v1/inspections?bin=bin-here&limit=1", f.read).into(f, &page)
	require.Len(f, page.Items, 1)
	return page.Items[0]
}

func TestExplanation(t *testing.T) {
	f, _ := explaining(t, false)
	i := f.deposited(1)
	path := "/api/v1/inspections/" + i.ID + "/explanation"
	var e api.Explanation
	f.get(path, f.read).into(t, &e)
	require.Contains(t, e.Sentence.ZH, "有害垃圾 90.0%(主要是电池 90.0%)")
	require.Contains(t, e.Sentence.EN, "blue (takes: Recyclables); most probably: Hazardous waste, 90.0%")
	require.Equal(t, "battery", e.Classes[0].Name.EN)
	require.Equal(t, "hazardous", e.Categories[0].Category)
	require.Len(t, e.Margins, 2)
	require.InDelta(t, 1.5, e.Margins[0].Threshold, 0)
	require.Equal(t, "decision", e.ThresholdsOf)
	require.Equal(t, []string{"test-1", "1", "1"}, []string{e.ModelVersion, e.TaxonomyVersion, e.RuleVersion})
	require.Equal(t, explanation.Absent, e.HeatMap.State)
	require.Equal(t, path+"/heatmap", e.HeatMap.URL)
	require.Equal(t, "tiny-1", e.HeatMap.ModelVersion)
	require.False(t, e.HeatMap.SameModel, "it says that another model judged")

	r := f.get(e.HeatMap.URL, f.read)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	require.Equal(t, "image/png", r.header.Get("Content-Type"))
	require.Equal(t, "tiny-1", r.header.Get("X-Model-Version"))
	over, err := png.Decode(bytes.NewReader(r.body))
	require.NoError(t, err)
	require.Equal(t, 320, over.Bounds().Dx())

	f.get(path, f.read).into(t, &e)
	require.Equal(t, explanation.Made, e.HeatMap.State)
	require.Equal(t, "hazardous", e.HeatMap.Category)
	require.Equal(t, inspection.Box{MaxX: 320, MaxY: 240}, *e.HeatMap.Box)
	require.Positive(t, e.HeatMap.Probability)
}

func TestWhoMayAskWhy(t *testing.T) {
	f, gate := explaining(t, true)
	i := f.deposited(1)
	for _, path := range []string{"/api/v1/inspections/" + i.ID + "/explanation", "/api/v1/inspections/" + i.ID + "/explanation/heatmap"} {
		require.Equal(t, "unauthorised", f.get(path, "").problem(t))
		require.Equal(t, "not-found", f.get(path, f.token(auth.ForStation("there"))).problem(t), "another station's")
		require.Equal(t, "forbidden", f.get(path, f.token(auth.ForCamera("cam-here"))).problem(t))
		unknown := strings.Replace(path, i.ID, "00000000-0000-7000-8000-000000000000", 1)
		require.Equal(t, "not-found", f.get(unknown, f.read).problem(t))
	}
	select {
	case <-gate.began:
		t.Fatal("the model was asked for somebody who may not")
	default:
	}
	close(gate.pass)
	require.Equal(t, http.StatusOK, f.get("/api/v1/inspections/"+i.ID+"/explanation/heatmap", f.token(auth.ForStation("here"))).status)
}

func TestAHeatMapNeedsEvidence(t *testing.T) {
	f, _ := explaining(t, false)
	i := f.stored("here", "tell", time.Now())
	path := "/api/v1/inspections/" + i.ID + "/explanation"
	r := f.get(path+"/heatmap", f.read)
	require.Equal(t, http.StatusNotFound, r.status)
	require.Equal(t, "evidence-gone", r.problem(t))
	var e api.Explanation
	f.get(path, f.read).into(t, &e)
	require.Equal(t, explanation.Unavailable, e.HeatMap.State)
	require.Equal(t, "evidence-gone", e.HeatMap.Reason)
	require.Empty(t, e.HeatMap.URL)

	f.serve(f.deps, api.Config{}) // a server that makes none
	f.get(path, f.read).into(t, &e)
	require.Equal(t, "not-offered", e.HeatMap.Reason)
	require.Equal(t, http.StatusNotFound, f.get(path+"/heatmap", f.read).status)
}

func TestHeatMapsAreMadeOneAtATime(t *testing.T) {
	f, gate := explaining(t, true)
	i, j := f.deposited(1), f.deposited(2)
	path := "/api/v1/inspections/" + i.ID + "/explanation"
	var asking sync.WaitGroup
	asking.Go(func() {
		if r := f.get(path+"/heatmap", f.read); r.status != http.StatusOK {
			t.Errorf("%d %s", r.status, r.body)
		}
	})
	<-gate.began
	for range 3 { // three inferences pass
		gate.pass <- struct{}{}
	}
	<-gate.began
	var e api.Explanation
	require.Eventually(t, func() bool {
		f.get(path, f.read).into(t, &e)
		return e.HeatMap.State == explanation.Running && e.HeatMap.Done == 3
	}, 5*time.Second, time.Millisecond)
	require.Greater(t, e.HeatMap.Total, 3)

	r := f.get("/api/v1/inspections/"+j.ID+"/explanation/heatmap", f.read)
	require.Equal(t, http.StatusServiceUnavailable, r.status)
	require.Equal(t, "explanations-busy", r.problem(t))
	require.Equal(t, "2", r.header.Get("Retry-After"))
	close(gate.pass)
	asking.Wait()
}

// A browser that closes the panel hangs up; the models have better things to
// do than to go on.
func TestAHeatMapIsGivenUpWithItsClient(t *testing.T) {
	f, gate := explaining(t, true)
	i := f.deposited(1)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(f.url, "http://"))
	require.NoError(t, err)
	_, err = conn.Write([]byte("GET /api/v1/inspections/" + i.ID + "/explanation/heatmap HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + f.read + "\r\n\r\n"))
	require.NoError(t, err)
	<-gate.began
	require.NoError(t, conn.Close())
	select {
	case err := <-gate.ended:
		require.ErrorIs(t, err, context.Canceled)
	case <-time.After(10 * time.Second):
		t.Fatal("it went on for nobody")
	}
}
