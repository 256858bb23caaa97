package ort

import (
	"errors"
	"fmt"
	"runtime"

	rt "github.com/yalue/onnxruntime_go"

	"github.com/binside/binside/models"
	"github.com/binside/binside/vision/preprocess"
)

// Options say how networks run.
type Options struct {
	// Library is libonnxruntime.so's path; "" has it looked for, see
	// FindLibrary.
	Library string
	// Threads work on one run; default 1: on all cores, as many runs as cores
	// at a time have the better throughput.
	Threads int
}

func (o *Options) check() error {
	if o.Threads == 0 {
		o.Threads = 1
	}
	if o.Threads < 1 || o.Threads > 256 {
		return fmt.Errorf("ort: threads is %d, allowed is 1 to 256", o.Threads)
	}
	return nil
}

// Network is a model folder's network, loaded. One session serves all runners:
// its weights are in memory once, and runs with one thread are made by the
// caller's own.
type Network struct {
	card    *models.Card
	session *rt.DynamicAdvancedSession
	release func() error
}

var _ models.Network = (*Network)(nil)

// Open loads a network and checks that its inputs and outputs are those that
// its card names.
func Open(folder *models.Folder, opts Options) (*Network, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	release, err := Acquire(opts.Library)
	if err != nil {
		return nil, err
	}
	n := &Network{card: folder.Card, release: release}
	if err := checkTensors(folder); err != nil {
		return nil, errors.Join(fmt.Errorf("ort: %s: %w", n.card.Version, err), release())
	}
	outputs := []string{n.card.Output.Logits}
	if n.card.Output.Strangeness != "" {
		outputs = append(outputs, n.card.Output.Strangeness)
	}
	if n.session, err = newSession(folder.Model, n.card.Input.Name, outputs, opts.Threads); err != nil {
		return nil, errors.Join(fmt.Errorf("ort: %s: %w", n.card.Version, err), release())
	}
	return n, nil
}

func newSession(model []byte, input string, outputs []string, threads int) (session *rt.DynamicAdvancedSession, err error) {
	options, err := rt.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, options.Destroy()) }()
	err = errors.Join(
		options.SetIntraOpNumThreads(threads),
		options.SetInterOpNumThreads(1),
		// A spinning thread takes a core from the next run.
		options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"),
		options.AddSessionConfigEntry("session.use_env_allocators", "1"),
	)
	if err != nil {
		return nil, err
	}
	return rt.NewDynamicAdvancedSessionWithONNXData(model, []string{input}, outputs, options)
}

// Card returns the card that the network was opened with.
func (n *Network) Card() *models.Card { return n.card }

// Close frees the session, and the library with the last network.
func (n *Network) Close() error {
	if n.session == nil {
		return nil
	}
	err := n.session.Destroy()
	n.session = nil
	return errors.Join(err, n.release())
}

// checkTensors compares the card with what the network says of itself.
func checkTensors(folder *models.Folder) error {
	inputs, outputs, err := rt.GetInputOutputInfoWithONNXData(folder.Model)
	if err != nil {
		return fmt.Errorf("%s: %w", models.ModelFile, err)
	}
	card := folder.Card
	if len(inputs) != 1 {
		return fmt.Errorf("%s has %d inputs, want 1", models.ModelFile, len(inputs))
	}
	in := card.Input
	if err := checkTensor(inputs, "input.name", in.Name, 3, int64(in.Height), int64(in.Width)); err != nil {
		return err
	}
	if err := checkTensor(outputs, "output.logits", card.Output.Logits, int64(len(card.Classes))); err != nil {
		return err
	}
	if card.Output.Embedding != "" {
		if err := checkTensor(outputs, "output.embedding", card.Output.Embedding, free); err != nil {
			return err
		}
	}
	if card.Output.Strangeness != "" {
		return checkTensor(outputs, "output.strangeness", card.Output.Strangeness, 1)
	}
	return nil
}

// free is a dimension that may be anything.
const free = -1

