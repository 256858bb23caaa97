package taxonomy

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Document writes the table as YAML that Parse reads back, in the colours that
// were chosen, so that it can be handed to another machine.
func (t *Taxonomy) Document() (string, error) {
	data, err := yaml.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("taxonomy: %s: %w", t.ID, err)
	}
	return string(data), nil
}
