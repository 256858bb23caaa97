package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
)

const (
	// memoryAge is how old a memory may be to be gone by: places change.
	memoryAge = 30 * 24 * time.Hour
	// memoryPause is the least time between two rounds of writing, and
	// memoryRetry the most after failed ones.
	memoryPause, memoryRetry = 5 * time.Second, 5 * time.Minute
)

// memories brings what cameras usually show into the store, and out of it when a
// camera starts. put never waits: one memory a camera waits for the writer, the
// latest.
type memories struct {
	store   CameraStore
	timeout time.Duration
	metrics *Metrics
	log     *slog.Logger

	wake chan struct{} // holds one
	quit chan struct{} // closed when the writer must end
	once sync.Once
	done sync.WaitGroup

	writing sync.Mutex // one memory is written or removed at a time

	mu      sync.Mutex
	waiting map[string]store.CameraMemory // by camera, until the store has it
}

func newMemories(s CameraStore, timeout time.Duration, m *Metrics, log *slog.Logger) *memories {
	k := &memories{
		store: s, timeout: timeout, metrics: m, log: log,
		wake: make(chan struct{}, 1), quit: make(chan struct{}), waiting: make(map[string]store.CameraMemory),
	}
	k.done.Go(k.run)
	return k
}

// put gives a camera's latest memory to the writer.
func (k *memories) put(m store.CameraMemory) {
	k.mu.Lock()
	k.waiting[m.CameraID] = m
	k.mu.Unlock()
	k.nudge()
}

func (k *memories) nudge() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// of is a camera's memory, nil where there is none to go by: nothing is kept, it
// is of another device, or too old. A camera for which the store cannot be asked
// learns anew.
func (k *memories) of(ctx context.Context, cam station.Camera) []byte {
	k.mu.Lock()
	m, ok := k.waiting[cam.ID]
	k.mu.Unlock()
	if !ok {
		var err error
		ctx, cancel := context.WithTimeout(ctx, k.timeout)
		defer cancel()
		if m, err = k.store.CameraMemory(ctx, cam.ID); err != nil {
			if !errors.Is(err, store.ErrNotFound) {
				k.failed(cam.ID, err)
			}
			return nil
		}
	}
	if m.Device != deviceOf(cam) || time.Since(m.At) > memoryAge {
		return nil
	}
	return m.Memory
}

// forget removes what is kept of a camera; reset makes its monitor forget it,
// once the store has, and nothing from before is written afterwards. After an
// error all is as it was.
func (k *memories) forget(ctx context.Context, cameraID string, reset func()) error {
	k.writing.Lock()
	defer k.writing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	if err := k.store.ForgetCamera(ctx, cameraID); err != nil {
		return err
	}
	reset()
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.waiting, cameraID)
	return nil
}

// close writes what waits until ctx ends.
func (k *memories) close(ctx context.Context) {
	k.once.Do(func() { close(k.quit) })
	k.done.Wait()
	k.flush(ctx)
}

func (k *memories) run() {
	ctx, cancel := context.WithCancel(context.Background())
	k.done.Go(func() {
		<-k.quit
		cancel()
	})
	for pause := memoryPause; ; {
		select {
		case <-k.wake:
		case <-ctx.Done():
			return
		}
		if k.flush(ctx) {
			pause = memoryPause
		} else {
			pause = min(2*pause, memoryRetry)
			k.nudge()
		}
		if !sleep(ctx, pause) {
			return
		}
	}
}

// flush writes what waits until the store fails; false: it did.
func (k *memories) flush(ctx context.Context) bool {
	k.mu.Lock()
	ids := make([]string, 0, len(k.waiting))
	for id := range k.waiting {
		ids = append(ids, id)
	}
	k.mu.Unlock()
	for _, id := range ids {
		if err := k.write(ctx, id); err != nil {
			if ctx.Err() == nil {
				k.failed(id, err)
			}
			return false
		}
	}
	return true
}

func (k *memories) write(ctx context.Context, id string) error {
	k.writing.Lock()
	defer k.writing.Unlock()
	k.mu.Lock()
	m, ok := k.waiting[id]
	k.mu.Unlock()
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	// A camera that was removed is not remembered.
	if err := k.store.SaveCameraMemory(ctx, m); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.waiting[id].At.Equal(m.At) {
		delete(k.waiting, id)
	}
	return nil
}

func (k *memories) failed(cameraID string, err error) {
	k.metrics.memoryErrors.Inc()
	k.log.Warn("what a camera usually shows could not be kept or fetched", "camera", cameraID, "error", err)
}
