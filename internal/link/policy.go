// Package link finds the ImagePolicies that follow the images of a release. In Git a comment
// ties a value to its policy; the object in the cluster does not have the comment, so the
// link is found again from the image's repository and tag and from names.
package link

import (
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/policy"
)

// Policy is an ImagePolicy.
type Policy struct {
	object.Name
	// Repository is the ImageRepository that it selects from.
	Repository object.Name
	Rules      policy.Rules
	// LatestImage and LatestTag are its status' latestRef; empty before it has resolved.
	// Flux keeps them when the tag is deleted from the registry.
	LatestImage, LatestTag string
	// LatestDigest is the digest of that tag, if the policy asks for it.
	LatestDigest string
	// IsChanged is set if Flux has not observed its last change yet.
	IsChanged bool
	// NotReady is the message of its Ready condition where that is false.
	NotReady string
}

// ObjectName returns the policy's name.
func (p Policy) ObjectName() object.Name { return p.Name }

// Repository is an ImageRepository.
type Repository struct {
	object.Name
	// Image is what it scans: git.oleks.space/oleks/cms-plugins.
	Image string
}

// ObjectName returns the repository's name.
func (r Repository) ObjectName() object.Name { return r.Name }

// Rule is how a policy was linked to an image.
type Rule string

// The rules.
const (
	// SameRepository links the policies of the same repository.
	SameRepository Rule = "same repository"
	// SamePathEnd links those whose repository ends with a path whose registry is not named.
	SamePathEnd Rule = "same end of the path"
	// SamePath links those of the repository of the same path at another registry, where
	// none follows it as it is written.
	SamePath Rule = "same path at another registry"
	// MatchingName links those that accept a tag that stands alone and whose name matches.
	MatchingName Rule = "matching name"
	// NamedByAnnotation links those that the release's annotation names.
	NamedByAnnotation Rule = "annotation"
)
