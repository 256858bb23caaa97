package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/binside/binside/camera/isolate"
	"github.com/binside/binside/datasets"
	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/models"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/deletion"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/queue"
	"github.com/binside/binside/server/store"
	"github.com/binside/binside/server/store/object"
	"github.com/binside/binside/vision/codec"
)

func TestDepositBecomesInspection(t *testing.T) {
	l := newLine(t)
	stream, err := l.hub.Subscribe(t.Context(), nil)
	require.NoError(t, err)
	l.work()
	in := l.newIntake()

	file := jpegOf(t, picture(640, 360, red))
	told := l.push(in, "", file)
	require.Equal(t, verdict.Tell, told.Verdict)
	require.Equal(t, "hazardous", told.Category)
	require.Equal(t, "battery", told.ItemClass)
	require.Equal(t, "colours-1", told.ModelVersion)
	require.Equal(t, []float64{0.75, 0.25}, []float64{*told.Agreement, *told.Strangeness})
	require.Equal(t, []string{"kitchen"}, told.Accepts)
	require.Equal(t, inspection.FromPush, told.Source)
	require.Equal(t, told, (<-stream.Events()).Inspection)
	read, err := l.records.GetInspection(t.Context(), told.ID)
	require.NoError(t, err)
	steps := told.Steps
	require.True(t, steps.CertainAt.IsZero(), "no detector has looked at a push")
	require.True(t, !steps.TakenAt.Before(told.ReceivedAt) && !steps.InferredAt.Before(steps.TakenAt) && !told.DecidedAt.Before(steps.InferredAt), "%+v", steps)
	recorded := *told
	recorded.Steps = nil
	require.Equal(t, read, &recorded, "what is announced is what is stored, but for the steps, which a prompt keeps")

	require.Len(t, told.Evidence, 1)
	e := told.Evidence[0]
	require.Equal(t, fmt.Sprintf("evidence/%s/%s-0.jpg", told.CapturedAt.Format("2006/01/02"), told.ID), e.Key)
	kept, err := l.objects.Get(t.Context(), e.Key)
	require.NoError(t, err)
	require.Equal(t, datasets.ID(kept), e.SHA256)
	require.Equal(t, []int{len(kept), 640, 360}, []int{e.Bytes, e.Width, e.Height})
	info, err := codec.Inspect(kept, codec.Limits{})
	require.NoError(t, err)
	require.Equal(t, 640, info.Width)
	require.WithinDuration(t, told.DecidedAt.Add(30*24*time.Hour), e.ExpiresAt, time.Second)

	passed := l.push(in, "", jpegOf(t, picture(640, 360, green)))
	require.Equal(t, verdict.Pass, passed.Verdict)
	require.Empty(t, passed.Evidence)
	require.False(t, passed.Sampled)
	require.Equal(t, told.Seq+1, passed.Seq)
	require.Equal(t, verdict.Check, l.push(in, "", jpegOf(t, picture(640, 360, yellow))).Verdict)
	dark := l.push(in, "", jpegOf(t, picture(640, 360, [3]float64{3, 3, 3})))
	require.Equal(t, verdict.Unreadable, dark.Verdict)
	require.Len(t, dark.Evidence, 1)
	require.Zero(t, l.settled().Dead)
}

func TestSampledPassesAreDecidedByTheirID(t *testing.T) {
	l := newLine(t)
	w := l.newWorker(func(_ *pipeline.WorkerConfig, d *pipeline.WorkerDeps) { d.Rules.PassShare = 0.25 })
	sampled := 0
	for range 80 {
		d := l.deposit(green)
		require.NoError(t, w.Handle(t.Context(), d, 1))
		first, err := l.records.GetInspection(t.Context(), d.ID)
		require.NoError(t, err)
		require.Equal(t, first.Sampled, len(first.Evidence) == 1)
		if first.Sampled {
			sampled++
		}
	}
	require.InDelta(t, 20, sampled, 17) // 80 × 0.25, ±4.4 standard deviations
}

