package push_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/binside/binside/camera"
	"github.com/binside/binside/camera/push"
	"github.com/binside/binside/vision"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)

func TestPushedFramesArriveAndAreReported(t *testing.T) {
	s := push.New(2)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- s.Stream(ctx, func(f camera.Frame) { s.Report(f.Seq, []string{"id"}) })
	}()
	for want := uint64(1); want <= 3; want++ {
		ticket, err := s.Push(vision.NewImage(2, 2), noon, time.Time{})
		require.NoError(t, err)
		require.Equal(t, want, ticket.Seq)
		require.Equal(t, push.Report{Seen: true, Deposits: []string{"id"}}, <-ticket.Done)
	}
	require.Zero(t, s.Waiting())
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

func TestPushIsBounded(t *testing.T) {
	s := push.New(2)
	for range 2 {
		_, err := s.Push(vision.NewImage(2, 2), noon, time.Time{})
		require.NoError(t, err)
	}
	_, err := s.Push(vision.NewImage(2, 2), noon, time.Time{})
	require.ErrorIs(t, err, push.ErrFull)
	require.Equal(t, 2, s.Waiting())
}

func TestFramesWithoutReportAreBounded(t *testing.T) {
	s := push.New(1)
	taken := make(chan camera.Frame)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Stream(ctx, func(f camera.Frame) { taken <- f }) }()
	var tickets []push.Ticket
	for range 2 {
		ticket, err := s.Push(vision.NewImage(2, 2), noon, time.Time{})
		require.NoError(t, err)
		tickets = append(tickets, ticket)
		<-taken
	}
	_, err := s.Push(vision.NewImage(2, 2), noon, time.Time{})
	require.ErrorIs(t, err, push.ErrFull, "the receiver has reported nothing")
	s.Report(2, nil)
	require.True(t, (<-tickets[1].Done).Seen)
	require.Error(t, (<-tickets[0].Done).Err, "a frame that was passed over is lost")
	cancel()
	<-ended
}

func TestClose(t *testing.T) {
	s := push.New(2)
	ticket, err := s.Push(vision.NewImage(2, 2), noon, time.Time{})
	require.NoError(t, err)
	s.Close()
	s.Close()
	_, err = s.Push(vision.NewImage(2, 2), noon, time.Time{})
	require.ErrorIs(t, err, push.ErrClosed)
	n := 0
	require.ErrorIs(t, s.Stream(t.Context(), func(camera.Frame) { n++ }), io.EOF)
	require.Equal(t, 1, n, "what was taken is streamed")
	s.Abandon()
	r := <-ticket.Done
	require.False(t, r.Seen)
	require.ErrorIs(t, r.Err, push.ErrClosed)
}

func TestPushRefusesNoPicture(t *testing.T) {
	_, err := push.New(0).Push(&vision.Image{}, noon, time.Time{})
	require.Error(t, err)
}