// checkTensor looks for a float32 tensor of n×dims; dimensions that the
// network leaves open fit.
func checkTensor(infos []rt.InputOutputInfo, field, name string, dims ...int64) error {
	var names []string
	for _, info := range infos {
		names = append(names, info.Name)
		if info.Name != name {
			continue
		}
		if info.DataType != rt.TensorElementDataTypeFloat {
			return fmt.Errorf("%s %q holds %v, want float32", field, name, info.DataType)
		}
		fits := len(info.Dimensions) == len(dims)+1 && info.Dimensions[0] < 0
		for i := 0; fits && i < len(dims); i++ {
			d := info.Dimensions[i+1]
			fits = d == dims[i] || d < 0 || dims[i] == free
		}
		if !fits {
			return fmt.Errorf("%s %q is %v in %s, the card says n×%v with n left open", field, name, info.Dimensions, models.ModelFile, dims)
		}
		return nil
	}
	return fmt.Errorf("%s is %q, allowed is one of %q", field, name, names)
}

// runner has tensors for every batch size, all on the same few buffers, so
// that a run allocates nothing of the picture's size.
type runner struct {
	session     *rt.DynamicAdvancedSession
	spec        preprocess.Spec
	pin         runtime.Pinner
	input       []float32
	logits      []float32
	strangeness []float32 // empty: not measured
	classes     int
	batches     []batch
}

// batch is what one run of some number of pictures reads and writes.
type batch struct{ inputs, outputs []rt.Value }

// NewRunner returns a runner for batches of up to maxBatch pictures.
func (n *Network) NewRunner(maxBatch int) (models.Runner, error) {
	if maxBatch < 1 {
		return nil, fmt.Errorf("ort: batches of %d pictures", maxBatch)
	}
	if n.session == nil {
		return nil, errors.New("ort: the network is closed")
	}
	in, classes := n.card.Input, len(n.card.Classes)
	r := &runner{
		session: n.session, spec: Spec(in), classes: classes,
		input: make([]float32, maxBatch*3*in.Width*in.Height), logits: make([]float32, maxBatch*classes),
	}
	// ONNX Runtime keeps the addresses from run to run.
	r.pin.Pin(&r.input[0])
	r.pin.Pin(&r.logits[0])
	if n.card.Output.Strangeness != "" {
		r.strangeness = make([]float32, maxBatch)
		r.pin.Pin(&r.strangeness[0])
	}
	for n := range int64(maxBatch) {
		if err := r.addBatch(n+1, int64(in.Height), int64(in.Width)); err != nil {
			return nil, errors.Join(fmt.Errorf("ort: %w", err), r.Close())
		}
	}
	return r, nil
}

// addBatch makes the tensors of n pictures; Close frees those that were made,
// also of a batch that failed halfway.
func (r *runner) addBatch(n, height, width int64) error {
	r.batches = append(r.batches, batch{})
	b := &r.batches[len(r.batches)-1]
	add := func(to *[]rt.Value, data []float32, shape ...int64) error {
		t, err := rt.NewTensor(rt.NewShape(shape...), data)
		if err == nil {
			*to = append(*to, t)
		}
		return err
	}
	if err := add(&b.inputs, r.input, n, 3, height, width); err != nil {
		return err
	}
	if err := add(&b.outputs, r.logits, n, int64(r.classes)); err != nil || len(r.strangeness) == 0 {
		return err
	}
	return add(&b.outputs, r.strangeness, n, 1)
}

// Set writes the view's tensor straight into the input buffer.
func (r *runner) Set(i int, view models.View) error {
	if i < 0 || i >= len(r.batches) {
		return fmt.Errorf("ort: picture %d of a batch, allowed is 0 to %d", i, len(r.batches)-1)
	}
	n := r.spec.Len()
	return r.spec.Apply(view.Image, view.Crop, r.input[i*n:(i+1)*n])
}

func (r *runner) Run(n int) (models.Outputs, error) {
	if n < 1 || n > len(r.batches) {
		return models.Outputs{}, fmt.Errorf("ort: a batch of %d pictures, allowed is 1 to %d", n, len(r.batches))
	}
	b := r.batches[n-1]
	if err := r.session.Run(b.inputs, b.outputs); err != nil {
		return models.Outputs{}, fmt.Errorf("ort: %w", err)
	}
	out := models.Outputs{Logits: r.logits[:n*r.classes]}
	if len(r.strangeness) > 0 {
		out.Strangeness = r.strangeness[:n]
	}
	return out, nil
}

func (r *runner) Close() error {
	var err error
	for _, b := range r.batches {
		for _, t := range append(b.inputs, b.outputs...) {
			err = errors.Join(err, t.Destroy())
		}
	}
	r.batches = nil
	r.pin.Unpin()
	return err
}
