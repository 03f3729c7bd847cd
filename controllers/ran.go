package controllers

import (
	"context"
	"maps"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/sweep"
)

// ranImages knows what the workloads of suspended releases name. They are read once for each
// suspension, after the list was written: a suspended release is not changed by Flux, so they
// stay as they are.
type ranImages struct {
	live  client.Reader
	known sweep.Map[object.ID, *pin.WorkloadImages]
	// due are the releases whose workloads are to be read, by namespace.
	due map[string][]object.ID
	// failures are the reads that have failed, by namespace.
	failures map[string]string
	// notRead is why workloads were not read last, if they may not be.
	notRead string
}

// attach adds to the suspended releases of a snapshot what their workloads name.
func (w *ranImages) attach(s *pin.Snapshot) {
	w.due = map[string][]object.ID{}
	for i := range s.Releases {
		r := &s.Releases[i]
		if !r.Suspended || r.RemoteCluster {
			continue
		}
		var ok bool
		if r.Workloads, ok = w.known.Get(r.ID); !ok {
			r.WorkloadsUnread = true
			w.due[r.TargetNamespace] = append(w.due[r.TargetNamespace], r.ID)
		}
	}
	w.known.Sweep()
	maps.DeleteFunc(w.failures, func(namespace, _ string) bool { return w.due[namespace] == nil })
	for _, namespace := range slices.Sorted(maps.Keys(w.failures)) {
		addFailedRead(s, "Workloads in "+namespace, w.failures[namespace])
	}
	if w.notRead != "" {
		s.Notes = append(s.Notes, v1alpha1.Problem{
			Reason: v1alpha1.ReasonWorkloadsNotRead,
			Message: "only the values of releases show what they ran, and a pod may count for another release: " +
				"the component read-workloads of pinsync's configuration is missing, or: " + w.notRead,
		})
	}
}

// fail notes that a read has failed, and reports whether that is new: then the next pass reports it.
func (w *ranImages) fail(namespace string, err error) (isNew bool) {
	if w.failures == nil {
		w.failures = map[string]string{}
	}
	isNew = w.failures[namespace] == ""
	w.failures[namespace] = image.Shorten(err.Error())
	return isNew
}

// read reads the workloads that are due, in so many namespaces as one pass should wait for. It
// reports whether the next pass has something to do.
func (w *ranImages) read(ctx context.Context) (more bool) {
	namespaces := slices.Sorted(maps.Keys(w.due))
	slices.SortStableFunc(namespaces, func(a, b string) int { return len(w.failures[a]) - len(w.failures[b]) })
	for _, namespace := range namespaces[:min(len(namespaces), namespacesPerPass)] {
		found, why, err := readWorkloads(ctx, w.live, namespace)
		if err != nil {
			more = w.fail(namespace, err) || more
			continue
		}
		w.notRead = image.Shorten(why)
		images := found.images()
		for _, id := range w.due[namespace] {
			named := images[id.Name]
			if named == nil {
				named = &pin.WorkloadImages{}
			}
			w.known.Put(id, named)
		}
		more = true
	}
	return more || len(namespaces) > namespacesPerPass
}
