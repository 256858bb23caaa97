package deposit

import (
	"image"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// armOver is an arm that reaches from above the region down to the apple's top.
func armOver() patch { return patch{box: image.Rect(155, -140, 185, 156), colour: skin} }

// Whoever takes a thing that has been put down is a visit of its own, however
// soon after the first one it comes and however many frames show it.
func TestTakenSoonAfterItWasPutDown(t *testing.T) {
	for _, every := range []time.Duration{time.Second / 30, 100 * time.Millisecond, 200 * time.Millisecond} {
		for _, lain := range []time.Duration{1200 * time.Millisecond, 1600 * time.Millisecond, 2 * time.Second, 2400 * time.Millisecond} {
			t.Run(every.String()+" "+lain.String(), func(t *testing.T) {
				s := newScene(t)
				s.every = every
				s.learn()
				s.show(lain, apple())
				require.Len(t, s.events, 1)

				came := s.at
				up := armOver()
				up.box = up.box.Sub(image.Pt(0, 200))
				s.slide(600*time.Millisecond, up, image.Pt(0, 200), apple())
				s.show(400*time.Millisecond, apple(), armOver())
				steps := int(600 * time.Millisecond / every)
				for i := range steps { // the hand takes it along
					by := image.Pt(0, -300*(i+1)/steps)
					arm, item := armOver(), apple()
					arm.box, item.box = arm.box.Add(by), item.box.Add(by)
					s.show(every, item, arm)
				}
				s.show(4 * time.Second)
				require.Len(t, s.events, 1)
				require.Len(t, s.removed, 1)
				require.True(t, s.removed[0].Start.After(came.Add(-every)), "the second visit's")
			})
		}
	}
}

// A shadow beside a thing becomes background with it. When it goes, nothing has
// been taken away; when the thing goes, one thing has.
func TestShadowOfAThingIsNoThing(t *testing.T) {
	s := newScene(t)
	s.learn()
	s.light = func(x, y int) float64 {
		if image.Pt(x, y).In(image.Rect(194, 160, 232, 206)) {
			return 0.7
		}
		return 1
	}
	s.show(4*time.Second, apple())
	require.Len(t, s.events, 1)
	s.light = nil
	s.show(4*time.Second, apple())
	require.Len(t, s.events, 1)
	require.Empty(t, s.removed)
	s.show(4 * time.Second)
	require.Len(t, s.events, 1)
	require.Len(t, s.removed, 1)
}
