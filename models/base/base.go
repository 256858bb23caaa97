// Package base is the model that is built into the program, so that one file
// is all it takes to run: model.onnx and its card, written by models/training,
// and its risk sample, written by `binside calibrate`.
//
// It only holds the bytes; models.Load checks them and models/ort runs them.
package base

import (
	"embed"
	"fmt"
	"io/fs"

	"github.com/binside/binside/models"
)

//go:embed model.onnx card.json risk.csv
var files embed.FS

// Files are the model's model.onnx, card.json and risk.csv.
func Files() fs.FS { return files }

// Load reads and checks the built-in model.
func Load() (*models.Folder, error) {
	folder, err := models.Load(files)
	if err != nil {
		return nil, fmt.Errorf("the built-in model: %w", err)
	}
	return folder, nil
}

// Risk reads the built-in model's risk sample and checks that it is the
// model's.
func Risk(card *models.Card) (*models.RiskSample, error) {
	sample, err := models.LoadRisk(files, card)
	if err != nil {
		return nil, fmt.Errorf("the built-in model: %w", err)
	}
	return sample, nil
}
