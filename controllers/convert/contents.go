package convert

import (
	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Contents are the parts of a HelmRelease in which images are looked for.
type Contents struct {
	namespace     string
	values        *apiextensionsv1.JSON
	valuesFrom    []meta.ValuesReference
	postRenderers []helmv2.PostRenderer
}

// ContentsOf returns the contents of a HelmRelease.
func ContentsOf(o *flux.HelmRelease) *Contents {
	return &Contents{
		namespace: o.Namespace, values: o.Spec.Values, valuesFrom: o.Spec.ValuesFrom, postRenderers: o.Spec.PostRenderers,
	}
}

// SourceRef names what values come from.
type SourceRef struct {
	Kind string
	Name object.Name
}

// Sources are what values come from besides the release itself, in order.
func (c *Contents) Sources() []SourceRef {
	refs := make([]SourceRef, len(c.valuesFrom))
	for i := range c.valuesFrom {
		refs[i] = c.source(i)
	}
	return refs
}

func (c *Contents) source(i int) SourceRef {
	return SourceRef{c.valuesFrom[i].Kind, object.Name{Namespace: c.namespace, Name: c.valuesFrom[i].Name}}
}

// Find looks for images in the effective values, for which it looks up the sources, and in
// the post-renderers.
func (c *Contents) Find(sources Sources) *pin.ReleaseImages {
	r := c.read(sources)
	found := pin.FindImages(r.contents)
	found.Unknown = r.unknown
	found.Problems = append(r.problems, found.Problems...)
	return found
}

func (c *Contents) read(sources Sources) *reading {
	r := &reading{}
	r.addValues(c, sources)
	r.addPostRenderers(c.postRenderers)
	return r
}

// reading is what was read of a release's contents so far.
type reading struct {
	contents []pin.ReleasePart
	unknown  bool
	problems []v1alpha1.Problem
}

func (r *reading) add(path string, value any) {
	r.contents = append(r.contents, pin.ReleasePart{Path: path, Value: value})
}

func (r *reading) say(reason v1alpha1.Reason, field string, err error) {
	r.problems = append(r.problems, v1alpha1.Problem{Reason: reason, Field: field, Message: err.Error()})
}

// miss says that a part could not be had.
func (r *reading) miss(field string, err error) {
	r.unknown = true
	r.say(v1alpha1.ReasonInvalidValues, field, err)
}
