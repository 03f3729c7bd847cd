package main

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// clusterState is what a look at the cluster has found. Images are name:tag of the soak's owner.
type clusterState struct {
	// at is when it began, and synced is up to when the list is known to be current.
	at, synced time.Time
	releases   map[string]releaseState
	// latest are the images that policies resolve to, by the image's name.
	latest map[string][]string
	// templates are the images of Deployments, and running those of Pods that run, by release.
	templates map[string]string
	running   map[string][]string
}

// releaseState is a HelmRelease as it is now.
type releaseState struct {
	uid       string
	suspended bool
	// image is what its values name.
	image string
}

// need is a tag that a release needs.
type need struct {
	release, image string
	// why are the reasons, for the report of a loss.
	why []string
	// began is when it was seen first, and isObserved is set if pinsync has seen the cluster since,
	// while there was a reason.
	began      time.Time
	isObserved bool
	// since is when the registry was seen to have it after it had become needed. Only those runs
	// of the cleaner that begin later must not delete it. Zero, it was not seen yet.
	since time.Time
}

// phase is what a release does.
type phase string

const (
	live      phase = "live"
	suspended phase = "suspended"
	resuming  phase = "resuming"
	deleted   phase = "deleted"
)

// tracked is a release and what it needs.
type tracked struct {
	uid   string
	phase phase
	// ran is the image that its Deployment had last, since it was suspended: what it ran then, and
	// what a scaling by hand starts.
	ran   string
	needs map[string]*need
}

// tracker has what each release needs, computed from what is seen in the cluster alone.
type tracker map[string]*tracked

// update brings the tracker up to date. It calls changed for every release that has changed.
func (l tracker) update(now *clusterState, changed func(release string, s *tracked)) {
	for name, s := range l {
		if r, ok := now.releases[name]; !ok || r.uid != s.uid {
			s.phase, s.needs = deleted, nil
			changed(name, s)
			delete(l, name)
		}
	}
	for name, r := range now.releases {
		s := l[name]
		if s == nil {
			s = &tracked{uid: r.uid, phase: live}
			l[name] = s
		}
		before, needed := s.phase, slices.Sorted(maps.Keys(s.needs))
		s.update(name, r, now)
		if s.phase != before || !slices.Equal(needed, slices.Sorted(maps.Keys(s.needs))) {
			changed(name, s)
		}
	}
}

// update follows a release: it needs nothing while it is live. Suspended it needs what its values
// name, what the policies of that image resolve to, and what it ran. After it was resumed it needs
// all that until a Pod runs what its values name, and whatever is added meanwhile.
func (s *tracked) update(name string, r releaseState, now *clusterState) {
	switch {
	case r.suspended && s.phase == live:
		s.phase, s.ran = suspended, ""
	case r.suspended:
		s.phase = suspended
	case s.phase == live:
		return
	case slices.Contains(now.running[name], r.image):
		s.phase, s.ran, s.needs = live, "", nil
		return
	default:
		s.phase = resuming
	}
	if template, ok := now.templates[name]; ok {
		s.ran = template
	}
	why := map[string][]string{r.image: {"its values name it"}}
	repository, _, _ := strings.Cut(r.image, ":")
	for _, image := range now.latest[repository] {
		why[image] = append(why[image], "a policy resolves to it")
	}
	if s.ran != "" {
		why[s.ran] = append(why[s.ran], "its Deployment had it when it was suspended")
	}
	s.need(name, why, now)
}

// need replaces what a release needs; if it is resuming, what it needed before stays, unless pinsync
// cannot have seen that: while no replica of it ran.
func (s *tracked) need(name string, why map[string][]string, now *clusterState) {
	needs := map[string]*need{}
	if s.phase == resuming {
		needs = maps.Clone(s.needs)
		maps.DeleteFunc(needs, func(_ string, n *need) bool { return !n.isObserved })
	}
	for image, reasons := range why {
		n := s.needs[image]
		if n == nil {
			n = &need{release: name, image: image, began: now.at}
		}
		n.why, n.isObserved = reasons, n.isObserved || now.synced.After(n.began)
		needs[image] = n
	}
	s.needs = needs
}
