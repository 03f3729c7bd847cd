package controllers

import (
	"context"
	"errors"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"
)

// servedVersions is an API server of a version, with a kind in each of its groups, and what it answers besides.
type servedVersions struct {
	discovery.DiscoveryInterfaceWithContext
	version string
	groups  []string
	err     error
}

func (s *servedVersions) ServerVersionWithContext(context.Context) (*version.Info, error) {
	return &version.Info{GitVersion: s.version}, nil
}

func (s *servedVersions) ServerGroupsAndResourcesWithContext(context.Context) (groups []*metav1.APIGroup, resources []*metav1.APIResourceList, err error) {
	for _, group := range s.groups {
		resources = append(resources, &metav1.APIResourceList{GroupVersion: group, APIResources: []metav1.APIResource{{Kind: "Kind"}}})
	}
	return nil, resources, s.err
}

// An API whose server is away does not keep what else the cluster serves from being read, and counts as it was.
func TestVersionsWhileAnAPIIsAway(t *testing.T) {
	away := &discovery.ErrGroupDiscoveryFailed{Groups: map[schema.GroupVersion]error{{Group: "metrics.k8s.io", Version: "v1"}: errors.New("away")}}
	const all = "apps/v1 apps/v1/Kind metrics.k8s.io/v1 metrics.k8s.io/v1/Kind"
	v := &clusterVersions{}
	for _, step := range []struct {
		served  servedVersions
		version string
		want    string
	}{
		{servedVersions{version: "v1.36.0", err: errors.New("timeout")}, "", ""},
		{servedVersions{version: "v1.36.0", groups: []string{"apps/v1"}, err: away}, "v1.36.0", "apps/v1 apps/v1/Kind"},
		{servedVersions{version: "v1.36.0", groups: []string{"apps/v1", "metrics.k8s.io/v1"}}, "v1.36.0", all},
		{servedVersions{version: "v1.37.0", groups: []string{"apps/v1"}, err: away}, "v1.37.0", all},
		{servedVersions{version: "v1.38.0", err: errors.New("timeout")}, "v1.37.0", all},
		{servedVersions{version: "v1.38.0", groups: []string{"apps/v1"}}, "v1.38.0", "apps/v1 apps/v1/Kind"},
	} {
		v.discovery = &step.served
		v.refresh(t.Context(), "")
		if isRead := step.version != ""; isRead != (v.notRead() == "") {
			t.Errorf("%s: not read is %q", step.version, v.notRead())
		}
		if version, served := v.versions(); version != step.version || strings.Join(served, " ") != step.want {
			t.Errorf("got %s with %q, want %s with %q", version, served, step.version, step.want)
		}
	}
}
