package local

import (
	"fmt"
	"os/exec"
	"syscall"
)

// bindToParent makes the kernel kill a command's process when this one ends, however it ends.
func bindToParent(command *exec.Cmd) {
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	command.SysProcAttr.Pdeathsig = syscall.SIGKILL
}

// EndWithParent makes the kernel send SIGTERM to this process when its parent ends: the tests
// that `go test` has started go on when that is killed alone.
func EndWithParent() error {
	if _, _, err := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGTERM), 0); err != 0 {
		return fmt.Errorf("binding this process to its parent: %w", err)
	}
	return nil
}
