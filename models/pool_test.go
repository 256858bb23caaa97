package models

import (
	"context"
	"errors"
	"fmt"
	"image"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/vision"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gated is a network whose runs wait for a permission, so that a test decides
// what is queued when. Its logits are the view's first sample for class a and
// zero for class b. What the pool does with a real network is tested beside
// it, in pool_real_test.go.
type gated struct {
	card    Card
	gate    chan struct{} // nil: open
	began   chan int      // batch sizes, once armed
	armed   atomic.Bool   // not during warm-up
	runners atomic.Int32
	closed  atomic.Int32
	fail    atomic.Pointer[error]
	short   int // how many numbers of strangeness are missing
}

func newGated(version string, open bool) *gated {
	g := &gated{began: make(chan int, 1000)}
	g.card = Card{Version: version, Classes: []string{"a", "b"}, Input: Input{Width: 32, Height: 32}, Temperature: 2}
	if !open {
		g.gate = make(chan struct{})
	}
	return g
}

func (g *gated) Card() *Card { return &g.card }

func (g *gated) Close() error {
	if g.runners.Load() != 0 {
		return errors.New("closed under its runners")
	}
	g.closed.Add(1)
	return nil
}

func (g *gated) NewRunner(maxBatch int) (Runner, error) {
	if err := g.fail.Load(); err != nil {
		return nil, *err
	}
	g.runners.Add(1)
	return &gatedRunner{g: g, in: make([]float32, maxBatch), strange: make([]float32, maxBatch)}, nil
}

type gatedRunner struct {
	g           *gated
	in, strange []float32
}

func (r *gatedRunner) Set(i int, v View) error {
	r.in[i], r.strange[i] = float32(v.Image.Pix[0]), float32(v.Image.Pix[1])
	return nil
}

func (r *gatedRunner) Run(n int) (Outputs, error) {
	if r.g.armed.Load() {
		r.g.began <- n
		if r.g.gate != nil {
			<-r.g.gate
		}
		if err := r.g.fail.Load(); err != nil {
			return Outputs{}, *err
		}
	}
	out := Outputs{Logits: make([]float32, 2*n)}
	for i := range n {
		out.Logits[2*i] = r.in[i]
	}
	if r.g.card.Output.Strangeness != "" {
		out.Strangeness = r.strange[:n-r.g.short]
	}
	return out, nil
}

func (r *gatedRunner) Close() error {
	r.g.runners.Add(-1)
	return nil
}

var quiet = slog.New(slog.DiscardHandler)

func start(t *testing.T, g *gated, opts Options) *Pool {
	t.Helper()
	opts.Logger = quiet
	p, err := NewPool(t.Context(), g, opts)
	require.NoError(t, err)
	g.armed.Store(true)
	return p
}

func view(sample byte) View {
	img := vision.NewImage(4, 4)
	img.Pix[0] = sample
	return View{Image: img}
}

type answer struct {
	p   Prediction
	err error
}

// ask classifies in the background.
func ask(ctx context.Context, p *Pool, views ...View) <-chan answer {
	c := make(chan answer, 1)
	go func() {
		pred, err := p.Classify(ctx, views)
		c <- answer{pred, err}
	}()
	return c
}

// queued waits until n deposits are in the queue.
func queued(t *testing.T, p *Pool, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return p.Stats().Queued == n }, 10*time.Second, time.Millisecond)
}

func TestPredictionIsTheCalibratedMeanOfLogits(t *testing.T) {
	g := newGated("v", true)
	p := start(t, g, Options{Workers: 1})
	defer func() { require.NoError(t, p.Close()) }()
	got, err := p.Classify(t.Context(), []View{view(1), view(3), view(8)})
	require.NoError(t, err)
	// mean logit (1+3+8)/3 = 4, temperature 2
	a := 1 / (1 + math.Exp(-2))
	assert.Equal(t, "v", got.ModelVersion)
	require.Len(t, got.Classes, 2)
	assert.Equal(t, "a", got.Classes[0].Class)
	assert.InDelta(t, a, got.Classes[0].Probability, 1e-12)
	assert.InDelta(t, 1-a, got.Classes[1].Probability, 1e-12)
	got, err = p.Classify(t.Context(), []View{view(0)})
	require.NoError(t, err)
	assert.Equal(t, []ClassProbability{{"a", 0.5}, {"b", 0.5}}, got.Classes, "ties keep the card's order")
}

