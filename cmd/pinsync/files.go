package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
)

// filePermissions are those of a file that was not there: what a cleaner keeps is no
// secret.
const filePermissions = 0o644

// publish writes an export and what is noted of it. Both are on the disk in full before
// either takes its place: where one cannot be written, the other is not.
func publish(o *exportOptions, text string, state *v1alpha1.ExportState, out io.Writer) error {
	note, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the state: %w", err)
	}
	files := pendingFiles{}
	defer files.discard()
	for _, file := range []struct{ flag, name, text string }{
		{"--output", o.output, text}, {"--state", o.state, string(note) + "\n"},
	} {
		if err := files.stage(file.name, file.text); err != nil {
			return fmt.Errorf("%s: %w", file.flag, err)
		}
	}
	if o.output == "" {
		if _, err := io.WriteString(out, text); err != nil {
			return fmt.Errorf("printing: %w", err)
		}
	}
	return files.replace()
}

// pendingFiles are files that are written beside their place, and take it together.
type pendingFiles []*renameio.PendingFile

// stage writes a file beside its place, where it has a name.
func (p *pendingFiles) stage(name, text string) error {
	if name == "" {
		return nil
	}
	// A link stays, and what it leads to is replaced.
	target, err := filepath.EvalSymlinks(name)
	if errors.Is(err, fs.ErrNotExist) {
		target, err = name, nil
	}
	if err != nil {
		return err
	}
	if info, err := os.Stat(target); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", name)
	}
	file, err := renameio.NewPendingFile(target, renameio.WithTempDir(filepath.Dir(target)),
		renameio.WithPermissions(filePermissions), renameio.WithExistingPermissions())
	if err != nil {
		return err
	}
	*p = append(*p, file)
	if _, err := io.WriteString(file, text); err != nil {
		return err
	}
	return file.Sync()
}

// replace puts the files in their places.
func (p *pendingFiles) replace() error {
	for _, file := range *p {
		if err := file.CloseAtomicallyReplace(); err != nil {
			return err
		}
	}
	return nil
}

// discard removes the files that did not take their places.
func (p *pendingFiles) discard() {
	for _, file := range *p {
		_ = file.Cleanup() // what is left over is named as a temporary file is
	}
}
