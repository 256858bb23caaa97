package pipeline_test

import (
	"bytes"
	"context"
	"image/png"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/queue"
	"github.com/binside/binside/vision/codec"
)

func TestIntakeRefuses(t *testing.T) {
	l := newLine(t)
	in := l.newIntake()
	good := jpegOf(t, picture(320, 240, red))
	var asPNG bytes.Buffer
	require.NoError(t, png.Encode(&asPNG, picture(32, 32, red).NRGBA()))
	many := make([][]byte, inspection.MaxImages+1)
	for i := range many {
		many[i] = good
	}
	for name, c := range map[string]struct {
		files  [][]byte
		err    error
		reason string
	}{
		"nothing":        {nil, pipeline.ErrNoImages, "no-images"},
		"too many":       {many, pipeline.ErrTooManyImages, "too-many-images"},
		"empty":          {[][]byte{good, {}}, nil, codec.ReasonEmpty},
		"random":         {[][]byte{good, []byte("no picture at all")}, nil, codec.ReasonUnsupported},
		"cut off":        {[][]byte{good, good[:len(good)/2]}, nil, codec.ReasonTruncated},
		"png named jpeg": {[][]byte{good, asPNG.Bytes()}, nil, codec.ReasonTypeMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := in.Submit(t.Context(), pipeline.Request{Bin: l.bin, Uploads: uploads(c.files...), IdempotencyKey: name})
			require.Error(t, err)
			require.Equal(t, c.reason, pipeline.Reason(err))
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				return
			}
			var img *pipeline.ImageError
			require.ErrorAs(t, err, &img)
			require.Equal(t, 1, img.Index)
			// A refused request claims no key: the next one may have it.
			sub, err := in.Submit(t.Context(), pipeline.Request{Bin: l.bin, Uploads: uploads(good), IdempotencyKey: name})
			require.NoError(t, err)
			sub.Close()
		})
	}
	require.InDelta(t, 6, l.counter("binside_pushes_refused_total"), 0)
}

func TestIdempotencyKey(t *testing.T) {
	l := newLine(t)
	in := l.newIntake()
	file, other := jpegOf(t, picture(320, 240, red)), jpegOf(t, picture(320, 240, green))
	submit := func(key string, files ...[]byte) (*pipeline.Submission, error) {
		return in.Submit(t.Context(), pipeline.Request{Bin: l.bin, Uploads: uploads(files...), IdempotencyKey: key, Wait: true})
	}
	first, err := submit("k", file)
	require.NoError(t, err)
	defer first.Close()
	again, err := submit("k", file)
	require.NoError(t, err)
	defer again.Close()
	require.Equal(t, first.DepositID, again.DepositID)
	require.Nil(t, again.Stored)
	_, err = submit("k", other)
	require.ErrorIs(t, err, pipeline.ErrIdempotencyMismatch)
	_, err = submit("k", file, file)
	require.ErrorIs(t, err, pipeline.ErrIdempotencyMismatch)
	s, err := l.queue.Stats(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, s.Depth)

	l.work()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	i, err := first.Await(ctx)
	require.NoError(t, err)
	j, err := again.Await(ctx)
	require.NoError(t, err)
	require.Equal(t, i, j)
	recorded := *i
	recorded.Steps = nil // they travel with the announcement alone
	i = &recorded

	late, err := submit("k", file)
	require.NoError(t, err)
	defer late.Close()
	require.Equal(t, i.ID, late.DepositID)
	require.Equal(t, i, late.Stored)
	stored, err := late.Await(ctx)
	require.NoError(t, err)
	require.Equal(t, i, stored)
	require.Len(t, l.stored(), 1)

	keyless, more := l.push(in, "", file), l.push(in, "", file)
	require.NotEqual(t, keyless.ID, more.ID, "without a key every push is its own deposit")
}

// refusing is a queue that takes nothing.
type refusing struct{ err error }

func (r refusing) Publish(context.Context, inspection.Deposit) error { return r.err }

func TestQueueThatRefuses(t *testing.T) {
	l := newLine(t)
	in := pipeline.NewIntake(pipeline.IntakeConfig{Redactor: nobody{}}, l.records, refusing{queue.ErrFull}, l.hub, l.prepared, l.metrics)
	file := jpegOf(t, picture(320, 240, red))
	_, err := in.Submit(t.Context(), pipeline.Request{Bin: l.bin, Uploads: uploads(file), IdempotencyKey: "k", Wait: true})
	require.ErrorIs(t, err, queue.ErrFull)
	require.Equal(t, "queue-full", pipeline.Reason(err))
	// The client tries again, and this time there is room.
	l.work()
	require.Equal(t, "battery", l.push(l.newIntake(), "k", file).ItemClass)
	require.Len(t, l.stored(), 1)
}

func TestSharpestImageIsTheFirst(t *testing.T) {
	l := newLine(t)
	l.work()
	sharp := picture(640, 480, red)
	soft := sharp.Clone()
	for i := 3; i < len(soft.Pix)-3; i++ { // a crude blur along the rows
		soft.Pix[i] = byte((int(soft.Pix[i-3]) + 6*int(sharp.Pix[i]) + int(sharp.Pix[i+3])) / 8)
	}
	flat := picture(640, 480, red)
	for i := range flat.Pix {
		flat.Pix[i] = byte(red[i%3])
	}
	i := l.push(l.newIntake(), "", jpegOf(t, flat), jpegOf(t, sharp))
	require.Len(t, i.Evidence, 2)
	first, err := l.objects.Get(t.Context(), i.Evidence[0].Key)
	require.NoError(t, err)
	second, err := l.objects.Get(t.Context(), i.Evidence[1].Key)
	require.NoError(t, err)
	require.Greater(t, len(first), len(second), "the flat picture takes fewer bytes")
	require.Len(t, l.classifier.views, 2)
}

func TestLargeAndTurnedPicturesAreBroughtIntoShape(t *testing.T) {
	l := newLine(t)
	l.work()
	i := l.push(l.newIntake(), "", jpegOf(t, picture(2400, 1200, red)))
	require.Equal(t, []int{1600, 800}, []int{i.Evidence[0].Width, i.Evidence[0].Height})
	kept, err := l.objects.Get(t.Context(), i.Evidence[0].Key)
	require.NoError(t, err)
	info, err := codec.Inspect(kept, codec.Limits{})
	require.NoError(t, err)
	require.Equal(t, []int{1600, 800}, []int{info.Width, info.Height})

	var file bytes.Buffer
	require.NoError(t, png.Encode(&file, picture(300, 500, blue).NRGBA()))
	sub, err := l.newIntake().Submit(t.Context(), pipeline.Request{
		Bin: l.bin, Uploads: []pipeline.Upload{{Data: file.Bytes(), Declared: "a.png"}}, Wait: true,
	})
	require.NoError(t, err)
	defer sub.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	i, err = sub.Await(ctx)
	require.NoError(t, err)
	require.Equal(t, "plastic", i.ItemClass)
	kept, err = l.objects.Get(t.Context(), i.Evidence[0].Key)
	require.NoError(t, err)
	format, _ := codec.Sniff(kept)
	require.Equal(t, codec.FormatJPEG, format)
}

func TestAwaitWithoutWait(t *testing.T) {
	l := newLine(t)
	sub, err := l.newIntake().Submit(t.Context(), pipeline.Request{Bin: l.bin, Uploads: uploads(jpegOf(t, picture(64, 64, red)))})
	require.NoError(t, err)
	defer sub.Close()
	_, err = sub.Await(t.Context())
	require.Error(t, err)
	require.NotErrorIs(t, err, context.Canceled)
}