// deposit is a deposit as it lies on the queue.
func (l *line) deposit(colour [3]float64) inspection.Deposit {
	at := time.Now().UTC().Truncate(time.Microsecond)
	return inspection.Deposit{
		ID: uuid.Must(uuid.NewV7()).String(), StationID: "north", BinID: l.bin.ID, Source: inspection.FromStream, CameraID: "cam",
		CapturedAt: at, ReceivedAt: at,
		Images: []inspection.Image{{JPEG: jpegOf(l.t, picture(64, 48, colour)), Width: 64, Height: 48, Sharpness: 100, Exposure: 0.5}},
	}
}

func TestRedeliveryChangesNothing(t *testing.T) {
	l := newLine(t)
	w := l.newWorker()
	d := l.deposit(red)
	require.NoError(t, w.Handle(t.Context(), d, 1))
	first := l.stored()
	wait := l.hub.Wait(d.ID)
	defer wait.Cancel()
	require.NoError(t, w.Handle(t.Context(), d, 2), "a second delivery after a crash")
	require.Equal(t, first, l.stored())
	require.Equal(t, first[0], <-wait.Done(), "it is announced again, in case the first was lost")
	require.Equal(t, 1, l.classifier.calls)

	// Two deliveries at once: both finish, one record.
	d = l.deposit(red)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if err := w.Handle(context.Background(), d, 1); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	require.Len(t, l.stored(), 2)
}

func TestItemIsCutOutAtEveryScale(t *testing.T) {
	l := newLine(t)
	w := l.newWorker()
	// A red item on green ground: only the crop tells them apart.
	m := picture(1280, 720, green)
	box := inspection.Box{MinX: 400, MinY: 200, MaxX: 880, MaxY: 520}
	paint(m, rectOf(box), red, newRand())
	d := l.deposit(green)
	d.Images = []inspection.Image{{JPEG: jpegOf(t, m), Width: 1280, Height: 720, Item: &box, Sharpness: 100, Exposure: 0.5}}
	require.NoError(t, w.Handle(t.Context(), d, 1))
	view := l.classifier.views[0]
	require.Equal(t, 1280, view.Image.Width, "half the size would leave the item smaller than the model's input")
	require.Equal(t, rectOf(box), view.Crop)

	d.ID = uuid.Must(uuid.NewV7()).String()
	l.prepared.Put(d.ID, []*visionImage{picture(320, 180, red)})
	require.NoError(t, w.Handle(t.Context(), d, 1))
	view = l.classifier.views[0]
	require.Equal(t, 320, view.Image.Width, "what was decoded before is used")
	require.Equal(t, rectOf(inspection.Box{MinX: 100, MinY: 50, MaxX: 220, MaxY: 130}), view.Crop)
	for _, i := range l.stored() {
		require.Equal(t, "battery", i.ItemClass)
	}
}

func TestBusyModelsAreWaitedFor(t *testing.T) {
	l := newLine(t)
	l.classifier.fail = func(call int) error {
		if call < 10 {
			return fmt.Errorf("%w: 64 wait", models.ErrBusy)
		}
		return nil
	}
	l.work()
	i := l.push(l.newIntake(), "", jpegOf(t, picture(640, 360, red)))
	require.Equal(t, verdict.Tell, i.Verdict)
	require.Zero(t, l.settled().Dead)
}

// failing decoders fail as a test wants them to.
type failing struct {
	fail  func(call int) error
	calls atomic.Int64
}

func (f *failing) DecodeJPEG(ctx context.Context, data []byte, info codec.Info, denominator int, into *visionImage) error {
	if err := f.fail(int(f.calls.Add(1))); err != nil {
		return err
	}
	return codec.InProcess{}.DecodeJPEG(ctx, data, info, denominator, into)
}