func TestNotANumberIsAnError(t *testing.T) {
	c := Card{Version: "v", Classes: []string{"a", "b"}, Temperature: 1}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		_, err := c.predict(votes{logits: []float32{0, 1, 0, float32(bad)}})
		require.ErrorContains(t, err, `for "b"`)
		_, err = c.predict(votes{logits: []float32{0, 1}, strangeness: []float32{float32(bad)}})
		require.ErrorContains(t, err, "v gave the strangeness")
	}
	p, err := c.predict(votes{logits: []float32{-1e30, 1e30}})
	require.NoError(t, err)
	assert.Equal(t, []ClassProbability{{"b", 1}, {"a", 0}}, p.Classes, "large logits do not overflow")
}

func TestAgreementIsTheShareOfViewsWithTheWholesClass(t *testing.T) {
	c := Card{Version: "v", Classes: []string{"a", "b", "c"}, Temperature: 1}
	for _, test := range []struct {
		logits []float32
		class  string
		want   float64
	}{
		{[]float32{1, 0, 0}, "a", 1},
		{[]float32{1, 0, 0, 2, 0, 0, 3, 0, 0}, "a", 1},
		{[]float32{1, 0, 0, 0, 5, 0, 1, 0, 0}, "b", 1.0 / 3}, // one that is sure outweighs two
		{[]float32{3, 0, 2, 0, 3, 2}, "c", 0},                // what nobody has put first
		{[]float32{0, 0, 0, 0, 0, 0}, "a", 1},                // ties keep the card's order
	} {
		p, err := c.predict(votes{logits: test.logits})
		require.NoError(t, err)
		assert.Equal(t, test.class, p.Classes[0].Class)
		assert.InDelta(t, test.want, p.Agreement, 1e-12)
	}
}

func TestStrangenessIsTheMeanOverTheViews(t *testing.T) {
	g := newGated("v", true)
	g.card.Output.Strangeness = "strangeness"
	reg := prometheus.NewPedanticRegistry()
	p := start(t, g, Options{Workers: 1, MaxBatch: 2, Registerer: reg})
	strange := func(sample, strangeness byte) View {
		v := view(sample)
		v.Image.Pix[1] = strangeness
		return v
	}
	// Three views in batches of two.
	got, err := p.Classify(t.Context(), []View{strange(8, 1), strange(0, 0), strange(9, 5)})
	require.NoError(t, err)
	assert.InDelta(t, 2, got.Strangeness, 1e-12)
	assert.InDelta(t, 1, got.Agreement, 1e-12, "the view of two equal logits is for the first")
	got, err = p.Classify(t.Context(), []View{view(8)})
	require.NoError(t, err)
	assert.Zero(t, got.Strangeness)
	families, err := reg.Gather()
	require.NoError(t, err)
	seen := map[string]uint64{}
	for _, f := range families {
		if h := f.GetMetric()[0].GetHistogram(); h != nil {
			seen[f.GetName()] = h.GetSampleCount()
		}
	}
	assert.Equal(t, uint64(1), seen["binside_models_agreement"], "a single view agrees with itself: that says nothing")
	assert.Equal(t, uint64(2), seen["binside_models_strangeness"])
	require.NoError(t, p.Close())

	c := Card{Version: "v", Classes: []string{"a"}, Temperature: 1}
	below, err := c.predict(votes{logits: []float32{1}, strangeness: []float32{-0.5}})
	require.NoError(t, err)
	assert.Zero(t, below.Strangeness, "nothing is more typical than 0")
}

