package pipeline_test

import (
	"context"
	"image"
	"math/rand/v2"
	"testing"

	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/notify"
	"github.com/binside/binside/vision"
)

type visionImage = vision.Image

// nobody sees no people.
type nobody struct{}

func (nobody) Areas(context.Context, *vision.Image) ([]image.Rectangle, error) { return nil, nil }

func rectOf(b inspection.Box) image.Rectangle { return image.Rect(b.MinX, b.MinY, b.MaxX, b.MaxY) }

func newRand() *rand.Rand { return rand.New(rand.NewPCG(7, 7)) }

func newHub(tb testing.TB) *notify.Hub {
	tb.Helper()
	h := notify.New(notify.Options{})
	tb.Cleanup(h.Close)
	return h
}