// What keeps decoders from decoding is waited for, as long as it may pass; a
// picture of which they die is set aside at once.
func TestDecodersThatFail(t *testing.T) {
	for name, c := range map[string]struct {
		fail        func(call int) error
		calls, dead int
	}{
		"busy": {func(call int) error {
			if call < 10 {
				return isolate.ErrBusy
			}
			return nil
		}, 10, 0},
		"hang":  {func(int) error { return context.DeadlineExceeded }, 5, 1},
		"crash": {func(int) error { return &codec.Error{Reason: codec.ReasonCorrupt} }, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLine(t)
			decoders := &failing{fail: c.fail}
			l.work(func(cfg *pipeline.WorkerConfig, _ *pipeline.WorkerDeps) { cfg.Reader.JPEG = decoders })
			require.NoError(t, l.queue.Publish(t.Context(), l.deposit(red)))
			require.Equal(t, c.dead, l.settled().Dead)
			require.EqualValues(t, c.calls, decoders.calls.Load())
			require.Len(t, l.stored(), 1-c.dead)
		})
	}
}

func TestWhatCannotBeJudgedIsSetAside(t *testing.T) {
	l := newLine(t)
	l.classifier.fail = func(int) error { return errors.New("the network is broken") }
	l.work()
	sick := l.deposit(red)
	broken := l.deposit(red)
	broken.Images[0].JPEG = broken.Images[0].JPEG[:100]
	for _, d := range []inspection.Deposit{sick, broken} {
		require.NoError(t, l.queue.Publish(t.Context(), d))
	}
	require.Equal(t, 2, l.settled().Dead)
	letters, err := l.queue.DeadLetters(t.Context(), 0, 10)
	require.NoError(t, err)
	attempts := map[string]int{}
	for _, d := range letters {
		attempts[d.DepositID] = d.Attempts
	}
	require.Equal(t, map[string]int{sick.ID: 5, broken.ID: 1}, attempts)
	require.Empty(t, l.stored())
}

// A deposit outlives its bin: nobody is told of it, and a person looks.
func TestDepositOfARemovedBin(t *testing.T) {
	l := newLine(t)
	w := l.newWorker()
	d := l.deposit(red)
	require.NoError(t, w.Handle(t.Context(), d, 1))
	bin, err := l.records.GetBin(t.Context(), d.BinID)
	require.NoError(t, err)
	require.NoError(t, l.records.DeleteBin(t.Context(), bin))
	w.InvalidateBin(bin.ID)
	late := l.deposit(red)
	require.NoError(t, w.Handle(t.Context(), late, 1))
	i, err := l.records.GetInspection(t.Context(), late.ID)
	require.NoError(t, err)
	require.Equal(t, []any{verdict.Check, inspection.ReasonBinRemoved, "north", d.BinID}, []any{i.Verdict, i.Reason, i.StationID, i.BinID})
	require.Len(t, i.Evidence, 1)
	first, err := l.records.GetInspection(t.Context(), d.ID)
	require.NoError(t, err)
	require.Equal(t, verdict.Tell, first.Verdict, "what was recorded stays")
}

// flaky is a store whose writes and reads fail while told to.
type flaky struct {
	pipeline.WorkerStore
	err  error
	mu   sync.Mutex
	left int
}

func (f *flaky) SaveInspection(ctx context.Context, i *inspection.Inspection) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left > 0 {
		f.left--
		return false, fmt.Errorf("save: %w", f.err)
	}
	return f.WorkerStore.SaveInspection(ctx, i)
}

func TestStoreThatIsAwayIsWaitedFor(t *testing.T) {
	l := newLine(t)
	l.work(func(_ *pipeline.WorkerConfig, d *pipeline.WorkerDeps) {
		d.Store = &flaky{WorkerStore: l.records, left: 8, err: store.ErrUnavailable}
	})
	i := l.push(l.newIntake(), "", jpegOf(t, picture(640, 360, red)))
	require.Len(t, i.Evidence, 1)
	require.Zero(t, l.settled().Dead)
	require.Len(t, l.stored(), 1)
}

