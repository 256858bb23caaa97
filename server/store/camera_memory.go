package store

import (
	"context"
	"encoding/base64"
	"fmt"
	"time"
)

// CameraMemory is what is remembered of what a camera usually shows, and whether
// it could be believed.
type CameraMemory struct {
	CameraID string
	// Device names the device that the camera was then, whatever its credentials.
	Device string
	// At is when it was so.
	At time.Time
	// Memory is the monitor's; see condition.Monitor.
	Memory []byte
}

// SaveCameraMemory keeps a memory in the place of the one before. ErrNotFound: no
// such camera.
func (s *Store) SaveCameraMemory(ctx context.Context, m CameraMemory) error {
	return s.write(ctx, "save camera memory", func(ctx context.Context, tx *txn) error {
		return tx.exec(ctx, `INSERT INTO camera_memories (camera_id, device, saved_at, memory) VALUES ($1, $2, $3, $4)
ON CONFLICT (camera_id) DO UPDATE SET device = excluded.device, saved_at = excluded.saved_at, memory = excluded.memory`,
			m.CameraID, m.Device, micros(m.At), base64.StdEncoding.EncodeToString(m.Memory))
	})
}

// CameraMemory returns what is remembered of a camera; ErrNotFound where nothing
// is.
func (s *Store) CameraMemory(ctx context.Context, cameraID string) (CameraMemory, error) {
	return readOne(ctx, s, "camera memory", scanCameraMemory,
		`SELECT camera_id, device, saved_at, memory FROM camera_memories WHERE camera_id = $1`, cameraID)
}

func scanCameraMemory(row scanner) (m CameraMemory, err error) {
	var text string
	if err := row.Scan(&m.CameraID, &m.Device, at(&m.At), &text); err != nil {
		return m, err
	}
	if m.Memory, err = base64.StdEncoding.DecodeString(text); err != nil {
		return m, fmt.Errorf("%w: the memory of camera %s: %w", ErrInvalid, m.CameraID, err)
	}
	return m, nil
}

// ForgetCamera removes what is remembered of a camera, if anything is.
func (s *Store) ForgetCamera(ctx context.Context, cameraID string) error {
	return s.write(ctx, "forget camera", func(ctx context.Context, tx *txn) error {
		return tx.exec(ctx, `DELETE FROM camera_memories WHERE camera_id = $1`, cameraID)
	})
}
