package pin

import (
	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// needs is what one release needs.
type needs struct {
	tags []neededTag
	// policies are those that are linked, sorted.
	policies []*link.Candidate
	problems []v1alpha1.Problem
	// notFollowed counts the tags that were left out because no policy follows them.
	notFollowed int
	// untagged are the images of which no tag is named.
	untagged []image.Repository
	// digests are those that are named without a tag, by repository: as pins have them.
	digests map[string]map[string]bool
	// outside are the images that the configured registries do not include.
	outside []string
	// isOver is set if they could not be found within the budget of a release: it keeps the pins
	// that it had.
	isOver bool
	// refused is how many tags there were that the namespace of the release has no room for.
	refused int
	// chart is what the report has for the release's chart.
	chart *v1alpha1.ReleaseChart
	// findings are the images that were found, if they were asked for.
	findings []Finding
}

// neededTag is a tag that a release needs, and where it was found.
type neededTag struct {
	image.Reference
	via string
	// isTrusted is set unless only a policy names it that the release does not rely on.
	isTrusted bool
}

// needsOptions are how needs are found.
type needsOptions struct {
	// registries are those whose images are pinned; none: every image is.
	registries []Registry
	// floatingOnly leaves out the tags that no policy follows, and explain keeps findings,
	// which only people read.
	floatingOnly, explain bool
}

// needsFinder computes what one release needs: it collects the images that are mentioned,
// and the policies that follow them.
type needsFinder struct {
	needsOptions
	release object.Name
	// foreign is how many tags policies of each namespace have added that the release does not rely on.
	foreign map[foreignTags]int
	subject link.Subject
	linker  *link.Linker

	links map[linkInputs]links
	// isAnswered is set while a mention of the values is added of which the chart tells what it leaves
	// open.
	isAnswered bool
	// linked are all policies that are linked, and named those that the annotation names.
	linked, named map[*link.Candidate]bool
	result        *needs
}

// foreignTags are tags that policies of a namespace add: those that they name, or own tags of the
// release of which they tell the image.
type foreignTags struct {
	namespace string
	isOwn     bool
}

// linkInputs are everything of a mention that its links depend on.
type linkInputs struct {
	image.Reference
	hostless, implied bool
	hint              string
}

// links are the policies that follow a mention.
type links struct {
	linked []*link.Candidate
	rule   link.Rule
}

func (f *needsFinder) problem(reason v1alpha1.Reason, field, message string) {
	f.result.problems = append(f.result.problems, v1alpha1.Problem{Reason: reason, Field: field, Message: message})
}

// policyNames returns the linked policies as namespace/name.
func (n *needs) policyNames() []string {
	names := make([]string, 0, len(n.policies))
	for _, c := range n.policies {
		names = append(names, c.String())
	}
	return few(names, maxPolicies)
}

// whyNoPin returns why a release that is protected has no pin at all.
func (n *needs) whyNoPin() string {
	switch {
	case len(n.tags) == 0 && n.notFollowed > 0:
		return "no ImagePolicy follows the tags that it names"
	case len(n.tags) == 0:
		return "no image with a tag was found in it"
	default:
		return "the configured registries do not include the images of its policies"
	}
}
