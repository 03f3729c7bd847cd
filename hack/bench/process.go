package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"git.oleks.space/oleks/pinsync/hack/bench/bare"
	"git.oleks.space/oleks/pinsync/hack/local"
)

// process is a program that is measured.
type process struct {
	*local.Process
	// done receives the time at which it has printed bare.Done.
	done output
	// stop stops it.
	stop func()
}

// output is a program's standard output, of which only bare.Done is of interest.
type output chan time.Time

// Write sends the time of bare.Done.
func (o output) Write(p []byte) (int, error) {
	if strings.Contains(string(p), bare.Done) {
		o <- time.Now()
	}
	return len(p), nil
}

// start starts a program, with its log in the bench's folder. If it ends before it is
// stopped, the measurement fails.
func (b *bench) start(ctx context.Context, binary string, args ...string) (*process, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &process{done: make(output, 1)}
	command := local.Command(ctx, binary, args...)
	command.Stdout = p.done
	log := filepath.Join(b.folder, args[0]+".log")
	var err error
	if p.Process, err = local.StartLogged(command, log); err != nil {
		cancel()
		return nil, err
	}
	go func() {
		<-p.Ended()
		if ctx.Err() == nil {
			b.fail(fmt.Errorf("%w; the log of %s is %s", p.Failure(), args[0], log))
		}
	}()
	p.stop = func() {
		cancel()
		<-p.Ended()
	}
	return p, nil
}

// startBare starts one of the bare programs, which are in this binary.
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

// usage has the resources that a process has used and its memory.
type usage struct {
	cpu time.Duration
	// children is the CPU time of the process' children, but for those that still run.
	children       time.Duration
	resident, peak int64
	// file is the part of resident that is pages of files: of the binary.
	file int64
}

// tick is the unit of CPU times in /proc.
const tick = 10 * time.Millisecond

// usage returns the resources that the process uses.
func (p *process) usage() (usage, error) { return usageOf(p.PID()) }

func usageOf(pid int) (usage, error) {
	folder := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(folder, "stat")) //nolint:gosec // a file below /proc
	if err != nil {
		return usage{}, err
	}
	// The name, in parentheses, may contain spaces. The field after it is the third; 14 and
	// 15 are the times in user and kernel mode, and the next two those of children that have ended.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var times [4]time.Duration
	for i, text := range fields[14-3 : 17-3+1] {
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return usage{}, err
		}
		times[i] = time.Duration(number) * tick
	}
	u := usage{cpu: times[0] + times[1], children: times[2] + times[3]}
	status := filepath.Join(folder, "status")
	if u.resident, err = kilobytes(status, "VmRSS"); err != nil {
		return usage{}, err
	}
	if u.file, err = kilobytes(status, "RssFile"); err != nil {
		return usage{}, err
	}
	u.peak, err = kilobytes(status, "VmHWM")
	return u, err
}
