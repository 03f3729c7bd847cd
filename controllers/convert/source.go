package convert

import (
	"cmp"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// ChartSpec is which chart a release asks for, and what the chart gets of the release besides its
// spec's values.
type ChartSpec struct {
	Release object.Name
	// Ref is the object that a chartRef names, or the HelmChart that helm-controller makes.
	Ref object.ID
	// Template is what that HelmChart has to be made from; nil for a chartRef.
	Template *ChartTemplate
	// IsUpgrade is set if the release was installed before.
	IsUpgrade bool
}

// ChartTemplate is what decides which chart a HelmChart has.
type ChartTemplate struct {
	Chart, Version string
	// Source is the object that the chart comes from.
	Source object.ID
	// Interval is how often Flux looks for another one. If it has changed, Flux packages the chart of a GitRepository
	// or a Bucket anew, though its version is the same: source-controller does so for each new generation.
	Interval string
	// ReconcileStrategy is when the HelmChart has a new revision.
	ReconcileStrategy string
	// ValuesFiles are the names of files, each with a line feed after it.
	ValuesFiles              string
	IgnoreMissingValuesFiles bool
}

// The defaults of the API server for a HelmChart, which are the same for a HelmRelease.
const (
	defaultVersion           = "*"
	defaultReconcileStrategy = "ChartVersion"
)

// ChartSpecOf returns what the chart of a release depends on.
func ChartSpecOf(o *flux.HelmRelease) *ChartSpec {
	c := &ChartSpec{Release: nameOf(o), IsUpgrade: len(o.Status.History) > 0}
	switch {
	case o.Spec.ChartRef != nil:
		ref := o.Spec.ChartRef
		c.Ref = object.ID{Kind: ref.Kind, Name: object.Name{Namespace: cmp.Or(ref.Namespace, o.Namespace), Name: ref.Name}}
	case o.Spec.Chart != nil:
		t := &o.Spec.Chart.Spec
		namespace := cmp.Or(t.SourceRef.Namespace, o.Namespace)
		c.Ref = object.ID{Kind: flux.HelmChartKind, Name: HelmChartName(namespace, c.Release)}
		c.Template = new(templateOf(namespace, &flux.HelmChartSpec{
			Chart: t.Chart, Version: t.Version, Interval: cmp.Or(t.Interval, o.Spec.Interval), SourceRef: flux.HelmChartSourceRef{Kind: t.SourceRef.Kind, Name: t.SourceRef.Name},
			ReconcileStrategy: t.ReconcileStrategy, ValuesFiles: t.ValuesFiles, IgnoreMissingValuesFiles: t.IgnoreMissingValuesFiles,
		}))
	}
	return c
}

// Kinds returns the kinds of the objects that the chart comes from. Where that is a HelmChart that was not made
// for the release, only its HelmRepository says what is to be pinned for the chart itself, if it has one.
func (c *ChartSpec) Kinds() []string {
	switch {
	case c.Template != nil:
		return []string{c.Ref.Kind, c.Template.Source.Kind}
	case c.Ref.Kind == flux.HelmChartKind:
		return []string{c.Ref.Kind, flux.HelmRepositoryKind}
	default:
		return []string{c.Ref.Kind}
	}
}

// templateOf returns what a HelmChart in a namespace is made from.
func templateOf(namespace string, spec *flux.HelmChartSpec) ChartTemplate {
	return ChartTemplate{
		Chart: spec.Chart, Version: cmp.Or(spec.Version, defaultVersion),
		Interval:          duration(spec.Interval),
		Source:            object.ID{Kind: spec.SourceRef.Kind, Name: object.Name{Namespace: namespace, Name: spec.SourceRef.Name}},
		ReconcileStrategy: cmp.Or(spec.ReconcileStrategy, defaultReconcileStrategy),
		ValuesFiles:       lines(spec.ValuesFiles), IgnoreMissingValuesFiles: spec.IgnoreMissingValuesFiles,
	}
}

// duration returns a duration in the one way in which Go writes it; another text as it is.
func duration(text string) string {
	if d, err := time.ParseDuration(text); err == nil {
		return d.String()
	}
	return text
}

func lines(list []string) string {
	var text strings.Builder
	for _, line := range list {
		text.WriteString(line + "\n")
	}
	return text.String()
}

// Source is an object that a chart can come from.
type Source struct {
	object.ID
	// Owner is the release that helm-controller has made a HelmChart for; empty, none.
	Owner object.Name
	// Template is what a HelmChart is made from.
	Template ChartTemplate
	// RequestedBy is who has made a HelmChart that helm-controller has not taken over, as the label has
	// it; empty, nobody, or it is being deleted.
	RequestedBy string
	// URL is that of an OCIRepository or a HelmRepository, and Tag the tag that an OCIRepository names.
	URL, Tag string
	// Artifact is what was fetched last; empty, nothing yet.
	Artifact flux.Artifact
	// NotReady is why what is wanted now could not be fetched; empty, it was, or Flux has not tried yet.
	NotReady string
}

// SourceOf converts an object that a chart can come from.
func SourceOf(o flux.Source) Source {
	kind, status := o.Observed()
	s := Source{ID: object.ID{Kind: kind, Name: nameOf(o)}, NotReady: notReady(o, status)}
	if status.Artifact != nil {
		s.Artifact = *status.Artifact
	}
	switch o := o.(type) {
	case *flux.OCIRepository:
		s.URL = o.Spec.URL
		if ref := o.Spec.Reference; ref != nil && (ref.SemVer == "" || ref.Digest != "") { // a range comes before a tag
			s.Tag = ref.Tag
		}
	case *flux.HelmRepository:
		s.URL = o.Spec.URL
	case *flux.HelmChart:
		s.Owner, s.Template = releaseOf(o), templateOf(o.Namespace, &o.Spec)
		if o.DeletionTimestamp.IsZero() {
			s.RequestedBy = o.Labels[v1alpha1.RequestedByLabel]
		}
		if o.Spec.Suspend && status.Artifact == nil {
			s.NotReady = "it is suspended"
		}
	}
	return s
}

// notReady returns why an artifact may not be of what is wanted now.
func notReady(o flux.Source, status *flux.SourceStatus) string {
	ready := status.Conditions.Ready()
	switch {
	case ready != nil && ready.Status == metav1.ConditionFalse:
		return cmp.Or(ready.Message, ready.Reason)
	case status.Artifact != nil && isLater(o.GetGeneration(), status.ObservedGeneration):
		return "Flux has not observed its last change yet"
	default:
		return ""
	}
}
