package conditiontest

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/condition"
)

func BenchmarkDay(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	var frames []*vision.Image
	for range 10 {
		m := vision.NewImage(640, 360)
		for i := range m.Pix {
			m.Pix[i] = byte(90 + 60*((i/3%640/26+i/3/640/22)%2) + rng.IntN(5))
		}
		frames = append(frames, m)
	}
	d, err := NewDay(frames, Options{Seed: 1, From: 9 * time.Hour, Length: 240 * time.Hour, Step: 500 * time.Millisecond})
	if err != nil {
		b.Fatal(err)
	}
	m, _ := condition.New(condition.DefaultConfig())
	b.ResetTimer()
	for range b.N {
		s, _, err := d.Next(nil)
		if err != nil {
			b.Fatal(err)
		}
		m.Observe(s.Frame)
	}
}
