package pin

import (
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// protectedRelease is a protected release and what it needs.
type protectedRelease struct {
	inputs protectedInputs
	needs  *needs
	owner  string
	pins   []*neededPin
	// ran and last are what a suspended release keeps: see keeper.
	ran, last []string
	// hasRanMore is set if workloads name more that it ran than is kept.
	hasRanMore bool
	// hasPlaces is set if it keeps pins with the places that the last report has for them: then its
	// entry depends on each report.
	hasPlaces bool
	// room is how many more pins it may have.
	room   room
	report v1alpha1.Release
	isGone bool
}

// protectedInputs are everything that the entry of a release depends on.
type protectedInputs struct {
	Inputs

	linker    *link.Linker
	state     v1alpha1.ReleaseState
	problem   v1alpha1.Problem
	workloads *WorkloadImages
	hasRun    bool
	// ranUnknown is why it is not known what it ran.
	ranUnknown string
	// chartPending is set if the chart is still to be rendered.
	chartPending bool
}

func compareEntries(a, b **protectedRelease) int { return CompareReleases(&(*a).report, &(*b).report) }

func stateOf(r *Release) v1alpha1.ReleaseState {
	if r.Suspended {
		return v1alpha1.ReleaseSuspended
	}
	return v1alpha1.ReleaseLive
}

// entry returns what the report has for a release.
func (release *protectedRelease) entry(id object.ID) v1alpha1.Release {
	pins := make([]string, len(release.pins))
	for i, p := range release.pins {
		pins[i] = p.pin
	}
	problems := slices.Clone(release.needs.problems)
	if release.inputs.problem != (v1alpha1.Problem{}) {
		problems = append(problems, release.inputs.problem)
	}
	if len(pins) == 0 && len(release.needs.outside) == 0 {
		problems = append(problems, v1alpha1.Problem{
			Reason: v1alpha1.ReasonNoPin, Message: "nothing is pinned for this release: " + release.needs.whyNoPin(),
		})
	}
	if len(release.last) > 0 {
		problems = append(problems, lastTagsKept(release.last))
	}
	if why := release.inputs.ranUnknown; why != "" {
		problems = append(problems, v1alpha1.Problem{
			Reason: v1alpha1.ReasonRanUnknown, Message: "what it ran is not known in full, and tags of it may be missing: " + why,
		})
	}
	if release.hasRanMore {
		problems = append(problems, ranMore())
	}
	if release.room.missed > 0 {
		problems = append(problems, notAllPinned(release.room.missed))
	}
	entry := releaseEntry(id, release.inputs.state, release.needs, pins, problems)
	if release.inputs.state == v1alpha1.ReleaseSuspended {
		entry.Ran = release.ran
	}
	return entry
}
