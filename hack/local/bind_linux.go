package local

import (
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
