package pin_test

import (
	"slices"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/link"
	"git.oleks.space/oleks/pinsync/internal/object"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
	"git.oleks.space/oleks/pinsync/internal/policy"
)

// id is that of a HelmRelease.
func id(namespace, name string) object.ID {
	return object.ID{Kind: object.HelmRelease, Name: object.Name{Namespace: namespace, Name: name}}
}

// imagesIn are the inputs of a release with these values.
func imagesIn(values any) pin.Inputs {
	return pin.Inputs{Images: pin.FindImages([]pin.ReleasePart{{Path: "spec.values", Value: values}})}
}

// suspended is a suspended release with one image.
func suspended(name, ref string) pin.Release {
	return pin.Release{ID: id("apps", name), Suspended: true, Inputs: imagesIn(map[string]any{"image": ref})}
}

// addPolicy adds a policy of an image.
func addPolicy(s *pin.Snapshot, namespace, name, image, tag string, rules policy.Rules) {
	repository := object.Name{Namespace: namespace, Name: strings.ReplaceAll(strings.ReplaceAll(image, "/", "-"), ".", "-")}
	if !slices.ContainsFunc(s.Repositories, func(r link.Repository) bool { return r.Name == repository }) {
		s.Repositories = append(s.Repositories, link.Repository{Name: repository, Image: image})
	}
	p := link.Policy{Name: object.Name{Namespace: namespace, Name: name}, Repository: repository, Rules: rules}
	if tag != "" {
		p.LatestImage, p.LatestTag = image, tag
	}
	s.Policies = append(s.Policies, p)
}

func lines(r *v1alpha1.PinReport) string { return pinlist.Lines(r.Pins) }

// fataler is a testing.T or a rapid.T.
type fataler interface {
	Helper()
	Fatal(args ...any)
}

func jsonOf(t fataler, r *v1alpha1.PinReport) string {
	t.Helper()
	text, err := pinlist.JSON(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

var _ fataler = (*testing.T)(nil)

// published is a list and its report as they are kept in ConfigMaps.
type published struct {
	list, report []pinlist.Object
	plan         string
}

// layout has room for everything in one object.
func layout() *pinlist.Layout {
	return &pinlist.Layout{Room: func(int) int { return 1 << 30 }}
}

// load returns what the objects say.
func (p *published) load(registries []pin.Registry) pin.Memory {
	return pinlist.Load("pins", p.list, p.report).Rename(registries)
}

// write writes the list, for a plan of that name.
func (p *published) writeList(t fataler, r *v1alpha1.PinReport, plan string) {
	t.Helper()
	objects, err := pinlist.Encode("pins", r.Pins, pinlist.Stamp{Plan: plan}, layout())
	if err != nil {
		t.Fatal(err)
	}
	p.list, p.plan = objects, plan
}

// writeReport writes the report on the list that was written last.
func (p *published) writeReport(t fataler, r *v1alpha1.PinReport) {
	t.Helper()
	of := *r
	of.List = pinlist.Reference(r.Pins, p.plan)
	encoded, err := pinlist.EncodeReport("pins", &of, layout())
	if err != nil {
		t.Fatal(err)
	}
	p.report = encoded.Objects
}

// handWritten is a list of one pin that somebody else has written, without annotations.
func handWritten() published {
	return published{list: []pinlist.Object{{Name: "pins", Data: map[string]string{v1alpha1.PinsKey: "container/web==v1\n"}}}}
}
