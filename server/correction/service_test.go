package correction_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/models/verdict"
	"github.com/binside/binside/server/correction"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/notify"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

type bench struct {
	*testing.T
	store   *store.Store
	hub     *notify.Hub
	service *correction.Service
	changed chan *inspection.Inspection
}

func setUp(t *testing.T, cfg correction.Config) *bench {
	t.Helper()
	b := &bench{T: t, hub: notify.New(notify.Options{}), changed: make(chan *inspection.Inspection, 100)}
	var err error
	b.store, err = store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "r.db"), store.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.store.Close()) })
	require.NoError(t, b.store.CreateStation(t.Context(), &station.Station{ID: "here", Name: "here", RegionPath: "/a", TimeZone: "Asia/Shanghai"}))
	for _, id := range []string{"blue", "red", "green"} {
		require.NoError(t, b.store.CreateBin(t.Context(), &station.Bin{ID: id, StationID: "here", Name: id, Accepts: []string{id}}))
	}
	b.start(cfg)
	t.Cleanup(func() { b.service.Close(); b.hub.Close() })
	return b
}

func (b *bench) start(cfg correction.Config) {
	b.Helper()
	b.service = correction.New(cfg, correction.Deps{
		Store: b.store, Hub: b.hub, Changed: func(i *inspection.Inspection) { b.changed <- i }, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(b, b.service.Start(b.Context()))
}

// deposit stores and announces an inspection of a thing that belongs into the
// red bin.
func (b *bench) deposit(bin string, v verdict.Verdict, ago time.Duration) *inspection.Inspection {
	b.Helper()
	at := time.Now().Add(-ago).UTC().Truncate(time.Microsecond)
	i := &inspection.Inspection{
		ID: uuid.Must(uuid.NewV7()).String(), StationID: "here", BinID: bin, Source: inspection.FromStream, CapturedAt: at, ReceivedAt: at, DecidedAt: at,
		Verdict: v, Category: "red", ItemClass: "battery", Accepts: []string{bin},
	}
	_, err := b.store.SaveInspection(context.Background(), i)
	require.NoError(b, err)
	b.hub.Publish(i)
	return i
}

// next is the next change.
func (b *bench) next() *inspection.Inspection {
	b.Helper()
	select {
	case i := <-b.changed:
		stored, err := b.store.GetInspection(context.Background(), i.ID)
		require.NoError(b, err)
		require.Equal(b, stored.Prompt, i.Prompt, "what is announced is what is stored")
		return i
	case <-time.After(patience):
		b.Fatal("nothing changed")
		return nil
	}
}

func (b *bench) becomes(i *inspection.Inspection, state inspection.PromptState, means string) {
	b.Helper()
	got := b.next()
	require.Equal(b, i.ID, got.ID)
	require.Equal(b, state, got.Prompt.State)
	require.Equal(b, means, got.Prompt.Means)
}

func TestWindowPasses(t *testing.T) {
	b := setUp(t, correction.Config{Window: 300 * time.Millisecond})
	i := b.deposit("blue", verdict.Tell, 0)
	b.becomes(i, inspection.PromptOpen, "")
	b.becomes(i, inspection.PromptUncorrected, "")
	_, err := b.service.Correct(t.Context(), i.ID)
	require.ErrorIs(t, err, store.ErrConflict, "too late")
	b.hub.Publish(i) // delivered again
	b.deposit("blue", verdict.Check, 0)
	b.becomes(b.deposit("blue", verdict.Tell, 0), inspection.PromptOpen, "")
}

func TestItemAppearsAtTheRightBin(t *testing.T) {
	b := setUp(t, correction.Config{Window: time.Minute})
	i := b.deposit("blue", verdict.Tell, 0)
	b.becomes(i, inspection.PromptOpen, "")
	b.deposit("red", verdict.Pass, time.Minute) // earlier
	b.deposit("blue", verdict.Pass, 0)          // the same bin
	b.deposit("red", verdict.Pass, 0)
	b.becomes(i, inspection.PromptCorrected, inspection.MeansItem)
	b.deposit("red", verdict.Pass, 0)
	require.Empty(t, b.changed)
}

func TestButtons(t *testing.T) {
	b := setUp(t, correction.Config{Window: time.Minute})
	one, two := b.deposit("blue", verdict.Tell, 0), b.deposit("green", verdict.Tell, 0)
	b.becomes(one, inspection.PromptOpen, "")
	b.becomes(two, inspection.PromptOpen, "")
	_, err := b.service.Correct(t.Context(), one.ID)
	require.NoError(t, err)
	b.becomes(one, inspection.PromptCorrected, inspection.MeansButton)
	appealed, err := b.service.Appeal(t.Context(), two.ID)
	require.NoError(t, err)
	require.Len(t, appealed.Prompt.Receipt, 9)
	b.becomes(two, inspection.PromptAppealed, "")
	_, err = b.service.Appeal(t.Context(), "019f0000-0000-7000-8000-000000000000")
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestWithheld(t *testing.T) {
	zone, err := time.LoadLocation("Asia/Shanghai")
	require.NoError(t, err)
	now := time.Now().In(zone)
	clock := time.Duration(now.Hour())*time.Hour + time.Duration(now.Minute())*time.Minute
	for name, c := range map[string]struct {
		cfg   correction.Config
		ago   time.Duration
		means string
	}{
		"stale":  {correction.Config{}, time.Minute, inspection.MeansStale},
		"quiet":  {correction.Config{Quiet: []station.Hours{{From: clock - time.Hour, To: clock + time.Hour}}}, 0, inspection.MeansQuiet},
		"budget": {correction.Config{Budget: 2}, 0, inspection.MeansBudget},
	} {
		t.Run(name, func(t *testing.T) {
			c.cfg.Window = time.Minute
			b := setUp(t, c.cfg)
			for range max(0, c.cfg.Budget) {
				b.becomes(b.deposit("blue", verdict.Tell, c.ago), inspection.PromptOpen, "")
			}
			b.becomes(b.deposit("blue", verdict.Tell, c.ago), inspection.PromptWithheld, c.means)
		})
	}
}

// A prompt that was open when the service was killed ends in its time.
func TestOpenPromptsOutliveARestart(t *testing.T) {
	b := setUp(t, correction.Config{Window: time.Second})
	i := b.deposit("blue", verdict.Tell, 0)
	b.becomes(i, inspection.PromptOpen, "")
	b.service.Close()
	b.start(correction.Config{Window: time.Second})
	b.becomes(i, inspection.PromptUncorrected, "")
}
