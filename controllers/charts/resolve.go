// Package charts finds the chart that a release would be installed from when it is resumed, and
// fetches it from where Flux serves it.
package charts

import (
	"fmt"
	"strings"

	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// Chart is where the chart of a release is. It is comparable: equal charts have equal bytes.
type Chart struct {
	// Source is the object that has the artifact.
	Source   object.ID
	Artifact flux.Artifact
	// Folder is where the chart is in the artifact, if that is a source with more than the chart, and
	// ValuesFiles are those of the release in it, each with a line feed after it. Otherwise the artifact
	// is the chart as it is installed, with its valuesFiles merged.
	Folder, ValuesFiles string
	// IgnoreMissingValuesFiles leaves out those that do not exist.
	IgnoreMissingValuesFiles bool
}

// LookUp returns an object that a chart can come from; false, it does not exist.
type LookUp func(object.ID) (convert.Source, bool)

// Resolver finds charts.
type Resolver struct {
	// OwnNamespaceOnly is set if releases must not refer to objects in other namespaces.
	OwnNamespaceOnly bool
	LookUp           LookUp
}

// Resolve returns the chart that a release would be installed from. A doubt is why there is none yet, or
// why it may be another one.
func (r *Resolver) Resolve(spec *convert.ChartSpec) (chart Chart, doubt string) {
	switch {
	case spec.Ref == (object.ID{}):
		return Chart{}, "the release has neither a chart nor a chartRef"
	case !r.Allows(spec):
		return Chart{}, nameOf(spec.Ref) + " is in another namespace, and the configuration's crossNamespaceRefs is Deny"
	case spec.Template == nil:
		return r.of(spec.Ref)
	}
	template, isFolder := spec.Template, spec.Template.Source.Kind == flux.GitRepositoryKind || spec.Template.Source.Kind == flux.BucketKind
	made, ok := r.LookUp(spec.Ref)
	isOwn := ok && made.Owner == spec.Release
	if !isFolder {
		made.Template.Interval = template.Interval // a version of a chart that was published is always the same
	}
	switch {
	case isOwn && made.Template == *template:
		return artifactOf(&made)
	case isFolder:
		chart, doubt = r.of(template.Source)
		chart.Folder, chart.ValuesFiles, chart.IgnoreMissingValuesFiles = template.Chart, template.ValuesFiles, template.IgnoreMissingValuesFiles
		return chart, doubt
	case isOwn:
		return Chart{}, nameOf(spec.Ref) + " has the chart that the release asked for before it was suspended: Flux changes it at the resume"
	default:
		return Chart{}, "there is no chart yet: Flux makes " + nameOf(spec.Ref) + " when the release is resumed"
	}
}

// Allows reports whether a release may take its chart from where it does.
func (r *Resolver) Allows(spec *convert.ChartSpec) bool {
	return !r.OwnNamespaceOnly || spec.Ref.Namespace == spec.Release.Namespace
}

// of returns what an object has.
func (r *Resolver) of(id object.ID) (chart Chart, doubt string) {
	source, ok := r.LookUp(id)
	if !ok {
		return Chart{}, "there is no " + nameOf(id)
	}
	return artifactOf(&source)
}

func artifactOf(source *convert.Source) (chart Chart, doubt string) {
	chart = Chart{Source: source.ID, Artifact: source.Artifact}
	switch {
	case source.NotReady != "":
		doubt = fmt.Sprintf("%s is not ready: %s", nameOf(source.ID), image.Shorten(strings.Join(strings.Fields(source.NotReady), " ")))
	case source.Artifact == (flux.Artifact{}):
		doubt = "Flux has not fetched " + nameOf(source.ID) + " yet"
	}
	return chart, doubt
}

// nameOf returns an object as messages have it.
func nameOf(id object.ID) string { return id.Kind + " " + id.Name.String() }
