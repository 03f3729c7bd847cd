// Package budget has what one tenant may cost. Whatever a tenant writes is read by one process for
// all, so each of its inputs has a limit that people's objects do not come near. A release beyond
// one keeps the pins that it had, has one problem that names the limit, and costs nothing more
// until it changes; a policy beyond one accepts no tag.
package budget

import (
	"errors"
	"fmt"
	"time"
)

// Of a release.
const (
	// ValuesBytes is how much is read for the values of a release, with what is merged again for
	// each entry of valuesFrom. An object of Kubernetes has some 1.5 MiB at most; finding
	// images takes up to 0.3 s a MiB.
	ValuesBytes = 3 << 20

	// Sources is how many entries of valuesFrom are read: each takes a request at a start.
	Sources = 100

	// Nodes is how many values a document or the merged values may have, with every alias of
	// YAML and every item of a list that a targetPath fills up: one takes some hundred bytes.
	Nodes = 200_000

	// Depth is how deep values may be nested.
	Depth = 1000

	// ListIndex is the largest index of a list that a targetPath may set. Helm fills the list up
	// to it, and takes 65536.
	ListIndex = 1000

	// ListItems is how many items of lists a text may set beside its targetPath.
	ListItems = 32

	// PatchBytes is what a document of a patch, and an entry of images, of post-renderers count for at
	// least, and NodeBytes what a value does.
	PatchBytes = 128
	NodeBytes  = 8

	// Mentions is how many images are looked at, and Pins how many pins a release may have,
	// with those that are held for it: each takes some kilobytes of memory, of the list and of
	// the report.
	Mentions = 10_000
	Pins     = 10_000

	// WorkloadImages is how many images count that the workloads of a suspended release name. A Deployment
	// has some ten old ReplicaSets, and a release rarely more than a hundred Deployments. UntracedImages is
	// how many count that workloads name of which it is not known to which release they belong, and how
	// many of one repository are kept.
	WorkloadImages = 5000
	UntracedImages = 500

	// ForeignTags is how many tags policies may add that the release does not refer to: those of
	// other namespaces than its own, which may be anybody's.
	ForeignTags = 100
)

// Of a namespace, with all its releases.
const (
	// NamespacePins is how many pins its releases may have, with those that are held for them, and how many tags
	// they may refer to, with PinsPerRelease for each of them. A pin counts for each release that has it: that
	// takes some three kilobytes of memory.
	NamespacePins  = 50_000
	PinsPerRelease = 10
)

// Of names and policies.
const (
	// Name is the longest name that is compared with others: that of a Kubernetes object. A
	// longer key, chart or reference is like none.
	Name = 253

	// Pattern is the size, in instructions of its program, up to which a regular expression is
	// applied to tags, and Literals that up to which it is expanded to the tags that it names.
	// People's patterns have dozens. PatternBytes is the longest that is parsed.
	Pattern      = 500
	Literals     = 20_000
	PatternBytes = 1 << 16

	// Range and Extract are the longest range and extract, in bytes: both are gone through for
	// every tag, and each group that is extracted can be as long as a tag.
	Range   = 1 << 10
	Extract = 1 << 8

	// Policies is how many policies of a namespace are matched with one tag. Of more that follow
	// the same image, all are linked.
	Policies = 20
)

// Of a namespace, with all its releases and policies, in steps of regular expressions of up to four
// nanoseconds each, between two changes of any ImagePolicy. Its releases beyond it are treated like
// one beyond its own; which of them is not specified.
const (
	// Steps is what its releases may take with policies that they rely on, and its policies with
	// releases that do not. People's patterns take some hundred for a tag.
	Steps = 100_000_000

	// ForeignSteps is what its releases may take with the policies of another namespace, on which they
	// do not rely: a part of Steps, so that they do not use up what those policies have.
	ForeignSteps = 10_000_000

	// FreeForeignSteps are those of ForeignSteps that its releases may take however much of Steps others have
	// used up with the same policies: dozens of tags with people's patterns.
	FreeForeignSteps = 20_000

	// StepsPerPlan is how much of it comes back with every plan.
	StepsPerPlan = 1_000_000
)

// errExceeded is what all errors of Exceeded are.
var errExceeded = errors.New("exceeds what pinsync reads of one release")

// Of a namespace, with all its releases, in bytes of values in which images are found. Releases
// that are suspended or have changed beyond it wait until it has some again.
const (
	// ShareBytes is what it has at most, with ShareBytesPerRelease for each of its releases, and
	// ShareBytesPerSecond is how much comes back: a sixth of the time of a core.
	ShareBytes           = 3 << 20
	ShareBytesPerRelease = 8 << 10
	ShareBytesPerSecond  = 512 << 10

	// FreeBytes are what values that stand in the release itself may have without being counted:
	// nobody changes releases so often that they matter.
	FreeBytes = 8 << 10

	// RequestBytes is what a request for an object that values come from counts for, whether it exists or not,
	// and ReadFactor is by how much reading what it has is faster than finding images in that.
	RequestBytes = 1 << 10
	ReadFactor   = 16

	// MaxWait is how long in an hour releases that wait make a list incomplete.
	MaxWait = 5 * time.Minute
)

// Of a namespace, with all its releases, in bytes of memory for values and images that are kept from pass to
// pass. Releases beyond it are treated like one beyond its own budget until others take less; which of them is
// not specified.
const (
	// NamespaceBytes is what it has, some 50,000 images, with NamespaceBytesPerRelease for each of its releases:
	// a dozen images, which is more than most name.
	NamespaceBytes           = 16 << 20
	NamespaceBytesPerRelease = 4 << 10

	// MentionBytes is what a place that names an image, or a problem with one, takes.
	MentionBytes = 320

	// CachedMentions is how many of those a release may have to be kept without being counted, as values of up
	// to FreeBytes are, so that most releases are not read again after they were watched: people's have dozens.
	CachedMentions = 50
)

// ErrMatching is the error that the steps of a namespace do not suffice.
var ErrMatching = fmt.Errorf("%w: the tags and patterns of its namespace take too long to match", errExceeded)

// ErrShare is the error that the share of a namespace does not suffice.
var ErrShare = fmt.Errorf("%w: the values of its namespace have taken too long lately, and these are read in some seconds", errExceeded)

// ErrMemory is the error that a namespace has no room for what is kept of a release.
var ErrMemory = fmt.Errorf("%w: more than %d MiB of images and values in all releases of its namespace together", errExceeded, NamespaceBytes>>20)

// Exceeded returns the error that there is more than the most of something.
func Exceeded(most int, what string) error {
	return fmt.Errorf("%w: more than %d %s", errExceeded, most, what)
}

// IsExceeded reports whether an error is one of Exceeded.
func IsExceeded(err error) bool { return errors.Is(err, errExceeded) }
