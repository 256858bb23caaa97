package pipeline

import (
	"context"
	"sync"
	"time"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/keeper"
	"github.com/binside/binside/camera/push"
	"github.com/binside/binside/vision"
	"github.com/binside/binside/vision/condition"
)

// CameraStatus is one word for how a camera does.
type CameraStatus string

// The statuses, as camera/keeper names them.
const (
	// StatusConnecting: no frame yet.
	StatusConnecting = CameraStatus(keeper.Connecting)
	// StatusStreaming: frames are coming.
	StatusStreaming = CameraStatus(keeper.Streaming)
	// StatusFailed: the connection is broken and will be tried again, or the
	// camera cannot work as it is set up; Error says why.
	StatusFailed = CameraStatus(keeper.Failed)
	// StatusEnded: a file was played to its end.
	StatusEnded = CameraStatus(keeper.Ended)
)

// CameraState is what is known of a running camera.
type CameraState struct {
	Status      CameraStatus
	Since       time.Time // when Status began
	LastFrameAt time.Time // zero: none yet
	Frames      uint64    // received since the camera was started here
	Dropped     uint64    // received and never looked at, a newer one was there
	// Reason and Error are why it does not stream; neither holds a credential.
	Reason camera.Reason
	Error  string
	// Condition is what keeps its pictures from being believed, since when.
	Condition      condition.Kind
	ConditionSince time.Time
}

// Feed is one camera's frames.
type Feed interface {
	// Run calls look for frames, in order and from one goroutine, until ctx
	// ends. It mends a broken connection by itself. A slow look makes it drop
	// frames, never wait for room. No goroutine outlives the call.
	Run(ctx context.Context, look func(camera.Frame))
	// State may be called from any goroutine.
	State() CameraState
}

// pushFeed is the feed of a camera whose frames are posted. It takes a frame
// or refuses it, and drops none.
type pushFeed struct {
	source *push.Source

	mu    sync.Mutex
	state CameraState
}

func newPushFeed() *pushFeed {
	return &pushFeed{
		source: push.New(push.DefaultBuffer),
		state:  CameraState{Status: StatusConnecting, Since: time.Now().UTC()},
	}
}

// Run implements Feed.
func (p *pushFeed) Run(ctx context.Context, look func(camera.Frame)) {
	defer p.source.Abandon()
	_ = p.source.Stream(ctx, look) // ends with ctx alone: nobody else closes the source
}

// pushSilence is after how long without a frame a pushed camera does not stream
// any more: what a keeper gives one that is fetched.
const pushSilence = 20 * time.Second

// State implements Feed.
func (p *pushFeed) State() CameraState {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state.Status == StatusStreaming && time.Since(p.state.LastFrameAt) > pushSilence {
		p.state.Status, p.state.Since = StatusFailed, p.state.LastFrameAt.Add(pushSilence)
		p.state.Reason, p.state.Error = camera.Silent, "no frame was pushed in time"
	}
	return p.state
}

// push takes a frame without waiting: push.ErrFull and push.ErrClosed say that
// it was not taken.
func (p *pushFeed) push(img *vision.Image, at, clock time.Time) (push.Ticket, error) {
	ticket, err := p.source.Push(img, at, clock)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Frames++
	if err != nil {
		p.state.Dropped++
		return ticket, err
	}
	p.state.LastFrameAt = time.Now().UTC()
	if p.state.Status != StatusStreaming {
		p.state.Status, p.state.Since, p.state.Reason, p.state.Error = StatusStreaming, p.state.LastFrameAt, "", ""
	}
	return ticket, nil
}
