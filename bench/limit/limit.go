// Package limit is the least that a prediction costs: libjpeg-turbo at the
// scale used, the reference preprocessing and a raw ONNX Runtime run, without
// checks, queue or pool. What the product does is compared with it.
package limit

import (
	"errors"
	"fmt"

	rt "github.com/yalue/onnxruntime_go"

	"github.com/binside/binside/models"
	"github.com/binside/binside/models/ort"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/preprocess"
)

// Worker predicts one JPEG after the other on one thread. It belongs to one
// goroutine.
type Worker struct {
	spec    preprocess.Spec
	input   *rt.Tensor[float32]
	output  *rt.Tensor[float32]
	session *rt.AdvancedSession
	// scaled keeps a buffer per picture size.
	scaled  map[[2]int]*vision.Image
	release func() error
}

// NewWorker opens a session of its own on the model. library is as in
// ort.Options.
func NewWorker(folder *models.Folder, library string) (w *Worker, err error) {
	release, err := ort.Acquire(library)
	if err != nil {
		return nil, err
	}
	w = &Worker{spec: ort.Spec(folder.Card.Input), scaled: make(map[[2]int]*vision.Image), release: release}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("limit: %w", err), w.Close())
		}
	}()
	card := folder.Card
	if w.input, err = rt.NewEmptyTensor[float32](rt.NewShape(1, 3, int64(card.Input.Height), int64(card.Input.Width))); err != nil {
		return w, err
	}
	if w.output, err = rt.NewEmptyTensor[float32](rt.NewShape(1, int64(len(card.Classes)))); err != nil {
		return w, err
	}
	options, err := rt.NewSessionOptions()
	if err != nil {
		return w, err
	}
	defer func() { err = errors.Join(err, options.Destroy()) }()
	if err := errors.Join(options.SetIntraOpNumThreads(1), options.SetInterOpNumThreads(1)); err != nil {
		return w, err
	}
	w.session, err = rt.NewAdvancedSessionWithONNXData(folder.Model, []string{card.Input.Name}, []string{card.Output.Logits},
		[]rt.Value{w.input}, []rt.Value{w.output}, options)
	return w, err
}

// Predict returns a JPEG's logits, valid until the next call.
func (w *Worker) Predict(jpeg []byte, info codec.Info) ([]float32, error) {
	minW, minH := w.spec.MinSource(info.Width, info.Height)
	d := codec.Options{MinWidth: minW, MinHeight: minH}.Denominator(info.Width, info.Height)
	size := [2]int{(info.Width + d - 1) / d, (info.Height + d - 1) / d}
	img := w.scaled[size]
	if img == nil {
		img = vision.NewImage(size[0], size[1])
		w.scaled[size] = img
	}
	if err := codec.DecodeUnchecked(jpeg, info, d, img); err != nil {
		return nil, err
	}
	if err := w.spec.Apply(img, img.Rect(), w.input.GetData()); err != nil {
		return nil, err
	}
	if err := w.session.Run(); err != nil {
		return nil, err
	}
	return w.output.GetData(), nil
}

// Close frees the session and its tensors.
func (w *Worker) Close() error {
	var errs []error
	if w.session != nil {
		errs = append(errs, w.session.Destroy())
	}
	for _, t := range []*rt.Tensor[float32]{w.input, w.output} {
		if t != nil {
			errs = append(errs, t.Destroy())
		}
	}
	return errors.Join(append(errs, w.release())...)
}