func TestWarmUpComparesTheOutputsWithTheCard(t *testing.T) {
	g := newGated("v", true)
	g.card.Output.Strangeness, g.short = "strangeness", 1
	_, err := NewPool(t.Context(), g, Options{Workers: 1, MaxBatch: 2})
	require.ErrorContains(t, err, "v gave 0 numbers of strangeness for 1 pictures, want 1")
	g = newGated("v", true)
	g.card.Classes = append(g.card.Classes, "c")
	_, err = NewPool(t.Context(), g, Options{Workers: 1})
	require.ErrorContains(t, err, "v gave 2 logits for 1 pictures, want 3")
	assert.Equal(t, int32(1), g.closed.Load())
}

func TestFullQueueRefuses(t *testing.T) {
	g := newGated("v", false)
	reg := prometheus.NewPedanticRegistry()
	p := start(t, g, Options{Workers: 1, Queue: 2, Registerer: reg})
	first := ask(t.Context(), p, view(1))
	<-g.began
	second := ask(t.Context(), p, view(1))
	queued(t, p, 1)
	third := ask(t.Context(), p, view(1))
	queued(t, p, 2)
	_, err := p.Classify(t.Context(), []View{view(1)})
	require.ErrorIs(t, err, ErrBusy)
	require.ErrorContains(t, err, "2 deposits wait")
	assert.Equal(t, Stats{Workers: 1, Queue: 2, MaxBatch: 1, Queued: 2, Running: 1, Busy: 1}, p.Stats())
	families, err := reg.Gather()
	require.NoError(t, err)
	depth := -1.0
	for _, f := range families {
		if f.GetName() == "binside_models_queue_depth" {
			depth = f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	assert.InDelta(t, 2, depth, 0)
	close(g.gate)
	for _, c := range []<-chan answer{first, second, third} {
		require.NoError(t, (<-c).err)
	}
	assert.InDelta(t, 1, testutil.ToFloat64(p.metrics.refused.WithLabelValues("busy")), 0)
	require.NoError(t, p.Close())
	assert.Equal(t, uint64(3), p.Stats().Done)
	n, err := testutil.GatherAndCount(reg)
	require.NoError(t, err)
	assert.Zero(t, n, "Close takes the metrics away")
}

func TestDeadlineWhileQueued(t *testing.T) {
	g := newGated("v", false)
	p := start(t, g, Options{Workers: 1, Queue: 8})
	first := ask(t.Context(), p, view(1))
	<-g.began
	ctx, cancel := context.WithCancel(t.Context())
	gone := ask(ctx, p, view(1))
	queued(t, p, 1)
	stays := ask(t.Context(), p, view(1))
	queued(t, p, 2)
	cancel()
	a := <-gone
	require.ErrorIs(t, a.err, ErrDeadline)
	require.ErrorIs(t, a.err, context.Canceled)
	close(g.gate)
	require.NoError(t, (<-first).err)
	require.NoError(t, (<-stays).err)
	require.NoError(t, p.Close())
	close(g.began)
	runs := 1
	for range g.began {
		runs++
	}
	assert.Equal(t, 2, runs, "nothing was run for the one that gave up")
	s := p.Stats()
	assert.Equal(t, uint64(1), s.Deadline)
	assert.Equal(t, uint64(2), s.Done)
}

func TestDeadlineBeforeAdmissionAndAtTheWorker(t *testing.T) {
	g := newGated("v", false)
	p := start(t, g, Options{Workers: 1})
	past, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	_, err := p.Classify(past, []View{view(1)})
	require.ErrorIs(t, err, ErrDeadline)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	// Once a worker is at it, the answer is returned: the caller must not
	// come back while its pictures are read.
	ctx, cancel2 := context.WithCancel(t.Context())
	c := ask(ctx, p, view(9))
	<-g.began
	cancel2()
	select {
	case a := <-c:
		t.Fatalf("returned while the worker had the pictures: %v", a.err)
	case <-time.After(20 * time.Millisecond): // no event to wait for
	}
	close(g.gate)
	a := <-c
	require.NoError(t, a.err)
	assert.Equal(t, "a", a.p.Classes[0].Class)
	require.NoError(t, p.Close())
}

func TestGreedyBatches(t *testing.T) {
	g := newGated("v", false)
	p := start(t, g, Options{Workers: 1, Queue: 16, MaxBatch: 4})
	answers := []<-chan answer{ask(t.Context(), p, view(1))}
	assert.Equal(t, 1, <-g.began, "nothing waits for a batch to fill")
	// 3 + 1 views fill a batch; 5 + 1 are split over two.
	for i, n := range []int{3, 1, 5, 1} {
		views := make([]View, n)
		for v := range views {
			views[v] = view(byte(10 * (i + 1)))
		}
		answers = append(answers, ask(t.Context(), p, views...))
		queued(t, p, i+1)
	}
	close(g.gate)
	for i, c := range answers {
		a := <-c
		require.NoError(t, a.err)
		logit := float64(10 * i)
		if i == 0 {
			logit = 1
		}
		assert.InDelta(t, 1/(1+math.Exp(-logit/2)), a.p.Classes[0].Probability, 1e-9, "each gets its own answer")
	}
	require.NoError(t, p.Close())
	close(g.began)
	var sizes []int
	for n := range g.began {
		sizes = append(sizes, n)
	}
	// The 5 views reach the limit alone, so the last deposit is not taken yet.
	assert.Equal(t, []int{4, 4, 1, 1}, sizes)
}

func TestInvalidViews(t *testing.T) {
	p := start(t, newGated("v", true), Options{Workers: 1})
	defer func() { require.NoError(t, p.Close()) }()
	good := view(1)
	for want, views := range map[string][]View{
		"0 views":        nil,
		"9 views":        {good, good, good, good, good, good, good, good, good},
		"view 1: vision": {good, {}},
		"view 0: vision": {{Image: &vision.Image{Width: 4, Height: 4}}},
		"lies outside":   {{Image: good.Image, Crop: image.Rect(10, 10, 20, 20)}},
	} {
		_, err := p.Classify(t.Context(), views)
		require.ErrorIs(t, err, ErrInvalid)
		require.ErrorContains(t, err, want)
	}
	assert.Equal(t, uint64(5), p.Stats().Invalid)
}

func TestCloseLetsTheQueuedFinish(t *testing.T) {
	g := newGated("v", false)
	p := start(t, g, Options{Workers: 1})
	first := ask(t.Context(), p, view(1))
	<-g.began
	second := ask(t.Context(), p, view(1))
	queued(t, p, 1)
	closed := make(chan error, 2)
	go func() { closed <- p.Close() }()
	require.Eventually(t, func() bool {
		p.mu.RLock()
		defer p.mu.RUnlock()
		return p.closed
	}, 10*time.Second, time.Millisecond)
	_, err := p.Classify(t.Context(), []View{view(1)})
	require.ErrorIs(t, err, ErrClosed)
	go func() { closed <- p.Close() }()
	select {
	case <-closed:
		t.Fatal("Close did not wait")
	default:
	}
	close(g.gate)
	require.NoError(t, (<-first).err)
	require.NoError(t, (<-second).err)
	require.NoError(t, <-closed)
	require.NoError(t, <-closed)
	assert.Equal(t, int32(1), g.closed.Load())
	require.ErrorIs(t, p.Swap(t.Context(), newGated("w", true)), ErrClosed)
}

func TestFailingRun(t *testing.T) {
	g := newGated("v", true)
	p := start(t, g, Options{Workers: 1})
	broken := errors.New("broken")
	g.fail.Store(&broken)
	_, err := p.Classify(t.Context(), []View{view(1), view(2)})
	require.ErrorIs(t, err, broken)
	g.fail.Store(nil)
	_, err = p.Classify(t.Context(), []View{view(1)})
	require.NoError(t, err, "the worker goes on")
	assert.Equal(t, uint64(1), p.Stats().Failed)
	require.NoError(t, p.Close())
}

func TestNewPoolThatFailsClosesTheNetwork(t *testing.T) {
	broken := errors.New("broken")
	g := newGated("v", true)
	g.fail.Store(&broken)
	_, err := NewPool(t.Context(), g, Options{Workers: 2})
	require.ErrorIs(t, err, broken)
	assert.Equal(t, int32(1), g.closed.Load())

	for want, opts := range map[string]Options{
		"workers is -1": {Workers: -1}, "queue length is -2": {Queue: -2}, "max batch is 65, allowed is 1 to 64": {MaxBatch: 65},
	} {
		g := newGated("v", true)
		_, err := NewPool(t.Context(), g, opts)
		require.ErrorContains(t, err, want)
		assert.Equal(t, int32(1), g.closed.Load())
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g = newGated("v", true)
	_, err = NewPool(ctx, g, Options{})
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, int32(1), g.closed.Load())

	reg := prometheus.NewRegistry()
	p := start(t, newGated("v", true), Options{Workers: 1, Registerer: reg})
	g = newGated("w", true)
	_, err = NewPool(t.Context(), g, Options{Workers: 1, Registerer: reg})
	require.ErrorContains(t, err, "metrics")
	assert.Equal(t, int32(1), g.closed.Load())
	assert.Zero(t, g.runners.Load())
	require.NoError(t, p.Close())
}

func TestSwap(t *testing.T) {
	old := newGated("old", false)
	p := start(t, old, Options{Workers: 2})
	busy := ask(t.Context(), p, view(1))
	<-old.began
	next := newGated("next", true)
	require.NoError(t, p.Swap(t.Context(), next))
	assert.Equal(t, "next", p.Card().Version)
	// The idle worker leaves at once, the busy one keeps the old network.
	require.Eventually(t, func() bool { return old.runners.Load() == 1 }, 10*time.Second, time.Millisecond)
	got, err := p.Classify(t.Context(), []View{view(1)})
	require.NoError(t, err)
	assert.Equal(t, "next", got.ModelVersion)
	assert.Zero(t, old.closed.Load())
	close(old.gate)
	a := <-busy
	require.NoError(t, a.err)
	assert.Equal(t, "old", a.p.ModelVersion)
	require.Eventually(t, func() bool { return old.closed.Load() == 1 }, 10*time.Second, time.Millisecond)

	broken := errors.New("broken")
	bad := newGated("bad", true)
	bad.fail.Store(&broken)
	require.ErrorIs(t, p.Swap(t.Context(), bad), broken)
	assert.Equal(t, int32(1), bad.closed.Load())
	assert.Equal(t, "next", p.Card().Version, "the old one stays")
	require.NoError(t, p.Close())
	assert.Equal(t, int32(1), next.closed.Load())
	assert.Zero(t, next.runners.Load())
}

// Everything at once: under -race, and every network is closed exactly once.
func TestSwapsUnderLoad(t *testing.T) {
	networks := []*gated{newGated("v0", true)}
	p, err := NewPool(t.Context(), networks[0], Options{Workers: 3, Queue: 32, MaxBatch: 3, Logger: quiet})
	require.NoError(t, err)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for w := range 6 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i%5)*100*time.Microsecond)
				if i%2 == 0 {
					ctx = context.WithoutCancel(ctx)
				}
				_, err := p.Classify(ctx, []View{view(byte(w)), view(byte(i))})
				cancel()
				if err != nil && !errors.Is(err, ErrBusy) && !errors.Is(err, ErrDeadline) {
					t.Error(err)
				}
			}
		})
	}
	for i := range 50 {
		n := newGated(fmt.Sprint("v", i+1), true)
		networks = append(networks, n)
		require.NoError(t, p.Swap(t.Context(), n))
	}
	close(stop)
	wg.Wait()
	require.NoError(t, p.Close())
	for _, n := range networks {
		assert.Equal(t, int32(1), n.closed.Load(), n.card.Version)
		assert.Zero(t, n.runners.Load(), n.card.Version)
	}
}
