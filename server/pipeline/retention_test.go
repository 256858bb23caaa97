package pipeline_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/pipeline"
	"github.com/binside/binside/server/store/object"
)

// sticky is an object store that keeps one key whatever happens.
type sticky struct {
	object.Store
	key string
}

func (s *sticky) Delete(ctx context.Context, key string) error {
	if key == s.key {
		return errors.New("no")
	}
	return s.Store.Delete(ctx, key)
}

func TestExpiredEvidenceGoes(t *testing.T) {
	l := newLine(t)
	l.work(func(_ *pipeline.WorkerConfig, d *pipeline.WorkerDeps) {
		d.Rules.Retention = map[verdict.Verdict]time.Duration{verdict.Tell: time.Microsecond, verdict.Check: time.Hour}
	})
	in := l.newIntake()
	file := jpegOf(t, picture(320, 240, red))
	first, second := l.push(in, "", file), l.push(in, "", file)
	kept := l.push(in, "", jpegOf(t, picture(320, 240, yellow)))

	objects := &sticky{Store: l.objects, key: first.Evidence[0].Key}
	job := pipeline.NewRetention(l.records, objects, l.deletions, time.Hour, 0, l.metrics, l.log)
	n, err := job.Round(t.Context())
	require.ErrorContains(t, err, first.Evidence[0].Key)
	require.Equal(t, 1, n, "one that cannot be deleted keeps no other")
	_, err = l.objects.Get(t.Context(), second.Evidence[0].Key)
	require.ErrorIs(t, err, object.ErrNotFound)
	_, err = l.objects.Get(t.Context(), kept.Evidence[0].Key)
	require.NoError(t, err)
	read, err := l.records.GetInspection(t.Context(), second.ID)
	require.NoError(t, err)
	require.NotNil(t, read.Evidence[0].DeletedAt)

	// The running job makes good what failed, at its start.
	objects.key = ""
	job.Start(t.Context())
	defer job.Close()
	require.Eventually(t, func() bool {
		i, err := l.records.GetInspection(t.Context(), first.ID)
		return err == nil && i.Evidence[0].DeletedAt != nil
	}, patience, 5*time.Millisecond)
	job.Close()
	n, err = job.Round(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
}
