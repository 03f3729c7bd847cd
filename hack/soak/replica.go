package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"git.oleks.space/oleks/pinsync/hack/local"
)

// replicaCount is how many there are in config/default.
const replicaCount = 2

// restartDelay is how long it takes until a process that has ended is started again.
const restartDelay = time.Second

// replica is a `pinsync controller` that is started again whenever it ends, as by a kubelet.
type replica struct {
	soak   *soak
	name   string
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	process *local.Process
	killed  bool
}

func (s *soak) startReplicas(ctx context.Context) {
	for i := range replicaCount {
		r := &replica{soak: s, name: fmt.Sprint("pinsync-", i)}
		run, cancel := context.WithCancel(context.WithoutCancel(ctx))
		r.cancel = cancel
		r.done.Go(func() { r.run(run) })
		s.replicas = append(s.replicas, r)
	}
	s.parts.Add(func() error {
		for _, r := range s.replicas {
			r.cancel()
			r.done.Wait()
		}
		return nil
	})
}

// run starts the process, again and again, until ctx is done.
func (r *replica) run(ctx context.Context) {
	for i := 1; ctx.Err() == nil; i++ {
		process, err := r.start(ctx, i)
		if err != nil {
			r.soak.journal.note(r.name, "%v", err)
		} else {
			select {
			case <-process.Ended():
			case <-ctx.Done():
				_ = process.Stop() // it may have been killed
				return
			}
			r.ended(i)
		}
		pause(ctx, restartDelay)
	}
}

func (r *replica) start(ctx context.Context, i int) (*local.Process, error) {
	s := r.soak
	command := local.Command(context.WithoutCancel(ctx), s.pinsync, "controller", "--leader-elect",
		"--kubeconfig", s.cluster.Controller, "--config", s.configFile(), "--pinsync-namespace", "pinsync-system",
		"--metrics-bind-address", "0", "--health-probe-bind-address", "0")
	process, err := local.StartLogged(command, filepath.Join(s.logs, fmt.Sprintf("%s.%d.log", r.name, i)))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.process, r.killed = process, false
	return process, err
}

// ended records that the process has ended.
func (r *replica) ended(i int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.killed {
		r.soak.journal.note(r.name, "process %d has ended by itself", i)
		r.soak.count(func(f *figures) { f.restarts++ })
	}
}

// kill kills the process, if one runs.
func (r *replica) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process != nil {
		r.killed = true
		r.process.Kill()
	}
}

// killReplica kills one replica, or both.
func (u *user) killReplica(context.Context) error {
	victims := u.replicas
	if u.random.IntN(3) > 0 {
		victims = []*replica{pick(u.random, u.replicas)}
	}
	for _, r := range victims {
		u.journal.note("processes", "%s is killed", r.name)
		r.kill()
	}
	return nil
}

// pick returns a random element.
func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }
