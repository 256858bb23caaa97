package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/binside/binside/server/inspection"
)

// Headers of a dead letter.
const (
	headerReason   = "Binside-Reason"
	headerAttempts = "Binside-Attempts"
	headerDeposit  = "Binside-Deposit"
)

// maxReason bounds the reason's length in bytes.
const maxReason = 512

// bury sets a message aside as a dead letter and takes it off the queue, in
// that order: a crash in between makes it a dead letter twice, never none.
// Where the dead letters cannot be reached the message stays on the queue. It
// is done even when taking has ended meanwhile.
func (r *run) bury(ctx context.Context, msg jetstream.Msg, data []byte, attempt int, id string, reason error) {
	log := r.q.cfg.Logger.With("deposit", id, "attempt", attempt, "reason", reason)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.q.cfg.PublishTimeout)
	defer cancel()
	letter := nats.NewMsg(subjectDead)
	letter.Data = data
	letter.Header.Set(headerReason, headerText(reason.Error()))
	letter.Header.Set(headerAttempts, strconv.Itoa(attempt))
	letter.Header.Set(headerDeposit, headerText(id))
	if _, err := r.q.js.PublishMsg(ctx, letter); err != nil {
		log.Error("queue: dead letter was not stored; the deposit stays on the queue", "error", err)
		_ = msg.NakWithDelay(redeliveryDelay(r.q.cfg.RedeliveryDelay, attempt))
		return
	}
	log.Error("queue: deposit became a dead letter")
	r.q.metrics.handled.WithLabelValues("dead").Inc()
	if err := msg.TermWithReason("binside: dead letter"); err != nil {
		log.Warn("queue: answer was not sent", "error", err)
	}
}

// buryDeposit is bury for a deposit that could be read.
func (r *run) buryDeposit(ctx context.Context, msg jetstream.Msg, d inspection.Deposit, attempt int, reason error) {
	data, err := Encode(d)
	if err != nil { // it was decoded from such data
		reason = errors.Join(reason, err)
	}
	r.bury(ctx, msg, data, attempt, d.ID, reason)
}

// headerText makes a text fit for a header line.
func headerText(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, s)
	if len(s) > maxReason {
		s = strings.ToValidUTF8(s[:maxReason], "")
	}
	return s
}

// DeadLetter is a deposit that was set aside.
type DeadLetter struct {
	Seq       uint64 // its number, for Revive
	DepositID string // empty where the message could not be read
	Reason    string
	Attempts  int
	At        time.Time
	Bytes     int
}

// DeadLetters lists at most limit dead letters with numbers above after,
// oldest first.
func (q *Queue) DeadLetters(ctx context.Context, after uint64, limit int) ([]DeadLetter, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	info, err := q.dead.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	letters := []DeadLetter{}
	if info.State.Msgs == 0 {
		return letters, nil
	}
	for seq := max(after+1, info.State.FirstSeq); seq <= info.State.LastSeq && len(letters) < limit; seq++ {
		msg, err := q.dead.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // revived
		} else if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		attempts, _ := strconv.Atoi(msg.Header.Get(headerAttempts))
		letters = append(letters, DeadLetter{
			Seq: seq, DepositID: msg.Header.Get(headerDeposit), Reason: msg.Header.Get(headerReason),
			Attempts: attempts, At: msg.Time.UTC(), Bytes: len(msg.Data),
		})
	}
	return letters, nil
}

// Revive puts a dead letter back on the queue, as a new message with all its
// attempts before it, and removes it from the dead ones.
func (q *Queue) Revive(ctx context.Context, seq uint64) error {
	ctx, cancel := context.WithTimeout(ctx, q.cfg.PublishTimeout)
	defer cancel()
	msg, err := q.dead.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return ErrNotFound
	} else if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	// Under an ID of its own, for the deposit's may still be remembered as a
	// duplicate; the letter's number makes the repetition of Revive harmless.
	_, err = q.js.PublishMsg(ctx, &nats.Msg{Subject: subjectDeposits, Data: msg.Data},
		jetstream.WithMsgID(fmt.Sprintf("revived-%d", seq)))
	if err != nil {
		return publishError(ctx, err)
	}
	if err := q.dead.DeleteMsg(ctx, seq); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}
