package pin

import (
	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// Release is a HelmRelease.
type Release struct {
	object.ID
	Inputs
	// Revision changes with its spec, and if it is made again.
	Revision  string
	Suspended bool
	// HasRun is set unless it was created suspended and has not changed since, so that nothing that
	// it names has run.
	HasRun bool
	// Workloads are what its own workloads name, as far as they may be read. WorkloadsUnread is set
	// if they are still to be read.
	Workloads       *WorkloadImages
	WorkloadsUnread bool
	// RanUnknown is why what it ran is not known in full from them; empty, it is, or they may not be read.
	RanUnknown string
	// ChartPending is set if its chart is still to be rendered for the first time, and ChartStale if it has
	// changed since, and is to be rendered again.
	ChartPending, ChartStale bool
	// ChartUnread is set if no rendering of its chart is known, though there is one: of an earlier process it
	// may have had pins that only the chart names.
	ChartUnread bool
	// ChartRefUnknown is set if the objects cannot be read that say where its chart is pinned.
	ChartRefUnknown bool
	// Ready is set if its Ready condition is true at its current generation.
	Ready bool
	// TargetNamespace is where its pods are, unless RemoteCluster is set: then they are on a
	// cluster that pinsync does not see.
	TargetNamespace string
	RemoteCluster   bool
	// Sync is the value of the sync annotation, nil without it.
	Sync *string
	// UnknownAnnotations are names of annotations that pinsync does not have, for people.
	UnknownAnnotations string
}

// isUnknown reports whether it is not known which images it refers to.
func (r *Release) isUnknown() bool {
	return r.Images == nil || r.Images.Unknown || r.ChartPending || r.Rendered != nil && r.Rendered.Unknown
}

// mayNeedMore reports whether it may need pins besides those that it is known to refer to. Of one that is Ready
// what its values name will do: charts that cannot be rendered are too common to hold pins for each.
func (r *Release) mayNeedMore() bool {
	return r.isUnknown() || r.RanUnknown != "" || (r.ChartUnread || r.ChartStale) && (r.Suspended || !r.Ready)
}

// Inputs are everything of a release that decides what it needs. They are comparable: what
// a release needs is computed again when one of them changes, and from nothing else.
type Inputs struct {
	// Images are what was found in its values and post-renderers; nil before anybody looked.
	Images *ReleaseImages
	// Rendered are what its chart names; nil where the chart is not known.
	Rendered *ChartImages
	// ChartRef is its chart, if that is an artifact in an OCI registry, or a package of a classic Helm
	// repository in Gitea.
	ChartRef image.Reference
	// Policies is the value of the annotation that names policies to link.
	Policies string
	// ReleaseName is the Helm release's name; empty where it is the default.
	ReleaseName string
	// Chart is the last part of the chart's name.
	Chart string
	// SourceNamespace is the namespace that its chart comes from, and AppliedFrom that of the
	// Kustomization that has applied it; empty where there is none, or it is its own.
	SourceNamespace, AppliedFrom string
}

// ReleaseImages are the images that were found in a release. They are never changed: an
// equal pointer means equal images.
type ReleaseImages struct {
	Mentions []image.Mention
	// Values is how many values were searched.
	Values int
	// Unknown is set if the values could not be read in full: then the release keeps the
	// pins that it had.
	Unknown bool
	// Problems were met while the values were put together and searched.
	Problems []v1alpha1.Problem
}

// WorkloadImages are the images that the workloads of a release name, whether they run or not.
// They are never changed: an equal pointer means equal images.
type WorkloadImages struct {
	Images []image.Reference
	// Untraced are those that workloads in its target namespace name of which it is not known to which
	// release they belong, by repository.
	Untraced map[string][]image.Reference
	// IsCut is set if there are more of those than are kept.
	IsCut bool
}

// FindImages searches the parts of a release for images.
func FindImages(parts []ReleasePart) *ReleaseImages {
	found := &ReleaseImages{}
	for _, part := range parts {
		mentions, problems := FindPart(part)
		if len(problems) > 0 && problems[0].Reason == v1alpha1.ReasonOverBudget {
			return OverBudget(problems[0])
		}
		found.Mentions = append(found.Mentions, mentions...)
		found.Problems = append(found.Problems, problems...)
	}
	return found
}

// FindPart searches one part of a release for images.
func FindPart(part ReleasePart) ([]image.Mention, []v1alpha1.Problem) {
	if part.Secret {
		return image.FindInSecret(part.Value, part.Path)
	}
	return image.Find(part.Value, part.Path)
}

// OverBudget returns what is found in a release of which more would have to be read than its
// budget allows.
func OverBudget(problem v1alpha1.Problem) *ReleaseImages {
	return &ReleaseImages{Values: budget.Nodes, Unknown: true, Problems: []v1alpha1.Problem{problem}}
}

// ReleasePart is a part of a release that may name images.
type ReleasePart struct {
	// Path is where it stands in the release: spec.values.
	Path string
	// Value is what encoding/json decodes, numbers as json.Number.
	Value any
	// Secret is set if some of it comes from a Secret.
	Secret bool
}
