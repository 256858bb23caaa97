package pipeline

import (
	"context"
	"time"

	"github.com/binside/binside/models"
	"github.com/binside/binside/server/deletion"
	"github.com/binside/binside/server/inspection"
	"github.com/binside/binside/server/station"
	"github.com/binside/binside/server/store"
)

// IntakeStore is what Intake asks of the store; see server/store for the
// methods' promises, here as in the other interfaces.
type IntakeStore interface {
	ClaimIdempotency(ctx context.Context, binID, key, requestHash, newDepositID string) (depositID string, sameRequest bool, err error)
	GetInspection(ctx context.Context, id string) (*inspection.Inspection, error)
}

// CameraStore is what Cameras asks of the store.
type CameraStore interface {
	ListCameras(ctx context.Context, f store.PlaceFilter) (page []station.Camera, next string, err error)
	GetInspection(ctx context.Context, id string) (*inspection.Inspection, error)
	CameraMemory(ctx context.Context, cameraID string) (store.CameraMemory, error)
	SaveCameraMemory(ctx context.Context, m store.CameraMemory) error
	ForgetCamera(ctx context.Context, cameraID string) error
}

// WorkerStore is what Worker asks of the store.
type WorkerStore interface {
	GetBin(ctx context.Context, id string) (station.Bin, error)
	GetInspection(ctx context.Context, id string) (*inspection.Inspection, error)
	SaveInspection(ctx context.Context, i *inspection.Inspection) (created bool, err error)
}

// RetentionStore is what Retention asks of the store.
type RetentionStore interface {
	EvidenceDue(ctx context.Context, now, heldFrom time.Time, limit int) ([]store.EvidenceRef, error)
	PurgeIdempotency(ctx context.Context, before time.Time) (n int64, err error)
}

// Deletions is the signed log without which nothing is deleted; see
// deletion.Log.
type Deletions interface {
	Add(ctx context.Context, entries ...deletion.Entry) error
}

// Objects is the object store; see server/store/object.
type Objects interface {
	Get(ctx context.Context, key string) ([]byte, error)
	Put(ctx context.Context, key string, data []byte, contentType string) error
	Delete(ctx context.Context, key string) error
}

// Publisher is the queue's entrance; see queue.Queue.
type Publisher interface {
	Publish(ctx context.Context, d inspection.Deposit) error
}

// Consumer is the queue's exit; see queue.Queue.
type Consumer interface {
	Consume(ctx context.Context, inFlight int, handle func(ctx context.Context, d inspection.Deposit, attempt int) error) error
	PublishStored(i *inspection.Inspection) error
	SubscribeStored(handle func(*inspection.Inspection)) (stop func(), err error)
}

// MinSource says how small, in pixels, a part of width × height pixels may be
// decoded and still fill the model's input; see preprocess.Spec.MinSource. What
// is decoded larger costs time and shows the model nothing more.
type MinSource func(width, height int) (minWidth, minHeight int)

// atLeast224 is for models of which nothing is known.
func atLeast224(int, int) (minWidth, minHeight int) { return 224, 224 }

// Classifier is the models; see models.Pool. Several views of one deposit
// give one prediction.
type Classifier interface {
	Classify(ctx context.Context, views []models.View) (models.Prediction, error)
}
