package manifest

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ReadPath reads a file, every manifest file in and below a folder, or, where
// name is "-", in. Of a folder it returns the other files in and below it.
func ReadPath(name string, in io.Reader, take func(Object) error) (skipped []string, err error) {
	if name == "-" {
		return nil, Read(in, "standard input", take)
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("reading manifests: %w", err)
	}
	if !info.IsDir() {
		return nil, readFile(name, take)
	}
	found := false
	err = filepath.WalkDir(name, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("reading manifests: %w", err)
		case entry.IsDir():
			if path != name && strings.HasPrefix(entry.Name(), ".") {
				return filepath.SkipDir // .git and the like
			}
			return nil
		case !isManifest(path):
			skipped = append(skipped, path)
			return nil
		}
		found = true
		return readFile(path, take)
	})
	if err == nil && !found {
		return skipped, fmt.Errorf("%s: no .yaml, .yml or .json file in or below it", name)
	}
	return skipped, err
}

func readFile(name string, take func(Object) error) error {
	file, err := os.Open(name) //nolint:gosec // a file that the user names
	if err != nil {
		return fmt.Errorf("reading manifests: %w", err)
	}
	defer file.Close() //nolint:errcheck // nothing was written
	return Read(file, name, take)
}

func isManifest(path string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path))
}