func TestNoEvidenceWithoutARecord(t *testing.T) {
	l := newLine(t)
	broken := &flaky{WorkerStore: l.records, left: 1, err: store.ErrInvalid}
	w := l.newWorker(func(_ *pipeline.WorkerConfig, d *pipeline.WorkerDeps) { d.Store = broken })
	d := l.deposit(red)
	require.ErrorIs(t, w.Handle(t.Context(), d, 1), store.ErrInvalid)
	_, err := l.objects.Get(t.Context(), pipeline.EvidenceKey(&d, 0))
	require.ErrorIs(t, err, object.ErrNotFound)

	// A crash between evidence and record, and another judgement afterwards.
	passed := l.deposit(green)
	require.NoError(t, l.objects.Put(t.Context(), pipeline.EvidenceKey(&passed, 0), []byte("x"), "image/jpeg"))
	require.NoError(t, w.Handle(t.Context(), passed, 2))
	_, err = l.objects.Get(t.Context(), pipeline.EvidenceKey(&passed, 0))
	require.ErrorIs(t, err, object.ErrNotFound)

	log := l.deletionLog()
	require.Len(t, log, 3, "both are in the log of deletions")
	require.Equal(t, deletion.Orphan, log[1].Reason)
	require.Equal(t, datasets.ID(d.Images[0].JPEG), log[1].SHA256)
	require.Equal(t, []string{passed.ID, pipeline.EvidenceKey(&passed, 0)}, []string{log[2].InspectionID, log[2].Key})

	// What cannot be logged is not deleted.
	kept := l.deposit(green)
	require.NoError(t, l.objects.Put(t.Context(), pipeline.EvidenceKey(&kept, 0), []byte("x"), "image/jpeg"))
	w = l.newWorker(func(_ *pipeline.WorkerConfig, d *pipeline.WorkerDeps) {
		d.Deletions = &forgetful{Deletions: l.deletions, left: 1}
	})
	require.NoError(t, w.Handle(t.Context(), kept, 2))
	_, err = l.objects.Get(t.Context(), pipeline.EvidenceKey(&kept, 0))
	require.NoError(t, err)
	require.Len(t, l.deletionLog(), 3)
}

// full is an object store that takes nothing.
type full struct{ object.Store }

func (full) Put(context.Context, string, []byte, string) error { return object.ErrSpoolFull }

func TestAnswerDoesNotWaitForEvidence(t *testing.T) {
	l := newLine(t)
	l.work(func(_ *pipeline.WorkerConfig, d *pipeline.WorkerDeps) { d.Objects = full{l.objects} })
	i := l.push(l.newIntake(), "", jpegOf(t, picture(640, 360, red)))
	require.Equal(t, verdict.Tell, i.Verdict)
	require.Empty(t, i.Evidence)
	require.InDelta(t, 1, l.counter("binside_evidence_lost_total"), 0)
}

func (l *line) counter(name string) float64 {
	l.t.Helper()
	families, err := l.registry.Gather()
	require.NoError(l.t, err)
	for _, f := range families {
		if f.GetName() == name {
			sum := 0.0
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
			return sum
		}
	}
	return 0 // a vector without children is not gathered
}

func TestChangeOfABinIsInForceAtOnce(t *testing.T) {
	l := newLine(t)
	w := l.work(func(c *pipeline.WorkerConfig, _ *pipeline.WorkerDeps) { c.BinTTL = time.Hour })
	in := l.newIntake()
	file := jpegOf(t, picture(640, 360, red))
	require.Equal(t, verdict.Tell, l.push(in, "", file).Verdict)
	l.bin.Accepts = []string{"hazardous"}
	require.NoError(t, l.records.UpdateBin(t.Context(), &l.bin))
	require.Equal(t, verdict.Tell, l.push(in, "", file).Verdict, "remembered")
	w.InvalidateBin(l.bin.ID)
	require.Equal(t, verdict.Pass, l.push(in, "", file).Verdict)

	l.bin.Thresholds = &verdict.Thresholds{Tell: 1, Pass: 1, MaxExposure: 1}
	require.NoError(t, l.records.UpdateBin(t.Context(), &l.bin))
	w.InvalidateBin(l.bin.ID)
	require.Equal(t, verdict.Check, l.push(in, "", file).Verdict, "a bin's own thresholds")
}

