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
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

const (
	// maxWorkloads limits how many workloads of a namespace are read. Of a namespace with more, those
	// count that were read, as where some may not be read.
	maxWorkloads = 20_000

	// maxWorkloadImages limits how many images of a release's workloads count. A Deployment has some
	// ten old ReplicaSets, and a release rarely more than a hundred Deployments.
	maxWorkloadImages = 5000
)

// namespaceWorkloads are the workloads of a namespace, by their uids.
type namespaceWorkloads map[types.UID]convert.Workload

// readWorkloads reads the workloads of a namespace from the API server, besides objects of other kinds.
// Those of a kind that may not be read are missing, and why is what the API server has answered.
func readWorkloads(
	ctx context.Context, live client.Reader, namespace string, besides ...client.ObjectList,
) (found namespaceWorkloads, why string, err error) {
	found = namespaceWorkloads{}
	if len(content.IsPathSegmentName(namespace)) > 0 {
		return found, "", nil // it cannot exist
	}
	kinds := []client.ObjectList{
		&appsv1.DeploymentList{}, &appsv1.StatefulSetList{}, &appsv1.DaemonSetList{}, &appsv1.ReplicaSetList{},
		&batchv1.CronJobList{}, &batchv1.JobList{},
	}
	for _, list := range append(kinds, besides...) {
		err := informers.EachPage(ctx, live, list, func(o client.Object) error {
			if w, ok := convert.WorkloadOf(o); ok {
				found[w.UID] = w
			}
			if len(found) > maxWorkloads {
				return fmt.Errorf("%w: %s has more than %d", errTooMany, namespace, maxWorkloads)
			}
			return nil
		}, client.InNamespace(namespace))
		switch {
		case apierrors.IsForbidden(err), errors.Is(err, errTooMany):
			why = cmp.Or(why, err.Error())
		case err != nil:
			return nil, "", fmt.Errorf("listing workloads: %w", err)
		}
	}
	return found, why, nil
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
// and the ControllerRevisions of its other sets.
func (n namespaceWorkloads) images() map[object.Name]*pin.WorkloadImages {
	all := map[object.Name]map[image.Reference]bool{}
	for uid, w := range n {
		release := n.release(uid)
		if all[release] == nil {
			all[release] = map[image.Reference]bool{}
		}
		for _, ref := range w.Images {
			all[release][ref] = true
		}
	}
	found := make(map[object.Name]*pin.WorkloadImages, len(all))
	for release, set := range all {
		refs := slices.SortedFunc(maps.Keys(set), func(a, b image.Reference) int { return cmp.Compare(a.String(), b.String()) })
		found[release] = &pin.WorkloadImages{Images: refs[:min(len(refs), maxWorkloadImages)]}
	}
	return found
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
