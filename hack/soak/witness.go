package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"oras.land/oras-go/v2/errdef"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// lookInterval is the time between two looks at the cluster.
const lookInterval = 250 * time.Millisecond

// witness knows what each release needs, and checks that the registry has it.
type witness struct {
	*soak

	// looking is held while one looks at the cluster: a later look must not be overtaken.
	looking sync.Mutex
	mu      sync.Mutex
	tracker tracker
	// state is what the last look has found.
	state *clusterState
}

func newWitness(s *soak) *witness {
	return &witness{soak: s, tracker: tracker{}, state: &clusterState{}}
}

// look follows the cluster until ctx is done. It makes sure that what becomes needed exists.
func (w *witness) look(ctx context.Context) error {
	for pause(ctx, lookInterval) {
		for _, n := range w.lookOnce(ctx) {
			w.establish(ctx, n)
		}
	}
	return nil
}

// lookOnce looks at the cluster, unless the API server is away, and returns the needs that the
// registry was not asked for.
func (w *witness) lookOnce(ctx context.Context) (unseen []*need) {
	w.looking.Lock()
	defer w.looking.Unlock()
	state, err := w.find(ctx)
	if err != nil {
		return nil
	}
	return w.update(state)
}

// update brings the tracker up to date, and returns the needs that the registry was not asked for.
func (w *witness) update(state *clusterState) (unseen []*need) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state = state
	w.tracker.update(state, func(release string, s *tracked) {
		var needs []string
		for _, n := range s.needs {
			needs = append(needs, n.image+" ("+strings.Join(n.why, ", ")+")")
		}
		slices.Sort(needs)
		w.journal.note(release, "is %s and needs %s", s.phase, strings.Join(needs, ", "))
	})
	for _, s := range w.tracker {
		for _, n := range s.needs {
			if n.since.IsZero() {
				unseen = append(unseen, n)
			}
		}
	}
	return unseen
}

// establish asks the registry for a tag that has become needed. One that does not exist, since
// nothing needed it until now, is pushed again, as a user would do.
func (w *witness) establish(ctx context.Context, n *need) {
	exists, err := w.exists(ctx, n.image)
	if err == nil && !exists {
		image, tag, _ := strings.Cut(n.image, ":")
		w.journal.note(n.release, "%s does not exist when it becomes needed: it is pushed again", n.image)
		w.count(func(f *figures) { f.repushed++ })
		err = w.push(ctx, image, tag)
	}
	if err != nil {
		return // it is tried again
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n.since = time.Now()
	w.count(func(f *figures) { f.needs++ })
}

// needed returns how many tags are needed.
func (w *witness) needed() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.tracker {
		n += len(s.needs)
	}
	return n
}

// check asks the registry after a run of the cleaner for every tag that was needed when it began, and
// is needed still: it looks at the cluster before, since on a busy machine the last look may be of
// longer ago than the grace.
func (w *witness) check(ctx context.Context, began time.Time, deleted []string) {
	w.lookOnce(ctx)
	w.askAgain(func(n *need) bool {
		image, tag, _ := strings.Cut(n.image, ":")
		return !n.since.Before(began) && slices.Contains(deleted, testbed.Pin(image, tag))
	})
	for _, n := range w.accountable(began) {
		image, tag, _ := strings.Cut(n.image, ":")
		isDeleted := slices.Contains(deleted, testbed.Pin(image, tag))
		exists, err := w.exists(ctx, n.image)
		switch {
		case isDeleted || err == nil && !exists:
			w.lose(n, began, isDeleted)
		case err != nil:
			w.count(func(f *figures) { f.unanswered++ })
		default:
			w.count(func(f *figures) { f.checks++ })
		}
	}
}

// askAgain makes needs of which the tag may have been deleted by right ones that the registry was not
// asked for: they became needed while somebody was about to delete it.
func (w *witness) askAgain(may func(*need) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.tracker {
		for _, n := range s.needs {
			if may(n) {
				n.since = time.Time{}
			}
		}
	}
}

// accountable returns the needs that a run of the cleaner that has begun at a time must respect.
func (w *witness) accountable(began time.Time) (needs []*need) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.tracker {
		for _, n := range s.needs {
			if !n.since.IsZero() && n.since.Before(began) {
				needs = append(needs, n)
			}
		}
	}
	return needs
}

