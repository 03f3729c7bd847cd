package convert

import (
	"encoding/json"
	"errors"
	"strings"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/meta"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Values are the parts of a HelmRelease that are searched for images.
type Values struct {
	namespace     string
	values        *apiextensionsv1.JSON
	valuesFrom    []meta.ValuesReference
	postRenderers []helmv2.PostRenderer
	// valuesFiles reports that the chart's source has files with values.
	valuesFiles bool
}

// ValuesOf returns the values and post-renderers of a HelmRelease.
func ValuesOf(o *flux.HelmRelease) *Values {
	return &Values{
		namespace: o.Namespace, values: o.Spec.Values, valuesFrom: o.Spec.ValuesFrom, postRenderers: o.Spec.PostRenderers,
		valuesFiles: o.Spec.Chart != nil && len(o.Spec.Chart.Spec.ValuesFiles) > 0,
	}
}

// Namespace is the release's.
func (c *Values) Namespace() string { return c.namespace }

// ValuesRef names what values come from.
type ValuesRef struct {
	Kind string
	Name object.Name
}

// Refs are the objects that values come from besides the release itself, in order; none where they are
// too many to be read.
func (c *Values) Refs() []ValuesRef {
	if len(c.valuesFrom) > budget.Sources {
		return nil
	}
	refs := make([]ValuesRef, len(c.valuesFrom))
	for i := range c.valuesFrom {
		refs[i] = c.ref(i)
	}
	return refs
}

func (c *Values) ref(i int) ValuesRef {
	return ValuesRef{c.valuesFrom[i].Kind, object.Name{Namespace: c.namespace, Name: c.valuesFrom[i].Name}}
}

// Size returns how many bytes are read to find the images, with what is merged again for each entry
// of valuesFrom, as far as the budget of a release goes.
func (c *Values) Size(lookUp LookUpValues) int {
	work := newWork(c)
	for _, renderer := range c.postRenderers {
		if renderer.Kustomize == nil {
			continue
		}
		work.done += len(renderer.Kustomize.Images) * budget.PatchBytes
		for i := range renderer.Kustomize.Patches {
			patch := renderer.Kustomize.Patches[i].Patch
			work.done += len(patch) + (1+strings.Count(patch, "\n---"))*budget.PatchBytes
		}
	}
	for i, ref := range c.Refs() {
		if !work.take(len(lookUp(ref).Data[c.valuesFrom[i].GetValuesKey()])) {
			break
		}
	}
	return min(work.done+work.size, budget.ValuesBytes)
}

// Bytes returns how many bytes of memory the values take as they are kept, without those of other objects.
func (c *Values) Bytes() int {
	bytes := 0
	if c.values != nil {
		bytes = len(c.values.Raw)
	}
	for _, part := range []any{c.valuesFrom, c.postRenderers} {
		text, _ := json.Marshal(part) // they were read from JSON
		bytes += len(text)
	}
	return bytes
}

// IsSmall reports whether the values are kept without being counted.
func (c *Values) IsSmall() bool { return c.Bytes() <= budget.FreeBytes }

// BytesOf returns how many bytes of memory what was found in a release takes.
func BytesOf(images *pin.ReleaseImages) int {
	return (len(images.Mentions) + len(images.Problems)) * budget.MentionBytes
}

// countValues returns how many values there are in one, each of which is looked at.
func countValues(value any) int {
	count := 1
	switch value := value.(type) {
	case map[string]any:
		for _, child := range value {
			count += countValues(child)
		}
	case []any:
		for _, child := range value {
			count += countValues(child)
		}
	}
	return count
}

// Find looks for images in the effective values, for which it looks up those objects, and in
// the post-renderers.
func (c *Values) Find(lookUp LookUpValues) *pin.ReleaseImages {
	r := c.read(lookUp)
	if r.exceeded != nil {
		return pin.OverBudget(*r.exceeded)
	}
	found := pin.FindImages(r.parts)
	for _, part := range r.parts {
		found.Values += countValues(part.Value)
	}
	if r.hasSecret {
		found = quotable(found, pin.FindImages(c.read(withoutSecrets(lookUp)).parts))
	}
	found.Unknown = found.Unknown || r.unknown
	found.Problems = append(r.problems, found.Problems...)
	addPostImages(found, c.postRenderers)
	if len(found.Mentions) > budget.Mentions {
		return pin.OverBudget(v1alpha1.Problem{
			Reason: v1alpha1.ReasonOverBudget, Field: "spec.postRenderers", Message: budget.Exceeded(budget.Mentions, "images").Error(),
		})
	}
	return found
}

func (c *Values) read(lookUp LookUpValues) *reading {
	r := &reading{}
	if c.valuesFiles {
		r.say(v1alpha1.ReasonValuesNotRead, pin.ValuesFilesField,
			errors.New("these files of the chart's source are not read: an image that only they name is not pinned"))
	}
	r.addValues(c, lookUp)
	r.addPatches(c.postRenderers)
	return r
}

// reading is what was read of a release's values and post-renderers so far.
type reading struct {
	parts    []pin.ReleasePart
	unknown  bool
	problems []v1alpha1.Problem
	// hasSecret is set if some of the values come from a Secret.
	hasSecret bool
	// effective are the values that the chart gets.
	effective map[string]any
	// exceeded is which part of the budget does not suffice.
	exceeded *v1alpha1.Problem
}

func (r *reading) add(path string, value any) {
	r.parts = append(r.parts, pin.ReleasePart{Path: path, Value: value})
}

// say adds a problem.
func (r *reading) say(reason v1alpha1.Reason, field string, err error) {
	r.problems = append(r.problems, v1alpha1.Problem{Reason: reason, Field: field, Message: err.Error()})
}

// miss notes that a part could not be read, so that the images are not all known.
func (r *reading) miss(field string, err error) {
	r.unknown = true
	if !budget.IsExceeded(err) {
		r.say(v1alpha1.ReasonInvalidValues, field, err)
		return
	}
	r.say(v1alpha1.ReasonOverBudget, field, err)
	r.exceeded = &r.problems[len(r.problems)-1]
}
