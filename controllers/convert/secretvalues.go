package convert

import (
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// withoutSecrets looks up the same objects but Secrets.
func withoutSecrets(lookUp LookUpValues) LookUpValues {
	return func(ref ValuesRef) ValuesObject {
		if ref.Kind == SecretKind {
			return ValuesObject{NotRead: "is left out"}
		}
		return lookUp(ref)
	}
}

// quotable returns what was found in values of which some come from Secrets, with what was found
// without those in the place of what is the same, so that it may be quoted, and with the full
// images besides that only the text of the others has.
func quotable(found, open *pin.ReleaseImages) *pin.ReleaseImages {
	isOpen, isFound, isTaken := map[image.Reference]bool{}, map[image.Reference]bool{}, map[image.Mention]bool{}
	for _, m := range open.Mentions {
		isOpen[m.Reference] = true
	}
	result := &pin.ReleaseImages{Unknown: found.Unknown, Problems: found.Problems}
	for _, m := range found.Mentions {
		isFound[m.Reference] = true
		if !m.Secret || !isOpen[m.Reference] {
			result.Mentions, isTaken[m] = append(result.Mentions, m), true
		}
	}
	for _, m := range open.Mentions {
		isWhole := m.Tag != "" && m.Repository != (image.Repository{})
		if !isTaken[m] && (isWhole || isFound[m.Reference]) {
			result.Mentions = append(result.Mentions, m)
		}
	}
	return result
}
