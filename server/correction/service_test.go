package correction_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"
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
	return b.depositAs(uuid.Must(uuid.NewV7()).String(), bin, v, ago)
}

func (b *bench) depositAs(id, bin string, v verdict.Verdict, ago time.Duration) *inspection.Inspection {
	b.Helper()
	at := time.Now().Add(-ago).UTC().Truncate(time.Microsecond)
	i := &inspection.Inspection{
		ID: id, StationID: "here", BinID: bin, Source: inspection.FromStream, CapturedAt: at, ReceivedAt: at, DecidedAt: at,
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
			// Thanks do not nag, but nobody wants to hear them at night or of what was long ago.
			right := b.deposit("red", verdict.Pass, c.ago)
			require.Equal(t, c.means == inspection.MeansBudget, b.service.MayThank(t.Context(), right))
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

// taken reports that something was taken out of a bin.
func (b *bench) taken(bin, denies string) {
	b.service.Removed(inspection.Removal{StationID: "here", BinID: bin, Since: time.Now(), Denies: denies})
}

// noted is the next change, which must be a removal's.
func (b *bench) noted(i *inspection.Inspection) *inspection.Prompt {
	b.Helper()
	got := b.next()
	require.Equal(b, i.ID, got.ID)
	require.Equal(b, inspection.PromptOpen, got.Prompt.State)
	require.NotNil(b, got.Prompt.RemovedAt)
	return got.Prompt
}

func TestItemLeavesTheWrongBinAndAppearsAtTheRightOne(t *testing.T) {
	b := setUp(t, correction.Config{Window: time.Minute})
	i := b.deposit("blue", verdict.Tell, time.Second)
	b.becomes(i, inspection.PromptOpen, "")
	b.taken("green", "") // another bin's
	b.taken("blue", "")
	b.noted(i)
	b.taken("blue", "") // something else: it is noted once
	b.deposit("blue", verdict.Check, 0)
	b.deposit("red", verdict.Check, 0) // not sure, but that it left the wrong bin speaks for it
	b.becomes(i, inspection.PromptCorrected, inspection.MeansItem)
	require.Empty(t, b.changed)
}

func TestUnsureItemAloneCorrectsNothing(t *testing.T) {
	b := setUp(t, correction.Config{Window: time.Minute})
	i := b.deposit("blue", verdict.Tell, time.Second)
	b.becomes(i, inspection.PromptOpen, "")
	b.deposit("red", verdict.Check, 0)
	b.deposit("red", verdict.Pass, 0)
	b.becomes(i, inspection.PromptCorrected, inspection.MeansItem)
}

// The item that was taken out is the one that appears, and of several in one
// bin the last one is taken.
func TestTakenOneGoesBeforeOthers(t *testing.T) {
	b := setUp(t, correction.Config{Window: time.Minute})
	first, second, third := b.deposit("green", verdict.Tell, 3*time.Second), b.deposit("blue", verdict.Tell, 2*time.Second), b.deposit("blue", verdict.Tell, time.Second)
	for _, i := range []*inspection.Inspection{first, second, third} {
		b.becomes(i, inspection.PromptOpen, "")
	}
	b.taken("blue", "")
	b.noted(third)
	b.deposit("red", verdict.Pass, 0)
	b.becomes(third, inspection.PromptCorrected, inspection.MeansItem)
	b.deposit("red", verdict.Pass, 0)
	b.becomes(first, inspection.PromptCorrected, inspection.MeansItem)
}

func TestRemovalAloneExtendsTheWindowOnce(t *testing.T) {
	b := setUp(t, correction.Config{Window: time.Second, Grace: 1500 * time.Millisecond})
	i := b.deposit("blue", verdict.Tell, time.Second)
	b.becomes(i, inspection.PromptOpen, "")
	b.taken("blue", "")
	p := b.noted(i)
	require.WithinDuration(t, p.RemovedAt.Add(1500*time.Millisecond), p.Until, time.Millisecond)
	require.True(t, p.Until.After(p.OpenedAt.Add(time.Second)))
	b.taken("blue", "")
	got := b.next()
	require.Equal(t, inspection.PromptUncorrected, got.Prompt.State, "nobody knows where it went")
	require.False(t, got.Prompt.EndedAt.Before(p.Until))
	require.NotNil(t, got.Prompt.RemovedAt)
}

// A hand that takes something out and was taken for a deposit is not accused.
func TestDeniedDepositIsWithdrawn(t *testing.T) {
	b := setUp(t, correction.Config{Window: time.Minute})
	item, hand := b.deposit("blue", verdict.Tell, 2*time.Second), b.deposit("blue", verdict.Tell, time.Second)
	b.becomes(item, inspection.PromptOpen, "")
	b.becomes(hand, inspection.PromptOpen, "")
	b.taken("blue", hand.ID)
	b.becomes(hand, inspection.PromptWithdrawn, inspection.MeansDenied)
	b.noted(item)

	unborn := uuid.Must(uuid.NewV7()).String()
	b.taken("green", unborn)
	b.taken("green", "")
	require.Eventually(t, func() bool { return testutil.ToFloat64(b.service.Taken("none")) == 2 }, patience, time.Millisecond)
	b.depositAs(unborn, "green", verdict.Tell, 0)
	b.becomes(&inspection.Inspection{ID: unborn}, inspection.PromptWithheld, inspection.MeansDenied)
}

// A station's own settings count from the next misdeposit on.
func TestStationsOwnSettings(t *testing.T) {
	b := setUp(t, correction.Config{Window: time.Minute, Budget: 1})
	window := func() time.Duration {
		p := b.next().Prompt
		require.Equal(t, inspection.PromptOpen, p.State)
		return p.Until.Sub(p.OpenedAt)
	}
	b.deposit("blue", verdict.Tell, 0)
	require.Equal(t, time.Minute, window())
	b.deposit("blue", verdict.Tell, 0)
	require.Equal(t, inspection.MeansBudget, b.next().Prompt.Means)

	set := func(p *station.Prompts) {
		st, err := b.store.GetStation(t.Context(), "here")
		require.NoError(t, err)
		st.Prompts = p
		require.NoError(t, b.store.UpdateStation(t.Context(), &st))
	}
	none, always := 0, "00:00-12:00,12:00-00:00"
	set(&station.Prompts{WindowSeconds: station.Seconds(45 * time.Second), Budget: &none})
	b.deposit("blue", verdict.Tell, 0)
	require.Equal(t, 45*time.Second, window())
	set(&station.Prompts{QuietHours: &always})
	b.deposit("blue", verdict.Tell, 0)
	require.Equal(t, inspection.MeansQuiet, b.next().Prompt.Means)
	require.False(t, b.service.MayThank(t.Context(), &inspection.Inspection{StationID: "here", ReceivedAt: time.Now()}))
	two, never := 5, ""
	set(&station.Prompts{Budget: &two, BudgetSpanSeconds: station.Seconds(time.Hour), QuietHours: &never})
	b.deposit("blue", verdict.Tell, 0)
	require.Equal(t, time.Minute, window())
	require.True(t, b.service.MayThank(t.Context(), &inspection.Inspection{StationID: "here", ReceivedAt: time.Now()}))
}
