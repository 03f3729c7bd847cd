package controllers_test

import (
	"testing"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	imagev1 "github.com/fluxcd/image-reflector-controller/api/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A change of any kind is in the next pass, though what has not changed is not read again.
func TestChangesOfEachKind(t *testing.T) {
	w := newWorld(t)
	w.start(w.options())
	w.suspend("web", app+":v1")
	w.expect("v1")
	w.follow(w.apps, "^staging$")
	w.expect("staging", "v1")
	scan := func(image string) {
		t.Helper()
		change(w, &imagev1.ImageRepository{}, w.apps, "app", func(r *imagev1.ImageRepository) { r.Spec.Image = image })
	}
	scan("git.example.com/team/other")
	w.expect("v1")
	scan(app)
	w.expect("staging", "v1")
	change(w, &imagev1.ImagePolicy{}, w.apps, "app", func(p *imagev1.ImagePolicy) { p.Spec.FilterTags.Pattern = "^production$" })
	w.expect("production", "v1")
	change(w, &corev1.Namespace{}, "", w.apps, func(n *corev1.Namespace) { annotate(n, "disabled") })
	w.expect()
	// What was held for it may have run meanwhile.
	change(w, &corev1.Namespace{}, "", w.apps, func(n *corev1.Namespace) { annotate(n, "enabled") })
	w.expect("production", "staging", "v1")
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Suspend = false })
	w.expect()
	w.remove(&imagev1.ImageRepository{ObjectMeta: metav1.ObjectMeta{Namespace: w.apps, Name: "app"}})
	w.expectInReport("its ImageRepository " + w.apps + "/app does not exist")
	w.changeRelease(func(r *helmv2.HelmRelease) { r.Spec.Suspend = true })
	w.expect("production", "staging", "v1")
}
