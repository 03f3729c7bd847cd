package main

import (
	"context"
	"fmt"
	"strings"

	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"git.oleks.space/oleks/pinsync/hack/local/testbed"
)

// policyOf returns the policy of an image.
func policyOf(image string) *imagev1.ImagePolicy {
	tags, choice := testbed.FollowTag(staging)
	if followsBuilds(image) {
		tags = &imagev1.TagFilter{Pattern: `^0\.1\.\d+$`}
		choice = imagev1.ImagePolicyChoice{SemVer: &imagev1.SemVerPolicy{Range: ">=0.1.0"}}
	}
	return testbed.ImagePolicy(namespace, image, tags, choice)
}

// push pushes a build with some tags. The registry is not killed meanwhile.
func (s *soak) push(ctx context.Context, image string, tags ...string) error {
	s.pushing.Lock()
	defer s.pushing.Unlock()
	s.journal.note(image, "pushed with %q", tags)
	_, err := s.registry.Push(ctx, image, tags...)
	return err
}

// pushOf pushes a new build of an image, as staging, too, or not.
func (u *user) pushOf(ctx context.Context, image string, isStaging bool) error {
	u.builds[image]++
	tags := []string{u.newest(image)}
	if isStaging {
		tags = append(tags, staging)
	}
	return u.push(ctx, image, tags...)
}

// newest is the tag of the newest build of an image.
func (u *user) newest(image string) string { return fmt.Sprint("0.1.", u.builds[image]) }

func (u *user) pushBuild(ctx context.Context) error {
	return u.pushOf(ctx, pick(u.random, images()), u.random.IntN(2) == 0)
}

func (u *user) pushStaging(ctx context.Context) error {
	return u.push(ctx, pick(u.random, images()), staging)
}

// repair pushes again what live releases refer to, and the registry does not have: nothing had
// protected it until a Pod referred to it.
func (u *user) repair(ctx context.Context) error {
	releases, err := u.releases(ctx, isResumed)
	if err != nil {
		return err
	}
	done := errNothing
	for i := range releases {
		image := u.imageOf(&releases[i])
		exists, err := u.witness.exists(ctx, image)
		if err != nil {
			return err
		}
		if !exists {
			name, tag, _ := strings.Cut(image, ":")
			if err := u.push(ctx, name, tag); err != nil {
				return err
			}
			done = nil
		}
	}
	return done
}

// deleteTag deletes a tag to which nothing refers. The newest ones stay: a policy may be about to
// resolve to them.
func (u *user) deleteTag(ctx context.Context) error {
	versions, err := u.registry.Versions(ctx)
	if err != nil {
		return err
	}
	var unneeded []testbed.Version
	for _, v := range versions {
		isNewest := v.Version == staging || v.Version == u.newest(v.Name)
		if !isNewest && !strings.HasPrefix(v.Version, "sha256:") && !u.witness.isReferred(v.Name+":"+v.Version) {
			unneeded = append(unneeded, v)
		}
	}
	if len(unneeded) == 0 {
		return errNothing
	}
	v := pick(u.random, unneeded)
	u.journal.note(v.Name, "the user deletes %s", v.Version)
	err = u.registry.Delete(ctx, v.Name, v.Version)
	u.witness.askAgain(func(n *need) bool { return n.image == v.Name+":"+v.Version })
	return err
}

func (u *user) deletePolicy(ctx context.Context) error {
	image := pick(u.random, images())
	u.journal.note(image, "the user deletes its policy")
	return nothingIf(apierrors.IsNotFound, u.cluster.Client.Delete(ctx, policyOf(image)))
}

func (u *user) createPolicy(ctx context.Context) error {
	image := pick(u.random, images())
	u.journal.note(image, "the user creates its policy")
	return nothingIf(apierrors.IsAlreadyExists, u.cluster.Client.Create(ctx, policyOf(image)))
}
