package keeper

import (
	"time"

	"github.com/binside/binside/camera"
)

// Status is how a camera's stream is.
type Status string

// The statuses of a stream.
const (
	Connecting Status = "connecting" // no frame yet of this connection
	Streaming  Status = "streaming"
	Failed     Status = "failed" // waiting to be tried again
	Ended      Status = "ended"  // closed, or the source has no more frames
)

// State is a snapshot of a keeper.
type State struct {
	Status Status
	// Since is when the status last changed.
	Since time.Time
	// LastFrame is when the last frame arrived; zero before the first.
	LastFrame time.Time
	// Frames have arrived and Dropped of them were not read in time, over all
	// connections.
	Frames, Dropped uint64
	// Connections counts the connections that delivered a frame.
	Connections uint64
	// Reason and Error are why the stream last failed; empty while it streams.
	Reason camera.Reason
	Error  string
}

// State returns the present state.
func (k *Keeper) State() State {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state
}

// setStatus changes the status; a failure's reason stays until frames arrive.
func (k *Keeper) setStatus(s Status, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state.Status != s {
		k.state.Status, k.state.Since = s, time.Now()
	}
	if err != nil {
		k.state.Reason, k.state.Error = camera.ReasonOf(err), err.Error()
	}
}

func (k *Keeper) arrived(at time.Time) {
	k.mu.Lock()
	began := k.state.Status == Connecting
	if began {
		k.state.Status, k.state.Since, k.state.Reason, k.state.Error = Streaming, at, "", ""
		k.state.Connections++
	}
	k.state.Frames++
	k.state.LastFrame = at
	k.mu.Unlock()
	if began {
		k.opts.Logger.Info("camera streams")
	}
}

func (k *Keeper) dropped(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state.Dropped += uint64(n)
}
