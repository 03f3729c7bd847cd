package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// killDelay is how long a process of Command has to exit after SIGTERM.
const killDelay = 30 * time.Second

// Process is a process that was started.
type Process struct {
	Started time.Time

	command *exec.Cmd
	ended   chan struct{}
	// err is the result of Wait, once the process has ended.
	err error
}

// Command returns a command that receives SIGTERM when ctx is done. It runs in a process
// group of its own: Ctrl-C in a terminal reaches this program alone, which ends what it has
// started before the API server.
func Command(ctx context.Context, binary string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, binary, args...) //nolint:gosec // a binary that was built
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = killDelay
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return command
}

// StartProcess starts a command. Its process does not outlive this one.
func StartProcess(command *exec.Cmd) (*Process, error) {
	bindToParent(command)
	p := &Process{Started: time.Now(), command: command, ended: make(chan struct{})}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", command.Path, err)
	}
	go func() {
		p.err = command.Wait()
		close(p.ended)
	}()
	return p, nil
}

// StartLogged starts a command whose standard error, and standard output unless it is set,
// go to a file.
func StartLogged(command *exec.Cmd, file string) (*Process, error) {
	log, err := os.Create(file) //nolint:gosec // a file of the program that starts the process
	if err != nil {
		return nil, err
	}
	defer log.Close() //nolint:errcheck // the process has its own handle
	command.Stderr = log
	if command.Stdout == nil {
		command.Stdout = log
	}
	return StartProcess(command)
}

// endOf returns the end of a log.
func endOf(file string) string {
	const most = 4000
	log, err := os.ReadFile(file) //nolint:gosec // a log that this program has begun
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-most):])
}

// PID returns the process ID.
func (p *Process) PID() int { return p.command.Process.Pid }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// IsRunning reports whether the process has not ended yet.
func (p *Process) IsRunning() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Signal sends a signal to the process.
func (p *Process) Signal(signal os.Signal) error { return p.command.Process.Signal(signal) }

// Stop sends SIGTERM to the process, if it is running, waits for its end and returns the
// error of exec.Cmd.Wait.
func (p *Process) Stop() error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping %s: %w", p.command.Path, err)
	}
	<-p.ended
	return p.err
}

// Kill kills the process, if it is running, and waits for its end.
func (p *Process) Kill() {
	_ = p.Signal(syscall.SIGKILL) // it fails only for a process that has ended
	<-p.ended
}

// Failure is the error that the process has ended before it was stopped.
func (p *Process) Failure() error {
	<-p.ended
	return fmt.Errorf("%s ended unexpectedly (%s)", p.command.Path, p.command.ProcessState)
}

// WithEnd returns a context that is also canceled when the process ends, with Failure as
// the cause.
func (p *Process) WithEnd(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-p.ended:
			cancel(p.Failure())
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}
