package controllers

import (
	"context"
	"fmt"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
)

// helmChartWriter makes and removes HelmCharts. What is due was decided on what caches have, so each is
// read again before: releases and HelmCharts that are not as they were then are left as they are.
type helmChartWriter struct {
	client client.Client
	live   client.Reader
	// by is the value of the label of its HelmCharts, and selects reports whether a release is one of
	// this instance.
	by      string
	selects func(metav1.Object) bool
}

// fieldManager is that of helm-controller, on purpose. When a release is resumed, helm-controller applies
// its HelmChart as this manager, without pinsync's label: the API server removes the label, and changes
// nothing else. Fields of another manager would stay when helm-controller drops them later.
const fieldManager = "helm-controller"

// make makes a HelmChart, or changes it to what the release asks for; ok is false if there is nothing to
// be done any more.
func (w *helmChartWriter) make(ctx context.Context, due *dueRequest) (ok bool, err error) {
	object, isCurrent, err := w.release(ctx, due)
	if err != nil || !isCurrent {
		return false, err
	}
	release := &helmv2.HelmRelease{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, release); err != nil {
		return false, fmt.Errorf("reading HelmRelease %s: %w", due.release.Name, err)
	}
	return w.withChart(ctx, due, func(existing *flux.HelmChart) error {
		wanted := convert.HelmChartOf(release, w.by)
		if existing != nil { // and only if it is still as it was read
			wanted.SetUID(existing.UID)
			wanted.SetResourceVersion(existing.ResourceVersion)
		}
		return w.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(wanted), client.FieldOwner(fieldManager), client.ForceOwnership)
	})
}

// remove removes a HelmChart; ok is false if it is not to be removed any more.
func (w *helmChartWriter) remove(ctx context.Context, due *dueRequest) (ok bool, err error) {
	if _, isCurrent, err := w.release(ctx, due); err != nil || !isCurrent {
		return false, err
	}
	return w.withChart(ctx, due, func(existing *flux.HelmChart) error {
		if existing == nil {
			return nil
		}
		err := w.client.Delete(ctx, existing, client.Preconditions{UID: &existing.UID, ResourceVersion: &existing.ResourceVersion})
		return client.IgnoreNotFound(err)
	})
}

// release reads a release, and reports whether it is as it was when the request was decided.
func (w *helmChartWriter) release(ctx context.Context, due *dueRequest) (release *unstructured.Unstructured, isCurrent bool, err error) {
	release = &unstructured.Unstructured{}
	release.SetGroupVersionKind(helmv2.GroupVersion.WithKind(helmv2.HelmReleaseKind))
	err = w.live.Get(ctx, client.ObjectKey{Namespace: due.release.Namespace, Name: due.release.Name.Name}, release)
	switch {
	case apierrors.IsNotFound(err), err == nil && !w.selects(release):
		return nil, due.isGone, nil
	case err != nil:
		return nil, false, err
	default:
		return release, !due.isGone && convert.RevisionOf(release) == due.release.Revision, nil
	}
}

// withChart reads a HelmChart, nil if there is none, and writes it, again if it has changed meanwhile; ok
// is false if it is not pinsync's own.
func (w *helmChartWriter) withChart(ctx context.Context, due *dueRequest, write func(*flux.HelmChart) error) (ok bool, err error) {
	err = retry.RetryOnConflict(retry.DefaultRetry, func() error {
		chart := &flux.HelmChart{}
		err := w.live.Get(ctx, client.ObjectKey{Namespace: due.chart.Namespace, Name: due.chart.Name}, chart)
		switch {
		case apierrors.IsNotFound(err):
			chart = nil
		case apierrors.IsForbidden(err): // nothing but the right decides on a read
			return &missingRightError{err}
		case err != nil:
			return err
		default:
			if source := convert.SourceOf(chart); source.RequestedBy != w.by || source.Owner != due.release.Name {
				ok = false
				return nil
			}
		}
		ok = true
		return write(chart)
	})
	return ok, err
}

// missingRightError is the error of an API server that does not let pinsync read HelmCharts, and so not
// write them either.
type missingRightError struct{ error }
