package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// onOneCore runs what starts a process, so that the process and all that it starts use one core.
func onOneCore(start func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	for core := 0; one.Count() == 0; core++ {
		if before.IsSet(core) {
			one.Set(core)
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return fmt.Errorf("limiting a process to one core: %w", err)
	}
	defer unix.SchedSetaffinity(0, &before) //nolint:errcheck // it was so before
	return start()
}

// watchChildren polls the memory of the processes that a process starts, until what it returns is
// called, which returns the largest; 0, there was none.
func watchChildren(parent int) (peak func() int64) {
	stop, result := make(chan struct{}), make(chan int64)
	go func() {
		poll := time.NewTicker(20 * time.Millisecond)
		defer poll.Stop()
		largest := int64(0)
		for {
			for _, child := range childrenOf(parent) {
				if used, err := usageOf(child); err == nil {
					largest = max(largest, used.peak)
				}
			}
			select {
			case <-stop:
				result <- largest
				return
			case <-poll.C:
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-result
	}
}

// cpuWithChildren returns the CPU time that a process has used, and that of the processes that it has
// started.
func cpuWithChildren(pid int) (own, children time.Duration) {
	used, err := usageOf(pid)
	if err != nil {
		return 0, 0
	}
	children = used.children
	for _, child := range childrenOf(pid) {
		if used, err := usageOf(child); err == nil {
			children += used.cpu
		}
	}
	return used.cpu, children
}

// childrenOf returns the processes that the threads of a process have started.
func childrenOf(parent int) []int {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	if err != nil {
		return nil
	}
	var children []int
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // a file below /proc
		if err != nil {
			continue
		}
		for field := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				children = append(children, pid)
			}
		}
	}
	return children
}
