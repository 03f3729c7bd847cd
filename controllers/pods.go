package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/informers"
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
		list, err := p.list(ctx, namespace)
		if err != nil {
			addFailedRead(s, "Pods in "+namespace, err.Error())
			continue
		}
		p.images.Read(namespace, at.Round(0), list)
	}
	s.Pods = p.images.Views(namespaces)
	return more
}

// list reads the pods of a namespace from the API server. One that cannot exist has none.
func (p *pods) list(ctx context.Context, namespace string) ([]pin.Pod, error) {
	if len(content.IsPathSegmentName(namespace)) > 0 {
		return nil, nil
	}
	var found []pin.Pod
	err := informers.EachPage(ctx, p.live, &corev1.PodList{}, func(o client.Object) error {
		if object, ok := o.(*corev1.Pod); ok {
			if pod, ok := convert.Pod(object); ok {
				found = append(found, pod)
			}
		}
		return nil
	}, client.InNamespace(namespace))
	if err != nil {
		return nil, fmt.Errorf("listing pods: %w", err)
	}
	return found, nil
}
