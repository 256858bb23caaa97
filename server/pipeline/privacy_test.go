package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models/faces"
	"github.com/binside/binside/models/faces/facestest"
	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/deletion"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/store/object"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/codec"
	"github.com/binside/binside/vision/privacy"
)

// realRedactor finds faces with the real network.
func realRedactor(t *testing.T) *privacy.Redactor {
	t.Helper()
	d, err := faces.Open(faces.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return &privacy.Redactor{Faces: d.Find}
}

// sightless can tell nothing of any picture.
type sightless struct{}

func (sightless) Areas(context.Context, *vision.Image) ([]image.Rectangle, error) {
	return nil, errors.New("the network is broken")
}

// witness passes deposits on and remembers what was to be queued.
type witness struct {
	pipeline.Publisher
	mu       sync.Mutex
	deposits []inspection.Deposit
}

func (w *witness) Publish(ctx context.Context, d inspection.Deposit) error {
	w.mu.Lock()
	w.deposits = append(w.deposits, d)
	w.mu.Unlock()
	return w.Publisher.Publish(ctx, d)
}

func requireClean(t *testing.T, jpeg []byte, what string) {
	t.Helper()
	require.True(t, bytes.HasPrefix(jpeg, []byte{0xff, 0xd8}), what)
	for _, mark := range []string{facestest.Place, "Exif", "http://ns.adobe.com"} {
		require.NotContains(t, string(jpeg), mark, what)
	}
}

// paintedAt says whether a point of a JPEG is painted over.
func paintedAt(t *testing.T, jpeg []byte, p image.Point) bool {
	t.Helper()
	img, _, err := codec.Decode(jpeg, codec.Limits{}, codec.Options{})
	require.NoError(t, err)
	for dy := -3; dy <= 3; dy++ {
		for dx := -3; dx <= 3; dx++ {
			c := img.At(p.X+dx, p.Y+dy)
			for _, v := range []uint8{c.R, c.G, c.B} {
				if v < privacy.Fill.R-4 || v > privacy.Fill.R+4 {
					return false
				}
			}
		}
	}
	return true
}

func TestPushedPhotographLosesFaceAndPlace(t *testing.T) {
	l := newLine(t)
	l.work()
	queued := &witness{Publisher: l.queue}
	in := pipeline.NewIntake(pipeline.IntakeConfig{MaxSide: 1000, Redactor: realRedactor(t)}, l.records, queued, l.hub, l.prepared, l.metrics)
	img, face := facestest.On(t, 1280, 720, 400, image.Pt(500, 100))
	paint(img, image.Rect(40, 40, 420, 680), red, newRand()) // what was thrown in
	for _, orientation := range []int{1, 3} {                // upright, and lying on its head until it is turned
		whole, err := codec.EncodeJPEG(codec.Orient(img, orientation), 95)
		require.NoError(t, err)
		file := facestest.WithPlace(t, whole, uint16(orientation))
		// What is redacted before it is submitted is kept like what is not.
		redacted, err := in.Redact(t.Context(), pipeline.Upload{Data: file})
		require.NoError(t, err)
		later := l.push(in, "", redacted)
		kept, err := l.objects.Get(t.Context(), later.Evidence[0].Key)
		require.NoError(t, err)
		requireClean(t, redacted, "redacted")
		require.Equal(t, redacted, kept)
		i := l.push(in, "", file)
		d := queued.deposits[len(queued.deposits)-1]
		require.Len(t, i.Evidence, 1)
		kept, err = l.objects.Get(t.Context(), i.Evidence[0].Key)
		require.NoError(t, err)
		for what, jpeg := range map[string][]byte{"queue": d.Images[0].JPEG, "evidence": kept} {
			requireClean(t, jpeg, what)
			require.True(t, paintedAt(t, jpeg, face.Min.Add(face.Max).Div(2).Mul(1000).Div(1280)), "%s: the face is painted over", what)
			require.False(t, paintedAt(t, jpeg, image.Pt(180, 280)), "%s: the item is not", what)
			info, err := codec.Inspect(jpeg, codec.Limits{})
			require.NoError(t, err)
			require.Equal(t, []int{1000, 563}, []int{info.Width, info.Height})
		}
	}

	// A photograph of nobody keeps its own samples.
	plain := jpegOf(t, picture(640, 360, red))
	i := l.push(in, "", facestest.WithPlace(t, plain, 1))
	kept, err := l.objects.Get(t.Context(), i.Evidence[0].Key)
	require.NoError(t, err)
	stripped, err := codec.StripJPEG(plain)
	require.NoError(t, err)
	require.Equal(t, stripped, kept)
}

func TestPhotographThatCannotBeSearchedIsRefused(t *testing.T) {
	l := newLine(t)
	for _, r := range []pipeline.Redactor{sightless{}, nil} {
		queued := &witness{Publisher: l.queue}
		in := pipeline.NewIntake(pipeline.IntakeConfig{Redactor: r}, l.records, queued, l.hub, l.prepared, l.metrics)
		_, err := in.Submit(t.Context(), pipeline.Request{Bin: l.bin, Uploads: uploads(jpegOf(t, picture(320, 240, red)))})
		require.ErrorIs(t, err, pipeline.ErrRedaction)
		require.Equal(t, "redaction", pipeline.Reason(err))
		require.Empty(t, queued.deposits)
		_, err = in.Redact(t.Context(), pipeline.Upload{Data: jpegOf(t, picture(320, 240, red))})
		require.ErrorIs(t, err, pipeline.ErrRedaction)
	}
	require.InDelta(t, 4, l.counter("binside_redaction_errors_total"), 0)
}

func TestCamerasPicturesOfPeopleArePainted(t *testing.T) {
	for name, c := range map[string]struct {
		redactor pipeline.Redactor
		verdict  func(*inspection.Inspection) bool
		painted  bool
	}{
		// The lower half of every picture is a person.
		"somebody": {half{}, func(i *inspection.Inspection) bool { return i.Verdict != "" }, true},
		"broken": {sightless{}, func(i *inspection.Inspection) bool {
			return i.Verdict == verdict.Unreadable && i.Reason == inspection.ReasonHidden
		}, true},
		"missing": {nil, func(i *inspection.Inspection) bool { return i.Verdict == verdict.Unreadable }, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLine(t)
			l.addCamera("cam", corner)
			l.work()
			queued := &witness{Publisher: l.queue}
			cameras := l.newCameras(func(_ *pipeline.CamerasConfig, d *pipeline.CamerasDeps) { d.Redactor, d.Queue = c.redactor, queued })
			require.NoError(t, cameras.Start(t.Context()))
			f := newFilm()
			require.Empty(t, show(t, cameras, f, 25, false))
			found := show(t, cameras, f, 25, true)
			require.Len(t, found, 1, "the deposit goes on")
			require.True(t, c.verdict(found[0]), "%s, %s", found[0].Verdict, found[0].Reason)
			require.Len(t, queued.deposits, 1)
			for _, img := range queued.deposits[0].Images {
				low := image.Pt(img.Width/4, img.Height*3/4)
				require.True(t, paintedAt(t, img.JPEG, low))
				requireClean(t, img.JPEG, "queue")
				if name != "somebody" {
					require.True(t, paintedAt(t, img.JPEG, image.Pt(20, img.Height/2-10)), "nothing of it remains")
				}
			}
			for _, e := range found[0].Evidence {
				kept, err := l.objects.Get(t.Context(), e.Key)
				require.NoError(t, err)
				require.True(t, paintedAt(t, kept, image.Pt(e.Width/4, e.Height*3/4)))
			}
		})
	}
}

