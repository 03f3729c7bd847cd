package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// releaseCount is how many releases there may be.
	releaseCount = 10

	// minPause and maxPause are the limits of the time between two actions.
	minPause, maxPause = 100 * time.Millisecond, 1200 * time.Millisecond

	// staging is the floating tag of every image.
	staging = "staging"
)

// user does random things.
type user struct {
	*soak
	random *rand.Rand
	// builds are how many builds of each image there have been.
	builds map[string]int
}

// errNothing is returned by an action for which there is nothing at the moment.
var errNothing = errors.New("there is nothing to do it with")

// action is something that the user does, and how often compared with others.
type action struct {
	name   string
	weight int
	do     func(*user, context.Context) error
}

func actions() []action {
	return []action{
		{"suspend", 18, (*user).suspend},
		{"resume", 16, (*user).resume},
		{"push a new build", 18, (*user).pushBuild},
		{"push staging again", 6, (*user).pushStaging},
		{"push again what a live release misses", 6, (*user).repair},
		{"delete a tag by hand", 8, (*user).deleteTag},
		{"edit values", 14, (*user).edit},
		{"delete a release", 3, (*user).deleteRelease},
		{"create a release", 5, (*user).createRelease},
		{"delete a policy", 2, (*user).deletePolicy},
		{"create a policy", 4, (*user).createPolicy},
		{"scale to zero", 6, (*user).scaleDown},
		{"scale to one", 4, (*user).scaleUp},
		{"delete a Deployment", 2, (*user).deleteDeployment},
		{"force an upgrade", 6, (*user).force},
		{"kill pinsync", 3, (*user).killReplica},
		{"kill Flux's controllers", 1, (*user).crashFlux},
		{"kill the API server", 1, (*user).crashAPIServer},
		{"kill the registry", 1, (*user).crashRegistry},
		{"empty image-reflector-controller", 1, (*user).emptyReflector},
	}
}

// images are the names of the images. Policies follow the floating tag of half of them, and the
// newest build of the others.
func images() []string { return []string{"api", "blog", "shop", "wiki"} }

func followsBuilds(image string) bool { return image == "api" || image == "shop" }

// begin creates what there is at the beginning.
func (u *user) begin(ctx context.Context) error {
	u.builds = map[string]int{}
	for _, image := range images() {
		if err := u.pushOf(ctx, image, true); err != nil {
			return err
		}
		repository := u.registry.ImageRepository(namespace, image, image)
		if err := errors.Join(u.cluster.Client.Create(ctx, repository), u.cluster.Client.Create(ctx, policyOf(image))); err != nil {
			return err
		}
	}
	for range releaseCount {
		if err := u.createRelease(ctx); err != nil {
			return err
		}
	}
	return nil
}

// act does one thing after the other until ctx is done. What fails, since the API server or the
// registry cannot answer or somebody else was faster, is not repeated. A process that cannot be
// started again ends the run.
func (u *user) act(ctx context.Context) error {
	all, total := actions(), 0
	for i := range all {
		total += all[i].weight
	}
	for pause(ctx, minPause+time.Duration(u.random.Int64N(int64(maxPause-minPause)))) {
		at := u.random.IntN(total)
		i := slices.IndexFunc(all, func(a action) bool {
			at -= a.weight
			return at < 0
		})
		err := u.startEnded(ctx)
		if err == nil {
			err = all[i].do(u, ctx)
		}
		var broken *crashError
		switch {
		case ctx.Err() != nil || errors.Is(err, errNothing):
		case errors.As(err, &broken):
			return err
		case err != nil:
			u.journal.note("user", "%s failed: %v", all[i].name, err)
			u.count(func(f *figures) { f.actions["failed"]++ })
		default:
			u.count(func(f *figures) { f.actions[all[i].name]++ })
		}
	}
	return nil
}

// releases lists the releases that are not being deleted and fulfill a condition, in their order.
func (u *user) releases(ctx context.Context, condition func(*helmv2.HelmRelease) bool) ([]helmv2.HelmRelease, error) {
	var found helmv2.HelmReleaseList
	if err := u.cluster.Client.List(ctx, &found, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found.Items, func(r helmv2.HelmRelease) bool {
		return r.DeletionTimestamp != nil || !condition(&r)
	}), nil
}

// release returns a random one of the releases that fulfill a condition.
func (u *user) release(ctx context.Context, condition func(*helmv2.HelmRelease) bool) (*helmv2.HelmRelease, error) {
	found, err := u.releases(ctx, condition)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, errNothing
	}
	return &found[u.random.IntN(len(found))], nil
}

func isAny(*helmv2.HelmRelease) bool         { return true }
func isSuspended(r *helmv2.HelmRelease) bool { return r.Spec.Suspend }
func isResumed(r *helmv2.HelmRelease) bool   { return !r.Spec.Suspend }

// change patches a release.
func (u *user) change(ctx context.Context, r *helmv2.HelmRelease, what string, change func()) error {
	before := r.DeepCopy()
	change()
	u.journal.note(r.Name, "the user wants to %s", what)
	return u.cluster.Client.Patch(ctx, r, client.MergeFrom(before))
}

// imageOf returns the image that a release's values name.
func (s *soak) imageOf(r *helmv2.HelmRelease) string {
	values := r.GetValues()
	image, ok := values["image"].(map[string]any)
	if !ok {
		return ""
	}
	return strings.TrimPrefix(fmt.Sprint(image["repository"]), s.registry.Name("")) + ":" + fmt.Sprint(image["tag"])
}
