package registry

import (
	"context"

	"oras.land/oras-go/v2/registry/remote"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// lookBoth asks for a tag, and for the digest that a reference has beside it. A pull asks
// for the digest alone, but without its tag a cleaner may delete that.
func lookBoth(ctx context.Context, repository *remote.Repository, ref image.Reference) (Answer, error) {
	byTag, err := look(ctx, repository, ref.Tag)
	if ref.Digest == "" || err != nil && !isMissing(err) {
		return byTag, err
	}
	hasTag := err == nil
	byDigest, err := look(ctx, repository, ref.Digest)
	hasDigest := !isMissing(err)
	if hasDigest && err != nil {
		return Answer{}, err
	}
	pulled := " the digest " + ref.Digest + ", which a resume pulls"
	switch {
	case !hasTag && !hasDigest:
		return Answer{v1alpha1.ImageMissing, "the registry has neither the tag nor" + pulled}, nil
	case !hasDigest:
		return Answer{v1alpha1.ImageMissing, "the tag is there, but not" + pulled}, nil
	case !hasTag:
		return Answer{v1alpha1.ImageMissing, "the registry has no such tag, but still" + pulled}, nil
	case byDigest.Status != v1alpha1.ImagePresent:
		return Answer{byDigest.Status, "of" + pulled + ": " + byDigest.Message}, nil
	default:
		return Answer{byDigest.Status, "a resume pulls the digest " + ref.Digest}, nil
	}
}
