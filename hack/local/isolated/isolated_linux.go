// Package isolated runs a program in namespaces of its own, so that nothing of what it starts
// and changes outlives it, however it ends: no process, mount, network namespace, cgroup or file.
//
// The program runs three times. The first process starts the guard and waits for it. The guard
// starts the program in its namespaces, of which the kernel ends every process when the first
// of them ends, and removes what is not in a namespace: cgroups and files. It does so, too, when
// the first process is killed. If the guard is killed, the first process removes them.
package isolated

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"git.oleks.space/oleks/pinsync/hack/local"
)

// stageVariable is the environment variable that has the stage and the folder of a process that
// is not the first.
const stageVariable = "PINSYNC_ISOLATED"

// The stages after the first.
const (
	guardStage  = "guard"
	insideStage = "inside"
)

// Program is a program that runs in namespaces.
type Program struct {
	// Prepare runs in the guard, which has this machine's network.
	Prepare func(context.Context, Place) error
	// Run runs in the namespaces, and returns the exit code.
	Run func(Place) int
}

// Main runs the program, and returns the exit code.
func Main(p Program) int {
	runtime.LockOSThread() // a child is killed when the thread that has started it ends
	stage, folder, ok := strings.Cut(os.Getenv(stageVariable), ":")
	var code int
	var err error
	switch {
	case !ok:
		code, err = startGuard()
	case stage == guardStage:
		code, err = guard(p, Place{Folder: folder})
	default:
		place := Place{Folder: folder}
		if err = place.enter(); err == nil {
			code = p.Run(place)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "isolated:", err)
		code = max(code, 1)
	}
	return code
}

// startGuard starts the guard, and waits for its end.
func startGuard() (code int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := local.EndWithParent(); err != nil {
		return 1, err
	}
	folder, err := os.MkdirTemp("", prefix)
	if err != nil {
		return 1, err
	}
	place := Place{Folder: folder}
	defer func() { err = errors.Join(err, place.remove()) }()

	command, err := again(ctx, guardStage, place)
	if err != nil {
		return 1, err
	}
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C in a terminal does not reach it
	alive, err := command.StdinPipe()                        // it is closed when this process ends
	if err != nil {
		return 1, err
	}
	if err := command.Start(); err != nil {
		return 1, err
	}
	context.AfterFunc(ctx, func() { _ = alive.Close() })
	return exitCode(command.Wait())
}

// guard prepares the program, runs it in its namespaces until it or the first process ends, and
// removes what is left of it.
func guard(p Program, place Place) (code int, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1)) // it returns when the first process ends
		cancel()
	}()
	defer func() { err = errors.Join(err, place.remove()) }()
	if err := errors.Join(p.Prepare(ctx, place), place.create()); err != nil {
		return 1, err
	}
	command, err := again(ctx, insideStage, place)
	if err != nil {
		return 1, err
	}
	return runInside(ctx, command)
}

// runInside runs a command in new namespaces. The first process there is a shell, which reaps
// the processes whose parents have ended.
func runInside(ctx context.Context, command *exec.Cmd) (code int, err error) {
	const script = `mount -t proc proc /proc && mount --make-rshared / || exit; "$@"; exit $?`
	shell := exec.CommandContext(ctx, "sh", append([]string{"-c", script, "sh"}, command.Args...)...) //nolint:gosec // the command that was given
	shell.Env, shell.Stdout, shell.Stderr = command.Env, command.Stdout, command.Stderr
	shell.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:   syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC,
		Unshareflags: syscall.CLONE_NEWNS, // its mounts reach no other namespace
		Pdeathsig:    syscall.SIGKILL,
	}
	if err := shell.Start(); err != nil {
		return 1, fmt.Errorf("creating namespaces: %w", err)
	}
	return exitCode(shell.Wait())
}

// again returns a command that runs this program, with the same arguments, in another stage. It
// is ended by other means than its context.
func again(ctx context.Context, stage string, place Place) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(context.WithoutCancel(ctx), self, os.Args[1:]...) //nolint:gosec // this program
	command.Env = append(os.Environ(), stageVariable+"="+stage+":"+place.Folder)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	return command, nil
}

// exitCode returns the exit code of a process that has ended, and an error if a signal has
// ended it.
func exitCode(err error) (int, error) {
	exited, ok := errors.AsType[*exec.ExitError](err)
	if ok && exited.Exited() {
		return exited.ExitCode(), nil
	}
	if err != nil {
		return 1, fmt.Errorf("interrupted: %w", err)
	}
	return 0, nil
}
