package controllers

import (
	"cmp"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// valuesServer is an API server with ConfigMaps of values and HelmReleases.
type valuesServer struct {
	emptyReader
	// values are those of all ConfigMaps that have none of their own in byName.
	values string
	byName map[string]string
	// versions are those of ConfigMaps; else it is 1.
	versions map[string]string
	releases map[string]*flux.HelmRelease
	// reading is called while an object is read, takes is how long that takes, and fails are those that cannot be read.
	reading func(name string)
	takes   time.Duration
	fails   map[string]error

	mu sync.Mutex
	// gets counts the requests by name.
	gets map[string]int
}

func (s *valuesServer) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	time.Sleep(s.takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gets == nil {
		s.gets = map[string]int{}
	}
	s.gets[key.Name]++
	switch o := o.(type) {
	case *corev1.ConfigMap:
		o.ResourceVersion = cmp.Or(s.versions[key.Name], "1")
		o.Data = map[string]string{"values.yaml": cmp.Or(s.byName[key.Name], s.values)}
	case *flux.HelmRelease:
		if s.releases[key.Name] == nil {
			return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
		}
		s.releases[key.Name].DeepCopyInto(o)
	}
	if s.reading != nil {
		s.reading(key.Name)
	}
	return s.fails[key.Name]
}

// requests returns how many there were since it was called last.
func (s *valuesServer) requests() int {
	sum := 0
	for _, n := range s.gets {
		sum += n
	}
	clear(s.gets)
	return sum
}

// imagesFrom are the images of releases of an API server.
func imagesFrom(server *valuesServer, shares *shares) *releaseImages {
	passes := newRequests()
	return newReleaseImages(server, nil, &valuesFromCache{live: server, shares: shares, passes: passes}, shares, passes)
}

// passOver makes a pass over releases, of which some are confirmed, and returns their images.
func (r *releaseImages) passOver(t *testing.T, s *pin.Snapshot, releases ...*flux.HelmRelease) []*pin.ReleaseImages {
	t.Helper()
	wanted := make([]*keptRelease, len(releases))
	for i, release := range releases {
		wanted[i] = convert.KeepSmall(release, r.shares.spend)
	}
	count := countByNamespace(wanted)
	r.shares.begin(count)
	if err := r.prepare(t.Context(), wanted, count); err != nil {
		t.Fatal(err)
	}
	found := make([]*pin.ReleaseImages, len(releases))
	for i, kept := range wanted {
		if i%readAhead == 0 {
			r.readAhead(t.Context(), wanted[i:min(i+readAhead, len(wanted))], s.Confirmed)
		}
		if found[i] = kept.Value.Release.Images; found[i] == nil {
			found[i] = r.find(t.Context(), kept, s, s.Confirmed[kept.Value.Release.ID])
		}
	}
	r.sweep()
	r.valuesFrom.sweep()
	return found
}

// suspended is a release with values of its own and of ConfigMaps.
func suspended(namespace, name, values string, configMaps ...string) *flux.HelmRelease {
	o := &flux.HelmRelease{}
	o.Namespace, o.Name, o.UID, o.Generation = namespace, name, types.UID(name), 1
	o.Spec.Suspend, o.Spec.Values = true, &apiextensionsv1.JSON{Raw: []byte(values)}
	for _, configMap := range configMaps {
		o.Spec.ValuesFrom = append(o.Spec.ValuesFrom, meta.ValuesReference{Kind: "ConfigMap", Name: configMap})
	}
	return o
}

// A release of an older generation than the one that was known is what it is now: etcd was restored from a backup.
func TestOlderGeneration(t *testing.T) {
	shares := newShares()
	r := imagesFrom(&valuesServer{}, shares)
	release := func(generation int64, tag string) *keptRelease {
		o := suspended("apps", "app", `{"image":"g.io/o/app:`+tag+`"}`, "values")
		o.Generation = generation
		return convert.KeepSmall(o, shares.spend)
	}
	for _, step := range []struct {
		generation int64
		tag        string
	}{{9, "v9"}, {10, "v10"}, {8, "v8"}, {9, "other"}} {
		s := &pin.Snapshot{}
		images := r.find(t.Context(), release(step.generation, step.tag), s, false)
		r.known.Sweep()
		if len(s.FailedReads) > 0 || len(images.Mentions) != 1 || images.Mentions[0].Tag != step.tag {
			t.Errorf("generation %d: found %v, want %s", step.generation, images.Mentions, step.tag)
		}
	}
}
