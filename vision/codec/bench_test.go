package codec

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// frame is a 720p JPEG of about the size that cameras send.
func frame(b *testing.B) []byte {
	b.Helper()
	img := scene(1280, 720)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range img.Pix {
		img.Pix[i] = byte(min(255, max(0, int(img.Pix[i])+rng.IntN(13)-6)))
	}
	data, err := EncodeJPEG(img, 80)
	require.NoError(b, err)
	return data
}

func BenchmarkDecode720p(b *testing.B) {
	data := frame(b)
	for _, need := range []int{0, 600, 300, 100} {
		b.Run(fmt.Sprintf("MinWidth=%d", need), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				_, _, err := Decode(data, Limits{}, Options{MinWidth: need})
				require.NoError(b, err)
			}
		})
	}
}

func BenchmarkInspect720p(b *testing.B) {
	data := frame(b)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		_, err := Inspect(data, Limits{})
		require.NoError(b, err)
	}
}

func BenchmarkNormaliseCheap720p(b *testing.B) {
	data := frame(b)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		_, _, _, err := Normalise(data, Limits{}, 1280, 0)
		require.NoError(b, err)
	}
}

func BenchmarkEncode(b *testing.B) {
	img := scene(640, 360)
	for b.Loop() {
		_, err := EncodeJPEG(img, 85)
		require.NoError(b, err)
	}
}
