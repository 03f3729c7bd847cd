package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

const (
	// soonestLook and latestLook bound the time between two looks at the pods of a
	// namespace while pins wait for them: a quarter of the grace.
	soonestLook, latestLook = time.Second, 30 * time.Second

	// namespacesPerPass is how many namespaces' pods are looked at in one pass. The
	// others come in the passes after it.
	namespacesPerPass = 20

	// podsPerPage is how many pods one request returns.
	podsPerPage = 500
)

// lookEvery is how often what a held pin waits for is looked at.
func lookEvery(grace time.Duration) time.Duration {
	return min(max(grace/4, soonestLook), latestLook)
}

// pods looks at the pods of the namespaces in which held pins wait to see them. It
// keeps none: there are many, and they are rarely asked for.
type pods struct {
	live      client.Reader
	every     time.Duration
	sightings pin.Sightings
	looked    map[string]time.Time
}

// look returns what is known of these namespaces, and looks at those for which that is
// old. It says whether some are left for the next pass. What cannot be read goes to the
// snapshot as unanswered.
func (p *pods) look(ctx context.Context, s *pin.Snapshot, namespaces []string) (more bool) {
	looked := make(map[string]time.Time, len(namespaces))
	var due []string
	for _, namespace := range namespaces {
		looked[namespace] = p.looked[namespace]
		if time.Since(looked[namespace]) >= p.every {
			due = append(due, namespace)
		}
	}
	p.looked = looked
	s.Pods = p.sightings.Views(namespaces)
	slices.SortStableFunc(due, func(a, b string) int { return looked[a].Compare(looked[b]) })
	for i, namespace := range due {
		if i == namespacesPerPass {
			more = true
			break
		}
		at := time.Now()
		looked[namespace] = at // if it fails, others have their turn first
		list, err := p.list(ctx, namespace)
		if err != nil {
			s.Unanswered = append(s.Unanswered, v1alpha1.Problem{
				Reason: v1alpha1.ReasonUnanswered, Object: "Pods in " + namespace, Message: err.Error(),
			})
			continue
		}
		p.sightings.Saw(namespace, at.Round(0), list)
	}
	s.Pods = p.sightings.Views(namespaces)
	return more
}

// list reads the pods of a namespace from the API server. One that cannot exist has none.
func (p *pods) list(ctx context.Context, namespace string) ([]pin.Pod, error) {
	if len(content.IsPathSegmentName(namespace)) > 0 {
		return nil, nil
	}
	var found []pin.Pod
	var next string
	for {
		page := &corev1.PodList{}
		err := p.live.List(ctx, page, client.InNamespace(namespace), client.Limit(podsPerPage), client.Continue(next))
		if err != nil {
			return nil, fmt.Errorf("listing pods: %w", err)
		}
		for i := range page.Items {
			if pod, runs := convert.Pod(&page.Items[i]); runs {
				found = append(found, pod)
			}
		}
		if next = page.Continue; next == "" {
			return found, nil
		}
	}
}
