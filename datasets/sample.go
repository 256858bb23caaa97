package datasets

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Sample is one labelled image. Its ID is the hex SHA-256 of the image file's
// bytes, so that the same picture is the same sample wherever it comes from.
type Sample struct {
	ID string `json:"id" doc:"Hex SHA-256 of the image file"`
	// Category is always set; ItemClass is empty where the labeller said only
	// where the item belongs.
	Category  string `json:"category"`
	ItemClass string `json:"item_class,omitempty"`
	// Source is "deposit" for a labelled deposit, "upload" for a photograph
	// that a person added.
	Source string `json:"source" enum:"deposit,upload"`
	// DepositID, StationID are set for a labelled deposit.
	DepositID string `json:"deposit_id,omitempty"`
	StationID string `json:"station_id,omitempty"`
	// CapturedAt is when the deposit happened, or when the photograph was
	// added.
	CapturedAt time.Time `json:"captured_at"`
	LabelledBy string    `json:"labelled_by"`
	LabelledAt time.Time `json:"labelled_at"`
	Width      int       `json:"width"`
	Height     int       `json:"height"`
	// Key is where the image lies in object storage.
	Key string `json:"-"`
}

// ID names an image file by its content.
func ID(file []byte) string {
	sum := sha256.Sum256(file)
	return hex.EncodeToString(sum[:])
}