// A picture of which most is painted over accuses nobody: it is left out where the
// deposit has another, and the deposit is unreadable where it has none. That is
// seen in what was redacted elsewhere as well.
func TestHiddenPictureIsNoEvidence(t *testing.T) {
	l := newLine(t)
	l.work()
	in := pipeline.NewIntake(pipeline.IntakeConfig{Redactor: top(0.7)}, l.records, l.queue, l.hub, l.prepared, l.metrics)
	file := jpegOf(t, picture(640, 480, red))
	i := l.push(in, "", file)
	require.Equal(t, []any{verdict.Unreadable, inspection.ReasonHidden}, []any{i.Verdict, i.Reason})
	require.Len(t, i.Evidence, 1, "it is kept")
	redacted, err := in.Redact(t.Context(), pipeline.Upload{Data: file})
	require.NoError(t, err)
	plain := l.newIntake() // finds nobody
	i = l.push(plain, "", redacted)
	require.Equal(t, inspection.ReasonHidden, i.Reason)
	for _, files := range [][][]byte{{redacted, jpegOf(t, picture(640, 480, red))}, {jpegOf(t, picture(640, 480, red)), redacted}} {
		i = l.push(plain, "", files...)
		require.Equal(t, verdict.Tell, i.Verdict, i.Reason)
		require.Len(t, i.Evidence, 2)
		require.Len(t, l.classifier.views, 1)
		require.Zero(t, privacy.Painted(l.classifier.views[0].Image, l.classifier.views[0].Crop))
	}
	i = l.push(pipeline.NewIntake(pipeline.IntakeConfig{Redactor: top(0.5)}, l.records, l.queue, l.hub, l.prepared, l.metrics), "", file)
	require.NotEqual(t, inspection.ReasonHidden, i.Reason, "enough is left to see")
}

