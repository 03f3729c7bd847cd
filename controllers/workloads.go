package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/informers"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// maxWorkloads limits how many workloads of a namespace are read, and maxWorkloadImages how many images
// these may name. Of a namespace with more, those count that were read, as where some may not be read.
const (
	maxWorkloads      = 20_000
	maxWorkloadImages = 100_000
)

// namespaceWorkloads are the workloads of a namespace, by their uids.
type namespaceWorkloads map[types.UID]convert.Workload

// unreadWorkloads are why some of the workloads of a namespace were not read; empty, all were.
type unreadWorkloads struct {
	// forbidden is what the API server answers where a kind may not be read, and tooMuch why the namespace was not
	// read to its end. isSlow is set if that was because it takes too long.
	forbidden, tooMuch string
	isSlow             bool
}

// readWorkloads reads the workloads of a namespace from the API server, besides objects of other kinds.
func readWorkloads(
	ctx context.Context, live client.Reader, namespace string, besides ...client.ObjectList,
) (found namespaceWorkloads, unread unreadWorkloads, err error) {
	found = namespaceWorkloads{}
	if len(content.IsPathSegmentName(namespace)) > 0 {
		return found, unread, nil // it cannot exist
	}
	kinds := []client.ObjectList{
		&appsv1.DeploymentList{}, &appsv1.StatefulSetList{}, &appsv1.DaemonSetList{}, &appsv1.ReplicaSetList{},
		&batchv1.CronJobList{}, &batchv1.JobList{},
	}
	objects, images := 0, 0
	for _, list := range append(kinds, besides...) {
		err := informers.EachPage(ctx, live, list, func(o client.Object) error {
			objects++
			if w, ok := convert.WorkloadOf(o); ok {
				found[w.UID] = w
				images += len(w.Images)
			}
			if objects > maxWorkloads || images > maxWorkloadImages {
				return fmt.Errorf("%w: %s has more than %d, or they name more than %d images", errTooMany, namespace, maxWorkloads, maxWorkloadImages)
			}
			return nil
		}, client.InNamespace(namespace))
		switch {
		case apierrors.IsForbidden(err):
			unread.forbidden = cmp.Or(unread.forbidden, image.Shorten(err.Error()))
		case errors.Is(err, errTooMany):
			unread.tooMuch = cmp.Or(unread.tooMuch, err.Error())
		case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
			return found, unreadWorkloads{unread.forbidden, fmt.Sprintf("reading the workloads in %s takes longer than %s", namespace, namespaceTimeout), true}, nil
		case err != nil:
			return nil, unread, fmt.Errorf("listing workloads: %w", err)
		}
	}
	return found, unread, nil
}

var errTooMany = errors.New("too many workloads")

// release returns the HelmRelease that a workload, or what owns it, was installed for; empty,
// that is not known.
func (n namespaceWorkloads) release(uid types.UID) object.Name {
	for range 4 { // Deployment, ReplicaSet, and what an operator may have above them
		w, ok := n[uid]
		if !ok || w.Release != (object.Name{}) {
			return w.Release
		}
		uid = w.Owner
	}
	return object.Name{}
}

// images returns what the workloads of each release name, with the old ReplicaSets of its Deployments,
// and the ControllerRevisions of its other sets; and by repository what those name of which it is not
// known to which release they belong, as those that an operator has made, or of one that does not exist: the
// HelmRelease of what is installed may have another name now.
func (n namespaceWorkloads) images(exists func(object.Name) bool) (own map[object.Name][]image.Reference, untraced map[string][]image.Reference) {
	ofReleases, ofRepositories := imageSets[object.Name]{}, imageSets[string]{}
	for uid, w := range n {
		release := n.release(uid)
		if !exists(release) {
			release = object.Name{}
		}
		for _, ref := range w.Images {
			if release == (object.Name{}) {
				ofRepositories.add(ref.Repository.String(), ref)
			} else {
				ofReleases.add(release, ref)
			}
		}
	}
	return ofReleases.sorted(budget.WorkloadImages), ofRepositories.sorted(budget.UntracedImages)
}

// maxUntraced is how many images of a namespace are kept, for as long as a release is suspended that is installed
// there, that workloads name of which it is not known to which release they belong.
const maxUntraced = 10_000

// merged returns the images of both by repository, and reports whether some are left out: beyond so many of a
// repository as sorted returns, and of those of now beyond maxUntraced.
func merged(before, now map[string][]image.Reference) (images map[string][]image.Reference, isCut bool) {
	images = map[string][]image.Reference{}
	maps.Copy(images, before)
	left := maxUntraced
	for _, refs := range before {
		left -= len(refs)
	}
	for _, repository := range slices.Sorted(maps.Keys(now)) {
		set := imageSets[string]{}
		for _, ref := range slices.Concat(before[repository], now[repository]) {
			set.add(repository, ref)
		}
		both := set.sorted(budget.UntracedImages)[repository]
		if more := len(both) - len(before[repository]); more > left {
			isCut = true
		} else {
			images[repository], left = both, left-more
		}
	}
	return images, isCut
}

// union returns the images that are in one of two sets.
func union(a, b []image.Reference) []image.Reference {
	set := imageSets[string]{}
	for _, ref := range slices.Concat(a, b) {
		set.add("", ref)
	}
	return set.sorted(budget.WorkloadImages)[""]
}

// imageSets are sets of images, by what they belong to.
type imageSets[K comparable] map[K]map[image.Reference]bool

func (s imageSets[K]) add(to K, ref image.Reference) {
	if s[to] == nil {
		s[to] = map[image.Reference]bool{}
	}
	s[to][ref] = true
}

// sorted returns the images of each set, one more than so many at most: it shows that there are more.
func (s imageSets[K]) sorted(most int) map[K][]image.Reference {
	sorted := make(map[K][]image.Reference, len(s))
	for of, set := range s {
		refs := slices.SortedFunc(maps.Keys(set), func(a, b image.Reference) int { return cmp.Compare(a.String(), b.String()) })
		sorted[of] = slices.Clone(refs[:min(len(refs), most+1)])
	}
	return sorted
}

// jobs returns the jobs of releases.
func (n namespaceWorkloads) jobs() []pin.Job {
	var jobs []pin.Job
	for uid, w := range n {
		if release := n.release(uid); w.IsJob && release != (object.Name{}) {
			jobs = append(jobs, pin.Job{Release: release, Images: w.Images})
		}
	}
	return jobs
}
