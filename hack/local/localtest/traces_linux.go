package localtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Traces are what there is of an isolated program on this machine.
type Traces struct {
	// folder is its folder, whose name its cgroups have, too.
	folder string
	// Processes are its processes, by ID and start time.
	Processes map[process]bool
	// namespaces are those of its processes that are not this process's.
	namespaces map[string]bool
}

// process identifies a process for ever: an ID alone is used again.
type process struct {
	id      int
	started string
}

// FindTraces returns the traces of a program with a folder.
func FindTraces(t testing.TB, folder string) *Traces {
	t.Helper()
	found := &Traces{folder: folder, Processes: map[process]bool{}, namespaces: map[string]bool{}}
	all := listProcesses(t)
	for id, p := range all {
		if found.owns(all, id) {
			found.Processes[process{id, p.started}] = true
			for _, namespace := range p.namespaces {
				found.namespaces[namespace] = true
			}
		}
	}
	for _, namespace := range all[os.Getpid()].namespaces {
		delete(found.namespaces, namespace)
	}
	return found
}

// owns reports whether a process has the folder in its environment, or one from which it
// descends has.
func (f *Traces) owns(all map[int]processInfo, id int) bool {
	for ; id > 1; id = all[id].parent {
		environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", id))
		if err == nil && bytes.Contains(environment, []byte(":"+f.folder+"\x00")) {
			return true
		}
	}
	return false
}

// Left returns what is left of the traces: processes, namespaces, mounts, cgroups and files.
func (f *Traces) Left(t testing.TB) []string {
	t.Helper()
	var left []string
	for id, p := range listProcesses(t) {
		if f.Processes[process{id, p.started}] {
			left = append(left, fmt.Sprintf("process %d, %s", id, p.name))
		}
		for _, namespace := range p.namespaces {
			if f.namespaces[namespace] {
				left = append(left, fmt.Sprintf("process %d in namespace %s", id, namespace))
			}
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	Must(t, err)
	for mount := range strings.Lines(string(mounts)) {
		for field := range strings.FieldsSeq(mount) {
			if strings.HasPrefix(field, f.folder) || f.namespaces[field] {
				left = append(left, "mount "+mount)
			}
		}
	}
	if _, err := os.Stat(f.folder); err == nil {
		left = append(left, f.folder)
	}
	return append(left, f.Cgroups(t)...)
}

// Cgroups returns the folders of the program's cgroups.
func (f *Traces) Cgroups(t testing.TB) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/*/"} {
		folders, err := filepath.Glob(pattern + filepath.Base(f.folder))
		Must(t, err)
		found = append(found, folders...)
	}
	return found
}

// processInfo is what /proc has about a process.
type processInfo struct {
	name, started string
	parent        int
	namespaces    []string
}

// listProcesses returns all processes that have not ended, by ID.
func listProcesses(t testing.TB) map[int]processInfo {
	t.Helper()
	folders, err := filepath.Glob("/proc/[0-9]*")
	Must(t, err)
	all := map[int]processInfo{}
	for _, folder := range folders {
		stat, err := os.ReadFile(filepath.Join(folder, "stat")) //nolint:gosec // below /proc
		if err != nil {
			continue // it has ended
		}
		// The name is in parentheses, and may contain any.
		begin, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
		fields := strings.Fields(string(stat[end+1:]))
		const state, parent, started = 0, 1, 19
		if fields[state] == "Z" || fields[state] == "X" {
			continue
		}
		info := processInfo{name: string(stat[begin+1 : end]), started: fields[started]}
		info.parent, err = strconv.Atoi(fields[parent])
		Must(t, err)
		for _, kind := range []string{"mnt", "net", "pid", "ipc"} {
			if namespace, err := os.Readlink(filepath.Join(folder, "ns", kind)); err == nil {
				info.namespaces = append(info.namespaces, namespace)
			}
		}
		id, err := strconv.Atoi(filepath.Base(folder))
		Must(t, err)
		all[id] = info
	}
	return all
}
