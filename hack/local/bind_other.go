//go:build !linux

package local

import "os/exec"

// bindToParent does nothing: only Linux ends a process with its parent.
func bindToParent(*exec.Cmd) {}

// EndWithParent does nothing: only Linux ends a process with its parent.
func EndWithParent() error { return nil }
