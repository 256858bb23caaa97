package pipeline

import (
	"context"
	"errors"
	"fmt"
	"image"
	"sync"

	"github.com/binside/binside/models"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/deposit"
	"github.com/binside/binside/vision/privacy"
)

// ErrRedaction says that nobody could tell where the people in a picture are;
// it is shown to nobody and kept nowhere.
var ErrRedaction = errors.New("pipeline: the picture cannot be redacted")

// Redactor says where the people in a picture are; see privacy.Redactor.
//
// What it finds is painted over before a picture is queued, so that every later
// step sees the same: the models judge what a supervisor is shown as evidence,
// and a deposit that is handed out again after a crash is judged alike.
type Redactor interface {
	// Areas returns the parts of the picture to be painted over. After an error
	// the picture must leave the process in no form.
	Areas(ctx context.Context, img *vision.Image) ([]image.Rectangle, error)
}

// areas asks a redactor that may be missing: without one there is no picture
// either.
func areas(ctx context.Context, r Redactor, img *vision.Image) ([]image.Rectangle, error) {
	if r == nil {
		return nil, fmt.Errorf("%w: nothing finds people", ErrRedaction)
	}
	found, err := r.Areas(ctx, img)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRedaction, err)
	}
	return found, nil
}

// Redacted is the JPEG of an upload that may be queued and stored: upright,
// without metadata, its longer side at most maxSide pixels, the people in it
// painted over. seen is the same picture, upright and of any size, in which they
// are looked for and painted over, too. Where nobody is found, the file keeps
// its own samples. Errors: ErrRedaction and the codec's.
func Redacted(ctx context.Context, r Redactor, file *codec.File, seen *vision.Image, maxSide int) (jpeg []byte, width, height int, err error) {
	found, err := areas(ctx, r, seen)
	if err != nil {
		return nil, 0, 0, err
	}
	if len(found) == 0 {
		return file.Normalise(ctx, maxSide, 0)
	}
	privacy.Paint(seen, found)
	whole, err := file.Decode(ctx, codec.Options{})
	if err != nil {
		return nil, 0, 0, err
	}
	if whole, err = codec.Fit(codec.Orient(whole, file.Orientation), maxSide); err != nil {
		return nil, 0, 0, err
	}
	privacy.Paint(whole, privacy.Scale(found, seen.Rect().Size(), whole.Rect().Size()))
	jpeg, err = codec.EncodeJPEG(whole, codec.DefaultQuality)
	return jpeg, whole.Width, whole.Height, err
}

// redactAlone paints over the people in a picture that somebody asked for, and
// returns in how many places. It works on one at a time: setting cameras up must
// not take the processor from deposits.
func (c *Cameras) redactAlone(ctx context.Context, r Redactor, img *vision.Image) (painted int, err error) {
	select {
	case c.redacting <- struct{}{}:
		defer func() { <-c.redacting }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	found, err := areas(ctx, r, img)
	if err != nil {
		return 0, err
	}
	privacy.Paint(img, found)
	return len(found), nil
}

// redactShots paints over the people in a camera's pictures of a deposit. Most
// show the same as the first, so that nobody else can be in them.
func (r *cameraRun) redactShots(shots []deposit.Shot) {
	if len(shots) == 0 {
		return
	}
	first := shots[0].Image
	var searching sync.WaitGroup
	found := make([][]image.Rectangle, len(shots))
	like := make([]bool, len(shots))
	for n, s := range shots {
		alike, err := privacy.Alike(first, s.Image)
		if like[n] = n > 0 && alike && err == nil; !like[n] {
			searching.Go(func() { found[n] = r.search(s.Image) })
		}
	}
	searching.Wait()
	for n, s := range shots {
		if like[n] {
			found[n] = found[0]
		}
		privacy.Paint(s.Image, found[n])
		r.owner.deps.Metrics.painted.Add(float64(len(found[n])))
	}
}

// search returns what of a picture is to be painted over. Where nobody can tell
// where people are, nothing of the picture remains.
func (r *cameraRun) search(img *vision.Image) []image.Rectangle {
	m := r.owner.deps.Metrics
	defer m.step("redact")()
	found, err := areas(context.Background(), r.owner.deps.Redactor, img)
	if err != nil {
		m.redactionErrors.Inc()
		r.log.Error("a picture could not be redacted and was painted over whole", "error", err)
		return []image.Rectangle{img.Rect()}
	}
	return found
}

// MostHidden is the share of the item's part of a picture, or of the whole where
// nobody looked for the item, above which it is no evidence. A thin item that
// lies askew at the region's edge may have half of its box beyond.
const MostHidden = 0.6

// shown returns the views of which at most that much is painted over, and the
// number of the first of them; all of them and -1 where none is left.
func shown(views []models.View) (kept []models.View, first int) {
	first = -1
	for n, v := range views {
		if privacy.Painted(v.Image, v.Crop) > MostHidden {
			continue
		}
		if first < 0 {
			first = n
		}
		kept = append(kept, v)
	}
	if first < 0 {
		return views, first
	}
	return kept, first
}
