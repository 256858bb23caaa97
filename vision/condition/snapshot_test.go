package condition_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/condition"
)

// restored is another monitor that goes on from a snapshot.
func restored(t *testing.T, snapshot []byte) *condition.Monitor {
	t.Helper()
	m := monitor(t)
	require.NoError(t, m.Restore(snapshot))
	return m
}

func TestSnapshotIsWhatWasLearnt(t *testing.T) {
	m, at := monitor(t), noon
	show(m, &at, 6, good)
	require.Nil(t, m.Snapshot(), "nothing is known yet")
	want, _ := show(m, &at, 20, good)
	snapshot := m.Snapshot()
	require.Less(t, len(snapshot), 13_000)
	again := restored(t, snapshot)
	require.Equal(t, want, again.State())
	require.Equal(t, snapshot, again.Snapshot())

	at = at.Add(time.Hour)
	s, changes := show(again, &at, 3, good)
	require.Zero(t, changes)
	require.True(t, s.Known)
	require.Equal(t, want, s)
	s, _ = show(again, &at, 3, breaks(condition.Covered, 1))
	require.Equal(t, condition.Covered, s.Latest, "it need not learn first")
}

// A lens that was doubted is doubted on, at once, however long nobody looked,
// and is believed again when it has been well for as long as it always must.
func TestAFaultOutlivesARestart(t *testing.T) {
	for kind, seed := range map[condition.Kind]uint64{condition.Blurred: 7, condition.Dirty: 4, condition.Moved: 4, condition.Covered: 4} {
		t.Run(string(kind), func(t *testing.T) {
			m, at := monitor(t), noon
			broken := breaks(kind, seed)
			show(m, &at, 30, good)
			found, _ := show(m, &at, 20, broken)
			require.Equal(t, kind, found.Kind)
			m = restored(t, m.Snapshot())
			require.Equal(t, found, m.State())
			at = at.Add(10 * time.Hour)
			s, changes := show(m, &at, 40, broken)
			require.Zero(t, changes)
			require.Equal(t, found.Since, s.Since)

			m = restored(t, m.Snapshot())
			s, changes = show(m, &at, 9, good)
			require.Zero(t, changes)
			require.Equal(t, kind, s.Kind, "a moment's good picture is not enough")
			s, changes = show(m, &at, 9, good)
			require.Equal(t, 1, changes)
			require.Equal(t, condition.Good, s.Kind)
		})
	}
}

// A camera that shows a picture in two seconds has not forgotten what it lost.
func TestAFaultOfASlowCameraOutlivesARestart(t *testing.T) {
	m, at := monitor(t), noon
	broken := breaks(condition.Dirty, 4)
	show(m, &at, 30, good)
	s, _ := show(m, &at, 20, broken)
	require.Equal(t, condition.Dirty, s.Kind)
	m = restored(t, m.Snapshot())
	for i := range 20 {
		at = at.Add(2 * time.Second)
		s, changed := m.Observe(condition.Frame{Time: at, Arrived: at, Image: broken(i)})
		require.False(t, changed)
		require.Equal(t, condition.Dirty, s.Latest, "frame %d", i)
	}
}

// A camera that is started anew in another light is not taken for another one,
// and its faults are.
func TestRestoredInAnotherLight(t *testing.T) {
	m, at := monitor(t), noon
	show(m, &at, 30, good)
	snapshot := m.Snapshot()
	lit := func(gain, slope float64, of func(int) *vision.Image) func(int) *vision.Image {
		return func(i int) *vision.Image {
			out := of(i).Clone()
			for k, v := range out.Pix {
				x := float64(k/3%out.Width) / float64(out.Width)
				out.Pix[k] = byte(min(float64(v)*gain*(1+slope*(x-0.5)), 255))
			}
			return out
		}
	}
	for _, light := range []struct{ gain, slope float64 }{{1.6, 0}, {0.6, 1}, {0.4, -1.2}} {
		m, at := restored(t, snapshot), at.Add(11*time.Hour)
		s, changes := show(m, &at, 30, lit(light.gain, light.slope, good))
		require.Zero(t, changes, "%+v", light)
		require.Equal(t, condition.Good, s.Latest)
		s, _ = show(m, &at, 30, lit(light.gain, light.slope, breaks(condition.Moved, 2)))
		require.Equal(t, condition.Moved, s.Kind, "%+v", light)
	}
	m = restored(t, snapshot)
	s, _ := show(m, &at, 30, breaks(condition.Night, 1))
	require.Equal(t, condition.Night, s.Kind)
	s, _ = show(m, &at, 30, good)
	require.Equal(t, condition.Good, s.Kind)
	require.True(t, s.Known)
}

// What was usual of the stream's stillness is kept.
func TestUsualStillnessOutlivesARestart(t *testing.T) {
	m, at := monitor(t), noon
	same := wall(7)
	for range 3 {
		show(m, &at, 20, good)
		show(m, &at, 10, func(int) *vision.Image { return same })
	}
	show(m, &at, 2, good)
	_, changes := show(restored(t, m.Snapshot()), &at, 20, func(int) *vision.Image { return same })
	require.Zero(t, changes)
}

func TestPicturesOfAnotherShapeAreLearntAnew(t *testing.T) {
	m, at := monitor(t), noon
	show(m, &at, 30, good)
	m = restored(t, m.Snapshot())
	square := func(i int) *vision.Image {
		m := vision.NewImage(240, 240)
		copy(m.Pix, wall(uint64(i)).Pix)
		return m
	}
	s, _ := show(m, &at, 3, square)
	require.False(t, s.Known)
	s, changes := show(m, &at, 30, square)
	require.Zero(t, changes)
	require.True(t, s.Known)
}

func TestRestoreRefusesGarbage(t *testing.T) {
	m, at := monitor(t), noon
	show(m, &at, 30, good)
	before := m.State()
	snapshot := m.Snapshot()
	bad := map[string][]byte{"nothing": nil, "text": []byte("{}"), "cut off": snapshot[:len(snapshot)-1], "longer": append(bytes.Clone(snapshot), 0)}
	for _, n := range []int{0, 4, 6, 8, 10, 30, 40, 60, 5000, len(snapshot) - 1} {
		flipped := bytes.Clone(snapshot)
		flipped[n] ^= 0x40
		bad[string(rune('A'+n%26))] = flipped
	}
	for name, data := range bad {
		require.ErrorIs(t, m.Restore(data), condition.ErrSnapshot, name)
		require.Equal(t, before, m.State(), "it goes on as it was")
		require.Equal(t, snapshot, m.Snapshot())
	}
}
