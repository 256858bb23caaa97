package mqtt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/nats-io/nats.go/jetstream"
)

// sessionRecord is the part that matters here of what NATS keeps of a session.
type sessionRecord struct {
	ID    string `json:"id"`
	Clean bool   `json:"clean"`
}

// restoreSessions counts the sessions that earlier runs left. A session whose
// device is connected is written when it connects; those of devices that stay away
// are as old as their last connection.
func (s *Service) restoreSessions(ctx context.Context) error {
	noted, err := s.deps.Store.MQTTSessions(ctx)
	if err != nil {
		return fmt.Errorf("mqtt: sessions: %w", err)
	}
	seen := make(map[string]time.Time, len(noted))
	for _, v := range noted {
		seen[v.ClientID] = v.SeenAt
	}
	for next := uint64(1); ; {
		m, err := s.broker.sessions.GetMsg(ctx, next, jetstream.WithGetMsgSubject(sessionsSubject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("mqtt: sessions: %w", err)
		}
		next = m.Sequence + 1
		var r sessionRecord
		if err := json.Unmarshal(m.Data, &r); err != nil || r.ID == insideUser {
			continue
		}
		if r.Clean || !mayBeCalled(tokenOf(r.ID), r.ID) {
			s.gate.restore(r.ID, time.Time{}) // it should have ended with its connection
			continue
		}
		last := m.Time
		if at, ok := seen[r.ID]; ok {
			s.book.away[r.ID] = at
			if at.After(last) {
				last = at
			}
		}
		s.gate.restore(r.ID, last)
	}
}

// dropSessions ends sessions in the way that MQTT has for it: by a connection
// under their client ID that asks for a clean one.
func (s *Service) dropSessions(ctx context.Context, clientIDs []string) {
	for _, id := range clientIDs {
		if ctx.Err() != nil || !s.gate.dropping(id) {
			continue
		}
		if err := s.broker.endSession(ctx, id); err != nil {
			s.deps.Logger.Warn("MQTT: a session was not dropped", "client", id, "error", err)
			s.gate.restore(id, time.Time{}) // the next look tries again
			continue
		}
		s.metrics.droppedSessions.Inc()
		s.deps.Logger.Info("MQTT session dropped: nobody came back to it, or its token no longer holds", "client", id)
	}
}

func (b *broker) endSession(ctx context.Context, clientID string) error {
	conn, err := b.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(apiTimeout)); err != nil {
		return err
	}
	connect := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket) //nolint:errcheck // it is one
	connect.ProtocolName, connect.ProtocolVersion, connect.CleanSession, connect.ClientIdentifier = "MQTT", 4, true, clientID
	connect.UsernameFlag, connect.PasswordFlag, connect.Username, connect.Password = true, true, insideUser, []byte(b.gate.secret)
	if err := connect.Write(conn); err != nil {
		return err
	}
	answer, err := packets.ReadPacket(conn)
	if err != nil {
		return err
	}
	if ack, ok := answer.(*packets.ConnackPacket); !ok || ack.ReturnCode != packets.Accepted {
		return fmt.Errorf("mqtt: the server answered %v", answer)
	}
	return packets.NewControlPacket(packets.Disconnect).Write(conn)
}

// maxWaiting bounds the messages of one topic that wait for devices that are
// away: each is at most maxWord long, those of this process far shorter.
const (
	maxWaiting       = 256 // of the station's own topics
	maxWaitingStatus = 16  // of one device's status
)

// trim drops the oldest of the messages that wait for devices that are away, of
// every topic of which there are too many.
func (b *broker) trim(ctx context.Context) (dropped uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	const status = messagesSubject + "binside.v1.stations.*.devices.>"
	for _, kind := range []struct {
		filter string
		keep   uint64
	}{{status, maxWaitingStatus}, {messagesSubject + "binside.v1.stations.*.*", maxWaiting}} {
		info, err := b.messages.Info(ctx, jetstream.WithSubjectFilter(kind.filter))
		if err != nil {
			return dropped, err
		}
		for subject, count := range info.State.Subjects {
			if count <= kind.keep {
				continue
			}
			n, err := b.purge(ctx, subject, kind.keep)
			if err != nil {
				return dropped, err
			}
			dropped += n
		}
	}
	return dropped, nil
}

// purge drops all but the newest messages of a subject and returns how many those
// were, which the client's own call does not tell.
func (b *broker) purge(ctx context.Context, subject string, keep uint64) (purged uint64, err error) {
	ask, err := json.Marshal(map[string]any{"filter": subject, "keep": keep})
	if err != nil {
		return 0, err
	}
	m, err := b.inside.RequestWithContext(ctx, "$JS.API.STREAM.PURGE."+messagesStream, ask)
	if err != nil {
		return 0, err
	}
	var answer struct {
		Purged uint64              `json:"purged"`
		Error  *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return 0, err
	}
	if answer.Error != nil {
		return 0, answer.Error
	}
	return answer.Purged, nil
}

// holdings are the messages of quality of service 2 that a token has sent and not
// released, which the server keeps for a while.
type holdings struct {
	by map[heldMessage]holding
}

type heldMessage struct {
	clientID string
	id       uint16
}

type holding struct {
	length int
	since  time.Time
}

// heldLife is how long the server keeps a message that is not released, heldPictures
// how many pictures of the largest size one token may have so.
const (
	heldLife     = 10 * time.Minute
	heldPictures = 3
)

// bytes is how much is held now.
func (h *holdings) bytes(now time.Time) (sum int) {
	for m, v := range h.by {
		if now.Sub(v.since) > heldLife {
			delete(h.by, m)
			continue
		}
		sum += v.length
	}
	return sum
}

// hold counts a message; false: there are too many.
func (g *gate) hold(l *link, id uint16, length int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	h, m, now := &l.account.held, heldMessage{l.clientID, id}, time.Now()
	if h.by == nil {
		h.by = make(map[heldMessage]holding)
	}
	delete(h.by, m)
	if h.bytes(now)+length > heldPictures*(l.door.maxPicture+maxTopic) || len(h.by) >= maxConnections*maxUnanswered {
		return false
	}
	h.by[m] = holding{length, now}
	return true
}

// release takes note of a message that its device has released.
func (g *gate) release(l *link, id uint16) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(l.account.held.by, heldMessage{l.clientID, id})
}
