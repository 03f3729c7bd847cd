package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

const (
	// namespace has the releases and their policies.
	namespace = "soak"

	// grace is how long pinsync holds a pin that may be removed. It must be longer than what a run
	// of the cleaner takes from reading the pods to reading the list, which runLimit limits.
	grace, runLimit, exportWait = 20 * time.Second, 15 * time.Second, 8 * time.Second

	// progressInterval is how often a line is printed.
	progressInterval = 30 * time.Second
)

// soak is a run.
type soak struct {
	*options
	*figures
	parts   testbed.Parts
	cluster *testbed.Cluster
	gitea   *local.Gitea
	// registry has the images, which the cleaner cleans, and sources the chart.
	registry, sources *testbed.Registry
	// pushing is held while images are pushed: Gitea is not killed meanwhile, since then a tag
	// could be missing that no cleaner has deleted.
	pushing sync.Mutex
	// folder has the binaries, and the cleaner's files.
	folder        string
	cleanerBinary string
	replicas      []*replica
	witness       *witness
	journal       *journal
}

// start starts all that runs.
func (s *soak) start(ctx context.Context) (err error) {
	if s.folder, err = s.parts.Folder("pinsync-soak-"); err != nil {
		return err
	}
	if err := testbed.Begin(ctx, &s.parts, &s.journal, s.openJournal, (*journal).close); err != nil {
		return err
	}
	group, starting := errgroup.WithContext(ctx)
	group.Go(func() error { return s.build(starting) })
	group.Go(func() error {
		return testbed.Begin(starting, &s.parts, &s.gitea, local.StartGitea, (*local.Gitea).Stop)
	})
	group.Go(func() error {
		return testbed.Begin(starting, &s.parts, &s.cluster, testbed.StartCluster, (*testbed.Cluster).Stop)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	s.cluster.Kubelet = testbed.StartKubelet(ctx, s.cluster.Client, s.gitea)
	if err := s.prepare(ctx); err != nil {
		return err
	}
	s.startReplicas(ctx)
	return nil
}

// stop stops all that was started.
func (s *soak) stop() error { return s.parts.Stop() }

// build builds pinsync, unless a flag names one, and the cleaner.
func (s *soak) build(ctx context.Context) (err error) {
	if s.pinsync == "" {
		if s.pinsync, err = local.Build(ctx, s.folder, "./cmd/pinsync"); err != nil {
			return err
		}
	}
	s.cleanerBinary, err = local.Build(ctx, s.folder, "./hack/e2e/cleaner")
	return err
}

// prepare creates the namespace, the registry's owners and what releases refer to.
func (s *soak) prepare(ctx context.Context) (err error) {
	if s.registry, err = testbed.NewRegistry(ctx, s.gitea, "team"); err != nil {
		return err
	}
	if s.sources, err = testbed.NewRegistry(ctx, s.gitea, "charts"); err != nil {
		return err
	}
	if err := s.sources.PushChart(ctx); err != nil {
		return err
	}
	c := s.cluster.Client
	if err := c.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		return err
	}
	login, err := s.sources.Login(namespace)
	if err != nil {
		return err
	}
	if err := errors.Join(c.Create(ctx, login), c.Create(ctx, s.sources.ChartSource(namespace))); err != nil {
		return err
	}
	s.witness = newWitness(s)
	return errors.Join(
		os.WriteFile(s.tokenFile(), []byte(s.gitea.Token), 0o600),
		os.WriteFile(s.configFile(), fmt.Appendf(nil, configuration, grace, s.gitea.Host, s.registry.Owner), 0o600),
	)
}

// configuration is pinsync's: the grace, the registry's host and the owner.
const configuration = `apiVersion: pinsync.oleks.space/v1alpha1
kind: Configuration
heartbeat: 10s
hold: {grace: %s}
registries: [{host: %q, owner: %s}]
`

func (s *soak) tokenFile() string  { return filepath.Join(s.folder, "token") }
func (s *soak) configFile() string { return filepath.Join(s.folder, "config.yaml") }
func (s *soak) pinsFile() string   { return filepath.Join(s.folder, "pins.txt") }
func (s *soak) stateFile() string  { return filepath.Join(s.folder, "state.json") }

// runFor lets the user, the cleaner and the witness work until the time is over or ctx is done,
// and prints the figures.
func (s *soak) runFor(ctx context.Context, random *rand.Rand, out io.Writer) error {
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, s.duration)
	defer cancel()
	u := &user{soak: s, random: random}
	if err := u.begin(limited); err != nil {
		return err
	}
	group, running := errgroup.WithContext(limited)
	group.Go(func() error { return s.witness.look(running) })
	group.Go(func() error { return s.witness.watchLists(running) })
	group.Go(func() error { return s.clean(running) })
	group.Go(func() error { return u.act(running) })
	group.Go(func() error { return s.progress(running, began, out) })
	err := group.Wait()
	fmt.Fprintf(out, "\nRan for %s with seed %d.\n", time.Since(began).Round(time.Second), s.seed)
	s.print(out)
	if err != nil {
		return err
	}
	if lost := s.lost(); len(lost) > 0 {
		for _, l := range lost {
			fmt.Fprintf(out, "\n%s\n", l)
		}
		return fmt.Errorf("%d tags were lost", len(lost))
	}
	return nil
}

// progress prints lines until ctx is done.
func (s *soak) progress(ctx context.Context, began time.Time, out io.Writer) error {
	for pause(ctx, progressInterval) {
		fmt.Fprintf(out, "%8s  %s, %d tags are needed\n", time.Since(began).Round(time.Second), s.line(), s.witness.needed())
	}
	return nil
}

// pause waits, and reports whether ctx is not done.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
