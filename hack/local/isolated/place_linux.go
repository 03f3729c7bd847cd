package isolated

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// prefix is what the names of folders and of cgroups begin with.
const prefix = "pinsync-isolated-"

const (
	cgroups = "/sys/fs/cgroup"
	// data is the folder in the namespaces for what ends with them.
	data = "/run/isolated"
)

// Place is what the program has for itself outside of its namespaces.
type Place struct {
	// Folder is a folder with what was prepared.
	Folder string
}

// Cgroup is the path of a cgroup, in all hierarchies, below which the program may make others.
func (p Place) Cgroup() string { return "/" + filepath.Base(p.Folder) }

// create makes the cgroups.
func (p Place) create() error {
	if err := os.Chmod(p.Folder, 0o755); err != nil { //nolint:gosec // programs of other users are in it
		return err
	}
	roots, err := hierarchies()
	if err != nil {
		return err
	}
	for _, root := range roots {
		if err := os.Mkdir(filepath.Join(root, p.Cgroup()), 0o755); err != nil { //nolint:gosec // as the kernel makes them
			return fmt.Errorf("making a cgroup: %w", err)
		}
	}
	return nil
}

// hierarchies returns the folders of the cgroup hierarchies: one with version 2, and one for
// each controller with version 1.
func hierarchies() ([]string, error) {
	control := filepath.Join(cgroups, "cgroup.subtree_control")
	if _, err := os.Stat(control); err == nil {
		err := os.WriteFile(control, []byte("+cpuset +cpu +memory +pids"), 0o600)
		return []string{cgroups}, err
	}
	found, err := filepath.Glob(filepath.Join(cgroups, "*", "cgroup.procs"))
	if err == nil && len(found) == 0 {
		err = errors.New("no cgroup hierarchy in " + cgroups)
	}
	var roots []string
	for _, file := range found {
		folder := filepath.Dir(file)
		if info, err := os.Lstat(folder); err == nil && info.IsDir() { // a symbolic link is another's second name
			roots = append(roots, folder)
		}
	}
	return roots, err
}

// enter mounts temporary file systems where programs keep files of their own: on /run, and over
// /var. All temporary files are in the former.
func (p Place) enter() error {
	if err := mount("tmpfs", "/run", "mode=755"); err != nil {
		return err
	}
	upper, work, temporary := filepath.Join(data, "var"), filepath.Join(data, "work"), filepath.Join(data, "tmp")
	for _, folder := range []string{upper, work, temporary} {
		if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // as /var
			return err
		}
	}
	if err := mount("overlay", "/var", "lowerdir=/var,upperdir="+upper+",workdir="+work); err != nil {
		return err
	}
	return os.Setenv("TMPDIR", temporary)
}

func mount(kind, target, options string) error {
	if err := syscall.Mount(kind, target, kind, 0, options); err != nil {
		return fmt.Errorf("mounting %s on %s: %w", kind, target, err)
	}
	return nil
}

// removeTimeout is how long the last processes of the namespaces may take to end.
const removeTimeout = 30 * time.Second

// remove removes all that there is outside of the namespaces. Cgroups can be removed when
// their last process has ended.
func (p Place) remove() error {
	deadline := time.Now().Add(removeTimeout)
	for {
		err := p.removeCgroups()
		if err == nil || time.Now().After(deadline) {
			return errors.Join(err, os.RemoveAll(p.Folder))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (p Place) removeCgroups() error {
	var errs []error
	for _, pattern := range []string{p.Cgroup(), "/*" + p.Cgroup()} {
		roots, err := filepath.Glob(cgroups + pattern)
		errs = append(errs, err)
		for _, root := range roots {
			errs = append(errs, removeCgroup(root))
		}
	}
	return errors.Join(errs...)
}

// removeCgroup removes a cgroup and those below it, the lowest first.
func removeCgroup(root string) error {
	var errs []error
	var folders []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			folders = append(folders, path)
		}
		return err
	})
	errs = append(errs, err)
	for _, folder := range slices.Backward(folders) {
		if err := os.Remove(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("removing the cgroup %s: %w", strings.TrimPrefix(folder, cgroups), err))
		}
	}
	return errors.Join(errs...)
}
