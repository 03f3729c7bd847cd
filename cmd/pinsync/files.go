package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// filePermissions are those of a new file: the list is not secret, and the cleaner may be
// another user.
const filePermissions = 0o644

// writeExport writes an export, its state and its metrics. All are written in full beside their
// places before any is renamed: if one cannot be written, none changes.
func writeExport(o *exportOptions, text, metrics string, state *v1alpha1.ExportState, out io.Writer) error {
	encoded, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the state: %w", err)
	}
	files := pendingFiles{}
	defer files.discard()
	for _, file := range []struct{ flag, name, text string }{
		{"--output-file", o.file, text}, {"--state", o.state, string(encoded) + "\n"}, {"--metrics-file", o.metrics, metrics},
	} {
		if err := files.stage(file.name, file.text); err != nil {
			return fmt.Errorf("%s: %w", file.flag, err)
		}
	}
	if o.file == "" {
		if _, err := io.WriteString(out, text); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
	}
	return files.replace()
}

// pendingFiles are files that are written beside their places and renamed together.
type pendingFiles []*renameio.PendingFile

// stage writes a file beside its place, if it has a name.
func (p *pendingFiles) stage(name, text string) error {
	if name == "" {
		return nil
	}
	target, err := resolve(name)
	if err != nil {
		return err
	}
	if info, err := os.Stat(target); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", name)
	}
	file, err := renameio.NewPendingFile(target, renameio.WithTempDir(filepath.Dir(target)),
		renameio.WithPermissions(filePermissions), renameio.WithExistingPermissions())
	if failed, ok := errors.AsType[*fs.PathError](err); ok { // its path is that of the temporary file
		return fmt.Errorf("folder %s: %w: want one that exists and that you may write to", filepath.Dir(target), failed.Err)
	}
	if err != nil {
		return err
	}
	*p = append(*p, file)
	if _, err := io.WriteString(file, text); err != nil {
		return err
	}
	return file.Sync()
}

// resolve returns the file that a name refers to, which need not exist: a symbolic link stays,
// and its target is replaced.
func resolve(name string) (string, error) {
	target, err := filepath.EvalSymlinks(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return target, err
	}
	if _, err := os.Lstat(name); err == nil {
		return "", fmt.Errorf("%s is a symbolic link to a file that does not exist", name)
	}
	return filepath.Abs(name)
}

// checkDistinct returns an error if two of these files, by their flags, are the same: one
// would overwrite the other.
func checkDistinct(files map[string]string) error {
	flags := map[string]string{}
	for _, flag := range slices.Sorted(maps.Keys(files)) {
		name := files[flag]
		if name == "" {
			continue
		}
		target, err := resolve(name)
		if err == nil {
			target, err = filepath.Abs(target)
		}
		if err != nil {
			continue // opening it fails later
		}
		if other := flags[target]; other != "" {
			return fmt.Errorf("%s and %s are the same file, %s", other, flag, name)
		}
		flags[target] = flag
	}
	return nil
}

// replace renames the files to their places.
func (p *pendingFiles) replace() error {
	for _, file := range *p {
		if err := file.CloseAtomicallyReplace(); err != nil {
			return err
		}
	}
	return nil
}

// discard removes the files that were not renamed.
func (p *pendingFiles) discard() {
	for _, file := range *p {
		_ = file.Cleanup() // a file that is left has the name of a temporary file
	}
}
