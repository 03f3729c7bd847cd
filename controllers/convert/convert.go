// Package convert turns Flux's objects into what the pins are planned from.
package convert

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/policy"
)

// Namespace converts a Namespace; its metadata is enough.
func Namespace(o metav1.Object) pin.Namespace {
	return pin.Namespace{
		Name: o.GetName(), UID: string(o.GetUID()), Sync: syncOf(o), UnknownAnnotations: unknownAnnotations(o, v1alpha1.SyncAnnotation),
	}
}

// Policy converts an ImagePolicy.
func Policy(o *flux.ImagePolicy) link.Policy {
	repository := &o.Spec.ImageRepositoryRef
	p := link.Policy{
		Name: nameOf(o), Rules: rulesOf(&o.Spec), IsChanged: isLater(o.Generation, o.Status.ObservedGeneration),
		Repository: object.Name{Namespace: cmp.Or(repository.Namespace, o.Namespace), Name: repository.Name},
	}
	if latest := o.Status.LatestRef; latest != nil {
		p.LatestImage, p.LatestTag, p.LatestDigest = latest.Name, latest.Tag, latest.Digest
	}
	if ready := o.Status.Conditions.Ready(); ready != nil {
		p.IsChanged = p.IsChanged || isLater(o.Generation, ready.ObservedGeneration) // the status may be of now though it is suspended
		if ready.Status == metav1.ConditionFalse {
			p.NotReady = cmp.Or(ready.Message, ready.Reason)
		}
	}
	return p
}

// isLater reports whether a generation is another one than that which was observed, if any was.
func isLater(generation, observed int64) bool { return observed != 0 && observed != generation }

// Repository converts an ImageRepository.
func Repository(o *flux.ImageRepository) link.Repository {
	return link.Repository{Name: nameOf(o), Image: o.Spec.Image}
}

func rulesOf(spec *flux.ImagePolicySpec) policy.Rules {
	var rules policy.Rules
	if spec.FilterTags != nil {
		rules.Pattern, rules.Extract = spec.FilterTags.Pattern, spec.FilterTags.Extract
	}
	if spec.Policy.SemVer != nil {
		rules.SemVer = spec.Policy.SemVer.Range
	}
	rules.Numerical = spec.Policy.Numerical != nil
	return rules
}

func nameOf(o metav1.Object) object.Name {
	return object.Name{Namespace: o.GetNamespace(), Name: o.GetName()}
}

// maxUnknownAnnotations is how many names of unknown annotations are kept of an object.
const maxUnknownAnnotations = 5

// unknownAnnotations returns the names of an object's annotations that are pinsync's by their name and not
// among those that are known.
func unknownAnnotations(o metav1.Object, known ...string) string {
	var names []string
	for name := range o.GetAnnotations() {
		if strings.HasPrefix(name, v1alpha1.Group+"/") && !slices.Contains(known, name) {
			names = append(names, image.Shorten(name))
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	text := strings.Join(names[:min(len(names), maxUnknownAnnotations)], ", ")
	if more := len(names) - maxUnknownAnnotations; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func syncOf(o metav1.Object) *string {
	value, ok := o.GetAnnotations()[v1alpha1.SyncAnnotation]
	if !ok {
		return nil
	}
	return &value
}
