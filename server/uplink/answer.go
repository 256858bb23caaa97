package uplink

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/binside/binside/server/relay"
)

const (
	// maxAnswering bounds the questions that are worked on at once, and
	// answerWithin the time for one: the server waits no longer.
	maxAnswering = 4
	answerWithin = 12 * time.Second
)

// answerOn waits for what the server has for the station until ctx ends.
func (u *Uplink) answerOn(ctx context.Context) {
	var answering sync.WaitGroup
	defer answering.Wait()
	slots := make(chan struct{}, maxAnswering)
	for failures := 0; ; {
		call, err := u.client.call(ctx, u.cfg.Timeout/2)
		var r *RefusalError
		switch {
		case ctx.Err() != nil:
			return
		case errors.As(err, &r) && r.Status < 500:
			// The server runs the cameras itself, or knows no such call.
			if !pause(ctx, u.cfg.Poll) {
				return
			}
			continue
		case err != nil:
			failures++
			u.metrics.failures.WithLabelValues("call").Inc()
			if !pause(ctx, backoff(failures, u.cfg.MaxPause)) {
				return
			}
			continue
		}
		failures = 0
		if call.Renew {
			u.pullNow()
		}
		if call.Question == nil {
			continue
		}
		// The time counts from here on: what could not be begun within it is not
		// done when nobody waits for it any more.
		within, cancel := context.WithTimeout(ctx, answerWithin)
		select {
		case slots <- struct{}{}:
		case <-within.Done():
			cancel()
			continue
		}
		answering.Go(func() {
			defer func() { cancel(); <-slots }()
			u.answer(within, *call.Question)
		})
	}
}

func (u *Uplink) answer(ctx context.Context, q relay.Question) {
	u.cfg.Logger.Debug("the server asks", "question", q.Asked, "camera", q.CameraID)
	reply := u.deps.Answer(ctx, q)
	reply.QuestionID = q.ID
	if q.Asked == relay.AskLearn && reply.Error == "" {
		u.reportNow() // whoever asked looks whether the fault is gone
	}
	if err := u.client.reply(ctx, &reply); err != nil && !errors.Is(err, context.Canceled) {
		u.metrics.failures.WithLabelValues("answer").Inc()
		u.cfg.Logger.Debug("a reply was not taken", "question", q.Asked, "camera", q.CameraID, "error", err)
	}
}

// pullNow makes the next look for a newer bundle come at once, reportNow the
// next report.
func (u *Uplink) pullNow()   { nudge(u.hurry) }
func (u *Uplink) reportNow() { nudge(u.news) }

func nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // it was told to already
	}
}
