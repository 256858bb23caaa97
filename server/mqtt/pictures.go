package mqtt

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"golang.org/x/sync/semaphore"

	"github.com/binside/binside/server/api"
	"github.com/binside/binside/server/auth"
)

// The server writes to its disk what comes at a higher quality of service than 0
// and somebody is to get, and leaves the bytes there for as long as anything else
// in the same file waits. So no picture reaches it as it was pushed: of a deposit
// it gets what will be kept of it, of a frame nothing.

const (
	// pictureRoom bounds the pictures that are being read and redacted, in bytes,
	// and atOnce how many of one token's.
	pictureRoom = 128 << 20
	atOnce      = 2
	// Of a picture so many bytes a second must come, beside the first seconds.
	pictureRate  = 32 << 10
	pictureStart = 10 * time.Second
)

// retainFlag is a message's flag to be kept, MQTT 3.1.1 section 3.3.1.3.
const retainFlag = 1

func newPictureRoom() *semaphore.Weighted { return semaphore.NewWeighted(pictureRoom) }

// isPicture reports whether a push is one.
func (p pushed) isPicture() bool { return p.kind == kindFrame || p.kind == kindDeposit }

// written reports whether the server might write to its disk what a push's
// message holds. What lies among the pushes and is none may be a picture as well.
// A deposit of quality 0 is not written, but a repetition under its key at another
// quality must be the same.
func (p pushed) written(qos byte) bool {
	switch p.kind {
	case kindCorrection, kindShown:
		return false
	case kindFrame: // only this process listens, at quality 0
		return qos == 2
	}
	return true
}

// peekPush reads where a message goes; false where that is not among the pushes.
func (l *link) peekPush(head header) (p pushed, topic string, ok bool) {
	length, err := l.in.Peek(2)
	if err != nil || head.kind() != packets.Publish {
		return p, "", false
	}
	n := int(binary.BigEndian.Uint16(length))
	data, err := l.in.Peek(2 + n)
	if err != nil || !strings.HasPrefix(string(data[2:]), pushPrefix) {
		return p, "", false
	}
	topic = string(data[2:])
	p, _ = parsePush(topic)
	return p, topic, true
}

// carry hands one packet to the server. A picture goes on without what nobody may
// keep, and without the wish to have it kept.
func (l *link) carry(ctx context.Context, out io.Writer, head header) error {
	p, topic, push := l.peekPush(head)
	if push && (p.isPicture() || p.kind == "") {
		head.raw[0] &^= retainFlag
	}
	if push && p.written(head.qos()) {
		return l.carryPicture(ctx, out, head, p, topic)
	}
	if _, err := out.Write(head.raw); err != nil {
		return err
	}
	_, err := io.CopyN(out, l.in, int64(head.rest))
	return err
}

func (l *link) carryPicture(ctx context.Context, out io.Writer, head header, p pushed, topic string) error {
	if err := l.account.pictures.Acquire(ctx, 1); err != nil {
		return err
	}
	defer l.account.pictures.Release(1)
	size := min(int64(head.rest), pictureRoom)
	if err := l.door.pictures.Acquire(ctx, size); err != nil {
		return err
	}
	defer l.door.pictures.Release(size)
	body, err := l.readPicture(head.rest)
	if err != nil {
		return err
	}
	at := 2 + len(topic)
	if head.qos() > 0 {
		at += 2 // the packet's identifier
	}
	if at > len(body) {
		l.cut("protocol")
		return errProtocol
	}
	picture, err := l.door.redact(ctx, l.principal, p, topic, body[at:])
	if err != nil {
		return err
	}
	for _, part := range [][]byte{head.raw[:1], remainingLength(at + len(picture)), body[:at], picture} {
		if _, err := out.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// readPicture reads the rest of a packet, in a time that its size allows.
func (l *link) readPicture(size int) ([]byte, error) {
	body := make([]byte, size)
	patience := pictureStart + time.Duration(size)*time.Second/pictureRate
	if err := l.outer.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	_, err := io.ReadFull(l.in, body)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		l.cut("slow")
	}
	return body, errors.Join(err, l.outer.SetReadDeadline(time.Time{}))
}

// remainingLength writes a packet's length as section 2.2.3 says.
func remainingLength(n int) (b []byte) {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

// redact returns what of a pushed picture the server may get. It is nothing, which
// the server acknowledges and nobody works on, where the device may not push
// there, where it has been told what is wrong, and of a frame, which is put where
// it waits. After an error the device has no acknowledgement and sends it again.
func (s *Service) redact(ctx context.Context, by *auth.Principal, p pushed, topic string, picture []byte) ([]byte, error) {
	if len(picture) == 0 || !mayPush(by, p) {
		return nil, nil
	}
	if p.kind == kindFrame {
		for range s.frames.put(&frame{topic: topic, picture: picture}) {
			s.metrics.received.WithLabelValues(kindFrame, dropped).Inc()
		}
		return nil, nil
	}
	pause := retryPause
	for try := 1; ; try++ {
		within, cancel := context.WithTimeout(ctx, takeTimeout)
		redacted, err := s.deps.BinSide.Redact(within, picture)
		cancel()
		switch {
		case err == nil:
			return redacted, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !api.ProblemOf(err).Retryable() || try == maxTries:
			s.metrics.received.WithLabelValues(p.kind, refused).Inc()
			s.answer(ctx, topic, err)
			return nil, nil
		}
		s.metrics.received.WithLabelValues(p.kind, retried).Inc()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, maxRetryPause)
	}
}

// mayPush is what the server's permissions say as well: what it will turn away is
// not worth the work.
func mayPush(by *auth.Principal, p pushed) bool {
	switch p.kind {
	case kindFrame:
		return by.Can(auth.PushFrame, auth.Resource{StationID: p.station, CameraID: p.thing})
	case kindDeposit:
		return by.Can(auth.PushDeposit, auth.Resource{StationID: p.station})
	}
	return false
}

// frame is a camera's frame that did not come by the server, as a message.
type frame struct {
	topic   string
	picture []byte
}

func (*frame) Duplicate() bool   { return false }
func (*frame) Qos() byte         { return 0 }
func (*frame) Retained() bool    { return false }
func (f *frame) Topic() string   { return f.topic }
func (*frame) MessageID() uint16 { return 0 }
func (f *frame) Payload() []byte { return f.picture }
func (*frame) Ack()              {}
