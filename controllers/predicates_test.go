package controllers

import (
	"context"
	"errors"
	"runtime"
	"testing"

	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/link"
)

// kept is an object as the cache keeps it.
func kept(t *testing.T, o client.Object) client.Object {
	t.Helper()
	object, err := convert.Keep(false, newShares().spend)(o)
	if err != nil {
		t.Fatal(err)
	}
	result, ok := object.(client.Object)
	if !ok {
		t.Fatalf("it is kept as %T", object)
	}
	return result
}

func TestPredicates(t *testing.T) {
	annotated := func(value string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.SyncAnnotation: value}}
	}
	resolved := func(tag string, ready metav1.ConditionStatus, message string) *flux.ImagePolicy {
		return &flux.ImagePolicy{Status: flux.ImagePolicyStatus{
			LatestRef:  &imagev1.ImageRef{Name: "g.io/o/a", Tag: tag},
			Conditions: flux.Conditions{{Type: "Ready", Status: ready, Message: message}},
		}}
	}
	tests := map[string]struct {
		changed       func(before, after client.Object) bool
		before, after client.Object
		want          bool
	}{
		"release as it was":      {releaseChanged, &flux.HelmRelease{}, &flux.HelmRelease{}, false},
		"release's status":       {releaseChanged, &flux.HelmRelease{}, &flux.HelmRelease{Status: flux.HelmReleaseStatus{ObservedGeneration: 1}}, false},
		"release's spec":         {releaseChanged, &flux.HelmRelease{}, &flux.HelmRelease{ObjectMeta: metav1.ObjectMeta{Generation: 1}}, true},
		"release annotated":      {releaseChanged, &flux.HelmRelease{}, &flux.HelmRelease{ObjectMeta: annotated("enabled")}, true},
		"annotated by mistake":   {releaseChanged, &flux.HelmRelease{}, &flux.HelmRelease{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{v1alpha1.Group + "/synch": ""}}}, true},
		"annotated otherwise":    {releaseChanged, &flux.HelmRelease{ObjectMeta: annotated("x")}, &flux.HelmRelease{ObjectMeta: annotated("y")}, true},
		"annotated with nothing": {releaseChanged, &flux.HelmRelease{}, &flux.HelmRelease{ObjectMeta: annotated("")}, true},
		"release created anew":   {releaseChanged, &flux.HelmRelease{ObjectMeta: metav1.ObjectMeta{UID: "1"}}, &flux.HelmRelease{ObjectMeta: metav1.ObjectMeta{UID: "2"}}, true},
		"policy resolved":        {valueChanged[link.Policy], &flux.ImagePolicy{}, resolved("v1", "True", ""), true},
		"policy moved on":        {valueChanged[link.Policy], resolved("v1", "True", ""), resolved("v2", "True", ""), true},
		"policy lost its tag":    {valueChanged[link.Policy], resolved("v1", "True", ""), resolved("v1", "False", "lost"), true},
		"policy's message":       {valueChanged[link.Policy], resolved("v1", "True", "a"), resolved("v1", "True", "b"), false},
		"policy's rules": {valueChanged[link.Policy], &flux.ImagePolicy{}, &flux.ImagePolicy{
			Spec: flux.ImagePolicySpec{FilterTags: &imagev1.TagFilter{Pattern: "^v"}},
		}, true},
		"no policy at all": {valueChanged[link.Policy], &flux.HelmRelease{}, &flux.HelmRelease{}, true},
	}
	for name, test := range tests {
		p := updated(test.changed)
		if got := p.Update(event.UpdateEvent{ObjectOld: kept(t, test.before), ObjectNew: kept(t, test.after)}); got != test.want {
			t.Errorf("%s: passes %t, want %t", name, got, test.want)
		}
		if !p.Create(event.CreateEvent{Object: test.after}) || !p.Delete(event.DeleteEvent{Object: test.after}) {
			t.Errorf("%s: a creation or a deletion is dropped", name)
		}
	}
}

// Only an event about a version that is known is dropped, and no deletion.
func TestListChanged(t *testing.T) {
	version := func(name, version string) client.Object {
		return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: version}}
	}
	known := &knownVersions{}
	known.add(version("registry-pins", "1"))
	known.add(version("registry-pins", "2"))
	known.add(version("registry-pins-1", "3"))
	p := listChanged("registry-pins", known.has)
	for _, test := range []struct {
		name, version    string
		changed, deleted bool
	}{
		{"registry-pins", "1", true, true},
		{"registry-pins", "2", false, true},
		{"registry-pins", "3", true, true},
		{"registry-pins-1", "3", false, true},
		{"registry-pins-2", "4", true, true},
		{"other", "1", false, false},
	} {
		o := version(test.name, test.version)
		if p.Create(event.CreateEvent{Object: o}) != test.changed ||
			p.Update(event.UpdateEvent{ObjectOld: o, ObjectNew: o}) != test.changed || p.Delete(event.DeleteEvent{Object: o}) != test.deleted {
			t.Errorf("version %s of %s does not pass as it should", test.version, test.name)
		}
	}
}

// An event about a version that is being written waits for the answer to the write, or it would pass as somebody
// else's.
func TestKnownWhileWritten(t *testing.T) {
	m, err := newMetrics("test")
	if err != nil {
		t.Fatal(err)
	}
	failed := errors.New("failed")
	for _, fails := range []error{nil, failed} {
		isKnown := make(chan bool, 1)
		maps := configMaps{known: &knownVersions{}, metrics: m}
		maps.client = writer{update: func(o client.Object) error {
			o.SetResourceVersion("2")
			event := o.DeepCopyObject().(client.Object) //nolint:forcetypeassert // a copy has the same type
			go func() { isKnown <- maps.known.has(event) }()
			for range 1000 { // it has the time to answer too early
				runtime.Gosched()
			}
			return fails
		}}
		err := maps.writeOne(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "registry-pins", ResourceVersion: "1"}})
		if !errors.Is(err, fails) || <-isKnown != (fails == nil) {
			t.Errorf("the write ended with %v, want %v, and the version is known only if it did not fail", err, fails)
		}
	}
}

// writer is a client that only updates.
type writer struct {
	client.Client
	update func(client.Object) error
}

func (w writer) Update(_ context.Context, o client.Object, _ ...client.UpdateOption) error {
	return w.update(o)
}
