package condition

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"time"
)

// ErrSnapshot says that a snapshot cannot be restored: it is damaged, or of
// another version of the program.
var ErrSnapshot = errors.New("condition: no usable snapshot")

// snapshotHeader begins a snapshot, in little-endian order. The usual edges,
// detail and relief follow, two bytes each, then what has lately been lost and
// outlined, a byte each, and the CRC-32 (IEEE) of all that.
type snapshotHeader struct {
	Magic         [4]byte
	Version       uint16
	Width, Height uint16   // of the reduced picture, in pixels
	Kind          [16]byte // of the state, filled up with zeros
	Since         int64    // in microseconds
	Longest       int64    // the longest stillness, in nanoseconds
}

// snapshotVersion changes with the layout, and with the meaning of what is
// measured: another version's numbers cannot be compared with.
const snapshotVersion = 1

var snapshotMagic = [4]byte{'B', 'C', 'O', 'N'}

// Snapshot is what another Monitor needs to go on where this one stands; nil
// while it has not learnt what the camera usually shows. It holds no picture but
// how strong the edges are in cells of four pixels of a reduced one, and is about
// 12 KiB long for a camera of 16:9.
func (m *Monitor) Snapshot() []byte {
	u := &m.usual
	if !u.ready {
		return nil
	}
	h := snapshotHeader{
		Magic: snapshotMagic, Version: snapshotVersion, Width: uint16(u.w), Height: uint16(u.h),
		Since: m.state.Since.UnixMicro(), Longest: int64(m.still.longest),
	}
	copy(h.Kind[:], m.state.Kind)
	var out bytes.Buffer
	write := func(v any) { _ = binary.Write(&out, binary.LittleEndian, v) } // a Buffer takes all
	write(h)
	for _, values := range [][]float64{u.edges, u.detail, u.relief} {
		for _, v := range values {
			write(pack(v))
		}
	}
	for _, shares := range [][]float64{u.lost, u.outline} {
		for _, v := range shares {
			out.WriteByte(byte(min(max(255*v+0.5, 0), 255)))
		}
	}
	write(crc32.ChecksumIEEE(out.Bytes()))
	return out.Bytes()
}

// Restore makes the monitor go on where the one stood that made the snapshot: it
// is Known at once, and a fault lasts until the picture has been well for as
// long as it always must. Where the camera's pictures have another shape, it
// learns anew. ErrSnapshot, and the monitor is as it was.
func (m *Monitor) Restore(data []byte) error {
	var h snapshotHeader
	size := binary.Size(h)
	if len(data) < size+crc32.Size {
		return fmt.Errorf("%w: %d bytes", ErrSnapshot, len(data))
	}
	body := data[:len(data)-crc32.Size]
	if binary.LittleEndian.Uint32(data[len(body):]) != crc32.ChecksumIEEE(body) {
		return fmt.Errorf("%w: its checksum is another one", ErrSnapshot)
	}
	if _, err := binary.Decode(body, binary.LittleEndian, &h); err != nil {
		return fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	if h.Magic != snapshotMagic || h.Version != snapshotVersion {
		return fmt.Errorf("%w: version %d, this one is %d", ErrSnapshot, h.Version, snapshotVersion)
	}
	kind := Kind(bytes.TrimRight(h.Kind[:], "\x00"))
	if kind != Good && !slices.Contains(Kinds(), kind) || h.Longest < 0 {
		return fmt.Errorf("%w: the state %q", ErrSnapshot, kind)
	}
	u, err := readUsual(int(h.Width), int(h.Height), body[size:])
	if err != nil {
		return err
	}
	m.Reset()
	m.usual = u
	m.still.longest = time.Duration(h.Longest)
	m.state = State{Kind: kind, Since: time.UnixMicro(h.Since).UTC(), Latest: kind, Known: true}
	return nil
}

func readUsual(w, h int, data []byte) (u usual, err error) {
	cells, tiles := (w/cell)*(h/cell), (w/tile)*(h/tile)
	if w != width || h < tile || h > 4*w || len(data) != 3*cells+5*tiles {
		return u, fmt.Errorf("%w: %d bytes of %d×%d pixels", ErrSnapshot, len(data), w, h)
	}
	u = usual{
		ready: true, w: w, h: h, edges: make([]float64, cells), outline: make([]float64, cells),
		detail: make([]float64, tiles), relief: make([]float64, tiles), lost: make([]float64, tiles),
	}
	for _, values := range [][]float64{u.edges, u.detail, u.relief} {
		for i := range values {
			v := unpack(binary.LittleEndian.Uint16(data))
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return u, fmt.Errorf("%w: it holds %g", ErrSnapshot, v)
			}
			values[i], data = v, data[2:]
		}
	}
	for _, shares := range [][]float64{u.lost, u.outline} {
		for i := range shares {
			shares[i], data = float64(data[0])/255, data[1:]
		}
	}
	return u, nil
}

// pack rounds a number to the upper half of a float32 (bfloat16), within 0.4%.
func pack(v float64) uint16 { return uint16((math.Float32bits(float32(v)) + 0x8000) >> 16) }

func unpack(v uint16) float64 { return float64(math.Float32frombits(uint32(v) << 16)) }
