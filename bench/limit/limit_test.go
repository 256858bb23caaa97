package limit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/bench/limit"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/base"
	"github.com/binside/binside/models/modelstest"
	"github.com/binside/binside/models/ort"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

// What the limit computes is what the product computes: a limit of less work
// would be none.
func TestLimitAgreesWithTheProduct(t *testing.T) {
	library := modelstest.Library(t)
	folder, err := base.Load()
	require.NoError(t, err)
	img := vision.NewImage(1280, 720)
	for i := range img.Pix {
		img.Pix[i] = byte(i/3%1280/5) ^ byte(i/(3*1280)/9)
	}
	jpeg, err := codec.EncodeJPEG(img, 85)
	require.NoError(t, err)
	info, err := codec.Inspect(jpeg, codec.DefaultLimits())
	require.NoError(t, err)

	w, err := limit.NewWorker(folder, library)
	require.NoError(t, err)
	raw, err := w.Predict(jpeg, info)
	require.NoError(t, err)

	network, err := ort.Open(folder, ort.Options{Library: library})
	require.NoError(t, err)
	runner, err := network.NewRunner(1)
	require.NoError(t, err)
	in := folder.Card.Input
	minW, minH := ort.Spec(in).MinSource(info.Width, info.Height)
	decoded, _, err := codec.Decode(jpeg, codec.DefaultLimits(), codec.Options{MinWidth: minW, MinHeight: minH})
	require.NoError(t, err)
	require.NoError(t, runner.Set(0, models.View{Image: decoded}))
	out, err := runner.Run(1)
	require.NoError(t, err)
	require.InDeltaSlice(t, out.Logits, raw, 1e-4)

	require.NoError(t, runner.Close())
	require.NoError(t, network.Close())
	require.NoError(t, w.Close())
}
