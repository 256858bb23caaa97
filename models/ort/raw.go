package ort

import (
	"errors"
	"fmt"

	rt "github.com/yalue/onnxruntime_go"
)

// Raw is a network without a model card: float32 in, float32 out. Run may be
// called from any goroutine.
type Raw struct {
	session *rt.DynamicAdvancedSession
	outputs int
	release func() error
}

// OpenRaw loads a network of one input.
func OpenRaw(model []byte, input string, outputs []string, opts Options) (*Raw, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	release, err := Acquire(opts.Library)
	if err != nil {
		return nil, err
	}
	session, err := newSession(model, input, outputs, opts.Threads)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ort: %w", err), release())
	}
	return &Raw{session: session, outputs: len(outputs), release: release}, nil
}

// Run gives the network a tensor of the shape and returns its outputs in their
// order, each flat.
func (r *Raw) Run(input []float32, shape ...int64) (out [][]float32, err error) {
	in, err := rt.NewTensor(rt.NewShape(shape...), input)
	if err != nil {
		return nil, fmt.Errorf("ort: %w", err)
	}
	values := make([]rt.Value, r.outputs)
	defer func() {
		err = errors.Join(err, in.Destroy())
		for _, v := range values {
			if v != nil {
				err = errors.Join(err, v.Destroy())
			}
		}
	}()
	if err := r.session.Run([]rt.Value{in}, values); err != nil {
		return nil, fmt.Errorf("ort: %w", err)
	}
	for i, v := range values {
		t, ok := v.(*rt.Tensor[float32])
		if !ok {
			return nil, fmt.Errorf("ort: output %d is %T, want float32", i, v)
		}
		out = append(out, append([]float32(nil), t.GetData()...))
	}
	return out, nil
}

// Close frees the session, and the library with the last network.
func (r *Raw) Close() error {
	if r.session == nil {
		return nil
	}
	err := r.session.Destroy()
	r.session = nil
	return errors.Join(err, r.release())
}
