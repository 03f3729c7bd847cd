package pin

import (
	"time"

	"git.oleks.space/oleks/pinsync/internal/image"
)

// Pod is a pod that has not ended.
type Pod struct {
	// UID tells it apart from every other pod, of the same name, too.
	UID string
	// Images are those of its containers and init containers.
	Images []image.Reference
}

// PodView is what is known of a namespace's pods.
type PodView struct {
	// At is when they were read last.
	At time.Time
	// Running are the images that pods run, and since when there always was such a pod.
	Running map[image.Reference]time.Time
}

// PodImages keeps the images that pods run, by namespace. Pods are only read now and then:
// that an image ran all the time in between is certain where one and the same pod ran it
// before and after.
type PodImages struct {
	views map[string]PodView
	pods  map[string]map[image.Reference][]string
}

// Read takes all pods of a namespace as they were read at a time.
func (p *PodImages) Read(namespace string, at time.Time, pods []Pod) {
	if p.views == nil {
		p.views, p.pods = map[string]PodView{}, map[string]map[image.Reference][]string{}
	}
	view, byImage := PodView{At: at, Running: map[image.Reference]time.Time{}}, map[image.Reference][]string{}
	for _, pod := range pods {
		for _, ref := range pod.Images {
			byImage[ref] = append(byImage[ref], pod.UID)
		}
	}
	for ref, uids := range byImage {
		view.Running[ref] = at
		// A time in the future is from before the clock was set back.
		if before := p.views[namespace].Running[ref]; before.Before(at) && intersect(p.pods[namespace][ref], uids) {
			view.Running[ref] = before
		}
	}
	p.views[namespace], p.pods[namespace] = view, byImage
}

// intersect reports whether two lists have an element in common.
func intersect(a, b []string) bool {
	set := make(map[string]struct{}, len(a))
	for _, s := range a {
		set[s] = struct{}{}
	}
	for _, s := range b {
		if _, ok := set[s]; ok {
			return true
		}
	}
	return false
}

// Views returns what is known of these namespaces, and drops the others.
func (p *PodImages) Views(namespaces []string) map[string]PodView {
	views, pods := map[string]PodView{}, map[string]map[image.Reference][]string{}
	for _, namespace := range namespaces {
		if view, ok := p.views[namespace]; ok {
			views[namespace], pods[namespace] = view, p.pods[namespace]
		}
	}
	p.views, p.pods = views, pods
	return views
}
