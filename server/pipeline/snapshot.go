package pipeline

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
)

// ErrNoFrame says that a camera has shown nothing within the time.
var ErrNoFrame = errors.New("pipeline: the camera shows no frame")

// mosaicCells is how many squares the longer side of a snapshot has outside the
// regions: enough to see where a bin stands, too few for a face.
const mosaicCells = 96

// view is a copy of a frame and the regions that were drawn in it.
type view struct {
	image   *vision.Image
	regions []station.Region
}

// shooter hands out a copy of the next frame to whoever asks for it.
type shooter struct {
	mu   sync.Mutex
	wait []chan<- view
}

// look belongs to the camera's goroutine.
func (s *shooter) look(f camera.Frame, regions []station.Region) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ch := range s.wait {
		ch <- view{f.Image.Clone(), regions}
	}
	s.wait = nil
}

func (s *shooter) ask() <-chan view {
	ch := make(chan view, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wait = append(s.wait, ch)
	if len(s.wait) > maxSnapshots {
		s.wait = slices.Delete(s.wait, 0, 1)
	}
	return ch
}

// maxSnapshots is how many may wait for one camera's next frame.
const maxSnapshots = 8

// Snapshot returns a camera's next frame as a JPEG, coarse outside its regions.
// ErrUnknownCamera, ErrNoFrame.
func (c *Cameras) Snapshot(ctx context.Context, cameraID string) ([]byte, error) {
	run, err := c.tuned(cameraID)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	select {
	case v := <-run.shot.ask():
		mosaic(v.image, v.regions)
		return codec.EncodeJPEG(v.image, shotQuality)
	case <-ctx.Done():
		return nil, ErrNoFrame
	}
}

// mosaic makes squares of what lies outside the regions.
func mosaic(img *vision.Image, regions []station.Region) {
	side := max(1, max(img.Width, img.Height)/mosaicCells)
	for y := 0; y < img.Height; y += side {
		for x := 0; x < img.Width; x += side {
			var sum [3]int
			n := 0
			each(img, x, y, side, func(i int) {
				sum[0], sum[1], sum[2], n = sum[0]+int(img.Pix[i]), sum[1]+int(img.Pix[i+1]), sum[2]+int(img.Pix[i+2]), n+1
			})
			at := vision.Point{X: (float64(x) + float64(side)/2) / float64(img.Width), Y: (float64(y) + float64(side)/2) / float64(img.Height)}
			inside := false
			for _, r := range regions {
				inside = inside || r.Polygon.Contains(at)
			}
			if !inside {
				each(img, x, y, side, func(i int) {
					img.Pix[i], img.Pix[i+1], img.Pix[i+2] = byte(sum[0]/n), byte(sum[1]/n), byte(sum[2]/n)
				})
			}
		}
	}
}

// each calls f with the place of every sample of a square.
func each(img *vision.Image, x, y, side int, f func(i int)) {
	for yy := y; yy < min(y+side, img.Height); yy++ {
		for xx := x; xx < min(x+side, img.Width); xx++ {
			f(3 * (yy*img.Width + xx))
		}
	}
}
