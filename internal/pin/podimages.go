package pin

import (
	"slices"
	"time"

	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// Pod is a pod that has not ended, and that a workload runs that stays.
type Pod struct {
	// UID tells it apart from every other pod, of the same name, too.
	UID string
	// Release is the HelmRelease that it belongs to; empty where that is not known.
	Release object.Name
	// Images are those of its containers and init containers that have started, and of the volumes that
	// these mount.
	Images []image.Reference
}

// Job is a CronJob or a Job: what its pods run is not run for long.
type Job struct {
	// Release is the HelmRelease that it belongs to.
	Release object.Name
	Images  []image.Reference
}

// ReleaseImage is an image of a release.
type ReleaseImage struct {
	Release object.Name
	image.Reference
}

// PodView is what is known of a namespace's pods.
type PodView struct {
	// At is when they were read last.
	At time.Time
	// Running are the images that pods run, and since when there always was such a pod.
	Running map[ReleaseImage]time.Time
	// Jobs are the images that Jobs and CronJobs name, and when they were read.
	Jobs map[ReleaseImage]time.Time
}

// PodImages keeps the images that pods run, by namespace. Pods are only read now and then:
// that an image ran all the time in between is certain where one and the same pod ran it
// before and after.
type PodImages struct {
	views map[string]PodView
	pods  map[string]map[ReleaseImage][]string
}

// Read takes all pods and jobs of a namespace as they were read at a time.
func (p *PodImages) Read(namespace string, at time.Time, pods []Pod, jobs []Job) {
	if p.views == nil {
		p.views, p.pods = map[string]PodView{}, map[string]map[ReleaseImage][]string{}
	}
	view, uidsOf := PodView{At: at, Running: map[ReleaseImage]time.Time{}, Jobs: map[ReleaseImage]time.Time{}}, map[ReleaseImage][]string{}
	for _, pod := range pods {
		for _, ref := range pod.Images {
			uidsOf[ReleaseImage{pod.Release, ref}] = append(uidsOf[ReleaseImage{pod.Release, ref}], pod.UID)
		}
	}
	for _, job := range jobs {
		for _, ref := range job.Images {
			view.Jobs[ReleaseImage{job.Release, ref}] = at
		}
	}
	for running, uids := range uidsOf {
		view.Running[running] = at
		// A time in the future is from before the clock was set back.
		if before := p.views[namespace].Running[running]; before.Before(at) && intersect(p.pods[namespace][running], uids) {
			view.Running[running] = before
		}
	}
	p.views[namespace], p.pods[namespace] = view, uidsOf
}

// intersect reports whether two lists have an element in common.
func intersect(a, b []string) bool {
	set := make(map[string]bool, len(a))
	for _, s := range a {
		set[s] = true
	}
	return slices.ContainsFunc(b, func(s string) bool { return set[s] })
}

// Views returns what is known of these namespaces, and drops the others.
func (p *PodImages) Views(namespaces []string) map[string]PodView {
	views, pods := map[string]PodView{}, map[string]map[ReleaseImage][]string{}
	for _, namespace := range namespaces {
		if view, ok := p.views[namespace]; ok {
			views[namespace], pods[namespace] = view, p.pods[namespace]
		}
	}
	p.views, p.pods = views, pods
	return views
}
