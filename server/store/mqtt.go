package store

import (
	"context"
	"time"
)

// MQTTDevice is what is known of the device, or the devices, that connect over
// MQTT with one token. It belongs to one installation and is not part of a backup.
type MQTTDevice struct {
	TokenID string
	// Connections are those that were open at SeenAt.
	Connections int
	// ClientID and the rest is of the latest connection: where it came from, when it
	// began, until when it is known to have lasted, whether it left a last will, and
	// how it ended, empty while it lasts.
	ClientID, Address string
	Since, SeenAt     time.Time
	Will              bool
	Parting           string
	// Kind and Name are what the device says of itself, often nothing.
	Kind, Name string
}

// MQTTSeen says when the device of a durable session was last there.
type MQTTSeen struct {
	ClientID string
	SeenAt   time.Time
}

// SaveMQTT keeps what is known of devices and of sessions in the place of what
// was, and forgets the sessions that are gone. Devices of unknown tokens are
// ErrNotFound.
func (s *Store) SaveMQTT(ctx context.Context, devices []MQTTDevice, sessions []MQTTSeen, gone []string) error {
	return s.write(ctx, "save mqtt", func(ctx context.Context, tx *txn) error {
		for _, d := range devices {
			if err := tx.exec(ctx, `INSERT INTO mqtt_devices (token_id, connections, client_id, address, since, seen_at, will, parting, kind, name)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (token_id) DO UPDATE SET
connections = excluded.connections, client_id = excluded.client_id, address = excluded.address,
since = excluded.since, seen_at = excluded.seen_at, will = excluded.will, parting = excluded.parting, kind = excluded.kind, name = excluded.name`,
				d.TokenID, d.Connections, d.ClientID, d.Address, micros(d.Since), micros(d.SeenAt), d.Will, d.Parting, d.Kind, d.Name); err != nil {
				return err
			}
		}
		for _, v := range sessions {
			if err := tx.exec(ctx, `INSERT INTO mqtt_sessions (client_id, seen_at) VALUES ($1, $2)
ON CONFLICT (client_id) DO UPDATE SET seen_at = excluded.seen_at`, v.ClientID, micros(v.SeenAt)); err != nil {
				return err
			}
		}
		for _, id := range gone {
			if err := tx.exec(ctx, `DELETE FROM mqtt_sessions WHERE client_id = $1`, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// MQTTDevices returns all devices that have ever connected, by their tokens' IDs.
func (s *Store) MQTTDevices(ctx context.Context) ([]MQTTDevice, error) {
	return readAll(ctx, s, "mqtt devices", scanMQTTDevice,
		`SELECT token_id, connections, client_id, address, since, seen_at, will, parting, kind, name FROM mqtt_devices ORDER BY token_id`)
}

func scanMQTTDevice(row scanner) (d MQTTDevice, err error) {
	err = row.Scan(&d.TokenID, &d.Connections, &d.ClientID, &d.Address, at(&d.Since), at(&d.SeenAt), &d.Will, &d.Parting, &d.Kind, &d.Name)
	return d, err
}

// MQTTSessions returns the durable sessions whose devices have been away, by
// their client IDs.
func (s *Store) MQTTSessions(ctx context.Context) ([]MQTTSeen, error) {
	return readAll(ctx, s, "mqtt sessions", func(row scanner) (v MQTTSeen, err error) {
		err = row.Scan(&v.ClientID, at(&v.SeenAt))
		return v, err
	}, `SELECT client_id, seen_at FROM mqtt_sessions ORDER BY client_id`)
}