// top takes so much of every picture, from its upper edge, for a person.
type top float64

func (s top) Areas(_ context.Context, img *vision.Image) ([]image.Rectangle, error) {
	return []image.Rectangle{image.Rect(0, 0, img.Width, int(float64(s)*float64(img.Height)))}, nil
}

// half takes the lower half of every picture for a person.
type half struct{}

func (half) Areas(_ context.Context, img *vision.Image) ([]image.Rectangle, error) {
	return []image.Rectangle{image.Rect(0, img.Height/2, img.Width, img.Height)}, nil
}

func TestSnapshotOfPeopleIsPainted(t *testing.T) {
	l := newLine(t)
	l.addCamera("cam", vision.Full())
	redactor := realRedactor(t)
	redactor.SmallestFace = 24
	cameras := l.newCameras(func(_ *pipeline.CamerasConfig, d *pipeline.CamerasDeps) { d.Overview = redactor })
	require.NoError(t, cameras.Start(t.Context()))
	_, err := cameras.Snapshot(t.Context(), "cam")
	require.ErrorIs(t, err, pipeline.ErrNoFrame)
	img, face := facestest.On(t, 1280, 720, 180, image.Pt(1000, 300))
	was := img.Clone()
	pushed, err := cameras.PushFrame(t.Context(), "cam", pipeline.Upload{Data: facestest.WithPlace(t, jpegOf(t, img), 1)})
	require.NoError(t, err)
	defer pushed.Close()
	_, err = pushed.Await(t.Context())
	require.NoError(t, err)
	for range 2 {
		s, err := cameras.Snapshot(t.Context(), "cam")
		require.NoError(t, err)
		require.Equal(t, []int{1280, 720}, []int{s.Width, s.Height})
		require.Positive(t, s.Painted)
		requireClean(t, s.JPEG, "snapshot")
		require.True(t, paintedAt(t, s.JPEG, face.Min.Add(face.Max).Div(2)))
		require.False(t, paintedAt(t, s.JPEG, image.Pt(300, 300)), "the view is there")
	}
	require.Equal(t, was.Pix, img.Pix)
	_, err = cameras.Snapshot(t.Context(), "none")
	require.ErrorIs(t, err, pipeline.ErrUnknownCamera)
	cameras.Close(t.Context())
	_, err = cameras.Snapshot(t.Context(), "cam")
	require.ErrorIs(t, err, pipeline.ErrClosed)
}

// forgetful is a log whose first tries fail: a crash between the deletion of an
// object and the log's entry.
type forgetful struct {
	pipeline.Deletions
	left int
}

func (f *forgetful) Add(ctx context.Context, entries ...deletion.Entry) error {
	if f.left--; f.left >= 0 {
		return errors.New("crash")
	}
	return f.Deletions.Add(ctx, entries...)
}

