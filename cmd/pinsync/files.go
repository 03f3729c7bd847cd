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
	target, err := resolve(name)
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

// resolve returns the file that a name leads to, which need not exist: a link stays, and what
// it leads to is replaced.
func resolve(name string) (string, error) {
	target, err := filepath.EvalSymlinks(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return target, err
	}
	if _, err := os.Lstat(name); err == nil {
		return "", fmt.Errorf("%s is a link to nothing", name)
	}
	return filepath.Abs(name)
}

// checkDistinct returns an error if two of these files, by their flags, are one: what is
// read would be overwritten, or what is written.
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
			continue // it is refused when it is opened
		}
		if other := flags[target]; other != "" {
			return fmt.Errorf("%s and %s are the same file, %s", other, flag, name)
		}
		flags[target] = flag
	}
	return nil
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
