package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"git.oleks.space/oleks/pinsync/hack/bench/bare"
)

// patienceAtEnd is how long a process has to end once it is told to.
const patienceAtEnd = 30 * time.Second

// process is a program that is measured.
type process struct {
	command *exec.Cmd
	started time.Time
	// done tells when it has printed that its part is done.
	done chan time.Time
	// stop tells it to end and waits until it has.
	stop func()
}

// start starts a program, with its log in the bench's folder. If it ends before it is
// told to, all that is measured fails.
func (b *bench) start(ctx context.Context, binary string, args ...string) (*process, error) {
	name := filepath.Join(b.folder, args[0]+".log")
	log, err := os.Create(name) //nolint:gosec // a file of this program
	if err != nil {
		return nil, err
	}
	defer log.Close() //nolint:errcheck // the process has its own handle
	own, cancel := context.WithCancel(ctx)
	command := exec.CommandContext(own, binary, args...) //nolint:gosec // pinsync or this program
	command.Stderr = log
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = patienceAtEnd
	// A group of its own: Ctrl-C in a terminal goes to this program alone, which ends
	// what it has started before the API server.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	output, err := command.StdoutPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	p := &process{command: command, started: time.Now(), done: make(chan time.Time, 1)}
	if err := command.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("starting %s: %w", binary, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			if lines.Text() == bare.Done {
				p.done <- time.Now()
			}
		}
		_ = command.Wait() // how it ended is in its state
		if own.Err() == nil {
			b.fail(fmt.Errorf("%s ended by itself (%s), its log is %s", args[0], command.ProcessState, name))
		}
	}()
	p.stop = func() {
		cancel()
		<-ended
	}
	return p, nil
}

// startBare starts one of the bare programs, which is this one.
func (b *bench) startBare(ctx context.Context, name string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return b.start(ctx, self, name, b.kubeconfig)
}

// startPinsync starts pinsync.
func (b *bench) startPinsync(ctx context.Context, kubeconfig string) (*process, error) {
	return b.start(ctx, b.binary, "controller", "--kubeconfig", kubeconfig,
		"--metrics-bind-address", "0", "--health-probe-bind-address", "0")
}

// usage is what a process has used so far, and holds.
type usage struct {
	cpu            time.Duration
	resident, peak int64
}

// tick is the unit of Linux for the time of processes.
const tick = 10 * time.Millisecond

// usage reads what the process has used.
func (p *process) usage() (usage, error) {
	folder := filepath.Join("/proc", strconv.Itoa(p.command.Process.Pid))
	stat, err := os.ReadFile(filepath.Join(folder, "stat")) //nolint:gosec // a file of Linux
	if err != nil {
		return usage{}, err
	}
	// The name, in parentheses, may have spaces. Behind it the fields are counted from 3,
	// and 14 and 15 are the times in user and kernel mode.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var ticks int64
	for _, text := range fields[14-3 : 15-3+1] {
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return usage{}, err
		}
		ticks += number
	}
	u := usage{cpu: time.Duration(ticks) * tick}
	status := filepath.Join(folder, "status")
	if u.resident, err = kilobytes(status, "VmRSS"); err != nil {
		return usage{}, err
	}
	u.peak, err = kilobytes(status, "VmHWM")
	return u, err
}