// deletionLog checks the whole deletion log and returns its entries.
func (l *line) deletionLog() (all []deletion.Entry) {
	l.t.Helper()
	head, keys, err := l.records.DeletionState(l.t.Context())
	require.NoError(l.t, err)
	v, err := deletion.NewVerifier(keys, &head)
	require.NoError(l.t, err)
	require.NoError(l.t, l.records.EachDeletion(l.t.Context(), head.Seq, func(e deletion.Entry) error {
		all = append(all, e)
		return v.Add(e)
	}))
	_, err = v.End()
	require.NoError(l.t, err)
	n, err := l.records.UnloggedDeletions(l.t.Context())
	require.NoError(l.t, err)
	require.Zero(l.t, n)
	return all
}

func TestNothingIsDeletedWithoutAnEntry(t *testing.T) {
	l := newLine(t)
	l.work(func(_ *pipeline.WorkerConfig, d *pipeline.WorkerDeps) {
		d.Rules.Retention = map[verdict.Verdict]time.Duration{verdict.Tell: time.Microsecond}
	})
	i := l.push(l.newIntake(), "", jpegOf(t, picture(320, 240, red)))
	require.Equal(t, verdict.Tell, i.Verdict)
	crash := &forgetful{Deletions: l.deletions, left: 1}
	job := pipeline.NewRetention(l.records, l.objects, crash, time.Hour, 0, l.metrics, slog.New(slog.DiscardHandler))
	_, err := job.Round(t.Context())
	require.ErrorContains(t, err, "crash")
	_, err = l.objects.Get(t.Context(), i.Evidence[0].Key)
	require.ErrorIs(t, err, object.ErrNotFound)
	known, err := l.records.GetInspection(t.Context(), i.ID)
	require.NoError(t, err)
	require.Nil(t, known.Evidence[0].DeletedAt, "what is not logged is not marked")

	n, err := job.Round(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n, "the next round deletes it again, and logs it")
	entries := l.deletionLog()
	require.Len(t, entries, 2)
	require.Equal(t, deletion.Begun, entries[0].Reason)
	require.Equal(t, []any{"retention:tell", i.Evidence[0].Key, i.Evidence[0].SHA256, i.ID, 0},
		[]any{entries[1].Reason, entries[1].Key, entries[1].SHA256, entries[1].InspectionID, entries[1].Ordinal})
}

// Each verdict has a time of its own.
func TestRetentionIsPerVerdict(t *testing.T) {
	l := newLine(t)
	times := map[verdict.Verdict]time.Duration{
		verdict.Pass: time.Hour, verdict.Tell: 2 * time.Hour, verdict.Check: 3 * time.Hour, verdict.Unreadable: 4 * time.Hour,
	}
	l.work(func(_ *pipeline.WorkerConfig, d *pipeline.WorkerDeps) {
		d.Rules.Retention, d.Rules.PassShare = times, 1
	})
	in := l.newIntake()
	seen := map[verdict.Verdict]bool{}
	for _, file := range [][]byte{
		jpegOf(t, picture(320, 240, red)), jpegOf(t, picture(320, 240, green)), jpegOf(t, picture(320, 240, yellow)), jpegOf(t, vision.NewImage(320, 240)),
	} {
		i := l.push(in, "", file)
		require.Len(t, i.Evidence, 1, i.Verdict)
		require.WithinDuration(t, i.DecidedAt.Add(times[i.Verdict]), i.Evidence[0].ExpiresAt, time.Second)
		for after, want := range map[time.Duration]bool{times[i.Verdict] - time.Second: false, times[i.Verdict] + time.Second: true} {
			due, err := l.records.EvidenceDue(t.Context(), i.DecidedAt.Add(after), time.Time{}, 10)
			require.NoError(t, err)
			ids := make([]string, len(due))
			for n, e := range due {
				ids[n] = e.InspectionID
			}
			require.Equal(t, want, slices.Contains(ids, i.ID), "%s after %s", i.Verdict, after)
		}
		seen[i.Verdict] = true
	}
	require.Len(t, seen, len(times), "every verdict was tried")
}
