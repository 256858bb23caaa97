// Package base is the model that is built into the program, so that one file
// is all it takes to run: model.onnx and its card, written by models/training.
//
// It only holds the bytes; models.Load checks them and models/ort runs them.
package base

import (
	"embed"
	"fmt"
	"io/fs"

	"github.com/binside/binside/models"
)

//go:embed model.onnx card.json
var files embed.FS

// Files are the model's model.onnx and card.json.
func Files() fs.FS { return files }

// Load reads and checks the built-in model.
func Load() (*models.Folder, error) {
	folder, err := models.Load(files)
	if err != nil {
		return nil, fmt.Errorf("the built-in model: %w", err)
	}
	return folder, nil
}
