// Package baseline reads the figures that a measurement is compared with.
package baseline

import (
	"encoding/json"
	"fmt"
	"os"
)

// Read reads recorded figures from a file of JSON.
func Read(name string, into any) error {
	text, err := os.ReadFile(name) //nolint:gosec // the file that the developer names
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
