package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/informers"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

const (
	// minPodInterval and maxPodInterval bound the time between two reads of a namespace's pods
	// while pins wait for them: a quarter of the grace period.
	minPodInterval, maxPodInterval = time.Second, 30 * time.Second

	// namespacesPerPass is how many namespaces' pods are read in one pass. The others are read
	// in the passes after it.
	namespacesPerPass = 20
)

// podInterval is how often the pods that a held pin waits for are read.
func podInterval(grace time.Duration) time.Duration {
	return min(max(grace/4, minPodInterval), maxPodInterval)
}

// pods reads the pods of the namespaces in which held pins wait for them. It keeps none:
// there are many, and they are rarely needed.
type pods struct {
	live     client.Reader
	interval time.Duration
	images   pin.PodImages
	read     map[string]time.Time
}

// observe adds to the snapshot what is known of these namespaces' pods, and reads those again
// whose last read is long ago. It reports whether some are left for the next pass.
func (p *pods) observe(ctx context.Context, s *pin.Snapshot, namespaces []string) (more bool) {
	read := make(map[string]time.Time, len(namespaces))
	var due []string
	for _, namespace := range namespaces {
		read[namespace] = p.read[namespace]
		if time.Since(read[namespace]) >= p.interval {
			due = append(due, namespace)
		}
	}
	p.read = read
	p.images.Views(namespaces) // drops the others
	slices.SortStableFunc(due, func(a, b string) int { return read[a].Compare(read[b]) })
	if more = len(due) > namespacesPerPass; more {
		due = due[:namespacesPerPass]
	}
	for _, namespace := range due {
		at := time.Now()
		read[namespace] = at // if it fails, the others come first next time
		if err := p.readNamespace(ctx, namespace, at.Round(0)); err != nil {
			addFailedRead(s, "Pods in "+namespace, err.Error())
		}
	}
	s.Pods = p.images.Views(namespaces)
	return more
}

// readNamespace reads the pods of a namespace from the API server, and then its workloads, by which
// the pods are found to belong to releases. One that cannot exist has none.
func (p *pods) readNamespace(ctx context.Context, namespace string, at time.Time) error {
	if len(content.IsPathSegmentName(namespace)) > 0 {
		p.images.Read(namespace, at, nil, nil)
		return nil
	}
	var found []pin.Pod
	var owners []types.UID
	err := informers.EachPage(ctx, p.live, &corev1.PodList{}, func(o client.Object) error {
		if object, ok := o.(*corev1.Pod); ok {
			if pod, owner, ok := convert.Pod(object); ok {
				found, owners = append(found, pod), append(owners, owner)
			}
		}
		return nil
	}, client.InNamespace(namespace))
	if err != nil {
		return fmt.Errorf("listing pods: %w", err)
	}
	workloads, _, err := readWorkloads(ctx, p.live, namespace)
	if err != nil {
		return err
	}
	for i := range found {
		if found[i].Release == (object.Name{}) {
			found[i].Release = workloads.release(owners[i])
		}
	}
	p.images.Read(namespace, at, found, workloads.jobs())
	return nil
}