// lose records the loss of a tag, unless it is not needed any more. It counts as missing from then
// on, and is pushed again, so that the run goes on.
func (w *witness) lose(n *need, began time.Time, isDeleted bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.tracker[n.release]
	if s == nil || s.needs[n.image] != n {
		return
	}
	image, tag, _ := strings.Cut(n.image, ":")
	loss := fmt.Sprintf("LOST: %s, which %s needs since %s: %s. The cleaner's run began at %s; it reports that it has deleted the tag: %t",
		n.image, n.release, n.since.UTC().Format("15:04:05.000"), strings.Join(n.why, ", "), began.UTC().Format("15:04:05.000"), isDeleted)
	w.journal.note(n.release, "%s", loss)
	loss += "\n" + w.journal.about(n.release, image, testbed.Pin(image, tag), "cleaner", "processes")
	n.since = time.Time{}
	w.count(func(f *figures) { f.losses = append(f.losses, loss) })
}

// isReferred reports whether anything refers to an image: a need, a policy, or what is live.
func (w *witness) isReferred(image string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, r := range w.state.releases {
		s := w.tracker[name]
		if r.image == image || w.state.templates[name] == image || s != nil && s.needs[image] != nil {
			return true
		}
	}
	for _, images := range w.state.running {
		if slices.Contains(images, image) {
			return true
		}
	}
	for _, images := range w.state.latest {
		if slices.Contains(images, image) {
			return true
		}
	}
	return false
}

// exists asks the registry for an image.
func (w *witness) exists(ctx context.Context, image string) (bool, error) {
	name, tag, _ := strings.Cut(image, ":")
	repository, err := w.registry.Repository(name)
	if err != nil {
		return false, err
	}
	_, err = repository.Resolve(ctx, tag)
	if errors.Is(err, errdef.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// find looks at the cluster.
func (w *witness) find(ctx context.Context) (*clusterState, error) {
	var releases helmv2.HelmReleaseList
	var policies imagev1.ImagePolicyList
	var deployments appsv1.DeploymentList
	var pods corev1.PodList
	state := &clusterState{
		at: time.Now(), releases: map[string]releaseState{}, latest: map[string][]string{},
		templates: map[string]string{}, running: map[string][]string{},
	}
	for _, list := range []client.ObjectList{&pods, &deployments, &policies, &releases} {
		if err := w.cluster.Client.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return nil, err
		}
	}
	if err := w.findSynced(ctx, state); err != nil {
		return nil, err
	}
	for i := range releases.Items {
		if r := &releases.Items[i]; r.DeletionTimestamp == nil {
			state.releases[r.Name] = releaseState{string(r.UID), r.Spec.Suspend, w.imageOf(r)}
		}
	}
	for i := range policies.Items {
		p := &policies.Items[i]
		if latest := p.Status.LatestRef; latest != nil && p.DeletionTimestamp == nil {
			state.latest[p.Name] = append(state.latest[p.Name], p.Name+":"+latest.Tag)
		}
	}
	for i := range deployments.Items {
		d := &deployments.Items[i]
		state.templates[d.Name] = w.shorten(d.Spec.Template.Spec.Containers[0].Image)
	}
	for i := range pods.Items {
		p := &pods.Items[i]
		if release := p.Labels["app"]; p.Status.Phase == corev1.PodRunning && p.DeletionTimestamp == nil {
			state.running[release] = append(state.running[release], w.shorten(p.Spec.Containers[0].Image))
		}
	}
	return state, nil
}

// findSynced finds up to when the list is known to be current; zero, there is none.
func (w *witness) findSynced(ctx context.Context, state *clusterState) error {
	var lists corev1.ConfigMapList
	if err := w.cluster.Client.List(ctx, &lists, client.InNamespace(testbed.OwnNamespace), client.MatchingLabels{v1alpha1.PinsLabel: "true"}); err != nil {
		return err
	}
	for i := range lists.Items {
		if synced, err := time.Parse(time.RFC3339, lists.Items[i].Annotations[v1alpha1.SyncedAtAnnotation]); err == nil {
			state.synced = synced
		}
	}
	return nil
}

// shorten returns name:tag of an image reference.
func (w *witness) shorten(reference string) string {
	return strings.TrimPrefix(reference, w.registry.Name(""))
}
