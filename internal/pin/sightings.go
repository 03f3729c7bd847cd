package pin

import (
	"time"

	"git.oleks.space/oleks/pinsync/internal/image"
)

// Pod is a pod that has not ended.
type Pod struct {
	// UID tells it from every other pod, also of the same name.
	UID string
	// Images are what its containers and init containers run.
	Images []image.Reference
}

// View is what is known of a namespace's pods.
type View struct {
	// At is when they were looked at last.
	At time.Time
	// Carried are the images that pods carry, and since when one always has.
	Carried map[image.Reference]time.Time
}

// Sightings remember what was seen of pods, namespace by namespace. They are only
// looked at now and then: that an image was carried all the time in between is
// certain where one and the same pod carried it before and after.
type Sightings struct {
	views map[string]View
	pods  map[string]map[image.Reference][]string
}

// Saw takes all pods of a namespace.
func (s *Sightings) Saw(namespace string, at time.Time, pods []Pod) {
	if s.views == nil {
		s.views, s.pods = map[string]View{}, map[string]map[image.Reference][]string{}
	}
	view, carriers := View{At: at, Carried: map[image.Reference]time.Time{}}, map[image.Reference][]string{}
	for _, pod := range pods {
		for _, ref := range pod.Images {
			carriers[ref] = append(carriers[ref], pod.UID)
		}
	}
	for ref, uids := range carriers {
		view.Carried[ref] = at
		// A time to come is from before the clock was set back.
		if before := s.views[namespace].Carried[ref]; before.Before(at) && meet(s.pods[namespace][ref], uids) {
			view.Carried[ref] = before
		}
	}
	s.views[namespace], s.pods[namespace] = view, carriers
}

// meet says whether two lists have something in common.
func meet(a, b []string) bool {
	set := make(map[string]struct{}, len(a))
	for _, s := range a {
		set[s] = struct{}{}
	}
	for _, s := range b {
		if _, found := set[s]; found {
			return true
		}
	}
	return false
}

// Views returns what was seen of these namespaces, and forgets the others.
func (s *Sightings) Views(namespaces []string) map[string]View {
	views, pods := map[string]View{}, map[string]map[image.Reference][]string{}
	for _, namespace := range namespaces {
		if view, seen := s.views[namespace]; seen {
			views[namespace], pods[namespace] = view, s.pods[namespace]
		}
	}
	s.views, s.pods = views, pods
	return views
}
