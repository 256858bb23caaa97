package condition

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/vision"
)

// sealed is a snapshot's body with its checksum.
func sealed(body []byte) []byte {
	return binary.LittleEndian.AppendUint32(bytes.Clone(body), crc32.ChecksumIEEE(body))
}

// learnt is the body of a snapshot of a camera that has looked at a small
// picture.
func learnt(tb testing.TB) []byte {
	tb.Helper()
	m, err := New(DefaultConfig())
	require.NoError(tb, err)
	img, at := vision.NewImage(320, 40), time.Unix(1e9, 0)
	for i := range img.Pix {
		img.Pix[i] = byte(i * i)
	}
	for i := range 20 {
		at := at.Add(time.Duration(i) * 500 * time.Millisecond)
		img.Pix[i]++
		m.Observe(Frame{Time: at, Arrived: at, Image: img})
	}
	data := m.Snapshot()
	require.NotEmpty(tb, data)
	return data[:len(data)-crc32.Size]
}

// What carries a right checksum is refused all the same where it cannot be a
// snapshot's.
func TestRestoreRefusesWhatCannotBe(t *testing.T) {
	body := learnt(t)
	m, err := New(DefaultConfig())
	require.NoError(t, err)
	require.NoError(t, m.Restore(sealed(body)))
	for name, change := range map[string]func([]byte){
		"magic":   func(b []byte) { b[0]++ },
		"version": func(b []byte) { b[4]++ },
		"width":   func(b []byte) { b[6]++ },
		"height":  func(b []byte) { b[8] += cell },
		"kind":    func(b []byte) { b[10] = 'x' },
		"NaN":     func(b []byte) { copy(b[42:], []byte{0xff, 0xff}) },
		"longest": func(b []byte) { b[41] = 0xff },
	} {
		other := bytes.Clone(body)
		change(other)
		require.ErrorIs(t, m.Restore(sealed(other)), ErrSnapshot, name)
	}
}

// Whatever is restored makes the same snapshot again, and never a monitor that
// cannot look on.
func FuzzRestore(f *testing.F) {
	body := learnt(f)
	f.Add(body)
	f.Add(body[:42])
	f.Add([]byte{})
	img := vision.NewImage(320, 40)
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := New(DefaultConfig())
		require.NoError(t, err)
		data := sealed(body)
		if m.Restore(data) != nil {
			require.Equal(t, State{}, m.State())
			return
		}
		require.True(t, m.State().Known)
		require.Equal(t, data, m.Snapshot())
		now := time.Now()
		m.Observe(Frame{Time: now, Arrived: now, Image: img})
	})
}