// A bin that was set up for another table is nobody's fault at the bin:
// whatever is thrown in goes to a person, until the bin is changed.
func TestBinOfAnotherTaxonomy(t *testing.T) {
	l := newLine(t)
	rural, err := taxonomy.Open("rural-two-step", "")
	require.NoError(t, err)
	policy, err := verdict.NewPolicy(rural, colourSample(), verdict.DefaultConfidence)
	require.NoError(t, err)
	w := l.work(func(_ *pipeline.WorkerConfig, d *pipeline.WorkerDeps) { d.Rules.Policy = policy })
	in := l.newIntake()
	for _, accepts := range [][]string{{"kitchen"}, {"kitchen", "perishable"}} {
		bin, err := l.records.GetBin(t.Context(), l.bin.ID)
		require.NoError(t, err)
		bin.Accepts = accepts
		require.NoError(t, l.records.UpdateBin(t.Context(), &bin))
		w.InvalidateBin(bin.ID)
		for _, colour := range [][3]float64{red, green} {
			i := l.push(in, "", jpegOf(t, picture(640, 360, colour)))
			require.Equal(t, verdict.Check, i.Verdict)
			require.Equal(t, inspection.ReasonBin, i.Reason)
			require.Equal(t, accepts, i.Accepts)
			require.Equal(t, rural.Ref(), i.TaxonomyVersion)
			require.Contains(t, []string{"hazardous", "perishable"}, i.Category)
		}
		require.Equal(t, verdict.Unreadable, l.push(in, "", jpegOf(t, picture(640, 360, [3]float64{3, 3, 3}))).Verdict)
	}
	bin, err := l.records.GetBin(t.Context(), l.bin.ID)
	require.NoError(t, err)
	bin.Accepts = []string{"perishable"}
	require.NoError(t, l.records.UpdateBin(t.Context(), &bin))
	w.InvalidateBin(bin.ID)
	require.Equal(t, verdict.Tell, l.push(in, "", jpegOf(t, picture(640, 360, red))).Verdict)
	require.Equal(t, verdict.Pass, l.push(in, "", jpegOf(t, picture(640, 360, green))).Verdict)
}

func TestOtherServersHearOfIt(t *testing.T) {
	l := newLine(t)
	server, err := queue.Open(t.Context(), queue.Config{
		Dir: t.TempDir(), Listen: "127.0.0.1:0", ListenUser: "user", ListenPassword: "a long password", Logger: l.log,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	other, err := queue.Open(t.Context(), queue.Config{URL: "nats://user:a%20long%20password@" + server.Addr(), Logger: l.log})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })

	l.queue = server
	l.work() // listens for what the others store
	elsewhere := l.newWorker(func(_ *pipeline.WorkerConfig, d *pipeline.WorkerDeps) { d.Queue, d.Hub = other, newHub(t) })
	d := l.deposit(red)
	wait := l.hub.Wait(d.ID)
	defer wait.Cancel()
	require.NoError(t, elsewhere.Handle(t.Context(), d, 1))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	i, err := wait.Await(ctx)
	require.NoError(t, err)
	require.NotNil(t, i.Steps, "a prompt that is opened elsewhere keeps them")
	require.True(t, i.Steps.CertainAt.IsZero())
	require.False(t, i.Steps.InferredAt.Before(i.Steps.TakenAt))
	i.Steps = nil
	require.Equal(t, l.stored()[0], i)
}
