// Package files is what the measuring commands share: the model that they
// measure, and the file that their figures go to.
package files

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/binside/binside/models"
	"github.com/binside/binside/models/base"
)

// Model loads the model in dir, the built-in one where dir is empty.
func Model(dir string) (*models.Folder, error) {
	if dir == "" {
		return base.Load()
	}
	return models.LoadDir(dir)
}

// Write writes v as indented JSON to path, and makes its folder.
func Write(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}
