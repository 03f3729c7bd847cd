package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/informers"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// minPodInterval and maxPodInterval bound the time between two reads of a namespace's pods while
// pins wait for them: a quarter of the grace period.
const minPodInterval, maxPodInterval = time.Second, 30 * time.Second

// podInterval is how often the pods that a held pin waits for are read.
func podInterval(grace time.Duration) time.Duration {
	return min(max(grace/4, minPodInterval), maxPodInterval)
}

// pods reads the pods of the namespaces in which held pins wait for them, beside the passes. It
// keeps none: there are many, and they are rarely needed.
type pods struct {
	live     client.Reader
	interval time.Duration

	mu     sync.Mutex
	images pin.PodImages
	// attempts are when the pods of each wanted namespace were read last, and failures why that has
	// failed.
	attempts map[string]time.Time
	failures map[string]error
}

// attach adds to the snapshot what is known of these namespaces' pods.
func (p *pods) attach(s *pin.Snapshot, namespaces []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	attempts, failures := make(map[string]time.Time, len(namespaces)), map[string]error{}
	for _, namespace := range namespaces {
		attempts[namespace] = p.attempts[namespace]
		failure := p.failures[namespace]
		switch {
		case failure == nil:
			continue
		case apierrors.IsForbidden(failure):
			addFailedRead(s, "Pods in "+namespace, image.Shorten(failure.Error()))
		default: // pods prove that releases are live, and nothing else
			s.Notes = append(s.Notes, v1alpha1.Problem{
				Reason: v1alpha1.ReasonPodsNotRead, Object: "Pods in " + namespace,
				Message: "no release is proven live there, and their pins stay: " + image.Shorten(failure.Error()),
			})
		}
		failures[namespace] = failure
	}
	p.attempts, p.failures = attempts, failures
	s.Pods = p.images.Views(namespaces)
}

// due returns the namespaces whose pods are to be read again, those first whose last read is the
// longest ago.
func (p *pods) due() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var due []string
	for namespace, at := range p.attempts {
		if time.Since(at) >= p.interval {
			due = append(due, namespace)
		}
	}
	slices.SortFunc(due, func(a, b string) int { return cmp.Or(p.attempts[a].Compare(p.attempts[b]), cmp.Compare(a, b)) })
	return due
}

// read reads the pods of a namespace.
func (p *pods) read(ctx context.Context, namespace string) {
	at := time.Now()
	found, jobs, err := p.readNamespace(ctx, namespace)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.attempts[namespace] = at
	if err != nil {
		p.failures[namespace] = err
		return
	}
	delete(p.failures, namespace)
	p.images.Read(namespace, at.Round(0), found, jobs)
}

// readNamespace reads the pods of a namespace from the API server, and then its workloads, by which
// the pods are found to belong to releases. One that cannot exist has none.
func (p *pods) readNamespace(ctx context.Context, namespace string) (found []pin.Pod, jobs []pin.Job, err error) {
	if len(content.IsPathSegmentName(namespace)) > 0 {
		return nil, nil, nil
	}
	var owners []types.UID
	err = informers.EachPage(ctx, p.live, &corev1.PodList{}, func(o client.Object) error {
		if object, ok := o.(*corev1.Pod); ok {
			if pod, owner, ok := convert.Pod(object); ok {
				found, owners = append(found, pod), append(owners, owner)
			}
		}
		return nil
	}, client.InNamespace(namespace))
	if err != nil {
		return nil, nil, fmt.Errorf("listing pods: %w", err)
	}
	workloads, unread, err := readWorkloads(ctx, p.live, namespace)
	switch {
	case err != nil:
		return nil, nil, err
	case unread.isSlow: // a pod would count for another release
		return nil, nil, errors.New(unread.tooMuch)
	}
	for i := range found {
		if found[i].Release == (object.Name{}) {
			found[i].Release = workloads.release(owners[i])
		}
	}
	return found, workloads.jobs(), nil
}
