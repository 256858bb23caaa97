package api_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/pipeline"
)

// nothing is an intake that takes every deposit and does nothing: what is left
// is the HTTP layer.
type nothing struct{ bytes int }

func (n *nothing) Submit(_ context.Context, req pipeline.Request) (*pipeline.Submission, error) {
	n.bytes += len(req.Uploads[0].Data)
	return &pipeline.Submission{DepositID: "01890000-0000-7000-8000-000000000000"}, nil
}

func (*nothing) Redact(_ context.Context, u pipeline.Upload) ([]byte, error) { return u.Data, nil }

// BenchmarkPush is the HTTP layer's share of one pushed JPEG of some 100 KB,
// client and loopback included: reading, checking the token, finding the bin,
// answering.
func BenchmarkPush(b *testing.B) {
	f := start(b, options{})
	deps := f.deps
	deps.Intake, deps.Registerer = &nothing{}, prometheus.NewRegistry()
	f.serve(deps, api.Config{})
	image := photo(b, 480, 360, 1)
	for len(image) < 100_000 {
		image = append(image, 0)
	}
	b.Logf("%d bytes", len(image))
	client := &fasthttp.Client{}
	defer client.CloseIdleConnections()
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	req.SetRequestURI(f.url + "/api/v1/bins/bin-here/deposits")
	req.Header.SetMethod(http.MethodPost)
	req.Header.SetContentType("image/jpeg")
	req.Header.Set("Authorization", "Bearer "+f.admin)
	req.SetBodyRaw(image)
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, client.Do(req, resp))
		require.Equal(b, http.StatusAccepted, resp.StatusCode())
	}
}
