package inspect

import (
	"context"
	"slices"

	"oras.land/oras-go/v2/registry/remote/auth"

	"git.oleks.space/oleks/pinsync/internal/image"
)

// Logins are the credentials that Flux uses for repositories.
type Logins map[image.Repository]login

// login has the credentials for one repository. Those that could not be read fail when they
// are used, so that the error is returned only for this repository.
type login struct{ working, broken []auth.CredentialFunc }

// With returns the credentials to try for a repository, in this order: Flux's, the user's,
// and if none of Flux's could be read, the errors.
func (l Logins) With(repository image.Repository, users auth.CredentialFunc) []auth.CredentialFunc {
	of := l[repository]
	if len(of.working) > 0 {
		return append(slices.Clone(of.working), users)
	}
	return append([]auth.CredentialFunc{users}, of.broken...)
}

func (l Logins) add(repository image.Repository, find auth.CredentialFunc) {
	of := l[repository]
	of.working = append(of.working, find)
	l[repository] = of
}

func (l Logins) addBroken(repository image.Repository, err error) {
	of := l[repository]
	of.broken = append(of.broken, func(context.Context, string) (auth.Credential, error) { return auth.EmptyCredential, err })
	l[repository] = of
}
