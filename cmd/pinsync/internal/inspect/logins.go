package inspect

import (
	"context"
	"slices"

	"oras.land/oras-go/v2/registry/remote/auth"

	"git.oleks.space/oleks/pinsync/internal/image"
)

// Logins are what Flux logs in to repositories with.
type Logins map[image.Repository]login

// login is what there is for one repository. What is broken fails when it is asked for,
// so that only who needs it hears of it.
type login struct{ working, broken []auth.CredentialFunc }

// With returns what to try for a repository, in this order: Flux's logins, the user's, and
// where Flux has none that can be read, the error that says why.
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
