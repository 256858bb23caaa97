package queue

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
	"github.com/nats-io/nats.go"

	"github.com/binside/binside/server/inspection"
)

// PublishStored tells the other servers on the same cluster that an
// inspection was stored. It does not wait and it is not repeated; this
// process's own subscribers are not told. Without a listener and without a
// cluster there is nobody to tell, and it does nothing.
func (q *Queue) PublishStored(i *inspection.Inspection) error {
	if q.embedded != nil && q.cfg.Listen == "" {
		return nil
	}
	data, err := encoder.Marshal(i)
	if err != nil {
		return fmt.Errorf("queue: encode inspection %s: %w", i.ID, err)
	}
	if err := q.conn.Publish(subjectStored, data); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// SubscribeStored calls handle for every inspection that another server on
// the same cluster stored, one at a time, until stop is called (which waits
// for a running call) or the queue is closed. handle must be quick.
func (q *Queue) SubscribeStored(handle func(*inspection.Inspection)) (stop func(), err error) {
	sub, err := q.conn.Subscribe(subjectStored, func(msg *nats.Msg) {
		var i inspection.Inspection
		if err := cbor.Unmarshal(msg.Data, &i); err != nil {
			q.cfg.Logger.Warn("queue: unreadable notification", "error", err)
			return
		}
		handle(&i)
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	ended := make(chan struct{})
	sub.SetClosedHandler(func(string) { close(ended) })
	return func() {
		if err := sub.Unsubscribe(); err != nil {
			return // closed with the connection
		}
		<-ended
	}, nil
}
